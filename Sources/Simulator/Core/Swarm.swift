import Consensus
import Units

/// Which members hold records of a period, so that they could propose.
enum Holding: Equatable {
  case all
  /// The first so many primaries of the period: meters send to two. (consensus rule R14)
  case primaries(Int)
  /// One member, another in each period.
  case one
  case nobody
  /// One of these for each period.
  case mixed
}

/// The parameters of one schedule, drawn from its seed. (swarm testing: each seed leaves out most kinds of faults)
struct Swarm {
  enum Liar: Equatable { case silent, twin, actor }

  var liars: [(member: Int, kind: Liar)] = []
  var pace: Pace
  var leaders = LeaderRule.rotating
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
  /// Bit c: some members lack the values of choice c at first.
  var unheld = 0
  /// Honest members that stay down when a quorum is healed.
  var leftDown = 0
  /// Of the first round.
  var period: UInt64 = 0
  /// How many positions one after another.
  var positions = 1
  /// Ticks of a period until healing.
  var periodTicks = 40
  /// How far clocks are apart, in eighths of a period to each side; what is behind or ahead by whole periods comes on top.
  var skewEighths = 1
  /// Bit p: this process's clock is wrong by so many periods, until healing.
  var isAstray: UInt64 = 0
  var strayPeriods = 0
  /// So many periods pass at once, at this tick, in which nobody hears anybody.
  var outageTick = -1
  var outagePeriods = 0
  var holding = Holding.all
  var healedHolding = Holding.all
  var holdingSeed: UInt64 = 0
  /// Clocks stay three eighths of a period apart to each side when the rest is healed; then it takes luck as well, and leaders that
  /// change, for such members share one view of each period.
  var healsSkewed = false
  /// When something is prepared, nobody has more records after healing.
  var healsIdle = false
  var healsInOnePeriod = false

