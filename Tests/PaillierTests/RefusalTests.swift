import BigInteger
import Paillier
import Testing
import Wire

@Suite("Malformed keys and plaintexts")
struct RefusalTests {
  private static func refusal(_ p: String, _ q: String, small: Bool = true) throws -> PaillierError? {
    let first = Integer(decimal: p)!
    let second = Integer(decimal: q)!
    return Support.refusal { () throws(PaillierError) in
      _ = try PrivateKey(
        p: first, q: second, layout: SlotLayout([.activeEnergyImport]), allowingSmallForTests: small)
    }
  }

  // 2^61 − 1 and other primes of 61 bits, 3 modulo 4.
  private static let mersenne = "2305843009213693951"

  @Test("p = q, an even p, composites, 1 mod 4, other lengths, shared factors of p − 1 and q − 1 make no key")
  func primes() throws {
    #expect(try Self.refusal(Self.mersenne, Self.mersenne) == .wrongKey)
    #expect(try Self.refusal("2305843009213693950", Self.mersenne) == .wrongKey)
    #expect(try Self.refusal("2305843009213693947", Self.mersenne) == .wrongKey, "composite, 3 mod 4")
    #expect(try Self.refusal("2305843009213693921", Self.mersenne) == .wrongKey, "prime, 1 mod 4")
    #expect(try Self.refusal("19", Self.mersenne) == .wrongKey)
    #expect(try Self.refusal("7", "19") == .wrongKey, "3 and 5 bits")
    #expect(try Self.refusal("19", "31") == .wrongKey, "18 and 30 share 6")
    #expect(try Self.refusal("0", "0") == .wrongKey)
    #expect(try Self.refusal("0", Self.mersenne, small: false) == .modulusTooSmall(bits: 0))
  }

  @Test("n even, below 2048 bits, 0, 1, or far too long is no public key")
  func moduli() {
    func refusal(_ n: [UInt8], small: Bool = false) -> PaillierError? {
      Support.refusal { () throws(PaillierError) in
        _ = try PublicKey(n: n.span, layout: Support.layout, allowingSmallForTests: small)
      }
    }
    var n = [UInt8](repeating: 0xFF, count: 256)
    #expect(refusal(n) == nil)
    n[255] = 0xFE
    #expect(refusal(n) == .modulusEven)
    #expect(refusal([]) == .modulusEven)
    n[255] = 0xFF
    n[0] = 0x7F
    #expect(refusal(n) == .modulusTooSmall(bits: 2047))
    #expect(refusal([1], small: true) == .layoutDoesNotFit(slots: 2))
    #expect(refusal([UInt8](repeating: 0xFF, count: PublicKey.maximumBits / 8)) == nil)
    #expect(
      refusal([UInt8](repeating: 0xFF, count: PublicKey.maximumBits / 8 + 1))
        == .modulusTooLarge(bits: PublicKey.maximumBits + 8))
  }

  @Test("a plaintext of n, above n or of another length is refused by both forms of encryption")
  func plaintexts() throws {
    let key = try Support.smallKey().publicKey
    var generator = TestGenerator(state: 1)
    let encryptor = Encryptor(key, using: &generator)
    let n = Support.bytes(key.n, 64)
    for plaintext in [n, [UInt8](repeating: 255, count: 64), [], [1], [0] + n] {
      let first = Support.refusal { () throws(PaillierError) in
        _ = try Support.written(128) { (out) throws(PaillierError) in
          try encryptor.encrypt(plaintext: plaintext.span, using: &generator, into: &out)
        }
      }
      let second = Support.refusal { () throws(PaillierError) in
        _ = try Support.written(128) { (out) throws(PaillierError) in
          try key.encryptPlain(plaintext.span, using: &generator, into: &out)
        }
      }
      #expect(first == .plaintextOutOfRange && second == .plaintextOutOfRange)
    }
    let largest = Support.bytes(key.n.minus(Integer(1)), 64)
    let privateKey = try Support.smallKey()
    let ciphertext = try Support.written(128) { (out) throws(PaillierError) in
      try encryptor.encrypt(plaintext: largest.span, using: &generator, into: &out)
    }
    let back = try Support.decrypted(privateKey, ciphertext)
    #expect(back == largest)
  }

  @Test("keys of other implementations need not have primes that are 3 modulo 4, but two different ones of one length")
  func foreignKeys() throws {
    let vectors = try Support.vectors()
    let p = try #require(vectors["p"])
    let q = try #require(vectors["q"])
    func refusal(_ p: [UInt8], _ q: [UInt8]) -> PaillierError? {
      Support.refusal { () throws(PaillierError) in
        _ = try PrivateKey(foreignP: p.span, q: q.span, layout: Support.layout)
      }
    }
    #expect(refusal(p, q) == nil)
    #expect(refusal(p, p) == .wrongKey)
    #expect(refusal(p, Array(q.dropLast())) == .wrongKey)
    var even = q
    even[127] ^= 1
    #expect(refusal(p, even) == .wrongKey)
    #expect(refusal([7], [11]) == .wrongKey)
    #expect(refusal([11], [13]) == .modulusTooSmall(bits: 8))
  }
}
