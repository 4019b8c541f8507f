import Cryptography
import Units
import Wire

/// What one member's view change claimed, cited by a new view.
public struct ViewChangeClaim: Equatable, Sendable {
  public static let encodedBytes = 104

  public var sequenceNumber: SequenceNumber
  public var digest: Digest
  public var signature: Signature

  public init(sequenceNumber: SequenceNumber, digest: Digest, signature: Signature) {
    self.sequenceNumber = sequenceNumber
    self.digest = digest
    self.signature = signature
  }

  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(sequenceNumber.rawValue)
    output.write(digest)
    output.write(signature)
  }

  public init(decoding reader: inout WireReader) throws(WireError) {
    sequenceNumber = SequenceNumber(try reader.read(UInt64.self))
    digest = try reader.read(Digest.self)
    signature = try reader.read(Signature.self)
  }
}

/// What a new view's primary may propose. (DESIGN §3)
public enum Proposal: Equatable, Sendable {
  /// A prepared certificate leaves no choice: it may be decided already.
  case locked(Digest, View)
  case free(Digest)
  case null
}

/// The proposal of a view above 0, and all that justifies it: q view changes and the certificate of the highest view.
///
/// Only one certificate travels: those of lower views do not change the choice, and a claim above it refuses the message.
/// So a new view proves itself, and members that have seen no view change can follow it. (consensus rules 14–16)
public struct NewView: Equatable, Sendable {
  /// The primary's prepare in its view. (consensus rule 4)
  public var prepare: Vote
  public var prepared: PreparedCertificate
  /// Bit i: the view change of member i is cited.
  public var signers: UInt64
  /// In the order of the bits.
  public var claims: [ViewChangeClaim]

  public init(prepare: Vote, prepared: PreparedCertificate, signers: UInt64, claims: [ViewChangeClaim]) {
    precondition(signers.nonzeroBitCount == claims.count)
    self.prepare = prepare
    self.prepared = prepared
    self.signers = signers
    self.claims = claims
  }

  public static func maximumBytes(_ quorum: Quorum) -> Int {
    Vote.encodedBytes + PreparedCertificate.maximumBytes(quorum) + 8
      + ViewChangeClaim.encodedBytes * Int(quorum.size)
  }

  public var proposal: Proposal {
    let digest = prepare.statement.digest
    if prepared.exists { return .locked(digest, prepared.view) }
    return digest == Instance.nullDigest ? .null : .free(digest)
  }

  public func encode(into output: inout OutputSpan<UInt8>) {
    prepare.encode(into: &output)
    prepared.encode(into: &output)
    output.write(signers)
    for place in claims.indices { claims[place].encode(into: &output) }
  }

  public init(decoding reader: inout WireReader) throws(WireError) {
    prepare = try Vote(decoding: &reader)
    prepared = try PreparedCertificate(decoding: &reader)
    signers = try reader.read(UInt64.self)
    claims = []
    claims.reserveCapacity(signers.nonzeroBitCount)
    for _ in 0..<signers.nonzeroBitCount { claims.append(try ViewChangeClaim(decoding: &reader)) }
  }
}

/// A new view that follows from what it cites; there is no other way to make one.
public struct VerifiedNewView: Sendable {
  public let newView: NewView

  /// Recomputes what the primary had to propose. Cost: at most 2q + 1 signature checks. (consensus rules 12, 15, 16)
  public init(
    checking newView: NewView, in context: GroupContext, by verifier: borrowing some VoteVerifier & ~Copyable
  ) throws(JustificationError) {
    let statement = newView.prepare.statement
    guard statement.kind == .prepare else { throw .wrongKind }
    guard statement.networkIdentifier == context.networkIdentifier, statement.epoch == context.epoch,
      statement.group == context.group, statement.owner.rawValue < context.quorum.members,
      statement.sequenceNumber.rawValue == 0
    else { throw .wrongContext }
    guard statement.signer.rawValue < context.quorum.members else { throw .nonMember }
    guard statement.view.rawValue > 0 else { throw .wrongView }
    let primary = context.primary(owner: statement.owner, period: statement.period, view: statement.view)
    guard statement.signer == primary || mutated(.newViewOfAnyoneAccepted) else { throw .notPrimary }
    try Self.checkChoice(newView, context.quorum)
    guard verifier.holds(newView.prepare) else { throw .badSignature(signer: statement.signer.rawValue) }
    var place = 0
    for member in Members(newView.signers) where !mutated(.newViewClaimsUnverified) {
      let claim = newView.claims[place]
      var cited = Statement(
        kind: .viewChange, in: context, owner: statement.owner, period: statement.period, view: statement.view,
        digest: claim.digest, signer: member)
      cited.sequenceNumber = claim.sequenceNumber
      guard verifier.holds(Vote(statement: cited, signature: claim.signature)) else {
        throw .badSignature(signer: member.rawValue)
      }
      place += 1
    }
    if newView.prepared.exists {
      try newView.prepared.check(in: context, owner: statement.owner, period: statement.period, by: verifier)
    }
    self.newView = newView
  }

  /// locked iff a certificate is there, and it is at least as high as every claim; free or null iff nobody claims one.
  private static func checkChoice(_ newView: NewView, _ quorum: Quorum) throws(JustificationError) {
    let statement = newView.prepare.statement
    guard quorum.members == 64 || newView.signers >> UInt64(quorum.members) == 0 else { throw .nonMember }
    let count = newView.claims.count
    guard count == Int(quorum.size) || mutated(.newViewFromFPlusOne) && count > Int(quorum.faults) else {
      throw .wrongSignerCount(UInt16(count))
    }
    if mutated(.newViewNotRecomputed) { return }
    var highest: UInt64 = 0
    for place in newView.claims.indices { highest = max(highest, newView.claims[place].sequenceNumber.rawValue) }
    if mutated(.newViewIgnoresClaims) { highest = 0 }
    guard highest <= newView.prepared.claim.rawValue else { throw .wrongClaim }
    guard newView.prepared.exists else { return }
    guard newView.prepared.view < statement.view || mutated(.certificateViewUnchecked) else { throw .wrongView }
    guard newView.prepared.digest == statement.digest || mutated(.preparedDigestUnchecked) else { throw .wrongValue }
  }
}
