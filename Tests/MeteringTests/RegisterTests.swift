import Metering
import Testing

@Suite("Registers into scaled integers (docs/HARDWARE.md, How to write a map)")
struct RegisterTests {
  static func value(
    _ words: [UInt16], _ type: RegisterType, _ order: WordOrder, _ factor: String, exponent: Int32 = 0
  ) throws -> Int64 {
    let bits = RegisterBits(type: type, order: order) { words[Int($0)] }
    return try bits.scaled(by: try #require(DecimalFactor(factor)), exponent: exponent)
  }

  @Test("the recorded Carlo Gavazzi power, low word first, is -1234.5 W")
  func gavazzi() throws {
    #expect(try Self.value([0xCFC7, 0xFFFF], .int32, .cdab, "0.1", exponent: 3) == -1_234_500)
  }

  @Test(
    "the four byte orders of one number",
    arguments: [
      (.abcd, [0x1234, 0x5678]), (.cdab, [0x5678, 0x1234]), (.badc, [0x3412, 0x7856]), (.dcba, [0x7856, 0x3412]),
    ] as [(WordOrder, [UInt16])])
  func orders(order: WordOrder, words: [UInt16]) throws {
    #expect(try Self.value(words, .uint32, order, "1") == 0x1234_5678)
  }

  @Test("64 bits, both signs and both ends")
  func wide() throws {
    #expect(try Self.value([0, 0, 1, 0], .uint64, .abcd, "1") == 65_536)
    #expect(try Self.value([0, 1, 0, 0], .uint64, .cdab, "1") == 65_536)
    #expect(try Self.value([0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE], .int64, .abcd, "10") == -20)
    #expect(throws: RegisterError.self) { try Self.value([0xFFFF, 0, 0, 0], .uint64, .abcd, "1") }
    #expect(throws: RegisterError.self) { try Self.value([0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF], .int64, .abcd, "10") }
    #expect(try Self.value([0x8000, 0], .int32, .abcd, "1") == Int64(Int32.min))
    #expect(try Self.value([0x8000], .int16, .abcd, "1") == -32_768)
    #expect(try Self.value([0x8000], .uint16, .abcd, "1") == 32_768)
  }

  @Test(
    "decimal factors are read exactly, and nothing else is read",
    arguments: [
      ("1", 1, 0), ("0.1", 1, -1), ("0.001", 1, -3), ("12.5", 125, -1), ("10", 10, 0), ("1.0", 10, -1),
    ] as [(String, UInt32, Int32)])
  func factors(text: String, significand: UInt32, exponent: Int32) {
    #expect(DecimalFactor(text) == DecimalFactor(significand: significand, exponent: exponent))
  }

  @Test("no factor", arguments: ["", "0", "0.0", "-1", "+1", ".5", "5.", "1e3", "1 ", "1.2.3", "1234567890", "0x1"])
  func noFactor(text: String) { #expect(DecimalFactor(text) == nil) }

  @Test("scaling agrees with long arithmetic of another kind", arguments: 0..<200 as Range<UInt64>)
  func scaling(seed: UInt64) throws {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
    for _ in 0..<50 {
      let raw = Int32(truncatingIfNeeded: next())
      let significand = UInt32(next() % 1_000 + 1)
      let exponent = Int32(next() % 13) - 8
      let words = [UInt16(truncatingIfNeeded: raw >> 16), UInt16(truncatingIfNeeded: raw)]
      let bits = RegisterBits(type: .int32, order: .abcd) { words[Int($0)] }
      let got = try? bits.scaled(by: DecimalFactor(significand: significand, exponent: exponent))
      // Decimal digit by digit, on Int128.
      var product = Int128(raw) * Int128(significand)
      if exponent >= 0 {
        for _ in 0..<exponent { product *= 10 }
      } else {
        var divisor: Int128 = 1
        for _ in 0..<(-exponent) { divisor *= 10 }
        let magnitude = product.magnitude
        var quotient = magnitude / divisor.magnitude
        let twice = magnitude % divisor.magnitude * 2
        if twice > divisor.magnitude || (twice == divisor.magnitude && quotient % 2 == 1) { quotient += 1 }
        product = product < 0 ? -Int128(quotient) : Int128(quotient)
      }
      #expect(got.map { Int128($0) } == (product.magnitude <= Int128(Int64.max).magnitude ? product : nil))
    }
  }

  static func point(_ type: RegisterType, scale: UInt16? = nil, sentinel: UInt64? = nil) -> MapPoint {
    MapPoint(
      quantity: .activePower, phase: 0, address: 100, type: type, factor: DecimalFactor(significand: 1, exponent: 3),
      scaleAddress: scale, minimum: -5_000_000, maximum: 5_000_000, sentinels: sentinel.map { [$0] } ?? [])
  }

  static func decode(_ point: MapPoint, _ words: [UInt16: UInt16]) -> DecodedValue {
    point.decode(order: .abcd) { words[$0] ?? 0 }
  }

  @Test("a value is good, absent or out of range, and never anything else")
  func qualities() {
    let plain = Self.point(.int16, sentinel: 0x8000)
    #expect(Self.decode(plain, [100: 1234]) == DecodedValue(1_234_000, .good))
    #expect(Self.decode(plain, [100: 0x8000]) == DecodedValue(0, .notImplemented))
    #expect(Self.decode(plain, [100: 5_000]) == DecodedValue(5_000_000, .good))
    #expect(Self.decode(plain, [100: 5_001]) == DecodedValue(0, .outOfRange))
    var inverted = plain
    inverted.isInverted = true
    #expect(Self.decode(inverted, [100: 7]) == DecodedValue(-7_000, .good))
    let scaled = Self.point(.int16, scale: 101, sentinel: 0x8000)
    #expect(Self.decode(scaled, [100: 1234, 101: 0xFFFF]) == DecodedValue(123_400, .good))
    #expect(Self.decode(scaled, [100: 1234, 101: 1]) == DecodedValue(0, .outOfRange))
    #expect(Self.decode(scaled, [100: 123, 101: 1]) == DecodedValue(1_230_000, .good))
    #expect(Self.decode(scaled, [100: 1, 101: 0x8000]) == DecodedValue(0, .notImplemented))
    #expect(Self.decode(scaled, [100: 1, 101: 11]) == DecodedValue(0, .outOfRange))
    #expect(Self.decode(scaled, [100: 1, 101: 0xFFF5]) == DecodedValue(0, .outOfRange))
    let float = Self.point(.float32)
    #expect(Self.decode(float, [100: 0x7FC0, 101: 0]) == DecodedValue(0, .notImplemented))
    #expect(Self.decode(float, [100: 0x7F80, 101: 0]) == DecodedValue(0, .notImplemented))
    #expect(Self.decode(float, [100: 0x7F00, 101: 0]) == DecodedValue(0, .outOfRange))
    #expect(Self.decode(float, [100: 0xC49A, 101: 0x5000]) == DecodedValue(-1_234_500, .good))
  }
}

@Suite("Points with more than one register (docs/HARDWARE.md, How to write a map)")
struct PointTests {
  static func point(
    _ type: RegisterType, order: WordOrder? = nil, _ second: SecondRegister?, sentinels: [UInt64] = []
  ) -> MapPoint {
    MapPoint(
      quantity: .activePower, phase: 0, address: 10, type: type, factor: .one, order: order, second: second,
      minimum: -4_000_000_000, maximum: 9_000_000_000, sentinels: sentinels)
  }

  static func decode(_ point: MapPoint, _ words: [UInt16: UInt16]) -> DecodedValue {
    point.decode(order: .abcd) { words[$0] ?? 0 }
  }

  @Test("the difference of two numbers has the sign of the larger one")
  func minus() {
    let point = Self.point(.uint32, .minus(20), sentinels: [0xFFFF_FFFF])
    #expect(point.firstAddress == 10 && point.lastAddress == 21)
    #expect(Self.decode(point, [10: 1, 11: 5, 21: 7]) == DecodedValue(65_534, .good))
    #expect(Self.decode(point, [11: 5, 20: 1, 21: 7]) == DecodedValue(-65_538, .good))
    #expect(Self.decode(point, [10: 0xFFFF, 11: 0xFFFF, 21: 7]) == DecodedValue(0, .notImplemented))
    #expect(Self.decode(point, [11: 7, 20: 0xFFFF, 21: 0xFFFF]) == DecodedValue(0, .notImplemented))
    let wide = Self.point(.int64, .minus(4))
    #expect(wide.firstAddress == 4 && wide.lastAddress == 13)
    #expect(Self.decode(wide, [10: 0x8000, 7: 1]) == DecodedValue(0, .outOfRange))
    #expect(Self.decode(wide, [13: 9, 7: 1]) == DecodedValue(8, .good))
    let float = Self.point(.float32, .minus(12))
    #expect(Self.decode(float, [10: 0x4367, 12: 0x4080]) == DecodedValue(227, .good))
    #expect(Self.decode(float, [10: 0x4366, 12: 0x7FC0]) == DecodedValue(0, .notImplemented))
  }

  @Test("words that are no neighbours make up one number, in either byte order")
  func high() {
    let point = Self.point(.uint32, .high(12))
    #expect(point.firstAddress == 10 && point.lastAddress == 12)
    #expect(Self.decode(point, [10: 0x5678, 11: 0xDEAD, 12: 0x1234]) == DecodedValue(0x1234_5678, .good))
    #expect(Self.decode(Self.point(.int32, .high(2)), [10: 0xFFFE, 2: 0xFFFF]) == DecodedValue(-2, .good))
    #expect(
      Self.decode(Self.point(.uint32, order: .badc, .high(12)), [10: 0x7856, 12: 0x3412])
        == DecodedValue(0x1234_5678, .good))
  }

  @Test("a point's own order goes before the map's, and each of its sentinels counts")
  func ownOrder() {
    let point = Self.point(.uint32, order: .cdab, nil, sentinels: [1, 0x8000_0000])
    #expect(Self.decode(point, [10: 2, 11: 3]) == DecodedValue(0x3_0002, .good))
    #expect(Self.decode(point, [10: 1]) == DecodedValue(0, .notImplemented))
    #expect(Self.decode(point, [11: 0x8000]) == DecodedValue(0, .notImplemented))
  }
}

@Suite("What a device is told by (docs/HARDWARE.md, How to write a map)")
struct DeviceIdentityTests {
  static func evidence(_ type: RegisterType, _ range: ClosedRange<Int64>, _ words: [UInt16]) -> MapCheck.Evidence {
    MapCheck(
      function: .inputRegisters, address: 7, type: type, minimum: range.lowerBound, maximum: range.upperBound
    ).evidence(order: .abcd) { words[Int($0 - 7)] }
  }

