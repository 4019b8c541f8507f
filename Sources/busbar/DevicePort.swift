import CLinux
import Configuration
import Drivers
import HAL
import LinuxPlatform
import Metering

/// A line and how it is spoken on: what a port needs to be opened.
struct DeviceLine {
  static let connectMilliseconds: UInt64 = 3_000
  static let gatewayTimeoutMilliseconds: UInt64 = 1_000

  let place: PortPlace
  /// Over TCP the gateway's, for the time that bytes take.
  let baud: UInt32
  let parity: SerialPort.Parity
  /// Of the device behind it.
  let map: DeviceMap
  /// What the owner gave; nil takes the map's, or what the port takes by itself.
  let timeoutMilliseconds: UInt64?
  /// What the owner gave; nil takes the map's.
  let connectDelayMilliseconds: UInt64?

  private var delayMilliseconds: UInt64 { connectDelayMilliseconds ?? map.connectDelayMilliseconds }

  /// What the bytes themselves take at most: a request of 64 and an answer of 256.
  var byteMilliseconds: UInt64 {
    if case .tcp = place { return 0 }
    return 320 * 11 * 1_000 / UInt64(baud)
  }

  private var usesNetwork: Bool {
    switch place {
    case .tcp, .rtuOverTCP: true
    case .serial, .replay: false
    }
  }

  /// What a network and a gateway add to the time of an answer.
  var networkMilliseconds: UInt64 { usesNetwork ? Self.gatewayTimeoutMilliseconds - 500 : 0 }

  var settings: LinkSettings {
    var isTCP = false
    if case .tcp = place { isTCP = true }
    var settings = LinkSettings(transport: isTCP ? .tcp : .rtu, gapMilliseconds: isTCP ? 0 : map.gapMilliseconds)
    // A gateway adds the network's delay and its own.
    if usesNetwork { settings.timeoutMilliseconds = Self.gatewayTimeoutMilliseconds }
    settings.timeoutMilliseconds =
      (timeoutMilliseconds ?? map.timeoutMilliseconds ?? settings.timeoutMilliseconds) + byteMilliseconds
    if usesNetwork { settings.connectDelayMilliseconds = delayMilliseconds }
    settings.quirks = map.quirks
    return settings
  }

  /// The same for a scheduler, which adds the time of the bytes by itself.
  var timing: BusScheduler.Timing {
    var timing = BusScheduler.Timing(baud: baud)
    timing.bitsPerByte = parity == .none ? 10 : 11
    timing.givenTimeoutMilliseconds = timeoutMilliseconds
    switch place {
    case .tcp: (timing.baud, timing.firstTimeoutMilliseconds) = (0, Self.gatewayTimeoutMilliseconds)
    case .rtuOverTCP: timing.firstTimeoutMilliseconds = Self.gatewayTimeoutMilliseconds
    case .serial, .replay: break
    }
    return timing
  }

  /// Opens the port and hands it, with its clock, to `user`.
  /// - Parameter clock: of live ports; a replay has its own.
  /// - Parameter kept: a connection that is still open and goes on serving.
  func open(
    for user: inout some PortUser & ~Copyable, clock: LinuxClock = LinuxClock(),
    connectMilliseconds: UInt64 = connectMilliseconds, kept: TCPConnection? = nil
  ) throws(DriverError) {
    switch place {
    case .serial(let path):
      let port: SerialPort
      do throws(PlatformError) { port = try SerialPort(path: path, baud: baud, parity: parity) } catch {
        throw .platform(error)
      }
      if port.modeDiffers { user.warn("\(path): warning: it did not take the mode asked for") }
      try user.use(port, clock, settings)
    case .tcp(let endpoint), .rtuOverTCP(let endpoint):
      let connection: TCPConnection
      do throws(PlatformError) {
        if let kept {
          connection = kept
        } else {
          connection = try TCPConnection(
            to: endpoint, connectMilliseconds: connectMilliseconds, delayMilliseconds: delayMilliseconds)
        }
      } catch { throw .platform(error) }
      user.connected(connection)
      let port = TCPPort(connection)
      try user.use(port, clock, settings)
    case .replay(let path):
      let port: ReplayPort
      do throws(PlatformError) {
        let bytes = try Files.read(path, limit: CaptureRecord.maximumFileBytes)
        port = try ReplayPort(file: bytes.span)
      } catch { throw .platform(error) }
      let clock = port.clock
      var replayed = settings
      replayed.transport = port.isTCP ? .tcp : .rtu
      if port.isTCP { replayed.gapMilliseconds = 0 }
      try user.use(port, clock, replayed)
    }
  }
}

/// Where a device is and how it is spoken to: `--port`, `--unit`, `--baud`, `--parity`, `--timeout`, `--connect-delay` and `--map` of
/// several verbs.
struct DevicePort {
  /// As it was given, for messages.
  let text: String
  let line: DeviceLine
  let unit: UInt8
  let map: DeviceMap

