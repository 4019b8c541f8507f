import Aggregation
import CLinux
import Configuration
import Consensus
import Cryptography
import HAL
import LinuxPlatform
import Metering
import Node
import Packets
import Paillier
import Units
import Wire

/// The longest configuration file. The largest node.ini has 65 peers; a topology.ini of this length has some 2,000 meters.
private let maximumConfigurationBytes = 262_144

func readConfiguration(_ path: String) throws(Failure) -> [UInt8] {
  do throws(PlatformError) { return try Files.read(path, limit: maximumConfigurationBytes) } catch {
    throw Failure(ConfigurationError(file: path, line: 0, message: "cannot be read: \(error)"))
  }
}

/// A node's configuration, with what its board lends it.
struct LoadedNode {
  let configuration: NodeConfiguration
  let board: BoardConfiguration?
  /// Of a meter that is read over Modbus.
  let map: DeviceMap?
}

func loadNode(_ path: String) throws(Failure) -> LoadedNode {
  let bytes = try readConfiguration(path)
  let entry: IniEntry?
  do throws(ConfigurationError) { entry = try NodeConfiguration.boardEntry(file: path, bytes: bytes.span) } catch {
    throw Failure(error)
  }
  var board: BoardConfiguration?
  if let entry {
    let file = placed(entry.value, beside: path)
    guard isReadable(file) else {
      throw Failure(ConfigurationError(file: path, line: entry.line, message: "board: there is no file \(file)"))
    }
    board = try loadBoard(file, try readConfiguration(file))
  }
  let configuration: NodeConfiguration
  do throws(ConfigurationError) {
    configuration = try NodeConfiguration(file: path, bytes: bytes.span, board: board)
  } catch { throw Failure(error) }
  return LoadedNode(configuration: configuration, board: board, map: try loadMap(of: configuration))
}

/// The map of a node's meter, held against what else is said of the meter; nil for other nodes.
private func loadMap(of configuration: NodeConfiguration) throws(Failure) -> DeviceMap? {
  guard case .modbus(let meter)? = configuration.source else { return nil }
  if meter.isMapFile, !isReadable(meter.map) {
    throw Failure(configuration.wrong("meter", "map", "map: there is no file \(meter.map)"))
  }
  let map = try loadMap(meter.map)
  if let objection = meter.objection(to: map) {
    throw Failure(configuration.wrong("meter", objection.key, objection.message))
  }
  return map
}

func loadBoard(_ path: String, _ bytes: [UInt8]) throws(Failure) -> BoardConfiguration {
  do throws(ConfigurationError) { return try BoardConfiguration(file: path, bytes: bytes.span) } catch {
    throw Failure(error)
  }
}

/// A site with the text of each map file that its topology names, in the order of the nodes; empty where a node has none.
struct LoadedSite {
  let site: SiteConfiguration
  let maps: [[UInt8]]
}

/// - Throws: for a map that is not there, is none, or does not fit what else is said of its meter.
func loadSite(_ path: String, _ bytes: [UInt8]) throws(Failure) -> LoadedSite {
  let site: SiteConfiguration
  do throws(ConfigurationError) { site = try SiteConfiguration(file: path, bytes: bytes.span) } catch {
    throw Failure(error)
  }
  var maps: [[UInt8]] = []
  for place in site.nodes.indices {
    guard let meter = site.modbusMeters[place] else {
      maps.append([])
      continue
    }
    let file = site.mapFile(of: place)
    if let file, !isReadable(file) { throw Failure(site.wrong(place, "map", "map: there is no file \(file)")) }
    let map = try loadMap(file ?? meter.map)
    if let objection = meter.objection(to: map) {
      throw Failure(site.wrong(place, objection.key, objection.message))
    }
    let text = if let file { try readConfiguration(file) } else { [UInt8]() }
    guard text.count <= NodeBundle.maximumMapBytes else {
      throw Failure(
        site.wrong(
          place, "map", "map: the file has \(text.count) bytes, and a bundle takes \(NodeBundle.maximumMapBytes)"))
    }
    maps.append(text)
  }
  return LoadedSite(site: site, maps: maps)
}

func isSite(_ path: String, _ bytes: [UInt8]) throws(Failure) -> Bool {
  do throws(ConfigurationError) { return try SiteConfiguration.isSite(file: path, bytes: bytes.span) } catch {
    throw Failure(error)
  }
}

