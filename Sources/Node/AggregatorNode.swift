import Aggregation
import Consensus
import Cryptography
import HAL
import Packets
import Paillier
import Units
import Wire

/// Collects its meters' records, proposes their product when it leads, and votes on every set of its group.
public struct AggregatorNode: ~Copyable {
  /// Periods kept in memory for each set: late proofs, votes and records are served from them.
  public static let periodsKept: UInt64 = 8

  let genesis: Genesis
  let key: PublicKey
  public let index: ReplicaIndex
  let signer: SigningKey
  var link: PacketLink
  var sets: [SetState] = []
  var slots: [InstanceSlot] = []
  private let recordPool: RecordPool
  var manifest = Manifest()
  /// Of the records that ``remember(_:)`` looks at.
  private var ciphertextHashes: [Digest]
  private var proofManifest = ProofManifest()
  /// Certificates, by the member they come from: a liar's pieces do not disturb another's.
  var assemblies: [AssemblyCell] = []
  var tableAssembly = Assembly(capacity: 8 * GroupLimits.maximumMetersPerSet)
  /// Who was asked for a coverage table last; nobody else's is looked at.
  var tableHolder = -1
  var served: ServedObjects
  /// Each member's view changes and new views, likewise.
  var viewAssemblies: [AssemblyCell] = []
  let memberKeys: MemberKeys
  var ticks: UInt64 = 0
  public internal(set) var recordRefusals = InlineArray<11, UInt64>(repeating: 0)
  public internal(set) var headerRefusals = InlineArray<13, UInt64>(repeating: 0)
  public internal(set) var voteRefusals = InlineArray<11, UInt64>(repeating: 0)
  /// View changes and new views whose signatures or certificates do not hold.
  public internal(set) var justificationRefusals: UInt64 = 0
  /// False once an own vote could not be read back: this node might contradict it, and signs nothing.
  public internal(set) var mayVote = true
  /// Set once enough others know of this run that a later one of this node would be known to one of them. Before, this
  /// node may be an old image of itself, and signs nothing.
  public internal(set) var isConfirmed = false
  /// What this node thinks of its clock, as of the last tick. While that is not true it signs nothing.
  public internal(set) var clockVerdict = ClockVerdict.notSynchronised
  /// The first period this node may vote about; above those in which it may have signed what it forgot.
  public internal(set) var votingFloor = Period(0)
  public internal(set) var evidenceCount: UInt64 = 0
  /// The oldest are kept. Invariant: at most one for a party and kind of statement.
  var evidence: [Evidence] = []
  /// What shows the lie of each party that told one, oldest first.
  var proofs: [Contradiction] = []
  var journaledProofs = 0
  public internal(set) var recordsAccepted: UInt64 = 0
  public internal(set) var decidedValues: UInt64 = 0
  public internal(set) var decidedNulls: UInt64 = 0
  /// From the end of a period to the decision about a set, as this node came to know it.
  public internal(set) var decisionLatency = LatencyHistogram()
  /// When this node was last called.
  var instant: Instant?
  /// What is multiplied, written to the journal, answered and certified is made in memory that is taken once.
  private var product: CiphertextProduct
  private var entry: ByteBuffer
  private var answer: ByteBuffer
  private var quorum: QuorumCertificate
  /// One for each step that is under way: the effect of one may be the input of the next.
  private var effects: [EffectsCell] = []
  private var stepsUnderWay = 0
  /// Of each set, the meters that were given a receipt since the last tick, or for whose record there was no room: each costs
  /// a signature.
  private var receipted: [MeterBitmap]

  /// - Parameter recordBlocks: how many sets' records there is room for, over all periods; nil for what the size of the
  ///   group asks for.
  /// - Parameter pacing: how fast records leave for other members.
  public init(
    genesis: Genesis, key: PublicKey, index: ReplicaIndex, signer: consuming SigningKey, sealer: consuming Sealer,
    recordBlocks: Int? = nil, pacing: PacingLimits = PacingLimits()
  ) {
    let room = Self.recordRoom(genesis, ciphertextBytes: key.ciphertextBytes)
    let blocks = recordBlocks ?? room.blocks
    precondition(blocks > Int(genesis.members), "each set has room for one period's records, and one for two")
    precondition(RecordRefusal.allCases.count == 11 && HeaderRefusal.allCases.count == 13)
    precondition(Refusal.allCases.count == 11)
    recordPool = RecordPool(
      capacity: blocks, meterCount: room.meterCount, ciphertextBytes: key.ciphertextBytes)
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
    answer = ByteBuffer(capacity: Self.maximumAnswerBytes)
    quorum = QuorumCertificate(
      statement: Statement(
        kind: .commit, in: context, owner: index, period: Period(0), view: View(0), digest: Instance.nullDigest,
        signer: ReplicaIndex(0)), signers: 0, signatures: [])
    receipted = Array(repeating: MeterBitmap(), count: Int(genesis.members))
    let ballots = BallotPool(instances: Int(genesis.members) * Int(Self.periodsKept))
    memberKeys = MemberKeys(genesis.aggregators.map { $0.verificationKey })
    served = ServedObjects(
      members: Int(genesis.members), periodsKept: Int(Self.periodsKept), peers: link.sealer.peers.count)
    for member in 0..<genesis.members {
      assemblies.append(AssemblyCell(capacity: Certificate.maximumBytes(context.quorum)))
      viewAssemblies.append(AssemblyCell(capacity: Self.maximumViewBytes(genesis)))
      let owner = ReplicaIndex(member)
      sets.append(SetState(owner: owner, in: genesis))
      for _ in 0..<Self.periodsKept {
        slots.append(
          InstanceSlot(
            Instance(
              context: context, replica: index, owner: owner, period: Period(0), timing: Self.timing(genesis),
              pool: ballots),
            in: genesis))
      }
    }
  }

  /// The longest journal entry that is written period after period: a vote with its proof, or a decision with its product.
  static func maximumEntryBytes(_ quorum: Quorum, ciphertextBytes: Int) -> Int {
    let record = 1 + Record.fixedBytes + ciphertextBytes
    let decided = 3 + Certificate.maximumBytes(quorum) + ciphertextBytes
    return max(record, decided, 1 + Header.encodedBytes, 1 + Instance.maximumEntryBytes(quorum))
  }

  /// The longest answer that is neither a record nor kept as it is sent: a coverage table or a proof.
  static let maximumAnswerBytes = max(8 * GroupLimits.maximumMetersPerSet, InclusionStore.proofBytes)

  /// Blocks of memory for records, of which each holds the largest set's.
  static func recordRoom(_ genesis: Genesis, ciphertextBytes: Int) -> (blocks: Int, meterCount: Int, blockBytes: Int) {
    var largest = 1
    for owner in 0..<genesis.members { largest = max(largest, Int(genesis.meterCount(of: ReplicaIndex(owner)))) }
    let blockBytes = RecordBlock.bytes(meterCount: largest, ciphertextBytes: ciphertextBytes)
    let blocks = RecordPool.capacity(
      members: Int(genesis.members), slotsPerSet: Int(periodsKept), blockBytes: blockBytes)
    return (blocks, largest, blockBytes)
  }

  /// What records take from the heap, with their hashes.
  public static func recordStoreBytes(_ genesis: Genesis, ciphertextBytes: Int) -> Int {
    let room = recordRoom(genesis, ciphertextBytes: ciphertextBytes)
    return room.blocks * room.blockBytes
  }

  /// Finds memory for this slot's records, if need be of a slot whose records nobody needs; see ``RoomChoice``. False when
  /// there is none: then the record is as good as lost on the way, and is sent or asked for again.
  private mutating func makesRoom(for slot: InstanceSlot) -> Bool {
    if slot.block != nil { return true }
    var choice = RoomChoice(for: slot.instance.period, isAwaited: slot.instance.awaitsValidation != nil)
    for place in slots.indices where slots[place].block != nil {
      let other = slots[place]
      choice.consider(
        place, other.instance.period, isFinished: other.isFinished,
        isNeeded: other.hasVouched || other.instance.awaitsValidation != nil)
    }
    // The memory of a decided instance is resident; a free block may never have been touched.
    guard
      let block = choice.decided.flatMap({ slots[$0].takeBlock() }) ?? recordPool.take()
        ?? choice.undecided.flatMap({ slots[$0].takeBlock() })
    else { return false }
    slot.give(block)
    return true
  }

