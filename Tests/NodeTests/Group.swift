import Aggregation
import Consensus
import Cryptography
import HAL
import Metering
import Node
import Packets
import Paillier
import SimulatedPlatform
import Units
import Wire

/// A crash that comes after a chosen number of a node's doings: journal appends, syncs, publications, sends.
final class Fuse {
  /// Doings left; nil never blows.
  var remaining: Int?
  var count = 0
  var isBlown: Bool { remaining == 0 }

  /// False once blown: what was to be done is not done.
  func burn() -> Bool {
    guard let left = remaining else {
      count += 1
      return true
    }
    guard left > 0 else { return false }
    remaining = left - 1
    count += 1
    return true
  }
}

/// What left the group for the world.
final class Published {
  var certificates: [String: [UInt8]] = [:]
  /// Of those, what the bookkeeper wrote.
  var own: [String: [UInt8]] = [:]
  var unreadable: [String: [UInt8]] = [:]
  /// Files the bookkeeper wrote, by name with suffix: how often.
  var written: [String: Int] = [:]
  var sums: [String: [UInt8]] = [:]
  /// Files that were published twice with other bytes.
  var changed: [String] = []
}

/// What lies between the nodes of a group, as far as a test looks at it or hurts it.
final class Wires {
  /// Pairs of nodes that do not hear each other, the lower identifier first.
  private var cuts: Set<[UInt32]> = []
  /// Datagrams from aggregator to aggregator that left, by type.
  private(set) var amongMembers: [PacketType: Int] = [:]
  /// Told of each datagram that leaves, by its header.
  var onSend: ((PacketHeader) -> Void)?

  func setCut(_ isCut: Bool, between one: Party, and other: Party) {
    let pair = [min(one.rawValue, other.rawValue), max(one.rawValue, other.rawValue)]
    if isCut { cuts.insert(pair) } else { cuts.remove(pair) }
  }
  func forgetCounts() { amongMembers = [:] }

  /// False when it gets lost. The header is in the clear. (docs/PROTOCOL.md, PacketHeader)
  func carries(_ datagram: Span<UInt8>) -> Bool {
    var reader = WireReader(datagram)
    guard let header = try? PacketHeader(decoding: &reader) else { return true }
    onSend?(header)
    if header.sender < 64, header.receiver < 64 { amongMembers[header.type, default: 0] += 1 }
    return cuts.isEmpty || !cuts.contains([min(header.sender, header.receiver), max(header.sender, header.receiver)])
  }
}

struct TestHost: ~Copyable, NodeHost {
  var socket: SimulatedSocket
  var journal: MemoryJournal
  var cells: MemoryCells
  var random: SeededGenerator
  let published: Published
  let isBookkeeper: Bool
  let wires: Wires
  let fuse: Fuse
  /// What the journal held at the start, and this run's boot counter.
  let entries: [[UInt8]]
  let boot: UInt64
  let previousBoot: UInt64
  /// How often the journal was read again.
  private(set) var rereads = 0
  /// What is sent waits for the disk.
  private var mustSync = false
  private var held: [(bytes: [UInt8], endpoint: Endpoint)] = []
  /// How often the node asked for a sync, and how often the disk did one.
  private(set) var syncRequests = 0
  private(set) var syncs = 0
  private(set) var publications = 0
  /// Bytes of a segment from which on a snapshot is written; nil for never.
  let compactionBytes: UInt64?
  /// What the journal had before and after each snapshot.
  private(set) var snapshots: [(before: [[UInt8]], after: [[UInt8]], running: Restorable)] = []
  private var running: Restorable?
  private var before: [[UInt8]] = []

