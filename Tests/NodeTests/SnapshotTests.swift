import Aggregation
import Consensus
import Cryptography
import HAL
import Metering
import Node
import Packets
import Paillier
import SimulatedPlatform
import Testing
import Units
import Wire

extension Group {
  /// What an aggregator would be that starts from these entries.
  func restored(_ index: Int, _ entries: [[UInt8]]) -> Restorable {
    var node = AggregatorNode(
      genesis: genesis, key: key, index: ReplicaIndex(UInt16(index)), signer: aggregatorSeeds[index].signer(),
      sealer: sealer(Self.aggregatorName(index), aggregatorSeeds[index], boot: 1 << 40, previousBoot: 1))
    for entry in entries { node.restore(entry.span) }
    return node.restorable
  }

  func restored(_ owner: Int, _ index: Int, _ entries: [[UInt8]]) -> Restorable {
    var random = SeededGenerator(seed: 5)
    let seeds = meterSeeds[owner][index]
    var node = MeterNode(
      genesis: genesis, encryptor: Encryptor(key, using: &random), owner: ReplicaIndex(UInt16(owner)),
      index: MeterIndex(UInt16(index)), signer: seeds.signer(),
      closingKey: SelfSealingKey(PartySeeds.secret(seeds.closing)),
      sealer: sealer(Self.meterName(owner, index), seeds, boot: 1 << 40, previousBoot: 1))
    for entry in entries { node.restore(entry.span) }
    return node.restorable
  }

  /// Snapshots after which a node would be another than before, and how many there were.
  func compareSnapshots() -> (differing: [String], count: Int) {
    var differing: [String] = []
    var count = 0
    for index in aggregators.indices {
      for (before, after, running) in aggregators[index]?.host.snapshots ?? [] {
        count += 1
        if !restored(index, after).isNoLess(than: running, restarted: restored(index, before)) {
          differing.append("aggregator \(index)")
        }
      }
    }
    for owner in meters.indices {
      for index in meters[owner].indices {
        for (before, after, running) in meters[owner][index]?.host.snapshots ?? [] {
          count += 1
          if !restored(owner, index, after).isNoLess(than: running, restarted: restored(owner, index, before)) {
            differing.append("meter \(index) of set \(owner)")
          }
        }
      }
    }
    return (differing, count)
  }

  func writeSnapshot(_ index: Int) throws(PlatformError) {
    let process = aggregators[index]!
    try process.node.writeSnapshot(via: &process.host)
  }
}

@Suite("Snapshots of nodes' journals")
struct SnapshotTests {
  private func group(compactingFrom bytes: UInt64? = nil) -> Group {
    var options = GroupOptions()
    options.compactionBytes = bytes
    return Group(options)
  }

  @Test("a node is the same from a snapshot as from all of its journal, and small journals stay small")
  func same() throws {
    let group = group(compactingFrom: 4096)
    group.run(toEndOf: 1002, plus: 3000)
    // A meter that is away for long, so that its proof is of an earlier certificate; a member that catches up.
    group.killMeter(1, 1)
    group.run(toEndOf: 1004, plus: 1000)
    group.killAggregator(3)
    group.run(toEndOf: 1006, plus: 3000)
    group.startAggregator(3)
    group.run(toEndOf: 1012, plus: 3000)
    let (differing, count) = group.compareSnapshots()
    #expect(differing == [])
    #expect(count > 12)
    group.startMeter(1, 1)
    let target = group.period + 1
    #expect(group.run(untilAtMost: 5) { group.isSettled(through: target) })
    #expect(group.reckon() == [])
    for process in group.aggregators {
      let snapshot = process!.host.journal.snapshotBytes
      let appended = process!.host.journal.appendedBytes
      #expect(snapshot > 0)
      // One period's entries more than it takes for the next one to be due.
      #expect(appended < max(4096, 3 * snapshot) + 40_000)
    }
  }

