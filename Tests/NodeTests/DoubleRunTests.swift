import Consensus
import Cryptography
import HAL
import Node
import Packets
import SimulatedPlatform
import Testing
import Units
import Wire

@Suite("Which of two runs of one key ends (DESIGN §3.3)")
struct LaterRunTests {
  private static let own = RunConfirmationTests.own
  private static let other = RunConfirmationTests.other

  /// Of a group of four: run 100 after run 50, f = 1.
  private static func runs(faults: UInt16 = 1) -> RunConfirmation {
    RunConfirmation(run: own, bootCounter: 100, previousBootCounter: 50, faults: faults, needed: faults + 1)
  }
  private static let knows = RunClaim(known: 100, previous: 50, run: own)
  private static func later(_ counter: UInt64, previous: UInt64 = 100) -> RunClaim {
    RunClaim(known: counter, previous: previous, run: other)
  }

  @Test(
    "a run ends when f + 1 members that knew it went over to a later one, and not when f did",
    arguments: 0...3 as ClosedRange<UInt16>)
  func threshold(faults: UInt16) {
    var runs = Self.runs(faults: faults)
    for member in 0..<(3 * faults + 1) { runs.hear(Self.knows, from: ReplicaIndex(member)) }
    for member in 0..<faults {
      for counter in UInt64(101)..<120 { runs.hear(Self.later(counter), from: ReplicaIndex(member)) }
    }
    #expect(runs.laterRun == nil)
    runs.hear(Self.later(105), from: ReplicaIndex(faults))
    #expect(runs.laterRun == 105)
  }

  @Test("what is told is no higher than what an honest member knows")
  func honest() {
    var runs = Self.runs()
    for member in UInt16(0)..<4 { runs.hear(Self.knows, from: ReplicaIndex(member)) }
    runs.hear(Self.later(1 << 40), from: ReplicaIndex(3))
    for member in UInt16(0)..<3 { runs.hear(Self.later(300), from: ReplicaIndex(member)) }
    #expect(runs.laterRun == 300)
  }

  @Test("members that never knew this run end nothing: they may know one that is long dead")
  func strangers() {
    var runs = Self.runs()
    for member in UInt16(0)..<2 { runs.hear(Self.knows, from: ReplicaIndex(member)) }
    for member in UInt16(2)..<4 { runs.hear(Self.later(900), from: ReplicaIndex(member)) }
    #expect(runs.laterRun == nil)
    // One of them that knew it, and a liar that says so, are two that did.
    runs.hear(Self.knows, from: ReplicaIndex(3))
    runs.hear(Self.later(900), from: ReplicaIndex(3))
    #expect(runs.laterRun == nil)
    runs.hear(Self.later(901), from: ReplicaIndex(0))
    #expect(runs.laterRun == 900)
  }

  @Test(
    "neither another process under the same counter, nor a run between, nor a claim beyond half the range ends a run",
    arguments: [
      RunClaim(known: 100, previous: 50, run: RunConfirmationTests.other), RunClaim(known: 100, previous: 99, run: nil),
      RunClaim(known: 99, previous: 0, run: RunConfirmationTests.other),
      RunClaim(known: 100, previous: 900, run: RunConfirmationTests.own),
      RunClaim(known: UInt64.max >> 1 + 1, previous: 100, run: nil), RunClaim(known: .max, previous: 100, run: nil),
    ])
  func otherClaims(claim: RunClaim) {
    var runs = Self.runs()
    for member in UInt16(0)..<4 {
      runs.hear(Self.knows, from: ReplicaIndex(member))
      runs.hear(claim, from: ReplicaIndex(member))
    }
    #expect(runs.laterRun == nil)
  }

  @Test("a run that went above begins anew: who knew it before has to know it again")
  func above() {
    var runs = Self.runs()
    for member in UInt16(0)..<2 {
      runs.hear(Self.knows, from: ReplicaIndex(member))
      runs.hear(Self.later(700), from: ReplicaIndex(member))
    }
    #expect(runs.laterRun == 700)
    runs.accept(goingOnAt: 701)
    #expect(runs.laterRun == nil)
    for member in UInt16(0)..<2 { runs.hear(Self.later(800), from: ReplicaIndex(member)) }
    #expect(runs.laterRun == nil)
  }
}

@Suite("Who notices two runs of one key (DESIGN §3.3)")
struct DoubleRunsTests {
  private static func status(_ seconds: UInt64, _ clock: ClockState = .synchronised) -> StatusBody {
    StatusBody(
      previousBootCounter: 0, knownBootCounter: 0, keyNumber: 1, knownKeyNumber: 0, packetKey: FixedBytes(),
      signature: Signature(), run: RunConfirmationTests.own, knownRun: nil,
      wall: WallTime(nanoseconds: seconds * 1_000_000_000), clock: clock, wantsAnswer: false)
  }
  private static func older(_ seconds: UInt64, _ clock: ClockState = .synchronised, peer: Int = 1) -> OtherRunStatus {
    OtherRunStatus(peer: peer, bootCounter: 7, status: status(seconds, clock))
  }

