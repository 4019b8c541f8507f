import Simulator

func runVerb(_ words: ArraySlice<String>) throws(Arguments.Failure) -> Int32 {
  let arguments = try Arguments(
    words, values: ["schedules", "seeds", "from", "members", "replicas", "profile"],
    flags: ["real-crypto", "json", "too-many-liars"])
  let count = try arguments.integer("schedules", default: try arguments.integer("seeds", default: 10000))
  let from = UInt64(try arguments.integer("from", default: 0))
  var campaign = Campaign(
    members: try arguments.members(default: 4...7), profile: try arguments.profile(),
    usesEd25519: arguments.flags.contains("real-crypto"))
  campaign.hasTooManyLiars = arguments.flags.contains("too-many-liars")
  let clock = ContinuousClock()
  let start = clock.now
  for seed in from..<(from + UInt64(count)) { campaign.run(seed) }
  let seconds = (clock.now - start).inSeconds
  if arguments.flags.contains("json") { printLine(json(campaign, seconds)) } else { report(campaign, seconds) }
  guard let (schedule, outcome) = campaign.firstFailure else {
    guard campaign.hasTooManyLiars, campaign.forks == 0 else { return 0 }
    printDiagnostic("nobody came to two decisions, so nothing was shown")
    return 1
  }
  var shrinker = Shrinker(campaign.world(schedule.members), outcome.violation!)
  let small = shrinker.shrink(schedule)
  let after = campaign.world(schedule.members).run(small)
  printDiagnostic(
    "first failure: \(outcome.violation!.rawValue) \(outcome.detail); \(outcome.faults) faults, shrunk to \(after.faults)"
  )
  printDiagnostic("replay with: busbar-sim replay \(small.arguments.joined(separator: " ")) --trace")
  return 1
}

private func report(_ campaign: Campaign, _ seconds: Double) {
  printLine(
    """
    \(campaign.schedules) schedules, n = \(campaign.members.lowerBound)…\(campaign.members.upperBound): \
    \(campaign.verdicts)
    \(campaign.steps) steps (median \(campaign.medianSteps) a schedule), \(campaign.faults) faults; \
    highest view \(campaign.highestView); \(campaign.decidedLater) decided after a round change, \
    \(campaign.decidedInLaterPeriod) in a later period, \(campaign.decidedEarlierValue) a value prepared before
    after healing: median \(campaign.healing(quantile: 0.5)), 99.9 % \(campaign.healing(quantile: 0.999)), \
    longest \(campaign.healing(quantile: 1)) T0; at most \(campaign.highestViewsAfterHealing) views of a period
    \(Int(Double(campaign.steps) / seconds)) steps a second, \(Int(Double(campaign.schedules) / seconds)) schedules a second
    """)
  for failure in campaign.failures {
    let seeds = failure.seeds.map { "\($0)" }.joined(separator: ", ")
    printLine("\(failure.violation.rawValue): \(failure.count), first of seeds \(seeds)")
  }
  if campaign.hasTooManyLiars {
    printLine(
      "f + 1 to 2f liars came to two decisions \(campaign.forks) times; at least "
        + "\(campaign.forks == 0 ? 0 : campaign.fewestNamed) of them were named each time")
  }
}

private func json(_ campaign: Campaign, _ seconds: Double) -> String {
  let failure =
    campaign.firstFailure.map { "\"\($0.schedule.arguments.joined(separator: " "))\"" } ?? "null"
  return
    "{\"schedules\":\(campaign.schedules),\"steps\":\(campaign.steps),\"unsafe\":\(campaign.verdicts.unsafe),"
    + "\"stuck\":\(campaign.verdicts.stuck),\"wronglyConvicted\":\(campaign.verdicts.wronglyConvicted),"
    + "\"viewsMax\":\(campaign.highestView),\"stepsPerSecond\":\(Int(Double(campaign.steps) / seconds)),"
    + "\"schedulesPerSecond\":\(Int(Double(campaign.schedules) / seconds)),\"medianSteps\":\(campaign.medianSteps),"
    + "\"viewsAfterHealingMax\":\(campaign.highestViewsAfterHealing),\"forks\":\(campaign.forks),"
    + "\"healedMaximumT0\":\(campaign.healing(quantile: 1)),\"firstFailure\":\(failure)}"
}

func replayVerb(_ words: ArraySlice<String>) throws(Arguments.Failure) -> Int32 {
  let arguments = try Arguments(
    words, values: ["seed", "members", "replicas", "profile", "mutant", "fault-limit", "without"],
    flags: ["real-crypto", "trace", "too-many-liars"])
  if let name = arguments.values["mutant"] { return try replayMutant(name, arguments) }
  let schedule = try arguments.schedule()
  let world = World(members: schedule.members, usesEd25519: schedule.usesEd25519)
  if arguments.flags.contains("trace") { world.trace = { printLine($0) } }
  let outcome = world.run(schedule)
  printLine(outcome.violation.map { "\($0.rawValue) \(outcome.detail)" } ?? "no violation")
  return outcome.violation == nil ? 0 : 1
}

extension Arguments {
  func profile() throws(Failure) -> Profile? {
    guard let text = values["profile"] else { return nil }
    guard let profile = Profile(rawValue: text) else { throw Failure(message: "unknown profile \(text)") }
    return profile
  }

  fileprivate func schedule() throws(Failure) -> Schedule {
    let (seed, members) = try seedAndMembers()
    var schedule: Schedule
    if let members {
      schedule = Schedule(seed: seed, members: members, profile: try profile() ?? .guided)
    } else {
      schedule = Campaign(members: 4...7, profile: try profile()).schedule(seed)
    }
    schedule.usesEd25519 = flags.contains("real-crypto")
    schedule.hasTooManyLiars = flags.contains("too-many-liars")
    schedule.faultLimit = try integer("fault-limit", default: .max)
    schedule.withoutFaults = try without()
    return schedule
  }

  func seedAndMembers() throws(Failure) -> (UInt64, Int?) {
    guard let text = plain.first ?? values["seed"], let seed = UInt64(text) else {
      throw Failure(message: "replay needs a seed")
    }
    guard values["members"] != nil || values["replicas"] != nil else { return (seed, nil) }
    return (seed, try members(default: 4...4).lowerBound)
  }

  func without() throws(Failure) -> Set<Int> {
    guard let text = values["without"] else { return [] }
    let numbers = text.split(separator: ",").map { Int($0) }
    guard !numbers.contains(nil) else { throw Failure(message: "--without \(text) is not a list of numbers") }
    return Set(numbers.compactMap { $0 })
  }
}
