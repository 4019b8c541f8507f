import HAL
import Wire

/// What a ``MemoryJournal`` writes to. It outlives the journal, as a disk outlives a process, and can be hurt.
///
/// Positions count a frame of ``frameHeadBytes`` and the entry's own bytes for each entry, from 0.
public final class MemoryDisk {
  public static let frameHeadBytes = 24

  struct Stored {
    var bytes: [UInt8]
    /// False for an entry that was torn or damaged.
    var isWhole = true
    /// Ends the snapshot; it is no entry.
    var isMark = false
  }

  /// A file.
  struct Segment {
    var stored: [Stored] = []
    /// How many entries a crash leaves alone.
    var syncedCount = 0
    var beginsWithSnapshot = false

    var byteCount: Int {
      var total = 0
      for entry in stored { total += MemoryDisk.frameHeadBytes + entry.bytes.count }
      return total
    }
    /// Of the snapshot, its mark included; 0 without one.
    var snapshotBytes: Int {
      var total = 0
      for entry in stored {
        total += MemoryDisk.frameHeadBytes + entry.bytes.count
        if entry.isMark { return total }
      }
      return 0
    }

    mutating func crash(keeping: Int, tearingNext: Bool) {
      let unsynced = stored.count - syncedCount
      let keeping = min(keeping, unsynced)
      let tears = tearingNext && keeping < unsynced
      stored.removeLast(unsynced - keeping - (tears ? 1 : 0))
      if tears { stored[stored.count - 1].isWhole = false }
      syncedCount = tears ? stored.count - 1 : stored.count
    }
  }

  var segment = Segment()
  /// The snapshot that is being written beside it.
  var beside: Segment?
  /// What a snapshot took the place of, until the folder is synced: a crash may bring it back.
  var replaced: Segment?
  var identity: JournalIdentity?
  var isOpen = false
  /// What else the card holds.
  public var cells = CellDisk()
  /// Set by a test: the next append or sync fails with it.
  public var nextFailure: PlatformError?
  /// Set by a test: after so many more writes, syncs and renames every one fails, as when the power is about to go.
  public var stepsLeft: Int?
  /// Set by a simulation: nothing that a snapshot syncs is durable.
  public var forgetsSnapshotSyncs = false
  /// Writes, syncs and renames so far; syncs and snapshots among them.
  public private(set) var stepCount = 0
  public internal(set) var syncCount = 0
  public internal(set) var snapshotCount = 0

  /// An empty disk that never fails by itself.
  public init() {}

  /// False when the disk is gone.
  func step() -> Bool {
    if let left = stepsLeft {
      if left == 0 { return false }
      stepsLeft = left - 1
    }
    stepCount += 1
    return true
  }

  /// The image of the card, as somebody may copy it and put it back.
  public func image() -> MemoryDisk {
    let copy = MemoryDisk()
    copy.segment = segment
    copy.segment.stored = Array(segment.stored[..<segment.syncedCount])
    copy.identity = identity
    copy.cells = cells.image()
    return copy
  }

  public var byteCount: Int { segment.byteCount }
  public var unsyncedCount: Int { segment.stored.count - segment.syncedCount }
  /// A snapshot has been put in its place, and a crash may still bring back what was there before.
  public var hasUnsyncedRename: Bool { replaced != nil }

  /// The power fails: of the entries appended since the last sync, the first `keeping` stay. With `tearingNext`, a
  /// part of the one after them stays too. Cells that were not synced are gone, but for those of `keepingCells`.
  /// - Parameter undoingRename: the folder was not synced since a snapshot was put in place, and has the old one.
  /// - Precondition: 0 <= keeping <= unsyncedCount
  public func crash(
    keeping: Int, tearingNext: Bool = false, undoingRename: Bool = false, keepingCells pattern: UInt64 = 0
  ) {
    precondition(keeping >= 0 && keeping <= unsyncedCount)
    cells.crash(keeping: pattern)
    if undoingRename, let old = replaced { segment = old }
    segment.crash(keeping: keeping, tearingNext: tearingNext)
    replaced = nil
    // A part of it stays beside the journal, where nobody looks.
    beside = nil
    stepsLeft = nil
  }

  /// Cuts the disk off behind its first `count` bytes.
  public func truncate(to count: Int) {
    var end = 0
    for index in segment.stored.indices {
      let start = end
      end += Self.frameHeadBytes + segment.stored[index].bytes.count
      if end <= count { continue }
      segment.stored.removeLast(segment.stored.count - index - (start < count ? 1 : 0))
      if start < count { segment.stored[index].isWhole = false }
      break
    }
    segment.syncedCount = min(segment.syncedCount, segment.stored.count)
  }

  /// Changes the byte at `position`.
  public func damage(at position: Int) {
    var end = 0
    for index in segment.stored.indices {
      end += Self.frameHeadBytes + segment.stored[index].bytes.count
      if position < end {
        segment.stored[index].isWhole = false
        return
      }
    }
  }
}

