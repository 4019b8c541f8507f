/// What the gates count in one Swift file. This is no parser: it leaves comments and strings aside, and follows braces.
struct SwiftText {
  struct Function: Equatable {
    let name: String
    /// From the line of its first word to that of its closing brace.
    let lineCount: Int
  }
  struct TypeDeclaration: Equatable {
    let name: String
    var storedPropertyCount: Int
  }
  private struct Token {
    let text: String
    let line: Int
  }
  private enum Scope {
    case function(name: String, line: Int)
    /// Its place among ``types``.
    case type(Int)
    case other
  }

  private(set) var functions: [Function] = []
  private(set) var types: [TypeDeclaration] = []
  /// Types that other files can name: those that are in no function.
  private(set) var declaredNames: Set<String> = []
  /// Every word of the code.
  let words: Set<String>

  private static let typeWords: Set<String> = ["struct", "class", "enum", "actor", "protocol"]
  private static let declaringWords = typeWords.union([
    "extension", "func", "init", "deinit", "subscript", "var", "let",
  ])

  init(_ text: String) {
    let tokens = Self.tokens(of: text)
    words = Set(tokens.lazy.filter { Self.isWord($0.text) }.map(\.text))
    var scopes: [Scope] = []
    /// Where the last brace was.
    var begin = 0
    for place in tokens.indices {
      switch tokens[place].text {
      case "{":
        scopes.append(open(tokens, begin..<place, inside: scopes))
        begin = place + 1
      case "}":
        if case .function(let name, let line)? = scopes.popLast() {
          functions.append(Function(name: name, lineCount: tokens[place].line - line + 1))
        }
        begin = place + 1
      case "var", "let":
        guard case .type(let type)? = scopes.last else { break }
        types[type].storedPropertyCount += Self.storedProperties(tokens, at: place, since: begin)
      case "typealias":
        if scopes.isEmpty, place + 1 < tokens.count { declaredNames.insert(tokens[place + 1].text) }
      default: break
      }
    }
  }

  /// What a brace opens is said by the last declaring word before it that is in no parentheses.
  private mutating func open(_ tokens: [Token], _ header: Range<Int>, inside scopes: [Scope]) -> Scope {
    var depth = 0
    var found: Int?
    for place in header {
      switch tokens[place].text {
      case "(", "[": depth += 1
      case ")", "]": depth -= 1
      case let text where depth == 0 && Self.declaringWords.contains(text):
        if place > 0, tokens[place - 1].text == "." { break }
        // `class` behind a colon is a bound.
        if text == "class", place > 0, tokens[place - 1].text == ":" { break }
        found = place
      default: break
      }
    }
    guard let found else { return .other }
    let word = tokens[found].text
    let name = found + 1 < tokens.count ? tokens[found + 1].text : ""
    switch word {
    case "func": return .function(name: name, line: tokens[found].line)
    case "init", "deinit", "subscript": return .function(name: word, line: tokens[found].line)
    case let word where Self.typeWords.contains(word):
      types.append(TypeDeclaration(name: name, storedPropertyCount: 0))
      let isLocal = scopes.contains { if case .function = $0 { true } else { false } }
      if !isLocal { declaredNames.insert(name) }
      return .type(types.count - 1)
    default: return .other
    }
  }

  /// How many properties with storage in the value begin with a `var` or `let` that stands in a type.
  private static func storedProperties(_ tokens: [Token], at place: Int, since begin: Int) -> Int {
    var before = place - 1
    while before >= begin, tokens[before].line == tokens[place].line {
      if ["static", "class", "case", "if", "guard"].contains(tokens[before].text) { return 0 }
      before -= 1
    }
    var count = 1
    var depth = 0
    var hasValue = false
    for next in (place + 1)..<tokens.count {
      let isNewLine = tokens[next].line > tokens[next - 1].line
      if isNewLine, depth == 0, !["=", ",", ":"].contains(tokens[next - 1].text), tokens[next].text != "{" { break }
      switch tokens[next].text {
      case "(", "[", "<": depth += 1
      case ")", "]", ">": depth -= 1
      case "=" where depth == 0: hasValue = true
      case "," where depth == 0 && hasValue: count += 1
      case "{":
        let isObserved = next + 1 < tokens.count && ["didSet", "willSet"].contains(tokens[next + 1].text)
        return hasValue || isObserved ? count : 0
      case "}" where depth == 0: return count
      default: break
      }
    }
    return count
  }

