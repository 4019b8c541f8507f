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

/// A whole group under one seed: the real code of every role, real packets, signatures and encryption, with a simulated
/// network, disks, clocks and liars. One thread.
public final class GroupWorld {
  /// Into three quarters of which two views fit.
  static let periodSeconds: UInt64 = 8
  static let tickMilliseconds: UInt64 = 100
  /// Datagrams move in rounds, of which a tick has this many.
  static let roundsPerTick = 4
  static let roundMilliseconds = tickMilliseconds / UInt64(roundsPerTick)
  /// Longest delay of a datagram in rounds, and so the length of the calendar.
  static let horizon = 512
  static let inboxLimit = 512
  static let minimumContributors: UInt16 = 3

  /// 512 bits: small keys exist in tests and simulations only. Made once.
  private static let keyFile: [UInt8] = {
    var generator = SeededGenerator(seed: 77)
    do throws(PaillierError) {
      let key = try PrivateKey(
        generatingBits: 512, layout: SlotLayout([.activeEnergyImport, .activeEnergyExport]), using: &generator,
        allowingSmallForTests: true)
      return [UInt8](capacity: key.encodedBytes) { out in key.encode(into: &out) }
    } catch { preconditionFailure("a seeded key is always found") }
  }()
  static func privateKey() -> PrivateKey {
    do throws(PaillierError) {
      return try PrivateKey(decoding: keyFile.span, allowingSmallForTests: true)
    } catch { preconditionFailure("the key was encoded by us") }
  }

  private static let modulusProof: ModulusProof = {
    do throws(PaillierError) { return try privateKey().proveModulus() } catch {
      preconditionFailure("a good key is proven")
    }
  }()

  let members: Int
  let metersPerSet: Int
  private(set) var periodSeconds: UInt64
  var ticksPerPeriod: Int { Int(periodSeconds * 1000 / Self.tickMilliseconds) }
  let faults: Int
  let quorum: Int
  let key: PublicKey
  var genesis: Genesis

  var schedule: GroupSchedule
  var swarm: GroupSwarm
  var dice: Dice
  var liarDice: Dice
  var outcome = GroupOutcome()
  var faultNumber = 0
  var tick = 0
  /// The round within the tick.
  private(set) var part = 0
  /// From this tick on members of a healthy group have nothing to say.
  var idleFrom: Int?
  /// When the outage ends, once it has begun.
  var outageEnd: Int?
  /// In a scenario: members that have lost their disks.
  var lostInTurn = 0
  /// In a scenario: the bookkeeper has stopped and is not to come back yet.
  var isBookkeeperAway = false
  /// In a scenario: before this tick no disk is replaced.
  var replaceAt = 0
  var round = 0
  var isHealed = false
  /// Aggregators do not hear each other.
  var isMuted = false
  var startMilliseconds: UInt64 = 0

  var parties: [GroupParty] = []
  /// Places by identifier: two for a twin.
  var places: [UInt32: [Int]] = [:]
  private let secrets: [PartySecrets]
  private let publicKeys: [PartyKeys]
  var calendar: [[Flight]] = Array(repeating: [], count: GroupWorld.horizon)
  /// By place: whose datagrams do not reach it.
  var blocked: [UInt64] = []
  private var buffer = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
  var books: GroupBooks
  /// Nil unless the group is attacked.
  private(set) var siege: SiegeBooks?
  /// Called with each thing that happens, for people to read.
  public var trace: ((String) -> Void)?

  /// A group of so many members with a set of meters each. Its Paillier key and its identities are the same in every
  /// world.
  /// - Precondition: one bit for each party, 4 to spare, fits into 64.
  public init(members: Int, metersPerSet: Int) {
    precondition(members * (1 + metersPerSet) + 4 <= 64, "one bit for each party")
    self.members = members
    self.metersPerSet = metersPerSet
    periodSeconds = Self.periodSeconds
    faults = (members - 1) / 3
    quorum = (members + faults + 2) / 2
    let privateKey = Self.privateKey()
    key = privateKey.publicKey
    var generator = SeededGenerator(seed: 7)
    secrets = (0...(members * (1 + metersPerSet))).map { _ in PartySecrets(&generator) }
    publicKeys = secrets.map { $0.publicKeys() }
    schedule = GroupSchedule(seed: 0, members: members, metersPerSet: metersPerSet, profile: .guided)
    var first = Dice(0)
    swarm = GroupSwarm(schedule, &first)
    dice = first
    liarDice = first
    genesis = Self.makeGenesis(publicKeys, key, members, metersPerSet, swarm, Self.modulusProof)
    books = GroupBooks(members: members)
  }

