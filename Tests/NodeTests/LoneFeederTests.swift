import Aggregation
import Consensus
import Cryptography
import Node
import Packets
import Testing
import Units
import Wire

@Suite("A slot is fed by nobody, or by as many as may stand together (DESIGN §2.2)")
struct LoneFeederTests {
  /// Three of six meters of each set measure exports.
  private static func options() -> GroupOptions {
    var options = GroupOptions()
    options.metersPerSet = 6
    options.exporters = 3
    return options
  }

  private static func bitmap(_ meters: Range<UInt16>) -> MeterBitmap {
    var bitmap = MeterBitmap()
    for meter in meters { bitmap.insert(MeterIndex(meter)) }
    return bitmap
  }

  @Test("one PV meter that is away holds back its like, nobody else, and no energy is lost")
  func heldBack() throws {
    let group = Group(Self.options())
    group.run(toEndOf: 1001, plus: 3000)
    #expect(try #require(group.certified(0, 1001)).contributors == Self.bitmap(0..<6))
    #expect(group.aggregators[1]!.node.waiting(1, of: ReplicaIndex(0)) == nil)
    group.killMeter(0, 0)
    group.run(toEndOf: 1004, plus: 3000)
    for period in 1002...1004 as ClosedRange<UInt64> {
      #expect(group.publishedCount(period) == 4, "\(period)")
      #expect(try #require(group.certified(0, period)).contributors == Self.bitmap(3..<6), "\(period)")
      #expect(try #require(group.certified(1, period)).contributors == Self.bitmap(0..<6), "\(period)")
    }
    // The two that are left have receipts, and nobody is convicted by them.
    #expect(group.meters[0][1]!.node.receiptCount > 0)
    #expect(group.meters[0][1]!.node.coveredThrough == Period(1001))
    // Who looks is told which slot waits, how many it has, and since when.
    for process in group.aggregators {
      let waiting = process!.node.waiting(1, of: ReplicaIndex(0))
      #expect(waiting?.since == Period(1002) && waiting?.feeders ?? 9 <= 2)
      #expect(process!.node.waiting(0, of: ReplicaIndex(0)) == nil)
      #expect(process!.node.waiting(1, of: ReplicaIndex(1)) == nil)
    }
    #expect(group.aggregators.contains { $0!.node.waiting(1, of: ReplicaIndex(0))?.feeders == 2 })
    group.startMeter(0, 0)
    #expect(group.run(untilAtMost: 4) { group.isSettled(through: 1005) })
    for process in group.aggregators { #expect(process!.node.waiting(1, of: ReplicaIndex(0)) == nil) }
    #expect(group.run(untilAtMost: 2) { group.reckon() == [] })
    #expect(group.reckon() == [] && group.brokenChains() == [])
    #expect(group.bookkeeper!.node.unreadableCount == 0)
    for process in group.aggregators { #expect(process!.node.evidenceCount == 0) }
  }

  @Test("a primary that counts two of three is refused, and nobody signs; without them it is not")
  func refused() {
    for (meters, isRefused) in [
      ([0, 1, 3, 4, 5], true), ([0, 3, 4, 5], true), ([3, 4, 5], false), ([0, 1, 2], false),
    ] {
      let primary = LyingPrimary(Self.options())
      let header = LyingPrimary.header(
        over: meters.map { primary.records[$0] }, of: primary.group, previous: primary.judge.head(0))
      primary.propose(header)
      #expect(primary.judge.refusals(HeaderRefusal.loneFeeder) == (isRefused ? 1 : 0), "\(meters)")
      #expect(primary.judge.hasSigned(0, 1002) == !isRefused, "\(meters)")
    }
  }

  @Test("a meter that has no export encrypts none, whatever its register says")
  func withoutExport() {
    let group = Group(Self.options())
    group.run(toEndOf: 1003, plus: 3000)
    var wrong: [String] = []
    let totals = group.publishedSums(reporting: &wrong)
    #expect(wrong == [])
    for owner in 0..<4 {
      func certified(_ index: Int) -> Int64 {
        group.meters[owner][index]!.node.certifiedRegisters!.activeEnergyExport.value
      }
      var exported: Int64 = 0
      for index in 0..<3 {
        exported += (certified(index) - group.answers[owner][index][0].activeEnergyExport.value) / 1000
      }
      #expect(exported > 0 && totals[owner][1] == exported)
      // What it does not measure it does not owe.
      let other = certified(5)
      #expect(other > group.answers[owner][5][0].activeEnergyExport.value)
    }
    #expect(group.reckon() == [])
  }
}

@Suite("A sum beyond what its contributors can have used is not published (DESIGN §2.2)")
struct MaximumEnergyTests {
  /// 4 s at 25 MW are 27,777 Wh a period and meter, and its house uses less than a third of it.
  private static func group() -> Group {
    var options = GroupOptions()
    options.maximumPowerWatts = 25_000_000
    return Group(options)
  }

  @Test(
    "up to the bound it is, above it is not, and the other sets' are",
    arguments: [
      ([0, 0], true), ([40_000, 0], true), ([1 << 40, 0], false), ([0, 1 << 40], false), ([-1 << 40, 0], false),
    ]
      as [([Int64], Bool)])
  func bound(values: [Int64], isPublished: Bool) {
    let group = Self.group()
    group.run(toEndOf: 1001, plus: 3000)
    group.killMeter(0, 0)
    let rogue = Rogue.meter(0, 0, of: group)
    rogue.greet()
    group.run(toEndOf: 1002, plus: 100)
    for member in 0..<4 {
      rogue.send(.record, group.record(0, 0, from: 1002, through: 1002, values: values), toAggregator: member)
    }
    group.run(toEndOf: 1002, plus: 3500)
    #expect((group.published.sums["1002-0"] != nil) == isPublished)
    #expect((group.published.unreadable["1002-0"] == nil) == isPublished)
    #expect(group.bookkeeper!.node.unreadableCount == (isPublished ? 0 : 1))
    for owner in 1..<4 { #expect(group.published.sums["1002-\(owner)"] != nil) }
    // The chain goes on.
    group.run(toEndOf: 1003, plus: 3500)
    #expect(group.published.sums["1003-0"] != nil && group.failures == [])
  }

  @Test(
    "it is as tight after the bookkeeper's restart, from its entries and from a snapshot of them",
    arguments: [false, true])
  func restarted(fromSnapshot: Bool) throws {
    let group = Self.group()
    group.run(toEndOf: 1008, plus: 3000)
    group.killMeter(0, 0)
    if fromSnapshot {
      let process = group.bookkeeper!
      try process.node.writeSnapshot(via: &process.host)
    }
    group.killBookkeeper()
    group.startBookkeeper()
    for owner in 0..<4 { #expect(group.bookkeeper!.publishedPosition(owner) == 8) }
    let rogue = Rogue.meter(0, 0, of: group)
    rogue.greet()
    group.run(toEndOf: 1009, plus: 100)
    // Above 8 periods of one meter, which is what four of them may have in one period and the one before; below 36, which they may have
    // had since their activation.
    for member in 0..<4 {
      rogue.send(.record, group.record(0, 0, from: 1009, through: 1009, values: [400_000, 0]), toAggregator: member)
    }
    group.run(toEndOf: 1009, plus: 3500)
    #expect(group.published.unreadable["1009-0"] != nil && group.published.sums["1009-0"] == nil)
    for owner in 1..<4 { #expect(group.published.sums["1009-\(owner)"] != nil) }
  }

  @Test("a meter that was away for long may have used more, and its sum is published")
  func away() {
    let group = Self.group()
    group.run(toEndOf: 1001, plus: 3000)
    group.killMeter(0, 0)
    group.run(toEndOf: 1010, plus: 3000)
    group.startMeter(0, 0)
    #expect(group.run(untilAtMost: 4) { group.isSettled(through: 1011) })
    #expect(group.run(untilAtMost: 2) { group.reckon() == [] })
    #expect(group.reckon() == [] && group.bookkeeper!.node.unreadableCount == 0)
  }
}
