import Foundation
import HAL
import LinuxPlatform
import SimulatedPlatform
import Testing
import Wire

@Suite("What a journal is like, looked at and not opened (docs/PROTOCOL.md, Journal)")
struct JournalConditionTests {
  private static func examine(_ medium: FileMedium, as identity: JournalIdentity = .test) throws -> JournalCondition {
    try FileJournal.examine(medium.path, as: identity)
  }

  @Test("it says of every flipped bit what a start would do, and changes nothing")
  func everyBit() throws {
    let whole = FileMedium()
    try record(JournalContract.entries, on: whole)
    for position in 0..<whole.byteCount {
      for bit in UInt8(0)..<8 {
        let medium = whole.copy()
        medium.damage(at: position, flipping: 1 << bit)
        let before = medium.bytes
        let condition = try Self.examine(medium)
        #expect(medium.bytes == before)
        #expect(condition.bytes == UInt64(before.count) && condition.goodBytes <= condition.bytes)
        var opened: JournalCondition.State?
        do throws(PlatformError) {
          _ = try recover(medium)
          opened = .torn
        } catch {
          switch error.kind {
          case .corrupted: opened = .damaged
          case .outdated: opened = .outdated
          case .newer: opened = .newer
          default: opened = nil
          }
        }
        #expect(condition.state == opened, "bit \(bit) of byte \(position)")
      }
    }
  }

  @Test("the place is where the last good entry ends, and its entries are visited")
  func place() throws {
    let medium = FileMedium()
    try record(JournalContract.entries, on: medium)
    var visited: [[UInt8]] = []
    let good = try FileJournal.examine(medium.path, as: .test) { entry in visited.append(Array(copying: entry)) }
    #expect(good.state == .whole && good.goodBytes == good.bytes)
    #expect(good.entries == UInt64(JournalContract.entries.count) && visited == JournalContract.entries)
    var start = 64
    for (number, entry) in JournalContract.entries.dropLast().enumerated() {
      let hurt = medium.copy()
      hurt.damage(at: start + 24, flipping: 1)
      visited = []
      let found = try FileJournal.examine(hurt.path, as: .test) { entry in visited.append(Array(copying: entry)) }
      #expect(found.state == .damaged && found.entries == UInt64(number) && found.goodBytes == UInt64(start))
      #expect(visited == Array(JournalContract.entries[..<number]))
      start += 24 + entry.count
    }
  }

  @Test("a tail that was torn off is told with its length, at every length")
  func torn() throws {
    let whole = FileMedium()
    try record(JournalContract.entries, on: whole)
    let last = whole.byteCount - 24 - JournalContract.entries.last!.count
    for count in [0, 1, 63] + Array(last + 1..<whole.byteCount) {
      let medium = whole.copy()
      medium.truncate(to: count)
      let condition = try Self.examine(medium)
      #expect(condition.state == (count == 0 ? .whole : .torn), "cut to \(count) bytes")
      #expect(condition.goodBytes == UInt64(count < 64 ? 0 : last))
    }
  }

  @Test("another node's is told apart, one that is open can be looked at, and one that is not there is not made")
  func others() throws {
    let medium = FileMedium()
    let journal = try medium.open()
    try journal.replay { _ in }
    try journal.append([1, 2, 3])
    try journal.sync()
    #expect(try Self.examine(medium).entries == 1)
    let other = JournalIdentity(networkIdentifier: JournalIdentity.test.networkIdentifier, node: 8)
    #expect(try Self.examine(medium, as: other).state == .foreign)
    let none = FileMedium()
    do throws(PlatformError) {
      _ = try FileJournal.examine(none.path, as: .test)
      Issue.record("there is none")
    } catch { #expect(error.kind == .notFound) }
    #expect(!FileManager.default.fileExists(atPath: none.path))
  }

  @Test("a snapshot without its end is damage")
  func snapshot() throws {
    let medium = FileMedium()
    let journal = try medium.open()
    try journal.replay { _ in }
    try journal.beginSnapshot()
    try journal.appendToSnapshot([7, 8])
    try journal.commitSnapshot()
    #expect(try Self.examine(medium).state == .whole)
    medium.truncate(to: medium.byteCount - 1)
    #expect(try Self.examine(medium).state == .damaged)
  }
}

@Suite("A board's clock with a battery (Documentation/ABI/testing/sysfs-class-rtc)")
struct BatteryClockTests {
  private let folder = TemporaryFolder()

  private func clock(saying text: String?) throws -> BatteryClock {
    let rtc = folder.path + "/class/rtc/rtc0"
    try FileManager.default.createDirectory(atPath: rtc, withIntermediateDirectories: true)
    if let text { try Data(text.utf8).write(to: URL(fileURLWithPath: rtc + "/since_epoch")) }
    return BatteryClock(root: folder.path)
  }

  @Test("a tree without one has none")
  func absent() throws {
    #expect(BatteryClock(root: folder.path) == .absent)
    try FileManager.default.createDirectory(atPath: folder.path + "/class/rtc", withIntermediateDirectories: true)
    #expect(BatteryClock(root: folder.path) == .absent)
  }

  @Test(
    "its seconds are read", arguments: [("1795000000\n", 1_795_000_000), ("0\n", 0), ("12", 12)] as [(String, UInt64)])
  func reads(text: String, seconds: UInt64) throws { #expect(try clock(saying: text) == .reads(seconds)) }

  @Test(
    "what is no number is told, and is no time",
    arguments: [nil, "", "\n", "-5\n", "12x\n", "1 2\n", "1\n2\n", "9999999999999999999\n"] as [String?])
  func unreadable(text: String?) throws { #expect(try clock(saying: text) == .unreadable) }
}

@Suite("Errors of the system in words")
struct PlatformErrorTests {
  @Test("a number says what it means here, and stays for whoever looks it up")
  func words() {
    #expect("\(PlatformError(.other, code: 99))" == "the address is none of this machine's (99)")
    #expect("\(PlatformError(.busy, code: 98))" == "the address is in use (98)")
    #expect("\(PlatformError(.other, code: 30))" == "the file system is read-only (30)")
    #expect("\(PlatformError(.notFound, code: 2))" == "not found (2)")
    #expect("\(PlatformError(.corrupted))" == "corrupted")
  }

  @Test("no number that a file or socket call gives is left with a kind that says nothing (asm-generic/errno.h)")
  func none() {
    for code: Int32 in [
      5, 6, 12, 17, 19, 20, 21, 23, 24, 27, 30, 36, 40, 90, 97, 98, 99, 100, 101, 104, 105, 111, 112, 113, 122,
    ] {
      #expect(PlatformError.words(forCode: code) != nil, "\(code)")
    }
    // Their kinds say it.
    for code: Int32 in [0, 1, 2, 13, 16, 22, 28, 110] { #expect(PlatformError.words(forCode: code) == nil, "\(code)") }
  }
}
