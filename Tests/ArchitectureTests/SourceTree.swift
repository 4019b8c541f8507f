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
}
