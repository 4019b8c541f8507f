import Consensus
import Cryptography
import Testing
import Units
import Wire

struct TestGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

func signingKey(_ member: UInt16) -> SigningKey {
  var seed = FixedBytes<32>()
  seed.storage[0] = UInt8(member)
  seed.storage[1] = 0x5A
  return SigningKey(seed: SecretBytes(taking: &seed))
}

func makeContext(members: UInt16 = 4, rotates: Bool = true) -> GroupContext {
  var network = Digest()
  network.storage[0] = 7
  return GroupContext(
    networkIdentifier: network, epoch: Epoch(1), group: GroupIndex(0), members: members, rotates: rotates)
}

func digest(_ value: UInt8) -> Digest {
  var result = Digest()
  result.storage[31] = value
  return result
}

/// Members in one process, and every vote ever emitted.
final class Bench {
  let context: GroupContext
  let owner = ReplicaIndex(1)
  let period = Period(6)
  var instances: [Cell] = []
  var journal: [[Vote]]
  /// What the disks hold: an entry for each own vote, as the instance wrote it.
  var entries: [[[UInt8]]]
  enum Message {
    case vote(Vote), proposal(Vote), roundChange(RoundChange), newRound(NewRound)
  }
  /// In flight, by receiver.
  var flight: [(Int, Message)] = []
  var decisions: [Int: Digest] = [:]
  var emitted: [Vote] = []
  var evidence = 0
  var refusals: [Refusal] = []
  /// Who was told that whose vote came late.
  var late: [(Int, Int)] = []
  /// What members find valid.
  var valid: Set<Digest>

  final class Cell {
    var instance: Instance
    init(_ instance: consuming Instance) { self.instance = instance }
  }

  let timing: Timing

  init(members: UInt16 = 4, valid: Set<Digest> = [digest(1), Digest()], timing: Timing = .standard) {
    context = makeContext(members: members)
    self.timing = timing
    self.valid = valid
    journal = Array(repeating: [], count: Int(members))
    entries = Array(repeating: [], count: Int(members))
    for member in 0..<members { instances.append(fresh(member)) }
  }

  func fresh(_ member: UInt16) -> Cell {
    Cell(Instance(context: context, replica: ReplicaIndex(member), owner: owner, period: period, timing: timing))
  }

  var primary: Int { Int(context.primary(owner: owner, period: period, view: View(0)).rawValue) }

  func step(_ member: Int, _ input: Input) {
    var effects = Effects()
    let key = signingKey(UInt16(member))
    instances[member].instance.step(input, signer: key, into: &effects)
    for index in 0..<effects.count {
      switch effects[index] {
      case .persist(let vote):
        journal[member].append(vote)
        entries[member].append(
          [UInt8](capacity: Instance.maximumEntryBytes(context.quorum)) { out in
            instances[member].instance.encodeEntry(for: vote, into: &out)
          })
      case .broadcast(let vote): send(vote, .vote(vote), from: member)
      case .broadcastProposal(let vote): send(vote, .proposal(vote), from: member)
      case .broadcastRoundChange(let vote): send(vote, .roundChange(instances[member].instance.roundChange!), from: member)
      case .broadcastNewRound(let vote): send(vote, .newRound(instances[member].instance.newRound!), from: member)
      case .validate(let digest):
        if valid.contains(digest) { step(member, .validated(digest)) }
      case .decided(let digest):
        #expect(decisions[member] == nil)
        decisions[member] = digest
      case .evidence: evidence += 1
      case .lateVote(let signer): late.append((member, Int(signer.rawValue)))
      case .refused(let reason): refusals.append(reason)
      }
    }
  }

  private func send(_ vote: Vote, _ message: Message, from member: Int) {
    #expect(journal[member].contains(vote), "sent before durable (rule 39)")
    emitted.append(vote)
    for other in instances.indices where other != member { flight.append((other, message)) }
  }

  /// Crashes a member and starts it again from its journal.
  func restart(_ member: Int) {
    let revived = fresh(UInt16(member))
    for entry in entries[member] { Bench.restore(entry, into: revived) }
    instances[member] = revived
    decisions[member] = nil
  }

  static func restore(_ entry: [UInt8], into cell: Cell) {
    var reader = WireReader(entry.span)
    do {
      let vote = try Vote(decoding: &reader)
      try cell.instance.restore(vote, proof: &reader)
    } catch { Issue.record("an entry does not decode") }
  }

