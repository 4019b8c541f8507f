import Cryptography
import HAL
import Wire

/// The bytes of a journal file, apart from any file. (docs/PROTOCOL.md, Journal)
enum JournalFormat {
  static let tag: StaticString = "BUSBARj3"
  static let headBytes = 64
  /// Of the head, what its check is over.
  private static let checkedBytes = 48
  /// length u32 | kind u8 | zero 3 | chain 16
  static let frameHeadBytes = 24
  static let maximumEntryBytes = 65536
  static let maximumFrameBytes = frameHeadBytes + maximumEntryBytes

  enum FrameKind: UInt8 {
    case entry = 0
    /// Ends the snapshot that the file begins with. Its payload is the number of entries before it.
    case snapshotEnd = 1
  }
  static let markBytes = 8

  /// The chain value of a frame: 16 bytes of a digest over the one before, and the payload.
  static func link(_ chain: FixedBytes<16>, _ kind: FrameKind, _ payload: Span<UInt8>) -> FixedBytes<16> {
    let digest = payload.withUnsafeBufferPointer { payload in
      Blake2b.digest(domain: kind == .entry ? "BUSBARjl" : "BUSBARjs") { hash in
        hash.update(chain)
        hash.update(unsafe Span(_unsafeElements: payload))
      }
    }
    return FixedBytes(InlineArray { digest.storage[$0] })
  }

  static func writeFrame(
    _ kind: FrameKind, _ payload: Span<UInt8>, chain: FixedBytes<16>, into output: inout OutputSpan<UInt8>
  ) {
    output.write(UInt32(payload.count))
    output.write(kind.rawValue)
    output.writeZeros(3)
    output.write(chain)
    output.write(payload)
  }

  // MARK: Head

  /// The head of a file; its last 16 bytes are what the first frame follows on.
  static func head(of identity: JournalIdentity, beginsWithSnapshot: Bool) -> FixedBytes<64> {
    let checked = FixedBytes<48> { out in
      out.writeTag(tag)
      out.write(identity.networkIdentifier)
      out.write(identity.node)
      out.write(UInt8(beginsWithSnapshot ? 1 : 0))
      out.writeZeros(3)
    }
    return FixedBytes { out in
      out.write(checked)
      out.write(check(of: checked.span))
    }
  }

  private static func check(of head: Span<UInt8>) -> FixedBytes<16> { link(FixedBytes(), .entry, head) }

  static func firstChain(_ head: FixedBytes<64>) -> FixedBytes<16> {
    FixedBytes(InlineArray { head.storage[checkedBytes + $0] })
  }

  /// Whose file it is, and whether it begins with a snapshot.
  /// - Parameter bytes: at least the head.
  /// - Throws: `.outdated` and `.newer` by the tag's version, `.corrupted` when it is no head.
  static func readHead(
    _ bytes: Span<UInt8>
  ) throws(PlatformError) -> (identity: JournalIdentity, beginsWithSnapshot: Bool) {
    try checkTag(bytes)
    var reader = WireReader(bytes.extracting(tag.utf8CodeUnitCount..<headBytes))
    guard let network = try? reader.read(Digest.self), let node = try? reader.read(UInt32.self),
      let flag = try? reader.read(UInt8.self), flag <= 1, (try? reader.readZeros(3)) != nil,
      let written = try? reader.read(FixedBytes<16>.self),
      written == check(of: bytes.extracting(0..<checkedBytes))
    else { throw PlatformError(.corrupted) }
    return (JournalIdentity(networkIdentifier: network, node: node), flag == 1)
  }

  /// - Parameter bytes: at least as many as the tag has, or all there are.
  static func checkTag(_ bytes: Span<UInt8>) throws(PlatformError) {
    let last = tag.utf8CodeUnitCount - 1
    for index in 0..<min(bytes.count, last) where bytes[index] != tag.utf8Start[index] {
      throw PlatformError(.corrupted)
    }
    guard bytes.count > last, bytes[last] != tag.utf8Start[last] else { return }
    // Of version 1 periods were decided once; version 2 said nothing of whose it is, and had no snapshots.
    switch bytes[last] {
    case UInt8(ascii: "n"), UInt8(ascii: "2"): throw PlatformError(.outdated)
    case UInt8(ascii: "4")...UInt8(ascii: "9"): throw PlatformError(.newer)
    default: throw PlatformError(.corrupted)
    }
  }

  // MARK: Frames

  /// A frame as its head tells of it.
  struct Frame {
    let kind: FrameKind
    let payloadBytes: Int
    let chain: FixedBytes<16>
    var bytes: Int { frameHeadBytes + payloadBytes }
  }

  /// The frame whose head these bytes begin with, be it there whole or not; nil when that is no frame's head.
  static func announced(_ bytes: Span<UInt8>) -> Frame? {
    var reader = WireReader(bytes)
    guard let length = try? reader.read(UInt32.self), length > 0, length <= UInt32(maximumEntryBytes),
      let code = try? reader.read(UInt8.self), let kind = FrameKind(rawValue: code),
      kind == .entry || length == UInt32(markBytes),
      (try? reader.readZeros(3)) != nil, let chain = try? reader.read(FixedBytes<16>.self)
    else { return nil }
    return Frame(kind: kind, payloadBytes: Int(length), chain: chain)
  }

  /// The frame that these bytes begin with, by its own length; nil when no frame can stand there.
  static func frame(_ bytes: Span<UInt8>) -> Frame? {
    guard let frame = announced(bytes), bytes.count >= frame.bytes else { return nil }
    return frame
  }

  /// The frame that these bytes begin with, if it follows on `chain`.
  static func frame(_ bytes: Span<UInt8>, following chain: FixedBytes<16>) -> Frame? {
    guard let frame = frame(bytes), link(chain, frame.kind, payload(frame, bytes)) == frame.chain else { return nil }
    return frame
  }

  @_lifetime(copy bytes)
  static func payload(_ frame: Frame, _ bytes: Span<UInt8>) -> Span<UInt8> {
    bytes.extracting(frameHeadBytes..<frame.bytes)
  }
}
