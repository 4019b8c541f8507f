import Aggregation
import Consensus
import HAL
import Node
import Packets
import Units

// What a group does once at most f of its members lie or are off, the others hear each other and clocks are right.
extension GroupWorld {
  /// What is asked of a group after healing. (docs/CONSENSUS.md, Why it goes on)
  struct HealingGoal {
    /// The period in which it was healed: a record through it has all energy of the outage.
    let healed: UInt64
    /// By set: the first that ends at least B after healing; or, when all of them believed in a later time, the first that nothing was
    /// said about.
    let first: [UInt64]
    /// More periods, where views do not fit or liars lead.
    let more: UInt64
    /// By place: the period that a meter closed ahead of time.
    var closed: [Int: UInt64] = [:]
  }

  /// When a period ends, in ticks.
  func end(of period: UInt64) -> Int {
    Int(((period + 1) * periodSeconds * 1000 - startMilliseconds) / Self.tickMilliseconds)
  }

  /// Members that lie, are off or sign nothing, at most.
  private var views: UInt32 { UInt32(faults + swarm.leftDown + 1) }

  private var viewsFit: Bool {
    AggregatorNode.timing(periodSeconds: genesis.periodSeconds).ticks(ofViews: views) <= UInt64(ticksPerPeriod) * 3 / 4
  }

  /// Liars that may lead, and leave out whom they like.
  private var leadingLiars: Int { swarm.liars.count { $0.kind != .silent && $0.kind != .echo } }

  /// Heals the network, the clocks and a quorum, and waits until all energy up to now is certified.
  func heal() {
    makeWhole()
    waitForConfirmation()
    guard outcome.violation == nil else { return }
    let healedAt = tick
    var goal = goal()
    if let trace {
      trace("\(tick) healed in period \(goal.healed); to be certified \(goal.first), or \(goal.more) periods more")
    }
    while outcome.violation == nil {
      noteTakenBack(&goal)
      if tick % 4 == 0, let missed = isMissed(goal) {
        fail(.stuck, missed)
        break
      }
      if tick % 4 == 0, isReached(goal) { break }
      step()
    }
    outcome.healedTenths = 10 * (tick - healedAt) / ticksPerPeriod
    books.settledThrough = goal.healed
    publish(goal)
  }

  private func makeWhole() {
    isHealed = true
    isMuted = false
    var down = swarm.leftDown
    for member in 0..<members
    where down > 0 && parties[member].isHonest && !parties[member].isLeft && !swarm.amnesiacs.contains(member)
      && member != swarm.absent
    {
      parties[member].stop()
      parties[member].isLeft = true
      down -= 1
    }
    for place in blocked.indices { blocked[place] = 0 }
    for party in parties {
      party.pausedUntil = 0
      party.clockOffset = 0
      party.clockState = .synchronised
      if !party.isUp { party.restartAt = tick }
    }
  }

  /// A process that begins says nothing before enough others know of it.
  private func waitForConfirmation() {
    let started = tick
    while outcome.violation == nil {
      let waiting = parties.first { party in
        guard party.isHonest, !party.isLeft else { return false }
        if let cell = party.aggregator { return !cell.node.isConfirmed }
        if let cell = party.meter { return !cell.node.isConfirmed }
        return !party.isUp
      }
      guard let waiting else { return }
      if tick - started > Self.confirmationTicks { return fail(.stuck, "\(waiting.name) is not confirmed") }
      step()
    }
  }

  private func goal() -> HealingGoal {
    let timing = AggregatorNode.timing(periodSeconds: genesis.periodSeconds)
    let bound = Int(timing.healingTicks(faults: UInt16(views - 1))) + skewTicks
    var first = period
    while end(of: first) < tick + bound { first += 1 }
    var more: UInt64 = viewsFit ? 0 : UInt64(views)
    // A liar that leads leaves a meter out, or has its header locked so late that the next primary's is void.
    if leadingLiars > 0 { more += 2 * UInt64(leadingLiars) + 1 }
    var goal = HealingGoal(healed: period, first: (0..<members).map { max(first, spokenFor($0)) }, more: more)
    for party in honestMeters {
      if let closed = party.meter?.node.lastClosed.rawValue, closed > period { goal.closed[party.place] = closed }
    }
    return goal
  }

  /// A meter that takes back what it closed ahead of time is like any other.
  private func noteTakenBack(_ goal: inout HealingGoal) {
    for (place, closed) in goal.closed where parties[place].meter?.node.lastClosed.rawValue ?? closed < closed {
      goal.closed[place] = nil
    }
  }

