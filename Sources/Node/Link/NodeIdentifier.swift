import Aggregation
import Cryptography
import Units

/// Names a party in packets. (docs/PROTOCOL.md, Parties)
public struct NodeIdentifier: Identifier {
  public let rawValue: UInt32
  public init(_ rawValue: UInt32) { self.rawValue = rawValue }

  static let bookkeeperBase: UInt32 = 0x100
  static let meterBase: UInt32 = 0x1_0000

  /// The number of an aggregator: its index. (docs/PROTOCOL.md, Parties)
  public static func aggregator(_ index: ReplicaIndex) -> Self { Self(UInt32(index.rawValue)) }
  public static var bookkeeper: Self { Self(bookkeeperBase) }
  /// The number of a meter: 0x10000 and its place among all sets' meters, 512 to a set. (docs/PROTOCOL.md, Parties)
  public static func meter(_ index: MeterIndex, of owner: ReplicaIndex) -> Self {
    Self(meterBase + UInt32(owner.rawValue) * UInt32(GroupLimits.maximumMetersPerSet) + UInt32(index.rawValue))
  }

  public var aggregatorIndex: ReplicaIndex? {
    rawValue < GroupLimits.maximumAggregators ? ReplicaIndex(UInt16(rawValue)) : nil
  }
  public var isBookkeeper: Bool { rawValue == Self.bookkeeperBase }
  public var meter: (owner: ReplicaIndex, index: MeterIndex)? {
    guard rawValue >= Self.meterBase else { return nil }
    let place = rawValue - Self.meterBase
    let owner = place / UInt32(GroupLimits.maximumMetersPerSet)
    guard owner < GroupLimits.maximumAggregators else { return nil }
    return (ReplicaIndex(UInt16(owner)), MeterIndex(UInt16(place % UInt32(GroupLimits.maximumMetersPerSet))))
  }
}

extension Genesis {
  /// The key of a party's identity; nil when there is no such party.
  public func verificationKey(of node: NodeIdentifier) -> VerificationKey? {
    if let index = node.aggregatorIndex { return index.rawValue < members ? aggregatorKeys[Int(index.rawValue)] : nil }
    if let (owner, index) = node.meter {
      return owner.rawValue < members && index.rawValue < meterCount(of: owner)
        ? verificationKey(index, of: owner) : nil
    }
    return node.isBookkeeper ? bookkeeper.verificationKey : nil
  }
}
