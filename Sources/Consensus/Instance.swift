import Cryptography
import Units
import Wire

/// One single-shot PBFT instance for the readings of one set in one period. (Castro & Liskov 1999, §4; DESIGN §3)
///
/// Holds no clock, socket, file or random source: the same inputs give the same effects. Its memory is of fixed size, comes
/// from a pool where there is one, and goes back by ``releaseBallots()``; beside that only a view change allocates.
///
/// A member is in one view at a time. It leaves a view when T has passed, when f + 1 others have, or when it is shown a
/// later view's proposal or prepared certificate; from then on it signs nothing about the view it left.
public struct Instance: ~Copyable {
  public static let retransmitTicks = Timing.standard.retransmitTicks
  public static let closingRetransmissions = Timing.closingRetransmissions
  public static let nullDigest = Digest()

  public let context: GroupContext
  public let replica: ReplicaIndex
  public let timing: Timing
  public internal(set) var owner: ReplicaIndex
  public internal(set) var period: Period
  public internal(set) var view = View(0)
  /// True while this member waits for the new view of ``view``.
  public internal(set) var isChangingView = false
  /// The proposal accepted in this view. Invariant: never replaced by another.
  public internal(set) var accepted: Vote?
  /// What justifies ``accepted`` in a view above 0; the primary sends it.
  public internal(set) var newView: NewView? {
    get { newViewCell?.value }
    set { newViewCell = newValue.map { Cell($0) } }
  }
  private var newViewCell: Cell<NewView>?
  public internal(set) var decided: Digest?
  /// True once this member prepared or committed here, in any view: then only a decision ends the instance for it.
  /// (coverage rule 1)
  public internal(set) var hasSigned = false

  /// The last value the host vouched for. Outlives a view: what was held and valid is so in the next.
  var validated: Digest?
  /// Own votes of this view. Invariant: each is signed once in a view, and durable before it is sent.
  var ownPrepare: Vote?
  var ownCommit: Vote?
  /// With the certificate it was signed about; the lock may be a higher one by now.
  var ownViewChange: ViewChange? {
    get { ownViewChangeCell?.value }
    set { ownViewChangeCell = newValue.map { Cell($0) } }
  }
  private var ownViewChangeCell: Cell<ViewChange>?
  /// The prepared certificate of the highest view this member knows of, its own or another's; goes into its view changes.
  /// Invariant: its view is not above ``view``. (consensus rules 11, 20, 24)
  var lock: PreparedCertificate
  let pool: BallotPool?
  var decidedView = View(0)
  var prepares: Ballots
  var commits: Ballots
  var viewChanges: Ballots
  /// The highest view each member is known to have reached. It never sinks.
  var reached: [View]

  var elapsed: UInt32 = 0
  var collecting: UInt32 = 0
  var sinceSent: UInt32 = 0
  var closing: UInt32 = 0
  var hasAskedToValidate = false
  /// Members whose second vote was told as evidence, by phase: bit i for member i.
  var toldPrepares: UInt64 = 0
  var toldCommits: UInt64 = 0
  var toldViewChanges: UInt64 = 0

  /// - Parameter pool: where the memory for votes comes from and goes to; nil for memory of its own.
  public init(
    context: GroupContext, replica: ReplicaIndex, owner: ReplicaIndex, period: Period, timing: Timing = .standard,
    pool: BallotPool? = nil
  ) {
    precondition(replica.rawValue < context.quorum.members && owner.rawValue < context.quorum.members)
    self.context = context
    self.replica = replica
    self.timing = timing
    self.owner = owner
    self.period = period
    let members = context.quorum.members
    self.pool = pool
    lock = .none
    prepares = Ballots(members: members, pool: pool)
    commits = Ballots(members: members, pool: pool)
    viewChanges = Ballots(members: members, pool: pool)
    reached = Array(repeating: View(0), count: Int(members))
  }

  /// Starts over for another instance, in the same memory.
  public mutating func reset(owner: ReplicaIndex, period: Period) {
    self.owner = owner
    self.period = period
    view = View(0)
    enter(View(0))
    isChangingView = false
    decided = nil
    hasSigned = false
    validated = nil
    lock.signers = 0
    decidedView = View(0)
    prepares.removeAll()
    commits.removeAll()
    viewChanges.removeAll()
    for member in reached.indices { reached[member] = View(0) }
    sinceSent = 0
    closing = 0
    toldPrepares = 0
    toldCommits = 0
    toldViewChanges = 0
  }

