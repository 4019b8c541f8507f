import Testing

@Suite("Package.swift says what the sources import")
struct ManifestTests {
  /// What Package.swift says each target of Sources depends on, by name.
  static func dependencies(_ manifest: String) -> [String: Set<String>] {
    var result: [String: Set<String>] = [:]
    for (opening, nameLabel) in [
      ("module(", ""), ("mutantCopy(", "of:"), (".target(", "name:"), (".executableTarget(", "name:"),
    ] {
      for part in manifest.split(separator: opening, omittingEmptySubsequences: false).dropFirst() {
        var rest = part.drop { " \n".contains($0) }
        if !nameLabel.isEmpty {
          guard rest.hasPrefix(nameLabel) else { continue }
          rest = rest.dropFirst(nameLabel.count).drop { $0 == " " }
        }
        guard rest.first == "\"" else { continue }
        let name = (opening == "mutantCopy(" ? "Mutant" : "") + rest.dropFirst().prefix { $0 != "\"" }
        guard let open = rest.firstIndex(of: "["), let close = rest[open...].firstIndex(of: "]") else {
          result[name] = []
          continue
        }
        // A target without dependencies ends before the next list.
        if let end = rest.firstIndex(of: ")"), end < open {
          result[name] = []
          continue
        }
        let quoted = rest[open..<close].split(separator: "\"", omittingEmptySubsequences: false)
        result[name] = Set(quoted.indices.filter { $0 % 2 == 1 }.map { String(quoted[$0]) })
      }
    }
    return result
  }

  @Test("a dependency is imported by some file of its target, and an import is a dependency")
  func imports() throws {
    let declared = Self.dependencies(try SourceTree.text("Package.swift"))
    let modules = Set(try SourceTree.modules())
    var broken: [String: String] = [:]
    for module in modules.sorted() where declared[module] != nil {
      var imported: Set<String> = []
      for file in try SourceTree.swiftFiles(of: module) {
        imported.formUnion(file.lines.compactMap(LayerTests.imports).filter(modules.contains))
      }
      // A copy's sources name what it is a copy of the modules of.
      let dependencies = Set(
        declared[module]!.map { module.hasPrefix("Mutant") && $0.hasPrefix("Mutant") ? String($0.dropFirst(6)) : $0 })
      for name in dependencies.subtracting(imported) { broken["\(module) \(name)"] = "is declared and not imported" }
      for name in imported.subtracting(dependencies) { broken["\(module) \(name)"] = "is imported and not declared" }
    }
    try Exceptions.expect("manifest", broken)
    let swiftModules = try modules.filter { try !SourceTree.swiftFiles(of: $0).isEmpty }
    #expect(swiftModules.subtracting(declared.keys).isEmpty)
  }

  @Test("each form of a target is read")
  func forms() {
    let read = Self.dependencies(
      """
      .target(name: "C"), .target(name: "D", dependencies: ["C"]), module("Units", []),
      module(
        "Wire",
        [
          "Units", "C",
        ]), mutantCopy(
        of: "Wire", ["Units"], [.x]), .executableTarget(
        name: "program",
        dependencies: ["Wire"], swiftSettings: strict)
      """)
    #expect(
      read == ["C": [], "D": ["C"], "Units": [], "Wire": ["Units", "C"], "MutantWire": ["Units"], "program": ["Wire"]])
  }
}
