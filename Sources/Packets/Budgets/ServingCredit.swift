/// What a peer may be sent once more.
///
/// An answer is longer than its question, so a peer that asked for the same thing again and again would have this node send
/// many times what it sends itself. What is owed to a peer it is sent once, whenever it asks; after that only on this
/// credit. It grows with each byte that the peer sends under its seal, and by half of what it is sent for the first time: a
/// line that loses a fifth of everything needs a quarter more. (the idea as in RFC 9000, §8.1)
///
/// So over any time a node sends a peer, of what can be asked for, at most 3/2 of what it owes, and as much as the peer sent,
/// and one burst.
public struct ServingCredit: Sendable {
  /// Of repetitions that nothing was sent for yet.
  public static let burstBytes = 16 * Sealer.maximumDatagramBytes
  /// Invariant: 0 ≤ bytes ≤ burstBytes
  private var bytes = UInt16(Self.burstBytes)

  /// Begins with one full burst.
  public init() {}

  private mutating func add(_ more: Int) {
    bytes = UInt16(min(Self.burstBytes, Int(bytes) + min(more, Self.burstBytes)))
  }

  /// The peer sent so many bytes.
  public mutating func earn(_ count: Int) { add(count) }

  /// The peer is sent so many bytes for the first time.
  public mutating func owe(_ count: Int) { add(count / 2) }

  /// Whether so many bytes may be sent once more; takes them.
  public mutating func take(_ count: Int) -> Bool {
    guard count <= Int(bytes) else { return false }
    bytes -= UInt16(count)
    return true
  }
}
