import BigInteger
import Cryptography
import Testing
import Wire

import Paillier

/// SplitMix64 with a fixed seed: the same keys in every run.
struct TestGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// One 512-bit key for the whole suite; small keys exist in tests only.
private func makeKey() throws -> PrivateKey {
  var generator = TestGenerator(state: 1)
  return try PrivateKey(
    generatingBits: 512, layout: SlotLayout([.activeEnergyImport, .activeEnergyExport]), using: &generator,
    allowingSmallForTests: true)
}

private func encrypted(_ values: [Int64], _ encryptor: borrowing Encryptor, seed: UInt64) throws -> [UInt8] {
  var generator = TestGenerator(state: seed)
  var buffer = ByteBuffer(capacity: encryptor.key.ciphertextBytes)
  var failure: PaillierError?
  buffer.replace { out in
    do throws(PaillierError) { try encryptor.encrypt(values.span, using: &generator, into: &out) } catch {
      failure = error
    }
  }
  if let failure { throw failure }
  return array(buffer.span)
}

private func array(_ span: Span<UInt8>) -> [UInt8] {
  var result: [UInt8] = []
  for index in 0..<span.count { result.append(span[index]) }
  return result
}

private func proof(_ key: borrowing PrivateKey, _ ciphertext: [UInt8]) throws -> (sum: [UInt8], root: [UInt8]) {
  var sum = ByteBuffer(capacity: key.publicKey.modulusBytes)
  var root = ByteBuffer(capacity: key.publicKey.modulusBytes)
  var failure: PaillierError?
  sum.replace { sum in
    root.replace { root in
      do throws(PaillierError) { try key.prove(ciphertext.span, sum: &sum, root: &root) } catch { failure = error }
    }
  }
  if let failure { throw failure }
  return (array(sum.span), array(root.span))
}

private func bytes(_ integer: borrowing Integer, _ count: Int) -> [UInt8] {
  var buffer = ByteBuffer(capacity: count)
  buffer.replace { out in integer.write(bigEndianBytes: count, into: &out) }
  return array(buffer.span)
}

@Suite("Paillier (Paillier 1999; DJN 2010)")
struct PaillierTests {
  @Test("the product of ciphertexts decrypts to the sum of the readings, negatives included, and (S, R) proves it")
  func homomorphicSum() throws {
    let key = try makeKey()
    var generator = TestGenerator(state: 2)
    let readings: [[Int64]] = [[1200, 0], [350, 800], [-7, 5], [SlotLayout.valueBound - 1, -SlotLayout.valueBound]]
    var product = CiphertextProduct(key.publicKey)
    for (index, reading) in readings.enumerated() {
      // Each meter has a base of its own.
      let encryptor = Encryptor(key.publicKey, using: &generator)
      let ciphertext = try encrypted(reading, encryptor, seed: UInt64(index))
      try key.publicKey.validate(ciphertext.span)
      product.multiply(by: ciphertext.span)
    }
    var buffer = ByteBuffer(capacity: key.publicKey.ciphertextBytes)
    buffer.replace { out in product.write(into: &out) }
    let (sum, root) = try proof(key, array(buffer.span))
    try key.publicKey.verify(ciphertext: buffer.span, sum: sum.span, root: root.span)
    let values = try key.publicKey.unpack(sum: sum.span, contributors: readings.count)
    #expect(values == [1543 + SlotLayout.valueBound - 1, 805 - SlotLayout.valueBound])
  }

