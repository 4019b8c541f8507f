import Aggregation
import Consensus
import Cryptography
import Packets
import Units
import Wire

/// What an aggregator knows of one set: the head of its chain, the position that is open behind it, and what others may still ask for.
/// (DESIGN §3; docs/CONSENSUS.md)
///
/// It has no link and no host: the node moves bytes and makes them durable. One instance, whose memory is used for position after
/// position.
final class SetChain {
  /// Headers of the open position kept in memory: the accepted one, the locked one, and one more. All others are in the journal.
  private static let headersKept = 3
  /// Decided positions of which certificate and product are kept for whoever asks.
  static let positionsKept = 8
  /// A member that decided a moment ago is sent votes that were on their way; whoever repeats itself later lacks the decision.
  static let lateTicks: UInt64 = 2

  let owner: ReplicaIndex
  private let genesis: Genesis
  var instance: Instance

  // MARK: The head

  /// Digest of the last decided header, the genesis digest before the first.
  private(set) var head: Digest
  private(set) var headPosition = Position(0)
  /// Period of the last decided header; the one before the first period before that.
  private(set) var headPeriod: Period
  private(set) var coverage: CoverageTable
  /// Meters whose records of the head's period are here, and which it does not count. Nobody, after a restart.
  private var leftOut = MeterBitmap()
  /// Bit i: aggregator i, by the head's header.
  private(set) var accusedMembers: UInt64 = 0
  /// When the head was decided or taken over, in ticks of the node.
  private(set) var decidedAt: UInt64 = 0
  let inclusions: InclusionStore

  // MARK: The open position

  /// Records of the round's period.
  let collected: RecordShelf
  /// Records of a header that was prepared in an earlier period; without memory while there is none.
  let older: RecordShelf
  private var headers: [Header?] = Array(repeating: nil, count: SetChain.headersKept)
  private var nextHeader = 0
  /// The header that was last found wanting, and the round: in a free round period and author count, in a locked one they do not.
  private var refused: (digest: Digest, round: Round)?
  /// Hashes of the records under one header, in the order of its contributors, when records held differ from them.
  private(set) var manifestDigest: Digest?
  private var manifestHashes: [Digest] = []
  /// The product of the records under ``productDigest``.
  var product: [UInt8] = []
  private(set) var productDigest: Digest?
  var fetch = Fetch()
  /// Of the set's past, what is fetched from others.
  var pull = Pull()
  /// Own prepares of this position, whose headers and records the journal has.
  private(set) var prepareCount = 0
  /// What this member last proposed here: a record that came later gets no promise.
  var ownProposal: Header?
  /// The header last looked for in the journal.
  var recalledDigest: Digest?
  /// Counts once what is wrong with a proposal's manifest.
  var strangeManifest: Digest?
  /// The period whose end the instance was last told.
  private(set) var toldEnd: Period?
  /// When records enough for a proposal were first there, in ticks of the node.
  private(set) var readyAt: UInt64?
  private var followingChanges: UInt64 = .max
  private var following = MeterBitmap()
  /// The latest period of which the journal has records that were taken before it ended, by a clock that was ahead.
  private var laterRecords = Period(0)
  private var recalledPeriod = Period(0)
  /// When somebody was last asked for a later head, in ticks of the node.
  var askedAt: UInt64 = 0
  /// Decided by votes, and its header is not here: the certificate is asked for.
  var lacksHeader = false

  // MARK: What was decided

  /// Up to where the bookkeeper has published the chain, by its word; nil before the first.
  private(set) var acknowledged: AcknowledgedPosition?
  private var kept: [KeptPosition] = []
  private var newestKept = 0
  /// Decided positions whose records this member vouched for and has in its journal alone: their meters can be shown nothing yet.
  private(set) var unproven: [UnprovenPosition] = []

