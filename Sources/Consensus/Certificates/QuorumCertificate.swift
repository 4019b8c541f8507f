import Cryptography
import Units
import Wire

/// Why a certificate was refused.
public enum CertificateError: Error, Equatable, Sendable, CustomStringConvertible {
  case wrongKind
  case wrongContext
  case signerNotZero
  case nonMember
  case wrongSignerCount(UInt16)
  case badSignature(signer: UInt16)

  public var description: String {
    switch self {
    case .wrongKind: "not a commit certificate"
    case .wrongContext: "another network, epoch or group"
    case .signerNotZero: "the common statement names a signer"
    case .nonMember: "a signer is not a member"
    case .wrongSignerCount(let count): "\(count) signers, not a quorum"
    case .badSignature(let signer): "the signature of member \(signer) does not hold"
    }
  }
}

/// Exactly q signatures by distinct members over one commit statement. Each implies that its signer saw q prepares.
public struct QuorumCertificate: Sendable {
  /// The commit statement with signer 0.
  public var statement: Statement
  /// Bit i is set when member i signed.
  public var signers: UInt64
  /// In the order of the bits.
  public var signatures: [Signature]

  /// Takes a certificate's parts, and checks nothing that they say.
  /// - Precondition: there is one signature for each bit of `signers`.
  public init(statement: Statement, signers: UInt64, signatures: [Signature]) {
    precondition(signers.nonzeroBitCount == signatures.count)
    self.statement = statement
    self.signers = signers
    self.signatures = signatures
  }

  /// Bytes of a certificate with exactly q signatures, which is the only one that is accepted.
  public static func encodedBytes(quorum: Quorum) -> Int {
    Statement.encodedBytes + 8 + 64 * Int(quorum.size)
  }

  /// Appends the statement, the bits and the signatures. (docs/PROTOCOL.md, QuorumCertificate)
  public func encode(into output: inout OutputSpan<UInt8>) {
    statement.encode(into: &output)
    output.write(signers)
    for index in signatures.indices { output.write(signatures[index]) }
  }

  /// Reads as many signatures as the bitmap has bits; whether they are enough is for ``verify(in:keys:)``.
  public init(decoding reader: inout WireReader) throws(WireError) {
    statement = try Statement(decoding: &reader)
    signers = try reader.read(UInt64.self)
    signatures = []
    signatures.reserveCapacity(signers.nonzeroBitCount)
    for _ in 0..<signers.nonzeroBitCount { signatures.append(try reader.read(Signature.self)) }
  }

  /// Cost: q signature checks.
  public func verify(in context: GroupContext, keys: Span<VerificationKey>) throws(CertificateError) {
    precondition(keys.count >= Int(context.quorum.members))
    try verify(in: context) { vote in
      Authenticated(checking: vote, by: keys[Int(vote.statement.signer.rawValue)]) != nil
    }
  }

  func verify(in context: GroupContext, _ holds: (Vote) -> Bool) throws(CertificateError) {
    guard statement.kind == .commit || mutated(.prepareQuorumTakenForCertificate) && statement.kind == .prepare else {
      throw .wrongKind
    }
    guard statement.networkIdentifier == context.networkIdentifier, statement.epoch == context.epoch,
      statement.group == context.group, statement.owner.rawValue < context.quorum.members,
      statement.claim == .none
    else { throw .wrongContext }
    guard statement.signer.rawValue == 0 else { throw .signerNotZero }
    guard context.quorum.members == 64 || signers >> UInt64(context.quorum.members) == 0 else { throw .nonMember }
    let isEnough =
      signatures.count == Int(context.quorum.size)
      || mutated(.fPlusOneCommitsTakenForCertificate) && signatures.count > Int(context.quorum.faults)
    guard isEnough else { throw .wrongSignerCount(UInt16(signatures.count)) }
    var place = 0
    for member in 0..<Int(context.quorum.members) where signers >> UInt64(member) & 1 == 1 {
      var signed = statement
      signed.signer = ReplicaIndex(UInt16(member))
      guard holds(Vote(statement: signed, signature: signatures[place])) || mutated(.certificateSignaturesUnchecked)
      else { throw .badSignature(signer: UInt16(member)) }
      place += 1
    }
  }
}

/// A certificate whose q signatures were checked; there is no other way to make one.
public struct VerifiedCertificate: Sendable {
  public let certificate: QuorumCertificate

  /// Cost: q signature checks.
  public init(
    checking certificate: QuorumCertificate, in context: GroupContext, keys: Span<VerificationKey>
  ) throws(CertificateError) {
    try certificate.verify(in: context, keys: keys)
    self.certificate = certificate
  }

  /// Cost: q signature checks.
  public init(
    checking certificate: QuorumCertificate, in context: GroupContext,
    by verifier: borrowing some VoteVerifier & ~Copyable
  ) throws(CertificateError) {
    try certificate.verify(in: context) { vote in verifier.holds(vote) }
    self.certificate = certificate
  }
}
