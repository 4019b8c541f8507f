import HAL
import Packets
import SimulatedPlatform
import Testing
import Units
import Wire

private func at(_ milliseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }

@Suite("Token buckets")
struct TokenBucketTests {
  @Test("give out their burst at once and then their rate, exactly")
  func rate() {
    var bucket = TokenBucket(perSecond: 1000, burst: 10)
    var given = 0
    for millisecond in 0..<1000 as Range<UInt64> {
      for _ in 0..<5 where bucket.take(1, at: at(millisecond)) { given += 1 }
    }
    // 10 at once, 999 as time went on.
    #expect(given == 1009)
  }

  @Test("hold no more than the burst, however long nobody asks; time that goes back adds nothing")
  func cap() {
    var bucket = TokenBucket(perSecond: 1 << 40, burst: 3)
    let taken = [
      bucket.take(3, at: at(1)), bucket.take(3, at: at(1_000_000_000)), bucket.take(1, at: at(5)),
      bucket.take(4, at: at(2_000_000_000)),
    ]
    #expect(taken == [true, true, false, false])
  }

  @Test("go below zero for what cannot wait, at most by a burst, and the rest waits for it")
  func charge() {
    var bucket = TokenBucket(perSecond: 1000, burst: 10)
    bucket.charge(100, at: at(0))
    #expect(bucket.moment(of: 1, after: at(0)) == at(1))
    bucket.charge(100, at: at(0))
    #expect(bucket.moment(of: 1, after: at(0)) == at(11))
    let taken = [bucket.take(1, at: at(10)), bucket.take(1, at: at(11))]
    #expect(taken == [false, true])
  }

  @Test("without a rate never fill again")
  func noRate() {
    var bucket = TokenBucket(perSecond: 0, burst: 1)
    let taken = [bucket.take(1, at: at(0)), bucket.take(1, at: at(1_000_000))]
    #expect(taken == [true, false])
    #expect(bucket.moment(of: 1, after: at(0)) == nil)
    #expect(bucket.moment(of: 2, after: at(0)) == nil)
  }
}

@Suite("Token buckets in four bytes")
struct RefillMomentTests {
  /// The same with a level in sixteenths of a token, and nothing that goes round.
  private struct Naive {
    let perSecond: UInt64
    let burst: UInt64
    var level: UInt64
    var filledAt: UInt64 = 0

    init(perSecond: UInt64, burst: UInt64) {
      self.perSecond = perSecond
      self.burst = burst
      level = 16 * burst
    }

    mutating func take(at now: MonotonicTime) -> Bool {
      let moment = now.nanoseconds / (1_000_000_000 / (16 * perSecond))
      level = min(16 * burst, level + (moment - filledAt))
      filledAt = moment
      guard level >= 16 else { return false }
      level -= 16
      return true
    }
  }

  @Test("give what naive ones give, also while their number goes round", arguments: [(4000, 256), (100, 64), (3, 32)])
  func agreesWithNaive(perSecond: UInt64, burst: UInt64) {
    var random = SeededGenerator(seed: perSecond)
    // In the number's first round, and from two bursts' time before its end.
    let round = (1 << 32) * (1_000_000_000 / (16 * perSecond))
    for start in [0, round - 2 * burst * 1_000_000_000 / perSecond] as [UInt64] {
      var bucket = RefillMoment()
      var naive = Naive(perSecond: perSecond, burst: burst)
      var now = start
      var given = 0
      var differences = 0
      for _ in 0..<20_000 {
        // Faster than the rate, with a pause now and then in which the bucket fills.
        let isPause = UInt64.random(in: 0..<2000, using: &random) == 0
        now +=
          isPause
          ? 2 * burst * 1_000_000_000 / perSecond : UInt64.random(in: 0..<600_000_000 / perSecond, using: &random)
        let time = MonotonicTime(nanoseconds: now)
        let isGiven = bucket.take(perSecond: perSecond, burst: burst, at: time)
        if isGiven != naive.take(at: time) { differences += 1 }
        if isGiven { given += 1 }
      }
      #expect(differences == 0)
      #expect(given > 1000 && given < 20_000)
    }
  }

