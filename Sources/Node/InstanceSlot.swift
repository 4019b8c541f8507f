import Aggregation
import Consensus
import Packets
import Units
import Wire

/// Everything an aggregator holds about one set in one period. Memory is taken once and reused period after period.
final class InstanceSlot {
  private enum Decision { case none, null, proposed, kept }

  var instance: Instance
  /// The header being looked at: of the accepted proposal, or of the value that must be proposed.
  private(set) var proposedHeader: Header?
  /// The header of a prepared value that arrived with a round change; the lock may come to be on it. Once there is a decision,
  /// its header, if it is not the one above.
  private var keptHeader: HeaderCell?
  var proposalRefusal: HeaderRefusal?
  /// The proposal builds on a header this replica does not hold; counted once.
  var isAheadOfHead = false
  /// Set once the decision was applied to the set's chain; the bytes are the certificate file.
  private(set) var certificate: [UInt8] = []
  private var decision = Decision.none
  var isFinished = false
  /// Empty unless this replica held every contributor's record.
  var product: [UInt8] = []
  var held = MeterBitmap()
  /// Records that are in the journal, so that a receipt or a vote may stand on them.
  var journaled = MeterBitmap()
  /// Somebody sent a vote about this instance that holds; it is seen through however old it is.
  private(set) var isReopened = false
  /// When, in ticks of the node.
  private(set) var heardAt: UInt64 = 0
  /// Records whose ciphertexts are known to be units, alone or in a product. Those of the others are only below n².
  var coprime = MeterBitmap()
  /// The records held do not hash to the proposal's manifest.
  var isManifestStrange = false
  /// Other records of meters that contradicted themselves, as members hold them that were asked.
  private(set) var alternates: [(record: Record, ciphertext: ByteCell, hash: Digest)] = []
  /// Bit i: alternate i stands in for what is held.
  var chosenAlternates: UInt64 = 0 {
    didSet { if chosenAlternates != oldValue { fittingManifest = nil } }
  }
  /// Root of the manifest that the chosen records were last found to hash to, while they are what they were.
  var fittingManifest: Digest?
  /// Asks other members for the proposal's records.
  var fetch = Fetch()
  /// Where its records are; nil before the first and after they made room for others. Invariant: `held` is empty without it.
  private(set) var block: RecordBlock?
  /// This replica signed a prepare for a value: others count on its records until there is a decision.
  var hasVouched = false
  /// Records that were receipted here had to make room: a value written without them could break a promise.
  private(set) var hasForgotten = false
  private let genesis: Genesis
  /// Meters of one set and period that may contradict themselves before the set goes without them.
  static let maximumAlternates = 6

  init(_ instance: consuming Instance, in genesis: Genesis) {
    self.genesis = genesis
    self.instance = instance
    product.reserveCapacity(2 * genesis.modulus.count)
  }

  func give(_ block: RecordBlock) {
    precondition(self.block == nil)
    self.block = block
  }

  /// Gives its records up for others. Nobody may count on them any more.
  func takeBlock() -> RecordBlock? {
    if held.count > 0, !isFinished { hasForgotten = true }
    forgetRecords()
    defer { block = nil }
    return block
  }

  /// A record that the journal holds found no room.
  func noteForgotten() { hasForgotten = true }

  private func forgetRecords() {
    held = MeterBitmap()
    journaled = MeterBitmap()
    coprime = MeterBitmap()
    fittingManifest = nil
    alternates.removeAll()
    chosenAlternates = 0
    fetch.end()
  }

  func reset(owner: ReplicaIndex, period: Period) {
    instance.reset(owner: owner, period: period)
    proposedHeader = nil
    keptHeader = nil
    proposalRefusal = nil
    isAheadOfHead = false
    certificate.removeAll(keepingCapacity: true)
    decision = .none
    isFinished = false
    forgetProduct()
    isReopened = false
    isManifestStrange = false
    hasVouched = false
    hasForgotten = false
    forgetRecords()
  }

