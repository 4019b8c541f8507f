import Units
import Wire

/// Puts one object together from its chunks, in memory sized at start.
public struct Assembly: ~Copyable {
  private var buffer: ByteBuffer
  private var received: UInt64 = 0
  private var total: UInt16 = 0
  private var length: UInt32 = 0
  private var object: ObjectKind?
  public private(set) var owner = ReplicaIndex(0)
  public private(set) var period = Period(0)

  public init(capacity: Int) {
    precondition(Chunk.pieces(ofBytes: capacity) <= 64, "one bit for each piece")
    buffer = ByteBuffer(capacity: capacity)
  }

  /// Adds a piece; another object's piece starts over, and so does any piece after the object was complete. True when
  /// this piece completes the object. A piece that is there already is left as it was first received.
  public mutating func add(_ chunk: Chunk, _ bytes: Span<UInt8>) -> Bool {
    // Compared before it is converted: a length above 2^31 does not fit the Int of a 32-bit board.
    guard chunk.objectLength > 0, UInt64(chunk.objectLength) <= UInt64(buffer.capacity) else { return false }
    let pieces = Chunk.pieces(ofBytes: Int(chunk.objectLength))
    guard Int(chunk.total) == pieces, chunk.index < chunk.total else { return false }
    let start = Int(chunk.index) * Chunk.maximumPieceBytes
    guard bytes.count == min(Chunk.maximumPieceBytes, Int(chunk.objectLength) - start) else { return false }
    if !isPart(chunk) || received.nonzeroBitCount == pieces { begin(chunk) }
    let bit: UInt64 = 1 << UInt64(chunk.index)
    guard received & bit == 0 else { return false }
    let memory = buffer.mutableBytes
    for place in 0..<bytes.count { memory[start + place] = bytes[place] }
    received |= bit
    return received.nonzeroBitCount == pieces
  }

  private func isPart(_ chunk: Chunk) -> Bool {
    chunk.object == object && chunk.owner == owner && chunk.period == period && chunk.total == total
      && chunk.objectLength == length
  }

  private mutating func begin(_ chunk: Chunk) {
    object = chunk.object
    owner = chunk.owner
    period = chunk.period
    total = chunk.total
    length = chunk.objectLength
    received = 0
    buffer.setCount(Int(length))
  }

  /// The object, once ``add(_:_:)`` returned true.
  public var span: Span<UInt8> {
    @_lifetime(borrow self) borrowing get { buffer.span }
  }

  public mutating func removeAll() {
    received = 0
    total = 0
    length = 0
    object = nil
  }
}
