import Aggregation
import Consensus
import Cryptography
import HAL
import Node
import Packets
import Paillier
import SimulatedPlatform
import Testing
import Units
import Wire

/// One way to be wrong, and the reason it must be counted under.
struct BadRecord: Sendable, CustomStringConvertible {
  let description: String
  let refusal: RecordRefusal
  let bytes: @Sendable (Group) -> [UInt8]

  init(_ description: String, _ refusal: RecordRefusal, _ bytes: @escaping @Sendable (Group) -> [UInt8]) {
    self.description = description
    self.refusal = refusal
    self.bytes = bytes
  }

  /// n or n², big-endian, of a ciphertext's length.
  static func number(_ group: Group, _ change: (inout [UInt8], [UInt8]) -> Void) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: group.key.ciphertextBytes)
    change(&bytes, group.genesis.modulus)
    return bytes
  }

  /// Meter 0/0 in period 1002, with 1001 certified.
  static let all: [BadRecord] = [
    BadRecord("cut short", .malformed) { group in
      Array(group.record(0, 0, from: 1002, through: 1002).prefix(100))
    },
    BadRecord("reserved bytes set", .malformed) { group in
      var bytes = group.record(0, 0, from: 1002, through: 1002)
      bytes[5] = 1
      return bytes
    },
    BadRecord("a flipped bit in the ciphertext", .badSignature) { group in
      var bytes = group.record(0, 0, from: 1002, through: 1002)
      bytes[bytes.count - 1] ^= 1
      return bytes
    },
    BadRecord("signed with another meter's key", .badSignature) { group in
      var bytes = group.record(0, 0, from: 1002, through: 1002)
      let other = group.record(0, 1, from: 1002, through: 1002)
      bytes.replaceSubrange(120..<184, with: other[120..<184])
      return bytes
    },
    BadRecord("signed for another network", .badSignature) { group in
      var network = Digest()
      network.storage[0] = 1
      return group.record(0, 0, from: 1002, through: 1002, network: network)
    },
    BadRecord("another meter's name", .unknownMeter) { group in group.record(0, 1, from: 1002, through: 1002) },
    BadRecord("a meter that does not exist", .unknownMeter) { group in
      group.record(0, 0, from: 1002, through: 1002) { record in record.meter = MeterIndex(77) }
    },
    BadRecord("a set that does not exist", .wrongSet) { group in
      group.record(0, 0, from: 1002, through: 1002) { record in record.owner = ReplicaIndex(9) }
    },
    BadRecord("another epoch", .wrongEpoch) { group in
      group.record(0, 0, from: 1002, through: 1002) { record in record.epoch = Epoch(2) }
    },
    BadRecord("a period beyond the clock window", .wrongThrough) { group in
      group.record(0, 0, from: 1002, through: 1009)
    },
    BadRecord("a period long past", .wrongThrough) { group in group.record(0, 0, from: 990, through: 990) },
    BadRecord("from in what is covered", .wrongFrom) { group in group.record(0, 0, from: 1001, through: 1002) },
    BadRecord("from that leaves a gap", .wrongFrom) { group in group.record(0, 0, from: 1003, through: 1002) },
    BadRecord("the next period's, which has not ended", .wrongThrough) { group in
      group.record(0, 0, from: 1002, through: 1003)
    },
    BadRecord("the record of the last period, again", .wrongThrough) { group in
      group.record(0, 0, from: 1001, through: 1001)
    },
    BadRecord("foreign keyId", .foreignKey) { group in
      group.record(0, 0, from: 1002, through: 1002) { record in record.keyIdentifier = FixedBytes() }
    },
    BadRecord("ciphertext 0", .badCiphertext) { group in
      group.record(0, 0, from: 1002, through: 1002, ciphertext: BadRecord.number(group) { _, _ in })
    },
    BadRecord("ciphertext of all ones, above n²", .badCiphertext) { group in
      group.record(
        0, 0, from: 1002, through: 1002,
        ciphertext: BadRecord.number(group) { bytes, _ in for place in bytes.indices { bytes[place] = 255 } })
    },
    BadRecord("ciphertext n, which shares a factor with n", .badCiphertext) { group in
      group.record(
        0, 0, from: 1002, through: 1002,
        ciphertext: BadRecord.number(group) { bytes, n in
          bytes.replaceSubrange((bytes.count - n.count)..., with: n)
        })
    },
    BadRecord("ciphertext one byte short", .badCiphertext) { group in
      group.record(
        0, 0, from: 1002, through: 1002,
        ciphertext: Array(repeating: 3, count: group.key.ciphertextBytes - 1))
    },
  ]
}

