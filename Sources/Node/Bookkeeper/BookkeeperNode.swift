import Aggregation
import Consensus
import Cryptography
import HAL
import Packets
import Paillier
import Units
import Wire

/// A total that could not be read.
public struct UnreadableTotal: Equatable, Sendable {
  public let owner: ReplicaIndex
  public let position: Position
  public let period: Period

  /// Names a position of a set's chain, and the period of its header.
  public init(owner: ReplicaIndex, position: Position, period: Period) {
    self.owner = owner
    self.position = position
    self.period = period
  }
}

/// Checks certificates, decrypts their sums, proves each decryption and publishes it: each set's chain in order, each position once.
///
/// It need not keep what it is about to publish: aggregators do, until they are told that it is published. What it published it
/// writes down behind the files, and tells it when that is durable. (DESIGN §2.1; docs/PROTOCOL.md, AcknowledgementBody)
public struct BookkeeperNode: ~Copyable {
  /// WANTs that leave in one tick.
  static let wantsPerTick = 16

  let genesis: Genesis
  let key: PrivateKey
  let signer: SigningKey
  var link: PacketLink
  var chains: [BookChain] = []
  /// Certificates and products, by the member they come from: a liar's pieces do not disturb another's.
  var assemblies: [AssemblyCell] = []
  var productAssemblies: [AssemblyCell] = []
  /// By every header whose sum was opened.
  private var coverage: KnownCoverage
  var ticks: UInt64 = 0
  /// The set after which the next is looked for whose sum can be opened.
  private var lastOpened = 0
  /// By member: the run in which it was told of all sets.
  private var toldBoots: [UInt64]
  private var toldAt: UInt64 = 0
  private var toldAllAt: UInt64 = 0
  /// What this node thinks of its clock, as of the last tick.
  public private(set) var clockVerdict = ClockVerdict.notSynchronised
  /// Positions published in this run and earlier ones, and totals kept as unreadable.
  public var publishedCount: UInt64 { chains.reduce(0) { $0 + $1.published.rawValue } - unreadableCount }
  public private(set) var unreadableCount: UInt64 = 0
  public private(set) var newestUnreadable: UnreadableTotal?
  /// How often a product was decrypted in this run.
  public private(set) var decryptionCount: UInt64 = 0
  /// WANTs of this run.
  public private(set) var wantCount: UInt64 = 0

  /// Takes the keys over. The journal is restored before the first tick or packet.
  public init(
    genesis: Genesis, key: consuming PrivateKey, signer: consuming SigningKey, sealer: consuming Sealer
  ) {
    for member in 0..<genesis.members {
      assemblies.append(AssemblyCell(capacity: Certificate.maximumBytes(genesis.context.quorum)))
      productAssemblies.append(AssemblyCell(capacity: key.publicKey.ciphertextBytes))
      chains.append(BookChain(owner: ReplicaIndex(member), in: genesis))
    }
    toldBoots = Array(repeating: 0, count: Int(genesis.members))
    coverage = KnownCoverage(genesis)
    self.genesis = genesis
    self.key = key
    self.signer = signer
    // What it signs follows from what was certified: it needs nobody to know of its run.
    link = PacketLink(sealer, in: genesis, acknowledgements: 0)
    link.sealer.grantChecks(in: genesis)
    let answers = Int(genesis.context.quorum.faults) + 1
    for chain in chains { chain.ask(answers, at: 0) }
  }

  private func chain(_ owner: ReplicaIndex) -> BookChain { chains[Int(owner.rawValue)] }
  private var periodTicks: UInt64 { UInt64(genesis.periodSeconds) * UInt64(AggregatorNode.ticksPerSecond) }

  // MARK: Journal

  /// What was published comes back; nothing of it is decrypted or written again.
  public mutating func restore(_ entry: Span<UInt8>) {
    guard let entry = try? JournalEntry(decoding: entry) else { return }
    switch entry {
    case .peerBoot(let node, let counter): link.restorePeerBoot(node, counter)
    case .published(let period, let told, let contributors):
      restore(told, period, contributors, isReadable: true)
    // What a later total needs of it stays in the journal.
    case .unreadable(let period, let told, let contributors, _, _, _):
      restore(told, period, contributors, isReadable: false)
    case .knownCoverage(let owner, let position, let periods): coverage.restore(owner, position, periods)
    default: return
    }
  }

