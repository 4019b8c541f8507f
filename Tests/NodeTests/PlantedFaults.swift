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

/// Arranged groups, each of which shows that one rule of Node is kept: what is wrong comes back, and nothing is.
///
/// `NodeTests` runs them on the nodes that ship and wants nothing back. `PlantedTests` has the same sources over nodes with violations in
/// them; it plants each fault in turn and wants something back.
struct PlantedFault: Sendable, CustomStringConvertible {
  let mutant: Mutant
  /// The sentence that is true of a node without the fault.
  let rule: String
  let run: @Sendable () -> [String]

  var description: String { "\(mutant): \(rule)" }

  static let all: [PlantedFault] = [
    PlantedFault(
      mutant: .votesSentBeforeSync,
      rule:
        "what others heard of a member is on its disk, when the power fails right after a send and nothing unsynced is kept",
      run: votesOfTheFallen),
    PlantedFault(
      mutant: .confirmedByTooFew, rule: "a member signs once q − 1 others know of its run, and not one sooner",
      run: confirmation),
    PlantedFault(
      mutant: .peerBootsNotJournaled, rule: "a member that restarts knows its peers' runs from its journal",
      run: olderRunOfPeer),
    PlantedFault(
      mutant: .peerBootsForgotten, rule: "and takes no packet of an earlier one", run: olderRunOfPeer),
    PlantedFault(
      mutant: .votesBeyondNowCounted,
      rule: "f + 1 members open a round of the period that runs, and none of a period that has not begun",
      run: roundsOfTheFuture),
    PlantedFault(
      mutant: .recordsOfNextPeriodTaken,
      rule: "a record of the period after the round's is refused and promised nothing",
      run: recordOfTheFuture),
    PlantedFault(
      mutant: .boundUnchecked, rule: "a total beyond what its contributors can hold is not published",
      run: totalBeyondBound),
    PlantedFault(
      mutant: .meterFloorNotPersisted,
      rule: "a meter that forgot says nothing of what had ended, after another restart neither", run: meterThatForgot),
    PlantedFault(
      mutant: .olderProofTaken, rule: "an older inclusion proof moves no meter back", run: olderProof),
    PlantedFault(
      mutant: .piecesOfAnybodyTaken, rule: "a meter takes a certificate's pieces of nobody but whom it asked",
      run: piecesUnasked),
    PlantedFault(
      mutant: .olderRecordNotSent, rule: "a meter goes on offering the records before its newest while they may count",
      run: olderRecord),
    PlantedFault(
      mutant: .liesHashedAgain, rule: "a manifest root that is a lie costs no hashing of records that were hashed",
      run: lyingRoot),
  ]

  private static func octoGroup() -> Group {
    var options = GroupOptions()
    options.periodSeconds = 8
    return Group(options)
  }
}

// MARK: Members

extension PlantedFault {
  /// Aggregator 1 loses its power right after it sent something to a party that holds aggregator 3's keys, at many places of a period.
  private static func votesOfTheFallen() -> [String] {
    var wrong: [String] = []
    var heardInAll = 0
    for sends in [1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 24] {
      let group = Group()
      group.run(toEndOf: 1000, plus: 3000)
      let rogue = Rogue.aggregator(3, of: group)
      rogue.greet()
      // It hears the one that falls, and nobody else.
      let listener = Group.aggregatorName(3)
      let victim = Group.aggregatorName(1)
      for other in [0, 2] { group.wires.setCut(true, between: Group.aggregatorName(other), and: listener) }
      rogue.listen()
      rogue.heard = []
      let fuse = group.fuses[victim.rawValue]!
      var sent = 0
      group.wires.onSend = { header in
        guard header.sender == victim.rawValue, header.receiver == listener.rawValue,
          [PacketType.vote, .proposal, .chunk].contains(header.type)
        else { return }
        sent += 1
        if sent == sends { fuse.remaining = 0 }
      }
      group.run(untilAtMost: 3) { group.aggregators[1] == nil }
      group.wires.onSend = nil
      guard group.aggregators[1] == nil else {
        wrong.append("after \(sends) sends: it did not fall")
        continue
      }
      rogue.listen()
      let heard = rogue.heard.compactMap { Self.statement(in: $0.body, $0.type, of: group, signer: 1) }
      heardInAll += heard.count
      group.startAggregator(1)
      let kept = group.aggregators[1]!.ownVotes
      for statement in heard where !kept.contains(statement) {
        wrong.append(
          "after \(sends) sends: \(statement.kind) of \(statement.owner) \(statement.round) is not on its disk")
      }
    }
    // A test that heard nothing shows nothing.
    if heardInAll < 20 { wrong.append("only \(heardInAll) votes were heard") }
    return wrong
  }