  /// - Parameter file: a capture that takes the place of `--port`.
  /// - Parameter takesUnit: false where `--unit` says something else.
  init(
    _ arguments: Arguments, defaultMap: String = "eastron-sdm630", replaying file: String? = nil, takesUnit: Bool = true
  ) throws(Failure) {
    map = try loadMap(arguments.text("map") ?? defaultMap)
    if let file { text = "replay:" + file } else { text = try arguments.required("port") }
    guard let place = PortPlace(text) else {
      throw Failure(
        "--port is not PATH, tcp:HOST:PORT, rtu-tcp:HOST:PORT or replay:FILE, with a numeric address or localhost: \(text)",
        exitCode: Failure.usageCode)
    }
    unit =
      takesUnit ? UInt8(try arguments.integer("unit", default: Int64(map.unit), in: place.units)) : map.unit
    guard place.units.contains(Int64(unit)) else {
      throw Failure(
        "the map \(map.name) has unit \(unit), which nobody is on \(place); give --unit", exitCode: Failure.usageCode)
    }
    let baud = UInt32(try arguments.integer("baud", default: Int64(map.baud), in: 1200...115_200))
    let name = try arguments.choice("parity", default: map.parity, of: ["none", "even", "odd"])
    line = DeviceLine(
      place: place, baud: baud, parity: SerialPort.Parity(name: name) ?? .none, map: map,
      timeoutMilliseconds: try Self.milliseconds(arguments, "timeout", in: DeviceMap.timeouts),
      connectDelayMilliseconds: try Self.milliseconds(arguments, "connect-delay", in: DeviceMap.connectDelays))
  }

  private static func milliseconds(
    _ arguments: Arguments, _ name: String, in range: ClosedRange<Int64>
  ) throws(Failure) -> UInt64? {
    arguments.has(name) ? UInt64(try arguments.integer(name, default: range.lowerBound, in: range)) : nil
  }

  var settings: LinkSettings { line.settings }

  func open(for user: inout some PortUser) throws(DriverError) { try line.open(for: &user) }
}

extension WantedDevice {
  /// `--model`, `--instance` and `--serial`.
  init(_ arguments: Arguments, _ map: DeviceMap) throws(Failure) {
    self.init(
      model: arguments.has("model") ? UInt16(try arguments.integer("model", default: 103, in: 1...65534)) : nil,
      instance: UInt8(try arguments.integer("instance", default: 1, in: 1...Self.instances)),
      serialNumber: arguments.text("serial").map { Array($0.utf8) })
    if serialNumber != nil, map.serialNumber == nil {
      throw Failure(
        "--serial: the map \(map.name) does not say where the serial number is", exitCode: Failure.usageCode)
    }
    if map.layout != .sunSpec, arguments.has("model") || arguments.has("instance") {
      throw Failure("--model and --instance are for SunSpec devices, not for \(map.name)", exitCode: Failure.usageCode)
    }
  }
}

/// What is done with an open port, whatever kind it is.
protocol PortUser: ~Copyable {
  mutating func use<P: Port & ~Copyable, C: Clock>(
    _ port: consuming P, _ clock: C, _ settings: LinkSettings
  ) throws(DriverError)
  /// The port is open, but not quite as it should be.
  mutating func warn(_ warning: String)
  /// The port that comes is over this connection, which may be kept.
  mutating func connected(_ connection: TCPConnection)
}

extension PortUser where Self: ~Copyable {
  mutating func warn(_ warning: String) { printDiagnostic(warning) }
  mutating func connected(_ connection: TCPConnection) {}
}

/// A built-in map by its name, or one from a file: anything with a slash or ending in ".ini".
func loadMap(_ name: String) throws(Failure) -> DeviceMap {
  var bytes: [UInt8]?
  if ModbusMeter.isFile(name) { bytes = try readConfiguration(name) }
  do throws(ConfigurationError) {
    if let bytes { return try DeviceMap(file: name, bytes: bytes.span) }
    if let map = try BuiltInDevices.map(named: name) { return map }
  } catch { throw Failure(error) }
  throw Failure(
    "--map is \(name), neither a file nor one of those that busbar devices lists",
    exitCode: Failure.usageCode)
}

/// A device's failure on stderr, and as an object on stdout where JSON is wanted.
func report(_ error: DriverError, _ port: DevicePort, unit: UInt8? = nil, json: Bool) {
  printDiagnostic("busbar: \(port.text): \(unit.map { "unit \($0): " } ?? "")\(error)")
  guard json else { return }
  printLine(
    "{\"error\":\"\(error.name)\",\"message\":\"\(jsonEscaped("\(error)"))\",\"device\":\"\(jsonEscaped(port.text))\","
      + "\"unit\":\(unit ?? port.unit)}")
}

/// - Parameter unit: of one of several devices.
func printSamples(_ device: String, unit: UInt8? = nil, _ samples: [Sample], json: Bool) {
  guard json else {
    if let unit { printLine("unit \(unit)") }
    for sample in samples {
      let phase = sample.phase == 0 ? "" : " L\(sample.phase)"
      printLine(
        padded("\(sample.quantity)\(phase)", 22) + aligned("\(sample.value)", 16) + " \(sample.quantity.unit)"
          + (sample.quality == .good ? "" : "  \(sample.quality)") + age(sample, "  ", " ms"))
    }
    return
  }
  var line = "{\"device\":\"\(jsonEscaped(device))\","
  if let unit { line += "\"unit\":\(unit)," }
  line += "\"samples\":["
  var separator = ""
  for sample in samples {
    line += separator
    line += "{\"quantity\":\"\(sample.quantity)\",\"phase\":\(sample.phase),\"value\":\(sample.value),"
    line += "\"unit\":\"\(sample.quantity.unit)\",\"quality\":\"\(sample.quality)\","
    line += age(sample, "\"ageMilliseconds\":", ",")
    line += "\"monotonicNanoseconds\":\(sample.monotonicNanoseconds),"
    line += "\"wallNanoseconds\":\(sample.wallNanoseconds),\"clock\":\""
    line += sample.wallIsSynchronised ? "synchronised\"}" : "unsynchronised\"}"
    separator = ","
  }
  printLine(line + "]}")
}

/// The age of a stale value.
private func age(_ sample: Sample, _ before: String, _ behind: String) -> String {
  guard case .stale(let milliseconds) = sample.quality else { return "" }
  return before + "\(milliseconds)" + behind
}
