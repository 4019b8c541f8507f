import Aggregation
import CLinux
import Configuration
import Consensus
import Cryptography
import Drivers
import HAL
import LinuxPlatform
import Metering
import Node
import Packets
import Paillier
import Units
import Wire

/// Keys, genesis and a folder for each node of a group, made beside their place and renamed into it when all is there.
struct Provisioning: ~Copyable {
  private let topology: TopologyConfiguration
  /// The topology file itself, which is kept with what was made from it.
  private let text: [UInt8]
  /// Where everything will be, and what the nodes' configurations say.
  let folder: String
  private let workFolder: String
  private var random = SecureRandom()

  init(topology: TopologyConfiguration, text: [UInt8], folder: String) {
    self.topology = topology
    self.text = text
    var folder = folder
    while folder.utf8.count > 1, folder.hasSuffix("/") { folder.removeLast() }
    self.folder = folder
    workFolder = folder + ".new"
  }

  /// - Throws: before anything is made when the folder exists or its name does not fit into a configuration; after a
  ///   failure the work folder is left for whoever looks into it.
  mutating func make() throws(Failure) -> Genesis {
    guard !Files.exists(folder) else { throw Failure("\(folder) exists; name a fresh folder") }
    guard !Files.exists(workFolder) else {
      throw Failure("\(workFolder) is left from a provisioning that was cut short; remove it")
    }
    let configurations = try nodeConfigurations()
    try makeFolder(workFolder)
    let genesis = try makeKeys()
    try writeFile(
      "\(workFolder)/genesis.bin", [UInt8](capacity: genesis.encodedBytes) { out in genesis.encode(into: &out) })
    try writeFile("\(workFolder)/topology.ini", text)
    try makeFolder("\(workFolder)/published")
    for (name, text) in configurations { try writeFile("\(workFolder)/\(name)/node.ini", Array(text.utf8)) }
    let result = busbar_rename(workFolder, folder)
    guard result >= 0 else { throw Failure("\(workFolder) cannot be renamed to \(folder): \(platformError(-result))") }
    return genesis
  }

  /// What to know before it is made.
  var warnings: [String] { topology.spareWarnings }

  // MARK: Keys

  private mutating func makeKeys() throws(Failure) -> Genesis {
    let bookkeeper = try makeIdentity("bookkeeper-1")
    let proven = try makePaillierKey(
      "\(workFolder)/bookkeeper-1/paillier.key", quantities, bits: topology.modulusBits, &random)
    var aggregators: [PartyKeys] = []
    for index in 1...Int(topology.aggregators) { aggregators.append(try makeIdentity("aggregator-\(index)")) }
    var meters: [[PartyKeys]] = []
    for owner in 0..<Int(topology.aggregators) {
      var set: [PartyKeys] = []
      for index in 0..<Int(topology.metersPerSet) { set.append(try makeIdentity(meterName(owner, index))) }
      meters.append(set)
    }
    let now = LinuxClock().wall().nanoseconds / 1_000_000_000 / UInt64(topology.periodSeconds)
    return Genesis(
      epoch: Epoch(1), group: GroupIndex(0), periodSeconds: topology.periodSeconds,
      minimumContributors: topology.minimumContributors, rotates: topology.rotates,
      exclusionPeriods: topology.exclusionPeriods, firstPeriod: Period(now + 2),
      slots: quantities.map { $0.rawValue },
      modulus: proven.modulus, modulusProof: proven.proof, bookkeeper: bookkeeper, aggregators: aggregators,
      meters: meters, registrations: registrations)
  }

  /// What the plaintexts count: a quantity that nobody measures has no slot.
  private var quantities: [SlotQuantity] {
    topology.measuresExport ? [.activeEnergyImport, .activeEnergyExport] : [.activeEnergyImport]
  }

  /// Of the meters of each set: slot 0 counts imports, slot 1 exports.
  private var registrations: [[MeterRegistration]] {
    (0..<Int(topology.aggregators)).map { owner in
      (0..<Int(topology.metersPerSet)).map { index in
        let meter = topology.meters[owner * Int(topology.metersPerSet) + index]
        return MeterRegistration(slots: meter.measuresExport ? 3 : 1, maximumPowerWatts: meter.ratedPowerWatts)
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
    var result: [(name: String, text: String)] = []
    for index in 0..<count {
      result.append(
        try node(
          "aggregator", "aggregator-\(index + 1)", Int(topology.basePort) + index,
          "index = \(index)\n" + aggregators + "bookkeeper-1 = \(topology.host):\(bookkeeperPort)\n"))
    }
    result.append(
      try node("bookkeeper", "bookkeeper-1", bookkeeperPort, "published = \(folder)/published\n" + aggregators))
    for owner in 0..<count {
      for index in 0..<Int(topology.metersPerSet) {
        let place = owner * Int(topology.metersPerSet) + index
        result.append(
          try node(
            "meter", meterName(owner, index), bookkeeperPort + 1 + place,
            "owner = \(owner)\nindex = \(index)\n\n[meter]\nsource = modbus\nmap = eastron-sdm630\n"
              + "port = \(topology.busFolder)/meter-\(place)\nunit = 1\nbaud = 9600\nparity = none\n"
              + "ratedPowerWatts = \(topology.meters[place].ratedPowerWatts)\n" + aggregators))
      }
    }
    return result
  }

  private func node(
    _ role: String, _ name: String, _ port: Int, _ more: String
  ) throws(Failure) -> (name: String, text: String) {
    let clock = topology.trustsClock ? "trusted" : "synchronised"
    let data = "\(folder)/\(name)"
    let text =
      "[node]\nrole = \(role)\ndata = \(data)\ngenesis = \(folder)/genesis.bin\n"
      + "key = \(data)/identity.key\nlisten = \(topology.host):\(port)\nclock = \(clock)\n" + more
    // A long or unusual name of the folder may not survive a line of INI.
    let bytes = Array(text.utf8)
    do throws(ConfigurationError) {
      let read = try NodeConfiguration(file: "\(name)/node.ini", bytes: bytes.span)
      guard read.data == data else { throw read.wrong("node", "data", "data reads back as \(read.data)") }
    } catch { throw Failure("\(folder) cannot stand in a configuration: \(error)") }
    return (name, text)
  }
}

/// Makes a group and says what was made.
func provision(_ provisioning: consuming Provisioning, _ json: Bool) throws(Failure) {
  let genesis = try provisioning.make()
  for warning in provisioning.warnings { printDiagnostic("warning: \(warning)") }
  let nodes = genesis.meterCount + Int(genesis.members) + 1
  printLine(
    json
      ? "{\"folder\":\"\(jsonEscaped(provisioning.folder))\",\"network\":\"\(genesis.networkIdentifier)\","
        + "\"nodes\":\(nodes),\"firstPeriod\":\(genesis.firstPeriod)}"
      : "\(provisioning.folder): keys and configurations of \(nodes) nodes\nnetwork \(genesis.networkIdentifier), from "
        + "period \(genesis.firstPeriod) on\nstart each with: busbar run --config \(provisioning.folder)/NODE/node.ini")
}
