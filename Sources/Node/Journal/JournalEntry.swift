import Aggregation
import Consensus
import Metering
import Packets
import Units
import Wire

/// What a node writes into its journal: one entry, whose variable parts are borrowed. (docs/PROTOCOL.md, Journal entries)
///
/// The layout of every entry is here and in the two files beside this one, and nowhere else. Whether a certificate's signatures hold, a
/// party is one of the group's or a list is as long as its set is for whoever reads an entry; what a part is made of is read by its own type.
package enum JournalEntry: ~Escapable {
  // MARK: Of every node

  /// A run began under this boot counter.
  case boot(counter: UInt64)
  /// An aggregator, by its number as a party, was heard in this run.
  case peerBoot(node: UInt32, counter: UInt64)
  /// Nothing is signed about periods before this one. Of a meter 0: not known yet, its journal was torn.
  case votingFloor(period: Period)
  /// The proof of the modulus holds in the genesis of this network.
  case modulusProven(networkIdentifier: Digest)

  // MARK: Of an aggregator

  /// An own vote. `proof`: behind a commit and a round change the PreparedCertificate, behind a prepare of a round after a position's first
  /// the NewRound, behind others nothing. It is looked at by ``Consensus/Instance/restore(_:proof:)``, so that a vote of a position that
  /// is decided costs little.
  case vote(vote: Vote, proof: Span<UInt8>)
  case record(record: Record, ciphertext: Span<UInt8>)
  /// A value, before the own prepare for it.
  case proposal(header: Header)
  case contradiction(contradiction: Contradiction)
  /// The newest decided position. `table` is the coverage table after it, or nothing where it is not known; so is `product`.
  case head(certificate: Span<UInt8>, table: Span<UInt8>, product: Span<UInt8>)
  case acknowledged(position: AcknowledgedPosition)
  /// What a meter is shown that the newest certificate goes without. `siblings` are as many digests as the proof says.
  case inclusion(certificate: Span<UInt8>, proof: InclusionProof, siblings: Span<UInt8>)

  // MARK: Of an aggregator's snapshots alone

  /// A position before the head.
  case decided(certificate: Span<UInt8>, product: Span<UInt8>)
  /// The newest certificate whose contributors can be shown their places, and a ``ShownRecord`` of each, in the order of the meters.
  case shown(certificate: Span<UInt8>, records: Span<UInt8>)
  /// A decided header of another set accused a meter; `period` is of the latest such header.
  case named(meter: MeterIndex, home: ReplicaIndex, period: Period)

  // MARK: Of a meter

  case baseline(period: Period, registers: EnergyRegisters)
  /// A period is closed: what was read, up to where the record accounts, and the record as it is sent.
  case closed(read: EnergyRegisters, accounted: EnergyRegisters, record: Record, ciphertext: Span<UInt8>)
  case certified(recordHash: Digest)
  /// Registers that a certified `closing` gave back.
  case recovered(through: Period, registers: EnergyRegisters)
  /// Records that end after this period are taken back.
  case takenBack(through: Period)
  case counters(standing: CountersStanding)
  /// Of its snapshots alone.
  case meterStanding(standing: MeterStanding)

  // MARK: Of a bookkeeper

  case published(period: Period, position: AcknowledgedPosition, contributors: MeterBitmap)
  /// The same of a total that cannot be read, with all that is known of it. `sum` is S, or nothing.
  case unreadable(
    period: Period, position: AcknowledgedPosition, contributors: MeterBitmap, certificate: Span<UInt8>,
    product: Span<UInt8>, sum: Span<UInt8>)
  /// Of its snapshots alone: `coveredThrough` is a period for each meter of the set, u64.
  case knownCoverage(owner: ReplicaIndex, position: Position, coveredThrough: Span<UInt8>)

  package var kind: EntryKind {
    switch self {
    case .boot: .boot
    case .peerBoot: .peerBoot
    case .votingFloor: .votingFloor
    case .modulusProven: .modulusProven
    case .vote: .vote
    case .record: .record
    case .proposal: .proposal
    case .contradiction: .contradiction
    case .head: .head
    case .acknowledged: .acknowledged
    case .inclusion: .inclusion
    case .decided: .decided
    case .shown: .shown
    case .named: .named
    case .baseline: .baseline
    case .closed: .closed
    case .certified: .certified
    case .recovered: .recovered
    case .takenBack: .takenBack
    case .counters: .counters
    case .meterStanding: .meterStanding
    case .published: .published
    case .unreadable: .unreadable
    case .knownCoverage: .knownCoverage
    }
  }
}

/// What the newest certificate's entry has of a contributor: a certified record without its ciphertext. What a ``RecordStatement`` says beside
/// is the same for all of a set, or in the certificate.
struct ShownRecord {
  static let encodedBytes = 112

  var from: Period
  var ciphertextHash: Digest
  var closing: FixedBytes<72>

  init(from: Period, ciphertextHash: Digest, closing: FixedBytes<72>) {
    self.from = from
    self.ciphertextHash = ciphertextHash
    self.closing = closing
  }

  func encode(into output: inout OutputSpan<UInt8>) {
    output.write(from.rawValue)
    output.write(ciphertextHash)
    output.write(closing)
  }

  init(decoding reader: inout WireReader) throws(WireError) {
    from = Period(try reader.read(UInt64.self))
    ciphertextHash = try reader.read(Digest.self)
    closing = try reader.read(FixedBytes<72>.self)
  }
}
