import Metering
import Units

extension DeviceMap {
  /// A map from its bytes. (docs/PROTOCOL.md, Device maps in bytes)
  /// - Throws: ``CompactMapError`` for anything that no map becomes.
  public init(compact bytes: Span<UInt8>) throws(CompactMapError) {
    var copy: [UInt8] = []
    copy.reserveCapacity(bytes.count)
    for index in 0..<bytes.count { copy.append(bytes[index]) }
    var reader = CompactReader(copy)
    self = try reader.map()
    guard reader.isAtEnd else { throw reader.failure }
  }
}

extension CompactReader {
  mutating func map() throws(CompactMapError) -> DeviceMap {
    let name = String(decoding: try text(DeviceMap.maximumNameBytes), as: UTF8.self)
    let title = String(decoding: try text(DeviceMap.maximumTitleBytes), as: UTF8.self)
    let bits = try number(CompactFlags.most)
    let flags = CompactFlags(rawValue: bits)
    let parity = Int(bits >> CompactFlags.parityShift)
    guard let order = WordOrder(rawValue: UInt8(bits >> CompactFlags.orderShift & 3)),
      parity < DeviceMap.parities.count, !flags.contains(.hasVolatileLimit) || flags.contains(.hasLimit)
    else { throw failure }
    let maximumRegisters = UInt16(try number(UInt64(ModbusRequest.maximumRegisters)))
    let gap = try number(10_000)
    let timeout = flags.contains(.hasTimeout) ? try number(UInt64(DeviceMap.timeouts.upperBound)) : nil
    let connectDelay =
      flags.contains(.hasConnectDelay) ? try number(UInt64(DeviceMap.connectDelays.upperBound)) : 0
    guard connectDelay > 0 || !flags.contains(.hasConnectDelay) else { throw failure }
    let baud = try integer(UInt32.self)
    let unit = try integer(UInt8.self)
    let quirks = ModbusQuirks(rawValue: UInt8(try number((1 << UInt64(ModbusQuirks.names.count)) - 1)))
    var counter = CounterRule(
      ratedPowerMilliwatts: Int64(try number(1_000_000_000)) * 1_000,
      quantumMilliwattHours: Int64(try number(1_000_000_000)))
    if flags.contains(.hasModulus) {
      counter.modulusMilliwattHours = Int64(try number(9_000_000_000_000)) * 1_000
    }
    let identity = try identity()
    let serialNumber = flags.contains(.hasSerialNumber) ? try place() : nil
    let checks = try checks()
    let ranges = try ranges()
    let readable = try stretches()
    let boundaries = try addresses(DeviceMap.maximumStretches)
    let bases = try addresses(16)
    var limit: LimitRule?
    if flags.contains(.hasLimit) {
      limit = LimitRule(
        models: try addresses(16), isVolatile: flags.contains(.hasVolatileLimit), writesPerDay: try integer(UInt32.self)
      )
    }
    let shapes = try shapes()
    let layout: DeviceMap.Layout = flags.contains(.isSunSpec) ? .sunSpec : .registers
    var needed = NeededParts()
    var points: [MapPoint] = []
    var models: [ModelMap] = []
    if layout == .registers {
      points = try self.points(shapes, ranges, &needed, from: 0)
    } else {
      for _ in 0..<(try count(DeviceMap.maximumModels)) {
        let identifier = try integer(UInt16.self)
        let length = try integer(UInt16.self)
        models.append(
          ModelMap(
            identifier: identifier, length: length, points: try self.points(shapes, ranges, &needed, from: 2)))
      }
    }
    guard needed.shapes == shapes.count, needed.ranges == ranges.count else { throw failure }
    // What no request can read is no point.
    for point in points where point.lastAddress - point.firstAddress >= maximumRegisters { throw failure }
    for model in models {
      let first = model.points.map { $0.firstAddress }.min() ?? 0
      let last = model.points.map { $0.lastAddress }.max() ?? 0
      guard first >= 2, last - first < ModbusRequest.maximumRegisters, UInt32(last) < UInt32(model.length) + 2 else {
        throw failure
      }
    }
    return DeviceMap(
      name: name, title: title, kind: flags.contains(.isInverter) ? .inverter : .meter, layout: layout,
      function: flags.contains(.readsHolding) ? .holdingRegisters : .inputRegisters, order: order,
      maximumRegisters: maximumRegisters, gapMilliseconds: gap, timeoutMilliseconds: timeout,
      connectDelayMilliseconds: connectDelay, baud: baud, parity: DeviceMap.parities[parity], unit: unit,
      quirks: quirks, identity: identity, serialNumber: serialNumber, checks: checks, points: points,
      readable: readable, boundaries: boundaries, bases: bases, models: models, counter: counter, limit: limit)
  }