  init(
    socket: consuming SimulatedSocket, journal: consuming MemoryJournal, cells: consuming MemoryCells,
    random: SeededGenerator, published: Published, isBookkeeper: Bool, wires: Wires, fuse: Fuse, entries: [[UInt8]],
    boot: UInt64, previousBoot: UInt64, compactionBytes: UInt64?
  ) {
    self.socket = socket
    self.journal = journal
    self.cells = cells
    self.random = random
    self.published = published
    self.isBookkeeper = isBookkeeper
    self.wires = wires
    self.fuse = fuse
    self.entries = entries
    self.boot = boot
    self.previousBoot = previousBoot
    self.compactionBytes = compactionBytes
  }

  mutating func send(_ datagram: Span<UInt8>, to endpoint: Endpoint) {
    if mustSync { held.append((bytes: Array(copying: datagram), endpoint: endpoint)) } else { post(datagram, endpoint) }
  }
  private mutating func post(_ datagram: Span<UInt8>, _ endpoint: Endpoint) {
    if fuse.burn(), wires.carries(datagram) { try? socket.send(datagram, to: endpoint) }
  }
  mutating func append(_ entry: Span<UInt8>) throws(PlatformError) {
    guard fuse.burn() else { throw PlatformError(.other) }
    try journal.append(entry)
  }
  mutating func sync() throws(PlatformError) {
    syncRequests += 1
    mustSync = true
  }
  /// One sync for all that came together; then what waited for it leaves.
  mutating func commit() throws(PlatformError) {
    guard mustSync else { return }
    guard fuse.burn() else { throw PlatformError(.other) }
    try journal.sync()
    release()
  }
  private mutating func release() {
    syncs += 1
    mustSync = false
    for (bytes, endpoint) in held { post(bytes.span, endpoint) }
    held = []
  }

  var isSnapshotDue: Bool {
    guard let compactionBytes else { return false }
    return CompactionLimits(leastBytes: compactionBytes).isDue(
      appended: journal.appendedBytes, snapshot: journal.snapshotBytes)
  }
  mutating func beginSnapshot() throws(PlatformError) {
    try commit()
    guard fuse.burn() else { throw PlatformError(.other) }
    before = try all()
    try journal.beginSnapshot()
  }
  mutating func appendToSnapshot(_ entry: Span<UInt8>) throws(PlatformError) {
    guard fuse.burn() else { throw PlatformError(.other) }
    try journal.appendToSnapshot(entry)
  }
  mutating func copyIntoSnapshot(where isNeeded: (Span<UInt8>) -> Bool) throws(PlatformError) {
    guard fuse.burn() else { throw PlatformError(.other) }
    try journal.copyIntoSnapshot(where: isNeeded)
  }
  mutating func commitSnapshot() throws(PlatformError) {
    guard fuse.burn() else { throw PlatformError(.other) }
    try journal.commitSnapshot()
    if let running { snapshots.append((before: before, after: try all(), running: running)) }
    release()
  }
  mutating func compareSnapshot(with node: () -> Restorable) { running = node() }
  private mutating func all() throws(PlatformError) -> [[UInt8]] {
    var entries: [[UInt8]] = []
    try journal.reread { entry in entries.append(Array(copying: entry)) }
    return entries
  }

  /// The journal's entries of one kind, without its byte.
  mutating func entries(_ kind: EntryKind) -> [[UInt8]] {
    try! all().filter { $0[0] == kind.rawValue }.map { Array($0.dropFirst()) }
  }

