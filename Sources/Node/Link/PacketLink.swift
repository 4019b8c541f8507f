import Aggregation
import Consensus
import Cryptography
import HAL
import Packets
import Units
import Wire

/// What of a peer was answered with a STATUS since the last greeting.
private struct AnsweredPeer: OptionSet {
  let rawValue: UInt8
  /// A packet that did not open, from where the peer was heard last.
  static let home = AnsweredPeer(rawValue: 1)
  /// One from elsewhere, which anybody may have sent.
  static let elsewhere = AnsweredPeer(rawValue: 2)
  /// One that opened, under an older packet key of this node.
  static let heard = AnsweredPeer(rawValue: 4)
}

/// A node's sealed packets and the buffers they are made in, and what members say in STATUS of this node's runs and of the time.
struct PacketLink: ~Copyable {
  var sealer: Sealer
  /// Whether this node is what it takes itself for.
  private(set) var runs: RunConfirmation
  /// Whether its clock is right.
  private(set) var clocks: ClockGuard
  /// Which peers' keys two processes use.
  var doubles: DoubleRuns
  private var body = ByteBuffer(capacity: Sealer.maximumBodyBytes)
  private var datagram = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
  private var input = ByteBuffer(capacity: Sealer.maximumBodyBytes)
  private var answered: [AnsweredPeer]
  private var greetings: UInt64 = 0
  /// A peer that seems to be dead is greeted one time in so many: once a minute.
  private static let seldomGreetings: UInt64 = 120
  private let hasTransfers: Bool
  /// Records on their way to other members.
  var transfers: Transfers
  private var time = MonotonicTime(nanoseconds: 0)
  /// What is being sent has its tokens already.
  private var isPaced = false
  /// Datagrams and their bytes, both ways.
  private(set) var sentPackets: UInt64 = 0
  private(set) var sentBytes: UInt64 = 0
  private(set) var receivedPackets: UInt64 = 0
  private(set) var receivedBytes: UInt64 = 0

  /// - Parameter acknowledgements: members that must know of this run before the node signs.
  init(
    _ sealer: consuming Sealer, in genesis: Genesis, acknowledgements: UInt16, pacing: PacingLimits = PacingLimits()
  ) {
    let quorum = genesis.context.quorum
    let own = Party(sealer.identifier).aggregatorIndex
    runs = RunConfirmation(
      run: sealer.run, bootCounter: sealer.bootCounter, previousBootCounter: sealer.previousBootCounter,
      faults: quorum.faults, needed: acknowledgements)
    clocks = ClockGuard(
      quorum: quorum, own: own, identifier: sealer.identifier, periodSeconds: genesis.periodSeconds,
      firstPeriod: genesis.firstPeriod)
    // Records are sent to members by members alone.
    hasTransfers = own != nil
    transfers = Transfers(members: hasTransfers ? Int(genesis.members) : 1, limits: pacing)
    answered = Array(repeating: [], count: sealer.peers.count)
    doubles = DoubleRuns(peers: sealer.peers.count)
    self.sealer = sealer
  }

  var now: MonotonicTime { time }

  /// What follows happens at `now`.
  mutating func advance(to now: Instant) {
    time = max(time, now.monotonic)
    sealer.advance(to: now)
  }

  func peer(_ identifier: Party) -> Int? { sealer.index(of: identifier.rawValue) }

  /// Sends a packet, or nothing while the peer's address or boot counter is unknown.
  mutating func send(
    _ type: PacketType, to peer: Int, via host: inout some NodeHost & ~Copyable,
    _ fill: (inout OutputSpan<UInt8>) -> Void
  ) {
    guard let endpoint = sealer.peers[peer].endpoint else { return }
    send(type, to: peer, at: endpoint, via: &host, fill)
  }

  private mutating func send(
    _ type: PacketType, to peer: Int, at endpoint: Endpoint, via host: inout some NodeHost & ~Copyable,
    _ fill: (inout OutputSpan<UInt8>) -> Void
  ) {
    body.replace(fill)
    let sequence = sealer.peers[peer].nextSequence
    guard Self.seal(type, body, to: peer, by: &sealer, into: &datagram) else { return }
    host.send(datagram.span, to: endpoint)
    sentPackets += 1
    sentBytes += UInt64(datagram.count)
    if let other = sealer.otherEndpoint(of: peer), other != endpoint {
      host.send(datagram.span, to: other)
      sentPackets += 1
      sentBytes += UInt64(datagram.count)
    }
    guard hasTransfers else { return }
    let member = Party(sealer.peers[peer].identifier).aggregatorIndex
    if let member { transfers.left(member, sequence: sequence, at: time) }
    if !isPaced { transfers.charge(member, bytes: datagram.count, at: time) }
  }

