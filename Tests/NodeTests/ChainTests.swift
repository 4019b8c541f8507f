import Aggregation
import Consensus
import Cryptography
import Node
import Packets
import Testing
import Units
import Wire

/// How a group loses its quorum.
enum Outage: String, CaseIterable, Sendable {
  /// Two boards of four are off.
  case twoOff
  /// The network between aggregators is gone; meters and the bookkeeper hear them.
  case networkGone

  func begin(in group: Group) {
    switch self {
    case .twoOff: for index in 2...3 { group.killAggregator(index) }
    case .networkGone: group.setCut(true, among: [0, 1, 2, 3])
    }
  }
  func end(in group: Group) {
    switch self {
    case .twoOff: for index in 2...3 { group.startAggregator(index) }
    case .networkGone: group.setCut(false, among: [0, 1, 2, 3])
    }
  }
}

@Suite("A set is a chain of positions: no outage stops it for good (docs/CONSENSUS.md)")
struct ChainTests {
  /// Periods of 8 s, in which all views fit that a group of four may need.
  private func group(spareBlocks: Int? = nil) -> Group {
    var options = GroupOptions()
    options.periodSeconds = 8
    options.spareBlocks = spareBlocks
    return Group(options)
  }

  @Test("a group decides period after period, one position each, and all hold the same heads")
  func everyPeriod() {
    let group = group()
    group.run(toEndOf: 1012, plus: 4000)
    for period in UInt64(1001)...1012 { #expect(group.publishedCount(period) == 4, "\(period)") }
    #expect(group.agrees && group.brokenChains() == [])
    for process in group.aggregators {
      for owner in 0..<4 { #expect(process!.headPosition(owner) == 12 && process!.headPeriod(owner) == 1012) }
      #expect(process!.node.decidedPositions == 48 && process!.node.adoptedHeads == 0)
      #expect(process!.node.skippedPeriods == [0, 0, 0, 0])
    }
    #expect(group.isSettled(through: 1012))
    #expect(group.reckon() == [])
  }

  @Test(
    "nothing is certified in an outage, and the first period that begins after it is, with all energy",
    arguments: Outage.allCases, [1, 3, 9, 20, 60] as [UInt64])
  func outage(kind: Outage, periods: UInt64) {
    let group = group()
    group.run(toEndOf: 1001, plus: 4000)
    kind.begin(in: group)
    let last = 1001 + periods
    group.run(toEndOf: last, plus: 4000)
    for period in 1002...last { #expect((0..<4).allSatisfy { group.certified($0, period) == nil }, "\(period)") }
    kind.end(in: group)
    // The period that runs is healed for 4 s of it, which may be too late for its records; the next one's whole.
    let first = last + 2
    group.run(toEndOf: first, plus: 4000)
    #expect(group.publishedCount(first) == 4)
    #expect(group.isSettled(through: first))
    #expect(group.agrees && group.brokenChains() == [])
    #expect(group.reckon() == [])
    // Whoever would have led is counted, by everybody who was there and once for each period.
    let skipped = (0..<4).reduce(0) { sum, owner in
      sum + (1001...first).count { group.certified(owner, $0) == nil }
    }
    #expect(group.aggregators[0]!.node.skippedPeriods.reduce(0, +) == UInt64(skipped))
    group.run(toEndOf: first + 3, plus: 4000)
    for period in (first + 1)...(first + 3) { #expect(group.publishedCount(period) == 4, "\(period)") }
    for process in group.aggregators { #expect(process!.node.evidenceCount == 0) }
  }

  @Test(
    "an outage that begins while a position is being decided leaves at most its old header to be decided first",
    arguments: Outage.allCases, [0, 100, 200, 300, 400, 600] as [UInt64])
  func outageWithinPosition(kind: Outage, milliseconds: UInt64) { interrupt(group(), kind, milliseconds) }

  @Test(
    "with memory for the older records of one set only, locked sets are decided one after another",
    arguments: [100, 200, 300, 400] as [UInt64])
  func oneSpareBlock(milliseconds: UInt64) { interrupt(group(spareBlocks: 1), .networkGone, milliseconds) }

  private func interrupt(_ group: Group, _ kind: Outage, _ milliseconds: UInt64) {
    group.run(toEndOf: 1002, plus: milliseconds)
    kind.begin(in: group)
    group.run(toEndOf: 1011, plus: 4000)
    kind.end(in: group)
    group.run(toEndOf: 1013, plus: 4000)
    #expect(group.publishedCount(1013) == 4)
    #expect(group.isSettled(through: 1013))
    #expect(group.agrees && group.brokenChains() == [])
    #expect(group.reckon() == [])
    for process in group.aggregators { #expect(process!.node.evidenceCount == 0) }
  }

  @Test("aggregators say nothing to each other about periods without records, though a meter's record is there")
  func idle() {
    let group = group()
    group.run(toEndOf: 1001, plus: 4000)
    for owner in 0..<4 { for index in 0..<4 where owner != 0 || index != 0 { group.killMeter(owner, index) } }
    group.run(toEndOf: 1001, plus: 7000)
    group.wires.forgetCounts()
    group.run(toEndOf: 1009, plus: 7000)
    #expect(group.wires.amongMembers.filter { $0.key != .status } == [:])
    for owner in 0..<4 { for index in 0..<4 where owner != 0 || index != 0 { group.startMeter(owner, index) } }
    // And the first period with records is certified.
    group.run(toEndOf: 1010, plus: 4000)
    #expect(group.publishedCount(1010) == 4)
    #expect(group.isSettled(through: 1010))
    #expect(group.reckon() == [])
  }

  @Test(
    "a member that was away asks when it is back, and one head for each set tells it all in one round trip",
    arguments: [1, 3, 50] as [UInt64])
  func catchesUp(periods: UInt64) {
    let group = group()
    group.run(toEndOf: 1001, plus: 4000)
    group.killAggregator(3)
    group.run(toEndOf: 1001 + periods, plus: 7000)
    let head = group.aggregators[0]!.headPosition(0)
    #expect(head > 1)
    group.startAggregator(3)
    // It greets, others tell it that they know of this run, and then it asks: three steps at most.
    group.run(untilAtMost: 1) { group.aggregators[3]!.isConfirmed }
    group.step()
    #expect(group.agrees)
    let process = group.aggregators[3]!
    #expect(process.node.adoptedHeads + process.node.decidedPositions == 4)
    #expect(process.entries(.head).count == 8)
    for owner in 0..<4 { #expect(process.headPosition(owner) == group.aggregators[0]!.headPosition(owner)) }
    // And it takes part.
    group.run(toEndOf: 1002 + periods, plus: 4000)
    #expect(group.publishedCount(1002 + periods) == 4)
    for owner in 0..<4 { #expect(process.node.decidedPositions >= 4, "\(owner)") }
    #expect(group.isSettled(through: 1002 + periods))
    #expect(group.reckon() == [])
  }

  /// Aggregator 3 alone beside a party that holds aggregator 2's keys, in position 2 of set 0.
  private func alone() -> (group: Group, rogue: Rogue) {
    let group = group()
    group.run(toEndOf: 1001, plus: 6000)
    let rogue = Rogue.aggregator(2, of: group)
    for index in 0...1 { group.killAggregator(index) }
    rogue.greet()
    rogue.listen()
    rogue.heard = []
    return (group, rogue)
  }

  private func headsAsked(_ rogue: Rogue) -> [Want] {
    rogue.listen()
    return rogue.heard.compactMap { heard in
      guard heard.type == .want else { return nil }
      var reader = WireReader(heard.body.span)
      return try? Want(decoding: &reader)
    }.filter { $0.object == .head }
  }

  @Test("a record that begins beyond what is covered makes its receiver ask for the head")
  func recordBeyondCoverage() {
    let (group, rogue) = alone()
    let meter = Rogue.meter(0, 0, of: group)
    meter.greet()
    group.run(toEndOf: 1003, plus: 500)
    #expect(headsAsked(rogue).isEmpty)
    for _ in 0..<20 {
      meter.send(.record, group.record(0, 0, from: 1003, through: 1003), toAggregator: 3)
      group.step()
    }
    let asked = headsAsked(rogue)
    #expect(asked.count >= 1 && asked.count <= 4)
    #expect(asked.allSatisfy { $0.owner == ReplicaIndex(0) && $0.position == Position(2) })
    #expect(group.aggregators[3]!.refusals(RecordRefusal.wrongFrom) > 0)
    #expect(!group.aggregators[3]!.node.held(ReplicaIndex(0), Period(1003)).contains(MeterIndex(0)))
  }

  @Test("a vote of a later position makes its receiver ask its sender for the head, though nothing of it is counted")
  func voteBeyondHead() {
    let (group, rogue) = alone()
    group.run(toEndOf: 1002, plus: 1500)
    let before = group.state(3)
    for position: UInt64 in [3, 4, 1 << 40] {
      rogue.send(
        .vote, group.vote(.commit, signer: 2, owner: 1, position: position, period: 1002, digest: Digest()),
        toAggregator: 3)
    }
    group.step()
    // Three in one breath are asked about once.
    #expect(headsAsked(rogue).map { $0.position } == [Position(2)])
    #expect(headsAsked(rogue).map { $0.owner } == [ReplicaIndex(1)])
    #expect(group.state(3) == before)
  }

  @Test(
    "whoever votes about a decided position is answered with the newest head, but not what was on its way when it was decided"
  )
  func lateVoter() throws {
    let group = group()
    group.run(toEndOf: 1003, plus: 5000)
    let rogue = Rogue.aggregator(3, of: group)
    rogue.greet()
    rogue.heard = []
    let expected = group.aggregators[0]!.head(1)
    for (kind, position) in [(StatementKind.prepare, UInt64(3)), (.commit, 1)] {
      rogue.heard = []
      rogue.send(
        .vote, group.vote(kind, signer: 3, owner: 1, position: position, period: 1003, digest: Digest()),
        toAggregator: 0)
      group.step()
      rogue.listen()
      let pieces = rogue.heard.filter { $0.type == .chunk && $0.body[0] == ObjectKind.head.rawValue }
      #expect(pieces.count == 1)
      let object = Array(pieces[0].body.dropFirst(Chunk.encodedBytes))
      let length = Certificate.maximumBytes(group.genesis.context.quorum)
      let certificate = try Certificate(checking: object.span.extracting(0..<length), against: group.genesis)
      #expect(certificate.position == Position(3) && certificate.header.digest == expected)
      var table = group.genesis.coverage(of: ReplicaIndex(1))
      let fits = table.replace(
        decoding: object.span.extracting(length..<object.count), expecting: certificate.header.coverageRoot)
      #expect(fits)
    }
    // A moment after a decision others' votes are on their way.
    let decided = group.aggregators[0]!.headPosition(2)
    group.run(untilAtMost: 2) { group.aggregators[0]!.headPosition(2) > decided }
    rogue.listen()
    rogue.heard = []
    rogue.send(
      .vote, group.vote(.commit, signer: 3, owner: 2, position: decided + 1, period: 1004, digest: Digest()),
      toAggregator: 0)
    group.step()
    rogue.listen()
    #expect(!rogue.heard.contains { $0.type == .chunk && $0.body[0] == ObjectKind.head.rawValue && $0.body[2] == 2 })
  }

  @Test("a table may come from any member that is asked: one whose tables are lies delays nobody, and is counted")
  func tableOfAnyMember() {
    let group = group()
    group.run(toEndOf: 1003, plus: 5000)
    let rogue = Rogue.aggregator(3, of: group)
    rogue.greet()
    group.wipeAggregator(1)
    rogue.greet(Group.aggregatorName(1))
    // Others answer one step after the liar.
    var lies = 0
    group.run(untilAtMost: 1) {
      rogue.listen()
      for owner in 0..<4 where group.aggregators[1]!.headPosition(owner) == 0 {
        let bytes = group.published.certificates["1003-\(owner)"]! + [UInt8](repeating: 1, count: 32)
        for body in group.chunks(.head, owner, position: 3, bytes) { rogue.send(.chunk, body, toAggregator: 1) }
        lies += 1
      }
      return (0..<4).allSatisfy { group.aggregators[1]!.headPosition($0) == 3 }
    }
    #expect((0..<4).allSatisfy { group.aggregators[1]!.headPosition($0) == 3 })
    #expect(group.agrees)
    #expect(lies > 0 && group.aggregators[1]!.drops(.badSignature) > 0)
  }

  @Test("a head whose table is not its header's, or of a position before, changes nothing")
  func wrongHead() {
    let group = group()
    group.run(toEndOf: 1003, plus: 5000)
    let rogue = Rogue.aggregator(3, of: group)
    rogue.greet()
    // One that lost everything, and hears the rogue alone.
    group.wipeAggregator(1)
    group.setCut(true, among: [0, 1, 2])
    rogue.greet()
    let certificate = group.published.certificates["1003-0"]!
    var table = [UInt8](repeating: 0, count: 32)
    for meter in 0..<4 {
      for place in 0..<8 { table[8 * meter + place] = UInt8(truncatingIfNeeded: 1003 >> (8 * place)) }
    }
    func send(_ bytes: [UInt8]) {
      for body in group.chunks(.head, 0, position: 3, bytes) { rogue.send(.chunk, body, toAggregator: 1) }
      group.step()
    }
    var wrong: [[UInt8]] = []
    for place in [0, 8, 31] {
      var other = table
      other[place] ^= 1
      wrong.append(other)
    }
    wrong += [table + [UInt8](repeating: 0, count: 10), Array(table.dropLast()), []]
    for table in wrong { send(certificate + table) }
    #expect(group.aggregators[1]!.headPosition(0) == 0)
    #expect(group.aggregators[1]!.drops(.badSignature) == 4 && group.aggregators[1]!.drops(.malformedBody) == 2)
    send(certificate + table)
    #expect(group.aggregators[1]!.headPosition(0) == 3)
    #expect(group.aggregators[1]!.head(0) == group.aggregators[0]!.head(0))
  }
}

/// Three honest members that hear a liar and not each other, in position 2 of set 0; the liar leads that set in 1002 and each fourth period.
///
/// So they prepare what it proposes, and it alone knows that a quorum did.
private final class HidingPrimary {
  static let honest = [0, 1, 3]
  let group: Group
  let rogue: Rogue

  init() {
    var options = GroupOptions()
    options.periodSeconds = 8
    group = Group(options)
    group.run(toEndOf: 1001, plus: 6000)
    rogue = Rogue.aggregator(2, of: group)
    rogue.greet()
    group.setCut(true, among: Self.honest)
  }

  /// The records of set 0 through a period, once they are there.
  private func records(through period: UInt64) -> [[UInt8]] {
    let low = UInt8(truncatingIfNeeded: period)
    var records: [[UInt8]] = []
    group.run(untilAtMost: 2) {
      rogue.listen()
      records = []
      for heard in rogue.heard where heard.type == .record && heard.body[0] == 0 && heard.body[24] == low {
        if !records.contains(heard.body) { records.append(heard.body) }
      }
      return records.count == 4
    }
    return records.sorted { $0[2] < $1[2] }
  }

  private func sendAll(_ type: PacketType, _ body: [UInt8]) {
    for member in Self.honest { rogue.send(type, body, toAggregator: member) }
  }
  private func sendAll(_ object: ObjectKind, _ bytes: [UInt8]) {
    for body in group.chunks(object, 0, position: 2, bytes) { sendAll(.chunk, body) }
  }

  /// Proposes in the position's first round.
  func proposeFirst() -> Header {
    let records = records(through: 1002)
    let header = LyingPrimary.header(over: records, of: group, previous: group.aggregators[3]!.head(0))
    sendAll(
      .proposal, group.vote(.prepare, signer: 2, owner: 0, period: 1002, digest: header.digest, header: header))
    give(records)
    return header
  }

  /// Proposes anew, in the first round of a later period that it leads, for which it has each member ask.
  func proposeAgain(in period: UInt64) throws -> Header {
    group.run(toEndOf: period, plus: 100)
    rogue.heard = []
    let records = records(through: period)
    let header = LyingPrimary.header(over: records, of: group, previous: group.aggregators[3]!.head(0), period: period)
    let round = Round(Period(period))
    sendAll(.roundChange, group.roundChange(signer: 2, owner: 0, position: 2, to: round))
    for _ in 0..<3 {
      group.step()
      rogue.listen()
    }
    var asked: [UInt16: Vote] = [:]
    for heard in rogue.heard where heard.type == .chunk && heard.body[0] == ObjectKind.roundChange.rawValue {
      let bytes = Array(heard.body.dropFirst(Chunk.encodedBytes))
      var reader = WireReader(bytes.span)
      let change = try RoundChange(decoding: &reader)
      let statement = change.vote.statement
      if statement.owner == ReplicaIndex(0), statement.round == round, !change.prepared.exists {
        asked[statement.signer.rawValue] = change.vote
      }
    }
    #expect(asked.keys.sorted() == [0, 1, 3])
    let statement = Statement(
      kind: .prepare, in: group.genesis.context, owner: ReplicaIndex(0), position: Position(2), round: round,
      digest: header.digest, signer: ReplicaIndex(2))
    let new = NewRound(
      prepare: Vote(statement: statement, signature: rogue.seeds.signer().sign(statement)),
      prepared: Group.noCertificate,
      signers: 0b1011,
      claims: asked.sorted { $0.key < $1.key }.map { _, vote in
        RoundChangeClaim(claim: .none, digest: Digest(), signature: vote.signature)
      })
    sendAll(
      .newRound,
      [UInt8](capacity: NewRound.maximumBytes(group.genesis.context.quorum) + Header.encodedBytes) { out in
        new.encode(into: &out)
        header.encode(into: &out)
      })
    give(records)
    return header
  }

  private func give(_ records: [[UInt8]]) {
    for _ in 0..<5 {
      for record in records { sendAll(.record, record) }
      group.step()
    }
  }

  /// What the honest prepared in a round, as it was told by each.
  func certificate(of header: Header, in round: Round) throws -> PreparedCertificate {
    rogue.listen()
    var signatures: [Int: Signature] = [:]
    for heard in rogue.heard where heard.type == .vote && heard.body[0] == StatementKind.prepare.rawValue {
      var reader = WireReader(heard.body.span)
      _ = try reader.readBytes(24)
      guard heard.body[2] == 0, try reader.read(Digest.self) == header.digest else { continue }
      let signature = try reader.read(Signature.self)
      for member in Self.honest {
        let statement = Statement(
          kind: .prepare, in: group.genesis.context, owner: ReplicaIndex(0), position: Position(2), round: round,
          digest: header.digest, signer: ReplicaIndex(UInt16(member)))
        let key = group.genesis.aggregators[member].verificationKey
        let vote = Vote(statement: statement, signature: signature)
        if Authenticated(checking: vote, by: key) != nil { signatures[member] = signature }
      }
    }
    #expect(signatures.count == 3)
    return PreparedCertificate(
      signers: 0b1011, round: round, digest: header.digest,
      signatures: Self.honest.map { signatures[$0] ?? Signature() })
  }

  /// What is not in a journal is forgotten by all, who then hear each other.
  func restartAll() {
    for member in Self.honest { group.restartAggregator(member) }
    group.setCut(false, among: Self.honest)
    group.run(untilAtMost: 1) {
      rogue.listen()
      return Self.honest.allSatisfy { group.aggregators[$0]!.isConfirmed }
    }
  }

  func show(_ certificate: PreparedCertificate) {
    sendAll(
      .roundChange,
      group.roundChange(
        signer: 2, owner: 0, position: 2, to: Round(Period(group.period - 1), View(1)), prepared: certificate))
    group.step()
  }
}

@Suite("A liar that keeps a prepared certificate back and shows it rounds later (consensus rule K1)")
struct LateLockTests {
  @Test(
    "finds members that can prepare its value again, restarted or not, though they prepared another one since",
    arguments: [false, true], [false, true])
  func lateLock(restarts: Bool, preparedAnother: Bool) throws {
    let liar = HidingPrimary()
    let group = liar.group
    let header = liar.proposeFirst()
    let certificate = try liar.certificate(of: header, in: Round(Period(1002)))
    if preparedAnother {
      let other = try liar.proposeAgain(in: 1006)
      _ = try liar.certificate(of: other, in: Round(Period(1006)))
    }
    // The liar leads 1010 too, so that nobody else proposes before it has spoken.
    group.run(toEndOf: 1010, plus: 1500)
    if restarts { liar.restartAll() }
    #expect((1002...group.period).allSatisfy { group.certified(0, $0) == nil })
    let before = HidingPrimary.honest.map { group.aggregators[$0]!.host.rereads }
    liar.show(certificate)
    group.setCut(false, among: HidingPrimary.honest)
    let first = group.period + 1
    // What follows begins at the period after the header's, not after that of the round in which it is decided.
    // (consensus rule R2)
    var firstRounds: Set<Round> = []
    let isCertified = group.run(untilAtMost: 3) {
      for member in HidingPrimary.honest where group.aggregators[member]!.headPosition(0) == 2 {
        firstRounds.insert(group.aggregators[member]!.firstRound(0))
      }
      return group.certified(0, 1002) != nil
    }
    #expect(isCertified && group.certified(0, 1002) == header)
    #expect(firstRounds == [Round(Period(1003))])
    // Whoever was content with another value since has to look at this one anew: header and records are in its journal alone.
    let rereads = HidingPrimary.honest.map { group.aggregators[$0]!.host.rereads }
    if preparedAnother { #expect(zip(rereads, before).allSatisfy { $0 > $1 }) }
    for member in HidingPrimary.honest {
      let process = group.aggregators[member]!
      #expect(process.node.justificationRefusals == 0 && process.node.evidenceCount == 0)
      #expect(process.drops(.badSignature) == 0)
    }
    // Its meters learn of it, and go on from there.
    #expect(group.run(untilAtMost: 6) { group.isSettled(through: first + 1) })
    #expect(group.brokenChains() == [])
    #expect(group.reckon() == [])
  }
}

@Suite(
  "A lost disk: nothing is signed where something may have been signed (consensus rule K2)")
struct LostDiskTests {
  @Test("in a set before a certificate of a period from the voting floor on is held, however long that takes")
  func floor() {
    var options = GroupOptions()
    options.periodSeconds = 8
    let group = Group(options)
    var promises = 0
    group.wires.onSend = { header in
      if header.type == .receipt, header.sender == Group.aggregatorName(1).rawValue { promises += 1 }
    }
    group.run(toEndOf: 1002, plus: 4000)
    group.killAggregator(3)
    let promised = promises
    #expect(promised > 0)
    group.wipeAggregator(1)
    group.run(milliseconds: 2000)
    #expect(group.aggregators[1]!.isConfirmed)
    let floor = group.aggregators[1]!.node.votingFloor.rawValue
    #expect(floor == 1005)
    // It has the heads, and is one of the three that a decision takes. A floor by period alone would let it vote by now.
    group.run(toEndOf: 1009, plus: 4000)
    #expect(group.agrees)
    #expect(group.aggregators[1]!.ownVotes == [])
    // A receipt is signed too: it would convict of a proposal that this member has forgotten.
    #expect(promises == promised)
    #expect((1003...1009).allSatisfy { group.publishedCount($0) == 0 })
    // With a fourth member the others certify without it, and then it takes part.
    group.startAggregator(3)
    group.run(toEndOf: 1013, plus: 4000)
    for period: UInt64 in 1011...1013 { #expect(group.publishedCount(period) == 4, "\(period)") }
    let votes = group.aggregators[1]!.ownVotes
    #expect(Set(votes.map { $0.owner }).count == 4)
    #expect(promises > promised)
    for vote in votes {
      let before =
        (1001..<vote.round.period.rawValue).last { group.certified(Int(vote.owner.rawValue), $0) != nil } ?? 0
      #expect(before >= floor, "\(vote.owner) \(vote.position) \(vote.round)")
    }
    #expect(group.isSettled(through: 1013))
    #expect(group.brokenChains() == [])
    #expect(group.reckon() == [])
    for process in group.aggregators { #expect(process!.node.evidenceCount == 0) }
  }

  @Test("so disks lost one after another, each member back before the next, lead to no second certificate")
  func oneAfterAnother() {
    var options = GroupOptions()
    options.periodSeconds = 8
    let group = Group(options)
    group.run(toEndOf: 1001, plus: 4000)
    for (place, milliseconds) in ([0, 200, 400, 1000, 3000, 200] as [UInt64]).enumerated() {
      let index = place % 4
      group.run(toEndOf: 1002 + 4 * UInt64(place), plus: milliseconds)
      group.wipeAggregator(index)
    }
    group.run(toEndOf: 1030, plus: 4000)
    #expect(group.run(untilAtMost: 4) { group.isSettled(through: 1030) && group.agrees })
    #expect(group.brokenChains() == [])
    #expect(group.reckon() == [])
    for process in group.aggregators { #expect(process!.node.evidenceCount == 0) }
  }
}
