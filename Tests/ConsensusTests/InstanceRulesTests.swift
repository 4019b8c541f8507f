import Consensus
import Cryptography
import Testing
import Units
import Wire

@Suite("Single-shot instance: orders, restarts, late and foreign votes (docs/CONSENSUS.md)")
struct InstanceRulesTests {
  /// All orders of 0 ..< count.
  static func permutations(_ count: Int) -> [[Int]] {
    guard count > 0 else { return [[]] }
    return permutations(count - 1).flatMap { shorter in
      (0...shorter.count).map { place in
        var longer = shorter
        longer.insert(count - 1, at: place)
        return longer
      }
    }
  }

  @Test("a backup decides after every one of 720 orders, and commits only when prepared (rules 7, 8)")
  func exhaustive() {
    let value = digest(1)
    let template = Bench()
    let others = (0..<UInt16(4)).filter { $0 != 0 }
    let primary = UInt16(template.primary)
    let votes =
      others.map { template.vote(.prepare, by: $0, value) } + others.map { template.vote(.commit, by: $0, value) }
    let checked = votes.map { vote in
      Authenticated(checking: vote, by: signingKey(vote.statement.signer.rawValue).verificationKey)!
    }
    for order in Self.permutations(checked.count) {
      let bench = Bench()
      var commits = 0
      var prepares = 0
      var isProposed = false
      for index in order {
        let statement = votes[index].statement
        let isProposal = statement.kind == .prepare && statement.signer.rawValue == primary
        bench.step(0, isProposal ? .proposal(checked[index]) : .vote(checked[index]))
        if isProposal { isProposed = true }
        if statement.kind == .commit { commits += 1 } else { prepares += 1 }
        let kinds = bench.journal[0].map(\.statement.kind)
        #expect(kinds == [] || isProposed)
        #expect(kinds == [] || kinds == [.prepare] || kinds == [.prepare, .commit])
        #expect(!kinds.contains(.commit) || prepares + 1 >= 3)
        let isDecided = bench.decisions[0] != nil
        #expect(isDecided == (commits + (kinds.contains(.commit) ? 1 : 0) >= 3))
      }
      #expect(bench.decisions[0] == value)
    }
  }

  @Test(
    "repetition, and the answers of those that decided, overcome 40 % loss (rule 23)", arguments: [UInt16(4), 5, 7])
  func loss(members: UInt16) {
    for seed in 0..<UInt64(20) {
      var generator = TestGenerator(state: 77_000 + seed)
      let bench = Bench(members: members)
      bench.step(bench.primary, .propose(digest(1)))
      for _ in 0..<300 where bench.decisions.count < Int(members) {
        while !bench.flight.isEmpty {
          if UInt32.random(in: 0..<10, using: &generator) < 4 { bench.flight.removeFirst() } else { bench.deliver(0) }
        }
        for member in 0..<Int(members) {
          bench.tick(member)
          if bench.awaitsProposal(member) { bench.step(member, .propose(digest(1))) }
        }
        bench.answerLate { _ in UInt32.random(in: 0..<10, using: &generator) < 4 }
      }
      #expect(bench.decisions.count == Int(members), "seed \(seed)")
      bench.expectNoConflict()
    }
  }

  @Test("a decided member says nothing of itself")
  func silence() {
    let bench = Bench()
    bench.step(bench.primary, .propose(digest(1)))
    bench.settle()
    bench.emitted = []
    for member in 0..<4 { for _ in 0..<1000 { bench.tick(member) } }
    bench.end(7)
    #expect(bench.emitted.isEmpty)
    #expect(bench.current(0) == round(6))
  }

  @Test("after a restart the first tick sends exactly the stored votes again (rules 23, 40)")
  func resend() {
    let bench = Bench()
    bench.step(bench.primary, .propose(digest(1)))
    while !bench.flight.isEmpty { bench.deliver(0) }
    for member in 0..<4 {
      bench.restart(member)
      bench.emitted = []
      bench.tick(member)
      #expect(bench.emitted == bench.journal[member])
    }
  }