  init(
    owner: ReplicaIndex, in genesis: Genesis, index: ReplicaIndex, timing: Timing, pool: BallotPool, block: RecordBlock
  ) {
    self.owner = owner
    self.genesis = genesis
    head = genesis.networkIdentifier
    headPeriod = Period(genesis.firstPeriod.rawValue - 1)
    coverage = genesis.coverage(of: owner)
    inclusions = InclusionStore(owner: owner, in: genesis)
    instance = Instance(
      context: genesis.context, replica: index, owner: owner, position: Position(1),
      firstRound: Round(genesis.firstPeriod), timing: timing, pool: pool)
    collected = RecordShelf(owner: owner, in: genesis, block: block)
    older = RecordShelf(owner: owner, in: genesis, block: nil)
    collected.begin(genesis.firstPeriod)
    product.reserveCapacity(2 * genesis.modulus.count)
    kept.reserveCapacity(Self.positionsKept)
  }

  var position: Position { instance.position }

  /// Meters whose records no header of the round's period may count.
  var excluded: MeterBitmap { coverage.excluded(in: collected.period) }

  func coverageRoot(after header: Header) -> Digest { genesis.coverageRoot(coverage, after: header) }

  /// Positions in memory of which the product is there too.
  var keptProducts: UInt64 { UInt64(kept.count { !$0.product.isEmpty }) }

  /// A digest over what a restart puts back of it.
  var restorable: Digest {
    var records: [Digest] = []
    for shelf in [collected, older] {
      for meter in 0..<genesis.meterCount(of: owner) where shelf.journaled.contains(MeterIndex(meter)) {
        records.append(shelf.hash(of: MeterIndex(meter)))
      }
    }
    let table = [UInt8](capacity: CoverageTable.maximumBytes) { out in coverage.encode(into: &out) }
    var position = Position(0)
    var decided: [Digest] = []
    while let kept = keptAfter(position) {
      position = kept.position
      let certificate = kept.certificate
      decided.append(Blake2b.digest(domain: "BUSBARir") { hash in hash.update(certificate.span) })
    }
    return Blake2b.digest(domain: "BUSBARir") { hash in
      hash.update(head)
      hash.update(headPosition.rawValue)
      hash.update(headPeriod.rawValue)
      hash.update(accusedMembers)
      hash.update(table.span)
      hash.update(UInt16(prepareCount > 0 ? 1 : 0))
      hash.update(instance.restorable)
      hash.update(acknowledged?.position.rawValue ?? 0)
      hash.update(acknowledged?.open ?? 0)
      hash.update(collected.period.rawValue)
      if let ownProposal { hash.update(ownProposal.digest) }
      for digest in records { hash.update(digest) }
      for digest in decided { hash.update(digest) }
    }
  }

  // MARK: Time

  /// True when the instance must be told that `period` has ended.
  func mustTell(_ period: Period) -> Bool { toldEnd == nil || toldEnd! < period }
  /// Nothing was told in this run.
  var hasToldNoEnd: Bool { toldEnd == nil }
  func noteTold(_ period: Period) { toldEnd = period }
  /// True when the clock was ahead before, by more than a moment at a period's end: the instance was told of ends that have not come, or the
  /// journal has records of periods that have not ended.
  func isAhead(of ended: Period) -> Bool {
    if let toldEnd, toldEnd.rawValue > ended.rawValue + 1 { return true }
    return collected.period > ended && collected.period > instance.round.period
  }

  /// Notes that a record was left in the journal because its period has not ended.
  func noteLater(_ period: Period) { laterRecords = max(laterRecords, period) }

  /// True, once for a period, when its records may be in the journal: receipts of them are out, which would convict who leaves them out.
  func mustRecallRecords() -> Bool {
    guard collected.period <= laterRecords, recalledPeriod != collected.period else { return false }
    recalledPeriod = collected.period
    return true
  }

