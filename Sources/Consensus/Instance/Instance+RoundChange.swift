import Cryptography
import Units
import Wire

// Giving up a primary, or a period, and following the next.
// (Castro & Liskov 1999, §4.4; consensus rules R3–R6, R12, R19–R22)
extension Instance {
  /// Moves to a round, in which nothing is signed yet. What is known to be prepared stays. (consensus rule 20)
  mutating func enter(_ round: Round) {
    // What the host said was of the period that is left.
    if round.period != self.round.period, !mutated(.recordsOutlivePeriod) { hasRecords = false }
    self.round = round
    isChangingRound = true
    accepted = nil
    newRound = nil
    ownPrepare = nil
    ownCommit = nil
    ownRoundChange = nil
    elapsed = 0
    waited = 0
    sinceSent = 0
    repeated = 0
    hasAskedToValidate = false
    see(replica, in: round)
  }

  /// Notes that a member has reached a round.
  mutating func see(_ member: ReplicaIndex, in round: Round) {
    seen |= 1 << UInt64(member.rawValue)
    guard round > reached[Int(member.rawValue)] else { return }
    reached[Int(member.rawValue)] = round
    hasNewReach = true
  }

  /// How many members, this one included, are known to be in this round or a later one.
  @inline(__always)
  private func membersReaching(_ round: Round) -> Int {
    var count = 0
    for member in reached.indices where reached[member] >= round { count += 1 }
    return count
  }

  // MARK: Which rounds are open

  /// A round is open once its period has ended, by the own clock, by the word of f + 1 others, one of whom is honest, or because q
  /// members have signed in it. With the own clock alone, members whose clocks differ would not meet. (consensus rule R3)
  @inline(__always)
  func isOpen(_ round: Round) -> Bool {
    if round.period.rawValue < openBelow { return true }
    if mutated(.openedByOwnClockAlone) { return false }
    var others = 0
    for member in Members(seen)
    where member != replica && reached[Int(member.rawValue)].period >= round.period { others += 1 }
    return others > (mutated(.openedByOneMember) ? 0 : Int(context.quorum.faults))
  }

  private mutating func open(_ period: Period) { openBelow = max(openBelow, period.rawValue &+ 1) }

  /// The own clock says that a period has ended. A later one than the round's is the end of that round, of which nothing need be
  /// said; an undecided value goes on in the new one. (consensus rule R4)
  mutating func end(_ period: Period, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects) {
    guard period.rawValue < UInt64.max, decided == nil else { return }
    open(period)
    if period > round.period, !mutated(.staysInItsPeriod) {
      enter(Round(period))
      if mutated(.lockForgottenAtPeriodEnd) { lock.signers = 0 }
    }
    goOn(signer, &effects)
  }

  /// What became possible because a round opened or somebody was heard.
  mutating func goOn(_ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects) {
    guard decided == nil else { return }
    joinOthers(signer, &effects)
    askIfCalledFor(signer, &effects)
    if hasAccepted, !hasPrepared { prepareIfReady(signer, &effects) }
    if lock.exists { leadIfReady(signer, &effects) }
  }

  // MARK: Asking for a round

  /// Something that could be decided if the members were in one round. (consensus rule R19)
  var hasWork: Bool {
    // A backup that comes back after a restart knows what it prepared, and no longer whose proposal that was.
    hasRecords || lock.exists && !mutated(.lockRunsNoTimer) || hasAccepted
      || hasPrepared && !mutated(.preparedIsNoWork)
  }

  /// In a round that was entered without a word, asks for it: when there is something to decide, or when one other member asks for it
  /// or for a later one.
  ///
  /// One is enough. Meters send to two primaries; when one of those is off, the other alone holds the records, and could wake nobody
  /// if it took f + 1. (consensus rule R20)
  private mutating func askIfCalledFor(_ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects) {
    guard decided == nil, isChangingRound, !hasSigned else { return }
    // Of q members that prepared here a round change could only say less than it must.
    guard !lock.exists || lock.round < round, isOpen else { return }
    let needed = mutated(.wakesOnFPlusOneOnly) ? Int(context.quorum.faults) + 1 : 1
    let isCalled = roundChanges.reaching(round, isLater: false) >= needed
    let isDeaf = mutated(.idleNeverWakes) || mutated(.ownRoundUnanswered)
    guard hasWork || isCalled && !isDeaf else { return }
    signRoundChange(signer, &effects)
  }

