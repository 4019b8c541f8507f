import Configuration
import Drivers
import HAL
import Metering
import Testing
import Units

@Suite("What is known of a device, and how far it can be believed by now (docs/HARDWARE.md, Supported devices)")
struct DeviceValuesTests {
  static func sample(
    _ quantity: Quantity, _ value: Int64, at seconds: UInt64, _ quality: Quality = .good
  ) -> Sample {
    Sample(
      quantity: quantity, phase: 0, value: value, quality: quality, monotonicNanoseconds: seconds * 1_000_000_000,
      wallNanoseconds: seconds * 1_000_000_000, wallIsSynchronised: true)
  }

  static func seen(
    _ values: DeviceValues, at seconds: UInt64, _ state: DeviceValues.State
  ) -> [Quantity: Sample] {
    var seen: [Quantity: Sample] = [:]
    values.visit(at: MonotonicTime(nanoseconds: seconds * 1_000_000_000), state) { seen[$0.quantity] = $0 }
    return seen
  }

  @Test("a silent device's values are stale with their age, and offline after 30 s; their time never becomes a new one")
  func silent() throws {
    var values = DeviceValues(try map("eastron-sdm630"))
    values.take(Self.sample(.activePower, 473_000, at: 100), .fast)
    values.take(Self.sample(.frequency, 49_975, at: 95), .slow)
    #expect(Self.seen(values, at: 101, .answering)[.activePower]?.quality == .good)
    for (at, power, frequency) in [
      (102, .stale(ageMilliseconds: 2_000), .stale(ageMilliseconds: 7_000)),
      (124, .stale(ageMilliseconds: 24_000), .stale(ageMilliseconds: 29_000)),
      (125, .stale(ageMilliseconds: 25_000), .offline), (130, .offline, .offline), (9_999, .offline, .offline),
    ] as [(UInt64, Quality, Quality)] {
      let seen = Self.seen(values, at: at, .silent)
      #expect(seen[.activePower]?.quality == power && seen[.frequency]?.quality == frequency)
      #expect(seen[.activePower]?.value == (power == .offline ? 0 : 473_000))
      #expect(seen[.activePower]?.monotonicNanoseconds == 100_000_000_000)
      #expect(seen[.activePower]?.wallNanoseconds == 100_000_000_000)
    }
    values.take(Self.sample(.activePower, 1_000, at: 200), .fast)
    let back = Self.seen(values, at: 200, .answering)
    #expect(back[.activePower]?.quality == .good && back[.activePower]?.value == 1_000)
    // Not read again since.
    #expect(back[.frequency]?.quality == .stale(ageMilliseconds: 105_000))
  }

  @Test("a value that is not read again is stale after three of its periods, though the device answers")
  func old() throws {
    var values = DeviceValues(try map("eastron-sdm630"))
    values.take(Self.sample(.activePower, 473_000, at: 100), .fast)
    values.take(Self.sample(.frequency, 49_975, at: 100), .slow)
    values.take(Self.sample(.powerFactor, 0, at: 100, .notImplemented), .slow)
    #expect(Self.seen(values, at: 103, .answering)[.activePower]?.quality == .good)
    let later = Self.seen(values, at: 104, .answering)
    #expect(later[.activePower]?.quality == .stale(ageMilliseconds: 4_000) && later[.frequency]?.quality == .good)
    let last = Self.seen(values, at: 131, .answering)
    #expect(last[.frequency]?.quality == .stale(ageMilliseconds: 31_000))
    // What a device does not have it does not have for long.
    #expect(last[.powerFactor]?.quality == .notImplemented)
  }

  @Test("a counter its guard refuses is suspect, with what the device said, and good again once it is believed")
  func suspect() throws {
    var values = DeviceValues(try map("eastron-sdm630"))
    func take(_ value: Int64, at seconds: UInt64) -> Sample? {
      values.take(Self.sample(.activeEnergyImport, value, at: seconds), .slow)
      return Self.seen(values, at: seconds, .answering)[.activeEnergyImport]
    }
    for second in [90, 100] as [UInt64] { #expect(take(7_000_000_000, at: second)?.quality == .good) }
    // The 0.0 that was booked as the whole counter.
    let zero = take(0, at: 110)
    #expect(zero?.quality == .suspectCounter && zero?.value == 0)
    #expect(take(7_000_010_000, at: 120)?.quality == .good)
    let jump = take(9_000_000_000, at: 130)
    #expect(jump?.quality == .suspectCounter && jump?.value == 9_000_000_000)
    #expect(take(7_000_020_000, at: 140)?.quality == .good)
    // Replaced: three minutes of readings.
    for second in stride(from: 150, to: 330, by: 10) {
      #expect(take(5_000, at: UInt64(second))?.quality == .suspectCounter)
    }
    #expect(take(5_000, at: 330)?.quality == .good)
    _ = take(1_000, at: 340)
    // A doubt does not end by growing old.
    #expect(Self.seen(values, at: 360, .silent)[.activeEnergyImport]?.quality == .suspectCounter)
    #expect(Self.seen(values, at: 370, .silent)[.activeEnergyImport]?.quality == .offline)
  }

  @Test("an inverter that had stopped producing sleeps; one that fell silent at work, and a meter, do not")
  func asleep() throws {
    for (name, power, quality) in [
      ("sunspec", 0, .asleep), ("sunspec", -3_000, .asleep), ("sunspec", 1_000, .stale(ageMilliseconds: 5_000)),
      ("eastron-sdm630", 0, .stale(ageMilliseconds: 5_000)),
    ] as [(String, Int64, Quality)] {
      var values = DeviceValues(try map(name))
      values.take(Self.sample(.activePower, power, at: 100), .fast)
      values.take(Self.sample(.activeEnergyExport, 12_345_000, at: 100), .fast)
      #expect(Self.seen(values, at: 101, .answering)[.activePower]?.quality == .good)
      let silent = Self.seen(values, at: 105, .silent)
      #expect(silent[.activePower]?.quality == quality, "\(name) \(power)")
      #expect(silent[.activeEnergyExport]?.quality == quality, "\(name) \(power)")
      let night = Self.seen(values, at: 30_000, .silent)[.activeEnergyExport]
      #expect(night?.quality == (quality == .asleep ? .asleep : .offline) && night?.value == 0)
      #expect(night?.monotonicNanoseconds == 100_000_000_000)
    }
    var unknown = DeviceValues(try map("sunspec"))
    unknown.take(Self.sample(.activePower, 0, at: 100, .notImplemented), .fast)
    #expect(Self.seen(unknown, at: 200, .silent)[.activePower]?.quality == .offline)
  }
}
