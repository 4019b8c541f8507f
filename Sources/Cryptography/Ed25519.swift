import CSodium
import Wire

/// An Ed25519 public key. (RFC 8032)
public struct VerificationKey: Hashable, Sendable {
  public let bytes: FixedBytes<32>
  /// Takes any 32 bytes; under those that are no key, or one of small order, no signature is valid.
  public init(_ bytes: FixedBytes<32>) { self.bytes = bytes }

  /// libsodium's cofactorless check: refuses non-canonical S and keys of small order. It is the one predicate for
  /// votes, certificates, journals and light clients; two predicates could split a group. Cost: one verification.
  public func isValid(_ signature: Signature, for message: Span<UInt8>) -> Bool {
    precondition(sodiumStarted)
    return message.withUnsafeBufferPointer { message in
      signature.span.withUnsafeBufferPointer { signature in
        bytes.span.withUnsafeBufferPointer { key in
          unsafe crypto_sign_verify_detached(
            signature.baseAddress!, message.baseAddress, UInt64(message.count), key.baseAddress!) == 0
        }
      }
    }
  }
}

/// An Ed25519 key pair; the secret is wiped at the end. Signing is deterministic. (RFC 8032)
public struct SigningKey: ~Copyable {
  public let verificationKey: VerificationKey
  private let secret: SecretBytes

  /// The pair that grows from a 32-byte seed.
  public init(seed: borrowing SecretBytes) {
    precondition(seed.count == 32)
    let secret = SecretBytes(count: 64)
    var publicKey = FixedBytes<32>()
    withUnsafeMutableBytes(of: &publicKey) { out in
      _ = unsafe crypto_sign_seed_keypair(out.bindMemory(to: UInt8.self).baseAddress!, secret.base, seed.base)
    }
    self.secret = secret
    verificationKey = VerificationKey(publicKey)
  }

  public func sign(_ message: Span<UInt8>) -> Signature {
    var signature = Signature()
    message.withUnsafeBufferPointer { message in
      withUnsafeMutableBytes(of: &signature) { out in
        _ = unsafe crypto_sign_detached(
          out.bindMemory(to: UInt8.self).baseAddress!, nil, message.baseAddress, UInt64(message.count), secret.base)
      }
    }
    return signature
  }
}
