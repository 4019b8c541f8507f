import HAL
import Units
import Wire

/// What became of a WANT for records.
public enum WantOutcome: UInt8, Sendable {
  case taken
  /// The last one about this object was answered less than ``Transfers/answerMilliseconds`` ago.
  case tooSoon
  /// Two other objects are on their way to this member.
  case busy
}

/// The records this node owes other members, and when each may leave.
///
/// A queue of bits, not of bytes: a member's WANT sets them, the pacing takes them off one at a time, and the caller reads the
/// record then. So nothing is copied, nothing grows, and what a member no longer misses is forgotten. A record goes out
/// again only once its packet is known to be lost: the member has seen one sent ``reordering`` packets later, or it was
/// sent so long ago that an answer is overdue. (docs/PROTOCOL.md, Packets)
public struct Transfers: ~Copyable {
  public static let objectsPerMember = 2
  public static let answerMilliseconds: UInt64 = 10
  /// Packets may overtake each other by less than this without one being taken for lost. (RFC 5681: three duplicates)
  public static let reordering: UInt64 = 3
  /// Records sent for each record that a member was ever owed of an object, on average, and some more for the last ones,
  /// which a burst of losses can hit again and again.
  public static let repetitions: UInt32 = 4
  public static let lastRepetitions: UInt32 = 64
  /// After this an object that nobody asks about makes room.
  public static let idleMilliseconds: UInt64 = 2000
  /// Send times remembered for each member: a round trip's worth at 20 Mb/s and 100 ms.
  static let remembered = 256
  static let meters = GroupLimits.maximumMetersPerSet

  private struct Object {
    var owner = ReplicaIndex(0)
    var period = Period(0)
    var wanted = InlineArray<8, UInt64>(repeating: 0)
    var askedAt = MonotonicTime(nanoseconds: 0)
    var isUsed = false
    /// Records of it that left at least once, and how often any left.
    var distinct: UInt32 = 0
    var sent: UInt32 = 0

    var isIdle: Bool {
      var all: UInt64 = 0
      for word in 0..<8 { all |= wanted[word] }
      return all == 0
    }
  }

  private let members: Int
  private let limits: PacingLimits
  private var interface: TokenBucket
  private var pacers: [Pacer]
  private var objects: [Object]
  /// Of each object's meters: the packet it went out in last; ``never`` before the first.
  private let sequences: UnsafeMutablePointer<UInt64>
  private static let never = UInt64.max
  /// Of each member's last packets, by sequence number: when they left.
  private let sentSequences: UnsafeMutablePointer<UInt64>
  private let sentTimes: UnsafeMutablePointer<UInt64>
  /// Who is served next.
  private var turn = 0
  /// Records that were asked for more often than ``repetitions`` allow.
  public private(set) var refusedCount: UInt64 = 0
  public private(set) var sentCount: UInt64 = 0
  /// Records owed now, and the most there ever were.
  private var owed: UInt64 = 0
  public private(set) var owedHighWater: UInt64 = 0
  /// Records sent another time.
  public private(set) var repeatedCount: UInt64 = 0

  /// Memory for what each of so many members may ask for, taken once: see ``memoryBytes(members:)``.
  public init(members: Int, limits: PacingLimits = PacingLimits()) {
    precondition(members > 0 && members <= GroupLimits.maximumAggregators)
    precondition(Self.meters == 8 * 64, "one bit for each meter")
    self.members = members
    self.limits = limits
    interface = TokenBucket(perSecond: limits.interfaceBytesPerSecond, burst: limits.burst)
    pacers = Array(repeating: Pacer(limits), count: members)
    objects = Array(repeating: Object(), count: members * Self.objectsPerMember)
    let records = members * Self.objectsPerMember * Self.meters
    // Each object's part is filled when a member first asks: most are never touched.
    sequences = .allocate(capacity: records)
    sentSequences = .allocate(capacity: members * Self.remembered)
    sentSequences.initialize(repeating: .max, count: members * Self.remembered)
    sentTimes = .allocate(capacity: members * Self.remembered)
    sentTimes.initialize(repeating: 0, count: members * Self.remembered)
  }

  deinit {
    sequences.deallocate()
    sentSequences.deallocate()
    sentTimes.deallocate()
  }

