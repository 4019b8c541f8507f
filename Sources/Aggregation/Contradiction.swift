import Consensus
import Cryptography
import Units
import Wire

/// Who contradicted itself, as a set's headers have it: it only grows along the chain. Of aggregators of the group and
/// meters of the set.
public struct Accused: Equatable, Sendable {
  /// A header names at most so many that the one before did not, so that what proves them is bounded.
  public static let maximumNew = 4

  /// Bit i: aggregator i.
  public var members: UInt64
  public var meters: MeterBitmap

  public init(members: UInt64 = 0, meters: MeterBitmap = MeterBitmap()) {
    self.members = members
    self.meters = meters
  }

  public func contains(_ party: Contradiction.Party) -> Bool {
    switch party {
    case .aggregator(let member): members >> UInt64(member.rawValue) & 1 == 1
    case .meter(let meter, _): meters.contains(meter)
    }
  }

  public mutating func insert(_ party: Contradiction.Party) {
    switch party {
    case .aggregator(let member): members |= 1 << UInt64(member.rawValue)
    case .meter(let meter, _): meters.insert(meter)
    }
  }

  /// Those that are not in `other`.
  public func subtracting(_ other: Accused) -> Accused {
    var result = Accused(members: members & ~other.members)
    for place in 0..<64 {
      result.meters.bytes.storage[place] = meters.bytes.storage[place] & ~other.meters.bytes.storage[place]
    }
    return result
  }

  public var count: Int { members.nonzeroBitCount + Int(meters.count) }
}

/// Two different signed statements of one party where it may make one: what it takes to show its lie to others. Hashes and
/// signatures only, no record. (consensus rule 49)
///
/// With the receiver's network, epoch, group and key identifier the fields give both statements.
public struct Contradiction: Equatable, Sendable {
  public enum Kind: UInt8, Sendable {
    case prepare = 2
    case commit = 3
    case roundChange = 4
    case record = 16
  }

  public enum Party: Equatable, Sendable {
    case aggregator(ReplicaIndex)
    case meter(MeterIndex, of: ReplicaIndex)
  }

  /// What the two statements do not share.
  public struct Half: Equatable, Sendable {
    /// Of votes.
    public var sequenceNumber = SequenceNumber(0)
    /// Of votes the digest voted for, of records the ciphertext's.
    public var digest = Digest()
    /// Of records.
    public var closing = FixedBytes<72>()
    public var signature = Signature()

    public init() {}
  }

  public static let voteBytes = 24 + 2 * 104
  public static let recordBytes = 24 + 2 * 168
  public static let maximumBytes = recordBytes

  public var kind: Kind
  public var owner: ReplicaIndex
  /// The member, or the meter in the owner's set.
  public var accused: UInt16
  public var period: Period
  /// The view of votes; of records, `from`.
  public var position: UInt64
  public var first: Half
  public var second: Half

  public var party: Party {
    kind == .record ? .meter(MeterIndex(accused), of: owner) : .aggregator(ReplicaIndex(accused))
  }

  /// Nil when the votes are of a kind that no instance has.
  public init?(_ earlier: Vote, _ later: Vote) {
    let statement = earlier.statement
    switch statement.kind {
    case .prepare: kind = .prepare
    case .commit: kind = .commit
    case .roundChange: kind = .roundChange
    case .prePrepare, .newRound: return nil
    }
    owner = statement.owner
    accused = statement.signer.rawValue
    period = statement.period
    position = UInt64(statement.view.rawValue)
    first = Half()
    first.sequenceNumber = statement.sequenceNumber
    first.digest = statement.digest
    first.signature = earlier.signature
    second = Half()
    second.sequenceNumber = later.statement.sequenceNumber
    second.digest = later.statement.digest
    second.signature = later.signature
  }

  /// Of two records of one meter for the same periods.
  public init(_ earlier: RecordStatement, _ later: RecordStatement) {
    kind = .record
    owner = earlier.record.owner
    accused = earlier.record.meter.rawValue
    period = earlier.record.through
    position = earlier.record.from.rawValue
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

  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(kind.rawValue)
    output.writeZeros(1)
    output.write(owner.rawValue)
    output.write(accused)
    output.writeZeros(2)
    output.write(period.rawValue)
    output.write(position)
    encode(first, into: &output)
    encode(second, into: &output)
  }

  private func encode(_ half: Half, into output: inout OutputSpan<UInt8>) {
    if kind != .record { output.write(half.sequenceNumber.rawValue) }
    output.write(half.digest)
    if kind == .record { output.write(half.closing) }
    output.write(half.signature)
  }

  public init(decoding reader: inout WireReader) throws(WireError) {
    let code = try reader.read(UInt8.self)
    guard let kind = Kind(rawValue: code) else { throw .unknownKind(code) }
    self.kind = kind
    try reader.readZeros(1)
    owner = ReplicaIndex(try reader.read(UInt16.self))
    accused = try reader.read(UInt16.self)
    try reader.readZeros(2)
    period = Period(try reader.read(UInt64.self))
    position = try reader.read(UInt64.self)
    first = try Self.half(kind, &reader)
    second = try Self.half(kind, &reader)
    try reader.expectEnd()
  }

  private static func half(_ kind: Kind, _ reader: inout WireReader) throws(WireError) -> Half {
    var half = Half()
    if kind != .record { half.sequenceNumber = SequenceNumber(try reader.read(UInt64.self)) }
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
    guard accused < genesis.members, position <= UInt64(UInt32.max),
      first.digest != second.digest || first.sequenceNumber != second.sequenceNumber,
      kind == .roundChange || first.sequenceNumber.rawValue == 0 && second.sequenceNumber.rawValue == 0
    else { return false }
    let key = genesis.aggregators[Int(accused)].verificationKey
    let kind: StatementKind =
      switch self.kind {
      case .prepare: .prepare
      case .commit: .commit
      case .roundChange, .record: .roundChange
      }
    func holds(_ half: Half) -> Bool {
      var statement = Statement(
        kind: kind, in: genesis.context, owner: owner, period: period, view: View(UInt32(position)),
        digest: half.digest, signer: ReplicaIndex(accused))
      statement.sequenceNumber = half.sequenceNumber
      return Authenticated(checking: Vote(statement: statement, signature: half.signature), by: key) != nil
    }
    return holds(first) && holds(second)
  }

  private func recordsHold(_ genesis: Genesis) -> Bool {
    guard accused < genesis.meterCount(of: owner), position <= period.rawValue,
      first.digest != second.digest || first.closing != second.closing
    else { return false }
    let key = genesis.verificationKey(MeterIndex(accused), of: owner)
    func holds(_ half: Half) -> Bool {
      let record = Record(
        owner: owner, meter: MeterIndex(accused), epoch: genesis.epoch, from: Period(position), through: period,
        keyIdentifier: genesis.keyIdentifier, closing: half.closing, signature: half.signature)
      let statement = RecordStatement(
        networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
        ciphertextHash: half.digest)
      return Authenticated(checking: statement, by: key) != nil
    }
    return holds(first) && holds(second)
  }
}
