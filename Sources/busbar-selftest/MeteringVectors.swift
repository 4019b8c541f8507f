import Metering
import Units
import Wire

/// Modbus frames, binary32 registers and the counter guard: the same bytes and integers on every target.
func checkMetering(_ report: inout Report) {
  let check: [UInt8] = [0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39]
  report.check(ModbusChecksum(of: check.span).value == 0x4B37, "metering: CRC-16/MODBUS of 123456789")
  checkModbus(&report)
  checkRegisters(&report)
  // Computed with exact fractions.
  let scaled: [(bits: UInt32, factor: Int64, value: Int64)] = [
    (0x43663333, 1000000, 230_199_997),
    (0x4B7FFFFF, 1000000, 16_777_215_000_000),
    (0xC49A5000, 1000, -1_234_500),
    (0x00000001, 549755813888, 0),
    (0x3F000000, 1, 0),
    (0x40200000, 1, 2),
    (0x4F000000, 1000000, 2_147_483_648_000_000),
  ]
  for index in scaled.indices {
    let row = scaled[index]
    let value = try? Float32Register(bits: row.bits).scaled(by: row.factor)
    report.check(value == row.value, "metering: a register comes out exactly")
  }
  report.check((try? Float32Register(bits: 0x7F80_0000).scaled(by: 1)) == nil, "metering: infinity is refused")
}

/// Integers of 16 to 64 bits under exact decimal factors: Int is 32 bits wide on two of the targets.
private func checkRegisters(_ report: inout Report) {
  let words: [UInt16] = [0xCFC7, 0xFFFF, 0x0001, 0x8000]
  func value(_ type: RegisterType, _ order: WordOrder, _ factor: String, _ exponent: Int32) -> Int64? {
    let bits = RegisterBits(type: type, order: order) { words[Int($0)] }
    guard let factor = DecimalFactor(factor) else { return nil }
    return try? bits.scaled(by: factor, exponent: exponent)
  }
  report.check(value(.int32, .cdab, "0.1", 3) == -1_234_500, "metering: a recorded int32, low word first")
  report.check(value(.uint64, .abcd, "0.001", 0) == 14_972_216_956_898_345, "metering: a number of 64 bits")
  report.check(value(.uint64, .abcd, "1", 0) == nil, "metering: more than 63 bits are refused")
  let plan = try? LimitPlan(limitMilliwatts: 2_524_000_000, baseMilliwatts: 5_000_000_000, scale: -2)
  report.check(plan?.percent == 5_048, "metering: a limit's percentage")
}

private func checkModbus(_ report: inout Report) {
  do throws(ModbusError) {
    let request = try ModbusRequest(unit: 1, function: .inputRegisters, address: 72, count: 2)
    let encoded = [UInt8](capacity: ModbusRequest.maximumByteCount) { output in request.encode(.rtu, into: &output) }
    report.check(Hexadecimal.string(encoded.span) == "010400480002f1dd", "metering: request bytes")
    let reply = Hexadecimal.bytes("010404436633335afa") ?? []
    report.check(try request.progress(of: reply.span, .rtu) == .complete(byteCount: 9), "metering: a reply is complete")
    report.check(
      request.register(0, of: reply.span, .rtu) == 0x4366 && request.register(1, of: reply.span, .rtu) == 0x3333,
      "metering: its registers")
    var flipped = reply
    flipped[4] ^= 1
    report.check((try? request.progress(of: flipped.span, .rtu)) == nil, "metering: a flipped bit is refused")
  } catch {
    report.check(false, "metering: an honest reply is not refused")
  }
}
