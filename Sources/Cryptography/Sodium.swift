import CSodium
import Wire

/// libsodium is ready once this is true; every key type asks before it is made.
let sodiumStarted: Bool = sodium_init() >= 0

/// Random bytes from libsodium (the kernel's generator): the only source in production.
public struct SecureRandom: RandomNumberGenerator {
  /// Traps when libsodium does not start: without random bytes there is nothing that a node could do.
  public init() { precondition(sodiumStarted, "libsodium did not start") }

  /// Eight bytes of libsodium's, which takes them from the kernel. Never fails and never blocks once the kernel's
  /// generator has started.
  public mutating func next() -> UInt64 {
    var value: UInt64 = 0
    withUnsafeMutableBytes(of: &value) { unsafe randombytes_buf($0.baseAddress!, $0.count) }
    return value
  }
}

extension RandomNumberGenerator {
  /// `count` random bytes. On 32-bit and 64-bit machines a seeded generator gives the same ones.
  public mutating func bytes<let count: Int>(_ type: FixedBytes<count>.Type) -> FixedBytes<count> {
    var result = FixedBytes<count>()
    var word: UInt64 = 0
    for index in 0..<count {
      if index % 8 == 0 { word = next() }
      result.storage[index] = UInt8(truncatingIfNeeded: word)
      word >>= 8
    }
    return result
  }
}

/// Overwrites a secret with zeros in a way the compiler keeps.
public func wipe<let count: Int>(_ bytes: inout FixedBytes<count>) {
  withUnsafeMutableBytes(of: &bytes) { unsafe sodium_memzero($0.baseAddress!, $0.count) }
}
