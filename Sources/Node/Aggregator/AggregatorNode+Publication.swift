import Aggregation
import Consensus
import Cryptography
import HAL
import Packets
import Units
import Wire

// Certificates with their products, until they are published. (DESIGN §2.1; docs/CONSENSUS.md, Coverage rules)
//
// The newest positions of each set are in memory and in the journal. One that leaves memory before the bookkeeper has published it goes
// to a cell on disk first, synced before the head is written that takes its place: so whatever the journal's heads push out at a
// restart is there, and a journal that goes needs nothing of the cells.
extension AggregatorNode {
  /// The most that a cell holds: length of the certificate u16, certificate, product. (docs/PROTOCOL.md, decided)
  public static func cellBytes(_ genesis: Genesis, ciphertextBytes: Int) -> Int {
    2 + Certificate.maximumBytes(genesis.context.quorum) + ciphertextBytes
  }

  private static func cell(_ chain: SetChain, _ position: Position) -> CellPlace {
    CellPlace(series: chain.owner.rawValue, number: position.rawValue)
  }

  // MARK: Keeping

  /// Stores what leaves memory, if somebody may still ask for it.
  mutating func store(
    _ leaving: KeptPosition?, of chain: SetChain, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard let leaving, chain.mustKeep(leaving.position), !mutated(.forgottenBeforeAcknowledged) else { return }
    // Its product may have been stored when it was made from records in the journal.
    if leaving.product.isEmpty, try host.readCell(Self.cell(chain, leaving.position)) != nil { return }
    try store(leaving.position, leaving.certificate, leaving.product, of: chain, via: &host)
    try host.syncCells()
  }

  mutating func store(
    _ position: Position, _ certificate: [UInt8], _ product: [UInt8], of chain: SetChain,
    via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    // The buffer holds a head with its table, so it holds this.
    entry.replace { out in JournalEntry.encodeCell(certificate.span, product.span, into: &out) }
    try host.writeCell(entry.span, to: Self.cell(chain, position))
  }

  /// Certificate and product of a position that is not in memory; nil when it is not stored.
  func stored(
    _ position: Position, of chain: SetChain, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) -> (certificate: [UInt8], product: [UInt8])? {
    guard !mutated(.servedFromMemoryOnly), let cell = try host.readCell(Self.cell(chain, position)) else { return nil }
    guard case .decided(let certificate, let product)? = JournalEntry.decodeCell(cell.span) else { return nil }
    return (Array(copying: certificate), Array(copying: product))
  }

  // MARK: Serving

  /// Serves certificate or product of a position that is not in memory. A bookkeeper that asks for what it has acknowledged has
  /// forgotten that, and is told so.
  mutating func serveStored(
    _ want: Want, _ chain: SetChain, _ sender: Party, _ peer: Int, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard sender.isBookkeeper || sender.aggregatorIndex != nil, want.position.rawValue > 0,
      want.position <= chain.headPosition
    else { return }
    if let found = try stored(want.position, of: chain, via: &host) {
      let bytes = want.object == .product ? found.product : found.certificate
      guard bytes.count > 0 else { return }
      let isFirst = sender.isBookkeeper && served.isFirstStored(want.object, want.owner, want.position)
      guard link.sealer.maySend(Chunk.datagramBytes(ofBytes: bytes.count), isFirst: isFirst, to: peer) else {
        return link.sealer.count(.overBudget)
      }
      return link.sendChunks(want.object, want.owner, want.position, bytes.span, to: peer, via: &host)
    }
    guard let told = chain.acknowledged, want.position <= told.position else { return }
    let bytes =
      PacketHeader.encodedBytes + AcknowledgementBody.headBytes + AcknowledgedPosition.encodedBytes
      + SealingKey.tagBytes
    guard link.sealer.maySend(bytes, isFirst: false, to: peer) else { return link.sealer.count(.overBudget) }
    link.sendAcknowledgements([told], epoch: genesis.epoch, to: peer, via: &host)
  }

  // MARK: Acknowledgements