  /// Ticks of a tenth of a second. View 0 lasts until its primary must have proposed, be it NULL, and half a second more:
  /// a later view should still end before the meters read again, so that they know what to build on.
  static func timing(_ genesis: Genesis) -> Timing {
    Timing(
      firstViewTicks: max(20, genesis.periodSeconds * 5 + 5), viewTicks: 20, collectTicks: 5, retransmitTicks: 3)
  }

  var periodMilliseconds: UInt64 { UInt64(genesis.periodSeconds) * 1000 }

  /// The slot of (owner, period), made ready for it if need be. Nil while the slot's earlier instance, in which this
  /// replica signed, is undecided: forgetting it could let two quorums disagree. (coverage rule 1) An instance before
  /// the set's head is settled by it: the head's quorum knew the decision, or it was NULL.
  func slot(_ owner: ReplicaIndex, _ period: Period) -> InstanceSlot? {
    let slot = slots[Int(UInt64(owner.rawValue) * Self.periodsKept + period.rawValue % Self.periodsKept)]
    if slot.instance.period == period { return slot }
    guard slot.instance.period < period,
      slot.isFinished || slot.instance.period <= sets[Int(owner.rawValue)].headPeriod
        || !slot.instance.hasSigned && !(slot.instance.isEngaged && wasHeardOf(slot))
    else { return nil }
    slot.reset(owner: owner, period: period)
    return slot
  }

  /// Whether others were working on this instance within the last two periods.
  private func wasHeardOf(_ slot: InstanceSlot) -> Bool {
    slot.isReopened && ticks < slot.heardAt + 20 * UInt64(genesis.periodSeconds)
  }

  /// The slot of (owner, period) if it is there already.
  func existingSlot(_ owner: ReplicaIndex, _ period: Period) -> InstanceSlot? {
    guard owner.rawValue < genesis.members else { return nil }
    let slot = slots[Int(UInt64(owner.rawValue) * Self.periodsKept + period.rawValue % Self.periodsKept)]
    return slot.instance.period == period ? slot : nil
  }

  // MARK: Journal

  /// Puts one journal entry back, in order, before anything else.
  public mutating func restore(_ entry: Span<UInt8>) {
    var reader = WireReader(entry)
    guard let code = try? reader.read(UInt8.self), let kind = EntryKind(rawValue: code) else { return }
    switch kind {
    case .vote:
      guard let vote = try? Vote(decoding: &reader), vote.statement.owner.rawValue < genesis.members else {
        mayVote = false
        return
      }
      guard let slot = slot(vote.statement.owner, vote.statement.period), !slot.isFinished else { return }
      if vote.statement.kind == .prepare, vote.statement.digest != Instance.nullDigest { slot.hasVouched = true }
      do throws(WireError) { try slot.instance.restore(vote, proof: &reader) } catch { mayVote = false }
    case .record:
      guard let record = try? Record(decoding: &reader), reader.remaining == key.ciphertextBytes,
        let ciphertext = try? reader.readBytes(reader.remaining), record.epoch == genesis.epoch,
        record.keyIdentifier == genesis.keyIdentifier, record.owner.rawValue < genesis.members,
        record.meter.rawValue < genesis.meterCount(of: record.owner),
        let slot = slot(record.owner, record.through)
      else { return }
      guard makesRoom(for: slot) else { return slot.noteForgotten() }
      slot.store(record, ciphertext)
      slot.journaled.insert(record.meter)
    case .decided:
      guard let length = try? reader.read(UInt16.self), let bytes = try? reader.readBytes(Int(length)),
        let certificate = try? Certificate(checking: bytes, against: genesis)
      else { return }
      // Before the head moves: a slot behind the head may be given away.
      let slot = slot(certificate.owner, certificate.period)
      apply(certificate)
      guard let slot else { return }
      slot.decide(certificate.header, Array(copying: bytes))
      slot.isFinished = true
      if let product = try? reader.readBytes(reader.remaining) { slot.product = Array(copying: product) }
      remember(slot)
    case .proposal:
      guard let header = try? Header(decoding: &reader), header.owner.rawValue < genesis.members,
        let slot = slot(header.owner, header.period), !slot.isFinished
      else { return }
      slot.propose(header)
    case .adopted:
      guard let length = try? reader.read(UInt16.self), let bytes = try? reader.readBytes(Int(length)),
        let table = try? reader.readBytes(reader.remaining),
        let certificate = try? Certificate(checking: bytes, against: genesis)
      else { return }
      adopt(certificate, Array(copying: bytes), table)
    case .peerBoot: link.restorePeerBoot(&reader)
    case .contradiction: restoreProof(&reader)
    case .votingFloor:
      guard let floor = try? reader.read(UInt64.self) else { return }
      votingFloor = max(votingFloor, Period(floor))
    case .boot, .baseline, .closed, .certified, .recovered, .takenBack: return
    }
  }

  /// Moves a set to a later certificate and its coverage table: the newest certificate is the checkpoint. False when
  /// the table is not the certificate's. (DESIGN §2.1)
  @discardableResult
  private func adopt(_ certificate: Certificate, _ bytes: [UInt8], _ table: Span<UInt8>) -> Bool {
    let set = sets[Int(certificate.owner.rawValue)]
    guard let header = certificate.header, header.period > set.headPeriod,
      set.coverage.replace(decoding: table, expecting: header.coverageRoot)
    else { return false }
    let slot = slot(header.owner, header.period)
    set.head = header.digest
    set.headPeriod = header.period
    set.accused = header.accused
    guard let slot, !slot.isFinished else { return true }
    slot.decide(header, bytes)
    slot.isFinished = true
    return true
  }

  /// Keeps a proof for every contributor of a decided value, if their records are here.
  private mutating func remember(_ slot: InstanceSlot) {
    guard let header = slot.header, slot.missing(of: header.contributors).count == 0 else { return }
    manifest.removeAll()
    // What was found to fit is not hashed again.
    let fits = slot.fittingManifest == header.manifestRoot
    for meter in 0..<genesis.meterCount(of: header.owner) where header.contributors.contains(MeterIndex(meter)) {
      // The ciphertext's memory belongs to the slot, which outlives this call.
      let ciphertextHash = RecordStatement.ciphertextHash(
        unsafe Span(_unsafeElements: slot.chosenCiphertext(MeterIndex(meter))))
      ciphertextHashes[Int(meter)] = ciphertextHash
      if fits { continue }
      manifest.append(MeterIndex(meter), slot.chosenHash(of: MeterIndex(meter), ciphertextHash: ciphertextHash))
    }
    guard fits || manifest.count > 0 && manifest.root() == header.manifestRoot else { return }
    let inclusions = sets[Int(header.owner.rawValue)].inclusions
    let isNewest = inclusions.begin(
      header.contributors, header.period, slot.certificate, with: &proofManifest)
    // An older certificate's paths are written down at once.
    if !isNewest, fits { fillManifest(slot, header.contributors) }
    var leaf = 0
    for meter in 0..<genesis.meterCount(of: header.owner) where header.contributors.contains(MeterIndex(meter)) {
      inclusions.store(
        slot.chosenRecord(MeterIndex(meter)), ciphertextHash: ciphertextHashes[Int(meter)], leaf: leaf,
        certificate: slot.certificate, isNewest: isNewest, of: &manifest)
      leaf += 1
    }
  }

  private func statement(_ record: Record, _ ciphertext: Span<UInt8>) -> RecordStatement {
    RecordStatement(
      networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
      ciphertextHash: RecordStatement.ciphertextHash(ciphertext))
  }

  /// Moves the set's chain on to a decided value that builds on its head; one that does not shows that this replica is
  /// behind.
  private func apply(_ certificate: Certificate) {
    guard let header = certificate.header else { return }
    let set = sets[Int(certificate.owner.rawValue)]
    guard header.previous == set.head else {
      set.latestPeriod = max(set.latestPeriod, header.period)
      return
    }
    set.coverage.advance(header.contributors, to: header.period)
    set.head = header.digest
    set.headPeriod = header.period
    set.accused = header.accused
  }

