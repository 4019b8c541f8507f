import Cryptography
import Units
import Wire

// Proposing, preparing, committing, deciding. (Castro & Liskov 1999, §4.2)
extension Instance {
  mutating func propose(
    _ digest: Digest, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard replica == primary else { return effects.append(.refused(.notPrimary)) }
    // Crash story: the primary proposed A, crashed, came back and would now propose B. Its own durable prepare for A
    // was restored, so it repeats A.
    guard boundTo == nil || mutated(.proposesAgainAtRestart), decided == nil else {
      return effects.append(.refused(.alreadyProposed))
    }
    guard isOpen else { return effects.append(.refused(.notOpen)) }
    guard round == firstRound else { return lead(proposing: digest, signer, &effects) }
    prepare(digest, signer, &effects)
  }

  /// The proposal of the first round; those of later rounds come with a new round.
  mutating func accept(
    _ vote: Vote, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard concernsThis(vote, &effects) else { return }
    let statement = vote.statement
    guard statement.kind == .prepare else { return effects.append(.refused(.wrongKind)) }
    // A later round takes a justification, be it the first of its period. (consensus rule R6)
    let isUnjustified = mutated(.unjustifiedRoundAccepted) && statement.round.view.rawValue == 0
    guard statement.round == firstRound || isUnjustified else { return effects.append(.refused(.wrongRound)) }
    guard
      statement.signer == context.primary(owner: owner, statement.round) || mutated(.proposalOfAnyoneAccepted)
    else { return effects.append(.refused(.notPrimary)) }
    guard recordPrepare(vote, isProposal: true, &effects) else { return }
    goOn(signer, &effects)
    guard
      round == statement.round && (!isChangingRound || isUnjustified)
        || mutated(.acceptsProposalWhileChanging) && ownPrepare == nil
    else { return effects.append(.refused(.wrongRound)) }
    // Crash story: this backup prepared A, crashed and forgot the proposal; a lying primary now proposes B.
    guard boundTo == nil || boundTo == statement.digest || mutated(.secondProposalAccepted) else {
      return effects.append(.refused(.conflicting))
    }
    accepted = vote
    if mutated(.secondProposalAccepted) { hasAskedToValidate = false }
    guard ownPrepare == nil || mutated(.secondProposalAccepted) else { return commitIfPrepared(signer, &effects) }
    askToValidate(statement.digest, signer, &effects)
  }

  mutating func askToValidate(
    _ digest: Digest, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    if validated == digest || mutated(.unvalidatedPrepared) {
      validated = digest
      return prepareIfReady(signer, &effects)
    }
    guard !hasAskedToValidate else { return }
    hasAskedToValidate = true
    effects.append(.validate(digest))
  }

  mutating func validate(
    _ digest: Digest, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard decided == nil, awaitsValidation == digest else { return }
    validated = digest
    if accepted == nil { leadIfReady(signer, &effects) } else { prepareIfReady(signer, &effects) }
  }

  mutating func count(
    _ vote: Vote, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard concernsThis(vote, &effects) else { return }
    switch vote.statement.kind {
    case .prepare:
      guard recordPrepare(vote, isProposal: false, &effects) else { return }
      goOn(signer, &effects)
      commitIfPrepared(signer, &effects)
    case .commit: countCommit(vote, signer, &effects)
    case .roundChange: effects.append(.refused(.wrongKind))
    }
  }

  /// Stores a prepare of another member. False when there is nothing more to do with it.
  mutating func recordPrepare(_ vote: Vote, isProposal: Bool, _ effects: inout Effects) -> Bool {
    let member = vote.statement.signer
    see(member, in: vote.statement.round)
    if prepares.has(member) {
      let earlier = prepares[member]
      if earlier.round == vote.statement.round {
        guard earlier.digest == vote.statement.digest else {
          conflict(.prepare, earlier, vote, &effects)
          return mutated(.secondProposalAccepted) && isProposal
        }
        if decided != nil {
          noteLate(member, &effects)
          return false
        }
        // The primary's prepare may have come before, as a plain vote, or for a round that was not reached then.
        if isProposal, accepted == nil { return true }
        effects.append(.refused(.duplicate))
        if mutated(.duplicatesCounted) { prepares.storeAsAnother(vote) }
        return mutated(.duplicatesCounted)
      }
      if mutated(.evidenceAcrossRounds), earlier.digest != vote.statement.digest {
        conflict(.prepare, earlier, vote, &effects)
        return false
      }
      guard earlier.round < vote.statement.round || decided != nil else {
        effects.append(.refused(.wrongRound))
        return false
      }
    }
    // Whoever decided says nothing more: who speaks now lacks the certificate. (consensus rule R10)
    guard decided == nil else {
      noteLate(member, &effects)
      return false
    }
    guard vote.statement.round >= round || mutated(.votesInOldRound) else {
      effects.append(.refused(.wrongRound))
      return false
    }
    prepares.store(vote)
    return true
  }

