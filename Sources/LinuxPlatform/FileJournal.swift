import CLinux
import Cryptography
import HAL
import Wire

/// A journal in one file: entries chained by digests, so that a lost or changed one shows. (docs/PROTOCOL.md, Journal)
public struct FileJournal: ~Copyable, Journal {
  public static let maximumEntryBytes = 65536
  static let headBytes = 24

  private let file: Int32
  private var chain: FixedBytes<16>
  private var entries: [[UInt8]]

  /// Opens or creates the file, checks every entry, cuts a torn tail off, and takes the file for this process alone.
  /// - Throws: `.corrupted` when damage is followed by more entries, `.busy` when another process has it.
  public init(_ path: String) throws(PlatformError) {
    let isNew = !Files.exists(path)
    let file = try check(busbar_open_append(path))
    var entries: [[UInt8]] = []
    var chain = FixedBytes<16>()
    do throws(PlatformError) {
      try check(busbar_lock(file))
      if isNew { try Files.syncFolder(of: path) }
      try Self.load(file, &entries, &chain)
    } catch {
      busbar_close(file)
      throw error
    }
    self.file = file
    self.entries = entries
    self.chain = chain
  }

  deinit { busbar_close(file) }

  private static func load(
    _ file: Int32, _ entries: inout [[UInt8]], _ chain: inout FixedBytes<16>
  ) throws(PlatformError) {
    var bytes: [UInt8] = []
    let block = ByteBuffer(capacity: 65536)
    while true {
      let count = try check(busbar_read(file, block.mutableBytes.baseAddress!, block.capacity))
      if count == 0 { break }
      for index in 0..<count { bytes.append(block.mutableBytes[index]) }
    }
    let good = try JournalFormat.parse(bytes.span, into: &entries, chain: &chain)
    if good < bytes.count {
      try check(busbar_truncate(file, Int64(good)))
      try check(busbar_sync(file))
    }
    try check(busbar_seek(file, Int64(good)))
  }

  public mutating func append(_ entry: Span<UInt8>) throws(PlatformError) {
    precondition(entry.count > 0 && entry.count <= Self.maximumEntryBytes)
    var buffer = ByteBuffer(capacity: Self.headBytes + entry.count)
    chain = JournalFormat.write(entry, after: chain, into: &buffer)
    try Files.write(file, buffer.span)
  }

  public mutating func sync() throws(PlatformError) { try check(busbar_datasync(file)) }

  public mutating func replay(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) {
    for entry in entries { visit(entry.span) }
    entries = []
  }
}

/// The bytes of a journal file, apart from any file.
enum JournalFormat {
  /// length u32 | zero 4 | chain 16 | entry
  static func write(_ entry: Span<UInt8>, after chain: FixedBytes<16>, into buffer: inout ByteBuffer) -> FixedBytes<16>
  {
    let next = link(chain, entry)
    buffer.append { out in
      out.write(UInt32(entry.count))
      out.writeZeros(4)
      out.write(next)
      out.write(entry)
    }
    return next
  }

  static func link(_ chain: FixedBytes<16>, _ entry: Span<UInt8>) -> FixedBytes<16> {
    var linked = ByteBuffer(capacity: 20 + entry.count)
    linked.replace { out in
      out.write(chain)
      out.write(UInt32(entry.count))
      out.write(entry)
    }
    let digest = Blake2b.digest(domain: "BUSBARjl", linked.span)
    return FixedBytes(copying: digest.span.extracting(0..<16))
  }

  /// Collects the good entries and returns where they end.
  ///
  /// What follows the last good entry is a torn tail when a crash can have left it: one entry that was never synced.
  /// A whole entry behind the damage means that something synced was changed, and that is corruption.
  static func parse(
    _ bytes: Span<UInt8>, into entries: inout [[UInt8]], chain: inout FixedBytes<16>
  ) throws(PlatformError) -> Int {
    var position = 0
    while let end = entryEnd(bytes, position) {
      let entry = bytes.extracting((position + FileJournal.headBytes)..<end)
      let next = link(chain, entry)
      guard next == FixedBytes(copying: bytes.extracting((position + 8)..<(position + 24))) else {
        if end == bytes.count, !hasEntryBehind(bytes, position) { return position }
        throw PlatformError(.corrupted)
      }
      var copy: [UInt8] = []
      for index in 0..<entry.count { copy.append(entry[index]) }
      entries.append(copy)
      chain = next
      position = end
    }
    if hasEntryBehind(bytes, position) { throw PlatformError(.corrupted) }
    return position
  }

  /// True when a whole entry that follows the one at `position` stands somewhere behind it: then the damage at
  /// `position` is no torn tail, even if it hit the length.
  private static func hasEntryBehind(_ bytes: Span<UInt8>, _ position: Int) -> Bool {
    guard position + FileJournal.headBytes < bytes.count else { return false }
    let chain = FixedBytes<16>(copying: bytes.extracting((position + 8)..<(position + 24)))
    for start in (position + FileJournal.headBytes)..<bytes.count {
      guard let end = entryEnd(bytes, start) else { continue }
      let entry = bytes.extracting((start + FileJournal.headBytes)..<end)
      if link(chain, entry) == FixedBytes(copying: bytes.extracting((start + 8)..<(start + 24))) { return true }
    }
    return false
  }

  private static func entryEnd(_ bytes: Span<UInt8>, _ position: Int) -> Int? {
    var reader = WireReader(bytes.extracting(position..<bytes.count))
    guard let length = try? reader.read(UInt32.self), length > 0, length <= UInt32(FileJournal.maximumEntryBytes),
      position + FileJournal.headBytes + Int(length) <= bytes.count
    else { return nil }
    return position + FileJournal.headBytes + Int(length)
  }
}
