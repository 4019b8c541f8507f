import Consensus
import Cryptography
import Testing
import Units
import Wire

@Suite("What justifies a view (reference/consensus.md, rules 12, 14–16)")
struct JustificationTests {
  /// Member 3 leads view 0 of this bench, member 0 view 1, member 1 view 2.
  let bench = Bench()

  func change(_ member: UInt16, view: UInt32, _ prepared: PreparedCertificate? = nil) -> RoundChange {
    var statement = bench.vote(.roundChange, by: member, prepared?.digest ?? Digest(), view: view).statement
    statement.sequenceNumber = prepared?.claim ?? SequenceNumber(0)
    return RoundChange(
      vote: Vote(statement: statement, signature: signingKey(member).sign(statement)),
      prepared: prepared ?? bench.none)
  }

  func newRound(
    _ value: Digest, view: UInt32, _ changes: [RoundChange], _ prepared: PreparedCertificate? = nil, by member: UInt16
  ) -> NewRound {
    var signers: UInt64 = 0
    for change in changes { signers |= 1 << UInt64(change.vote.statement.signer.rawValue) }
    return NewRound(
      prepare: bench.vote(.prepare, by: member, value, view: view), prepared: prepared ?? bench.none, signers: signers,
      claims: changes.map {
        RoundChangeClaim(
          sequenceNumber: $0.vote.statement.sequenceNumber, digest: $0.vote.statement.digest,
          signature: $0.vote.signature)
      })
  }

  func refusal(_ change: RoundChange) -> JustificationError? {
    do throws(JustificationError) {
      _ = try VerifiedRoundChange(checking: change, in: bench.context, by: bench.keys)
    } catch { return error }
    return nil
  }

  func refusal(_ newRound: NewRound) -> JustificationError? {
    do throws(JustificationError) {
      _ = try VerifiedNewRound(checking: newRound, in: bench.context, by: bench.keys)
    } catch { return error }
    return nil
  }

  @Test("a round change needs q prepares of a view below its own, and claims exactly them (rule 12)")
  func roundChanges() {
    let prepared = bench.prepared(digest(1))
    #expect(refusal(change(1, view: 1)) == nil)
    #expect(refusal(change(1, view: 1, prepared)) == nil)
    #expect(refusal(change(1, view: 1, bench.prepared(digest(1), view: 1))) == .wrongRound)
    #expect(refusal(change(1, view: 0)) == .wrongRound)
    #expect(refusal(change(1, view: 1, bench.prepared(digest(1), by: [0, 1]))) == .wrongSignerCount(2))
    #expect(refusal(change(1, view: 1, bench.prepared(digest(1), by: [0, 1, 2, 3]))) == .wrongSignerCount(4))
    #expect(refusal(change(1, view: 1, bench.prepared(digest(1), by: [0, 1, 9]))) == .nonMember)
    var forged = prepared
    forged.signatures[1] = forged.signatures[0]
    #expect(refusal(change(1, view: 1, forged)) == .badSignature(signer: 1))
    var commits = prepared
    commits.signatures = [0, 1, 2].map { bench.vote(.commit, by: $0, digest(1)).signature }
    #expect(refusal(change(1, view: 1, commits)) == .badSignature(signer: 0), "commits are not prepares")
    var hidden = change(1, view: 1, prepared)
    hidden.prepared = bench.none
    #expect(refusal(hidden) == .wrongClaim)
    var swapped = change(1, view: 1, prepared)
    swapped.prepared = bench.prepared(digest(2))
    #expect(refusal(swapped) == .wrongClaim)
    var unsigned = change(1, view: 1)
    unsigned.vote.signature = Signature()
    #expect(refusal(unsigned) == .badSignature(signer: 1))
    var commit = change(1, view: 1)
    commit.vote = bench.vote(.commit, by: 1, Digest(), view: 1)
    #expect(refusal(commit) == .wrongKind)
    #expect(refusal(change(9, view: 1)) == .nonMember)
    var foreign = change(1, view: 1)
    foreign.vote.statement.epoch = Epoch(9)
    #expect(refusal(foreign) == .wrongContext)
  }