func loadTopology(_ path: String, _ bytes: [UInt8]) throws(Failure) -> TopologyConfiguration {
  do throws(ConfigurationError) { return try TopologyConfiguration(file: path, bytes: bytes.span) } catch {
    throw Failure(error)
  }
}

private func isReadable(_ path: String) -> Bool {
  let file = busbar_open_read(path)
  if file >= 0 { busbar_close(file) }
  return file >= 0
}

func isFolder(_ path: String) -> Bool {
  let folder = busbar_open_folder(path)
  if folder >= 0 { busbar_close(folder) }
  return folder >= 0
}

// MARK: A node's surroundings

/// A node whose files were found to fit together.
struct CheckedNode {
  let name: String
  let genesis: Genesis
  /// What an aggregator keeps of its meters' records; it takes this much once, at the start. 0 for others.
  let recordStoreBytes: Int
  /// Every store that is sized at start.
  let memory: MemoryPlan
  /// What is missing now and may come.
  let warnings: [String]
}

/// Checks every file that a node's configuration names, and that this node is one of the genesis.
/// - Throws: with exit code 78 and the line of the value that is wrong.
func check(_ node: LoadedNode) throws(Failure) -> CheckedNode {
  let configuration = node.configuration
  let genesis: Genesis
  do throws(Failure) {
    genesis = try loadGenesis(configuration.genesis)
    _ = try loadPublicKey(genesis)
  } catch { throw wrong(configuration, "genesis", "genesis: \(error.message)") }
  let name = try checkKeys(configuration, genesis)
  guard isFolder(configuration.data) else {
    throw wrong(configuration, "data", "data: there is no folder \(configuration.data)")
  }
  if let published = configuration.published, !isFolder(published) {
    throw wrong(configuration, "published", "published: there is no folder \(published)")
  }
  if configuration.role == .bookkeeper {
    do throws(Failure) {
      let path = configuration.data + "/paillier.key"
      guard try loadPaillierKey(path).publicKey.keyIdentifier == genesis.keyIdentifier else {
        throw Failure("\(path) is not the key of \(configuration.genesis)")
      }
    } catch { throw wrong(configuration, "data", "data: \(error.message)") }
  }
  return CheckedNode(
    name: name, genesis: genesis, recordStoreBytes: recordStoreBytes(node, genesis),
    memory: try memoryPlan(node, genesis),
    warnings: warnings(configuration, genesis))
}

/// Checks that this node is one of the genesis, by its keys, and that its peers are.
/// - Returns: its name.
func checkKeys(_ configuration: NodeConfiguration, _ genesis: Genesis) throws(Failure) -> String {
  let (name, keys) = try party(configuration, genesis)
  do throws(Failure) {
    let identity = try Identity(path: configuration.key)
    guard identity.publicKeys == keys else {
      throw Failure("\(configuration.key) is not the key of \(name) in \(configuration.genesis)")
    }
  } catch { throw wrong(configuration, "key", "key: \(error.message)") }
  for peer in configuration.peers where peer.name != "bookkeeper-1" {
    guard (1...Int(genesis.members)).contains(where: { peer.name == "aggregator-\($0)" }) else {
      throw Failure(
        configuration.wrong("peers", peer.name, "the genesis has \(genesis.members) aggregators, no \(peer.name)"))
    }
  }
  return name
}

/// What ``check(_:)`` leaves out, because `run` does it at a node's first start alone: nine powers modulo n.
private func proveModulus(_ node: LoadedNode, _ genesis: Genesis) throws(Failure) {
  let configuration = node.configuration
  do throws(Failure) { try proveModulus(genesis, try loadPublicKey(genesis), of: configuration.genesis) } catch {
    throw modulusRefused(configuration, error.message)
  }
}

func modulusRefused(_ configuration: NodeConfiguration, _ message: String) -> Failure {
  wrong(configuration, "genesis", "genesis: \(message)")
}

private func wrong(_ configuration: NodeConfiguration, _ key: String, _ message: String) -> Failure {
  Failure(configuration.wrong("node", key, message))
}

