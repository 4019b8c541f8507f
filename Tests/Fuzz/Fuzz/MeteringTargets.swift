import Drivers
import HAL
import Metering
import Units
import Wire

func meteringTargets() -> [FuzzTarget] {
  [
    FuzzTarget(
      "modbus-reply", maximumBytes: 300,
      seeds: [
        [0, 1, 0, 72, 2, 1, 4, 4, 0, 1, 2, 3, 0, 0], [1, 1, 0, 72, 2, 9, 9, 9, 9], [0, 1, 0, 72, 2, 1, 0x84, 2],
        [4, 1, 0, 72, 2, 0, 7, 0, 0, 0, 7, 1, 4, 4, 1, 2, 3, 4], [8, 1, 0, 72, 2, 1, 16, 0, 72, 0, 2],
      ],
      run: fuzzModbus),
    FuzzTarget(
      "modbus-exchange", maximumBytes: 560,
      seeds: [[0, 1, 0, 72, 2, 9, 4, 2, 1, 1, 5, 5], [4, 1, 0, 72, 2, 0, 6, 0, 0, 0, 3, 1, 0x84, 2]], run: fuzzExchange),
    FuzzTarget("register", maximumBytes: 12, seeds: [[0, 0, 128, 63, 64, 66, 15]], run: fuzzRegister),
    FuzzTarget("map-point", maximumBytes: 24, seeds: [[0, 0, 3, 0, 255, 255, 1, 2, 3, 4]], run: fuzzPoint),
    FuzzTarget(
      "counters", maximumBytes: 100,
      seeds: [
        [14] + Array(repeating: 1, count: 32) + Array(repeating: 2, count: 8) + [1] + Array(repeating: 0, count: 40)
      ],
      run: fuzzStanding),
    FuzzTarget("guard", maximumBytes: 400, seeds: [[1, 2, 5, 7, 9, 200, 3, 3], Array(0..<120)], run: fuzzGuard),
    FuzzTarget(
      "sunspec-chain", maximumBytes: 200, seeds: [[0x53, 0x75, 0x6E, 0x53, 0, 1, 0, 66, 255, 255, 0, 0]],
      run: fuzzChain),
    FuzzTarget(
      "capture", maximumBytes: 400,
      seeds: [
        Array("BUSBAR/CAPTURE".utf8) + [1, 0],
        Array("BUSBAR/CAPTURE".utf8) + [1, 0, 1, 0, 1, 0] + Array(repeating: 0, count: 19),
      ],
      run: fuzzCapture),
  ]
}

/// What is read is written with the same bytes, and a guard can go on from it.
private func fuzzStanding(_ input: [UInt8]) {
  var reader = WireReader(input.span)
  guard let standing = try? CountersStanding(decoding: &reader) else { return }
  let bytes = [UInt8](capacity: CountersStanding.encodedBytes) { out in standing.encode(into: &out) }
  precondition(bytes == input)
  var counters = GuardedCounters(CounterRule(ratedPowerMilliwatts: 10_000_000, quantumMilliwattHours: 1_000))
  counters.resume(from: standing)
  precondition(counters.standing == standing)
}

/// Whatever a device says and whatever the clocks do: registers never fall, and a restart changes nothing.
private func fuzzGuard(_ input: [UInt8]) {
  var choices = Choices(input)
  let modulus: Int64? = choices.byte() & 1 == 0 ? nil : 1_000_000
  let rule = CounterRule(
    ratedPowerMilliwatts: 10_000_000, quantumMilliwattHours: 1_000, modulusMilliwattHours: modulus)
  var counters = GuardedCounters(rule)
  var time = ReadingTime(monotonicNanoseconds: 0, wallNanoseconds: 1 << 60, wallIsSynchronised: true)
  var value: Int64 = 0
  var (lastImport, lastExport) = (counters.standing.importCounter, counters.standing.exportCounter)
  for _ in 0..<60 {
    let what = choices.byte()
    let amount = Int64(choices.byte())
    time.monotonicNanoseconds += UInt64(amount) << UInt64(20 + what % 20)
    time.wallNanoseconds = what & 64 == 0 ? time.wallNanoseconds + UInt64(amount) << 33 : time.wallNanoseconds / 2
    time.wallIsSynchronised = what & 128 == 0
    switch what % 5 {
    case 0: value = value > .max / 2 ? 0 : value + amount * 1_000
    case 1: value = amount << Int64(what / 5)
    case 2: value = what & 32 == 0 ? .max - amount : -amount
    default: break
    }
    _ = counters.accept(
      importEnergy: what % 7 == 3 ? nil : MilliwattHours(value),
      exportEnergy: what % 3 == 0 ? nil : MilliwattHours(amount),
      activePowerMilliwatts: what % 11 == 0 ? .min : amount * 1_000, at: time)
    let standing = counters.standing
    precondition(standing.importCounter.register >= lastImport.register || lastImport.base == nil)
    precondition(standing.exportCounter.register >= lastExport.register || lastExport.base == nil)
    (lastImport, lastExport) = (standing.importCounter, standing.exportCounter)
    fuzzStanding([UInt8](capacity: CountersStanding.encodedBytes) { out in standing.encode(into: &out) })
  }
}

