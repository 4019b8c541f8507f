/// Why a datagram was dropped; each is counted.
public enum DropReason: UInt8, CaseIterable, Sendable, CustomStringConvertible {
  /// Length, version, type or reserved bytes are not those of a packet.
  case malformed
  case notForMe
  case unknownSender
  /// Its number was seen before, or lies below the window.
  case replayed
  /// Of a run of its sender that is over.
  case staleBoot
  /// Of a run of its sender that no STATUS announced yet.
  case unknownBoot
  case badSeal
  /// The seal held; the bytes inside are no message.
  case malformedBody
  /// The sender's role may not send this.
  case notAllowed
  /// The sender's ``TokenBucket`` is empty.
  case overBudget
  /// A STATUS whose seal holds names a lower boot counter than the highest known: an old one replayed, or a node that
  /// runs from an old image.
  case bootWentBackwards

  public static let count = 11

  public var description: String {
    switch self {
    case .malformed: "malformed"
    case .notForMe: "not for me"
    case .unknownSender: "unknown sender"
    case .replayed: "replayed"
    case .staleBoot: "stale boot"
    case .unknownBoot: "unknown boot"
    case .badSeal: "bad seal"
    case .malformedBody: "malformed body"
    case .notAllowed: "not allowed"
    case .overBudget: "over budget"
    case .bootWentBackwards: "boot went backwards"
    }
  }
}
