/// Why bytes were refused.
public enum WireError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The bytes ended early.
  case truncated(neededBytes: Int, availableBytes: Int)
  /// The message ended and bytes were left over.
  case trailingBytes(Int)
  /// Bytes that the layout keeps at zero were not.
  case reservedBytesNotZero(offset: Int)
  /// The bytes do not begin with this format's tag.
  case wrongTag
  /// The bytes begin with the tag that this format had in an older version.
  case olderVersion(UInt8)
  case unknownKind(UInt8)
  /// A number outside the range its field allows.
  case outOfRange(offset: Int)

  public var description: String {
    switch self {
    case .truncated(let needed, let available): "truncated: needs \(needed) bytes, has \(available)"
    case .trailingBytes(let count): "\(count) bytes left over"
    case .reservedBytesNotZero(let offset): "reserved bytes at \(offset) are not zero"
    case .wrongTag: "wrong tag"
    case .olderVersion(let version): "written in version \(version) of this format, which is not read any more"
    case .unknownKind(let kind): "unknown kind \(kind)"
    case .outOfRange(let offset): "value at \(offset) out of range"
    }
  }
}