  /// What a member signed in a packet, if that is a vote: of VOTE and PROPOSAL, or of a round change in one piece.
  private static func statement(in body: [UInt8], _ type: PacketType, of group: Group, signer: UInt16) -> Statement? {
    if type == .chunk {
      guard body[0] == ObjectKind.roundChange.rawValue else { return nil }
      let bytes = Array(body.dropFirst(Chunk.encodedBytes))
      var reader = WireReader(bytes.span)
      return (try? RoundChange(decoding: &reader))?.vote.statement
    }
    guard type == .vote || type == .proposal, let kind = StatementKind(rawValue: body[0]) else { return nil }
    var reader = WireReader(body.span)
    guard (try? reader.readBytes(2)) != nil, let owner = try? reader.read(UInt16.self),
      let view = try? reader.read(UInt32.self), let period = try? reader.read(UInt64.self),
      let position = try? reader.read(UInt64.self), let digest = try? reader.read(Digest.self)
    else { return nil }
    return Statement(
      kind: kind, in: group.genesis.context, owner: ReplicaIndex(owner), position: Position(position),
      round: Round(Period(period), View(view)), digest: digest, signer: ReplicaIndex(signer))
  }

  /// Any two groups of q − 1 others have f in common. With q − 2 = 1 of four, a member could be set back to an old image, hear the one that
  /// knows nothing of the run between, and sign anew what it had signed.
  private static func confirmation() -> [String] {
    var wrong: [String] = []
    let group = octoGroup()
    group.run(toEndOf: 1001, plus: 4000)
    for other in [2, 3] {
      group.wires.setCut(true, between: Group.aggregatorName(0), and: Group.aggregatorName(other))
    }
    group.restartAggregator(0)
    let before = group.aggregators[0]!.ownVotes.count
    group.run(toEndOf: 1002, plus: 6000)
    if group.aggregators[0]!.isConfirmed { wrong.append("one other knows of its run, and it is confirmed") }
    if group.aggregators[0]!.ownVotes.count > before { wrong.append("it signed") }
    group.wires.setCut(false, between: Group.aggregatorName(0), and: Group.aggregatorName(2))
    group.run(milliseconds: 3000)
    if !group.aggregators[0]!.isConfirmed { wrong.append("two others know of its run, and it is not confirmed") }
    return wrong
  }

  /// A packet of an earlier run may be a recording, or of an old image whose counters begin where the true one's were.
  private static func olderRunOfPeer() -> [String] {
    var wrong: [String] = []
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    let older = group.aggregators[3]!.host.boot
    group.restartAggregator(3)
    let newer = group.aggregators[3]!.host.boot
    // Long enough for something to be synced since.
    group.run(toEndOf: 1002, plus: 3000)
    group.killAggregator(3)
    group.restartAggregator(0)
    let rogue = Rogue(group, Group.aggregatorName(3), group.aggregatorSeeds[3], boot: older)
    rogue.greet(Group.aggregatorName(0))
    rogue.greet(Group.aggregatorName(0))
    let process = group.aggregators[0]!
    if newer <= older { wrong.append("it did not restart") }
    if process.drops(.staleBoot) == 0 {
      wrong.append("a packet of run \(older) was taken, and \(newer) was known before")
    }
    return wrong
  }

