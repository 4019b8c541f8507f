import CLinux
import Configuration
import Drivers
import HAL
import LinuxPlatform
import Metering

/// Where a device is and how it is spoken to: `--port`, `--unit`, `--baud`, `--parity` and `--map` of several verbs.
struct DevicePort {
  enum Place: Equatable {
    case serial(String)
    case tcp(Endpoint)
    case rtuOverTCP(Endpoint)
    case replay(String)
  }

  /// As it was given, for messages.
  let text: String
  let place: Place
  let unit: UInt8
  let baud: UInt32
  let parity: SerialPort.Parity
  let map: DeviceMap

  /// - Parameter file: a capture that takes the place of `--port`.
  init(_ arguments: Arguments, defaultMap: String = "eastron-sdm630", replaying file: String? = nil) throws(Failure) {
    map = try loadMap(arguments.text("map") ?? defaultMap)
    if let file { text = "replay:" + file } else { text = try arguments.required("port") }
    place = try Self.place(text)
    unit = UInt8(try arguments.integer("unit", default: map.layout == .sunSpec ? 126 : 1, in: 1...247))
    baud = UInt32(try arguments.integer("baud", default: Int64(map.baud), in: 1200...115_200))
    let name = try arguments.choice("parity", default: map.parity, of: ["none", "even", "odd"])
    parity = SerialPort.Parity(name: name) ?? .none
  }

  private static func place(_ text: String) throws(Failure) -> Place {
    if text.hasPrefix("tcp:") { return .tcp(try endpoint(text.dropFirst(4))) }
    if text.hasPrefix("rtu-tcp:") { return .rtuOverTCP(try endpoint(text.dropFirst(8))) }
    if text.hasPrefix("replay:") { return .replay(String(text.dropFirst(7))) }
    return .serial(text)
  }

  private static func endpoint(_ text: Substring) throws(Failure) -> Endpoint {
    let local = "localhost:"
    let numeric = text.hasPrefix(local) ? "127.0.0.1:" + text.dropFirst(local.utf8.count) : String(text)
    guard let endpoint = Endpoint(numeric) else {
      throw Failure(
        "\(text) is not ADDRESS:PORT with a numeric address, or localhost:PORT", exitCode: Failure.usageCode)
    }
    return endpoint
  }

  var settings: LinkSettings {
    var isTCP = false
    var usesNetwork = false
    switch place {
    case .tcp: (isTCP, usesNetwork) = (true, true)
    case .rtuOverTCP: usesNetwork = true
    case .serial, .replay: break
    }
    var settings = LinkSettings(
      transport: isTCP ? .tcp : .rtu, gapMilliseconds: isTCP ? 0 : map.gapMilliseconds)
    // A gateway adds the network's delay and its own.
    if usesNetwork { settings.timeoutMilliseconds = 1_000 }
    // The bytes themselves: a request of 64 and an answer of 256.
    if !isTCP { settings.timeoutMilliseconds += 320 * 11 * 1_000 / UInt64(baud) }
    return settings
  }

  static let connectMilliseconds: UInt64 = 3_000

  /// Opens the port and hands it, with its clock, to `user`.
  func open(for user: inout some PortUser) throws(DriverError) {
    switch place {
    case .serial(let path):
      let port: SerialPort
      do throws(PlatformError) { port = try SerialPort(path: path, baud: baud, parity: parity) } catch {
        throw .platform(error)
      }
      if port.modeDiffers { printDiagnostic("\(path): warning: it did not take the mode asked for") }
      try user.use(port, LinuxClock(), settings)
    case .tcp(let endpoint), .rtuOverTCP(let endpoint):
      let port: TCPPort
      do throws(PlatformError) {
        port = try TCPPort(
          connectingTo: endpoint, deadline: monotonicNow().adding(milliseconds: Self.connectMilliseconds))
      } catch { throw .platform(error) }
      try user.use(port, LinuxClock(), settings)
    case .replay(let path):
      let port: ReplayPort
      do throws(PlatformError) {
        let bytes = try Files.read(path, limit: 64 << 20)
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

/// What is done with an open port, whatever kind it is.
protocol PortUser {
  mutating func use<P: Port & ~Copyable, C: Clock>(
    _ port: consuming P, _ clock: C, _ settings: LinkSettings
  ) throws(DriverError)
}

/// A built-in map by its name, or one from a file: anything with a slash or ending in ".ini".
func loadMap(_ name: String) throws(Failure) -> DeviceMap {
  var bytes: [UInt8]?
  if name.hasSuffix(".ini") || name.utf8.contains(UInt8(ascii: "/")) { bytes = try readConfiguration(name) }
  do throws(ConfigurationError) {
    if let bytes { return try DeviceMap(file: name, bytes: bytes.span) }
    if let map = try BuiltInDevices.map(named: name) { return map }
  } catch { throw Failure(error) }
  throw Failure(
    "--map is \(name), neither a file nor one of \(BuiltInDevices.names.joined(separator: ", "))",
    exitCode: Failure.usageCode)
}

/// A device's failure on stderr, and as an object on stdout where JSON is wanted.
func report(_ error: DriverError, _ port: DevicePort, unit: UInt8? = nil, json: Bool) {
  printDiagnostic("busbar: \(port.text): \(error)")
  guard json else { return }
  printLine(
    "{\"error\":\"\(error.name)\",\"message\":\"\(jsonEscaped("\(error)"))\",\"device\":\"\(jsonEscaped(port.text))\","
      + "\"unit\":\(unit ?? port.unit)}")
}

func printSamples(_ device: String, _ samples: [Sample], json: Bool) {
  guard json else {
    for sample in samples {
      let phase = sample.phase == 0 ? "" : " L\(sample.phase)"
      printLine(
        padded("\(sample.quantity)\(phase)", 22) + aligned("\(sample.value)", 16) + " \(sample.quantity.unit)"
          + (sample.quality == .good ? "" : "  \(sample.quality)"))
    }
    return
  }
  var line = "{\"device\":\"\(jsonEscaped(device))\",\"samples\":["
  var separator = ""
  for sample in samples {
    line += separator
    line += "{\"quantity\":\"\(sample.quantity)\",\"phase\":\(sample.phase),\"value\":\(sample.value),"
    line += "\"unit\":\"\(sample.quantity.unit)\",\"quality\":\"\(sample.quality)\","
    line += "\"monotonicNanoseconds\":\(sample.monotonicNanoseconds),"
    line += "\"wallNanoseconds\":\(sample.wallNanoseconds),\"clock\":\""
    line += sample.wallIsSynchronised ? "synchronised\"}" : "unsynchronised\"}"
    separator = ","
  }
  printLine(line + "]}")
}
