import CFuzzer
import Foundation
import Wire

/// A decoder, and what must hold for every input.
struct FuzzTarget {
  let name: String
  let maximumBytes: Int
  /// What mutation starts from.
  let seeds: [[UInt8]]
  /// Traps when the invariant does not hold.
  let run: ([UInt8]) -> Void

  init(_ name: String, maximumBytes: Int, seeds: [[UInt8]], run: @escaping ([UInt8]) -> Void) {
    self.name = name
    self.maximumBytes = maximumBytes
    self.seeds = seeds
    self.run = run
  }
}

func require(_ holds: Bool, _ what: @autoclosure () -> String) {
  if !holds { fatalError(what()) }
}

nonisolated(unsafe) private var current: FuzzTarget?

private func targets() -> [FuzzTarget] {
  aggregationTargets() + consensusTargets() + packetTargets() + meteringTargets() + configurationTargets()
    + journalTargets() + paillierTargets() + nodeTargets()
}

/// `fuzz seeds FOLDER` writes FOLDER/TARGET/N for each target and prints its name and longest input;
/// `fuzz TARGET [libFuzzer argument…]` runs one.
///
/// SwiftPM takes this for `main`, so libFuzzer's own is not linked.
@c(fuzz_main)
func fuzzMain(_ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  var words: [String] = []
  for index in 0..<Int(count) { if let word = arguments[index] { words.append(String(cString: word)) } }
  if words.count == 3, words[1] == "seeds" {
    for target in targets() {
      let folder = URL(fileURLWithPath: words[2]).appendingPathComponent(target.name)
      do {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (index, seed) in target.seeds.enumerated() {
          try Data(seed).write(to: folder.appendingPathComponent("seed\(index)"))
        }
      } catch {
        print("\(error)")
        return 1
      }
      print(target.name, target.maximumBytes)
    }
    return 0
  }
  guard words.count >= 2, let target = targets().first(where: { $0.name == words[1] }) else {
    print("usage: fuzz seeds FOLDER | fuzz TARGET [libFuzzer argument...]")
    return 2
  }
  current = target
  arguments[1] = arguments[0]
  var restCount = count - 1
  var rest: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments + 1
  return LLVMFuzzerRunDriver(&restCount, &rest) { bytes, count in
    let input = [UInt8](UnsafeBufferPointer(start: bytes, count: count))
    current?.run(input)
    return 0
  }
}
