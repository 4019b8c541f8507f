import Aggregation
import Consensus
import Foundation
import Metering
import Node
import Packets
import Testing
import Units
import Wire

/// Entries of Tests/Oracles/byte_vectors.txt, whose script writes the tables of docs/PROTOCOL.md down once more.
enum EntrySample {
  private static let vectors: [String: [UInt8]] = {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Oracles/byte_vectors.txt")
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    var result: [String: [UInt8]] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2 { result[String(words[0])] = Hexadecimal.bytes(String(words[1])) }
    }
    return result
  }()

  /// Empty, which no test expects, when there is none of that name.
  static func vector(_ name: String) -> [UInt8] { vectors[name] ?? [] }
  static func vector(_ kind: EntryKind) -> [UInt8] { vector("\(kind)Entry") }

  /// What decoding gives, encoded again; nil when it is refused.
  static func reencoded(_ bytes: [UInt8]) -> [UInt8]? {
    guard let entry = try? JournalEntry(decoding: bytes.span) else { return nil }
    return [UInt8](capacity: bytes.count + 1024) { out in entry.encode(into: &out) }
  }

  static func kind(_ bytes: [UInt8]) -> EntryKind? { (try? JournalEntry(decoding: bytes.span))?.kind }

  private static func pattern(_ first: Int, _ count: Int, step: Int = 1) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: first + step * $0) }
  }
  private static func digest(_ name: String) -> Digest { Digest(copying: vector(name).span) }
  private static func registers(_ imported: Int64, _ exported: Int64) -> EnergyRegisters {
    EnergyRegisters(
      activeEnergyImport: MilliwattHours(imported), activeEnergyExport: MilliwattHours(exported))
  }

  /// What this implementation writes for the values that the oracle was given. The values of parts with a vector of their own are read
  /// from that.
  static func encoded(_ kind: EntryKind) throws -> [UInt8] {
    let certificate = vector("certificate")
    let ciphertext = vector("ciphertext")
    let product = pattern(2, 64, step: 3)
    let nothing: [UInt8] = []
    func write(_ entry: JournalEntry, then last: [UInt8] = []) -> [UInt8] {
      [UInt8](capacity: 4096) { out in
        entry.encode(into: &out)
        out.write(last.span)
      }
    }
    let recordBytes = vector("record")
    var reader = WireReader(recordBytes.span)
    let record = try Record(decoding: &reader)
    var contributors = MeterBitmap()
    for meter in [0, 1, 3] as [UInt16] { contributors.insert(MeterIndex(meter)) }
    let told = AcknowledgedPosition(
      owner: ReplicaIndex(2), position: Position(6), digest: Digest(copying: pattern(0xA0, 32).span), open: 0b101001)
    switch kind {
    case .boot: return write(.boot(counter: 1_700_000_000))
    case .vote:
      let bytes = vector("voteEntry")
      var reader = WireReader(bytes.span.extracting(1..<193))
      let vote = try Vote(decoding: &reader)
      // The proof is written by whoever has it, behind the entry.
      return write(.vote(vote: vote, proof: nothing.span), then: Array(bytes[193...]))
    case .record: return write(.record(record: record, ciphertext: ciphertext.span))
    case .decided: return write(.decided(certificate: certificate.span, product: product.span))
    case .baseline: return write(.baseline(period: Period(1004), registers: registers(7_000, -8)))
    case .closed:
      return write(
        .closed(
          read: registers(7_900, -8), accounted: registers(7_000, -9), record: record, ciphertext: ciphertext.span))
    case .certified: return write(.certified(recordHash: digest("recordHash")))
    case .proposal:
      let bytes = vector("header")
      var reader = WireReader(bytes.span)
      return write(.proposal(header: try Header(decoding: &reader)))
    case .recovered: return write(.recovered(through: Period(1006), registers: registers(7_000, -9)))
    case .head:
      let table = vector("coverageTableAfter")
      return write(.head(certificate: certificate.span, table: table.span, product: product.span))
    case .peerBoot: return write(.peerBoot(node: 3, counter: 9))
    case .votingFloor: return write(.votingFloor(period: Period(1008)))
    case .contradiction:
      let bytes = vector("recordContradiction")
      var reader = WireReader(bytes.span)
      return write(.contradiction(contradiction: try Contradiction(decoding: &reader)))
    case .takenBack: return write(.takenBack(through: Period(1005)))
    case .modulusProven: return write(.modulusProven(networkIdentifier: digest("networkIdentifier")))
    case .shown:
      var records: [UInt8] = []
      for meter in [0, 1, 3] {
        records += [UInt8((1000 + meter) & 255), 3, 0, 0, 0, 0, 0, 0]
        records += pattern(0x30 + meter, 32) + pattern(meter, 72, step: 5)
      }
      return write(.shown(certificate: certificate.span, records: records.span))
    case .meterStanding:
      let bytes = vector("meterStanding")
      var reader = WireReader(bytes.span)
      return write(.meterStanding(standing: try MeterStanding(decoding: &reader)))
    case .named: return write(.named(meter: MeterIndex(3), home: ReplicaIndex(1), period: Period(1006)))
    case .published:
      return write(.published(period: Period(1005), position: told, contributors: contributors))
    case .unreadable:
      let (cer, pr, sum): ([UInt8], [UInt8], [UInt8]) = (Array("cer".utf8), Array("pr".utf8), Array("S".utf8))
      return write(
        .unreadable(
          period: Period(1005), position: told, contributors: contributors, certificate: cer.span, product: pr.span,
          sum: sum.span))
    case .acknowledged: return write(.acknowledged(position: told))
    case .inclusion:
      let bytes = vector("proof")
      var reader = WireReader(bytes.span)
      let siblings = pattern(3, 32)
      return write(
        .inclusion(
          certificate: certificate.span, proof: try InclusionProof(decoding: &reader), siblings: siblings.span))
    case .knownCoverage:
      let periods = ([1005, 1005, 1000, 1005] as [UInt16]).flatMap { period -> [UInt8] in
        [UInt8(period & 255), UInt8(period >> 8), 0, 0, 0, 0, 0, 0]
      }
      return write(
        .knownCoverage(owner: ReplicaIndex(2), position: Position(6), coveredThrough: periods.span))
    case .counters:
      let bytes = vector("countersStanding")
      var reader = WireReader(bytes.span)
      return write(.counters(standing: try CountersStanding(decoding: &reader)))
    }
  }

  /// Bytes of the vector without its last part, when that reaches to the entry's end.
  static func fixedBytes(_ kind: EntryKind) -> Int {
    let certificate = 2 + vector("certificate").count
    return switch kind {
    case .vote: 1 + 192
    case .record: 1 + 184
    case .closed: 1 + 32 + 184
    case .decided, .shown: 1 + certificate
    case .head: 1 + certificate + 2 + vector("coverageTableAfter").count
    case .inclusion: 1 + certificate + 128
    case .unreadable: 1 + 128 + 5 + 4
    case .knownCoverage: 1 + 10
    default: vector(kind).count
    }
  }

  /// What a byte behind the vector makes of it.
  enum Behind { case lastPart, unread, refused }
  static func behind(_ kind: EntryKind) -> Behind {
    switch kind {
    case .vote, .record, .decided, .closed, .head, .shown, .unreadable, .inclusion, .knownCoverage: .lastPart
    case .boot, .baseline, .certified, .proposal, .recovered, .peerBoot, .votingFloor, .takenBack, .acknowledged:
      .unread
    case .contradiction, .modulusProven, .meterStanding, .named, .published, .counters: .refused
    }
  }

  /// The vectors of all kinds but this one, cut short at every byte that is needed.
  static func cut(but kind: EntryKind? = nil) -> [[UInt8]] {
    EntryKind.allCases.filter { $0 != kind }.flatMap { kind in
      (1..<fixedBytes(kind)).map { Array(vector(kind).prefix($0)) }
    }
  }
}

