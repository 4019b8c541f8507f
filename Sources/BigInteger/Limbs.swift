import CGMP
import Wire

/// A fixed number of GMP limbs at one address, least significant first: zero at birth, wiped at the end, never resized.
///
/// What the arithmetic of this module runs on, so that no operation allocates. Not secret by itself; every use that
/// holds a secret is covered by the wipe.
public struct Limbs: ~Copyable {
  public static let bits = UInt.bitWidth
  /// A cache line: copying and clearing then take the same instructions, and the same lines, wherever memory came from.
  static let alignment = 64

  let base: UnsafeMutablePointer<UInt>
  public let count: Int

  /// `count` limbs of ``bits`` bits each, all zero; the lowest comes first.
  /// - Precondition: count > 0.
  public init(count: Int) {
    precondition(count > 0)
    self.count = count
    base = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<UInt>.size, alignment: Self.alignment)
      .bindMemory(to: UInt.self, capacity: count)
    base.initialize(repeating: 0, count: count)
  }

  /// - Precondition: 0 <= `integer` < 2^(bits · count).
  public init(_ integer: borrowing Integer, count: Int) {
    self.init(count: count)
    let size = Int(__gmpz_size(integer.pointer))
    precondition(integer.sign >= 0 && size <= count)
    if size > 0 { __gmpn_copyi(base, __gmpz_limbs_read(integer.pointer), size) }
  }

  deinit {
    // A library call: the compiler cannot drop it as a store nobody reads.
    __gmpn_zero(base, count)
    base.deallocate()
  }

  /// A copy as an integer of GMP's, which may be shorter: high zero limbs are dropped.
  public func integer() -> Integer {
    let result = Integer()
    __gmpz_import(result.pointer, count, -1, MemoryLayout<UInt>.size, 0, 0, base)
    return result
  }

  /// Overwrites all limbs with zeros now, before the end of the owner's life does.
  public func wipe() { __gmpn_zero(base, count) }

  /// 1 when every limb is zero, else 0, without a branch on the limbs.
  public var isZero: Bool {
    var all: UInt = 0
    for index in 0..<count { all |= base[index] }
    return all == 0
  }

  /// Negative, zero or positive, in time that depends on the values: public values only.
  public func compared(to other: borrowing Limbs) -> Int {
    precondition(count == other.count)
    return Int(__gmpn_cmp(base, other.base, count))
  }

  // MARK: Bytes

  /// Reads `bytes` as a big-endian number. Traps when there are more bytes than the limbs hold.
  public func read(bigEndian bytes: Span<UInt8>) {
    let size = MemoryLayout<UInt>.size
    precondition(bytes.count <= count * size)
    bytes.withUnsafeBufferPointer { source in
      var end = source.count
      for index in 0..<count {
        if end >= size {
          // `end - size ..< end` lies inside the span.
          let word = unsafe UnsafeRawPointer(source.baseAddress! + (end - size)).loadUnaligned(as: UInt.self)
          base[index] = UInt(bigEndian: word)
          end -= size
        } else {
          var word: UInt = 0
          for place in 0..<end { word = word << 8 | UInt(unsafe source[place]) }
          base[index] = word
          end = 0
        }
      }
    }
  }

  /// Appends the low `byteCount` bytes, big-endian. Traps when the output has less room.
  public func write(bigEndianBytes byteCount: Int, into output: inout OutputSpan<UInt8>) {
    let size = MemoryLayout<UInt>.size
    precondition(byteCount <= count * size && output.freeCapacity >= byteCount)
    output.withUnsafeMutableBufferPointer { buffer, initializedCount in
      // The free part of the buffer holds `byteCount` bytes, as checked above.
      let start = unsafe UnsafeMutableRawPointer(buffer.baseAddress! + initializedCount)
      var end = byteCount
      var index = 0
      while end >= size {
        unsafe (start + (end - size)).storeBytes(of: base[index].bigEndian, as: UInt.self)
        end -= size
        index += 1
      }
      for place in 0..<end {
        let shift = UInt(8 * (end - 1 - place))
        unsafe start.storeBytes(
          of: UInt8(truncatingIfNeeded: base[index] >> shift), toByteOffset: place, as: UInt8.self)
      }
      initializedCount += byteCount
    }
  }

  /// A uniform number below 2^bits from `generator`; the same one on 32-bit and 64-bit machines.
  public func randomize(bits: Int, using generator: inout some RandomNumberGenerator) {
    precondition(bits > 0 && bits <= count * Self.bits)
    wipe()
    let byteCount = (bits + 7) / 8
    let size = MemoryLayout<UInt>.size
    var word: UInt64 = 0
    for index in 0..<byteCount {
      if index % 8 == 0 { word = generator.next() }
      var byte = UInt(truncatingIfNeeded: word & 255)
      if index == 0 && bits % 8 != 0 { byte &= (1 << UInt(bits % 8)) - 1 }
      let place = byteCount - 1 - index
      base[place / size] |= byte << UInt(8 * (place % size))
      word >>= 8
    }
    word = 0
  }

  /// The 64-bit word at 64·index, across limbs where they are shorter. Bits beyond the end are zero.
  public func word(_ index: Int) -> UInt64 {
    let size = 64 / Self.bits
    var result: UInt64 = 0
    for part in 0..<size where index * size + part < count {
      result |= UInt64(base[index * size + part]) << UInt64(part * Self.bits % 64)
    }
    return result
  }

  /// Sets the 64-bit word at 64·index. Bits beyond the end are dropped.
  public func setWord(_ index: Int, _ value: UInt64) {
    let size = 64 / Self.bits
    for part in 0..<size where index * size + part < count {
      base[index * size + part] = UInt(truncatingIfNeeded: value >> UInt64(part * Self.bits % 64))
    }
  }

  /// Takes the words below `word` as a number that is negative when `sign` is −1 and not when it is 0, and adds the
  /// modulus once to a negative one. No branch depends on the sign.
  public func extendSign(fromWord word: Int, _ sign: Int64, modulus: borrowing Limbs) {
    precondition(modulus.count == count)
    let fill = UInt(truncatingIfNeeded: sign)
    let first = word * (64 / Self.bits)
    if first < count { for index in first..<count { base[index] = fill } }
    _ = __gmpn_cnd_add_n(fill & 1, base, base, modulus.base, count)
  }

  /// Copies `row` into the place `index` of as many limbs.
  public func copyRow(_ index: Int, from row: borrowing Limbs) {
    precondition(index >= 0 && (index + 1) * row.count <= count)
    __gmpn_copyi(base + index * row.count, row.base, row.count)
  }

  /// Copies the place `index` into `row`.
  public func readRow(_ index: Int, into row: borrowing Limbs) {
    precondition(index >= 0 && (index + 1) * row.count <= count)
    __gmpn_copyi(row.base, base + index * row.count, row.count)
  }

  /// Copies the place `index` into `row` and wipes it.
  public func moveRow(_ index: Int, to row: borrowing Limbs) {
    precondition(index >= 0 && (index + 1) * row.count <= count)
    __gmpn_copyi(row.base, base + index * row.count, row.count)
    __gmpn_zero(base + index * row.count, row.count)
  }

  /// Takes over the limbs of `other`, whatever their values in the same time.
  /// - Precondition: both have the same number of limbs.
  public func copy(from other: borrowing Limbs) {
    precondition(count == other.count)
    __gmpn_copyi(base, other.base, count)
  }

}

/// One bit of a number, from the bottom; zero beyond its end.
@inline(__always)
func bit(_ index: Int, of limbs: UnsafePointer<UInt>, count: Int) -> UInt {
  let place = index / Limbs.bits
  return place < count ? limbs[place] >> UInt(index % Limbs.bits) & 1 : 0
}
