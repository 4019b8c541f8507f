import Drivers
import HAL
import LinuxPlatform
import Metering

/// What came of asking a meter.
enum MeterAnswer {
  /// It is left alone for a while.
  case notAsked
  case doubtful
  case read(CounterRegisters)

  init(_ accepted: CounterRegisters?) { self = accepted.map { .read($0) } ?? .doubtful }
}

/// A meter behind a port, which is opened for each reading; a network connection is kept while readings succeed.
struct PortMeter: ~Copyable, PortUser {
  /// A gateway that is switched off must not hold the node up for longer.
  private static let connectMilliseconds: UInt64 = 1_000

  private let line: DeviceLine
  private var meter: ScheduledMeter
  private var answer = MeterAnswer.notAsked
  private var wasOpened = false
  /// Open since an earlier reading.
  private var kept: TCPConnection?
  /// The one that this reading uses.
  private var connection: TCPConnection?

  init(_ line: DeviceLine, _ meter: consuming ScheduledMeter) {
    self.line = line
    self.meter = meter
  }

  mutating func read(_ clock: LinuxClock) throws(DriverError) -> MeterAnswer {
    answer = .notAsked
    wasOpened = false
    guard meter.isDue(clock.monotonic()) else { return .notAsked }
    let line = line
    do throws(DriverError) {
      try line.open(for: &self, clock: clock, connectMilliseconds: Self.connectMilliseconds, kept: kept)
    } catch {
      if !wasOpened { meter.portFailed(clock.monotonic()) }
      kept = nil
      connection = nil
      throw error
    }
    kept = connection
    return answer
  }

  mutating func use<P: Port & ~Copyable, C: Clock>(
    _ port: consuming P, _ clock: C, _ settings: LinkSettings
  ) throws(DriverError) {
    wasOpened = true
    answer = MeterAnswer(try meter.read(port: port, clock: clock, isKept: kept != nil))
  }

  mutating func guarded() -> GuardedCounters { meter.counters }
  mutating func takeNews() -> CountersStanding? { meter.takeNews() }
  mutating func resume(from standing: CountersStanding) { meter.resume(from: standing) }
  mutating func connected(_ connection: TCPConnection) { self.connection = connection }

  /// It would be told at each reading; `check-config` and `doctor` are for that.
  mutating func warn(_ warning: String) {}
}

/// A power sensor of the board itself.
struct SensorMeter {
  private let root: String
  private let device: String
  var counters: GuardedCounters
  private var backOff = BackOff(
    firstMilliseconds: ScheduledMeter.doubtMilliseconds, longestMilliseconds: ScheduledMeter.longestDoubtMilliseconds)

  init(root: String, device: String, counters: GuardedCounters) {
    self.root = root
    self.device = device
    self.counters = counters
  }

  mutating func read(_ clock: LinuxClock) throws(DriverError) -> MeterAnswer {
    guard clock.monotonic() >= backOff.end else { return .notAsked }
    var meter = SysfsMeter(tree: SysfsTree(root: root), clock: clock, name: device)
    do throws(DriverError) {
      if let accepted = counters.accept(try meter.readEnergy()) {
        backOff.succeed()
        return .read(accepted)
      }
    } catch {
      backOff.fail(clock.monotonic())
      throw error
    }
    backOff.fail(clock.monotonic())
    return .doubtful
  }
}
