import HAL

/// Virtual time that a port moves.
final class VirtualTime: HAL.Clock, @unchecked Sendable {
  var nanoseconds: UInt64 = 1_000_000_000
  func monotonic() -> MonotonicTime { MonotonicTime(nanoseconds: nanoseconds) }
  func wall() -> WallTime { WallTime(nanoseconds: nanoseconds + 1_700_000_000_000_000_000) }
  func state() -> ClockState { .synchronised }
}

/// What a test sees of a bus while the driver owns its port.
final class BusScript {
  var requests: [[UInt8]] = []
  var requestTimes: [UInt64] = []
  var discards = 0
  var isDisconnected = false
  /// Bytes that answer the n-th request, counted from 0; nil is silence.
  var answer: (Int, [UInt8]) -> [UInt8]?
  /// Bytes handed out by one read.
  var chunk = Int.max
  init(_ answer: @escaping (Int, [UInt8]) -> [UInt8]?) { self.answer = answer }
}

/// A bus in memory: answers when it was written to, and time passes only by waiting.
struct MemoryPort: ~Copyable, Port {
  let script: BusScript
  let time: VirtualTime
  var pending: [UInt8] = []

  init(_ script: BusScript, _ time: VirtualTime) {
    self.script = script
    self.time = time
  }

  mutating func write(_ bytes: Span<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    if script.isDisconnected { throw PlatformError(.disconnected) }
    var request: [UInt8] = []
    for index in 0..<bytes.count { request.append(bytes[index]) }
    script.requests.append(request)
    script.requestTimes.append(time.nanoseconds)
    pending += script.answer(script.requests.count - 1, request) ?? []
  }

  mutating func read(into output: inout OutputSpan<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    if script.isDisconnected { throw PlatformError(.disconnected) }
    if pending.isEmpty {
      time.nanoseconds = max(time.nanoseconds, deadline.nanoseconds)
      throw PlatformError(.timedOut)
    }
    let count = min(pending.count, min(script.chunk, output.freeCapacity))
    for index in 0..<count { output.append(pending[index]) }
    pending.removeFirst(count)
    time.nanoseconds += 1_000_000
  }

  mutating func discardInput() throws(PlatformError) {
    script.discards += 1
    pending.removeAll()
  }

  mutating func wait(until moment: MonotonicTime) { time.nanoseconds = max(time.nanoseconds, moment.nanoseconds) }
}
