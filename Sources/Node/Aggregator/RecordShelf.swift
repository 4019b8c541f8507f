import Aggregation
import Consensus
import Cryptography
import Units
import Wire

/// The records of one set that end with one period, as an aggregator holds them in memory.
///
/// Each set has one for the period of its round. When a header of an earlier period must be decided first, its records stand on a
/// second one meanwhile. (consensus rule K1)
final class RecordShelf {
  private let owner: ReplicaIndex
  private let genesis: Genesis
  private(set) var period = Period(0)
  private(set) var held = MeterBitmap()
  /// Records that are in the journal, so that a receipt or a vote may stand on them.
  private(set) var journaled = MeterBitmap()
  /// Records whose ciphertexts are known to be units, alone or in a product. Those of the others are only below n².
  private(set) var coprime = MeterBitmap()
  /// Records whose hashes are kept. Story: a primary proposed records that all held under a root that was not theirs, and a member hashed
  /// them all again, every second tick, for as long as the round lasted.
  private var hashed = MeterBitmap()
  /// How often a record was hashed here because its hash was not kept.
  private(set) var hashings: UInt64 = 0
  /// Root of the manifest that records here were last found to hash to, while they are what they were.
  var fittingManifest: Digest?
  /// Where the records are. Invariant: `held` is empty without it.
  private(set) var block: RecordBlock?
  /// Grows with everything that may make another set of records follow the head.
  private(set) var changes: UInt64 = 0

  init(owner: ReplicaIndex, in genesis: Genesis, block: RecordBlock?) {
    self.owner = owner
    self.genesis = genesis
    self.block = block
  }

  var isEmpty: Bool { held.count == 0 }

  /// Starts over for another period, in the same memory.
  func begin(_ period: Period) {
    self.period = period
    held = MeterBitmap()
    journaled = MeterBitmap()
    coprime = MeterBitmap()
    hashed = MeterBitmap()
    fittingManifest = nil
    changes += 1
  }

  func give(_ block: RecordBlock) {
    precondition(self.block == nil)
    self.block = block
  }

  /// Gives the memory back, and the records with it.
  func takeBlock() -> RecordBlock? {
    begin(Period(0))
    defer { block = nil }
    return block
  }

  /// Keeps a record, in the place of another one of its meter if there is one.
  /// - Precondition: it is of this set, period and genesis, and there is a block.
  /// - Parameter hash: of the record, where it is known.
  func store(_ record: Record, _ ciphertext: Span<UInt8>, hash: Digest? = nil) {
    precondition(block != nil && record.owner == owner && record.through == period)
    precondition(record.epoch == genesis.epoch && record.keyIdentifier == genesis.keyIdentifier)
    // Another record of a meter that is held already would be another manifest.
    if held.contains(record.meter) { remove(record.meter) }
    block!.store(record, ciphertext)
    if let hash { keep(hash, of: record.meter) }
    held.insert(record.meter)
    changes += 1
  }

  /// Forgets a record that turned out to be worthless.
  func remove(_ meter: MeterIndex) {
    held.remove(meter)
    fittingManifest = nil
    journaled.remove(meter)
    coprime.remove(meter)
    hashed.remove(meter)
    changes += 1
  }

  private func keep(_ hash: Digest, of meter: MeterIndex) {
    block!.keep(hash, of: meter)
    hashed.insert(meter)
  }

  func noteJournaled(_ meter: MeterIndex) { journaled.insert(meter) }
  func noteCoprime(_ meter: MeterIndex) { coprime.insert(meter) }
  func noteCoprime(_ meters: MeterBitmap) { coprime.formUnion(meters) }

  /// What follows is of records that are held.
  func from(_ meter: MeterIndex) -> Period {
    precondition(held.contains(meter))
    return block!.from(meter)
  }

  func record(_ meter: MeterIndex) -> Record {
    precondition(held.contains(meter))
    return block!.record(meter, of: owner, through: period, in: genesis)
  }

  func ciphertext(_ meter: MeterIndex) -> UnsafeBufferPointer<UInt8> {
    precondition(held.contains(meter))
    return block!.ciphertext(meter)
  }

  /// Cost: a digest of the ciphertext and one of the record, at most once while it is held.
  func hash(of meter: MeterIndex) -> Digest {
    if hashed.contains(meter), !mutated(.liesHashedAgain) { return block!.hash(of: meter) }
    hashings += 1
    let hash = RecordStatement(
      networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record(meter),
      // The ciphertext's memory belongs to the block, which outlives this call.
      ciphertextHash: RecordStatement.ciphertextHash(unsafe Span(_unsafeElements: ciphertext(meter)))
    ).recordHash
    keep(hash, of: meter)
    return hash
  }

  /// The whole record as it travels.
  func write(_ meter: MeterIndex, into output: inout OutputSpan<UInt8>) {
    record(meter).encode(into: &output)
    // The bytes belong to the block, which outlives this call.
    output.write(unsafe Span(_unsafeElements: ciphertext(meter)))
  }

  func missing(of contributors: MeterBitmap) -> MeterBitmap { contributors.subtracting(held) }

  /// Exchanges what two shelves of one set hold.
  func exchange(with other: RecordShelf) {
    swap(&period, &other.period)
    swap(&held, &other.held)
    swap(&journaled, &other.journaled)
    swap(&coprime, &other.coprime)
    swap(&hashed, &other.hashed)
    swap(&fittingManifest, &other.fittingManifest)
    swap(&block, &other.block)
    changes += 1
    other.changes += 1
  }
}
