import Aggregation
import Consensus
import Cryptography
import HAL
import Packets
import Paillier
import Units
import Wire

/// Collects its meters' records, proposes their product when it leads, and votes on every set of its group.
///
/// Here is what it is made of, its journal and its time. What it decides about stands in ``SetChain``; how it leads, checks and votes in
/// `AggregatorNode+Consensus`, what comes with packets in `AggregatorNode+Packets`, records in `AggregatorNode+Records`.
public struct AggregatorNode: ~Copyable {
  let genesis: Genesis
  let key: PublicKey
  public let index: ReplicaIndex
  let signer: SigningKey
  var link: PacketLink
  var chains: [SetChain] = []
  var recordPool: RecordPool
  var manifest = Manifest()
  /// Of the records that ``remember(_:_:_:)`` looks at.
  var ciphertextHashes: [Digest]
  var proofManifest = ProofManifest()
  /// Heads and manifests, by the member they come from: a liar's pieces do not disturb another's.
  var assemblies: [AssemblyCell] = []
  var served: ServedObjects
  /// Each member's round changes and new rounds, likewise.
  var roundAssemblies: [AssemblyCell] = []
  let memberKeys: MemberKeys
  var ticks: UInt64 = 0
  public internal(set) var recordRefusals = InlineArray<11, UInt64>(repeating: 0)
  public internal(set) var headerRefusals = InlineArray<15, UInt64>(repeating: 0)
  public internal(set) var voteRefusals = InlineArray<12, UInt64>(repeating: 0)
  public internal(set) var acknowledgementRefusals = InlineArray<5, UInt64>(repeating: 0)
  /// Round changes and new rounds whose signatures or certificates do not hold.
  public internal(set) var justificationRefusals: UInt64 = 0
  /// False once an own vote could not be read back: this node might contradict it, and signs nothing.
  public internal(set) var mayVote = true
  /// Set once enough others know of this run that a later one of this node would be known to one of them. Before, this
  /// node may be an old image of itself, and signs nothing.
  public internal(set) var isConfirmed = false
  /// What this node thinks of its clock, as of the last tick. While that is not true it signs nothing.
  public internal(set) var clockVerdict = ClockVerdict.notSynchronised
  /// Nothing is signed in a set before its newest certificate is of this period or a later one: in the positions before there may be
  /// votes that this node forgot. (consensus rule K2)
  public internal(set) var votingFloor = Period(0)
  public internal(set) var evidenceCount: UInt64 = 0
  /// The oldest are kept. Invariant: at most one for a party and kind of statement.
  var evidence: [Evidence] = []
  /// What shows the lie of each party that told one, oldest first.
  var proofs: [Contradiction] = []
  var journaledProofs = 0
  /// Whom decided headers accused outside their own sets, oldest first.
  var namedElsewhere: [NamedMeter] = []
  public internal(set) var recordsAccepted: UInt64 = 0
  /// Positions decided in this run, as this node came to know it, and those it took over with a later head.
  public internal(set) var decidedPositions: UInt64 = 0
  public internal(set) var adoptedHeads: UInt64 = 0
  /// Periods that the chains went without, by the member that would have led each set's first round of the period. (DESIGN §2.3)
  public internal(set) var skippedPeriods: [UInt64]
  /// From the end of a period to the decision about a set, as this node came to know it.
  public internal(set) var decisionLatency = LatencyHistogram()
  /// When this node was last called.
  var instant: Instant?
  /// What is multiplied, written to the journal, answered and certified is made in memory that is taken once.
  var product: CiphertextProduct
  var entry: ByteBuffer
  var answer: ByteBuffer
  var quorum: QuorumCertificate
  /// One for each step that is under way: the effect of one may be the input of the next.
  private var effects: [EffectsCell] = []
  private var stepsUnderWay = 0
  /// Of each set, the meters that were given a receipt since the last tick, or for whose record there was no room: each costs
  /// a signature.
  var receipted: [MeterBitmap]
  /// Snapshots that were written in this run.
  public internal(set) var snapshots: UInt64 = 0
  /// The certificate that a restored entry was last about.
  var lastRestored: RestoredCertificate?
  /// Before this tick no journal is read again for others.
  var recallAt: UInt64 = 0

