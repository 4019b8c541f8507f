/// Where datagrams go to and come from: an IPv6 address, or an IPv4 one mapped into it (RFC 4291, §2.5.5.2).
public struct Endpoint: Hashable, Sendable {
  /// Network order.
  public var address: InlineArray<16, UInt8>
  public var port: UInt16

  /// Takes an address in network order, an IPv4 one mapped as ::ffff:a.b.c.d, and a port.
  public init(address: InlineArray<16, UInt8>, port: UInt16) {
    self.address = address
    self.port = port
  }

  /// The IPv4 address a.b.c.d, mapped into an IPv6 one.
  public init(ipv4 a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, port: UInt16) {
    self.init(address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d], port: port)
  }

  public static func == (left: Self, right: Self) -> Bool {
    for index in 0..<16 where left.address[index] != right.address[index] { return false }
    return left.port == right.port
  }

  public func hash(into hasher: inout Hasher) {
    for index in 0..<16 { hasher.combine(address[index]) }
    hasher.combine(port)
  }
}

/// A bound datagram socket. Never blocks.
public protocol DatagramSocket: ~Copyable {
  /// Sends one datagram. A full queue drops it silently, as the network may.
  mutating func send(_ bytes: Span<UInt8>, to endpoint: Endpoint) throws(PlatformError)

  /// Appends the next waiting datagram to `output` and returns where it came from; nil when none waits.
  /// A datagram longer than the free capacity is dropped whole and counted by the platform.
  mutating func receive(into output: inout OutputSpan<UInt8>) throws(PlatformError) -> Endpoint?
}
