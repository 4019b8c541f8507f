import BigInteger
import Paillier
import Testing
import Wire

@Suite("Pool of randomizers")
struct PoolTests {
  private static func pool(_ key: PublicKey, capacity: Int = 4) -> RandomizerPool<Hardened> {
    var generator = TestGenerator(state: 5)
    return RandomizerPool(Encryptor(key, using: &generator), capacity: capacity, processMark: 77)
  }

  private static func encrypt(
    _ pool: inout RandomizerPool<Hardened>, _ values: [Int64], mark: UInt64 = 77
  ) throws(PaillierError) -> [UInt8] {
    try Support.written(pool.key.ciphertextBytes) { (out) throws(PaillierError) in
      try pool.encrypt(values.span, processMark: mark, into: &out)
    }
  }

  @Test("its ciphertexts decrypt, each with a randomizer of its own, and it holds no more than its capacity")
  func singleUse() throws {
    let key = try Support.smallKey()
    var pool = Self.pool(key.publicKey)
    var generator = TestGenerator(state: 6)
    for _ in 0..<9 { try pool.prepare(processMark: 77, using: &generator) }
    let prepared = pool.count
    #expect(prepared == 4)
    var ciphertexts: [[UInt8]] = []
    for _ in 0..<4 { ciphertexts.append(try Self.encrypt(&pool, [7, -7])) }
    #expect(Set(ciphertexts).count == 4)
    // Equal plaintexts: the quotient of two is 1 modulo n exactly when their randomizers are the same.
    for i in 0..<4 {
      for j in 0..<i {
        let (first, second) = (ciphertexts[i], ciphertexts[j])
        let same =
          Integer(bigEndian: first.span).modulo(key.publicKey.n)
          .compared(to: Integer(bigEndian: second.span).modulo(key.publicKey.n)) == 0
        #expect(!same)
      }
    }
    for ciphertext in ciphertexts {
      let proof = try Support.proof(key, ciphertext)
      let slots = try key.publicKey.unpack(sum: proof.sum.span, contributors: 1)
      #expect(slots == [7, -7])
    }
    var refused: PaillierError?
    do throws(PaillierError) { _ = try Self.encrypt(&pool, [0, 0]) } catch { refused = error }
    #expect(refused == .poolEmpty)
  }

  @Test("a refused plaintext costs its randomizer: nothing is used a second time")
  func refusedPlaintext() throws {
    let key = try Support.smallKey()
    var pool = Self.pool(key.publicKey)
    var generator = TestGenerator(state: 6)
    try pool.prepare(processMark: 77, using: &generator)
    var refused: PaillierError?
    do throws(PaillierError) { _ = try Self.encrypt(&pool, [0, .max]) } catch { refused = error }
    #expect(refused == .slotOutOfRange(slot: 1))
    let left = pool.count
    #expect(left == 0)
  }

  @Test("another process mark, as a forked child has, empties it and is refused")
  func forked() throws {
    let key = try Support.smallKey()
    var pool = Self.pool(key.publicKey)
    var generator = TestGenerator(state: 6)
    for _ in 0..<3 { try pool.prepare(processMark: 77, using: &generator) }
    var refused: PaillierError?
    do throws(PaillierError) { _ = try Self.encrypt(&pool, [1, 1], mark: 0) } catch { refused = error }
    #expect(refused == .poolOfAnotherProcess)
    let left = pool.count
    #expect(left == 0)
    do throws(PaillierError) { try pool.prepare(processMark: 0, using: &generator) } catch { refused = error }
    #expect(refused == .poolOfAnotherProcess)
    do throws(PaillierError) { _ = try Self.encrypt(&pool, [1, 1]) } catch { refused = error }
    #expect(refused == .poolEmpty)
  }
}