  private static func makeGenesis(
    _ keys: [PartyKeys], _ key: PublicKey, _ members: Int, _ metersPerSet: Int, _ swarm: GroupSwarm,
    _ proof: ModulusProof
  ) -> Genesis {
    let modulus = [UInt8](capacity: key.modulusBytes) { out in key.writeModulus(into: &out) }
    return Genesis(
      epoch: Epoch(1), group: GroupIndex(0), periodSeconds: UInt32(swarm.periodSeconds),
      minimumContributors: minimumContributors, rotates: true, exclusionPeriods: swarm.exclusionPeriods,
      firstPeriod: Period(swarm.firstPeriod),
      slots: [Quantity.activeEnergyImport.slotCode, Quantity.activeEnergyExport.slotCode], modulus: modulus,
      modulusProof: proof, bookkeeper: keys[members], aggregators: Array(keys[0..<members]),
      meters: (0..<members).map { owner in
        Array(keys[(members + 1 + owner * metersPerSet)..<(members + 1 + (owner + 1) * metersPerSet)])
      },
      registrations: Array(
        repeating: (0..<metersPerSet).map { index in
          MeterRegistration(
            slots: index < swarm.exporters ?? metersPerSet ? 3 : 1,
            maximumPowerWatts: GroupLimits.maximumPowerWatts.upperBound)
        }, count: members))
  }

  static func endpoint(_ identifier: Party) -> Endpoint {
    let raw = identifier.rawValue
    return Endpoint(ipv4: 10, UInt8(raw >> 16 & 255), UInt8(raw >> 8 & 255), UInt8(raw & 255), port: 7000)
  }
  static func identifier(_ endpoint: Endpoint) -> UInt32 {
    UInt32(endpoint.address[13]) << 16 | UInt32(endpoint.address[14]) << 8 | UInt32(endpoint.address[15])
  }

  func fail(_ violation: GroupViolation, _ detail: @autoclosure () -> String = "") {
    if outcome.violation == nil {
      outcome.violation = violation
      outcome.detail = detail()
      if let trace { trace("\(tick) VIOLATION \(violation.rawValue) \(outcome.detail)") }
    }
  }

  /// True when a fault may happen; every chance of one is numbered, so that shrinking can leave it out.
  func strikes() -> Bool {
    faultNumber += 1
    guard faultNumber <= schedule.faultLimit, !schedule.withoutFaults.contains(faultNumber) else { return false }
    outcome.faults += 1
    return true
  }

  // MARK: Preparing

  func name(ofPlace place: Int) -> Party {
    if place < members { return .aggregator(ReplicaIndex(UInt16(place))) }
    if place == members { return .bookkeeper }
    let meter = place - members - 1
    return .meter(MeterIndex(UInt16(meter % metersPerSet)), of: ReplicaIndex(UInt16(meter / metersPerSet)))
  }

