import CHeapCount
import Paillier
import Testing
import Wire

@Suite("Heap allocations after warm-up, GMP's included")
struct AllocationTests {
  /// Allocations of the third and fourth call.
  private static func count(_ body: () -> Void) -> UInt64 {
    body()
    body()
    let before = heap_count_of_this_thread()
    body()
    body()
    return heap_count_of_this_thread() - before
  }

  @Test("the counter sees an array, and a number of GMP's")
  func counterCounts() throws {
    let array = Self.count { _ = [UInt8](repeating: UInt8.random(in: 0...255), count: Int.random(in: 100...200)) }
    #expect(array == 2)
    let key = try Support.smallKey().publicKey
    let sum = [UInt8](repeating: 0, count: key.modulusBytes)
    #expect(Self.count { _ = try? key.unpack(sum: sum.span, contributors: 1) } > 2)
  }

  @Test("are none in encryption, pooled or not, in products, checks, decryption and proofs, at 2048 bits")
  func none() throws {
    let vectors = try Support.vectors()
    let p = try Support.number(vectors, "p")
    let q = try Support.number(vectors, "q")
    let key = try PrivateKey(p: p, q: q, layout: Support.layout)
    let publicKey = key.publicKey
    let ciphertext = try #require(vectors["product"])
    let sum = try #require(vectors["s"])
    let root = try #require(vectors["r"])
    var generator = TestGenerator(state: 1)
    let hardened = Encryptor(publicKey, using: &generator)
    let fast = FastEncryptor(publicKey, exponentLength: .assumingShort448, using: &generator)
    var pool = RandomizerPool(Encryptor(publicKey, using: &generator), capacity: 8, processMark: 1)
    var product = CiphertextProduct(publicKey)
    let values: [Int64] = [1, -1]
    var out = ByteBuffer(capacity: 512)
    var second = ByteBuffer(capacity: 512)
    var counts: [String: UInt64] = [:]
    counts["encrypt hardened"] = Self.count {
      out.replace { out in try? hardened.encrypt(values.span, using: &generator, into: &out) }
    }
    counts["encrypt fast"] = Self.count {
      out.replace { out in try? fast.encrypt(values.span, using: &generator, into: &out) }
    }
    counts["prepare"] = Self.count { try? pool.prepare(processMark: 1, using: &generator) }
    counts["pooled encrypt"] = Self.count {
      out.replace { out in try? pool.encrypt(values.span, processMark: 1, into: &out) }
    }
    counts["validate"] = Self.count { try? publicKey.validate(ciphertext.span) }
    counts["multiply"] = Self.count { product.multiply(by: ciphertext.span) }
    counts["add"] = Self.count { try? product.add(ciphertext.span, encryptedUnder: publicKey.keyIdentifier) }
    counts["coprime"] = Self.count { try? product.checkCoprime() }
    counts["write product"] = Self.count { out.replace { out in product.write(into: &out) } }
    counts["decrypt"] = Self.count { out.replace { out in try? key.decrypt(ciphertext.span, into: &out) } }
    counts["prove"] = Self.count {
      out.replace { sum in second.replace { root in try? key.prove(ciphertext.span, sum: &sum, root: &root) } }
    }
    counts["verify"] = Self.count {
      try? publicKey.verify(ciphertext: ciphertext.span, sum: sum.span, root: root.span)
    }
    counts["write ciphertext"] = Self.count {
      out.replace { out in try? publicKey.writeCiphertext(sum: sum.span, root: root.span, into: &out) }
    }
    for (operation, count) in counts { #expect(count == 0, "\(operation)") }
    #expect(counts.count == 13)
  }
}