  @Test("a sum outside contributors × bound is refused: somebody encrypted what no record may hold")
  func slotBound() throws {
    let key = try makeKey()
    var generator = TestGenerator(state: 3)
    let encryptor = Encryptor(key.publicKey, using: &generator)
    var product = CiphertextProduct(key.publicKey)
    for seed in 0..<2 {
      let ciphertext = try encrypted([SlotLayout.valueBound - 1, 0], encryptor, seed: UInt64(seed))
      product.multiply(by: ciphertext.span)
    }
    var buffer = ByteBuffer(capacity: key.publicKey.ciphertextBytes)
    buffer.replace { out in product.write(into: &out) }
    let (sum, _) = try proof(key, array(buffer.span))
    #expect(throws: PaillierError.slotOutOfRange(slot: 0)) {
      try key.publicKey.unpack(sum: sum.span, contributors: 1)
    }
    #expect(throws: PaillierError.slotOutOfRange(slot: 1)) {
      try encrypted([0, SlotLayout.valueBound], encryptor, seed: 9)
    }
  }

  @Test("ciphertext 0, n², above n², a multiple of p and a wrong length are refused")
  func ciphertexts() throws {
    let key = try makeKey()
    let publicKey = key.publicKey
    let size = publicKey.ciphertextBytes
    func refusal(_ ciphertext: [UInt8]) -> PaillierError? {
      do throws(PaillierError) { try publicKey.validate(ciphertext.span) } catch { return error }
      return nil
    }
    #expect(refusal([UInt8](repeating: 0, count: size)) == .ciphertextZero)
    #expect(refusal(bytes(publicKey.nSquared, size)) == .ciphertextTooLarge)
    #expect(refusal([UInt8](repeating: 255, count: size)) == .ciphertextTooLarge)
    #expect(refusal(bytes(publicKey.n, size)) == .ciphertextNotCoprime)
    #expect(refusal([1]) == .ciphertextWrongLength(bytes: 1))
    #expect(refusal(bytes(Integer(1), size)) == nil)
  }

  @Test("(S + n, R), (S, n − R), (S, 0), (S, n) and another S are refused (DESIGN §2.3)")
  func proofs() throws {
    let key = try makeKey()
    let publicKey = key.publicKey
    let size = publicKey.modulusBytes
    var generator = TestGenerator(state: 4)
    let encryptor = Encryptor(publicKey, using: &generator)
    let ciphertext = try encrypted([5, 6], encryptor, seed: 5)
    let (sum, root) = try proof(key, ciphertext)
    func refusal(_ sum: [UInt8], _ root: [UInt8]) -> PaillierError? {
      do throws(PaillierError) {
        try publicKey.verify(ciphertext: ciphertext.span, sum: sum.span, root: root.span)
      } catch { return error }
      return nil
    }
    #expect(refusal(sum, root) == nil)
    let s = Integer(bigEndian: sum.span)
    let r = Integer(bigEndian: root.span)
    #expect(refusal(bytes(s.plus(publicKey.n), size), root) == .sumOutOfRange)
    #expect(refusal(sum, bytes(publicKey.n.minus(r), size)) == .proofDoesNotHold)
    #expect(refusal(sum, [UInt8](repeating: 0, count: size)) == .rootOutOfRange)
    #expect(refusal(sum, bytes(publicKey.n, size)) == .rootOutOfRange)
    #expect(refusal(bytes(s.plus(Integer(1)), size), root) == .proofDoesNotHold)
  }

  @Test("with one shared, published r (the paper's form) anyone reads every reading; with ours nobody does")
  func sharedRandomness() throws {
    let key = try makeKey()
    let publicKey = key.publicKey
    let n = publicKey.n.copy()
    var generator = TestGenerator(state: 6)
    let r = Integer.random(bits: 500, using: &generator)
    let noise = r.power(publicExponent: n, modulo: publicKey.nSquared)
    // The attacker knows n and the ciphertexts; here also r, as published.
    func attack(_ c: borrowing Integer, _ other: borrowing Integer) -> Integer? {
      let quotient = c.times(other.inverse(modulo: publicKey.nSquared)).modulo(publicKey.nSquared)
      guard quotient.modulo(n).equals(1) else { return nil }
      return quotient.minus(Integer(1)).dividedExactly(by: n)
    }
    let readings: [UInt32] = [1234, 777]
    func paper(_ reading: UInt32) -> Integer {
      Integer(reading).times(n).plus(Integer(1)).times(noise).modulo(publicKey.nSquared)
    }
    let first = paper(readings[0])
    let second = paper(readings[1])
    var recovered: [Bool] = []
    if let reading = attack(first, noise) { recovered.append(reading.equals(1234)) }
    if let difference = attack(first, second) { recovered.append(difference.equals(1234 - 777)) }
    #expect(recovered == [true, true], "the attack reads the paper's form, with r and by differences")

    let encryptor = Encryptor(publicKey, using: &generator)
    let ours = try [1234, 777].enumerated().map { try encrypted([$1, 0], encryptor, seed: UInt64(100 + $0)) }
    var leaks = 0
    let (bytes0, bytes1) = (ours[0], ours[1])
    let c0 = Integer(bigEndian: bytes0.span)
    let c1 = Integer(bigEndian: bytes1.span)
    if let _ = attack(c0, c1) { leaks += 1 }
    if let _ = attack(c0, noise) { leaks += 1 }
    #expect(leaks == 0)
  }

  @Test("keys below 2048 bits are refused outside tests; a key file survives a round trip and no truncation")
  func keyFiles() throws {
    let key = try makeKey()
    var file = ByteBuffer(capacity: key.encodedBytes)
    file.replace { out in key.encode(into: &out) }
    let encoded = array(file.span)
    let again = try PrivateKey(decoding: encoded.span, allowingSmallForTests: true)
    let identifiers = [again.publicKey.keyIdentifier, key.publicKey.keyIdentifier]
    #expect(identifiers[0] == identifiers[1])
    func refusal(_ bytes: [UInt8], small: Bool) -> PaillierError? {
      do throws(PaillierError) { _ = try PrivateKey(decoding: bytes.span, allowingSmallForTests: small) } catch {
        return error
      }
      return nil
    }
    #expect(refusal(encoded, small: false) == .modulusTooSmall(bits: 512))
    for count in 0..<encoded.count {
      #expect(refusal(Array(encoded.prefix(count)), small: true) == .malformedKeyFile)
    }
    #expect(refusal(encoded + [0], small: true) == .malformedKeyFile)
  }
}
