import Aggregation
import Configuration
import HAL
import Node
import Packets
import Units

/// Whom a configuration makes of this process.
package func identifier(_ configuration: NodeConfiguration) -> Party {
  switch configuration.role {
  case .aggregator: .aggregator(ReplicaIndex(configuration.index))
  case .bookkeeper: .bookkeeper
  case .meter: .meter(MeterIndex(configuration.index), of: ReplicaIndex(configuration.owner))
  }
}

/// Whom this node exchanges packets with, and where they are thought to be.
package func peers(_ configuration: NodeConfiguration, _ genesis: Genesis) -> [Peer] {
  func guess(_ member: Int?) -> Endpoint? {
    let name = member.map { "aggregator-\($0 + 1)" } ?? "bookkeeper-1"
    return configuration.peers.first { $0.name == name }?.endpoint
  }
  if configuration.role == .aggregator { return aggregatorPeers(Int(configuration.index), genesis, guess) }
  return genesis.aggregators.indices.map { memberPeer($0, genesis, guess) }
}

private func memberPeer(_ member: Int, _ genesis: Genesis, _ guess: (Int?) -> Endpoint?) -> Peer {
  Peer(
    identifier: Party.aggregator(ReplicaIndex(UInt16(member))).rawValue,
    agreementKey: genesis.aggregators[member].agreementKey, endpoint: guess(member))
}

/// Whom an aggregator exchanges packets with, by identifier.
/// - Parameter guess: where a member is thought to be; nil asks for the bookkeeper.
package func aggregatorPeers(_ own: Int, _ genesis: Genesis, _ guess: (Int?) -> Endpoint?) -> [Peer] {
  var result: [Peer] = []
  result.reserveCapacity(genesis.aggregators.count + genesis.meterCount)
  for member in genesis.aggregators.indices where member != own { result.append(memberPeer(member, genesis, guess)) }
  result.append(
    Peer(
      identifier: Party.bookkeeper.rawValue, agreementKey: genesis.bookkeeper.agreementKey,
      endpoint: guess(nil)))
  for set in 0..<genesis.members {
    let owner = ReplicaIndex(set)
    for meter in 0..<genesis.meterCount(of: owner) {
      let index = MeterIndex(meter)
      result.append(
        Peer(
          identifier: Party.meter(index, of: owner).rawValue,
          agreementKey: genesis.agreementKey(index, of: owner), endpoint: nil, isQuiet: true))
    }
  }
  return result
}
