import Metering
import Wire

func meteringTargets() -> [FuzzTarget] {
  [
    FuzzTarget(
      "modbus-reply", maximumBytes: 300,
      seeds: [
        [0, 1, 0, 72, 2, 1, 4, 4, 0, 1, 2, 3, 0, 0], [1, 1, 0, 72, 2, 9, 9, 9, 9], [0, 1, 0, 72, 2, 1, 0x84, 2],
      ],
      run: fuzzModbus),
    FuzzTarget("register", maximumBytes: 12, seeds: [[0, 0, 128, 63, 64, 66, 15]], run: fuzzRegister),
  ]
}

/// By the first byte: the rest as received, or inside a good reply. What is needed always exceeds what is there, and
/// what is accepted has a good checksum.
private func fuzzModbus(_ input: [UInt8]) {
  var choices = Choices(input)
  let mode = choices.byte()
  let unit = choices.byte()
  let high = choices.byte()
  let address = UInt16(high) << 8 | UInt16(choices.byte())
  let count = UInt16(choices.byte())
  let function: ModbusReadRequest.Function = mode & 2 == 0 ? .inputRegisters : .holdingRegisters
  guard let request = try? ModbusReadRequest(unit: unit, function: function, address: address, count: count) else {
    return
  }
  var received = choices.rest()
  if mode & 1 == 1 {
    let registers = (0..<(2 * Int(count))).map { received.isEmpty ? 0 : received[$0 % received.count] }
    received = [unit, function.rawValue, UInt8(2 * count)] + registers
    let checksum = ModbusChecksum(of: received.span).value
    received += [UInt8(truncatingIfNeeded: checksum), UInt8(truncatingIfNeeded: checksum >> 8)]
    for length in 0..<received.count {
      let part = Array(received.prefix(length))
      guard case .incomplete(let needed)? = try? request.progress(of: part.span) else {
        fatalError("a part of a good reply is judged at \(length) bytes")
      }
      require(needed > length && needed <= received.count, "a part of a good reply needs \(needed) bytes at \(length)")
    }
    let verdict = try? request.progress(of: received.span)
    require(verdict == .complete(byteCount: received.count), "a good reply is refused")
    for index in 0..<Int(count) {
      let expected = UInt16(registers[2 * index]) << 8 | UInt16(registers[2 * index + 1])
      require(request.register(index, of: received.span) == expected, "a register is read wrongly")
    }
    return
  }
  do throws(ModbusError) {
    switch try request.progress(of: received.span) {
    case .incomplete(let needed): require(needed > received.count && needed <= 260, "waits for \(needed) bytes")
    case .complete(let length):
      require(length == request.replyByteCount && length <= received.count, "a reply of another length is complete")
      let frame = Array(received.prefix(length))
      // The checksum of a frame with its own checksum behind it is 0.
      require(ModbusChecksum(of: frame.span).value == 0, "a reply with a wrong checksum is complete")
      require(frame[0] == unit && frame[1] == function.rawValue, "somebody else's reply is complete")
    }
  } catch {
    require(error != .invalidRequest, "a good request became invalid")
    if error == .echo { require(received.count >= 8, "an echo of less than a request") }
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
