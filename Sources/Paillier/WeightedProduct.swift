import BigInteger
import Wire

/// Π cᵢ^wᵢ of ciphertexts of one key, which decrypts to Σ wᵢ·mᵢ, by buckets. (Pippenger 1976)
///
/// Each window of a weight's bits multiplies the ciphertext into the bucket of that value; two products a bucket join them
/// at the end. So a ciphertext costs one product a window, whatever its weight. Weights are public. No role decrypts
/// such a sum until weights are certified (DESIGN §2.2): a weight of one at a single household is its reading.
public struct WeightedProduct: ~Copyable {
  public let key: PublicKey
  public let weightBits: Int
  private let windowBits: Int
  private let windows: Int
  /// windows · 2^windowBits Montgomery pairs; entry 0 of a window is unused.
  private let buckets: Limbs
  private var used: [Bool]
  private let factor: Limbs
  private let value: Limbs
  private let running: Limbs
  private let total: Limbs
  private let row: Limbs
  private let temporary: Limbs
  private let scratch: PairScratch
  public private(set) var count = 0

  /// - Parameter weightBits: of the largest weight, 1...64.
  /// - Parameter windowBits: 8 for thousands of terms, 4 for dozens. Memory is ⌈weightBits/windowBits⌉·2^windowBits pairs.
  public init(_ key: PublicKey, weightBits: Int = 16, windowBits: Int = 8) {
    precondition(weightBits >= 1 && weightBits <= 64 && windowBits >= 1 && windowBits <= 10)
    self.key = key
    self.weightBits = weightBits
    self.windowBits = windowBits
    windows = (weightBits + windowBits - 1) / windowBits
    let size = 2 * key.pairs.count
    buckets = Limbs(count: windows << windowBits * size)
    used = [Bool](repeating: false, count: windows << windowBits)
    factor = Limbs(count: size)
    value = Limbs(count: size)
    running = Limbs(count: size)
    total = Limbs(count: size)
    row = Limbs(count: size)
    temporary = Limbs(count: 4 * key.pairs.count)
    scratch = key.pairs.makeScratch()
  }

  /// - Parameter ciphertext: checked as by ``PublicKey/validate(_:)``. A refused one, or a weight over its bits, changes
  ///   nothing.
  public mutating func add(
    _ ciphertext: Span<UInt8>, weight: UInt64, encryptedUnder keyIdentifier: FixedBytes<16>
  ) throws(PaillierError) {
    guard keyIdentifier == key.keyIdentifier else { throw .otherKey }
    guard weightBits == 64 || weight >> UInt64(weightBits) == 0 else { throw .weightOutOfRange }
    try key.decode(ciphertext, into: value)
    multiply(weight)
  }

  /// Multiplies by `value` ^ weight, for a number of up to 2k limbs that is a unit.
  mutating func add(unit: borrowing Limbs, weight: UInt64) {
    value.wipe()
    value.copyRow(0, from: unit)
    multiply(weight)
  }

  private mutating func multiply(_ weight: UInt64) {
    count += 1
    key.pairs.enter(Fast.self, value, into: factor, temporary: temporary, scratch)
    for window in 0..<windows {
      let digit = Int(weight >> UInt64(window * windowBits) & (1 << UInt64(windowBits) - 1))
      guard digit != 0 else { continue }
      let place = window << windowBits + digit
      if used[place] {
        buckets.readRow(place, into: row)
        key.pairs.multiply(Fast.self, row, factor, into: row, scratch)
        buckets.copyRow(place, from: row)
      } else {
        buckets.copyRow(place, from: factor)
        used[place] = true
      }
    }
  }

  /// Leaves the product as a Montgomery pair in `result`; false when it is the empty product.
  func join(into result: borrowing Limbs) -> Bool {
    var started = false
    for window in (0..<windows).reversed() {
      if started {
        for _ in 0..<windowBits { key.pairs.square(Fast.self, result, into: result, scratch) }
      }
      // Σ d·bucket[d] in the exponent, from the top: each bucket enters the running product once and stays there.
      var hasRunning = false
      var hasTotal = false
      for digit in (1..<(1 << windowBits)).reversed() {
        let place = window << windowBits + digit
        if used[place] {
          buckets.readRow(place, into: row)
          if hasRunning {
            key.pairs.multiply(Fast.self, running, row, into: running, scratch)
          } else {
            running.copy(from: row)
            hasRunning = true
          }
        }
        guard hasRunning else { continue }
        if hasTotal {
          key.pairs.multiply(Fast.self, total, running, into: total, scratch)
        } else {
          total.copy(from: running)
          hasTotal = true
        }
      }
      guard hasTotal else { continue }
      if started {
        key.pairs.multiply(Fast.self, result, total, into: result, scratch)
      } else {
        result.copy(from: total)
        started = true
      }
    }
    return started
  }

  /// Appends the ciphertext of the weighted sum.
  public func write(into output: inout OutputSpan<UInt8>) {
    let pair = Limbs(count: 2 * key.pairs.count)
    let number = Limbs(count: 2 * key.pairs.count)
    if join(into: pair) {
      key.pairs.leave(Fast.self, pair, into: pair, scratch)
      key.pairs.compose(Fast.self, pair, into: number, scratch)
    } else {
      number.setWord(0, 1)
    }
    number.write(bigEndianBytes: key.ciphertextBytes, into: &output)
  }
}