  @Test("what an older run said before the newer one began may be a recording; what it says of later is not")
  func recording() {
    var doubles = DoubleRuns(peers: 3)
    doubles.begin(1)
    doubles.hear(Self.status(1000), of: 1)
    for seconds: UInt64 in [0, 1, 999, 1000] { doubles.hear(Self.older(seconds), node: 40, newer: 9) }
    #expect(doubles.count == 0 && doubles.isInDoubt(1))
    doubles.hear(Self.older(1001), node: 40, newer: 9)
    #expect(doubles.count == 1 && !doubles.isInDoubt(1))
    #expect(doubles.take() == DoubleRun(node: 40, older: 7, newer: 9))
  }

  @Test("it is told once, and once more when a third run begins")
  func once() {
    var doubles = DoubleRuns(peers: 3)
    doubles.begin(1)
    doubles.hear(Self.status(1000), of: 1)
    for seconds: UInt64 in 1001...1100 {
      doubles.hear(Self.older(seconds), node: 40, newer: 9)
      doubles.hear(Self.status(seconds), of: 1)
    }
    #expect(doubles.count == 1 && doubles.take() != nil && doubles.take() == nil)
    doubles.begin(1)
    doubles.hear(Self.status(2000), of: 1)
    doubles.hear(Self.older(2001), node: 40, newer: 12)
    #expect(doubles.count == 2 && doubles.take()?.newer == 12)
  }

  @Test("without a clock on both sides, and of a peer that was not heard itself, nothing can be told")
  func clockless() {
    var doubles = DoubleRuns(peers: 3)
    doubles.hear(Self.older(5000), node: 40, newer: 0)
    doubles.begin(1)
    doubles.hear(Self.status(1000, .unsynchronised), of: 1)
    doubles.hear(Self.older(5000), node: 40, newer: 9)
    #expect(doubles.count == 0 && !doubles.isInDoubt(1))
    // Its clock is set a little later.
    doubles.hear(Self.status(1010), of: 1)
    doubles.hear(Self.older(5000, .unsynchronised), node: 40, newer: 9)
    #expect(doubles.count == 0 && doubles.isInDoubt(1))
    doubles.hear(Self.older(1011), node: 40, newer: 9)
    #expect(doubles.count == 1)
    #expect(!doubles.isInDoubt(0) && !doubles.isInDoubt(2))
  }

  @Test("the farthest times trap nothing")
  func farthest() {
    var doubles = DoubleRuns(peers: 2)
    var status = Self.status(0)
    status.wall = WallTime(nanoseconds: .max)
    doubles.begin(1)
    doubles.hear(status, of: 1)
    doubles.hear(OtherRunStatus(peer: 1, bootCounter: 7, status: status), node: 40, newer: 9)
    #expect(doubles.count == 1)
  }

  @Test("more than are waited for are counted and not named")
  func many() {
    let peers = DoubleRuns.maximumUntold + 3
    var doubles = DoubleRuns(peers: peers)
    for peer in 0..<peers {
      doubles.begin(peer)
      doubles.hear(Self.status(1000), of: peer)
      doubles.hear(Self.older(1001, peer: peer), node: UInt32(peer), newer: 9)
    }
    #expect(doubles.count == UInt64(peers))
    var named = 0
    while doubles.take() != nil { named += 1 }
    #expect(named == DoubleRuns.maximumUntold)
  }
}

@Suite("Groups with two runs of one key")
struct DoubleRunGroupTests {
  /// Where a copy is.
  private static let elsewhere = Endpoint(ipv4: 10, 200, 0, 1, port: 7000)

  private static func count(_ group: Group) -> [UInt64] {
    group.aggregators.map { $0!.node.linkStatistics.doubleRuns }
  }

  @Test("a meter whose card was copied: the older run ends, the newer one goes on, and members say so once")
  func meter() throws {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    let name = Group.meterName(2, 1)
    let older = group.meters[2][1]!
    group.disks[name.rawValue] = group.disks[name.rawValue]!.image()
    group.places[name] = Self.elsewhere
    group.startMeter(2, 1)
    let boots = [older.host.boot, group.meters[2][1]!.host.boot]
    #expect(boots[1] > boots[0])
    var endedAfter: Int?
    for step in 0..<80 {
      group.step()
      guard older.node.laterRun == nil else {
        endedAfter = endedAfter ?? step
        continue
      }
      try group.turn(older, group.registers(2, 1), at: group.now)
    }
    // Within two periods of 4 s: it speaks when it has something to say.
    #expect(endedAfter != nil)
    #expect(older.node.laterRun == boots[1])
    #expect(group.meters[2][1]!.node.laterRun == nil && group.meters[2][1]!.isConfirmed)
    #expect(Self.count(group).reduce(0, +) > 0)
    #expect(Self.count(group).allSatisfy { $0 <= 1 })
    let told = group.aggregators.compactMap { $0!.node.takeDoubleRun() }
    #expect(told.allSatisfy { $0 == DoubleRun(node: name.rawValue, older: boots[0], newer: boots[1]) })
    #expect(UInt64(told.count) == Self.count(group).reduce(0, +))
    #expect(group.run(untilAtMost: 6) { group.meters[2][1]!.node.coveredThrough >= Period(1004) })
  }

