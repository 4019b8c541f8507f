#if BUSBAR_MUTANTS
  import Consensus

  /// Which schedule first shows a planted violation.
  public struct MutantKill: Sendable {
    public let mutant: Mutant
    public let rule: String
    /// Nil when it survived.
    public var violation: String?
    public var schedule: Schedule?
    /// Name of the directed scenario that killed it, where dice did not reach.
    public var scenario: String?
    public var schedules = 0
  }

  /// Looks for a schedule that shows a planted violation.
  public struct MutantHunt {
    private var campaign = Campaign(members: 4...7, profile: nil)

    /// A hunt in groups of 4 to 7 members, with all profiles in turn.
    public init() {}

    /// Runs schedules of ascending seeds against one mutant until one shows it.
    public mutating func hunt(_ mutant: Mutant, upTo limit: Int) -> MutantKill {
      var kill = MutantKill(mutant: mutant, rule: mutant.rule)
      let scenario = Directed.scenarios.first { $0.mutant == mutant }
      // A scenario that fails without the mutant too would prove nothing.
      precondition(scenario?.isViolated() != true)
      Mutant.planted = mutant
      defer { Mutant.planted = .none }
      if let scenario {
        kill.scenario = scenario.name
        if scenario.isViolated() { kill.violation = "directed" }
        return kill
      }
      // The quorum size is fixed when a context is made.
      campaign = Campaign(members: 4...7, profile: nil)
      for seed in 0..<UInt64(limit) {
        kill.schedules += 1
        let outcome = campaign.run(seed)
        guard let violation = outcome.violation else { continue }
        kill.violation = violation.rawValue
        kill.schedule = campaign.schedule(seed)
        break
      }
      return kill
    }
  }

  extension Mutant {
    /// The numbers of the rules of docs/CONSENSUS.md that are broken, in whose rows it stands.
    public var rule: String {
      switch self {
      case .none: ""
      case .quorumOfTwoFPlusOne: "1"
      case .duplicatesCounted: "2"
      case .ownEchoCounted: "3, 44"
      case .sendsBeforePersisting, .prepareNotPersisted, .commitNotPersisted, .roundChangeNotPersisted,
        .newRoundNotPersisted:
        "39"
      case .preparesMergedAcrossRounds, .commitsMergedAcrossRounds, .digestIgnoredInPrepares, .digestIgnoredInCommits,
        .preparesCountedAsCommits:
        "5"
      case .foreignPositionCounted, .foreignEpochCounted: "45"
      case .proposalOfAnyoneAccepted, .secondProposalAccepted: "6"
      case .unvalidatedPrepared: "9"
      case .commitsUnprepared, .decidesOnPrepares, .lateCommitChangesCertificate: "7"
      case .votesInOldRound, .acceptsProposalWhileChanging: "10"
      case .roundChangeOmitsCertificate: "11"
      case .certificateForgottenOnTimeout, .certificateForgottenOnNewRound: "20"
      case .certificateNotVerified, .certificateOfFPlusOne, .certificateRoundUnchecked: "12"
      case .lowestCertificateKept, .newestCertificateKeptWhateverItsRound: "14"
      case .preparedDigestUnchecked, .newRoundNotRecomputed, .newRoundIgnoresClaims, .newRoundCertificateDropped: "15"
      case .newRoundFromFPlusOne, .newRoundClaimsUnverified, .roundChangeCountedForOtherRound: "16"
      case .newRoundOfAnyoneAccepted, .newRoundOfLowerRoundAccepted: "6"
      case .roundChangeToPrimaryOnly: "19"
      case .lockRefusesOtherValue: "24"
      case .timerNeverRuns, .timerNotDoubled: "21"
      case .timerBeforeQuorum: "21, R12"
      case .timerUncapped: "25"
      case .neverJoins, .joinsOnOne: "22"
      case .primaryNeverMoves: "R17"
      case .noRetransmission, .noResendAfterRestart: "23"
      case .lateVotesUnanswered: "27, R10"
      case .amnesia, .forgetsRoundAtRestart, .forgetsLockAtRestart, .forgetsPrepareAtRestart, .proposesAgainAtRestart:
        "40"
      case .prepareQuorumTakenForCertificate, .fPlusOneCommitsTakenForCertificate, .certificateSignaturesUnchecked:
        "R9"
      case .evidenceAcrossRounds, .evidenceNeverTold: "49"
      case .unjustifiedRoundAccepted: "R2, R6"
      case .roundsComparedByView, .lockForgottenAtPeriodEnd, .lockShownNotTakenOver, .lockOfOtherPosition: "R8"
      case .firstRoundClaimedAsNone: "R5"
      case .staysInItsPeriod: "R4"
      case .ownRoundUnanswered, .idleNeverWakes, .wakesOnFPlusOneOnly: "R20"
      case .oneAskerJumpsRounds: "R21"
      case .openedByOwnClockAlone, .openedByOneMember: "R3"
      case .validityOutlivesFreeRound: "R7"
      case .lockRunsNoTimer, .recordsOutlivePeriod, .preparedIsNoWork: "R19"
      default: groupRule
      }
    }
  }
#endif
