import Aggregation
import Consensus
import HAL
import Packets
import Units
import Wire

// Who lied is agreed like everything else: a header names the accused, and whoever prepares it holds what shows their
// lies. So aggregators that hold the same headers name the same liars. (consensus rules 49, C22)
extension AggregatorNode {
  /// Contradictions kept, one for each party.
  static let maximumProofs = 256

  /// What a header over this set names: who was named before, and the oldest proven here. Any set's header may accuse the meters of
  /// another: their own may not be certified for long.
  func accused(of owner: ReplicaIndex) -> Accused {
    let before = standingAccused(of: owner)
    var result = before
    for proof in proofs where !before.contains(proof.party, in: owner) && !isAgreed(proof, for: owner) {
      guard result.subtracting(before).count < Accused.maximumNew else { break }
      result.insert(proof.party, in: owner)
    }
    return result
  }

  /// Whom the next header over this set has to name.
  private func standingAccused(of owner: ReplicaIndex) -> Accused {
    let chain = chain(owner)
    return Accused(members: chain.accusedMembers, meters: chain.excluded)
  }

  private func isProven(_ party: AccusedParty) -> Bool { proofs.contains { $0.party == party } }

  /// Whether a header over this set has nothing to say about a proven lie: a meter's that is excluded for it already, or was; one elsewhere that
  /// some header has named.
  private func isAgreed(_ proof: Contradiction, for owner: ReplicaIndex) -> Bool {
    switch proof.party {
    case .aggregator(let member): chain(owner).accusedMembers >> UInt64(member.rawValue) & 1 == 1
    case .meter(let meter, let home):
      home == owner
        ? chain(home).coverage.isExcluded(meter)
          || proof.period.rawValue + UInt64(genesis.exclusionPeriods)
            < chain(home).collected.period.rawValue
        : chain(home).coverage.isExcluded(meter) || isNamedElsewhere(meter, home, proof)
    }
  }

  /// Whether a decided header of another set accused a meter, of what this proof shows or of something later.
  private func isNamedElsewhere(_ meter: MeterIndex, _ home: ReplicaIndex, _ proof: Contradiction) -> Bool {
    namedElsewhere.contains { $0.meter == meter && $0.home == home && $0.period >= proof.period }
  }

  /// Keeps whom a decided header accuses outside its own set. What is pushed out by newer ones may be accused once more, which does no harm.
  mutating func note(accusedElsewhere header: Header) {
    let elsewhere = header.accusedElsewhere
    for place in 0..<elsewhere.count {
      let (meter, home) = elsewhere[place]
      note(meter, of: home, accusedElsewhereIn: header.period)
    }
  }

  mutating func note(_ meter: MeterIndex, of home: ReplicaIndex, accusedElsewhereIn period: Period) {
    var period = period
    if let known = namedElsewhere.firstIndex(where: { $0.meter == meter && $0.home == home }) {
      period = max(period, namedElsewhere[known].period)
      namedElsewhere.remove(at: known)
    } else if namedElsewhere.count == Self.maximumProofs {
      namedElsewhere.removeFirst()
    }
    namedElsewhere.append(NamedMeter(meter: meter, home: home, period: period))
  }

  /// Whether nobody needs to be shown this any more: every header that may name the party follows on one that does.
  private func isAgreed(_ proof: Contradiction) -> Bool {
    switch proof.party {
    case .meter(_, let home): isAgreed(proof, for: home)
    case .aggregator: chains.allSatisfy { isAgreed(proof, for: $0.owner) }
    }
  }

  /// Keeps a contradiction that holds; the first of a party is enough, and none once it is agreed. Meters leave room for
  /// every aggregator.
  /// - Parameter isWanted: it is kept though it is agreed, because a value that waits to be found valid names its party.
  mutating func keep(_ proof: Contradiction, isWanted: Bool = false) {
    // A meter that was excluded long ago may lie again.
    if let place = proofs.firstIndex(where: { $0.party == proof.party && isAgreed($0) }), !isAgreed(proof) {
      drop(place)
    }
    guard !isProven(proof.party), isWanted || !isAgreed(proof) else { return }
    let room = Self.maximumProofs - (proof.kind == .record ? GroupLimits.maximumAggregators : 0)
    if proofs.count >= room, let place = proofs.firstIndex(where: { isAgreed($0) }) { drop(place) }
    guard proofs.count < room else { return }
    proofs.append(proof)
  }

