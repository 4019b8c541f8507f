import BigInteger
import Wire

/// The product of ciphertexts of one key, which decrypts to the sum of their plaintexts. (Paillier 1999, §8)
///
/// After `init`, nothing allocates.
public struct CiphertextProduct: ~Copyable {
  public let key: PublicKey
  private var product: PairProduct
  private let ciphertext: Limbs
  private let temporary: Limbs

  /// The empty product under `key`. Everything that factors need is allocated here.
  public init(_ key: PublicKey) {
    self.key = key
    product = PairProduct(key.pairs)
    ciphertext = Limbs(count: 2 * key.pairs.count)
    temporary = Limbs(count: 4 * key.pairs.count)
  }

  /// Ciphertexts multiplied so far.
  public var count: Int { product.factors }

  /// Back to the empty product.
  public mutating func reset() { product.reset() }

  /// - Parameter ciphertext: one that ``PublicKey/validate(_:)`` accepted; another length, or one not below n², traps.
  public mutating func multiply(by ciphertext: Span<UInt8>) {
    precondition(ciphertext.count == key.ciphertextBytes)
    self.ciphertext.read(bigEndian: ciphertext)
    precondition(self.ciphertext.compared(to: key.pairs.square) < 0)
    product.multiply(by: self.ciphertext)
  }

  /// Multiplies by a ciphertext nobody looked at yet: everything but coprimality is checked here, that once for the whole
  /// product by ``checkCoprime()``. A refused one changes nothing.
  ///
  /// - Parameter keyIdentifier: what the record says it was encrypted under.
  public mutating func add(
    _ ciphertext: Span<UInt8>, encryptedUnder keyIdentifier: FixedBytes<16>
  ) throws(PaillierError) {
    guard keyIdentifier == key.keyIdentifier else { throw .otherKey }
    guard ciphertext.count == key.ciphertextBytes else { throw .ciphertextWrongLength(bytes: ciphertext.count) }
    self.ciphertext.read(bigEndian: ciphertext)
    guard !self.ciphertext.isZero else { throw .ciphertextZero }
    guard self.ciphertext.compared(to: key.pairs.square) < 0 else { throw .ciphertextTooLarge }
    product.multiply(by: self.ciphertext)
  }

  /// One gcd for all ciphertexts: the product is coprime to n exactly when each of them is.
  public func checkCoprime() throws(PaillierError) {
    product.read(into: ciphertext)
    guard key.pairs.isUnit(ciphertext, temporary: temporary) else { throw .ciphertextNotCoprime }
  }

  /// Appends the product so far, big-endian, ``PublicKey/ciphertextBytes`` long; the empty product is 1. More factors
  /// may follow.
  public func write(into output: inout OutputSpan<UInt8>) {
    product.read(into: ciphertext)
    ciphertext.write(bigEndianBytes: key.ciphertextBytes, into: &output)
  }
}
