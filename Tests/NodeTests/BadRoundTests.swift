import Aggregation
import Consensus
import Cryptography
import Node
import Packets
import Testing
import Units
import Wire

/// One way to be wrong with a round change or a new round, and where it must be counted.
struct BadRound: Sendable, CustomTestStringConvertible {
  enum Count: Sendable {
    case justification, malformed, notOpen, wrongRound
  }
  let testDescription: String
  let count: Count
  let object: ObjectKind
  let bytes: @Sendable (Group) -> [UInt8]

  init(
    _ what: String, _ count: Count, _ object: ObjectKind = .roundChange, _ bytes: @escaping @Sendable (Group) -> [UInt8]
  ) {
    testDescription = what
    self.count = count
    self.object = object
    self.bytes = bytes
  }

  static let period: UInt64 = 1002
  /// The value of set 1 in the group's last position, which has a header that can be shown.
  private static func header(_ group: Group, period: UInt64 = BadRound.period) -> Header {
    var header = group.certified(1, 1001)!
    header.previous = header.digest
    header.period = Period(period)
    return header
  }

  /// Prepares of three members, though no honest one would sign.
  private static func lock(
    _ group: Group, _ header: Header, position: UInt64 = 2, round: Round = Round(Period(period)),
    members: [Int] = [0, 1, 2]
  ) -> PreparedCertificate {
    var signers: UInt64 = 0
    var signatures: [Signature] = []
    for member in members {
      let statement = Statement(
        kind: .prepare, in: group.genesis.context, owner: ReplicaIndex(1), position: Position(position), round: round,
        digest: header.digest, signer: ReplicaIndex(UInt16(member)))
      signers |= 1 << UInt64(member)
      signatures.append(group.aggregatorSeeds[member].signer().sign(statement))
    }
    return PreparedCertificate(signers: signers, round: round, digest: header.digest, signatures: signatures)
  }

  private static func change(
    _ group: Group, signer: Int = 3, to round: Round = Round(Period(period), View(1)),
    _ prepared: PreparedCertificate = Group.noCertificate, header: Header? = nil
  ) -> [UInt8] {
    group.roundChange(signer: signer, owner: 1, position: 2, to: round, prepared: prepared, header: header)
  }

  /// By member 3, who leads set 1 in view 4, citing round changes of these members for a round.
  private static func newRound(
    _ group: Group, view: UInt32 = 4, citing members: [Int] = [0, 1, 3], asking: UInt32? = nil,
    prepared: PreparedCertificate = Group.noCertificate, value: Digest? = nil
  ) -> [UInt8] {
    let header = header(group)
    let round = Round(Period(period), View(view))
    func statement(_ kind: StatementKind, _ round: Round, _ digest: Digest, _ member: Int) -> Statement {
      Statement(
        kind: kind, in: group.genesis.context, owner: ReplicaIndex(1), position: Position(2), round: round,
        digest: digest, signer: ReplicaIndex(UInt16(member)))
    }
    let prepare = statement(.prepare, round, value ?? header.digest, 3)
    var signers: UInt64 = 0
    var claims: [RoundChangeClaim] = []
    for member in members {
      let asked = statement(.roundChange, Round(Period(period), View(asking ?? view)), Digest(), member)
      signers |= 1 << UInt64(member)
      claims.append(
        RoundChangeClaim(claim: .none, digest: Digest(), signature: group.aggregatorSeeds[member].signer().sign(asked)))
    }
    let new = NewRound(
      prepare: Vote(statement: prepare, signature: group.aggregatorSeeds[3].signer().sign(prepare)), prepared: prepared,
      signers: signers, claims: claims)
    return [UInt8](capacity: NewRound.maximumBytes(group.genesis.context.quorum)) { out in new.encode(into: &out) }
  }