  private func prepare(_ schedule: GroupSchedule) {
    precondition(schedule.members == members && schedule.metersPerSet == metersPerSet)
    self.schedule = schedule
    dice = Dice(schedule.seed &* 2 &+ 1)
    swarm = GroupSwarm(schedule, &dice)
    liarDice = Dice(schedule.seed ^ 0x5DEE_CE66_D1CE_CAFE)
    outcome = GroupOutcome()
    faultNumber = 0
    tick = 0
    part = 0
    round = 0
    isHealed = false
    isMuted = false
    periodSeconds = swarm.periodSeconds
    var proof = Self.modulusProof
    if schedule.scenario == .unprovenModulus {
      var roots = proof.roots
      roots[roots.count - 1] ^= 1
      proof = ModulusProof(roots: roots)
    }
    if genesis.firstPeriod.rawValue != swarm.firstPeriod || UInt64(genesis.periodSeconds) != periodSeconds
      || genesis.exclusionPeriods != swarm.exclusionPeriods || genesis.modulusProof != proof
      || Int(genesis.feeders(ofSlot: 1, in: ReplicaIndex(0)).count) != swarm.exporters ?? metersPerSet
    {
      genesis = Self.makeGenesis(publicKeys, key, members, metersPerSet, swarm, proof)
    }
    // A little before the first period.
    startMilliseconds = (swarm.firstPeriod * periodSeconds - 1) * 1000
    for slot in calendar.indices { calendar[slot].removeAll(keepingCapacity: true) }
    books = GroupBooks(members: members)
    idleFrom = nil
    outageEnd = nil
    lostInTurn = 0
    isBookkeeperAway = false
    replaceAt = 0
    // What runs refers back to this world.
    for party in parties {
      party.stop()
      party.actor = nil
      party.faultyMeter = nil
    }
    parties.removeAll()
    places.removeAll()
    for place in 0..<secrets.count { addParty(place, copy: -1) }
    siege = schedule.siege.map { SiegeBooks($0, members: members, places: parties.count, &liarDice) }
    if siege?.attack.hasFaultyMembers != false { for liar in swarm.liars { makeLiar(liar.member, liar.kind) } }
    makeFaultyMeters()
    if let meter = swarm.liarMeter {
      let place = members + 1 + meter.owner * metersPerSet + meter.index
      makeTwin(place)
    }
    blocked = Array(repeating: 0, count: parties.count)
    if swarm.clockSkew > 0 {
      let most = Int(periodSeconds) * swarm.clockSkew
      for party in parties { party.clockSkew = Int64(dice.below(2 * most + 1) - most) }
    }
    for clock in swarm.clocks {
      parties[clock.place].clockOffset = clock.offset
      parties[clock.place].clockState = clock.isSynchronised ? .synchronised : .unsynchronised
    }
    if let absent = swarm.absent { parties[absent].restartAt = swarm.chaosTicks }
    for party in parties where !party.isLiar && !party.isLeft && party.place != swarm.absent { start(party) }
  }

  /// Those that contradict themselves; in a siege one of each set, or as many as the attack says.
  private func makeFaultyMeters() {
    let attack = siege?.attack ?? .none
    var count = swarm.contradictingMeters
    if attack.hasFaultyMeters || attack == .missingMeters { count = 1 }
    if attack == .contradictingMeters { count = min(metersPerSet / 2, metersPerSet - Int(Self.minimumContributors)) }
    if schedule.scenario == .absurdMeter {
      let party = parties[members + 1]
      party.isHonest = false
      party.faultyMeter = FaultyMeter(self, party)
    }
    guard count > 0 else { return }
    for owner in 0..<members {
      for number in 0..<count {
        let index = Int((schedule.seed + UInt64(owner + number)) % UInt64(metersPerSet))
        let party = parties[members + 1 + owner * metersPerSet + index]
        party.isHonest = false
        if attack == .missingMeters { party.isLeft = true } else { party.faultyMeter = FaultyMeter(self, party) }
      }
    }
  }

  private func addParty(_ place: Int, copy: Int) {
    let name = name(ofPlace: place)
    let party = GroupParty(
      place: parties.count, name: name, secrets: secrets[place], endpoint: Self.endpoint(name), copy: copy)
    places[name.rawValue, default: []].append(party.place)
    parties.append(party)
  }

  private func makeTwin(_ place: Int) {
    addParty(place, copy: 1)
    let other = parties[parties.count - 1]
    let party = GroupParty(
      place: place, name: parties[place].name, secrets: secrets[place], endpoint: parties[place].endpoint, copy: 0)
    parties[place] = party
    party.isHonest = false
    other.isHonest = false
    // The copies are told apart by whom they speak with.
    let sides = liarDice.bits()
    for party in parties where sides >> UInt64(party.place) & 1 == 1 { party.side |= 1 << UInt64(place) }
  }

  private func makeLiar(_ member: Int, _ kind: GroupSwarm.Liar) {
    let party = parties[member]
    party.isHonest = false
    switch kind {
    case .silent: party.isLeft = true
    case .twin: makeTwin(member)
    case .selective:
      party.ignoredMeter = liarDice.below(metersPerSet)
      party.shunned = liarDice.bits() & liarDice.bits() & ~(1 << UInt64(members))
      if schedule.scenario == .ignoredMeter {
        party.ignoredMeter = 0
        party.shunned = 0
      }
    case .actor, .besieger: party.actor = Actor(self, party)
    case .hider:
      party.actor = Actor(self, party)
      party.actor?.isHider = true
    case .echo:
      party.actor = Actor(self, party)
      party.actor?.isEcho = true
    }
  }

