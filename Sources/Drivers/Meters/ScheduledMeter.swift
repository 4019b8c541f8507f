import HAL
import Metering
import Units

/// A meter whose counters are wanted now and then, by a program that has other things to do: a reading takes a bounded
/// time, and a meter that fails is left alone for 2, 4, … 30 s.
///
/// The port is opened for each reading, so that a plug which was pulled does not matter; the meter is then identified
/// anew. Readings that decide whether counters are believed are separate calls: what a meter says three times within a second it
/// has said once.
public struct ScheduledMeter: ~Copyable {
  /// A reading that takes longer is given up.
  public static let longestReadingMilliseconds: UInt64 = 5_000
  public static let longestBackOffMilliseconds: UInt64 = 30_000
  /// Counters that are not believed yet are read again after this, …
  public static let doubtMilliseconds: UInt64 = 1_000
  /// … and twice as long each time, up to this.
  public static let longestDoubtMilliseconds: UInt64 = 60_000

  /// The same for a meter whose answers take longer, at most.
  public static let longestSlowReadingMilliseconds: UInt64 = 20_000

  private let longestMilliseconds: UInt64
  private var scheduler: BusScheduler
  private var probes = ProbeBudget()
  private var portBackOff: BackOff
  private var doubt = BackOff(firstMilliseconds: doubtMilliseconds, longestMilliseconds: longestDoubtMilliseconds)
  private var notBefore: MonotonicTime
  /// All counters were 0 in the last reading, and not believed.
  private var isBlank = false
  /// Since they are, a reading with power failed.
  private var hasNoPower = false
  public private(set) var counters: GuardedCounters

  /// - Parameter timing: its back-off is shortened to ``longestBackOffMilliseconds``.
  public init(
    map: DeviceMap, unit: UInt8, wanted: WantedDevice = WantedDevice(), transport: LinkSettings.Transport,
    timing: BusScheduler.Timing, counters: GuardedCounters, start: MonotonicTime
  ) {
    var timing = timing
    timing.longestBackOffMilliseconds = min(timing.longestBackOffMilliseconds, Self.longestBackOffMilliseconds)
    scheduler = BusScheduler(transport: transport, timing: timing, start: start)
    scheduler.add(unit: unit, map: map, wanted: wanted, schedule: .onDemand, start: start)
    portBackOff = BackOff(firstMilliseconds: 1_000, longestMilliseconds: Self.longestBackOffMilliseconds)
    notBefore = start
    // Identity and counters are some requests.
    let timeout = timing.givenTimeoutMilliseconds ?? map.timeoutMilliseconds ?? timing.firstTimeoutMilliseconds
    longestMilliseconds = max(Self.longestReadingMilliseconds, min(4 * timeout, Self.longestSlowReadingMilliseconds))
    self.counters = counters
  }

  /// Whether it is time to open the port. False while the meter is left alone.
  public func isDue(_ now: MonotonicTime) -> Bool {
    now >= notBefore && now >= portBackOff.end && now >= doubt.end
      && (!scheduler.devices[0].isDead || now >= scheduler.devices[0].probeTime)
  }

  /// The port could not be opened, or broke.
  public mutating func portFailed(_ now: MonotonicTime) { portBackOff.fail(now) }

  /// Reads the counters once.
  /// - Returns: nil while they are not believed.
  /// - Parameter isKept: the port is still the one of the reading before, so that the meter need not be identified anew.
  /// - Throws: why there is no reading; `isDue` tells when to try again.
  public mutating func read<P: Port & ~Copyable, C: Clock>(
    port: consuming P, clock: C, isKept: Bool = false
  ) throws(DriverError) -> CounterRegisters? {
    // What else the meter measures is asked for only where it decides something.
    scheduler.readPower(0, isBlank && !hasNoPower)
    var bus = ScheduledBus(port: port, clock: clock, &scheduler, isKept: isKept)
    let end = clock.monotonic().adding(milliseconds: longestMilliseconds)
    var collector = EnergyCollector(at: clock.instantOfInput())
    do throws(DriverError) { try collect(&collector, &bus, clock, end) } catch {
      if error.isDisconnected { portBackOff.fail(clock.monotonic()) }
      // Perhaps for the power alone.
      if isBlank { hasNoPower = true }
      throw error
    }
    portBackOff.succeed()
    let reading: EnergyReading
    do throws(DriverError) { reading = try collector.finish() } catch {
      notBefore = clock.monotonic().adding(
        milliseconds: error == .deviceNotFound ? Self.longestBackOffMilliseconds : Self.doubtMilliseconds)
      throw error
    }
    if let accepted = counters.accept(reading) {
      doubt.succeed()
      isBlank = false
      hasNoPower = false
      return accepted
    }
    isBlank = reading.importEnergy?.value ?? 0 == 0 && reading.exportEnergy?.value ?? 0 == 0
    doubt.fail(clock.monotonic())
    if let missing = counters.missing, counters.standing.had(missing) {
      // What it refused it is asked for again.
      scheduler.identifyAgain(0)
      throw collector.failure(missing: missing)
    }
    return nil
  }

  /// What must be durable before what was read last is used; see ``GuardedCounters/takeNews()``.
  public mutating func takeNews() -> CountersStanding? { counters.takeNews() }

  /// Goes on from what was kept before a restart, or was found again.
  public mutating func resume(from standing: CountersStanding) { counters.resume(from: standing) }

  private mutating func collect<P: Port & ~Copyable, C: Clock>(
    _ collector: inout EnergyCollector, _ bus: inout ScheduledBus<P, C>, _ clock: C, _ end: MonotonicTime
  ) throws(DriverError) {
    scheduler.demand(0, clock.monotonic())
    while !scheduler.devices[0].isSettled {
      switch try bus.run(&scheduler, &probes, until: end) {
      case .failed(_, let error):
        if scheduler.devices[0].isDead { throw error }
      case .answered:
        scheduler.visitSamples { collector.take($0) }
      case .refused(_, let block, let error):
        scheduler.visitSamples { collector.take($0) }
        guard scheduler.devices[0].plan.holdsCounter(block) else { continue }
        collector.noteRefusal(error)
        // Whether it has the counter this does not say. A counter that cannot be read is no 0.
        if !DriverError.modbus(error).isRefusalOfRegisters(scheduler.devices[0].quirks) {
          notBefore = clock.monotonic().adding(milliseconds: Self.doubtMilliseconds)
          throw .modbus(error)
        }
      case .identifying: continue
      case nil:
        notBefore = end.adding(milliseconds: Self.doubtMilliseconds)
        throw .platform(PlatformError(.timedOut))
      }
    }
  }
}
