import CLinux
import Commands
import Configuration
import HAL
import LinuxPlatform
import NodeProcess
import SimulatedWorld
import Wire

/// One simulated port with its listeners and what waits to be sent.
private final class BenchPort {
  static let replugMilliseconds: Int64 = 1_000

  let line: ScenarioConfiguration.Line
  let replugSeconds: Int64
  var bus: SimulatedBus
  private var terminal: Pseudoterminal?
  private var listener: TCPListener?
  private(set) var connections: [Int32] = []
  private var outgoing: [(bytes: [UInt8], connection: Int32, at: Int64)] = []
  /// When the plug is pulled or put in next.
  private var nextReplug: Int64
  private var buffer = ByteBuffer(capacity: 512)
  /// What `--port` says to reach it.
  private(set) var name = ""

  init(_ port: ScenarioConfiguration.Port, _ slaves: [SimulatedSlave], now: Int64) throws(PlatformError) {
    line = port.line
    replugSeconds = port.replugSeconds
    nextReplug = port.replugSeconds > 0 ? now + port.replugSeconds * 1_000 : .max
    if case .tcp = port.line { bus = SimulatedBus(.tcp, slaves: slaves) } else { bus = SimulatedBus(slaves: slaves) }
    try plugIn()
  }

  deinit { for connection in connections { busbar_close(connection) } }

  private func plugIn() throws(PlatformError) {
    switch line {
    case .pseudoterminal(let link):
      let new = try Pseudoterminal()
      name = link ?? new.slavePath
      if let link {
        let result = busbar_pty_link(new.slavePath, link)
        if result < 0 { throw PlatformError(.other, code: -result) }
      }
      terminal = consume new
    case .tcp(let endpoint), .rtuOverTCP(let endpoint):
      if listener != nil { return }
      let new = try TCPListener(endpoint)
      let place = Endpoint(address: endpoint.address, port: new.port)
      if case .tcp = line { name = "tcp:\(place)" } else { name = "rtu-tcp:\(place)" }
      listener = consume new
    }
  }

  private func pullOut() {
    terminal = nil
    for connection in connections { busbar_close(connection) }
    connections = []
    outgoing = []
    bus.hangUp()
  }

  /// Pulls the plug and puts it in again when it is time.
  func replug(_ now: Int64) throws(PlatformError) {
    guard now >= nextReplug else { return }
    if terminal != nil || !connections.isEmpty {
      pullOut()
      nextReplug = now + Self.replugMilliseconds
    } else {
      try plugIn()
      nextReplug = now + replugSeconds * 1_000
    }
  }

  var descriptors: [Int32] {
    var result = connections
    if let descriptor = terminal?.descriptor { result.append(descriptor) }
    if let descriptor = listener?.descriptor { result.append(descriptor) }
    return result
  }

  var nextSend: Int64? { outgoing.first?.at }

  /// Takes what has arrived; answers leave when their devices' latency has passed.
  func serve(_ now: Int64, answered: (UInt8, AnsweredCounters) throws(PlatformError) -> Void) throws(PlatformError) {
    accept()
    if terminal != nil {
      buffer.removeAll()
      var failure: PlatformError?
      buffer.append { output in
        do throws(PlatformError) { try terminal?.read(into: &output) } catch { failure = error }
      }
      if let failure { throw failure }
      if buffer.count > 0 { try take(-1, now, answered: answered) }
    }
    for connection in connections {
      let got = busbar_serial_read(connection, buffer.mutableBytes.baseAddress, buffer.capacity)
      if got == -11 { continue }
      if got <= 0 {
        busbar_close(connection)
        connections.removeAll { $0 == connection }
        bus.hangUp()
        continue
      }
      buffer.setCount(Int(got))
      try take(connection, now, answered: answered)
    }
  }

  private func accept() {
    while let connection = listener?.accept() {
      if connections.count < 8 { connections.append(connection) } else { busbar_close(connection) }
    }
  }

  private func take(
    _ connection: Int32, _ now: Int64, answered: (UInt8, AnsweredCounters) throws(PlatformError) -> Void
  ) throws(PlatformError) {
    let bytes = [UInt8](copying: buffer.span)
    for answer in bus.receive(bytes, at: now) {
      if let counters = bus.slaves[answer.slave].answeredCounters {
        try answered(bus.slaves[answer.slave].unit, counters)
      }
      outgoing.append((answer.bytes, connection, now + answer.latencyMilliseconds))
    }
  }

  func send(_ now: Int64) throws(PlatformError) {
    while let first = outgoing.first, first.at <= now {
      outgoing.removeFirst()
      let bytes = first.bytes
      if first.connection < 0 {
        try terminal?.write(bytes.span)
      } else if connections.contains(first.connection) {
        _ = bytes.withUnsafeBufferPointer {
          // A listener that went away is noticed when it is read from.
          unsafe busbar_serial_write(first.connection, $0.baseAddress!, $0.count)
        }
      }
    }
  }
}

