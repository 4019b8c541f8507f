import CLinux
import HAL
import Wire

/// A bound, non-blocking UDP socket for IPv6 and mapped IPv4, with fragmentation off. Closes in `deinit`.
public struct UDPSocket: ~Copyable, DatagramSocket {
  public let fileDescriptor: Int32
  /// Datagrams longer than the caller's buffer, dropped whole.
  public private(set) var oversizedCount: UInt64 = 0

  public init(bindingTo endpoint: Endpoint) throws(PlatformError) {
    let address = endpoint.address
    fileDescriptor = try check(
      withUnsafeBytes(of: address) {
        unsafe busbar_udp_open($0.bindMemory(to: UInt8.self).baseAddress!, endpoint.port)
      })
  }

  deinit { busbar_close(fileDescriptor) }

  public mutating func send(_ bytes: Span<UInt8>, to endpoint: Endpoint) throws(PlatformError) {
    let result = bytes.withUnsafeBufferPointer { bytes in
      withUnsafeBytes(of: endpoint.address) { address in
        unsafe busbar_udp_send(
          fileDescriptor, bytes.baseAddress, bytes.count, address.bindMemory(to: UInt8.self).baseAddress!, endpoint.port
        )
      }
    }
    // A full queue, or a peer that is not up yet: the same to us as loss on the way.
    if result < 0, ![Int32(BUSBAR_EAGAIN), 111, 1, 101, 113].contains(-result) { try check(result) }
  }

  public mutating func receive(into output: inout OutputSpan<UInt8>) throws(PlatformError) -> Endpoint? {
    while true {
      var address = InlineArray<16, UInt8>(repeating: 0)
      var port: UInt16 = 0
      let free = output.freeCapacity
      let count = output.withUnsafeMutableBufferPointer { buffer, initializedCount -> Int64 in
        let received = withUnsafeMutableBytes(of: &address) { address in
          unsafe busbar_udp_receive(
            fileDescriptor, buffer.baseAddress! + initializedCount, free,
            address.bindMemory(to: UInt8.self).baseAddress!, &port)
        }
        if received >= 0, received <= Int64(free) { initializedCount += Int(received) }
        return received
      }
      if count == -Int64(BUSBAR_EAGAIN) || count == -111 { return nil }
      if count > Int64(free) {
        oversizedCount += 1
        continue
      }
      try check(count)
      return Endpoint(address: address, port: port)
    }
  }
}
