import Aggregation
import Consensus
import Cryptography
import Testing
import Units
import Wire

/// A format with a vector, and what decoding it again gives.
enum Format: String, CaseIterable, Sendable {
  case genesis, record, receipt, header, certificate, sum, voteContradiction, roundChangeContradiction,
    recordContradiction, meterRegistration, bookkeeperRegistration, bundle

  private static let sumHeader = Fixture.header()

  /// What this implementation writes for the values the oracle was given.
  var encoded: [UInt8] {
    switch self {
    case .genesis: bytes { out in Fixture.genesis.encode(into: &out) }
    case .record: bytes { out in Fixture.record().encode(into: &out) }
    case .receipt: bytes { out in Fixture.receipt().encode(into: &out) }
    case .header: bytes { out in Fixture.header().encode(into: &out) }
    case .certificate: bytes { out in Fixture.certificate().encode(into: &out) }
    case .sum: bytes { out in Fixture.sum().encode(into: &out) }
    case .voteContradiction: bytes { out in Fixture.voteContradiction().encode(into: &out) }
    case .roundChangeContradiction: bytes { out in Fixture.roundChangeContradiction().encode(into: &out) }
    case .recordContradiction: bytes { out in Fixture.recordContradiction().encode(into: &out) }
    case .meterRegistration: bytes { out in Fixture.meterRegistration().encode(into: &out) }
    case .bookkeeperRegistration: bytes { out in Fixture.bookkeeperRegistration().encode(into: &out) }
    case .bundle: bytes { out in Fixture.bundle().encode(into: &out) }
    }
  }

  /// Decodes a whole message and encodes it again; nil when it is refused.
  func reencoded(_ input: [UInt8]) -> [UInt8]? {
    var reader = WireReader(input.span)
    switch self {
    case .genesis:
      guard let value = try? Genesis(decoding: input.span) else { return nil }
      return bytes { out in value.encode(into: &out) }
    case .record:
      guard let value = try? Record(decoding: &reader), reader.remaining == 0 else { return nil }
      return bytes { out in value.encode(into: &out) }
    case .receipt:
      guard let value = try? Receipt(decoding: &reader), reader.remaining == 0 else { return nil }
      return bytes { out in value.encode(into: &out) }
    case .header:
      guard let value = try? Header(decoding: &reader), reader.remaining == 0 else { return nil }
      return bytes { out in value.encode(into: &out) }
    case .certificate:
      guard let value = try? Certificate(checking: input.span, against: Fixture.genesis) else { return nil }
      return bytes { out in value.encode(into: &out) }
    case .voteContradiction, .roundChangeContradiction, .recordContradiction:
      guard let value = try? Contradiction(decoding: &reader), reader.remaining == 0 else { return nil }
      return bytes { out in value.encode(into: &out) }
    case .meterRegistration, .bookkeeperRegistration:
      guard let value = try? KeyRegistration(checking: input.span) else { return nil }
      return bytes { out in value.encode(into: &out) }
    case .bundle:
      guard let value = try? NodeBundle(decoding: input.span) else { return nil }
      return bytes { out in value.encode(into: &out) }
    case .sum:
      guard let value = try? PublishedSum(checking: input.span, of: Self.sumHeader, against: Fixture.genesis) else {
        return nil
      }
      return bytes { out in value.encode(into: &out) }
    }
  }

  /// Whether the signature inside holds; nil for formats without one.
  func signatureHolds(_ input: [UInt8]) -> Bool? {
    var reader = WireReader(input.span)
    switch self {
    case .genesis, .header: return nil
    case .record:
      guard let record = try? Record(decoding: &reader) else { return false }
      let table = Fixture.coverage()
      let hash = try? Fixture.genesis.check(
        record, ciphertext: Fixture.ciphertext.span, owner: Fixture.owner, period: Fixture.period, coverage: table)
      return hash != nil
    case .receipt:
      guard let receipt = try? Receipt(decoding: &reader) else { return false }
      let key = Fixture.genesis.aggregators[2].verificationKey
      return Authenticated(checking: receipt, by: key) != nil
    case .voteContradiction, .roundChangeContradiction, .recordContradiction:
      guard let contradiction = try? Contradiction(decoding: &reader) else { return false }
      return contradiction.holds(in: Fixture.genesis)
    case .certificate, .sum, .meterRegistration, .bookkeeperRegistration, .bundle: return reencoded(input) != nil
    }
  }
}

@Suite("Bytes that meters, aggregators and bookkeepers sign and store (docs/PROTOCOL.md)")
struct GoldenTests {
  @Test("are those an independent implementation makes, and decode to the same bytes", arguments: Format.allCases)
  func golden(format: Format) {
    let expected = Fixture.vector(format.rawValue)
    #expect(!expected.isEmpty)
    #expect(format.encoded == expected)
    #expect(format.reencoded(expected) == expected)
    #expect(format.signatureHolds(expected) != false)
  }

