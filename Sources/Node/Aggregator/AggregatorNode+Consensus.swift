import Aggregation
import Consensus
import Cryptography
import HAL
import Packets
import Paillier
import Units
import Wire

// Proposing, looking at proposals, and what follows from a decision. (DESIGN §3; docs/CONSENSUS.md)
extension AggregatorNode {
  // MARK: Leading

  /// Proposes the records of the round's period once all are in, or a quarter of a period after there were enough; nothing before.
  /// (consensus rule R13)
  mutating func lead(_ chain: SetChain, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    guard chain.isTimeToPropose(at: ticks, quarterTicks: UInt64(Self.quarterTicks(genesis.periodSeconds))) else {
      return
    }
    let owner = chain.owner
    let accused = accused(of: owner)
    // A meter that is accused here is left out at once, which is this primary's choice. Others that contradicted themselves are in: of them a
    // receipt may be out, which would convict.
    let fair = genesis.countable(chain.followingRecords.subtracting(accused.meters), of: owner)
    let contributors = fair.count >= genesis.minimumContributors ? fair : chain.countableRecords
    fillManifest(chain.collected, contributors)
    // What is thrown out may leave too few: the next tick tells.
    guard multiply(chain, chain.collected, contributors) else { return removeNonUnits(chain.collected, contributors) }
    var header = Header(
      networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch, group: genesis.group, owner: owner,
      author: index, period: chain.collected.period, keyIdentifier: genesis.keyIdentifier, previous: chain.head,
      coverageRoot: Digest(), manifestRoot: manifest.root(), productHash: productHash(chain),
      contributors: contributors, accused: accused)
    header.coverageRoot = chain.coverageRoot(after: header)
    chain.keep(header)
    chain.ownProposal = header
    let digest = header.digest
    chain.noteProduct(of: digest)
    try step(chain, .propose(digest), via: &host)
  }

  // MARK: Manifests and products

  private mutating func fillManifest(_ shelf: RecordShelf, _ contributors: MeterBitmap) {
    manifest.removeAll()
    for meter in 0..<GroupLimits.maximumMetersPerSet {
      let meter = MeterIndex(UInt16(meter))
      if contributors.contains(meter) { manifest.append(meter, shelf.hash(of: meter)) }
    }
  }

  /// Fills the set's product from the contributors' records. False when the product is no unit: then one
  /// of them spoils it. One gcd for all those that came from members; records of meters were looked at one by one, because
  /// a receipt is a promise to count them.
  private mutating func multiply(_ chain: SetChain, _ shelf: RecordShelf, _ contributors: MeterBitmap) -> Bool {
    product.reset()
    for meter in 0..<genesis.meterCount(of: chain.owner) where contributors.contains(MeterIndex(meter)) {
      // The ciphertext's memory belongs to the shelf, which outlives this call.
      product.multiply(by: unsafe Span(_unsafeElements: shelf.ciphertext(MeterIndex(meter))))
    }
    chain.forgetProduct()
    Self.write(product, to: chain, bytes: key.ciphertextBytes)
    if contributors.isSubset(of: shelf.coprime) { return true }
    do throws(PaillierError) { try product.checkCoprime() } catch { return false }
    shelf.noteCoprime(contributors)
    return true
  }

  private static func write(_ product: borrowing CiphertextProduct, to chain: SetChain, bytes: Int) {
    chain.product.replace(capacity: bytes) { out in product.write(into: &out) }
  }

  private func productHash(_ chain: SetChain) -> Digest {
    let product = chain.product
    return RecordStatement.ciphertextHash(product.span)
  }

  /// Finds the records whose ciphertexts share a factor with n, and forgets them. Only a liar's do. Cost: a gcd for each record
  /// that is not known to be good.
  private mutating func removeNonUnits(_ shelf: RecordShelf, _ contributors: MeterBitmap) {
    for meter in 0..<GroupLimits.maximumMetersPerSet {
      let meter = MeterIndex(UInt16(meter))
      guard contributors.contains(meter), shelf.held.contains(meter), !shelf.coprime.contains(meter) else { continue }
      // The ciphertext's memory belongs to the shelf, which outlives this call.
      if isUnit(unsafe Span(_unsafeElements: shelf.ciphertext(meter))) {
        shelf.noteCoprime(meter)
      } else {
        shelf.remove(meter)
        recordRefusals[Int(RecordRefusal.badCiphertext.rawValue)] += 1
      }
    }
  }