  /// Sends a record that the pacing let go.
  mutating func sendRecord(
    _ owner: ReplicaIndex, _ period: Period, _ meter: MeterIndex, to member: ReplicaIndex,
    via host: inout some NodeHost & ~Copyable, _ fill: (inout OutputSpan<UInt8>) -> Void
  ) {
    guard let peer = peer(.aggregator(member)) else { return }
    let sequence = sealer.peers[peer].nextSequence
    isPaced = true
    send(.record, to: peer, via: &host, fill)
    isPaced = false
    guard sealer.peers[peer].nextSequence > sequence else { return }
    transfers.sent(member, owner, period, meter, sequence: sequence, at: time)
  }

  private static func seal(
    _ type: PacketType, _ body: borrowing ByteBuffer, to peer: Int, by sealer: inout Sealer,
    into datagram: inout ByteBuffer
  ) -> Bool {
    var sealed = false
    datagram.replace { out in sealed = sealer.seal(type, body.span, to: peer, into: &out) }
    return sealed
  }

  mutating func sendStatus(
    to peer: Int, wantsAnswer: Bool = false, via host: inout some NodeHost & ~Copyable
  ) {
    let status = sealer.statusBody(to: peer, wantsAnswer: wantsAnswer)
    send(.status, to: peer, via: &host) { out in out.write(status) }
  }

  /// Announces this run and its packet key to every peer that has not acknowledged them yet, and asks members for their clocks.
  /// Call twice a second.
  /// - Parameters:
  ///   - silentSeconds: a peer that said nothing for so long is told in a STATUS where this node is, once in as long. It may be
  ///     writing to an address that this node has no more, and only this node's packets can tell it. 0 for never.
  ///   - isClockBorneOut: enough members tell the same time; they are asked more often while they do not.
  mutating func greet(
    silentSeconds: UInt64 = 0, isClockBorneOut: Bool = true, via host: inout some NodeHost & ~Copyable
  ) {
    greetings += 1
    // A right clock is in no hurry.
    var asksLeft = isClockBorneOut ? 1 : GroupLimits.maximumAggregators
    for peer in sealer.peers.indices {
      answered[peer] = []
      guard sealer.mustGreet(peer) else {
        if asksLeft > 0, askForClock(peer, isBorneOut: isClockBorneOut, via: &host) {
          asksLeft -= 1
          continue
        }
        // Each peer has its turn: no two thousand at once.
        if silentSeconds > 0, (greetings + UInt64(peer)) % (2 * silentSeconds) == 0,
          time.milliseconds(since: sealer.heardAt(peer)) >= silentSeconds * 1000
        {
          sendStatus(to: peer, via: &host)
        }
        continue
      }
      guard !isLikelyDead(peer) || greetings % Self.seldomGreetings == 0 else { continue }
      let greeting = sealer.greetingBody()
      send(.status, to: peer, via: &host) { out in out.write(greeting) }
    }
  }

  /// A STATUS to a member whose clock should be known better, which tells this node's and is answered. False when nobody needs that.
  private mutating func askForClock(
    _ peer: Int, isBorneOut: Bool, via host: inout some NodeHost & ~Copyable
  ) -> Bool {
    guard let member = Party(sealer.peers[peer].identifier).aggregatorIndex,
      clocks.isToBeAsked(member, at: time, isBorneOut: isBorneOut)
    else { return false }
    clocks.noteAsked(member, at: time)
    sendStatus(to: peer, wantsAnswer: true, via: &host)
    return true
  }

  /// Takes what a member's STATUS says of this node's runs and of the time.
  private mutating func note(_ status: StatusBody, of peer: Int) {
    guard let member = Party(sealer.peers[peer].identifier).aggregatorIndex else { return }
    runs.hear(RunClaim(status), from: member)
    clocks.hear(status.wall, status.clock, from: member, isNewest: sealer.heardStatusIsNewest, at: time)
  }

