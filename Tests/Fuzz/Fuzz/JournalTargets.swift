import Cryptography
@testable import LinuxPlatform
import HAL
import Wire

func journalTargets() -> [FuzzTarget] {
  let whole = journal([[1, 2, 3], [4], Array(repeating: 5, count: 40)]).bytes
  return [
    FuzzTarget(
      "journal", maximumBytes: 600,
      seeds: [[0] + whole, [0] + whole.dropLast(7), [1, 9, 0, 3, 2, 3, 4, 5], [2, 40, 0, 3, 2, 3, 4, 5]],
      run: fuzzJournal)
  ]
}

/// A journal file written by the table of docs/PROTOCOL.md, and where each entry ends.
private func journal(_ entries: [[UInt8]]) -> (bytes: [UInt8], ends: [Int]) {
  var bytes: [UInt8] = Array("BUSBARj2".utf8)
  var ends: [Int] = []
  var chain = [UInt8](repeating: 0, count: 16)
  for entry in entries {
    let linked = Blake2b.digest(domain: "BUSBARjl") { hash in
      hash.update(chain.span)
      hash.update(entry.span)
    }
    chain = Array([UInt8](copying: linked.span).prefix(16))
    for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: entry.count >> (8 * shift))) }
    bytes += [0, 0, 0, 0] + chain + entry
    ends.append(bytes.count)
  }
  return (bytes, ends)
}

private func entries(_ contents: JournalContents) -> [[UInt8]] {
  var result: [[UInt8]] = []
  contents.visit { entry in result.append([UInt8](copying: entry)) }
  return result
}

/// By the first byte: the rest as a file; or an honest journal with one byte changed; or one cut short.
private func fuzzJournal(_ input: [UInt8]) {
  var choices = Choices(input)
  let mode = choices.byte() % 3
  if mode == 0 {
    let file = choices.rest()
    guard let contents = try? JournalContents(file) else { return }
    require(contents.goodBytes <= file.count, "more is good than there is")
    if contents.goodBytes > 0 {
      require(
        journal(entries(contents)).bytes == Array(file.prefix(contents.goodBytes)), "entries are written differently")
    }
    return
  }
  let place = choices.number(below: 1 << 16)
  let change = max(1, choices.byte())
  var originals: [[UInt8]] = []
  while !choices.isAtEnd, originals.count < 12 {
    let length = 1 + Int(choices.byte()) % 64
    originals.append((0..<length).map { _ in choices.byte() })
  }
  let (honest, ends) = journal(originals)
  var file = honest
  if mode == 1 { file[place % file.count] ^= change } else { file = Array(file.prefix(place % (file.count + 1))) }
  guard let contents = try? JournalContents(file) else {
    require(mode == 1, "a torn tail is taken for damage")
    return
  }
  let read = entries(contents)
  require(read == Array(originals.prefix(read.count)), "a damaged journal gives what was never written")
  if mode == 1 {
    // Only the last entry may be lost without a word: a crash looks the same.
    require(read.count == originals.count - 1 && place % honest.count >= 8, "damage before the tail went unnoticed")
  } else {
    require(read.count == ends.count(where: { $0 <= file.count }), "an entry before the tear is lost")
  }
}
