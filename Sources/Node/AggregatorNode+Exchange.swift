import Aggregation
import Consensus
import Cryptography
import HAL
import Packets
import Paillier
import Units
import Wire

// Records between members: asked for by bitmap, sent as the pacing lets them.
extension AggregatorNode {
  /// Bytes of the datagram that carries one record.
  private var recordDatagramBytes: Int {
    PacketHeader.encodedBytes + Record.fixedBytes + key.ciphertextBytes + SealingKey.tagBytes
  }

  /// Sends what may leave now, and asks again for what did not come. Call when ``nextPoll(after:)`` says so, and with
  /// every tick.
  public mutating func poll(at now: Instant, via host: inout some NodeHost & ~Copyable) {
    link.advance(to: now)
    sendOwed(at: now.monotonic, via: &host)
    for place in slots.indices where slots[place].fetch.isActive { ask(slots[place], at: now.monotonic, via: &host) }
  }

  /// When there is something to do before the next tick; nil for nothing.
  public func nextPoll(after now: MonotonicTime) -> MonotonicTime? {
    var earliest = link.transfers.nextMoment(bytes: recordDatagramBytes, after: now)
    for slot in slots {
      guard let moment = slot.fetch.nextMoment else { continue }
      if earliest == nil || moment < earliest! { earliest = moment }
    }
    return earliest
  }

  private mutating func sendOwed(at now: MonotonicTime, via host: inout some NodeHost & ~Copyable) {
    // The burst bounds this loop: the buckets fill with time, which stands still here.
    while let owed = link.transfers.next(bytes: recordDatagramBytes, at: now) {
      guard let slot = existingSlot(owed.owner, owed.period), slot.held.contains(owed.meter) else { continue }
      guard let peer = link.peer(.aggregator(owed.member)) else { continue }
      let isFirst = served.isFirstRecord(
        owed.owner, owed.period, of: genesis.meterCount(of: owed.owner), to: owed.member)
      guard
        link.sealer.maySend(recordDatagramBytes, isFirst: isFirst, to: peer) || mutated(.repetitionsUnbounded)
      else {
        link.sealer.count(.overBudget)
        continue
      }
      link.sendRecord(owed.owner, owed.period, owed.meter, to: owed.member, via: &host) { out in
        slot.write(owed.meter, into: &out)
      }
    }
  }

  /// A member's WANT for records of this slot.
  mutating func owe(
    _ want: Want, _ slot: InstanceSlot, to member: ReplicaIndex, via host: inout some NodeHost & ~Copyable
  ) {
    var missing = MeterBitmap(want.missing)
    for index in 0..<64 { missing.bytes.storage[index] &= slot.held.bytes.storage[index] }
    let outcome = link.transfers.want(
      member, want.owner, want.period, missing: missing.bytes, highest: want.highestSequence, at: link.now)
    if outcome != .taken { link.sealer.count(.overBudget) }
    sendOwed(at: link.now, via: &host)
  }

  /// Begins or goes on asking for the records that a proposal stands for.
  mutating func fetch(_ slot: InstanceSlot, from holder: ReplicaIndex, via host: inout some NodeHost & ~Copyable) {
    guard holder != index else { return }
    slot.fetch.begin(from: holder)
    ask(slot, at: link.now, via: &host)
  }

  private mutating func ask(_ slot: InstanceSlot, at now: MonotonicTime, via host: inout some NodeHost & ~Copyable) {
    guard let moment = slot.fetch.nextMoment, moment <= now else { return }
    guard !slot.isFinished, let header = slot.proposedHeader else { return slot.fetch.end() }
    let missing = slot.missing(of: header.contributors)
    guard missing.count > 0 else { return slot.fetch.end() }
    let holder = slot.fetch.ask(members: genesis.members, own: index, at: now)
    guard let peer = link.peer(.aggregator(holder)) else { return }
    link.want(
      Want(
        object: .records, owner: header.owner, meter: MeterIndex(0), period: header.period, missing: missing.bytes),
      from: peer, via: &host)
  }

  /// A record came from another member. The last one that was missing lets the proposal be checked at once.
  mutating func noteFetched(_ slot: InstanceSlot, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    guard slot.fetch.isActive, let header = slot.proposedHeader else { return }
    slot.fetch.arrived(at: link.now)
    guard slot.missing(of: header.contributors).count == 0 else { return }
    slot.fetch.end()
    guard let digest = slot.instance.awaitsValidation else { return }
    try validate(slot, digest, via: &host)
  }
}