  /// Gives the memory of the votes and of the lock back. The instance is settled and takes no more input until
  /// ``reset(owner:period:)``.
  /// - Precondition: decided, and the certificate has been written.
  public mutating func releaseBallots() {
    prepares.release()
    commits.release()
    viewChanges.release()
    if let pool, lock.signatures.count == Int(context.quorum.size) { pool.give(lock.signatures) }
    lock = .none
  }

  /// The most that one takes from the heap beside itself: what it knows of each member's view, votes of three kinds, a lock, and
  /// what a view change makes.
  public static func maximumHeapBytes(_ quorum: Quorum) -> Int {
    startHeapBytes(quorum) + 3 * (32 + Int(quorum.members) * MemoryLayout<Ballot>.stride)
      + 32 + Int(quorum.size) * MemoryLayout<Signature>.stride
      + ViewChange.maximumBytes(quorum) + NewView.maximumBytes(quorum)
  }
  /// Of that, what it has from the start; and what it takes while its first view goes well, until its votes are released.
  public static func startHeapBytes(_ quorum: Quorum) -> Int { 32 + Int(quorum.members) * MemoryLayout<View>.stride }
  public static func quietHeapBytes(_ quorum: Quorum) -> Int {
    startHeapBytes(quorum) + 2 * (32 + Int(quorum.members) * MemoryLayout<Ballot>.stride)
      + 32 + Int(quorum.size) * MemoryLayout<Signature>.stride
  }

  /// The primary of the current view.
  public var primary: ReplicaIndex { context.primary(owner: owner, period: period, view: view) }
  /// True once this member took part, be it only by asking for another view: others may wait for it.
  public var isEngaged: Bool { hasSigned || view.rawValue > 0 }
  /// What must be proposed if anything is: the value of the highest prepared certificate.
  public var lockedDigest: Digest? { lock.exists ? lock.digest : nil }
  /// True when the accepted proposal, or the one this member must make, was prepared in an earlier view, so that its
  /// author is that view's primary.
  public var isLocked: Bool { accepted == nil ? lock.exists : newView?.prepared.exists ?? false }

  /// True when this member is to propose a value of its choice, or NULL.
  public var awaitsProposal: Bool {
    guard decided == nil, replica == primary, boundTo == nil || mutated(.proposesAgainAtRestart) else { return false }
    return view.rawValue == 0 || canLead && !lock.exists
  }

  /// NULL may be proposed at once in view 0; a later view's primary first looks for a value. (DESIGN §3)
  public var mayProposeNull: Bool { awaitsProposal && (view.rawValue == 0 || collecting >= timing.collectTicks) }

  /// A value that this member is to vote for once it holds it. The host looks for it until it can say
  /// ``Input/validated(_:)``.
  public var awaitsValidation: Digest? {
    guard decided == nil, boundTo == nil || mutated(.secondProposalAccepted) else { return nil }
    if let accepted { return accepted.statement.digest }
    return canLead && lock.exists ? lock.digest : nil
  }

  /// What this member is bound to in this view: it signs nothing about another digest. (consensus rule 40)
  var boundTo: Digest? { ownPrepare?.statement.digest ?? ownCommit?.statement.digest }

  public mutating func step(_ input: Input, signer: borrowing some VoteSigner & ~Copyable, into effects: inout Effects)
  {
    switch input {
    case .propose(let digest): propose(digest, signer, &effects)
    case .proposal(let vote): accept(vote.message, signer, &effects)
    case .validated(let digest): validate(digest, signer, &effects)
    case .vote(let vote): count(vote.message, signer, &effects)
    case .viewChange(let verified): count(verified.viewChange, signer, &effects)
    case .newView(let verified): accept(verified.newView, signer, &effects)
    case .certificate(let verified): adopt(verified.certificate, &effects)
    case .tick: tick(signer, &effects)
    }
  }

