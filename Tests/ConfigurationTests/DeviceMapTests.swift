import Configuration
import Metering
import Testing

@Suite("Device files (docs/HARDWARE.md)")
struct DeviceMapTests {
  static let good = """
    [device]
    name = a-meter
    title = A meter
    kind = meter
    function = 4
    order = cdab
    maximumRegisters = 20
    gapMilliseconds = 5
    baud = 9600
    parity = even
    [counter]
    ratedPowerWatts = 1000
    quantumMilliwattHours = 100
    [check]
    0x000B = u16 70...79 holding
    [ranges]
    voltage = 0...300 V
    activePower = -5...5 kW
    activeEnergyImport = 0...100 kWh
    [readable]
    registers = 0x0000-0x0003, 0x0010-0x0020
    [points]
    voltage.1 = 0x0000 i32 V x0.1 sentinel=0x7FFFFFFF
    activePower.0 = 0x0004 i16 kW x0.001 invert
    activeEnergyImport.0 = 18 acc32 Wh

    """

  /// Everything a file may say beyond that.
  static let full = """
    [device]
    name = an-inverter
    title = An inverter
    kind = inverter
    function = 3
    order = abcd
    maximumRegisters = 40
    gapMilliseconds = 0
    timeoutMilliseconds = 3000
    connectDelayMilliseconds = 1500
    baud = 9600
    parity = none
    unit = 0
    quirks = anyUnit, failureMeansAbsent
    [counter]
    ratedPowerWatts = 1000
    quantumMilliwattHours = 100
    [identity]
    11 = u16 71|340...345 input
    0x7530 = text15 "SUN 2000"|"SUN5"
    serial = 0x1000 text10
    [ranges]
    voltage = 0...300 V
    activePower = -5...5 kW
    activeEnergyImport = 0...100 kWh
    activeEnergyExport = 0...100 kWh
    [readable]
    boundaries = 0x0020, 0x0040
    [points]
    voltage.1 = 30 u16 V x0.1 sentinel=0x7FFF|0xFFFF input
    activePower.0 = 40 u32 W x0.1 minus=44 invert
    activeEnergyImport.0 = 78 u32 Wh high=80 order=cdab
    activeEnergyExport.0 = 100 f64 Wh optional

    """

  static func parse(_ text: String) throws(ConfigurationError) -> DeviceMap {
    let bytes = Array(text.utf8)
    return try DeviceMap(file: "a.ini", bytes: bytes.span)
  }

  static func failure(_ text: String) -> String {
    do throws(ConfigurationError) {
      _ = try parse(text)
      return "accepted"
    } catch { return "\(error)" }
  }

  @Test("a counter is optional where its total says so; a phase's alone says nothing of the device")
  func optional() throws {
    let map = try Self.parse(Self.full)
    #expect(map.isOptional(.activeEnergyExport) && !map.isOptional(.activeEnergyImport))
    let ofPhase = try Self.parse(
      Self.full.replacing(
        "activeEnergyExport.0 = 100 f64 Wh optional", with: "activeEnergyExport.1 = 100 f64 Wh optional"))
    #expect(!ofPhase.isOptional(.activeEnergyExport))
  }