/// What the genesis says of this node. A meter is counted through all sets, as `provision` names it.
private func party(
  _ configuration: NodeConfiguration, _ genesis: Genesis
) throws(Failure) -> (name: String, keys: PartyKeys) {
  let index = Int(configuration.index)
  switch configuration.role {
  case .bookkeeper:
    guard index == 0 else { throw wrong(configuration, "index", "there is one bookkeeper, with index 0") }
    return ("bookkeeper-1", genesis.bookkeeper)
  case .aggregator:
    guard index < genesis.aggregators.count else {
      throw wrong(configuration, "index", "the genesis has \(genesis.members) aggregators, no index \(index)")
    }
    return ("aggregator-\(index + 1)", genesis.aggregators[index])
  case .meter:
    let owner = Int(configuration.owner)
    guard owner < Int(genesis.members) else {
      throw wrong(configuration, "owner", "the genesis has \(genesis.members) sets, no owner \(owner)")
    }
    let set = ReplicaIndex(UInt16(owner))
    guard index < Int(genesis.meterCount(of: set)) else {
      throw wrong(
        configuration, "index",
        "set \(owner) has \(genesis.meterCount(of: set)) meters in the genesis, no index \(index)")
    }
    var number = index + 1
    for other in 0..<set.rawValue { number += Int(genesis.meterCount(of: ReplicaIndex(other))) }
    return ("meter-\(number)", genesis.meter(MeterIndex(UInt16(index)), of: set))
  }
}

private func recordStoreBytes(_ node: LoadedNode, _ genesis: Genesis) -> Int {
  guard node.configuration.role == .aggregator else { return 0 }
  return AggregatorNode.recordStoreBytes(genesis, ciphertextBytes: 2 * genesis.modulus.count)
}

/// - Throws: when the board's budget is less than what the node takes at start, with what `busbar` itself has resident.
private func memoryPlan(_ node: LoadedNode, _ genesis: Genesis) throws(Failure) -> MemoryPlan {
  let ciphertext = 2 * genesis.modulus.count
  let machine = 2 * DatagramBatch.memoryBytes(datagramBytes: Sealer.maximumDatagramBytes)
  let plan =
    switch node.configuration.role {
    case .aggregator:
      MemoryPlan.aggregator(
        genesis, ciphertextBytes: ciphertext, machineBytes: machine, journalBytes: FileJournal.memoryBytes)
    case .bookkeeper:
      MemoryPlan.bookkeeper(
        genesis, ciphertextBytes: ciphertext, machineBytes: machine, journalBytes: FileJournal.memoryBytes)
    case .meter:
      MemoryPlan.meter(
        genesis, ciphertextBytes: ciphertext, machineBytes: machine, journalBytes: FileJournal.memoryBytes)
    }
  guard let board = node.board, plan.bytes + programBytes > Int(board.memoryBudgetMiB) << 20 else { return plan }
  let largest = plan.stores.max { $0.bytes < $1.bytes }
  throw wrong(
    node.configuration, "board",
    "\(kibibytes(plan.bytes)) KiB of stores and \(kibibytes(programBytes)) KiB of program do not fit into the "
      + "\(board.memoryBudgetMiB) MiB of \(board.name); the largest store is \(kibibytes(largest?.bytes ?? 0)) KiB, "
      + "\(largest?.name ?? "")")
}

/// The program, its libraries and its stack, as this very process has them.
private var programBytes: Int { Int(max(0, ThisProcess.residentKilobytes)) * 1024 }
private func kibibytes(_ bytes: Int) -> Int { (bytes + 1023) / 1024 }

/// Said where a dead or lying primary costs more than a view change.
private func warning(periodSeconds: UInt32, members: UInt16) -> String? {
  guard !AggregatorNode.viewsFit(periodSeconds: periodSeconds, members: members) else { return nil }
  let views = Quorum(members: members).faults + 1
  return
    "\(views) views do not fit into three quarters of \(periodSeconds) s: a set whose primaries fail is certified some periods later"
}

/// What of this machine a node would stumble over, as warnings: the file may be meant for another one.
/// - Throws: when the node's journal would not open.
private func surroundings(_ configuration: NodeConfiguration, _ genesis: Genesis) throws(Failure) -> [String] {
  let isRunning = nodeRuns(in: configuration.data)
  var warnings: [String] = []
  let address = lookAtAddress(configuration, isRunning: isRunning)
  if !address.isGood { warnings.append(address.text) }
  let journal = lookAtJournal(configuration, genesis, isRunning: isRunning)
  guard journal.finding.isGood else { throw Failure(journal.finding.text, exitCode: journal.exitCode) }
  if let newest = journal.newest {
    let period = lookAtNewest(newest, genesis, now: LinuxClock().wall(), isRunning: isRunning)
    if !period.isGood { warnings.append(period.text) }
  }
  return warnings
}

