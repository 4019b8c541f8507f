import Cryptography
import Units
import Wire

/// The value a position is decided by: which records of a set were multiplied in a period, and what they came to.
public struct Header: Equatable, Sendable {
  public static let encodedBytes = 352

  public var networkIdentifier: Digest
  public var epoch: Epoch
  public var group: GroupIndex
  public var owner: ReplicaIndex
  public var author: ReplicaIndex
  public var count: UInt16
  public var period: Period
  public var keyIdentifier: FixedBytes<16>
  /// Digest of the set's last decided header, or the network identifier before the first.
  public var previous: Digest
  /// Digest of the set's coverage table after this header, with the meters whose records it excludes.
  public var coverageRoot: Digest
  public var manifestRoot: Digest
  public var productHash: Digest
  public var contributors: MeterBitmap
  /// Aggregators of the group that were shown to contradict themselves, bit i for member i. Whoever prepares a header holds
  /// what shows it, and no later header of the set leaves one out.
  public var accusedMembers: UInt64
  /// Meters of the set that are accused by now. From the next header on their records are not counted, for as many periods as the
  /// genesis states; then their bits go.
  public var accusedMeters: MeterBitmap
  /// Meters of other sets that this header is the first to accuse, as far as its author knows.
  public var accusedElsewhere: AccusedElsewhere

  /// Takes what a primary proposes; whether it is valid is for ``Genesis`` to check. ``count`` is that of the
  /// contributors.
  public init(
    networkIdentifier: Digest, epoch: Epoch, group: GroupIndex, owner: ReplicaIndex, author: ReplicaIndex,
    period: Period, keyIdentifier: FixedBytes<16>, previous: Digest, coverageRoot: Digest, manifestRoot: Digest,
    productHash: Digest, contributors: MeterBitmap, accused: Accused = Accused()
  ) {
    self.networkIdentifier = networkIdentifier
    self.epoch = epoch
    self.group = group
    self.owner = owner
    self.author = author
    count = contributors.count
    self.period = period
    self.keyIdentifier = keyIdentifier
    self.previous = previous
    self.coverageRoot = coverageRoot
    self.manifestRoot = manifestRoot
    self.productHash = productHash
    self.contributors = contributors
    accusedMembers = accused.members
    accusedMeters = accused.meters
    accusedElsewhere = accused.elsewhere
  }

  /// Appends 352 bytes. (docs/PROTOCOL.md, Header)
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(networkIdentifier)
    output.write(epoch.rawValue)
    output.write(group.rawValue)
    output.write(owner.rawValue)
    output.write(author.rawValue)
    output.write(count)
    output.write(period.rawValue)
    output.write(keyIdentifier)
    output.write(previous)
    output.write(coverageRoot)
    output.write(manifestRoot)
    output.write(productHash)
    output.write(contributors.bytes)
    output.write(accusedMembers)
    output.write(accusedMeters.bytes)
    accusedElsewhere.encode(into: &output)
  }

  /// Reads 352 bytes. Throws when `count` is not that of the contributors; everything else is for ``Genesis`` to check.
  public init(decoding reader: inout WireReader) throws(WireError) {
    networkIdentifier = try reader.read(Digest.self)
    epoch = Epoch(try reader.read(UInt64.self))
    group = GroupIndex(try reader.read(UInt16.self))
    owner = ReplicaIndex(try reader.read(UInt16.self))
    author = ReplicaIndex(try reader.read(UInt16.self))
    count = try reader.read(UInt16.self)
    period = Period(try reader.read(UInt64.self))
    keyIdentifier = try reader.read(FixedBytes<16>.self)
    previous = try reader.read(Digest.self)
    coverageRoot = try reader.read(Digest.self)
    manifestRoot = try reader.read(Digest.self)
    productHash = try reader.read(Digest.self)
    contributors = MeterBitmap(try reader.read(FixedBytes<64>.self))
    accusedMembers = try reader.read(UInt64.self)
    accusedMeters = MeterBitmap(try reader.read(FixedBytes<64>.self))
    accusedElsewhere = try AccusedElsewhere(decoding: &reader)
    guard contributors.count == count else { throw .outOfRange(offset: 46) }
  }

  public var accused: Accused { Accused(members: accusedMembers, meters: accusedMeters, elsewhere: accusedElsewhere) }

  /// What votes about this value carry.
  public var digest: Digest {
    // As many as ``encodedBytes``, on the stack; another number traps.
    let bytes = FixedBytes<352> { out in encode(into: &out) }
    return Blake2b.digest(domain: "BUSBARhd", bytes.span)
  }
}
