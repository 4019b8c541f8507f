import BigInteger
import Wire

/// Encrypts under one public key in Damgård–Jurik–Nielsen form: c = (1 + m·n)·h_s^a mod n². (DJN 2010, §4.2)
///
/// The base h_s = (−x²)ⁿ mod n² is this encryptor's own, drawn once; a is fresh for every ciphertext and has half the
/// bits of n. Sums of ciphertexts with different bases decrypt as usual.
public struct Encryptor: ~Copyable {
  public let key: PublicKey
  private let base: Integer
  private let exponentBits: Int

  /// Cost: one n-bit power modulo n².
  public init(_ key: PublicKey, using generator: inout some RandomNumberGenerator) {
    while true {
      let x = Integer.random(bits: key.n.bitWidth, using: &generator)
      let one = Integer(1)
      // x = ±1 would make the base 1 or −1 and every ciphertext readable.
      guard x.compared(to: key.n) < 0, x.compared(to: one) > 0, x.plus(one).compared(to: key.n) != 0,
        x.greatestCommonDivisor(key.n).equals(1)
      else { continue }
      self.init(key, x: x)
      return
    }
  }

  package init(_ key: PublicKey, x: borrowing Integer) {
    self.key = key
    exponentBits = key.n.bitWidth / 2
    let h = key.n.minus(x.times(x).modulo(key.n))
    base = h.power(publicExponent: key.n, modulo: key.nSquared)
  }

  /// Appends the ciphertext of the packed values: `key.ciphertextBytes` bytes. Cost: one n/2-bit power modulo n².
  public func encrypt(
    _ values: Span<Int64>, using generator: inout some RandomNumberGenerator, into output: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    let message = try key.layout.pack(values)
    var exponent = Integer.random(bits: exponentBits, using: &generator)
    while exponent.sign == 0 { exponent = Integer.random(bits: exponentBits, using: &generator) }
    encrypt(message, exponent: exponent).write(bigEndianBytes: key.ciphertextBytes, into: &output)
  }

  package func encrypt(_ message: borrowing Integer, exponent: borrowing Integer) -> Integer {
    let blinding = base.power(secretExponent: exponent, modulo: key.nSquared)
    return message.modulo(key.n).times(key.n).plus(Integer(1)).times(blinding).modulo(key.nSquared)
  }
}
