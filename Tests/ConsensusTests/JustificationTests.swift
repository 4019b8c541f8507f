import Consensus
import Cryptography
import Testing
import Units
import Wire

@Suite("What justifies a round (Castro & Liskov 1999, §4.4; docs/CONSENSUS.md)")
struct JustificationTests {
  let bench = Bench()

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

  @Test("a round change needs q prepares of a round before its own, and claims exactly them (rule 12)")
  func roundChanges() {
    let next = round(6, 1)
    let prepared = bench.prepared(digest(1))
    #expect(refusal(bench.change(1, next)) == nil)
    #expect(refusal(bench.change(1, next, prepared)) == nil)
    #expect(refusal(bench.change(1, next, bench.prepared(digest(1), next))) == .wrongRound)
    #expect(refusal(bench.change(1, next, bench.prepared(digest(1), by: [0, 1]))) == .wrongSignerCount(2))
    #expect(refusal(bench.change(1, next, bench.prepared(digest(1), by: [0, 1, 2, 3]))) == .wrongSignerCount(4))
    #expect(refusal(bench.change(1, next, bench.prepared(digest(1), by: [0, 1, 9]))) == .nonMember)
    var forged = prepared
    forged.signatures[1] = forged.signatures[0]
    #expect(refusal(bench.change(1, next, forged)) == .badSignature(signer: 1))
    var commits = prepared
    commits.signatures = [0, 1, 2].map { bench.vote(.commit, by: $0, digest(1)).signature }
    #expect(refusal(bench.change(1, next, commits)) == .badSignature(signer: 0), "commits are not prepares")
    var hidden = bench.change(1, next, prepared)
    hidden.prepared = bench.none
    #expect(refusal(hidden) == .wrongClaim)
    var swapped = bench.change(1, next, prepared)
    swapped.prepared = bench.prepared(digest(2))
    #expect(refusal(swapped) == .wrongClaim)
    var unsigned = bench.change(1, next)
    unsigned.vote.signature = Signature()
    #expect(refusal(unsigned) == .badSignature(signer: 1))
    var commit = bench.change(1, next)
    commit.vote = bench.vote(.commit, by: 1, Digest(), next)
    #expect(refusal(commit) == .wrongKind)
    #expect(refusal(bench.change(9, next)) == .nonMember)
    var foreign = bench.change(1, next)
    foreign.vote.statement.epoch = Epoch(9)
    #expect(refusal(foreign) == .wrongContext)
  }

  @Test("a round is before another by its period first: (6, 9) before (7, 0), and (7, 0) not before (6, 9)")
  func order() {
    #expect(refusal(bench.change(1, round(7), bench.prepared(digest(1), round(6, 9)))) == nil)
    #expect(refusal(bench.change(1, round(6, 9), bench.prepared(digest(1), round(7)))) == .wrongRound)
    #expect(refusal(bench.change(1, round(7), bench.prepared(digest(1), round(7)))) == .wrongRound)
  }

  @Test("prepares of another position are no lock here, in a round change or a new round")
  func otherPosition() {
    for position in [Position(4), Position(6)] {
      let prepared = bench.prepared(digest(1), at: position)
      #expect(refusal(bench.change(1, round(7), prepared)) == .badSignature(signer: 0))
      let changes = [bench.change(0, round(7), prepared), bench.change(1, round(7)), bench.change(2, round(7))]
      #expect(refusal(bench.newRound(digest(1), round(7), changes, prepared)) == .badSignature(signer: 0))
    }
    let foreign = RoundChange(
      vote: bench.vote(.roundChange, by: 1, Digest(), round(7), at: Position(6)), prepared: bench.none)
    let changes = [bench.change(0, round(7)), foreign, bench.change(2, round(7))]
    #expect(refusal(bench.newRound(digest(1), round(7), changes)) == .badSignature(signer: 1))
  }

