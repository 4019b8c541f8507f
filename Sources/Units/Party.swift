/// Names a party in packets. (docs/PROTOCOL.md, Parties)
public struct Party: Identifier {
  public let rawValue: UInt32
  public init(_ rawValue: UInt32) { self.rawValue = rawValue }

  static let bookkeeperBase: UInt32 = 0x100
  /// So many have numbers.
  static let maximumBookkeepers: UInt32 = 64
  static let meterBase: UInt32 = 0x1_0000

  /// The number of an aggregator: its index. (docs/PROTOCOL.md, Parties)
  public static func aggregator(_ index: ReplicaIndex) -> Self { Self(UInt32(index.rawValue)) }
  /// The number of a bookkeeper: 0x100 and its index. Who decrypts a group's sums is its bookkeeper 0.
  /// - Precondition: the index is below 64.
  public static func bookkeeper(_ index: UInt16) -> Self {
    precondition(UInt32(index) < maximumBookkeepers)
    return Self(bookkeeperBase + UInt32(index))
  }
  /// The bookkeeper of a group.
  public static var bookkeeper: Self { bookkeeper(0) }
  /// The number of a meter: 0x10000 and its place among all sets' meters, 512 to a set. (docs/PROTOCOL.md, Parties)
  public static func meter(_ index: MeterIndex, of owner: ReplicaIndex) -> Self {
    Self(meterBase + UInt32(owner.rawValue) * UInt32(GroupLimits.maximumMetersPerSet) + UInt32(index.rawValue))
  }

  public var aggregatorIndex: ReplicaIndex? {
    rawValue < GroupLimits.maximumAggregators ? ReplicaIndex(UInt16(rawValue)) : nil
  }
  /// Whether it is the bookkeeper of a group.
  public var isBookkeeper: Bool { rawValue == Self.bookkeeperBase }
  public var meter: (owner: ReplicaIndex, index: MeterIndex)? {
    guard rawValue >= Self.meterBase else { return nil }
    let place = rawValue - Self.meterBase
    let owner = place / UInt32(GroupLimits.maximumMetersPerSet)
    guard owner < GroupLimits.maximumAggregators else { return nil }
    return (ReplicaIndex(UInt16(owner)), MeterIndex(UInt16(place % UInt32(GroupLimits.maximumMetersPerSet))))
  }
}
