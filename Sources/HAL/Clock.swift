/// Nanoseconds of a clock that never steps; zero is the platform's choice (CLOCK_BOOTTIME on Linux).
public struct MonotonicTime: Hashable, Comparable, Sendable {
  public var nanoseconds: UInt64
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
  public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }
  public func adding(milliseconds: UInt64) -> Self { Self(nanoseconds: nanoseconds &+ milliseconds &* 1_000_000) }
  /// Whole milliseconds since `earlier`, 0 when `earlier` is later.
  public func milliseconds(since earlier: Self) -> UInt64 {
    nanoseconds <= earlier.nanoseconds ? 0 : (nanoseconds - earlier.nanoseconds) / 1_000_000
  }
}

/// Nanoseconds since 1970-01-01T00:00:00Z, as far as the board knows.
public struct WallTime: Hashable, Comparable, Sendable {
  public var nanoseconds: UInt64
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
  public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// Whether wall time can be believed. Boards have no battery clock. (DESIGN §3, Time)
public enum ClockState: UInt8, Sendable {
  case synchronised
  /// Nodes neither sign nor propose in this state; meters keep counting.
  case unsynchronised
}

public protocol Clock {
  func monotonic() -> MonotonicTime
  func wall() -> WallTime
  func state() -> ClockState
}
