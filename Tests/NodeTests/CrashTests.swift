import Aggregation
import Consensus
import HAL
import Node
import Packets
import SimulatedPlatform
import Testing
import Units
import Wire

/// Which process crashes.
enum Victim: String, CaseIterable, Sendable {
  case primary, backup, meter, bookkeeper

  var name: Party {
    switch self {
    // primary(owner, period, 0) = (owner + period) mod 4; set 0 in period 1001 is led by aggregator 1.
    case .primary: Group.aggregatorName(1)
    case .backup: Group.aggregatorName(2)
    case .meter: Group.meterName(0, 1)
    case .bookkeeper: .bookkeeper
    }
  }
}

@Suite("A crash between any two doings of a node")
struct CrashTests {
  private func start(_ victim: Victim, in group: Group) {
    switch victim {
    case .primary: group.startAggregator(1)
    case .backup: group.startAggregator(2)
    case .meter: group.startMeter(0, 1)
    case .bookkeeper: group.startBookkeeper()
    }
  }

  /// How much a node does in two periods, so that each of it can be where it crashes.
  private func doings(_ victim: Victim) -> Int {
    let group = Group()
    group.run(toEndOf: 1000, plus: 3000)
    let before = group.fuses[victim.name.rawValue]!.count
    group.run(toEndOf: 1002, plus: 3000)
    return group.fuses[victim.name.rawValue]!.count - before
  }

  @Test(
    "loses nothing, doubles nothing and makes nobody a liar (consensus rules 23, 39, 40)",
    arguments: Victim.allCases)
  func crash(victim: Victim) {
    let total = doings(victim)
    #expect(total > 10)
    var boundary = 0
    var wrong: [String] = []
    while boundary < total {
      let group = Group()
      group.run(toEndOf: 1000, plus: 3000)
      group.fuses[victim.name.rawValue]!.remaining = boundary
      var isDown = false
      for _ in 0..<200 where !isDown {
        group.step()
        isDown = group.fuses[victim.name.rawValue]!.isBlown
      }
      group.run(milliseconds: 700)
      start(victim, in: group)
      let target = max(group.period, 1002)
      if !group.run(untilAtMost: 5, { group.isSettled(through: target) }) {
        wrong.append("boundary \(boundary): not settled through \(target)")
      }
      for reason in group.reckon() { wrong.append("boundary \(boundary): \(reason)") }
      for process in group.aggregators where process!.node.evidenceCount > 0 {
        wrong.append("boundary \(boundary): evidence against an honest node")
      }
      // Of a few hundred sends, a fifth are enough; every append and sync stands among few sends.
      boundary += total > 120 ? 5 : 1
    }
    #expect(wrong == [])
  }

  @Test(
    "a meter whose last entry was damaged, which looks torn, makes no second record of a period that ended",
    arguments: [false, true])
  func damagedTail(crashesAgain: Bool) {
    let group = Group()
    group.run(toEndOf: 1000, plus: 2000)
    // A primary waits for the other meter of the set, a quarter of the period.
    group.killMeter(0, 1)
    group.run(toEndOf: 1001, plus: 200)
    let name = Group.meterName(0, 0).rawValue
    let isHeld = group.aggregators.contains {
      $0!.node.held(ReplicaIndex(0), Period(1001)).contains(MeterIndex(0))
    }
    #expect(isHeld)
    group.killMeter(0, 0)
    // The record that some aggregator has.
    group.disks[name]!.damage(at: group.disks[name]!.byteCount - 1)
    group.startMeter(0, 0)
    if crashesAgain {
      group.run(milliseconds: 500)
      group.restartMeter(0, 0)
    }
    group.run(milliseconds: 1000)
    group.startMeter(0, 1)
    #expect(group.run(untilAtMost: 5) { group.isSettled(through: 1004) })
    for process in group.aggregators {
      let evidence = process!.node.evidenceCount
      #expect(evidence == 0)
    }
    #expect(group.reckon() == [])
  }

  @Test("a journal that fails stops the node before it sends anything more (consensus rule 43)")
  func failedSync() {
    let group = Group()
    group.run(toEndOf: 1000, plus: 3000)
    let name = Group.aggregatorName(1).rawValue
    group.disks[name]!.nextFailure = PlatformError(.full)
    group.run(toEndOf: 1001, plus: 1000)
    #expect(group.aggregators[1] == nil)
    #expect(group.failures == ["1: \(PlatformError(.full))"])
    group.failures = []
    group.startAggregator(1)
    #expect(group.run(untilAtMost: 4) { group.isSettled(through: 1003) })
    #expect(group.reckon() == [])
  }

  @Test("a member that restarts while a primary is silent goes on waiting where it was (mutant waitsAnewAfterRestart)")
  func waitsOn() {
    var options = GroupOptions()
    options.periodSeconds = 8
    let group = Group(options)
    group.run(toEndOf: 1002, plus: 4000)
    // It leads set 0 in 1003; the next one is the only other that its meters' records go to at once.
    group.killAggregator(3)
    group.run(toEndOf: 1003, plus: 1900)
    group.restartAggregator(0)
    // All four sets are published after 4.4 s; after 6.3 s when it waits another quarter of the period from its restart on.
    group.run(toEndOf: 1003, plus: 5300)
    #expect(group.publishedCount(1003) == 4)
    #expect(group.run(untilAtMost: 3) { group.reckon() == [] })
  }

  @Test("a meter that restarts asks around for the proof it lacks (consensus rule C18; mutant proofAskedSeldom)")
  func asksAround() {
    var options = GroupOptions()
    options.periodSeconds = 8
    let group = Group(options)
    group.run(toEndOf: 1001, plus: 3000)
    // Its record has left, and it has heard of no certificate.
    group.run(toEndOf: 1002, plus: 100)
    group.killMeter(1, 1)
    group.run(toEndOf: 1002, plus: 3000)
    #expect(group.publishedCount(1002) == 4)
    group.startMeter(1, 1)
    let waiting = group.meters[1][1]!.node.outstandingCount
    #expect(waiting == 1)
    // It greets at once and asks twice in the first second; it would ask for the first time after 1.5 s.
    group.run(milliseconds: 1400)
    let left = group.meters[1][1]!.node.outstandingCount
    #expect(left == 0)
  }
}
