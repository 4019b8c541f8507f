import Consensus
import Cryptography
import Paillier
import Wire

/// What a node does in its group.
public enum PartyRole: UInt8, CaseIterable, Sendable {
  case aggregator = 1
  case meter = 2
  case bookkeeper = 3
}

/// Why a registration is not taken.
public enum RegistrationRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  /// Its text is no hexadecimal number.
  case notHexadecimal
  case malformed(WireError)
  /// The signature is not of the key that the registration names.
  case wrongSignature

  public var description: String {
    switch self {
    case .notHexadecimal: "not hexadecimal digits"
    case .malformed(let error): "malformed: \(error)"
    case .wrongSignature: "its signature does not hold: it was changed on its way, or cut"
    }
  }
}

/// What a node shows of its keys before there is a group, signed with the very key it shows. (docs/PROTOCOL.md)
///
/// The signature says that whoever made this holds the signing key, and that nothing was changed since. It does not say which
/// house the node stands in: whoever collects registrations compares their ``fingerprint``.
public struct KeyRegistration: Equatable, Sendable {
  public let role: PartyRole
  public let keys: PartyKeys
  /// A bookkeeper's modulus with its proof, which nobody has looked at yet; nil for others.
  public let proven: ProvenModulus?
  public let signature: Signature

  /// Of the tag, role and keys, which stand before what a bookkeeper alone has.
  private static let headBytes = 76
  private static let signatureBytes = 64
  public static let maximumBytes =
    headBytes + 10 + (1 + ModulusProof.challengeCount) * PublicKey.maximumBits / 8 + signatureBytes

  /// - Precondition: a bookkeeper has a modulus and nobody else does; `signer` is the key of `keys`.
  public init(role: PartyRole, keys: PartyKeys, proven: ProvenModulus?, signer: borrowing SigningKey) {
    precondition((role == .bookkeeper) == (proven != nil))
    precondition(signer.verificationKey == keys.verificationKey)
    self.role = role
    self.keys = keys
    self.proven = proven
    let signed = [UInt8](capacity: Self.maximumBytes) { out in
      Self.encodeSigned(role, keys, proven, into: &out)
    }
    signature = signer.sign(signed.span)
  }

  private static func encodeSigned(
    _ role: PartyRole, _ keys: PartyKeys, _ proven: ProvenModulus?, into output: inout OutputSpan<UInt8>
  ) {
    output.writeTag("BUSBARkr")
    output.write(role.rawValue)
    output.writeZeros(3)
    keys.encode(into: &output)
    if let proven { proven.encode(into: &output) }
  }

  public var encodedBytes: Int { Self.headBytes + (proven?.encodedBytes ?? 0) + Self.signatureBytes }

  /// Appends ``encodedBytes`` bytes, the signature last. (docs/PROTOCOL.md, KeyRegistration)
  public func encode(into output: inout OutputSpan<UInt8>) {
    Self.encodeSigned(role, keys, proven, into: &output)
    output.write(signature)
  }

  /// Throws unless the signature holds. Cost: one verification.
  public init(checking bytes: Span<UInt8>) throws(RegistrationRefusal) {
    do throws(WireError) {
      var reader = WireReader(bytes)
      try reader.readTag("BUSBARkr")
      guard let role = PartyRole(rawValue: try reader.read(UInt8.self)) else { throw .outOfRange(offset: 8) }
      self.role = role
      try reader.readZeros(3)
      keys = try PartyKeys(decoding: &reader)
      if role == .bookkeeper {
        guard reader.remaining >= Self.signatureBytes else {
          throw .truncated(neededBytes: Self.signatureBytes, availableBytes: reader.remaining)
        }
        proven = try ProvenModulus(decoding: try reader.readBytes(reader.remaining - Self.signatureBytes))
      } else {
        proven = nil
      }
      signature = try reader.read(Signature.self)
      try reader.expectEnd()
    } catch { throw .malformed(error) }
    let signed = bytes.extracting(0..<(bytes.count - Self.signatureBytes))
    guard keys.verificationKey.isValid(signature, for: signed) || mutated(.registrationSignatureUnchecked) else {
      throw .wrongSignature
    }
  }

  /// What two people compare: the first 16 bytes of a hash of the whole registration, in groups of four digits.
  public var fingerprint: String {
    let bytes = [UInt8](capacity: Self.maximumBytes) { out in encode(into: &out) }
    let digest = Blake2b.digest(domain: "BUSBARkf", bytes.span)
    var text = ""
    for group in 0..<8 {
      if group > 0 { text += "-" }
      text += Hexadecimal.string(digest.span.extracting((2 * group)..<(2 * group + 2)))
    }
    return text
  }

  // MARK: As text, which people copy

  private static let lineBytes = 32

  /// Lines of 64 hexadecimal digits; the last one may be shorter.
  public var text: String {
    let bytes = [UInt8](capacity: Self.maximumBytes) { out in encode(into: &out) }
    var text = ""
    var start = 0
    while start < bytes.count {
      let end = min(start + Self.lineBytes, bytes.count)
      text += Hexadecimal.string(bytes.span.extracting(start..<end)) + "\n"
      start = end
    }
    return text
  }

  /// Reads ``text``. Spaces and line ends may have come between the digits on the way, as a mail program puts them there.
  public init(checkingText text: Span<UInt8>) throws(RegistrationRefusal) {
    var digits: [UInt8] = []
    for index in 0..<text.count {
      let byte = text[index]
      guard byte != UInt8(ascii: " "), byte != UInt8(ascii: "\n"), byte != UInt8(ascii: "\r") else { continue }
      digits.append(byte)
    }
    guard let bytes = Hexadecimal.bytes(String(decoding: digits, as: UTF8.self)) else { throw .notHexadecimal }
    try self.init(checking: bytes.span)
  }

  /// No text of a registration is longer, however a mail program broke its lines.
  public static let maximumTextBytes = 4 * maximumBytes
}
