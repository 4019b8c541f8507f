import BigInteger
import Paillier
import Testing
import Wire

@Suite("Weighted products, audits and layouts of named slots")
struct WeightedTests {
  @Test(
    "decrypt to the weighted sum, whatever the windows, weights 0 and the largest included",
    arguments: [(16, 8), (16, 4), (1, 1), (64, 4), (13, 5)])
  func weighted(weightBits: Int, windowBits: Int) throws {
    let key = try Support.smallKey()
    let publicKey = key.publicKey
    var generator = TestGenerator(state: 1)
    let encryptor = Encryptor(publicKey, using: &generator)
    var product = WeightedProduct(publicKey, weightBits: weightBits, windowBits: windowBits)
    var expected = Integer()
    let largest = weightBits == 64 ? UInt64.max : 1 << UInt64(weightBits) - 1
    for index in 0..<20 {
      let weight = index == 0 ? 0 : index == 1 ? largest : generator.next() & largest
      let value = Int64(truncatingIfNeeded: generator.next() % 2001) - 1000
      let ciphertext = try Support.encrypted([value, 0], encryptor, seed: UInt64(index))
      try product.add(ciphertext.span, weight: weight, encryptedUnder: publicKey.keyIdentifier)
      let wide = Integer(UInt32(weight >> 32)).shiftedLeft(32).plus(Integer(UInt32(truncatingIfNeeded: weight)))
      expected = expected.plus(wide.times(Integer(signed: value)))
    }
    let ciphertext = [UInt8](capacity: publicKey.ciphertextBytes) { out in product.write(into: &out) }
    let decrypted = try Support.decrypted(key, ciphertext)
    let sum = Support.bytes(expected.modulo(publicKey.n), publicKey.modulusBytes)
    #expect(decrypted == sum)
  }

  @Test("of nothing are 1; weights over their bits, other keys' and bad ciphertexts are refused and change nothing")
  func weightedRefusals() throws {
    let key = try Support.smallKey().publicKey
    var product = WeightedProduct(key, weightBits: 8, windowBits: 4)
    let one = [UInt8](repeating: 0, count: key.ciphertextBytes - 1) + [1]
    let zero = [UInt8](repeating: 0, count: key.ciphertextBytes)
    var refused: [PaillierError] = []
    do throws(PaillierError) { try product.add(one.span, weight: 256, encryptedUnder: key.keyIdentifier) } catch {
      refused.append(error)
    }
    do throws(PaillierError) { try product.add(one.span, weight: 1, encryptedUnder: FixedBytes()) } catch {
      refused.append(error)
    }
    do throws(PaillierError) { try product.add(zero.span, weight: 1, encryptedUnder: key.keyIdentifier) } catch {
      refused.append(error)
    }
    #expect(refused == [.weightOutOfRange, .otherKey, .ciphertextZero])
    let count = product.count
    let written = [UInt8](capacity: key.ciphertextBytes) { out in product.write(into: &out) }
    #expect(count == 0 && written == one)
  }

  @Test("a product refuses ciphertexts of another key, and one gcd finds a factor that shares a prime")
  func products() throws {
    let key = try Support.smallKey().publicKey
    var product = CiphertextProduct(key)
    var refused: PaillierError?
    let one = [UInt8](repeating: 0, count: key.ciphertextBytes - 1) + [1]
    do throws(PaillierError) { try product.add(one.span, encryptedUnder: FixedBytes()) } catch { refused = error }
    #expect(refused == .otherKey)
    try product.add(one.span, encryptedUnder: key.keyIdentifier)
    try product.checkCoprime()
    let n = Support.bytes(key.n, key.ciphertextBytes)
    try product.add(n.span, encryptedUnder: key.keyIdentifier)
    do throws(PaillierError) { try product.checkCoprime() } catch { refused = error }
    #expect(refused == .ciphertextNotCoprime)
  }

  // MARK: Audits

