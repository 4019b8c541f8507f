/// What a sample measures; its unit follows from it.
///
/// Signs: at the grid import is positive and export negative; an inverter's production is positive, and what it produced
/// is counted as export. Devices that see it otherwise are turned round by their map (`invert`).
public enum Quantity: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  case voltage
  case current
  case activePower
  case reactivePower
  case apparentPower
  case powerFactor
  case frequency
  case activeEnergyImport
  case activeEnergyExport

  public var description: String {
    switch self {
    case .voltage: "voltage"
    case .current: "current"
    case .activePower: "activePower"
    case .reactivePower: "reactivePower"
    case .apparentPower: "apparentPower"
    case .powerFactor: "powerFactor"
    case .frequency: "frequency"
    case .activeEnergyImport: "activeEnergyImport"
    case .activeEnergyExport: "activeEnergyExport"
    }
  }

  /// The quantity with this name in a map's file, such as "activePower"; nil for a name that is none.
  public init?(name: String) {
    for quantity in Self.allCases where quantity.description == name {
      self = quantity
      return
    }
    return nil
  }

  /// The unit that its values are given in.
  public var unit: String {
    switch self {
    case .voltage: "mV"
    case .current: "mA"
    case .activePower: "mW"
    case .reactivePower: "mvar"
    case .apparentPower: "mVA"
    case .powerFactor: "ppm"
    case .frequency: "mHz"
    case .activeEnergyImport, .activeEnergyExport: "mWh"
    }
  }

  /// Counters grow; everything else is a momentary value.
  public var isCounter: Bool { self == .activeEnergyImport || self == .activeEnergyExport }
}

extension Quantity {
  /// What it is called where plaintexts have a slot for it, in geneses and keys; 0 for what is not counted. (docs/PROTOCOL.md)
  public var slotCode: UInt8 {
    switch self {
    case .activeEnergyImport: 1
    case .activeEnergyExport: 2
    default: 0
    }
  }

  /// What a slot with this code counts; nil for a code that no slot has.
  public init?(slotCode: UInt8) {
    switch slotCode {
    case 1: self = .activeEnergyImport
    case 2: self = .activeEnergyExport
    default: return nil
    }
  }
}
