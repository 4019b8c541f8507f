import Metering

/// Registers of Eastron SDM meters: function 4, binary32 high word first, addresses from 0.
/// (Eastron SDM630 Modbus protocol, input registers; `reference/hal.md` §2.2)
public enum EastronModel: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  case sdm120
  case sdm230
  case sdm72
  case sdm630

  /// The name a configuration says.
  public var description: String {
    switch self {
    case .sdm120: "eastron-sdm120"
    case .sdm230: "eastron-sdm230"
    case .sdm72: "eastron-sdm72"
    case .sdm630: "eastron-sdm630"
    }
  }

  public init?(name: String) {
    for model in Self.allCases where model.description == name {
      self = model
      return
    }
    return nil
  }

  /// SDM72 answers at most 60 registers, the others 80; all of our blocks are shorter.
  var maximumRegisters: UInt16 { 60 }

  /// Single-phase meters have the first column only, and some SDM230 have no total power at 0x34.
  var isSinglePhase: Bool { self == .sdm120 || self == .sdm230 }
}

enum EastronRegister {
  static let voltage: UInt16 = 0x00
  static let current: UInt16 = 0x06
  static let activePower: UInt16 = 0x0C
  static let totalActivePower: UInt16 = 0x34
  static let frequency: UInt16 = 0x46
  static let importEnergy: UInt16 = 0x48
  static let exportEnergy: UInt16 = 0x4A

  static let milliPerUnit: Int64 = 1_000
  static let milliwattHoursPerKilowattHour: Int64 = 1_000_000
}
