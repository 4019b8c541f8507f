import Aggregation
import Consensus
import Cryptography
import HAL
import Metering
import Packets
import Units
import Wire

/// Where a meter stands, apart from the records it keeps: the last entry of its snapshot. (docs/PROTOCOL.md, MeterStanding)
package struct MeterStanding: Equatable, Sendable {
  package static let encodedBytes = 169

  package struct Flags: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let hasCertified = Flags(rawValue: 1)
    package static let hasActivation = Flags(rawValue: 2)
    package static let hasLatest = Flags(rawValue: 4)
    /// The journal was torn, and what was lost is not known yet.
    package static let isDoubtful = Flags(rawValue: 8)
    static let all: UInt8 = 15
  }

  package var flags: Flags = []
  package var coveredThrough: Period = Period(0)
  package var lastClosed: Period = Period(0)
  package var forgoneThrough: Period = Period(0)
  package var certified: EnergyRegisters = .zero
  package var activation: EnergyRegisters = .zero
  package var latest: EnergyRegisters = .zero
  package var lost: LostRecords = LostRecords()

  package init() {}

  package func encode(into output: inout OutputSpan<UInt8>) {
    output.write(flags.rawValue)
    output.write(coveredThrough.rawValue)
    output.write(lastClosed.rawValue)
    output.write(forgoneThrough.rawValue)
    for registers in [certified, activation, latest] { registers.encode(into: &output) }
    lost.encode(into: &output)
  }

  package init(decoding reader: inout WireReader) throws(WireError) {
    let start = reader.offset
    let code = try reader.read(UInt8.self)
    guard code & ~Flags.all == 0 else { throw .outOfRange(offset: start) }
    flags = Flags(rawValue: code)
    coveredThrough = Period(try reader.read(UInt64.self))
    lastClosed = Period(try reader.read(UInt64.self))
    forgoneThrough = Period(try reader.read(UInt64.self))
    certified = try EnergyRegisters(decoding: &reader)
    activation = try EnergyRegisters(decoding: &reader)
    latest = try EnergyRegisters(decoding: &reader)
    guard certified == .zero || flags.contains(.hasCertified), latest == .zero || flags.contains(.hasLatest),
      activation == .zero || flags.contains(.hasActivation)
    else { throw .outOfRange(offset: start) }
    lost = try LostRecords(decoding: &reader)
    try reader.expectEnd()
  }
}

extension EnergyRegisters {
  package static let zero = EnergyRegisters(
    activeEnergyImport: MilliwattHours(0), activeEnergyExport: MilliwattHours(0))

  /// Import and export, Int64 each.
  package func encode(into output: inout OutputSpan<UInt8>) {
    output.write(UInt64(bitPattern: activeEnergyImport.value))
    output.write(UInt64(bitPattern: activeEnergyExport.value))
  }

  package init(decoding reader: inout WireReader) throws(WireError) {
    let imported = Int64(bitPattern: try reader.read(UInt64.self))
    let exported = Int64(bitPattern: try reader.read(UInt64.self))
    self.init(activeEnergyImport: MilliwattHours(imported), activeEnergyExport: MilliwattHours(exported))
  }
}

// What a meter still needs of its journal.
extension MeterNode {
  mutating func compactIfDue(via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    if host.isSnapshotDue { try writeSnapshot(via: &host) }
  }

  package mutating func writeSnapshot(via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    try host.beginSnapshot()
    try link.writeSnapshot(via: &host)
    // As if all of them had been closed, and then taken back.
    if !takenBack.isEmpty {
      for record in takenBack { try writeClosed(record, via: &host) }
      let entry = FixedBytes<9> { out in JournalEntry.takenBack(through: Period(0)).encode(into: &out) }
      try host.appendToSnapshot(entry.span)
    }
    for record in outstanding where !mutated(.snapshotWithoutOutstanding) { try writeClosed(record, via: &host) }
    if let counters, !mutated(.snapshotWithoutCounters) {
      let entry = Self.countersEntry(counters)
      try host.appendToSnapshot(entry.span)
    }
    let state = state
    let entry = [UInt8](capacity: 1 + MeterStanding.encodedBytes) { out in
      JournalEntry.meterStanding(standing: state).encode(into: &out)
    }
    try host.appendToSnapshot(entry.span)
    try host.copyIntoSnapshot { entry in ModulusVerdict.isEntry(entry) }
    host.compareSnapshot { restorable }
    try host.commitSnapshot()
  }

  private func writeClosed(
    _ record: OutstandingRecord, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let entry = Self.closedEntry(latest ?? record.closing, record.closing, record.bytes)
    try host.appendToSnapshot(entry.span)
  }

  /// A digest over what a restart puts back. What was read and not signed is in memory alone.
  package var restorable: Restorable {
    var state = state
    state.lastClosed = Period(0)
    state.latest = .zero
    state.flags.remove(.hasLatest)
    let bytes = [UInt8](capacity: MeterStanding.encodedBytes) { out in state.encode(into: &out) }
    let digest = Blake2b.digest(domain: "BUSBARir") { hash in
      hash.update(bytes.span)
      hash.update(UInt16(takenBack.count))
      for record in takenBack + outstanding {
        hash.update(record.bytes.span)
        hash.update(UInt64(bitPattern: record.closing.activeEnergyImport.value))
        hash.update(UInt64(bitPattern: record.closing.activeEnergyExport.value))
      }
      if let counters {
        let kept = Self.countersEntry(counters)
        hash.update(kept.span)
      }
      for peer in link.sealer.peers.indices { hash.update(link.sealer.minimumBootCounter(of: peer)) }
    }
    return Restorable(digest: digest, atLeast: [])
  }
}
