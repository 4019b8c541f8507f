/// A day of the Gregorian calendar in UTC: what a folder of published files is called by.
public struct CivilDate: Hashable, Sendable, CustomStringConvertible {
  public static let secondsPerDay: UInt64 = 86_400

  public let year: UInt64
  public let month: UInt8
  public let day: UInt8

  /// The day so many days after 1970-01-01. Years are counted from March, so that the leap day is a year's last and the months before
  /// it follow one rule; 400 years have 146,097 days. (Hinnant, chrono-compatible low-level date algorithms)
  public init(daysSince1970 days: UInt64) {
    // From 0000-03-01. No period of a real clock comes near the end of 64 bits; what claims to is of the last day there is.
    let shifted = min(days, .max - 719_468) + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = UInt8(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    month = UInt8(monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9)
    year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
  }

  /// The day in which a period begins.
  public init(startOf period: Period, ofSeconds seconds: UInt64) {
    let (start, overflows) = period.rawValue.multipliedReportingOverflow(by: seconds)
    self.init(daysSince1970: (overflows ? .max : start) / Self.secondsPerDay)
  }

  /// `YYYY-MM-DD`
  public var description: String {
    func padded(_ value: UInt64, _ width: Int) -> String {
      let digits = "\(value)"
      return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
    return "\(padded(year, 4))-\(padded(UInt64(month), 2))-\(padded(UInt64(day), 2))"
  }
}
