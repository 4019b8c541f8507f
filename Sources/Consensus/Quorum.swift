import Units
import Wire

/// How many votes decide among m members. (`docs/PROTOCOL.md`, Quorums; consensus rule 1)
public struct Quorum: Equatable, Sendable {
  public let members: UInt16
  /// Liars tolerated: ⌊(m − 1) / 3⌋.
  public let faults: UInt16
  /// ⌈(m + f + 1) / 2⌉, so that any two quorums meet in an honest member. (2f + 1 is only right for m = 3f + 1.)
  public let size: UInt16

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

/// What every signature of one group in one epoch binds, and who leads. (consensus rule 45)
public struct GroupContext: Equatable, Sendable {
  public let networkIdentifier: Digest
  public let epoch: Epoch
  public let group: GroupIndex
  public let quorum: Quorum
  /// True: the primary moves on by one each period, so that no liar can leave a meter out for ever.
  public let rotates: Bool

  public init(networkIdentifier: Digest, epoch: Epoch, group: GroupIndex, members: UInt16, rotates: Bool) {
    self.networkIdentifier = networkIdentifier
    self.epoch = epoch
    self.group = group
    quorum = Quorum(members: members)
    self.rotates = rotates
  }

  /// primary(view) = (owner + rotation + view) mod m, rotation = period. (DESIGN §3)
  public func primary(owner: ReplicaIndex, period: Period, view: View) -> ReplicaIndex {
    #if BUSBAR_MUTANTS
      if view.rawValue < Mutant.leaders.count { return ReplicaIndex(Mutant.leaders[Int(view.rawValue)]) }
    #endif
    let members = UInt64(quorum.members)
    let rotation = rotates ? period.rawValue % members : 0
    return ReplicaIndex(
      UInt16((UInt64(owner.rawValue) + rotation + (mutated(.primaryNeverMoves) ? 0 : UInt64(view.rawValue))) % members))
  }
}