  /// - Parameter spareBlocks: so many sets can at once hold records of two periods; nil for what the size of the group asks for.
  /// - Parameter pacing: how fast records leave for other members.
  public init(
    genesis: Genesis, key: PublicKey, index: ReplicaIndex, signer: consuming SigningKey, sealer: consuming Sealer,
    spareBlocks: Int? = nil, pacing: PacingLimits = PacingLimits()
  ) {
    let room = Self.recordRoom(genesis, ciphertextBytes: key.ciphertextBytes)
    precondition(RecordRefusal.allCases.count == 11 && HeaderRefusal.allCases.count == 15)
    precondition(Refusal.allCases.count == 12 && AcknowledgementRefusal.allCases.count == 5)
    recordPool = RecordPool(
      capacity: spareBlocks ?? room.spare, meterCount: room.meterCount, ciphertextBytes: key.ciphertextBytes)
    ciphertextHashes = Array(repeating: Digest(), count: room.meterCount)
    self.genesis = genesis
    self.key = key
    self.index = index
    self.signer = signer
    // Any two groups of q − 1 others have f in common, and this node, had it forgotten a run, would itself be one of the f that
    // the group can bear.
    link = PacketLink(sealer, in: genesis, acknowledgements: genesis.context.quorum.size - 1, pacing: pacing)
    link.sealer.grantChecks(in: genesis)
    let context = genesis.context
    product = CiphertextProduct(key)
    entry = ByteBuffer(capacity: Self.maximumEntryBytes(context.quorum, ciphertextBytes: key.ciphertextBytes))
    answer = ByteBuffer(capacity: Self.maximumAnswerBytes(context.quorum))
    quorum = QuorumCertificate(
      statement: Statement(
        kind: .commit, in: context, owner: index, position: Position(0), round: Round(Period(0)), digest: Digest(),
        signer: ReplicaIndex(0)), signers: 0, signatures: [])
    receipted = Array(repeating: MeterBitmap(), count: Int(genesis.members))
    skippedPeriods = Array(repeating: 0, count: Int(genesis.members))
    let ballots = BallotPool(instances: Int(genesis.members))
    memberKeys = MemberKeys(genesis.aggregators.map { $0.verificationKey })
    served = ServedObjects(
      members: Int(genesis.members), positionsKept: SetChain.positionsKept, peers: link.sealer.peers.count)
    for member in 0..<genesis.members {
      assemblies.append(AssemblyCell(capacity: Self.maximumAnswerBytes(context.quorum)))
      roundAssemblies.append(AssemblyCell(capacity: Self.maximumRoundBytes(genesis)))
      chains.append(
        SetChain(
          owner: ReplicaIndex(member), in: genesis, index: index,
          timing: Self.timing(periodSeconds: genesis.periodSeconds), pool: ballots,
          block: RecordBlock(meterCount: room.meterCount, ciphertextBytes: key.ciphertextBytes)))
    }
  }

  /// The longest journal entry that is written period after period: a vote with its proof, or a head with its table and product.
  static func maximumEntryBytes(_ quorum: Quorum, ciphertextBytes: Int) -> Int {
    let record = 1 + Record.fixedBytes + ciphertextBytes
    let head = 5 + Certificate.maximumBytes(quorum) + CoverageTable.maximumBytes + ciphertextBytes
    return max(record, head, 1 + Header.encodedBytes, 1 + Instance.maximumEntryBytes(quorum))
  }