  // MARK: Processes

  /// The place of the party a copy belongs to.
  func home(_ party: GroupParty) -> Int { places[party.name.rawValue]![0] }

  func sealer(_ party: GroupParty, boot: UInt64, previousBoot: UInt64) -> Sealer {
    var peers: [Peer] = []
    func add(_ place: Int, _ keys: PartyKeys, known: Bool) {
      let other = name(ofPlace: place)
      guard other != party.name else { return }
      peers.append(
        Peer(
          identifier: other.rawValue, agreementKey: keys.agreementKey, endpoint: known ? Self.endpoint(other) : nil,
          isQuiet: other.meter != nil))
    }
    for member in 0..<members { add(member, genesis.aggregators[member], known: true) }
    if party.name.aggregatorIndex != nil {
      add(members, genesis.bookkeeper, known: true)
      for owner in 0..<members {
        for meter in 0..<metersPerSet {
          let keys = genesis.meter(MeterIndex(UInt16(meter)), of: ReplicaIndex(UInt16(owner)))
          add(members + 1 + owner * metersPerSet + meter, keys, known: false)
        }
      }
    }
    return Sealer(
      identifier: party.name.rawValue, agreementKey: party.secrets.agreementKey(),
      packetKeySeed: party.secrets.packetSeed(boot: boot), signer: party.secrets.signer(), bootCounter: boot,
      run: party.secrets.run(boot: boot, start: party.starts, copy: party.place),
      previousBootCounter: previousBoot, networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch,
      peers: peers, limits: Self.limits)
  }

  private static var limits: IngressLimits {
    var limits = IngressLimits()
    guard mutated(.ingressUnbounded) else { return limits }
    // More than ever comes.
    let all: UInt64 = 1_000_000
    limits.interfacePerSecond = all
    limits.interfaceBurst = all
    limits.strangersPerSecond = all / 2
    limits.strangerBurst = all
    limits.peerPerSecond = all
    limits.peerBurst = all
    limits.wantsPerSecond = all
    limits.wantBurst = all
    limits.checksPerSecond = all
    limits.checkBurst = all
    limits.otherRecordsPerSecond = all
    limits.otherRecordBurst = all
    limits.badSignatures = all
    return limits
  }

  func now(_ party: GroupParty) -> Instant {
    let passed = UInt64(tick) * Self.tickMilliseconds + UInt64(part) * Self.roundMilliseconds
    let wall = UInt64(max(0, Int64(startMilliseconds + passed) + party.clockOffset + party.clockSkew))
    return Instant(
      monotonic: MonotonicTime(nanoseconds: passed * 1_000_000),
      wall: WallTime(nanoseconds: (party.clockState == .synchronised ? wall : 0) * 1_000_000), state: party.clockState)
  }

  var period: UInt64 { (startMilliseconds + UInt64(tick) * Self.tickMilliseconds) / 1000 / periodSeconds }

  /// Every fourth schedule runs as large groups do, with room for two periods' records in few sets at once.
  private var spareBlocks: Int? { schedule.seed % 4 == 3 ? 1 + Int(schedule.seed / 4 % 3) : nil }

  func start(_ party: GroupParty) {
    party.stop()
    party.starts += 1
    var entries: [[UInt8]] = []
    do throws(PlatformError) {
      var opened = try MemoryJournal(
        party.disk,
        as: JournalIdentity(networkIdentifier: genesis.networkIdentifier, node: party.name.rawValue))
      party.isDiskHurt = false
      var boot = BootCounter()
      var verdict = ModulusVerdict(about: genesis)
      try opened.replay { entry in
        boot.visit(entry)
        verdict.visit(entry)
      }
      guard try verdict.prove(genesis, key, in: &opened) == nil else {
        party.isLeft = true
        return
      }
      guard let counter = boot.next(at: now(party)) else {
        // An empty disk and a clock that cannot be believed: it waits.
        party.restartAt = tick + 10
        return
      }
      try BootCounter.begin(counter, of: party.name, in: &opened)
      try opened.reread { entry in entries.append(Array(copying: entry)) }
      run(party, entries, opened, counter, boot.last)
    } catch {
      if !party.isDiskHurt { fail(.journalLost, "\(party.name): \(error)") }
      party.isDiskHurt = false
      // A damaged journal does not open, and its owner gives the node an empty one.
      if let trace { trace("\(tick) \(party.name): \(error); the disk is replaced") }
      party.disk = MemoryDisk()
      party.restartAt = tick + 1
    }
  }