  @Test("a measurement speaks for a device, against it, or says nothing")
  func evidence() {
    #expect(Self.evidence(.float32, 45...65, [0x4248, 0]) == .speaksFor)
    #expect(Self.evidence(.float32, 45...65, [0x4348, 0]) == .speaksAgainst)
    for nothing in [[0, 0], [0x8000, 0], [0x7FC0, 0], [0xFFFF, 0xFFFF], [0x7F80, 0]] as [[UInt16]] {
      #expect(Self.evidence(.float32, 45...65, nothing) == .saysNothing)
    }
    // 2304 with its low word first, as another make sends 230.4 V, is 1.5e-33 here.
    #expect(Self.evidence(.float32, 0...500, [0x0900, 0]) == .speaksAgainst)
    #expect(Self.evidence(.float32, 0...500, [0x3580, 0]) == .speaksFor)
    #expect(Self.evidence(.float32, 0...500, [0x357F, 0xFFFF]) == .speaksAgainst)
    #expect(Self.evidence(.float32, 0...500, [0x7F00, 0]) == .speaksAgainst)
    #expect(Self.evidence(.float64, 0...500, [0x3EB0, 0, 0, 0]) == .speaksFor)
    #expect(Self.evidence(.float64, 0...500, [0x3EAF, 0, 0, 0]) == .speaksAgainst)
    #expect(Self.evidence(.int16, 450...650, [500]) == .speaksFor)
    #expect(Self.evidence(.int16, 450...650, [651]) == .speaksAgainst)
    for nothing in [0, 0x7FFF, 0x8000, 0xFFFF] as [UInt16] {
      #expect(Self.evidence(.int16, 450...650, [nothing]) == .saysNothing)
    }
    // A new meter's counters may be all that it can be told by.
    let counter = MapCheck(
      function: .inputRegisters, address: 7, type: .uint32, minimum: 1, maximum: 9, zeroSpeaks: true)
    for (low, evidence) in [(0, .speaksFor), (9, .speaksFor), (10, .speaksAgainst)] as [(UInt16, MapCheck.Evidence)] {
      #expect(counter.evidence(order: .abcd) { $0 == 8 ? low : 0 } == evidence)
    }
    #expect(Self.evidence(.uint64, 1...9, [0, 0, 0, 5]) == .speaksFor)
    #expect(Self.evidence(.uint64, 1...9, [0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF]) == .saysNothing)
  }

