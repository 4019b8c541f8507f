import Aggregation
import Consensus
import Cryptography
import HAL
import Metering
import Node
import Paillier
import Units
import Wire

/// (owner, position), in the order of the sets' chains.
struct ChainPlace: Hashable, Comparable {
  let owner: Int
  let position: UInt64
  static func < (left: Self, right: Self) -> Bool {
    (left.owner, left.position) < (right.owner, right.position)
  }
  var previous: ChainPlace { ChainPlace(owner: owner, position: position - 1) }
}

/// (owner, period): what files and records are called by.
struct SetPeriod: Hashable, Comparable {
  let owner: Int
  let period: UInt64
  static func < (left: Self, right: Self) -> Bool {
    (left.owner, left.period) < (right.owner, right.period)
  }
}

/// What one key may sign once.
struct VoteName: Hashable {
  let member: Int
  let kind: UInt8
  let place: ChainPlace
  let round: Round
}

/// What one key signed there.
struct VoteValue: Equatable {
  let digest: [UInt8]
  let claim: LockClaim
}

/// A decided position. Members hold different certificates of one header, so what counts of it is the header.
struct DecidedPosition {
  let header: Header
  let digest: [UInt8]
  /// Of the certificate that was seen first.
  let round: Round
  let bytes: [UInt8]
}

/// A receipt that reached its meter.
struct Promise {
  let signer: Int
  let position: UInt64
  let from: UInt64
  let through: UInt64
}

/// Everything a group made durable or published, kept by the simulation outside all nodes.
struct GroupBooks {
  /// What honest nodes and the bookkeeper hold as decided. Never named by a certificate's bytes.
  private(set) var decided: [ChainPlace: DecidedPosition] = [:]
  private(set) var places: [SetPeriod: ChainPlace] = [:]
  /// The newest position of each set; 0 for none.
  private(set) var newest: [UInt64]
  var sums: [SetPeriod: [UInt8]] = [:]
  /// What the bookkeeper handed out beside, under the same names.
  var publishedCertificates: [SetPeriod: [UInt8]] = [:]
  var unreadable: [SetPeriod: [UInt8]] = [:]
  /// Durable votes of honest members.
  var votes: [VoteName: VoteValue] = [:]
  /// By member, in the order of owners: the position and the highest round it signed in, on whatever disk.
  var highest: [[(position: UInt64, round: Round)]]
  /// Records on the disks of aggregators: (member, record hash).
  var durableRecords: Set<[UInt8]> = []
  /// Digests of headers a liar made against the rules; with the one round that forbids it, where others need not.
  var invalidHeaders: [[UInt8]: Round?] = [:]
  var settledThrough: UInt64 = 0

  init(members: Int) {
    newest = Array(repeating: 0, count: members)
    highest = Array(
      repeating: Array(repeating: (position: 0, round: Round(Period(0))), count: members), count: members)
  }

  mutating func keep(_ position: DecidedPosition, at place: ChainPlace) {
    decided[place] = position
    places[SetPeriod(owner: place.owner, period: position.header.period.rawValue)] = place
    newest[place.owner] = max(newest[place.owner], place.position)
  }

  /// The set's positions that are known, in order.
  func chain(_ owner: Int) -> [(place: ChainPlace, position: DecidedPosition)] {
    guard newest[owner] > 0 else { return [] }
    return (1...newest[owner]).compactMap { position in
      let place = ChainPlace(owner: owner, position: position)
      return decided[place].map { (place, $0) }
    }
  }

  func head(_ owner: Int) -> DecidedPosition? { decided[ChainPlace(owner: owner, position: newest[owner])] }
  func position(_ name: SetPeriod) -> DecidedPosition? { places[name].flatMap { decided[$0] } }

  func hasCertified(_ party: GroupParty) -> Bool {
    guard let meter = party.name.meter else { return false }
    return decided.contains { place, position in
      place.owner == Int(meter.owner.rawValue) && position.header.contributors.contains(meter.index)
    }
  }

  /// Through which period a meter is certified; nil before it is.
  func covered(_ meter: MeterIndex, of owner: Int) -> UInt64? {
    var position = newest[owner]
    while position > 0 {
      if let decided = decided[ChainPlace(owner: owner, position: position)],
        decided.header.contributors.contains(meter)
      {
        return decided.header.period.rawValue
      }
      position -= 1
    }
    return nil
  }

  /// Certified values whose sum nobody has seen.
  func unpublished(through period: UInt64) -> [SetPeriod] {
    places.keys.filter { $0.period <= period && sums[$0] == nil && unreadable[$0] == nil }.sorted {
      ($0.period, $0.owner) < ($1.period, $1.owner)
    }
  }
}

extension GroupWorld {
  // MARK: Noting

