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
          #expect(error.kind == .corrupted)
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

  @Test("reading again after damage is a failure for good: nothing is appended to what is not known (rule 43)")
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

  @Test("a sector zeroed over an entry's head closes the journal when two whole entries stand behind it")
  func zeroedHead() throws {
    let medium = FileMedium()
    try record(JournalContract.entries, on: medium)
    for position in 8..<(8 + 24 + 1) { medium.damage(at: position, flipping: medium.bytes[position]) }
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
    let head = Array(bytes[..<8])
    let frames = stride(from: 8, to: bytes.count, by: 26).map { Array(bytes[$0..<($0 + 26)]) }
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
    #expect(bytes.count == 8 + 24 + 2)
    #expect(Array(bytes[..<16]) == Array("BUSBARj2".utf8) + [2, 0, 0, 0, 0, 0, 0, 0])
    // b2sum -l 256 of "BUSBARjl", 16 zero bytes and AA BB; the first 16 bytes.
    #expect(bytes[16..<32].map { String(format: "%02x", $0) }.joined() == "aa95a7e57bb454606d97cb8ad1801736")
    #expect(Array(bytes[32...]) == [0xAA, 0xBB])
  }

  @Test("a journal of version 1 is refused by name and not touched")
  func outdated() throws {
    let medium = FileMedium()
    try record(JournalContract.entries, on: medium)
    let older = Array("BUSBARjn".utf8) + medium.bytes.dropFirst(8)
    for count in [8, 9, 40, older.count] {
      medium.bytes = Array(older.prefix(count))
      do throws(PlatformError) {
        _ = try recover(medium)
        Issue.record("opened")
      } catch {
        #expect(error == PlatformError(.outdated))
        #expect("\(error)" == "written in an older version of the format")
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
    medium.damage(at: 40, flipping: 1)
    let before = medium.bytes
    do throws(PlatformError) { _ = try recover(medium) } catch { #expect(error.kind == .corrupted) }
    #expect(medium.bytes == before)
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

  @Test("a failed sync is final (rule 43)")
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
