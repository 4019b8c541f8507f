import Aggregation
import Cryptography
import Packets
import Units
import Wire

/// The manifest of some set's newest certificate, made again: meters of one set ask about the same time.
struct ProofManifest: ~Copyable {
  var manifest = Manifest()

  mutating func forget() {
    owner = nil
    manifest.removeAll()
  }
  private var owner: ReplicaIndex?
  private var period = Period(0)

  /// True when it is this one already; if not, it is empty and to be filled.
  mutating func isMade(for owner: ReplicaIndex, _ period: Period) -> Bool {
    if self.owner == owner, self.period == period { return true }
    self.owner = owner
    self.period = period
    manifest.removeAll()
    return false
  }
}

/// The newest certified record of each meter of a set, ready to be shown to it.
///
/// A meter that was away for long, or lost its disk, still finds its base here. (consensus rules C4, C5) Of each meter there is
/// what its proof says that nobody else knows; the rest follows from the genesis and the certificate. The newest
/// certificate's manifest is made again when somebody asks, at two digests a contributor for its record's hash and one or two for
/// the tree. For a meter that a newer certificate goes without, the old one and the way to its root are written down, in memory
/// that is taken when a set has the first such meter.
final class InclusionStore {
  /// The most that a proof takes, as it travels.
  static let proofBytes = InclusionProof.encodedBytes + 32 * Manifest.maximumSiblings

  /// From a leaf of a manifest to its root.
  private struct Path {
    var leafIndex: UInt16 = 0
    var siblingCount: UInt16 = 0
    var siblings = InlineArray<9, Digest>(repeating: Digest())

    init() {}

    /// - Parameter siblings: as many as the proof says, and nothing else.
    init(of proof: InclusionProof, _ siblings: Span<UInt8>) throws(WireError) {
      var reader = WireReader(siblings)
      guard Int(proof.siblingCount) <= Manifest.maximumSiblings else { throw .outOfRange(offset: reader.offset) }
      leafIndex = proof.leafIndex
      siblingCount = proof.siblingCount
      for place in 0..<Int(siblingCount) { self.siblings[place] = try reader.read(Digest.self) }
      try reader.expectEnd()
    }

    /// - Parameter leaf: below the manifest's count.
    init(of leaf: Int, in manifest: inout Manifest) {
      leafIndex = UInt16(leaf)
      _ = manifest.proof(of: leaf) { sibling in
        siblings[Int(siblingCount)] = sibling
        siblingCount += 1
      }
    }

    func writeSiblings(into output: inout OutputSpan<UInt8>) {
      for place in 0..<Int(siblingCount) { output.write(siblings[place]) }
    }
  }

  /// Which certificate a meter's entry is of.
  private enum Standing: UInt8 {
    case none
    case newest
    /// One that is kept for this meter.
    case earlier
  }

  /// The certificate that a meter was last in, while there are newer ones.
  private struct Absence {
    var period = Period(0)
    var path = Path()
    var certificate: [UInt8] = []
  }

  private let genesis: Genesis
  private let owner: ReplicaIndex
  private let meterCount: Int
  private let entries: UnsafeMutablePointer<ShownRecord>
  private var standings: [Standing]
  /// Of each meter, if its standing is `earlier`; empty before the first that is.
  private var absences: [Absence] = []
  /// Shared with the instance that made it.
  private var newestCertificate: [UInt8] = []
  /// Of the newest certificate. Invariant: the entry of each is of it.
  private var contributors = MeterBitmap()
  private var latest = Period(0)

  init(owner: ReplicaIndex, in genesis: Genesis) {
    self.owner = owner
    self.genesis = genesis
    meterCount = Int(genesis.meterCount(of: owner))
    precondition(Manifest.maximumSiblings == 9, "a path has as many")
    // Not touched before a meter's first proof.
    entries = .allocate(capacity: max(1, meterCount))
    standings = Array(repeating: .none, count: meterCount)
  }

  deinit { entries.deallocate() }

  /// Bytes of heap for a meter: at most, and while no certificate went without a meter of its set.
  static let meterBytes = quietMeterBytes + MemoryLayout<Absence>.stride
  static let quietMeterBytes = MemoryLayout<ShownRecord>.stride + MemoryLayout<Standing>.stride

  /// Nil when no certificate with this meter's record was seen here.
  func newest(_ meter: MeterIndex) -> (period: Period, certificate: [UInt8])? {
    let place = Int(meter.rawValue)
    guard place < meterCount else { return nil }
    return switch standings[place] {
    case .none: nil
    case .newest: (latest, newestCertificate)
    case .earlier: (absences[place].period, absences[place].certificate)
    }
  }

