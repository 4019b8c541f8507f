/// The counters a slave put into one answer, as the master must understand them.
public struct AnsweredCounters: Equatable, Sendable {
  /// Binary32 kWh as sent.
  public var importBits: UInt32
  public var exportBits: UInt32
  /// The sent number in thousandths of a watt-hour, half to even: significands have 24 bits and 10^6 has 20, so the
  /// product in a Double is exact and only the last step rounds.
  public var importMilliwattHours: Int64
  public var exportMilliwattHours: Int64
}

/// The meter's end of the bus: an Eastron SDM630 that answers function 4. Pure: request bytes in, reply bytes out.
///
/// Register numbers, framing and checksum are written out here a second time, from Eastron's "SDM630 Modbus Protocol"
/// (input registers 30001...30076: address = number − 30001), so that a mistake in our master's map cannot hide.
public struct EastronSlave: Sendable {
  public static let requestByteCount = 8
  public static let maximumReplyBytes = 165
  public let unit: UInt8

  /// An SDM630 at this unit of the line; it answers no other one.
  public init(unit: UInt8 = 1) { self.unit = unit }

  /// Answers one request of 8 bytes. Silent (nothing written) when the checksum is wrong or another unit is asked, as
  /// the standard demands. Refusals: 1 for another function, 2 for an address, 3 for a number of registers.
  /// - Returns: the counters, when the answer holds both whole.
  @_lifetime(output: copy output)
  public func answer(
    _ request: Span<UInt8>, house: SimulatedHouse, into output: inout OutputSpan<UInt8>
  ) -> AnsweredCounters? {
    guard isAddressed(request) else { return nil }
    let start = Int(request[2]) * 256 + Int(request[3])
    let count = Int(request[4]) * 256 + Int(request[5])
    var sum: UInt16 = 0xFFFF
    func put(_ byte: UInt8, _ output: inout OutputSpan<UInt8>) {
      output.append(byte)
      sum = Self.crc(sum, byte)
    }
    put(unit, &output)
    if let refusal = refusal(of: request[1], start, count) {
      put(request[1] | 0x80, &output)
      put(refusal, &output)
    } else {
      put(4, &output)
      put(UInt8(count * 2), &output)
      for register in start..<(start + count) {
        let bits = Self.value(atAddress: register & ~1, house).bitPattern
        let word = register & 1 == 0 ? bits >> 16 : bits
        put(UInt8(truncatingIfNeeded: word >> 8), &output)
        put(UInt8(truncatingIfNeeded: word), &output)
      }
    }
    let last = sum
    output.append(UInt8(truncatingIfNeeded: last))
    output.append(UInt8(truncatingIfNeeded: last >> 8))
    let isEnergy = refusal(of: request[1], start, count) == nil && start <= 72 && start + count >= 76
    return isEnergy ? Self.counters(of: house) : nil
  }

  /// Whether these 8 bytes are a request to anybody.
  public static func isRequest(_ bytes: Span<UInt8>) -> Bool {
    if bytes.count != requestByteCount { return false }
    var sum: UInt16 = 0xFFFF
    for index in 0..<8 { sum = crc(sum, bytes[index]) }
    return sum == 0
  }

  private func isAddressed(_ request: Span<UInt8>) -> Bool { Self.isRequest(request) && request[0] == unit }

  private func refusal(of function: UInt8, _ start: Int, _ count: Int) -> UInt8? {
    if function != 4 { return 1 }
    if start % 2 != 0 || start > 0x017E { return 2 }
    if count == 0 || count > 80 || count % 2 != 0 { return 3 }
    return start + count > 0x0180 ? 2 : nil
  }

  /// What the register pair says; addresses without a parameter read 0.
  static func value(atAddress address: Int, _ house: SimulatedHouse) -> Float {
    let volts: Int64 =
      house.feederMillivolts > 0
      ? house.feederMillivolts
      : 228_000 + Int64(SimulatedHouse.hash(house.seed ^ 0xE0, UInt64(house.seconds / 60)) % 4_001)
    let watts = Float(house.powerWatts)
    switch address {
    case 0x0000: return Float(volts) / 1_000  // 30001 phase 1 voltage
    case 0x0002: return Float(volts + 400) / 1_000  // 30003 phase 2
    case 0x0004: return Float(volts - 300) / 1_000  // 30005 phase 3
    case 0x0006: return Float(house.powerWatts.magnitude * 1_000 / UInt64(volts))  // 30007 phase 1 current
    case 0x000C: return watts  // 30013 phase 1 power: the house hangs on one phase
    case 0x0034: return watts  // 30053 total system power
    case 0x0046: return Float(49_970 + SimulatedHouse.hash(7, UInt64(house.seconds / 60)) % 61) / 1_000  // 30071
    case 0x0048: return kilowattHours(house.importWattHours)  // 30073 total import kWh
    case 0x004A: return kilowattHours(house.exportWattHours)  // 30075 total export kWh
    default: return 0
    }
  }

  static func kilowattHours(_ wattHours: Int64) -> Float { Float(Double(wattHours) / 1_000) }

  static func counters(of house: SimulatedHouse) -> AnsweredCounters {
    let imported = kilowattHours(house.importWattHours)
    let exported = kilowattHours(house.exportWattHours)
    return AnsweredCounters(
      importBits: imported.bitPattern, exportBits: exported.bitPattern,
      importMilliwattHours: milliwattHours(imported),
      exportMilliwattHours: milliwattHours(exported))
  }

  /// Adding 2^52 leaves no room for a fraction, so the addition itself rounds half to even (0 <= mWh < 2^52);
  /// `rounded()` would call libm.
  private static func milliwattHours(_ kilowattHours: Float) -> Int64 {
    let noFraction = 4_503_599_627_370_496.0
    return Int64(Double(kilowattHours) * 1e6 + noFraction) - 4_503_599_627_370_496
  }

  static func crc(_ sum: UInt16, _ byte: UInt8) -> UInt16 {
    var register = sum ^ UInt16(byte)
    for _ in 0..<8 {
      let carry = register & 1
      register >>= 1
      if carry != 0 { register ^= 0xA001 }
    }
    return register
  }
}
