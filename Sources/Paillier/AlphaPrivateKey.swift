import BigInteger
import Wire

/// An alpha key in the ``Hardened`` profile.
public typealias AlphaPrivateKey = ProfiledAlphaPrivateKey<Hardened>
/// The same, sooner, where nobody hostile can time this machine or share its caches.
public typealias FastAlphaPrivateKey = ProfiledAlphaPrivateKey<Fast>

/// A private key whose randomizers come from a small hidden subgroup, so that decryption takes a short exponent.
/// (Ma, Han & Lei, "Optimized Paillier's cryptosystem with fast encryption and decryption", ACSAC 2021)
///
/// P − 1 and Q − 1 have prime factors α_P, α_Q of 224 bits each (256 from 3072 bits on); h = −y^(2β) mod n has order
/// 2·α_P modulo P. Encryptors must use this h, which the public key carries; c^(2·α_P) mod P² is then 1 + L·P, and a
/// ciphertext made otherwise, such as with rⁿ, is refused since its first digit is not 1. Finding α costs √α_P steps
/// (Coron et al., PKC 2011), hence its length. (`docs/CRYPTOGRAPHY.md`, "Alpha keys")
public struct ProfiledAlphaPrivateKey<Profile: ArithmeticProfile>: ~Copyable {
  public let publicKey: PublicKey
  private let p: Integer
  private let q: Integer
  private let alphaP: Integer
  private let alphaQ: Integer
  private let decryptor: Decryptor<Profile>

  /// Bits of α = α_P·α_Q, and of the exponents of encryption.
  public static func alphaBits(modulusBits: Int) -> Int { modulusBits < 3072 ? 448 : 512 }

  /// Puts a key together from its parts, of which it keeps copies.
  /// - Throws: ``PaillierError`` for primes that are too short or unfit, and ``PaillierError/wrongKey`` when α_P or α_Q
  ///   does not divide P − 1 or Q − 1, has another length, or h does not generate the subgroup.
  public init(
    p: borrowing Integer, q: borrowing Integer, alphaP: borrowing Integer, alphaQ: borrowing Integer,
    h: borrowing Integer, layout: SlotLayout, allowingSmallForTests: Bool = false
  ) throws(PaillierError) {
    try PrimePair.check(p, q, allowingSmallForTests: allowingSmallForTests)
    let n = p.times(q)
    let bits = Self.alphaBits(modulusBits: n.bitWidth)
    guard Self.divides(alphaP, p, bits: bits / 2), Self.divides(alphaQ, q, bits: bits / 2),
      Self.generates(h, alphaP, p), Self.generates(h, alphaQ, q), h.compared(to: n) < 0
    else { throw .wrongKey }
    let key = try PublicKey(
      n.copy(), layout: layout, alpha: PublicKey.AlphaBase(h: h, exponentBits: bits),
      allowingSmallForTests: allowingSmallForTests)
    publicKey = key
    self.p = p.copy()
    self.q = q.copy()
    self.alphaP = alphaP.copy()
    self.alphaQ = alphaQ.copy()
    let halves = DecryptionHalves<Profile>(
      p: p, q: q, exponentP: alphaP.shiftedLeft(1), exponentQ: alphaQ.shiftedLeft(1))
    decryptor = Decryptor(key, halves, refusal: .notOfAlphaSubgroup)
  }

  /// Whether alpha is a prime factor of prime − 1 of that many bits.
  private static func divides(_ alpha: borrowing Integer, _ prime: borrowing Integer, bits: Int) -> Bool {
    alpha.bitWidth == bits && prime.minus(Integer(1)).modulo(alpha).sign == 0 && alpha.isProbablyPrime
  }

  /// Whether h^alpha is −1 modulo the prime and h itself is not: its order is then 2·alpha.
  private static func generates(_ h: borrowing Integer, _ alpha: borrowing Integer, _ prime: borrowing Integer) -> Bool
  {
    let minusOne = prime.minus(Integer(1))
    let residue = h.modulo(prime)
    return residue.sign > 0 && residue.compared(to: minusOne) != 0
      && residue.power(secretExponent: alpha, modulo: prime).compared(to: minusOne) == 0
  }

