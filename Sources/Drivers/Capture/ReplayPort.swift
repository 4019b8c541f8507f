import HAL
import Metering
import Wire

/// Time during a replay: it moves when the replayed port reads or waits.
final class ReplayTime {
  var now: MonotonicTime
  var instant: Instant
  init(_ instant: Instant) {
    self.instant = instant
    now = instant.monotonic
  }
}

/// The time of a capture: it moves as far as a ``ReplayPort`` reads, writes and waits, and tells the wall time that was
/// captured.
public struct ReplayClock: Clock {
  let time: ReplayTime
  public func monotonic() -> MonotonicTime { time.now }
  public func wall() -> WallTime {
    WallTime(nanoseconds: time.instant.wall.nanoseconds &+ (time.now.nanoseconds &- time.instant.monotonic.nanoseconds))
  }
  public func state() -> ClockState { time.instant.state }
  public func instantOfInput() -> Instant { time.instant }
}

/// Answers as a captured port did, if it is asked the same.
///
/// A write that differs from the captured one is `.corrupted`: the capture is of another device, map or version.
/// At the end of the capture everything is `.disconnected`.
public struct ReplayPort: ~Copyable, Port {
  private let records: [CaptureRecord]
  private let time: ReplayTime
  public let isTCP: Bool
  private var place = 0
  /// Bytes of the current record that were handed out.
  private var offset = 0

  /// - Throws: `.corrupted`; see ``CaptureRecord/all(of:)``.
  public init(file: Span<UInt8>) throws(PlatformError) {
    let capture = try CaptureRecord.all(of: file)
    records = capture.records
    isTCP = capture.isTCP
    let zero = Instant(monotonic: MonotonicTime(nanoseconds: 0), wall: WallTime(nanoseconds: 0), state: .unsynchronised)
    time = ReplayTime(records.first?.instant ?? zero)
  }

  public var clock: ReplayClock { ReplayClock(time: time) }

  public mutating func write(_ bytes: Span<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    // Bytes that nobody read in the replay were read, or dropped, by the captured one.
    while place < records.count, records[place].kind != .sent { next() }
    guard place < records.count else { throw PlatformError(.disconnected) }
    let sent = records[place].bytes
    guard sent.count == bytes.count else { throw PlatformError(.corrupted) }
    for index in 0..<bytes.count where bytes[index] != sent[index] { throw PlatformError(.corrupted) }
    pass(records[place].instant.monotonic)
    next()
  }

  @_lifetime(output: copy output)
  public mutating func read(into output: inout OutputSpan<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    precondition(output.freeCapacity > 0)
    try failIfRecorded(deadline)
    guard place < records.count else { throw PlatformError(.disconnected) }
    guard records[place].kind == .received else {
      pass(deadline)
      throw PlatformError(.timedOut)
    }
    time.instant = records[place].instant
    pass(records[place].instant.monotonic)
    let bytes = records[place].bytes
    let count = min(bytes.count - offset, output.freeCapacity)
    for index in offset..<(offset + count) { output.append(bytes[index]) }
    offset += count
    if offset == bytes.count { next() }
  }

  public mutating func discardInput() throws(PlatformError) {
    while place < records.count, records[place].kind == .received { next() }
    if place < records.count, records[place].kind == .discarded { next() }
  }

  public mutating func wait(until moment: MonotonicTime) { pass(moment) }

  private mutating func next() {
    place += 1
    offset = 0
  }

  private func pass(_ moment: MonotonicTime) { if moment > time.now { time.now = moment } }

  /// Throws what the captured port threw here. The failure of a write is thrown by the read that follows.
  private mutating func failIfRecorded(_ deadline: MonotonicTime) throws(PlatformError) {
    guard place < records.count, records[place].kind == .failed else { return }
    let kind = PlatformError.Kind(rawValue: records[place].bytes[0]) ?? .other
    pass(records[place].instant.monotonic)
    // The first record may be this one; then time stood at its end already.
    if kind == .timedOut { pass(deadline) }
    next()
    throw PlatformError(kind)
  }
}
