import Aggregation
import Consensus
import Cryptography
import HAL
import Metering
import Packets
import Paillier
import Units
import Wire

/// A record that was made and sent and is not yet proven to be certified.
struct OutstandingRecord {
  var from: Period
  var through: Period
  var recordHash: Digest
  /// Registers up to which this record accounts: whole watt-hours above the base.
  var closing: EnergyRegisters
  var bytes: [UInt8]
  /// Bit i: aggregator i promised that it holds the record.
  var receiptedBy: UInt64 = 0
  var isReceipted: Bool { receiptedBy != 0 }
  /// How often it was sent, up to ``MeterNode/eagerSends``.
  var sends: UInt8 = 0
  /// The node's tick at which it was made or found in the journal.
  var keptTick: UInt64
}

/// Turns a meter's registers into records and follows each until its set has certified it.
///
/// Invariant: certified + pending = registers now − registers at activation, to the milliwatt-hour.
public struct MeterNode: ~Copyable {
  /// Records that may wait for their certificate at once; beyond it the oldest, which no longer can be certified by
  /// its own period, is dropped. Its energy is in every later record.
  public static let maximumOutstanding = 8
  /// So often a record is sent in quick succession while its primary has not promised: it waits for this record, and what was
  /// lost on the way would else hold its set up for a second.
  static let eagerSends: UInt8 = 6
  /// Records that were taken back and whose bytes are kept; see ``takeBack(at:via:)``.
  static let maximumTakenBack = maximumOutstanding
  /// T0 in ticks, the same as members': after T(0), a quarter of a period and T0, and then after each T0 one primary more is sent the
  /// newest record. (consensus rules R12, R14)
  static let viewTicks: UInt64 = 20

  let genesis: Genesis
  let encryptor: Encryptor
  public let owner: ReplicaIndex
  public let index: MeterIndex
  let signer: SigningKey
  let closingKey: SelfSealingKey
  var link: PacketLink
  var outstanding: [OutstandingRecord] = []
  var assembly: Assembly
  /// Who was asked for a certificate last; nobody else's pieces are looked at.
  var asked = -1
  /// How often a proof was asked for since the newest record was made, or since this process began.
  private var asksForProof: UInt32 = 0
  /// The newest certificate of this set that verified.
  var certificate: Certificate?
  var ticks: UInt64 = 0

  /// Registers at activation; nil before the first boundary.
  public private(set) var activation: EnergyRegisters?
  /// Registers up to which energy is certified.
  public private(set) var certifiedRegisters: EnergyRegisters?
  /// Registers at the newest boundary.
  public private(set) var latest: EnergyRegisters?
  /// What the device's counters were believed to be last; nil before the first reading, and where nobody guards them.
  public internal(set) var counters: CountersStanding?
  /// What a certificate told of them that this disk had lost, until it is taken.
  var recoveredCounters: CountersStanding?
  public private(set) var coveredThrough: Period
  public private(set) var lastClosed: Period
  /// What was closed ahead of time and taken back, in the order in which it was closed.
  private(set) var takenBack: [OutstandingRecord] = []
  /// What it signed and neither waits nor was taken back.
  private var lost = LostRecords()
  /// Nothing is said any more of periods up to this one: what was said of them is forgotten.
  private var forgoneThrough = Period(0)
  /// What this meter thinks of its clock, as of the last tick.
  public private(set) var clockVerdict = ClockVerdict.notSynchronised
  /// The period that this meter closed ahead of time and cannot take back: it closes nothing before that has ended. Nil as a rule.
  public private(set) var boundThrough: Period?
  /// How often periods closed ahead of time were taken back.
  public private(set) var takenBackCount: UInt64 = 0
  /// The journal may lack its last entry.
  private var isDoubtful = false
  public private(set) var receiptCount: UInt64 = 0
  public private(set) var proofCount: UInt64 = 0
  /// Set once f + 1 aggregators know of this run. Before, this may be an old image of the meter, and what it would sign it
  /// may have signed already, otherwise.
  public private(set) var isConfirmed = false

