import Aggregation
import Consensus
import Cryptography
import HAL
import Packets
import Units
import Wire

/// What a node is after a restart, so that two journals can be compared.
public struct Restorable: Equatable, Sendable {
  /// Over what must be the same.
  public let digest: Digest
  /// What meters can be shown, products, contradictions. It is found out and forgotten while a node runs, so a snapshot has what the node
  /// has, and not what all of the journal would say.
  public let atLeast: [UInt64]

  /// Whether a node that starts from a snapshot is what it was when it wrote it.
  /// - Parameters:
  ///   - running: the node that wrote it.
  ///   - whole: one that starts from all of the journal.
  public func isNoLess(than running: Restorable, restarted whole: Restorable) -> Bool {
    digest == whole.digest && atLeast.count == running.atLeast.count
      && !atLeast.indices.contains { atLeast[$0] < running.atLeast[$0] }
  }
}

// What an aggregator still needs of its journal, written down so that the rest can go. A node that is restored from it is what it would be
// from all of the journal: ``restorable`` says so to tests. (docs/CONSENSUS.md, Kept on disk)
extension AggregatorNode {
  /// Writes a snapshot when one is due.
  mutating func compactIfDue(via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    // What is not proven yet is found in the journal by the votes before its head; it is proven in a second or two, or never.
    guard host.isSnapshotDue, chains.allSatisfy({ $0.unproven.isEmpty }) else { return }
    try writeSnapshot(via: &host)
  }

  package mutating func writeSnapshot(via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    let needs = try findNeeds(via: &host)
    var entry = ByteBuffer(capacity: snapshotEntryBytes, isTouched: false)
    try host.beginSnapshot()
    try link.writeSnapshot(via: &host)
    if votingFloor.rawValue > 0 {
      let floor = votingFloor
      let entry = FixedBytes<9> { out in JournalEntry.votingFloor(period: floor).encode(into: &out) }
      try host.appendToSnapshot(entry.span)
    }
    for place in chains.indices {
      try writeDecided(chains[place], with: &entry, via: &host)
      if let acknowledged = acknowledgedEntry(chains[place].owner), !mutated(.snapshotWithoutAcknowledgements) {
        try host.appendToSnapshot(acknowledged.span)
      }
      try writeInclusions(chains[place], with: &entry, via: &host)
    }
    for named in namedElsewhere {
      let entry = FixedBytes<13> { out in
        JournalEntry.named(meter: named.meter, home: named.home, period: named.period).encode(into: &out)
      }
      try host.appendToSnapshot(entry.span)
    }
    // Behind the heads, which say who is accused already.
    for proof in proofs where !mutated(.snapshotWithoutProofs) {
      entry.replace { out in JournalEntry.contradiction(contradiction: proof).encode(into: &out) }
      try host.appendToSnapshot(entry.span)
    }
    journaledProofs = proofs.count
    try copyOpenPositions(needs, via: &host)
    host.compareSnapshot { restorable }
    try host.commitSnapshot()
    snapshots += 1
  }

  /// The longest entry of a snapshot: beside what is written period after period, the newest certificate with its records' places.
  private var snapshotEntryBytes: Int {
    max(
      entry.capacity,
      3 + Certificate.maximumBytes(genesis.context.quorum)
        + max(ShownRecord.encodedBytes * GroupLimits.maximumMetersPerSet, InclusionStore.proofBytes),
      1 + Contradiction.maximumBytes)
  }

  // MARK: What was decided

  /// Of a set: what others may still ask for, oldest first, and the head with the table after it.
  private func writeDecided(
    _ chain: SetChain, with entry: inout ByteBuffer, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard let newest = chain.decided(Position(0)) else { return }
    var position = Position(0)
    while let kept = chain.keptAfter(position), kept !== newest {
      position = kept.position
      let certificate = kept.certificate
      let product = kept.product
      entry.replace { out in
        JournalEntry.decided(certificate: certificate.span, product: product.span).encode(into: &out)
      }
      try host.appendToSnapshot(entry.span)
    }
    let withoutTable = mutated(.snapshotWithoutCoverage)
    entry.replace { out in Self.writeHead(newest, withoutTable ? nil : chain, into: &out) }
    try host.appendToSnapshot(entry.span)
  }

  /// A position before the head, which is not moved by it.
  mutating func restoreDecided(_ bytes: Span<UInt8>, _ product: Span<UInt8>) {
    guard let certificate = try? Certificate(checking: bytes, against: genesis) else { return }
    chain(certificate.owner).restoreKept(certificate, product)
  }

  mutating func restoreNamed(_ meter: MeterIndex, _ home: ReplicaIndex, _ period: Period) {
    guard home.rawValue < genesis.members, meter.rawValue < genesis.meterCount(of: home) else { return }
    note(meter, of: home, accusedElsewhereIn: period)
  }

  // MARK: What meters are shown

  private func writeInclusions(
    _ chain: SetChain, with entry: inout ByteBuffer, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let inclusions = chain.inclusions
    if mutated(.snapshotWithoutInclusions) { return }
    if inclusions.hasNewest {
      entry.replace { out in inclusions.writeNewest(into: &out) }
      try host.appendToSnapshot(entry.span)
    }
    // Those of one certificate together: it is checked once.
    var period = Period(0)
    while let next = inclusions.absencePeriod(after: period) {
      period = next
      for meter in 0..<genesis.meterCount(of: chain.owner) where inclusions.isAbsent(MeterIndex(meter), since: period) {
        entry.replace { out in inclusions.writeAbsent(MeterIndex(meter), into: &out) }
        try host.appendToSnapshot(entry.span)
      }
    }
  }