  @Test("a new round cites q round changes for its round, by distinct members (rule 16)")
  func quorum() {
    let next = round(6, 1)
    let changes = (0..<UInt16(4)).map { bench.change($0, next) }
    #expect(refusal(bench.newRound(digest(1), next, Array(changes[0..<3]))) == nil)
    #expect(refusal(bench.newRound(digest(1), next, Array(changes[1..<4]))) == nil)
    #expect(refusal(bench.newRound(digest(1), next, Array(changes[0..<2]))) == .wrongSignerCount(2))
    #expect(refusal(bench.newRound(digest(1), next, [])) == .wrongSignerCount(0))
    #expect(refusal(bench.newRound(digest(1), next, changes)) == .wrongSignerCount(4))
    #expect(refusal(bench.newRound(digest(1), next, Array(changes[0..<3]), by: 1)) == .notPrimary)
    for other in [round(6, 2), round(7)] {
      let mixed = [changes[0], changes[1], bench.change(2, other)]
      #expect(refusal(bench.newRound(digest(1), next, mixed)) == .badSignature(signer: 2), "for \(other)")
    }
    var stranger = bench.newRound(digest(1), next, Array(changes[0..<3]))
    stranger.signers = 0b1_0000_0011
    #expect(refusal(stranger) == .nonMember)
    var unsigned = bench.newRound(digest(1), next, Array(changes[0..<3]))
    unsigned.prepare.signature = Signature()
    #expect(refusal(unsigned) == .badSignature(signer: 0))
    var commit = bench.newRound(digest(1), next, Array(changes[0..<3]))
    commit.prepare = bench.vote(.commit, by: 0, digest(1), next)
    #expect(refusal(commit) == .wrongKind)
    var claiming = bench.newRound(digest(1), next, Array(changes[0..<3]))
    claiming.prepare = bench.vote(.prepare, by: 0, digest(1), next, claim: LockClaim(round(6)))
    #expect(refusal(claiming) == .wrongContext)
  }

  @Test("locked iff somebody prepared, and then the value of the highest round; free iff nobody (rules 14, 15)")
  func choice() {
    // The later period's view 0 is above the earlier one's view 4.
    let low = bench.prepared(digest(1), round(6, 4))
    let high = bench.prepared(digest(2), round(7), by: [1, 2, 3])
    let next = round(7, 1)
    let changes = [bench.change(0, next, low), bench.change(1, next, high), bench.change(2, next)]
    #expect(refusal(bench.newRound(digest(2), next, changes, high)) == nil)
    #expect(refusal(bench.newRound(digest(1), next, changes, high)) == .wrongValue)
    #expect(refusal(bench.newRound(digest(1), next, changes, low)) == .wrongClaim, "not the highest")
    #expect(refusal(bench.newRound(digest(1), next, changes)) == .wrongClaim, "dropped")
    let later = bench.prepared(digest(2), next, by: [1, 2, 3])
    #expect(refusal(bench.newRound(digest(2), next, changes, later)) == .wrongRound)
    // A certificate above every cited claim is stronger still, and leads where the claims must lead.
    let claimed = [bench.change(0, next, low), bench.change(2, next), bench.change(3, next)]
    #expect(refusal(bench.newRound(digest(2), next, claimed, high)) == nil)
    var stripped = bench.newRound(digest(1), next, claimed)
    stripped.claims[0].claim = .none
    stripped.claims[0].digest = Digest()
    #expect(refusal(stripped) == .badSignature(signer: 0), "a claim cannot be taken out of a signed round change")
    #expect(bench.newRound(digest(2), next, changes, high).proposal == .locked(digest(2), round(7)))
    let free = bench.newRound(digest(1), next, (0..<3).map { bench.change($0, next) })
    #expect(refusal(free) == nil)
    #expect(free.proposal == .free(digest(1)))
  }

