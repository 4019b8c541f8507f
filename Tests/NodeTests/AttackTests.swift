import Aggregation
import Consensus
import Cryptography
import HAL
import Packets
import Testing
import Units
import Wire

@Suite("A node that is attacked answers little and listens no more")
struct AttackTests {
  /// A group that has decided something, and a member of it that turns.
  private static func group() -> (Group, Rogue) {
    let group = Group()
    _ = group.run(untilAtMost: 4) { (0..<4).allSatisfy { group.published.certificates["1001-\($0)"] != nil } }
    let rogue = Rogue.aggregator(3, of: group)
    rogue.greet()
    return (group, rogue)
  }

  private static func want(_ object: ObjectKind, _ owner: Int, _ period: UInt64) -> [UInt8] {
    var missing = FixedBytes<64>()
    missing.storage[0] = 7
    let want = Want(
      object: object, owner: ReplicaIndex(UInt16(owner)), meter: MeterIndex(0), period: Period(period), missing: missing
    )
    return [UInt8](capacity: Want.encodedBytes) { out in want.encode(into: &out) }
  }

  /// An object of set 0 in one piece.
  private static func chunk(_ object: ObjectKind, _ period: UInt64, _ bytes: [UInt8]) -> [UInt8] {
    let chunk = Chunk(
      object: object, owner: ReplicaIndex(0), index: 0, total: 1, period: Period(period),
      objectLength: UInt32(bytes.count))
    return [UInt8](capacity: Chunk.encodedBytes + bytes.count) { out in
      chunk.encode(into: &out)
      out.write(bytes.span)
    }
  }

  /// Bytes of the datagrams that answer, over those that asked: this many of them, with time to fill every budget but one.
  private static func answered(_ group: Group, _ rogue: Rogue, _ count: Int, _ ask: () -> (PacketType, [UInt8])) -> (
    asked: Int, answered: Int
  ) {
    rogue.listen()
    rogue.heard.removeAll()
    var asked = 0
    for _ in 0..<count {
      let (type, body) = ask()
      asked += PacketHeader.encodedBytes + body.count + 16
      rogue.send(type, body, toAggregator: 0)
      group.step()
      rogue.listen()
    }
    // Meters send this member their records too, of later periods.
    let answers = rogue.heard.filter { heard in
      switch heard.type {
      case .chunk: heard.body[0] < ObjectKind.roundChange.rawValue
      case .record: heard.body[24..<32].elementsEqual([233, 3, 0, 0, 0, 0, 0, 0])
      default: false
      }
    }
    return (asked, answers.reduce(0) { $0 + PacketHeader.encodedBytes + $1.body.count + 16 })
  }

  @Test(
    "what is asked for again and again is answered once, and then with as much as the asker sends",
    arguments: [ObjectKind.certificate, .product, .records, .coverageTable])
  func wants(object: ObjectKind) {
    let (group, rogue) = Self.group()
    let bytes = Self.answered(group, rogue, 400) { (.want, Self.want(object, 0, 1001)) }
    #expect(bytes.answered > 0)
    // One answer, half of it again, a burst and what was asked.
    #expect(bytes.answered <= bytes.asked + ServingCredit.burstBytes + 3 * 1232)
  }

  @Test("late votes and pieces of round changes are asking too")
  func late() {
    let (group, rogue) = Self.group()
    let vote = group.vote(.commit, signer: 3, owner: 0, period: 1001, digest: Digest())
    let body = Self.chunk(.roundChange, 1001, [1])
    var turn = 0
    let bytes = Self.answered(group, rogue, 400) {
      turn += 1
      return turn % 2 == 0 ? (.vote, vote) : (.chunk, body)
    }
    #expect(bytes.answered > 0)
    #expect(bytes.answered <= bytes.asked + ServingCredit.burstBytes + 3 * 1232)
    #expect(group.aggregators[0]!.drops(.overBudget) > 0)
  }

