import Testing

@Suite("Public names say what they are")
struct DocumentationTests {
  /// What is to be documented: what a reader of a module can name and call. Properties and cases often say enough by their names.
  private static let words: Set<String> = [
    "struct", "class", "enum", "actor", "protocol", "typealias", "func", "init", "subscript",
  ]
  /// What the standard library's protocols ask for, and whose meaning it documents.
  private static let standard: Set<String> = ["hash(into:)"]

  private static func files() throws -> [(path: String, declarations: SwiftDeclarations)] {
    try SourceTree.modules().filter { !$0.hasPrefix("Mutant") }.flatMap { module in
      try SourceTree.swiftFiles(of: module).filter { !SourceTree.isGenerated($0.path) }.map {
        ($0.path, SwiftDeclarations($0.lines))
      }
    }
  }

  /// Public types, functions and initialisers without a documentation comment, and where each stands.
  ///
  /// A comparison, and a function or initialiser that a protocol of ours asks for by these labels, is documented there: here the type says
  /// that it conforms. Who asks for it has to be documented like everything else.
  static func undocumented(_ files: [(path: String, declarations: SwiftDeclarations)]) -> [(
    subject: String, what: String
  )] {
    var conformances: [String: Set<String>] = [:]
    var requirements: [String: Set<String>] = [:]
    for file in files {
      conformances.merge(file.declarations.conformances) { $0.union($1) }
      requirements.merge(file.declarations.requirements) { $0.union($1) }
    }
    func isWitness(_ name: String, of type: String) -> Bool {
      var open = [type]
      var seen: Set<String> = [type]
      while let next = open.popLast() {
        if requirements[next]?.contains(name) == true { return true }
        open += conformances[next, default: []].filter { seen.insert($0).inserted }
      }
      return false
    }
    var result: [(subject: String, what: String)] = []
    for (path, declarations) in files {
      for declaration in declarations.declarations
      where declaration.isPublic && !declaration.isDocumented && words.contains(declaration.word) {
        let isOperator = declaration.word == "func" && declaration.name.first.map { !$0.isLetter && $0 != "_" } == true
        if isOperator || standard.contains(declaration.name) { continue }
        if !declaration.isRequirement, isWitness(declaration.name, of: declaration.owner) { continue }
        let owner = declaration.owner.isEmpty ? "" : declaration.owner + "."
        result.append((SourceTree.name(path) + " " + owner + declaration.name, "has no documentation"))
      }
    }
    return result
  }

  @Test("a public type, function or initialiser is documented, where it is or by the protocol that asks for it")
  func documented() throws {
    try Exceptions.expect(
      "documentation", Dictionary(Self.undocumented(try Self.files())) { first, _ in first })
  }

  // MARK: Units

  /// A public integer ends in one of these, or in the plural of what it counts: `readings`, `members`.
  private static let ends: Set<String> = [
    "Index", "Count", "Number", "Counter", "Identifier", "Port", "Address", "Offset", "Sequence", "Line", "Version",
    "View",
    "MiB", "Permille", "Capacity", "Limit", "Burst",
  ]
  /// Words of the field, whose unit every reader of it knows or who have none.
  private static let fieldWords: Set<String> = [
    "accused", "baud", "burst", "capacity", "code", "day", "exponent", "first", "instance", "last", "maximum",
    "minimum",
    "model", "month", "node", "owner", "peer", "phase", "rawValue", "receiver", "seed", "sender", "significand", "size",
    "slave", "unit", "value", "version", "year",
  ]
  /// How many public integers say no unit today. It only falls: whoever renames one lowers it.
  private static let unitlessCount = 83

  private static let integers: Set<String> = [
    "Int", "Int8", "Int16", "Int32", "Int64", "UInt", "UInt8", "UInt16", "UInt32", "UInt64",
  ]

