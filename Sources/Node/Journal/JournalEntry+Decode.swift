import Aggregation
import Consensus
import Metering
import Packets
import Units
import Wire

extension EntryKind {
  /// What an entry says it is, whether or not the rest of it can be read; nil for a kind that nobody writes.
  package init?(of entry: Span<UInt8>) {
    guard entry.count > 0 else { return nil }
    self.init(rawValue: entry[0])
  }
}

extension JournalEntry {
  /// Reads an entry. Its last part reaches to the entry's end, whatever its length.
  ///
  /// Behind an entry that ends with a number, a digest, a header or an acknowledged position nothing is looked at: nobody writes more, and
  /// whoever did would say the same and more. All others are refused with a byte too many.
  @_lifetime(copy bytes)
  package init(decoding bytes: Span<UInt8>) throws(WireError) {
    var reader = WireReader(bytes)
    let code = try reader.read(UInt8.self)
    guard let kind = EntryKind(rawValue: code) else { throw .unknownKind(code) }
    switch kind {
    case .boot: self = .boot(counter: try reader.read(UInt64.self))
    case .peerBoot:
      let node = try reader.read(UInt32.self)
      self = .peerBoot(node: node, counter: try reader.read(UInt64.self))
    case .votingFloor: self = .votingFloor(period: Period(try reader.read(UInt64.self)))
    case .modulusProven:
      let networkIdentifier = try reader.read(Digest.self)
      try reader.expectEnd()
      self = .modulusProven(networkIdentifier: networkIdentifier)
    case .vote:
      let vote = try Vote(decoding: &reader)
      self = .vote(vote: vote, proof: try reader.readRest())
    case .record:
      let record = try Record(decoding: &reader)
      self = .record(record: record, ciphertext: try reader.readRest())
    case .proposal: self = .proposal(header: try Header(decoding: &reader))
    case .contradiction: self = .contradiction(contradiction: try Contradiction(decoding: &reader))
    case .head:
      let certificate = try reader.readCounted()
      let table = try reader.readCounted()
      self = .head(certificate: certificate, table: table, product: try reader.readRest())
    case .acknowledged: self = .acknowledged(position: try AcknowledgedPosition(decoding: &reader))
    case .inclusion:
      let certificate = try reader.readCounted()
      let proof = try InclusionProof(decoding: &reader)
      self = .inclusion(certificate: certificate, proof: proof, siblings: try reader.readRest())
    case .decided:
      let certificate = try reader.readCounted()
      self = .decided(certificate: certificate, product: try reader.readRest())
    case .shown:
      let certificate = try reader.readCounted()
      self = .shown(certificate: certificate, records: try reader.readRest())
    case .named:
      let meter = MeterIndex(try reader.read(UInt16.self))
      let home = ReplicaIndex(try reader.read(UInt16.self))
      let period = Period(try reader.read(UInt64.self))
      try reader.expectEnd()
      self = .named(meter: meter, home: home, period: period)
    case .baseline, .closed, .certified, .recovered, .takenBack, .counters, .meterStanding:
      self = try Self.decodeOfMeter(kind, &reader)
    case .published, .unreadable, .knownCoverage: self = try Self.decodeOfBookkeeper(kind, &reader)
    }
  }

  @_lifetime(copy reader)
  private static func decodeOfMeter(_ kind: EntryKind, _ reader: inout WireReader) throws(WireError) -> JournalEntry {
    switch kind {
    case .baseline:
      let period = Period(try reader.read(UInt64.self))
      return .baseline(period: period, registers: try EnergyRegisters(decoding: &reader))
    case .closed:
      let read = try EnergyRegisters(decoding: &reader)
      let accounted = try EnergyRegisters(decoding: &reader)
      let record = try Record(decoding: &reader)
      return .closed(read: read, accounted: accounted, record: record, ciphertext: try reader.readRest())
    case .certified: return .certified(recordHash: try reader.read(Digest.self))
    case .recovered:
      let through = Period(try reader.read(UInt64.self))
      return .recovered(through: through, registers: try EnergyRegisters(decoding: &reader))
    case .takenBack: return .takenBack(through: Period(try reader.read(UInt64.self)))
    case .counters: return .counters(standing: try CountersStanding(decoding: &reader))
    case .meterStanding: return .meterStanding(standing: try MeterStanding(decoding: &reader))
    default: preconditionFailure("no entry of a meter")
    }
  }

  @_lifetime(copy reader)
  private static func decodeOfBookkeeper(
    _ kind: EntryKind, _ reader: inout WireReader
  ) throws(WireError) -> JournalEntry {
    if kind == .knownCoverage {
      let owner = ReplicaIndex(try reader.read(UInt16.self))
      let position = Position(try reader.read(UInt64.self))
      return .knownCoverage(owner: owner, position: position, coveredThrough: try reader.readRest())
    }
    let period = Period(try reader.read(UInt64.self))
    let position = try AcknowledgedPosition(decoding: &reader)
    let contributors = MeterBitmap(try reader.read(FixedBytes<64>.self))
    if kind == .published {
      try reader.expectEnd()
      return .published(period: period, position: position, contributors: contributors)
    }
    let certificate = try reader.readCounted()
    let product = try reader.readCounted()
    return .unreadable(
      period: period, position: position, contributors: contributors, certificate: certificate, product: product,
      sum: try reader.readRest())
  }

  /// What a cell holds; nil for bytes that no cell holds.
  @_lifetime(copy bytes)
  static func decodeCell(_ bytes: Span<UInt8>) -> JournalEntry? {
    var reader = WireReader(bytes)
    guard let certificate = try? reader.readCounted(), let product = try? reader.readRest() else { return nil }
    return .decided(certificate: certificate, product: product)
  }
}

extension WireReader {
  /// A part that others follow: its length u16, then its bytes.
  @_lifetime(copy self)
  @_lifetime(self: copy self)
  fileprivate mutating func readCounted() throws(WireError) -> Span<UInt8> {
    let count = try read(UInt16.self)
    return try readBytes(Int(count))
  }

  /// The last part.
  @_lifetime(copy self)
  @_lifetime(self: copy self)
  fileprivate mutating func readRest() throws(WireError) -> Span<UInt8> { try readBytes(remaining) }
}