  // MARK: Time

  /// Call about ten times a second.
  public mutating func tick(at now: Instant, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    ticks += 1
    instant = now
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
    for member in 0..<genesis.members {
      let owner = ReplicaIndex(member)
      let set = sets[Int(member)]
      // The table of the newest certificate is the way back; it may be newer by the time that the table is asked for.
      if set.latestPeriod > set.headPeriod, ticks % 3 == 0 { ask(.certificate, owner, Period(0), via: &host) }
      for back in UInt64(1)...2 where current.rawValue >= genesis.firstPeriod.rawValue + back {
        _ = slot(owner, Period(current.rawValue - back))
      }
      let first = Int(UInt64(member) * Self.periodsKept)
      for place in first..<(first + Int(Self.periodsKept)) {
        let slot = slots[place]
        let period = slot.instance.period
        // Older instances go on, however old, where this replica has signed or another showed that it did: somebody needs
        // its vote.
        guard !slot.isFinished, period >= genesis.firstPeriod, period < current,
          period.rawValue + 2 >= current.rawValue
            || (slot.instance.isEngaged || slot.isReopened) && !mutated(.oldInstancesNotDriven)
        else { continue }
        try advance(
          slot, sinceEnd: now.milliseconds(sinceEndOf: period, ofSeconds: UInt64(genesis.periodSeconds)) ?? 0,
          via: &host)
      }
    }
  }

  /// Finds out whether this node is what it takes itself for. A disk that was lost, or set back to an old image, knows of
  /// fewer runs than others do; then nothing is signed about periods in which something may have been signed.
  /// A liar can claim what he likes: f + 1 have to. (consensus rules 40, 44; see ``RunConfirmation``)
  private mutating func confirm(
    _ current: Period, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    if link.runs.forgottenCounter != nil {
      // The floor needs a time that members bear out: with one that is behind this node would sign what it signed before.
      guard clockVerdict == .nearMembers else { return }
      votingFloor = Period(current.rawValue + 2)
      let entry = [UInt8](capacity: 9) { out in
        out.write(EntryKind.votingFloor.rawValue)
        out.write(votingFloor.rawValue)
      }
      try host.append(entry.span)
      try host.sync()
      return try link.acceptForgotten(signer: signer, via: &host)
    }
    isConfirmed = link.runs.isConfirmed
  }

  /// Period of the newest certified value of any set; the one before the first when there is none.
  private var newestCertified: Period {
    var newest = Period(genesis.firstPeriod.rawValue - 1)
    for set in sets { newest = max(newest, set.headPeriod) }
    return newest
  }

  private func mayVote(in period: Period) -> Bool {
    mayVote && clockVerdict.isTrue && (isConfirmed && period >= votingFloor || mutated(.votesBeforeConfirmed))
  }

  private mutating func advance(
    _ slot: InstanceSlot, sinceEnd elapsed: UInt64, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    if slot.instance.decided != nil {
      // Decided by votes without the value in hand: fetch the certificate.
      if ticks % 3 == 0 { ask(.certificate, slot.instance.owner, slot.instance.period, via: &host) }
      return
    }
    if slot.instance.awaitsProposal { try lead(slot, elapsed, via: &host) }
    if let digest = slot.instance.awaitsValidation, ticks % 2 == 0 { try validate(slot, digest, via: &host) }
    try step(slot, .tick, via: &host)
  }

  /// Asks the others in turn.
  private mutating func ask(
    _ object: ObjectKind, _ owner: ReplicaIndex, _ period: Period, via host: inout some NodeHost & ~Copyable
  ) {
    let other = ReplicaIndex(
      UInt16((UInt64(index.rawValue) + 1 + ticks / 3 % UInt64(genesis.members - 1)) % UInt64(genesis.members)))
    guard let peer = link.peer(.aggregator(other)) else { return }
    link.want(
      Want(object: object, owner: owner, meter: MeterIndex(0), period: period, missing: FixedBytes()),
      from: peer, via: &host)
  }

  /// True when this replica may prepare a value of this set in this period. (coverage rule 1)
  private func mayExtend(_ slot: InstanceSlot) -> Bool {
    let set = sets[Int(slot.instance.owner.rawValue)]
    guard slot.instance.period > set.headPeriod else { return false }
    for other in slots
    where other.instance.owner == slot.instance.owner && other !== slot && other.instance.period > set.headPeriod
      && other.instance.hasSigned && !other.isFinished && !mutated(.signedInstancesSkipped)
    {
      return false
    }
    return true
  }

  private mutating func lead(
    _ slot: InstanceSlot, _ elapsed: UInt64, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let owner = slot.instance.owner
    let everyone = slot.held.count == genesis.meterCount(of: owner)
    let isFirst = slot.instance.view.rawValue == 0
    if slot.hasForgotten {
      if isFirst ? elapsed >= periodMilliseconds / 2 : slot.instance.mayProposeNull {
        try step(slot, .propose(Instance.nullDigest), via: &host)
      }
      return
    }
    // Behind: the next primary may not be. Later primaries have no such hope.
    guard mayExtend(slot) || !isFirst, everyone || elapsed >= periodMilliseconds / 4 else { return }
    let contributors = followingRecords(slot)
    guard mayExtend(slot), contributors.count >= genesis.minimumContributors else {
      if isFirst ? elapsed >= periodMilliseconds / 2 : slot.instance.mayProposeNull {
        try step(slot, .propose(Instance.nullDigest), via: &host)
      }
      return
    }
    let set = sets[Int(owner.rawValue)]
    // What was thrown out may leave too few: the next tick tells.
    fillManifest(slot, contributors)
    guard multiply(slot, contributors) else { return removeNonUnits(slot, contributors) }
    let header = Header(
      networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch, group: genesis.group, owner: owner,
      author: index, period: slot.instance.period, keyIdentifier: genesis.keyIdentifier, previous: set.head,
      coverageRoot: set.coverage.root(advancing: contributors, to: slot.instance.period), manifestRoot: manifest.root(),
      productHash: productHash(slot), contributors: contributors, accused: accused(of: owner))
    slot.propose(header)
    try step(slot, .propose(header.digest), via: &host)
  }

  /// Whether a record carries on where the set's chain stands now. It was checked when it came, but an earlier instance may
  /// have been decided since, with a shorter record of the same meter: its energy would count twice. (coverage rule 2)
  private func follows(_ slot: InstanceSlot, _ meter: MeterIndex) -> Bool {
    slot.chosenFrom(meter) == sets[Int(slot.instance.owner.rawValue)].coverage.coveredThrough(meter).next
      || mutated(.staleRecordsKept) || mutated(.fromUnchecked)
  }

  /// The held records that may be proposed.
  private func followingRecords(_ slot: InstanceSlot) -> MeterBitmap {
    slot.chosenAlternates = 0
    var result = MeterBitmap()
    for meter in 0..<genesis.meterCount(of: slot.instance.owner)
    where slot.held.contains(MeterIndex(meter)) && follows(slot, MeterIndex(meter)) {
      result.insert(MeterIndex(meter))
    }
    return result
  }

  private mutating func fillManifest(_ slot: InstanceSlot, _ contributors: MeterBitmap) {
    manifest.removeAll()
    for meter in 0..<genesis.meterCount(of: slot.instance.owner) where contributors.contains(MeterIndex(meter)) {
      manifest.append(MeterIndex(meter), slot.chosenHash(of: MeterIndex(meter)))
    }
  }

  /// Fills the slot's product from the contributors' records. False when the product is no unit: then one
  /// of them spoils it. One gcd for all those that came from members; records of meters were looked at one by one, because
  /// a receipt is a promise to count them.
  private mutating func multiply(_ slot: InstanceSlot, _ contributors: MeterBitmap) -> Bool {
    product.reset()
    for meter in 0..<genesis.meterCount(of: slot.instance.owner) where contributors.contains(MeterIndex(meter)) {
      // The ciphertext's memory belongs to the slot, which outlives this call.
      product.multiply(by: unsafe Span(_unsafeElements: slot.chosenCiphertext(MeterIndex(meter))))
    }
    Self.write(product, to: slot, bytes: key.ciphertextBytes)
    if contributors.isSubset(of: slot.coprime) { return true }
    do throws(PaillierError) { try product.checkCoprime() } catch { return false }
    // An alternate was multiplied instead of what is held.
    if slot.chosenAlternates == 0 { slot.coprime.formUnion(contributors) }
    return true
  }

