import Aggregation
import Commands
import LinuxPlatform
import Node
import NodeProcess
import Units

/// What a demo tells while it runs, and its reckoning with the houses at the end.
struct DemoReport {
  let firstPeriod: UInt64
  let lastPeriod: UInt64
  /// The period in which a node is killed, paused or wiped, if one is.
  let faultPeriod: UInt64
  /// A wiped meter's registers at activation, which its new journal knows nothing of; nil when it begins anew.
  var lostActivation: [Int64]?
  private let options: DemoOptions
  private let genesis: Genesis
  private let published: PublishedFolder
  private var instances: [DemoInstance] = []
  /// The last period that is counted, set by set.
  private var countedThrough: [UInt64] = []

  init(_ options: DemoOptions, _ genesis: Genesis) {
    self.options = options
    self.genesis = genesis
    published = PublishedFolder("\(options.folder)/published", genesis)
    firstPeriod = genesis.firstPeriod.rawValue
    lastPeriod = firstPeriod + options.periods - 1
    countedThrough = Array(repeating: lastPeriod, count: Int(genesis.members))
    faultPeriod = firstPeriod + options.faultPeriod - 1
    for period in firstPeriod...lastPeriod {
      for owner in 0..<genesis.members { instances.append(DemoInstance(period: period, owner: owner)) }
    }
  }

  private func say(_ text: String) { if !options.json { printLine(text) } }
  /// Where JSON goes to stdout, what is meant for a reader goes to stderr.
  private func note(_ text: String) { options.json ? printDiagnostic(text) : printLine(text) }

  // MARK: Progress

  /// Looks for what was published since the last look. The signatures are checked at once, the sums opened at the end:
  /// a power modulo n² here would delay the next latency.
  mutating func look(at wallMilliseconds: UInt64, periodMilliseconds: UInt64) throws(Failure) {
    for place in instances.indices where !instances[place].isTold {
      let instance = instances[place]
      let end = (instance.period + 1) * periodMilliseconds
      guard end <= wallMilliseconds else { return }
      guard Files.exists(certificatePath(instance)) else {
        // The set's chain may have gone on without this period.
        if isPassed(instance) { instances[place].isTold = true }
        continue
      }
      if instance.latencyMilliseconds == nil { instances[place].latencyMilliseconds = wallMilliseconds - end }
      let decision = try verifyDecision(stem(instance), genesis, openingSum: false)
      guard decision.values != nil else { continue }
      instances[place].isTold = true
      instances[place].isValue = true
      tell(decision, instances[place].latencyMilliseconds ?? 0)
    }
  }

  private func tell(_ decision: VerifiedDecision, _ latency: UInt64) {
    if options.json {
      printLine(
        "{\"event\":\"period\",\"period\":\(decision.period),\"owner\":\(decision.owner),"
          + "\"position\":\(decision.position),\"contributors\":\(decision.contributors),"
          + "\"sumWattHours\":\(wattHoursAsJSON(decision.values ?? [], genesis)),"
          + "\"certificateBytes\":\(decision.certificateBytes),\"latencyMilliseconds\":\(latency)}")
      return
    }
    let meters = genesis.meterCount(of: ReplicaIndex(decision.owner))
    printLine(
      "period \(decision.period)  set \(decision.owner)  \(decision.contributors)/\(meters) records  "
        + "\(decision.signers)/\(genesis.members) votes  certified after \(aligned("\(latency)", 4)) ms  "
        + wattHours(decision.values ?? [], genesis))
  }

  /// Whether a later period of the same set is certified: positions are decided in order, so this one never will be.
  private func isPassed(_ instance: DemoInstance) -> Bool {
    instances.contains {
      $0.owner == instance.owner && $0.period > instance.period && Files.exists(certificatePath($0))
    }
  }

  private func stem(_ instance: DemoInstance) -> String {
    published.stem(Period(instance.period), ReplicaIndex(instance.owner))
  }
  private func certificatePath(_ instance: DemoInstance) -> String { "\(stem(instance)).certificate" }

  /// True when every decision was told, or cannot come any more.
  var isComplete: Bool { instances.allSatisfy { $0.isTold } }

  /// True when every meter holds its part of its set's last value as certified. A meter that was away may get there in a
  /// later period than the others; its set is then counted through the period in which all of them stand at one point.
  mutating func metersAreSettled() throws(Failure) -> Bool {
    let isLater = options.pause != nil || options.wipe != nil
    for set in 0..<Int(genesis.members) {
      guard let last = instances.last(where: { Int($0.owner) == set && $0.isValue }) else { continue }
      var common: UInt64?
      for house in (set * Demo.metersPerSet)..<((set + 1) * Demo.metersPerSet)
      where "meter-\(house + 1)" != options.kill {
        guard let state = try meterState(house, through: isLater ? .max : lastPeriod),
          state.coveredThrough >= last.period, !isLater || common == nil || common == state.coveredThrough
        else { return false }
        common = state.coveredThrough
      }
      guard isLater, let common, common > lastPeriod else { continue }
      guard Files.exists(published.file(.sum, Period(common), ReplicaIndex(UInt16(set)))) else { return false }
      countedThrough[set] = common
    }
    return true
  }

