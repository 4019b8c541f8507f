import Packets
import Simulator

/// Whole groups under attack: how much of their work they still do, and what it costs them.
func attacksVerb(_ words: ArraySlice<String>) throws(Arguments.Failure) -> Int32 {
  let arguments = try Arguments(
    words, values: ["members", "replicas", "meters", "groups", "periods", "from", "attack"],
    flags: ["json", "spread", "trace"])
  let members = try arguments.members(default: 4...4)
  guard members.count == 1 else { throw Arguments.Failure(message: "--members takes one number here") }
  let meters = try arguments.integer("meters", default: 4)
  let groups = try arguments.integer("groups", default: 6)
  let periods = try arguments.integer("periods", default: 16)
  let from = UInt64(try arguments.integer("from", default: 0))
  guard meters > 2, members.lowerBound * (1 + meters) + 4 <= 64 else {
    throw Arguments.Failure(
      message: "--meters \(meters) with \(members.lowerBound) members is more than 64 parties, or too few")
  }
  guard groups >= 1, periods >= 3 else {
    throw Arguments.Failure(message: "an attack takes a group at least, and three periods")
  }
  var attacks = Attack.allCases
  if let names = arguments.values["attack"] {
    attacks = []
    for name in names.split(separator: ",", omittingEmptySubsequences: false) {
      guard let attack = Attack(rawValue: String(name)) else {
        throw Arguments.Failure(
          message: "unknown attack \(name); there are \(Attack.allCases.map { $0.rawValue }.joined(separator: ", "))")
      }
      attacks.append(attack)
    }
  }
  let isJSON = arguments.flags.contains("json")
  var campaign = AttackCampaign(members: members.lowerBound, metersPerSet: meters, periods: periods)
  if arguments.flags.contains("trace") { campaign.trace = { printLine($0) } }
  let clock = ContinuousClock()
  let start = clock.now
  var reports: [AttackReport] = []
  if !isJSON { printLine(heading) }
  for (place, attack) in attacks.enumerated() {
    // Other groups for each: the slow ones among a few groups are then not every attack's.
    let first = from + (arguments.flags.contains("spread") ? UInt64(place * groups) : 0)
    let report = campaign.run(attack, seeds: first..<(first + UInt64(groups)))
    reports.append(report)
    if !isJSON { for line in lines(report) { printLine(line) } }
  }
  let seconds = (clock.now - start).inSeconds
  let missed = reports.reduce(0) { $0 + $1.missed.count } + campaign.pooled.filter { $0.isMissed }.count
  if isJSON {
    printLine(
      "{\"members\":\(members.lowerBound),\"metersPerSet\":\(meters),\"groups\":\(groups),\"periods\":\(periods),"
        + "\"schedules\":\(campaign.schedules),\"unsafe\":\(campaign.verdicts.unsafe),\"stuck\":\(campaign.verdicts.stuck),"
        + "\"wronglyConvicted\":\(campaign.verdicts.wronglyConvicted),\"boundsMissed\":\(missed),\"attacks\":["
        + reports.map(json).joined(separator: ",\n ") + "],\"pooled\":["
        + campaign.pooled.map(json).joined(separator: ",") + "]}")
  } else {
    for pool in campaign.pooled {
      printLine(
        "all that are compared with \(pool.baseline.rawValue): p\(pool.percent) of \(pool.count) sets of honest primaries "
          + "\(pool.milliseconds) ms, \(pool.aloneMilliseconds) ms without")
    }
    printLine(
      "\(campaign.schedules) schedules, groups of \(members.lowerBound) under attack: \(campaign.verdicts), "
        + "\(missed) bounds missed; "
        + "\(Int(seconds)) s")
  }
  for report in reports where !report.missed.isEmpty {
    printDiagnostic("\(report.attack.rawValue): missed \(report.missed.joined(separator: ", "))")
  }
  for pool in campaign.pooled where pool.isMissed {
    printDiagnostic("all that are compared with \(pool.baseline.rawValue): missed latency")
  }
  if let (schedule, outcome) = campaign.firstFailure {
    printDiagnostic("first failure: \(outcome.violation!.rawValue) \(outcome.detail)")
    printDiagnostic(
      "replay with: busbar-sim attacks --members \(schedule.members) --meters \(schedule.metersPerSet) --groups 1 "
        + "--periods \(periods) --from \(schedule.seed) --attack \(schedule.siege!.attack.rawValue) --trace")
    return 1
  }
  return missed == 0 ? 0 : 1
}

