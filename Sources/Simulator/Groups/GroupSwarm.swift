import Units

/// The parameters of one schedule, drawn from its seed. (swarm testing: each seed leaves out most kinds of faults)
struct GroupSwarm {
  enum Liar: Equatable {
    /// Two copies of one aggregator, each heard by a part of the group.
    case twin
    /// Follows the protocol towards some and not others, and ignores one meter of every set.
    case selective
    /// Says anything its keys allow.
    case actor
    /// Keeps to itself that a value was prepared, and shows it in a later round.
    case hider
    /// Votes for whatever anybody votes for, and against it too.
    case echo
    case silent
    /// Attacks with its keys; in a siege.
    case besieger
  }

  /// No quorum hears each other, for as long as it lasts.
  struct Outage {
    enum Kind: CaseIterable {
      /// Every member is alone; meters and the bookkeeper hear them all.
      case alone
      /// Half of the members hear each other, and so do the others.
      case halves
      /// The same of all parties.
      case everybody
      /// Some hear nobody of the others, who hear them.
      case oneWay
      /// More members than the group can spare are off.
      case off
      /// All clocks are wrong, and by the same; or each by something else.
      case clocks
      case scatteredClocks

      var isOfClocks: Bool { self == .clocks || self == .scatteredClocks }
    }
    var kind: Kind
    var periods: Int
    var pattern: UInt64
    /// By how much clocks are wrong, in periods.
    var clockPeriods = 0
  }

  var liars: [(member: Int, kind: Liar)] = []
  /// A meter that runs twice, with two disks: (owner, index).
  var liarMeter: (owner: Int, index: Int)?
  /// Of each set, so many meters sign two records of each period.
  var contradictingMeters = 0
  var exclusionPeriods: UInt32 = 48
  /// Of each set, so many meters measure exports too; nil for all.
  var exporters: Int?
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
  /// Follows the chaos, of which less happens meanwhile.
  var outage: Outage?
  /// Honest members that stay down when a quorum is healed.
  var leftDown = 0
  /// A member that is off from the outage on, for good; one of the f.
  var dead: Int?
  /// Members whose disk may be lost or set back; liars and they are at most f.
  var amnesiacs: [Int] = []
  /// Any member may lose its disk once the one before votes again.
  var losesDisksInTurn = false
  /// A member that is away until the quorum, which needs it, is healed.
  var absent: Int?
  /// Of every clock, in thousandths of a period at most, even when all is well; a sixteenth keeps two within an eighth of each other.
  var clockSkew = 0
  /// Clock errors in milliseconds: of one member, and of meters.
  var clocks: [(place: Int, offset: Int64, isSynchronised: Bool)] = []
  var firstPeriod: UInt64 = 1001
  var periodSeconds: UInt64 = GroupWorld.periodSeconds
  var action = 0
  /// Liars that say anything claim later runs of others too, and tell another time.
  var liesAboutRuns = false
  var liesAboutTime = false
  /// After healing there are periods without records.
  var endsIdle = false

  var ticksPerPeriod: Int { Int(periodSeconds * 1000 / GroupWorld.tickMilliseconds) }

  /// A period into three quarters of which so many views fit. (AggregatorNode.viewsFit)
  static func fittingSeconds(views: Int) -> UInt64 {
    // T(0) is a quarter and 2 s, the next 2, 4, 8 and 16 s.
    var seconds: UInt64 = 2
    for view in 1..<max(2, views) { seconds += 2 << UInt64(min(view - 1, 3)) }
    return 2 * seconds
  }

  init(_ schedule: GroupSchedule, _ random: inout Dice) {
    let faults = (schedule.members - 1) / 3
    periodSeconds = Self.fittingSeconds(views: faults + 1)
    if let scenario = schedule.scenario {
      arrange(scenario, schedule, faults)
      return
    }
    firstPeriod = 1001 + UInt64(random.below(7))
    if let siege = schedule.siege {
      periodSeconds = Siege.periodSeconds
      var left = Array(0..<schedule.members)
      for _ in 0..<faults { liars.append((left.remove(at: random.below(left.count)), .besieger)) }
      // Half of the groups are on a radio that loses a little.
      if Self.maybe(2, &random) { loss = random.below(20) }
      maximumDelay = 1 + random.below(3)
      chaosTicks = Siege.ticksPerPeriod * (siege.periods + 1)
      return
    }
    draw(schedule, faults, &random)
  }

