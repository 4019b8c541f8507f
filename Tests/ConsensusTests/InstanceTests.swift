import Consensus
import Cryptography
import Testing
import Units
import Wire

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

  @Test("the primary rotates with the period, and stays when rotation is fixed (rule R17)")
  func rotation() {
    let rotating = makeContext()
    let fixed = makeContext(leaders: .fixed)
    for period in UInt64(0)..<8 {
      #expect(rotating.primary(owner: ReplicaIndex(2), round(period, 1)).rawValue == UInt16((2 + period + 1) % 4))
      #expect(fixed.primary(owner: ReplicaIndex(2), round(period)).rawValue == 2)
      #expect(fixed.primary(owner: ReplicaIndex(2), round(period, 3)).rawValue == 1)
    }
    // Sums of large numbers do not trap.
    #expect(rotating.primary(owner: ReplicaIndex(3), round(.max, .max)).rawValue == UInt16((3 + 3 + 3) % 4))
  }

  @Test("every order of delivery decides the value, and nobody signs twice")
  func shuffles() {
    for seed in 0..<40 {
      var generator = TestGenerator(state: UInt64(seed))
      let bench = Bench(members: [4, 5, 6, 7][seed % 4])
      bench.step(bench.primary, .propose(digest(1)))
      while !bench.flight.isEmpty { bench.deliver(Int.random(in: 0..<bench.flight.count, using: &generator)) }
      #expect(bench.decisions.count == bench.instances.count)
      #expect(bench.decisions.values.allSatisfy { $0 == digest(1) })
      #expect(bench.evidence == 0)
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

  @Test("votes of another position, epoch, kind, round or of no member are refused and counted")
  func foreign() {
    let bench = Bench()
    bench.receive(3, bench.vote(.commit, by: 0, digest(1), at: Position(4)))
    bench.receive(3, bench.vote(.commit, by: 0, digest(1), at: Position(6)))
    var wrongEpoch = bench.vote(.commit, by: 0, digest(1))
    wrongEpoch.statement.epoch = Epoch(2)
    wrongEpoch.signature = signingKey(0).sign(wrongEpoch.statement)
    bench.receive(3, wrongEpoch)
    bench.receive(3, bench.vote(.commit, by: 0, digest(1), claim: LockClaim(round(6))))
    bench.receive(3, bench.vote(.roundChange, by: 0, digest(1), round(6, 1)))
    bench.receive(3, bench.vote(.commit, by: 0, digest(1)), proposal: true)
    bench.receive(3, bench.vote(.commit, by: 9, digest(1)))
    let notPrimary = UInt16((bench.primary + 1) % 4)
    bench.receive(3, bench.vote(.prepare, by: notPrimary, digest(1)), proposal: true)
    bench.receive(3, bench.vote(.prepare, by: notPrimary, digest(1), round(5)), proposal: true)
    #expect(
      bench.refusals == [
        .wrongPosition, .wrongPosition, .wrongPosition, .wrongPosition, .wrongKind, .wrongKind, .nonMember, .notPrimary,
        .wrongRound,
      ])
    #expect(bench.journal[3].isEmpty)
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
        for member in 0..<4 { bench.tick(member) }
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
      networkIdentifier: digest(9), epoch: foreign.epoch, group: foreign.group, members: 4,
      leaders: .rotating)
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
