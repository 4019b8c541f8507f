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
    guard view.rawValue == 0 else { return lead(proposing: digest, signer, &effects) }
    prepare(digest, signer, &effects)
  }

  /// The proposal of view 0; those of later views come with a new view.
  mutating func accept(
    _ vote: Vote, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard concernsThis(vote, &effects) else { return }
    let statement = vote.statement
    guard statement.kind == .prepare else { return effects.append(.refused(.wrongKind)) }
    guard statement.view.rawValue == 0 else { return effects.append(.refused(.wrongView)) }
    guard
      statement.signer == context.primary(owner: owner, period: period, view: View(0))
        || mutated(.proposalOfAnyoneAccepted)
    else { return effects.append(.refused(.notPrimary)) }
    guard recordPrepare(vote, isProposal: true, &effects) else { return }
    guard decided == nil else { return }
    guard view.rawValue == 0 || mutated(.acceptsProposalWhileChanging) && ownPrepare == nil else {
      return effects.append(.refused(.wrongView))
    }
    // Crash story: this backup prepared A, crashed and forgot the proposal; a lying primary now proposes B.
    guard boundTo == nil || boundTo == statement.digest || mutated(.secondProposalAccepted) else {
      return effects.append(.refused(.conflicting))
    }
    accepted = vote
    if mutated(.secondProposalAccepted) { hasAskedToValidate = false }
    guard ownPrepare == nil || mutated(.secondProposalAccepted) else { return commitIfPrepared(signer, &effects) }
    if mutated(.decidesNullOnProposal), statement.digest == Self.nullDigest {
      decided = statement.digest
      return effects.append(.decided(statement.digest))
    }
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
      guard recordPrepare(vote, isProposal: false, &effects), decided == nil else { return }
      joinOthers(signer, &effects)
      commitIfPrepared(signer, &effects)
    case .commit: countCommit(vote, signer, &effects)
    case .prePrepare, .viewChange, .newView: effects.append(.refused(.wrongKind))
    }
  }

  /// Stores a prepare of another member. False when there is nothing more to do with it.
  mutating func recordPrepare(_ vote: Vote, isProposal: Bool, _ effects: inout Effects) -> Bool {
    let member = vote.statement.signer
    see(member, in: vote.statement.view)
    if prepares.has(member) {
      let earlier = prepares[member]
      if earlier.view == vote.statement.view {
        guard earlier.digest == vote.statement.digest else {
          conflict(.prepare, earlier, vote, &effects)
          return mutated(.secondProposalAccepted) && isProposal
        }
        if decided != nil {
          // Only a prepare says that its signer is undecided: decided members repeat their commit too.
          effects.append(.lateVote(member))
          return false
        }
        // The primary's prepare may have come before, as a plain vote, or for a view that was not reached then.
        if isProposal, accepted == nil { return true }
        effects.append(.refused(.duplicate))
        if mutated(.duplicatesCounted) { prepares.storeAsAnother(vote) }
        return mutated(.duplicatesCounted)
      }
      if mutated(.evidenceAcrossViews), earlier.digest != vote.statement.digest {
        conflict(.prepare, earlier, vote, &effects)
        return false
      }
      guard earlier.view < vote.statement.view else {
        effects.append(decided != nil ? .lateVote(member) : .refused(.wrongView))
        return false
      }
    }
    guard vote.statement.view >= view || decided != nil || mutated(.votesInOldView) else {
      effects.append(.refused(.wrongView))
      return false
    }
    prepares.store(vote)
    return true
  }

  /// Commits of a view left behind decide too: q of them are a certificate, whoever sees them.
  private mutating func countCommit(
    _ vote: Vote, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    let member = vote.statement.signer
    see(member, in: vote.statement.view)
    if commits.has(member) {
      let earlier = commits[member]
      if earlier.view == vote.statement.view {
        guard earlier.digest == vote.statement.digest else { return conflict(.commit, earlier, vote, &effects) }
        return effects.append(.refused(.duplicate))
      }
      // In two views a member may commit two values, if the first was not decided: that is no evidence.
      guard earlier.view < vote.statement.view else { return effects.append(.refused(.wrongView)) }
    }
    // A late commit is a no-op, so that the certificate keeps its bytes. (consensus rule 7)
    guard decided == nil || mutated(.lateCommitChangesCertificate) else { return }
    commits.store(vote)
    guard decided == nil else { return }
    joinOthers(signer, &effects)
    decideIfCommitted(&effects)
  }

  /// Takes over the votes of a verified certificate; the ballots of its signers then prove the decision.
  mutating func adopt(_ certificate: QuorumCertificate, _ effects: inout Effects) {
    var expected = statement(certificate.statement.kind, certificate.statement.digest, signer: ReplicaIndex(0))
    expected.view = certificate.statement.view
    guard certificate.statement == expected else { return effects.append(.refused(.wrongInstance)) }
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
    decidedView = expected.view
    effects.append(.decided(expected.digest))
  }

  mutating func prepareIfReady(
    _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard let accepted, validated == accepted.statement.digest, decided == nil else { return }
    guard ownPrepare == nil || mutated(.secondProposalAccepted) else { return }
    precondition(
      boundTo == nil || boundTo == accepted.statement.digest || mutated(.secondProposalAccepted))
    prepare(accepted.statement.digest, signer, &effects)
  }

  /// Signs this member's prepare of this view; the primary's is its proposal.
  mutating func prepare(
    _ digest: Digest, _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    let vote = signed(statement(.prepare, digest, signer: replica), signer)
    ownPrepare = vote
    hasSigned = true
    prepares.store(vote)
    if replica == primary {
      accepted = vote
      validated = digest
      effects.append(
        persisting: vote, thenSending: view.rawValue == 0 ? .broadcastProposal(vote) : .broadcastNewView(vote))
    } else {
      effects.append(persisting: vote, thenSending: .broadcast(vote))
    }
    commitIfPrepared(signer, &effects)
  }

  /// prepared: the proposal and q prepares over the same statement. (consensus rules 2, 5, 7)
  mutating func commitIfPrepared(
    _ signer: borrowing some VoteSigner & ~Copyable, _ effects: inout Effects
  ) {
    guard decided == nil, let ownPrepare else { return }
    let members = prepares.matching(
      view, ownPrepare.statement.digest, anyView: mutated(.preparesMergedAcrossViews),
      anyDigest: mutated(.digestIgnoredInPrepares))
    var isPrepared = isQuorum(members)
    if mutated(.commitsUnprepared) { isPrepared = members.nonzeroBitCount > Int(context.quorum.faults) }
    guard isPrepared else { return decideIfCommitted(&effects) }
    if mutated(.decidesOnPrepares) {
      decided = ownPrepare.statement.digest
      decidedView = view
      return effects.append(.decided(ownPrepare.statement.digest))
    }
    if ownCommit == nil || ownCommit!.statement.digest != ownPrepare.statement.digest {
      lock(on: ownPrepare.statement.digest, members)
      let vote = signed(statement(.commit, ownPrepare.statement.digest, signer: replica), signer)
      ownCommit = vote
      hasSigned = true
      commits.store(vote)
      effects.append(persisting: vote, thenSending: .broadcast(vote))
    }
    decideIfCommitted(&effects)
  }

  /// Keeps the prepares of this view as the certificate that later view changes carry. (consensus rule 11)
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
    lock.view = view
    lock.digest = digest
  }

  /// q commits over one statement decide, whether or not this member prepared: q − f honest ones did.
  mutating func decideIfCommitted(_ effects: inout Effects) {
    guard decided == nil else { return }
    for member in Members(commits.present) {
      let ballot = commits[member]
      var members = commits.matching(
        ballot.view, ballot.digest, anyView: mutated(.commitsMergedAcrossViews),
        anyDigest: mutated(.digestIgnoredInCommits))
      if mutated(.preparesCountedAsCommits) { members |= prepares.matching(ballot.view, ballot.digest) }
      guard isQuorum(members) else { continue }
      decided = ballot.digest
      decidedView = ballot.view
      return effects.append(.decided(ballot.digest))
    }
  }
}
