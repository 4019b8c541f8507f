import HAL
import LinuxPlatform
import Wire

struct DemoOptions {
  var folder = "demo-data"
  var periods: UInt64 = 5
  var json = false
  var kill: String?
  var killPeriod: UInt64 = 0
  /// Of armv6, armv7, arm64: meters 1–4 run as the first 32-bit one, aggregator-1 as arm64, under qemu.
  var targets: [String] = []
}

/// A little microgrid on loopback: every node a process, houses on a simulated bus, and a check against the truth.
struct Demo {
  static let aggregators = 4
  static let metersPerSet = 7
  static let clockFactor = 450

  let options: DemoOptions
  private let clock = LinuxClock()
  private var processes: [(name: String, process: ChildProcess)] = []

  init(_ options: DemoOptions) { self.options = options }

  var periodSeconds: UInt64 { options.targets.isEmpty ? 4 : 12 }

  mutating func run() throws(Failure) -> Bool {
    ThisProcess.catchTermination()
    let folder = options.folder
    guard !Files.exists(folder) else { throw Failure("\(folder) exists; name a fresh folder with --data") }
    try makeFolder(folder)
    let topology =
      "[group]\naggregators = \(Self.aggregators)\nmetersPerSet = \(Self.metersPerSet)\nperiodSeconds = \(periodSeconds)\n"
      + "[network]\nhost = 127.0.0.1\nbasePort = \(basePort)\nclock = trusted\n[meter]\nbus = \(folder)/bus\n"
    try writeFile("\(folder)/topology.ini", Array(topology.utf8))
    say("provisioning keys into \(folder)")
    try provision(topology: "\(folder)/topology.ini", into: folder)
    let genesis = try loadGenesis("\(folder)/genesis.bin")
    do throws(Failure) {
      try start("bus", [ThisProcess.executablePath, "simulate-bus", "--houses", "28", "--folder", folder])
      try waitForBus()
      for index in 1...Self.aggregators { try startNode("aggregator-\(index)") }
      try startNode("bookkeeper-1")
      for index in 1...(Self.aggregators * Self.metersPerSet) { try startNode("meter-\(index)") }
      try follow(first: genesis.firstPeriod.rawValue, members: UInt64(genesis.members))
    } catch {
      stop()
      throw error
    }
    let memory = residentMemory()
    stop()
    let agrees = try conclude(memory)
    return agrees
  }

  /// A base port that two demos started in different seconds seldom share.
  private var basePort: Int { 20000 + Int(clock.wall().nanoseconds / 1_000_000_000 % 400) * 40 }

  private func say(_ text: String) { if !options.json { printLine(text) } }

  private mutating func start(_ name: String, _ arguments: [String]) throws(Failure) {
    do throws(PlatformError) {
      processes.append((name, try ChildProcess(arguments, outputPath: "\(options.folder)/\(name).log")))
    } catch { throw Failure(name, error) }
  }

  private mutating func startNode(_ name: String) throws(Failure) {
    var program = [ThisProcess.executablePath]
    if let target = target(of: name) { program = ["Toolchain/run", target, "--", "build/\(target)/busbar"] }
    try start(name, program + ["run", "--config", "\(options.folder)/\(name)/node.ini"])
  }

  private func target(of name: String) -> String? {
    if name == "aggregator-1", options.targets.contains("arm64") { return "arm64" }
    guard ["meter-1", "meter-2", "meter-3", "meter-4"].contains(name) else { return nil }
    return options.targets.first { $0 != "arm64" }
  }

  private func waitForBus() throws(Failure) {
    let deadline = clock.monotonic().adding(milliseconds: 10000)
    while !Files.exists("\(options.folder)/bus/meter-\(Self.aggregators * Self.metersPerSet - 1)") {
      guard clock.monotonic() < deadline else { throw Failure("the simulated bus did not start") }
      clock.sleep(until: clock.monotonic().adding(milliseconds: 20))
    }
  }

  private func isPublished(_ period: UInt64, _ owner: UInt64) -> Bool {
    let stem = "\(options.folder)/published/\(period)-\(owner)"
    return Files.exists(stem + ".sum") || (Files.exists(stem + ".certificate") && isNull(stem + ".certificate"))
  }