  /// Follows the instance to another period: its records stand here, and those of the last one make room. They are in the journal as
  /// far as somebody vouched for them.
  func followRound() {
    let period = instance.round.period
    guard period > collected.period else { return }
    // What is locked is decided first; its records are at hand without reading the journal.
    if isLockedOnCollected, older.block != nil { collected.exchange(with: older) }
    collected.begin(period)
    readyAt = nil
    fetch.end()
  }

  /// What must be decided first stands on the records of the period that was just left.
  var isLockedOnCollected: Bool {
    guard let digest = instance.lockedDigest, let locked = header(digest) else { return false }
    return locked.period == collected.period
  }

  // MARK: Records

  /// Records that carry on where coverage ends, of meters that are not excluded. They were checked when they came, but a header may have
  /// been decided since with a shorter record of the same meter: its energy would count twice. (consensus rule C2)
  var followingRecords: MeterBitmap {
    if followingChanges == collected.changes { return following }
    var result = MeterBitmap()
    let excluded = excluded
    for meter in 0..<genesis.meterCount(of: owner) {
      let meter = MeterIndex(meter)
      guard collected.held.contains(meter), !excluded.contains(meter), follows(collected, meter) else { continue }
      result.insert(meter)
    }
    following = result
    followingChanges = collected.changes
    return result
  }

  /// Those of them that a header may count. (DESIGN §2.2; consensus rule C13)
  var countableRecords: MeterBitmap { genesis.countable(followingRecords, of: owner) }

  /// A slot of which too few feeders have a record to be counted, so that the newest headers go without any.
  struct WaitingSlot {
    /// Meters of whom a record is here: of the period that runs, or of the head's, whichever are more.
    let feeders: UInt16
    /// The first period of which nobody's record of the slot is certified.
    let since: Period
  }

  /// Every header that counts a feeder counts enough of them, so a slot is certified as far as that feeder is covered which is farthest.
  /// Cost: the set's meters are looked at.
  func waiting(_ slot: Int) -> WaitingSlot? {
    let feeders = genesis.feeders(ofSlot: slot, in: owner)
    var fedThrough = Period(genesis.firstPeriod.rawValue - 1)
    for meter in 0..<genesis.meterCount(of: owner) where feeders.contains(MeterIndex(meter)) {
      fedThrough = max(fedThrough, coverage.coveredThrough(MeterIndex(meter)))
    }
    guard feeders.count > 0, headPeriod > fedThrough else { return nil }
    let count = max(followingRecords.intersection(feeders).count, leftOut.intersection(feeders).count)
    return WaitingSlot(feeders: count, since: fedThrough.next)
  }

  func follows(_ shelf: RecordShelf, _ meter: MeterIndex) -> Bool {
    shelf.from(meter) == coverage.coveredThrough(meter).next || mutated(.staleRecordsKept) || mutated(.fromUnchecked)
  }

  /// Whether there are records for a proposal of the round's period. (consensus rule R19)
  var hasRecords: Bool {
    collected.period == instance.round.period && countableRecords.count >= genesis.minimumContributors
  }

  /// Whether a primary waits for nothing more: all records are in, or a quarter of a period has passed since there were enough. Not since
  /// the period ended: the others' T(0) runs from their records too. (consensus rule R13)
  func isTimeToPropose(at ticks: UInt64, quarterTicks: UInt64) -> Bool {
    guard hasRecords else { return false }
    if readyAt == nil { readyAt = ticks }
    return followingRecords.count + excluded.count >= genesis.meterCount(of: owner) || ticks >= readyAt! + quarterTicks
  }

  func noteReady(at ticks: UInt64) { if readyAt == nil, hasRecords { readyAt = ticks } }

  /// Where the records of a header stand, or would.
  func shelf(of header: Header) -> RecordShelf { header.period == collected.period ? collected : older }

  /// The shelf with records through this period; nil without one.
  func shelf(through period: Period) -> RecordShelf? {
    if period == collected.period { return collected }
    return older.block != nil && period == older.period ? older : nil
  }

  // MARK: Headers of the open position