  /// Whether what stands behind a property's name makes it a stored integer: its type, or a number without one.
  static func isInteger(_ rest: String) -> Bool {
    let parts = rest.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
      String($0).trimmingSpaces
    }
    if parts.count == 1, rest.contains("{") { return false }
    if parts[0].hasPrefix(":") {
      let type = parts[0].dropFirst().drop { $0 == " " }
      return integers.contains(String(type.last == "?" ? type.dropLast() : type))
    }
    guard parts.count == 2 else { return false }
    let value = parts[1].prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    if integers.contains(String(value)) { return true }
    return value.first?.isNumber == true && !parts[1].dropFirst(value.count).hasPrefix(".")
  }

  /// Whether an integer's name tells what it counts, or is a word of the field.
  static func saysUnit(_ name: String) -> Bool {
    if fieldWords.contains(name) { return true }
    var last = String(name.reversed().prefix { !$0.isUppercase }.reversed())
    if let capital = name.dropLast(last.count).last { last = String(capital) + last }
    // Of a rate, what there is so many of: `metersPerSet`.
    var counted = Substring(name)
    for place in name.indices where name[place...].hasPrefix("Per") {
      if name[place...].dropFirst("Per".count).first?.isUppercase == true { counted = name[..<place] }
    }
    return ends.contains(last.prefix(1).uppercased() + last.dropFirst()) || name.hasSuffix("MiB")
      || name.lowercased().hasSuffix("persecond") || (counted.hasSuffix("s") && !counted.hasSuffix("ss"))
  }

  @Test("a public stored integer ends in its unit, index, count or number, or is a word of the field")
  func units() throws {
    var names: [String] = []
    for (path, declarations) in try Self.files() {
      for declaration in declarations.declarations
      where declaration.isPublic && ["let", "var"].contains(declaration.word) && Self.isInteger(declaration.rest)
        && !Self.saysUnit(declaration.name)
      {
        names.append("\(SourceTree.name(path)) \(declaration.owner).\(declaration.name)")
      }
    }
    #expect(names.count <= Self.unitlessCount, "\(names.count): \(names.joined(separator: "\n"))")
  }

  // MARK: What is looked for is found

  @Test("what has no documentation is found, behind attributes and over several lines, and a witness is none")
  func found() {
    let text = """
      /// Asks.
      public protocol Door: ~Copyable {
        func open(_ key: Int, for guests: Dictionary<Int, Int>) -> Bool
        /// Shuts.
        mutating func shut()
      }

      extension Door where Self: ~Copyable {
        public mutating func shut() {}
        public func lock() {}
      }

      /// A gate.
      public struct Gate<Wood: Door>: Equatable,
        Door
      where Wood: Sendable {
        public private(set) var count = 0
        @inlinable
        public init(
          _ a: InlineArray<2, Int>, b: Int = 1 << 2
        ) {}
        public func open(
          _ key: Int, for guests: Dictionary<Int, Int>
        ) -> Bool { true }
        public mutating func shut() {}
        public mutating func shut(_ hard: Bool) {}
        /// Whether they are one.
        @inlinable
        @_lifetime(copy self)
        public static func same(_ a: Self) -> Bool { true }
        public static func == (left: Self, right: Self) -> Bool { true }
        public enum Kind { case wood }
        func inner() {}
      }

      public typealias Fence = Gate
      """
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let found = Self.undocumented([("Sources/Farm/Gate.swift", SwiftDeclarations(lines))])
    #expect(
      found.map(\.subject) == [
        "Farm/Gate.swift Door.open(_:for:)", "Farm/Gate.swift Door.lock()", "Farm/Gate.swift Gate.init(_:b:)",
        "Farm/Gate.swift Gate.shut(_:)", "Farm/Gate.swift Gate.Kind", "Farm/Gate.swift Fence",
      ])
  }

  @Test("an integer without a unit is found, and other properties are none")
  func unitFound() {
    #expect(
      [": Int", ": UInt64?", ": Int32 = 5", " = 5 * limit", " = UInt8(1)", " = Int.max"].allSatisfy(Self.isInteger))
    #expect(
      [": Int { 5 }", ": String", " = \"5\"", " = 0.5", ": [Int]", " = []", ": Period"].allSatisfy {
        !Self.isInteger($0)
      })
    #expect(
      [
        "sentBytes", "leafIndex", "keyNumber", "count", "position0Offset", "unit", "readings", "metersPerSet",
        "memoryMiB",
        "bytesPerSecond", "newestVersion", "idlePeriods",
      ].allSatisfy(Self.saysUnit))
    #expect(
      ["delay", "loss", "roundTrip", "highWater", "length", "total", "cellLess"].allSatisfy { !Self.saysUnit($0) })
  }
}