  mutating func receiveAcknowledgement(
    _ bytes: Span<UInt8>, _ sender: Party, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard sender.isBookkeeper || sender.aggregatorIndex != nil else { return link.sealer.count(.notAllowed) }
    guard let told = AcknowledgementBody.read(bytes, in: genesis) else { return link.sealer.count(.malformedBody) }
    guard told.epoch == genesis.epoch else { return count(.otherEpoch) }
    if let member = sender.aggregatorIndex {
      for position in told.positions {
        chain(position.owner).pull.hear(position.position, from: member, members: genesis.members)
      }
      return
    }
    var taken: [AcknowledgedPosition] = []
    for position in told.positions {
      // Told again, after a while.
      if position == chain(position.owner).acknowledged { continue }
      if let refusal = try refusal(of: position, via: &host) { count(refusal) } else { taken.append(position) }
    }
    guard taken.count > 0 else { return }
    // What cannot be read is stored before the acknowledgement is: from then on it is not kept because it is not published.
    for position in taken { try storeOpen(position, via: &host) }
    for position in taken {
      let entry = Self.entry(position)
      try host.append(entry.span)
    }
    // Durable before anything is given up.
    try host.sync()
    for position in taken { try release(position, via: &host) }
  }

  private static func entry(_ told: AcknowledgedPosition) -> [UInt8] {
    [UInt8](capacity: 1 + AcknowledgedPosition.encodedBytes) { out in
      JournalEntry.acknowledged(position: told).encode(into: &out)
    }
  }

  /// What a journal that begins anew needs of a set's publication. What left memory unpublished is in cells, synced before.
  func acknowledgedEntry(_ owner: ReplicaIndex) -> [UInt8]? { chain(owner).acknowledged.map { Self.entry($0) } }

  private mutating func count(_ refusal: AcknowledgementRefusal) {
    acknowledgementRefusals[Int(refusal.rawValue)] += 1
  }

  private func refusal(
    of told: AcknowledgedPosition, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) -> AcknowledgementRefusal? {
    let chain = chain(told.owner)
    guard told.position <= chain.headPosition else { return .notDecided }
    if let known = chain.acknowledged, told.position <= known.position {
      return told.position < known.position ? .older : .otherDigest
    }
    if let kept = chain.decided(told.position) { return kept.header?.digest == told.digest ? nil : .otherDigest }
    guard let stored = try stored(told.position, of: chain, via: &host),
      let digest = Certificate.headerDigest(in: stored.certificate.span)
    else { return .notHeld }
    return digest == told.digest ? nil : .otherDigest
  }

  /// The positions that an acknowledgement speaks of for the first time, as far back as it names those that are open.
  private func news(_ told: AcknowledgedPosition) -> ClosedRange<UInt64> {
    let last = told.position.rawValue
    let named = last - min(last - 1, AcknowledgedPosition.openPositions - 1)
    return max(named, (chain(told.owner).acknowledged?.position.rawValue ?? 0) + 1)...last
  }

  private mutating func storeOpen(
    _ told: AcknowledgedPosition, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    guard told.open != 0 else { return }
    let chain = chain(told.owner)
    for number in news(told) {
      let position = Position(number)
      guard told.isOpen(position) == true, let kept = chain.decided(position) else { continue }
      try store(kept, of: chain, via: &host)
    }
  }

  /// Gives up what is published. Positions further back than an acknowledgement names stay on disk: they may be open.
  private mutating func release(
    _ told: AcknowledgedPosition, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    let chain = chain(told.owner)
    let news = news(told)
    chain.acknowledge(told)
    for number in news where told.isOpen(Position(number)) == false {
      try host.freeCell(Self.cell(chain, Position(number)))
    }
  }

  /// Up to where a set's chain is published, as this node was told; 0 before the first.
  public func acknowledgedPosition(of owner: ReplicaIndex) -> Position {
    chain(owner).acknowledged?.position ?? Position(0)
  }
  /// Decided positions of a set that are not known to be published.
  public func unacknowledgedCount(_ owner: ReplicaIndex) -> UInt64 {
    let chain = chain(owner)
    return chain.headPosition.rawValue - min(chain.headPosition.rawValue, acknowledgedPosition(of: owner).rawValue)
  }
}
