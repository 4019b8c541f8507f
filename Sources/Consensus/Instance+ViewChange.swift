import Cryptography
import Units
import Wire

// Giving up a primary and following the next. (Castro & Liskov 1999, §4.4; reference/consensus.md, rules 10–27)
extension Instance {
  /// Moves to a view, in which nothing is signed yet. What is known to be prepared stays. (consensus rule 20)
  mutating func enter(_ view: View) {
    self.view = view
    isChangingView = true
    accepted = nil
    newView = nil
    ownPrepare = nil
    ownCommit = nil
    ownViewChange = nil
    elapsed = 0
    collecting = 0
    hasAskedToValidate = false
    if view > reached[Int(replica.rawValue)] { reached[Int(replica.rawValue)] = view }
  }

  /// Notes that a member has reached a view.
  mutating func see(_ member: ReplicaIndex, in view: View) {
    if view > reached[Int(member.rawValue)] { reached[Int(member.rawValue)] = view }
  }

  /// How many members, this one included, are known to be in this view or a later one.
  private func membersReaching(_ view: View) -> Int {
    var count = 0
    for member in reached.indices where reached[member] >= view { count += 1 }
    return count
  }

  // MARK: Leaving a view

  mutating func changeView(
    to target: View, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    precondition(target > view)
    let prepared = ownPrepare
    enter(target)
    if mutated(.certificateForgottenOnTimeout) { lock.signers = 0 }
    var statement = statement(.viewChange, lock.exists ? lock.digest : Digest(), signer: replica)
    statement.sequenceNumber = lock.claim
    var certificate = lock
    if mutated(.viewChangeOmitsCertificate) {
      statement.digest = Digest()
      statement.sequenceNumber = SequenceNumber(0)
      certificate.signers = 0
    }
    let vote = signed(statement, signer)
    ownViewChange = ViewChange(vote: vote, prepared: certificate)
    viewChanges.store(vote)
    sinceSent = 0
    effects.append(persisting: vote, thenSending: .broadcastViewChange(vote))
    if mutated(.votesInOldView), let prepared, prepared.statement.view.rawValue + 1 == target.rawValue {
      // Goes on in the view it left.
      view = prepared.statement.view
      ownPrepare = prepared
      commitIfPrepared(signer, &effects)
      view = target
      ownPrepare = nil
      ownCommit = nil
    }
    leadIfReady(signer, &effects)
  }

  /// f + 1 members in later views: one of them is honest, so this view is given up. Goes to the highest view that f + 1
  /// have reached; the smallest one that is asked for could be a liar's. (consensus rule 22)
  mutating func joinOthers(_ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects) {
    guard decided == nil, !mutated(.neverJoins) else { return }
    let needed = mutated(.joinsOnOne) ? 1 : Int(context.quorum.faults) + 1
    var target = view
    for member in reached.indices where reached[member] > target {
      if membersReaching(reached[member]) >= needed { target = reached[member] }
    }
    if target > view { changeView(to: target, signer, &effects) }
  }

  mutating func count(
    _ viewChange: ViewChange, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    let vote = viewChange.vote
    guard concernsThis(vote, &effects) else { return }
    let member = vote.statement.signer
    see(member, in: vote.statement.view)
    guard decided == nil else {
      if !mutated(.lateVotesUnanswered) { effects.append(.lateVote(member)) }
      return
    }
    if viewChanges.has(member) {
      let earlier = viewChanges[member]
      guard earlier.view <= vote.statement.view else { return effects.append(.refused(.wrongView)) }
      if earlier.view == vote.statement.view {
        guard earlier.digest == vote.statement.digest, earlier.sequenceNumber == vote.statement.sequenceNumber else {
          return conflict(.viewChange, earlier, vote, &effects)
        }
        effects.append(.refused(.duplicate))
        return joinOthers(signer, &effects)
      }
    }
    viewChanges.store(vote)
    adopt(viewChange.prepared)
    joinOthers(signer, &effects)
    leadIfReady(signer, &effects)
  }

  /// Keeps the certificate of the highest view, whoever made it. (consensus rules 14, 24)
  mutating func adopt(_ prepared: PreparedCertificate) {
    guard prepared.exists else { return }
    for member in Members(prepared.signers) { see(member, in: prepared.view) }
    let isBetter =
      mutated(.lowestCertificateKept)
      ? prepared.view < lock.view : prepared.view > lock.view || mutated(.newestCertificateKeptWhateverItsView)
    guard !lock.exists || isBetter else { return }
    // q members prepared in a view this one has not reached. It waits there for the new view, and asks for nothing:
    // its own view change for that view would have to leave the certificate out.
    if prepared.view > view { enter(prepared.view) }
    lock = prepared
    if mutated(.certificateOfFPlusOne) {
      while lock.signatures.count < Int(context.quorum.size) { lock.signatures.append(Signature()) }
    }
  }

  // MARK: Leading a later view

  /// q members asked for this view, which is this member's to lead.
  var canLead: Bool {
    guard isChangingView, view.rawValue > 0, replica == primary, ownViewChange != nil else { return false }
    let asking = viewChanges.of(view)
    if mutated(.viewChangeCountedForOtherView) { return isQuorum(viewChanges.present) }
    if mutated(.newViewFromFPlusOne) { return asking.nonzeroBitCount > Int(context.quorum.faults) }
    return isQuorum(asking)
  }

