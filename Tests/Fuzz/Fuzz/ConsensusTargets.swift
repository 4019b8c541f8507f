import Consensus
import Cryptography
@testable import Node
import Units
import Wire

func consensusTargets() -> [FuzzTarget] {
  let quorum = Fixture.quorum(Fixture.header().digest)
  let statement = bytes { out in quorum.statement.encode(into: &out) }
  let claiming = bytes { out in Cast.change(1, Cast.prepared).vote.statement.encode(into: &out) }
  let vote = VoteBody(Vote(statement: quorum.statement, signature: quorum.signatures[0]))
  let changes = [Cast.change(2), Cast.change(1, Cast.prepared)].map { change in
    bytes { out in change.encode(into: &out) }
  }
  let rounds = [Cast.free, Cast.locked].map { newRound in bytes { out in newRound.encode(into: &out) } }
  return [
    FuzzTarget("statement", maximumBytes: 128, seeds: [statement, claiming], run: fuzzStatement),
    FuzzTarget("vote-body", maximumBytes: 128, seeds: [bytes { out in vote.encode(into: &out) }], run: fuzzVoteBody),
    FuzzTarget(
      "quorum-certificate", maximumBytes: 1024, seeds: [bytes { out in quorum.encode(into: &out) }], run: fuzzQuorum),
    FuzzTarget("round-change", maximumBytes: 1024, seeds: changes, run: fuzzRoundChange),
    FuzzTarget("new-round", maximumBytes: 1024, seeds: rounds, run: fuzzNewRound),
  ]
}

/// All that members signed about a lock: prepared in one round, asked for again in the next period, and led there.
private enum Cast {
  static let value = Digest(InlineArray(repeating: 7))
  static let other = Digest(InlineArray(repeating: 8))
  static let later = Round(Period(Fixture.period.rawValue + 1))

  static func vote(
    _ kind: StatementKind, _ round: Round, _ digest: Digest, by member: UInt16, claim: LockClaim = .none
  ) -> Vote {
    let statement = Statement(
      kind: kind, in: Fixture.genesis.context, owner: Fixture.owner, position: Fixture.position, round: round,
      digest: digest, claim: claim, signer: ReplicaIndex(member))
    let key = Fixture.aggregatorKey(Int(member))
    return Vote(statement: statement, signature: key.sign(statement))
  }

  static let none = PreparedCertificate(signers: 0, round: Round(Period(0)), digest: Digest(), signatures: [])
  static let prepared = PreparedCertificate(
    signers: 0b1011, round: Fixture.round, digest: value,
    signatures: [UInt16(0), 1, 3].map { vote(.prepare, Fixture.round, value, by: $0).signature })

  static func change(_ member: UInt16, _ prepared: PreparedCertificate = none) -> RoundChange {
    RoundChange(
      vote: vote(
        .roundChange, later, prepared.exists ? prepared.digest : Digest(), by: member, claim: prepared.claim),
      prepared: prepared)
  }

  static let free = newRound(other, none, [change(0), change(2), change(3)])
  static let locked = newRound(value, prepared, [change(0), change(1, prepared), change(2)])

  static func newRound(_ digest: Digest, _ prepared: PreparedCertificate, _ changes: [RoundChange]) -> NewRound {
    let leader = Fixture.genesis.context.primary(owner: Fixture.owner, later).rawValue
    var signers: UInt64 = 0
    var claims: [RoundChangeClaim] = []
    for change in changes {
      let statement = change.vote.statement
      signers |= 1 << UInt64(statement.signer.rawValue)
      claims.append(
        RoundChangeClaim(claim: statement.claim, digest: statement.digest, signature: change.vote.signature))
    }
    return NewRound(
      prepare: vote(.prepare, later, digest, by: leader), prepared: prepared, signers: signers, claims: claims)
  }
}

private func fuzzStatement(_ input: [UInt8]) {
  var reader = WireReader(input.span)
  guard let statement = try? Statement(decoding: &reader), reader.remaining == 0 else { return }
  requireIdentity(input, "statement") { out in statement.encode(into: &out) }
  require(statement.claim.round != nil || statement.claim == .none, "none has a second encoding")
}

private func fuzzVoteBody(_ input: [UInt8]) {
  var reader = WireReader(input.span)
  guard let body = try? VoteBody(decoding: &reader), reader.remaining == 0 else { return }
  requireIdentity(input, "vote body") { out in body.encode(into: &out) }
  let statement = body.statement(in: Fixture.genesis.context, signer: ReplicaIndex(1))
  let vote = Vote(statement: statement, signature: body.signature)
  require(VoteBody(vote) == body, "a vote travels as another")
}

private func fuzzQuorum(_ input: [UInt8]) {
  var reader = WireReader(input.span)
  guard let quorum = try? QuorumCertificate(decoding: &reader), reader.remaining == 0 else { return }
  requireIdentity(input, "quorum certificate") { out in quorum.encode(into: &out) }
  let keys = Fixture.genesis.aggregatorKeys
  guard (try? quorum.verify(in: Fixture.genesis.context, keys: keys.span)) != nil else { return }
  require(quorum.statement == Fixture.quorum(Fixture.header().digest).statement, "votes nobody cast were counted")
}

private func fuzzRoundChange(_ input: [UInt8]) {
  var reader = WireReader(input.span)
  guard let change = try? RoundChange(decoding: &reader), reader.remaining == 0 else { return }
  requireIdentity(input, "round change") { out in change.encode(into: &out) }
  let keys = MemberKeys(Fixture.genesis.aggregatorKeys)
  guard (try? VerifiedRoundChange(checking: change, in: Fixture.genesis.context, by: keys)) != nil else { return }
  require(change == Cast.change(2) || change == Cast.change(1, Cast.prepared), "a round change nobody made holds")
}

/// What members signed for the one new round may be cited by the other, so here the choice is worked out once more.
private func fuzzNewRound(_ input: [UInt8]) {
  var reader = WireReader(input.span)
  guard let newRound = try? NewRound(decoding: &reader), reader.remaining == 0 else { return }
  requireIdentity(input, "new round") { out in newRound.encode(into: &out) }
  let keys = MemberKeys(Fixture.genesis.aggregatorKeys)
  guard (try? VerifiedNewRound(checking: newRound, in: Fixture.genesis.context, by: keys)) != nil else { return }
  require(newRound.claims.count == Int(Fixture.genesis.context.quorum.size), "a new round without a quorum holds")
  require([Cast.free.prepare, Cast.locked.prepare].contains(newRound.prepare), "a proposal nobody made holds")
  let isClaimed = newRound.claims.contains { $0.claim != .none }
  require(!isClaimed || newRound.prepared == Cast.prepared, "a lock that is claimed was left out")
  require(
    !newRound.prepared.exists || newRound.prepare.statement.digest == Cast.value, "another value than the locked one")
}
