import Cryptography
@testable import LinuxPlatform
import HAL
@testable import Node
import Wire

private let identity = JournalIdentity(networkIdentifier: Digest(InlineArray { UInt8($0) }), node: 7)

func journalTargets() -> [FuzzTarget] {
  let entries: [[UInt8]] = [[1, 2, 3], [4], Array(repeating: 5, count: 40)]
  let whole = journal(entries, ofSnapshot: nil).bytes
  let snapshot = journal(entries, ofSnapshot: 2).bytes
  return [
    FuzzTarget(
      "journal", maximumBytes: 600,
      seeds: [
        [0] + whole, [0] + whole.dropLast(7), [0] + snapshot, [0] + snapshot.dropLast(90), [1, 9, 0, 3, 0, 2, 3, 4, 5],
        [2, 40, 0, 3, 2, 2, 3, 4, 5],
      ],
      run: fuzzJournal),
    FuzzTarget(
      "journal-entry", maximumBytes: 1200, seeds: EntryKind.allCases.map { Fixture.vector("\($0)Entry") },
      run: fuzzEntry),
  ]
}

/// An entry that is read is written back the same; behind some nothing is looked at.
private func fuzzEntry(_ input: [UInt8]) {
  guard let entry = try? JournalEntry(decoding: input.span) else { return }
  require(EntryKind(of: input.span) == entry.kind, "an entry says that it is of two kinds")
  let again = [UInt8](capacity: input.count + 8192) { out in entry.encode(into: &out) }
  require(input.starts(with: again), "an entry was read, and is written differently")
  switch entry {
  case .boot, .peerBoot, .votingFloor, .proposal, .acknowledged, .baseline, .certified, .recovered, .takenBack: return
  default: require(input.count == again.count, "an entry was read, and not all of it")
  }
}

/// A journal file written by the table of docs/PROTOCOL.md, and where each entry ends.
/// - Parameter ofSnapshot: so many of the first entries are of the snapshot it begins with; nil for none.
private func journal(_ entries: [[UInt8]], ofSnapshot: Int?) -> (bytes: [UInt8], ends: [Int], snapshotEnd: Int) {
  func link(_ chain: [UInt8], _ domain: StaticString, _ payload: [UInt8]) -> [UInt8] {
    let linked = Blake2b.digest(domain: domain) { hash in
      hash.update(chain.span)
      hash.update(payload.span)
    }
    return Array([UInt8](copying: linked.span).prefix(16))
  }
  var bytes: [UInt8] = Array("BUSBARj3".utf8) + Array(0..<32) + [7, 0, 0, 0, ofSnapshot == nil ? 0 : 1, 0, 0, 0]
  var chain = link([UInt8](repeating: 0, count: 16), "BUSBARjl", bytes)
  bytes += chain
  var ends: [Int] = []
  var snapshotEnd = 0
  func add(_ kind: UInt8, _ payload: [UInt8]) {
    chain = link(chain, kind == 0 ? "BUSBARjl" : "BUSBARjs", payload)
    for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: payload.count >> (8 * shift))) }
    bytes += [kind, 0, 0, 0] + chain + payload
  }
  for (place, entry) in entries.enumerated() {
    if place == ofSnapshot { endSnapshot() }
    add(0, entry)
    ends.append(bytes.count)
  }
  if let ofSnapshot, ofSnapshot >= entries.count { endSnapshot() }
  func endSnapshot() {
    add(1, [UInt8(min(ofSnapshot!, entries.count)), 0, 0, 0, 0, 0, 0, 0])
    snapshotEnd = bytes.count
  }
  return (bytes, ends, snapshotEnd)
}

/// What is read of a file; nil when it is refused.
private func read(_ file: [UInt8]) -> (extent: JournalSegment.Extent, entries: [[UInt8]])? {
  var found: [[UInt8]] = []
  guard var segment = try? JournalSegment(.memory(file)),
    let extent = try? segment.verify(identity, { entry in found.append([UInt8](copying: entry)) })
  else { return nil }
  return (extent, found)
}

/// By the first byte: the rest as a file; or an honest journal with one byte changed; or one cut short.
private func fuzzJournal(_ input: [UInt8]) {
  var choices = Choices(input)
  let mode = choices.byte() % 3
  if mode == 0 {
    let file = choices.rest()
    guard let (extent, entries) = read(file) else { return }
    require(extent.goodBytes <= UInt64(file.count), "more is good than there is")
    let good = Array(file.prefix(Int(extent.goodBytes)))
    // With its snapshot there is one way to write it for each number of entries in it.
    let counts: [Int?] = extent.snapshotBytes == 0 ? [nil] : (0...entries.count).map { $0 }
    require(counts.contains { journal(entries, ofSnapshot: $0).bytes == good }, "entries are written differently")
    return
  }
  let place = choices.number(below: 1 << 16)
  let change = max(1, choices.byte())
  let snapshot = Int(choices.byte() % 8)
  var originals: [[UInt8]] = []
  while !choices.isAtEnd, originals.count < 12 {
    let length = 1 + Int(choices.byte()) % 64
    originals.append((0..<length).map { _ in choices.byte() })
  }
  let (honest, ends, snapshotEnd) = journal(originals, ofSnapshot: snapshot < 4 ? nil : snapshot - 4)
  var file = honest
  if mode == 1 { file[place % file.count] ^= change } else { file = Array(file.prefix(place % (file.count + 1))) }
  guard let (_, found) = read(file) else {
    require(mode == 1 || file.count < max(64, snapshotEnd), "a torn tail is taken for damage")
    return
  }
  require(found == Array(originals.prefix(found.count)), "a damaged journal gives what was never written")
  if mode == 1 {
    // Only the last entry may be lost without a word: a crash looks the same.
    require(
      found.count == originals.count - 1 && place % honest.count >= max(64, snapshotEnd),
      "damage before the tail went unnoticed")
  } else {
    require(found.count == ends.count(where: { $0 <= file.count }), "an entry before the tear is lost")
  }
}
