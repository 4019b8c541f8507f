import Aggregation
import Commands
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

/// Runs one node until SIGTERM.
package func run(_ node: LoadedNode) throws(Failure) {
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
