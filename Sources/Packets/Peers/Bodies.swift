import Cryptography
import Units
import Wire

/// What a WANT asks for and a CHUNK carries.
public enum ObjectKind: UInt8, Sendable {
  /// The certificate of (owner, position); of position 0 the set's newest.
  case certificate = 1
  case product = 2
  case records = 3
  /// The set's newest certificate if it is of this position or a later one, and the coverage table after it.
  case head = 4
  case proof = 5
  /// Sent unasked: a round change or a new round, and the header of its value.
  case roundChange = 6
  case newRound = 7
  /// What shows the lies that the header of (owner, position) names; one object each.
  case contradiction = 8
  /// The header with this digest, and the hashes of its records in the order of the meters.
  case manifest = 9
}

/// Asks a peer for something it holds.
public struct Want: Equatable, Sendable {
  public static let encodedBytes = 144

  public var object: ObjectKind
  public var owner: ReplicaIndex
  public var meter: MeterIndex
  public var position: Position
  /// Records: through which they are.
  public var period: Period
  /// Records and manifests: of the header they stand under.
  public var digest: Digest
  /// Records: the meters whose records are missing.
  public var missing: FixedBytes<64>
  /// The receiver's highest packetSequence that its asker has seen in this run.
  public var highestSequence: UInt64
  /// How many of the receiver's packets its asker has opened in this run.
  public var receivedCount: UInt64
  /// Between that highest packet and this WANT.
  public var heldMicroseconds: UInt32

  /// Takes what an object needs to be told by; the rest is 0, which stands for "not of this object".
  public init(
    object: ObjectKind, owner: ReplicaIndex, meter: MeterIndex = MeterIndex(0), position: Position = Position(0),
    period: Period = Period(0), digest: Digest = Digest(), missing: FixedBytes<64> = FixedBytes(),
    highestSequence: UInt64 = 0, receivedCount: UInt64 = 0, heldMicroseconds: UInt32 = 0
  ) {
    self.object = object
    self.owner = owner
    self.meter = meter
    self.position = position
    self.period = period
    self.digest = digest
    self.missing = missing
    self.highestSequence = highestSequence
    self.receivedCount = receivedCount
    self.heldMicroseconds = heldMicroseconds
  }

  /// Appends 144 bytes. (docs/PROTOCOL.md, Want)
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(object.rawValue)
    output.writeZeros(1)
    output.write(owner.rawValue)
    output.write(meter.rawValue)
    output.writeZeros(2)
    output.write(position.rawValue)
    output.write(period.rawValue)
    output.write(digest)
    output.write(missing)
    output.write(highestSequence)
    output.write(receivedCount)
    output.write(heldMicroseconds)
    output.writeZeros(4)
  }

  /// Reads 144 bytes. Throws for an object that is not known; fields that the object does not need are not looked at.
  public init(decoding reader: inout WireReader) throws(WireError) {
    let code = try reader.read(UInt8.self)
    guard let object = ObjectKind(rawValue: code) else { throw .unknownKind(code) }
    self.object = object
    try reader.readZeros(1)
    owner = ReplicaIndex(try reader.read(UInt16.self))
    meter = MeterIndex(try reader.read(UInt16.self))
    try reader.readZeros(2)
    position = Position(try reader.read(UInt64.self))
    period = Period(try reader.read(UInt64.self))
    digest = try reader.read(Digest.self)
    missing = try reader.read(FixedBytes<64>.self)
    highestSequence = try reader.read(UInt64.self)
    receivedCount = try reader.read(UInt64.self)
    heldMicroseconds = try reader.read(UInt32.self)
    try reader.readZeros(4)
    try reader.expectEnd()
  }
}

/// A piece of an object too long for one datagram; its bytes follow.
public struct Chunk: Equatable, Sendable {
  public static let encodedBytes = 24
  public static let maximumPieceBytes = 1024

  public var object: ObjectKind
  public var owner: ReplicaIndex
  public var index: UInt16
  public var total: UInt16
  public var position: Position
  public var objectLength: UInt32

  /// Takes the head of one piece; the caller appends the piece itself behind it.
  public init(
    object: ObjectKind, owner: ReplicaIndex, index: UInt16, total: UInt16, position: Position, objectLength: UInt32
  ) {
    self.object = object
    self.owner = owner
    self.index = index
    self.total = total
    self.position = position
    self.objectLength = objectLength
  }

  /// Appends the 24 bytes before the piece. (docs/PROTOCOL.md, Chunk)
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(object.rawValue)
    output.writeZeros(1)
    output.write(owner.rawValue)
    output.write(index)
    output.write(total)
    output.write(position.rawValue)
    output.write(objectLength)
    output.writeZeros(4)
  }

  /// Reads the 24 bytes before the piece. Whether the numbers fit together is for ``Assembly/accepts(_:byteCount:)``.
  public init(decoding reader: inout WireReader) throws(WireError) {
    let code = try reader.read(UInt8.self)
    guard let object = ObjectKind(rawValue: code) else { throw .unknownKind(code) }
    self.object = object
    try reader.readZeros(1)
    owner = ReplicaIndex(try reader.read(UInt16.self))
    index = try reader.read(UInt16.self)
    total = try reader.read(UInt16.self)
    position = Position(try reader.read(UInt64.self))
    objectLength = try reader.read(UInt32.self)
    try reader.readZeros(4)
  }

  /// How many chunks carry an object of `count` bytes.
  public static func pieces(ofBytes count: Int) -> Int { (count + maximumPieceBytes - 1) / maximumPieceBytes }
  /// Bytes of the datagrams that carry an object.
  public static func datagramBytes(ofBytes count: Int) -> Int {
    count + pieces(ofBytes: count) * (PacketHeader.encodedBytes + encodedBytes + Sealer.tagBytes)
  }
}