  /// Asks for the current round, before anything else is signed in it.
  private mutating func signRoundChange(_ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects) {
    if mutated(.certificateForgottenOnTimeout) { lock.signers = 0 }
    var statement = statement(.roundChange, lock.exists ? lock.digest : Digest(), signer: replica)
    statement.claim = lock.claim
    var certificate = lock
    if mutated(.roundChangeOmitsCertificate) {
      statement.digest = Digest()
      statement.claim = .none
      certificate.signers = 0
    }
    let vote = signed(statement, signer)
    ownRoundChange = RoundChange(vote: vote, prepared: certificate)
    roundChanges.store(vote)
    effects.append(persisting: vote, thenSending: .broadcastRoundChange(vote))
  }

  private mutating func changeRound(
    to target: Round, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    precondition(target > round)
    let left = round
    let prepared = ownPrepare
    enter(target)
    signRoundChange(signer, &effects)
    if mutated(.votesInOldRound), let prepared, left.next == target {
      // Goes on in the round it left.
      round = left
      ownPrepare = prepared
      commitIfPrepared(signer, &effects)
      round = target
      ownPrepare = nil
      ownCommit = nil
    }
    leadIfReady(signer, &effects)
  }

  /// f + 1 members in later rounds: one of them is honest, so this round is given up. Goes to the highest round that f + 1
  /// have reached; the smallest one that is asked for could be a liar's. (consensus rule 22)
  mutating func joinOthers(_ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects) {
    guard hasNewReach, decided == nil, !mutated(.neverJoins) else { return }
    hasNewReach = false
    let needed = mutated(.joinsOnOne) ? 1 : Int(context.quorum.faults) + 1
    var target = round
    for member in reached.indices where reached[member] > target {
      if membersReaching(reached[member]) >= needed { target = reached[member] }
    }
    if target > round, isOpen(target) { changeRound(to: target, signer, &effects) }
  }

  mutating func count(
    _ roundChange: RoundChange, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    let vote = roundChange.vote
    guard concernsThis(vote, &effects) else { return }
    let member = vote.statement.signer
    see(member, in: vote.statement.round)
    guard decided == nil else { return noteLate(member, &effects) }
    if roundChanges.has(member) {
      let earlier = roundChanges[member]
      guard earlier.round <= vote.statement.round else { return effects.append(.refused(.wrongRound)) }
      if earlier.round == vote.statement.round {
        guard earlier.digest == vote.statement.digest, earlier.claim == vote.statement.claim else {
          return conflict(.roundChange, earlier, vote, &effects)
        }
        effects.append(.refused(.duplicate))
        return goOn(signer, &effects)
      }
    }
    roundChanges.store(vote)
    if !mutated(.lockShownNotTakenOver) { adopt(roundChange.prepared) }
    goOn(signer, &effects)
  }

  mutating func noteLate(_ member: ReplicaIndex, _ effects: inout Effects) {
    if !mutated(.lateVotesUnanswered) { effects.append(.lateVote(member)) }
  }

  /// Keeps the certificate of the highest round, whoever made it. (consensus rules 14, 24)
  mutating func adopt(_ prepared: PreparedCertificate) {
    guard prepared.exists else { return }
    open(prepared.round.period)
    for member in Members(prepared.signers) { see(member, in: prepared.round) }
    let isHigher =
      mutated(.roundsComparedByView) ? prepared.round.view > lock.round.view : prepared.round > lock.round
    let isBetter =
      mutated(.lowestCertificateKept)
      ? prepared.round < lock.round : isHigher || mutated(.newestCertificateKeptWhateverItsRound)
    guard !lock.exists || isBetter else { return }
    // q members prepared in a round this one has not reached. It waits there for the new round, and asks for nothing:
    // its own round change for that round would have to leave the certificate out.
    if prepared.round > round { enter(prepared.round) }
    lock = prepared
    if mutated(.certificateOfFPlusOne) {
      while lock.signatures.count < Int(context.quorum.size) { lock.signatures.append(Signature()) }
    }
  }

