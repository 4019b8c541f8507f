import Foundation

/// The project's own files, read as text.
enum SourceTree {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  static func modules() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent("Sources").path).sorted()
  }

  /// Every Swift file of a module: its path below the root, and its lines.
  static func swiftFiles(of module: String) throws -> [(path: String, lines: [Substring])] {
    // The mutants' sources are links to the modules they are copies of.
    let folder = root.appendingPathComponent("Sources/\(module)").resolvingSymlinksInPath()
    let names = FileManager.default.enumerator(atPath: folder.path)?.allObjects as? [String] ?? []
    return try names.filter { $0.hasSuffix(".swift") }.sorted().map { name in
      let path = "Sources/\(module)/\(name)"
      return (path, try text(path).split(separator: "\n", omittingEmptySubsequences: false))
    }
  }

  /// A file by its module and its own name, which it keeps when it moves to another folder of the module.
  static func name(_ path: String) -> String {
    let parts = path.split(separator: "/")
    return parts.count > 2 ? "\(parts[1])/\(parts[parts.count - 1])" : path
  }

  /// Made by a script, and read by no person.
  static func isGenerated(_ path: String) -> Bool {
    path.hasSuffix("/BuiltInDevices.swift") || path.contains("/Generated/")
  }

  /// Every module with its files, cut into what the gates count; copies, which are links, are left out.
  static func cut() throws -> [(module: String, files: [(path: String, lineCount: Int, text: SwiftText)])] {
    try cutOnce.get()
  }

  private static let cutOnce = Result {
    try modules().filter { !$0.hasPrefix("Mutant") }.map { module in
      let files = try swiftFiles(of: module).map {
        (path: $0.path, lineCount: $0.lines.count - 1, text: SwiftText($0.lines.joined(separator: "\n")))
      }
      return (module: module, files: files)
    }
  }
}
