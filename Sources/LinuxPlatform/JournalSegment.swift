import CLinux
import HAL
import Wire

/// Where the bytes of a segment are.
enum JournalSource {
  case file(Int32)
  /// In tests and fuzzers.
  case memory([UInt8])
}

/// A segment that is read piece by piece: memory for a piece is all it takes, however long the segment is.
struct JournalSegment: ~Copyable {
  /// To find what stands behind damage, a frame and the one behind it are looked at together.
  static let windowBytes = 3 * 65536

  private let source: JournalSource
  let byteCount: UInt64
  private var window: ByteBuffer
  private var windowStart: UInt64 = 0

  init(_ source: JournalSource) throws(PlatformError) {
    precondition(Self.windowBytes >= 2 * JournalFormat.maximumFrameBytes)
    self.source = source
    switch source {
    case .file(let file): byteCount = try size(file)
    case .memory(let bytes): byteCount = UInt64(bytes.count)
    }
    window = ByteBuffer(capacity: Self.windowBytes, isTouched: false)
  }

  /// What of `count` bytes from `offset` on is there.
  @_lifetime(&self)
  private mutating func piece(_ offset: UInt64, _ count: Int) throws(PlatformError) -> Span<UInt8> {
    let there = Int(min(UInt64(count), byteCount - min(byteCount, offset)))
    if offset < windowStart || offset + UInt64(there) > windowStart + UInt64(window.count) { try load(offset) }
    let first = Int(offset - windowStart)
    // A file that was cut off meanwhile has less.
    let end = min(window.count, first + there)
    let span = window.span
    return span.extracting(min(first, end)..<end)
  }

  private mutating func load(_ offset: UInt64) throws(PlatformError) {
    windowStart = offset
    window.removeAll()
    switch source {
    case .memory(let bytes):
      let end = min(bytes.count, Int(offset) + Self.windowBytes)
      let span = bytes.span
      window.replace { out in out.write(span.extracting(min(Int(offset), end)..<end)) }
    case .file(let file): try Files.read(file, from: Int64(offset), into: &window)
    }
  }

  /// - Throws: `.foreign` when it is another one's, and what ``JournalFormat/readHead(_:)`` throws.
  mutating func beginsWithSnapshot(_ identity: JournalIdentity) throws(PlatformError) -> Bool {
    let bytes = try piece(0, JournalFormat.headBytes)
    guard bytes.count == JournalFormat.headBytes else { throw PlatformError(.corrupted) }
    let head = try JournalFormat.readHead(bytes)
    guard head.identity == identity else { throw PlatformError(.foreign) }
    return head.beginsWithSnapshot
  }

  /// Whether the file was being created when the power failed: it is a part of an empty one's head.
  /// - Throws: when it is part of something else.
  mutating func isUnfinished(_ identity: JournalIdentity) throws(PlatformError) -> Bool {
    guard byteCount < UInt64(JournalFormat.headBytes) else { return false }
    let bytes = try piece(0, JournalFormat.headBytes)
    try JournalFormat.checkTag(bytes)
    let head = JournalFormat.head(of: identity, beginsWithSnapshot: false)
    for index in 0..<bytes.count where bytes[index] != head.storage[index] { throw PlatformError(.corrupted) }
    return true
  }

  /// How far a segment is good.
  struct Extent: Equatable {
    var goodBytes: UInt64
    /// Where the snapshot ends; 0 without one.
    var snapshotBytes: UInt64 = 0
    /// The chain value to append on.
    var chain: FixedBytes<16>
  }

  /// How far the last ``verify(_:_:)`` came, be it that it threw: entries that follow on each other, and where the last one ends.
  private(set) var entryCount: UInt64 = 0
  private(set) var verifiedBytes: UInt64 = 0

