import Consensus
import Cryptography
import Units
import Wire

/// Who contradicted itself: an aggregator, or a meter of that aggregator's set.
public enum AccusedParty: Equatable, Sendable {
  case aggregator(ReplicaIndex)
  case meter(MeterIndex, of: ReplicaIndex)
}

/// Who contradicted itself, as one header of a set has it: aggregators of the group, of which none is ever left out again; meters of
/// the set while their records are not counted; and meters of other sets, which only the first header names that hears of them.
public struct Accused: Equatable, Sendable {
  /// A header names at most so many that the one before did not, so that what proves them is bounded.
  public static let maximumNew = 4

  /// Bit i: aggregator i.
  public var members: UInt64
  public var meters: MeterBitmap
  public var elsewhere: AccusedElsewhere

  /// Nobody, unless something is given.
  public init(
    members: UInt64 = 0, meters: MeterBitmap = MeterBitmap(), elsewhere: AccusedElsewhere = AccusedElsewhere()
  ) {
    self.members = members
    self.meters = meters
    self.elsewhere = elsewhere
  }

  /// - Parameter owner: whose set's header this is.
  public func contains(_ party: AccusedParty, in owner: ReplicaIndex) -> Bool {
    switch party {
    case .aggregator(let member): members >> UInt64(member.rawValue) & 1 == 1
    case .meter(let meter, let home): home == owner ? meters.contains(meter) : elsewhere.contains(meter, of: home)
    }
  }

  /// Adds a liar to what a header of `owner`'s set says: a meter of another set goes to ``elsewhere``, where the fifth
  /// finds no place.
  public mutating func insert(_ party: AccusedParty, in owner: ReplicaIndex) {
    switch party {
    case .aggregator(let member): members |= 1 << UInt64(member.rawValue)
    case .meter(let meter, let home):
      if home == owner { meters.insert(meter) } else { elsewhere.insert(meter, of: home) }
    }
  }

  /// Those that are not in `other`, whose meters elsewhere do not count: each header names its own.
  public func subtracting(_ other: Accused) -> Accused {
    Accused(members: members & ~other.members, meters: meters.subtracting(other.meters), elsewhere: elsewhere)
  }

  public var count: Int { members.nonzeroBitCount + Int(meters.count) + elsewhere.count }
}

/// Up to four meters of other sets, in the order of sets and meters.
public struct AccusedElsewhere: Equatable, Sendable {
  public static let encodedBytes = 4 * Accused.maximumNew

  /// One more than the set, then the meter; 0 for nobody, behind all others.
  private var names = InlineArray<4, UInt32>(repeating: 0)

  /// Nobody.
  public init() { precondition(Accused.maximumNew == 4) }

  private static func name(_ meter: MeterIndex, _ owner: ReplicaIndex) -> UInt32 {
    UInt32(owner.rawValue + 1) << 16 | UInt32(meter.rawValue)
  }

  public var count: Int {
    var count = 0
    for place in 0..<4 where names[place] != 0 { count += 1 }
    return count
  }

  /// - Precondition: place < count
  public subscript(place: Int) -> (meter: MeterIndex, owner: ReplicaIndex) {
    (MeterIndex(UInt16(truncatingIfNeeded: names[place])), ReplicaIndex(UInt16(names[place] >> 16) - 1))
  }

  /// Whether this meter of another set is named here.
  public func contains(_ meter: MeterIndex, of owner: ReplicaIndex) -> Bool {
    for place in 0..<4 where names[place] == Self.name(meter, owner) { return true }
    return false
  }

  /// Does nothing when there are four already.
  public mutating func insert(_ meter: MeterIndex, of owner: ReplicaIndex) {
    guard count < 4, !contains(meter, of: owner) else { return }
    var rising = Self.name(meter, owner)
    for place in 0..<4 {
      if names[place] == 0 {
        names[place] = rising
        return
      }
      if rising < names[place] { (names[place], rising) = (rising, names[place]) }
    }
  }

  /// Whether all of them are meters of the group, and of other sets than this one.
  func isWithin(_ genesis: Genesis, besides owner: ReplicaIndex) -> Bool {
    for place in 0..<count {
      let (meter, home) = self[place]
      guard home != owner, home.rawValue < genesis.members, meter.rawValue < genesis.meterCount(of: home) else {
        return false
      }
    }
    return true
  }

  /// Appends 16 bytes, unused places as 0. (docs/PROTOCOL.md, Header)
  public func encode(into output: inout OutputSpan<UInt8>) { for place in 0..<4 { output.write(names[place]) } }

  /// Reads 16 bytes. Throws unless the names rise and zeros stand last alone.
  public init(decoding reader: inout WireReader) throws(WireError) {
    var last: UInt32 = 0
    var isOver = false
    for place in 0..<4 {
      let name = try reader.read(UInt32.self)
      // One encoding of each set of meters.
      guard name == 0 || !isOver && name > last && name >= 1 << 16 else { throw .outOfRange(offset: reader.offset - 4) }
      isOver = name == 0
      last = name
      names[place] = name
    }
  }

  public static func == (left: Self, right: Self) -> Bool {
    for place in 0..<4 where left.names[place] != right.names[place] { return false }
    return true
  }
}
