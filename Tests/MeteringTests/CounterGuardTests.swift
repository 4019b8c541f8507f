import Metering
import Testing
import Units

@Suite("Counter guard (hal.md §7)")
struct CounterGuardTests {
  static let second: UInt64 = 1_000_000_000

  /// 10 kW, counting in Wh, last accepted 5 kWh at second 100.
  static func started() -> CounterGuard {
    var counter = CounterGuard(ratedPowerMilliwatts: 10_000_000, quantum: MilliwattHours(1_000))
    #expect(
      counter.accept(MilliwattHours(5_000_000), monotonicNanoseconds: 100 * second) == .first(MilliwattHours(5_000_000))
    )
    return counter
  }

  // 10 kW × 1.2 × 3600 s = 12 kWh, and 1 Wh for the step.
  @Test(
    "rated power × elapsed × 1.2 + quantum passes and one more does not",
    arguments: [(12_001_000, true), (12_001_001, false)])
  func jump(moved: Int64, accepted: Bool) {
    var counter = Self.started()
    let value = MilliwattHours(5_000_000 + moved)
    let outcome = counter.accept(value, monotonicNanoseconds: 3_700 * Self.second)
    #expect(
      outcome
        == (accepted
          ? .advanced(by: MilliwattHours(moved)) : .suspect(.jumped(to: value, allowed: MilliwattHours(12_001_000)))))
    #expect(counter.last == MilliwattHours(accepted ? value.value : 5_000_000))
  }

  @Test("a refused jump becomes believable when enough time has passed, and nothing is lost")
  func laterJump() {
    var counter = Self.started()
    let value = MilliwattHours(15_000_000)
    if case .advanced = counter.accept(value, monotonicNanoseconds: 200 * Self.second) { Issue.record("too early") }
    #expect(
      counter.accept(value, monotonicNanoseconds: 3_700 * Self.second) == .advanced(by: MilliwattHours(10_000_000)))
  }

  @Test("a fall or a 0 needs three equal readings and is never a delta", arguments: [0, 4_999_999])
  func fall(to value: Int64) {
    var counter = Self.started()
    let fallen = MilliwattHours(value)
    for repeats in 1...2 as ClosedRange<UInt8> {
      let outcome = counter.accept(fallen, monotonicNanoseconds: (100 + UInt64(repeats)) * Self.second)
      #expect(outcome == .suspect(.fell(to: fallen, repeats: repeats)))
    }
    let third = counter.accept(fallen, monotonicNanoseconds: 103 * Self.second)
    #expect(third == .reset(from: MilliwattHours(5_000_000), to: fallen))
    let next = counter.accept(MilliwattHours(value + 10), monotonicNanoseconds: 110 * Self.second)
    #expect(next == .advanced(by: MilliwattHours(10)))
  }

  @Test("a good or a different reading between starts the count anew")
  func interruptedFall() {
    var counter = Self.started()
    let good = MilliwattHours(5_000_000)
    for value in [0, 0, 5_000_000, 0, 0, 7, 0, 0] as [Int64] {
      let outcome = counter.accept(MilliwattHours(value), monotonicNanoseconds: 101 * Self.second)
      if case .reset = outcome { Issue.record("reset without three equal readings in a row") }
    }
    #expect(counter.last == good)
  }

  @Test("one 0.0 does not book the counter as use")
  func singleZero() {
    var counter = Self.started()
    _ = counter.accept(MilliwattHours(0), monotonicNanoseconds: 101 * Self.second)
    let outcome = counter.accept(MilliwattHours(5_000_100), monotonicNanoseconds: 102 * Self.second)
    #expect(outcome == .advanced(by: MilliwattHours(100)))
  }

  @Test("a first reading of 0 is believed at the third time")
  func firstZero() {
    var counter = CounterGuard(ratedPowerMilliwatts: 1_000, quantum: MilliwattHours(1))
    let zero = MilliwattHours(0)
    #expect(counter.accept(zero, monotonicNanoseconds: 1) == .suspect(.fell(to: zero, repeats: 1)))
    #expect(counter.accept(zero, monotonicNanoseconds: 2) == .suspect(.fell(to: zero, repeats: 2)))
    #expect(counter.accept(zero, monotonicNanoseconds: 3) == .first(zero))
    #expect(counter.accept(zero, monotonicNanoseconds: 4) == .advanced(by: zero))
  }

  @Test("a negative counter and a clock behind the last reading give no energy")
  func nonsense() {
    var counter = Self.started()
    #expect(
      counter.accept(MilliwattHours(-1), monotonicNanoseconds: 101 * Self.second)
        == .suspect(.negative(MilliwattHours(-1))))
    #expect(counter.allowance(until: 0) == MilliwattHours(1_000))
    #expect(counter.allowance(until: .max).value > 0)
  }

  @Test("a counter wraps only at the map's modulus, and only by what the power allows")
  func wrap() {
    var counter = CounterGuard(
      ratedPowerMilliwatts: 3_600_000, quantum: MilliwattHours(1), modulus: MilliwattHours(1_000_000))
    _ = counter.accept(MilliwattHours(999_990), monotonicNanoseconds: 0)
    #expect(
      counter.accept(MilliwattHours(5), monotonicNanoseconds: 60_000_000_000) == .advanced(by: MilliwattHours(15)))
    // The other way round it would be nearly the whole counter.
    #expect(
      counter.accept(MilliwattHours(3), monotonicNanoseconds: 61_000_000_000)
        == .suspect(.fell(to: MilliwattHours(3), repeats: 1)))
    var endless = CounterGuard(ratedPowerMilliwatts: 3_600_000, quantum: MilliwattHours(1))
    _ = endless.accept(MilliwattHours(999_990), monotonicNanoseconds: 0)
    #expect(
      endless.accept(MilliwattHours(5), monotonicNanoseconds: 60_000_000_000)
        == .suspect(.fell(to: MilliwattHours(5), repeats: 1)))
  }
}
