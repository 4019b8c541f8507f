/// How often each duration occurred: 32 steps to each power of two of nanoseconds, so a percentile is right within 1/32.
struct DurationHistogram {
  private static let stepBits = 5
  private var counts = [UInt32](repeating: 0, count: 64 << stepBits)
  private(set) var total: UInt64 = 0

  private static func place(_ nanoseconds: UInt64) -> Int {
    let steps = UInt64(1) << UInt64(stepBits)
    guard nanoseconds >= steps else { return Int(nanoseconds) }
    let exponent = 63 - nanoseconds.leadingZeroBitCount - stepBits
    // The top bits behind the leading one count the steps; the exponent, the powers.
    return (exponent + 1) << stepBits + Int(nanoseconds >> UInt64(exponent) & (steps - 1))
  }

  /// The smallest duration of a place.
  private static func duration(_ place: Int) -> UInt64 {
    let steps = 1 << stepBits
    guard place >= steps else { return UInt64(place) }
    let exponent = place >> stepBits - 1
    return UInt64(steps + place & (steps - 1)) << UInt64(exponent)
  }

  mutating func add(_ nanoseconds: UInt64) {
    counts[Self.place(nanoseconds)] += 1
    total += 1
  }

  /// The duration that `hundredths` of a percent of all stayed at or below; 0 when nothing was added.
  func percentile(hundredths: UInt64) -> UInt64 {
    let wanted = max(1, (total * hundredths + 9_999) / 10_000)
    var seen: UInt64 = 0
    for place in counts.indices {
      seen += UInt64(counts[place])
      if seen >= wanted { return Self.duration(place) }
    }
    return 0
  }
}
