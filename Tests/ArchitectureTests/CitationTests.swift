import Foundation
import Testing

/// What a comment or a string names of the documents.
enum Citation: Hashable, CustomStringConvertible {
  /// "12", "R3", "C6" or "K1": a rule of docs/CONSENSUS.md; "S7": a scenario, of which there is no list.
  case rule(String)
  /// "2.1" of docs/DESIGN.md; empty where no section is told.
  case section(String)
  /// A path as it is written.
  case document(String)

  var description: String {
    switch self {
    case .rule(let number): "rule \(number)"
    case .section(let number): "DESIGN §\(number)"
    case .document(let path): path
    }
  }

  /// All that a text names. One that goes on in the next line of a comment is found too.
  static func all(in text: String) -> [Citation] {
    let text = joined(text)
    return rules(in: text) + sections(in: text)
      + groups(#"([A-Za-z0-9_./-]*[A-Za-z0-9_-]\.md)\b"#, in: text).map { .document($0[1]) }
  }

  /// The lines of comments, one behind the other.
  private static func joined(_ text: String) -> String {
    text.replacingOccurrences(of: #"\n[ \t]*(///?|#|;)?[ \t]*"#, with: " ", options: .regularExpression)
  }

  /// "rule 7", "rules R3–R5 and 12", "coverage rule 2", which is C2.
  private static func rules(in text: String) -> [Citation] {
    let number = "[CKR]?[0-9]+"
    let named = groups(
      "\\b([Cc]overage )?[Rr]ules? (\(number)(?:(?:, and |, | and |–|-| to )\(number))*)\\b", in: text)
    var result: [Citation] = groups(#"\b[Ss]cenarios? (S[0-9]+)\b"#, in: text).map { .rule($0[1]) }
    for parts in named {
      let family = parts[1].isEmpty ? "" : "C"
      var isRange = false
      for token in groups("(\(number))|(–|-| to )", in: parts[2]) {
        if token[1].isEmpty {
          isRange = true
          continue
        }
        let (letter, last) = split(token[1])
        var first = last
        if isRange, case .rule(let before)? = result.last { first = min(split(before).number + 1, last) }
        isRange = false
        let prefix = letter.isEmpty ? family : letter
        for number in first...last { result.append(.rule("\(prefix)\(number)")) }
      }
    }
    return result
  }

  private static func split(_ rule: String) -> (letter: String, number: Int) {
    let letter = rule.prefix { $0.isLetter }
    return (String(letter), Int(rule.dropFirst(letter.count)) ?? 0)
  }

  /// "DESIGN §2.1, §2.2". Words behind the name are no section.
  private static func sections(in text: String) -> [Citation] {
    var result: [Citation] = []
    let pattern = #"\b(?:DESIGN(\.md)?|[Dd]esign(?= §))(?:((?:,? §[0-9]+(?:\.[0-9]+)*)+)|(?=[,:]| section))"#
    for parts in groups(pattern, in: text) {
      let numbers = groups(#"§([0-9.]*[0-9])"#, in: parts[2]).map { $0[1] }
      if numbers.isEmpty, parts[1].isEmpty { result.append(.section("")) }
      result += numbers.map { .section($0) }
    }
    return result
  }

  /// Every match: all of it, then its groups; one that took no part is empty.
  private static func groups(_ pattern: String, in text: String) -> [[String]] {
    let expression = try! NSRegularExpression(pattern: pattern)
    let whole = NSRange(text.startIndex..., in: text)
    return expression.matches(in: text, range: whole).map { match in
      (0..<match.numberOfRanges).map { place in
        Range(match.range(at: place), in: text).map { String(text[$0]) } ?? ""
      }
    }
  }
}

/// What the documents have that can be named.
struct Documents {
  /// Of each rule in docs/CONSENSUS.md, the planted violations in its row; of a number with two rows, those of both.
  private(set) var mutants: [String: Set<String>] = [:]
  /// Numbers with more than one row.
  private(set) var repeated: [String] = []
  private var sections: Set<String> = []

  init() throws {
    for line in try SourceTree.text("docs/CONSENSUS.md").split(separator: "\n") where line.hasPrefix("| ") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard let first = cells.first, let last = cells.last, cells.count > 2 else { continue }
      let numbers = first.components(separatedBy: ", ")
      guard numbers.allSatisfy({ $0.wholeMatch(of: /[CKR]?[0-9]+/) != nil }) else { continue }
      for number in numbers {
        if mutants[number] != nil { repeated.append(number) }
        mutants[number, default: []].formUnion(last.components(separatedBy: ", "))
      }
    }
    for line in try SourceTree.text("docs/DESIGN.md").split(separator: "\n") where line.hasPrefix("#") {
      if let number = line.firstMatch(of: #/^[#]+ ([0-9]+(?:\.[0-9]+)*)\.? /#)?.1 { sections.insert(String(number)) }
    }
  }

  func has(_ citation: Citation) -> Bool {
    switch citation {
    case .rule(let number): mutants[number] != nil
    case .section(let number): sections.contains(number)
    case .document(let path): SourceTree.has(path) || SourceTree.has("docs/\(path)")
    }
  }

  /// What a text names and nobody finds.
  func missing(in text: String) -> [Citation] { Citation.all(in: text).filter { !has($0) } }
}

extension SourceTree {
  static func has(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
  }

  /// Every file below a folder that people write and read, but for what is hidden and what is a link.
  static func textFiles(below folder: String) throws -> [(path: String, text: String)] {
    let written = ["swift", "c", "h", "py", "sh", "pml", "md"]
    let base = root.appendingPathComponent(folder).resolvingSymlinksInPath()
    let names = FileManager.default.enumerator(atPath: base.path)?.allObjects as? [String] ?? []
    return try names.filter { name in
      written.contains { name.hasSuffix(".\($0)") } && !"/\(name)".contains("/.")
    }.sorted().map { ("\(folder)/\($0)", try text("\(folder)/\($0)")) }
  }
}

@Suite("Citations (docs/CONSENSUS.md, docs/DESIGN.md)")
struct CitationTests {
  @Test("what a comment or string names stands in a document", arguments: ["Sources", "Tests", "Models", "docs"])
  func resolved(folder: String) throws {
    let documents = try Documents()
    let files = try SourceTree.textFiles(below: folder)
    #expect(!files.isEmpty)
    for file in files {
      let missing = documents.missing(in: file.text)
      #expect(missing.isEmpty, "\(file.path) names \(missing.map(\.description).joined(separator: "; "))")
    }
  }

  @Test("a rule has one row")
  func unique() throws {
    #expect(try Documents().repeated == [])
  }

  @Test("a planted violation stands in the row of each rule that it is said to break")
  func mutants() throws {
    let documents = try Documents()
    let hunts = ["MutantHunt.swift", "MutantHunt+Groups.swift"]
    var count = 0
    for planted in try hunts.flatMap({ Self.plantedRules(in: try SourceTree.text("Sources/Simulator/Hunt/\($0)")) }) {
      for rule in planted.rules {
        #expect(documents.mutants[rule]?.contains(planted.mutant) == true, "\(planted.mutant) breaks rule \(rule)")
        count += 1
      }
    }
    #expect(count > 100)
  }

  /// The cases `case .one, .another: "R3, 12"`.
  static func plantedRules(in text: String) -> [(mutant: String, rules: [String])] {
    text.matches(of: /case ([.\w,\s]+):\s*"([^"]+)"/).flatMap { match in
      match.1.matches(of: /\w+/).map { (String($0.0), match.2.components(separatedBy: ", ")) }
    }
  }

  @Test("what the checks of this suite look for, they would find")
  func checksCanFail() throws {
    let documents = try Documents()
    // Names are put together here, so that this file has none that is missing.
    let nowhere = "reference/\("nothing").md"
    let text = """
      /// Known: rule \(1), rules R\(3)–R\(5), DESIGN §\(1), docs/\("PROTOCOL").md. (coverage
      /// rule \(2)) Not known: rules \(1) and
      /// R\(99), scenario S\(7), DESIGN §\(99.1), \("DESIGN"): nowhere, \(nowhere)
      """
    let expected: Set<Citation> = [
      .rule("1"), .rule("R3"), .rule("R4"), .rule("R5"), .rule("C2"), .rule("R99"), .rule("S7"), .section("1"),
      .section("99.1"), .section(""), .document("docs/PROTOCOL.md"), .document(nowhere),
    ]
    #expect(Set(Citation.all(in: text)) == expected)
    let missing: Set<Citation> = [
      .rule("R99"), .rule("S7"), .section("99.1"), .section(""), .document(nowhere),
    ]
    #expect(Set(documents.missing(in: text)) == missing)
    let planted = Self.plantedRules(in: "case .one,\n  .another:\n  \"R3, 12\"")
    #expect(planted.map(\.mutant) == ["one", "another"] && planted.allSatisfy { $0.rules == ["R3", "12"] })
  }
}
