import Cryptography
import Units
import Wire

/// A signed statement of one member about one instance.
public struct Vote: SignedMessage, Equatable, Sendable {
  public static let maximumSignedBytes = Statement.encodedBytes

  public var statement: Statement
  public var signature: Signature

  /// Takes a statement and what is said to be its signature; ``Authenticated`` says whether it is.
  public init(statement: Statement, signature: Signature) {
    self.statement = statement
    self.signature = signature
  }

  public func encodeSigned(into output: inout OutputSpan<UInt8>) { statement.encode(into: &output) }

  public static let encodedBytes = Statement.encodedBytes + 64

  /// Appends 192 bytes. (docs/PROTOCOL.md, Vote)
  public func encode(into output: inout OutputSpan<UInt8>) {
    statement.encode(into: &output)
    output.write(signature)
  }

  /// Reads 192 bytes; the signature is not checked.
  public init(decoding reader: inout WireReader) throws(WireError) {
    statement = try Statement(decoding: &reader)
    signature = try reader.read(Signature.self)
  }
}

/// Signs statements: an Ed25519 key, or a stand-in where a simulation wants volume.
public protocol VoteSigner: ~Copyable {
  /// The signature of the member whose signer this is, whatever `statement` names as its own.
  func sign(_ statement: Statement) -> Signature
}

extension SigningKey: VoteSigner {
  public func sign(_ statement: Statement) -> Signature { sign { out in statement.encode(into: &out) } }
}
