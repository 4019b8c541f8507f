import HAL
import Metering
import Units

/// A meter's registers as far as they can be believed: what interval energy is made of.
///
/// A counter that was reset goes on from where it stood: the energy between the last accepted reading and the reset is
/// lost, as it is in the meter, and nothing is invented.
public struct GuardedCounters: Sendable {
  private var importGuard: CounterGuard
  private var exportGuard: CounterGuard
  /// What is added to the device's registers since resets and wraps.
  private var importOffset: Int64 = 0
  private var exportOffset: Int64 = 0
  public private(set) var resets: UInt64 = 0
  public private(set) var suspects: UInt64 = 0

  public init(_ rule: CounterRule) {
    let new = CounterGuard(
      ratedPowerMilliwatts: rule.ratedPowerMilliwatts, quantum: MilliwattHours(rule.quantumMilliwattHours),
      modulus: rule.modulusMilliwattHours.map { MilliwattHours($0) })
    importGuard = new
    exportGuard = new
  }

  /// Goes on from registers that were accepted before a restart. What was counted while this process was down is
  /// believed up to what the rated power could have moved since the board started.
  public mutating func resume(importEnergy: MilliwattHours, exportEnergy: MilliwattHours) {
    importGuard.resume(from: importEnergy, monotonicNanoseconds: 0)
    exportGuard.resume(from: exportEnergy, monotonicNanoseconds: 0)
  }

  /// - Returns: both registers, never falling; nil when one is not believed.
  public mutating func accept(_ reading: EnergyReading) -> EnergyReading? {
    var accepted = reading
    let now = reading.monotonic.nanoseconds
    let imported = Self.judge(&importGuard, &importOffset, reading.importEnergy, now)
    let exported = Self.judge(&exportGuard, &exportOffset, reading.exportEnergy, now)
    for outcome in [imported, exported] where outcome.isReset { resets &+= 1 }
    guard let importValue = imported.value, let exportValue = exported.value else {
      suspects &+= 1
      return nil
    }
    accepted.importEnergy = MilliwattHours(importValue)
    accepted.exportEnergy = MilliwattHours(exportValue)
    return accepted
  }

  private struct Judgement {
    var value: Int64?
    var isReset = false
  }

  private static func judge(
    _ counter: inout CounterGuard, _ offset: inout Int64, _ value: MilliwattHours, _ now: UInt64
  ) -> Judgement {
    let before = counter.last
    switch counter.accept(value, monotonicNanoseconds: now) {
    case .first: return Judgement(value: value.value &+ offset)
    case .advanced(let moved):
      if let before, value < before { offset = offset &+ before.value &+ moved.value &- value.value }
      return Judgement(value: value.value &+ offset)
    case .reset(let old, let new):
      offset = offset &+ old.value &- new.value
      return Judgement(value: value.value &+ offset, isReset: true)
    case .suspect: return Judgement(value: nil)
    }
  }
}
