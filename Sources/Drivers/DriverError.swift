import HAL
import Metering

/// Why a device could not be read or written.
public enum DriverError: Error, Equatable, Sendable, CustomStringConvertible {
  case platform(PlatformError)
  case modbus(ModbusError)
  case sunSpec(SunSpecError)
  /// A register that tells what the device is holds something else.
  case notTheDevice(register: UInt16)
  /// A value that is needed is not good.
  case unusable(Quantity, Quality)
  /// No device of that name, or no channel of that label, is in the tree.
  case deviceNotFound
  /// An attribute's text is not a decimal integer of 64 bits.
  case malformedAttribute
  /// The value does not fit into 64 bits.
  case outOfRange

  public var description: String {
    switch self {
    case .platform(let error): "\(error)"
    case .modbus(let error): "Modbus: \(error)"
    case .sunSpec(let error): "SunSpec: \(error)"
    case .notTheDevice(let register): "register \(register) is not that of this device"
    case .unusable(let quantity, let quality): "\(quantity) is \(quality)"
    case .deviceNotFound: "device not found"
    case .malformedAttribute: "malformed attribute"
    case .outOfRange: "value out of range"
    }
  }

  /// One word for statistics and JSON.
  public var name: String {
    switch self {
    case .platform(let error):
      switch error.kind {
      case .timedOut: "timeout"
      case .disconnected: "busGone"
      case .corrupted: "corrupted"
      case .notFound: "notFound"
      case .notPermitted: "permission"
      case .busy: "busy"
      case .full: "full"
      case .modeMismatch: "modeMismatch"
      case .invalid: "invalid"
      case .other: "other"
      case .outdated: "outdated"
      case .newer: "newer"
      case .foreign: "foreign"
      }
    case .modbus(let error): error.name
    case .sunSpec(.notSunSpec): "notSunSpec"
    case .sunSpec(.chainBroken): "chainBroken"
    case .notTheDevice: "notTheDevice"
    case .unusable: "unusable"
    case .deviceNotFound: "notFound"
    case .malformedAttribute: "malformed"
    case .outOfRange: "range"
    }
  }

  /// Whether the port itself is dead, and has to be opened anew.
  public var isDisconnected: Bool {
    switch self {
    case .platform(let error): error.kind == .disconnected
    case .modbus(.notModbus): true
    default: false
    }
  }

  /// Whether asking again at once may help.
  var isTransient: Bool {
    switch self {
    case .platform(let error): error.kind == .timedOut || error.kind == .corrupted
    case .modbus(.exception(let code)): code == 5 || code == 6
    case .modbus(let error): error != .notModbus && error != .invalidRequest
    default: false
    }
  }

  /// Whether the device answered, though not with registers.
  var isRefusal: Bool {
    if case .modbus(.exception) = self { return true }
    return false
  }

  /// Whether the device said that it has no such registers, or answers not so many.
  var isRefusalOfRegisters: Bool {
    switch self {
    case .modbus(.exception(let code)): (1...3).contains(code)
    default: false
    }
  }
}