  func forgetProduct() { product.removeAll(keepingCapacity: true) }

  /// Of the decided value; nil before, and of NULL.
  var header: Header? {
    switch decision {
    case .none, .null: nil
    case .proposed: proposedHeader
    case .kept: keptHeader?.header
    }
  }

  /// Keeps what was decided. It is applied when ``isFinished`` is set.
  func decide(_ decided: Certificate, capacity: Int) {
    certificate.replace(capacity: capacity) { out in decided.encode(into: &out) }
    decide(decided.header)
  }

  /// - Parameter bytes: the certificate, as a journal or another member has it.
  func decide(_ header: Header?, _ bytes: [UInt8]) {
    certificate = bytes
    decide(header)
  }

  private func decide(_ header: Header?) {
    guard let header else {
      decision = .null
      return
    }
    if proposedHeader == header {
      decision = .proposed
    } else {
      keptHeader = HeaderCell(header)
      decision = .kept
    }
  }

  /// Looks at another header; the earlier one is kept in case it was prepared. Nothing is looked at after the decision.
  func propose(_ header: Header) {
    guard decision == .none else { return }
    if let earlier = proposedHeader, earlier.digest == header.digest { return }
    keptHeader = proposedHeader.map { HeaderCell($0) }
    proposedHeader = header
    proposalRefusal = nil
  }

  /// Keeps the header of a value that others prepared.
  func keep(_ header: Header) {
    guard decision == .none else { return }
    if let earlier = proposedHeader, earlier.digest == header.digest { return }
    keptHeader = HeaderCell(header)
  }

  /// Makes the header with this digest the one being looked at; false if it is not here.
  func select(_ digest: Digest) -> Bool {
    if let header = proposedHeader, header.digest == digest { return true }
    guard decision == .none, let header = keptHeader?.header, header.digest == digest else { return false }
    propose(header)
    return true
  }

  func noteHeard(at ticks: UInt64) {
    isReopened = true
    heardAt = ticks
  }

  /// Keeps what another member holds of a meter. The record that came first stays what this one vouches for.
  func keepAlternate(_ record: Record, _ ciphertext: Span<UInt8>, hash: Digest) {
    guard !alternates.contains(where: { $0.record.meter == record.meter && $0.hash == hash }) else { return }
    fittingManifest = nil
    // One other of each meter is enough: whoever is asked next may hold a third.
    alternates.removeAll { $0.record.meter == record.meter }
    guard alternates.count < Self.maximumAlternates else { return }
    alternates.append((record, ByteCell(ciphertext), hash))
  }

  func hasAlternate(_ record: Record) -> Bool { alternates.contains { $0.record == record } }

  private func alternate(_ meter: MeterIndex) -> Int? {
    for place in alternates.indices
    where alternates[place].record.meter == meter && chosenAlternates >> UInt64(place) & 1 == 1 {
      return place
    }
    return nil
  }
  func chosenHash(of meter: MeterIndex) -> Digest { alternate(meter).map { alternates[$0].hash } ?? hash(of: meter) }
  /// The same, of a record whose ciphertext was hashed already.
  func chosenHash(of meter: MeterIndex, ciphertextHash: Digest) -> Digest {
    alternate(meter).map { alternates[$0].hash } ?? hash(of: meter, ciphertextHash: ciphertextHash)
  }
  func chosenFrom(_ meter: MeterIndex) -> Period { alternate(meter).map { alternates[$0].record.from } ?? from(meter) }
  func chosenRecord(_ meter: MeterIndex) -> Record { alternate(meter).map { alternates[$0].record } ?? record(meter) }
  func chosenCiphertext(_ meter: MeterIndex) -> UnsafeBufferPointer<UInt8> {
    guard let place = alternate(meter) else { return ciphertext(meter) }
    let buffer = alternates[place].ciphertext
    return UnsafeBufferPointer(rebasing: buffer.buffer.mutableBytes[..<buffer.buffer.count])
  }

