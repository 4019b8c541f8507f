#if BUSBAR_MUTANTS
  import Consensus

  /// Which schedule of a whole group first shows a planted violation.
  public struct GroupMutantKill: Sendable {
    public let mutant: Mutant
    public var violation: String?
    public var schedule: GroupSchedule?
    public var schedules = 0
    /// Of a group under attack, whether it shows there or not.
    public var figures = ""
  }

  extension MutantHunt {
    /// Runs schedules of whole groups, of ascending seeds, against one mutant until one shows it.
    public static func huntGroups(_ mutant: Mutant, upTo limit: Int) -> GroupMutantKill {
      var kill = GroupMutantKill(mutant: mutant)
      // How it is without comes first: it is what the attack is compared with.
      // Two who sign without end take more of a processor than one.
      let members = mutant == .signaturesUnbounded ? 7 : 4
      var sieges = AttackCampaign(members: members, metersPerSet: 4, periods: 10)
      if mutant.isOfSieges { _ = sieges.run(.none, seeds: 0..<1) }
      Mutant.planted = mutant
      defer { Mutant.planted = .none }
      if mutant.isOfSieges {
        let attack: Attack =
          switch mutant {
          case .ingressUnbounded: .everything
          case .strangersUnbounded: .reflection
          case .signaturesUnbounded: .uselessVotes
          default: .wantAmplification
          }
        kill.schedules = 1
        let report = sieges.run(attack, seeds: 0..<1)
        kill.figures =
          "\(report.outcome.certifiedHonestSets) of \(report.outcome.honestSets) sets, p99 \(report.latency) ms, "
          + "alone \(report.baselineLatency) ms, amplification \(report.amplification), reflection \(report.reflection)"
        guard let missed = report.missed.first else { return kill }
        kill.violation = missed
        kill.schedule = GroupSchedule(seed: 0, members: members, metersPerSet: 4, profile: .guided)
        kill.schedule?.siege = Siege(attack, periods: 10)
        return kill
      }
      // Records are fetched where many members are busy with each other; members fall behind who were away.
      let isLarge = [.fetchedRecordsNotPersisted, .headerNotPersisted].contains(mutant)
      // Of the disks that are set back few matter: only guided schedules of the smallest group reach one soon.
      let isSmall = mutant == .votesBeforeConfirmed
      let profile: Profile? = isLarge || isSmall ? .guided : mutant == .neverCatchesUp ? .liveness : nil
      var campaign = GroupCampaign(
        members: isLarge ? 6...7 : isSmall ? 4...4 : 4...5, metersPerSet: 4, profile: profile)
      if let scenario = GroupScenario.allCases.first(where: { $0.mutants.contains(mutant) }) {
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
    var mutants: [Mutant] {
      switch self {
      case .ignoredMeter, .idle: []
      case .lateDecision: [.staleRecordsKept]
      case .lateLock: [.earlierPreparesDropped]
      case .lostDisks: [.votesBelowFloor]
      case .replacedBoards: [.nothingHandedOn]
      case .absentBookkeeper:
        [.acknowledgedBeforeDurable, .forgottenBeforeAcknowledged, .servedFromMemoryOnly, .publishedTwiceAfterRestart]
      case .unprovenModulus: [.proofUnchecked]
      case .absurdMeter: [.maximumUnchecked]
      case .loneFeeder: [.loneFeederCounted]
      }
    }
  }

  extension Mutant {
    /// The same of those that whole groups show.
    var groupRule: String {
      switch self {
      case .fromUnchecked, .staleRecordsKept: "C2"
      case .coverageRootUnchecked, .previousUnchecked: "C1"
      case .minimumUnchecked: "C3"
      case .authorUnchecked: "R7"
      case .manifestUnchecked, .productUnchecked: "9"
      case .receiptBeforeDurable, .receiptAfterProposal, .otherRecordNeverTaken: "C6"
      case .recordNotPersisted, .closingIgnored: "C5"
      case .anyCertificateSettles, .receiptSettles: "C4"
      case .ownerAlwaysLeads: "R17"
      case .neverCatchesUp, .decisionsNotServed: "R10"
      case .decisionsNotPersisted, .headPersistedApart: "C7"
      case .accusedForgotten, .accusationsUnproven: "C22"
      case .votesBeforeConfirmed: "44"
      case .votesBelowFloor, .promisesBelowFloor: "K2"
      case .acknowledgedBeforeDurable, .forgottenBeforeAcknowledged, .servedFromMemoryOnly, .publishedTwiceAfterRestart:
        "C9"
      case .nothingHandedOn: "C19"
      case .firstRoundFromDecidingRound: "R2"
      case .takesPartWithoutPrevious: "R1"
      case .freePeriodUnchecked, .lockedPeriodRequired, .validityAskedOfClock: "R7"
      case .headerNotPersisted, .fetchedRecordsNotPersisted, .earlierPreparesDropped: "K1"
      case .receiptConvictsLaterPosition: "R15"
      case .twoPrimariesOnly: "R14"
      case .waitsAnewAfterRestart: "R22"
      case .proofAskedSeldom: "C18"
      case .oneClaimOfLaterRun: "K3"
      case .oneClaimEndsRun, .strangersEndRun, .olderRunGoesOn: "K4"
      case .recordedRunTold, .doubleRunUntold: "K5"
      case .proofUnchecked: "C21"
      case .loneFeederCounted: "C13"
      case .maximumUnchecked: "C14"
      case .clockUnguarded, .closingNotTakenBack, .closingSignedTwice: "R16"
      case .compactionWithoutSync, .snapshotWithoutLock, .snapshotWithoutOwnVotes, .snapshotWithoutCoverage,
        .snapshotWithoutProofs, .snapshotWithoutInclusions, .snapshotWithoutOutstanding,
        .snapshotWithoutAcknowledgements,
        .snapshotWithoutPreparedRecords:
        "K7"
      case .sendsBeforeSync: "39"
      case .ingressUnbounded, .repetitionsUnbounded, .receiptsUnbounded, .strangersUnbounded, .signaturesUnbounded:
        "32"
      default: ""
      }
    }
  }
#endif
