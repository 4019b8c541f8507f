import Aggregation
import Consensus
import Cryptography
import HAL
import Metering
import Node
import Paillier
import Units
import Wire

// What must hold once everything is settled.
extension GroupWorld {
  func conclude() {
    var opened: [SetPeriod: [Int64]] = [:]
    for (name, file) in books.sums {
      guard let header = books.position(name)?.header,
        let sum = try? PublishedSum(checking: file.span, of: header, against: genesis)
      else { return fail(.wrongSum, "set \(name.owner) period \(name.period): does not verify") }
      let product = [UInt8](capacity: key.ciphertextBytes) { out in
        try? key.writeCiphertext(sum: sum.sum.span, root: sum.root.span, into: &out)
      }
      guard RecordStatement.ciphertextHash(product.span) == header.productHash,
        let values = try? key.unpack(sum: sum.sum.span, contributors: Int(header.count))
      else { return fail(.wrongSum, "set \(name.owner) period \(name.period): is not the product's") }
      opened[name] = values
    }
    for owner in 0..<members { conclude(owner, opened) }
    for party in parties where party.isHonest { concludeMeter(party) }
    concludeEvidence()
  }

  /// A set's chain, played from the genesis.
  private struct Replay: ~Copyable {
    var position: UInt64 = 0
    var previous: [UInt8]
    var period: UInt64
    var coverage: CoverageTable
    var accusedMembers: UInt64 = 0
    /// By meter: the registers up to which its energy is certified.
    var closed: [EnergyRegisters?]
    var published: [Int64] = [0, 0]
    var expected: [Int64] = [0, 0]
  }

  /// The chain of a set, and its sums against its houses.
  private func conclude(_ owner: Int, _ opened: [SetPeriod: [Int64]]) {
    let set = ReplicaIndex(UInt16(owner))
    var replay = Replay(
      previous: Array(copying: genesis.networkIdentifier.span), period: genesis.firstPeriod.rawValue - 1,
      coverage: genesis.coverage(of: set),
      closed: (0..<metersPerSet).map { parties[members + 1 + owner * metersPerSet + $0].opening })
    for (place, decided) in books.chain(owner) {
      guard place.position == replay.position + 1 else {
        return fail(.brokenChain, "set \(owner) position \(replay.position + 1) is nowhere")
      }
      follow(place, decided, opened, &replay)
      if outcome.violation != nil { return }
    }
    concludeAccused(owner, replay.accusedMembers, replay.previous)
    if swarm.liarMeter?.owner != owner {
      for slot in 0..<2 where replay.published[slot] != replay.expected[slot] {
        if replay.published[slot] < replay.expected[slot] {
          outcome.lostWattHours += replay.expected[slot] - replay.published[slot]
          fail(
            .lostEnergy, "set \(owner): published \(replay.published) Wh, its meters certified \(replay.expected) Wh")
        } else {
          outcome.doubledWattHours += replay.published[slot] - replay.expected[slot]
          fail(
            .doubledEnergy, "set \(owner): published \(replay.published) Wh, its meters certified \(replay.expected) Wh"
          )
        }
      }
    }
    for meter in 0..<metersPerSet {
      conclude(
        parties[members + 1 + owner * metersPerSet + meter],
        covered: replay.coverage.coveredThrough(MeterIndex(UInt16(meter))).rawValue, closed: replay.closed[meter])
    }
  }

