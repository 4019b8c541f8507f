import Units
import Wire

/// What a vote says; the numbers are those on the wire. A primary's proposal is its prepare.
public enum StatementKind: UInt8, Sendable {
  case prepare = 2
  case commit = 3
  case roundChange = 4
}

/// What a round change says its signer has prepared: the round of its prepared certificate, or none.
///
/// As it is signed: the period, and one more than the view; all zero without a certificate, because (0, 0) is a round.
public struct LockClaim: Hashable, Comparable, Sendable {
  public static let encodedBytes = 12
  public static let none = LockClaim()

  public let period: Period
  public let viewAfter: UInt32

  private init() {
    period = Period(0)
    viewAfter = 0
  }

  /// The claim of a certificate that was prepared in this round.
  /// - Precondition: the view is below 2³² − 1.
  public init(_ round: Round) {
    period = round.period
    viewAfter = mutated(.firstRoundClaimedAsNone) ? round.view.rawValue : round.view.rawValue + 1
  }

  public var round: Round? { viewAfter == 0 ? nil : Round(period, View(viewAfter - 1)) }

  public static func < (left: Self, right: Self) -> Bool {
    if mutated(.roundsComparedByView) { return left.viewAfter < right.viewAfter }
    return left.period == right.period ? left.viewAfter < right.viewAfter : left.period < right.period
  }

  /// Appends 12 bytes. (docs/PROTOCOL.md, LockClaim)
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(period.rawValue)
    output.write(viewAfter)
  }

  /// Reads 12 bytes; throws ``WireError/outOfRange(offset:)`` for a period without a view.
  public init(decoding reader: inout WireReader) throws(WireError) {
    let start = reader.offset
    period = Period(try reader.read(UInt64.self))
    viewAfter = try reader.read(UInt32.self)
    // One encoding for none.
    guard viewAfter > 0 || period.rawValue == 0 || mutated(.firstRoundClaimedAsNone) else {
      throw .outOfRange(offset: start)
    }
  }
}

/// The 128 bytes that every vote signs. Canonical: one encoding for each value. (DESIGN §2.3)
public struct Statement: Equatable, Sendable {
  public static let encodedBytes = 128

  public var kind: StatementKind
  public var networkIdentifier: Digest
  public var epoch: Epoch
  public var group: GroupIndex
  public var owner: ReplicaIndex
  public var position: Position
  public var round: Round
  public var digest: Digest
  /// Of a round change; none in every other kind.
  public var claim: LockClaim
  public var signer: ReplicaIndex

  /// Takes network, epoch and group from `context`, everything else as it is.
  public init(
    kind: StatementKind, in context: GroupContext, owner: ReplicaIndex, position: Position, round: Round,
    digest: Digest, claim: LockClaim = .none, signer: ReplicaIndex
  ) {
    self.kind = kind
    networkIdentifier = context.networkIdentifier
    epoch = context.epoch
    group = context.group
    self.owner = owner
    self.position = position
    self.round = round
    self.digest = digest
    self.claim = claim
    self.signer = signer
  }

  /// Appends the 128 bytes that a signature covers. (docs/PROTOCOL.md, Statement)
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.writeTag("BUSBAR/2")
    output.write(kind.rawValue)
    output.writeZeros(3)
    output.write(networkIdentifier)
    output.write(epoch.rawValue)
    output.write(group.rawValue)
    output.write(owner.rawValue)
    output.write(round.period.rawValue)
    output.write(position.rawValue)
    output.write(round.view.rawValue)
    output.write(digest)
    claim.encode(into: &output)
    output.write(signer.rawValue)
    output.writeZeros(6)
  }

  /// Reads 128 bytes. Throws for a statement of version 1, an unknown kind, a view of 2³² − 1 or zeros that are none;
  /// whether signer and owner are members is for others to say.
  public init(decoding reader: inout WireReader) throws(WireError) {
    try reader.readTag("BUSBAR/2", inVersion1: "BUSBAR/1")
    let code = try reader.read(UInt8.self)
    guard let kind = StatementKind(rawValue: code) else { throw .unknownKind(code) }
    self.kind = kind
    try reader.readZeros(3)
    networkIdentifier = try reader.read(Digest.self)
    epoch = Epoch(try reader.read(UInt64.self))
    group = GroupIndex(try reader.read(UInt16.self))
    owner = ReplicaIndex(try reader.read(UInt16.self))
    let period = Period(try reader.read(UInt64.self))
    position = Position(try reader.read(UInt64.self))
    round = Round(period, View(try reader.read(UInt32.self)))
    // One more than a view must be a number, in claims.
    guard round.view.rawValue < UInt32.max else { throw .outOfRange(offset: reader.offset - 4) }
    digest = try reader.read(Digest.self)
    claim = try LockClaim(decoding: &reader)
    signer = ReplicaIndex(try reader.read(UInt16.self))
    try reader.readZeros(6)
  }
}