  /// Position 2 of set 0 while 1002 runs: its first round is (1002, 0), which is not open yet. Two of four members are in a test's hands.
  private static func roundsOfTheFuture() -> [String] {
    var wrong: [String] = []
    let group = octoGroup()
    group.run(toEndOf: 1001, plus: 4000)
    let rogues = [2, 3].map { Rogue.aggregator($0, of: group) }
    for rogue in rogues { rogue.greet() }
    let set = ReplicaIndex(0)
    func judge() -> AggregatorProcess { group.aggregators[0]! }
    func standing() -> String {
      let standing = judge().node.standing(of: set)
      return "\(standing.round), \(standing.hasSigned ? "signed" : "unsigned")"
    }
    func ask(_ round: Round, by members: [Int]) {
      for member in members {
        let change = group.roundChange(signer: member, owner: 0, position: 2, to: round)
        for body in group.chunks(.roundChange, 0, position: 2, change) {
          rogues[member - 2].send(.chunk, body, toAggregator: 0)
        }
        rogues[member - 2].send(
          .vote,
          group.vote(
            .prepare, signer: member, owner: 0, position: 2, period: round.period.rawValue, digest: Digest(), view: 1),
          toAggregator: 0)
      }
      for _ in 0..<3 { group.step() }
    }
    guard group.period == 1002 else { return ["the test runs in \(group.period)"] }
    let first = standing()
    let refused = judge().refusals(Refusal.notOpen)
    for period: UInt64 in [1003, 1004, 2000, 1 << 40] { ask(Round(Period(period), View(1)), by: [2, 3]) }
    if standing() != first { wrong.append("a period that has not begun moved it from \(first) to \(standing())") }
    if judge().refusals(Refusal.notOpen) != refused + 16 {
      wrong.append("\(judge().refusals(Refusal.notOpen) - refused) of 16 were refused as not open")
    }
    // f = 1 of the period that runs opens nothing; f + 1 do, and the member joins them.
    ask(Round(Period(1002), View(1)), by: [2])
    if standing() != first { wrong.append("one member moved it from \(first) to \(standing())") }
    ask(Round(Period(1002), View(1)), by: [3])
    let joined = judge().node.standing(of: set)
    if joined.round != Round(Period(1002), View(1)) || !joined.hasSigned {
      wrong.append("two members are in a later round, and it stands at \(standing())")
    }
    return wrong
  }

  private static func recordOfTheFuture() -> [String] {
    var wrong: [String] = []
    let group = Group()
    group.run(toEndOf: 1001, plus: 3500)
    let rogue = Rogue.meter(0, 0, of: group)
    rogue.greet()
    let process = group.aggregators[2]!
    let before = process.refusals(RecordRefusal.wrongThrough)
    for through: UInt64 in [1003, 1004] {
      rogue.send(.record, group.record(0, 0, from: 1002, through: through), toAggregator: 2)
    }
    group.step()
    rogue.listen()
    if process.refusals(RecordRefusal.wrongThrough) != before + 2 { wrong.append("it was not refused by its period") }
    if rogue.heard.contains(where: { $0.type == .receipt }) { wrong.append("it was given a receipt") }
    for period: UInt64 in [1002, 1003, 1004]
    where process.node.held(ReplicaIndex(0), Period(period)).contains(MeterIndex(0)) {
      wrong.append("it is held as one of \(period)")
    }
    return wrong
  }

  /// Aggregator 3 holds the records that a primary proposed under a root that is not theirs, and looks at them again and again.
  private static func lyingRoot() -> [String] {
    var wrong: [String] = []
    let primary = LyingPrimary()
    let group = primary.group
    var header = primary.header()
    header.manifestRoot.storage[31] ^= 128
    let set = ReplicaIndex(0)
    let before = primary.judge.node.recordHashings(of: set)
    primary.propose(header)
    for _ in 0..<10 { group.step() }
    if primary.judge.refusals(HeaderRefusal.wrongManifestRoot) != 1 { wrong.append("the lie was not found") }
    let hashings = primary.judge.node.recordHashings(of: set) - before
    if hashings > UInt64(group.options.metersPerSet) { wrong.append("\(hashings) records were hashed") }
    return wrong
  }
}

// MARK: The bookkeeper

