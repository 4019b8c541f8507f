import Units
import Wire

public enum StatementKind: UInt8, Sendable {
  case prePrepare = 1
  case prepare = 2
  case commit = 3
  case viewChange = 4
  case newView = 5
}

/// The 120 bytes that every vote signs. Canonical: one encoding for each value. (DESIGN §2.3)
public struct Statement: Equatable, Sendable {
  public static let encodedBytes = 120

  public var kind: StatementKind
  public var networkIdentifier: Digest
  public var epoch: Epoch
  public var group: GroupIndex
  public var owner: ReplicaIndex
  public var period: Period
  public var sequenceNumber: SequenceNumber
  public var view: View
  public var digest: Digest
  public var signer: ReplicaIndex

  public init(
    kind: StatementKind, in context: GroupContext, owner: ReplicaIndex, period: Period, view: View, digest: Digest,
    signer: ReplicaIndex
  ) {
    self.kind = kind
    networkIdentifier = context.networkIdentifier
    epoch = context.epoch
    group = context.group
    self.owner = owner
    self.period = period
    sequenceNumber = SequenceNumber(0)
    self.view = view
    self.digest = digest
    self.signer = signer
  }

  public func encode(into output: inout OutputSpan<UInt8>) {
    output.writeTag("BUSBAR/1")
    output.write(kind.rawValue)
    output.writeZeros(3)
    output.write(networkIdentifier)
    output.write(epoch.rawValue)
    output.write(group.rawValue)
    output.write(owner.rawValue)
    output.write(period.rawValue)
    output.write(sequenceNumber.rawValue)
    output.write(view.rawValue)
    output.write(digest)
    output.write(signer.rawValue)
    output.writeZeros(10)
  }

  public init(decoding reader: inout WireReader) throws(WireError) {
    try reader.readTag("BUSBAR/1")
    let code = try reader.read(UInt8.self)
    guard let kind = StatementKind(rawValue: code) else { throw .unknownKind(code) }
    self.kind = kind
    try reader.readZeros(3)
    networkIdentifier = try reader.read(Digest.self)
    epoch = Epoch(try reader.read(UInt64.self))
    group = GroupIndex(try reader.read(UInt16.self))
    owner = ReplicaIndex(try reader.read(UInt16.self))
    period = Period(try reader.read(UInt64.self))
    sequenceNumber = SequenceNumber(try reader.read(UInt64.self))
    view = View(try reader.read(UInt32.self))
    digest = try reader.read(Digest.self)
    signer = ReplicaIndex(try reader.read(UInt16.self))
    try reader.readZeros(10)
  }
}