  static let all: [BadRound] = [
    BadRound("a round of a period that has not begun", .notOpen) { change($0, to: Round(Period(1010))) },
    BadRound("the position's first round, which nobody asks for", .wrongRound) {
      change($0, to: Round(Period(period)))
    },
    BadRound("a lock of another position", .justification) { change($0, lock($0, header($0), position: 3)) },
    BadRound("a lock of a later round", .justification) {
      change($0, lock($0, header($0), round: Round(Period(period), View(1))))
    },
    BadRound("a lock of q − 1 members", .justification) { change($0, lock($0, header($0), members: [0, 2])) },
    BadRound("a header of a later period than its lock", .malformed) { group in
      let header = header(group, period: 1003)
      return change(group, lock(group, header), header: header)
    },
    BadRound("the header of another value", .malformed) { group in
      change(group, lock(group, header(group)), header: group.certified(1, 1001))
    },
    BadRound("half a header behind it", .malformed) { group in
      Array(change(group, lock(group, header(group)), header: header(group)).dropLast(100))
    },
    BadRound("another member's round change", .malformed) { change($0, signer: 0) },
    BadRound("a round change that nobody signed", .justification) { group in
      var bytes = change(group)
      bytes[150] ^= 1
      return bytes
    },
    BadRound("a new round of q − 1", .justification, .newRound) { newRound($0, citing: [0, 3]) },
    BadRound("a new round of members that asked for another", .justification, .newRound) { newRound($0, asking: 3) },
    BadRound("a new round by who does not lead it", .justification, .newRound) { newRound($0, view: 3) },
    BadRound("a new round with a lock and another value", .justification, .newRound) { group in
      newRound(group, prepared: lock(group, header(group)), value: Digest())
    },
    BadRound("version 1 of a statement", .malformed) { group in
      var bytes = change(group)
      bytes.replaceSubrange(0..<8, with: Array("BUSBAR/1".utf8))
      return bytes
    },
  ]
}