  /// The proof and its siblings, as they travel.
  /// - Precondition: ``newest(_:)`` is not nil.
  func write(_ meter: MeterIndex, with scratch: inout ProofManifest, into output: inout OutputSpan<UInt8>) {
    let place = Int(meter.rawValue)
    precondition(standings[place] != .none)
    let isNewest = standings[place] == .newest
    let path = isNewest ? path(of: meter, with: &scratch) : absences[place].path
    proof(meter, path, through: isNewest ? latest : absences[place].period).encode(into: &output)
    path.writeSiblings(into: &output)
  }

  private func proof(_ meter: MeterIndex, _ path: Path, through: Period) -> InclusionProof {
    let entry = entries[Int(meter.rawValue)]
    return InclusionProof(
      owner: owner, meter: meter, leafIndex: path.leafIndex, siblingCount: path.siblingCount, from: entry.from,
      through: through, ciphertextHash: entry.ciphertextHash, closing: entry.closing)
  }

  /// Takes over a certificate before its contributors' records. True when it is the newest, and of none of them a newer record is here;
  /// then all of them must follow.
  func begin(
    _ certified: MeterBitmap, _ period: Period, _ certificate: [UInt8], with scratch: inout ProofManifest
  ) -> Bool {
    guard period > latest else { return false }
    let isOvertaken = absences.indices.contains { place in
      standings[place] == .earlier && absences[place].period > period && certified.contains(MeterIndex(UInt16(place)))
    }
    if isOvertaken {
      dissolveNewest(with: &scratch)
      return false
    }
    leaveNewest(without: certified, with: &scratch)
    newestCertificate = certificate
    contributors = certified
    latest = period
    return true
  }

  /// Takes over the record of one contributor unless a newer one is here.
  /// - Parameters:
  ///   - leaf: its place among the contributors.
  ///   - isNewest: what ``begin(_:_:_:with:)`` said of its certificate. If not, `manifest` is the certificate's.
  func store(
    _ record: Record, ciphertextHash: Digest, leaf: Int, certificate: [UInt8], isNewest: Bool,
    of manifest: inout Manifest
  ) {
    let place = Int(record.meter.rawValue)
    switch standings[place] {
    case .none: break
    case .newest: guard isNewest else { return }
    case .earlier: guard record.through > absences[place].period else { return }
    }
    (entries + place).initialize(
      to: ShownRecord(from: record.from, ciphertextHash: ciphertextHash, closing: record.closing))
    guard isNewest else {
      let path = Path(of: leaf, in: &manifest)
      return leave(record.meter, Absence(period: record.through, path: path, certificate: certificate))
    }
    if standings[place] == .earlier { absences[place].certificate = [] }
    standings[place] = .newest
  }

  /// Takes over what another member has of a meter that was away, unless a newer one is here. False when the proof does not lead to the
  /// certificate's root by its siblings.
  /// - Parameter certificate: of this set; its signatures hold.
  func take(
    _ proof: InclusionProof, _ siblings: Span<UInt8>, under header: Header, _ certificate: [UInt8],
    with scratch: inout ProofManifest
  ) -> Bool {
    guard proof.owner == owner, Int(proof.meter.rawValue) < meterCount, let path = try? Path(of: proof, siblings) else {
      return false
    }
    let entry = ShownRecord(from: proof.from, ciphertextHash: proof.ciphertextHash, closing: proof.closing)
    let siblings = path.siblings
    guard
      Manifest.verify(
        proof.meter, recordHash(proof.meter, entry, through: proof.through), index: Int(path.leafIndex),
        count: Int(header.count), siblings: siblings.span.extracting(0..<Int(path.siblingCount)),
        root: header.manifestRoot)
    else { return false }
    guard newest(proof.meter)?.period ?? Period(0) < proof.through else { return true }
    // Without this meter's entry the newest certificate's manifest cannot be made again.
    if contributors.contains(proof.meter) { dissolveNewest(with: &scratch) }
    (entries + Int(proof.meter.rawValue)).initialize(to: entry)
    leave(proof.meter, Absence(period: proof.through, path: path, certificate: certificate))
    return true
  }

  /// What the newest certificate's contributors are shown is written down, but for those that go on with another.
  private func leaveNewest(without kept: MeterBitmap, with scratch: inout ProofManifest) {
    for place in 0..<meterCount {
      let meter = MeterIndex(UInt16(place))
      guard standings[place] == .newest, !kept.contains(meter) else { continue }
      leave(meter, Absence(period: latest, path: path(of: meter, with: &scratch), certificate: newestCertificate))
    }
  }

  private func dissolveNewest(with scratch: inout ProofManifest) {
    leaveNewest(without: MeterBitmap(), with: &scratch)
    newestCertificate = []
    contributors = MeterBitmap()
  }

