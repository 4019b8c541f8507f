import MutantConsensus
import MutantSimulator

func huntGroups(_ mutant: Mutant, upTo limit: Int) -> Hunted {
  let kill = MutantHunt.huntGroups(mutant, upTo: limit)
  return Hunted(isKilled: kill.violation != nil, schedules: kill.schedules, line: line(kill), json: json(kill))
}

private func replay(_ kill: GroupMutantKill) -> String {
  guard let schedule = kill.schedule else { return "" }
  if schedule.siege != nil { return "mutants --only \(kill.mutant)" }
  return "replay-group \(schedule.arguments.joined(separator: " ")) --mutant \(kill.mutant)"
}

private func line(_ kill: GroupMutantKill) -> String {
  let name = padded("\(kill.mutant)", 40) + padded("rule \(kill.mutant.rule)", 14)
  let figures = kill.figures.isEmpty ? "" : "; " + kill.figures
  guard let violation = kill.violation else { return name + "ALIVE after \(kill.schedules) schedules" + figures }
  return name + padded("seed \(kill.schedule!.seed)", 14) + padded(violation, 26) + replay(kill) + figures
}

private func json(_ kill: GroupMutantKill) -> String {
  let seed = kill.schedule.map { "\($0.seed)" } ?? "null"
  return "{\"name\":\"\(kill.mutant)\",\"rule\":\"\(kill.mutant.rule)\",\"killed\":\(kill.violation != nil),"
    + "\"firstSeed\":\(seed),\"schedules\":\(kill.schedules),\"violation\":\"\(kill.violation ?? "")\","
    + "\"scenario\":\"\",\"replay\":\"\(replay(kill))\"}"
}

func replayGroupMutant(_ name: String, _ arguments: Arguments) throws(Arguments.Failure) -> Int32 {
  guard let mutant = Mutant.allCases.first(where: { "\($0)" == name }) else {
    throw Arguments.Failure(message: "unknown mutant \(name)")
  }
  let (seed, members) = try arguments.seedAndMembers()
  let meters = try arguments.integer("meters", default: 4)
  let profile = arguments.values["profile"].flatMap { Profile(rawValue: $0) }
  var schedule = GroupSchedule(seed: seed, members: members ?? 4, metersPerSet: meters, profile: profile ?? .guided)
  schedule.scenario = arguments.values["scenario"].flatMap { GroupScenario(rawValue: $0) }
  schedule.absencePeriods = try arguments.integer("absence", default: schedule.absencePeriods)
  schedule.faultLimit = try arguments.integer("fault-limit", default: .max)
  schedule.withoutFaults = try arguments.without()
  Mutant.planted = mutant
  let world = GroupWorld(members: schedule.members, metersPerSet: meters)
  if arguments.flags.contains("trace") { world.trace = { printLine($0) } }
  let outcome = world.run(schedule)
  printLine(outcome.violation.map { "\($0.rawValue) \(outcome.detail)" } ?? "no violation")
  return outcome.violation == nil ? 0 : 1
}