@Suite("Bad round changes, new rounds and manifests change nothing")
struct BadRoundTests {
  /// The primary of set 1 in 1002, in the hands of a test: without it that position stays open.
  private func prepared() -> (group: Group, rogue: Rogue) {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3500)
    let rogue = Rogue.aggregator(3, of: group)
    rogue.greet()
    return (group, rogue)
  }

  private func standing(_ group: Group) -> String {
    let process = group.aggregators[1]!
    return "\(process.node.standing(of: ReplicaIndex(1))) \(process.head(1)) \(process.node.evidenceCount)"
  }

  @Test("whatever is wrong with them (consensus rules 6, 12, 15, 16, R5, R18)", arguments: BadRound.all)
  func refused(bad: BadRound) {
    let (group, rogue) = prepared()
    let judge = group.aggregators[1]!
    func counts() -> [UInt64] {
      [
        judge.node.justificationRefusals, judge.drops(.malformedBody), judge.refusals(Refusal.notOpen),
        judge.refusals(Refusal.wrongRound),
      ]
    }
    let before = counts()
    let state = standing(group)
    for body in group.chunks(bad.object, 1, position: 2, bad.bytes(group)) { rogue.send(.chunk, body, toAggregator: 1) }
    group.step()
    var expected = before
    switch bad.count {
    case .justification: expected[0] += 1
    case .malformed: expected[1] += 1
    case .notOpen: expected[2] += 1
    case .wrongRound: expected[3] += 1
    }
    #expect(counts() == expected)
    #expect(standing(group) == state)
    #expect(group.failures == [])
  }

  @Test("while honest ones move a member on: it follows q that asked, and takes their lock over")
  func honest() {
    let (group, rogue) = prepared()
    let change = group.roundChange(signer: 3, owner: 1, position: 2, to: Round(Period(1002), View(1)))
    for body in group.chunks(.roundChange, 1, position: 2, change) { rogue.send(.chunk, body, toAggregator: 1) }
    group.step()
    #expect(group.aggregators[1]!.node.justificationRefusals == 0)
    // One asker alone moves nobody before its own time.
    #expect(group.aggregators[1]!.node.standing(of: ReplicaIndex(1)).round == Round(Period(1002)))
    #expect(group.run(untilAtMost: 3) { group.certified(1, 1002) != nil })
  }

  @Test("a proposal for a round that is not the position's first is refused, be it the first of its period")
  func proposal() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 2000)
    let rogue = Rogue.aggregator(3, of: group)
    rogue.greet()
    // Nobody can decide set 0 in 1002. primary(0, 1003, 0) = 3.
    for index in [0, 2] { group.killAggregator(index) }
    group.run(toEndOf: 1003, plus: 100)
    #expect(group.aggregators[1]!.node.standing(of: ReplicaIndex(0)).round == Round(Period(1003)))
    var header = group.certified(0, 1001)!
    header.previous = header.digest
    header.period = Period(1003)
    header.author = ReplicaIndex(3)
    let judge = group.aggregators[1]!
    let before = judge.refusals(Refusal.wrongRound)
    rogue.send(
      .proposal,
      group.vote(.prepare, signer: 3, owner: 0, position: 2, period: 1003, digest: header.digest, header: header),
      toAggregator: 1)
    group.step()
    #expect(judge.refusals(Refusal.wrongRound) == before + 1)
    #expect(judge.node.standing(of: ReplicaIndex(0)).awaited != header.digest)
  }

  @Test(
    "two prepares are evidence in one round; of one header in two rounds, or two headers in two, they are none",
    arguments: [
      (true, true, 0), (true, false, 0), (false, true, 1), (false, false, 0),
    ])
  func evidence(isOneHeader: Bool, isOneRound: Bool, expected: UInt64) {
    let (group, rogue) = prepared()
    let first = group.aggregators[0]!.head(0)
    let second = isOneHeader ? first : group.aggregators[0]!.head(1)
    for (view, digest) in [(0, first), (isOneRound ? 0 : 1, second)] as [(UInt32, Digest)] {
      rogue.send(
        .vote, group.vote(.prepare, signer: 3, owner: 1, period: 1002, digest: digest, view: view), toAggregator: 1)
      group.step()
    }
    let found = group.aggregators[1]!.node.evidenceCount
    #expect(found == expected)
    #expect(group.aggregators[1]!.node.provenCount == Int(expected))
  }

  @Test("a manifest that does not hash to its root, is cut short or was not asked for is not taken")
  func manifests() throws {
    let primary = LyingPrimary()
    let group = primary.group
    var header = primary.header()
    let honest = header
    header.manifestRoot.storage[31] ^= 128
    primary.propose(header)
    primary.rogue.listen()
    let wants = primary.rogue.heard.filter { $0.type == .want && $0.body[0] == ObjectKind.manifest.rawValue }
    #expect(wants.count > 0)
    let hashes = try primary.records.map { bytes in
      var reader = WireReader(bytes.span)
      let record = try Record(decoding: &reader)
      let ciphertext = Array(bytes.dropFirst(Record.fixedBytes))
      return RecordStatement(
        networkIdentifier: group.genesis.networkIdentifier, group: group.genesis.group, record: record,
        ciphertextHash: RecordStatement.ciphertextHash(ciphertext.span)
      ).recordHash
    }
    func send(_ header: Header, _ hashes: [Digest]) {
      let object = [UInt8](capacity: 512) { out in
        header.encode(into: &out)
        for hash in hashes { out.write(hash) }
      }
      for body in group.chunks(.manifest, 0, position: 2, object) {
        primary.rogue.send(.chunk, body, toAggregator: LyingPrimary.judge)
      }
      group.step()
    }
    let before = (primary.judge.drops(.malformedBody), primary.judge.drops(.notAllowed))
    send(header, hashes)
    send(header, hashes.dropLast())
    send(header, hashes + [Digest()])
    #expect(primary.judge.drops(.malformedBody) == before.0 + 3)
    send(honest, hashes)
    #expect(primary.judge.drops(.notAllowed) == before.1 + 1)
    #expect(!primary.judge.hasSigned(0, 1002))
  }
}
