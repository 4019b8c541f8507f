/// Makes a failing schedule small: leaves out every fault that the violation does not need.
public struct Shrinker {
  /// Schedules it may run.
  public static let budget = 4000
  private let world: World
  private let violation: Violation
  private var runs = 0

  /// Makes schedules small that violate this in that world, which it uses meanwhile.
  public init(_ world: World, _ violation: Violation) {
    self.world = world
    self.violation = violation
  }

  private mutating func fails(_ schedule: Schedule) -> Bool {
    runs += 1
    return world.run(schedule).violation == violation
  }

  /// The same violation with no more faults than before.
  public mutating func shrink(_ failing: Schedule) -> Schedule {
    var best = failing
    var limit = world.run(failing).faults
    var number = world.faultNumber
    // How far into the schedule faults are needed at all.
    var step = number / 2
    while step > 0, runs < Self.budget {
      var trial = best
      trial.faultLimit = number - step
      if number > step, fails(trial) {
        best = trial
        number -= step
      } else {
        step /= 2
      }
    }
    if best.faultLimit == .max {
      best.faultLimit = number
      if !fails(best) { best.faultLimit = .max }
    }
    // Then those in between, in ever smaller groups.
    limit = number
    var size = max(1, limit / 4)
    while runs < Self.budget {
      var start = 1
      var improved = false
      while start <= limit, runs < Self.budget {
        var trial = best
        for fault in start..<min(start + size, limit + 1) { trial.withoutFaults.insert(fault) }
        if trial.withoutFaults.count > best.withoutFaults.count, fails(trial) {
          best = trial
          improved = true
        }
        start += size
      }
      if size == 1, !improved { break }
      size = max(1, size / 2)
    }
    return best
  }
}