  /// Takes the keys over. The journal is restored before the first tick or packet.
  public init(
    genesis: Genesis, encryptor: consuming Encryptor, owner: ReplicaIndex, index: MeterIndex,
    signer: consuming SigningKey, closingKey: consuming SelfSealingKey, sealer: consuming Sealer
  ) {
    self.genesis = genesis
    self.encryptor = encryptor
    self.owner = owner
    self.index = index
    self.signer = signer
    self.closingKey = closingKey
    link = PacketLink(sealer, in: genesis, acknowledgements: genesis.context.quorum.faults + 1)
    assembly = Assembly(capacity: Certificate.maximumBytes(genesis.context.quorum))
    coveredThrough = Period(genesis.firstPeriod.rawValue - 1)
    lastClosed = coveredThrough
  }

  /// True when the boundary that ends `period` has not been read yet. The first boundary is the end of the period
  /// before the first: it sets the base.
  public func needsClosing(at now: Instant) -> Period? {
    guard isConfirmed, verdict(at: now).isTrue else { return nil }
    let ended = lastEnded(at: now)
    guard ended.rawValue >= genesis.firstPeriod.rawValue - 1 else { return nil }
    guard activation == nil || ended > lastClosed else { return nil }
    return ended
  }

  private func verdict(at now: Instant) -> ClockVerdict {
    link.clocks.verdict(at: now, newest: max(coveredThrough, certificate?.period ?? Period(0)))
  }

  /// By the own clock.
  private func lastEnded(at now: Instant) -> Period {
    Period(max(1, now.period(ofSeconds: UInt64(genesis.periodSeconds)).rawValue) - 1)
  }

  // MARK: Journal

  /// Stands behind a journal whose tail was torn. Most often nothing is lost that anybody heard of; but what was the last entry may
  /// as well have been damaged since, and a record in it may be out there.
  static var tornEntry: FixedBytes<9> {
    FixedBytes { out in JournalEntry.votingFloor(period: Period(0)).encode(into: &out) }
  }

  /// Takes one entry of the journal in. Call with every entry, in their order, before the first tick; one that no meter
  /// wrote is left aside.
  public mutating func restore(_ entry: Span<UInt8>) {
    guard let entry = try? JournalEntry(decoding: entry) else { return }
    switch entry {
    case .baseline(let period, let registers):
      activation = registers
      certifiedRegisters = registers
      latest = registers
      lastClosed = period
    case .closed(let read, let closing, let record, let ciphertext):
      let bytes = [UInt8](capacity: Record.fixedBytes + ciphertext.count) { out in
        record.encode(into: &out)
        out.write(ciphertext)
      }
      keep(record, ciphertext, closing, bytes)
      // One that was taken back, and whose period has come.
      takenBack.removeAll { $0.recordHash == outstanding.last?.recordHash }
      latest = read
      lastClosed = record.through
    case .certified(let hash): settle(hash)
    case .recovered(let period, let registers): recover(period, registers)
    case .peerBoot(let node, let counter): link.restorePeerBoot(node, counter)
    case .votingFloor(let floor):
      isDoubtful = floor.rawValue == 0
      guard floor.rawValue > 0 else { return }
      forgoneThrough = max(forgoneThrough, Period(floor.rawValue - 1))
      lastClosed = max(lastClosed, forgoneThrough)
    case .takenBack(let period): takeBack(beyond: period)
    case .meterStanding(let standing): restore(standing)
    case .counters(let standing): counters = standing
    case .boot, .vote, .record, .decided, .proposal, .head, .contradiction, .shown, .named, .modulusProven, .published,
      .unreadable, .acknowledged, .inclusion, .knownCoverage:
      return
    }
  }

  /// Where this meter stands, beside the records it keeps.
  var state: MeterStanding {
    var state = MeterStanding()
    state.coveredThrough = coveredThrough
    state.lastClosed = lastClosed
    state.forgoneThrough = forgoneThrough
    state.lost = lost
    if isDoubtful { state.flags.insert(.isDoubtful) }
    if let certifiedRegisters {
      state.certified = certifiedRegisters
      state.flags.insert(.hasCertified)
    }
    if let activation {
      state.activation = activation
      state.flags.insert(.hasActivation)
    }
    if let latest {
      state.latest = latest
      state.flags.insert(.hasLatest)
    }
    return state
  }

