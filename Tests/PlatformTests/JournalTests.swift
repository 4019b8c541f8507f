import Foundation
import HAL
import LinuxPlatform
import SimulatedPlatform
import Testing
import Wire

/// The contract of ``Journal``, checked alike on every implementation.
enum JournalContract {
  /// Of several lengths; one looks like the head of a frame and one is all zeros, as torn pages are.
  static let entries: [[UInt8]] = [
    [1], Array(0..<40), [3, 0, 0, 0, 0, 0, 0, 0] + Array(repeating: 7, count: 30), Array(repeating: 0, count: 64),
    Array(100..<117),
  ]

  static func comesBack<M: JournalMedium>(_ type: M.Type) throws {
    let medium = M()
    #expect(try recover(medium) == [])
    try record(Array(entries[..<2]), on: medium)
    try record(Array(entries[2...]), on: medium)
    #expect(try recover(medium) == entries)
    #expect(try recover(medium) == entries)
  }

  static func longest<M: JournalMedium>(_ type: M.Type) throws {
    let medium = M()
    let maximum = try medium.open().maximumEntryBytes
    #expect(maximum == 65536)
    let long = (0..<maximum).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try record([long, [1]], on: medium)
    #expect(try recover(medium) == [long, [1]])
  }

  static func truncation<M: JournalMedium>(_ type: M.Type) throws {
    let whole = M()
    try record(entries, on: whole)
    var kept: Set<Int> = []
    for count in 0...whole.byteCount {
      let medium = whole.copy()
      medium.truncate(to: count)
      let found = try recover(medium)
      kept.insert(found.count)
      #expect(found == Array(entries.prefix(found.count)), "cut to \(count) bytes")
      // What was cut off does not stand in the way of what comes next.
      try record([[9, 9]], on: medium)
      #expect(try recover(medium) == found + [[9, 9]], "cut to \(count) bytes")
    }
    #expect(kept == Set(0...entries.count))
  }

  static func damage<M: JournalMedium>(_ type: M.Type, masks: [UInt8]) throws {
    let whole = M()
    try record(entries, on: whole)
    let last = whole.byteCount - MemoryDisk.frameHeadBytes - entries[entries.count - 1].count
    for position in 0..<whole.byteCount {
      for mask in masks {
        let medium = whole.copy()
        medium.damage(at: position, flipping: mask)
        do throws(PlatformError) {
          let found = try recover(medium)
          #expect(position >= last, "byte \(position) flipped by \(mask) was taken for a torn tail")
          #expect(found == Array(entries.dropLast()), "byte \(position) flipped by \(mask)")
        } catch {
          // The last byte of the tag is a version.
          let isVersion = position == 7 && (error.kind == .outdated || error.kind == .newer)
          #expect(error.kind == .corrupted || isVersion)
          #expect(position < last, "byte \(position) flipped by \(mask) closed the journal")
        }
      }
    }
  }

  static func exclusive<M: JournalMedium>(_ type: M.Type) throws {
    let medium = M()
    var first: OpenJournal? = try medium.open()
    do throws(PlatformError) {
      _ = try medium.open()
      Issue.record("opened twice")
    } catch {
      #expect(error.kind == .busy)
    }
    #expect(first != nil)
    first = nil
    _ = try medium.open()
  }

  static func reread<M: JournalMedium>(_ type: M.Type) throws {
    let medium = M()
    try record(Array(entries[..<2]), on: medium)
    let journal = try medium.open()
    func again() throws(PlatformError) -> [[UInt8]] {
      var found: [[UInt8]] = []
      try journal.reread { entry in found.append(Array(copying: entry)) }
      return found
    }
    // Before and after the replay, what this process appended too, synced or not; and appending goes on behind it.
    #expect(try again() == Array(entries[..<2]))
    try journal.replay { _ in }
    #expect(try again() == Array(entries[..<2]))
    for count in 2..<entries.count {
      try journal.append(entries[count])
      #expect(try again() == Array(entries[...count]))
      try journal.sync()
      #expect(try again() == Array(entries[...count]))
    }
  }