  private static func maybe(_ chances: Int, _ random: inout Dice) -> Bool { random.below(chances) == 0 }

  private mutating func arrange(_ scenario: GroupScenario, _ schedule: GroupSchedule, _ faults: Int) {
    switch scenario {
    case .ignoredMeter:
      // Primaries follow each other by number.
      for member in 0..<faults { liars.append((member, .selective)) }
      chaosTicks = ticksPerPeriod * (2 * schedule.members + 2)
    case .lateDecision:
      // Neither of the two that get set 0's records of the third period.
      liars = [(Int(firstPeriod) % schedule.members, .echo)]
      chaosTicks = ticksPerPeriod * 5
    case .lateLock:
      liars = [(0, .hider)]
      chaosTicks = ticksPerPeriod * 5
    case .lostDisks:
      // T(0) is long enough for all of them to forget before anybody asks for another round.
      periodSeconds = faults == 1 ? 20 : 40
      chaosTicks = ticksPerPeriod * (6 + faults + 5 * schedule.members)
    case .idle:
      chaosTicks = ticksPerPeriod * 3
      endsIdle = true
    case .absentBookkeeper:
      // Some periods before, some behind.
      chaosTicks = ticksPerPeriod * (schedule.absencePeriods + 7)
    case .replacedBoards:
      chaosTicks = ticksPerPeriod * (6 + 5 * schedule.members)
    case .unprovenModulus: chaosTicks = ticksPerPeriod
    case .absurdMeter: chaosTicks = ticksPerPeriod * 5
    case .loneFeeder:
      exporters = Int(GroupWorld.minimumContributors)
      chaosTicks = ticksPerPeriod * 5
    }
  }