  /// Commits of a round left behind decide too: q of them are a certificate, whoever sees them.
  private mutating func countCommit(
    _ vote: Vote, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    let member = vote.statement.signer
    see(member, in: vote.statement.round)
    if commits.has(member) {
      let earlier = commits[member]
      if earlier.round == vote.statement.round {
        guard earlier.digest == vote.statement.digest else { return conflict(.commit, earlier, vote, &effects) }
        if decided != nil { return noteLate(member, &effects) }
        return effects.append(.refused(.duplicate))
      }
      // In two rounds a member may commit two values, if the first was not decided: that is no evidence.
      // Whoever repeats an older one after the decision lacks the certificate.
      guard earlier.round < vote.statement.round || decided != nil else {
        return effects.append(.refused(.wrongRound))
      }
    }
    // A late commit changes nothing, so that the certificate keeps its bytes. (consensus rule 7)
    guard decided == nil || mutated(.lateCommitChangesCertificate) else { return noteLate(member, &effects) }
    commits.store(vote)
    guard decided == nil else { return }
    goOn(signer, &effects)
    decideIfCommitted(&effects)
  }

  /// Takes over the votes of a verified certificate; the ballots of its signers then prove the decision.
  mutating func adopt(_ certificate: QuorumCertificate, _ effects: inout Effects) {
    var expected = statement(certificate.statement.kind, certificate.statement.digest, signer: ReplicaIndex(0))
    expected.round = certificate.statement.round
    guard certificate.statement == expected, expected.round >= firstRound else {
      return effects.append(.refused(.wrongPosition))
    }
    guard decided == nil else {
      // Two certificates for two values need more than f liars; the host's checkers look at the digests.
      return effects.append(.refused(decided == expected.digest ? .duplicate : .conflicting))
    }
    commits.removeAll()
    var place = 0
    for member in Members(certificate.signers) {
      var signed = expected
      signed.signer = member
      commits.store(Vote(statement: signed, signature: certificate.signatures[place]))
      place += 1
    }
    decided = expected.digest
    decidedRound = expected.round
    effects.append(.decided(expected.digest))
  }

  mutating func prepareIfReady(
    _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard let accepted, validated == accepted.statement.digest, decided == nil, isOpen else { return }
    guard ownPrepare == nil || mutated(.secondProposalAccepted) else { return }
    precondition(
      boundTo == nil || boundTo == accepted.statement.digest || mutated(.secondProposalAccepted))
    prepare(accepted.statement.digest, signer, &effects)
  }

  /// Signs this member's prepare of this round; the primary's is its proposal.
  mutating func prepare(
    _ digest: Digest, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    let vote = signed(statement(.prepare, digest, signer: replica), signer)
    ownPrepare = vote
    prepares.store(vote)
    if replica == primary {
      accepted = vote
      validated = digest
      effects.append(
        persisting: vote, thenSending: newRound == nil ? .broadcastProposal(vote) : .broadcastNewRound(vote),
        isJustified: newRound != nil)
    } else {
      effects.append(persisting: vote, thenSending: .broadcast(vote), isJustified: newRound != nil)
    }
    commitIfPrepared(signer, &effects)
  }

  /// prepared: the proposal and q prepares over the same statement. (consensus rules 2, 5, 7)
  mutating func commitIfPrepared(
    _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard decided == nil, let ownPrepare else { return }
    let members = prepares.matching(
      round, ownPrepare.statement.digest, anyRound: mutated(.preparesMergedAcrossRounds),
      anyDigest: mutated(.digestIgnoredInPrepares))
    var isPrepared = isQuorum(members)
    if mutated(.commitsUnprepared) { isPrepared = members.nonzeroBitCount > Int(context.quorum.faults) }
    guard isPrepared else { return decideIfCommitted(&effects) }
    if mutated(.decidesOnPrepares) {
      decided = ownPrepare.statement.digest
      decidedRound = round
      return effects.append(.decided(ownPrepare.statement.digest))
    }
    if ownCommit == nil || ownCommit!.statement.digest != ownPrepare.statement.digest {
      lock(on: ownPrepare.statement.digest, members)
      let vote = signed(statement(.commit, ownPrepare.statement.digest, signer: replica), signer)
      ownCommit = vote
      commits.store(vote)
      effects.append(persisting: vote, thenSending: .broadcast(vote))
    }
    decideIfCommitted(&effects)
  }

  /// Keeps the prepares of this round as the certificate that later round changes carry. (consensus rule 11)
  private mutating func lock(on digest: Digest, _ members: UInt64) {
    let size = Int(context.quorum.size)
    if lock.signatures.count < size {
      lock.signatures = pool?.takeSignatures() ?? Array(repeating: Signature(), count: size)
    }
    var signers: UInt64 = 0
    var place = 0
    for member in Members(members) where place < size {
      signers |= 1 << UInt64(member.rawValue)
      lock.signatures[place] = prepares[member].signature
      place += 1
    }
    lock.signers = signers
    lock.round = round
    lock.digest = digest
  }

  /// q commits over one statement decide, whether or not this member prepared: q − f honest ones did.
  mutating func decideIfCommitted(_ effects: inout Effects) {
    guard decided == nil else { return }
    for member in Members(commits.present) {
      let ballot = commits[member]
      var members = commits.matching(
        ballot.round, ballot.digest, anyRound: mutated(.commitsMergedAcrossRounds),
        anyDigest: mutated(.digestIgnoredInCommits))
      if mutated(.preparesCountedAsCommits) { members |= prepares.matching(ballot.round, ballot.digest) }
      guard isQuorum(members) else { continue }
      decided = ballot.digest
      decidedRound = ballot.round
      return effects.append(.decided(ballot.digest))
    }
  }
}