  mutating func writeCell(_ bytes: Span<UInt8>, to place: CellPlace) throws(PlatformError) {
    guard fuse.burn() else { throw PlatformError(.other) }
    try cells.write(bytes, to: place)
  }
  mutating func readCell(_ place: CellPlace) throws(PlatformError) -> [UInt8]? { try cells.read(place) }
  mutating func freeCell(_ place: CellPlace) throws(PlatformError) {
    // What says that it may go is durable first.
    try commit()
    guard fuse.burn() else { throw PlatformError(.other) }
    try cells.free(place)
  }
  mutating func syncCells() throws(PlatformError) {
    guard fuse.burn() else { throw PlatformError(.other) }
    try cells.sync()
  }
  mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) {
    rereads += 1
    try journal.reread(visit)
  }
  mutating func publish(
    _ kind: Publication, period: Period, owner: ReplicaIndex, _ bytes: Span<UInt8>
  ) throws(PlatformError) {
    try commit()
    guard fuse.burn() else { throw PlatformError(.other) }
    publications += 1
    let name = "\(period)-\(owner)"
    let file = Array(copying: bytes)
    if isBookkeeper { published.written["\(name) \(kind)", default: 0] += 1 }
    switch kind {
    case .unreadable: published.unreadable[name] = file
    case .certificate:
      published.certificates[name] = file
      if isBookkeeper { published.own[name] = file }
    case .sum:
      if let earlier = published.sums[name], earlier != file { published.changed.append(name) }
      published.sums[name] = file
    }
  }
  mutating func published(_ kind: Publication, period: Period, owner: ReplicaIndex) throws(PlatformError) -> [UInt8]? {
    let name = "\(period)-\(owner)"
    return switch kind {
    case .certificate: published.own[name]
    case .sum: published.sums[name]
    case .unreadable: published.unreadable[name]
    }
  }
}

/// One party's secrets, which survive its process.
struct PartySeeds {
  var signing: FixedBytes<32>
  var agreement: FixedBytes<32>
  var closing: FixedBytes<32>

  init(_ generator: inout SeededGenerator) {
    func draw(_ generator: inout SeededGenerator) -> FixedBytes<32> {
      var bytes = FixedBytes<32>()
      for index in 0..<32 { bytes.storage[index] = UInt8(truncatingIfNeeded: generator.next()) }
      return bytes
    }
    signing = draw(&generator)
    agreement = draw(&generator)
    closing = draw(&generator)
  }

  static func secret(_ bytes: FixedBytes<32>) -> SecretBytes {
    var copy = bytes
    return SecretBytes(taking: &copy)
  }
  /// Of a run's first packet key: drawn at random elsewhere, here one for each run.
  func packetSeed(boot: UInt64) -> SecretBytes {
    var bytes = agreement
    for index in 0..<8 { bytes.storage[index] ^= 0x5A ^ UInt8(truncatingIfNeeded: boot >> UInt64(8 * index)) }
    return SecretBytes(taking: &bytes)
  }
  func signer() -> SigningKey { SigningKey(seed: Self.secret(signing)) }
  func agreementKey() -> AgreementKey { AgreementKey(seed: Self.secret(agreement)) }
  func publicKeys() -> PartyKeys {
    PartyKeys(verificationKey: signer().verificationKey, agreementKey: agreementKey().publicKey)
  }
}

final class AggregatorProcess {
  var node: AggregatorNode
  var host: TestHost
  init(_ node: consuming AggregatorNode, _ host: consuming TestHost) {
    self.node = node
    self.host = host
  }

  // `#expect` takes no noncopyable values apart.
  var isConfirmed: Bool { node.isConfirmed }
  func drops(_ reason: DropReason) -> UInt64 { node.drops(reason) }
  var checks: UInt64 { node.signatureChecks }
  var verdict: ClockVerdict { node.clockVerdict }
  func refusals(_ refusal: RecordRefusal) -> UInt64 { node.refusals(refusal) }
  func refusals(_ refusal: HeaderRefusal) -> UInt64 { node.refusals(refusal) }
  func refusals(_ refusal: Refusal) -> UInt64 { node.refusals(refusal) }
  /// Whether it signed something about a set's open position in its round, and that is of this period.
  func hasSigned(_ owner: Int, _ period: UInt64) -> Bool {
    let standing = node.standing(of: ReplicaIndex(UInt16(owner)))
    return standing.hasSigned && standing.round.period == Period(period)
  }
  func head(_ owner: Int) -> Digest { node.head(of: ReplicaIndex(UInt16(owner))) }
  func headPosition(_ owner: Int) -> UInt64 { node.headPosition(of: ReplicaIndex(UInt16(owner))).rawValue }
  func firstRound(_ owner: Int) -> Round { node.firstRound(of: ReplicaIndex(UInt16(owner))) }
  func headPeriod(_ owner: Int) -> UInt64 { node.headPeriod(ReplicaIndex(UInt16(owner))).rawValue }