  /// What stood there when the journal was opened and is not there any more.
  static func rereadDamage<M: JournalMedium>(_ type: M.Type) throws {
    for position in [1, 30] {
      let medium = M()
      try record(entries, on: medium)
      let journal = try medium.open()
      try journal.replay { _ in }
      medium.damage(at: position, flipping: 1)
      do throws(PlatformError) {
        try journal.reread { _ in }
        Issue.record("byte \(position) was not missed")
      } catch {
        #expect(error.kind == .corrupted)
      }
    }
  }

  // MARK: Snapshots

  /// A snapshot of three entries, of which one is new and two are copied.
  static let compacted: [[UInt8]] = [[77, 78], entries[1], entries[4]]
  static func compact(_ journal: OpenJournal) throws(PlatformError) {
    try journal.beginSnapshot()
    try journal.appendToSnapshot(compacted[0])
    try journal.copyIntoSnapshot { entry in
      let entry = [UInt8](copying: entry)
      return entry == compacted[1] || entry == compacted[2]
    }
    try journal.commitSnapshot()
  }

  static func snapshot<M: JournalMedium>(_ type: M.Type) throws {
    let medium = M()
    do {
      let journal = try medium.open()
      try journal.replay { _ in }
      for entry in entries { try journal.append(entry) }
      #expect(journal.snapshotBytes == 0)
      #expect(Int(journal.appendedBytes) == entries.reduce(0) { $0 + 24 + $1.count })
      // Nothing was synced but by the snapshot.
      try compact(journal)
      #expect(journal.snapshotBytes >= UInt64(compacted.reduce(24 + 8) { $0 + 24 + $1.count }))
      #expect(journal.appendedBytes == 0)
      try journal.append([5])
      try journal.sync()
      #expect(journal.appendedBytes == 25)
      var found: [[UInt8]] = []
      try journal.reread { entry in found.append(Array(copying: entry)) }
      #expect(found == compacted + [[5]])
    }
    #expect(try recover(medium) == compacted + [[5]])
    // And a second one over the first.
    do {
      let journal = try medium.open()
      #expect(journal.appendedBytes == 25)
      try compact(journal)
      try compact(journal)
    }
    #expect(try recover(medium) == compacted)
  }

  /// At any instant the old or the new is there, whole, and can be appended to.
  static func crashInSnapshot<M: JournalMedium>(_ type: M.Type) throws {
    let medium = M()
    try record(entries, on: medium)
    var kept: [Bool: Int] = [:]
    for crashed in try medium.crashes(during: compact) {
      let found = try recover(crashed)
      #expect(found == entries || found == compacted)
      kept[found == compacted, default: 0] += 1
      try record([[9, 9]], on: crashed)
      #expect(try recover(crashed) == found + [[9, 9]])
      // And compacted after all.
      do { try compact(try crashed.open()) }
      #expect(try recover(crashed) == compacted)
    }
    #expect(kept.count == 2)
  }

  /// Nothing of a snapshot may be missing: it was durable before it took the journal's place.
  static func snapshotTruncation<M: JournalMedium>(_ type: M.Type) throws {
    let medium = M()
    try record(entries, on: medium)
    do { try compact(try medium.open()) }
    let whole = medium.byteCount
    try record([[1, 2, 3]], on: medium)
    for count in 65..<medium.byteCount {
      let cut = medium.copyExactly()
      cut.truncate(to: count)
      do throws(PlatformError) {
        #expect(try recover(cut) == compacted)
        #expect(count >= whole, "cut to \(count) bytes of \(whole)")
      } catch {
        #expect(error.kind == .corrupted)
        #expect(count < whole, "cut to \(count) bytes of \(whole)")
      }
    }
  }

  static func snapshotDamage<M: JournalMedium>(_ type: M.Type) throws {
    let medium = M()
    try record(entries, on: medium)
    do { try compact(try medium.open()) }
    for position in 0..<medium.byteCount {
      for bit in 0..<8 {
        let hurt = medium.copyExactly()
        hurt.damage(at: position, flipping: 1 << UInt8(bit))
        do throws(PlatformError) {
          _ = try recover(hurt)
          Issue.record("bit \(bit) of byte \(position) flipped was not missed")
        } catch {
          #expect([.corrupted, .outdated, .newer].contains(error.kind))
        }
      }
    }
  }

