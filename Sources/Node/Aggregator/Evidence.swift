import Consensus
import Units
import Wire

/// Two signed statements of one party where it may make one. Hashes only: no record leaves its group. (consensus rule 49)
public struct Evidence: Equatable, Sendable {
  /// Of one node; each party and kind takes one place, so that a liar cannot crowd another out.
  public static let maximumKept = 256

  /// What was signed twice.
  public enum Kind: Equatable, Sendable {
    case vote(StatementKind)
    case record
  }

  public var accused: Party
  public var kind: Kind
  public var owner: ReplicaIndex
  public var position: Position
  public var round: Round
  public var first: Digest
  public var second: Digest
}
