import Consensus
import Units

// Clocks, the periods that they say have ended, and who has records of them.
extension World {
  /// A clock that is behind ends the first round's period late, one that is ahead has ended some more at once.
  func setClock(_ process: Process) {
    process.nextPeriod = 0
    process.endedPeriods = 0
    if let fate {
      process.nextEnd = fate.periodEnds[0]
      return
    }
    let skew = swarm.skewEighths * periodTicks / 8
    process.nextEnd = 1 + skew + dice.below(2 * skew + 1) - skew
    if swarm.isAstray >> UInt64(process.place) & 1 == 1 { process.nextEnd -= swarm.strayPeriods * periodTicks }
  }

  /// Lets the clock of a process run, and returns how many periods it says have ended.
  func passPeriods(_ process: Process) -> Int {
    while now >= process.nextEnd {
      process.nextPeriod += 1
      if let fate, process.nextPeriod < fate.periodEnds.count {
        process.nextEnd = fate.periodEnds[process.nextPeriod]
      } else {
        process.nextEnd += periodTicks
      }
    }
    return process.nextPeriod
  }

  /// Of several periods that ended at once only the last is told, as by a host that slept.
  func endPeriods(_ process: Process) {
    let ended = passPeriods(process)
    guard ended > process.endedPeriods else { return }
    process.endedPeriods = ended
    tellPeriod(process)
  }

  func tellPeriod(_ process: Process) {
    guard process.endedPeriods > 0, process.decidedValue < 0 else { return }
    process.observed.endedBelow = swarm.period &+ UInt64(process.endedPeriods)
    drive(process, .periodEnded(Period(process.observed.endedBelow - 1)))
  }

  /// Whether a member could propose in this round, if it is a free one.
  func hasRecords(_ process: Process, _ round: Round) -> Bool {
    var holding = isHealed ? swarm.healedHolding : swarm.holding
    if holding == .mixed {
      let kinds: [Holding] = [.all, .primaries(2), .one, .nobody]
      holding = kinds[Int(truncatingIfNeeded: (swarm.holdingSeed >> (round.period.rawValue & 31)) & 3)]
    }
    switch holding {
    case .all, .mixed: return true
    case .nobody: return false
    case .one:
      return process.member == Int((swarm.holdingSeed &+ 3 &* round.period.rawValue) % UInt64(members))
    case .primaries(let count):
      let first = primary(of: Round(round.period))
      return (process.member - first + members) % members < count + further(round)
    }
  }

  /// From T(0) after its period's end on, records that were not certified go to one primary more after each T0.
  /// (consensus rule R14)
  private func further(_ round: Round) -> Int {
    guard isHealed else { return 0 }
    let passed = now - healedBoundary - (offset(round) - healedPeriod) * periodTicks
    let late = passed - Int(swarm.pace.timing.firstViewTicks)
    return late < 0 ? 0 : late / Int(swarm.pace.timing.viewTicks) + 1
  }

  /// Many periods in which nobody hears anybody: what was under way is lost, and members that have work ask in vain.
  func passOutage() {
    trace?("\(now) an outage of \(swarm.outagePeriods) periods")
    for tick in calendar.indices where !calendar[tick].isEmpty { calendar[tick].removeAll(keepingCapacity: true) }
    // Nobody hears what is said in the meantime, so a few periods stand for all.
    for passed in 1...min(3, swarm.outagePeriods) {
      for process in processes {
        process.nextPeriod += passed < 3 ? 1 : swarm.outagePeriods - 2
        guard process.isUp, process.nextPeriod > process.endedPeriods else { continue }
        process.endedPeriods = process.nextPeriod
        tellPeriod(process)
      }
      for tick in calendar.indices where !calendar[tick].isEmpty { calendar[tick].removeAll(keepingCapacity: true) }
    }
  }
}
