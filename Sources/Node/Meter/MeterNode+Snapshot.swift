import Aggregation
import Consensus
import Cryptography
import HAL
import Metering
import Packets
import Units
import Wire

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
