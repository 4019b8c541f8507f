import CLinux
import HAL

/// A TCP connection to a Modbus device or gateway, without delay for small segments. Closes in `deinit`; never for two threads.
///
/// One that `reconnects` outlives a peer that hangs up: some close after each answer. It connects anew before a request where the
/// peer has gone, and sends a request again, once, where it went before anything of the answer was there. A write or a read takes longer
/// by ``connectMilliseconds`` and ``delayMilliseconds`` then.
public final class TCPConnection {
  private let endpoint: Endpoint
  private let connectMilliseconds: UInt64
  private let delayMilliseconds: UInt64
  private let reconnects: Bool
  private var descriptor: Int32
  /// How often it was connected.
  public private(set) var connects: UInt64 = 1
  /// What was written last.
  private var request: [UInt8] = []
  /// Nothing was read since.
  private var awaitsAnswer = false
  private var wasSentAgain = false
  private var writtenAt: UInt64 = 0

  /// - Parameter connectMilliseconds: for the connection to come about.
  /// - Parameter delayMilliseconds: of silence behind it, which some gateways need.
  /// - Throws: `.timedOut` after that time, `.disconnected` when nobody listens.
  public init(
    to endpoint: Endpoint, connectMilliseconds: UInt64, delayMilliseconds: UInt64 = 0, reconnects: Bool = true
  ) throws(PlatformError) {
    self.endpoint = endpoint
    self.connectMilliseconds = connectMilliseconds
    self.delayMilliseconds = delayMilliseconds
    self.reconnects = reconnects
    descriptor = try Self.connect(endpoint, connectMilliseconds, delayMilliseconds)
  }

  deinit { if descriptor >= 0 { busbar_close(descriptor) } }

  private static func connect(
    _ endpoint: Endpoint, _ milliseconds: UInt64, _ delay: UInt64
  ) throws(PlatformError) -> Int32 {
    let address = endpoint.address
    let deadline = busbar_monotonic_ns() + milliseconds * 1_000_000
    let descriptor = try check(
      withUnsafeBytes(of: address) {
        // The address lives for the call only.
        unsafe busbar_tcp_connect($0.bindMemory(to: UInt8.self).baseAddress!, endpoint.port, deadline)
      })
    if delay > 0 { busbar_serial_sleep_until(busbar_monotonic_ns() + delay * 1_000_000) }
    return descriptor
  }

  private func connectAnew() throws(PlatformError) {
    if descriptor >= 0 { busbar_close(descriptor) }
    descriptor = -1
    descriptor = try Self.connect(endpoint, connectMilliseconds, delayMilliseconds)
    connects &+= 1
  }

  func write(_ bytes: Span<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    awaitsAnswer = true
    wasSentAgain = false
    writtenAt = busbar_monotonic_ns()
    guard reconnects else { return try DescriptorIO.write(descriptor, bytes, deadline) }
    request.removeAll(keepingCapacity: true)
    for index in 0..<bytes.count { request.append(bytes[index]) }
    if descriptor >= 0, busbar_tcp_is_closed(descriptor) == 0 {
      do throws(PlatformError) { return try DescriptorIO.write(descriptor, bytes, deadline) } catch {
        guard error.kind == .disconnected else { throw error }
      }
    }
    try sendAgain()
  }

  private func sendAgain() throws(PlatformError) {
    wasSentAgain = true
    try connectAnew()
    let bytes = request
    let limit = busbar_monotonic_ns() + connectMilliseconds * 1_000_000
    try DescriptorIO.write(descriptor, bytes.span, MonotonicTime(nanoseconds: limit))
    writtenAt = busbar_monotonic_ns()
  }

  @_lifetime(output: copy output)
  func read(into output: inout OutputSpan<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    do throws(PlatformError) {
      try DescriptorIO.read(descriptor, into: &output, deadline)
    } catch {
      guard error.kind == .disconnected, reconnects, awaitsAnswer, !wasSentAgain else { throw error }
      // The new connection gets as long for the answer as the old one would have had.
      let patience = deadline.nanoseconds > writtenAt ? deadline.nanoseconds - writtenAt : 0
      try sendAgain()
      try DescriptorIO.read(descriptor, into: &output, MonotonicTime(nanoseconds: writtenAt + patience))
    }
    awaitsAnswer = false
  }

  func discardInput() throws(PlatformError) {
    guard descriptor >= 0 else { return }
    var bytes = InlineArray<64, UInt8>(repeating: 0)
    while true {
      let got = withUnsafeMutableBytes(of: &bytes) { unsafe busbar_serial_read(descriptor, $0.baseAddress!, 64) }
      if got == -11 { return }
      if got <= 0 {
        // The next write finds that out too, and connects anew.
        if reconnects { return }
        throw got == 0 ? PlatformError(.disconnected) : .serial(Int(got))
      }
    }
  }
}

/// What a driver sees of a ``TCPConnection``.
///
/// After `.disconnected` the port is dead; connect anew.
public struct TCPPort: ~Copyable, Port {
  private let connection: TCPConnection

  /// A driver's end of a connection. The connection stays open when this one is gone.
  public init(_ connection: TCPConnection) { self.connection = connection }

  /// A connection that ends with its peer.
  /// - Throws: `.timedOut` at the deadline, `.disconnected` when nobody listens.
  public init(connectingTo endpoint: Endpoint, deadline: MonotonicTime) throws(PlatformError) {
    let now = busbar_monotonic_ns()
    connection = try TCPConnection(
      to: endpoint, connectMilliseconds: deadline.nanoseconds > now ? (deadline.nanoseconds - now) / 1_000_000 : 0,
      reconnects: false)
  }

  public mutating func write(_ bytes: Span<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    try connection.write(bytes, deadline: deadline)
  }

  @_lifetime(output: copy output)
  public mutating func read(into output: inout OutputSpan<UInt8>, deadline: MonotonicTime) throws(PlatformError) {
    try connection.read(into: &output, deadline: deadline)
  }

  public mutating func discardInput() throws(PlatformError) { try connection.discardInput() }

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