  // MARK: Leading a later round

  /// q members asked for this round, which is this member's to lead.
  var canLead: Bool {
    guard isChangingRound, hasAsked, round > firstRound, replica == primary, isOpen else { return false }
    let asking = roundChanges.of(round)
    if mutated(.roundChangeCountedForOtherRound) { return isQuorum(roundChanges.present) }
    if mutated(.newRoundFromFPlusOne) { return asking.nonzeroBitCount > Int(context.quorum.faults) }
    return isQuorum(asking)
  }

  /// Proposes what is prepared already. Without such a value the host is waited for.
  mutating func leadIfReady(_ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects) {
    guard decided == nil, lock.exists, canLead, !mutated(.newRoundCertificateDropped) else { return }
    guard validated == lock.digest || mutated(.unvalidatedPrepared) else {
      guard !hasAskedToValidate else { return }
      hasAskedToValidate = true
      return effects.append(.validate(lock.digest))
    }
    makeNewRound(lock.digest, signer, &effects)
  }

  /// Proposes a value of the host's choice.
  mutating func lead(
    proposing digest: Digest, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard canLead else { return effects.append(.refused(.tooEarly)) }
    guard !lock.exists || mutated(.newRoundCertificateDropped) else { return effects.append(.refused(.locked)) }
    makeNewRound(digest, signer, &effects)
  }

  private mutating func makeNewRound(
    _ digest: Digest, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    var signers: UInt64 = 0
    var claims: [RoundChangeClaim] = []
    claims.reserveCapacity(Int(context.quorum.size))
    for member in Members(mutated(.roundChangeCountedForOtherRound) ? roundChanges.present : roundChanges.of(round))
    where claims.count < Int(context.quorum.size) {
      signers |= 1 << UInt64(member.rawValue)
      let ballot = roundChanges[member]
      claims.append(RoundChangeClaim(claim: ballot.claim, digest: ballot.digest, signature: ballot.signature))
    }
    // Before the prepare is signed, which may complete a quorum and replace the lock.
    let prepared = mutated(.newRoundCertificateDropped) ? PreparedCertificate.none : lock
    isChangingRound = false
    let vote = signed(statement(.prepare, digest, signer: replica), signer)
    newRound = NewRound(prepare: vote, prepared: prepared, signers: signers, claims: claims)
    prepare(digest, signer, &effects)
  }

  // MARK: Following

  mutating func accept(
    _ newRound: NewRound, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    let vote = newRound.prepare
    let target = vote.statement.round
    guard concernsThis(vote, &effects) else { return }
    // The first round needs no justification, and has none: two forms of one proposal would be two.
    guard target > firstRound else { return effects.append(.refused(.wrongRound)) }
    guard recordPrepare(vote, isProposal: target > round || accepted == nil, &effects) else { return }
    guard target >= round || mutated(.newRoundOfLowerRoundAccepted) else {
      return effects.append(.refused(.wrongRound))
    }
    guard target != round || accepted == nil else { return effects.append(.refused(.duplicate)) }
    if mutated(.lockRefusesOtherValue), lock.exists, lock.digest != vote.statement.digest {
      return effects.append(.refused(.conflicting))
    }
    // q members asked for this round: its period has ended.
    open(target.period)
    for member in Members(newRound.signers) { see(member, in: target) }
    if target != round { enter(target) }
    isChangingRound = false
    if mutated(.certificateForgottenOnNewRound) { lock.signers = 0 }
    if !mutated(.lockShownNotTakenOver) { adopt(newRound.prepared) }
    self.newRound = newRound
    accepted = vote
    // Story: a header was valid in a free round and prepared by few. The liar that leads the next free round, perhaps of a later period,
    // proposes it once more: its period and author are wrong there, and members that looked before must look again.
    // (consensus rule R7)
    if !newRound.prepared.exists, !mutated(.validityOutlivesFreeRound) { validated = nil }
    askToValidate(vote.statement.digest, signer, &effects)
  }