  private mutating func draw(_ schedule: GroupSchedule, _ faults: Int, _ random: inout Dice) {
    func maybe(_ chances: Int, _ random: inout Dice) -> Bool { Self.maybe(chances, &random) }
    let isGuided = schedule.profile == .guided
    let quorum = (schedule.members + faults + 2) / 2
    leftDown = maybe(2, &random) ? schedule.members - quorum - faults : 0
    let fitting = Self.fittingSeconds(views: faults + leftDown + 1)
    switch random.below(10) {
    case 0: periodSeconds = 4
    case 1: periodSeconds = fitting + 1 + UInt64(random.below(Int(fitting)))
    case 2: periodSeconds = 2 * fitting + UInt64(random.below(12))
    default: periodSeconds = fitting
    }
    var liarCount = maybe(3, &random) ? random.below(faults + 1) : faults
    if schedule.profile == .liveness, maybe(2, &random) { liarCount = 0 }
    if maybe(6, &random) { losesDisksInTurn = true }
    if losesDisksInTurn { liarCount = 0 }
    var left = Array(0..<schedule.members)
    for _ in 0..<liarCount {
      let kinds: [Liar] =
        switch schedule.profile {
        case .uniform: [.selective, .silent, .actor, .hider]
        case .guided: [.twin, .actor, .selective, .hider]
        case .liveness: [.silent, .selective, .actor, .twin, .hider]
        }
      liars.append((left.remove(at: random.below(left.count)), kinds[random.below(kinds.count)]))
    }
    if maybe(6, &random) { liarMeter = (random.below(schedule.members), random.below(schedule.metersPerSet)) }
    if maybe(5, &random) {
      // Of honest ones enough are left.
      let most = schedule.metersPerSet - Int(GroupWorld.minimumContributors)
      contradictingMeters = 1 + random.below(max(1, min(most, schedule.metersPerSet / 2)))
      liarMeter = nil
    }
    // A liar may be among them.
    let feeders = Int(GroupWorld.minimumContributors) + 1
    if contradictingMeters == 0, schedule.metersPerSet > feeders + 1, maybe(2, &random) {
      exporters = feeders + random.below(schedule.metersPerSet - feeders)
    }
    if maybe(2, &random) { exclusionPeriods = UInt32(1 + random.below(12)) }
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
    chaosTicks = 40 + random.below((isGuided ? 3 : 2) * ticksPerPeriod)
    if maybe(6, &random) { chaosTicks += random.below(5 * ticksPerPeriod) }
    if losesDisksInTurn {
      wipe = 60
      chaosTicks = (4 + random.below(20)) * ticksPerPeriod
    }
    let kinds = Outage.Kind.allCases
    if maybe(2, &random) {
      var drawn = Outage(
        kind: kinds[random.below(kinds.count)], periods: Self.logUniform(100, &random), pattern: random.bits())
      if drawn.kind.isOfClocks {
        drawn.clockPeriods = Self.logUniform(12, &random) * (maybe(2, &random) ? 1 : -1)
        drawn.periods = 1 + drawn.periods / 12
      }
      outage = drawn
    }
    if !losesDisksInTurn, liars.count < faults, maybe(3, &random) { dead = left.remove(at: random.below(left.count)) }
    if !losesDisksInTurn {
      while liars.count + amnesiacs.count + (dead == nil ? 0 : 1) < faults {
        amnesiacs.append(left.remove(at: random.below(left.count)))
      }
    }
    drawClocks(schedule, &random)
    action = 100 + random.below(500)
    liesAboutRuns = maybe(2, &random)
    liesAboutTime = maybe(2, &random)
    if schedule.profile == .liveness, maybe(3, &random), !losesDisksInTurn {
      absent = left[random.below(left.count)]
      chaosTicks = (3 + random.below(4)) * ticksPerPeriod
      leftDown = schedule.members - quorum - faults
      periodSeconds = max(periodSeconds, Self.fittingSeconds(views: faults + leftDown + 1))
      // It needs the others to go on meanwhile, all of whom but the liars are there.
      amnesiacs = []
      crash = 0
      boundaryCrash = 0
      partition = 0
      clocks = []
      outage = nil
      dead = nil
    }
    endsIdle = maybe(6, &random)
  }

  private mutating func drawClocks(_ schedule: GroupSchedule, _ random: inout Dice) {
    if Self.maybe(2, &random) { clockSkew = random.below(60) }
    let milliseconds = Int64(periodSeconds) * 1000
    func error(_ random: inout Dice) -> Int64 {
      let periods = Int64(Self.logUniform(13, &random) - 1) * (Self.maybe(2, &random) ? 1 : -1)
      return periods * milliseconds + Int64(random.below(1000))
    }
    // A member whose clock is wrong is one of the f: it takes no part, or what it signed in a later period it is bound to.
    if Self.maybe(3, &random), !amnesiacs.isEmpty {
      clocks.append((amnesiacs[0], error(&random), !Self.maybe(3, &random)))
    }
    guard Self.maybe(4, &random) else { return }
    let meters = schedule.members * schedule.metersPerSet
    for _ in 0...random.below(Self.maybe(2, &random) ? 1 : meters) {
      clocks.append((schedule.members + 1 + random.below(meters), error(&random), !Self.maybe(3, &random)))
    }
  }

  /// 1...limit; as often from 1 to 10 as from 10 to 100.
  private static func logUniform(_ limit: Int, _ random: inout Dice) -> Int {
    // Steps of a sixth of an octave: 2^(1/6) is 1.1225.
    var bound = 1000
    var steps = 0
    while bound < limit * 1000 {
      bound = bound * 11225 / 10000
      steps += 1
    }
    var value = 1000
    for _ in 0..<random.below(steps + 1) { value = value * 11225 / 10000 }
    return max(1, min(limit, value / 1000))
  }
}
