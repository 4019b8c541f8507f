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
          minimum: 0, maximum: 300_000, sentinel: 0x7FFF_FFFF),
        MapPoint(
          quantity: .activePower, phase: 0, address: 4, type: .int16,
          factor: DecimalFactor(significand: 1, exponent: 3),
          minimum: -5_000_000, maximum: 5_000_000, isInverted: true),
        MapPoint(
          quantity: .activeEnergyImport, phase: 0, address: 18, type: .accumulator32,
          factor: DecimalFactor(significand: 1, exponent: 3), minimum: 0, maximum: 100_000_000),
      ])
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

  @Test("no prefix and no single-bit flip crashes the reader, and each refusal names the file and a line")
  func damaged() {
    let bytes = Array(Self.good.utf8)
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
    #expect(
      BuiltInDevices.names == [
        "carlo-gavazzi-em24", "carlo-gavazzi-em340", "carlo-gavazzi-et340", "chint-dtsu666", "eastron-sdm120",
        "eastron-sdm230", "eastron-sdm630", "eastron-sdm72", "sunspec",
      ])
    for name in BuiltInDevices.names {
      let map = try #require(try BuiltInDevices.map(named: name))
      #expect(map.name == name)
      #expect(!map.checks.isEmpty || map.layout == .sunSpec)
      for block in ReadPlan(map).blocks {
        #expect(block.count <= map.maximumRegisters)
        for index in block.points {
          let point = ReadPlan(map).points[index]
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