  @Test("a restarted backup bound to A by its prepare, or by its commit alone, signs nothing about B (rule 40)")
  func boundAfterRestart() {
    for kinds in [[StatementKind.prepare], [.commit], [.prepare, .commit]] {
      let bench = Bench(valid: [digest(1), digest(2)])
      for kind in kinds {
        bench.restoreAlone(bench.vote(kind, by: 0, digest(1)), into: 0)
      }
      bench.receive(0, bench.vote(.prepare, by: UInt16(bench.primary), digest(2)), proposal: true)
      bench.step(0, .validated(digest(2)))
      for other in [UInt16(1), 2] { bench.receive(0, bench.vote(.prepare, by: other, digest(2))) }
      #expect(bench.refusals == [.conflicting])
      #expect(bench.emitted.isEmpty)
      #expect(bench.journal[0].count == kinds.count)
    }
  }

  @Test("a restarted primary bound by its commit alone proposes nothing else (rule 40)")
  func primaryBoundAfterRestart() {
    let bench = Bench()
    bench.restoreAlone(bench.vote(.commit, by: UInt16(bench.primary), digest(1)), into: bench.primary)
    bench.step(bench.primary, .propose(digest(2)))
    #expect(bench.refusals == [.alreadyProposed])
    #expect(bench.emitted.isEmpty)
  }

  @Test("a vote under this member's own key from outside never counts (rules 3, 44)")
  func ownKey() {
    let bench = Bench()
    for other in [UInt16(1), 2] { bench.receive(0, bench.vote(.commit, by: other, digest(1))) }
    bench.receive(0, bench.vote(.commit, by: 0, digest(1)))
    #expect(bench.refusals == [.ownKey])
    #expect(bench.decisions.isEmpty)
    bench.receive(0, bench.vote(.commit, by: UInt16(bench.primary), digest(1)))
    #expect(bench.decisions[0] == digest(1))
  }

  @Test("commits for different values, and prepares with commits, never add up (rules 2, 5)")
  func neverMixed() {
    let bench = Bench(valid: [])
    bench.receive(0, bench.vote(.commit, by: 1, digest(1)))
    bench.receive(0, bench.vote(.commit, by: 2, digest(1)))
    bench.receive(0, bench.vote(.commit, by: 3, digest(2)))
    for other in [UInt16(1), 2] { bench.receive(0, bench.vote(.prepare, by: other, digest(1))) }
    #expect(bench.decisions.isEmpty)
    #expect(bench.journal[0].isEmpty)
  }

  @Test("a member's second, different vote is evidence once and changes nothing (rule 49)")
  func doubleVote() {
    let bench = Bench()
    bench.receive(0, bench.vote(.commit, by: 1, digest(1)))
    for _ in 0..<3 { bench.receive(0, bench.vote(.commit, by: 1, digest(2))) }
    bench.receive(0, bench.vote(.prepare, by: 1, digest(1)))
    bench.receive(0, bench.vote(.prepare, by: 1, digest(2)))
    #expect(bench.evidence == 2)
    #expect(bench.refusals == Array(repeating: .conflicting, count: 4))
  }

  @Test("a proposal that contradicts the primary's earlier plain vote is evidence and is not prepared (rules 6, 49)")
  func proposalAgainstVote() {
    let bench = Bench(valid: [digest(1), digest(2)])
    bench.receive(0, bench.vote(.prepare, by: UInt16(bench.primary), digest(1)))
    bench.receive(0, bench.vote(.prepare, by: UInt16(bench.primary), digest(2)), proposal: true)
    #expect(bench.evidence == 1)
    #expect(bench.journal[0].isEmpty)
  }

  @Test("a foreign vote of another round is foreign first")
  func foreignRound() {
    let bench = Bench()
    var vote = bench.vote(.commit, by: 1, digest(1), round(6, 1))
    vote.statement.group = GroupIndex(9)
    vote.signature = signingKey(1).sign(vote.statement)
    bench.receive(0, vote)
    bench.receive(0, bench.vote(.commit, by: 1, digest(1), round(5), at: Position(6)))
    #expect(bench.refusals == [.wrongPosition, .wrongPosition])
  }