private func request(_ choices: inout Choices) -> (request: ModbusRequest, framing: ModbusFraming, mode: UInt8)? {
  let mode = choices.byte()
  let unit = choices.byte()
  let high = choices.byte()
  let address = UInt16(high) << 8 | UInt16(choices.byte())
  let count = UInt16(choices.byte())
  let framing: ModbusFraming = mode & 4 == 0 ? .rtu : .tcp(transaction: 7)
  if mode & 8 != 0 {
    let values = (0..<count).map { $0 &* 257 }
    let request = try? ModbusRequest(
      unit: unit, function: mode & 2 == 0 ? .writeRegisters : .writeRegister, address: address, writing: values.span)
    return request.map { ($0, framing, mode) }
  }
  let function: ModbusRequest.Function = mode & 2 == 0 ? .inputRegisters : .holdingRegisters
  let request = try? ModbusRequest(unit: unit, function: function, address: address, count: count)
  return request.map { ($0, framing, mode) }
}

private func sealed(_ body: [UInt8]) -> [UInt8] {
  let checksum = ModbusChecksum(of: body.span).value
  return body + [UInt8(truncatingIfNeeded: checksum), UInt8(truncatingIfNeeded: checksum >> 8)]
}

/// By the first byte: the rest as received, or inside a good reply. What is needed always exceeds what is there, and
/// what is accepted has the length of the answer and, where there is one, a good checksum.
private func fuzzModbus(_ input: [UInt8]) {
  var choices = Choices(input)
  guard let (request, framing, mode) = request(&choices) else { return }
  var received = choices.rest()
  let head = framing == .rtu ? 0 : ModbusRequest.tcpHeaderByteCount
  if mode & 1 == 1 {
    let body: [UInt8]
    if request.function.isWrite {
      var encoded = [UInt8](capacity: ModbusRequest.maximumByteCount) { output in request.encode(.rtu, into: &output) }
      encoded.removeLast(encoded.count - 6)
      body = encoded
    } else {
      let registers = (0..<(2 * Int(request.count))).map { received.isEmpty ? 0 : received[$0 % received.count] }
      body = [request.unit, request.function.rawValue, UInt8(2 * request.count)] + registers
    }
    if framing == .rtu {
      received = sealed(body)
    } else {
      received = [0, 7, 0, 0, UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + body
    }
    for length in 0..<received.count {
      let part = received.span.extracting(0..<length)
      do throws(ModbusError) {
        guard case .incomplete(let needed) = try request.progress(of: part, framing) else {
          fatalError("a part of a good reply is complete at \(length) bytes")
        }
        require(needed > length, "a part of a good reply needs \(needed) bytes at \(length)")
      } catch {
        // It may begin with the very bytes of the request.
        let echo = [UInt8](capacity: ModbusRequest.maximumByteCount) { output in request.encode(framing, into: &output)
        }
        let isEcho = error == .echo && received.prefix(length).starts(with: echo)
        require(isEcho, "a part of a good reply is judged at \(length) bytes")
      }
    }
    let verdict = try? request.progress(of: received.span, framing)
    require(verdict == .complete(byteCount: received.count), "a good reply is refused")
    if request.function.isWrite { return }
    for index in 0..<Int(request.count) {
      let expected = UInt16(body[3 + 2 * index]) << 8 | UInt16(body[4 + 2 * index])
      require(request.register(index, of: received.span, framing) == expected, "a register is read wrongly")
    }
    return
  }
  do throws(ModbusError) {
    switch try request.progress(of: received.span, framing) {
    case .incomplete(let needed): require(needed > received.count && needed <= 260, "waits for \(needed) bytes")
    case .complete(let length):
      require(length == request.replyByteCount(framing) && length <= received.count, "another length is complete")
      let frame = Array(received.prefix(length))
      // The checksum of a frame with its own checksum behind it is 0.
      if framing == .rtu { require(ModbusChecksum(of: frame.span).value == 0, "a wrong checksum is complete") }
      require(
        frame[head] == request.unit && frame[head + 1] == request.function.rawValue, "somebody else's reply is complete"
      )
    }
  } catch {
    require(error != .invalidRequest, "a good request became invalid")
    if error == .echo { require(received.count >= 8, "an echo of less than a request") }
  }
}

/// Bytes that come in pieces are judged as the same bytes at once, and never more than the buffer holds is kept.
private func fuzzExchange(_ input: [UInt8]) {
  var choices = Choices(input)
  guard let (request, framing, mode) = request(&choices) else { return }
  let received = choices.rest()
  func completes(_ step: Int) -> Bool {
    var exchange = ModbusExchange(request, framing)
    var place = 0
    while place < received.count {
      exchange.append(received.span.extracting(place..<min(received.count, place + step)))
      place += step
      require(exchange.receivedByteCount <= ModbusExchange.capacity, "more than the buffer")
      do throws(ModbusError) {
        if try exchange.isComplete() { return true }
      } catch { return false }
    }
    return false
  }
  // Noise that ends an exchange may end it sooner in one piece; an answer is an answer however it comes.
  if received.count <= ModbusExchange.capacity, completes(1) {
    require(completes(received.count) && completes(1 + Int(mode)), "the pieces matter")
  }
}

/// A decoded value lies within the point's limits, or is 0 and not good.
private func fuzzPoint(_ input: [UInt8]) {
  var choices = Choices(input)
  let types = RegisterType.allCases
  let type = types[Int(choices.byte()) % types.count]
  let order = WordOrder.allCases[Int(choices.byte()) % 4]
  let flags = choices.byte()
  let significand = UInt32(choices.byte()) + 1
  let exponent = Int32(Int8(bitPattern: choices.byte())) % 10
  let point = MapPoint(
    quantity: .activePower, phase: 0, address: 0, type: type,
    factor: DecimalFactor(significand: significand, exponent: exponent),
    order: flags & 8 == 0 ? nil : WordOrder.allCases[Int(flags >> 6)],
    second: flags & 16 == 0 ? nil : flags & 32 == 0 || type.registerCount != 2 ? .minus(6) : .high(6),
    scaleAddress: flags & 1 == 0 || type.isFloat ? nil : 4, minimum: -1_000_000, maximum: 5_000_000,
    isInverted: flags & 2 != 0, sentinels: flags & 4 == 0 ? [] : [type.sunSpecSentinel, 0])
  let words = choices.rest()
  let decoded = point.decode(order: order) { address in
    let place = 2 * Int(address)
    return place + 1 < words.count ? UInt16(words[place]) << 8 | UInt16(words[place + 1]) : 0
  }
  require(decoded.value >= point.minimum && decoded.value <= point.maximum, "\(decoded.value) is out of range")
  require(decoded.quality == .good || decoded.value == 0, "a value that is not good is there")
}

/// A chain ends after a bounded number of reads, with models that follow each other.
private func fuzzChain(_ input: [UInt8]) {
  var choices = Choices(input)
  var discovery = SunSpecDiscovery(bases: [40000, 0, 50000])
  var step = discovery.first
  var reads = 0
  // Where the next model has to begin; nil while "SunS" is looked for.
  var following: UInt32?
  // A model without registers is stepped over.
  var models: [FoundModel] = []
  do throws(SunSpecError) {
    while case .read(let address, let count) = step {
      reads += 1
      require(count == 2 && reads <= SunSpecDiscovery.maximumModels + 5, "\(reads) reads")
      require(UInt32(address) + 2 <= 0x1_0000, "a read beyond the last register")
      require(following == nil || following == UInt32(address), "models that do not follow each other")
      let kind = choices.byte()
      if kind == 0xEE {
        step = try discovery.refused()
      } else {
        let high = UInt16(kind) << 8 | UInt16(choices.byte())
        let low = UInt16(choices.byte()) << 8 | UInt16(choices.byte())
        step = try discovery.received(high, low)
        if following != nil {
          following = UInt32(address) + 2 + UInt32(low)
          if low > 0, step != .finished { models.append(FoundModel(identifier: high, address: address, length: low)) }
        } else if high == 0x5375, low == 0x6E53, address <= 0xFFFF - 4 {
          following = UInt32(address) + 2
        }
      }
    }
  } catch { return }
  require(discovery.models == models, "other models than were read")
}

/// Records written down again are read as the same records.
private func fuzzCapture(_ input: [UInt8]) {
  guard let capture = try? CaptureRecord.all(of: input.span) else { return }
  let kept = capture.records.reduce(CaptureRecord.headerByteCount) { $0 + 22 + $1.bytes.count }
  require(kept <= input.count, "more records than bytes")
  guard var port = try? ReplayPort(file: input.span) else { fatalError("a capture does not replay") }
  var buffer = ByteBuffer(capacity: 64)
  for _ in 0..<(capture.records.count + 2) {
    buffer.replace { output in
      try? port.read(into: &output, deadline: MonotonicTime(nanoseconds: .max))
    }
    try? port.discardInput()
  }
}

/// The scaled value agrees with 80-bit arithmetic, where the product is exact.
private func fuzzRegister(_ input: [UInt8]) {
  #if arch(x86_64)
    var choices = Choices(input)
    var bits: UInt32 = 0
    for _ in 0..<4 { bits = bits >> 8 | UInt32(choices.byte()) << 24 }
    var factor: Int64 = 0
    for _ in 0..<5 { factor = factor << 8 | Int64(choices.byte()) }
    factor = factor % (1 << 39) + 1
    let exact = Float80(Float(bitPattern: bits)) * Float80(factor)
    let expected: Int64? =
      exact.isFinite && exact.magnitude < 0x1p63 ? Int64(exact.rounded(.toNearestOrEven)) : nil
    require((try? Float32Register(bits: bits).scaled(by: factor)) == expected, "\(bits) times \(factor)")
  #endif
}
