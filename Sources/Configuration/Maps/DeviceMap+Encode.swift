import Metering
import Units

/// What of a map has no form in bytes.
public enum CompactEncodingError: Error, Equatable, Sendable {
  /// Not ASCII, or too long.
  case text
  /// More of something than fits.
  case tooMany
  /// Two points of one quantity with different ranges.
  case ranges
}

extension DeviceMap {
  /// The map in bytes, for programs that carry it. (docs/PROTOCOL.md, Device maps in bytes)
  public func compact() throws(CompactEncodingError) -> [UInt8] {
    var writer = CompactWriter()
    try Self.check(name, Self.maximumNameBytes)
    try Self.check(title, Self.maximumTitleBytes)
    guard bases.count <= 16, readable.count <= Self.maximumStretches, boundaries.count <= Self.maximumStretches,
      models.count <= Self.maximumModels
    else { throw .tooMany }
    writer.text(Array(name.utf8))
    writer.text(Array(title.utf8))
    writer.number(flags)
    writer.number(UInt64(maximumRegisters))
    writer.number(gapMilliseconds)
    if let timeoutMilliseconds { writer.number(timeoutMilliseconds) }
    if connectDelayMilliseconds > 0 { writer.number(connectDelayMilliseconds) }
    writer.number(UInt64(baud))
    writer.number(UInt64(unit))
    writer.number(UInt64(quirks.rawValue))
    writer.number(UInt64(counter.ratedPowerMilliwatts / 1_000))
    writer.number(UInt64(counter.quantumMilliwattHours))
    if let modulus = counter.modulusMilliwattHours { writer.number(UInt64(modulus / 1_000)) }
    writer.write(identity)
    if let serialNumber { writer.write(serialNumber) }
    writer.write(checks)
    let all = points + models.flatMap { $0.points }
    writer.write(try Self.ranges(all))
    writer.write(readable)
    writer.write(boundaries)
    writer.write(bases)
    if let limit {
      writer.write(limit.models)
      writer.number(UInt64(limit.writesPerDay))
    }
    var shapes: [PointShape] = []
    for point in all where !shapes.contains(point.shape) { shapes.append(point.shape) }
    guard shapes.count <= PointShape.maximumCount else { throw .tooMany }
    writer.write(shapes)
    switch layout {
    case .registers: writer.write(points, shapes, from: 0)
    case .sunSpec:
      writer.number(UInt64(models.count))
      for model in models {
        writer.number(UInt64(model.identifier))
        writer.number(UInt64(model.length))
        writer.write(model.points, shapes, from: 2)
      }
    }
    return writer.bytes
  }

  /// - Parameter withLength: its length stands before it, as maps behind each other have it.
  public func compact(withLength: Bool) throws(CompactEncodingError) -> [UInt8] {
    let bytes = try compact()
    guard withLength else { return bytes }
    var writer = CompactWriter()
    writer.number(UInt64(bytes.count))
    return writer.bytes + bytes
  }

  private static func check(_ text: String, _ most: Int) throws(CompactEncodingError) {
    guard text.utf8.count <= most, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else { throw .text }
  }

  private var flags: UInt64 {
    var flags: CompactFlags = []
    if kind == .inverter { flags.formUnion(.isInverter) }
    if layout == .sunSpec { flags.formUnion(.isSunSpec) }
    if function == .holdingRegisters { flags.formUnion(.readsHolding) }
    if timeoutMilliseconds != nil { flags.formUnion(.hasTimeout) }
    if connectDelayMilliseconds > 0 { flags.formUnion(.hasConnectDelay) }
    if counter.modulusMilliwattHours != nil { flags.formUnion(.hasModulus) }
    if serialNumber != nil { flags.formUnion(.hasSerialNumber) }
    if limit != nil { flags.formUnion(.hasLimit) }
    if limit?.isVolatile == true { flags.formUnion(.hasVolatileLimit) }
    let parity = UInt64(Self.parities.firstIndex(of: parity) ?? 0)
    return flags.rawValue | UInt64(order.rawValue) << CompactFlags.orderShift | parity << CompactFlags.parityShift
  }

