import BigInteger
import Cryptography
import Foundation
import Paillier
import Wire

/// Words prepared in advance, so that drawing an exponent takes the same time for every class.
private struct PreparedGenerator: RandomNumberGenerator {
  var words: [UInt64]
  var place = 0
  mutating func next() -> UInt64 {
    place = (place + 1) % words.count
    return words[place]
  }
}

/// Compares the time of encryptions with an exponent of few bits and with random ones, as dudect does: fixed against
/// random, interleaved in random order, Welch's t over the times below a percentile. (Reparaz, Balasch & Verbauwhede 2017)
///
/// The fast profile, which skips empty columns, is measured beside it: a test that did not see that one would see nothing.
func timingTest(samples: Int) throws(LabError) {
  var random = SecureRandom()
  let key: PrivateKey
  do throws(PaillierError) {
    key = try PrivateKey(generatingBits: 2048, layout: SlotLayout([.activeEnergyImport]), using: &random)
  } catch { throw .refused("\(error)") }
  let hardened = welch(Encryptor(key.publicKey, exponentLength: .assumingShort448, using: &random), samples)
  let fast = welch(FastEncryptor(key.publicKey, exponentLength: .assumingShort448, using: &random), samples)
  print("profile    samples  worst |t| over the percentiles 50, 75, 90, 99, 100")
  print("hardened  \(samples)  \(hardened)")
  print("fast      \(samples)  \(fast)   (positive control)")
  print(
    "dudect calls |t| > 10 a leak for sure and below 5 no evidence of one; noise of a shared machine hides small ones")
}

private func welch<Profile: ArithmeticProfile>(
  _ encryptor: borrowing ProfiledEncryptor<Profile>, _ samples: Int
) -> Double {
  var random = SecureRandom()
  var times: [[Double]] = [[], []]
  var out = ByteBuffer(capacity: encryptor.key.ciphertextBytes)
  let values: [Int64] = [1]
  for sample in 0..<(samples + samples / 10) {
    let isRandom = random.next() & 1 == 1
    var generator = PreparedGenerator(words: [])
    // Both classes prepare the same number of words; the fixed one has a single bit in each.
    for _ in 0..<16 {
      let word = random.next()
      generator.words.append(isRandom ? word : 1)
    }
    let started = DispatchTime.now().uptimeNanoseconds
    out.replace { out in try? encryptor.encrypt(values.span, using: &generator, into: &out) }
    let taken = DispatchTime.now().uptimeNanoseconds - started
    // The first tenth warms up.
    if sample >= samples / 10 { times[isRandom ? 1 : 0].append(Double(taken)) }
  }
  let all = (times[0] + times[1]).sorted()
  var worst = 0.0
  for percentile in [50, 75, 90, 99, 100] {
    let limit = all[(all.count - 1) * percentile / 100]
    worst = max(worst, abs(t(times[0].filter { $0 <= limit }, times[1].filter { $0 <= limit })))
  }
  return (worst * 100).rounded() / 100
}

private func t(_ a: [Double], _ b: [Double]) -> Double {
  func mean(_ x: [Double]) -> Double { x.reduce(0, +) / Double(x.count) }
  func variance(_ x: [Double], _ mean: Double) -> Double {
    x.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(x.count - 1)
  }
  guard a.count > 2, b.count > 2 else { return 0 }
  let (first, second) = (mean(a), mean(b))
  let error = variance(a, first) / Double(a.count) + variance(b, second) / Double(b.count)
  return error > 0 ? (first - second) / error.squareRoot() : 0
}
