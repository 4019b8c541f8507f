import Aggregation
import Cryptography
import Testing
import Units
import Wire

/// A record that is wrong in one way, and why it must be refused.
struct WrongRecord: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let refusal: RecordRefusal
  let record: @Sendable () -> Record
  var ciphertext = Fixture.ciphertext

  static func changed(
    _ what: String, _ refusal: RecordRefusal, _ change: @escaping @Sendable (inout Record) -> Void
  ) -> WrongRecord {
    // Signed after the change: only the rule itself can refuse it.
    WrongRecord(testDescription: what, refusal: refusal, record: { Fixture.record(change) })
  }

  static let all: [WrongRecord] = [
    changed("of another set", .wrongSet) { $0.owner = ReplicaIndex(1) },
    changed("of a set that does not exist", .wrongSet) { $0.owner = ReplicaIndex(4) },
    changed("of the first meter behind the set", .unknownMeter) { $0.meter = MeterIndex(3) },
    changed("of meter 65535", .unknownMeter) { $0.meter = MeterIndex(65535) },
    changed("of the epoch before", .wrongEpoch) { $0.epoch = Epoch(1) },
    changed("of the epoch after", .wrongEpoch) { $0.epoch = Epoch(3) },
    changed("under a foreign key", .foreignKey) { $0.keyIdentifier.storage[15] ^= 1 },
    changed("through the period before", .wrongThrough) { $0.through = Period(1005) },
    changed("through the period after", .wrongThrough) { $0.through = Period(1007) },
    changed("from what is covered already", .wrongFrom) { $0.from = Period(1004) },
    changed("from a period late, a gap", .wrongFrom) { $0.from = Period(1006) },
    changed("from behind its end", .wrongFrom) { $0.from = Period(1007) },
    WrongRecord(
      testDescription: "with a ciphertext one byte short", refusal: .badCiphertext,
      record: { Fixture.record(ciphertext: Array(Fixture.ciphertext.dropLast())) },
      ciphertext: Array(Fixture.ciphertext.dropLast())),
    WrongRecord(
      testDescription: "with a ciphertext one byte long", refusal: .badCiphertext,
      record: { Fixture.record(ciphertext: Fixture.ciphertext + [0]) }, ciphertext: Fixture.ciphertext + [0]),
    WrongRecord(
      testDescription: "without a ciphertext", refusal: .badCiphertext, record: { Fixture.record(ciphertext: []) },
      ciphertext: []),
    WrongRecord(
      testDescription: "with another ciphertext than was signed", refusal: .badSignature,
      record: { Fixture.record() }, ciphertext: Fixture.ciphertext.flipping(511)),
    WrongRecord(
      testDescription: "signed by another meter of the set", refusal: .badSignature,
      record: { Fixture.record(signer: 0x80) }),
    WrongRecord(
      testDescription: "signed by its aggregator", refusal: .badSignature, record: { Fixture.record(signer: 0x40) }),
    WrongRecord(
      testDescription: "signed for another network", refusal: .badSignature,
      record: { Fixture.record(network: Digest()) }),
    WrongRecord(
      testDescription: "signed for another group", refusal: .badSignature, record: { Fixture.record(group: 4) }),
    WrongRecord(
      testDescription: "with another closing than was signed", refusal: .badSignature,
      record: {
        var record = Fixture.record()
        record.closing.storage[0] ^= 1
        return record
      }),
    WrongRecord(
      testDescription: "without a signature", refusal: .badSignature,
      record: {
        var record = Fixture.record()
        record.signature = Signature()
        return record
      }),
  ]
}

@Suite("Records (coverage rule 2)")
struct RecordRuleTests {
  private func table(_ coverage: borrowing CoverageTable) -> [UInt8] { bytes { out in coverage.encode(into: &out) } }

  @Test("are accepted when they follow on what is covered, under the hash that names them everywhere")
  func accepted() throws {
    let coverage = Fixture.coverage()
    let statement = try Fixture.genesis.check(
      Fixture.record(), ciphertext: Fixture.ciphertext.span, owner: Fixture.owner, period: Fixture.period,
      coverage: coverage)
    #expect(statement.recordHash == Fixture.digest("recordHash"))
  }

  @Test("are refused, and the coverage stays", arguments: WrongRecord.all)
  func refused(wrong: WrongRecord) {
    let coverage = Fixture.coverage()
    let before = table(coverage)
    #expect(throws: wrong.refusal) {
      try Fixture.genesis.check(
        wrong.record(), ciphertext: wrong.ciphertext.span, owner: Fixture.owner, period: Fixture.period,
        coverage: coverage)
    }
    #expect(table(coverage) == before)
    // And the honest one is still taken.
    let hash = try? Fixture.genesis.check(
      Fixture.record(), ciphertext: Fixture.ciphertext.span, owner: Fixture.owner, period: Fixture.period,
      coverage: coverage)
    #expect(hash != nil)
  }

  @Test("are accepted once: after the header that covers them the same record is late (coverage rules 2, 6)")
  func once() {
    var coverage = Fixture.coverage()
    coverage.advance(Fixture.contributors(), to: Fixture.period)
    #expect(throws: RecordRefusal.wrongFrom) {
      try Fixture.genesis.check(
        Fixture.record(), ciphertext: Fixture.ciphertext.span, owner: Fixture.owner, period: Fixture.period,
        coverage: coverage)
    }
  }

  @Test("of every reason that needs no other record have a test here")
  func complete() {
    // The other two are the node's: bytes that are no record, and a second record.
    #expect(
      Set(WrongRecord.all.map(\.refusal))
        == Set(RecordRefusal.allCases).subtracting([.malformed, .conflicting, .noRoom]))
    #expect(Set(RecordRefusal.allCases.map(\.description)).count == RecordRefusal.allCases.count)
  }
}

