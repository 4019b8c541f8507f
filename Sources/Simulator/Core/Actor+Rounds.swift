import Aggregation
import Consensus
import Cryptography
import HAL
import Node
import Packets
import Units
import Wire

/// What a liar knows of a set's open position.
struct OpenPosition {
  struct Prepared: Hashable {
    let round: Round
    let digest: [UInt8]
  }
  struct Claim {
    let claim: LockClaim
    let digest: Digest
    let signature: Signature
  }

  var position = Position(0)
  /// By member.
  var prepares: [Prepared: [Int: Signature]] = [:]
  /// Round changes, by round and member.
  var asking: [Round: [Int: Claim]] = [:]
  var headers: [[UInt8]: Header] = [:]
  /// What it knows to be prepared, lowest round first. It may be the only one that does.
  var locks: [PreparedCertificate] = []
  /// The latest round that anybody spoke in.
  var latest = Round(Period(0))
  /// When it shows what it hides, in ticks.
  var showsAt = 0
  /// In the period after the last of these it has shown it.
  var shownIn: Set<Round> = []
}

/// An object that comes in pieces.
struct PieceKey: Hashable {
  let object: UInt8
  let owner: ReplicaIndex
  let position: Position
  let sender: ReplicaIndex
  let length: UInt32
}

extension GroupWorld {
  /// Faulty members claim later runs of others; or tell them another time.
  var liesAboutRuns: Bool { siege?.attack.includes(.bootClaims) ?? swarm.liesAboutRuns }
  var liesAboutTime: Bool { siege?.attack.includes(.clockLiars) ?? swarm.liesAboutTime }

  /// False of a member that the group does not have: liars send each other anything.
  func isHonest(_ member: ReplicaIndex) -> Bool {
    guard member.rawValue < members else { return false }
    return parties[Int(member.rawValue)].isHonest
  }

  /// One of those that were decided of late, most often the last.
  func somePosition(of owner: Int) -> Position {
    let back = liarDice.below(2) == 0 ? 0 : liarDice.below(8)
    return Position(books.newest[owner] - min(books.newest[owner], UInt64(back)))
  }

  /// The position of a set that comes after what was decided, and its first round.
  func openPosition(of owner: Int) -> (position: Position, first: Round) {
    let head = books.head(owner)
    let first = head.map { $0.header.period.next } ?? genesis.firstPeriod
    return (Position(books.newest[owner] + 1), Round(first))
  }
}

// Rounds after the first, and prepared certificates that others do not have.
extension Actor {
  // MARK: What it hears

  /// Forgets what is decided.
  private func refresh(_ owner: Int) {
    let position = world.openPosition(of: owner).position
    if open[owner].position != position {
      open[owner] = OpenPosition()
      open[owner].position = position
    }
  }

  func note(_ header: Header) {
    let owner = Int(header.owner.rawValue)
    guard owner < world.members else { return }
    refresh(owner)
    if open[owner].headers.count < 64 { open[owner].headers[Array(copying: header.digest.span)] = header }
  }

  func note(_ vote: Vote) {
    let statement = vote.statement
    let owner = Int(statement.owner.rawValue)
    guard owner < world.members else { return }
    refresh(owner)
    guard statement.position == open[owner].position, statement.kind == .prepare,
      world.isHonest(statement.signer)
        || Authenticated(
          checking: vote, by: world.genesis.aggregators[Int(statement.signer.rawValue)].verificationKey) != nil
    else { return }
    open[owner].latest = max(open[owner].latest, statement.round)
    let prepared = OpenPosition.Prepared(round: statement.round, digest: Array(copying: statement.digest.span))
    open[owner].prepares[prepared, default: [:]][Int(statement.signer.rawValue)] = vote.signature
    certify(owner, prepared)
  }

  /// With its own prepare, which nobody need hear of, there may be q.
  private func certify(_ owner: Int, _ prepared: OpenPosition.Prepared) {
    guard var signatures = open[owner].prepares[prepared], signatures.count + 1 >= world.quorum else { return }
    guard !open[owner].locks.contains(where: { $0.round == prepared.round }) else { return }
    let digest = Digest(copying: prepared.digest.span)
    let own = statement(.prepare, ReplicaIndex(UInt16(owner)), open[owner].position, prepared.round, digest)
    signatures[Int(me.rawValue)] = signer.sign(own)
    let chosen = signatures.keys.sorted { ($0 == Int(me.rawValue) ? -1 : $0) < ($1 == Int(me.rawValue) ? -1 : $1) }
      .prefix(world.quorum).sorted()
    guard chosen.count == world.quorum else { return }
    var signers: UInt64 = 0
    for member in chosen { signers |= 1 << UInt64(member) }
    open[owner].locks.append(
      PreparedCertificate(
        signers: signers, round: prepared.round, digest: digest, signatures: chosen.map { signatures[$0]! }))
    open[owner].locks.sort { $0.round < $1.round }
    let periods = world.schedule.scenario == nil ? world.liarDice.below(4) : 0
    open[owner].showsAt = world.tick + periods * world.ticksPerPeriod + world.liarDice.below(8)
    if let trace = world.trace {
      trace(
        "\(world.tick) \(party.name): knows that \(GroupWorld.short(prepared.digest)) was prepared for set \(owner) in \(prepared.round)"
      )
    }
  }