  func entries(_ kind: EntryKind) -> [[UInt8]] { host.entries(kind) }

  /// What it ever signed, as far as its disk has it.
  var ownVotes: [Statement] {
    entries(.vote).map { entry in
      var reader = WireReader(entry.span)
      return try! Vote(decoding: &reader).statement
    }
  }
}

final class MeterProcess {
  var node: MeterNode
  var host: TestHost
  var verdict: ClockVerdict { node.clockVerdict }
  var isConfirmed: Bool { node.isConfirmed }
  func drops(_ reason: DropReason) -> UInt64 { node.drops(reason) }
  func isPromised(_ period: UInt64, by aggregator: UInt16) -> Bool {
    node.isPromised(for: Period(period), by: ReplicaIndex(aggregator))
  }
  init(_ node: consuming MeterNode, _ host: consuming TestHost) {
    self.node = node
    self.host = host
  }
}

final class BookkeeperProcess {
  var node: BookkeeperNode
  var host: TestHost

  func entries(_ kind: EntryKind) -> [[UInt8]] { host.entries(kind) }
  init(_ node: consuming BookkeeperNode, _ host: consuming TestHost) {
    self.node = node
    self.host = host
  }
}

/// What `make` of a group may be told.
struct GroupOptions {
  var metersPerSet = 4
  /// The sets after so many have no meters.
  var setsWithMeters = Group.members
  /// Of each set, so many meters measure exports too; nil for all.
  var exporters: Int?
  var maximumPowerWatts = GroupLimits.maximumPowerWatts.upperBound
  /// In 4 s not all views fit that may be needed: then the next period's primary has to do it. In 8 s they do.
  var periodSeconds: UInt64 = 4
  var exclusionPeriods = Genesis.standardExclusionPeriods
  /// So many sets can at once hold records of two periods, if not as many as the size of the group asks for.
  var spareBlocks: Int?
  var minimumContributors: UInt16 = 3
  var seed: UInt64 = 1
  var faults = NetworkFaults()
  var packetKeyMilliseconds = Sealer.defaultPacketKeyMilliseconds
  /// Bytes of a journal's segment from which on a snapshot is written; nil for never.
  var compactionBytes: UInt64?
  /// Of meters, if it is not the same.
  var meterKeyMilliseconds: UInt64?
}

/// Four aggregators, their meters and a bookkeeper in one process: real roles, packets, signatures and encryption, with
/// a simulated clock, network and disks.
final class Group {
  static let members = 4
  static let stepMilliseconds: UInt64 = 100

  /// 512 bits: small keys exist in tests only. Made once.
  static let keyFile: [UInt8] = {
    var generator = SeededGenerator(seed: 77)
    let key = try! PrivateKey(
      generatingBits: 512, layout: SlotLayout([.activeEnergyImport, .activeEnergyExport]), using: &generator,
      allowingSmallForTests: true)
    return [UInt8](capacity: key.encodedBytes) { out in key.encode(into: &out) }
  }()

  static let modulusProof = try! PrivateKey(decoding: keyFile.span, allowingSmallForTests: true).proveModulus()

  let options: GroupOptions
  let genesis: Genesis
  let key: PublicKey
  let clock: SimulatedClock
  let network: SimulatedNetwork
  let published = Published()
  let wires = Wires()
  let aggregatorSeeds: [PartySeeds]
  let meterSeeds: [[PartySeeds]]
  let bookkeeperSeeds: PartySeeds
  var aggregators: [AggregatorProcess?] = []
  var meters: [[MeterProcess?]] = []
  var bookkeeper: BookkeeperProcess?
  /// Disks outlive processes; by node name.
  var disks: [UInt32: MemoryDisk] = [:]
  var fuses: [UInt32: Fuse] = [:]
  /// Registers every house answered, in order: owner, index, registers.
  var answers: [[[EnergyRegisters]]]
  /// What a node's software speaks from its next start on, where it is not what all do.
  var versions: [Party: ClosedRange<UInt8>] = [:]
  /// Where a node is from its next start on, if it is not where everybody takes it to be.
  var places: [Party: Endpoint] = [:]
  /// Failures that stopped a process, for those that were not asked for.
  var failures: [String] = []