  /// What `init` takes from the heap.
  public static func memoryBytes(members: Int) -> Int {
    members
      * (objectsPerMember * (meters * 8 + MemoryLayout<Object>.stride) + remembered * 16 + MemoryLayout<Pacer>.stride)
  }

  /// Of that, what is touched where no member ever asks for a record.
  public static func quietMemoryBytes(members: Int) -> Int {
    memoryBytes(members: members) - members * objectsPerMember * meters * 8
  }

  /// Nanoseconds from a packet to a member until its answer, smoothed; before the first report a guess.
  public func roundTrip(_ member: ReplicaIndex) -> UInt64 { pacers[Int(member.rawValue)].roundTrip }
  /// How much bulk may leave to this member now.
  public func bytesPerSecond(_ member: ReplicaIndex) -> UInt64 { pacers[Int(member.rawValue)].bucket.perSecond }

  // MARK: What is asked for

  private func sentAt(_ member: Int, _ sequence: UInt64) -> MonotonicTime? {
    let place = member * Self.remembered + Int(sequence % UInt64(Self.remembered))
    return sentSequences[place] == sequence ? MonotonicTime(nanoseconds: sentTimes[place]) : nil
  }

  private func object(_ member: Int, _ owner: ReplicaIndex, _ period: Period, _ now: MonotonicTime) -> Int? {
    let first = member * Self.objectsPerMember
    for place in first..<(first + Self.objectsPerMember)
    where objects[place].isUsed && objects[place].owner == owner && objects[place].period == period {
      return place
    }
    for place in first..<(first + Self.objectsPerMember)
    where !objects[place].isUsed || objects[place].isIdle
      || now.milliseconds(since: objects[place].askedAt) > Self.idleMilliseconds
    {
      return place
    }
    return nil
  }

  /// Takes a member's word on what it has seen of our packets; from any WANT.
  public mutating func report(
    _ member: ReplicaIndex, highest: UInt64, received: UInt64, heldNanoseconds: UInt64, at now: MonotonicTime
  ) {
    var sample: UInt64?
    if received > 0, let sent = sentAt(Int(member.rawValue), highest) {
      let passed = now.nanoseconds - min(now.nanoseconds, sent.nanoseconds)
      sample = passed - min(passed, heldNanoseconds)
    }
    pacers[Int(member.rawValue)].report(highest: highest, received: received, sample: sample, at: now)
  }

  /// Notes which records a member misses. Bits that are no longer set are no longer owed.
  /// - Parameter highest: of our packets to it, the latest it has seen. A wrong one spends the member's ``repetitions`` sooner.
  public mutating func want(
    _ member: ReplicaIndex, _ owner: ReplicaIndex, _ period: Period, missing: FixedBytes<64>, highest: UInt64,
    at now: MonotonicTime
  ) -> WantOutcome {
    let index = Int(member.rawValue)
    guard let place = object(index, owner, period, now) else { return .busy }
    if objects[place].isUsed, objects[place].owner == owner, objects[place].period == period {
      guard now.milliseconds(since: objects[place].askedAt) >= Self.answerMilliseconds else { return .tooSoon }
    } else {
      for word in 0..<8 { owed -= UInt64(objects[place].wanted[word].nonzeroBitCount) }
      objects[place] = Object(owner: owner, period: period, isUsed: true)
      for meter in 0..<Self.meters { sequences[place * Self.meters + meter] = Self.never }
    }
    objects[place].askedAt = now
    let overdue = max(20_000_000, pacers[index].roundTrip * 3 / 2)
    for word in 0..<8 {
      var bits: UInt64 = 0
      for byte in 0..<8 { bits |= UInt64(missing.storage[8 * word + byte]) << UInt64(8 * byte) }
      // Owed already, and still missed.
      var wanted = objects[place].wanted[word] & bits
      var fresh = bits & ~wanted
      while fresh != 0 {
        let bit = fresh.trailingZeroBitCount
        fresh &= fresh - 1
        let record = place * Self.meters + 64 * word + bit
        let sequence = sequences[record]
        if sequence != Self.never {
          let isOvertaken = sequence + Self.reordering <= highest
          let age = sentAt(index, sequence).map { now.nanoseconds - min(now.nanoseconds, $0.nanoseconds) }
          // On its way still. One that fell out of memory left long ago.
          if !isOvertaken, let age, age < overdue { continue }
          guard objects[place].sent < Self.repetitions * objects[place].distinct + Self.lastRepetitions else {
            refusedCount += 1
            continue
          }
        }
        wanted |= 1 << UInt64(bit)
      }
      owed -= UInt64(objects[place].wanted[word].nonzeroBitCount)
      owed += UInt64(wanted.nonzeroBitCount)
      objects[place].wanted[word] = wanted
    }
    owedHighWater = max(owedHighWater, owed)
    return .taken
  }

