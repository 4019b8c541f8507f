import Consensus
import Cryptography
import Units
import Wire

/// The energy of one meter for the periods `from...through`, encrypted: what a meter sends, without the ciphertext.
///
/// The signature covers ``encodeSigned(into:)``, which names the network, group and a digest of the ciphertext, so that
/// receipts, manifests, evidence and proofs need hashes only. (DESIGN §2.1, §2.2)
public struct Record: Equatable, Sendable {
  /// Bytes before the ciphertext.
  public static let fixedBytes = 184

  public var owner: ReplicaIndex
  public var meter: MeterIndex
  public var epoch: Epoch
  public var from: Period
  public var through: Period
  public var keyIdentifier: FixedBytes<16>
  /// Closing registers, sealed to the meter's own key.
  public var closing: FixedBytes<72>
  public var signature: Signature

  /// Takes a record's parts. The ciphertext is no part of this: it follows behind, and the signature covers its hash.
  public init(
    owner: ReplicaIndex, meter: MeterIndex, epoch: Epoch, from: Period, through: Period,
    keyIdentifier: FixedBytes<16>, closing: FixedBytes<72>, signature: Signature
  ) {
    self.owner = owner
    self.meter = meter
    self.epoch = epoch
    self.from = from
    self.through = through
    self.keyIdentifier = keyIdentifier
    self.closing = closing
    self.signature = signature
  }

  /// The caller appends the ciphertext behind this.
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(owner.rawValue)
    output.write(meter.rawValue)
    output.writeZeros(4)
    output.write(epoch.rawValue)
    output.write(from.rawValue)
    output.write(through.rawValue)
    output.write(keyIdentifier)
    output.write(closing)
    output.write(signature)
  }

  /// Reads the 184 bytes before the ciphertext. (docs/PROTOCOL.md, Record)
  public init(decoding reader: inout WireReader) throws(WireError) {
    owner = ReplicaIndex(try reader.read(UInt16.self))
    meter = MeterIndex(try reader.read(UInt16.self))
    try reader.readZeros(4)
    epoch = Epoch(try reader.read(UInt64.self))
    from = Period(try reader.read(UInt64.self))
    through = Period(try reader.read(UInt64.self))
    keyIdentifier = try reader.read(FixedBytes<16>.self)
    closing = try reader.read(FixedBytes<72>.self)
    signature = try reader.read(Signature.self)
  }
}

/// The 192 bytes a meter signs for a record.
public struct RecordStatement: SignedMessage, Equatable, Sendable {
  public static let maximumSignedBytes = 192

  public var networkIdentifier: Digest
  public var group: GroupIndex
  public var record: Record
  public var ciphertextHash: Digest
  public var signature: Signature { record.signature }

  /// Takes a record with what its signature covers besides: the network, the group and the hash of the ciphertext.
  public init(networkIdentifier: Digest, group: GroupIndex, record: Record, ciphertextHash: Digest) {
    self.networkIdentifier = networkIdentifier
    self.group = group
    self.record = record
    self.ciphertextHash = ciphertextHash
  }

  public func encodeSigned(into output: inout OutputSpan<UInt8>) {
    output.writeTag("BUSBARrc")
    output.write(networkIdentifier)
    output.write(record.epoch.rawValue)
    output.write(group.rawValue)
    output.write(record.owner.rawValue)
    output.write(record.meter.rawValue)
    output.writeZeros(2)
    output.write(record.from.rawValue)
    output.write(record.through.rawValue)
    output.write(record.keyIdentifier)
    output.write(ciphertextHash)
    output.write(record.closing)
  }

  /// Names the record everywhere.
  public var recordHash: Digest {
    Blake2b.digest(domain: "BUSBARrh") { hash in
      hash.update(FixedBytes<192> { out in encodeSigned(into: &out) })
    }
  }

  /// Digest of a ciphertext's bytes, in records and headers.
  public static func ciphertextHash(_ ciphertext: Span<UInt8>) -> Digest {
    Blake2b.digest(domain: "BUSBARct", ciphertext)
  }
}

/// An aggregator's promise that it holds a record, durable, for one position of the set's chain and one period. (DESIGN §2.3)
public struct Receipt: SignedMessage, Equatable, Sendable {
  public static let encodedBytes = 168
  public static let maximumSignedBytes = 104

  public var networkIdentifier: Digest
  public var epoch: Epoch
  public var group: GroupIndex
  public var owner: ReplicaIndex
  public var meter: MeterIndex
  public var signer: ReplicaIndex
  public var period: Period
  /// The position that was open for its signer when it gave this.
  public var position: Position
  public var recordHash: Digest
  public var signature: Signature

  /// Takes what is promised, without a signature: the signer adds that.
  public init(
    networkIdentifier: Digest, epoch: Epoch, group: GroupIndex, owner: ReplicaIndex, meter: MeterIndex,
    signer: ReplicaIndex, period: Period, position: Position, recordHash: Digest
  ) {
    self.networkIdentifier = networkIdentifier
    self.epoch = epoch
    self.group = group
    self.owner = owner
    self.meter = meter
    self.signer = signer
    self.period = period
    self.position = position
    self.recordHash = recordHash
    signature = Signature()
  }

  public func encodeSigned(into output: inout OutputSpan<UInt8>) {
    output.writeTag("BUSBARr2")
    output.write(networkIdentifier)
    output.write(epoch.rawValue)
    output.write(group.rawValue)
    output.write(owner.rawValue)
    output.write(meter.rawValue)
    output.write(signer.rawValue)
    output.write(period.rawValue)
    output.write(position.rawValue)
    output.write(recordHash)
  }

  /// Appends 168 bytes. (docs/PROTOCOL.md, Receipt)
  public func encode(into output: inout OutputSpan<UInt8>) {
    encodeSigned(into: &output)
    output.write(signature)
  }

  /// Reads 168 bytes. Throws for a receipt of version 1; the signature is not checked.
  public init(decoding reader: inout WireReader) throws(WireError) {
    try reader.readTag("BUSBARr2", inVersion1: "BUSBARrp")
    networkIdentifier = try reader.read(Digest.self)
    epoch = Epoch(try reader.read(UInt64.self))
    group = GroupIndex(try reader.read(UInt16.self))
    owner = ReplicaIndex(try reader.read(UInt16.self))
    meter = MeterIndex(try reader.read(UInt16.self))
    signer = ReplicaIndex(try reader.read(UInt16.self))
    period = Period(try reader.read(UInt64.self))
    position = Position(try reader.read(UInt64.self))
    recordHash = try reader.read(Digest.self)
    signature = try reader.read(Signature.self)
  }

  /// Whether the header of a position breaks this promise, which was given for a record that carried on from `from`.
  ///
  /// Only the position it was given in counts: when an older header that was locked is decided first, the record no longer follows, and
  /// the honest primary of the next position has to leave it out. (consensus rule R15)
  ///
  /// Nor does it where a slot that the meter feeds has no feeder among the contributors: too few had a record, and a sum of so few
  /// would be theirs. (consensus rule C13)
  ///
  /// - Parameter coveredThrough: of the meter, before that header.
  public func convicts(
    _ header: Header, at headerPosition: Position, from: Period, coveredThrough: Period, in genesis: Genesis
  ) -> Bool {
    (headerPosition == position || mutated(.receiptConvictsLaterPosition)) && header.period == period
      && header.owner == owner && header.author == signer && !header.contributors.contains(meter)
      && !header.accusedMeters.contains(meter) && from == coveredThrough.next
      && genesis.isFed(meter, of: owner, by: header.contributors)
  }
}
