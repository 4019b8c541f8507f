import Units

/// A meter's energy registers: what its counters say as far as they can be believed, never falling.
public struct CounterRegisters: Equatable, Sendable {
  public var importEnergy: MilliwattHours
  public var exportEnergy: MilliwattHours

  /// Takes both registers as of one reading.
  public init(importEnergy: MilliwattHours, exportEnergy: MilliwattHours) {
    self.importEnergy = importEnergy
    self.exportEnergy = exportEnergy
  }
}

/// Both counters of a meter behind their guards: what interval energy is made of.
///
/// A reading counts as a whole: while one counter is not believed there are no registers. A counter with a new base goes on from where it
/// stood: the energy between the last accepted reading and the new base is lost, and nothing is invented.
public struct GuardedCounters: Sendable {
  /// Below this a meter may show power that it does not count: class 1 of IEC 62053-21 starts at 0.4 % of its basic current, which
  /// is 4.6 W for 5 A.
  public static let flowingMilliwatts: UInt64 = 5_000

  private var importGuard: CounterGuard
  private var exportGuard: CounterGuard
  /// What the last reading was taken for; nil before the first one.
  public private(set) var importOutcome: CounterOutcome?
  public private(set) var exportOutcome: CounterOutcome?
  /// How often a counter got a new base.
  public private(set) var rebases: UInt64 = 0
  /// Readings that were taken, and how many of them were not believed.
  public private(set) var readings: UInt64 = 0
  public private(set) var suspects: UInt64 = 0
  /// Something changed that a restart must not forget.
  private var hasNews = false

  /// Two guards that have seen no reading, with the rule of the device's map.
  public init(_ rule: CounterRule) {
    let new = CounterGuard(
      ratedPowerMilliwatts: rule.ratedPowerMilliwatts, quantum: MilliwattHours(rule.quantumMilliwattHours),
      modulus: rule.modulusMilliwattHours.map { MilliwattHours($0) })
    importGuard = new
    exportGuard = new
  }

  /// Takes one reading. A reading that failed is not given at all.
  /// - Parameters:
  ///   - importEnergy: nil where the device says that it has no such counter; the same for `exportEnergy`.
  ///   - activePowerMilliwatts: of either direction; nil where it is not known.
  /// - Returns: nil while it is not believed.
  public mutating func accept(
    importEnergy: MilliwattHours?, exportEnergy: MilliwattHours?, activePowerMilliwatts: Int64?, at time: ReadingTime
  ) -> CounterRegisters? {
    readings &+= 1
    let ceilings = (importGuard.standing.ceiling, exportGuard.standing.ceiling)
    var condition = DeviceCondition.counting
    if importEnergy?.value ?? 0 == 0, exportEnergy?.value ?? 0 == 0 {
      let isFlowing = (activePowerMilliwatts?.magnitude ?? 0) >= Self.flowingMilliwatts
      condition = isFlowing ? .blankUnderLoad : .blank
    }
    let imported = importGuard.accept(importEnergy, at: time, condition)
    let exported = exportGuard.accept(exportEnergy, at: time, condition)
    importOutcome = imported
    exportOutcome = exported
    for outcome in [imported, exported] { if case .rebased = outcome { rebases &+= 1 } }
    // What is not believed now must not be after a restart either, however long that takes.
    if ceilings != (importGuard.standing.ceiling, exportGuard.standing.ceiling) { hasNews = true }
    // A device without any counter is no meter.
    let isMeter = importGuard.base != nil || exportGuard.base != nil
    guard imported.isAccepted, exported.isAccepted, isMeter else {
      suspects &+= 1
      return nil
    }
    hasNews = true
    return CounterRegisters(importEnergy: importGuard.register, exportEnergy: exportGuard.register)
  }

  /// What must be durable before registers of the last reading are used, or another reading is made; nil when nothing has changed
  /// since it was asked for last.
  public mutating func takeNews() -> CountersStanding? {
    guard hasNews else { return nil }
    hasNews = false
    return standing
  }

  public var standing: CountersStanding {
    CountersStanding(importCounter: importGuard.standing, exportCounter: exportGuard.standing)
  }

  /// Goes on from what was kept before a restart.
  public mutating func resume(from standing: CountersStanding) {
    importGuard.resume(from: standing.importCounter)
    exportGuard.resume(from: standing.exportCounter)
  }
}
