import CGMP

// Powers. Exponents are plain limbs; how many bits they have is public, what the bits are is not, except where the
// name says so.
extension PairModulus {
  /// Bits of a fixed window: 2⁵ table rows, one product for five squarings.
  static let windowBits = 5
  static let windowEntries = 1 << windowBits

  /// Limbs a window table takes; enough for digits alone as well.
  public var windowTableCount: Int { Self.windowEntries * 2 * count }

  /// r = x^exponent for a Montgomery pair x, by fixed windows: the same operations for every exponent of `bits` bits.
  func power<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ r: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>,
    exponent: borrowing Limbs, bits: Int, table: borrowing Limbs, _ s: borrowing PairScratch
  ) {
    let size = 2 * count
    let rows = table.base
    __gmpn_copyi(rows, one, size)
    __gmpn_copyi(rows + size, x, size)
    for entry in 2..<Self.windowEntries {
      let row = rows + entry * size
      if entry % 2 == 0 {
        square(profile, row, rows + entry / 2 * size, s)
      } else {
        multiply(profile, row, row - size, x, s)
      }
    }
    let entry = s.pair
    var window = (bits + Self.windowBits - 1) / Self.windowBits - 1
    Profile.select(
      Self.window(window, of: exponent), of: rows, entries: Self.windowEntries, count: size, into: r)
    while window > 0 {
      window -= 1
      for _ in 0..<Self.windowBits { square(profile, r, r, s) }
      Profile.select(
        Self.window(window, of: exponent), of: rows, entries: Self.windowEntries, count: size, into: entry)
      multiply(profile, r, entry, r, s)
    }
  }

  /// r = x^exponent modulo m for a digit in Montgomery form; like ``power``.
  func powerDigit<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ r: UnsafeMutablePointer<UInt>, _ x: UnsafePointer<UInt>,
    exponent: borrowing Limbs, bits: Int, table: borrowing Limbs, _ s: borrowing PairScratch
  ) {
    let rows = table.base
    __gmpn_copyi(rows, one, count)
    __gmpn_copyi(rows + count, x, count)
    for entry in 2..<Self.windowEntries {
      multiplyDigits(profile, rows + entry * count, rows + (entry - 1) * count, x, s)
    }
    var window = (bits + Self.windowBits - 1) / Self.windowBits - 1
    Profile.select(
      Self.window(window, of: exponent), of: rows, entries: Self.windowEntries, count: count, into: r)
    while window > 0 {
      window -= 1
      for _ in 0..<Self.windowBits { squareDigit(profile, r, r, s) }
      Profile.select(
        Self.window(window, of: exponent), of: rows, entries: Self.windowEntries, count: count, into: s.u)
      multiplyDigits(profile, r, r, s.u, s)
    }
  }

  private static func window(_ index: Int, of exponent: borrowing Limbs) -> Int {
    var value: UInt = 0
    for place in 0..<windowBits {
      value |= bit(index * windowBits + place, of: exponent.base, count: exponent.count) << UInt(place)
    }
    return Int(bitPattern: value)
  }

  /// r = x^exponent by sliding windows, in time that depends on the exponent: public exponents only.
  /// `table` holds the odd powers x, x³ … x^(2^windowBits − 1) in its first half.
  func power<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, publicExponent exponent: borrowing Limbs, _ r: UnsafeMutablePointer<UInt>,
    _ x: UnsafePointer<UInt>,
    table: borrowing Limbs, _ s: borrowing PairScratch
  ) {
    let size = 2 * count
    let rows = table.base
    // 2⁶⁻¹ odd powers fill the table of 2⁵ rows.
    let width = Self.windowBits + 1
    var top = exponent.count * Limbs.bits - 1
    while top >= 0, bit(top, of: exponent.base, count: exponent.count) == 0 { top -= 1 }
    __gmpn_copyi(rows, x, size)
    if top >= width {
      square(profile, r, x, s)
      for entry in 1..<Self.windowEntries {
        multiply(profile, rows + entry * size, rows + (entry - 1) * size, r, s)
      }
    } else {
      // A short exponent does not repay the table.
      __gmpn_copyi(r, one, size)
      while top >= 0 {
        square(profile, r, r, s)
        if bit(top, of: exponent.base, count: exponent.count) == 1 { multiply(profile, r, r, rows, s) }
        top -= 1
      }
      return
    }
    var started = false
    while top >= 0 {
      guard bit(top, of: exponent.base, count: exponent.count) == 1 else {
        square(profile, r, r, s)
        top -= 1
        continue
      }
      var low = max(0, top - width + 1)
      while bit(low, of: exponent.base, count: exponent.count) == 0 { low += 1 }
      var value: UInt = 0
      for place in (low...top).reversed() {
        value = value << 1 | bit(place, of: exponent.base, count: exponent.count)
        if started { square(profile, r, r, s) }
      }
      let row = rows + Int(value >> 1) * size
      if started { multiply(profile, r, r, row, s) } else { __gmpn_copyi(r, row, size) }
      started = true
      top = low - 1
    }
    if !started { __gmpn_copyi(r, one, size) }
  }
}
