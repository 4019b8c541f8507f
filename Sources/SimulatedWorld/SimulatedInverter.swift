/// A PV inverter that obeys a limit, and gives it up when nobody renews it.
///
/// Time is milliseconds of the caller's clock. Power falls and rises by ``rampWattsPerSecond`` towards what sun and limit
/// allow; energy is counted in watt-milliseconds, so no step is lost.
public struct SimulatedInverter: Sendable {
  public static let rampWattsPerSecond: Int64 = 5_000

  public let ratedWatts: Int64
  /// What the sun gives; the caller moves it.
  public var availableWatts: Int64
  public private(set) var powerWatts: Int64
  /// Steps of the counter: watt-hours produced.
  public var producedWattHours: Int64 { producedWattMilliseconds / 3_600_000 }
  private var producedWattMilliseconds: Int64
  private var milliseconds: Int64

  /// Tenths of a percent of ``ratedWatts``.
  public private(set) var limitPermille: Int64 = 1_000
  public private(set) var isLimited = false
  /// 0 holds a limit for ever.
  public private(set) var revertSeconds: Int64 = 0
  private var limitedAt: Int64 = 0

  /// Feeds in at once what sun and rating allow, with this much on its counter. Its time begins with the first
  /// ``advance(to:)``.
  public init(ratedWatts: Int64 = 5_000, availableWatts: Int64 = 4_500, producedWattHours: Int64 = 12_345_678) {
    precondition(ratedWatts > 0 && availableWatts >= 0)
    self.ratedWatts = ratedWatts
    self.availableWatts = availableWatts
    powerWatts = min(ratedWatts, availableWatts)
    producedWattMilliseconds = producedWattHours * 3_600_000
    milliseconds = 0
  }

  /// Lets time pass until `now`, in milliseconds of the caller's clock: energy is counted, power moves towards its
  /// target, and a limit that nobody renewed ends. At most an hour is counted at once.
  public mutating func advance(to now: Int64) {
    if milliseconds == 0 { milliseconds = now }
    guard now > milliseconds else { return }
    if isLimited, revertSeconds > 0, now - limitedAt >= revertSeconds * 1_000 {
      isLimited = false
    }
    let elapsed = min(now - milliseconds, 3_600_000)
    producedWattMilliseconds += powerWatts * elapsed
    milliseconds = now
    let target = min(availableWatts, isLimited ? ratedWatts * limitPermille / 1_000 : ratedWatts)
    let most = max(1, Self.rampWattsPerSecond * elapsed / 1_000)
    powerWatts = powerWatts < target ? min(target, powerWatts + most) : max(target, powerWatts - most)
  }

  /// - Returns: false, and nothing changes, beyond 100 %.
  public mutating func setLimit(permille: Int64) -> Bool {
    guard permille >= 0, permille <= 1_000 else { return false }
    limitPermille = permille
    return true
  }

  /// How long a limit holds once it is switched on; 0 for ever.
  public mutating func setRevert(seconds: Int64) { revertSeconds = seconds }

  /// Switches the limit on, which starts its time, or off.
  public mutating func enable(_ isOn: Bool, at now: Int64) {
    isLimited = isOn
    limitedAt = now
  }

  /// After a power cut: the limit lay in volatile memory.
  public mutating func reboot() {
    isLimited = false
    limitPermille = 1_000
    revertSeconds = 0
    powerWatts = 0
  }

  /// Sets the counter of what was produced, as a replaced device would.
  public mutating func setCounter(wattHours: Int64) { producedWattMilliseconds = wattHours * 3_600_000 }
}