  init(_ options: GroupOptions = GroupOptions()) {
    self.options = options
    var generator = SeededGenerator(seed: options.seed)
    let key = try! PrivateKey(decoding: Self.keyFile.span, allowingSmallForTests: true)
    let modulus = [UInt8](capacity: key.publicKey.modulusBytes) { out in key.publicKey.writeModulus(into: &out) }
    let modulusProof = Self.modulusProof
    self.key = key.publicKey
    aggregatorSeeds = (0..<Self.members).map { _ in PartySeeds(&generator) }
    let counts = (0..<Self.members).map { $0 < options.setsWithMeters ? options.metersPerSet : 0 }
    meterSeeds = counts.map { count in (0..<count).map { _ in PartySeeds(&generator) } }
    bookkeeperSeeds = PartySeeds(&generator)
    genesis = Genesis(
      epoch: Epoch(1), group: GroupIndex(0), periodSeconds: UInt32(options.periodSeconds),
      minimumContributors: options.minimumContributors, rotates: true, exclusionPeriods: options.exclusionPeriods,
      firstPeriod: Period(1001),
      slots: [Quantity.activeEnergyImport.slotCode, Quantity.activeEnergyExport.slotCode], modulus: modulus,
      modulusProof: modulusProof, bookkeeper: bookkeeperSeeds.publicKeys(),
      aggregators: aggregatorSeeds.map { $0.publicKeys() },
      meters: meterSeeds.map { set in set.map { $0.publicKeys() } },
      registrations: counts.map { count in
        (0..<count).map { index in
          MeterRegistration(
            slots: index < options.exporters ?? options.metersPerSet ? 3 : 1,
            maximumPowerWatts: options.maximumPowerWatts)
        }
      })
    // A little before the first period.
    clock = SimulatedClock(wall: WallTime(nanoseconds: (1001 * options.periodSeconds - 1) * 1_000_000_000))
    network = SimulatedNetwork(seed: options.seed &+ 1, faults: options.faults)
    answers = counts.map { Array(repeating: [], count: $0) }
    aggregators = Array(repeating: nil, count: Self.members)
    meters = counts.map { Array(repeating: nil, count: $0) }
    for index in 0..<Self.members { startAggregator(index) }
    startBookkeeper()
    for owner in 0..<Self.members { for index in 0..<counts[owner] { startMeter(owner, index) } }
  }

  // MARK: Processes

  static func endpoint(_ identifier: Party) -> Endpoint {
    let raw = identifier.rawValue
    return Endpoint(ipv4: 10, UInt8(raw >> 16 & 255), UInt8(raw >> 8 & 255), UInt8(raw & 255), port: 7000)
  }

  private func makeHost(_ identifier: Party) -> TestHost {
    let disk = disks[identifier.rawValue] ?? MemoryDisk()
    disks[identifier.rawValue] = disk
    let fuse = Fuse()
    fuses[identifier.rawValue] = fuse
    var journal = try! MemoryJournal(
      disk, as: JournalIdentity(networkIdentifier: genesis.networkIdentifier, node: identifier.rawValue))
    var entries: [[UInt8]] = []
    var boot = BootCounter()
    try! journal.replay { entry in boot.visit(entry) }
    let counter = boot.next(at: now)!
    try! BootCounter.begin(counter, of: identifier, in: &journal)
    try! journal.reread { entry in entries.append(Array(copying: entry)) }
    return TestHost(
      socket: network.attach(places[identifier] ?? Self.endpoint(identifier)), journal: journal,
      cells: MemoryCells(
        disk.cells, cellBytes: AggregatorNode.cellBytes(genesis, ciphertextBytes: key.ciphertextBytes)),
      random: SeededGenerator(seed: options.seed &* 31 &+ UInt64(identifier.rawValue) &+ counter &* 1_000_003),
      published: published, isBookkeeper: identifier.isBookkeeper, wires: wires, fuse: fuse, entries: entries,
      boot: counter, previousBoot: boot.last, compactionBytes: options.compactionBytes)
  }

