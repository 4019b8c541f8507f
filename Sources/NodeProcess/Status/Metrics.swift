import Commands
import HAL
import Node
import Packets

/// Everything a node tells about itself, in one order, as text for Prometheus (exposition format 0.0.4) or as JSON. Nothing of a
/// household is in it. It goes out piece by piece: of a large group it is megabytes, and it is told every few seconds.
final class Metrics {
  enum Form { case prometheus, json }
  enum Kind: String { case counter, gauge, histogram }
  private static let pieceBytes = 16_384

  private let form: Form
  private let write: (Span<UInt8>) -> Void
  private var piece: [UInt8] = []
  /// The metric whose samples come now, and what stands before its first one.
  private var name = ""
  private var heading = ""
  private var isFirst = true

  /// - Parameter write: takes the pieces in order; called until ``end()``.
  init(node: String, as form: Form, writingTo write: @escaping (Span<UInt8>) -> Void) {
    self.form = form
    self.write = write
    piece.reserveCapacity(Self.pieceBytes + 256)
    if form == .json { put("{\"node\":\"\(jsonEscaped(node))\",\"metrics\":{") }
  }

  func end() {
    if form == .json { put("}}\n") }
    write(piece.span)
    piece.removeAll()
  }

  private func put(_ text: String) {
    piece.append(contentsOf: text.utf8)
    guard piece.count >= Self.pieceBytes else { return }
    write(piece.span)
    piece.removeAll(keepingCapacity: true)
  }

  func begin(_ name: String, _ help: String, _ kind: Kind) {
    self.name = name
    heading = "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
  }

  /// - Parameters:
  ///   - labels: as Prometheus has them, in braces; empty for none.
  ///   - value: as digits: an integer, or a decimal fraction.
  func sample(_ value: String, suffix: String = "", labels: String = "") {
    switch form {
    case .prometheus:
      // A metric without samples is not mentioned.
      put(heading)
      heading = ""
      put("\(name)\(suffix)\(labels) \(value)\n")
    case .json:
      put((isFirst ? "\"" : ",\"") + jsonEscaped(name + suffix + labels) + "\":" + value)
      isFirst = false
    }
  }

  static func label(_ name: String, _ value: String) -> String { "{\(name)=\"\(jsonEscaped(value))\"}" }

  func counter(_ name: String, _ help: String, _ value: UInt64) {
    begin("busbar_\(name)_total", help, .counter)
    sample("\(value)")
  }
  func counters(_ name: String, _ help: String, _ label: String, _ values: [(value: String, count: UInt64)]) {
    begin("busbar_\(name)_total", help, .counter)
    for value in values { sample("\(value.count)", labels: Self.label(label, value.value)) }
  }
  func gauge(_ name: String, _ help: String, _ value: String) {
    begin("busbar_\(name)", help, .gauge)
    sample(value)
  }
  func gauges(_ name: String, _ help: String, _ label: String, _ values: [(value: String, number: String)]) {
    begin("busbar_\(name)", help, .gauge)
    for value in values { sample(value.number, labels: Self.label(label, value.value)) }
  }
  func histogram(_ name: String, _ help: String, _ histogram: LatencyHistogram) {
    begin("busbar_\(name)", help, .histogram)
    var below: UInt64 = 0
    for place in 0..<LatencyHistogram.count {
      below += histogram.counts[place]
      sample(
        "\(below)", suffix: "_bucket", labels: Self.label("le", decimal(LatencyHistogram.bounds[place], places: 3)))
    }
    sample("\(histogram.total)", suffix: "_bucket", labels: Self.label("le", "+Inf"))
    sample(decimal(histogram.sumMilliseconds, places: 3), suffix: "_sum")
    sample("\(histogram.total)", suffix: "_count")
  }
}
