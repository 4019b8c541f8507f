import Consensus
import Units
import Wire

// Crashes, what is left after one, and the next position.
extension World {
  func crash(_ process: Process, _ ticks: Int) {
    trace?("\(now) member \(process.member): crashes for \(ticks) ticks")
    process.isUp = false
    process.restartAt = now + ticks
    nextRestart = min(nextRestart, process.restartAt)
  }

  func restartDue() {
    nextRestart = .max
    for process in processes where !process.isUp && !process.isLeft {
      if now >= process.restartAt { restart(process) } else { nextRestart = min(nextRestart, process.restartAt) }
    }
  }

  func restart(_ process: Process) {
    trace?("\(now) member \(process.member): restarts with \(process.entries.count) votes")
    process.isUp = true
    process.instance.reset(position: position(process.step), firstRound: ledgers[process.step].firstRound)
    process.mustValidate = false
    process.heard.removeAll(keepingCapacity: true)
    // More records have come meanwhile: it would propose something else.
    if process.isHonest { process.choice = dice.below(Self.honestChoices) }
    // A decision is durable with its certificate before anybody hears of it; here it survives as it is.
    if process.decidedValue >= 0 {
      if let certificate = process.certificate,
        let verified = try? VerifiedCertificate(checking: certificate, in: context, by: keys)
      {
        effects.removeAll()
        outcome.steps += 1
        process.instance.step(.certificate(verified), signer: signer, into: &effects)
      }
      if process.step + 1 < swarm.positions { moveOn(process) }
      return
    }
    for entry in process.entries {
      var reader = WireReader(entry.span)
      do throws(WireError) {
        let vote = try Vote(decoding: &reader)
        try process.instance.restore(vote, proof: &reader)
      } catch { preconditionFailure("an entry of the simulated disk does not decode") }
    }
    observe(process)
    // The clock ran on.
    process.endedPeriods = max(process.endedPeriods, passPeriods(process))
    tellPeriod(process)
    if process.isUp, swarm.positions > 1 || !process.observed.hasRecords { askAll(process) }
  }

  /// Takes part in the next position: the certificate of the last is durable, and what was signed about it can go.
  func moveOn(_ process: Process) {
    // Not after the round in which it was decided: that differs from member to member. (consensus rule R2)
    let first = round(period(of: process.decidedValue) + 1, 0)
    process.step += 1
    process.decidedValue = -1
    process.entries.removeAll(keepingCapacity: true)
    process.durable.removeAll(keepingCapacity: true)
    process.lastPayload.removeAll(keepingCapacity: true)
    process.heard.removeAll(keepingCapacity: true)
    process.mustValidate = false
    process.instance.reset(position: position(process.step), firstRound: first)
    observe(process)
    trace?("\(now) member \(process.member): is in position \(process.step + 1), first round \(first)")
    tellPeriod(process)
  }
}