  private mutating func restore(
    _ told: AcknowledgedPosition, _ period: Period, _ contributors: MeterBitmap, isReadable: Bool
  ) {
    guard !mutated(.publishedTwiceAfterRestart), told.owner.rawValue < genesis.members,
      contributors.isWithin(meterCount: genesis.meterCount(of: told.owner))
    else { return }
    note(told, period, contributors, isReadable: isReadable)
  }

  private mutating func note(
    _ told: AcknowledgedPosition, _ period: Period, _ contributors: MeterBitmap, isReadable: Bool
  ) {
    // A journal has each once, in whatever order a snapshot put them.
    chain(told.owner).advance(to: told, period)
    coverage.note(contributors, of: told.owner, through: period, at: told.position)
    guard !isReadable else { return }
    unreadableCount += 1
    newestUnreadable = UnreadableTotal(owner: told.owner, position: told.position, period: period)
  }

  /// What is still needed of the journal: how far each chain is published, what its contributors are covered through, and all that is known
  /// of totals that cannot be read.
  package mutating func writeSnapshot(via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    try host.beginSnapshot()
    try link.writeSnapshot(via: &host)
    for entry in standing { try host.appendToSnapshot(entry.span) }
    try host.copyIntoSnapshot { entry in EntryKind(of: entry) == .unreadable || ModulusVerdict.isEntry(entry) }
    host.compareSnapshot { restorable }
    try host.commitSnapshot()
  }

  /// Two entries for each set of which something is published: how far, and what its contributors are covered through.
  package var standing: [[UInt8]] {
    var entries: [[UInt8]] = []
    for chain in chains {
      guard let told = chain.known else { continue }
      entries.append(Self.entry(told, chain.period, MeterBitmap()))
      entries.append(coverage.entry(of: chain.owner))
    }
    return entries
  }

  /// What a restart puts back, for comparison.
  package var restorable: Restorable {
    let digest = Blake2b.digest(domain: "BUSBARib") { hash in
      for entry in standing { hash.update(entry.span) }
      hash.update(unreadableCount)
      hash.update(newestUnreadable.map { UInt64($0.owner.rawValue) << 48 ^ $0.position.rawValue } ?? 0)
      for peer in link.sealer.peers.indices { hash.update(link.sealer.minimumBootCounter(of: peer)) }
    }
    return Restorable(digest: digest, atLeast: [])
  }

  // MARK: Time

  /// Call about ten times a second. Sends what is due, opens one total at most, and publishes it.
  /// - Throws: what the host's journal, cells or files throw, after which the node stops.
  public mutating func tick(at now: Instant, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    ticks += 1
    link.advance(to: now)
    if host.isSnapshotDue { try writeSnapshot(via: &host) }
    link.renewPacketKeyIfDue(signer: signer, via: &host)
    clockVerdict = link.clocks.verdict(at: now, newest: newestCertified)
    if ticks % 5 == 1 {
      link.greet(
        silentSeconds: UInt64(genesis.periodSeconds), isClockBorneOut: clockVerdict == .nearMembers, via: &host)
    }
    // What a bookkeeper signs follows from what was certified, so an old image can do no harm; it must only be heard.
    // Two that are alive would go above each other without end.
    if link.runs.forgottenCounter != nil, laterRun == nil { try link.acceptForgotten(signer: signer, via: &host) }
    try openOne(via: &host)
    tellPublished(via: &host)
    guard now.state == .synchronised else { return }
    let current = now.period(ofSeconds: UInt64(genesis.periodSeconds))
    var wantsLeft = Self.wantsPerTick
    for place in chains.indices {
      // Each tick another set comes first.
      let chain = chains[(place + Int(ticks % UInt64(chains.count))) % chains.count]
      fetch(chain, &wantsLeft, via: &host)
      askForNewest(chain, current, now, &wantsLeft, via: &host)
    }
  }

  /// Period of the newest certificate it has seen, of any set.
  private var newestCertified: Period {
    var newest = Period(genesis.firstPeriod.rawValue - 1)
    for chain in chains { newest = max(newest, chain.newestPeriod) }
    return newest
  }

  // MARK: Asking

  /// Asks for what is missing between what is published and the newest, some positions at once, of one member after the other.
  private mutating func fetch(
    _ chain: BookChain, _ wantsLeft: inout Int, via host: inout some NodeHost & ~Copyable
  ) {
    var position = chain.published.next
    while position <= chain.newest, wantsLeft > 0, var entry = chain.entry(position) {
      if !entry.isComplete, ticks >= entry.askAt {
        let turn = UInt64(entry.asked) + position.rawValue + UInt64(chain.owner.rawValue)
        ask(
          entry.certificate == nil ? .certificate : .product, chain, position,
          of: ReplicaIndex(UInt16(turn % UInt64(genesis.members))), via: &host)
        wantsLeft -= 1
        // Everybody twice in quick succession; then who has it is off, and asking is for when he is back.
        entry.asked += 1
        let isQuick = entry.asked <= 2 * UInt32(genesis.members)
        entry.askAt = ticks + (isQuick ? 5 : max(5, min(periodTicks / 4, 300)))
        chain.put(entry)
      }
      position = position.next
    }
  }