  private mutating func restore(_ state: MeterStanding) {
    coveredThrough = state.coveredThrough
    lastClosed = state.lastClosed
    forgoneThrough = state.forgoneThrough
    lost = state.lost
    isDoubtful = state.flags.contains(.isDoubtful)
    certifiedRegisters = state.flags.contains(.hasCertified) ? state.certified : nil
    activation = state.flags.contains(.hasActivation) ? state.activation : nil
    latest = state.flags.contains(.hasLatest) ? state.latest : nil
  }

  private mutating func keep(
    _ record: Record, _ ciphertext: Span<UInt8>, _ closing: EnergyRegisters, _ bytes: [UInt8]
  ) {
    let statement = RecordStatement(
      networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
      ciphertextHash: RecordStatement.ciphertextHash(ciphertext))
    keep(
      OutstandingRecord(
        from: record.from, through: record.through, recordHash: statement.recordHash, closing: closing, bytes: bytes,
        keptTick: ticks))
  }

  private mutating func keep(_ record: OutstandingRecord) {
    if outstanding.count == Self.maximumOutstanding {
      let oldest = outstanding.removeFirst()
      lost.note(from: oldest.from, through: oldest.through)
    }
    outstanding.append(record)
    asksForProof = 0
  }

  /// Clears exactly the energy of the record with this hash, and what it made impossible. (consensus rule C4)
  private mutating func settle(_ hash: Digest) {
    guard let place = outstanding.firstIndex(where: { $0.recordHash == hash }) else { return }
    let record = outstanding[place]
    coveredThrough = record.through
    certifiedRegisters = record.closing
    outstanding.removeAll { $0.through <= record.through || $0.from != record.through.next }
    forgetBefore(coveredThrough.next)
  }

  /// A record of ours that this disk knows nothing of is certified: its closing registers are the base again.
  private mutating func recover(_ through: Period, _ registers: EnergyRegisters) {
    coveredThrough = through
    certifiedRegisters = mutated(.closingIgnored) ? latest ?? registers : registers
    outstanding.removeAll { $0.from != through.next }
    forgetBefore(through.next)
  }

  /// Coverage only grows, so a record that began earlier fits nowhere any more.
  private mutating func forgetBefore(_ from: Period) {
    takenBack.removeAll { $0.from < from }
    lost.forget(before: from)
  }

  // MARK: Closing a period

