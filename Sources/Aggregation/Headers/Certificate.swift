import Consensus
import Cryptography
import Units
import Wire

/// Why a certificate file or a sum was refused.
public enum VerificationError: Error, Equatable, Sendable, CustomStringConvertible {
  case malformed(WireError)
  case certificate(CertificateError)
  case digestMismatch
  case header(HeaderRefusal)
  case wrongSum
  case badSignature

  public var description: String {
    switch self {
    case .malformed(let error): "malformed: \(error)"
    case .certificate(let error): "\(error)"
    case .digestMismatch: "the header is not the one that was voted for"
    case .header(let refusal): "\(refusal)"
    case .wrongSum: "the sum belongs to another certificate"
    case .badSignature: "the bookkeeper's signature does not hold"
    }
  }
}

/// A decided position, as anyone who holds the genesis can check it: q commits, and the header.
public struct Certificate: Sendable {
  public var quorum: QuorumCertificate
  public var header: Header

  /// Takes both as they are; whether the votes are over this header is for ``init(checking:against:)``.
  public init(quorum: QuorumCertificate, header: Header) {
    self.quorum = quorum
    self.header = header
  }

  public var owner: ReplicaIndex { quorum.statement.owner }
  public var position: Position { quorum.statement.position }
  /// Of the header. The round of the commits may be of a later one.
  public var period: Period { header.period }

  /// The position in an encoded certificate that was checked.
  public static func position(in encoded: Span<UInt8>) -> Position {
    var reader = WireReader(encoded)
    guard (try? reader.readTag("BUSBARc2")) != nil, let statement = try? Statement(decoding: &reader) else {
      preconditionFailure("not a certificate")
    }
    return statement.position
  }

  /// Digest of the header that an encoded certificate was decided for; nil for bytes that are none.
  public static func headerDigest(in encoded: Span<UInt8>) -> Digest? {
    var reader = WireReader(encoded)
    guard (try? reader.readTag("BUSBARc2")) != nil, let statement = try? Statement(decoding: &reader) else {
      return nil
    }
    return statement.digest
  }

  /// Bytes of a certificate: every one of a group is as long.
  public static func maximumBytes(_ quorum: Quorum) -> Int {
    8 + QuorumCertificate.encodedBytes(quorum: quorum) + Header.encodedBytes
  }

  /// Appends tag, votes and header. (docs/PROTOCOL.md, Certificate)
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.writeTag("BUSBARc2")
    quorum.encode(into: &output)
    header.encode(into: &output)
  }

  /// Reads a whole certificate and checks it against the genesis. Cost: q signature checks.
  public init(checking bytes: Span<UInt8>, against genesis: Genesis) throws(VerificationError) {
    do throws(WireError) {
      var reader = WireReader(bytes)
      try reader.readTag("BUSBARc2", inVersion1: "BUSBARce")
      quorum = try QuorumCertificate(decoding: &reader)
      header = try Header(decoding: &reader)
      try reader.expectEnd()
    } catch { throw .malformed(error) }
    let keys = genesis.aggregatorKeys
    do throws(CertificateError) { try quorum.verify(in: genesis.context, keys: keys.span) } catch {
      throw .certificate(error)
    }
    guard quorum.statement.digest == header.digest else { throw .digestMismatch }
    guard header.networkIdentifier == genesis.networkIdentifier, header.epoch == genesis.epoch,
      header.group == genesis.group
    else { throw .header(.wrongNetwork) }
    // Position 0 is the genesis. A header that was locked is decided in a round of its period or a later one.
    guard header.owner == owner, position.rawValue > 0, header.period <= quorum.statement.round.period else {
      throw .header(.wrongInstance)
    }
    guard header.keyIdentifier == genesis.keyIdentifier else { throw .header(.foreignKey) }
    guard header.contributors.isWithin(meterCount: genesis.meterCount(of: owner)) else { throw .header(.unknownMeter) }
    guard header.count >= genesis.minimumContributors else { throw .header(.tooFewContributors) }
    guard genesis.standsTogether(header.contributors, of: owner) || mutated(.loneFeederCounted) else {
      throw .header(.loneFeeder)
    }
  }
}

