import HAL
import Metering

/// Why a device could not be read.
public enum DriverError: Error, Equatable, Sendable, CustomStringConvertible {
  case platform(PlatformError)
  case modbus(ModbusError)
  case register(RegisterError)
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
    case .register(let error): "register: \(error)"
    case .deviceNotFound: "device not found"
    case .malformedAttribute: "malformed attribute"
    case .outOfRange: "value out of range"
    }
  }
}
