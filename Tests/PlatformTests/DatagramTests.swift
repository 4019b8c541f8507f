import CLinux
import HAL
import LinuxPlatform
import SimulatedPlatform
import Testing
import Wire

/// Takes one datagram of at most `capacity` bytes; nil when none waits.
private func take<S: DatagramSocket & ~Copyable>(
  _ socket: inout S, capacity: Int = 1232
) throws(PlatformError) -> (bytes: [UInt8], from: Endpoint)? {
  var source: Endpoint?
  var failure: PlatformError?
  let bytes = [UInt8](capacity: capacity) { output in
    do throws(PlatformError) { source = try socket.receive(into: &output) } catch { failure = error }
  }
  if let failure { throw failure }
  return source.map { (bytes, $0) }
}

private func local(_ port: UInt16) -> Endpoint { Endpoint(ipv4: 127, 0, 0, 1, port: port) }

private func put<S: DatagramSocket & ~Copyable>(
  _ socket: inout S, _ bytes: [UInt8], to endpoint: Endpoint
) throws(PlatformError) {
  try socket.send(bytes.span, to: endpoint)
}

@Suite("UDP on loopback (DESIGN §5)")
struct UDPSocketTests {
  /// Loopback delivers within the send call; a second is for a machine that is busy elsewhere.
  private static func wait(_ descriptor: Int32) {
    waitForInput(on: [descriptor], until: LinuxClock().monotonic().adding(milliseconds: 1000))
  }

  @Test("a datagram arrives whole with its sender, and the answer finds the way back")
  func roundTrip() throws {
    var a = try UDPSocket(bindingTo: local(0))
    var b = try UDPSocket(bindingTo: local(0))
    let payload = (0..<1232).map { UInt8(truncatingIfNeeded: $0) }
    try put(&a, payload, to: local(b.port))
    Self.wait(b.fileDescriptor)
    let first = try take(&b)
    #expect(first?.bytes == payload)
    let expected = local(a.port)
    #expect(first?.from == expected)
    try put(&b, [1], to: expected)
    Self.wait(a.fileDescriptor)
    let second = try take(&a)
    #expect(second?.bytes == [1])
  }

  @Test("receiving does not wait")
  func nonBlocking() throws {
    var socket = try UDPSocket(bindingTo: local(0))
    let none = try take(&socket)
    #expect(none == nil)
  }

  @Test("a datagram longer than the buffer is dropped whole and counted, and the next is found")
  func oversized() throws {
    var a = try UDPSocket(bindingTo: local(0))
    var b = try UDPSocket(bindingTo: local(0))
    try put(&a, Array(repeating: 1, count: 17), to: local(b.port))
    try put(&a, Array(repeating: 2, count: 16), to: local(b.port))
    Self.wait(b.fileDescriptor)
    let found = try take(&b, capacity: 16)
    let count = b.oversizedCount
    #expect(found?.bytes == Array(repeating: 2, count: 16))
    #expect(count == 1)
  }

  @Test("a peer that is not there is loss, not an error")
  func nobody() throws {
    var a = try UDPSocket(bindingTo: local(0))
    var gone = local(0)
    do {
      let b = try UDPSocket(bindingTo: local(0))
      gone = local(b.port)
    }
    for _ in 0..<3 {
      try put(&a, [1], to: gone)
      let none = try take(&a)
      #expect(none == nil)
    }
  }

  @Test("a port is bound once")
  func bound() throws {
    let a = try UDPSocket(bindingTo: local(0))
    let taken = local(a.port)
    do throws(PlatformError) {
      _ = try UDPSocket(bindingTo: taken)
      Issue.record("bound twice")
    } catch {
      #expect(error.kind == .busy)
    }
    _ = a.fileDescriptor
  }

  @Test("a socket bound to no address hears IPv4, and IPv6 where the kernel has it")
  func dualStack() throws {
    var all = try UDPSocket(bindingTo: Endpoint(address: InlineArray(repeating: 0), port: 0))
    var a = try UDPSocket(bindingTo: local(0))
    try put(&a, [4], to: local(all.port))
    Self.wait(all.fileDescriptor)
    let found = try take(&all)
    let sender = local(a.port)
    #expect(found?.bytes == [4])
    #expect(found?.from == sender)
    var six = InlineArray<16, UInt8>(repeating: 0)
    six[15] = 1
    guard var b = try? UDPSocket(bindingTo: Endpoint(address: six, port: 0)) else { return }
    try put(&b, [6], to: Endpoint(address: six, port: all.port))
    Self.wait(all.fileDescriptor)
    let second = try take(&all)
    #expect(second?.bytes == [6])
  }
}