  func isUnit(_ ciphertext: Span<UInt8>) -> Bool {
    do throws(PaillierError) { try key.validate(ciphertext) } catch {
      return false
    }
    return true
  }

  // MARK: Looking at what is proposed

  /// Checks the accepted or locked value against what is held, and fetches what is missing. Says so once it holds.
  mutating func validate(
    _ chain: SetChain, _ digest: Digest, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard !chain.hasRefused(digest) else { return }
    guard let header = try header(digest, chain, via: &host) else {
      return askForManifest(digest, chain, of: holder(chain, nil), via: &host)
    }
    if let refusal = refusal(of: header, in: chain) { return refuse(chain, digest, refusal) }
    if mutated(.validityAskedOfClock), let instant,
      instant.period(ofSeconds: UInt64(genesis.periodSeconds)).rawValue > header.period.rawValue + 1
    {
      return
    }
    guard let shelf = try shelf(for: header, digest, chain, via: &host) else { return }
    guard shelf.missing(of: header.contributors).count == 0 else {
      // Records of another period are taken only by name.
      if shelf === chain.older, chain.manifestDigest != digest {
        askForManifest(digest, chain, of: holder(chain, header), via: &host)
      }
      return fetch(chain, from: holder(chain, header), via: &host)
    }
    chain.fetch.end()
    guard holdsProofs(of: header, chain) else {
      return ask(
        Want(object: .contradiction, owner: header.owner, position: chain.position), of: holder(chain, header),
        via: &host)
    }
    guard fits(shelf, header) || mutated(.manifestUnchecked) else {
      return try replaceOthers(header, digest, chain, shelf, via: &host)
    }
    for meter in 0..<genesis.meterCount(of: header.owner) where header.contributors.contains(MeterIndex(meter)) {
      guard chain.follows(shelf, MeterIndex(meter)) else { return refuse(chain, digest, .staleRecord) }
    }
    let areUnits = multiply(chain, shelf, header.contributors)
    guard productHash(chain) == header.productHash || mutated(.productUnchecked) else {
      chain.forgetProduct()
      return refuse(chain, digest, .wrongProduct)
    }
    guard areUnits else {
      chain.forgetProduct()
      removeNonUnits(shelf, header.contributors)
      return refuse(chain, digest, .badCiphertext)
    }
    chain.noteProduct(of: digest)
    try step(chain, .validated(digest), via: &host)
  }

  /// What is wrong with a header, of all that needs no records.
  private func refusal(of header: Header, in chain: SetChain) -> HeaderRefusal? {
    let isLocked = chain.instance.isLocked
    if mutated(.lockedPeriodRequired), isLocked, header.period != chain.instance.round.period { return .wrongInstance }
    do throws(HeaderRefusal) {
      try genesis.check(
        header, owner: chain.owner, free: isLocked ? nil : chain.instance.round, after: chain.headPeriod,
        head: chain.head, coverage: chain.coverage, accusedMembers: chain.accusedMembers)
    } catch { return error }
    return nil
  }

  private mutating func refuse(_ chain: SetChain, _ digest: Digest, _ refusal: HeaderRefusal) {
    chain.refuse(digest)
    headerRefusals[Int(refusal.rawValue)] += 1
  }

  /// Whether the records held are those that a header stands for.
  private mutating func fits(_ shelf: RecordShelf, _ header: Header) -> Bool {
    if shelf.fittingManifest == header.manifestRoot { return true }
    guard shelf.period == header.period, shelf.missing(of: header.contributors).count == 0 else { return false }
    fillManifest(shelf, header.contributors)
    guard manifest.count > 0, manifest.root() == header.manifestRoot else { return false }
    shelf.fittingManifest = header.manifestRoot
    return true
  }

  /// A header by its digest: in memory, or among those this member prepared in this position.
  private mutating func header(
    _ digest: Digest, _ chain: SetChain, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) -> Header? {
    if let header = chain.header(digest) { return header }
    try recall(digest, chain, via: &host)
    return chain.header(digest)
  }

