import Aggregation
import Consensus
import Cryptography
import HAL
import Node
import Packets
import Paillier
import Units
import Wire

/// A liar with an aggregator's keys: it says whatever they allow. It hears what is sent to it and mixes it anew.
final class Actor {
  struct Heard {
    let type: PacketType
    let body: [UInt8]
    let peer: Int
  }
  static let memory = 48

  let world: GroupWorld
  let party: GroupParty
  var sealer: Sealer
  let signer: SigningKey
  private(set) var heard: [Heard] = []
  /// Record bodies by (owner, period, meter).
  private(set) var records: [SetPeriod: [Int: [UInt8]]] = [:]
  private var ticks = 0
  /// Signs whatever anybody signs, at once and for all, and does nothing else.
  var isEcho = false
  /// Says nothing of what it saw prepared before others are in a later round.
  var isHider = false
  /// What it knows of the positions that are open.
  var open: [OpenPosition]
  /// In a siege: the positions it proposed in.
  var proposed: Set<SetPeriod> = []
  /// Of the period that ended last, for an attack that says some of them over and over.
  var uselessVotes: (period: Period, bodies: [(type: PacketType, body: [UInt8])]) = (Period(0), [])
  /// Pieces of objects that did not fit into one.
  var pieces: [PieceKey: [Int: [UInt8]]] = [:]

  init(_ world: GroupWorld, _ party: GroupParty) {
    self.world = world
    self.party = party
    open = Array(repeating: OpenPosition(), count: world.members)
    sealer = world.sealer(party, boot: world.startMilliseconds / 1000, previousBoot: world.startMilliseconds / 1000 - 1)
    signer = party.secrets.signer()
  }

  var me: ReplicaIndex { party.name.aggregatorIndex! }

  func send(_ type: PacketType, _ body: [UInt8], to peer: Int) {
    guard let endpoint = sealer.peers[peer].endpoint, body.count <= Sealer.maximumBodyBytes else { return }
    let datagram = [UInt8](capacity: Sealer.maximumDatagramBytes) { out in
      _ = sealer.seal(type, body.span, to: peer, into: &out)
    }
    guard !datagram.isEmpty else { return }
    if world.siege != nil, let place = world.places[sealer.peers[peer].identifier]?.first {
      // Nothing that attackers send is lost, and it draws no dice of the network's.
      return world.inject(datagram, from: party.endpoint, to: place)
    }
    world.transmit(datagram.span, from: party, to: endpoint)
  }

  func isAggregator(_ peer: Int) -> Bool { sealer.peers[peer].identifier < 64 }

  /// To some of the aggregators.
  func spread(_ type: PacketType, _ body: [UInt8], everybody: Bool = false) {
    let choice = world.liarDice.bits()
    for peer in sealer.peers.indices where isAggregator(peer) && (everybody || choice >> UInt64(peer) & 1 == 1) {
      send(type, body, to: peer)
    }
  }

  func receive(_ datagram: Span<UInt8>, from endpoint: Endpoint) {
    var body = ByteBuffer(capacity: Sealer.maximumBodyBytes)
    var opened: (type: PacketType, peer: Int)?
    body.replace { out in opened = sealer.open(datagram, from: endpoint, into: &out) }
    guard let opened else {
      if let (peer, endpoint) = sealer.takeStranger() {
        let status = status(to: peer)
        let reply = [UInt8](capacity: Sealer.maximumDatagramBytes) { out in
          _ = sealer.seal(.status, status.span, to: peer, into: &out)
        }
        world.transmit(reply.span, from: party, to: endpoint)
      }
      return
    }
    let bytes = Array(copying: body.span)
    if opened.type == .status {
      if sealer.readStatus(bytes.span, from: opened.peer, knowing: world.genesis) {
        send(.status, status(to: opened.peer), to: opened.peer)
      }
      return
    }
    world.siege?.noteServed(
      opened.type, bytes, from: sealer.peers[opened.peer].identifier, to: party.name.rawValue,
      datagramBytes: datagram.count)
    note(opened.type, bytes, opened.peer)
    if world.siege != nil, opened.type == .want { serve(bytes, to: opened.peer) }
    if isEcho { return echo(opened.type, bytes) }
    if heard.count >= Self.memory { heard.remove(at: world.liarDice.below(heard.count)) }
    heard.append(Heard(type: opened.type, body: bytes, peer: opened.peer))
  }

