import BigInteger
import CHeapCount
import Cryptography
import Foundation
import Paillier
import Wire

/// Every operation of the benchmark on one key, ready to be repeated.
private final class BenchOperations {
  private let key: PrivateKey
  private let fastKey: FastPrivateKey
  private let alphaKey: AlphaPrivateKey
  private let fastAlphaKey: FastAlphaPrivateKey
  private let half: Encryptor
  private let fastHalf: FastEncryptor
  private let fastHalfLarge: FastEncryptor
  private let short: Encryptor
  private let fastShort: FastEncryptor
  private let alpha: Encryptor
  private let fastAlpha: FastEncryptor
  private var pool: RandomizerPool<Hardened>
  private var product: CiphertextProduct
  private let ciphertext: [UInt8]
  private let alphaCiphertext: [UInt8]
  private let provenSum: [UInt8]
  private let provenRoot: [UInt8]
  private var out: ByteBuffer
  private var sum: ByteBuffer
  private var root: ByteBuffer
  private var random = SecureRandom()
  private let values: [Int64] = [1234, -5]
  private var accumulator = Integer(1)
  private let factor: Integer
  private let square: Integer
  private let base: Integer
  private let n: Integer

  init(
    _ key: consuming PrivateKey, _ fastKey: consuming FastPrivateKey, _ alphaKey: consuming AlphaPrivateKey,
    _ fastAlphaKey: consuming FastAlphaPrivateKey, n: borrowing Integer
  ) {
    var random = SecureRandom()
    let publicKey = key.publicKey
    let alphaPublicKey = alphaKey.publicKey
    self.key = key
    self.fastKey = fastKey
    self.alphaKey = alphaKey
    self.fastAlphaKey = fastAlphaKey
    let bits = publicKey.modulusBytes * 8
    let shortLength: ExponentLength = bits < 3072 ? .assumingShort448 : .assumingShort512
    half = Encryptor(publicKey, using: &random)
    fastHalf = FastEncryptor(publicKey, using: &random)
    fastHalfLarge = FastEncryptor(publicKey, shape: CombShape(rows: 10, blocks: 4), using: &random)
    short = Encryptor(publicKey, exponentLength: shortLength, using: &random)
    fastShort = FastEncryptor(publicKey, exponentLength: shortLength, using: &random)
    alpha = Encryptor(alphaPublicKey, using: &random)
    fastAlpha = FastEncryptor(alphaPublicKey, using: &random)
    pool = RandomizerPool(Encryptor(publicKey, using: &random), capacity: 64, processMark: 1)
    product = CiphertextProduct(publicKey)
    out = ByteBuffer(capacity: publicKey.ciphertextBytes)
    sum = ByteBuffer(capacity: publicKey.modulusBytes)
    root = ByteBuffer(capacity: publicKey.modulusBytes)
    self.n = n.copy()
    square = n.times(n)
    base = Integer.random(bits: bits - 1, using: &random)
    factor = Integer.random(bits: 2 * bits - 2, using: &random)
    let ciphertext = Self.ciphertext(fastHalf)
    self.ciphertext = ciphertext
    alphaCiphertext = Self.ciphertext(fastAlpha)
    let proof = Self.proof(self.key, ciphertext)
    provenSum = proof.sum
    provenRoot = proof.root
  }

  private static func ciphertext(_ encryptor: borrowing FastEncryptor) -> [UInt8] {
    let values: [Int64] = [1234, -5]
    var random = SecureRandom()
    return [UInt8](capacity: encryptor.key.ciphertextBytes) { out in
      try? encryptor.encrypt(values.span, using: &random, into: &out)
    }
  }

  private static func proof(_ key: borrowing PrivateKey, _ ciphertext: [UInt8]) -> (sum: [UInt8], root: [UInt8]) {
    var sum = ByteBuffer(capacity: key.publicKey.modulusBytes)
    var root = ByteBuffer(capacity: key.publicKey.modulusBytes)
    sum.replace { sum in root.replace { root in try? key.prove(ciphertext.span, sum: &sum, root: &root) } }
    return (array(sum.span), array(root.span))
  }