  static func foreign<M: JournalMedium>(_ type: M.Type) throws {
    let medium = M()
    try record(entries, on: medium)
    for other in [
      JournalIdentity(networkIdentifier: JournalIdentity.test.networkIdentifier, node: 8),
      JournalIdentity(networkIdentifier: Digest(), node: 7),
    ] {
      do throws(PlatformError) {
        _ = try medium.open(as: other)
        Issue.record("opened")
      } catch {
        #expect(error == PlatformError(.foreign))
      }
    }
    #expect(try recover(medium) == entries)
  }

  static func replayedOnce<M: JournalMedium>(_ type: M.Type) throws {
    let medium = M()
    try record(entries, on: medium)
    let journal = try medium.open()
    var count = 0
    try journal.replay { _ in count += 1 }
    #expect(count == entries.count)
    do throws(PlatformError) {
      try journal.replay { _ in }
      Issue.record("replayed twice")
    } catch {
      #expect(error.kind == .invalid)
    }
  }
}

@Suite("The journal's contract, in a file")
struct FileJournalTests {
  @Test("everything synced comes back whole and in order, however often it is reopened")
  func comesBack() throws { try JournalContract.comesBack(FileMedium.self) }
  @Test("an entry may be as long as the maximum")
  func longest() throws { try JournalContract.longest(FileMedium.self) }
  @Test("cut off at any byte, a prefix of the entries is left and can be appended to")
  func truncation() throws { try JournalContract.truncation(FileMedium.self) }
  @Test("a changed byte before the last entry closes the journal; in the last entry it is a torn tail")
  func damage() throws { try JournalContract.damage(FileMedium.self, masks: [0x01, 0x80, 0xFF]) }
  @Test("it has one owner at a time")
  func exclusive() throws { try JournalContract.exclusive(FileMedium.self) }
  @Test("it is replayed once")
  func replayedOnce() throws { try JournalContract.replayedOnce(FileMedium.self) }
  @Test("it can be read again at any time, with what was appended since")
  func reread() throws { try JournalContract.reread(FileMedium.self) }
  @Test("reading again finds what was damaged meanwhile")
  func rereadDamage() throws { try JournalContract.rereadDamage(FileMedium.self) }
  @Test("a snapshot takes the place of what was before it")
  func snapshot() throws { try JournalContract.snapshot(FileMedium.self) }
  @Test("a crash at every write, sync and rename of a snapshot leaves the old or the new, whole")
  func crashInSnapshot() throws { try JournalContract.crashInSnapshot(FileMedium.self) }
  @Test("a snapshot of which a part is missing closes the journal")
  func snapshotTruncation() throws { try JournalContract.snapshotTruncation(FileMedium.self) }
  @Test("every bit of a snapshot counts")
  func snapshotDamage() throws { try JournalContract.snapshotDamage(FileMedium.self) }
  @Test("another node's, or another network's, is refused by name")
  func foreignNode() throws { try JournalContract.foreign(FileMedium.self) }

  @Test(
    "reading again after damage is a failure for good: nothing is appended to what is not known (consensus rule 43)")
  func rereadFails() throws {
    let medium = FileMedium()
    try record(JournalContract.entries, on: medium)
    let journal = try medium.open()
    try journal.replay { _ in }
    medium.truncate(to: medium.byteCount - 1)
    var failures = 0
    for _ in 0..<2 {
      do throws(PlatformError) { try journal.reread { _ in } } catch {
        #expect(error.kind == .corrupted)
        failures += 1
      }
    }
    do throws(PlatformError) { try journal.append([1]) } catch { failures += 1 }
    do throws(PlatformError) { try journal.sync() } catch { failures += 1 }
    #expect(failures == 4)
  }

  @Test("a tail whose pages arrived as zeros is torn, not corrupted", arguments: [1, 24, 100, 5000])
  func zeroTail(count: Int) throws {
    let medium = FileMedium()
    try record(JournalContract.entries, on: medium)
    let good = medium.bytes
    medium.bytes += [UInt8](repeating: 0, count: count)
    #expect(try recover(medium) == JournalContract.entries)
    #expect(medium.bytes == good)
  }

