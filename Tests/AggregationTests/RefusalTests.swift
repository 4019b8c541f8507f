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
    changed("of the first meter behind the set", .unknownMeter) { $0.meter = MeterIndex(5) },
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

@Suite("Records (consensus rule C2)")
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

  @Test("are accepted once: after the header that covers them the same record is late (consensus rules C2, C6)")
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
    WrongHeader("of the period before the round's", .wrongInstance) { Fixture.header { $0.period = Period(1005) } },
    WrongHeader("of the period after the round's", .wrongInstance) { Fixture.header { $0.period = Period(1007) } },
    WrongHeader("of the head's period", .wrongInstance) { Fixture.header { $0.period = HeaderRuleTests.headPeriod } },
    WrongHeader("by one who is not the primary", .wrongAuthor) { Fixture.header { $0.author = ReplicaIndex(0) } },
    WrongHeader("under a foreign key", .foreignKey) { Fixture.header { $0.keyIdentifier.storage[0] ^= 1 } },
    WrongHeader("with the meter behind the set", .unknownMeter) {
      Fixture.header(contributors: Fixture.contributors([0, 1, 5]))
    },
    WrongHeader("with meter 511 of a set of five", .unknownMeter) {
      Fixture.header(contributors: Fixture.contributors([0, 1, 511]))
    },
    WrongHeader("with one contributor below the minimum", .tooFewContributors) {
      Fixture.header(contributors: Fixture.contributors([1, 3]))
    },
    WrongHeader("with two that have an export", .loneFeeder) {
      Fixture.header(contributors: Fixture.contributors([0, 1, 2]))
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
      let root = table.root(advancing: Fixture.contributors([0, 1, 2, 3]), to: Fixture.period)
      return Fixture.header { $0.coverageRoot = root }
    },
    WrongHeader("that accuses a member there is none of", .wrongAccused) {
      Fixture.header { $0.accusedMembers = 16 }
    },
    WrongHeader("that accuses a meter there is none of", .wrongAccused) {
      Fixture.header {
        $0.accusedMembers = 0
        $0.accusedMeters = Fixture.contributors([2, 5])
      }
    },
    WrongHeader("that accuses five at once", .wrongAccused) {
      Fixture.header { $0.accusedMembers = 9 }
    },
    WrongHeader("that accuses six at once, four of them elsewhere", .wrongAccused) {
      Fixture.accusing(elsewhere: [(0, 3), (1, 3), (2, 3), (4, 3)])
    },
    WrongHeader("that accuses a meter of its own set as one elsewhere", .wrongAccused) {
      Fixture.accusing(elsewhere: [(1, 0)])
    },
    WrongHeader("that accuses a meter elsewhere there is none of", .wrongAccused) {
      Fixture.accusing(elsewhere: [(3, 1)])
    },
    WrongHeader("that accuses a meter of a set there is none of", .wrongAccused) {
      Fixture.accusing(elsewhere: [(0, 4)])
    },
    WrongHeader("that accuses a meter of a set of none", .wrongAccused) {
      Fixture.accusing(elsewhere: [(0, 2)])
    },
    WrongHeader("that counts a meter whose exclusion stands", .excludedMeter) {
      HeaderRuleTests.onExclusion(through: Fixture.period, contributors: [0, 1, 3], accused: [0])
    },
    WrongHeader("that leaves an accused meter out while its exclusion stands", .wrongAccused) {
      HeaderRuleTests.onExclusion(through: Fixture.period, contributors: [0, 1, 3], accused: [])
    },
  ]
}

@Suite("Headers (consensus rules C1, C3)")
struct HeaderRuleTests {
  static let head: Digest = Fixture.fixed(Fixture.pattern(0x60, 32))
  static let headPeriod = Period(1005)

  /// Of a free proposal in its period's first round unless told otherwise; against the table of the vectors, in which meter 0 may be
  /// excluded.
  private func check(
    _ header: Header, free round: Round? = Round(Fixture.period), after headPeriod: Period = headPeriod,
    excluding through: Period? = nil, accusedMembers: UInt64 = 0
  ) throws(HeaderRefusal) {
    let coverage = Self.table(excluding: through)
    try Fixture.genesis.check(
      header, owner: Fixture.owner, free: round, after: headPeriod, head: Self.head, coverage: coverage,
      accusedMembers: accusedMembers)
  }

  /// The table of the vectors, with meter 0 excluded through a period.
  static func table(excluding through: Period?) -> CoverageTable {
    var coverage = Fixture.coverage()
    if let through {
      coverage.advance(
        MeterBitmap(), to: Period(1000), accusing: Fixture.contributors([0]),
        excludedPeriods: UInt32(through.rawValue - 1000))
    }
    return coverage
  }