  private mutating func addresses(_ most: Int) throws(CompactMapError) -> [UInt16] {
    var result: [UInt16] = []
    for _ in 0..<(try count(most)) { result.append(try address(from: result.last ?? 0)) }
    return result
  }

  private mutating func stretches() throws(CompactMapError) -> [RegisterRange] {
    var result: [RegisterRange] = []
    for _ in 0..<(try count(DeviceMap.maximumStretches)) {
      let first = try address(from: result.last?.last ?? 0)
      result.append(RegisterRange(first: first, last: first + UInt16(try number(UInt64(0xFFFF - first)))))
    }
    return result
  }

  /// Both ends, of which the second is told as its distance.
  private mutating func span() throws(CompactMapError) -> (Int64, Int64) {
    let low = try signed()
    let width = try number()
    let high = low &+ Int64(bitPattern: width)
    guard high >= low, width >> 63 == 0 || low < 0 else { throw failure }
    return (low, high)
  }

  private mutating func type(_ raw: UInt64) throws(CompactMapError) -> RegisterType {
    guard raw < 256, let type = RegisterType(rawValue: UInt8(raw)) else { throw failure }
    return type
  }

  private mutating func place() throws(CompactMapError) -> IdentityPlace {
    let head = try number(2 * UInt64(DeviceMap.textForms + IdentityPlace.maximumTextRegisters) + 1)
    let form: IdentityPlace.Form
    if head >> 1 > UInt64(DeviceMap.textForms) {
      form = .text(registers: UInt16(head >> 1) - DeviceMap.textForms)
    } else {
      let type = try type(head >> 1)
      guard !type.isFloat else { throw failure }
      form = .number(type)
    }
    let place = IdentityPlace(
      function: head & 1 == 0 ? .holdingRegisters : .inputRegisters, address: try integer(UInt16.self), form: form)
    guard UInt32(place.address) + UInt32(place.registerCount) <= 0x1_0000 else { throw failure }
    return place
  }

  private mutating func identity() throws(CompactMapError) -> [IdentityRegister] {
    var result: [IdentityRegister] = []
    for _ in 0..<(try count(IdentityRegister.maximumCount)) {
      var register = IdentityRegister(place: try place())
      for _ in 0..<(try count(IdentityRegister.maximumAlternatives)) {
        switch register.place.form {
        case .number:
          let (low, high) = try span()
          register.ranges.append(IdentityRange(minimum: low, maximum: high))
        case .text(let registers): register.beginnings.append(try text(2 * Int(registers)))
        }
      }
      result.append(register)
    }
    return result
  }

  private mutating func checks() throws(CompactMapError) -> [MapCheck] {
    var result: [MapCheck] = []
    for _ in 0..<(try count(DeviceMap.maximumChecks)) {
      let head = try number(1023)
      let type = try type(head >> 2)
      let address = try integer(UInt16.self)
      guard UInt32(address) + UInt32(type.registerCount) <= 0x1_0000 else { throw failure }
      let (low, high) = try span()
      result.append(
        MapCheck(
          function: head & 1 == 0 ? .holdingRegisters : .inputRegisters, address: address, type: type, minimum: low,
          maximum: high, zeroSpeaks: head & 2 != 0))
    }
    return result
  }

  private mutating func ranges() throws(CompactMapError) -> [QuantityRange] {
    var result: [QuantityRange] = []
    for _ in 0..<(try count(Quantity.allCases.count)) {
      let head = try number(16 * 19 + 15)
      guard let quantity = Quantity(rawValue: UInt8(head & 15)) else { throw failure }
      var scale: Int64 = 1
      for _ in 0..<(head >> 4) {
        let (next, overflow) = scale.multipliedReportingOverflow(by: 10)
        guard !overflow else { throw failure }
        scale = next
      }
      let (low, high) = try span()
      // In the highest power of ten that both have, and 0...0 in none.
      let isShortest = low == 0 && high == 0 ? head >> 4 == 0 : low % 10 != 0 || high % 10 != 0
      guard isShortest else { throw failure }
      let (minimum, first) = low.multipliedReportingOverflow(by: scale)
      let (maximum, second) = high.multipliedReportingOverflow(by: scale)
      guard !first, !second, !result.contains(where: { $0.quantity == quantity }) else { throw failure }
      result.append(QuantityRange(quantity: quantity, minimum: minimum, maximum: maximum))
    }
    return result
  }

