import Consensus
import Cryptography
@testable import Node
import Units
import Wire

func consensusTargets() -> [FuzzTarget] {
  let quorum = Fixture.quorum(Fixture.header().digest)
  let statement = [UInt8](capacity: 128) { out in quorum.statement.encode(into: &out) }
  let encodedQuorum = [UInt8](capacity: 1024) { out in quorum.encode(into: &out) }
  let vote = VoteBody(Vote(statement: quorum.statement, signature: quorum.signatures[0]))
  let voteBytes = [UInt8](capacity: 128) { out in vote.encode(into: &out) }
  return [
    FuzzTarget("statement", maximumBytes: 128, seeds: [statement], run: fuzzStatement),
    FuzzTarget("vote-body", maximumBytes: 128, seeds: [voteBytes], run: fuzzVoteBody),
    FuzzTarget("quorum-certificate", maximumBytes: 1024, seeds: [encodedQuorum], run: fuzzQuorum),
  ]
}

private func fuzzStatement(_ input: [UInt8]) {
  var reader = WireReader(input.span)
  guard let statement = try? Statement(decoding: &reader), reader.remaining == 0 else { return }
  requireIdentity(input, "statement") { out in statement.encode(into: &out) }
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
