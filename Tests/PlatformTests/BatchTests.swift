import HAL
import LinuxPlatform
import Testing
import Wire

private func local(_ port: UInt16) -> Endpoint { Endpoint(ipv4: 127, 0, 0, 1, port: port) }

@Suite("Batches of datagrams on loopback (DESIGN §5)")
struct DatagramBatchTests {
  private static let bytes = 1232

  /// Everything that waits at the socket, in order.
  private static func drain(_ socket: borrowing UDPSocket, _ batch: inout DatagramBatch) throws -> [[UInt8]] {
    var result: [[UInt8]] = []
    while true {
      try batch.receive(from: socket)
      guard batch.count > 0 else { return result }
      for place in 0..<batch.count { result.append([UInt8](copying: batch.datagram(place))) }
    }
  }

  /// Runs that the kernel may cut up: of one size, with a shorter last, with a longer one behind, to another port between.
  private static let lengths = [1232, 1232, 1232, 1232, 700, 1232, 40, 41, 1, 1232, 1232, 100, 100, 100, 99, 1232]

  @Test(
    "of every mix of sizes and receivers arrive whole and in order, with segments and without",
    arguments: [true, false])
  func mixes(segments: Bool) throws {
    let from = try UDPSocket(bindingTo: local(0))
    let first = try UDPSocket(bindingTo: local(0))
    let second = try UDPSocket(bindingTo: local(0))
    var outgoing = try DatagramBatch(datagramBytes: Self.bytes)
    var incoming = try DatagramBatch(datagramBytes: Self.bytes)
    if !segments { outgoing.forbidSegments() }
    var expected: [[[UInt8]]] = [[], []]
    let ports = [first.port, second.port]
    for round in 0..<8 {
      for place in Self.lengths.indices {
        let target = round < 4 ? 0 : (place / 3 + round) % 2
        let payload = (0..<Self.lengths[place]).map { UInt8(truncatingIfNeeded: $0 &+ place &* 7 &+ round) }
        expected[target].append(payload)
        if outgoing.isFull { try outgoing.flush(by: from) }
        outgoing.append(to: local(ports[target])) { out in out.write(payload.span) }
      }
    }
    try outgoing.flush(by: from)
    let calls = outgoing.systemCallCount
    let cut = outgoing.usesSegments
    let arrived = try [Self.drain(first, &incoming), Self.drain(second, &incoming)]
    #expect(arrived == expected)
    #expect(calls < UInt64(expected[0].count + expected[1].count) / 8)
    #expect(!cut || segments)
    let sender = incoming.count
    #expect(sender == 0)
  }

  @Test("what is too long for the slots is dropped whole and counted; an empty datagram is nothing")
  func oversized() throws {
    let from = try UDPSocket(bindingTo: local(0))
    let to = try UDPSocket(bindingTo: local(0))
    var outgoing = try DatagramBatch(datagramBytes: 64)
    var incoming = try DatagramBatch(datagramBytes: 16)
    for length in [17, 16, 0, 64, 3] {
      outgoing.append(to: local(to.port)) { out in out.writeZeros(length) }
    }
    try outgoing.flush(by: from)
    try incoming.receive(from: to)
    var lengths: [Int] = []
    for place in 0..<incoming.count { lengths.append(incoming.datagram(place).count) }
    let oversized = incoming.oversizedCount
    #expect(lengths == [0, 16, 0, 3])
    #expect(oversized == 2)
  }

  @Test("what the network does not take is counted as lost, and its neighbours go")
  func lost() throws {
    let from = try UDPSocket(bindingTo: local(0))
    let to = try UDPSocket(bindingTo: local(0))
    var outgoing = try DatagramBatch(datagramBytes: 64)
    var incoming = try DatagramBatch(datagramBytes: 64)
    let nowhere = Endpoint(address: [0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], port: 9)
    outgoing.append(to: local(to.port)) { out in out.writeZeros(5) }
    outgoing.append(to: nowhere) { out in out.writeZeros(5) }
    outgoing.append(to: local(to.port)) { out in out.writeZeros(6) }
    try outgoing.flush(by: from)
    try incoming.receive(from: to)
    let count = incoming.count
    let lost = outgoing.lostCount
    #expect(count == 2)
    #expect(lost == 1)
  }

  @Test("the loop wakes for a descriptor, and for the moment without one")
  func loop() throws {
    let clock = LinuxClock()
    let from = try UDPSocket(bindingTo: local(0))
    let to = try UDPSocket(bindingTo: local(0))
    var events = try EventLoop()
    try events.add(to.fileDescriptor, tag: 5)
    let moment = clock.monotonic().adding(milliseconds: 20)
    let nothing = try events.wait(until: moment)
    #expect(nothing == 0)
    #expect(clock.monotonic() >= moment)
    // A moment that has passed does not wait, however often it is asked for.
    for _ in 0..<3 { _ = try events.wait(until: moment) }
    var outgoing = try DatagramBatch(datagramBytes: 64)
    outgoing.append(to: local(to.port)) { out in out.writeZeros(1) }
    try outgoing.flush(by: from)
    let mask = try events.wait(until: clock.monotonic().adding(milliseconds: 1000))
    #expect(mask == 1 << 5)
  }
}
