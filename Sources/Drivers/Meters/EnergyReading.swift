import HAL
import Metering
import Units

/// Both energy counters of a meter, read together. That a counter could not be read is no reading, but an error.
public struct EnergyReading: Equatable, Sendable {
  /// Nil where the device says that it has no such counter: it refuses the register, or holds its sign for that, or the map has none.
  public var importEnergy: MilliwattHours?
  public var exportEnergy: MilliwattHours?
  /// In milliwatts, of the device's sign; nil where it is not known. It tells a counter that is 0 from one that is not ready.
  public var activePowerMilliwatts: Int64?
  /// When the answer was complete.
  public var monotonic: MonotonicTime
  public var wall: WallTime
  public var clockState: ClockState

  /// Takes what one answer said; a counter is nil where the device says that it has none.
  public init(
    importEnergy: MilliwattHours?, exportEnergy: MilliwattHours?, activePowerMilliwatts: Int64? = nil,
    monotonic: MonotonicTime, wall: WallTime, clockState: ClockState
  ) {
    self.importEnergy = importEnergy
    self.exportEnergy = exportEnergy
    self.activePowerMilliwatts = activePowerMilliwatts
    self.monotonic = monotonic
    self.wall = wall
    self.clockState = clockState
  }

  /// Without counters, at that time.
  init(at instant: Instant) {
    self.init(
      importEnergy: nil, exportEnergy: nil, monotonic: instant.monotonic, wall: instant.wall, clockState: instant.state)
  }

  var time: ReadingTime {
    ReadingTime(
      monotonicNanoseconds: monotonic.nanoseconds, wallNanoseconds: wall.nanoseconds,
      wallIsSynchronised: clockState == .synchronised)
  }
}

extension GuardedCounters {
  /// - Returns: both registers; nil while they are not believed.
  public mutating func accept(_ reading: EnergyReading) -> CounterRegisters? {
    accept(
      importEnergy: reading.importEnergy, exportEnergy: reading.exportEnergy,
      activePowerMilliwatts: reading.activePowerMilliwatts, at: reading.time)
  }
}

extension Sample {
  var time: ReadingTime {
    ReadingTime(
      monotonicNanoseconds: monotonicNanoseconds, wallNanoseconds: wallNanoseconds,
      wallIsSynchronised: wallIsSynchronised)
  }
}

/// Puts the samples of a meter's answers together to a reading.
struct EnergyCollector {
  private(set) var reading: EnergyReading
  /// A counter's value that is neither good nor missing.
  private var bad: (Quantity, Quality)?
  /// The last counter that the device says it does not have, and how it refused it.
  private var missing: Quantity?
  private var refusal: ModbusError?

  init(at instant: Instant) { reading = EnergyReading(at: instant) }

  mutating func take(_ sample: Sample) {
    guard sample.phase == 0 else { return }
    if sample.quantity == .activePower, sample.quality == .good { reading.activePowerMilliwatts = sample.value }
    guard sample.quantity.isCounter else { return }
    reading.monotonic = MonotonicTime(nanoseconds: sample.monotonicNanoseconds)
    reading.wall = WallTime(nanoseconds: sample.wallNanoseconds)
    reading.clockState = sample.wallIsSynchronised ? .synchronised : .unsynchronised
    switch sample.quality {
    case .good:
      if sample.quantity == .activeEnergyImport {
        reading.importEnergy = MilliwattHours(sample.value)
      } else {
        reading.exportEnergy = MilliwattHours(sample.value)
      }
    case .notImplemented: missing = sample.quantity
    default: bad = (sample.quantity, sample.quality)
    }
  }

  mutating func noteRefusal(_ error: ModbusError) { refusal = error }

  /// Why a counter that should be there is not.
  /// - Parameter quantity: the one that is missed; nil when there is none at all.
  func failure(missing quantity: Quantity?) -> DriverError {
    if let refusal { return .modbus(refusal) }
    if let quantity = quantity ?? missing { return .unusable(quantity, .notImplemented) }
    return .deviceNotFound
  }

  /// - Throws: `.unusable` when a counter's value is not good; how it was refused, or that there is none, when no counter has one.
  func finish() throws(DriverError) -> EnergyReading {
    if let bad { throw .unusable(bad.0, bad.1) }
    if reading.importEnergy == nil, reading.exportEnergy == nil { throw failure(missing: nil) }
    return reading
  }
}

extension GuardedCounters {
  /// A counter that had a value and is missing in the last reading.
  var missing: Quantity? {
    if importOutcome == .suspect(.missing) { return .activeEnergyImport }
    return exportOutcome == .suspect(.missing) ? .activeEnergyExport : nil
  }
}
