import Cryptography
import HAL
import Wire

/// The bytes of a journal file, apart from any file. (docs/PROTOCOL.md, Journal)
enum JournalFormat {
  static let tag: StaticString = "BUSBARj2"
  /// Of version 1, whose votes and certificates are about periods decided once.
  static let olderTag: StaticString = "BUSBARjn"
  static let fileHeadBytes = 8
  /// length u32 | zero 4 | chain 16
  static let frameHeadBytes = 24

  /// The chain value of an entry: 16 bytes of a digest over the one before, and the entry.
  static func link(_ chain: FixedBytes<16>, _ entry: Span<UInt8>) -> FixedBytes<16> {
    let digest = entry.withUnsafeBufferPointer { entry in
      Blake2b.digest(domain: "BUSBARjl") { hash in
        hash.update(chain)
        hash.update(unsafe Span(_unsafeElements: entry))
      }
    }
    return FixedBytes(InlineArray { digest.storage[$0] })
  }

  /// Where the frame at `position` would end, by its own length; nil when no frame can stand there.
  static func frameEnd(_ bytes: Span<UInt8>, _ position: Int) -> Int? {
    var reader = WireReader(bytes.extracting(position..<bytes.count))
    guard let length = try? reader.read(UInt32.self), length > 0, length <= UInt32(FileJournal.maximumEntryBytes),
      (try? reader.readZeros(4)) != nil, reader.remaining >= 16 + Int(length)
    else { return nil }
    return position + frameHeadBytes + Int(length)
  }

  /// The chain value written in the frame at `position`, of which at least the head is there.
  static func chain(_ bytes: Span<UInt8>, _ position: Int) -> FixedBytes<16> {
    FixedBytes(InlineArray { bytes[position + 8 + $0] })
  }

  static func entry(_ position: Int, _ end: Int) -> Range<Int> { (position + frameHeadBytes)..<end }

  /// True when a whole frame stands at `position` and follows on `chain`.
  static func follows(_ bytes: Span<UInt8>, _ position: Int, _ chain: FixedBytes<16>) -> Bool {
    guard let end = frameEnd(bytes, position) else { return false }
    return link(chain, bytes.extracting(entry(position, end))) == Self.chain(bytes, position)
  }
}

/// What a journal file held when it was opened.
struct JournalContents {
  private let bytes: [UInt8]
  /// How much of the file is good; the rest is a torn tail. 0 when even the tag is not whole.
  let goodBytes: Int
  /// The chain value to append on.
  let chain: FixedBytes<16>

  var isEmpty: Bool { goodBytes <= JournalFormat.fileHeadBytes }

  /// - Throws: `.outdated` when the tag is version 1's, `.corrupted` when it is another one, or when a whole entry stands behind damage.
  init(_ bytes: [UInt8]) throws(PlatformError) {
    var position = 0
    var chain = FixedBytes<16>()
    let span = bytes.span
    let tag = JournalFormat.tag
    if span.count >= JournalFormat.fileHeadBytes {
      var isOlder = true
      for index in 0..<JournalFormat.fileHeadBytes where span[index] != JournalFormat.olderTag.utf8Start[index] {
        isOlder = false
      }
      if isOlder { throw PlatformError(.outdated) }
    }
    for index in 0..<min(span.count, JournalFormat.fileHeadBytes) where span[index] != tag.utf8Start[index] {
      throw PlatformError(.corrupted)
    }
    if span.count >= JournalFormat.fileHeadBytes {
      position = JournalFormat.fileHeadBytes
      while JournalFormat.follows(span, position, chain), let end = JournalFormat.frameEnd(span, position) {
        chain = JournalFormat.chain(span, position)
        position = end
      }
      if Self.hasEntryBehindDamage(span, position, chain) { throw PlatformError(.corrupted) }
    }
    self.bytes = bytes
    self.goodBytes = position
    self.chain = chain
  }

  /// Nothing whole can stand behind a tail that a crash tore off. So damage with a whole entry behind it hit what had
  /// been synced: an honest answer is that the log is broken, not a shorter log.
  ///
  /// An entry behind the damage is known by the chain value it follows on. That is the one written in the damaged
  /// frame, unless the damage is there; then the one that frame ought to have; or else that of the frame before it.
  private static func hasEntryBehindDamage(
    _ bytes: Span<UInt8>, _ position: Int, _ chain: FixedBytes<16>
  ) -> Bool {
    guard position + JournalFormat.frameHeadBytes <= bytes.count else { return false }
    if let end = JournalFormat.frameEnd(bytes, position) {
      let computed = JournalFormat.link(chain, bytes.extracting(JournalFormat.entry(position, end)))
      if JournalFormat.follows(bytes, end, computed) { return true }
    }
    let written = JournalFormat.chain(bytes, position)
    for start in (position + 1)..<bytes.count {
      guard let end = JournalFormat.frameEnd(bytes, start) else { continue }
      if JournalFormat.follows(bytes, start, written) { return true }
      if JournalFormat.follows(bytes, end, JournalFormat.chain(bytes, start)) { return true }
    }
    return false
  }

  /// Visits every good entry in order.
  func visit(_ visit: (Span<UInt8>) -> Void) {
    var position = JournalFormat.fileHeadBytes
    let span = bytes.span
    while position < goodBytes, let end = JournalFormat.frameEnd(span, position) {
      visit(span.extracting(JournalFormat.entry(position, end)))
      position = end
    }
  }
}