/// A header that is wrong in one way, and why no replica may prepare it.
struct WrongHeader: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let refusal: HeaderRefusal
  let header: @Sendable () -> Header

  init(_ what: String, _ refusal: HeaderRefusal, _ header: @escaping @Sendable () -> Header) {
    testDescription = what
    self.refusal = refusal
    self.header = header
  }

  static let all: [WrongHeader] = [
    WrongHeader("of another network", .wrongNetwork) { Fixture.header { $0.networkIdentifier.storage[0] ^= 1 } },
    WrongHeader("of another epoch", .wrongNetwork) { Fixture.header { $0.epoch = Epoch(3) } },
    WrongHeader("of another group", .wrongNetwork) { Fixture.header { $0.group = GroupIndex(2) } },
    WrongHeader("of another set", .wrongInstance) { Fixture.header { $0.owner = ReplicaIndex(1) } },
    WrongHeader("of the period before", .wrongInstance) { Fixture.header { $0.period = Period(1005) } },
    WrongHeader("of the period after", .wrongInstance) { Fixture.header { $0.period = Period(1007) } },
    WrongHeader("by one who is not the primary", .wrongAuthor) { Fixture.header { $0.author = ReplicaIndex(0) } },
    WrongHeader("under a foreign key", .foreignKey) { Fixture.header { $0.keyIdentifier.storage[0] ^= 1 } },
    WrongHeader("with the meter behind the set", .unknownMeter) {
      Fixture.header(contributors: Fixture.contributors([0, 1, 3]))
    },
    WrongHeader("with meter 511 of a set of three", .unknownMeter) {
      Fixture.header(contributors: Fixture.contributors([0, 1, 511]))
    },
    WrongHeader("with one contributor below the minimum", .tooFewContributors) {
      Fixture.header(contributors: Fixture.contributors([1]))
    },
    WrongHeader("without contributors", .tooFewContributors) {
      Fixture.header(contributors: Fixture.contributors([]))
    },
    WrongHeader("on another predecessor", .wrongPrevious) { Fixture.header { $0.previous = Digest() } },
    WrongHeader("with the coverage before it", .wrongCoverageRoot) {
      Fixture.header { $0.coverageRoot = Fixture.digest("coverageRoot") }
    },
    WrongHeader("with a coverage that claims one meter more", .wrongCoverageRoot) {
      let table = Fixture.coverage()
      let root = table.root(advancing: Fixture.contributors([0, 1, 2]), to: Fixture.period)
      return Fixture.header { $0.coverageRoot = root }
    },
    WrongHeader("that accuses a member there is none of", .wrongAccused) {
      Fixture.header { $0.accusedMembers = 16 }
    },
    WrongHeader("that accuses a meter there is none of", .wrongAccused) {
      Fixture.header { $0.accusedMeters = Fixture.contributors([3]) }
    },
    WrongHeader("that accuses five at once", .wrongAccused) {
      Fixture.header {
        $0.accusedMembers = 15
        $0.accusedMeters = Fixture.contributors([0])
      }
    },
  ]
}

@Suite("Headers (coverage rules 1, 3)")
struct HeaderRuleTests {
  static let head: Digest = Fixture.fixed(Fixture.pattern(0x60, 32))

  private func check(_ header: Header, primary: ReplicaIndex = Fixture.author) throws(HeaderRefusal) {
    let coverage = Fixture.coverage()
    try Fixture.genesis.check(
      header, owner: Fixture.owner, period: Fixture.period, primary: primary, head: Self.head, coverage: coverage)
  }

  @Test("are accepted when they follow on the chain and the coverage")
  func accepted() throws { try check(Fixture.header()) }

  @Test("are refused", arguments: WrongHeader.all)
  func refused(wrong: WrongHeader) {
    #expect(throws: wrong.refusal) { try check(wrong.header()) }
  }

  @Test("carry on with whom the one before accused, and may add four (consensus rule 49)")
  func accused() throws {
    let coverage = Fixture.coverage()
    func check(_ accused: Accused) throws(HeaderRefusal) {
      try Fixture.genesis.check(
        Fixture.header(), owner: Fixture.owner, period: Fixture.period, primary: Fixture.author, head: Self.head,
        coverage: coverage, accused: accused)
    }
    try check(Accused(members: 8))
    try check(Fixture.accused)
    #expect(throws: HeaderRefusal.wrongAccused) { try check(Accused(members: 1)) }
    #expect(throws: HeaderRefusal.wrongAccused) { try check(Accused(meters: Fixture.contributors([1]))) }
  }

  @Test("need the minimum whoever is primary, so in every view (coverage rule 3)", arguments: 0..<4 as Range<UInt16>)
  func minimumInEveryView(primary: UInt16) {
    var header = Fixture.header(contributors: Fixture.contributors([1]))
    header.author = ReplicaIndex(primary)
    #expect(throws: HeaderRefusal.tooFewContributors) { try check(header, primary: ReplicaIndex(primary)) }
  }

  @Test("of every reason that needs no records have a test here")
  func complete() {
    // The other two need the records: a node multiplies and hashes them itself.
    #expect(
      Set(WrongHeader.all.map(\.refusal))
        == Set(HeaderRefusal.allCases).subtracting([.wrongManifestRoot, .wrongProduct, .staleRecord, .badCiphertext])
    )
    #expect(Set(HeaderRefusal.allCases.map(\.description)).count == HeaderRefusal.allCases.count)
  }
}