  private static func decryptions(_ key: borrowing PrivateKey, _ count: Int) throws -> [[[UInt8]]] {
    var generator = TestGenerator(state: 8)
    let encryptor = Encryptor(key.publicKey, using: &generator)
    var result: [[[UInt8]]] = []
    for index in 0..<count {
      let ciphertext = try Support.encrypted([Int64(index), 5], encryptor, seed: UInt64(index))
      let proof = try Support.proof(key, ciphertext)
      result.append([ciphertext, proof.sum, proof.root])
    }
    return result
  }

  private static func holds(_ key: PublicKey, _ decryptions: [[[UInt8]]], seed: UInt64) throws -> Bool {
    var audit = DecryptionAudit(key)
    var generator = TestGenerator(state: seed)
    for decryption in decryptions {
      let (c, s, r) = (decryption[0], decryption[1], decryption[2])
      try audit.add(ciphertext: c.span, sum: s.span, root: r.span, using: &generator)
    }
    return audit.holds()
  }

  @Test("an audit holds for right decryptions and fails for one wrong sum among them, under every weight")
  func audit() throws {
    let key = try Support.smallKey()
    let publicKey = key.publicKey
    var all = try Self.decryptions(key, 6)
    #expect(try Self.holds(publicKey, [], seed: 0))
    #expect(try Self.holds(publicKey, all, seed: 1))
    let (s, other) = (all[3][1], all[4][1])
    all[3][1] = Support.bytes(Integer(bigEndian: s.span).plus(Integer(1)), publicKey.modulusBytes)
    for seed in 0..<20 { #expect(try !Self.holds(publicKey, all, seed: UInt64(seed))) }
    // Two sums exchanged: the total is right, each is not.
    all[3][1] = other
    all[4][1] = s
    for seed in 0..<20 { #expect(try !Self.holds(publicKey, all, seed: UInt64(seed))) }
  }

  @Test("R → n − R passes an audit half the time and acceptance never (DESIGN §2.3)")
  func negatedRoot() throws {
    let key = try Support.smallKey()
    let publicKey = key.publicKey
    var all = try Self.decryptions(key, 3)
    let root = all[1][2]
    all[1][2] = Support.bytes(publicKey.n.minus(Integer(bigEndian: root.span)), publicKey.modulusBytes)
    var passed = 0
    for seed in 0..<64 where try Self.holds(publicKey, all, seed: UInt64(seed)) { passed += 1 }
    #expect((8...56).contains(passed), "64 audits with weights of their own")
    let (c, s, r) = (all[1][0], all[1][1], all[1][2])
    let refused = Support.refusal { () throws(PaillierError) in
      try publicKey.verify(ciphertext: c.span, sum: s.span, root: r.span)
    }
    #expect(refused == .proofDoesNotHold)
  }

  // MARK: Named slots

  private static let slots = [
    PackedLayout.Slot("import", valueBits: 24), PackedLayout.Slot("balance", valueBits: 30, isSigned: true),
    PackedLayout.Slot("flags", valueBits: 1), PackedLayout.Slot("export", valueBits: 24, isSigned: true),
  ]

  @Test("sums of packed plaintexts come back slot by slot, at each slot's limits")
  func packed() throws {
    let key = try Support.smallKey()
    let publicKey = key.publicKey
    let layout = try PackedLayout(Self.slots, maximumTerms: 5, modulusBits: 512)
    #expect(layout.index(of: "flags") == 2 && layout.index(of: "nothing") == nil)
    #expect((0..<4).map { layout.width($0) } == [28, 34, 5, 28])
    var generator = TestGenerator(state: 9)
    let encryptor = Encryptor(publicKey, using: &generator)
    let rows: [[Int64]] = [
      [0, 0, 0, 0], [1 << 24 - 1, -(1 << 30), 1, -(1 << 24)], [1 << 24 - 1, -(1 << 30), 1, -(1 << 24)], [5, 1, 0, 3],
      [0, -1, 1, -1],
    ]
    var product = CiphertextProduct(publicKey)
    for row in rows {
      let plaintext = try Support.written(publicKey.modulusBytes) { (out) throws(PaillierError) in
        try layout.pack(row.span, for: publicKey, into: &out)
      }
      let ciphertext = try Support.written(publicKey.ciphertextBytes) { (out) throws(PaillierError) in
        try encryptor.encrypt(plaintext: plaintext.span, using: &generator, into: &out)
      }
      product.multiply(by: ciphertext.span)
    }
    let aggregate = [UInt8](capacity: publicKey.ciphertextBytes) { out in product.write(into: &out) }
    let sum = try Support.decrypted(key, aggregate)
    let values = try layout.unpack(sum.span, terms: 5, for: publicKey)
    #expect(values == (0..<4).map { slot in rows.map { $0[slot] }.reduce(0, +) })
    // Fewer terms could not have given this.
    let refused = Support.refusal { () throws(PaillierError) in
      _ = try layout.unpack(sum.span, terms: 1, for: publicKey)
    }
    #expect(refused == .slotOutOfRange(slot: 0))
    let tooMany = Support.refusal { () throws(PaillierError) in
      _ = try layout.unpack(sum.span, terms: 6, for: publicKey)
    }
    #expect(tooMany == .tooManyTerms)
  }

  @Test(
    "each side of each slot's limit",
    arguments: [
      ([1 << 24, 0, 0, 0], 0), ([-1, 0, 0, 0], 0), ([0, 1 << 30, 0, 0], 1), ([0, -(1 << 30) - 1, 0, 0], 1),
      ([0, 0, 2, 0], 2), ([0, 0, 0, .min], 3), ([0, 0, 0, .max], 3),
    ] as [([Int64], Int)])
  func slotLimits(values: [Int64], slot: Int) throws {
    let key = try Support.smallKey().publicKey
    let layout = try PackedLayout(Self.slots, maximumTerms: 5, modulusBits: 512)
    let refused = Support.refusal { () throws(PaillierError) in
      _ = try Support.written(64) { (out) throws(PaillierError) in try layout.pack(values.span, for: key, into: &out) }
    }
    #expect(refused == .slotOutOfRange(slot: slot))
  }

  @Test("layouts that do not fit n, 63 bits or their own names are refused")
  func layouts() {
    func refusal(_ slots: [PackedLayout.Slot], terms: Int64 = 100, bits: Int = 2048) -> PaillierError? {
      Support.refusal { () throws(PaillierError) in
        _ = try PackedLayout(slots, maximumTerms: terms, modulusBits: bits)
      }
    }
    let wide = PackedLayout.Slot("a", valueBits: 24)
    #expect(refusal([wide]) == nil)
    #expect(refusal([]) == .badLayout)
    #expect(refusal([wide, wide]) == .badLayout)
    #expect(refusal([wide], terms: 0) == .badLayout)
    #expect(refusal([PackedLayout.Slot("a", valueBits: 0)]) == .badLayout)
    #expect(refusal([PackedLayout.Slot("a", valueBits: 55)], terms: 128) == nil)
    #expect(refusal([PackedLayout.Slot("a", valueBits: 56)], terms: 128) == .badLayout)
    #expect(refusal([PackedLayout.Slot("a", valueBits: 22)], terms: 128, bits: 32) == nil)
    #expect(refusal([PackedLayout.Slot("a", valueBits: 23)], terms: 128, bits: 32) == .layoutDoesNotFit(slots: 1))
    // 24-bit watt-hours of 2^15 meters: 51 slots of 40 bits. (docs/CRYPTOGRAPHY.md, Packing)
    let many = (0..<52).map { PackedLayout.Slot("\($0)", valueBits: 24) }
    #expect(refusal(Array(many.prefix(51)), terms: 1 << 15) == nil)
    #expect(refusal(many, terms: 1 << 15) == .layoutDoesNotFit(slots: 52))
  }
}