  @Test("contradictions and certificates that nobody signed silence who brings them", arguments: [true, false])
  func unsigned(isCertificate: Bool) throws {
    let (group, rogue) = Self.group()
    var certificate = group.published.certificates["1001-0"]!
    // Of a later period, and its last signature one bit off.
    certificate[16 + 56] &+= 1
    certificate[certificate.count - Header.encodedBytes - 1] ^= 1
    let contradiction = [UInt8](capacity: 232) { out in
      out.write(StatementKind.prepare.rawValue)
      out.writeZeros(5)
      out.writeZeros(2)
      out.write(UInt64(1001))
      out.writeZeros(8)
      out.writeZeros(8)
      for _ in 0..<96 { out.write(UInt8(1)) }
      out.writeZeros(8)
      for _ in 0..<96 { out.write(UInt8(2)) }
    }
    let body =
      isCertificate ? Self.chunk(.certificate, 1002, certificate) : Self.chunk(.contradiction, 1001, contradiction)
    for _ in 0..<40 { rogue.send(.chunk, body, toAggregator: 0) }
    group.step()
    let dropped = [group.aggregators[0]!.drops(.badSignature), group.aggregators[0]!.drops(.silenced)]
    #expect(dropped == [33, 7])
  }

  /// What a member may sign without end, each of another view, so that no two contradict each other.
  enum Useless: String, CaseIterable {
    case votes, roundChanges, certificates

    fileprivate func make(_ group: Group, _ period: UInt64, _ number: Int) -> (type: PacketType, body: [UInt8]) {
      let view = UInt32(1 + number)
      switch self {
      case .votes:
        return (.vote, group.vote(.commit, signer: 3, owner: 0, period: period, digest: Digest(), view: view))
      case .roundChanges:
        let statement = Statement(
          kind: .roundChange, in: group.genesis.context, owner: ReplicaIndex(0), period: Period(period),
          view: View(view), digest: Digest(), signer: ReplicaIndex(3))
        let vote = Vote(statement: statement, signature: group.aggregatorSeeds[3].signer().sign(statement))
        let change = [UInt8](capacity: Vote.encodedBytes + 8) { out in
          vote.encode(into: &out)
          out.writeZeros(8)
        }
        return (.chunk, AttackTests.chunk(.roundChange, period, change))
      case .certificates:
        // A good one, said to be of a period that has none.
        return (.chunk, AttackTests.chunk(.certificate, period, group.published.certificates["1001-0"]!))
      }
    }
  }

  @Test("what nobody needs costs no more signature checks than a member may have", arguments: Useless.allCases)
  func useless(_ kind: Useless) throws {
    let (group, rogue) = Self.group()
    let period = group.period
    let packets = (0..<1000).map { kind.make(group, period, $0) }
    let before = (group.aggregators[0]!.checks, group.aggregators[1]!.checks)
    for start in stride(from: 0, to: 1000, by: 200) {
      for packet in packets[start..<(start + 200)] { rogue.send(packet.type, packet.body, toAggregator: 0) }
      group.step()
    }
    let checked = group.aggregators[0]!.checks - before.0
    // Of what honest ones say, as much as anybody.
    let honest = group.aggregators[1]!.checks - before.1
    // All that there is at once, and less than a second's; or until it is not listened to.
    if kind == .certificates {
      #expect(checked >= 33 * 3 && checked < 40 * 3)
      #expect(group.aggregators[0]!.drops(.silenced) > 900)
    } else {
      #expect(checked >= 512 && checked < 512 + 64 + honest)
      #expect(group.aggregators[0]!.drops(.overBudget) > 300)
    }
    #expect(group.run(untilAtMost: 3) { group.published.certificates["\(period)-0"] != nil })
  }

  @Test("a certificate of a period that is forgotten is not looked at again")
  func oldCertificate() throws {
    let (group, rogue) = Self.group()
    let certificate = group.published.certificates["1001-0"]!
    #expect(group.run(untilAtMost: 14) { group.published.certificates["1011-0"] != nil })
    rogue.greet()
    let vote = Useless.votes.make(group, group.period, 0)
    let checks = group.aggregators[0]!.checks
    for _ in 0..<20 { rogue.send(.chunk, Self.chunk(.certificate, 1001, certificate), toAggregator: 0) }
    // It is heard.
    rogue.send(vote.type, vote.body, toAggregator: 0)
    group.step()
    let checked = group.aggregators[0]!.checks - checks
    #expect(checked >= 1 && checked < 20)
  }

  @Test("pieces that fit nothing are dropped and counted")
  func pieces() {
    let (group, rogue) = Self.group()
    let before = group.aggregators[0]!.drops(.malformedBody)
    for object in [ObjectKind.certificate, .roundChange, .newRound, .contradiction] {
      let chunk = Chunk(
        object: object, owner: ReplicaIndex(0), index: 0, total: 65535, period: Period(group.period),
        objectLength: .max)
      let body = [UInt8](capacity: Chunk.encodedBytes + 1024) { out in
        chunk.encode(into: &out)
        for _ in 0..<1024 { out.write(UInt8(9)) }
      }
      rogue.send(.chunk, body, toAggregator: 0)
    }
    group.step()
    #expect(group.aggregators[0]!.drops(.malformedBody) == before + 4)
  }

