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

/// What `topology.ini` says of one meter.
public struct TopologyMeter: Equatable, Sendable {
  /// Imports every meter measures.
  public var measuresExport: Bool
  /// The most that its connection carries.
  public var ratedPowerWatts: UInt32

  /// Takes what every meter of a bench has in common, or one of them has for itself.
  public init(measuresExport: Bool, ratedPowerWatts: UInt32) {
    self.measuresExport = measuresExport
    self.ratedPowerWatts = ratedPowerWatts
  }
}

/// The small file `busbar provision` makes a group on one machine from: a bench. A site has a ``SiteConfiguration``.
public struct TopologyConfiguration: Sendable {
  public let aggregators: UInt16
  public let metersPerSet: UInt16
  public let terms: GroupTerms
  public let host: String
  public let basePort: UInt16
  public let busFolder: String
  /// Of all sets, in order.
  public let meters: [TopologyMeter]
  public let trustsClock: Bool

  /// Reads a bench's topology; `file` is its name in errors. Throws for the first key that is missing, unknown or out
  /// of its range, and for sections of meters that the group does not have.
  public init(file: String, bytes: Span<UInt8>) throws(ConfigurationError) {
    var reader = SectionReader(try IniFile(file: file, bytes: bytes))
    aggregators = UInt16(
      try reader.integer(
        "group", "aggregators", in: Int64(GroupLimits.minimumAggregators)...Int64(GroupLimits.maximumAggregators)))
    metersPerSet = UInt16(try reader.integer("group", "metersPerSet", in: 1...Int64(GroupLimits.maximumMetersPerSet)))
    terms = try GroupTerms(&reader)
    host = try reader.text("network", "host")
    basePort = UInt16(try reader.integer("network", "basePort", in: 1024...60000))
    busFolder = try reader.text("meter", "bus")
    let standard = try Self.meter(
      &reader, "meter", TopologyMeter(measuresExport: true, ratedPowerWatts: Self.standardRatedPowerWatts))
    var meters = Array(repeating: standard, count: Int(aggregators) * Int(metersPerSet))
    var sections = ["group", "network", "meter"]
    for section in reader.sections where section.name.hasPrefix("meter-") && !sections.contains(section.name) {
      let digits = section.name.dropFirst("meter-".utf8.count)
      guard let number = Int(digits), "\(number)" == digits, (1...meters.count).contains(number) else {
        throw reader.wrongLine(section.line, "there is no \(section.name): meters are meter-1 to meter-\(meters.count)")
      }
      meters[number - 1] = try Self.meter(&reader, section.name, standard)
      sections.append(section.name)
    }
    self.meters = meters
    trustsClock =
      try reader.choice("network", "clock", of: ["synchronised", "trusted"], default: "synchronised") == "trusted"
    guard Endpoint("\(host):1") != nil else {
      throw reader.wrong("network", "host", "host is not an address: \(host)")
    }
    guard terms.minimumContributors <= metersPerSet else {
      throw reader.wrong(
        "group", "metersPerSet", "metersPerSet is below minimumContributors \(terms.minimumContributors)")
    }
    guard Int(basePort) + 1 + Int(aggregators) * (1 + Int(metersPerSet)) <= 65535 else {
      throw reader.wrong("network", "basePort", "basePort leaves too few ports")
    }
    if let set = terms.setOfTooFewExporters(importers: importers, exporters: exporters) {
      throw reader.wrong(
        "meter", "measures",
        "set \(set) has \(exporters[set]) meters that feed activeEnergyExport, below minimumContributors "
          + "\(terms.minimumContributors)")
    }
    try reader.finish(sections: sections)
  }

  /// Three phases of 100 A.
  public static let standardRatedPowerWatts: UInt32 = 69_000

  /// What a section says of its meters.
  private static func meter(
    _ reader: inout SectionReader, _ section: String, _ standard: TopologyMeter
  ) throws(ConfigurationError) -> TopologyMeter {
    var meter = standard
    let range = Int64(GroupLimits.maximumPowerWatts.lowerBound)...Int64(GroupLimits.maximumPowerWatts.upperBound)
    meter.ratedPowerWatts = UInt32(
      try reader.integer(section, "ratedPowerWatts", in: range, default: Int64(standard.ratedPowerWatts)))
    try meter.takeMeasures(try reader.optionalText(section, "measures"), section, reader)
    return meter
  }

  /// Whether the group has a slot for exports: where no meter measures them it has none.
  public var measuresExport: Bool { meters.contains { $0.measuresExport } }

  private var importers: [Int] { Array(repeating: Int(metersPerSet), count: Int(aggregators)) }
  private var exporters: [Int] { measuresExport ? (0..<Int(aggregators)).map { exporters(ofSet: $0) } : [] }

  /// How many meters of a set measure exports, and so feed that slot. Sets count from 0.
  public func exporters(ofSet set: Int) -> Int {
    let start = set * Int(metersPerSet)
    return meters[start..<(start + Int(metersPerSet))].count { $0.measuresExport }
  }

  /// What to know before it is made: of each slot, whether one or two meters that fail would hold back the others that feed it.
  public var spareWarnings: [String] { terms.spareWarnings(importers: importers, exporters: exporters) }
}
