import BigInteger
import Wire

/// A private key in the ``Hardened`` profile.
public typealias PrivateKey = ProfiledPrivateKey<Hardened>
/// The same, sooner, where nobody hostile can time this machine or share its caches.
public typealias FastPrivateKey = ProfiledPrivateKey<Fast>

/// A Paillier private key: the primes, and what decryption by halves needs. (Paillier 1999, §7)
///
/// After `init`, nothing allocates. The memory that operations work in is wiped after each.
public struct ProfiledPrivateKey<Profile: ArithmeticProfile>: ~Copyable {
  public let publicKey: PublicKey
  private let p: Integer
  private let q: Integer
  private let decryptor: Decryptor<Profile>

  /// Two primes of the same length, both 3 mod 4, with (p − 1, q − 1) sharing only 2. (DJN 2010, §4.1)
  public init(
    p: borrowing Integer, q: borrowing Integer, layout: SlotLayout, allowingSmallForTests: Bool = false
  ) throws(PaillierError) {
    try PrimePair.check(p, q, allowingSmallForTests: allowingSmallForTests)
    try self.init(checked: p, q, layout: layout, allowingSmallForTests: allowingSmallForTests)
  }

  /// A key another implementation made, whose primes need not be 3 mod 4. It decrypts and proves; encrypt for it in the
  /// plain form, since the short form's argument wants such primes.
  public init(
    foreignP p: Span<UInt8>, q: Span<UInt8>, layout: SlotLayout
  ) throws(PaillierError) {
    let p = Integer(bigEndian: p)
    let q = Integer(bigEndian: q)
    try PrimePair.checkForeign(p, q)
    try self.init(checked: p, q, layout: layout, allowingSmallForTests: false)
  }

  private init(
    checked p: borrowing Integer, _ q: borrowing Integer, layout: SlotLayout, allowingSmallForTests: Bool
  ) throws(PaillierError) {
    let one = Integer(1)
    let key = try PublicKey(
      p.times(q), layout: layout, alpha: nil, allowingSmallForTests: allowingSmallForTests)
    publicKey = key
    self.p = p.copy()
    self.q = q.copy()
    decryptor = Decryptor(
      key, DecryptionHalves(p: p, q: q, exponentP: p.minus(one), exponentQ: q.minus(one)), refusal: .faultDetected)
  }

  /// A fresh key. Cost: seconds on a small board.
  public init(
    generatingBits bits: Int, layout: SlotLayout, using generator: inout some RandomNumberGenerator,
    allowingSmallForTests: Bool = false
  ) throws(PaillierError) {
    guard bits >= PublicKey.minimumBits || allowingSmallForTests, bits >= 16, bits % 16 == 0 else {
      throw .modulusTooSmall(bits: bits)
    }
    guard bits <= PublicKey.maximumBits else { throw .modulusTooLarge(bits: bits) }
    while true {
      let p = PrimePair.prime(bits: bits / 2, using: &generator)
      let q = PrimePair.prime(bits: bits / 2, using: &generator)
      if PrimePair.isUsable(p, q, allowingSmallForTests: allowingSmallForTests) {
        try self.init(p: p, q: q, layout: layout, allowingSmallForTests: allowingSmallForTests)
        return
      }
    }
  }

  /// Appends the plaintext m in [0, n), big-endian in `publicKey.modulusBytes` bytes. Cost: half a decryption with proof.
  /// - Throws: ``PaillierError/faultDetected`` when the machine computed wrongly; nothing is written then.
  public func decrypt(
    _ ciphertext: Span<UInt8>, into plaintext: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    try decryptor.decrypt(ciphertext, under: publicKey, into: &plaintext)
  }

  /// Decrypts S and finds the R that proves it: R = c^(n⁻¹ mod λ) mod n, as (1 + S·n) is 1 modulo n. Appends both,
  /// big-endian in `publicKey.modulusBytes` bytes each.
  ///
  /// Releases nothing before the public equation held, so a fault in the machine cannot leak a prime.
  public func prove(
    _ ciphertext: Span<UInt8>, sum: inout OutputSpan<UInt8>, root: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    try decryptor.prove(ciphertext, under: publicKey, sum: &sum, root: &root)
  }

  /// Appends an n-th root modulo n of a value of as many limbs as a ciphertext; see ``proveModulus()``.
  func takeRoot(of value: borrowing Limbs, into output: inout OutputSpan<UInt8>) {
    decryptor.takeRoot(of: value, under: publicKey, into: &output)
  }

  /// Appends p and q, big-endian in half of `publicKey.modulusBytes` bytes each.
  public func writePrimes(p first: inout OutputSpan<UInt8>, q second: inout OutputSpan<UInt8>) {
    p.write(bigEndianBytes: PrimePair.bytes(p), into: &first)
    q.write(bigEndianBytes: PrimePair.bytes(p), into: &second)
  }

  // MARK: Key file

  /// Bytes of ``encode(into:)``.
  public var encodedBytes: Int { 8 + 2 + 2 + publicKey.layout.quantities.count + 2 * PrimePair.bytes(p) }

  /// Layout in docs/PROTOCOL.md, "Paillier key file".
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.writeTag("BUSBARsk")
    PrimePair.write(p, q, layout: publicKey.layout, into: &output)
  }

  /// The same key for plaintexts of another layout, as a key file.
  public func encoded(for layout: SlotLayout) -> [UInt8] {
    let bytes = 8 + 2 + 2 + layout.quantities.count + 2 * PrimePair.bytes(p)
    return [UInt8](capacity: bytes) { out in
      out.writeTag("BUSBARsk")
      PrimePair.write(p, q, layout: layout, into: &out)
    }
  }

  /// Reads a key file as ``encoded(for:)`` writes it.
  /// - Throws: ``PaillierError/malformedKeyFile`` for bytes that are none, and what the primes are refused for.
  public init(decoding bytes: Span<UInt8>, allowingSmallForTests: Bool = false) throws(PaillierError) {
    let file: PrimePair.File
    do { file = try PrimePair.File(bytes, tag: "BUSBARsk", numbers: 2) } catch { throw .malformedKeyFile }
    let p = Integer(bigEndian: bytes.extracting(file.number(0)))
    let q = Integer(bigEndian: bytes.extracting(file.number(1)))
    // Primes that begin with zero bits would be a second encoding, and one that does not fit when it is written again.
    guard p.bitWidth == 8 * file.number(0).count, q.bitWidth == p.bitWidth else { throw .malformedKeyFile }
    try self.init(p: p, q: q, layout: SlotLayout(file.quantities), allowingSmallForTests: allowingSmallForTests)
  }
}
