import Aggregation
import Consensus
import Cryptography
import HAL
import Node
import Packets
import Units
import Wire

extension SiegeBooks {
  /// At most a datagram of them, always others.
  func randomBytes(_ count: Int, _ dice: inout Dice) -> [UInt8] {
    let start = dice.below(noise.count - count + 1)
    return Array(noise[start..<(start + count)])
  }
}

// What a faulty member does in a siege, with nothing but its own keys.
extension Actor {
  private var siege: SiegeBooks { world.siege! }

  /// A round of the attack.
  func assault() {
    guard let attack = world.siege?.attack, !world.isHealed else { return }
    for peer in sealer.peers.indices where sealer.peers[peer].bootCounter > 0 {
      guard world.parties[world.places[sealer.peers[peer].identifier]![0]].isHonest else { continue }
      let isMember = isAggregator(peer)
      func times(_ kind: Attack, _ rate: Int) -> Int {
        attack.includes(kind) ? siege.due(rate, isMember: isMember, &world.liarDice) : 0
      }
      for _ in 0..<times(.garbage, Siege.garbageRate) { throwGarbage(at: peer) }
      for _ in 0..<times(.uselessVotes, Siege.voteRate) where isMember { voteUselessly(at: peer) }
      for _ in 0..<times(.wantAmplification, Siege.wantRate) { want(from: peer) }
      for _ in 0..<times(.wantAmplification, Siege.lateRate) { sayAgain(to: peer) }
      for _ in 0..<times(.tinyChunks, Siege.chunkRate) { sendTinyChunk(to: peer) }
      for _ in 0..<times(.oversizeTotals, Siege.chunkRate) { sendOversizeTotal(to: peer) }
    }
    if attack.includes(.slowPrimary) || attack.includes(.selectiveRecords) { leadBadly(attack) }
  }

  private func attack(_ type: PacketType, _ body: [UInt8], at peer: Int) {
    let body = Array(body.prefix(Sealer.maximumBodyBytes))
    siege.outcome.attackPackets += 1
    if isAggregator(peer) {
      siege.outcome.sealedBytes += UInt64(PacketHeader.encodedBytes + body.count + SealingKey.tagBytes)
    }
    send(type, body, to: peer)
  }

  private func randomBytes(_ count: Int) -> [UInt8] { siege.randomBytes(count, &world.liarDice) }

  private var someOwner: ReplicaIndex { ReplicaIndex(UInt16(world.liarDice.below(world.members))) }
  /// One that ended of late, most often the last.
  private var somePeriod: Period {
    let back = world.liarDice.below(2) == 0 ? 1 : world.liarDice.below(9)
    return Period(world.period - UInt64(back))
  }

  private func chunk(
    _ object: ObjectKind, _ owner: ReplicaIndex, _ period: Period, index: UInt16 = 0, total: UInt16 = 1,
    length: UInt32, _ piece: [UInt8]
  ) -> [UInt8] {
    let chunk = Chunk(
      object: object, owner: owner, index: index, total: total, period: period, objectLength: length)
    return [UInt8](capacity: Sealer.maximumBodyBytes) { out in
      chunk.encode(into: &out)
      out.write(piece.span)
    }
  }

  /// An object as honest members send it.
  private func sendObject(_ object: ObjectKind, _ owner: ReplicaIndex, _ period: Period, _ bytes: [UInt8], to peer: Int)
  {
    let total = Chunk.pieces(ofBytes: bytes.count)
    for index in 0..<total {
      let start = index * Chunk.maximumPieceBytes
      let piece = Array(bytes[start..<min(bytes.count, start + Chunk.maximumPieceBytes)])
      attack(
        .chunk,
        chunk(
          object, owner, period, index: UInt16(index), total: UInt16(total), length: UInt32(bytes.count), piece),
        at: peer)
    }
  }

  // MARK: Garbage