  @Test("every field of a file reaches the map")
  func fields() throws {
    let map = try Self.parse(Self.good)
    #expect(map.name == "a-meter" && map.order == .cdab && map.parity == "even" && map.limit == nil)
    #expect(
      map.checks == [
        MapCheck(function: .holdingRegisters, address: 11, type: .uint16, minimum: 70, maximum: 79)
      ])
    #expect(map.readable == [RegisterRange(first: 0, last: 3), RegisterRange(first: 16, last: 32)])
    #expect(
      map.points == [
        MapPoint(
          quantity: .voltage, phase: 1, address: 0, type: .int32, factor: DecimalFactor(significand: 1, exponent: 2),
          minimum: 0, maximum: 300_000, sentinels: [0x7FFF_FFFF]),
        MapPoint(
          quantity: .activePower, phase: 0, address: 4, type: .int16,
          factor: DecimalFactor(significand: 1, exponent: 3),
          minimum: -5_000_000, maximum: 5_000_000, isInverted: true),
        MapPoint(
          quantity: .activeEnergyImport, phase: 0, address: 18, type: .accumulator32,
          factor: DecimalFactor(significand: 1, exponent: 3), minimum: 0, maximum: 100_000_000),
      ])
  }

  @Test("everything a file may say beyond that reaches the map")
  func fullFields() throws {
    let map = try Self.parse(Self.full)
    #expect(map.timeoutMilliseconds == 3_000 && map.connectDelayMilliseconds == 1_500 && map.unit == 0)
    #expect(map.quirks == [.anyUnit, .failureMeansAbsent] && map.boundaries == [0x20, 0x40])
    #expect(
      map.identity == [
        IdentityRegister(
          place: IdentityPlace(function: .inputRegisters, address: 11, form: .number(.uint16)),
          ranges: [IdentityRange(minimum: 71, maximum: 71), IdentityRange(minimum: 340, maximum: 345)]),
        IdentityRegister(
          place: IdentityPlace(function: .holdingRegisters, address: 30_000, form: .text(registers: 15)),
          beginnings: [Array("SUN 2000".utf8), Array("SUN5".utf8)]),
      ])
    #expect(
      map.serialNumber == IdentityPlace(function: .holdingRegisters, address: 4096, form: .text(registers: 10)))
    let thousand = DecimalFactor(significand: 1, exponent: 3)
    #expect(
      map.points == [
        MapPoint(
          quantity: .voltage, phase: 1, address: 30, type: .uint16, factor: DecimalFactor(significand: 1, exponent: 2),
          function: .inputRegisters, minimum: 0, maximum: 300_000, sentinels: [0x7FFF, 0xFFFF]),
        MapPoint(
          quantity: .activePower, phase: 0, address: 40, type: .uint32,
          factor: DecimalFactor(significand: 1, exponent: 2), second: .minus(44), minimum: -5_000_000,
          maximum: 5_000_000, isInverted: true),
        MapPoint(
          quantity: .activeEnergyImport, phase: 0, address: 78, type: .uint32, factor: thousand, order: .cdab,
          second: .high(80), minimum: 0, maximum: 100_000_000),
        MapPoint(
          quantity: .activeEnergyExport, phase: 0, address: 100, type: .float64, factor: thousand, minimum: 0,
          maximum: 100_000_000, isOptional: true),
      ])
    // What is left out is the transport's, or the usual.
    let plain = try Self.parse(Self.good)
    #expect(plain.timeoutMilliseconds == nil && plain.connectDelayMilliseconds == 0 && plain.unit == 1)
    #expect(plain.quirks == [] && plain.identity.isEmpty && plain.serialNumber == nil && plain.boundaries.isEmpty)
    #expect(try #require(try BuiltInDevices.map(named: "sunspec")).unit == 126)
  }

  @Test(
    "each mistake in what a file may say beyond that is an error with its line",
    arguments: [
      ("timeoutMilliseconds = 3000", "timeoutMilliseconds = 19", 9),
      ("timeoutMilliseconds = 3000", "timeoutMilliseconds = 60001", 9),
      ("connectDelayMilliseconds = 1500", "connectDelayMilliseconds = 30001", 10), ("unit = 0", "unit = 256", 13),
      ("quirks = anyUnit,", "quirks = anyThing,", 14), ("11 = u16", "65536 = u16", 19), ("11 = u16", "11 = u24", 19),
      ("11 = u16", "11 = f32", 19), ("71|340...345", "71||340", 19), ("71|340...345", "345...340", 19),
      ("71|340...345", "", 19), ("71|340...345 input", "71 coils", 19), ("text15 \"", "text33 \"", 20),
      ("text15 \"", "text0 \"", 20), ("text15 \"", "text3 \"", 20), ("0x7530 = text15", "0xFFF5 = text15", 20),
      ("\"SUN 2000\"|\"SUN5\"", "SUN2000", 20), ("\"SUN 2000\"", "\"\"", 20), ("\"SUN 2000\"", "\"SUN\u{e9}\"", 20),
      ("0x1000 text10", "text10", 21), ("0x1000 text10", "0x1000 text10 \"A\"", 21), ("0x1000 text10", "0x1000", 21),
      ("boundaries = 0x0020", "boundaries = here", 28), ("boundaries = 0x0020", "boundaries = 42", 31),
      ("0x7FFF|0xFFFF", "0x7FFF|0x1FFFF", 30), ("0x7FFF|0xFFFF", "1|2|3|4|5", 30), ("0x7FFF|0xFFFF", "1|", 30),
      ("minus=44", "minus=99", 31), ("minus=44", "minus=", 31), ("minus=44", "minus=44 minus=46", 31),
      ("minus=44", "minus=0xFFFF", 31), ("78 u32 Wh high", "78 u16 Wh high", 32),
      ("78 u32 Wh high", "78 f32 Wh high", 32),
      ("order=cdab", "order=acbd", 32), ("f64 Wh optional", "f64 Wh x0.0001", 33),
      ("f64 Wh optional", "f64 Wh sf=3", 33),
      ("30 u16 V x0.1", "30 u16 V x0.1 optional", 30), ("activeEnergyExport.0", "activeEnergyImport.00", 33),
      ("[identity]", "[identities]", 18),
    ])
  func fullMistakes(old: String, new: String, line: Int) {
    let text = Self.full.split(separator: old, maxSplits: 1, omittingEmptySubsequences: false).joined(separator: new)
    #expect(text != Self.full)
    let failure = Self.failure(text)
    #expect(failure.hasPrefix("a.ini:\(line): "), "\(failure)")
  }

  @Test("requests keep to the functions of their points and end before boundaries")
  func boundaries() throws {
    let plan = ReadPlan(try Self.parse(Self.full))
    #expect(plan.blocks.map { [$0.address, $0.count] } == [[40, 6], [30, 1], [78, 3], [100, 4]])
    #expect(plan.blocks.map(\.function) == [.holdingRegisters, .inputRegisters, .holdingRegisters, .holdingRegisters])
    let neighbours = Self.good.split(separator: "0x0000-0x0003, 0x0010-0x0020", omittingEmptySubsequences: false)
    func blocks(_ readable: String, _ boundaries: String) throws -> [[UInt16]] {
      let points = "voltage.2 = 0x0002 i32 V\nvoltage.3 = 0x0006 i32 V\n"
      let text = neighbours.joined(separator: readable + "\nboundaries = \(boundaries)") + points
      return ReadPlan(try Self.parse(text)).blocks.filter { $0.update == .slow }.map { [$0.address, $0.count] }
    }
    #expect(try blocks("0x0000-0x0020", "9") == [[0, 8]])
    #expect(try blocks("0x0000-0x0020", "8") == [[0, 8]])
    #expect(try blocks("0x0000-0x0020", "0") == [[0, 8]])
    #expect(try blocks("0x0000-0x0020", "6") == [[0, 4], [6, 2]])
    #expect(try blocks("0x0000-0x0020", "5") == [[0, 4], [6, 2]])
    #expect(try blocks("0x0000-0x0020", "2, 6") == [[0, 2], [2, 2], [6, 2]])
    #expect(try blocks("0x0000-0x0004", "9") == [[0, 4], [6, 2]])
    #expect(Self.failure(neighbours.joined(separator: "0-3\nboundaries = 1")).hasPrefix("a.ini:24: "))
  }

  @Test(
    "each mistake is an error with its line",
    arguments: [
      ("name = a-meter", "name = A Meter", 2), ("function = 4", "function = 6", 5), ("order = cdab", "order = abdc", 6),
      ("maximumRegisters = 20", "maximumRegisters = 126", 7), ("baud = 9600", "", 1),
      ("parity = even", "parity = mark", 10),
      ("ratedPowerWatts = 1000", "ratedPowerWatts = 0", 12), ("0x000B = u16", "0x1000B = u16", 15),
      ("70...79 holding", "79...70 holding", 15), ("70...79 holding", "70...79 coils", 15),
      ("voltage = 0...300 V", "voltage = 0...300 A", 17), ("voltage = 0...300 V", "voltage = 0..300 V", 17),
      ("voltage = 0...300 V", "tension = 0...300 V", 17), ("0x0000-0x0003", "0x0003-0x0000", 21),
      ("voltage.1 =", "voltage.4 =", 23), ("voltage.1 =", "voltage =", 23), ("0x0000 i32", "0x10000 i32", 23),
      ("0x0000 i32", "0xFFFF i32", 23), ("i32 V", "i24 V", 23), ("i32 V", "i32 W", 23), ("x0.1", "x0", 23),
      ("x0.1", "x-1", 23), ("x0.1", "factor", 23), ("sentinel=0x7FFFFFFF", "sentinel=0x7FFFFFFFF", 23),
      ("x0.001 invert", "sf=3", 24), ("18 acc32 Wh", "18 f32 Wh x0.0001", 25), ("18 acc32 Wh", "18", 25),
      ("voltage = 0...300 V", "", 23), ("[readable]", "[readible]", 20), ("title = A meter", "titel = A meter", 1),
    ])
  func mistakes(old: String, new: String, line: Int) {
    let text = Self.good.split(separator: old, maxSplits: 1, omittingEmptySubsequences: false).joined(separator: new)
    #expect(text != Self.good)
    let failure = Self.failure(text)
    #expect(failure.hasPrefix("a.ini:\(line): "), "\(failure)")
  }

  @Test(
    "no prefix and no single-bit flip crashes the reader, and each refusal names the file and a line",
    arguments: [good, full])
  func damaged(text: String) {
    let bytes = Array(text.utf8)
    func check(_ damaged: [UInt8]) {
      do throws(ConfigurationError) { _ = try DeviceMap(file: "a.ini", bytes: damaged.span) } catch {
        #expect(error.file == "a.ini" && error.line >= 1 && !error.message.isEmpty)
      }
    }
    for length in bytes.indices { check(Array(bytes.prefix(length))) }
    for bit in 0..<(8 * bytes.count) {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << (bit % 8)
      check(flipped)
    }
  }

  @Test("every built-in file is good, named as its file is, and within its device's limits")
  func builtIn() throws {
    // DeviceVectorTests and devices_peer.py have a table of each; docs/HARDWARE.md has their number.
    let files = BuiltInDevices.names.map { $0 + ".ini" }
    #expect(files == files.sorted() && files.contains("sunspec.ini"))
    for name in BuiltInDevices.names {
      let map = try #require(try BuiltInDevices.map(named: name))
      #expect(map.name == name)
      #expect(!map.checks.isEmpty || !map.identity.isEmpty || map.layout == .sunSpec)
      for block in ReadPlan(map).blocks {
        #expect(block.count <= map.maximumRegisters)
        for index in block.points {
          let point = ReadPlan(map).points[index]
          #expect((point.function ?? map.function) == block.function)
          #expect(point.firstAddress >= block.address && point.lastAddress < block.address + block.count)
        }
      }
    }
    #expect(try BuiltInDevices.map(named: "no-such") == nil)
  }

  @Test("neighbours and readable stretches are merged, up to the device's limit and by class")
  func plan() throws {
    let plan = ReadPlan(try #require(try BuiltInDevices.map(named: "eastron-sdm630")))
    #expect(plan.blocks.map { [$0.address, $0.count] } == [[0x34, 2], [0x00, 0x3A], [0x3C, 0x0C], [0x48, 4]])
    #expect(plan.blocks.map(\.update) == [.fast, .slow, .slow, .counter])
    let single = ReadPlan(try #require(try BuiltInDevices.map(named: "eastron-sdm120")))
    #expect(single.blocks.count == 8)
  }

  @Test("SunSpec models are read whole, at the place they were found")
  func modelPlan() throws {
    let map = try #require(try BuiltInDevices.map(named: "sunspec"))
    let found = [
      FoundModel(identifier: 1, address: 40002, length: 66), FoundModel(identifier: 103, address: 40070, length: 50),
      FoundModel(identifier: 701, address: 40122, length: 153),
    ]
    let plan = ReadPlan(map, models: found)
    #expect(plan.blocks.map { [$0.address, $0.count] } == [[40072, 25], [40132, 111]])
    #expect(
      Set(map.models.map(\.identifier)) == [101, 102, 103, 111, 112, 113, 201, 202, 203, 204, 211, 212, 213, 214, 701])
    // A device whose model is shorter than the specification's gives what it has.
    let short = ReadPlan(map, models: [FoundModel(identifier: 103, address: 2, length: 20)])
    #expect(short.points.allSatisfy { $0.quantity != .activeEnergyExport } && !short.points.isEmpty)
  }
}
