import CLinux
import Configuration
import Drivers
import Foundation
import HAL
import LinuxPlatform
import Metering
import SimulatedWorld
import Testing
import Units
import Wire

private struct BoardClock: HAL.Clock {
  func monotonic() -> MonotonicTime { monotonicNow() }
  func wall() -> WallTime { WallTime(nanoseconds: busbar_serial_wall_ns()) }
  func state() -> ClockState { .unsynchronised }
}

@Suite("Serial ports over real pseudoterminals")
struct SerialPortTests {
  @Test("the driver reads the slave's counters through the kernel's tty layer")
  func endToEnd() throws {
    let terminal = try Pseudoterminal()
    let descriptor = terminal.descriptor
    let house = SimulatedHouse(seed: 5)
    // The bus side answers one request from another thread while the driver waits.
    let slave = Thread {
      var request: [UInt8] = []
      var byte: UInt8 = 0
      while request.count < 8 {
        let deadline = busbar_monotonic_ns() + 2_000_000_000
        if busbar_serial_wait(descriptor, 0, deadline) != 1 { return }
        if busbar_serial_read(descriptor, &byte, 1) == 1 { request.append(byte) }
      }
      var reply = ByteBuffer(capacity: EastronSlave.maximumReplyBytes)
      reply.replace { output in _ = EastronSlave().answer(request.span, house: house, into: &output) }
      _ = busbar_serial_write(descriptor, reply.mutableBytes.baseAddress, reply.count)
    }
    slave.start()
    let port = try SerialPort(path: terminal.slavePath, baud: 9_600, parity: .none)
    let (pseudo, differs) = (port.isPseudoterminal, port.modeDiffers)
    #expect(pseudo && !differs)
    var settings = LinkSettings()
    settings.timeoutMilliseconds = 2_000
    var meter = try MappedDevice(
      port: port, clock: BoardClock(), map: map("eastron-sdm630"), unit: 1, settings: settings)
    let reading = try meter.readEnergy()
    #expect(abs((reading.importEnergy?.value ?? 0) - house.importWattHours * 1_000) <= 500)
    _ = consume terminal
  }

  @Test("all 256 byte values pass both ways")
  func rawBytes() throws {
    var terminal = try Pseudoterminal()
    var port = try SerialPort(path: terminal.slavePath, baud: 115_200, parity: .none)
    var bytes = ByteBuffer(capacity: 256)
    bytes.replace { output in for value in 0...255 { output.append(UInt8(value)) } }
    try port.write(bytes.span, deadline: monotonicNow().adding(milliseconds: 1_000))
    var received = ByteBuffer(capacity: 256)
    while received.count < 256 {
      let before = received.count
      var failed = false
      received.append { output in do { try terminal.read(into: &output) } catch { failed = true } }
      if failed || received.count == before { break }
    }
    #expect((0..<received.count).map { received.span[$0] } == Array(0...255))
    try terminal.write(bytes.span)
    received.removeAll()
    while received.count < 256 {
      var failed = false
      let deadline = monotonicNow().adding(milliseconds: 1_000)
      received.append { output in do { try port.read(into: &output, deadline: deadline) } catch { failed = true } }
      if failed { break }
    }
    #expect((0..<received.count).map { received.span[$0] } == Array(0...255))
  }

  static func readError(_ port: inout SerialPort, milliseconds: UInt64) -> PlatformError? {
    var buffer = ByteBuffer(capacity: 8)
    var failure: PlatformError?
    let deadline = monotonicNow().adding(milliseconds: milliseconds)
    buffer.append { output in
      do throws(PlatformError) { try port.read(into: &output, deadline: deadline) } catch { failure = error }
    }
    return failure
  }

