import Commands
import Configuration
import Drivers
import LinuxPlatform
import Metering
import NodeProcess
import Units

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
