import Aggregation
import Consensus
import Cryptography
import HAL
import Node
import Packets
import SimulatedPlatform
import Units
import Wire

// A group under attack.
extension GroupWorld {
  /// Milliseconds since 1970.
  var wallMilliseconds: Int {
    Int(startMilliseconds) + tick * Int(Self.tickMilliseconds) + part * Int(Self.roundMilliseconds)
  }

  /// Whether a period just ended, or is about to.
  var isWorstMoment: Bool {
    let passed = wallMilliseconds - Siege.worstMilliseconds.lowerBound
    return passed % (Int(periodSeconds) * 1000) < Siege.worstMilliseconds.count
  }

  /// Bit i: member i is none of the liars, though they may be honest too.
  var honestMembers: UInt64 {
    var result: UInt64 = (1 << UInt64(members)) - 1
    for liar in swarm.liars { result &= ~(1 << UInt64(liar.member)) }
    return result
  }

  /// A round of the attack, and of the processors of those who are attacked.
  func besiege() {
    let room = Int(Self.roundMilliseconds) * 1000
    for party in parties where party.aggregator != nil {
      party.busyMicroseconds = max(0, party.busyMicroseconds - room)
      guard !party.inbox.isEmpty else { continue }
      let waiting = party.inbox
      party.inbox.removeAll(keepingCapacity: true)
      for flight in waiting { enqueue(flight, at: party) }
    }
    guard !isHealed else { return }
    // A meter behind a NAT comes from another port now and then.
    if part == 0, tick % (2 * ticksPerPeriod) == 7, let moved = parties.last, moved.meter != nil {
      moved.endpoint.port = 7000 + UInt16(truncatingIfNeeded: tick)
    }
    if part == 0, siege?.attack.hasRestarts == true { restartSomebody() }
    siege?.act(self)
    for party in parties {
      party.actor?.assault()
      party.faultyMeter?.assault()
    }
  }

  /// Every quarter of a period a meter begins anew, and in the middle of every other one a member.
  private func restartSomebody() {
    let passed = tick % (2 * ticksPerPeriod)
    var victim: GroupParty?
    if passed == ticksPerPeriod / 2 {
      let honest = (0..<members).filter { member in !swarm.liars.contains { $0.member == member } }
      victim = parties[honest[tick / (2 * ticksPerPeriod) % honest.count]]
    } else if passed % (ticksPerPeriod / 4) == 3 {
      victim = parties[members + 1 + tick / (ticksPerPeriod / 4) % (members * metersPerSet)]
    }
    guard let victim, victim.isUp, !victim.isLiar else { return }
    kill(victim, ticks: 3)
  }

  /// Hands a datagram over, or lets it wait while the node is busy.
  func enqueue(_ flight: Flight, at party: GroupParty) {
    guard party.busyMicroseconds < Int(Self.roundMilliseconds) * 1000 else {
      if party.inbox.count < SiegeBooks.waiting { party.inbox.append(flight) } else { siege?.outcome.overflowed += 1 }
      return
    }
    let before = party.aggregator?.node.linkStatistics.drops
    let checks = party.aggregator?.node.signatureChecks ?? 0
    deliver(flight, to: party)
    guard let cell = party.aggregator, let before else { return }
    let signatures = Int(cell.node.signatureChecks - checks) * SiegeBooks.signatureWork
    party.busyMicroseconds += Self.work(before, cell.node.linkStatistics.drops) + signatures
    siege?.outcome.longestBacklog = max(siege?.outcome.longestBacklog ?? 0, party.busyMicroseconds / 1000)
  }

  /// What a datagram cost the node that looked at it without signatures, by what it was dropped for.
  private static func work(_ before: InlineArray<17, UInt64>, _ after: InlineArray<17, UInt64>) -> Int {
    for reason in DropReason.allCases where after[Int(reason.rawValue)] > before[Int(reason.rawValue)] {
      switch reason {
      case .badSeal, .malformedBody, .notAllowed, .overBudget, .badSignature: return SiegeBooks.sealWork
      default: return SiegeBooks.dropWork
      }
    }
    return SiegeBooks.sealWork
  }
}
