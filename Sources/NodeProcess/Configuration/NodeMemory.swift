import Aggregation
import Commands
import Configuration
import Consensus
import LinuxPlatform
import Node
import Packets

func recordStoreBytes(_ node: LoadedNode, _ genesis: Genesis) -> Int {
  guard node.configuration.role == .aggregator else { return 0 }
  return AggregatorNode.recordStoreBytes(genesis, ciphertextBytes: 2 * genesis.modulus.count)
}

/// - Throws: when the board's budget is less than what the node takes at start, with what `busbar` itself has resident.
func memoryPlan(_ node: LoadedNode, _ genesis: Genesis) throws(Failure) -> MemoryPlan {
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
package var programBytes: Int { Int(max(0, ThisProcess.residentKilobytes)) * 1024 }
/// Rounded up.
package func kibibytes(_ bytes: Int) -> Int { (bytes + 1023) / 1024 }

/// Said where a dead or lying primary costs more than a view change.
package func warning(periodSeconds: UInt32, members: UInt16) -> String? {
  guard !AggregatorNode.viewsFit(periodSeconds: periodSeconds, members: members) else { return nil }
  let views = Quorum(members: members).faults + 1
  return
    "\(views) views do not fit into three quarters of \(periodSeconds) s: a set whose primaries fail is certified some periods later"
}
