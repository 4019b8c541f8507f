import Units

/// What one reading of an energy counter means.
public enum CounterOutcome: Equatable, Sendable {
  /// The counter's first base: what it moves from here on is energy.
  case first(MilliwattHours)
  /// The counter moved on by this much, which may be 0.
  case advanced(by: MilliwattHours)
  /// The device never had such a counter: it is 0 for as long as there is none. Said once.
  case absent
  /// A counter that was absent has its first base: what it counted before is no energy.
  case appeared(MilliwattHours)
  /// Later readings confirmed a jump or a fall: the counter was cleared, or is another one. No energy.
  case rebased(from: MilliwattHours, to: MilliwattHours)
  /// Not believed; what was accepted last still stands.
  case suspect(CounterSuspicion)

  /// Whether ``CounterGuard/register`` stands for what the device says now.
  public var isAccepted: Bool {
    if case .suspect = self { return false }
    return true
  }
}

/// Why a reading of a counter is not believed.
public enum CounterSuspicion: Equatable, Sendable {
  /// The counter has no base yet, and too few readings say so.
  case unconfirmed(MilliwattHours)
  /// Below what was accepted last.
  case fell(to: MilliwattHours, from: MilliwattHours)
  /// Above what the rated power could have moved since the last accepted reading, or above a value that was disbelieved since.
  case jumped(to: MilliwattHours, from: MilliwattHours)
  /// Counters of energy are never below 0.
  case negative(MilliwattHours)
  /// The device says that it has no such counter, and had one.
  case missing
}

/// What a device's counters look like together.
public enum DeviceCondition: Equatable, Sendable {
  /// One of them at least is not 0.
  case counting
  /// All of them are 0: a new device, or one that has not loaded its counters yet.
  case blank
  /// All of them are 0, and power flows: a counter that works leaves 0 soon.
  case blankUnderLoad
}

/// Keeps a wrong reading from becoming energy: users have been billed a whole counter after a single 0.0.
/// (docs/HARDWARE.md, Counters)
///
/// A counter is in one of these states:
///
/// - *unseen*: no base yet. It gets one from two readings that agree; where all counters of the device are 0, from
///   minutes of them, and never from a 0 while power flows.
/// - *absent*: two readings said that there is no such counter. It is 0, until it has a base after all.
/// - *settled*: what it says is its base and what the rated power can have moved since.
/// - *doubted*: it said something else. It is settled again as soon as it says what it could have said without the doubt,
///   and below every jump it made in the meantime: then that was a glitch. Or it goes on for minutes from where it is now:
///   then that is its new base, and the difference is no energy.
///
/// So a jump never becomes believable by waiting. Two things no rule can tell from use, short of asking for the serial number: another
/// counter, or a glitch, within what the connection could have carried since the last accepted reading.
///
/// Pure; a reading costs no allocation.
public struct CounterGuard: Sendable {
  /// A fall or a jump is a new base after so many readings that continue each other, …
  public static let confirmingReadings: UInt8 = 4
  /// … so far apart at least, …
  public static let separationMilliseconds: UInt64 = 20_000
  /// … over such a time at least. Meters that have power again say 0 for seconds up to a minute.
  public static let confirmationMilliseconds: UInt64 = 180_000
  /// Readings with more silence between them are two stretches: neither of two glitches is confirmed by the other.
  public static let longestPauseMilliseconds: UInt64 = 300_000
  /// The first base takes so many readings that continue each other, …
  public static let baseReadings: UInt8 = 2
  /// … so far apart at least. An absent counter likewise.
  public static let baseSeparationMilliseconds: UInt64 = 1_000

  public let ratedPowerMilliwatts: Int64
  /// One step of the counter as the device sends it.
  public let quantum: MilliwattHours
  /// Where the device's counter starts again at 0; nil when it never does. Only the map knows.
  public let modulus: MilliwattHours?

  /// What the device said when it was believed last; nil before the first time.
  public private(set) var base: MilliwattHours?
  /// The energy register that is made of it: it never falls, and goes on where it stood when the counter has a new base.
  public private(set) var register = MilliwattHours(0)
  /// When the base was read.
  private var baseTime = ReadingTime(monotonicNanoseconds: 0, wallNanoseconds: 0, wallIsSynchronised: false)
  private var isAbsent = false
  /// The lowest jump that was disbelieved since the base was read. Invariant: above the base
  private var ceiling: MilliwattHours?

  /// Readings in a row each of which can be the one before and what was used since.
  private struct Chain {
    var value: MilliwattHours
    var time: ReadingTime
    var count: UInt8 = 1
    /// By the monotonic clock: when it began, and its newest reading that was counted.
    var beganNanoseconds: UInt64
    var countedNanoseconds: UInt64
    var wasUnderLoad: Bool
  }
  /// Of what is not believed, in this run.
  private var chain: Chain?
  private var absentSinceNanoseconds: UInt64?

  /// How long readings are watched before they are believed.
  private struct Pace {
    var readings: UInt8
    var separationMilliseconds: UInt64
    var milliseconds: UInt64

