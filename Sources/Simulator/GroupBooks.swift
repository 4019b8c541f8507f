import Aggregation
import Consensus
import Cryptography
import HAL
import Node
import Paillier
import Units
import Wire

/// (owner, period), in order of the set's chain.
struct InstanceName: Hashable, Comparable {
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
  let instance: InstanceName
  let view: UInt32
}

/// What one key signed there.
struct VoteValue: Equatable {
  let digest: [UInt8]
  let sequence: UInt64
}

/// Everything a group made durable or published, kept by the simulation outside all nodes.
struct GroupBooks {
  /// What honest nodes and the bookkeeper hold as decided.
  var certificates: [InstanceName: [UInt8]] = [:]
  var digests: [InstanceName: [UInt8]] = [:]
  var sums: [InstanceName: [UInt8]] = [:]
  /// Durable votes of honest members.
  var votes: [VoteName: VoteValue] = [:]
  /// Records on the disks of aggregators: (member, record hash).
  var durableRecords: Set<[UInt8]> = []
  /// Digests of headers a liar made against the rules. False where only view 0 forbids it: a later primary may come to
  /// propose the same.
  var invalidHeaders: [[UInt8]: Bool] = [:]
  var settledThrough: UInt64 = 0

  func hasCertified(_ party: Party) -> Bool {
    guard let meter = party.name.meter else { return false }
    return certificates.contains { name, bytes in
      name.owner == Int(meter.owner.rawValue) && Self.header(bytes)?.contributors.contains(meter.index) == true
    }
  }

  /// The header of a certificate file that was checked when it was noted.
  static func header(_ bytes: [UInt8]) -> Header? {
    guard bytes.count > Header.encodedBytes, bytes[8] == 1 else { return nil }
    let tail = Array(bytes[(bytes.count - Header.encodedBytes)...])
    var reader = WireReader(tail.span)
    return try? Header(decoding: &reader)
  }

  /// Whether the bookkeeper published every certified sum up to the end of a period.
  func isPublished(through period: UInt64) -> Bool { unpublished(through: period).isEmpty }

  /// Values that were certified, whose sum nobody has seen.
  func unpublished(through period: UInt64) -> [InstanceName] {
    certificates.compactMap { name, bytes in
      name.period <= period && bytes[8] == 1 && sums[name] == nil ? name : nil
    }.sorted { ($0.period, $0.owner) < ($1.period, $1.owner) }
  }
}

extension GroupWorld {
  // MARK: Noting

  func noteAppend(_ entry: Span<UInt8>, by party: Party) {
    guard party.isHonest, entry.count > 1, let kind = EntryKind(rawValue: entry[0]) else { return }
    var reader = WireReader(entry.extracting(1..<entry.count))
    switch kind {
    case .record where party.name.aggregatorIndex != nil:
      guard let record = try? Record(decoding: &reader), let ciphertext = try? reader.readBytes(reader.remaining) else {
        return
      }
      let statement = RecordStatement(
        networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
        ciphertextHash: RecordStatement.ciphertextHash(ciphertext))
      party.pendingHashes.append([UInt8(party.place)] + Array(copying: statement.recordHash.span))
    case .vote:
      if let vote = try? Vote(decoding: &reader) {
        if let trace { trace("\(tick) \(party.name): \(text(vote))") }
        party.pendingVotes.append(vote)
      }
    case .decided where party.name.aggregatorIndex != nil:
      guard let length = try? reader.read(UInt16.self), let bytes = try? reader.readBytes(Int(length)) else { return }
      noteCertificate(Array(copying: bytes), by: party)
    case .adopted:
      guard let length = try? reader.read(UInt16.self), let bytes = try? reader.readBytes(Int(length)) else { return }
      noteCertificate(Array(copying: bytes), by: party)
    case .baseline:
      guard (try? reader.read(UInt64.self)) != nil, let registers = Self.registers(&reader) else { return }
      if party.opening == nil || party.made.isEmpty { party.opening = registers }
    case .closed:
      guard Self.registers(&reader) != nil, let closing = Self.registers(&reader),
        let record = try? Record(decoding: &reader), let ciphertext = try? reader.readBytes(reader.remaining)
      else { return }
      noteRecord(record, ciphertext, closing, by: party)
    default: return
    }
  }