  // MARK: What leaves

  /// Something to a member that does not wait: bulk waits for it.
  public mutating func charge(_ member: ReplicaIndex?, bytes: Int, at now: MonotonicTime) {
    let bytes = UInt64(bytes + PacingLimits.headerBytes)
    interface.charge(bytes, at: now)
    if let member { pacers[Int(member.rawValue)].charge(bytes, at: now) }
  }

  /// The next record that may leave now, in turn among the members; nil when none may.
  /// - Parameter bytes: of the datagram it will make.
  /// - Postcondition: the record is no longer owed. Call ``sent(_:_:_:_:sequence:at:)``, or nothing if it is gone.
  public mutating func next(
    bytes: Int, at now: MonotonicTime
  ) -> (member: ReplicaIndex, owner: ReplicaIndex, period: Period, meter: MeterIndex)? {
    let bytes = UInt64(bytes + PacingLimits.headerBytes)
    guard interface.has(bytes, at: now) else { return nil }
    for step in 0..<members {
      let member = (turn + step) % members
      let first = member * Self.objectsPerMember
      for place in first..<(first + Self.objectsPerMember) where objects[place].isUsed && !objects[place].isIdle {
        guard pacers[member].take(bytes, at: now) else { break }
        interface.charge(bytes, at: now)
        turn = (member + 1) % members
        return (ReplicaIndex(UInt16(member)), objects[place].owner, objects[place].period, take(place))
      }
    }
    return nil
  }

  private mutating func take(_ place: Int) -> MeterIndex {
    for word in 0..<8 where objects[place].wanted[word] != 0 {
      let bit = objects[place].wanted[word].trailingZeroBitCount
      objects[place].wanted[word] &= objects[place].wanted[word] - 1
      owed -= 1
      return MeterIndex(UInt16(64 * word + bit))
    }
    preconditionFailure("an object that is not idle owes a record")
  }

  /// A packet left for this member, of whatever kind: its echo will tell the round trip.
  public mutating func left(_ member: ReplicaIndex, sequence: UInt64, at now: MonotonicTime) {
    let place = Int(member.rawValue) * Self.remembered + Int(sequence % UInt64(Self.remembered))
    sentSequences[place] = sequence
    sentTimes[place] = now.nanoseconds
  }

  /// A record left, in this packet.
  public mutating func sent(
    _ member: ReplicaIndex, _ owner: ReplicaIndex, _ period: Period, _ meter: MeterIndex, sequence: UInt64,
    at now: MonotonicTime
  ) {
    left(member, sequence: sequence, at: now)
    let first = Int(member.rawValue) * Self.objectsPerMember
    for place in first..<(first + Self.objectsPerMember)
    where objects[place].isUsed && objects[place].owner == owner && objects[place].period == period {
      let record = place * Self.meters + Int(meter.rawValue)
      if sequences[record] == Self.never { objects[place].distinct += 1 } else { repeatedCount += 1 }
      sequences[record] = sequence
      objects[place].sent += 1
      sentCount += 1
    }
  }

  /// When the next record may leave; nil when none is owed.
  /// - Parameter bytes: of the datagram it will make.
  public func nextMoment(bytes: Int, after now: MonotonicTime) -> MonotonicTime? {
    let bytes = UInt64(bytes + PacingLimits.headerBytes)
    var earliest: MonotonicTime?
    for member in 0..<members {
      let first = member * Self.objectsPerMember
      for place in first..<(first + Self.objectsPerMember) where objects[place].isUsed && !objects[place].isIdle {
        guard let moment = pacers[member].bucket.moment(of: bytes, after: now) else { continue }
        if earliest == nil || moment < earliest! { earliest = moment }
      }
    }
    guard let earliest, let shared = interface.moment(of: bytes, after: now) else { return nil }
    return max(earliest, shared)
  }
}
