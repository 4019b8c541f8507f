import Node
import Packets
import Testing
import Units
import Wire

@Suite("Which run this is, from what members claim (DESIGN §3.3; consensus rules 44, K3, K4)")
struct RunConfirmationTests {
  static let own = RunIdentifier(FixedBytes(InlineArray(repeating: 1)))!
  static let other = RunIdentifier(FixedBytes(InlineArray(repeating: 2)))!
  /// Above which no claim is followed.
  static let most = UInt64.max >> 1

  /// Of a group of four: run 100 after run 50, f = 1.
  static func runs(needed: UInt16 = 2, faults: UInt16 = 1) -> RunConfirmation {
    RunConfirmation(run: own, bootCounter: 100, previousBootCounter: 50, faults: faults, needed: needed)
  }
  static func claim(_ known: UInt64, _ run: RunIdentifier? = nil, previous: UInt64 = 0) -> RunClaim {
    RunClaim(known: known, previous: previous, run: run)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Of members 0, 1, …
    let claims: [RunClaim]
    var isConfirmed = false
    var forgotten: UInt64?
    var next: UInt64?
    var heard: UInt64 = 0
  }

  static let cases = [
    Case(testDescription: "nobody spoke", claims: []),
    Case(testDescription: "one knows of it", claims: [claim(100, own)]),
    Case(testDescription: "two know of it", claims: [claim(100, own), claim(100, own)], isConfirmed: true),
    Case(testDescription: "a counter alone is no acknowledgement", claims: [claim(100), claim(100), claim(100)]),
    Case(testDescription: "earlier runs it knows of say nothing", claims: [claim(50, other), claim(9), claim(0)]),
    Case(
      testDescription: "one claims a later run, two know of it",
      claims: [claim(900), claim(100, own), claim(100, own)],
      isConfirmed: true, heard: 1),
    Case(
      testDescription: "two claim later runs: the lower one counts",
      claims: [claim(900, other), claim(700, other), claim(100, own)], forgotten: 700, next: 701, heard: 2),
    Case(
      testDescription: "three claim: the second highest counts", claims: [claim(700), claim(900), claim(800)],
      forgotten: 800, next: 801, heard: 3),
    Case(
      testDescription: "two know of it and of a run between, which its disk lost",
      claims: [claim(100, own, previous: 80), claim(100, own, previous: 70)], forgotten: 70, heard: 2),
    Case(
      testDescription: "one of them does", claims: [claim(100, own, previous: 80), claim(100, own, previous: 50)],
      isConfirmed: true, heard: 1),
    Case(
      testDescription: "two know another process under its counter, from a copied card",
      claims: [claim(100, other), claim(100, other)], forgotten: 100, next: 101, heard: 2),
    Case(
      testDescription: "one does, two know of it", claims: [claim(100, other), claim(100, own), claim(100, own)],
      isConfirmed: true, heard: 1),
    Case(
      testDescription: "the highest that may be followed", claims: [claim(most), claim(most)], forgotten: most,
      next: most + 1, heard: 2),
  ]

  @Test("follows the rule", arguments: cases)
  func rule(example: Case) {
    var runs = Self.runs()
    for (member, claim) in example.claims.enumerated() { runs.hear(claim, from: ReplicaIndex(UInt16(member))) }
    #expect(runs.isConfirmed == example.isConfirmed)
    #expect(runs.forgottenCounter == example.forgotten)
    #expect(runs.nextBootCounter == example.next)
    #expect(runs.counts.heard == example.heard && runs.counts.followed == 0)
    #expect(runs.claimants == Int(example.heard))
  }

  @Test("one member that says everything, and says it again, is one member", arguments: [1, 2] as [UInt16])
  func repetition(faults: UInt16) {
    var runs = Self.runs(needed: faults + 1, faults: faults)
    for counter in UInt64(90)...2000 {
      for liar in 0..<faults {
        runs.hear(Self.claim(counter, counter % 2 == 0 ? Self.own : nil, previous: 75), from: ReplicaIndex(liar))
      }
    }
    #expect(runs.forgottenCounter == nil && runs.claimants == Int(faults))
    // The liars' acknowledgements are f, and one more is needed.
    #expect(!runs.isConfirmed)
    runs.hear(Self.claim(100, Self.own), from: ReplicaIndex(faults))
    #expect(runs.isConfirmed)
  }

  @Test(
    "claims beyond half the range are refused, of however many, and leave counters for ever",
    arguments: [most + 1, .max - 1, .max])
  func outOfRange(counter: UInt64) {
    var runs = Self.runs()
    for member in UInt16(0)..<4 {
      runs.hear(Self.claim(counter, Self.other), from: ReplicaIndex(member))
      runs.hear(Self.claim(100, Self.own, previous: counter), from: ReplicaIndex(member))
    }
    #expect(runs.forgottenCounter == nil && runs.isConfirmed)
    #expect(runs.counts.heard == 8 && runs.counts.outOfRange == 8 && runs.claimants == 0)
  }

