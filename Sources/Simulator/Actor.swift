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
  let party: Party
  var sealer: Sealer
  let signer: SigningKey
  private(set) var heard: [Heard] = []
  /// Record bodies by (owner, period, meter).
  private(set) var records: [InstanceName: [Int: [UInt8]]] = [:]
  /// The last decided header digest it knows of each set.
  private var heads: [Int: Digest] = [:]
  private var ticks = 0
  /// Signs whatever anybody signs, at once and for all, and does nothing else.
  var isEcho = false
  /// In a siege: the instances it proposed in.
  var proposed: Set<InstanceName> = []
  /// Of the period that ended last, for an attack that says some of them over and over.
  var uselessVotes: (period: Period, bodies: [(type: PacketType, body: [UInt8])]) = (Period(0), [])

  init(_ world: GroupWorld, _ party: Party) {
    self.world = world
    self.party = party
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
  private func spread(_ type: PacketType, _ body: [UInt8], everybody: Bool = false) {
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
        let status = Array(copying: sealer.statusBody(to: peer).span)
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
        send(.status, Array(copying: sealer.statusBody(to: opened.peer).span), to: opened.peer)
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

  private func note(_ type: PacketType, _ bytes: [UInt8], _ peer: Int) {
    var reader = WireReader(bytes.span)
    switch type {
    case .record:
      guard let record = try? Record(decoding: &reader) else { return }
      let name = InstanceName(owner: Int(record.owner.rawValue), period: record.through.rawValue)
      records[name, default: [:]][Int(record.meter.rawValue)] = bytes
    case .vote, .proposal:
      // Whatever an honest member sends must be on its disk.
      let sender = Int(sealer.peers[peer].identifier)
      guard isAggregator(peer), world.parties[world.places[UInt32(sender)]![0]].isHonest,
        let vote = vote(bytes, signer: ReplicaIndex(UInt16(sender)))
      else { return }
      let statement = vote.statement
      let name = VoteName(
        member: sender, kind: statement.kind.rawValue,
        instance: InstanceName(owner: Int(statement.owner.rawValue), period: statement.period.rawValue),
        view: statement.view.rawValue)
      if world.books.votes[name]?.digest != Array(copying: statement.digest.span) {
        world.fail(.sentBeforeDurable, "\(statement.kind) of \(sender), period \(statement.period)")
      }
    default: return
    }
  }

  // MARK: Lies

  private func echo(_ type: PacketType, _ bytes: [UInt8]) {
    guard type == .vote || type == .proposal, let statement = vote(bytes, signer: me)?.statement else { return }
    for kind in [StatementKind.prepare, .commit] {
      spread(
        .vote,
        body(kind, owner: statement.owner, period: statement.period, view: statement.view, digest: statement.digest),
        everybody: true)
    }
  }

  /// docs/PROTOCOL.md, Vote: kind 1 | 0 | owner 2 | view 4 | period 8 | digest 32 | signature 64.
  private func vote(_ body: [UInt8], signer: ReplicaIndex) -> Vote? {
    var reader = WireReader(body.span)
    guard let code = try? reader.read(UInt8.self), let kind = StatementKind(rawValue: code),
      (try? reader.readZeros(1)) != nil, let owner = try? reader.read(UInt16.self),
      let view = try? reader.read(UInt32.self), let period = try? reader.read(UInt64.self),
      let digest = try? reader.read(Digest.self), let signature = try? reader.read(Signature.self)
    else { return nil }
    return Vote(
      statement: Statement(
        kind: kind, in: world.genesis.context, owner: ReplicaIndex(owner), period: Period(period), view: View(view),
        digest: digest, signer: signer), signature: signature)
  }

  func body(
    _ kind: StatementKind, owner: ReplicaIndex, period: Period, view: View, digest: Digest, header: Header? = nil,
    isSigned: Bool = true
  ) -> [UInt8] {
    let statement = Statement(
      kind: kind, in: world.genesis.context, owner: owner, period: period, view: view, digest: digest, signer: me)
    let signature = isSigned ? signer.sign(statement) : Signature()
    return [UInt8](capacity: 112 + Header.encodedBytes) { out in
      out.write(kind.rawValue)
      out.writeZeros(1)
      out.write(owner.rawValue)
      out.write(view.rawValue)
      out.write(period.rawValue)
      out.write(digest)
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
    guard world.siege == nil else { return }
    guard world.liarDice.hits(world.isHealed ? world.swarm.action / 4 : world.swarm.action) else { return }
    switch world.liarDice.below(5) {
    case 0: lead()
    case 1: replay()
    default: support()
    }
  }

  /// Votes about what others voted on: the same, something near it, or the opposite at once.
  private func support() {
    guard !heard.isEmpty else { return }
    let item = heard[world.liarDice.below(heard.count)]
    guard item.type == .vote || item.type == .proposal, let vote = vote(item.body, signer: me) else { return }
    var statement = vote.statement
    let lie = world.liarDice.below(8)
    switch lie {
    case 0: statement.view = View(statement.view.rawValue &+ 1)
    case 1: statement.period = Period(statement.period.rawValue &+ 1)
    case 2: statement.digest = Instance.nullDigest
    case 3: statement.digest.storage[5] ^= 1
    case 4: statement.owner = ReplicaIndex(UInt16(world.liarDice.below(world.members)))
    default: break
    }
    for kind in [StatementKind.prepare, .commit] where lie > 5 || world.liarDice.below(2) == 0 {
      spread(
        .vote,
        body(
          kind, owner: statement.owner, period: statement.period, view: statement.view, digest: statement.digest),
        everybody: lie > 4)
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

  /// Proposes for a set it leads in view 0: sometimes by the rules, sometimes two values, sometimes against a rule.
  private func lead() {
    let context = world.genesis.context
    let current = world.period
    for back in UInt64(1)...2 {
      for owner in 0..<world.members {
        let set = ReplicaIndex(UInt16(owner))
        let period = Period(current - back)
        guard context.primary(owner: set, period: period, view: View(0)) == me,
          let held = records[InstanceName(owner: owner, period: period.rawValue)]
        else { continue }
        guard var header = header(set, period, held, most: .max) else { continue }
        let honest = body(
          .prepare, owner: set, period: period, view: View(0), digest: header.digest, header: header)
        let lie = world.liarDice.below(10)
        var isInvalid = true
        switch lie {
        case 0: header.productHash.storage[3] ^= 1
        case 1: header.coverageRoot.storage[3] ^= 1
        case 2: header.manifestRoot.storage[3] ^= 1
        case 3: header.previous.storage[3] ^= 1
        case 4: header.author = ReplicaIndex((me.rawValue + 1) % UInt16(world.members))
        case 5:
          guard let lonely = self.header(set, period, held, most: 1) else { return }
          header = lonely
        case 6:
          guard let honest = (0..<world.members).first(where: { world.parties[$0].isHonest }) else { return }
          header.accusedMembers |= 1 << UInt64(honest)
        case 7:
          isInvalid = header.accused.count > 0
          header.accusedMembers = 0
          header.accusedMeters = MeterBitmap()
        default: isInvalid = false
        }
        if isInvalid { world.books.invalidHeaders[Array(copying: header.digest.span)] = lie != 4 }
        if lie == 9 { spread(.proposal, honest, everybody: true) }
        spread(
          .proposal,
          body(.prepare, owner: set, period: period, view: View(0), digest: header.digest, header: header),
          everybody: lie < 8)
        return
      }
    }
  }

  /// A header by the rules over some of the records it holds, if it knows the chain: it takes that from the books.
  func header(
    _ set: ReplicaIndex, _ period: Period, _ held: [Int: [UInt8]], most: Int, isComplete: Bool = false
  ) -> Header? {
    var coverage = world.genesis.coverage(of: set)
    var previous = world.genesis.networkIdentifier
    var accused = Accused()
    for name in world.books.certificates.keys.sorted() where name.owner == Int(set.rawValue) {
      guard name.period < period.rawValue, let header = GroupBooks.header(world.books.certificates[name]!) else {
        continue
      }
      coverage.advance(header.contributors, to: header.period)
      previous = header.digest
      accused = header.accused
    }
    var contributors = MeterBitmap()
    var manifest = Manifest()
    var product = CiphertextProduct(world.key)
    for meter in 0..<world.metersPerSet {
      guard let bytes = held[meter], manifest.count < most, most == 1 || isComplete || world.liarDice.below(4) > 0
      else { continue }
      var reader = WireReader(bytes.span)
      guard let record = try? Record(decoding: &reader), let ciphertext = try? reader.readBytes(reader.remaining),
        let statement = try? world.genesis.check(
          record, ciphertext: ciphertext, owner: set, period: period, coverage: coverage)
      else { continue }
      contributors.insert(record.meter)
      manifest.append(record.meter, statement.recordHash)
      product.multiply(by: ciphertext)
    }
    guard manifest.count >= min(most, Int(GroupWorld.minimumContributors)) else { return nil }
    let productBytes = [UInt8](capacity: world.key.ciphertextBytes) { out in product.write(into: &out) }
    return Header(
      networkIdentifier: world.genesis.networkIdentifier, epoch: world.genesis.epoch, group: world.genesis.group,
      owner: set, author: me, period: period, keyIdentifier: world.genesis.keyIdentifier, previous: previous,
      coverageRoot: coverage.root(advancing: contributors, to: period), manifestRoot: manifest.root(),
      productHash: RecordStatement.ciphertextHash(productBytes.span), contributors: contributors, accused: accused)
  }
}
