import Aggregation
import Consensus
import Cryptography
import HAL
import Packets
import Paillier
import Units
import Wire

// Records of meters, and those that other members bring. (consensus rules C2, C6, C12)
extension AggregatorNode {
  mutating func receiveRecord(
    _ bytes: Span<UInt8>, _ sender: Party, _ peer: Int, at now: Instant,
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let accepted: (record: Record, shelf: RecordShelf)
    do throws(RecordRefusal) { accepted = try accept(bytes, sender, peer, now, via: &host) } catch {
      recordRefusals[Int(error.rawValue)] += 1
      if error == .badSignature { link.sealer.countSignatureChecks(1) }
      // A record that is no ciphertext costs as much to find out, and nobody passes it on by accident; so does another one that a
      // meter signed, but of a member that may be what it was asked for.
      if error == .badSignature || error == .badCiphertext || error == .conflicting && sender.meter != nil {
        link.sealer.countBadSignature(of: peer)
      }
      return
    }
    let (record, shelf) = accepted
    let chain = chain(record.owner)
    // No receipt for what a header that was prepared before names: it counts by that header alone.
    guard sender.meter != nil, shelf === chain.collected else { return try noteFetched(chain, shelf, via: &host) }
    // A meter says it again when its receipt was lost, though never so soon.
    let set = Int(record.owner.rawValue)
    if receipted[set].contains(record.meter), shelf.journaled.contains(record.meter), !mutated(.receiptsUnbounded) {
      return link.sealer.count(.overBudget)
    }
    // A record that came after the proposal was fixed gets no promise for this position. (consensus rule C6)
    if let own = chain.ownProposal, own.period == record.through, !own.contributors.contains(record.meter),
      !mutated(.receiptAfterProposal)
    {
      return
    }
    if !shelf.journaled.contains(record.meter), !mutated(.receiptBeforeDurable) {
      try journal(record.meter, shelf, via: &host)
      try host.sync()
      shelf.noteJournaled(record.meter)
    }
    guard mayPromise(in: chain) else { return }
    var receipt = Receipt(
      networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch, group: genesis.group, owner: record.owner,
      meter: record.meter, signer: index, period: record.through, position: chain.position,
      recordHash: shelf.hash(of: record.meter))
    receipt.signature = signer.sign { out in receipt.encodeSigned(into: &out) }
    receipted[set].insert(record.meter)
    link.send(.receipt, to: peer, via: &host) { out in receipt.encode(into: &out) }
  }

  /// Checks a record and keeps it. Of two records of one meter the first stays, until a proposal's manifest names the other.
  private mutating func accept(
    _ bytes: Span<UInt8>, _ sender: Party, _ peer: Int, _ now: Instant,
    via host: inout some NodeHost & ~Copyable
  ) throws(RecordRefusal) -> (record: Record, shelf: RecordShelf) {
    var reader = WireReader(bytes)
    guard let record = try? Record(decoding: &reader), let ciphertext = try? reader.readBytes(reader.remaining) else {
      throw .malformed
    }
    guard record.owner.rawValue < genesis.members else { throw .wrongSet }
    if let meter = sender.meter, meter.owner != record.owner || meter.index != record.meter { throw .unknownMeter }
    // A member may name any meter: bitmaps and memory end at the set's last.
    guard sender.meter != nil || sender.aggregatorIndex != nil,
      record.meter.rawValue < genesis.meterCount(of: record.owner)
    else { throw .unknownMeter }
    let chain = chain(record.owner)
    if mutated(.recordsOfNextPeriodTaken), record.through == chain.collected.period.next {
      chain.collected.begin(record.through)
    }
    // What another member holds, or its meter, may be needed for a header of an earlier period.
    guard let shelf = chain.shelf(through: record.through) else { throw .wrongThrough }
    if let meter = sender.meter, record.from > chain.coverage.coveredThrough(meter.index).next {
      // Its meter holds a proof of what was not heard of here.
      askWidely(chain, via: &host)
    }
    // One that no longer follows, because a shorter record was decided since, makes room for the next: its meter did nothing wrong.
    let isHeld =
      shelf.held.contains(record.meter) && (shelf !== chain.collected || chain.follows(shelf, record.meter))
    if isHeld, try isSame(record, ciphertext, shelf, sender) { return (record, shelf) }
    let isNamed = isNamed(record, ciphertext, chain, shelf)
    if shelf === chain.older, !isNamed { throw sender.meter == nil ? .conflicting : .wrongThrough }
    if isHeld {
      // A meter's second one counts as a bad signature; of a member it may be what it was asked for, by name.
      if sender.meter == nil, !isNamed {
        guard link.sealer.mayCheckOtherRecord(of: peer) else { throw .conflicting }
      }
    } else if receipted[Int(record.owner.rawValue)].contains(record.meter) {
      // There was no room since the last tick, after its signature was looked at.
      throw .noRoom
    }
    let statement = try genesis.check(
      record, ciphertext: ciphertext, owner: record.owner, period: record.through, coverage: chain.coverage)
    link.sealer.countSignatureChecks(1)
    if isHeld {
      note(record, ciphertext, statement, beside: shelf)
      guard isNamed, sender.meter == nil else { throw .conflicting }
    }
    do throws(PaillierError) {
      if sender.meter != nil { try key.validate(ciphertext) } else { try key.validateRange(ciphertext) }
    } catch { throw .badCiphertext }
    shelf.store(record, ciphertext, hash: statement.recordHash)
    if sender.meter != nil { shelf.noteCoprime(record.meter) }
    recordsAccepted += 1
    return (record, shelf)
  }

