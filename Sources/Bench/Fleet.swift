import Aggregation
import Commands
import HAL
import LinuxPlatform
import NodeProcess

/// A whole group in real time on loopback: every aggregator and the bookkeeper a process of its own, all meters in one more.
struct Fleet {
  let options: FleetOptions
  private let clock = LinuxClock()
  private var members: [FleetMember] = []

  init(_ options: FleetOptions) { self.options = options }

  private var period: UInt64 { options.seconds * 1000 }
  private var wallMilliseconds: UInt64 { clock.wall().nanoseconds / 1_000_000 }
  private func say(_ text: String) { if !options.json { printLine(text) } }

  mutating func run() throws(Failure) {
    ThisProcess.catchTermination()
    let genesis = try makeGroup()
    var report = FleetReport(options, genesis)
    do throws(Failure) {
      for index in 1...options.aggregators { try startNode("aggregator-\(index)") }
      try startNode("bookkeeper-1")
      try start(FleetMember.metersName, [ThisProcess.executablePath, "simulate-meters", "--folder", options.folder])
      try follow(&report, genesis)
    } catch {
      stop()
      throw error
    }
    let found = members
    stop()
    try report.conclude(found)
  }

  private func makeGroup() throws(Failure) -> Genesis {
    let basePort = 30_000 + Int(clock.wall().nanoseconds / 1_000_000_000 % 40) * 50
    let text =
      "[group]\naggregators = \(options.aggregators)\nmetersPerSet = \(options.metersPerSet)\n"
      + "minimumContributors = \(min(5, options.metersPerSet))\nperiodSeconds = \(options.seconds)\n"
      + "modulusBits = \(options.bits)\n[network]\nhost = 127.0.0.1\nbasePort = \(basePort)\nclock = trusted\n"
      + "[meter]\nbus = \(options.folder)/bus\n"
    say(
      "making keys of \(options.aggregators) aggregators and \(options.aggregators * options.metersPerSet) meters in "
        + options.folder)
    try provision(Array(text.utf8))
    return try loadGenesis("\(options.folder)/genesis.bin")
  }

  /// Has `busbar provision` make the group, of a file beside the folder that is not there yet.
  private func provision(_ topology: [UInt8]) throws(Failure) {
    let (file, log) = (options.folder + ".topology.ini", options.folder + ".provision.log")
    defer { for path in [file, log] { try? Files.remove(path) } }
    try writeFile(file, topology)
    let arguments = [programBeside("busbar"), "provision", "--topology", file, "--out", options.folder]
    var process: ChildProcess
    do throws(PlatformError) { process = try ChildProcess(arguments, outputPath: log) } catch {
      throw Failure(log, error)
    }
    while process.isRunning() {
      if ThisProcess.isTerminated { process.terminate() }
      clock.sleep(until: clock.monotonic().adding(milliseconds: 10))
    }
    guard process.exitStatus != 0 else { return }
    if process.exitStatus == 127 { throw Failure("\(arguments[0]) cannot be started") }
    if ThisProcess.isTerminated { throw interruption }
    let told = String(decoding: try readFile(log), as: UTF8.self).split(separator: "\n").last ?? "no group was made"
    throw Failure(String(told.hasPrefix("busbar: ") ? told.dropFirst(8) : told))
  }

  // MARK: Processes

  private mutating func start(_ name: String, _ arguments: [String]) throws(Failure) {
    do throws(PlatformError) {
      let process = try ChildProcess(arguments, outputPath: "\(options.folder)/\(name).log")
      members.append(FleetMember(name: name, process: process))
    } catch { throw Failure(name, error) }
  }

  private mutating func startNode(_ name: String) throws(Failure) {
    try start(name, [programBeside("busbar"), "run", "--config", "\(options.folder)/\(name)/node.ini"])
  }

  private var interruption: Failure { Failure("interrupted: every process was stopped, and nothing was checked") }

  private mutating func checkProcesses() throws(Failure) {
    if ThisProcess.isTerminated { throw interruption }
    for place in members.indices where !members[place].process.isRunning() {
      throw Failure("\(members[place].name) stopped by itself; see \(options.folder)/\(members[place].name).log")
    }
  }

  private mutating func stop() {
    for member in members.reversed() { member.process.terminate() }
    let deadline = clock.monotonic().adding(milliseconds: 5000)
    for place in members.indices {
      while members[place].process.isRunning() {
        if clock.monotonic() > deadline { members[place].process.kill() }
        clock.sleep(until: clock.monotonic().adding(milliseconds: 10))
      }
    }
  }

  // MARK: The periods

  private mutating func follow(_ report: inout FleetReport, _ genesis: Genesis) throws(Failure) {
    let firstEnd = (report.firstPeriod + 1) * period
    let end = (report.lastPeriod + 2) * period
    say(
      "periods of \(options.seconds) s; the first ends in \((max(firstEnd, wallMilliseconds) - wallMilliseconds) / 1000) s"
    )
    var isMeasured = false
    while !report.isComplete || !areMetersSettled(report.lastPeriod) {
      try checkProcesses()
      guard wallMilliseconds < end else { break }
      if !isMeasured, wallMilliseconds + 500 >= firstEnd {
        isMeasured = true
        for place in members.indices { members[place].atStart = try numbers(of: members[place]) }
      }
      try report.look(at: wallMilliseconds, periodMilliseconds: period)
      clock.sleep(until: clock.monotonic().adding(milliseconds: 20))
    }
    for place in members.indices {
      members[place].atEnd = try numbers(of: members[place])
      members[place].residentKilobytes = members[place].process.residentKilobytes()
      members[place].peakKilobytes = members[place].process.peakResidentKilobytes()
    }
    report.settledThrough = settledThrough
  }

  /// The last period of which every meter has seen its own record certified; 0 before.
  private var settledThrough: UInt64 {
    guard let bytes = try? readFile("\(options.folder)/truth/state") else { return 0 }
    return UInt64(String(decoding: bytes, as: UTF8.self).split(separator: "\n").first ?? "") ?? 0
  }

  private func areMetersSettled(_ period: UInt64) -> Bool { settledThrough >= period }

  private func numbers(of member: FleetMember) throws(Failure) -> FleetNumbers {
    var result = FleetNumbers()
    result.cpuMilliseconds = member.process.cpuMilliseconds()
    guard member.name != FleetMember.metersName else { return result }
    let status = try nodeStatus("\(options.folder)/\(member.name)")
    for line in statusLines(status) {
      let words = line.split(separator: " ")
      guard words.count == 2, let value = Int64(words[1]) else { continue }
      switch words[0] {
      case "busbar_sent_bytes_total": result.sentBytes = value
      case "busbar_received_bytes_total": result.receivedBytes = value
      case "busbar_packets_sent_total": result.sentPackets = value
      case "busbar_packets_received_total": result.receivedPackets = value
      default: continue
      }
    }
    return result
  }
}