  /// Proposes what is prepared already. Without such a value the host is waited for.
  mutating func leadIfReady(_ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects) {
    guard decided == nil, lock.exists, canLead, !mutated(.newViewCertificateDropped) else { return }
    guard validated == lock.digest || mutated(.unvalidatedPrepared) else {
      guard !hasAskedToValidate else { return }
      hasAskedToValidate = true
      return effects.append(.validate(lock.digest))
    }
    makeNewView(lock.digest, signer, &effects)
  }

  /// Proposes a value of the host's choice.
  mutating func lead(
    proposing digest: Digest, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard canLead else { return effects.append(.refused(.tooEarly)) }
    guard !lock.exists || mutated(.newViewCertificateDropped) else { return effects.append(.refused(.locked)) }
    let hasWaited = collecting >= timing.collectTicks || mutated(.nullBeforeCollecting)
    guard digest != Self.nullDigest || hasWaited else { return effects.append(.refused(.tooEarly)) }
    makeNewView(digest, signer, &effects)
  }

  private mutating func makeNewView(
    _ digest: Digest, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    var signers: UInt64 = 0
    var claims: [ViewChangeClaim] = []
    claims.reserveCapacity(Int(context.quorum.size))
    for member in Members(mutated(.viewChangeCountedForOtherView) ? viewChanges.present : viewChanges.of(view))
    where claims.count < Int(context.quorum.size) {
      signers |= 1 << UInt64(member.rawValue)
      let ballot = viewChanges[member]
      claims.append(
        ViewChangeClaim(sequenceNumber: ballot.sequenceNumber, digest: ballot.digest, signature: ballot.signature))
    }
    // Before the prepare is signed, which may complete a quorum and replace the lock.
    let prepared =
      mutated(.newViewCertificateDropped) ? PreparedCertificate.none : lock
    isChangingView = false
    let vote = signed(statement(.prepare, digest, signer: replica), signer)
    newView = NewView(prepare: vote, prepared: prepared, signers: signers, claims: claims)
    prepare(digest, signer, &effects)
  }

  // MARK: Following

  mutating func accept(
    _ newView: NewView, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    let vote = newView.prepare
    let target = vote.statement.view
    guard concernsThis(vote, &effects), recordPrepare(vote, isProposal: target > view || accepted == nil, &effects)
    else { return }
    guard decided == nil else { return }
    guard target >= view || mutated(.newViewOfLowerViewAccepted) else { return effects.append(.refused(.wrongView)) }
    guard target != view || accepted == nil else { return effects.append(.refused(.duplicate)) }
    if mutated(.lockRefusesOtherValue), lock.exists, lock.digest != vote.statement.digest {
      return effects.append(.refused(.conflicting))
    }
    for member in Members(newView.signers) { see(member, in: target) }
    if target != view { enter(target) }
    isChangingView = false
    if mutated(.certificateForgottenOnNewView) { lock.signers = 0 }
    adopt(newView.prepared)
    self.newView = newView
    accepted = vote
    askToValidate(vote.statement.digest, signer, &effects)
  }

  // MARK: Time

  mutating func tick(_ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects) {
    guard decided == nil else { return repeatCommit(&effects) }
    // Until q members are here nobody could decide, and the timer would only lead away from them.
    // (consensus rule 21, coverage rule 11)
    if membersReaching(view) >= Int(context.quorum.size) || mutated(.timerBeforeQuorum) { elapsed += 1 }
    if canLead, !lock.exists { collecting += 1 }
    if elapsed >= timing.viewChangeTimeoutTicks(view), view.rawValue < UInt32.max, !mutated(.timerNeverRuns) {
      if mutated(.decidesNullAlone) {
        decided = Self.nullDigest
        return effects.append(.decided(Self.nullDigest))
      }
      return changeView(to: View(view.rawValue + 1), signer, &effects)
    }
    sendAgain(&effects)
  }

  /// Lost messages and restarted members: whatever was last said is said again. (consensus rule 23)
  private mutating func sendAgain(_ effects: inout Effects) {
    guard isEngaged, !mutated(.noRetransmission), closing == 0 || !mutated(.noResendAfterRestart) else { return }
    sinceSent += 1
    guard sinceSent >= timing.retransmitTicks else { return }
    sinceSent = 0
    if let ownPrepare {
      if replica != primary || view.rawValue > 0 && newView == nil {
        effects.append(.broadcast(ownPrepare))
      } else {
        effects.append(view.rawValue == 0 ? .broadcastProposal(ownPrepare) : .broadcastNewView(ownPrepare))
      }
    } else if let ownViewChange {
      effects.append(.broadcastViewChange(ownViewChange.vote))
    }
    if let ownCommit { effects.append(.broadcast(ownCommit)) }
  }

  private mutating func repeatCommit(_ effects: inout Effects) {
    guard hasSigned, closing < Timing.closingRetransmissions else { return }
    sinceSent += 1
    guard sinceSent >= timing.retransmitTicks else { return }
    sinceSent = 0
    closing += 1
    if let ownCommit { effects.append(.broadcast(ownCommit)) }
  }
}