  @Test(
    "of packets of an unknown run one is answered, and none that is shorter than the answer", arguments: [true, false])
  func reflection(isShort: Bool) {
    let group = Group()
    group.run(milliseconds: 300)
    // From an address that says nothing itself: the answer is what lies there afterwards.
    let address = Endpoint(ipv4: 198, 51, 100, 7, port: 7)
    var socket = group.network.attach(address)
    let header = PacketHeader(
      type: .vote, bodyLength: isShort ? 160 : 168, sender: Group.aggregatorName(1).rawValue,
      receiver: Group.aggregatorName(0).rawValue, bootCounter: 1 << 40, packetSequence: 1,
      senderKeyNumber: 1, receiverKeyNumber: 1)
    let datagram = [UInt8](capacity: 240) { out in
      header.encode(into: &out)
      out.writeZeros((isShort ? 160 : 168) + 16)
    }
    for _ in 0..<3 { try? socket.send(datagram.span, to: Group.endpoint(Group.aggregatorName(0))) }
    group.step()
    #expect(group.aggregators[0]!.drops(.unknownBoot) == 3)
    #expect(group.network.waitingCount(at: address) == (isShort ? 0 : 1))
  }

  @Test("a meter that says its record again and again is given one receipt in a tick")
  func receipts() {
    let group = Group()
    group.run(milliseconds: 1000)
    let rogue = Rogue.meter(0, 1, of: group)
    rogue.greet()
    let period = group.period - 1
    let record = group.record(0, 1, from: 1001, through: max(1001, period))
    _ = group.run(untilAtMost: 2) { group.period > 1001 }
    rogue.heard.removeAll()
    let before = group.aggregators[0]!.drops(.overBudget)
    for _ in 0..<3 {
      for _ in 0..<20 { rogue.send(.record, record, toAggregator: 0) }
      group.step()
      rogue.listen()
    }
    #expect(rogue.heard.filter { $0.type == .receipt }.count == 3)
    // Honest meters repeat themselves too when they are in haste.
    #expect(group.aggregators[0]!.drops(.overBudget) >= before + 57)
  }

  @Test("a meter that signs ever new records of one period is silenced, as if their signatures did not hold")
  func newRecords() {
    let group = Group()
    group.run(milliseconds: 1000)
    let rogue = Rogue.meter(0, 1, of: group)
    rogue.greet()
    _ = group.run(untilAtMost: 2) { group.period > 1001 }
    for seed in 1...40 as ClosedRange<UInt64> {
      rogue.send(.record, group.record(0, 1, from: 1001, through: 1001, seed: seed), toAggregator: 0)
    }
    group.step()
    let dropped = [group.aggregators[0]!.drops(.badSignature), group.aggregators[0]!.drops(.silenced)]
    #expect(group.aggregators[0]!.refusals(RecordRefusal.conflicting) == 33)
    #expect(dropped == [33, 6])
  }

  @Test("a member whose address changes is heard again by the meters that wrote to the old one, within two periods")
  func moved() {
    let group = Group()
    _ = group.run(untilAtMost: 4) { (0..<4).allSatisfy { group.published.certificates["1001-\($0)"] != nil } }
    group.aggregators[3]!.host.socket = group.network.attach(Endpoint(ipv4: 198, 51, 100, 9, port: 9))
    let moved = group.period
    _ = group.run(untilAtMost: 6) { group.period > moved + 4 }
    // Sets that it leads are certified with every meter, by view 0.
    let led = (0..<4).filter {
      group.genesis.context.primary(
        owner: ReplicaIndex(UInt16($0)), period: Period(moved + 2), view: View(0)) == ReplicaIndex(3)
    }
    #expect(led.count == 1)
    let bytes = group.published.certificates["\(moved + 2)-\(led[0])"] ?? []
    #expect(bytes.count > Header.encodedBytes && bytes[8] == 1)
    let tail = Array(bytes.suffix(Header.encodedBytes))
    var reader = WireReader(tail.span)
    let header = try? Header(decoding: &reader)
    #expect(header?.contributors.count == 3 && header?.author == ReplicaIndex(3))
  }
}