  /// From now on this meter's proof is of an earlier certificate than the newest.
  private func leave(_ meter: MeterIndex, _ absence: Absence) {
    let place = Int(meter.rawValue)
    if absences.isEmpty { absences = Array(repeating: Absence(), count: meterCount) }
    absences[place] = absence
    standings[place] = .earlier
  }

  // MARK: Snapshots

  var hasNewest: Bool { contributors.count > 0 }

  /// The journal's entry of the newest certificate, and what its contributors are shown beside it.
  func writeNewest(into output: inout OutputSpan<UInt8>) {
    let certificate = newestCertificate
    JournalEntry.shown(certificate: certificate.span, records: Span()).encode(into: &output)
    for place in 0..<meterCount where contributors.contains(MeterIndex(UInt16(place))) {
      entries[place].encode(into: &output)
    }
  }

  /// Puts the newest certificate's records back. Changes nothing when they are not those under its root.
  /// - Parameter certificate: whose signatures hold.
  func restoreNewest(
    _ header: Header, _ certificate: [UInt8], _ records: Span<UInt8>, with scratch: inout ProofManifest
  ) {
    var reader = WireReader(records)
    guard header.period > latest, header.contributors.isWithin(meterCount: UInt16(meterCount)),
      reader.remaining == ShownRecord.encodedBytes * Int(header.count)
    else { return }
    var restored: [(meter: MeterIndex, entry: ShownRecord)] = []
    scratch.forget()
    for place in 0..<UInt16(meterCount) where header.contributors.contains(MeterIndex(place)) {
      guard let entry = try? ShownRecord(decoding: &reader) else { return }
      restored.append((meter: MeterIndex(place), entry: entry))
      scratch.manifest.append(MeterIndex(place), recordHash(MeterIndex(place), entry, through: header.period))
    }
    let holds = scratch.manifest.count > 0 && scratch.manifest.root() == header.manifestRoot
    scratch.forget()
    guard holds else { return }
    newestCertificate = certificate
    contributors = header.contributors
    latest = header.period
    for (meter, entry) in restored {
      (entries + Int(meter.rawValue)).initialize(to: entry)
      standings[Int(meter.rawValue)] = .newest
    }
  }

  /// The first period behind this one of whose certificate some meter is shown its place, while there are newer ones.
  func absencePeriod(after period: Period) -> Period? {
    var first: Period?
    for place in absences.indices where standings[place] == .earlier && absences[place].period > period {
      if first == nil || absences[place].period < first! { first = absences[place].period }
    }
    return first
  }

  func isAbsent(_ meter: MeterIndex, since period: Period) -> Bool {
    let place = Int(meter.rawValue)
    return standings[place] == .earlier && absences[place].period == period
  }

  /// The journal's entry of what an absent meter is shown: certificate, and proof as it travels. (docs/PROTOCOL.md, inclusion)
  /// - Precondition: ``isAbsent(_:since:)``
  func writeAbsent(_ meter: MeterIndex, into output: inout OutputSpan<UInt8>) {
    let absence = absences[Int(meter.rawValue)]
    let certificate = absence.certificate
    JournalEntry.inclusion(
      certificate: certificate.span, proof: proof(meter, absence.path, through: absence.period), siblings: Span()
    ).encode(into: &output)
    absence.path.writeSiblings(into: &output)
  }

  /// A contributor's way to the root of the newest certificate's manifest, which is made again if it was not the last.
  private func path(of meter: MeterIndex, with scratch: inout ProofManifest) -> Path {
    let isMade = scratch.isMade(for: owner, latest)
    var leaf = 0
    for place in 0..<meterCount where contributors.contains(MeterIndex(UInt16(place))) {
      if place < Int(meter.rawValue) { leaf += 1 }
      if !isMade { scratch.manifest.append(MeterIndex(UInt16(place)), recordHash(place)) }
    }
    return Path(of: leaf, in: &scratch.manifest)
  }

  /// Of the record in the newest certificate, as its meter had it. What an entry lacks was compared with the genesis when the record came.
  private func recordHash(_ place: Int) -> Digest {
    recordHash(MeterIndex(UInt16(place)), entries[place], through: latest)
  }

  private func recordHash(_ meter: MeterIndex, _ entry: ShownRecord, through: Period) -> Digest {
    let record = Record(
      owner: owner, meter: meter, epoch: genesis.epoch, from: entry.from, through: through,
      keyIdentifier: genesis.keyIdentifier, closing: entry.closing, signature: Signature())
    return RecordStatement(
      networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
      ciphertextHash: entry.ciphertextHash
    ).recordHash
  }
}
