import Aggregation
import Consensus
import Cryptography
import HAL
import Packets
import Units
import Wire

// What comes with packets, from cheap checks to dear ones. (DESIGN §5)
extension AggregatorNode {
  /// Takes one datagram in: opens it, checks it, and does what follows. A bad one is dropped and counted; nothing is
  /// thrown for it.
  /// - Throws: what the host's journal or cells throw, after which the node stops.
  public mutating func receive(
    _ datagram: Span<UInt8>, from endpoint: Endpoint, at now: Instant, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    link.advance(to: now)
    instant = now
    guard let (type, peer) = try link.open(datagram, from: endpoint, knowing: genesis, via: &host) else { return }
    // The link keeps the body until it opens the next packet, which is after this call.
    let input = unsafe Span(_unsafeElements: link.openedBody)
    let sender = Party(link.sealer.peers[peer].identifier)
    switch type {
    case .record: try receiveRecord(input, sender, peer, at: now, via: &host)
    case .vote, .proposal: try receiveVote(type, input, sender, peer, at: now, via: &host)
    case .want: try serve(input, sender, peer, via: &host)
    case .chunk: try receiveChunk(input, sender, peer, at: now, via: &host)
    case .acknowledgement: try receiveAcknowledgement(input, sender, via: &host)
    case .proof: try receivePulledProof(input, sender, via: &host)
    case .status, .receipt: link.sealer.count(.notAllowed)
    }
  }

  // MARK: Positions

  /// Whether something said about a position is looked at. Who speaks of a decided one is answered with the newest certificate and its
  /// table, however long he was away; who speaks of a later one is asked for it. (consensus rule R10)
  private mutating func isOpen(
    _ position: Position, _ chain: SetChain, _ member: ReplicaIndex, via host: inout some NodeHost & ~Copyable
  ) -> Bool {
    if position == chain.position, !chain.lacksHeader { return true }
    if position < chain.position {
      // What was on its way when the position was decided needs no answer; whoever lacks the decision repeats himself.
      if ticks >= chain.decidedAt + SetChain.lateTicks, !mutated(.lateVotesUnanswered) {
        sendHead(chain, to: member, via: &host)
      }
      return false
    }
    if mutated(.neverCatchesUp) { return false }
    if mutated(.takesPartWithoutPrevious), position == chain.position.next {
      chain.instance.reset(position: position, firstRound: chain.instance.firstRound)
      return true
    }
    if ticks >= chain.askedAt + SetChain.lateTicks {
      chain.askedAt = ticks
      askForHead(chain, from: member, via: &host)
    }
    return false
  }

  private mutating func sendHead(
    _ chain: SetChain, to member: ReplicaIndex, via host: inout some NodeHost & ~Copyable
  ) {
    guard let newest = chain.decided(Position(0)), let peer = link.peer(.aggregator(member)) else { return }
    let bytes = newest.certificate.count + chain.coverage.encodedBytes
    guard maySend(.head, chain.owner, newest.position, bytes: bytes, to: peer) else { return }
    let certificate = newest.certificate
    answer.replace { out in
      out.write(certificate.span)
      chain.coverage.encode(into: &out)
    }
    link.sendChunks(.head, chain.owner, newest.position, answer, to: peer, via: &host)
  }

  /// A round of a period that has not even begun by the own clock; honest clocks are not so far apart.
  private func isBeyondNow(_ round: Round, _ now: Instant) -> Bool {
    clockVerdict.isTrue && round.period > now.period(ofSeconds: UInt64(genesis.periodSeconds))
      && !mutated(.votesBeyondNowCounted)
  }

  // MARK: Votes

