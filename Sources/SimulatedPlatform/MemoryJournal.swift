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
  }

  var stored: [Stored] = []
  /// How many entries a crash leaves alone.
  var syncedCount = 0
  var isOpen = false
  /// What else the card holds.
  public var cells = CellDisk()
  /// Set by a test: the next append or sync fails with it.
  public var nextFailure: PlatformError?

  public init() {}

  /// The image of the card, as somebody may copy it and put it back.
  public func image() -> MemoryDisk {
    let copy = MemoryDisk()
    copy.stored = Array(stored[..<syncedCount])
    copy.syncedCount = syncedCount
    copy.cells = cells.image()
    return copy
  }

  public var byteCount: Int {
    var total = 0
    for entry in stored { total += Self.frameHeadBytes + entry.bytes.count }
    return total
  }
  public var unsyncedCount: Int { stored.count - syncedCount }

  /// The power fails: of the entries appended since the last sync, the first `keeping` stay. With `tearingNext`, a
  /// part of the one after them stays too. Cells that were not synced are gone, but for those of `keepingCells`.
  /// - Precondition: 0 <= keeping <= unsyncedCount
  public func crash(keeping: Int, tearingNext: Bool = false, keepingCells pattern: UInt64 = 0) {
    precondition(keeping >= 0 && keeping <= unsyncedCount)
    cells.crash(keeping: pattern)
    let tears = tearingNext && keeping < unsyncedCount
    stored.removeLast(unsyncedCount - keeping - (tears ? 1 : 0))
    if tears { stored[stored.count - 1].isWhole = false }
    syncedCount = tears ? stored.count - 1 : stored.count
  }

  /// Cuts the disk off behind its first `count` bytes.
  public func truncate(to count: Int) {
    var end = 0
    for index in stored.indices {
      let start = end
      end += Self.frameHeadBytes + stored[index].bytes.count
      if end <= count { continue }
      stored.removeLast(stored.count - index - (start < count ? 1 : 0))
      if start < count { stored[index].isWhole = false }
      break
    }
    syncedCount = min(syncedCount, stored.count)
  }

  /// Changes the byte at `position`.
  public func damage(at position: Int) {
    var end = 0
    for index in stored.indices {
      end += Self.frameHeadBytes + stored[index].bytes.count
      if position < end {
        stored[index].isWhole = false
        return
      }
    }
  }
}

/// A journal in memory that keeps the promises of ``Journal`` and no more.
public struct MemoryJournal: ~Copyable, Journal {
  public static let maximumEntryBytes = 65536

  private let disk: MemoryDisk
  /// At opening its tail was cut off.
  public let wasTorn: Bool
  private let countAtOpening: Int
  private var isReplayed = false
  /// Set by the first failure, for good. (rule 43)
  private var failure: PlatformError?

  /// - Throws: `.corrupted` when a whole entry stands behind a damaged one, `.busy` when a journal has the disk open.
  public init(_ disk: MemoryDisk) throws(PlatformError) {
    guard !disk.isOpen else { throw PlatformError(.busy) }
    let damaged = disk.stored.firstIndex { !$0.isWhole }
    if let damaged {
      for entry in disk.stored[damaged...] where entry.isWhole { throw PlatformError(.corrupted) }
      disk.stored.removeLast(disk.stored.count - damaged)
    }
    // Opening syncs what it found, as the file's does when it cuts a tail off.
    disk.syncedCount = disk.stored.count
    disk.isOpen = true
    self.disk = disk
    wasTorn = damaged != nil
    countAtOpening = disk.stored.count
  }

  deinit { disk.isOpen = false }

  public mutating func append(_ entry: Span<UInt8>) throws(PlatformError) {
    precondition(entry.count > 0 && entry.count <= Self.maximumEntryBytes)
    try failIfAsked()
    disk.stored.append(MemoryDisk.Stored(bytes: Array(copying: entry)))
  }

  public mutating func sync() throws(PlatformError) {
    try failIfAsked()
    disk.syncedCount = disk.stored.count
  }

  public mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) {
    for index in disk.stored.indices {
      guard disk.stored[index].isWhole else { throw PlatformError(.corrupted) }
      let bytes = disk.stored[index].bytes
      visit(bytes.span)
    }
  }

  private mutating func failIfAsked() throws(PlatformError) {
    if let next = disk.nextFailure {
      disk.nextFailure = nil
      failure = next
    }
    if let failure { throw failure }
  }

  public mutating func replay(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) {
    guard !isReplayed else { throw PlatformError(.invalid) }
    isReplayed = true
    for index in 0..<countAtOpening {
      let bytes = disk.stored[index].bytes
      visit(bytes.span)
    }
  }
}
