import Consensus
import SimulatedPlatform
import Units
import Wire

/// How dice are loaded.
public enum Profile: String, CaseIterable, Sendable {
  /// Random faults, liars that vote at random.
  case uniform
  /// Liars support both sides of a partition, processes crash where it hurts, timers are short in a quarter of the seeds.
  case guided
  /// Few faults, then a quorum is healed and the rest left as it is.
  case liveness
}

/// What a schedule may not do. The name goes into reports.
public enum Violation: String, CaseIterable, Sendable {
  // Safety
  case disagreement, invalidValueDecided, badCertificate, certificateChanged
  case conflictingSignature, sentBeforeDurable, votedInViewItLeft, committedUnprepared, preparedUnheld
  case preparedWithoutProposal, hidPreparedCertificate, unjustifiedNewRound, wronglyConvicted, equivocationUntold
  case leftViewTooEarly, nullTooEarly
  /// More than f liars made two decisions, and what honest members hold names fewer than f + 1 of them.
  case unaccountable
  // Liveness
  case stuck, viewsRanAway

  public var isSafety: Bool { self != .stuck && self != .viewsRanAway }
}

/// One run, named by everything it depends on.
public struct Schedule: Sendable {
  public var seed: UInt64
  public var members: Int
  public var profile: Profile
  public var usesEd25519 = false
  /// f + 1 to 2f liars: the group may come to two decisions, and must then know by whom. (scenario S16)
  public var hasTooManyLiars = false
  /// Only the first so many faults happen.
  public var faultLimit = Int.max
  /// Faults left out, by number.
  public var withoutFaults: Set<Int> = []

  public init(seed: UInt64, members: Int, profile: Profile) {
    self.seed = seed
    self.members = members
    self.profile = profile
  }

  /// The arguments that replay it.
  public var arguments: [String] {
    var result = ["--seed", "\(seed)", "--members", "\(members)", "--profile", profile.rawValue]
    if usesEd25519 { result.append("--real-crypto") }
    if hasTooManyLiars { result.append("--too-many-liars") }
    if faultLimit != .max { result += ["--fault-limit", "\(faultLimit)"] }
    if !withoutFaults.isEmpty {
      result += ["--without", withoutFaults.sorted().map(String.init).joined(separator: ",")]
    }
    return result
  }
}

public struct Outcome: Sendable {
  public var violation: Violation?
  public var detail = ""
  /// Calls of `Instance.step`.
  public var steps = 0
  public var faults = 0
  /// The highest view an honest member reached.
  public var highestView: UInt32 = 0
  /// From healing to the last decision, in hundredths of T0.
  public var healedHundredths = 0
  public var viewsAfterHealing: UInt32 = 0
  /// Liars that two decisions named: bit i for member i.
  public var named: UInt64 = 0
  public var decidedNull = false
  public var decidedLater = false
}

/// The parameters of one schedule, drawn from its seed. (swarm testing: each seed leaves out most kinds of faults)
struct Swarm {
  enum Liar: Equatable { case silent, twin, actor }

  var liars: [(member: Int, kind: Liar)] = []
  var timing: Timing
  var hasShortTimers = false
  var loss = 0
  var duplication = 0
  var maximumDelay = 3
  /// Chances in 1000 a tick.
  var partition = 0
  var isAsymmetric = false
  var crash = 0
  var crashAfterSend = 0
  var restartTicks = 1
  var action = 0
  /// Chance in 1000 that liars at once back what an honest member votes for.
  var support = 0
  var chaosTicks = 60
  /// Bit v: member's value v is held from the start.
  var unheld = 0
  var nullProposals = 0
  /// Honest members that stay down when a quorum is healed.
  var leftDown = 0
  var owner = 0
  var period: UInt64 = 0

