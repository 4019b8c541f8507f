import Aggregation
import Consensus
import Units
import Wire

/// Through which period each meter is covered, by the headers of a set that a bookkeeper has seen, in the order of their positions.
///
/// It is never above what the set's own table says. Where headers were missed it is below, and what follows from it is a wider bound.
struct KnownCoverage: ~Copyable {
  private let genesis: Genesis
  /// Of the meters of each set.
  private var coveredThrough: [[Period]]
  /// The newest position of each set that is in it.
  private var positions: [Position]

  init(_ genesis: Genesis) {
    self.genesis = genesis
    coveredThrough = (0..<genesis.members).map { set in
      Array(
        repeating: Period(genesis.firstPeriod.rawValue - 1), count: Int(genesis.meterCount(of: ReplicaIndex(set))))
    }
    positions = Array(repeating: Position(0), count: Int(genesis.members))
  }

  /// The most watt-hours that a slot of the sum of this header, of this position, can hold. Ask before it is noted.
  func bound(_ slot: Int, of header: Header, at position: Position) -> WattHours {
    let set = Int(header.owner.rawValue)
    let isNext = position > positions[set]
    let activation = Period(genesis.firstPeriod.rawValue - 1)
    // Of a position that is told late the coverage before it is not known any more.
    return genesis.maximumEnergy(ofSlot: slot, in: header) { meter in
      isNext ? coveredThrough[set][Int(meter.rawValue)] : activation
    }
  }

  /// Moves on by a header of this period with these contributors, if it is of a later position than those before.
  mutating func note(_ contributors: MeterBitmap, of owner: ReplicaIndex, through period: Period, at position: Position)
  {
    let set = Int(owner.rawValue)
    guard position > positions[set] else { return }
    positions[set] = position
    for meter in coveredThrough[set].indices where contributors.contains(MeterIndex(UInt16(meter))) {
      coveredThrough[set][meter] = max(coveredThrough[set][meter], period)
    }
  }

  // MARK: Snapshots

  /// What a snapshot has of a set. (docs/PROTOCOL.md, knownCoverage)
  func entry(of owner: ReplicaIndex) -> [UInt8] {
    let set = Int(owner.rawValue)
    return [UInt8](capacity: 11 + 8 * coveredThrough[set].count) { out in
      JournalEntry.knownCoverage(owner: owner, position: positions[set], coveredThrough: Span()).encode(into: &out)
      for period in coveredThrough[set] { out.write(period.rawValue) }
    }
  }

  /// Puts it back. Changes nothing when it is of another number of meters.
  mutating func restore(_ owner: ReplicaIndex, _ position: Position, _ periods: Span<UInt8>) {
    let set = Int(owner.rawValue)
    guard set < positions.count, periods.count == 8 * coveredThrough[set].count else { return }
    positions[set] = position
    var reader = WireReader(periods)
    for meter in coveredThrough[set].indices {
      if let period = try? reader.read(UInt64.self) { coveredThrough[set][meter] = Period(period) }
    }
  }
}
