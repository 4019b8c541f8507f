import BigInteger
import Wire

/// The product of ciphertexts, which decrypts to the sum of their plaintexts. (Paillier 1999, §8)
public struct CiphertextProduct: ~Copyable {
  private let key: PublicKey
  private var value: Integer

  public init(_ key: PublicKey) {
    self.key = key
    value = Integer(1)
  }

  /// - Parameter ciphertext: one that ``PublicKey/validate(_:)`` accepted.
  public mutating func multiply(by ciphertext: Span<UInt8>) {
    value = value.times(Integer(bigEndian: ciphertext)).modulo(key.nSquared)
  }

  public func write(into output: inout OutputSpan<UInt8>) {
    value.write(bigEndianBytes: key.ciphertextBytes, into: &output)
  }
}
