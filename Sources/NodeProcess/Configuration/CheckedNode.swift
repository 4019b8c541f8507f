import Aggregation
import Commands
import Configuration
import LinuxPlatform
import Node
import Paillier
import Units

/// A node whose files were found to fit together.
package struct CheckedNode {
  package let name: String
  package let genesis: Genesis
  /// What an aggregator keeps of its meters' records; it takes this much once, at the start. 0 for others.
  package let recordStoreBytes: Int
  /// Every store that is sized at start.
  package let memory: MemoryPlan
  /// What is missing now and may come.
  package let warnings: [String]
}

/// Checks every file that a node's configuration names, and that this node is one of the genesis.
/// - Throws: with exit code 78 and the line of the value that is wrong.
package func check(_ node: LoadedNode) throws(Failure) -> CheckedNode {
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
package func checkKeys(_ configuration: NodeConfiguration, _ genesis: Genesis) throws(Failure) -> String {
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

/// With the line of the genesis, and a configuration's exit code.
package func modulusRefused(_ configuration: NodeConfiguration, _ message: String) -> Failure {
  wrong(configuration, "genesis", "genesis: \(message)")
}

func wrong(_ configuration: NodeConfiguration, _ key: String, _ message: String) -> Failure {
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
