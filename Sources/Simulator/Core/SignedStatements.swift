import Consensus
import Units
import Wire

/// Everything any key ever signed about one position, and what may follow from it. A second, naive reading of the rules: it
/// shares no code with the instance.
final class SignedStatements {
  struct Entry {
    var kind: StatementKind
    var round: Round
    var claim: Claim
    var value: Int
    /// Bit i: member i signed this.
    var signers: UInt64
    /// In the order of the members.
    var signatures: [Signature]
  }

  /// What a round change says is prepared, read once more: views count from 1, and 0 is none.
  struct Claim: Equatable {
    static let none = Claim(period: 0, viewAfter: 0)
    var period: UInt64
    var viewAfter: UInt32

    init(period: UInt64, viewAfter: UInt32) {
      self.period = period
      self.viewAfter = viewAfter
    }
    init(_ claim: LockClaim) {
      period = claim.period.rawValue
      viewAfter = claim.viewAfter
    }
    init(_ certificate: PreparedCertificate) {
      self = .none
      guard certificate.signers != 0 else { return }
      period = certificate.round.period.rawValue
      viewAfter = certificate.round.view.rawValue + 1
    }

    var exists: Bool { viewAfter > 0 }
    var round: Round { Round(Period(period), View(viewAfter - 1)) }
    func isBelow(_ other: Claim) -> Bool {
      guard exists, other.exists else { return !exists && other.exists }
      return (period, viewAfter) < (other.period, other.viewAfter)
    }
    func isBelow(_ round: Round) -> Bool {
      !exists || (period, UInt64(viewAfter)) < (round.period.rawValue, UInt64(round.view.rawValue) + 1)
    }
  }

  /// What is seen of a member from outside, beside what it signs.
  struct Observed {
    /// Its own clock said that all periods below this number had ended.
    var endedBelow: UInt64 = 0
    /// The round it was in before this one, and for how many ticks.
    var left: Round?
    var stayed = 0
    /// What it had to wait there.
    var patience = 0
    /// It has records of the period of its round.
    var hasRecords = false
  }

  let members: Int
  let faults: Int
  let quorum: Int
  var firstRound = Round(Period(0))
  private(set) var entries: [Entry] = []
  private var count = 0
  /// By member: the highest round in which it signed anything, and the highest it asked for.
  private(set) var highestSigned: [Round?]
  private(set) var highestAsked: [Round?]
  /// By member, honest ones alone: the highest round in which it committed.
  private(set) var committed: [Round?]

  init(members: Int) {
    self.members = members
    // ⌈(m + f + 1) / 2⌉, written as the smallest number of which two sets share more than f members.
    faults = (members - 1) / 3
    var size = 1
    while 2 * size - members <= faults { size += 1 }
    quorum = size
    highestSigned = Array(repeating: nil, count: members)
    highestAsked = Array(repeating: nil, count: members)
    committed = Array(repeating: nil, count: members)
  }

  func removeAll(firstRound: Round) {
    self.firstRound = firstRound
    count = 0
    for member in 0..<members {
      highestSigned[member] = nil
      highestAsked[member] = nil
      committed[member] = nil
    }
  }

  var used: Range<Int> { 0..<count }

  func index(_ kind: StatementKind, _ round: Round, _ value: Int, _ claim: Claim = .none) -> Int? {
    for place in 0..<count
    where entries[place].value == value && entries[place].round == round && entries[place].kind == kind
      && entries[place].claim == claim
    {
      return place
    }
    return nil
  }

  func signers(_ kind: StatementKind, _ round: Round, _ value: Int) -> UInt64 {
    index(kind, round, value).map { entries[$0].signers } ?? 0
  }

  /// Records a signature of any member. True when it is new.
  func record(_ vote: Vote, value: Int) -> Bool {
    let statement = vote.statement
    let member = Int(statement.signer.rawValue)
    let bit: UInt64 = 1 << UInt64(member)
    let round = statement.round
    let claim = Claim(statement.claim)
    let place: Int
    if let found = index(statement.kind, round, value, claim) {
      if entries[found].signers & bit != 0 { return false }
      place = found
    } else {
      place = count
      if place == entries.count {
        entries.append(
          Entry(
            kind: statement.kind, round: round, claim: claim, value: value, signers: 0,
            signatures: Array(repeating: Signature(), count: members)))
      } else {
        entries[place].kind = statement.kind
        entries[place].round = round
        entries[place].claim = claim
        entries[place].value = value
        entries[place].signers = 0
      }
      count += 1
    }
    entries[place].signers |= bit
    entries[place].signatures[member] = vote.signature
    if statement.kind == .roundChange, highestAsked[member].map({ $0 < round }) ?? true { highestAsked[member] = round }
    if highestSigned[member].map({ $0 < round }) ?? true { highestSigned[member] = round }
    return true
  }

  /// How many members beside this one signed something in this round or a later one.
  private func othersReaching(_ round: Round, than member: Int) -> Int {
    var others = 0
    for other in 0..<members where other != member {
      if let reached = highestSigned[other], reached >= round { others += 1 }
    }
    return others
  }

