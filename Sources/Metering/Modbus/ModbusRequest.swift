/// How the same protocol data unit travels. RTU frames over a socket (RTU-over-TCP) are `.rtu` like those over a tty.
public enum ModbusFraming: Equatable, Sendable {
  /// unit, PDU, CRC-16 low byte first. (Modbus over Serial Line V1.02, §2.3)
  case rtu
  /// MBAP header, PDU. (Modbus Messaging on TCP/IP V1.0b, §3.1.3)
  case tcp(transaction: UInt16)
}

/// A request for registers, or one that sets some, and the framing of its reply.
///
/// The reply is framed by length, not by silence: a master knows the function and the byte count, while USB adapters and
/// the tty layer smear the gaps between characters. (docs/HARDWARE.md, What is not an answer)
public struct ModbusRequest: Equatable, Sendable {
  /// The functions of the standard that are used here; the numbers are its own.
  public enum Function: UInt8, Sendable {
    case holdingRegisters = 3
    case inputRegisters = 4
    case writeRegister = 6
    case writeRegisters = 16

    public var isWrite: Bool { self == .writeRegister || self == .writeRegisters }
  }

  public static let maximumRegisters: UInt16 = 125
  /// Ours; the standard allows 123. The longest write of a device we know is 5.
  public static let maximumWrittenRegisters = 16
  /// transaction, 0, length
  public static let tcpHeaderByteCount = 6
  /// header, unit, function, address, count, byte count, 16 registers, checksum
  public static let maximumByteCount = tcpHeaderByteCount + 7 + 2 * maximumWrittenRegisters + 2
  /// header, unit, function, byte count, 125 registers, checksum
  public static let maximumReplyBytes = tcpHeaderByteCount + 5 + 2 * 125

  public let unit: UInt8
  public let function: Function
  /// As on the wire, counted from 0.
  public let address: UInt16
  public let count: UInt16
  private let values: InlineArray<16, UInt16>

  /// A request that reads.
  /// - Parameter unit: 1...247 on a serial line, where nobody answers 0 and the others are reserved; over TCP any.
  /// - Throws: ``ModbusError/invalidRequest``
  public init(unit: UInt8, function: Function, address: UInt16, count: UInt16) throws(ModbusError) {
    guard !function.isWrite, count >= 1, count <= Self.maximumRegisters,
      UInt32(address) + UInt32(count) <= 0x1_0000
    else { throw .invalidRequest }
    self.unit = unit
    self.function = function
    self.address = address
    self.count = count
    values = InlineArray(repeating: 0)
  }

  /// A request that writes holding registers, by function 6 or 16.
  /// - Parameter unit: 1...255. A gateway may pass a write to unit 0 on to all its devices.
  /// - Throws: ``ModbusError/invalidRequest``, also for function 6 with other than one value.
  public init(
    unit: UInt8, function: Function = .writeRegisters, address: UInt16, writing values: Span<UInt16>
  ) throws(ModbusError) {
    guard function.isWrite, unit != 0, values.count >= 1, values.count <= Self.maximumWrittenRegisters,
      function == .writeRegisters || values.count == 1, UInt32(address) + UInt32(values.count) <= 0x1_0000
    else { throw .invalidRequest }
    self.unit = unit
    self.function = function
    self.address = address
    count = UInt16(values.count)
    var copy = InlineArray<16, UInt16>(repeating: 0)
    for index in 0..<values.count { copy[index] = values[index] }
    self.values = copy
  }

  public static func == (left: Self, right: Self) -> Bool {
    for index in 0..<maximumWrittenRegisters where left.values[index] != right.values[index] { return false }
    return left.unit == right.unit && left.function == right.function && left.address == right.address
      && left.count == right.count
  }

  /// Bytes of the request's unit and PDU.
  private var bodyByteCount: Int { function == .writeRegisters ? 7 + 2 * Int(count) : 6 }

  /// Bytes that ``encode(_:into:)`` appends.
  public func byteCount(_ framing: ModbusFraming) -> Int {
    framing == .rtu ? bodyByteCount + 2 : Self.tcpHeaderByteCount + bodyByteCount
  }

  /// Bytes of the whole good reply.
  public func replyByteCount(_ framing: ModbusFraming) -> Int {
    let body = function.isWrite ? 6 : 3 + 2 * Int(count)
    return framing == .rtu ? body + 2 : Self.tcpHeaderByteCount + body
  }

