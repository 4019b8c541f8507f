import Metering
import Testing

@Suite("binary32 registers (IEEE 754-2019)")
struct Float32RegisterTests {
  /// A second way: Float to Double is exact, times at most 2^20 is exact, and only the last step rounds.
  static func independent(_ bits: UInt32, _ factor: Int64) -> Int64? {
    let value = Float(bitPattern: bits)
    if !value.isFinite { return nil }
    // The range is symmetric: -2^63 is refused as 2^63 is.
    let scaled = (Double(value) * Double(factor)).rounded(.toNearestOrEven)
    return Int64(exactly: scaled).flatMap { $0 == .min ? nil : $0 }
  }

  @Test("agrees with Double arithmetic on every exponent and on many significands", arguments: [1, 1_000, 1_000_000])
  func agreement(factor: Int64) {
    var state: UInt64 = 42
    for exponent in 0..<UInt32(256) {
      for index in 0..<200 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let fraction = index == 0 ? 0 : index == 1 ? 0x7F_FFFF : UInt32(state >> 41)
        let bits = UInt32(state >> 63) << 31 | exponent << 23 | fraction
        #expect((try? Float32Register(bits: bits).scaled(by: factor)) == Self.independent(bits, factor))
      }
    }
  }

  @Test(
    "recorded values come out in thousandths",
    arguments: [
      (0x4366, 0x3333, 230_200), (0x4367, 0, 231_000), (0x4365, 0x8000, 229_500), (0xC49A, 0x5000, -1_234_500),
      (0x8000, 0, 0),
    ] as [(UInt16, UInt16, Int64)])
  func recorded(first: UInt16, second: UInt16, value: Int64) throws {
    let words = [first, second]
    let high = RegisterBits(type: .float32, order: .abcd) { words[Int($0)] }
    let low = RegisterBits(type: .float32, order: .cdab) { words[1 - Int($0)] }
    #expect(try high.scaled(by: DecimalFactor(significand: 1_000, exponent: 0)) == value)
    #expect(try low.scaled(by: DecimalFactor(significand: 1, exponent: 3)) == value)
  }

  @Test("ties go to the even neighbour", arguments: [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (-2.5, -2)])
  func ties(value: Float, expected: Int64) throws {
    #expect(try Float32Register(bits: value.bitPattern).scaled(by: 1) == expected)
    #expect(try Float32Register(bits: Float(65_536.0078125).bitPattern).scaled(by: 1_000_000) == 65_536_007_812)
    #expect(try Float32Register(bits: Float(65_536.0234375).bitPattern).scaled(by: 1_000_000) == 65_536_023_438)
  }

  @Test("what is no number is refused", arguments: [0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0x7F80_0001] as [UInt32])
  func notANumber(bits: UInt32) {
    #expect(throws: RegisterError.notANumber(bits: bits)) { try Float32Register(bits: bits).scaled(by: 1_000) }
  }

  @Test("2^63 is refused and the largest float below it is not")
  func limits() throws {
    let limit = Float(sign: .plus, exponent: 63, significand: 1)
    #expect(throws: RegisterError.tooLarge(bits: limit.bitPattern)) {
      try Float32Register(bits: limit.bitPattern).scaled(by: 1)
    }
    #expect(try Float32Register(bits: limit.nextDown.bitPattern).scaled(by: 1) == Int64(limit.nextDown))
  }

  @Test("integer division rounds half to even on both sides of zero")
  func division() {
    for value in -2_000...2_000 as ClosedRange<Int64> {
      for divisor in [2, 3, 4, 7, 1_000] as [Int64] {
        let expected = Int64((Double(value) / Double(divisor)).rounded(.toNearestOrEven))
        #expect(value.dividedHalfEven(by: divisor) == expected)
      }
    }
  }
}