/// A published decryption: (S, R), by which anyone can recompute the product that was certified. (DESIGN §2.3)
public struct PublishedSum: Sendable {
  public var networkIdentifier: Digest
  public var epoch: Epoch
  public var group: GroupIndex
  public var owner: ReplicaIndex
  public var period: Period
  public var headerDigest: Digest
  public var keyIdentifier: FixedBytes<16>
  /// S, big-endian, as long as n.
  public var sum: [UInt8]
  /// R, big-endian, as long as n.
  public var root: [UInt8]
  public var signature: Signature

  /// Signs a decryption of the product that `header` names. The equation is not checked here, nor that S and R are as
  /// long as n.
  public init(header: Header, sum: [UInt8], root: [UInt8], signer: borrowing SigningKey) {
    networkIdentifier = header.networkIdentifier
    epoch = header.epoch
    group = header.group
    owner = header.owner
    period = header.period
    headerDigest = header.digest
    keyIdentifier = header.keyIdentifier
    self.sum = sum
    self.root = root
    signature = Signature()
    var buffer = ByteBuffer(capacity: Self.encodedBytes(modulusBytes: sum.count))
    buffer.replace { out in encodeSigned(into: &out) }
    signature = signer.sign(buffer.span)
  }

  /// Bytes of the whole file for an n of `modulusBytes`.
  public static func encodedBytes(modulusBytes: Int) -> Int { 112 + 2 * modulusBytes + 64 }

  private func encodeSigned(into output: inout OutputSpan<UInt8>) {
    output.writeTag("BUSBARsm")
    output.write(networkIdentifier)
    output.write(epoch.rawValue)
    output.write(group.rawValue)
    output.write(owner.rawValue)
    output.writeZeros(4)
    output.write(period.rawValue)
    output.write(headerDigest)
    output.write(keyIdentifier)
    output.write(sum.span)
    output.write(root.span)
  }

  /// Appends ``encodedBytes(modulusBytes:)`` bytes. (docs/PROTOCOL.md, PublishedSum)
  public func encode(into output: inout OutputSpan<UInt8>) {
    encodeSigned(into: &output)
    output.write(signature)
  }

  /// Checks layout, the bookkeeper's signature and that it speaks of this header; the equation is the caller's, who
  /// holds the Paillier key.
  public init(checking bytes: Span<UInt8>, of header: Header, against genesis: Genesis) throws(VerificationError) {
    let modulusBytes = genesis.modulus.count
    do throws(WireError) {
      var reader = WireReader(bytes)
      try reader.readTag("BUSBARsm")
      networkIdentifier = try reader.read(Digest.self)
      epoch = Epoch(try reader.read(UInt64.self))
      group = GroupIndex(try reader.read(UInt16.self))
      owner = ReplicaIndex(try reader.read(UInt16.self))
      try reader.readZeros(4)
      period = Period(try reader.read(UInt64.self))
      headerDigest = try reader.read(Digest.self)
      keyIdentifier = try reader.read(FixedBytes<16>.self)
      sum = []
      root = []
      for _ in 0..<modulusBytes { sum.append(try reader.read(UInt8.self)) }
      for _ in 0..<modulusBytes { root.append(try reader.read(UInt8.self)) }
      signature = try reader.read(Signature.self)
      try reader.expectEnd()
    } catch { throw .malformed(error) }
    guard networkIdentifier == header.networkIdentifier, epoch == header.epoch, group == header.group,
      owner == header.owner, period == header.period, headerDigest == header.digest,
      keyIdentifier == header.keyIdentifier
    else { throw .wrongSum }
    let signed = bytes.extracting(0..<(bytes.count - 64))
    guard genesis.bookkeeper.verificationKey.isValid(signature, for: signed) else { throw .badSignature }
  }
}
