import CGMP

/// Arithmetic modulo m² on digit pairs: x = a + b·m with a, b in [0, m), each of k limbs, held in Montgomery form x·R
/// with R = 2^(bits · k). (Montgomery 1985; docs/CRYPTOGRAPHY.md, Arithmetic)
///
/// A product is T = a₁a₂, q = −T·m⁻¹ mod R, a = (T + q·m)/R and b = (a₁b₂ + b₁a₂ − q)/R mod m: three k-limb
/// multiplications and two reductions, where 2k-limb Montgomery arithmetic takes four and the same again. Residues
/// modulo m alone are the a digits.
///
/// In memory a pair is 2k limbs, a first. One that is not in Montgomery form is said to be plain. Between a Montgomery
/// pair's products its digits may lie in [m, R) too when m fills its limbs: a carry alone then says what to subtract, and
/// comparisons are left to the end. (Walter 1999 argues likewise for single numbers.)
public final class PairModulus {
  /// k
  public let count: Int
  /// m
  public let modulus: Limbs
  /// m²
  public let square: Limbs
  /// −m⁻¹ modulo 2^bits
  let minusInverse: UInt
  /// Pairs of R, R², R³ … modulo m²: entry i turns a plain k-limb number into its 2^(bits·k·i)-fold, in Montgomery form
  /// (i ≥ 1 with one factor R for the form and one for the reduction).
  let powersOfR: Limbs
  static let storedPowers = 5
  /// Whether R < 2m; true for every m of whole limbs, which all keys outside tests have.
  let isFull: Bool

  /// Cost: a few divisions, allocated and freed by GMP. Fails when m is even or below 3.
  public init?(_ m: borrowing Integer) {
    guard m.sign > 0, m.isOdd, !m.equals(1) else { return nil }
    let count = (m.bitWidth + Limbs.bits - 1) / Limbs.bits
    self.count = count
    modulus = Limbs(m, count: count)
    let squared = m.times(m)
    square = Limbs(squared, count: 2 * count)
    isFull = modulus.base[count - 1] >> UInt(Limbs.bits - 1) == 1
    // Newton's iteration: each step doubles the number of right bits, from 3 on.
    let low = modulus.base[0]
    var inverse = low
    for _ in 0..<5 { inverse = inverse &* (2 &- low &* inverse) }
    minusInverse = 0 &- inverse
    powersOfR = Limbs(count: Self.storedPowers * 2 * count)
    for power in 0..<Self.storedPowers {
      let residue = Integer(1).shiftedLeft(Limbs.bits * count * (power + 1)).modulo(squared)
      let a = residue.modulo(m)
      let b = residue.minus(a).dividedExactly(by: m)
      let target = powersOfR.base + power * 2 * count
      let aLimbs = Limbs(a, count: count)
      let bLimbs = Limbs(b, count: count)
      __gmpn_copyi(target, aLimbs.base, count)
      __gmpn_copyi(target + count, bLimbs.base, count)
    }
  }

  /// The pair of 1.
  var one: UnsafePointer<UInt> { UnsafePointer(powersOfR.base) }
  func powerOfR(_ index: Int) -> UnsafePointer<UInt> { UnsafePointer(powersOfR.base + (index - 1) * 2 * count) }

  /// Memory that products work in: one for each caller that may run at the same time.
  public func makeScratch() -> PairScratch { PairScratch(count: count) }
}

/// Working memory of pair arithmetic, wiped at the end.
public struct PairScratch: ~Copyable {
  let limbs: Limbs
  let t: UnsafeMutablePointer<UInt>
  let u: UnsafeMutablePointer<UInt>
  let v: UnsafeMutablePointer<UInt>
  /// k limbs of a quotient and k for its extension.
  let q: UnsafeMutablePointer<UInt>
  /// A pair that products leave alone.
  let pair: UnsafeMutablePointer<UInt>
  /// What one product of k limbs works in.
  let product: UnsafeMutablePointer<UInt>

