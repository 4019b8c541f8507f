import CLinux
import HAL

/// CLOCK_BOOTTIME and CLOCK_REALTIME.
public struct LinuxClock: Clock {
  /// True on the bench, where no time daemon runs and one machine's clock serves all nodes.
  public let trustsWallClock: Bool

  /// The machine's clocks; with `trustingWallClock` the wall clock counts as synchronised whatever the kernel says.
  public init(trustingWallClock: Bool = false) { trustsWallClock = trustingWallClock }

  public func monotonic() -> MonotonicTime { MonotonicTime(nanoseconds: busbar_clock_boot()) }
  public func wall() -> WallTime { WallTime(nanoseconds: busbar_clock_wall()) }
  public func state() -> ClockState {
    trustsWallClock || busbar_clock_synchronised() == 1 ? .synchronised : .unsynchronised
  }

  /// Stops this thread until then, by the monotonic clock; returns at once for a moment that has passed.
  public func sleep(until time: MonotonicTime) { busbar_sleep_until(time.nanoseconds) }

  /// Nanoseconds of CPU time that this thread has used, for measurements that must not see what else runs.
  public static var threadNanoseconds: UInt64 { busbar_clock_thread() }
}
