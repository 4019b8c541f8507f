import Aggregation
import Consensus
import Cryptography
import HAL
import LinuxPlatform
import Node
import Packets
import Paillier
import SimulatedPlatform
import Units
import Wire

/// Parties and genesis of the group whose months are played.
struct YearGroup {
  static let firstPeriod: UInt64 = 1001
  static let slots: [Quantity] = [.activeEnergyImport, .activeEnergyExport]

  let members: Int
  let metersPerSet: Int
  let genesis: Genesis
  let key: PublicKey

  init(members: Int, metersPerSet: Int, periodSeconds: UInt32, key: PublicKey, _ proof: ModulusProof) {
    self.members = members
    self.metersPerSet = metersPerSet
    self.key = key
    let modulus = [UInt8](capacity: key.modulusBytes) { out in key.writeModulus(into: &out) }
    genesis = Genesis(
      epoch: Epoch(1), group: GroupIndex(0), periodSeconds: periodSeconds, minimumContributors: 3, rotates: true,
      exclusionPeriods: Genesis.standardExclusionPeriods, firstPeriod: Period(Self.firstPeriod),
      slots: Self.slots.map { $0.slotCode }, modulus: modulus, modulusProof: proof, bookkeeper: Self.keys(.bookkeeper),
      aggregators: (0..<members).map { Self.keys(.aggregator(ReplicaIndex(UInt16($0)))) },
      meters: (0..<members).map { owner in
        (0..<metersPerSet).map { Self.keys(.meter(MeterIndex(UInt16($0)), of: ReplicaIndex(UInt16(owner)))) }
      })
  }

  init(_ genesis: Genesis) throws(PaillierError) {
    self.genesis = genesis
    members = Int(genesis.members)
    metersPerSet = Int(genesis.meterCount(of: ReplicaIndex(0)))
    let modulus = genesis.modulus
    key = try PublicKey(n: modulus.span, layout: SlotLayout(Self.slots), allowingSmallForTests: modulus.count < 256)
  }

  var names: [Party] {
    var result = (0..<members).map { Party.aggregator(ReplicaIndex(UInt16($0))) }
    result.append(.bookkeeper)
    for owner in 0..<members {
      for meter in 0..<metersPerSet {
        result.append(.meter(MeterIndex(UInt16(meter)), of: ReplicaIndex(UInt16(owner))))
      }
    }
    return result
  }

  static func endpoint(_ name: Party) -> Endpoint {
    let raw = name.rawValue
    return Endpoint(ipv4: 10, UInt8(raw >> 16 & 255), UInt8(raw >> 8 & 255), UInt8(raw & 255), port: 7000)
  }

  /// Nothing here is worth anything: a party's secrets are its name.
  private static func secret(_ purpose: UInt64, _ name: Party) -> SecretBytes {
    var generator = SeededGenerator(seed: purpose << 32 ^ UInt64(name.rawValue))
    return SecretBytes(random: &generator)
  }
  static func signer(_ name: Party) -> SigningKey { SigningKey(seed: secret(1, name)) }
  static func closingKey(_ name: Party) -> SelfSealingKey { SelfSealingKey(secret(2, name)) }
  private static func keys(_ name: Party) -> PartyKeys {
    PartyKeys(
      verificationKey: signer(name).verificationKey, agreementKey: AgreementKey(seed: secret(3, name)).publicKey)
  }

  func sealer(_ name: Party, boot: UInt64, previousBoot: UInt64) -> Sealer {
    var peers: [Peer] = []
    for other in names where other != name {
      let isMember = other.aggregatorIndex != nil
      guard isMember || name.aggregatorIndex != nil else { continue }
      peers.append(
        Peer(
          identifier: other.rawValue, agreementKey: Self.keys(other).agreementKey,
          endpoint: isMember || other.isBookkeeper ? Self.endpoint(other) : nil, isQuiet: other.meter != nil))
    }
    var generator = SeededGenerator(seed: boot ^ UInt64(name.rawValue) << 20)
    return Sealer(
      identifier: name.rawValue, agreementKey: AgreementKey(seed: Self.secret(3, name)),
      packetKeySeed: SecretBytes(random: &generator), signer: Self.signer(name), bootCounter: boot,
      run: RunIdentifier(random: &generator), previousBootCounter: previousBoot,
      networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch, peers: peers)
  }

  func journalIdentity(_ name: Party) -> JournalIdentity {
    JournalIdentity(networkIdentifier: genesis.networkIdentifier, node: name.rawValue)
  }

