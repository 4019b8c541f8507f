import HAL
import Units

/// What a node does in its group; the words are those of `node.ini`.
public enum Role: String, Sendable {
  case aggregator, meter, bookkeeper
}

/// Where a meter's registers come from.
public enum MeterSource: Equatable, Sendable {
  case modbus(ModbusMeter)
  /// hwmon device of this name below a root folder.
  case sysfs(root: String, device: String)
}

/// `node.ini`: one node of one group. Its paths are reached from where the program runs; in the file they are relative to it.
/// (docs/CONFIGURATION.md)
public struct NodeConfiguration: Sendable {
  public let role: Role
  public let index: UInt16
  /// The meter's set; 0 for others.
  public let owner: UInt16
  public let data: String
  /// Where certificates and sums are published; nil publishes nothing.
  public let published: String?
  public let genesis: String
  public let key: String
  public let listen: Endpoint
  public let trustsClock: Bool
  /// Of an aggregator: what its link carries, for all bulk together; nil for the start value.
  public let linkBitsPerSecond: Int64?
  /// The age at which the node's packet key is changed.
  public let packetKeySeconds: UInt64
  /// Where packet keys are written, for whoever reads captured traffic; nil writes none.
  public let packetKeyLog: String?
  public let source: MeterSource?
  /// What the connection can carry, of a meter: its counters are not believed to rise faster. Nil: what the map says, or
  /// 69 kW where there is none.
  public let ratedPowerWatts: Int64?
  public let peers: [(name: String, endpoint: Endpoint)]
  /// Path of the board's file, which the caller reads; nil without one.
  public let board: String?
  private let ini: IniFile

  /// Below, a group's records of a period would take minutes; above, no board's interface goes.
  public static let linkBitsPerSecond: ClosedRange<Int64> = 100_000...1_000_000_000

  /// Where a node's file names its board's file, so that this can be read first; nil without one.
  public static func boardEntry(file: String, bytes: Span<UInt8>) throws(ConfigurationError) -> IniEntry? {
    var reader = SectionReader(try IniFile(file: file, bytes: bytes))
    guard try reader.optionalText("node", "board") != nil else { return nil }
    return reader.entry("node", "board")
  }

  /// - Parameter board: what stands in for `port`, `baud`, `parity` and `root` where the file leaves them out.
  public init(file: String, bytes: Span<UInt8>, board: BoardConfiguration? = nil) throws(ConfigurationError) {
    ini = try IniFile(file: file, bytes: bytes)
    var reader = SectionReader(ini)
    let roleName = try reader.choice("node", "role", of: ["aggregator", "meter", "bookkeeper"])
    let role = Role(rawValue: roleName)!
    self.role = role
    let most = role == .meter ? GroupLimits.maximumMetersPerSet : GroupLimits.maximumAggregators
    index = UInt16(try reader.integer("node", "index", in: 0...Int64(most - 1), default: 0))
    owner =
      role == .meter
      ? UInt16(try reader.integer("node", "owner", in: 0...Int64(GroupLimits.maximumAggregators - 1))) : 0
    data = placed(try reader.text("node", "data"), beside: file)
    published = (try reader.optionalText("node", "published")).map { placed($0, beside: file) }
    genesis = placed(try reader.text("node", "genesis"), beside: file)
    key = placed(try reader.text("node", "key"), beside: file)
    listen = try reader.endpoint("node", "listen")
    self.board = (try reader.optionalText("node", "board")).map { placed($0, beside: file) }
    trustsClock =
      try reader.choice("node", "clock", of: ["synchronised", "trusted"], default: "synchronised") == "trusted"
    let link =
      role == .aggregator
      ? try reader.integer("node", "linkBitsPerSecond", in: Self.linkBitsPerSecond, default: 0) : 0
    linkBitsPerSecond = link == 0 ? nil : link
    packetKeySeconds = UInt64(try reader.integer("node", "packetKeySeconds", in: 1...86_400, default: 86_400))
    packetKeyLog = (try reader.optionalText("node", "packetKeyLog")).map { placed($0, beside: file) }
    if role == .meter {
      if try reader.choice("meter", "source", of: ["modbus", "sysfs"]) == "modbus" {
        source = .modbus(try ModbusMeter(&reader, board))
      } else {
        source = .sysfs(
          root: reader.has("meter", "root")
            ? placed(try reader.text("meter", "root"), beside: file)
            : try reader.text("meter", "root", default: board?.sysfsRoot),
          device: try reader.text("meter", "device"))
      }
      let watts = try reader.integer("meter", "ratedPowerWatts", in: 0...1_000_000_000, default: 0)
      ratedPowerWatts = watts == 0 ? nil : watts
    } else {
      source = nil
      ratedPowerWatts = nil
    }
    var peers: [(name: String, endpoint: Endpoint)] = []
    for entry in reader.all("peers") {
      guard Self.isPeerName(entry.key) else {
        throw reader.wrong(entry, "unknown peer \(entry.key): aggregator-1, aggregator-2, … or bookkeeper-1")
      }
      peers.append((entry.key, try reader.endpoint(entry)))
    }
    self.peers = peers
    try reader.finish(sections: role == .meter ? ["node", "meter", "peers"] : ["node", "peers"])
  }

  /// What is wrong with a value that only its user can judge, told with its line.
  public func wrong(_ section: String, _ key: String, _ message: String) -> ConfigurationError {
    SectionReader(ini).wrong(section, key, message)
  }

  private static func isPeerName(_ name: String) -> Bool {
    if name == "bookkeeper-1" { return true }
    for number in 1...GroupLimits.maximumAggregators where name == "aggregator-\(number)" { return true }
    return false
  }
}
