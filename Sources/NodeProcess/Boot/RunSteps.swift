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

// What ``run(_:)`` does, step by step.

/// - Throws: when libsodium would count other votes than the rest of the group.
func prepareProcess() throws(Failure) {
  ThisProcess.catchTermination()
  ThisProcess.forbidCoreDumps()
  // What members' libraries disagree about splits a group.
  guard CofactorlessCheck.passes else {
    throw Failure(
      "libsodium here checks signatures otherwise than 1.0.18, with the cofactor: others would count other votes")
  }
}

/// The number of this run, and of the one before it; 0 for none.
struct RunNumber {
  let own: UInt64
  let previous: UInt64
}

/// Proves the modulus, which is done once, and writes down that this run begins: durable before the first send, so that no nonce is ever
/// used twice. (DESIGN §5)
/// - Returns: nil on SIGTERM, which may come while the clock is not synchronised.
/// - Throws: with a configuration's exit code when the proof does not hold.
func beginRun(
  _ configuration: NodeConfiguration, _ genesis: Genesis, _ key: PublicKey, _ clock: LinuxClock,
  _ journal: inout FileJournal
) throws(Failure) -> RunNumber? {
  var refusal: ModulusRefusal?
  do throws(PlatformError) {
    var boot = BootCounter()
    var verdict = ModulusVerdict(about: genesis)
    try journal.replay { entry in
      boot.visit(entry)
      verdict.visit(entry)
    }
    refusal = try verdict.prove(genesis, key, in: &journal)
    if refusal == nil {
      guard let counter = bootCounter(boot, clock) else { return nil }
      try BootCounter.begin(counter, of: identifier(configuration), in: &journal)
      return RunNumber(own: counter, previous: boot.last)
    }
  } catch { throw Failure(configuration.data, error) }
  throw modulusRefused(configuration, "\(configuration.genesis): \(refusal.map { "\($0)" } ?? "")")
}

/// This run's boot counter; waits for a synchronised clock if need be. Nil on SIGTERM.
private func bootCounter(_ boot: BootCounter, _ clock: LinuxClock) -> UInt64? {
  var isTold = false
  while !ThisProcess.isTerminated {
    if let counter = boot.next(at: now(clock)) { return counter }
    if !isTold { printDiagnostic("waiting for the clock to be synchronised: the journal is empty") }
    isTold = true
    clock.sleep(until: clock.monotonic().adding(milliseconds: 200))
  }
  return nil
}

func makeHost(
  _ configuration: NodeConfiguration, _ genesis: Genesis, _ key: PublicKey, _ socket: consuming UDPSocket,
  _ journal: consuming FileJournal
) throws(Failure) -> LinuxHost {
  let outgoing: DatagramBatch
  do throws(PlatformError) { outgoing = try DatagramBatch(datagramBytes: Sealer.maximumDatagramBytes) } catch {
    throw Failure(configuration.data, error)
  }
  return LinuxHost(
    socket: socket, outgoing: outgoing, journal: journal,
    cells: FileCells(
      configuration.data + "/unpublished",
      cellBytes: AggregatorNode.cellBytes(genesis, ciphertextBytes: key.ciphertextBytes)),
    published: configuration.published.map { PublishedFolder($0, genesis) }, packetKeyLog: configuration.packetKeyLog)
}

/// With this run's first packet key, which is written into the log of packet keys where there is one.
func makeSealer(
  _ configuration: NodeConfiguration, _ genesis: Genesis, _ identity: borrowing Identity,
  _ signer: borrowing SigningKey, _ number: RunNumber, _ host: inout LinuxHost
) -> Sealer {
  let packetKey = SecretBytes(random: &host.random)
  host.packetKeyMade(packetKey, number: 1, bootCounter: number.own)
  return Sealer(
    identifier: identifier(configuration).rawValue, agreementKey: AgreementKey(seed: identity.agreementSeed),
    packetKeySeed: packetKey, signer: signer, bootCounter: number.own, run: RunIdentifier(random: &host.random),
    previousBootCounter: number.previous, networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch,
    peers: peers(configuration, genesis), packetKeyMilliseconds: configuration.packetKeySeconds * 1000)
}

func pacing(_ configuration: NodeConfiguration) -> PacingLimits {
  // The parser refuses what the pacing cannot do.
  precondition(NodeConfiguration.linkBitsPerSecond == PacingLimits.linkBitsPerSecond)
  return configuration.linkBitsPerSecond.map { PacingLimits(linkBitsPerSecond: $0) } ?? PacingLimits()
}
