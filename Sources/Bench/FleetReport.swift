import Aggregation
import Commands
import LinuxPlatform
import NodeProcess
import Units

/// What a fleet's periods came to: each set's decision and its latency, the sums against the registers, and what the
/// processes took.
struct FleetReport {
  let firstPeriod: UInt64
  let lastPeriod: UInt64
  /// The last period of which every meter has seen its own record certified.
  var settledThrough: UInt64 = 0
  private let options: FleetOptions
  private let genesis: Genesis
  private let published: PublishedFolder
  private var instances: [FleetInstance] = []

  init(_ options: FleetOptions, _ genesis: Genesis) {
    self.options = options
    self.genesis = genesis
    published = PublishedFolder("\(options.folder)/published", genesis)
    firstPeriod = genesis.firstPeriod.rawValue
    lastPeriod = firstPeriod + options.periods - 1
    for period in firstPeriod...lastPeriod {
      for owner in 0..<genesis.members { instances.append(FleetInstance(period: period, owner: owner)) }
    }
  }

  private func say(_ text: String) { if !options.json { printLine(text) } }

  /// Notes what was published since the last look. Nothing is checked now: that would take CPU from the nodes.
  mutating func look(at wallMilliseconds: UInt64, periodMilliseconds: UInt64) throws(Failure) {
    for place in instances.indices where instances[place].publishedMilliseconds == nil {
      let instance = instances[place]
      let end = (instance.period + 1) * periodMilliseconds
      guard end <= wallMilliseconds else { return }
      let path = published.stem(Period(instance.period), ReplicaIndex(instance.owner))
      if instance.certifiedMilliseconds == nil, Files.exists(path + ".certificate") {
        instances[place].certifiedMilliseconds = wallMilliseconds - end
      }
      if Files.exists(path + ".sum") {
        instances[place].publishedMilliseconds = wallMilliseconds - end
        say(
          "period \(instance.period)  set \(instance.owner)  sum published after \(wallMilliseconds - end) ms")
      }
    }
  }

  var isComplete: Bool { instances.allSatisfy { $0.publishedMilliseconds != nil } }

  // MARK: The reckoning

  /// Checks every certificate and sum, compares the sums with the registers, and tells what was measured.
  /// - Throws: when anything of it is not as it must be.
  func conclude(_ members: [FleetMember]) throws(Failure) {
    let folder = try verifyFolder(options.folder)
    let decisions = folder.decisions
    var faults = folder.gaps(from: firstPeriod)
    for instance in instances {
      guard let decision = decisions.first(where: { $0.period == instance.period && $0.owner == instance.owner }),
        let values = decision.values
      else {
        faults.append("period \(instance.period), set \(instance.owner): no sum")
        continue
      }
      if decision.contributors != genesis.meterCount(of: ReplicaIndex(instance.owner)) {
        faults.append("period \(instance.period), set \(instance.owner): \(decision.contributors) contributors")
      }
      let expected = try truth(instance)
      if values != expected {
        faults.append("period \(instance.period), set \(instance.owner): \(values) Wh, registers say \(expected) Wh")
      }
    }
    if settledThrough < lastPeriod {
      faults.append("a meter has seen nothing certified behind period \(settledThrough)")
    }
    try tell(members, faults.isEmpty)
    guard faults.isEmpty else { throw Failure("bench fleet: " + faults.joined(separator: "; ")) }
    say("\(instances.count) sums, each of every meter of its set, and each is that of the registers")
  }

  /// Whole watt-hours of a set in a period, from the registers its meters were given: what was counted up to its end less
  /// what was counted before. Activation is the end of the period before the first.
  private func truth(_ instance: FleetInstance) throws(Failure) -> [Int64] {
    let activation = try registers(firstPeriod - 1)
    let before = try registers(instance.period - 1)
    let after = try registers(instance.period)
    let first = Int(instance.owner) * options.metersPerSet
    var result: [Int64] = [0, 0]
    for meter in first..<(first + options.metersPerSet) {
      guard meter < min(activation.count, before.count, after.count) else {
        throw Failure("\(options.folder)/truth: meter \(meter) is missing")
      }
      for slot in 0..<2 {
        let start = activation[meter][slot]
        result[slot] += (after[meter][slot] - start) / 1000 - (before[meter][slot] - start) / 1000
      }
    }
    return result
  }

