/// What a reply can be instead of an answer.
public enum ModbusError: Error, Equatable, Sendable, CustomStringConvertible {
  case checksum(expected: UInt16, received: UInt16)
  /// Another slave's frame, complete and with a good checksum: drop it and read on.
  case wrongUnit(expected: UInt8, received: UInt8)
  case wrongFunction(expected: UInt8, received: UInt8)
  case wrongByteCount(expected: UInt8, received: UInt8)
  /// TCP only: the answer to an earlier request. Drop it and read on.
  case wrongTransaction(expected: UInt16, received: UInt16)
  /// TCP only: the stream does not hold Modbus frames here, or lost its place. Only a new connection helps.
  case notModbus
  /// A write was confirmed for other registers, or another value, than were sent.
  case wrongConfirmation
  /// Our own request came back, as from adapters with local echo: drop it and read on.
  case echo
  /// The slave refused: 1 function, 2 address, 3 value, 4 device failure, 5 acknowledge, 6 busy, 8 memory parity,
  /// 10 gateway path, 11 gateway target silent.
  case exception(UInt8)
  /// 1...125 registers are read and 1...16 written, from an address whose end is below 65536; a write to unit 0 would be for everybody.
  case invalidRequest

  public var description: String {
    switch self {
    case .checksum(let expected, let received): "checksum \(received), expected \(expected)"
    case .wrongUnit(let expected, let received): "unit \(received) answered instead of \(expected)"
    case .wrongFunction(let expected, let received): "function \(received) came back for \(expected)"
    case .wrongByteCount(let expected, let received): "\(received) data bytes came back, expected \(expected)"
    case .wrongTransaction(let expected, let received): "transaction \(received) came back for \(expected)"
    case .notModbus: "not a Modbus/TCP frame"
    case .wrongConfirmation: "another write was confirmed"
    case .echo: "the request came back"
    case .exception(let code): "exception \(code)"
    case .invalidRequest: "invalid request"
    }
  }

  /// One word for statistics and JSON.
  public var name: String {
    switch self {
    case .checksum: "crc"
    case .wrongUnit: "wrongUnit"
    case .wrongFunction: "wrongFunction"
    case .wrongByteCount: "shortFrame"
    case .wrongTransaction: "wrongTransaction"
    case .notModbus: "notModbus"
    case .wrongConfirmation: "wrongConfirmation"
    case .echo: "echo"
    case .exception: "exception"
    case .invalidRequest: "invalidRequest"
    }
  }

  /// Whether the device said that it has no such registers, or answers not so many.
  public func isRefusalOfRegisters(_ quirks: ModbusQuirks) -> Bool {
    guard case .exception(let code) = self else { return false }
    return (1...3).contains(code) || code == 4 && quirks.contains(.failureMeansAbsent)
  }
}
