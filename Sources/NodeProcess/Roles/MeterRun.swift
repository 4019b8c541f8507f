import Commands
import Configuration
import HAL
import LinuxPlatform
import Metering
import Node
import Units

/// A meter's node with the device that it reads.
struct MeterRun: ~Copyable, RunningRole {
  private var node: MeterNode
  private var reader: EnergyReader
  private var state: StateFile
  private var readAt: MonotonicTime?
  private var deviceFailures: UInt64 = 0

  init(_ name: String, _ node: consuming MeterNode, _ loaded: LoadedNode, _ clock: LinuxClock) throws(Failure) {
    let folder = loaded.configuration.data
    let reader: EnergyReader
    do throws(PlatformError) { reader = try EnergyReader(name, loaded.configuration, loaded.map, clock) } catch {
      throw Failure(folder, error)
    }
    self.node = node
    self.reader = reader
    state = StateFile(folder + "/state", node: name)
  }

  mutating func restore(from host: inout LinuxHost) throws(PlatformError) {
    try host.reread { entry in node.restore(entry) }
    if let standing = node.counters { reader.resume(from: standing) }
  }

  mutating func receive(
    _ datagram: Span<UInt8>, from endpoint: Endpoint, at now: Instant, via host: inout LinuxHost
  ) throws(PlatformError) { try node.receive(datagram, from: endpoint, at: now, via: &host) }

  mutating func tick(
    at now: Instant, via host: inout LinuxHost, _ watch: inout NodeWatch
  ) throws(PlatformError) -> Failure? {
    if let recovered = node.takeRecoveredCounters() { reader.resume(from: recovered) }
    if let period = node.needsClosing(at: now) { try close(period, at: now, via: &host) }
    try node.tick(at: now, via: &host)
    if let end = watch.look(at: &node, now) { return end }
    state.tell(Self.describe(node))
    return nil
  }

  private mutating func close(_ period: Period, at now: Instant, via host: inout LinuxHost) throws(PlatformError) {
    let registers = reader.read()
    if let standing = reader.takeNews() { try node.keep(standing, via: &host) }
    guard let registers else {
      deviceFailures += 1
      return
    }
    readAt = now.monotonic
    try node.close(period, registers, via: &host)
  }

  /// activation, certified and newest registers: six numbers in milliwatt-hours, import before export; then the
  /// period covered and the last one closed.
  private static func describe(_ node: borrowing MeterNode) -> String {
    guard let certified = node.certifiedRegisters, let latest = node.latest else { return "" }
    // A meter whose disk was lost knows its certified registers again, but not where it began.
    let activation = node.activation
    return
      "\(activation?.activeEnergyImport.value ?? -1) \(activation?.activeEnergyExport.value ?? -1) "
      + "\(certified.activeEnergyImport.value) \(certified.activeEnergyExport.value) "
      + "\(latest.activeEnergyImport.value) \(latest.activeEnergyExport.value) "
      + "\(node.coveredThrough.rawValue) \(node.lastClosed.rawValue)\n"
  }

  func tell(_ metrics: Metrics, _ moment: RunMoment) {
    metrics.add(node, moment)
    metrics.counter("device_read_failures", "Reads of the meter that failed.", deviceFailures)
    metrics.counter(
      "device_rebases",
      "How often a counter of the meter was cleared or exchanged: what it counted then is lost.", reader.rebases)
    if let readAt {
      metrics.gauge(
        "device_last_read_age_seconds", "Since the meter was last read; absent before the first time.",
        decimal(moment.now.monotonic.milliseconds(since: readAt), places: 3))
    }
  }
}
