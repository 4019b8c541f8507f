import Consensus
import Cryptography
import Units
import Wire

/// Why a record was refused.
public enum RecordRefusal: UInt8, Error, CaseIterable, Sendable, CustomStringConvertible {
  case malformed, unknownMeter, wrongEpoch, wrongSet, wrongThrough, wrongFrom, foreignKey, badSignature, badCiphertext,
    conflicting, noRoom

  public var description: String {
    switch self {
    case .malformed: "malformed"
    case .unknownMeter: "unknown meter"
    case .wrongEpoch: "wrong epoch"
    case .wrongSet: "wrong set"
    case .wrongThrough: "through is not the period"
    case .wrongFrom: "from does not follow what is covered"
    case .foreignKey: "foreign keyId"
    case .badSignature: "bad signature"
    case .badCiphertext: "bad ciphertext"
    case .conflicting: "another record of this meter came first"
    case .noRoom: "no memory left for this set's records of this period"
    }
  }
}

/// Why a proposed header was refused.
public enum HeaderRefusal: UInt8, Error, CaseIterable, Sendable, CustomStringConvertible {
  case wrongNetwork, wrongInstance, wrongAuthor, foreignKey, unknownMeter, tooFewContributors, wrongPrevious,
    wrongCoverageRoot, wrongManifestRoot, wrongProduct, staleRecord, wrongAccused, badCiphertext, excludedMeter,
    loneFeeder

  public var description: String {
    switch self {
    case .wrongNetwork: "another network, epoch or group"
    case .wrongInstance: "another owner, or a period that is not the round's"
    case .wrongAuthor: "the author is not the primary"
    case .foreignKey: "foreign keyId"
    case .unknownMeter: "a contributor is no meter of the set"
    case .tooFewContributors: "fewer than minimumContributors"
    case .wrongPrevious: "does not build on the last decided header"
    case .wrongCoverageRoot: "coverage root differs"
    case .wrongManifestRoot: "the manifest does not hash to its root"
    case .wrongProduct: "the product is not the product"
    case .wrongAccused: "the accused are not those before it and a few more"
    case .staleRecord: "a record carries periods that are certified already"
    case .badCiphertext: "a record's ciphertext shares a factor with n"
    case .excludedMeter: "a contributor contradicted itself not long ago"
    case .loneFeeder: "fewer than minimumContributors of the contributors feed a slot"
    }
  }
}

extension Genesis {
  /// Consensus rule C2, cheapest checks first; the signature last. Returns what was signed, which has the record's hash.
  public func check(
    _ record: Record, ciphertext: Span<UInt8>, owner: ReplicaIndex, period: Period, coverage: borrowing CoverageTable
  ) throws(RecordRefusal) -> RecordStatement {
    guard record.owner == owner, owner.rawValue < members else { throw .wrongSet }
    guard record.meter.rawValue < meterCount(of: owner) else { throw .unknownMeter }
    guard record.epoch == epoch else { throw .wrongEpoch }
    guard record.keyIdentifier == keyIdentifier else { throw .foreignKey }
    guard record.through == period else { throw .wrongThrough }
    guard record.from == coverage.coveredThrough(record.meter).next || mutated(.fromUnchecked),
      record.from <= record.through
    else { throw .wrongFrom }
    guard ciphertext.count == 2 * modulus.count else { throw .badCiphertext }
    let statement = RecordStatement(
      networkIdentifier: networkIdentifier, group: group, record: record,
      ciphertextHash: RecordStatement.ciphertextHash(ciphertext))
    guard Authenticated(checking: statement, by: verificationKey(record.meter, of: owner)) != nil else {
      throw .badSignature
    }
    return statement
  }

  /// Everything about a header that needs neither records nor proofs of who is accused. `previous` and coverage make the set's headers one chain.
  ///
  /// It depends on the head, the header and the kind of round alone, never on clocks: what one honest member prepared, each can prepare in
  /// any later round. (consensus rule R7)
  ///
  /// - Parameters:
  ///   - round: of a free proposal, which its primary wrote for its period. Nil for what was prepared before: q members have looked at
  ///     that when it was free, and by now the round may be of a later period.
  ///   - after: the period of the head.
  public func check(
    _ header: Header, owner: ReplicaIndex, free round: Round?, after headPeriod: Period, head: Digest,
    coverage: borrowing CoverageTable, accusedMembers: UInt64 = 0
  ) throws(HeaderRefusal) {
    guard header.networkIdentifier == networkIdentifier, header.epoch == epoch, header.group == group else {
      throw .wrongNetwork
    }
    guard header.owner == owner, header.period > headPeriod else { throw .wrongInstance }
    if let round {
      guard header.period == round.period || mutated(.freePeriodUnchecked) else { throw .wrongInstance }
      guard header.author == context.primary(owner: owner, round) || mutated(.authorUnchecked) else {
        throw .wrongAuthor
      }
    }
    guard header.keyIdentifier == keyIdentifier else { throw .foreignKey }
    guard header.contributors.isWithin(meterCount: meterCount(of: owner)) else { throw .unknownMeter }
    guard header.count >= minimumContributors || mutated(.minimumUnchecked) else { throw .tooFewContributors }
    // Too few contributors are too few feeders too: who plants the one must plant the other.
    guard
      standsTogether(header.contributors, of: owner) || mutated(.loneFeederCounted) || mutated(.minimumUnchecked)
    else { throw .loneFeeder }
    guard header.previous == head || mutated(.previousUnchecked) else { throw .wrongPrevious }
    guard
      header.coverageRoot == coverageRoot(coverage, after: header) || mutated(.coverageRootUnchecked)
    else { throw .wrongCoverageRoot }
    let excluded = coverage.excluded(in: header.period)
    let before = Accused(members: accusedMembers, meters: excluded)
    guard members == 64 || header.accusedMembers >> UInt64(members) == 0,
      header.accusedMeters.isWithin(meterCount: meterCount(of: owner)),
      header.accusedElsewhere.isWithin(self, besides: owner),
      before.subtracting(header.accused).count == 0 || mutated(.accusedForgotten),
      header.accused.subtracting(before).count <= Accused.maximumNew
    else { throw .wrongAccused }
    guard header.contributors.isDisjoint(with: excluded) else { throw .excludedMeter }
  }

  /// Of a set's table after a header.
  public func coverageRoot(_ coverage: borrowing CoverageTable, after header: Header) -> Digest {
    coverage.root(
      advancing: header.contributors, to: header.period, accusing: header.accusedMeters,
      excludedPeriods: exclusionPeriods)
  }

  /// Moves a set's table on by a header.
  public func advance(_ coverage: inout CoverageTable, by header: Header) {
    coverage.advance(
      header.contributors, to: header.period, accusing: header.accusedMeters, excludedPeriods: exclusionPeriods)
  }
}
