import Cryptography
import Units
import Wire

/// Why an input changed nothing. Counted by the host.
public enum Refusal: UInt8, CaseIterable, Sendable {
  case nonMember, wrongInstance, wrongView, wrongKind, notPrimary, duplicate, conflicting, alreadyProposed
}

/// What the host must do, in this order. A vote is persisted before it is sent.
public enum Effect: Sendable {
  /// Make this own vote durable; nothing that follows may happen before. (consensus rule 39)
  case persist(Vote)
  case broadcast(Vote)
  /// The primary's proposal: its prepare vote, to be sent with the value it stands for.
  case broadcastProposal(Vote)
  /// Find out whether the value behind this digest is held and valid, then say ``Input/validated(_:)``.
  case validate(Digest)
  /// The instance is decided; ``Instance/certificate`` proves it. An all-zero digest is NULL.
  case decided(Digest)
  /// One member signed two different statements where it may sign one. (consensus rule 49)
  case evidence(Vote, Vote)
  case refused(Refusal)
}

/// Effects of one step, in a buffer of fixed capacity.
public struct Effects: ~Copyable {
  /// Invariant: one step causes at most 8: proposal or prepare, commit, decision, each persisted and sent, and a
  /// refusal or evidence.
  public static let capacity = 8
  private var storage: [Effect?]
  public private(set) var count = 0

  public init() { storage = Array(repeating: nil, count: Self.capacity) }

  public mutating func removeAll() { count = 0 }
  public subscript(index: Int) -> Effect { storage[index]! }

  mutating func append(_ effect: Effect) {
    precondition(count < Self.capacity)
    storage[count] = effect
    count += 1
  }
}

public enum Input: Sendable {
  /// This member leads the current view and proposes. An all-zero digest is NULL.
  case propose(Digest)
  /// The primary's prepare vote, received with its proposal. (consensus rule 4)
  case proposal(Authenticated<Vote>)
  /// The host holds the value behind the proposal's digest and found it valid.
  case validated(Digest)
  case vote(Authenticated<Vote>)
  /// Time passed; own votes are sent again every ``Instance/retransmitTicks`` until the instance is decided.
  case tick
}

/// One single-shot PBFT instance for the readings of one set in one period. (Castro & Liskov 1999, §4; DESIGN §3)
///
/// Holds no clock, socket, file or random source: the same inputs give the same effects. View 0 only for now; a
/// primary that stays silent leaves the instance undecided.
public struct Instance: ~Copyable {
  public static let retransmitTicks: UInt32 = 3
  public static let nullDigest = Digest()

  public let context: GroupContext
  public let replica: ReplicaIndex
  public private(set) var owner: ReplicaIndex
  public private(set) var period: Period
  public let view = View(0)
  /// The proposal accepted in this view. Invariant: never replaced by another.
  public private(set) var accepted: Vote?
  public private(set) var decided: Digest?
  private var isValidated = false
  private var ownPrepare: Vote?
  private var ownCommit: Vote?
  private var ticks: UInt32 = 0
  /// First vote of each member and phase; indexed by member.
  private var prepares: [Vote?]
  private var commits: [Vote?]

  public init(context: GroupContext, replica: ReplicaIndex, owner: ReplicaIndex, period: Period) {
    precondition(replica.rawValue < context.quorum.members && owner.rawValue < context.quorum.members)
    self.context = context
    self.replica = replica
    self.owner = owner
    self.period = period
    prepares = Array(repeating: nil, count: Int(context.quorum.members))
    commits = Array(repeating: nil, count: Int(context.quorum.members))
  }

  /// Starts over for another instance, in the same memory.
  public mutating func reset(owner: ReplicaIndex, period: Period) {
    self.owner = owner
    self.period = period
    accepted = nil
    decided = nil
    isValidated = false
    ownPrepare = nil
    ownCommit = nil
    ticks = 0
    for member in prepares.indices {
      prepares[member] = nil
      commits[member] = nil
    }
  }

