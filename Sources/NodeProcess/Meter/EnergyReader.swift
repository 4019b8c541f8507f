import Commands
import Configuration
import Drivers
import HAL
import LinuxPlatform
import Metering
import Node
import Units

/// The energy registers of whatever meter the configuration names, as far as they can be believed.
///
/// A meter that fails is left alone for a while, so that the node's other work goes on; see ``ScheduledMeter``.
struct EnergyReader: ~Copyable {
  /// Three phases of 100 A.
  private static let defaultRatedPowerWatts: Int64 = 69_000

  private let node: String
  private let clock: LinuxClock
  private var port: PortMeter?
  private var sensor: SensorMeter?
  private var told = ""
  /// Counters that variants of the device are sold without.
  private let isImportOptional: Bool
  private let isExportOptional: Bool
  /// Readings whose changes were told.
  private var toldReadings: UInt64 = 0
  /// How often a counter got a new base.
  private(set) var rebases: UInt64 = 0

  /// - Throws: `.notFound` for a meter without a map.
  init(
    _ node: String, _ configuration: NodeConfiguration, _ map: DeviceMap?, _ clock: LinuxClock
  ) throws(PlatformError) {
    self.node = node
    self.clock = clock
    isImportOptional = map?.isOptional(.activeEnergyImport) ?? false
    isExportOptional = map?.isOptional(.activeEnergyExport) ?? false
    port = nil
    sensor = nil
    switch configuration.source {
    case .modbus(let given):
      guard let map, let mode = SerialPort.Parity(name: given.parity) else { throw PlatformError(.notFound) }
      var rule = map.counter
      if let watts = configuration.ratedPowerWatts { rule.ratedPowerMilliwatts = watts * 1_000 }
      let line = DeviceLine(
        place: given.port, baud: given.baud, parity: mode, map: map, timeoutMilliseconds: given.timeoutMilliseconds,
        connectDelayMilliseconds: given.connectDelayMilliseconds)
      let wanted = WantedDevice(
        model: given.model, instance: given.instance, serialNumber: given.serialNumber.map { Array($0.utf8) })
      port = PortMeter(
        line,
        ScheduledMeter(
          map: map, unit: given.unit ?? map.unit, wanted: wanted, transport: line.settings.transport,
          timing: line.timing,
          counters: GuardedCounters(rule), start: clock.monotonic()))
    case .sysfs(let root, let device):
      let watts = configuration.ratedPowerWatts ?? Self.defaultRatedPowerWatts
      // A reading is rounded to whole mWh.
      let rule = CounterRule(ratedPowerMilliwatts: watts * 1_000, quantumMilliwattHours: 1)
      sensor = SensorMeter(root: root, device: device, counters: GuardedCounters(rule))
    case nil: break
    }
  }

  /// - Parameter standing: what was kept of the counters before a restart, or came back from the group.
  mutating func resume(from standing: CountersStanding) {
    if port != nil { port!.resume(from: standing) }
    if sensor != nil { sensor!.counters.resume(from: standing) }
  }

  /// What must be durable before what was read is used.
  mutating func takeNews() -> CountersStanding? {
    if port != nil { return port!.takeNews() }
    if sensor != nil { return sensor!.counters.takeNews() }
    return nil
  }

  /// - Returns: nil when there is no reading; while the meter is left alone a call costs nothing.
  mutating func read() -> EnergyRegisters? {
    do throws(DriverError) {
      switch try answer() {
      case .notAsked: return nil
      case .doubtful:
        tellChanges()
        if let doubt = firstDoubt() { tell("the meter is not believed: \(doubt)") }
        return nil
      case .read(let registers):
        tell("")
        tellChanges()
        return EnergyRegisters(
          activeEnergyImport: registers.importEnergy, activeEnergyExport: registers.exportEnergy)
      }
    } catch {
      tellChanges()
      tell("the meter cannot be read: \(error)")
      return nil
    }
  }

  private mutating func guarded() -> GuardedCounters? {
    if port != nil { return port!.guarded() }
    return sensor?.counters
  }

  private mutating func firstDoubt() -> String? {
    guard let counters = guarded() else { return nil }
    let (imported, exported) = (counters.importOutcome, counters.exportOutcome)
    if case .suspect(let suspicion) = imported, let text = CounterNews.doubt("import", suspicion) { return text }
    if case .suspect(let suspicion) = exported, let text = CounterNews.doubt("export", suspicion) { return text }
    return nil
  }

  /// What happens to a counter once is said once.
  private mutating func tellChanges() {
    guard let counters = guarded(), counters.readings != toldReadings else { return }
    toldReadings = counters.readings
    rebases = counters.rebases
    tellChange("import", counters.importOutcome, isImportOptional)
    tellChange("export", counters.exportOutcome, isExportOptional)
  }

  private func tellChange(_ name: String, _ outcome: CounterOutcome?, _ isOptional: Bool) {
    guard let outcome, let text = CounterNews.change(name, outcome, isOptional: isOptional) else { return }
    printDiagnostic("\(node): \(text)")
  }

  private mutating func answer() throws(DriverError) -> MeterAnswer {
    if port != nil { return try port!.read(clock) }
    if sensor != nil { return try sensor!.read(clock) }
    return .notAsked
  }

  /// Says what is wrong with the meter, and that it is over; not again what was said already.
  private mutating func tell(_ news: String) {
    if news == told { return }
    printDiagnostic(news.isEmpty ? "the meter answers again" : news)
    told = news
  }
}
