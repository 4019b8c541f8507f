import Units

/// How far a sample can be believed. An old value never carries a fresh time stamp. (docs/HARDWARE.md, Supported devices)
public enum Quality: Equatable, Sendable, CustomStringConvertible {
  case good
  case stale(ageMilliseconds: UInt64)
  /// The device sent its sign for "I have no such value"; the sample's value is 0.
  case notImplemented
  case outOfRange
  case suspectCounter
  /// Inverters say nothing at night; that is no fault.
  case asleep
  case offline

  public var description: String {
    switch self {
    case .good: "good"
    case .stale: "stale"
    case .notImplemented: "notImplemented"
    case .outOfRange: "outOfRange"
    case .suspectCounter: "suspectCounter"
    case .asleep: "asleep"
    case .offline: "offline"
    }
  }
}

/// One measured value with the time it was measured at.
public struct Sample: Equatable, Sendable {
  public var quantity: Quantity
  /// 0 is the total, 1...3 are the phases.
  public var phase: UInt8
  /// In the quantity's ``Quantity/unit``.
  public var value: Int64
  public var quality: Quality
  /// When the last byte of the answer was read, by the clock that never steps.
  public var monotonicNanoseconds: UInt64
  /// The same instant since 1970, as far as the board knew.
  public var wallNanoseconds: UInt64
  /// Whether the wall clock was synchronised then.
  public var wallIsSynchronised: Bool

  /// Takes a value in the unit of its quantity, and the instant at which it was read by both clocks.
  /// - Precondition: phase <= 3; 0 is the total.
  public init(
    quantity: Quantity, phase: UInt8, value: Int64, quality: Quality, monotonicNanoseconds: UInt64,
    wallNanoseconds: UInt64, wallIsSynchronised: Bool
  ) {
    precondition(phase <= 3)
    self.quantity = quantity
    self.phase = phase
    self.value = value
    self.quality = quality
    self.monotonicNanoseconds = monotonicNanoseconds
    self.wallNanoseconds = wallNanoseconds
    self.wallIsSynchronised = wallIsSynchronised
  }
}
