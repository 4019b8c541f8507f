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
  /// Frames of other units, late answers and noise that were dropped.
  public private(set) var foreignFrames: UInt64 = 0
  public private(set) var echoes: UInt64 = 0
  private var quirks: ModbusQuirks = []
  /// What came since the request was sent and did not count, the last of it; nil without anything.
  public private(set) var ignored: ModbusError?

  /// Awaits the answer to `request`. Memory for the longest answer is taken here.
  public init(_ request: ModbusRequest, _ framing: ModbusFraming) {
    self.request = request
    self.framing = framing
  }

  /// Forgets what came for the request before; over TCP only whole answers, as the rest of one that is on its way
  /// would be taken for the head of the next.
  public mutating func start(_ request: ModbusRequest, _ framing: ModbusFraming, _ quirks: ModbusQuirks = []) {
    self.request = request
    self.framing = framing
    self.quirks = quirks
    if framing == .rtu || quirks.contains(.anyTransaction) { received.removeAll() } else { drop(answerByteCount) }
    answerByteCount = 0
    ignored = nil
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

  /// Drops frames of other units, late answers, our own echo and noise from the front, then judges the rest.
  /// - Returns: true when the answer is there; its registers are read with ``register(_:)``.
  /// - Throws: ``ModbusError`` that ends this exchange.
  public mutating func isComplete() throws(ModbusError) -> Bool {
    while true {
      do throws(ModbusError) {
        switch try request.progress(of: received.span, framing, quirks) {
        case .incomplete:
          // Half an echo announces more bytes than will ever come.
          if skipToAnswer() { continue }
          return false
        case .complete(let byteCount):
          answerByteCount = byteCount
          return true
        }
      } catch {
        if try !goesOn(after: error) { return false }
      }
    }
  }

  /// What to do with a front that is no answer.
  /// - Returns: whether what is left may be judged at once; false waits for more bytes.
  /// - Throws: that error where nothing that can still come would count.
  private mutating func goesOn(after error: ModbusError) throws(ModbusError) -> Bool {
    if case .exception = error {
      answerByteCount = request.droppable(received.span, after: error, framing)
      throw error
    }
    if error == .echo {
      echoes &+= 1
      drop(request.droppable(received.span, after: error, framing))
      return true
    }
    if !planted(.ignoredNotTold) { ignored = error }
    if skipToAnswer() { return true }
    // 1. A transceiver that lets go of the line late puts a 0x00 before the answer.
    // 2. Its first bytes then look like another frame, whose checksum is wrong.
    // 3. The answer behind them may not be whole yet.
    if isUnreadable(error), mayFollow, !planted(.halfAnswerForgotten) { return false }
    switch error {
    case .wrongUnit, .wrongTransaction:
      foreignFrames &+= 1
      drop(request.droppable(received.span, after: error, framing))
      return true
    case .checksum where received.span[0] != request.unit && !planted(.noiseEndsExchange):
      // Noise, or another unit's frame that was damaged: not ours, and nothing in it can begin what is.
      foreignFrames &+= 1
      drop(received.count)
      return true
    default: throw error
    }
  }

  /// Whether an error speaks of bytes that are no frame of anybody.
  private func isUnreadable(_ error: ModbusError) -> Bool {
    guard framing == .rtu else { return false }
    if case .checksum = error { return true }
    return ModbusRequest.frameByteCount(of: received.span) == nil
  }

  /// Drops everything before a good answer, or refusal, that stands behind something else.
  private mutating func skipToAnswer() -> Bool {
    guard framing == .rtu, received.count > 1, request.likeness(of: received.span) == .no,
      !planted(.noResynchronisation)
    else { return false }
    for offset in 1..<received.count
    where request.likeness(of: received.span.extracting(offset..<received.count)) == .whole {
      foreignFrames &+= 1
      drop(offset)
      return true
    }
    return false
  }

  /// Whether an answer may have begun behind the front.
  private var mayFollow: Bool {
    for offset in 1..<received.count
    where request.likeness(of: received.span.extracting(offset..<received.count)) == .part { return true }
    return false
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
