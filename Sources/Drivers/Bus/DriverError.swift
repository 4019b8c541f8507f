import HAL
import Metering
import Units

/// Why a device could not be read or written.
public enum DriverError: Error, Equatable, Sendable, CustomStringConvertible {
  case platform(PlatformError)
  case modbus(ModbusError)
  case sunSpec(SunSpecError)
  /// A register that tells what the device is holds something else.
  case notTheDevice(register: UInt16)
  /// The device has another serial number than its owner said.
  case wrongSerialNumber
  /// Nothing that counts came in time; this is the last that did not count.
  case unanswered(ModbusError)
  /// A value that is needed is not good.
  case unusable(Quantity, Quality)
  /// No device of that name, or no channel of that label, is in the tree.
  case deviceNotFound
  /// An attribute's text is not a decimal integer of 64 bits.
  case malformedAttribute
  /// The value does not fit into 64 bits.
  case outOfRange

  /// No answer in time.
  /// - Parameter ignored: what came and did not count, the last of it.
  static func silence(_ ignored: ModbusError?) -> DriverError {
    switch ignored {
    case nil: return .platform(PlatformError(.timedOut))
    case let error?:
      if case .checksum = error { return .modbus(error) }
      return .unanswered(error)
    }
  }

  public var description: String {
    switch self {
    case .platform(let error): "\(error)"
    case .modbus(let error): "Modbus: \(error)"
    case .sunSpec(let error): "SunSpec: \(error)"
    case .notTheDevice(let register): "another device: register \(register) is not that of the one its map describes"
    case .wrongSerialNumber: "another device: its serial number is not the one it should have"
    case .unanswered(let error): "timed out: \(error)"
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
    case .notTheDevice, .wrongSerialNumber: "notTheDevice"
    case .unanswered: "timeout"
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
    case .unanswered: true
    default: false
    }
  }

  /// Whether nothing that counts came in time.
  var isTimeout: Bool {
    switch self {
    case .platform(let error): error.kind == .timedOut
    case .unanswered: true
    default: false
    }
  }

  /// Whether the device answered, though not with registers.
  var isRefusal: Bool {
    if case .modbus(.exception) = self { return true }
    return false
  }

  /// Whether the device said that it has no such registers, or answers not so many.
  func isRefusalOfRegisters(_ quirks: ModbusQuirks) -> Bool {
    if case .modbus(let error) = self { error.isRefusalOfRegisters(quirks) } else { false }
  }
}
