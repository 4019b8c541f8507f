import HAL
import Units

/// One node of a site, as its section says.
public struct SiteNode: Sendable {
  public let name: String
  public let role: Role
  /// Among the aggregators, or among the meters of its set.
  public let index: UInt16
  /// The set of a meter; 0 for others.
  public let owner: UInt16
  /// Where others call it; a meter calls by itself and may have none.
  public let host: SiteHost?
  public let udpPort: UInt16
  /// Of a meter; of others it says nothing.
  public let meter: TopologyMeter
  let listensOnHost: Bool
  let trustsClock: Bool
  let linkBitsPerSecond: Int64?
  /// What goes into `[meter]` of its node.ini; as it stands, but for the place of a map file.
  let device: [IniEntry]
  /// Of the host, or of the section's head.
  let line: Int
}

/// A `topology.ini` with a section for each node. (docs/CONFIGURATION.md)
public struct SiteConfiguration: Sendable {
  public let terms: GroupTerms
  /// Aggregators, the bookkeeper, and meters through all sets; each in order.
  public let nodes: [SiteNode]
  public let aggregators: Int
  /// How the meter of each node is read, in their order; nil for other nodes, and for meters of the board itself.
  public private(set) var modbusMeters: [ModbusMeter?] = []
  private let file: String

  /// What a map file is called in the folder of its node, whatever it was called beside the topology.
  public static let mapName = "map.ini"
  /// What the UDP port of a node is unless its file says otherwise.
  private static let standardUDPPort: Int64 = 24_000
  /// Keys of a node's section that are not of `[meter]` in its node.ini.
  private static let ownKeys = ["host", "listen", "udpPort", "owner", "clock", "measures", "linkBitsPerSecond"]

  /// Whether a topology has sections for nodes, or at least for what is common to them.
  public static func isSite(file: String, bytes: Span<UInt8>) throws(ConfigurationError) -> Bool {
    let ini = try IniFile(file: file, bytes: bytes)
    return ini.sections.contains {
      $0.name == "defaults" || $0.name.hasPrefix("aggregator-") || $0.name.hasPrefix("bookkeeper-")
    }
  }

  /// Reads a site's topology; `file` is its name in errors. Throws for the first thing that is missing, unknown, twice
  /// or out of its range.
  public init(file: String, bytes: Span<UInt8>) throws(ConfigurationError) {
    var reader = SectionReader(try IniFile(file: file, bytes: bytes))
    self.file = file
    let aggregators = try Self.numbered("aggregator-", reader, most: GroupLimits.maximumAggregators)
    guard aggregators.count >= GroupLimits.minimumAggregators else {
      throw reader.wrongLine(
        aggregators.last ?? 1,
        "there are \(aggregators.count) aggregators, fewer than \(GroupLimits.minimumAggregators): sections "
          + "[aggregator-1] to [aggregator-\(GroupLimits.minimumAggregators)] at least")
    }
    let bookkeepers = try Self.numbered("bookkeeper-", reader, most: 1)
    guard bookkeepers.count == 1 else {
      throw reader.wrongLine(aggregators[aggregators.count - 1], "there is no [bookkeeper-1]")
    }
    let meters = try Self.numbered(
      "meter-", reader, most: GroupLimits.maximumAggregators * GroupLimits.maximumMetersPerSet)
    guard !meters.isEmpty else { throw reader.wrongLine(bookkeepers[0], "there is no [meter-1]") }
    terms = try GroupTerms(&reader)
    // A default that every node says otherwise is known all the same; a host is nobody's default.
    for key in Self.ownKeys where key != "host" { _ = reader.entry("defaults", key) }
    var nodes: [SiteNode] = []
    var sections = ["group", "defaults"]
    for number in 1...aggregators.count {
      nodes.append(try Self.node(.aggregator, number, aggregators[number - 1], UInt16(number - 1), 0, &reader))
    }
    nodes.append(try Self.node(.bookkeeper, 1, bookkeepers[0], 0, 0, &reader))
    var counts = Array(repeating: 0, count: aggregators.count)
    var latest = 0
    for number in 1...meters.count {
      let owner = try Self.owner(of: number, line: meters[number - 1], aggregators.count, &reader)
      guard owner >= latest else {
        throw reader.wrongLine(
          meters[number - 1],
          "meters are numbered through the sets: meter-\(number) of aggregator-\(owner + 1) stands behind one of "
            + "aggregator-\(latest + 1)")
      }
      latest = owner
      guard counts[owner] < GroupLimits.maximumMetersPerSet else {
        throw reader.wrongLine(
          meters[number - 1],
          "the set of aggregator-\(owner + 1) has more than \(GroupLimits.maximumMetersPerSet) meters")
      }
      nodes.append(
        try Self.node(.meter, number, meters[number - 1], UInt16(counts[owner]), UInt16(owner), &reader))
      counts[owner] += 1
    }
    self.nodes = nodes
    self.aggregators = aggregators.count
    for node in nodes { sections.append(node.name) }
    try checkSets(counts, reader)
    try checkPlaces(reader)
    try checkConfigurations()
    try reader.finish(sections: sections)
  }

