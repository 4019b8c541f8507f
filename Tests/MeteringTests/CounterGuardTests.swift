import Metering
import Testing
import Units

/// An instant by both clocks, which agree.
func instant(_ seconds: UInt64, booted: UInt64 = 0, isSynchronised: Bool = true) -> ReadingTime {
  ReadingTime(
    monotonicNanoseconds: (seconds - booted) * 1_000_000_000,
    wallNanoseconds: (1_700_000_000 + seconds) * 1_000_000_000, wallIsSynchronised: isSynchronised)
}

func wattHours(_ value: Int64) -> MilliwattHours { MilliwattHours(value * 1_000) }

@Suite("Counter guard (docs/HARDWARE.md, Counters)")
struct CounterGuardTests {
  /// 10 kW, counting in Wh.
  static func new(modulus: MilliwattHours? = nil) -> CounterGuard {
    CounterGuard(ratedPowerMilliwatts: 10_000_000, quantum: MilliwattHours(1_000), modulus: modulus)
  }

  /// Last accepted 5 kWh at second 100.
  static func started() -> CounterGuard {
    var counter = new()
    _ = counter.accept(wattHours(5_000), at: instant(98))
    #expect(counter.accept(wattHours(5_000), at: instant(100)) == .first(wattHours(5_000)))
    return counter
  }

  /// The outcomes of the same reading every so many seconds, without those that are like the one before.
  static func repeating(
    _ value: MilliwattHours?, into counter: inout CounterGuard, from start: UInt64, through end: UInt64,
    every step: UInt64 = 10, _ condition: DeviceCondition = .counting
  ) -> [CounterOutcome] {
    var outcomes: [CounterOutcome] = []
    for second in stride(from: start, through: end, by: Int(step)) {
      let outcome = counter.accept(value, at: instant(second), condition)
      if outcomes.last != outcome { outcomes.append(outcome) }
    }
    return outcomes
  }

  // MARK: What can be use