  private func throwGarbage(at peer: Int) {
    switch world.liarDice.below(10) {
    case 9:
      // The largest numbers there are, some under a signature that holds.
      let isVote = world.liarDice.below(2) == 0
      var vote = body(
        world.liarDice.below(2) == 0 ? .prepare : .commit, owner: someOwner,
        period: Period(isVote ? world.period - 1 : .max), view: View(.max), digest: Digest())
      if world.liarDice.below(4) == 0 { for place in 4..<8 { vote[place] = 255 } }
      let want = Want(
        object: .records, owner: someOwner, meter: MeterIndex(.max),
        period: Period(isVote ? world.period - 1 : .max), missing: FixedBytes(),
        highestSequence: world.liarDice.below(2) == 0 ? .max : 7, receivedCount: .max, heldMicroseconds: .max)
      if isVote || world.liarDice.below(2) == 0 { attack(.vote, vote, at: peer) }
      attack(.want, [UInt8](capacity: Want.encodedBytes) { out in want.encode(into: &out) }, at: peer)
    case 0, 1:
      let type = PacketType(rawValue: UInt8(2 + world.liarDice.below(7)))!
      attack(type, randomBytes(world.liarDice.below(Sealer.maximumBodyBytes + 1)), at: peer)
    case 2:
      // A vote whose signature does not hold.
      var body = body(
        world.liarDice.below(2) == 0 ? .prepare : .commit, owner: someOwner, period: Period(world.period - 1),
        view: View(0), digest: Digest(), isSigned: false)
      for place in 16..<48 { body[place] = UInt8(truncatingIfNeeded: world.liarDice.bits()) }
      attack(.vote, body, at: peer)
    case 3, 4:
      // Somebody's words, one bit wrong or cut off.
      guard !heard.isEmpty else { return }
      let item = heard[world.liarDice.below(heard.count)]
      var body = item.body
      guard !body.isEmpty else { return }
      if world.liarDice.below(2) == 0 {
        body[world.liarDice.below(body.count)] ^= UInt8(1 << world.liarDice.below(8))
      } else {
        body.removeLast(1 + world.liarDice.below(body.count))
      }
      attack(item.type, body, at: peer)
    case 5:
      // A record of somebody's, with another ciphertext.
      let owner = someOwner
      guard let held = records[InstanceName(owner: Int(owner.rawValue), period: world.period - 1)],
        var body = held[world.liarDice.below(world.metersPerSet)]
      else { return }
      body[body.count - 1] ^= 1
      attack(.record, body, at: peer)
    case 6:
      // A certificate of a quorum whose last signature does not hold.
      guard let name = world.books.certificates.keys.max(by: { ($0.period, $0.owner) < ($1.period, $1.owner) }) else {
        return
      }
      var bytes = world.books.certificates[name]!
      bytes[bytes.count - (bytes[8] == 1 ? Header.encodedBytes : 0) - 1] ^= 1
      // Of the period to come: nobody has one.
      for place in 0..<8 { bytes[16 + 56 + place] = UInt8(truncatingIfNeeded: (name.period + 1) >> UInt64(8 * place)) }
      sendObject(.certificate, ReplicaIndex(UInt16(name.owner)), Period(name.period + 1), bytes, to: peer)
    case 7:
      // A round change nobody signed.
      let statement = Statement(
        kind: .roundChange, in: world.genesis.context, owner: someOwner, period: Period(world.period - 1), view: View(1),
        digest: Digest(), signer: me)
      let change = [UInt8](capacity: 192) { out in
        Vote(statement: statement, signature: Signature()).encode(into: &out)
        out.writeZeros(8)
      }
      sendObject(.roundChange, statement.owner, statement.period, change, to: peer)
    default:
      // A contradiction nobody signed either. docs/PROTOCOL.md, Contradiction.
      let accused = UInt16(world.liarDice.below(world.members))
      let first = randomBytes(104)
      let second = randomBytes(104)
      let body = [UInt8](capacity: 232) { out in
        out.write(StatementKind.prepare.rawValue)
        out.writeZeros(1)
        out.write(someOwner.rawValue)
        out.write(accused)
        out.writeZeros(2)
        out.write(world.period - 1)
        out.write(UInt64(0))
        out.writeZeros(8)
        out.write(first.span.extracting(8..<104))
        out.writeZeros(8)
        out.write(second.span.extracting(8..<104))
      }
      sendObject(.contradiction, ReplicaIndex(0), Period(world.period - 1), body, to: peer)
    }
  }