  private static func registers(_ reader: inout WireReader) -> EnergyRegisters? {
    guard let imported = try? reader.read(UInt64.self), let exported = try? reader.read(UInt64.self) else { return nil }
    return EnergyRegisters(
      activeEnergyImport: MilliwattHours(Int64(bitPattern: imported)),
      activeEnergyExport: MilliwattHours(Int64(bitPattern: exported)))
  }

  func noteSync(by party: Party) {
    for record in party.pendingRecords where !party.made.contains(where: { $0.hash == record.hash }) {
      party.made.append(record)
    }
    party.pendingRecords.removeAll()
    books.durableRecords.formUnion(party.pendingHashes)
    party.pendingHashes.removeAll()
    guard party.isHonest, let member = party.name.aggregatorIndex else { return }
    for vote in party.pendingVotes {
      let statement = vote.statement
      let name = VoteName(
        member: Int(member.rawValue), kind: statement.kind.rawValue,
        instance: InstanceName(owner: Int(statement.owner.rawValue), period: statement.period.rawValue),
        view: statement.view.rawValue)
      let value = VoteValue(
        digest: Array(copying: statement.digest.span), sequence: statement.sequenceNumber.rawValue)
      if let earlier = books.votes[name], earlier != value {
        fail(.conflictingVote, "\(text(vote)) of \(party.name), who signed otherwise before")
      }
      books.votes[name] = value
      if statement.kind == .prepare, let everywhere = books.invalidHeaders[value.digest],
        everywhere || statement.view.rawValue == 0
      {
        fail(.preparedInvalid, "\(text(vote)) of \(party.name)")
      }
    }
    party.pendingVotes.removeAll()
    arrange()
  }

