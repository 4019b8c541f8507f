import Foundation
import Testing

@Suite("Messages (docs/PROTOCOL.md)")
struct MessageTableTests {
  struct Table {
    var name: String
    var fields: [String] = []
    /// A journal entry's, headed by "### name (kind)": a case, not a struct.
    var isEntry: Bool { name.first?.isLowercase == true }
    var kind = ""
    /// What a struct or a case must have: tags, zeros and lengths left out.
    var expected: [String] { fields.filter { !$0.hasPrefix("\"") && !$0.hasPrefix("zero") && !$0.hasPrefix("(") } }
  }

  /// Tables headed by "## Name" whose header row has the columns offset, size, field.
  static func tables() throws -> [Table] {
    var result: [Table] = []
    for line in try SourceTree.text("docs/PROTOCOL.md").split(separator: "\n") {
      if line.hasPrefix("## ") || line.hasPrefix("### ") {
        let words = line.drop { $0 == "#" || $0 == " " }.split(separator: " ").map(String.init)
        let name = (words.first ?? "").trimmingCharacters(in: CharacterSet(charactersIn: "`"))
        // What reads a whole file keeps of it what it needs, in an order of its own.
        let isFile = words.last == "file"
        let kind = words.count == 2 ? words[1].trimmingCharacters(in: CharacterSet(charactersIn: "()")) : ""
        result.append(Table(name: isFile ? "" : name, kind: kind))
        continue
      }
      guard line.hasPrefix("|"), !result.isEmpty else { continue }
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " `")) }
      guard cells.count >= 3, let first = cells.first, first.first?.isNumber == true else { continue }
      result[result.count - 1].fields.append(cells[2])
    }
    return result.filter { !$0.fields.isEmpty && !$0.name.isEmpty }
  }

  /// The stored properties of `struct name`, in order, as far as their declarations stand at the struct's own level.
  static func storedProperties(of name: String, in lines: [Substring]) -> [(name: String, type: String)]? {
    guard
      let start = lines.firstIndex(where: {
        $0.contains("struct \(name):") || $0.contains("struct \(name) {") || $0.contains("struct \(name)<")
      })
    else { return nil }
    var depth = 0
    var result: [(String, String)] = []
    for line in lines[start...] {
      let before = depth
      depth += line.filter { $0 == "{" }.count - line.filter { $0 == "}" }.count
      let words = line.split(separator: " ").filter {
        !["public", "package", "internal", "private(set)", "fileprivate(set)"].contains($0)
      }
      if before == 1, depth == 1, !line.contains("{"), words.count >= 3, words[0] == "let" || words[0] == "var",
        words[1].hasSuffix(":")
      {
        result.append((String(words[1].dropLast()), words[2...].joined(separator: " ")))
      }
      if before > 0, depth == 0 { break }
    }
    return result
  }

  static func allFiles() throws -> [(path: String, lines: [Substring])] {
    try SourceTree.modules().flatMap { try SourceTree.swiftFiles(of: $0) }
  }

  @Test("each table has a struct with the same fields in the same order, tags and zeros left out")
  func structsMatchTables() throws {
    let files = try Self.allFiles()
    let tables = try Self.tables()
    #expect(tables.count >= 8)
    for table in tables where !table.isEntry {
      guard let properties = files.lazy.compactMap({ Self.storedProperties(of: table.name, in: $0.lines) }).first else {
        Issue.record("no struct \(table.name)")
        continue
      }
      #expect(properties.map(\.name) == table.expected, "\(table.name)")
      for property in properties {
        #expect(
          !["Int", "Int?", "UInt", "[Int]"].contains(property.type),
          "\(table.name).\(property.name) is \(property.type)")
      }
    }
  }

  /// The labels of `case name(label: Type, …)`.
  static func labels(ofCase name: String, in text: String) -> [String]? {
    guard let start = text.range(of: "case \(name)(")?.upperBound,
      let end = text.range(of: ")", range: start..<text.endIndex)?.lowerBound
    else { return nil }
    return text[start..<end].split(separator: ",").map { part in
      part.prefix { $0 != ":" }.trimmingCharacters(in: .whitespacesAndNewlines)
    }
  }

  @Test("each kind of journal entry has a table under its number, with the same parts in the same order as its case")
  func entriesMatchTables() throws {
    let entries = try SourceTree.text("Sources/Node/Journal/JournalEntry.swift")
    let kinds = try SourceTree.text("Sources/Node/Journal/EntryKind.swift").split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      return words.count == 4 && words[0] == "case" && words[2] == "=" ? (String(words[1]), String(words[3])) : nil
    }
    let tables = try Self.tables().filter { $0.isEntry }
    #expect(kinds.count >= 24)
    #expect(tables.map { "\($0.name) \($0.kind)" } == kinds.map { "\($0.0) \($0.1)" })
    for table in tables { #expect(Self.labels(ofCase: table.name, in: entries) == table.expected, "\(table.name)") }
  }

  @Test("what the checks of this suite look for, they would find")
  func checksCanFail() {
    let lines: [Substring] = [
      "public struct Sample: Equatable {", "  public let a: UInt8", "  let b: Int", "  var c: Int { 1 }", "}",
    ]
    #expect(Self.storedProperties(of: "Sample", in: lines)?.map(\.name) == ["a", "b"])
    #expect(Self.storedProperties(of: "Sample", in: lines)?.map(\.type) == ["UInt8", "Int"])
    #expect(Self.labels(ofCase: "two", in: "case one\n  case two(a: UInt8,\n    b: Span<UInt8>)") == ["a", "b"])
  }
}