extension PlantedFault {
  /// One meter encrypts more than a slot holds. Its neighbours' sum is not what they used, so it is nobody's business.
  private static func totalBeyondBound() -> [String] {
    var wrong: [String] = []
    let group = octoGroup()
    group.run(toEndOf: 1001, plus: 4000)
    let rogue = Rogue.meter(0, 0, of: group)
    rogue.greet()
    // 2^60 in the lowest slot, under R = 2.
    func number(_ byte: UInt8, at place: Int) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: group.key.modulusBytes)
      bytes[bytes.count - 1 - place] = byte
      return bytes
    }
    let sum = number(16, at: 7)
    let root = number(2, at: 0)
    let ciphertext = [UInt8](capacity: group.key.ciphertextBytes) { out in
      try? group.key.writeCiphertext(sum: sum.span, root: root.span, into: &out)
    }
    let record = group.record(0, 0, from: 1002, through: 1002, ciphertext: ciphertext)
    group.run(toEndOf: 1002, plus: 100)
    for _ in 0..<4 {
      for member in 0..<Group.members { rogue.send(.record, record, toAggregator: member) }
      group.step()
    }
    group.run(toEndOf: 1002, plus: 7000)
    guard let header = group.certified(0, 1002) else { return ["its set was not certified"] }
    if !header.contributors.contains(MeterIndex(0)) { wrong.append("it was not counted") }
    if group.published.sums["1002-0"] != nil { wrong.append("a total beyond its contributors' bound was published") }
    for owner in 1...3 where group.published.sums["1002-\(owner)"] == nil {
      wrong.append("the total of set \(owner) is missing")
    }
    return wrong
  }
}

// MARK: Meters

extension PlantedFault {
  /// A meter's card is put back as it was before it signed a record of 1002, of which nothing is certified yet. It learns that it forgot a
  /// run, and says nothing of what had ended. Then it restarts: now it knows of all its runs, and only its journal tells it to be silent.
  private static func meterThatForgot() -> [String] {
    var wrong: [String] = []
    let group = octoGroup()
    group.run(toEndOf: 1001, plus: 4000)
    let name = Group.meterName(0, 0)
    group.restartMeter(0, 0)
    let image = group.disks[name.rawValue]!.image()
    group.run(milliseconds: 500)
    // The run that is forgotten; and too few meters for a proposal.
    group.restartMeter(0, 0)
    for index in 1...2 { group.killMeter(0, index) }
    group.run(toEndOf: 1002, plus: 1500)
    let isHeld = group.aggregators.contains { $0!.node.held(ReplicaIndex(0), Period(1002)).contains(MeterIndex(0)) }
    if !isHeld { wrong.append("nobody has its record") }
    group.killMeter(0, 0)
    group.disks[name.rawValue] = image
    group.startMeter(0, 0)
    group.run(milliseconds: 1500)
    if !group.meters[0][0]!.isConfirmed { wrong.append("it is not confirmed") }
    if group.meters[0][0]!.node.lastClosed < Period(1002) { wrong.append("it does not know that it forgot") }
    group.restartMeter(0, 0)
    group.run(milliseconds: 2000)
    if !group.meters[0][0]!.isConfirmed { wrong.append("it is not confirmed again") }
    guard group.period == 1003 else { return wrong + ["the test is late"] }
    var second = false
    try! group.meters[0][0]!.host.journal.reread { entry in
      var reader = WireReader(entry)
      guard (try? reader.read(UInt8.self)) == EntryKind.closed.rawValue, (try? reader.readBytes(32)) != nil,
        let record = try? Record(decoding: &reader)
      else { return }
      if record.through == Period(1002) { second = true }
    }
    if second { wrong.append("it signed a second record of 1002") }
    for (member, process) in group.aggregators.enumerated() where process!.node.evidenceCount > 0 {
      wrong.append("member \(member) has evidence against it")
    }
    return wrong
  }

