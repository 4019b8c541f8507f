import Aggregation
import Commands
import Consensus
import Cryptography
import HAL
import Metering
import Node
import NodeProcess
import Packets
import Units
import Wire

/// Reads a journal that may be in use: it takes no lock and cuts nothing off. (docs/PROTOCOL.md, Journal)
///
/// Written apart from `FileJournal` on purpose: it is the second reader of the format.
struct JournalReader {
  static let tag = "BUSBARj3"
  static let olderTags: [(tag: String, version: UInt8)] = [("BUSBARjn", 1), ("BUSBARj2", 2)]
  static let maximumFileBytes = 1 << 30
  private static let headBytes = 64
  private static let frameHeadBytes = 24

  /// Whose it is; nil when the head is damaged, and nothing else is read then.
  private(set) var identity: JournalIdentity?
  /// What stands in the file, entry by entry; the chain holds up to here.
  private(set) var entries: [Range<Int>] = []
  /// How many of them are of the snapshot that the file begins with; nil without one.
  private(set) var snapshotEntries: Int?
  /// Bytes behind the last good entry: a crash's torn tail, or damage.
  let restBytes: Int

  init(_ bytes: [UInt8]) {
    var position = 0
    if let (identity, chain) = Self.head(bytes) {
      self.identity = identity
      position = Self.headBytes
      var chain = chain
      while position + Self.frameHeadBytes <= bytes.count {
        var reader = WireReader(bytes.span.extracting(position..<bytes.count))
        guard let length = try? reader.read(UInt32.self), length > 0, let kind = try? reader.read(UInt8.self),
          kind <= 1,
          (try? reader.readZeros(3)) != nil, let written = try? reader.read(FixedBytes<16>.self),
          Int(length) <= reader.remaining
        else { break }
        let start = position + Self.frameHeadBytes
        chain = Self.link(
          chain, kind == 0 ? "BUSBARjl" : "BUSBARjs", bytes.span.extracting(start..<(start + Int(length))))
        guard chain == written else { break }
        position = start + Int(length)
        if kind == 0 { entries.append(start..<position) } else { snapshotEntries = entries.count }
      }
    }
    restBytes = bytes.count - min(position, bytes.count)
  }

  private static func link(_ chain: FixedBytes<16>, _ domain: StaticString, _ payload: Span<UInt8>) -> FixedBytes<16> {
    let digest = payload.withUnsafeBufferPointer { payload in
      Blake2b.digest(domain: domain) { hash in
        hash.update(chain)
        hash.update(unsafe Span(_unsafeElements: payload))
      }
    }
    return FixedBytes(copying: digest.span.extracting(0..<16))
  }

  private static func head(_ bytes: [UInt8]) -> (identity: JournalIdentity, chain: FixedBytes<16>)? {
    var reader = WireReader(bytes.span)
    guard (try? reader.readBytes(8)) != nil, let network = try? reader.read(Digest.self),
      let node = try? reader.read(UInt32.self), (try? reader.read(UInt8.self)) != nil,
      (try? reader.readZeros(3)) != nil, let written = try? reader.read(FixedBytes<16>.self),
      link(FixedBytes(), "BUSBARjl", bytes.span.extracting(0..<48)) == written
    else { return nil }
    return (JournalIdentity(networkIdentifier: network, node: node), written)
  }
}

func describeJournal(_ path: String, _ json: Bool) throws(Failure) {
  let bytes = try readFile(path, limit: JournalReader.maximumFileBytes)
  for older in JournalReader.olderTags where bytes.starts(with: Array(older.tag.utf8)) {
    throw Failure("\(path): \(PlatformError(.outdated))")
  }
  guard bytes.starts(with: Array(JournalReader.tag.utf8)) else { throw Failure("\(path): not a journal") }
  let journal = JournalReader(bytes)
  let owner = journal.identity.map(describe)
  let snapshot = journal.snapshotEntries
  for (number, range) in journal.entries.enumerated() {
    let text = EntryText(bytes.span.extracting(range))
    printLine(
      json
        ? "{\"entry\":\(number),\"is\":\"\(text.kind)\"\(text.members),\"bytes\":\(range.count)}"
        : "\(aligned("\(number)", 6))  \(padded(text.kind, 14))\(text.line)")
  }
  printLine(
    json
      ? "{\"kind\":\"journal\",\"owner\":\(owner.map { "\"\($0)\"" } ?? "null"),\"entries\":\(journal.entries.count),"
        + "\"snapshotEntries\":\(snapshot.map { "\($0)" } ?? "null"),\"bytes\":\(bytes.count),\"restBytes\":\(journal.restBytes)}"
      : "journal of \(journal.entries.count) entries, \(bytes.count) bytes"
        + (owner.map { ", of \($0)" } ?? "") + (snapshot.map { "; it begins with a snapshot of \($0) entries" } ?? "")
        + "; the chain holds"
        + (journal.restBytes == 0 ? "" : " up to the last \(journal.restBytes) bytes: torn off by a crash, or damaged"))
}

/// One entry in words: which numbers of the protocol it is about. Registers are a household's own and are left out.
private struct EntryText {
  var kind = "unknown"
  private var fields: [(name: String, value: String)] = []