/// Puts one object together from its chunks, in memory sized at start.
public struct Assembly: ~Copyable {
  private var buffer: ByteBuffer
  private var received: UInt64 = 0
  private var total: UInt16 = 0
  private var length: UInt32 = 0
  private var object = ObjectKind.certificate
  public private(set) var owner = ReplicaIndex(0)
  public private(set) var position = Position(0)

  /// Room for objects of at most `capacity` bytes.
  /// - Precondition: they have at most 64 pieces.
  public init(capacity: Int) {
    precondition(Chunk.pieces(ofBytes: capacity) <= 64, "one bit for each piece")
    // Most objects never come, and none is looked at before all of it is there.
    buffer = ByteBuffer(capacity: capacity, isTouched: false)
  }

  /// Whether this can be a piece of an object that there is room for.
  public borrowing func accepts(_ chunk: Chunk, byteCount: Int) -> Bool {
    // First of all: where an Int has 32 bits it does not hold every length that a packet can claim.
    guard chunk.objectLength > 0, UInt64(chunk.objectLength) <= UInt64(buffer.capacity) else { return false }
    let length = Int(chunk.objectLength)
    return Int(chunk.total) == Chunk.pieces(ofBytes: length) && chunk.index < chunk.total
      && byteCount == min(Chunk.maximumPieceBytes, length - Int(chunk.index) * Chunk.maximumPieceBytes)
  }

  /// Adds a piece; another object's piece starts over. True, once, when the object is complete.
  public mutating func add(_ chunk: Chunk, _ bytes: Span<UInt8>) -> Bool {
    guard accepts(chunk, byteCount: bytes.count) else { return false }
    let pieces = Int(chunk.total)
    let start = Int(chunk.index) * Chunk.maximumPieceBytes
    if chunk.object != object || chunk.owner != owner || chunk.position != position || chunk.total != total
      || chunk.objectLength != length
    {
      object = chunk.object
      owner = chunk.owner
      position = chunk.position
      total = chunk.total
      length = chunk.objectLength
      received = 0
    }
    let memory = buffer.mutableBytes
    for place in 0..<bytes.count { memory[start + place] = bytes[place] }
    received |= 1 << UInt64(chunk.index)
    buffer.setCount(Int(length))
    guard received.nonzeroBitCount == pieces else { return false }
    // Otherwise every piece that comes twice would have the whole object checked again.
    received = 0
    return true
  }

  /// The object, after ``add(_:_:)`` returned true and until it is called again.
  public var span: Span<UInt8> {
    @_lifetime(borrow self) borrowing get { buffer.span }
  }

  /// Forgets the pieces that came; the memory stays. Whose object they were is still told.
  public mutating func removeAll() {
    received = 0
    total = 0
    length = 0
  }
}

/// Shows a meter that a record of its own stands under a certified header; the siblings follow.
///
/// It holds what the record's signature covers and the meter cannot know, so a meter whose disk was lost finds its
/// registers again. (consensus rules C4, C5)
public struct InclusionProof: Equatable, Sendable {
  public static let encodedBytes = 128

  public var owner: ReplicaIndex
  public var meter: MeterIndex
  public var leafIndex: UInt16
  public var siblingCount: UInt16
  public var from: Period
  public var through: Period
  public var ciphertextHash: Digest
  public var closing: FixedBytes<72>

  /// Takes what the record's signature covers, and where its leaf stands.
  public init(
    owner: ReplicaIndex, meter: MeterIndex, leafIndex: UInt16, siblingCount: UInt16, from: Period, through: Period,
    ciphertextHash: Digest, closing: FixedBytes<72>
  ) {
    self.owner = owner
    self.meter = meter
    self.leafIndex = leafIndex
    self.siblingCount = siblingCount
    self.from = from
    self.through = through
    self.ciphertextHash = ciphertextHash
    self.closing = closing
  }

  /// Appends the 128 bytes before the siblings. (docs/PROTOCOL.md, InclusionProof)
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(owner.rawValue)
    output.write(meter.rawValue)
    output.write(leafIndex)
    output.write(siblingCount)
    output.write(from.rawValue)
    output.write(through.rawValue)
    output.write(ciphertextHash)
    output.write(closing)
  }

  /// Reads the 128 bytes before the siblings; their number is not checked here.
  public init(decoding reader: inout WireReader) throws(WireError) {
    owner = ReplicaIndex(try reader.read(UInt16.self))
    meter = MeterIndex(try reader.read(UInt16.self))
    leafIndex = try reader.read(UInt16.self)
    siblingCount = try reader.read(UInt16.self)
    from = Period(try reader.read(UInt64.self))
    through = Period(try reader.read(UInt64.self))
    ciphertextHash = try reader.read(Digest.self)
    closing = try reader.read(FixedBytes<72>.self)
  }
}
