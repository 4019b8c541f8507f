import Simulator

/// Whole groups: the real nodes of every role, with real signatures, seals and encryption.
func groupsVerb(_ words: ArraySlice<String>) throws(Arguments.Failure) -> Int32 {
  let arguments = try Arguments(
    words, values: ["schedules", "from", "members", "replicas", "meters", "profile"], flags: ["json", "all"])
  let count = try arguments.integer("schedules", default: 1000)
  let from = UInt64(try arguments.integer("from", default: 0))
  var campaign = GroupCampaign(
    members: try arguments.members(default: 4...7), metersPerSet: try arguments.integer("meters", default: 4),
    profile: try arguments.profile())
  let clock = ContinuousClock()
  let start = clock.now
  var waits = ""
  if from == 0 {
    for members in campaign.members {
      for scenario in GroupScenario.allCases {
        let outcome = campaign.run(scenario, members)
        if let violation = outcome.violation {
          printDiagnostic("\(scenario.rawValue), n = \(members): \(violation.rawValue) \(outcome.detail)")
        }
        guard scenario == .ignoredMeter else { continue }
        waits += (waits.isEmpty ? "" : ", ") + "\(outcome.longestWait) for n = \(members)"
      }
    }
  }
  for seed in from..<(from + UInt64(count)) {
    let outcome = campaign.run(seed)
    if arguments.flags.contains("all"), let violation = outcome.violation {
      printDiagnostic("seed \(seed): \(violation.rawValue) \(outcome.detail)")
    }
  }
  let seconds = (clock.now - start).inSeconds
  if arguments.flags.contains("json") { printLine(json(campaign, seconds)) } else { report(campaign, seconds) }
  if !waits.isEmpty, !arguments.flags.contains("json") {
    printLine("a meter that f members ignore is certified within so many periods: \(waits)")
  }
  guard let (schedule, outcome) = campaign.firstFailure else { return 0 }
  printDiagnostic("first failure: \(outcome.violation!.rawValue) \(outcome.detail); \(outcome.faults) faults")
  printDiagnostic("replay with: busbar-sim replay-group \(schedule.arguments.joined(separator: " ")) --trace")
  return 1
}

private func report(_ campaign: GroupCampaign, _ seconds: Double) {
  printLine(
    """
    \(campaign.schedules) schedules, whole groups, n = \(campaign.members.lowerBound)…\(campaign.members.upperBound): \
    \(campaign.verdicts)
    \(campaign.lostWattHours) Wh lost, \(campaign.doubledWattHours) Wh doubled; \(campaign.certificates) positions decided, \
    \(campaign.decidedLater) of them after a round change, \(campaign.decidedInLaterPeriod) in a later period; \
    \(campaign.accused) accusations agreed
    \(campaign.periods) periods, \(campaign.outagePeriods) of them in outages, the longest of \(campaign.longestOutage); \
    \(campaign.disksLost) disks lost in turn, journals read again \(campaign.rereads) times, \(campaign.syncs) syncs and \(campaign.snapshots) snapshots of them; \
    \(campaign.idleMessages) messages in \(campaign.idlePeriods) idle periods
    \(campaign.packets) datagrams, \(campaign.faults) faults; \
    all energy certified at most \(Double(campaign.longestHealingTenths) / 10) periods after healing
    \(Int(Double(campaign.packets) / seconds)) datagrams a second, \
    \(Int(10 * Double(campaign.schedules) / seconds)) schedules in ten seconds
    """)
}

private func json(_ campaign: GroupCampaign, _ seconds: Double) -> String {
  let failure =
    campaign.firstFailure.map { "\"\($0.schedule.arguments.joined(separator: " "))\"" } ?? "null"
  return
    "{\"schedules\":\(campaign.schedules),\"steps\":\(campaign.packets),\"unsafe\":\(campaign.verdicts.unsafe),"
    + "\"stuck\":\(campaign.verdicts.stuck),\"lostWattHours\":\(campaign.lostWattHours),"
    + "\"doubledWattHours\":\(campaign.doubledWattHours),\"wronglyConvicted\":\(campaign.verdicts.wronglyConvicted),"
    + "\"periods\":\(campaign.periods),\"outagePeriods\":\(campaign.outagePeriods),"
    + "\"idleMessages\":\(campaign.idleMessages),\"stepsPerSecond\":\(Int(Double(campaign.packets) / seconds)),"
    + "\"schedulesPerSecond\":\(Int(Double(campaign.schedules) / seconds)),\"firstFailure\":\(failure)}"
}

extension Arguments {
  func scenario() throws(Failure) -> GroupScenario? {
    guard let text = values["scenario"] else { return nil }
    guard let scenario = GroupScenario(rawValue: text) else { throw Failure(message: "unknown scenario \(text)") }
    return scenario
  }
}

func replayGroupVerb(_ words: ArraySlice<String>) throws(Arguments.Failure) -> Int32 {
  let arguments = try Arguments(
    words,
    values: [
      "seed", "members", "replicas", "meters", "profile", "fault-limit", "without", "mutant", "scenario", "absence",
    ],
    flags: ["trace"])
  if let name = arguments.values["mutant"] { return try replayGroupMutant(name, arguments) }
  let (seed, members) = try arguments.seedAndMembers()
  let meters = try arguments.integer("meters", default: 4)
  var schedule = GroupCampaign(members: 4...7, metersPerSet: meters, profile: try arguments.profile()).schedule(seed)
  if let members {
    schedule = GroupSchedule(
      seed: seed, members: members, metersPerSet: meters, profile: try arguments.profile() ?? .guided)
  }
  schedule.scenario = try arguments.scenario()
  schedule.absencePeriods = try arguments.integer("absence", default: schedule.absencePeriods)
  schedule.faultLimit = try arguments.integer("fault-limit", default: .max)
  schedule.withoutFaults = try arguments.without()
  let world = GroupWorld(members: schedule.members, metersPerSet: schedule.metersPerSet)
  if arguments.flags.contains("trace") { world.trace = { printLine($0) } }
  let outcome = world.run(schedule)
  printLine(outcome.violation.map { "\($0.rawValue) \(outcome.detail)" } ?? "no violation")
  return outcome.violation == nil ? 0 : 1
}
