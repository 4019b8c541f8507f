import Aggregation
import Consensus
import Node
import Packets
import SimulatedPlatform
import Testing
import Units
import Wire

/// Meters of set 0 that sign two records of each period, one for each of the aggregators they send to, for as long as they lie.
final class LyingMeters {
  let group: Group
  let rogues: [Rogue]
  var isLying = true
  private var saidThrough: UInt64

  init(_ meters: Range<Int>, of group: Group) {
    self.group = group
    saidThrough = group.period - 1
    rogues = meters.map { Rogue.meter(0, $0, of: group) }
    for rogue in rogues { rogue.greet() }
  }

  /// At a period's end says what there is to say, to the two primaries that meters send to; and again a while later.
  func step() {
    group.step()
    for rogue in rogues {
      rogue.listen()
      rogue.heard = []
    }
    let ended = group.period - 1
    let milliseconds = group.clock.wall().nanoseconds / 1_000_000 % (group.options.periodSeconds * 1000)
    guard ended > saidThrough, milliseconds >= 200 else { return }
    if milliseconds >= 900 { saidThrough = ended }
    guard [200, 500, 900].contains(milliseconds) else { return }
    let genesis = group.genesis
    for rogue in rogues {
      let meter = rogue.name.meter!.index
      let covered = group.aggregators.compactMap { $0?.node.coveredThrough(meter, of: ReplicaIndex(0)).rawValue }.max()!
      for view: UInt32 in 0...1 {
        let target = Int(genesis.context.primary(owner: ReplicaIndex(0), Round(Period(ended), View(view))).rawValue)
        let values: [Int64] = isLying ? [Int64(view) + 1, 2] : [7, 7]
        rogue.send(
          .record, group.record(0, Int(meter.rawValue), from: covered + 1, through: ended, values: values),
          toAggregator: target)
      }
    }
  }

  func run(toEndOf period: UInt64, plus milliseconds: UInt64) {
    let end = ((period + 1) * group.options.periodSeconds * 1000 + milliseconds) * 1_000_000
    while group.clock.wall().nanoseconds < end { step() }
  }
}

@Suite("Meters that contradict themselves (consensus rules 49, C6, C22)")
struct ContradictingMeterTests {
  private func group(metersPerSet: Int, exclusionPeriods: UInt32) -> Group {
    var options = GroupOptions(metersPerSet: metersPerSet)
    options.periodSeconds = 8
    options.exclusionPeriods = exclusionPeriods
    return Group(options)
  }

  private func bitmap(_ meters: Range<Int>) -> MeterBitmap {
    var bitmap = MeterBitmap()
    for meter in meters { bitmap.insert(MeterIndex(UInt16(meter))) }
    return bitmap
  }

  @Test(
    "seven of sixteen stop nobody: each period is certified, all seven are accused, left out as long as the genesis says, and counted again"
  )
  func seven() {
    let exclusion: UInt64 = 4
    let group = group(metersPerSet: 16, exclusionPeriods: UInt32(exclusion))
    group.run(toEndOf: 1001, plus: 6000)
    let liars = LyingMeters(0..<7, of: group)
    liars.run(toEndOf: 1007, plus: 6000)
    // Each of them was known by then. From here on they say one thing.
    liars.isLying = false
    liars.run(toEndOf: 1016, plus: 6000)
    var named = MeterBitmap()
    var excludedThrough: [UInt64] = Array(repeating: 0, count: 16)
    var countedAgain = MeterBitmap()
    for period: UInt64 in 1002...1016 {
      #expect(group.publishedCount(period) == 4, "\(period)")
      guard let header = group.certified(0, period) else { continue }
      var new = 0
      for meter in 0..<16 {
        let meter = MeterIndex(UInt16(meter))
        let isExcluded = excludedThrough[Int(meter.rawValue)] >= period
        #expect(!isExcluded || !header.contributors.contains(meter), "meter \(meter) in \(period)")
        #expect(!isExcluded || header.accusedMeters.contains(meter), "meter \(meter) in \(period)")
        if header.accusedMeters.contains(meter), !isExcluded {
          new += 1
          named.insert(meter)
          excludedThrough[Int(meter.rawValue)] = period + exclusion
        } else if named.contains(meter), header.contributors.contains(meter) {
          countedAgain.insert(meter)
        }
      }
      #expect(new <= Accused.maximumNew)
      // Nobody honest is left out or named.
      #expect(bitmap(7..<16).isSubset(of: header.contributors) && header.accusedMeters.isSubset(of: bitmap(0..<7)))
    }
    #expect(named == bitmap(0..<7))
    #expect(countedAgain == bitmap(0..<7))
    #expect(group.brokenChains() == [] && group.failures == [])
    #expect(group.meters[0][7...].allSatisfy { $0!.node.coveredThrough.rawValue >= 1016 })
  }

  @Test(
    "of a set that certifies nothing are named by another set's header, once, and are left out when their own goes on")
  func elsewhere() {
    let group = group(metersPerSet: 4, exclusionPeriods: 48)
    group.run(toEndOf: 1001, plus: 6000)
    // Set 0 is left with one meter of four, which lies to both that it sends to, so that each hears one record; then both to one.
    for index in 1...3 { group.killMeter(0, index) }
    let rogue = Rogue.meter(0, 0, of: group)
    rogue.greet()
    group.run(toEndOf: 1002, plus: 100)
    for values in [[1, 2], [3, 4]] as [[Int64]] {
      rogue.send(.record, group.record(0, 0, from: 1002, through: 1002, values: values), toAggregator: 2)
      group.step()
    }
    // Longer than decided positions are kept: who was named stays named.
    let last: UInt64 = 1016
    group.run(toEndOf: last, plus: 6000)
    #expect((1002...last).allSatisfy { group.certified(0, $0) == nil })
    #expect(group.aggregators.allSatisfy { $0!.node.namedElsewhereCount == 1 })
    var headers: [Header] = []
    for owner in 1..<4 { for period: UInt64 in 1002...last { headers.append(group.certified(owner, period)!) } }
    let naming = headers.filter { $0.accusedElsewhere.contains(MeterIndex(0), of: ReplicaIndex(0)) }
    // Headers of one period do not know of each other.
    #expect(naming.count >= 1 && naming.count <= 3 && Set(naming.map { $0.period }).count == 1)
    #expect(headers.allSatisfy { $0.accusedMeters.count == 0 && $0.accusedMembers == 0 })
    // All that prepared it hold what shows the lie.
    #expect(group.aggregators.filter { $0!.node.provenCount == 1 }.count >= 3)
    // Its own set comes back: the first header names it, and leaves it out at once, which is that primary's choice.
    for index in 1...3 { group.startMeter(0, index) }
    for step in 0..<160 {
      if step % 10 == 0 {
        for member in 0..<4 {
          rogue.send(
            .record, group.record(0, 0, from: 1002, through: group.period - 1, values: [5, 6]), toAggregator: member)
        }
      }
      group.step()
    }
    let own = (last + 1...group.period).compactMap { group.certified(0, $0) }
    #expect(own.count >= 1)
    for header in own {
      #expect(header.accusedMeters == bitmap(0..<1) && header.contributors == bitmap(1..<4))
    }
    #expect(group.failures == [] && group.brokenChains() == [])
  }
}
