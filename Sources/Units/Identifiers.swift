/// A number that names something: comparable, hashable, and never mixed up with another kind of number.
public protocol Identifier: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible
where RawValue: FixedWidthInteger & UnsignedInteger & Sendable {
  /// Takes any number of the raw type; whether something has that number is for its user to say.
  init(_ rawValue: RawValue)
}

extension Identifier {
  /// The same as ``init(_:)``, under the label that `RawRepresentable` asks for.
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

/// Counts the primaries that were given a chance about one position in one period. (Castro & Liskov 1999, §4)
public struct View: Identifier {
  public let rawValue: UInt32
  public init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// A place in a chain of decided values, from 1 on: a set's headers, or the height of a block.
public struct Position: Identifier {
  public let rawValue: UInt64
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public var next: Position { Position(rawValue + 1) }
}

/// A chance to decide a position: a period, and a primary in it. Rounds are ordered by period, then view; a view alone compares with
/// nothing. (DESIGN §3; consensus rule R17)
public struct Round: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var period: Period
  public var view: View

  /// Round (`period`, `view`). Without a view it is the first round of the period.
  public init(_ period: Period, _ view: View = View(0)) {
    self.period = period
    self.view = view
  }

  public static func < (left: Self, right: Self) -> Bool {
    left.period == right.period ? left.view < right.view : left.period < right.period
  }

  /// The same period, the next primary.
  public var next: Round { Round(period, View(view.rawValue + 1)) }
  public var description: String { "\(period).\(view)" }
}
