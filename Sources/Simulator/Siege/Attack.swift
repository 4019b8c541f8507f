import Packets
import Units

/// What f faulty members and outsiders do to a group, one thing at a time or all at once. The name goes into reports.
///
/// Faulty members neither propose nor vote unless it is said here, so that a quorum needs every honest member.
/// (docs/PERFORMANCE.md, Under attack)
public enum Attack: String, CaseIterable, Sendable {
  /// Nothing, and nobody is faulty: what the others are compared with.
  case none
  /// Bodies of every kind under a valid seal that do not decode, or whose signatures do not hold.
  case garbage
  /// Votes and round changes that nobody counts, each under a signature that holds.
  case uselessVotes = "useless-votes"
  /// Asks again and again for the largest things that it may have, and for those that it may not.
  case wantAmplification = "want-amplification"
  /// Objects of a byte, pieces shorter than their place asks for, and pieces that begin something else.
  case tinyChunks = "tiny-chunks"
  /// Pieces of objects that are longer, or of more pieces, than any object is.
  case oversizeTotals = "oversize-totals"
  /// Outsiders under known names: right headers over junk, from strange addresses and from the peers' own.
  case spoofedSenders = "spoofed-senders"
  /// Outsiders send what they recorded, at once and later, from their own addresses and from the senders'.
  case replays
  /// Outsiders have members write to others: the shortest packets that are answered, under addresses that are not theirs.
  case reflection
  /// Faulty members lead as late as the others wait for them, or never.
  case slowPrimary = "slow-primary"
  /// Faulty members lead in time and give their records and votes to some only, or to nobody.
  case selectiveRecords = "selective-records"
  // One meter of each set, with good keys.
  /// Signs two records of each period, and gives one to some members, the other to others, or both.
  case doubleRecords = "double-records"
  /// Bodies that do not decode, records whose signatures do not hold, and ever new records of the same period.
  case meterGarbage = "meter-garbage"
  /// A good record, over and over: each is worth a receipt.
  case recordFlood = "record-flood"
  /// Asks for its proof and for what it may not have.
  case meterWants = "meter-wants"
  /// Gives its records to some members only.
  case withheldRecords = "withheld-records"
  /// Half of the meters of each set sign two records of each period.
  case contradictingMeters = "contradicting-meters"
  /// Nodes restart, and nobody is faulty: what is compared with this are members that lie about runs.
  case restarts
  /// Nodes restart, and faulty members tell each that they know of a later run of its, again and again.
  case bootClaims = "boot-claims"
  /// Faulty members tell others that it is another time, each something else.
  case clockLiars = "clock-liars"
  /// Says nothing at all, as a meter that broke, and nobody is faulty. A primary waits a quarter of the period for what does not
  /// come: what is compared with this are meters that are not listened to, by their own doing.
  case missingMeters = "missing-meters"
  case everything

  func includes(_ other: Attack) -> Bool {
    // Waiting for a record would hide what else is slow.
    self == other || self == .everything && other.baseline == .none && other != .none
  }
  var hasOutsiders: Bool { includes(.spoofedSenders) || includes(.replays) || includes(.reflection) }
  var hasFaultyMembers: Bool { self != .none && self != .missingMeters && self != .restarts }
  var hasRestarts: Bool { self == .restarts || self == .bootClaims }
  var hasFaultyMeters: Bool {
    includes(.doubleRecords) || includes(.meterGarbage) || includes(.recordFlood) || includes(.meterWants)
      || includes(.withheldRecords) || includes(.contradictingMeters)
  }
  /// What it is compared with.
  var baseline: Attack {
    switch self {
    case .meterGarbage, .withheldRecords, .missingMeters: .missingMeters
    case .restarts, .bootClaims: .restarts
    default: .none
    }
  }
}

/// A group that is attacked for some periods.
public struct Siege: Sendable {
  /// Long enough for a second view, and for meters to hear of its decision before they read again: there half a period
  /// passes before anybody stops waiting for a primary.
  static let periodSeconds: UInt64 = 8
  static let ticksPerPeriod = Int(periodSeconds * 1000 / GroupWorld.tickMilliseconds)

  public var attack: Attack
  public var periods: Int

  /// An attack that lasts for so many periods.
  public init(_ attack: Attack, periods: Int) {
    self.attack = attack
    self.periods = periods
  }

  // To each honest aggregator, a second; to other nodes a twentieth. Above what the budgets of Packets let through, but for
  // WANTs: those beyond the budget would get nothing.
  static let garbageRate = 5000
  /// As much as a peer may send at all.
  static let voteRate = 4000
  static let wantRate = 90
  static let meterWantRate = 1000
  /// What is answered with a certificate where all is decided, and is no WANT.
  static let lateRate = 300
  static let chunkRate = 2000
  /// Small packets whose claims cost nothing to make.
  static let statusRate = 16
  static let spoofRate = 20_000
  /// When it hurts most, relative to a period's end: until its sets should be certified.
  static let worstMilliseconds = -300..<1300
  /// To each aggregator.
  static let reflectionRate = 1000
  static let replayRate = 2000
  static let otherNodes = 20
  /// Of all attackers together, to each aggregator, a second. Above what an interface takes in at all
  /// (``IngressLimits/interfacePerSecond``) a node cannot tell whose packets it loses, and nothing would be shown of the rest.
  static let mostPerSecond = 40_000