  /// Whatever is certified is sent here unasked; so the newest is asked for at the start, and when nothing came of a period that ended:
  /// f + 1 members once each, not again and again while a group is idle.
  private mutating func askForNewest(
    _ chain: BookChain, _ current: Period, _ now: Instant, _ wantsLeft: inout Int,
    via host: inout some NodeHost & ~Copyable
  ) {
    guard current > genesis.firstPeriod, wantsLeft > 0 else { return }
    let ended = Period(current.rawValue - 1)
    if chain.newestPeriod < ended, chain.probedIn != current,
      now.milliseconds(sinceEndOf: ended, ofSeconds: UInt64(genesis.periodSeconds)) ?? 0
        > UInt64(genesis.periodSeconds) * 500
    {
      chain.probedIn = current
      chain.ask(Int(genesis.context.quorum.faults) + 1, at: ticks)
    }
    guard let member = chain.memberToAsk(at: ticks, of: genesis.members, longest: periodTicks / 2) else { return }
    ask(.certificate, chain, Position(0), of: member, via: &host)
    wantsLeft -= 1
  }

  private mutating func ask(
    _ object: ObjectKind, _ chain: BookChain, _ position: Position, of member: ReplicaIndex,
    via host: inout some NodeHost & ~Copyable
  ) {
    guard let peer = link.peer(.aggregator(member)) else { return }
    wantCount += 1
    link.want(Want(object: object, owner: chain.owner, position: position), from: peer, via: &host)
  }

  // MARK: Packets

  /// Takes one datagram in: pieces of certificates and products, and acknowledgements, of aggregators; anything else is
  /// dropped and counted.
  /// - Throws: what the host's journal throws, after which the node stops.
  public mutating func receive(
    _ datagram: Span<UInt8>, from endpoint: Endpoint, at now: Instant, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    link.advance(to: now)
    guard let (type, peer) = try link.open(datagram, from: endpoint, knowing: genesis, via: &host) else { return }
    // The link keeps the body until it opens the next packet, which is after this call.
    let input = unsafe Span(_unsafeElements: link.openedBody)
    let sender = Party(link.sealer.peers[peer].identifier)
    // A bookkeeper must never see a single record. (DESIGN §2.2)
    guard type == .chunk || type == .acknowledgement, let member = sender.aggregatorIndex else {
      return link.sealer.count(.notAllowed)
    }
    if type == .acknowledgement { return try receiveAcknowledgement(input, member, via: &host) }
    var reader = WireReader(input)
    guard let chunk = try? Chunk(decoding: &reader), let piece = try? reader.readBytes(reader.remaining),
      chunk.owner.rawValue < genesis.members
    else { return link.sealer.count(.malformedBody) }
    switch chunk.object {
    case .certificate: receiveCertificate(chunk, piece, member, peer)
    case .product: receiveProduct(chunk, piece, member, via: &host)
    case .records, .head, .proof, .roundChange, .newRound, .contradiction, .manifest: link.sealer.count(.notAllowed)
    }
  }

  private mutating func receiveCertificate(_ chunk: Chunk, _ piece: Span<UInt8>, _ member: ReplicaIndex, _ peer: Int) {
    let chain = chain(chunk.owner)
    guard chain.wants(certificateOf: chunk.position) else { return chain.noteAnswer(of: member) }
    let cell = assemblies[Int(member.rawValue)]
    guard
      let certificate = link.certificate(
        completedBy: chunk, piece, from: peer, in: &cell.assembly, against: genesis)
    else { return }
    chain.noteAnswer(of: member)
    chain.take(certificate, cell.assembly.span, at: ticks)
  }

