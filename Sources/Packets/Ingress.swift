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
  /// a hundred packets, and no accident makes one.
  public var badSignatures: UInt64 = 32
  public var badSignatureMilliseconds: UInt64 = 10_000
  public var penaltyMilliseconds: UInt64 = 10_000

  public init() {}

  /// Our own mistakes, found at start.
  func check() {
    precondition(peerPerSecond <= interfacePerSecond, "one peer alone must not fill the interface")
    precondition(strangersPerSecond < interfacePerSecond, "strangers leave room for peers")
    precondition(wantsPerSecond <= peerPerSecond)
    precondition(penaltyMilliseconds >= badSignatureMilliseconds, "a penalty must outlast what caused it")
  }
}

/// One peer's budgets.
struct PeerBudget: Sendable {
  private var packets = TokenBucketState()
  private var wants = TokenBucketState()
  private var badSignatures = TokenBucketState()
  /// 0: it is listened to.
  private var silencedUntilNanoseconds: UInt64 = 0

  var silencedUntil: MonotonicTime? {
    get { silencedUntilNanoseconds == 0 ? nil : MonotonicTime(nanoseconds: silencedUntilNanoseconds) }
    set { silencedUntilNanoseconds = newValue?.nanoseconds ?? 0 }
  }

  mutating func takePacket(_ limits: IngressLimits, at now: MonotonicTime) -> Bool {
    Self.take(&packets, perSecond: limits.peerPerSecond, burst: limits.peerBurst, at: now)
  }
  mutating func takeWant(_ limits: IngressLimits, at now: MonotonicTime) -> Bool {
    Self.take(&wants, perSecond: limits.wantsPerSecond, burst: limits.wantBurst, at: now)
  }
  mutating func takeBadSignature(_ limits: IngressLimits, at now: MonotonicTime) -> Bool {
    Self.take(
      &badSignatures, perSecond: max(1, limits.badSignatures * 1000 / limits.badSignatureMilliseconds),
      burst: limits.badSignatures, at: now)
  }

  private static func take(
    _ state: inout TokenBucketState, perSecond: UInt64, burst: UInt64, at now: MonotonicTime
  ) -> Bool {
    var bucket = TokenBucket(perSecond: perSecond, burst: burst, state: state)
    defer { state = bucket.state }
    return bucket.take(1, at: now)
  }
}