  /// What is sent of each of the rates, in thousandths.
  static func share(_ attack: Attack, members: Int) -> Int {
    precondition(mostPerSecond < Int(IngressLimits().interfacePerSecond))
    let faults = (members - 1) / 3
    func rate(_ kind: Attack, _ rate: Int) -> Int { attack.includes(kind) ? rate : 0 }
    let total =
      rate(.garbage, garbageRate * faults) + rate(.uselessVotes, voteRate * faults)
      + rate(.wantAmplification, (wantRate + lateRate) * faults)
      + (rate(.bootClaims, statusRate) + rate(.clockLiars, statusRate)) * faults + rate(.tinyChunks, chunkRate * faults)
      + rate(.oversizeTotals, chunkRate * faults)
      + rate(.spoofedSenders, spoofRate) + rate(.replays, replayRate) + rate(.reflection, reflectionRate)
      + rate(.meterGarbage, garbageRate + wantRate * (members - 1)) + rate(.recordFlood, garbageRate * members)
      + rate(.meterWants, meterWantRate + wantRate * (members - 1))
    return total <= mostPerSecond ? 1000 : mostPerSecond * 1000 / total
  }
}

/// What came of one group under attack.
public struct SiegeOutcome: Sendable {
  /// Sets whose period and the one after it lie within the run.
  public var sets = 0
  public var certifiedSets = 0
  /// Those of them whose first primary is honest.
  public var honestSets = 0
  public var certifiedHonestSets = 0
  /// From the period's end until the last honest member held the certificate, in ms, of every set with a value.
  public var latencies: [Int] = []
  public var honestLatencies: [Int] = []

  /// Bytes of datagrams: that faulty members and meters sent under their seal; that they were sent and had not been sent before by
  /// the same holder; that they were sent at all, asked for.
  public var sealedBytes: UInt64 = 0
  public var entitledBytes: UInt64 = 0
  public var servedBytes: UInt64 = 0
  /// By outsiders, and to the addresses they send from.
  public var outsiderBytes: UInt64 = 0
  public var reflectedBytes: UInt64 = 0

  public var attackPackets: UInt64 = 0
  /// Of honest aggregators, by reason.
  public var drops = Array(repeating: UInt64(0), count: DropReason.allCases.count)
  /// Datagrams that a busy node had no room for.
  public var overflowed: UInt64 = 0
  /// Most work that waited at an honest aggregator, in ms of its processor.
  public var longestBacklog = 0

  mutating func add(_ other: SiegeOutcome) {
    sets += other.sets
    certifiedSets += other.certifiedSets
    honestSets += other.honestSets
    certifiedHonestSets += other.certifiedHonestSets
    latencies += other.latencies
    honestLatencies += other.honestLatencies
    sealedBytes += other.sealedBytes
    entitledBytes += other.entitledBytes
    servedBytes += other.servedBytes
    outsiderBytes += other.outsiderBytes
    reflectedBytes += other.reflectedBytes
    attackPackets += other.attackPackets
    for place in drops.indices { drops[place] += other.drops[place] }
    overflowed += other.overflowed
    longestBacklog = max(longestBacklog, other.longestBacklog)
  }
}

/// One attack on some groups, beside the same groups left alone.
public struct AttackReport: Sendable {
  /// Of the sets whose primary is honest.
  public static let honestShare = 0.95
  public static let latencyRatio = 2.0
  public static let amplificationBound = 1.1

  public let attack: Attack
  public let members: Int
  public var outcome = SiegeOutcome()
  public var baseline = SiegeOutcome()

  public var faults: Int { (members - 1) / 3 }
  public var honestCertified: Double { share(outcome.certifiedHonestSets, outcome.honestSets) }
  public var allCertified: Double { share(outcome.certifiedSets, outcome.sets) }
  public var latency: Int { Self.quantile(99, outcome.honestLatencies) }
  public var baselineLatency: Int { Self.quantile(99, baseline.honestLatencies) }
  public var latencyOfAll: Int { Self.quantile(99, outcome.latencies) }
  public var latencyGrowth: Double { Double(latency) / Double(max(1, baselineLatency)) }
  /// Bytes that faulty members and meters were sent, for each that they sent under their seal or that was owed to them.
  public var amplification: Double {
    Double(outcome.servedBytes) / Double(max(1, outcome.sealedBytes + outcome.entitledBytes))
  }
  /// Bytes sent to outsiders, for each of theirs.
  public var reflection: Double { Double(outcome.reflectedBytes) / Double(max(1, outcome.outsiderBytes)) }