  @Test("an instance that starts over remembers nothing, not even which periods have ended")
  func reset() {
    let bench = Bench()
    bench.step(bench.primary, .propose(digest(1)))
    bench.settle()
    bench.instances[0].instance.reset(position: Position(6), firstRound: round(7))
    let decided = bench.instances[0].instance.decided
    let hasSigned = bench.instances[0].instance.hasSigned
    let hasCertificate = bench.instances[0].instance.certificate != nil
    #expect(decided == nil && !hasSigned && !hasCertificate)
    #expect(bench.lock(0) == nil && bench.current(0) == round(7) && !bench.isOpen(0))
    bench.receive(0, bench.vote(.commit, by: 1, digest(1)))
    #expect(bench.refusals.last == .wrongPosition)
    // Member 0 leads (7, 0).
    #expect(!bench.awaitsProposal(0))
    bench.end(7, for: [0])
    #expect(bench.awaitsProposal(0))
  }
}

@Suite("Deciding by certificate (rules R9, 27)")
struct CertificateInputTests {
  func verified(
    _ bench: Bench, _ round: Round? = nil, digest value: Digest = digest(1),
    change: (inout Statement) -> Void = { _ in }
  ) -> VerifiedCertificate? {
    var votes: [Vote] = []
    for member in [UInt16(1), 2, 3] {
      var vote = bench.vote(.commit, by: member, value, round)
      change(&vote.statement)
      vote.signature = signingKey(member).sign(vote.statement)
      votes.append(vote)
    }
    var common = votes[0].statement
    common.signer = ReplicaIndex(0)
    let keys = (0..<UInt16(4)).map { signingKey($0).verificationKey }
    return try? VerifiedCertificate(
      checking: QuorumCertificate(statement: common, signers: 0b1110, signatures: votes.map(\.signature)),
      in: bench.context, keys: keys.span)
  }

  func bytes(_ certificate: QuorumCertificate?) -> [UInt8] {
    guard let certificate else { return [] }
    var buffer = ByteBuffer(capacity: 1024)
    buffer.replace { out in certificate.encode(into: &out) }
    return (0..<buffer.count).map { buffer.span[$0] }
  }

  @Test(
    "an undecided member takes a certificate of any round over and serves the same bytes",
    arguments: [round(6), round(6, 5), round(9), round(1006, 2)])
  func adoption(of round: Round) throws {
    let bench = Bench()
    bench.receive(0, bench.vote(.commit, by: 1, digest(2)))
    let certificate = try #require(verified(bench, round))
    bench.step(0, .certificate(certificate))
    #expect(bench.decisions[0] == digest(1))
    let served = bytes(bench.instances[0].instance.certificate)
    #expect(served == bytes(certificate.certificate))
    bench.step(0, .certificate(certificate))
    #expect(bench.refusals == [.duplicate])
    bench.step(0, .proposal(Authenticated(own: bench.vote(.prepare, by: 3, digest(2)))))
    bench.step(0, .validated(digest(2)))
    #expect(bench.emitted.isEmpty)
  }

