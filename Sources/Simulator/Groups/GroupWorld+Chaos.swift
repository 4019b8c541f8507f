import Consensus
import HAL
import Node
import SimulatedPlatform
import Units

// What goes wrong, tick by tick.
extension GroupWorld {
  /// Faults of this tick.
  func chaos() {
    if let outage = swarm.outage, tick == swarm.chaosTicks, strikes() { begin(outage) }
    let isOut = outageEnd != nil
    let share = isOut ? outageShare : 1
    func hits(_ chances: Int) -> Bool {
      guard chances > 0, dice.hits(chances) else { return false }
      return share == 1 || dice.below(share) == 0
    }
    if !isOut, hits(swarm.partition) {
      let pattern = dice.bits()
      let asymmetric = swarm.isAsymmetric && dice.below(2) == 0
      let heals = dice.below(4) == 0
      if strikes() { divide(pattern, asymmetric: asymmetric, heals: heals) }
    }
    func victim() -> GroupParty { parties[dice.below(parties.count)] }
    if hits(swarm.crash) {
      let party = victim()
      let ticks = 1 + dice.below(swarm.restartTicks)
      if party.isUp, !party.isLiar, strikes() { kill(party, ticks: ticks) }
    }
    if hits(swarm.pause) {
      let party = victim()
      let ticks = 1 + dice.below(2 * ticksPerPeriod)
      if strikes() { party.pausedUntil = tick + ticks }
    }
    if swarm.losesDisksInTurn { loseDiskInTurn() } else { hurtDisks(hits) }
    if hits(20), let liar = swarm.liars.first(where: { $0.kind == .twin }) {
      let sides = dice.bits()
      if strikes() {
        for party in parties {
          let side = (sides >> UInt64(party.place) & 1) << UInt64(liar.member)
          party.side = party.side & ~(1 << UInt64(liar.member)) | side
        }
      }
    }
  }

  var outageShare: Int { 1 + (swarm.outage?.periods ?? 0) / 3 }

  // MARK: Disks

  /// Who may lose its memory: the members chosen for it, any meter whose energy was certified once, the bookkeeper.
  private func mayForget(_ party: GroupParty) -> Bool {
    if party.name.aggregatorIndex != nil { return swarm.amnesiacs.contains(home(party)) }
    if party.meter != nil {
      return party.isHonest && party.starts < 4 && !party.made.isEmpty && books.hasCertified(party)
    }
    return party.bookkeeper != nil
  }

  private func hurtDisks(_ hits: (Int) -> Bool) {
    for (chance, kind) in [(swarm.wipe, 0), (swarm.restore, 1), (swarm.rot, 2)] where chance > 0 {
      guard hits(chance) else { continue }
      let chosen = dice.below(2 * parties.count)
      let party =
        chosen < parties.count
        ? parties[chosen] : parties[swarm.amnesiacs.isEmpty ? members : swarm.amnesiacs[chosen % swarm.amnesiacs.count]]
      let position = dice.bits()
      guard party.isUp, !party.isLiar, mayForget(party), strikes() else { continue }
      kill(party, ticks: 1 + dice.below(swarm.restartTicks))
      switch kind {
      case 0: party.disk = MemoryDisk()
      // The card as it was before a later run.
      case 1: if let image = party.image, party.imagedAt < party.starts { party.disk = image.image() }
      default:
        guard party.disk.byteCount > 0 else { break }
        party.disk.damage(at: Int(position % UInt64(party.disk.byteCount)))
        party.isDiskHurt = true
      }
      if let trace { trace("\(tick) \(party.name): disk \(["lost", "set back", "damaged"][kind])") }
    }
  }

  /// How many of the first members sign nothing in some set, or are not there.
  private func mutedMembers(below limit: Int) -> Int {
    var count = 0
    for member in 0..<limit {
      guard let cell = parties[member].aggregator else {
        count += 1
        continue
      }
      if (0..<members).contains(where: { !cell.node.maySign(about: ReplicaIndex(UInt16($0))) }) { count += 1 }
    }
    return count
  }

  /// The next one loses its disk once f members at most would be without theirs.
  private func loseDiskInTurn() {
    guard dice.hits(swarm.wipe) else { return }
    let member = dice.below(members)
    let ticks = 1 + dice.below(swarm.restartTicks)
    guard parties[member].aggregator != nil, mutedMembers(below: members) < faults, strikes() else { return }
    loseDisk(parties[member], ticks: ticks)
  }

  func loseDisk(_ party: GroupParty, ticks: Int) {
    kill(party, ticks: ticks)
    party.disk = MemoryDisk()
    outcome.disksLost += 1
    if let trace { trace("\(tick) \(party.name): disk lost") }
  }

