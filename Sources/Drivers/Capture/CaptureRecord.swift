import HAL
import Metering
import Wire

/// What a port did, as a capture file keeps it. (docs/PROTOCOL.md, CaptureRecord)
public struct CaptureRecord: Equatable, Sendable {
  /// What happened at the port; the numbers are those in a capture file.
  public enum Kind: UInt8, Sendable, CaseIterable {
    /// Bytes that were written to the port.
    case sent = 1
    /// Bytes that one read returned.
    case received = 2
    /// Waiting input was dropped; no bytes.
    case discarded = 3
    /// The port failed; one byte, the error's kind.
    case failed = 4
  }

  public static let tag: StaticString = "BUSBAR/CAPTURE"
  /// tag, version, 1 for Modbus/TCP
  public static let headerByteCount = 16
  static let version: UInt8 = 1
  /// kind, clock state, length, monotonic, wall; then the bytes and a checksum.
  static let fixedByteCount = 1 + 1 + 2 + 8 + 8
  public static let maximumBytes = 1024
  /// What is read of a file at once.
  public static let maximumFileBytes = 64 << 20

  public var kind: Kind
  public var state: ClockState
  public var monotonic: MonotonicTime
  public var wall: WallTime
  public var bytes: [UInt8]

  /// Takes an instant by both clocks, and at most ``maximumBytes`` bytes.
  public init(kind: Kind, instant: Instant, bytes: [UInt8]) {
    self.kind = kind
    state = instant.state
    monotonic = instant.monotonic
    wall = instant.wall
    self.bytes = bytes
  }

  public var instant: Instant { Instant(monotonic: monotonic, wall: wall, state: state) }

  /// Appends fixed part, bytes and checksum. Allocates nothing.
  static func encode(_ kind: Kind, _ instant: Instant, _ bytes: Span<UInt8>, into output: inout OutputSpan<UInt8>) {
    precondition(bytes.count <= maximumBytes)
    var checksum = ModbusChecksum()
    func put<T: FixedWidthInteger & UnsignedInteger>(_ value: T, _ output: inout OutputSpan<UInt8>) {
      output.write(value)
      // Little endian, as everything of this project.
      for place in 0..<(T.bitWidth / 8) { checksum.add(UInt8(truncatingIfNeeded: value >> T(8 * place))) }
    }
    put(kind.rawValue, &output)
    put(instant.state.rawValue, &output)
    put(UInt16(bytes.count), &output)
    put(instant.monotonic.nanoseconds, &output)
    put(instant.wall.nanoseconds, &output)
    for index in 0..<bytes.count { put(bytes[index], &output) }
    output.write(checksum.value)
  }

  static var maximumEncodedBytes: Int { fixedByteCount + maximumBytes + 2 }

  /// Every record of a capture file. A torn tail, as a killed process leaves it, ends the list.
  /// - Returns: them, and whether the bytes are those of Modbus/TCP rather than RTU.
  /// - Throws: `.corrupted` for another file, and for damage before the last record.
  public static func all(of file: Span<UInt8>) throws(PlatformError) -> (records: [CaptureRecord], isTCP: Bool) {
    var records: [CaptureRecord] = []
    var reader = WireReader(file)
    let isTCP: Bool
    do throws(WireError) {
      try reader.readTag(tag)
      let found = try reader.read(UInt8.self)
      let transport = try reader.read(UInt8.self)
      guard found == version, transport <= 1 else { throw WireError.truncated(neededBytes: 0, availableBytes: 0) }
      isTCP = transport == 1
    } catch { throw PlatformError(.corrupted) }
    while reader.remaining >= fixedByteCount + 2 {
      let start = reader.offset
      do throws(WireError) {
        let kind = Kind(rawValue: try reader.read(UInt8.self))
        let state = ClockState(rawValue: try reader.read(UInt8.self))
        let count = Int(try reader.read(UInt16.self))
        let monotonic = try reader.read(UInt64.self)
        let wall = try reader.read(UInt64.self)
        guard let kind, let state, count <= maximumBytes, kind != .failed || count == 1 else {
          throw WireError.truncated(neededBytes: 0, availableBytes: 0)
        }
        // The file ends within this record.
        if reader.remaining < count + 2 { return (records, isTCP) }
        let bytes = try reader.readBytes(count)
        let end = reader.offset
        let checksum = try reader.read(UInt16.self)
        guard ModbusChecksum(of: file.extracting(start..<end)).value == checksum else {
          throw WireError.truncated(neededBytes: 0, availableBytes: 0)
        }
        records.append(
          CaptureRecord(
            kind: kind,
            instant: Instant(
              monotonic: MonotonicTime(nanoseconds: monotonic), wall: WallTime(nanoseconds: wall), state: state),
            bytes: [UInt8](copying: bytes)))
      } catch { throw PlatformError(.corrupted) }
    }
    return (records, isTCP)
  }
}
