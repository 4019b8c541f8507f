import Aggregation
import Consensus
import Cryptography
import HAL
import Packets
import Paillier
import Units
import Wire

/// What the bookkeeper knows of one decided position of one set.
struct BookEntry {
  var certificate: Certificate
  var certificateBytes: [UInt8] = []
  var product: [UInt8] = []
  var isPublished = false

  var owner: ReplicaIndex { certificate.owner }
  var position: Position { certificate.position }
}

/// Checks certificates, decrypts their sums, proves each decryption and publishes it.
public struct BookkeeperNode: ~Copyable {
  /// Positions of each set looked back at for certificates that did not arrive.
  public static let positionsKept: UInt64 = 16

  let genesis: Genesis
  let key: PrivateKey
  let signer: SigningKey
  var link: PacketLink
  var entries: [BookEntry] = []
  /// Certificates and products, by the member they come from: a liar's pieces do not disturb another's.
  var assemblies: [AssemblyCell] = []
  var productAssemblies: [AssemblyCell] = []
  /// By every header whose sum was opened.
  private var coverage: KnownCoverage
  var ticks: UInt64 = 0
  /// What this node thinks of its clock, as of the last tick.
  public private(set) var clockVerdict = ClockVerdict.notSynchronised
  public private(set) var publishedCount: UInt64 = 0
  /// Sums that could not be published: a slot is beyond what its contributors can have used.
  public private(set) var unpublishableCount: UInt64 = 0

  public init(
    genesis: Genesis, key: consuming PrivateKey, signer: consuming SigningKey, sealer: consuming Sealer
  ) {
    for _ in 0..<genesis.members {
      assemblies.append(AssemblyCell(capacity: Certificate.maximumBytes(genesis.context.quorum)))
      productAssemblies.append(AssemblyCell(capacity: key.publicKey.ciphertextBytes))
    }
    coverage = KnownCoverage(genesis)
    self.genesis = genesis
    self.key = key
    self.signer = signer
    // What it signs follows from what was certified: it needs nobody to know of its run.
    link = PacketLink(sealer, in: genesis, acknowledgements: 0)
    link.sealer.grantChecks(in: genesis)
  }

  private func place(_ owner: ReplicaIndex, _ position: Position) -> Int? {
    entries.firstIndex { $0.owner == owner && $0.position == position }
  }

  /// The newest of a set that is known here.
  private func newest(_ owner: ReplicaIndex) -> (position: Position, period: Period)? {
    var newest: (position: Position, period: Period)?
    for entry in entries where entry.owner == owner && entry.position > newest?.position ?? Position(0) {
      newest = (entry.position, entry.certificate.period)
    }
    return newest
  }

  /// The certificate comes back from the journal; whatever was not published then is decrypted again.
  public mutating func restore(_ entry: Span<UInt8>) {
    var reader = WireReader(entry)
    guard (try? reader.read(UInt8.self)) == EntryKind.decided.rawValue, let length = try? reader.read(UInt16.self),
      let bytes = try? reader.readBytes(Int(length)),
      let certificate = try? Certificate(checking: bytes, against: genesis),
      place(certificate.owner, certificate.position) == nil
    else { return }
    var kept = BookEntry(certificate: certificate)
    kept.certificateBytes = Array(copying: bytes)
    if let product = try? reader.readBytes(reader.remaining) { kept.product = Array(copying: product) }
    keep(kept)
  }

  private mutating func keep(_ entry: BookEntry) {
    if entries.count >= Int(Self.positionsKept) * Int(genesis.members) {
      // The oldest published one makes room; an unpublished one is never forgotten.
      if let oldest = entries.firstIndex(where: { $0.isPublished }) { entries.remove(at: oldest) }
    }
    entries.append(entry)
  }

  public mutating func tick(at now: Instant, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    ticks += 1
    link.advance(to: now)
    link.renewPacketKeyIfDue(signer: signer, via: &host)
    clockVerdict = link.clocks.verdict(at: now, newest: newestCertified)
    if ticks % 5 == 1 {
      link.greet(
        silentSeconds: UInt64(genesis.periodSeconds), isClockBorneOut: clockVerdict == .nearMembers, via: &host)
    }
    // What a bookkeeper signs follows from what was certified, so an old image can do no harm; it must only be heard.
    if link.runs.forgottenCounter != nil { try link.acceptForgotten(signer: signer, via: &host) }
    for index in entries.indices where !entries[index].isPublished { try publish(index, via: &host) }
    guard ticks % 5 == 0, now.clock == .synchronised else { return }
    let current = now.period(ofSeconds: UInt64(genesis.periodSeconds))
    for member in 0..<genesis.members { askForMissing(ReplicaIndex(member), current, now, via: &host) }
  }

  /// Period of the newest certificate it has, of any set.
  private var newestCertified: Period {
    var newest = Period(genesis.firstPeriod.rawValue - 1)
    for entry in entries { newest = max(newest, entry.certificate.period) }
    return newest
  }

  /// Asks one aggregator, in turn, for what is missing of a set: products of certificates that are here, certificates between those, and
  /// what came after the newest one.
  private mutating func askForMissing(
    _ owner: ReplicaIndex, _ current: Period, _ now: Instant, via host: inout some NodeHost & ~Copyable
  ) {
    let newest = newest(owner)
    if let newest {
      let first = max(1, newest.position.rawValue - min(newest.position.rawValue, Self.positionsKept - 1))
      for position in first...newest.position.rawValue {
        let known = place(owner, Position(position))
        if let known, entries[known].isPublished { continue }
        ask(known == nil ? .certificate : .product, owner, Position(position), via: &host)
      }
    }
    // The last period's certificate is on its way by itself.
    guard current.rawValue > genesis.firstPeriod.rawValue, newest?.period.rawValue ?? 0 < current.rawValue - 1 else {
      return
    }
    let sinceEnd = now.milliseconds(
      sinceEndOf: Period(current.rawValue - 1), ofSeconds: UInt64(genesis.periodSeconds))
    if sinceEnd ?? 0 > UInt64(genesis.periodSeconds) * 500 { ask(.certificate, owner, Position(0), via: &host) }
  }