  /// Certificate and inclusion proof of meter 0 of set 0 for 1002, as bodies, from a group that was the same until then.
  private static func proofOf1002() -> [(type: PacketType, body: [UInt8])] {
    let group = octoGroup()
    group.run(toEndOf: 1002, plus: 4000)
    let rogue = Rogue.meter(0, 0, of: group)
    rogue.greet()
    rogue.heard = []
    rogue.send(.want, want(.proof), toAggregator: 0)
    for _ in 0..<3 {
      group.step()
      rogue.listen()
    }
    return rogue.heard.filter { $0.type == .chunk || $0.type == .proof }
  }

  private static func want(_ object: ObjectKind) -> [UInt8] {
    [UInt8](capacity: Want.encodedBytes) { out in
      Want(object: object, owner: ReplicaIndex(0), meter: MeterIndex(0)).encode(into: &out)
    }
  }

  /// A member answers the meter with what was true a few periods ago. Energy that is certified since would be certified twice.
  private static func olderProof() -> [String] {
    var wrong: [String] = []
    let older = proofOf1002()
    if older.count < 2 { wrong.append("there is no older proof") }
    let group = octoGroup()
    group.run(toEndOf: 1004, plus: 4000)
    let rogue = Rogue.aggregator(1, of: group)
    rogue.greet()
    rogue.heard = []
    var answers = 0
    var covered = group.meters[0][0]!.node.coveredThrough
    if covered != Period(1004) { wrong.append("it is covered through \(covered)") }
    while group.period < 1008 {
      group.step()
      rogue.listen()
      for heard in rogue.heard where heard.type == .want {
        var reader = WireReader(heard.body.span)
        guard let want = try? Want(decoding: &reader), want.object == .proof, want.owner == ReplicaIndex(0),
          want.meter == MeterIndex(0)
        else { continue }
        for piece in older { rogue.send(piece.type, piece.body, to: Group.meterName(0, 0)) }
        answers += 1
      }
      rogue.heard = []
      let now = group.meters[0][0]!.node.coveredThrough
      if now < covered { wrong.append("it went back from \(covered) to \(now)") }
      covered = max(covered, now)
    }
    if answers == 0 { wrong.append("it did not ask") }
    if covered < Period(1006) { wrong.append("it is covered through \(covered) alone") }
    return wrong + group.reckon()
  }

  /// Two members, of which the meter asked one at most, send pieces of a good certificate. Each costs its reader q signatures.
  private static func piecesUnasked() -> [String] {
    let group = octoGroup()
    group.run(toEndOf: 1002, plus: 5000)
    let certificate = group.published.certificates["1001-0"]!
    let rogues = [2, 3].map { Rogue.aggregator($0, of: group) }
    for rogue in rogues { rogue.greet(Group.meterName(0, 0)) }
    for _ in 0..<5 {
      group.step()
      for rogue in rogues { rogue.listen() }
    }
    let before = group.meters[0][0]!.drops(.notAllowed)
    for rogue in rogues {
      for body in group.chunks(.certificate, 0, position: 1, certificate) {
        rogue.send(.chunk, body, to: Group.meterName(0, 0))
      }
    }
    for _ in 0..<2 { group.step() }
    return group.meters[0][0]!.drops(.notAllowed) > before ? [] : ["it looked at pieces that it had not asked for"]
  }

  /// The group is gone, and a party with aggregator 3's keys hears what the meter offers after it closed one period more.
  private static func olderRecord() -> [String] {
    var wrong: [String] = []
    let group = octoGroup()
    group.run(toEndOf: 1001, plus: 4000)
    let rogue = Rogue.aggregator(3, of: group)
    rogue.greet()
    for index in 0..<3 { group.killAggregator(index) }
    group.run(toEndOf: 1003, plus: 500)
    rogue.listen()
    rogue.heard = []
    for _ in 0..<110 {
      group.step()
      rogue.listen()
    }
    // A record's owner stands at 0, its meter at 2, and `through` at 24. (docs/PROTOCOL.md, Record)
    let offered = Set(
      rogue.heard.filter { $0.type == .record && $0.body[0] == 0 && $0.body[2] == 0 }.map { $0.body[24] })
    for period: UInt64 in [1002, 1003] where !offered.contains(UInt8(truncatingIfNeeded: period)) {
      wrong.append("the record of \(period) is not offered")
    }
    return wrong
  }
}