  /// Knows of this run, so it was told its keys once; but not heard for a minute. It will greet when it is back.
  private func isLikelyDead(_ peer: Int) -> Bool {
    sealer.hasAcknowledged(peer)
      && time.milliseconds(since: sealer.heardAt(peer)) > 500 * Self.seldomGreetings
  }

  /// Takes note of the run of this node that it has forgotten, as f + 1 members claim. If that one's counter is not below this run's,
  /// others drop what this one says, and it goes on above, durable first.
  mutating func acceptForgotten(
    signer: borrowing SigningKey, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let next = runs.nextBootCounter
    runs.accept(goingOnAt: next)
    guard let next else { return }
    let entry = BootCounter.entry(next)
    try host.append(entry.span)
    try host.sync()
    let seed = SecretBytes(random: &host.random)
    sealer.restart(bootCounter: next, packetKeySeed: seed, signer: signer)
    notePacketKey(seed, via: &host)
    greet(via: &host)
  }

  /// Makes the next packet key when the present one is old enough; the next greeting tells it.
  mutating func renewPacketKeyIfDue(signer: borrowing SigningKey, via host: inout some NodeHost & ~Copyable) {
    guard sealer.isPacketKeyDue else { return }
    let seed = SecretBytes(random: &host.random)
    sealer.renewPacketKey(seed, signer: signer)
    notePacketKey(seed, via: &host)
  }

  private func notePacketKey(_ seed: borrowing SecretBytes, via host: inout some NodeHost & ~Copyable) {
    host.packetKeyMade(seed, number: sealer.packetKeyNumber, bootCounter: sealer.bootCounter)
  }

  /// Puts back what an earlier run knew of a peer's boots.
  mutating func restorePeerBoot(_ identifier: UInt32, _ boot: UInt64) {
    guard let peer = sealer.index(of: identifier) else { return }
    if mutated(.peerBootsForgotten) { return }
    sealer.setMinimumBoot(boot, of: peer)
  }

  /// Notes new boots of aggregators, for later runs; durable with whatever is synced next.
  private mutating func noteBoot(_ peer: Int, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    let known = sealer.peers[peer]
    guard known.identifier < UInt32(GroupLimits.maximumAggregators),
      known.bootCounter > sealer.minimumBootCounter(of: peer)
    else { return }
    if !mutated(.peerBootsNotJournaled) {
      let entry = Self.peerBootEntry(known.identifier, known.bootCounter)
      try host.append(entry.span)
    }
    sealer.setMinimumBoot(known.bootCounter, of: peer)
  }

  /// This run, and what is known of aggregators' boots, as a snapshot needs them.
  mutating func writeSnapshot(via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    let boot = BootCounter.entry(sealer.bootCounter)
    try host.appendToSnapshot(boot.span)
    for peer in sealer.peers.indices {
      let known = sealer.minimumBootCounter(of: peer)
      guard known > 0 else { continue }
      let entry = Self.peerBootEntry(sealer.peers[peer].identifier, known)
      try host.appendToSnapshot(entry.span)
    }
  }

  private static func peerBootEntry(_ identifier: UInt32, _ boot: UInt64) -> FixedBytes<13> {
    FixedBytes<13> { out in
      JournalEntry.peerBoot(node: identifier, counter: boot).encode(into: &out)
    }
  }

  /// Tells a peer that still seals for an earlier run or packet key, speaks another version, is in another run than the one we
  /// listen to, or that we know no run of, about what we know. The address is only claimed, so it gets one STATUS between two
  /// greetings and is not remembered. Whoever may be a second process of one key is asked to answer, which shows that it is alive.
  private mutating func answerStranger(
    _ datagramBytes: Int, via host: inout some NodeHost & ~Copyable
  ) {
    guard let (peer, endpoint) = sealer.takeStranger() else { return }
    // Whoever claims another's address must spend as much as he has sent there. At the address where the peer was heard it is
    // told in any case, whatever outsiders have had answered elsewhere.
    let isHome = endpoint == sealer.peers[peer].endpoint
    guard isHome || datagramBytes >= Sealer.statusDatagramBytes || mutated(.strangersUnbounded) else { return }
    let isFirst = answered[peer].insert(isHome ? .home : .elsewhere).inserted
    guard isFirst || mutated(.strangersUnbounded) else { return }
    let status = sealer.statusBody(
      to: peer, wantsAnswer: sealer.strangerIsOfOtherRun && doubles.isInDoubt(peer))
    send(.status, to: peer, at: endpoint, via: &host) { out in out.write(status) }
  }