    static let base = Pace(
      readings: baseReadings, separationMilliseconds: baseSeparationMilliseconds,
      milliseconds: baseSeparationMilliseconds)
    static let change = Pace(
      readings: confirmingReadings, separationMilliseconds: CounterGuard.separationMilliseconds,
      milliseconds: confirmationMilliseconds)
  }

  /// A guard that has seen no reading.
  /// - Parameter ratedPowerMilliwatts: the most that the device can move; what a counter gains beyond that is a jump.
  /// - Parameter quantum: one step of the counter as the device sends it.
  /// - Parameter modulus: where the counter starts again at 0; nil when it never does.
  public init(ratedPowerMilliwatts: Int64, quantum: MilliwattHours, modulus: MilliwattHours? = nil) {
    precondition(ratedPowerMilliwatts > 0)
    precondition(quantum.value >= 0)
    precondition(modulus?.value ?? 1 > 0)
    // Readings as far apart as counts need must fit into the time.
    precondition(
      UInt64(Self.confirmingReadings - 1) * Self.separationMilliseconds <= Self.confirmationMilliseconds)
    precondition(Self.separationMilliseconds < Self.longestPauseMilliseconds)
    self.modulus = modulus
    self.ratedPowerMilliwatts = ratedPowerMilliwatts
    self.quantum = quantum
  }

  /// Takes one reading.
  /// - Parameters:
  ///   - value: nil where the device says that it has no such counter. A reading that failed is not given at all.
  ///   - time: not before that of the reading before, of this run.
  public mutating func accept(
    _ value: MilliwattHours?, at time: ReadingTime, _ condition: DeviceCondition = .counting
  ) -> CounterOutcome {
    let value = planted(.missingTakenForZero) ? value ?? MilliwattHours(0) : value
    guard let value else { return acceptNone(time) }
    absentSinceNanoseconds = nil
    if value.value < 0 {
      chain = nil
      return .suspect(.negative(value))
    }
    guard let base else { return begin(value, time, condition) }
    let allowed = allowance(since: baseTime, until: time)
    let isReachable = ceiling.map { value < $0 } ?? true
    if let moved = movement(from: base, to: value), moved <= allowed, isReachable || planted(.disbeliefRunsOut),
      chain == nil || !planted(.returnNotRecognised)
    {
      settle(value, time, moving: moved)
      return .advanced(by: moved)
    }
    return doubt(value, since: base, time, condition)
  }

  // MARK: States

  /// No base yet.
  private mutating func begin(
    _ value: MilliwattHours, _ time: ReadingTime, _ condition: DeviceCondition
  ) -> CounterOutcome {
    let isBlank = value.value == 0 && condition != .counting && !planted(.zeroIsBase)
    let isConfirmed = follow(value, time, condition, isBlank ? .change : .base)
    guard isConfirmed || planted(.oneReadingIsBase) && !isBlank else { return .suspect(.unconfirmed(value)) }
    let wasAbsent = isAbsent
    isAbsent = false
    settle(value, time, moving: wasAbsent && planted(.appearedCounterBooked) ? value : MilliwattHours(0))
    if wasAbsent { return .appeared(value) }
    register = value
    return .first(value)
  }

  /// The device says that it has no such counter.
  private mutating func acceptNone(_ time: ReadingTime) -> CounterOutcome {
    if base != nil {
      return planted(.missingTakenForUnchanged) ? .advanced(by: MilliwattHours(0)) : .suspect(.missing)
    }
    chain = nil
    if isAbsent { return .advanced(by: MilliwattHours(0)) }
    let now = time.monotonicNanoseconds
    let since = absentSinceNanoseconds ?? now
    absentSinceNanoseconds = since
    guard now >= since + Self.baseSeparationMilliseconds * 1_000_000, !planted(.absentBlocksOther) else {
      return .suspect(.missing)
    }
    isAbsent = true
    return .absent
  }

  /// What it says is neither its base nor what can have been used since.
  private mutating func doubt(
    _ value: MilliwattHours, since base: MilliwattHours, _ time: ReadingTime, _ condition: DeviceCondition
  ) -> CounterOutcome {
    let isJump = value > base
    if isJump { ceiling = min(ceiling ?? value, value) }
    guard follow(value, time, condition, .change) else {
      return .suspect(isJump ? .jumped(to: value, from: base) : .fell(to: value, from: base))
    }
    // A counter that wrapped and stands still at 0 has lost nothing.
    if let moved = wrapped(from: base, to: value), moved <= allowance(since: baseTime, until: time) {
      settle(value, time, moving: moved)
      return .advanced(by: moved)
    }
    let isBooked = isJump && planted(.jumpBookedOnceConfirmed)
    settle(value, time, moving: MilliwattHours(isBooked ? value.value - base.value : 0))
    return .rebased(from: base, to: value)
  }

  private mutating func settle(_ value: MilliwattHours, _ time: ReadingTime, moving moved: MilliwattHours) {
    base = value
    baseTime = time
    ceiling = nil
    chain = nil
    let (sum, overflow) = register.value.addingReportingOverflow(moved.value)
    register = MilliwattHours(overflow ? .max : sum)
  }

