import Consensus
import Cryptography
import Units
import Wire

/// Two different signed statements of one party where it may make one: what it takes to show its lie to others. Hashes and
/// signatures only, no record. (consensus rule 49)
///
/// With the receiver's network, epoch, group and key identifier the fields give both statements.
public struct Contradiction: Equatable, Sendable {
  /// What was signed twice; the numbers are those on the wire, and of votes those of ``StatementKind``.
  public enum Kind: UInt8, Sendable {
    case prepare = 2
    case commit = 3
    case roundChange = 4
    case record = 16
  }

  /// What the two statements do not share.
  public struct Half: Equatable, Sendable {
    /// Of round changes.
    public var claim = LockClaim.none
    /// Of votes the digest voted for, of records the ciphertext's.
    public var digest = Digest()
    /// Of records.
    public var closing = FixedBytes<72>()
    public var signature = Signature()

    /// All zero: a half that is filled in field by field.
    public init() {}
  }

  public static let voteBytes = 32 + 2 * 108
  public static let recordBytes = 32 + 2 * 168
  public static let maximumBytes = recordBytes

  public var kind: Kind
  public var owner: ReplicaIndex
  /// The member, or the meter in the owner's set.
  public var accused: UInt16
  /// Of votes the round's, of records `through`.
  public var period: Period
  /// The position of votes; of records, `from`.
  public var place: UInt64
  /// Of votes.
  public var view: View
  public var first: Half
  public var second: Half

  public var party: AccusedParty {
    kind == .record ? .meter(MeterIndex(accused), of: owner) : .aggregator(ReplicaIndex(accused))
  }

  /// Of two votes of one member for one round.
  public init(_ earlier: Vote, _ later: Vote) {
    let statement = earlier.statement
    switch statement.kind {
    case .prepare: kind = .prepare
    case .commit: kind = .commit
    case .roundChange: kind = .roundChange
    }
    owner = statement.owner
    accused = statement.signer.rawValue
    period = statement.round.period
    place = statement.position.rawValue
    view = statement.round.view
    first = Half()
    first.claim = statement.claim
    first.digest = statement.digest
    first.signature = earlier.signature
    second = Half()
    second.claim = later.statement.claim
    second.digest = later.statement.digest
    second.signature = later.signature
  }

  /// Of two records of one meter for the same periods.
  public init(_ earlier: RecordStatement, _ later: RecordStatement) {
    kind = .record
    owner = earlier.record.owner
    accused = earlier.record.meter.rawValue
    period = earlier.record.through
    place = earlier.record.from.rawValue
    view = View(0)
    func half(_ statement: RecordStatement) -> Half {
      var result = Half()
      result.digest = statement.ciphertextHash
      result.closing = statement.record.closing
      result.signature = statement.record.signature
      return result
    }
    first = half(earlier)
    second = half(later)
  }

  /// Appends 248 bytes for votes, 368 for records. (docs/PROTOCOL.md, Contradiction)
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(kind.rawValue)
    output.writeZeros(1)
    output.write(owner.rawValue)
    output.write(accused)
    output.writeZeros(2)
    output.write(period.rawValue)
    output.write(place)
    output.write(view.rawValue)
    output.writeZeros(4)
    encode(first, into: &output)
    encode(second, into: &output)
  }

  private func encode(_ half: Half, into output: inout OutputSpan<UInt8>) {
    if kind != .record { half.claim.encode(into: &output) }
    output.write(half.digest)
    if kind == .record { output.write(half.closing) }
    output.write(half.signature)
  }

  /// Reads one contradiction, behind which nothing may stand. That both halves differ and both signatures hold is not checked here.
  public init(decoding reader: inout WireReader) throws(WireError) {
    let code = try reader.read(UInt8.self)
    guard let kind = Kind(rawValue: code) else { throw .unknownKind(code) }
    self.kind = kind
    try reader.readZeros(1)
    owner = ReplicaIndex(try reader.read(UInt16.self))
    accused = try reader.read(UInt16.self)
    try reader.readZeros(2)
    period = Period(try reader.read(UInt64.self))
    place = try reader.read(UInt64.self)
    view = View(try reader.read(UInt32.self))
    try reader.readZeros(4)
    guard view.rawValue < UInt32.max, kind != .record || view.rawValue == 0 else {
      throw .outOfRange(offset: reader.offset - 8)
    }
    first = try Self.half(kind, &reader)
    second = try Self.half(kind, &reader)
    try reader.expectEnd()
  }

  private static func half(_ kind: Kind, _ reader: inout WireReader) throws(WireError) -> Half {
    var half = Half()
    if kind != .record { half.claim = try LockClaim(decoding: &reader) }
    half.digest = try reader.read(Digest.self)
    if kind == .record { half.closing = try reader.read(FixedBytes<72>.self) }
    half.signature = try reader.read(Signature.self)
    return half
  }

  /// Whether the party signed both, and may not have. Cost: two signature checks.
  public func holds(in genesis: Genesis) -> Bool {
    guard owner.rawValue < genesis.members else { return false }
    return kind == .record ? recordsHold(genesis) : votesHold(genesis)
  }

  private func votesHold(_ genesis: Genesis) -> Bool {
    guard accused < genesis.members, first.digest != second.digest || first.claim != second.claim,
      kind == .roundChange || first.claim == .none && second.claim == .none
    else { return false }
    let key = genesis.aggregators[Int(accused)].verificationKey
    let kind: StatementKind =
      switch self.kind {
      case .prepare: .prepare
      case .commit: .commit
      case .roundChange, .record: .roundChange
      }
    func holds(_ half: Half) -> Bool {
      let statement = Statement(
        kind: kind, in: genesis.context, owner: owner, position: Position(place), round: Round(period, view),
        digest: half.digest, claim: half.claim, signer: ReplicaIndex(accused))
      return Authenticated(checking: Vote(statement: statement, signature: half.signature), by: key) != nil
    }
    return holds(first) && holds(second)
  }

  private func recordsHold(_ genesis: Genesis) -> Bool {
    guard accused < genesis.meterCount(of: owner), place <= period.rawValue,
      first.digest != second.digest || first.closing != second.closing
    else { return false }
    let key = genesis.verificationKey(MeterIndex(accused), of: owner)
    func holds(_ half: Half) -> Bool {
      let record = Record(
        owner: owner, meter: MeterIndex(accused), epoch: genesis.epoch, from: Period(place), through: period,
        keyIdentifier: genesis.keyIdentifier, closing: half.closing, signature: half.signature)
      let statement = RecordStatement(
        networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
        ciphertextHash: half.digest)
      return Authenticated(checking: statement, by: key) != nil
    }
    return holds(first) && holds(second)
  }
}
