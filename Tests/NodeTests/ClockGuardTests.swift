import Consensus
import HAL
import Node
import Testing
import Units

@Suite("Whether a clock is right, from what members tell (DESIGN §3.2)")
struct ClockGuardTests {
  static let period: UInt64 = 1800
  static let first = Period(1_000_000)
  /// Somewhere in period 1,000,400, in seconds.
  static let time: UInt64 = 1_000_400 * 1800 + 700

  /// The guard of a member, whose tolerance is 225 s, or of a meter, 900 s.
  static func guardian(members: UInt16 = 4, own: UInt16? = 0, identifier: UInt32 = 7) -> ClockGuard {
    ClockGuard(
      quorum: Quorum(members: members), own: own.map { ReplicaIndex($0) }, identifier: identifier,
      periodSeconds: UInt32(period), firstPeriod: first)
  }
  static func wall(_ seconds: UInt64) -> WallTime { WallTime(nanoseconds: seconds * 1_000_000_000) }
  static func monotonic(_ seconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }
  /// The own clock, so many seconds off, so many seconds after the beginning.
  static func now(_ offset: Int64 = 0, after seconds: UInt64 = 0, clock: ClockState = .synchronised) -> Instant {
    Instant(
      monotonic: monotonic(50 + seconds), wall: wall(UInt64(Int64(time + seconds) + offset)), state: clock)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var members: UInt16 = 4
    var own: UInt16? = 0
    /// Of the members from 1 on, of a meter's from 0 on: seconds off.
    var told: [Int64]
    var offset: Int64 = 0
    let expected: ClockVerdict
  }

  static let cases = [
    Case(testDescription: "two others agree", told: [0, 3], expected: .nearMembers),
    Case(testDescription: "an eighth of a period ahead", told: [0, 0, 0], offset: 225, expected: .nearMembers),
    Case(
      testDescription: "a little more", told: [0, 0, 0], offset: 226, expected: .apartFromMembers(milliseconds: 226_000)
    ),
    Case(testDescription: "an eighth behind", told: [0, 0, 0], offset: -225, expected: .nearMembers),
    Case(
      testDescription: "a little more behind", told: [0, 0, 0], offset: -226,
      expected: .apartFromMembers(milliseconds: -226_000)),
    Case(testDescription: "a liar ahead is outvoted", told: [1_000_000, 0, 5], expected: .nearMembers),
    Case(testDescription: "a liar behind is outvoted", told: [-100_000, 0, 5], expected: .nearMembers),
    Case(
      testDescription: "a liar that sides with a wrong clock is outvoted", told: [40_000, 0, 0], offset: 40_000,
      expected: .apartFromMembers(milliseconds: 40_000_000)),
    // f of q − 1 others: the own clock is the one that decides.
    Case(testDescription: "one of two told lies", told: [90_000, 4], expected: .nearMembers),
    Case(
      testDescription: "one of two told lies, and the own clock is wrong the other way", told: [90_000, 4],
      offset: -7000, expected: .apartFromMembers(milliseconds: -7_004_000)),
    Case(testDescription: "one other alone is too few", told: [0], expected: .farBeyondCertificates),
    Case(
      testDescription: "seven members, two liars on both sides", members: 7, told: [-90_000, 2, 1, 0, 0, 90_000],
      offset: 100, expected: .nearMembers),
    Case(
      testDescription: "seven members, two liars on one side, four told", members: 7, told: [90_000, 90_000, 1, 0],
      expected: .nearMembers),
    Case(testDescription: "seven members, three told", members: 7, told: [0, 0, 0], expected: .farBeyondCertificates),
    Case(
      testDescription: "a meter is true within half a period", own: nil, told: [0, 0, 0, 0], offset: 900,
      expected: .nearMembers),
    Case(
      testDescription: "and not beyond", own: nil, told: [0, 0, 0, 0], offset: -901,
      expected: .apartFromMembers(milliseconds: -901_000)),
    Case(testDescription: "a meter needs q", own: nil, told: [0, 0], expected: .farBeyondCertificates),
    Case(
      testDescription: "a meter of three told, one of which lies", own: nil, told: [90_000, 0, 0], offset: 90_000,
      expected: .apartFromMembers(milliseconds: 90_000_000)),
  ]