  /// Takes a reading into the chain, or begins one with it.
  /// - Returns: true once the chain is as long as it must be.
  private mutating func follow(
    _ value: MilliwattHours, _ time: ReadingTime, _ condition: DeviceCondition, _ pace: Pace
  ) -> Bool {
    let now = time.monotonicNanoseconds
    let isUnderLoad = condition == .blankUnderLoad
    // A device that loads its counters goes from 0 to what it has: that is no use, and no base yet.
    guard var next = chain, continues(next, value, time), base != nil || next.value.value > 0 || value.value == 0 else {
      chain = Chain(
        value: value, time: time, beganNanoseconds: now, countedNanoseconds: now, wasUnderLoad: isUnderLoad)
      return false
    }
    let isSilent =
      Self.milliseconds(from: next.time.monotonicNanoseconds, to: now) > Self.longestPauseMilliseconds
      && !planted(.silenceCountedAsReadings)
    // A 0 beside another counter that counts is that of a device that is ready, and a reset; what it said while all were 0 says nothing.
    let isReadyNow =
      next.wasUnderLoad && condition == .counting && value.value == 0 && !planted(.loadNeverForgotten)
    if isSilent || isReadyNow {
      next.count = 1
      next.beganNanoseconds = now
      next.countedNanoseconds = now
    }
    if isReadyNow { next.wasUnderLoad = false }
    next.value = value
    next.time = time
    next.wasUnderLoad = next.wasUnderLoad || isUnderLoad
    let separation = planted(.repeatsCountedAsReadings) ? 0 : pace.separationMilliseconds
    if Self.milliseconds(from: next.countedNanoseconds, to: now) >= separation {
      next.count = next.count == .max ? .max : next.count + 1
      next.countedNanoseconds = now
    }
    chain = next
    let isLong = Self.milliseconds(from: next.beganNanoseconds, to: now) >= pace.milliseconds
    let isReady = value.value > 0 || !next.wasUnderLoad || planted(.zeroIsBaseUnderLoad)
    return next.count >= pace.readings && (isLong || planted(.changeBelievedAtOnce)) && isReady
  }

  private func continues(_ chain: Chain, _ value: MilliwattHours, _ time: ReadingTime) -> Bool {
    if planted(.inconsistentReadingsConfirm) { return true }
    return value >= chain.value
      && value.value - chain.value.value <= allowance(since: chain.time, until: time).value
  }

  // MARK: Arithmetic

  /// What moves a counter from `old` to `new`, if anything can at once. A 0 may as well be a device that is not ready: that it
  /// wrapped is seen by the next reading.
  private func movement(from old: MilliwattHours, to new: MilliwattHours) -> MilliwattHours? {
    if new >= old { return MilliwattHours(new.value - old.value) }
    return new.value > 0 || planted(.zeroTakenForWrap) ? wrapped(from: old, to: new) : nil
  }

  /// What a counter moved that passed its modulus once.
  private func wrapped(from old: MilliwattHours, to new: MilliwattHours) -> MilliwattHours? {
    if planted(.fallTakenForWrap), modulus == nil, new < old { return new }
    guard let modulus, new < old, old < modulus else { return nil }
    return MilliwattHours(modulus.value - old.value + new.value)
  }

  /// ratedPower × elapsed × 1.2 + quantum between two readings.
  public func allowance(since earlier: ReadingTime, until time: ReadingTime) -> MilliwattHours {
    // 1.2 × mW × ms / 3 600 000 = mW × ms / 3 000 000; a product beyond 64 bits is decades of silence.
    let (product, overflow) = UInt64(ratedPowerMilliwatts)
      .multipliedReportingOverflow(by: time.milliseconds(since: earlier))
    let energy = overflow ? UInt64(Int64.max) : product / 3_000_000
    let (sum, tooLarge) = Int64(energy).addingReportingOverflow(quantum.value)
    return MilliwattHours(tooLarge ? .max : sum)
  }

  private static func milliseconds(from earlier: UInt64, to now: UInt64) -> UInt64 {
    now > earlier ? (now - earlier) / 1_000_000 : 0
  }

  // MARK: Restarts

  /// What has to outlive a restart: a counter that has it back goes on as if there had been none, but that a fall or a jump
  /// that was being watched is watched anew.
  public var standing: CounterStanding {
    CounterStanding(isAbsent: isAbsent, base: base, register: register, time: baseTime, ceiling: ceiling)
  }

  /// Goes on from there.
  public mutating func resume(from standing: CounterStanding) {
    base = standing.base
    register = standing.register
    baseTime = standing.time
    isAbsent = standing.isAbsent
    ceiling = standing.ceiling
    chain = nil
    absentSinceNanoseconds = nil
    if planted(.uptimeAllowed) { baseTime.monotonicNanoseconds = 0 }
    if planted(.disbeliefForgottenAtRestart) { ceiling = nil }
    if planted(.registerForgottenAtRestart), let base { register = base }
  }
}
