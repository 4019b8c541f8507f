import CSodium
import Wire

/// ChaCha20-Poly1305: what packets are sealed with. (RFC 8439)
///
/// The nonce must never repeat under one key; packets take theirs from a counter.
public struct SealingKey: ~Copyable {
  public static let tagBytes = 16
  private let key: SecretBytes

  /// Takes the key over, which is wiped when this one ends.
  /// - Precondition: it has 32 bytes.
  public init(_ key: consuming SecretBytes) {
    precondition(key.count == 32)
    self.key = key
  }

  /// Becomes another key, in the memory of the old one, which is gone. (see ``deriveKey(from:context:)``)
  public mutating func replace(derivingFrom secret: borrowing SecretBytes, context: Span<UInt8>) {
    deriveKey(from: secret, context: context, into: key)
  }

  /// The same, from one secret of many.
  public mutating func replace(derivingFrom secrets: borrowing SecretTable, _ place: Int, context: Span<UInt8>) {
    secrets.deriveKey(place, context: context, into: key)
  }

  /// Becomes 32 zero bytes: not to be used until it is replaced.
  public mutating func erase() { key.erase() }

  /// Appends the sealed `plaintext` and its tag: `plaintext.count + 16` bytes.
  public func seal(
    _ plaintext: Span<UInt8>, nonce: FixedBytes<12>, associatedData: Span<UInt8>, into output: inout OutputSpan<UInt8>
  ) {
    precondition(output.freeCapacity >= plaintext.count + Self.tagBytes)
    output.withUnsafeMutableBufferPointer { buffer, initializedCount in
      var written: UInt64 = 0
      unsafe plaintext.withUnsafeBufferPointer { plaintext in
        associatedData.withUnsafeBufferPointer { data in
          nonce.span.withUnsafeBufferPointer { nonce in
            _ = unsafe crypto_aead_chacha20poly1305_ietf_encrypt(
              buffer.baseAddress! + initializedCount, &written, plaintext.baseAddress, UInt64(plaintext.count),
              data.baseAddress, UInt64(data.count), nil, nonce.baseAddress!, key.base)
          }
        }
      }
      initializedCount += Int(written)
    }
  }

  /// Appends what was sealed; false, with nothing appended, unless tag, nonce and associated data are right.
  public func open(
    _ sealed: Span<UInt8>, nonce: FixedBytes<12>, associatedData: Span<UInt8>, into output: inout OutputSpan<UInt8>
  ) -> Bool {
    guard sealed.count >= Self.tagBytes, output.freeCapacity >= sealed.count - Self.tagBytes else { return false }
    return output.withUnsafeMutableBufferPointer { buffer, initializedCount in
      var written: UInt64 = 0
      let status = unsafe sealed.withUnsafeBufferPointer { sealed in
        associatedData.withUnsafeBufferPointer { data in
          nonce.span.withUnsafeBufferPointer { nonce in
            // An output of no free bytes still needs an address for libsodium.
            unsafe crypto_aead_chacha20poly1305_ietf_decrypt(
              buffer.baseAddress! + initializedCount, &written, nil, sealed.baseAddress!, UInt64(sealed.count),
              data.baseAddress, UInt64(data.count), nonce.baseAddress!, key.base)
          }
        }
      }
      guard status == 0 else { return false }
      initializedCount += Int(written)
      return true
    }
  }
}

/// XChaCha20-Poly1305 with a random nonce in front: what a party seals to itself. (draft-irtf-cfrg-xchacha-03)
public struct SelfSealingKey: ~Copyable {
  /// Nonce and tag.
  public static let overheadBytes = 24 + 16
  private let key: SecretBytes

  /// Takes the key over, which is wiped when this one ends.
  /// - Precondition: it has 32 bytes.
  public init(_ key: consuming SecretBytes) {
    precondition(key.count == 32)
    self.key = key
  }

  /// Nonce, sealed bytes, tag.
  public func seal<let count: Int, let sealedCount: Int>(
    _ plaintext: FixedBytes<count>, as type: FixedBytes<sealedCount>.Type,
    using generator: inout some RandomNumberGenerator
  ) -> FixedBytes<sealedCount> {
    precondition(sealedCount == count + Self.overheadBytes)
    let nonce = generator.bytes(FixedBytes<24>.self)
    var sealed = FixedBytes<sealedCount>()
    for index in 0..<24 { sealed.storage[index] = nonce.storage[index] }
    withUnsafeMutableBytes(of: &sealed) { out in
      plaintext.span.withUnsafeBufferPointer { plaintext in
        nonce.span.withUnsafeBufferPointer { nonce in
          _ = unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
            out.bindMemory(to: UInt8.self).baseAddress! + 24, nil, plaintext.baseAddress, UInt64(count), nil, 0, nil,
            nonce.baseAddress!, key.base)
        }
      }
    }
    return sealed
  }

  /// What was sealed, or nil when these bytes are not ours.
  public func open<let count: Int, let sealedCount: Int>(
    _ sealed: FixedBytes<sealedCount>, as type: FixedBytes<count>.Type
  ) -> FixedBytes<count>? {
    precondition(sealedCount == count + Self.overheadBytes)
    var plaintext = FixedBytes<count>()
    let status = withUnsafeMutableBytes(of: &plaintext) { out in
      sealed.span.withUnsafeBufferPointer { sealed in
        unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
          out.bindMemory(to: UInt8.self).baseAddress!, nil, nil, sealed.baseAddress! + 24, UInt64(sealedCount - 24),
          nil, 0, sealed.baseAddress!, key.base)
      }
    }
    return status == 0 ? plaintext : nil
  }
}