  /// One of some that it signed for this period: votes for values that nobody proposed and round changes, in views that nobody is
  /// in. No two of them contradict each other.
  private func voteUselessly(at peer: Int) {
    let period = Period(world.period - 1)
    if uselessVotes.period != period {
      uselessVotes = (period, (1...64).map { signUselessly(period, $0) })
    }
    let (type, body) = uselessVotes.bodies[world.liarDice.below(64)]
    attack(type, body, at: peer)
  }

  private func signUselessly(_ period: Period, _ number: Int) -> (type: PacketType, body: [UInt8]) {
    let owner = ReplicaIndex(UInt16(number / 3 % world.members))
    let view = View(UInt32(number))
    guard number % 3 == 0 else {
      let kind: StatementKind = number % 3 == 1 ? .prepare : .commit
      let digest = Digest(copying: randomBytes(32).span)
      return (.vote, body(kind, owner: owner, period: period, view: view, digest: digest))
    }
    let statement = Statement(
      kind: .roundChange, in: world.genesis.context, owner: owner, period: period, view: view, digest: Digest(),
      signer: me)
    let change = [UInt8](capacity: 192) { out in
      Vote(statement: statement, signature: signer.sign(statement)).encode(into: &out)
      out.writeZeros(8)
    }
    return (.chunk, chunk(.roundChange, owner, period, length: UInt32(change.count), change))
  }

  // MARK: Asking

  /// Something it may have or may not, large or the same once more.
  private func want(from peer: Int) {
    let objects: [ObjectKind] = [
      .certificate, .certificate, .product, .product, .records, .records, .records, .records, .coverageTable, .proof,
      .contradiction,
    ]
    var missing = FixedBytes<64>()
    for place in 0..<64 { missing.storage[place] = 255 }
    let want = Want(
      object: objects[world.liarDice.below(objects.count)], owner: someOwner,
      meter: MeterIndex(UInt16(world.liarDice.below(world.metersPerSet))),
      period: world.liarDice.below(8) == 0 ? Period(0) : somePeriod, missing: missing,
      highestSequence: sealer.highestSequence(of: peer), receivedCount: sealer.receivedCount(of: peer))
    attack(.want, [UInt8](capacity: Want.encodedBytes) { out in want.encode(into: &out) }, at: peer)
  }

  /// A vote or a round change where all is decided: it is answered with the certificate, which is longer.
  private func sayAgain(to peer: Int) {
    let owner = someOwner
    let period = somePeriod
    if world.liarDice.below(2) == 0 {
      attack(.chunk, chunk(.roundChange, owner, period, length: 1, [0]), at: peer)
    } else {
      attack(.vote, body(.commit, owner: owner, period: period, view: View(0), digest: Digest()), at: peer)
    }
  }

  // MARK: Chunks

  private func sendTinyChunk(to peer: Int) {
    let object = ObjectKind(rawValue: UInt8(1 + world.liarDice.below(8)))!
    switch world.liarDice.below(4) {
    case 0: attack(.chunk, chunk(object, someOwner, somePeriod, length: 1, [7]), at: peer)
    case 1: attack(.chunk, chunk(object, someOwner, somePeriod, length: 700, [1, 2, 3]), at: peer)
    case 2: attack(.chunk, chunk(object, someOwner, somePeriod, index: 1, total: 2, length: 1025, [1]), at: peer)
    default:
      // The whole first piece of something else: whoever keeps one object at a time begins anew.
      attack(
        .chunk,
        chunk(object, someOwner, somePeriod, total: 2, length: 1025, randomBytes(Chunk.maximumPieceBytes)), at: peer)
    }
  }

