import HAL

/// When what failed may be tried again: after 2, 4, 8, … s, up to a longest time.
public struct BackOff: Sendable {
  public let firstMilliseconds: UInt64
  public let longestMilliseconds: UInt64
  /// Invariant: firstMilliseconds <= nextMilliseconds <= longestMilliseconds
  private var nextMilliseconds: UInt64
  /// Not before this.
  public private(set) var end = MonotonicTime(nanoseconds: 0)

  /// Nothing has failed yet, so ``end`` is past. Pauses double from the first to the longest.
  public init(firstMilliseconds: UInt64 = 2_000, longestMilliseconds: UInt64 = 300_000) {
    precondition(firstMilliseconds <= longestMilliseconds)
    self.firstMilliseconds = firstMilliseconds
    self.longestMilliseconds = longestMilliseconds
    nextMilliseconds = firstMilliseconds
  }

  /// Sets ``end`` to the end of a pause that begins now; the next pause is twice as long, up to the longest.
  public mutating func fail(_ now: MonotonicTime) {
    end = now.adding(milliseconds: nextMilliseconds)
    nextMilliseconds = min(2 * nextMilliseconds, longestMilliseconds)
  }

  /// Forgets what failed: the next pause is the first one again.
  public mutating func succeed() {
    nextMilliseconds = firstMilliseconds
    end = MonotonicTime(nanoseconds: 0)
  }
}