  private static func isWord(_ text: String) -> Bool { text.first.map { $0.isLetter || $0 == "_" } ?? false }

  /// Words, and everything else byte by byte; comments are left out, and a string is one token.
  private static func tokens(of text: String) -> [Token] {
    let bytes = Array(text.utf8)
    var tokens: [Token] = []
    var line = 1
    var place = 0
    func has(_ text: StaticString, at place: Int) -> Bool {
      let count = text.utf8CodeUnitCount
      guard place + count <= bytes.count else { return false }
      return (0..<count).allSatisfy { bytes[place + $0] == text.utf8Start[$0] }
    }
    while place < bytes.count {
      let byte = bytes[place]
      if byte == UInt8(ascii: "\n") {
        line += 1
        place += 1
      } else if byte == UInt8(ascii: "/"), has("//", at: place) {
        while place < bytes.count, bytes[place] != UInt8(ascii: "\n") { place += 1 }
      } else if byte == UInt8(ascii: "/"), has("/*", at: place) {
        while place < bytes.count, !has("*/", at: place) {
          if bytes[place] == UInt8(ascii: "\n") { line += 1 }
          place += 1
        }
        place += 2
      } else if byte == UInt8(ascii: "\"") || (byte == UInt8(ascii: "#") && has("#\"", at: place)) {
        tokens.append(Token(text: "\"", line: line))
        let end = endOfString(bytes, from: place)
        while place < end {
          if bytes[place] == UInt8(ascii: "\n") { line += 1 }
          place += 1
        }
      } else if isWordByte(byte) {
        let begin = place
        while place < bytes.count, isWordByte(bytes[place]) { place += 1 }
        tokens.append(Token(text: String(decoding: bytes[begin..<place], as: UTF8.self), line: line))
      } else if byte == UInt8(ascii: " ") {
        place += 1
      } else {
        tokens.append(Token(text: String(decoding: [byte], as: UTF8.self), line: line))
        place += 1
      }
    }
    return tokens
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"), 0x80...0xFF:
      true
    default: false
    }
  }

  /// Behind the quote that ends a string; what stands between the parentheses of an interpolation may have strings too.
  private static func endOfString(_ bytes: [UInt8], from begin: Int) -> Int {
    let quote = UInt8(ascii: "\"")
    var place = begin
    if bytes[place] == UInt8(ascii: "#") {
      place += 2
      while place + 1 < bytes.count, !(bytes[place] == quote && bytes[place + 1] == UInt8(ascii: "#")) { place += 1 }
      return min(place + 2, bytes.count)
    }
    let isLong = place + 2 < bytes.count && bytes[place + 1] == quote && bytes[place + 2] == quote
    place += isLong ? 3 : 1
    while place < bytes.count {
      if bytes[place] == UInt8(ascii: "\\") {
        guard place + 1 < bytes.count, bytes[place + 1] == UInt8(ascii: "(") else {
          place += 2
          continue
        }
        place += 2
        var depth = 1
        while place < bytes.count, depth > 0 {
          if bytes[place] == quote {
            place = endOfString(bytes, from: place)
            continue
          }
          if bytes[place] == UInt8(ascii: "(") { depth += 1 }
          if bytes[place] == UInt8(ascii: ")") { depth -= 1 }
          place += 1
        }
        continue
      }
      if bytes[place] == quote {
        if !isLong { return place + 1 }
        if place + 2 < bytes.count, bytes[place + 1] == quote, bytes[place + 2] == quote { return place + 3 }
      }
      place += 1
    }
    return bytes.count
  }
}