  private static func ranges(_ points: [MapPoint]) throws(CompactEncodingError) -> [QuantityRange] {
    var result: [QuantityRange] = []
    for point in points {
      let range = QuantityRange(quantity: point.quantity, minimum: point.minimum, maximum: point.maximum)
      if let known = result.first(where: { $0.quantity == point.quantity }) {
        guard known == range else { throw .ranges }
      } else {
        result.append(range)
      }
    }
    return result
  }
}

extension MapPoint {
  var shape: PointShape {
    let second: UInt64 =
      switch self.second {
      case nil: 0
      case .minus: 1
      case .high: 2
      }
    return PointShape(
      type: type, factor: factor, function: function, order: order, second: second, hasScale: scaleAddress != nil,
      isInverted: isInverted, isOptional: isOptional, sentinels: sentinels)
  }
}

extension CompactWriter {
  mutating func write(_ addresses: [UInt16]) {
    number(UInt64(addresses.count))
    var origin: UInt16 = 0
    for address in addresses {
      self.address(address, from: origin)
      origin = address
    }
  }

  mutating func write(_ stretches: [RegisterRange]) {
    number(UInt64(stretches.count))
    var origin: UInt16 = 0
    for stretch in stretches {
      address(stretch.first, from: origin)
      number(UInt64(stretch.last - stretch.first))
      origin = stretch.last
    }
  }

  private mutating func span(_ low: Int64, _ high: Int64) {
    signed(low)
    number(UInt64(bitPattern: high &- low))
  }

  mutating func write(_ place: IdentityPlace) {
    let form: UInt64 =
      switch place.form {
      case .number(let type): UInt64(type.rawValue)
      case .text(let registers): UInt64(DeviceMap.textForms + registers)
      }
    number(form << 1 | (place.function == .holdingRegisters ? 0 : 1))
    number(UInt64(place.address))
  }

  mutating func write(_ identity: [IdentityRegister]) {
    number(UInt64(identity.count))
    for register in identity {
      write(register.place)
      number(UInt64(register.ranges.count + register.beginnings.count))
      for range in register.ranges { span(range.minimum, range.maximum) }
      for beginning in register.beginnings { text(beginning) }
    }
  }

  mutating func write(_ checks: [MapCheck]) {
    number(UInt64(checks.count))
    for check in checks {
      let function: UInt64 = check.function == .holdingRegisters ? 0 : 1
      number(UInt64(check.type.rawValue) << 2 | (check.zeroSpeaks ? 2 : 0) | function)
      number(UInt64(check.address))
      span(check.minimum, check.maximum)
    }
  }

  mutating func write(_ ranges: [QuantityRange]) {
    number(UInt64(ranges.count))
    for range in ranges {
      var (low, high, power) = (range.minimum, range.maximum, UInt64(0))
      while (low != 0 || high != 0) && low % 10 == 0 && high % 10 == 0 {
        low /= 10
        high /= 10
        power += 1
      }
      number(power << 4 | UInt64(range.quantity.rawValue))
      span(low, high)
    }
  }

  mutating func write(_ shapes: [PointShape]) {
    number(UInt64(shapes.count))
    for shape in shapes {
      var head = UInt64(shape.type.rawValue) | shape.second << PointShape.secondShift
      if let function = shape.function {
        head |= PointShape.functionBit | (function == .inputRegisters ? PointShape.isInputBit : 0)
      }
      if let order = shape.order { head |= PointShape.orderBit | UInt64(order.rawValue) << PointShape.orderShift }
      if shape.hasScale { head |= PointShape.scaleBit }
      if shape.isInverted { head |= PointShape.invertedBit }
      if shape.isOptional { head |= PointShape.optionalBit }
      number(head)
      number(UInt64(shape.factor.significand))
      signed(Int64(shape.factor.exponent))
      number(UInt64(shape.sentinels.count))
      for sentinel in shape.sentinels { number(sentinel) }
    }
  }

  mutating func write(_ points: [MapPoint], _ shapes: [PointShape], from origin: UInt16) {
    number(UInt64(points.count))
    var origin = origin
    for point in points {
      number(UInt64(point.quantity.rawValue) << 2 | UInt64(point.phase))
      number(UInt64(shapes.firstIndex(of: point.shape) ?? 0))
      address(point.address, from: origin)
      switch point.second {
      case nil: break
      case .minus(let other), .high(let other): address(other, from: point.address)
      }
      if let scale = point.scaleAddress { address(scale, from: point.address) }
      origin = point.address &+ point.type.registerCount
    }
  }
}
