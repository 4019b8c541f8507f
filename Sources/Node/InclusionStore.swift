import Aggregation
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
/// A meter that was away for long, or lost its disk, still finds its base here. (coverage rules 4, 5) Of the newest certificate
/// one hash a contributor is kept, and siblings are made of them when somebody asks; they are written down for a meter that a
/// newer certificate goes without. So the memory for siblings is touched for such meters alone.
final class InclusionStore {
  static let siblingBytes = 32 * Manifest.maximumSiblings
  static let proofBytes = InclusionProof.encodedBytes + siblingBytes
  /// Siblings are those of the newest certificate's manifest.
  private static let newest: UInt8 = 255
  private let owner: ReplicaIndex
  private let meterCount: Int
  private let proofs: UnsafeMutablePointer<UInt8>
  private let siblings: UnsafeMutablePointer<UInt8>
  private var siblingCounts: [UInt8]
  /// The newest certificate, written anew into the same memory unless a meter is left with the old one.
  private var newestCertificate: [UInt8] = []
  /// Of meters that the newest certificate goes without, the one each was last in; empty for all others.
  private var certificates: [[UInt8]]
  private var periods: [Period]
  /// Of the newest certificate.
  private var contributors = MeterBitmap()
  private var latest = Period(0)
  private var hashes: [Digest]

  init(owner: ReplicaIndex, meterCount: UInt16) {
    self.owner = owner
    let count = Int(meterCount)
    self.meterCount = count
    precondition(Manifest.maximumSiblings < Int(Self.newest))
    proofs = .allocate(capacity: max(1, count) * InclusionProof.encodedBytes)
    siblings = .allocate(capacity: max(1, count) * Self.siblingBytes)
    siblingCounts = Array(repeating: 0, count: count)
    certificates = Array(repeating: [], count: count)
    periods = Array(repeating: Period(0), count: count)
    hashes = Array(repeating: Digest(), count: count)
  }

  deinit {
    proofs.deallocate()
    siblings.deallocate()
  }

  /// Nil when no certificate with this meter's record was seen here.
  func newest(_ meter: MeterIndex) -> (period: Period, certificate: [UInt8])? {
    let place = Int(meter.rawValue)
    guard place < meterCount, periods[place].rawValue > 0 else { return nil }
    return (periods[place], siblingCounts[place] == Self.newest ? newestCertificate : certificates[place])
  }

  /// The proof and its siblings, as they travel.
  /// - Precondition: ``newest(_:)`` is not nil.
  func write(_ meter: MeterIndex, with scratch: inout ProofManifest, into output: inout OutputSpan<UInt8>) {
    let place = Int(meter.rawValue)
    if siblingCounts[place] == Self.newest { writeSiblings(of: meter, with: &scratch) }
    let start = proofs + place * InclusionProof.encodedBytes
    for index in 0..<InclusionProof.encodedBytes { output.append(start[index]) }
    let count = siblingCounts[place] == Self.newest ? lastCount : Int(siblingCounts[place])
    for index in 0..<(32 * count) { output.append(siblings[place * Self.siblingBytes + index]) }
  }

  /// Takes over a certificate before its contributors' proofs. True when it is the newest.
  func begin(
    _ certified: MeterBitmap, _ period: Period, _ certificate: [UInt8], with scratch: inout ProofManifest
  ) -> Bool {
    guard period > latest else { return false }
    if latest.rawValue > 0 {
      for place in 0..<meterCount {
        let meter = MeterIndex(UInt16(place))
        guard contributors.contains(meter), !certified.contains(meter), siblingCounts[place] == Self.newest else {
          continue
        }
        writeSiblings(of: meter, with: &scratch)
        siblingCounts[place] = UInt8(lastCount)
        certificates[place] = newestCertificate
      }
    }
    newestCertificate.replace(copying: certificate.span)
    contributors = certified
    latest = period
    return true
  }

  /// Takes over the proof of one contributor unless a newer one is here.
  /// - Parameter isNewest: what ``begin(_:_:_:with:)`` said of its certificate. If not, `manifest` is the certificate's.
  func store(
    _ proof: InclusionProof, recordHash: Digest, certificate: [UInt8], isNewest: Bool, of manifest: inout Manifest
  ) {
    let place = Int(proof.meter.rawValue)
    if isNewest { hashes[place] = recordHash }
    guard proof.through > periods[place] else { return }
    let memory = UnsafeMutableBufferPointer(
      start: proofs + place * InclusionProof.encodedBytes, count: InclusionProof.encodedBytes)
    // This meter's bytes are written by nobody else, and nothing in them needs to be destroyed.
    var out = unsafe OutputSpan(buffer: memory, initializedCount: 0)
    proof.encode(into: &out)
    let written = unsafe out.finalize(for: memory)
    precondition(written == memory.count)
    if isNewest {
      siblingCounts[place] = Self.newest
      certificates[place] = []
    } else {
      copySiblings(place, Int(proof.leafIndex), of: &manifest)
      siblingCounts[place] = UInt8(lastCount)
      certificates[place] = certificate
    }
    periods[place] = proof.through
  }

  /// Siblings that were written down last.
  private var lastCount = 0

  /// Makes the newest certificate's manifest again and writes down one meter's way to its root.
  private func writeSiblings(of meter: MeterIndex, with scratch: inout ProofManifest) {
    let isMade = scratch.isMade(for: owner, latest)
    var leaf = 0
    for place in 0..<meterCount where contributors.contains(MeterIndex(UInt16(place))) {
      if place < Int(meter.rawValue) { leaf += 1 }
      if !isMade { scratch.manifest.append(MeterIndex(UInt16(place)), hashes[place]) }
    }
    copySiblings(Int(meter.rawValue), leaf, of: &scratch.manifest)
  }

  private func copySiblings(_ place: Int, _ leaf: Int, of manifest: inout Manifest) {
    let start = siblings + place * Self.siblingBytes
    var count = 0
    _ = manifest.proof(of: leaf) { sibling in
      for index in 0..<32 { start[32 * count + index] = sibling.storage[index] }
      count += 1
    }
    lastCount = count
  }
}