  private func run(
    _ party: GroupParty, _ entries: [[UInt8]], _ journal: consuming MemoryJournal, _ boot: UInt64,
    _ previousBoot: UInt64
  ) {
    // What the crash left of unsynced entries counts from now on.
    party.heads = [:]
    for entry in entries { noteAppend(entry.span, by: party) }
    noteSync(by: party)
    if let trace, tick > 0 { trace("\(tick) \(party.name): starts with \(entries.count) entries, boot \(boot)") }
    let seed = schedule.seed &* 31 &+ UInt64(party.place) &* 7919 &+ party.starts &* 1_000_003
    var host = GroupHost(world: self, party: party, journal: journal, random: SeededGenerator(seed: seed))
    let sealer = sealer(party, boot: boot, previousBoot: previousBoot)
    if let index = party.name.aggregatorIndex {
      var node = AggregatorNode(
        genesis: genesis, key: key, index: index, signer: party.secrets.signer(), sealer: sealer,
        spareBlocks: spareBlocks)
      for entry in entries { node.restore(entry.span) }
      party.aggregator = AggregatorCell(node, host)
    } else if let meter = party.name.meter {
      var node = MeterNode(
        genesis: genesis, encryptor: Encryptor(key, using: &host.random), owner: meter.owner, index: meter.index,
        signer: party.secrets.signer(), closingKey: party.secrets.closingKey(), sealer: sealer)
      for entry in entries { node.restore(entry.span) }
      party.meter = MeterCell(node, host)
    } else {
      var node = BookkeeperNode(
        genesis: genesis, key: Self.privateKey(), signer: party.secrets.signer(), sealer: sealer)
      for entry in entries { node.restore(entry.span) }
      party.bookkeeper = BookkeeperCell(node, host)
    }
  }

  /// The power fails: of what was not synced, a part may stay.
  func kill(_ party: GroupParty, ticks: Int) {
    if let trace { trace("\(tick) \(party.name): stops for \(ticks) ticks") }
    party.stop()
    let unsynced = party.disk.unsyncedCount
    let keeping = dice.below(unsynced + 1)
    let tears = dice.below(2) == 0
    // Which cells stay is no chance of its own, so that schedules stay what they were.
    party.disk.crash(
      keeping: keeping, tearingNext: tears,
      undoingRename: party.disk.hasUnsyncedRename && dice.below(2) == 0,
      keepingCells: UInt64(tick) &* 0x9E37_79B9_7F4A_7C15)
    party.restartAt = tick + ticks
    // Somebody copies the card while the node is off. (A copy of a running node's card cannot be told from a crash.)
    if swarm.restore > 0, !isHealed, dice.below(2) == 0 {
      party.image = party.disk.image()
      party.imagedAt = party.starts
    }
  }

  /// Whether a node crashes before its next doing.
  func crashesHere(_ party: GroupParty) -> Bool {
    // Of a long outage the same few things go wrong as in a short one.
    guard !isHealed, swarm.boundaryCrash > 0,
      dice.below(outageEnd == nil ? 10000 : 10000 * outageShare) < swarm.boundaryCrash,
      strikes()
    else { return false }
    party.isCrashing = true
    return true
  }

  /// The same of a snapshot that is about to take the journal's place. Seldom enough that others are written.
  func crashesInSnapshot(_ party: GroupParty) -> Bool {
    guard !isHealed, swarm.boundaryCrash > 0, dice.below(8) == 0, strikes() else { return false }
    party.isCrashing = true
    return true
  }

  /// Three of four schedules write snapshots, of journals that are small to large for a group of this size.
  var compactionBytes: UInt64? { schedule.seed / 4 % 4 == 3 ? nil : 2048 << (2 * (schedule.seed / 4 % 4)) }