@Suite("Journal entries (docs/PROTOCOL.md, Journal entries)")
struct JournalEntryTests {
  @Test("have the bytes that an independent implementation writes, and are read back", arguments: EntryKind.allCases)
  func golden(kind: EntryKind) throws {
    let expected = EntrySample.vector(kind)
    #expect(expected.first == kind.rawValue)
    #expect(try EntrySample.encoded(kind) == expected)
    #expect(EntrySample.reencoded(expected) == expected)
    #expect(EntrySample.kind(expected) == kind)
  }

  @Test("are refused at every shorter length, but for a last part", arguments: EntryKind.allCases)
  func lengths(kind: EntryKind) {
    let whole = EntrySample.vector(kind)
    for count in 0..<whole.count {
      let prefix = Array(whole.prefix(count))
      #expect(
        EntrySample.reencoded(prefix) == (count < EntrySample.fixedBytes(kind) ? nil : prefix), "\(count) bytes")
    }
    let longer = EntrySample.reencoded(whole + [0])
    switch EntrySample.behind(kind) {
    case .lastPart: #expect(longer == whole + [0])
    case .unread: #expect(longer == whole)
    case .refused: #expect(longer == nil)
    }
  }

  @Test("have one form each: any one bit wrong is refused or is another value's", arguments: EntryKind.allCases)
  func bits(kind: EntryKind) {
    let whole = EntrySample.vector(kind)
    for bit in 8..<(8 * whole.count) {
      var damaged = whole
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      if let again = EntrySample.reencoded(damaged), again != damaged { Issue.record("bit \(bit) is read as another") }
    }
    // Under another kind it is another entry, of which nothing is looked at behind some.
    for code in 0...255 as ClosedRange<UInt8> {
      let other = [code] + whole.dropFirst()
      guard let again = EntrySample.reencoded(other) else { continue }
      #expect(EntryKind(rawValue: code) != nil && other.starts(with: again), "kind \(code)")
    }
  }

  @Test("that cannot be read say nothing to any role, but for an own vote: then an aggregator signs nothing any more")
  func malformed() {
    let group = Group()
    let cut = EntrySample.cut()
    #expect(cut.count > 3000)
    #expect(group.restored(0, 0, cut) == group.restored(0, 0, []))
    #expect(group.restoredBookkeeper(cut).restorable == group.restoredBookkeeper([]).restorable)
    let nothing = group.restored(0, [])
    #expect(group.restored(0, EntrySample.cut(but: .vote)) == nothing)
    let silent = group.restored(0, [[EntryKind.vote.rawValue]])
    #expect(silent != nothing)
    for count in [2, 100, 192] {
      #expect(group.restored(0, [Array(EntrySample.vector(.vote).prefix(count))]) == silent)
    }
    // Nor does a kind that nobody writes.
    #expect(group.restored(0, [[0, 1, 2], [19], [26, 0], [255]]) == nothing)
  }
}
