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

/// One party's secrets, which survive its process and its disk.
struct PartySecrets {
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

  private static func secret(_ bytes: FixedBytes<32>) -> SecretBytes {
    var copy = bytes
    return SecretBytes(taking: &copy)
  }
  /// Of a run's first packet key: drawn at random elsewhere, here one for each run.
  func packetSeed(boot: UInt64) -> SecretBytes {
    var bytes = agreement
    for index in 0..<8 { bytes.storage[index] ^= 0x5A ^ UInt8(truncatingIfNeeded: boot >> UInt64(8 * index)) }
    return SecretBytes(taking: &bytes)
  }
  /// Of a process: drawn at random elsewhere, here another for each start of each copy.
  func run(boot: UInt64, start: UInt64, copy: Int) -> RunIdentifier {
    var generator = SeededGenerator(seed: boot ^ start << 32 ^ UInt64(copy) << 56 ^ UInt64(agreement.storage[0]) << 48)
    return RunIdentifier(random: &generator)
  }
  func signer() -> SigningKey { SigningKey(seed: Self.secret(signing)) }
  func agreementKey() -> AgreementKey { AgreementKey(seed: Self.secret(agreement)) }
  func closingKey() -> SelfSealingKey { SelfSealingKey(Self.secret(closing)) }
  func publicKeys() -> PartyKeys {
    PartyKeys(verificationKey: signer().verificationKey, agreementKey: agreementKey().publicKey)
  }
}

/// A datagram on its way.
struct Flight {
  let receiver: Int
  let sender: Endpoint
  let bytes: [UInt8]
  /// From an aggregator to a meter: the position that was open for the meter's set when it left, which its receipts name. Else 0.
  var position: UInt64 = 0
}

/// What runs at a party: the role's real code and what it is given of the machine. Classes, so that a place can be empty.
final class AggregatorCell {
  var node: AggregatorNode
  var host: GroupHost
  init(_ node: consuming AggregatorNode, _ host: consuming GroupHost) {
    self.node = node
    self.host = host
  }
}
final class MeterCell {
  var node: MeterNode
  var host: GroupHost
  init(_ node: consuming MeterNode, _ host: consuming GroupHost) {
    self.node = node
    self.host = host
  }
}
final class BookkeeperCell {
  var node: BookkeeperNode
  var host: GroupHost
  init(_ node: consuming BookkeeperNode, _ host: consuming GroupHost) {
    self.node = node
    self.host = host
  }
}

/// A record a meter made, as its journal has it.
struct MadeRecord {
  let from: UInt64
  let through: UInt64
  let closing: EnergyRegisters
  let hash: [UInt8]
}

/// One copy of one party: its process, when it runs, its disk and its clock. A twin is two of them.
final class GroupParty {
  let place: Int
  let name: Party
  let secrets: PartySecrets
  /// Where its datagrams come from.
  var endpoint: Endpoint
  /// 0 or 1 for the copies of a twin, else -1.
  let copy: Int
  var isHonest = true
  /// Which copy of each twin this party is heard by: bit i for liar i.
  var side: UInt64 = 0
  var disk = MemoryDisk()
  /// The card as it was some time ago.
  var image: MemoryDisk?
  /// How many runs there had been then.
  var imagedAt: UInt64 = 0
  var aggregator: AggregatorCell?
  var meter: MeterCell?
  var bookkeeper: BookkeeperCell?
  var actor: Actor?
  var faultyMeter: FaultyMeter?
  /// Set when the process crashes in the middle of its turn: what was to be done is not done.
  var isCrashing = false
  var isLeft = false
  var restartAt = 0
  var pausedUntil = 0
  /// Of the wall clock, in milliseconds; beside what it is never right by.
  var clockOffset: Int64 = 0
  var clockSkew: Int64 = 0
  var clockState = ClockState.synchronised
  var inbox: [Flight] = []
  /// Work that waits for its processor, in a siege.
  var busyMicroseconds = 0
  var starts: UInt64 = 0
  /// Appended and not yet synced.
  var pendingVotes: [Vote] = []
  var pendingHeads: [ChainPlace] = []
  /// By owner: the newest position whose certificate is on this disk.
  var heads: [Int: UInt64] = [:]
  var ignoredMeter = -1
  /// Bit p: nothing is sent to place p, by a selective liar.
  var shunned: UInt64 = 0

  // A meter's books, kept by the simulation.
  var opening: EnergyRegisters?
  var made: [MadeRecord] = []
  /// Appended and not yet synced: nobody heard of them.
  var pendingRecords: [MadeRecord] = []
  var pendingHashes: [[UInt8]] = []
  /// What it sends leaves once its disk has what was appended before.
  var mustSync = false
  var held: [HeldDatagram] = []
  /// Its disk was damaged by more than a power cut.
  var isDiskHurt = false
  var promises: [Promise] = []
  /// Of this run: whose receipts it has, by the periods of its records.
  var receipted: [UInt64: UInt64] = [:]

  init(place: Int, name: Party, secrets: PartySecrets, endpoint: Endpoint, copy: Int = -1) {
    self.place = place
    self.name = name
    self.secrets = secrets
    self.endpoint = endpoint
    self.copy = copy
  }

  var isUp: Bool { aggregator != nil || meter != nil || bookkeeper != nil || isLiar }
  /// Other code than a node's runs here.
  var isLiar: Bool { actor != nil || faultyMeter != nil }

  func stop() {
    aggregator = nil
    meter = nil
    bookkeeper = nil
    inbox.removeAll()
    isCrashing = false
    receipted.removeAll()
    pendingVotes.removeAll()
    pendingHeads.removeAll()
    pendingRecords.removeAll()
    pendingHashes.removeAll()
    mustSync = false
    held.removeAll()
  }
}