  private mutating func receiveProduct(
    _ chunk: Chunk, _ piece: Span<UInt8>, _ member: ReplicaIndex, via host: inout some NodeHost & ~Copyable
  ) {
    let cell = productAssemblies[Int(member.rawValue)]
    guard cell.assembly.accepts(chunk, byteCount: piece.count) else { return link.sealer.count(.malformedBody) }
    let chain = chain(chunk.owner)
    guard cell.assembly.add(chunk, piece), var entry = chain.entry(chunk.position), let certificate = entry.certificate,
      entry.product.isEmpty
    else { return }
    guard RecordStatement.ciphertextHash(cell.assembly.span) == certificate.header.productHash else {
      return link.sealer.count(.malformedBody)
    }
    entry.product = Array(copying: cell.assembly.span)
    chain.put(entry)
    if mutated(.acknowledgedBeforeDurable) {
      tell(
        [AcknowledgedPosition(owner: chain.owner, position: chunk.position, digest: certificate.header.digest)],
        via: &host)
    }
  }

  /// A member says what it was told: this node published so much, and has forgotten it if f + 1 say so.
  private mutating func receiveAcknowledgement(
    _ bytes: Span<UInt8>, _ member: ReplicaIndex, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard let told = AcknowledgementBody.read(bytes, in: genesis), told.epoch == genesis.epoch else {
      return link.sealer.count(.malformedBody)
    }
    for position in told.positions {
      let chain = chain(position.owner)
      chain.noteAnswer(of: member)
      guard let known = chain.hear(position, from: member, faults: genesis.context.quorum.faults) else { continue }
      let bytes = Self.entry(known, Period(0), MeterBitmap())
      try host.append(bytes.span)
      try host.sync()
      note(known, Period(0), MeterBitmap(), isReadable: true)
      chain.ask(Int(genesis.context.quorum.faults) + 1, at: ticks)
    }
  }

  // MARK: Publishing

  /// A sum is here that can be opened. ``tick(at:via:)`` opens one; a host that would only wait meanwhile calls ``openOne(via:)``, and looks
  /// at its packets in between.
  public var isSumWaiting: Bool { chains.contains { $0.next != nil } }

  /// Publishes one position of one set: opening a sum is the longest thing this node does.
  public mutating func openOne(via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    for step in 1...chains.count {
      let place = (lastOpened + step) % chains.count
      guard let entry = chains[place].next, let certificate = entry.certificate else { continue }
      lastOpened = place
      return try publish(entry, certificate, of: chains[place], via: &host)
    }
  }

  /// Files first, then the journal, then those who keep it: a crash in between finds the files when it comes to them again.
  private mutating func publish(
    _ entry: BookEntry, _ certificate: Certificate, of chain: BookChain, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let header = certificate.header
    // q members signed what it follows on, so this is never so; and nothing is published that does not follow.
    if let digest = chain.digest, header.previous != digest {
      chain.forgetNext()
      return link.sealer.count(.malformedBody)
    }
    if try isPublished(header, via: &host) {
      try keepCertificate(.certificate, entry, header, via: &host)
      return try conclude(entry, header, of: chain, unreadableSum: nil, via: &host)
    }
    decryptionCount += 1
    var sum = ByteBuffer(capacity: key.publicKey.modulusBytes)
    var root = ByteBuffer(capacity: key.publicKey.modulusBytes)
    var proven = false
    let product = entry.product
    sum.replace { sum in
      root.replace { root in proven = (try? key.prove(product.span, sum: &sum, root: &root)) != nil }
    }
    // What is beyond its contributors' bound would be nonsense in public.
    guard proven, isPlausible(sum.span, header, at: certificate.position) else {
      try keepCertificate(.unreadable, entry, header, via: &host)
      return try conclude(
        entry, header, of: chain, unreadableSum: proven ? Array(copying: sum.span) : [], via: &host)
    }
    let published = PublishedSum(
      header: header, sum: Array(copying: sum.span), root: Array(copying: root.span), signer: signer)
    let file = [UInt8](capacity: PublishedSum.encodedBytes(modulusBytes: key.publicKey.modulusBytes)) { out in
      published.encode(into: &out)
    }
    try keepCertificate(.certificate, entry, header, via: &host)
    try host.publish(.sum, period: header.period, owner: header.owner, file.span)
    try conclude(entry, header, of: chain, unreadableSum: nil, via: &host)
  }

  /// Whether the sum of this very header was handed out before a crash, or before a disk was lost.
  private func isPublished(
    _ header: Header, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) -> Bool {
    guard !mutated(.publishedTwiceAfterRestart),
      let file = try host.published(.sum, period: header.period, owner: header.owner)
    else { return false }
    return (try? PublishedSum(checking: file.span, of: header, against: genesis)) != nil
  }

