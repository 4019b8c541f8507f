import Units

/// What a group of whole nodes may not do under any schedule. The name goes into reports.
public enum GroupViolation: String, CaseIterable, Sendable {
  // Safety
  case disagreement, invalidCertificate, brokenChain, conflictingVote, conflictingRecord, sentBeforeDurable
  case preparedInvalid, accusationDropped, lostEnergy, doubledEnergy, wrongSum, publishedTwice, wronglyConvicted
  case nodeStopped
  /// A meter counts as certified what no certificate covers.
  case wronglySettled
  /// Liars kept a meter out for longer than it takes an honest member to lead.
  case meterStarved
  // Liveness
  case stuck

  public var isSafety: Bool { self != .stuck }
}

/// What is arranged instead of drawn.
public enum GroupScenario: String, CaseIterable, Sendable {
  /// f members, which lead one after the other, never hear the first meter of any set.
  case ignoredMeter = "ignored-meter"
  /// A period's commits are lost until the next one's records are there, which then carry energy that comes to be certified
  /// without them. A liar votes for whatever is proposed.
  case lateDecision = "late-decision"
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
  /// It is attacked instead, for some periods.
  public var siege: Siege?

  public init(seed: UInt64, members: Int, metersPerSet: Int = 3, profile: Profile) {
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
    if faultLimit != .max { result += ["--fault-limit", "\(faultLimit)"] }
    if !withoutFaults.isEmpty {
      result += ["--without", withoutFaults.sorted().map(String.init).joined(separator: ",")]
    }
    return result
  }
}

public struct GroupOutcome: Sendable {
  public var violation: GroupViolation?
  public var detail = ""
  /// Datagrams that reached a node.
  public var packets = 0
  public var faults = 0
  public var faultNumber = 0
  public var certificates = 0
  public var decidedNull = 0
  public var decidedLater = 0
  /// Parties that sets' headers accuse, over all sets.
  public var accused = 0
  public var lostWattHours: Int64 = 0
  public var doubledWattHours: Int64 = 0
  /// From healing until every honest meter's energy up to then was certified, in tenths of a period.
  public var healedTenths = 0
  /// Of the meters that are ignored: the longest from a period's end to the end of the one it was certified in, in periods.
  public var longestWait: UInt64 = 0
  /// Under attack.
  public var siege = SiegeOutcome()
}

/// The parameters of one schedule, drawn from its seed. (swarm testing: each seed leaves out most kinds of faults)
struct GroupSwarm {
  enum Liar: Equatable {
    /// Two copies of one aggregator, each heard by a part of the group.
    case twin
    /// Follows the protocol towards some and not others, and ignores one meter of every set.
    case selective
    /// Says anything its keys allow.
    case actor
    /// Votes for whatever anybody votes for, and against it too.
    case echo
    case silent
    /// Attacks with its keys; in a siege.
    case besieger
  }

  var liars: [(member: Int, kind: Liar)] = []
  /// A meter that runs twice, with two disks: (owner, index).
  var liarMeter: (owner: Int, index: Int)?
  var loss = 0
  var duplication = 0
  /// Of a datagram, in rounds.
  var maximumDelay = 1
  /// Chances in 1000 a tick.
  var partition = 0
  var isAsymmetric = false
  var crash = 0
  var pause = 0
  var wipe = 0
  var restore = 0
  var rot = 0
  /// Chance in 10,000 that a node crashes before one of its doings.
  var boundaryCrash = 0
  var restartTicks = 1
  var chaosTicks = 40
  /// Honest members that stay down when a quorum is healed.
  var leftDown = 0
  /// Members whose disk may be lost or set back; liars and they are at most f.
  var amnesiacs: [Int] = []
  /// A member that is away until the quorum, which needs it, is healed. (scenario S11)
  var absent: Int?
  /// Clock errors in milliseconds: of one member, and of one meter.
  var clocks: [(place: Int, offset: Int64, isSynchronised: Bool)] = []
  var firstPeriod: UInt64 = 1001
  var action = 0

