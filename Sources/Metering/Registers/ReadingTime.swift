/// When a reading was complete, by both clocks of a board.
public struct ReadingTime: Equatable, Sendable {
  /// By the clock that never steps, and begins anew with each boot of the board.
  public var monotonicNanoseconds: UInt64
  /// Since 1970, as far as the board knew.
  public var wallNanoseconds: UInt64
  /// Whether the wall clock was synchronised then.
  public var wallIsSynchronised: Bool

  /// Takes one instant by both clocks.
  public init(monotonicNanoseconds: UInt64, wallNanoseconds: UInt64, wallIsSynchronised: Bool) {
    self.monotonicNanoseconds = monotonicNanoseconds
    self.wallNanoseconds = wallNanoseconds
    self.wallIsSynchronised = wallIsSynchronised
  }

  /// Whole milliseconds that passed since an earlier reading, of this run or of one before; 0 when neither clock tells.
  ///
  /// The longer of both clocks counts: the monotonic one knows nothing of the time before the board's boot, and the wall
  /// clock counts only between two readings at which it was synchronised. A monotonic time below the earlier one is of
  /// another boot, and says nothing.
  public func milliseconds(since earlier: Self) -> UInt64 {
    var passed: UInt64 = 0
    if monotonicNanoseconds > earlier.monotonicNanoseconds {
      passed = monotonicNanoseconds - earlier.monotonicNanoseconds
    }
    let isTold = wallIsSynchronised && earlier.wallIsSynchronised || planted(.unsynchronisedClockBelieved)
    if isTold, wallNanoseconds > earlier.wallNanoseconds, !planted(.wallClockIgnored) {
      passed = max(passed, wallNanoseconds - earlier.wallNanoseconds)
    }
    return passed / 1_000_000
  }
}
