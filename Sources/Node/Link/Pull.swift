import Aggregation
import Consensus
import Cryptography
import Packets
import Units
import Wire

/// What a member fetches from others about a set's past: certificates and products that are not published yet, from the newest position
/// down, and for meters that were away their newest certificate and proof. It has these from its own work, but for what it passed over
/// with a coverage table or had on a disk that was lost. (DESIGN §2.1)
struct Pull {
  /// Two rounds of asking everybody for certificate and for product; then nobody has it.
  static func mostAsks(members: UInt16) -> UInt32 { 4 * UInt32(members) }
  /// Positions looked at in one tick.
  static let looksPerTick = 8
  /// Between asks, and before what is missing is asked for again that nobody had, in ticks.
  static let askTicks: UInt64 = 5
  static let restTicks: UInt64 = 60

  // MARK: Positions

  /// The next to be looked at, then those below it; 0 for none.
  private(set) var position = Position(0)
  /// All down from here were looked at before.
  private(set) var lookedThrough = Position(0)
  private var beganAt = Position(0)
  var certificate: Certificate?
  var certificateBytes: [UInt8] = []
  var askAt: UInt64 = 0
  var asked: UInt32 = 0
  /// Who was asked last.
  var member: ReplicaIndex?
  /// By member: up to where it was told that the chain is published. No memory before the first says so.
  private var claims: [Position] = []

  // MARK: Proofs

  /// Whose proof was asked for, and of whom.
  var meter = MeterIndex(0)
  var proofMember: ReplicaIndex?
  var proofCertificate: Certificate?
  var proofCertificateBytes: [UInt8] = []
  var proofAskAt: UInt64 = 0
  var proofAsked: UInt16 = 0
  /// Something came since the first meter was looked at.
  var hasProgress = false

  /// From this position down everything is looked at that was not before.
  mutating func begin(at newest: Position, tick: UInt64) {
    if position.rawValue > 0 { lookedThrough = min(lookedThrough, position) }
    if beganAt.rawValue > 0, position.rawValue == 0 { lookedThrough = beganAt }
    beganAt = newest
    rest(at: newest, until: tick)
  }

  private mutating func rest(at next: Position, until tick: UInt64) {
    position = next
    certificate = nil
    certificateBytes = []
    asked = 0
    member = nil
    askAt = tick
  }

  /// This one is done with.
  mutating func goOn(at tick: UInt64) {
    let next = Position(position.rawValue - 1)
    // What is below was looked at: it is here, or nobody has it.
    rest(at: next <= lookedThrough ? Position(0) : next, until: tick)
  }
  mutating func end() { rest(at: Position(0), until: 0) }

  /// A member says that it was told so. Nothing is taken as acknowledged on its word; but what f + 1 say so of need not be fetched.
  mutating func hear(_ published: Position, from member: ReplicaIndex, members: UInt16) {
    if claims.isEmpty { claims = Array(repeating: Position(0), count: Int(members)) }
    claims[Int(member.rawValue)] = max(claims[Int(member.rawValue)], published)
  }
  func borneOut(faults: UInt16) -> Position {
    guard claims.count > Int(faults) else { return Position(0) }
    return claims.sorted(by: >)[Int(faults)]
  }
}
