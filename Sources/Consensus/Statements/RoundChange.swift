import Cryptography
import Units
import Wire

/// Asks for a later round, and says what its signer has prepared. (Castro & Liskov 1999, §4.4; consensus rules 10–12)
///
/// The vote's statement has the kind `roundChange`, the round asked for, and of the prepared certificate the digest and the round as
/// its claim; both are 0 without one. So a round change can be cited without its certificate.
public struct RoundChange: Equatable, Sendable {
  public var vote: Vote
  public var prepared: PreparedCertificate

  /// Takes a round change's parts; ``VerifiedRoundChange`` says whether they belong together.
  public init(vote: Vote, prepared: PreparedCertificate) {
    self.vote = vote
    self.prepared = prepared
  }

  /// The longest encoding: with a prepared certificate.
  public static func maximumBytes(_ quorum: Quorum) -> Int {
    Vote.encodedBytes + PreparedCertificate.maximumBytes(quorum)
  }

  /// Appends the vote and the certificate behind it, or 8 zero bytes. (docs/PROTOCOL.md, RoundChange)
  public func encode(into output: inout OutputSpan<UInt8>) {
    vote.encode(into: &output)
    prepared.encode(into: &output)
  }

  /// Reads the layout alone; signatures and claim are for ``VerifiedRoundChange``.
  public init(decoding reader: inout WireReader) throws(WireError) {
    vote = try Vote(decoding: &reader)
    prepared = try PreparedCertificate(decoding: &reader)
  }
}

/// A round change whose signature, claim and certificate were checked; there is no other way to make one.
public struct VerifiedRoundChange: Sendable {
  public let roundChange: RoundChange

  /// Cost: one signature check, and q for a certificate.
  public init(
    checking roundChange: RoundChange, in context: GroupContext, by verifier: borrowing some VoteVerifier & ~Copyable
  ) throws(JustificationError) {
    let statement = roundChange.vote.statement
    let prepared = roundChange.prepared
    guard statement.kind == .roundChange else { throw .wrongKind }
    guard statement.networkIdentifier == context.networkIdentifier, statement.epoch == context.epoch,
      statement.group == context.group, statement.owner.rawValue < context.quorum.members
    else { throw .wrongContext }
    guard statement.signer.rawValue < context.quorum.members else { throw .nonMember }
    guard statement.claim == prepared.claim, statement.digest == (prepared.exists ? prepared.digest : Digest())
    else { throw .wrongClaim }
    guard !prepared.exists || prepared.round < statement.round || mutated(.certificateRoundUnchecked) else {
      throw .wrongRound
    }
    guard verifier.holds(roundChange.vote) else { throw .badSignature(signer: statement.signer.rawValue) }
    if prepared.exists {
      try prepared.check(in: context, owner: statement.owner, position: statement.position, by: verifier)
    }
    self.roundChange = roundChange
  }
}
