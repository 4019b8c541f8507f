import Metering
import Testing
import Units
import Wire

@Suite("A meter's counters behind their guards (docs/HARDWARE.md, Counters)")
struct GuardedCountersTests {
  static let rule = CounterRule(ratedPowerMilliwatts: 10_000_000, quantumMilliwattHours: 1_000)

  private static func read(
    _ counters: inout GuardedCounters, _ imported: Int64?, _ exported: Int64?, watts: Int64? = nil, at second: UInt64
  ) -> [Int64]? {
    let registers = counters.accept(
      importEnergy: imported.map(wattHours), exportEnergy: exported.map(wattHours),
      activePowerMilliwatts: watts.map { $0 * 1_000 }, at: instant(second))
    return registers.map { [$0.importEnergy.value / 1_000, $0.exportEnergy.value / 1_000] }
  }

  static func started() -> GuardedCounters {
    var counters = GuardedCounters(rule)
    _ = read(&counters, 5_000, 70, at: 1)
    #expect(read(&counters, 5_000, 70, at: 3) == [5_000, 70])
    return counters
  }

  @Test("a reading counts as a whole, and what one counter moved meanwhile is not lost")
  func whole() {
    var counters = Self.started()
    #expect(Self.read(&counters, 5_010, 0, at: 100) == nil && counters.suspects == 2)
    #expect(Self.read(&counters, 5_020, 71, at: 110) == [5_020, 71])
  }

  @Test("a counter that stays 0 when the other one counts again was cleared; its minutes begin then")
  func clearedMeanwhile() {
    var counters = Self.started()
    for second in stride(from: UInt64(100), through: 160, by: 20) {
      #expect(Self.read(&counters, 0, 0, watts: 3_000, at: second) == nil)
    }
    for second in stride(from: UInt64(180), through: 330, by: 30) {
      #expect(Self.read(&counters, 5_010, 0, watts: 3_000, at: second) == nil, "\(second)")
    }
    #expect(Self.read(&counters, 5_010, 0, watts: 3_000, at: 360) == [5_010, 70])
    #expect(counters.exportOutcome == .rebased(from: wattHours(70), to: wattHours(0)) && counters.rebases == 1)
  }

  @Test("a house that never exported has its base as soon as its import is loaded, whatever power it showed before")
  func neverExported() {
    var counters = GuardedCounters(Self.rule)
    for second in stride(from: UInt64(1), through: 61, by: 10) {
      #expect(Self.read(&counters, 0, 0, watts: 3_000, at: second) == nil)
    }
    #expect(Self.read(&counters, 5_000, 0, watts: 3_000, at: 70) == nil)
    #expect(Self.read(&counters, 5_000, 0, watts: 3_000, at: 72) == [5_000, 0])
  }

  @Test("a house without an export counter is metered; one whose export counter vanished is not")
  func oneCounter() {
    var counters = GuardedCounters(Self.rule)
    _ = Self.read(&counters, 5_000, nil, at: 1)
    #expect(Self.read(&counters, 5_000, nil, at: 3) == [5_000, 0] && counters.exportOutcome == .absent)
    #expect(Self.read(&counters, 5_001, nil, at: 10) == [5_001, 0])
    var other = Self.started()
    #expect(Self.read(&other, 5_001, nil, at: 10) == nil && other.exportOutcome == .suspect(.missing))
  }