  private static func write(_ product: borrowing CiphertextProduct, to slot: InstanceSlot, bytes: Int) {
    slot.product.replace(capacity: bytes) { out in product.write(into: &out) }
  }

  /// Finds the records whose ciphertexts share a factor with n, and forgets them. Only a liar's do. Cost: a gcd for each record
  /// that is not known to be good.
  private mutating func removeNonUnits(_ slot: InstanceSlot, _ contributors: MeterBitmap) {
    for meter in 0..<genesis.meterCount(of: slot.instance.owner) {
      let meter = MeterIndex(meter)
      guard contributors.contains(meter), slot.held.contains(meter), !slot.coprime.contains(meter) else { continue }
      // The ciphertext's memory belongs to the slot, which outlives this call.
      if isUnit(unsafe Span(_unsafeElements: slot.ciphertext(meter))) {
        slot.coprime.insert(meter)
      } else {
        slot.remove(meter)
        recordRefusals[Int(RecordRefusal.badCiphertext.rawValue)] += 1
      }
    }
  }

  private func isUnit(_ ciphertext: Span<UInt8>) -> Bool {
    do throws(PaillierError) { try key.validate(ciphertext) } catch {
      return false
    }
    return true
  }

  /// Checks the accepted proposal against what is held, and fetches what is missing. Says so once it holds.
  mutating func validate(
    _ slot: InstanceSlot, _ digest: Digest, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    if digest == Instance.nullDigest { return try step(slot, .validated(digest), via: &host) }
    guard slot.select(digest), let header = slot.proposedHeader, slot.proposalRefusal == nil else { return }
    let set = sets[Int(slot.instance.owner.rawValue)]
    guard mayExtend(slot), header.previous == set.head || mutated(.previousUnchecked) else {
      // Perhaps this replica is behind: the proposer has the certificate it lacks. So this refusal is not for good.
      if header.previous != set.head, !slot.isAheadOfHead {
        slot.isAheadOfHead = true
        headerRefusals[Int(HeaderRefusal.wrongPrevious.rawValue)] += 1
      }
      if let peer = holder(slot, header) {
        link.want(
          Want(
            object: .certificate, owner: header.owner, meter: MeterIndex(0), period: Period(0), missing: FixedBytes()),
          from: peer, via: &host)
      }
      return
    }
    do throws(HeaderRefusal) {
      try genesis.check(
        header, owner: slot.instance.owner, period: slot.instance.period,
        // What was prepared before was written by an earlier view's primary, and q members looked at that.
        primary: slot.instance.isLocked ? header.author : slot.instance.primary, head: set.head, coverage: set.coverage,
        accused: set.accused)
    } catch { return refuse(slot, error) }
    let missing = slot.missing(of: header.contributors)
    if missing.count > 0 {
      if let peer = holder(slot, header),
        let holder = NodeIdentifier(link.sealer.peers[peer].identifier).aggregatorIndex
      {
        fetch(slot, from: holder, via: &host)
      }
      return
    }
    slot.fetch.end()
    guard holdsProofs(of: header) else {
      guard let peer = holder(slot, header) else { return }
      link.want(
        Want(
          object: .contradiction, owner: header.owner, meter: MeterIndex(0), period: header.period,
          missing: FixedBytes()),
        from: peer, via: &host)
      return
    }
    let (fits, areUnits) = fits(slot, header)
    guard fits || mutated(.manifestUnchecked) else {
      // A meter that contradicts itself is held differently here and there, and the manifest says which record counts.
      if !slot.isManifestStrange {
        slot.isManifestStrange = true
        headerRefusals[Int(HeaderRefusal.wrongManifestRoot.rawValue)] += 1
      }
      if let peer = holder(slot, header) {
        link.want(
          Want(
            object: .records, owner: header.owner, meter: MeterIndex(0), period: header.period,
            missing: header.contributors.bytes),
          from: peer, via: &host)
      }
      return
    }
    for meter in 0..<genesis.meterCount(of: header.owner) where header.contributors.contains(MeterIndex(meter)) {
      guard follows(slot, MeterIndex(meter)) else { return refuse(slot, .staleRecord) }
    }
    guard productHash(slot) == header.productHash || mutated(.productUnchecked) else {
      return refuse(slot, .wrongProduct)
    }
    guard areUnits else {
      removeNonUnits(slot, header.contributors)
      return refuse(slot, .badCiphertext)
    }
    try step(slot, .validated(digest), via: &host)
  }

  /// Multiplies the records a header stands for: those held, or for meters that contradicted themselves the other ones.
  /// Cost: 2^alternates manifests at most, in the presence of liars alone.
  private mutating func fits(_ slot: InstanceSlot, _ header: Header) -> (fits: Bool, areUnits: Bool) {
    for choice in 0..<UInt64(1) << UInt64(slot.alternates.count) {
      slot.chosenAlternates = choice
      fillManifest(slot, header.contributors)
      guard manifest.root() == header.manifestRoot else { continue }
      slot.fittingManifest = header.manifestRoot
      return (true, multiply(slot, header.contributors))
    }
    slot.chosenAlternates = 0
    return (false, true)
  }

  /// Whom to ask about a proposal: its author; in a later view, when the author may be gone, everybody in turn.
  private func holder(_ slot: InstanceSlot, _ header: Header) -> Int? {
    let members = UInt64(genesis.members)
    let others = (UInt64(index.rawValue) + 1 + ticks / 2 % (members - 1)) % members
    let isFirst = slot.instance.view.rawValue == 0
    return link.peer(.aggregator(isFirst ? header.author : ReplicaIndex(UInt16(others))))
  }

  private mutating func refuse(_ slot: InstanceSlot, _ refusal: HeaderRefusal) {
    slot.proposalRefusal = refusal
    headerRefusals[Int(refusal.rawValue)] += 1
  }

  // MARK: Consensus

  private mutating func step(
    _ slot: InstanceSlot, _ input: Input, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard mayVote(in: slot.instance.period) else { return }
    if stepsUnderWay == effects.count { effects.append(EffectsCell()) }
    let cell = effects[stepsUnderWay]
    stepsUnderWay += 1
    defer { stepsUnderWay -= 1 }
    cell.effects.removeAll()
    slot.instance.step(input, signer: signer, into: &cell.effects)
    // Persist before send: everything that must be durable first, one sync, then the rest in order. (rule 39)
    var mustSync = false
    for place in 0..<cell.effects.count {
      guard case .persist(let vote) = cell.effects[place] else { continue }
      // A prepare says that its signer holds the records, so they must outlive this process: when q have said so, others may
      // fetch them from any of these. (reference/consensus.md §2.3)
      if vote.statement.kind == .prepare, let header = slot.proposedHeader, header.digest == vote.statement.digest,
        !mutated(.fetchedRecordsNotPersisted)
      {
        try keepRecords(of: header, slot, via: &host)
        slot.hasVouched = true
      }
      // Whom it accuses its signer can convict, after a restart too.
      if vote.statement.kind == .prepare { try journalProofs(via: &host) }
      // With its header, so that a restarted primary repeats the value and not the bare vote; and a backup too: if all that
      // prepared a value come back with its digest alone, they decide what nobody can write a certificate of.
      if vote.statement.kind == .prepare, let header = slot.proposedHeader, header.digest == vote.statement.digest,
        slot.instance.primary == index || !mutated(.headerNotPersisted)
      {
        entry.replace { out in
          out.write(EntryKind.proposal.rawValue)
          header.encode(into: &out)
        }
        try host.append(entry.span)
      }
      entry.replace { out in
        out.write(EntryKind.vote.rawValue)
        slot.instance.encodeEntry(for: vote, into: &out)
      }
      try host.append(entry.span)
      mustSync = true
    }
    if mustSync { try host.sync() }
    for place in 0..<cell.effects.count {
      switch cell.effects[place] {
      case .persist: continue
      case .broadcast(let vote): broadcast(vote, via: &host)
      case .broadcastProposal(let vote): broadcastProposal(slot, vote, via: &host)
      case .broadcastViewChange: broadcastViewChange(slot, via: &host)
      case .broadcastNewView: broadcastNewView(slot, via: &host)
      case .validate(let digest): try validate(slot, digest, via: &host)
      case .decided: try finish(slot, via: &host)
      case .lateVote: continue  // answered where the packet is received, with the certificate
      case .evidence(let first, let second):
        evidenceCount += 1
        if let proof = Contradiction(first, second) { keep(proof) }
        accuse(
          Evidence(
            accused: .aggregator(first.statement.signer), kind: .vote(first.statement.kind),
            owner: first.statement.owner, period: first.statement.period, view: first.statement.view,
            first: first.statement.digest, second: second.statement.digest))
      case .refused(let reason): voteRefusals[Int(reason.rawValue)] += 1
      }
    }
  }

