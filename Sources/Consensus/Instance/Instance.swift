import Cryptography
import Units
import Wire

/// One position of one chain: single-shot PBFT over rounds (period, view). (Castro & Liskov 1999, §4; DESIGN §3; docs/CONSENSUS.md)
///
/// Holds no clock, socket, file or random source: the same inputs give the same effects. It knows no readings either: what a value
/// is, who leads, and whether there is something to propose come from outside. Its memory is of fixed size, comes from a pool where
/// there is one, and goes back by ``releaseBallots()``; beside that only a round change allocates.
///
/// A member is in one round at a time, which only grows. It leaves a round when its clock says that a later period has ended, when T
/// has passed, when f + 1 others have left, or when it is shown a later round's proposal or prepared certificate; from then on it
/// signs nothing about the round it left.
public struct Instance: ~Copyable {
  public static let retransmitTicks = Timing.standard.retransmitTicks

  public let context: GroupContext
  public let replica: ReplicaIndex
  public let timing: Timing
  public let owner: ReplicaIndex
  public internal(set) var position: Position
  /// The one round whose proposal needs no justification. The same for all members: it follows from the value decided before.
  public internal(set) var firstRound: Round
  public internal(set) var round: Round
  /// True while this member waits for the new round of ``round``.
  public internal(set) var isChangingRound = false
  /// The proposal accepted in this round. Invariant: never replaced by another.
  public internal(set) var accepted: Vote? { didSet { hasAccepted = accepted != nil } }
  /// What justifies ``accepted`` in a round after the first; the primary sends it.
  public internal(set) var newRound: NewRound? {
    get { newRoundCell?.value }
    set { newRoundCell = newValue.map { Cell($0) } }
  }
  private var newRoundCell: Cell<NewRound>?
  public internal(set) var decided: Digest?
  /// The round of the commits that decided.
  public internal(set) var decidedRound: Round

  /// The last value the host vouched for. Outlives a round: what was held and valid is so in a locked one. A free one asks again.
  var validated: Digest?
  /// Own votes of this round. Invariant: each is signed once in a round, and durable before it is sent.
  var ownPrepare: Vote? { didSet { hasPrepared = ownPrepare != nil } }
  var ownCommit: Vote? { didSet { hasCommitted = ownCommit != nil } }
  /// Whether there is one of these: to ask an optional vote copies it, in every tick.
  private(set) var hasAccepted = false
  private(set) var hasPrepared = false
  private(set) var hasCommitted = false
  /// With the certificate it was signed about; the lock may be a higher one by now.
  var ownRoundChange: RoundChange? {
    get { ownRoundChangeCell?.value }
    set { ownRoundChangeCell = newValue.map { Cell($0) } }
  }
  private var ownRoundChangeCell: Cell<RoundChange>?
  /// True when this member asked for this round. Copies nothing.
  var hasAsked: Bool { ownRoundChangeCell != nil }
  /// The prepared certificate of the highest round this member knows of, its own or another's; goes into its round changes.
  /// Invariant: its round is not above ``round``. It ends with the position, not with a period. (consensus rules 11, 20, 24)
  var lock: PreparedCertificate
  let pool: BallotPool?
  var prepares: Ballots
  var commits: Ballots
  var roundChanges: Ballots
  /// The highest round each member is known to have reached. It never sinks.
  var reached: [Round]
  /// Someone reached a later round than was known when this member last looked whom to follow.
  var hasNewReach = false
  /// Bit i: member i signed something about this position, and ``reached`` says where.
  var seen: UInt64 = 0
  /// Rounds of periods below this number are open: the own clock said so, or q members did.
  var openBelow: UInt64 = 0

  /// Ticks in this round: those with work, and all. Both stand still while too few members are here.
  var elapsed: UInt32 = 0
  var waited: UInt32 = 0
  /// What the host said with the last tick.
  var hasRecords = false
  var sinceSent: UInt32 = 0
  /// How often the newest own message was repeated.
  var repeated: UInt32 = 0
  var isRestored = false
  var hasAskedToValidate = false
  /// Members whose second vote was told as evidence, by phase: bit i for member i.
  var toldPrepares: UInt64 = 0
  var toldCommits: UInt64 = 0
  var toldRoundChanges: UInt64 = 0

  /// - Parameters:
  ///   - firstRound: of this position; see ``firstRound``.
  ///   - pool: where the memory for votes comes from and goes to; nil for memory of its own.
  public init(
    context: GroupContext, replica: ReplicaIndex, owner: ReplicaIndex, position: Position, firstRound: Round,
    timing: Timing = .standard, pool: BallotPool? = nil
  ) {
    precondition(replica.rawValue < context.quorum.members && owner.rawValue < context.quorum.members)
    self.context = context
    self.replica = replica
    self.timing = timing
    self.owner = owner
    self.position = position
    self.firstRound = firstRound
    round = firstRound
    decidedRound = firstRound
    let members = context.quorum.members
    self.pool = pool
    lock = .none
    prepares = Ballots(members: members, pool: pool)
    commits = Ballots(members: members, pool: pool)
    roundChanges = Ballots(members: members, pool: pool)
    reached = Array(repeating: Round(Period(0)), count: Int(members))
    reached[Int(replica.rawValue)] = firstRound
  }

