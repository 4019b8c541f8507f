import Commands
import HAL
import Node

struct AggregatorRun: ~Copyable, RunningRole {
  private var node: AggregatorNode

  init(_ node: consuming AggregatorNode) { self.node = node }

  mutating func restore(from host: inout LinuxHost) throws(PlatformError) {
    try host.reread { entry in node.restore(entry) }
  }

  mutating func receive(
    _ datagram: Span<UInt8>, from endpoint: Endpoint, at now: Instant, via host: inout LinuxHost
  ) throws(PlatformError) { try node.receive(datagram, from: endpoint, at: now, via: &host) }

  mutating func poll(at now: Instant, via host: inout LinuxHost) throws(PlatformError) -> MonotonicTime? {
    if let due = node.nextPoll(after: now.monotonic), due <= now.monotonic { node.poll(at: now, via: &host) }
    return node.nextPoll(after: now.monotonic)
  }

  mutating func tick(
    at now: Instant, via host: inout LinuxHost, _ watch: inout NodeWatch
  ) throws(PlatformError) -> Failure? {
    try node.tick(at: now, via: &host)
    return watch.look(at: &node, now)
  }

  func tell(_ metrics: Metrics, _ moment: RunMoment) { metrics.add(node, moment) }
}
