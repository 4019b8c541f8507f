import Aggregation
import CLinux
import Commands
import Configuration
import Cryptography
import HAL
import LinuxPlatform
import NodeProcess
import Paillier
import Units
import Wire

/// A path as its file system has it; a root stays one.
func withoutTrailingSlashes(_ path: String) -> String {
  var path = path
  while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
  return path
}

/// A folder that is made beside its place and renamed into it when all is there.
struct FreshFolder {
  /// Where everything will be.
  let path: String
  /// Where it is made.
  let workPath: String

  init(_ path: String) {
    self.path = withoutTrailingSlashes(path)
    workPath = self.path + ".new"
  }

  /// - Throws: when the folder is there, or what was left when it was made before; nothing is made then.
  func begin() throws(Failure) {
    guard !Files.exists(path) else { throw Failure("\(path) exists; name a fresh folder") }
    guard !Files.exists(workPath) else {
      throw Failure("\(workPath) is left from a provisioning that was cut short; remove it")
    }
    try makeFolder(workPath)
  }

  func finish() throws(Failure) {
    let result = busbar_rename(workPath, path)
    guard result >= 0 else { throw Failure("\(workPath) cannot be renamed to \(path): \(platformError(-result))") }
  }
}

/// Keys, genesis and a folder for each node of a group that is on one machine.
struct Provisioning: ~Copyable {
  private let topology: TopologyConfiguration
  /// The topology file itself, which is kept with what was made from it.
  private let text: [UInt8]
  private let place: FreshFolder
  private let firstPeriod: CivilTime?
  private var random = SecureRandom()

  /// - Parameter firstPeriod: when the first period begins at the earliest; nil for one or two periods from now.
  init(topology: TopologyConfiguration, text: [UInt8], folder: String, firstPeriod: CivilTime? = nil) {
    self.topology = topology
    self.text = text
    self.firstPeriod = firstPeriod
    place = FreshFolder(folder)
  }

  var folder: String { place.path }
  private var workFolder: String { place.workPath }

  /// - Throws: before anything is made when the folder exists, the clock cannot be right or the meters' places do not fit into a
  ///   configuration; after a failure the work folder is left for whoever looks into it.
  mutating func make() throws(Failure) -> Genesis {
    let period = try chooseFirstPeriod(ofSeconds: topology.terms.periodSeconds, asked: firstPeriod, at: wallTime())
    let configurations = try nodeConfigurations()
    try place.begin()
    let genesis = try makeKeys(period)
    try writeFile(
      "\(workFolder)/genesis.bin", [UInt8](capacity: genesis.encodedBytes) { out in genesis.encode(into: &out) })
    try writeFile("\(workFolder)/topology.ini", text)
    try makeFolder("\(workFolder)/published")
    for (name, text) in configurations { try writeFile("\(workFolder)/\(name)/node.ini", Array(text.utf8)) }
    try place.finish()
    return genesis
  }

  /// What to know before it is made.
  var warnings: [String] { topology.spareWarnings }

  // MARK: Keys

  private mutating func makeKeys(_ firstPeriod: Period) throws(Failure) -> Genesis {
    let bookkeeper = try makeIdentity("bookkeeper-1")
    let proven = try makePaillierKey(
      "\(workFolder)/bookkeeper-1/paillier.key", quantities, bits: topology.terms.modulusBits, &random)
    var aggregators: [PartyKeys] = []
    for index in 1...Int(topology.aggregators) { aggregators.append(try makeIdentity("aggregator-\(index)")) }
    var meters: [[PartyKeys]] = []
    for owner in 0..<Int(topology.aggregators) {
      var set: [PartyKeys] = []
      for index in 0..<Int(topology.metersPerSet) { set.append(try makeIdentity(meterName(owner, index))) }
      meters.append(set)
    }
    return makeGenesis(
      topology.terms, firstPeriod, quantities, proven, bookkeeper: bookkeeper, aggregators: aggregators, meters: meters,
      registrations)
  }

  private var quantities: [Quantity] { slotQuantities(measuringExport: topology.measuresExport) }

  /// Of the meters of each set: slot 0 counts imports, slot 1 exports.
  private var registrations: [[MeterRegistration]] {
    (0..<Int(topology.aggregators)).map { owner in
      (0..<Int(topology.metersPerSet)).map { index in
        let meter = topology.meters[owner * Int(topology.metersPerSet) + index]
        return MeterRegistration(meter)
      }
    }
  }

  private mutating func makeIdentity(_ name: String) throws(Failure) -> PartyKeys {
    try makeFolder("\(workFolder)/\(name)")
    let identity = Identity(random: &random)
    try identity.write(to: "\(workFolder)/\(name)/identity.key")
    return identity.publicKeys
  }

  // MARK: Configurations

  private func meterName(_ owner: Int, _ index: Int) -> String {
    "meter-\(owner * Int(topology.metersPerSet) + index + 1)"
  }