  /// What it says of its own run and of the receiver's, and of its clock where STATUS tells one; with lies, if it is one who lies there.
  func status(to peer: Int) -> [UInt8] {
    var body = Array(copying: sealer.statusBody(to: peer).span)
    func write(_ value: UInt64, at offset: Int) {
      for index in 0..<8 { body[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
    func number(at offset: Int) -> UInt64 {
      (0..<8).reduce(0) { $0 | UInt64(body[offset + $1]) << UInt64(8 * $1) }
    }
    // docs/PROTOCOL.md, StatusBody: previous boot counter | known boot counter | … | known run at 136 | wall clock at 152.
    if world.liesAboutRuns {
      let known = number(at: 8) + UInt64(1 + world.liarDice.below(100))
      write(world.liarDice.below(8) == 0 ? .max : known, at: 8)
      if world.liarDice.below(2) == 0 { write(known - 1, at: 0) }
      if body.count > Self.wallOffset {
        for place in 136..<152 { body[place] = UInt8(truncatingIfNeeded: world.liarDice.bits() | 1) }
      }
    }
    if world.liesAboutTime, body.count > Self.wallOffset {
      let period = Int64(world.periodSeconds) * 1_000_000_000
      switch world.liarDice.below(8) {
      case 0: write(0, at: Self.wallOffset)
      case 1: write(1 << 63, at: Self.wallOffset)
      case 2: write(4_294_967_296 * 1_000_000_000, at: Self.wallOffset)
      default:
        let error = period / 16 * Int64(world.liarDice.below(64) - 32)
        write(UInt64(bitPattern: Int64(bitPattern: number(at: Self.wallOffset)) &+ error), at: Self.wallOffset)
      }
    }
    return body
  }
  private static let wallOffset = 152

  private func note(_ type: PacketType, _ bytes: [UInt8], _ peer: Int) {
    var reader = WireReader(bytes.span)
    let sender = Int(sealer.peers[peer].identifier)
    switch type {
    case .record:
      guard let record = try? Record(decoding: &reader) else { return }
      let name = SetPeriod(owner: Int(record.owner.rawValue), period: record.through.rawValue)
      records[name, default: [:]][Int(record.meter.rawValue)] = bytes
    case .vote, .proposal:
      guard isAggregator(peer), let vote = vote(bytes, signer: ReplicaIndex(UInt16(sender))) else { return }
      checkDurable(vote)
      note(vote)
      if type == .proposal, bytes.count == Self.voteBytes + Header.encodedBytes {
        var reader = WireReader(bytes.span.extracting(Self.voteBytes..<bytes.count))
        if let header = try? Header(decoding: &reader) { note(header) }
      }
    case .chunk: if isAggregator(peer) { notePiece(bytes, ReplicaIndex(UInt16(sender))) }
    default: return
    }
  }

  /// Whatever an honest member sends must be on its disk.
  func checkDurable(_ vote: Vote) {
    let statement = vote.statement
    let sender = Int(statement.signer.rawValue)
    guard world.parties[world.places[UInt32(sender)]![0]].isHonest else { return }
    let name = VoteName(
      member: sender, kind: statement.kind.rawValue,
      place: ChainPlace(owner: Int(statement.owner.rawValue), position: statement.position.rawValue),
      round: statement.round)
    let value = VoteValue(digest: Array(copying: statement.digest.span), claim: statement.claim)
    if world.books.votes[name] != value { world.fail(.sentBeforeDurable, "\(world.text(vote)) of \(sender)") }
  }

  // MARK: Lies

  private func echo(_ type: PacketType, _ bytes: [UInt8]) {
    guard type == .vote || type == .proposal, let statement = vote(bytes, signer: me)?.statement else { return }
    for kind in [StatementKind.prepare, .commit] {
      var own = statement
      own.kind = kind
      spread(.vote, body(own), everybody: true)
    }
  }

  static let voteBytes = 120

  /// docs/PROTOCOL.md, Vote: kind 1 | 0 | owner 2 | view 4 | period 8 | position 8 | digest 32 | signature 64.
  private func vote(_ body: [UInt8], signer: ReplicaIndex) -> Vote? {
    var reader = WireReader(body.span)
    guard let code = try? reader.read(UInt8.self), let kind = StatementKind(rawValue: code),
      (try? reader.readZeros(1)) != nil, let owner = try? reader.read(UInt16.self),
      let view = try? reader.read(UInt32.self), let period = try? reader.read(UInt64.self),
      let position = try? reader.read(UInt64.self), let digest = try? reader.read(Digest.self),
      let signature = try? reader.read(Signature.self)
    else { return nil }
    return Vote(
      statement: Statement(
        kind: kind, in: world.genesis.context, owner: ReplicaIndex(owner), position: Position(position),
        round: Round(Period(period), View(view)), digest: digest, signer: signer), signature: signature)
  }

  func statement(
    _ kind: StatementKind, _ owner: ReplicaIndex, _ position: Position, _ round: Round, _ digest: Digest
  ) -> Statement {
    Statement(
      kind: kind, in: world.genesis.context, owner: owner, position: position, round: round, digest: digest, signer: me)
  }

  /// A vote about a statement of its own, as it travels.
  func body(_ statement: Statement, header: Header? = nil, isSigned: Bool = true) -> [UInt8] {
    let signature = isSigned ? signer.sign(statement) : Signature()
    return [UInt8](capacity: Self.voteBytes + Header.encodedBytes) { out in
      out.write(statement.kind.rawValue)
      out.writeZeros(1)
      out.write(statement.owner.rawValue)
      out.write(statement.round.view.rawValue)
      out.write(statement.round.period.rawValue)
      out.write(statement.position.rawValue)
      out.write(statement.digest)
      out.write(signature)
      header?.encode(into: &out)
    }
  }

  func act() {
    ticks += 1
    if ticks % 5 == 1 {
      for peer in sealer.peers.indices where sealer.peers[peer].endpoint != nil && sealer.mustGreet(peer) {
        send(.status, Array(copying: sealer.greetingBody().span), to: peer)
      }
    }
    guard world.siege == nil, !isEcho else { return }
    if isHider { hide() }
    if world.schedule.scenario != nil { return }
    guard world.liarDice.hits(world.isHealed ? world.swarm.action / 4 : world.swarm.action) else { return }
    switch world.liarDice.below(7) {
    case 0: lead()
    case 1: replay()
    case 2: askForRound()
    case 3: leadLater()
    default: support()
    }
  }

  /// Votes about what others voted on: the same, something near it, or the opposite at once.
  private func support() {
    guard !heard.isEmpty else { return }
    let item = heard[world.liarDice.below(heard.count)]
    guard item.type == .vote || item.type == .proposal, let vote = vote(item.body, signer: me) else { return }
    var statement = vote.statement
    let lie = world.liarDice.below(9)
    switch lie {
    case 0: statement.round.view = View(statement.round.view.rawValue &+ 1)
    case 1: statement.round.period = Period(statement.round.period.rawValue &+ 1)
    case 2: statement.position = Position(statement.position.rawValue &+ 1)
    case 3: statement.digest.storage[5] ^= 1
    case 4: statement.owner = ReplicaIndex(UInt16(world.liarDice.below(world.members)))
    default: break
    }
    // What it hides it does not help along.
    if isHider, lie > 4, world.liarDice.below(3) > 0 { return }
    for kind in [StatementKind.prepare, .commit] where lie > 5 || world.liarDice.below(2) == 0 {
      statement.kind = kind
      spread(.vote, body(statement), everybody: lie > 4)
    }
  }

  /// The bytes of somebody else, or an own earlier message, once more.
  private func replay() {
    guard !heard.isEmpty else { return }
    let item = heard[world.liarDice.below(heard.count)]
    var body = item.body
    if world.liarDice.below(2) == 0, !body.isEmpty {
      body[world.liarDice.below(body.count)] ^= UInt8(1 << world.liarDice.below(8))
    }
    spread(item.type, body)
  }

  /// Proposes for a set that it leads in the first round: sometimes by the rules, sometimes two values, sometimes against a rule.
  private func lead() {
    for owner in 0..<world.members {
      let set = ReplicaIndex(UInt16(owner))
      let (position, first) = world.openPosition(of: owner)
      guard world.genesis.context.primary(owner: set, first) == me,
        let held = records[SetPeriod(owner: owner, period: first.period.rawValue)],
        let honest = header(set, first.period, held, most: .max)
      else { continue }
      let proposal = statement(.prepare, set, position, first, honest.digest)
      guard let (header, lie) = spoil(honest, in: first, held) else { return }
      if lie == 9 { spread(.proposal, body(proposal, header: honest), everybody: true) }
      var other = proposal
      other.digest = header.digest
      spread(.proposal, body(other, header: header), everybody: lie < 9)
      return
    }
  }

  /// A header of its own, against a rule most often, and which.
  func spoil(_ honest: Header, in round: Round, _ held: [Int: [UInt8]]) -> (header: Header, lie: Int)? {
    var header = honest
    let lie = world.liarDice.below(11)
    // Nil: in every round.
    var forbidden: Round??
    switch lie {
    case 0: header.productHash.storage[3] ^= 1
    case 1: header.coverageRoot.storage[3] ^= 1
    case 2: header.manifestRoot.storage[3] ^= 1
    case 3: header.previous.storage[3] ^= 1
    case 4: header.author = ReplicaIndex((me.rawValue + 1) % UInt16(world.members))
    case 5:
      guard let lonely = self.header(header.owner, header.period, held, most: 1) else { return nil }
      header = lonely
    case 6:
      guard let honest = (0..<world.members).first(where: { world.parties[$0].isHonest }) else { return nil }
      header.accusedMembers |= 1 << UInt64(honest)
    case 7:
      guard header.accused.count > 0 else { return (header, lie) }
      header.accusedMembers = 0
      header.accusedMeters = MeterBitmap()
    case 8:
      let other = world.liarDice.below(2) == 0 ? 1 : -Int64(1 + world.liarDice.below(3))
      header.period = Period(header.period.rawValue &+ UInt64(bitPattern: other))
      let standing = standing(of: Int(header.owner.rawValue))
      header.coverageRoot = world.genesis.coverageRoot(standing.table, after: header)
    default: return (header, lie)
    }
    // By whom and in which period it is led differs from round to round.
    forbidden = lie == 4 || lie == 8 ? .some(round) : .some(nil)
    world.books.invalidHeaders[Array(copying: header.digest.span)] = forbidden
    return (header, lie)
  }

  private struct Standing: ~Copyable {
    var table: CoverageTable
    var previous: Digest
    var accusedMembers: UInt64 = 0
  }

  /// Where a set stands, which it takes from the books.
  private func standing(of owner: Int) -> Standing {
    let set = ReplicaIndex(UInt16(owner))
    var standing = Standing(table: world.genesis.coverage(of: set), previous: world.genesis.networkIdentifier)
    for (_, decided) in world.books.chain(owner) {
      world.genesis.advance(&standing.table, by: decided.header)
      standing.previous = decided.header.digest
      standing.accusedMembers = decided.header.accusedMembers
    }
    return standing
  }

  /// A header by the rules over some of the records it holds.
  func header(
    _ set: ReplicaIndex, _ period: Period, _ held: [Int: [UInt8]], most: Int, isComplete: Bool = false
  ) -> Header? {
    let standing = standing(of: Int(set.rawValue))
    let excluded = standing.table.excluded(in: period)
    var contributors = MeterBitmap()
    var manifest = Manifest()
    var product = CiphertextProduct(world.key)
    for meter in 0..<world.metersPerSet where !excluded.contains(MeterIndex(UInt16(meter))) {
      guard let bytes = held[meter], manifest.count < most, most == 1 || isComplete || world.liarDice.below(4) > 0
      else { continue }
      var reader = WireReader(bytes.span)
      guard let record = try? Record(decoding: &reader), let ciphertext = try? reader.readBytes(reader.remaining),
        let statement = try? world.genesis.check(
          record, ciphertext: ciphertext, owner: set, period: period, coverage: standing.table)
      else { continue }
      contributors.insert(record.meter)
      manifest.append(record.meter, statement.recordHash)
      product.multiply(by: ciphertext)
    }
    guard manifest.count >= min(most, Int(GroupWorld.minimumContributors)) else { return nil }
    let productBytes = [UInt8](capacity: world.key.ciphertextBytes) { out in product.write(into: &out) }
    var header = Header(
      networkIdentifier: world.genesis.networkIdentifier, epoch: world.genesis.epoch, group: world.genesis.group,
      owner: set, author: me, period: period, keyIdentifier: world.genesis.keyIdentifier, previous: standing.previous,
      coverageRoot: Digest(), manifestRoot: manifest.root(),
      productHash: RecordStatement.ciphertextHash(productBytes.span), contributors: contributors,
      accused: Accused(members: standing.accusedMembers, meters: excluded))
    header.coverageRoot = world.genesis.coverageRoot(standing.table, after: header)
    return header
  }
}
