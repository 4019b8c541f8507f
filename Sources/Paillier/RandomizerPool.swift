import BigInteger
import Wire

/// Randomizers prepared while a meter is idle, so that an encryption costs one multiplication. (docs/CRYPTOGRAPHY.md, Arithmetic)
///
/// - Each is used once: taking it wipes its place before the ciphertext leaves.
/// - They live in memory only, so a restart begins with none.
/// - The pool owns its encryptor, so they never meet another key.
/// - A forked child must not repeat its parent's: both name their process by a mark, and another mark than the one at
///   birth empties the pool and is refused.
public struct RandomizerPool<Profile: ArithmeticProfile>: ~Copyable {
  public let capacity: Int
  public private(set) var count = 0
  private let encryptor: ProfiledEncryptor<Profile>
  private let randomizers: Limbs
  private let current: Limbs
  private let processMark: UInt64

  /// - Parameter processMark: a number no other process gets, not zero: on Linux `ForkMark`, which a child reads as 0.
  public init(_ encryptor: consuming ProfiledEncryptor<Profile>, capacity: Int, processMark: UInt64) {
    precondition(capacity > 0 && capacity <= 4096 && processMark != 0)
    let size = 2 * encryptor.key.pairs.count
    self.encryptor = encryptor
    self.capacity = capacity
    self.processMark = processMark
    randomizers = Limbs(count: capacity * size)
    current = Limbs(count: size)
  }

  public var key: PublicKey { encryptor.key }

  /// Prepares one more, unless the pool is full. Cost: an encryption.
  public mutating func prepare(
    processMark: UInt64, using generator: inout some RandomNumberGenerator
  ) throws(PaillierError) {
    try check(processMark)
    guard count < capacity else { return }
    encryptor.drawRandomizer(using: &generator, into: current)
    randomizers.copyRow(count, from: current)
    current.wipe()
    count += 1
  }

  /// Appends the ciphertext of the packed values. Cost: one product and two reductions.
  /// - Throws: ``PaillierError/poolEmpty``; the caller decides whether to wait or to encrypt without the pool.
  public mutating func encrypt(
    _ values: Span<Int64>, processMark: UInt64, into output: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    try check(processMark)
    guard count > 0 else { throw .poolEmpty }
    count -= 1
    // Gone from the pool before anything else happens, a refused plaintext included.
    randomizers.moveRow(count, to: current)
    defer { current.wipe() }
    try encryptor.encrypt(values, randomizer: current, into: &output)
  }

  /// Forgets all that was prepared.
  public mutating func removeAll() {
    randomizers.wipe()
    count = 0
  }

  private mutating func check(_ mark: UInt64) throws(PaillierError) {
    guard mark == processMark else {
      removeAll()
      throw .poolOfAnotherProcess
    }
  }
}
