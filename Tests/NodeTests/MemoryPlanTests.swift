import Aggregation
import CHeapCount
import Consensus
import Cryptography
import HAL
import Node
import Packets
import Paillier
import Testing
import Units
import Wire

@Suite("The memory plan that check-config prints")
struct MemoryPlanTests {
  /// Bytes of heap that something takes and keeps. Blocks with what the allocator adds to each.
  private static func taken(_ body: () -> AggregatorNode) -> (bytes: Int64, genesisKept: Bool) {
    let before = heap_bytes_of_this_thread()
    let node = body()
    let after = heap_bytes_of_this_thread()
    return (after - before, node.members > 0)
  }

  private static func keys(_ number: Int) -> PartyKeys {
    var seed = FixedBytes<32> { out in
      out.write(UInt64(number))
      out.writeZeros(24)
    }
    var other = seed
    let signer = SigningKey(seed: SecretBytes(taking: &seed))
    let agreement = AgreementKey(seed: SecretBytes(taking: &other))
    return PartyKeys(verificationKey: signer.verificationKey, agreementKey: agreement.publicKey)
  }

  private static func genesisFile(members: Int, metersPerSet: Int, _ key: PublicKey) -> [UInt8] {
    let modulus = [UInt8](capacity: key.modulusBytes) { out in key.writeModulus(into: &out) }
    // One meter's keys stand for all: they take as much.
    let meter = keys(1000)
    let genesis = Genesis(
      epoch: Epoch(1), group: GroupIndex(0), periodSeconds: 900, minimumContributors: 3, rotates: true,
      firstPeriod: Period(1001),
      slots: [Quantity.activeEnergyImport.slotCode, Quantity.activeEnergyExport.slotCode], modulus: modulus,
      modulusProof: Group.modulusProof, bookkeeper: keys(999), aggregators: (0..<members).map { keys($0) },
      meters: Array(repeating: Array(repeating: meter, count: metersPerSet), count: members))
    return [UInt8](capacity: genesis.encodedBytes) { out in genesis.encode(into: &out) }
  }

  private static func node(_ file: [UInt8], _ key: PublicKey) -> AggregatorNode {
    let genesis = try! Genesis(decoding: file.span)
    var peers: [Peer] = []
    for member in 1..<genesis.aggregators.count {
      peers.append(
        Peer(identifier: UInt32(member), agreementKey: genesis.aggregators[member].agreementKey, endpoint: nil))
    }
    peers.append(
      Peer(
        identifier: Party.bookkeeper.rawValue, agreementKey: genesis.bookkeeper.agreementKey, endpoint: nil))
    for set in 0..<genesis.members {
      for number in 0..<genesis.meterCount(of: ReplicaIndex(set)) {
        let meter = MeterIndex(number)
        let owner = ReplicaIndex(set)
        peers.append(
          Peer(
            identifier: Party.meter(meter, of: owner).rawValue,
            agreementKey: genesis.agreementKey(meter, of: owner), endpoint: nil, isQuiet: true))
      }
    }
    var seed = FixedBytes<32>(InlineArray(repeating: 5))
    var other = seed
    var third = seed
    let signer = SigningKey(seed: SecretBytes(taking: &seed))
    let sealer = Sealer(
      identifier: 0, agreementKey: AgreementKey(seed: SecretBytes(taking: &other)),
      packetKeySeed: SecretBytes(taking: &third), signer: signer, bootCounter: 1,
      run: RunIdentifier(FixedBytes(InlineArray(repeating: 6)))!, networkIdentifier: genesis.networkIdentifier,
      epoch: genesis.epoch, peers: peers)
    return AggregatorNode(
      genesis: genesis.withoutAgreementKeys(), key: key, index: ReplicaIndex(0),
      signer: signer, sealer: sealer)
  }

  @Test(
    "names what an aggregator takes at the start, to a twentieth",
    arguments: [(4, 7), (4, 500), (13, 40), (31, 100)])
  func aggregator(members: Int, metersPerSet: Int) {
    let key = try! PrivateKey(decoding: Group.keyFile.span, allowingSmallForTests: true).publicKey
    let file = Self.genesisFile(members: members, metersPerSet: metersPerSet, key)
    let plan = MemoryPlan.aggregator(
      try! Genesis(decoding: file.span), ciphertextBytes: key.ciphertextBytes, machineBytes: 0)
    let taken = Int(Self.taken { Self.node(file, key) }.bytes)
    #expect(abs(taken - plan.startBytes) * 20 <= taken, "\(taken) bytes taken, \(plan.startBytes) planned")
    #expect(plan.startBytes <= plan.bytes && plan.quietBytes <= plan.bytes)
  }

  @Test("the counter sees what is kept, and not what was given back")
  func counter() {
    let before = heap_bytes_of_this_thread()
    var kept: [[UInt8]] = []
    for count in 1000..<1010 { kept.append([UInt8](repeating: UInt8.random(in: 0...9), count: count)) }
    let whileKept = heap_bytes_of_this_thread() - before
    #expect(kept.reduce(0) { $0 + $1.count } == 10_045)
    kept = []
    let after = heap_bytes_of_this_thread() - before
    #expect(whileKept > 10_045 && whileKept < 11_500 && after < 100)
  }
}
