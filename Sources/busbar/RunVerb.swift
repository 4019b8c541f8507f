import Aggregation
import Configuration
import Consensus
import Cryptography
import Drivers
import HAL
import LinuxPlatform
import Metering
import Node
import Packets
import Paillier
import Units
import Wire

/// A node's machine: its socket, its journal, its generator, its published folder.
struct LinuxHost: ~Copyable, NodeHost {
  var socket: UDPSocket
  var outgoing: DatagramBatch
  var journal: FileJournal
  var cells: FileCells
  var random = SecureRandom()
  let published: PublishedFolder?
  /// Where packet keys are written, for whoever reads captured traffic; nil, as a rule, writes none.
  let packetKeyLog: String?

  mutating func packetKeyMade(_ seed: borrowing SecretBytes, number: UInt32, bootCounter: UInt64) {
    guard let packetKeyLog else { return }
    let line = "\(bootCounter) \(number) \(Hexadecimal.string(seed.span))"
    do throws(PlatformError) { try Files.appendLine(line, to: packetKeyLog, isSecret: true) } catch {
      printDiagnostic(describeSecret(packetKeyLog, error))
    }
  }

  /// What waits to be sent was sent behind entries that are not durable yet.
  private(set) var mustSync = false
  /// Of a sync that became due where none could be thrown; nothing is sent any more.
  private var failure: PlatformError?
  private(set) var syncCount: UInt64 = 0
  private var compaction = CompactionLimits()

  init(
    socket: consuming UDPSocket, outgoing: consuming DatagramBatch, journal: consuming FileJournal,
    cells: consuming FileCells, published: PublishedFolder?, packetKeyLog: String?
  ) {
    self.socket = socket
    self.outgoing = outgoing
    self.journal = journal
    self.cells = cells
    self.published = published
    self.packetKeyLog = packetKeyLog
  }

  mutating func send(_ datagram: Span<UInt8>, to endpoint: Endpoint) {
    if outgoing.isFull {
      do throws(PlatformError) { try commit() } catch { failure = error }
      flush()
    }
    guard failure == nil else { return }
    outgoing.append(to: endpoint) { out in out.write(datagram) }
  }
  /// Sends what waits and may leave; a socket that fails altogether fails again when it is read, which stops the node.
  mutating func flush() {
    guard failure == nil, !mustSync else { return }
    try? outgoing.flush(by: socket)
  }
  mutating func append(_ entry: Span<UInt8>) throws(PlatformError) { try journal.append(entry) }
  mutating func sync() throws(PlatformError) {
    if let failure { throw failure }
    // What was sent before does not wait for the disk.
    flush()
    mustSync = true
  }
  /// Makes durable what must be, and sends what waited for it. Called when all that came together was looked at.
  mutating func commit() throws(PlatformError) {
    if let failure { throw failure }
    guard mustSync else { return }
    try journal.sync()
    noteSync()
  }
  private mutating func noteSync() {
    syncCount += 1
    mustSync = false
    flush()
  }
  mutating func writeCell(_ bytes: Span<UInt8>, to place: CellPlace) throws(PlatformError) {
    try cells.write(bytes, to: place)
  }
  mutating func readCell(_ place: CellPlace) throws(PlatformError) -> [UInt8]? { try cells.read(place) }
  mutating func freeCell(_ place: CellPlace) throws(PlatformError) {
    // What says that it may go is durable first.
    try commit()
    try cells.free(place)
  }
  mutating func syncCells() throws(PlatformError) { try cells.sync() }
  mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) { try journal.reread(visit) }

  var isSnapshotDue: Bool {
    compaction.isDue(appended: journal.appendedBytes, snapshot: journal.snapshotBytes)
  }
  mutating func beginSnapshot() throws(PlatformError) {
    try commit()
    try journal.beginSnapshot()
  }
  mutating func appendToSnapshot(_ entry: Span<UInt8>) throws(PlatformError) { try journal.appendToSnapshot(entry) }
  mutating func copyIntoSnapshot(where isNeeded: (Span<UInt8>) -> Bool) throws(PlatformError) {
    try journal.copyIntoSnapshot(where: isNeeded)
  }
  mutating func commitSnapshot() throws(PlatformError) {
    try journal.commitSnapshot()
    noteSync()
  }
  mutating func publish(
    _ kind: Publication, period: Period, owner: ReplicaIndex, _ bytes: Span<UInt8>
  ) throws(PlatformError) {
    guard let published else { return }
    try commit()
    try published.makeDay(of: period)
    try Files.replace(published.file(kind, period, owner), with: bytes)
  }
  mutating func published(_ kind: Publication, period: Period, owner: ReplicaIndex) throws(PlatformError) -> [UInt8]? {
    guard let published else { return nil }
    let path = published.file(kind, period, owner)
    return Files.exists(path) ? try Files.read(path, limit: Self.maximumPublishedBytes) : nil
  }
  /// No file that is published is longer.
  private static let maximumPublishedBytes = 1 << 16
}

