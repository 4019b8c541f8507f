import CLinux
import HAL
import Wire

/// A journal in one file: entries chained by digests, so that a lost or changed one shows. (docs/PROTOCOL.md, Journal)
///
/// A snapshot is written beside it, synced, and renamed over it; then the folder is synced. So under the journal's name there is the old
/// segment or the new one, each whole, and what a crash leaves beside it is no part of the journal.
public struct FileJournal: ~Copyable, Journal {
  public static let maximumEntryBytes = JournalFormat.maximumEntryBytes

  /// What one takes from the heap, and while it is read.
  public static let memoryBytes = JournalFormat.maximumFrameBytes + JournalSegment.windowBytes

  private let path: String
  private let identity: JournalIdentity
  private var file: Int32
  /// At opening its tail was cut off.
  public let wasTorn: Bool
  /// What is good and where it goes on.
  private var extent: JournalSegment.Extent
  private var isReplayed = false
  private var snapshot: OpenSnapshot?
  /// Set by the first failed write or sync, for good: what the file ends with is unknown from then on. (consensus rule 43)
  private var failure: PlatformError?
  private var frame = ByteBuffer(capacity: JournalFormat.maximumFrameBytes, isTouched: false)

  /// A snapshot that is being written.
  private struct OpenSnapshot {
    let file: Int32
    var extent: JournalSegment.Extent
    var count: UInt64 = 0
  }

  /// Opens or creates the file, checks every entry, cuts a torn tail off, and takes the file for this process alone.
  /// - Throws: `.corrupted` when damage is followed by more entries or the file is no journal, `.foreign` when it is another node's,
  ///   `.outdated` and `.newer` when it is one of another version, `.busy` when somebody else has it open.
  public init(_ path: String, as identity: JournalIdentity) throws(PlatformError) {
    let file = try Self.openAndLock(path)
    do throws(PlatformError) {
      (extent, wasTorn) = try Self.load(file, path, identity)
    } catch {
      busbar_close(file)
      throw error
    }
    self.path = path
    self.identity = identity
    self.file = file
  }

  deinit {
    busbar_close(file)
    if let snapshot { busbar_close(snapshot.file) }
  }

  /// Whose journal a file is.
  public static func identity(of path: String) throws(PlatformError) -> JournalIdentity {
    let file = try check(busbar_open_read(path))
    defer { busbar_close(file) }
    var head = ByteBuffer(capacity: JournalFormat.headBytes)
    head.setCount(try check(busbar_read_at(file, head.mutableBytes.baseAddress!, JournalFormat.headBytes, 0)))
    guard head.count == JournalFormat.headBytes else { throw PlatformError(.corrupted) }
    return try JournalFormat.readHead(head.span).identity
  }

  private static func beside(_ path: String) -> String { path + ".new" }

  /// Story: a second process opens the journal, then the first puts a snapshot in its place and lets the old file go. The second one
  /// gets the lock, of a file without a name.
  private static func openAndLock(_ path: String) throws(PlatformError) -> Int32 {
    while true {
      let file = try check(busbar_open_append(path))
      do throws(PlatformError) {
        try check(busbar_lock(file))
        if try check(busbar_is_at(file, path)) == 1 { return file }
        busbar_close(file)
      } catch {
        busbar_close(file)
        throw error
      }
    }
  }

  private static func load(
    _ file: Int32, _ path: String, _ identity: JournalIdentity
  ) throws(PlatformError) -> (extent: JournalSegment.Extent, wasTorn: Bool) {
    var segment = try JournalSegment(.file(file))
    if try segment.isUnfinished(identity) {
      let wasTorn = segment.byteCount > 0
      try check(busbar_truncate(file, 0))
      try check(busbar_seek(file, 0))
      let extent = try begin(file, identity, withSnapshot: false)
      try check(busbar_sync(file))
      try Files.syncFolder(of: path)
      return (extent, wasTorn)
    }
    let extent = try segment.verify(identity)
    let wasTorn = extent.goodBytes < segment.byteCount
    // Of a snapshot that was not finished.
    busbar_unlink(beside(path))
    if wasTorn {
      try check(busbar_truncate(file, Int64(extent.goodBytes)))
      try check(busbar_sync(file))
    }
    try check(busbar_seek(file, Int64(extent.goodBytes)))
    // A crash may have come between creating or renaming the file and syncing its folder.
    try Files.syncFolder(of: path)
    return (extent, wasTorn)
  }

  private static func begin(
    _ file: Int32, _ identity: JournalIdentity, withSnapshot: Bool
  ) throws(PlatformError) -> JournalSegment.Extent {
    let head = JournalFormat.head(of: identity, beginsWithSnapshot: withSnapshot)
    try Files.write(file, head.span)
    return JournalSegment.Extent(
      goodBytes: UInt64(JournalFormat.headBytes), chain: JournalFormat.firstChain(head))
  }

