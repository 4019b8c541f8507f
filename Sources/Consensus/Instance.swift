import Cryptography
import Units
import Wire

/// Why an input changed nothing. Counted by the host.
public enum Refusal: UInt8, CaseIterable, Sendable, CustomStringConvertible {
  case nonMember, wrongInstance, wrongView, wrongKind, notPrimary, duplicate, conflicting, alreadyProposed
  /// Someone sent a vote under this member's own key: an echo, or a copy of this node is running. (consensus rule 44)
  case ownKey

  public var description: String {
    switch self {
    case .nonMember: "not a member"
    case .wrongInstance: "another network, epoch, group, set or period"
    case .wrongView: "another view"
    case .wrongKind: "a kind that does not belong here"
    case .notPrimary: "not the primary"
    case .duplicate: "seen before"
    case .conflicting: "differs from what was accepted or signed"
    case .alreadyProposed: "something was proposed already"
    case .ownKey: "signed with this member's key elsewhere"
    }
  }
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
  /// Told once for each member and phase.
  case evidence(Vote, Vote)
  /// The instance is decided, and this member still repeats its prepare: it lacks the certificate. (consensus rule 27)
  case lateVote(ReplicaIndex)
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
  /// A decision proven by others, of whatever view.
  case certificate(VerifiedCertificate)
  /// Time passed; own votes are sent again every ``Instance/retransmitTicks`` until the instance is decided, and the
  /// own commit ``Instance/closingRetransmissions`` times more.
  case tick
}

