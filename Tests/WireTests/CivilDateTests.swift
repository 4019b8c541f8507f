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