  private mutating func shapes() throws(CompactMapError) -> [PointShape] {
    var result: [PointShape] = []
    for _ in 0..<(try count(PointShape.maximumCount)) {
      let head = try number(PointShape.most)
      let type = try type(head & 15)
      // What says how an own function or order is says nothing without one.
      guard head & PointShape.functionBit != 0 || head & PointShape.isInputBit == 0,
        head & PointShape.orderBit != 0 || head >> PointShape.orderShift & 3 == 0
      else { throw failure }
      let significand = UInt32(try number(999_999_999))
      let exponent = try signed()
      guard significand > 0, exponent.magnitude <= 20 else { throw failure }
      var function: ModbusRequest.Function?
      if head & PointShape.functionBit != 0 {
        function = head & PointShape.isInputBit == 0 ? .holdingRegisters : .inputRegisters
      }
      let order = head & PointShape.orderBit == 0 ? nil : WordOrder(rawValue: UInt8(head >> PointShape.orderShift & 3))
      let second = head >> PointShape.secondShift & 3
      guard second < 3, second != 2 || type.registerCount == 2 && !type.isFloat else { throw failure }
      let hasScale = head & PointShape.scaleBit != 0
      let factor = DecimalFactor(significand: significand, exponent: Int32(exponent))
      guard !type.isFloat || !hasScale && factor.isWholeForFloats else { throw failure }
      var sentinels: [UInt64] = []
      for _ in 0..<(try count(MapPoint.maximumSentinels)) { sentinels.append(try number()) }
      let shape = PointShape(
        type: type, factor: factor, function: function, order: order, second: second, hasScale: hasScale,
        isInverted: head & PointShape.invertedBit != 0, isOptional: head & PointShape.optionalBit != 0,
        sentinels: sentinels)
      guard !result.contains(shape) else { throw failure }
      result.append(shape)
    }
    return result
  }

  /// - Parameter origin: where the first point's address is counted from.
  private mutating func points(
    _ shapes: [PointShape], _ ranges: [QuantityRange], _ needed: inout NeededParts, from origin: UInt16
  ) throws(CompactMapError) -> [MapPoint] {
    var result: [MapPoint] = []
    var origin = origin
    for _ in 0..<(try count(4 * Quantity.allCases.count)) {
      let head = try number(4 * 16 - 1)
      guard let quantity = Quantity(rawValue: UInt8(head >> 2)),
        let place = ranges.firstIndex(where: { $0.quantity == quantity })
      else { throw failure }
      let range = ranges[place]
      let index = Int(try number(UInt64(PointShape.maximumCount)))
      guard index < shapes.count, needed.take(shape: index, range: place) else { throw failure }
      let shape = shapes[index]
      let address = try address(from: origin)
      var second: SecondRegister?
      if shape.second != 0 {
        let other = try self.address(from: address)
        second = shape.second == 1 ? .minus(other) : .high(other)
      }
      let point = MapPoint(
        quantity: quantity, phase: UInt8(head & 3), address: address, type: shape.type, factor: shape.factor,
        function: shape.function, order: shape.order, second: second,
        scaleAddress: shape.hasScale ? try self.address(from: address) : nil, minimum: range.minimum,
        maximum: range.maximum, isInverted: shape.isInverted, isOptional: shape.isOptional, sentinels: shape.sentinels)
      // The last register of each part exists.
      let width = UInt32(shape.second == 2 ? 1 : shape.type.registerCount)
      var parts = [address]
      if case .minus(let other)? = second { parts.append(other) }
      for part in parts where UInt32(part) + width > 0x1_0000 { throw failure }
      origin = address &+ shape.type.registerCount
      result.append(point)
    }
    return result
  }
}

/// How many shapes and ranges of a map the points so far needed. Both stand in the order in which they are needed first.
private struct NeededParts {
  var shapes = 0
  var ranges = 0

  /// - Returns: false where another one should have come first.
  mutating func take(shape: Int, range: Int) -> Bool {
    guard shape <= shapes, range <= ranges else { return false }
    shapes = max(shapes, shape + 1)
    ranges = max(ranges, range + 1)
    return true
  }
}

extension DeviceMap {
  /// Forms of an identity beyond this are texts of so many registers more.
  static let textForms: UInt16 = 15
}
