import BigInteger
import Paillier
import Testing
import Wire

@Suite("Alpha keys (Ma, Han & Lei 2021)")
struct AlphaKeyTests {
  @Test("sums decrypt and prove as under a standard key, from n and h alone, in both profiles of encryption")
  func sums() throws {
    let key = try Support.smallAlphaKey()
    let n = [UInt8](capacity: key.publicKey.modulusBytes) { out in key.publicKey.writeModulus(into: &out) }
    let h = [UInt8](capacity: key.publicKey.modulusBytes) { out in key.writeBase(into: &out) }
    let publicKey = try PublicKey(
      n: n.span, alphaBase: h.span, layout: Support.layout, allowingSmallForTests: true)
    let identifiers = [publicKey.keyIdentifier, key.publicKey.keyIdentifier]
    #expect(identifiers[0] == identifiers[1])
    var generator = TestGenerator(state: 2)
    let hardened = Encryptor(publicKey, using: &generator)
    let fast = FastEncryptor(publicKey, using: &generator)
    #expect(hardened.exponentBits == 448)
    var product = CiphertextProduct(publicKey)
    for seed in 0..<UInt64(5) {
      let ciphertext =
        try seed % 2 == 0
        ? Support.encrypted([1200, -3], hardened, seed: seed) : Support.encrypted([-50, 9], fast, seed: seed)
      product.multiply(by: ciphertext.span)
    }
    let aggregate = [UInt8](capacity: publicKey.ciphertextBytes) { out in product.write(into: &out) }
    let proof = try Support.proof(key, aggregate)
    try publicKey.verify(ciphertext: aggregate.span, sum: proof.sum.span, root: proof.root.span)
    let slots = try publicKey.unpack(sum: proof.sum.span, contributors: 5)
    #expect(slots == [3500, 9])
  }

  @Test("a ciphertext made with another base, or with a plain rⁿ, is refused rather than misread")
  func foreignRandomness() throws {
    let key = try Support.smallAlphaKey()
    let publicKey = key.publicKey
    let n = [UInt8](capacity: publicKey.modulusBytes) { out in publicKey.writeModulus(into: &out) }
    // The same n without its base: what an encryptor would do that was not told.
    let bare = try PublicKey(n: n.span, layout: Support.layout, allowingSmallForTests: true)
    #expect(bare.keyIdentifier != publicKey.keyIdentifier)
    var generator = TestGenerator(state: 3)
    let other = try Support.encrypted([1, 2], Encryptor(bare, using: &generator), seed: 4)
    let message = [UInt8](repeating: 0, count: publicKey.modulusBytes)
    let plain = try Support.written(publicKey.ciphertextBytes) { (out) throws(PaillierError) in
      try bare.encryptPlain(message.span, using: &generator, into: &out)
    }
    for ciphertext in [other, plain] {
      let refused = Support.refusal { () throws(PaillierError) in _ = try Support.proof(key, ciphertext) }
      #expect(refused == .notOfAlphaSubgroup)
      let written = try? Support.written(publicKey.modulusBytes) { (out) throws(PaillierError) in
        try key.decrypt(ciphertext.span, into: &out)
      }
      #expect(written == nil)
    }
  }

  @Test("a key file survives a round trip, no truncation and no added byte; a standard key's file is no alpha key's")
  func keyFiles() throws {
    let key = try Support.smallAlphaKey()
    let file = [UInt8](capacity: key.encodedBytes) { out in key.encode(into: &out) }
    let again = try AlphaPrivateKey(decoding: file.span, allowingSmallForTests: true)
    let same = again.publicKey.keyIdentifier == key.publicKey.keyIdentifier
    #expect(same)
    func refusal(_ bytes: [UInt8], small: Bool = true) -> PaillierError? {
      Support.refusal { () throws(PaillierError) in
        _ = try AlphaPrivateKey(decoding: bytes.span, allowingSmallForTests: small)
      }
    }
    for count in 0..<file.count { #expect(refusal(Array(file.prefix(count))) == .malformedKeyFile) }
    #expect(refusal(file + [0]) == .malformedKeyFile)
    #expect(refusal(file, small: false) == .modulusTooSmall(bits: 640))
    let standard = try Support.smallKey()
    let other = [UInt8](capacity: standard.encodedBytes) { out in standard.encode(into: &out) }
    #expect(refusal(other) == .malformedKeyFile)
  }

  @Test("any one bit wrong in a number of the file is refused: no part of an alpha key is free")
  func bitFlips() throws {
    let key = try Support.smallAlphaKey()
    let file = [UInt8](capacity: key.encodedBytes) { out in key.encode(into: &out) }
    var accepted: [Int] = []
    // Behind tag, sizes and the two slot codes.
    for bit in (8 * 14)..<(8 * file.count) {
      var damaged = file
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      let refused = Support.refusal { () throws(PaillierError) in
        _ = try AlphaPrivateKey(decoding: damaged.span, allowingSmallForTests: true)
      }
      if refused == nil { accepted.append(bit) }
    }
    #expect(accepted.isEmpty)
  }

  @Test("0, 1, −1, n and a multiple of a prime are no base")
  func bases() throws {
    let key = try Support.smallAlphaKey()
    let n = [UInt8](capacity: key.publicKey.modulusBytes) { out in key.publicKey.writeModulus(into: &out) }
    let number = Integer(bigEndian: n.span)
    for base in [Integer().decimal, Integer(1).decimal, number.minus(Integer(1)).decimal, number.decimal] {
      let h = Support.bytes(Integer(decimal: base)!, n.count)
      let refused = Support.refusal { () throws(PaillierError) in
        _ = try PublicKey(n: n.span, alphaBase: h.span, layout: Support.layout, allowingSmallForTests: true)
      }
      #expect(refused == .baseOutOfRange)
    }
  }
}