  func noteAppend(_ entry: Span<UInt8>, by party: GroupParty) {
    guard party.isHonest, let entry = try? JournalEntry(decoding: entry) else { return }
    switch entry {
    case .record(let record, let ciphertext) where party.name.aggregatorIndex != nil:
      let statement = RecordStatement(
        networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
        ciphertextHash: RecordStatement.ciphertextHash(ciphertext))
      party.pendingHashes.append([UInt8(party.place)] + Array(copying: statement.recordHash.span))
    case .vote(let vote, _):
      if let trace { trace("\(tick) \(party.name): \(text(vote))") }
      party.pendingVotes.append(vote)
    case .head(let certificate, let table, _): noteHead(certificate, table, by: party)
    case .baseline(_, let registers):
      if party.opening == nil || party.made.isEmpty { party.opening = registers }
    case .closed(_, let closing, let record, let ciphertext): noteRecord(record, ciphertext, closing, by: party)
    default: return
    }
  }

  func noteSync(by party: GroupParty) {
    for record in party.pendingRecords where !party.made.contains(where: { $0.hash == record.hash }) {
      party.made.append(record)
    }
    party.pendingRecords.removeAll()
    books.durableRecords.formUnion(party.pendingHashes)
    party.pendingHashes.removeAll()
    guard party.isHonest, party.name.aggregatorIndex != nil else { return }
    for place in party.pendingHeads { party.heads[place.owner] = max(party.heads[place.owner] ?? 0, place.position) }
    party.pendingHeads.removeAll()
    for vote in party.pendingVotes { note(vote, by: party) }
    party.pendingVotes.removeAll()
    arrange()
  }

  /// A vote that is durable, and may be sent from now on; or was before its signer stopped.
  private func note(_ vote: Vote, by party: GroupParty) {
    let statement = vote.statement
    let member = Int(statement.signer.rawValue)
    let owner = Int(statement.owner.rawValue)
    let position = statement.position.rawValue
    let place = ChainPlace(owner: owner, position: position)
    let name = VoteName(member: member, kind: statement.kind.rawValue, place: place, round: statement.round)
    let value = VoteValue(digest: Array(copying: statement.digest.span), claim: statement.claim)
    if let earlier = books.votes[name] {
      if earlier != value { fail(.conflictingVote, "\(text(vote)) of \(party.name), who signed otherwise before") }
      return
    }
    books.votes[name] = value
    // The certificate of the position before implies that q members hold the one before that. (consensus rule R1)
    if position != 1, party.heads[owner] ?? 0 < position - 1 {
      fail(.tookPartTooEarly, "\(text(vote)) of \(party.name), who holds position \(party.heads[owner] ?? 0)")
    }
    let highest = books.highest[member][owner]
    if highest.position == position, statement.round < highest.round {
      fail(.votedInRoundItLeft, "\(text(vote)) of \(party.name), who signed in \(highest.round)")
    }
    if position >= highest.position { books.highest[member][owner] = (position, statement.round) }
    if statement.kind == .prepare, let forbidden = books.invalidHeaders[value.digest],
      forbidden == nil || forbidden == statement.round
    {
      fail(.preparedInvalid, "\(text(vote)) of \(party.name)")
    }
  }

  private func noteRecord(
    _ record: Record, _ ciphertext: Span<UInt8>, _ closing: EnergyRegisters, by party: GroupParty
  ) {
    let statement = RecordStatement(
      networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
      ciphertextHash: RecordStatement.ciphertextHash(ciphertext))
    let made = MadeRecord(
      from: record.from.rawValue, through: record.through.rawValue, closing: closing,
      hash: Array(copying: statement.recordHash.span))
    if let trace { trace("\(tick) \(party.name): record of \(made.from)...\(made.through)") }
    party.pendingRecords.append(made)
  }

  /// A head as an aggregator's journal has it: certificate and table in one entry.
  private func noteHead(_ certificate: Span<UInt8>, _ table: Span<UInt8>, by party: GroupParty) {
    guard let (place, header) = noteCertificate(Array(copying: certificate), by: party) else { return }
    var coverage = genesis.coverage(of: ReplicaIndex(UInt16(place.owner)))
    guard coverage.replace(decoding: table, expecting: header.coverageRoot) else {
      return fail(.headWithoutTable, "set \(place.owner) position \(place.position), at \(party.name)")
    }
    party.pendingHeads.append(place)
  }