/// A datagram that waits for its sender's disk.
struct HeldDatagram {
  let endpoint: Endpoint
  let bytes: [UInt8]
  /// As in ``Flight/position``.
  let position: UInt64
}

/// The machine under a simulated node. It may crash before each of the node's doings.
struct GroupHost: ~Copyable, NodeHost {
  let world: GroupWorld
  let party: GroupParty
  var journal: MemoryJournal
  var cells: MemoryCells
  var random: SeededGenerator
  /// What the journal had when a snapshot was begun.
  private var before: [[UInt8]] = []
  /// The node that wrote it.
  private var running: Restorable?

  init(world: GroupWorld, party: GroupParty, journal: consuming MemoryJournal, random: SeededGenerator) {
    self.world = world
    self.party = party
    self.journal = journal
    cells = MemoryCells(
      party.disk.cells,
      cellBytes: AggregatorNode.cellBytes(world.genesis, ciphertextBytes: world.key.ciphertextBytes))
    self.random = random
  }

  /// - Throws: when the party has crashed, or crashes here.
  private func goOn() throws(PlatformError) {
    guard !party.isCrashing, !world.crashesHere(party) else { throw PlatformError(.other) }
  }

  mutating func writeCell(_ bytes: Span<UInt8>, to place: CellPlace) throws(PlatformError) {
    try goOn()
    try cells.write(bytes, to: place)
    world.outcome.cellsWritten += 1
  }
  mutating func readCell(_ place: CellPlace) throws(PlatformError) -> [UInt8]? { try cells.read(place) }
  mutating func freeCell(_ place: CellPlace) throws(PlatformError) {
    // What says that it may go is durable first.
    try commit()
    try goOn()
    try cells.free(place)
  }
  mutating func syncCells() throws(PlatformError) {
    try goOn()
    try cells.sync()
  }

  mutating func send(_ datagram: Span<UInt8>, to endpoint: Endpoint) {
    guard !party.isCrashing else { return }
    let position = world.openPosition(at: party, for: endpoint)
    if party.mustSync, !mutated(.sendsBeforeSync) {
      party.held.append(HeldDatagram(endpoint: endpoint, bytes: Array(copying: datagram), position: position))
      return
    }
    guard !world.crashesHere(party) else { return }
    world.transmit(datagram, from: party, to: endpoint, position: position)
  }

  mutating func append(_ entry: Span<UInt8>) throws(PlatformError) {
    try goOn()
    try journal.append(entry)
    world.noteAppend(entry, by: party)
  }

  mutating func sync() throws(PlatformError) {
    guard !party.isCrashing else { throw PlatformError(.other) }
    party.mustSync = true
  }

  /// One sync for all that came together; then what waited for it leaves.
  mutating func commit() throws(PlatformError) {
    guard party.mustSync else { return }
    try goOn()
    try journal.sync()
    world.outcome.syncs += 1
    try release()
  }

  private mutating func release() throws(PlatformError) {
    party.mustSync = false
    world.noteSync(by: party)
    let held = party.held
    party.held.removeAll()
    for datagram in held {
      guard !world.crashesHere(party) else { throw PlatformError(.other) }
      let bytes = datagram.bytes
      world.transmit(bytes.span, from: party, to: datagram.endpoint, position: datagram.position)
    }
  }

  // MARK: Snapshots

  var isSnapshotDue: Bool {
    guard let least = world.compactionBytes else { return false }
    return CompactionLimits(leastBytes: least).isDue(
      appended: journal.appendedBytes, snapshot: journal.snapshotBytes)
  }

  mutating func beginSnapshot() throws(PlatformError) {
    try commit()
    try goOn()
    before.removeAll()
    try journal.reread { entry in before.append(Array(copying: entry)) }
    party.disk.forgetsSnapshotSyncs = mutated(.compactionWithoutSync)
    try journal.beginSnapshot()
  }

  mutating func appendToSnapshot(_ entry: Span<UInt8>) throws(PlatformError) {
    try goOn()
    try journal.appendToSnapshot(entry)
  }

  mutating func copyIntoSnapshot(where isNeeded: (Span<UInt8>) -> Bool) throws(PlatformError) {
    try goOn()
    try journal.copyIntoSnapshot(where: isNeeded)
  }

  mutating func compareSnapshot(with node: () -> Restorable) { running = node() }

  /// It may crash between any two of the disk's doings: the last write, the sync, the rename, the folder's sync.
  mutating func commitSnapshot() throws(PlatformError) {
    guard !party.isCrashing else { throw PlatformError(.other) }
    if world.crashesInSnapshot(party) {
      party.disk.stepsLeft = world.dice.below(4)
      try? journal.commitSnapshot()
      throw PlatformError(.other)
    }
    try journal.commitSnapshot()
    world.outcome.snapshots += 1
    var after: [[UInt8]] = []
    try journal.reread { entry in after.append(Array(copying: entry)) }
    if let running { world.checkSnapshot(of: party, running, before: before, after: after) }
    try release()
  }

  mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) {
    try goOn()
    world.outcome.rereads += 1
    try journal.reread(visit)
  }

  mutating func publish(
    _ kind: Publication, period: Period, owner: ReplicaIndex, _ bytes: Span<UInt8>
  ) throws(PlatformError) {
    try commit()
    try goOn()
    guard !world.stopsBefore(kind, by: party) else { throw PlatformError(.other) }
    world.notePublication(kind, period: period, owner: owner, bytes, by: party)
  }

  mutating func published(_ kind: Publication, period: Period, owner: ReplicaIndex) throws(PlatformError) -> [UInt8]? {
    guard !party.isCrashing else { throw PlatformError(.other) }
    return world.published(kind, SetPeriod(owner: Int(owner.rawValue), period: period.rawValue))
  }
}
