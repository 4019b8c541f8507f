/// What went wrong at the edge of the machine, as a kind a caller can act on.
public struct PlatformError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What a caller can act on: whether to try again, wait, or tell a person.
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

  /// Takes a kind, and the platform's own number where there is one.
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
    return code == 0 ? name : "\(Self.words(forCode: code) ?? name) (\(code))"
  }

  /// What a number of Linux says where the kind alone would hide it; nil where the kind says as much. The numbers are the same on
  /// x86 and ARM. (asm-generic/errno-base.h, asm-generic/errno.h)
  public static func words(forCode code: Int32) -> String? {
    switch code {
    case 5: "the device reports an input or output error"
    case 6, 19: "the device is gone"
    case 12: "no memory is left"
    case 17: "there is one already"
    case 20: "a folder on the way is a file"
    case 21: "a folder, not a file"
    case 23, 24: "too many files are open"
    case 25: "it is no serial port"
    case 27: "the file would be too long"
    case 30: "the file system is read-only"
    case 32: "the other side has closed"
    case 36: "the name is too long"
    case 40: "too many links, or links in a circle"
    case 90: "the packet is too long for the way"
    case 97: "this kind of address is not supported here"
    case 98: "the address is in use"
    case 99: "the address is none of this machine's"
    case 100: "the network is down"
    case 101: "there is no way to that network"
    case 104: "the other side cut the connection"
    case 105: "the system has no room for more packets"
    case 111: "nobody listens there"
    case 112: "the other machine is down"
    case 113: "there is no way to that machine"
    case 122: "no space is left for this user"
    default: nil
    }
  }
}
