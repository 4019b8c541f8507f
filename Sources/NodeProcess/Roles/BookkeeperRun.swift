import Commands
import HAL
import Node

struct BookkeeperRun: ~Copyable, RunningRole {
  private let name: String
  private var node: BookkeeperNode
  /// The newest total that cannot be read and was told of.
  private var unreadable: UnreadableTotal?

  init(_ name: String, _ node: consuming BookkeeperNode) {
    self.name = name
    self.node = node
  }

  mutating func restore(from host: inout LinuxHost) throws(PlatformError) {
    try host.reread { entry in node.restore(entry) }
    unreadable = node.newestUnreadable
  }

  mutating func receive(
    _ datagram: Span<UInt8>, from endpoint: Endpoint, at now: Instant, via host: inout LinuxHost
  ) throws(PlatformError) { try node.receive(datagram, from: endpoint, at: now, via: &host) }

  /// One sum at a time: each takes powers modulo n², and packets come meanwhile.
  mutating func poll(at now: Instant, via host: inout LinuxHost) throws(PlatformError) -> MonotonicTime? {
    guard node.isSumWaiting else { return nil }
    try node.openOne(via: &host)
    return node.isSumWaiting ? now.monotonic : nil
  }

  mutating func tick(
    at now: Instant, via host: inout LinuxHost, _ watch: inout NodeWatch
  ) throws(PlatformError) -> Failure? {
    try node.tick(at: now, via: &host)
    if let end = watch.look(at: &node, now) { return end }
    guard let newest = node.newestUnreadable, newest != unreadable else { return nil }
    unreadable = newest
    printDiagnostic(
      "\(name): the total of set \(newest.owner), position \(newest.position), period \(newest.period), cannot be read; "
        + "it is kept, and \(node.unreadableCount) are open")
    return nil
  }

  func tell(_ metrics: Metrics, _ moment: RunMoment) { metrics.add(node, moment) }
}