  mutating func sendChunks(
    _ object: ObjectKind, _ owner: ReplicaIndex, _ position: Position, _ bytes: Span<UInt8>, to peer: Int,
    via host: inout some NodeHost & ~Copyable
  ) {
    let total = Chunk.pieces(ofBytes: bytes.count)
    for index in 0..<total {
      let start = index * Chunk.maximumPieceBytes
      let piece = bytes.extracting(start..<min(bytes.count, start + Chunk.maximumPieceBytes))
      let chunk = Chunk(
        object: object, owner: owner, index: UInt16(index), total: UInt16(total), position: position,
        objectLength: UInt32(bytes.count))
      send(.chunk, to: peer, via: &host) { out in
        chunk.encode(into: &out)
        out.write(piece)
      }
    }
  }

  /// Of memory that its owner goes on to use.
  mutating func sendChunks(
    _ object: ObjectKind, _ owner: ReplicaIndex, _ position: Position, _ bytes: borrowing ByteBuffer, to peer: Int,
    via host: inout some NodeHost & ~Copyable
  ) {
    sendChunks(object, owner, position, bytes.span, to: peer, via: &host)
  }

  mutating func send(
    _ type: PacketType, _ body: borrowing ByteBuffer, to peer: Int, via host: inout some NodeHost & ~Copyable
  ) {
    let bytes = body.span
    send(type, to: peer, via: &host) { out in out.write(bytes) }
  }

  /// Whether so many signatures of a member may be checked: last of all, and only in what is not known.
  mutating func mayCheckSignatures(_ count: Int, of peer: Int) -> Bool {
    guard !mutated(.signaturesUnbounded) else {
      sealer.countSignatureChecks(count)
      return true
    }
    return sealer.mayCheckSignatures(count, of: peer)
  }

  /// The certificate that this piece completes and whose signatures hold; nil before, and when something is wrong with it,
  /// which is counted. Cost: q signature checks, of which a peer has a budget, and one of bad ones.
  mutating func certificate(
    completedBy chunk: Chunk, _ piece: Span<UInt8>, from peer: Int, in assembly: inout Assembly,
    against genesis: Genesis
  ) -> Certificate? {
    guard assembly.accepts(chunk, byteCount: piece.count) else {
      sealer.count(.malformedBody)
      return nil
    }
    guard assembly.add(chunk, piece), mayCheckSignatures(Int(genesis.context.quorum.size), of: peer) else { return nil }
    do throws(VerificationError) {
      let certificate = try Certificate(checking: assembly.span, against: genesis)
      if certificate.owner == chunk.owner, certificate.position == chunk.position { return certificate }
      // What a piece says it belongs to decides whether it is looked at.
      sealer.countBadSignature(of: peer)
      return nil
    } catch {
      if case .malformed = error { sealer.count(.malformedBody) } else { sealer.countBadSignature(of: peer) }
      return nil
    }
  }

  /// Asks, and says what became of the peer's packets.
  mutating func want(_ want: Want, from peer: Int, via host: inout some NodeHost & ~Copyable) {
    let heardAt = sealer.heardAt(peer)
    var want = want
    want.highestSequence = sealer.highestSequence(of: peer)
    want.receivedCount = sealer.receivedCount(of: peer)
    want.heldMicroseconds = UInt32(
      clamping: (time.nanoseconds - min(time.nanoseconds, heardAt.nanoseconds)) / 1000)
    send(.want, to: peer, via: &host) { out in want.encode(into: &out) }
  }

