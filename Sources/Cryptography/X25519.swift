import CSodium
import Wire

/// An X25519 public key. (RFC 7748)
public struct AgreementPublicKey: Hashable, Sendable {
  public let bytes: FixedBytes<32>
  /// Takes any 32 bytes; one of small order is refused when a secret is agreed with it.
  public init(_ bytes: FixedBytes<32>) { self.bytes = bytes }
}

/// An X25519 key pair; the secret is wiped at the end. (RFC 7748)
public struct AgreementKey: ~Copyable {
  public let publicKey: AgreementPublicKey
  private let secret: SecretBytes

  /// The pair that grows from a 32-byte seed, which is the secret scalar itself before clamping. The seed is copied.
  /// - Precondition: it has 32 bytes.
  public init(seed: borrowing SecretBytes) {
    precondition(seed.count == 32)
    let secret = SecretBytes(copying: seed.span)
    var publicBytes = FixedBytes<32>()
    withUnsafeMutableBytes(of: &publicBytes) { out in
      _ = unsafe crypto_scalarmult_base(out.bindMemory(to: UInt8.self).baseAddress!, secret.base)
    }
    self.secret = secret
    publicKey = AgreementPublicKey(publicBytes)
  }

  /// The secret both sides can compute; nil when the peer's key is of small order, which would make it known to all.
  public func sharedSecret(with peer: AgreementPublicKey) -> SecretBytes? {
    let shared = SecretBytes(count: 32)
    let status = peer.bytes.span.withUnsafeBufferPointer { peer in
      unsafe crypto_scalarmult(shared.base, secret.base, peer.baseAddress!)
    }
    guard status == 0 else { return nil }
    return shared
  }
}