  /// Appends those of a header's records that are not in the journal yet.
  private mutating func keepRecords(
    of header: Header, _ slot: InstanceSlot, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    for meter in 0..<genesis.meterCount(of: header.owner) {
      let meter = MeterIndex(meter)
      guard header.contributors.contains(meter), slot.held.contains(meter), !slot.journaled.contains(meter) else {
        continue
      }
      try journal(meter, slot, via: &host)
      slot.journaled.insert(meter)
    }
  }

  /// Appends a record that is held.
  private mutating func journal(
    _ meter: MeterIndex, _ slot: InstanceSlot, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    entry.replace { out in
      out.write(EntryKind.record.rawValue)
      slot.write(meter, into: &out)
    }
    try host.append(entry.span)
  }

  private mutating func broadcast(_ vote: Vote, via host: inout some NodeHost & ~Copyable) {
    for member in 0..<genesis.members where member != index.rawValue {
      guard let peer = link.peer(.aggregator(ReplicaIndex(member))) else { continue }
      link.send(.vote, to: peer, via: &host) { out in VoteBody(vote).encode(into: &out) }
    }
  }

  private mutating func broadcastProposal(
    _ slot: InstanceSlot, _ vote: Vote, via host: inout some NodeHost & ~Copyable
  ) {
    let header = slot.proposedHeader
    // A torn journal may have kept the vote and not its header; the vote still counts for those who hold the value.
    guard vote.statement.digest == (header?.digest ?? Instance.nullDigest) else {
      return broadcast(vote, via: &host)
    }
    for member in 0..<genesis.members where member != index.rawValue {
      guard let peer = link.peer(.aggregator(ReplicaIndex(member))) else { continue }
      link.send(.proposal, to: peer, via: &host) { out in
        VoteBody(vote).encode(into: &out)
        header?.encode(into: &out)
      }
    }
  }

  /// The view change, and the header of the value it holds prepared, which others may not have.
  private mutating func broadcastViewChange(_ slot: InstanceSlot, via host: inout some NodeHost & ~Copyable) {
    guard let change = slot.instance.viewChange else { return }
    let header = change.prepared.exists && slot.select(change.prepared.digest) ? slot.proposedHeader : nil
    let bytes = [UInt8](capacity: Self.maximumViewBytes(genesis)) { out in
      change.encode(into: &out)
      header?.encode(into: &out)
    }
    broadcast(.viewChange, slot, bytes, via: &host)
  }

  private mutating func broadcastNewView(_ slot: InstanceSlot, via host: inout some NodeHost & ~Copyable) {
    guard let newView = slot.instance.newView else { return }
    let header = slot.select(newView.prepare.statement.digest) ? slot.proposedHeader : nil
    let bytes = [UInt8](capacity: Self.maximumViewBytes(genesis)) { out in
      newView.encode(into: &out)
      header?.encode(into: &out)
    }
    broadcast(.newView, slot, bytes, via: &host)
  }

  static func maximumViewBytes(_ genesis: Genesis) -> Int {
    max(NewView.maximumBytes(genesis.context.quorum), ViewChange.maximumBytes(genesis.context.quorum))
      + Header.encodedBytes
  }

  private mutating func broadcast(
    _ object: ObjectKind, _ slot: InstanceSlot, _ bytes: [UInt8], via host: inout some NodeHost & ~Copyable
  ) {
    for member in 0..<genesis.members where member != index.rawValue {
      guard let peer = link.peer(.aggregator(ReplicaIndex(member))) else { continue }
      link.sendChunks(object, slot.instance.owner, slot.instance.period, bytes.span, to: peer, via: &host)
    }
  }

  /// A view change or a new view, complete.
  private mutating func receiveView(
    _ object: ObjectKind, _ member: ReplicaIndex, _ peer: Int, at now: Instant,
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let cell = viewAssemblies[Int(member.rawValue)]
    let owner = cell.assembly.owner
    let period = cell.assembly.period
    let bytes = Array(copying: cell.assembly.span)
    cell.assembly.removeAll()
    if let slot = existingSlot(owner, period), slot.isFinished { return sendCertificate(slot, to: peer, via: &host) }
    guard takesPart(owner, period, now), let slot = slot(owner, period) else {
      return link.sealer.count(.notAllowed)
    }
    var reader = WireReader(bytes.span)
    let input: Input
    let digest: Digest
    if object == .viewChange {
      guard let change = try? ViewChange(decoding: &reader), change.vote.statement.signer == member else {
        return link.sealer.count(.malformedBody)
      }
      if slot.instance.hasCounted(change.vote) { return slot.noteHeard(at: ticks) }
      guard link.mayCheckSignatures(1 + change.prepared.signatures.count, of: peer) else { return }
      guard let verified = try? VerifiedViewChange(checking: change, in: genesis.context, by: memberKeys) else {
        justificationRefusals += 1
        link.sealer.countBadSignature(of: peer)
        return
      }
      digest = change.prepared.digest
      input = .viewChange(verified)
    } else {
      guard let newView = try? NewView(decoding: &reader) else { return link.sealer.count(.malformedBody) }
      if let known = slot.instance.newView, known.prepare == newView.prepare { return slot.noteHeard(at: ticks) }
      let signatures = 1 + newView.claims.count + newView.prepared.signatures.count
      guard link.mayCheckSignatures(signatures, of: peer) else { return }
      guard let verified = try? VerifiedNewView(checking: newView, in: genesis.context, by: memberKeys) else {
        justificationRefusals += 1
        link.sealer.countBadSignature(of: peer)
        return
      }
      digest = newView.prepare.statement.digest
      input = .newView(verified)
    }
    if reader.remaining > 0 {
      guard let header = try? Header(decoding: &reader), reader.remaining == 0, header.digest == digest else {
        return link.sealer.count(.malformedBody)
      }
      slot.keep(header)
    }
    slot.noteHeard(at: ticks)
    try step(slot, input, via: &host)
  }

  /// Applies a decision that was reached by votes.
  private mutating func finish(_ slot: InstanceSlot, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    guard slot.instance.write(into: &quorum) else { return }
    let isNull = quorum.statement.digest == Instance.nullDigest
    guard isNull || slot.select(quorum.statement.digest) else { return }
    try conclude(slot, Certificate(quorum: quorum, header: isNull ? nil : slot.proposedHeader), via: &host)
  }

