import BigInteger
import Cryptography
import Units
import Wire

/// A Paillier public key with g = n + 1, and the layout of its plaintexts. (Paillier 1999, §4, Scheme 1)
///
/// It owns the memory its checks work in, so one key serves one thread at a time; after `init`, nothing allocates.
public final class PublicKey {
  public static let minimumBits = 2048

  package let n: Integer
  package let nSquared: Integer
  package let pairs: PairModulus
  public let layout: SlotLayout
  /// Bytes of n; S and R take as many.
  public let modulusBytes: Int
  /// Bytes of a ciphertext, big-endian.
  public let ciphertextBytes: Int
  /// First 16 bytes of a digest of (n, layout): what records and headers name the key by.
  public let keyIdentifier: FixedBytes<16>
  /// What encryptors must use when the private key is an alpha key.
  package let alphaBase: AlphaBase?
  let workspace: Workspace

  /// The one base an alpha key can decrypt, and how long its exponents are. (Ma, Han & Lei 2021)
  package final class AlphaBase {
    package let h: Integer
    package let exponentBits: Int

    package init(h: borrowing Integer, exponentBits: Int) {
      self.h = h.copy()
      self.exponentBits = exponentBits
    }
  }

  struct Workspace: ~Copyable {
    let ciphertext: Limbs
    let sum: Limbs
    let root: Limbs
    let pair: Limbs
    let power: Limbs
    let value: Limbs
    let temporary: Limbs
    let table: Limbs
    let scratch: PairScratch

    init(_ pairs: PairModulus) {
      let k = pairs.count
      ciphertext = Limbs(count: 2 * k)
      sum = Limbs(count: k)
      root = Limbs(count: k)
      pair = Limbs(count: 2 * k)
      power = Limbs(count: 2 * k)
      value = Limbs(count: 2 * k)
      temporary = Limbs(count: 4 * k)
      table = Limbs(count: pairs.windowTableCount)
      scratch = pairs.makeScratch()
    }

    /// Forgets what an encryption left.
    func wipe() {
      root.wipe()
      pair.wipe()
      power.wipe()
      temporary.wipe()
      table.wipe()
      scratch.wipe()
    }
  }

  /// - Parameter n: big-endian, without leading zero bytes.
  public convenience init(
    n bytes: Span<UInt8>, layout: SlotLayout, allowingSmallForTests: Bool = false
  ) throws(PaillierError) {
    try self.init(Integer(bigEndian: bytes), layout: layout, alpha: nil, allowingSmallForTests: allowingSmallForTests)
  }

  /// The public half of an alpha key: n and the base h its encryptors must use, both big-endian.
  ///
  /// What h is worth rests on who made the key: only they can know its order.
  public convenience init(
    n bytes: Span<UInt8>, alphaBase h: Span<UInt8>, layout: SlotLayout, allowingSmallForTests: Bool = false
  ) throws(PaillierError) {
    let n = Integer(bigEndian: bytes)
    let base = Integer(bigEndian: h)
    let one = Integer(1)
    guard n.sign > 0, base.compared(to: one) > 0, base.plus(one).compared(to: n) < 0,
      base.greatestCommonDivisor(n).equals(1)
    else { throw .baseOutOfRange }
    let exponentBits = AlphaPrivateKey.alphaBits(modulusBits: n.bitWidth)
    try self.init(
      n, layout: layout, alpha: AlphaBase(h: base, exponentBits: exponentBits),
      allowingSmallForTests: allowingSmallForTests)
  }

  package init(
    _ n: consuming Integer, layout: SlotLayout, alpha: AlphaBase?, allowingSmallForTests: Bool
  ) throws(PaillierError) {
    guard n.isOdd else { throw .modulusEven }
    let bits = n.bitWidth
    guard bits >= Self.minimumBits || allowingSmallForTests else { throw .modulusTooSmall(bits: bits) }
    guard bits <= Self.maximumBits else { throw .modulusTooLarge(bits: bits) }
    guard bits - 2 >= layout.quantities.count * SlotLayout.slotBits else {
      throw .layoutDoesNotFit(slots: layout.quantities.count)
    }
    guard let pairs = PairModulus(n) else { throw .modulusTooSmall(bits: bits) }
    let modulusBytes = (bits + 7) / 8
    var canonical = ByteBuffer(capacity: modulusBytes)
    canonical.replace { out in pairs.modulus.write(bigEndianBytes: modulusBytes, into: &out) }
    keyIdentifier = Self.identifier(canonical.span, layout, alpha)
    self.modulusBytes = modulusBytes
    ciphertextBytes = 2 * modulusBytes
    nSquared = n.times(n)
    self.n = n
    self.pairs = pairs
    self.layout = layout
    alphaBase = alpha
    workspace = Workspace(pairs)
  }

  /// Nothing signed is longer; a key file that says so is broken.
  public static let maximumBits = 16384

  private static func identifier(_ n: Span<UInt8>, _ layout: SlotLayout, _ alpha: AlphaBase?) -> FixedBytes<16> {
    let domain: StaticString = alpha == nil ? "BUSBARky" : "BUSBARka"
    var base = ByteBuffer(capacity: n.count)
    if let alpha { base.replace { out in alpha.h.write(bigEndianBytes: n.count, into: &out) } }
    let digest = Blake2b.digest(domain: domain) { hash in
      hash.update(n)
      hash.update(UInt16(layout.quantities.count))
      for quantity in layout.quantities { hash.update(quantity.slotCode) }
      hash.update(base.span)
    }
    return FixedBytes(copying: digest.span.extracting(0..<16))
  }