  /// Takes the registers read at the end of `period`. The record is durable before it is sent, once, and sent again
  /// byte for byte: a restart never makes a second one. (DESIGN §2.1)
  public mutating func close(
    _ period: Period, _ registers: EnergyRegisters, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard let base = certifiedRegisters else {
      let entry = [UInt8](capacity: 25) { out in
        JournalEntry.baseline(period: period, registers: registers).encode(into: &out)
      }
      try host.append(entry.span)
      try host.sync()
      activation = registers
      certifiedRegisters = registers
      latest = registers
      lastClosed = period
      return
    }
    latest = registers
    lastClosed = period
    // A meter that comes up after activation covers everything since; one before the first period has nothing to say.
    guard period > coveredThrough, period >= genesis.firstPeriod else { return }
    if try closeAgain(period, registers, via: &host) { return }
    guard maySign(through: period) else { return }
    let (importWattHours, importClosing) = Self.whole(registers.activeEnergyImport, above: base.activeEnergyImport)
    let (exportWattHours, exportClosing) = exported(registers.activeEnergyExport, above: base.activeEnergyExport)
    let closing = EnergyRegisters(activeEnergyImport: importClosing, activeEnergyExport: exportClosing)
    var values: [Int64] = []
    for slot in genesis.slots {
      values.append(slot == Quantity.activeEnergyImport.slotCode ? importWattHours : exportWattHours)
    }
    var failed = false
    let ciphertext = [UInt8](capacity: encryptor.key.ciphertextBytes) { out in
      do throws(PaillierError) { try encryptor.encrypt(values.span, using: &host.random, into: &out) } catch {
        failed = true
      }
    }
    // Values are clamped to the slot above, so encryption cannot refuse them.
    precondition(!failed)
    let boundary = self.closing(at: closing)
    let plaintext = FixedBytes<32> { out in boundary.encode(into: &out) }
    var record = Record(
      owner: owner, meter: index, epoch: genesis.epoch, from: coveredThrough.next, through: period,
      keyIdentifier: genesis.keyIdentifier,
      closing: closingKey.seal(plaintext, as: FixedBytes<72>.self, using: &host.random), signature: Signature())
    let statement = RecordStatement(
      networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
      ciphertextHash: RecordStatement.ciphertextHash(ciphertext.span))
    record.signature = signer.sign { out in statement.encodeSigned(into: &out) }
    let bytes = [UInt8](capacity: Record.fixedBytes + ciphertext.count) { out in
      record.encode(into: &out)
      out.write(ciphertext.span)
    }
    if !mutated(.recordNotPersisted) { try journal(registers, closing, bytes, via: &host) }
    keep(record, ciphertext.span, closing, bytes)
    sendNewest(via: &host)
  }

  private func journal(
    _ registers: EnergyRegisters, _ closing: EnergyRegisters, _ bytes: [UInt8],
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let entry = Self.closedEntry(registers, closing, bytes)
    try host.append(entry.span)
    try host.sync()
  }

  /// - Parameter bytes: a record of this meter, as it is sent.
  static func closedEntry(_ registers: EnergyRegisters, _ closing: EnergyRegisters, _ bytes: [UInt8]) -> [UInt8] {
    [UInt8](capacity: 33 + bytes.count) { out in
      var reader = WireReader(bytes.span)
      guard let record = try? Record(decoding: &reader), let ciphertext = try? reader.readBytes(reader.remaining) else {
        preconditionFailure("not a record")
      }
      JournalEntry.closed(read: registers, accounted: closing, record: record, ciphertext: ciphertext)
        .encode(into: &out)
    }
  }

  // MARK: Closed ahead of time

  /// Takes back what was closed ahead of time, as long as nobody promised to hold it.
  ///
  /// 1. The clock of this meter was twelve periods ahead, and nobody contradicted it: it came up alone, or the members' clocks were
  ///    wrong too. It closed period p + 12 while p ran, and signed (from a, through p + 12) over the energy until then.
  /// 2. Its clock is right again. Without this it would close nothing before p + 12 has ended, a year for a wrong year.
  /// 3. If a member gave a receipt, the record may be counted on: a boundary that was receipted is not rewritten, and the meter waits,
  ///    saying until when (``boundThrough``). (Receipts are not in the journal: after a restart it does not know of them, and takes
  ///    back such a record too, which by 4 contradicts nothing.) Otherwise it forgets that it closed, durably, and never sends the record again
  ///    before its period has come: it goes on with (a, p), (p + 1, p + 1) and so on. No energy is lost, for the record's is that
  ///    since a, and so is the next one's.
  /// 4. But no receipt is no proof that nobody holds the record: it left, and a receipt can be lost, or kept back. So two different
  ///    records (a, p + 12) must never leave. When p + 12 comes and still nothing since a was certified, the meter sends the old
  ///    bytes again (``closeAgain(_:_:via:)``); the energy since is in the next record. If more was certified, the old
  ///    record fits nowhere any more, and a new one has another `from`, which contradicts nothing. If its bytes are no longer kept,
  ///    that period is left out (``maySign(through:)``), and the next one has its energy.
  /// 5. If members with wrong clocks certify the record all the same, its inclusion proof comes, and its closing registers are the
  ///    base, as after a lost disk.
  ///
  /// Half a period too early is no mistake: members take it for what it is. Of time only q members' clocks are believed here.
  private mutating func takeBack(
    at now: Instant, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    // Without a clock it stays what it was.
    guard clockVerdict.isTrue else { return }
    boundThrough = nil
    guard isAhead(lastClosed, at: now) else { return }
    var stays = max(lastEnded(at: now), coveredThrough, forgoneThrough)
    for record in outstanding where record.isReceipted { stays = max(stays, record.through) }
    if stays < lastClosed, clockVerdict == .nearMembers, !mutated(.closingNotTakenBack) {
      let entry = FixedBytes<9> { out in JournalEntry.takenBack(through: stays).encode(into: &out) }
      try host.append(entry.span)
      try host.sync()
      takeBack(beyond: stays)
      takenBackCount += 1
    }
    if isAhead(lastClosed, at: now) { boundThrough = lastClosed }
  }