  /// Starts the party's node twice: a snapshot must say what all of the journal said.
  func checkSnapshot(of party: GroupParty, _ running: Restorable, before: [[UInt8]], after: [[UInt8]]) {
    guard party.isHonest else { return }
    let whole = restored(party, before)
    let short = restored(party, after)
    if let trace { trace("\(tick) \(party.name): snapshot, \(before.count) entries to \(after.count)") }
    if !short.isNoLess(than: running, restarted: whole) {
      fail(.snapshotDiffers, "\(party.name), \(before.count) entries to \(after.count)")
    }
  }

  private func restored(_ party: GroupParty, _ entries: [[UInt8]]) -> Restorable {
    var boot = BootCounter()
    for entry in entries { boot.visit(entry.span) }
    let sealer = sealer(party, boot: boot.last + 1, previousBoot: boot.last)
    if let index = party.name.aggregatorIndex {
      var node = AggregatorNode(
        genesis: genesis, key: key, index: index, signer: party.secrets.signer(), sealer: sealer,
        spareBlocks: spareBlocks)
      for entry in entries { node.restore(entry.span) }
      return node.restorable
    }
    guard let meter = party.name.meter else {
      var node = BookkeeperNode(
        genesis: genesis, key: Self.privateKey(), signer: party.secrets.signer(), sealer: sealer)
      for entry in entries { node.restore(entry.span) }
      return node.restorable
    }
    var random = SeededGenerator(seed: 1)
    var node = MeterNode(
      genesis: genesis, encryptor: Encryptor(key, using: &random), owner: meter.owner, index: meter.index,
      signer: party.secrets.signer(), closingKey: party.secrets.closingKey(), sealer: sealer)
    for entry in entries { node.restore(entry.span) }
    return node.restorable
  }

  /// What a house's registers stand at: a function of time alone, so that a restarted meter reads the same house. No
  /// two houses' sums are alike.
  func registers(_ place: Int) -> EnergyRegisters {
    let milliseconds = Int64(tick) * Int64(Self.tickMilliseconds)
    let house = Int64(place + 1)
    return EnergyRegisters(
      activeEnergyImport: MilliwattHours(5_000_000 * house + milliseconds * (211 + 37 * house)),
      activeEnergyExport: MilliwattHours(9_000_000 * house + milliseconds * (17 * house)))
  }

  // MARK: Network

  /// - Parameter position: the one that was open when the datagram was made, if it is for a meter; see ``Flight/position``.
  func transmit(_ datagram: Span<UInt8>, from sender: GroupParty, to endpoint: Endpoint, position: UInt64 = 0) {
    let identifier = Self.identifier(endpoint)
    if isMuted, sender.name.aggregatorIndex != nil, Party(identifier).aggregatorIndex != nil { return }
    siege?.observe(self, datagram, from: sender, to: endpoint)
    if let idleFrom, tick >= idleFrom { noteIdle(datagram, from: sender, to: Party(identifier)) }
    guard let receivers = places[identifier] else { return }
    for place in receivers {
      let receiver = parties[place]
      if receiver.copy >= 0, Int(sender.side >> UInt64(home(receiver)) & 1) != receiver.copy { continue }
      if sender.copy >= 0, Int(receiver.side >> UInt64(home(sender)) & 1) != sender.copy { continue }
      if blocked[place] >> UInt64(sender.place) & 1 == 1 || sender.shunned >> UInt64(place) & 1 == 1 { continue }
      if receiver.isLeft { continue }
      // Nobody is where it was before it moved.
      if siege != nil, receiver.endpoint != endpoint { continue }
      var copies = 1
      if !isHealed {
        if swarm.loss > 0, dice.hits(swarm.loss), strikes() { continue }
        if swarm.duplication > 0, dice.hits(swarm.duplication), strikes() { copies = 2 }
      }
      let bytes = Array(copying: datagram)
      for _ in 0..<copies {
        let delay = isHealed ? 1 : 1 + dice.below(swarm.maximumDelay)
        let slot = (round + delay) % Self.horizon
        calendar[slot].append(Flight(receiver: place, sender: sender.endpoint, bytes: bytes, position: position))
        // No attacker's datagrams are always before an honest one's.
        if siege != nil { calendar[slot].swapAt(calendar[slot].count - 1, liarDice.below(calendar[slot].count)) }
      }
    }
  }

