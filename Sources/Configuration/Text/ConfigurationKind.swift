/// Which of the four configuration files a text is, by its sections.
public enum ConfigurationKind: String, Sendable {
  case node, topology, board
  /// A device's map.
  case device

  /// - Throws: for what no configuration may contain, and for a file with none of the four sections.
  public init(file: String, bytes: Span<UInt8>) throws(ConfigurationError) {
    let ini = try IniFile(file: file, bytes: bytes)
    for section in ini.sections {
      switch section.name {
      case "node": self = .node
      case "group": self = .topology
      case "board": self = .board
      case "device": self = .device
      default: continue
      }
      return
    }
    throw ConfigurationError(
      file: file, line: max(1, ini.lineCount),
      message: "none of the sections [node], [group], [board] and [device] is here")
  }
}
