import CGMP

/// The product of many plain numbers modulo m², all public.
///
/// Each factor c = c₀ + c₁R enters by one reduction: q = −c₀·m⁻¹ mod R and a = (c₀ + q·m)/R + c₁ give
/// c·R⁻¹ = a − q·R⁻¹·m. Holding the second digit with the same factor R⁻¹, X = A + B·R⁻¹·m, makes the product
/// A' = A·a·R⁻¹ with its own q', and B' = (B·a − A·q)·R⁻¹ − q': three k-limb multiplications and three reductions a
/// factor, without a division. What the reductions took, R^(−2·factors), is given back once at the end.
public struct PairProduct: ~Copyable {
  private let modulus: PairModulus
  private let scratch: PairScratch
  private let memory: Limbs
  private let table: Limbs
  private let exponent = Limbs(count: 64 / Limbs.bits)
  public private(set) var factors = 0
  /// Whether R < 2m, which the subtractions below rely on.
  private var isFull: Bool { modulus.isFull }

  private var a: UnsafeMutablePointer<UInt> { memory.base }
  private var b: UnsafeMutablePointer<UInt> { memory.base + modulus.count }
  private var input: UnsafeMutablePointer<UInt> { memory.base + 2 * modulus.count }
  private var work: UnsafeMutablePointer<UInt> { memory.base + 4 * modulus.count }

  /// The empty product, 1, modulo m². All memory that its factors will need is allocated here.
  public init(_ modulus: PairModulus) {
    self.modulus = modulus
    scratch = modulus.makeScratch()
    memory = Limbs(count: 8 * modulus.count)
    table = Limbs(count: modulus.windowTableCount)
    reset()
  }

  /// Back to the empty product, 1.
  public mutating func reset() {
    factors = 0
    __gmpn_zero(memory.base, 2 * modulus.count)
    memory.base[0] = 1
  }

  /// Multiplies by a plain number below m², 2k limbs.
  public mutating func multiply(by factor: borrowing Limbs) {
    precondition(factor.count == 2 * modulus.count)
    factors += 1
    if isFull { multiplyFull(UnsafePointer(factor.base)) } else { multiplyAny(UnsafePointer(factor.base)) }
  }

  private mutating func multiplyFull(_ c: UnsafePointer<UInt>) {
    let k = modulus.count
    let m = modulus.modulus.base
    let s = scratch.t
    let q = scratch.q
    let inverse = modulus.minusInverse
    let digit = work
    __gmpn_copyi(s, c, k)
    __gmpn_zero(s + k, k)
    for row in 0..<k {
      let multiple = s[row] &* inverse
      q[row] = multiple
      s[row] = __gmpn_addmul_1(s + row, m, k, multiple)
    }
    // Below 2m < 2R, so one subtraction brings it below R, and passes one m on to the second digit.
    var carry = __gmpn_add_n(digit, s + k, s, k)
    carry &+= __gmpn_add_n(digit, digit, c + k, k)
    let passed = carry != 0
    if passed { _ = __gmpn_sub_n(digit, digit, m, k) }
    // B·a − A·q (+ A·R)
    __gmpn_mul_n(scratch.u, b, digit, k)
    __gmpn_mul_n(scratch.v, a, q, k)
    var cross = 0 - Int(__gmpn_sub_n(scratch.u, scratch.u, scratch.v, 2 * k))
    if passed { cross += Int(__gmpn_add_n(scratch.u + k, scratch.u + k, a, k)) }
    // A·a
    __gmpn_mul_n(s, a, digit, k)
    for row in 0..<k {
      let multiple = s[row] &* inverse
      q[row] = multiple
      s[row] = __gmpn_addmul_1(s + row, m, k, multiple)
    }
    if __gmpn_add_n(a, s + k, s, k) != 0 {
      _ = __gmpn_sub_n(a, a, m, k)
      // One m passed on is R in the second digit's scale, and `cross` counts what is one R there after the reduction.
      cross += 1
    }
    let u = scratch.u
    for row in 0..<k { u[row] = __gmpn_addmul_1(u + row, m, k, u[row] &* inverse) }
    cross += Int(__gmpn_add_n(b, u + k, u, k))
    cross -= Int(__gmpn_sub_n(b, b, q, k))
    // A few m at most, as R < 2m.
    while cross > 0 { cross -= Int(__gmpn_sub_n(b, b, m, k)) }
    while cross < 0 { cross += Int(__gmpn_add_n(b, b, m, k)) }
  }

  /// For an m that does not fill its limbs: through the Montgomery form, keeping A + B·m.
  private mutating func multiplyAny(_ c: UnsafePointer<UInt>) {
    let k = modulus.count
    modulus.enter(Fast.self, input, c, valueCount: 2 * k, scratch, table)
    modulus.multiply(Fast.self, a, a, input, scratch)
  }

  /// The product so far, below m², into 2k limbs. The product can go on.
  public func read(into result: borrowing Limbs) {
    let k = modulus.count
    precondition(result.count == 2 * k)
    guard isFull else { return modulus.compose(Fast.self, result.base, memory.base, scratch) }
    // X = A + (B·R⁻¹)·m is the product times R^(−2·factors).
    let x = work
    let correction = work + 2 * k
    __gmpn_copyi(scratch.t, b, k)
    __gmpn_zero(scratch.t + k, k)
    modulus.reduceDigit(Fast.self, x + k, scratch)
    __gmpn_copyi(x, a, k)
    var carry: UInt = 0
    if Fast.reduceOnce(x, carry: &carry, modulus: modulus.modulus.base, scratch: scratch.t, count: k) == 1 {
      carry = __gmpn_add_1(x + k, x + k, k, 1)
      _ = Fast.reduceOnce(x + k, carry: &carry, modulus: modulus.modulus.base, scratch: scratch.t, count: k)
    }
    // R^(2·factors) in Montgomery form, from R in that form, which is the pair of R².
    exponent.setWord(0, UInt64(2 * factors))
    modulus.power(Fast.self, publicExponent: exponent, correction, modulus.powerOfR(2), table: table, scratch)
    modulus.multiply(Fast.self, x, x, correction, canonical: true, scratch)
    modulus.compose(Fast.self, result.base, x, scratch)
  }
}
