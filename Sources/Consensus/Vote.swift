import Cryptography
import Units
import Wire

/// A signed statement of one member about one instance.
public struct Vote: SignedMessage, Equatable, Sendable {
  public static let maximumSignedBytes = Statement.encodedBytes

  public var statement: Statement
  public var signature: Signature

  public init(statement: Statement, signature: Signature) {
    self.statement = statement
    self.signature = signature
  }

  public func encodeSigned(into output: inout OutputSpan<UInt8>) { statement.encode(into: &output) }

  public static let encodedBytes = Statement.encodedBytes + 64

  public func encode(into output: inout OutputSpan<UInt8>) {
    statement.encode(into: &output)
    output.write(signature)
  }

  public init(decoding reader: inout WireReader) throws(WireError) {
    statement = try Statement(decoding: &reader)
    signature = try reader.read(Signature.self)
  }
}

/// Signs statements: an Ed25519 key, or a stand-in where a simulation wants volume.
public protocol VoteSigner: ~Copyable {
  func sign(_ statement: Statement) -> Signature
}

extension SigningKey: VoteSigner {
  public func sign(_ statement: Statement) -> Signature { sign { out in statement.encode(into: &out) } }
}