  // MARK: Time

  /// ``Input/tick(hasRecords:)`` without the rest of what an input may be: ticks are most of all inputs.
  public mutating func tick(
    hasRecords: Bool, signer: borrowing some VoteSigner & ~Copyable, into effects: inout Effects
  ) {
    self.hasRecords = hasRecords
    guard decided == nil else { return }
    goOn(signer, &effects)
    // Until q members are here nobody could decide, and the timer would only lead away from them: with T(0) running from a clock
    // alone, members whose clocks differ never meet. (consensus rules 21, R12)
    let isMet =
      round == firstRound || membersReaching(round) >= Int(context.quorum.size) || mutated(.timerBeforeQuorum)
    if isMet, isOpen {
      waited &+= 1
      if hasWork { elapsed &+= 1 }
    }
    if isTimeToLeave, round.view.rawValue < UInt32.max - 2, !mutated(.timerNeverRuns) {
      var target = round.next
      if mutated(.oneAskerJumpsRounds) {
        for member in Members(roundChanges.present) { target = max(target, roundChanges[member].round) }
      }
      return changeRound(to: target, signer, &effects)
    }
    sendAgain(&effects)
  }

  /// A member that restarts in the first view of a period has waited in it since the period ended, as far as its clock says.
  /// (consensus rule R22)
  ///
  /// Story: the one honest holder of a set's records restarted in the middle of a period that a silent member led. It waited another quarter
  /// of the period, and by then its meters had signed records that no longer followed: the next period was lost as well.
  public mutating func resumeWaiting(_ ticks: UInt64, in period: Period) {
    guard round == Round(period), decided == nil, !mutated(.waitsAnewAfterRestart) else { return }
    let timeout = timing.roundChangeTimeoutTicks(round.view)
    waited = max(waited, UInt32(min(ticks, UInt64(timeout))))
    // It leaves with work alone.
    elapsed = max(elapsed, UInt32(min(ticks, UInt64(timeout - 1))))
  }

  /// After T with work. Without, after T too, if one other member has asked for a later round: it has what this one lacks. Never before T,
  /// and one view at a time, however far the asker is. (consensus rules R12, R21)
  @inline(__always)
  private var isTimeToLeave: Bool {
    let timeout = timing.roundChangeTimeoutTicks(round.view)
    if elapsed >= timeout { return true }
    guard waited >= timeout || mutated(.oneAskerJumpsRounds) else { return false }
    let needed = mutated(.wakesOnFPlusOneOnly) ? Int(context.quorum.faults) + 1 : 1
    return !mutated(.idleNeverWakes) && roundChanges.reaching(round, isLater: true) >= needed && isOpen
  }

  /// Lost messages and restarted members: whatever was last said in this round is said again, soon six times, then once in T0.
  /// (consensus rules 23, R11)
  private mutating func sendAgain(_ effects: inout Effects) {
    guard hasSigned, !mutated(.noRetransmission),
      !isRestored || !mutated(.noResendAfterRestart)
    else { return }
    sinceSent += 1
    guard sinceSent >= timing.retransmissionTicks(repeated) else { return }
    sinceSent = 0
    if repeated < Timing.soonRetransmissions { repeated += 1 }
    sendNewest(&effects)
  }

  // Apart, so that a tick without a word copies no votes.
  @inline(never)
  private mutating func sendNewest(_ effects: inout Effects) {
    if let ownPrepare {
      if replica != primary || round > firstRound && newRound == nil {
        effects.append(.broadcast(ownPrepare))
      } else {
        effects.append(round == firstRound ? .broadcastProposal(ownPrepare) : .broadcastNewRound(ownPrepare))
      }
    } else if let ownRoundChange {
      effects.append(.broadcastRoundChange(ownRoundChange.vote))
    }
    if let ownCommit { effects.append(.broadcast(ownCommit)) }
  }
}