func loadGenesis(_ path: String) throws(Failure) -> Genesis {
  let bytes = try readFile(path)
  do throws(WireError) { return try Genesis(decoding: bytes.span) } catch { throw Failure("\(path): \(error)") }
}

func loadPublicKey(_ genesis: Genesis) throws(Failure) -> PublicKey {
  var quantities: [SlotQuantity] = []
  for code in genesis.slots {
    guard let quantity = SlotQuantity(rawValue: code) else { throw Failure("genesis: unknown quantity \(code)") }
    quantities.append(quantity)
  }
  let modulus = genesis.modulus
  do throws(PaillierError) { return try PublicKey(n: modulus.span, layout: SlotLayout(quantities)) } catch {
    throw Failure("genesis: \(error)")
  }
}

func describe(_ owner: JournalIdentity) -> String {
  let node = NodeIdentifier(owner.node)
  let network = "network \(owner.networkIdentifier)"
  if let index = node.aggregatorIndex { return "aggregator-\(index.rawValue + 1) in \(network)" }
  if let meter = node.meter { return "meter \(meter.index) of set \(meter.owner) in \(network)" }
  return node.isBookkeeper ? "bookkeeper-1 in \(network)" : "node \(owner.node) in \(network)"
}

/// Looks at the proof that a genesis carries. Cost: nine powers modulo n.
func proveModulus(_ genesis: Genesis, _ key: PublicKey, of path: String) throws(Failure) {
  do throws(ModulusRefusal) { try genesis.checkModulus(of: key) } catch { throw Failure("\(path): \(error)") }
}

