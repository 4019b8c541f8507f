import CLinux
import Drivers
import HAL
import LinuxPlatform
import Metering

struct ReadOptions {
  /// The name of a map: eastron-sdm630, eastron-sdm120, …
  var map = "eastron-sdm630"
  var port = ""
  var unit: UInt8 = 1
  var baud: UInt32 = 9_600
  var parity = SerialPort.Parity.none
  var json = false

  init(_ arguments: Arguments) throws(Failure) {
    map = try arguments.choice("map", default: map, of: EastronModel.allCases.map { $0.description })
    port = try arguments.required("port")
    unit = UInt8(try arguments.integer("unit", default: Int64(unit), in: 1...247))
    baud = UInt32(try arguments.integer("baud", default: Int64(baud), in: 1200...115_200))
    let name = try arguments.choice("parity", default: "none", of: ["none", "even", "odd"])
    parity = SerialPort.Parity(name: name) ?? .none
    json = arguments.wantsJSON
  }
}

/// Reads one meter once and prints its samples. Diagnostics go to stderr.
/// - Returns: the exit code: 0, 1 when the meter cannot be read, 2 for an unknown map or unit.
func runRead<C: Clock>(_ options: ReadOptions, clock: C) -> Int32 {
  guard let model = EastronModel(name: options.map), options.unit >= 1, options.unit <= 247 else {
    busbar_pty_print_error("read: no such map or unit")
    return 2
  }
  do throws(DriverError) {
    let samples = try readOnce(options, model, clock)
    if options.json { printJSON(options.port, samples) } else { printPlain(samples) }
    busbar_pty_flush_output()
    return 0
  } catch {
    busbar_pty_print_error("read: \(options.port): \(error)")
    return 1
  }
}

private func readOnce<C: Clock>(
  _ options: ReadOptions, _ model: EastronModel, _ clock: C
) throws(DriverError) -> [Sample] {
  let port: SerialPort
  do {
    port = try SerialPort(path: options.port, baud: options.baud, parity: options.parity)
  } catch { throw .platform(error) }
  if port.modeDiffers { busbar_pty_print_error("read: \(options.port): warning: the mode read back differs") }
  var meter = EastronMeter(port: port, clock: clock, settings: EastronSettings(unit: options.unit, model: model))
  var samples: [Sample] = []
  try meter.readSamples { sample in samples.append(sample) }
  return samples
}

private func printJSON(_ device: String, _ samples: [Sample]) {
  var line = "{\"device\":\"\(jsonEscaped(device))\",\"samples\":["
  var separator = ""
  for sample in samples {
    line += separator
    line += "{\"quantity\":\"\(sample.quantity)\",\"phase\":\(sample.phase),\"value\":\(sample.value),"
    line += "\"unit\":\"\(sample.quantity.unit)\",\"quality\":\"\(sample.quality)\","
    line += "\"monotonicNanoseconds\":\(sample.monotonicNanoseconds)}"
    separator = ","
  }
  print(line + "]}")
}

private func printPlain(_ samples: [Sample]) {
  for sample in samples {
    let phase = sample.phase == 0 ? "" : " L\(sample.phase)"
    print("\(sample.quantity)\(phase) \(sample.value) \(sample.quantity.unit) \(sample.quality)")
  }
}