  init(count: Int) {
    limbs = Limbs(count: 10 * count + HardenedProduct.scratchCount(count))
    t = limbs.base
    u = t + 2 * count
    v = u + 2 * count
    q = v + 2 * count
    pair = q + 2 * count
    product = pair + 2 * count
  }

  /// Overwrites what the last operations left here. The memory can be used again at once.
  public func wipe() { limbs.wipe() }
}

// Pointers below come from Limbs of at least the sizes named, whose owners outlive the calls.
extension PairModulus {
  /// Adds multiples of m to the 2k limbs at `t` until the low k are zero, which are then not stored: there each row's
  /// carry stands instead. `q` keeps the multiples: q = −t·m⁻¹ mod R.
  @inline(__always)
  private func addRows(_ t: UnsafeMutablePointer<UInt>, _ q: UnsafeMutablePointer<UInt>) {
    let m = modulus.base
    for row in 0..<count {
      let multiple = t[row] &* minusInverse
      q[row] = multiple
      t[row] = __gmpn_addmul_1(t + row, m, count, multiple)
    }
  }

  @inline(__always)
  private func addRows(_ t: UnsafeMutablePointer<UInt>) {
    let m = modulus.base
    for row in 0..<count { t[row] = __gmpn_addmul_1(t + row, m, count, t[row] &* minusInverse) }
  }

