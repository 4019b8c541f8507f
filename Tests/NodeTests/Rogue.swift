import Aggregation
import Consensus
import Cryptography
import HAL
import Node
import Packets
import Paillier
import SimulatedPlatform
import Units
import Wire

/// A party with valid keys that sends whatever a test wants; it takes the place of the party it has the keys of.
final class Rogue {
  let group: Group
  let name: Party
  let seeds: PartySeeds
  private var sealer: Sealer
  private var socket: SimulatedSocket
  /// What it says it knows of its peers' boot counters; nil for the truth.
  var claimedBoot: UInt64?
  /// Of whole datagrams.
  private(set) var sentBytes = 0
  /// What it says its clock is; nil: it owns to having none.
  var claimedWall: UInt64?
  /// Bodies it was sent, by type.
  var heard: [(type: PacketType, body: [UInt8])] = []

  init(_ group: Group, _ name: Party, _ seeds: PartySeeds, boot: UInt64 = 1_000_000) {
    self.group = group
    self.name = name
    self.seeds = seeds
    sealer = group.sealer(name, seeds, boot: boot, previousBoot: boot - 1)
    socket = group.network.attach(Group.endpoint(name))
  }

  /// A meter whose process is stopped.
  static func meter(_ owner: Int, _ index: Int, of group: Group) -> Rogue {
    group.killMeter(owner, index)
    return Rogue(group, Group.meterName(owner, index), group.meterSeeds[owner][index])
  }
  static func aggregator(_ index: Int, of group: Group) -> Rogue {
    group.killAggregator(index)
    return Rogue(group, Group.aggregatorName(index), group.aggregatorSeeds[index])
  }
  static func bookkeeper(of group: Group) -> Rogue {
    group.killBookkeeper()
    return Rogue(group, .bookkeeper, group.bookkeeperSeeds)
  }

  private func status(_ peer: Int) -> [UInt8] {
    var body = Array(copying: sealer.statusBody(to: peer).span)
    func write(_ number: UInt64, at offset: Int) {
      for place in 0..<8 { body[offset + place] = UInt8(truncatingIfNeeded: number >> (8 * place)) }
    }
    if let claimedBoot { write(claimedBoot, at: 8) }
    if let claimedWall {
      write(claimedWall, at: 152)
      body[160] = 1
    }
    return body
  }

  /// Announces itself to every peer until all have answered.
  func greet() {
    for _ in 0..<10 {
      for peer in sealer.peers.indices where sealer.peers[peer].endpoint != nil && sealer.peers[peer].bootCounter == 0 {
        post(seal(.status, status(peer), to: peer), to: sealer.peers[peer].endpoint!)
      }
      group.step()
      listen()
    }
  }

  /// Announces itself to one party, wherever that is.
  func greet(_ name: Party) {
    post(greeting(to: name), to: Group.endpoint(name))
    group.step()
    listen()
  }

  /// A STATUS for one party, as a datagram that was not sent.
  func greeting(to name: Party) -> [UInt8] {
    let peer = sealer.index(of: name.rawValue)!
    return seal(.status, status(peer), to: peer)
  }

  func listen() {
    var datagram = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
    while true {
      var sender: Endpoint?
      datagram.replace { out in sender = try? socket.receive(into: &out) }
      guard let sender else { return }
      var body = ByteBuffer(capacity: Sealer.maximumBodyBytes)
      var opened: (type: PacketType, peer: Int)?
      body.replace { out in opened = sealer.open(datagram.span, from: sender, into: &out) }
      guard let opened else {
        if let (peer, endpoint) = sealer.takeStranger() {
          post(seal(.status, status(peer), to: peer), to: endpoint)
        }
        continue
      }
      let bytes = Array(copying: body.span)
      if opened.type == .status {
        if sealer.readStatus(bytes.span, from: opened.peer, knowing: group.genesis) {
          post(seal(.status, status(opened.peer), to: opened.peer), to: sender)
        }
      } else {
        heard.append((opened.type, bytes))
      }
    }
  }

  func seal(_ type: PacketType, _ body: [UInt8], to peer: Int) -> [UInt8] {
    [UInt8](capacity: Sealer.maximumDatagramBytes) { out in _ = sealer.seal(type, body.span, to: peer, into: &out) }
  }

  func post(_ datagram: [UInt8], to endpoint: Endpoint) {
    sentBytes += datagram.count
    try? socket.send(datagram.span, to: endpoint)
  }

  /// Seals a body for an aggregator and sends it.
  func send(_ type: PacketType, _ body: [UInt8], toAggregator index: Int) {
    let peer = sealer.index(of: Group.aggregatorName(index).rawValue)!
    post(seal(type, body, to: peer), to: Group.endpoint(Group.aggregatorName(index)))
  }

  /// Seals a body for any party and sends it.
  func send(_ type: PacketType, _ body: [UInt8], to name: Party) {
    let peer = sealer.index(of: name.rawValue)!
    post(seal(type, body, to: peer), to: Group.endpoint(name))
  }
}

// MARK: Bodies, written from docs/PROTOCOL.md

