import BigInteger
import Wire

/// Slots with names and widths of their own in one plaintext, for sums of up to `maximumTerms` plaintexts.
/// (docs/CRYPTOGRAPHY.md, Packing)
///
/// A slot has its value's bits, ⌈log₂ maximumTerms⌉ guard bits that the sum may grow into, and a sign bit. Slot 0 is the
/// least significant; a negative slot borrows from the next, and unpacking returns what was borrowed. Records use the
/// fixed ``SlotLayout``; this one is for other uses of the library.
public struct PackedLayout: Equatable, Sendable {
  /// One number of a plaintext: how wide it is, and whether it may be negative.
  public struct Slot: Equatable, Sendable {
    public let name: String
    /// Bits of one value's magnitude: values lie in 0 ..< 2^valueBits, or −2^valueBits ..< 2^valueBits when signed.
    public let valueBits: Int
    public let isSigned: Bool

    /// Takes any width; whether slots of it fit is for the layout to say.
    public init(_ name: String, valueBits: Int, isSigned: Bool = false) {
      self.name = name
      self.valueBits = valueBits
      self.isSigned = isSigned
    }

    /// The values a sum of `terms` plaintexts may have here, the upper end not included.
    func bounds(terms: Int64) -> Range<Int64> {
      let limit = Int64(1) << Int64(valueBits) * terms
      return (isSigned ? -limit : 0)..<(limit - terms + 1)
    }
  }

  public static let maximumSlots = 64
  public let slots: [Slot]
  public let maximumTerms: Int64
  private let guardBits: Int

  /// - Throws: ``PaillierError/badLayout`` for no slots or too many, a name used twice, or a slot whose sums do not fit 63
  ///   bits; ``PaillierError/layoutDoesNotFit(slots:)`` when n is too short for all.
  public init(_ slots: [Slot], maximumTerms: Int64, modulusBits: Int) throws(PaillierError) {
    guard !slots.isEmpty, slots.count <= Self.maximumSlots, maximumTerms >= 1, maximumTerms <= 1 << 32 else {
      throw .badLayout
    }
    var guardBits = 0
    while Int64(1) << Int64(guardBits) < maximumTerms { guardBits += 1 }
    var bits = 0
    for (index, slot) in slots.enumerated() {
      guard slot.valueBits >= 1, slot.valueBits + guardBits <= 62,
        !slots[..<index].contains(where: { $0.name == slot.name })
      else { throw .badLayout }
      bits += slot.valueBits + guardBits + 1
    }
    // A sum of 2^bits would be mistaken for a negative one.
    guard bits <= modulusBits - 2 else { throw .layoutDoesNotFit(slots: slots.count) }
    self.slots = slots
    self.maximumTerms = maximumTerms
    self.guardBits = guardBits
  }

  /// The place of the slot with this name among ``slots``; nil for a name that none has.
  public func index(of name: String) -> Int? { slots.firstIndex { $0.name == name } }

  /// Bits of a slot, guard and sign included.
  public func width(_ slot: Int) -> Int { slots[slot].valueBits + guardBits + 1 }

  /// Appends the plaintext of one record under `key`, for ``ProfiledEncryptor/encrypt(plaintext:using:into:)``.
  public func pack(
    _ values: Span<Int64>, for key: PublicKey, into output: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    guard values.count == slots.count else { throw .wrongSlotCount(values.count) }
    var result = Integer()
    for index in slots.indices.reversed() {
      guard slots[index].bounds(terms: 1).contains(values[index]) else { throw .slotOutOfRange(slot: index) }
      result = result.shiftedLeft(width(index)).plus(Integer(signed: values[index]))
    }
    let residue = result.modulo(key.n)
    residue.write(bigEndianBytes: key.modulusBytes, into: &output)
  }

  /// The slots of a sum S in [0, n), big-endian, of `terms` plaintexts.
  /// - Throws: ``PaillierError/tooManyTerms`` above `maximumTerms`; ``PaillierError/slotOutOfRange(slot:)`` when a slot holds
  ///   what no such sum can: somebody encrypted something else.
  public func unpack(_ sum: Span<UInt8>, terms: Int64, for key: PublicKey) throws(PaillierError) -> [Int64] {
    guard terms >= 0, terms <= maximumTerms else { throw .tooManyTerms }
    let s = Integer(bigEndian: sum)
    guard s.compared(to: key.n) < 0 else { throw .sumOutOfRange }
    var rest = s.shiftedLeft(1).compared(to: key.n) > 0 ? s.minus(key.n) : s.copy()
    var values: [Int64] = []
    for index in slots.indices {
      let width = width(index)
      let size = Integer(1).shiftedLeft(width)
      let low = rest.modulo(size)
      let signed = low.bit(width - 1) ? low.minus(size) : low.copy()
      var bits: UInt64 = 0
      for bit in 0..<width where low.bit(bit) { bits |= 1 << UInt64(bit) }
      if low.bit(width - 1) { bits |= ~0 << UInt64(width - 1) }
      let value = Int64(bitPattern: bits)
      guard slots[index].bounds(terms: terms).contains(value) else { throw .slotOutOfRange(slot: index) }
      values.append(value)
      rest = rest.minus(signed).shiftedRight(width)
    }
    guard rest.sign == 0 else { throw .slotOutOfRange(slot: slots.count) }
    return values
  }
}
