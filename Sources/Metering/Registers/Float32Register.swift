/// Why the bits of a float are no number that can be used.
public enum RegisterError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Infinity or not-a-number, which some meters send for "not implemented".
  case notANumber(bits: UInt32)
  /// The scaled value does not fit into 64 bits.
  case tooLarge(bits: UInt32)

  public var description: String {
    switch self {
    case .notANumber(let bits): "not a number (\(bits))"
    case .tooLarge(let bits): "too large (\(bits))"
    }
  }
}

/// An IEEE 754 binary32 in two registers, turned into a scaled integer without floating point: boards without a
/// floating-point unit and hosts agree to the last digit.
public struct Float32Register: Equatable, Sendable {
  public let bits: UInt32

  /// Takes the bits as they stand in two registers, the high word in the upper half.
  public init(bits: UInt32) { self.bits = bits }

  /// value × factor, rounded half to even; -0.0 gives 0.
  /// - Precondition: 0 < factor <= 2^39, so that the product with a 24-bit significand is exact.
  /// - Throws: ``RegisterError``
  public func scaled(by factor: Int64) throws(RegisterError) -> Int64 {
    precondition(factor > 0 && factor <= 1 << 39)
    let exponentBits = Int32((bits >> 23) & 0xFF)
    let fraction = UInt64(bits & 0x7F_FFFF)
    if exponentBits == 0xFF { throw .notANumber(bits: bits) }
    // value = significand × 2^exponent (IEEE 754-2019, §3.4); subnormals have no hidden bit.
    let significand = exponentBits == 0 ? fraction : fraction | 0x80_0000
    let exponent = exponentBits == 0 ? -149 : exponentBits - 150
    let product = significand * UInt64(factor)
    let magnitude: UInt64
    if exponent >= 0 {
      if product != 0 && exponent >= product.leadingZeroBitCount { throw .tooLarge(bits: bits) }
      magnitude = product == 0 ? 0 : product << UInt64(exponent)
    } else {
      magnitude = Self.shiftedRightHalfEven(product, by: UInt64(-exponent))
    }
    return bits >> 31 == 1 ? -Int64(magnitude) : Int64(magnitude)
  }

  /// value / 2^shift, rounded half to even. value < 2^63.
  private static func shiftedRightHalfEven(_ value: UInt64, by shift: UInt64) -> UInt64 {
    if shift >= 64 { return 0 }
    let quotient = value >> shift
    let rest = value & (1 << shift - 1)
    let half: UInt64 = 1 << (shift - 1)
    return rest > half || (rest == half && quotient & 1 == 1) ? quotient + 1 : quotient
  }
}

extension Int64 {
  /// self / divisor, rounded half to even.
  /// - Precondition: divisor > 1
  public func dividedHalfEven(by divisor: Int64) -> Int64 {
    precondition(divisor > 1)
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    let rest = remainder.magnitude
    let other = divisor.magnitude - rest
    if rest < other || (rest == other && quotient & 1 == 0) { return quotient }
    return self < 0 ? quotient - 1 : quotient + 1
  }
}