  mutating func restoreShown(_ bytes: Span<UInt8>, _ records: Span<UInt8>) {
    guard let certificate = restoredCertificate(bytes) else { return }
    let chain = chain(certificate.header.owner)
    chain.inclusions.restoreNewest(certificate.header, certificate.bytes, records, with: &proofManifest)
  }

  /// The certificate of an entry, checked if it is not the last one that was.
  mutating func restoredCertificate(_ bytes: Span<UInt8>) -> RestoredCertificate? {
    if let known = lastRestored, known.isSame(bytes) { return known }
    guard let certificate = try? Certificate(checking: bytes, against: genesis) else { return nil }
    lastRestored = RestoredCertificate(header: certificate.header, bytes: Array(copying: bytes))
    return lastRestored
  }

  // MARK: Open positions

  /// What of a set's own votes is needed, beside every prepare and commit.
  struct OpenNeeds {
    /// The highest round that this node signed something in.
    var round: Round?
    /// Which round change claims the highest lock, counted from the journal's begin, and that claim.
    var claimed: (place: UInt64, claim: LockClaim)?
    /// Of headers of the position: records of these periods may be asked for, or be multiplied again.
    var headerPeriods: [Period] = []
    /// Of the newest record there is.
    var recordPeriod = Period(0)
  }

  /// Round changes of rounds that were left show nothing but locks, and records of periods that were left and no header is of are followed
  /// by longer ones; in an outage there are some of both in each period.
  private mutating func findNeeds(
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) -> [OpenNeeds] {
    var needs = Array(repeating: OpenNeeds(), count: chains.count)
    var place: UInt64 = 0
    try host.reread { entry in
      place += 1
      guard let entry = try? JournalEntry(decoding: entry) else { return }
      switch entry {
      case .proposal(let header) where isOpen(header):
        let owner = Int(header.owner.rawValue)
        if !needs[owner].headerPeriods.contains(header.period) { needs[owner].headerPeriods.append(header.period) }
      case .record(let record, _) where record.owner.rawValue < genesis.members:
        let owner = Int(record.owner.rawValue)
        needs[owner].recordPeriod = max(needs[owner].recordPeriod, record.through)
      case .vote(let vote, _) where vote.statement.owner.rawValue < genesis.members && isOpen(vote.statement):
        let statement = vote.statement
        let owner = Int(statement.owner.rawValue)
        if needs[owner].round.map({ $0 < statement.round }) ?? true { needs[owner].round = statement.round }
        guard statement.kind == .roundChange, statement.claim != .none else { return }
        if needs[owner].claimed.map({ $0.claim < statement.claim }) ?? true {
          needs[owner].claimed = (place: place, claim: statement.claim)
        }
      default: return
      }
    }
    return needs
  }

  /// A header of an open position.
  private func isOpen(_ header: Header) -> Bool {
    header.owner.rawValue < genesis.members && header.previous == chain(header.owner).head
  }

  private func isOpen(_ statement: Statement) -> Bool { statement.position == chain(statement.owner).position }

  /// Own votes, and headers and records of everything prepared, as the journal has them and in its order: what is not in memory is there
  /// alone. (consensus rule K7)
  private mutating func copyOpenPositions(
    _ needs: [OpenNeeds], via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    var place: UInt64 = 0
    try host.copyIntoSnapshot { entry in
      place += 1
      return isNeeded(entry, at: place, needs)
    }
  }

  private func isNeeded(_ bytes: Span<UInt8>, at place: UInt64, _ needs: [OpenNeeds]) -> Bool {
    guard let entry = try? JournalEntry(decoding: bytes) else {
      // An own vote that cannot be read says that this node signs nothing any more.
      return EntryKind(of: bytes) == .vote && !mutated(.snapshotWithoutOwnVotes)
    }
    switch entry {
    case .vote(let vote, _):
      guard !mutated(.snapshotWithoutOwnVotes) else { return false }
      // Likewise one of a set that there is not.
      guard vote.statement.owner.rawValue < genesis.members else { return true }
      let statement = vote.statement
      guard isOpen(statement) else { return false }
      if statement.kind != .roundChange { return statement.kind == .prepare || !mutated(.snapshotWithoutLock) }
      let needs = needs[Int(statement.owner.rawValue)]
      return statement.round == needs.round || place == needs.claimed?.place && !mutated(.snapshotWithoutLock)
    case .proposal(let header): return isOpen(header)
    case .record(let record, _):
      guard record.owner.rawValue < genesis.members else { return false }
      let chain = chain(record.owner)
      let needs = needs[Int(record.owner.rawValue)]
      guard record.through > chain.headPeriod else { return false }
      return record.through >= min(needs.recordPeriod, chain.collected.period, chain.instance.round.period)
        || needs.headerPeriods.contains(record.through) && !mutated(.snapshotWithoutPreparedRecords)
    case .modulusProven: return true
    case .boot, .decided, .baseline, .closed, .certified, .recovered, .head, .peerBoot, .votingFloor, .contradiction,
      .takenBack, .shown, .meterStanding, .counters, .named, .published, .unreadable, .acknowledged, .inclusion,
      .knownCoverage:
      return false
    }
  }
}

/// A certificate of the journal, and its bytes.
struct RestoredCertificate {
  let header: Header
  let bytes: [UInt8]

  func isSame(_ other: Span<UInt8>) -> Bool {
    guard other.count == bytes.count else { return false }
    for place in bytes.indices where bytes[place] != other[place] { return false }
    return true
  }
}
