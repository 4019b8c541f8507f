import Commands
import Configuration
import Drivers
import HAL
import LinuxPlatform
import Metering
import NodeProcess

/// Reads one or several devices of a bus until SIGTERM, through unplugging and silence; one that is dead does not hold up
/// the others.
struct WatchRun: ~Copyable, PortUser {
  static let tickMilliseconds: UInt64 = 500
  static let periodMilliseconds: UInt64 = 1_000

  private struct Watched {
    let unit: UInt8
    var values: DeviceValues
    /// The rounds it had finished when its values were last printed.
    var printedRounds: UInt64 = 0
    /// When its values are printed though nothing new came.
    var nextPrint: MonotonicTime
    /// The last failure that was told; told again only when it changes.
    var toldError: DriverError?
  }

  private let port: DevicePort
  private let json: Bool
  private let clock = LinuxClock()
  private var devices: [Watched] = []
  private var scheduler: BusScheduler
  private var probes = ProbeBudget()
  private var isOpen = false
  private var toldError: DriverError?

  init(_ arguments: Arguments) throws(Failure) {
    let port = try DevicePort(arguments, takesUnit: false)
    let wanted = try WantedDevice(arguments, port.map)
    let units = try Self.units(arguments, port.map, port.line.place.units)
    self.port = port
    json = arguments.wantsJSON
    let start = clock.monotonic()
    scheduler = BusScheduler(transport: port.settings.transport, timing: port.line.timing, start: start)
    for (unit, map) in units {
      scheduler.add(unit: unit, map: map, wanted: wanted, start: start)
      devices.append(Watched(unit: unit, values: DeviceValues(map), nextPrint: start))
    }
  }

  /// `--unit N[:MAP],...`
  private static func units(
    _ arguments: Arguments, _ map: DeviceMap, _ range: ClosedRange<Int64>
  ) throws(Failure) -> [(unit: UInt8, map: DeviceMap)] {
    guard let text = arguments.text("unit") else { return [(map.unit, map)] }
    var units: [(unit: UInt8, map: DeviceMap)] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let words = part.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard let first = words.first, let unit = UInt8(first), range.contains(Int64(unit)) else {
        throw Failure(
          "--unit is not N[:MAP],... with N in \(range.lowerBound)...\(range.upperBound): \(text)",
          exitCode: Failure.usageCode)
      }
      guard !units.contains(where: { $0.unit == unit }) else {
        throw Failure("--unit names \(unit) twice", exitCode: Failure.usageCode)
      }
      units.append((unit, words.count == 2 ? try loadMap(String(words[1])) : map))
    }
    guard units.count <= BusScheduler.maximumDevices else {
      throw Failure("--unit names more than \(BusScheduler.maximumDevices) devices", exitCode: Failure.usageCode)
    }
    return units
  }

  /// - Returns: the exit code.
  mutating func run() -> Int32 {
    ThisProcess.catchTermination()
    let line = port.line
    while !ThisProcess.isTerminated {
      do throws(DriverError) { try line.open(for: &self, clock: clock) } catch {
        isOpen = false
        if error != toldError { report(error, port, unit: devices[0].unit, json: json) }
        toldError = error
        if case .platform(let error) = error, error.kind == .modeMismatch || error.kind == .invalid { return 1 }
        // The path may come back; udev needs a moment to make its link.
        for _ in 0..<2 where !ThisProcess.isTerminated {
          clock.sleep(until: clock.monotonic().adding(milliseconds: Self.tickMilliseconds))
        }
        printSilent()
      }
    }
    return 0
  }

  mutating func use<P: Port & ~Copyable, C: Clock>(
    _ opened: consuming P, _ portClock: C, _ settings: LinkSettings
  ) throws(DriverError) {
    var bus = ScheduledBus(port: opened, clock: portClock, &scheduler)
    isOpen = true
    while !ThisProcess.isTerminated {
      let end = clock.monotonic().adding(milliseconds: Self.tickMilliseconds)
      switch try bus.run(&scheduler, &probes, until: end) {
      case .answered(let device, let block), .refused(let device, let block, _): take(device, block)
      case .failed(let device, let error):
        if error != devices[device].toldError { report(error, port, unit: devices[device].unit, json: json) }
        devices[device].toldError = error
      case .identifying, nil: break
      }
      printSilent()
    }
  }

  private mutating func take(_ device: Int, _ block: Int) {
    toldError = nil
    devices[device].toldError = nil
    let known = scheduler.devices[device]
    let update = known.plan.blocks[block].update
    var samples: [Sample] = []
    scheduler.visitSamples { sample in samples.append(sample) }
    for sample in samples { devices[device].values.take(sample, update) }
    // Each second, once everything is there; values of the slow class keep their own times in between.
    let rounds = known.hasFastClass ? known.fastRounds : known.slowRounds
    guard known.isComplete, rounds != devices[device].printedRounds else { return }
    devices[device].printedRounds = rounds
    show(device)
  }

  /// What is known of devices from which nothing new came, each second.
  private mutating func printSilent() {
    let now = clock.monotonic()
    for device in devices.indices where now >= devices[device].nextPrint && devices[device].printedRounds > 0 {
      show(device)
    }
  }

  private mutating func show(_ device: Int) {
    let now = clock.monotonic()
    let isSilent = !isOpen || scheduler.devices[device].isDead
    // A healthy one prints itself before that.
    let pause = Self.periodMilliseconds + (isSilent ? 0 : Self.tickMilliseconds)
    devices[device].nextPrint = now.adding(milliseconds: pause)
    var samples: [Sample] = []
    devices[device].values.visit(at: now, isSilent ? .silent : .answering) { sample in samples.append(sample) }
    printSamples(port.text, unit: devices[device].unit, samples, json: json)
  }
}