  private mutating func receiveVote(
    _ type: PacketType, _ bytes: Span<UInt8>, _ sender: Party, _ peer: Int, at now: Instant,
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    var reader = WireReader(bytes)
    guard let member = sender.aggregatorIndex else { return link.sealer.count(.notAllowed) }
    guard let body = try? VoteBody(decoding: &reader), body.owner.rawValue < genesis.members else {
      return link.sealer.count(.malformedBody)
    }
    var header: Header?
    if type == .proposal {
      guard let decoded = try? Header(decoding: &reader) else { return link.sealer.count(.malformedBody) }
      header = decoded
    }
    guard reader.remaining == 0 else { return link.sealer.count(.malformedBody) }
    let chain = chain(body.owner)
    guard isOpen(body.position, chain, member, via: &host) else { return }
    guard !isBeyondNow(body.round, now) else {
      voteRefusals[Int(Refusal.notOpen.rawValue)] += 1
      return
    }
    let vote = Vote(statement: body.statement(in: genesis.context, signer: member), signature: body.signature)
    // Members repeat what they said last; a signature is the dearest thing to check. A proposal may bring what its vote
    // lacked.
    if type == .vote, chain.instance.hasCounted(vote) {
      voteRefusals[Int(Refusal.duplicate.rawValue)] += 1
      return
    }
    guard link.mayCheckSignatures(1, of: peer) else { return }
    guard
      let authenticated = Authenticated(
        checking: vote, by: genesis.aggregators[Int(member.rawValue)].verificationKey)
    else { return link.sealer.countBadSignature(of: peer) }
    if type == .vote { return try step(chain, .vote(authenticated), via: &host) }
    guard let header, body.digest == header.digest else { return link.sealer.count(.malformedBody) }
    if chain.instance.accepted == nil { chain.keep(header) }
    try step(chain, .proposal(authenticated), via: &host)
  }

  /// A round change or a new round, complete.
  private mutating func receiveRound(
    _ object: ObjectKind, _ member: ReplicaIndex, _ peer: Int, at now: Instant,
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let cell = roundAssemblies[Int(member.rawValue)]
    let chain = chain(cell.assembly.owner)
    let position = cell.assembly.position
    let bytes = Array(copying: cell.assembly.span)
    cell.assembly.removeAll()
    guard isOpen(position, chain, member, via: &host) else { return }
    var reader = WireReader(bytes.span)
    let input: Input
    let prepared: PreparedCertificate
    if object == .roundChange {
      guard let change = try? RoundChange(decoding: &reader), change.vote.statement.signer == member,
        concerns(change.vote, chain)
      else { return link.sealer.count(.malformedBody) }
      guard !isBeyondNow(change.vote.statement.round, now) else {
        voteRefusals[Int(Refusal.notOpen.rawValue)] += 1
        return
      }
      if chain.instance.hasCounted(change.vote) {
        voteRefusals[Int(Refusal.duplicate.rawValue)] += 1
        return
      }
      guard link.mayCheckSignatures(1 + change.prepared.signatures.count, of: peer) else { return }
      guard let verified = try? VerifiedRoundChange(checking: change, in: genesis.context, by: memberKeys) else {
        justificationRefusals += 1
        link.sealer.countBadSignature(of: peer)
        return
      }
      prepared = change.prepared
      try keepHeader(of: prepared, prepared.digest, &reader, chain)
      input = .roundChange(verified)
    } else {
      guard let newRound = try? NewRound(decoding: &reader), concerns(newRound.prepare, chain) else {
        return link.sealer.count(.malformedBody)
      }
      if let known = chain.instance.newRound, known.prepare == newRound.prepare { return }
      let signatures = 1 + newRound.claims.count + newRound.prepared.signatures.count
      guard link.mayCheckSignatures(signatures, of: peer) else { return }
      guard let verified = try? VerifiedNewRound(checking: newRound, in: genesis.context, by: memberKeys) else {
        justificationRefusals += 1
        link.sealer.countBadSignature(of: peer)
        return
      }
      prepared = newRound.prepared
      try keepHeader(of: prepared, newRound.prepare.statement.digest, &reader, chain)
      input = .newRound(verified)
    }
    try step(chain, input, via: &host)
  }

  private func concerns(_ vote: Vote, _ chain: SetChain) -> Bool {
    vote.statement.owner == chain.owner && vote.statement.position == chain.position
  }

