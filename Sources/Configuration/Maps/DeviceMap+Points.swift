import Metering
import Units

/// `[points]` and the points of `[model N]`.
extension SectionReader {
  /// `QUANTITY.PHASE = ADDRESS TYPE UNIT` and options; see docs/HARDWARE.md.
  func point(
    _ entry: IniEntry, _ ranges: [QuantityRange], isSunSpec: Bool
  ) throws(ConfigurationError) -> MapPoint {
    let name = entry.key.split(separator: ".", omittingEmptySubsequences: false)
    guard name.count == 2, let quantity = Quantity(name: String(name[0])) else {
      throw wrong(entry, "\(entry.key) is not QUANTITY.PHASE")
    }
    guard let phase = Self.number(name[1], most: 3) else { throw wrong(entry, "phase \(name[1]) is not 0...3") }
    let words = Self.words(entry.value)
    guard words.count >= 3 else { throw wrong(entry, "a point is ADDRESS TYPE UNIT and options") }
    guard let address = Self.address(words[0]) else { throw wrong(entry, "\(words[0]) is no register number") }
    guard let type = RegisterType(name: String(words[1])) else { throw wrong(entry, "unknown type \(words[1])") }
    guard let power = exponent(of: String(words[2]), for: quantity) else {
      throw wrong(entry, "\(words[2]) is no unit of \(quantity)")
    }
    var point = MapPoint(
      quantity: quantity, phase: UInt8(phase), address: address, type: type,
      factor: DecimalFactor.one.multiplied(byTenTo: power), sentinels: isSunSpec ? [type.sunSpecSentinel] : [])
    for word in words.dropFirst(3) { try apply(word, to: &point, power, entry, isSunSpec) }
    try check(point, entry)
    guard let range = ranges.first(where: { $0.quantity == quantity }) else {
      throw wrong(entry, "[ranges] says nothing of \(quantity)")
    }
    point.minimum = range.minimum
    point.maximum = range.maximum
    return point
  }

  /// What only the whole point can get wrong.
  private func check(_ point: MapPoint, _ entry: IniEntry) throws(ConfigurationError) {
    var starts = [point.address]
    var length = point.type.registerCount
    switch point.second {
    case nil: break
    case .minus(let other): starts.append(other)
    case .high(let other):
      guard length == 2, !point.type.isFloat else {
        throw wrong(entry, "high= is for u32, i32 and acc32, not for \(point.type.name)")
      }
      length = 1
      starts.append(other)
    }
    for start in starts where UInt32(start) + UInt32(length) > 0x1_0000 {
      throw wrong(entry, "\(start) is beyond the last register")
    }
    guard !point.type.isFloat || (point.scaleAddress == nil && point.factor.isWholeForFloats) else {
      throw wrong(entry, "the factor of an \(point.type.name) must give whole \(point.quantity.unit)")
    }
    guard !point.isOptional || point.quantity.isCounter else { throw wrong(entry, "optional is for counters") }
  }

  private func apply(
    _ word: Substring, to point: inout MapPoint, _ power: Int32, _ entry: IniEntry, _ isSunSpec: Bool
  ) throws(ConfigurationError) {
    if word == "invert" {
      point.isInverted = true
    } else if word == "optional" {
      point.isOptional = true
    } else if word.hasPrefix("x") {
      guard let factor = DecimalFactor(String(word.dropFirst())) else {
        throw wrong(entry, "\(word) is not x and a decimal number above 0")
      }
      point.factor = factor.multiplied(byTenTo: power)
    } else if word.hasPrefix("sentinel=") {
      point.sentinels = try sentinels(word.dropFirst(9), point.type, entry)
    } else if word.hasPrefix("order=") {
      guard let order = WordOrder(name: String(word.dropFirst(6))) else {
        throw wrong(entry, "\(word) is not abcd, cdab, badc or dcba")
      }
      point.order = order
    } else if word.hasPrefix("sf="), isSunSpec {
      point.scaleAddress = try address(word, behind: 3, entry)
    } else if word == "holding" || word == "input", !isSunSpec {
      point.function = word == "holding" ? .holdingRegisters : .inputRegisters
    } else if word.hasPrefix("minus="), !isSunSpec, point.second == nil {
      point.second = .minus(try address(word, behind: 6, entry))
    } else if word.hasPrefix("high="), !isSunSpec, point.second == nil {
      point.second = .high(try address(word, behind: 5, entry))
    } else {
      throw wrong(entry, "unknown option \(word)")
    }
  }

  private func address(
    _ word: Substring, behind prefix: Int, _ entry: IniEntry
  ) throws(ConfigurationError) -> UInt16 {
    guard let address = Self.address(word.dropFirst(prefix)) else {
      throw wrong(entry, "\(word) is no register number")
    }
    return address
  }

  /// `BITS` or `BITS|BITS`
  private func sentinels(
    _ text: Substring, _ type: RegisterType, _ entry: IniEntry
  ) throws(ConfigurationError) -> [UInt64] {
    let width = 16 * UInt64(type.registerCount)
    var result: [UInt64] = []
    for part in text.split(separator: "|", omittingEmptySubsequences: false) {
      guard let bits = Self.number(part, most: width == 64 ? .max : (1 << width) - 1) else {
        throw wrong(entry, "sentinel=\(text) does not fit the type")
      }
      guard result.count < MapPoint.maximumSentinels else {
        throw wrong(entry, "more than \(MapPoint.maximumSentinels) sentinels")
      }
      result.append(bits)
    }
    return result
  }
}
