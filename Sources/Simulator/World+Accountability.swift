import Consensus
import Units
import Wire

// What two decisions leave behind. Of f + 1 to 2f liars every quorum holds somebody honest, so what is needed to convict is
// in the journals of honest members: the two certificates, and the new rounds they prepared upon.
//
// Let A be decided in view v, and w be the first view above v with a prepared certificate of another value; somebody honest
// prepared there upon a new round. Two quorums share f + 1 members, so:
// - if B was committed in v as well, f + 1 signed both commits;
// - if the new round cites no certificate of view v or above, f + 1 of those who committed A in v claim to have prepared
//   less;
// - if it cites one of view v, of another value, f + 1 prepared that one in v and committed A.
extension World {
  private struct Signed {
    let kind: StatementKind
    let member: Int
    let view: UInt32
    let value: Int
    let claim: UInt64
  }

  /// Names who must have lied for both to be decided. No honest member signs what convicts it here.
  func name(_ one: QuorumCertificate, _ other: QuorumCertificate) {
    var transcript: [Signed] = []
    for certificate in [one, other] {
      for member in Members64(certificate.signers) {
        transcript.append(
          Signed(
            kind: .commit, member: member, view: certificate.statement.view.rawValue,
            value: value(of: certificate.statement.digest), claim: 0))
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
    let view = statement.view.rawValue
    transcript.append(
      Signed(
        kind: .prepare, member: Int(statement.signer.rawValue), view: view, value: value(of: statement.digest),
        claim: 0))
    for (member, claim) in zip(Members64(newRound.signers), newRound.claims) {
      transcript.append(
        Signed(
          kind: .roundChange, member: member, view: view, value: value(of: claim.digest),
          claim: claim.sequenceNumber.rawValue))
    }
    for member in Members64(newRound.prepared.signers) {
      transcript.append(
        Signed(
          kind: .prepare, member: member, view: newRound.prepared.view.rawValue,
          value: value(of: newRound.prepared.digest), claim: 0))
    }
  }

  /// Whether nobody honest signs both.
  private func isLie(_ first: Signed, _ second: Signed) -> Bool {
    switch (first.kind, second.kind) {
    case (.prepare, .prepare), (.commit, .commit), (.prepare, .commit):
      first.view == second.view && first.value != second.value
    case (.roundChange, .roundChange):
      first.view == second.view && (first.value != second.value || first.claim != second.claim)
    // One more than the view that was prepared is claimed.
    case (.commit, .roundChange): first.view < second.view && second.claim <= UInt64(first.view)
    default: false
    }
  }
}