  // 10 kW × 1.2 × 3600 s = 12 kWh, and 1 Wh for the step.
  @Test(
    "rated power × elapsed × 1.2 + quantum passes and one more does not",
    arguments: [(12_001_000, true), (12_001_001, false)])
  func jump(moved: Int64, accepted: Bool) {
    var counter = Self.started()
    let value = MilliwattHours(5_000_000 + moved)
    let outcome = counter.accept(value, at: instant(3_700))
    #expect(
      outcome
        == (accepted
          ? .advanced(by: MilliwattHours(moved)) : .suspect(.jumped(to: value, from: wattHours(5_000)))))
    #expect(counter.register.value == 5_000_000 + (accepted ? moved : 0))
  }

  @Test("a negative counter gives no energy, and neither do clocks that went back")
  func nonsense() {
    var counter = Self.started()
    #expect(counter.accept(MilliwattHours(-1), at: instant(101)) == .suspect(.negative(MilliwattHours(-1))))
    #expect(counter.allowance(since: instant(100), until: instant(50)) == wattHours(1))
    let end = ReadingTime(monotonicNanoseconds: .max, wallNanoseconds: .max, wallIsSynchronised: true)
    #expect(counter.allowance(since: instant(100), until: end).value > 0)
    #expect(counter.accept(wattHours(5_001), at: instant(102)) == .advanced(by: wattHours(1)))
  }

  @Test("registers of a device at the end of 64 bits do not trap")
  func extremes() {
    var counter = CounterGuard(
      ratedPowerMilliwatts: .max, quantum: MilliwattHours(.max), modulus: MilliwattHours(.max))
    for (second, value) in [(1, .max - 1), (3, .max - 1), (5, 1), (7, .max), (9, 0), (11, .max)] as [(UInt64, Int64)] {
      _ = counter.accept(MilliwattHours(value), at: instant(second))
      #expect(counter.register.value >= 0)
    }
  }

  // MARK: Kind A: disbelief does not run out

  @Test(
    "a jump that stays is a new base after minutes, without energy, told once, and the counter counts on from there")
  func confirmedJump() {
    var counter = Self.started()
    let jumped = wattHours(9_000)
    let outcomes = Self.repeating(jumped, into: &counter, from: 110, through: 300)
    #expect(
      outcomes == [
        .suspect(.jumped(to: jumped, from: wattHours(5_000))), .rebased(from: wattHours(5_000), to: jumped),
        .advanced(by: wattHours(0)),
      ])
    #expect(counter.register == wattHours(5_000))
    #expect(counter.accept(wattHours(9_002), at: instant(400)) == .advanced(by: wattHours(2)))
    #expect(counter.register == wattHours(5_002))
  }

  @Test(
    "a jump seen once is not believed however long the next reading takes", arguments: [1, 24, 24 * 30] as [UInt64])
  func jumpBeforeSilence(hours: UInt64) {
    var counter = Self.started()
    _ = counter.accept(wattHours(9_000), at: instant(110))
    // The rated power could have moved the whole counter by now.
    let outcome = counter.accept(wattHours(9_001), at: instant(110 + hours * 3_600))
    #expect(outcome == .suspect(.jumped(to: wattHours(9_001), from: wattHours(5_000))))
    #expect(counter.register == wattHours(5_000))
  }

  @Test("nor when a 0 came between, which the jump seems to continue")
  func jumpZeroSilence() {
    var counter = Self.started()
    _ = counter.accept(wattHours(9_000), at: instant(110))
    _ = counter.accept(wattHours(0), at: instant(120))
    let outcome = counter.accept(wattHours(9_001), at: instant(90_000))
    #expect(outcome == .suspect(.jumped(to: wattHours(9_001), from: wattHours(5_000))))
  }

  @Test("a jump that goes away was a glitch: what was used meanwhile is counted, to the last step")
  func glitch() {
    var counter = Self.started()
    _ = counter.accept(wattHours(9_000), at: instant(110))
    #expect(counter.accept(wattHours(5_010), at: instant(120)) == .advanced(by: wattHours(10)))
    // And nothing of it is left behind.
    #expect(counter.accept(wattHours(9_500), at: instant(7_200)) == .advanced(by: wattHours(4_490)))
  }

  @Test("a gap without readings keeps its rule: what the rated power can have moved in it is counted")
  func gap() {
    var counter = Self.started()
    #expect(
      counter.accept(wattHours(505_000), at: instant(100 + 3 * 86_400)) == .advanced(by: wattHours(500_000)))
  }

  // MARK: Kind B: a reset takes minutes

  @Test("a fall or a 0 is believed after three minutes of readings and is never a delta", arguments: [0, 4_999])
  func fall(to value: Int64) {
    var counter = Self.started()
    let fallen = wattHours(value)
    #expect(
      Self.repeating(fallen, into: &counter, from: 110, through: 280)
        == [.suspect(.fell(to: fallen, from: wattHours(5_000)))])
    #expect(counter.accept(fallen, at: instant(290)) == .rebased(from: wattHours(5_000), to: fallen))
    #expect(counter.accept(wattHours(value + 10), at: instant(300)) == .advanced(by: wattHours(10)))
    #expect(counter.register == wattHours(5_010))
  }

  @Test("a thousand readings within seconds are not separate ones")
  func burst() {
    var counter = Self.started()
    for place in 0..<1_000 as Range<UInt64> {
      let time = ReadingTime(
        monotonicNanoseconds: 101_000_000_000 + place * 10_000_000, wallNanoseconds: 0, wallIsSynchronised: false)
      _ = counter.accept(wattHours(0), at: time)
    }
    // Minutes later, but it is the second stretch of readings only.
    #expect(
      counter.accept(wattHours(0), at: instant(300)) == .suspect(.fell(to: wattHours(0), from: wattHours(5_000))))
  }

  @Test("two readings minutes apart are too few")
  func sparse() {
    var counter = Self.started()
    #expect(
      Self.repeating(wattHours(0), into: &counter, from: 110, through: 310, every: 100)
        == [.suspect(.fell(to: wattHours(0), from: wattHours(5_000)))])
    #expect(
      Self.repeating(wattHours(0), into: &counter, from: 410, through: 410)
        == [.rebased(from: wattHours(5_000), to: wattHours(0))])
  }

  @Test("glitches with silence between them do not confirm each other")
  func silence() {
    var counter = Self.started()
    for start in [110, 1_000, 2_000, 3_000] as [UInt64] {
      let outcomes = Self.repeating(wattHours(0), into: &counter, from: start, through: start + 60)
      #expect(outcomes == [.suspect(.fell(to: wattHours(0), from: wattHours(5_000)))])
    }
    #expect(counter.accept(wattHours(5_500), at: instant(3_100)) == .advanced(by: wattHours(500)))
  }

  @Test("readings that do not continue each other confirm nothing")
  func erratic() {
    var counter = Self.started()
    for (place, value) in [0, 700, 3, 4_000, 1, 900_000, 2, 800, 0, 70_000].enumerated() {
      let outcome = counter.accept(wattHours(Int64(value)), at: instant(110 + 100 * UInt64(place)))
      #expect(!outcome.isAccepted, "\(outcome)")
    }
    #expect(counter.accept(wattHours(5_100), at: instant(1_200)) == .advanced(by: wattHours(100)))
  }

  @Test("0 for a minute after power came back is no energy, before or after", arguments: [1, 6, 60] as [UInt64])
  func zerosAfterPowerUp(seconds: UInt64) {
    var counter = Self.started()
    _ = Self.repeating(wattHours(0), into: &counter, from: 110, through: 110 + seconds, every: 1)
    #expect(counter.accept(wattHours(5_001), at: instant(111 + seconds)) == .advanced(by: wattHours(1)))
    #expect(counter.accept(wattHours(5_002), at: instant(400)) == .advanced(by: wattHours(1)))
  }

  @Test("a small counter whose 0 would allow all of it goes on from its old value")
  func smallCounter() {
    var counter = Self.new()
    for second in [98, 100] as [UInt64] { _ = counter.accept(wattHours(100), at: instant(second)) }
    _ = counter.accept(wattHours(0), at: instant(110))
    // From 0 it could have moved 100 Wh by now as well.
    #expect(counter.accept(wattHours(101), at: instant(170)) == .advanced(by: wattHours(1)))
  }

  @Test("an exchanged meter that counts while it is watched has its base where it stands then")
  func exchanged() {
    var counter = Self.started()
    var outcome = CounterOutcome.absent
    for place in 0...18 as ClosedRange<UInt64> {
      outcome = counter.accept(wattHours(200 + Int64(place)), at: instant(110 + 10 * place))
    }
    #expect(outcome == .rebased(from: wattHours(5_000), to: wattHours(218)))
  }

  // MARK: The first base

  @Test("one reading is no base: a second one has to continue it, a second later")
  func firstBase() {
    var counter = Self.new()
    #expect(counter.accept(wattHours(70), at: instant(1)) == .suspect(.unconfirmed(wattHours(70))))
    let soon = ReadingTime(monotonicNanoseconds: 1_900_000_000, wallNanoseconds: 0, wallIsSynchronised: false)
    #expect(counter.accept(wattHours(70), at: soon) == .suspect(.unconfirmed(wattHours(70))))
    // The first one was a glitch.
    #expect(counter.accept(wattHours(900), at: instant(2)) == .suspect(.unconfirmed(wattHours(900))))
    #expect(counter.accept(wattHours(900), at: instant(3)) == .first(wattHours(900)))
    #expect(counter.register == wattHours(900))
  }

  @Test("a device whose counters are all 0 has its base after minutes of them")
  func blankBase() {
    var counter = Self.new()
    #expect(
      Self.repeating(wattHours(0), into: &counter, from: 10, through: 180, .blank)
        == [.suspect(.unconfirmed(wattHours(0)))])
    #expect(counter.accept(wattHours(0), at: instant(190), .blank) == .first(wattHours(0)))
    #expect(counter.accept(wattHours(0), at: instant(200), .blank) == .advanced(by: wattHours(0)))
  }

  @Test("a 0 beside a counter that is not 0 is as good as any value: a house without panels")
  func zeroExport() {
    var counter = Self.new()
    #expect(
      Self.repeating(wattHours(0), into: &counter, from: 10, through: 20, every: 1)
        == [.suspect(.unconfirmed(wattHours(0))), .first(wattHours(0)), .advanced(by: wattHours(0))])
  }

  @Test("no base is 0 while power flows, and no reset is to 0")
  func underLoad() {
    var counter = Self.new()
    #expect(
      Self.repeating(wattHours(0), into: &counter, from: 10, through: 10_000, .blankUnderLoad)
        == [.suspect(.unconfirmed(wattHours(0)))])
    // The device has loaded its counters.
    _ = counter.accept(wattHours(30_000), at: instant(10_010))
    #expect(counter.accept(wattHours(30_000), at: instant(10_012)) == .first(wattHours(30_000)))
    #expect(
      Self.repeating(wattHours(0), into: &counter, from: 10_020, through: 20_000, .blankUnderLoad)
        == [.suspect(.fell(to: wattHours(0), from: wattHours(30_000)))])
    // Power was seen once, and the counter has not left 0 since.
    #expect(
      counter.accept(wattHours(0), at: instant(20_010), .blank)
        == .suspect(.fell(to: wattHours(0), from: wattHours(30_000))))
    // A counter that works leaves 0.
    #expect(
      counter.accept(wattHours(2), at: instant(20_020))
        == .rebased(from: wattHours(30_000), to: wattHours(2)))
  }

  @Test("a device that goes from 0 to its counter while it is watched has used nothing")
  func loads() {
    var counter = Self.new()
    _ = Self.repeating(wattHours(0), into: &counter, from: 10, through: 60, .blank)
    #expect(counter.accept(wattHours(120), at: instant(100)) == .suspect(.unconfirmed(wattHours(120))))
    #expect(counter.accept(wattHours(120), at: instant(102)) == .first(wattHours(120)))
  }

  // MARK: Kinds C and D: counters that are not there

  @Test("a counter that never had a value is 0, said once; when it has one it is counted from there")
  func absent() {
    var counter = Self.new()
    #expect(
      Self.repeating(nil, into: &counter, from: 10, through: 30, every: 1)
        == [.suspect(.missing), .absent, .advanced(by: wattHours(0))])
    _ = counter.accept(wattHours(12), at: instant(40))
    #expect(counter.accept(wattHours(12), at: instant(41)) == .appeared(wattHours(12)))
    #expect(counter.register == wattHours(0))
    #expect(counter.accept(wattHours(15), at: instant(50)) == .advanced(by: wattHours(3)))
    #expect(counter.register == wattHours(3))
  }

  @Test("one missing value makes no absent counter")
  func missingFirst() {
    var counter = Self.new()
    #expect(counter.accept(nil, at: instant(10)) == .suspect(.missing))
    _ = counter.accept(wattHours(7), at: instant(11))
    #expect(counter.accept(nil, at: instant(12)) == .suspect(.missing))
    _ = counter.accept(wattHours(7), at: instant(13))
    #expect(counter.accept(wattHours(7), at: instant(14)) == .first(wattHours(7)))
  }

  @Test("a counter that had a value and has none is no reading, however long")
  func missing() {
    var counter = Self.started()
    #expect(Self.repeating(nil, into: &counter, from: 110, through: 1_000) == [.suspect(.missing)])
    #expect(counter.accept(wattHours(5_100), at: instant(1_010)) == .advanced(by: wattHours(100)))
  }

  // MARK: Wraps

  @Test("a counter wraps only at the map's modulus, and only by what the power allows")
  func wrap() {
    var counter = Self.new(modulus: wattHours(100_000))
    for second in [1, 3] as [UInt64] { _ = counter.accept(wattHours(99_990), at: instant(second)) }
    #expect(counter.accept(wattHours(5), at: instant(63)) == .advanced(by: wattHours(15)))
    #expect(counter.register == wattHours(100_005))
    // The other way round it would be nearly the whole counter.
    #expect(
      counter.accept(wattHours(3), at: instant(64)) == .suspect(.fell(to: wattHours(3), from: wattHours(5))))
    var endless = Self.started()
    #expect(!endless.accept(wattHours(5), at: instant(160)).isAccepted)
  }

  @Test("a 0 near the modulus may be a meter that is not ready: the next reading tells")
  func zeroNearModulus() {
    var counter = Self.new(modulus: wattHours(100_000))
    for second in [1, 3] as [UInt64] { _ = counter.accept(wattHours(99_990), at: instant(second)) }
    #expect(!counter.accept(wattHours(0), at: instant(63)).isAccepted)
    #expect(counter.accept(wattHours(99_991), at: instant(70)) == .advanced(by: wattHours(1)))
    #expect(!counter.accept(wattHours(0), at: instant(130)).isAccepted)
    #expect(counter.accept(wattHours(2), at: instant(140)) == .advanced(by: wattHours(11)))
  }

  @Test("one that wrapped and stands at 0 has lost nothing")
  func standsAtZero() {
    var counter = Self.new(modulus: wattHours(100_000))
    for second in [1, 3] as [UInt64] { _ = counter.accept(wattHours(99_990), at: instant(second)) }
    let outcomes = Self.repeating(wattHours(0), into: &counter, from: 63, through: 263)
    #expect(outcomes.contains(.advanced(by: wattHours(10))))
    #expect(counter.register == wattHours(100_000))
  }

  // MARK: Kind E: time and restarts

  @Test("after a week without power for the board alone, the week counts, not the uptime")
  func weekWithoutBoard() {
    let week: UInt64 = 7 * 86_400
    var counter = Self.new()
    counter.resume(from: Self.started().standing)
    let back = 100 + week
    #expect(counter.accept(wattHours(10_000), at: instant(back, booted: back - 20)) == .advanced(by: wattHours(5_000)))
  }

  @Test("without a synchronised clock on both sides only the monotonic clock counts", arguments: [true, false])
  func unsynchronised(isEarlier: Bool) {
    var counter = Self.new()
    for second in [98, 100] as [UInt64] {
      _ = counter.accept(wattHours(5_000), at: instant(second, isSynchronised: !isEarlier))
    }
    let week: UInt64 = 7 * 86_400
    let back = instant(100 + week, booted: week, isSynchronised: isEarlier)
    #expect(
      counter.accept(wattHours(10_000), at: back) == .suspect(.jumped(to: wattHours(10_000), from: wattHours(5_000))))
  }

  @Test("a clock that was set back does not shorten the time that passed")
  func setBack() {
    var counter = Self.started()
    var later = instant(100 + 3_600)
    later.wallNanoseconds -= 7_200_000_000_000
    #expect(counter.accept(wattHours(14_000), at: later) == .advanced(by: wattHours(9_000)))
  }

  @Test("a process that is started again on a board that ran for weeks has no weeks to give")
  func processRestart() {
    let weeks: UInt64 = 21 * 86_400
    var counter = Self.new()
    for second in [weeks - 2, weeks] { _ = counter.accept(wattHours(5_000), at: instant(second)) }
    var again = Self.new()
    again.resume(from: counter.standing)
    let outcome = again.accept(wattHours(9_000), at: instant(weeks + 10))
    #expect(outcome == .suspect(.jumped(to: wattHours(9_000), from: wattHours(5_000))))
  }

  @Test("what was not believed before a restart is not believed after it, however long that took")
  func restartInDoubt() {
    var counter = Self.started()
    _ = counter.accept(wattHours(9_000), at: instant(110))
    var again = Self.new()
    again.resume(from: counter.standing)
    let outcome = again.accept(wattHours(9_100), at: instant(864_000, booted: 863_000))
    #expect(outcome == .suspect(.jumped(to: wattHours(9_100), from: wattHours(5_000))))
  }

  @Test("a counter that has a new base keeps its register over a restart")
  func restartAfterReset() {
    var counter = Self.started()
    _ = Self.repeating(wattHours(3), into: &counter, from: 110, through: 300)
    var again = Self.new()
    again.resume(from: counter.standing)
    #expect(again.accept(wattHours(5), at: instant(400)) == .advanced(by: wattHours(2)))
    #expect(again.register == wattHours(5_002))
  }
}
