import Cryptography
import Units
import Wire

/// Checks the signature of a vote under the key of the member it names.
public protocol VoteVerifier: ~Copyable {
  /// - Precondition: the signer is a member.
  func holds(_ vote: Vote) -> Bool
}

/// The members' Ed25519 keys.
public struct MemberKeys: VoteVerifier, Sendable {
  let keys: [VerificationKey]
  /// Takes the keys in the order of the members: the first one is member 0's.
  public init(_ keys: [VerificationKey]) { self.keys = keys }
  public func holds(_ vote: Vote) -> Bool {
    Authenticated(checking: vote, by: keys[Int(vote.statement.signer.rawValue)]) != nil
  }
}

/// Why a round change or a new round was refused.
public enum JustificationError: Error, Equatable, Sendable {
  case wrongKind, wrongContext, wrongRound, nonMember, notPrimary
  case wrongSignerCount(UInt16)
  /// The signature of this member does not hold.
  case badSignature(signer: UInt16)
  /// What is claimed to be prepared and the certificate differ.
  case wrongClaim
  /// Not the value that follows from the round changes. (consensus rule 15)
  case wrongValue
}

/// Exactly q prepare signatures by distinct members over one statement: nothing else can be decided in that round.
/// Appears only in round changes; never mixed or counted together with commits. (DESIGN §2.3)
public struct PreparedCertificate: Equatable, Sendable {
  /// Bit i: member i signed. 0: no certificate, and nothing else is encoded.
  public var signers: UInt64
  public var round: Round
  public var digest: Digest
  /// In the order of the bits; more than that are not looked at.
  public var signatures: [Signature]

  /// Takes the parts as they are; ``check(in:owner:position:by:)`` says whether they are a certificate.
  public init(signers: UInt64, round: Round, digest: Digest, signatures: [Signature]) {
    self.signers = signers
    self.round = round
    self.digest = digest
    self.signatures = signatures
  }

  static var none: PreparedCertificate {
    PreparedCertificate(signers: 0, round: Round(Period(0)), digest: Digest(), signatures: [])
  }

  public var exists: Bool { signers != 0 }
  /// What a round change says about it.
  public var claim: LockClaim { exists ? LockClaim(round) : .none }

  /// The longest encoding: with q signatures.
  public static func maximumBytes(_ quorum: Quorum) -> Int { 52 + 64 * Int(quorum.size) }

  public static func == (left: Self, right: Self) -> Bool {
    guard left.signers == right.signers else { return false }
    guard left.exists else { return true }
    guard left.round == right.round, left.digest == right.digest else { return false }
    for place in 0..<left.signers.nonzeroBitCount where left.signatures[place] != right.signatures[place] {
      return false
    }
    return true
  }

  /// Appends 52 bytes and the signatures, or 8 zero bytes for none. (docs/PROTOCOL.md, PreparedCertificate)
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(signers)
    guard exists else { return }
    output.write(round.period.rawValue)
    output.write(round.view.rawValue)
    output.write(digest)
    for place in 0..<signers.nonzeroBitCount { output.write(signatures[place]) }
  }

  /// Whether the signatures are enough and hold is for ``check(in:owner:position:by:)``.
  public init(decoding reader: inout WireReader) throws(WireError) {
    signers = try reader.read(UInt64.self)
    signatures = []
    guard signers != 0 else {
      round = Round(Period(0))
      digest = Digest()
      return
    }
    let period = Period(try reader.read(UInt64.self))
    round = Round(period, View(try reader.read(UInt32.self)))
    guard round.view.rawValue < UInt32.max else { throw .outOfRange(offset: reader.offset - 4) }
    digest = try reader.read(Digest.self)
    signatures.reserveCapacity(signers.nonzeroBitCount)
    for _ in 0..<signers.nonzeroBitCount { signatures.append(try reader.read(Signature.self)) }
  }

  /// Cost: q signature checks. (consensus rule 12)
  func check(
    in context: GroupContext, owner: ReplicaIndex, position: Position,
    by verifier: borrowing some VoteVerifier & ~Copyable
  ) throws(JustificationError) {
    guard context.quorum.members == 64 || signers >> UInt64(context.quorum.members) == 0 else { throw .nonMember }
    let count = signers.nonzeroBitCount
    let needed = mutated(.certificateOfFPlusOne) ? Int(context.quorum.faults) + 1 : Int(context.quorum.size)
    guard count == needed || mutated(.certificateOfFPlusOne) && count >= needed else {
      throw .wrongSignerCount(UInt16(count))
    }
    if mutated(.certificateNotVerified) { return }
    var place = 0
    for member in Members(signers) {
      var statement = Statement(
        kind: .prepare, in: context, owner: owner, position: position, round: round, digest: digest, signer: member)
      var holds = verifier.holds(Vote(statement: statement, signature: signatures[place]))
      if mutated(.lockOfOtherPosition), !holds {
        statement.position = position.next
        holds = verifier.holds(Vote(statement: statement, signature: signatures[place]))
      }
      guard holds else { throw .badSignature(signer: member.rawValue) }
      place += 1
    }
  }
}
