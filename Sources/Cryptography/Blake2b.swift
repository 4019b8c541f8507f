import CSodium
import Wire

/// BLAKE2b-256 over bytes that arrive in parts. (RFC 7693)
///
/// Every use begins with an 8-byte ASCII domain, so that a digest made for one purpose never serves another.
/// The state lives on the stack of ``digest(domain:_:)``; nothing is allocated.
public struct Blake2b: ~Copyable {
  private let state: OpaquePointer

  private init(_ state: OpaquePointer) { self.state = state }

  /// Feeds bytes in behind what came before, without their number: whoever mixes lengths has to feed those in too.
  public borrowing func update(_ bytes: Span<UInt8>) {
    bytes.withUnsafeBufferPointer { pointer in
      guard let base = pointer.baseAddress else { return }
      _ = unsafe crypto_generichash_update(state, base, UInt64(pointer.count))
    }
  }

  /// Feeds `count` bytes in, in their order.
  public borrowing func update<let count: Int>(_ bytes: FixedBytes<count>) { update(bytes.span) }

  /// Little-endian, as on the wire.
  public borrowing func update<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes in
      _ = unsafe crypto_generichash_update(
        state, bytes.bindMemory(to: UInt8.self).baseAddress!, UInt64(bytes.count))
    }
  }

  /// The digest of everything `body` feeds in, behind the domain.
  public static func digest(domain: StaticString, _ body: (borrowing Blake2b) -> Void) -> Digest {
    precondition(domain.utf8CodeUnitCount == 8)
    return digest { hash in
      _ = unsafe crypto_generichash_update(hash.state, domain.utf8Start, 8)
      body(hash)
    }
  }

  /// The digest of `bytes` behind the domain.
  public static func digest(domain: StaticString, _ bytes: Span<UInt8>) -> Digest {
    bytes.withUnsafeBufferPointer { pointer in
      digest(domain: domain) { hash in hash.update(unsafe Span(_unsafeElements: pointer)) }
    }
  }

  /// Plain BLAKE2b-256 without a domain, for published vectors.
  public static func digest(_ body: (borrowing Blake2b) -> Void) -> Digest {
    precondition(sodiumStarted, "libsodium did not start")
    // libsodium wants its state on a 64-byte boundary, which Swift gives no type.
    let stateBytes = crypto_generichash_statebytes()
    return withUnsafeTemporaryAllocation(byteCount: stateBytes + 64, alignment: 16) { memory in
      let state = OpaquePointer(memory.baseAddress!.alignedUp(toMultipleOf: 64))
      _ = unsafe crypto_generichash_init(state, nil, 0, 32)
      let hash = Blake2b(state)
      body(hash)
      var digest = Digest()
      withUnsafeMutableBytes(of: &digest) { out in
        _ = unsafe crypto_generichash_final(state, out.bindMemory(to: UInt8.self).baseAddress!, 32)
      }
      return digest
    }
  }
}

/// Keyed BLAKE2b-256: derives one 32-byte key from another and a context. (RFC 7693, §2.9)
public func deriveKey(from key: borrowing SecretBytes, context: Span<UInt8>) -> SecretBytes {
  let derived = SecretBytes(count: 32)
  deriveKey(from: key, context: context, into: derived)
  return derived
}

/// The same, over the bytes of an earlier key.
func deriveKey(from key: borrowing SecretBytes, context: Span<UInt8>, into derived: borrowing SecretBytes) {
  precondition(derived.count == 32)
  context.withUnsafeBufferPointer { input in
    _ = unsafe crypto_generichash(
      derived.base, 32, input.baseAddress, UInt64(input.count), key.base, key.count)
  }
}
