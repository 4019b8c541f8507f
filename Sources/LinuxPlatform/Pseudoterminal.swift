import CLinux
import HAL

/// The bus side of a pseudoterminal pair: what is written here is read from ``slavePath``. Never blocks.
///
/// It keeps the slave open itself, so readers may come and go without the master hanging up.
public struct Pseudoterminal: ~Copyable {
  /// The master, for polling.
  public let descriptor: Int32
  private let slave: Int32
  public let slavePath: String

  /// A pair in raw mode at 9600 8N1. Throws when the kernel has no more of them.
  public init() throws(PlatformError) {
    var slave: Int32 = -1
    var opened: Int32 = 0
    let path = String(unsafeUninitializedCapacity: 128) { buffer in
      // Linux's names are ASCII and end with a zero byte within the capacity that is passed.
      unsafe buffer.withMemoryRebound(to: CChar.self) { name in
        opened = unsafe busbar_pty_open(&slave, name.baseAddress!, name.count)
        var length = 0
        while opened >= 0, length < name.count, unsafe name[length] != 0 { length += 1 }
        return length
      }
    }
    if opened < 0 { throw .serial(Int(opened)) }
    descriptor = opened
    self.slave = slave
    slavePath = path
  }

  deinit {
    busbar_serial_close(slave)
    busbar_serial_close(descriptor)
  }

  /// Appends what has arrived; nothing when none has.
  @_lifetime(output: copy output)
  public mutating func read(into output: inout OutputSpan<UInt8>) throws(PlatformError) {
    let descriptor = descriptor
    let got = output.withUnsafeMutableBufferPointer { buffer, count in
      // read() initialises what it returns, behind the `count` bytes that are there.
      let got = unsafe busbar_serial_read(descriptor, buffer.baseAddress! + count, buffer.count - count)
      if got > 0 { count += Int(got) }
      return got
    }
    if got < 0 && got != -11 { throw .serial(Int(got)) }
  }

  /// Writes what fits and returns how many bytes that was: a bus does not wait for its listeners.
  @discardableResult
  public mutating func write(_ bytes: Span<UInt8>) throws(PlatformError) -> Int {
    if bytes.isEmpty { return 0 }
    let descriptor = descriptor
    let put = bytes.withUnsafeBufferPointer {
      unsafe busbar_serial_write(descriptor, $0.baseAddress!, $0.count)
    }
    if put < 0 && put != -11 { throw .serial(Int(put)) }
    return max(0, Int(put))
  }
}
