import HAL
import Units

/// Both energy counters of a meter, read together.
public struct EnergyReading: Equatable, Sendable {
  public var importEnergy: MilliwattHours
  public var exportEnergy: MilliwattHours
  /// When the answer was complete.
  public var monotonic: MonotonicTime
  public var wall: WallTime
  public var clockState: ClockState

  public init(
    importEnergy: MilliwattHours, exportEnergy: MilliwattHours, monotonic: MonotonicTime, wall: WallTime,
    clockState: ClockState
  ) {
    self.importEnergy = importEnergy
    self.exportEnergy = exportEnergy
    self.monotonic = monotonic
    self.wall = wall
    self.clockState = clockState
  }
}
