import Units

/// What one reading of an energy counter means.
public enum CounterOutcome: Equatable, Sendable {
  /// The first believable value: nothing has been consumed yet.
  case first(MilliwattHours)
  /// The counter moved on by this much, which may be 0.
  case advanced(by: MilliwattHours)
  /// Not believed; what was accepted last still stands.
  case suspect(CounterSuspicion)
  /// Three equal readings: the counter was replaced or cleared. Never a delta.
  case reset(from: MilliwattHours, to: MilliwattHours)
}

public enum CounterSuspicion: Equatable, Sendable {
  /// The value is 0 or below the last accepted one, seen so many times in a row.
  case fell(to: MilliwattHours, repeats: UInt8)
  /// More than the rated power could have moved since the last accepted reading.
  case jumped(to: MilliwattHours, allowed: MilliwattHours)
  /// Counters of energy are never below 0.
  case negative(MilliwattHours)
}

/// Keeps one bad reading from becoming energy: users have been billed a whole counter after a single 0.0.
/// (`reference/hal.md` §7, Counter guard)
public struct CounterGuard: Sendable {
  public static let readingsForReset: UInt8 = 3

  public let ratedPowerMilliwatts: Int64
  /// One step of the counter as the device sends it.
  public let quantum: MilliwattHours
  /// Where the device's register starts again at 0; nil when it never does. Only the map knows.
  public let modulus: MilliwattHours?
  public private(set) var last: MilliwattHours?
  private var lastNanoseconds: UInt64 = 0
  private var candidate = MilliwattHours(0)
  /// Invariant: < readingsForReset
  private var repeats: UInt8 = 0

  public init(ratedPowerMilliwatts: Int64, quantum: MilliwattHours, modulus: MilliwattHours? = nil) {
    precondition(ratedPowerMilliwatts > 0)
    precondition(quantum.value >= 0)
    precondition(modulus?.value ?? 1 > 0)
    self.modulus = modulus
    self.ratedPowerMilliwatts = ratedPowerMilliwatts
    self.quantum = quantum
  }

  /// Goes on from a reading that was accepted before a restart. The time then starts anew, so pass the monotonic time
  /// of a boundary no earlier than the reading only when the platform kept it; 0 allows all of the board's uptime.
  public mutating func resume(from accepted: MilliwattHours, monotonicNanoseconds: UInt64) {
    last = accepted
    lastNanoseconds = monotonicNanoseconds
    repeats = 0
  }

  public mutating func accept(_ value: MilliwattHours, monotonicNanoseconds: UInt64) -> CounterOutcome {
    if value.value < 0 {
      repeats = 0
      return .suspect(.negative(value))
    }
    guard let last else {
      return value.value == 0 ? judgeFall(value, monotonicNanoseconds) : settle(value, monotonicNanoseconds)
    }
    if value < last {
      if let moved = wrapped(from: last, to: value), moved <= allowance(until: monotonicNanoseconds) {
        _ = settle(value, monotonicNanoseconds)
        return .advanced(by: moved)
      }
      return judgeFall(value, monotonicNanoseconds)
    }
    repeats = 0
    let allowed = allowance(until: monotonicNanoseconds)
    let moved = value.value - last.value
    if moved > allowed.value { return .suspect(.jumped(to: value, allowed: allowed)) }
    _ = settle(value, monotonicNanoseconds)
    return .advanced(by: MilliwattHours(moved))
  }

  /// What a counter moved that passed its modulus once.
  private func wrapped(from old: MilliwattHours, to new: MilliwattHours) -> MilliwattHours? {
    guard let modulus, old < modulus, new < modulus else { return nil }
    return MilliwattHours(modulus.value - old.value + new.value)
  }

  /// ratedPower × elapsed × 1.2 + quantum since the last accepted reading.
  public func allowance(until monotonicNanoseconds: UInt64) -> MilliwattHours {
    let elapsed = monotonicNanoseconds > lastNanoseconds ? (monotonicNanoseconds - lastNanoseconds) / 1_000_000 : 0
    // 1.2 × mW × ms / 3 600 000 = mW × ms / 3 000 000; a product beyond 64 bits is decades of silence.
    let (product, overflow) = UInt64(ratedPowerMilliwatts).multipliedReportingOverflow(by: elapsed)
    let energy = overflow ? UInt64(Int64.max) : product / 3_000_000
    let (sum, tooLarge) = Int64(energy).addingReportingOverflow(quantum.value)
    return MilliwattHours(tooLarge ? .max : sum)
  }

  private mutating func judgeFall(_ value: MilliwattHours, _ nanoseconds: UInt64) -> CounterOutcome {
    repeats = repeats > 0 && value == candidate ? repeats + 1 : 1
    candidate = value
    if repeats < Self.readingsForReset { return .suspect(.fell(to: value, repeats: repeats)) }
    let old = last
    let outcome = settle(value, nanoseconds)
    if let old { return .reset(from: old, to: value) }
    return outcome
  }

  private mutating func settle(_ value: MilliwattHours, _ nanoseconds: UInt64) -> CounterOutcome {
    last = value
    lastNanoseconds = nanoseconds
    repeats = 0
    return .first(value)
  }
}