  /// No clock is right to the tick.
  private var skewTicks: Int { swarm.clockSkew * ticksPerPeriod / 1000 + 1 }

  /// With clocks ahead, periods were certified, or voted about, that have not ended yet; and meters closed them. What comes after is
  /// certified next. 0 when there is no such thing.
  private func spokenFor(_ owner: Int) -> UInt64 {
    guard swarm.outage?.kind.isOfClocks == true || !swarm.clocks.isEmpty else { return 0 }
    var result: UInt64 = 0
    if let head = books.head(owner) { result = head.header.period.rawValue + 1 }
    for member in 0..<members {
      let (position, round) = books.highest[member][owner]
      // One that is alone with it is one of the f.
      if position == books.newest[owner] + 1, swarm.outage?.kind.isOfClocks == true {
        result = max(result, round.period.rawValue)
      }
    }
    // Too few of its meters may have something to say.
    let closed = (0..<metersPerSet).compactMap { meter -> UInt64? in
      let party = parties[members + 1 + owner * metersPerSet + meter]
      return party.isHonest ? party.meter?.node.lastClosed.rawValue : nil
    }.sorted()
    let needed = Int(Self.minimumContributors)
    if closed.count >= needed, closed[needed - 1] > period { result = max(result, closed[needed - 1] + 1) }
    return result
  }

  /// The latest period in which all energy of the outage must be certified.
  private func last(_ goal: HealingGoal, _ party: GroupParty) -> UInt64 {
    guard let meter = party.name.meter else { return 0 }
    var result = max(goal.healed + 1, goal.first[Int(meter.owner.rawValue)])
    if let closed = goal.closed[party.place] { result = max(result, closed + 1) }
    return result + goal.more
  }

  private func hasCertified(_ owner: Int, _ goal: HealingGoal) -> Bool {
    (goal.first[owner]...(goal.first[owner] + goal.more)).contains {
      books.places[SetPeriod(owner: owner, period: $0)] != nil
    }
  }

  /// The first header from healing on that counts a meter. One of a period that had not begun then has not all of its energy.
  private func coveringPeriod(_ party: GroupParty, _ goal: HealingGoal) -> UInt64? {
    guard let meter = party.name.meter else { return nil }
    let owner = Int(meter.owner.rawValue)
    let least = max(
      goal.healed, goal.closed[party.place].map { min($0, party.meter?.node.lastClosed.rawValue ?? 0) } ?? 0)
    var found: UInt64?
    for (_, decided) in books.chain(owner).reversed() {
      guard decided.header.period.rawValue >= least else { break }
      if decided.header.contributors.contains(meter.index) { found = decided.header.period.rawValue }
    }
    return found
  }

  private var honestMeters: [GroupParty] { parties.filter { $0.isHonest && $0.name.meter != nil && !$0.isLeft } }

  private func isReached(_ goal: HealingGoal) -> Bool {
    (0..<members).allSatisfy { hasCertified($0, goal) } && honestMeters.allSatisfy { coveringPeriod($0, goal) != nil }
  }

  /// What of it should have come by now, in words.
  private func isMissed(_ goal: HealingGoal) -> String? {
    for owner in 0..<members {
      let first = goal.first[owner]
      guard tick > end(of: first + goal.more + 1) + skewTicks, !hasCertified(owner, goal) else { continue }
      return "set \(owner) certified none of \(first)...\(first + goal.more), healed in \(goal.healed)"
    }
    for party in honestMeters {
      let last = last(goal, party)
      if let found = coveringPeriod(party, goal) {
        if found > last { return "\(party.name) was certified in \(found), not in \(last), healed in \(goal.healed)" }
      } else if tick > end(of: last + 1) + skewTicks {
        return "\(party.name) is not certified in \(goal.healed)...\(last)"
      }
    }
    return nil
  }

  /// The bookkeeper publishes what was certified, and every meter hears of it.
  private func publish(_ goal: HealingGoal) {
    let started = tick
    // One sum is opened a tick.
    let waits = 3 * ticksPerPeriod + 3 * books.unpublished(through: goal.healed).count
    while outcome.violation == nil {
      let unpublished = books.unpublished(through: goal.healed)
      let unheard = honestMeters.first { party in
        (party.meter?.node.coveredThrough.rawValue ?? 0) < (coveringPeriod(party, goal) ?? 0)
      }
      if unpublished.isEmpty, unheard == nil { return }
      if tick - started > waits {
        if let unheard { return fail(.stuck, "\(unheard.name) does not hear what was certified") }
        let missing = unpublished.prefix(20).map { "set \($0.owner) period \($0.period)" }.joined(separator: ", ")
        return fail(.neverPublished, "\(unpublished.count): \(missing)")
      }
      step()
    }
  }