  func header(_ digest: Digest) -> Header? {
    for header in headers { if let header, header.digest == digest { return header } }
    return nil
  }

  /// Keeps a header in memory. The accepted and the locked ones are not replaced.
  func keep(_ header: Header) {
    let digest = header.digest
    guard self.header(digest) == nil else { return }
    for _ in 0..<Self.headersKept {
      let place = nextHeader
      nextHeader = (nextHeader + 1) % Self.headersKept
      if let other = headers[place]?.digest, isNeeded(other) { continue }
      headers[place] = header
      return
    }
  }

  private func isNeeded(_ digest: Digest) -> Bool {
    digest == instance.lockedDigest || digest == instance.accepted?.statement.digest || digest == instance.decided
  }

  func refuse(_ digest: Digest) { refused = (digest, instance.round) }
  func hasRefused(_ digest: Digest) -> Bool {
    guard let refused else { return false }
    return refused.digest == digest && refused.round == instance.round
  }
  func notePrepared() { prepareCount += 1 }

  // MARK: Manifests

  /// Takes over the hashes of the records under a header.
  /// - Precondition: they hash to its root, and are as many as it has contributors.
  func take(_ hashes: [Digest], of digest: Digest) {
    manifestDigest = digest
    manifestHashes = hashes
  }

  /// The hash that the known manifest has for a meter of `header`; nil when the manifest is of another.
  func namedHash(of meter: MeterIndex, in header: Header) -> Digest? {
    guard manifestDigest == header.digest, header.contributors.contains(meter) else { return nil }
    var place = 0
    for other in 0..<meter.rawValue where header.contributors.contains(MeterIndex(other)) { place += 1 }
    return manifestHashes[place]
  }

  // MARK: Products

  func noteProduct(of digest: Digest) { productDigest = digest }
  func forgetProduct() {
    product.removeAll(keepingCapacity: true)
    productDigest = nil
  }

  // MARK: Deciding

  /// Takes over the coverage after a certificate: by its header when it is of the open position, else as the table says, which the header's
  /// root proves. False, and nothing changed, when it does not fit.
  func takeCoverage(after certificate: Certificate, table: Span<UInt8>?) -> Bool {
    let header = certificate.header
    if let table { return coverage.replace(decoding: table, expecting: header.coverageRoot) }
    guard header.previous == head || mutated(.previousUnchecked) else { return false }
    genesis.advance(&coverage, by: header)
    return true
  }

  /// Moves on to the position after a certificate's; what was held for the open one goes, but for records that may still follow.
  /// - Precondition: ``takeCoverage(after:table:)`` said yes; `decided` is of this position.
  func advance(to certificate: Certificate, keeping decided: KeptPosition, at ticks: UInt64) {
    let header = certificate.header
    let shelf = shelf(of: header)
    leftOut = shelf.period == header.period ? shelf.held.subtracting(header.contributors) : MeterBitmap()
    head = header.digest
    headPosition = certificate.position
    headPeriod = header.period
    accusedMembers = header.accusedMembers
    decidedAt = ticks
    newestKept = kept.firstIndex { $0 === decided }!
    forgetOpenPosition()
    // From the header's period, which all members know, and not from the round it was decided in, which differs from member to member.
    let first = mutated(.firstRoundFromDecidingRound) ? certificate.quorum.statement.round.period : header.period
    instance.reset(position: headPosition.next, firstRound: Round(first.next))
    if collected.period <= headPeriod { collected.begin(instance.round.period) }
  }

  /// Starts the open position over: what the journal has of it comes back.
  func rewind() {
    forgetOpenPosition()
    instance.reset(position: position, firstRound: instance.firstRound)
    collected.begin(instance.round.period)
  }

  private func forgetOpenPosition() {
    for place in headers.indices { headers[place] = nil }
    refused = nil
    manifestDigest = nil
    manifestHashes = []
    forgetProduct()
    fetch.end()
    prepareCount = 0
    ownProposal = nil
    recalledDigest = nil
    strangeManifest = nil
    toldEnd = nil
    readyAt = nil
    followingChanges = .max
    lacksHeader = false
  }

