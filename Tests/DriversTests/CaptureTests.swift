import Configuration
import Drivers
import HAL
import Metering
import SimulatedWorld
import Testing
import Wire

/// A capture in memory, shared with the test that looks at it.
final class MemoryFile {
  var bytes: [UInt8] = []
}

struct MemorySink: ~Copyable, ByteSink {
  let file: MemoryFile
  mutating func append(_ bytes: Span<UInt8>) throws(PlatformError) {
    for index in 0..<bytes.count { file.bytes.append(bytes[index]) }
  }
}

@Suite("Captures and their replay (docs/PROTOCOL.md, CaptureRecord)")
struct CaptureTests {
  /// Reads `rounds` times and gives what came of each: samples, or the error's name.
  static func read<P: Port & ~Copyable, C: HAL.Clock>(
    _ port: consuming P, _ clock: C, _ map: DeviceMap, unit: UInt8, rounds: Int, isTCP: Bool = false
  ) throws -> [[String]] {
    var settings = LinkSettings(transport: isTCP ? .tcp : .rtu, gapMilliseconds: map.gapMilliseconds)
    settings.attempts = 2
    var device = try MappedDevice(port: port, clock: clock, map: map, unit: unit, settings: settings)
    if map.layout == .sunSpec { try device.find() }
    var result: [[String]] = []
    for _ in 0..<rounds {
      var samples: [String] = []
      do throws(DriverError) { try device.readSamples { sample in samples.append("\(sample)") } } catch {
        samples.append(error.name)
      }
      result.append(samples)
      device.link.wait(until: clock.monotonic().adding(milliseconds: 1_000))
    }
    return result
  }

  static func line(_ fault: SimulatedFault, _ framing: FarEnd.Framing = .rtu) -> SimulatedLine {
    let faults = FaultSchedule(fault, first: 3, every: 4)
    let line = SimulatedLine(
      SimulatedBus(
        framing,
        slaves: [
          SimulatedSlave(.house(EastronSlave(unit: 1), SimulatedHouse(seed: 9)), faults: faults),
          SimulatedSlave(.inverter(SunSpecSlave(unit: 126, inverter: SimulatedInverter())), faults: faults),
        ]))
    line.clockFactor = 600
    return line
  }

  static func capture(
    _ line: SimulatedLine, _ name: String, unit: UInt8, isTCP: Bool = false
  ) throws -> (file: [UInt8], samples: [[String]]) {
    let file = MemoryFile()
    let port = try TappedPort(SimulatedPort(line), clock: line.clock, sink: MemorySink(file: file), isTCP: isTCP)
    let clock = port.clock
    let samples = try read(port, clock, map(name), unit: unit, rounds: 8, isTCP: isTCP)
    return (file.bytes, samples)
  }

  @Test(
    "a replay gives bit for bit the same samples and the same failures, whatever the device did wrong",
    arguments: [
      .none, .silence, .badChecksum, .wrongUnit, .exception(4), .truncated, .echo, .reset, .reboot(milliseconds: 2_000),
    ] as [SimulatedFault])
  func replay(fault: SimulatedFault) throws {
    let (file, samples) = try Self.capture(Self.line(fault), "eastron-sdm630", unit: 1)
    let port = try ReplayPort(file: file.span)
    let clock = port.clock
    #expect(try Self.read(port, clock, map("eastron-sdm630"), unit: 1, rounds: 8) == samples)
    #expect(samples.flatMap { $0 }.count > 8)
  }

  @Test("so it does over Modbus/TCP, and with the models of an inverter")
  func replayTCP() throws {
    let (file, samples) = try Self.capture(Self.line(.none, .tcp), "sunspec", unit: 126, isTCP: true)
    let port = try ReplayPort(file: file.span)
    let (clock, isTCP) = (port.clock, port.isTCP)
    #expect(isTCP)
    #expect(try Self.read(port, clock, map("sunspec"), unit: 126, rounds: 8, isTCP: true) == samples)
    #expect(samples.allSatisfy { $0.count == 13 })
  }

  @Test("another request than the captured one is corrupted, the end of the capture is a lost port")
  func ends() throws {
    let (file, _) = try Self.capture(Self.line(.none), "eastron-sdm630", unit: 1)
    let other = try ReplayPort(file: file.span)
    let otherClock = other.clock
    #expect(try Self.read(other, otherClock, map("eastron-sdm630"), unit: 2, rounds: 1) == [["corrupted"]])
    let port = try ReplayPort(file: file.span)
    let clock = port.clock
    #expect(try Self.read(port, clock, map("eastron-sdm630"), unit: 1, rounds: 9).last == ["busGone"])
  }

  static func records(_ bytes: [UInt8]) -> [CaptureRecord]? { try? CaptureRecord.all(of: bytes.span).records }

  @Test("a prefix is a shorter capture or none, and no flipped bit goes unseen")
  func damage() throws {
    let line = Self.line(.none)
    let file = MemoryFile()
    var port = try TappedPort(SimulatedPort(line), clock: line.clock, sink: MemorySink(file: file))
    let request: [UInt8] = [1, 4, 0, 0x48, 0, 4, 0x70, 0x1F]
    try port.write(request.span, deadline: line.clock.monotonic())
    try port.discardInput()
    let whole = try #require(Self.records(file.bytes))
    #expect(whole.map(\.kind) == [.sent, .discarded] && whole[0].bytes == request)
    for length in 0..<file.bytes.count {
      let records = Self.records(Array(file.bytes.prefix(length)))
      #expect(records.map { $0.count } ?? 0 < whole.count)
      #expect((records != nil) == (length >= CaptureRecord.headerByteCount))
    }
    for bit in 0..<(8 * file.bytes.count) where bit != 8 * 15 {
      var flipped = file.bytes
      flipped[bit / 8] ^= 1 << (bit % 8)
      #expect(Self.records(flipped) != whole, "bit \(bit)")
    }
  }

  @Test("the file's bytes are those of the table")
  func golden() throws {
    let file = MemoryFile()
    let script = BusScript { _, _ in nil }
    let time = VirtualTime()
    var port = try TappedPort(MemoryPort(script, time), clock: time, sink: MemorySink(file: file), isTCP: true)
    let bytes: [UInt8] = [0xAB]
    try port.write(bytes.span, deadline: time.monotonic())
    #expect(
      Hexadecimal.string(file.bytes.span)
        == "4255534241522f43415054555245" + "01" + "01" + "01" + "00" + "0100" + "00ca9a3b00000000" + "00cac471fe9c9717"
        + "ab" + "3b74")
  }
}
