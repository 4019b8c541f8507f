import Units
import Wire

/// What differs between the votes of one kind about one position.
struct Ballot: Sendable {
  var round = Round(Period(0))
  /// Of a round change.
  var claim = LockClaim.none
  var digest = Digest()
  var signature = Signature()
}

/// Memory for votes and locks that the instances of one group, on one thread, take in turns.
public final class BallotPool {
  private var ballots: [[Ballot]] = []
  private var signatures: [[Signature]] = []

  /// - Parameter instances: as many as will ever share this pool.
  public init(instances: Int) {
    // Three kinds of vote each.
    ballots.reserveCapacity(3 * instances)
    signatures.reserveCapacity(instances)
  }

  func takeBallots() -> [Ballot]? { ballots.popLast() }
  func give(_ spare: [Ballot]) { ballots.append(spare) }
  func takeSignatures() -> [Signature]? { signatures.popLast() }
  func give(_ spare: [Signature]) { signatures.append(spare) }
}

/// The vote of the highest round of each member, of one kind. The memory is taken once; no member can take more of it
/// than another. (consensus rules 8, 32)
struct Ballots {
  /// Bit i: member i has voted.
  private(set) var present: UInt64 = 0
  /// Taken with the first vote, and given back when the instance is settled: most of those kept in memory are.
  private var ballots: [Ballot] = []
  private let members: UInt16
  private let pool: BallotPool?

  init(members: UInt16, pool: BallotPool?) {
    self.members = members
    self.pool = pool
  }

  /// Forgets the votes and gives their memory back.
  mutating func release() {
    present = 0
    if let pool, !ballots.isEmpty { pool.give(ballots) }
    ballots = []
  }

  mutating func removeAll() { present = 0 }

  func has(_ member: ReplicaIndex) -> Bool { present >> UInt64(member.rawValue) & 1 == 1 }

  /// - Precondition: ``has(_:)``
  subscript(member: ReplicaIndex) -> Ballot { ballots[Int(member.rawValue)] }

  mutating func store(_ vote: Vote) {
    let member = Int(vote.statement.signer.rawValue)
    if ballots.isEmpty { ballots = pool?.takeBallots() ?? Array(repeating: Ballot(), count: Int(members)) }
    present |= 1 << UInt64(member)
    ballots[member].round = vote.statement.round
    ballots[member].claim = vote.statement.claim
    ballots[member].digest = vote.statement.digest
    ballots[member].signature = vote.signature
  }

  #if BUSBAR_MUTANTS
    /// In the place of the first member that has not voted.
    mutating func storeAsAnother(_ vote: Vote) {
      var other = vote
      let place = (~present).trailingZeroBitCount
      guard place < Int(members) else { return }
      other.statement.signer = ReplicaIndex(UInt16(place))
      store(other)
    }
  #else
    func storeAsAnother(_ vote: Vote) {}
  #endif

  /// Members whose ballot is about exactly this round and digest: bit i for member i. (consensus rules 2, 5)
  func matching(_ round: Round, _ digest: Digest, anyRound: Bool = false, anyDigest: Bool = false) -> UInt64 {
    var result: UInt64 = 0
    var left = present
    while left != 0 {
      let member = left.trailingZeroBitCount
      left &= left - 1
      if ballots[member].round == round || anyRound, anyDigest || ballots[member].digest == digest {
        result |= 1 << UInt64(member)
      }
    }
    return result
  }

  /// How many members' ballots are of this round or a later one; of a later one alone if `isLater`.
  func reaching(_ round: Round, isLater: Bool) -> Int {
    var count = 0
    for member in Members(present) {
      let other = ballots[Int(member.rawValue)].round
      if isLater ? other > round : other >= round { count += 1 }
    }
    return count
  }

  /// Members whose ballot is of exactly this round.
  func of(_ round: Round) -> UInt64 { matching(round, Digest(), anyDigest: true) }
}

/// Walks the members of a bitmap in ascending order.
struct Members: Sequence, IteratorProtocol {
  var left: UInt64
  init(_ bits: UInt64) { left = bits }
  mutating func next() -> ReplicaIndex? {
    guard left != 0 else { return nil }
    let member = left.trailingZeroBitCount
    left &= left - 1
    return ReplicaIndex(UInt16(member))
  }
}