  init(_ schedule: Schedule, _ random: inout Dice) {
    let quorum = Quorum(members: UInt16(schedule.members))
    let faults = Int(quorum.faults)
    owner = random.below(schedule.members)
    period = UInt64(random.below(1000))
    let isGuided = schedule.profile == .guided
    var liarCount = random.below(4) == 0 ? random.below(faults + 1) : faults
    if schedule.profile == .liveness, random.below(2) == 0 { liarCount = 0 }
    if schedule.hasTooManyLiars { liarCount = faults + 1 + random.below(faults) }
    var left = Array(0..<schedule.members)
    for _ in 0..<liarCount {
      // Liars that lead early views do more harm.
      var place = random.below(left.count)
      if isGuided, random.below(2) == 0 {
        let primary = (owner + Int(period) + random.below(2)) % schedule.members
        if let found = left.firstIndex(of: primary) { place = found }
      }
      let kinds: [Liar] =
        switch schedule.profile {
        case .uniform: [.actor, .silent, .actor]
        case .guided: [.actor, .twin, .actor, .actor]
        case .liveness: [.silent, .twin, .actor]
        }
      liars.append((left.remove(at: place), kinds[random.below(kinds.count)]))
    }
    hasShortTimers = isGuided && random.below(4) == 0
    let viewTicks: UInt32 = hasShortTimers ? 8 : 24
    timing = Timing(
      firstViewTicks: viewTicks, viewTicks: viewTicks, collectTicks: 4, retransmitTicks: hasShortTimers ? 2 : 4)
    func maybe(_ chances: Int, _ random: inout Dice) -> Bool { random.below(chances) == 0 }
    if maybe(2, &random) { loss = random.below(400) }
    if maybe(3, &random) { duplication = random.below(500) }
    if maybe(3, &random) { maximumDelay = 3 + random.below(maybe(4, &random) ? 60 : 12) }
    if !maybe(3, &random) { partition = 20 + random.below(150) }
    isAsymmetric = maybe(3, &random)
    if !maybe(3, &random) {
      crash = isGuided ? random.below(40) : random.below(20)
      if isGuided, maybe(2, &random) { crashAfterSend = random.below(250) }
      restartTicks = 1 + random.below(maybe(4, &random) ? 100 : 12)
    }
    if liarCount > 0 {
      action = random.below(400)
      if isGuided { support = 300 + random.below(700) }
    }
    chaosTicks = 10 + random.below(isGuided ? 70 : 120)
    if maybe(4, &random) { chaosTicks += random.below(200) }
    if maybe(3, &random) { unheld = random.below(16) }
    if maybe(4, &random) { nullProposals = random.below(1000) }
    leftDown = maybe(2, &random) ? max(0, schedule.members - Int(quorum.size) - liarCount) : 0
    if schedule.profile == .liveness {
      // The quorum that is healed meets its old partners again with everything they know.
      chaosTicks = random.below(60)
      action /= 2
    }
  }
}

extension Swarm {
  /// No faults by dice.
  init(members: Int, timing: Timing, twin: Int?) {
    var dice = Dice(0)
    self.init(Schedule(seed: 0, members: members, profile: .liveness), &dice)
    liars = twin.map { [(member: $0, kind: .twin)] } ?? []
    self.timing = timing
    hasShortTimers = false
    loss = 0
    duplication = 0
    maximumDelay = 3
    partition = 0
    crash = 0
    crashAfterSend = 0
    action = 0
    support = 0
    unheld = 0
    nullProposals = 0
    leftDown = 0
    owner = 0
    period = 0
  }
}

/// What an enumerated scenario lets happen.
struct Fate {
  /// By view: the processes on one side; messages of that view do not cross.
  var sides: [UInt64] = []
  /// When the sides hear each other again.
  var healTick = -1
  var roundChangesCross = true
  /// Commits of view 0 are lost, so that what was prepared must pass through a round change.
  var losesFirstCommits = false
  /// Bit p: process p never gets started.
  var silent: UInt64 = 0
  /// After which doing which process crashes.
  var crashPoints: [(process: Int, doing: Int)] = []
  var downTicks = 1

  func passes(_ input: Input, from sender: Int, to receiver: Int) -> Bool {
    let view: UInt32
    switch input {
    case .vote(let vote):
      view = vote.message.statement.view.rawValue
      if losesFirstCommits, view == 0, vote.message.statement.kind == .commit { return false }
    case .proposal: view = 0
    case .roundChange(let change):
      if roundChangesCross { return true }
      view = change.roundChange.vote.statement.view.rawValue
    case .newRound(let newRound): view = newRound.newRound.prepare.statement.view.rawValue
    default: return true
    }
    guard Int(view) < sides.count else { return true }
    return (sides[Int(view)] >> UInt64(sender) ^ sides[Int(view)] >> UInt64(receiver)) & 1 == 0
  }

  func crashes(_ process: Int, at doing: Int) -> Bool {
    for point in crashPoints where point.process == process && point.doing == doing { return true }
    return false
  }
}

/// Seeded dice.
struct Dice {
  private var generator: SeededGenerator
  init(_ seed: UInt64) { generator = SeededGenerator(seed: seed) }

  /// 0 ..< bound, by multiplication: the slight bias does not matter here.
  mutating func below(_ bound: Int) -> Int {
    guard bound > 1 else { return 0 }
    return Int(truncatingIfNeeded: ((generator.next() >> 32) &* UInt64(bound)) >> 32)
  }
  mutating func bits() -> UInt64 { generator.next() }
  /// True with so many chances in 1000.
  mutating func hits(_ chances: Int) -> Bool { chances > 0 && below(1000) < chances }
}
