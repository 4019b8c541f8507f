import Commands
import Cryptography
import HAL
import LinuxPlatform
import Node
import NodeProcess
import Packets
import Units
import Wire

/// Datagrams to one party, in order.
final class BenchQueue {
  private let capacity: Int
  private let bytes: UnsafeMutablePointer<UInt8>
  private var lengths: [Int]
  private var senders: [UInt16]
  private var first = 0
  private(set) var count = 0

  init(capacity: Int) {
    self.capacity = capacity
    bytes = .allocate(capacity: capacity * Sealer.maximumDatagramBytes)
    lengths = Array(repeating: 0, count: capacity)
    senders = Array(repeating: 0, count: capacity)
  }

  deinit { bytes.deallocate() }

  func put(_ datagram: Span<UInt8>, from sender: UInt16) {
    precondition(count < capacity, "the bench's network is too small for its group")
    let place = (first + count) % capacity
    for index in 0..<datagram.count { bytes[place * Sealer.maximumDatagramBytes + index] = datagram[index] }
    lengths[place] = datagram.count
    senders[place] = sender
    count += 1
  }

  /// The next datagram, until the next ``put(_:from:)``; nil when there is none.
  func take() -> (bytes: UnsafeBufferPointer<UInt8>, sender: UInt16)? {
    guard count > 0 else { return nil }
    let place = first
    first = (first + 1) % capacity
    count -= 1
    let start = bytes + place * Sealer.maximumDatagramBytes
    return (UnsafeBufferPointer(start: start, count: lengths[place]), senders[place])
  }
}

/// What is under one aggregator when it is to be measured as a process is: a journal in a file with its syncs, and sockets.
final class BenchMachine {
  var host: LinuxHost
  var incoming: DatagramBatch
  /// What others sent reaches it from here; what it sends goes where nobody reads, and beside that to whom it is for.
  var feeder: UDPSocket
  private let sink: UDPSocket
  let sinkEndpoint: Endpoint
  let ownEndpoint: Endpoint
  var writes: UInt64 = 0

  init(_ folder: String, _ identity: JournalIdentity, cellBytes: Int) throws(PlatformError) {
    let loopback = Endpoint(ipv4: 127, 0, 0, 1, port: 0)
    let socket = try UDPSocket(bindingTo: loopback)
    sink = try UDPSocket(bindingTo: loopback)
    feeder = try UDPSocket(bindingTo: loopback)
    ownEndpoint = Endpoint(ipv4: 127, 0, 0, 1, port: socket.port)
    sinkEndpoint = Endpoint(ipv4: 127, 0, 0, 1, port: sink.port)
    try Files.makeFolder(folder)
    let journal = try FileJournal(folder + "/journal", as: identity)
    incoming = try DatagramBatch(datagramBytes: Sealer.maximumDatagramBytes)
    host = LinuxHost(
      socket: socket, outgoing: try DatagramBatch(datagramBytes: Sealer.maximumDatagramBytes), journal: journal,
      cells: FileCells(folder + "/unpublished", cellBytes: cellBytes), published: nil, packetKeyLog: nil)
  }

  var numbers: Numbers {
    Numbers(
      syncs: host.syncCount, writes: writes, networkCalls: host.outgoing.systemCallCount + incoming.systemCallCount,
      journalBytes: host.journal.appendedBytes)
  }

  struct Numbers {
    var syncs: UInt64 = 0
    var writes: UInt64 = 0
    var networkCalls: UInt64 = 0
    /// Of a journal that is not begun anew meanwhile.
    var journalBytes: UInt64 = 0
  }
}

/// The host of nodes in `bench node` and `bench round`: one type, since a program has an aggregator's code once for each that is under it.
struct BenchHost: ~Copyable, NodeHost {
  let place: UInt16
  /// By the port of who is sent something; empty where only STATUS packets are kept.
  let queues: [BenchQueue]
  let machine: BenchMachine?
  var random = SecureRandom()
  /// The last one to each member.
  var statuses: [[UInt8]] = []
  var numbers = RoundBenchNumbers()

  init(_ place: Int, _ queues: [BenchQueue], _ machine: BenchMachine? = nil) {
    self.place = UInt16(place)
    self.queues = queues
    self.machine = machine
  }

  mutating func send(_ datagram: Span<UInt8>, to endpoint: Endpoint) {
    numbers.sent += 1
    numbers.sentBytes += UInt64(datagram.count)
    if let machine { machine.host.send(datagram, to: machine.sinkEndpoint) }
    if !queues.isEmpty {
      queues[Int(endpoint.port)].put(datagram, from: place)
    } else if datagram[1] == PacketType.status.rawValue, Int(endpoint.port) < statuses.count {
      statuses[Int(endpoint.port)] = [UInt8](copying: datagram)
    }
  }
  mutating func append(_ entry: Span<UInt8>) throws(PlatformError) {
    numbers.journalBytes += UInt64(entry.count)
    guard let machine else { return }
    machine.writes += 1
    try machine.host.append(entry)
  }
  mutating func sync() throws(PlatformError) { try machine?.host.sync() }
  mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) { try machine?.host.reread(visit) }
  mutating func writeCell(_ bytes: Span<UInt8>, to place: CellPlace) throws(PlatformError) {
    try machine?.host.writeCell(bytes, to: place)
  }
  mutating func readCell(_ place: CellPlace) throws(PlatformError) -> [UInt8]? { try machine?.host.readCell(place) }
  mutating func freeCell(_ place: CellPlace) throws(PlatformError) { try machine?.host.freeCell(place) }
  mutating func syncCells() throws(PlatformError) { try machine?.host.syncCells() }
  mutating func publish(
    _ kind: Publication, period: Period, owner: ReplicaIndex, _ bytes: Span<UInt8>
  ) throws(PlatformError) { numbers.published += 1 }
}
