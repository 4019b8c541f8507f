/// Exactly `count` bytes: digests, keys, signatures, bitmaps.
public struct FixedBytes<let count: Int>: Hashable, Sendable, CustomStringConvertible {
  public var storage: InlineArray<count, UInt8>

  /// `count` zero bytes.
  @inlinable
  public init() { storage = InlineArray(repeating: 0) }
  /// Takes the bytes as they are.
  @inlinable
  public init(_ storage: InlineArray<count, UInt8>) { self.storage = storage }

  /// - Precondition: `bytes` has exactly `count` bytes.
  @inlinable
  public init(copying bytes: Span<UInt8>) {
    precondition(bytes.count == count)
    storage = InlineArray { bytes[$0] }
  }

  /// Exactly what `fill` writes, without a detour over the heap.
  /// - Precondition: it writes `count` bytes.
  @inlinable
  public init(writing fill: (inout OutputSpan<UInt8>) -> Void) {
    self.init()
    withUnsafeMutableBytes(of: &storage) { bytes in
      let buffer = bytes.bindMemory(to: UInt8.self)
      // These bytes are ours until the call ends, and nothing in them needs to be destroyed.
      var out = unsafe OutputSpan(buffer: buffer, initializedCount: 0)
      fill(&out)
      let written = unsafe out.finalize(for: buffer)
      precondition(written == count)
    }
  }

  // Without the address of `self`, an optimised build takes the span of a copy that is gone when this returns.
  @inlinable
  public var span: Span<UInt8> {
    @_addressableSelf @_lifetime(borrow self) borrowing get { storage.span }
  }

  @inlinable
  public var isZero: Bool {
    var all: UInt8 = 0
    for index in 0..<count { all |= storage[index] }
    return all == 0
  }

  @inlinable
  public static func == (left: Self, right: Self) -> Bool {
    var difference: UInt8 = 0
    for index in 0..<count { difference |= left.storage[index] ^ right.storage[index] }
    return difference == 0
  }

  @inlinable
  public func hash(into hasher: inout Hasher) {
    for index in 0..<count { hasher.combine(storage[index]) }
  }

  /// Lower-case hexadecimal.
  public var description: String { Hexadecimal.string(span) }
}

/// A BLAKE2b-256 digest.
public typealias Digest = FixedBytes<32>
/// An Ed25519 signature. (RFC 8032)
public typealias Signature = FixedBytes<64>

/// Reads and writes bytes as hexadecimal digits.
public enum Hexadecimal {
  /// Two lower-case digits for each byte, without a prefix or spaces.
  public static func string(_ bytes: Span<UInt8>) -> String {
    let digits: InlineArray<16, UInt8> = [
      0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66,
    ]
    return String(unsafeUninitializedCapacity: 2 * bytes.count) { out in
      for index in 0..<bytes.count {
        out[2 * index] = digits[Int(bytes[index] >> 4)]
        out[2 * index + 1] = digits[Int(bytes[index] & 15)]
      }
      return 2 * bytes.count
    }
  }

  /// The bytes of `text`, or nil unless it is an even number of hexadecimal digits.
  public static func bytes(_ text: String) -> [UInt8]? {
    var result: [UInt8] = []
    var high: UInt8?
    for character in text.utf8 {
      let digit: UInt8
      switch character {
      case 0x30...0x39: digit = character - 0x30
      case 0x61...0x66: digit = character - 0x61 + 10
      case 0x41...0x46: digit = character - 0x41 + 10
      default: return nil
      }
      if let first = high {
        result.append(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    return high == nil ? result : nil
  }
}
