import BigInteger
import Units
import Wire

/// What the two kinds of private key ask of their primes, and how key files hold them.
enum PrimePair {
  /// Refuses what makes no key: p = q, different lengths, composites, not 3 mod 4, (p − 1, q − 1) sharing more than 2,
  /// n sharing a factor with (p − 1)(q − 1), or primes so close that Fermat's factoring finds them.
  static func check(
    _ p: borrowing Integer, _ q: borrowing Integer, allowingSmallForTests: Bool
  ) throws(PaillierError) {
    guard p.bitWidth <= PublicKey.maximumBits / 2, q.bitWidth <= PublicKey.maximumBits / 2 else {
      throw .modulusTooLarge(bits: p.bitWidth + q.bitWidth)
    }
    // Before the primality tests, which take long on long numbers.
    guard p.bitWidth + q.bitWidth > PublicKey.minimumBits - 2 || allowingSmallForTests else {
      throw .modulusTooSmall(bits: p.times(q).bitWidth)
    }
    guard p.bit(0), p.bit(1), q.bit(0), q.bit(1), p.bitWidth == q.bitWidth, p.compared(to: q) != 0,
      isUsable(p, q, allowingSmallForTests: allowingSmallForTests), p.isProbablyPrime, q.isProbablyPrime
    else { throw .wrongKey }
  }

  /// What decryption needs and no more: two primes of the same length, n coprime to (p − 1)(q − 1). Keys of other
  /// implementations are like that.
  static func checkForeign(_ p: borrowing Integer, _ q: borrowing Integer) throws(PaillierError) {
    guard p.bitWidth == q.bitWidth, p.bitWidth <= PublicKey.maximumBits / 2 else { throw .wrongKey }
    guard p.times(q).bitWidth >= PublicKey.minimumBits else { throw .modulusTooSmall(bits: p.times(q).bitWidth) }
    let orders = p.minus(Integer(1)).times(q.minus(Integer(1)))
    guard p.isOdd, q.isOdd, p.compared(to: q) != 0, p.times(q).greatestCommonDivisor(orders).equals(1),
      p.isProbablyPrime, q.isProbablyPrime
    else { throw .wrongKey }
  }

  /// What can be wrong with two good primes together. gcd(p − 1, q − 1) > 2 happens for one pair in three.
  static func isUsable(_ p: borrowing Integer, _ q: borrowing Integer, allowingSmallForTests: Bool) -> Bool {
    let distance = p.compared(to: q) > 0 ? p.minus(q) : q.minus(p)
    // FIPS 186-5, A.1.3
    guard distance.bitWidth > p.bitWidth - 100 || allowingSmallForTests else { return false }
    let pMinusOne = p.minus(Integer(1))
    let qMinusOne = q.minus(Integer(1))
    return pMinusOne.greatestCommonDivisor(qMinusOne).equals(2)
      && p.times(q).greatestCommonDivisor(pMinusOne.times(qMinusOne)).equals(1)
  }

  /// A prime of exactly `bits` bits with its two top bits set and 3 mod 4.
  static func prime(bits: Int, using generator: inout some RandomNumberGenerator) -> Integer {
    let top = Integer(3).shiftedLeft(bits - 2)
    while true {
      let candidate = top.plus(Integer.random(bits: bits - 4, using: &generator).shiftedLeft(2)).plus(Integer(3))
      if candidate.isProbablyPrime { return candidate }
    }
  }

  static func bytes(_ p: borrowing Integer) -> Int { (p.bitWidth + 7) / 8 }

  static func write(
    _ p: borrowing Integer, _ q: borrowing Integer, layout: SlotLayout, into output: inout OutputSpan<UInt8>
  ) {
    output.write(UInt16(bytes(p)))
    output.write(UInt16(layout.quantities.count))
    for quantity in layout.quantities { output.write(quantity.slotCode) }
    p.write(bigEndianBytes: bytes(p), into: &output)
    q.write(bigEndianBytes: bytes(p), into: &output)
  }

  /// Where things stand in a key file: tag, length of a number, slots, and `numbers` numbers of that length.
  struct File {
    private(set) var quantities: [Quantity] = []
    private let start: Int
    private let length: Int

    init(_ bytes: Span<UInt8>, tag: StaticString, numbers: Int) throws(WireError) {
      var reader = WireReader(bytes)
      try reader.readTag(tag)
      length = Int(try reader.read(UInt16.self))
      let slots = Int(try reader.read(UInt16.self))
      guard length > 0, slots > 0, slots <= SlotLayout.maximumSlots else { throw .outOfRange(offset: 8) }
      for _ in 0..<slots {
        guard let quantity = Quantity(slotCode: try reader.read(UInt8.self)) else { throw .outOfRange(offset: 12) }
        quantities.append(quantity)
      }
      start = reader.offset
      _ = try reader.readBytes(numbers * length)
      try reader.expectEnd()
    }

    func number(_ index: Int) -> Range<Int> { (start + index * length)..<(start + (index + 1) * length) }
  }
}
