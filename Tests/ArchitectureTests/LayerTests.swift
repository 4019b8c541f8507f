import Foundation
import Testing

@Suite("Layers (docs/ARCHITECTURE.md)")
struct LayerTests {
  /// The table of docs/ARCHITECTURE.md: rows of `| layer | module[, module…] | … |`.
  static func layers() throws -> [String: Int] {
    var result: [String: Int] = [:]
    for line in try SourceTree.text("docs/ARCHITECTURE.md").split(separator: "\n") where line.hasPrefix("| ") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count >= 2, let layer = Int(cells[0]) else { continue }
      for module in cells[1].split(separator: ",") {
        result[module.trimmingCharacters(in: CharacterSet(charactersIn: " `"))] = layer
      }
    }
    return result
  }

  static func imports(_ line: Substring) -> String? {
    let words = line.split(separator: " ")
    guard let index = words.firstIndex(of: "import"),
      words.prefix(index).allSatisfy({ $0.hasPrefix("@") || $0 == "public" || $0 == "package" || $0 == "internal" })
    else { return nil }
    return words.dropFirst(index + 1).first.map(String.init)
  }

  @Test("every module stands in the table and every row of the table is filled")
  func complete() throws {
    let layers = try Self.layers()
    #expect(Set(try SourceTree.modules()) == Set(layers.keys))
    for module in try SourceTree.modules()
    where !module.hasPrefix("C") || ["Commands", "Configuration", "Consensus", "Cryptography"].contains(module) {
      #expect(try !SourceTree.swiftFiles(of: module).isEmpty, "\(module) has no source")
    }
  }

  /// Measures what the other makes of a node: a process' host, its files, its status.
  static let besideEachOther = [(module: "Bench", imports: "NodeProcess")]

  @Test("a module imports only from lower layers")
  func imports() throws {
    let layers = try Self.layers()
    for module in layers.keys.sorted() {
      for file in try SourceTree.swiftFiles(of: module) {
        for line in file.lines {
          guard let imported = Self.imports(line) else { continue }
          guard let other = layers[imported] else {
            #expect(["Synchronization", "Foundation"].contains(imported), "\(file.path) imports \(imported)")
            continue
          }
          let isBeside = Self.besideEachOther.contains { $0 == (module, imported) }
          #expect(other < layers[module]! || isBeside, "\(file.path) imports \(imported)")
        }
      }
    }
  }

  @Test(
    "each C library has one door",
    arguments: [
      ("CGMP", ["BigInteger"]), ("CSodium", ["Cryptography"]), ("CInih", ["Configuration"]),
      ("CLinux", ["LinuxPlatform", "NodeProcess", "busbar", "busbar-selftest", "busbar-sim"]),
      ("CHeapCount", ["busbar-lab"]), ("CPlainLoop", ["Bench"]), ("CTableRead", ["BigInteger"]),
    ])
  func doors(library: String, allowed: [String]) throws {
    for module in try SourceTree.modules() {
      for file in try SourceTree.swiftFiles(of: module)
      where file.lines.contains(where: { Self.imports($0) == library }) {
        #expect(allowed.contains(module), "\(file.path) imports \(library)")
      }
    }
  }

  @Test("no Foundation below host-only executables")
  func noFoundation() throws {
    for module in try SourceTree.modules() where !["busbar-lab"].contains(module) {
      for file in try SourceTree.swiftFiles(of: module) {
        for line in file.lines {
          #expect(!["Foundation", "Glibc", "Musl", "Dispatch"].contains(Self.imports(line) ?? ""), "\(file.path)")
        }
      }
    }
  }

  @Test("what the checks of this suite look for, they would find")
  func checksCanFail() {
    #expect(Self.imports("import Foundation") == "Foundation")
    #expect(Self.imports("@preconcurrency import CLinux") == "CLinux")
    #expect(Self.imports("// import Foundation") == nil)
  }
}
