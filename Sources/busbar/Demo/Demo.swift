import Aggregation
import Commands
import HAL
import LinuxPlatform
import NodeProcess

/// A little microgrid on loopback: every node a process, houses on a simulated bus, and a check against the truth.
struct Demo {
  static let aggregators = 4
  static let metersPerSet = 7
  static let meters = aggregators * metersPerSet

  static var nodeNames: [String] {
    (1...aggregators).map { "aggregator-\($0)" } + ["bookkeeper-1"] + (1...meters).map { "meter-\($0)" }
  }

  let options: DemoOptions
  private let clock = LinuxClock()
  private var processes: [(name: String, process: ChildProcess)] = []

  init(_ options: DemoOptions) { self.options = options }

  /// An ARM program under qemu takes about three times as long to sign and encrypt for.
  private var periodSeconds: UInt64 { options.targets.isEmpty ? 4 : 12 }
  private var wallMilliseconds: UInt64 { clock.wall().nanoseconds / 1_000_000 }
  private func say(_ text: String) { if !options.json { printLine(text) } }

  /// - Returns: whether every house agrees, and every sum.
  mutating func run() throws(Failure) -> Bool {
    ThisProcess.catchTermination()
    let genesis = try makeGroup()
    var report = DemoReport(options, genesis)
    do throws(Failure) {
      try start(
        "bus", [ThisProcess.executablePath, "simulate-bus", "--houses", "\(Self.meters)", "--folder", options.folder])
      try waitForBus()
      for name in Self.nodeNames { try startNode(name) }
      try follow(&report)
    } catch {
      stop()
      throw ThisProcess.isTerminated ? interruption : error
    }
    let memory = residentMemory()
    stop()
    return try report.conclude(memory)
  }

  private var interruption: Failure {
    Failure("interrupted: every node was stopped, and nothing was checked; \(options.folder) is left as it is")
  }

  private func makeGroup() throws(Failure) -> Genesis {
    let folder = options.folder
    let text =
      "[group]\naggregators = \(Self.aggregators)\nmetersPerSet = \(Self.metersPerSet)\n"
      + "periodSeconds = \(periodSeconds)\n[network]\nhost = 127.0.0.1\nbasePort = \(basePort)\nclock = trusted\n"
      // Half an hour of energy moves in a period of some seconds.
      + "[meter]\nbus = \(folder)/bus\nratedPowerWatts = \(69_000 * SimulatedBusOptions.defaultClockFactor)\n"
    say("making keys of \(Self.nodeNames.count) nodes in \(folder)")
    var provisioning = Provisioning(
      topology: try loadTopology("\(folder)/topology.ini", Array(text.utf8)), text: Array(text.utf8), folder: folder)
    let genesis = try provisioning.make()
    guard !ThisProcess.isTerminated else { throw interruption }
    return genesis
  }

  /// A base port that two demos started in different seconds seldom share.
  private var basePort: Int { 20000 + Int(clock.wall().nanoseconds / 1_000_000_000 % 400) * 40 }

  // MARK: Processes

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

  private mutating func waitForBus() throws(Failure) {
    let deadline = clock.monotonic().adding(milliseconds: 10000)
    while !Files.exists("\(options.folder)/bus/meter-\(Self.meters - 1)") {
      try checkProcesses(but: nil)
      guard clock.monotonic() < deadline else { throw Failure("the simulated bus did not start in 10 s") }
      clock.sleep(until: clock.monotonic().adding(milliseconds: 20))
    }
  }

  /// - Throws: when one stopped that nobody killed, or when this process is asked to end.
  private mutating func checkProcesses(but killed: String?) throws(Failure) {
    var stopped: String?
    for place in processes.indices where !processes[place].process.isRunning() && processes[place].name != killed {
      stopped = stopped ?? processes[place].name
    }
    // A terminal's Ctrl-C reaches the nodes too, so this comes first.
    if ThisProcess.isTerminated { throw interruption }
    if let stopped { throw Failure("\(stopped) stopped by itself; see \(options.folder)/\(stopped).log") }
  }