@Suite("The simulated network")
struct SimulatedNetworkTests {
  @Test("without faults datagrams arrive whole, in order, with their sender")
  func order() throws {
    let network = SimulatedNetwork(seed: 1)
    var a = network.attach(local(1))
    var b = network.attach(local(2))
    for value in 0..<200 as Range<UInt8> { try put(&a, [value], to: local(2)) }
    for value in 0..<200 as Range<UInt8> {
      let found = try take(&b)
      #expect(found?.bytes == [value])
      #expect(found?.from == local(1))
    }
    let none = try take(&b)
    #expect(none == nil)
  }

  /// What arrives of 1000 numbered datagrams under `faults`.
  private static func arrivals(seed: UInt64, _ faults: NetworkFaults) throws -> [UInt16] {
    let network = SimulatedNetwork(seed: seed, faults: faults)
    var a = network.attach(local(1))
    var b = network.attach(local(2))
    for value in 0..<1000 as Range<UInt16> { try put(&a, [UInt8(value & 255), UInt8(value >> 8)], to: local(2)) }
    var result: [UInt16] = []
    while let found = try take(&b) { result.append(UInt16(found.bytes[0]) | UInt16(found.bytes[1]) << 8) }
    return result
  }

  @Test("one seed gives one history, another seed another")
  func seeded() throws {
    let faults = NetworkFaults(loss: 100, duplication: 100, reordering: 100)
    let first = try Self.arrivals(seed: 5, faults)
    #expect(try Self.arrivals(seed: 5, faults) == first)
    #expect(try Self.arrivals(seed: 6, faults) != first)
  }

  @Test("loss loses, duplication repeats, reordering overtakes, and each does only that")
  func faults() throws {
    let lossy = try Self.arrivals(seed: 7, NetworkFaults(loss: 300))
    #expect((600...800).contains(lossy.count) && lossy == lossy.sorted() && Set(lossy).count == lossy.count)
    let doubled = try Self.arrivals(seed: 7, NetworkFaults(duplication: 300))
    #expect((1200...1400).contains(doubled.count) && doubled == doubled.sorted() && Set(doubled).count == 1000)
    let mixed = try Self.arrivals(seed: 7, NetworkFaults(reordering: 300))
    #expect(mixed.count == 1000 && mixed != mixed.sorted() && Set(mixed).count == 1000)
    #expect(try Self.arrivals(seed: 7, NetworkFaults(loss: 1000)).isEmpty)
  }

  @Test("a full queue, a cut node and an unknown receiver lose datagrams and count them")
  func losses() throws {
    let network = SimulatedNetwork(seed: 1)
    var a = network.attach(local(1))
    var b = network.attach(local(2))
    for _ in 0..<(SimulatedNetwork.queueLimit + 3) { try put(&a, [1], to: local(2)) }
    #expect(network.waitingCount(at: local(2)) == SimulatedNetwork.queueLimit)
    #expect(network.lostCount == 3)
    try put(&a, [1], to: local(3))
    network.setCut(true, at: local(1))
    try put(&a, [1], to: local(2))
    try put(&b, [1], to: local(1))
    #expect(network.lostCount == 6)
    network.setCut(false, at: local(1))
    try put(&b, [8], to: local(1))
    let found = try take(&a)
    #expect(found?.bytes == [8])
  }

  @Test("a datagram longer than the buffer is dropped whole and counted, and the next is found")
  func oversized() throws {
    let network = SimulatedNetwork(seed: 1)
    var a = network.attach(local(1))
    var b = network.attach(local(2))
    try put(&a, Array(repeating: 1, count: 17), to: local(2))
    try put(&a, Array(repeating: 2, count: 16), to: local(2))
    let found = try take(&b, capacity: 16)
    let count = b.oversizedCount
    #expect(found?.bytes == Array(repeating: 2, count: 16))
    #expect(count == 1)
  }

  @Test("virtual time moves only when it is told to, and wall time may step back")
  func clock() {
    let clock = SimulatedClock(wall: WallTime(nanoseconds: 5_000_000_000))
    #expect(clock.monotonic().nanoseconds == 0 && clock.state() == .synchronised)
    clock.advance(milliseconds: 3)
    #expect(clock.monotonic().nanoseconds == 3_000_000 && clock.wall().nanoseconds == 5_003_000_000)
    clock.set(wall: WallTime(nanoseconds: 1), state: .unsynchronised)
    #expect(clock.monotonic().nanoseconds == 3_000_000 && clock.wall().nanoseconds == 1)
    #expect(clock.state() == .unsynchronised)
  }

  /// Worked out with a second implementation, in Python, from the papers' C.
  @Test("the generator is xoshiro256** seeded by SplitMix64")
  func generator() {
    var generator = SeededGenerator(seed: 0)
    #expect(generator.next() == 0x99EC_5F36_CB75_F2B4)
    #expect(generator.next() == 0xBF6E_1F78_4956_452A)
    #expect(generator.next() == 0x1A5F_849D_4933_E6E0)
  }
}
