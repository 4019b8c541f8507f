import Consensus
import Cryptography
import Units
import Wire

// The golden bytes are those of Tests/Oracles/byte_vectors.txt, whose script writes the layouts and RFC 8032 down once more;
// they are the same everywhere.

private let goldenStatement =
  "4255534241522f3202000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f020000000000"
  + "0000030001000600000000000000090000000000000000000000808182838485868788898a8b8c8d8e8f9091929394959697"
  + "98999a9b9c9d9e9f0000000000000000000000000300000000000000"
private let goldenSignature =
  "7d9aad6fd5ed9fba19a2e47575dcc4713e6f1dd53f289e0378288ccf11bfa380c92b6a1941e0cbcf7e2266abf753df30bd1d"
  + "95c5f5bddc9cf39a834c8631fa07"
/// BLAKE2b-256, domain "BUSBARts", over the certificate of members 0, 1 and 3.
private let goldenCertificate = "8f66cae8a909ac3b6229a8a1ffe2438901b06bb74f93e4834eb150c885e07ba4"
/// Likewise over the journal entry of a commit in round (6, 1), and over a round change for (7, 0) that
/// claims what was prepared there.
private let goldenCommitEntry = "882d4c04fe107d593f2059c2c91e5f4ae60a8e6a67c01e095406f993eb8720f5"
private let goldenRoundChange = "ecd8d5554931ba19c51de83b5cef650e176cf6c8bfa064c3b081036da318b586"

private func vectorKey(_ member: UInt16) -> SigningKey {
  var seed = FixedBytes<32>(InlineArray(repeating: 0x40 + UInt8(member)))
  return SigningKey(seed: SecretBytes(taking: &seed))
}

private func vectorContext() -> GroupContext {
  GroupContext(
    networkIdentifier: Digest(InlineArray { UInt8($0) }), epoch: Epoch(2), group: GroupIndex(3), members: 4,
    leaders: .rotating)
}

private let vectorPosition = Position(9)
private let vectorFirstRound = Round(Period(6))

private func vectorVote(
  _ kind: StatementKind, _ digest: Digest, by member: UInt16, in round: Round = vectorFirstRound,
  claim: LockClaim = .none
) -> Vote {
  let statement = Statement(
    kind: kind, in: vectorContext(), owner: ReplicaIndex(1), position: vectorPosition, round: round, digest: digest,
    claim: claim, signer: ReplicaIndex(member))
  let key = vectorKey(member)
  return Vote(statement: statement, signature: key.sign(statement))
}

private func digestOfVector(_ capacity: Int, _ fill: (inout OutputSpan<UInt8>) -> Void) -> String {
  var buffer = ByteBuffer(capacity: capacity)
  buffer.replace(fill)
  return Blake2b.digest(domain: "BUSBARts", buffer.span).description
}

/// Feeds member 3, the primary, with what members 0 and 1 send, and gives the digest of its certificate.
private func decide(_ value: Digest, _ report: inout Report) -> String {
  let own = vectorKey(3)
  var instance = Instance(
    context: vectorContext(), replica: ReplicaIndex(3), owner: ReplicaIndex(1), position: vectorPosition,
    firstRound: vectorFirstRound)
  var effects = Effects()
  instance.step(.propose(value), signer: own, into: &effects)
  report.check(effects.count == 1 && !instance.hasSigned, "consensus: nothing is signed before the period has ended")
  effects.removeAll()
  instance.step(.periodEnded(vectorFirstRound.period), signer: own, into: &effects)
  instance.step(.propose(value), signer: own, into: &effects)
  report.check(effects.count == 2, "consensus: a proposal is persisted, then sent")
  for kind in [StatementKind.prepare, .commit] {
    for member: UInt16 in 0..<2 {
      let key = vectorKey(member)
      let vote = Authenticated(checking: vectorVote(kind, value, by: member), by: key.verificationKey)
      report.check(vote != nil, "consensus: a vote's signature holds")
      effects.removeAll()
      if let vote { instance.step(.vote(vote), signer: own, into: &effects) }
    }
  }
  report.check(instance.decided == value, "consensus: q commits decide")
  guard let certificate = instance.certificate else { return "" }
  var keys: [VerificationKey] = []
  for member: UInt16 in 0..<4 {
    let key = vectorKey(member)
    keys.append(key.verificationKey)
  }
  var holds = true
  do throws(CertificateError) { try certificate.verify(in: vectorContext(), keys: keys.span) } catch { holds = false }
  report.check(holds, "consensus: the certificate verifies")
  return digestOfVector(QuorumCertificate.encodedBytes(quorum: vectorContext().quorum)) { out in
    certificate.encode(into: &out)
  }
}

/// Prepared in round (6, 1), and asked for again in (7, 0).
private func checkLock(_ value: Digest, _ report: inout Report) {
  let (first, later) = (Round(Period(6), View(1)), Round(Period(7)))
  var signatures: [Signature] = []
  for member in [UInt16(0), 1, 3] { signatures.append(vectorVote(.prepare, value, by: member, in: first).signature) }
  let prepared = PreparedCertificate(signers: 0b1011, round: first, digest: value, signatures: signatures)
  let maximum = Instance.maximumEntryBytes(vectorContext().quorum)
  let entry = digestOfVector(maximum) { out in
    vectorVote(.commit, value, by: 3, in: first).encode(into: &out)
    prepared.encode(into: &out)
  }
  report.check(entry == goldenCommitEntry, "consensus: bytes of a commit with its certificate")
  let change = digestOfVector(maximum) { out in
    RoundChange(
      vote: vectorVote(.roundChange, value, by: 1, in: later, claim: LockClaim(first)), prepared: prepared
    ).encode(into: &out)
  }
  report.check(change == goldenRoundChange, "consensus: round change bytes")
}

/// Statement, signature, certificate and round change bytes, and one decision.
func checkConsensus(_ report: inout Report) {
  let value = Digest(InlineArray { UInt8(0x80 + $0) })
  let vote = vectorVote(.prepare, value, by: 3)
  var buffer = ByteBuffer(capacity: Statement.encodedBytes)
  buffer.replace { out in vote.statement.encode(into: &out) }
  report.check(Hexadecimal.string(buffer.span) == goldenStatement, "consensus: statement bytes")
  report.check(vote.signature.description == goldenSignature, "consensus: signature bytes")
  report.check(decide(value, &report) == goldenCertificate, "consensus: certificate bytes")
  checkLock(value, &report)
  let quorum = Quorum(members: 50)
  report.check(quorum.faults == 16 && quorum.size == 34, "consensus: quorum of 50")
}
