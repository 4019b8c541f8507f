import Metering
import Testing
import Wire

@Suite("Modbus RTU (Modbus over Serial Line V1.02)")
struct ModbusTests {
  static func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  struct Exchange: Sendable {
    var request: String
    var reply: String
    var unit: UInt8
    var address: UInt16
    var count: UInt16
    var registers: [UInt16]
    var function = ModbusRequest.Function.inputRegisters
  }

  /// Recorded against an independent slave.
  static let exchanges = [
    Exchange(
      request: "010400000006 7008", reply: "01040c 43663333 43670000 43658000 f6bc", unit: 1, address: 0, count: 6,
      registers: [0x4366, 0x3333, 0x4367, 0, 0x4365, 0x8000]),
    Exchange(
      request: "010400340002 3005", reply: "010404 c49a5000 da9b", unit: 1, address: 0x34, count: 2,
      registers: [0xC49A, 0x5000]),
    Exchange(
      request: "020400280002 f1f0", reply: "020404 cfc7ffff 47dd", unit: 2, address: 0x28, count: 2,
      registers: [0xCFC7, 0xFFFF]),
    Exchange(
      request: "7e039c400003 2180", reply: "7e0306 5375 6e53 0001 a9d6", unit: 0x7E, address: 0x9C40, count: 3,
      registers: [0x5375, 0x6E53, 1], function: .holdingRegisters),
  ]

  static let allFrames = [
    "010400000006 7008", "01040c 43663333 43670000 43658000 f6bc", "010400340002 3005", "010404 c49a5000 da9b",
    "020400280002 f1f0", "020404 cfc7ffff 47dd", "010413880001 b564", "018402 c2c1", "018406 c302",
    "0106000a004d 69fd", "010400000050 f036", "010401560002 9027", "7e069cfb01f4 ddb3", "7e069cfd0002 bc64",
    "7e069cff0001 5da5", "7e109cfb00050a 01f4 0000 0002 0000 0001 a883", "7e109cfb0005 5464",
    "7e039c400003 2180", "7e0306 5375 6e53 0001 a9d6",
  ]

  static func checksum(_ bytes: [UInt8]) -> UInt16 { ModbusChecksum(of: bytes.span).value }
  static func progress(_ request: ModbusRequest, _ bytes: [UInt8]) throws(ModbusError) -> ModbusRequest.Progress {
    try request.progress(of: bytes.span, .rtu)
  }
  static func encoded(_ request: ModbusRequest, _ framing: ModbusFraming = .rtu) -> [UInt8] {
    var buffer = ByteBuffer(capacity: ModbusRequest.maximumByteCount)
    buffer.replace { output in request.encode(framing, into: &output) }
    return (0..<buffer.count).map { buffer.span[$0] }
  }
  static func request(_ exchange: Exchange) throws -> ModbusRequest {
    try ModbusRequest(
      unit: exchange.unit, function: exchange.function, address: exchange.address, count: exchange.count)
  }

  @Test("the checksum has its published check values")
  func checkValues() {
    #expect(Self.checksum(Array("123456789".utf8)) == 0x4B37)
    #expect(Self.checksum([0x02, 0x07]) == 0x1241)
  }