  @Test("a new round cites q round changes for its view, by distinct members (rule 16)")
  func quorum() {
    let changes = (0..<UInt16(4)).map { change($0, view: 1) }
    #expect(refusal(newRound(digest(1), view: 1, Array(changes[0..<3]), by: 0)) == nil)
    #expect(refusal(newRound(Digest(), view: 1, Array(changes[1..<4]), by: 0)) == nil)
    #expect(refusal(newRound(digest(1), view: 1, Array(changes[0..<2]), by: 0)) == .wrongSignerCount(2))
    #expect(refusal(newRound(digest(1), view: 1, changes, by: 0)) == .wrongSignerCount(4))
    #expect(refusal(newRound(digest(1), view: 1, Array(changes[0..<3]), by: 1)) == .notPrimary)
    let other = [changes[0], changes[1], change(2, view: 2)]
    #expect(refusal(newRound(digest(1), view: 1, other, by: 0)) == .badSignature(signer: 2), "for another view")
    var stranger = newRound(digest(1), view: 1, Array(changes[0..<3]), by: 0)
    stranger.signers = 0b1_0000_0011
    #expect(refusal(stranger) == .nonMember)
    var unsigned = newRound(digest(1), view: 1, Array(changes[0..<3]), by: 0)
    unsigned.prepare.signature = Signature()
    #expect(refusal(unsigned) == .badSignature(signer: 0))
    var early = newRound(digest(1), view: 1, Array(changes[0..<3]), by: 0)
    early.prepare = bench.vote(.prepare, by: 3, digest(1), view: 0)
    #expect(refusal(early) == .wrongRound)
    var commit = newRound(digest(1), view: 1, Array(changes[0..<3]), by: 0)
    commit.prepare = bench.vote(.commit, by: 0, digest(1), view: 1)
    #expect(refusal(commit) == .wrongKind)
  }