  init(_ entry: Span<UInt8>) {
    var reader = WireReader(entry)
    guard let code = try? reader.read(UInt8.self), let known = EntryKind(rawValue: code) else { return }
    switch known {
    case .boot:
      kind = "boot"
      if let counter = try? reader.read(UInt64.self) { add("counter", "\(counter)") }
    case .vote:
      kind = "vote"
      guard let statement = try? Statement(decoding: &reader) else { return }
      add(statement.round.period, statement.owner)
      add("position", "\(statement.position)")
      add("view", "\(statement.round.view)")
      add("statementKind", "\(statement.kind.rawValue)")
      add("digest", "\"\(statement.digest)\"")
    case .record:
      kind = "record"
      if let record = try? Record(decoding: &reader) { add(record) }
    case .decided, .head, .shown:
      kind =
        switch known {
        case .decided: "decided"
        case .head: "head"
        default: "shown"
        }
      guard (try? reader.read(UInt16.self)) != nil, (try? reader.readTag("BUSBARc2")) != nil,
        let quorum = try? QuorumCertificate(decoding: &reader), let header = try? Header(decoding: &reader)
      else { return }
      add(header.period, header.owner)
      add("position", "\(quorum.statement.position)")
    case .published, .unreadable:
      kind = known == .published ? "published" : "unreadable"
      guard let period = try? reader.read(UInt64.self), let told = try? AcknowledgedPosition(decoding: &reader) else {
        return
      }
      add(Period(period), told.owner)
      add("position", "\(told.position)")
    case .acknowledged:
      kind = "acknowledged"
      guard let told = try? AcknowledgedPosition(decoding: &reader) else { return }
      add("owner", "\(told.owner)")
      add("position", "\(told.position)")
    case .inclusion:
      kind = "inclusion"
      guard let length = try? reader.read(UInt16.self), (try? reader.readBytes(Int(length))) != nil,
        let proof = try? InclusionProof(decoding: &reader)
      else { return }
      add(proof.through, proof.owner)
      add("meter", "\(proof.meter)")
    case .baseline, .recovered:
      kind = known == .baseline ? "baseline" : "recovered"
      if let period = try? reader.read(UInt64.self) { add("period", "\(period)") }
    case .closed:
      kind = "closed"
      if (try? reader.readBytes(32)) != nil, let record = try? Record(decoding: &reader) { add(record) }
    case .certified:
      kind = "certified"
      if let hash = try? reader.read(Digest.self) { add("record", "\"\(hash)\"") }
    case .peerBoot:
      kind = "peerBoot"
      if let node = try? reader.read(UInt32.self), let counter = try? reader.read(UInt64.self) {
        add("node", "\(node)")
        add("counter", "\(counter)")
      }
    case .votingFloor, .takenBack:
      kind = known == .votingFloor ? "votingFloor" : "takenBack"
      if let period = try? reader.read(UInt64.self) { add("period", "\(period)") }
    case .meterStanding:
      kind = "meterStanding"
      if let state = try? MeterStanding(decoding: &reader) {
        add("coveredThrough", "\(state.coveredThrough)")
        add("lastClosed", "\(state.lastClosed)")
      }
    case .counters:
      kind = "counters"
      guard let standing = try? CountersStanding(decoding: &reader) else { return }
      // What the counters stand at is the household's.
      for (name, counter) in [("import", standing.importCounter), ("export", standing.exportCounter)] {
        add("\(name)IsKnown", "\(counter.base != nil)")
        add("\(name)IsDoubted", "\(counter.ceiling != nil)")
      }
    case .named:
      kind = "named"
      if let meter = try? reader.read(UInt16.self), let home = try? reader.read(UInt16.self),
        let period = try? reader.read(UInt64.self)
      {
        add(Period(period), ReplicaIndex(home))
        add("meter", "\(meter)")
      }
    case .contradiction:
      kind = "contradiction"
      guard let proof = try? Contradiction(decoding: &reader) else { return }
      add(proof.period, proof.owner)
      switch proof.party {
      case .aggregator(let member): add("accusedAggregator", "\(member)")
      case .meter(let meter, _): add("accusedMeter", "\(meter)")
      }
    case .knownCoverage:
      kind = "knownCoverage"
      if let owner = try? reader.read(UInt16.self), let position = try? reader.read(UInt64.self) {
        add("owner", "\(owner)")
        add("position", "\(position)")
      }
    case .modulusProven:
      kind = "modulusProven"
      if let network = try? reader.read(Digest.self) { add("network", "\"\(network)\"") }
    case .proposal:
      kind = "proposal"
      guard let header = try? Header(decoding: &reader) else { return }
      add(header.period, header.owner)
      add("contributors", "\(header.count)")
    }
  }

  /// `value` is JSON.
  private mutating func add(_ name: String, _ value: String) { fields.append((name, value)) }
  private mutating func add(_ period: Period, _ owner: ReplicaIndex) {
    add("period", "\(period)")
    add("owner", "\(owner)")
  }
  private mutating func add(_ record: Record) {
    add("owner", "\(record.owner)")
    add("meter", "\(record.meter)")
    add("from", "\(record.from)")
    add("through", "\(record.through)")
  }

  var members: String {
    var text = ""
    for (name, value) in fields { text += ",\"\(name)\":\(value)" }
    return text
  }

  var line: String {
    var words: [String] = []
    for (name, value) in fields {
      let plain = value.hasPrefix("\"") ? String(value.dropFirst().dropLast()) : value
      words.append("\(name) \(plain)")
    }
    return words.joined(separator: "  ")
  }
}