  /// Keeps the header that came behind a round change or a new round, if one did and it is the one spoken of. What was prepared in a
  /// round is of its period or an earlier one.
  private mutating func keepHeader(
    of prepared: PreparedCertificate, _ digest: Digest, _ reader: inout WireReader, _ chain: SetChain
  ) throws(PlatformError) {
    guard reader.remaining > 0 else { return }
    guard let header = try? Header(decoding: &reader), reader.remaining == 0, header.digest == digest,
      !prepared.exists || header.period <= prepared.round.period
    else { return link.sealer.count(.malformedBody) }
    chain.keep(header)
  }

  // MARK: Wants

  private mutating func serve(
    _ bytes: Span<UInt8>, _ sender: Party, _ peer: Int, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    var reader = WireReader(bytes)
    guard let want = try? Want(decoding: &reader), want.owner.rawValue < genesis.members else {
      return link.sealer.count(.malformedBody)
    }
    if let member = sender.aggregatorIndex {
      link.transfers.report(
        member, highest: want.highestSequence, received: want.receivedCount,
        heldNanoseconds: UInt64(want.heldMicroseconds) * 1000, at: link.now)
    }
    let chain = chain(want.owner)
    if mutated(.decisionsNotServed), [.certificate, .product, .head].contains(want.object) { return }
    switch want.object {
    case .proof: serveProof(want, sender, peer, via: &host)
    case .certificate:
      if let decided = chain.decided(want.position) {
        return send(.certificate, decided.certificate, want.owner, decided.position, to: peer, via: &host)
      }
      try serveStored(want, chain, sender, peer, via: &host)
    case .product:
      guard sender.isBookkeeper || sender.aggregatorIndex != nil else { return }
      if let decided = chain.decided(want.position), decided.product.count > 0 {
        return send(.product, decided.product, want.owner, decided.position, to: peer, via: &host)
      }
      try serveStored(want, chain, sender, peer, via: &host)
    case .head:
      guard let member = sender.aggregatorIndex else { return link.sealer.count(.notAllowed) }
      guard chain.headPosition >= want.position else { return }
      sendHead(chain, to: member, via: &host)
    case .records:
      // The bookkeeper could decrypt a single record: members only. (DESIGN §2.2)
      guard let member = sender.aggregatorIndex else { return link.sealer.count(.notAllowed) }
      guard want.position == chain.position else { return }
      try recallForOthers(want, chain, via: &host)
      owe(want, chain, to: member, via: &host)
    case .manifest:
      guard sender.aggregatorIndex != nil else { return link.sealer.count(.notAllowed) }
      guard want.position == chain.position else { return }
      try recallForOthers(want, chain, via: &host)
      sendManifest(want.digest, chain, to: peer, via: &host)
    case .contradiction:
      guard sender.aggregatorIndex != nil else { return link.sealer.count(.notAllowed) }
      guard want.position == chain.position,
        maySend(
          .contradiction, want.owner, want.position, bytes: Accused.maximumNew * Contradiction.maximumBytes, to: peer)
      else { return }
      sendProofs(of: chain, to: peer, via: &host)
    case .roundChange, .newRound: return
    }
  }

  /// Somebody asks for a header, or its records, that are in the journal alone: prepared here in an earlier period.
  private mutating func recallForOthers(
    _ want: Want, _ chain: SetChain, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard chain.prepareCount > 0, ticks >= recallAt else { return }
    if let header = chain.header(want.digest),
      chain.shelf(through: header.period)?.missing(of: header.contributors).count == 0
    {
      return
    }
    // Its own value comes first.
    if let awaited = chain.instance.awaitsValidation, awaited != want.digest { return }
    recallAt = ticks + UInt64(Self.ticksPerSecond)
    try recall(want.digest, chain, via: &host)
  }