  /// From T in s.t and the cross terms (with their carry) in s.u to the pair. When `canonical`, which needs one factor
  /// with digits below m, its digits are below m; else below R.
  @inline(__always)
  private func finish<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ r: UnsafeMutablePointer<UInt>, crossCarry: UInt, canonical: Bool,
    _ s: borrowing PairScratch
  ) {
    let k = count
    let m = UnsafePointer(modulus.base)
    addRows(s.t, s.q)
    var over = __gmpn_add_n(r, s.t + k, s.t, k)
    if canonical {
      var carry = over
      over = Profile.reduceOnce(r, carry: &carry, modulus: m, scratch: s.t, count: k)
    } else {
      Profile.dropOne(r, carry: over, modulus: m, count: k)
    }
    // Subtract q − over·R, sign-extended: each m taken from a is one more in b. The result is above −R, so after the
    // reduction, which adds up to R·m and divides by R, it is not negative.
    let sign = 0 &- over
    for index in 0..<k { s.q[k + index] = sign }
    var carry = crossCarry &+ over &- __gmpn_sub_n(s.u, s.u, s.q, 2 * k)
    addRows(s.u)
    carry &+= __gmpn_add_n(r + k, s.u + k, s.u, k)
    if canonical {
      // Below 3m: 2m²/R + m, and the 1 that a passed on.
      _ = Profile.reduceOnce(r + k, carry: &carry, modulus: m, scratch: s.t, count: k)
      _ = Profile.reduceOnce(r + k, carry: &carry, modulus: m, scratch: s.t, count: k)
    } else {
      // Below 2R + m.
      Profile.dropCarry(r + k, carry: carry, modulus: m, count: k)
    }
  }

  /// r = x·y·R⁻¹, the product of two Montgomery pairs. r may be x or y.
  func multiply<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ r: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>, _ y: UnsafePointer<UInt>,
    canonical: Bool = false, _ s: borrowing PairScratch
  ) {
    let k = count
    Profile.multiply(s.u, x, y + k, count: k, scratch: s.product)
    Profile.multiply(s.v, x + k, y, count: k, scratch: s.product)
    Profile.multiply(s.t, x, y, count: k, scratch: s.product)
    let carry = __gmpn_add_n(s.u, s.u, s.v, 2 * k)
    finish(profile, r, crossCarry: carry, canonical: canonical || !isFull, s)
  }

  /// r = x²·R⁻¹. r may be x.
  func square<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ r: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>, _ s: borrowing PairScratch
  ) {
    let k = count
    Profile.multiply(s.u, x, x + k, count: k, scratch: s.product)
    Profile.square(s.t, x, count: k, scratch: s.product)
    let carry = __gmpn_lshift(s.u, s.u, 2 * k, 1)
    finish(profile, r, crossCarry: carry, canonical: !isFull, s)
  }

  /// r = x·(1 + message·m)·R⁻¹: takes a Montgomery pair out of its form and puts a message of k limbs, below m, in.
  func leave<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ r: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>,
    message: UnsafePointer<UInt>?, _ s: borrowing PairScratch
  ) {
    let k = count
    var carry: UInt = 0
    if let message {
      Profile.multiply(s.u, x, message, count: k, scratch: s.product)
      __gmpn_copyi(s.v, x + k, k)
      __gmpn_zero(s.v + k, k)
      carry = __gmpn_add_n(s.u, s.u, s.v, 2 * k)
    } else {
      __gmpn_copyi(s.u, x + k, k)
      __gmpn_zero(s.u + k, k)
    }
    __gmpn_copyi(s.t, x, k)
    __gmpn_zero(s.t + k, k)
    finish(profile, r, crossCarry: carry, canonical: true, s)
  }

  /// r = value·R modulo m² as a pair, for a plain number of up to 4k limbs, by multiplications alone: no division of
  /// a public number by a secret m, whose time would tell of m.
  func enter<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ r: UnsafeMutablePointer<UInt>, _ value: UnsafePointer<UInt>, valueCount: Int,
    _ s: borrowing PairScratch, _ temporary: borrowing Limbs
  ) {
    let k = count
    precondition(valueCount <= (Self.storedPowers - 1) * k && temporary.count >= 4 * k)
    let chunk = temporary.base
    let product = temporary.base + 2 * k
    __gmpn_zero(r, 2 * k)
    var start = 0
    while start * k < valueCount {
      // The chunk is below R, perhaps not below m: (chunk, 0) with the other factor below m still reduces to below 2m.
      let size = min(k, valueCount - start * k)
      __gmpn_zero(chunk, 2 * k)
      __gmpn_copyi(chunk, value + start * k, size)
      multiply(profile, product, chunk, powerOfR(start + 2), canonical: true, s)
      add(profile, r, product, s)
      start += 1
    }
  }

  /// r += x for pairs with digits below m.
  func add<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ r: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>, _ s: borrowing PairScratch
  ) {
    let k = count
    let m = UnsafePointer(modulus.base)
    var carry = __gmpn_add_n(r, r, x, k)
    let over = Profile.reduceOnce(r, carry: &carry, modulus: m, scratch: s.t, count: k)
    __gmpn_zero(s.u, k)
    s.u[0] = over
    carry = __gmpn_add_n(r + k, r + k, x + k, k)
    carry &+= __gmpn_add_n(r + k, r + k, s.u, k)
    _ = Profile.reduceOnce(r + k, carry: &carry, modulus: m, scratch: s.t, count: k)
  }

  /// value = a + b·m of a plain pair; 2k limbs. value may not be x.
  func compose<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ value: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>, _ s: borrowing PairScratch
  ) {
    Profile.multiply(value, x + count, modulus.base, count: count, scratch: s.product)
    // The result is published, so the carry may stop early.
    let carry = __gmpn_add_n(value, value, x, count)
    _ = __gmpn_add_1(value + count, value + count, count, carry)
  }

  // MARK: Modulo m alone

  /// r = x·y·R⁻¹ mod m for x, y of k limbs. r, below m when x·y < m·R and else below R, may be x or y.
  func multiplyDigits<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ r: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>, _ y: UnsafePointer<UInt>,
    _ s: borrowing PairScratch
  ) {
    Profile.multiply(s.t, x, y, count: count, scratch: s.product)
    reduceDigit(profile, r, s)
  }

  func squareDigit<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ r: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>, _ s: borrowing PairScratch
  ) {
    Profile.square(s.t, x, count: count, scratch: s.product)
    reduceDigit(profile, r, s)
  }

  /// r = s.t·R⁻¹ mod m.
  func reduceDigit<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ r: UnsafeMutablePointer<UInt>, _ s: borrowing PairScratch
  ) {
    addRows(s.t)
    var carry = __gmpn_add_n(r, s.t + count, s.t, count)
    _ = Profile.reduceOnce(r, carry: &carry, modulus: UnsafePointer(modulus.base), scratch: s.t, count: count)
  }
}
