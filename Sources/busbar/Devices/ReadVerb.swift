import Commands
import Configuration
import Drivers
import HAL
import LinuxPlatform
import Metering
import NodeProcess
import Units

/// Reads a device once, several times, or until SIGTERM.
struct ReadRun: PortUser {
  let port: DevicePort
  /// Readings; nil goes on until SIGTERM, through unplugging and silence.
  let count: Int64?
  let wanted: WantedDevice
  let json: Bool
  var done: Int64 = 0
  /// The last failure of a watched device that was told; told again only when it changes.
  var toldError: DriverError?

  static let periodMilliseconds: UInt64 = 1_000
  /// From the beginning of one reading to that of the next; 0 reads as fast as the device answers.
  let intervalMilliseconds: UInt64

  /// - Parameter file: a capture that takes the place of the port, and is read to its end.
  init(_ arguments: Arguments, replaying file: String? = nil) throws(Failure) {
    port = try DevicePort(arguments, replaying: file)
    let isEndless = arguments.has("watch") || (file != nil && !arguments.has("count"))
    count = isEndless ? nil : try arguments.integer("count", default: 1, in: 1...1_000_000)
    wanted = try WantedDevice(arguments, port.map)
    intervalMilliseconds = UInt64(
      try arguments.integer("interval", default: Int64(Self.periodMilliseconds), in: 0...3_600_000))
    json = arguments.wantsJSON
  }

  /// - Returns: the exit code.
  mutating func run() -> Int32 {
    if count == nil { ThisProcess.catchTermination() }
    while true {
      do throws(DriverError) {
        try port.open(for: &self)
        return 0
      } catch {
        let isReplay = port.text.hasPrefix("replay:")
        if isReplay, done > 0, error.isDisconnected { return 0 }
        if count != nil || isReplay || isHopeless(error) {
          report(error, port, json: json)
          return 1
        }
        tell(error)
        if ThisProcess.isTerminated { return 0 }
        // The path may come back; udev needs a moment to make its link.
        let clock = LinuxClock()
        clock.sleep(until: clock.monotonic().adding(milliseconds: Self.periodMilliseconds))
        if ThisProcess.isTerminated { return 0 }
      }
    }
  }

  private func isHopeless(_ error: DriverError) -> Bool {
    if case .platform(let error) = error { return error.kind == .modeMismatch || error.kind == .invalid }
    return false
  }

  private mutating func tell(_ error: DriverError) {
    if error != toldError { report(error, port, json: json) }
    toldError = error
  }

  mutating func use<P: Port & ~Copyable, C: Clock>(
    _ opened: consuming P, _ clock: C, _ settings: LinkSettings
  ) throws(DriverError) {
    var device = try MappedDevice(port: opened, clock: clock, map: port.map, unit: port.unit, settings: settings)
    var isFound = false
    var next = clock.monotonic()
    while !ThisProcess.isTerminated {
      do throws(DriverError) {
        if !isFound { try device.find(wanted) }
        isFound = true
        var samples: [Sample] = []
        try device.readSamples { sample in samples.append(sample) }
        printSamples(port.text, samples, json: json)
        toldError = nil
        done += 1
      } catch {
        if count != nil || error.isDisconnected || error == .platform(PlatformError(.corrupted)) { throw error }
        tell(error)
      }
      if let count, done >= count { return }
      next = next.adding(milliseconds: intervalMilliseconds)
      if next < clock.monotonic() { next = clock.monotonic() }
      device.link.wait(until: next)
    }
  }
}

/// Reads like ``ReadRun`` and keeps every byte in a file.
struct CaptureRun: PortUser {
  var reading: ReadRun
  let path: String

  init(_ arguments: Arguments) throws(Failure) {
    reading = try ReadRun(arguments)
    path = try arguments.required("out")
  }

  mutating func run() -> Int32 {
    ThisProcess.catchTermination()
    do throws(DriverError) {
      try reading.port.open(for: &self)
      return 0
    } catch {
      report(error, reading.port, json: reading.json)
      return 1
    }
  }

  mutating func use<P: Port & ~Copyable, C: Clock>(
    _ opened: consuming P, _ clock: C, _ settings: LinkSettings
  ) throws(DriverError) {
    let tapped: TappedPort<P, C, FileSink>
    do throws(PlatformError) {
      tapped = try TappedPort(
        opened, clock: clock, sink: try FileSink(path: path), isTCP: settings.transport == .tcp)
    } catch { throw .platform(error) }
    let noted = tapped.clock
    try reading.use(tapped, noted, settings)
  }
}

