import MutantConsensus
import MutantSimulator

func mutantsVerb(_ words: ArraySlice<String>) throws(Arguments.Failure) -> Int32 {
  let arguments = try Arguments(words, values: ["only", "limit", "group-limit"], flags: ["core", "json"])
  let limit = try arguments.integer("limit", default: 1_000_000)
  let isJSON = arguments.flags.contains("json")
  let groupLimit = try arguments.integer("group-limit", default: 2000)
  var kills: [MutantKill] = []
  var groups: [Hunted] = []
  var ofUnitTests = 0
  var hunt = MutantHunt()
  for mutant in Mutant.allCases where mutant != .none {
    if let only = arguments.values["only"], only != "\(mutant)" { continue }
    if mutant.isOfUnitTests, arguments.values["only"] == nil {
      ofUnitTests += 1
      continue
    }
    if mutant.isOfGroups {
      if arguments.flags.contains("core") { continue }
      let hunted = huntGroups(mutant, upTo: groupLimit)
      groups.append(hunted)
      if !isJSON { printLine(hunted.line) }
      continue
    }
    let kill = hunt.hunt(mutant, upTo: limit)
    kills.append(kill)
    if !isJSON { printLine(line(kill)) }
  }
  let survivors = kills.filter { $0.violation == nil }.count + groups.filter { !$0.isKilled }.count
  let total = kills.count + groups.count
  let counts =
    (kills.filter { $0.violation != nil && $0.scenario == nil }.map { $0.schedules }
    + groups.filter { $0.isKilled }.map { $0.schedules }).sorted()
  if isJSON {
    printLine("[" + (kills.map(json) + groups.map { $0.json }).joined(separator: ",\n ") + "]")
  } else {
    printLine(
      "\(total) mutants, \(total - survivors) killed, \(survivors) alive; "
        + "median first kill within \(counts.isEmpty ? 0 : counts[counts.count / 2]) schedules"
        + (ofUnitTests == 0 ? "" : "; \(ofUnitTests) more are for unit tests (make unit-mutants)"))
  }
  return survivors == 0 && total > 0 ? 0 : 1
}

/// What came of one hunt with whole groups.
struct Hunted {
  let isKilled: Bool
  let schedules: Int
  let line: String
  let json: String
}

private func replay(_ kill: MutantKill) -> String {
  guard let schedule = kill.schedule else { return "" }
  return "replay \(schedule.arguments.joined(separator: " ")) --mutant \(kill.mutant)"
}

func padded(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(1, width - text.count))
}

private func line(_ kill: MutantKill) -> String {
  let name = padded("\(kill.mutant)", 40) + padded("rule \(kill.rule)", 14)
  if let scenario = kill.scenario {
    return name + (kill.violation == nil ? "ALIVE after " : "killed by scenario ") + scenario
  }
  guard let violation = kill.violation else { return name + "ALIVE after \(kill.schedules) schedules" }
  return name + padded("seed \(kill.schedule!.seed)", 14) + padded(violation, 26) + replay(kill)
}

private func json(_ kill: MutantKill) -> String {
  let seed = kill.schedule.map { "\($0.seed)" } ?? "null"
  return "{\"name\":\"\(kill.mutant)\",\"rule\":\"\(kill.rule)\",\"killed\":\(kill.violation != nil),"
    + "\"firstSeed\":\(seed),\"schedules\":\(kill.schedules),\"violation\":\"\(kill.violation ?? "")\","
    + "\"scenario\":\"\(kill.scenario ?? "")\",\"replay\":\"\(replay(kill))\"}"
}

func replayMutant(_ name: String, _ arguments: Arguments) throws(Arguments.Failure) -> Int32 {
  guard let mutant = Mutant.allCases.first(where: { "\($0)" == name }) else {
    throw Arguments.Failure(message: "unknown mutant \(name)")
  }
  let (seed, members) = try arguments.seedAndMembers()
  let profile = arguments.values["profile"].flatMap { Profile(rawValue: $0) }
  var schedule =
    members.map { Schedule(seed: seed, members: $0, profile: profile ?? .guided) }
    ?? Campaign(members: 4...7, profile: profile).schedule(seed)
  schedule.usesEd25519 = arguments.flags.contains("real-crypto")
  schedule.faultLimit = try arguments.integer("fault-limit", default: .max)
  schedule.withoutFaults = try arguments.without()
  Mutant.planted = mutant
  let world = World(members: schedule.members, usesEd25519: schedule.usesEd25519)
  if arguments.flags.contains("trace") { world.trace = { printLine($0) } }
  let outcome = world.run(schedule)
  printLine(outcome.violation.map { "\($0.rawValue) \(outcome.detail)" } ?? "no violation")
  return outcome.violation == nil ? 0 : 1
}
