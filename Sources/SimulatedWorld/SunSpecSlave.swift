/// An inverter's Modbus end: models 1, 103, 120, 121 and 123 from register 40000.
///
/// Register numbers, framing and checksum are written out here a second time, from the SunSpec Alliance's models, so that
/// a mistake in our map cannot hide.
public struct SunSpecSlave: Sendable {
  public static let maximumRequestBytes = 256
  static let firstRegister = 40_000
  /// SunS, 1 (66), 103 (50), 120 (26), 121 (30), 123 (24), end
  static let endRegister = 40_000 + 2 + 68 + 52 + 28 + 32 + 26 + 2

  public let unit: UInt8
  public var inverter: SimulatedInverter

  /// An inverter at this unit of the line, behind the models 1, 103, 120, 121 and 123 from register 40000 on.
  public init(unit: UInt8, inverter: SimulatedInverter) {
    self.unit = unit
    self.inverter = inverter
  }

  /// Answers one whole RTU request whose checksum is good and whose unit is ours; the reply's checksum is the caller's.
  public mutating func answer(_ request: [UInt8], at milliseconds: Int64) -> [UInt8] {
    inverter.advance(to: milliseconds)
    let start = Int(request[2]) << 8 | Int(request[3])
    let word = Int(request[4]) << 8 | Int(request[5])
    switch request[1] {
    case 3:
      guard word >= 1, word <= 125 else { return refusal(3, 3) }
      guard start >= Self.firstRegister, start + word <= Self.endRegister else { return refusal(3, 2) }
      var reply: [UInt8] = [unit, 3, UInt8(2 * word)]
      for register in start..<(start + word) {
        let value = value(of: register)
        reply += [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
      }
      return reply
    case 6:
      if let code = write([word], at: start, milliseconds) { return refusal(6, code) }
      return Array(request[0..<6])
    case 16:
      guard word >= 1, word <= 123, request.count >= 7 + 2 * word, Int(request[6]) == 2 * word else {
        return refusal(16, 3)
      }
      var values: [Int] = []
      for index in 0..<word { values.append(Int(request[7 + 2 * index]) << 8 | Int(request[8 + 2 * index])) }
      if let code = write(values, at: start, milliseconds) { return refusal(16, code) }
      return Array(request[0..<6])
    default: return refusal(request[1], 1)
    }
  }

  private func refusal(_ function: UInt8, _ code: UInt8) -> [UInt8] { [unit, function | 0x80, code] }

  /// Only WMaxLimPct, WinTms, RvrtTms, RmpTms and WMaxLim_Ena of model 123 can be written: 40187...40191.
  private mutating func write(_ values: [Int], at start: Int, _ milliseconds: Int64) -> UInt8? {
    guard start >= 40_187, start + values.count <= 40_192 else { return 2 }
    var changed = inverter
    var enable: Bool?
    for (index, value) in values.enumerated() {
      switch start + index {
      case 40_187: if !changed.setLimit(permille: Int64(value)) { return 3 }
      case 40_189: changed.setRevert(seconds: Int64(value))
      case 40_191:
        guard value == 0 || value == 1 else { return 3 }
        enable = value == 1
      default: break
      }
    }
    if let enable { changed.enable(enable, at: milliseconds) }
    inverter = changed
    return nil
  }

  private static func text(_ string: StaticString, _ index: Int) -> UInt16 {
    let bytes = Array("\(string)".utf8)
    func at(_ place: Int) -> UInt16 { place < bytes.count ? UInt16(bytes[place]) : 0 }
    return at(2 * index) << 8 | at(2 * index + 1)
  }

  private func value(of register: Int) -> UInt16 {
    switch register {
    case 40_000: return 0x5375
    case 40_001: return 0x6E53
    case 40_002..<40_070: return common(register - 40_002)
    case 40_070..<40_122: return measured(register - 40_070)
    case 40_122..<40_150:
      switch register - 40_122 {
      case 0: return 120
      case 1: return 26
      case 2: return 4  // DERTyp: PV
      case 3: return UInt16(inverter.ratedWatts)
      case 4, 6: return 0
      default: return 0xFFFF
      }
    case 40_150..<40_182:
      switch register - 40_150 {
      case 0: return 121
      case 1: return 30
      case 2: return UInt16(inverter.ratedWatts)
      case 22: return 0
      default: return 0xFFFF
      }
    case 40_182..<40_208:
      switch register - 40_182 {
      case 0: return 123
      case 1: return 24
      case 4: return 1  // connected
      case 5: return UInt16(inverter.limitPermille)
      case 7: return UInt16(truncatingIfNeeded: inverter.revertSeconds)
      case 9: return inverter.isLimited ? 1 : 0
      case 14, 22: return 0
      case 23: return 0xFFFF  // WMaxLimPct_SF: -1
      case 24, 25: return 0xFFFF
      default: return 0xFFFF
      }
    case 40_208: return 0xFFFF
    default: return 0
    }
  }

  private func common(_ offset: Int) -> UInt16 {
    switch offset {
    case 0: 1
    case 1: 66
    case 2..<18: Self.text("Busbar", offset - 2)
    case 18..<34: Self.text("Simulated inverter", offset - 18)
    case 42..<50: Self.text("1", offset - 42)
    case 50..<66: Self.text("SIM-1", offset - 50)
    case 66: UInt16(unit)
    case 67: 0x8000
    default: 0
    }
  }

  private func measured(_ offset: Int) -> UInt16 {
    let watts = inverter.powerWatts
    let centiamperes = watts * 100 / 690
    switch offset {
    case 0: return 103
    case 1: return 50
    case 2: return UInt16(centiamperes * 3)
    case 3, 4, 5: return UInt16(centiamperes)
    case 6: return 0xFFFE  // A_SF: -2
    case 7, 8, 9: return 3_984  // phase to phase
    case 10, 11, 12: return 2_300
    case 13: return 0xFFFF  // V_SF: -1
    case 14: return UInt16(truncatingIfNeeded: watts)
    case 15: return 0
    case 16: return 5_000
    case 17: return 0xFFFE  // Hz_SF: -2
    case 18: return UInt16(truncatingIfNeeded: watts)
    case 19, 21, 26: return 0
    case 20: return 0
    case 22: return 1_000
    case 23: return 0xFFFF  // PF_SF: -1
    case 24: return UInt16(truncatingIfNeeded: inverter.producedWattHours >> 16)
    case 25: return UInt16(truncatingIfNeeded: inverter.producedWattHours)
    case 32, 37: return 0
    case 38: return watts == 0 ? 2 : inverter.isLimited && watts < inverter.availableWatts ? 5 : 4
    case 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51: return 0
    case 33...36: return 0x8000
    default: return 0xFFFF
    }
  }
}