  private func meterState(_ house: Int, through period: UInt64) throws(Failure) -> MeterState? {
    try MeterState("\(options.folder)/meter-\(house + 1)/journal", genesis, lastPeriod: period)
  }

  /// Whether a record of this house's meter is certified, as far as the meter knows.
  func isCertifiedOnce(_ house: Int) throws(Failure) -> Bool {
    guard let state = try meterState(house, through: .max) else { return false }
    return state.coveredThrough >= firstPeriod
  }

  /// Remembers what a meter's journal is about to lose.
  mutating func noteActivation(of house: Int) throws(Failure) {
    lostActivation = try meterState(house, through: .max)?.activation
  }

  // MARK: The reckoning

  /// Opens every sum, prints the table, and compares what was published with what the houses answered.
  /// - Returns: whether all of it agrees.
  func conclude(_ memory: [(name: String, kilobytes: Int64)]) throws(Failure) -> Bool {
    // The nodes go on until they are stopped.
    let folder = try verifyFolder(options.folder, allowingUnpublishedSums: true)
    var decisions = folder.decisions
    decisions.removeAll { $0.period > countedThrough[Int($0.owner)] }
    printTable(decisions)
    var agrees = explainMissing(decisions)
    // What was certified and is not published shows here, whatever the bookkeeper went through.
    for gap in folder.gaps(from: firstPeriod) {
      agrees = false
      note(gap)
    }
    for one in folder.decisions where one.isUnreadable {
      agrees = false
      note("period \(one.period) set \(one.owner): its total cannot be read")
    }
    let houses = try reckonHouses()
    if !houses.agree { agrees = false }
    if !compare(decisions, houses) { agrees = false }
    var certified: Int64 = 0
    for decision in decisions { for value in decision.values ?? [] { certified += value } }
    if decisions.isEmpty { agrees = false }
    let consumed = houses.consumedMilliwattHours / 1000
    if options.json {
      printLine(
        "{\"event\":\"summary\",\"agrees\":\(agrees),\"certifiedWattHours\":\(certified),"
          + "\"pendingWattHours\":\(consumed - certified),\"consumedWattHours\":\(consumed),"
          + "\"dataFolder\":\"\(jsonEscaped(options.folder))\"}")
      return agrees
    }
    printLine(
      "\ncertified \(certified) Wh + pending \(consumed - certified) Wh = consumed \(consumed) Wh (all quantities)")
    for (name, kilobytes) in memory { printLine("\(name): \(kilobytes) kB resident") }
    printLine(agrees ? "every house agrees, and every sum" : "DISAGREEMENT")
    let stem = instances.first { $0.isTold }.map(stem) ?? "\(published.path)/YYYY-MM-DD/PERIOD-OWNER"
    printLine("\nthe data is in \(options.folder); look at it with")
    printLine("  busbar verify \(options.folder)")
    printLine("  busbar inspect \(options.folder)/genesis.bin")
    printLine(
      "  busbar inspect \(stem).certificate --genesis \(options.folder)/genesis.bin")
    printLine("  busbar inspect \(options.folder)/aggregator-1/journal")
    return agrees
  }

  private func decision(_ instance: DemoInstance, _ decisions: [VerifiedDecision]) -> VerifiedDecision? {
    decisions.first {
      $0.period == instance.period && $0.owner == instance.owner && $0.values != nil
    }
  }

  private func printTable(_ decisions: [VerifiedDecision]) {
    var rows = [["period", "set", "position", "contributors"] + slotNames(genesis).map { "\($0) Wh" }]
    rows[0] += ["certificate B", "latency ms"]
    for instance in instances {
      var row = ["\(instance.period)", "\(instance.owner)"]
      if let decision = decision(instance, decisions) {
        row += ["\(decision.position)", "\(decision.contributors)"]
        row += decision.values?.map { "\($0)" } ?? genesis.slots.map { _ in "-" }
        row += ["\(decision.certificateBytes)", instance.latencyMilliseconds.map { "\($0)" } ?? "-"]
      } else {
        row += ["none"] + Array(repeating: "-", count: 3 + genesis.slots.count)
      }
      rows.append(row)
    }
    say("")
    for row in rows {
      var line = ""
      for column in row.indices {
        let width = rows.map { $0[column].utf8.count }.max() ?? 0
        line += (column == 0 ? "" : "  ") + aligned(row[column], width)
      }
      say(line)
    }
  }

