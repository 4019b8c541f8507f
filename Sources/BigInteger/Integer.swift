import CGMP
import Wire

/// An integer of any size over GMP, with one owner; its limbs are wiped at the end.
///
/// Operations return new integers. Limbs that GMP reallocates on the way are freed without being wiped.
public struct Integer: ~Copyable {
  let pointer: UnsafeMutablePointer<__mpz_struct>

  /// Zero.
  public init() {
    pointer = .allocate(capacity: 1)
    __gmpz_init(pointer)
  }

  /// A number of at most 32 bits, which GMP's `unsigned long` holds on every target.
  public init(_ value: UInt32) {
    self.init()
    __gmpz_set_ui(pointer, UInt(value))
  }

  /// From 64 bits with sign; the same on 32-bit and 64-bit machines.
  public init(signed value: Int64) {
    self.init()
    let magnitude = value.magnitude
    __gmpz_set_ui(pointer, UInt(magnitude >> 32))
    __gmpz_mul_2exp(pointer, pointer, 32)
    __gmpz_add_ui(pointer, pointer, UInt(UInt32(truncatingIfNeeded: magnitude)))
    if value < 0 { __gmpz_neg(pointer, pointer) }
  }

  /// The number whose base-256 digits are `bytes`, the highest first; zero when there are none.
  public init(bigEndian bytes: Span<UInt8>) {
    self.init()
    bytes.withUnsafeBufferPointer { unsafe __gmpz_import(pointer, $0.count, 1, 1, 1, 0, $0.baseAddress) }
  }

  /// From decimal digits with an optional minus; nil for anything else.
  public init?(decimal text: String) {
    var digits = Array(text.utf8)
    let negative = digits.first == 0x2D
    if negative { digits.removeFirst() }
    guard !digits.isEmpty, digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    self.init()
    digits.append(0)
    // `digits` ends with a zero byte and lives through the call.
    unsafe digits.withUnsafeBytes { bytes in
      _ = unsafe __gmpz_set_str(pointer, bytes.bindMemory(to: CChar.self).baseAddress, 10)
    }
    if negative { __gmpz_neg(pointer, pointer) }
  }

  public var decimal: String {
    // Digits, sign and the closing zero, as GMP asks for.
    let capacity = Int(__gmpz_sizeinbase(pointer, 10)) + 2
    var bytes = [CChar](repeating: 0, count: capacity)
    _ = __gmpz_get_str(&bytes, 10, pointer)
    return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    if pointer.pointee._mp_alloc > 0, let limbs = pointer.pointee._mp_d {
      // mpn_zero is a library call: the compiler cannot drop it as a store nobody reads.
      __gmpn_zero(limbs, mp_size_t(pointer.pointee._mp_alloc))
    }
    __gmpz_clear(pointer)
    pointer.deallocate()
  }

  /// A second integer of the same value, with memory of its own.
  public func copy() -> Integer {
    let result = Integer()
    __gmpz_set(result.pointer, pointer)
    return result
  }

  /// Appends exactly `count` big-endian bytes. Traps when the value is negative or longer.
  public func write(bigEndianBytes count: Int, into output: inout OutputSpan<UInt8>) {
    precondition(sign >= 0)
    let needed = (bitWidth + 7) / 8
    precondition(needed <= count)
    output.writeZeros(count - needed)
    guard needed > 0 else { return }
    output.withUnsafeMutableBufferPointer { buffer, initializedCount in
      // The free part of the buffer holds `needed` bytes: the caller sized it, and writeZeros above would have trapped.
      precondition(buffer.count - initializedCount >= needed)
      var written = 0
      _ = unsafe __gmpz_export(buffer.baseAddress! + initializedCount, &written, 1, 1, 1, 0, pointer)
      initializedCount += written
    }
  }

  /// -1, 0 or 1.
  public var sign: Int { Int(pointer.pointee._mp_size).signum() }
  /// Bits of the magnitude; 0 for zero.
  public var bitWidth: Int { sign == 0 ? 0 : Int(__gmpz_sizeinbase(pointer, 2)) }
  public var isOdd: Bool { __gmpz_tstbit(pointer, 0) == 1 }
  /// Bit `index`, from 0 at the bottom; false beyond the end of a number that is not negative.
  public func bit(_ index: Int) -> Bool { __gmpz_tstbit(pointer, mp_bitcnt_t(index)) == 1 }

