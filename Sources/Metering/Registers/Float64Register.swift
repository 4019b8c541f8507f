/// An IEEE 754 binary64 in four registers, turned into a scaled integer without floating point, as ``Float32Register`` does.
public struct Float64Register: Equatable, Sendable {
  public let bits: UInt64

  /// Takes the bits as they stand in four registers, the highest word first.
  public init(bits: UInt64) { self.bits = bits }

  /// value × factor, rounded half to even; -0.0 gives 0.
  /// - Precondition: 0 < factor <= 2^39, so that the product with a 53-bit significand has at most 92 bits.
  /// - Throws: ``RegisterError``, with the upper half of the bits
  public func scaled(by factor: Int64) throws(RegisterError) -> Int64 {
    precondition(factor > 0 && factor <= 1 << 39)
    let upper = UInt32(bits >> 32)
    let exponentBits = Int32((bits >> 52) & 0x7FF)
    let fraction = bits & 0xF_FFFF_FFFF_FFFF
    if exponentBits == 0x7FF { throw .notANumber(bits: upper) }
    // value = significand × 2^exponent (IEEE 754-2019, §3.4); subnormals have no hidden bit.
    let significand = exponentBits == 0 ? fraction : fraction | 1 << 52
    let exponent = exponentBits == 0 ? -1074 : exponentBits - 1075
    let product = significand.multipliedFullWidth(by: UInt64(factor))
    let magnitude: UInt64
    if exponent >= 0 {
      let isZero = product.high == 0 && product.low == 0
      guard product.high == 0, isZero || exponent < product.low.leadingZeroBitCount else {
        throw .tooLarge(bits: upper)
      }
      magnitude = isZero ? 0 : product.low << UInt64(exponent)
    } else {
      guard let shifted = Self.shiftedRightHalfEven(product, by: UInt64(-exponent)), shifted <= UInt64(Int64.max) else {
        throw .tooLarge(bits: upper)
      }
      magnitude = shifted
    }
    return bits >> 63 == 1 ? -Int64(magnitude) : Int64(magnitude)
  }

  /// value / 2^shift, rounded half to even; nil where that needs more than 64 bits. value < 2^127, shift > 0.
  private static func shiftedRightHalfEven(_ value: (high: UInt64, low: UInt64), by shift: UInt64) -> UInt64? {
    if shift > 128 { return 0 }
    // The quotient, the last bit that falls off, and whether any other one does.
    let quotient: (high: UInt64, low: UInt64)
    if shift >= 64 {
      quotient = (0, shift == 128 ? 0 : value.high >> (shift - 64))
    } else {
      quotient = (value.high >> shift, value.high << (64 - shift) | value.low >> shift)
    }
    guard quotient.high == 0 else { return nil }
    let last = shift - 1
    let half = last >= 64 ? value.high >> (last - 64) & 1 : value.low >> last & 1
    let below: Bool
    if last >= 64 {
      below = value.low != 0 || value.high & ((1 << (last - 64)) - 1) != 0
    } else {
      below = value.low & ((1 << last) - 1) != 0
    }
    let isUp = half == 1 && (below || quotient.low & 1 == 1)
    return isUp ? quotient.low + 1 : quotient.low
  }
}