  static func onExclusion(through: Period, contributors: [UInt16], accused: [UInt16]) -> Header {
    Fixture.header(contributors: Fixture.contributors(contributors)) { header in
      header.accusedMeters = Fixture.contributors(accused)
      let table = table(excluding: through)
      header.coverageRoot = Fixture.genesis.coverageRoot(table, after: header)
    }
  }

  @Test("are accepted when they follow on the chain and the coverage")
  func accepted() throws { try check(Fixture.header()) }

  @Test("are refused", arguments: WrongHeader.all)
  func refused(wrong: WrongHeader) {
    let isOnExclusion = wrong.testDescription.contains("exclusion stands")
    #expect(throws: wrong.refusal) { try check(wrong.header(), excluding: isOnExclusion ? Fixture.period : nil) }
  }

  @Test(
    "of a free round are of its period, by its primary; locked ones of any period after the head's, by whoever led then (consensus rule R7)"
  )
  func freeOrLocked() throws {
    let header = Fixture.header()
    // (owner + period + view) mod 4; the author is 2.
    #expect(Fixture.genesis.context.primary(owner: Fixture.owner, Round(Fixture.period)) == Fixture.author)
    try check(header, free: Round(Fixture.period, View(4)))
    for view: UInt32 in 1...3 {
      #expect(throws: HeaderRefusal.wrongAuthor) { try check(header, free: Round(Fixture.period, View(view))) }
    }
    for period: UInt64 in [1002, 1005, 1007, 1010] {
      #expect(throws: HeaderRefusal.wrongInstance) { try check(header, free: Round(Period(period))) }
    }
    // q members looked at it when it was free, whenever that was.
    try check(header, free: nil)
    try check(Fixture.header { $0.author = ReplicaIndex(0) }, free: nil)
    try check(header, free: nil, after: Period(1000))
    for period: UInt64 in [1006, 1007, .max] {
      #expect(throws: HeaderRefusal.wrongInstance) { try check(header, free: nil, after: Period(period)) }
    }
    // Nothing else is excused by a lock.
    for wrong in WrongHeader.all where ![.wrongAuthor, .wrongInstance].contains(wrong.refusal) {
      let isOnExclusion = wrong.testDescription.contains("exclusion stands")
      #expect(throws: wrong.refusal) {
        try check(wrong.header(), free: nil, excluding: isOnExclusion ? Fixture.period : nil)
      }
    }
  }

  @Test("carry on with whom the one before accused, and may add four (consensus rule C22)")
  func accused() throws {
    try check(Fixture.header(), accusedMembers: 8)
    #expect(throws: HeaderRefusal.wrongAccused) { try check(Fixture.header(), accusedMembers: 1) }
    // A member, a meter of its own and two elsewhere are four.
    try check(Fixture.accusing(elsewhere: [(0, 3), (1, 3)]))
    try check(Fixture.accusing(elsewhere: [(0, 3), (1, 3), (2, 3)]), accusedMembers: 8)
    #expect(throws: HeaderRefusal.wrongAccused) { try check(Fixture.accusing(elsewhere: [(0, 3), (1, 3), (2, 3)])) }
  }

  @Test("leave out a meter while its exclusion stands, name it as long, and count it again afterwards")
  func exclusion() throws {
    try check(
      Self.onExclusion(through: Fixture.period, contributors: [1, 3, 4], accused: [0]), excluding: Fixture.period)
    // It ended with the period before.
    let over = Period(1005)
    try check(Self.onExclusion(through: over, contributors: [0, 1, 3], accused: []), excluding: over)
    // Whoever lies again is named again, though counted this once.
    try check(Self.onExclusion(through: over, contributors: [0, 1, 3], accused: [0]), excluding: over)
  }

  @Test("need the minimum whoever is primary, so in every view (consensus rule C3)", arguments: 0..<4 as Range<UInt16>)
  func minimumInEveryView(primary: UInt16) {
    var header = Fixture.header(contributors: Fixture.contributors([1, 3]))
    header.author = ReplicaIndex(primary)
    let view = View(UInt32((primary + 2) % 4))
    #expect(Fixture.genesis.context.primary(owner: Fixture.owner, Round(Fixture.period, view)) == header.author)
    #expect(throws: HeaderRefusal.tooFewContributors) { try check(header, free: Round(Fixture.period, view)) }
  }

  @Test("of every reason that needs no records have a test here")
  func complete() {
    // The other four need the records: a node multiplies and hashes them itself.
    #expect(
      Set(WrongHeader.all.map(\.refusal))
        == Set(HeaderRefusal.allCases).subtracting([.wrongManifestRoot, .wrongProduct, .staleRecord, .badCiphertext])
    )
    #expect(Set(HeaderRefusal.allCases.map(\.description)).count == HeaderRefusal.allCases.count)
  }
}
