import Metering
import Wire

/// Modbus frames, binary32 registers and the counter guard: the same bytes and integers on every target.
func checkMetering(_ report: inout Report) {
  let check: [UInt8] = [0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39]
  report.check(ModbusChecksum(of: check.span).value == 0x4B37, "metering: CRC-16/MODBUS of 123456789")
  checkModbus(&report)
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

private func checkModbus(_ report: inout Report) {
  do throws(ModbusError) {
    let request = try ModbusReadRequest(unit: 1, function: .inputRegisters, address: 72, count: 2)
    let encoded = request.encoded
    report.check(Hexadecimal.string(encoded.span) == "010400480002f1dd", "metering: request bytes")
    let reply = Hexadecimal.bytes("010404436633335afa") ?? []
    report.check(try request.progress(of: reply.span) == .complete(byteCount: 9), "metering: a reply is complete")
    report.check(
      request.register(0, of: reply.span) == 0x4366 && request.register(1, of: reply.span) == 0x3333,
      "metering: its registers")
    var flipped = reply
    flipped[4] ^= 1
    report.check((try? request.progress(of: flipped.span)) == nil, "metering: a flipped bit is refused")
  } catch {
    report.check(false, "metering: an honest reply is not refused")
  }
}