  /// Starts over for another position of the same chain, in the same memory. Which periods have ended is said again.
  public mutating func reset(position: Position, firstRound: Round) {
    self.position = position
    self.firstRound = firstRound
    for member in reached.indices { reached[member] = Round(Period(0)) }
    seen = 0
    enter(firstRound)
    isChangingRound = false
    decided = nil
    decidedRound = firstRound
    validated = nil
    lock.signers = 0
    prepares.removeAll()
    commits.removeAll()
    roundChanges.removeAll()
    openBelow = 0
    hasRecords = false
    isRestored = false
    toldPrepares = 0
    toldCommits = 0
    toldRoundChanges = 0
  }

  /// Gives the memory of the votes and of the lock back. The position is settled and takes no more input until
  /// ``reset(position:firstRound:)``.
  /// - Precondition: decided, and the certificate has been written.
  public mutating func releaseBallots() {
    prepares.release()
    commits.release()
    roundChanges.release()
    if let pool, lock.signatures.count == Int(context.quorum.size) { pool.give(lock.signatures) }
    lock = .none
  }

  /// The most that one takes from the heap beside itself: what it knows of each member's round, votes of three kinds, a lock, and
  /// what a round change makes.
  public static func maximumHeapBytes(_ quorum: Quorum) -> Int {
    startHeapBytes(quorum) + 3 * (32 + Int(quorum.members) * MemoryLayout<Ballot>.stride)
      + 32 + Int(quorum.size) * MemoryLayout<Signature>.stride
      + RoundChange.maximumBytes(quorum) + NewRound.maximumBytes(quorum)
  }
  /// Of that, what it has from the start; and what it takes while its first round goes well, until its votes are released.
  public static func startHeapBytes(_ quorum: Quorum) -> Int { 32 + Int(quorum.members) * MemoryLayout<Round>.stride }
  /// As ``startHeapBytes(_:)``, while the first round goes well: no round change and no new round.
  public static func quietHeapBytes(_ quorum: Quorum) -> Int {
    startHeapBytes(quorum) + 2 * (32 + Int(quorum.members) * MemoryLayout<Ballot>.stride)
      + 32 + Int(quorum.size) * MemoryLayout<Signature>.stride
  }

  /// The primary of the current round.
  public var primary: ReplicaIndex { context.primary(owner: owner, round) }
  /// True once this member signed something in this round, be it only that it asks for it.
  public var hasSigned: Bool { hasPrepared || hasCommitted || hasAsked }
  /// What must be proposed if anything is: the value of the highest prepared certificate.
  public var lockedDigest: Digest? { lock.exists ? lock.digest : nil }
  /// The round in which ``lockedDigest`` was prepared.
  public var lockedRound: Round? { lock.exists ? lock.round : nil }
  /// True when the accepted proposal, or the one this member must make, was prepared in an earlier round, so that its author is that
  /// round's primary and its period that one's or an earlier one. (consensus rule R7)
  public var isLocked: Bool { !hasAccepted ? lock.exists : newRound?.prepared.exists ?? false }
  /// True when something may be signed in the current round: its period has ended for this member.
  public var isOpen: Bool {
    @inline(__always) get { isOpen(round) }
  }

  /// True when this member is to propose a value of its choice.
  public var awaitsProposal: Bool {
    guard !lock.exists, decided == nil, !isBound || mutated(.proposesAgainAtRestart) else { return false }
    return round == firstRound ? replica == primary && isOpen : canLead
  }

  /// A value that this member is to vote for once it holds it. The host looks for it until it can say
  /// ``Input/validated(_:)``.
  public var awaitsValidation: Digest? {
    guard decided == nil, !isBound || mutated(.secondProposalAccepted) else { return nil }
    if hasAccepted { return accepted!.statement.digest }
    return lock.exists && canLead ? lock.digest : nil
  }

  /// Both at one look.
  public var awaited: (validation: Digest?, proposal: Bool) { (awaitsValidation, awaitsProposal) }

  var isBound: Bool { hasPrepared || hasCommitted }
  /// What this member is bound to in this round: it signs nothing about another digest. (consensus rule 40)
  var boundTo: Digest? { ownPrepare?.statement.digest ?? ownCommit?.statement.digest }

  /// Takes one input and says what has to be done about it, in order. The same inputs give the same effects; nothing is
  /// thrown, since what cannot be used is an ``Effect`` too, with its ``Refusal``. Adds at most 12 to `effects`, which
  /// the host has emptied.
  public mutating func step(_ input: Input, signer: borrowing some VoteSigner & ~Copyable, into effects: inout Effects)
  {
    switch input {
    case .propose(let digest): propose(digest, signer, &effects)
    case .proposal(let vote): accept(vote.message, signer, &effects)
    case .validated(let digest): validate(digest, signer, &effects)
    case .vote(let vote): count(vote.message, signer, &effects)
    case .roundChange(let verified): count(verified.roundChange, signer, &effects)
    case .newRound(let verified): accept(verified.newRound, signer, &effects)
    case .certificate(let verified): adopt(verified.certificate, &effects)
    case .periodEnded(let period): end(period, signer, &effects)
    case .tick(let hasRecords): tick(hasRecords: hasRecords, signer: signer, into: &effects)
    }
  }