  public var primary: ReplicaIndex { context.primary(owner: owner, period: period, view: view) }
  /// True once this member signed anything here: then only a decision ends the instance. (coverage rule 1)
  public var hasSigned: Bool { ownPrepare != nil || ownCommit != nil }

  /// Puts back an own vote from the journal, before any other input. (consensus rules 23, 40)
  public mutating func restore(_ vote: Vote) {
    precondition(vote.statement.signer == replica && vote.statement.owner == owner && vote.statement.period == period)
    switch vote.statement.kind {
    case .prepare:
      ownPrepare = vote
      prepares[Int(replica.rawValue)] = vote
      // A primary's own prepare is its proposal; a backup prepared what it had validated.
      if replica == primary { accepted = vote }
      isValidated = true
    case .commit:
      ownCommit = vote
      commits[Int(replica.rawValue)] = vote
    case .prePrepare, .viewChange, .newView: break
    }
  }

  public mutating func step(_ input: Input, signer: borrowing some VoteSigner & ~Copyable, into effects: inout Effects)
  {
    switch input {
    case .propose(let digest): propose(digest, signer, &effects)
    case .proposal(let vote): accept(vote.message, signer, &effects)
    case .validated(let digest):
      guard decided == nil, let accepted, accepted.statement.digest == digest else { return }
      isValidated = true
      prepareIfReady(signer, &effects)
    case .vote(let vote): count(vote.message, signer, &effects)
    case .tick: retransmit(&effects)
    }
  }

  /// q commits over the decided statement; nil before the decision.
  public var certificate: QuorumCertificate? {
    guard let decided else { return nil }
    var signers: UInt64 = 0
    var signatures: [Signature] = []
    for member in commits.indices where signatures.count < Int(context.quorum.size) {
      guard let vote = commits[member], vote.statement.digest == decided else { continue }
      signers |= 1 << UInt64(member)
      signatures.append(vote.signature)
    }
    let statement = statement(.commit, decided, signer: ReplicaIndex(0))
    return QuorumCertificate(statement: statement, signers: signers, signatures: signatures)
  }

  private func statement(_ kind: StatementKind, _ digest: Digest, signer: ReplicaIndex) -> Statement {
    Statement(kind: kind, in: context, owner: owner, period: period, view: view, digest: digest, signer: signer)
  }

  private mutating func propose(
    _ digest: Digest, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard replica == primary else { return effects.append(.refused(.notPrimary)) }
    // Crash story: the primary proposed A, crashed, came back and would now propose B. Its own durable prepare for A
    // was restored, so it repeats A.
    guard ownPrepare == nil, decided == nil else { return effects.append(.refused(.alreadyProposed)) }
    let vote = signed(.prepare, digest, signer)
    accepted = vote
    isValidated = true
    ownPrepare = vote
    prepares[Int(replica.rawValue)] = vote
    effects.append(.persist(vote))
    effects.append(.broadcastProposal(vote))
    commitIfPrepared(signer, &effects)
  }

  private mutating func accept(
    _ vote: Vote, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard concernsThis(vote, &effects) else { return }
    guard vote.statement.kind == .prepare else { return effects.append(.refused(.wrongKind)) }
    guard vote.statement.signer == primary else { return effects.append(.refused(.notPrimary)) }
    guard decided == nil else { return }
    if let accepted {
      if accepted.statement.digest != vote.statement.digest {
        effects.append(.evidence(accepted, vote))
        effects.append(.refused(.conflicting))
      } else {
        effects.append(.refused(.duplicate))
      }
      return
    }
    // The primary's prepare may have arrived as a plain vote before; a different one now is evidence.
    if let earlier = prepares[Int(primary.rawValue)], earlier.statement.digest != vote.statement.digest {
      effects.append(.evidence(earlier, vote))
      return effects.append(.refused(.conflicting))
    }
    accepted = vote
    prepares[Int(primary.rawValue)] = vote
    guard ownPrepare == nil else { return commitIfPrepared(signer, &effects) }
    effects.append(.validate(vote.statement.digest))
  }

