import HAL
import Units

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
