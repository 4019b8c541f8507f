import HAL

/// A simulated bus behind a ``SimulatedPort``: its devices, its speed and its time, which only the port's user moves.
public final class SimulatedLine {
  public var bus: SimulatedBus
  /// Bits on the line per byte: 10 with 8N1.
  public static let bitsPerByte: UInt64 = 10
  let byteNanoseconds: UInt64
  public fileprivate(set) var nanoseconds: UInt64
  /// Seconds of house time in a second.
  public var clockFactor: Int64 = 1
  /// The plug is pulled: everything is `.disconnected`.
  public var isUnplugged = false
  public fileprivate(set) var requests: UInt64 = 0
  fileprivate var arriving: [(byte: UInt8, at: UInt64)] = []

  /// - Parameter baud: 0 takes no time.
  public init(_ bus: SimulatedBus, baud: UInt32 = 9_600, startNanoseconds: UInt64 = 1_000_000_000) {
    self.bus = bus
    byteNanoseconds = baud == 0 ? 0 : Self.bitsPerByte * 1_000_000_000 / UInt64(baud)
    nanoseconds = startNanoseconds
  }

  public var clock: SimulatedLineClock { SimulatedLineClock(line: self) }

  fileprivate func write(_ bytes: [UInt8]) {
    nanoseconds += UInt64(bytes.count) * byteNanoseconds
    requests += 1
    let milliseconds = Int64(nanoseconds / 1_000_000)
    for index in bus.slaves.indices { bus.slaves[index].advance(to: milliseconds * clockFactor / 1_000) }
    for answer in bus.receive(bytes, at: milliseconds) {
      var time = max(arriving.last?.at ?? 0, nanoseconds + UInt64(answer.latencyMilliseconds) * 1_000_000)
      for byte in answer.bytes {
        time += byteNanoseconds
        arriving.append((byte, time))
      }
    }
  }
}

/// The line's time. Wall time is 2023-11-14 at its start.
public struct SimulatedLineClock: Clock {
  let line: SimulatedLine
  public func monotonic() -> MonotonicTime { MonotonicTime(nanoseconds: line.nanoseconds) }
  public func wall() -> WallTime { WallTime(nanoseconds: 1_700_000_000_000_000_000 + line.nanoseconds) }
  public func state() -> ClockState { .synchronised }
}

/// The master's end of a simulated bus in memory. Time passes by writing, by waiting and by reading.
public struct SimulatedPort: ~Copyable, Port {
  private let line: SimulatedLine

  /// The master's end of this line. A line may have several; they share its time and what arrives.
  public init(_ line: SimulatedLine) { self.line = line }

  public mutating func write(_ bytes: Span<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    if line.isUnplugged { throw PlatformError(.disconnected) }
    var array: [UInt8] = []
    for index in 0..<bytes.count { array.append(bytes[index]) }
    line.write(array)
  }

  @_lifetime(output: copy output)
  public mutating func read(into output: inout OutputSpan<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    precondition(output.freeCapacity > 0)
    if line.isUnplugged { throw PlatformError(.disconnected) }
    guard let first = line.arriving.first, first.at <= deadline.nanoseconds else {
      line.nanoseconds = max(line.nanoseconds, deadline.nanoseconds)
      throw PlatformError(.timedOut)
    }
    line.nanoseconds = max(line.nanoseconds, first.at)
    while let next = line.arriving.first, next.at <= line.nanoseconds, output.freeCapacity > 0 {
      output.append(next.byte)
      line.arriving.removeFirst()
    }
  }

  public mutating func discardInput() throws(PlatformError) {
    if line.isUnplugged { throw PlatformError(.disconnected) }
    line.arriving.removeAll { $0.at <= line.nanoseconds }
  }

  public mutating func wait(until time: MonotonicTime) { line.nanoseconds = max(line.nanoseconds, time.nanoseconds) }
}
