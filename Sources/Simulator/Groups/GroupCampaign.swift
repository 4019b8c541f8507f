/// Many schedules of whole groups in a row, and what came of them.
public struct GroupCampaign {
  public var members: ClosedRange<Int>
  public var metersPerSet: Int
  /// Nil: guided, guided, uniform and liveness in turn.
  public var profile: Profile?

  public private(set) var schedules = 0
  public private(set) var packets = 0
  public private(set) var faults = 0
  public private(set) var verdicts = Verdicts()
  public private(set) var lostWattHours: Int64 = 0
  public private(set) var doubledWattHours: Int64 = 0
  public private(set) var certificates = 0
  public private(set) var decidedLater = 0
  public private(set) var decidedInLaterPeriod = 0
  /// Of simulated time, and of that in outages.
  public private(set) var periods = 0
  public private(set) var outagePeriods = 0
  public private(set) var longestOutage = 0
  public private(set) var disksLost = 0
  public private(set) var rereads = 0
  public private(set) var syncs = 0
  public private(set) var snapshots = 0
  public private(set) var idlePeriods = 0
  public private(set) var idleMessages = 0
  public private(set) var accused = 0
  public private(set) var longestHealingTenths = 0
  public private(set) var firstFailure: (schedule: GroupSchedule, outcome: GroupOutcome)?
  private var worlds: [Int: GroupWorld] = [:]

  /// Schedules of groups whose number of members goes through a range, seed after seed.
  /// - Parameter profile: nil takes guided, guided, uniform and liveness in turn.
  public init(members: ClosedRange<Int>, metersPerSet: Int, profile: Profile?) {
    self.members = members
    self.metersPerSet = metersPerSet
    self.profile = profile
  }

  private mutating func world(_ members: Int, _ metersPerSet: Int) -> GroupWorld {
    let key = 64 * members + metersPerSet
    if let world = worlds[key] { return world }
    let world = GroupWorld(members: members, metersPerSet: metersPerSet)
    worlds[key] = world
    return world
  }

  /// The schedule of a seed, which is the same in every campaign of these bounds.
  public func schedule(_ seed: UInt64) -> GroupSchedule {
    let size = members.lowerBound + Int(seed % UInt64(members.count))
    let turn: [Profile] = [.guided, .guided, .uniform, .liveness]
    let number = seed / UInt64(members.count)
    let chosen = profile ?? turn[Int(number % 4)]
    // Every eighth group has twice as many meters, half of which may contradict themselves.
    let meters = number % 8 == 5 && size * (1 + 2 * metersPerSet) + 4 <= 64 ? 2 * metersPerSet : metersPerSet
    return GroupSchedule(seed: seed, members: size, metersPerSet: meters, profile: chosen)
  }

  /// Runs the schedule of a seed and adds what came of it.
  @discardableResult
  public mutating func run(_ seed: UInt64) -> GroupOutcome { run(schedule(seed)) }

  /// Runs what is arranged and not drawn.
  @discardableResult
  public mutating func run(_ scenario: GroupScenario, _ members: Int) -> GroupOutcome {
    run(schedule(of: scenario, members))
  }

  func schedule(of scenario: GroupScenario, _ members: Int) -> GroupSchedule {
    // Twice as many as one slot needs, so that a header without it has enough.
    let meters = scenario == .loneFeeder ? 2 * Int(GroupWorld.minimumContributors) : metersPerSet
    var schedule = GroupSchedule(seed: 0, members: members, metersPerSet: meters, profile: .guided)
    schedule.scenario = scenario
    return schedule
  }

  private mutating func run(_ schedule: GroupSchedule) -> GroupOutcome {
    let outcome = world(schedule.members, schedule.metersPerSet).run(schedule)
    schedules += 1
    packets += outcome.packets
    faults += outcome.faults
    certificates += outcome.certificates
    decidedLater += outcome.decidedLater
    decidedInLaterPeriod += outcome.decidedInLaterPeriod
    periods += outcome.periods
    outagePeriods += outcome.outagePeriods
    longestOutage = max(longestOutage, outcome.outagePeriods)
    disksLost += outcome.disksLost
    rereads += outcome.rereads
    syncs += outcome.syncs
    snapshots += outcome.snapshots
    idlePeriods += outcome.idlePeriods
    idleMessages += outcome.idleMessages
    accused += outcome.accused
    lostWattHours += outcome.lostWattHours
    doubledWattHours += outcome.doubledWattHours
    longestHealingTenths = max(longestHealingTenths, outcome.healedTenths)
    if let violation = outcome.violation {
      verdicts.add(isConviction: violation == .wronglyConvicted, isSafety: violation.isSafety)
      if firstFailure == nil { firstFailure = (schedule, outcome) }
    }
    return outcome
  }
}
