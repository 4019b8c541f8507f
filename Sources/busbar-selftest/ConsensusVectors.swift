import Consensus
import Cryptography
import Units
import Wire

// The golden bytes come from a separate implementation of the layouts and of RFC 8032; they are the same everywhere.

private let goldenStatement =
  "4255534241522f3102000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f020000000000"
  + "0000030001000600000000000000000000000000000000000000808182838485868788898a8b8c8d8e8f9091929394959697"
  + "98999a9b9c9d9e9f030000000000000000000000"
private let goldenSignature =
  "0e4fcc21ed93aa4f2268382daf5d0fdbc0440b3ea341c054138fbad38a8ea6ce9c8dcd6149b6742065fed5d14cfdaca13e73"
  + "844ab4a1fa014fa02cfc35cc200c"
/// BLAKE2b-256, domain "BUSBARts", over the certificate of members 0, 1 and 3.
private let goldenCertificate = "cec7cea5c13f6c59ea4e886289ec1f0f726e818e11f14fca0af57fcef3c22571"
private let goldenNullCertificate = "3f9a65098a0fd8c796fac3dee09bce324b17c857c1d66e82202526b632cfd96a"

private func vectorKey(_ member: UInt16) -> SigningKey {
  var seed = FixedBytes<32>(InlineArray(repeating: 0x40 + UInt8(member)))
  return SigningKey(seed: SecretBytes(taking: &seed))
}

private func vectorContext() -> GroupContext {
  GroupContext(
    networkIdentifier: Digest(InlineArray { UInt8($0) }), epoch: Epoch(2), group: GroupIndex(3), members: 4,
    rotates: true)
}

private func vectorVote(_ kind: StatementKind, _ digest: Digest, by member: UInt16) -> Vote {
  let statement = Statement(
    kind: kind, in: vectorContext(), owner: ReplicaIndex(1), period: Period(6), view: View(0), digest: digest,
    signer: ReplicaIndex(member))
  let key = vectorKey(member)
  return Vote(statement: statement, signature: key.sign(statement))
}

/// Feeds member 3, the primary, with what members 0 and 1 send, and gives the digest of its certificate.
private func decide(_ value: Digest, _ report: inout Report) -> String {
  let own = vectorKey(3)
  var instance = Instance(
    context: vectorContext(), replica: ReplicaIndex(3), owner: ReplicaIndex(1), period: Period(6))
  var effects = Effects()
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
  var buffer = ByteBuffer(capacity: QuorumCertificate.encodedBytes(quorum: vectorContext().quorum))
  buffer.replace { out in certificate.encode(into: &out) }
  var keys: [VerificationKey] = []
  for member: UInt16 in 0..<4 {
    let key = vectorKey(member)
    keys.append(key.verificationKey)
  }
  var holds = true
  do throws(CertificateError) { try certificate.verify(in: vectorContext(), keys: keys.span) } catch { holds = false }
  report.check(holds, "consensus: the certificate verifies")
  return Blake2b.digest(domain: "BUSBARts", buffer.span).description
}

/// Statement, signature and certificate bytes, and one decision for a value and for NULL.
func checkConsensus(_ report: inout Report) {
  let value = Digest(InlineArray { UInt8(0x80 + $0) })
  let vote = vectorVote(.prepare, value, by: 3)
  var buffer = ByteBuffer(capacity: Statement.encodedBytes)
  buffer.replace { out in vote.statement.encode(into: &out) }
  report.check(Hexadecimal.string(buffer.span) == goldenStatement, "consensus: statement bytes")
  report.check(vote.signature.description == goldenSignature, "consensus: signature bytes")
  report.check(decide(value, &report) == goldenCertificate, "consensus: certificate bytes")
  report.check(decide(Digest(), &report) == goldenNullCertificate, "consensus: NULL certificate bytes")
  let quorum = Quorum(members: 50)
  report.check(quorum.faults == 16 && quorum.size == 34, "consensus: quorum of 50")
}
