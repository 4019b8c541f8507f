import HAL

/// What one node takes in. The numbers are start values of ours; each is in packets.
public struct IngressLimits: Sendable {
  /// Of whatever arrives, before anything is looked up. At 5 µs for a packet that is dropped, a quarter of one core.
  public var interfacePerSecond: UInt64 = 50_000
  public var interfaceBurst: UInt64 = 4096
  /// Under known names from unknown addresses. These cost a seal each and prove nothing yet; but a peer that moved needs one
  /// while others forge its name, so half of what a flood of 20,000 brings is looked at.
  public var strangersPerSecond: UInt64 = 10_000
  public var strangerBurst: UInt64 = 256
  /// Of each peer, behind the seal, so that nobody can spend another's.
  public var peerPerSecond: UInt64 = 4000
  public var peerBurst: UInt64 = 256
  /// WANTs of each peer: an answer is longer than the question.
  public var wantsPerSecond: UInt64 = 100
  public var wantBurst: UInt64 = 64
  /// Signatures of a member that are checked, in what is not known already. An aggregator's node asks for as much as its group
  /// may need: see ``Sealer/grantChecks(perSecond:burst:)``.
  public var checksPerSecond: UInt64 = 64
  public var checkBurst: UInt64 = 512
  /// Records of a member beside others of the same meters and period: one of each meter of a set at once.
  public var otherRecordsPerSecond: UInt64 = 64
  public var otherRecordBurst: UInt64 = 512
  /// Bad signatures under a good seal that a peer may send before it is not listened to for a while. Each costs as much as
  /// a hundred packets, and no accident makes one. Of packet keys it may tell as many, which cost no less.
  public var badSignatures: UInt64 = 32
  public var badSignatureMilliseconds: UInt64 = 10_000
  public var penaltyMilliseconds: UInt64 = 10_000

  /// The numbers above, which a ``Sealer`` checks when it takes them.
  public init() {}

  /// Our own mistakes, found at start.
  func check() {
    precondition(
      wantsPerSecond > 0 && wantsPerSecond <= peerPerSecond && peerPerSecond <= RefillMoment.maximumPerSecond)
    precondition(checksPerSecond > 0 && otherRecordsPerSecond > 0 && badSignatureMilliseconds > 0)
    precondition(max(checksPerSecond, otherRecordsPerSecond, badSignatures) <= RefillMoment.maximumPerSecond)
    precondition(peerPerSecond <= interfacePerSecond, "one peer alone must not fill the interface")
    precondition(strangersPerSecond < interfacePerSecond, "strangers leave room for peers")
    precondition(max(peerBurst, wantBurst, checkBurst, otherRecordBurst, badSignatures) <= RefillMoment.maximumBurst)
    precondition(penaltyMilliseconds >= badSignatureMilliseconds, "a penalty must outlast what caused it")
  }
}

/// A token bucket in four bytes, for thousands of them with the same limits: when it will be full again. (the generic cell rate
/// algorithm; ITU-T I.371, annex A)
package struct RefillMoment: Sendable {
  /// Time is counted in sixteenths of what brings a token.
  private static let parts: UInt64 = 16
  package static let maximumBurst: UInt64 = 1 << 24
  package static let maximumPerSecond: UInt64 = 1_000_000

  /// Invariant: at most a burst ahead. Whatever seems farther ahead is in the past, and the bucket is full. The number
  /// goes round in 18 hours (4000 tokens a second) to three years (3 a second). A bucket that was not used for as long may then
  /// be thought emptier than it is, for a burst's time in each round; never fuller.
  private var full: UInt32 = 0

  package init() {}

  /// Takes `count` tokens if there are as many.
  package mutating func take(
    _ count: UInt64 = 1, perSecond: UInt64, burst: UInt64, at now: MonotonicTime
  ) -> Bool {
    guard count <= burst else { return false }
    let moment = UInt32(truncatingIfNeeded: now.nanoseconds / (1_000_000_000 / (perSecond * Self.parts)))
    let capacity = UInt32(burst * Self.parts)
    let ahead = full &- moment
    let spent = (ahead <= capacity ? ahead : 0) + UInt32(count * Self.parts)
    guard spent <= capacity else { return false }
    full = moment &+ spent
    return true
  }
}

/// One peer's budgets.
struct PeerBudget: Sendable {
  private var packets = RefillMoment()
  private var wants = RefillMoment()
  private var badSignatures = RefillMoment()
  /// Whole seconds, rounded up; 0: it is listened to.
  private var silencedUntilSeconds: UInt32 = 0

  var silencedUntil: MonotonicTime? {
    silencedUntilSeconds == 0 ? nil : MonotonicTime(nanoseconds: UInt64(silencedUntilSeconds) * 1_000_000_000)
  }

  mutating func silence(until moment: MonotonicTime) {
    silencedUntilSeconds = UInt32(clamping: (moment.nanoseconds - 1) / 1_000_000_000 + 1)
  }
  mutating func listen() { silencedUntilSeconds = 0 }

  mutating func takePacket(_ limits: IngressLimits, at now: MonotonicTime) -> Bool {
    packets.take(perSecond: limits.peerPerSecond, burst: limits.peerBurst, at: now)
  }
  mutating func takeWant(_ limits: IngressLimits, at now: MonotonicTime) -> Bool {
    wants.take(perSecond: limits.wantsPerSecond, burst: limits.wantBurst, at: now)
  }
  mutating func takeKey(_ limits: IngressLimits, at now: MonotonicTime) -> Bool { takeBadSignature(limits, at: now) }
  mutating func takeBadSignature(_ limits: IngressLimits, at now: MonotonicTime) -> Bool {
    badSignatures.take(
      perSecond: max(1, limits.badSignatures * 1000 / limits.badSignatureMilliseconds), burst: limits.badSignatures,
      at: now)
  }
}
