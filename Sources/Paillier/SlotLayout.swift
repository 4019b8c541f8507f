import BigInteger
import Units
import Wire

/// Which quantities a plaintext carries: 64-bit slots of 48 value bits, 15 guard bits and a sign. (DESIGN §2.2)
///
/// Slot 0 is the least significant. A negative slot borrows from the next; unpacking returns what was borrowed.
public struct SlotLayout: Equatable, Sendable {
  public static let slotBits = 64
  public static let valueBits = 48
  /// Values of one record: -2^47 ... 2^47 - 1, so that 2^15 of them stay within 63 bits.
  public static let valueBound: Int64 = 1 << 47
  public static let maximumSlots = 8

  public let quantities: [Quantity]

  /// Slots of these quantities, the first one least significant.
  /// - Precondition: there are 1 to ``maximumSlots``, and each has a ``Quantity/slotCode``.
  public init(_ quantities: [Quantity]) {
    precondition(!quantities.isEmpty && quantities.count <= Self.maximumSlots)
    precondition(quantities.allSatisfy { $0.slotCode != 0 }, "a slot counts")
    precondition(GroupLimits.maximumMetersPerSet <= 1 << 15, "the guard bits hold the sum of a full set")
    self.quantities = quantities
  }

  /// The plaintext of one record modulo n, in time that does not depend on the values.
  func pack(_ values: Span<Int64>, modulus: borrowing Limbs, into message: borrowing Limbs) throws(PaillierError) {
    guard values.count == quantities.count else { throw .wrongSlotCount(values.count) }
    message.wipe()
    var borrow: Int64 = 0
    for index in 0..<values.count {
      guard values[index] >= -Self.valueBound, values[index] < Self.valueBound else {
        message.wipe()
        throw .slotOutOfRange(slot: index)
      }
      // A negative slot borrows from the next: the word is the value modulo 2^64.
      let value = values[index] + borrow
      message.setWord(index, UInt64(bitPattern: value))
      borrow = value >> 63
    }
    message.extendSign(fromWord: values.count, borrow, modulus: modulus)
  }

  /// The slots of a sum of `contributors` plaintexts, given S in [0, n).
  /// - Throws: ``PaillierError/slotOutOfRange(slot:)`` when a slot exceeds contributors × bound: somebody encrypted
  ///   what no record may hold.
  public func unpack(_ sum: borrowing Integer, n: borrowing Integer, contributors: Int) throws(PaillierError) -> [Int64]
  {
    // The upper half of [0, n) stands for negative sums.
    var rest = sum.shiftedLeft(1).compared(to: n) > 0 ? sum.minus(n) : sum.copy()
    var values: [Int64] = []
    let one = Integer(1)
    let slot = one.shiftedLeft(Self.slotBits)
    for index in quantities.indices {
      let low = rest.modulo(slot)
      let negative = low.bit(Self.slotBits - 1)
      let signed = negative ? low.minus(slot) : low.copy()
      var bits: UInt64 = 0
      for bit in 0..<Self.slotBits where low.bit(bit) { bits |= 1 << UInt64(bit) }
      let value = Int64(bitPattern: bits)
      let (bound, overflow) = Self.valueBound.multipliedReportingOverflow(by: Int64(contributors))
      guard !overflow, value >= -bound, value < bound else { throw .slotOutOfRange(slot: index) }
      values.append(value)
      rest = rest.minus(signed).shiftedRight(Self.slotBits)
    }
    guard rest.sign == 0 else { throw .slotOutOfRange(slot: quantities.count) }
    return values
  }
}
