/// A moment in UTC as people write it, to the second.
public struct CivilTime: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Since 1970-01-01T00:00:00Z, without leap seconds.
  public let seconds: UInt64

  /// What a clock says before this was never set: no group of ours is older.
  public static let earliestPlausible = CivilTime(seconds: 1_735_689_600)  // 2025-01-01T00:00:00Z

  /// Any number of seconds is a moment; those before ``earliestPlausible`` are of a clock that was never set.
  public init(seconds: UInt64) { self.seconds = seconds }

  public static func < (left: Self, right: Self) -> Bool { left.seconds < right.seconds }

  /// When a period begins; the last second of 64 bits where that is beyond it.
  public init(startOf period: Period, ofSeconds periodSeconds: UInt32) {
    let (start, overflows) = period.rawValue.multipliedReportingOverflow(by: UInt64(periodSeconds))
    seconds = overflows ? .max : start
  }

  /// `YYYY-MM-DDTHH:MMZ` or `YYYY-MM-DDTHH:MM:SSZ`; nil for anything else and for what is in no calendar.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 17 || bytes.count == 20, bytes.last == UInt8(ascii: "Z"), bytes[4] == UInt8(ascii: "-"),
      bytes[7] == UInt8(ascii: "-"), bytes[10] == UInt8(ascii: "T"), bytes[13] == UInt8(ascii: ":"),
      bytes.count == 17 || bytes[16] == UInt8(ascii: ":")
    else { return nil }
    func number(_ places: Range<Int>) -> UInt64? {
      var value: UInt64 = 0
      for place in places {
        guard bytes[place] >= 0x30, bytes[place] <= 0x39 else { return nil }
        value = 10 * value + UInt64(bytes[place] - 0x30)
      }
      return value
    }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16),
      let second = bytes.count == 17 ? 0 : number(17..<19), hour < 24, minute < 60, second < 60,
      let days = Self.days(year, month, day)
    else { return nil }
    seconds = days * CivilDate.secondsPerDay + hour * 3600 + minute * 60 + second
  }

  /// Since 1970; nil for a day that is in no calendar. It counts days in the order of ``CivilDate``, which decides what there is.
  private static func days(_ year: UInt64, _ month: UInt64, _ day: UInt64) -> UInt64? {
    guard year >= 1970, (1...12).contains(month), (1...31).contains(day) else { return nil }
    var days = (year - 1970) * 365 + ((year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400) - 477
    days += (month - 1) * 28
    // The eleven months before December have 27 days more than 28 each in a leap year, and the day is at most 30 after the first.
    for _ in 0...57 {
      let date = CivilDate(daysSince1970: days)
      if date.year == year, UInt64(date.month) == month, UInt64(date.day) == day { return days }
      days += 1
    }
    return nil
  }

  /// `YYYY-MM-DD HH:MM:SS UTC`
  public var description: String {
    func padded(_ value: UInt64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let rest = seconds % CivilDate.secondsPerDay
    return "\(CivilDate(daysSince1970: seconds / CivilDate.secondsPerDay)) "
      + "\(padded(rest / 3600)):\(padded(rest / 60 % 60)):\(padded(rest % 60)) UTC"
  }

  /// How far it is from one moment to another, in the two largest units that are not 0: `1 d 3 h`, `12 min 5 s`, `0 s`.
  public static func span(seconds: UInt64) -> String {
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")]
    guard let first = parts.firstIndex(where: { $0.0 > 0 }) else { return "0 s" }
    var text = "\(parts[first].0) \(parts[first].1)"
    if first < 3, parts[first + 1].0 > 0 { text += " \(parts[first + 1].0) \(parts[first + 1].1)" }
    return text
  }
}