  /// Makes a decision durable, moves the set on and tells the bookkeeper.
  private mutating func conclude(
    _ slot: InstanceSlot, _ certificate: Certificate, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard !slot.isFinished else { return }
    slot.decide(certificate, capacity: Certificate.maximumBytes(genesis.context.quorum))
    if let header = certificate.header {
      // It is there already where this replica validated or wrote the value.
      if slot.product.isEmpty || productHash(slot) != header.productHash {
        if slot.missing(of: header.contributors).count > 0 || !fits(slot, header).fits
          || productHash(slot) != header.productHash
        {
          slot.forgetProduct()
        }
      }
    } else {
      slot.forgetProduct()
    }
    let certificateBytes = slot.certificate
    let productBytes = slot.product
    entry.replace { out in
      out.write(EntryKind.decided.rawValue)
      out.write(UInt16(certificateBytes.count))
      out.write(certificateBytes.span)
      out.write(productBytes.span)
    }
    if !mutated(.decisionsNotPersisted) {
      try host.append(entry.span)
      try host.sync()
    }
    apply(certificate)
    slot.isFinished = true
    slot.instance.releaseBallots()
    noteDecision(certificate)
    remember(slot)
    try host.publish(.certificate, period: certificate.period, owner: certificate.owner, certificateBytes.span)
    // Of an old instance everybody tells, for the memory that it could be asked for from soon goes to a new one.
    guard slot.instance.primary == index || isLeavingSoon(slot), let peer = link.peer(.bookkeeper) else { return }
    link.sendChunks(.certificate, certificate.owner, certificate.period, certificateBytes.span, to: peer, via: &host)
    if slot.product.count > 0 {
      link.sendChunks(.product, certificate.owner, certificate.period, productBytes.span, to: peer, via: &host)
    }
  }

  /// Its place among the periods kept is wanted within two periods.
  private func isLeavingSoon(_ slot: InstanceSlot) -> Bool {
    guard let instant else { return false }
    let current = instant.period(ofSeconds: UInt64(genesis.periodSeconds)).rawValue
    return slot.instance.period.rawValue + Self.periodsKept <= current + 2
  }

  private mutating func noteDecision(_ certificate: Certificate) {
    if certificate.header == nil { decidedNulls += 1 } else { decidedValues += 1 }
    guard let instant,
      let latency = instant.milliseconds(sinceEndOf: certificate.period, ofSeconds: UInt64(genesis.periodSeconds))
    else { return }
    decisionLatency.add(milliseconds: latency)
  }

  private func productHash(_ slot: InstanceSlot) -> Digest {
    let product = slot.product
    return RecordStatement.ciphertextHash(product.span)
  }

  private mutating func sendCertificate(
    _ slot: InstanceSlot, to peer: Int, via host: inout some NodeHost & ~Copyable
  ) {
    let certificate = slot.certificate
    guard maySend(.certificate, slot, bytes: certificate.count, to: peer) else { return }
    link.sendChunks(
      .certificate, slot.instance.owner, slot.instance.period, certificate.span, to: peer, via: &host)
  }

  private mutating func accuse(_ found: Evidence) {
    guard evidence.count < Evidence.maximumKept,
      !evidence.contains(where: { $0.accused == found.accused && $0.kind == found.kind })
    else { return }
    evidence.append(found)
  }

  // MARK: What tests and reports look at

  public var evidenceKept: Int { evidence.count }
  public func evidence(_ place: Int) -> Evidence { evidence[place] }
  public func drops(_ reason: DropReason) -> UInt64 { link.sealer.drops[Int(reason.rawValue)] }
  /// Signatures of records, votes and whatever else others sent.
  public var signatureChecks: UInt64 { link.sealer.signatureChecks }
  public func refusals(_ refusal: RecordRefusal) -> UInt64 { recordRefusals[Int(refusal.rawValue)] }
  public func refusals(_ refusal: HeaderRefusal) -> UInt64 { headerRefusals[Int(refusal.rawValue)] }
  public func refusals(_ refusal: Refusal) -> UInt64 { voteRefusals[Int(refusal.rawValue)] }
  /// Digest of the set's last decided header.
  public func head(of owner: ReplicaIndex) -> Digest { sets[Int(owner.rawValue)].head }
  public func coverageRoot(of owner: ReplicaIndex) -> Digest { sets[Int(owner.rawValue)].coverage.root }
  public func coveredThrough(_ meter: MeterIndex, of owner: ReplicaIndex) -> Period {
    sets[Int(owner.rawValue)].coverage.coveredThrough(meter)
  }
  /// Meters whose records of this period are held.
  public func held(_ owner: ReplicaIndex, _ period: Period) -> MeterBitmap {
    existingSlot(owner, period)?.held ?? MeterBitmap()
  }
  /// True once this replica signed a vote about this set in this period.
  public func hasSigned(_ owner: ReplicaIndex, _ period: Period) -> Bool {
    existingSlot(owner, period)?.instance.hasSigned ?? false
  }
  /// Where an undecided instance stands: its view, the value that waits to be found valid, and how many of that value's
  /// records are missing. Nil when it is decided or unknown.
  public func undecided(_ owner: ReplicaIndex, _ period: Period) -> (view: View, awaited: Digest?, missing: UInt16)? {
    guard let slot = existingSlot(owner, period), !slot.isFinished else { return nil }
    let awaited = slot.instance.awaitsValidation
    guard let awaited, let header = slot.proposedHeader, header.digest == awaited else {
      return (slot.instance.view, awaited, 0)
    }
    return (slot.instance.view, awaited, slot.missing(of: header.contributors).count)
  }
  /// The certificate file; empty while there is none.
  public func certificate(_ owner: ReplicaIndex, _ period: Period) -> [UInt8] {
    existingSlot(owner, period)?.certificate ?? []
  }

  // MARK: Packets

  public mutating func receive(
    _ datagram: Span<UInt8>, from endpoint: Endpoint, at now: Instant, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    link.advance(to: now)
    instant = now
    guard let (type, peer) = try link.open(datagram, from: endpoint, knowing: genesis, via: &host) else { return }
    // The link keeps the body until it opens the next packet, which is after this call.
    let input = unsafe Span(_unsafeElements: link.openedBody)
    let sender = NodeIdentifier(link.sealer.peers[peer].identifier)
    switch type {
    case .record: try receiveRecord(input, sender, peer, at: now, via: &host)
    case .vote, .proposal: try receiveVote(type, input, sender, peer, at: now, via: &host)
    case .want: serve(input, sender, peer, via: &host)
    case .chunk: try receiveChunk(input, sender, peer, at: now, via: &host)
    case .status, .receipt, .proof: link.sealer.count(.notAllowed)
    }
  }

  /// Whether messages about an instance are looked at. Beyond the window there are those this replica signed in, and those
  /// behind which the set's chain has not gone on: a member that signed there waits for a decision before it signs anything
  /// later, and a quorum may need the ones that came too late. (coverage rule 1)
  private func takesPart(_ owner: ReplicaIndex, _ period: Period, _ now: Instant) -> Bool {
    if isInWindow(period, now) || existingSlot(owner, period)?.instance.isEngaged == true { return true }
    if mutated(.oldInstancesRefused) { return false }
    let current = now.period(ofSeconds: UInt64(genesis.periodSeconds))
    return clockVerdict.isTrue && period < current && period.rawValue + Self.periodsKept > current.rawValue
      && period >= genesis.firstPeriod && period > sets[Int(owner.rawValue)].headPeriod
  }

  private func isInWindow(_ period: Period, _ now: Instant) -> Bool {
    let current = now.period(ofSeconds: UInt64(genesis.periodSeconds))
    return clockVerdict.isTrue && period <= current && period.rawValue + 2 >= current.rawValue
      && period >= genesis.firstPeriod
  }

