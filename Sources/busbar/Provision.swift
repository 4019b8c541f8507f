import Aggregation
import Configuration
import Cryptography
import HAL
import LinuxPlatform
import Paillier
import Units
import Wire

/// Makes keys, genesis and a folder for each node from a topology file.
func provision(topology path: String, into folder: String) throws(Failure) {
  let bytes = try readFile(path)
  let topology: TopologyConfiguration
  do throws(ConfigurationError) { topology = try TopologyConfiguration(file: path, bytes: bytes.span) } catch {
    throw Failure(error)
  }
  try makeFolder(folder)
  var random = SecureRandom()
  let layout = SlotLayout([.activeEnergyImport, .activeEnergyExport])
  let bookkeeper = "\(folder)/bookkeeper-1"
  try makeFolder(bookkeeper)
  let modulus: [UInt8]
  do throws(PaillierError) {
    let key = try PrivateKey(generatingBits: topology.modulusBits, layout: layout, using: &random)
    let file = [UInt8](capacity: key.encodedBytes) { out in key.encode(into: &out) }
    modulus = [UInt8](capacity: key.publicKey.modulusBytes) { out in key.publicKey.writeModulus(into: &out) }
    do throws(Failure) { try writeFile("\(bookkeeper)/paillier.key", file, mode: 0o600) } catch {
      throw PaillierError.malformedKeyFile
    }
  } catch { throw Failure("\(bookkeeper)/paillier.key: \(error)") }

  let aggregators = (1...Int(topology.aggregators)).map { "aggregator-\($0)" }
  var keys: [PartyKeys] = []
  for name in aggregators { keys.append(try makeIdentity(folder, name, &random)) }
  var meters: [[PartyKeys]] = []
  for owner in 0..<Int(topology.aggregators) {
    var set: [PartyKeys] = []
    for index in 0..<Int(topology.metersPerSet) {
      set.append(try makeIdentity(folder, meterName(owner, index, topology), &random))
    }
    meters.append(set)
  }
  let now = LinuxClock().wall().nanoseconds / 1_000_000_000 / UInt64(topology.periodSeconds)
  let genesis = Genesis(
    epoch: Epoch(1), group: GroupIndex(0), periodSeconds: topology.periodSeconds,
    minimumContributors: topology.minimumContributors, rotates: topology.rotates, firstPeriod: Period(now + 2),
    slots: [SlotQuantity.activeEnergyImport.rawValue, SlotQuantity.activeEnergyExport.rawValue], modulus: modulus,
    bookkeeper: try makeIdentity(folder, "bookkeeper-1", &random), aggregators: keys, meters: meters)
  try writeFile("\(folder)/genesis.bin", [UInt8](capacity: genesis.encodedBytes) { out in genesis.encode(into: &out) })
  try makeFolder("\(folder)/published")
  try writeNodes(folder, topology)
}

private func makeIdentity(
  _ folder: String, _ name: String, _ random: inout SecureRandom
) throws(Failure) -> PartyKeys {
  try makeFolder("\(folder)/\(name)")
  let identity = Identity(random: &random)
  try identity.write(to: "\(folder)/\(name)/identity.key")
  return identity.publicKeys
}

func meterName(_ owner: Int, _ index: Int, _ topology: TopologyConfiguration) -> String {
  "meter-\(owner * Int(topology.metersPerSet) + index + 1)"
}

private func writeNodes(_ folder: String, _ topology: TopologyConfiguration) throws(Failure) {
  let count = Int(topology.aggregators)
  let bookkeeperPort = Int(topology.basePort) + count
  var aggregators = "\n[peers]\n"
  for index in 0..<count {
    aggregators += "aggregator-\(index + 1) = \(topology.host):\(Int(topology.basePort) + index)\n"
  }
  func node(_ role: String, _ name: String, _ port: Int, _ more: String) throws(Failure) {
    let clock = topology.trustsClock ? "trusted" : "synchronised"
    let text =
      "[node]\nrole = \(role)\ndata = \(folder)/\(name)\ngenesis = \(folder)/genesis.bin\n"
      + "key = \(folder)/\(name)/identity.key\nlisten = \(topology.host):\(port)\nclock = \(clock)\n" + more
    try writeFile("\(folder)/\(name)/node.ini", Array(text.utf8))
  }
  for index in 0..<count {
    try node(
      "aggregator", "aggregator-\(index + 1)", Int(topology.basePort) + index,
      "index = \(index)\n" + aggregators + "bookkeeper-1 = \(topology.host):\(bookkeeperPort)\n")
  }
  try node("bookkeeper", "bookkeeper-1", bookkeeperPort, "published = \(folder)/published\n" + aggregators)
  for owner in 0..<count {
    for index in 0..<Int(topology.metersPerSet) {
      let place = owner * Int(topology.metersPerSet) + index
      try node(
        "meter", "meter-\(place + 1)", bookkeeperPort + 1 + place,
        "owner = \(owner)\nindex = \(index)\n\n[meter]\nsource = modbus\nmap = eastron-sdm630\n"
          + "port = \(topology.busFolder)/meter-\(place)\nunit = 1\nbaud = 9600\nparity = none\n" + aggregators)
    }
  }
}
