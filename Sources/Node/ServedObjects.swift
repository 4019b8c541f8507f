import Packets
import Units

/// What of each instance was sent to whom already: the first time is owed, later ones are on ``ServingCredit``.
///
/// Records are counted, not named: as many as the set has meters are owed, whichever they are.
struct ServedObjects {
  private struct Entry {
    var records: UInt16 = 0
    /// Bit k: ObjectKind k.
    var objects: UInt16 = 0
  }
  /// Aggregators, and the bookkeeper behind them.
  private let parties: Int
  private let members: Int
  private let kept: Int
  private var periods: [Period]
  private var entries: [Entry]
  /// Period of the newest proof that each peer was sent, by its place; only meters are. Low bits: it is compared with what is newer.
  private var proven: [UInt32]

  init(members: Int, periodsKept: Int, peers: Int) {
    self.members = members
    kept = periodsKept
    parties = members + 1
    periods = Array(repeating: Period(0), count: members * periodsKept)
    entries = Array(repeating: Entry(), count: parties * members * periodsKept)
    proven = Array(repeating: 0, count: peers)
  }

  static func memoryBytes(members: Int, periodsKept: Int, peers: Int) -> Int {
    members * periodsKept * (8 + (members + 1) * MemoryLayout<Entry>.stride) + 4 * peers
  }

  private mutating func place(_ party: NodeIdentifier, _ owner: ReplicaIndex, _ period: Period) -> Int? {
    let place = Int(owner.rawValue) * kept + Int(period.rawValue % UInt64(kept))
    if periods[place] != period {
      periods[place] = period
      for party in 0..<parties { entries[place * parties + party] = Entry() }
    }
    if let member = party.aggregatorIndex { return place * parties + Int(member.rawValue) }
    return party.isBookkeeper ? place * parties + members : nil
  }

  /// True the first time; never for meters, which are owed proofs alone.
  mutating func isFirst(
    _ object: ObjectKind, _ owner: ReplicaIndex, _ period: Period, to party: NodeIdentifier
  ) -> Bool {
    guard let place = place(party, owner, period), entries[place].objects >> UInt16(object.rawValue) & 1 == 0 else {
      return false
    }
    entries[place].objects |= 1 << UInt16(object.rawValue)
    return true
  }

  /// True for as many records as the set has meters.
  mutating func isFirstRecord(
    _ owner: ReplicaIndex, _ period: Period, of meters: UInt16, to member: ReplicaIndex
  ) -> Bool {
    guard let place = place(.aggregator(member), owner, period), entries[place].records < meters else { return false }
    entries[place].records += 1
    return true
  }

  /// True for a later proof than this peer was sent before.
  mutating func isFirstProof(_ period: Period, to peer: Int) -> Bool {
    let low = UInt32(truncatingIfNeeded: period.rawValue)
    guard proven[peer] != low else { return false }
    proven[peer] = low
    return true
  }
}
