/// The declarations of one Swift file, read line by line as `swift format` lays them out: each begins a line, and what it holds is
/// indented. This is no parser.
struct SwiftDeclarations {
  struct Declaration: Equatable {
    /// `struct`, `func`, `init`, `let`, …
    let word: String
    /// A function's with its labels: `append(_:then:)`.
    let name: String
    /// The type, protocol or extension it stands in; empty at the top of a file.
    let owner: String
    let isPublic: Bool
    /// A protocol asks for it; an extension of the protocol may have it too, which is none.
    let isRequirement: Bool
    let isDocumented: Bool
    /// What stands behind the name of a property: its type, its value, or both.
    let rest: String
  }
  private struct Scope {
    let indentation: Int
    let word: String
    let name: String
    let isPublic: Bool
  }

  private(set) var declarations: [Declaration] = []
  /// What a type's own heading and those of its extensions say that it is.
  private(set) var conformances: [String: Set<String>] = [:]
  /// The functions and initialisers that a protocol asks for.
  private(set) var requirements: [String: Set<String>] = [:]

  private static let typeWords: Set<String> = ["struct", "class", "enum", "actor", "protocol", "extension"]
  private static let functionWords: Set<String> = ["func", "init", "subscript"]
  private static let modifiers: Set<String> = [
    "public", "package", "internal", "fileprivate", "private", "static", "final", "mutating", "nonmutating",
    "borrowing",
    "consuming", "indirect", "convenience", "required", "override", "nonisolated", "lazy", "weak", "unowned",
  ]
  /// Lines that the longest heading takes.
  private static let longestHeading = 20

  init(_ lines: [Substring]) {
    var scopes: [Scope] = []
    for place in lines.indices {
      let line = lines[place]
      let text = line.drop { $0 == " " }
      if text.isEmpty { continue }
      let indentation = line.count - text.count
      let goesOn = ["where ", ")", "{"].contains { text.hasPrefix($0) }
      while let scope = scopes.last, indentation < scope.indentation || (indentation == scope.indentation && !goesOn) {
        scopes.removeLast()
      }
      if text.hasPrefix("//") { continue }
      let (modifiers, word, behind) = Self.cut(text)
      guard
        Self.typeWords.contains(word) || Self.functionWords.contains(word)
          || ["typealias", "let", "var"].contains(word)
      else { continue }
      let heading = Self.joined(behind, lines[(place + 1)...].prefix(Self.longestHeading))
      let scope = scopes.last
      let asksFor = scope?.word == "protocol" && Self.functionWords.contains(word)
      let name = Self.functionWords.contains(word) ? Self.function(word, heading) : Self.identifier(heading)
      let isPublic = modifiers.contains("public") || (asksFor && scope?.isPublic == true)
      if asksFor, let scope { requirements[scope.name, default: []].insert(name) }
      if Self.typeWords.contains(word) {
        conformances[name, default: []].formUnion(Self.conformances(heading))
        scopes.append(Scope(indentation: indentation, word: word, name: name, isPublic: isPublic))
      }
      declarations.append(
        Declaration(
          word: word, name: name, owner: scope?.name ?? "", isPublic: isPublic, isRequirement: asksFor,
          isDocumented: Self.isDocumented(lines, place), rest: String(behind.drop { Self.isWord($0) })))
    }
  }

  /// Whether a documentation comment stands above a declaration and the lines of its attributes.
  private static func isDocumented(_ lines: [Substring], _ place: Int) -> Bool {
    var before = place - 1
    while before >= 0, lines[before].drop(while: { $0 == " " }).hasPrefix("@") { before -= 1 }
    return before >= 0 && lines[before].drop { $0 == " " }.hasPrefix("///")
  }

  private static func isWord(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || character == "_"
  }

  /// Modifiers, the word that declares, and what stands behind it. Attributes are left out.
  private static func cut(_ line: Substring) -> (modifiers: Set<String>, word: String, behind: Substring) {
    var rest = line
    var modifiers: Set<String> = []
    while true {
      let isAttribute = rest.first == "@"
      if isAttribute { rest.removeFirst() }
      let word = String(rest.prefix { isWord($0) })
      rest = rest.dropFirst(word.count)
      guard isAttribute || Self.modifiers.contains(word) else { return (modifiers, word, rest.drop { $0 == " " }) }
      let hasArgument = rest.first == "("
      if hasArgument {
        guard let end = rest.firstIndex(of: ")") else { return ([], "", "") }
        rest = rest[rest.index(after: end)...]
      }
      // `private(set)` says nothing about who reads.
      if !isAttribute, !hasArgument { modifiers.insert(word) }
      rest = rest.drop { $0 == " " }
    }
  }

  /// A heading that takes several lines, as one.
  private static func joined(_ first: Substring, _ others: ArraySlice<Substring>) -> String {
    var text = String(first)
    for line in others {
      if text.contains("{") || line.isEmpty { break }
      text += " " + line.drop { $0 == " " }
    }
    return text
  }

  /// The name of a type or property; of `A.B` the last part.
  private static func identifier(_ heading: String) -> String {
    String(heading.prefix { isWord($0) || $0 == "." }.split(separator: ".").last ?? "")
  }

  /// A function's name and labels.
  private static func function(_ word: String, _ heading: String) -> String {
    var name = word
    var rest = Substring(heading)
    if word == "func" {
      let isOperator = rest.first.map { !isWord($0) } ?? false
      name = String(rest.prefix { isOperator ? $0 != " " && $0 != "(" : isWord($0) })
      rest = rest.dropFirst(name.count)
    }
    guard let open = rest.firstIndex(of: "(") else { return name }
    var labels = ""
    var depth = 0
    var generics = 0
    var before: Character = " "
    var isAtLabel = true
    var label = ""
    scan: for character in rest[open...] {
      switch character {
      case "(", "[": depth += 1
      case ")", "]":
        depth -= 1
        if depth == 0 { break scan }
      case "<" where isWord(before): generics += 1
      case ">" where generics > 0 && before != "-": generics -= 1
      case "," where depth == 1 && generics == 0: isAtLabel = true
      default:
        guard depth == 1, generics == 0, isAtLabel else { break }
        if isWord(character) {
          label.append(character)
        } else if !label.isEmpty {
          labels += label + ":"
          label = ""
          isAtLabel = false
        }
      }
      before = character
    }
    return "\(name)(\(labels))"
  }

  /// What stands behind a type's colon.
  private static func conformances(_ heading: String) -> [String] {
    let head = heading.prefix { $0 != "{" }
    let name = head.drop { isWord($0) || $0 == "." }
    var rest = name
    if rest.first == "<" {
      var depth = 0
      while let character = rest.popFirst() {
        if character == "<" { depth += 1 }
        if character == ">" { depth -= 1 }
        if depth == 0 { break }
      }
    }
    rest = rest.drop { $0 == " " }
    guard rest.popFirst() == ":" else { return [] }
    var names: [String] = []
    for part in rest.split(separator: ",") {
      let words = part.split(separator: " ")
      guard let first = words.first else { continue }
      names.append(String(first.prefix { isWord($0) || $0 == "~" }))
      if words.contains("where") { break }
    }
    return names
  }
}
