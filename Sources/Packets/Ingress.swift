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
  /// Bad signatures under a good seal that a peer may send before it is not listened to for a while. Each costs as much as
  /// a hundred packets, and no accident makes one. Of packet keys it may tell as many, which cost no less.
  public var badSignatures: UInt64 = 32
  public var badSignatureMilliseconds: UInt64 = 10_000
  public var penaltyMilliseconds: UInt64 = 10_000

  public init() {}

  /// Our own mistakes, found at start.
  func check() {
    precondition(peerPerSecond <= interfacePerSecond, "one peer alone must not fill the interface")
    precondition(strangersPerSecond < interfacePerSecond, "strangers leave room for peers")
    precondition(wantsPerSecond > 0 && wantsPerSecond <= peerPerSecond && peerPerSecond <= 1_000_000_000)
    // So that a burst's nanoseconds stay within 64 bits.
    precondition(max(peerBurst, wantBurst, badSignatures) <= TokenBucket.maximumBurst)
    precondition(penaltyMilliseconds >= badSignatureMilliseconds, "a penalty must outlast what caused it")
  }
}

/// A token bucket in one number, for thousands of them with the same limits: when it will be full again. (the generic cell rate
/// algorithm; ITU-T I.371, annex A)
private struct RefillMoment: Sendable {
  /// Nanoseconds; in the past while the bucket is full.
  private var full: UInt64 = 0

  /// Takes one token if there is one.
  mutating func take(perSecond: UInt64, burst: UInt64, at now: MonotonicTime) -> Bool {
    let interval = 1_000_000_000 / perSecond
    let moment = max(full, now.nanoseconds) + interval
    guard moment - now.nanoseconds <= burst * interval else { return false }
    full = moment
    return true
  }
}

/// One peer's budgets.
struct PeerBudget: Sendable {
  private var packets = RefillMoment()
  private var wants = RefillMoment()
  private var badSignatures = RefillMoment()
  /// 0: it is listened to.
  private var silencedUntilNanoseconds: UInt64 = 0

  var silencedUntil: MonotonicTime? {
    get { silencedUntilNanoseconds == 0 ? nil : MonotonicTime(nanoseconds: silencedUntilNanoseconds) }
    set { silencedUntilNanoseconds = newValue?.nanoseconds ?? 0 }
  }

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
