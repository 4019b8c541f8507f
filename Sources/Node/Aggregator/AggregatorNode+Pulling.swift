import Aggregation
import Consensus
import Cryptography
import HAL
import Packets
import Units
import Wire

// What a member that was away, or lost its disk, fetches from the others, so that replacing every board once loses nothing.
extension AggregatorNode {
  /// Goes on with what is missing of a set, one position and one meter at a time.
  mutating func pull(_ chain: SetChain, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    if mutated(.nothingHandedOn) { return }
    if chain.pull.position.rawValue > 0 { try pullPosition(chain, via: &host) }
    if ticks % UInt64(Self.ticksPerSecond) == UInt64(chain.owner.rawValue) % UInt64(Self.ticksPerSecond) {
      pullProof(chain, via: &host)
    }
  }

  // MARK: Positions

  private mutating func pullPosition(_ chain: SetChain, via host: inout some NodeHost & ~Copyable) throws(PlatformError)
  {
    let faults = genesis.context.quorum.faults
    let published = max(acknowledgedPosition(of: chain.owner), chain.pull.borneOut(faults: faults))
    for _ in 0..<Pull.looksPerTick {
      let position = chain.pull.position
      guard position > published else { return chain.pull.end() }
      // It may come by itself: by the records in the journal, or because it is published at once.
      guard ticks >= chain.pull.askAt else { return }
      if try isComplete(position, chain, via: &host) {
        chain.pull.goOn(at: ticks)
        continue
      }
      guard chain.pull.asked < Pull.mostAsks(members: genesis.members) else {
        chain.pull.goOn(at: ticks)
        continue
      }
      if chain.pull.certificate == nil, let kept = chain.decided(position) {
        chain.pull.certificateBytes = kept.certificate
        chain.pull.certificate = try? Certificate(checking: kept.certificate.span, against: genesis)
      }
      let member = other(UInt64(chain.pull.asked) + position.rawValue)
      chain.pull.member = member
      chain.pull.asked += 1
      chain.pull.askAt = ticks + Pull.askTicks
      return ask(
        Want(
          object: chain.pull.certificate == nil ? .certificate : .product, owner: chain.owner, position: position),
        of: member, via: &host)
    }
  }

  private func isComplete(
    _ position: Position, _ chain: SetChain, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) -> Bool {
    if let kept = chain.decided(position), kept.product.count > 0 { return true }
    guard let stored = try stored(position, of: chain, via: &host) else { return false }
    return stored.product.count > 0
  }

  /// A piece of a certificate or product that this member asked for; everything else is refused.
  mutating func receivePulled(
    _ chunk: Chunk, _ piece: Span<UInt8>, _ member: ReplicaIndex, _ peer: Int,
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let chain = chain(chunk.owner)
    let isOfPosition = chain.pull.member == member && chunk.position == chain.pull.position
    let isOfProof = chain.pull.proofMember == member && chunk.object == .certificate
    guard isOfPosition || isOfProof else { return link.sealer.count(.notAllowed) }
    let cell = assemblies[Int(member.rawValue)]
    if chunk.object == .product {
      guard let header = chain.pull.certificate?.header else { return }
      guard cell.assembly.accepts(chunk, byteCount: piece.count) else { return link.sealer.count(.malformedBody) }
      guard cell.assembly.add(chunk, piece) else { return }
      guard RecordStatement.ciphertextHash(cell.assembly.span) == header.productHash else {
        return link.sealer.count(.malformedBody)
      }
      let product = Array(copying: cell.assembly.span)
      try store(chunk.position, chain.pull.certificateBytes, product, of: chain, via: &host)
      try host.syncCells()
      chain.decided(chunk.position)?.keepProduct(product.span)
      return chain.pull.goOn(at: ticks)
    }
    // The same certificate shows many meters.
    if !isOfPosition, chain.pull.proofCertificate?.position == chunk.position { return }
    guard
      let certificate = link.certificate(
        completedBy: chunk, piece, from: peer, in: &cell.assembly, against: genesis)
    else { return }
    if isOfPosition, chain.pull.certificate == nil {
      chain.pull.certificate = certificate
      chain.pull.certificateBytes = Array(copying: cell.assembly.span)
      chain.pull.askAt = ticks
    }
    if isOfProof {
      chain.pull.proofCertificate = certificate
      chain.pull.proofCertificateBytes = Array(copying: cell.assembly.span)
    }
  }