  @Test("silence times out at the deadline, and a far end that closed is disconnected")
  func failures() throws {
    let terminal = try Pseudoterminal()
    var port = try SerialPort(path: terminal.slavePath, baud: 9_600, parity: .none)
    let start = monotonicNow()
    let silence = Self.readError(&port, milliseconds: 50)
    #expect(silence?.kind == .timedOut)
    let waited = monotonicNow().milliseconds(since: start)
    #expect(waited >= 50 && waited < 1_000)
    _ = consume terminal
    let gone = Self.readError(&port, milliseconds: 1_000)
    #expect(gone?.kind == .disconnected)
  }

  static func openError(_ path: String, baud: UInt32 = 9_600) -> PlatformError.Kind? {
    do {
      _ = try SerialPort(path: path, baud: baud, parity: .none)
      return nil
    } catch { return error.kind }
  }

  @Test("a port has one owner, and is free again when it is gone")
  func exclusive() throws {
    let terminal = try Pseudoterminal()
    let port = try SerialPort(path: terminal.slavePath, baud: 9_600, parity: .none)
    #expect(Self.openError(terminal.slavePath) == .busy)
    _ = consume port
    #expect(Self.openError(terminal.slavePath) == nil)
    _ = consume terminal
  }

  @Test("parity that a pseudoterminal does not take is a warning; odd bauds and plain files are refused")
  func modes() throws {
    let terminal = try Pseudoterminal()
    let even = try SerialPort(path: terminal.slavePath, baud: 9_600, parity: .even)
    let differs = even.modeDiffers
    #expect(differs)
    _ = consume even
    #expect(Self.openError(terminal.slavePath, baud: 9_601) == .invalid)
    #expect(Self.openError("/dev/null") == .invalid)
    #expect(Self.openError("/dev/no-such-port") == .notFound)
    _ = consume terminal
  }
}

@Suite("hwmon over a fake tree (Documentation/hwmon/sysfs-interface)")
final class SysfsMeterTests {
  let root: String

  deinit { try? FileManager.default.removeItem(atPath: root) }

  init() throws {
    root = NSTemporaryDirectory() + "hwmon-" + UUID().uuidString
    try put("hwmon0/name", "cpu_thermal\n")
    try put("hwmon3/name", "ina226\n")
    try put("hwmon3/power1_label", "other\n")
    try put("hwmon3/power2_label", "mains\n")
    try put("hwmon3/power1_input", "1\n")
    try put("hwmon3/power2_input", "1234500\n")
    try put("hwmon3/energy2_input", "3600000000000\n")
  }