  /// A piece of a round change or a new round.
  func notePiece(_ bytes: [UInt8], _ sender: ReplicaIndex) {
    var reader = WireReader(bytes.span)
    guard let chunk = try? Chunk(decoding: &reader), let piece = try? reader.readBytes(reader.remaining),
      chunk.object == .roundChange || chunk.object == .newRound, Int(chunk.owner.rawValue) < world.members,
      chunk.total > 0, chunk.total < 8
    else { return }
    let key = PieceKey(
      object: chunk.object.rawValue, owner: chunk.owner, position: chunk.position, sender: sender,
      length: chunk.objectLength)
    if pieces.count > 64 { pieces.removeAll() }
    pieces[key, default: [:]][Int(chunk.index)] = Array(copying: piece)
    guard let parts = pieces[key], parts.count == Int(chunk.total) else { return }
    pieces[key] = nil
    let whole = (0..<Int(chunk.total)).flatMap { parts[$0] ?? [] }
    var object = WireReader(whole.span)
    if chunk.object == .roundChange {
      guard let change = try? RoundChange(decoding: &object) else { return }
      if change.vote.statement.signer == sender { checkDurable(change.vote) }
      note(change)
    } else {
      guard let newRound = try? NewRound(decoding: &object) else { return }
      note(newRound.prepare)
    }
    if object.remaining == Header.encodedBytes, let header = try? Header(decoding: &object) { note(header) }
  }

  private func note(_ change: RoundChange) {
    let statement = change.vote.statement
    let owner = Int(statement.owner.rawValue)
    guard owner < world.members else { return }
    refresh(owner)
    // What an honest member signs holds.
    guard statement.position == open[owner].position,
      world.isHonest(statement.signer)
        || (try? VerifiedRoundChange(
          checking: change, in: world.genesis.context, by: MemberKeys(world.genesis.aggregatorKeys))) != nil
    else { return }
    open[owner].latest = max(open[owner].latest, statement.round)
    open[owner].asking[statement.round, default: [:]][Int(statement.signer.rawValue)] = OpenPosition.Claim(
      claim: statement.claim, digest: statement.digest, signature: change.vote.signature)
    guard change.prepared.exists, !open[owner].locks.contains(where: { $0.round == change.prepared.round }) else {
      return
    }
    open[owner].locks.append(change.prepared)
    open[owner].locks.sort { $0.round < $1.round }
  }

  // MARK: What it says

  /// An object to all other members or to some.
  private func spreadObject(
    _ object: ObjectKind, _ owner: Int, _ bytes: [UInt8], everybody: Bool
  ) {
    let choice = world.liarDice.bits()
    let total = Chunk.pieces(ofBytes: bytes.count)
    for peer in sealer.peers.indices where isAggregator(peer) && (everybody || choice >> UInt64(peer) & 1 == 1) {
      for index in 0..<total {
        let start = index * Chunk.maximumPieceBytes
        let chunk = Chunk(
          object: object, owner: ReplicaIndex(UInt16(owner)), index: UInt16(index), total: UInt16(total),
          position: open[owner].position, objectLength: UInt32(bytes.count))
        let piece = bytes[start..<min(bytes.count, start + Chunk.maximumPieceBytes)]
        send(
          .chunk,
          [UInt8](capacity: Sealer.maximumBodyBytes) { out in
            chunk.encode(into: &out)
            out.write(Array(piece).span)
          }, to: peer)
      }
    }
  }

  private func roundChange(_ owner: Int, _ round: Round, _ lock: PreparedCertificate?) -> RoundChange {
    var statement = statement(
      .roundChange, ReplicaIndex(UInt16(owner)), open[owner].position, round, lock?.digest ?? Digest())
    statement.claim = lock?.claim ?? .none
    return RoundChange(
      vote: Vote(statement: statement, signature: signer.sign(statement)),
      prepared: lock ?? PreparedCertificate(signers: 0, round: Round(Period(0)), digest: Digest(), signatures: []))
  }

