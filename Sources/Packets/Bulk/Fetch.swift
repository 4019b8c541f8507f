import HAL
import Units

/// When to ask, and whom, for the records of one proposal that are missing here.
///
/// While records come, a WANT goes out now and then and names the gaps; when they stop coming, sooner. Three that nobody
/// answers, each waited for longer than the last, and the next holder is asked.
public struct Fetch: Sendable {
  /// Between WANTs while records come.
  public static let streamNanoseconds: UInt64 = 40_000_000
  /// Least silence that says that nothing more is on its way.
  public static let silenceNanoseconds: UInt64 = 20_000_000
  public static let longestNanoseconds: UInt64 = 500_000_000
  public static let patience = 3

  public private(set) var isActive = false
  /// Who is asked now.
  public private(set) var holder = ReplicaIndex(0)
  private var roundTrip = Pacer.firstRoundTrip
  private var silence: UInt64 = 0
  private var unanswered = 0
  private var hasArrived = false
  private var hasAsked = false
  private var askedAt = MonotonicTime(nanoseconds: 0)
  private var arrivedAt = MonotonicTime(nanoseconds: 0)
  private var jitter: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// Asks for nothing yet. Traps unless the limits above fit together.
  public init() {
    // Asking more often while records come than when they do not would be no repair.
    precondition(Self.streamNanoseconds >= Self.silenceNanoseconds)
    precondition(Self.longestNanoseconds > Self.silenceNanoseconds)
  }

  /// Begins to ask; does nothing while it is asking already.
  public mutating func begin(from holder: ReplicaIndex) {
    guard !isActive else { return }
    isActive = true
    self.holder = holder
    unanswered = 0
    hasArrived = false
    hasAsked = false
    silence = max(Self.silenceNanoseconds, roundTrip * 3 / 2)
  }

  /// Stops asking: the records are here, or are not wanted any more. What was learned of the round trip stays.
  public mutating func end() { isActive = false }

  /// A record of this object came.
  public mutating func arrived(at now: MonotonicTime) {
    guard isActive else { return }
    if hasAsked, !hasArrived {
      let sample = now.nanoseconds - min(now.nanoseconds, askedAt.nanoseconds)
      roundTrip = (3 * roundTrip + sample) / 4
    }
    hasArrived = true
    unanswered = 0
    silence = max(Self.silenceNanoseconds, roundTrip * 3 / 2)
    arrivedAt = now
  }

  /// When the next WANT is due; nil while nothing is asked for.
  public var nextMoment: MonotonicTime? {
    guard isActive else { return nil }
    guard hasAsked else { return MonotonicTime(nanoseconds: 0) }
    let quiet = max(askedAt.nanoseconds, hasArrived ? arrivedAt.nanoseconds : 0) + silence
    let stream = askedAt.nanoseconds + max(Self.streamNanoseconds, roundTrip * 3 / 2)
    return MonotonicTime(nanoseconds: hasArrived ? min(quiet, stream) : quiet)
  }

  /// A WANT goes out now. Says whom it goes to.
  /// - Parameters:
  ///   - members: in the group; holders are tried in turn.
  ///   - own: this node, which is not asked.
  public mutating func ask(members: UInt16, own: ReplicaIndex, at now: MonotonicTime) -> ReplicaIndex {
    precondition(isActive && members > 1)
    if hasAsked, !hasArrived {
      unanswered += 1
      silence = min(Self.longestNanoseconds, silence * 3 / 2)
      if unanswered >= Self.patience {
        unanswered = 0
        silence = max(Self.silenceNanoseconds, roundTrip * 3 / 2)
        repeat { holder = ReplicaIndex((holder.rawValue + 1) % members) } while holder == own
      }
    }
    // ±20 %, so that members that lost the same datagram do not ask in step. Not random, only different. (xorshift64)
    jitter ^= UInt64(own.rawValue) << 32 ^ now.nanoseconds
    jitter ^= jitter << 13
    jitter ^= jitter >> 7
    jitter ^= jitter << 17
    if !hasArrived { silence = silence * (80 + jitter % 41) / 100 }
    hasAsked = true
    hasArrived = false
    askedAt = now
    return holder
  }
}
