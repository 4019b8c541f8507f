import BigInteger
import Wire

/// Encrypts under one public key, in the ``Hardened`` profile.
public typealias Encryptor = ProfiledEncryptor<Hardened>
/// The same ciphertexts sooner, where nobody hostile can time this machine or share its caches.
public typealias FastEncryptor = ProfiledEncryptor<Fast>

/// Encrypts under one public key in Damgård–Jurik–Nielsen form: c = (1 + m·n)·h_s^a mod n². (DJN 2010, §4.2)
///
/// The base h_s = (−x²)ⁿ mod n² is this encryptor's own, drawn once, and its powers come from a table built once; a is
/// fresh for every ciphertext. Sums of ciphertexts with different bases decrypt as usual. An alpha key brings its base
/// along. After `init`, nothing allocates. (`docs/CRYPTOGRAPHY.md`)
public struct ProfiledEncryptor<Profile: ArithmeticProfile>: ~Copyable {
  public let key: PublicKey
  public let exponentBits: Int
  private let comb: FixedBaseComb
  private let workspace: Workspace

  /// What one encryption works in.
  private struct Workspace: ~Copyable {
    let exponent: Limbs
    let message: Limbs
    let power: Limbs
    let entry: Limbs
    let ciphertext: Limbs
    let scratch: PairScratch

    init(_ pairs: PairModulus, exponentBits: Int) {
      exponent = Limbs(count: (exponentBits + Limbs.bits - 1) / Limbs.bits)
      message = Limbs(count: pairs.count)
      power = Limbs(count: 2 * pairs.count)
      entry = Limbs(count: 2 * pairs.count)
      ciphertext = Limbs(count: 2 * pairs.count)
      scratch = pairs.makeScratch()
    }

    func wipe() {
      exponent.wipe()
      message.wipe()
      power.wipe()
      entry.wipe()
      scratch.wipe()
    }
  }

  /// Cost: one n-bit power modulo n² and the table: as much as some twenty encryptions.
  /// - Parameter shape: of the table; by default what measured best for the profile within 512 KiB at 2048 bits.
  public init(
    _ key: PublicKey, exponentLength: ExponentLength = .halfOfModulus, shape: CombShape? = nil,
    using generator: inout some RandomNumberGenerator
  ) {
    if key.alphaBase != nil {
      self.init(alpha: key, shape: shape)
      return
    }
    while true {
      let x = Integer.random(bits: key.n.bitWidth, using: &generator)
      let one = Integer(1)
      // x = ±1 would make the base 1 or −1 and every ciphertext readable.
      guard x.compared(to: key.n) < 0, x.compared(to: one) > 0, x.plus(one).compared(to: key.n) != 0,
        x.greatestCommonDivisor(key.n).equals(1)
      else { continue }
      self.init(key, x: x, exponentLength: exponentLength, shape: shape)
      return
    }
  }

  /// Encrypts with another's base and its table of powers, in memory of its own for the rest: for many simulated meters in
  /// one process. Both are read only, so neither sees what the other encrypts.
  public init(sharing other: borrowing ProfiledEncryptor) {
    key = other.key
    exponentBits = other.exponentBits
    comb = other.comb
    workspace = Workspace(other.key.pairs, exponentBits: other.exponentBits)
  }

  package init(
    _ key: PublicKey, x: borrowing Integer, exponentLength: ExponentLength = .halfOfModulus, shape: CombShape? = nil
  ) {
    let h = key.n.minus(x.times(x).modulo(key.n))
    self.init(key, h: h, exponentBits: exponentLength.bits(modulusBits: key.n.bitWidth), shape: shape)
  }

  private init(alpha key: PublicKey, shape: CombShape?) {
    guard let base = key.alphaBase else { preconditionFailure("an alpha key has a base") }
    self.init(key, h: base.h.copy(), exponentBits: base.exponentBits, shape: shape)
  }

