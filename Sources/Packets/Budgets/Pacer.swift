import HAL

/// How fast a node sends what can wait. Bytes count as on an IP network: payload and 48 bytes of headers.
public struct PacingLimits: Sendable {
  /// IPv6 and UDP headers; IPv4's are 20 bytes shorter.
  public static let headerBytes = 48
  /// Bytes that may leave back to back, at most: 8 full datagrams, which 20 Mb/s carry in 4.1 ms.
  public static let burstBytes: UInt64 = 8 * UInt64(Sealer.maximumDatagramBytes + headerBytes)
  /// What a vote may come to wait for on a link slower than that, unless a single datagram takes longer.
  static let burstMicroseconds: UInt64 = 4_100
  /// What a link may be said to carry.
  public static let linkBitsPerSecond: ClosedRange<Int64> = 100_000...1_000_000_000

  /// Of all peers together: what the operator grants, half of the link or so. Bytes a second.
  public var interfaceBytesPerSecond: UInt64 = 50_000_000 / 8
  public var startBytesPerSecond: UInt64 = 10_000_000 / 8
  public var floorBytesPerSecond: UInt64 = 1_000_000 / 8
  /// Added for each round trip without congestion.
  public var stepBytesPerSecond: UInt64 = 500_000 / 8

  /// The numbers above: for a link that carries more than 50 Mb/s.
  public init() {}

  /// Limits for a link of which all bulk together may have so much.
  /// - Precondition: within ``linkBitsPerSecond``.
  public init(linkBitsPerSecond bits: Int64) {
    precondition(Self.linkBitsPerSecond.contains(bits))
    interfaceBytesPerSecond = UInt64(bits) / 8
    startBytesPerSecond = min(startBytesPerSecond, interfaceBytesPerSecond)
    floorBytesPerSecond = min(floorBytesPerSecond, interfaceBytesPerSecond)
  }

  /// Bytes that may leave back to back.
  public var burst: UInt64 {
    let datagram = UInt64(Sealer.maximumDatagramBytes + Self.headerBytes)
    return min(Self.burstBytes, max(datagram, interfaceBytesPerSecond * Self.burstMicroseconds / 1_000_000))
  }

  func check() {
    precondition(floorBytesPerSecond > 0 && floorBytesPerSecond <= startBytesPerSecond)
    precondition(floorBytesPerSecond <= interfaceBytesPerSecond)
  }
}

/// The rate of bulk to one peer: additive increase, multiplicative decrease, driven by what its WANTs say arrived.
///
/// Loss alone says little: a radio loses a fifth of everything in bursts with nobody to blame. A queue that fills shows
/// as delay first. So the rate falls when the round trip grew by ``delayRise``, when loss comes with a smaller rise, or
/// when more than half is lost, whatever the reason. (RFC 8085, §3.1; the delay as in RFC 6817, for the idea)
public struct Pacer: Sendable {
  public static let delayRise: UInt64 = 25_000_000
  public static let smallDelayRise: UInt64 = 5_000_000
  /// In thousandths of what was sent.
  public static let noticeableLoss: UInt64 = 50
  public static let unbearableLoss: UInt64 = 500
  /// Before anything is known.
  public static let firstRoundTrip: UInt64 = 30_000_000
  /// How long the shortest round trip is believed: paths change.
  static let memoryNanoseconds: UInt64 = 10_000_000_000

  private let limits: PacingLimits
  public private(set) var bucket: TokenBucket
  /// Smoothed, nanoseconds.
  public private(set) var roundTrip = Self.firstRoundTrip
  private var shortest: UInt64 = .max
  private var shortestBefore: UInt64 = .max
  private var shortestSince = MonotonicTime(nanoseconds: 0)
  private var changedAt = MonotonicTime(nanoseconds: 0)
  private var highest: UInt64 = 0
  private var received: UInt64 = 0
  /// More packets than can leave between two reports; what says so is no report. Keeps the arithmetic within 64 bits.
  static let longestSpan: UInt64 = 1 << 32
  /// In thousandths, of the last report that could tell.
  public private(set) var loss: UInt64 = 0

  /// Begins at ``PacingLimits/startBytesPerSecond`` with a full burst; traps for limits that do not fit together.
  public init(_ limits: PacingLimits) {
    limits.check()
    self.limits = limits
    bucket = TokenBucket(perSecond: limits.startBytesPerSecond, burst: limits.burst)
  }

  mutating func take(_ bytes: UInt64, at now: MonotonicTime) -> Bool { bucket.take(bytes, at: now) }
  mutating func charge(_ bytes: UInt64, at now: MonotonicTime) { bucket.charge(bytes, at: now) }

  /// A peer's word on what arrived: the highest sequence number of ours, and how many packets.
  /// - Parameter sample: nanoseconds between sending that packet and hearing of it, less what the peer held it; nil when
  ///   it is too long ago to tell.
  mutating func report(highest newHighest: UInt64, received newReceived: UInt64, sample: UInt64?, at now: MonotonicTime)
  {
    if newHighest < highest || newReceived < received || newHighest - highest > Self.longestSpan {
      // A new run of either side, or nonsense; nothing to compare with.
      highest = newHighest
      received = newReceived
      return
    }
    let span = newHighest - highest
    // Below this a single packet would be more than a noticeable loss.
    if span >= 32 {
      // A peer may say that more arrived than was sent.
      loss = 1000 - min(span, newReceived - received) * 1000 / span
      highest = newHighest
      received = newReceived
    }
    guard let sample else { return }
    roundTrip = roundTrip == Self.firstRoundTrip ? sample : (7 * roundTrip + sample) / 8
    if now.nanoseconds - min(now.nanoseconds, shortestSince.nanoseconds) > Self.memoryNanoseconds {
      shortestBefore = shortest
      shortest = sample
      shortestSince = now
    }
    shortest = min(shortest, sample)
    let rise = sample - min(sample, min(shortest, shortestBefore))
    // Once a round trip: an answer to the last change must have had time to come back.
    guard now.nanoseconds >= changedAt.nanoseconds + roundTrip else { return }
    changedAt = now
    let isCongested =
      rise > Self.delayRise || loss > Self.noticeableLoss && rise > Self.smallDelayRise || loss > Self.unbearableLoss
    bucket.perSecond =
      isCongested
      ? max(limits.floorBytesPerSecond, bucket.perSecond * 7 / 10)
      : min(limits.interfaceBytesPerSecond, bucket.perSecond + limits.stepBytesPerSecond)
  }
}