  @Test("every recorded frame's checksum over itself is 0", arguments: allFrames)
  func residue(frame: String) { #expect(Self.checksum(Self.bytes(frame)) == 0) }

  @Test("requests encode to the recorded bytes and replies give their registers", arguments: exchanges)
  func recorded(exchange: Exchange) throws {
    let request = try Self.request(exchange)
    #expect(Self.encoded(request) == Self.bytes(exchange.request))
    let reply = Self.bytes(exchange.reply)
    #expect(try Self.progress(request, reply) == .complete(byteCount: reply.count))
    #expect((0..<Int(exchange.count)).map { request.register($0, of: reply.span, .rtu) } == exchange.registers)
  }

  @Test(
    "the other recorded requests encode alike",
    arguments: [(0, 80, "010400000050f036"), (0x156, 2, "0104015600029027")])
  func moreRequests(address: UInt16, count: UInt16, frame: String) throws {
    let request = try ModbusRequest(unit: 1, function: .inputRegisters, address: address, count: count)
    #expect(Self.encoded(request) == Self.bytes(frame))
  }

  @Test("exceptions carry their code", arguments: [("018402c2c1", 2), ("018406c302", 6)] as [(String, UInt8)])
  func exceptions(frame: String, code: UInt8) throws {
    let request = try ModbusRequest(unit: 1, function: .inputRegisters, address: 5000, count: 1)
    #expect(throws: ModbusError.exception(code)) { try Self.progress(request, Self.bytes(frame)) }
  }

  @Test("no prefix of a reply is complete, and each asks for more than it has", arguments: exchanges)
  func prefixes(exchange: Exchange) throws {
    let request = try Self.request(exchange)
    let reply = Self.bytes(exchange.reply)
    for length in 0..<reply.count {
      guard case .incomplete(let needed) = try Self.progress(request, Array(reply.prefix(length))) else {
        Issue.record("a prefix of \(length) bytes was complete")
        continue
      }
      #expect(needed > length && needed <= reply.count)
    }
  }

  @Test("no single-bit flip of a reply is a good answer", arguments: exchanges)
  func bitFlips(exchange: Exchange) throws {
    let request = try Self.request(exchange)
    let reply = Self.bytes(exchange.reply)
    for bit in 0..<(8 * reply.count) {
      var flipped = reply
      flipped[bit / 8] ^= 1 << (bit % 8)
      let verdict = try? Self.progress(request, flipped)
      if case .complete = verdict { Issue.record("bit \(bit) flipped went unseen") }
    }
  }

  @Test("no single-bit flip of a recorded frame keeps its checksum", arguments: allFrames)
  func bitFlipsOfAll(frame: String) {
    let good = Self.bytes(frame)
    for bit in 0..<(8 * good.count) {
      var flipped = good
      flipped[bit / 8] ^= 1 << (bit % 8)
      #expect(Self.checksum(flipped) != 0)
    }
  }

  @Test("an answer that begins with the very bytes of its request is an answer; its checksum ends with 0 then")
  func answerLikeEcho() throws {
    let request = try ModbusRequest(unit: 1, function: .inputRegisters, address: 0x0400, count: 2)
    let echo: [UInt8] = [1, 4, 4, 0, 0, 2, 0x70, 0xFB]
    #expect(Self.encoded(request) == echo)
    #expect(Self.checksum(echo + [0]) == 0)
    #expect(try Self.progress(request, echo + [0]) == .complete(byteCount: 9))
    #expect(throws: ModbusError.echo) { try Self.progress(request, echo + [1]) }
  }

  @Test("our own request coming back is an echo, whole or not at all")
  func echo() throws {
    let request = try ModbusRequest(unit: 1, function: .inputRegisters, address: 0x48, count: 4)
    let bytes = Self.encoded(request)
    for length in 3..<8 {
      #expect(try Self.progress(request, Array(bytes.prefix(length))) == .incomplete(neededBytes: 8))
    }
    #expect(throws: ModbusError.echo) { try Self.progress(request, bytes) }
  }

  @Test("an answer whose byte count equals the address's high byte is no echo")
  func notAnEcho() throws {
    let request = try ModbusRequest(unit: 1, function: .inputRegisters, address: 0x0200, count: 1)
    let body: [UInt8] = [1, 4, 2, 0, 0]
    let sum = Self.checksum(body)
    #expect(try Self.progress(request, body + [UInt8(sum & 0xFF), UInt8(sum >> 8)]) == .complete(byteCount: 7))
    #expect(throws: ModbusError.echo) { try Self.progress(request, Self.encoded(request)) }
  }

  static func sealed(_ body: [UInt8]) -> [UInt8] {
    let sum = checksum(body)
    return body + [UInt8(sum & 0xFF), UInt8(sum >> 8)]
  }

  @Test("well-formed frames of others are named for what they are")
  func foreign() throws {
    let request = try ModbusRequest(unit: 1, function: .inputRegisters, address: 0, count: 1)
    #expect(throws: ModbusError.wrongUnit(expected: 1, received: 9)) {
      try Self.progress(request, Self.sealed([9, 4, 2, 0, 0]))
    }
    #expect(throws: ModbusError.wrongFunction(expected: 4, received: 3)) {
      try Self.progress(request, Self.sealed([1, 3, 2, 0, 0]))
    }
    #expect(throws: ModbusError.wrongByteCount(expected: 2, received: 4)) {
      try Self.progress(request, Self.sealed([1, 4, 4, 0, 0, 0, 0]))
    }
    #expect(throws: ModbusError.wrongFunction(expected: 4, received: 0x83)) {
      try Self.progress(request, Self.sealed([1, 0x83, 2]))
    }
  }

  @Test(
    "requests nobody may answer are refused",
    arguments: [(1, 0, 0), (1, 0, 126), (1, 65535, 2)] as [(UInt8, UInt16, UInt16)])
  func invalid(unit: UInt8, address: UInt16, count: UInt16) {
    #expect(throws: ModbusError.invalidRequest) {
      try ModbusRequest(unit: unit, function: .inputRegisters, address: address, count: count)
    }
  }

  @Test(
    "units 0 and 248 to 255 can be asked, as devices over TCP have them; 0 is not written to",
    arguments: [0, 1, 247, 248, 255] as [UInt8])
  func units(unit: UInt8) throws {
    #expect(try ModbusRequest(unit: unit, function: .inputRegisters, address: 0, count: 1).unit == unit)
    let value: [UInt16] = [1]
    let isWritten = (try? ModbusRequest(unit: unit, address: 0, writing: value.span)) != nil
    #expect(isWritten == (unit != 0))
  }
}
