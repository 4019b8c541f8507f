import Consensus
import HAL
import Units

/// Whether a node takes its own clock as true, and why.
public enum ClockVerdict: Equatable, Sendable {
  /// Near the median of what enough members told lately.
  case nearMembers
  /// Too few told lately; but not far from the newest certificate.
  case nearCertificates
  /// The system does not take it as synchronised.
  case notSynchronised
  /// Enough members told lately, and it is so far from the nearest median of that, later being positive.
  case apartFromMembers(milliseconds: Int64)
  /// Too few told lately, and it is more than two periods beyond the newest certificate.
  case farBeyondCertificates
  /// Too few told lately, and it is before a period that was certified had ended.
  case beforeCertificates

  public var isTrue: Bool { self == .nearMembers || self == .nearCertificates }

  /// How far it is from what members tell; 0 when they do not contradict it.
  public var millisecondsApart: Int64 {
    guard case .apartFromMembers(let milliseconds) = self else { return 0 }
    return milliseconds
  }

  /// How many there are, and the place of this one among them.
  public static let count = 6
  public var place: Int {
    switch self {
    case .nearMembers: 0
    case .nearCertificates: 1
    case .notSynchronised: 2
    case .apartFromMembers: 3
    case .farBeyondCertificates: 4
    case .beforeCertificates: 5
    }
  }

  /// In lower case with underscores, as metrics call the one at that place.
  public static func name(ofPlace place: Int) -> String {
    switch place {
    case 0: "near_members"
    case 1: "near_certificates"
    case 2: "not_synchronised"
    case 3: "apart_from_members"
    case 4: "far_beyond_certificates"
    default: "before_certificates"
    }
  }
}

/// Why what a member told of its clock is not counted.
public enum ClockRefusal: UInt8, CaseIterable, Sendable {
  /// Its system does not take it as synchronised.
  case unsynchronised
  /// No group of this age can have such a time: year 1970, 2106 and the like.
  case implausible
  /// It was overtaken by a later one.
  case overtaken

  /// In lower case with underscores, as metrics call it.
  public var name: String {
    switch self {
    case .unsynchronised: "unsynchronised"
    case .implausible: "implausible"
    case .overtaken: "overtaken"
    }
  }
}

/// Judges a node's own clock by what members tell of theirs. (DESIGN §3.2; consensus rule R16)
///
/// Boards have no battery clock, and a time server may lie or be lied about. A node whose clock is wrong would close periods that
/// have not ended, and be bound to what it signed. So it takes its clock as true only near the median of what q members told (a
/// member: q − 1 others). At most f of them lie. Of 2f + 1 told times the one in the middle lies between two honest ones. Of 2f,
/// which is what q − 1 others are when m = 3f + 1, the two in the middle have an honest one between them or among them, so there
/// every time from the one to the other is a median.
///
/// Before as many told, or when they have not for long, the newest certificate tells: q members knew that its period had
/// ended, and not much later there would be newer ones. Before the first certificate the genesis stands for one of the period
/// before the first: a group begins when its members, who greet each other at once, agree about the time.
///
/// What is kept is a member's clock against this node's monotonic one, so a step of the own clock is seen at once and a reading stays
/// good as long as quartzes do: 16 periods at 100 ppm are 0.2 % of a period. A reading is renewed after 6 to 8 periods; each
/// exchange, two packets, tells both sides. (Once a period was tried on paper: it would be a third of what an idle group sends, for
/// nothing that a step does not show anyway.) A node that finds itself apart, or knows too few, asks at once and goes on asking,
/// so that a group that was wrong as a whole is right again as soon as its clocks are.
public struct ClockGuard: Sendable {
  /// A reading older than so many periods is not counted.
  public static let countedPeriods: UInt64 = 16
  /// A member is asked again when its reading is as old as this, less up to a quarter, by the node's number: no thousand nodes that
  /// began at once ask at once.
  public static let renewedPeriods: UInt64 = 8
  /// How far beyond the end of the newest certified period a clock is believed that too few members bear out.
  public static let certificatePeriods: UInt64 = 2
  /// What is told must lie between so many periods before the first one and so many seconds after its beginning (68 years).
  static let periodsBeforeFirst: UInt64 = 64
  static let plausibleSeconds: UInt64 = 1 << 31
  /// Asked again so soon while members do not bear the own clock out: a thirty-second of a period, within these.
  static let leastAskMilliseconds: UInt64 = 500
  static let mostAskMilliseconds: UInt64 = 30_000