/// Prints raw registers.
struct DumpRun: PortUser {
  let port: DevicePort
  let wanted: WantedDevice
  let function: ModbusRequest.Function
  /// Nil dumps what the map reads, of a device that is what it describes.
  let address: UInt16?
  let registers: UInt16
  let json: Bool

  init(_ arguments: Arguments) throws(Failure) {
    port = try DevicePort(arguments)
    wanted = try WantedDevice(arguments, port.map)
    let number = try arguments.integer(
      "function", default: Int64(port.map.function.rawValue), in: 3...4)
    function = number == 3 ? .holdingRegisters : .inputRegisters
    address = arguments.has("address") ? UInt16(try arguments.integer("address", default: 0, in: 0...65535)) : nil
    registers = UInt16(try arguments.integer("registers", default: 10, in: 1...65536).clamped(to: 1...65535))
    json = arguments.wantsJSON
  }

  mutating func run() -> Int32 {
    do throws(DriverError) {
      try port.open(for: &self)
      return 0
    } catch {
      report(error, port, json: json)
      return 1
    }
  }

  mutating func use<P: Port & ~Copyable, C: Clock>(
    _ opened: consuming P, _ clock: C, _ settings: LinkSettings
  ) throws(DriverError) {
    var device = try MappedDevice(port: opened, clock: clock, map: port.map, unit: port.unit, settings: settings)
    guard let address else {
      try device.find(wanted)
      for found in device.models { printLine(model(found)) }
      for block in device.plan.blocks { try dump(&device, block.function, block.address, block.count) }
      return
    }
    var next = UInt32(address)
    let end = min(0x1_0000, next + UInt32(registers))
    while next < end {
      let count = min(UInt16(truncatingIfNeeded: end - next), port.map.maximumRegisters)
      try dump(&device, function, UInt16(next), count)
      next += UInt32(count)
    }
  }

  private func model(_ found: FoundModel) -> String {
    json
      ? "{\"model\":\(found.identifier),\"address\":\(found.address),\"length\":\(found.length)}"
      : "model \(found.identifier) at \(found.address), length \(found.length)"
  }

  private func dump<P: Port & ~Copyable, C: Clock>(
    _ device: inout MappedDevice<P, C>, _ function: ModbusRequest.Function, _ address: UInt16, _ count: UInt16
  ) throws(DriverError) {
    try device.link.read(unit: device.unit, function, address, count: count)
    if json {
      var values = ""
      for index in 0..<Int(count) { values += (index == 0 ? "" : ",") + "\(device.link.register(index))" }
      printLine(
        "{\"device\":\"\(jsonEscaped(port.text))\",\"unit\":\(device.unit),\"function\":\(function.rawValue),"
          + "\"address\":\(address),\"registers\":[\(values)]}")
      return
    }
    for index in 0..<Int(count) {
      let value = device.link.register(index)
      let place = Int(address) + index
      printLine("0x\(hexadecimal(UInt16(place)))  \(aligned("\(place)", 5))  0x\(hexadecimal(value))  \(value)")
    }
  }
}

func hexadecimal(_ value: UInt16) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 4 - digits.utf8.count) + digits
}

extension Int64 {
  fileprivate func clamped(to range: ClosedRange<Int64>) -> Int64 {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }
}

/// What a device said to a request that several maps have in common.
private struct KnownAnswer {
  let request: DeviceIdentification.Read
  let words: [UInt16]
  let failure: DriverError?
}

/// Looks for devices at every address.
struct ScanRun: PortUser {
  static let timeoutMilliseconds: UInt64 = 200
  let port: DevicePort
  let units: ClosedRange<UInt8>
  let maps: [DeviceMap]
  let json: Bool
  var found = 0

  init(_ arguments: Arguments) throws(Failure) {
    port = try DevicePort(arguments)
    let first = UInt8(try arguments.integer("first", default: 1, in: port.line.place.units))
    let last = UInt8(try arguments.integer("last", default: 247, in: port.line.place.units))
    guard first <= last else { throw Failure("--first is behind --last", exitCode: Failure.usageCode) }
    units = first...last
    var all: [DeviceMap] = []
    if arguments.has("map") {
      all = [port.map]
    } else {
      for name in BuiltInDevices.names { all.append(try loadMap(name)) }
    }
    maps = all
    json = arguments.wantsJSON
  }

