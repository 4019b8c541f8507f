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

  /// The same one period later, and time stands still: aggregator 0 leads set 2 and proposed in position 2, and nobody is there to
  /// decide. So what may be asked for stays what it is.
  private static func halted() -> (group: Group, rogue: Rogue, header: Header) {
    let (group, rogue) = group()
    for index in 1...2 { group.killAggregator(index) }
    var header: Header?
    _ = group.run(untilAtMost: 2) {
      rogue.listen()
      for heard in rogue.heard where heard.type == .proposal && heard.body[2] == 2 {
        let bytes = Array(heard.body.dropFirst(120))
        var reader = WireReader(bytes.span)
        header = try? Header(decoding: &reader)
      }
      return header != nil
    }
    group.clock.set(wall: group.clock.wall(), state: .unsynchronised)
    return (group, rogue, header!)
  }

  private static func want(_ want: Want) -> [UInt8] {
    [UInt8](capacity: Want.encodedBytes) { out in want.encode(into: &out) }
  }

  /// What of set 2 is asked for: of its open position a proposal's records and manifest, of the decided one all else.
  private static func want(_ object: ObjectKind, _ header: Header) -> [UInt8] {
    let isOpen = [.records, .manifest].contains(object)
    return want(
      Want(
        object: object, owner: ReplicaIndex(2), position: Position(isOpen ? 2 : 1),
        period: isOpen ? header.period : Period(0),
        digest: isOpen ? header.digest : Digest(), missing: header.contributors.bytes))
  }

  /// Bytes of the datagrams that answer, over those that asked: this many of them, with time to fill every budget but one.
  private static func answered(_ group: Group, _ rogue: Rogue, _ count: Int, _ ask: () -> (PacketType, [UInt8])) -> (
    asked: Int, answered: Int
  ) {
    rogue.listen()
    rogue.heard.removeAll()
    // Its STATUS counts like whatever else it sends under its seal.
    let before = rogue.sentBytes
    for _ in 0..<count {
      let (type, body) = ask()
      rogue.send(type, body, toAggregator: 0)
      group.step()
      rogue.listen()
    }
    // Meters send this member their records too.
    let answers = rogue.heard.filter { heard in
      switch heard.type {
      case .chunk: ![.roundChange, .newRound].contains(ObjectKind(rawValue: heard.body[0]))
      case .record: heard.body[0] == 2
      default: false
      }
    }
    return (rogue.sentBytes - before, answers.reduce(0) { $0 + PacketHeader.encodedBytes + $1.body.count + 16 })
  }

  @Test(
    "what is asked for again and again is answered once, and then with as much as the asker sends",
    arguments: [ObjectKind.certificate, .product, .records, .head, .manifest])
  func wants(object: ObjectKind) {
    let (group, rogue, header) = Self.halted()
    // What its meters send to the rogue by themselves; one datagram for each.
    for meter in 0..<4 { group.killMeter(2, meter) }
    let bytes = Self.answered(group, rogue, 400) { (.want, Self.want(object, header)) }
    #expect(bytes.answered > 0)
    // One answer, half of it again, a burst and what was asked.
    #expect(bytes.answered <= bytes.asked + ServingCredit.burstBytes + 3 * 1232)
  }

  @Test("late votes and pieces of round changes are asking too")
  func late() {
    let (group, rogue, _) = Self.halted()
    let vote = group.vote(.commit, signer: 3, owner: 0, period: 1001, digest: Digest())
    let body = group.chunks(.roundChange, 0, position: 1, [1])[0]
    var turn = 0
    let bytes = Self.answered(group, rogue, 400) {
      turn += 1
      return turn % 2 == 0 ? (.vote, vote) : (.chunk, body)
    }
    #expect(bytes.answered > 0)
    #expect(bytes.answered <= bytes.asked + ServingCredit.burstBytes + 3 * 1232)
    #expect(group.aggregators[0]!.drops(.overBudget) > 0)
  }

  @Test("contradictions and heads that nobody signed silence who brings them", arguments: [true, false])
  func unsigned(isHead: Bool) throws {
    let (group, rogue) = Self.group()
    var head = group.published.certificates["1001-0"]!
    // Of the next position, and its last signature one bit off. A table follows.
    head[8 + 64] &+= 1
    head[head.count - Header.encodedBytes - 1] ^= 1
    head += [UInt8](repeating: 0, count: 32)
    let contradiction = [UInt8](capacity: Contradiction.voteBytes) { out in
      out.write(StatementKind.prepare.rawValue)
      out.writeZeros(7)
      out.write(UInt64(1001))
      out.write(UInt64(1))
      out.writeZeros(8)
      for half: UInt8 in 1...2 {
        out.writeZeros(12)
        for _ in 0..<96 { out.write(half) }
      }
    }
    let body = group.chunks(isHead ? .head : .contradiction, 0, position: 2, isHead ? head : contradiction)[0]
    for _ in 0..<40 { rogue.send(.chunk, body, toAggregator: 0) }
    group.step()
    let dropped = [group.aggregators[0]!.drops(.badSignature), group.aggregators[0]!.drops(.silenced)]
    #expect(dropped == [33, 7])
  }

  /// What a member may sign without end, each of another view, so that no two contradict each other.
  enum Useless: String, CaseIterable {
    case votes, roundChanges, heads

    fileprivate func make(_ group: Group, _ number: Int) -> (type: PacketType, body: [UInt8]) {
      let round = Round(Period(group.period), View(UInt32(1 + number)))
      let position = group.aggregators[0]!.headPosition(0) + 1
      switch self {
      case .votes:
        return (
          .vote,
          group.vote(
            .commit, signer: 3, owner: 0, position: position, period: round.period.rawValue, digest: Digest(),
            view: round.view.rawValue)
        )
      case .roundChanges:
        let change = group.roundChange(signer: 3, owner: 0, position: position, to: round)
        return (.chunk, group.chunks(.roundChange, 0, position: position, change)[0])
      case .heads:
        // A good one, said to be of a position that is not decided.
        let head = group.published.certificates["1001-0"]! + [UInt8](repeating: 0, count: 32)
        return (.chunk, group.chunks(.head, 0, position: position, head)[0])
      }
    }
  }

  @Test("what nobody needs costs no more signature checks than a member may have", arguments: Useless.allCases)
  func useless(_ kind: Useless) throws {
    let (group, rogue) = Self.group()
    let period = group.period
    let packets = (0..<1000).map { kind.make(group, $0) }
    let before = (group.aggregators[0]!.checks, group.aggregators[1]!.checks)
    for start in stride(from: 0, to: 1000, by: 200) {
      for packet in packets[start..<(start + 200)] { rogue.send(packet.type, packet.body, toAggregator: 0) }
      group.step()
    }
    let checked = group.aggregators[0]!.checks - before.0
    // Of what honest ones say, as much as anybody.
    let honest = group.aggregators[1]!.checks - before.1
    // All that there is at once, and less than a second's; or until it is not listened to.
    if kind == .heads {
      #expect(checked >= 33 * 3 && checked < 40 * 3)
      #expect(group.aggregators[0]!.drops(.silenced) > 900)
    } else {
      #expect(checked >= 512 && checked < 512 + 64 + honest)
      #expect(group.aggregators[0]!.drops(.overBudget) > 300)
    }
    #expect(group.run(untilAtMost: 3) { group.published.certificates["\(period)-0"] != nil })
  }

  @Test("a head of a position that was left behind is not looked at again")
  func oldHead() throws {
    let (group, rogue) = Self.group()
    let head = group.published.certificates["1001-0"]! + [UInt8](repeating: 0, count: 32)
    #expect(group.run(untilAtMost: 14) { group.published.certificates["1011-0"] != nil })
    rogue.greet()
    let vote = Useless.votes.make(group, 0)
    let checks = group.aggregators[0]!.checks
    for _ in 0..<20 { rogue.send(.chunk, group.chunks(.head, 0, position: 1, head)[0], toAggregator: 0) }
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
    for object in [ObjectKind.head, .manifest, .roundChange, .newRound, .contradiction] {
      let chunk = Chunk(
        object: object, owner: ReplicaIndex(0), index: 0, total: 65535,
        position: Position(group.aggregators[0]!.headPosition(0) + 1), objectLength: .max)
      let body = [UInt8](capacity: Chunk.encodedBytes + 1024) { out in
        chunk.encode(into: &out)
        for _ in 0..<1024 { out.write(UInt8(9)) }
      }
      rogue.send(.chunk, body, toAggregator: 0)
    }
    // What members never bring each other is not even put together.
    let notAllowed = group.aggregators[0]!.drops(.notAllowed)
    for object in [ObjectKind.certificate, .product, .records, .proof] {
      rogue.send(.chunk, group.chunks(object, 0, position: 9, [1])[0], toAggregator: 0)
    }
    group.step()
    #expect(group.aggregators[0]!.drops(.malformedBody) == before + 5)
    #expect(group.aggregators[0]!.drops(.notAllowed) == notAllowed + 4)
  }

  @Test(
    "of packets of an unknown run one is answered, and none that is shorter than the answer", arguments: [true, false])
  func reflection(isShort: Bool) {
    let group = Group()
    group.run(milliseconds: 300)
    // From an address that says nothing itself: the answer is what lies there afterwards.
    let address = Endpoint(ipv4: 198, 51, 100, 7, port: 7)
    var socket = group.network.attach(address)
    let bodyBytes = Sealer.statusDatagramBytes - PacketHeader.encodedBytes - 16 - (isShort ? 1 : 0)
    let header = PacketHeader(
      type: .vote, bodyLength: UInt16(bodyBytes), sender: Group.aggregatorName(1).rawValue,
      receiver: Group.aggregatorName(0).rawValue, bootCounter: 1 << 40, packetSequence: 1,
      senderKeyNumber: 1, receiverKeyNumber: 1)
    let datagram = [UInt8](capacity: 400) { out in
      header.encode(into: &out)
      out.writeZeros(bodyBytes + 16)
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
      group.genesis.context.primary(owner: ReplicaIndex(UInt16($0)), Round(Period(moved + 2))) == ReplicaIndex(3)
    }
    #expect(led.count == 1)
    let header = group.certified(led[0], moved + 2)
    #expect(header?.contributors.count == 4 && header?.author == ReplicaIndex(3))
  }
}
