import Testing

@Suite("Files, functions and types stay small")
struct SizeTests {
  private static let maximumFileLines = 400
  private static let maximumFunctionLines = 60
  private static let maximumStoredProperties = 20

  private static func files() throws -> [(path: String, lineCount: Int, text: SwiftText)] {
    try SourceTree.cut().flatMap(\.files).filter { !SourceTree.isGenerated($0.path) }
  }

  @Test("no file has more than 400 lines")
  func fileLines() throws {
    var broken: [String: String] = [:]
    for file in try Self.files() {
      if file.lineCount > Self.maximumFileLines { broken[SourceTree.name(file.path)] = "has \(file.lineCount) lines" }
    }
    try Exceptions.expect("file", broken)
  }

  @Test("no function has more than 60 lines")
  func functionLines() throws {
    var broken: [String: String] = [:]
    for file in try Self.files() {
      for function in file.text.functions where function.lineCount > Self.maximumFunctionLines {
        broken["\(SourceTree.name(file.path)) \(function.name)"] = "has \(function.lineCount) lines"
      }
    }
    try Exceptions.expect("function", broken)
  }

  @Test("no type has more than 20 stored properties")
  func storedProperties() throws {
    var broken: [String: String] = [:]
    for file in try Self.files() {
      for type in file.text.types where type.storedPropertyCount > Self.maximumStoredProperties {
        broken["\(SourceTree.name(file.path)) \(type.name)"] = "has \(type.storedPropertyCount) stored properties"
      }
    }
    try Exceptions.expect("type", broken)
  }

  @Test("what is counted is there, and what is not is not")
  func counting() {
    let text = SwiftText(
      """
      /// let of = 1 {
      public struct Heap: ~Copyable {
        static let limit = 5
        let first: Int, second: [Int]
        private(set) var third = [1, 2], fourth = "}\\("{")"
        var fifth: Int { first }
        var sixth: Int {
          get { 1 }
        }
        var seventh = 7 {
          didSet { print(seventh) }
        }
        var eighth: (Int, Int) = (1, 2)
        init(_ work: () -> Void) {
          let local = 1
          if case let x? = Optional(local) { work() }
        }
        private func run() {
          func inner() {
          }
          struct Local { var one = 1 }
        }
      }
      """)
    #expect(text.types.map(\.name) == ["Heap", "Local"])
    // first, third, fourth, seventh, eighth; of two that share a `let` without values one is seen.
    #expect(text.types.map(\.storedPropertyCount) == [5, 1])
    #expect(text.functions.map(\.name) == ["init", "inner", "run"])
    #expect(text.functions.map(\.lineCount) == [4, 2, 5])
    #expect(text.declaredNames == ["Heap"])
  }
}