  private struct Reading: Sendable {
    var told = WallTime(nanoseconds: 0)
    var heardAt = MonotonicTime(nanoseconds: 0)
    var isKnown = false
    var askedAt = MonotonicTime(nanoseconds: 0)
    var wasAsked = false
  }

  private let members: Int
  /// This node's own place among them; nil for one that is no member.
  private let own: ReplicaIndex?
  /// Members that must have told.
  private let needed: Int
  private let periodNanoseconds: UInt64
  private let toleranceNanoseconds: Int64
  private let earliest: WallTime
  private let latest: WallTime
  private let countedNanoseconds: UInt64
  private let renewedNanoseconds: UInt64
  private let believedNanoseconds: UInt64
  private var readings = InlineArray<64, Reading>(repeating: Reading())
  /// What was told and is not counted, by ``ClockRefusal``.
  public private(set) var refusals = InlineArray<3, UInt64>(repeating: 0)

  /// - Parameters:
  ///   - identifier: the node's, by which its asking is spread in time.
  ///   - own: its place when it is a member: then its clock is true within an eighth of a period, else within a half.
  public init(
    quorum: Quorum, own: ReplicaIndex?, identifier: UInt32, periodSeconds: UInt32, firstPeriod: Period
  ) {
    precondition(periodSeconds > 0 && ClockRefusal.allCases.count == 3)
    precondition(GroupLimits.maximumAggregators == 64)
    precondition(Self.renewedPeriods < Self.countedPeriods, "a reading is renewed while it counts")
    members = Int(quorum.members)
    self.own = own
    needed = Int(quorum.size) - (own == nil ? 0 : 1)
    let period = UInt64(periodSeconds) * 1_000_000_000
    periodNanoseconds = period
    toleranceNanoseconds = Int64(own == nil ? period / 2 : period / 8)
    let first = firstPeriod.rawValue
    earliest = WallTime(nanoseconds: Self.product(first - min(first, Self.periodsBeforeFirst), period))
    latest = WallTime(
      nanoseconds: Self.sum(Self.product(first, period), Self.plausibleSeconds * 1_000_000_000))
    let spread = UInt64((identifier &* 2_654_435_761) >> 22)
    countedNanoseconds = Self.product(Self.countedPeriods, period)
    renewedNanoseconds = Self.product(Self.renewedPeriods, period - period / 4096 * spread)
    believedNanoseconds = Self.product(Self.certificatePeriods, period)
  }

  // A clock, a genesis and a certificate may name any number; what is beyond the range is at its end.
  private static func product(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (value, overflow) = left.multipliedReportingOverflow(by: right)
    return overflow ? .max : value
  }
  private static func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (value, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : value
  }
  /// left − right
  private static func difference(_ left: UInt64, _ right: UInt64) -> Int64 {
    left >= right ? Int64(clamping: left - right) : -Int64(clamping: right - left)
  }

  /// Takes what a member told of its clock. Why not, otherwise, which is counted; a member that owns to having no time is no longer
  /// counted, whatever it said before.
  /// - Parameters:
  ///   - now: when it was heard. A packet that was long on its way seems to be of a clock that is behind.
  ///   - isNewest: whether it left its sender after all that was heard of it before.
  @discardableResult
  public mutating func hear(
    _ told: WallTime, _ state: ClockState, from member: ReplicaIndex, isNewest: Bool, at now: MonotonicTime
  ) -> ClockRefusal? {
    let place = Int(member.rawValue)
    precondition(place < members)
    if let refusal = refusal(of: told, state, isNewest: isNewest) {
      refusals[Int(refusal.rawValue)] += 1
      if refusal == .unsynchronised { readings[place].isKnown = false }
      return refusal
    }
    readings[place].told = told
    readings[place].heardAt = now
    readings[place].isKnown = true
    return nil
  }

