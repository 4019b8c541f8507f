import Aggregation
import Consensus
import Cryptography
import Packets
import Units
import Wire

/// One decided position on its way to being published.
struct BookEntry {
  var position = Position(0)
  var certificate: Certificate?
  var certificateBytes: [UInt8] = []
  var product: [UInt8] = []
  /// What is missing of it is asked for from this tick on, and how often it was.
  var askAt: UInt64 = 0
  var asked: UInt32 = 0

  var isComplete: Bool { certificate != nil && !product.isEmpty }
}

/// What the bookkeeper knows of one set: how far its chain is published, what is there of the positions behind that, and what others say.
final class BookChain {
  /// Positions of which certificate and product are fetched at once.
  static let positionsAhead: UInt64 = 8

  let owner: ReplicaIndex
  /// Everything up to here is published, or kept as unreadable.
  private(set) var published = Position(0)
  /// Of the header there; nil when that was learnt from members alone.
  private(set) var digest: Digest?
  private(set) var period: Period
  /// Bit i: the position i before ``published`` cannot be read.
  private(set) var open: UInt64 = 0
  /// The newest position of which a certificate was seen, and its period.
  private(set) var newest = Position(0)
  private(set) var newestPeriod: Period
  private var ahead: [BookEntry]
  /// By member: up to where it was told that the chain is published.
  private var claims: [AcknowledgedPosition?]

  /// Published since aggregators were last told.
  var isUntold = false

  // MARK: Asking for the newest

  /// Answers that are still hoped for, of different members.
  private(set) var answersMissing: Int = 0
  private var answered: UInt64 = 0
  private var probeAt: UInt64 = 0
  private var probeInterval: UInt64 = 0
  private var turn: UInt64 = 0
  /// The running period in which the newest was last asked for.
  var probedIn = Period(0)

  init(owner: ReplicaIndex, in genesis: Genesis) {
    self.owner = owner
    digest = genesis.networkIdentifier
    period = Period(genesis.firstPeriod.rawValue - 1)
    newestPeriod = period
    ahead = Array(repeating: BookEntry(), count: Int(Self.positionsAhead))
    claims = Array(repeating: nil, count: Int(genesis.members))
  }

  // MARK: Positions behind the published one

  private func isAhead(_ position: Position) -> Bool {
    position > published && position.rawValue - published.rawValue <= Self.positionsAhead
  }
  private static func place(_ position: Position) -> Int { Int(position.rawValue % positionsAhead) }

  /// Whether a certificate of this position says anything new.
  func wants(certificateOf position: Position) -> Bool {
    position > newest || isAhead(position) && entry(position)?.certificate == nil
  }

  /// What is there of a position; nil for one that is published or too far ahead.
  func entry(_ position: Position) -> BookEntry? {
    guard isAhead(position) else { return nil }
    let entry = ahead[Self.place(position)]
    return entry.position == position ? entry : BookEntry(position: position)
  }

  func put(_ entry: BookEntry) {
    precondition(isAhead(entry.position))
    ahead[Self.place(entry.position)] = entry
  }

  func take(_ certificate: Certificate, _ bytes: Span<UInt8>, at tick: UInt64) {
    if certificate.position > newest {
      newest = certificate.position
      newestPeriod = certificate.period
    }
    guard var entry = entry(certificate.position), entry.certificate == nil else { return }
    entry.certificate = certificate
    entry.certificateBytes = Array(copying: bytes)
    // Its product is on its way behind it, as a rule.
    entry.askAt = tick + 5
    entry.asked = 0
    put(entry)
  }

  /// What is published next, once all of it is there.
  var next: BookEntry? {
    guard let entry = entry(published.next), entry.isComplete else { return nil }
    return entry
  }
  func forgetNext() { ahead[Self.place(published.next)] = BookEntry() }

  /// Certified, as far as is known, and not published.
  var waitingCount: UInt64 { newest.rawValue - min(newest.rawValue, published.rawValue) }

  // MARK: Publishing

  /// What an acknowledgement says of this set; nil before anything can be said.
  var acknowledgement: AcknowledgedPosition? {
    digest == nil ? nil : known
  }

  /// What a snapshot says of this set: the same, but with a digest of zeros when there is only members' word for it.
  var known: AcknowledgedPosition? {
    guard published.rawValue > 0 else { return nil }
    return AcknowledgedPosition(owner: owner, position: published, digest: digest ?? Digest(), open: open)
  }

  /// What ``acknowledgement`` will be when the next position is published.
  func acknowledgement(after header: Header, isReadable: Bool) -> AcknowledgedPosition {
    AcknowledgedPosition(
      owner: owner, position: published.next, digest: header.digest, open: open << 1 | (isReadable ? 0 : 1))
  }

  /// Takes over what the journal has, or what was just made durable.
  func advance(to told: AcknowledgedPosition, _ period: Period) {
    guard told.position > published else { return }
    published = told.position
    digest = told.digest == Digest() ? nil : told.digest
    open = told.open
    self.period = period
    if newest < published {
      newest = published
      newestPeriod = max(newestPeriod, period)
    }
  }

  /// An aggregator says up to where it was told that the chain is published.
  /// - Returns: where to go on from, when f + 1 members say so much: this node has forgotten what it published. Its digest is of one
  ///   member's word, so it is left out; what any of them keeps as open stays open.
  func hear(_ told: AcknowledgedPosition, from member: ReplicaIndex, faults: UInt16) -> AcknowledgedPosition? {
    claims[Int(member.rawValue)] = told
    var positions: [UInt64] = []
    for claim in claims { if let claim { positions.append(claim.position.rawValue) } }
    guard positions.count > Int(faults) else { return nil }
    positions.sort(by: >)
    let borneOut = Position(positions[Int(faults)])
    guard borneOut > published else { return nil }
    var open: UInt64 = 0
    for claim in claims {
      guard let claim, claim.position >= borneOut else { continue }
      let shift = claim.position.rawValue - borneOut.rawValue
      if shift < AcknowledgedPosition.openPositions { open |= claim.open >> shift }
    }
    return AcknowledgedPosition(owner: owner, position: borneOut, digest: Digest(), open: open)
  }

  // MARK: Asking for the newest

  /// From now on so many different members are asked for their newest certificate.
  func ask(_ count: Int, at tick: UInt64) {
    answersMissing = count
    answered = 0
    probeAt = tick
    probeInterval = 5
  }

  func noteAnswer(of member: ReplicaIndex) {
    guard answersMissing > 0, answered >> UInt64(member.rawValue) & 1 == 0 else { return }
    answered |= 1 << UInt64(member.rawValue)
    answersMissing -= 1
  }

  /// The member to be asked now; nil while there is nobody to ask.
  /// - Parameter longest: between two asks, in ticks.
  func memberToAsk(at tick: UInt64, of members: UInt16, longest: UInt64) -> ReplicaIndex? {
    guard answersMissing > 0, tick >= probeAt else { return nil }
    probeAt = tick + probeInterval
    probeInterval = min(2 * probeInterval, max(longest, 5))
    for _ in 0..<members {
      turn += 1
      let member = (turn + UInt64(owner.rawValue)) % UInt64(members)
      if answered >> member & 1 == 0 { return ReplicaIndex(UInt16(member)) }
    }
    return nil
  }
}