  @Test("a certificate of another set or position, or of a round before the first, is refused")
  func foreign() throws {
    let bench = Bench()
    bench.step(0, .certificate(try #require(verified(bench) { $0.position = Position(4) })))
    bench.step(0, .certificate(try #require(verified(bench) { $0.position = Position(7) })))
    bench.step(0, .certificate(try #require(verified(bench) { $0.owner = ReplicaIndex(2) })))
    bench.step(0, .certificate(try #require(verified(bench, round(5, 9)))))
    #expect(bench.refusals == [.wrongPosition, .wrongPosition, .wrongPosition, .wrongPosition])
    #expect(bench.decisions.isEmpty)
  }

  @Test("a certificate of another network, epoch or group, with a claim or of prepares, is not valid")
  func invalid() {
    let bench = Bench()
    #expect(verified(bench) { $0.epoch = Epoch(9) } == nil)
    #expect(verified(bench) { $0.group = GroupIndex(9) } == nil)
    #expect(verified(bench) { $0.networkIdentifier = digest(9) } == nil)
    #expect(verified(bench) { $0.claim = LockClaim(round(6)) } == nil)
    #expect(verified(bench) { $0.kind = .prepare } == nil)
  }

  @Test("two certificates of one position that differ in round and signers say the same")
  func twoCertificates() throws {
    let bench = Bench()
    bench.step(0, .certificate(try #require(verified(bench, round(6)))))
    bench.step(1, .certificate(try #require(verified(bench, round(8, 1)))))
    #expect(bench.decisions[0] == bench.decisions[1])
    let (first, second) = (bench.instances[0].instance.certificate, bench.instances[1].instance.certificate)
    #expect(bytes(first) != bytes(second))
    bench.step(0, .certificate(try #require(verified(bench, round(8, 1)))))
    bench.step(0, .certificate(try #require(verified(bench, round(8, 1), digest: digest(2)))))
    #expect(bench.refusals == [.duplicate, .conflicting])
    let kept = bytes(bench.instances[0].instance.certificate)
    #expect(kept == bytes(first))
  }

  @Test("signatures over one round, position or digest do not hold for another (rule 45)")
  func replay() throws {
    let bench = Bench()
    let good = try #require(verified(bench)).certificate
    let keys = (0..<UInt16(4)).map { signingKey($0).verificationKey }
    for field in 0..<4 {
      var moved = good
      switch field {
      case 0: moved.statement.round = round(6, 1)
      case 1: moved.statement.round = round(7)
      case 2: moved.statement.position = Position(6)
      default: moved.statement.digest = digest(2)
      }
      #expect(throws: CertificateError.badSignature(signer: 1)) {
        try moved.verify(in: bench.context, keys: keys.span)
      }
    }
  }

  @Test("whoever speaks after the decision is told late, and the certificate keeps its bytes (rule 7)")
  func late() {
    let bench = Bench()
    bench.step(bench.primary, .propose(digest(1)))
    bench.settle()
    let before = bytes(bench.instances[0].instance.certificate)
    bench.late = []
    bench.receive(0, bench.vote(.commit, by: 1, digest(1)))
    bench.receive(0, bench.vote(.commit, by: 2, digest(1), round(6, 1)))
    bench.receive(0, bench.vote(.prepare, by: 1, digest(1)))
    bench.receive(0, bench.vote(.prepare, by: 2, digest(2), round(8)))
    bench.receive(0, bench.vote(.prepare, by: 3, digest(1)), proposal: true)
    bench.receive(0, bench.change(1, round(7)))
    bench.receive(
      0, bench.newRound(digest(1), round(7, 1), (1..<4).map { bench.change($0, round(7, 1)) }, by: 1))
    #expect(bench.late.map { $0.1 } == [1, 2, 1, 2, 3, 1, 1])
    #expect(bench.late.allSatisfy { $0.0 == 0 })
    let after = bytes(bench.instances[0].instance.certificate)
    #expect(after == before && !before.isEmpty)
    #expect(bench.decisions[0] == digest(1))
    #expect(bench.evidence == 0)
  }

  @Test("so is whoever repeats a commit of an older round than the last one that is known of it (rule 7)")
  func lateInOlderRound() {
    let bench = Bench()
    bench.receive(0, bench.vote(.commit, by: 3, digest(1), round(6, 1)))
    bench.step(bench.primary, .propose(digest(1)))
    bench.settle()
    #expect(bench.decisions[0] == digest(1))
    bench.late = []
    let refusals = bench.refusals.count
    bench.receive(0, bench.vote(.commit, by: 3, digest(1)))
    #expect(bench.late.map { $0.1 } == [3] && bench.late.allSatisfy { $0.0 == 0 })
    #expect(bench.refusals.count == refusals && bench.evidence == 0)
  }
}
