import CSodium

/// Many secrets of 32 bytes in one piece of memory, wiped when it goes: for keys that are made of them when they are needed.
public struct SecretTable: ~Copyable {
  public let count: Int
  private let bytes: SecretBytes

  /// - Parameter count: at least 1. All are zero.
  public init(count: Int) {
    precondition(count > 0)
    self.count = count
    bytes = SecretBytes(count: 32 * count)
  }

  /// Copies a secret of 32 bytes to its place.
  public func store(_ secret: borrowing SecretBytes, at place: Int) {
    precondition(place >= 0 && place < count && secret.count == 32)
    for index in 0..<32 { bytes.base[32 * place + index] = secret.base[index] }
  }

  /// Makes the secret of this place zero.
  public func erase(_ place: Int) {
    precondition(place >= 0 && place < count)
    sodium_memzero(bytes.base + 32 * place, 32)
  }

  func deriveKey(_ place: Int, context: Span<UInt8>, into derived: borrowing SecretBytes) {
    precondition(place >= 0 && place < count && derived.count == 32)
    context.withUnsafeBufferPointer { input in
      _ = unsafe crypto_generichash(
        derived.base, 32, input.baseAddress, UInt64(input.count), bytes.base + 32 * place, 32)
    }
  }
}
