import Aggregation
import Consensus
import Cryptography
import HAL
import Node
import Packets
import SimulatedPlatform
import Testing
import Units
import Wire

@Suite("Groups with wrong clocks (DESIGN §3.2)")
struct ClockTests {
  private static let period = Int64(GroupOptions().periodSeconds * 1000)

  /// The records a meter has sent that wait, by what they cover.
  private static func spans(_ meter: MeterProcess) -> [[UInt64]] {
    meter.node.outstandingRecords.map { bytes in
      var reader = WireReader(bytes.span)
      guard let record = try? Record(decoding: &reader) else { return [] }
      return [record.from.rawValue, record.through.rawValue]
    }
  }

  @Test(
    "a meter whose clock is wrong counts, closes nothing, says so, and is whole in the first period after",
    arguments: [12, -3, 2, 4_000_000] as [Int64])
  func meter(periods: Int64) {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    let name = Group.meterName(1, 1)
    group.clockOffsets[name] = periods * Self.period
    group.run(toEndOf: 1004, plus: 1000)
    let meter = group.meters[1][1]!
    #expect(meter.verdict == .apartFromMembers(milliseconds: periods * Self.period))
    #expect(meter.node.lastClosed == Period(1001) && meter.node.outstandingCount == 0)
    for period in UInt64(1001)...1003 { #expect(group.publishedCount(period) == 4) }
    group.clockOffsets[name] = nil
    #expect(group.run(untilAtMost: 2) { group.isSettled(through: 1005) })
    #expect(meter.verdict == .nearMembers && meter.node.takenBackCount == 0)
    #expect(group.reckon() == [])
  }

  @Test(
    "an aggregator whose clock is wrong signs nothing, the others go on, and it takes part again",
    arguments: [2, -2, 50] as [Int64])
  func aggregator(periods: Int64) {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    let name = Group.aggregatorName(2)
    group.clockOffsets[name] = periods * Self.period
    group.run(toEndOf: 1002, plus: 3000)
    #expect(group.aggregators[2]!.verdict == .apartFromMembers(milliseconds: periods * Self.period))
    #expect(group.aggregators[2]!.ownVotes.allSatisfy { $0.round.period <= Period(1001) })
    group.clockOffsets[name] = nil
    #expect(group.run(untilAtMost: 6) { group.isSettled(through: 1005) })
    #expect(group.aggregators[2]!.verdict == .nearMembers)
    #expect(group.aggregators[2]!.ownVotes.contains { $0.round.period >= Period(1003) })
    #expect(group.reckon() == [])
  }

  @Test(
    "a member that lies about the time, to everybody, changes nothing",
    arguments: [0, 4_000_000_000_000, 4_102_000_000_000, 1 << 32 * 1_000_000_000, 1 << 63, .max] as [UInt64])
  func liar(told: UInt64) {
    let group = Group()
    let rogue = Rogue.aggregator(3, of: group)
    rogue.claimedWall = told
    rogue.greet()
    for owner in 0..<4 { for index in 0..<4 { rogue.greet(Group.meterName(owner, index)) } }
    #expect(group.run(untilAtMost: 8) { group.isSettled(through: 1003) })
    for process in group.aggregators where process != nil { #expect(process!.verdict == .nearMembers) }
    let refused = group.aggregators[0]!.node.linkStatistics.clockRefusals[Int(ClockRefusal.implausible.rawValue)]
    #expect((refused > 0) == (told < 3_700_000_000_000 || told > 1 << 61))
    #expect(group.reckon() == [])
  }

  @Test("a group in which all clocks are wrong, and agree, goes on; set right, it waits for its time and goes on")
  func everybody() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    group.stepClocks(milliseconds: 3 * Self.period)
    // In period 1005: what ended before is certified.
    #expect(group.run(untilAtMost: 4) { group.isSettled(through: 1005) })
    let reached = group.period - 1
    group.stepClocks(milliseconds: -3 * Self.period)
    group.run(milliseconds: 1500)
    #expect(group.meters[0][0]!.node.boundThrough != nil)
    for process in group.aggregators { #expect(process!.verdict == .nearMembers) }
    #expect(group.run(untilAtMost: 8) { group.isSettled(through: reached + 2) })
    #expect(group.meters[0][0]!.node.boundThrough == nil)
    #expect(group.reckon() == [])
    for process in group.aggregators { #expect(process!.node.evidenceCount == 0) }
  }

  /// All clocks are so many periods ahead, until one of the meters closes a period by that; nobody answers it any more.
  private func aheadWithoutReceipt(_ periods: Int64) -> Group {
    let group = Group()
    group.run(toEndOf: 1001, plus: 2000)
    // What the aggregators sign meanwhile is not what this is about.
    let images = (0..<Group.members).map { group.disks[Group.aggregatorName($0).rawValue]!.image() }
    group.stepClocks(milliseconds: periods * Self.period)
    let ahead = Period(UInt64(1001 + periods))
    #expect(group.run(untilAtMost: 1) { group.meters[0][0]!.node.lastClosed == ahead })
    for index in 0..<Group.members {
      group.killAggregator(index)
      group.disks[Group.aggregatorName(index).rawValue] = images[index]
    }
    return group
  }

  private func setRight(_ group: Group, _ periods: Int64) {
    group.stepClocks(milliseconds: -periods * Self.period)
    for index in 0..<Group.members { group.startAggregator(index) }
  }

  @Test("a meter that closed ahead of time takes it back, and certifies the next period as if nothing had been")
  func takenBack() {
    let group = aheadWithoutReceipt(12)
    // Three periods by the wrong time.
    group.run(milliseconds: UInt64(3 * Self.period))
    let meter = group.meters[0][0]!
    #expect(meter.node.lastClosed == Period(1016))
    #expect(Self.spans(meter) == [[1002, 1013], [1002, 1014], [1002, 1015], [1002, 1016]])
    setRight(group, 12)
    #expect(group.run(untilAtMost: 1) { meter.node.takenBackCount == 1 })
    #expect(Self.spans(meter) == [] && meter.node.boundThrough == nil)
    let next = group.period
    #expect(group.run(untilAtMost: 2) { group.isSettled(through: next) })
    // When the time comes nothing is left of it.
    #expect(group.run(untilAtMost: 14) { group.isSettled(through: 1017) })
    group.finishPublishing()
    for period in next...1017 { #expect(group.publishedCount(period) == 4) }
    #expect(group.reckon() == [])
    for process in group.aggregators {
      #expect(process!.node.evidenceCount == 0 && process!.refusals(RecordRefusal.conflicting) == 0)
    }
  }

  @Test(
    "and signs no second record of the same periods: it sends the old bytes again when their time comes",
    arguments: [false, true])
  func sameBytes(restarts: Bool) {
    let group = aheadWithoutReceipt(2)
    let old = group.meters[0][0]!.node.outstandingRecords[0]
    #expect(Self.spans(group.meters[0][0]!) == [[1002, 1003]])
    setRight(group, 2)
    #expect(group.run(untilAtMost: 1) { group.meters[0][0]!.node.takenBackCount == 1 })
    #expect(group.period == 1002)
    if restarts {
      group.restartMeter(0, 0)
    }
    group.run(milliseconds: 700)
    #expect(group.meters[0][0]!.node.outstandingRecords == [])
    // Nothing can be certified before that time comes.
    for index in 0..<Group.members { group.killAggregator(index) }
    group.run(toEndOf: 1003, plus: 500)
    #expect(Self.spans(group.meters[0][0]!) == [[1002, 1002], [1002, 1003]])
    #expect(group.meters[0][0]!.node.outstandingRecords[1] == old)
    if restarts {
      group.restartMeter(0, 0)
      #expect(group.meters[0][0]!.node.outstandingRecords[1] == old)
    }
    for index in 0..<Group.members { group.startAggregator(index) }
    #expect(group.run(untilAtMost: 6) { group.isSettled(through: 1005) })
    #expect(group.reckon() == [])
    for process in group.aggregators { #expect(process!.node.evidenceCount == 0) }
  }

  @Test("but what was promised to be held it does not take back: it waits for that period, and says so")
  func receipted() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 2000)
    // Aggregator 3 gives receipts, whatever the time.
    let rogue = Rogue.aggregator(3, of: group)
    rogue.greet(Group.meterName(0, 0))
    rogue.greet(Group.meterName(0, 0))
    group.stepClocks(milliseconds: 2 * Self.period)
    let meter = group.meters[0][0]!
    let ahead = Period(group.period - 1)
    #expect(group.run(untilAtMost: 1) { meter.node.lastClosed == ahead })
    for index in 0..<3 { group.killAggregator(index) }
    let bytes = meter.node.outstandingRecords.last!
    var reader = WireReader(bytes.span)
    let record = try! Record(decoding: &reader)
    let ciphertext = Array(bytes[Record.fixedBytes...])
    let statement = RecordStatement(
      networkIdentifier: group.genesis.networkIdentifier, group: group.genesis.group, record: record,
      ciphertextHash: RecordStatement.ciphertextHash(ciphertext.span))
    var receipt = Receipt(
      networkIdentifier: group.genesis.networkIdentifier, epoch: group.genesis.epoch, group: group.genesis.group,
      owner: record.owner, meter: record.meter, signer: ReplicaIndex(3), period: record.through,
      position: Position(1), recordHash: statement.recordHash)
    receipt.signature = rogue.seeds.signer().sign { out in receipt.encodeSigned(into: &out) }
    rogue.send(
      .receipt, [UInt8](capacity: Receipt.encodedBytes) { out in receipt.encode(into: &out) }, to: Group.meterName(0, 0)
    )
    group.run(milliseconds: 100)
    #expect(meter.node.receiptCount > 0)
    group.stepClocks(milliseconds: -2 * Self.period)
    for index in 0..<3 { group.startAggregator(index) }
    #expect(group.run(untilAtMost: 1) { meter.node.boundThrough == ahead })
    #expect(meter.node.takenBackCount == 0 && meter.node.lastClosed == ahead)
    group.run(toEndOf: ahead.rawValue - 1, plus: 1000)
    #expect(meter.node.lastClosed == ahead && Self.spans(meter) == [[1002, ahead.rawValue]])
    #expect(group.run(untilAtMost: 6) { group.isSettled(through: ahead.rawValue + 1) })
    #expect(meter.node.boundThrough == nil)
    #expect(group.reckon() == [])
    for process in group.aggregators where process != nil { #expect(process!.node.evidenceCount == 0) }
  }

  @Test("readings cost next to nothing: a period of a group that agrees has hardly a STATUS")
  func traffic() {
    let group = Group()
    group.run(toEndOf: 1002, plus: 3000)
    let before = group.aggregators.map { $0!.node.linkStatistics.countedClocks }
    #expect(before == [3, 3, 3, 3])
    #expect(group.run(untilAtMost: 24) { group.period == 1020 })
    // Renewed in time: after twenty periods everybody's clock still counts.
    for process in group.aggregators {
      #expect(process!.node.linkStatistics.countedClocks == 3 && process!.verdict == .nearMembers)
    }
    for meters in group.meters { for meter in meters { #expect(meter!.node.linkStatistics.countedClocks == 4) } }
    for period in UInt64(1001)...1018 { #expect(group.publishedCount(period) == 4) }
  }

  @Test(
    "the newest record goes to one primary more after T(0) and each T0, whatever receipts there are (consensus rule R14)"
  )
  func furtherPrimaries() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    // Set 0 in period 1002 is led by aggregator 2, then 3, then 0, then 1. Nobody is there who could certify it.
    for index in [0, 1] { group.killAggregator(index) }
    group.run(toEndOf: 1002, plus: 500)
    let meter = group.meters[0][2]!
    #expect(meter.isPromised(1002, by: 2))
    #expect(meter.isPromised(1002, by: 3))
    for index in [0, 1] { group.startAggregator(index) }
    for index in [2, 3] { group.killAggregator(index) }
    // T(0) is a second and T0, of two seconds; the next period's record would come at 4 s. Two members that were just started and hear
    // nobody who knows their runs hold what they are sent, and promise nothing.
    func isHeld(by index: Int) -> Bool {
      group.aggregators[index]!.node.held(ReplicaIndex(0), Period(1002)).contains(MeterIndex(2))
    }
    group.run(toEndOf: 1002, plus: 2800)
    #expect(!isHeld(by: 0))
    group.run(toEndOf: 1002, plus: 3900)
    #expect(isHeld(by: 0) && !meter.isPromised(1002, by: 0))
    #expect(!isHeld(by: 1))
  }
}

@Suite("What a meter signed and no longer keeps")
struct LostRecordsTests {
  @Test("is never forgotten, and what was never signed is taken for it only when there are many gaps")
  func naive() {
    var generator = SeededGenerator(seed: 3)
    var tooMany = 0
    for jumps in 0..<8 {
      var lost = LostRecords()
      var signed: Set<[UInt64]> = []
      var from: UInt64 = 1000
      var through: UInt64 = 1000
      for step in 0..<40 {
        through += 1
        if step % 5 == 0, step / 5 < jumps { through += 3 + generator.next() % 20 }
        lost.note(from: Period(from), through: Period(through))
        signed.insert([from, through])
        if generator.next() % 8 == 0 {
          from += 1
          lost.forget(before: Period(from))
          signed = signed.filter { $0[0] >= from }
        }
        for begin in (from - 1)...(from + 1) {
          for end in 999...(through + 2) {
            let mayHold = lost.mayHold(from: Period(begin), through: Period(end))
            let held = signed.contains([begin, end])
            #expect(mayHold || !held, "from \(begin) through \(end)")
            if mayHold, !held, begin >= from, jumps < LostRecords.maximumSpans { tooMany += 1 }
          }
        }
      }
    }
    #expect(tooMany == 0)
  }
}