  private mutating func sendManifest(
    _ digest: Digest, _ chain: SetChain, to peer: Int, via host: inout some NodeHost & ~Copyable
  ) {
    guard let header = chain.header(digest), let shelf = chain.shelf(through: header.period),
      shelf.missing(of: header.contributors).count == 0
    else { return }
    let bytes = Header.encodedBytes + 32 * Int(header.count)
    guard maySend(.manifest, chain.owner, chain.position, bytes: bytes, to: peer) else { return }
    let meters = genesis.meterCount(of: chain.owner)
    answer.replace { out in
      header.encode(into: &out)
      for meter in 0..<meters where header.contributors.contains(MeterIndex(meter)) {
        out.write(shelf.hash(of: MeterIndex(meter)))
      }
    }
    link.sendChunks(.manifest, chain.owner, chain.position, answer, to: peer, via: &host)
  }

  private mutating func send(
    _ object: ObjectKind, _ bytes: [UInt8], _ owner: ReplicaIndex, _ position: Position, to peer: Int,
    via host: inout some NodeHost & ~Copyable
  ) {
    guard maySend(object, owner, position, bytes: bytes.count, to: peer) else { return }
    link.sendChunks(object, owner, position, bytes.span, to: peer, via: &host)
  }

  /// Whether a peer may have this of what it asks for: it is owed it once, and later on its credit.
  private mutating func maySend(
    _ object: ObjectKind, _ owner: ReplicaIndex, _ position: Position, bytes: Int, to peer: Int
  ) -> Bool {
    let party = Party(link.sealer.peers[peer].identifier)
    let isFirst = served.isFirst(object, owner, position, to: party)
    if link.sealer.maySend(Chunk.datagramBytes(ofBytes: bytes), isFirst: isFirst, to: peer) { return true }
    if mutated(.repetitionsUnbounded) { return true }
    link.sealer.count(.overBudget)
    return false
  }

  /// A meter's newest certificate and its place in it: to the meter itself, and to a member that lacks it.
  private mutating func serveProof(
    _ want: Want, _ sender: Party, _ peer: Int, via host: inout some NodeHost & ~Copyable
  ) {
    let isOwn = sender.meter.map { $0.owner == want.owner && $0.index == want.meter } ?? false
    guard isOwn || sender.aggregatorIndex != nil else { return link.sealer.count(.notAllowed) }
    let inclusions = chain(want.owner).inclusions
    guard let newest = inclusions.newest(want.meter) else { return }
    let certificate = newest.certificate
    let bytes =
      Chunk.datagramBytes(ofBytes: certificate.count) + PacketHeader.encodedBytes + InclusionStore.proofBytes
      + SealingKey.tagBytes
    guard
      link.sealer.maySend(bytes, isFirst: isOwn && served.isFirstProof(newest.period, to: peer), to: peer)
        || mutated(.repetitionsUnbounded)
    else { return link.sealer.count(.overBudget) }
    link.sendChunks(
      .certificate, want.owner, Certificate.position(in: certificate.span), certificate.span, to: peer, via: &host)
    Self.write(inclusions, want.meter, with: &proofManifest, into: &answer)
    link.send(.proof, answer, to: peer, via: &host)
  }

  static func write(
    _ inclusions: InclusionStore, _ meter: MeterIndex, with manifest: inout ProofManifest,
    into answer: inout ByteBuffer
  ) {
    answer.replace { out in inclusions.write(meter, with: &manifest, into: &out) }
  }

  // MARK: Chunks