@Suite("A bad record is refused with its reason and changes nothing")
struct BadRecordTests {
  /// A group in which period 1001 is certified and 1002 has just begun to be reported.
  private func prepared(without meter: Int? = nil) -> (group: Group, rogue: Rogue) {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3500)
    if let meter { group.killMeter(0, meter) }
    let rogue = Rogue.meter(0, 0, of: group)
    rogue.greet()
    return (group, rogue)
  }

  @Test("whatever is wrong with it (consensus rule C2)", arguments: BadRecord.all)
  func refused(bad: BadRecord) {
    let (group, rogue) = prepared()
    let before = group.state(2)
    let count = group.aggregators[2]!.refusals(bad.refusal)
    rogue.send(.record, bad.bytes(group), toAggregator: 2)
    group.step()
    rogue.listen()
    #expect(group.aggregators[2]!.refusals(bad.refusal) == count + 1)
    #expect(group.state(2) == before)
    #expect(!rogue.heard.contains { $0.type == .receipt })
  }

  @Test("a member that names a meter beyond every bitmap is refused, and does no harm (consensus rule C2)")
  func memberNamesNoMeter() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    let rogue = Rogue.aggregator(3, of: group)
    rogue.greet()
    let before = group.aggregators[1]!.refusals(RecordRefusal.unknownMeter)
    for meter in [UInt16(4), 511, 512, 32769, .max] {
      rogue.send(
        .record,
        group.record(0, 0, from: 1002, through: group.period) { record in record.meter = MeterIndex(meter) },
        toAggregator: 1)
    }
    group.step()
    group.step()
    #expect(group.aggregators[1]!.refusals(RecordRefusal.unknownMeter) == before + 5)
    #expect(group.failures == [])
  }

  @Test(
    "while the honest record is taken and receipted for the open position, also when it is sent twice (consensus rule C6)"
  )
  func honestRecordIsTaken() throws {
    // The primary waits for another one, and nothing is decided meanwhile.
    let (group, rogue) = prepared(without: 1)
    let record = group.record(0, 0, from: 1002, through: 1002)
    func receipts(sending copies: Int) -> Int {
      rogue.heard = []
      for _ in 0..<copies { rogue.send(.record, record, toAggregator: 2) }
      group.step()
      rogue.listen()
      return rogue.heard.filter { $0.type == .receipt }.count
    }
    #expect(receipts(sending: 1) == 1)
    let bytes = rogue.heard.first { $0.type == .receipt }!.body
    var reader = WireReader(bytes.span)
    let receipt = try Receipt(decoding: &reader)
    #expect(receipt.position == Position(2) && receipt.period == Period(1002) && receipt.signer == ReplicaIndex(2))
    let node = group.aggregators[2]!.node.held(ReplicaIndex(0), Period(1002))
    #expect(node.contains(MeterIndex(0)))
    // The receipt was lost; but a flood is not answered one by one.
    for _ in 0..<3 { group.step() }
    #expect(receipts(sending: 20) == 1)
    #expect(group.aggregators[2]!.node.evidenceCount == 0)
  }

  @Test("and a second, different one is evidence: the first stays (consensus rule C6)")
  func twoRecords() {
    let (group, rogue) = prepared()
    rogue.send(.record, group.record(0, 0, from: 1002, through: 1002, values: [1, 2]), toAggregator: 2)
    group.step()
    let before = group.state(2)
    rogue.send(.record, group.record(0, 0, from: 1002, through: 1002, values: [3, 4]), toAggregator: 2)
    group.step()
    #expect(group.aggregators[2]!.refusals(RecordRefusal.conflicting) == 1)
    #expect(group.aggregators[2]!.node.evidenceCount == 1)
    #expect(group.state(2) == before)
  }

  @Test("a datagram replayed, cut at any length or with any bit flipped is dropped (DESIGN §5)")
  func datagrams() {
    let (group, rogue) = prepared()
    let peer = 2
    let good = rogue.seal(.record, group.record(0, 0, from: 1002, through: 1002), to: peer)
    let target = Group.endpoint(Group.aggregatorName(2))
    let before = group.state(2)
    func drops() -> UInt64 { DropReason.allCases.reduce(0) { $0 + group.aggregators[2]!.drops($1) } }
    var sent: UInt64 = 0
    let start = drops()
    for length in 1..<good.count {
      rogue.post(Array(good.prefix(length)), to: target)
      sent += 1
    }
    for bit in 0..<(8 * good.count) {
      var flipped = good
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      rogue.post(flipped, to: target)
      sent += 1
      if sent % 1000 == 0 { group.step() }
    }
    group.step()
    #expect(drops() - start == sent)
    #expect(group.state(2).dropLast() == before.dropLast())
    rogue.post(good, to: target)
    group.step()
    #expect(group.aggregators[2]!.node.held(ReplicaIndex(0), Period(1002)).contains(MeterIndex(0)))
    let replayed = group.aggregators[2]!.drops(.replayed)
    rogue.post(good, to: target)
    group.step()
    #expect(group.aggregators[2]!.drops(.replayed) == replayed + 1)
  }

  @Test("an oversized datagram never reaches a node, and the next one is heard")
  func oversized() {
    let (group, rogue) = prepared()
    let target = Group.endpoint(Group.aggregatorName(2))
    rogue.post(Array(repeating: 7, count: Sealer.maximumDatagramBytes + 1), to: target)
    rogue.send(.record, group.record(0, 0, from: 1002, through: 1002), toAggregator: 2)
    group.step()
    #expect(group.aggregators[2]!.host.socket.oversizedCount == 1)
    #expect(group.aggregators[2]!.node.held(ReplicaIndex(0), Period(1002)).contains(MeterIndex(0)))
  }

  @Test("a bookkeeper that asks for records is refused and counted: it could decrypt them (DESIGN §2.2)")
  func bookkeeperAsksForRecords() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3500)
    let rogue = Rogue.bookkeeper(of: group)
    rogue.greet()
    var everyone = FixedBytes<64>()
    everyone.storage[0] = 7
    let want = Want(
      object: .records, owner: ReplicaIndex(0), position: Position(2), period: Period(1002), missing: everyone)
    rogue.send(.want, [UInt8](capacity: Want.encodedBytes) { out in want.encode(into: &out) }, toAggregator: 1)
    group.step()
    rogue.listen()
    #expect(group.aggregators[1]!.drops(.notAllowed) == 1)
    #expect(!rogue.heard.contains { $0.type == .record })
  }

  @Test("a meter is shown its own proof and nobody else's (DESIGN §2.2)")
  func foreignProof() {
    let (group, rogue) = prepared()
    for (meter, isOwn) in [(1, false), (0, true)] {
      rogue.heard = []
      let want = Want(object: .proof, owner: ReplicaIndex(0), meter: MeterIndex(UInt16(meter)))
      rogue.send(.want, [UInt8](capacity: Want.encodedBytes) { out in want.encode(into: &out) }, toAggregator: 1)
      group.step()
      rogue.listen()
      #expect(rogue.heard.contains { $0.type == .proof } == isOwn)
    }
  }
}