  /// The longest answer that is neither a record nor kept as it is sent: a head with its table, a manifest with its header, or a proof.
  static func maximumAnswerBytes(_ quorum: Quorum) -> Int {
    max(
      Certificate.maximumBytes(quorum) + CoverageTable.maximumBytes,
      Header.encodedBytes + 32 * GroupLimits.maximumMetersPerSet, InclusionStore.proofBytes)
  }

  /// Memory for records: each set has a block that holds the largest set's, and there are spare ones.
  static func recordRoom(_ genesis: Genesis, ciphertextBytes: Int) -> (spare: Int, meterCount: Int, blockBytes: Int) {
    var largest = 1
    for owner in 0..<genesis.members { largest = max(largest, Int(genesis.meterCount(of: ReplicaIndex(owner)))) }
    let blockBytes = RecordBlock.bytes(meterCount: largest, ciphertextBytes: ciphertextBytes)
    return (RecordPool.capacity(members: Int(genesis.members), blockBytes: blockBytes), largest, blockBytes)
  }

  /// What records take from the heap.
  public static func recordStoreBytes(_ genesis: Genesis, ciphertextBytes: Int) -> Int {
    let room = recordRoom(genesis, ciphertextBytes: ciphertextBytes)
    return (Int(genesis.members) + room.spare) * room.blockBytes
  }

  /// Ticks in a second: how often ``tick(at:via:)`` is called.
  public static let ticksPerSecond: UInt32 = 10
  /// A quarter of a period, in ticks: so long a primary waits for the last records.
  static func quarterTicks(_ periodSeconds: UInt32) -> UInt32 { periodSeconds * ticksPerSecond / 4 }

  /// T(0) = a quarter of the period + T0, and T0 = 2 s. (consensus rule R12)
  public static func timing(periodSeconds: UInt32) -> Timing {
    Timing(firstViewTicks: quarterTicks(periodSeconds) + 20, viewTicks: 20, retransmitTicks: 3)
  }

  /// Whether f + 1 views, of which one has an honest primary, fit into three quarters of a period, which all members share after its end.
  /// Where they do not, only rotation meets that primary, within f + 1 periods.
  public static func viewsFit(periodSeconds: UInt32, members: UInt16) -> Bool {
    let views = UInt32(Quorum(members: members).faults) + 1
    return timing(periodSeconds: periodSeconds).ticks(ofViews: views) <= UInt64(periodSeconds * ticksPerSecond) * 3 / 4
  }

  var periodMilliseconds: UInt64 { UInt64(genesis.periodSeconds) * 1000 }

  func chain(_ owner: ReplicaIndex) -> SetChain { chains[Int(owner.rawValue)] }

  // MARK: Journal

  /// Puts one journal entry back, in order, before anything else.
  public mutating func restore(_ bytes: Span<UInt8>) {
    guard let entry = try? JournalEntry(decoding: bytes) else { return noteUnreadable(bytes) }
    switch entry {
    case .vote, .record, .proposal: restoreOpenPosition(entry)
    case .head(let certificate, let table, let product): restoreHead(certificate, table, product)
    case .peerBoot(let node, let counter): link.restorePeerBoot(node, counter)
    case .contradiction(let contradiction): restoreProof(contradiction)
    case .votingFloor(let period): votingFloor = max(votingFloor, period)
    case .decided(let certificate, let product): restoreDecided(certificate, product)
    case .shown(let certificate, let records): restoreShown(certificate, records)
    case .named(let meter, let home, let period): restoreNamed(meter, home, period)
    case .acknowledged(let told): if told.owner.rawValue < genesis.members { chain(told.owner).acknowledge(told) }
    case .inclusion(let certificate, let proof, let siblings): restoreInclusion(certificate, proof, siblings)
    case .boot, .baseline, .closed, .certified, .recovered, .takenBack, .meterStanding, .counters, .modulusProven,
      .published, .unreadable, .knownCoverage:
      return
    }
  }

  /// An own vote that cannot be read might be contradicted: then nothing is signed any more. Any other such entry says nothing.
  private mutating func noteUnreadable(_ entry: Span<UInt8>) {
    if EntryKind(of: entry) == .vote { mayVote = false }
  }