  // MARK: Sections

  /// The lines of the sections PREFIX1, PREFIX2, …, in the order of their numbers.
  private static func numbered(
    _ prefix: String, _ reader: borrowing SectionReader, most: Int
  ) throws(ConfigurationError) -> [Int] {
    var lines: [Int] = []
    var highest = 0
    var highestLine = 0
    for section in reader.sections where section.name.hasPrefix(prefix) {
      let digits = section.name.dropFirst(prefix.utf8.count)
      guard let number = Int(digits), "\(number)" == digits, (1...most).contains(number) else {
        throw reader.wrongLine(
          section.line,
          most == 1
            ? "there is one bookkeeper, [bookkeeper-1]"
            : "there is no \(section.name): \(prefix)1 to \(prefix)\(most)")
      }
      if number > highest { (highest, highestLine) = (number, section.line) }
      while lines.count < number { lines.append(0) }
      guard lines[number - 1] == 0 else {
        throw reader.wrongLine(section.line, "[\(section.name)] stands on line \(lines[number - 1]) already")
      }
      lines[number - 1] = section.line
    }
    if let gap = lines.firstIndex(of: 0) {
      throw reader.wrongLine(highestLine, "[\(prefix)\(highest)] is here, and there is no [\(prefix)\(gap + 1)]")
    }
    return lines
  }

  private static func owner(
    of meter: Int, line: Int, _ aggregators: Int, _ reader: inout SectionReader
  ) throws(ConfigurationError) -> Int {
    let section = "meter-\(meter)"
    let home = reader.home(of: "owner", in: section)
    let text = try reader.text(home, "owner")
    for number in 1...aggregators where text == "aggregator-\(number)" { return number - 1 }
    throw reader.wrong(home, "owner", "owner is \(text), none of aggregator-1 to aggregator-\(aggregators)")
  }

  private static func node(
    _ role: Role, _ number: Int, _ line: Int, _ index: UInt16, _ owner: UInt16, _ reader: inout SectionReader
  ) throws(ConfigurationError) -> SiteNode {
    let section = "\(role.rawValue)-\(number)"
    // Who must be called has a host; a meter calls by itself.
    let hostText = role == .meter ? try reader.optionalText(section, "host") : try reader.text(section, "host")
    var host: SiteHost?
    if let hostText { host = try Self.host(hostText, section, reader) }
    let listens = try reader.choice(
      reader.home(of: "listen", in: section), "listen", of: ["any", "host"], default: "any")
    guard listens == "any" || host != nil else {
      throw reader.wrong(section, "host", "\(section) listens on its host and has none")
    }
    let udpPort = try reader.integer(
      reader.home(of: "udpPort", in: section), "udpPort", in: 1...65_535, default: standardUDPPort)
    let clock = try reader.choice(
      reader.home(of: "clock", in: section), "clock", of: ["synchronised", "trusted"], default: "synchronised")
    var link: Int64 = 0
    if role == .aggregator {
      link = try reader.integer(
        reader.home(of: "linkBitsPerSecond", in: section), "linkBitsPerSecond", in: NodeConfiguration.linkBitsPerSecond,
        default: 0)
    }
    var meter = TopologyMeter(
      measuresExport: true, ratedPowerWatts: TopologyConfiguration.standardRatedPowerWatts)
    var device: [IniEntry] = []
    if role == .meter {
      let home = reader.home(of: "measures", in: section)
      try meter.takeMeasures(try reader.optionalText(home, "measures"), home, reader)
      let range = Int64(GroupLimits.maximumPowerWatts.lowerBound)...Int64(GroupLimits.maximumPowerWatts.upperBound)
      meter.ratedPowerWatts = UInt32(
        try reader.integer(
          reader.home(of: "ratedPowerWatts", in: section), "ratedPowerWatts", in: range,
          default: Int64(meter.ratedPowerWatts)))
      device = Self.device(section, &reader)
    }
    return SiteNode(
      name: section, role: role, index: index, owner: owner, host: host, udpPort: UInt16(udpPort), meter: meter,
      listensOnHost: listens == "host", trustsClock: clock == "trusted", linkBitsPerSecond: link == 0 ? nil : link,
      device: device, line: reader.entry(section, "host")?.line ?? line)
  }