  /// Another one for each process.
  private var runs = SeededGenerator(seed: 9)
  private func makeRun() -> RunIdentifier { RunIdentifier(random: &runs) }

  func sealer(_ identifier: Party, _ seeds: PartySeeds, boot: UInt64, previousBoot: UInt64) -> Sealer {
    var peers: [Peer] = []
    func add(_ other: Party, _ keys: PartyKeys, known: Bool) {
      guard other != identifier else { return }
      peers.append(
        Peer(
          identifier: other.rawValue, agreementKey: keys.agreementKey, endpoint: known ? Self.endpoint(other) : nil,
          isQuiet: other.meter != nil))
    }
    for index in genesis.aggregators.indices {
      add(.aggregator(ReplicaIndex(UInt16(index))), genesis.aggregators[index], known: true)
    }
    if identifier.aggregatorIndex != nil {
      add(.bookkeeper, genesis.bookkeeper, known: true)
      let meters = genesis.meters
      for owner in meters.indices {
        for index in meters[owner].indices { add(Self.meterName(owner, index), meters[owner][index], known: false) }
      }
    }
    return Sealer(
      identifier: identifier.rawValue, agreementKey: seeds.agreementKey(),
      packetKeySeed: seeds.packetSeed(boot: boot), signer: seeds.signer(), bootCounter: boot,
      run: makeRun(),
      previousBootCounter: previousBoot,
      networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch, peers: peers,
      packetKeyMilliseconds: identifier.meter != nil
        ? options.meterKeyMilliseconds ?? options.packetKeyMilliseconds : options.packetKeyMilliseconds,
      versions: versions[identifier] ?? PacketHeader.versions)
  }

  static func aggregatorName(_ index: Int) -> Party { .aggregator(ReplicaIndex(UInt16(index))) }
  static func meterName(_ owner: Int, _ index: Int) -> Party {
    .meter(MeterIndex(UInt16(index)), of: ReplicaIndex(UInt16(owner)))
  }

  func startAggregator(_ index: Int) {
    let name = Self.aggregatorName(index)
    let host = makeHost(name)
    var node = AggregatorNode(
      genesis: genesis, key: key, index: ReplicaIndex(UInt16(index)), signer: aggregatorSeeds[index].signer(),
      sealer: sealer(name, aggregatorSeeds[index], boot: host.boot, previousBoot: host.previousBoot),
      spareBlocks: options.spareBlocks)
    for entry in host.entries { node.restore(entry.span) }
    aggregators[index] = AggregatorProcess(node, host)
  }

  func startMeter(_ owner: Int, _ index: Int) {
    let name = Self.meterName(owner, index)
    var host = makeHost(name)
    let seeds = meterSeeds[owner][index]
    var node = MeterNode(
      genesis: genesis, encryptor: Encryptor(key, using: &host.random), owner: ReplicaIndex(UInt16(owner)),
      index: MeterIndex(UInt16(index)), signer: seeds.signer(),
      closingKey: SelfSealingKey(PartySeeds.secret(seeds.closing)),
      sealer: sealer(name, seeds, boot: host.boot, previousBoot: host.previousBoot))
    for entry in host.entries { node.restore(entry.span) }
    meters[owner][index] = MeterProcess(node, host)
  }