/// Runs one node until SIGTERM.
func run(_ node: LoadedNode) throws(Failure) {
  ThisProcess.catchTermination()
  ThisProcess.forbidCoreDumps()
  // What members' libraries disagree about splits a group.
  guard CofactorlessCheck.passes else {
    throw Failure(
      "libsodium here checks signatures otherwise than 1.0.18, with the cofactor: others would count other votes")
  }
  let configuration = node.configuration
  let map = node.map
  let checked = try check(node)
  let name = checked.name
  let genesis = checked.genesis
  let warnings = checked.warnings
  _ = consume checked
  let publicKey = try loadPublicKey(genesis)
  let identity = try Identity(path: configuration.key)
  var journal = try openJournal(configuration, genesis)
  for warning in warnings { printDiagnostic("\(name): warning: \(warning)") }
  let start = firstPeriodBegins(genesis)
  if wallTime() < start { printDiagnostic("\(name): \(tellFirstPeriod(start, at: wallTime()))") }
  let socket = try openSocket(configuration)
  // Why the node stops, where it is no error of the system.
  var cause: Failure?
  do throws(PlatformError) {
    var boot = BootCounter()
    var verdict = ModulusVerdict(about: genesis)
    try journal.replay { entry in
      boot.visit(entry)
      verdict.visit(entry)
    }
    if let refusal = try verdict.prove(genesis, publicKey, in: &journal) {
      cause = modulusRefused(configuration, "\(configuration.genesis): \(refusal)")
      throw PlatformError(.invalid)
    }
    // Durable before the first send: no nonce is ever used twice. (DESIGN §5)
    let clock = LinuxClock(trustingWallClock: configuration.trustsClock)
    guard let counter = bootCounter(boot, clock) else { return }
    try BootCounter.begin(counter, of: identifier(configuration), in: &journal)
    var host = LinuxHost(
      socket: socket,
      outgoing: try DatagramBatch(datagramBytes: Sealer.maximumDatagramBytes), journal: journal,
      cells: FileCells(
        configuration.data + "/unpublished",
        cellBytes: AggregatorNode.cellBytes(genesis, ciphertextBytes: publicKey.ciphertextBytes)),
      published: configuration.published.map { PublishedFolder($0, genesis) }, packetKeyLog: configuration.packetKeyLog)
    let signer = SigningKey(seed: identity.signingSeed)
    let packetKey = SecretBytes(random: &host.random)
    host.packetKeyMade(packetKey, number: 1, bootCounter: counter)
    let sealer = Sealer(
      identifier: identifier(configuration).rawValue, agreementKey: AgreementKey(seed: identity.agreementSeed),
      packetKeySeed: packetKey, signer: signer, bootCounter: counter,
      run: RunIdentifier(random: &host.random), previousBootCounter: boot.last,
      networkIdentifier: genesis.networkIdentifier,
      epoch: genesis.epoch,
      peers: peers(configuration, genesis), packetKeyMilliseconds: configuration.packetKeySeconds * 1000)
    let startedAt = clock.monotonic()
    let told = StatusPlace(folder: configuration.data, node: name, firstPeriodBegins: start)
    var watch = ClockWatch(name: name)
    let runs = RunWatch(name: name)
    switch configuration.role {
    case .aggregator:
      // The sealer has agreed with everybody, and nobody else holds the genesis now: its agreement keys go.
      var node = AggregatorNode(
        genesis: (consume genesis).withoutAgreementKeys(), key: publicKey, index: ReplicaIndex(configuration.index),
        signer: signer, sealer: sealer, pacing: pacing(configuration))
      try host.reread { entry in node.restore(entry) }
      try loop(&host, clock, told) { (datagram, endpoint, now, host) throws(PlatformError) in
        try node.receive(datagram, from: endpoint, at: now, via: &host)
      } poll: { (now, host) throws(PlatformError) in
        if let due = node.nextPoll(after: now.monotonic), due <= now.monotonic { node.poll(at: now, via: &host) }
        return node.nextPoll(after: now.monotonic)
      } tick: { (now, host) throws(PlatformError) in
        try node.tick(at: now, via: &host)
        watch.tell(node.clockVerdict, at: now)
        cause = runs.tell(&node)
        if cause != nil { throw PlatformError(.busy) }
      } tell: { (now, machine, metrics) in
        metrics.add(node, name: name, startedAt: startedAt, now: now, machine: machine)
      }
    case .bookkeeper:
      let key: PrivateKey
      do throws(Failure) { key = try loadPaillierKey(configuration.data + "/paillier.key") } catch {
        cause = error
        throw PlatformError(.corrupted)
      }
      var node = BookkeeperNode(genesis: genesis, key: key, signer: signer, sealer: sealer)
      try host.reread { entry in node.restore(entry) }
      var unreadable = node.newestUnreadable
      try loop(&host, clock, told) { (datagram, endpoint, now, host) throws(PlatformError) in
        try node.receive(datagram, from: endpoint, at: now, via: &host)
      } poll: { (now, host) throws(PlatformError) in
        guard node.isSumWaiting else { return nil }
        try node.openOne(via: &host)
        return node.isSumWaiting ? now.monotonic : nil
      } tick: { (now, host) throws(PlatformError) in
        try node.tick(at: now, via: &host)
        watch.tell(node.clockVerdict, at: now)
        cause = runs.tell(&node)
        if cause != nil { throw PlatformError(.busy) }
        guard let newest = node.newestUnreadable, newest != unreadable else { return }
        unreadable = newest
        printDiagnostic(
          "\(name): the total of set \(newest.owner), position \(newest.position), period \(newest.period), cannot be read; "
            + "it is kept, and \(node.unreadableCount) are open")
      } tell: { (now, machine, metrics) in
        metrics.add(node, name: name, startedAt: startedAt, now: now, machine: machine)
      }
    case .meter:
      var node = MeterNode(
        genesis: genesis, encryptor: Encryptor(publicKey, using: &host.random),
        owner: ReplicaIndex(configuration.owner),
        index: MeterIndex(configuration.index), signer: signer,
        closingKey: SelfSealingKey(SecretBytes(copying: identity.closingSeed.span)), sealer: sealer)
      try host.reread { entry in node.restore(entry) }
      var reader = try EnergyReader(name, configuration, map, clock, resumingFrom: node.counters)
      var state = StateFile(configuration.data + "/state", node: name)
      var readAt: MonotonicTime?
      var deviceFailures: UInt64 = 0
      try loop(&host, clock, told) { (datagram, endpoint, now, host) throws(PlatformError) in
        try node.receive(datagram, from: endpoint, at: now, via: &host)
      } tick: { (now, host) throws(PlatformError) in
        if let recovered = node.takeRecoveredCounters() { reader.resume(from: recovered) }
        if let period = node.needsClosing(at: now) {
          let registers = reader.read()
          if let standing = reader.takeNews() { try node.keep(standing, via: &host) }
          if let registers {
            readAt = now.monotonic
            try node.close(period, registers, via: &host)
          } else {
            deviceFailures += 1
          }
        }
        try node.tick(at: now, via: &host)
        watch.tell(node.clockVerdict, at: now)
        cause = runs.tell(&node)
        if cause != nil { throw PlatformError(.busy) }
        state.tell(describe(node))
      } tell: { (now, machine, metrics) in
        metrics.add(node, name: name, startedAt: startedAt, now: now, machine: machine)
        metrics.counter("device_read_failures", "Reads of the meter that failed.", deviceFailures)
        metrics.counter(
          "device_rebases",
          "How often a counter of the meter was cleared or exchanged: what it counted then is lost.", reader.rebases)
        if let readAt {
          metrics.gauge(
            "device_last_read_age_seconds", "Since the meter was last read; absent before the first time.",
            decimal(now.monotonic.milliseconds(since: readAt), places: 3))
        }
      }
    }
  } catch {
    throw cause ?? Failure(configuration.data, error)
  }
}

