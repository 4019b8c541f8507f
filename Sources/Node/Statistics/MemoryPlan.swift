import Aggregation
import Consensus
import Packets
import Paillier
import Units
import Wire

/// What a node takes from the heap and keeps, store by store. It follows from the genesis and the role alone, so that a
/// configuration can be refused before anything runs. Beyond it there are the program itself, its libraries and its stack.
public struct MemoryPlan: Sendable {
  /// One thing that takes memory, in bytes.
  public struct Store: Sendable {
    public let name: String
    /// The most it ever takes.
    public let bytes: Int
    /// Of that, what is taken at the start. Not all of it is touched then.
    public let startBytes: Int
    /// What is resident while every set is certified in its period.
    public let quietBytes: Int
  }

  public private(set) var stores: [Store] = []
  public var bytes: Int { stores.reduce(0) { $0 + $1.bytes } }
  public var startBytes: Int { stores.reduce(0) { $0 + $1.startBytes } }
  public var quietBytes: Int { stores.reduce(0) { $0 + $1.quietBytes } }

  /// - Parameters:
  ///   - start: all, unless it says less.
  ///   - quiet: all, unless it says less.
  private mutating func add(_ name: String, _ bytes: Int, start: Int? = nil, quiet: Int? = nil) {
    stores.append(Store(name: name, bytes: bytes, startBytes: start ?? bytes, quietBytes: quiet ?? bytes))
  }

  private mutating func addLink(peers: Int, quiet: Int = 0, members: UInt16) {
    add(
      "peers: keys, replay windows, budgets",
      peers * (Sealer.peerBytes + DoubleRuns.peerBytes) + quiet * (Sealer.quietPeerBytes + 1 + DoubleRuns.peerBytes))
    // Every role has one, and those that send no records have it for one member.
    let count = max(1, Int(members))
    add(
      "transfers of records to members", Transfers.memoryBytes(members: count),
      quiet: Transfers.quietMemoryBytes(members: count))
    add("packet being made, sealed and opened", 2 * Sealer.maximumBodyBytes + Sealer.maximumDatagramBytes)
  }

  /// - Parameters:
  ///   - machineBytes: of the platform's own queues.
  ///   - journalBytes: of the platform's journal while it is read.
  public static func aggregator(
    _ genesis: Genesis, ciphertextBytes: Int, machineBytes: Int, journalBytes: Int = 0
  ) -> MemoryPlan {
    var plan = MemoryPlan()
    let members = Int(genesis.members)
    let quorum = genesis.context.quorum
    let kept = SetChain.positionsKept
    let certificate = Certificate.maximumBytes(quorum)
    let meters = genesis.meterCount
    let room = AggregatorNode.recordRoom(genesis, ciphertextBytes: ciphertextBytes)
    plan.add(
      "records, \(members + room.spare) times a set's", (members + room.spare) * room.blockBytes,
      quiet: RecordBlock.bytes(meterCount: meters, ciphertextBytes: ciphertextBytes))
    // With their places in the pool of votes.
    let start = members * (chainBytes + Instance.startHeapBytes(quorum) + 4 * 8 + 32 + ciphertextBytes)
    plan.add(
      "open positions: votes, headers, products",
      start + members * (Instance.maximumHeapBytes(quorum) - Instance.startHeapBytes(quorum) + certificate),
      start: start,
      // Votes go when a set is certified; but all of them may be here before the first one is.
      quiet: start + members * (Instance.quietHeapBytes(quorum) - Instance.startHeapBytes(quorum)))
    plan.add(
      "decided positions, \(kept) of each set: certificates and products",
      // An object with its header, its place, and what each of its two arrays costs beside its elements.
      members * kept * (MemoryLayout<Header?>.stride + 8 + 32 + 2 * 48 + certificate + ciphertextBytes),
      start: members * (8 * kept + 32))
    plan.add("round changes being received", members * AggregatorNode.maximumRoundBytes(genesis), quiet: 0)
    plan.add(
      "coverage tables, and manifests of contradictions", 8 * meters + members * 32 * room.meterCount,
      start: 8 * meters, quiet: 8 * meters)
    plan.add(
      "inclusion proofs", InclusionStore.meterBytes * meters + members * certificate * kept,
      start: InclusionStore.quietMeterBytes * meters, quiet: InclusionStore.quietMeterBytes * meters)
    plan.add("heads and manifests being received", members * AggregatorNode.maximumAnswerBytes(quorum), quiet: 0)
    plan.add(
      "what was sent to whom",
      ServedObjects.memoryBytes(members: members, positionsKept: kept, peers: members + meters))
    plan.add(
      "journal entry and answer being made",
      AggregatorNode.maximumEntryBytes(quorum, ciphertextBytes: ciphertextBytes)
        + AggregatorNode.maximumAnswerBytes(quorum))
    // Digits, a table of powers, and what they are multiplied in.
    plan.add("product being made", 46 * ciphertextBytes)
    plan.add(
      "manifests, of a proposal and of a proof",
      2 * Manifest.memoryBytes + room.meterCount * MemoryLayout<Digest>.stride)
    plan.add("genesis", genesisBytes(genesis) - 36 * meters - proofBytes(genesis))
    // The bookkeeper is one of the peers, and the node itself is not.
    plan.addLink(peers: members, quiet: meters, members: genesis.members)
    plan.add("datagrams in system calls", machineBytes)
    plan.addJournal(
      journalBytes + 3 + certificate + ShownRecord.encodedBytes * GroupLimits.maximumMetersPerSet)
    return plan
  }