  /// q commits over the decided statement; nil before the decision. The same bytes from then on. Allocates.
  public var certificate: QuorumCertificate? {
    var certificate = QuorumCertificate(
      statement: statement(.commit, Self.nullDigest, signer: ReplicaIndex(0)), signers: 0, signatures: [])
    return write(into: &certificate) ? certificate : nil
  }

  /// The same, in the memory of another certificate; false, and nothing is written, before the decision.
  public func write(into certificate: inout QuorumCertificate) -> Bool {
    guard let decided else { return false }
    certificate.signers = 0
    certificate.signatures.removeAll(keepingCapacity: true)
    for member in Members(commits.matching(decidedView, decided))
    where certificate.signatures.count < Int(context.quorum.size) {
      certificate.signers |= 1 << UInt64(member.rawValue)
      certificate.signatures.append(commits[member].signature)
    }
    certificate.statement = statement(.commit, decided, signer: ReplicaIndex(0))
    certificate.statement.view = decidedView
    return true
  }

  /// True when these very bytes were counted before: their signature need not be checked again.
  public func hasCounted(_ vote: Vote) -> Bool {
    let statement = vote.statement
    guard statement.owner == owner, statement.period == period,
      statement.signer.rawValue < context.quorum.members
    else { return false }
    let ballots =
      switch statement.kind {
      case .prepare: prepares
      case .commit: commits
      case .viewChange: viewChanges
      case .prePrepare, .newView: nil as Ballots?
      }
    guard let ballots, ballots.has(statement.signer) else { return false }
    let known = ballots[statement.signer]
    return known.view == statement.view && known.digest == statement.digest
      && known.sequenceNumber == statement.sequenceNumber && known.signature == vote.signature
  }

  /// This member's view change for ``view``, to be sent; nil when it has not asked for it.
  public var viewChange: ViewChange? { ownViewChange }

  func statement(_ kind: StatementKind, _ digest: Digest, signer: ReplicaIndex) -> Statement {
    Statement(kind: kind, in: context, owner: owner, period: period, view: view, digest: digest, signer: signer)
  }

  func signed(_ statement: Statement, _ signer: borrowing some VoteSigner & ~Copyable) -> Vote {
    Vote(statement: statement, signature: signer.sign(statement))
  }

  func isQuorum(_ members: UInt64) -> Bool { members.nonzeroBitCount >= Int(context.quorum.size) }

  /// Refuses what is not a vote of another member about this instance, whatever its view.
  func concernsThis(_ vote: Vote, _ effects: inout Effects) -> Bool {
    let statement = vote.statement
    let isPlain = statement.kind == .viewChange || statement.sequenceNumber.rawValue == 0
    let reason: Refusal? =
      if statement.signer.rawValue >= context.quorum.members {
        .nonMember
      } else if statement.owner != owner || statement.period != period && !mutated(.foreignPeriodCounted)
        || statement.group != context.group || statement.epoch != context.epoch && !mutated(.foreignEpochCounted)
        || !isPlain || statement.networkIdentifier != context.networkIdentifier
      {
        .wrongInstance
      } else if statement.signer == replica && !mutated(.ownEchoCounted) {
        // Rule 3: an own vote counts only once it is durable here. After amnesia the group's echoes would count.
        .ownKey
      } else {
        nil
      }
    if let reason { effects.append(.refused(reason)) }
    return reason == nil
  }

  /// Keeps two different votes of one member for one view as evidence. (consensus rule 49)
  mutating func conflict(_ kind: StatementKind, _ earlier: Ballot, _ vote: Vote, _ effects: inout Effects) {
    let bit: UInt64 = 1 << UInt64(vote.statement.signer.rawValue)
    let told =
      switch kind {
      case .prepare: toldPrepares & bit
      case .commit: toldCommits & bit
      case .viewChange, .prePrepare, .newView: toldViewChanges & bit
      }
    if told == 0 && !mutated(.evidenceNeverTold) {
      switch kind {
      case .prepare: toldPrepares |= bit
      case .commit: toldCommits |= bit
      case .viewChange, .prePrepare, .newView: toldViewChanges |= bit
      }
      var statement = vote.statement
      statement.view = earlier.view
      statement.sequenceNumber = earlier.sequenceNumber
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