  private func sendOversizeTotal(to peer: Int) {
    let object = ObjectKind(rawValue: UInt8(1 + world.liarDice.below(8)))!
    let piece = randomBytes(Chunk.maximumPieceBytes)
    let body =
      switch world.liarDice.below(4) {
      case 0: chunk(object, someOwner, somePeriod, index: 65534, total: 65535, length: .max, piece)
      case 1: chunk(object, someOwner, somePeriod, index: 64, total: 65, length: 65 * 1024, piece)
      case 2: chunk(object, someOwner, somePeriod, index: 9, total: 2, length: 2048, piece)
      default:
        chunk(
          object, someOwner, somePeriod, total: UInt16(truncatingIfNeeded: world.liarDice.bits()),
          length: UInt32(truncatingIfNeeded: world.liarDice.bits()), piece)
      }
    attack(.chunk, body, at: peer)
  }

  // MARK: Leading

  /// Drawn once for a set and period, in milliseconds after its end; nil for never.
  private func lateness(_ owner: ReplicaIndex, _ period: Period, _ attack: Attack) -> UInt64? {
    var dice = Dice(world.schedule.seed &* 77 &+ period.rawValue &* 64 &+ UInt64(owner.rawValue))
    if attack == .selectiveRecords || attack == .everything && dice.below(2) == 0 { return 500 }
    // The others wait for half a period and half a second, and still have to get the records and to vote.
    let half = world.periodSeconds * 500
    return [half - 200, half, half + 200, nil][dice.below(4)]
  }

  /// Whom this member gives its records and votes.
  private func isFavoured(_ member: ReplicaIndex, _ owner: ReplicaIndex, _ period: Period) -> Bool {
    guard let attack = world.siege?.attack, attack.includes(.selectiveRecords) else { return true }
    var dice = Dice(world.schedule.seed &* 99 &+ period.rawValue &* 64 &+ UInt64(owner.rawValue))
    if dice.below(2) == 0 { return false }
    return dice.bits() >> UInt64(member.rawValue) & 1 == 1
  }

  private func leadBadly(_ attack: Attack) {
    let now = world.now(party)
    let period = Period(world.period - 1)
    guard let elapsed = now.milliseconds(sinceEndOf: period, ofSeconds: world.periodSeconds) else { return }
    for place in 0..<world.members {
      let owner = ReplicaIndex(UInt16(place))
      let name = InstanceName(owner: place, period: period.rawValue)
      guard world.genesis.context.primary(owner: owner, period: period, view: View(0)) == me,
        let lateness = lateness(owner, period, attack), elapsed >= lateness, !proposed.contains(name),
        let held = records[name], let header = header(owner, period, held, most: .max, isComplete: true)
      else { continue }
      proposed.insert(name)
      let proposal = body(
        .prepare, owner: owner, period: period, view: View(0), digest: header.digest, header: header)
      for peer in sealer.peers.indices where isAggregator(peer) { send(.proposal, proposal, to: peer) }
      guard attack.includes(.selectiveRecords) else { continue }
      let commit = body(.commit, owner: owner, period: period, view: View(0), digest: header.digest)
      for peer in sealer.peers.indices where isAggregator(peer) {
        let member = ReplicaIndex(UInt16(sealer.peers[peer].identifier))
        if isFavoured(member, owner, period) { send(.vote, commit, to: peer) }
      }
    }
  }

  /// Answers a WANT for records, of whom it favours.
  func serve(_ bytes: [UInt8], to peer: Int) {
    var reader = WireReader(bytes.span)
    guard isAggregator(peer), let want = try? Want(decoding: &reader), want.object == .records,
      isFavoured(ReplicaIndex(UInt16(sealer.peers[peer].identifier)), want.owner, want.period),
      let held = records[InstanceName(owner: Int(want.owner.rawValue), period: want.period.rawValue)]
    else { return }
    for meter in 0..<world.metersPerSet where MeterBitmap(want.missing).contains(MeterIndex(UInt16(meter))) {
      if let record = held[meter] { send(.record, record, to: peer) }
    }
  }
}