  private func isNull(_ path: String) -> Bool {
    // Byte 8 of a certificate tells a value from NULL. (docs/PROTOCOL.md, Certificate)
    guard let bytes = try? Files.read(path, limit: 1 << 16), bytes.count > 8 else { return false }
    return bytes[8] == 0
  }

  /// Waits for the periods to pass, telling of each sum as it is published.
  private mutating func follow(first: UInt64, members: UInt64) throws(Failure) {
    var latency: [String] = []
    var told: [String] = []
    var killed = false
    let last = first + options.periods - 1
    // Each set's last period may need most of the next one; then the proofs travel to the meters.
    let end = (last + 2) * periodSeconds * 1000
    say(
      "periods of \(periodSeconds) s, the first ends in \(((first + 1) * periodSeconds * 1000 - wallMilliseconds) / 1000) s"
    )
    while wallMilliseconds < end, !ThisProcess.isTerminated {
      for place in processes.indices
      where !processes[place].process.isRunning() && processes[place].name != options.kill {
        throw Failure("\(processes[place].name) stopped by itself; see \(options.folder)/\(processes[place].name).log")
      }
      if let name = options.kill, !killed,
        wallMilliseconds >= (first + options.killPeriod - 1) * periodSeconds * 1000 + periodSeconds * 500
      {
        killed = true
        guard let place = processes.firstIndex(where: { $0.name == name }) else {
          throw Failure("there is no node \(name)", exitCode: 2)
        }
        processes[place].process.kill()
        say("killed \(name) in period \(first + options.killPeriod - 1)")
      }
      for period in first...last {
        for owner in 0..<members where isPublished(period, owner) && !told.contains("\(period)-\(owner)") {
          told.append("\(period)-\(owner)")
          latency.append("\(period)-\(owner) \(wallMilliseconds - (period + 1) * periodSeconds * 1000)")
          say("period \(period) set \(owner): published")
        }
      }
      if told.count == Int(options.periods * members),
        wallMilliseconds > (last + 1) * periodSeconds * 1000 + periodSeconds * 600
      {
        break
      }
      clock.sleep(until: clock.monotonic().adding(milliseconds: 20))
    }
    latencies = latency
    expected = (first, last, members)
  }

  private var latencies: [String] = []
  private var expected: (first: UInt64, last: UInt64, members: UInt64) = (0, 0, 0)
  private var wallMilliseconds: UInt64 { clock.wall().nanoseconds / 1_000_000 }

  private func residentMemory() -> [(String, Int64)] {
    var result: [(String, Int64)] = []
    for (name, process) in processes where ["aggregator-4", "meter-28", "bookkeeper-1"].contains(name) {
      result.append((name, process.residentKilobytes()))
    }
    return result
  }

  private mutating func stop() {
    for (_, process) in processes.reversed() { process.terminate() }
    let deadline = clock.monotonic().adding(milliseconds: 3000)
    for place in processes.indices {
      while processes[place].process.isRunning() {
        if clock.monotonic() > deadline { processes[place].process.kill() }
        clock.sleep(until: clock.monotonic().adding(milliseconds: 10))
      }
    }
  }

  // MARK: The reckoning

  /// Compares what was published with what the houses answered.
  private func conclude(_ memory: [(String, Int64)]) throws(Failure) -> Bool {
    let sums = try verifyFolder(options.folder)
    say("\nperiod      set  decided  contributors  import Wh  export Wh  certificate B  latency ms")
    var published = [[Int64]](repeating: [0, 0], count: Self.aggregators)
    var missing = 0
    for period in expected.first...expected.last {
      for owner in 0..<expected.members {
        let milliseconds = latencies.first { $0.hasPrefix("\(period)-\(owner) ") }?.split(separator: " ").last ?? "-"
        guard let sum = sums.first(where: { $0.period == period && UInt64($0.owner) == owner }) else {
          missing += 1
          say("\(period)    \(owner)    none: no decision reached the bookkeeper; its energy is pending")
          continue
        }
        let values = sum.values.isEmpty ? [0, 0] : sum.values
        let decided = sum.values.isEmpty ? "null" : "value"
        if options.json {
          printLine(
            "{\"event\":\"period\",\"period\":\(period),\"owner\":\(owner),\"decided\":\"\(decided)\","
              + "\"contributors\":\(sum.contributors),\"sumWattHours\":{\"activeEnergyImport\":\(values[0]),"
              + "\"activeEnergyExport\":\(values[1])},\"certificateBytes\":\(sum.certificateBytes),"
              + "\"latencyMilliseconds\":\(milliseconds == "-" ? "null" : String(milliseconds))}")
        } else {
          printLine(
            "\(period)    \(owner)    \(decided)    \(sum.contributors)             \(values[0])       \(values[1])"
              + "       \(sum.certificateBytes)            \(milliseconds)")
        }
      }
    }
    for sum in sums where !sum.values.isEmpty {
      for slot in 0..<2 { published[Int(sum.owner)][slot] += sum.values[slot] }
    }
    return try reckon(published, missing, memory, sums.count)
  }