extension Group {
  /// A record as an honest meter would make it, with what a test wants changed.
  func record(
    _ owner: Int, _ index: Int, from: UInt64, through: UInt64, values: [Int64] = [1, 2], seed: UInt64 = 5,
    network: Digest? = nil, ciphertext: [UInt8]? = nil, change: (inout Record) -> Void = { _ in }
  ) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    let encryptor = Encryptor(key, using: &generator)
    let fresh = [UInt8](capacity: key.ciphertextBytes) { out in
      try? encryptor.encrypt(values.span, using: &generator, into: &out)
    }
    let bytes = ciphertext ?? fresh
    var record = Record(
      owner: ReplicaIndex(UInt16(owner)), meter: MeterIndex(UInt16(index)), epoch: genesis.epoch, from: Period(from),
      through: Period(through), keyIdentifier: genesis.keyIdentifier, closing: FixedBytes(), signature: Signature())
    change(&record)
    let statement = RecordStatement(
      networkIdentifier: network ?? genesis.networkIdentifier, group: genesis.group, record: record,
      ciphertextHash: RecordStatement.ciphertextHash(bytes.span))
    record.signature = meterSeeds[owner][index].signer().sign { out in statement.encodeSigned(into: &out) }
    return [UInt8](capacity: Record.fixedBytes + bytes.count) { out in
      record.encode(into: &out)
      out.write(bytes.span)
    }
  }

  /// A vote body, and a proposal's when a header follows. The signature covers the Statement.
  /// - Parameter position: as in a group that decided each period since the first, if nothing else is said.
  func vote(
    _ kind: StatementKind, signer: Int, owner: Int, position: UInt64? = nil, period: UInt64, digest: Digest,
    view: UInt32 = 0, network: Digest? = nil, epoch: UInt64 = 1, header: Header? = nil
  ) -> [UInt8] {
    let position = position ?? period - 1000
    let context = GroupContext(
      networkIdentifier: network ?? genesis.networkIdentifier, epoch: Epoch(epoch), group: genesis.group,
      members: genesis.members, leaders: .rotating)
    let statement = Statement(
      kind: kind, in: context, owner: ReplicaIndex(UInt16(owner)), position: Position(position),
      round: Round(Period(period), View(view)), digest: digest, signer: ReplicaIndex(UInt16(signer)))
    let signature = aggregatorSeeds[signer].signer().sign(statement)
    return [UInt8](capacity: 120 + Header.encodedBytes) { out in
      out.write(kind.rawValue)
      out.writeZeros(1)
      out.write(UInt16(owner))
      out.write(view)
      out.write(period)
      out.write(position)
      out.write(digest)
      out.write(signature)
      header?.encode(into: &out)
    }
  }

  static let noCertificate = PreparedCertificate(
    signers: 0, round: Round(Period(0)), digest: Digest(), signatures: [])

  /// A round change with its certificate, as an object.
  func roundChange(
    signer: Int, owner: Int, position: UInt64, to round: Round, prepared: PreparedCertificate = Group.noCertificate,
    header: Header? = nil
  ) -> [UInt8] {
    let statement = Statement(
      kind: .roundChange, in: genesis.context, owner: ReplicaIndex(UInt16(owner)), position: Position(position),
      round: round, digest: prepared.exists ? prepared.digest : Digest(), claim: prepared.claim,
      signer: ReplicaIndex(UInt16(signer)))
    let change = RoundChange(
      vote: Vote(statement: statement, signature: aggregatorSeeds[signer].signer().sign(statement)), prepared: prepared)
    return [UInt8](capacity: RoundChange.maximumBytes(genesis.context.quorum) + Header.encodedBytes) { out in
      change.encode(into: &out)
      header?.encode(into: &out)
    }
  }

  /// The pieces of an object, as bodies of CHUNK.
  func chunks(_ object: ObjectKind, _ owner: Int, position: UInt64, _ bytes: [UInt8]) -> [[UInt8]] {
    let total = Chunk.pieces(ofBytes: bytes.count)
    return (0..<total).map { index in
      let piece = Array(bytes[(1024 * index)..<min(bytes.count, 1024 * index + 1024)])
      let chunk = Chunk(
        object: object, owner: ReplicaIndex(UInt16(owner)), index: UInt16(index), total: UInt16(total),
        position: Position(position), objectLength: UInt32(bytes.count))
      return [UInt8](capacity: Chunk.encodedBytes + piece.count) { out in
        chunk.encode(into: &out)
        out.write(piece.span)
      }
    }
  }

  /// What an aggregator's state is made of, as far as bad input could change it.
  func state(_ index: Int) -> [String] {
    let process = aggregators[index]!
    var result: [String] = []
    for owner in 0..<Self.members {
      let set = ReplicaIndex(UInt16(owner))
      let standing = process.node.standing(of: set)
      result.append(
        "\(process.node.head(of: set)) \(process.node.headPosition(of: set)) \(process.node.coverageRoot(of: set)) "
          + "\(standing.round) \(standing.hasSigned) \(standing.missing)")
      for period in UInt64(1000)...1012 {
        result.append(
          "\(process.node.held(set, Period(period)).bytes) \(process.node.certificate(set, Period(period)).count)")
      }
    }
    // What the bookkeeper has published meanwhile is nobody's input here.
    var bytes = 0
    try! process.host.journal.reread { entry in
      if entry[0] != EntryKind.acknowledged.rawValue { bytes += entry.count }
    }
    result.append("\(bytes)")
    return result
  }
}
