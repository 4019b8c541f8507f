import Wire

/// Several devices at one line. Bytes in, bytes out; time is the caller's.
public struct SimulatedBus: Sendable {
  public static let maximumPendingBytes = 1024

  public let framing: FarEnd.Framing
  public var slaves: [SimulatedSlave]
  private var received: [UInt8] = []

  /// A line with these devices on it; two of one unit would both answer.
  public init(_ framing: FarEnd.Framing = .rtu, slaves: [SimulatedSlave]) {
    self.framing = framing
    self.slaves = slaves
  }

  /// An answer and when its first byte leaves.
  public struct Answer: Sendable {
    public var bytes: [UInt8]
    public var latencyMilliseconds: Int64
    /// Of the device that gave it.
    public var slave: Int
  }

  /// Takes what was written to the line.
  public mutating func receive(_ bytes: some Sequence<UInt8>, at milliseconds: Int64) -> [Answer] {
    received += bytes
    if received.count > Self.maximumPendingBytes { received.removeFirst(received.count - Self.maximumPendingBytes) }
    var answers: [Answer] = []
    while let (request, transaction) = FarEnd.next(&received, framing) {
      for index in slaves.indices where slaves[index].unit == request[0] {
        let reply = slaves[index].answer(request, at: milliseconds)
        if reply.isEmpty { continue }
        answers.append(
          Answer(
            bytes: FarEnd.framed(reply, transaction, framing), latencyMilliseconds: slaves[index].latencyMilliseconds,
            slave: index))
      }
    }
    return answers
  }

  /// The line was cut: half a request is forgotten.
  public mutating func hangUp() { received.removeAll() }
}
