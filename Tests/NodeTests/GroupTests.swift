import Aggregation
import Consensus
import HAL
import Node
import Packets
import SimulatedPlatform
import Testing
import Units
import Wire

@Suite("Four aggregators, their meters and a bookkeeper in one process")
struct GroupTests {
  @Test(
    "every set is certified in each period, and published sums equal what the houses counted (DESIGN §2)"
  )
  func allIsCertified() {
    let group = Group()
    group.run(toEndOf: 1003, plus: 3800)
    for period in UInt64(1001)...1003 { #expect(group.publishedCount(period) == 4) }
    #expect(group.isSettled(through: 1003))
    #expect(group.reckon() == [])
  }

  @Test(
    "the smallest site, with meters in one set alone, is certified, also when members restart (docs/DEPLOY.md)",
    arguments: [nil, 20_000] as [UInt64?])
  func emptySets(compactionBytes: UInt64?) {
    var options = GroupOptions(metersPerSet: 3, setsWithMeters: 1)
    options.compactionBytes = compactionBytes
    let group = Group(options)
    group.run(toEndOf: 1002, plus: 3800)
    for member in 0..<Group.members { group.restartAggregator(member) }
    group.run(toEndOf: 1005, plus: 3800)
    for period in UInt64(1001)...1005 { #expect(group.publishedCount(period) == 1, "period \(period)") }
    #expect(group.isSettled(through: 1005))
    #expect(group.reckon() == [])
    #expect(group.failures == [])
  }

  @Test("all aggregators hold the same chain head and coverage for each set (consensus rule C1)")
  func chainsAgree() {
    let group = Group()
    group.run(toEndOf: 1002, plus: 3000)
    for owner in 0..<Group.members {
      let heads = group.aggregators.map { $0!.node.head(of: ReplicaIndex(UInt16(owner))) }
      let roots = group.aggregators.map { $0!.node.coverageRoot(of: ReplicaIndex(UInt16(owner))) }
      #expect(Set(heads).count == 1)
      #expect(Set(roots).count == 1)
    }
  }

  @Test("loss, duplication and reordering lose no energy (DESIGN §5)", arguments: [1, 2, 3] as [UInt64])
  func lossyNetwork(seed: UInt64) {
    let group = Group(
      GroupOptions(seed: seed, faults: NetworkFaults(loss: 100, duplication: 50, reordering: 100)))
    group.run(toEndOf: 1004, plus: 3800)
    group.network.faults = NetworkFaults()
    // What is certified last may not be published yet.
    #expect(group.run(untilAtMost: 6) { group.isSettled(through: 1004) && group.reckon() == [] })
    #expect(group.reckon() == [])
  }

  @Test("a meter killed and restarted mid-period sends the same record, byte for byte")
  func meterRestarts() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 100)
    // Nobody hears the meter, so its record waits.
    group.network.setCut(true, at: Group.endpoint(Group.meterName(1, 2)))
    group.run(toEndOf: 1002, plus: 1000)
    let before = group.meters[1][2]!.node.outstandingRecords
    #expect(before.count == 2)
    group.restartMeter(1, 2)
    let after = group.meters[1][2]!.node.outstandingRecords
    #expect(after == before)
    group.network.setCut(false, at: Group.endpoint(Group.meterName(1, 2)))
    #expect(group.run(untilAtMost: 4) { group.isSettled(through: 1003) })
    #expect(group.reckon() == [])
    for process in group.aggregators { #expect(process!.node.evidenceCount == 0) }
  }

  @Test("a meter restarted between its receipt and the proof still learns that it is certified (consensus rule C4)")
  func meterRestartsAfterReceipt() {
    let group = Group()
    group.run(untilAtMost: 4) { group.meters[0][0]!.node.receiptCount > 0 }
    group.killMeter(0, 0)
    group.run(toEndOf: 1003, plus: 0)
    group.startMeter(0, 0)
    #expect(group.run(untilAtMost: 4) { group.isSettled(through: 1003) })
    #expect(group.reckon() == [])
  }

  @Test("a meter whose disk is lost gets its registers back from the certified closing (consensus rule C5)")
  func meterLosesItsDisk() {
    let group = Group()
    group.run(toEndOf: 1002, plus: 3000)
    let settled = group.meters[2][1]!.node.certifiedRegisters!
    group.killMeter(2, 1)
    group.disks[Group.meterName(2, 1).rawValue] = nil
    group.startMeter(2, 1)
    #expect(group.meters[2][1]!.node.certifiedRegisters == nil)
    // Its first record claims too much, is refused, and the proof puts it right.
    #expect(group.run(untilAtMost: 3) { group.meters[2][1]!.node.certifiedRegisters == settled })
    #expect(group.run(untilAtMost: 4) { group.isSettled(through: group.period - 1) })
    var wrong: [String] = []
    group.finishPublishing()
    let totals = group.publishedSums(reporting: &wrong)
    #expect(wrong == [])
    let certified = group.meters[2].indices.map { index in
      (group.meters[2][index]!.node.certifiedRegisters!.activeEnergyImport.value
        - group.answers[2][index][0].activeEnergyImport.value) / 1000
    }
    #expect(totals[2][0] == certified.reduce(0, +))
  }

  @Test("a bookkeeper killed between certificate and decryption publishes the same sums later")
  func bookkeeperRestarts() {
    let group = Group()
    let undisturbed = Group()
    undisturbed.run(toEndOf: 1003, plus: 3000)
    group.run(toEndOf: 1001)
    // The certificate's chunk has one doing: a journal append follows the product, then a sync, then publication.
    group.fuses[Party.bookkeeper.rawValue]!.remaining = 2
    group.run(toEndOf: 1001, plus: 2000)
    #expect(group.bookkeeper == nil)
    #expect(group.publishedCount(1001) < 4)
    group.startBookkeeper()
    group.run(toEndOf: 1003, plus: 3800)
    for period in UInt64(1001)...1003 { #expect(group.publishedCount(period) == 4) }
    #expect(group.reckon() == [])
  }

  @Test("an aggregator that missed three periods catches up from certificate and coverage table (DESIGN §2.1)")
  func laggardCatchesUp() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    group.killAggregator(3)
    group.run(toEndOf: 1004, plus: 3000)
    group.startAggregator(3)
    group.run(toEndOf: 1007, plus: 3800)
    for owner in 0..<Group.members {
      let owner = ReplicaIndex(UInt16(owner))
      #expect(group.aggregators[3]!.node.head(of: owner) == group.aggregators[0]!.node.head(of: owner))
      #expect(group.aggregators[3]!.node.coverageRoot(of: owner) == group.aggregators[0]!.node.coverageRoot(of: owner))
    }
    #expect(group.reckon() == [])
  }

  @Test("a restarted aggregator hears its meters again and leads its sets (DESIGN §5)")
  func restartedAggregatorLeads() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    group.killAggregator(2)
    group.startAggregator(2)
    group.run(toEndOf: 1005, plus: 3000)
    // Every set in every period, those of the restarted primary too.
    for period in UInt64(1002)...1005 { #expect(group.publishedCount(period) == 4) }
    #expect(group.reckon() == [])
  }

  @Test("with too few contributors a set certifies nothing, and the energy waits (DESIGN §2.2)")
  func tooFewContributors() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    group.killMeter(0, 0)
    group.killMeter(0, 1)
    group.run(toEndOf: 1002, plus: 3800)
    #expect(group.published.certificates["1002-0"] == nil && group.published.sums["1002-0"] == nil)
    #expect(group.publishedCount(1002) == 3)
    group.startMeter(0, 0)
    group.startMeter(0, 1)
    #expect(group.run(untilAtMost: 4) { group.isSettled(through: 1003) })
    #expect(group.reckon() == [])
    #expect(group.brokenChains() == [])
    // The next certificate is the next position's.
    for process in group.aggregators { #expect(process!.headPosition(0) + 1 == process!.headPosition(1)) }
  }

  @Test("without a trusted clock nobody signs, and nothing is lost (DESIGN §3.2)")
  func unsynchronisedClock() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    group.clock.set(wall: group.clock.wall(), state: .unsynchronised)
    group.run(milliseconds: 8000)
    #expect(group.publishedCount(1002) == 0)
    group.clock.set(wall: group.clock.wall(), state: .synchronised)
    #expect(group.run(untilAtMost: 4) { group.isSettled(through: 1004) })
    #expect(group.reckon() == [])
  }