  private func share(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }

  static func quantile(_ percent: Int, _ values: [Int]) -> Int {
    guard !values.isEmpty else { return 0 }
    return values.sorted()[min(values.count - 1, values.count * percent / 100)]
  }

  /// The highest quantile that so many values tell more of than of their slowest one.
  static func judgedPercent(_ count: Int) -> Int { count >= 100 ? 99 : count >= 20 ? 90 : 50 }
  static func isSlow(_ latencies: [Int], beside baseline: [Int]) -> Bool {
    let percent = judgedPercent(min(latencies.count, baseline.count))
    return latencies.isEmpty
      || Double(quantile(percent, latencies)) > latencyRatio * Double(max(1, quantile(percent, baseline)))
  }

  /// The bounds that were missed, in words.
  public var missed: [String] {
    var result: [String] = []
    if honestCertified < Self.honestShare { result.append("sets of honest primaries") }
    // Without division: (m − f)/m has no exact form.
    if outcome.certifiedSets * members < outcome.sets * (members - faults) || outcome.sets == 0 {
      result.append("all sets")
    }
    if Self.isSlow(outcome.honestLatencies, beside: baseline.honestLatencies) { result.append("latency") }
    if amplification > Self.amplificationBound { result.append("amplification") }
    if reflection > Self.amplificationBound { result.append("reflection") }
    return result
  }
}

/// The times of several attacks' sets beside those of the same groups without them.
public struct PooledLatency: Sendable {
  public let baseline: Attack
  let latencies: [Int]
  let alone: [Int]

  public var count: Int { latencies.count }
  public var percent: Int { AttackReport.judgedPercent(min(latencies.count, alone.count)) }
  public var milliseconds: Int { AttackReport.quantile(percent, latencies) }
  public var aloneMilliseconds: Int { AttackReport.quantile(percent, alone) }
  public var isMissed: Bool { AttackReport.isSlow(latencies, beside: alone) }
}

/// Every attack asked for.
public struct AttackCampaign {
  public let members: Int
  public let metersPerSet: Int
  public let periods: Int
  private let world: GroupWorld
  private var baselines: [Attack: [UInt64: SiegeOutcome]] = [:]
  public private(set) var schedules = 0
  public private(set) var verdicts = Verdicts()
  public private(set) var firstFailure: (schedule: GroupSchedule, outcome: GroupOutcome)?
  /// Of all attacks that are compared with the same thing.
  private var pools: [Attack: (latencies: [Int], baseline: [Int])] = [:]

  /// Attacks on groups of this size, for so many periods each.
  public init(members: Int, metersPerSet: Int, periods: Int) {
    self.members = members
    self.metersPerSet = metersPerSet
    self.periods = periods
    world = GroupWorld(members: members, metersPerSet: metersPerSet)
  }

  /// Called with each thing that happens, for people to read.
  public var trace: ((String) -> Void)? {
    get { world.trace }
    nonmutating set { world.trace = newValue }
  }

  private mutating func run(_ attack: Attack, _ seed: UInt64) -> SiegeOutcome {
    var schedule = GroupSchedule(seed: seed, members: members, metersPerSet: metersPerSet, profile: .guided)
    schedule.siege = Siege(attack, periods: periods)
    let outcome = world.run(schedule)
    schedules += 1
    if let violation = outcome.violation {
      verdicts.add(isConviction: violation == .wronglyConvicted, isSafety: violation.isSafety)
      if firstFailure == nil { firstFailure = (schedule, outcome) }
    }
    return outcome.siege
  }

  /// Runs an attack under each seed, and beside it the same group under its ``Attack/baseline``, which is run once a
  /// seed for all attacks that share it.
  public mutating func run(_ attack: Attack, seeds: Range<UInt64>) -> AttackReport {
    var report = AttackReport(attack: attack, members: members)
    for seed in seeds {
      let baseline = baselines[attack.baseline]?[seed] ?? run(attack.baseline, seed)
      baselines[attack.baseline, default: [:]][seed] = baseline
      report.baseline.add(baseline)
      report.outcome.add(attack == attack.baseline ? baseline : run(attack, seed))
    }
    guard attack != attack.baseline else { return report }
    pools[attack.baseline, default: ([], [])].latencies += report.outcome.honestLatencies
    pools[attack.baseline, default: ([], [])].baseline += report.baseline.honestLatencies
    return report
  }

  /// What all attacks together did to the time that sets of honest primaries take: where each has few sets, only this tells how
  /// slow the slowest are.
  public var pooled: [PooledLatency] {
    [Attack.none, .missingMeters, .restarts].compactMap { baseline in
      pools[baseline].map { PooledLatency(baseline: baseline, latencies: $0.latencies, alone: $0.baseline) }
    }
  }
}
