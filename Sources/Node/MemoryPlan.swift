import Aggregation
import Consensus
import Packets
import Paillier
import Units
import Wire

/// What a node takes from the heap at start and keeps, store by store. It follows from the genesis and the role alone, so that
/// a configuration can be refused before anything runs. Beyond it there are the program itself, its libraries and its stack.
public struct MemoryPlan: Sendable {
  public private(set) var stores: [(name: String, bytes: Int)] = []
  public var bytes: Int { stores.reduce(0) { $0 + $1.bytes } }

  private mutating func add(_ name: String, _ bytes: Int) { stores.append((name, bytes)) }

  private mutating func addLink(peers: Int, quiet: Int = 0, members: UInt16) {
    add("peers: keys, replay windows, budgets", peers * Sealer.peerBytes + quiet * Sealer.quietPeerBytes)
    // Every role has one, and those that send no records have it for one member.
    add("transfers of records to members", Transfers.memoryBytes(members: max(1, Int(members))))
    add("packet being made, sealed and opened", 2 * Sealer.maximumBodyBytes + Sealer.maximumDatagramBytes)
  }

  /// - Parameter machineBytes: of the platform's own queues.
  public static func aggregator(_ genesis: Genesis, ciphertextBytes: Int, machineBytes: Int) -> MemoryPlan {
    var plan = MemoryPlan()
    let members = Int(genesis.members)
    let quorum = genesis.context.quorum
    let kept = Int(AggregatorNode.periodsKept)
    var meters = 0
    for owner in 0..<genesis.members { meters += Int(genesis.meterCount(of: ReplicaIndex(owner))) }
    let room = AggregatorNode.recordRoom(genesis, ciphertextBytes: ciphertextBytes)
    plan.add("records and their hashes, \(room.blocks) times a set's", room.blocks * room.blockBytes)
    let slots = members * kept
    plan.add(
      "instances: votes, certificates, products",
      slots
        * (MemoryLayout<InstanceSlot>.size + 512 + 3 * members * MemoryLayout<Vote>.stride
          + Certificate.maximumBytes(quorum) + ciphertextBytes + AggregatorNode.maximumViewBytes(genesis)))
    plan.add("view changes being received", members * AggregatorNode.maximumViewBytes(genesis))
    plan.add("coverage tables and their transfer", 8 * meters + 8 * GroupLimits.maximumMetersPerSet)
    plan.add(
      "inclusion proofs",
      meters * (InclusionStore.proofBytes + 32 + 32) + members * Certificate.maximumBytes(quorum) * kept)
    plan.add("certificates being received", members * Certificate.maximumBytes(quorum))
    plan.add(
      "what was sent to whom",
      ServedObjects.memoryBytes(members: members, periodsKept: kept, peers: members + meters))
    plan.add("genesis", genesisBytes(genesis, meters))
    plan.addLink(peers: members, quiet: meters, members: genesis.members)
    plan.add("datagrams in system calls", machineBytes)
    return plan
  }

  public static func bookkeeper(_ genesis: Genesis, ciphertextBytes: Int, machineBytes: Int) -> MemoryPlan {
    var plan = MemoryPlan()
    let certificate = Certificate.maximumBytes(genesis.context.quorum)
    var meters = 0
    for owner in 0..<genesis.members { meters += Int(genesis.meterCount(of: ReplicaIndex(owner))) }
    plan.add(
      "certificates and products of \(BookkeeperNode.periodsKept) periods",
      Int(BookkeeperNode.periodsKept) * Int(genesis.members) * (2 * certificate + ciphertextBytes + 512))
    plan.add("certificates and products being received", Int(genesis.members) * (certificate + ciphertextBytes))
    // The primes' powers, their inverses and what a decryption works in; see paillier.md §3.
    plan.add("Paillier key and its workspaces", 64 * ciphertextBytes)
    plan.add("genesis", genesisBytes(genesis, meters))
    plan.addLink(peers: Int(genesis.members), members: 0)
    plan.add("datagrams in system calls", machineBytes)
    return plan
  }

  public static func meter(_ genesis: Genesis, ciphertextBytes: Int, machineBytes: Int) -> MemoryPlan {
    var plan = MemoryPlan()
    var meters = 0
    for owner in 0..<genesis.members { meters += Int(genesis.meterCount(of: ReplicaIndex(owner))) }
    plan.add("table of powers for encryption", Encryptor.tableBytes(modulusBytes: ciphertextBytes / 2))
    plan.add("workspaces of an encryption", 32 * ciphertextBytes)
    plan.add(
      "records that wait for a certificate",
      MeterNode.maximumOutstanding * (Record.fixedBytes + ciphertextBytes + MemoryLayout<OutstandingRecord>.stride))
    plan.add("certificate being received", Certificate.maximumBytes(genesis.context.quorum))
    plan.add("genesis", genesisBytes(genesis, meters))
    plan.addLink(peers: Int(genesis.members), members: 0)
    plan.add("datagrams in system calls", machineBytes)
    return plan
  }

  private static func genesisBytes(_ genesis: Genesis, _ meters: Int) -> Int {
    (meters + Int(genesis.members) + 1) * MemoryLayout<PartyKeys>.stride + genesis.modulus.count
  }
}