private func warnings(_ configuration: NodeConfiguration, _ genesis: Genesis) -> [String] {
  var warnings: [String] = []
  if let wrong = implausibleTime(LinuxClock().wall()) { warnings.append(wrong) }
  if configuration.role == .aggregator,
    let text = warning(periodSeconds: genesis.periodSeconds, members: genesis.members)
  {
    warnings.append(text)
  }
  if let log = configuration.packetKeyLog {
    warnings.append("packetKeyLog: whoever gets \(log) reads what this node sends and is sent")
  }
  switch configuration.source {
  case .modbus(let meter):
    if case .serial(let path) = meter.port, !Files.exists(path) {
      warnings.append("\(path) is not there now; the meter is read once it is")
    }
  case .sysfs(let root, let device) where !isFolder(root):
    warnings.append("\(root), where \(device) is looked for, is not there now")
  default: break
  }
  return warnings
}

func loadPaillierKey(_ path: String) throws(Failure) -> PrivateKey {
  let file = try readSecretFile(path)
  do throws(PaillierError) { return try PrivateKey(decoding: file.span) } catch { throw Failure("\(path): \(error)") }
}

// MARK: check-config

func checkConfiguration(_ path: String, json: Bool) throws(Failure) {
  let bytes = try readConfiguration(path)
  let kind: ConfigurationKind
  do throws(ConfigurationError) { kind = try ConfigurationKind(file: path, bytes: bytes.span) } catch {
    throw Failure(error)
  }
  switch kind {
  case .node: try describeNode(path, json)
  case .topology:
    if try isSite(path, bytes) {
      describe(path, try loadSite(path, bytes).site, json)
    } else {
      describe(path, try loadTopology(path, bytes), json)
    }
  case .board: describe(path, try loadBoard(path, bytes), json)
  case .device: describe(path, try loadMap(path), json)
  }
}

private func describeNode(_ path: String, _ json: Bool) throws(Failure) {
  let node = try loadNode(path)
  let checked = try check(node)
  try proveModulus(node, checked.genesis)
  let configuration = node.configuration
  let warnings = checked.warnings + (try surroundings(configuration, checked.genesis))
  for warning in warnings { printDiagnostic("\(path): warning: \(warning)") }
  if json {
    printLine(
      "{\"kind\":\"node\",\"valid\":true,\"role\":\"\(configuration.role.rawValue)\",\"name\":\"\(checked.name)\","
        + "\"network\":\"\(checked.genesis.networkIdentifier)\",\"listen\":\"\(configuration.listen)\","
        + "\"recordStoreBytes\":\(checked.recordStoreBytes),\"storeBytes\":\(checked.memory.bytes),"
        + "\"quietBytes\":\(checked.memory.quietBytes),"
        + "\"stores\":{"
        + checked.memory.stores.map { "\"\($0.name)\":\($0.bytes)" }.joined(separator: ",") + "},"
        + "\"firstPeriodBegins\":\(firstPeriodBegins(checked.genesis).seconds),"
        + "\"warnings\":\(warnings.count)}")
    return
  }
  printLine("\(path): a valid \(configuration.role.rawValue): \(checked.name) at \(configuration.listen)")
  printLine("network \(checked.genesis.networkIdentifier), periods of \(checked.genesis.periodSeconds) s")
  printLine(tellFirstPeriod(firstPeriodBegins(checked.genesis), at: wallTime()))
  if configuration.role == .aggregator {
    printLine(
      "room for records takes \(checked.recordStoreBytes / 1024) KiB"
        + (node.board.map { " of the \($0.memoryBudgetMiB) MiB of \($0.name)" } ?? ""))
  }
  func row(_ bytes: Int, _ quiet: Int, _ name: String) {
    printLine(aligned("\(kibibytes(bytes))", 8) + aligned("\(kibibytes(quiet))", 8) + " KiB  " + name)
  }
  printLine("  at most resident while all goes well")
  for store in checked.memory.stores { row(store.bytes, store.quietBytes, store.name) }
  row(
    checked.memory.bytes, checked.memory.quietBytes,
    "in all, and \(kibibytes(programBytes)) KiB of program"
      + (node.board.map { ", of the \($0.memoryBudgetMiB) MiB of \($0.name)" } ?? ""))
  switch configuration.source {
  case .modbus(let meter): printLine("reads \(describe(meter, node.map))")
  case .sysfs(let root, let device): printLine("reads hwmon device \(device) below \(root)")
  case nil: break
  }
}