  func startBookkeeper() {
    let host = makeHost(.bookkeeper)
    var node = BookkeeperNode(
      genesis: genesis, key: try! PrivateKey(decoding: Self.keyFile.span, allowingSmallForTests: true),
      signer: bookkeeperSeeds.signer(),
      sealer: sealer(.bookkeeper, bookkeeperSeeds, boot: host.boot, previousBoot: host.previousBoot))
    for entry in host.entries { node.restore(entry.span) }
    bookkeeper = BookkeeperProcess(node, host)
  }

  /// Power fails at one node: what was not synced is gone.
  func killAggregator(_ index: Int) {
    aggregators[index] = nil
    disks[Self.aggregatorName(index).rawValue]?.crash(keeping: 0)
  }
  func restartAggregator(_ index: Int) {
    killAggregator(index)
    startAggregator(index)
  }
  /// Its disk is lost, and another one is put in.
  func wipeAggregator(_ index: Int) {
    killAggregator(index)
    disks[Self.aggregatorName(index).rawValue] = nil
    startAggregator(index)
  }
  func killMeter(_ owner: Int, _ index: Int) {
    meters[owner][index] = nil
    disks[Self.meterName(owner, index).rawValue]?.crash(keeping: 0)
  }
  func restartMeter(_ owner: Int, _ index: Int) {
    killMeter(owner, index)
    startMeter(owner, index)
  }
  func killBookkeeper() {
    bookkeeper = nil
    disks[Party.bookkeeper.rawValue]?.crash(keeping: 0)
  }

  /// Cuts aggregators off from each other, or joins them; all else hears all.
  func setCut(_ isCut: Bool, among members: [Int]) {
    for one in members {
      for other in members where other > one {
        wires.setCut(isCut, between: Self.aggregatorName(one), and: Self.aggregatorName(other))
      }
    }
  }

  // MARK: Time

  /// Of nodes whose clocks are wrong: milliseconds ahead.
  var clockOffsets: [Party: Int64] = [:]
  var now: Instant { Instant(monotonic: clock.monotonic(), wall: clock.wall(), state: clock.state()) }
  func now(_ name: Party) -> Instant {
    var instant = now
    let offset = (clockOffsets[name] ?? 0) * 1_000_000
    instant.wall.nanoseconds = UInt64(max(0, Int64(instant.wall.nanoseconds) + offset))
    return instant
  }
  /// Every node's clock steps.
  func stepClocks(milliseconds: Int64) {
    clock.set(
      wall: WallTime(nanoseconds: UInt64(Int64(clock.wall().nanoseconds) + milliseconds * 1_000_000)),
      state: clock.state())
  }
  var period: UInt64 { now.period(ofSeconds: options.periodSeconds).rawValue }

  /// What a house's registers stand at: a function of time alone, so that a restarted meter reads the same house.
  func registers(_ owner: Int, _ index: Int) -> EnergyRegisters {
    let milliseconds = Int64(clock.monotonic().nanoseconds / 1_000_000)
    let house = Int64(owner * 16 + index + 1)
    return EnergyRegisters(
      activeEnergyImport: MilliwattHours(5_000_000 * house + milliseconds * (211 + 37 * house)),
      activeEnergyExport: MilliwattHours(9_000_000 * house + milliseconds * (17 * house)))
  }

  /// Everything that waits is delivered, everyone ticks, and 100 ms pass.
  func step() {
    for index in aggregators.indices {
      run(Self.aggregatorName(index)) { () throws(PlatformError) in
        if let process = self.aggregators[index] { try self.turn(process, at: self.now(Self.aggregatorName(index))) }
      }
    }
    run(.bookkeeper) { () throws(PlatformError) in
      if let process = self.bookkeeper { try self.turn(process, at: self.now(.bookkeeper)) }
    }
    for owner in meters.indices {
      for index in meters[owner].indices {
        run(Self.meterName(owner, index)) { () throws(PlatformError) in
          guard let process = self.meters[owner][index] else { return }
          let registers = self.registers(owner, index)
          let isRead = try self.turn(process, registers, at: self.now(Self.meterName(owner, index)))
          if isRead { self.answers[owner][index].append(registers) }
        }
      }
    }
    clock.advance(milliseconds: Self.stepMilliseconds)
  }