  private static func host(
    _ text: String, _ section: String, _ reader: borrowing SectionReader
  ) throws(ConfigurationError) -> SiteHost {
    guard !SiteHost.hasZone(text) else {
      throw reader.wrong(section, "host", "host is \(text): an address with a zone means something on one machine only")
    }
    guard let host = SiteHost(text) else {
      throw reader.wrong(
        section, "host", "host is \(text), neither an address (IPv6 in brackets, without a port) nor a name")
    }
    if case .address(let endpoint) = host, let objection = endpoint.objection {
      throw reader.wrong(section, "host", "host is \(text): \(objection)")
    }
    return host
  }

  /// The section's entries for `[meter]`, and those of the defaults that it does not say otherwise.
  private static func device(_ section: String, _ reader: inout SectionReader) -> [IniEntry] {
    var entries: [IniEntry] = []
    for entry in reader.rest("defaults", but: ownKeys) where !reader.has(section, entry.key) { entries.append(entry) }
    return entries + reader.rest(section, but: ownKeys)
  }

  // MARK: Checks

  private func checkSets(_ counts: [Int], _ reader: borrowing SectionReader) throws(ConfigurationError) {
    for set in counts.indices where counts[set] > 0 && counts[set] < Int(terms.minimumContributors) {
      throw reader.wrongLine(
        firstLine(ofSet: set),
        "the set of aggregator-\(set + 1) has \(counts[set]) meters, below minimumContributors "
          + "\(terms.minimumContributors): a sum of so few would show a house")
    }
    if let set = terms.setOfTooFewExporters(importers: importers, exporters: exporters) {
      throw reader.wrongLine(
        firstLine(ofSet: set),
        "the set of aggregator-\(set + 1) has \(exporters[set]) meters that feed activeEnergyExport, below "
          + "minimumContributors \(terms.minimumContributors)")
    }
  }

  private func firstLine(ofSet set: Int) -> Int {
    nodes.first { $0.role == .meter && Int($0.owner) == set }?.line ?? 1
  }

  /// No two nodes are called at one place. Names are looked at as they stand; ``checkPlaces(_:)`` looks at what they mean.
  private func checkPlaces(_ reader: borrowing SectionReader) throws(ConfigurationError) {
    for place in nodes.indices {
      guard let host = nodes[place].host else { continue }
      for other in 0..<place where nodes[other].host == host && nodes[other].udpPort == nodes[place].udpPort {
        throw wrong(place, "\(nodes[place].name) has host and udpPort of \(nodes[other].name)")
      }
    }
  }

  /// Each node.ini as it will be but for addresses is read by the parser that will read it.
  private mutating func checkConfigurations() throws(ConfigurationError) {
    let example = Array(repeating: Endpoint(ipv4: 192, 0, 2, 1, port: 1) as Endpoint?, count: nodes.count)
    for place in nodes.indices {
      let (text, lines) = written(place, at: example)
      let bytes = Array(text.utf8)
      do throws(ConfigurationError) {
        let configuration = try NodeConfiguration(file: nodes[place].name, bytes: bytes.span)
        if case .modbus(let meter)? = configuration.source {
          modbusMeters.append(meter)
        } else {
          modbusMeters.append(nil)
        }
      } catch {
        let line = lines.indices.contains(error.line - 1) ? lines[error.line - 1] : 0
        throw ConfigurationError(file: file, line: line > 0 ? line : nodes[place].line, message: error.message)
      }
    }
  }

  /// Where the map file of a meter lies; nil where its map is a built-in one.
  public func mapFile(of place: Int) -> String? {
    guard let entry = nodes[place].device.first(where: { $0.key == "map" }), ModbusMeter.isFile(entry.value) else {
      return nil
    }
    return placed(entry.value, beside: file)
  }

  /// What is wrong with one of the keys that go into `[meter]`.
  public func wrong(_ place: Int, _ key: String, _ message: String) -> ConfigurationError {
    let line = nodes[place].device.first { $0.key == key }?.line
    return ConfigurationError(file: file, line: line ?? nodes[place].line, message: message)
  }