  func put(_ path: String, _ text: String) throws {
    let file = URL(fileURLWithPath: root + "/class/hwmon/" + path)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  @Test("power is in mW and energy in mWh, of the device of that name and the channel of that label")
  func reads() throws {
    var meter = SysfsMeter(tree: SysfsTree(root: root), clock: BoardClock(), name: "ina226", label: "mains")
    // 1 234 500 µW is a tie between 1234 and 1235 mW.
    #expect(try meter.readPower().value == 1_234)
    let reading = try meter.readEnergy()
    #expect(reading.importEnergy == MilliwattHours(1_000_000) && reading.exportEnergy == nil)
  }

  @Test("a device that comes back under another number is found again")
  func renumbered() throws {
    var meter = SysfsMeter(tree: SysfsTree(root: root), clock: BoardClock(), name: "ina226")
    #expect(try meter.readPower().value == 0)
    try FileManager.default.moveItem(atPath: root + "/class/hwmon/hwmon3", toPath: root + "/class/hwmon/hwmon7")
    let lost = { (meter: inout SysfsMeter<SysfsTree, BoardClock>) -> DriverError? in
      do throws(DriverError) { _ = try meter.readPower() } catch { return error }
      return nil
    }(&meter)
    #expect(lost == .platform(PlatformError(.notFound, code: 2)))
    #expect(try meter.readPower().value == 0)
  }

  @Test("a counter wraps at its modulus and only there")
  func wraps() throws {
    var meter = SysfsMeter(
      tree: SysfsTree(root: root), clock: BoardClock(), name: "ina226", label: "mains", wrapMicrojoules: 7_200_000_000)
    try put("hwmon3/energy2_input", "7196400000\n")
    #expect(try meter.readEnergy().importEnergy == MilliwattHours(1_999))
    try put("hwmon3/energy2_input", "3600000\n")
    #expect(try meter.readEnergy().importEnergy == MilliwattHours(2_001))
    try put("hwmon3/energy2_input", "0\n")
    #expect(try meter.readEnergy().importEnergy == MilliwattHours(2_000))
  }

  @Test("text that is no integer is refused", arguments: ["", "\n", "12a\n", "-\n", "9223372036854775808\n", " 1\n"])
  func malformed(text: String) throws {
    try put("hwmon3/power2_input", text)
    var meter = SysfsMeter(tree: SysfsTree(root: root), clock: BoardClock(), name: "ina226", label: "mains")
    let failure = { (meter: inout SysfsMeter<SysfsTree, BoardClock>) -> DriverError? in
      do throws(DriverError) { _ = try meter.readPower() } catch { return error }
      return nil
    }(&meter)
    #expect(failure == .malformedAttribute)
  }
}

/// A bench on a thread of its own: serves pseudoterminals behind one link until it is told to stop.
private final class PluggedBench: @unchecked Sendable {
  let link: String
  private let lock = NSLock()
  private var house = SimulatedHouse(seed: 11)
  private var isRunning = true
  private var unplugs = 0
  private let cycles: Int
  private let done = DispatchSemaphore(value: 0)

  init(cycles: Int) {
    self.cycles = cycles
    link = NSTemporaryDirectory() + "bench-" + UUID().uuidString
    Thread { self.run() }.start()
  }

  var finished: Bool { lock.withLock { unplugs >= cycles } }
  var truth: Int64 { lock.withLock { house.importWattHours } }
  func stop() {
    lock.withLock { isRunning = false }
    done.wait()
    try? FileManager.default.removeItem(atPath: link)
  }