private func pacing(_ configuration: NodeConfiguration) -> PacingLimits {
  // The parser refuses what the pacing cannot do.
  precondition(NodeConfiguration.linkBitsPerSecond == PacingLimits.linkBitsPerSecond)
  return configuration.linkBitsPerSecond.map { PacingLimits(linkBitsPerSecond: $0) } ?? PacingLimits()
}

/// This run's boot counter; waits for a synchronised clock if need be. Nil on SIGTERM.
private func bootCounter(_ boot: BootCounter, _ clock: LinuxClock) -> UInt64? {
  var isTold = false
  while !ThisProcess.isTerminated {
    if let counter = boot.next(at: now(clock)) { return counter }
    if !isTold { printDiagnostic("waiting for the clock to be synchronised: the journal is empty") }
    isTold = true
    clock.sleep(until: clock.monotonic().adding(milliseconds: 200))
  }
  return nil
}

/// activation, certified and newest registers: six numbers in milliwatt-hours, import before export; then the
/// period covered and the last one closed.
private func describe(_ node: borrowing MeterNode) -> String {
  guard let certified = node.certifiedRegisters, let latest = node.latest else { return "" }
  // A meter whose disk was lost knows its certified registers again, but not where it began.
  let activation = node.activation
  return
    "\(activation?.activeEnergyImport.value ?? -1) \(activation?.activeEnergyExport.value ?? -1) "
    + "\(certified.activeEnergyImport.value) \(certified.activeEnergyExport.value) "
    + "\(latest.activeEnergyImport.value) \(latest.activeEnergyExport.value) "
    + "\(node.coveredThrough.rawValue) \(node.lastClosed.rawValue)\n"
}

func identifier(_ configuration: NodeConfiguration) -> NodeIdentifier {
  switch configuration.role {
  case .aggregator: .aggregator(ReplicaIndex(configuration.index))
  case .bookkeeper: .bookkeeper
  case .meter: .meter(MeterIndex(configuration.index), of: ReplicaIndex(configuration.owner))
  }
}

/// Whom this node exchanges packets with, and where they are thought to be.
func peers(_ configuration: NodeConfiguration, _ genesis: Genesis) -> [Peer] {
  func guess(_ member: Int?) -> Endpoint? {
    let name = member.map { "aggregator-\($0 + 1)" } ?? "bookkeeper-1"
    return configuration.peers.first { $0.name == name }?.endpoint
  }
  if configuration.role == .aggregator { return aggregatorPeers(Int(configuration.index), genesis, guess) }
  return genesis.aggregators.indices.map { memberPeer($0, genesis, guess) }
}