  @Test("an aggregator whose disk is lost signs nothing it may have signed before, then goes on (consensus rule K2)")
  func aggregatorLosesItsDisk() {
    let group = Group()
    group.run(toEndOf: 1002, plus: 400)
    group.wipeAggregator(1)
    group.run(milliseconds: 3000)
    #expect(group.aggregators[1]!.isConfirmed)
    #expect(group.aggregators[1]!.node.votingFloor == Period(1005))
    group.run(toEndOf: 1004, plus: 3800)
    #expect(group.aggregators[1]!.ownVotes == [])
    group.run(toEndOf: 1008, plus: 3800)
    let votes = group.aggregators[1]!.ownVotes
    #expect(Set(votes.map { $0.owner }).count == 4)
    #expect(votes.allSatisfy { $0.round.period > Period(1005) })
    for owner in 0..<Group.members {
      let owner = ReplicaIndex(UInt16(owner))
      #expect(group.aggregators[1]!.node.head(of: owner) == group.aggregators[0]!.node.head(of: owner))
    }
    #expect(group.run(untilAtMost: 4) { group.isSettled(through: 1006) })
    #expect(group.reckon() == [])
    for process in group.aggregators { #expect(process!.node.evidenceCount == 0) }
  }

  @Test("an aggregator set back to an old image does not contradict what it forgot (consensus rules K2, K3)")
  func aggregatorOldImage() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    group.killAggregator(1)
    group.startAggregator(1)
    let image = group.disks[Group.aggregatorName(1).rawValue]!.image()
    group.run(milliseconds: 500)
    group.killAggregator(1)
    group.startAggregator(1)
    group.run(toEndOf: 1003, plus: 400)
    group.killAggregator(1)
    group.disks[Group.aggregatorName(1).rawValue] = image
    group.startAggregator(1)
    group.run(milliseconds: 2000)
    #expect(group.aggregators[1]!.node.votingFloor == Period(1006))
    #expect(group.run(untilAtMost: 6) { group.isSettled(through: 1006) })
    #expect(group.reckon() == [])
    for process in group.aggregators { #expect(process!.node.evidenceCount == 0) }
  }

  @Test("a meter set back to an old image makes no second record for a period (consensus rule K6)")
  func meterOldImage() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    let name = Group.meterName(3, 0)
    group.restartMeter(3, 0)
    let image = group.disks[name.rawValue]!.image()
    group.run(milliseconds: 500)
    group.restartMeter(3, 0)
    group.run(toEndOf: 1003, plus: 300)
    group.killMeter(3, 0)
    group.disks[name.rawValue] = image
    group.startMeter(3, 0)
    #expect(group.run(untilAtMost: 6) { group.isSettled(through: 1005) })
    #expect(group.reckon() == [])
    for process in group.aggregators {
      #expect(process!.node.evidenceCount == 0)
      #expect(process!.refusals(RecordRefusal.conflicting) == 0)
    }
  }
}