  /// Whether it is the record that is held of its meter.
  private mutating func isSame(
    _ record: Record, _ ciphertext: Span<UInt8>, _ shelf: RecordShelf, _ sender: Party
  ) throws(RecordRefusal) -> Bool {
    // The ciphertext's memory belongs to the shelf, which outlives this call.
    let held = unsafe Span(_unsafeElements: shelf.ciphertext(record.meter))
    guard held.count == ciphertext.count, shelf.record(record.meter) == record else { return false }
    for index in 0..<ciphertext.count where held[index] != ciphertext[index] { return false }
    // What a member brought first was not looked at alone; its meter is about to be promised something.
    if sender.meter != nil, !shelf.coprime.contains(record.meter) {
      guard isUnit(held) else {
        shelf.remove(record.meter)
        throw .badCiphertext
      }
      shelf.noteCoprime(record.meter)
    }
    return true
  }

  /// Whether the value that waits to be found valid names this very record.
  private func isNamed(_ record: Record, _ ciphertext: Span<UInt8>, _ chain: SetChain, _ shelf: RecordShelf) -> Bool {
    guard let digest = chain.instance.awaitsValidation, chain.manifestDigest == digest,
      let header = chain.header(digest), header.period == shelf.period,
      let named = chain.namedHash(of: record.meter, in: header)
    else { return false }
    return named == statement(record, ciphertext).recordHash
  }

  func statement(_ record: Record, _ ciphertext: Span<UInt8>) -> RecordStatement {
    RecordStatement(
      networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
      ciphertextHash: RecordStatement.ciphertextHash(ciphertext))
  }

  /// Both signatures hold and the records differ. Only for the same periods the meter lied, or lost its disk: one whose clock was ahead, and
  /// of which an earlier record was certified since, says of the period it was ahead in that it begins later.
  private mutating func note(
    _ record: Record, _ ciphertext: Span<UInt8>, _ statement: RecordStatement, beside shelf: RecordShelf
  ) {
    let earlier = shelf.record(record.meter)
    guard earlier.from == record.from else { return }
    evidenceCount += 1
    accuse(
      Evidence(
        accused: .meter(record.meter, of: record.owner), kind: .record, owner: record.owner,
        position: chain(record.owner).position, round: Round(record.through), first: shelf.hash(of: record.meter),
        second: statement.recordHash))
    // The ciphertext's memory belongs to the shelf, which outlives this call.
    let other = unsafe Span(_unsafeElements: shelf.ciphertext(record.meter))
    keep(Contradiction(self.statement(earlier, other), statement))
  }

  /// Appends those of a header's records that are not in the journal yet.
  mutating func keepRecords(
    of header: Header, _ chain: SetChain, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let shelf = chain.shelf(of: header)
    guard shelf.period == header.period else { return }
    for meter in 0..<genesis.meterCount(of: header.owner) {
      let meter = MeterIndex(meter)
      guard header.contributors.contains(meter), shelf.held.contains(meter), !shelf.journaled.contains(meter) else {
        continue
      }
      try journal(meter, shelf, via: &host)
      shelf.noteJournaled(meter)
    }
  }

  /// Appends a record that is held.
  private mutating func journal(
    _ meter: MeterIndex, _ shelf: RecordShelf, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    entry.replace { out in
      // The ciphertext's memory belongs to the shelf, which outlives this call.
      let ciphertext = unsafe Span(_unsafeElements: shelf.ciphertext(meter))
      JournalEntry.record(record: shelf.record(meter), ciphertext: ciphertext).encode(into: &out)
    }
    try host.append(entry.span)
  }

  /// Asks one member in turn for a later head, at most twice a second for a set.
  private mutating func askWidely(_ chain: SetChain, via host: inout some NodeHost & ~Copyable) {
    guard ticks >= chain.askedAt + 5 else { return }
    chain.askedAt = ticks
    askForHead(chain, from: memberInTurn, via: &host)
  }
}