  /// Whether a period ends more than half a period from now.
  private func isAhead(_ period: Period, at now: Instant) -> Bool {
    let seconds = UInt64(genesis.periodSeconds)
    var later = now
    later.wall.nanoseconds = min(now.wall.nanoseconds, .max / 2) + seconds * 500_000_000
    return period >= later.period(ofSeconds: seconds)
  }

  private mutating func takeBack(beyond period: Period) {
    for record in outstanding where record.through > period {
      if takenBack.count == Self.maximumTakenBack {
        let oldest = takenBack.removeFirst()
        lost.note(from: oldest.from, through: oldest.through)
      }
      takenBack.append(record)
    }
    outstanding.removeAll { $0.through > period }
    lastClosed = min(lastClosed, period)
  }

  /// If this very record was signed before and taken back, it is closed and sent again as it is. False when there is none.
  private mutating func closeAgain(
    _ period: Period, _ registers: EnergyRegisters, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) -> Bool {
    guard
      let place = takenBack.firstIndex(where: { $0.through == period && $0.from == coveredThrough.next }),
      !mutated(.closingSignedTwice)
    else { return false }
    var record = takenBack[place]
    try journal(registers, record.closing, record.bytes, via: &host)
    takenBack.remove(at: place)
    record.keptTick = ticks
    record.sends = 0
    keep(record)
    sendNewest(via: &host)
    return true
  }

  /// Whether no other record of (from, through) can have left this meter.
  private func maySign(through period: Period) -> Bool {
    !lost.mayHold(from: coveredThrough.next, through: period) || mutated(.closingSignedTwice)
  }

  /// Whole watt-hours above `base`, clamped to a slot (consensus rule C10), and the register they reach.
  static func whole(_ register: MilliwattHours, above base: MilliwattHours) -> (Int64, MilliwattHours) {
    let wattHours = min(max(0, (register.value - base.value) / 1000), SlotLayout.valueBound - 1)
    return (wattHours, MilliwattHours(base.value + wattHours * 1000))
  }

  /// What a meter says of its exports. One that is not registered for them says nothing, and owes nothing: its boundary is what it read.
  private func exported(_ register: MilliwattHours, above base: MilliwattHours) -> (Int64, MilliwattHours) {
    for slot in genesis.slots.indices
    where genesis.slots[slot] == Quantity.activeEnergyExport.slotCode
      && genesis.feeders(ofSlot: slot, in: owner).contains(index)
    {
      return Self.whole(register, above: base)
    }
    return (0, register)
  }

  // MARK: Time and packets

  /// Call about ten times a second.
  public mutating func tick(at now: Instant, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    ticks += 1
    link.advance(to: now)
    try compactIfDue(via: &host)
    link.renewPacketKeyIfDue(signer: signer, via: &host)
    clockVerdict = verdict(at: now)
    if ticks % 5 == 1 { link.greet(isClockBorneOut: clockVerdict == .nearMembers, via: &host) }
    if !isConfirmed, clockVerdict.isTrue { try confirm(now, via: &host) }
    try takeBack(at: now, via: &host)
    guard let newest = outstanding.last else { return }
    // Also behind one promise: the primary may be the one that did not hear.
    if ticks % (isEager(newest) ? 3 : 10) == 0 { sendNewest(via: &host) }
    sendToOneMore(newest, via: &host)
    if ticks % Self.viewTicks == 0 { sendOlder(via: &host) }
    // Without a receipt too, though seldom after a while: a record is refused when more is certified than this meter knows of.
    if ticks % (newest.isReceipted || isAskingAround ? 5 : 15) == 0 { askForProof(newest.through, via: &host) }
  }