  /// The node.ini of every node, each read back by the parser that will read it.
  private func nodeConfigurations() throws(Failure) -> [(name: String, text: String)] {
    let count = Int(topology.aggregators)
    let bookkeeperPort = Int(topology.basePort) + count
    var aggregators = "\n[peers]\n"
    for index in 0..<count {
      aggregators += "aggregator-\(index + 1) = \(topology.host):\(Int(topology.basePort) + index)\n"
    }
    let bus = try busFolder()
    var result: [(name: String, text: String)] = []
    for index in 0..<count {
      result.append(
        try node(
          "aggregator", "aggregator-\(index + 1)", Int(topology.basePort) + index,
          "index = \(index)\n" + aggregators + "bookkeeper-1 = \(topology.host):\(bookkeeperPort)\n"))
    }
    result.append(
      try node("bookkeeper", "bookkeeper-1", bookkeeperPort, "published = ../published\n" + aggregators))
    for owner in 0..<count {
      for index in 0..<Int(topology.metersPerSet) {
        let place = owner * Int(topology.metersPerSet) + index
        let line = "\(bus)/meter-\(place)"
        result.append(
          try node(
            "meter", meterName(owner, index), bookkeeperPort + 1 + place,
            "owner = \(owner)\nindex = \(index)\n\n[meter]\nsource = modbus\nmap = eastron-sdm630\n"
              + "port = \(line)\nunit = 1\nbaud = 9600\nparity = none\n"
              + "ratedPowerWatts = \(topology.meters[place].ratedPowerWatts)\n" + aggregators, line: line))
      }
    }
    return result
  }

  /// Where the meters' lines are, for a node.ini in `FOLDER/NODE`: from there where it is inside of the folder, so that the folder can
  /// be moved whole, and else from the root.
  private func busFolder() throws(Failure) -> String {
    let bus = topology.busFolder
    if bus.hasPrefix(folder + "/") { return ".." + bus.dropFirst(folder.utf8.count) }
    if bus.hasPrefix("/") { return bus }
    do throws(PlatformError) { return try ThisProcess.workingFolder() + "/" + bus } catch { throw Failure(bus, error) }
  }

  /// - Parameter line: where a meter's line is; nil for others.
  private func node(
    _ role: String, _ name: String, _ port: Int, _ more: String, line: String? = nil
  ) throws(Failure) -> (name: String, text: String) {
    let clock = topology.trustsClock ? "trusted" : "synchronised"
    let text =
      "[node]\nrole = \(role)\ndata = .\ngenesis = ../genesis.bin\nkey = identity.key\n"
      + "listen = \(topology.host):\(port)\nclock = \(clock)\n" + more
    // A long or unusual name of the meters' folder may not survive a line of INI.
    let bytes = Array(text.utf8)
    do throws(ConfigurationError) {
      let read = try NodeConfiguration(file: "node.ini", bytes: bytes.span)
      if case .modbus(let meter) = read.source, case .serial(let path) = meter.port, path != line {
        throw read.wrong("meter", "port", "port reads back as \(path)")
      }
    } catch { throw Failure("\(topology.busFolder) cannot stand in a configuration: \(name)/\(error)") }
    return (name, text)
  }
}

/// What plaintexts count: a quantity that nobody measures has no slot.
func slotQuantities(measuringExport: Bool) -> [Quantity] {
  measuringExport ? [.activeEnergyImport, .activeEnergyExport] : [.activeEnergyImport]
}

extension MeterRegistration {
  /// Slot 0 counts imports, slot 1 exports.
  init(_ meter: TopologyMeter) {
    self.init(slots: meter.measuresExport ? 3 : 1, maximumPowerWatts: meter.ratedPowerWatts)
  }
}

/// The genesis of a group in its first epoch.
/// - Parameters:
///   - meters: of each set, in order.
///   - registrations: likewise.
func makeGenesis(
  _ terms: GroupTerms, _ firstPeriod: Period, _ quantities: [Quantity], _ proven: ProvenModulus,
  bookkeeper: PartyKeys, aggregators: [PartyKeys], meters: [[PartyKeys]], _ registrations: [[MeterRegistration]]
) -> Genesis {
  Genesis(
    epoch: Epoch(1), group: GroupIndex(0), periodSeconds: terms.periodSeconds,
    minimumContributors: terms.minimumContributors, rotates: terms.rotates,
    exclusionPeriods: terms.exclusionPeriods, firstPeriod: firstPeriod, slots: quantities.map { $0.slotCode },
    modulus: proven.modulus, modulusProof: proven.proof, bookkeeper: bookkeeper, aggregators: aggregators,
    meters: meters, registrations: registrations)
}

/// Makes a group on one machine and says what was made.
func provision(_ provisioning: consuming Provisioning, _ json: Bool) throws(Failure) {
  let genesis = try provisioning.make()
  for warning in provisioning.warnings { printDiagnostic("warning: \(warning)") }
  let nodes = genesis.meterCount + Int(genesis.members) + 1
  let start = firstPeriodBegins(genesis)
  printLine(
    json
      ? "{\"folder\":\"\(jsonEscaped(provisioning.folder))\",\"network\":\"\(genesis.networkIdentifier)\","
        + "\"nodes\":\(nodes),\"firstPeriod\":\(genesis.firstPeriod),\"firstPeriodBegins\":\(start.seconds),"
        + "\"keysOnOneMachine\":true}"
      : "\(provisioning.folder): keys and configurations of \(nodes) nodes\nnetwork \(genesis.networkIdentifier), from "
        + "period \(genesis.firstPeriod) on; \(tellFirstPeriod(start, at: wallTime()))\n"
        + "for a bench or a demo: the private keys of all nodes were made on this machine; of a site each node makes its own\n"
        + "start each with: busbar run --config \(provisioning.folder)/NODE/node.ini")
}
