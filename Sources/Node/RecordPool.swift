import Aggregation
import Cryptography
import Units
import Wire

/// Memory for the records of one set in one period.
///
/// Of each record there is what the set, the period and the genesis do not say; its hash is made again when it is needed. Taken
/// at start, and not touched before its first use: what is kept for bad days is not resident on good ones.
package final class RecordBlock {
  private struct Head {
    var from: Period
    var closing: FixedBytes<72>
    var signature: Signature
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

  package init(capacity: Int, meterCount: Int, ciphertextBytes: Int) {
    self.capacity = capacity
    free = (0..<capacity).map { _ in RecordBlock(meterCount: meterCount, ciphertextBytes: ciphertextBytes) }
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