  /// Finds out whether this meter's disk is what it was. If not, or if nobody can tell, a record about a period that has ended
  /// may be out there already, and a second one would be evidence against it; the energy goes into the next.
  private mutating func confirm(_ now: Instant, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    let hasForgotten = link.runs.forgottenCounter != nil
    // What has ended a clock must say that members bear out: one that is behind would leave out what was signed.
    guard clockVerdict == .nearMembers || !hasForgotten && !isDoubtful else { return }
    if hasForgotten {
      try forgoEnded(now, via: &host)
      return try link.acceptForgotten(signer: signer, via: &host)
    }
    guard link.runs.isConfirmed else { return }
    if isDoubtful { try forgoEnded(now, via: &host) }
    isConfirmed = true
  }

  /// Says nothing about periods that have ended, in later runs neither.
  private mutating func forgoEnded(_ now: Instant, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    let ended = lastEnded(at: now)
    if !mutated(.meterFloorNotPersisted) {
      let floor = FixedBytes<9> { out in JournalEntry.votingFloor(period: ended.next).encode(into: &out) }
      try host.append(floor.span)
      try host.sync()
    }
    forgoneThrough = max(forgoneThrough, ended)
    lastClosed = max(lastClosed, ended)
    isDoubtful = false
  }

  private func isEager(_ record: OutstandingRecord) -> Bool {
    let primary = genesis.context.primary(owner: owner, Round(record.through))
    return !record.isReceipted
      || record.receiptedBy >> UInt64(primary.rawValue) & 1 == 0 && record.sends < Self.eagerSends
  }

  /// To the set's primary and the next one from the start, unless they promised already. (consensus rule R14)
  private mutating func sendNewest(via host: inout some NodeHost & ~Copyable) {
    guard let newest = outstanding.last else { return }
    if newest.sends < Self.eagerSends { outstanding[outstanding.count - 1].sends += 1 }
    for ahead in UInt32(0)..<2 { send(newest, toPrimaryOf: View(ahead), via: &host) }
  }

  private mutating func send(
    _ record: OutstandingRecord, toPrimaryOf view: View, via host: inout some NodeHost & ~Copyable
  ) {
    let target = genesis.context.primary(owner: owner, Round(record.through, view))
    guard record.receiptedBy >> UInt64(target.rawValue) & 1 == 0, let peer = link.peer(.aggregator(target)) else {
      return
    }
    link.send(.record, to: peer, via: &host) { out in out.write(record.bytes.span) }
  }

  /// From T(0) on, while the record is not proven to be certified, it goes to one primary more for a T0 each, in turn. Receipts do not
  /// stop that: two liars give them. (consensus rule R14)
  private mutating func sendToOneMore(_ record: OutstandingRecord, via host: inout some NodeHost & ~Copyable) {
    let age = ticks - record.keptTick
    let first = UInt64(genesis.periodSeconds) * 10 / 4 + Self.viewTicks
    // Four times in that time: the first may be of a run that its receiver does not know yet, and one may be lost.
    guard age >= first, (age - first) % (Self.viewTicks / 4) == 0, !mutated(.twoPrimariesOnly) else { return }
    let further = (age - first) / Self.viewTicks % UInt64(genesis.members - 2)
    send(record, toPrimaryOf: View(2 + UInt32(further)), via: &host)
  }

