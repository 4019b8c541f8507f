/// What went wrong at the edge of the machine, as a kind a caller can act on.
public struct PlatformError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Kind: UInt8, Equatable, Sendable {
    /// The deadline passed.
    case timedOut
    /// The device or peer is gone: unplugged, closed, refused.
    case disconnected
    /// Bytes came back that cannot be what was written.
    case corrupted
    case notFound
    case notPermitted
    /// Somebody else holds it.
    case busy
    /// No space is left.
    case full
    /// The device took another mode than the one asked for.
    case modeMismatch
    /// Our request makes no sense to the platform.
    case invalid
    case other
    /// A file of ours that an older version wrote; nothing in it is read.
    case outdated
    /// A file of ours that a newer version wrote.
    case newer
    /// A file of ours that belongs to another node or network.
    case foreign
  }

  public let kind: Kind
  /// The platform's own number (errno on Linux), 0 where there is none.
  public let code: Int32

  public init(_ kind: Kind, code: Int32 = 0) {
    self.kind = kind
    self.code = code
  }

  public var description: String {
    let name =
      switch kind {
      case .timedOut: "timed out"
      case .disconnected: "disconnected"
      case .corrupted: "corrupted"
      case .notFound: "not found"
      case .notPermitted: "not permitted"
      case .busy: "busy"
      case .full: "no space left"
      case .modeMismatch: "the device took another mode"
      case .invalid: "invalid request"
      case .other: "failed"
      case .outdated: "written in an older version of the format"
      case .newer: "written in a newer version of the format"
      case .foreign: "of another node"
      }
    return code == 0 ? name : "\(name) (\(code))"
  }
}
