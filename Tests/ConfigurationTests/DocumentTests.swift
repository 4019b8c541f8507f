import Configuration
import Foundation
import Testing

/// docs/CONFIGURATION.md against the parser's own source and against the parser.
@Suite("docs/CONFIGURATION.md")
struct DocumentTests {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  /// "section.key" for every value the parser asks for by name.
  static func parserKeys(_ type: String) throws -> Set<String> {
    let files = [
      "Nodes/NodeConfiguration", "Nodes/BoardConfiguration", "Nodes/ModbusMeter", "Sites/GroupTerms",
      "Sites/TopologyConfiguration", "Sites/TopologyMeter", "Sites/SiteConfiguration",
    ]
    let source = try files.map { try text("Sources/Configuration/\($0).swift") }.joined(
      separator: "\npublic struct End {}\n")
    let parts = source.components(separatedBy: "public struct ")
    var body = try #require(parts.first { $0.hasPrefix(type) })
    if type == "NodeConfiguration" { body += try #require(parts.first { $0.hasPrefix("ModbusMeter") }) }
    let pattern = /try reader\.(?:text|optionalText|integer|choice|endpoint|milliseconds)\(\s*"(\w+)",\s*"(\w+)"/
    // What may stand in the section of one meter too.
    let ofMeters = /try reader\.(?:text|optionalText|integer|choice|endpoint)\(\s*section,\s*"(\w+)"/
    // What may stand in the section for all nodes of a site too.
    let ofNodes = /reader\.home\(of: "(\w+)", in: section\)/
    let section = type == "SiteConfiguration" ? "node" : "meter"
    return Set(body.matches(of: pattern).map { "\($0.output.1).\($0.output.2)" })
      .union(body.matches(of: ofMeters).map { "\(section).\($0.output.1)" })
      .union(body.matches(of: ofNodes).map { "node.\($0.output.1)" })
  }

  /// "section.key" for every row of a file's tables.
  static func documentKeys(_ file: String) throws -> Set<String> {
    let parts = try text("docs/CONFIGURATION.md").components(separatedBy: "\n## ")
    let chapter = try #require(parts.first { $0.hasPrefix(file) })
    var section = ""
    var keys: Set<String> = []
    for line in chapter.split(separator: "\n") {
      if let head = line.firstMatch(of: /^### \[(\w+)/) { section = head.output.1.lowercased() }
      if let row = line.firstMatch(of: /^\| `([\w-]+)` \|/) { keys.insert("\(section).\(row.output.1)") }
    }
    return keys
  }

  static func example(_ file: String) throws -> String {
    let parts = try text("docs/CONFIGURATION.md").components(separatedBy: "\n## ")
    let chapter = try #require(parts.first { $0.hasPrefix(file) })
    return try #require(chapter.components(separatedBy: "```ini\n").last?.components(separatedBy: "```").first)
  }

  @Test("HARDWARE and README say how many maps there are", arguments: ["docs/HARDWARE.md", "README.md"])
  func numberOfMaps(path: String) throws {
    let text = try Self.text(path)
    let numbers = text.matches(of: /(\d+) maps/).map { Int($0.output.1) }
    #expect(!numbers.isEmpty && numbers.allSatisfy { $0 == BuiltInDevices.names.count })
    let named = BuiltInDevices.names.filter { text.contains("`\($0)`") }
    #expect(named.count < 6, "\(named)")
  }

  @Test("every key the parser knows has its row, and every row is a key the parser knows")
  func complete() throws {
    var node = try Self.documentKeys("node.ini")
    // Peers are named by pattern; the parser's test has them.
    #expect(node.remove("peers.aggregator-N") != nil && node.remove("peers.bookkeeper-1") != nil)
    #expect(try Self.parserKeys("NodeConfiguration") == node)
    let group = try Self.parserKeys("GroupTerms")
    #expect(group.count == 5)
    #expect(try Self.parserKeys("TopologyConfiguration").union(group) == Self.documentKeys("topology.ini of a bench"))
    // `[meter]` of node.ini is passed on as it stands.
    #expect(try Self.parserKeys("SiteConfiguration").union(group) == Self.documentKeys("topology.ini of a site"))
    #expect(try Self.parserKeys("BoardConfiguration") == Self.documentKeys("board.ini"))
    #expect(node.count == 27)
  }

  @Test("the examples are read")
  func examples() throws {
    let boardBytes = Array(try Self.example("board.ini").utf8)
    let board = try BoardConfiguration(file: "board.ini", bytes: boardBytes.span)
    let nodeBytes = Array(try Self.example("node.ini").utf8)
    let node = try NodeConfiguration(file: "node.ini", bytes: nodeBytes.span, board: board)
    #expect(
      node.source
        == .modbus(
          ModbusMeter(map: "eastron-sdm630", port: .serial("/dev/ttyUSB0"), unit: 1, baud: 9600, parity: "none")))
    let topologyBytes = Array(try Self.example("topology.ini of a bench").utf8)
    let topology = try TopologyConfiguration(file: "topology.ini", bytes: topologyBytes.span)
    #expect(topology.aggregators == 4 && topology.terms.modulusBits == 3072)
    let siteBytes = Array(try Self.example("topology.ini of a site").utf8)
    #expect(try SiteConfiguration.isSite(file: "topology.ini", bytes: siteBytes.span))
    let site = try SiteConfiguration(file: "topology.ini", bytes: siteBytes.span)
    #expect(site.aggregators == 4 && site.meterCount == 4)
  }
}