  // MARK: Network

  private func divide(_ pattern: UInt64, asymmetric: Bool, heals: Bool) {
    if let trace { trace("\(tick) network: \(heals ? "whole again" : "divided")\(asymmetric ? ", one way" : "")") }
    for place in blocked.indices {
      let own = pattern >> UInt64(place) & 1
      if heals {
        blocked[place] = 0
      } else if asymmetric {
        // Those on side 1 hear nobody on side 0, who hear them.
        blocked[place] = own == 1 ? ~pattern : 0
      } else {
        blocked[place] = own == 1 ? ~pattern : pattern
      }
    }
    exemptHiders()
  }

  /// What they hide they must hear.
  private func exemptHiders() {
    for liar in swarm.liars where liar.kind == .hider {
      blocked[liar.member] = 0
      for place in blocked.indices { blocked[place] &= ~(1 << UInt64(liar.member)) }
    }
  }

  // MARK: Outages

  private func begin(_ outage: GroupSwarm.Outage) {
    outageEnd = swarm.chaosTicks + outage.periods * ticksPerPeriod
    if let trace { trace("\(tick) outage of \(outage.periods) periods: \(outage.kind)") }
    // As many of the members as may be on one side of two.
    var half: UInt64 = 0
    var order = Dice(outage.pattern)
    while half.nonzeroBitCount < members / 2 { half |= 1 << UInt64(order.below(members)) }
    switch outage.kind {
    case .alone: for place in 0..<members { blocked[place] = allMembers & ~(1 << UInt64(place)) }
    case .halves:
      for place in 0..<members { blocked[place] = half >> UInt64(place) & 1 == 1 ? allMembers & ~half : half }
    case .everybody: divide(half | outage.pattern & ~allMembers, asymmetric: false, heals: false)
    case .oneWay: divide(half | outage.pattern & ~allMembers, asymmetric: true, heals: false)
    case .off:
      let count = faults + 1 + order.below(members - faults)
      for member in 0..<members where member < count {
        let party = parties[(member + Int(outage.pattern >> 8 & 7)) % members]
        if party.isUp, !party.isLiar { kill(party, ticks: outage.periods * ticksPerPeriod) }
      }
    case .clocks, .scatteredClocks:
      for party in parties {
        let share = outage.kind == .clocks ? 1000 : Int64(order.below(2001)) - 1000
        party.clockOffset = Int64(outage.clockPeriods) * Int64(periodSeconds) * share
      }
    }
    if outage.kind != .off { exemptHiders() }
    guard let dead = swarm.dead, parties[dead].isHonest else { return }
    parties[dead].stop()
    parties[dead].isLeft = true
  }

  // MARK: Scenarios

  /// Who hears whom in a scenario; before each tick, and whenever something became durable.
  func arrange() {
    switch schedule.scenario {
    case .lateDecision: arrangeLateDecision()
    case .lateLock: arrangeLateLock()
    case .lostDisks: arrangeLostDisks()
    case .loneFeeder: arrangeLoneFeeder()
    case .ignoredMeter, .idle, .absentBookkeeper, .replacedBoards, .unprovenModulus, .absurdMeter, nil: return
    }
  }

  private var allMembers: UInt64 { (1 << UInt64(members)) - 1 }

  /// Some ticks after the end of the period that many after the first.
  private func ticks(afterEndOf number: Int, _ more: Int = 0) -> Int { 10 + (number + 1) * ticksPerPeriod + more }

  /// Somebody has signed a commit about the second position of a set; nil for any.
  private func isCommitted(in owner: Int? = nil) -> Bool {
    books.votes.keys.contains {
      $0.place.position == 2 && $0.kind == StatementKind.commit.rawValue && (owner == nil || $0.place.owner == owner)
    }
  }

  /// The second position is decided after the third period has ended.
  private func arrangeLateDecision() {
    let returns = ticks(afterEndOf: 2, 5)
    isMuted = tick < returns && isCommitted()
    // With a record missing, primaries wait for a quarter of a period.
    guard tick == ticks(afterEndOf: 0, ticksPerPeriod / 2) else { return }
    for owner in 0..<members {
      parties[members + 1 + owner * metersPerSet + metersPerSet - 1].pausedUntil = returns + ticksPerPeriod / 2
    }
  }

  /// From the second period on the first meter of each set is away for three.
  private func arrangeLoneFeeder() {
    guard tick == ticks(afterEndOf: 0, ticksPerPeriod / 2) else { return }
    for owner in 0..<members {
      parties[members + 1 + owner * metersPerSet].pausedUntil = ticks(afterEndOf: 3, ticksPerPeriod / 2)
    }
  }

