import HAL

/// How much may pass: fills evenly, holds at most its burst. Exact: it counts billionths of a token.
public struct TokenBucket: Sendable {
  /// So that twice a burst, in billionths, stays within 64 bits.
  public static let maximumBurst: UInt64 = 1 << 31

  /// Tokens a second.
  public var perSecond: UInt64
  public let burst: UInt64
  /// Billionths. Invariant: −burst ≤ level ≤ burst, in tokens.
  private var level: Int64
  private var filledAt: MonotonicTime?

  /// Full.
  public init(perSecond: UInt64, burst: UInt64) {
    precondition(burst > 0 && burst <= Self.maximumBurst)
    precondition(perSecond <= 1 << 40)
    self.perSecond = perSecond
    self.burst = burst
    level = Int64(burst) * 1_000_000_000
  }

  private mutating func fill(at now: MonotonicTime) {
    guard let earlier = filledAt else { return filledAt = now }
    guard now > earlier else { return }
    let elapsed = now.nanoseconds - earlier.nanoseconds
    filledAt = now
    let room = UInt64(Int64(burst) * 1_000_000_000 - level)
    // The product is only made where it fits into the room.
    guard perSecond > 0, elapsed <= room / perSecond else {
      if perSecond > 0 { level = Int64(burst) * 1_000_000_000 }
      return
    }
    level += Int64(elapsed * perSecond)
  }

  /// Whether `count` tokens are there; takes none.
  public mutating func has(_ count: UInt64, at now: MonotonicTime) -> Bool {
    fill(at: now)
    return count <= burst && level >= Int64(count) * 1_000_000_000
  }

  /// Takes `count` tokens if there are as many.
  public mutating func take(_ count: UInt64, at now: MonotonicTime) -> Bool {
    guard has(count, at: now) else { return false }
    level -= Int64(count) * 1_000_000_000
    return true
  }

  /// Takes `count` tokens that cannot wait, if need be from the future, up to a burst of it.
  public mutating func charge(_ count: UInt64, at now: MonotonicTime) {
    fill(at: now)
    let least = -Int64(burst) * 1_000_000_000
    level = max(least, level - Int64(min(count, burst)) * 1_000_000_000)
  }

  /// When `count` tokens will be there; nil for never.
  public func moment(of count: UInt64, after now: MonotonicTime) -> MonotonicTime? {
    guard count <= burst else { return nil }
    let missing = Int64(count) * 1_000_000_000 - level
    guard missing > 0 else { return now }
    guard perSecond > 0 else { return nil }
    let start = filledAt ?? now
    return max(now, MonotonicTime(nanoseconds: start.nanoseconds + (UInt64(missing) + perSecond - 1) / perSecond))
  }
}