  /// What a restart puts back, for comparison.
  package var restorable: Restorable {
    var digests: [Digest] = []
    var atLeast: [UInt64] = [UInt64(proofs.count), UInt64(namedElsewhere.count)]
    for chain in chains {
      digests.append(chain.restorable)
      for meter in 0..<genesis.meterCount(of: chain.owner) {
        atLeast.append(chain.inclusions.newest(MeterIndex(meter))?.period.rawValue ?? 0)
      }
      atLeast.append(chain.keptProducts)
    }
    let digest = Blake2b.digest(domain: "BUSBARir") { hash in
      hash.update(votingFloor.rawValue)
      hash.update(UInt16(mayVote ? 1 : 0))
      for digest in digests { hash.update(digest) }
      for peer in link.sealer.peers.indices { hash.update(link.sealer.minimumBootCounter(of: peer)) }
    }
    return Restorable(digest: digest, atLeast: atLeast)
  }

  /// What was signed and held in positions that are still open.
  /// - Parameters:
  ///   - owner: of one set alone; nil for all.
  ///   - latest: records of later periods are left out.
  private mutating func restoreOpenPosition(
    _ entry: JournalEntry, of owner: ReplicaIndex? = nil, through latest: Period = Period(.max)
  ) {
    switch entry {
    case .vote(let vote, let proof):
      guard vote.statement.owner.rawValue < genesis.members else { return mayVote = false }
      let chain = chain(vote.statement.owner)
      guard vote.statement.position == chain.position, owner == nil || owner == chain.owner else { return }
      if vote.statement.kind == .prepare { chain.notePrepared() }
      var reader = WireReader(proof)
      do throws(WireError) { try chain.instance.restore(vote, proof: &reader) } catch { mayVote = false }
    case .proposal(let header):
      guard header.owner.rawValue < genesis.members else { return }
      let chain = chain(header.owner)
      guard header.previous == chain.head, owner == nil || owner == chain.owner else { return }
      chain.keep(header)
      if header.author == index { chain.ownProposal = header }
    case .record(let record, let ciphertext): restoreRecord(record, ciphertext, of: owner, through: latest)
    default: return
    }
  }

  private mutating func restoreRecord(
    _ record: Record, _ ciphertext: Span<UInt8>, of owner: ReplicaIndex?, through latest: Period
  ) {
    guard ciphertext.count == key.ciphertextBytes, record.epoch == genesis.epoch,
      record.keyIdentifier == genesis.keyIdentifier, record.owner.rawValue < genesis.members,
      record.meter.rawValue < genesis.meterCount(of: record.owner), owner == nil || owner == record.owner
    else { return }
    let chain = chain(record.owner)
    guard record.through <= latest else { return chain.noteLater(record.through) }
    guard record.through > chain.headPeriod, record.through >= chain.collected.period else { return }
    if record.through > chain.collected.period { chain.collected.begin(record.through) }
    chain.collected.store(record, ciphertext)
    chain.collected.noteJournaled(record.meter)
  }

  private mutating func restoreHead(_ bytes: Span<UInt8>, _ table: Span<UInt8>, _ product: Span<UInt8>) {
    guard let certificate = try? Certificate(checking: bytes, against: genesis) else { return }
    let chain = chain(certificate.owner)
    guard certificate.position > chain.headPosition else { return }
    let shelf = chain.shelf(of: certificate.header)
    guard chain.takeCoverage(after: certificate, table: table.count > 0 ? table : nil) else { return }
    note(accusedElsewhere: certificate.header)
    let decided = chain.makeKept(certificate, capacity: bytes.count)
    decided.keepProduct(product)
    let isShown = remember(chain, certificate.header, shelf, decided.certificate)
    let hasPrepared = chain.prepareCount > 0
    chain.advance(to: certificate, keeping: decided, at: 0)
    guard !isShown, hasPrepared else { return }
    chain.noteUnproven(
      UnprovenPosition(
        position: certificate.position, header: certificate.header, certificate: decided.certificate))
  }

