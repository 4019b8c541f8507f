import Metering
import Testing

@Suite("Modbus writes and Modbus/TCP (Modbus Messaging on TCP/IP V1.0b, §3.1.3)")
struct ModbusFramingTests {
  typealias Base = ModbusTests

  struct Exchange: Sendable {
    var request: String
    var reply: String
    var function: ModbusRequest.Function
    var address: UInt16
    var values: [UInt16]
  }

  /// Recorded against an independent slave: a SunSpec inverter, unit 126, model 123 at 40182.
  static let writes = [
    Exchange(
      request: "7e069cfb01f4 ddb3", reply: "7e069cfb01f4 ddb3", function: .writeRegister, address: 0x9CFB, values: [500]
    ),
    Exchange(
      request: "7e069cfd0002 bc64", reply: "7e069cfd0002 bc64", function: .writeRegister, address: 0x9CFD, values: [2]),
    Exchange(
      request: "7e069cff0001 5da5", reply: "7e069cff0001 5da5", function: .writeRegister, address: 0x9CFF, values: [1]),
    Exchange(
      request: "7e109cfb00050a 01f4 0000 0002 0000 0001 a883", reply: "7e109cfb0005 5464", function: .writeRegisters,
      address: 0x9CFB, values: [500, 0, 2, 0, 1]),
  ]

  static func request(_ exchange: Exchange) throws -> ModbusRequest {
    let values = exchange.values
    return try ModbusRequest(unit: 0x7E, function: exchange.function, address: exchange.address, writing: values.span)
  }

  /// The same exchange in MBAP: without checksum, with transaction and length.
  static func tcp(_ rtu: [UInt8], transaction: UInt16) -> [UInt8] {
    let body = rtu.dropLast(2)
    return [UInt8(transaction >> 8), UInt8(transaction & 0xFF), 0, 0, 0, UInt8(body.count)] + body
  }

  static func progress(
    _ request: ModbusRequest, _ bytes: [UInt8], _ framing: ModbusFraming
  ) throws(ModbusError) -> ModbusRequest.Progress { try request.progress(of: bytes.span, framing) }

  @Test("writes encode to the recorded bytes, and their recorded confirmation is complete", arguments: writes)
  func recorded(exchange: Exchange) throws {
    let request = try Self.request(exchange)
    #expect(Base.encoded(request) == Base.bytes(exchange.request))
    let reply = Base.bytes(exchange.reply)
    #expect(reply.count == request.replyByteCount(.rtu))
    #expect(try Self.progress(request, reply, .rtu) == .complete(byteCount: 8))
  }

  @Test("no prefix of a confirmation is complete and no single-bit flip is good", arguments: writes)
  func damagedWrites(exchange: Exchange) throws {
    let request = try Self.request(exchange)
    let reply = Base.bytes(exchange.reply)
    for length in 0..<reply.count {
      let verdict = try Self.progress(request, Array(reply.prefix(length)), .rtu)
      guard case .incomplete = verdict else {
        Issue.record("a prefix of \(length) bytes was complete")
        continue
      }
    }
    for bit in 0..<(8 * reply.count) {
      var flipped = reply
      flipped[bit / 8] ^= 1 << (bit % 8)
      if case .complete? = try? Self.progress(request, flipped, .rtu) { Issue.record("bit \(bit) went unseen") }
    }
  }

  @Test("the echo of function 16 is told from its confirmation, whole and byte by byte")
  func writeEcho() throws {
    let request = try Self.request(Self.writes[3])
    let echo = Base.encoded(request)
    for length in 0..<echo.count {
      guard case .incomplete = try Self.progress(request, Array(echo.prefix(length)), .rtu) else {
        Issue.record("a prefix of \(length) bytes of the echo was complete")
        continue
      }
    }
    #expect(throws: ModbusError.echo) { try Self.progress(request, echo, .rtu) }
    var exchange = ModbusExchange(request, .rtu)
    let confirmation = Base.bytes(Self.writes[3].reply)
    let both = echo + confirmation
    exchange.append(both.span)
    let isComplete = try exchange.isComplete()
    #expect(isComplete)
  }