  private mutating func receiveRecord(
    _ bytes: Span<UInt8>, _ sender: NodeIdentifier, _ peer: Int, at now: Instant,
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let accepted: (record: Record, slot: InstanceSlot, isAlternate: Bool)
    do throws(RecordRefusal) { accepted = try accept(bytes, sender, peer, now) } catch {
      recordRefusals[Int(error.rawValue)] += 1
      if error == .badSignature { link.sealer.countSignatureChecks(1) }
      // A record that is no ciphertext costs as much to find out, and nobody passes it on by accident; so does another one that a
      // meter signed, but of a member that may be what it was asked for.
      if error == .badSignature || error == .badCiphertext || error == .conflicting && sender.meter != nil {
        link.sealer.countBadSignature(of: peer)
      }
      return
    }
    let (record, slot, isAlternate) = accepted
    if isAlternate {
      recordRefusals[Int(RecordRefusal.conflicting.rawValue)] += 1
      guard let digest = slot.instance.awaitsValidation else { return }
      return try validate(slot, digest, via: &host)
    }
    guard sender.meter != nil else { return try noteFetched(slot, via: &host) }
    // A meter says it again when its receipt was lost, though never so soon.
    let set = Int(record.owner.rawValue)
    if receipted[set].contains(record.meter), slot.journaled.contains(record.meter), !mutated(.receiptsUnbounded) {
      return link.sealer.count(.overBudget)
    }
    // A record that came after the proposal was fixed gets no promise for this period. (coverage rule 6)
    if let header = slot.proposedHeader, header.author == index, !header.contributors.contains(record.meter),
      !mutated(.receiptAfterProposal)
    {
      return
    }
    if !slot.journaled.contains(record.meter), !mutated(.receiptBeforeDurable) {
      try journal(record.meter, slot, via: &host)
      try host.sync()
      slot.journaled.insert(record.meter)
    }
    var receipt = Receipt(
      networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch, group: genesis.group, owner: record.owner,
      meter: record.meter, signer: index, period: record.through, recordHash: slot.hash(of: record.meter))
    receipt.signature = signer.sign { out in receipt.encodeSigned(into: &out) }
    receipted[set].insert(record.meter)
    link.send(.receipt, to: peer, via: &host) { out in receipt.encode(into: &out) }
  }

  /// Checks a record and keeps it; the first of a meter wins. (coverage rules 2, 6) `isAlternate`: another member's is kept
  /// beside the first, because a proposal may stand for it.
  private mutating func accept(
    _ bytes: Span<UInt8>, _ sender: NodeIdentifier, _ peer: Int, _ now: Instant
  ) throws(RecordRefusal) -> (record: Record, slot: InstanceSlot, isAlternate: Bool) {
    var reader = WireReader(bytes)
    guard let record = try? Record(decoding: &reader), let ciphertext = try? reader.readBytes(reader.remaining) else {
      throw .malformed
    }
    guard record.owner.rawValue < genesis.members else { throw .wrongSet }
    if let meter = sender.meter, meter.owner != record.owner || meter.index != record.meter { throw .unknownMeter }
    // A member may name any meter: bitmaps and memory end at the set's last.
    guard sender.meter != nil || sender.aggregatorIndex != nil,
      record.meter.rawValue < genesis.meterCount(of: record.owner)
    else { throw .unknownMeter }
    // What another member holds may be needed for an instance that has outlived its window.
    guard isInWindow(record.through, now) || sender.meter == nil && takesPart(record.owner, record.through, now),
      let slot = slot(record.owner, record.through)
    else { throw .wrongThrough }
    if slot.held.contains(record.meter) {
      // The ciphertext's memory belongs to the slot, which outlives this call.
      let held = unsafe Span(_unsafeElements: slot.ciphertext(record.meter))
      var same = held.count == ciphertext.count && slot.record(record.meter) == record
      if same { for index in 0..<ciphertext.count where held[index] != ciphertext[index] { same = false } }
      if same {
        // What a member brought first was not looked at alone; its meter is about to be promised something.
        if sender.meter != nil, !slot.coprime.contains(record.meter) {
          guard isUnit(held) else {
            slot.remove(record.meter)
            throw .badCiphertext
          }
          slot.coprime.insert(record.meter)
        }
        return (record, slot, false)
      }
      // A meter's second one counts as a bad signature; of a member it may be what it was asked for, once.
      if sender.meter == nil {
        guard !slot.hasAlternate(record) else { throw .conflicting }
        guard link.sealer.mayCheckOtherRecord(of: peer) else { throw .conflicting }
      }
    } else if receipted[Int(record.owner.rawValue)].contains(record.meter) {
      // There was no room since the last tick, after its signature was looked at.
      throw .noRoom
    }
    let statement = try genesis.check(
      record, ciphertext: ciphertext, owner: record.owner, period: record.through,
      coverage: sets[Int(record.owner.rawValue)].coverage)
    link.sealer.countSignatureChecks(1)
    guard !slot.held.contains(record.meter) else {
      // Both signatures hold and the records differ: the meter lied, or lost its disk.
      let hash = statement.recordHash
      evidenceCount += 1
      accuse(
        Evidence(
          accused: .meter(record.meter, of: record.owner), kind: .record, owner: record.owner, period: record.through,
          view: View(0), first: slot.hash(of: record.meter), second: hash))
      noteContradiction(slot, record, ciphertext)
      if sender.aggregatorIndex != nil, slot.isManifestStrange, isUnit(ciphertext), !mutated(.otherRecordNeverTaken) {
        let count = slot.alternates.count
        slot.keepAlternate(record, ciphertext, hash: hash)
        // Only one more of them can make a proposal fit now; a meter's third is looked at with the next tick.
        if slot.alternates.count > count { return (record, slot, true) }
      }
      throw .conflicting
    }
    do throws(PaillierError) {
      if sender.meter != nil { try key.validate(ciphertext) } else { try key.validateRange(ciphertext) }
    } catch { throw .badCiphertext }
    guard makesRoom(for: slot) else {
      receipted[Int(record.owner.rawValue)].insert(record.meter)
      throw .noRoom
    }
    slot.store(record, ciphertext)
    if sender.meter != nil { slot.coprime.insert(record.meter) }
    recordsAccepted += 1
    return (record, slot, false)
  }

  /// A second record beside the one that is held. Only for the same periods it is a lie for certain.
  private mutating func noteContradiction(_ slot: InstanceSlot, _ record: Record, _ ciphertext: Span<UInt8>) {
    let earlier = slot.record(record.meter)
    guard earlier.from == record.from else { return }
    // The ciphertext's memory belongs to the slot, which outlives this call.
    let other = unsafe Span(_unsafeElements: slot.ciphertext(record.meter))
    keep(Contradiction(statement(earlier, other), statement(record, ciphertext)))
  }

  private mutating func receiveVote(
    _ type: PacketType, _ bytes: Span<UInt8>, _ sender: NodeIdentifier, _ peer: Int, at now: Instant,
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    var reader = WireReader(bytes)
    guard let member = sender.aggregatorIndex else { return link.sealer.count(.notAllowed) }
    guard let body = try? VoteBody(decoding: &reader), body.owner.rawValue < genesis.members else {
      return link.sealer.count(.malformedBody)
    }
    var header: Header?
    if type == .proposal, reader.remaining > 0 {
      guard let decoded = try? Header(decoding: &reader) else { return link.sealer.count(.malformedBody) }
      header = decoded
    }
    guard reader.remaining == 0 else { return link.sealer.count(.malformedBody) }
    if let slot = existingSlot(body.owner, body.period), slot.isFinished {
      // Whoever still votes there missed the decision. (consensus rule 27)
      return sendCertificate(slot, to: peer, via: &host)
    }
    guard takesPart(body.owner, body.period, now), let slot = slot(body.owner, body.period) else {
      return link.sealer.count(.notAllowed)
    }
    let vote = Vote(statement: body.statement(in: genesis.context, signer: member), signature: body.signature)
    // Members repeat what they said last; a signature is the dearest thing to check. A proposal may bring what its vote
    // lacked.
    if type == .vote, slot.instance.hasCounted(vote) {
      voteRefusals[Int(Refusal.duplicate.rawValue)] += 1
      slot.noteHeard(at: ticks)
      return
    }
    guard link.mayCheckSignatures(1, of: peer) else { return }
    guard
      let authenticated = Authenticated(
        checking: vote, by: genesis.aggregators[Int(member.rawValue)].verificationKey)
    else { return link.sealer.countBadSignature(of: peer) }
    slot.noteHeard(at: ticks)
    if type == .vote { return try step(slot, .vote(authenticated), via: &host) }
    guard body.digest == header?.digest ?? Instance.nullDigest else { return link.sealer.count(.malformedBody) }
    if slot.instance.view.rawValue == 0, slot.instance.accepted == nil, let header { slot.propose(header) }
    try step(slot, .proposal(authenticated), via: &host)
  }