  /// What a meter sends is what it likes: two frames that follow on each other, taken from another journal.
  @Test("a torn entry with whole frames in its payload is torn, wherever it tears")
  func framesInPayload() throws {
    let other = FileMedium()
    try record([[1], [2, 2]], on: other)
    let medium = FileMedium()
    try record(JournalContract.entries, on: medium)
    let good = medium.bytes
    try record([Array(other.bytes[64...]) + [5, 5, 5, 5]], on: medium)
    let whole = medium.bytes
    for count in good.count..<whole.count {
      medium.bytes = Array(whole[..<count])
      #expect(try recover(medium) == JournalContract.entries, "cut to \(count) bytes")
    }
    // A page that did not arrive.
    medium.bytes = Array(whole[..<(whole.count - 4)]) + [0, 0, 0, 0]
    #expect(try recover(medium) == JournalContract.entries)
    medium.bytes = whole
    #expect(try recover(medium).count == JournalContract.entries.count + 1)
  }

  @Test("a sector zeroed over an entry's head closes the journal when two whole entries stand behind it")
  func zeroedHead() throws {
    let medium = FileMedium()
    try record(JournalContract.entries, on: medium)
    for position in 64..<(64 + 24 + 1) { medium.damage(at: position, flipping: medium.bytes[position]) }
    do throws(PlatformError) {
      _ = try recover(medium)
      Issue.record("opened")
    } catch {
      #expect(error.kind == .corrupted)
    }
  }

  @Test("entries removed, swapped or repeated in the middle close the journal")
  func rearranged() throws {
    let medium = FileMedium()
    try record([[1, 1], [2, 2], [3, 3], [4, 4]], on: medium)
    let bytes = medium.bytes
    let head = Array(bytes[..<64])
    let frames = stride(from: 64, to: bytes.count, by: 26).map { Array(bytes[$0..<($0 + 26)]) }
    for order in [[0, 2, 3], [0, 2, 1, 3], [0, 1, 1, 2, 3], [1, 2, 3]] {
      medium.bytes = head + order.flatMap { frames[$0] }
      do throws(PlatformError) {
        _ = try recover(medium)
        Issue.record("\(order) was accepted")
      } catch {
        #expect(error.kind == .corrupted)
      }
    }
  }

  @Test("the bytes are those of docs/PROTOCOL.md")
  func layout() throws {
    let medium = FileMedium()
    try record([[0xAA, 0xBB]], on: medium)
    let bytes = medium.bytes
    #expect(bytes.count == 64 + 24 + 2)
    let checked = Array("BUSBARj3".utf8) + Array(0..<32) + [7, 0, 0, 0] + [0, 0, 0, 0]
    #expect(Array(bytes[..<48]) == checked)
    #expect(Array(bytes[64..<72]) == [2, 0, 0, 0, 0, 0, 0, 0])
    // By Tests/Oracles/byte_vectors.py, "journal".
    func text(_ range: Range<Int>, of bytes: [UInt8]) -> String {
      bytes[range].map { String(format: "%02x", $0) }.joined()
    }
    #expect(text(48..<64, of: bytes) == "e8b3193923d9f1ad74a1eddd7fa60d2f")
    #expect(text(72..<88, of: bytes) == "b2bc370b3c2a58aa17525c1b62f2981b")
    #expect(Array(bytes[88...]) == [0xAA, 0xBB])
    do {
      let journal = try medium.open()
      try journal.beginSnapshot()
      try journal.appendToSnapshot([0xAA, 0xBB])
      try journal.commitSnapshot()
    }
    let snapshot = medium.bytes
    #expect(snapshot.count == 64 + 24 + 2 + 24 + 8)
    #expect(snapshot[44] == 1)
    #expect(text(48..<64, of: snapshot) == "211bf0e0c90cd42a618503a668cad0ca")
    #expect(Array(snapshot[90..<98]) == [8, 0, 0, 0, 1, 0, 0, 0])
    #expect(text(98..<114, of: snapshot) == "87bbd3be89c3bb4c7c19e9ec5848a919")
    #expect(Array(snapshot[114...]) == [1, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test(
    "a journal of another version is refused by name and not touched",
    arguments: [("BUSBARjn", true), ("BUSBARj2", true), ("BUSBARj4", false)])
  func outdated(tag: String, isOlder: Bool) throws {
    let medium = FileMedium()
    try record(JournalContract.entries, on: medium)
    let older = Array(tag.utf8) + medium.bytes.dropFirst(8)
    for count in [8, 9, 40, older.count] {
      medium.bytes = Array(older.prefix(count))
      do throws(PlatformError) {
        _ = try recover(medium)
        Issue.record("opened")
      } catch {
        #expect(error == PlatformError(isOlder ? .outdated : .newer))
        #expect("\(error)" == "written in \(isOlder ? "an older" : "a newer") version of the format")
      }
      #expect(medium.bytes == Array(older.prefix(count)))
    }
    // Cut within its tag it may be any version's, and nothing in it was synced.
    medium.bytes = Array(older.prefix(7))
    #expect(try recover(medium) == [])
  }

