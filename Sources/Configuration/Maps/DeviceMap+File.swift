import Metering
import Units

/// Files of `Devices/`: one a device. (docs/HARDWARE.md, How to write a map)
extension DeviceMap {
  /// Of `timeoutMilliseconds`: a shorter one is below what a USB adapter adds, a longer one no owner would wait for.
  public static let timeouts: ClosedRange<Int64> = 20...60_000
  /// Of `connectDelayMilliseconds`.
  public static let connectDelays: ClosedRange<Int64> = 0...30_000

  /// - Throws: with file and line, for anything unknown, missing or impossible.
  public init(file: String, bytes: Span<UInt8>) throws(ConfigurationError) {
    let ini = try IniFile(file: file, bytes: bytes)
    var reader = SectionReader(ini)
    let layoutName = try reader.choice("device", "layout", of: ["registers", "sunspec"], default: "registers")
    let layout: Layout = layoutName == "sunspec" ? .sunSpec : .registers
    let function: ModbusRequest.Function =
      try reader.integer("device", "function", in: 3...4) == 3 ? .holdingRegisters : .inputRegisters
    let name = try reader.text("device", "name")
    if !Self.isName(name) { throw reader.wrong("device", "name", "name is not made of a-z, 0-9 and -: \(name)") }
    let title = try reader.text("device", "title")
    let kind: Kind = try reader.choice("device", "kind", of: ["meter", "inverter"]) == "meter" ? .meter : .inverter
    let orders = ["abcd", "cdab", "badc", "dcba"]
    let order = WordOrder(name: try reader.choice("device", "order", of: orders)) ?? .abcd
    let maximum = UInt16(
      try reader.integer("device", "maximumRegisters", in: 1...Int64(ModbusRequest.maximumRegisters)))
    let gap = UInt64(try reader.integer("device", "gapMilliseconds", in: 0...10_000))
    let timeout = try reader.milliseconds("device", "timeoutMilliseconds", in: DeviceMap.timeouts)
    let connectDelay = try reader.milliseconds("device", "connectDelayMilliseconds", in: DeviceMap.connectDelays)
    let baud = UInt32(try reader.integer("device", "baud", in: 1200...115_200))
    let parity = try reader.choice("device", "parity", of: ["none", "even", "odd"])
    let unit = UInt8(try reader.integer("device", "unit", in: 0...255, default: layout == .sunSpec ? 126 : 1))
    let quirks = try reader.quirks()
    let counter = try reader.counterRule()
    let ranges = try reader.ranges()
    var sections = ["device", "counter", "identity", "check", "ranges", "readable", "points", "limit"]
    var points: [MapPoint] = []
    var models: [ModelMap] = []
    var bases: [UInt16] = []
    let limit = try reader.limitRule(hasSection: ini.sections.contains { $0.name == "limit" })
    let (identity, serialNumber) = try reader.identity(function, isSunSpec: layout == .sunSpec, maximum)
    let checks = try reader.checks(function)
    let readable = try reader.readable()
    let boundaries = try reader.boundaries()
    switch layout {
    case .registers:
      for entry in reader.all("points") {
        let point = try reader.point(entry, ranges, isSunSpec: false)
        guard point.lastAddress - point.firstAddress < maximum else {
          throw reader.wrong(entry, "\(entry.key) is longer than maximumRegisters")
        }
        for boundary in boundaries where point.firstAddress < boundary && boundary <= point.lastAddress {
          throw reader.wrong(entry, "\(entry.key) lies on both sides of the boundary \(boundary)")
        }
        if points.contains(where: { $0.quantity == point.quantity && $0.phase == point.phase }) {
          throw reader.wrong(entry, "\(entry.key) is given twice")
        }
        points.append(point)
      }
      if points.isEmpty { throw reader.wrong("device", "name", "no [points]") }
    case .sunSpec:
      bases = try reader.addresses("device", "bases")
      for head in ini.sections where head.name.hasPrefix("model ") {
        if sections.contains(head.name) { continue }
        sections.append(head.name)
        models.append(try reader.model(head.name, line: head.line, ranges))
      }
      if models.isEmpty { throw reader.wrong("device", "layout", "no [model N]") }
    }
    self.init(
      name: name, title: title, kind: kind, layout: layout, function: function, order: order,
      maximumRegisters: maximum, gapMilliseconds: gap, timeoutMilliseconds: timeout,
      connectDelayMilliseconds: connectDelay ?? 0, baud: baud, parity: parity, unit: unit, quirks: quirks,
      identity: identity, serialNumber: serialNumber, checks: checks, points: points, readable: readable,
      boundaries: boundaries, bases: bases, models: models, counter: counter, limit: limit)
    try reader.finish(sections: sections)
  }