  /// A set's chain with what is kept beside it; most of it the instance and its headers.
  private static var chainBytes: Int {
    MemoryLayout<Instance>.stride + 5 * MemoryLayout<Header?>.stride + 8 * MemoryLayout<MeterBitmap>.stride
      + MemoryLayout<Fetch>.stride + MemoryLayout<Pull>.stride + MemoryLayout<AcknowledgedPosition?>.stride + 512
  }

  /// The plan of a bookkeeper. `machineBytes` are the platform's own queues, `journalBytes` what its journal takes
  /// while it is read.
  public static func bookkeeper(
    _ genesis: Genesis, ciphertextBytes: Int, machineBytes: Int, journalBytes: Int = 0
  ) -> MemoryPlan {
    var plan = MemoryPlan()
    let certificate = Certificate.maximumBytes(genesis.context.quorum)
    plan.add(
      "certificates and products of \(BookChain.positionsAhead) positions",
      Int(BookChain.positionsAhead) * Int(genesis.members) * (2 * certificate + ciphertextBytes + 512))
    plan.add("certificates and products being received", Int(genesis.members) * (certificate + ciphertextBytes))
    plan.add(
      "coverage of every set", Int(genesis.members) * (8 + 48) + MemoryLayout<Period>.stride * genesis.meterCount)
    // The primes' powers, their inverses and what a decryption works in; see docs/CRYPTOGRAPHY.md, Arithmetic.
    plan.add("Paillier key and its workspaces", 64 * ciphertextBytes)
    plan.add("genesis", genesisBytes(genesis))
    plan.addLink(peers: Int(genesis.members), members: 0)
    plan.add("datagrams in system calls", machineBytes)
    plan.addJournal(journalBytes)
    return plan
  }

  /// The plan of a meter; the parameters are those of a bookkeeper's.
  public static func meter(
    _ genesis: Genesis, ciphertextBytes: Int, machineBytes: Int, journalBytes: Int = 0
  ) -> MemoryPlan {
    var plan = MemoryPlan()
    plan.add("table of powers for encryption", Encryptor.tableBytes(modulusBytes: ciphertextBytes / 2))
    plan.add("workspaces of an encryption", 32 * ciphertextBytes)
    plan.add(
      "records that wait for a certificate",
      MeterNode.maximumOutstanding * (Record.fixedBytes + ciphertextBytes + MemoryLayout<OutstandingRecord>.stride))
    plan.add("certificate being received", Certificate.maximumBytes(genesis.context.quorum))
    plan.add("genesis", genesisBytes(genesis))
    plan.addLink(peers: Int(genesis.members), members: 0)
    plan.add("datagrams in system calls", machineBytes)
    plan.addJournal(journalBytes)
    return plan
  }

  /// What a snapshot, a start or a look into the journal takes for a moment.
  private mutating func addJournal(_ bytes: Int) {
    add("journal: a piece that is read, an entry that is written", bytes, start: 0, quiet: 0)
  }

  /// An aggregator forgets the proof once it has looked at it.
  private static func proofBytes(_ genesis: Genesis) -> Int {
    ModulusProof.encodedBytes(modulusBytes: genesis.modulus.count)
  }

  private static func genesisBytes(_ genesis: Genesis) -> Int {
    // Two arrays for each set, with what an array costs beside its elements.
    (genesis.meterCount + Int(genesis.members) + 1) * MemoryLayout<PartyKeys>.stride + genesis.modulus.count
      + proofBytes(genesis) + 4 * genesis.meterCount
      + genesis.slots.count * Int(genesis.members) * MemoryLayout<MeterBitmap>.stride
      + Int(genesis.members) * 2 * (8 + 40)
  }
}
