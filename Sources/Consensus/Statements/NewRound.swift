import Cryptography
import Units
import Wire

/// What one member's round change claimed, cited by a new round.
public struct RoundChangeClaim: Equatable, Sendable {
  public static let encodedBytes = 108

  public var claim: LockClaim
  public var digest: Digest
  public var signature: Signature

  /// Takes claim, digest and signature of a cited round change, and checks nothing.
  public init(claim: LockClaim, digest: Digest, signature: Signature) {
    self.claim = claim
    self.digest = digest
    self.signature = signature
  }

  /// Appends 108 bytes. (docs/PROTOCOL.md, RoundChangeClaim)
  public func encode(into output: inout OutputSpan<UInt8>) {
    claim.encode(into: &output)
    output.write(digest)
    output.write(signature)
  }

  /// Reads 108 bytes; whether the signature holds is for ``VerifiedNewRound``.
  public init(decoding reader: inout WireReader) throws(WireError) {
    claim = try LockClaim(decoding: &reader)
    digest = try reader.read(Digest.self)
    signature = try reader.read(Signature.self)
  }
}

/// What a new round's primary may propose. (DESIGN §3)
public enum Proposal: Equatable, Sendable {
  /// A prepared certificate leaves no choice: it may be decided already.
  case locked(Digest, Round)
  case free(Digest)
}

/// The proposal of a round after the first, and all that justifies it: q round changes and the certificate of the highest round.
///
/// Only one certificate travels: those of lower rounds do not change the choice, and a claim above it refuses the message.
/// So a new round proves itself, and members that have seen no round change can follow it. (consensus rules 14–16)
public struct NewRound: Equatable, Sendable {
  /// The primary's prepare in its round. (consensus rule 4)
  public var prepare: Vote
  public var prepared: PreparedCertificate
  /// Bit i: the round change of member i is cited.
  public var signers: UInt64
  /// In the order of the bits.
  public var claims: [RoundChangeClaim]

  /// Takes a new round's parts, and checks nothing that they say.
  /// - Precondition: there is one claim for each bit of `signers`.
  public init(prepare: Vote, prepared: PreparedCertificate, signers: UInt64, claims: [RoundChangeClaim]) {
    precondition(signers.nonzeroBitCount == claims.count)
    self.prepare = prepare
    self.prepared = prepared
    self.signers = signers
    self.claims = claims
  }

  /// The longest encoding: with a prepared certificate, and q claims.
  public static func maximumBytes(_ quorum: Quorum) -> Int {
    Vote.encodedBytes + PreparedCertificate.maximumBytes(quorum) + 8
      + RoundChangeClaim.encodedBytes * Int(quorum.size)
  }

  public var proposal: Proposal {
    let digest = prepare.statement.digest
    return prepared.exists ? .locked(digest, prepared.round) : .free(digest)
  }

  /// Appends the prepare, the certificate, the bits and the claims. (docs/PROTOCOL.md, NewRound)
  public func encode(into output: inout OutputSpan<UInt8>) {
    prepare.encode(into: &output)
    prepared.encode(into: &output)
    output.write(signers)
    for place in claims.indices { claims[place].encode(into: &output) }
  }

  /// Reads as many claims as `signers` has bits; whether they are enough is for ``VerifiedNewRound``.
  public init(decoding reader: inout WireReader) throws(WireError) {
    prepare = try Vote(decoding: &reader)
    prepared = try PreparedCertificate(decoding: &reader)
    signers = try reader.read(UInt64.self)
    claims = []
    claims.reserveCapacity(signers.nonzeroBitCount)
    for _ in 0..<signers.nonzeroBitCount { claims.append(try RoundChangeClaim(decoding: &reader)) }
  }
}

/// A new round that follows from what it cites; there is no other way to make one.
public struct VerifiedNewRound: Sendable {
  public let newRound: NewRound

  /// Recomputes what the primary had to propose. Cost: at most 2q + 1 signature checks. (consensus rules 12, 15, 16)
  public init(
    checking newRound: NewRound, in context: GroupContext, by verifier: borrowing some VoteVerifier & ~Copyable
  ) throws(JustificationError) {
    let statement = newRound.prepare.statement
    guard statement.kind == .prepare else { throw .wrongKind }
    guard statement.networkIdentifier == context.networkIdentifier, statement.epoch == context.epoch,
      statement.group == context.group, statement.owner.rawValue < context.quorum.members,
      statement.claim == .none
    else { throw .wrongContext }
    guard statement.signer.rawValue < context.quorum.members else { throw .nonMember }
    let primary = context.primary(owner: statement.owner, statement.round)
    guard statement.signer == primary || mutated(.newRoundOfAnyoneAccepted) else { throw .notPrimary }
    try Self.checkChoice(newRound, context.quorum)
    guard verifier.holds(newRound.prepare) else { throw .badSignature(signer: statement.signer.rawValue) }
    var place = 0
    for member in Members(newRound.signers) where !mutated(.newRoundClaimsUnverified) {
      let claim = newRound.claims[place]
      let cited = Statement(
        kind: .roundChange, in: context, owner: statement.owner, position: statement.position,
        round: statement.round, digest: claim.digest, claim: claim.claim, signer: member)
      guard verifier.holds(Vote(statement: cited, signature: claim.signature)) else {
        throw .badSignature(signer: member.rawValue)
      }
      place += 1
    }
    if newRound.prepared.exists {
      try newRound.prepared.check(in: context, owner: statement.owner, position: statement.position, by: verifier)
    }
    self.newRound = newRound
  }

  /// locked iff a certificate is there, and it is at least as high as every claim; free iff nobody claims one.
  private static func checkChoice(_ newRound: NewRound, _ quorum: Quorum) throws(JustificationError) {
    let statement = newRound.prepare.statement
    guard quorum.members == 64 || newRound.signers >> UInt64(quorum.members) == 0 else { throw .nonMember }
    let count = newRound.claims.count
    guard count == Int(quorum.size) || mutated(.newRoundFromFPlusOne) && count > Int(quorum.faults) else {
      throw .wrongSignerCount(UInt16(count))
    }
    if mutated(.newRoundNotRecomputed) { return }
    var highest = LockClaim.none
    for place in newRound.claims.indices { highest = max(highest, newRound.claims[place].claim) }
    if mutated(.newRoundIgnoresClaims) { highest = .none }
    guard highest <= newRound.prepared.claim else { throw .wrongClaim }
    guard newRound.prepared.exists else { return }
    guard newRound.prepared.round < statement.round || mutated(.certificateRoundUnchecked) else { throw .wrongRound }
    guard newRound.prepared.digest == statement.digest || mutated(.preparedDigestUnchecked) else { throw .wrongValue }
  }
}