  /// House by house: what the meter holds as certified and pending against the house's own answers; set by set: what
  /// was published against what its meters hold as certified.
  private func reckon(
    _ published: [[Int64]], _ missing: Int, _ memory: [(String, Int64)], _ sumCount: Int
  ) throws(Failure) -> Bool {
    var certified = [[Int64]](repeating: [0, 0], count: Self.aggregators)
    var pendingMilliwattHours: Int64 = 0
    var consumedMilliwattHours: Int64 = 0
    var agrees = true
    for house in 0..<(Self.aggregators * Self.metersPerSet) {
      let state = try numbers("\(options.folder)/meter-\(house + 1)/state").last ?? []
      let truth = try numbers("\(options.folder)/truth/meter-\(house).txt")
      guard state.count == 8, let first = truth.first, truth.count >= 1, first.count == 3 else {
        agrees = false
        say("meter-\(house + 1): no registers")
        continue
      }
      // The answer at the closing read, as the house itself remembers it.
      let closing = truth.last { $0[1] == state[4] && $0[2] == state[5] }
      let opening = truth.first { $0[1] == state[0] && $0[2] == state[1] }
      guard let closing, let opening else {
        agrees = false
        say("meter-\(house + 1): its registers are not what the house answered")
        continue
      }
      for slot in 0..<2 {
        let consumed = closing[1 + slot] - opening[1 + slot]
        let settled = state[2 + slot] - state[slot]
        let pending = state[4 + slot] - state[2 + slot]
        if settled % 1000 != 0 || settled + pending != consumed || pending < 0 { agrees = false }
        certified[house / Self.metersPerSet][slot] += settled / 1000
        pendingMilliwattHours += pending
        consumedMilliwattHours += consumed
      }
    }
    var certifiedTotal: Int64 = 0
    for owner in 0..<Self.aggregators {
      for slot in 0..<2 {
        certifiedTotal += published[owner][slot]
        if published[owner][slot] != certified[owner][slot] {
          agrees = false
          say(
            "set \(owner) slot \(slot): published \(published[owner][slot]) Wh, its meters say \(certified[owner][slot])"
          )
        }
      }
    }
    if missing > 0, options.kill == nil { agrees = false }
    if sumCount == 0 { agrees = false }
    let pending = consumedMilliwattHours / 1000 - certifiedTotal
    if options.json {
      printLine(
        "{\"event\":\"summary\",\"agrees\":\(agrees),\"certifiedWattHours\":\(certifiedTotal),"
          + "\"pendingWattHours\":\(pending),\"consumedWattHours\":\(consumedMilliwattHours / 1000),"
          + "\"dataFolder\":\"\(options.folder)\"}")
      return agrees
    }
    printLine(
      "\ncertified \(certifiedTotal) Wh + pending \(pending) Wh = consumed \(consumedMilliwattHours / 1000) Wh (import and export)"
    )
    for (name, kilobytes) in memory { printLine("\(name): \(kilobytes) kB resident") }
    if missing > 0 { printLine("\(missing) instances without a decision; their energy is pending, not lost") }
    printLine(agrees ? "every house agrees, and every sum" : "DISAGREEMENT")
    printLine("data is in \(options.folder); inspect it with: busbar verify \(options.folder)")
    return agrees
  }

  private func numbers(_ path: String) throws(Failure) -> [[Int64]] {
    guard Files.exists(path) else { return [] }
    let text = String(decoding: try readFile(path), as: UTF8.self)
    return text.split(separator: "\n").map { line in line.split(separator: " ").compactMap { Int64($0) } }
  }
}