  /// q commits over the decided statement; nil before the decision. The same bytes from then on. Allocates.
  public var certificate: QuorumCertificate? {
    var certificate = QuorumCertificate(
      statement: statement(.commit, Digest(), signer: ReplicaIndex(0)), signers: 0, signatures: [])
    return write(into: &certificate) ? certificate : nil
  }

  /// The same, in the memory of another certificate; false, and nothing is written, before the decision.
  public func write(into certificate: inout QuorumCertificate) -> Bool {
    guard let decided else { return false }
    certificate.signers = 0
    certificate.signatures.removeAll(keepingCapacity: true)
    for member in Members(commits.matching(decidedRound, decided))
    where certificate.signatures.count < Int(context.quorum.size) {
      certificate.signers |= 1 << UInt64(member.rawValue)
      certificate.signatures.append(commits[member].signature)
    }
    certificate.statement = statement(.commit, decided, signer: ReplicaIndex(0))
    certificate.statement.round = decidedRound
    return true
  }

  /// True when these very bytes were counted before: their signature need not be checked again.
  public func hasCounted(_ vote: Vote) -> Bool {
    let statement = vote.statement
    guard statement.owner == owner, statement.position == position,
      statement.signer.rawValue < context.quorum.members
    else { return false }
    let ballots =
      switch statement.kind {
      case .prepare: prepares
      case .commit: commits
      case .roundChange: roundChanges
      }
    guard ballots.has(statement.signer) else { return false }
    let known = ballots[statement.signer]
    return known.round == statement.round && known.digest == statement.digest && known.claim == statement.claim
      && known.signature == vote.signature
  }

  /// This member's round change for ``round``, to be sent; nil when it has not asked for it.
  public var roundChange: RoundChange? { ownRoundChange }

  func statement(_ kind: StatementKind, _ digest: Digest, signer: ReplicaIndex) -> Statement {
    Statement(kind: kind, in: context, owner: owner, position: position, round: round, digest: digest, signer: signer)
  }

  /// Signs, and starts to repeat what is signed.
  mutating func signed(_ statement: Statement, _ signer: borrowing some VoteSigner & ~Copyable) -> Vote {
    sinceSent = 0
    repeated = 0
    return Vote(statement: statement, signature: signer.sign(statement))
  }

  func isQuorum(_ members: UInt64) -> Bool { members.nonzeroBitCount >= Int(context.quorum.size) }

  /// Refuses what is not a vote of another member about this position, whatever its round.
  // Changes nothing; but to call what is not `mutating` on the whole of `self`, within what is, copies it, all 1040 bytes. What is
  // short is inlined for the same reason.
  mutating func concernsThis(_ vote: Vote, _ effects: inout Effects) -> Bool {
    let statement = vote.statement
    let isPlain = statement.kind == .roundChange || statement.claim == .none
    let reason: Refusal? =
      if statement.signer.rawValue >= context.quorum.members {
        .nonMember
      } else if statement.owner != owner || statement.position != position && !mutated(.foreignPositionCounted)
        || statement.group != context.group || statement.epoch != context.epoch && !mutated(.foreignEpochCounted)
        || !isPlain || statement.networkIdentifier != context.networkIdentifier
      {
        .wrongPosition
      } else if statement.signer == replica && !mutated(.ownEchoCounted) {
        // Consensus rule 3: an own vote counts because the journal here has it. After amnesia the group's echoes would count.
        .ownKey
      } else if statement.round < firstRound || statement.round == firstRound && statement.kind == .roundChange {
        .wrongRound
      } else {
        nil
      }
    if let reason { effects.append(.refused(reason)) }
    return reason == nil
  }

  /// Keeps two different votes of one member for one round as evidence. (consensus rule 49)
  mutating func conflict(_ kind: StatementKind, _ earlier: Ballot, _ vote: Vote, _ effects: inout Effects) {
    let bit: UInt64 = 1 << UInt64(vote.statement.signer.rawValue)
    let told =
      switch kind {
      case .prepare: toldPrepares & bit
      case .commit: toldCommits & bit
      case .roundChange: toldRoundChanges & bit
      }
    if told == 0 && !mutated(.evidenceNeverTold) {
      switch kind {
      case .prepare: toldPrepares |= bit
      case .commit: toldCommits |= bit
      case .roundChange: toldRoundChanges |= bit
      }
      var statement = vote.statement
      statement.round = earlier.round
      statement.claim = earlier.claim
      statement.digest = earlier.digest
      effects.append(.evidence(Vote(statement: statement, signature: earlier.signature), vote))
    }
    effects.append(.refused(.conflicting))
  }
}

/// Memory of its own for what few instances hold, so that the others have no room for it.
private final class Cell<Value> {
  let value: Value
  init(_ value: Value) { self.value = value }
}
