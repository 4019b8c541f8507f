import Packets
import Units

/// What of each position was sent to whom already: the first time is owed, later ones are on ``ServingCredit``.
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
  private var positions: [Position]
  private var entries: [Entry]
  /// By set: the newest positions of which the bookkeeper was sent certificate and product from the disk. It asks in order.
  private var stored: [(certificate: Position, product: Position)]
  /// Period of the newest proof that each peer was sent, by its place; only meters are. Low bits: it is compared with what is newer.
  private var proven: [UInt32]

  init(members: Int, positionsKept: Int, peers: Int) {
    self.members = members
    kept = positionsKept
    parties = members + 1
    positions = Array(repeating: Position(0), count: members * positionsKept)
    entries = Array(repeating: Entry(), count: parties * members * positionsKept)
    stored = Array(repeating: (certificate: Position(0), product: Position(0)), count: members)
    proven = Array(repeating: 0, count: peers)
  }

  static func memoryBytes(members: Int, positionsKept: Int, peers: Int) -> Int {
    members * (positionsKept * (8 + (members + 1) * MemoryLayout<Entry>.stride) + 16) + 4 * peers
  }

  private mutating func place(_ party: Party, _ owner: ReplicaIndex, _ position: Position) -> Int? {
    let place = Int(owner.rawValue) * kept + Int(position.rawValue % UInt64(kept))
    if positions[place] != position {
      positions[place] = position
      for party in 0..<parties { entries[place * parties + party] = Entry() }
    }
    if let member = party.aggregatorIndex { return place * parties + Int(member.rawValue) }
    return party.isBookkeeper ? place * parties + members : nil
  }

  /// True the first time; never for meters, which are owed proofs alone.
  mutating func isFirst(
    _ object: ObjectKind, _ owner: ReplicaIndex, _ position: Position, to party: Party
  ) -> Bool {
    guard let place = place(party, owner, position), entries[place].objects >> UInt16(object.rawValue) & 1 == 0 else {
      return false
    }
    entries[place].objects |= 1 << UInt16(object.rawValue)
    return true
  }

  /// True for a later position than the bookkeeper was sent from the disk before.
  mutating func isFirstStored(_ object: ObjectKind, _ owner: ReplicaIndex, _ position: Position) -> Bool {
    let set = Int(owner.rawValue)
    if object == .product {
      guard position > stored[set].product else { return false }
      stored[set].product = position
    } else {
      guard position > stored[set].certificate else { return false }
      stored[set].certificate = position
    }
    return true
  }

  /// True for as many records as the set has meters.
  mutating func isFirstRecord(
    _ owner: ReplicaIndex, _ position: Position, of meters: UInt16, to member: ReplicaIndex
  ) -> Bool {
    guard let place = place(.aggregator(member), owner, position), entries[place].records < meters else { return false }
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
