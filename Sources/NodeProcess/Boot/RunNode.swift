import Aggregation
import Commands
import Configuration
import Cryptography
import HAL
import LinuxPlatform
import Node
import Packets
import Paillier
import Units

/// Runs one node until SIGTERM: everything that stands before its first packet, in the order that its safety asks for, then its loop.
package func run(_ node: LoadedNode) throws(Failure) {
  try prepareProcess()
  let configuration = node.configuration
  let checked = try check(node)
  let name = checked.name
  let genesis = checked.genesis
  let warnings = checked.warnings
  _ = consume checked
  let publicKey = try loadPublicKey(genesis)
  let identity = try Identity(path: configuration.key)
  var journal = try openJournal(configuration, genesis)
  for warning in warnings { printDiagnostic("\(name): warning: \(warning)") }
  let start = firstPeriodBegins(genesis)
  if wallTime() < start { printDiagnostic("\(name): \(tellFirstPeriod(start, at: wallTime()))") }
  let socket = try openSocket(configuration)
  let clock = LinuxClock(trustingWallClock: configuration.trustsClock)
  guard let number = try beginRun(configuration, genesis, publicKey, clock, &journal) else { return }
  var host = try makeHost(configuration, genesis, publicKey, socket, journal)
  let signer = SigningKey(seed: identity.signingSeed)
  let sealer = makeSealer(configuration, genesis, identity, signer, number, &host)
  let place = StatusPlace(
    folder: configuration.data, node: name, firstPeriodBegins: start, startedAt: clock.monotonic())
  switch configuration.role {
  case .aggregator:
    // The sealer has agreed with everybody, and nobody else holds the genesis now: its agreement keys go.
    var role = AggregatorRun(
      AggregatorNode(
        genesis: (consume genesis).withoutAgreementKeys(), key: publicKey, index: ReplicaIndex(configuration.index),
        signer: signer, sealer: sealer, pacing: pacing(configuration)))
    try follow(&role, host, clock, place)
  case .bookkeeper:
    let key = try loadPaillierKey(configuration.data + "/paillier.key")
    var role = BookkeeperRun(name, BookkeeperNode(genesis: genesis, key: key, signer: signer, sealer: sealer))
    try follow(&role, host, clock, place)
  case .meter:
    let meter = MeterNode(
      genesis: genesis, encryptor: Encryptor(publicKey, using: &host.random), owner: ReplicaIndex(configuration.owner),
      index: MeterIndex(configuration.index), signer: signer,
      closingKey: SelfSealingKey(SecretBytes(copying: identity.closingSeed.span)), sealer: sealer)
    var role = try MeterRun(name, meter, node, clock)
    try follow(&role, host, clock, place)
  }
}

/// Restores a role from its journal, and runs it until SIGTERM.
private func follow<Role: RunningRole & ~Copyable>(
  _ role: inout Role, _ host: consuming LinuxHost, _ clock: LinuxClock, _ place: StatusPlace
) throws(Failure) {
  let end: Failure?
  do throws(PlatformError) {
    try role.restore(from: &host)
    var loop = try NodeLoop(host, clock, place)
    end = try loop.run(&role)
  } catch { throw Failure(place.folder, error) }
  if let end { throw end }
}