  init(_ schedule: GroupSchedule, _ random: inout Dice) {
    func maybe(_ chances: Int, _ random: inout Dice) -> Bool { random.below(chances) == 0 }
    let faults = (schedule.members - 1) / 3
    if schedule.scenario == .ignoredMeter {
      // Primaries follow each other by number.
      for member in 0..<faults { liars.append((member, .selective)) }
      chaosTicks = GroupWorld.ticksPerPeriod * (2 * schedule.members + 2)
      return
    }
    if schedule.scenario == .lateDecision {
      // Neither of the two that get set 0's records of the third period.
      liars = [(Int(firstPeriod) % schedule.members, .echo)]
      chaosTicks = GroupWorld.ticksPerPeriod * 5
      return
    }
    firstPeriod = 1001 + UInt64(random.below(7))
    if let siege = schedule.siege {
      var left = Array(0..<schedule.members)
      for _ in 0..<faults { liars.append((left.remove(at: random.below(left.count)), .besieger)) }
      // Half of the groups are on a radio that loses a little.
      if maybe(2, &random) { loss = random.below(20) }
      maximumDelay = 1 + random.below(3)
      chaosTicks = Siege.ticksPerPeriod * (siege.periods + 1)
      return
    }
    let isGuided = schedule.profile == .guided
    var liarCount = maybe(3, &random) ? random.below(faults + 1) : faults
    if schedule.profile == .liveness, maybe(2, &random) { liarCount = 0 }
    var left = Array(0..<schedule.members)
    for _ in 0..<liarCount {
      let kinds: [Liar] =
        switch schedule.profile {
        case .uniform: [.selective, .silent, .actor]
        case .guided: [.twin, .actor, .selective, .actor]
        case .liveness: [.silent, .selective, .actor, .twin]
        }
      liars.append((left.remove(at: random.below(left.count)), kinds[random.below(kinds.count)]))
    }
    if maybe(6, &random) { liarMeter = (random.below(schedule.members), random.below(schedule.metersPerSet)) }
    if maybe(2, &random) { loss = random.below(250) }
    if maybe(3, &random) { duplication = random.below(400) }
    if maybe(3, &random) { maximumDelay = 1 + random.below(maybe(4, &random) ? 80 : 10) }
    if maybe(2, &random) { partition = 10 + random.below(60) }
    isAsymmetric = maybe(3, &random)
    if maybe(2, &random) { crash = random.below(isGuided ? 25 : 12) }
    if maybe(2, &random) { boundaryCrash = random.below(isGuided ? 60 : 20) }
    restartTicks = 1 + random.below(maybe(3, &random) ? 90 : 12)
    if maybe(4, &random) { pause = random.below(10) }
    if maybe(5, &random) { wipe = 1 + random.below(6) }
    if maybe(6, &random) { restore = 1 + random.below(6) }
    if maybe(8, &random) { rot = 1 + random.below(6) }
    chaosTicks = 20 + random.below(isGuided ? 100 : 60)
    if maybe(6, &random) { chaosTicks += random.below(200) }
    let quorum = (schedule.members + faults + 2) / 2
    while liars.count + amnesiacs.count < faults { amnesiacs.append(left.remove(at: random.below(left.count))) }
    leftDown = maybe(2, &random) ? schedule.members - quorum - faults : 0
    if maybe(5, &random) {
      let periods = Int64(random.below(5)) - 2
      clocks.append((random.below(schedule.members), periods * 4000 + Int64(random.below(1000)), !maybe(3, &random)))
    }
    if maybe(5, &random) {
      let meters = schedule.members * schedule.metersPerSet
      let periods = Int64(random.below(5)) - 2
      clocks.append(
        (schedule.members + 1 + random.below(meters), periods * 4000 + Int64(random.below(1000)), !maybe(3, &random)))
    }
    action = 100 + random.below(500)
    if schedule.profile == .liveness, maybe(3, &random) {
      absent = left[random.below(left.count)]
      chaosTicks = 120 + random.below(120)
      leftDown = schedule.members - quorum - faults
      // It needs the others to go on meanwhile, all of whom but the liars are there.
      amnesiacs = []
      crash = 0
      boundaryCrash = 0
      partition = 0
      clocks = []
    }
  }
}