private let heading =
  "attack               sets  of honest primaries  all      p99 ms  without  all     amplified  reflected   packets"

private func percent(_ share: Double) -> String { "\(Double(Int(share * 1000)) / 10) %" }
private func ratio(_ value: Double) -> String { "\(Double(Int(value * 1000)) / 1000)" }

private func lines(_ report: AttackReport) -> [String] {
  let outcome = report.outcome
  var drops: [String] = []
  for reason in DropReason.allCases where outcome.drops[Int(reason.rawValue)] > 0 {
    drops.append("\(reason.name) \(outcome.drops[Int(reason.rawValue)])")
  }
  var result = [
    padded(report.attack.rawValue, 21) + padded("\(outcome.sets)", 6)
      + padded("\(percent(report.honestCertified)) of \(outcome.honestSets)", 22)
      + padded(percent(report.allCertified), 9)
      + padded("\(report.latency)", 8) + padded("\(report.baselineLatency)", 9) + padded("\(report.latencyOfAll)", 8)
      + padded(ratio(report.amplification), 11) + padded(ratio(report.reflection), 12) + "\(outcome.attackPackets)"
  ]
  if outcome.attackPackets > 0 {
    result.append(
      "  dropped: " + drops.joined(separator: ", ")
        + (outcome.overflowed > 0 ? ", no room \(outcome.overflowed)" : "") + "; backlog \(outcome.longestBacklog) ms")
  }
  return result
}

private func json(_ pool: PooledLatency) -> String {
  "{\"baseline\":\"\(pool.baseline.rawValue)\",\"sets\":\(pool.count),\"percent\":\(pool.percent),"
    + "\"latencyMilliseconds\":\(pool.milliseconds),\"baselineLatencyMilliseconds\":\(pool.aloneMilliseconds)}"
}

private func json(_ report: AttackReport) -> String {
  let outcome = report.outcome
  var drops: [String] = []
  for reason in DropReason.allCases { drops.append("\"\(reason.name)\":\(outcome.drops[Int(reason.rawValue)])") }
  let missed = report.missed.map { "\"\($0)\"" }.joined(separator: ",")
  return
    "{\"attack\":\"\(report.attack.rawValue)\",\"sets\":\(outcome.sets),\"certified\":\(outcome.certifiedSets),"
    + "\"honestSets\":\(outcome.honestSets),\"honestCertified\":\(outcome.certifiedHonestSets),"
    + "\"latencyMilliseconds99\":\(report.latency),\"baselineLatencyMilliseconds99\":\(report.baselineLatency),"
    + "\"latencyOfAllMilliseconds99\":\(report.latencyOfAll),\"sealedBytes\":\(outcome.sealedBytes),"
    + "\"entitledBytes\":\(outcome.entitledBytes),\"servedBytes\":\(outcome.servedBytes),"
    + "\"amplification\":\(ratio(report.amplification)),\"outsiderBytes\":\(outcome.outsiderBytes),"
    + "\"reflectedBytes\":\(outcome.reflectedBytes),\"reflection\":\(ratio(report.reflection)),"
    + "\"attackPackets\":\(outcome.attackPackets),\"overflowed\":\(outcome.overflowed),"
    + "\"longestBacklogMilliseconds\":\(outcome.longestBacklog),\"drops\":{\(drops.joined(separator: ","))},"
    + "\"missed\":[\(missed)]}"
}
