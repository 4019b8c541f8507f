import Commands
import HAL
import Node
import Units

/// Tells people what they should know of a running node.
struct NodeWatch {
  private var clocks: ClockWatch
  private let runs: RunWatch

  init(name: String) {
    clocks = ClockWatch(name: name)
    runs = RunWatch(name: name)
  }

  /// - Returns: why the node ends; nil while it need not.
  mutating func look<Node: TellingNode & ~Copyable>(at node: inout Node, _ now: Instant) -> Failure? {
    clocks.tell(node.clockVerdict, at: now)
    return runs.tell(&node)
  }
}

/// Tells people of two runs of one key: of a peer's, and of this node's own, which ends it.
private struct RunWatch {
  private let name: String

  init(name: String) { self.name = name }

  /// - Returns: why the node ends; nil while it need not.
  func tell<N: TellingNode & ~Copyable>(_ node: inout N) -> Failure? {
    while let double = node.takeDoubleRun() { tell(double) }
    return node.laterRun.map { ended(node.linkStatistics.bootCounter, by: $0) }
  }

  private func tell(_ double: DoubleRun) {
    let party = partyName(Party(double.node))
    printDiagnostic(
      "\(name): two runs of \(party) are alive, numbers \(double.older) and \(double.newer): its card or folder was copied, or its "
        + "old board is still on; the older one is not listened to")
  }

  /// - Returns: with the exit code that forbids another try: the run after this one would end the other, and so on without end.
  private func ended(_ own: UInt64, by later: UInt64) -> Failure {
    Failure(
      "\(name): another run of this node's key began after this one: number \(later), this is \(own). Its card or folder was copied, or "
        + "it was moved to another board; the members listen to the later run alone. This one ends; keep one of both",
      exitCode: Failure.configurationCode)
  }
}