  // MARK: Time

  /// Call ``ticksPerSecond`` times a second.
  public mutating func tick(at now: Instant, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    ticks += 1
    instant = now
    lastRestored = nil
    try compactIfDue(via: &host)
    for place in receipted.indices { receipted[place] = MeterBitmap() }
    poll(at: now, via: &host)
    link.renewPacketKeyIfDue(signer: signer, via: &host)
    clockVerdict = link.clocks.verdict(at: now, newest: newestCertified)
    if ticks % 5 == 1 {
      link.greet(
        silentSeconds: UInt64(genesis.periodSeconds), isClockBorneOut: clockVerdict == .nearMembers, via: &host)
    }
    guard clockVerdict.isTrue else { return }
    let current = now.period(ofSeconds: UInt64(genesis.periodSeconds))
    if !isConfirmed { try confirm(current, via: &host) }
    if ticks % UInt64(Self.ticksPerSecond) == 1, let late = chains.first(where: { !$0.unproven.isEmpty }) {
      try proveLate(late, via: &host)
    }
    for member in 0..<genesis.members { try drive(chains[Int(member)], current, at: now, via: &host) }
    if isConfirmed { for chain in chains { try pull(chain, via: &host) } }
  }

  private mutating func drive(
    _ chain: SetChain, _ current: Period, at now: Instant, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    // Decided by votes without the header in hand: whoever has it tells, be it that he did not see the decision.
    if chain.lacksHeader {
      if ticks % 3 == 0 { askForDecided(chain, via: &host) }
      return
    }
    if current > genesis.firstPeriod, mayVote(in: chain) {
      let ended = Period(current.rawValue - 1)
      if chain.isAhead(of: ended) { try rewind(chain, to: ended, via: &host) }
      if chain.mustTell(ended) {
        let isFirst = chain.hasToldNoEnd
        chain.noteTold(ended)
        try step(chain, .periodEnded(ended), via: &host)
        if isFirst, let passed = now.milliseconds(sinceEndOf: ended, ofSeconds: UInt64(genesis.periodSeconds)) {
          chain.instance.resumeWaiting(passed * UInt64(Self.ticksPerSecond) / 1000, in: ended)
        }
      }
    }
    follow(chain)
    if chain.mustRecallRecords() { try recallRecords(chain, via: &host) }
    chain.noteReady(at: ticks)
    if chain.instance.awaitsProposal { try lead(chain, via: &host) }
    if let digest = chain.instance.awaitsValidation, ticks % 2 == 0 { try validate(chain, digest, via: &host) }
    try step(chain, .tick(hasRecords: chain.hasRecords), via: &host)
  }

  /// The clock was ahead, and no one in doubt of it. Rounds of periods that have not ended were entered, and a round only grows. But
  /// those in which nothing was signed are in memory alone; a restart forgets them, and so does this: what counts is what the journal
  /// has. Without it a set of which all members agreed on a wrong time would wait for that time to come.
  private mutating func rewind(
    _ chain: SetChain, to ended: Period, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    chain.rewind()
    if let block = chain.older.takeBlock() { recordPool.give(block) }
    let owner = chain.owner
    try host.reread { bytes in
      guard let entry = try? JournalEntry(decoding: bytes) else { return noteUnreadable(bytes) }
      restoreOpenPosition(entry, of: owner, through: ended)
    }
  }

  /// Puts records of the round's period back that were taken before it ended.
  ///
  /// Story: a meter and a member had clocks that were ahead; the member promised to hold a record of a period that was yet to come. Then
  /// the clocks were right. The meter closed no earlier period and sent nothing twice, and when that period came the member led without
  /// the record, which its receipt convicts it of.
  private mutating func recallRecords(
    _ chain: SetChain, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let period = chain.collected.period
    let owner = chain.owner
    try host.reread { entry in
      guard case .record(let record, let ciphertext)? = try? JournalEntry(decoding: entry),
        chain.collected.period == period
      else { return }
      restoreRecord(record, ciphertext, of: owner, through: period)
    }
  }