  /// - Precondition: it is of this set, period and genesis.
  func store(_ record: Record, _ ciphertext: Span<UInt8>) {
    precondition(block != nil, "room is made before a record is kept")
    // Another record of a meter that is held already would be another manifest.
    if held.contains(record.meter) { fittingManifest = nil }
    precondition(record.owner == instance.owner && record.through == instance.period)
    precondition(record.epoch == genesis.epoch && record.keyIdentifier == genesis.keyIdentifier)
    block!.store(record, ciphertext)
    held.insert(record.meter)
  }

  /// Forgets a record that turned out to be worthless.
  func remove(_ meter: MeterIndex) {
    held.remove(meter)
    fittingManifest = nil
    journaled.remove(meter)
    coprime.remove(meter)
  }

  /// What follows is of the records that are held.
  private func from(_ meter: MeterIndex) -> Period {
    precondition(held.contains(meter))
    return block!.from(meter)
  }

  /// Cost: a digest of the ciphertext and one of the record.
  func hash(of meter: MeterIndex) -> Digest {
    // The ciphertext's memory belongs to the block, which outlives this call.
    hash(of: meter, ciphertextHash: RecordStatement.ciphertextHash(unsafe Span(_unsafeElements: ciphertext(meter))))
  }

  private func hash(of meter: MeterIndex, ciphertextHash: Digest) -> Digest {
    RecordStatement(
      networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record(meter),
      ciphertextHash: ciphertextHash
    ).recordHash
  }

  func record(_ meter: MeterIndex) -> Record {
    precondition(held.contains(meter))
    return block!.record(meter, of: instance.owner, through: instance.period, in: genesis)
  }

  func ciphertext(_ meter: MeterIndex) -> UnsafeBufferPointer<UInt8> {
    precondition(held.contains(meter))
    return block!.ciphertext(meter)
  }

  /// The whole record as it travels.
  func write(_ meter: MeterIndex, into output: inout OutputSpan<UInt8>) {
    record(meter).encode(into: &output)
    // The bytes belong to the block, which outlives this call.
    output.write(unsafe Span(_unsafeElements: ciphertext(meter)))
  }

  func missing(of contributors: MeterBitmap) -> MeterBitmap {
    var result = MeterBitmap()
    for index in 0..<64 { result.bytes.storage[index] = contributors.bytes.storage[index] & ~held.bytes.storage[index] }
    return result
  }
}

/// The chain of one set: what was decided last, and what it covers.
final class SetState {
  let owner: ReplicaIndex
  var coverage: CoverageTable
  var head: Digest
  /// Period of the last decided header; 0 before the first.
  var headPeriod = Period(0)
  /// The latest period known to have a value; later than `headPeriod` while this replica is behind.
  var latestPeriod = Period(0)
  /// Whom the head's header accuses.
  var accused = Accused()
  /// A newer certificate that waits for its coverage table.
  var pending: Certificate?
  let inclusions: InclusionStore

  init(owner: ReplicaIndex, in genesis: Genesis) {
    self.owner = owner
    inclusions = InclusionStore(owner: owner, in: genesis)
    coverage = genesis.coverage(of: owner)
    head = genesis.networkIdentifier
  }
}

/// A class, so that a slot has no room for what it seldom holds.
private final class HeaderCell {
  let header: Header
  init(_ header: Header) { self.header = header }
}

/// A class, so that an array can hold what has one owner.
final class EffectsCell {
  var effects = Effects()
}

/// A class, so that an array can hold what has one owner.
final class AssemblyCell {
  var assembly: Assembly
  init(capacity: Int) { assembly = Assembly(capacity: capacity) }
}

/// A class, so that an array can hold what has one owner.
final class ByteCell {
  var buffer: ByteBuffer
  init(_ bytes: Span<UInt8>) { buffer = ByteBuffer(copying: bytes) }
}
