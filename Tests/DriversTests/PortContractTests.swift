import CLinux
import Drivers
import Foundation
import HAL
import LinuxPlatform
import SimulatedWorld
import Testing
import Wire

/// A house at the far end of a descriptor, on a thread of its own, until it is told to stop.
private final class FarHouse: @unchecked Sendable {
  private let lock = NSLock()
  private var isRunning = true
  private let stopped = DispatchSemaphore(value: 0)

  init(_ descriptor: Int32) {
    Thread { [self] in
      var bus = SimulatedBus(slaves: [SimulatedSlave(.house(EastronSlave(unit: 1), SimulatedHouse(seed: 6)))])
      var bytes = [UInt8](repeating: 0, count: 256)
      while lock.withLock({ isRunning }) {
        guard busbar_serial_wait(descriptor, 0, busbar_monotonic_ns() + 20_000_000) == 1 else { continue }
        let got = busbar_serial_read(descriptor, &bytes, 256)
        if got <= 0 { continue }
        for answer in bus.receive(bytes.prefix(Int(got)), at: 0) {
          _ = busbar_serial_write(descriptor, answer.bytes, answer.bytes.count)
        }
      }
      stopped.signal()
    }.start()
  }

  func stop() {
    lock.withLock { isRunning = false }
    stopped.wait()
  }
}

/// What every port keeps to, whoever implements it. (HAL, Port)
@Suite("The contract of a port", .serialized)
struct PortContractTests {
  static let request: [UInt8] = [1, 4, 0, 0x48, 0, 4, 0x71, 0xDF]
  static let replyByteCount = 13

  struct Attempt: Equatable {
    var bytes: [UInt8] = []
    var failure: PlatformError.Kind?
  }

  static func read<P: HAL.Port & ~Copyable>(_ port: inout P, capacity: Int, until deadline: MonotonicTime) -> Attempt {
    var result = Attempt()
    var buffer = ByteBuffer(capacity: capacity)
    buffer.replace { output in
      do throws(PlatformError) { try port.read(into: &output, deadline: deadline) } catch {
        result.failure = error.kind
      }
    }
    result.bytes = (0..<buffer.count).map { buffer.span[$0] }
    return result
  }

  static func check<P: HAL.Port & ~Copyable, C: HAL.Clock>(_ port: inout P, _ clock: C) throws {
    // Silence: the deadline passes, nothing is appended, and not much more time either.
    let start = clock.monotonic()
    let silence = read(&port, capacity: 8, until: start.adding(milliseconds: 30))
    #expect(silence == Attempt(failure: .timedOut))
    #expect(clock.monotonic().milliseconds(since: start) >= 30)
    // A deadline that has passed already.
    let late = read(&port, capacity: 8, until: start)
    #expect(late == Attempt(failure: .timedOut))
    // A whole answer, however it is cut, never beyond the capacity that is free.
    let request = request
    try port.write(request.span, deadline: clock.monotonic().adding(milliseconds: 1_000))
    var reply: [UInt8] = []
    while reply.count < replyByteCount {
      let part = read(&port, capacity: 5, until: clock.monotonic().adding(milliseconds: 2_000))
      #expect(part.failure == nil && part.bytes.count >= 1 && part.bytes.count <= 5)
      if part.failure != nil { return }
      reply += part.bytes
    }
    #expect(reply.count == replyByteCount && reply.prefix(3) == [1, 4, 8])
    // What is discarded does not come back.
    try port.write(request.span, deadline: clock.monotonic().adding(milliseconds: 1_000))
    port.wait(until: clock.monotonic().adding(milliseconds: 200))
    try port.discardInput()
    let nothing = read(&port, capacity: 8, until: clock.monotonic().adding(milliseconds: 30))
    #expect(nothing == Attempt(failure: .timedOut))
    // Waiting is waiting.
    let before = clock.monotonic()
    port.wait(until: before.adding(milliseconds: 20))
    #expect(clock.monotonic().milliseconds(since: before) >= 20)
  }

  @Test("a serial port keeps to it, and reports a far end that is gone")
  func serial() throws {
    let terminal = try Pseudoterminal()
    var port = try SerialPort(path: terminal.slavePath, baud: 9_600, parity: .none)
    let house = FarHouse(terminal.descriptor)
    let result = Result { try Self.check(&port, LinuxClock()) }
    house.stop()
    try result.get()
    _ = consume terminal
    let gone = Self.read(&port, capacity: 8, until: monotonicNow().adding(milliseconds: 500))
    #expect(gone == Attempt(failure: .disconnected))
  }

  @Test("a TCP port keeps to it, and reports a far end that is gone")
  func tcp() throws {
    let listener = try TCPListener(Endpoint(ipv4: 127, 0, 0, 1, port: 0))
    var port = try TCPPort(
      connectingTo: Endpoint(ipv4: 127, 0, 0, 1, port: listener.port),
      deadline: monotonicNow().adding(milliseconds: 1_000))
    _ = busbar_serial_wait(listener.descriptor, 0, busbar_monotonic_ns() + 1_000_000_000)
    let accepted = listener.accept()
    let connection = try #require(accepted)
    let house = FarHouse(connection)
    let result = Result { try Self.check(&port, LinuxClock()) }
    house.stop()
    try result.get()
    busbar_close(connection)
    let gone = Self.read(&port, capacity: 8, until: monotonicNow().adding(milliseconds: 500))
    #expect(gone == Attempt(failure: .disconnected))
  }

  @Test("the simulated port keeps to it, and reports a plug that was pulled")
  func simulated() throws {
    let line = SimulatedLine(
      SimulatedBus(slaves: [SimulatedSlave(.house(EastronSlave(unit: 1), SimulatedHouse(seed: 6)))]))
    var port = SimulatedPort(line)
    try Self.check(&port, line.clock)
    line.isUnplugged = true
    let gone = Self.read(&port, capacity: 8, until: line.clock.monotonic().adding(milliseconds: 500))
    #expect(gone == Attempt(failure: .disconnected))
  }

  @Test("a tapped port keeps to it, and so does the replay of its capture")
  func tapped() throws {
    let line = SimulatedLine(
      SimulatedBus(slaves: [SimulatedSlave(.house(EastronSlave(unit: 1), SimulatedHouse(seed: 6)))]))
    let file = MemoryFile()
    var port = try TappedPort(SimulatedPort(line), clock: line.clock, sink: MemorySink(file: file))
    let clock = port.clock
    try Self.check(&port, clock)
    let bytes = file.bytes
    var replay = try ReplayPort(file: bytes.span)
    let replayClock = replay.clock
    try Self.check(&replay, replayClock)
  }
}
