import Aggregation
import Consensus
import Metering
import Packets
import Units
import Wire

extension JournalEntry {
  /// Appends the entry.
  ///
  /// A last part that is not in one piece of memory may be left empty, and its bytes be appended behind: it ends with the entry.
  package func encode(into output: inout OutputSpan<UInt8>) {
    if case .head(let certificate, let table, let product) = self {
      return Self.encodeHead(certificate, product, tableBytes: table.count, into: &output) { out in out.write(table) }
    }
    output.write(kind.rawValue)
    switch self {
    case .boot(let counter): output.write(counter)
    case .peerBoot(let node, let counter):
      output.write(node)
      output.write(counter)
    case .votingFloor(let period): output.write(period.rawValue)
    case .modulusProven(let networkIdentifier): output.write(networkIdentifier)
    case .vote(let vote, let proof):
      vote.encode(into: &output)
      output.write(proof)
    case .record(let record, let ciphertext):
      record.encode(into: &output)
      output.write(ciphertext)
    case .proposal(let header): header.encode(into: &output)
    case .contradiction(let contradiction): contradiction.encode(into: &output)
    case .acknowledged(let position): position.encode(into: &output)
    case .inclusion(let certificate, let proof, let siblings):
      output.writeCounted(certificate)
      proof.encode(into: &output)
      output.write(siblings)
    case .decided(let certificate, let product): Self.encodeCell(certificate, product, into: &output)
    case .shown(let certificate, let records):
      output.writeCounted(certificate)
      output.write(records)
    case .named(let meter, let home, let period):
      output.write(meter.rawValue)
      output.write(home.rawValue)
      output.write(period.rawValue)
    case .head, .baseline, .closed, .certified, .recovered, .takenBack, .counters, .meterStanding:
      encodeOfMeter(into: &output)
    case .published, .unreadable, .knownCoverage: encodeOfBookkeeper(into: &output)
    }
  }

  private func encodeOfMeter(into output: inout OutputSpan<UInt8>) {
    switch self {
    case .baseline(let period, let registers), .recovered(let period, let registers):
      output.write(period.rawValue)
      registers.encode(into: &output)
    case .closed(let read, let accounted, let record, let ciphertext):
      read.encode(into: &output)
      accounted.encode(into: &output)
      record.encode(into: &output)
      output.write(ciphertext)
    case .certified(let recordHash): output.write(recordHash)
    case .takenBack(let period): output.write(period.rawValue)
    case .counters(let standing): standing.encode(into: &output)
    case .meterStanding(let standing): standing.encode(into: &output)
    default: preconditionFailure("no entry of a meter")
    }
  }

  private func encodeOfBookkeeper(into output: inout OutputSpan<UInt8>) {
    switch self {
    case .published(let period, let position, let contributors):
      Self.encodeTold(period, position, contributors, into: &output)
    case .unreadable(let period, let position, let contributors, let certificate, let product, let sum):
      Self.encodeTold(period, position, contributors, into: &output)
      output.writeCounted(certificate)
      output.writeCounted(product)
      output.write(sum)
    case .knownCoverage(let owner, let position, let coveredThrough):
      output.write(owner.rawValue)
      output.write(position.rawValue)
      output.write(coveredThrough)
    default: preconditionFailure("no entry of a bookkeeper")
    }
  }

  private static func encodeTold(
    _ period: Period, _ position: AcknowledgedPosition, _ contributors: MeterBitmap,
    into output: inout OutputSpan<UInt8>
  ) {
    output.write(period.rawValue)
    position.encode(into: &output)
    output.write(contributors.bytes)
  }

  /// Appends a ``head`` whose table is written by whoever has it: as many bytes as said.
  static func encodeHead(
    _ certificate: Span<UInt8>, _ product: Span<UInt8>, tableBytes: Int, into output: inout OutputSpan<UInt8>,
    table: (inout OutputSpan<UInt8>) -> Void
  ) {
    output.write(EntryKind.head.rawValue)
    output.writeCounted(certificate)
    output.write(UInt16(tableBytes))
    let before = output.count
    table(&output)
    precondition(output.count == before + tableBytes)
    output.write(product)
  }

  /// Appends what a cell holds: a ``decided`` without its kind.
  static func encodeCell(_ certificate: Span<UInt8>, _ product: Span<UInt8>, into output: inout OutputSpan<UInt8>) {
    output.writeCounted(certificate)
    output.write(product)
  }
}

extension OutputSpan<UInt8> {
  /// A part that others follow: its length u16, then its bytes.
  @_lifetime(self: copy self)
  fileprivate mutating func writeCounted(_ bytes: Span<UInt8>) {
    write(UInt16(bytes.count))
    write(bytes)
  }
}