  /// A journal that holds just this vote. The certificate behind a commit is made up of real prepares.
  func restoreAlone(_ vote: Vote, into member: Int) {
    let entry = [UInt8](capacity: 1000) { out in
      vote.encode(into: &out)
      if vote.statement.kind == .commit { prepared(vote.statement.digest).encode(into: &out) }
    }
    journal[member].append(vote)
    Bench.restore(entry, into: instances[member])
  }

  /// No certificate.
  var none: PreparedCertificate {
    PreparedCertificate(signers: 0, view: View(0), digest: Digest(), signatures: [])
  }

  func prepared(_ digest: Digest, view: UInt32 = 0, by signers: [UInt16] = [0, 1, 2]) -> PreparedCertificate {
    var bits: UInt64 = 0
    for signer in signers { bits |= 1 << UInt64(signer) }
    return PreparedCertificate(
      signers: bits, view: View(view), digest: digest,
      signatures: signers.map { vote(.prepare, by: $0, digest, view: view).signature })
  }

  /// Delivers what is in flight, and what that causes, in order.
  func settle() { while !flight.isEmpty { deliver(0) } }

  var keys: MemberKeys { MemberKeys((0..<context.quorum.members).map { signingKey($0).verificationKey }) }

  func receive(_ member: Int, _ vote: Vote, proposal: Bool = false) {
    let key = signingKey(vote.statement.signer.rawValue).verificationKey
    guard let authenticated = Authenticated(checking: vote, by: key) else {
      Issue.record("bad signature")
      return
    }
    step(member, proposal ? .proposal(authenticated) : .vote(authenticated))
  }

  func deliver(_ index: Int) {
    let (receiver, message) = flight.remove(at: index)
    deliver(message, to: receiver)
  }

  func deliver(_ message: Message, to receiver: Int) {
    switch message {
    case .vote(let vote): receive(receiver, vote)
    case .proposal(let vote): receive(receiver, vote, proposal: true)
    case .roundChange(let change):
      do { step(receiver, .roundChange(try VerifiedRoundChange(checking: change, in: context, by: keys))) } catch {
        Issue.record("round change of an honest member: \(error)")
      }
    case .newRound(let newRound):
      do { step(receiver, .newRound(try VerifiedNewRound(checking: newRound, in: context, by: keys))) } catch {
        Issue.record("new round of an honest member: \(error)")
      }
    }
  }

  func vote(_ kind: StatementKind, by member: UInt16, _ digest: Digest, view: UInt32 = 0) -> Vote {
    let statement = Statement(
      kind: kind, in: context, owner: owner, period: period, view: View(view), digest: digest,
      signer: ReplicaIndex(member))
    return Vote(statement: statement, signature: signingKey(member).sign(statement))
  }

  /// No key may have signed two statements of the same kind and view.
  func expectNoConflict() {
    for (index, vote) in emitted.enumerated() {
      for other in emitted[..<index]
      where other.statement.signer == vote.statement.signer && other.statement.kind == vote.statement.kind
        && other.statement.view == vote.statement.view
      {
        #expect(other == vote)
      }
    }
  }
}

@Suite("Single-shot instance, normal case (Castro & Liskov 1999, §4.2)")
struct InstanceTests {
  @Test("q = ⌈(m+f+1)/2⌉: two quorums meet in an honest member, and the honest ones suffice, for m = 4…64 (rule 1)")
  func quorums() {
    for members in UInt16(4)...64 {
      let quorum = Quorum(members: members)
      #expect(2 * quorum.size >= members + quorum.faults + 1)
      #expect(2 * (quorum.size - 1) < members + quorum.faults + 1, "not larger than needed")
      #expect(quorum.size <= members - quorum.faults)
    }
    #expect(Quorum(members: 5).size == 4)
    #expect(Quorum(members: 50).size == 34)
  }

  @Test("the primary rotates with the period, and stays when rotation is fixed (DESIGN §3)")
  func rotation() {
    let rotating = makeContext()
    let fixed = makeContext(rotates: false)
    for period in UInt64(0)..<8 {
      let primary = rotating.primary(owner: ReplicaIndex(2), period: Period(period), view: View(1))
      #expect(primary.rawValue == UInt16((2 + period + 1) % 4))
      #expect(fixed.primary(owner: ReplicaIndex(2), period: Period(period), view: View(0)).rawValue == 2)
    }
  }

