import Consensus
import HAL
import Packets
import Units

/// Two runs of one peer's key that are both alive: its card or its folder was copied, or its old board is still on.
public struct DoubleRun: Equatable, Sendable {
  /// As ``Party/rawValue``.
  public let node: UInt32
  /// Boot counters: of the run that is not listened to, and of the one that is. Equal when both began under one.
  public let older: UInt64
  public let newer: UInt64

  /// Takes a party's number and both boot counters.
  public init(node: UInt32, older: UInt64, newer: UInt64) {
    self.node = node
    self.older = older
    self.newer = newer
  }
}

/// Finds peers whose key two processes use.
///
/// The older process is not listened to, and what it says may be a recording from before the newer one began. Both are told apart by
/// what the peer's own identity sealed: its older run told a later time than its newer run did when it was first heard. A board that
/// restarted cannot have done that, unless its clock was ahead, called itself synchronised, and somebody kept its packets. So this is
/// told to people and changes nothing in whom a node listens to.
package struct DoubleRuns: Sendable {
  /// What each peer costs.
  package static let peerBytes = MemoryLayout<UInt64>.stride
  /// Those that nobody took yet; further ones are counted alone.
  package static let maximumUntold = 8
  /// Stands for a peer of whose present run it was told.
  private static let told = UInt64.max

  /// Of each peer the time that its present run told first, in nanoseconds since 1970; 0 before it had one.
  private var begun: [UInt64]
  private var untold = InlineArray<8, DoubleRun>(repeating: DoubleRun(node: 0, older: 0, newer: 0))
  private var untoldCount = 0
  /// How many were found; each newer run counts once.
  package private(set) var count: UInt64 = 0

  package init(peers: Int) {
    precondition(Self.maximumUntold == 8)
    begun = Array(repeating: 0, count: peers)
  }

  /// Another run of this peer is listened to from now on.
  package mutating func begin(_ peer: Int) { begun[peer] = 0 }

  /// Takes a STATUS of the run that is listened to.
  package mutating func hear(_ status: StatusBody, of peer: Int) {
    guard begun[peer] == 0, status.clock == .synchronised else { return }
    begun[peer] = min(status.wall.nanoseconds, Self.told - 1)
  }

  /// Whether another run of this peer is worth a question: a newer answer may show that it is alive.
  package func isInDoubt(_ peer: Int) -> Bool { begun[peer] > 0 && begun[peer] != Self.told }

  /// Takes a STATUS of a run that is not listened to.
  /// - Parameter newer: the boot counter of the one that is.
  package mutating func hear(_ other: OtherRunStatus, node: UInt32, newer: UInt64) {
    guard isInDoubt(other.peer), other.status.clock == .synchronised,
      other.status.wall.nanoseconds > begun[other.peer] || mutated(.recordedRunTold), !mutated(.doubleRunUntold)
    else { return }
    begun[other.peer] = Self.told
    count += 1
    guard untoldCount < Self.maximumUntold else { return }
    untold[untoldCount] = DoubleRun(node: node, older: other.bootCounter, newer: newer)
    untoldCount += 1
  }

  /// One that was found and not taken before.
  package mutating func take() -> DoubleRun? {
    guard untoldCount > 0 else { return nil }
    untoldCount -= 1
    return untold[untoldCount]
  }
}