  /// What makes room in memory for the next decided position; nil while there is room.
  var leaving: KeptPosition? {
    guard kept.count == Self.positionsKept else { return nil }
    return kept[(newestKept + 1) % kept.count]
  }

  /// Whether certificate and product of a decided position may still be asked for: it is not published, or its total could not be read.
  func mustKeep(_ position: Position) -> Bool {
    guard position.rawValue > 0 else { return false }
    guard let acknowledged, position <= acknowledged.position else { return true }
    return acknowledged.isOpen(position) ?? false
  }

  /// Takes over how far the chain is published, durable or from the journal.
  func acknowledge(_ told: AcknowledgedPosition) {
    guard told.position > acknowledged?.position ?? Position(0) else { return }
    acknowledged = told
  }

  /// Memory for what is about to be decided: that of the oldest position kept.
  func makeKept(_ certificate: Certificate, capacity: Int) -> KeptPosition {
    if kept.count < Self.positionsKept { kept.append(KeptPosition()) }
    let place = kept.count == Self.positionsKept ? (newestKept + 1) % kept.count : kept.count - 1
    let decided = kept[place]
    decided.position = certificate.position
    decided.header = certificate.header
    decided.certificate.replace(capacity: capacity) { out in certificate.encode(into: &out) }
    decided.product.removeAll(keepingCapacity: true)
    return decided
  }

  /// The oldest position in memory behind this one.
  func keptAfter(_ position: Position) -> KeptPosition? {
    var oldest: KeptPosition?
    for place in kept.indices where kept[place].position > position {
      if oldest == nil || kept[place].position < oldest!.position { oldest = kept[place] }
    }
    return oldest
  }

  /// Puts back a position before the head, in order. It moves nothing.
  func restoreKept(_ certificate: Certificate, _ product: Span<UInt8>) {
    guard certificate.position > headPosition, keptAfter(Position(certificate.position.rawValue - 1)) == nil else {
      return
    }
    let decided = makeKept(certificate, capacity: Certificate.maximumBytes(genesis.context.quorum))
    decided.keepProduct(product)
    newestKept = kept.firstIndex { $0 === decided }!
  }

  /// Notes that the records of a decided position were not at hand.
  func noteUnproven(_ position: UnprovenPosition) {
    if unproven.count == Self.positionsKept { unproven.removeFirst() }
    unproven.append(position)
  }
  func takeUnproven() -> UnprovenPosition? { unproven.isEmpty ? nil : unproven.removeFirst() }

  /// A decided position that is still in memory; of position 0 the newest.
  func decided(_ position: Position) -> KeptPosition? {
    if position.rawValue == 0 { return headPosition.rawValue == 0 ? nil : kept[newestKept] }
    for place in kept.indices where kept[place].position == position { return kept[place] }
    return nil
  }

  func decided(in period: Period) -> KeptPosition? {
    for place in kept.indices where kept[place].header?.period == period { return kept[place] }
    return nil
  }
}

/// What is kept of a decided position for whoever asks. Its memory is used for position after position.
final class KeptPosition {
  fileprivate(set) var position = Position(0)
  fileprivate(set) var header: Header?
  /// The certificate file.
  fileprivate(set) var certificate: [UInt8] = []
  /// Empty unless this replica held every contributor's record.
  fileprivate(set) var product: [UInt8] = []

  func keepProduct(_ bytes: Span<UInt8>) { product.replace(capacity: bytes.count) { out in out.write(bytes) } }
  func keepProduct(of chain: SetChain) {
    let bytes = chain.product
    keepProduct(bytes.span)
  }
}

/// A decided position of which nothing can be shown to its meters before its records are read from the journal.
struct UnprovenPosition {
  let position: Position
  let header: Header
  let certificate: [UInt8]
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