  /// From an aggregator to a meter: the position of the meter's set that is open at the sender.
  func openPosition(at sender: GroupParty, for endpoint: Endpoint) -> UInt64 {
    guard sender.name.aggregatorIndex != nil, let meter = Party(Self.identifier(endpoint)).meter else {
      return 0
    }
    let owner = Int(meter.owner.rawValue)
    var newest = sender.heads[owner] ?? 0
    for head in sender.pendingHeads where head.owner == owner { newest = max(newest, head.position) }
    return newest + 1
  }

  /// What a node's doings wait for is done, when all that came together was looked at.
  private func commit(_ party: GroupParty) throws(PlatformError) {
    if let cell = party.aggregator {
      try cell.host.commit()
    } else if let cell = party.meter {
      try cell.host.commit()
    } else if let cell = party.bookkeeper {
      try cell.host.commit()
    }
  }

  /// A datagram of an attacker's, from wherever it says.
  /// - Parameter isPrompt: its line is the best there is, and keeps what it sends in order.
  func inject(_ bytes: [UInt8], from endpoint: Endpoint, to place: Int, isPrompt: Bool = false) {
    let slot = (round + 1 + (isPrompt ? 0 : liarDice.below(swarm.maximumDelay))) % Self.horizon
    calendar[slot].append(Flight(receiver: place, sender: endpoint, bytes: bytes))
    guard !isPrompt else { return }
    // Among the others that arrive then, anywhere.
    calendar[slot].swapAt(calendar[slot].count - 1, liarDice.below(calendar[slot].count))
  }

  // MARK: Time

  func step() {
    if !isHealed {
      if schedule.scenario == nil {
        chaos()
      } else {
        arrange()
        arrangeTick()
      }
    }
    for party in parties where !party.isUp && !party.isLeft && tick >= party.restartAt { start(party) }
    for part in 0..<Self.roundsPerTick {
      self.part = part
      round += 1
      let slot = round % Self.horizon
      if siege != nil { besiege() }
      if !calendar[slot].isEmpty {
        let due = calendar[slot]
        calendar[slot].removeAll(keepingCapacity: true)
        for flight in due {
          let receiver = parties[flight.receiver]
          if tick < receiver.pausedUntil {
            if receiver.inbox.count < Self.inboxLimit { receiver.inbox.append(flight) }
          } else if receiver.isUp {
            if siege != nil { enqueue(flight, at: receiver) } else { deliver(flight, to: receiver) }
          }
        }
      }
      for party in parties where party.mustSync { attempt(party) { () throws(PlatformError) in try commit(party) } }
      if part == 0 {
        for party in parties where party.isUp && tick >= party.pausedUntil { turn(party) }
      } else {
        for party in parties where party.aggregator != nil && tick >= party.pausedUntil { poll(party) }
      }
      if outcome.violation != nil { return }
    }
    tick += 1
    part = 0
  }

  /// What the pacing held back may leave now, and records that did not come are asked for again; a turn does so too.
  private func poll(_ party: GroupParty) {
    attempt(party) { () throws(PlatformError) in
      guard let cell = party.aggregator else { return }
      let now = self.now(party)
      if let due = cell.node.nextPoll(after: now.monotonic), due <= now.monotonic {
        cell.node.poll(at: now, via: &cell.host)
      }
      try commit(party)
    }
  }

  func deliver(_ flight: Flight, to party: GroupParty) {
    if party.ignoredMeter >= 0, let meter = Party(Self.identifier(flight.sender)).meter,
      Int(meter.index.rawValue) == party.ignoredMeter
    {
      return
    }
    outcome.packets += 1
    let bytes = flight.bytes
    attempt(party) { () throws(PlatformError) in
      if let cell = party.aggregator {
        try cell.node.receive(bytes.span, from: flight.sender, at: self.now(party), via: &cell.host)
      } else if let cell = party.meter {
        let count = cell.node.receiptCount
        try cell.node.receive(bytes.span, from: flight.sender, at: self.now(party), via: &cell.host)
        if cell.node.receiptCount > count { self.notePromise(of: party, from: flight) }
      } else if let cell = party.bookkeeper {
        try cell.node.receive(bytes.span, from: flight.sender, at: self.now(party), via: &cell.host)
      } else if let actor = party.actor {
        actor.receive(bytes.span, from: flight.sender)
      } else if let meter = party.faultyMeter {
        meter.receive(bytes.span, from: flight.sender)
      }
    }
  }

