import CGMP

/// How a comb cuts an exponent: `rows` teeth, each in `blocks` blocks with a table of their own. (Lim & Lee 1994)
public struct CombShape: Equatable, Sendable {
  public let rows: Int
  public let blocks: Int

  /// A comb of 2^`rows` entries in each of `blocks` tables; see ``tableBytes(modulusBytes:)`` for what that takes.
  /// - Precondition: 1 <= rows <= 12 and 1 <= blocks <= 16.
  public init(rows: Int, blocks: Int) {
    precondition(rows >= 1 && rows <= 12 && blocks >= 1 && blocks <= 16)
    self.rows = rows
    self.blocks = blocks
  }

  /// 8 × 4: 512 KiB for a 2048-bit n. A larger one gains little and leaves every second-level cache.
  public static let fast = CombShape(rows: 8, blocks: 4)
  /// 8 × 8, for exponents of at most 512 bits: 1 MiB for a 2048-bit n, of which one encryption touches 32 KiB. A tenth fewer
  /// products than 8 × 4 then, and little gained for longer exponents.
  public static let fastShort = CombShape(rows: 8, blocks: 8)
  /// 6 × 8: 256 KiB for a 2048-bit n. A hardened read touches a whole block's table, so small ones win.
  public static let hardened = CombShape(rows: 6, blocks: 8)

  /// Bytes of the table for an n of `modulusBytes`.
  public func tableBytes(modulusBytes: Int) -> Int { blocks << rows * 2 * modulusBytes }
}

/// Powers of one base by a table of its products, built once. (Lim & Lee 1994; docs/CRYPTOGRAPHY.md, Arithmetic)
///
/// The exponent is `rows` strings of `blocks` blocks of `blockBits` bits. Column t of block j picks entry
/// Π base^(2^(row·blocks·blockBits + j·blockBits)) over the rows whose bit is set; so an exponent costs
/// blockBits − 1 squarings and blocks·blockBits products, of which none depends on its bits.
public final class FixedBaseComb {
  private let modulus: PairModulus
  private let shape: CombShape
  private let blockBits: Int
  private let table: Limbs
  public let exponentBits: Int

  /// - Parameter base: a Montgomery pair.
  /// Cost: about exponentBits squarings and blocks·2^rows products.
  public init(_ modulus: PairModulus, base: borrowing Limbs, exponentBits: Int, shape: CombShape) {
    precondition(exponentBits > 0 && base.count == 2 * modulus.count)
    self.modulus = modulus
    self.shape = shape
    self.exponentBits = exponentBits
    let blockBits = (exponentBits + shape.rows * shape.blocks - 1) / (shape.rows * shape.blocks)
    self.blockBits = blockBits
    let size = 2 * modulus.count
    let table = Limbs(count: shape.blocks << shape.rows * size)
    let scratch = modulus.makeScratch()
    let power = Limbs(count: size)
    power.copy(from: base)
    // power = base^(2^(row·blocks·blockBits + block·blockBits)), in this order.
    for row in 0..<shape.rows {
      for block in 0..<shape.blocks {
        let entries = table.base + block << shape.rows * size
        if row == 0 { __gmpn_copyi(entries, modulus.one, size) }
        let first = 1 << row
        __gmpn_copyi(entries + first * size, power.base, size)
        for entry in 1..<first {
          modulus.multiply(
            Fast.self, entries + (first + entry) * size, entries + entry * size, power.base, scratch)
        }
        for _ in 0..<blockBits { modulus.square(Fast.self, power.base, power.base, scratch) }
      }
    }
    self.table = table
  }

  /// Bytes of the table.
  public var tableBytes: Int { table.count * MemoryLayout<UInt>.size }

  /// r = base^exponent as a Montgomery pair, for an exponent below 2^exponentBits.
  public func power<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, _ exponent: borrowing Limbs, into result: borrowing Limbs,
    entry: borrowing Limbs, _ scratch: borrowing PairScratch
  ) {
    let size = 2 * modulus.count
    precondition(result.count == size && entry.count == size)
    let r = result.base
    var column = blockBits - 1
    while column >= 0 {
      if column < blockBits - 1 { modulus.square(profile, r, r, scratch) }
      for block in 0..<shape.blocks {
        var index: UInt = 0
        for row in 0..<shape.rows {
          let place = (row * shape.blocks + block) * blockBits + column
          index |= bit(place, of: exponent.base, count: exponent.count) << UInt(row)
        }
        let entries = table.base + block << shape.rows * size
        if column == blockBits - 1 && block == 0 {
          Profile.select(Int(index), of: entries, entries: 1 << shape.rows, count: size, into: r)
        } else if Profile.isHardened {
          Profile.select(Int(index), of: entries, entries: 1 << shape.rows, count: size, into: entry.base)
          modulus.multiply(profile, r, r, entry.base, scratch)
        } else if index != 0 {
          modulus.multiply(profile, r, r, entries + Int(index) * size, scratch)
        }
      }
      column -= 1
    }
  }
}
