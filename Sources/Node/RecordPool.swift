import Aggregation
import Units
import Wire

/// Memory for the records of one set in one period, and for their hashes.
///
/// Taken at start, and not touched before its first use: what is kept for bad days is not resident on good ones.
final class RecordBlock {
  let recordBytes: Int
  private let meterCount: Int
  private let base: UnsafeMutablePointer<UInt8>
  private let hashes: UnsafeMutablePointer<Digest>

  init(meterCount: Int, recordBytes: Int) {
    self.meterCount = meterCount
    self.recordBytes = recordBytes
    base = .allocate(capacity: meterCount * recordBytes)
    hashes = .allocate(capacity: meterCount)
  }

  deinit {
    base.deallocate()
    hashes.deallocate()
  }

  func store(_ meter: MeterIndex, _ bytes: Span<UInt8>, hash: Digest) {
    let place = Int(meter.rawValue)
    precondition(place < meterCount && bytes.count == recordBytes)
    let start = base + place * recordBytes
    for index in 0..<bytes.count { start[index] = bytes[index] }
    (hashes + place).initialize(to: hash)
  }

  /// - Precondition: stored since the block was taken, as for ``record(_:)``; the slot's bitmap knows.
  func hash(_ meter: MeterIndex) -> Digest { hashes[Int(meter.rawValue)] }

  func record(_ meter: MeterIndex) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: base + Int(meter.rawValue) * recordBytes, count: recordBytes)
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
  static func blockBytes(meterCount: Int, recordBytes: Int) -> Int {
    meterCount * (recordBytes + MemoryLayout<Digest>.stride)
  }

  init(capacity: Int, meterCount: Int, recordBytes: Int) {
    self.capacity = capacity
    free = (0..<capacity).map { _ in RecordBlock(meterCount: meterCount, recordBytes: recordBytes) }
    // The first come first: they may lie where something was at the start and is gone, whose memory is resident already. The
    // spare ones are the last, in memory that nobody has touched.
    free.reverse()
  }

  func take() -> RecordBlock? { free.popLast() }
}
