import CLinux
import HAL
import Wire

/// Datagrams on their way to or from one socket, many to a system call. Memory is taken once, here.
///
/// A system call costs as much as sealing a datagram, so both directions share them: `sendmmsg`, `recvmmsg`, and one
/// message for neighbours of one size to one address where the kernel cuts it up itself (UDP_SEGMENT).
public struct DatagramBatch: ~Copyable {
  /// One kernel message of 52 full datagrams is the most that fits into an IP packet; twice that amortises nothing more.
  public static let slots = 32
  private let base: OpaquePointer
  public let datagramBytes: Int
  /// Datagrams that wait to be sent, or that came.
  public private(set) var count = 0
  /// Datagrams that the network would not take.
  public private(set) var lostCount: UInt64 = 0
  /// Datagrams longer than the path allows: fragmentation is off.
  public private(set) var unsendableCount: UInt64 = 0
  /// Received datagrams longer than ``datagramBytes``, dropped whole.
  public private(set) var oversizedCount: UInt64 = 0
  public private(set) var systemCallCount: UInt64 = 0
  /// The most that one system call moved.
  public private(set) var highWater = 0

  /// - Throws: ``PlatformError/Kind/full`` when memory is short.
  public init(datagramBytes: Int) throws(PlatformError) {
    precondition(datagramBytes > 0 && datagramBytes <= 65507, "what UDP carries")
    self.datagramBytes = datagramBytes
    guard let base = busbar_batch_new(Int32(Self.slots), Int32(datagramBytes)) else { throw PlatformError(.full) }
    self.base = base
  }

  deinit { busbar_batch_free(base) }

  /// Bytes this takes from the heap, nearly.
  public static func memoryBytes(datagramBytes: Int) -> Int { slots * (datagramBytes + 200) }

  // MARK: Sending

  public var isFull: Bool { count == Self.slots }

  /// Writes one more datagram, behind those that wait.
  /// - Precondition: not ``isFull``
  public mutating func append(to endpoint: Endpoint, _ fill: (inout OutputSpan<UInt8>) -> Void) {
    precondition(!isFull)
    // The slot belongs to this batch, and to this call alone while it is filled.
    let slot = UnsafeMutableBufferPointer(start: busbar_batch_bytes(base, Int32(count)), count: datagramBytes)
    var out = unsafe OutputSpan(buffer: slot, initializedCount: 0)
    fill(&out)
    let length = unsafe out.finalize(for: slot)
    guard length > 0 else { return }
    withUnsafeBytes(of: endpoint.address) { address in
      unsafe busbar_batch_set(
        base, Int32(count), UInt32(length), address.bindMemory(to: UInt8.self).baseAddress!, endpoint.port)
    }
    count += 1
  }

  /// Sends what waits, in order. What the network loses is counted, not thrown.
  public mutating func flush(by socket: borrowing UDPSocket) throws(PlatformError) {
    guard count > 0 else { return }
    highWater = max(highWater, count)
    let calls = busbar_batch_send(base, socket.fileDescriptor, Int32(count), &lostCount, &unsendableCount)
    count = 0
    systemCallCount += UInt64(try check(calls))
  }

  /// True once the kernel has cut up a message for us.
  public var usesSegments: Bool { busbar_batch_segments(base) == 1 }
  /// For comparison and for tests of the other way: every datagram is its own message from now on.
  public mutating func forbidSegments() { busbar_batch_forbid_segments(base) }

  // MARK: Receiving

  /// Takes what waits, up to ``slots`` datagrams, in place of what was there. Does not wait.
  public mutating func receive(from socket: borrowing UDPSocket) throws(PlatformError) {
    count = 0
    count = try check(Int64(busbar_batch_receive(base, socket.fileDescriptor)))
    systemCallCount += 1
    highWater = max(highWater, count)
    for place in 0..<count where busbar_batch_length(base, Int32(place)) < 0 { oversizedCount += 1 }
  }

  /// The bytes of the datagram at `place`; empty when it was too long. Until the next call that changes the batch.
  @_lifetime(borrow self)
  public borrowing func datagram(_ place: Int) -> Span<UInt8> {
    precondition(place < count)
    let length = max(0, Int(busbar_batch_length(base, Int32(place))))
    // The slot lives as long as the batch, and recvmmsg wrote this many bytes of it.
    let span = unsafe Span(_unsafeStart: UnsafePointer(busbar_batch_bytes(base, Int32(place))!), count: length)
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// Where a received datagram came from.
  /// - Precondition: place < count, after a call that received.
  public func source(_ place: Int) -> Endpoint {
    var address = InlineArray<16, UInt8>(repeating: 0)
    var port: UInt16 = 0
    withUnsafeMutableBytes(of: &address) { address in
      unsafe busbar_batch_source(base, Int32(place), address.bindMemory(to: UInt8.self).baseAddress!, &port)
    }
    return Endpoint(address: address, port: port)
  }
}

/// Heap allocations of this thread so far; nil in programs that do not count them.
public func heapAllocationCount() -> UInt64? {
  let count = busbar_heap_count()
  return count < 0 ? nil : UInt64(count)
}
