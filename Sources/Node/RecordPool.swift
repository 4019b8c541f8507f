import Aggregation
import Cryptography
import Units
import Wire

/// Memory for the records of one set in one period.
///
/// Of each record there is what the set, the period and the genesis do not say; its hash is made again when it is needed. Taken at start, and not touched before its first
/// use: what is kept for bad days is not resident on good ones.
final class RecordBlock {
  private struct Head {
    var from: Period
    var closing: FixedBytes<72>
    var signature: Signature
  }

  let ciphertextBytes: Int
  private let meterCount: Int
  private let ciphertexts: UnsafeMutablePointer<UInt8>
  private let heads: UnsafeMutablePointer<Head>

  init(meterCount: Int, ciphertextBytes: Int) {
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
  static func bytes(meterCount: Int, ciphertextBytes: Int) -> Int {
    meterCount * (ciphertextBytes + MemoryLayout<Head>.stride)
  }

  func store(_ record: Record, _ ciphertext: Span<UInt8>) {
    let place = Int(record.meter.rawValue)
    precondition(place < meterCount && ciphertext.count == ciphertextBytes)
    // As many bytes as the precondition says, in the place of this meter alone.
    unsafe ciphertext.withUnsafeBufferPointer { bytes in
      unsafe (ciphertexts + place * ciphertextBytes).update(from: bytes.baseAddress!, count: bytes.count)
    }
    (heads + place).initialize(to: Head(from: record.from, closing: record.closing, signature: record.signature))
  }

  /// - Precondition: stored since the block was taken, as for all that follow; the slot's bitmap knows.
  func from(_ meter: MeterIndex) -> Period { heads[Int(meter.rawValue)].from }
  func ciphertext(_ meter: MeterIndex) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: ciphertexts + Int(meter.rawValue) * ciphertextBytes, count: ciphertextBytes)
  }
  func record(_ meter: MeterIndex, of owner: ReplicaIndex, through period: Period, in genesis: Genesis) -> Record {
    let head = heads[Int(meter.rawValue)]
    return Record(
      owner: owner, meter: meter, epoch: genesis.epoch, from: head.from, through: period,
      keyIdentifier: genesis.keyIdentifier, closing: head.closing, signature: head.signature)
  }
}

/// The record blocks of an aggregator: fewer than it has slots when the group is large.
///
/// One for each set is in use in quiet times: the records of a decided period make room for the next one's. The others are
/// for sets with an undecided instance behind them.
final class RecordPool {
  /// Below this every slot has a block of its own.
  static let plentyBytes = 16 << 20
  private var free: [RecordBlock]
  let capacity: Int

  /// Blocks for a group of `members`, each with `slotsPerSet` periods in memory.
  static func capacity(members: Int, slotsPerSet: Int, blockBytes: Int) -> Int {
    let tight = members + max(2, members / 8)
    return min(members * slotsPerSet, max(tight, plentyBytes / blockBytes))
  }

  init(capacity: Int, meterCount: Int, ciphertextBytes: Int) {
    self.capacity = capacity
    free = (0..<capacity).map { _ in RecordBlock(meterCount: meterCount, ciphertextBytes: ciphertextBytes) }
    // The first come first: they may lie where something was at the start and is gone, whose memory is resident already. The
    // spare ones are the last, in memory that nobody has touched.
    free.reverse()
  }

  func take() -> RecordBlock? { free.popLast() }
}
