import Metering
import Testing

/// Bytes that do not belong to an answer. (minimalmodbus #61, node-modbus-serial #107, eModbus #308; pymodbus #2571)
@Suite("What stands before an answer, and what is told of what did not count (docs/HARDWARE.md, What is not an answer)")
struct ModbusResynchronisationTests {
  typealias Base = ModbusTests

  enum Outcome: Equatable {
    case answered([UInt16])
    case waits(ModbusError?)
    case failed(ModbusError)
  }

  /// What becomes of bytes that arrive `step` at a time.
  static func outcome(
    _ request: ModbusRequest, _ bytes: [UInt8], _ framing: ModbusFraming = .rtu, _ quirks: ModbusQuirks = [],
    step: Int = .max
  ) -> Outcome {
    var exchange = ModbusExchange(request, framing)
    exchange.start(request, framing, quirks)
    var place = 0
    while place < bytes.count {
      let count = min(step, bytes.count - place)
      let part = Array(bytes[place..<(place + count)])
      exchange.append(part.span)
      place += count
      do throws(ModbusError) {
        if try exchange.isComplete() {
          return .answered((0..<Int(request.count)).map { exchange.register($0) })
        }
      } catch { return .failed(error) }
    }
    return .waits(exchange.ignored)
  }

  static let steps = [1, 2, 3, 5, 7, Int.max]