  private mutating func receiveChunk(
    _ bytes: Span<UInt8>, _ sender: Party, _ peer: Int, at now: Instant,
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    var reader = WireReader(bytes)
    guard let member = sender.aggregatorIndex, let chunk = try? Chunk(decoding: &reader),
      let piece = try? reader.readBytes(reader.remaining), chunk.owner.rawValue < genesis.members
    else { return link.sealer.count(.malformedBody) }
    let chain = chain(chunk.owner)
    switch chunk.object {
    case .head:
      // Members repeat themselves; q signatures are checked once.
      guard chunk.position > chain.headPosition else { return }
      let cell = assemblies[Int(member.rawValue)]
      guard cell.assembly.accepts(chunk, byteCount: piece.count) else { return link.sealer.count(.malformedBody) }
      if cell.assembly.add(chunk, piece) {
        try receiveHead(Array(copying: cell.assembly.span), chunk.position, chain, from: peer, via: &host)
      }
    case .manifest:
      guard chunk.position == chain.position else { return }
      let cell = assemblies[Int(member.rawValue)]
      guard cell.assembly.accepts(chunk, byteCount: piece.count) else { return link.sealer.count(.malformedBody) }
      if cell.assembly.add(chunk, piece) {
        try receiveManifest(Array(copying: cell.assembly.span), chain, from: peer, via: &host)
      }
    case .roundChange, .newRound:
      let cell = roundAssemblies[Int(member.rawValue)]
      guard cell.assembly.accepts(chunk, byteCount: piece.count) else { return link.sealer.count(.malformedBody) }
      if cell.assembly.add(chunk, piece) {
        try receiveRound(chunk.object, member, peer, at: now, via: &host)
      }
    case .contradiction:
      guard chunk.total == 1, UInt64(chunk.objectLength) == UInt64(piece.count) else {
        return link.sealer.count(.malformedBody)
      }
      try receiveProof(piece, from: peer, via: &host)
    case .certificate, .product: try receivePulled(chunk, piece, member, peer, via: &host)
    case .records, .proof: link.sealer.count(.notAllowed)
    }
  }

  /// The newest certificate of a set and the table after it, complete. The first that hashes right is taken over.
  private mutating func receiveHead(
    _ bytes: [UInt8], _ position: Position, _ chain: SetChain, from peer: Int,
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let length = Certificate.maximumBytes(genesis.context.quorum)
    guard bytes.count >= length + 8 * Int(chain.coverage.meterCount) else { return link.sealer.count(.malformedBody) }
    guard link.mayCheckSignatures(Int(genesis.context.quorum.size), of: peer) else { return }
    guard let certificate = try? Certificate(checking: bytes.span.extracting(0..<length), against: genesis),
      certificate.owner == chain.owner, certificate.position == position
    else { return link.sealer.countBadSignature(of: peer) }
    if certificate.position == chain.position, certificate.header.previous == chain.head {
      return try conclude(chain, certificate, table: nil, via: &host)
    }
    let table = Array(bytes[length...])
    let before = chain.headPosition
    try conclude(chain, certificate, table: table, via: &host)
    // q members signed the root that this table does not have.
    if chain.headPosition == before { link.sealer.countBadSignature(of: peer) }
  }

  /// The hashes of the records under a header that waits to be found valid.
  private mutating func receiveManifest(
    _ bytes: [UInt8], _ chain: SetChain, from peer: Int, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    var reader = WireReader(bytes.span)
    guard let header = try? Header(decoding: &reader), reader.remaining == 32 * Int(header.count),
      header.contributors.isWithin(meterCount: genesis.meterCount(of: chain.owner))
    else { return link.sealer.count(.malformedBody) }
    let digest = header.digest
    if chain.lacksHeader, chain.instance.decided == digest {
      chain.keep(header)
      chain.lacksHeader = false
      return try finish(chain, via: &host)
    }
    guard chain.instance.awaitsValidation == digest || chain.instance.lockedDigest == digest,
      chain.manifestDigest != digest
    else { return link.sealer.count(.notAllowed) }
    var hashes: [Digest] = []
    hashes.reserveCapacity(Int(header.count))
    manifest.removeAll()
    for meter in 0..<genesis.meterCount(of: chain.owner) where header.contributors.contains(MeterIndex(meter)) {
      guard let hash = try? reader.read(Digest.self) else { return link.sealer.count(.malformedBody) }
      manifest.append(MeterIndex(meter), hash)
      hashes.append(hash)
    }
    guard manifest.count > 0, manifest.root() == header.manifestRoot else { return link.sealer.count(.malformedBody) }
    chain.keep(header)
    chain.take(hashes, of: digest)
    // It names what is missing: to ask for that only with a later tick would cost a contradicting meter's set 200 ms.
    if chain.instance.awaitsValidation == digest { try validate(chain, digest, via: &host) }
  }
}
