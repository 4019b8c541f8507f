import Units
import Wire

/// How many votes decide among m members. (`docs/PROTOCOL.md`, Quorums; consensus rule 1)
public struct Quorum: Equatable, Sendable {
  public let members: UInt16
  /// Liars tolerated: ⌊(m − 1) / 3⌋.
  public let faults: UInt16
  /// ⌈(m + f + 1) / 2⌉, so that any two quorums meet in an honest member. (2f + 1 is only right for m = 3f + 1.)
  public let size: UInt16

  /// The quorum of a group of `members`; traps outside ``GroupLimits``.
  public init(members: UInt16) {
    precondition(
      members >= UInt16(GroupLimits.minimumAggregators) && members <= UInt16(GroupLimits.maximumAggregators))
    self.members = members
    faults = (members - 1) / 3
    size = mutated(.quorumOfTwoFPlusOne) ? 2 * faults + 1 : (members + faults + 2) / 2
    // Two quorums share more than f members, and the honest ones alone are a quorum.
    precondition(2 * size > members + faults || mutated(.quorumOfTwoFPlusOne))
    precondition(size <= members - faults)
  }
}

/// Who leads which round; chosen by whoever makes the context, not by the instances.
public enum LeaderRule: Equatable, Sendable {
  /// The primary moves on by one each period, so that no liar can leave a meter out for ever.
  case rotating
  case fixed
}

/// What every signature of one group in one epoch binds, and who leads. (consensus rule 45)
public struct GroupContext: Equatable, Sendable {
  public let networkIdentifier: Digest
  public let epoch: Epoch
  public let group: GroupIndex
  public let quorum: Quorum
  public let leaders: LeaderRule

  /// Takes what a genesis says of a group; traps for a number of members outside ``GroupLimits``.
  public init(networkIdentifier: Digest, epoch: Epoch, group: GroupIndex, members: UInt16, leaders: LeaderRule) {
    self.networkIdentifier = networkIdentifier
    self.epoch = epoch
    self.group = group
    quorum = Quorum(members: members)
    self.leaders = leaders
  }

  /// primary(p, v) = (owner + p + v) mod m, or without p. (DESIGN §3; consensus rule R17)
  public func primary(owner: ReplicaIndex, _ round: Round) -> ReplicaIndex {
    #if BUSBAR_MUTANTS
      if let leader = Mutant.leader(of: round) { return leader }
    #endif
    let members = UInt64(quorum.members)
    let rotation = leaders == .rotating ? round.period.rawValue % members : 0
    let view = mutated(.primaryNeverMoves) ? 0 : UInt64(round.view.rawValue)
    return ReplicaIndex(UInt16((UInt64(owner.rawValue) + rotation + view) % members))
  }
}
