import CLinux
import HAL

/// A TCP connection to a Modbus device or gateway, without delay for small segments.
///
/// After `.disconnected` the port is dead; connect anew.
public struct TCPPort: ~Copyable, Port {
  private let descriptor: Int32

  /// - Throws: `.timedOut` at the deadline, `.disconnected` when nobody listens.
  public init(connectingTo endpoint: Endpoint, deadline: MonotonicTime) throws(PlatformError) {
    let address = endpoint.address
    descriptor = try check(
      withUnsafeBytes(of: address) {
        unsafe busbar_tcp_connect($0.bindMemory(to: UInt8.self).baseAddress!, endpoint.port, deadline.nanoseconds)
      })
  }

  deinit { busbar_close(descriptor) }

  public mutating func write(_ bytes: Span<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    try DescriptorIO.write(descriptor, bytes, deadline)
  }

  @_lifetime(output: copy output)
  public mutating func read(into output: inout OutputSpan<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    try DescriptorIO.read(descriptor, into: &output, deadline)
  }

  public mutating func discardInput() throws(PlatformError) {
    var bytes = InlineArray<64, UInt8>(repeating: 0)
    while true {
      let got = withUnsafeMutableBytes(of: &bytes) { unsafe busbar_serial_read(descriptor, $0.baseAddress!, 64) }
      if got == 0 { throw PlatformError(.disconnected) }
      if got == -11 { return }
      if got < 0 { throw .serial(Int(got)) }
    }
  }

  public mutating func wait(until time: MonotonicTime) { busbar_serial_sleep_until(time.nanoseconds) }
}

/// What ttys and sockets do alike.
enum DescriptorIO {
  static func write(_ descriptor: Int32, _ bytes: Span<UInt8>, _ deadline: MonotonicTime) throws(PlatformError) {
    var offset = 0
    while offset < bytes.count {
      try wait(descriptor, forWriting: true, deadline)
      // The pointer lives for the call only; offset < count.
      let put = bytes.withUnsafeBufferPointer {
        unsafe busbar_serial_write(descriptor, $0.baseAddress! + offset, $0.count - offset)
      }
      if put < 0 && put != -11 { throw .serial(Int(put)) }
      offset += max(0, Int(put))
    }
  }

  @_lifetime(output: copy output)
  static func read(
    _ descriptor: Int32, into output: inout OutputSpan<UInt8>, _ deadline: MonotonicTime
  ) throws(PlatformError) {
    precondition(output.freeCapacity > 0)
    while true {
      try wait(descriptor, forWriting: false, deadline)
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

  private static func wait(
    _ descriptor: Int32, forWriting: Bool, _ deadline: MonotonicTime
  ) throws(PlatformError) {
    let result = busbar_serial_wait(descriptor, forWriting ? 1 : 0, deadline.nanoseconds)
    switch result {
    case 1: return
    case 0: throw PlatformError(.timedOut)
    case 2: throw PlatformError(.disconnected)
    default: throw .serial(Int(result))
    }
  }
}

/// The simulated far end of TCP ports: listens, and hands out connections. Never blocks.
public struct TCPListener: ~Copyable {
  public let descriptor: Int32
  public let port: UInt16

  /// - Parameter endpoint: port 0 takes one that is free.
  public init(_ endpoint: Endpoint) throws(PlatformError) {
    let address = endpoint.address
    descriptor = try check(
      withUnsafeBytes(of: address) {
        unsafe busbar_tcp_listen($0.bindMemory(to: UInt8.self).baseAddress!, endpoint.port)
      })
    port = UInt16(truncatingIfNeeded: max(0, busbar_udp_port(descriptor)))
  }

  deinit { busbar_close(descriptor) }

  /// The next connection's descriptor, which the caller closes; nil when none waits.
  public func accept() -> Int32? {
    let result = busbar_tcp_accept(descriptor)
    return result < 0 ? nil : result
  }
}

/// A file that grows, for captures. What a crash leaves is a prefix.
public struct FileSink: ~Copyable, ByteSink {
  private let descriptor: Int32

  /// Makes the file anew, for this user alone.
  public init(path: String) throws(PlatformError) { descriptor = try check(busbar_create(path, 0o600)) }

  deinit { busbar_close(descriptor) }

  public mutating func append(_ bytes: Span<UInt8>) throws(PlatformError) { try Files.write(descriptor, bytes) }
}