  /// Says which sets have no decision, and why. False when one lacks it for no reason that was given to it.
  private func explainMissing(_ decisions: [VerifiedDecision]) -> Bool {
    var isExplained = true
    for instance in instances where decision(instance, decisions) == nil {
      let reason = reason(instance, decisions)
      if reason == nil { isExplained = false }
      note(
        "period \(instance.period) set \(instance.owner) "
          + (isBookkeeperKilled ? "was not published: " : "did not certify: ") + (reason ?? "no reason is known")
          + "; its energy is pending, not lost")
    }
    return isExplained
  }

  private func reason(_ instance: DemoInstance, _ decisions: [VerifiedDecision]) -> String? {
    if isPassed(instance) { return "its set's chain went on without it" }
    // What was voted on when the node was killed is the period before.
    guard let killed = options.kill, instance.period + 1 >= faultPeriod else { return nil }
    if isBookkeeperKilled { return "\(killed), which decrypts, was killed" }
    return nil
  }

  private var isBookkeeperKilled: Bool { options.kill == "bookkeeper-1" }

  /// House by house: what its meter holds as certified and pending against the house's own answers at the closing reads.
  private func reckonHouses() throws(Failure) -> HouseReckoning {
    var result = HouseReckoning(sets: Int(genesis.members))
    for house in 0..<Demo.meters {
      let name = "meter-\(house + 1)"
      guard let state = try meterState(house, through: countedThrough[house / Demo.metersPerSet]) else {
        result.agree = false
        note("\(name): no registers")
        continue
      }
      let answers = try numbers("\(options.folder)/truth/meter-\(house).txt")
      let activation = name == options.wipe ? lostActivation ?? state.activation : state.activation
      let opening = answers.first { Array($0.dropFirst()) == activation }
      let closing = answers.last { Array($0.dropFirst()) == state.latest }
      guard let opening, let closing else {
        result.agree = false
        note("\(name): its registers are not what the house answered")
        continue
      }
      for slot in 0..<2 {
        let consumed = closing[1 + slot] - opening[1 + slot]
        let certified = state.certified[slot] - activation[slot]
        let pending = state.latest[slot] - state.certified[slot]
        if certified % 1000 != 0 || certified + pending != consumed || pending < 0 {
          result.agree = false
          note("\(name): certified \(certified) mWh + pending \(pending) mWh is not consumed \(consumed) mWh")
        }
        result.certified[house / Demo.metersPerSet][slot] += certified / 1000
        if name == options.kill { result.unknown[house / Demo.metersPerSet][slot] = pending / 1000 }
        result.consumedMilliwattHours += consumed
      }
    }
    return result
  }

  /// Set by set: what was published against what its meters hold as certified. The two are equal; only a killed
  /// bookkeeper may have published less, and of a killed meter its last records may have been certified unseen.
  private func compare(_ decisions: [VerifiedDecision], _ houses: HouseReckoning) -> Bool {
    var agree = true
    for owner in 0..<Int(genesis.members) {
      for slot in 0..<2 {
        var published: Int64 = 0
        for decision in decisions where Int(decision.owner) == owner { published += decision.values?[slot] ?? 0 }
        let certified = houses.certified[owner][slot]
        let least = isBookkeeperKilled ? 0 : certified
        guard published < least || published > certified + houses.unknown[owner][slot] else { continue }
        agree = false
        note(
          "set \(owner) \(slotNames(genesis)[slot]): published \(published) Wh, certified say its meters \(certified) Wh"
        )
      }
    }
    return agree
  }
}

/// One set in one period, as the demo waits for it.
private struct DemoInstance {
  let period: UInt64
  let owner: UInt16
  /// From the end of the period until the bookkeeper's certificate was seen; looked for every 20 ms.
  var latencyMilliseconds: UInt64?
  var isTold = false
  var isValue = false
}

/// What the houses of each set come to, by set and slot.
private struct HouseReckoning {
  var agree = true
  /// Watt-hours.
  var certified: [[Int64]]
  /// Watt-hours that a killed meter may have had certified without knowing.
  var unknown: [[Int64]]
  var consumedMilliwattHours: Int64 = 0

  init(sets: Int) {
    certified = Array(repeating: [0, 0], count: sets)
    unknown = certified
  }
}

/// The whole numbers of each line; none when there is no file.
private func numbers(_ path: String) throws(Failure) -> [[Int64]] {
  guard Files.exists(path) else { return [] }
  let text = String(decoding: try readFile(path), as: UTF8.self)
  return text.split(separator: "\n").map { line in line.split(separator: " ").compactMap { Int64($0) } }
}
