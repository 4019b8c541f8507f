import Cryptography
import Units
import Wire

// What survives a crash. One entry for each own vote, with what proves it, so that vote and proof are durable together.
// (consensus rule 39; docs/PROTOCOL.md, Journal)
extension Instance {
  public static func maximumEntryBytes(_ quorum: Quorum) -> Int {
    Vote.encodedBytes + NewView.maximumBytes(quorum)
  }

  /// Writes the journal entry of an own vote of the current view, as ``Effect/persist(_:)`` asks: the vote; behind a
  /// commit and a view change the prepared certificate, behind a prepare of a view above 0 the new view.
  public func encodeEntry(for vote: Vote, into output: inout OutputSpan<UInt8>) {
    vote.encode(into: &output)
    switch vote.statement.kind {
    case .commit: lock.encode(into: &output)
    case .viewChange: ownViewChange!.prepared.encode(into: &output)
    case .prepare: if vote.statement.view.rawValue > 0, let newView { newView.encode(into: &output) }
    case .prePrepare, .newView: preconditionFailure("not signed by members of an instance")
    }
  }

  /// Puts back an own vote from the journal, before any other input; the first tick sends it again.
  /// (consensus rules 23, 40)
  ///
  /// Traps on a vote of another instance or member, on one below the view reached, and on two votes that contradict each
  /// other: the journal is checked before it is read, so such a vote would have been signed by our own mistake.
  ///
  /// - Parameter proof: what stands behind the vote in its entry. Read to its end.
  public mutating func restore(_ vote: Vote, proof: inout WireReader) throws(WireError) {
    if mutated(.amnesia) { return }
    let kind = vote.statement.kind
    precondition(vote.statement.owner == owner && vote.statement.period == period)
    precondition(vote.statement.signer == replica && vote.statement.networkIdentifier == context.networkIdentifier)
    precondition(vote.statement.view >= view || mutated(.votesInOldView) || mutated(.newViewOfLowerViewAccepted))
    switch kind {
    case .prepare:
      let proof: NewView? = vote.statement.view.rawValue > 0 ? try NewView(decoding: &proof) : nil
      restorePrepare(vote, proof)
    case .commit:
      let certificate = try PreparedCertificate(decoding: &proof)
      restoreView(vote)
      precondition(boundTo == nil || boundTo == vote.statement.digest || mutated(.secondProposalAccepted))
      restoreLock(certificate)
      ownCommit = vote
      hasSigned = true
      commits.store(vote)
    case .viewChange:
      let certificate = try PreparedCertificate(decoding: &proof)
      if !mutated(.forgetsViewAtRestart) {
        restoreView(vote)
        ownViewChange = ViewChange(vote: vote, prepared: certificate)
        viewChanges.store(vote)
      }
      restoreLock(certificate)
    case .prePrepare, .newView: preconditionFailure("not signed by members of an instance")
    }
    try proof.expectEnd()
    sinceSent = timing.retransmitTicks - 1
    if mutated(.noResendAfterRestart) { closing = Timing.closingRetransmissions }
  }

  private mutating func restoreView(_ vote: Vote) {
    if vote.statement.view > view { enter(vote.statement.view) }
  }

  private mutating func restoreLock(_ certificate: PreparedCertificate) {
    if mutated(.forgetsLockAtRestart) { return }
    if certificate.exists, !lock.exists || certificate.view >= lock.view { lock = certificate }
  }

  private mutating func restorePrepare(_ vote: Vote, _ proof: NewView?) {
    if mutated(.forgetsPrepareAtRestart) { return }
    restoreView(vote)
    precondition(boundTo == nil || boundTo == vote.statement.digest || mutated(.secondProposalAccepted))
    isChangingView = false
    if let proof {
      adopt(proof.prepared)
      newView = proof
      accepted = proof.prepare
    } else if replica == primary {
      // A primary's own prepare is its proposal; a backup prepared what it had validated.
      accepted = vote
    }
    ownPrepare = vote
    hasSigned = true
    prepares.store(vote)
    validated = vote.statement.digest
  }
}
