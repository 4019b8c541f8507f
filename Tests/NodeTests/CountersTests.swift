import Consensus
import HAL
import Metering
import Node
import Packets
import Testing
import Units
import Wire

@Suite(
  "What a meter keeps of its device's counters (docs/HARDWARE.md, Counters; docs/PROTOCOL.md, Journal and Closing)")
struct CountersTests {
  /// A meter that was exchanged once: its counter stands so far below the register.
  static let offset: Int64 = 4_000_000

  static func standing(_ registers: EnergyRegisters, ceiling: Int64? = nil) -> CountersStanding {
    let time = ReadingTime(monotonicNanoseconds: 5, wallNanoseconds: 6, wallIsSynchronised: true)
    let imported = registers.activeEnergyImport.value
    return CountersStanding(
      importCounter: CounterStanding(
        isAbsent: false, base: MilliwattHours(imported - offset), register: MilliwattHours(imported), time: time,
        ceiling: ceiling.map { MilliwattHours($0) }),
      exportCounter: CounterStanding(
        isAbsent: true, base: nil, register: MilliwattHours(0),
        time: ReadingTime(monotonicNanoseconds: 0, wallNanoseconds: 0, wallIsSynchronised: false), ceiling: nil))
  }

  private static func keep(_ standing: CountersStanding, _ process: MeterProcess) throws {
    try process.node.keep(standing, via: &process.host)
    try process.host.commit()
  }

  @Test("what was kept is there after a restart, the newest of it, and after one from a snapshot")
  func restarts() throws {
    let group = Group()
    group.run(toEndOf: 1001)
    let registers = group.registers(0, 1)
    try Self.keep(Self.standing(registers), group.meters[0][1]!)
    let doubted = Self.standing(registers, ceiling: registers.activeEnergyImport.value + 1)
    try Self.keep(doubted, group.meters[0][1]!)
    group.restartMeter(0, 1)
    #expect(group.meters[0][1]!.node.counters == doubted)
    // A process that is held on to keeps its disk.
    do {
      let process = group.meters[0][1]!
      try process.node.writeSnapshot(via: &process.host)
      try process.host.commit()
    }
    group.restartMeter(0, 1)
    #expect(group.meters[0][1]!.node.counters == doubted)
    // Nothing has to be found again.
    let recovered = group.meters[0][1]!.node.takeRecoveredCounters()
    #expect(recovered == nil)
  }

  @Test("a meter whose disk is lost finds out from its certified record where its counter stood, and when")
  func lostDisk() throws {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    try Self.keep(Self.standing(group.registers(2, 1)), group.meters[2][1]!)
    group.run(toEndOf: 1002, plus: 3000)
    let settled = group.meters[2][1]!.node.certifiedRegisters!
    let through = group.meters[2][1]!.node.coveredThrough.rawValue
    group.killMeter(2, 1)
    group.disks[Group.meterName(2, 1).rawValue] = nil
    group.startMeter(2, 1)
    #expect(group.meters[2][1]!.node.counters == nil)
    #expect(group.run(untilAtMost: 3) { group.meters[2][1]!.node.certifiedRegisters == settled })
    let taken = group.meters[2][1]!.node.takeRecoveredCounters()
    let recovered = try #require(taken)
    let again = group.meters[2][1]!.node.takeRecoveredCounters()
    #expect(again == nil && group.meters[2][1]!.node.counters == recovered)
    let counter = recovered.importCounter
    #expect(counter.register == settled.activeEnergyImport)
    #expect(counter.base?.value == settled.activeEnergyImport.value - Self.offset && counter.ceiling == nil)
    #expect(counter.time.wallIsSynchronised)
    #expect(
      counter.time.wallNanoseconds == (through + 1) * UInt64(group.genesis.periodSeconds) * 1_000_000_000)
    #expect(recovered.exportCounter.isAbsent && recovered.exportCounter.base == nil)
    group.restartMeter(2, 1)
    #expect(group.meters[2][1]!.node.counters == recovered)
  }

  @Test("what was used since that boundary is counted, though the counter was exchanged before it")
  func resumed() {
    let rule = CounterRule(ratedPowerMilliwatts: 10_000_000, quantumMilliwattHours: 1_000)
    let boundary = ReadingTime(
      monotonicNanoseconds: .max, wallNanoseconds: 1_800_000_000_000_000_000, wallIsSynchronised: true)
    let standing = CountersStanding(
      importCounter: CounterStanding(
        isAbsent: false, base: MilliwattHours(9_000_000), register: MilliwattHours(500_000), time: boundary,
        ceiling: nil),
      exportCounter: CounterStanding(
        isAbsent: true, base: nil, register: MilliwattHours(0),
        time: ReadingTime(monotonicNanoseconds: 0, wallNanoseconds: 0, wallIsSynchronised: false), ceiling: nil))
    var counters = GuardedCounters(rule)
    // Before the certificate came: the device's own number.
    for second in [1, 3] as [UInt64] {
      _ = counters.accept(
        importEnergy: MilliwattHours(9_050_000), exportEnergy: nil, activePowerMilliwatts: nil,
        at: ReadingTime(monotonicNanoseconds: second * 1_000_000_000, wallNanoseconds: 0, wallIsSynchronised: false))
    }
    counters.resume(from: standing)
    let now = ReadingTime(
      monotonicNanoseconds: 9_000_000_000, wallNanoseconds: 1_800_000_600_000_000_000, wallIsSynchronised: true)
    let registers = counters.accept(
      importEnergy: MilliwattHours(9_060_000), exportEnergy: nil, activePowerMilliwatts: nil, at: now)
    #expect(registers?.importEnergy == MilliwattHours(560_000))
  }

  @Test("a record of its own that it knows of tells a meter nothing of its counters")
  func ownRecord() throws {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    let standing = Self.standing(group.registers(0, 0))
    try Self.keep(standing, group.meters[0][0]!)
    group.run(toEndOf: 1004, plus: 3000)
    #expect(group.meters[0][0]!.node.counters == standing)
    let recovered = group.meters[0][0]!.node.takeRecoveredCounters()
    #expect(recovered == nil)
  }

  @Test("a closing is read in one form only, as Tests/Oracles/byte_vectors.py writes it")
  func closing() {
    let closing = Closing(
      registers: EnergyRegisters(
        activeEnergyImport: MilliwattHours(5_000), activeEnergyExport: MilliwattHours(70)),
      importCounter: 1_000, exportCounter: -1)
    let bytes = [UInt8](capacity: Closing.encodedBytes) { out in closing.encode(into: &out) }
    #expect(
      Hexadecimal.string(bytes.span) == "88130000000000004600000000000000e803000000000000ffffffffffffffff")
    func read(_ bytes: [UInt8]) -> Closing? {
      var reader = WireReader(bytes.span)
      return try? Closing(decoding: &reader)
    }
    expectOneForm(closing, bytes, read: read) { found in
      [UInt8](capacity: Closing.encodedBytes) { out in found.encode(into: &out) }
    }
    // Below −1 there is no counter.
    #expect(read(Array(bytes.prefix(24)) + [0xFE] + Array(repeating: 0xFF, count: 7)) == nil)
  }
}
