import CLinux
import HAL

/// Waits for any of a node's descriptors or a moment: one epoll set with one timer, no thread beside it.
public struct EventLoop: ~Copyable {
  private let events: Int32
  private let timer: Int32
  private var armed: UInt64 = .max

  /// An epoll set and a timer, both closed in `deinit`. Throws when the process has no descriptors left.
  public init() throws(PlatformError) {
    var timer: Int32 = -1
    events = try check(busbar_events_open(&timer))
    self.timer = timer
  }

  deinit {
    busbar_close(timer)
    busbar_close(events)
  }

  /// - Parameter tag: 0...62, which ``wait(until:)`` answers with.
  public mutating func add(_ descriptor: Int32, tag: Int) throws(PlatformError) {
    precondition((0..<63).contains(tag))
    try check(busbar_events_add(events, descriptor, Int32(tag)))
  }

  /// Stops waiting for a descriptor; one that was never added is left alone.
  public mutating func remove(_ descriptor: Int32) { busbar_events_remove(events, descriptor) }

  /// A bit for each tag whose descriptor can be read. None: the moment has come, or a signal did.
  public mutating func wait(until moment: MonotonicTime) throws(PlatformError) -> UInt64 {
    if moment.nanoseconds != armed {
      try check(busbar_timer_set(timer, moment.nanoseconds))
      armed = moment.nanoseconds
    }
    let mask = try check(busbar_events_wait(events, timer))
    // A timer that fired does not fire again by itself.
    if mask == 0 { armed = .max }
    return UInt64(mask)
  }
}