  /// One more position.
  private func follow(
    _ place: ChainPlace, _ decided: DecidedPosition, _ opened: [SetPeriod: [Int64]], _ replay: inout Replay
  ) {
    let header = decided.header
    let owner = place.owner
    let period = header.period.rawValue
    let name = SetPeriod(owner: owner, period: period)
    guard Array(copying: header.previous.span) == replay.previous, period > replay.period else {
      return fail(.brokenChain, "set \(owner) position \(place.position) does not follow on the one before")
    }
    guard header.count >= Self.minimumContributors else {
      return fail(.invalidCertificate, "set \(owner) position \(place.position) has too few contributors")
    }
    guard genesis.standsTogether(header.contributors, of: ReplicaIndex(UInt16(owner))) else {
      return fail(.invalidCertificate, "set \(owner) position \(place.position) has a slot of too few feeders")
    }
    let excluded = replay.coverage.excluded(in: header.period)
    let before = Accused(members: replay.accusedMembers, meters: excluded)
    guard before.subtracting(header.accused).count == 0 else {
      return fail(.accusationDropped, "set \(owner) position \(place.position)")
    }
    guard header.contributors.isDisjoint(with: excluded) else {
      return fail(.invalidCertificate, "set \(owner) position \(place.position) counts a meter that is excluded")
    }
    let new = header.accused.subtracting(before)
    outcome.accused += new.count
    concludeNew(new, owner)
    for meter in 0..<metersPerSet {
      let index = MeterIndex(UInt16(meter))
      let party = parties[members + 1 + owner * metersPerSet + meter]
      checkPromises(of: party, index, place, header, replay.coverage.coveredThrough(index))
      guard header.contributors.contains(index), party.isHonest else { continue }
      // Honest meters make one record for a period and a state of coverage.
      let from = replay.coverage.coveredThrough(index).rawValue + 1
      let fitting = party.made.filter { $0.through == period && $0.from == from }
      guard let record = fitting.first else {
        return fail(.doubledEnergy, "\(party.name) made no record of \(from)...\(period)")
      }
      if fitting.contains(where: { $0.hash != record.hash }) {
        return fail(.conflictingRecord, "\(party.name) made two records of \(record.from)...\(record.through)")
      }
      let base = replay.closed[meter] ?? record.closing
      if opened[name] != nil {
        replay.expected[0] += (record.closing.activeEnergyImport.value - base.activeEnergyImport.value) / 1000
        if genesis.feeders(ofSlot: 1, in: ReplicaIndex(UInt16(owner))).contains(index) {
          replay.expected[1] += (record.closing.activeEnergyExport.value - base.activeEnergyExport.value) / 1000
        }
      }
      replay.closed[meter] = record.closing
    }
    for slot in 0..<2 { replay.published[slot] += opened[name]?[slot] ?? 0 }
    genesis.advance(&replay.coverage, by: header)
    guard replay.coverage.root == header.coverageRoot else {
      return fail(.brokenChain, "set \(owner) position \(place.position) has another table")
    }
    replay.position = place.position
    replay.previous = decided.digest
    replay.period = period
    replay.accusedMembers = header.accusedMembers
  }

  /// No receipt convicts an honest author. (consensus rule R15)
  private func checkPromises(
    of party: GroupParty, _ meter: MeterIndex, _ place: ChainPlace, _ header: Header, _ covered: Period
  ) {
    guard party.isHonest, parties[Int(header.author.rawValue)].isHonest else { return }
    for promise in party.promises where promise.through == header.period.rawValue {
      let receipt = Receipt(
        networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch, group: genesis.group,
        owner: ReplicaIndex(UInt16(place.owner)), meter: meter, signer: ReplicaIndex(UInt16(promise.signer)),
        period: Period(promise.through), position: Position(promise.position), recordHash: Digest())
      if receipt.convicts(
        header, at: Position(place.position), from: Period(promise.from), coveredThrough: covered, in: genesis)
      {
        fail(
          .wronglyConvicted,
          "aggregator \(header.author), by the receipt of \(party.name) for \(promise.from)...\(promise.through)")
      }
    }
  }

