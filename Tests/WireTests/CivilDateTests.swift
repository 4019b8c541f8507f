import Testing
import Units

@Suite("Days of the calendar, in UTC")
struct CivilDateTests {
  @Test(
    "days since 1970 have the dates that every calendar gives them",
    arguments: [
      (0, "1970-01-01"), (30, "1970-01-31"), (31, "1970-02-01"), (58, "1970-02-28"), (59, "1970-03-01"),
      (364, "1970-12-31"), (365, "1971-01-01"), (789, "1972-02-29"), (790, "1972-03-01"), (10_956, "1999-12-31"),
      (11_016, "2000-02-29"), (11_017, "2000-03-01"), (18_677, "2021-02-19"), (20_787, "2026-11-30"),
      (47_540, "2100-02-28"), (47_541, "2100-03-01"), (2_932_896, "9999-12-31"), (2_932_897, "10000-01-01"),
    ] as [(UInt64, String)])
  func known(days: UInt64, text: String) { #expect("\(CivilDate(daysSince1970: days))" == text) }

  @Test("each day of 800 years follows on the one before")
  func consecutive() {
    let lengths: [UInt8] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    var before = CivilDate(daysSince1970: 0)
    for days in UInt64(1)..<292_194 {
      let date = CivilDate(daysSince1970: days)
      let isLeap = before.year % 4 == 0 && (before.year % 100 != 0 || before.year % 400 == 0)
      let length = lengths[Int(before.month) - 1] + (isLeap && before.month == 2 ? 1 : 0)
      let follows: Bool
      if before.day < length {
        follows = date.day == before.day + 1 && date.month == before.month && date.year == before.year
      } else if before.month < 12 {
        follows = date.day == 1 && date.month == before.month + 1 && date.year == before.year
      } else {
        follows = date.day == 1 && date.month == 1 && date.year == before.year + 1
      }
      guard follows else {
        Issue.record("\(date) does not follow on \(before)")
        return
      }
      before = date
    }
    #expect("\(before)" == "2769-12-31")
  }

  @Test("a period is of the day in which it begins, and what no clock can say does not trap")
  func periods() {
    func day(_ period: UInt64, _ seconds: UInt64) -> String {
      "\(CivilDate(startOf: Period(period), ofSeconds: seconds))"
    }
    #expect(day(47, 1800) == "1970-01-01" && day(48, 1800) == "1970-01-02")
    // It ends on the next day.
    #expect(day(12_342, 7) == "1970-01-01" && day(12_343, 7) == "1970-01-02")
    #expect(day(896_540, 1800) == "2021-02-19")
    #expect(day(.max, 1) == day(.max, 86_400))
  }
}

@Suite("Moments in UTC, as people write them")
struct CivilTimeTests {
  @Test(
    "a moment is written and read again",
    arguments: [
      (0, "1970-01-01T00:00Z", "1970-01-01 00:00:00 UTC"), (59, "1970-01-01T00:00:59Z", "1970-01-01 00:00:59 UTC"),
      (951_782_400, "2000-02-29T00:00Z", "2000-02-29 00:00:00 UTC"),
      (1_735_689_599, "2024-12-31T23:59:59Z", "2024-12-31 23:59:59 UTC"),
      (1_735_689_600, "2025-01-01T00:00Z", "2025-01-01 00:00:00 UTC"),
      (253_402_300_799, "9999-12-31T23:59:59Z", "9999-12-31 23:59:59 UTC"),
    ] as [(UInt64, String, String)])
  func known(seconds: UInt64, text: String, shown: String) {
    #expect(CivilTime(text)?.seconds == seconds)
    #expect("\(CivilTime(seconds: seconds))" == shown)
  }

  @Test("every day of 430 years is read as itself")
  func everyDay() {
    for days in UInt64(0)..<157_060 {
      let text = "\(CivilDate(daysSince1970: days))T00:00Z"
      guard CivilTime(text)?.seconds != days * 86_400 else { continue }
      Issue.record("\(text)")
      return
    }
  }

  @Test(
    "what is in no calendar, or is not written so, is refused",
    arguments: [
      "", "2026-12-24", "2026-12-24T18:00", "2026-12-24 18:00Z", "2026-12-24T18:00z", "2026-13-01T00:00Z",
      "2026-00-01T00:00Z", "2026-02-29T00:00Z", "2100-02-29T00:00Z", "2026-04-31T00:00Z", "2026-01-32T00:00Z",
      "2026-01-00T00:00Z", "2026-12-24T24:00Z", "2026-12-24T18:60Z", "2026-12-24T18:00:60Z", "1969-12-31T23:59Z",
      "2026-12-24T18:00:0Z", "2026-12-24T18.00Z", "+026-12-24T18:00Z", "2026/12/24T18:00Z", "2026-12-24T18:00-00Z",
    ])
  func refused(text: String) { #expect(CivilTime(text) == nil) }

  @Test("a period begins at its number times its length, and beyond 64 bits at the last second there is")
  func starts() {
    #expect(CivilTime(startOf: Period(896_540), ofSeconds: 1800).seconds == 1_613_772_000)
    #expect(CivilTime(startOf: Period(.max), ofSeconds: 2).seconds == .max)
  }

  @Test(
    "a span is told in its two largest units",
    arguments: [
      (0, "0 s"), (59, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (3660, "1 h 1 min"), (3601, "1 h"),
      (86_399, "23 h 59 min"), (97_200, "1 d 3 h"), (86_460, "1 d"),
    ] as [(UInt64, String)])
  func spans(seconds: UInt64, text: String) { #expect(CivilTime.span(seconds: seconds) == text) }
}