  private mutating func serve(
    _ bytes: Span<UInt8>, _ sender: NodeIdentifier, _ peer: Int, via host: inout some NodeHost & ~Copyable
  ) {
    var reader = WireReader(bytes)
    guard let want = try? Want(decoding: &reader), want.owner.rawValue < genesis.members else {
      return link.sealer.count(.malformedBody)
    }
    if let member = sender.aggregatorIndex {
      link.transfers.report(
        member, highest: want.highestSequence, received: want.receivedCount,
        heldNanoseconds: UInt64(want.heldMicroseconds) * 1000, at: link.now)
    }
    if want.object == .proof { return serveProof(want, sender, peer, via: &host) }
    let set = sets[Int(want.owner.rawValue)]
    if mutated(.decisionsNotServed), want.object == .certificate || want.object == .product { return }
    let period = want.object == .certificate && want.period.rawValue == 0 ? set.headPeriod : want.period
    guard let slot = existingSlot(want.owner, period) else { return }
    switch want.object {
    case .certificate:
      guard slot.isFinished else { return }
      sendCertificate(slot, to: peer, via: &host)
    case .product:
      guard slot.isFinished, slot.product.count > 0, sender.isBookkeeper || sender.aggregatorIndex != nil else {
        return
      }
      let product = slot.product
      guard maySend(.product, slot, bytes: product.count, to: peer) else { return }
      link.sendChunks(.product, want.owner, period, product.span, to: peer, via: &host)
    case .records:
      // The bookkeeper could decrypt a single record: members only. (DESIGN §2.2)
      guard let member = sender.aggregatorIndex else { return link.sealer.count(.notAllowed) }
      owe(want, slot, to: member, via: &host)
    case .coverageTable:
      guard sender.aggregatorIndex != nil, period == set.headPeriod else { return }
      guard maySend(.coverageTable, slot, bytes: 8 * Int(set.coverage.meterCount), to: peer) else { return }
      answer.replace { out in set.coverage.encode(into: &out) }
      link.sendChunks(.coverageTable, want.owner, period, answer, to: peer, via: &host)
    case .contradiction:
      guard sender.aggregatorIndex != nil else { return link.sealer.count(.notAllowed) }
      guard maySend(.contradiction, slot, bytes: Accused.maximumNew * Contradiction.maximumBytes, to: peer) else {
        return
      }
      sendProofs(of: slot, to: peer, via: &host)
    case .proof, .viewChange, .newView: return
    }
  }

  /// Whether a peer may have this of what it asks for: it is owed it once, and later on its credit.
  private mutating func maySend(_ object: ObjectKind, _ slot: InstanceSlot, bytes: Int, to peer: Int) -> Bool {
    let party = NodeIdentifier(link.sealer.peers[peer].identifier)
    let isFirst = served.isFirst(object, slot.instance.owner, slot.instance.period, to: party)
    if link.sealer.maySend(Chunk.datagramBytes(ofBytes: bytes), isFirst: isFirst, to: peer) { return true }
    if mutated(.repetitionsUnbounded) { return true }
    link.sealer.count(.overBudget)
    return false
  }

  /// The meter's newest certificate and its place in it; nobody else's.
  private mutating func serveProof(
    _ want: Want, _ sender: NodeIdentifier, _ peer: Int, via host: inout some NodeHost & ~Copyable
  ) {
    guard let meter = sender.meter, meter.owner == want.owner, meter.index == want.meter else {
      return link.sealer.count(.notAllowed)
    }
    let inclusions = sets[Int(want.owner.rawValue)].inclusions
    guard let newest = inclusions.newest(want.meter) else { return }
    let certificate = newest.certificate
    let bytes =
      Chunk.datagramBytes(ofBytes: certificate.count) + PacketHeader.encodedBytes + InclusionStore.proofBytes
      + SealingKey.tagBytes
    guard
      link.sealer.maySend(bytes, isFirst: served.isFirstProof(newest.period, to: peer), to: peer)
        || mutated(.repetitionsUnbounded)
    else { return link.sealer.count(.overBudget) }
    link.sendChunks(.certificate, want.owner, newest.period, certificate.span, to: peer, via: &host)
    Self.write(inclusions, want.meter, with: &proofManifest, into: &answer)
    link.send(.proof, answer, to: peer, via: &host)
  }

  private static func write(
    _ inclusions: InclusionStore, _ meter: MeterIndex, with manifest: inout ProofManifest,
    into answer: inout ByteBuffer
  ) {
    answer.replace { out in inclusions.write(meter, with: &manifest, into: &out) }
  }

  private mutating func receiveChunk(
    _ bytes: Span<UInt8>, _ sender: NodeIdentifier, _ peer: Int, at now: Instant,
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    var reader = WireReader(bytes)
    guard let member = sender.aggregatorIndex, let chunk = try? Chunk(decoding: &reader),
      let piece = try? reader.readBytes(reader.remaining), chunk.owner.rawValue < genesis.members
    else { return link.sealer.count(.malformedBody) }
    switch chunk.object {
    case .certificate:
      // Members repeat themselves; q signatures are checked once.
      guard !isSettled(chunk.owner, chunk.period) else { return }
      let cell = assemblies[Int(member.rawValue)]
      guard
        let certificate = link.certificate(
          completedBy: chunk, piece, from: peer, in: &cell.assembly, against: genesis)
      else { return }
      try adopt(certificate, from: peer, via: &host)
    case .coverageTable:
      let set = sets[Int(chunk.owner.rawValue)]
      guard peer == tableHolder else { return link.sealer.count(.notAllowed) }
      guard tableAssembly.accepts(chunk, byteCount: piece.count) else { return link.sealer.count(.malformedBody) }
      guard tableAssembly.add(chunk, piece), let pending = set.pending, pending.period == tableAssembly.period else {
        return
      }
      let certificate = [UInt8](capacity: Certificate.maximumBytes(genesis.context.quorum)) { out in
        pending.encode(into: &out)
      }
      guard adopt(pending, certificate, tableAssembly.span) else { return link.sealer.count(.malformedBody) }
      // Chain and table in one entry, durable before anything is signed upon them. (coverage rule 7)
      let table = Array(copying: tableAssembly.span)
      let entry = [UInt8](capacity: 3 + certificate.count + table.count) { out in
        out.write(EntryKind.adopted.rawValue)
        out.write(UInt16(certificate.count))
        out.write(certificate.span)
        out.write(table.span)
      }
      try host.append(entry.span)
      try host.sync()
      set.pending = nil
    case .viewChange, .newView:
      let cell = viewAssemblies[Int(member.rawValue)]
      guard cell.assembly.accepts(chunk, byteCount: piece.count) else { return link.sealer.count(.malformedBody) }
      if cell.assembly.add(chunk, piece) {
        try receiveView(chunk.object, member, peer, at: now, via: &host)
      }
    case .contradiction:
      guard chunk.total == 1, UInt64(chunk.objectLength) == UInt64(piece.count) else {
        return link.sealer.count(.malformedBody)
      }
      try receiveProof(piece, from: peer, via: &host)
    case .product, .records, .proof: link.sealer.count(.notAllowed)
    }
  }

  /// Whether a certificate of this instance would say nothing new: it is here, or forgotten, and the set's chain goes on from
  /// it.
  private func isSettled(_ owner: ReplicaIndex, _ period: Period) -> Bool {
    let isBehindHead = period <= sets[Int(owner.rawValue)].headPeriod
    guard let slot = existingSlot(owner, period) else { return isBehindHead }
    return slot.isFinished && (slot.header == nil || isBehindHead)
  }

  /// Takes over a decision somebody else proved.
  private mutating func adopt(
    _ certificate: Certificate, from peer: Int, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let set = sets[Int(certificate.owner.rawValue)]
    // One that was finished while the set was behind is not applied again: the table makes it durable with its chain.
    if let header = certificate.header,
      header.previous != set.head || existingSlot(header.owner, header.period)?.isFinished == true
    {
      guard header.period > set.headPeriod else { return }
      set.pending = certificate
      if mutated(.neverCatchesUp) { return }
      tableHolder = peer
      link.want(
        Want(
          object: .coverageTable, owner: header.owner, meter: MeterIndex(0), period: header.period,
          missing: FixedBytes()),
        from: peer, via: &host)
      return
    }
    guard let slot = slot(certificate.owner, certificate.period) else { return }
    try conclude(slot, certificate, via: &host)
  }
}