  /// Checks all of it and visits each entry.
  /// - Throws: `.corrupted` when a whole entry stands behind damage, or the snapshot has no end; and what the head throws.
  mutating func verify(
    _ identity: JournalIdentity, _ visit: (Span<UInt8>) throws(PlatformError) -> Void = { _ in }
  ) throws(PlatformError) -> Extent {
    let beginsWithSnapshot = try beginsWithSnapshot(identity)
    let head = JournalFormat.head(of: identity, beginsWithSnapshot: beginsWithSnapshot)
    var extent = Extent(
      goodBytes: UInt64(JournalFormat.headBytes), chain: JournalFormat.firstChain(head))
    var count: UInt64 = 0
    while true {
      (entryCount, verifiedBytes) = (count, extent.goodBytes)
      let bytes = try piece(extent.goodBytes, JournalFormat.maximumFrameBytes)
      guard let frame = JournalFormat.frame(bytes, following: extent.chain) else { break }
      let payload = JournalFormat.payload(frame, bytes)
      switch frame.kind {
      case .entry:
        count += 1
        try visit(payload)
      case .snapshotEnd:
        var reader = WireReader(payload)
        guard beginsWithSnapshot, extent.snapshotBytes == 0, (try? reader.read(UInt64.self)) == count else {
          throw PlatformError(.corrupted)
        }
        extent.snapshotBytes = extent.goodBytes + UInt64(frame.bytes)
      }
      extent.chain = frame.chain
      extent.goodBytes += UInt64(frame.bytes)
    }
    // It was whole and durable before it got this name.
    guard !beginsWithSnapshot || extent.snapshotBytes > 0 else { throw PlatformError(.corrupted) }
    if try hasEntryBehindDamage(extent) { throw PlatformError(.corrupted) }
    return extent
  }

  /// Nothing whole can stand behind a tail that a crash tore off. So damage with a whole entry behind it hit what had
  /// been synced: an honest answer is that the log is broken, not a shorter log.
  ///
  /// An entry behind the damage is known by the chain value it follows on. That is the one written in the damaged
  /// frame, unless the damage is there; then the one that frame ought to have; or else that of the frame before it.
  ///
  /// Story: two frames of which one follows on the other fit into a ciphertext, which is its meter's to choose. A board that lost power while
  /// such a record was written took them for entries behind damage, and did not open its journal. So the last way is for what stands
  /// behind all that the damaged head announces; nobody can make a payload that follows on the head's own value.
  private mutating func hasEntryBehindDamage(_ extent: Extent) throws(PlatformError) -> Bool {
    let two = 2 * JournalFormat.maximumFrameBytes
    let position = extent.goodBytes
    guard position + UInt64(JournalFormat.frameHeadBytes) <= byteCount else { return false }
    var written = FixedBytes<16>()
    var announcedEnd = position
    do {
      let bytes = try piece(position, two)
      guard bytes.count >= JournalFormat.frameHeadBytes else { return false }
      written = FixedBytes(copying: bytes.extracting(8..<24))
      announcedEnd += UInt64(JournalFormat.announced(bytes)?.bytes ?? 0)
      if let frame = JournalFormat.frame(bytes) {
        let computed = JournalFormat.link(extent.chain, frame.kind, JournalFormat.payload(frame, bytes))
        let rest = bytes.extracting(frame.bytes..<bytes.count)
        if JournalFormat.frame(rest, following: computed) != nil { return true }
      }
    }
    var start = position + 1
    while start + UInt64(JournalFormat.frameHeadBytes) <= byteCount {
      let bytes = try piece(start, two)
      if let frame = JournalFormat.frame(bytes) {
        if JournalFormat.frame(bytes, following: written) != nil { return true }
        let rest = bytes.extracting(frame.bytes..<bytes.count)
        if start >= announcedEnd, JournalFormat.frame(rest, following: frame.chain) != nil { return true }
      }
      start += 1
    }
    return false
  }
}

private func size(_ file: Int32) throws(PlatformError) -> UInt64 {
  let size = busbar_size(file)
  if size < 0 { throw platformError(Int32(truncatingIfNeeded: -size)) }
  return UInt64(size)
}