  @Test(
    "stray bytes before an answer are passed over, however the bytes come",
    arguments: ["00", "ff", "0000", "ffff", "000000", "01", "04", "0104", "010404", "7f7f7f7f7f", "010300", "83"],
    Base.exchanges)
  func stray(noise: String, exchange: ModbusTests.Exchange) throws {
    let request = try Base.request(exchange)
    let reply = Base.bytes(exchange.reply)
    for step in Self.steps {
      #expect(
        Self.outcome(request, Base.bytes(noise) + reply, step: step) == .answered(exchange.registers),
        "\(noise), \(step) at a time")
    }
  }

  @Test("any part of an echo before an answer is passed over", arguments: Base.exchanges)
  func partOfEcho(exchange: ModbusTests.Exchange) throws {
    let request = try Base.request(exchange)
    let echo = Base.bytes(exchange.request)
    let reply = Base.bytes(exchange.reply)
    for first in 0..<echo.count {
      for last in (first + 1)...echo.count {
        for step in Self.steps {
          #expect(
            Self.outcome(request, Array(echo[first..<last]) + reply, step: step) == .answered(exchange.registers),
            "bytes \(first) to \(last), \(step) at a time")
        }
      }
    }
  }

  @Test("a refusal behind stray bytes is a refusal, and a confirmation a confirmation")
  func others() throws {
    let request = try ModbusRequest(unit: 1, function: .inputRegisters, address: 5000, count: 1)
    for step in Self.steps {
      #expect(Self.outcome(request, Base.bytes("00 018402c2c1"), step: step) == .failed(.exception(2)))
    }
    for write in ModbusFramingTests.writes where write.function == .writeRegisters {
      let request = try ModbusFramingTests.request(write)
      var exchange = ModbusExchange(request, .rtu)
      let bytes = [0] + Base.bytes(write.reply)
      exchange.append(bytes.span)
      let isComplete = try exchange.isComplete()
      #expect(isComplete)
    }
  }

  @Test(
    "no single-bit flip of an answer is an answer, with or without a stray byte before it", arguments: Base.exchanges)
  func flips(exchange: ModbusTests.Exchange) throws {
    let request = try Base.request(exchange)
    let reply = Base.bytes(exchange.reply)
    for noise in [[], [0]] as [[UInt8]] {
      for bit in 0..<(8 * reply.count) {
        var flipped = reply
        flipped[bit / 8] ^= 1 << (bit % 8)
        if case .answered = Self.outcome(request, noise + flipped) { Issue.record("bit \(bit) went unseen") }
      }
    }
  }

  @Test("a damaged answer fails at once where nothing that follows could be one: no time is lost on it")
  func damaged() throws {
    let request = try ModbusRequest(unit: 1, function: .inputRegisters, address: 0, count: 6)
    var reply = Base.bytes("01040c 43663333 43670000 43658000 f6bc")
    reply[4] ^= 0x10
    guard case .failed(.checksum) = Self.outcome(request, reply) else {
      Issue.record("\(Self.outcome(request, reply))")
      return
    }
    // A byte at its end that could be the first of an answer is waited for, and the checksum is what is told then.
    reply[reply.count - 1] = 1
    guard case .waits(.checksum?) = Self.outcome(request, reply) else {
      Issue.record("\(Self.outcome(request, reply))")
      return
    }
  }

  @Test("another unit's frame is told of, over both framings")
  func otherUnit() throws {
    let request = try ModbusRequest(unit: 1, function: .inputRegisters, address: 0, count: 1)
    for other in [0, 7, 255] as [UInt8] {
      let error = ModbusError.wrongUnit(expected: 1, received: other)
      #expect(Self.outcome(request, Base.sealed([other, 4, 2, 0, 9])) == .waits(error))
      let frame: [UInt8] = [0, 5, 0, 0, 0, 5, other, 4, 2, 0, 9]
      #expect(Self.outcome(request, frame, .tcp(transaction: 5)) == .waits(error))
      #expect(Self.outcome(request, frame, .tcp(transaction: 5), .anyUnit) == .answered([9]))
      #expect(
        Self.outcome(request, frame, .tcp(transaction: 6), .anyUnit)
          == .waits(.wrongTransaction(expected: 6, received: 5)))
    }
    // On a serial line units are what tells devices apart.
    #expect(
      Self.outcome(request, Base.sealed([7, 4, 2, 0, 9]), .rtu, .anyUnit)
        == .waits(.wrongUnit(expected: 1, received: 7)))
  }

  @Test("an answer under another number counts only where the map says so, and only if it answers what was asked")
  func anyTransaction() throws {
    let request = try ModbusRequest(unit: 1, function: .inputRegisters, address: 0, count: 1)
    let framing = ModbusFraming.tcp(transaction: 5)
    let good: [UInt8] = [0, 0, 0, 0, 0, 5, 1, 4, 2, 0, 9]
    #expect(Self.outcome(request, good, framing) == .waits(.wrongTransaction(expected: 5, received: 0)))
    #expect(Self.outcome(request, good, framing, .anyTransaction) == .answered([9]))
    let longer: [UInt8] = [0, 0, 0, 0, 0, 7, 1, 4, 4, 0, 9, 0, 9]
    #expect(Self.outcome(request, longer + good, framing, .anyTransaction) == .answered([9]))
    #expect(
      Self.outcome(request, longer, framing, .anyTransaction) == .waits(.wrongTransaction(expected: 5, received: 0)))
    let refusal: [UInt8] = [0, 0, 0, 0, 0, 3, 1, 0x84, 2]
    #expect(Self.outcome(request, refusal, framing, .anyTransaction) == .failed(.exception(2)))
    #expect(Self.outcome(request, refusal + good, framing) == .waits(.wrongTransaction(expected: 5, received: 0)))
  }

  @Test("a new request forgets what did not count for the one before")
  func forgets() throws {
    let request = try ModbusRequest(unit: 1, function: .inputRegisters, address: 0, count: 1)
    var exchange = ModbusExchange(request, .rtu)
    let other = Base.sealed([7, 4, 2, 0, 9])
    exchange.append(other.span)
    _ = try exchange.isComplete()
    let ignored = exchange.ignored
    #expect(ignored == .wrongUnit(expected: 1, received: 7))
    exchange.start(request, .rtu)
    let none = exchange.ignored
    #expect(none == nil)
  }

  @Test("noise without an end ends an exchange, at the latest when the buffer is full")
  func bounded() throws {
    let request = try ModbusRequest(unit: 1, function: .inputRegisters, address: 0, count: 125)
    var exchange = ModbusExchange(request, .rtu)
    let noise = [UInt8](repeating: 1, count: 64)
    for _ in 0..<20 {
      let room = exchange.freeCapacity
      if room == 0 { break }
      exchange.append(noise.span)
      do throws(ModbusError) { _ = try exchange.isComplete() } catch { break }
      let held = exchange.receivedByteCount
      #expect(held <= ModbusExchange.capacity)
    }
  }
}