  /// Where the records of a header stand: beside those of the round's period when it is of an earlier one. Nil while there is no memory
  /// for them.
  private mutating func shelf(
    for header: Header, _ digest: Digest, _ chain: SetChain, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) -> RecordShelf? {
    guard header.period != chain.collected.period else { return chain.collected }
    guard takeOlder(for: chain, header.period) else { return nil }
    if chain.older.missing(of: header.contributors).count > 0 || !fits(chain.older, header) {
      try recall(digest, chain, via: &host)
    }
    return chain.older
  }

  /// Memory for the records of an earlier period. When all is in use, a set has precedence over those behind it: if members chose
  /// differently, each set could lack a quorum for ever.
  mutating func takeOlder(for chain: SetChain, _ period: Period) -> Bool {
    if chain.older.block == nil {
      var spare = recordPool.take()
      if spare == nil {
        for place in chains.indices.reversed()
        where place > Int(chain.owner.rawValue) && chains[place].older.block != nil {
          spare = chains[place].older.takeBlock()
          chains[place].recalledDigest = nil
          break
        }
      }
      guard let spare else { return false }
      chain.older.give(spare)
    }
    if chain.older.period != period { chain.older.begin(period) }
    return true
  }

  // MARK: What was prepared earlier

  /// Puts header and records of an own earlier prepare back from the journal. A liar may show an old prepared certificate late; whoever
  /// prepared its value must be able to prepare it again, or nobody can, ever. (consensus rule K1)
  ///
  /// Cost: the journal is read, once for a digest and position; for others not more than once in a second.
  mutating func recall(
    _ digest: Digest, _ chain: SetChain, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard chain.prepareCount > 0, chain.recalledDigest != digest, !mutated(.earlierPreparesDropped) else { return }
    chain.recalledDigest = digest
    var found = chain.header(digest)
    if found == nil {
      let owner = chain.owner
      try host.reread { entry in
        guard case .proposal(let header)? = try? JournalEntry(decoding: entry) else { return }
        if header.owner == owner, header.digest == digest { found = header }
      }
    }
    guard let header = found, header.previous == chain.head else { return }
    chain.keep(header)
    guard header.period != chain.collected.period || !fits(chain.collected, header) else { return }
    // Records of the round's period are on their shelf already, but for those that another record of a meter has taken the place of.
    let shelf = chain.shelf(of: header)
    if shelf === chain.older, !takeOlder(for: chain, header.period) {
      chain.recalledDigest = nil
      return
    }
    try readRecords(of: header, digest, into: shelf, via: &host)
  }

  /// Puts the records of a header back from the journal, as they were when this member prepared it.
  private func readRecords(
    of header: Header, _ digest: Digest, into shelf: RecordShelf, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let genesis = genesis
    let ciphertextBytes = key.ciphertextBytes
    var isOver = false
    try host.reread { entry in
      guard !isOver else { return }
      guard let entry = try? JournalEntry(decoding: entry) else { return }
      if case .proposal(let other) = entry, other.owner == header.owner, other.digest == digest { isOver = true }
      guard case .record(let record, let ciphertext) = entry,
        record.owner == header.owner, record.through == header.period, header.contributors.contains(record.meter),
        record.epoch == genesis.epoch, record.keyIdentifier == genesis.keyIdentifier,
        ciphertext.count == ciphertextBytes
      else { return }
      // The journal has them in the order in which one took another's place.
      shelf.store(record, ciphertext)
      shelf.noteJournaled(record.meter)
    }
  }

  // MARK: Asking for what a proposal stands for

  /// Whom to ask about a proposal: its author; in a later round, when the author may be gone, everybody in turn.
  private func holder(_ chain: SetChain, _ header: Header?) -> ReplicaIndex {
    let isFirst = !chain.instance.isLocked && header?.author != index
    return isFirst ? header?.author ?? chain.instance.primary : other(ticks / 2)
  }

  /// Asks for a certificate that was seen as votes alone: for the head that others have, and for its header.
  mutating func askForDecided(_ chain: SetChain, via host: inout some NodeHost & ~Copyable) {
    let member = memberInTurn
    askForHead(chain, from: member, via: &host)
    guard let digest = chain.instance.decided else { return }
    askForManifest(digest, chain, of: member, via: &host)
  }