  private func ask(_ owner: Int, _ round: Round, _ lock: PreparedCertificate?, everybody: Bool) {
    let change = roundChange(owner, round, lock)
    let header = lock.flatMap { open[owner].headers[Array(copying: $0.digest.span)] }
    let bytes = [UInt8](capacity: 4096) { out in
      change.encode(into: &out)
      header?.encode(into: &out)
    }
    open[owner].asking[round, default: [:]][Int(me.rawValue)] = OpenPosition.Claim(
      claim: change.vote.statement.claim, digest: change.vote.statement.digest, signature: change.vote.signature)
    spreadObject(.roundChange, owner, bytes, everybody: everybody)
  }

  /// The latest round whose period has ended, or that others are in.
  private func laterRound(_ owner: Int) -> Round { max(open[owner].latest, Round(Period(world.period - 1))) }

  /// Asks for a later round, with what it knows to be prepared or with less, in some of the sets.
  func askForRound() {
    let owner = world.liarDice.below(world.members)
    refresh(owner)
    var round = laterRound(owner)
    let lie = world.liarDice.below(5)
    if lie == 0 { round.period = round.period.next }
    if lie < 3 { round = round.next }
    guard round > world.openPosition(of: owner).first else { return }
    let below = open[owner].locks.filter { $0.round < round }
    let lock = world.liarDice.below(2) == 0 || below.isEmpty ? nil : below[world.liarDice.below(below.count)]
    ask(owner, round, lock, everybody: world.liarDice.below(2) == 0)
  }

  /// Leads a later round that q members asked for: by the rules, as if nothing had been prepared, or with one round change too few.
  func leadLater() {
    for owner in 0..<world.members {
      refresh(owner)
      let set = ReplicaIndex(UInt16(owner))
      let leads = open[owner].asking.keys.filter {
        world.genesis.context.primary(owner: set, $0) == me && $0 > world.openPosition(of: owner).first
      }
      guard let round = leads.max() else { continue }
      if open[owner].asking[round]![Int(me.rawValue)] == nil { ask(owner, round, nil, everybody: false) }
      let asking = open[owner].asking[round]!
      guard asking.count >= world.quorum else { continue }
      return lead(owner, round, asking)
    }
  }

  private func lead(_ owner: Int, _ round: Round, _ asking: [Int: OpenPosition.Claim]) {
    let set = ReplicaIndex(UInt16(owner))
    let lie = world.liarDice.below(6)
    let chosen = asking.keys.sorted().prefix(lie == 0 ? world.quorum - 1 : world.quorum)
    var signers: UInt64 = 0
    for member in chosen { signers |= 1 << UInt64(member) }
    let highest = chosen.map { asking[$0]!.claim }.max() ?? .none
    let lock = lie == 1 ? nil : open[owner].locks.last { $0.round < round && $0.claim >= highest }
    guard lie == 1 || lock != nil || highest == .none else { return }
    var header = lock.flatMap { open[owner].headers[Array(copying: $0.digest.span)] }
    if lock == nil {
      guard let held = records[SetPeriod(owner: owner, period: round.period.rawValue)],
        let honest = self.header(set, round.period, held, most: .max)
      else { return }
      header = lie == 2 ? spoil(honest, in: round, held)?.header : honest
    }
    guard let digest = lock?.digest ?? header?.digest else { return }
    let prepare = statement(.prepare, set, open[owner].position, round, digest)
    let newRound = NewRound(
      prepare: Vote(statement: prepare, signature: signer.sign(prepare)),
      prepared: lock ?? PreparedCertificate(signers: 0, round: Round(Period(0)), digest: Digest(), signatures: []),
      signers: signers,
      claims: chosen.map {
        RoundChangeClaim(claim: asking[$0]!.claim, digest: asking[$0]!.digest, signature: asking[$0]!.signature)
      })
    let bytes = [UInt8](capacity: 16384) { out in
      newRound.encode(into: &out)
      header?.encode(into: &out)
    }
    spreadObject(.newRound, owner, bytes, everybody: lie > 3)
  }

  /// Shows what it hid, once others are in a later round than the one it was prepared in.
  func hide() {
    for owner in 0..<world.members {
      refresh(owner)
      guard world.tick >= open[owner].showsAt, let lock = open[owner].locks.first,
        open[owner].headers[Array(copying: lock.digest.span)] != nil
      else { continue }
      let round = laterRound(owner)
      guard round > lock.round, round.period > lock.round.period || world.schedule.scenario == nil,
        open[owner].shownIn.insert(round).inserted
      else { continue }
      if let trace = world.trace {
        trace("\(world.tick) \(party.name): shows what was prepared for set \(owner) in \(lock.round), in \(round)")
      }
      ask(owner, round, lock, everybody: world.schedule.scenario != nil || world.liarDice.below(2) == 0)
    }
  }
}
