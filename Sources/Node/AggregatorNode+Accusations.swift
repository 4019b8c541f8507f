import Aggregation
import Consensus
import HAL
import Packets
import Units
import Wire

// Who lied is agreed like everything else: a header names the accused, and whoever prepares it holds what shows their
// lies. So aggregators that hold the same headers name the same liars. (consensus rule 49)
extension AggregatorNode {
  /// Contradictions kept, one for each party.
  static let maximumProofs = 256

  /// What a header over this set names: who was named before, and the oldest proven here.
  func accused(of owner: ReplicaIndex) -> Accused {
    let before = sets[Int(owner.rawValue)].accused
    var result = before
    for proof in proofs where concerns(proof, owner) && !before.contains(proof.party) {
      guard result.subtracting(before).count < Accused.maximumNew else { break }
      result.insert(proof.party)
    }
    return result
  }

  /// Meters are accused in the headers of their own set, aggregators in everybody's.
  private func concerns(_ proof: Contradiction, _ owner: ReplicaIndex) -> Bool {
    proof.kind != .record || proof.owner == owner
  }

  private func isProven(_ party: Contradiction.Party) -> Bool { proofs.contains { $0.party == party } }

  /// Whether nobody needs to be shown this any more: every header that may name the party follows on one that does.
  private func isAgreed(_ party: Contradiction.Party) -> Bool {
    switch party {
    case .meter(_, let owner): sets[Int(owner.rawValue)].accused.contains(party)
    case .aggregator: sets.allSatisfy { $0.accused.contains(party) }
    }
  }

  /// Keeps a contradiction that holds; the first of a party is enough, and none once it is agreed. Meters leave room for
  /// every aggregator.
  mutating func keep(_ proof: Contradiction) {
    guard !isProven(proof.party), !isAgreed(proof.party) else { return }
    let room = Self.maximumProofs - (proof.kind == .record ? GroupLimits.maximumAggregators : 0)
    if proofs.count >= room, let place = proofs.firstIndex(where: { isAgreed($0.party) }) {
      proofs.remove(at: place)
      if place < journaledProofs { journaledProofs -= 1 }
    }
    guard proofs.count < room else { return }
    proofs.append(proof)
  }

  /// Appends to the journal what is not there; durable with what is synced next, before any prepare that names it.
  mutating func journalProofs(via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    while journaledProofs < proofs.count {
      let proof = proofs[journaledProofs]
      var entry = ByteBuffer(capacity: 1 + Contradiction.maximumBytes)
      entry.replace { out in
        out.write(EntryKind.contradiction.rawValue)
        proof.encode(into: &out)
      }
      try host.append(entry.span)
      journaledProofs += 1
    }
  }

  mutating func restoreProof(_ reader: inout WireReader) {
    guard let proof = try? Contradiction(decoding: &reader) else { return }
    keep(proof)
    journaledProofs = proofs.count
  }

  /// Whether everybody whom a header newly accuses is proven here.
  func holdsProofs(of header: Header) -> Bool {
    if mutated(.accusationsUnproven) { return true }
    let new = header.accused.subtracting(sets[Int(header.owner.rawValue)].accused)
    var proven = Accused()
    for proof in proofs where concerns(proof, header.owner) { proven.insert(proof.party) }
    return new.subtracting(proven).count == 0
  }

  /// Sends what shows the lies that a set's next header may name.
  mutating func sendProofs(
    of slot: InstanceSlot, to peer: Int, via host: inout some NodeHost & ~Copyable
  ) {
    let owner = slot.instance.owner
    let named = slot.proposedHeader?.accused ?? accused(of: owner)
    let new = named.subtracting(sets[Int(owner.rawValue)].accused)
    for proof in proofs where concerns(proof, owner) && new.contains(proof.party) {
      let bytes = [UInt8](capacity: Contradiction.maximumBytes) { out in proof.encode(into: &out) }
      link.sendChunks(.contradiction, owner, slot.instance.period, bytes.span, to: peer, via: &host)
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
    keep(proof)
    try journalProofs(via: &host)
  }

  // MARK: What tests and reports look at

  /// Whom the decided headers of a set accuse, as far as this node holds them.
  public func agreedAccused(of owner: ReplicaIndex) -> Accused { sets[Int(owner.rawValue)].accused }
  /// Whom this node can show to have lied.
  public var provenCount: Int { proofs.count }
  public func proof(_ place: Int) -> Contradiction { proofs[place] }
}
