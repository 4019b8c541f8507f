import Units
import Wire

/// What a WANT asks for and a CHUNK carries.
public enum ObjectKind: UInt8, Sendable {
  /// The certificate of (owner, period); with period 0 the set's newest.
  case certificate = 1
  case product = 2
  case records = 3
  case coverageTable = 4
  case proof = 5
}

/// Asks a peer for something it holds.
public struct Want: Equatable, Sendable {
  public static let encodedBytes = 80

  public var object: ObjectKind
  public var owner: ReplicaIndex
  public var meter: MeterIndex
  public var period: Period
  /// Records: the meters whose records are missing.
  public var missing: FixedBytes<64>

  public init(object: ObjectKind, owner: ReplicaIndex, meter: MeterIndex, period: Period, missing: FixedBytes<64>) {
    self.object = object
    self.owner = owner
    self.meter = meter
    self.period = period
    self.missing = missing
  }

  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(object.rawValue)
    output.writeZeros(1)
    output.write(owner.rawValue)
    output.write(meter.rawValue)
    output.writeZeros(2)
    output.write(period.rawValue)
    output.write(missing)
  }

  public init(decoding reader: inout WireReader) throws(WireError) {
    let code = try reader.read(UInt8.self)
    guard let object = ObjectKind(rawValue: code) else { throw .unknownKind(code) }
    self.object = object
    try reader.readZeros(1)
    owner = ReplicaIndex(try reader.read(UInt16.self))
    meter = MeterIndex(try reader.read(UInt16.self))
    try reader.readZeros(2)
    period = Period(try reader.read(UInt64.self))
    missing = try reader.read(FixedBytes<64>.self)
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
  public var period: Period
  public var objectLength: UInt32

  public init(
    object: ObjectKind, owner: ReplicaIndex, index: UInt16, total: UInt16, period: Period, objectLength: UInt32
  ) {
    self.object = object
    self.owner = owner
    self.index = index
    self.total = total
    self.period = period
    self.objectLength = objectLength
  }

  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(object.rawValue)
    output.writeZeros(1)
    output.write(owner.rawValue)
    output.write(index)
    output.write(total)
    output.write(period.rawValue)
    output.write(objectLength)
    output.writeZeros(4)
  }

  public init(decoding reader: inout WireReader) throws(WireError) {
    let code = try reader.read(UInt8.self)
    guard let object = ObjectKind(rawValue: code) else { throw .unknownKind(code) }
    self.object = object
    try reader.readZeros(1)
    owner = ReplicaIndex(try reader.read(UInt16.self))
    index = try reader.read(UInt16.self)
    total = try reader.read(UInt16.self)
    period = Period(try reader.read(UInt64.self))
    objectLength = try reader.read(UInt32.self)
    try reader.readZeros(4)
  }

  public static func pieces(ofBytes count: Int) -> Int { (count + maximumPieceBytes - 1) / maximumPieceBytes }
}

/// Shows a meter that its record stands under a certified header; the siblings follow.
public struct InclusionProof: Equatable, Sendable {
  public static let encodedBytes = 56

  public var owner: ReplicaIndex
  public var meter: MeterIndex
  public var leafIndex: UInt16
  public var siblingCount: UInt16
  public var period: Period
  public var recordHash: Digest

  public init(
    owner: ReplicaIndex, meter: MeterIndex, leafIndex: UInt16, siblingCount: UInt16, period: Period, recordHash: Digest
  ) {
    self.owner = owner
    self.meter = meter
    self.leafIndex = leafIndex
    self.siblingCount = siblingCount
    self.period = period
    self.recordHash = recordHash
  }

  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(owner.rawValue)
    output.write(meter.rawValue)
    output.write(leafIndex)
    output.write(siblingCount)
    output.write(period.rawValue)
    output.write(recordHash)
    output.writeZeros(8)
  }

  public init(decoding reader: inout WireReader) throws(WireError) {
    owner = ReplicaIndex(try reader.read(UInt16.self))
    meter = MeterIndex(try reader.read(UInt16.self))
    leafIndex = try reader.read(UInt16.self)
    siblingCount = try reader.read(UInt16.self)
    period = Period(try reader.read(UInt64.self))
    recordHash = try reader.read(Digest.self)
    try reader.readZeros(8)
  }
}