  private func refusal(of told: WallTime, _ state: ClockState, isNewest: Bool) -> ClockRefusal? {
    if !isNewest { return .overtaken }
    if state != .synchronised { return .unsynchronised }
    return told < earliest || told > latest ? .implausible : nil
  }

  private func isCounted(_ place: Int, at now: MonotonicTime) -> Bool {
    readings[place].isKnown && place != own.map { Int($0.rawValue) }
      && age(readings[place].heardAt, at: now) <= countedNanoseconds
  }

  private func age(_ moment: MonotonicTime, at now: MonotonicTime) -> UInt64 {
    now.nanoseconds - min(now.nanoseconds, moment.nanoseconds)
  }

  /// How many members' clocks are known well enough to be counted.
  public func countedReadings(at now: MonotonicTime) -> Int {
    var count = 0
    for place in 0..<members where isCounted(place, at: now) { count += 1 }
    return count
  }

  /// What to think of the own clock.
  /// - Parameter newest: period of the newest certificate that this node verified, of any set; the one before the first when there is
  ///   none.
  public func verdict(at now: Instant, newest: Period) -> ClockVerdict {
    guard now.state == .synchronised else { return .notSynchronised }
    if mutated(.clockUnguarded) { return .nearMembers }
    // The own clock less each counted one, ascending.
    var offsets = InlineArray<64, Int64>(repeating: 0)
    var count = 0
    for place in 0..<members where isCounted(place, at: now.monotonic) {
      let theirs = Self.sum(
        readings[place].told.nanoseconds, age(readings[place].heardAt, at: now.monotonic))
      let offset = Self.difference(now.wall.nanoseconds, theirs)
      var slot = count
      while slot > 0, offsets[slot - 1] > offset {
        offsets[slot] = offsets[slot - 1]
        slot -= 1
      }
      offsets[slot] = offset
      count += 1
    }
    guard count >= needed else { return verdict(now.wall, newest) }
    let behind = offsets[count / 2]
    let ahead = offsets[(count - 1) / 2]
    // Ahead of every median, or behind every one.
    if ahead > toleranceNanoseconds { return .apartFromMembers(milliseconds: ahead / 1_000_000) }
    if behind < -toleranceNanoseconds { return .apartFromMembers(milliseconds: behind / 1_000_000) }
    return .nearMembers
  }

  /// By certificates alone.
  private func verdict(_ wall: WallTime, _ newest: Period) -> ClockVerdict {
    let ended = Self.product(Self.sum(newest.rawValue, 1), periodNanoseconds)
    if Self.difference(wall.nanoseconds, ended) < -toleranceNanoseconds { return .beforeCertificates }
    let last = Self.sum(ended, believedNanoseconds)
    return wall.nanoseconds <= last ? .nearCertificates : .farBeyondCertificates
  }

  /// Whether this member is to be asked for its clock now. While all is well, when its reading grows old, and once a period if it
  /// does not answer; otherwise at once, and again and again.
  /// - Parameter isBorneOut: the own clock is ``ClockVerdict/nearMembers``.
  public func isToBeAsked(_ member: ReplicaIndex, at now: MonotonicTime, isBorneOut: Bool) -> Bool {
    let place = Int(member.rawValue)
    guard place < members, member != own else { return false }
    let reading = readings[place]
    if isBorneOut, reading.isKnown, age(reading.heardAt, at: now) < renewedNanoseconds { return false }
    guard reading.wasAsked else { return true }
    let least = Self.leastAskMilliseconds * 1_000_000
    let soon = min(max(periodNanoseconds / 32, least), Self.mostAskMilliseconds * 1_000_000)
    return age(reading.askedAt, at: now) >= (isBorneOut ? periodNanoseconds : soon)
  }

  /// This member was just asked for its time, so that it is not asked again at once.
  public mutating func noteAsked(_ member: ReplicaIndex, at now: MonotonicTime) {
    readings[Int(member.rawValue)].askedAt = now
    readings[Int(member.rawValue)].wasAsked = true
  }
}
