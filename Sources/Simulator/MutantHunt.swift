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

  /// Which schedule of a whole group first shows a planted violation.
  public struct GroupMutantKill: Sendable {
    public let mutant: Mutant
    public var violation: String?
    public var schedule: GroupSchedule?
    public var schedules = 0
    /// Of a group under attack, whether it shows there or not.
    public var figures = ""
  }

  public struct MutantHunt {
    private var campaign = Campaign(members: 4...7, profile: nil)

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

  extension MutantHunt {
    /// Runs schedules of whole groups, of ascending seeds, against one mutant until one shows it.
    public static func huntGroups(_ mutant: Mutant, upTo limit: Int) -> GroupMutantKill {
      var kill = GroupMutantKill(mutant: mutant)
      // How it is without comes first: it is what the attack is compared with.
      // Two who sign without end take more of a processor than one.
      let members = mutant == .signaturesUnbounded ? 7 : 4
      var sieges = AttackCampaign(members: members, metersPerSet: 3, periods: 10)
      // What slows a few sets shows in p99, which takes a hundred.
      let seeds: Range<UInt64> = mutant == .receiptsUnbounded ? 0..<4 : 0..<1
      if mutant.isOfSieges { _ = sieges.run(.none, seeds: seeds) }
      Mutant.planted = mutant
      defer { Mutant.planted = .none }
      if mutant.isOfSieges {
        let attack: Attack =
          switch mutant {
          case .ingressUnbounded: .everything
          case .receiptsUnbounded: .recordFlood
          case .strangersUnbounded: .reflection
          case .signaturesUnbounded: .uselessVotes
          default: .wantAmplification
          }
        kill.schedules = 1
        let report = sieges.run(attack, seeds: seeds)
        kill.figures =
          "\(report.outcome.certifiedHonestSets) of \(report.outcome.honestSets) sets, p99 \(report.latency) ms, "
          + "alone \(report.baselineLatency) ms, amplification \(report.amplification), reflection \(report.reflection)"
        guard let missed = report.missed.first else { return kill }
        kill.violation = missed
        kill.schedule = GroupSchedule(seed: 0, members: members, metersPerSet: 3, profile: .guided)
        kill.schedule?.siege = Siege(attack, periods: 10)
        return kill
      }
      // Records are fetched where many members are busy with each other; members fall behind who were away.
      let isLarge = [.fetchedRecordsNotPersisted, .headerNotPersisted].contains(mutant)
      // Of the disks that are set back few matter: only guided schedules of the smallest group reach one soon.
      let isSmall = mutant == .votesBeforeConfirmed
      let profile: Profile? = isLarge || isSmall ? .guided : mutant == .neverCatchesUp ? .liveness : nil
      var campaign = GroupCampaign(
        members: isLarge ? 6...7 : isSmall ? 4...4 : 4...5, metersPerSet: 3, profile: profile)
      if let scenario = GroupScenario.allCases.first(where: { $0.mutant == mutant }) {
        kill.schedules = 1
        guard let violation = campaign.run(scenario, 4).violation else { return kill }
        kill.violation = violation.rawValue
        kill.schedule = campaign.schedule(of: scenario, 4)
        return kill
      }
      for seed in 0..<UInt64(limit) {
        kill.schedules += 1
        guard let violation = campaign.run(seed).violation else { continue }
        kill.violation = violation.rawValue
        kill.schedule = campaign.schedule(seed)
        break
      }
      return kill
    }
  }

  extension GroupScenario {
    /// What it shows that dice do not reach.
    var mutant: Mutant? {
      switch self {
      case .ignoredMeter: nil
      case .lateDecision: .staleRecordsKept
      }
    }
  }

  extension Mutant {
    /// The rule of reference/consensus.md §4 that is broken; C: of reference/coverage.md; D: of the design.
    public var rule: String {
      switch self {
      case .none: ""
      case .quorumOfTwoFPlusOne: "1"
      case .duplicatesCounted: "2"
      case .ownEchoCounted: "3, 44"
      case .sendsBeforePersisting, .prepareNotPersisted, .commitNotPersisted, .viewChangeNotPersisted,
        .newViewNotPersisted, .amnesia, .forgetsLockAtRestart:
        "39"
      case .preparesMergedAcrossViews, .commitsMergedAcrossViews, .digestIgnoredInPrepares, .digestIgnoredInCommits,
        .preparesCountedAsCommits:
        "5"
      case .foreignPeriodCounted, .foreignEpochCounted: "45"
      case .proposalOfAnyoneAccepted, .secondProposalAccepted: "6"
      case .unvalidatedPrepared: "9"
      case .commitsUnprepared, .decidesOnPrepares, .lateCommitChangesCertificate: "7"
      case .decidesNullAlone: "C7"
      case .decidesNullOnProposal: "17"
      case .votesInOldView, .acceptsProposalWhileChanging: "10"
      case .viewChangeOmitsCertificate: "11"
      case .certificateForgottenOnTimeout, .certificateForgottenOnNewView: "20"
      case .certificateNotVerified, .certificateOfFPlusOne, .certificateViewUnchecked: "12"
      case .lowestCertificateKept, .newestCertificateKeptWhateverItsView: "14"
      case .preparedDigestUnchecked, .newViewNotRecomputed, .newViewIgnoresClaims, .newViewCertificateDropped: "15"
      case .newViewFromFPlusOne, .newViewClaimsUnverified, .viewChangeCountedForOtherView: "16"
      case .newViewOfAnyoneAccepted, .newViewOfLowerViewAccepted: "6"
      case .viewChangeToPrimaryOnly: "19"
      case .lockRefusesOtherValue: "24"
      case .timerNeverRuns, .timerNotDoubled: "21"
      case .timerBeforeQuorum: "21, C11"
      case .timerUncapped: "25"
      case .neverJoins, .joinsOnOne: "22"
      case .primaryNeverMoves: "D3"
      case .noRetransmission, .noResendAfterRestart: "23"
      case .lateVotesUnanswered: "27"
      case .forgetsViewAtRestart, .forgetsPrepareAtRestart, .proposesAgainAtRestart: "40"
      case .prepareQuorumTakenForCertificate, .fPlusOneCommitsTakenForCertificate, .certificateSignaturesUnchecked:
        "C4"
      case .evidenceAcrossViews, .evidenceNeverTold: "49"
      case .nullBeforeCollecting: "D3"
      case .fromUnchecked, .staleRecordsKept: "C2"
      case .coverageRootUnchecked, .previousUnchecked, .signedInstancesSkipped: "C1"
      case .minimumUnchecked: "C3"
      case .authorUnchecked: "6"
      case .manifestUnchecked, .productUnchecked: "9"
      case .receiptBeforeDurable, .receiptAfterProposal, .otherRecordNeverTaken: "C6"
      case .recordNotPersisted, .closingIgnored: "C5"
      case .anyCertificateSettles, .receiptSettles: "C4"
      case .ownerAlwaysLeads: "D3"
      case .neverCatchesUp: "27"
      case .fetchedRecordsNotPersisted, .decisionsNotPersisted, .headerNotPersisted: "39"
      case .oldInstancesRefused, .oldInstancesNotDriven: "C1"
      case .decisionsNotServed: "C9"
      case .accusedForgotten, .accusationsUnproven: "49"
      case .votesBeforeConfirmed, .oneClaimOfLaterRun: "41, 44"
      case .clockUnguarded, .closingNotTakenBack, .twoPrimariesOnly: "D3"
      case .closingSignedTwice: "C5"
      case .ingressUnbounded, .repetitionsUnbounded, .receiptsUnbounded, .strangersUnbounded, .signaturesUnbounded:
        "S10"
      }
    }
  }
#endif
