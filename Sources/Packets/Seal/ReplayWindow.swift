/// Which of the last 2048 packet numbers were seen. (RFC 6479, for the idea)
public struct ReplayWindow: Sendable {
  public static let size: UInt64 = 2048
  private var words = InlineArray<32, UInt64>(repeating: 0)
  /// One above the highest number seen; 0 before the first.
  private var next: UInt64 = 0

  /// A window that has seen nothing.
  public init() {}

  /// Whether a number was not seen yet; false for one ``size`` or more below the highest, of which nothing is known now.
  public func isFresh(_ number: UInt64) -> Bool {
    if number >= next { return number < UInt64.max }
    guard next - number <= Self.size else { return false }
    return words[Int(number / 64 % 32)] >> (number % 64) & 1 == 0
  }

  /// - Precondition: ``isFresh(_:)``
  public mutating func insert(_ number: UInt64) {
    if number >= next {
      // Bits between the old and the new edge belong to numbers not seen yet.
      if number - next >= Self.size {
        for index in 0..<32 { words[index] = 0 }
      } else {
        var cleared = next
        while cleared <= number {
          words[Int(cleared / 64 % 32)] &= ~(1 << (cleared % 64))
          cleared += 1
        }
      }
      next = number + 1
    }
    words[Int(number / 64 % 32)] |= 1 << (number % 64)
  }
}

/// Which of the last 64 packet numbers were seen: for peers that send little, of which there are many, and for STATUS.
public struct SmallReplayWindow: Sendable {
  public static let size: UInt64 = 64
  /// Bit i: the number `next` − 1 − i was seen.
  private var seen: UInt64 = 0
  /// One above the highest number seen; 0 before the first.
  private var next: UInt64 = 0

  /// A window that has seen nothing.
  public init() {}

  /// Whether a number was not seen yet; false for one ``size`` or more below the highest, of which nothing is known now.
  public func isFresh(_ number: UInt64) -> Bool {
    if number >= next { return number < UInt64.max }
    guard next - number <= Self.size else { return false }
    return seen >> (next - 1 - number) & 1 == 0
  }

  /// Whether it is above every number that was seen.
  public func isNewest(_ number: UInt64) -> Bool { number >= next }

  /// - Precondition: ``isFresh(_:)``
  public mutating func insert(_ number: UInt64) {
    if number >= next {
      let step = number - next + 1
      seen = step >= Self.size ? 0 : seen << step
      next = number + 1
    }
    seen |= 1 << (next - 1 - number)
  }
}
