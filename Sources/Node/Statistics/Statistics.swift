import Aggregation
import Consensus
import HAL
import Packets
import Units
import Wire

/// How often durations fell below each of some bounds. Fixed, so that every node's files can be added up.
public struct LatencyHistogram: Sendable {
  public static let count = 10
  /// Milliseconds; beyond the last is one more place.
  public static let bounds: InlineArray<10, UInt64> = [
    100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000,
  ]
  public private(set) var counts = InlineArray<11, UInt64>(repeating: 0)
  public private(set) var sumMilliseconds: UInt64 = 0
  public private(set) var total: UInt64 = 0

  /// No latency was counted yet.
  public init() {}

  /// Counts one latency in the first bound that it is not above, and beyond the last one in a place of its own.
  public mutating func add(milliseconds: UInt64) {
    var place = 0
    while place < Self.count, milliseconds > Self.bounds[place] { place += 1 }
    counts[place] += 1
    sumMilliseconds &+= milliseconds
    total += 1
  }
}

/// What a node can say about its packets.
public struct LinkStatistics: Sendable {
  public var sentPackets: UInt64
  public var sentBytes: UInt64
  public var receivedPackets: UInt64
  public var receivedBytes: UInt64
  public var drops: InlineArray<17, UInt64>
  public var bootCounter: UInt64
  /// Of the packet key that peers are told.
  public var packetKeyNumber: UInt32
  /// The lowest of the newest versions that peers speak; 0 while one of them was not heard in this run.
  public var oldestPeerVersion: UInt8
  /// Records sent to other members, those of them sent again, and those refused.
  public var transfersSent: UInt64
  public var transfersRepeated: UInt64
  public var transfersRefused: UInt64
  /// Most records owed at once.
  public var owedHighWater: UInt64
  /// What members claimed of runs that this node knows nothing of, and how many members do.
  public var runClaims: RunClaimCounts
  public var runClaimants: Int
  /// Runs of peers after whose beginning an older run of the same key was heard. See ``DoubleRun``.
  public var doubleRuns: UInt64
  /// Members whose clocks are known well enough to be counted, and what was told and is not, by ``ClockRefusal``.
  public var countedClocks: Int
  public var clockRefusals: InlineArray<3, UInt64>
}

/// When a peer was last heard under its seal.
public struct PeerStatistics: Sendable {
  public var identifier: UInt32
  /// In whole seconds of a quiet peer; nil when it was not heard in this run.
  public var heardAt: MonotonicTime?
  public var isSilenced: Bool
}

extension PacketLink {
  var statistics: LinkStatistics {
    LinkStatistics(
      sentPackets: sentPackets, sentBytes: sentBytes, receivedPackets: receivedPackets, receivedBytes: receivedBytes,
      drops: sealer.drops, bootCounter: sealer.bootCounter, packetKeyNumber: sealer.packetKeyNumber,
      oldestPeerVersion: sealer.oldestPeerVersion, transfersSent: transfers.sentCount,
      transfersRepeated: transfers.repeatedCount, transfersRefused: transfers.refusedCount,
      owedHighWater: transfers.owedHighWater, runClaims: runs.counts, runClaimants: runs.claimants,
      doubleRuns: doubles.count,
      countedClocks: clocks.countedReadings(at: now), clockRefusals: clocks.refusals)
  }

  /// - Parameter place: below ``peerCount``
  func peerStatistics(_ place: Int) -> PeerStatistics {
    let identifier = sealer.peers[place].identifier
    let isHeard = sealer.peers[place].bootCounter > 0
    return PeerStatistics(
      identifier: identifier, heardAt: isHeard ? sealer.heardAt(place) : nil,
      isSilenced: sealer.isSilenced(place))
  }
}

extension AggregatorNode {
  /// The boot counter of a later run of this node's key that f + 1 members listen to instead; nil as a rule. Nothing that this
  /// process says is heard any more, so its host ends it. See ``RunConfirmation/laterRun``.
  public var laterRun: UInt64? { isConfirmed ? link.runs.laterRun : nil }
  /// A peer whose key two processes use, that was found since the last call and not told.
  public mutating func takeDoubleRun() -> DoubleRun? { link.doubles.take() }
  public var linkStatistics: LinkStatistics { link.statistics }
  public var peerCount: Int { link.sealer.peers.count }
  public func peerStatistics(_ place: Int) -> PeerStatistics { link.peerStatistics(place) }
  public var members: UInt16 { genesis.members }

  /// Period of the set's last certified value; 0 before the first.
  public func headPeriod(_ owner: ReplicaIndex) -> Period {
    let chain = chain(owner)
    return chain.headPosition.rawValue == 0 ? Period(0) : chain.headPeriod
  }

  /// Meters of the set that the last decided value went without.
  public func missingMeters(_ owner: ReplicaIndex) -> UInt16 {
    guard let header = chain(owner).decided(Position(0))?.header else { return 0 }
    return genesis.meterCount(of: owner) - min(genesis.meterCount(of: owner), header.count)
  }
}

extension MeterNode {
  /// The boot counter of a later run of this node's key that f + 1 members listen to instead; nil as a rule. Nothing that this
  /// process says is heard any more, so its host ends it. See ``RunConfirmation/laterRun``.
  public var laterRun: UInt64? { isConfirmed ? link.runs.laterRun : nil }
  /// A peer whose key two processes use, that was found since the last call and not told.
  public mutating func takeDoubleRun() -> DoubleRun? { link.doubles.take() }
  public var linkStatistics: LinkStatistics { link.statistics }
  public var peerCount: Int { link.sealer.peers.count }
  public func peerStatistics(_ place: Int) -> PeerStatistics { link.peerStatistics(place) }
  public var outstandingCount: Int { outstanding.count }
}

extension BookkeeperNode {
  /// The boot counter of a later run of this node's key that f + 1 members listen to instead; nil as a rule. Nothing that this
  /// process says is heard any more, so its host ends it. See ``RunConfirmation/laterRun``.
  public var laterRun: UInt64? { link.runs.laterRun }
  /// A peer whose key two processes use, that was found since the last call and not told.
  public mutating func takeDoubleRun() -> DoubleRun? { link.doubles.take() }
  public var linkStatistics: LinkStatistics { link.statistics }
  public var peerCount: Int { link.sealer.peers.count }
  public func peerStatistics(_ place: Int) -> PeerStatistics { link.peerStatistics(place) }
  /// Certified positions, as far as this node knows of them, that are not published yet.
  public var unpublishedCount: UInt64 { chains.reduce(0) { $0 + $1.waitingCount } }
  public var members: UInt16 { genesis.members }
}