  private mutating func askForManifest(
    _ digest: Digest, _ chain: SetChain, of member: ReplicaIndex, via host: inout some NodeHost & ~Copyable
  ) {
    ask(
      Want(object: .manifest, owner: chain.owner, position: chain.position, digest: digest), of: member, via: &host)
  }

  /// All records are here, and they are not those of the header: a meter that contradicts itself is held differently here and there, and
  /// the manifest says which record counts. Those are asked for by name, and take the place of what is held.
  private mutating func replaceOthers(
    _ header: Header, _ digest: Digest, _ chain: SetChain, _ shelf: RecordShelf,
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    if chain.strangeManifest != digest {
      chain.strangeManifest = digest
      headerRefusals[Int(HeaderRefusal.wrongManifestRoot.rawValue)] += 1
    }
    if mutated(.otherRecordNeverTaken) { return }
    guard chain.manifestDigest == digest else {
      return askForManifest(digest, chain, of: holder(chain, header), via: &host)
    }
    var missing = MeterBitmap()
    for meter in 0..<genesis.meterCount(of: header.owner) where header.contributors.contains(MeterIndex(meter)) {
      let meter = MeterIndex(meter)
      if let named = chain.namedHash(of: meter, in: header), named != shelf.hash(of: meter) { missing.insert(meter) }
    }
    ask(
      Want(
        object: .records, owner: header.owner, position: chain.position, period: header.period, digest: digest,
        missing: missing.bytes), of: holder(chain, header), via: &host)
  }

  // MARK: Telling the others

  mutating func broadcast(_ vote: Vote, via host: inout some NodeHost & ~Copyable) {
    for member in 0..<genesis.members where member != index.rawValue {
      guard let peer = link.peer(.aggregator(ReplicaIndex(member))) else { continue }
      link.send(.vote, to: peer, via: &host) { out in VoteBody(vote).encode(into: &out) }
    }
  }

  mutating func broadcastProposal(
    _ chain: SetChain, _ vote: Vote, via host: inout some NodeHost & ~Copyable
  ) {
    // A torn journal may have kept the vote and not its header; the vote still counts for those who hold the value.
    guard let header = chain.header(vote.statement.digest) else { return broadcast(vote, via: &host) }
    for member in 0..<genesis.members where member != index.rawValue {
      guard let peer = link.peer(.aggregator(ReplicaIndex(member))) else { continue }
      link.send(.proposal, to: peer, via: &host) { out in
        VoteBody(vote).encode(into: &out)
        header.encode(into: &out)
      }
    }
  }

  /// The round change, and the header of the value it holds prepared, which others may not have.
  mutating func broadcastRoundChange(_ chain: SetChain, via host: inout some NodeHost & ~Copyable) {
    guard let change = chain.instance.roundChange else { return }
    let header = change.prepared.exists ? chain.header(change.prepared.digest) : nil
    let bytes = [UInt8](capacity: Self.maximumRoundBytes(genesis)) { out in
      change.encode(into: &out)
      header?.encode(into: &out)
    }
    broadcast(.roundChange, chain, bytes, via: &host)
  }

  mutating func broadcastNewRound(_ chain: SetChain, via host: inout some NodeHost & ~Copyable) {
    guard let newRound = chain.instance.newRound else { return }
    let header = chain.header(newRound.prepare.statement.digest)
    let bytes = [UInt8](capacity: Self.maximumRoundBytes(genesis)) { out in
      newRound.encode(into: &out)
      header?.encode(into: &out)
    }
    broadcast(.newRound, chain, bytes, via: &host)
  }

  static func maximumRoundBytes(_ genesis: Genesis) -> Int {
    max(NewRound.maximumBytes(genesis.context.quorum), RoundChange.maximumBytes(genesis.context.quorum))
      + Header.encodedBytes
  }

  private mutating func broadcast(
    _ object: ObjectKind, _ chain: SetChain, _ bytes: [UInt8], via host: inout some NodeHost & ~Copyable
  ) {
    for member in 0..<genesis.members where member != index.rawValue {
      guard let peer = link.peer(.aggregator(ReplicaIndex(member))) else { continue }
      link.sendChunks(object, chain.owner, chain.position, bytes.span, to: peer, via: &host)
    }
  }