  private mutating func ask(
    _ object: ObjectKind, _ owner: ReplicaIndex, _ position: Position, via host: inout some NodeHost & ~Copyable
  ) {
    let turn = UInt16(truncatingIfNeeded: (ticks / 5 + UInt64(owner.rawValue)) % UInt64(genesis.members))
    guard let peer = link.peer(.aggregator(ReplicaIndex(turn))) else { return }
    link.want(Want(object: object, owner: owner, position: position), from: peer, via: &host)
  }

  public mutating func receive(
    _ datagram: Span<UInt8>, from endpoint: Endpoint, at now: Instant, via host: inout some NodeHost & ~Copyable
  ) throws(PlatformError) {
    link.advance(to: now)
    guard let (type, peer) = try link.open(datagram, from: endpoint, knowing: genesis, via: &host) else { return }
    // The link keeps the body until it opens the next packet, which is after this call.
    let input = unsafe Span(_unsafeElements: link.openedBody)
    let sender = NodeIdentifier(link.sealer.peers[peer].identifier)
    guard type == .chunk, let member = sender.aggregatorIndex else {
      // A bookkeeper must never see a single record. (DESIGN §2.2)
      return link.sealer.count(.notAllowed)
    }
    var reader = WireReader(input)
    guard let chunk = try? Chunk(decoding: &reader), let piece = try? reader.readBytes(reader.remaining),
      chunk.owner.rawValue < genesis.members
    else { return link.sealer.count(.malformedBody) }
    switch chunk.object {
    case .certificate:
      guard place(chunk.owner, chunk.position) == nil else { return }
      let cell = assemblies[Int(member.rawValue)]
      guard
        let certificate = link.certificate(
          completedBy: chunk, piece, from: peer, in: &cell.assembly, against: genesis)
      else { return }
      guard place(certificate.owner, certificate.position) == nil else { return }
      var entry = BookEntry(certificate: certificate)
      entry.certificateBytes = Array(copying: cell.assembly.span)
      keep(entry)
    case .product:
      let cell = productAssemblies[Int(member.rawValue)]
      guard cell.assembly.accepts(chunk, byteCount: piece.count) else { return link.sealer.count(.malformedBody) }
      guard cell.assembly.add(chunk, piece), let index = place(chunk.owner, chunk.position),
        entries[index].product.isEmpty
      else { return }
      let header = entries[index].certificate.header
      guard RecordStatement.ciphertextHash(cell.assembly.span) == header.productHash else {
        return link.sealer.count(.malformedBody)
      }
      entries[index].product = Array(copying: cell.assembly.span)
      let certificate = entries[index].certificateBytes
      let product = entries[index].product
      // Durable before it is decrypted: a crash in between loses nothing.
      let journal = [UInt8](capacity: 3 + certificate.count + product.count) { out in
        out.write(EntryKind.decided.rawValue)
        out.write(UInt16(certificate.count))
        out.write(certificate.span)
        out.write(product.span)
      }
      try host.append(journal.span)
      try host.sync()
      try publish(index, via: &host)
    case .records, .head, .proof, .roundChange, .newRound, .contradiction, .manifest: link.sealer.count(.notAllowed)
    }
  }

  private mutating func publish(_ index: Int, via host: inout some NodeHost & ~Copyable) throws(PlatformError) {
    let certificate = entries[index].certificate
    let bytes = entries[index].certificateBytes
    let header = certificate.header
    let product = entries[index].product
    guard !product.isEmpty else { return }
    var sum = ByteBuffer(capacity: key.publicKey.modulusBytes)
    var root = ByteBuffer(capacity: key.publicKey.modulusBytes)
    var proven = false
    sum.replace { sum in
      root.replace { root in proven = (try? key.prove(product.span, sum: &sum, root: &root)) != nil }
    }
    // A sum beyond its contributors' bound would be nonsense in public: it stays here, and its certificate with it.
    let isPlausible = proven && isPlausible(sum.span, header, at: certificate.position)
    coverage.note(header, at: certificate.position)
    guard isPlausible else {
      unpublishableCount += 1
      entries[index].isPublished = true
      return
    }
    let published = PublishedSum(
      header: header, sum: Array(copying: sum.span), root: Array(copying: root.span), signer: signer)
    let file = [UInt8](capacity: PublishedSum.encodedBytes(modulusBytes: key.publicKey.modulusBytes)) { out in
      published.encode(into: &out)
    }
    try host.publish(.certificate, period: certificate.period, owner: certificate.owner, bytes.span)
    try host.publish(.sum, period: certificate.period, owner: certificate.owner, file.span)
    entries[index].isPublished = true
    publishedCount += 1
  }

  /// Whether each slot holds what its contributors can have used, and no less than nothing.
  private func isPlausible(_ sum: Span<UInt8>, _ header: Header, at position: Position) -> Bool {
    if mutated(.boundUnchecked) { return true }
    guard let values = try? key.publicKey.unpack(sum: sum, contributors: Int(header.count)) else { return false }
    if mutated(.maximumUnchecked) { return true }
    for slot in values.indices
    where values[slot] < 0 || values[slot] > coverage.bound(slot, of: header, at: position).value { return false }
    return true
  }

  public func drops(_ reason: DropReason) -> UInt64 { link.sealer.drops[Int(reason.rawValue)] }
}
