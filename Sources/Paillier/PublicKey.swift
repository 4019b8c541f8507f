import BigInteger
import Cryptography
import Wire

/// A Paillier public key with g = n + 1, and the layout of its plaintexts. (Paillier 1999, §4, Scheme 1)
public final class PublicKey {
  public static let minimumBits = 2048

  package let n: Integer
  package let nSquared: Integer
  public let layout: SlotLayout
  /// Bytes of n; S and R take as many.
  public let modulusBytes: Int
  /// Bytes of a ciphertext, big-endian.
  public let ciphertextBytes: Int
  /// First 16 bytes of a digest of (n, layout): what records and headers name the key by.
  public let keyIdentifier: FixedBytes<16>

  /// - Parameter n: big-endian, without leading zero bytes.
  public init(
    n bytes: Span<UInt8>, layout: SlotLayout, allowingSmallForTests: Bool = false
  ) throws(PaillierError) {
    let n = Integer(bigEndian: bytes)
    guard n.isOdd else { throw .modulusEven }
    guard n.bitWidth >= Self.minimumBits || allowingSmallForTests else { throw .modulusTooSmall(bits: n.bitWidth) }
    guard n.bitWidth - 2 >= layout.quantities.count * SlotLayout.slotBits else {
      throw .layoutDoesNotFit(slots: layout.quantities.count)
    }
    let modulusBytes = (n.bitWidth + 7) / 8
    var canonical = ByteBuffer(capacity: modulusBytes)
    canonical.replace { out in n.write(bigEndianBytes: modulusBytes, into: &out) }
    let digest = Blake2b.digest(domain: "BUSBARky") { hash in
      hash.update(canonical.span)
      hash.update(UInt16(layout.quantities.count))
      for quantity in layout.quantities { hash.update(quantity.rawValue) }
    }
    keyIdentifier = FixedBytes(copying: digest.span.extracting(0..<16))
    self.modulusBytes = modulusBytes
    ciphertextBytes = 2 * modulusBytes
    nSquared = n.times(n)
    self.n = n
    self.layout = layout
  }

  public func writeModulus(into output: inout OutputSpan<UInt8>) {
    n.write(bigEndianBytes: modulusBytes, into: &output)
  }

  /// Refuses what is no unit modulo n²: such a ciphertext would spoil every product it enters. Cost: one gcd.
  public func validate(_ ciphertext: Span<UInt8>) throws(PaillierError) {
    _ = try decode(ciphertext)
  }

  func decode(_ ciphertext: Span<UInt8>) throws(PaillierError) -> Integer {
    guard ciphertext.count == ciphertextBytes else { throw .ciphertextWrongLength(bytes: ciphertext.count) }
    let c = Integer(bigEndian: ciphertext)
    guard c.sign > 0 else { throw .ciphertextZero }
    guard c.compared(to: nSquared) < 0 else { throw .ciphertextTooLarge }
    guard c.greatestCommonDivisor(n).equals(1) else { throw .ciphertextNotCoprime }
    return c
  }

  /// The only ciphertext that decrypts to S with root R: (1 + S·n)·R^n mod n². (DESIGN §2.3)
  func ciphertext(sum: Span<UInt8>, root: Span<UInt8>) throws(PaillierError) -> Integer {
    guard sum.count == modulusBytes, root.count == modulusBytes else { throw .ciphertextWrongLength(bytes: sum.count) }
    let s = Integer(bigEndian: sum)
    let r = Integer(bigEndian: root)
    guard s.compared(to: n) < 0 else { throw .sumOutOfRange }
    guard r.sign > 0, r.compared(to: n) < 0 else { throw .rootOutOfRange }
    guard r.greatestCommonDivisor(n).equals(1) else { throw .rootNotCoprime }
    let message = s.times(n).plus(Integer(1))
    return message.times(r.power(publicExponent: n, modulo: nSquared)).modulo(nSquared)
  }

  /// Accepts (S, R) as the decryption of `ciphertext` by the single public equation. Cost: one n-bit power.
  public func verify(ciphertext: Span<UInt8>, sum: Span<UInt8>, root: Span<UInt8>) throws(PaillierError) {
    let c = try decode(ciphertext)
    guard try self.ciphertext(sum: sum, root: root).compared(to: c) == 0 else { throw .proofDoesNotHold }
  }

  /// Appends the ciphertext that (S, R) open, so that a verifier who holds only its digest can compare.
  public func writeCiphertext(
    sum: Span<UInt8>, root: Span<UInt8>, into output: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    let c = try ciphertext(sum: sum, root: root)
    c.write(bigEndianBytes: ciphertextBytes, into: &output)
  }

  /// The slots of a verified sum.
  public func unpack(sum: Span<UInt8>, contributors: Int) throws(PaillierError) -> [Int64] {
    try layout.unpack(Integer(bigEndian: sum), n: n, contributors: contributors)
  }
}