  @Test("follows the rule", arguments: cases)
  func rule(example: Case) {
    var clocks = Self.guardian(members: example.members, own: example.own)
    for (place, offset) in example.told.enumerated() {
      let member = UInt16(place) + (example.own == nil ? 0 : 1)
      let told = Self.wall(UInt64(Int64(Self.time) + offset))
      let refusal = clocks.hear(
        told, .synchronised, from: ReplicaIndex(member), isNewest: true, at: Self.monotonic(50))
      #expect(refusal == nil)
    }
    #expect(clocks.verdict(at: Self.now(example.offset), newest: Self.first) == example.expected)
    // However that stands, a clock without synchronisation is none.
    #expect(
      clocks.verdict(at: Self.now(example.offset, clock: .unsynchronised), newest: Self.first) == .notSynchronised)
  }

  /// Everybody told the truth, and as many said nothing as may.
  static func told(_ own: UInt16? = 0) -> ClockGuard {
    var clocks = guardian(own: own)
    for member in UInt16(1)...3 {
      clocks.hear(wall(time), .synchronised, from: ReplicaIndex(member), isNewest: true, at: monotonic(50))
    }
    return clocks
  }

  @Test("however many liars there are up to f, and whatever they tell, the verdict is that of the honest ones")
  func liars() {
    let lies: [UInt64] = [
      0, 1, Self.time - 1, Self.time + 4000, 1_000_400 * 1800, 1 << 32, 4_102_444_800, UInt64.max / 1_000_000_000,
    ]
    for members in UInt16(4)...13 {
      let faults = Int(Quorum(members: members).faults)
      for lie in lies {
        for offset in [Int64(0), 200, -200, 500, -500, 30_000, -30_000] {
          var clocks = Self.guardian(members: members, own: members - 1)
          for member in 0..<(members - 1) {
            let isLiar = Int(member) < faults
            clocks.hear(
              Self.wall(isLiar ? lie : Self.time), .synchronised, from: ReplicaIndex(member), isNewest: true,
              at: Self.monotonic(50))
          }
          let verdict = clocks.verdict(at: Self.now(offset), newest: Self.first)
          #expect((verdict == .nearMembers) == (abs(offset) <= 225), "\(members) members, \(lie), \(offset)")
        }
      }
    }
  }

  @Test(
    "times that no such group can have are refused and counted, and disturb nothing",
    arguments: [
      0, 1, 86_400, 1_000_000 * 1800 - 64 * 1800 - 1, 1_000_000 * 1800 + 1 << 31 + 1, 1 << 32, 1 << 33,
      UInt64.max / 1_000_000_000,
    ] as [UInt64])
  func implausible(seconds: UInt64) {
    var clocks = Self.told()
    for member in UInt16(1)...3 {
      let refusal = clocks.hear(
        Self.wall(seconds), .synchronised, from: ReplicaIndex(member), isNewest: true, at: Self.monotonic(51))
      #expect(refusal == .implausible)
    }
    #expect(clocks.refusals[Int(ClockRefusal.implausible.rawValue)] == 3)
    #expect(clocks.verdict(at: Self.now(after: 1), newest: Self.first) == .nearMembers)
  }

  @Test(
    "no number overflows: told, own and of certificates",
    arguments: [0, 1, 1 << 62, 1 << 63, .max - 1, .max] as [UInt64])
  func extremes(number: UInt64) {
    for first in [0, 1, number] {
      for own in [nil, ReplicaIndex(0)] {
        for seconds in [UInt32(1), 1800, .max] {
          var clocks = ClockGuard(
            quorum: Quorum(members: 4), own: own, identifier: .max, periodSeconds: seconds, firstPeriod: Period(first))
          for member in UInt16(1)...3 {
            clocks.hear(
              WallTime(nanoseconds: number), .synchronised, from: ReplicaIndex(member), isNewest: true,
              at: MonotonicTime(nanoseconds: 5))
          }
          for wall in [0, number, .max] {
            for monotonic in [0, number] {
              let now = Instant(
                monotonic: MonotonicTime(nanoseconds: monotonic), wall: WallTime(nanoseconds: wall),
                state: .synchronised)
              for newest in [0, number] { _ = clocks.verdict(at: now, newest: Period(newest)).millisecondsApart }
              _ = clocks.isToBeAsked(ReplicaIndex(1), at: now.monotonic, isBorneOut: true)
              _ = clocks.countedReadings(at: now.monotonic)
            }
          }
        }
      }
    }
  }

  @Test("what was overtaken says nothing, and a member that has no time any more is not counted")
  func states() {
    var clocks = Self.told()
    #expect(
      clocks.hear(
        Self.wall(Self.time - 5000), .synchronised, from: ReplicaIndex(1), isNewest: false, at: Self.monotonic(51))
        == .overtaken)
    #expect(clocks.countedReadings(at: Self.monotonic(51)) == 3)
    for member in UInt16(1)...2 {
      #expect(
        clocks.hear(Self.wall(0), .unsynchronised, from: ReplicaIndex(member), isNewest: true, at: Self.monotonic(51))
          == .unsynchronised)
    }
    #expect(clocks.countedReadings(at: Self.monotonic(51)) == 1)
    #expect(clocks.verdict(at: Self.now(after: 1), newest: Self.first) == .farBeyondCertificates)
    #expect(ClockRefusal.allCases.map { clocks.refusals[Int($0.rawValue)] } == [2, 0, 1])
    // A member's own word is none about itself.
    clocks.hear(Self.wall(Self.time), .synchronised, from: ReplicaIndex(0), isNewest: true, at: Self.monotonic(50))
    #expect(clocks.countedReadings(at: Self.monotonic(51)) == 1)
  }

  @Test("a step of the own clock is seen at once, and a reading stays good for sixteen periods")
  func age() {
    let clocks = Self.told()
    let sixteen = 16 * Self.period
    #expect(clocks.verdict(at: Self.now(after: sixteen), newest: Self.first) == .nearMembers)
    #expect(
      clocks.verdict(at: Self.now(21_600, after: sixteen), newest: Self.first)
        == .apartFromMembers(milliseconds: 21_600_000))
    #expect(clocks.verdict(at: Self.now(after: sixteen + 1), newest: Self.first) == .farBeyondCertificates)
    #expect(clocks.countedReadings(at: Self.monotonic(50 + sixteen + 1)) == 0)
  }

  @Test("before enough have told, a clock is believed from a certified period's end until two periods later")
  func certificates() {
    let newest = Period(1_000_398)
    for (own, tolerance) in [(UInt16(0) as UInt16?, Int64(225)), (nil, 900)] {
      let clocks = Self.guardian(own: own)
      // Seconds since that period ended.
      let cases: [(Int64, ClockVerdict)] = [
        (-tolerance - 1, .beforeCertificates), (-tolerance, .nearCertificates), (0, .nearCertificates),
        (3600, .nearCertificates), (3601, .farBeyondCertificates), (400_000_000, .farBeyondCertificates),
      ]
      for (seconds, expected) in cases {
        let wall = Self.wall(UInt64(Int64(1_000_399 * 1800) + seconds))
        let now = Instant(monotonic: Self.monotonic(50), wall: wall, state: .synchronised)
        #expect(clocks.verdict(at: now, newest: newest) == expected, "\(seconds) s")
      }
    }
  }

  @Test("members are asked when they are needed: at once while in doubt, seldom after, and no two nodes at one moment")
  func asking() {
    var clocks = Self.guardian()
    let one = ReplicaIndex(1)
    #expect(clocks.isToBeAsked(one, at: Self.monotonic(50), isBorneOut: false))
    #expect(!clocks.isToBeAsked(ReplicaIndex(0), at: Self.monotonic(50), isBorneOut: false))
    clocks.noteAsked(one, at: Self.monotonic(50))
    // A thirty-second of the period is more than 30 s, the most.
    #expect(!clocks.isToBeAsked(one, at: Self.monotonic(79), isBorneOut: false))
    #expect(clocks.isToBeAsked(one, at: Self.monotonic(80), isBorneOut: false))
    #expect(!clocks.isToBeAsked(one, at: Self.monotonic(1849), isBorneOut: true))
    #expect(clocks.isToBeAsked(one, at: Self.monotonic(1850), isBorneOut: true))
    var moments: Set<UInt64> = []
    for identifier in UInt32(0)..<64 {
      var clocks = Self.guardian(identifier: identifier)
      clocks.hear(Self.wall(Self.time), .synchronised, from: one, isNewest: true, at: Self.monotonic(50))
      let due = (0...(8 * Self.period)).first { clocks.isToBeAsked(one, at: Self.monotonic(50 + $0), isBorneOut: true) }
      #expect(due! >= 6 * Self.period && due! <= 8 * Self.period)
      moments.insert(due!)
    }
    #expect(moments.count > 60)
  }
}
