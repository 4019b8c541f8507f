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
    for place in chains.indices where chains[place].fetch.isActive { ask(chains[place], at: now.monotonic, via: &host) }
  }

  /// When there is something to do before the next tick; nil for nothing.
  public func nextPoll(after now: MonotonicTime) -> MonotonicTime? {
    var earliest = link.transfers.nextMoment(bytes: recordDatagramBytes, after: now)
    for place in chains.indices {
      guard let moment = chains[place].fetch.nextMoment else { continue }
      if earliest == nil || moment < earliest! { earliest = moment }
    }
    return earliest
  }

  private mutating func sendOwed(at now: MonotonicTime, via host: inout some NodeHost & ~Copyable) {
    // The burst bounds this loop: the buckets fill with time, which stands still here.
    while let owed = link.transfers.next(bytes: recordDatagramBytes, at: now) {
      let chain = chain(owed.owner)
      guard let shelf = chain.shelf(through: owed.period), shelf.held.contains(owed.meter) else { continue }
      guard let peer = link.peer(.aggregator(owed.member)) else { continue }
      let isFirst = served.isFirstRecord(
        owed.owner, chain.position, of: genesis.meterCount(of: owed.owner), to: owed.member)
      guard
        link.sealer.maySend(recordDatagramBytes, isFirst: isFirst, to: peer) || mutated(.repetitionsUnbounded)
      else {
        link.sealer.count(.overBudget)
        continue
      }
      link.sendRecord(owed.owner, owed.period, owed.meter, to: owed.member, via: &host) { out in
        shelf.write(owed.meter, into: &out)
      }
    }
  }

  /// A member's WANT for records of this set.
  mutating func owe(
    _ want: Want, _ chain: SetChain, to member: ReplicaIndex, via host: inout some NodeHost & ~Copyable
  ) {
    guard let shelf = chain.shelf(through: want.period) else { return }
    var missing = MeterBitmap(want.missing)
    for index in 0..<64 { missing.bytes.storage[index] &= shelf.held.bytes.storage[index] }
    let outcome = link.transfers.want(
      member, want.owner, want.period, missing: missing.bytes, highest: want.highestSequence, at: link.now)
    if outcome != .taken { link.sealer.count(.overBudget) }
    sendOwed(at: link.now, via: &host)
  }

  /// Begins or goes on asking for the records that a proposal stands for.
  mutating func fetch(_ chain: SetChain, from holder: ReplicaIndex, via host: inout some NodeHost & ~Copyable) {
    guard holder != index else { return }
    chain.fetch.begin(from: holder)
    ask(chain, at: link.now, via: &host)
  }

  private mutating func ask(_ chain: SetChain, at now: MonotonicTime, via host: inout some NodeHost & ~Copyable) {
    guard let moment = chain.fetch.nextMoment, moment <= now else { return }
    guard let digest = chain.instance.awaitsValidation, let header = chain.header(digest),
      let shelf = chain.shelf(through: header.period)
    else { return chain.fetch.end() }
    let missing = shelf.missing(of: header.contributors)
    guard missing.count > 0 else { return chain.fetch.end() }
    let holder = chain.fetch.ask(members: genesis.members, own: index, at: now)
    ask(
      Want(
        object: .records, owner: header.owner, position: chain.position, period: header.period, digest: digest,
        missing: missing.bytes), of: holder, via: &host)
  }

  /// A record came from another member. The last one that was missing lets the proposal be checked at once.
  mutating func noteFetched(
    _ chain: SetChain, _ shelf: RecordShelf, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    if chain.fetch.isActive { chain.fetch.arrived(at: link.now) }
    guard let digest = chain.instance.awaitsValidation, let header = chain.header(digest),
      shelf.period == header.period, shelf.missing(of: header.contributors).count == 0
    else { return }
    // Another record than the one that was held may make the proposal fit; while more of them are missing the next tick tells.
    guard chain.fetch.isActive || chain.manifestDigest == digest && fitsByName(shelf, header, chain) else { return }
    chain.fetch.end()
    try validate(chain, digest, via: &host)
  }

  private func fitsByName(_ shelf: RecordShelf, _ header: Header, _ chain: SetChain) -> Bool {
    for meter in 0..<genesis.meterCount(of: header.owner) where header.contributors.contains(MeterIndex(meter)) {
      let meter = MeterIndex(meter)
      if let named = chain.namedHash(of: meter, in: header), named != shelf.hash(of: meter) { return false }
    }
    return true
  }
}
