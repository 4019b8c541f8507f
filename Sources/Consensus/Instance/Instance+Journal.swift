import Cryptography
import Units
import Wire

// What survives a crash. One entry for each own vote, with what proves it, so that vote and proof are durable together.
// (consensus rule 39; docs/PROTOCOL.md, Journal)
extension Instance {
  /// The longest journal entry of an own vote: a vote, and the new round behind it.
  public static func maximumEntryBytes(_ quorum: Quorum) -> Int {
    Vote.encodedBytes + NewRound.maximumBytes(quorum)
  }

  /// Writes the journal entry of an own vote of the current round, as ``Effect/persist(_:)`` asks: the vote; behind a
  /// commit and a round change the prepared certificate, behind a prepare of a round after the first the new round.
  public func encodeEntry(for vote: Vote, into output: inout OutputSpan<UInt8>) {
    vote.encode(into: &output)
    encodeProof(of: vote, into: &output)
  }

  /// Writes what stands behind the vote in its entry, and proves it.
  public func encodeProof(of vote: Vote, into output: inout OutputSpan<UInt8>) {
    switch vote.statement.kind {
    case .commit: lock.encode(into: &output)
    case .roundChange: ownRoundChange!.prepared.encode(into: &output)
    case .prepare: if vote.statement.round > firstRound, let newRound { newRound.encode(into: &output) }
    }
  }

  /// Puts back an own vote of this position from the journal, before any other input; the first tick sends it again.
  /// (consensus rules 23, 40)
  ///
  /// Traps on a vote of another position or member, on one below the round reached, and on two votes that contradict each
  /// other: the journal is checked before it is read, so such a vote would have been signed by our own mistake.
  ///
  /// - Parameter proof: what stands behind the vote in its entry. Read to its end.
  public mutating func restore(_ vote: Vote, proof: inout WireReader) throws(WireError) {
    if mutated(.amnesia) { return }
    precondition(vote.statement.owner == owner && vote.statement.position == position)
    precondition(vote.statement.signer == replica && vote.statement.networkIdentifier == context.networkIdentifier)
    precondition(
      vote.statement.round >= round || mutated(.votesInOldRound) || mutated(.newRoundOfLowerRoundAccepted)
        || mutated(.roundsComparedByView))
    // Nothing is signed in a round that is not open.
    openBelow = max(openBelow, vote.statement.round.period.rawValue &+ 1)
    switch vote.statement.kind {
    case .prepare:
      let proof: NewRound? = vote.statement.round > firstRound ? try NewRound(decoding: &proof) : nil
      restorePrepare(vote, proof)
    case .commit:
      let certificate = try PreparedCertificate(decoding: &proof)
      restoreRound(vote)
      precondition(boundTo == nil || boundTo == vote.statement.digest || mutated(.secondProposalAccepted))
      restoreLock(certificate)
      ownCommit = vote
      commits.store(vote)
    case .roundChange:
      let certificate = try PreparedCertificate(decoding: &proof)
      if !mutated(.forgetsRoundAtRestart) {
        restoreRound(vote)
        ownRoundChange = RoundChange(vote: vote, prepared: certificate)
        roundChanges.store(vote)
      }
      restoreLock(certificate)
    }
    try proof.expectEnd()
    sinceSent = timing.retransmitTicks - 1
    repeated = 0
    isRestored = true
  }

  /// A digest over what a restart puts back. Two journals after which it is the same say the same of this position.
  package var restorable: Digest {
    Blake2b.digest(domain: "BUSBARir") { hash in
      hash.update(position.rawValue)
      hash.update(round.period.rawValue)
      hash.update(round.view.rawValue)
      hash.update(UInt16(isChangingRound ? 1 : 0))
      for vote in [ownPrepare, ownCommit, ownRoundChange?.vote, accepted, newRound?.prepare] {
        hash.update(UInt16(vote == nil ? 0 : 1))
        guard let vote else { continue }
        let bytes = FixedBytes<192> { out in vote.encode(into: &out) }
        hash.update(bytes)
      }
      hash.update(UInt64(lock.exists ? lock.signers : 0))
      guard lock.exists else { return }
      hash.update(lock.round.period.rawValue)
      hash.update(lock.round.view.rawValue)
      hash.update(lock.digest)
    }
  }

  private mutating func restoreRound(_ vote: Vote) {
    if vote.statement.round > round { enter(vote.statement.round) }
  }

  private mutating func restoreLock(_ certificate: PreparedCertificate) {
    if mutated(.forgetsLockAtRestart) { return }
    if certificate.exists, !lock.exists || certificate.round >= lock.round { lock = certificate }
  }

  private mutating func restorePrepare(_ vote: Vote, _ proof: NewRound?) {
    if mutated(.forgetsPrepareAtRestart) { return }
    restoreRound(vote)
    precondition(boundTo == nil || boundTo == vote.statement.digest || mutated(.secondProposalAccepted))
    isChangingRound = false
    if let proof {
      adopt(proof.prepared)
      newRound = proof
      accepted = proof.prepare
    } else if replica == primary {
      // A primary's own prepare is its proposal; a backup prepared what it had validated.
      accepted = vote
    }
    ownPrepare = vote
    prepares.store(vote)
    validated = vote.statement.digest
  }
}
