import CLinux
import HAL

/// Now, by CLOCK_BOOTTIME: the clock that a ``SerialPort``'s deadlines are of.
public func monotonicNow() -> MonotonicTime { MonotonicTime(nanoseconds: busbar_monotonic_ns()) }

/// A tty in raw mode with 8 data bits and 1 stop bit, held exclusively (flock; TIOCEXCL too on real ports).
///
/// After `.disconnected` (poll 0x19, a read of 0 bytes, EIO) the port is dead; open the path anew.
public struct SerialPort: ~Copyable, Port {
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
    var offset = 0
    while offset < bytes.count {
      try wait(forWriting: true, deadline)
      let descriptor = descriptor
      // The pointer lives for the call only; offset < count.
      let put = bytes.withUnsafeBufferPointer {
        unsafe busbar_serial_write(descriptor, $0.baseAddress! + offset, $0.count - offset)
      }
      if put < 0 && put != -11 { throw .serial(Int(put)) }
      offset += max(0, Int(put))
    }
  }

  @_lifetime(output: copy output)
  public mutating func read(into output: inout OutputSpan<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    precondition(output.freeCapacity > 0)
    while true {
      try wait(forWriting: false, deadline)
      let descriptor = descriptor
      let got = output.withUnsafeMutableBufferPointer { buffer, count in
        // read() initialises what it returns, behind the `count` bytes that are there.
        let got = unsafe busbar_serial_read(descriptor, buffer.baseAddress! + count, buffer.count - count)
        if got > 0 { count += Int(got) }
        return got
      }
      if got > 0 { return }
      if got == 0 { throw PlatformError(.disconnected) }
      if got != -11 { throw .serial(Int(got)) }
    }
  }

  public mutating func discardInput() throws(PlatformError) {
    let result = busbar_serial_flush_input(descriptor)
    if result < 0 { throw .serial(Int(result)) }
  }

  public mutating func wait(until time: MonotonicTime) { busbar_serial_sleep_until(time.nanoseconds) }

  private func wait(forWriting: Bool, _ deadline: MonotonicTime) throws(PlatformError) {
    let result = busbar_serial_wait(descriptor, forWriting ? 1 : 0, deadline.nanoseconds)
    switch result {
    case 1: return
    case 0: throw PlatformError(.timedOut)
    case 2: throw PlatformError(.disconnected)
    default: throw .serial(Int(result))
    }
  }
}