/// A journal in memory that keeps the promises of ``Journal`` and no more.
public struct MemoryJournal: ~Copyable, Journal {
  public static let maximumEntryBytes = 65536
  private static let markBytes = 8

  private let disk: MemoryDisk
  /// At opening its tail was cut off.
  public let wasTorn: Bool
  private var isReplayed = false
  /// Set by the first failure, for good. (consensus rule 43)
  private var failure: PlatformError?

  /// - Throws: `.corrupted` when a whole entry stands behind a damaged one or the snapshot has no end, `.foreign` when it is another
  ///   node's, `.busy` when a journal has the disk open.
  public init(_ disk: MemoryDisk, as identity: JournalIdentity) throws(PlatformError) {
    guard !disk.isOpen else { throw PlatformError(.busy) }
    guard disk.identity == nil || disk.identity == identity else { throw PlatformError(.foreign) }
    let damaged = disk.segment.stored.firstIndex { !$0.isWhole }
    if let damaged {
      for entry in disk.segment.stored[damaged...] where entry.isWhole { throw PlatformError(.corrupted) }
    }
    let good = damaged ?? disk.segment.stored.count
    let mark = disk.segment.stored.firstIndex { $0.isMark }
    guard !disk.segment.beginsWithSnapshot || mark ?? good < good else { throw PlatformError(.corrupted) }
    disk.segment.stored.removeLast(disk.segment.stored.count - good)
    // Opening syncs what it found, as the file's does when it cuts a tail off.
    disk.segment.syncedCount = good
    disk.beside = nil
    disk.replaced = nil
    disk.identity = identity
    disk.isOpen = true
    self.disk = disk
    wasTorn = damaged != nil
  }

  deinit { disk.isOpen = false }

  public mutating func append(_ entry: Span<UInt8>) throws(PlatformError) {
    precondition(entry.count > 0 && entry.count <= Self.maximumEntryBytes)
    precondition(disk.beside == nil)
    try step()
    disk.segment.stored.append(MemoryDisk.Stored(bytes: Array(copying: entry)))
  }

  public mutating func sync() throws(PlatformError) {
    try step()
    disk.syncCount += 1
    disk.segment.syncedCount = disk.segment.stored.count
  }

  public mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) {
    if let failure { throw failure }
    try read { entry in visit(entry.span) }
  }

  private mutating func read(_ visit: ([UInt8]) -> Void) throws(PlatformError) {
    for index in disk.segment.stored.indices {
      guard disk.segment.stored[index].isWhole else {
        failure = PlatformError(.corrupted)
        throw PlatformError(.corrupted)
      }
      guard !disk.segment.stored[index].isMark else { continue }
      visit(disk.segment.stored[index].bytes)
    }
  }

  private mutating func step() throws(PlatformError) {
    if let next = disk.nextFailure {
      disk.nextFailure = nil
      failure = next
    }
    if let failure { throw failure }
    guard disk.step() else {
      failure = PlatformError(.other)
      throw PlatformError(.other)
    }
  }

  public mutating func replay(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) {
    guard !isReplayed else { throw PlatformError(.invalid) }
    isReplayed = true
    try reread(visit)
  }

  // MARK: Snapshots

  public var snapshotBytes: UInt64 { UInt64(disk.segment.snapshotBytes) }
  public var appendedBytes: UInt64 { UInt64(disk.segment.byteCount - disk.segment.snapshotBytes) }

  public mutating func beginSnapshot() throws(PlatformError) {
    precondition(disk.beside == nil)
    try step()
    disk.beside = MemoryDisk.Segment(beginsWithSnapshot: true)
  }

  public mutating func appendToSnapshot(_ entry: Span<UInt8>) throws(PlatformError) {
    precondition(entry.count > 0 && entry.count <= Self.maximumEntryBytes)
    try step()
    disk.beside!.stored.append(MemoryDisk.Stored(bytes: Array(copying: entry)))
  }

  public mutating func copyIntoSnapshot(where isNeeded: (Span<UInt8>) -> Bool) throws(PlatformError) {
    var needed: [[UInt8]] = []
    try read { entry in if isNeeded(entry.span) { needed.append(entry) } }
    for entry in needed { try appendToSnapshot(entry.span) }
  }

  public mutating func commitSnapshot() throws(PlatformError) {
    try step()
    var snapshot = disk.beside!
    snapshot.stored.append(
      MemoryDisk.Stored(bytes: Array(repeating: 0, count: Self.markBytes), isMark: true))
    disk.beside = snapshot
    try step()
    if !disk.forgetsSnapshotSyncs { snapshot.syncedCount = snapshot.stored.count }
    disk.beside = snapshot
    try step()
    disk.replaced = disk.segment
    disk.segment = snapshot
    disk.beside = nil
    try step()
    disk.replaced = nil
    disk.syncCount += 1
    disk.snapshotCount += 1
  }
}
