import Units

/// What a group of whole nodes may not do under any schedule. The name goes into reports.
public enum GroupViolation: String, CaseIterable, Sendable {
  // Safety
  case disagreement, invalidCertificate, brokenChain, conflictingVote, conflictingRecord, sentBeforeDurable
  case preparedInvalid, accusationDropped, lostEnergy, doubledEnergy, wrongSum, publishedTwice, wronglyConvicted
  case nodeStopped
  /// A node that starts from a snapshot is not what it would be from all of its journal.
  case snapshotDiffers
  /// A power cut left a journal that does not open.
  case journalLost
  /// A member signed about a position without the certificate of the one before on its disk.
  case tookPartTooEarly
  case votedInRoundItLeft
  /// A certificate and the coverage table after it are one entry.
  case headWithoutTable
  /// A meter counts as certified what no certificate covers.
  case wronglySettled
  /// Liars kept a meter out for longer than it takes an honest member to lead.
  case meterStarved
  /// A node began to run with a modulus whose proof does not hold.
  case unprovenModulus
  // Liveness
  case stuck
  /// A certified position whose sum never came out, everybody being there.
  case neverPublished
  /// Members of a healthy group talked about periods without records.
  case notSilent

  public var isSafety: Bool { self != .stuck && self != .notSilent && self != .neverPublished }
}

/// What is arranged instead of drawn.
public enum GroupScenario: String, CaseIterable, Sendable {
  /// f members, which lead one after the other, never hear the first meter of any set.
  case ignoredMeter = "ignored-meter"
  /// A position's commits are lost until the next period's records are there, which then carry energy that comes to be certified
  /// without them. A liar votes for whatever is proposed.
  case lateDecision = "late-decision"
  /// A liar keeps to itself that a header was prepared, and shows it in the next period: its records are in journals alone.
  case lateLock = "late-lock"
  /// Members lose their disks one after another, each back before the next; one that knows what was decided is cut off.
  case lostDisks = "lost-disks"
  /// Nobody is faulty, and for some periods no meter has anything to say.
  case idle
  /// The bookkeeper stops in the middle of publishing and is away for longer than positions are in memory; aggregators are killed beside
  /// it, one after the other; then it comes back, and is killed again.
  case absentBookkeeper = "absent-bookkeeper"
  /// Every member's disk is replaced, one after another, each caught up before the next, while the bookkeeper is off and a meter of each
  /// set is away that has not heard that its last record was certified.
  case replacedBoards = "replaced-boards"
  /// One root of the genesis' proof of its modulus is wrong.
  case unprovenModulus = "unproven-modulus"
  /// A meter says that it used more than its connection can carry.
  case absurdMeter = "absurd-meter"
  /// Three of six meters of each set measure exports, and one of them is away for some periods.
  case loneFeeder = "lone-feeder"
}

/// One run of a group, named by everything it depends on.
public struct GroupSchedule: Sendable {
  public var seed: UInt64
  public var members: Int
  public var metersPerSet: Int
  public var profile: Profile
  /// Only the first so many faults happen.
  public var faultLimit = Int.max
  /// Faults left out, by number.
  public var withoutFaults: Set<Int> = []
  public var scenario: GroupScenario?
  /// Where the bookkeeper is absent: for so many periods.
  public var absencePeriods = 12
  /// It is attacked instead, for some periods.
  public var siege: Siege?

  /// A run without a scenario or a siege, in which every fault that the dice draw happens.
  public init(seed: UInt64, members: Int, metersPerSet: Int = 4, profile: Profile) {
    self.seed = seed
    self.members = members
    self.metersPerSet = metersPerSet
    self.profile = profile
  }

  /// The arguments that replay it.
  public var arguments: [String] {
    var result = [
      "--seed", "\(seed)", "--members", "\(members)", "--meters", "\(metersPerSet)", "--profile", profile.rawValue,
    ]
    if let siege { result += ["--attack", siege.attack.rawValue, "--periods", "\(siege.periods)"] }
    if let scenario { result += ["--scenario", scenario.rawValue] }
    if scenario == .absentBookkeeper { result += ["--absence", "\(absencePeriods)"] }
    if faultLimit != .max { result += ["--fault-limit", "\(faultLimit)"] }
    if !withoutFaults.isEmpty {
      result += ["--without", withoutFaults.sorted().map(String.init).joined(separator: ",")]
    }
    return result
  }
}

/// What came of one run of a group.
public struct GroupOutcome: Sendable {
  public var violation: GroupViolation?
  public var detail = ""
  /// Datagrams that reached a node.
  public var packets = 0
  public var faults = 0
  public var faultNumber = 0
  /// Simulated time, in periods.
  public var periods = 0
  /// Of that, the outage.
  public var outagePeriods = 0
  public var certificates = 0
  /// Not in the first round of their position; not in their header's own period.
  public var decidedLater = 0
  public var decidedInLaterPeriod = 0
  /// Parties that sets' headers accuse, over all sets.
  public var accused = 0
  public var disksLost = 0
  /// Syncs of journals, and snapshots of them.
  public var syncs = 0
  public var snapshots = 0
  /// How often a node read its journal again.
  public var rereads = 0
  /// Positions that left aggregators' memories before they were published.
  public var cellsWritten = 0
  public var lostWattHours: Int64 = 0
  public var doubledWattHours: Int64 = 0
  /// From healing until every honest meter's energy up to then was certified, in tenths of a period.
  public var healedTenths = 0
  /// Healthy periods without records, and what members said to each other about positions in them.
  public var idlePeriods = 0
  public var idleMessages = 0
  /// Of the meters that are ignored: the longest from a period's end to the end of the one it was certified in, in periods.
  public var longestWait: UInt64 = 0
  /// Under attack.
  public var siege = SiegeOutcome()
}