  /// The body of the packet that was opened last; until the next one is. The memory is the link's, for good.
  var openedBody: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: input.mutableBytes[..<input.count]) }

  private static func open(
    _ datagram: Span<UInt8>, from endpoint: Endpoint, by sealer: inout Sealer, into input: inout ByteBuffer
  ) -> (type: PacketType, peer: Int)? {
    var opened: (type: PacketType, peer: Int)?
    input.replace { out in opened = sealer.open(datagram, from: endpoint, into: &out) }
    return opened
  }

  /// Opens a datagram into ``openedBody``; answers STATUS itself and returns nil for it.
  mutating func open(
    _ datagram: Span<UInt8>, from endpoint: Endpoint, knowing genesis: Genesis,
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) -> (type: PacketType, peer: Int)? {
    receivedPackets += 1
    receivedBytes += UInt64(datagram.count)
    let opened = Self.open(datagram, from: endpoint, by: &sealer, into: &input)
    if let peer = sealer.takeBegunRun() { doubles.begin(peer) }
    guard let opened else {
      if let other = sealer.takeOtherRun() {
        let known = sealer.peers[other.peer]
        doubles.hear(other, node: known.identifier, newer: known.bootCounter)
      }
      answerStranger(datagram.count, via: &host)
      return nil
    }
    if opened.type == .status {
      let body = unsafe Span(_unsafeElements: openedBody)
      let wantsAnswer = sealer.readStatus(body, from: opened.peer, knowing: genesis)
      if let status = sealer.heardStatus {
        doubles.hear(status, of: opened.peer)
        note(status, of: opened.peer)
      }
      try noteBoot(opened.peer, via: &host)
      if wantsAnswer { sendStatus(to: opened.peer, via: &host) }
      return nil
    }
    if sealer.mustLearnKey(opened.peer), answered[opened.peer].insert(.heard).inserted {
      sendStatus(to: opened.peer, via: &host)
    }
    return opened
  }
}

extension Sealer {
  /// Reads the STATUS body of a peer, whose identity's key the genesis has. True when it should be answered.
  public mutating func readStatus(_ bytes: Span<UInt8>, from peer: Int, knowing genesis: Genesis) -> Bool {
    guard let key = genesis.verificationKey(of: Party(peers[peer].identifier)) else { return false }
    return readStatus(bytes, from: peer, signedBy: key)
  }

  /// Signatures for what an honest member may have to say: after an outage of the group, about each set a round change with a prepared
  /// certificate, its votes in the next round, its part of the new rounds, and a head, some of it again in further rounds; in each period
  /// a proposal and two votes for each set, and as much again for what is said twice.
  mutating func grantChecks(in genesis: Genesis) {
    let members = UInt64(genesis.members)
    let quorum = UInt64(genesis.context.quorum.size)
    grantChecks(
      perSecond: 2 * (2 * members + 1) / UInt64(genesis.periodSeconds) + 1,
      burst: 8 * (members * (quorum + 3) + 2 * quorum + 1))
  }
}

/// The boot counter this run must use. ``begin(_:of:in:)`` writes it down before the first send.
///
/// Above the highest in the journal; and not below the Unix time in seconds when the clock can be believed, so that a
/// node whose journal is lost or old does not use a counter, and with it a nonce, twice.
public struct BootCounter: Sendable {
  public private(set) var last: UInt64 = 0
  /// No run is known of until the journal's entries were visited.
  public init() {}

  /// Takes one entry of the journal in; one that begins no run says nothing.
  public mutating func visit(_ entry: Span<UInt8>) {
    guard case .boot(let counter)? = try? JournalEntry(decoding: entry) else { return }
    last = max(last, counter)
  }

  /// Nil while the journal is empty and the clock is not synchronised: then nothing tells this run from an earlier one.
  public func next(at now: Instant) -> UInt64? {
    guard now.state == .synchronised else { return last == 0 ? nil : last + 1 }
    return max(last + 1, now.wall.nanoseconds / 1_000_000_000)
  }

  /// Begins a run in its journal, durable when it returns. Of a meter whose journal was torn it notes that too.
  public static func begin(
    _ counter: UInt64, of node: Party, in journal: inout some Journal & ~Copyable
  ) throws(PlatformError) {
    let boot = entry(counter)
    try journal.append(boot.span)
    if node.meter != nil, journal.wasTorn {
      let torn = MeterNode.tornEntry
      try journal.append(torn.span)
    }
    try journal.sync()
  }

  static func entry(_ counter: UInt64) -> FixedBytes<9> {
    FixedBytes { out in JournalEntry.boot(counter: counter).encode(into: &out) }
  }
}
