import HAL

/// Datagrams that come faster than any group sends them. One at a time, each would cost a wake-up, which is dearer than all that
/// is done with what is dropped; so under a flood a node looks once a millisecond.
struct FloodGauge {
  private static let windowMilliseconds: UInt64 = 10
  /// 5,000 a second: 50 Mb/s of records are as many.
  private static let windowCount = 50
  private var windowStart = MonotonicTime(nanoseconds: 0)
  private var count = 0
  private(set) var isFlooded = false

  mutating func note(_ received: Int, at now: MonotonicTime) {
    count += received
    guard now.milliseconds(since: windowStart) >= Self.windowMilliseconds else { return }
    isFlooded = count > Self.windowCount && now.milliseconds(since: windowStart) < 2 * Self.windowMilliseconds
    windowStart = now
    count = 0
  }
}