  @Test("locked iff somebody prepared, and then the value of the highest view; free or NULL iff nobody (rules 14, 15)")
  func choice() {
    let low = bench.prepared(digest(1), view: 0)
    let high = bench.prepared(digest(2), view: 1, by: [1, 2, 3])
    let changes = [change(0, view: 2, low), change(1, view: 2, high), change(2, view: 2)]
    #expect(refusal(newRound(digest(2), view: 2, changes, high, by: 1)) == nil)
    #expect(refusal(newRound(digest(1), view: 2, changes, high, by: 1)) == .wrongValue)
    #expect(refusal(newRound(digest(1), view: 2, changes, low, by: 1)) == .wrongClaim, "not the highest")
    #expect(refusal(newRound(digest(1), view: 2, changes, by: 1)) == .wrongClaim, "dropped")
    #expect(refusal(newRound(Digest(), view: 2, changes, by: 1)) == .wrongClaim, "NULL instead")
    let later = bench.prepared(digest(2), view: 2, by: [1, 2, 3])
    #expect(refusal(newRound(digest(2), view: 2, changes, later, by: 1)) == .wrongRound)
    // A certificate above every cited claim is stronger still, and leads where the claims must lead.
    let free = [change(0, view: 2, low), change(2, view: 2), change(3, view: 2)]
    #expect(refusal(newRound(digest(2), view: 2, free, high, by: 1)) == nil)
    var stripped = newRound(digest(1), view: 2, free, by: 1)
    stripped.claims[0].sequenceNumber = SequenceNumber(0)
    stripped.claims[0].digest = Digest()
    #expect(refusal(stripped) == .badSignature(signer: 0), "a claim cannot be taken out of a signed round change")
    // NULL may be what was prepared.
    let null = bench.prepared(Digest(), view: 1, by: [1, 2, 3])
    let locked = newRound(
      Digest(), view: 2, [change(0, view: 2, null), change(1, view: 2), change(2, view: 2)], null, by: 1)
    #expect(refusal(locked) == nil)
    #expect(locked.proposal == .locked(Digest(), View(1)))
    #expect(
      refusal(newRound(digest(1), view: 2, [change(0, view: 2, null), change(1, view: 2), change(2, view: 2)], by: 1))
        == .wrongClaim)
  }

  // MARK: Bytes

  func bytes(_ change: RoundChange) -> [UInt8] {
    [UInt8](capacity: RoundChange.maximumBytes(bench.context.quorum)) { out in change.encode(into: &out) }
  }
  func bytes(_ newRound: NewRound) -> [UInt8] {
    [UInt8](capacity: NewRound.maximumBytes(bench.context.quorum)) { out in newRound.encode(into: &out) }
  }
  func decodedChange(_ bytes: [UInt8]) -> RoundChange? {
    var reader = WireReader(bytes.span)
    guard let change = try? RoundChange(decoding: &reader), reader.remaining == 0 else { return nil }
    return change
  }
  func decodedNewRound(_ bytes: [UInt8]) -> NewRound? {
    var reader = WireReader(bytes.span)
    guard let newRound = try? NewRound(decoding: &reader), reader.remaining == 0 else { return nil }
    return newRound
  }

  @Test("round changes: no prefix decodes, no flipped bit is accepted, and sizes are as published")
  func roundChangeBytes() {
    for (sample, size) in [(change(1, view: 1), 192), (change(1, view: 1, bench.prepared(digest(1))), 420)] {
      let encoded = bytes(sample)
      #expect(encoded.count == size)
      #expect(decodedChange(encoded) == sample)
      #expect(refusal(sample) == nil)
      for count in encoded.indices { #expect(decodedChange(Array(encoded[..<count])) == nil) }
      #expect(decodedChange(encoded + [0]) == nil)
      for bit in 0..<(8 * encoded.count) {
        var mutated = encoded
        mutated[bit / 8] ^= 1 << UInt8(bit % 8)
        guard let other = decodedChange(mutated) else { continue }
        #expect(bytes(other) == mutated)
        #expect(refusal(other) != nil, "bit \(bit)")
      }
    }
    #expect(RoundChange.maximumBytes(Quorum(members: 4)) == 420)
  }

  @Test("new rounds: no prefix decodes, no flipped bit is accepted, and sizes are as published")
  func newRoundBytes() {
    let prepared = bench.prepared(digest(1))
    let free = newRound(digest(2), view: 1, [change(0, view: 1), change(1, view: 1), change(3, view: 1)], by: 0)
    let locked = newRound(
      digest(1), view: 1, [change(0, view: 1, prepared), change(1, view: 1), change(3, view: 1)], prepared, by: 0)
    for (sample, size) in [(free, 512), (locked, 740)] {
      let encoded = bytes(sample)
      #expect(encoded.count == size)
      #expect(decodedNewRound(encoded) == sample)
      #expect(refusal(sample) == nil)
      for count in encoded.indices { #expect(decodedNewRound(Array(encoded[..<count])) == nil) }
      #expect(decodedNewRound(encoded + [0]) == nil)
      for bit in 0..<(8 * encoded.count) {
        var mutated = encoded
        mutated[bit / 8] ^= 1 << UInt8(bit % 8)
        guard let other = decodedNewRound(mutated) else { continue }
        #expect(bytes(other) == mutated)
        #expect(refusal(other) != nil, "bit \(bit)")
      }
    }
    #expect(NewRound.maximumBytes(Quorum(members: 4)) == 740)
  }

  // The golden digests come from a separate implementation of the layouts and of RFC 8032.
  @Test(
    "round changes, new rounds and journal entries have the published bytes",
    arguments: [
      (0, "ffd7a42192e6268b022bcca682aa3189bef4c965d1cf3914ba507dce41f88371"),
      (1, "896ab623ce556f9f04e4390eb8eca5da86cc8777c780a17d733870bdbbe1ea20"),
      (2, "6566e0fd6249c96d7cf1f2227641be4bda78ee09306469088b6c00055b8e40b1"),
      (3, "d13b2960d035d79c3ab58c2939161096eb8618d04b66618b8d135e5e34430486"),
      (4, "54cfefdda8681b565aa87d4e57c319d03187288052041f59173ca8c78e3ea308"),
    ])
  func golden(sample: Int, expected: String) {
    let context = StatementTests.sample
    let value = context.digest
    func vote(_ kind: StatementKind, _ view: UInt32, _ digest: Digest, _ member: UInt16, _ sequence: UInt64 = 0) -> Vote
    {
      var statement = context
      statement.kind = kind
      statement.view = View(view)
      statement.digest = digest
      statement.signer = ReplicaIndex(member)
      statement.sequenceNumber = SequenceNumber(sequence)
      var seed = FixedBytes<32>(InlineArray(repeating: 0x40 + UInt8(member)))
      return Vote(statement: statement, signature: SigningKey(seed: SecretBytes(taking: &seed)).sign(statement))
    }
    let members = [UInt16(0), 1, 3]
    let prepared = PreparedCertificate(
      signers: 0b1011, view: View(0), digest: value, signatures: members.map { vote(.prepare, 0, value, $0).signature })
    let changes = [
      vote(.roundChange, 1, Digest(), 0), vote(.roundChange, 1, value, 1, 1), vote(.roundChange, 1, Digest(), 2),
      vote(.roundChange, 1, Digest(), 1), vote(.roundChange, 1, Digest(), 3),
    ]
    func claims(_ places: [Int]) -> [RoundChangeClaim] {
      places.map {
        RoundChangeClaim(
          sequenceNumber: changes[$0].statement.sequenceNumber, digest: changes[$0].statement.digest,
          signature: changes[$0].signature)
      }
    }
    let encoded =
      switch sample {
      case 0: bytes(RoundChange(vote: changes[2], prepared: bench.none))
      case 1: bytes(RoundChange(vote: changes[1], prepared: prepared))
      case 2:
        bytes(
          NewRound(
            prepare: vote(.prepare, 1, value, 0), prepared: prepared, signers: 0b111, claims: claims([0, 1, 2])))
      case 3:
        bytes(
          NewRound(
            prepare: vote(.prepare, 1, Digest(), 0), prepared: bench.none, signers: 0b1011, claims: claims([0, 3, 4])))
      default:
        [UInt8](capacity: 1000) { out in
          vote(.commit, 0, value, 3).encode(into: &out)
          prepared.encode(into: &out)
        }
      }
    #expect(Blake2b.digest(domain: "BUSBARts", encoded.span).description == expected)
  }
}
