import CLinux
import HAL
import Wire

/// A journal in one file: entries chained by digests, so that a lost or changed one shows. (docs/PROTOCOL.md, Journal)
public struct FileJournal: ~Copyable, Journal {
  public static let maximumEntryBytes = 65536

  private let file: Int32
  /// At opening its tail was cut off.
  public let wasTorn: Bool
  private var chain: FixedBytes<16>
  private var contents: JournalContents?
  /// Set by the first failed write or sync, for good: what the file ends with is unknown from then on. (rule 43)
  private var failure: PlatformError?
  private var frame = ByteBuffer(capacity: JournalFormat.frameHeadBytes + maximumEntryBytes)

  /// Opens or creates the file, checks every entry, cuts a torn tail off, and takes the file for this process alone.
  /// - Throws: `.corrupted` when damage is followed by more entries or the file is no journal, `.outdated` when it is one of version 1,
  ///   `.busy` when somebody else has it open.
  public init(_ path: String) throws(PlatformError) {
    let file = try check(busbar_open_append(path))
    let contents: JournalContents
    let wasTorn: Bool
    do throws(PlatformError) {
      try check(busbar_lock(file))
      (contents, wasTorn) = try Self.load(file)
      // A crash may have come between creating the file and syncing its folder.
      if contents.isEmpty { try Files.syncFolder(of: path) }
    } catch {
      busbar_close(file)
      throw error
    }
    self.file = file
    self.wasTorn = wasTorn
    self.chain = contents.chain
    self.contents = contents
  }

  deinit { busbar_close(file) }

  private static func load(_ file: Int32) throws(PlatformError) -> (contents: JournalContents, wasTorn: Bool) {
    let bytes = try Files.readAll(file, limit: Int.max)
    let contents = try JournalContents(bytes)
    let wasTorn = contents.goodBytes < bytes.count
    if wasTorn {
      try check(busbar_truncate(file, Int64(contents.goodBytes)))
    }
    try check(busbar_seek(file, Int64(contents.goodBytes)))
    if contents.goodBytes == 0 {
      var tag = ByteBuffer(capacity: JournalFormat.fileHeadBytes)
      tag.replace { out in out.writeTag(JournalFormat.tag) }
      try Files.write(file, tag.span)
    }
    if contents.isEmpty || wasTorn { try check(busbar_sync(file)) }
    return (contents, wasTorn)
  }

  public mutating func append(_ entry: Span<UInt8>) throws(PlatformError) {
    precondition(entry.count > 0 && entry.count <= Self.maximumEntryBytes)
    if let failure { throw failure }
    let next = JournalFormat.link(chain, entry)
    frame.replace { out in
      out.write(UInt32(entry.count))
      out.writeZeros(4)
      out.write(next)
      out.write(entry)
    }
    do throws(PlatformError) {
      try Files.write(file, frame.span)
    } catch {
      failure = error
      throw error
    }
    chain = next
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

  public mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) {
    if let failure { throw failure }
    do throws(PlatformError) {
      try check(busbar_seek(file, 0))
      let contents = try JournalContents(try Files.readAll(file, limit: Int.max))
      // Everything that was appended is there, and the next entry goes behind it.
      guard contents.chain == chain else { throw PlatformError(.corrupted) }
      try check(busbar_seek(file, Int64(contents.goodBytes)))
      contents.visit(visit)
    } catch {
      failure = error
      throw error
    }
  }

  public mutating func replay(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) {
    guard let contents else { throw PlatformError(.invalid) }
    contents.visit(visit)
    self.contents = nil
  }
}