  @Test(
    "that nobody used for a round of their number give less for a burst's time at most, and never more than a burst")
  func round() {
    let perSecond: UInt64 = 4000
    let round = MonotonicTime(nanoseconds: (1 << 32) * (1_000_000_000 / (16 * perSecond)))
    var bucket = RefillMoment()
    for _ in 0..<256 { _ = bucket.take(perSecond: perSecond, burst: 256, at: at(0)) }
    var given = 0
    while bucket.take(perSecond: perSecond, burst: 256, at: round) { given += 1 }
    #expect(given == 0)
    while bucket.take(perSecond: perSecond, burst: 256, at: round.adding(milliseconds: 64)) { given += 1 }
    #expect(given == 256)
  }
}

@Suite("Ingress budgets (docs/PROTOCOL.md, Packets)")
struct IngressTests {
  /// Two that know each other; the second one keeps budgets.
  private static func pair() -> (one: Box, other: Box) {
    var one = Fixture.sealer(1, 2, boot: 3, endpoint: Fixture.home)
    var other = Fixture.sealer(2, 1, boot: 5, endpoint: Fixture.home)
    exchange(&one, &other)
    other.advance(to: at(0))
    return (Box(one), Box(other))
  }
  /// A sealer that a closure can hold.
  final class Box {
    var sealer: Sealer
    init(_ sealer: consuming Sealer) { self.sealer = sealer }
    func drops(_ reason: DropReason) -> UInt64 { sealer.dropCount(reason) }
    func packet(_ type: PacketType) -> [UInt8] { sealer.packet(type, [1]) ?? [] }
    func takes(_ datagram: [UInt8], from source: Endpoint = Fixture.home) -> Bool {
      sealer.body(of: datagram, from: source) != nil
    }
  }

  @Test("a peer's own packets pass at 256 at once and 4000 a second, and what is over is counted")
  func peer() {
    let (one, other) = Self.pair()
    var passed = 0
    for _ in 0..<300 where other.takes(one.packet(.vote)) { passed += 1 }
    #expect(passed == 256)
    #expect(other.drops(.overBudget) == 44)
    other.sealer.advance(to: at(10))
    for _ in 0..<300 where other.takes(one.packet(.vote)) { passed += 1 }
    #expect(passed == 256 + 40)
  }

  @Test("WANTs have a narrower budget than the rest")
  func wants() {
    let (one, other) = Self.pair()
    var passed = 0
    for _ in 0..<100 where other.takes(one.packet(.want)) { passed += 1 }
    #expect(passed == 64)
    #expect(other.takes(one.packet(.vote)))
  }

  @Test("512 signatures of a peer are checked at once, 64 a second, and what is over is counted")
  func signatures() {
    let (_, other) = Self.pair()
    let before = other.sealer.signatureChecks
    var checked = 0
    for _ in 0..<200 where other.sealer.mayCheckSignatures(3, of: 0) { checked += 3 }
    #expect(checked == 510)
    #expect(other.drops(.overBudget) == 30)
    other.sealer.advance(to: at(1000))
    for _ in 0..<200 where other.sealer.mayCheckSignatures(1, of: 0) { checked += 1 }
    #expect(checked == 512 + 64)
    let counted = other.sealer.signatureChecks - before
    #expect(counted == 512 + 64)
  }

  @Test("a larger group's members may have more signatures checked, and no group's fewer")
  func granted() {
    let (_, other) = Self.pair()
    other.sealer.grantChecks(perSecond: 100, burst: 10)
    var checked = 0
    for _ in 0..<600 where other.sealer.mayCheckSignatures(1, of: 0) { checked += 1 }
    other.sealer.advance(to: at(1000))
    for _ in 0..<600 where other.sealer.mayCheckSignatures(1, of: 0) { checked += 1 }
    #expect(checked == 512 + 100)
  }