  @Test("what was prepared in round (0, 0) is a lock like any other")
  func lockOfRoundZero() {
    let first = bench.prepared(digest(1), round(0))
    let next = round(0, 1)
    let changes = [bench.change(0, next, first), bench.change(1, next), bench.change(2, next)]
    #expect(refusal(changes[0]) == nil)
    #expect(refusal(bench.newRound(digest(1), next, changes, first)) == nil)
    #expect(refusal(bench.newRound(digest(2), next, changes)) == .wrongClaim)
    var hidden = changes[0]
    hidden.vote = bench.vote(.roundChange, by: 0, digest(1), next)
    #expect(refusal(hidden) == .wrongClaim)
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
    for (sample, size) in [
      (bench.change(1, round(7)), 200), (bench.change(1, round(7), bench.prepared(digest(1))), 436),
    ] {
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
    #expect(RoundChange.maximumBytes(Quorum(members: 4)) == 436)
  }

  @Test("new rounds: no prefix decodes, no flipped bit is accepted, and sizes are as published")
  func newRoundBytes() {
    let prepared = bench.prepared(digest(1))
    let (first, second, fourth) = (bench.change(0, round(7)), bench.change(1, round(7)), bench.change(3, round(7)))
    let free = bench.newRound(digest(2), round(7), [first, second, fourth])
    let locked = bench.newRound(digest(1), round(7), [bench.change(0, round(7), prepared), second, fourth], prepared)
    for (sample, size) in [(free, 532), (locked, 768)] {
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
    #expect(NewRound.maximumBytes(Quorum(members: 4)) == 768)
  }

  // The golden digests are those of Tests/Oracles/byte_vectors.txt, whose script writes the layouts down once more.
  @Test(
    "round changes, new rounds and journal entries have the published bytes",
    arguments: [
      (0, "0126c4bab561fa2b9c81bb9d43db0dda67e64f580338de93ea79f89ea6998a04"),
      (1, "ecd8d5554931ba19c51de83b5cef650e176cf6c8bfa064c3b081036da318b586"),
      (2, "c832b26ab478ae434353fe078ff976f01bdd2bdd4aac4f5bf3fbfc498c6c9695"),
      (3, "ddf4f87ffa815bb9ceaf65070dcb151e705f864af3e65de0aebb0f6f16bc888d"),
      (4, "882d4c04fe107d593f2059c2c91e5f4ae60a8e6a67c01e095406f993eb8720f5"),
    ])
  func golden(sample: Int, expected: String) {
    let context = StatementTests.sample
    let value = context.digest
    let (first, next) = (round(6, 1), round(7))
    func vote(_ kind: StatementKind, _ round: Round, _ digest: Digest, _ member: UInt16, _ claim: LockClaim = .none)
      -> Vote
    {
      var statement = context
      statement.kind = kind
      statement.round = round
      statement.digest = digest
      statement.signer = ReplicaIndex(member)
      statement.claim = claim
      var seed = FixedBytes<32>(InlineArray(repeating: 0x40 + UInt8(member)))
      return Vote(statement: statement, signature: SigningKey(seed: SecretBytes(taking: &seed)).sign(statement))
    }
    let prepared = PreparedCertificate(
      signers: 0b1011, round: first, digest: value,
      signatures: [UInt16(0), 1, 3].map { vote(.prepare, first, value, $0).signature })
    let changes = [
      vote(.roundChange, next, Digest(), 0), vote(.roundChange, next, value, 1, LockClaim(first)),
      vote(.roundChange, next, Digest(), 2), vote(.roundChange, next, Digest(), 1),
      vote(.roundChange, next, Digest(), 3),
    ]
    func claims(_ places: [Int]) -> [RoundChangeClaim] {
      places.map {
        RoundChangeClaim(
          claim: changes[$0].statement.claim, digest: changes[$0].statement.digest, signature: changes[$0].signature)
      }
    }
    let encoded =
      switch sample {
      case 0: bytes(RoundChange(vote: changes[2], prepared: bench.none))
      case 1: bytes(RoundChange(vote: changes[1], prepared: prepared))
      case 2:
        bytes(
          NewRound(
            prepare: vote(.prepare, next, value, 0), prepared: prepared, signers: 0b111, claims: claims([0, 1, 2])))
      case 3:
        bytes(
          NewRound(
            prepare: vote(.prepare, next, Digest(InlineArray(repeating: 9)), 0), prepared: bench.none, signers: 0b1011,
            claims: claims([0, 3, 4])))
      default:
        [UInt8](capacity: 1000) { out in
          vote(.commit, first, value, 3).encode(into: &out)
          prepared.encode(into: &out)
        }
      }
    #expect(Blake2b.digest(domain: "BUSBARts", encoded.span).description == expected)
  }
}
