/// `Boards/*/board.ini`: what a kind of board has, and how much of it a node may use.
public struct BoardConfiguration: Equatable, Sendable {
  public let name: String
  /// What `Toolchain/cross.sh` builds for it.
  public let target: String
  /// Mebibytes that one node may have resident.
  public let memoryBudgetMiB: UInt32
  public let serialPort: String
  public let baud: UInt32
  public let parity: String
  public let sysfsRoot: String

  /// Reads a board file; `file` is its name in errors. Throws for the first key that is missing, unknown or out of its
  /// range.
  public init(file: String, bytes: Span<UInt8>) throws(ConfigurationError) {
    var reader = SectionReader(try IniFile(file: file, bytes: bytes))
    name = try reader.text("board", "name")
    target = try reader.choice("board", "target", of: ["host", "embedded-x86_64", "armv6", "armv7", "arm64"])
    memoryBudgetMiB = UInt32(try reader.integer("board", "memoryBudgetMiB", in: 1...4096))
    serialPort = try reader.text("serial", "port")
    baud = UInt32(try reader.integer("serial", "baud", in: 1200...115_200, default: 9600))
    parity = try reader.choice("serial", "parity", of: ["none", "even", "odd"], default: "none")
    sysfsRoot = try reader.text("sysfs", "root")
    try reader.finish(sections: ["board", "serial", "sysfs"])
  }
}