  // MARK: Deciding

  /// Applies a decision that was reached by votes.
  mutating func finish(_ chain: SetChain, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    guard chain.instance.write(into: &quorum) else { return }
    guard let header = try header(quorum.statement.digest, chain, via: &host) else {
      chain.lacksHeader = true
      return
    }
    try conclude(chain, Certificate(quorum: quorum, header: header), table: nil, via: &host)
  }

  /// Makes a decision durable, moves the set on and tells the bookkeeper.
  ///
  /// - Parameter table: the coverage table after it, when positions were missed; else it follows from the one here.
  mutating func conclude(
    _ chain: SetChain, _ certificate: Certificate, table: [UInt8]?, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let header = certificate.header
    guard chain.takeCoverage(after: certificate, table: table?.span) else { return }
    note(accusedElsewhere: header)
    let isNext = table == nil
    // Before the head is written that takes its place in memory, so that a journal that has the one also has the other.
    try store(chain.leaving, of: chain, via: &host)
    let decided = chain.makeKept(certificate, capacity: Certificate.maximumBytes(genesis.context.quorum))
    var isShown = true
    if isNext {
      let shelf = chain.shelf(of: header)
      if holdsProduct(of: certificate, chain, shelf) { decided.keepProduct(of: chain) }
      isShown = remember(chain, header, shelf, decided.certificate)
    }
    let hasPrepared = chain.prepareCount > 0
    let earlier = chain.headPeriod
    chain.advance(to: certificate, keeping: decided, at: ticks)
    if let block = chain.older.takeBlock() { recordPool.give(block) }
    if !isShown, hasPrepared {
      chain.noteUnproven(
        UnprovenPosition(position: certificate.position, header: header, certificate: decided.certificate))
    }
    try persistHead(chain, decided, via: &host)
    // Positions were passed over, or this one was certified without its records here.
    if !isNext || decided.product.isEmpty {
      chain.pull.begin(at: chain.headPosition, tick: ticks + 2 * UInt64(Self.ticksPerSecond))
    }
    note(certificate, after: earlier, isNext: isNext)
    let bytes = decided.certificate
    let product = decided.product
    try host.publish(.certificate, period: header.period, owner: header.owner, bytes.span)
    let primary = genesis.context.primary(owner: certificate.owner, certificate.quorum.statement.round)
    guard primary == index, isNext, let peer = link.peer(.bookkeeper) else { return }
    link.sendChunks(.certificate, certificate.owner, certificate.position, bytes.span, to: peer, via: &host)
    guard product.count > 0 else { return }
    link.sendChunks(.product, certificate.owner, certificate.position, product.span, to: peer, via: &host)
  }

  /// Whether the set's product is that of a decided header; it is made when its records are all here.
  private mutating func holdsProduct(of certificate: Certificate, _ chain: SetChain, _ shelf: RecordShelf) -> Bool {
    let header = certificate.header
    if chain.productDigest == certificate.quorum.statement.digest { return true }
    return shelf.period == header.period && shelf.missing(of: header.contributors).count == 0 && fits(shelf, header)
      && multiply(chain, shelf, header.contributors) && productHash(chain) == header.productHash
  }

  /// Certificate and table in one entry: both or neither. (consensus rule C7)
  private mutating func persistHead(
    _ chain: SetChain, _ decided: KeptPosition, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    if mutated(.decisionsNotPersisted) { return }
    if mutated(.headPersistedApart) {
      entry.replace { out in Self.writeHead(decided, nil, into: &out) }
      try host.append(entry.span)
      try host.sync()
    }
    entry.replace { out in Self.writeHead(decided, chain, into: &out) }
    try host.append(entry.span)
    try host.sync()
  }

  static func writeHead(_ decided: KeptPosition, _ chain: SetChain?, into out: inout OutputSpan<UInt8>) {
    let certificate = decided.certificate
    let product = decided.product
    JournalEntry.encodeHead(
      certificate.span, product.span, tableBytes: chain?.coverage.encodedBytes ?? 0, into: &out
    ) { out in chain?.coverage.encode(into: &out) }
  }