  private func residentMemory() -> [(name: String, kilobytes: Int64)] {
    var result: [(name: String, kilobytes: Int64)] = []
    for (name, process) in processes where ["aggregator-4", "meter-28", "bookkeeper-1"].contains(name) {
      let kilobytes = process.residentKilobytes()
      if kilobytes > 0 { result.append((name: name, kilobytes: kilobytes)) }
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

  // MARK: The periods

  /// Waits for the periods to pass, telling of each decision as it is published, and kills who is to be killed.
  private mutating func follow(_ report: inout DemoReport) throws(Failure) {
    let period = periodSeconds * 1000
    let faultMoment = (report.faultPeriod + 1) * period - period / 2
    // Each set's last period may need most of the next one, with a round change all of it; then the proofs travel to the
    // meters. A meter that was away needs a record of its own for what it missed.
    let spare: UInt64 = options.pause != nil || options.wipe != nil ? 6 : options.kill != nil ? 3 : 2
    let end = (report.lastPeriod + spare) * period
    let firstEnd = (report.firstPeriod + 1) * period
    say(
      "periods of \(periodSeconds) s; the first ends in \((max(firstEnd, wallMilliseconds) - wallMilliseconds) / 1000) s"
    )
    var killed: String?
    var returns: UInt64?
    var nextLook = clock.monotonic()
    while wallMilliseconds < end {
      try checkProcesses(but: killed)
      if let name = options.kill, killed == nil, wallMilliseconds >= faultMoment {
        killed = name
        for (other, process) in processes where other == name { process.kill() }
        say("period \(report.faultPeriod)  killed \(name)")
      }
      if let name = options.pause ?? options.wipe, returns == nil, wallMilliseconds >= faultMoment,
        try mayStrike(name, report)
      {
        returns = wallMilliseconds + (options.pause != nil ? period * 3 / 2 : period / 2)
        try strike(name, &report)
      }
      if let name = options.pause ?? options.wipe, let moment = returns, wallMilliseconds >= moment {
        returns = .max
        if options.wipe != nil { try startNode(name) }
        for (other, process) in processes where other == name { process.resume() }
        say("\(name) goes on")
      }
      try report.look(at: wallMilliseconds, periodMilliseconds: period)
      if report.isComplete, clock.monotonic() >= nextLook {
        if try report.metersAreSettled() { return }
        nextLook = clock.monotonic().adding(milliseconds: 200)
      }
      clock.sleep(until: clock.monotonic().adding(milliseconds: 20))
    }
  }

  /// In the second period a meter is wiped as soon as its first record is certified: before, nobody but its disk knows what
  /// it counted. One that is wiped in the first period begins anew, and is reckoned from there.
  private func mayStrike(_ name: String, _ report: DemoReport) throws(Failure) -> Bool {
    guard options.wipe != nil, options.faultPeriod > 1, let house = Self.house(name) else { return true }
    return try report.isCertifiedOnce(house)
  }

  private static func house(_ name: String) -> Int? {
    guard name.hasPrefix("meter-"), let number = Int(name.dropFirst(6)) else { return nil }
    return number - 1
  }

  /// Pauses a node, or kills it and takes its journal away.
  private mutating func strike(_ name: String, _ report: inout DemoReport) throws(Failure) {
    if options.pause != nil {
      for (other, process) in processes where other == name { process.pause() }
      return say("period \(report.faultPeriod)  paused \(name)")
    }
    if let house = Self.house(name), options.faultPeriod > 1 { try report.noteActivation(of: house) }
    for place in processes.indices where processes[place].name == name {
      processes[place].process.kill()
      while processes[place].process.isRunning() { clock.sleep(until: clock.monotonic().adding(milliseconds: 5)) }
    }
    processes.removeAll { $0.name == name }
    do throws(PlatformError) {
      try Files.remove("\(options.folder)/\(name)/journal")
    } catch { throw Failure(name, error) }
    say("period \(report.faultPeriod)  wiped \(name)")
    if Self.house(name) != nil, options.faultPeriod == 1 {
      say("\(name) begins anew: what it counted so far was known to its disk alone")
    }
  }
}

/// `busbar demo`.
/// - Returns: the exit code.
func runDemo(_ arguments: Arguments) throws(Failure) -> Int32 {
  var demo = Demo(try DemoOptions(arguments))
  return try demo.run() ? 0 : 1
}