private func memberPeer(_ member: Int, _ genesis: Genesis, _ guess: (Int?) -> Endpoint?) -> Peer {
  Peer(
    identifier: NodeIdentifier.aggregator(ReplicaIndex(UInt16(member))).rawValue,
    agreementKey: genesis.aggregators[member].agreementKey, endpoint: guess(member))
}

/// Whom an aggregator exchanges packets with, by identifier.
/// - Parameter guess: where a member is thought to be; nil asks for the bookkeeper.
func aggregatorPeers(_ own: Int, _ genesis: Genesis, _ guess: (Int?) -> Endpoint?) -> [Peer] {
  var result: [Peer] = []
  result.reserveCapacity(genesis.aggregators.count + genesis.meterCount)
  for member in genesis.aggregators.indices where member != own { result.append(memberPeer(member, genesis, guess)) }
  result.append(
    Peer(
      identifier: NodeIdentifier.bookkeeper.rawValue, agreementKey: genesis.bookkeeper.agreementKey,
      endpoint: guess(nil)))
  for set in 0..<genesis.members {
    let owner = ReplicaIndex(set)
    for meter in 0..<genesis.meterCount(of: owner) {
      let index = MeterIndex(meter)
      result.append(
        Peer(
          identifier: NodeIdentifier.meter(index, of: owner).rawValue,
          agreementKey: genesis.agreementKey(index, of: owner), endpoint: nil, isQuiet: true))
    }
  }
  return result
}

/// A meter's registers, for people and the demo to read. It only tells: the journal has what counts, so a file that cannot be written stops
/// nothing, and is tried again with the next change.
private struct StateFile {
  private let path: String
  private let node: String
  private var written = ""
  private var isFailing = false

  init(_ path: String, node: String) {
    self.path = path
    self.node = node
  }

  mutating func tell(_ state: String) {
    guard state != written else { return }
    written = state
    let text = Array(state.utf8)
    do throws(PlatformError) {
      try Files.replace(path, with: text.span, mode: 0o600)
      isFailing = false
    } catch {
      // Once, and not with every period.
      if !isFailing { printDiagnostic("\(node): \(path) cannot be written (\(error)); the node goes on") }
      isFailing = true
    }
  }
}

/// Where a node's own numbers go: a socket, and a file for Prometheus' node exporter.
struct StatusPlace {
  static let socketName = "status.socket"
  /// How often the file is written. It is not synced: it is worth nothing after a crash.
  static let fileMilliseconds: UInt64 = 5000
  let folder: String
  let node: String
  let firstPeriodBegins: CivilTime
  var file: String { "\(folder)/\(node).prom" }

  /// What the group says of itself, whatever the role.
  func tell(_ metrics: Metrics) {
    metrics.gauge(
      Self.firstPeriodMetric, "When the group's first period begins, since 1970.", "\(firstPeriodBegins.seconds)")
  }
  static let firstPeriodMetric = "first_period_start_seconds"
}

/// Datagrams that come faster than any group sends them. One at a time, each would cost a wake-up, which is dearer than all that
/// is done with what is dropped; so under a flood a node looks once a millisecond.
private struct FloodGauge {
  private static let windowMilliseconds: UInt64 = 10
  /// 5,000 a second: 50 Mb/s of records are as many.
  private static let windowCount = 50
  private var windowStart = MonotonicTime(nanoseconds: 0)
  private var count = 0
  private(set) var isFlooded = false

  mutating func note(_ received: Int, at now: MonotonicTime) {
    count += received
    guard now.milliseconds(since: windowStart) >= Self.windowMilliseconds else { return }
    isFlooded = count > Self.windowCount && now.milliseconds(since: windowStart) < 2 * Self.windowMilliseconds
    windowStart = now
    count = 0
  }
}

