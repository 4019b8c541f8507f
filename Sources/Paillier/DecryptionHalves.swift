import BigInteger

/// Decryption modulo p² and q² separately, joined at the end. (Paillier 1999, §7; docs/CRYPTOGRAPHY.md, Arithmetic)
///
/// In digit pairs c^e mod p² = 1 + L·p for the right exponent e: the a digit is 1, and the b digit is L itself. Any other
/// a digit says that the machine computed wrongly, or that c is no power this key can open.
struct DecryptionHalves<Profile: ArithmeticProfile>: ~Copyable {
  private let p: Half
  private let q: Half
  private let residues: ResidueJoin

  /// One prime, its constants and the memory its half works in.
  struct Half: ~Copyable {
    let modulus: PairModulus
    /// e: a multiple of the order of every c mod p that this key opens, coprime to p.
    private let exponent: Limbs
    private let exponentBits: Int
    /// n⁻¹ modulo e
    private let rootExponent: Limbs
    /// (e·q)⁻¹·R modulo p, where L((1 + n)^e mod p²) = e·q.
    private let h: Limbs
    private let pair: Limbs
    private let power: Limbs
    private let temporary: Limbs
    private let table: Limbs
    let residue: Limbs
    let scratch: PairScratch

    /// - Precondition: p is an odd prime, gcd(e·q, p) = 1 and gcd(n, e) = 1; the callers checked.
    init(_ prime: borrowing Integer, other: borrowing Integer, exponent e: borrowing Integer) {
      guard let modulus = PairModulus(prime) else { preconditionFailure("p is odd") }
      self.modulus = modulus
      let k = modulus.count
      exponentBits = e.bitWidth
      exponent = Limbs(e, count: k)
      rootExponent = Limbs(prime.times(other).inverse(modulo: e), count: k)
      let inverse = e.times(other).modulo(prime).inverse(modulo: prime)
      h = Limbs(inverse.shiftedLeft(Limbs.bits * k).modulo(prime), count: k)
      pair = Limbs(count: 2 * k)
      power = Limbs(count: 2 * k)
      temporary = Limbs(count: 4 * k)
      table = Limbs(count: modulus.windowTableCount)
      residue = Limbs(count: k)
      scratch = modulus.makeScratch()
    }

    /// Leaves m mod p in `residue`. False when the a digit is not 1.
    func decrypt(_ ciphertext: borrowing Limbs) -> Bool {
      modulus.enter(Profile.self, ciphertext, into: pair, temporary: temporary, scratch)
      modulus.power(
        Profile.self, pair, secretExponent: exponent, bits: exponentBits, into: power, table: table, scratch)
      modulus.leave(Profile.self, power, into: power, scratch)
      modulus.multiplySecondDigit(Profile.self, of: power, by: h, into: residue, scratch)
      return modulus.firstDigitIsOne(power)
    }

    /// Takes in what ``takeRoot()`` shall find a root of, where nothing is decrypted.
    func enter(_ value: borrowing Limbs) {
      modulus.enter(Profile.self, value, into: pair, temporary: temporary, scratch)
    }

    /// Leaves the n-th root of c mod p in `residue`. Follows ``decrypt(_:)`` of the same ciphertext, or ``enter(_:)``.
    func takeRoot() {
      modulus.powerOfFirstDigit(
        Profile.self, of: pair, secretExponent: rootExponent, bits: exponentBits, into: residue, table: table, scratch)
    }

    func wipe() {
      pair.wipe()
      power.wipe()
      temporary.wipe()
      table.wipe()
      residue.wipe()
      scratch.wipe()
    }
  }

  init(
    p: borrowing Integer, q: borrowing Integer, exponentP: borrowing Integer, exponentQ: borrowing Integer
  ) {
    self.p = Half(p, other: q, exponent: exponentP)
    self.q = Half(q, other: p, exponent: exponentQ)
    residues = ResidueJoin(self.p.modulus, self.q.modulus, inverse: p.inverse(modulo: q))
  }

  /// Leaves the plaintext in `sum`. False, with `sum` wiped, when either a digit is not 1.
  func decrypt(_ ciphertext: borrowing Limbs, sum: borrowing Limbs) -> Bool {
    // Both halves are always computed, so time does not tell which one failed.
    let first = p.decrypt(ciphertext)
    let second = q.decrypt(ciphertext)
    residues.join(Profile.self, p.residue, q.residue, into: sum, q.scratch)
    guard first && second else {
      sum.wipe()
      return false
    }
    return true
  }

  /// Leaves R with R^n = c (mod n) in `root`. Follows ``decrypt(_:sum:)`` of the same ciphertext.
  func takeRoot(_ root: borrowing Limbs) {
    p.takeRoot()
    q.takeRoot()
    residues.join(Profile.self, p.residue, q.residue, into: root, q.scratch)
  }

  /// Leaves R with R^n = value (mod n) in `root`, where the halves' exponents are p − 1 and q − 1.
  func takeRoot(of value: borrowing Limbs, _ root: borrowing Limbs) {
    p.enter(value)
    q.enter(value)
    takeRoot(root)
  }

  func wipe() {
    p.wipe()
    q.wipe()
    residues.wipe()
  }
}

/// Decrypts and proves for both kinds of private key: what they share behind their exponents.
struct Decryptor<Profile: ArithmeticProfile>: ~Copyable {
  private let halves: DecryptionHalves<Profile>
  private let ciphertext: Limbs
  private let sum: Limbs
  private let root: Limbs
  /// What an a digit other than 1 means for this kind of key.
  private let refusal: PaillierError

  init(_ key: PublicKey, _ halves: consuming DecryptionHalves<Profile>, refusal: PaillierError) {
    self.halves = halves
    ciphertext = Limbs(count: 2 * key.pairs.count)
    sum = Limbs(count: key.pairs.count)
    root = Limbs(count: key.pairs.count)
    self.refusal = refusal
  }

  func decrypt(
    _ bytes: Span<UInt8>, under key: PublicKey, into plaintext: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    try key.decode(bytes, into: ciphertext)
    defer { wipe() }
    guard halves.decrypt(ciphertext, sum: sum) else { throw refusal }
    sum.write(bigEndianBytes: key.modulusBytes, into: &plaintext)
  }

  func prove(
    _ bytes: Span<UInt8>, under key: PublicKey, sum: inout OutputSpan<UInt8>, root: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    try key.decode(bytes, into: ciphertext)
    defer { wipe() }
    guard halves.decrypt(ciphertext, sum: self.sum) else { throw refusal }
    halves.takeRoot(self.root)
    // A fault in either half gives an (S, R) from which a prime can be found; none leaves without this equation.
    do throws(PaillierError) { try key.verify(ciphertext, sum: self.sum, root: self.root) } catch {
      throw .faultDetected
    }
    self.sum.write(bigEndianBytes: key.modulusBytes, into: &sum)
    self.root.write(bigEndianBytes: key.modulusBytes, into: &root)
  }

  /// Appends R with R^n = value (mod n), for a value of as many limbs as a ciphertext. Not for an alpha key, whose exponents do not
  /// fit every unit.
  ///
  /// After a fault R betrays a prime: the caller looks whether it holds before anybody sees it.
  func takeRoot(of value: borrowing Limbs, under key: PublicKey, into output: inout OutputSpan<UInt8>) {
    halves.takeRoot(of: value, root)
    root.write(bigEndianBytes: key.modulusBytes, into: &output)
    wipe()
  }

  private func wipe() {
    halves.wipe()
    sum.wipe()
    root.wipe()
  }
}