  /// Appends n, big-endian, ``modulusBytes`` long.
  public func writeModulus(into output: inout OutputSpan<UInt8>) {
    pairs.modulus.write(bigEndianBytes: modulusBytes, into: &output)
  }

  /// Appends the base of an alpha key; nothing for another key.
  public func writeAlphaBase(into output: inout OutputSpan<UInt8>) {
    if let alphaBase { alphaBase.h.write(bigEndianBytes: modulusBytes, into: &output) }
  }

  /// Refuses what is no unit modulo n²: such a ciphertext would spoil every product it enters. Cost: one gcd.
  public func validate(_ ciphertext: Span<UInt8>) throws(PaillierError) {
    try decode(ciphertext, into: workspace.ciphertext)
  }

  /// Everything ``validate(_:)`` looks at but the gcd, which ``CiphertextProduct/checkCoprime()`` makes up for many at once.
  /// What passes may be multiplied, and does not count before that check.
  public func validateRange(_ ciphertext: Span<UInt8>) throws(PaillierError) {
    try decodeRange(ciphertext, into: workspace.ciphertext)
  }

  func decode(_ ciphertext: Span<UInt8>, into limbs: borrowing Limbs) throws(PaillierError) {
    try decodeRange(ciphertext, into: limbs)
    guard pairs.isUnit(limbs, temporary: workspace.temporary) else { throw .ciphertextNotCoprime }
  }

  private func decodeRange(_ ciphertext: Span<UInt8>, into limbs: borrowing Limbs) throws(PaillierError) {
    guard ciphertext.count == ciphertextBytes else { throw .ciphertextWrongLength(bytes: ciphertext.count) }
    limbs.read(bigEndian: ciphertext)
    guard !limbs.isZero else { throw .ciphertextZero }
    guard limbs.compared(to: pairs.square) < 0 else { throw .ciphertextTooLarge }
  }

  /// result = value^n modulo n² as a Montgomery pair, for a number below n.
  func powerOfN<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ value: borrowing Limbs, into result: borrowing Limbs
  ) {
    pairs.enter(profile, value, into: workspace.pair, temporary: workspace.temporary, workspace.scratch)
    pairs.power(
      profile, workspace.pair, publicExponent: pairs.modulus, into: result, table: workspace.table, workspace.scratch)
  }

  /// Leaves in `workspace.value` the only ciphertext that decrypts to S with root R: (1 + S·n)·R^n mod n². (DESIGN §2.3)
  private func openCiphertext(sum: borrowing Limbs, root: borrowing Limbs) throws(PaillierError) {
    guard sum.compared(to: pairs.modulus) < 0 else { throw .sumOutOfRange }
    guard !root.isZero, root.compared(to: pairs.modulus) < 0 else { throw .rootOutOfRange }
    guard pairs.isUnit(root, temporary: workspace.temporary) else { throw .rootNotCoprime }
    powerOfN(Fast.self, root, into: workspace.power)
    pairs.leave(Fast.self, workspace.power, message: sum, into: workspace.pair, workspace.scratch)
    pairs.compose(Fast.self, workspace.pair, into: workspace.value, workspace.scratch)
  }

  private func read(sum: Span<UInt8>, root: Span<UInt8>) throws(PaillierError) {
    guard sum.count == modulusBytes, root.count == modulusBytes else { throw .ciphertextWrongLength(bytes: sum.count) }
    workspace.sum.read(bigEndian: sum)
    workspace.root.read(bigEndian: root)
  }

  /// Accepts (S, R) as the decryption of `ciphertext` by the single public equation. Cost: one n-bit power.
  public func verify(ciphertext: Span<UInt8>, sum: Span<UInt8>, root: Span<UInt8>) throws(PaillierError) {
    try decode(ciphertext, into: workspace.ciphertext)
    try read(sum: sum, root: root)
    try verify(workspace.ciphertext, sum: workspace.sum, root: workspace.root)
  }

  /// The same equation on limbs.
  func verify(
    _ ciphertext: borrowing Limbs, sum: borrowing Limbs, root: borrowing Limbs
  ) throws(PaillierError) {
    try openCiphertext(sum: sum, root: root)
    guard workspace.value.compared(to: ciphertext) == 0 else { throw .proofDoesNotHold }
  }

  /// Appends the ciphertext that (S, R) open, so that a verifier who holds only its digest can compare.
  public func writeCiphertext(
    sum: Span<UInt8>, root: Span<UInt8>, into output: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    try read(sum: sum, root: root)
    try openCiphertext(sum: workspace.sum, root: workspace.root)
    workspace.value.write(bigEndianBytes: ciphertextBytes, into: &output)
  }

  /// The slots of a verified sum.
  public func unpack(sum: Span<UInt8>, contributors: Int) throws(PaillierError) -> [Int64] {
    try layout.unpack(Integer(bigEndian: sum), n: n, contributors: contributors)
  }
}