private func loop(
  _ host: inout LinuxHost, _ clock: LinuxClock, _ place: StatusPlace,
  receive: (Span<UInt8>, Endpoint, Instant, inout LinuxHost) throws(PlatformError) -> Void,
  poll: (Instant, inout LinuxHost) throws(PlatformError) -> MonotonicTime? = { _, _ in nil },
  tick: (Instant, inout LinuxHost) throws(PlatformError) -> Void,
  tell: (Instant, MachineStatistics, Metrics) -> Void
) throws(PlatformError) {
  let status = try LocalListener(folder: place.folder, name: StatusPlace.socketName)
  var incoming = try DatagramBatch(datagramBytes: Sealer.maximumDatagramBytes)
  var events = try EventLoop()
  try events.add(host.socket.fileDescriptor, tag: 0)
  try events.add(status.fileDescriptor, tag: 1)
  var nextFile = clock.monotonic()
  var nextTick = clock.monotonic()
  var nextPoll: MonotonicTime?
  var gauge = FloodGauge()
  while !ThisProcess.isTerminated {
    let ready = try events.wait(until: min(nextTick, nextPoll ?? nextTick))
    if ready & 2 != 0 {
      status.answer {
        let text = StatusText()
        let metrics = Metrics(node: place.node, as: .json) { text.append($0) }
        place.tell(metrics)
        tell(now(clock), machineStatistics(host, incoming), metrics)
        metrics.end()
        return text.bytes
      }
    }
    if gauge.isFlooded { clock.sleep(until: clock.monotonic().adding(milliseconds: 1)) }
    // At most this many batches between two ticks: a flood must not stop time.
    for _ in 0..<8 {
      try incoming.receive(from: host.socket)
      let moment = now(clock)
      gauge.note(incoming.count, at: moment.monotonic)
      for place in 0..<incoming.count {
        try receive(incoming.datagram(place), incoming.source(place), moment, &host)
      }
      try host.commit()
      guard incoming.count == DatagramBatch.slots else { break }
    }
    if clock.monotonic() >= nextTick {
      try tick(now(clock), &host)
      try host.commit()
      nextTick = clock.monotonic().adding(milliseconds: 100)
      if nextTick >= nextFile {
        nextFile = clock.monotonic().adding(milliseconds: StatusPlace.fileMilliseconds)
        writeFile(place, now(clock), machineStatistics(host, incoming), tell)
      }
    }
    nextPoll = try poll(now(clock), &host)
    try host.commit()
    host.flush()
  }
  writeFile(place, now(clock), machineStatistics(host, incoming), tell)
  try? Files.remove("\(place.folder)/\(StatusPlace.socketName)")
}

private func machineStatistics(_ host: borrowing LinuxHost, _ incoming: borrowing DatagramBatch) -> MachineStatistics {
  var machine = MachineStatistics()
  machine.lostDatagrams = host.outgoing.lostCount
  machine.unsendableDatagrams = host.outgoing.unsendableCount
  machine.oversizedDatagrams = incoming.oversizedCount
  machine.sendHighWater = host.outgoing.highWater
  machine.receiveHighWater = incoming.highWater
  machine.residentKilobytes = ThisProcess.residentKilobytes
  machine.peakResidentKilobytes = ThisProcess.peakResidentKilobytes
  return machine
}

/// An answer that is put together from pieces.
private final class StatusText {
  private(set) var bytes: [UInt8] = []
  func append(_ piece: Span<UInt8>) { for index in 0..<piece.count { bytes.append(piece[index]) } }
}

/// Notes that a piece of a file could not be written.
private final class WriteFailure {
  var error: PlatformError?
}

/// A full disk must not stop a node for a file that only tells of it: the journal decides that.
private func writeFile(
  _ place: StatusPlace, _ now: Instant, _ machine: MachineStatistics,
  _ tell: (Instant, MachineStatistics, Metrics) -> Void
) {
  try? Files.replace(place.file, isDurable: false) { (file) throws(PlatformError) in
    let failure = WriteFailure()
    let metrics = Metrics(node: place.node, as: .prometheus) { piece in
      do throws(PlatformError) { try file.write(piece) } catch { failure.error = error }
    }
    place.tell(metrics)
    tell(now, machine, metrics)
    metrics.end()
    // Half a file is worse than an old one.
    if let error = failure.error { throw error }
  }
}

func now(_ clock: LinuxClock) -> Instant {
  Instant(monotonic: clock.monotonic(), wall: clock.wall(), clock: clock.state())
}

/// What came of asking a meter.
private enum MeterAnswer {
  /// It is left alone for a while.
  case notAsked
  case doubtful
  case read(CounterRegisters)