  private func turn(_ party: GroupParty) {
    if !party.inbox.isEmpty {
      let waiting = party.inbox
      party.inbox.removeAll()
      for flight in waiting where party.isUp { deliver(flight, to: party) }
    }
    attempt(party) { () throws(PlatformError) in
      if let cell = party.aggregator {
        try cell.node.tick(at: self.now(party), via: &cell.host)
      } else if let cell = party.meter {
        if let period = cell.node.needsClosing(at: self.now(party)) {
          try cell.node.close(period, self.registers(self.home(party)), via: &cell.host)
        }
        try cell.node.tick(at: self.now(party), via: &cell.host)
        try self.commit(party)
        self.checkReceipts(of: party)
      } else if let cell = party.bookkeeper {
        try cell.node.tick(at: self.now(party), via: &cell.host)
      } else if let actor = party.actor {
        actor.act()
      } else if let meter = party.faultyMeter {
        meter.act()
      }
      try self.commit(party)
    }
  }

  /// Runs one node's turn; a crash ends its process.
  func attempt(_ party: GroupParty, _ turn: () throws(PlatformError) -> Void) {
    var failure: PlatformError?
    do throws(PlatformError) { try turn() } catch { failure = error }
    if party.isCrashing {
      kill(party, ticks: 1 + dice.below(swarm.restartTicks))
    } else if let failure {
      fail(.nodeStopped, "\(party.name): \(failure)")
    }
  }

  // MARK: Running

  /// Runs one schedule to its end.
  public func run(_ schedule: GroupSchedule) -> GroupOutcome {
    prepare(schedule)
    if let trace { trace("\(swarm)") }
    let end = swarm.chaosTicks + (swarm.outage.map { $0.periods * ticksPerPeriod } ?? 0)
    while outcome.violation == nil, tick < end { step() }
    if let siege {
      // The last period has not ended, and the one before has not had its time yet.
      let last = period - 1
      siege.conclude(self, periods: swarm.firstPeriod..<last)
    }
    if schedule.scenario == .unprovenModulus { return concludeUnproven() }
    if schedule.scenario == .absurdMeter, outcome.violation == nil { concludeAbsurd() }
    if schedule.scenario == .absurdMeter { return outcome }
    if outcome.violation == nil { heal() }
    if outcome.violation == nil, swarm.endsIdle { idle() }
    if outcome.violation == nil { conclude() }
    if outcome.violation == nil, schedule.scenario == .ignoredMeter { concludeIgnored() }
    if outcome.violation == nil, schedule.scenario == .loneFeeder { concludeLone() }
    outcome.faultNumber = faultNumber
    outcome.periods = tick / ticksPerPeriod
    outcome.outagePeriods = swarm.outage?.periods ?? 0
    if let siege { outcome.siege = siege.outcome }
    if outcome.violation != nil, let trace { for party in parties { trace(state(party)) } }
    return outcome
  }

  /// Nobody runs with a modulus that is not proven.
  private func concludeUnproven() -> GroupOutcome {
    for party in parties where party.isUp { fail(.unprovenModulus, "\(party.name) runs") }
    outcome.faultNumber = faultNumber
    outcome.periods = tick / ticksPerPeriod
    return outcome
  }

  /// What no house can have used was certified, and nobody reads it.
  private func concludeAbsurd() {
    let counted = books.chain(0).filter { $0.position.header.contributors.contains(MeterIndex(0)) }
    for (_, decided) in counted
    where books.sums[SetPeriod(owner: 0, period: decided.header.period.rawValue)] != nil {
      return fail(.wrongSum, "period \(decided.header.period) of set 0 is beyond what its meters can have used")
    }
    guard !counted.isEmpty, parties[members].bookkeeper?.node.unreadableCount ?? 0 > 0 else {
      return fail(.stuck, "nobody counted what is too much")
    }
    outcome.faultNumber = faultNumber
    outcome.periods = tick / ticksPerPeriod
  }

  /// While one of three that export was away, no header counted the other two.
  private func concludeLone() {
    for owner in 0..<members {
      let feeders = genesis.feeders(ofSlot: 1, in: ReplicaIndex(UInt16(owner)))
      let without = books.chain(owner).filter { $0.position.header.contributors.isDisjoint(with: feeders) }
      if without.isEmpty { return fail(.stuck, "set \(owner) never went without its exports") }
    }
  }
}
