import HAL
import Metering
import Wire

/// When the bytes that a port read last arrived, shared by the port and its clock.
final class InputInstant {
  var instant: Instant?
}

/// A port whose every byte is also kept in a file, with the time it passed. Its samples carry the time of the file, so
/// that a replay gives the same ones to the last bit.
public struct TappedPort<P: Port & ~Copyable, C: Clock, S: ByteSink & ~Copyable>: ~Copyable, Port {
  private var port: P
  private let base: C
  private var sink: S
  private let input = InputInstant()
  private var record = ByteBuffer(capacity: CaptureRecord.maximumEncodedBytes)
  private var block = ByteBuffer(capacity: CaptureRecord.maximumBytes)

  /// Writes the file's header.
  /// - Parameter isTCP: the bytes are those of Modbus/TCP, as a replay must know.
  public init(_ port: consuming P, clock: C, sink: consuming S, isTCP: Bool = false) throws(PlatformError) {
    let tag = [UInt8](capacity: CaptureRecord.headerByteCount) { output in
      output.writeTag(CaptureRecord.tag)
      output.append(CaptureRecord.version)
      output.append(isTCP ? 1 : 0)
    }
    try sink.append(tag.span)
    self.port = port
    base = clock
    self.sink = sink
  }

  /// The clock for what reads from this port.
  public var clock: TappedClock<C> { TappedClock(base: base, input: input) }

  public mutating func write(_ bytes: Span<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    try note(.sent, bytes)
    do throws(PlatformError) { try port.write(bytes, deadline: deadline) } catch { throw try noted(error) }
  }

  @_lifetime(output: copy output)
  public mutating func read(into output: inout OutputSpan<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    do throws(PlatformError) {
      try Self.read(&port, into: &block, most: min(output.freeCapacity, CaptureRecord.maximumBytes), deadline)
    } catch { throw try noted(error) }
    let instant = base.instantOfInput()
    input.instant = instant
    Self.encode(instant, block, into: &record)
    try Self.append(record, to: &sink)
    output.write(block.span)
  }

  public mutating func discardInput() throws(PlatformError) {
    let nothing: [UInt8] = []
    try note(.discarded, nothing.span)
    try port.discardInput()
  }

  public mutating func wait(until time: MonotonicTime) { port.wait(until: time) }

  private mutating func note(_ kind: CaptureRecord.Kind, _ bytes: Span<UInt8>) throws(PlatformError) {
    precondition(bytes.count <= CaptureRecord.maximumBytes)
    let instant = base.instantOfInput()
    record.replace { file in CaptureRecord.encode(kind, instant, bytes, into: &file) }
    try Self.append(record, to: &sink)
  }

  private mutating func noted(_ error: PlatformError) throws(PlatformError) -> PlatformError {
    let kind = [error.kind.rawValue]
    try note(.failed, kind.span)
    return error
  }

  private static func encode(_ instant: Instant, _ block: borrowing ByteBuffer, into record: inout ByteBuffer) {
    record.replace { file in CaptureRecord.encode(.received, instant, block.span, into: &file) }
  }

  private static func append(_ bytes: borrowing ByteBuffer, to sink: inout S) throws(PlatformError) {
    try sink.append(bytes.span)
  }

  private static func read(
    _ port: inout P, into block: inout ByteBuffer, most: Int, _ deadline: MonotonicTime
  ) throws(PlatformError) {
    var failure: PlatformError?
    var bytes = ByteBuffer(capacity: most)
    bytes.replace { output in
      do throws(PlatformError) { try port.read(into: &output, deadline: deadline) } catch { failure = error }
    }
    if let failure { throw failure }
    block.replace { output in output.write(bytes.span) }
  }
}

/// Time as the platform has it, and the instants of input as a ``TappedPort`` noted them.
public struct TappedClock<C: Clock>: Clock {
  let base: C
  let input: InputInstant
  public func monotonic() -> MonotonicTime { base.monotonic() }
  public func wall() -> WallTime { base.wall() }
  public func state() -> ClockState { base.state() }
  public func instantOfInput() -> Instant { input.instant ?? base.instantOfInput() }
}