  init(_ accepted: CounterRegisters?) { self = accepted.map { .read($0) } ?? .doubtful }
}

/// A meter behind a port, which is opened for each reading; a network connection is kept while readings succeed.
private struct PortMeter: ~Copyable, PortUser {
  /// A gateway that is switched off must not hold the node up for longer.
  private static let connectMilliseconds: UInt64 = 1_000

  private let line: DeviceLine
  private var meter: ScheduledMeter
  private var answer = MeterAnswer.notAsked
  private var wasOpened = false
  /// Open since an earlier reading.
  private var kept: TCPConnection?
  /// The one that this reading uses.
  private var connection: TCPConnection?

  init(_ line: DeviceLine, _ meter: consuming ScheduledMeter) {
    self.line = line
    self.meter = meter
  }

  mutating func read(_ clock: LinuxClock) throws(DriverError) -> MeterAnswer {
    answer = .notAsked
    wasOpened = false
    guard meter.isDue(clock.monotonic()) else { return .notAsked }
    let line = line
    do throws(DriverError) {
      try line.open(for: &self, clock: clock, connectMilliseconds: Self.connectMilliseconds, kept: kept)
    } catch {
      if !wasOpened { meter.portFailed(clock.monotonic()) }
      kept = nil
      connection = nil
      throw error
    }
    kept = connection
    return answer
  }

  mutating func use<P: Port & ~Copyable, C: Clock>(
    _ port: consuming P, _ clock: C, _ settings: LinkSettings
  ) throws(DriverError) {
    wasOpened = true
    answer = MeterAnswer(try meter.read(port: port, clock: clock, isKept: kept != nil))
  }

  mutating func guarded() -> GuardedCounters { meter.counters }
  mutating func takeNews() -> CountersStanding? { meter.takeNews() }
  mutating func resume(from standing: CountersStanding) { meter.resume(from: standing) }
  mutating func connected(_ connection: TCPConnection) { self.connection = connection }

  /// It would be told at each reading; `check-config` and `doctor` are for that.
  mutating func warn(_ warning: String) {}
}

/// A power sensor of the board itself.
private struct SensorMeter {
  private let root: String
  private let device: String
  var counters: GuardedCounters
  private var backOff = BackOff(
    firstMilliseconds: ScheduledMeter.doubtMilliseconds, longestMilliseconds: ScheduledMeter.longestDoubtMilliseconds)

  init(root: String, device: String, counters: GuardedCounters) {
    self.root = root
    self.device = device
    self.counters = counters
  }

  mutating func read(_ clock: LinuxClock) throws(DriverError) -> MeterAnswer {
    guard clock.monotonic() >= backOff.end else { return .notAsked }
    var meter = SysfsMeter(tree: SysfsTree(root: root), clock: clock, name: device)
    do throws(DriverError) {
      if let accepted = counters.accept(try meter.readEnergy()) {
        backOff.succeed()
        return .read(accepted)
      }
    } catch {
      backOff.fail(clock.monotonic())
      throw error
    }
    backOff.fail(clock.monotonic())
    return .doubtful
  }
}

/// The energy registers of whatever meter the configuration names, as far as they can be believed.
///
/// A meter that fails is left alone for a while, so that the node's other work goes on; see ``ScheduledMeter``.
private struct EnergyReader: ~Copyable {
  /// Three phases of 100 A.
  private static let defaultRatedPowerWatts: Int64 = 69_000

  private let node: String
  private let clock: LinuxClock
  private var port: PortMeter?
  private var sensor: SensorMeter?
  private var told = ""
  /// Counters that variants of the device are sold without.
  private let isImportOptional: Bool
  private let isExportOptional: Bool
  /// Readings whose changes were told.
  private var toldReadings: UInt64 = 0
  /// How often a counter got a new base.
  private(set) var rebases: UInt64 = 0