  @Test(
    "every order of delivery decides the same value, or NULL, and nobody signs twice", arguments: [digest(1), Digest()])
  func shuffles(value: Digest) {
    for seed in 0..<40 {
      var generator = TestGenerator(state: UInt64(seed))
      let bench = Bench(members: [4, 5, 6, 7][seed % 4])
      bench.step(bench.primary, .propose(value))
      while !bench.flight.isEmpty { bench.deliver(Int.random(in: 0..<bench.flight.count, using: &generator)) }
      #expect(bench.decisions.count == bench.instances.count)
      #expect(bench.decisions.values.allSatisfy { $0 == value })
      #expect(bench.evidence == 0)
      bench.expectNoConflict()
    }
  }

  @Test("40 % loss is overcome by sending own votes again (rule 23)")
  func loss() {
    for seed in 0..<20 {
      var generator = TestGenerator(state: UInt64(1000 + seed))
      let bench = Bench()
      bench.step(bench.primary, .propose(digest(1)))
      for _ in 0..<400 where bench.decisions.count < 4 {
        while !bench.flight.isEmpty {
          if UInt32.random(in: 0..<10, using: &generator) < 4 { bench.flight.removeFirst() } else { bench.deliver(0) }
        }
        for member in 0..<4 { bench.step(member, .tick) }
        // A decided member answers a late vote with the certificate; here: with its commit.
        for (member, value) in bench.decisions.sorted(by: { $0.key < $1.key }) where bench.decisions.count < 4 {
          for other in 0..<4 where bench.decisions[other] == nil {
            bench.receive(other, bench.vote(.commit, by: UInt16(member), value))
          }
        }
      }
      #expect(bench.decisions.count == 4)
      bench.expectNoConflict()
    }
  }

  @Test("a value a member does not hold or finds invalid gets no prepare from it")
  func invalid() {
    let bench = Bench(valid: [])
    bench.step(bench.primary, .propose(digest(1)))
    while !bench.flight.isEmpty { bench.deliver(0) }
    #expect(bench.decisions.isEmpty)
    #expect(bench.emitted.count == 1)
  }

  @Test("duplicates never count (rule 2), prepares never count as commits (rule 5)")
  func duplicates() {
    let bench = Bench()
    let member = (bench.primary + 1) % 4
    let other = UInt16((bench.primary + 2) % 4)
    bench.receive(member, bench.vote(.prepare, by: UInt16(bench.primary), digest(1)), proposal: true)
    let commit = bench.vote(.commit, by: other, digest(1))
    for _ in 0..<5 { bench.receive(member, commit) }
    #expect(bench.refusals == Array(repeating: .duplicate, count: 4))
    #expect(bench.decisions.isEmpty)
    bench.receive(member, bench.vote(.prepare, by: other, digest(1)))
    // Three prepares: prepared, own commit sent. Two commits: not decided.
    #expect(bench.journal[member].map(\.statement.kind) == [.prepare, .commit])
    #expect(bench.decisions.isEmpty)
    bench.receive(member, bench.vote(.commit, by: UInt16(bench.primary), digest(1)))
    #expect(bench.decisions[member] == digest(1))
  }

  @Test("votes of another instance, view, kind or non-member are refused and counted")
  func foreign() {
    let bench = Bench()
    var wrongPeriod = bench.vote(.commit, by: 0, digest(1))
    wrongPeriod.statement.period = Period(7)
    wrongPeriod.signature = signingKey(0).sign(wrongPeriod.statement)
    bench.receive(3, wrongPeriod)
    var wrongEpoch = bench.vote(.commit, by: 0, digest(1))
    wrongEpoch.statement.epoch = Epoch(2)
    wrongEpoch.signature = signingKey(0).sign(wrongEpoch.statement)
    bench.receive(3, wrongEpoch)
    bench.receive(3, bench.vote(.roundChange, by: 0, digest(1)))
    bench.receive(3, bench.vote(.commit, by: 9, digest(1)))
    let notPrimary = UInt16((bench.primary + 1) % 4)
    bench.receive(3, bench.vote(.prepare, by: notPrimary, digest(1)), proposal: true)
    bench.receive(3, bench.vote(.prepare, by: notPrimary, digest(1), view: 1), proposal: true)
    #expect(bench.refusals == [.wrongInstance, .wrongInstance, .wrongKind, .nonMember, .notPrimary, .wrongRound])
  }

  @Test("two proposals of one primary are evidence, and only the first is prepared (rules 6, 49)")
  func equivocation() {
    let bench = Bench(valid: [digest(1), digest(2)])
    let member = (bench.primary + 1) % 4
    bench.receive(member, bench.vote(.prepare, by: UInt16(bench.primary), digest(1)), proposal: true)
    bench.receive(member, bench.vote(.prepare, by: UInt16(bench.primary), digest(2)), proposal: true)
    #expect(bench.evidence == 1)
    #expect(bench.journal[member].map(\.statement.digest) == [digest(1)])
  }