  @Test("a file that is no journal is not touched")
  func foreign() throws {
    let medium = FileMedium()
    medium.bytes = Array("[node]\nrole = meter\n".utf8)
    do throws(PlatformError) {
      _ = try recover(medium)
      Issue.record("opened")
    } catch {
      #expect(error.kind == .corrupted)
    }
    #expect(medium.bytes == Array("[node]\nrole = meter\n".utf8))
  }

  @Test("a damaged journal is left as it is, for whoever looks into it")
  func damagedStays() throws {
    let medium = FileMedium()
    try record(JournalContract.entries, on: medium)
    medium.damage(at: 100, flipping: 1)
    let before = medium.bytes
    do throws(PlatformError) { _ = try recover(medium) } catch { #expect(error.kind == .corrupted) }
    #expect(medium.bytes == before)
  }
}

@Suite("Snapshots of a journal in a file")
struct FileSnapshotTests {
  @Test("what a crash left beside the journal goes when it is opened, and is not read")
  func leftover() throws {
    let medium = FileMedium()
    try record(JournalContract.entries, on: medium)
    let other = FileMedium()
    try record([[66]], on: other)
    try Data(other.bytes).write(to: URL(fileURLWithPath: medium.beside))
    #expect(try recover(medium) == JournalContract.entries)
    #expect(!FileManager.default.fileExists(atPath: medium.beside))
  }

  @Test("a snapshot that cannot be written is a failure for good, and leaves the journal (consensus rule 43)")
  func failure() throws {
    let medium = FileMedium()
    try record(JournalContract.entries, on: medium)
    do {
      let journal = try medium.open()
      try FileManager.default.createDirectory(atPath: medium.beside, withIntermediateDirectories: false)
      var failures = 0
      do throws(PlatformError) { try journal.beginSnapshot() } catch { failures += 1 }
      do throws(PlatformError) { try journal.append([1]) } catch { failures += 1 }
      do throws(PlatformError) { try journal.sync() } catch { failures += 1 }
      do throws(PlatformError) { try journal.reread { _ in } } catch { failures += 1 }
      #expect(failures == 4)
      try FileManager.default.removeItem(atPath: medium.beside)
    }
    #expect(try recover(medium) == JournalContract.entries)
  }

  @Test("it stays taken by its process while a snapshot takes its place")
  func exclusive() throws {
    let medium = FileMedium()
    try record(JournalContract.entries, on: medium)
    let journal = try medium.open()
    for _ in 0..<2 {
      do throws(PlatformError) {
        _ = try FileJournal(medium.path, as: .test)
        Issue.record("opened twice")
      } catch {
        #expect(error.kind == .busy)
      }
      try JournalContract.compact(journal)
    }
  }

  @Test("a long journal is read piece by piece")
  func long() throws {
    let medium = FileMedium()
    let entries = (0..<40).map { number in [UInt8](repeating: UInt8(number), count: 30000 + 900 * number) }
    try record(entries, on: medium)
    #expect(try recover(medium) == entries)
    // Damaged in its middle, and cut in its last entry.
    let hurt = medium.copy()
    hurt.damage(at: hurt.byteCount / 2, flipping: 4)
    do throws(PlatformError) {
      _ = try recover(hurt)
      Issue.record("opened")
    } catch {
      #expect(error.kind == .corrupted)
    }
    medium.truncate(to: medium.byteCount - 1)
    #expect(try recover(medium) == Array(entries.dropLast()))
  }