  /// - Parameter standing: what was kept of the counters before a restart.
  init(
    _ node: String, _ configuration: NodeConfiguration, _ map: DeviceMap?, _ clock: LinuxClock,
    resumingFrom standing: CountersStanding?
  ) throws(PlatformError) {
    self.node = node
    self.clock = clock
    isImportOptional = map?.isOptional(.activeEnergyImport) ?? false
    isExportOptional = map?.isOptional(.activeEnergyExport) ?? false
    port = nil
    sensor = nil
    switch configuration.source {
    case .modbus(let given):
      guard let map, let mode = SerialPort.Parity(name: given.parity) else { throw PlatformError(.notFound) }
      var rule = map.counter
      if let watts = configuration.ratedPowerWatts { rule.ratedPowerMilliwatts = watts * 1_000 }
      let line = DeviceLine(
        place: given.port, baud: given.baud, parity: mode, map: map, timeoutMilliseconds: given.timeoutMilliseconds,
        connectDelayMilliseconds: given.connectDelayMilliseconds)
      let wanted = WantedDevice(
        model: given.model, instance: given.instance, serialNumber: given.serialNumber.map { Array($0.utf8) })
      port = PortMeter(
        line,
        ScheduledMeter(
          map: map, unit: given.unit ?? map.unit, wanted: wanted, transport: line.settings.transport,
          timing: line.timing,
          counters: Self.counters(rule, standing), start: clock.monotonic()))
    case .sysfs(let root, let device):
      let watts = configuration.ratedPowerWatts ?? Self.defaultRatedPowerWatts
      // A reading is rounded to whole mWh.
      let rule = CounterRule(ratedPowerMilliwatts: watts * 1_000, quantumMilliwattHours: 1)
      sensor = SensorMeter(root: root, device: device, counters: Self.counters(rule, standing))
    case nil: break
    }
  }

  private static func counters(_ rule: CounterRule, _ standing: CountersStanding?) -> GuardedCounters {
    var counters = GuardedCounters(rule)
    if let standing { counters.resume(from: standing) }
    return counters
  }

  mutating func resume(from standing: CountersStanding) {
    if port != nil { port!.resume(from: standing) }
    if sensor != nil { sensor!.counters.resume(from: standing) }
  }

  /// What must be durable before what was read is used.
  mutating func takeNews() -> CountersStanding? {
    if port != nil { return port!.takeNews() }
    if sensor != nil { return sensor!.counters.takeNews() }
    return nil
  }

  /// - Returns: nil when there is no reading; while the meter is left alone a call costs nothing.
  mutating func read() -> EnergyRegisters? {
    do throws(DriverError) {
      switch try answer() {
      case .notAsked: return nil
      case .doubtful:
        tellChanges()
        if let doubt = firstDoubt() { tell("the meter is not believed: \(doubt)") }
        return nil
      case .read(let registers):
        tell("")
        tellChanges()
        return EnergyRegisters(
          activeEnergyImport: registers.importEnergy, activeEnergyExport: registers.exportEnergy)
      }
    } catch {
      tellChanges()
      tell("the meter cannot be read: \(error)")
      return nil
    }
  }

  private mutating func guarded() -> GuardedCounters? {
    if port != nil { return port!.guarded() }
    return sensor?.counters
  }

  private mutating func firstDoubt() -> String? {
    guard let counters = guarded() else { return nil }
    let (imported, exported) = (counters.importOutcome, counters.exportOutcome)
    if case .suspect(let suspicion) = imported, let text = CounterNews.doubt("import", suspicion) { return text }
    if case .suspect(let suspicion) = exported, let text = CounterNews.doubt("export", suspicion) { return text }
    return nil
  }

  /// What happens to a counter once is said once.
  private mutating func tellChanges() {
    guard let counters = guarded(), counters.readings != toldReadings else { return }
    toldReadings = counters.readings
    rebases = counters.rebases
    tellChange("import", counters.importOutcome, isImportOptional)
    tellChange("export", counters.exportOutcome, isExportOptional)
  }

  private func tellChange(_ name: String, _ outcome: CounterOutcome?, _ isOptional: Bool) {
    guard let outcome, let text = CounterNews.change(name, outcome, isOptional: isOptional) else { return }
    printDiagnostic("\(node): \(text)")
  }

  private mutating func answer() throws(DriverError) -> MeterAnswer {
    if port != nil { return try port!.read(clock) }
    if sensor != nil { return try sensor!.read(clock) }
    return .notAsked
  }

  /// Says what is wrong with the meter, and that it is over; not again what was said already.
  private mutating func tell(_ news: String) {
    if news == told { return }
    printDiagnostic(news.isEmpty ? "the meter answers again" : news)
    told = news
  }
}
