import BigInteger
import Paillier
import Testing
import Wire

@Suite("Known answers of a 2048-bit key (Tests/Oracles/paillier_vectors.py)")
struct VectorTests {
  private static func check<Profile: ArithmeticProfile>(_ profile: Profile.Type) throws {
    let vectors = try Support.vectors()
    let p = try Support.number(vectors, "p")
    let q = try Support.number(vectors, "q")
    let key = try ProfiledPrivateKey<Profile>(p: p, q: q, layout: Support.layout)
    let publicKey = key.publicKey
    let identifier = try #require(vectors["keyId"])
    let expectedIdentifier = Hexadecimal.string(identifier.span)
    #expect(publicKey.keyIdentifier.description == expectedIdentifier)
    var product = CiphertextProduct(publicKey)
    for (index, readings) in ([[1234, 0], [0, -5], [-250, 98765]] as [[Int64]]).enumerated() {
      var message = Integer()
      for value in readings.reversed() { message = message.shiftedLeft(64).plus(Integer(signed: value)) }
      let x = try Support.number(vectors, "x\(index)")
      let a = try Support.number(vectors, "a\(index)")
      let encryptor = ProfiledEncryptor<Profile>(publicKey, x: x)
      let ciphertext = Support.bytes(encryptor.encrypt(message, exponent: a), publicKey.ciphertextBytes)
      #expect(ciphertext == vectors["c\(index)"])
      product.multiply(by: ciphertext.span)
    }
    let aggregate = [UInt8](capacity: publicKey.ciphertextBytes) { out in product.write(into: &out) }
    #expect(aggregate == vectors["product"])
    let proof = try Support.proof(key, aggregate)
    #expect(proof.sum == vectors["s"])
    #expect(proof.root == vectors["r"])
    let decrypted = try Support.decrypted(key, aggregate)
    #expect(decrypted == vectors["s"])
    let slots = try publicKey.unpack(sum: proof.sum.span, contributors: 3)
    #expect(slots == [984, 98760])
  }

  @Test("DJN ciphertexts, their product, its sum and its root, hardened")
  func hardened() throws { try Self.check(Hardened.self) }

  @Test("the same, fast")
  func fast() throws { try Self.check(Fast.self) }

  @Test("an alpha key's ciphertext, sum and root")
  func alpha() throws {
    let vectors = try Support.vectors()
    let p = try Support.number(vectors, "alphaKeyP")
    let q = try Support.number(vectors, "alphaKeyQ")
    let alphaP = try Support.number(vectors, "alphaP")
    let alphaQ = try Support.number(vectors, "alphaQ")
    let h = try Support.number(vectors, "alphaH")
    let key = try AlphaPrivateKey(p: p, q: q, alphaP: alphaP, alphaQ: alphaQ, h: h, layout: Support.layout)
    var generator = TestGenerator(state: 1)
    let encryptor = FastEncryptor(key.publicKey, using: &generator)
    let s = try Support.number(vectors, "alphaS")
    let exponent = try Support.number(vectors, "alphaExponent")
    let ciphertext = Support.bytes(encryptor.encrypt(s, exponent: exponent), 512)
    #expect(ciphertext == vectors["alphaC"])
    let proof = try Support.proof(key, ciphertext)
    #expect(proof.sum == vectors["alphaS"])
    #expect(proof.root == vectors["alphaR"])
    let slots = try key.publicKey.unpack(sum: proof.sum.span, contributors: 1)
    #expect(slots == [4321, -8])
  }

  @Test("the plain form with a given r (Paillier 1999, §4, Scheme 1)")
  func plain() throws {
    let vectors = try Support.vectors()
    let p = try Support.number(vectors, "p")
    let q = try Support.number(vectors, "q")
    let r = try Support.number(vectors, "plainR")
    let key = try PrivateKey(p: p, q: q, layout: Support.layout)
    let message = Support.bytes(Integer(8).shiftedLeft(64).plus(Integer(7)), 256)
    let ciphertext = try Support.written(512) { (out) throws(PaillierError) in
      try key.publicKey.encryptPlain(message.span, r: r, into: &out)
    }
    #expect(ciphertext == vectors["plainC"])
  }

  @Test("both profiles draw, encrypt and prove the same bytes; both exponent lengths decrypt")
  func profilesAgree() throws {
    let hardened = try Support.smallKey()
    let file = [UInt8](capacity: hardened.encodedBytes) { out in hardened.encode(into: &out) }
    let fast = try FastPrivateKey(decoding: file.span, allowingSmallForTests: true)
    for (seed, length) in [ExponentLength.halfOfModulus, .assumingShort448, .assumingShort512].enumerated() {
      var one = TestGenerator(state: UInt64(seed))
      var other = TestGenerator(state: UInt64(seed))
      let first = Encryptor(hardened.publicKey, exponentLength: length, using: &one)
      let second = FastEncryptor(
        fast.publicKey, exponentLength: length, shape: CombShape(rows: 3, blocks: 2), using: &other)
      for values in [[0, 0], [-1, 1], [SlotLayout.valueBound - 1, -SlotLayout.valueBound]] as [[Int64]] {
        let ciphertext = try Support.encrypted(values, first, seed: 9)
        let same = try Support.encrypted(values, second, seed: 9)
        #expect(ciphertext == same)
        let proof = try Support.proof(hardened, ciphertext)
        let again = try Support.proof(fast, ciphertext)
        #expect(proof == again)
        let slots = try hardened.publicKey.unpack(sum: proof.sum.span, contributors: 1)
        #expect(slots == values)
      }
    }
  }

  @Test("the self-test carries the same vectors as the text file")
  func selfTestVectors() throws {
    let swift = try Support.source("Sources/busbar-selftest/PaillierVectors+Data.swift")
    let joined = swift.split(separator: "\n").map { $0.split(separator: "\"").dropFirst().first ?? "" }.joined()
    for (name, bytes) in try Support.vectors() {
      let text = Hexadecimal.string(bytes.span)
      #expect(joined.contains(text), "\(name)")
    }
  }
}