/// One single-shot PBFT instance for the readings of one set in one period. (Castro & Liskov 1999, §4; DESIGN §3)
///
/// Holds no clock, socket, file or random source: the same inputs give the same effects. View 0 only for now; a
/// primary that stays silent leaves the instance undecided.
public struct Instance: ~Copyable {
  public static let retransmitTicks: UInt32 = 3
  /// A decided member stops asking, but one that lost its commit may still need it and may have signed nothing that
  /// it could repeat. (consensus rules 23, 31)
  public static let closingRetransmissions: UInt32 = 8
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
  private var closing: UInt32 = 0
  private var decidedView = View(0)
  /// Members whose second vote was told as evidence, by phase: bit i for member i.
  private var toldPrepares: UInt64 = 0
  private var toldCommits: UInt64 = 0
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
    closing = 0
    decidedView = View(0)
    toldPrepares = 0
    toldCommits = 0
    for member in prepares.indices {
      prepares[member] = nil
      commits[member] = nil
    }
  }

  public var primary: ReplicaIndex { context.primary(owner: owner, period: period, view: view) }
  /// True once this member signed anything here: then only a decision ends the instance. (coverage rule 1)
  public var hasSigned: Bool { ownPrepare != nil || ownCommit != nil }

  /// What this member is bound to in this view: it signs nothing about another digest. (consensus rule 40)
  private var boundTo: Digest? { ownPrepare?.statement.digest ?? ownCommit?.statement.digest }

  /// Puts back an own vote from the journal, before any other input; the first tick sends it again.
  /// (consensus rules 23, 40)
  ///
  /// Traps on a vote of another instance or member and on two votes that contradict each other: the journal is
  /// checked before it is read, so such a vote would have been signed by our own mistake.
  public mutating func restore(_ vote: Vote) {
    let kind = vote.statement.kind
    precondition(vote.statement == statement(kind, vote.statement.digest, signer: replica))
    precondition(boundTo == nil || boundTo == vote.statement.digest)
    switch kind {
    case .prepare:
      ownPrepare = vote
      prepares[Int(replica.rawValue)] = vote
      // A primary's own prepare is its proposal; a backup prepared what it had validated.
      if replica == primary { accepted = vote }
      isValidated = true
    case .commit:
      ownCommit = vote
      commits[Int(replica.rawValue)] = vote
    case .prePrepare, .viewChange, .newView: return
    }
    ticks = Self.retransmitTicks - 1
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
    case .certificate(let verified): adopt(verified.certificate, &effects)
    case .tick: retransmit(&effects)
    }
  }

  /// q commits over the decided statement; nil before the decision. The same bytes from then on. Allocates.
  public var certificate: QuorumCertificate? {
    guard let decided else { return nil }
    var signers: UInt64 = 0
    var signatures: [Signature] = []
    for member in commits.indices where signatures.count < Int(context.quorum.size) {
      guard let vote = commits[member], vote.statement.digest == decided, vote.statement.view == decidedView else {
        continue
      }
      signers |= 1 << UInt64(member)
      signatures.append(vote.signature)
    }
    var statement = statement(.commit, decided, signer: ReplicaIndex(0))
    statement.view = decidedView
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
    guard boundTo == nil, decided == nil else { return effects.append(.refused(.alreadyProposed)) }
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
    // The primary's prepare may have arrived before, as a plain vote or with a proposal.
    if let earlier = prepares[Int(primary.rawValue)] {
      guard earlier.statement == vote.statement else { return conflict(earlier, vote, &effects) }
      guard decided == nil else { return effects.append(.lateVote(primary)) }
      guard accepted == nil else { return effects.append(.refused(.duplicate)) }
    }
    prepares[Int(primary.rawValue)] = vote
    guard decided == nil else { return }
    // Crash story: this backup prepared A, crashed and forgot the proposal; a lying primary now proposes B.
    guard boundTo == nil || boundTo == vote.statement.digest else { return effects.append(.refused(.conflicting)) }
    accepted = vote
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
      // Only a prepare says that its signer is undecided: decided members repeat their commit too.
      guard earlier.statement == vote.statement else {
        // The certificate may have put a commit of a later view here; commits of two views contradict nothing.
        guard earlier.statement.view == vote.statement.view else { return }
        return conflict(earlier, vote, &effects)
      }
      if decided != nil, vote.statement.kind == .prepare { return effects.append(.lateVote(vote.statement.signer)) }
      return effects.append(.refused(.duplicate))
    }
    if vote.statement.kind == .prepare { prepares[member] = vote }
    // A late commit is a no-op, so that the certificate keeps its bytes. (consensus rule 7)
    guard decided == nil else { return }
    if vote.statement.kind == .commit { commits[member] = vote }
    commitIfPrepared(signer, &effects)
  }

  private mutating func conflict(_ earlier: Vote, _ vote: Vote, _ effects: inout Effects) {
    let bit: UInt64 = 1 << UInt64(vote.statement.signer.rawValue)
    let isPrepare = vote.statement.kind == .prepare
    if (isPrepare ? toldPrepares : toldCommits) & bit == 0 {
      if isPrepare { toldPrepares |= bit } else { toldCommits |= bit }
      effects.append(.evidence(earlier, vote))
    }
    effects.append(.refused(.conflicting))
  }

  /// Takes over the votes of a verified certificate; the slots of its signers then prove the decision.
  private mutating func adopt(_ certificate: QuorumCertificate, _ effects: inout Effects) {
    var expected = statement(.commit, certificate.statement.digest, signer: ReplicaIndex(0))
    expected.view = certificate.statement.view
    guard certificate.statement == expected else { return effects.append(.refused(.wrongInstance)) }
    guard decided == nil else {
      // Two certificates for two values need more than f liars; the host's checkers look at the digests.
      return effects.append(.refused(decided == expected.digest ? .duplicate : .conflicting))
    }
    var place = 0
    for member in commits.indices where certificate.signers >> UInt64(member) & 1 == 1 {
      var signed = expected
      signed.signer = ReplicaIndex(UInt16(member))
      commits[member] = Vote(statement: signed, signature: certificate.signatures[place])
      place += 1
    }
    decided = expected.digest
    decidedView = expected.view
    effects.append(.decided(expected.digest))
  }

  private func concernsThis(_ vote: Vote, _ effects: inout Effects) -> Bool {
    var expected = statement(vote.statement.kind, vote.statement.digest, signer: vote.statement.signer)
    expected.view = vote.statement.view
    let reason: Refusal? =
      if vote.statement.signer.rawValue >= context.quorum.members {
        .nonMember
      } else if vote.statement != expected {
        .wrongInstance
      } else if vote.statement.view != view {
        .wrongView
      } else if vote.statement.signer == replica {
        // Rule 3: an own vote counts only once it is durable here. After amnesia the group's echoes would count.
        .ownKey
      } else {
        nil
      }
    if let reason { effects.append(.refused(reason)) }
    return reason == nil
  }

  private mutating func prepareIfReady(
    _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard let accepted, isValidated, ownPrepare == nil, decided == nil else { return }
    precondition(boundTo == nil || boundTo == accepted.statement.digest)
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
    guard hasSigned, closing < Self.closingRetransmissions else { return }
    ticks += 1
    guard ticks == Self.retransmitTicks else { return }
    ticks = 0
    if decided != nil {
      closing += 1
    } else if let ownPrepare {
      effects.append(replica == primary ? .broadcastProposal(ownPrepare) : .broadcast(ownPrepare))
    }
    if let ownCommit { effects.append(.broadcast(ownCommit)) }
  }
}