  // MARK: Silence

  /// Periods in which no meter has anything to say: nor have members.
  func idle() {
    guard swarm.liars.isEmpty, swarm.contradictingMeters == 0, swarm.liarMeter == nil else { return }
    // What began must end before.
    let begins = period + 1
    while outcome.violation == nil, tick < end(of: begins) + ticksPerPeriod * 3 / 4 { step() }
    for party in parties where party.name.meter != nil {
      party.stop()
      party.restartAt = .max
    }
    // The period that runs has no records, and the one before is decided by its end.
    idleFrom = end(of: period)
    let last = period + UInt64(Self.idlePeriods)
    while outcome.violation == nil, tick < end(of: last) { step() }
    idleFrom = nil
    outcome.idlePeriods += Self.idlePeriods
    if outcome.idleMessages > 0 { fail(.notSilent, "\(outcome.idleMessages) messages in \(Self.idlePeriods) periods") }
    for party in parties where party.name.meter != nil && !party.isLeft { party.restartAt = tick }
    // Their energy is in the first period that they are back in.
    let healedAt = tick
    waitForConfirmation()
    guard outcome.violation == nil else { return }
    var goal = goal()
    while outcome.violation == nil {
      noteTakenBack(&goal)
      if tick % 4 == 0, let missed = isMissed(goal) { return fail(.stuck, "after idle periods: \(missed)") }
      if tick % 4 == 0, isReached(goal) { break }
      step()
    }
    books.settledThrough = goal.healed
    outcome.healedTenths = max(outcome.healedTenths, 10 * (tick - healedAt) / ticksPerPeriod)
    publish(goal)
  }

  static let idlePeriods = 3
  /// Greetings go out twice a second.
  static let confirmationTicks = 40

  /// Counts what members of a healthy group say about positions while there is nothing to decide.
  func noteIdle(_ datagram: Span<UInt8>, from sender: GroupParty, to receiver: Party) {
    guard sender.name.aggregatorIndex != nil, receiver.aggregatorIndex != nil else { return }
    let types: [PacketType] = [.vote, .proposal, .chunk, .want]
    guard types.contains(where: { $0.rawValue == datagram[1] }) else { return }
    outcome.idleMessages += 1
    if let trace { trace("\(tick) \(sender.name) speaks to \(receiver): type \(datagram[1])") }
  }

  // MARK: For people to read

  /// What a node refused and where its sets stand.
  func state(_ party: GroupParty) -> String {
    var text = "\(party.name)\(party.isHonest ? "" : " (liar)")\(party.isLeft ? " (left)" : "")"
    if let cell = party.aggregator {
      text += " confirmed \(cell.node.isConfirmed), votes from \(cell.node.votingFloor)"
      for refusal in RecordRefusal.allCases where cell.node.refusals(refusal) > 0 {
        text += ", \(refusal): \(cell.node.refusals(refusal))"
      }
      for refusal in HeaderRefusal.allCases where cell.node.refusals(refusal) > 0 {
        text += ", \(refusal): \(cell.node.refusals(refusal))"
      }
      for refusal in Refusal.allCases where cell.node.refusals(refusal) > 0 {
        text += ", \(refusal): \(cell.node.refusals(refusal))"
      }
      for owner in 0..<members {
        let set = ReplicaIndex(UInt16(owner))
        text += "; set \(owner) head \(cell.node.headPosition(of: set)) of \(cell.node.headPeriod(set))"
        for meter in 0..<metersPerSet { text += " \(cell.node.coveredThrough(MeterIndex(UInt16(meter)), of: set))" }
        let standing = cell.node.standing(of: set)
        text += " [\(standing.round)"
        if let awaited = standing.awaited {
          text += " waits for \(Self.short(Array(copying: awaited.span))), \(standing.missing) records missing"
        }
        text += standing.hasSigned ? ", signed" : ""
        text += cell.node.maySign(about: set) ? "]" : ", mute]"
      }
    } else if let cell = party.bookkeeper {
      for owner in 0..<members {
        let set = ReplicaIndex(UInt16(owner))
        text += "; set \(owner) published through \(cell.node.publishedPosition(of: set))"
      }
      text += "; \(cell.node.publishedCount) published, \(cell.node.decryptionCount) decrypted in this run"
    } else if let cell = party.meter {
      text += " covered through \(cell.node.coveredThrough), confirmed \(cell.node.isConfirmed)"
    }
    return text
  }
}
