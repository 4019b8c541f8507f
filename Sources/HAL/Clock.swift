import Units

/// Nanoseconds of a clock that never steps; zero is the platform's choice (CLOCK_BOOTTIME on Linux).
public struct MonotonicTime: Hashable, Comparable, Sendable {
  public var nanoseconds: UInt64
  /// Takes nanoseconds since the clock's own zero; times of two clocks say nothing about each other.
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
  public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }
  /// The moment so much later: a deadline. It wraps after 584 years.
  public func adding(milliseconds: UInt64) -> Self { Self(nanoseconds: nanoseconds &+ milliseconds &* 1_000_000) }
  /// Whole milliseconds since `earlier`, 0 when `earlier` is later.
  public func milliseconds(since earlier: Self) -> UInt64 {
    nanoseconds <= earlier.nanoseconds ? 0 : (nanoseconds - earlier.nanoseconds) / 1_000_000
  }
}

/// Nanoseconds since 1970-01-01T00:00:00Z, as far as the board knows.
public struct WallTime: Hashable, Comparable, Sendable {
  public var nanoseconds: UInt64
  /// Takes nanoseconds since 1970-01-01T00:00:00Z, which last until 2554.
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
  public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// Whether wall time can be believed. Boards have no battery clock. (DESIGN §3.2)
public enum ClockState: UInt8, Sendable {
  case synchronised
  /// Nodes neither sign nor propose in this state; meters keep counting.
  case unsynchronised
}

/// One instant by both clocks, and whether the second could be believed then. Roles are stepped at one, and readings have one.
public struct Instant: Hashable, Sendable {
  public var monotonic: MonotonicTime
  public var wall: WallTime
  public var state: ClockState

  /// Takes what three questions to one clock gave, asked one right behind the other.
  public init(monotonic: MonotonicTime, wall: WallTime, state: ClockState) {
    self.monotonic = monotonic
    self.wall = wall
    self.state = state
  }
}

extension Instant {
  /// The period this instant lies in.
  public func period(ofSeconds seconds: UInt64) -> Period { Period(wall.nanoseconds / 1_000_000_000 / seconds) }

  /// Milliseconds since `period` ended; nil while it has not.
  public func milliseconds(sinceEndOf period: Period, ofSeconds seconds: UInt64) -> UInt64? {
    let end = (period.rawValue + 1) * seconds * 1000
    let now = wall.nanoseconds / 1_000_000
    return now >= end ? now - end : nil
  }
}

/// The two clocks of a board: one that never steps, for deadlines, and the time of day, which may step or be wrong.
public protocol Clock {
  /// Now, by the clock that never steps: no call gives less than an earlier one did.
  func monotonic() -> MonotonicTime
  /// Now, by the time of day, which may step either way between two calls.
  func wall() -> WallTime
  /// Whether ``wall()`` can be believed now; it may change either way while a node runs.
  func state() -> ClockState
  /// When the bytes that a port read last had arrived: now, unless the clock belongs to a port that notes it.
  func instantOfInput() -> Instant
}

extension Clock {
  public func instantOfInput() -> Instant { Instant(monotonic: monotonic(), wall: wall(), state: state()) }
}
