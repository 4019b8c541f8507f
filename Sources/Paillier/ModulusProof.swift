import BigInteger
import Cryptography
import Wire

/// Shows that gcd(n, φ(n)) = 1, without which a sum S is not bound by (1 + S·n)·R^n: n-th roots modulo n of challenges that are
/// hashed from n. (Goldberg, Reyzin, Sagga & Baldimtsi 2019; `docs/CRYPTOGRAPHY.md`, "Proof of a modulus")
///
/// When a prime α divides n and φ(n) too, x → x^n maps α or more units to one, so less than a 2⁻¹⁶ of them have a root if n has no
/// factor up to 2¹⁶: a cheat passes all challenges with less than 2⁻¹²⁸ for each n that he tries. Whoever knows the factors of a
/// good n finds every root.
public struct ModulusProof: Equatable, Sendable {
  public static let challengeCount = 8
  /// A modulus has no factor below this.
  public static let smallestFactor: UInt32 = 1 << 16
  /// A challenge is a hash of so many bytes more than n has, modulo n: no residue is more likely than another by more than 2⁻¹²⁸.
  static let surplusBytes = 16

  /// An n-th root of each challenge in turn, big-endian, each as long as n.
  public let roots: [UInt8]

  /// Takes the roots as they are; ``check(of:)`` says whether they are ones.
  public init(roots: [UInt8]) { self.roots = roots }

  /// Bytes of the roots for an n of `modulusBytes`.
  public static func encodedBytes(modulusBytes: Int) -> Int { challengeCount * modulusBytes }

  /// Throws unless n is odd and composite without a small factor, and all roots hold. Cost: a division for each pair of odd numbers
  /// below 2¹⁶, and nine powers modulo n of which one is a Fermat test; a prime n takes forty of them before it is refused.
  ///
  /// A prime never passes as a composite. That a composite is taken for a prime is as unlikely as for `isProbablyPrime`; it cannot
  /// happen by base 2 alone.
  public func check(of key: PublicKey) throws(ModulusRefusal) {
    guard roots.count == Self.encodedBytes(modulusBytes: key.modulusBytes) else {
      throw .wrongLength(bytes: roots.count)
    }
    if let factor = Self.smallFactor(of: key.n) { throw .smallFactor(factor) }
    guard !key.n.isProbablyPrime else { throw .prime }
    for index in 0..<Self.challengeCount { try checkRoot(index, of: key) }
  }

  private func checkRoot(_ index: Int, of key: PublicKey) throws(ModulusRefusal) {
    let roots = roots
    let root = Integer(
      bigEndian: roots.span.extracting((index * key.modulusBytes)..<((index + 1) * key.modulusBytes)))
    guard root.sign > 0, root.compared(to: key.n) < 0 else { throw .rootOutOfRange(index) }
    let challenge = Self.challenge(index, of: key)
    // Such a challenge has a root more often than a unit, and shows a factor of n to everybody.
    guard challenge.greatestCommonDivisor(key.n).equals(1) else { throw .challengeNotCoprime(index) }
    guard root.power(publicExponent: key.n, modulo: key.n).compared(to: challenge) == 0 else {
      throw .rootDoesNotHold(index)
    }
  }

  /// The least factor of n below ``smallestFactor``; nil when there is none.
  static func smallFactor(of n: borrowing Integer) -> UInt32? {
    guard n.isOdd else { return 2 }
    var divisor: UInt32 = 3
    while divisor < smallestFactor {
      // Two odd numbers at a time: their product fits 32 bits.
      let remainder = n.remainder(dividingBy: divisor * (divisor + 2))
      if remainder % divisor == 0 { return divisor }
      if remainder % (divisor + 2) == 0, divisor + 2 < smallestFactor { return divisor + 2 }
      divisor += 4
    }
    return nil
  }

