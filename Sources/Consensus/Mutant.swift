import Units

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

/// Violations of the rules of `docs/CONSENSUS.md`, one switch each: a simulation that misses one of them proves nothing about it.
public enum Mutant: UInt8, CaseIterable, Sendable {
  case none
  case quorumOfTwoFPlusOne, duplicatesCounted, ownEchoCounted, sendsBeforePersisting
  case preparesMergedAcrossRounds, commitsMergedAcrossRounds, digestIgnoredInPrepares, digestIgnoredInCommits
  case preparesCountedAsCommits, foreignPositionCounted, foreignEpochCounted
  case proposalOfAnyoneAccepted, secondProposalAccepted, unvalidatedPrepared, commitsUnprepared, decidesOnPrepares
  case lateCommitChangesCertificate
  case votesInOldRound, acceptsProposalWhileChanging, roundChangeOmitsCertificate, certificateForgottenOnTimeout
  case certificateForgottenOnNewRound, certificateNotVerified, certificateOfFPlusOne, certificateRoundUnchecked
  case preparedDigestUnchecked, lowestCertificateKept, newestCertificateKeptWhateverItsRound
  case newRoundNotRecomputed, newRoundIgnoresClaims, newRoundFromFPlusOne, newRoundClaimsUnverified
  case newRoundOfAnyoneAccepted, newRoundOfLowerRoundAccepted, newRoundCertificateDropped
  case roundChangeToPrimaryOnly, roundChangeCountedForOtherRound, lockRefusesOtherValue
  case timerNeverRuns, timerBeforeQuorum, timerNotDoubled, timerUncapped, neverJoins, joinsOnOne
  case primaryNeverMoves, noRetransmission, noResendAfterRestart, lateVotesUnanswered
  case prepareNotPersisted, commitNotPersisted, roundChangeNotPersisted, newRoundNotPersisted
  case amnesia, forgetsRoundAtRestart, forgetsLockAtRestart, forgetsPrepareAtRestart, proposesAgainAtRestart
  case prepareQuorumTakenForCertificate, fPlusOneCommitsTakenForCertificate, certificateSignaturesUnchecked
  case evidenceAcrossRounds, evidenceNeverTold
  // Of rounds that cross a period's end.
  case unjustifiedRoundAccepted, roundsComparedByView, lockForgottenAtPeriodEnd, lockShownNotTakenOver, lockRunsNoTimer
  case lockOfOtherPosition, firstRoundClaimedAsNone, staysInItsPeriod
  case idleNeverWakes, wakesOnFPlusOneOnly, ownRoundUnanswered, oneAskerJumpsRounds
  case openedByOwnClockAlone, openedByOneMember, validityOutlivesFreeRound, recordsOutlivePeriod, preparedIsNoWork
  // Of Aggregation and Node; whole groups show them.
  case fromUnchecked, coverageRootUnchecked, minimumUnchecked, authorUnchecked, previousUnchecked, manifestUnchecked
  case productUnchecked, receiptBeforeDurable, receiptAfterProposal, recordNotPersisted, anyCertificateSettles
  case receiptSettles, closingIgnored, ownerAlwaysLeads, neverCatchesUp, fetchedRecordsNotPersisted
  case decisionsNotPersisted, decisionsNotServed, votesBeforeConfirmed, votesBelowFloor
  case otherRecordNeverTaken, staleRecordsKept
  case earlierPreparesDropped
  // Of snapshots of journals.
  case compactionWithoutSync, snapshotWithoutLock, snapshotWithoutOwnVotes, snapshotWithoutCoverage
  case snapshotWithoutProofs, snapshotWithoutInclusions, snapshotWithoutOutstanding, snapshotWithoutAcknowledgements
  case snapshotWithoutPreparedRecords, sendsBeforeSync
  case acknowledgedBeforeDurable, forgottenBeforeAcknowledged, servedFromMemoryOnly, publishedTwiceAfterRestart
  case nothingHandedOn
  case proofUnchecked, loneFeederCounted, maximumUnchecked
  // Of budgets; groups under attack show them.
  case ingressUnbounded, repetitionsUnbounded, strangersUnbounded, signaturesUnbounded
  // Of Node; unit tests show them (Toolchain/unit-mutants.sh), as no schedule draws them often.
  case headerNotPersisted, accusedForgotten, accusationsUnproven, promisesBelowFloor, receiptsUnbounded
  case firstRoundFromDecidingRound, takesPartWithoutPrevious, freePeriodUnchecked, lockedPeriodRequired
  case headPersistedApart, validityAskedOfClock, receiptConvictsLaterPosition
  case oneClaimOfLaterRun, clockUnguarded, closingNotTakenBack, closingSignedTwice, twoPrimariesOnly
  case waitsAnewAfterRestart, proofAskedSeldom
  case registrationSignatureUnchecked, bundleChecksumUnchecked, proofsOfEmptySetLookedFor
  // Of two runs of one key.
  case oneClaimEndsRun, strangersEndRun, olderRunGoesOn, recordedRunTold, doubleRunUntold
  // Of what a meter keeps of its device's counters.
  case countersNotPersisted, snapshotWithoutCounters, closingWithoutCounters, countersNotRecovered
  // Each in a group that is arranged for it, too: `Tests/NodeTests/PlantedFaults.swift`, which `Tests/PlantedTests` runs with each.
  case votesSentBeforeSync, confirmedByTooFew, peerBootsNotJournaled, peerBootsForgotten, votesBeyondNowCounted
  case recordsOfNextPeriodTaken, boundUnchecked, meterFloorNotPersisted, olderProofTaken, piecesOfAnybodyTaken
  case olderRecordNotSent, liesHashedAgain
}

#if BUSBAR_MUTANTS
  extension Mutant {
    /// The one violation in force. Set between schedules, by one thread; unit tests have the one that their program was started with.
    nonisolated(unsafe) public static var planted = named(in: CommandLine.arguments)

    /// The one named by an argument `--planted=NAME`; `none` without such an argument.
    private static func named(in arguments: [String]) -> Mutant {
      for argument in arguments where argument.hasPrefix("--planted=") {
        for mutant in allCases where argument == "--planted=\(mutant)" { return mutant }
        fatalError("there is no such mutant: \(argument)")
      }
      return .none
    }

    public var isOfGroups: Bool { rawValue >= Mutant.fromUnchecked.rawValue }
    /// Shown by groups under attack.
    public var isOfSieges: Bool { rawValue >= Mutant.ingressUnbounded.rawValue && !isOfUnitTests }
    /// Shown by unit tests.
    public var isOfUnitTests: Bool { rawValue >= Mutant.headerNotPersisted.rawValue }
    /// Those among them for which a group is arranged.
    public var isOfArrangedGroups: Bool { rawValue >= Mutant.votesSentBeforeSync.rawValue }

    /// Who leads these rounds, where an enumeration chooses that; in all others leadership rotates as always.
    nonisolated(unsafe) public static var leaders: [(round: Round, member: UInt16)] = []

    static func leader(of round: Round) -> ReplicaIndex? {
      for chosen in leaders where chosen.round == round { return ReplicaIndex(chosen.member) }
      return nil
    }
  }
#endif
