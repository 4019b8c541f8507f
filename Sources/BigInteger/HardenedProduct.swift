import CGMP

/// Products whose instructions depend on sizes alone.
///
/// `mpn_mul_n` and `mpn_sqr` do not have that property: above some twenty limbs GMP's Toom–Cook code compares halves and
/// lets carries stop early. `mpn_sec_mul` and `mpn_sec_sqr` have it, by the schoolbook. One level of Karatsuba on top, with
/// both differences kept in two's complement and their signs put right by `mpn_cnd_sub_n`, wins most of the time back.
enum HardenedProduct {
  /// From here on three products of half the size, and the additions, take less than one: measured on x86-64 and, in
  /// instructions, on ARM. Squares gain less.
  static let karatsubaLimbs = Limbs.bits == 64 ? 24 : 40
  static let karatsubaSquareLimbs = Limbs.bits == 64 ? 40 : 64

  /// Limbs of scratch for products of `count` limbs: two numbers at each level, and what the schoolbook asks for.
  static func scratchCount(_ count: Int) -> Int {
    let schoolbook = max(__gmpn_sec_mul_itch(count, count), __gmpn_sec_sqr_itch(count))
    return 4 * count + Int(schoolbook)
  }

  /// result = x·y, 2·count limbs that overlap neither.
  static func multiply(
    _ result: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>, _ y: UnsafePointer<UInt>, count: Int,
    scratch: UnsafeMutablePointer<UInt>
  ) {
    guard count >= karatsubaLimbs, count & 1 == 0 else {
      return __gmpn_sec_mul(result, x, count, y, count, scratch)
    }
    let half = count / 2
    let xDifference = scratch
    let yDifference = scratch + half
    let product = scratch + count
    let rest = scratch + 2 * count
    // (x₀ − x₁)(y₀ − y₁), where a borrow says that a difference stands there plus R.
    let xBorrow = __gmpn_sub_n(xDifference, x, x + half, half)
    let yBorrow = __gmpn_sub_n(yDifference, y, y + half, half)
    multiply(product, xDifference, yDifference, count: half, scratch: rest)
    var borrow = __gmpn_cnd_sub_n(xBorrow, product + half, product + half, yDifference, half)
    borrow &+= __gmpn_cnd_sub_n(yBorrow, product + half, product + half, xDifference, half)
    borrow &-= xBorrow & yBorrow
    multiply(result, x, y, count: half, scratch: rest)
    multiply(result + count, x + half, y + half, count: half, scratch: rest)
    addMiddle(result, minus: product, borrow: borrow, count: count, scratch: scratch)
  }

  /// result = x², 2·count limbs that do not overlap x.
  static func square(
    _ result: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>, count: Int, scratch: UnsafeMutablePointer<UInt>
  ) {
    guard count >= karatsubaSquareLimbs, count & 1 == 0 else { return __gmpn_sec_sqr(result, x, count, scratch) }
    let half = count / 2
    let difference = scratch
    let product = scratch + count
    let rest = scratch + 2 * count
    let isNegative = __gmpn_sub_n(difference, x, x + half, half)
    square(product, difference, count: half, scratch: rest)
    var borrow = __gmpn_cnd_sub_n(isNegative, product + half, product + half, difference, half)
    borrow &+= __gmpn_cnd_sub_n(isNegative, product + half, product + half, difference, half)
    borrow &-= isNegative
    square(result, x, count: half, scratch: rest)
    square(result + count, x + half, count: half, scratch: rest)
    addMiddle(result, minus: product, borrow: borrow, count: count, scratch: scratch)
  }

  /// result = z₀ + (z₀ + z₂ − product)·R + z₂·R², where R stands for half of `count` limbs, z₀ and z₂ for the halves of
  /// `result` and `product` for a number from which borrow·R² is still to be taken.
  private static func addMiddle(
    _ result: UnsafeMutablePointer<UInt>, minus product: UnsafePointer<UInt>, borrow: UInt, count: Int,
    scratch: UnsafeMutablePointer<UInt>
  ) {
    let half = count / 2
    var carry = __gmpn_add_n(scratch, result, result + count, count)
    carry &-= __gmpn_sub_n(scratch, scratch, product, count)
    carry &+= borrow
    carry &+= __gmpn_add_n(result + half, result + half, scratch, count)
    // mpn_add_1 would stop where the carry ends.
    for index in (half + count)..<(2 * count) {
      let sum = result[index].addingReportingOverflow(carry)
      result[index] = sum.partialValue
      carry = sum.overflow ? 1 : 0
    }
  }
}