  /// Appends the whole frame as it goes out, at most ``maximumByteCount`` bytes. (Modbus over Serial Line V1.02; Modbus
  /// Messaging on TCP/IP V1.0b)
  public func encode(_ framing: ModbusFraming, into output: inout OutputSpan<UInt8>) {
    switch framing {
    case .rtu:
      var checksum = ModbusChecksum()
      for index in 0..<bodyByteCount {
        output.append(bodyByte(index))
        checksum.add(bodyByte(index))
      }
      output.append(UInt8(truncatingIfNeeded: checksum.value))
      output.append(UInt8(truncatingIfNeeded: checksum.value >> 8))
    case .tcp(let transaction):
      output.append(UInt8(transaction >> 8))
      output.append(UInt8(transaction & 0xFF))
      output.append(0)
      output.append(0)
      output.append(0)
      output.append(UInt8(bodyByteCount))
      for index in 0..<bodyByteCount { output.append(bodyByte(index)) }
    }
  }

  private func bodyByte(_ index: Int) -> UInt8 {
    switch index {
    case 0: return unit
    case 1: return function.rawValue
    case 2: return UInt8(address >> 8)
    case 3: return UInt8(address & 0xFF)
    case 4, 5:
      let word = function == .writeRegister ? values[0] : count
      return UInt8(truncatingIfNeeded: index == 4 ? word >> 8 : word)
    case 6: return UInt8(2 * count)
    default:
      let word = values[(index - 7) / 2]
      return UInt8(truncatingIfNeeded: (index - 7) % 2 == 0 ? word >> 8 : word)
    }
  }

  /// What of the wire's bytes is known so far.
  public enum Progress: Equatable, Sendable {
    /// At least this many bytes in all are needed to say more.
    case incomplete(neededBytes: Int)
    /// The first bytes are a good answer; registers are read with ``register(_:of:_:)``.
    case complete(byteCount: Int)
  }

  /// Judges all bytes received since the request was sent. Pure: the same bytes give the same verdict.
  /// - Throws: ``ModbusError``; how many bytes to drop after `.wrongUnit`, `.wrongTransaction` and `.echo` says
  ///   ``droppable(_:after:_:)``.
  public func progress(
    of received: Span<UInt8>, _ framing: ModbusFraming, _ quirks: ModbusQuirks = []
  ) throws(ModbusError) -> Progress {
    switch framing {
    case .rtu: try progressOfRTU(received)
    case .tcp(let transaction): try progressOfTCP(received, transaction, quirks)
    }
  }

  private func progressOfRTU(_ received: Span<UInt8>) throws(ModbusError) -> Progress {
    if received.count < 3 { return .incomplete(neededBytes: 5) }
    // A confirmed write of function 6 is its request over again, so there nothing can be called an echo.
    if function != .writeRegister, isEchoSoFar(received) {
      let length = byteCount(.rtu)
      if received.count < length { return .incomplete(neededBytes: length) }
      // An answer may begin with the very bytes of its request; then its own checksum tells.
      let answer = replyByteCount(.rtu)
      if function.isWrite || received.count < answer || received[2] != UInt8(2 * count)
        || ModbusChecksum(of: received.extracting(0..<answer)).value != 0
      {
        throw .echo
      }
    }
    guard let length = Self.frameByteCount(of: received) else {
      if received[0] != unit { throw .wrongUnit(expected: unit, received: received[0]) }
      throw .wrongFunction(expected: function.rawValue, received: received[1])
    }
    if received.count < length { return .incomplete(neededBytes: length) }
    try checkChecksum(received.extracting(0..<length))
    try judge(received.extracting(0..<(length - 2)))
    return .complete(byteCount: length)
  }

  private func progressOfTCP(
    _ received: Span<UInt8>, _ transaction: UInt16, _ quirks: ModbusQuirks
  ) throws(ModbusError) -> Progress {
    let header = Self.tcpHeaderByteCount
    if received.count < header { return .incomplete(neededBytes: header + 3) }
    let length = UInt16(received[4]) << 8 | UInt16(received[5])
    // unit and function at least; a PDU has 253 bytes at most.
    guard received[2] == 0, received[3] == 0, length >= 3, length <= 254 else { throw .notModbus }
    let end = header + Int(length)
    if received.count < end { return .incomplete(neededBytes: end) }
    let answered = UInt16(received[0]) << 8 | UInt16(received[1])
    let isOther = answered != transaction
    if isOther, !quirks.contains(.anyTransaction), !planted(.anyTransactionAnswers) {
      throw .wrongTransaction(expected: transaction, received: answered)
    }
    do throws(ModbusError) { try judge(received.extracting(header..<end), quirks) } catch {
      if case .exception = error { throw error }
      // Under another number it may well answer something else.
      throw isOther ? .wrongTransaction(expected: transaction, received: answered) : error
    }
    return .complete(byteCount: end)
  }