  @Test("once above, it needs acknowledgements of the new counter, and what it went above is no claim any more")
  func goesOn() {
    var runs = Self.runs()
    for member in UInt16(0)..<2 {
      runs.hear(Self.claim(100, Self.own), from: ReplicaIndex(member))
      runs.hear(Self.claim(700, Self.other), from: ReplicaIndex(member))
    }
    #expect(runs.nextBootCounter == 701)
    runs.accept(goingOnAt: 701)
    #expect(runs.forgottenCounter == nil && !runs.isConfirmed && runs.counts.followed == 1 && runs.claimants == 0)
    // On their way, of the old counter.
    for member in UInt16(0)..<4 { runs.hear(Self.claim(100, Self.own), from: ReplicaIndex(member)) }
    #expect(!runs.isConfirmed && runs.claimants == 0)
    for member in UInt16(0)..<2 { runs.hear(Self.claim(701, Self.own, previous: 700), from: ReplicaIndex(member)) }
    #expect(runs.isConfirmed && runs.forgottenCounter == nil)
    // Later ones know of one that is later still.
    for member in UInt16(2)..<4 { runs.hear(Self.claim(900, Self.other), from: ReplicaIndex(member)) }
    #expect(!runs.isConfirmed && runs.nextBootCounter == 901)
  }

  @Test("a run between the last in the journal and this one needs no other counter, only care")
  func between() {
    var runs = Self.runs()
    for member in UInt16(0)..<2 { runs.hear(Self.claim(100, Self.own, previous: 80), from: ReplicaIndex(member)) }
    #expect(runs.forgottenCounter == 80 && runs.nextBootCounter == nil && !runs.isConfirmed)
    runs.accept(goingOnAt: nil)
    #expect(runs.isConfirmed && runs.counts.followed == 1)
    for member in UInt16(0)..<2 { runs.hear(Self.claim(100, Self.own, previous: 80), from: ReplicaIndex(member)) }
    #expect(runs.isConfirmed && runs.counts.heard == 2)
  }

  @Test("a node that signs nothing needs nobody, and follows f + 1 all the same")
  func bookkeeper() {
    var runs = Self.runs(needed: 0)
    #expect(runs.isConfirmed)
    runs.hear(Self.claim(700), from: ReplicaIndex(0))
    #expect(runs.isConfirmed)
    runs.hear(Self.claim(900), from: ReplicaIndex(63))
    #expect(runs.nextBootCounter == 701)
  }
}

@Suite("Groups in which runs are lied about, copied and forgotten")
struct RunClaimTests {
  @Test(
    "one liar that claims a later run costs whoever restarts nothing",
    arguments: [2_000_000, 5000, UInt64.max >> 1, 1 << 63, .max] as [UInt64])
  func liar(claimed: UInt64) {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    let rogue = Rogue.aggregator(3, of: group)
    rogue.claimedBoot = claimed
    group.killAggregator(0)
    group.startAggregator(0)
    group.restartMeter(1, 0)
    let boots = [group.aggregators[0]!.host.boot, group.meters[1][0]!.host.boot]
    for _ in 0..<6 {
      rogue.greet(Group.aggregatorName(0))
      rogue.greet(Group.meterName(1, 0))
    }
    #expect(group.aggregators[0]!.isConfirmed && group.meters[1][0]!.isConfirmed)
    #expect(group.aggregators[0]!.node.votingFloor == Period(0))
    let links = [group.aggregators[0]!.node.linkStatistics, group.meters[1][0]!.node.linkStatistics]
    #expect(links.map { $0.bootCounter } == boots)
    for link in links {
      #expect(link.runClaims.heard > 0 && link.runClaims.followed == 0)
      #expect((link.runClaims.outOfRange > 0) == (claimed > UInt64.max >> 1))
      #expect(link.runClaimants == (claimed > UInt64.max >> 1 ? 0 : 1))
    }
    // Not even the period in which they restarted is lost, by the meter neither.
    #expect(group.run(untilAtMost: 3) { group.isSettled(through: 1003) })
    for period in UInt64(1001)...1003 { #expect(group.publishedCount(period) == 4) }
    #expect(group.reckon() == [])
  }

  @Test("a meter from a copied card goes above the one that is known, and what that one signed it does not sign again")
  func copiedCard() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    let name = Group.meterName(2, 1)
    group.killMeter(2, 1)
    // No clock: the next counter follows from the journal alone, twice the same.
    let state = group.clock.state()
    let image = group.disks[name.rawValue]!.image()
    group.clock.set(wall: group.clock.wall(), state: .unsynchronised)
    group.startMeter(2, 1)
    group.clock.set(wall: group.clock.wall(), state: state)
    let first = group.meters[2][1]!.host.boot
    group.run(toEndOf: 1002, plus: 1000)
    #expect(group.meters[2][1]!.node.lastClosed == Period(1002))
    group.killMeter(2, 1)
    group.disks[name.rawValue] = image
    group.clock.set(wall: group.clock.wall(), state: .unsynchronised)
    group.startMeter(2, 1)
    group.clock.set(wall: group.clock.wall(), state: state)
    #expect(group.meters[2][1]!.host.boot == first)
    group.run(milliseconds: 1500)
    #expect(group.meters[2][1]!.node.linkStatistics.bootCounter == first + 1)
    #expect(group.meters[2][1]!.isConfirmed && group.meters[2][1]!.node.linkStatistics.runClaims.followed == 1)
    #expect(group.run(untilAtMost: 4) { group.isSettled(through: 1004) })
    #expect(group.reckon() == [])
    for process in group.aggregators {
      #expect(process!.node.evidenceCount == 0)
      #expect(process!.drops(.otherRun) + process!.drops(.replayed) > 0)
    }
  }
}
