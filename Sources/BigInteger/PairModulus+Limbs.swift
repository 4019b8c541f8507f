import CGMP

// The same operations on memory with owners, sizes checked once at the door.
extension PairModulus {
  /// result = value·R modulo m², for a plain number of up to 4k limbs.
  public func enter<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ value: borrowing Limbs, into result: borrowing Limbs,
    temporary: borrowing Limbs, _ scratch: borrowing PairScratch
  ) {
    precondition(result.count == 2 * count)
    enter(profile, result.base, value.base, valueCount: value.count, scratch, temporary)
  }

  /// result = x·y for Montgomery pairs.
  public func multiply<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ x: borrowing Limbs, _ y: borrowing Limbs, into result: borrowing Limbs,
    _ scratch: borrowing PairScratch
  ) {
    precondition(x.count == 2 * count && y.count == 2 * count && result.count == 2 * count)
    multiply(profile, result.base, x.base, y.base, scratch)
  }

  /// result = x² for a Montgomery pair.
  public func square<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ x: borrowing Limbs, into result: borrowing Limbs, _ scratch: borrowing PairScratch
  ) {
    precondition(x.count == 2 * count && result.count == 2 * count)
    square(profile, result.base, x.base, scratch)
  }

  /// result = x·(1 + message·m), out of Montgomery form; the message has k limbs and is below m.
  public func leave<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ x: borrowing Limbs, message: borrowing Limbs, into result: borrowing Limbs,
    _ scratch: borrowing PairScratch
  ) {
    precondition(x.count == 2 * count && result.count == 2 * count && message.count == count)
    leave(profile, result.base, x.base, message: message.base, scratch)
  }

  /// result = x out of Montgomery form.
  public func leave<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ x: borrowing Limbs, into result: borrowing Limbs, _ scratch: borrowing PairScratch
  ) {
    precondition(x.count == 2 * count && result.count == 2 * count)
    leave(profile, result.base, x.base, message: nil, scratch)
  }

  /// The number a + b·m of a plain pair, for publication.
  public func compose<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ x: borrowing Limbs, into value: borrowing Limbs, _ scratch: borrowing PairScratch
  ) {
    precondition(x.count == 2 * count && value.count == 2 * count)
    compose(profile, value.base, x.base, scratch)
  }

  /// result = x^exponent for an exponent of at most `bits` bits, in time that depends on `bits` only when hardened.
  public func power<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ x: borrowing Limbs, secretExponent exponent: borrowing Limbs, bits: Int,
    into result: borrowing Limbs, table: borrowing Limbs, _ scratch: borrowing PairScratch
  ) {
    precondition(x.count == 2 * count && result.count == 2 * count && table.count >= windowTableCount)
    power(profile, result.base, x.base, exponent: exponent, bits: bits, table: table, scratch)
  }

  /// result = x^exponent in time that depends on the exponent: public exponents only.
  public func power<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ x: borrowing Limbs, publicExponent exponent: borrowing Limbs,
    into result: borrowing Limbs, table: borrowing Limbs, _ scratch: borrowing PairScratch
  ) {
    precondition(x.count == 2 * count && result.count == 2 * count && table.count >= windowTableCount)
    power(profile, publicExponent: exponent, result.base, x.base, table: table, scratch)
  }

  // MARK: Digits

  /// Whether the a digit of a plain pair is 1, by looking at every limb.
  public func firstDigitIsOne(_ x: borrowing Limbs) -> Bool {
    var difference = x.base[0] ^ 1
    for index in 1..<max(1, count) { difference |= x.base[index] }
    return difference == 0
  }

  /// result = x_b·y·R⁻¹ modulo m: the b digit of a pair times a digit.
  public func multiplySecondDigit<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, of x: borrowing Limbs, by y: borrowing Limbs, into result: borrowing Limbs,
    _ scratch: borrowing PairScratch
  ) {
    precondition(x.count == 2 * count && y.count == count && result.count == count)
    multiplyDigits(profile, result.base, x.base + count, y.base, scratch)
  }

  /// result = x^exponent modulo m, plain, where x is the a digit of a Montgomery pair.
  public func powerOfFirstDigit<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, of x: borrowing Limbs, secretExponent exponent: borrowing Limbs, bits: Int,
    into result: borrowing Limbs, table: borrowing Limbs, _ scratch: borrowing PairScratch
  ) {
    precondition(x.count == 2 * count && result.count == count && table.count >= windowTableCount)
    powerDigit(profile, result.base, x.base, exponent: exponent, bits: bits, table: table, scratch)
    __gmpn_copyi(scratch.t, result.base, count)
    __gmpn_zero(scratch.t + count, count)
    reduceDigit(profile, result.base, scratch)
  }

  /// Whether a number of at least k limbs shares no factor with m, in time that depends on it: public numbers only.
  /// `temporary` has room for it and for 2k limbs more.
  public func isUnit(_ value: borrowing Limbs, temporary: borrowing Limbs) -> Bool {
    precondition(value.count >= count && temporary.count >= value.count + 2 * count)
    let x = temporary.base
    let y = x + value.count
    let divisor = y + count
    __gmpn_copyi(x, value.base, value.count)
    __gmpn_copyi(y, modulus.base, count)
    guard __gmpn_gcd(divisor, x, value.count, y, count) == 1 else { return false }
    return divisor[0] == 1
  }
}

/// Two residues joined into one number below p·q. (Garner 1959)
public struct ResidueJoin: ~Copyable {
  private let p: PairModulus
  private let q: PairModulus
  /// p⁻¹·R modulo q
  private let inverse: Limbs
  private let work: Limbs

  /// For odd p ≠ q of as many bits, so that p < 2q. `inverse` is p⁻¹ modulo q.
  public init(_ p: PairModulus, _ q: PairModulus, inverse: borrowing Integer) {
    precondition(p.count == q.count)
    self.p = p
    self.q = q
    let modulus = q.modulus.integer()
    self.inverse = Limbs(inverse.shiftedLeft(Limbs.bits * q.count).modulo(modulus), count: q.count)
    work = Limbs(count: 3 * q.count)
  }

  /// Overwrites what the last ``join(_:_:_:into:_:)`` left in the scratch memory; the modulus stays.
  public func wipe() { work.wipe() }

  /// result = x + p·((y − x)·p⁻¹ mod q), for x below p and y below q. `result` has at least the limbs of p·q.
  public func join<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ x: borrowing Limbs, _ y: borrowing Limbs, into result: borrowing Limbs,
    _ scratch: borrowing PairScratch
  ) {
    let k = q.count
    precondition(x.count == k && y.count == k && result.count <= 2 * k)
    let t = work.base
    __gmpn_copyi(t, x.base, k)
    var carry: UInt = 0
    _ = Profile.reduceOnce(t, carry: &carry, modulus: q.modulus.base, scratch: scratch.t, count: k)
    let borrow = __gmpn_sub_n(t, y.base, t, k)
    _ = __gmpn_cnd_add_n(borrow, t, t, q.modulus.base, k)
    q.multiplyDigits(profile, t, t, inverse.base, scratch)
    let product = t + k
    Profile.multiply(product, p.modulus.base, t, count: k, scratch: scratch.product)
    __gmpn_copyi(scratch.t, x.base, k)
    __gmpn_zero(scratch.t + k, k)
    _ = __gmpn_add_n(product, product, scratch.t, 2 * k)
    __gmpn_copyi(result.base, product, result.count)
  }
}
