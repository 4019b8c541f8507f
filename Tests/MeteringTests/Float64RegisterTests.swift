import Metering
import Testing

@Suite("binary64 registers (IEEE 754-2019)")
struct Float64RegisterTests {
  /// A second way: the exact product in 128 bits, doubled or divided as the exponent says.
  static func independent(_ bits: UInt64, _ factor: Int64) -> Int64? {
    let value = Double(bitPattern: bits)
    if !value.isFinite { return nil }
    if value == 0 { return 0 }
    var exponent = Int(value.exponent) - 52
    var significand = UInt128(value.magnitude.significandBitPattern) | 1 << 52
    if value.isSubnormal {
      exponent = -1074
      significand = UInt128(value.magnitude.significandBitPattern)
    }
    var product = significand * UInt128(factor)
    while exponent > 0 {
      if product >= 1 << 63 { return nil }
      product *= 2
      exponent -= 1
    }
    if exponent < -120 { return 0 }
    let divisor: UInt128 = 1 << UInt128(-exponent)
    let (quotient, rest) = product.quotientAndRemainder(dividingBy: divisor)
    let isUp = 2 * rest > divisor || (2 * rest == divisor && quotient % 2 == 1)
    let rounded = quotient + (isUp ? 1 : 0)
    guard rounded < 1 << 63 else { return nil }
    return value < 0 ? -Int64(rounded) : Int64(rounded)
  }

  @Test("agrees with 128-bit arithmetic on every exponent", arguments: [1, 3, 1_000, 1_000_000, 1 << 39] as [Int64])
  func agreement(factor: Int64) {
    var state: UInt64 = 42
    for exponent in 0..<UInt64(2048) {
      for index in 0..<20 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let fraction = index == 0 ? 0 : index == 1 ? (1 << 52) - 1 : state >> 12
        let bits = (state >> 11 & 1) << 63 | exponent << 52 | fraction
        #expect((try? Float64Register(bits: bits).scaled(by: factor)) == Self.independent(bits, factor))
      }
    }
  }

  @Test("ties go to the even neighbour", arguments: [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (-2.5, -2)])
  func ties(value: Double, expected: Int64) throws {
    #expect(try Float64Register(bits: value.bitPattern).scaled(by: 1) == expected)
  }

  @Test("ties at the ends of the significand: half of the smallest step, and one bit more")
  func narrow() throws {
    // 2^52 + 1 times 2^-53 is a half and 2^-53 more.
    let above = Double(bitPattern: UInt64(1022) << 52 | 1)
    #expect(try Float64Register(bits: above.bitPattern).scaled(by: 1) == 1)
    // Times 2^12 the product has 65 bits, and what falls off lies in both halves.
    #expect(try Float64Register(bits: Double(0x1p-13).bitPattern).scaled(by: 1 << 12) == 0)
    #expect(try Float64Register(bits: Double(0x1p-13).nextUp.bitPattern).scaled(by: 1 << 12) == 1)
  }

  @Test("what is no number, or too large, is refused")
  func refused() throws {
    for bits in [0x7FF0_0000_0000_0000, 0xFFF8_0000_0000_0000] as [UInt64] {
      #expect(throws: RegisterError.notANumber(bits: UInt32(bits >> 32))) {
        try Float64Register(bits: bits).scaled(by: 1)
      }
    }
    let limit = Double(sign: .plus, exponent: 63, significand: 1)
    #expect(throws: RegisterError.self) { try Float64Register(bits: limit.bitPattern).scaled(by: 1) }
    #expect(try Float64Register(bits: limit.nextDown.bitPattern).scaled(by: 1) == Int64(limit.nextDown))
    #expect(throws: RegisterError.self) { try Float64Register(bits: limit.nextDown.bitPattern).scaled(by: 2) }
  }

  @Test("four registers of a counter in watt-hours, in both word orders, to the mWh")
  func registers() throws {
    let bits = Double(123_456_789.125).bitPattern
    let words = (0..<4).map { UInt16(truncatingIfNeeded: bits >> UInt64(48 - 16 * $0)) }
    let factor = DecimalFactor(significand: 1, exponent: 3)
    let high = RegisterBits(type: .float64, order: .abcd) { words[Int($0)] }
    let low = RegisterBits(type: .float64, order: .cdab) { words[3 - Int($0)] }
    #expect(try high.scaled(by: factor) == 123_456_789_125)
    #expect(try low.scaled(by: factor) == 123_456_789_125)
  }
}