  /// Keys of the same primes in both profiles, and alpha keys of the same size.
  static func make(_ primes: (p: [UInt8], q: [UInt8])) throws(PaillierError) -> BenchOperations {
    let layout = SlotLayout([.activeEnergyImport, .activeEnergyExport])
    var random = SecureRandom()
    let p = Integer(bigEndian: primes.p.span)
    let q = Integer(bigEndian: primes.q.span)
    let key = try PrivateKey(p: p, q: q, layout: layout)
    let fastKey = try FastPrivateKey(p: p, q: q, layout: layout)
    let alphaKey = try AlphaPrivateKey(
      generatingBits: key.publicKey.modulusBytes * 8, layout: layout, using: &random)
    let alphaFile = file(alphaKey)
    let fastAlphaKey = try FastAlphaPrivateKey(decoding: alphaFile.span)
    return BenchOperations(key, fastKey, alphaKey, fastAlphaKey, n: p.times(q))
  }

  private static func file(_ key: borrowing AlphaPrivateKey) -> [UInt8] {
    var file = ByteBuffer(capacity: key.encodedBytes)
    file.replace { out in key.encode(into: &out) }
    return array(file.span)
  }

  private func encrypt<Profile: ArithmeticProfile>(_ encryptor: borrowing ProfiledEncryptor<Profile>, _ count: Int) {
    let values = self.values
    for _ in 0..<count {
      out.replace { out in try? encryptor.encrypt(values.span, using: &random, into: &out) }
    }
  }

  private func repeated(_ count: Int, _ body: () -> Void) { for _ in 0..<count { body() } }

  /// The CPU time and the allocations of `count` repetitions; nil for an operation there is not.
  func measure(_ name: String, _ count: Int) -> (nanoseconds: UInt64, allocations: UInt64)? {
    if name == "pooledEncrypt" {
      repeated(count) { try? pool.prepare(processMark: 1, using: &random) }
    }
    let values = self.values
    let ciphertext = self.ciphertext
    let alphaCiphertext = self.alphaCiphertext
    let provenSum = self.provenSum
    let provenRoot = self.provenRoot
    let allocations = heap_count_of_this_thread()
    let started = cpuNanoseconds()
    switch name {
    case "encrypt-hardened-half": encrypt(half, count)
    case "encrypt-fast-half": encrypt(fastHalf, count)
    case "encrypt-fast-half-large": encrypt(fastHalfLarge, count)
    case "encrypt-hardened-short": encrypt(short, count)
    case "encrypt-fast-short": encrypt(fastShort, count)
    case "encrypt-hardened-alpha": encrypt(alpha, count)
    case "encrypt-fast-alpha": encrypt(fastAlpha, count)
    case "decrypt-hardened": repeated(count) { out.replace { out in try? key.decrypt(ciphertext.span, into: &out) } }
    case "decrypt-fast": repeated(count) { out.replace { out in try? fastKey.decrypt(ciphertext.span, into: &out) } }
    case "decrypt-hardened-alpha":
      repeated(count) { out.replace { out in try? alphaKey.decrypt(alphaCiphertext.span, into: &out) } }
    case "decrypt-fast-alpha":
      repeated(count) { out.replace { out in try? fastAlphaKey.decrypt(alphaCiphertext.span, into: &out) } }
    case "aggregate": repeated(count) { product.multiply(by: ciphertext.span) }
    case "pooledEncrypt":
      repeated(count) { out.replace { out in try? pool.encrypt(values.span, processMark: 1, into: &out) } }
    case "prove":
      repeated(count) {
        sum.replace { sum in root.replace { root in try? key.prove(ciphertext.span, sum: &sum, root: &root) } }
      }
    case "verifyProof":
      repeated(count) {
        try? key.publicKey.verify(ciphertext: ciphertext.span, sum: provenSum.span, root: provenRoot.span)
      }
    case "mpz-aggregate": repeated(count) { accumulator = accumulator.times(factor).modulo(square) }
    case "mpz-powm": repeated(count) { accumulator = base.power(publicExponent: n, modulo: square) }
    default: return nil
    }
    return (cpuNanoseconds() - started, heap_count_of_this_thread() - allocations)
  }
}

private func cpuNanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Answers `OPERATION COUNT` with `NANOSECONDS ALLOCATIONS` until stdin ends.
func benchWorker(_ path: String) throws(LabError) {
  let primes = try readPrimes(path)
  let operations: BenchOperations
  do throws(PaillierError) { operations = try BenchOperations.make(primes) } catch { throw .refused("\(error)") }
  print("ready \(gmpVersion)")
  fflush(nil)
  while let line = readLine() {
    let words = line.split(separator: " ").map(String.init)
    guard words.count == 2, let count = Int(words[1]), let measured = operations.measure(words[0], count) else {
      throw .usage
    }
    print("\(measured.nanoseconds) \(measured.allocations)")
    fflush(nil)
  }
}
