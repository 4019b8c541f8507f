import Foundation

/// Host-only tools around the library: interoperation with other implementations, and the worker of the benchmarks.
@main
struct Main {
  static let help = """
    usage: busbar-lab devices MAP.ini ...      the Swift source of built-in maps (Toolchain/embed-devices.sh)
           busbar-lab paillier VERB ...

      keygen --bits N PRIVATE.json
      extract PRIVATE.json PUBLIC.json
      encrypt PUBLIC.json -- INTEGER
      add PUBLIC.json C1.json C2.json ...
      decrypt [--proof PROOF.json] PRIVATE.json C.json
      verify PUBLIC.json C.json PROOF.json
      batch PRIVATE.json            requests on stdin, one a line, for tests over many numbers
      timing [SAMPLES]              does an encryption's time depend on its exponent? (make timing-paillier)
      bench-worker PRIVATE.json     requests on stdin, one a line, for make bench-paillier

    Keys and ciphertexts are those of python-paillier's pheutil; results go to stdout.
    """

  static func main() {
    let words = Array(CommandLine.arguments.dropFirst())
    if words.isEmpty || words.contains("--help") {
      print(help)
      exit(words.isEmpty ? 2 : 0)
    }
    do throws(LabError) {
      if words[0] == "devices" { return try embedDevices(Array(words.dropFirst())) }
      guard words[0] == "paillier", words.count >= 2 else { throw .usage }
      try paillier(words[1], Array(words.dropFirst(2)))
    } catch {
      FileHandle.standardError.write(Data("busbar-lab: \(error.message)\n".utf8))
      exit(error.isUsage ? 2 : 1)
    }
  }

  private static func paillier(_ verb: String, _ words: [String]) throws(LabError) {
    switch verb {
    case "keygen":
      guard words.count == 3, words[0] == "--bits", let bits = Int(words[1]) else { throw .usage }
      try keygen(bits: bits, path: words[2])
    case "extract":
      guard words.count == 2 else { throw .usage }
      try extract(words[0], words[1])
    case "encrypt":
      let rest = words.filter { $0 != "--" }
      guard rest.count == 2 else { throw .usage }
      try encrypt(rest[0], rest[1])
    case "add":
      guard words.count >= 2 else { throw .usage }
      try add(words[0], Array(words.dropFirst()))
    case "decrypt":
      if words.count == 4, words[0] == "--proof" {
        try decrypt(words[2], words[3], proof: words[1])
      } else {
        guard words.count == 2 else { throw .usage }
        try decrypt(words[0], words[1], proof: nil)
      }
    case "verify":
      guard words.count == 3 else { throw .usage }
      try verify(words[0], words[1], words[2])
    case "batch":
      guard words.count == 1 else { throw .usage }
      try batch(words[0])
    case "timing":
      guard words.count <= 1, let samples = Int(words.first ?? "20000"), samples >= 100 else { throw .usage }
      try timingTest(samples: samples)
    case "bench-worker":
      guard words.count == 1 else { throw .usage }
      try benchWorker(words[0])
    default: throw .usage
    }
  }
}

/// Why a command did not do what it was asked.
enum LabError: Error {
  case usage
  case file(String, String)
  case refused(String)

  var isUsage: Bool { if case .usage = self { true } else { false } }

  var message: String {
    switch self {
    case .usage: Main.help
    case .file(let path, let reason): "\(path): \(reason)"
    case .refused(let reason): reason
    }
  }
}
