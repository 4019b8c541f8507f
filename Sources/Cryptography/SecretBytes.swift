import CSodium
import Wire

/// Secret bytes with one owner, at one address, wiped when the owner ends. Never printed, compared or moved in memory.
public struct SecretBytes: ~Copyable {
  let base: UnsafeMutablePointer<UInt8>
  public let count: Int

  /// `count` zero bytes, to be filled.
  init(count: Int) {
    precondition(sodiumStarted, "libsodium did not start")
    self.count = count
    base = .allocate(capacity: count)
    base.initialize(repeating: 0, count: count)
  }

  /// Takes the secret over and wipes where it came from.
  public init<let size: Int>(taking source: inout FixedBytes<size>) {
    self.init(count: size)
    for index in 0..<size { base[index] = source.storage[index] }
    wipe(&source)
  }

  /// Copies a secret, such as one read from a key file; wiping `source` is for its owner.
  public init(copying source: Span<UInt8>) {
    self.init(count: source.count)
    for index in 0..<source.count { base[index] = source[index] }
  }

  /// 32 bytes drawn from `generator`: the seed of a key of any kind here. A seeded generator belongs in tests.
  public init(random generator: inout some RandomNumberGenerator) {
    var bytes = generator.bytes(FixedBytes<32>.self)
    self.init(taking: &bytes)
  }

  /// All zero from now on.
  func erase() { sodium_memzero(base, count) }

  deinit {
    sodium_memzero(base, count)
    base.deallocate()
  }

  /// The bytes themselves, for key files and derivations.
  public var span: Span<UInt8> {
    @_lifetime(borrow self) borrowing get {
      // `base` lives and stays initialised as long as `self`.
      let span = unsafe Span(_unsafeStart: base, count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}