  @Test("with a position open, its votes, locks, headers and records come through", arguments: [2, 3, 4])
  func openPosition(cut: Int) throws {
    let group = group()
    group.run(toEndOf: 1001, plus: 2500)
    // Some of them hear each other no more: what they prepare is not decided.
    group.setCut(true, among: Array(0..<cut))
    for period in 1002...1004 as ClosedRange<UInt64> {
      for milliseconds in [600, 1400, 3000] as [UInt64] {
        group.run(toEndOf: period, plus: milliseconds)
        for index in 0..<Group.members { try group.writeSnapshot(index) }
      }
    }
    let (differing, count) = group.compareSnapshots()
    #expect(differing == [])
    #expect(count == 36)
    for index in 0..<Group.members { group.restartAggregator(index) }
    group.setCut(false, among: Array(0..<cut))
    let target = group.period + 2
    #expect(group.run(untilAtMost: 8) { group.isSettled(through: target) })
    #expect(group.reckon() == [])
    for process in group.aggregators { #expect(process!.node.evidenceCount == 0) }
  }

  @Test("in a long outage a snapshot has the newest record of each meter and those of headers, not one of every period")
  func longOutage() throws {
    let group = group()
    group.run(toEndOf: 1001, plus: 2500)
    group.setCut(true, among: [0, 1, 2, 3])
    group.run(toEndOf: 1012, plus: 3000)
    for index in 0..<Group.members {
      let process = group.aggregators[index]!
      let before = process.entries(.record).count
      try group.writeSnapshot(index)
      let after = process.entries(.record).count
      // It led each set in three of these twelve periods and prepared for itself; four meters a set.
      #expect(before > 60 && after <= 4 * 4 * 5)
      #expect(after < before)
    }
    #expect(group.compareSnapshots().differing == [])
    group.setCut(false, among: [0, 1, 2, 3])
    let target = group.period + 2
    #expect(group.run(untilAtMost: 8) { group.isSettled(through: target) })
    #expect(group.reckon() == [])
  }

  @Test("the votes of an open position are in it, so that nothing is signed twice")
  func ownVotes() throws {
    let group = group()
    group.run(toEndOf: 1001, plus: 2500)
    group.setCut(true, among: [0, 1, 2, 3])
    group.run(toEndOf: 1002, plus: 1500)
    var open = 0
    for index in 0..<Group.members {
      let positions = (0..<Group.members).map { group.aggregators[index]!.headPosition($0) }
      func votes() -> [Statement] {
        group.aggregators[index]!.ownVotes.filter { $0.position.rawValue == positions[Int($0.owner.rawValue)] + 1 }
      }
      let before = votes()
      open += before.count
      try group.writeSnapshot(index)
      #expect(votes() == before)
      // And nothing of positions that are decided.
      #expect(group.aggregators[index]!.ownVotes.count == before.count)
    }
    #expect(open > 0)
  }

  @Test("a power cut at every write, sync and rename of a snapshot loses nothing", arguments: [false, true])
  func crashes(undoesRename: Bool) throws {
    let group = group()
    group.run(toEndOf: 1002, plus: 1000)
    let name = Group.aggregatorName(1).rawValue
    var steps = 0
    var isWritten = false
    while !isWritten {
      let heads = (0..<Group.members).map { group.aggregators[1]!.head($0) }
      group.disks[name]!.stepsLeft = steps
      do throws(PlatformError) {
        try group.writeSnapshot(1)
        isWritten = true
      } catch { #expect(error.kind == .other) }
      group.aggregators[1] = nil
      group.disks[name]!.crash(keeping: 0, tearingNext: steps % 2 == 0, undoingRename: undoesRename)
      group.startAggregator(1)
      let after = (0..<Group.members).map { group.aggregators[1]!.head($0) }
      #expect(after == heads)
      group.run(milliseconds: 200)
      steps += 1
    }
    #expect(steps > 10)
    let target = group.period + 1
    #expect(group.run(untilAtMost: 5) { group.isSettled(through: target) })
    #expect(group.reckon() == [])
    for process in group.aggregators { #expect(process!.node.evidenceCount == 0) }
  }

  @Test("entries of one batch of datagrams take one sync, and what depends on them leaves behind it")
  func oneSync() {
    var options = GroupOptions()
    options.metersPerSet = 6
    let group = Group(options)
    group.run(toEndOf: 1000, plus: 3000)
    var most = 0
    for _ in 0..<60 {
      let before = group.aggregators.map {
        (requests: $0!.host.syncRequests, syncs: $0!.host.syncs - $0!.host.publications)
      }
      group.step()
      for (process, (requests, syncs)) in zip(group.aggregators, before) {
        // One for what came, one for the tick, and what is published does not wait for others.
        #expect(process!.host.syncs - process!.host.publications - syncs <= 2)
        most = max(most, process!.host.syncRequests - requests)
      }
    }
    // Records of several meters and sets, and votes.
    #expect(most >= 6)
    #expect(group.run(untilAtMost: 4) { group.isSettled(through: 1001) })
    #expect(group.reckon() == [])
  }

  @Test("an aggregator that restarts from a snapshot still shows an absent meter its last certificate")
  func absentMeter() throws {
    let group = group()
    group.run(toEndOf: 1002, plus: 3000)
    group.killMeter(2, 0)
    group.run(toEndOf: 1006, plus: 3000)
    for index in 0..<Group.members {
      try group.writeSnapshot(index)
      group.restartAggregator(index)
    }
    // Its disk is lost: where it goes on only they can tell.
    group.disks[Group.meterName(2, 0).rawValue] = MemoryDisk()
    group.startMeter(2, 0)
    let target = group.period + 2
    #expect(group.run(untilAtMost: 6) { group.isSettled(through: target) })
    // Where it began is on the disk it lost.
    #expect(group.reckon().filter { !$0.contains("began elsewhere") } == [])
  }

  @Test("proofs that came from other members leave alone what a member knows of the meters they are not of")
  func pulledProofs() throws {
    let group = group()
    group.run(toEndOf: 1002, plus: 3000)
    group.killAggregator(3)
    group.killMeter(0, 3)
    group.run(toEndOf: 1003, plus: 1000)
    group.startAggregator(3)
    // It has the table that followed 1003, and fetches the three proofs; of the fourth meter its own newest certificate is of 1002.
    let process = group.aggregators[3]!
    let through = { (0..<4).map { process.node.provenThrough(MeterIndex(UInt16($0)), of: ReplicaIndex(0))?.rawValue } }
    #expect(group.run(untilAtMost: 1) { through() == [1003, 1003, 1003, 1002] })
    let before = process.node.restorable
    try group.writeSnapshot(3)
    var entries: [[UInt8]] = []
    try process.host.journal.reread { entry in entries.append(Array(copying: entry)) }
    // A proof that does not lead to its certificate's root is not put back.
    let after = group.restored(3, entries)
    #expect(after.atLeast == before.atLeast)
  }

  // MARK: Bad input

  @Test("a meter's state is read in one form only")
  func state() throws {
    var state = MeterStanding()
    state.flags = [.hasCertified, .hasActivation, .hasLatest]
    state.coveredThrough = Period(7)
    state.lastClosed = Period(9)
    state.certified = EnergyRegisters(activeEnergyImport: MilliwattHours(5), activeEnergyExport: MilliwattHours(-6))
    state.latest = EnergyRegisters(activeEnergyImport: MilliwattHours(8), activeEnergyExport: MilliwattHours(0))
    state.forgoneThrough = Period(2)
    state.activation = EnergyRegisters(activeEnergyImport: MilliwattHours(1), activeEnergyExport: MilliwattHours(2))
    state.lost.note(from: Period(3), through: Period(4))
    state.lost.note(from: Period(3), through: Period(5))
    state.lost.note(from: Period(3), through: Period(6))
    let bytes = [UInt8](capacity: MeterStanding.encodedBytes) { out in state.encode(into: &out) }
    #expect(bytes.count == MeterStanding.encodedBytes)
    // By Tests/Oracles/byte_vectors.py.
    #expect(
      Hexadecimal.string(bytes.span)
        == "070700000000000000090000000000000002000000000000000500000000000000faffffffffffffff0100000000000000020000000000000008000000000000000000000000000000030000000000000004000000000000000600000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    )
    func read(_ bytes: [UInt8]) -> MeterStanding? {
      var reader = WireReader(bytes.span)
      return try? MeterStanding(decoding: &reader)
    }
    expectOneForm(state, bytes, read: read) { found in
      [UInt8](capacity: MeterStanding.encodedBytes) { out in found.encode(into: &out) }
    }
  }

  @Test("of a snapshot's entries each that is cut short or changed by a bit is left out, and nothing else")
  func damagedEntries() throws {
    let group = group()
    group.run(toEndOf: 1002, plus: 3000)
    group.killMeter(0, 2)
    group.run(toEndOf: 1004, plus: 3000)
    try group.writeSnapshot(0)
    let process = group.aggregators[0]!
    for kind in [EntryKind.decided, .shown, .inclusion] {
      let entries = process.entries(kind)
      #expect(!entries.isEmpty)
      let entry = [kind.rawValue] + entries[0]
      let nothing = group.restored(0, [])
      let whole = group.restored(0, [entry])
      #expect(whole != nothing)
      // Every eighth: each takes a node.
      for count in stride(from: 1, to: entry.count, by: 8) {
        let isLess = kind == .decided && count > 3 + Int(entry[1]) + Int(entry[2]) << 8
        if !isLess { #expect(group.restored(0, [Array(entry.prefix(count))]) == nothing) }
      }
      for place in stride(from: 1, to: entry.count, by: 23) {
        var other = entry
        other[place] ^= 1 << UInt8(place % 8)
        let isProduct = kind == .decided && place >= 3 + Int(entry[1]) + Int(entry[2]) << 8
        if !isProduct { #expect(group.restored(0, [other]) == nothing) }
      }
    }
  }
}