  /// The number below n whose root is asked for: the first bytes of H("BUSBARmc", n, index u16, block u16) for block = 0, 1, …, as
  /// many as n has and ``surplusBytes`` more, big-endian, modulo n.
  static func challenge(_ index: Int, of key: PublicKey) -> Integer {
    let bytes = key.modulusBytes
    var modulus = ByteBuffer(capacity: bytes)
    modulus.replace { out in key.writeModulus(into: &out) }
    var hashed = ByteBuffer(capacity: bytes + surplusBytes + 32)
    var block: UInt16 = 0
    while hashed.count < bytes + surplusBytes {
      let digest = Blake2b.digest(domain: "BUSBARmc") { hash in
        hash.update(modulus.span)
        hash.update(UInt16(index))
        hash.update(block)
      }
      hashed.append { out in out.write(digest) }
      block += 1
    }
    return Integer(bigEndian: hashed.span.extracting(0..<(bytes + surplusBytes))).modulo(key.n)
  }
}

extension ProfiledPrivateKey {
  /// Proves that gcd(n, φ(n)) = 1. Cost: for each challenge the half of a decryption with proof, and one n-bit power modulo n.
  ///
  /// Nothing is released before every root held, so a fault in the machine cannot leak a prime.
  /// - Throws: ``PaillierError/modulusNotProvable(_:)`` when n has a small factor or a challenge shares one with it, as no real key's.
  public func proveModulus() throws(PaillierError) -> ModulusProof {
    let bytes = publicKey.modulusBytes
    var roots = ByteBuffer(capacity: ModulusProof.encodedBytes(modulusBytes: bytes))
    for index in 0..<ModulusProof.challengeCount {
      let challenge = Limbs(ModulusProof.challenge(index, of: publicKey), count: 2 * publicKey.pairs.count)
      roots.append { out in takeRoot(of: challenge, into: &out) }
    }
    let proof = ModulusProof(roots: Array(copying: roots.span))
    do throws(ModulusRefusal) { try proof.check(of: publicKey) } catch {
      roots.replace { out in out.writeZeros(ModulusProof.encodedBytes(modulusBytes: bytes)) }
      if case .rootDoesNotHold = error { throw .faultDetected }
      throw .modulusNotProvable(error)
    }
    return proof
  }
}

/// What a bookkeeper shows of its key before there is a group: n, and the proof that it is a good one.
public struct ProvenModulus: Equatable, Sendable {
  /// n, big-endian, without leading zero bytes.
  public let modulus: [UInt8]
  /// Its proof, `roots`.
  public let proof: ModulusProof

  /// Takes n and a proof of it, and checks neither.
  /// - Precondition: the roots are eight times as long as n.
  public init(modulus: [UInt8], proof: ModulusProof) {
    precondition(proof.roots.count == ModulusProof.encodedBytes(modulusBytes: modulus.count))
    self.modulus = modulus
    self.proof = proof
  }

  public var encodedBytes: Int { 10 + modulus.count + proof.roots.count }

  /// Appends ``encodedBytes`` bytes. (docs/PROTOCOL.md, ProvenModulus)
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.writeTag("BUSBARmp")
    output.write(UInt16(modulus.count))
    output.write(modulus.span)
    let roots = proof.roots
    output.write(roots.span)
  }

  /// Looks at the layout alone; ``ModulusProof/check(of:)`` looks at what it says.
  public init(decoding bytes: Span<UInt8>) throws(WireError) {
    var reader = WireReader(bytes)
    try reader.readTag("BUSBARmp")
    let count = Int(try reader.read(UInt16.self))
    guard count > 0, count <= PublicKey.maximumBits / 8 else { throw .outOfRange(offset: 8) }
    modulus = Array(copying: try reader.readBytes(count))
    guard modulus[0] != 0 else { throw .outOfRange(offset: 10) }
    proof = ModulusProof(
      roots: Array(copying: try reader.readBytes(ModulusProof.encodedBytes(modulusBytes: count))))
    try reader.expectEnd()
  }
}
