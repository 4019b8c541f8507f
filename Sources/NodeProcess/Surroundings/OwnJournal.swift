import Aggregation
import Commands
import Configuration
import HAL
import LinuxPlatform
import Node
import Units

/// How a node goes on whose journal is damaged.
private func journalRemedy(_ role: Role) -> String {
  switch role {
  case .meter:
    "move it away and start again: this meter gets its certified registers back from the group"
  case .aggregator:
    "move it away and start again, of at most f aggregators at a time: this one gets what is certified from the others, "
      + "and signs again after two periods"
  case .bookkeeper:
    "move it away and start again: what is published stays, and what is open is asked of the aggregators"
  }
}

func damage(_ path: String, _ condition: JournalCondition, _ role: Role) -> Finding {
  let place =
    condition.entries == 0
    ? "byte \(condition.goodBytes) of \(condition.bytes), before its first entry"
    : "byte \(condition.goodBytes) of \(condition.bytes), behind entry \(condition.entries - 1)"
  return Finding(
    check: "journal", isGood: false,
    detail: "\(path): damaged at \(place): what was on the card has changed", remedy: journalRemedy(role))
}

func ownJournal(_ configuration: NodeConfiguration, _ genesis: Genesis) -> (path: String, identity: JournalIdentity) {
  (
    configuration.data + "/journal",
    JournalIdentity(networkIdentifier: genesis.networkIdentifier, node: identifier(configuration).rawValue)
  )
}

/// - Throws: with a configuration's exit code, when the folder is another node's or another version's.
func openJournal(_ configuration: NodeConfiguration, _ genesis: Genesis) throws(Failure) -> FileJournal {
  let (path, own) = ownJournal(configuration, genesis)
  do throws(PlatformError) { return try FileJournal(path, as: own) } catch {
    switch error.kind {
    case .foreign: throw Failure(foreignJournal(path, own), exitCode: Failure.configurationCode)
    case .outdated, .newer: throw Failure("\(path): \(error)", exitCode: Failure.configurationCode)
    case .corrupted:
      guard let condition = try? FileJournal.examine(path, as: own), condition.state == .damaged else {
        throw Failure(path, error)
      }
      throw Failure(damage(path, condition, configuration.role).text)
    case .busy:
      throw Failure(
        "\(path): another process has it open; busbar status \(configuration.data) tells whether a node runs")
    default: throw Failure(path, error)
    }
  }
}

func foreignJournal(_ path: String, _ own: JournalIdentity) -> String {
  let other = try? FileJournal.identity(of: path)
  return "\(path): the journal of \(other.map(describe) ?? "another node"), not of \(describe(own))"
}

/// Whose a journal is, in words.
package func describe(_ owner: JournalIdentity) -> String {
  let node = Party(owner.node)
  let network = "network \(owner.networkIdentifier)"
  if let index = node.aggregatorIndex { return "aggregator-\(index.rawValue + 1) in \(network)" }
  if let meter = node.meter { return "meter \(meter.index) of set \(meter.owner) in \(network)" }
  return node.isBookkeeper ? "bookkeeper-1 in \(network)" : "node \(owner.node) in \(network)"
}