  @Test("are refused at every shorter length, and with one byte more", arguments: Format.allCases)
  func lengths(format: Format) {
    let whole = Fixture.vector(format.rawValue)
    for count in 0..<whole.count { #expect(format.reencoded(Array(whole.prefix(count))) == nil, "\(count) bytes") }
    #expect(format.reencoded(whole + [0]) == nil)
  }

  @Test(
    "have one encoding each: any one bit wrong is refused or is another value's, and no signature holds over it",
    arguments: Format.allCases)
  func bitFlips(format: Format) {
    let whole = Fixture.vector(format.rawValue)
    var stillHold: [Int] = []
    for bit in 0..<(8 * whole.count) {
      let damaged = whole.flipping(bit)
      if let again = format.reencoded(damaged), again != damaged { Issue.record("bit \(bit) is read as another") }
      if format.signatureHolds(damaged) == true { stillHold.append(bit) }
    }
    #expect(stillHold == [])
  }

  @Test("a genesis with any one bit wrong is refused or names another network")
  func genesisFlips() {
    let whole = Fixture.vector("genesis")
    for bit in 0..<(8 * whole.count) {
      let damaged = whole.flipping(bit)
      guard let other = try? Genesis(decoding: damaged.span) else { continue }
      #expect(other.networkIdentifier != Fixture.genesis.networkIdentifier, "bit \(bit)")
    }
  }

  @Test("a record's statement, hash and ciphertext hash")
  func record() {
    let statement = Fixture.statement(Fixture.record())
    #expect(bytes { out in statement.encodeSigned(into: &out) } == Fixture.vector("recordStatement"))
    #expect(statement.recordHash == Fixture.digest("recordHash"))
    #expect(statement.ciphertextHash == Fixture.digest("ciphertextHash"))
    #expect(Fixture.ciphertext == Fixture.vector("ciphertext"))
  }

  @Test("the names a genesis gives, also when it is read back")
  func names() throws {
    let read = try Genesis(decoding: Fixture.vector("genesis").span)
    for genesis in [Fixture.genesis, read] {
      #expect(genesis.networkIdentifier == Fixture.digest("networkIdentifier"))
      #expect(genesis.keyIdentifier == Fixture.fixed(Fixture.vector("keyIdentifier")))
      #expect(genesis.encodedBytes == Fixture.vector("genesis").count)
    }
    #expect(read.meters.map(\.count) == Fixture.setSizes)
  }

  @Test("the digest votes carry for a header")
  func headerDigest() { #expect(Fixture.header().digest == Fixture.digest("headerDigest")) }

  @Test("have the lengths of the tables")
  func sizes() {
    #expect(Fixture.vector("record").count == Record.fixedBytes)
    #expect(Fixture.vector("recordStatement").count == RecordStatement.maximumSignedBytes)
    #expect(Fixture.vector("receipt").count == Receipt.encodedBytes)
    #expect(Fixture.vector("header").count == Header.encodedBytes)
    #expect(Fixture.vector("voteContradiction").count == Contradiction.voteBytes)
    #expect(Fixture.vector("roundChangeContradiction").count == Contradiction.voteBytes)
    #expect(Fixture.vector("recordContradiction").count == Contradiction.recordBytes)
    #expect(Fixture.vector("certificate").count == Certificate.maximumBytes(Fixture.genesis.context.quorum))
    #expect(Fixture.vector("sum").count == PublishedSum.encodedBytes(modulusBytes: 32))
  }

  @Test(
    "a genesis out of range is refused",
    arguments: [
      ("three aggregators", 18, [3, 0]), ("65 aggregators", 18, [65, 0]), ("periods of no length", 20, [0, 0, 0, 0]),
      ("no minimum", 24, [0, 0]), ("a rotation of 2", 26, [2]), ("a first period 0", 32, [0, 0, 0, 0, 0, 0, 0, 0]),
      ("no slots", 42, [0, 0]), ("nine slots", 42, [9, 0]), ("an unknown quantity", 44, [3]),
      ("a modulus that begins with 0", 46, [0]), ("more meters than a set holds", 462, [1, 2]),
    ] as [(String, Int, [UInt8])])
  func outOfRange(what: String, offset: Int, value: [UInt8]) {
    var damaged = Fixture.vector("genesis")
    damaged.replaceSubrange(offset..<(offset + value.count), with: value)
    #expect(throws: WireError.outOfRange(offset: offset == 46 ? 40 : offset)) { try Genesis(decoding: damaged.span) }
  }

  @Test("a genesis of version 1 or 2, or a receipt of version 1, is refused by name (docs/PROTOCOL.md, Version 2)")
  func older() {
    var genesis = Fixture.vector("genesis")
    genesis.replaceSubrange(0..<8, with: Array("BUSBARgn".utf8))
    #expect(throws: WireError.olderVersion(1)) { try Genesis(decoding: genesis.span) }
    // As version 2 was: without a proof.
    genesis.replaceSubrange(0..<8, with: Array("BUSBARg2".utf8))
    genesis.removeSubrange(78..<334)
    #expect(throws: WireError.olderVersion(2)) { try Genesis(decoding: genesis.span) }
    // Without a proof in version 3 what follows is taken for one, and the end is missed.
    genesis.replaceSubrange(0..<8, with: Array("BUSBARg3".utf8))
    #expect(throws: WireError.self) { try Genesis(decoding: genesis.span) }
    var receipt = Fixture.vector("receipt")
    receipt.replaceSubrange(0..<8, with: Array("BUSBARrp".utf8))
    #expect(throws: WireError.olderVersion(1)) {
      var reader = WireReader(receipt.span)
      _ = try Receipt(decoding: &reader)
    }
  }

  @Test(
    "a genesis says for how many periods an accused meter is not counted, from 0 to 2³² − 1",
    arguments: [0, 1, .max] as [UInt32])
  func exclusionPeriods(periods: UInt32) throws {
    var bytes = Fixture.vector("genesis")
    for place in 0..<4 { bytes[28 + place] = UInt8(truncatingIfNeeded: periods >> UInt32(8 * place)) }
    #expect(try Genesis(decoding: bytes.span).exclusionPeriods == periods)
  }

  @Test("a header whose count is not that of its bits is refused")
  func headerCount() {
    var damaged = Fixture.vector("header")
    damaged[46] = 4
    #expect(throws: WireError.outOfRange(offset: 46)) {
      var reader = WireReader(damaged.span)
      _ = try Header(decoding: &reader)
    }
  }
}
