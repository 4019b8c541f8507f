import Aggregation
import Consensus
import HAL
import Metering
import Units
import Wire

/// What a record's `closing` seals to the meter's own key: up to where it accounts. (docs/PROTOCOL.md, Closing)
package struct Closing: Equatable, Sendable {
  package static let encodedBytes = 32

  package var registers: EnergyRegisters
  /// What the device's own counters said, or would have said, when the registers stood there: in mWh, −1 where there is none.
  package var importCounter: Int64
  package var exportCounter: Int64

  package init(registers: EnergyRegisters, importCounter: Int64 = -1, exportCounter: Int64 = -1) {
    self.registers = registers
    self.importCounter = importCounter
    self.exportCounter = exportCounter
  }

  package func encode(into output: inout OutputSpan<UInt8>) {
    registers.encode(into: &output)
    output.write(UInt64(bitPattern: importCounter))
    output.write(UInt64(bitPattern: exportCounter))
  }

  package init(decoding reader: inout WireReader) throws(WireError) {
    registers = try EnergyRegisters(decoding: &reader)
    let start = reader.offset
    importCounter = Int64(bitPattern: try reader.read(UInt64.self))
    exportCounter = Int64(bitPattern: try reader.read(UInt64.self))
    guard importCounter >= -1, exportCounter >= -1 else { throw .outOfRange(offset: start) }
    try reader.expectEnd()
  }
}

// The device's counters: what a meter keeps of them, and finds again.
extension MeterNode {
  /// Makes durable what the counters were believed to be. Before the registers that were read with it are closed: a reading
  /// that is in a record, or was disbelieved, is never judged again as if it had not been seen.
  public mutating func keep(
    _ standing: CountersStanding, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    if !mutated(.countersNotPersisted) {
      let entry = Self.countersEntry(standing)
      try host.append(entry.span)
      try host.sync()
    }
    counters = standing
  }

  static func countersEntry(_ standing: CountersStanding) -> [UInt8] {
    [UInt8](capacity: 1 + CountersStanding.encodedBytes) { out in
      JournalEntry.counters(standing: standing).encode(into: &out)
    }
  }

  /// What whoever reads the device must go on from, after a certificate told of a boundary that this disk had lost; nil as a
  /// rule, and once it was taken.
  public mutating func takeRecoveredCounters() -> CountersStanding? {
    let recovered = recoveredCounters
    recoveredCounters = nil
    return recovered
  }

  /// What is sealed into a record that accounts up to these registers.
  func closing(at registers: EnergyRegisters) -> Closing {
    var closing = Closing(registers: registers)
    guard let counters, !mutated(.closingWithoutCounters) else { return closing }
    closing.importCounter = Self.counter(counters.importCounter, at: registers.activeEnergyImport)
    closing.exportCounter = Self.counter(counters.exportCounter, at: registers.activeEnergyExport)
    return closing
  }

  /// A register runs beside its counter; a record may account for up to a watt-hour less than was read, and a counter that was just
  /// cleared was not below 0 then.
  private static func counter(_ counter: CounterStanding, at register: MilliwattHours) -> Int64 {
    counter.base.map { max(0, $0.value - (counter.register.value - register.value)) } ?? -1
  }

  /// How the counters stood at a boundary that this disk knows nothing of. The boundary's end is the time of that reading: by the
  /// monotonic clock nothing is known of it.
  func standing(at closing: Closing, through period: Period) -> CountersStanding {
    let (seconds, overflow) = period.next.rawValue.multipliedReportingOverflow(by: UInt64(genesis.periodSeconds))
    let (end, tooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let time = ReadingTime(
      monotonicNanoseconds: .max, wallNanoseconds: overflow || tooLarge ? .max : end, wallIsSynchronised: true)
    return CountersStanding(
      importCounter: Self.standing(closing.importCounter, closing.registers.activeEnergyImport, time),
      exportCounter: Self.standing(closing.exportCounter, closing.registers.activeEnergyExport, time))
  }

  private static func standing(_ counter: Int64, _ register: MilliwattHours, _ time: ReadingTime) -> CounterStanding {
    CounterStanding(
      isAbsent: counter < 0, base: counter < 0 ? nil : MilliwattHours(counter),
      register: MilliwattHours(max(0, register.value)), time: time, ceiling: nil)
  }
}
