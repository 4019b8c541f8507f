import Commands
import HAL
import Node

/// A role as a process runs it: its node, and what of this machine that role alone needs.
protocol RunningRole: ~Copyable {
  /// Visits every entry of the journal, before anything else.
  mutating func restore(from host: inout LinuxHost) throws(PlatformError)
  mutating func receive(
    _ datagram: Span<UInt8>, from endpoint: Endpoint, at now: Instant, via host: inout LinuxHost
  ) throws(PlatformError)
  /// Does a piece of what waits for nothing but its turn.
  /// - Returns: when it is to be called again; nil for not before the next tick.
  mutating func poll(at now: Instant, via host: inout LinuxHost) throws(PlatformError) -> MonotonicTime?
  /// Ten times a second.
  /// - Returns: why the node ends; nil while it goes on.
  mutating func tick(
    at now: Instant, via host: inout LinuxHost, _ watch: inout NodeWatch
  ) throws(PlatformError) -> Failure?
  func tell(_ metrics: Metrics, _ moment: RunMoment)
}

extension RunningRole where Self: ~Copyable {
  mutating func poll(at now: Instant, via host: inout LinuxHost) throws(PlatformError) -> MonotonicTime? { nil }
}