  private mutating func drop(_ place: Int) {
    proofs.remove(at: place)
    if place < journaledProofs { journaledProofs -= 1 }
  }

  /// Appends to the journal what is not there; durable with what is synced next, before any prepare that names it.
  mutating func journalProofs(via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    while journaledProofs < proofs.count {
      let proof = proofs[journaledProofs]
      var entry = ByteBuffer(capacity: 1 + Contradiction.maximumBytes)
      entry.replace { out in JournalEntry.contradiction(contradiction: proof).encode(into: &out) }
      try host.append(entry.span)
      journaledProofs += 1
    }
  }

  mutating func restoreProof(_ proof: Contradiction) {
    // It was kept then, perhaps for a header that this member prepared and others may still ask about.
    keep(proof, isWanted: true)
    journaledProofs = proofs.count
  }

  /// Whether everybody whom a header newly accuses is proven here.
  func holdsProofs(of header: Header, _ chain: SetChain) -> Bool {
    if mutated(.accusationsUnproven) { return true }
    let new = header.accused.subtracting(
      Accused(members: chain.accusedMembers, meters: chain.coverage.excluded(in: header.period)))
    for member in 0..<genesis.members where new.members >> UInt64(member) & 1 == 1 {
      guard isProven(.aggregator(ReplicaIndex(member))) else { return false }
    }
    for meter in 0..<genesis.meterCount(of: header.owner) where new.meters.contains(MeterIndex(meter)) {
      guard isProven(.meter(MeterIndex(meter), of: header.owner)) else { return false }
    }
    for place in 0..<new.elsewhere.count {
      let (meter, home) = new.elsewhere[place]
      guard isProven(.meter(meter, of: home)) else { return false }
    }
    return true
  }

  /// Sends what shows the lies that a set's next header may name.
  mutating func sendProofs(
    of chain: SetChain, to peer: Int, via host: inout some NodeHost & ~Copyable
  ) {
    let owner = chain.owner
    let digest = chain.instance.accepted?.statement.digest ?? chain.instance.lockedDigest
    let named = digest.flatMap { chain.header($0)?.accused } ?? accused(of: owner)
    for proof in proofs where named.contains(proof.party, in: owner) {
      let bytes = [UInt8](capacity: Contradiction.maximumBytes) { out in proof.encode(into: &out) }
      link.sendChunks(.contradiction, owner, chain.position, bytes.span, to: peer, via: &host)
    }
  }

  /// A contradiction that another member showed. Cost: at most two signature checks, none for who is known.
  mutating func receiveProof(
    _ bytes: Span<UInt8>, from peer: Int, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    var reader = WireReader(bytes)
    guard let proof = try? Contradiction(decoding: &reader) else { return link.sealer.count(.malformedBody) }
    guard !isProven(proof.party), link.mayCheckSignatures(2, of: peer) else { return }
    guard proof.holds(in: genesis) else { return link.sealer.countBadSignature(of: peer) }
    // Story: a header named a meter of another set, and was locked. Whoever had heard meanwhile that the meter was accused there, or
    // that this was long ago, had no use for what shows it, could never find the header valid, and its set waited for him for ever.
    keep(proof, isWanted: isAwaited(proof.party))
    try journalProofs(via: &host)
  }

  /// Whether a value that waits to be found valid names this party.
  private func isAwaited(_ party: AccusedParty) -> Bool {
    chains.contains { chain in
      guard let digest = chain.instance.awaitsValidation, let header = chain.header(digest) else { return false }
      return header.accused.contains(party, in: chain.owner)
    }
  }

  // MARK: What tests and reports look at

  /// Meters that decided headers accused outside their own sets, as far as this node keeps them.
  public var namedElsewhereCount: Int { namedElsewhere.count }

  /// Whom the decided headers of a set accuse, as far as this node holds them.
  public func agreedAccused(of owner: ReplicaIndex) -> Accused {
    let chain = chain(owner)
    return chain.decided(Position(0))?.header?.accused ?? Accused()
  }
  /// Whom this node can show to have lied.
  public var provenCount: Int { proofs.count }
  /// One of the proofs of somebody's lie, by its place from 0.
  /// - Precondition: place < ``provenCount``.
  public func proof(_ place: Int) -> Contradiction { proofs[place] }
}

/// A meter that a decided header of another set accused.
struct NamedMeter {
  let meter: MeterIndex
  let home: ReplicaIndex
  /// Of the latest such header.
  let period: Period
}
