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

  init(_ bytes: Span<UInt8>) {
    guard let known = EntryKind(of: bytes) else { return }
    kind = known.word
    guard let entry = try? JournalEntry(decoding: bytes) else { return }
    switch entry {
    case .boot(let counter): add("counter", "\(counter)")
    case .vote(let vote, _):
      let statement = vote.statement
      add(statement.round.period, statement.owner)
      add("position", "\(statement.position)")
      add("view", "\(statement.round.view)")
      add("statementKind", "\(statement.kind.rawValue)")
      add("digest", "\"\(statement.digest)\"")
    case .record(let record, _), .closed(_, _, let record, _): add(record)
    case .decided(let certificate, _), .head(let certificate, _, _), .shown(let certificate, _):
      guard let (position, header) = decided(by: certificate) else { return }
      add(header.period, header.owner)
      add("position", "\(position)")
    case .published(let period, let told, _), .unreadable(let period, let told, _, _, _, _):
      add(period, told.owner)
      add("position", "\(told.position)")
    case .acknowledged(let told):
      add("owner", "\(told.owner)")
      add("position", "\(told.position)")
    case .inclusion(_, let proof, _):
      add(proof.through, proof.owner)
      add("meter", "\(proof.meter)")
    case .baseline(let period, _), .recovered(let period, _), .votingFloor(let period), .takenBack(let period):
      add("period", "\(period)")
    case .certified(let hash): add("record", "\"\(hash)\"")
    case .peerBoot(let node, let counter):
      add("node", "\(node)")
      add("counter", "\(counter)")
    case .meterStanding(let standing):
      add("coveredThrough", "\(standing.coveredThrough)")
      add("lastClosed", "\(standing.lastClosed)")
    case .counters(let standing):
      // What the counters stand at is the household's.
      for (name, counter) in [("import", standing.importCounter), ("export", standing.exportCounter)] {
        add("\(name)IsKnown", "\(counter.base != nil)")
        add("\(name)IsDoubted", "\(counter.ceiling != nil)")
      }
    case .named(let meter, let home, let period):
      add(period, home)
      add("meter", "\(meter)")
    case .contradiction(let proof):
      add(proof.period, proof.owner)
      switch proof.party {
      case .aggregator(let member): add("accusedAggregator", "\(member)")
      case .meter(let meter, _): add("accusedMeter", "\(meter)")
      }
    case .knownCoverage(let owner, let position, _):
      add("owner", "\(owner)")
      add("position", "\(position)")
    case .modulusProven(let network): add("network", "\"\(network)\"")
    case .proposal(let header):
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

extension EntryKind {
  /// As it is printed.
  fileprivate var word: String {
    switch self {
    case .boot: "boot"
    case .vote: "vote"
    case .record: "record"
    case .decided: "decided"
    case .baseline: "baseline"
    case .closed: "closed"
    case .certified: "certified"
    case .proposal: "proposal"
    case .recovered: "recovered"
    case .head: "head"
    case .peerBoot: "peerBoot"
    case .votingFloor: "votingFloor"
    case .contradiction: "contradiction"
    case .takenBack: "takenBack"
    case .modulusProven: "modulusProven"
    case .shown: "shown"
    case .meterStanding: "meterStanding"
    case .named: "named"
    case .published: "published"
    case .unreadable: "unreadable"
    case .acknowledged: "acknowledged"
    case .inclusion: "inclusion"
    case .knownCoverage: "knownCoverage"
    case .counters: "counters"
    }
  }
}