  /// Lets a set's records follow its round to another period.
  private mutating func follow(_ chain: SetChain) {
    guard chain.instance.round.period > chain.collected.period else { return }
    if chain.older.block == nil, chain.isLockedOnCollected, let spare = recordPool.take() { chain.older.give(spare) }
    chain.followRound()
  }

  /// Finds out whether this node is what it takes itself for. A disk that was lost, or set back to an old image, knows of
  /// fewer runs than others do; then nothing is signed about periods in which something may have been signed.
  /// A liar can claim what he likes: f + 1 have to. (consensus rules 44, K2, K3; see ``RunConfirmation``)
  private mutating func confirm(
    _ current: Period, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    if link.runs.forgottenCounter != nil {
      // The floor needs a time that members bear out: with one that is behind this node would sign what it signed before.
      guard clockVerdict == .nearMembers else { return }
      votingFloor = Period(current.rawValue + 2)
      let floor = votingFloor
      let entry = FixedBytes<9> { out in JournalEntry.votingFloor(period: floor).encode(into: &out) }
      try host.append(entry.span)
      try host.sync()
      return try link.acceptForgotten(signer: signer, via: &host)
    }
    isConfirmed = link.runs.isConfirmed
    guard isConfirmed else { return }
    // Whatever was decided while this node was off; and whatever its disk should have.
    for chain in chains {
      askEveryoneForHead(chain, via: &host)
      chain.pull.begin(at: chain.headPosition, tick: ticks + 2 * UInt64(Self.ticksPerSecond))
    }
  }

  /// Period of the newest certified value of any set; the one before the first when there is none.
  private var newestCertified: Period {
    var newest = Period(genesis.firstPeriod.rawValue - 1)
    for chain in chains { newest = max(newest, chain.headPeriod) }
    return newest
  }

  /// Whether anything may be signed about a set.
  func mayVote(in chain: SetChain) -> Bool {
    mayVote && clockVerdict.isTrue && (isConfirmed || mutated(.votesBeforeConfirmed))
      && (isAboveFloor(chain) || mutated(.votesBelowFloor))
  }

  /// Whether a meter may be promised that its record is counted. Whoever lost its disk may have fixed its proposal for this position
  /// without that record before. (consensus rule K2)
  func mayPromise(in chain: SetChain) -> Bool {
    isConfirmed && isAboveFloor(chain) || mutated(.promisesBelowFloor)
  }

  private func isAboveFloor(_ chain: SetChain) -> Bool {
    votingFloor.rawValue == 0 || chain.headPeriod >= votingFloor
  }

  /// One of the others, in turn.
  func other(_ turn: UInt64) -> ReplicaIndex {
    let members = UInt64(genesis.members)
    return ReplicaIndex(UInt16((UInt64(index.rawValue) + 1 + turn % (members - 1)) % members))
  }
  var memberInTurn: ReplicaIndex { other(ticks / 3) }

  mutating func ask(_ want: Want, of member: ReplicaIndex, via host: inout some NodeHost & ~Copyable) {
    guard let peer = link.peer(.aggregator(member)) else { return }
    link.want(want, from: peer, via: &host)
  }

  /// Asks for the newest certificate of a set from the open position on, with the table after it.
  mutating func askForHead(
    _ chain: SetChain, from member: ReplicaIndex, via host: inout some NodeHost & ~Copyable
  ) {
    ask(Want(object: .head, owner: chain.owner, position: chain.position), of: member, via: &host)
  }