  /// Whom a header accuses has lied.
  private func concludeNew(_ new: Accused, _ owner: Int) {
    func accuse(_ place: Int) {
      if parties[place].isHonest { fail(.wronglyConvicted, "\(parties[place].name), by a header of set \(owner)") }
    }
    for member in 0..<members where new.members >> UInt64(member) & 1 == 1 { accuse(member) }
    for meter in 0..<metersPerSet where new.meters.contains(MeterIndex(UInt16(meter))) {
      accuse(members + 1 + owner * metersPerSet + meter)
    }
    for place in 0..<new.elsewhere.count {
      let (meter, home) = new.elsewhere[place]
      accuse(members + 1 + Int(home.rawValue) * metersPerSet + Int(meter.rawValue))
    }
  }

  private func concludeAccused(_ owner: Int, _ accused: UInt64, _ head: [UInt8]) {
    let set = ReplicaIndex(UInt16(owner))
    for party in parties where party.isHonest {
      guard let cell = party.aggregator, Array(copying: cell.node.head(of: set).span) == head, books.newest[owner] > 0,
        cell.node.agreedAccused(of: set).members != accused
      else { continue }
      return fail(.accusationDropped, "\(party.name) holds others to be accused than set \(owner)'s headers")
    }
  }

  /// Published + certified and not yet published + pending = consumed, to the watt-hour.
  private func conclude(_ party: GroupParty, covered: UInt64, closed: EnergyRegisters?) {
    guard party.isHonest, let cell = party.meter else { return }
    // What the meter believes is what the certificates say.
    if cell.node.coveredThrough.rawValue > covered {
      return fail(.wronglySettled, "\(party.name) believes in \(cell.node.coveredThrough), certified is \(covered)")
    }
    guard cell.node.coveredThrough.rawValue == covered, let closed, let believed = cell.node.certifiedRegisters else {
      return
    }
    if believed != closed {
      return fail(.lostEnergy, "\(party.name) goes on from \(believed), certified is \(closed)")
    }
    guard let latest = cell.node.latest, let newest = party.made.last(where: { $0.from == covered + 1 }),
      newest.through == cell.node.lastClosed.rawValue
    else { return }
    let pending = [
      latest.activeEnergyImport.value - newest.closing.activeEnergyImport.value,
      latest.activeEnergyExport.value - newest.closing.activeEnergyExport.value,
    ]
    if pending.contains(where: { $0 < 0 || $0 >= 1000 }) {
      fail(.lostEnergy, "\(party.name) said nothing of \(pending) mWh of what it read")
    }
  }

  /// A meter that f members never include is certified within f + 1 periods. (consensus rule R17)
  func concludeIgnored() {
    for owner in 0..<members {
      var covered = genesis.firstPeriod.rawValue - 1
      for (_, decided) in books.chain(owner) where decided.header.contributors.contains(MeterIndex(0)) {
        outcome.longestWait = max(outcome.longestWait, decided.header.period.rawValue - covered)
        covered = decided.header.period.rawValue
      }
      outcome.longestWait = max(outcome.longestWait, books.settledThrough - min(covered, books.settledThrough))
    }
    if outcome.longestWait > UInt64(faults) + 1 {
      fail(.meterStarved, "an ignored meter waited for \(outcome.longestWait) periods")
    }
    // Less would mean that nobody ignored it.
    if outcome.longestWait < UInt64(faults) + 1 { fail(.meterStarved, "nobody ignored the meter") }
  }

  private func concludeMeter(_ party: GroupParty) {
    for (place, record) in party.made.enumerated() {
      for other in party.made[..<place]
      where other.from == record.from && other.through == record.through && other.hash != record.hash {
        return fail(.conflictingRecord, "\(party.name): two records of \(record.from)...\(record.through)")
      }
    }
  }

  /// Evidence names liars and nobody else.
  private func concludeEvidence() {
    for party in parties where party.isHonest {
      guard let cell = party.aggregator else { continue }
      for place in 0..<cell.node.evidenceKept {
        let accused = cell.node.evidence(place).accused
        if parties[places[accused.rawValue]![0]].isHonest {
          fail(.wronglyConvicted, "\(accused), by \(party.name)")
        }
      }
    }
  }
}
