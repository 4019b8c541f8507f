import CLinux
import HAL

/// Now, by CLOCK_BOOTTIME: the clock that a ``SerialPort``'s deadlines are of.
public func monotonicNow() -> MonotonicTime { MonotonicTime(nanoseconds: busbar_monotonic_ns()) }

/// A tty in raw mode with 8 data bits and 1 stop bit, held exclusively (flock; TIOCEXCL too on real ports).
///
/// After `.disconnected` (poll 0x19, a read of 0 bytes, EIO) the port is dead; open the path anew.
public struct SerialPort: ~Copyable, Port {
  /// The parity bit of a character on the line.
  public enum Parity: UInt8, Sendable, CaseIterable, CustomStringConvertible {
    case none, even, odd

    /// The name a configuration says.
    public var description: String {
      switch self {
      case .none: "none"
      case .even: "even"
      case .odd: "odd"
      }
    }

    /// The parity with this name in a configuration; nil for a name that is none.
    public init?(name: String) {
      for parity in Self.allCases where parity.description == name {
        self = parity
        return
      }
      return nil
    }
  }

  private let descriptor: Int32
  public let isPseudoterminal: Bool
  /// A warning: the pseudoterminal did not take the mode asked for. Always false on a real port, which is refused then.
  public let modeDiffers: Bool

  /// - Parameter baud: 1200, 2400, 4800, 9600, 19200, 38400, 57600 or 115200.
  /// - Throws: `.modeMismatch` when a real port reads back another mode; `.busy` when somebody holds it; `.invalid` for
  ///   another baud or what is no tty.
  public init(path: String, baud: UInt32, parity: Parity) throws(PlatformError) {
    var taken: Int32 = 0
    var pseudo: Int32 = 0
    let opened = path.withCString { busbar_serial_open($0, baud, Int32(parity.rawValue), &taken, &pseudo) }
    if opened < 0 { throw .serial(Int(opened)) }
    if taken == 0 && pseudo == 0 {
      busbar_serial_close(opened)
      throw PlatformError(.modeMismatch)
    }
    descriptor = opened
    isPseudoterminal = pseudo != 0
    modeDiffers = taken == 0
  }

  deinit { busbar_serial_close(descriptor) }

  public mutating func write(_ bytes: Span<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    try DescriptorIO.write(descriptor, bytes, deadline)
  }

  @_lifetime(output: copy output)
  public mutating func read(into output: inout OutputSpan<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    try DescriptorIO.read(descriptor, into: &output, deadline)
  }

  public mutating func discardInput() throws(PlatformError) {
    let result = busbar_serial_flush_input(descriptor)
    if result < 0 { throw .serial(Int(result)) }
  }

  public mutating func wait(until time: MonotonicTime) { busbar_serial_sleep_until(time.nanoseconds) }
}