  /// A fresh key. Cost: seconds on a small board.
  public init(
    generatingBits bits: Int, layout: SlotLayout, using generator: inout some RandomNumberGenerator,
    allowingSmallForTests: Bool = false
  ) throws(PaillierError) {
    // A prime half must have room for α and a cofactor that cannot be guessed.
    guard bits >= PublicKey.minimumBits || (allowingSmallForTests && bits >= 512), bits % 16 == 0 else {
      throw .modulusTooSmall(bits: bits)
    }
    guard bits <= PublicKey.maximumBits else { throw .modulusTooLarge(bits: bits) }
    let alphaBits = Self.alphaBits(modulusBits: bits)
    while true {
      let alphaP = PrimePair.prime(bits: alphaBits / 2, using: &generator)
      let alphaQ = PrimePair.prime(bits: alphaBits / 2, using: &generator)
      let p = Self.prime(bits: bits / 2, factor: alphaP, using: &generator)
      let q = Self.prime(bits: bits / 2, factor: alphaQ, using: &generator)
      guard PrimePair.isUsable(p, q, allowingSmallForTests: allowingSmallForTests) else { continue }
      let n = p.times(q)
      let order = p.minus(Integer(1)).times(q.minus(Integer(1)))
      // 2β = (P − 1)(Q − 1)/(2α)
      let exponent = order.dividedExactly(by: alphaP.times(alphaQ).shiftedLeft(1))
      let y = Integer.random(bits: bits, using: &generator).modulo(n)
      guard y.greatestCommonDivisor(n).equals(1) else { continue }
      let h = n.minus(y.power(secretExponent: exponent, modulo: n))
      guard Self.generates(h, alphaP, p), Self.generates(h, alphaQ, q) else { continue }
      try self.init(
        p: p, q: q, alphaP: alphaP, alphaQ: alphaQ, h: h, layout: layout,
        allowingSmallForTests: allowingSmallForTests)
      return
    }
  }

  /// A prime 2·factor·t + 1 of exactly `bits` bits with its two top bits set, t odd and random.
  private static func prime(
    bits: Int, factor: borrowing Integer, using generator: inout some RandomNumberGenerator
  ) -> Integer {
    let top = Integer(3).shiftedLeft(bits - 2)
    let twice = factor.shiftedLeft(1)
    while true {
      let start = top.plus(Integer.random(bits: bits - 2, using: &generator))
      // Down to a multiple of 4·factor, then up by half of that: t is odd, so the prime is 3 modulo 4.
      let rest = start.modulo(twice.shiftedLeft(1))
      let candidate = start.minus(rest).plus(twice).plus(Integer(1))
      guard candidate.bitWidth == bits, candidate.bit(bits - 2), candidate.isProbablyPrime else { continue }
      return candidate
    }
  }

  /// Like ``ProfiledPrivateKey/decrypt(_:into:)``.
  /// - Throws: ``PaillierError/notOfAlphaSubgroup`` for a ciphertext this key cannot open, and for a fault.
  public func decrypt(
    _ ciphertext: Span<UInt8>, into plaintext: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    try decryptor.decrypt(ciphertext, under: publicKey, into: &plaintext)
  }

  /// Like ``ProfiledPrivateKey/prove(_:sum:root:)``; the proof is the same and is checked with n alone.
  public func prove(
    _ ciphertext: Span<UInt8>, sum: inout OutputSpan<UInt8>, root: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    try decryptor.prove(ciphertext, under: publicKey, sum: &sum, root: &root)
  }

  /// Appends h, big-endian in `publicKey.modulusBytes` bytes.
  public func writeBase(into output: inout OutputSpan<UInt8>) { publicKey.writeAlphaBase(into: &output) }

  // MARK: Key file

  /// Bytes of ``encode(into:)``.
  public var encodedBytes: Int { 8 + 2 + 2 + publicKey.layout.quantities.count + 6 * PrimePair.bytes(p) }

  /// Layout in docs/PROTOCOL.md, "Alpha key file".
  public func encode(into output: inout OutputSpan<UInt8>) {
    let size = PrimePair.bytes(p)
    output.writeTag("BUSBARak")
    PrimePair.write(p, q, layout: publicKey.layout, into: &output)
    alphaP.write(bigEndianBytes: size, into: &output)
    alphaQ.write(bigEndianBytes: size, into: &output)
    if let base = publicKey.alphaBase { base.h.write(bigEndianBytes: 2 * size, into: &output) }
  }

  /// Reads a key file as ``encode(into:)`` writes it.
  /// - Throws: ``PaillierError/malformedKeyFile`` for bytes that are none, and what the parts are refused for.
  public init(decoding bytes: Span<UInt8>, allowingSmallForTests: Bool = false) throws(PaillierError) {
    let file: PrimePair.File
    do { file = try PrimePair.File(bytes, tag: "BUSBARak", numbers: 6) } catch { throw .malformedKeyFile }
    let h = Integer(bigEndian: bytes.extracting(file.number(4).lowerBound..<file.number(5).upperBound))
    let p = Integer(bigEndian: bytes.extracting(file.number(0)))
    let q = Integer(bigEndian: bytes.extracting(file.number(1)))
    // Primes that begin with zero bits would be a second encoding, and one that does not fit when it is written again.
    guard p.bitWidth == 8 * file.number(0).count, q.bitWidth == p.bitWidth else { throw .malformedKeyFile }
    try self.init(
      p: p, q: q, alphaP: Integer(bigEndian: bytes.extracting(file.number(2))),
      alphaQ: Integer(bigEndian: bytes.extracting(file.number(3))), h: h, layout: SlotLayout(file.quantities),
      allowingSmallForTests: allowingSmallForTests)
  }
}