  /// What is wrong with a node's host, or with the node as a whole.
  public func wrong(_ place: Int, _ message: String) -> ConfigurationError {
    ConfigurationError(file: file, line: nodes[place].line, message: message)
  }

  /// - Parameter endpoints: where the nodes are called, in their order; nil for those without a host.
  /// - Throws: for two nodes at one place, and for one on a loopback address that others elsewhere cannot call.
  public func checkPlaces(_ endpoints: [Endpoint?]) throws(ConfigurationError) {
    let isOneMachine = !endpoints.contains { $0?.isLoopback == false }
    for place in nodes.indices {
      guard let endpoint = endpoints[place] else { continue }
      for other in 0..<place where endpoints[other] == endpoint {
        throw wrong(place, "\(nodes[place].name) is at \(endpoint), as \(nodes[other].name) is")
      }
      guard isOneMachine || !endpoint.isLoopback else {
        throw wrong(
          place,
          "\(nodes[place].name) is at \(endpoint), which only its own machine can call; a name may mean that in /etc/hosts"
        )
      }
    }
  }

  // MARK: What is made of it

  /// The node.ini of a node. Its paths are relative to the folder that the node keeps everything in.
  /// - Parameter endpoints: where the nodes are called, in their order; nil for those without a host.
  public func configuration(of place: Int, at endpoints: [Endpoint?]) -> String { written(place, at: endpoints).text }

  /// - Returns: the text, and for each of its lines the line of the topology that it came from; 0 for none.
  private func written(_ place: Int, at endpoints: [Endpoint?]) -> (text: String, lines: [Int]) {
    let node = nodes[place]
    var text = ""
    var lines: [Int] = []
    func add(_ line: String, from origin: Int = 0) {
      text += line + "\n"
      lines.append(origin)
    }
    add("[node]")
    add("role = \(node.role.rawValue)")
    if node.role == .meter { add("owner = \(node.owner)") }
    add("index = \(node.index)")
    add("data = .")
    add("genesis = genesis.bin")
    add("key = identity.key")
    if node.role == .bookkeeper { add("published = published") }
    add("listen = \(listen(node, endpoints[place]))")
    add("clock = \(node.trustsClock ? "trusted" : "synchronised")")
    if let bits = node.linkBitsPerSecond { add("linkBitsPerSecond = \(bits)") }
    if node.role == .meter {
      add("")
      add("[meter]")
      if !node.device.contains(where: { $0.key == "source" }) { add("source = modbus") }
      if !node.device.contains(where: { $0.key == "ratedPowerWatts" }) {
        add("ratedPowerWatts = \(node.meter.ratedPowerWatts)")
      }
      for entry in node.device {
        let value = entry.key == "map" && ModbusMeter.isFile(entry.value) ? Self.mapName : entry.value
        add("\(entry.key) = \(value)", from: entry.line)
      }
    }
    add("")
    add("[peers]")
    for member in 0..<aggregators {
      if let endpoint = endpoints[member] { add("\(nodes[member].name) = \(endpoint)") }
    }
    if node.role == .aggregator, let endpoint = endpoints[aggregators] { add("bookkeeper-1 = \(endpoint)") }
    return (text, lines)
  }

  /// On every address of the family that it is called at, unless it shall listen there alone.
  private func listen(_ node: SiteNode, _ endpoint: Endpoint?) -> String {
    guard let endpoint else { return "0.0.0.0:\(node.udpPort)" }
    if node.listensOnHost { return "\(endpoint)" }
    return endpoint.isOfIPv4 ? "0.0.0.0:\(node.udpPort)" : "[::]:\(node.udpPort)"
  }

  // MARK: Sets

  /// How many meters report to a set's aggregator. Sets count from 0.
  public func meterCount(ofSet set: Int) -> Int { nodes.count { $0.role == .meter && Int($0.owner) == set } }
  public var meterCount: Int { nodes.count - aggregators - 1 }
  /// Whether the group has a slot for exports: where no meter measures them it has none.
  public var measuresExport: Bool { nodes.contains { $0.role == .meter && $0.meter.measuresExport } }

  private var importers: [Int] { (0..<aggregators).map { meterCount(ofSet: $0) } }
  private var exporters: [Int] {
    guard measuresExport else { return [] }
    return (0..<aggregators).map { set in
      nodes.count { $0.role == .meter && Int($0.owner) == set && $0.meter.measuresExport }
    }
  }

  public var spareWarnings: [String] { terms.spareWarnings(importers: importers, exporters: exporters) }
}
