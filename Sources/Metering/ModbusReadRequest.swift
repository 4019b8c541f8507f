/// A request for registers, and the framing of its reply.
///
/// The reply is framed by length, not by silence: a master knows the function and the byte count, while USB adapters and
/// the tty layer smear the gaps between characters. (`reference/hal.md` §2.1)
public struct ModbusReadRequest: Equatable, Sendable {
  public enum Function: UInt8, Sendable {
    case holdingRegisters = 3
    case inputRegisters = 4
  }

  public static let byteCount = 8
  public static let maximumRegisters: UInt16 = 125
  /// unit, function, byte count, 125 registers, checksum
  public static let maximumReplyBytes = 255

  public let unit: UInt8
  public let function: Function
  /// As on the wire, counted from 0.
  public let address: UInt16
  public let count: UInt16

  /// - Throws: ``ModbusError/invalidRequest``. Unit 0 is the broadcast, which nobody answers.
  public init(unit: UInt8, function: Function, address: UInt16, count: UInt16) throws(ModbusError) {
    guard unit >= 1, unit <= 247, count >= 1, count <= Self.maximumRegisters,
      UInt32(address) + UInt32(count) <= 0x1_0000
    else { throw .invalidRequest }
    self.unit = unit
    self.function = function
    self.address = address
    self.count = count
  }

  /// Bytes of the whole good reply.
  public var replyByteCount: Int { 5 + 2 * Int(count) }

  /// The request's bytes, checksum included.
  public var encoded: InlineArray<8, UInt8> {
    var bytes = InlineArray<8, UInt8>(repeating: 0)
    var checksum = ModbusChecksum()
    for index in 0..<6 {
      bytes[index] = requestByte(index)
      checksum.add(bytes[index])
    }
    bytes[6] = UInt8(truncatingIfNeeded: checksum.value)
    bytes[7] = UInt8(truncatingIfNeeded: checksum.value >> 8)
    return bytes
  }

  /// What of the wire's bytes is known so far.
  public enum Progress: Equatable, Sendable {
    /// At least this many bytes in all are needed to say more.
    case incomplete(neededBytes: Int)
    /// The first bytes are a good answer; registers are read with ``register(_:of:)``.
    case complete(byteCount: Int)
  }

  /// Judges all bytes received since the request was sent. Pure: the same bytes give the same verdict.
  /// - Throws: ``ModbusError``; how many bytes to drop after `.wrongUnit` says ``frameByteCount(of:)``.
  public func progress(of received: Span<UInt8>) throws(ModbusError) -> Progress {
    if received.count < 3 { return .incomplete(neededBytes: 5) }
    if isEchoSoFar(received) {
      if received.count < Self.byteCount { return .incomplete(neededBytes: Self.byteCount) }
      throw .echo
    }
    guard let length = Self.frameByteCount(of: received) else {
      if received[0] != unit { throw .wrongUnit(expected: unit, received: received[0]) }
      throw .wrongFunction(expected: function.rawValue, received: received[1])
    }
    if received.count < length { return .incomplete(neededBytes: length) }
    try checkChecksum(received.extracting(0..<length))
    if received[0] != unit { throw .wrongUnit(expected: unit, received: received[0]) }
    if received[1] == function.rawValue | 0x80 { throw .exception(received[2]) }
    if received[1] != function.rawValue { throw .wrongFunction(expected: function.rawValue, received: received[1]) }
    if Int(received[2]) != 2 * Int(count) {
      throw .wrongByteCount(expected: UInt8(2 * count), received: received[2])
    }
    return .complete(byteCount: length)
  }

  /// The `index`-th register of a complete reply.
  /// - Precondition: 0 <= index < count, and ``progress(of:)`` said `.complete` of these bytes.
  public func register(_ index: Int, of reply: Span<UInt8>) -> UInt16 {
    precondition(index >= 0 && index < Int(count))
    return UInt16(reply[3 + 2 * index]) << 8 | UInt16(reply[4 + 2 * index])
  }

  /// Length of the frame that these first three or more bytes announce; nil when the function does not tell.
  public static func frameByteCount(of received: Span<UInt8>) -> Int? {
    if received.count < 3 { return nil }
    if received[1] & 0x80 != 0 { return 5 }
    switch received[1] {
    case 1...4: return 5 + Int(received[2])
    case 5, 6, 15, 16: return 8
    default: return nil
    }
  }

  private func requestByte(_ index: Int) -> UInt8 {
    switch index {
    case 0: unit
    case 1: function.rawValue
    case 2: UInt8(truncatingIfNeeded: address >> 8)
    case 3: UInt8(truncatingIfNeeded: address)
    case 4: UInt8(truncatingIfNeeded: count >> 8)
    default: UInt8(truncatingIfNeeded: count)
    }
  }

  /// True while the bytes are those of our request and cannot be the head of its answer. When the address's high byte
  /// equals the answer's byte count, only the request's checksum tells the two apart.
  private func isEchoSoFar(_ received: Span<UInt8>) -> Bool {
    for index in 0..<min(6, received.count) where received[index] != requestByte(index) { return false }
    if UInt8(truncatingIfNeeded: address >> 8) != UInt8(2 * count) {
      return received.count < Self.byteCount || endsWithRequestChecksum(received)
    }
    return received.count >= Self.byteCount && endsWithRequestChecksum(received)
  }

  private func endsWithRequestChecksum(_ received: Span<UInt8>) -> Bool {
    let checksum = ModbusChecksum(of: received.extracting(0..<6)).value
    return received[6] == UInt8(truncatingIfNeeded: checksum) && received[7] == UInt8(truncatingIfNeeded: checksum >> 8)
  }

  private func checkChecksum(_ frame: Span<UInt8>) throws(ModbusError) {
    let end = frame.count - 2
    let expected = ModbusChecksum(of: frame.extracting(0..<end)).value
    let received = UInt16(frame[end]) | UInt16(frame[end + 1]) << 8
    if expected != received { throw .checksum(expected: expected, received: received) }
  }
}
