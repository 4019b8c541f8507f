import Units
import Wire

/// A set of meters of one set, one bit each; bit i of byte i / 8.
public struct MeterBitmap: Equatable, Sendable {
  public var bytes: FixedBytes<64>

  public init() { bytes = FixedBytes() }
  public init(_ bytes: FixedBytes<64>) { self.bytes = bytes }

  public func contains(_ meter: MeterIndex) -> Bool {
    bytes.storage[Int(meter.rawValue) / 8] >> UInt8(meter.rawValue % 8) & 1 == 1
  }

  public mutating func insert(_ meter: MeterIndex) {
    bytes.storage[Int(meter.rawValue) / 8] |= 1 << UInt8(meter.rawValue % 8)
  }

  public mutating func remove(_ meter: MeterIndex) {
    bytes.storage[Int(meter.rawValue) / 8] &= ~(1 << UInt8(meter.rawValue % 8))
  }

  public mutating func formUnion(_ other: MeterBitmap) {
    for index in 0..<64 { bytes.storage[index] |= other.bytes.storage[index] }
  }

  public func isSubset(of other: MeterBitmap) -> Bool {
    for index in 0..<64 where bytes.storage[index] & ~other.bytes.storage[index] != 0 { return false }
    return true
  }

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