private let defaultScenario = """
  [world]
  clockFactor = 60
  [port meter]
  kind = pty
  [port inverter]
  kind = pty
  [device meter]
  port = meter
  kind = house
  [device inverter]
  port = inverter
  kind = inverter
  """

/// Runs a scenario until SIGTERM or SIGINT. Prints one JSON object a line for each device.
/// - Returns: the exit code.
func simulateScenario(_ path: String?) throws(Failure) -> Int32 {
  let scenario: ScenarioConfiguration
  if let path {
    scenario = try loadScenario(path, try readConfiguration(path))
  } else {
    scenario = try loadScenario("default scenario", Array(defaultScenario.utf8))
  }
  ThisProcess.catchTermination()
  do throws(PlatformError) { try serve(scenario) } catch { throw Failure("simulate-bus: \(error)") }
  return 0
}

private func loadScenario(_ file: String, _ bytes: [UInt8]) throws(Failure) -> ScenarioConfiguration {
  do throws(ConfigurationError) {
    return try ScenarioConfiguration(file: file, bytes: bytes.span, faults: SimulatedFault.names)
  } catch { throw Failure(error) }
}

private func slave(_ device: ScenarioConfiguration.Device, _ scenario: ScenarioConfiguration) -> SimulatedSlave {
  let faults = FaultSchedule(
    SimulatedFault(name: device.fault) ?? .none, first: device.faultFirst, every: device.faultEvery)
  switch device.kind {
  case .house(let seed):
    return SimulatedSlave(
      .house(EastronSlave(unit: device.unit), SimulatedHouse(seed: seed, startSeconds: scenario.startSeconds)),
      faults: faults, latencyMilliseconds: device.latencyMilliseconds)
  case .inverter(let rated, let available):
    return SimulatedSlave(
      .inverter(
        SunSpecSlave(
          unit: device.unit, inverter: SimulatedInverter(ratedWatts: rated, availableWatts: available))),
      faults: faults, latencyMilliseconds: device.latencyMilliseconds)
  }
}

private func serve(_ scenario: ScenarioConfiguration) throws(PlatformError) {
  let clock = LinuxClock()
  let start = Int64(clock.monotonic().nanoseconds / 1_000_000)
  var ports: [BenchPort] = []
  for (index, port) in scenario.ports.enumerated() {
    var slaves: [SimulatedSlave] = []
    for device in scenario.devices where device.port == index { slaves.append(slave(device, scenario)) }
    let opened = try BenchPort(port, slaves, now: start)
    for slave in opened.bus.slaves {
      printLine("{\"port\":\"\(jsonEscaped(opened.name))\",\"unit\":\(slave.unit),\"map\":\"\(slave.map)\"}")
    }
    ports.append(opened)
  }
  let feeder = SimulatedFeeder(resistanceMilliohms: scenario.feederMilliohms)
  while !ThisProcess.isTerminated {
    let now = Int64(clock.monotonic().nanoseconds / 1_000_000)
    live(ports, feeder, scenario.startSeconds + (now - start) * scenario.clockFactor / 1_000)
    var wake = now + 200
    for port in ports {
      try port.replug(now)
      try port.serve(now) { (unit, counters) throws(PlatformError) in
        guard let truth = scenario.truth else { return }
        try Files.appendLine(
          "\(clock.wall().nanoseconds) \(unit) \(counters.importMilliwattHours) \(counters.exportMilliwattHours)",
          to: truth)
      }
      try port.send(now)
      wake = min(wake, port.nextSend ?? wake)
    }
    var descriptors: [Int32] = []
    for port in ports { descriptors += port.descriptors }
    waitForInput(
      on: Array(descriptors.prefix(64)), until: MonotonicTime(nanoseconds: UInt64(max(wake, now + 1)) * 1_000_000))
  }
}

/// House time goes on, and what all houses draw moves the voltage that each of them sees.
private func live(_ ports: [BenchPort], _ feeder: SimulatedFeeder, _ seconds: Int64) {
  var netWatts: Int64 = 0
  for port in ports {
    for index in port.bus.slaves.indices {
      port.bus.slaves[index].advance(to: seconds)
      switch port.bus.slaves[index].device {
      case .house(_, let house): netWatts += house.powerWatts
      case .inverter(let slave): netWatts -= slave.inverter.powerWatts
      }
    }
  }
  let millivolts = feeder.millivolts(netWatts: netWatts)
  for port in ports {
    for index in port.bus.slaves.indices {
      guard case .house(let slave, var house) = port.bus.slaves[index].device else { continue }
      house.feederMillivolts = millivolts
      port.bus.slaves[index].device = .house(slave, house)
    }
  }
}
