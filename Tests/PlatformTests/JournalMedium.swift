import Foundation
import HAL
import LinuxPlatform
import SimulatedPlatform
import Wire

/// A journal of any kind; closed when the last reference goes.
class OpenJournal {
  var maximumEntryBytes: Int { fatalError() }
  func append(_ entry: [UInt8]) throws(PlatformError) { fatalError() }
  func sync() throws(PlatformError) { fatalError() }
  func replay(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) { fatalError() }
  func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) { fatalError() }
  var snapshotBytes: UInt64 { fatalError() }
  var appendedBytes: UInt64 { fatalError() }
  func beginSnapshot() throws(PlatformError) { fatalError() }
  func appendToSnapshot(_ entry: [UInt8]) throws(PlatformError) { fatalError() }
  func copyIntoSnapshot(where isNeeded: (Span<UInt8>) -> Bool) throws(PlatformError) { fatalError() }
  func commitSnapshot() throws(PlatformError) { fatalError() }
}

final class Held<Log: Journal & ~Copyable>: OpenJournal {
  private var journal: Log
  init(_ journal: consuming Log) { self.journal = journal }
  override var maximumEntryBytes: Int { Log.maximumEntryBytes }
  override func append(_ entry: [UInt8]) throws(PlatformError) { try journal.append(entry.span) }
  override func sync() throws(PlatformError) { try journal.sync() }
  override func replay(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) { try journal.replay(visit) }
  override func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) { try journal.reread(visit) }
  override var snapshotBytes: UInt64 { journal.snapshotBytes }
  override var appendedBytes: UInt64 { journal.appendedBytes }
  override func beginSnapshot() throws(PlatformError) { try journal.beginSnapshot() }
  override func appendToSnapshot(_ entry: [UInt8]) throws(PlatformError) { try journal.appendToSnapshot(entry.span) }
  override func copyIntoSnapshot(where isNeeded: (Span<UInt8>) -> Bool) throws(PlatformError) {
    try journal.copyIntoSnapshot(where: isNeeded)
  }
  override func commitSnapshot() throws(PlatformError) { try journal.commitSnapshot() }
}

/// Something a journal can be opened on again and again, and that a test can hurt in between.
protocol JournalMedium: AnyObject {
  init()
  func open(as identity: JournalIdentity) throws(PlatformError) -> OpenJournal
  /// The same as it would be after a crash at every instant of what `work` does with its journal, from before its first write
  /// until after its last sync. `work` is done once or often.
  func crashes(during work: (OpenJournal) throws(PlatformError) -> Void) throws -> [Self]
  /// What a journal of these entries takes, and a second medium with the same content.
  var byteCount: Int { get }
  func copy() -> Self
  /// The same with its snapshot.
  func copyExactly() -> Self
  func truncate(to count: Int)
  func damage(at position: Int, flipping mask: UInt8)
}

extension JournalIdentity {
  static let test = JournalIdentity(networkIdentifier: Digest(InlineArray { UInt8($0) }), node: 7)
}

extension JournalMedium {
  func open() throws(PlatformError) -> OpenJournal { try open(as: .test) }
}

/// A fresh folder that goes when the test ends.
final class TemporaryFolder {
  let path: String
  init() {
    path = NSTemporaryDirectory() + "/busbar-platform-" + UUID().uuidString
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}

final class FileMedium: JournalMedium {
  let folder = TemporaryFolder()
  var path: String { folder.path + "/journal" }

  /// A child that another test forks at this moment has the lock of every journal that is open, until it ends a little later.
  func open(as identity: JournalIdentity) throws(PlatformError) -> OpenJournal {
    for _ in 0..<50 {
      do throws(PlatformError) { return Held(try FileJournal(path, as: identity)) } catch {
        guard error.kind == .busy else { throw error }
        usleep(2000)
      }
    }
    return Held(try FileJournal(path, as: identity))
  }
  var beside: String { path + ".new" }
  var bytes: [UInt8] {
    get { [UInt8](try! Data(contentsOf: URL(fileURLWithPath: path))) }
    set { try! Data(newValue).write(to: URL(fileURLWithPath: path)) }
  }
  var byteCount: Int { bytes.count }
  func copy() -> FileMedium {
    let other = FileMedium()
    other.bytes = bytes
    return other
  }
  /// What is written beside is there up to some byte, under its own name; or whole, under the journal's.
  func crashes(during work: (OpenJournal) throws(PlatformError) -> Void) throws -> [FileMedium] {
    let after = copy()
    do {
      let journal = try after.open()
      try journal.replay { _ in }
      try work(journal)
    }
    var result = [copy()]
    for count in 0...after.byteCount {
      let medium = copy()
      try Data(after.bytes.prefix(count)).write(to: URL(fileURLWithPath: medium.beside))
      result.append(medium)
    }
    result.append(after)
    return result
  }
  func copyExactly() -> FileMedium { copy() }
  func truncate(to count: Int) { bytes = [UInt8](bytes.prefix(count)) }
  func damage(at position: Int, flipping mask: UInt8) { bytes[position] ^= mask }
}

final class MemoryMedium: JournalMedium {
  var disk = MemoryDisk()

  func open(as identity: JournalIdentity) throws(PlatformError) -> OpenJournal {
    Held(try MemoryJournal(disk, as: identity))
  }
  var byteCount: Int { disk.byteCount }
  func copy() -> MemoryMedium {
    // Read through the contract, so the copy shares nothing.
    let other = MemoryMedium()
    try! record(try! recover(self), on: other)
    return other
  }
  func crashes(during work: (OpenJournal) throws(PlatformError) -> Void) throws -> [MemoryMedium] {
    var result: [MemoryMedium] = []
    var steps = 0
    while true {
      for tears in [false, true] {
        for undoes in [false, true] {
          let medium = copy()
          medium.disk.stepsLeft = steps
          var isDone = false
          do {
            let journal = try medium.open()
            do throws(PlatformError) {
              try journal.replay { _ in }
              try work(journal)
              isDone = true
            } catch {}
          }
          medium.disk.crash(keeping: 0, tearingNext: tears, undoingRename: undoes)
          result.append(medium)
          if isDone { return result }
        }
      }
      steps += 1
    }
  }
  func copyExactly() -> MemoryMedium {
    let other = MemoryMedium()
    other.disk = disk.image()
    return other
  }
  func truncate(to count: Int) { disk.truncate(to: count) }
  func damage(at position: Int, flipping mask: UInt8) { disk.damage(at: position) }
}

/// Opens the medium and collects its entries.
func recover(_ medium: some JournalMedium) throws(PlatformError) -> [[UInt8]] {
  let journal = try medium.open()
  var entries: [[UInt8]] = []
  try journal.replay { entry in entries.append(Array(copying: entry)) }
  return entries
}

/// Appends all entries and syncs once.
func record(_ entries: [[UInt8]], on medium: some JournalMedium) throws(PlatformError) {
  let journal = try medium.open()
  try journal.replay { _ in }
  for entry in entries { try journal.append(entry) }
  try journal.sync()
}
