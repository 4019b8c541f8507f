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

/// Whether wall time can be believed. Boards have no battery clock. (DESIGN §3.2)
public enum ClockState: UInt8, Sendable {
  case synchronised
  /// Nodes neither sign nor propose in this state; meters keep counting.
  case unsynchronised
}

/// One instant by both clocks, and whether the second could be believed then.
public struct Stamp: Hashable, Sendable {
  public var monotonic: MonotonicTime
  public var wall: WallTime
  public var state: ClockState

  public init(monotonic: MonotonicTime, wall: WallTime, state: ClockState) {
    self.monotonic = monotonic
    self.wall = wall
    self.state = state
  }
}

public protocol Clock {
  func monotonic() -> MonotonicTime
  func wall() -> WallTime
  func state() -> ClockState
  /// When the bytes that a port read last had arrived: now, unless the clock belongs to a port that notes it.
  func stampOfInput() -> Stamp
}

extension Clock {
  public func stampOfInput() -> Stamp { Stamp(monotonic: monotonic(), wall: wall(), state: state()) }
}