  mutating func run() -> Int32 {
    do throws(DriverError) { try port.open(for: &self) } catch {
      report(error, port, json: json)
      return 1
    }
    if found == 0 {
      printDiagnostic("busbar: \(port.text): nobody answered from \(units.lowerBound) to \(units.upperBound)")
    }
    return found > 0 ? 0 : 1
  }

  mutating func use<P: Port & ~Copyable, C: Clock>(
    _ opened: consuming P, _ clock: C, _ settings: LinkSettings
  ) throws(DriverError) {
    var quick = settings
    quick.attempts = 1
    if let given = port.line.timeoutMilliseconds {
      quick.timeoutMilliseconds = given + port.line.byteMilliseconds
    } else {
      quick.timeoutMilliseconds = Self.timeoutMilliseconds + port.line.networkMilliseconds + port.line.byteMilliseconds
    }
    var link = try ModbusLink(port: opened, clock: clock, settings: quick)
    for unit in units where try isThere(&link, unit) {
      found += 1
      var names: [String] = []
      var ranks: [Int] = []
      var known: [KnownAnswer] = []
      for map in maps {
        guard let rank = try rank(map, &link, unit, &known) else { continue }
        let place = ranks.firstIndex { $0 < rank } ?? ranks.count
        names.insert(map.name, at: place)
        ranks.insert(rank, at: place)
      }
      tell(unit, names)
    }
  }

  /// A refusal is an answer too.
  private func isThere<P: Port & ~Copyable, C: Clock>(
    _ link: inout ModbusLink<P, C>, _ unit: UInt8
  ) throws(DriverError) -> Bool {
    for function in [ModbusRequest.Function.inputRegisters, .holdingRegisters] {
      do throws(DriverError) {
        try link.read(unit: unit, function, 0, count: 2)
        return true
      } catch {
        switch error {
        case .modbus(.exception(10)), .modbus(.exception(11)): continue
        case .modbus: return true
        case .platform(let failure) where failure.kind == .timedOut: continue
        default: throw error
        }
      }
    }
    return false
  }

  /// How sure it is that the device is what a map describes; nil when it is another one.
  private func rank<P: Port & ~Copyable, C: Clock>(
    _ map: DeviceMap, _ link: inout ModbusLink<P, C>, _ unit: UInt8, _ known: inout [KnownAnswer]
  ) throws(DriverError) -> Int? {
    var identification = DeviceIdentification(map, walksWholeChain: false)
    do throws(DriverError) {
      while let next = identification.next {
        var place = known.firstIndex { $0.request == next }
        if place == nil {
          known.append(try ask(next, &link, unit))
          place = known.count - 1
        }
        let answer = known[place ?? 0]
        if let failure = answer.failure {
          try identification.failed(failure)
        } else {
          try identification.received { index in answer.words[index] }
        }
      }
    } catch {
      if error.isDisconnected { throw error }
      return nil
    }
    return identification.rank
  }

  private func ask<P: Port & ~Copyable, C: Clock>(
    _ request: DeviceIdentification.Read, _ link: inout ModbusLink<P, C>, _ unit: UInt8
  ) throws(DriverError) -> KnownAnswer {
    do throws(DriverError) {
      try link.read(unit: unit, request.function, request.address, count: request.count)
    } catch {
      if error.isDisconnected { throw error }
      return KnownAnswer(request: request, words: [], failure: error)
    }
    return KnownAnswer(request: request, words: (0..<Int(request.count)).map { link.register($0) }, failure: nil)
  }

  private func tell(_ unit: UInt8, _ names: [String]) {
    guard json else {
      printLine("unit \(unit): " + (names.isEmpty ? "answers, of no known map" : names.joined(separator: " or ")))
      return
    }
    var list = ""
    for name in names { list += (list.isEmpty ? "\"" : ",\"") + name + "\"" }
    let map = names.first.map { "\"\($0)\"" } ?? "null"
    printLine(
      "{\"port\":\"\(jsonEscaped(port.text))\",\"unit\":\(unit),\"map\":\(map),\"candidates\":[\(list)]}")
  }
}
