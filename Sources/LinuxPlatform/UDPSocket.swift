import CLinux
import HAL
import Wire

/// A bound, non-blocking UDP socket for IPv6 and mapped IPv4, with fragmentation off. Closes in `deinit`.
public struct UDPSocket: ~Copyable, DatagramSocket {
  public let fileDescriptor: Int32
  /// Datagrams longer than the caller's buffer, dropped whole.
  public private(set) var oversizedCount: UInt64 = 0
  /// Datagrams longer than the path allows, not sent: fragmentation is off.
  public private(set) var unsendableCount: UInt64 = 0

  /// Binds to an address and port of this machine, port 0 for one of the kernel's choice.
  /// - Throws: `.busy` when the port is taken, `.notPermitted` when this user may not have it.
  public init(bindingTo endpoint: Endpoint) throws(PlatformError) {
    let address = endpoint.address
    fileDescriptor = try check(
      withUnsafeBytes(of: address) {
        unsafe busbar_udp_open($0.bindMemory(to: UInt8.self).baseAddress!, endpoint.port)
      })
  }

  deinit { busbar_close(fileDescriptor) }

  /// The port it is bound to: the kernel's choice when 0 was asked for.
  public var port: UInt16 { UInt16(truncatingIfNeeded: max(0, busbar_udp_port(fileDescriptor))) }

  /// What the network may do to any datagram: full queues, no route, a peer that is not up yet. (errno-base.h, errno.h)
  private static func isLoss(_ code: Int32) -> Bool {
    switch code {
    case 11, 105: true  // EAGAIN, ENOBUFS
    case 1, 99, 100, 101, 111, 112, 113: true  // EPERM (a filter), no address, network or host down or unreachable
    default: false
    }
  }

  public mutating func send(_ bytes: Span<UInt8>, to endpoint: Endpoint) throws(PlatformError) {
    let result = bytes.withUnsafeBufferPointer { bytes in
      withUnsafeBytes(of: endpoint.address) { address in
        unsafe busbar_udp_send(
          fileDescriptor, bytes.baseAddress, bytes.count, address.bindMemory(to: UInt8.self).baseAddress!, endpoint.port
        )
      }
    }
    if result == -90 {  // EMSGSIZE
      unsendableCount += 1
    } else if result < 0, !Self.isLoss(-result) {
      try check(result)
    }
  }

  public mutating func receive(into output: inout OutputSpan<UInt8>) throws(PlatformError) -> Endpoint? {
    precondition(output.freeCapacity > 0)
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
      if count == -Int64(BUSBAR_EAGAIN) { return nil }
      // An earlier datagram bounced; the next may be waiting behind the report.
      if count < 0, Self.isLoss(Int32(truncatingIfNeeded: -count)) { continue }
      if count > Int64(free) {
        oversizedCount += 1
        continue
      }
      try check(count)
      return Endpoint(address: address, port: port)
    }
  }
}
