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
      for _ in 0..<times(.bootClaims, Siege.statusRate) { claim(to: peer) }
      for _ in 0..<times(.clockLiars, Siege.statusRate) { claim(to: peer) }
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
  private func somePosition(_ owner: ReplicaIndex) -> Position { world.somePosition(of: Int(owner.rawValue)) }
  private func openPosition(_ owner: ReplicaIndex) -> Position { world.openPosition(of: Int(owner.rawValue)).position }
  /// The round that an honest member is in when a period has just ended.
  private var round: Round { Round(Period(world.period - 1)) }

  private func chunk(
    _ object: ObjectKind, _ owner: ReplicaIndex, _ position: Position, index: UInt16 = 0, total: UInt16 = 1,
    length: UInt32, _ piece: [UInt8]
  ) -> [UInt8] {
    let chunk = Chunk(
      object: object, owner: owner, index: index, total: total, position: position, objectLength: length)
    return [UInt8](capacity: Sealer.maximumBodyBytes) { out in
      chunk.encode(into: &out)
      out.write(piece.span)
    }
  }

  /// An object as honest members send it.
  private func sendObject(
    _ object: ObjectKind, _ owner: ReplicaIndex, _ position: Position, _ bytes: [UInt8], to peer: Int
  ) {
    let total = Chunk.pieces(ofBytes: bytes.count)
    for index in 0..<total {
      let start = index * Chunk.maximumPieceBytes
      let piece = Array(bytes[start..<min(bytes.count, start + Chunk.maximumPieceBytes)])
      attack(
        .chunk,
        chunk(
          object, owner, position, index: UInt16(index), total: UInt16(total), length: UInt32(bytes.count), piece),
        at: peer)
    }
  }

  /// A STATUS that lies; see ``status(to:)``.
  private func claim(to peer: Int) { attack(.status, status(to: peer), at: peer) }

  // MARK: Garbage

  private func throwGarbage(at peer: Int) {
    switch world.liarDice.below(10) {
    case 9:
      // The largest numbers there are, some under a signature that holds.
      let isVote = world.liarDice.below(2) == 0
      let owner = someOwner
      let position = isVote ? openPosition(owner) : Position(.max)
      let kind: StatementKind = world.liarDice.below(2) == 0 ? .prepare : .commit
      var vote = body(
        statement(kind, owner, position, Round(Period(isVote ? world.period - 1 : .max), View(.max - 1)), Digest()))
      if world.liarDice.below(4) == 0 { for place in 4..<8 { vote[place] = 255 } }
      let want = Want(
        object: .records, owner: owner, meter: MeterIndex(.max), position: position,
        period: Period(isVote ? world.period - 1 : .max), missing: FixedBytes(),
        highestSequence: world.liarDice.below(2) == 0 ? .max : 7, receivedCount: .max, heldMicroseconds: .max)
      if isVote || world.liarDice.below(2) == 0 { attack(.vote, vote, at: peer) }
      attack(.want, [UInt8](capacity: Want.encodedBytes) { out in want.encode(into: &out) }, at: peer)
    case 0, 1:
      let type = PacketType(rawValue: UInt8(2 + world.liarDice.below(7)))!
      attack(type, randomBytes(world.liarDice.below(Sealer.maximumBodyBytes + 1)), at: peer)
    case 2:
      // A vote whose signature does not hold.
      let kind: StatementKind = world.liarDice.below(2) == 0 ? .prepare : .commit
      let owner = someOwner
      var body = body(statement(kind, owner, openPosition(owner), round, Digest()), isSigned: false)
      for place in 24..<56 { body[place] = UInt8(truncatingIfNeeded: world.liarDice.bits()) }
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
      guard let held = records[SetPeriod(owner: Int(owner.rawValue), period: world.period - 1)],
        var body = held[world.liarDice.below(world.metersPerSet)]
      else { return }
      body[body.count - 1] ^= 1
      attack(.record, body, at: peer)
    case 6:
      // A head of a quorum whose last signature does not hold, of the position that is open: nobody has one.
      let owner = someOwner
      guard let newest = world.books.head(Int(owner.rawValue)) else { return }
      var bytes = newest.bytes
      bytes[bytes.count - Header.encodedBytes - 1] ^= 1
      let position = openPosition(owner)
      for place in 0..<8 {
        bytes[8 + Self.positionOffset + place] = UInt8(truncatingIfNeeded: position.rawValue >> UInt64(8 * place))
      }
      sendObject(.head, owner, position, bytes + Array(repeating: 0, count: 8 * world.metersPerSet), to: peer)
    case 7:
      // A round change nobody signed.
      let owner = someOwner
      let change = roundChange(owner, View(1), isSigned: false)
      sendObject(.roundChange, owner, openPosition(owner), change, to: peer)
    default:
      // A contradiction nobody signed either. docs/PROTOCOL.md, Contradiction.
      let accused = UInt16(world.liarDice.below(world.members))
      let owner = someOwner
      let halves = [randomBytes(96), randomBytes(96)]
      let body = [UInt8](capacity: Contradiction.voteBytes) { out in
        out.write(StatementKind.prepare.rawValue)
        out.writeZeros(1)
        out.write(owner.rawValue)
        out.write(accused)
        out.writeZeros(2)
        out.write(world.period - 1)
        out.write(openPosition(owner).rawValue)
        out.writeZeros(8)
        for half in halves {
          out.writeZeros(LockClaim.encodedBytes)
          out.write(half.span)
        }
      }
      sendObject(.contradiction, owner, openPosition(owner), body, to: peer)
    }
  }

  /// Of the position in an encoded statement.
  private static let positionOffset = 64

  /// As it travels, without a lock and without a header.
  private func roundChange(_ owner: ReplicaIndex, _ view: View, isSigned: Bool) -> [UInt8] {
    let statement = statement(.roundChange, owner, openPosition(owner), Round(round.period, view), Digest())
    let signature = isSigned ? signer.sign(statement) : Signature()
    return [UInt8](capacity: Vote.encodedBytes + 8) { out in
      Vote(statement: statement, signature: signature).encode(into: &out)
      out.writeZeros(8)
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
      return (.vote, body(statement(kind, owner, openPosition(owner), Round(period, view), digest)))
    }
    let change = roundChange(owner, view, isSigned: true)
    return (.chunk, chunk(.roundChange, owner, openPosition(owner), length: UInt32(change.count), change))
  }

  // MARK: Asking

  /// Something it may have or may not, large or the same once more.
  private func want(from peer: Int) {
    let objects: [ObjectKind] = [
      .certificate, .certificate, .product, .product, .records, .records, .records, .records, .head, .manifest, .proof,
      .contradiction,
    ]
    var missing = FixedBytes<64>()
    for place in 0..<64 { missing.storage[place] = 255 }
    let owner = someOwner
    let isOpen = world.liarDice.below(2) == 0
    let want = Want(
      object: objects[world.liarDice.below(objects.count)], owner: owner,
      meter: MeterIndex(UInt16(world.liarDice.below(world.metersPerSet))),
      position: isOpen ? openPosition(owner) : world.liarDice.below(8) == 0 ? Position(0) : somePosition(owner),
      period: round.period, missing: missing, highestSequence: sealer.highestSequence(of: peer),
      receivedCount: sealer.receivedCount(of: peer))
    attack(.want, [UInt8](capacity: Want.encodedBytes) { out in want.encode(into: &out) }, at: peer)
  }

  /// A vote or a round change where all is decided: it is answered with the head, which is longer.
  private func sayAgain(to peer: Int) {
    let owner = someOwner
    let position = somePosition(owner)
    if world.liarDice.below(2) == 0 {
      attack(.chunk, chunk(.roundChange, owner, position, length: 1, [0]), at: peer)
    } else {
      attack(.vote, body(statement(.commit, owner, position, round, Digest())), at: peer)
    }
  }

  // MARK: Chunks

  private func sendTinyChunk(to peer: Int) {
    let object = ObjectKind(rawValue: UInt8(1 + world.liarDice.below(9)))!
    let owner = someOwner
    let position = world.liarDice.below(2) == 0 ? openPosition(owner) : somePosition(owner)
    switch world.liarDice.below(4) {
    case 0: attack(.chunk, chunk(object, owner, position, length: 1, [7]), at: peer)
    case 1: attack(.chunk, chunk(object, owner, position, length: 700, [1, 2, 3]), at: peer)
    case 2: attack(.chunk, chunk(object, owner, position, index: 1, total: 2, length: 1025, [1]), at: peer)
    default:
      // The whole first piece of something else: whoever keeps one object at a time begins anew.
      attack(
        .chunk,
        chunk(object, owner, position, total: 2, length: 1025, randomBytes(Chunk.maximumPieceBytes)), at: peer)
    }
  }

  private func sendOversizeTotal(to peer: Int) {
    let object = ObjectKind(rawValue: UInt8(1 + world.liarDice.below(9)))!
    let piece = randomBytes(Chunk.maximumPieceBytes)
    let owner = someOwner
    let position = world.liarDice.below(2) == 0 ? openPosition(owner) : somePosition(owner)
    let body =
      switch world.liarDice.below(4) {
      case 0: chunk(object, owner, position, index: 65534, total: 65535, length: .max, piece)
      case 1: chunk(object, owner, position, index: 64, total: 65, length: 65 * 1024, piece)
      case 2: chunk(object, owner, position, index: 9, total: 2, length: 2048, piece)
      default:
        chunk(
          object, owner, position, total: UInt16(truncatingIfNeeded: world.liarDice.bits()),
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
      let name = SetPeriod(owner: place, period: period.rawValue)
      // After a skipped period it would have to be asked by q.
      guard world.openPosition(of: place).first == Round(period),
        world.genesis.context.primary(owner: owner, Round(period)) == me,
        let lateness = lateness(owner, period, attack), elapsed >= lateness, !proposed.contains(name),
        let held = records[name], let header = header(owner, period, held, most: .max, isComplete: true)
      else { continue }
      proposed.insert(name)
      let statement = statement(.prepare, owner, openPosition(owner), Round(period), header.digest)
      let proposal = body(statement, header: header)
      for peer in sealer.peers.indices where isAggregator(peer) { send(.proposal, proposal, to: peer) }
      guard attack.includes(.selectiveRecords) else { continue }
      var commit = statement
      commit.kind = .commit
      let vote = body(commit)
      for peer in sealer.peers.indices where isAggregator(peer) {
        let member = ReplicaIndex(UInt16(sealer.peers[peer].identifier))
        if isFavoured(member, owner, period) { send(.vote, vote, to: peer) }
      }
    }
  }

  /// Answers a WANT for records, of whom it favours.
  func serve(_ bytes: [UInt8], to peer: Int) {
    var reader = WireReader(bytes.span)
    guard isAggregator(peer), let want = try? Want(decoding: &reader), want.object == .records,
      isFavoured(ReplicaIndex(UInt16(sealer.peers[peer].identifier)), want.owner, want.period),
      let held = records[SetPeriod(owner: Int(want.owner.rawValue), period: want.period.rawValue)]
    else { return }
    for meter in 0..<world.metersPerSet where MeterBitmap(want.missing).contains(MeterIndex(UInt16(meter))) {
      if let record = held[meter] { send(.record, record, to: peer) }
    }
  }
}
