import CGMP

#if arch(x86_64)
  import CTableRead
#endif

/// How arithmetic treats what an observer of time and memory could learn. Chosen by type: ``Hardened`` where nothing is
/// said, ``Fast`` where somebody wrote it down.
///
/// Both compute the same numbers. (`docs/CRYPTOGRAPHY.md`, "Constant time")
public protocol ArithmeticProfile {
  static var isHardened: Bool { get }

  /// Subtracts `modulus` from `carry`·R + `value` once if that leaves no negative number. Returns whether it did, and
  /// lowers `carry` by what was borrowed.
  static func reduceOnce(
    _ value: UnsafeMutablePointer<UInt>, carry: inout UInt, modulus: UnsafePointer<UInt>,
    scratch: UnsafeMutablePointer<UInt>, count: Int
  ) -> UInt

  /// Subtracts `modulus` until `carry`, 0, 1 or 2, is used up; R is below twice the modulus, so two times suffice.
  static func dropCarry(
    _ value: UnsafeMutablePointer<UInt>, carry: UInt, modulus: UnsafePointer<UInt>, count: Int)

  /// Subtracts `modulus` when `carry` is 1.
  static func dropOne(
    _ value: UnsafeMutablePointer<UInt>, carry: UInt, modulus: UnsafePointer<UInt>, count: Int)

  /// result = x·y, 2·count limbs. `scratch` has ``PairScratch/product``'s room.
  static func multiply(
    _ result: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>, _ y: UnsafePointer<UInt>, count: Int,
    scratch: UnsafeMutablePointer<UInt>)

  /// result = x², 2·count limbs.
  static func square(
    _ result: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>, count: Int, scratch: UnsafeMutablePointer<UInt>)

  /// Copies entry `index` of a table of `entries` rows of `count` limbs.
  static func select(
    _ index: Int, of table: UnsafePointer<UInt>, entries: Int, count: Int, into result: UnsafeMutablePointer<UInt>)
}

/// No branch and no address depends on a number, only on sizes: table reads touch every row (`mpn_sec_tabselect`, or the
/// same by vectors) and the final subtraction is always made, then kept or not (`mpn_cnd_sub_n`). Products are
/// ``HardenedProduct``'s.
///
/// `mpn_addmul_1` and `mpn_submul_1` are used as they are: GMP's source branches on sizes only there.
public enum Hardened: ArithmeticProfile {
  public static var isHardened: Bool { true }

  public static func reduceOnce(
    _ value: UnsafeMutablePointer<UInt>, carry: inout UInt, modulus: UnsafePointer<UInt>,
    scratch: UnsafeMutablePointer<UInt>, count: Int
  ) -> UInt {
    let borrow = __gmpn_sub_n(scratch, value, modulus, count)
    // 1 when carry > 0 or nothing was borrowed. carry is at most 2.
    let keep = (carry | carry >> 1 | (borrow ^ 1)) & 1
    carry &-= __gmpn_cnd_sub_n(keep, value, value, modulus, count)
    return keep
  }

  public static func dropCarry(
    _ value: UnsafeMutablePointer<UInt>, carry: UInt, modulus: UnsafePointer<UInt>, count: Int
  ) {
    let rest = carry &- __gmpn_submul_1(value, modulus, count, carry)
    _ = __gmpn_cnd_sub_n(rest, value, value, modulus, count)
  }

  public static func dropOne(
    _ value: UnsafeMutablePointer<UInt>, carry: UInt, modulus: UnsafePointer<UInt>, count: Int
  ) {
    _ = __gmpn_cnd_sub_n(carry, value, value, modulus, count)
  }

  public static func multiply(
    _ result: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>, _ y: UnsafePointer<UInt>, count: Int,
    scratch: UnsafeMutablePointer<UInt>
  ) {
    HardenedProduct.multiply(result, x, y, count: count, scratch: scratch)
  }

  public static func square(
    _ result: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>, count: Int, scratch: UnsafeMutablePointer<UInt>
  ) {
    HardenedProduct.square(result, x, count: count, scratch: scratch)
  }

  public static func select(
    _ index: Int, of table: UnsafePointer<UInt>, entries: Int, count: Int, into result: UnsafeMutablePointer<UInt>
  ) {
    #if arch(x86_64)
      // GMP goes word by word here, and reading the comb's table was a quarter of an encryption.
      result.withMemoryRebound(to: UInt64.self, capacity: count) { result in
        table.withMemoryRebound(to: UInt64.self, capacity: entries * count) { table in
          busbar_table_read(result, table, count, entries, index)
        }
      }
    #else
      __gmpn_sec_tabselect(result, table, count, entries, index)
    #endif
  }
}

/// Branches where that is faster. For public numbers, and for machines nobody hostile can time.
public enum Fast: ArithmeticProfile {
  public static var isHardened: Bool { false }

  public static func reduceOnce(
    _ value: UnsafeMutablePointer<UInt>, carry: inout UInt, modulus: UnsafePointer<UInt>,
    scratch: UnsafeMutablePointer<UInt>, count: Int
  ) -> UInt {
    guard carry != 0 || __gmpn_cmp(value, modulus, count) >= 0 else { return 0 }
    carry &-= __gmpn_sub_n(value, value, modulus, count)
    return 1
  }

  public static func dropCarry(
    _ value: UnsafeMutablePointer<UInt>, carry: UInt, modulus: UnsafePointer<UInt>, count: Int
  ) {
    var carry = carry
    while carry != 0 { carry &-= __gmpn_sub_n(value, value, modulus, count) }
  }

  public static func dropOne(
    _ value: UnsafeMutablePointer<UInt>, carry: UInt, modulus: UnsafePointer<UInt>, count: Int
  ) {
    if carry != 0 { _ = __gmpn_sub_n(value, value, modulus, count) }
  }

  public static func multiply(
    _ result: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>, _ y: UnsafePointer<UInt>, count: Int,
    scratch: UnsafeMutablePointer<UInt>
  ) {
    __gmpn_mul_n(result, x, y, count)
  }

  public static func square(
    _ result: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>, count: Int, scratch: UnsafeMutablePointer<UInt>
  ) {
    __gmpn_sqr(result, x, count)
  }

  public static func select(
    _ index: Int, of table: UnsafePointer<UInt>, entries: Int, count: Int, into result: UnsafeMutablePointer<UInt>
  ) {
    __gmpn_copyi(result, table + index * count, count)
  }
}
