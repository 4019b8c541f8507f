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
  public private(set) var decidedNull = 0
  public private(set) var decidedLater = 0
  public private(set) var accused = 0
  public private(set) var longestHealingTenths = 0
  public private(set) var firstFailure: (schedule: GroupSchedule, outcome: GroupOutcome)?
  private var worlds: [GroupWorld?] = Array(repeating: nil, count: 65)

  public init(members: ClosedRange<Int>, metersPerSet: Int, profile: Profile?) {
    self.members = members
    self.metersPerSet = metersPerSet
    self.profile = profile
  }

  public mutating func world(_ members: Int) -> GroupWorld {
    if let world = worlds[members] { return world }
    let world = GroupWorld(members: members, metersPerSet: metersPerSet)
    worlds[members] = world
    return world
  }

  /// The schedule of a seed, which is the same in every campaign of these bounds.
  public func schedule(_ seed: UInt64) -> GroupSchedule {
    let size = members.lowerBound + Int(seed % UInt64(members.count))
    let turn: [Profile] = [.guided, .guided, .uniform, .liveness]
    let chosen = profile ?? turn[Int(seed / UInt64(members.count) % 4)]
    return GroupSchedule(seed: seed, members: size, metersPerSet: metersPerSet, profile: chosen)
  }

  @discardableResult
  public mutating func run(_ seed: UInt64) -> GroupOutcome { run(schedule(seed)) }

  /// Runs what is arranged and not drawn.
  @discardableResult
  public mutating func run(_ scenario: GroupScenario, _ members: Int) -> GroupOutcome {
    run(schedule(of: scenario, members))
  }

  func schedule(of scenario: GroupScenario, _ members: Int) -> GroupSchedule {
    var schedule = GroupSchedule(seed: 0, members: members, metersPerSet: metersPerSet, profile: .guided)
    schedule.scenario = scenario
    return schedule
  }

  private mutating func run(_ schedule: GroupSchedule) -> GroupOutcome {
    let outcome = world(schedule.members).run(schedule)
    schedules += 1
    packets += outcome.packets
    faults += outcome.faults
    certificates += outcome.certificates
    decidedNull += outcome.decidedNull
    decidedLater += outcome.decidedLater
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