  /// Of the records before the newest that wait too, one goes to one member, in turn.
  ///
  /// Story: a meter whose bus was slow sent its record late; one member took it, and proposed it. Members had prepared that header when the
  /// group lost its quorum for a while. By then the meter had closed the next period and spoke of that alone, so whoever lacked the old
  /// record could have it from the few that held it, or from nobody. Its position is undecided for as long as nothing newer of this meter
  /// is proven; a member that does not need it drops it before anything dear.
  private mutating func sendOlder(via host: inout some NodeHost & ~Copyable) {
    guard outstanding.count > 1, !mutated(.olderRecordNotSent) else { return }
    let turn = ticks / Self.viewTicks
    let members = UInt64(genesis.members)
    let record = outstanding[Int(turn / members % UInt64(outstanding.count - 1))]
    // Receipts are of the round's period, and say nothing of a header that was prepared later.
    let target = ReplicaIndex(UInt16(turn % members))
    guard let peer = link.peer(.aggregator(target)) else { return }
    link.send(.record, to: peer, via: &host) { out in out.write(record.bytes.span) }
  }

  /// Whether not every member was asked twice since the newest record was made, or since this process began.
  ///
  /// Story: receipts are forgotten in a restart. A meter whose record was certified shortly before it restarted asked one member in 1.5 s, now
  /// a silent one and now one that had not heard of it yet, until its next period ended: it signed a record that no longer followed, and
  /// the primary of its set waited a quarter of the period for a better one.
  private var isAskingAround: Bool { asksForProof < 2 * UInt32(genesis.members) && !mutated(.proofAskedSeldom) }

  /// Asks for the newest certificate with a record of this meter. (consensus rules C16, C18)
  private mutating func askForProof(_ period: Period, via host: inout some NodeHost & ~Copyable) {
    // In turn: any member that holds the records can answer. Who asks seldom moves on by three, and by one more each time around.
    let members = UInt32(genesis.members)
    let turn = (UInt32(truncatingIfNeeded: ticks / 5) &+ asksForProof / members) % members
    asksForProof &+= 1
    let target = genesis.context.primary(owner: owner, Round(period, View(turn)))
    guard let peer = link.peer(.aggregator(target)) else { return }
    asked = peer
    link.want(
      Want(object: .proof, owner: owner, meter: index), from: peer, via: &host)
  }

  /// Takes one datagram in: receipts, and certificates with their proofs; anything else is dropped and counted.
  /// - Throws: what the host's journal throws, after which the node stops.
  public mutating func receive(
    _ datagram: Span<UInt8>, from endpoint: Endpoint, at now: Instant, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    link.advance(to: now)
    guard let (type, peer) = try link.open(datagram, from: endpoint, knowing: genesis, via: &host) else { return }
    // The link keeps the body until it opens the next packet, which is after this call.
    let input = unsafe Span(_unsafeElements: link.openedBody)
    var reader = WireReader(input)
    switch type {
    case .receipt:
      guard let receipt = try? Receipt(decoding: &reader), reader.remaining == 0,
        receipt.signer.rawValue < genesis.members, receipt.networkIdentifier == genesis.networkIdentifier,
        Authenticated(
          checking: receipt, by: genesis.aggregators[Int(receipt.signer.rawValue)].verificationKey) != nil,
        note(receipt)
      else { return link.sealer.count(.malformedBody) }
      receiptCount += 1
      if mutated(.receiptSettles) { settle(receipt.recordHash) }
    case .chunk:
      guard let chunk = try? Chunk(decoding: &reader), chunk.object == .certificate, chunk.owner == owner,
        let piece = try? reader.readBytes(reader.remaining)
      else { return link.sealer.count(.malformedBody) }
      // One that was checked is not checked again: it comes with every proof.
      guard certificate?.position != chunk.position else { return }
      guard peer == asked || mutated(.piecesOfAnybodyTaken) else { return link.sealer.count(.notAllowed) }
      guard
        let checked = link.certificate(completedBy: chunk, piece, from: peer, in: &assembly, against: genesis)
      else { return }
      certificate = checked
      if mutated(.anyCertificateSettles), let newest = outstanding.last { settle(newest.recordHash) }
    case .proof: try receiveProof(&reader, via: &host)
    case .status, .record, .proposal, .vote, .want, .acknowledgement: link.sealer.count(.notAllowed)
    }
  }