  /// Writes one frame and notes how far the file is good.
  private static func write(
    _ kind: JournalFormat.FrameKind, _ payload: Span<UInt8>, to file: Int32, at extent: inout JournalSegment.Extent,
    with frame: inout ByteBuffer
  ) throws(PlatformError) {
    let next = JournalFormat.link(extent.chain, kind, payload)
    frame.replace { out in JournalFormat.writeFrame(kind, payload, chain: next, into: &out) }
    try Files.write(file, frame.span)
    extent.chain = next
    extent.goodBytes += UInt64(frame.count)
  }

  // MARK: Appending

  public mutating func append(_ entry: Span<UInt8>) throws(PlatformError) {
    precondition(entry.count > 0 && entry.count <= Self.maximumEntryBytes)
    precondition(snapshot == nil)
    if let failure { throw failure }
    do throws(PlatformError) { try Self.write(.entry, entry, to: file, at: &extent, with: &frame) } catch {
      failure = error
      throw error
    }
  }

  public mutating func sync() throws(PlatformError) {
    if let failure { throw failure }
    do throws(PlatformError) {
      try check(busbar_datasync(file))
    } catch {
      failure = error
      throw error
    }
  }

  // MARK: Reading

  public mutating func replay(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) {
    guard !isReplayed else { throw PlatformError(.invalid) }
    isReplayed = true
    try reread(visit)
  }

  public mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) {
    if let failure { throw failure }
    do throws(PlatformError) { try readAgain { entry in visit(entry) } } catch {
      failure = error
      throw error
    }
  }

  private func readAgain(_ visit: (Span<UInt8>) throws(PlatformError) -> Void) throws(PlatformError) {
    var segment = try JournalSegment(.file(file))
    // Everything that was appended is there, and nothing else.
    guard try segment.verify(identity, visit) == extent, segment.byteCount == extent.goodBytes else {
      throw PlatformError(.corrupted)
    }
  }

  // MARK: Snapshots

  public var snapshotBytes: UInt64 { extent.snapshotBytes }
  public var appendedBytes: UInt64 {
    extent.goodBytes - max(extent.snapshotBytes, UInt64(JournalFormat.headBytes))
  }

  public mutating func beginSnapshot() throws(PlatformError) {
    precondition(snapshot == nil)
    if let failure { throw failure }
    do throws(PlatformError) {
      // Another one that a crash left may be a link that somebody placed there.
      busbar_unlink(Self.beside(path))
      let file = try check(busbar_create_new(Self.beside(path), 0o600))
      snapshot = OpenSnapshot(
        file: file, extent: JournalSegment.Extent(goodBytes: 0, chain: FixedBytes()))
      // Whoever opens the new file under the journal's name finds it taken.
      try check(busbar_lock(file))
      snapshot!.extent = try Self.begin(file, identity, withSnapshot: true)
    } catch {
      failure = error
      throw error
    }
  }

  public mutating func appendToSnapshot(_ entry: Span<UInt8>) throws(PlatformError) {
    precondition(entry.count > 0 && entry.count <= Self.maximumEntryBytes)
    if let failure { throw failure }
    do throws(PlatformError) { try writeToSnapshot(.entry, entry) } catch {
      failure = error
      throw error
    }
  }

  private mutating func writeToSnapshot(
    _ kind: JournalFormat.FrameKind, _ payload: Span<UInt8>
  ) throws(PlatformError) {
    try Self.write(kind, payload, to: snapshot!.file, at: &snapshot!.extent, with: &frame)
    if kind == .entry { snapshot!.count += 1 }
  }

  public mutating func copyIntoSnapshot(where isNeeded: (Span<UInt8>) -> Bool) throws(PlatformError) {
    if let failure { throw failure }
    do throws(PlatformError) {
      var segment = try JournalSegment(.file(file))
      let read = try segment.verify(identity) { (entry) throws(PlatformError) in
        if isNeeded(entry) { try writeToSnapshot(.entry, entry) }
      }
      guard read == extent, segment.byteCount == extent.goodBytes else { throw PlatformError(.corrupted) }
    } catch {
      failure = error
      throw error
    }
  }

  public mutating func commitSnapshot() throws(PlatformError) {
    if let failure { throw failure }
    do throws(PlatformError) {
      let mark = FixedBytes<8> { out in out.write(snapshot!.count) }
      try writeToSnapshot(.snapshotEnd, mark.span)
      try check(busbar_sync(snapshot!.file))
      try check(busbar_rename(Self.beside(path), path))
      // From here on the old segment is no journal any more.
      busbar_close(file)
      file = snapshot!.file
      extent = snapshot!.extent
      extent.snapshotBytes = extent.goodBytes
      snapshot = nil
      try Files.syncFolder(of: path)
    } catch {
      failure = error
      throw error
    }
  }
}