  /// Judges unit and PDU of a whole frame.
  private func judge(_ body: Span<UInt8>, _ quirks: ModbusQuirks = []) throws(ModbusError) {
    if body[0] != unit, !quirks.contains(.anyUnit), !planted(.anyUnitAnswers) {
      throw .wrongUnit(expected: unit, received: body[0])
    }
    if body[1] == function.rawValue | 0x80 { throw .exception(body[2]) }
    if body[1] != function.rawValue { throw .wrongFunction(expected: function.rawValue, received: body[1]) }
    if function.isWrite {
      guard body.count == 6 else { throw .wrongConfirmation }
      for index in 2..<6 where body[index] != bodyByte(index) { throw .wrongConfirmation }
    } else if Int(body[2]) != 2 * Int(count) || body.count != 3 + 2 * Int(count) {
      throw .wrongByteCount(expected: UInt8(2 * count), received: body[2])
    }
  }

  /// The `index`-th register of a complete reply to a request that reads.
  /// - Precondition: 0 <= index < count, and ``progress(of:_:)`` said `.complete` of these bytes.
  public func register(_ index: Int, of reply: Span<UInt8>, _ framing: ModbusFraming) -> UInt16 {
    precondition(!function.isWrite && index >= 0 && index < Int(count))
    let start = (framing == .rtu ? 0 : Self.tcpHeaderByteCount) + 3 + 2 * index
    return UInt16(reply[start]) << 8 | UInt16(reply[start + 1])
  }

  /// How many bytes at the front of `received` the error speaks of: a whole frame of somebody else, or our echo.
  public func droppable(_ received: Span<UInt8>, after error: ModbusError, _ framing: ModbusFraming) -> Int {
    switch (error, framing) {
    case (.echo, _): byteCount(framing)
    case (_, .rtu): Self.frameByteCount(of: received) ?? received.count
    case (_, .tcp): Self.tcpHeaderByteCount + (Int(received[4]) << 8 | Int(received[5]))
    }
  }

  /// Length of the RTU frame that these first three or more bytes announce; nil when the function does not tell.
  static func frameByteCount(of received: Span<UInt8>) -> Int? {
    if received.count < 3 { return nil }
    if received[1] & 0x80 != 0 { return 5 }
    switch received[1] {
    case 1...4: return 5 + Int(received[2])
    case 5, 6, 15, 16: return 8
    default: return nil
    }
  }

  /// True while the bytes are those of our request and cannot be its answer.
  private func isEchoSoFar(_ received: Span<UInt8>) -> Bool {
    let body = bodyByteCount
    for index in 0..<min(body, received.count) where received[index] != bodyByte(index) { return false }
    if function.isWrite {
      // The confirmation of function 16 is the request's first 6 bytes under a checksum of their own.
      if received.count < 8 || ModbusChecksum(of: received.extracting(0..<8)).value == 0 { return false }
    } else if UInt8(address >> 8) == UInt8(2 * count), received.count < body + 2 {
      // The third byte is an answer's byte count too: only the request's checksum can tell.
      return false
    }
    if received.count < body + 2 { return true }
    let checksum = ModbusChecksum(of: received.extracting(0..<body)).value
    return received[body] == UInt8(checksum & 0xFF) && received[body + 1] == UInt8(checksum >> 8)
  }

  /// How far some bytes look like an answer to this request, or its refusal, over a serial line.
  enum Likeness {
    case no
    /// They are the beginning of one.
    case part
    /// They begin with one whose checksum is good.
    case whole
  }

  func likeness(of bytes: Span<UInt8>) -> Likeness {
    if bytes.count == 0 || bytes[0] != unit { return .no }
    if bytes.count == 1 { return .part }
    let isRefusal = bytes[1] == function.rawValue | 0x80
    guard isRefusal || bytes[1] == function.rawValue else { return .no }
    if !isRefusal {
      for index in 2..<min(bytes.count, function.isWrite ? 6 : 3)
      where bytes[index] != (function.isWrite ? bodyByte(index) : UInt8(2 * count)) { return .no }
    }
    let length = isRefusal ? 5 : replyByteCount(.rtu)
    if bytes.count < length { return .part }
    return ModbusChecksum(of: bytes.extracting(0..<length)).value == 0 ? .whole : .no
  }

  private func checkChecksum(_ frame: Span<UInt8>) throws(ModbusError) {
    let end = frame.count - 2
    let expected = ModbusChecksum(of: frame.extracting(0..<end)).value
    let received = UInt16(frame[end]) | UInt16(frame[end + 1]) << 8
    if expected != received { throw .checksum(expected: expected, received: received) }
  }
}