  private init(_ key: PublicKey, h: borrowing Integer, exponentBits: Int, shape: CombShape?) {
    self.key = key
    self.exponentBits = exponentBits
    let pairs = key.pairs
    workspace = Workspace(pairs, exponentBits: exponentBits)
    let base = Limbs(count: 2 * pairs.count)
    key.powerOfN(Fast.self, Limbs(h, count: pairs.count), into: base)
    comb = FixedBaseComb(
      pairs, base: base, exponentBits: exponentBits, shape: shape ?? Self.shape(exponentBits: exponentBits))
  }

  private static func shape(exponentBits: Int) -> CombShape {
    if Profile.isHardened { return .hardened }
    return exponentBits <= 512 ? .fastShort : .fast
  }

  /// Bytes of the table of powers that an encryptor with the default exponent length makes.
  public static func tableBytes(modulusBytes: Int) -> Int {
    shape(exponentBits: 4 * modulusBytes).tableBytes(modulusBytes: modulusBytes)
  }

  /// Bytes of the table of powers.
  public var tableBytes: Int { comb.tableBytes }

  /// Appends the ciphertext of the packed values: `key.ciphertextBytes` bytes.
  public func encrypt(
    _ values: Span<Int64>, using generator: inout some RandomNumberGenerator, into output: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    try key.layout.pack(values, modulus: key.pairs.modulus, into: workspace.message)
    drawExponent(using: &generator)
    encryptWorkspace()
    workspace.ciphertext.write(bigEndianBytes: key.ciphertextBytes, into: &output)
    workspace.wipe()
  }

  private func drawExponent(using generator: inout some RandomNumberGenerator) {
    workspace.exponent.randomize(bits: exponentBits, using: &generator)
    while workspace.exponent.isZero { workspace.exponent.randomize(bits: exponentBits, using: &generator) }
  }

  private func encryptWorkspace() {
    comb.power(Profile.self, workspace.exponent, into: workspace.power, entry: workspace.entry, workspace.scratch)
    key.pairs.leave(
      Profile.self, workspace.power, message: workspace.message, into: workspace.power, workspace.scratch)
    key.pairs.compose(Profile.self, workspace.power, into: workspace.ciphertext, workspace.scratch)
  }

  /// Appends the ciphertext of m in [0, n), big-endian in `key.modulusBytes` bytes: for other layouts and interoperation.
  public func encrypt(
    plaintext: Span<UInt8>, using generator: inout some RandomNumberGenerator,
    into output: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    guard plaintext.count == key.modulusBytes else { throw .plaintextOutOfRange }
    workspace.message.read(bigEndian: plaintext)
    guard workspace.message.compared(to: key.pairs.modulus) < 0 else { throw .plaintextOutOfRange }
    drawExponent(using: &generator)
    encryptWorkspace()
    workspace.ciphertext.write(bigEndianBytes: key.ciphertextBytes, into: &output)
    workspace.wipe()
  }

  /// Appends a fresh h_s^a in Montgomery form for a pool.
  package func drawRandomizer(using generator: inout some RandomNumberGenerator, into randomizer: borrowing Limbs) {
    drawExponent(using: &generator)
    comb.power(Profile.self, workspace.exponent, into: randomizer, entry: workspace.entry, workspace.scratch)
    workspace.wipe()
  }

  /// Appends the ciphertext of the packed values under a randomizer of ``drawRandomizer(using:into:)``.
  package func encrypt(
    _ values: Span<Int64>, randomizer: borrowing Limbs, into output: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    try key.layout.pack(values, modulus: key.pairs.modulus, into: workspace.message)
    key.pairs.leave(Profile.self, randomizer, message: workspace.message, into: workspace.power, workspace.scratch)
    key.pairs.compose(Profile.self, workspace.power, into: workspace.ciphertext, workspace.scratch)
    workspace.ciphertext.write(bigEndianBytes: key.ciphertextBytes, into: &output)
    workspace.message.wipe()
    workspace.power.wipe()
    workspace.scratch.wipe()
  }

  /// For known answers.
  package func encrypt(_ message: borrowing Integer, exponent: borrowing Integer) -> Integer {
    workspace.message.copy(from: Limbs(message.modulo(key.n), count: key.pairs.count))
    workspace.exponent.copy(from: Limbs(exponent, count: workspace.exponent.count))
    encryptWorkspace()
    return workspace.ciphertext.integer()
  }
}