  private static func isName(_ text: String) -> Bool {
    text.utf8.count <= 40
      && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
  }
}

/// A span of values that may be read, in a quantity's unit.
struct QuantityRange: Equatable {
  var quantity: Quantity
  var minimum: Int64
  var maximum: Int64
}

/// The unit a device counts in, as a power of ten of the quantity's own.
func exponent(of unit: String, for quantity: Quantity) -> Int32? {
  switch (quantity, unit) {
  case (.voltage, "V"), (.current, "A"), (.activePower, "W"), (.reactivePower, "var"), (.apparentPower, "VA"),
    (.frequency, "Hz"), (.activeEnergyImport, "Wh"), (.activeEnergyExport, "Wh"):
    3
  case (.activePower, "kW"), (.reactivePower, "kvar"), (.apparentPower, "kVA"), (.activeEnergyImport, "kWh"),
    (.activeEnergyExport, "kWh"), (.powerFactor, "1"):
    6
  case (.powerFactor, "%"): 4
  default: nil
  }
}

extension SectionReader {
  /// A decimal or, behind 0x, hexadecimal number.
  static func number(_ text: some StringProtocol, most: UInt64) -> UInt64? {
    let isHexadecimal = text.hasPrefix("0x")
    let digits = isHexadecimal ? text.dropFirst(2) : text[...]
    guard let first = digits.utf8.first, first != UInt8(ascii: "+"),
      let value = UInt64(digits, radix: isHexadecimal ? 16 : 10), value <= most
    else { return nil }
    return value
  }

  static func address(_ text: some StringProtocol) -> UInt16? {
    number(text, most: 0xFFFF).map { UInt16($0) }
  }

  /// "LOW...HIGH"
  static func span(_ text: Substring) -> (Int64, Int64)? {
    let bytes = Array(text.utf8)
    let dot = UInt8(ascii: ".")
    guard bytes.count >= 5,
      let place = bytes.indices.dropLast(2).first(where: {
        bytes[$0] == dot && bytes[$0 + 1] == dot && bytes[$0 + 2] == dot
      }), let low = Int64(String(decoding: bytes[..<place], as: UTF8.self)),
      let high = Int64(String(decoding: bytes[(place + 3)...], as: UTF8.self)), low <= high
    else { return nil }
    return (low, high)
  }

  static func words(_ text: String) -> [Substring] { text.split(separator: " ") }

  mutating func counterRule() throws(ConfigurationError) -> CounterRule {
    let rated = try integer("counter", "ratedPowerWatts", in: 1...1_000_000_000)
    let quantum = try integer("counter", "quantumMilliwattHours", in: 0...1_000_000_000)
    var modulus: Int64?
    if entry("counter", "modulusWattHours") != nil {
      modulus = try integer("counter", "modulusWattHours", in: 1...9_000_000_000_000) * 1_000
    }
    return CounterRule(
      ratedPowerMilliwatts: rated * 1_000, quantumMilliwattHours: quantum, modulusMilliwattHours: modulus)
  }

  mutating func limitRule(hasSection: Bool) throws(ConfigurationError) -> LimitRule? {
    guard hasSection else { return nil }
    let models = try addresses("limit", "models")
    for model in models where model != 123 && model != 704 {
      throw wrong("limit", "models", "models is 123 or 704, not \(model)")
    }
    return LimitRule(
      models: models, isVolatile: try choice("limit", "volatile", of: ["yes", "no"]) == "yes",
      writesPerDay: UInt32(try integer("limit", "writesPerDay", in: 1...100_000)))
  }

  mutating func addresses(_ section: String, _ key: String) throws(ConfigurationError) -> [UInt16] {
    let text = try text(section, key)
    var result: [UInt16] = []
    for word in text.split(separator: ",") {
      guard let value = Self.address(Self.trimmed(word)), result.count < 16 else {
        throw wrong(section, key, "\(key) is not a list of register numbers: \(text)")
      }
      result.append(value)
    }
    if result.isEmpty { throw wrong(section, key, "\(key) is empty") }
    return result
  }