  @Test("a text is read without its padding, and a number in decimal")
  func texts() {
    func text(_ form: IdentityPlace.Form, _ words: [UInt16]) -> String {
      let place = IdentityPlace(function: .holdingRegisters, address: 3, form: form)
      return String(decoding: place.text(order: .abcd) { words[Int($0 - 3)] }, as: UTF8.self)
    }
    #expect(text(.text(registers: 3), [0x5355, 0x4E20, 0x2020]) == "SUN")
    #expect(text(.text(registers: 3), [0x5355, 0x4E00, 0x4141]) == "SUN")
    #expect(text(.text(registers: 2), [0x2053, 0xFFFF]) == "S")
    #expect(text(.text(registers: 2), [0, 0]) == "")
    #expect(text(.number(.uint32), [1, 2]) == "65538")
    #expect(text(.number(.int16), [0xFFFF]) == "-1")
  }

  @Test("an identity is one of its values, or begins with one of its texts")
  func holds() {
    var number = IdentityRegister(
      place: IdentityPlace(function: .holdingRegisters, address: 3, form: .number(.uint16)),
      ranges: [IdentityRange(minimum: 71, maximum: 71), IdentityRange(minimum: 340, maximum: 345)])
    func holds(_ register: IdentityRegister, _ words: [UInt16]) -> Bool {
      register.holds(order: .abcd) { words[Int($0 - 3)] }
    }
    for good in [71, 340, 345] as [UInt16] { #expect(holds(number, [good])) }
    for bad in [0, 70, 72, 339, 346] as [UInt16] { #expect(!holds(number, [bad])) }
    number.ranges = []
    #expect(!holds(number, [71]))
    let text = IdentityRegister(
      place: IdentityPlace(function: .holdingRegisters, address: 3, form: .text(registers: 3)),
      beginnings: [Array("SX".utf8), Array("SUN".utf8)])
    #expect(holds(text, [0x5355, 0x4E32, 0x3030]) && holds(text, [0x5355, 0x4E00, 0]) && holds(text, [0x5358, 0, 0]))
    #expect(!holds(text, [0x5355, 0, 0]) && !holds(text, [0x5355, 0x4D32, 0]) && !holds(text, [0, 0, 0]))
  }
}

@Suite("SunSpec discovery (SunSpec Device Information Model Specification, §4)")
struct SunSpecDiscoveryTests {
  /// Walks a device made of registers; an address without one is refused, as a device does.
  static func walk(_ registers: [UInt16: UInt16], bases: [UInt16] = [40000, 0, 50000]) throws(SunSpecError)
    -> (models: [FoundModel], reads: [UInt16])
  {
    var discovery = SunSpecDiscovery(bases: bases)
    var reads: [UInt16] = []
    var step = discovery.first
    while case .read(let address, let count) = step {
      precondition(count == 2 && reads.count < 200)
      reads.append(address)
      if let high = registers[address], let low = registers[address &+ 1] {
        step = try discovery.received(high, low)
      } else {
        step = try discovery.refused()
      }
    }
    return (discovery.models, reads)
  }

  static func device(at base: UInt16, _ models: [(UInt16, UInt16)]) -> [UInt16: UInt16] {
    var registers: [UInt16: UInt16] = [base: 0x5375, base + 1: 0x6E53]
    var next = base + 2
    for (identifier, length) in models {
      registers[next] = identifier
      registers[next + 1] = length
      next += 2 + length
    }
    registers[next] = 0xFFFF
    registers[next + 1] = 0
    return registers
  }

  @Test("finds the chain at any of the three places", arguments: [40000, 0, 50000] as [UInt16])
  func bases(base: UInt16) throws {
    let found = try Self.walk(Self.device(at: base, [(1, 66), (103, 50), (120, 26), (121, 30), (123, 24)]))
    #expect(found.models.map(\.identifier) == [1, 103, 120, 121, 123])
    #expect(found.models.map { $0.address - base } == [2, 70, 122, 150, 182])
    #expect(found.models.last == FoundModel(identifier: 123, address: base + 182, length: 24))
  }

  @Test("nothing anywhere is not SunSpec, after three reads")
  func nothing() {
    #expect(throws: SunSpecError.notSunSpec) { try Self.walk([:]) }
    #expect(throws: SunSpecError.notSunSpec) { try Self.walk([40000: 0x5375, 40001: 0x6E54]) }
  }

  @Test("a chain that breaks off, runs out of registers or never ends is broken, and keeps what was found before")
  func broken() {
    var cut = Self.device(at: 40000, [(1, 66), (103, 50)])
    cut[40070] = nil
    #expect(throws: SunSpecError.self) { try Self.walk(cut) }
    #expect(throws: SunSpecError.chainBroken(model: 9, length: 60000)) {
      try Self.walk([40000: 0x5375, 40001: 0x6E53, 40002: 9, 40003: 60000])
    }
    let endless = Self.device(at: 0, Array(repeating: (7, 1), count: 70))
    #expect(throws: SunSpecError.chainBroken(model: 7, length: 1)) { try Self.walk(endless, bases: [0]) }
    let empty = Self.device(at: 0, Array(repeating: (7, 0), count: 70))
    #expect(throws: SunSpecError.chainBroken(model: 7, length: 0)) { try Self.walk(empty, bases: [0]) }
    var discovery = SunSpecDiscovery(bases: [0])
    for (high, low) in [(0x5375, 0x6E53), (1, 66), (103, 50)] as [(UInt16, UInt16)] {
      #expect(throws: Never.self) { try discovery.received(high, low) }
    }
    #expect(throws: SunSpecError.chainBroken(model: 0, length: 122)) { try discovery.refused() }
    #expect(discovery.models.map(\.identifier) == [1, 103])
  }

  @Test("a vendor's model without registers is stepped over, and ID 0 ends a chain (sunspec/models #44)")
  func oddChains() throws {
    #expect(
      try Self.walk(Self.device(at: 40000, [(1, 66), (64001, 0), (103, 50)])).models.map(\.identifier) == [1, 103])
    var zero = Self.device(at: 40000, [(1, 66), (103, 50)])
    zero[40122] = 0
    #expect(try Self.walk(zero).models.map(\.identifier) == [1, 103])
  }
}
