import HAL
import Metering
import Units

/// The newest value of everything a device measures, and how far it can be believed by now. (docs/HARDWARE.md, Supported devices)
///
/// Every sample keeps the time it was measured at. A value of a device that fell silent is `stale`, with its age, and
/// `offline` after ``offlineMilliseconds``; an inverter whose last power was 0 sleeps instead. A counter that its guard
/// does not believe is `suspectCounter`, with what the device said. What is neither good, stale nor suspect is 0.
public struct DeviceValues: Sendable {
  /// Of silence, since the value was measured.
  public static let offlineMilliseconds: UInt64 = 30_000
  /// Periods of its class after which a value is stale, though the device answers.
  public static let stalePeriods: UInt64 = 3

  /// Whether the device itself can be heard at all.
  public enum State: Sendable {
    case answering
    /// Two requests failed in a row, or the port is gone.
    case silent
  }

  private struct Entry: Sendable {
    var sample: Sample
    var periodMilliseconds: UInt64
    var counter: CounterGuard?
  }

  private let kind: DeviceMap.Kind
  private let rule: CounterRule
  /// One a quantity and phase.
  private var entries: [Entry] = []

  /// Values of a device with this map, none of which was read yet.
  public init(_ map: DeviceMap) {
    kind = map.kind
    rule = map.counter
    entries.reserveCapacity(4 * Quantity.allCases.count)
  }

  /// Takes a value that was just read.
  public mutating func take(_ sample: Sample, _ update: UpdateClass) {
    var place = entries.firstIndex { $0.sample.quantity == sample.quantity && $0.sample.phase == sample.phase }
    if place == nil {
      entries.append(Entry(sample: sample, periodMilliseconds: 0, counter: newGuard(sample)))
      place = entries.count - 1
    }
    guard let place else { return }
    entries[place].sample = sample
    entries[place].periodMilliseconds =
      update == .fast ? BusScheduler.fastPeriodMilliseconds : BusScheduler.slowPeriodMilliseconds
    guard sample.quality == .good, entries[place].counter != nil else { return }
    let outcome = entries[place].counter!.accept(MilliwattHours(sample.value), at: sample.time)
    switch outcome {
    // Nothing contradicts it yet; a 0 says little.
    case .suspect(.unconfirmed(let value)) where value.value > 0: break
    case .suspect: entries[place].sample.quality = .suspectCounter
    default: break
    }
  }

  private func newGuard(_ sample: Sample) -> CounterGuard? {
    guard sample.quantity.isCounter else { return nil }
    return CounterGuard(
      ratedPowerMilliwatts: rule.ratedPowerMilliwatts, quantum: MilliwattHours(rule.quantumMilliwattHours),
      modulus: rule.modulusMilliwattHours.map { MilliwattHours($0) })
  }

  /// Whether the device is an inverter that said, last of all, that it produces nothing.
  private var hadStopped: Bool {
    guard kind == .inverter else { return false }
    for entry in entries where entry.sample.quantity == .activePower && entry.sample.phase == 0 {
      return entry.sample.quality == .good && entry.sample.value <= 0
    }
    return false
  }

  /// Visits what was measured, in the order in which it was first read.
  public func visit(at now: MonotonicTime, _ state: State, _ visit: (Sample) -> Void) {
    let sleeps = state == .silent && hadStopped
    for entry in entries {
      var sample = entry.sample
      let age = now.milliseconds(since: MonotonicTime(nanoseconds: sample.monotonicNanoseconds))
      if sleeps {
        sample.quality = .asleep
      } else if state == .silent, age >= Self.offlineMilliseconds {
        sample.quality = .offline
      } else if sample.quality == .good {
        let isOld = age > Self.stalePeriods * entry.periodMilliseconds
        if state == .silent || isOld { sample.quality = .stale(ageMilliseconds: age) }
      }
      if sample.quality == .asleep || sample.quality == .offline { sample.value = 0 }
      visit(sample)
    }
  }
}
