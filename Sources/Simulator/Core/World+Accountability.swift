import Consensus
import Units
import Wire

// What two decisions leave behind. Of f + 1 to 2f liars every quorum holds somebody honest, so what is needed to convict is
// in the journals of honest members: the two certificates, and the new rounds they prepared upon.
//
// Let A be decided in round v, and w be the first round after v with a prepared certificate of another value; somebody honest
// prepared there upon a new round. Two quorums share f + 1 members, so:
// - if B was committed in v as well, f + 1 signed both commits;
// - if the new round cites no certificate of round v or a later one, f + 1 of those who committed A in v claim to have prepared
//   less;
// - if it cites one of round v, of another value, f + 1 prepared that one in v and committed A.
extension World {
  private struct Signed {
    let kind: StatementKind
    let member: Int
    let round: Round
    let value: Int
    var claim = SignedStatements.Claim.none
  }

  /// Names who must have lied for both to be decided. No honest member signs what convicts it here.
  func name(_ one: QuorumCertificate, _ other: QuorumCertificate) {
    var transcript: [Signed] = []
    for certificate in [one, other] {
      for member in Members64(certificate.signers) {
        transcript.append(
          Signed(
            kind: .commit, member: member, round: certificate.statement.round,
            value: value(of: certificate.statement.digest)))
      }
    }
    for newRound in justifications { read(newRound, into: &transcript) }
    for (place, first) in transcript.enumerated() {
      for second in transcript[..<place] where first.member == second.member {
        if isLie(first, second) || isLie(second, first) { outcome.named |= 1 << UInt64(first.member) }
      }
    }
    if let trace { trace("\(now) two decisions; named: \(Array(Members64(outcome.named)))") }
    if outcome.named & ~liarMask != 0 { return fail(.wronglyConvicted, "by two decisions") }
    if outcome.named.nonzeroBitCount <= (members - 1) / 3 {
      return fail(.unaccountable, "only \(outcome.named.nonzeroBitCount) are named")
    }
    // As it must be; the schedule ends here.
    fail(.disagreement)
  }

  private func read(_ newRound: NewRound, into transcript: inout [Signed]) {
    let statement = newRound.prepare.statement
    let round = statement.round
    transcript.append(
      Signed(
        kind: .prepare, member: Int(statement.signer.rawValue), round: round, value: value(of: statement.digest)))
    for (member, claim) in zip(Members64(newRound.signers), newRound.claims) {
      transcript.append(
        Signed(
          kind: .roundChange, member: member, round: round, value: value(of: claim.digest),
          claim: SignedStatements.Claim(claim.claim)))
    }
    for member in Members64(newRound.prepared.signers) {
      transcript.append(
        Signed(
          kind: .prepare, member: member, round: newRound.prepared.round, value: value(of: newRound.prepared.digest)))
    }
  }

  /// Whether nobody honest signs both.
  private func isLie(_ first: Signed, _ second: Signed) -> Bool {
    switch (first.kind, second.kind) {
    case (.prepare, .prepare), (.commit, .commit), (.prepare, .commit):
      first.round == second.round && first.value != second.value
    case (.roundChange, .roundChange):
      first.round == second.round && (first.value != second.value || first.claim != second.claim)
    case (.commit, .roundChange): first.round < second.round && second.claim.isBelow(first.round)
    default: false
    }
  }
}
