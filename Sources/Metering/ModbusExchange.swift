import Wire

/// One request on its way and what has come back for it. Holds no port and no clock.
public struct ModbusExchange: ~Copyable {
  /// Twice the longest reply: somebody else's frame may stand before ours.
  public static let capacity = 2 * ModbusRequest.maximumReplyBytes

  public private(set) var request: ModbusRequest
  public private(set) var framing: ModbusFraming
  private var received = ByteBuffer(capacity: capacity)
  /// Of a complete answer at the front; 0 without one.
  private var answerByteCount = 0
  /// Frames of other units and late answers that were dropped.
  public private(set) var foreignFrames: UInt64 = 0
  public private(set) var echoes: UInt64 = 0

  public init(_ request: ModbusRequest, _ framing: ModbusFraming) {
    self.request = request
    self.framing = framing
  }

  /// Forgets what came for the request before; over TCP only whole answers, as the rest of one that is on its way
  /// would be taken for the head of the next.
  public mutating func start(_ request: ModbusRequest, _ framing: ModbusFraming) {
    self.request = request
    self.framing = framing
    if framing == .rtu { received.removeAll() } else { drop(answerByteCount) }
    answerByteCount = 0
  }

  public var freeCapacity: Int { received.capacity - received.count }
  public var receivedByteCount: Int { received.count }

  /// Appends what `fill` writes, at most ``freeCapacity`` bytes.
  public mutating func append(_ fill: (inout OutputSpan<UInt8>) -> Void) { received.append(fill) }

  /// Takes as many bytes as fit.
  public mutating func append(_ bytes: Span<UInt8>) {
    let count = min(bytes.count, freeCapacity)
    received.append { output in for index in 0..<count { output.append(bytes[index]) } }
  }

  /// Drops frames of other units, late answers and our own echo from the front, then judges the rest.
  /// - Returns: true when the answer is there; its registers are read with ``register(_:)``.
  /// - Throws: ``ModbusError`` that ends this exchange.
  public mutating func isComplete() throws(ModbusError) -> Bool {
    while true {
      do {
        switch try request.progress(of: received.span, framing) {
        case .incomplete: return false
        case .complete(let byteCount):
          answerByteCount = byteCount
          return true
        }
      } catch {
        switch error {
        case .wrongUnit, .wrongTransaction: foreignFrames &+= 1
        case .echo: echoes &+= 1
        case .exception:
          answerByteCount = request.droppable(received.span, after: error, framing)
          throw error
        default: throw error
        }
        drop(request.droppable(received.span, after: error, framing))
      }
    }
  }

  /// The `index`-th register of the answer.
  /// - Precondition: ``isComplete()`` returned true, and the request reads.
  public func register(_ index: Int) -> UInt16 { request.register(index, of: received.span, framing) }

  private mutating func drop(_ byteCount: Int) {
    let count = min(byteCount, received.count)
    let bytes = received.mutableBytes
    for index in count..<received.count { bytes[index - count] = bytes[index] }
    received.setCount(received.count - count)
  }
}