  private func noteRecord(
    _ record: Record, _ ciphertext: Span<UInt8>, _ closing: EnergyRegisters, by party: Party
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

  private func noteCertificate(_ bytes: [UInt8], by party: Party) {
    guard let certificate = try? Certificate(checking: bytes.span, against: genesis) else {
      return fail(.invalidCertificate, "held by \(party.name)")
    }
    let name = InstanceName(owner: Int(certificate.owner.rawValue), period: certificate.period.rawValue)
    let digest = Array(copying: certificate.quorum.statement.digest.span)
    if let siege, let member = party.name.aggregatorIndex {
      siege.noteDecided(name, at: Int(member.rawValue), honest: honestMembers, milliseconds: wallMilliseconds)
    }
    if let earlier = books.digests[name] {
      if earlier != digest { fail(.disagreement, "set \(name.owner) period \(name.period), at \(party.name)") }
      return
    }
    if let trace {
      trace("\(tick) \(party.name): decided \(Self.short(digest)) for set \(name.owner) period \(name.period)")
    }
    books.digests[name] = digest
    books.certificates[name] = bytes
    outcome.certificates += 1
    if certificate.header == nil { outcome.decidedNull += 1 }
    if certificate.quorum.statement.view.rawValue > 0 { outcome.decidedLater += 1 }
  }

  func notePublication(
    _ kind: Publication, period: Period, owner: ReplicaIndex, _ bytes: Span<UInt8>, by party: Party
  ) {
    guard party.isHonest else { return }
    let name = InstanceName(owner: Int(owner.rawValue), period: period.rawValue)
    let file = Array(copying: bytes)
    switch kind {
    case .certificate: noteCertificate(file, by: party)
    case .sum:
      if let earlier = books.sums[name], earlier != file { fail(.publishedTwice, "set \(owner) period \(period)") }
      books.sums[name] = file
    }
  }

  static func short(_ digest: [UInt8]) -> String {
    digest.allSatisfy { $0 == 0 } ? "NULL" : Hexadecimal.string(digest.span.extracting(0..<4))
  }
  private func text(_ vote: Vote) -> String {
    let statement = vote.statement
    return "\(statement.kind) set \(statement.owner) period \(statement.period) view \(statement.view) "
      + Self.short(Array(copying: statement.digest.span))
  }

  /// A receipt is a promise: the record it names is on its signer's disk.
  func checkReceipts(of party: Party) {
    guard party.isHonest, let cell = party.meter, let newest = party.made.last else { return }
    for member in 0..<members where parties[member].isHonest {
      guard cell.node.isPromised(for: Period(newest.through), by: ReplicaIndex(UInt16(member))) else { continue }
      if !books.durableRecords.contains([UInt8(member)] + newest.hash) {
        fail(.sentBeforeDurable, "the receipt of \(member) for \(party.name), period \(newest.through)")
      }
    }
    // A promise for a period, by whoever then led it, for a meter that is not in what was decided. (DESIGN §2.3) A record
    // whose energy was certified in an earlier period meanwhile is rightly left out.
    guard let meter = party.name.meter else { return }
    let owner = Int(meter.owner.rawValue)
    guard let bytes = books.certificates[InstanceName(owner: owner, period: newest.through)],
      let header = GroupBooks.header(bytes), !header.contributors.contains(meter.index),
      parties[Int(header.author.rawValue)].isHonest,
      cell.node.isPromised(for: Period(newest.through), by: header.author)
    else { return }
    for period in newest.from..<newest.through {
      if let bytes = books.certificates[InstanceName(owner: owner, period: period)],
        GroupBooks.header(bytes)?.contributors.contains(meter.index) == true
      {
        return
      }
    }
    fail(.wronglyConvicted, "aggregator \(header.author), by the receipt of \(party.name) for \(newest.through)")
  }

  // MARK: Concluding

  /// What must hold once everything is settled.
  func conclude() {
    var opened: [InstanceName: [Int64]] = [:]
    for (name, file) in books.sums {
      guard let bytes = books.certificates[name], let header = GroupBooks.header(bytes),
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

  /// The chain of a set, and its sums against its houses.
  private func conclude(_ owner: Int, _ opened: [InstanceName: [Int64]]) {
    var previous = Array(copying: genesis.networkIdentifier.span)
    var published: [Int64] = [0, 0]
    var expected: [Int64] = [0, 0]
    var covered = Array(repeating: genesis.firstPeriod.rawValue - 1, count: metersPerSet)
    var closed: [EnergyRegisters?] = (0..<metersPerSet).map { parties[members + 1 + owner * metersPerSet + $0].opening }
    let isLiarHere = swarm.liarMeter?.owner == owner
    var accused = Accused()
    for name in books.certificates.keys.sorted() where name.owner == owner {
      guard let header = GroupBooks.header(books.certificates[name]!) else { continue }
      if Array(copying: header.previous.span) != previous {
        return fail(.brokenChain, "set \(owner) period \(name.period) does not build on the one before")
      }
      previous = Array(copying: header.digest.span)
      guard accused.subtracting(header.accused).count == 0 else {
        return fail(.accusationDropped, "set \(owner) period \(name.period)")
      }
      accused = header.accused
      guard header.count >= Self.minimumContributors else {
        return fail(.invalidCertificate, "set \(owner) period \(name.period) has too few contributors")
      }
      for slot in 0..<2 { published[slot] += opened[name]?[slot] ?? 0 }
      for meter in 0..<metersPerSet where header.contributors.contains(MeterIndex(UInt16(meter))) {
        let party = parties[members + 1 + owner * metersPerSet + meter]
        guard party.isHonest else { continue }
        // Honest meters make one record for a period and a state of coverage.
        let fitting = party.made.filter { $0.through == name.period && $0.from == covered[meter] + 1 }
        guard let record = fitting.first else {
          return fail(.doubledEnergy, "\(party.name) made no record of \(covered[meter] + 1)...\(name.period)")
        }
        if fitting.contains(where: { $0.hash != record.hash }) {
          return fail(.conflictingRecord, "\(party.name) made two records of \(record.from)...\(record.through)")
        }
        let base = closed[meter] ?? record.closing
        if opened[name] != nil {
          expected[0] += (record.closing.activeEnergyImport.value - base.activeEnergyImport.value) / 1000
          expected[1] += (record.closing.activeEnergyExport.value - base.activeEnergyExport.value) / 1000
        }
        covered[meter] = name.period
        closed[meter] = record.closing
      }
    }
    for place in 0..<(members + metersPerSet) {
      let isMember = place < members
      let party = parties[isMember ? place : 1 + owner * metersPerSet + place]
      let isAccused =
        isMember
        ? accused.members >> UInt64(place) & 1 == 1 : accused.meters.contains(MeterIndex(UInt16(place - members)))
      if isAccused, party.isHonest { return fail(.wronglyConvicted, "\(party.name), by the headers of set \(owner)") }
    }
    for party in parties where party.isHonest {
      let set = ReplicaIndex(UInt16(owner))
      guard let cell = party.aggregator, Array(copying: cell.node.head(of: set).span) == previous,
        cell.node.agreedAccused(of: set) != accused
      else { continue }
      return fail(.accusationDropped, "\(party.name) holds others to be accused than set \(owner)'s headers")
    }
    outcome.accused += accused.count
    if !isLiarHere {
      for slot in 0..<2 where published[slot] != expected[slot] {
        if published[slot] < expected[slot] {
          outcome.lostWattHours += expected[slot] - published[slot]
          fail(.lostEnergy, "set \(owner): published \(published) Wh, its meters certified \(expected) Wh")
        } else {
          outcome.doubledWattHours += published[slot] - expected[slot]
          fail(.doubledEnergy, "set \(owner): published \(published) Wh, its meters certified \(expected) Wh")
        }
      }
    }
    for meter in 0..<metersPerSet {
      let party = parties[members + 1 + owner * metersPerSet + meter]
      guard party.isHonest, let cell = party.meter else { continue }
      // What the meter believes is what the certificates say.
      if cell.node.coveredThrough.rawValue > covered[meter] {
        return fail(
          .wronglySettled, "\(party.name) believes in \(cell.node.coveredThrough), certified is \(covered[meter])")
      }
      if cell.node.coveredThrough.rawValue == covered[meter], let base = closed[meter],
        let believed = cell.node.certifiedRegisters, believed != base
      {
        return fail(.lostEnergy, "\(party.name) goes on from \(believed), certified is \(base)")
      }
    }
  }

  /// A meter that f members never include is certified within f + 1 periods. (DESIGN §3)
  func concludeIgnored() {
    for owner in 0..<members {
      var covered = genesis.firstPeriod.rawValue - 1
      for name in books.certificates.keys.sorted() where name.owner == owner {
        guard let header = GroupBooks.header(books.certificates[name]!), header.contributors.contains(MeterIndex(0))
        else { continue }
        outcome.longestWait = max(outcome.longestWait, name.period - covered)
        covered = name.period
      }
      outcome.longestWait = max(outcome.longestWait, books.settledThrough - min(covered, books.settledThrough))
    }
    if outcome.longestWait > UInt64(faults) + 1 {
      fail(.meterStarved, "an ignored meter waited for \(outcome.longestWait) periods")
    }
    // Less would mean that nobody ignored it.
    if outcome.longestWait < UInt64(faults) + 1 { fail(.meterStarved, "nobody ignored the meter") }
  }

  private func concludeMeter(_ party: Party) {
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
