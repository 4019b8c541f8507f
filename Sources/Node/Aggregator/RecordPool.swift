import Aggregation
import Cryptography
import Units
import Wire

/// Memory for the records of one set in one period.
///
/// Of each record there is what the set, the period and the genesis do not say, and room for its hash. Taken at start, and not touched
/// before its first use: what is kept for bad days is not resident on good ones.
package final class RecordBlock {
  private struct Head {
    var from: Period
    var closing: FixedBytes<72>
    var signature: Signature
    /// Whoever holds the block knows whether it was kept.
    var hash = Digest()
  }

  package let ciphertextBytes: Int
  private let meterCount: Int
  private let ciphertexts: UnsafeMutablePointer<UInt8>
  private let heads: UnsafeMutablePointer<Head>

  package init(meterCount: Int, ciphertextBytes: Int) {
    self.meterCount = meterCount
    self.ciphertextBytes = ciphertextBytes
    ciphertexts = .allocate(capacity: meterCount * ciphertextBytes)
    heads = .allocate(capacity: meterCount)
  }

  deinit {
    ciphertexts.deallocate()
    heads.deallocate()
  }

  /// What one takes from the heap.
  package static func bytes(meterCount: Int, ciphertextBytes: Int) -> Int {
    meterCount * (ciphertextBytes + MemoryLayout<Head>.stride)
  }

  package func store(_ record: Record, _ ciphertext: Span<UInt8>) {
    let place = Int(record.meter.rawValue)
    precondition(place < meterCount && ciphertext.count == ciphertextBytes)
    // As many bytes as the precondition says, in the place of this meter alone.
    unsafe ciphertext.withUnsafeBufferPointer { bytes in
      unsafe (ciphertexts + place * ciphertextBytes).update(from: bytes.baseAddress!, count: bytes.count)
    }
    (heads + place).initialize(to: Head(from: record.from, closing: record.closing, signature: record.signature))
  }

  package func keep(_ hash: Digest, of meter: MeterIndex) { heads[Int(meter.rawValue)].hash = hash }
  package func hash(of meter: MeterIndex) -> Digest { heads[Int(meter.rawValue)].hash }

  /// - Precondition: stored since the block was taken, as for all that follow; the slot's bitmap knows.
  package func from(_ meter: MeterIndex) -> Period { heads[Int(meter.rawValue)].from }
  package func ciphertext(_ meter: MeterIndex) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: ciphertexts + Int(meter.rawValue) * ciphertextBytes, count: ciphertextBytes)
  }
  package func record(
    _ meter: MeterIndex, of owner: ReplicaIndex, through period: Period, in genesis: Genesis
  ) -> Record {
    let head = heads[Int(meter.rawValue)]
    return Record(
      owner: owner, meter: meter, epoch: genesis.epoch, from: head.from, through: period,
      keyIdentifier: genesis.keyIdentifier, closing: head.closing, signature: head.signature)
  }
}

/// Spare record blocks of an aggregator: each set has one of its own, and takes one of these while a header of an earlier period must be
/// decided first.
package struct RecordPool {
  /// Below this every set has a spare one.
  package static let plentyBytes = 16 << 20
  private var free: [RecordBlock]
  package let capacity: Int

  /// Spare blocks for a group of `members`. With too few for all, sets take turns; see ``AggregatorNode/olderShelf(_:for:)``.
  package static func capacity(members: Int, blockBytes: Int) -> Int {
    let tight = max(2, members / 8)
    return min(members, max(tight, plentyBytes / blockBytes - members))
  }

  package init(capacity: Int, meterCount: Int, ciphertextBytes: Int) {
    self.capacity = capacity
    free = (0..<capacity).map { _ in RecordBlock(meterCount: meterCount, ciphertextBytes: ciphertextBytes) }
  }

  /// A block nobody has; nil when all are in use.
  package mutating func take() -> RecordBlock? { free.popLast() }
  package mutating func give(_ block: RecordBlock) { free.append(block) }
}