  @Test(
    "a confirmation of another value or address is refused", arguments: [.rtu, .tcp(transaction: 9)] as [ModbusFraming])
  func wrongConfirmation(framing: ModbusFraming) throws {
    let request = try Self.request(Self.writes[0])
    let other = Base.sealed([0x7E, 6, 0x9C, 0xFB, 1, 0xF5])
    let bytes = framing == .rtu ? other : Self.tcp(other, transaction: 9)
    #expect(throws: ModbusError.wrongConfirmation) { try Self.progress(request, bytes, framing) }
  }

  @Test(
    "the same exchanges over TCP: requests, registers, every prefix and every single-bit flip",
    arguments: Base.exchanges)
  func tcpReads(exchange: ModbusTests.Exchange) throws {
    let request = try Base.request(exchange)
    let framing = ModbusFraming.tcp(transaction: 0x1234)
    #expect(Base.encoded(request, framing) == Self.tcp(Base.bytes(exchange.request), transaction: 0x1234))
    let reply = Self.tcp(Base.bytes(exchange.reply), transaction: 0x1234)
    #expect(try Self.progress(request, reply, framing) == .complete(byteCount: reply.count))
    #expect(
      (0..<Int(exchange.count)).map { request.register($0, of: reply.span, framing) } == exchange.registers)
    for length in 0..<reply.count {
      guard case .incomplete(let needed) = try Self.progress(request, Array(reply.prefix(length)), framing) else {
        Issue.record("a prefix of \(length) bytes was complete")
        continue
      }
      #expect(needed > length && needed <= reply.count)
    }
    // TCP has no check value of its own: a flip in the head is refused, one in the registers changes those registers.
    for bit in 0..<(8 * reply.count) {
      var flipped = reply
      flipped[bit / 8] ^= 1 << (bit % 8)
      guard case .complete(let count)? = try? Self.progress(request, flipped, framing) else { continue }
      #expect(bit / 8 >= 9 && count == reply.count)
    }
  }

  @Test("the answer to an earlier request is dropped, the one behind it is taken")
  func lateAnswer() throws {
    let exchange = Base.exchanges[1]
    let request = try Base.request(exchange)
    let late = Self.tcp(Base.bytes(Base.exchanges[0].reply), transaction: 1)
    let good = Self.tcp(Base.bytes(exchange.reply), transaction: 2)
    var state = ModbusExchange(request, .tcp(transaction: 2))
    let both = late + good
    for byte in both {
      let isComplete = try state.isComplete()
      #expect(!isComplete)
      state.append([byte].span)
    }
    let isComplete = try state.isComplete()
    let register = state.register(0)
    let dropped = state.foreignFrames
    #expect(isComplete && register == 0xC49A && dropped == 1)
  }

  @Test(
    "a stream that is not Modbus is refused at its header",
    arguments: [
      [0x12, 0x34, 0, 1, 0, 5, 1, 4], [0x12, 0x34, 0, 0, 0, 2, 1, 4], [0x12, 0x34, 0, 0, 0, 255, 1, 4],
      [0x12, 0x34, 0, 0, 1, 0, 1, 4],
    ] as [[UInt8]])
  func notModbus(bytes: [UInt8]) throws {
    let request = try Base.request(Base.exchanges[0])
    #expect(throws: ModbusError.notModbus) { try Self.progress(request, bytes, .tcp(transaction: 0x1234)) }
  }

  @Test("writes that cannot be are refused")
  func invalid() {
    func write(_ unit: UInt8, _ function: ModbusRequest.Function, _ address: UInt16, _ values: [UInt16]) throws {
      _ = try ModbusRequest(unit: unit, function: function, address: address, writing: values.span)
    }
    #expect(throws: ModbusError.invalidRequest) { try write(0, .writeRegisters, 0, [1]) }
    #expect(throws: ModbusError.invalidRequest) { try write(1, .writeRegisters, 0, []) }
    #expect(throws: ModbusError.invalidRequest) { try write(1, .writeRegister, 0, [1, 2]) }
    #expect(throws: ModbusError.invalidRequest) { try write(1, .holdingRegisters, 0, [1]) }
    #expect(throws: ModbusError.invalidRequest) { try write(1, .writeRegisters, 0xFFFF, [1, 2]) }
    #expect(throws: ModbusError.invalidRequest) { try write(1, .writeRegisters, 0, Array(repeating: 1, count: 17)) }
    #expect(throws: Never.self) { try write(255, .writeRegisters, 0xFFFF, [1]) }
  }
}