  /// Each cycle serves a few requests, then the plug is pulled, at times in the middle of an answer.
  private func run() {
    var bus = SimulatedBus(slaves: [SimulatedSlave(.house(EastronSlave(unit: 1), house))])
    var seconds: Int64 = 0
    for cycle in 0..<cycles where lock.withLock({ isRunning }) {
      guard var terminal = try? Pseudoterminal() else { break }
      _ = busbar_pty_link(terminal.slavePath, link)
      var buffer = ByteBuffer(capacity: 512)
      let end = busbar_monotonic_ns() + 30_000_000
      while busbar_monotonic_ns() < end {
        guard busbar_serial_wait(terminal.descriptor, 0, busbar_monotonic_ns() + 5_000_000) == 1 else { continue }
        buffer.removeAll()
        buffer.append { output in try? terminal.read(into: &output) }
        seconds += 60
        for answer in bus.receive([UInt8](copying: buffer.span), at: 0) {
          bus.slaves[0].advance(to: seconds)
          let cut = cycle % 3 == 2 ? answer.bytes.count / 2 : answer.bytes.count
          let bytes = Array(answer.bytes.prefix(cut))
          _ = try? terminal.write(bytes.span)
        }
        if case .house(_, let now) = bus.slaves[0].device { lock.withLock { house = now } }
      }
      bus.hangUp()
      lock.withLock { unplugs += 1 }
      _ = consume terminal
    }
    done.signal()
  }
}

@Suite("Unplugging (docs/HARDWARE.md, Many devices)", .serialized)
struct ReplugTests {
  @Test("100 unplug and replug cycles lose no process and make no bad step of the counter")
  func cycles() throws {
    let bench = PluggedBench(cycles: 100)
    defer { bench.stop() }
    let map = try map("eastron-sdm630")
    // The house lives 60 s a request.
    var counters = GuardedCounters(
      CounterRule(ratedPowerMilliwatts: 60 * 60 * 69_000_000, quantumMilliwattHours: 2_000))
    var settings = LinkSettings(gapMilliseconds: 1)
    settings.timeoutMilliseconds = 20
    settings.attempts = 1
    var last: Int64 = 0
    var (readings, failures) = (0, 0)
    while !bench.finished {
      do {
        let port = try SerialPort(path: bench.link, baud: 9_600, parity: .none)
        var meter = try MappedDevice(port: port, clock: BoardClock(), map: map, unit: 1, settings: settings)
        while !bench.finished {
          guard let accepted = counters.accept(try meter.readEnergy()) else { continue }
          #expect(accepted.importEnergy.value >= last)
          #expect(abs(accepted.importEnergy.value - bench.truth * 1_000) <= 10_000_000)
          last = accepted.importEnergy.value
          readings += 1
        }
      } catch {
        failures += 1
        busbar_serial_sleep_until(busbar_monotonic_ns() + 1_000_000)
      }
    }
    #expect(readings > 100 && failures >= 50, "\(readings) readings, \(failures) failures")
    #expect(counters.rebases == 0)
    print("replug: 100 cycles, \(readings) readings, \(failures) failures, 0 bad steps")
  }
}

@Suite("Modbus over TCP sockets", .serialized)
struct TCPPortTests {
  /// Answers everything that comes over one connection.
  static func serve(_ listener: borrowing TCPListener, _ framing: FarEnd.Framing, requests: Int) {
    let deadline = busbar_monotonic_ns() + 5_000_000_000
    guard busbar_serial_wait(listener.descriptor, 0, deadline) == 1, let connection = listener.accept() else { return }
    var bus = SimulatedBus(
      framing, slaves: [SimulatedSlave(.house(EastronSlave(unit: 1), SimulatedHouse(seed: 4)))])
    var answered = 0
    var bytes = [UInt8](repeating: 0, count: 256)
    while answered < requests, busbar_serial_wait(connection, 0, deadline) == 1 {
      let got = busbar_serial_read(connection, &bytes, 256)
      if got <= 0 { break }
      for answer in bus.receive(bytes.prefix(Int(got)), at: 0) {
        // In two pieces, as a network may.
        _ = busbar_serial_write(connection, answer.bytes, 5)
        let rest = Array(answer.bytes.dropFirst(5))
        _ = busbar_serial_write(connection, rest, rest.count)
        answered += 1
      }
    }
    busbar_close(connection)
  }

  @Test("a meter is read over Modbus/TCP and over RTU-over-TCP", arguments: [FarEnd.Framing.tcp, .rtu])
  func reads(framing: FarEnd.Framing) throws {
    let listener = try TCPListener(Endpoint(ipv4: 127, 0, 0, 1, port: 0))
    let port = listener.port
    let reader = Thread {
      guard
        let socket = try? TCPPort(
          connectingTo: Endpoint(ipv4: 127, 0, 0, 1, port: port),
          deadline: monotonicNow().adding(milliseconds: 2_000)),
        let map = try? BuiltInDevices.map(named: "eastron-sdm630"),
        var meter = try? MappedDevice(
          port: socket, clock: BoardClock(), map: map, unit: 1,
          settings: LinkSettings(transport: framing == .tcp ? .tcp : .rtu, gapMilliseconds: 0))
      else { return }
      for _ in 0..<3 {
        let reading = try? meter.readEnergy()
        Self.box.withLock { $0.append(reading?.importEnergy?.value ?? -1) }
      }
    }
    _ = reader
    Self.box.withLock { $0 = [] }
    reader.start()
    Self.serve(listener, framing, requests: 3)
    while !reader.isFinished { usleep(1000) }
    let truth = SimulatedHouse(seed: 4).importWattHours * 1_000
    let values = Self.box.withLock { $0 }
    #expect(values.count == 3 && values.allSatisfy { abs($0 - truth) <= 500 })
  }

