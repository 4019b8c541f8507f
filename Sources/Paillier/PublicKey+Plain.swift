import BigInteger
import Wire

// The form of 1999: for known answers, for keys of other implementations, and for callers who want the DCR assumption
// alone.
extension PublicKey {
  /// Appends c = (1 + m·n)·rⁿ mod n² for m in [0, n), big-endian in `modulusBytes` bytes, and a fresh r.
  /// (Paillier 1999, §4, Scheme 1) Cost: one n-bit power modulo n², some fifteen times ``Encryptor``'s.
  ///
  /// The exponent is public; r is only ever multiplied, in time that depends on n.
  public func encryptPlain(
    _ plaintext: Span<UInt8>, using generator: inout some RandomNumberGenerator,
    into output: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    guard plaintext.count == modulusBytes else { throw .plaintextOutOfRange }
    repeat {
      workspace.root.randomize(bits: n.bitWidth, using: &generator)
    } while workspace.root.isZero || workspace.root.compared(to: pairs.modulus) >= 0
      || !pairs.isUnit(workspace.root, temporary: workspace.temporary)
    try encryptPlain(plaintext, into: &output)
  }

  /// The same with a given r below n. A shared or published r reveals every plaintext: known answers only.
  package func encryptPlain(
    _ plaintext: Span<UInt8>, r: borrowing Integer, into output: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    workspace.root.copy(from: Limbs(r, count: pairs.count))
    try encryptPlain(plaintext, into: &output)
  }

  private func encryptPlain(
    _ plaintext: Span<UInt8>, into output: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    defer {
      workspace.sum.wipe()
      workspace.wipe()
    }
    workspace.sum.read(bigEndian: plaintext)
    guard workspace.sum.compared(to: pairs.modulus) < 0 else { throw .plaintextOutOfRange }
    powerOfN(Hardened.self, workspace.root, into: workspace.power)
    pairs.leave(Hardened.self, workspace.power, message: workspace.sum, into: workspace.pair, workspace.scratch)
    pairs.compose(Hardened.self, workspace.pair, into: workspace.value, workspace.scratch)
    workspace.value.write(bigEndianBytes: ciphertextBytes, into: &output)
  }
}