  /// Writes a certificate unless one of the same header is there; another would say the same with other signatures.
  private func keepCertificate(
    _ kind: Publication, _ entry: BookEntry, _ header: Header, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    if let file = try host.published(kind, period: header.period, owner: header.owner),
      let known = try? Certificate(checking: file.span, against: genesis), known.header.digest == header.digest
    {
      return
    }
    try host.publish(kind, period: header.period, owner: header.owner, entry.certificateBytes.span)
  }

  /// Makes durable that a position is published, or kept as unreadable with all that a later total needs.
  private mutating func conclude(
    _ entry: BookEntry, _ header: Header, of chain: BookChain, unreadableSum: [UInt8]?,
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let isReadable = unreadableSum == nil
    let told = chain.acknowledgement(after: header, isReadable: isReadable)
    let bytes = Self.entry(
      told, header.period, header.contributors, unreadable: unreadableSum.map { (entry: entry, sum: $0) })
    try host.append(bytes.span)
    try host.sync()
    note(told, header.period, header.contributors, isReadable: isReadable)
    chain.isUntold = true
  }

  /// What the journal says of a position: that it is published; or that it is not, with all that a later total needs.
  private static func entry(
    _ told: AcknowledgedPosition, _ period: Period, _ contributors: MeterBitmap,
    unreadable: (entry: BookEntry, sum: [UInt8])? = nil
  ) -> [UInt8] {
    let certificate = unreadable?.entry.certificateBytes ?? []
    let product = unreadable?.entry.product ?? []
    let sum = unreadable?.sum ?? []
    let capacity = 77 + AcknowledgedPosition.encodedBytes + certificate.count + product.count + sum.count
    return [UInt8](capacity: capacity) { out in
      guard unreadable != nil else {
        return JournalEntry.published(period: period, position: told, contributors: contributors).encode(into: &out)
      }
      JournalEntry.unreadable(
        period: period, position: told, contributors: contributors, certificate: certificate.span,
        product: product.span, sum: sum.span
      ).encode(into: &out)
    }
  }

  // MARK: Telling

  /// Tells aggregators what they need not keep any more: after publications, some of them together; all of it once a period, and to
  /// whoever began a new run.
  private mutating func tellPublished(via host: inout some NodeHost & ~Copyable) {
    let untold = chains.contains { $0.isUntold }
    if untold, !isSumWaiting || ticks >= toldAt + UInt64(AggregatorNode.ticksPerSecond) {
      tell(chains.compactMap { $0.isUntold ? $0.acknowledgement : nil }, via: &host)
      for chain in chains { chain.isUntold = false }
      toldAt = ticks
    }
    let isDue = ticks >= toldAllAt + periodTicks
    if isDue { toldAllAt = ticks }
    for member in 0..<genesis.members {
      guard let peer = link.peer(.aggregator(ReplicaIndex(member))) else { continue }
      let boot = link.sealer.peers[peer].bootCounter
      guard boot > 0, isDue || boot != toldBoots[Int(member)] else { continue }
      toldBoots[Int(member)] = boot
      tell(chains.compactMap { $0.acknowledgement }, to: peer, via: &host)
    }
  }

  private mutating func tell(_ positions: [AcknowledgedPosition], via host: inout some NodeHost & ~Copyable) {
    for member in 0..<genesis.members {
      guard let peer = link.peer(.aggregator(ReplicaIndex(member))) else { continue }
      tell(positions, to: peer, via: &host)
    }
  }

  private mutating func tell(
    _ positions: [AcknowledgedPosition], to peer: Int, via host: inout some NodeHost & ~Copyable
  ) {
    link.sendAcknowledgements(positions, epoch: genesis.epoch, to: peer, via: &host)
  }

  /// Whether each slot holds what its contributors can have used, and no less than nothing.
  private func isPlausible(_ sum: Span<UInt8>, _ header: Header, at position: Position) -> Bool {
    if mutated(.boundUnchecked) { return true }
    guard let values = try? key.publicKey.unpack(sum: sum, contributors: Int(header.count)) else { return false }
    if mutated(.maximumUnchecked) { return true }
    for slot in values.indices
    where values[slot] < 0 || values[slot] > coverage.bound(slot, of: header, at: position).value { return false }
    return true
  }

  /// How many packets were dropped for this reason since the start.
  public func drops(_ reason: DropReason) -> UInt64 { link.sealer.drops[Int(reason.rawValue)] }
  /// Up to where a set's chain is published.
  public func publishedPosition(of owner: ReplicaIndex) -> Position { chain(owner).published }
  /// Of a set: bit i, the position i before the published one cannot be read.
  public func openPositions(of owner: ReplicaIndex) -> UInt64 { chain(owner).open }
}