  /// Its clock says so, or f + 1 others signed in a round of that period or a later one; q members always are so many.
  /// (consensus rule R3)
  private func isOpen(_ round: Round, for member: Int, _ observed: Observed) -> Bool {
    round.period.rawValue < observed.endedBelow || othersReaching(Round(round.period), than: member) > faults
  }

  /// What is wrong with an honest member's new signature, given everything signed before. Call before ``record(_:value:)``.
  func violation(of vote: Vote, value: Int, _ observed: Observed) -> Violation? {
    let statement = vote.statement
    let member = Int(statement.signer.rawValue)
    let bit: UInt64 = 1 << UInt64(member)
    let round = statement.round
    let claim = Claim(statement.claim)
    for place in 0..<count where entries[place].signers & bit != 0 && entries[place].round == round {
      if entries[place].kind == statement.kind {
        if entries[place].value != value || entries[place].claim != claim { return .conflictingSignature }
      } else if statement.kind == .roundChange {
        return .askedForRoundItVotedIn
      }
    }
    if isLeft(round, by: member, observed) { return .votedInRoundItLeft }
    if !isOpen(round, for: member, observed) { return .signedInClosedRound }
    switch statement.kind {
    case .prepare: return nil
    case .commit: return signers(.prepare, round, value).nonzeroBitCount < quorum ? .committedUnprepared : nil
    case .roundChange:
      if let committed = committed[member], claim.isBelow(committed) { return .hidPreparedCertificate }
      return violation(ofAsking: round, member, observed)
    }
  }

  /// True when this honest member may sign nothing in this round, and repeat nothing.
  func isLeft(_ round: Round, by member: Int, _ observed: Observed) -> Bool {
    if let asked = highestAsked[member], round < asked { return true }
    // When a later period has ended, so has the round.
    return observed.endedBelow > 0 && round.period.rawValue < observed.endedBelow - 1
  }

  /// A member may follow f + 1 to a later round; else it stays for T, in rounds after the first with q members there. And it
  /// needs a reason to speak. (consensus rules R4, R12, R20)
  private func violation(ofAsking round: Round, _ member: Int, _ observed: Observed) -> Violation? {
    if round <= firstRound { return .leftRoundTooEarly }
    if othersReaching(round, than: member) > faults { return nil }
    var before: Round?
    if round.view.rawValue > 0 {
      let left = Round(round.period, View(round.view.rawValue - 1))
      guard observed.left == left, observed.stayed >= observed.patience else { return .leftRoundTooEarly }
      guard left == firstRound || othersReaching(left, than: member) + 1 >= quorum else { return .leftRoundTooEarly }
      before = left
    }
    if observed.hasRecords { return nil }
    for other in 0..<members where other != member {
      if let asked = highestAsked[other], asked >= round { return nil }
    }
    // A lock, or a proposal where it was.
    for place in 0..<count where entries[place].kind == .prepare {
      if entries[place].round == before { return nil }
      if entries[place].round < round, entries[place].signers.nonzeroBitCount >= quorum { return nil }
    }
    return .askedWithoutReason
  }

  /// Call after an honest member's signature was recorded.
  func noteHonest(_ vote: Vote) {
    guard vote.statement.kind == .commit else { return }
    let member = Int(vote.statement.signer.rawValue)
    if committed[member].map({ $0 < vote.statement.round }) ?? true { committed[member] = vote.statement.round }
  }

  /// Whether a new round follows from what it cites; all signatures in it must be recorded. (consensus rules 14–16)
  func isJustified(_ newRound: NewRound, primary: Int, value: (Digest) -> Int) -> Bool {
    let round = newRound.prepare.statement.round
    guard Int(newRound.prepare.statement.signer.rawValue) == primary, newRound.claims.count == quorum else {
      return false
    }
    var highest = Claim.none
    var place = 0
    for member in 0..<64 where newRound.signers >> UInt64(member) & 1 == 1 {
      guard member < members else { return false }
      let claim = Claim(newRound.claims[place].claim)
      guard let found = index(.roundChange, round, value(newRound.claims[place].digest), claim),
        entries[found].signers >> UInt64(member) & 1 == 1
      else { return false }
      if highest.isBelow(claim) { highest = claim }
      place += 1
    }
    let prepared = newRound.prepared
    guard prepared.signers != 0 else { return !highest.exists }
    guard !Claim(prepared).isBelow(highest), Claim(prepared).isBelow(round),
      prepared.digest == newRound.prepare.statement.digest, prepared.signers.nonzeroBitCount == quorum
    else { return false }
    return signers(.prepare, prepared.round, value(prepared.digest)) & prepared.signers == prepared.signers
  }

  /// Whether q members signed the commits of a certificate.
  func holds(_ certificate: QuorumCertificate, value: Int) -> Bool {
    certificate.statement.kind == .commit && certificate.signers.nonzeroBitCount >= quorum
      && signers(.commit, certificate.statement.round, value) & certificate.signers == certificate.signers
  }
}