  // MARK: Proofs

  /// Whether the table says of a meter that it was certified, and no proof of that is here.
  private func lacksProof(_ meter: MeterIndex, _ chain: SetChain) -> Bool {
    let covered = chain.coverage.coveredThrough(meter)
    return covered >= genesis.firstPeriod && chain.inclusions.newest(meter)?.period ?? Period(0) < covered
  }

  private mutating func pullProof(_ chain: SetChain, via host: inout some NodeHost & ~Copyable) {
    guard ticks >= chain.pull.proofAskAt else { return }
    let meters = genesis.meterCount(of: chain.owner)
    // A set without meters has nothing to prove.
    guard meters > 0 || mutated(.proofsOfEmptySetLookedFor) else { return }
    // Everybody is asked once for each; then the next one has its turn.
    if chain.pull.proofAsked >= genesis.members - 1 || !lacksProof(chain.pull.meter, chain) {
      chain.pull.proofAsked = 0
      var next = chain.pull.meter.rawValue + 1
      while next < meters, !lacksProof(MeterIndex(next), chain) { next += 1 }
      if next >= meters {
        // Once round. When nobody had any of them, or none is missing, there is no hurry.
        chain.pull.proofAskAt = ticks + (chain.pull.hasProgress ? Pull.askTicks : Pull.restTicks)
        chain.pull.hasProgress = false
        next = 0
      }
      chain.pull.meter = MeterIndex(next)
      guard lacksProof(MeterIndex(next), chain) else { return }
    }
    let member = other(UInt64(chain.pull.proofAsked) + UInt64(chain.pull.meter.rawValue))
    chain.pull.proofAsked += 1
    chain.pull.proofMember = member
    ask(Want(object: .proof, owner: chain.owner, meter: chain.pull.meter), of: member, via: &host)
  }

  /// A proof that another member has of a meter's newest record: it must be the one that the table here says there is.
  mutating func receivePulledProof(
    _ bytes: Span<UInt8>, _ sender: Party, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard let member = sender.aggregatorIndex else { return link.sealer.count(.notAllowed) }
    var reader = WireReader(bytes)
    guard let proof = try? InclusionProof(decoding: &reader), proof.owner.rawValue < genesis.members else {
      return link.sealer.count(.malformedBody)
    }
    guard let siblings = try? reader.readBytes(reader.remaining) else { return }
    let chain = chain(proof.owner)
    guard chain.pull.proofMember == member, chain.pull.meter == proof.meter else {
      return link.sealer.count(.notAllowed)
    }
    guard let certificate = chain.pull.proofCertificate, certificate.header.owner == proof.owner,
      certificate.period == proof.through, proof.through == chain.coverage.coveredThrough(proof.meter),
      lacksProof(proof.meter, chain)
    else { return }
    guard
      chain.inclusions.take(
        proof, siblings, under: certificate.header, chain.pull.proofCertificateBytes, with: &proofManifest)
    else { return link.sealer.count(.malformedBody) }
    entry.replace { out in chain.inclusions.writeAbsent(proof.meter, into: &out) }
    try host.append(entry.span)
    try host.sync()
    chain.pull.hasProgress = true
  }

  /// A proof that was pulled in an earlier run, or stands in a snapshot.
  mutating func restoreInclusion(_ bytes: Span<UInt8>, _ proof: InclusionProof, _ siblings: Span<UInt8>) {
    guard let certificate = restoredCertificate(bytes) else { return }
    let inclusions = chain(certificate.header.owner).inclusions
    _ = inclusions.take(proof, siblings, under: certificate.header, certificate.bytes, with: &proofManifest)
  }

  /// The period of a meter's newest certified record that can be shown to it; nil without one.
  public func provenThrough(_ meter: MeterIndex, of owner: ReplicaIndex) -> Period? {
    chain(owner).inclusions.newest(meter)?.period
  }
}