  @Test("after a crash at any point the same votes go out again and no other (rules 23, 39, 40)")
  func restart() {
    for crash in 0..<12 {
      let bench = Bench(valid: [digest(1), digest(2)])
      bench.step(bench.primary, .propose(digest(1)))
      var steps = 0
      while !bench.flight.isEmpty {
        if steps == crash {
          for member in 0..<4 { bench.restart(member) }
          // The revived primary is asked to propose something else.
          bench.step(bench.primary, .propose(digest(2)))
        }
        bench.deliver(0)
        steps += 1
      }
      for _ in 0..<30 where bench.decisions.count < 4 {
        for member in 0..<4 { bench.step(member, .tick) }
        while !bench.flight.isEmpty { bench.deliver(0) }
      }
      bench.expectNoConflict()
      #expect(bench.decisions.values.allSatisfy { $0 == digest(1) })
    }
  }
}

@Suite("Certificates (DESIGN §2.3)")
struct QuorumCertificateTests {
  func certificate(_ bench: Bench, kind: StatementKind = .commit, signers: [UInt16]) -> QuorumCertificate {
    var common = bench.vote(kind, by: 0, digest(1)).statement
    common.signer = ReplicaIndex(0)
    var bits: UInt64 = 0
    for signer in signers { bits |= 1 << UInt64(signer) }
    return QuorumCertificate(
      statement: common, signers: bits, signatures: signers.map { bench.vote(kind, by: $0, digest(1)).signature })
  }

  func refusal(_ certificate: QuorumCertificate, _ context: GroupContext) -> CertificateError? {
    let keys = (0..<context.quorum.members).map { signingKey($0).verificationKey }
    do throws(CertificateError) { try certificate.verify(in: context, keys: keys.span) } catch { return error }
    return nil
  }

  @Test("q commits verify; q − 1, q + 1, prepares, non-members, another network or a repeated signature do not")
  func verification() {
    let bench = Bench()
    #expect(refusal(certificate(bench, signers: [0, 1, 3]), bench.context) == nil)
    #expect(refusal(certificate(bench, signers: [0, 1]), bench.context) == .wrongSignerCount(2))
    #expect(refusal(certificate(bench, signers: [0, 1, 2, 3]), bench.context) == .wrongSignerCount(4))
    #expect(refusal(certificate(bench, kind: .prepare, signers: [0, 1, 3]), bench.context) == .wrongKind)
    #expect(refusal(certificate(bench, signers: [0, 1, 9]), bench.context) == .nonMember)
    var repeated = certificate(bench, signers: [0, 1, 3])
    repeated.signatures[2] = repeated.signatures[1]
    #expect(refusal(repeated, bench.context) == .badSignature(signer: 3))
    var foreign = bench.context
    foreign = GroupContext(
      networkIdentifier: digest(9), epoch: foreign.epoch, group: foreign.group, members: 4, rotates: true)
    #expect(refusal(certificate(bench, signers: [0, 1, 3]), foreign) == .wrongContext)
    var signer = certificate(bench, signers: [0, 1, 3])
    signer.statement.signer = ReplicaIndex(1)
    #expect(refusal(signer, bench.context) == .signerNotZero)
  }

  @Test("no prefix and no flipped bit of a certificate verifies")
  func mutations() {
    let bench = Bench()
    let keys = (0..<UInt16(4)).map { signingKey($0).verificationKey }
    let good = certificate(bench, signers: [0, 1, 3])
    var buffer = ByteBuffer(capacity: QuorumCertificate.encodedBytes(quorum: bench.context.quorum))
    buffer.replace { out in good.encode(into: &out) }
    var encoded: [UInt8] = []
    for index in 0..<buffer.count { encoded.append(buffer.span[index]) }
    func accepted(_ bytes: [UInt8]) -> Bool {
      var reader = WireReader(bytes.span)
      do {
        let certificate = try QuorumCertificate(decoding: &reader)
        try reader.expectEnd()
        try certificate.verify(in: bench.context, keys: keys.span)
      } catch { return false }
      return true
    }
    #expect(accepted(encoded))
    for count in encoded.indices { #expect(!accepted(Array(encoded[..<count]))) }
    var survivors: [Int] = []
    for bit in 0..<(encoded.count * 8) {
      var mutated = encoded
      mutated[bit / 8] ^= 1 << UInt8(bit % 8)
      if accepted(mutated) { survivors.append(bit) }
    }
    #expect(survivors == [])
  }
}