  @Test("a device without any counter is no meter")
  func noCounter() {
    var counters = GuardedCounters(Self.rule)
    for second in [1, 3, 5, 1_000] as [UInt64] { #expect(Self.read(&counters, nil, nil, at: second) == nil) }
  }

  @Test(
    "all counters 0 while power flows in either direction is a device that is not ready",
    arguments: [(5, false), (-5, false), (4, true), (0, true), (nil, true)] as [(Int64?, Bool)])
  func notReady(watts: Int64?, isBase: Bool) {
    var counters = GuardedCounters(Self.rule)
    var registers: [Int64]?
    for second in stride(from: 10, through: 400, by: 10) {
      registers = Self.read(&counters, 0, 0, watts: watts, at: UInt64(second))
    }
    #expect((registers == [0, 0]) == isBase)
  }

  @Test("power says nothing about a 0 beside a counter that works")
  func importOnly() {
    var counters = GuardedCounters(Self.rule)
    _ = Self.read(&counters, 0, 70, watts: -3_000, at: 1)
    #expect(Self.read(&counters, 0, 70, watts: -3_000, at: 3) == [0, 70])
  }

  @Test("news is what is accepted and what is disbelieved from now on; a fall that is watched is none")
  func news() throws {
    var counters = Self.started()
    let accepted = counters.takeNews()
    let nothing = counters.takeNews()
    #expect(accepted != nil && nothing == nil)
    _ = Self.read(&counters, 9_000, 70, at: 10)
    let jumped = counters.takeNews()
    #expect(jumped?.importCounter.ceiling == wattHours(9_000))
    _ = Self.read(&counters, 9_001, 70, at: 11)
    let again = counters.takeNews()
    #expect(again == nil)
    _ = Self.read(&counters, 8_000, 70, at: 12)
    let lower = counters.takeNews()
    #expect(lower?.importCounter.ceiling == wattHours(8_000))
    _ = Self.read(&counters, 0, 70, at: 13)
    let fallen = counters.takeNews()
    #expect(fallen == nil)
    _ = Self.read(&counters, 5_001, 70, at: 14)
    let settled = counters.takeNews()
    let standing = try #require(settled)
    #expect(standing.importCounter.ceiling == nil)
  }
}

@Suite("CountersStanding (docs/PROTOCOL.md)")
struct CountersStandingTests {
  static let example = CountersStanding(
    importCounter: CounterStanding(
      isAbsent: false, base: MilliwattHours(5_000), register: MilliwattHours(1_005_000),
      time: ReadingTime(monotonicNanoseconds: 7, wallNanoseconds: 8, wallIsSynchronised: true),
      ceiling: MilliwattHours(9_000_000)),
    exportCounter: CounterStanding(
      isAbsent: true, base: nil, register: MilliwattHours(0),
      time: ReadingTime(monotonicNanoseconds: 0, wallNanoseconds: 0, wallIsSynchronised: false), ceiling: nil))

  private static func bytes(_ standing: CountersStanding) -> [UInt8] {
    [UInt8](capacity: CountersStanding.encodedBytes) { out in standing.encode(into: &out) }
  }
  private static func read(_ bytes: [UInt8]) -> CountersStanding? {
    var reader = WireReader(bytes.span)
    return try? CountersStanding(decoding: &reader)
  }

  @Test("its bytes are those that Tests/Oracles/byte_vectors.py writes")
  func golden() {
    let bytes = Self.bytes(Self.example)
    #expect(bytes.count == 82)
    #expect(
      Hexadecimal.string(bytes.span)
        == "0e8813000000000000c8550f00000000000700000000000000080000000000000040548900000000000100000000000000000000000000000000000000000000000000000000000000000000000000000000"
    )
    #expect(Self.read(bytes) == Self.example)
  }

  @Test("every prefix and every longer form is refused, and no two forms are one standing")
  func oneForm() {
    let bytes = Self.bytes(Self.example)
    for count in 0..<bytes.count { #expect(Self.read(Array(bytes.prefix(count))) == nil) }
    #expect(Self.read(bytes + [0]) == nil)
    for place in bytes.indices {
      for bit in 0..<8 {
        var other = bytes
        other[place] ^= 1 << UInt8(bit)
        guard let found = Self.read(other) else { continue }
        #expect(found != Self.example && Self.bytes(found) == other)
      }
    }
  }

  @Test("what no counter can be is refused: flags, a base of an absent counter, numbers below 0, a ceiling at the base")
  func refused() {
    let bytes = Self.bytes(Self.example)
    func changed(_ place: Int, _ value: UInt8) -> CountersStanding? {
      var other = bytes
      other[place] = value
      return Self.read(other)
    }
    #expect(changed(0, 0x1E) == nil && changed(0, 0x0F) == nil && changed(0, 0x0C) == nil && changed(0, 0x06) == nil)
    #expect(changed(8, 0x80) == nil && changed(16, 0x80) == nil && changed(40, 0x80) == nil)
    // An absent counter has no time and no base.
    #expect(changed(41, 0x05) == nil && changed(42, 1) == nil && changed(58, 1) == nil && changed(74, 1) == nil)
    var low = bytes
    for place in 0..<8 { low[33 + place] = bytes[1 + place] }
    #expect(Self.read(low) == nil)
    low[33] += 1
    #expect(Self.read(low)?.importCounter.ceiling == MilliwattHours(5_001))
  }
}
