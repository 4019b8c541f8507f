import Units
import Wire

/// A set of meters of one set, one bit each; bit i of byte i / 8.
public struct MeterBitmap: Equatable, Sendable {
  public var bytes: FixedBytes<64>

  /// No meter.
  public init() { bytes = FixedBytes() }
  /// Takes 512 bits as they are, those of meters that the set does not have too.
  public init(_ bytes: FixedBytes<64>) { self.bytes = bytes }

  /// Whether this meter is in. Traps for an index of 512 or more.
  public func contains(_ meter: MeterIndex) -> Bool {
    bytes.storage[Int(meter.rawValue) / 8] >> UInt8(meter.rawValue % 8) & 1 == 1
  }

  /// Adds a meter; one that is in already stays. Traps for an index of 512 or more.
  public mutating func insert(_ meter: MeterIndex) {
    bytes.storage[Int(meter.rawValue) / 8] |= 1 << UInt8(meter.rawValue % 8)
  }

  /// Takes a meter out; one that is not in stays out. Traps for an index of 512 or more.
  public mutating func remove(_ meter: MeterIndex) {
    bytes.storage[Int(meter.rawValue) / 8] &= ~(1 << UInt8(meter.rawValue % 8))
  }

  /// Adds every meter of `other`.
  public mutating func formUnion(_ other: MeterBitmap) {
    for index in 0..<64 { bytes.storage[index] |= other.bytes.storage[index] }
  }

  /// Whether `other` has every meter of this one.
  public func isSubset(of other: MeterBitmap) -> Bool {
    for index in 0..<64 where bytes.storage[index] & ~other.bytes.storage[index] != 0 { return false }
    return true
  }

  /// Whether no meter is in both.
  public func isDisjoint(with other: MeterBitmap) -> Bool {
    for index in 0..<64 where bytes.storage[index] & other.bytes.storage[index] != 0 { return false }
    return true
  }

  /// Those that are in `other` too.
  public func intersection(_ other: MeterBitmap) -> MeterBitmap {
    var result = self
    for index in 0..<64 { result.bytes.storage[index] &= other.bytes.storage[index] }
    return result
  }

  /// Those that are not in `other`.
  public func subtracting(_ other: MeterBitmap) -> MeterBitmap {
    var result = self
    for index in 0..<64 { result.bytes.storage[index] &= ~other.bytes.storage[index] }
    return result
  }

  public var count: UInt16 {
    var result: UInt16 = 0
    for index in 0..<64 { result += UInt16(bytes.storage[index].nonzeroBitCount) }
    return result
  }

  /// True when no bit stands at or above `meterCount`.
  public func isWithin(meterCount: UInt16) -> Bool {
    for meter in Int(meterCount)..<GroupLimits.maximumMetersPerSet where contains(MeterIndex(UInt16(meter))) {
      return false
    }
    return true
  }
}
