import HAL
import Wire

/// How a network treats datagrams, each chance in thousandths.
public struct NetworkFaults: Equatable, Sendable {
  public var loss: UInt32
  public var duplication: UInt32
  /// A datagram that overtakes all that wait at its receiver.
  public var reordering: UInt32

  /// Chances in thousandths, 0 for never and 1000 for always.
  public init(loss: UInt32 = 0, duplication: UInt32 = 0, reordering: UInt32 = 0) {
    precondition(loss <= 1000 && duplication <= 1000 && reordering <= 1000)
    self.loss = loss
    self.duplication = duplication
    self.reordering = reordering
  }
}

/// Datagrams between nodes of one thread. Without faults they arrive at once and in order.
public final class SimulatedNetwork {
  /// Datagrams that may wait at one node; more are dropped, as a full socket buffer does.
  public static let queueLimit = 4096

  struct Datagram {
    let sender: Endpoint
    let bytes: [UInt8]
  }
  private struct Node {
    let endpoint: Endpoint
    var queue: [Datagram] = []
    /// Index of the first that waits; what is before it was received.
    var head = 0
    /// Whether it is cut off from the others.
    var isCut = false
  }

  private var nodes: [Node] = []
  private var generator: SeededGenerator
  public var faults: NetworkFaults
  /// Datagrams that were lost: by chance, by a cut, by a full queue, for want of a receiver.
  public private(set) var lostCount: UInt64 = 0

  /// A network that nobody is attached to. The same seed and the same calls lose the same datagrams.
  public init(seed: UInt64, faults: NetworkFaults = NetworkFaults()) {
    generator = SeededGenerator(seed: seed)
    self.faults = faults
  }

  /// A socket at `endpoint`. One that was there before stays, with what waits in it: a node that restarts is heard again.
  public func attach(_ endpoint: Endpoint) -> SimulatedSocket {
    if place(of: endpoint) == nil { nodes.append(Node(endpoint: endpoint)) }
    return SimulatedSocket(network: self, endpoint: endpoint)
  }

  /// Cuts a node off, or joins it again. What waits at it already stays.
  public func setCut(_ isCut: Bool, at endpoint: Endpoint) {
    if let place = place(of: endpoint) { nodes[place].isCut = isCut }
  }

  /// How many datagrams wait to be received at `endpoint`; 0 where nobody is attached.
  public func waitingCount(at endpoint: Endpoint) -> Int {
    guard let place = place(of: endpoint) else { return 0 }
    return nodes[place].queue.count - nodes[place].head
  }

  private func place(of endpoint: Endpoint) -> Int? { nodes.firstIndex { $0.endpoint == endpoint } }

  private func happens(_ thousandths: UInt32) -> Bool {
    thousandths > 0 && generator.next() % 1000 < UInt64(thousandths)
  }

  func send(_ bytes: Span<UInt8>, from sender: Endpoint, to receiver: Endpoint) {
    guard let source = place(of: sender), let target = place(of: receiver), !nodes[source].isCut, !nodes[target].isCut,
      !happens(faults.loss)
    else {
      lostCount += 1
      return
    }
    let copies = happens(faults.duplication) ? 2 : 1
    for _ in 0..<copies {
      guard nodes[target].queue.count - nodes[target].head < Self.queueLimit else {
        lostCount += 1
        continue
      }
      let datagram = Datagram(sender: sender, bytes: Array(copying: bytes))
      if happens(faults.reordering) {
        nodes[target].queue.insert(datagram, at: nodes[target].head)
      } else {
        nodes[target].queue.append(datagram)
      }
    }
  }

  func receive(at endpoint: Endpoint) -> Datagram? {
    guard let place = place(of: endpoint), nodes[place].head < nodes[place].queue.count else { return nil }
    let datagram = nodes[place].queue[nodes[place].head]
    nodes[place].head += 1
    if nodes[place].head == nodes[place].queue.count || nodes[place].head == Self.queueLimit {
      nodes[place].queue.removeFirst(nodes[place].head)
      nodes[place].head = 0
    }
    return datagram
  }
}

/// One node's end of a ``SimulatedNetwork``.
public struct SimulatedSocket: ~Copyable, DatagramSocket {
  private let network: SimulatedNetwork
  public let endpoint: Endpoint
  /// Datagrams longer than the caller's buffer, dropped whole.
  public private(set) var oversizedCount: UInt64 = 0

  init(network: SimulatedNetwork, endpoint: Endpoint) {
    self.network = network
    self.endpoint = endpoint
  }

  public mutating func send(_ bytes: Span<UInt8>, to endpoint: Endpoint) throws(PlatformError) {
    network.send(bytes, from: self.endpoint, to: endpoint)
  }

  public mutating func receive(into output: inout OutputSpan<UInt8>) throws(PlatformError) -> Endpoint? {
    while let datagram = network.receive(at: endpoint) {
      guard datagram.bytes.count <= output.freeCapacity else {
        oversizedCount += 1
        continue
      }
      output.write(datagram.bytes.span)
      return datagram.sender
    }
    return nil
  }
}