private func describe(_ meter: ModbusMeter, _ map: DeviceMap?) -> String {
  var text = "\(meter.map) unit \(meter.unit ?? map?.unit ?? 1) on \(meter.port)"
  if case .serial = meter.port { text += ", \(meter.baud) baud, parity \(meter.parity)" }
  if let model = meter.model { text += ", model \(model)" }
  if meter.instance != 1 { text += ", instance \(meter.instance)" }
  if let serialNumber = meter.serialNumber { text += ", serial number \(serialNumber)" }
  return text
}

private func describe(_ path: String, _ map: DeviceMap, _ json: Bool) {
  let blocks = ReadPlan(map).blocks.count
  let points = map.layout == .sunSpec ? map.models.reduce(0) { $0 + $1.points.count } : map.points.count
  if json {
    printLine(
      "{\"kind\":\"device\",\"valid\":true,\"name\":\"\(map.name)\",\"title\":\"\(jsonEscaped(map.title))\","
        + "\"values\":\(points),\"requests\":\(blocks),\"models\":\(map.models.count),"
        + "\"identityRegisters\":\(map.identity.count),\"checks\":\(map.checks.count)}")
    return
  }
  printLine(
    "\(path): a valid map: \(map.name) (\(map.title)), \(points) values in "
      + (map.layout == .sunSpec
        ? "\(map.models.count) models" : "\(blocks) requests of at most \(map.maximumRegisters) registers"))
  if map.layout == .registers, map.identity.isEmpty, map.checks.count < 2 {
    printDiagnostic(
      "\(path): warning: \(map.checks.isEmpty ? "nothing tells" : "one measurement alone tells") this device from another"
    )
  }
}

private func describe(_ path: String, _ topology: TopologyConfiguration, _ json: Bool) {
  let meters = Int(topology.aggregators) * Int(topology.metersPerSet)
  if let text = warning(periodSeconds: topology.terms.periodSeconds, members: topology.aggregators) {
    printDiagnostic("\(path): warning: \(text)")
  }
  for text in topology.spareWarnings { printDiagnostic("\(path): warning: \(text)") }
  printLine(
    json
      ? "{\"kind\":\"topology\",\"valid\":true,\"aggregators\":\(topology.aggregators),\"meters\":\(meters),"
        + "\"periodSeconds\":\(topology.terms.periodSeconds),\"modulusBits\":\(topology.terms.modulusBits)}"
      : "\(path): a valid topology: \(topology.aggregators) aggregators, \(meters) meters, 1 bookkeeper, periods of "
        + "\(topology.terms.periodSeconds) s, a \(topology.terms.modulusBits)-bit key")
}

private func describe(_ path: String, _ site: SiteConfiguration, _ json: Bool) {
  if let text = warning(periodSeconds: site.terms.periodSeconds, members: UInt16(site.aggregators)) {
    printDiagnostic("\(path): warning: \(text)")
  }
  for text in site.spareWarnings { printDiagnostic("\(path): warning: \(text)") }
  let sets = (0..<site.aggregators).count { site.meterCount(ofSet: $0) > 0 }
  let names = site.nodes.count { if case .name? = $0.host { true } else { false } }
  printLine(
    json
      ? "{\"kind\":\"topology\",\"valid\":true,\"aggregators\":\(site.aggregators),\"meters\":\(site.meterCount),"
        + "\"periodSeconds\":\(site.terms.periodSeconds),\"modulusBits\":\(site.terms.modulusBits),"
        + "\"sets\":\(sets),\"namesToResolve\":\(names)}"
      : "\(path): a valid site: \(site.aggregators) aggregators, \(site.meterCount) meters in \(sets) \(sets == 1 ? "set" : "sets"), "
        + "1 bookkeeper, periods of \(site.terms.periodSeconds) s, a \(site.terms.modulusBits)-bit key; "
        + "\(names) hosts are names, which provision resolves")
}

private func describe(_ path: String, _ board: BoardConfiguration, _ json: Bool) {
  printLine(
    json
      ? "{\"kind\":\"board\",\"valid\":true,\"name\":\"\(jsonEscaped(board.name))\",\"target\":\"\(board.target)\","
        + "\"memoryBudgetMiB\":\(board.memoryBudgetMiB)}"
      : "\(path): a valid board: \(board.name) for \(board.target), \(board.memoryBudgetMiB) MiB a node, meters on "
        + "\(board.serialPort)")
}