  private mutating func note(_ certificate: Certificate, after earlier: Period, isNext: Bool) {
    if isNext { decidedPositions += 1 } else { adoptedHeads += 1 }
    // Who would have led the periods that the chain went without. A jump over positions says nothing about them.
    let skipped = isNext ? certificate.period.rawValue - earlier.rawValue - 1 : 0
    let members = UInt64(genesis.members)
    for place in 0..<min(skipped, members) {
      let period = Period(earlier.rawValue + 1 + place)
      let leader = genesis.context.primary(owner: certificate.owner, Round(period))
      skippedPeriods[Int(leader.rawValue)] += genesis.rotates ? (skipped - place + members - 1) / members : 1
    }
    if !genesis.rotates, skipped > members {
      let leader = genesis.context.primary(owner: certificate.owner, Round(certificate.period))
      skippedPeriods[Int(leader.rawValue)] += skipped - members
    }
    guard let instant,
      let latency = instant.milliseconds(sinceEndOf: certificate.period, ofSeconds: UInt64(genesis.periodSeconds))
    else { return }
    decisionLatency.add(milliseconds: latency)
  }

  /// Keeps proofs of a position that was decided when its records were in the journal alone, and its product.
  ///
  /// Story: a header was decided periods after it was prepared, by members of which some had prepared it and others had the certificate.
  /// None had its records at hand, so no meter could be shown that it was certified: each went on with records that start too early, and
  /// the set was never certified again. At least one honest member both prepared a position and took its certificate for the next one.
  ///
  /// Cost: the journal is read.
  mutating func proveLate(_ chain: SetChain, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    guard !chain.unproven.isEmpty, let block = recordPool.take() else { return }
    defer { recordPool.give(block) }
    guard let late = chain.takeUnproven() else { return }
    let shelf = RecordShelf(owner: chain.owner, in: genesis, block: block)
    shelf.begin(late.header.period)
    try readRecords(of: late.header, late.header.digest, into: shelf, via: &host)
    guard remember(chain, late.header, shelf, late.certificate) else { return }
    let kept = chain.decided(late.position)
    guard kept?.product.isEmpty ?? true, chain.mustKeep(late.position) || kept != nil else { return }
    if multiply(chain, shelf, late.header.contributors), productHash(chain) == late.header.productHash {
      kept?.keepProduct(of: chain)
      // The journal has the head without it.
      let product = chain.product
      if chain.mustKeep(late.position) {
        try store(late.position, late.certificate, product, of: chain, via: &host)
        try host.syncCells()
      }
    }
    chain.forgetProduct()
  }

  /// Keeps a proof for every contributor of a decided value. False when their records are not all here.
  mutating func remember(_ chain: SetChain, _ header: Header, _ shelf: RecordShelf, _ certificate: [UInt8]) -> Bool {
    guard shelf.period == header.period, shelf.missing(of: header.contributors).count == 0 else { return false }
    manifest.removeAll()
    // What was found to fit is not hashed again.
    let fits = shelf.fittingManifest == header.manifestRoot
    for meter in 0..<genesis.meterCount(of: header.owner) where header.contributors.contains(MeterIndex(meter)) {
      // The ciphertext's memory belongs to the shelf, which outlives this call.
      let ciphertextHash = RecordStatement.ciphertextHash(
        unsafe Span(_unsafeElements: shelf.ciphertext(MeterIndex(meter))))
      ciphertextHashes[Int(meter)] = ciphertextHash
      if fits { continue }
      manifest.append(MeterIndex(meter), shelf.hash(of: MeterIndex(meter)))
    }
    guard fits || manifest.count > 0 && manifest.root() == header.manifestRoot else { return false }
    let isNewest = chain.inclusions.begin(header.contributors, header.period, certificate, with: &proofManifest)
    // An older certificate's paths are written down at once.
    if !isNewest, fits { fillManifest(shelf, header.contributors) }
    var leaf = 0
    for meter in 0..<genesis.meterCount(of: header.owner) where header.contributors.contains(MeterIndex(meter)) {
      chain.inclusions.store(
        shelf.record(MeterIndex(meter)), ciphertextHash: ciphertextHashes[Int(meter)], leaf: leaf,
        certificate: certificate, isNewest: isNewest, of: &manifest)
      leaf += 1
    }
    return true
  }
}
