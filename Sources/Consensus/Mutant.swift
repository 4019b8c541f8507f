/// True when this build plants that violation of a rule. Always false, and gone after optimisation, except in the
/// copy of this module that only `busbar-sim` links.
@inlinable @inline(__always)
public func mutated(_ mutant: Mutant) -> Bool {
  #if BUSBAR_MUTANTS
    return Mutant.planted == mutant
  #else
    return false
  #endif
}

/// Violations of the rules of `reference/consensus.md` §4 and `reference/coverage.md`, one switch each: a simulation
/// that misses one of them proves nothing about it.
public enum Mutant: UInt8, CaseIterable, Sendable {
  case none
  case quorumOfTwoFPlusOne, duplicatesCounted, ownEchoCounted, sendsBeforePersisting
  case preparesMergedAcrossViews, commitsMergedAcrossViews, digestIgnoredInPrepares, digestIgnoredInCommits
  case preparesCountedAsCommits, foreignPeriodCounted, foreignEpochCounted
  case proposalOfAnyoneAccepted, secondProposalAccepted, unvalidatedPrepared, commitsUnprepared, decidesOnPrepares
  case decidesNullAlone, decidesNullOnProposal, lateCommitChangesCertificate
  case votesInOldView, acceptsProposalWhileChanging, viewChangeOmitsCertificate, certificateForgottenOnTimeout
  case certificateForgottenOnNewView, certificateNotVerified, certificateOfFPlusOne, certificateViewUnchecked
  case preparedDigestUnchecked, lowestCertificateKept, newestCertificateKeptWhateverItsView
  case newViewNotRecomputed, newViewIgnoresClaims, newViewFromFPlusOne, newViewClaimsUnverified
  case newViewOfAnyoneAccepted, newViewOfLowerViewAccepted, newViewCertificateDropped
  case viewChangeToPrimaryOnly, viewChangeCountedForOtherView, lockRefusesOtherValue
  case timerNeverRuns, timerBeforeQuorum, timerNotDoubled, timerUncapped, neverJoins, joinsOnOne
  case primaryNeverMoves, noRetransmission, noResendAfterRestart, lateVotesUnanswered
  case prepareNotPersisted, commitNotPersisted, viewChangeNotPersisted, newViewNotPersisted
  case amnesia, forgetsViewAtRestart, forgetsLockAtRestart, forgetsPrepareAtRestart, proposesAgainAtRestart
  case prepareQuorumTakenForCertificate, fPlusOneCommitsTakenForCertificate, certificateSignaturesUnchecked
  case evidenceAcrossViews, evidenceNeverTold, nullBeforeCollecting
  // Of Aggregation and Node; whole groups show them.
  case fromUnchecked, coverageRootUnchecked, minimumUnchecked, authorUnchecked, previousUnchecked, manifestUnchecked
  case productUnchecked, receiptBeforeDurable, receiptAfterProposal, recordNotPersisted, anyCertificateSettles
  case receiptSettles, closingIgnored, ownerAlwaysLeads, neverCatchesUp, fetchedRecordsNotPersisted
  case oldInstancesRefused, oldInstancesNotDriven, decisionsNotPersisted, decisionsNotServed, votesBeforeConfirmed
  case signedInstancesSkipped, otherRecordNeverTaken, staleRecordsKept, headerNotPersisted
  case accusedForgotten, accusationsUnproven
  case oneClaimOfLaterRun, clockUnguarded, closingNotTakenBack, closingSignedTwice, twoPrimariesOnly
  // Of budgets; groups under attack show them.
  case ingressUnbounded, repetitionsUnbounded, receiptsUnbounded, strangersUnbounded, signaturesUnbounded
}

#if BUSBAR_MUTANTS
  extension Mutant {
    /// The one violation in force. Set between schedules, by one thread.
    nonisolated(unsafe) public static var planted = Mutant.none

    public var isOfGroups: Bool { rawValue >= Mutant.fromUnchecked.rawValue }
    /// Shown by groups under attack.
    public var isOfSieges: Bool { rawValue >= Mutant.ingressUnbounded.rawValue }

    /// Who leads the first views, where an enumeration chooses that; then leadership rotates as always.
    nonisolated(unsafe) public static var leaders: [UInt16] = []
  }
#endif
