/// Whole watt-hours: what records and totals are counted in. Positive is import from the grid.
public struct WattHours: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: Int64
  /// Takes whole watt-hours, negative ones too: a house that feeds in.
  public init(_ value: Int64) { self.value = value }
  public static func < (left: Self, right: Self) -> Bool { left.value < right.value }
  public var description: String { "\(value) Wh" }
}

/// Thousandths of a watt-hour: what registers are counted in. (docs/HARDWARE.md, Supported devices)
public struct MilliwattHours: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: Int64
  /// Takes thousandths of a watt-hour, negative ones too.
  public init(_ value: Int64) { self.value = value }
  public static func < (left: Self, right: Self) -> Bool { left.value < right.value }
  public var description: String { "\(value) mWh" }
}
