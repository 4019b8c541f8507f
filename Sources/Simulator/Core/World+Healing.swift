import Consensus
import Units

// What must come of a group once its network and clocks are right again.
extension World {
  /// Heals a quorum, leaves the rest as it is, and waits for the decision it must reach. (liveness mode)
  func heal() {
    isHealed = true
    healedAt = now
    trace?("\(now) heals")
    var down = swarm.leftDown
    for process in honest where down > 0 && process.decidedValue < 0 && !process.isUp {
      process.isLeft = true
      undecided -= 1
      down -= 1
    }
    for place in processes.indices { processes[place].held |= 1 << Self.invalidChoice - 1 }
    // An idle group must decide what is prepared all the same.
    if swarm.healsIdle, swarm.positions == 1, !swarm.healsSkewed,
      honest.contains(where: { $0.isUp && !$0.isLeft && $0.instance.lockedDigest != nil })
    {
      swarm.healedHolding = .nobody
    }
    let boundary = healClocks()
    for place in processes.indices { blocked[place] = 0 }
    for place in processes.indices {
      if !processes[place].isUp && !processes[place].isLeft { restart(processes[place]) }
    }
    // Those left as they are stay cut off.
    for process in processes where process.isLeft {
      for place in blocked.indices { blocked[place] |= 1 << UInt64(process.place) }
    }
    let deadline = deadline(boundary)
    while outcome.violation == nil, undecided > 0 {
      advance()
      if now > deadline {
        fail(.stuck, "undecided \(now - healedAt) ticks after healing")
        break
      }
    }
    outcome.healedHundredths = 100 * (now - healedAt) / Int(swarm.pace.timing.viewTicks)
    for process in honest where !process.isLeft {
      outcome.viewsAfterHealing = max(outcome.viewsAfterHealing, process.instance.round.view.rawValue)
    }
    // A liar that claims a far view takes others there when one honest member's clock ended the period a little before theirs.
    if !swarm.pace.isShort, actors.isEmpty, Int(outcome.viewsAfterHealing) > ledgers[0].faults + 4 {
      fail(.roundsRanAway)
    }
  }

  /// Groups whose clocks are three eighths of a period apart to each side decide within so many periods more.
  private static let luckyPeriods = 6

  /// Now and then sees to a member that could propose nothing. Records reach it late; and in a group that goes on somebody would speak to
  /// it of a later position, or a meter send what follows from a later head, so it asks.
  func lookAfter(_ process: Process) {
    guard now & 7 == 0, !process.observed.hasRecords else { return }
    process.observed.hasRecords = hasRecords(process, process.observedRound)
    if now & 31 == 0 { askAll(process) }
  }

  /// All clocks within an eighth of a period, which f + 1 views fit into. The true time has come to where the furthest honest member
  /// is. Returns the tick at which that period truly ended.
  private func healClocks() -> Int {
    periodTicks = swarm.pace.periodTicks
    let boundary = now - dice.below(periodTicks)
    // Or so long that all of B passes in one, and messages have to be repeated.
    if swarm.healsInOnePeriod { periodTicks = max(periodTicks, now - boundary + swarm.pace.healingTicks) }
    var reached = 0
    for process in honest where !process.isLeft {
      reached = max(reached, process.endedPeriods - 1, offset(process.instance.round))
    }
    healedBoundary = boundary
    healedPeriod = reached
    let skew = swarm.healsSkewed ? 3 * periodTicks / 8 : periodTicks / 8
    for process in processes {
      process.nextPeriod = reached
      process.nextEnd = boundary + dice.below(2 * skew + 1) - skew
      process.observed.hasRecords = hasRecords(process, process.observedRound)
    }
    return boundary
  }

  /// A position is decided in the first period that ends at least B after healing. The next ones take as many periods more.
  private func deadline(_ boundary: Int) -> Int {
    var end = boundary
    while end < healedAt + swarm.pace.healingTicks { end += periodTicks }
    var first = swarm.positions
    for process in honest where !process.isLeft { first = min(first, process.step) }
    let more =
      (swarm.positions - 1 - first) * (1 + (swarm.pace.healingTicks + periodTicks - 1) / periodTicks) * periodTicks
    // What was under way before healing still arrives late.
    let luck = swarm.healsSkewed ? Self.luckyPeriods * periodTicks : 0
    return end + more + luck + (swarm.maximumDelay > 3 ? swarm.maximumDelay : 0)
  }
}