  static let box = Box()

  /// Serves so many connections, one after the other, each until it answered `requests`; what it is asked beyond that stays unanswered.
  static func serveInTurn(_ listener: borrowing TCPListener, connections: Int, requests: Int) {
    for _ in 0..<connections { serve(listener, .tcp, requests: requests) }
  }

  /// Of readings through one connection that outlives its peer: 1 for each that gave registers, -1 for one that failed; and how often it
  /// was connected.
  static func readThroughHangUps(
    _ readings: Int, connections: Int, requests: Int, delayMilliseconds: UInt64 = 0
  ) throws -> (values: [Int64], connects: Int64) {
    let listener = try TCPListener(Endpoint(ipv4: 127, 0, 0, 1, port: 0))
    let port = listener.port
    box.withLock { $0 = [] }
    let reader = Thread {
      guard
        let connection = try? TCPConnection(
          to: Endpoint(ipv4: 127, 0, 0, 1, port: port), connectMilliseconds: 500, delayMilliseconds: delayMilliseconds)
      else { return }
      var settings = LinkSettings(transport: .tcp, gapMilliseconds: 0)
      settings.connectDelayMilliseconds = delayMilliseconds
      settings.timeoutMilliseconds = 300
      settings.attempts = 1
      guard var link = try? ModbusLink(port: TCPPort(connection), clock: BoardClock(), settings: settings) else {
        return
      }
      for _ in 0..<readings {
        // Sometimes the peer's farewell is there before the next request, and sometimes behind it.
        if delayMilliseconds > 0 { usleep(20_000) }
        let isRead = (try? link.read(unit: 1, .inputRegisters, 0x48, count: 4)) != nil && link.register(0) != 0
        Self.box.withLock { $0.append(isRead ? 1 : -1) }
      }
      Self.box.withLock { $0.append(Int64(connection.connects)) }
    }
    reader.start()
    serveInTurn(listener, connections: connections, requests: requests)
    while !reader.isFinished { usleep(1000) }
    let told = box.withLock { $0 }
    return (Array(told.dropLast()), told.last ?? 0)
  }

  @Test("a peer that closes after each answer is read, and is asked each request once more at most")
  func hangsUp() throws {
    let (values, connects) = try Self.readThroughHangUps(5, connections: 5, requests: 1)
    #expect(values == [1, 1, 1, 1, 1])
    #expect(connects == 5)
  }

  @Test("a peer that closes before it answers is tried once more, and then given up")
  func neverAnswers() throws {
    let (values, connects) = try Self.readThroughHangUps(1, connections: 2, requests: 0)
    #expect(values == [-1] && connects == 2)
  }

  @Test("each connecting is followed by the silence that was asked for, which costs no answer its time")
  func delay() throws {
    let start = busbar_monotonic_ns()
    let (values, connects) = try Self.readThroughHangUps(3, connections: 3, requests: 1, delayMilliseconds: 400)
    #expect(values == [1, 1, 1] && connects == 3)
    #expect(busbar_monotonic_ns() - start >= 1_200_000_000)
  }

  @Test("nobody listening is disconnected, and nobody answering times out")
  func failures() throws {
    let listener = try TCPListener(Endpoint(ipv4: 127, 0, 0, 1, port: 0))
    let free = Endpoint(ipv4: 127, 0, 0, 1, port: listener.port)
    _ = consume listener
    var kind: PlatformError.Kind?
    do throws(PlatformError) {
      _ = try TCPPort(connectingTo: free, deadline: monotonicNow().adding(milliseconds: 500))
    } catch { kind = error.kind }
    #expect(kind == .disconnected)
  }
}

final class Box: @unchecked Sendable {
  private let lock = NSLock()
  private var values: [Int64] = []
  func withLock<R>(_ body: (inout [Int64]) -> R) -> R { lock.withLock { body(&values) } }
}
