import Aggregation
import Commands
import Configuration
import HAL
import LinuxPlatform
import Metering
import Node
import NodeProcess
import Units

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

/// What ``check(_:)`` leaves out, because `run` does it at a node's first start alone: nine powers modulo n.
private func proveModulus(_ node: LoadedNode, _ genesis: Genesis) throws(Failure) {
  let configuration = node.configuration
  do throws(Failure) { try proveModulus(genesis, try loadPublicKey(genesis), of: configuration.genesis) } catch {
    throw modulusRefused(configuration, error.message)
  }
}
