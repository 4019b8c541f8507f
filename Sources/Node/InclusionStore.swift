import Aggregation
import Cryptography
import Packets
import Units
import Wire

/// The manifest of some set's newest certificate, made again: meters of one set ask about the same time.
struct ProofManifest: ~Copyable {
  var manifest = Manifest()
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

/// The newest certified record of each meter of a set, ready to be shown to it. Memory is taken once.
///
/// A meter that was away for long, or lost its disk, still finds its base here. (coverage rules 4, 5) Of each meter there is
/// what its proof says that nobody else knows; the rest follows from the genesis and the certificate. The newest
/// certificate's manifest is made again when somebody asks, at two digests a contributor for its record's hash and one or two for
/// the tree. For a meter that a newer certificate goes without, the old one and the way to its root are written down: so
/// memory for these is touched, and that for certificates taken, for such meters alone.
final class InclusionStore {
  /// The most that a proof takes, as it travels.
  static let proofBytes = InclusionProof.encodedBytes + 32 * Manifest.maximumSiblings

  /// A certified record without its ciphertext; what a ``RecordStatement`` says beside is the same for all of a set.
  private struct Entry {
    var from: Period
    var through: Period
    var ciphertextHash: Digest
    var closing: FixedBytes<72>
  }

  /// From a leaf of a manifest to its root.
  private struct Path {
    var leafIndex: UInt16 = 0
    var siblingCount: UInt16 = 0
    var siblings = InlineArray<9, Digest>(repeating: Digest())

    /// - Parameter leaf: below the manifest's count.
    init(of leaf: Int, in manifest: inout Manifest) {
      leafIndex = UInt16(leaf)
      _ = manifest.proof(of: leaf) { sibling in
        siblings[Int(siblingCount)] = sibling
        siblingCount += 1
      }
    }
  }

  /// Which certificate a meter's entry is of.
  private enum Standing: UInt8 {
    case none
    case newest
    /// One that is kept for this meter, with its path.
    case earlier
  }

  private let genesis: Genesis
  private let owner: ReplicaIndex
  private let meterCount: Int
  private let entries: UnsafeMutablePointer<Entry>
  /// Written for meters whose standing is `earlier`.
  private let paths: UnsafeMutablePointer<Path>
  private var standings: [Standing]
  /// Of meters whose standing is `earlier`, the one each was last in; empty for all others, and before the first such meter.
  private var certificates: [[UInt8]] = []
  /// The newest certificate, written anew into the same memory unless a meter is left with the old one.
  private var newestCertificate: [UInt8] = []
  /// Of the newest certificate. Invariant: the entry of each is of it.
  private var contributors = MeterBitmap()
  private var latest = Period(0)

  init(owner: ReplicaIndex, in genesis: Genesis) {
    self.owner = owner
    self.genesis = genesis
    meterCount = Int(genesis.meterCount(of: owner))
    precondition(Manifest.maximumSiblings == 9, "a path has as many")
    // Not touched before a meter's first proof, or its first absence.
    entries = .allocate(capacity: max(1, meterCount))
    paths = .allocate(capacity: max(1, meterCount))
    standings = Array(repeating: .none, count: meterCount)
  }

  deinit {
    entries.deallocate()
    paths.deallocate()
  }

  /// Bytes of heap for a meter: at most, and while no certificate goes without it.
  static let meterBytes = quietMeterBytes + MemoryLayout<Path>.stride + MemoryLayout<[UInt8]>.stride
  static let quietMeterBytes = MemoryLayout<Entry>.stride + MemoryLayout<Standing>.stride
  /// Of the most, what is taken at the start.
  static let startMeterBytes = quietMeterBytes + MemoryLayout<Path>.stride

  /// Nil when no certificate with this meter's record was seen here.
  func newest(_ meter: MeterIndex) -> (period: Period, certificate: [UInt8])? {
    let place = Int(meter.rawValue)
    guard place < meterCount else { return nil }
    return switch standings[place] {
    case .none: nil
    case .newest: (latest, newestCertificate)
    case .earlier: (entries[place].through, certificates[place])
    }
  }

  /// The proof and its siblings, as they travel.
  /// - Precondition: ``newest(_:)`` is not nil.
  func write(_ meter: MeterIndex, with scratch: inout ProofManifest, into output: inout OutputSpan<UInt8>) {
    let place = Int(meter.rawValue)
    precondition(standings[place] != .none)
    let path = standings[place] == .newest ? path(of: meter, with: &scratch) : paths[place]
    let entry = entries[place]
    InclusionProof(
      owner: owner, meter: meter, leafIndex: path.leafIndex, siblingCount: path.siblingCount, from: entry.from,
      through: entry.through, ciphertextHash: entry.ciphertextHash, closing: entry.closing
    ).encode(into: &output)
    for sibling in 0..<Int(path.siblingCount) { output.write(path.siblings[sibling]) }
  }

  /// Takes over a certificate before its contributors' records. True when it is the newest; then all of them must follow.
  func begin(
    _ certified: MeterBitmap, _ period: Period, _ certificate: [UInt8], with scratch: inout ProofManifest
  ) -> Bool {
    guard period > latest else { return false }
    for place in 0..<meterCount {
      let meter = MeterIndex(UInt16(place))
      guard standings[place] == .newest, !certified.contains(meter) else { continue }
      leave(meter, with: path(of: meter, with: &scratch), to: newestCertificate)
    }
    newestCertificate.replace(copying: certificate.span)
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
    guard standings[place] == .none || record.through > entries[place].through else { return }
    (entries + place).initialize(
      to: Entry(
        from: record.from, through: record.through, ciphertextHash: ciphertextHash, closing: record.closing))
    if isNewest {
      standings[place] = .newest
      if !certificates.isEmpty { certificates[place] = [] }
    } else {
      leave(record.meter, with: Path(of: leaf, in: &manifest), to: certificate)
    }
  }

  /// From now on this meter's proof is of an earlier certificate.
  private func leave(_ meter: MeterIndex, with path: Path, to certificate: [UInt8]) {
    let place = Int(meter.rawValue)
    if certificates.isEmpty { certificates = Array(repeating: [], count: meterCount) }
    (paths + place).initialize(to: path)
    certificates[place] = certificate
    standings[place] = .earlier
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

  /// As the meter's record had it. What an entry lacks was compared with the genesis when the record came.
  private func recordHash(_ place: Int) -> Digest {
    let entry = entries[place]
    let record = Record(
      owner: owner, meter: MeterIndex(UInt16(place)), epoch: genesis.epoch, from: entry.from, through: entry.through,
      keyIdentifier: genesis.keyIdentifier, closing: entry.closing, signature: Signature())
    return RecordStatement(
      networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
      ciphertextHash: entry.ciphertextHash
    ).recordHash
  }
}