  private mutating func count(
    _ vote: Vote, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard concernsThis(vote, &effects) else { return }
    let member = Int(vote.statement.signer.rawValue)
    let earlier: Vote?
    switch vote.statement.kind {
    case .prepare: earlier = prepares[member]
    case .commit: earlier = commits[member]
    case .prePrepare, .viewChange, .newView: return effects.append(.refused(.wrongKind))
    }
    if let earlier {
      if earlier.statement == vote.statement { return effects.append(.refused(.duplicate)) }
      effects.append(.evidence(earlier, vote))
      return effects.append(.refused(.conflicting))
    }
    if vote.statement.kind == .prepare { prepares[member] = vote } else { commits[member] = vote }
    guard decided == nil else { return }
    commitIfPrepared(signer, &effects)
  }

  private func concernsThis(_ vote: Vote, _ effects: inout Effects) -> Bool {
    let statement = vote.statement
    guard statement.signer.rawValue < context.quorum.members else {
      effects.append(.refused(.nonMember))
      return false
    }
    guard
      statement == self.statement(statement.kind, statement.digest, signer: statement.signer)
        || statement.view != view
    else {
      effects.append(.refused(.wrongInstance))
      return false
    }
    guard statement.view == view else {
      effects.append(.refused(.wrongView))
      return false
    }
    return true
  }

  private mutating func prepareIfReady(
    _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard let accepted, isValidated, ownPrepare == nil, decided == nil else { return }
    let vote = signed(.prepare, accepted.statement.digest, signer)
    ownPrepare = vote
    prepares[Int(replica.rawValue)] = vote
    effects.append(.persist(vote))
    effects.append(.broadcast(vote))
    commitIfPrepared(signer, &effects)
  }

  /// prepared: the proposal and q prepares over the same statement. (consensus rules 2, 5, 7)
  private mutating func commitIfPrepared(
    _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    if let ownPrepare, ownCommit == nil, matching(prepares, ownPrepare.statement.digest) >= context.quorum.size {
      let vote = signed(.commit, ownPrepare.statement.digest, signer)
      ownCommit = vote
      commits[Int(replica.rawValue)] = vote
      effects.append(.persist(vote))
      effects.append(.broadcast(vote))
    }
    decideIfCommitted(&effects)
  }

  /// q commits over one digest decide, whether or not this member prepared: q − f honest ones did.
  private mutating func decideIfCommitted(_ effects: inout Effects) {
    guard decided == nil else { return }
    for member in commits.indices {
      guard let vote = commits[member] else { continue }
      if matching(commits, vote.statement.digest) >= context.quorum.size {
        decided = vote.statement.digest
        return effects.append(.decided(vote.statement.digest))
      }
    }
  }

  private func matching(_ votes: [Vote?], _ digest: Digest) -> UInt16 {
    var count: UInt16 = 0
    for index in votes.indices where votes[index]?.statement.digest == digest { count += 1 }
    return count
  }

  private func signed(
    _ kind: StatementKind, _ digest: Digest, _ signer: borrowing some VoteSigner & ~Copyable
  ) -> Vote {
    let statement = statement(kind, digest, signer: replica)
    return Vote(statement: statement, signature: signer.sign(statement))
  }

  private mutating func retransmit(_ effects: inout Effects) {
    guard decided == nil, hasSigned else { return }
    ticks += 1
    guard ticks % Self.retransmitTicks == 0 else { return }
    if let ownPrepare {
      effects.append(replica == primary ? .broadcastProposal(ownPrepare) : .broadcast(ownPrepare))
    }
    if let ownCommit { effects.append(.broadcast(ownCommit)) }
  }
}
