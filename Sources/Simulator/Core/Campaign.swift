import Consensus

/// Many schedules in a row, and what came of them.
public struct Campaign {
  public var members: ClosedRange<Int>
  /// Nil: guided, guided, uniform and liveness in turn.
  public var profile: Profile?
  public var usesEd25519 = false
  public var hasTooManyLiars = false

  public private(set) var schedules = 0
  public private(set) var steps = 0
  public private(set) var faults = 0
  public private(set) var verdicts = Verdicts()
  /// Schedules in which more than f liars came to two decisions, and the fewest of them that were named.
  public private(set) var forks = 0
  public private(set) var fewestNamed = Int.max
  public private(set) var decidedLater = 0
  public private(set) var decidedInLaterPeriod = 0
  public private(set) var decidedEarlierValue = 0
  public private(set) var highestView: UInt32 = 0
  public private(set) var highestViewsAfterHealing: UInt32 = 0
  /// What must never happen: how often each kind did, and of which seeds first.
  public private(set) var failures: [(violation: Violation, seeds: [UInt64], count: Int)] = []
  public private(set) var firstFailure: (schedule: Schedule, outcome: Outcome)?
  /// How many schedules took so many steps, in tens; the last place holds the rest.
  private var stepCounts = Array(repeating: 0, count: 1000)
  /// How many schedules were decided so long after healing, in tenths of T0.
  private var healedCounts = Array(repeating: 0, count: 5000)
  private var worlds: [World?] = Array(repeating: nil, count: 65)

  /// Schedules of groups whose number of members goes through a range, seed after seed.
  public init(members: ClosedRange<Int>, profile: Profile?, usesEd25519: Bool = false) {
    self.members = members
    self.profile = profile
    self.usesEd25519 = usesEd25519
  }

  /// The world of this many members, made when it is first asked for and kept from then on.
  public mutating func world(_ members: Int) -> World {
    if let world = worlds[members] { return world }
    let world = World(members: members, usesEd25519: usesEd25519)
    worlds[members] = world
    return world
  }

  /// The schedule of a seed, which is the same in every campaign of these bounds.
  public func schedule(_ seed: UInt64) -> Schedule {
    let size = members.lowerBound + Int(seed % UInt64(members.count))
    let turn: [Profile] = [.guided, .guided, .uniform, .liveness]
    let chosen = profile ?? turn[Int(seed / UInt64(members.count) % 4)]
    var schedule = Schedule(seed: seed, members: size, profile: chosen)
    schedule.usesEd25519 = usesEd25519
    schedule.hasTooManyLiars = hasTooManyLiars
    return schedule
  }

  /// Runs the schedule of a seed and adds what came of it. A seed that violates something is kept in ``failures``.
  @discardableResult
  public mutating func run(_ seed: UInt64) -> Outcome {
    let schedule = schedule(seed)
    let world = world(schedule.members)
    let outcome = world.run(schedule)
    schedules += 1
    steps += outcome.steps
    faults += outcome.faults
    if outcome.decidedLater { decidedLater += 1 }
    if outcome.decidedInLaterPeriod { decidedInLaterPeriod += 1 }
    if outcome.decidedEarlierValue { decidedEarlierValue += 1 }
    highestView = max(highestView, outcome.highestView)
    highestViewsAfterHealing = max(highestViewsAfterHealing, outcome.viewsAfterHealing)
    stepCounts[min(outcome.steps / 10, stepCounts.count - 1)] += 1
    healedCounts[min(outcome.healedHundredths / 10, healedCounts.count - 1)] += 1
    if hasTooManyLiars, outcome.violation == .disagreement {
      forks += 1
      fewestNamed = min(fewestNamed, outcome.named.nonzeroBitCount)
    } else if let violation = outcome.violation {
      verdicts.add(isConviction: violation == .wronglyConvicted, isSafety: violation.isSafety)
      if firstFailure == nil { firstFailure = (schedule, outcome) }
      if let place = failures.firstIndex(where: { $0.violation == violation }) {
        failures[place].count += 1
        if failures[place].seeds.count < 10 { failures[place].seeds.append(seed) }
      } else {
        failures.append((violation, [seed], 1))
      }
    }
    return outcome
  }

  private static func quantile(_ counts: [Int], _ share: Double) -> Int {
    let total = counts.reduce(0, +)
    var sum = 0
    for place in counts.indices {
      sum += counts[place]
      if Double(sum) >= share * Double(total) { return place }
    }
    return counts.count
  }

  public var medianSteps: Int { 10 * Self.quantile(stepCounts, 0.5) }
  /// From healing to the last decision, in T0.
  public func healing(quantile share: Double) -> Double { Double(Self.quantile(healedCounts, share)) / 10 }
}