  /// In the second period as many as one less than a quorum hear each other, beside the liar, which is member 0; then all do.
  private func arrangeLateLock() {
    let isApart = tick >= ticks(afterEndOf: 0, ticksPerPeriod / 2) && tick < ticks(afterEndOf: 1, ticksPerPeriod - 1)
    let together: UInt64 = (1 << UInt64(quorum)) - 2
    for place in 1..<members {
      let heard = together >> UInt64(place) & 1 == 1 ? together : 1 << UInt64(place)
      blocked[place] = isApart ? allMembers & ~heard & ~1 : 0
    }
  }

  /// In one set the commits about the second position reach the last member alone, which is then cut off. The others lose their disks, each
  /// back before the next. All but the last are silent to each other from the first commit there until they lost theirs.
  private func arrangeLostDisks() {
    guard tick >= ticks(afterEndOf: 0, ticksPerPeriod / 2) else { return }
    let last = members - 1
    let isApart = tick < ticks(afterEndOf: 3 + faults)
    let isAway = isApart && isDecidedAtLast
    var silent: UInt64 = isApart ? 1 << UInt64(last) : 0
    if isApart, isCommitted(in: 0) {
      for member in lostInTurn..<last { silent |= 1 << UInt64(member) }
    }
    for place in 0..<last { blocked[place] = place < lostInTurn ? silent & 1 << UInt64(last) : silent }
    blocked[last] = isAway ? allMembers : 0
  }

  /// The last member has the second position of set 0.
  private var isDecidedAtLast: Bool { parties[members - 1].heads[0] ?? 0 >= 2 }

  /// The bookkeeper is killed, and killed again before the first sum after the third period; it comes back after the absence. Meanwhile each
  /// aggregator is killed once. When it has begun to catch up it is killed once more.
  private func arrangeAbsence() {
    let bookkeeper = parties[members]
    let returns = ticks(afterEndOf: 3 + schedule.absencePeriods)
    if tick == ticks(afterEndOf: 1, ticksPerPeriod / 2) { kill(bookkeeper, ticks: 2) }
    if isBookkeeperAway { bookkeeper.restartAt = max(bookkeeper.restartAt, returns) }
    for member in 0..<members
    where tick == ticks(afterEndOf: 3 + (member + 1) * schedule.absencePeriods / (members + 1), 7) {
      kill(parties[member], ticks: 2)
    }
    if tick == returns + 20 || tick == returns + ticksPerPeriod {
      isBookkeeperAway = false
      kill(bookkeeper, ticks: 2)
    }
  }

  /// Meters stop when they have sent their record of the third period, and the bookkeeper before it is certified.
  private func arrangeReplacement() {
    let away = [parties[members]] + (0..<members).map { parties[members + 1 + $0 * metersPerSet] }
    if tick == ticks(afterEndOf: 2, 2) { for party in away { kill(party, ticks: 2 * swarm.chaosTicks) } }
    guard tick >= replaceAt, tick >= ticks(afterEndOf: 3), mutedMembers(below: members) == 0 else { return }
    if lostInTurn < members {
      loseDisk(parties[lostInTurn], ticks: 2)
      lostInTurn += 1
      replaceAt = tick + 3 * ticksPerPeriod
    } else if away[0].restartAt > tick, !away[0].isUp {
      for party in away { party.restartAt = tick }
    }
  }

  /// The bookkeeper's process ends before this very publication.
  func stopsBefore(_ kind: Publication, by party: GroupParty) -> Bool {
    guard schedule.scenario == .absentBookkeeper, kind == .sum, party.name.isBookkeeper, !isBookkeeperAway,
      tick >= ticks(afterEndOf: 2), tick < ticks(afterEndOf: 3)
    else { return false }
    isBookkeeperAway = true
    party.isCrashing = true
    return true
  }

  /// What else a scenario does before a tick.
  func arrangeTick() {
    if schedule.scenario == .absentBookkeeper { return arrangeAbsence() }
    if schedule.scenario == .replacedBoards { return arrangeReplacement() }
    guard schedule.scenario == .lostDisks, lostInTurn < members - 1 else { return }
    let isApart = tick < ticks(afterEndOf: 3 + faults)
    guard !isApart || isDecidedAtLast else { return }
    guard tick >= ticks(afterEndOf: 1), mutedMembers(below: isApart ? members - 1 : members) == 0 else { return }
    loseDisk(parties[lostInTurn], ticks: 2)
    lostInTurn += 1
    arrange()
  }
}
