/// Bounds how many packets a second one peer may cost us, in whole numbers. (`reference/consensus.md` §2.4, §2.5)
public struct TokenBucket: Sendable {
  public let tokensPerSecond: UInt64
  public let burst: UInt64
  /// Thousandths of a token, so that no millisecond is rounded away. Invariant: at most 1000 * burst.
  private var level: UInt64
  private var lastMilliseconds: UInt64 = 0

  /// A full bucket.
  /// - Precondition: both are in 1...1,000,000.
  public init(tokensPerSecond: UInt64, burst: UInt64) {
    precondition(1...1_000_000 ~= tokensPerSecond && 1...1_000_000 ~= burst)
    self.tokensPerSecond = tokensPerSecond
    self.burst = burst
    level = 1000 * burst
  }

  /// Takes one token; false when none is left. A time before the last one adds nothing.
  public mutating func take(at milliseconds: UInt64) -> Bool {
    if milliseconds > lastMilliseconds {
      // No longer than it takes to fill an empty bucket: longer pauses would overflow the product.
      let elapsed = min(milliseconds - lastMilliseconds, 1000 * burst)
      level = min(1000 * burst, level + elapsed * tokensPerSecond)
      lastMilliseconds = milliseconds
    }
    guard level >= 1000 else { return false }
    level -= 1000
    return true
  }
}
