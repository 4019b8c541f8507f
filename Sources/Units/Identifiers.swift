/// A number that names something: comparable, hashable, and never mixed up with another kind of number.
public protocol Identifier: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible
where RawValue: FixedWidthInteger & UnsignedInteger & Sendable {
  init(_ rawValue: RawValue)
}

extension Identifier {
  public init(rawValue: RawValue) { self.init(rawValue) }
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  public var description: String { "\(rawValue)" }
}

/// A reporting period: `floor(unixTime / periodSeconds)`. (DESIGN §1)
public struct Period: Identifier {
  public let rawValue: UInt64
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public var next: Period { Period(rawValue + 1) }
}

/// A membership, an assignment of meters and a set of keys that hold together from one period on.
public struct Epoch: Identifier {
  public let rawValue: UInt64
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// The aggregators under one bookkeeper.
public struct GroupIndex: Identifier {
  public let rawValue: UInt16
  public init(_ rawValue: UInt16) { self.rawValue = rawValue }
}

/// An aggregator's place in its group, 0 ..< m. As `owner` it names that aggregator's set of meters.
public struct ReplicaIndex: Identifier {
  public let rawValue: UInt16
  public init(_ rawValue: UInt16) { self.rawValue = rawValue }
}

/// A meter's place in its set, 0 ..< 512. The map from index to household never leaves the operator.
public struct MeterIndex: Identifier {
  public let rawValue: UInt16
  public init(_ rawValue: UInt16) { self.rawValue = rawValue }
}

/// Counts the primaries that were given a chance in one instance. (Castro & Liskov 1999, §4)
public struct View: Identifier {
  public let rawValue: UInt32
  public init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// A place in the order of the power chain; 0 in single-shot instances.
public struct SequenceNumber: Identifier {
  public let rawValue: UInt64
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
}