  @discardableResult
  private func noteCertificate(_ bytes: [UInt8], by party: GroupParty) -> (place: ChainPlace, header: Header)? {
    guard let certificate = try? Certificate(checking: bytes.span, against: genesis) else {
      fail(.invalidCertificate, "held by \(party.name)")
      return nil
    }
    let header = certificate.header
    let place = ChainPlace(owner: Int(certificate.owner.rawValue), position: certificate.position.rawValue)
    let digest = Array(copying: certificate.quorum.statement.digest.span)
    if let siege, let member = party.name.aggregatorIndex {
      siege.noteDecided(
        SetPeriod(owner: place.owner, period: header.period.rawValue), at: Int(member.rawValue), honest: honestMembers,
        milliseconds: wallMilliseconds)
    }
    if let earlier = books.decided[place] {
      if earlier.digest != digest {
        fail(.disagreement, "set \(place.owner) position \(place.position), at \(party.name)")
      }
      return (place, header)
    }
    let round = certificate.quorum.statement.round
    if let trace {
      trace(
        "\(tick) \(party.name): decided \(Self.short(digest)) for set \(place.owner) position \(place.position), "
          + "period \(header.period), in \(round)")
    }
    if let earlier = books.places[SetPeriod(owner: place.owner, period: header.period.rawValue)] {
      fail(
        .brokenChain,
        "set \(place.owner) has period \(header.period) in positions \(earlier.position) and \(place.position)")
    }
    if let before = books.decided[place.previous] {
      if before.digest != Array(copying: header.previous.span) || before.header.period >= header.period {
        fail(.brokenChain, "set \(place.owner) position \(place.position) does not follow on the one before")
      }
    }
    books.keep(DecidedPosition(header: header, digest: digest, round: round, bytes: bytes), at: place)
    outcome.certificates += 1
    if round.view.rawValue > 0 { outcome.decidedLater += 1 }
    if round.period > header.period { outcome.decidedInLaterPeriod += 1 }
    return (place, header)
  }

  func notePublication(
    _ kind: Publication, period: Period, owner: ReplicaIndex, _ bytes: Span<UInt8>, by party: GroupParty
  ) {
    guard party.isHonest else { return }
    let name = SetPeriod(owner: Int(owner.rawValue), period: period.rawValue)
    let file = Array(copying: bytes)
    switch kind {
    case .certificate:
      noteCertificate(file, by: party)
      if party.name.isBookkeeper { books.publishedCertificates[name] = file }
    case .sum:
      // What is there is not written again, even if it would be the same.
      if books.sums[name] != nil { fail(.publishedTwice, "set \(owner) period \(period)") }
      books.sums[name] = file
    case .unreadable:
      noteCertificate(file, by: party)
      books.unreadable[name] = file
    }
  }

  /// The bookkeeper's folder, which is not on the card that may be lost.
  func published(_ kind: Publication, _ name: SetPeriod) -> [UInt8]? {
    switch kind {
    case .certificate: books.publishedCertificates[name]
    case .sum: books.sums[name]
    case .unreadable: books.unreadable[name]
    }
  }

  static func short(_ digest: [UInt8]) -> String {
    digest.allSatisfy { $0 == 0 } ? "nothing" : Hexadecimal.string(digest.span.extracting(0..<4))
  }
  func text(_ vote: Vote) -> String {
    let statement = vote.statement
    return "\(statement.kind) set \(statement.owner) position \(statement.position) round \(statement.round) "
      + Self.short(Array(copying: statement.digest.span))
      + (statement.claim.round.map { " prepared in \($0)" } ?? "")
  }

  // MARK: Receipts

  /// A receipt is a promise: the record it names is on its signer's disk.
  func checkReceipts(of party: GroupParty) {
    guard party.isHonest, let cell = party.meter, let newest = party.made.last else { return }
    for member in 0..<members where parties[member].isHonest {
      guard cell.node.isPromised(for: Period(newest.through), by: ReplicaIndex(UInt16(member))) else { continue }
      if !books.durableRecords.contains([UInt8(member)] + newest.hash) {
        fail(.sentBeforeDurable, "the receipt of \(member) for \(party.name), period \(newest.through)")
      }
    }
  }

  /// Notes for which position a receipt was given that a meter has just taken.
  func notePromise(of party: GroupParty, from flight: Flight) {
    guard party.isHonest, let cell = party.meter, flight.position > 0,
      let signer = Party(Self.identifier(flight.sender)).aggregatorIndex
    else { return }
    let outstanding = cell.node.outstandingCount
    let before = party.receipted
    party.receipted = promises(of: party)
    for record in party.made.suffix(MeterNode.maximumOutstanding) {
      guard cell.node.isPromised(for: Period(record.through), by: signer) else { continue }
      let isNew = before[record.through, default: 0] >> UInt64(signer.rawValue) & 1 == 0
      guard isNew || outstanding == 1 else { continue }
      party.promises.append(
        Promise(
          signer: Int(signer.rawValue), position: flight.position, from: record.from, through: record.through))
      return
    }
  }

  /// Whose receipts a meter has, by the periods of its records.
  private func promises(of party: GroupParty) -> [UInt64: UInt64] {
    guard let cell = party.meter else { return [:] }
    var result: [UInt64: UInt64] = [:]
    for record in party.made.suffix(MeterNode.maximumOutstanding) {
      for member in 0..<members
      where cell.node.isPromised(for: Period(record.through), by: ReplicaIndex(UInt16(member))) {
        result[record.through, default: 0] |= 1 << UInt64(member)
      }
    }
    return result
  }
}