  @Test("an aggregator that was replaced while it is on: the older run ends, and its group goes on with the newer one")
  func aggregator() throws {
    var options = GroupOptions()
    options.periodSeconds = 8
    let group = Group(options)
    group.run(toEndOf: 1001, plus: 4000)
    let name = Group.aggregatorName(1)
    let older = group.aggregators[1]!
    group.disks[name.rawValue] = group.disks[name.rawValue]!.image()
    group.places[name] = Self.elsewhere
    group.startAggregator(1)
    let newer = group.aggregators[1]!.host.boot
    for _ in 0..<160 where older.node.laterRun == nil {
      group.step()
      try group.turn(older, at: group.now)
    }
    #expect(older.node.laterRun == newer)
    #expect(group.aggregators[1]!.node.laterRun == nil)
    let counts = Self.count(group)
    // It may be told before anybody heard both.
    #expect(counts.allSatisfy { $0 <= 1 } && counts[1] == 0)
    #expect(group.run(untilAtMost: 6) { (0..<4).allSatisfy { group.aggregators[1]!.headPeriod($0) >= 1004 } })
  }

  @Test("two bookkeepers do not go above each other without end: the older one ends")
  func bookkeeper() throws {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    let older = group.bookkeeper!
    group.disks[Party.bookkeeper.rawValue] = group.disks[Party.bookkeeper.rawValue]!.image()
    group.places[.bookkeeper] = Self.elsewhere
    group.startBookkeeper()
    let newer = group.bookkeeper!.host.boot
    for _ in 0..<120 where older.node.laterRun == nil {
      group.step()
      try group.turn(older, at: group.now)
    }
    #expect(older.node.laterRun == newer)
    #expect(older.node.linkStatistics.bootCounter == older.host.boot)
    #expect(group.bookkeeper!.node.linkStatistics.bootCounter == newer && group.bookkeeper!.node.laterRun == nil)
    #expect(group.run(untilAtMost: 4) { group.publishedCount(1002) == 4 })
  }

  @Test("one liar that knew a run and claims a later one ends nobody's")
  func liar() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    let rogue = Rogue.aggregator(3, of: group)
    rogue.greet()
    rogue.greet(Group.meterName(1, 0))
    for claimed: UInt64 in [2_000_000, 3_000_000, .max >> 1] {
      rogue.claimedBoot = claimed
      for name in [Group.aggregatorName(0), Group.meterName(1, 0), .bookkeeper] { rogue.greet(name) }
    }
    #expect(group.aggregators[0]!.node.linkStatistics.runClaimants == 1)
    #expect(group.meters[1][0]!.node.linkStatistics.runClaimants == 1)
    #expect(group.aggregators[0]!.node.laterRun == nil && group.meters[1][0]!.node.laterRun == nil)
    #expect(group.bookkeeper!.node.laterRun == nil)
  }

  @Test("a node that restarts has nobody told of two runs, whoever plays its old packets again")
  func restart() {
    let group = Group()
    let name = Group.aggregatorName(1)
    var kept: [[UInt8]] = []
    let rogue = Rogue.aggregator(1, of: group)
    rogue.claimedWall = group.now.wall.nanoseconds
    rogue.greet()
    let peers = [Group.aggregatorName(0), Group.aggregatorName(2)]
    for peer in peers { kept.append(rogue.greeting(to: peer)) }
    group.run(milliseconds: 2000)
    let successor = Rogue(group, name, group.aggregatorSeeds[1], boot: 1_000_001)
    successor.claimedWall = group.now.wall.nanoseconds
    successor.greet()
    let before = peers.map { group.aggregators[Int($0.rawValue)]!.drops(.staleBoot) }
    for (peer, datagram) in zip(peers, kept) { rogue.post(datagram, to: Group.endpoint(peer)) }
    group.step()
    for (place, peer) in peers.enumerated() {
      let judge = group.aggregators[Int(peer.rawValue)]!
      #expect(judge.drops(.staleBoot) > before[place])
      #expect(judge.node.linkStatistics.doubleRuns == 0)
    }
    // And one that is alive is told of.
    rogue.claimedWall = group.now.wall.nanoseconds
    rogue.post(rogue.greeting(to: peers[0]), to: Group.endpoint(peers[0]))
    group.step()
    #expect(group.aggregators[0]!.node.linkStatistics.doubleRuns == 1)
    #expect(group.aggregators[2]!.node.linkStatistics.doubleRuns == 0)
  }
}
