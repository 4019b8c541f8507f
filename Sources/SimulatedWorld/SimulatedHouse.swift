/// A house with its loads and perhaps a roof of PV: integers only, so a seed gives the same days everywhere.
///
/// Time is seconds of house time; second 0 is a midnight. Power is constant over each minute.
public struct SimulatedHouse: Sendable {
  public static let stepSeconds: Int64 = 60
  static let wattSecondsPerWattHour: Int64 = 3_600
  static let daySeconds: Int64 = 86_400

  public let seed: UInt64
  /// 0 without a roof.
  public let pvPeakWatts: Int64
  public let baseLoadWatts: Int64
  /// Seconds of house time that were lived so far.
  public private(set) var seconds: Int64
  /// Positive is import from the grid.
  public private(set) var powerWatts: Int64 = 0
  /// What the feeder gives here; 0 leaves it to the meter to make one up.
  public var feederMillivolts: Int64 = 0
  private var importWattSeconds: Int64
  private var exportWattSeconds: Int64

  /// - Precondition: startSeconds >= 0
  public init(seed: UInt64, startSeconds: Int64 = 0) {
    precondition(startSeconds >= 0)
    self.seed = seed
    let hasRoof = Self.hash(seed, 1) % 2 == 0
    pvPeakWatts = hasRoof ? 2_000 + Int64(Self.hash(seed, 2) % 7_000) : 0
    baseLoadWatts = 80 + Int64(Self.hash(seed, 3) % 200)
    seconds = startSeconds
    importWattSeconds = Int64(1_000_000 + Self.hash(seed, 4) % 8_000_000) * Self.wattSecondsPerWattHour
    exportWattSeconds = hasRoof ? Int64(Self.hash(seed, 5) % 6_000_000) * Self.wattSecondsPerWattHour : 0
    powerWatts = netPower(at: startSeconds)
  }

  /// Register readings: whole watt-hours, never falling.
  public var importWattHours: Int64 { importWattSeconds / Self.wattSecondsPerWattHour }
  public var exportWattHours: Int64 { exportWattSeconds / Self.wattSecondsPerWattHour }

  /// Both registers, as after a reset or just before the end of the display.
  public mutating func setCounters(wattHours: Int64) {
    importWattSeconds = wattHours * Self.wattSecondsPerWattHour
    exportWattSeconds = wattHours * Self.wattSecondsPerWattHour
  }

  /// Lives on until `target`; nothing when that is past. Many short calls and one long one end alike.
  public mutating func advance(to target: Int64) {
    while seconds < target {
      let stepEnd = (seconds / Self.stepSeconds + 1) * Self.stepSeconds
      let end = min(stepEnd, target)
      powerWatts = netPower(at: seconds)
      let energy = powerWatts * (end - seconds)
      if energy >= 0 { importWattSeconds += energy } else { exportWattSeconds -= energy }
      seconds = end
    }
  }

  func netPower(at second: Int64) -> Int64 { load(at: second) - pv(at: second) }

  /// Base, a shape over the day, a quarter-hour's whim and now and then a kettle.
  func load(at second: Int64) -> Int64 {
    let hour = Int(second % Self.daySeconds / 3_600)
    let quarter = UInt64(second / 900)
    let shape = Self.hourlyWatts[hour]
    let whim = 50 + Int64(Self.hash(seed ^ 0x10AD, quarter) % 100)
    let kettle: Int64 = Self.hash(seed ^ 0x7EA, UInt64(second / 300)) % 40 == 0 && hour >= 6 ? 2_000 : 0
    return baseLoadWatts + shape * whim / 100 + kettle
  }

  /// A parabola between six and twenty, under the clouds of the hour.
  func pv(at second: Int64) -> Int64 {
    let sunrise: Int64 = 6 * 3_600
    let length: Int64 = 14 * 3_600
    let x = second % Self.daySeconds - sunrise
    if x <= 0 || x >= length { return 0 }
    let clear = 30 + Int64(Self.hash(seed ^ 0xC10D, UInt64(second / 3_600)) % 71)
    return pvPeakWatts * (4 * x * (length - x) / 3_600) / (length * length / 3_600) * clear / 100
  }

  /// Watts beyond the base load, by hour of the day.
  static let hourlyWatts: [Int64] = [
    60, 40, 40, 40, 50, 90, 300, 520, 450, 300, 260, 350, 520, 420, 300, 280, 330, 560, 850, 900, 740, 560, 330, 140,
  ]

  /// SplitMix64's mixing of a counter. (Steele, Lea, Flood 2014)
  static func hash(_ seed: UInt64, _ counter: UInt64) -> UInt64 {
    var z = seed &+ (counter &+ 1) &* 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
