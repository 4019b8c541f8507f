import BigInteger
import Wire

/// Audits many decryptions (cᵢ, Sᵢ, Rᵢ) of one key at once with random 64-bit weights of the auditor's own:
/// Π cᵢ^eᵢ = (1 + n·Σ eᵢSᵢ)·(Π Rᵢ^eᵢ)ⁿ mod n². (Bellare, Garay & Rabin 1998, small exponents; DESIGN §2.3)
///
/// A wrong Sᵢ passes with probability 2⁻⁶⁴, whoever chose it: the 1 + t·n are a subgroup of order n on their own. A wrong
/// Rᵢ may pass: n − R for R passes when its weight is even. So an audit never accepts; ``PublicKey/verify(ciphertext:sum:root:)``
/// does, and replicas that audited would differ. (`docs/CRYPTOGRAPHY.md`, "Batched audit")
public struct DecryptionAudit: ~Copyable {
  public let key: PublicKey
  private var ciphertexts: WeightedProduct
  private var roots: WeightedProduct
  private var weightedSum = Integer()
  private let root: Limbs
  private let wide: Limbs
  private let temporary: Limbs
  private let scratch: PairScratch

  /// Decryptions added so far.
  public var count: Int { ciphertexts.count }

  /// An audit of decryptions under `key`, with none in it yet. Everything but the sum is allocated here.
  public init(_ key: PublicKey) {
    self.key = key
    ciphertexts = WeightedProduct(key, weightBits: 64, windowBits: 4)
    roots = WeightedProduct(key, weightBits: 64, windowBits: 4)
    root = Limbs(count: key.pairs.count)
    wide = Limbs(count: 2 * key.pairs.count)
    temporary = Limbs(count: 4 * key.pairs.count)
    scratch = key.pairs.makeScratch()
  }

  /// - Parameter generator: unpredictable for whoever made the decryptions.
  /// - Throws: for what ``PublicKey/verify(ciphertext:sum:root:)`` refuses without its power; nothing is added then.
  public mutating func add(
    ciphertext: Span<UInt8>, sum: Span<UInt8>, root rootBytes: Span<UInt8>,
    using generator: inout some RandomNumberGenerator
  ) throws(PaillierError) {
    guard sum.count == key.modulusBytes, rootBytes.count == key.modulusBytes else {
      throw .ciphertextWrongLength(bytes: sum.count)
    }
    let s = Integer(bigEndian: sum)
    guard s.compared(to: key.n) < 0 else { throw .sumOutOfRange }
    root.read(bigEndian: rootBytes)
    guard !root.isZero, root.compared(to: key.pairs.modulus) < 0 else { throw .rootOutOfRange }
    guard key.pairs.isUnit(root, temporary: temporary) else { throw .rootNotCoprime }
    let weight = generator.next()
    try ciphertexts.add(ciphertext, weight: weight, encryptedUnder: key.keyIdentifier)
    roots.add(unit: root, weight: weight)
    let high = Integer(UInt32(truncatingIfNeeded: weight >> 32)).shiftedLeft(32)
    weightedSum = weightedSum.plus(s.times(high.plus(Integer(UInt32(truncatingIfNeeded: weight))))).modulo(key.n)
  }

  /// Whether the weighted equation holds for all that was added. Cost: one n-bit power and about a thousand products.
  public func holds() -> Bool {
    let pair = Limbs(count: 2 * key.pairs.count)
    guard ciphertexts.join(into: pair) else { return true }
    key.pairs.leave(Fast.self, pair, into: pair, scratch)
    let left = Limbs(count: 2 * key.pairs.count)
    key.pairs.compose(Fast.self, pair, into: left, scratch)
    _ = roots.join(into: pair)
    let power = Limbs(count: 2 * key.pairs.count)
    let table = Limbs(count: key.pairs.windowTableCount)
    key.pairs.power(Fast.self, pair, publicExponent: key.pairs.modulus, into: power, table: table, scratch)
    key.pairs.leave(
      Fast.self, power, message: Limbs(weightedSum, count: key.pairs.count), into: power, scratch)
    let right = Limbs(count: 2 * key.pairs.count)
    key.pairs.compose(Fast.self, power, into: right, scratch)
    return left.compared(to: right) == 0
  }
}