  /// Negative, zero or positive as self is less than, equal to or greater than `other`.
  public func compared(to other: borrowing Integer) -> Int { Int(__gmpz_cmp(pointer, other.pointer)) }
  /// Whether the integer is exactly `value`, without making a second integer to compare with.
  public func equals(_ value: UInt32) -> Bool { __gmpz_cmp_ui(pointer, UInt(value)) == 0 }

  /// self + other
  public func plus(_ other: borrowing Integer) -> Integer { combine(other, __gmpz_add) }
  /// self − other, which may be negative.
  public func minus(_ other: borrowing Integer) -> Integer { combine(other, __gmpz_sub) }
  /// self · other
  public func times(_ other: borrowing Integer) -> Integer { combine(other, __gmpz_mul) }
  /// The remainder in 0 ..< modulus.
  public func modulo(_ modulus: borrowing Integer) -> Integer { combine(modulus, __gmpz_mod) }
  /// The remainder of a number that is not negative. Allocates nothing.
  public func remainder(dividingBy divisor: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: __gmpz_fdiv_ui(pointer, UInt(divisor)))
  }
  /// Division that leaves no remainder.
  public func dividedExactly(by divisor: borrowing Integer) -> Integer { combine(divisor, __gmpz_divexact) }
  /// The largest number that divides both; never negative.
  public func greatestCommonDivisor(_ other: borrowing Integer) -> Integer { combine(other, __gmpz_gcd) }
  /// The smallest positive number that both divide, or 0 when one of them is 0.
  public func leastCommonMultiple(_ other: borrowing Integer) -> Integer { combine(other, __gmpz_lcm) }

  /// self · 2^bits
  public func shiftedLeft(_ bits: Int) -> Integer {
    let result = Integer()
    __gmpz_mul_2exp(result.pointer, pointer, mp_bitcnt_t(bits))
    return result
  }

  /// Rounds towards minus infinity.
  public func shiftedRight(_ bits: Int) -> Integer {
    let result = Integer()
    __gmpz_fdiv_q_2exp(result.pointer, pointer, mp_bitcnt_t(bits))
    return result
  }

  /// self ^ exponent mod modulus, in time that depends on the exponent: public exponents only.
  public func power(publicExponent exponent: borrowing Integer, modulo modulus: borrowing Integer) -> Integer {
    let result = Integer()
    __gmpz_powm(result.pointer, pointer, exponent.pointer, modulus.pointer)
    return result
  }

  /// self ^ exponent mod modulus by GMP's side-channel quiet routine. The modulus is odd and the exponent positive.
  public func power(secretExponent exponent: borrowing Integer, modulo modulus: borrowing Integer) -> Integer {
    precondition(modulus.isOdd && exponent.sign > 0)
    let result = Integer()
    __gmpz_powm_sec(result.pointer, pointer, exponent.pointer, modulus.pointer)
    return result
  }

  /// The inverse modulo `modulus`; zero when there is none.
  public func inverse(modulo modulus: borrowing Integer) -> Integer {
    let result = Integer()
    if __gmpz_invert(result.pointer, pointer, modulus.pointer) == 0 { __gmpz_set_ui(result.pointer, 0) }
    return result
  }

  /// GMP's Baillie-PSW and Miller-Rabin, 40 rounds: wrong for a composite with probability below 2^-80.
  public var isProbablyPrime: Bool { __gmpz_probab_prime_p(pointer, 40) != 0 }

  /// A uniform integer below 2^bits.
  public static func random(bits: Int, using generator: inout some RandomNumberGenerator) -> Integer {
    let count = (bits + 7) / 8
    var bytes = ByteBuffer(capacity: count)
    bytes.replace { out in
      var word: UInt64 = 0
      for index in 0..<count {
        if index % 8 == 0 { word = generator.next() }
        let byte = UInt8(truncatingIfNeeded: word)
        out.append(index == 0 && bits % 8 != 0 ? byte & UInt8((1 << (bits % 8)) - 1) : byte)
        word >>= 8
      }
    }
    let result = Integer(bigEndian: bytes.span)
    bytes.replace { out in out.writeZeros(count) }
    return result
  }

  private func combine(
    _ other: borrowing Integer,
    _ operation: (UnsafeMutablePointer<__mpz_struct>?, UnsafePointer<__mpz_struct>?, UnsafePointer<__mpz_struct>?) ->
      Void
  ) -> Integer {
    let result = Integer()
    operation(result.pointer, pointer, other.pointer)
    return result
  }
}

/// The version of the GMP this program runs on.
public var gmpVersion: String {
  // A string constant of the library.
  unsafe String(cString: __gmp_version)
}
