import HAL
import Units

/// Where a node's own numbers go: a socket, and a file for Prometheus' node exporter.
package struct StatusPlace {
  static let socketName = "status.socket"
  /// How often the file is written. It is not synced: it is worth nothing after a crash.
  static let fileMilliseconds: UInt64 = 5000
  let folder: String
  let node: String
  let firstPeriodBegins: CivilTime
  /// This run.
  let startedAt: MonotonicTime
  var file: String { "\(folder)/\(node).prom" }

  /// What the group says of itself, whatever the role.
  func tell(_ metrics: Metrics) {
    metrics.gauge(
      Self.firstPeriodMetric, "When the group's first period begins, since 1970.", "\(firstPeriodBegins.seconds)")
  }
  package static let firstPeriodMetric = "first_period_start_seconds"
}