  private mutating func askEveryoneForHead(_ chain: SetChain, via host: inout some NodeHost & ~Copyable) {
    for member in 0..<genesis.members where member != index.rawValue {
      askForHead(chain, from: ReplicaIndex(member), via: &host)
    }
  }

  // MARK: Consensus

  /// Feeds a set's instance, and does what it says: everything that must be durable first, one sync, then the rest in order.
  /// (consensus rule 39)
  mutating func step(
    _ chain: SetChain, _ input: Input, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard mayVote(in: chain), !chain.lacksHeader else { return }
    if stepsUnderWay == effects.count { effects.append(EffectsCell()) }
    let cell = effects[stepsUnderWay]
    stepsUnderWay += 1
    defer { stepsUnderWay -= 1 }
    cell.effects.removeAll()
    let position = chain.position
    chain.instance.step(input, signer: signer, into: &cell.effects)
    var mustSync = false
    for place in 0..<cell.effects.count {
      guard case .persist(let vote) = cell.effects[place] else { continue }
      try persist(vote, chain, via: &host)
      mustSync = true
    }
    if mustSync, !mutated(.votesSentBeforeSync) { try host.sync() }
    for place in 0..<cell.effects.count {
      switch cell.effects[place] {
      case .persist: continue
      case .broadcast(let vote): broadcast(vote, via: &host)
      case .broadcastProposal(let vote): broadcastProposal(chain, vote, via: &host)
      case .broadcastRoundChange: broadcastRoundChange(chain, via: &host)
      case .broadcastNewRound: broadcastNewRound(chain, via: &host)
      case .validate(let digest):
        // What came before it may have decided the position.
        if chain.position == position { try validate(chain, digest, via: &host) }
      case .decided: try finish(chain, via: &host)
      case .lateVote: continue  // answered where the packet is received, with the certificate
      case .evidence(let first, let second): note(first, second)
      case .refused(let reason): voteRefusals[Int(reason.rawValue)] += 1
      }
    }
    if mustSync, mutated(.votesSentBeforeSync) { try host.sync() }
    follow(chain)
  }

  private mutating func persist(
    _ vote: Vote, _ chain: SetChain, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    if vote.statement.kind == .prepare {
      chain.notePrepared()
      if let header = chain.header(vote.statement.digest) {
        // A prepare says that its signer holds the records, so they must outlive this process: when q have said so, others may
        // fetch them from any of these. (consensus rule K1)
        if !mutated(.fetchedRecordsNotPersisted) { try keepRecords(of: header, chain, via: &host) }
        // With its header, so that a restarted primary repeats the value and not the bare vote; and a backup too: if all that
        // prepared a value come back with its digest alone, they decide what nobody can write a certificate of.
        if chain.instance.primary == index || !mutated(.headerNotPersisted) {
          entry.replace { out in JournalEntry.proposal(header: header).encode(into: &out) }
          try host.append(entry.span)
        }
      }
      // Whom it accuses its signer can convict, after a restart too.
      try journalProofs(via: &host)
    }
    entry.replace { out in
      JournalEntry.vote(vote: vote, proof: Span()).encode(into: &out)
      chain.instance.encodeProof(of: vote, into: &out)
    }
    try host.append(entry.span)
  }

  private mutating func note(_ first: Vote, _ second: Vote) {
    evidenceCount += 1
    keep(Contradiction(first, second))
    accuse(
      Evidence(
        accused: .aggregator(first.statement.signer), kind: .vote(first.statement.kind), owner: first.statement.owner,
        position: first.statement.position, round: first.statement.round, first: first.statement.digest,
        second: second.statement.digest))
  }

  mutating func accuse(_ found: Evidence) {
    guard evidence.count < Evidence.maximumKept,
      !evidence.contains(where: { $0.accused == found.accused && $0.kind == found.kind })
    else { return }
    evidence.append(found)
  }

  // MARK: What tests and reports look at