  static func trimmed(_ text: Substring) -> Substring {
    var result = text
    while result.utf8.first == 0x20 { result = result.dropFirst() }
    while result.utf8.last == 0x20 { result = result.dropLast() }
    return result
  }

  /// `QUANTITY = LOW...HIGH UNIT`
  mutating func ranges() throws(ConfigurationError) -> [QuantityRange] {
    var result: [QuantityRange] = []
    for entry in all("ranges") {
      guard let quantity = Quantity(name: entry.key) else { throw wrong(entry, "unknown quantity \(entry.key)") }
      let words = Self.words(entry.value)
      guard words.count == 2, let (low, high) = Self.span(words[0]) else {
        throw wrong(entry, "\(entry.key) is not LOW...HIGH UNIT: \(entry.value)")
      }
      guard let power = exponent(of: String(words[1]), for: quantity) else {
        throw wrong(entry, "\(words[1]) is no unit of \(entry.key)")
      }
      var scale: Int64 = 1
      for _ in 0..<power { scale *= 10 }
      let (minimum, first) = low.multipliedReportingOverflow(by: scale)
      let (maximum, second) = high.multipliedReportingOverflow(by: scale)
      if first || second { throw wrong(entry, "\(entry.value) is too large") }
      result.append(QuantityRange(quantity: quantity, minimum: minimum, maximum: maximum))
    }
    return result
  }

  /// `registers = FIRST-LAST, FIRST-LAST`
  mutating func readable() throws(ConfigurationError) -> [RegisterRange] {
    guard let entry = entry("readable", "registers") else { return [] }
    var result: [RegisterRange] = []
    for part in entry.value.split(separator: ",") {
      let ends = Self.trimmed(part).split(separator: "-")
      guard ends.count == 2, let first = Self.address(ends[0]), let last = Self.address(ends[1]), first <= last else {
        throw wrong(entry, "registers is not a list of FIRST-LAST: \(entry.value)")
      }
      result.append(RegisterRange(first: first, last: last))
    }
    return result
  }

  /// `boundaries = ADDRESS, ADDRESS`
  mutating func boundaries() throws(ConfigurationError) -> [UInt16] {
    guard entry("readable", "boundaries") != nil else { return [] }
    return try addresses("readable", "boundaries")
  }

  /// Nil where the key is not there.
  mutating func milliseconds(
    _ section: String, _ key: String, in range: ClosedRange<Int64>
  ) throws(ConfigurationError) -> UInt64? {
    guard entry(section, key) != nil else { return nil }
    return UInt64(try integer(section, key, in: range))
  }

  /// `quirks = NAME, NAME`
  mutating func quirks() throws(ConfigurationError) -> ModbusQuirks {
    guard let text = try optionalText("device", "quirks") else { return [] }
    var result: ModbusQuirks = []
    for word in text.split(separator: ",") {
      let name = String(Self.trimmed(word))
      guard let quirk = ModbusQuirks(name: name) else {
        throw wrong("device", "quirks", "\(name) is not one of \(ModbusQuirks.names.joined(separator: ", "))")
      }
      result.formUnion(quirk)
    }
    return result
  }

  mutating func model(
    _ section: String, line: Int, _ ranges: [QuantityRange]
  ) throws(ConfigurationError) -> ModelMap {
    guard let identifier = Self.address(section.dropFirst(6)), identifier > 0, identifier < 0xFFFF else {
      throw wrongLine(line, "[\(section)] is not [model N]")
    }
    let length = UInt16(try integer(section, "length", in: 1...1000))
    var points: [MapPoint] = []
    var low = UInt16.max
    var high: UInt16 = 0
    for entry in all(section) where entry.key != "length" {
      let point = try point(entry, ranges, isSunSpec: true)
      guard point.firstAddress >= 2, point.lastAddress < length + 2 else {
        throw wrong(entry, "\(entry.key) lies outside the model")
      }
      low = min(low, point.firstAddress)
      high = max(high, point.lastAddress)
      guard high - low < ModbusRequest.maximumRegisters else {
        throw wrong(entry, "\(entry.key) is too far from the others for one request")
      }
      points.append(point)
    }
    if points.isEmpty { throw wrongLine(line, "[\(section)] has no points") }
    return ModelMap(identifier: identifier, length: length, points: points)
  }
}
