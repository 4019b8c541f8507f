import Testing

@Suite("Files of a module use each other in one direction")
struct GraphTests {
  /// A file `X+Y.swift` belongs to `X.swift`.
  static func subject(_ path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return String(name.dropLast(".swift".count).prefix { $0 != "+" })
  }

  /// Subjects that use each other's types, in groups; those that are alone are left out.
  static func circles(_ files: [(path: String, text: SwiftText)]) -> [Set<String>] {
    var owner: [String: String] = [:]
    for file in files {
      for name in file.text.declaredNames { owner[name] = subject(file.path) }
    }
    var uses: [String: Set<String>] = [:]
    for file in files {
      let this = subject(file.path)
      uses[this, default: []].formUnion(file.text.words.compactMap { owner[$0] }.filter { $0 != this })
    }
    // Two are in one circle when each is reached from the other.
    var reached: [String: Set<String>] = [:]
    for subject in uses.keys {
      var open = [subject]
      var seen: Set<String> = []
      while let next = open.popLast() {
        for other in uses[next, default: []] where seen.insert(other).inserted { open.append(other) }
      }
      reached[subject] = seen
    }
    var circles: [Set<String>] = []
    for subject in uses.keys.sorted() where reached[subject]!.contains(subject) {
      if circles.contains(where: { $0.contains(subject) }) { continue }
      circles.append(Set(reached[subject]!.filter { reached[$0, default: []].contains(subject) }))
    }
    return circles
  }

  @Test("no file uses a type of another that uses one of its own, at whatever distance")
  func noCircle() throws {
    var broken: [String: String] = [:]
    for (module, files) in try SourceTree.cut() {
      for circle in Self.circles(files.map { ($0.path, $0.text) }) {
        broken["\(module): \(circle.sorted().joined(separator: ", "))"] = "is a circle"
      }
    }
    try Exceptions.expect("circle", broken)
  }

  @Test("a circle over three files is found, and a type with its extensions is none")
  func circles() {
    let files = [
      ("A.swift", "struct A { var b: B }"), ("B.swift", "struct B { func f(_ c: C) {} }"),
      ("C+More.swift", "extension C { func f() { A() } }"), ("C.swift", "enum C {} // D"),
      ("D.swift", "struct D { let a: A }"),
    ].map { (path: $0.0, text: SwiftText($0.1)) }
    #expect(Self.circles(files) == [["A", "B", "C"]])
    #expect(Self.circles(Array(files.dropFirst())) == [])
  }
}
