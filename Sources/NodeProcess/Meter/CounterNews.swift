import Commands
import Metering
import Units

/// What a meter node says of its device's counters, in words.
enum CounterNews {
  private static var minutes: UInt64 { CounterGuard.confirmationMilliseconds / 60_000 }

  /// What happened once; nil where nothing did.
  /// - Parameter name: of the counter: import or export.
  /// - Parameter isOptional: whether the device's map says that there are variants without it.
  static func change(_ name: String, _ outcome: CounterOutcome, isOptional: Bool) -> String? {
    switch outcome {
    case .absent where isOptional: nil
    case .absent: "the meter has no \(name) counter: it is taken as 0"
    case .appeared(let value):
      "the meter has a \(name) counter now, at \(kilowattHours(value)): it is counted from there"
    case .rebased(let old, let new):
      "the \(name) counter was cleared or exchanged: \(kilowattHours(old)) was counted last, and it goes on from "
        + "\(kilowattHours(new)) without energy; what was used between the two is not in any record"
    case .first, .advanced, .suspect: nil
    }
  }

  /// Why a counter is not believed, in the same words for as long as that is why; nil for what passes within seconds.
  static func doubt(_ name: String, _ suspicion: CounterSuspicion) -> String? {
    switch suspicion {
    case .unconfirmed(let value) where value.value > 0: nil
    case .unconfirmed:
      "its \(name) counter is 0, as those of a meter that is not ready: that is believed after \(minutes) minutes of it, and "
        + "never while power flows"
    case .fell(_, let base):
      "its \(name) counter fell below \(kilowattHours(base)), which was counted last: that is believed after \(minutes) "
        + "minutes of it"
    case .jumped(_, let base):
      "its \(name) counter is further from \(kilowattHours(base)), which was counted last, than its power can have moved it: "
        + "after \(minutes) minutes of it that is where it goes on from, without energy"
    case .negative: "its \(name) counter is below 0"
    case .missing: nil
    }
  }

  private static func kilowattHours(_ value: MilliwattHours) -> String {
    "\(decimal(UInt64(value.value), places: 6)) kWh"
  }
}
