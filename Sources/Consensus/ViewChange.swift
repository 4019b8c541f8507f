import Cryptography
import Units
import Wire

/// Asks for a later view, and says what its signer has prepared. (Castro & Liskov 1999, §4.4; consensus rules 10–12)
///
/// The vote's statement has the kind `viewChange`, the view asked for, and of the prepared certificate the digest and, as
/// sequence number, one more than its view; both are 0 without one. So a view change can be cited without its certificate.
public struct ViewChange: Equatable, Sendable {
  public var vote: Vote
  public var prepared: PreparedCertificate

  public init(vote: Vote, prepared: PreparedCertificate) {
    self.vote = vote
    self.prepared = prepared
  }

  public static func maximumBytes(_ quorum: Quorum) -> Int {
    Vote.encodedBytes + PreparedCertificate.maximumBytes(quorum)
  }

  public func encode(into output: inout OutputSpan<UInt8>) {
    vote.encode(into: &output)
    prepared.encode(into: &output)
  }

  public init(decoding reader: inout WireReader) throws(WireError) {
    vote = try Vote(decoding: &reader)
    prepared = try PreparedCertificate(decoding: &reader)
  }
}

/// A view change whose signature, claim and certificate were checked; there is no other way to make one.
public struct VerifiedViewChange: Sendable {
  public let viewChange: ViewChange

  /// Cost: one signature check, and q for a certificate.
  public init(
    checking viewChange: ViewChange, in context: GroupContext, by verifier: borrowing some VoteVerifier & ~Copyable
  ) throws(JustificationError) {
    let statement = viewChange.vote.statement
    let prepared = viewChange.prepared
    guard statement.kind == .viewChange else { throw .wrongKind }
    guard statement.networkIdentifier == context.networkIdentifier, statement.epoch == context.epoch,
      statement.group == context.group, statement.owner.rawValue < context.quorum.members
    else { throw .wrongContext }
    guard statement.signer.rawValue < context.quorum.members else { throw .nonMember }
    guard statement.view.rawValue > 0 else { throw .wrongView }
    guard statement.sequenceNumber == prepared.claim, statement.digest == (prepared.exists ? prepared.digest : Digest())
    else { throw .wrongClaim }
    guard !prepared.exists || prepared.view < statement.view || mutated(.certificateViewUnchecked) else {
      throw .wrongView
    }
    guard verifier.holds(viewChange.vote) else { throw .badSignature(signer: statement.signer.rawValue) }
    if prepared.exists {
      try prepared.check(in: context, owner: statement.owner, period: statement.period, by: verifier)
    }
    self.viewChange = viewChange
  }
}
