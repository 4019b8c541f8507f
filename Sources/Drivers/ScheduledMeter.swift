import HAL
import Metering
import Units

/// A meter whose counters are wanted now and then, by a program that has other things to do: a reading takes a bounded
/// time, and a meter that fails is left alone for 2, 4, … 30 s.
///
/// The port is opened for each reading, so that a plug which was pulled does not matter; the meter is then identified
/// anew.
public struct ScheduledMeter: ~Copyable {
  /// A reading that takes longer is given up.
  public static let longestReadingMilliseconds: UInt64 = 5_000
  public static let longestBackOffMilliseconds: UInt64 = 30_000
  /// Counters that are not believed yet are read again after this.
  public static let doubtMilliseconds: UInt64 = 1_000

  /// The same for a meter whose answers take longer, at most.
  public static let longestSlowReadingMilliseconds: UInt64 = 20_000

  private let longestMilliseconds: UInt64
  private var scheduler: BusScheduler
  private var probes = ProbeBudget()
  private var portBackOff: BackOff
  private var notBefore: MonotonicTime
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
    now >= notBefore && now >= portBackOff.end
      && (!scheduler.devices[0].isDead || now >= scheduler.devices[0].probeTime)
  }

  /// The port could not be opened, or broke.
  public mutating func portFailed(_ now: MonotonicTime) { portBackOff.fail(now) }

  /// Reads the counters once; up to three times where they are not believed at once.
  /// - Returns: nil while they are not believed.
  /// - Parameter isKept: the port is still the one of the reading before, so that the meter need not be identified anew.
  /// - Throws: why there is no reading; `isDue` tells when to try again.
  public mutating func read<P: Port & ~Copyable, C: Clock>(
    port: consuming P, clock: C, isKept: Bool = false
  ) throws(DriverError) -> EnergyReading? {
    var bus = ScheduledBus(port: port, clock: clock, &scheduler, isKept: isKept)
    let end = clock.monotonic().adding(milliseconds: longestMilliseconds)
    for _ in 0..<CounterGuard.readingsForReset {
      let reading: EnergyReading
      do throws(DriverError) { reading = try once(&bus, clock, end) } catch {
        if error.isDisconnected { portBackOff.fail(clock.monotonic()) }
        throw error
      }
      portBackOff.succeed()
      if let accepted = counters.accept(reading) { return accepted }
    }
    notBefore = clock.monotonic().adding(milliseconds: Self.doubtMilliseconds)
    return nil
  }

  private mutating func once<P: Port & ~Copyable, C: Clock>(
    _ bus: inout ScheduledBus<P, C>, _ clock: C, _ end: MonotonicTime
  ) throws(DriverError) -> EnergyReading {
    let start = clock.stampOfInput()
    var reading = EnergyReading(
      importEnergy: MilliwattHours(0), exportEnergy: MilliwattHours(0), monotonic: start.monotonic, wall: start.wall,
      clockState: start.state)
    var bad: (Quantity, Quality)?
    var isFound = false
    scheduler.demand(0, clock.monotonic())
    while !scheduler.devices[0].isSettled {
      switch try bus.run(&scheduler, &probes, until: end) {
      case .failed(_, let error):
        if scheduler.devices[0].isDead { throw error }
      case .answered, .refused:
        scheduler.visitSamples { sample in
          guard sample.quantity.isCounter, sample.phase == 0 else { return }
          isFound = true
          if sample.quality != .good { bad = (sample.quantity, sample.quality) }
          if sample.quantity == .activeEnergyImport {
            reading.importEnergy = MilliwattHours(sample.value)
          } else {
            reading.exportEnergy = MilliwattHours(sample.value)
          }
          reading.monotonic = MonotonicTime(nanoseconds: sample.monotonicNanoseconds)
          reading.wall = WallTime(nanoseconds: sample.wallNanoseconds)
          reading.clockState = sample.wallIsSynchronised ? .synchronised : .unsynchronised
        }
      case .identifying: continue
      case nil:
        notBefore = end.adding(milliseconds: Self.doubtMilliseconds)
        throw .platform(PlatformError(.timedOut))
      }
    }
    if let bad {
      notBefore = clock.monotonic().adding(milliseconds: Self.doubtMilliseconds)
      throw .unusable(bad.0, bad.1)
    }
    guard isFound else {
      notBefore = clock.monotonic().adding(milliseconds: Self.longestBackOffMilliseconds)
      throw .deviceNotFound
    }
    return reading
  }
}
