import Aggregation
import Packets
import Units
import Wire

/// The newest certified record of each meter of a set, ready to be shown to it. Memory is taken once.
///
/// A meter that was away for long, or lost its disk, still finds its base here. (coverage rules 4, 5)
final class InclusionStore {
  static let proofBytes = InclusionProof.encodedBytes + 32 * Manifest.maximumSiblings
  private var proofs: ByteBuffer
  private var lengths: [Int]
  /// Shared by all contributors of one certificate.
  private var certificates: [[UInt8]]
  private var periods: [Period]

  init(meterCount: UInt16) {
    proofs = ByteBuffer(capacity: max(1, Int(meterCount)) * Self.proofBytes)
    lengths = Array(repeating: 0, count: Int(meterCount))
    certificates = Array(repeating: [], count: Int(meterCount))
    periods = Array(repeating: Period(0), count: Int(meterCount))
  }

  /// Nil when no certificate with this meter's record was seen here.
  func newest(_ meter: MeterIndex) -> (period: Period, certificate: [UInt8])? {
    let place = Int(meter.rawValue)
    guard place < lengths.count, lengths[place] > 0 else { return nil }
    return (periods[place], certificates[place])
  }

  /// The proof and its siblings, as they travel.
  /// - Precondition: ``newest(_:)`` is not nil.
  func write(_ meter: MeterIndex, into output: inout OutputSpan<UInt8>) {
    let start = Int(meter.rawValue) * Self.proofBytes
    for index in 0..<lengths[Int(meter.rawValue)] { output.append(proofs.mutableBytes[start + index]) }
  }

  /// Takes over the proof of one contributor unless a newer one is here.
  func store(
    _ proof: InclusionProof, leaf: Int, of manifest: inout Manifest, certificate: [UInt8]
  ) {
    let place = Int(proof.meter.rawValue)
    guard proof.through > periods[place] else { return }
    var siblings = ByteBuffer(capacity: 32 * Manifest.maximumSiblings)
    _ = manifest.proof(of: leaf) { sibling in siblings.append { out in out.write(sibling) } }
    var complete = proof
    complete.siblingCount = UInt16(siblings.count / 32)
    var head = ByteBuffer(capacity: InclusionProof.encodedBytes)
    head.replace { out in complete.encode(into: &out) }
    let start = place * Self.proofBytes
    for index in 0..<head.count { proofs.mutableBytes[start + index] = head.span[index] }
    for index in 0..<siblings.count { proofs.mutableBytes[start + head.count + index] = siblings.span[index] }
    lengths[place] = head.count + siblings.count
    certificates[place] = certificate
    periods[place] = proof.through
  }
}