  @Test("a member may bring one other record of each meter of a set at once, and that spends no votes")
  func otherRecords() {
    let (_, other) = Self.pair()
    var checked = 0
    for _ in 0..<600 where other.sealer.mayCheckOtherRecord(of: 0) { checked += 1 }
    #expect(checked == 512)
    #expect(other.drops(.overBudget) == 88)
    let mayVote = other.sealer.mayCheckSignatures(512, of: 0)
    #expect(mayVote)
  }

  @Test("forgeries from elsewhere spend the strangers' budget and nothing of the peer they name")
  func spoofed() {
    let (one, other) = Self.pair()
    let forged = one.packet(.vote).flipping(8 * 50)
    for _ in 0..<1000 { #expect(!other.takes(forged, from: Fixture.elsewhere)) }
    #expect(other.drops(.badSeal) == 256)
    #expect(other.drops(.strangersOverBudget) == 744)
    var passed = 0
    for _ in 0..<256 where other.takes(one.packet(.vote)) { passed += 1 }
    #expect(passed == 256)
  }

  @Test("a peer that moved is heard as soon as the strangers' budget allows, and from then on has its own")
  func moved() {
    let (one, other) = Self.pair()
    let forged = one.packet(.vote).flipping(8 * 50)
    for _ in 0..<256 { _ = other.takes(forged, from: Fixture.elsewhere) }
    #expect(!other.takes(one.packet(.vote), from: Fixture.elsewhere))
    other.sealer.advance(to: at(1))
    #expect(other.takes(one.packet(.vote), from: Fixture.elsewhere))
    var passed = 0
    for _ in 0..<200 where other.takes(one.packet(.vote), from: Fixture.elsewhere) { passed += 1 }
    #expect(passed == 200)
  }

  @Test("what anybody sends is looked at 4096 times at once and 50,000 times a second")
  func interface() {
    let (one, other) = Self.pair()
    var unknown = one.packet(.vote)
    unknown[4] = 9
    for _ in 0..<5000 { #expect(!other.takes(unknown, from: Fixture.elsewhere)) }
    #expect(other.drops(.unknownSender) == 4096)
    #expect(other.drops(.interfaceOverBudget) == 904)
    other.sealer.advance(to: at(1))
    for _ in 0..<100 { #expect(!other.takes(unknown, from: Fixture.elsewhere)) }
    #expect(other.drops(.unknownSender) == 4096 + 50)
  }

  @Test("a peer is silenced for 10 s by its 33rd bad signature at once, and by no fewer")
  func penalty() {
    let (one, other) = Self.pair()
    for _ in 0..<32 { other.sealer.countBadSignature(of: 0) }
    #expect(other.takes(one.packet(.vote)))
    other.sealer.countBadSignature(of: 0)
    #expect(!other.takes(one.packet(.vote)))
    #expect(other.drops(.silenced) == 1 && other.drops(.badSignature) == 33)
    other.sealer.advance(to: at(9_999))
    #expect(!other.takes(one.packet(.vote)))
    other.sealer.advance(to: at(10_000))
    #expect(other.takes(one.packet(.vote)))
  }
}

@Suite("Transfers between members")
struct TransfersTests {
  private static let all = FixedBytes<64>(InlineArray(repeating: 0xFF))
  private static let bytes = 1008
  private let member = ReplicaIndex(1)
  private let owner = ReplicaIndex(2)

  /// Meters sent at this moment, in order; their packets are numbered on from `sequence`.
  private static func drain(_ transfers: inout Transfers, _ sequence: inout UInt64, at now: MonotonicTime) -> [UInt16] {
    var sent: [UInt16] = []
    while let next = transfers.next(bytes: bytes, at: now) {
      transfers.sent(next.member, next.owner, next.period, next.meter, sequence: sequence, at: now)
      sequence += 1
      sent.append(next.meter.rawValue)
    }
    return sent
  }

  private static func bits(_ meters: [Int]) -> FixedBytes<64> {
    var result = FixedBytes<64>()
    for meter in meters { result.storage[meter / 8] |= 1 << UInt8(meter % 8) }
    return result
  }

  @Test("send each record asked for once, however often it is asked for, while it may still arrive")
  func once() {
    var transfers = Transfers(members: 4)
    var sequence: UInt64 = 0
    var drained: [UInt16] = []
    _ = transfers.want(member, owner, Period(1), missing: Self.bits([3, 500, 511]), highest: 0, at: at(0))
    drained = Self.drain(&transfers, &sequence, at: at(0))
    #expect(drained == [3, 500, 511])
    // Within the time an answer needs, with none of them seen.
    _ = transfers.want(member, owner, Period(1), missing: Self.bits([3, 500, 511]), highest: 0, at: at(15))
    drained = Self.drain(&transfers, &sequence, at: at(15))
    #expect(drained == [])
    // The member saw the third, three numbers beyond none of them; then one that is.
    _ = transfers.want(member, owner, Period(1), missing: Self.bits([3]), highest: 2, at: at(26))
    drained = Self.drain(&transfers, &sequence, at: at(26))
    #expect(drained == [])
    _ = transfers.want(member, owner, Period(1), missing: Self.bits([3]), highest: 3, at: at(37))
    drained = Self.drain(&transfers, &sequence, at: at(37))
    #expect(drained == [3])
    // No sign of life, but an answer is overdue.
    _ = transfers.want(member, owner, Period(1), missing: Self.bits([3]), highest: 2, at: at(137))
    drained = Self.drain(&transfers, &sequence, at: at(137))
    #expect(drained == [3])
  }

  @Test("answer one WANT about an object in 10 ms, and hold two objects for a member")
  func limits() {
    var transfers = Transfers(members: 4)
    func ask(_ period: UInt64, _ milliseconds: UInt64, of member: ReplicaIndex) -> WantOutcome {
      transfers.want(member, owner, Period(period), missing: Self.all, highest: 0, at: at(milliseconds))
    }
    let outcomes = [
      ask(1, 0, of: member), ask(1, 9, of: member), ask(1, 10, of: member), ask(2, 10, of: member),
      ask(3, 10, of: member), ask(3, 10, of: ReplicaIndex(3)),
      // An object that nobody asked about for 2 s makes room.
      ask(3, 2011, of: member),
    ]
    #expect(outcomes == [.taken, .tooSoon, .taken, .taken, .busy, .taken, .taken])
  }

  @Test("forget what is no longer missed")
  func forget() {
    var transfers = Transfers(members: 4)
    var sequence: UInt64 = 0
    var drained: [UInt16] = []
    _ = transfers.want(member, owner, Period(1), missing: Self.all, highest: 0, at: at(0))
    _ = transfers.want(member, owner, Period(1), missing: Self.bits([7]), highest: 0, at: at(10))
    drained = Self.drain(&transfers, &sequence, at: at(10))
    #expect(drained == [7])
    let next = transfers.nextMoment(bytes: Self.bytes, after: at(10))
    #expect(next == nil)
  }

  @Test("serve a member that always asks for everything 4 times and 64 records, and no more")
  func liar() {
    var transfers = Transfers(members: 4)
    var sequence: UInt64 = 0
    var sent = 0
    var askedBytes = 0
    for step in 0..<4000 as Range<UInt64> {
      // It claims to have seen everything and to miss everything.
      let outcome = transfers.want(
        member, owner, Period(1), missing: Self.bits(Array(0..<100)), highest: sequence, at: at(step * 11))
      if outcome == .taken { askedBytes += 100 * Self.bytes }
      sent += Self.drain(&transfers, &sequence, at: at(step * 11)).count
    }
    #expect((464...564).contains(sent))
    #expect(sent * Self.bytes <= askedBytes)
    let refused = transfers.refusedCount
    #expect(refused > 0)
  }

  @Test("let what cannot wait go first: bulk stops until it is paid for")
  func priority() {
    var transfers = Transfers(members: 4)
    var sequence: UInt64 = 0
    var drained: [UInt16] = []
    _ = transfers.want(member, owner, Period(1), missing: Self.all, highest: 0, at: at(0))
    for _ in 0..<10 { transfers.charge(nil, bytes: 1232, at: at(0)) }
    drained = Self.drain(&transfers, &sequence, at: at(0))
    #expect(drained == [])
    let moment = transfers.nextMoment(bytes: Self.bytes, after: at(0))
    #expect(moment != nil)
    drained = Self.drain(&transfers, &sequence, at: moment ?? at(0))
    #expect(drained.count == 1)
  }

  @Test("take turns among members")
  func turns() {
    var transfers = Transfers(members: 4)
    for other in 1..<4 as Range<UInt16> {
      _ = transfers.want(ReplicaIndex(other), owner, Period(1), missing: Self.all, highest: 0, at: at(0))
    }
    var order: [UInt16] = []
    while let next = transfers.next(bytes: Self.bytes, at: at(0)) { order.append(next.member.rawValue) }
    #expect(Array(order.prefix(6)) == [1, 2, 3, 1, 2, 3])
  }
}

@Suite("Pacing of bulk (RFC 8085, §3.1)")
struct PacerTests {
  /// Reports of 100 packets each, one a round trip, with this delay and loss; the rate afterwards in bytes a second.
  private static func rate(reports: UInt64, delayMilliseconds: UInt64, loss: UInt64) -> UInt64 {
    let member = ReplicaIndex(1)
    var transfers = Transfers(members: 2)
    var time: UInt64 = 1000
    var sequence: UInt64 = 0
    var received: UInt64 = 0
    func report(_ delay: UInt64, _ loss: UInt64) {
      sequence += 100
      received += 100 - loss
      transfers.left(member, sequence: sequence, at: at(time))
      time += delay
      transfers.report(member, highest: sequence, received: received, heldNanoseconds: 0, at: at(time))
    }
    for _ in 0..<3 { report(10, 0) }
    for _ in 0..<reports { report(delayMilliseconds, loss) }
    return transfers.bytesPerSecond(member)
  }

  @Test("grows by a step for each round trip without congestion, up to what the interface is granted")
  func growth() {
    let limits = PacingLimits()
    #expect(
      Self.rate(reports: 20, delayMilliseconds: 10, loss: 0) > limits.startBytesPerSecond + 15
        * limits.stepBytesPerSecond)
    #expect(Self.rate(reports: 1000, delayMilliseconds: 10, loss: 0) == limits.interfaceBytesPerSecond)
  }

  @Test(
    "never goes above what the link is said to carry, to all members together, from the first moment on",
    arguments: [100_000, 1_000_000, 8_000_000, 20_000_000, 1_000_000_000] as [Int64])
  func link(bitsPerSecond: Int64) {
    let limits = PacingLimits(linkBitsPerSecond: bitsPerSecond)
    let members = 5
    var transfers = Transfers(members: members, limits: limits)
    let all = FixedBytes<64>(InlineArray(repeating: 255))
    for member in 0..<members {
      _ = transfers.want(
        ReplicaIndex(UInt16(member)), ReplicaIndex(0), Period(1), missing: all, highest: 0, at: at(1000))
    }
    var sent: UInt64 = 0
    // 400 ms, in which no member gets all of its 512 records, or the slower of link and members.
    for time in 1000..<1400 as Range<UInt64> {
      while let next = transfers.next(bytes: 1000, at: at(time)) {
        transfers.sent(next.member, next.owner, next.period, next.meter, sequence: sent, at: at(time))
        sent += 1
      }
    }
    let bytes = sent * UInt64(1000 + PacingLimits.headerBytes)
    let granted = UInt64(bitsPerSecond) / 8 * 400 / 1000 + limits.burst
    let toMembers = UInt64(members) * (limits.startBytesPerSecond * 400 / 1000 + limits.burst)
    #expect(bytes <= granted && bytes + 2 * UInt64(members) * 1048 >= min(granted, toMembers))
    // What a vote can come to wait for: a datagram, or 4.1 ms.
    #expect(limits.burst == 1280 || limits.burst * 8_000_000 <= UInt64(bitsPerSecond) * 4_100)
    #expect(limits.burst >= 1280 && limits.burst <= PacingLimits.burstBytes)
    #expect(limits.floorBytesPerSecond <= limits.startBytesPerSecond)
    #expect(limits.startBytesPerSecond <= limits.interfaceBytesPerSecond)
  }

  @Test("is not put off by loss alone, which a radio has without anybody's fault")
  func loss() {
    #expect(Self.rate(reports: 20, delayMilliseconds: 10, loss: 20) > PacingLimits().startBytesPerSecond)
  }

  @Test(
    "takes a liar's numbers as they come: they make no rate that is not between floor and interface",
    arguments: [
      (7, 0), (.max, .max), (1 << 32, .max), (40, .max), (.max - 1, 1), (1 << 63, 1 << 62), (0, .max), (50, 1 << 60),
    ] as [(UInt64, UInt64)])
  func nonsense(highest: UInt64, received: UInt64) {
    let limits = PacingLimits()
    let member = ReplicaIndex(1)
    var transfers = Transfers(members: 2)
    for time in 1..<20 as Range<UInt64> {
      transfers.left(member, sequence: highest, at: at(1000 * time))
      transfers.report(member, highest: highest, received: received, heldNanoseconds: .max / 2, at: at(1000 * time + 5))
      transfers.report(member, highest: 7, received: 3, heldNanoseconds: 0, at: at(1000 * time + 6))
      let rate = transfers.bytesPerSecond(member)
      #expect(rate >= limits.floorBytesPerSecond && rate <= limits.interfaceBytesPerSecond)
    }
  }

  @Test("falls to its floor when the round trip grows, when it grows a little with loss, and when most is lost")
  func congestion() {
    let floor = PacingLimits().floorBytesPerSecond
    #expect(Self.rate(reports: 40, delayMilliseconds: 60, loss: 0) == floor)
    #expect(Self.rate(reports: 40, delayMilliseconds: 20, loss: 20) == floor)
    #expect(Self.rate(reports: 40, delayMilliseconds: 10, loss: 60) == floor)
  }
}

@Suite("Asking for records")
struct FetchTests {
  private let own = ReplicaIndex(0)

  @Test("asks at once, then again after silence, each time later, and after three tries the next holder")
  func silence() {
    var fetch = Fetch()
    fetch.begin(from: ReplicaIndex(3))
    var asked: [(moment: UInt64, holder: UInt16)] = []
    var now = at(100)
    for _ in 0..<12 {
      now = max(now, fetch.nextMoment ?? now)
      asked.append((now.nanoseconds / 1_000_000, fetch.ask(members: 4, own: own, at: now).rawValue))
    }
    // 3, 1, 2 and 3 again: never this node itself.
    var holders: [UInt16] = []
    for one in asked where holders.last != one.holder { holders.append(one.holder) }
    #expect(Array(holders.prefix(4)) == [3, 1, 2, 3])
    #expect(asked.first?.moment == 100)
    for place in 1..<asked.count { #expect(asked[place].moment - asked[place - 1].moment <= 600) }
  }

  @Test("stays with a holder that answers, and asks every 40 ms while it does")
  func stream() {
    var fetch = Fetch()
    fetch.begin(from: ReplicaIndex(3))
    var asked = 0
    for step in 0..<200 as Range<UInt64> {
      if let due = fetch.nextMoment, due <= at(step * 5) {
        let holder = fetch.ask(members: 4, own: own, at: at(step * 5))
        #expect(holder == ReplicaIndex(3))
        asked += 1
      }
      fetch.arrived(at: at(step * 5 + 1))
    }
    #expect((20...30).contains(asked))
    fetch.end()
    #expect(fetch.nextMoment == nil)
  }
}

@Suite("Scenario files of the lossy link")
struct ScenarioTests {
  @Test("say what a path does, and a wrong line is named")
  func parse() {
    #expect(PathScenario.loss("loss 200 # a fifth\nmeanBurst 8\n\n# end") == 200)
    #expect(PathScenario.wrongLine("loss 200\nlossy 3") == 2)
    #expect(PathScenario.wrongLine("loss 1000") == 1)
    #expect(PathScenario.wrongLine("loss -1") == 1)
    #expect(PathScenario.wrongLine("meanBurst 0") == 1)
    #expect(PathScenario.wrongLine("loss 1 2") == 1)
  }
}
