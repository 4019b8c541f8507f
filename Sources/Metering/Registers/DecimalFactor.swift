/// An exact decimal number above 0: significand × 10^exponent. Floating point has no 0.1.
public struct DecimalFactor: Equatable, Sendable {
  public let significand: UInt32
  public let exponent: Int32

  public static let one = DecimalFactor(significand: 1, exponent: 0)
  /// Far beyond any register's factor, and sums of two stay far from overflow.
  static let maximumExponent: Int32 = 20

  /// - Precondition: significand > 0
  public init(significand: UInt32, exponent: Int32) {
    precondition(significand > 0)
    self.significand = significand
    self.exponent = exponent
  }

  /// "10", "0.1" or "0.00125": digits with at most one point between them; nil for 0 and for more than nine digits.
  public init?(_ text: String) {
    var digits: UInt32 = 0
    var count = 0
    var decimals: Int32 = 0
    var hasPoint = false
    for byte in text.utf8 {
      if byte == UInt8(ascii: "."), !hasPoint, count > 0 {
        hasPoint = true
      } else if byte >= 0x30, byte <= 0x39, count < 9 {
        digits = digits * 10 + UInt32(byte - 0x30)
        count += 1
        if hasPoint { decimals += 1 }
      } else {
        return nil
      }
    }
    guard digits > 0, !hasPoint || decimals > 0 else { return nil }
    self.init(significand: digits, exponent: -decimals)
  }

  /// The same factor with its point moved: · 10^power.
  public func multiplied(byTenTo power: Int32) -> Self { Self(significand: significand, exponent: exponent + power) }

  /// Whether a binary32 can be scaled by it exactly.
  public var isWholeForFloats: Bool { integer() != nil }

  /// The whole number factor × 10^exponent, at most 2^39; nil when it is no such number.
  func integer(exponent extra: Int32 = 0) -> Int64? {
    guard let value = applied(to: 1, exponent: extra), value > 0, value <= 1 << 39 else { return nil }
    // A quotient that was rounded is not that number.
    let power = exponent + extra
    return power >= 0 || (UInt64(significand) % (Self.power(UInt64(-power)) ?? .max) == 0) ? value : nil
  }

  /// magnitude × significand × 10^(exponent + extra), rounded half to even; nil beyond 63 bits.
  func applied(to magnitude: UInt64, exponent extra: Int32 = 0) -> Int64? {
    let power = exponent + extra
    guard abs(power) <= Self.maximumExponent, let scale = Self.power(UInt64(abs(power))) else {
      return magnitude == 0 ? 0 : power < 0 ? 0 : nil
    }
    let product = magnitude.multipliedFullWidth(by: UInt64(significand))
    if power >= 0 {
      let (value, overflow) = product.low.multipliedReportingOverflow(by: scale)
      return product.high == 0 && !overflow && value <= UInt64(Int64.max) ? Int64(value) : nil
    }
    guard product.high < scale else { return nil }
    let (quotient, rest) = scale.dividingFullWidth(product)
    let other = scale - rest
    let isUp = rest > other || (rest == other && quotient & 1 == 1)
    guard quotient < UInt64(Int64.max) else { return nil }
    return Int64(isUp ? quotient + 1 : quotient)
  }

  /// 10^n; nil from 10^20 on.
  static func power(_ n: UInt64) -> UInt64? {
    guard n < 20 else { return nil }
    var value: UInt64 = 1
    for _ in 0..<n { value *= 10 }
    return value
  }
}