  /// Of each meter at the end of a period, mWh: import, export.
  private func registers(_ period: UInt64) throws(Failure) -> [[Int64]] {
    let text = String(decoding: try readFile("\(options.folder)/truth/\(period).txt"), as: UTF8.self)
    var result: [[Int64]] = []
    for line in text.split(separator: "\n") {
      let numbers = line.split(separator: " ").compactMap { Int64($0) }
      guard numbers.count == 3, numbers[0] == Int64(result.count) else {
        throw Failure("\(options.folder)/truth/\(period).txt: not a line of registers: \(line)")
      }
      result.append(Array(numbers[1...]))
    }
    return result
  }

  // MARK: What it took

  private func tell(_ members: [FleetMember], _ agrees: Bool) throws(Failure) {
    let latencies = instances.compactMap { $0.publishedMilliseconds }.sorted()
    let text = json(members, latencies, agrees)
    if let path = options.report { try writeFile(path, Array((text + "\n").utf8)) }
    guard !options.json else { return printLine(text) }
    printLine(
      "\n\(options.periods) periods of \(options.seconds) s, \(options.aggregators) aggregators with "
        + "\(options.metersPerSet) meters each, \(options.bits) bits; per period:")
    printLine(
      padded("process", 16)
        + ["CPU ms", "sent B", "received B", "packets", "resident KiB", "peak KiB"].map { aligned($0, 14) }.joined())
    let periods = Int64(options.periods)
    for member in members {
      let used = used(member)
      let bytes =
        member.name.hasPrefix(FleetMember.metersName)
        ? ["-", "-", "-"]
        : [used.sentBytes, used.receivedBytes, used.sentPackets + used.receivedPackets].map { "\($0 / periods)" }
      let row =
        ["\(used.cpuMilliseconds / periods)"] + bytes + ["\(member.residentKilobytes)", "\(member.peakKilobytes)"]
      printLine(padded(member.name, 16) + row.map { aligned($0, 14) }.joined())
    }
    if let least = latencies.first, let most = latencies.last {
      printLine(
        "from the end of a period to the published sum of a set: \(least) ms at least, "
          + "\(latencies[latencies.count / 2]) ms in the middle, \(most) ms at most")
    }
  }

  private func used(_ member: FleetMember) -> FleetNumbers {
    FleetNumbers(
      cpuMilliseconds: member.atEnd.cpuMilliseconds - member.atStart.cpuMilliseconds,
      sentBytes: member.atEnd.sentBytes - member.atStart.sentBytes,
      receivedBytes: member.atEnd.receivedBytes - member.atStart.receivedBytes,
      sentPackets: member.atEnd.sentPackets - member.atStart.sentPackets,
      receivedPackets: member.atEnd.receivedPackets - member.atStart.receivedPackets)
  }

  private func json(_ members: [FleetMember], _ latencies: [UInt64], _ agrees: Bool) -> String {
    let processes = members.map { (member) -> String in
      let used = used(member)
      return
        "{\"name\":\"\(member.name)\",\"cpuMilliseconds\":\(used.cpuMilliseconds),\"sentBytes\":\(used.sentBytes),"
        + "\"receivedBytes\":\(used.receivedBytes),\"sentPackets\":\(used.sentPackets),"
        + "\"receivedPackets\":\(used.receivedPackets),\"residentKilobytes\":\(member.residentKilobytes),"
        + "\"residentPeakKilobytes\":\(member.peakKilobytes)}"
    }
    return
      "{\"aggregators\":\(options.aggregators),\"metersPerSet\":\(options.metersPerSet),\"bits\":\(options.bits),"
      + "\"periodSeconds\":\(options.seconds),\"periods\":\(options.periods),\"agrees\":\(agrees),"
      + "\"publishedMilliseconds\":[\(latencies.map { "\($0)" }.joined(separator: ","))],"
      + "\"certifiedMilliseconds\":["
      + instances.compactMap { $0.certifiedMilliseconds }.map { "\($0)" }.joined(separator: ",")
      + "],\"processes\":[\(processes.joined(separator: ","))]}"
  }
}

/// One set in one period.
private struct FleetInstance {
  let period: UInt64
  let owner: UInt16
  /// From the end of the period until the files were seen; looked for every 20 ms.
  var certifiedMilliseconds: UInt64?
  var publishedMilliseconds: UInt64?

}