  /// False when the receipt is for no record of this meter.
  private mutating func note(_ receipt: Receipt) -> Bool {
    let bit = UInt64(1) << UInt64(receipt.signer.rawValue)
    if let place = outstanding.firstIndex(where: { $0.recordHash == receipt.recordHash }) {
      outstanding[place].receiptedBy |= bit
      return true
    }
    guard let place = takenBack.firstIndex(where: { $0.recordHash == receipt.recordHash }) else { return false }
    takenBack[place].receiptedBy |= bit
    return true
  }

  /// Only a record hash under the manifest root of a verified certificate counts. (consensus rule C4)
  private mutating func receiveProof(
    _ reader: inout WireReader, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard let proof = try? InclusionProof(decoding: &reader),
      Int(proof.siblingCount) <= Manifest.maximumSiblings, reader.remaining == 32 * Int(proof.siblingCount)
    else { return link.sealer.count(.malformedBody) }
    var siblings: [Digest] = []
    for _ in 0..<proof.siblingCount { if let sibling = try? reader.read(Digest.self) { siblings.append(sibling) } }
    guard let header = certificate?.header, header.owner == owner, header.period == proof.through,
      proof.owner == owner, proof.meter == index,
      proof.through > coveredThrough || mutated(.olderProofTaken)
    else { return }
    let statement = RecordStatement(
      networkIdentifier: genesis.networkIdentifier, group: genesis.group,
      record: Record(
        owner: owner, meter: index, epoch: header.epoch, from: proof.from, through: proof.through,
        keyIdentifier: header.keyIdentifier, closing: proof.closing, signature: Signature()),
      ciphertextHash: proof.ciphertextHash)
    let recordHash = statement.recordHash
    guard
      Manifest.verify(
        index, recordHash, index: Int(proof.leafIndex), count: Int(header.count), siblings: siblings.span,
        root: header.manifestRoot)
    else { return link.sealer.count(.malformedBody) }
    if outstanding.contains(where: { $0.recordHash == recordHash }) {
      let entry = [UInt8](capacity: 33) { out in JournalEntry.certified(recordHash: recordHash).encode(into: &out) }
      try host.append(entry.span)
      try host.sync()
      settle(recordHash)
    } else {
      // q members checked our signature under it, so we made it, on a disk we no longer have. (consensus rule C5)
      guard let opened = closingKey.open(proof.closing, as: FixedBytes<32>.self) else { return }
      var closingReader = WireReader(opened.span)
      guard let closing = try? Closing(decoding: &closingReader) else { return }
      let entry = [UInt8](capacity: 25) { out in
        JournalEntry.recovered(through: proof.through, registers: closing.registers).encode(into: &out)
      }
      // What was signed here is no news of the counters: their standing is newer.
      let isForgotten =
        !lost.mayHold(from: proof.from, through: proof.through)
        && !takenBack.contains { $0.recordHash == recordHash }
      try host.append(entry.span)
      if isForgotten, !mutated(.countersNotRecovered) {
        let standing = standing(at: closing, through: proof.through)
        let kept = Self.countersEntry(standing)
        try host.append(kept.span)
        counters = standing
        recoveredCounters = standing
      }
      try host.sync()
      recover(proof.through, closing.registers)
    }
    proofCount += 1
  }

  // MARK: What tests and reports look at

  /// How many packets were dropped for this reason since the start.
  public func drops(_ reason: DropReason) -> UInt64 { link.sealer.drops[Int(reason.rawValue)] }
  /// The records that wait for a certificate, as they are sent, oldest first.
  public var outstandingRecords: [[UInt8]] { outstanding.map { $0.bytes } }
  /// Whether this aggregator gave a receipt for the outstanding record of a period.
  public func isPromised(for period: Period, by aggregator: ReplicaIndex) -> Bool {
    outstanding.contains { $0.through == period && $0.receiptedBy >> UInt64(aggregator.rawValue) & 1 == 1 }
  }
}
