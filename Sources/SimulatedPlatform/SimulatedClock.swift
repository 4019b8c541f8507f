import HAL

/// Virtual time: it stands still until somebody moves it. One clock may serve many nodes, or each node its own.
public final class SimulatedClock: Clock {
  private var monotonicNanoseconds: UInt64 = 0
  private var wallNanoseconds: UInt64
  private var clockState: ClockState

  /// - Parameter wall: what the board believes the time to be at monotonic zero.
  public init(wall: WallTime = WallTime(nanoseconds: 0), state: ClockState = .synchronised) {
    wallNanoseconds = wall.nanoseconds
    clockState = state
  }

  public func monotonic() -> MonotonicTime { MonotonicTime(nanoseconds: monotonicNanoseconds) }
  public func wall() -> WallTime { WallTime(nanoseconds: wallNanoseconds) }
  public func state() -> ClockState { clockState }

  /// Moves both clocks on.
  public func advance(milliseconds: UInt64) {
    monotonicNanoseconds += milliseconds * 1_000_000
    wallNanoseconds += milliseconds * 1_000_000
  }

  /// Steps wall time, backwards too, as a time daemon does. Monotonic time goes on undisturbed.
  public func set(wall: WallTime, state: ClockState) {
    wallNanoseconds = wall.nanoseconds
    clockState = state
  }
}