  init(_ schedule: Schedule, _ random: inout Dice) {
    func maybe(_ chances: Int, _ random: inout Dice) -> Bool { random.below(chances) == 0 }
    let quorum = Quorum(members: UInt16(schedule.members))
    let faults = Int(quorum.faults)
    let isGuided = schedule.profile == .guided
    period = maybe(4, &random) ? 0 : UInt64(random.below(1000))
    if maybe(4, &random) { leaders = .fixed }
    var liarCount = random.below(4) == 0 ? random.below(faults + 1) : faults
    if schedule.profile == .liveness, random.below(2) == 0 { liarCount = 0 }
    if schedule.hasTooManyLiars { liarCount = faults + 1 + random.below(faults) }
    let firstPrimary = leaders == .rotating ? Int(period % UInt64(schedule.members)) : 0
    var left = Array(0..<schedule.members)
    for _ in 0..<liarCount {
      // Liars that lead early views do more harm.
      var place = random.below(left.count)
      if isGuided, random.below(2) == 0 {
        let primary = (World.owner + firstPrimary + random.below(2)) % schedule.members
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
    pace = Pace(
      members: schedule.members, isShort: isGuided && maybe(8, &random), collects: maybe(4, &random))
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
    chaosTicks = 10 + random.below(isGuided ? 60 : 100)
    if maybe(5, &random) { chaosTicks += random.below(200) }
    if maybe(3, &random) { unheld = random.below(16) }
    leftDown = maybe(2, &random) ? max(0, schedule.members - Int(quorum.size) - liarCount) : 0
    if schedule.profile == .liveness {
      // The quorum that is healed meets its old partners again with everything they know.
      chaosTicks = random.below(60)
      action /= 2
    }
    drawTime(schedule, &random)
  }

  /// Periods, clocks, outages, and who has something to propose.
  private mutating func drawTime(_ schedule: Schedule, _ random: inout Dice) {
    periodTicks =
      switch random.below(4) {
      case 0: 8 + random.below(16)
      case 1, 2: 24 + random.below(40)
      default: 64 + random.below(140)
      }
    switch random.below(16) {
    case 0...10: break
    case 11...13: skewEighths = 4
    case 14: isAstray = 1 << UInt64(random.below(schedule.members))
    default: isAstray = random.bits()
    }
    strayPeriods = (1 + random.below(5)) * (random.below(2) == 0 ? 1 : -1)
    if random.below(8) == 0 {
      outageTick = 1 + random.below(chaosTicks)
      // 1 … 100, small ones as often as large ones.
      outagePeriods = 1 << random.below(7)
      outagePeriods = min(100, outagePeriods + random.below(outagePeriods))
    }
    if random.below(32) == 0, !schedule.hasTooManyLiars { positions = 2 + random.below(2) }
    holdingSeed = random.bits()
    holding =
      switch random.below(16) {
      case 0...9: .all
      case 10, 11: .mixed
      case 12, 13: .primaries(2)
      case 14: .one
      default: .nobody
      }
    healsIdle = random.below(4) == 0
    healsInOnePeriod = random.below(4) == 0
    healsSkewed = random.below(16) == 0 && positions == 1 && leaders == .rotating
    // So many primaries that one of them is honest, and at work; but the first views of short timers are too short for anything.
    if random.below(3) == 0, !pace.isShort, !healsSkewed {
      healedHolding = .primaries(schedule.members - Int(Quorum(members: UInt16(schedule.members)).size) + 1)
    }
  }
}

/// Timers, and the periods of a healed group into which f + 1 of its views fit.
struct Pace: Equatable {
  /// Instances are kept from schedule to schedule by these.
  static let kinds = 4
  let kind: Int
  let timing: Timing
  let periodTicks: Int
  /// Short timers are shorter than a round trip: the first three views are too short for anything.
  var isShort: Bool { kind & 1 != 0 }
  /// Within so many ticks of healing a decision must be possible.
  let healingTicks: Int

  /// - Parameter collects: view 0 has a quarter of a period more, for records to come in.
  init(members: Int, isShort: Bool, collects: Bool) {
    kind = (isShort ? 1 : 0) + (collects ? 2 : 0)
    let viewTicks: UInt32 = isShort ? 8 : 24
    let retransmitTicks: UInt32 = isShort ? 2 : 4
    let plain = Timing(firstViewTicks: viewTicks, viewTicks: viewTicks, retransmitTicks: retransmitTicks)
    let quorum = Quorum(members: UInt16(members))
    // As many as may be missing when a quorum is healed, and one more. They fit into three quarters, of which T(0) may take one.
    let views = UInt32(quorum.members - quorum.size) + (isShort ? 4 : 1)
    periodTicks = 2 * Int(plain.ticks(ofViews: views))
    timing = Timing(
      firstViewTicks: viewTicks + (collects ? UInt32(periodTicks / 4) : 0), viewTicks: viewTicks,
      retransmitTicks: retransmitTicks)
    healingTicks = Int(timing.healingTicks(faults: UInt16(views - 1)))
  }

  private init(_ timing: Timing, periodTicks: Int) {
    kind = 0
    self.timing = timing
    self.periodTicks = periodTicks
    healingTicks = 0
  }

  /// For an enumeration, which heals nothing and says itself when periods end.
  static func enumerated(_ viewTicks: Int, periodTicks: Int) -> Pace {
    Pace(
      Timing(firstViewTicks: UInt32(viewTicks), viewTicks: UInt32(viewTicks), retransmitTicks: 2),
      periodTicks: periodTicks)
  }
}

extension Swarm {
  /// No faults by dice.
  init(members: Int, pace: Pace, twin: Int?) {
    var dice = Dice(0)
    self.init(Schedule(seed: 0, members: members, profile: .liveness), &dice)
    liars = twin.map { [(member: $0, kind: .twin)] } ?? []
    self.pace = pace
    leaders = .rotating
    loss = 0
    duplication = 0
    maximumDelay = 3
    partition = 0
    crash = 0
    crashAfterSend = 0
    action = 0
    support = 0
    unheld = 0
    leftDown = 0
    period = 1
    positions = 1
    periodTicks = pace.periodTicks
    skewEighths = 0
    isAstray = 0
    outageTick = -1
    holding = .all
    healedHolding = .all
  }
}

/// What an enumerated scenario lets happen.
struct Fate {
  /// By round: the processes on one side; messages of that round do not cross.
  var sides: [(round: Round, processes: UInt64)] = []
  /// When each period ends for everybody, from the first round's on.
  var periodEnds: [Int] = [1]
  /// When the sides hear each other again.
  var healTick = -1
  var roundChangesCross = true
  /// Commits of this round are lost, so that what was prepared must pass through a round change.
  var losesCommitsOf: Round?
  /// Bit p: process p never gets started.
  var silent: UInt64 = 0
  /// After which doing which process crashes.
  var crashPoints: [(process: Int, doing: Int)] = []
  var downTicks = 1

  func passes(_ input: Input, from sender: Int, to receiver: Int) -> Bool {
    let round: Round
    switch input {
    case .vote(let vote):
      round = vote.message.statement.round
      if vote.message.statement.kind == .commit, round == losesCommitsOf { return false }
    case .proposal(let vote): round = vote.message.statement.round
    case .roundChange(let change):
      if roundChangesCross { return true }
      round = change.roundChange.vote.statement.round
    case .newRound(let newRound): round = newRound.newRound.prepare.statement.round
    default: return true
    }
    for side in sides where side.round == round {
      return (side.processes >> UInt64(sender) ^ side.processes >> UInt64(receiver)) & 1 == 0
    }
    return true
  }

  func crashes(_ process: Int, at doing: Int) -> Bool {
    for point in crashPoints where point.process == process && point.doing == doing { return true }
    return false
  }
}