  @Test("a file tells whose journal it is")
  func identity() throws {
    let medium = FileMedium()
    try record([[1]], on: medium)
    #expect(try FileJournal.identity(of: medium.path) == .test)
  }
}

@Suite("The journal's contract, in memory")
struct MemoryJournalTests {
  @Test("everything synced comes back whole and in order, however often it is reopened")
  func comesBack() throws { try JournalContract.comesBack(MemoryMedium.self) }
  @Test("an entry may be as long as the maximum")
  func longest() throws { try JournalContract.longest(MemoryMedium.self) }
  @Test("cut off at any byte, a prefix of the entries is left and can be appended to")
  func truncation() throws { try JournalContract.truncation(MemoryMedium.self) }
  @Test("a changed byte before the last entry closes the journal; in the last entry it is a torn tail")
  func damage() throws { try JournalContract.damage(MemoryMedium.self, masks: [0x01]) }
  @Test("it has one owner at a time")
  func exclusive() throws { try JournalContract.exclusive(MemoryMedium.self) }
  @Test("it is replayed once")
  func replayedOnce() throws { try JournalContract.replayedOnce(MemoryMedium.self) }
  @Test("it can be read again at any time, with what was appended since")
  func reread() throws { try JournalContract.reread(MemoryMedium.self) }
  @Test("reading again finds what was damaged meanwhile")
  func rereadDamage() throws { try JournalContract.rereadDamage(MemoryMedium.self) }
  @Test("a snapshot takes the place of what was before it")
  func snapshot() throws { try JournalContract.snapshot(MemoryMedium.self) }
  @Test("a crash at every write, sync and rename of a snapshot leaves the old or the new, whole")
  func crashInSnapshot() throws { try JournalContract.crashInSnapshot(MemoryMedium.self) }
  @Test("a snapshot of which a part is missing closes the journal")
  func snapshotTruncation() throws { try JournalContract.snapshotTruncation(MemoryMedium.self) }
  @Test("every bit of a snapshot counts")
  func snapshotDamage() throws { try JournalContract.snapshotDamage(MemoryMedium.self) }
  @Test("another node's, or another network's, is refused by name")
  func foreignNode() throws { try JournalContract.foreign(MemoryMedium.self) }

  @Test("a crash keeps what was synced and a prefix of the rest", arguments: 0...3, [false, true])
  func crash(keeping: Int, tearing: Bool) throws {
    let medium = MemoryMedium()
    do {
      let journal = try medium.open()
      for entry in [[1], [2]] as [[UInt8]] { try journal.append(entry) }
      try journal.sync()
      for entry in [[3], [4], [5]] as [[UInt8]] { try journal.append(entry) }
    }
    medium.disk.crash(keeping: keeping, tearingNext: tearing)
    #expect(try recover(medium) == Array(([[1], [2], [3], [4], [5]] as [[UInt8]]).prefix(2 + keeping)))
  }

  @Test("a failed write, sync or rename of a snapshot is final (consensus rule 43)")
  func failedSnapshot() throws {
    for steps in 0..<9 {
      let medium = MemoryMedium()
      try record(JournalContract.entries, on: medium)
      let journal = try medium.open()
      medium.disk.stepsLeft = steps
      var failures = 0
      do throws(PlatformError) { try JournalContract.compact(journal) } catch { failures += 1 }
      medium.disk.stepsLeft = nil
      do throws(PlatformError) { try journal.sync() } catch { failures += 1 }
      do throws(PlatformError) { try journal.reread { _ in } } catch { failures += 1 }
      // Begun, three entries, the mark, a sync, a rename and the folder's sync.
      #expect(failures == (steps < 8 ? 3 : 0))
    }
  }

  @Test("of a snapshot that was not synced, and is in place, a crash leaves a journal that does not open")
  func unsyncedSnapshot() throws {
    let medium = MemoryMedium()
    try record(JournalContract.entries, on: medium)
    medium.disk.forgetsSnapshotSyncs = true
    do { try JournalContract.compact(try medium.open()) }
    medium.disk.crash(keeping: 2)
    do throws(PlatformError) {
      _ = try recover(medium)
      Issue.record("opened")
    } catch {
      #expect(error.kind == .corrupted)
    }
  }

  @Test("a failed sync is final (consensus rule 43)")
  func failedSync() throws {
    let medium = MemoryMedium()
    let journal = try medium.open()
    let entry: [UInt8] = [1]
    try journal.append(entry)
    medium.disk.nextFailure = PlatformError(.full, code: 28)
    var failures = 0
    for _ in 0..<2 {
      do throws(PlatformError) { try journal.sync() } catch {
        #expect(error == PlatformError(.full, code: 28))
        failures += 1
      }
    }
    do throws(PlatformError) { try journal.append(entry) } catch { failures += 1 }
    #expect(failures == 3)
  }
}