  func aggregator(_ index: Int, boot: UInt64, previousBoot: UInt64) -> AggregatorNode {
    let name = Party.aggregator(ReplicaIndex(UInt16(index)))
    return AggregatorNode(
      genesis: genesis, key: key, index: ReplicaIndex(UInt16(index)), signer: Self.signer(name),
      sealer: sealer(name, boot: boot, previousBoot: previousBoot))
  }
}

/// What lies between the nodes: datagrams that were sent, by receiver.
final class YearNetwork {
  var waiting: [UInt32: [(bytes: [UInt8], sender: Endpoint)]] = [:]
  var datagrams: UInt64 = 0
}

/// What a node did to its card.
struct CardUse {
  var appendedBytes: UInt64 = 0
  var snapshotBytes: UInt64 = 0
  var snapshots: UInt64 = 0
  var syncs: UInt64 = 0
  var publishedBytes: UInt64 = 0
  /// Of positions that left memory before they were published.
  var cellBytes: UInt64 = 0
  /// The longest its journal ever was, a snapshot that was written beside it included.
  var largestBytes: UInt64 = 0
}

/// The machine under a node: a real journal in a file, everything else in memory.
struct YearHost: ~Copyable, NodeHost {
  let name: Party
  let network: YearNetwork
  var journal: FileJournal
  var cells: FileCells
  var random: SeededGenerator
  /// Without it what is appended is left to the kernel, and syncs are counted alone.
  let syncs: Bool
  private(set) var use = CardUse()
  private var mustSync = false
  private var held: [(bytes: [UInt8], receiver: Endpoint)] = []

  init(
    name: Party, network: YearNetwork, journal: consuming FileJournal, cells: consuming FileCells,
    seed: UInt64,
    syncs: Bool
  ) {
    self.name = name
    self.network = network
    self.journal = journal
    self.cells = cells
    self.syncs = syncs
    random = SeededGenerator(seed: seed)
  }

  mutating func send(_ datagram: Span<UInt8>, to endpoint: Endpoint) {
    let bytes = [UInt8](copying: datagram)
    if mustSync { held.append((bytes: bytes, receiver: endpoint)) } else { post(bytes, endpoint) }
  }
  private func post(_ bytes: [UInt8], _ endpoint: Endpoint) {
    let receiver =
      UInt32(endpoint.address[13]) << 16 | UInt32(endpoint.address[14]) << 8 | UInt32(endpoint.address[15])
    network.datagrams += 1
    network.waiting[receiver, default: []].append((bytes: bytes, sender: YearGroup.endpoint(name)))
  }
  mutating func append(_ entry: Span<UInt8>) throws(PlatformError) {
    let before = journal.appendedBytes
    try journal.append(entry)
    use.appendedBytes += journal.appendedBytes - before
    use.largestBytes = max(use.largestBytes, journal.snapshotBytes + journal.appendedBytes)
  }
  mutating func sync() throws(PlatformError) { mustSync = true }
  mutating func commit() throws(PlatformError) {
    guard mustSync else { return }
    if syncs { try journal.sync() }
    release()
  }
  private mutating func release() {
    use.syncs += 1
    mustSync = false
    for (bytes, receiver) in held { post(bytes, receiver) }
    held.removeAll(keepingCapacity: true)
  }
  mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) { try journal.reread(visit) }
  mutating func writeCell(_ bytes: Span<UInt8>, to place: CellPlace) throws(PlatformError) {
    try cells.write(bytes, to: place)
    use.cellBytes += UInt64(bytes.count)
  }
  mutating func readCell(_ place: CellPlace) throws(PlatformError) -> [UInt8]? { try cells.read(place) }
  mutating func freeCell(_ place: CellPlace) throws(PlatformError) {
    try commit()
    try cells.free(place)
  }
  mutating func syncCells() throws(PlatformError) { if syncs { try cells.sync() } }
  mutating func publish(
    _ kind: Publication, period: Period, owner: ReplicaIndex, _ bytes: Span<UInt8>
  ) throws(PlatformError) { use.publishedBytes += UInt64(bytes.count) }

  var isSnapshotDue: Bool {
    CompactionLimits().isDue(appended: journal.appendedBytes, snapshot: journal.snapshotBytes)
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
    let before = journal.snapshotBytes + journal.appendedBytes
    try journal.commitSnapshot()
    use.snapshotBytes += journal.snapshotBytes
    use.snapshots += 1
    use.largestBytes = max(use.largestBytes, before + journal.snapshotBytes)
    release()
  }
}