  public var evidenceKept: Int { evidence.count }
  /// One of the pieces of evidence that are kept, by its place from 0.
  /// - Precondition: place < ``evidenceKept``.
  public func evidence(_ place: Int) -> Evidence { evidence[place] }
  /// How many packets were dropped for this reason since the start.
  public func drops(_ reason: DropReason) -> UInt64 { link.sealer.drops[Int(reason.rawValue)] }
  /// Signatures of records, votes and whatever else others sent.
  public var signatureChecks: UInt64 { link.sealer.signatureChecks }
  /// How many records were refused for this reason since the start.
  public func refusals(_ refusal: RecordRefusal) -> UInt64 { recordRefusals[Int(refusal.rawValue)] }
  /// How many headers were refused for this reason since the start.
  public func refusals(_ refusal: HeaderRefusal) -> UInt64 { headerRefusals[Int(refusal.rawValue)] }
  /// How many acknowledgements were refused for this reason since the start.
  public func refusals(_ refusal: AcknowledgementRefusal) -> UInt64 {
    acknowledgementRefusals[Int(refusal.rawValue)]
  }
  /// How many votes, proposals, round changes and new rounds the core refused for this reason since the start.
  public func refusals(_ refusal: Refusal) -> UInt64 { voteRefusals[Int(refusal.rawValue)] }
  /// Digest of the set's last decided header.
  public func head(of owner: ReplicaIndex) -> Digest { chain(owner).head }
  /// Position of the set's last decided header; 0 before the first.
  public func headPosition(of owner: ReplicaIndex) -> Position { chain(owner).headPosition }
  /// The round in which what follows the set's last decided header may be proposed without justification.
  public func firstRound(of owner: ReplicaIndex) -> Round { chain(owner).instance.firstRound }
  /// The root of the set's coverage table after its last decided header.
  public func coverageRoot(of owner: ReplicaIndex) -> Digest { chain(owner).coverage.root }
  /// The last period of this meter that a decided header of its set counts, as far as this node holds them.
  public func coveredThrough(_ meter: MeterIndex, of owner: ReplicaIndex) -> Period {
    chain(owner).coverage.coveredThrough(meter)
  }
  /// Whether a slot of a set waits, because too few of its feeders have a record to be counted: how many have, and since which period.
  public func waiting(_ slot: Int, of owner: ReplicaIndex) -> (feeders: UInt16, since: Period)? {
    guard let waiting = chain(owner).waiting(slot) else { return nil }
    return (waiting.feeders, waiting.since)
  }
  public var slots: [UInt8] { genesis.slots }
  /// How often records of a set were hashed for a manifest or a receipt, since the start.
  public func recordHashings(of owner: ReplicaIndex) -> UInt64 {
    chain(owner).collected.hashings + chain(owner).older.hashings
  }
  /// Meters whose records of this period are held.
  public func held(_ owner: ReplicaIndex, _ period: Period) -> MeterBitmap {
    chain(owner).shelf(through: period)?.held ?? MeterBitmap()
  }
  /// Where the open position of a set stands: its round, whether this member signed something there, the value that waits to be found
  /// valid, and how many of that value's records are missing.
  public func standing(of owner: ReplicaIndex) -> (round: Round, hasSigned: Bool, awaited: Digest?, missing: UInt16) {
    let chain = chain(owner)
    let awaited = chain.instance.awaitsValidation
    var missing: UInt16 = 0
    if let awaited, let header = chain.header(awaited) {
      missing = chain.shelf(of: header).missing(of: header.contributors).count
    }
    return (chain.instance.round, chain.instance.hasSigned, awaited, missing)
  }
  /// Whether this node signs anything about a set by now.
  public func maySign(about owner: ReplicaIndex) -> Bool { mayVote(in: chain(owner)) }
  /// The certificate file of a period; empty while there is none, and once it is not kept any more.
  public func certificate(_ owner: ReplicaIndex, _ period: Period) -> [UInt8] {
    chain(owner).decided(in: period)?.certificate ?? []
  }
}