  /// What waits at a process is delivered, and it ticks.
  func turn(_ process: AggregatorProcess, at now: Instant) throws(PlatformError) {
    try deliver(process, at: now)
    try process.host.commit()
    try process.node.tick(at: now, via: &process.host)
    try process.host.commit()
  }
  func turn(_ process: BookkeeperProcess, at now: Instant) throws(PlatformError) {
    try deliver(process, at: now)
    try process.host.commit()
    try process.node.tick(at: now, via: &process.host)
    try process.host.commit()
  }
  /// - Returns: whether it read its house, which stood at these registers.
  @discardableResult
  func turn(
    _ process: MeterProcess, _ registers: EnergyRegisters, at now: Instant
  ) throws(PlatformError) -> Bool {
    try deliver(process, at: now)
    try process.host.commit()
    let period = process.node.needsClosing(at: now)
    if let period { try process.node.close(period, registers, via: &process.host) }
    try process.node.tick(at: now, via: &process.host)
    try process.host.commit()
    return period != nil
  }

  /// Runs one node's turn; a blown fuse or a failed disk ends its process.
  private func run(_ name: Party, _ turn: () throws(PlatformError) -> Void) {
    let fuse = fuses[name.rawValue]
    var died = false
    do throws(PlatformError) { try turn() } catch {
      died = true
      if fuse?.isBlown != true, disks[name.rawValue]?.nextFailure == nil { failures.append("\(name): \(error)") }
    }
    guard died || fuse?.isBlown == true else { return }
    if let index = name.aggregatorIndex {
      killAggregator(Int(index.rawValue))
    } else if let meter = name.meter {
      killMeter(Int(meter.owner.rawValue), Int(meter.index.rawValue))
    } else {
      killBookkeeper()
    }
  }

  private func deliver(_ process: AggregatorProcess, at now: Instant) throws(PlatformError) {
    var buffer = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
    while let sender = try receive(&process.host, &buffer) {
      try process.node.receive(buffer.span, from: sender, at: now, via: &process.host)
    }
  }
  private func deliver(_ process: MeterProcess, at now: Instant) throws(PlatformError) {
    var buffer = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
    while let sender = try receive(&process.host, &buffer) {
      try process.node.receive(buffer.span, from: sender, at: now, via: &process.host)
    }
  }
  private func deliver(_ process: BookkeeperProcess, at now: Instant) throws(PlatformError) {
    var buffer = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
    while let sender = try receive(&process.host, &buffer) {
      try process.node.receive(buffer.span, from: sender, at: now, via: &process.host)
    }
  }
  private func receive(_ host: inout TestHost, _ buffer: inout ByteBuffer) throws(PlatformError) -> Endpoint? {
    var sender: Endpoint?
    var failure: PlatformError?
    buffer.replace { out in
      do throws(PlatformError) { sender = try host.socket.receive(into: &out) } catch { failure = error }
    }
    if let failure { throw failure }
    return sender
  }

  func run(milliseconds: UInt64) {
    for _ in 0..<(milliseconds / Self.stepMilliseconds) { step() }
  }

  /// Runs until `condition`, at most `limit` periods.
  @discardableResult
  func run(untilAtMost limit: UInt64 = 12, _ condition: () -> Bool) -> Bool {
    for _ in 0..<(limit * options.periodSeconds * 1000 / Self.stepMilliseconds) {
      if condition() { return true }
      step()
    }
    return condition()
  }

  /// Runs to `milliseconds` behind the end of `period`.
  func run(toEndOf period: UInt64, plus milliseconds: UInt64 = 0) {
    let end = ((period + 1) * options.periodSeconds * 1000 + milliseconds) * 1_000_000
    while clock.wall().nanoseconds < end { step() }
  }
}
