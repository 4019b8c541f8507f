import Aggregation
import Units
import Wire

/// Memory for the records of one set in one period, and for their hashes.
///
/// Taken at start, and not touched before its first use: what is kept for bad days is not resident on good ones.
package final class RecordBlock {
  package let recordBytes: Int
  private let meterCount: Int
  private let base: UnsafeMutablePointer<UInt8>
  private let hashes: UnsafeMutablePointer<Digest>

  package init(meterCount: Int, recordBytes: Int) {
    self.meterCount = meterCount
    self.recordBytes = recordBytes
    base = .allocate(capacity: meterCount * recordBytes)
    hashes = .allocate(capacity: meterCount)
  }

  deinit {
    base.deallocate()
    hashes.deallocate()
  }

  package func store(_ meter: MeterIndex, _ bytes: Span<UInt8>, hash: Digest) {
    let place = Int(meter.rawValue)
    precondition(place < meterCount && bytes.count == recordBytes)
    let start = base + place * recordBytes
    for index in 0..<bytes.count { start[index] = bytes[index] }
    (hashes + place).initialize(to: hash)
  }

  /// - Precondition: stored since the block was taken, as for ``record(_:)``; the slot's bitmap knows.
  package func hash(_ meter: MeterIndex) -> Digest { hashes[Int(meter.rawValue)] }

  package func record(_ meter: MeterIndex) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: base + Int(meter.rawValue) * recordBytes, count: recordBytes)
  }
}

/// The record blocks of an aggregator: fewer than it has slots when the group is large.
///
/// One for each set is in use in quiet times: the records of a decided period make room for the next one's. The others are
/// for sets with an undecided instance behind them.
package final class RecordPool {
  /// Below this every slot has a block of its own.
  package static let plentyBytes = 16 << 20
  private var free: [RecordBlock]
  package let capacity: Int

  /// Blocks for a group of `members`, each with `slotsPerSet` periods in memory.
  package static func capacity(members: Int, slotsPerSet: Int, blockBytes: Int) -> Int {
    let tight = members + max(2, members / 8)
    return min(members * slotsPerSet, max(tight, plentyBytes / blockBytes))
  }
  package static func blockBytes(meterCount: Int, recordBytes: Int) -> Int {
    meterCount * (recordBytes + MemoryLayout<Digest>.stride)
  }

  package init(capacity: Int, meterCount: Int, recordBytes: Int) {
    self.capacity = capacity
    free = (0..<capacity).map { _ in RecordBlock(meterCount: meterCount, recordBytes: recordBytes) }
    // The first come first: they may lie where something was at the start and is gone, whose memory is resident already. The
    // spare ones are the last, in memory that nobody has touched.
    free.reverse()
  }

  /// A block nobody has; nil when all are in use. It never comes back here: it goes from slot to slot.
  package func take() -> RecordBlock? { free.popLast() }
}

/// Whose block another slot may have: first the oldest that is decided. When the pool has none left either, the oldest that has
/// left the window, unless this replica vouched for a value there or is about to; and at last, for an old instance that is
/// being driven on, the newest one, which waits for it anyway.
package struct RoomChoice {
  private let own: Period
  private let isAwaited: Bool
  package private(set) var decided: Int?
  private var expired: Int?
  private var newest: Int?
  private var decidedPeriod = Period(0)
  private var expiredPeriod = Period(0)
  private var newestPeriod = Period(0)

  /// - Parameter isAwaited: a proposal waits for this slot's records.
  package init(for own: Period, isAwaited: Bool) {
    self.own = own
    self.isAwaited = isAwaited
  }

  /// A slot that has a block. Of two with the same period the first stays chosen.
  /// - Parameter isNeeded: this replica vouched for its records, or a proposal waits for them.
  package mutating func consider(_ place: Int, _ period: Period, isFinished: Bool, isNeeded: Bool) {
    if isFinished {
      if decided == nil || period < decidedPeriod { (decided, decidedPeriod) = (place, period) }
      return
    }
    guard !isNeeded else { return }
    if period.rawValue + 2 < own.rawValue, expired == nil || period < expiredPeriod {
      (expired, expiredPeriod) = (place, period)
    }
    if isAwaited, period > own, newest == nil || period > newestPeriod { (newest, newestPeriod) = (place, period) }
  }

  /// The slot that gives up records which could still be needed.
  package var undecided: Int? { expired ?? newest }
}
