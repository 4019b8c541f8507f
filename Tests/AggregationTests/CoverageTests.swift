import Aggregation
import Cryptography
import Testing
import Units
import Wire

@Suite("Coverage tables (DESIGN §2.1; consensus rules C1, C2)")
struct CoverageTests {
  private func table(_ coverage: borrowing CoverageTable) -> [UInt8] { bytes { out in coverage.encode(into: &out) } }

  @Test("are the bytes and roots an independent implementation makes")
  func golden() {
    var coverage = Fixture.coverage()
    #expect(table(coverage) == Fixture.vector("coverageTable"))
    #expect(coverage.root == Fixture.digest("coverageRoot"))
    // Meter 2 is accused.
    let after = Fixture.genesis.coverageRoot(coverage, after: Fixture.header())
    #expect(after == Fixture.digest("coverageRootAfter"))
    #expect(coverage.root == Fixture.digest("coverageRoot"))
    Fixture.genesis.advance(&coverage, by: Fixture.header())
    #expect(coverage.root == after)
    #expect(table(coverage) == Fixture.vector("coverageTableAfter"))
    let encodedBytes = coverage.encodedBytes
    #expect(encodedBytes == Fixture.vector("coverageTableAfter").count)
  }

  @Test(
    "leave an accused meter out from the next header on, for as many periods as the genesis states, and then count it again"
  )
  func exclusion() {
    var coverage = Fixture.coverage()
    func excluded(_ period: UInt64) -> MeterBitmap { coverage.excluded(in: Period(period)) }
    #expect(excluded(1006).count == 0)
    Fixture.genesis.advance(&coverage, by: Fixture.header())
    // 1006 is the accusing header's own: its contributors may have the meter among them.
    for period: UInt64 in [1007, 1030, 1054] { #expect(excluded(period) == Fixture.contributors([2]), "\(period)") }
    for period: UInt64 in [1055, 2000, .max] { #expect(excluded(period).count == 0, "\(period)") }
    func isExcluded() -> Bool { coverage.isExcluded(MeterIndex(2)) }
    #expect(isExcluded())
    // A header that names it once more, as it must while the exclusion stands, makes it no longer.
    let accused = Fixture.contributors([2])
    coverage.advance(Fixture.contributors([0, 1]), to: Period(1054), accusing: accused, excludedPeriods: 48)
    #expect(coverage.root == Fixture.digest("coverageRootLast"))
    #expect(isExcluded())
    // Gone with the first header behind it, which accuses another meter.
    coverage.advance(
      Fixture.contributors([0, 2]), to: Period(1055), accusing: Fixture.contributors([0]), excludedPeriods: 48)
    #expect(coverage.root == Fixture.digest("coverageRootOver"))
    #expect(!isExcluded())
    #expect(excluded(1103) == Fixture.contributors([0]) && excluded(1104).count == 0)
  }

  @Test(
    "of an exclusion without periods, or to the end of time, are what they say", arguments: [0, 1, .max] as [UInt32])
  func bounds(periods: UInt32) {
    var coverage = Fixture.coverage()
    coverage.advance(
      Fixture.contributors([0]), to: Period(1006), accusing: Fixture.contributors([1]), excludedPeriods: periods)
    func isExcluded(_ period: UInt64) -> Bool { coverage.excluded(in: Period(period)).contains(MeterIndex(1)) }
    #expect(isExcluded(1006 + UInt64(periods)) && !isExcluded(1007 + UInt64(periods)))
    // The end of what a number can say is no trap.
    coverage.advance(MeterBitmap(), to: Period(.max - 1), accusing: Fixture.contributors([0]), excludedPeriods: periods)
    let isLast = coverage.excluded(in: Period(.max)).contains(MeterIndex(0))
    #expect(isLast == (periods > 0))
  }

  @Test("begin before the first period, and advance for contributors alone")
  func advance() {
    var coverage = Fixture.genesis.coverage(of: ReplicaIndex(3))
    let start = (0..<5).map { coverage.coveredThrough(MeterIndex($0)).rawValue }
    #expect(start == [1000, 1000, 1000, 1000, 1000])
    coverage.advance(Fixture.contributors([1, 4]), to: Period(1001))
    coverage.advance(Fixture.contributors([4]), to: Period(1003))
    let after = (0..<5).map { coverage.coveredThrough(MeterIndex($0)).rawValue }
    #expect(after == [1000, 1001, 1000, 1000, 1003])
  }

  @Test("of two sets differ, though their meters are covered alike")
  func ownerBound() {
    let one = CoverageTable(owner: ReplicaIndex(0), activation: [Period(5)])
    let other = CoverageTable(owner: ReplicaIndex(1), activation: [Period(5)])
    let roots = [one.root, other.root]
    #expect(roots[0] != roots[1])
  }

  /// A table with its root: of the vectors, without and with an exclusion.
  static let tables = [("coverageTable", "coverageRoot"), ("coverageTableAfter", "coverageRootAfter")]

  @Test("are taken over whole when they hash to the root that was certified", arguments: tables)
  func replace(name: String, root: String) {
    var coverage = Fixture.genesis.coverage(of: Fixture.owner)
    let taken = coverage.replace(decoding: Fixture.vector(name).span, expecting: Fixture.digest(root))
    #expect(taken)
    #expect(table(coverage) == Fixture.vector(name))
    let excluded = coverage.excluded(in: Period(1054))
    #expect(excluded == (name == "coverageTable" ? MeterBitmap() : Fixture.contributors([2])))
    // What was excluded here before does not stay.
    let again = coverage.replace(
      decoding: Fixture.vector("coverageTable").span, expecting: Fixture.digest("coverageRoot"))
    #expect(again)
    let left = coverage.excluded(in: Period(1000))
    #expect(left.count == 0)
  }

  @Test("cut short, too long or with any one bit wrong are refused, and what was there stays", arguments: tables)
  func refused(name: String, root: String) {
    var coverage = Fixture.genesis.coverage(of: Fixture.owner)
    let before = table(coverage)
    let whole = Fixture.vector(name)
    let root = Fixture.digest(root)
    var wrong = (0..<whole.count).map { Array(whole.prefix($0)) }
    wrong.append(whole + [0])
    wrong.append(whole + Array(repeating: 0, count: 10))
    for bit in 0..<(8 * whole.count) { wrong.append(whole.flipping(bit)) }
    for bytes in wrong {
      let taken = coverage.replace(decoding: bytes.span, expecting: root)
      #expect(!taken)
    }
    for bit in 0..<256 {
      var other = root
      other.storage[bit / 8] ^= 1 << UInt8(bit % 8)
      let taken = coverage.replace(decoding: whole.span, expecting: other)
      #expect(!taken)
    }
    #expect(table(coverage) == before)
  }

  @Test(
    "that no header could have led to are refused though they hash to the root",
    arguments: [
      // More exclusions than meters; half of one.
      [(0, 1060), (1, 1060), (2, 1060), (3, 1060), (4, 1060), (4, 1060)], [],
      // No meter of the set: the next, the first that no bitmap has, the last number. One twice, and two in the wrong order.
      [(5, 1060)], [(0, 1060), (5, 1060)], [(512, 1060)], [(.max, 1060)], [(1, 1060), (1, 1060)],
      [(2, 1060), (0, 1060)],
    ] as [[(UInt16, UInt64)]])
  func impossible(exclusions: [(UInt16, UInt64)]) {
    let whole = bytes { out in
      for _ in 0..<5 { out.write(UInt64(1005)) }
      for (meter, through) in exclusions {
        out.write(meter)
        out.write(through)
      }
      if exclusions.isEmpty { out.writeZeros(5) }
    }
    let root = Blake2b.digest(domain: "BUSBARcv") { hash in
      hash.update(Fixture.owner.rawValue)
      hash.update(whole.span)
    }
    var coverage = Fixture.genesis.coverage(of: Fixture.owner)
    let before = table(coverage)
    let taken = coverage.replace(decoding: whole.span, expecting: root)
    #expect(!taken)
    #expect(table(coverage) == before)
    // What would trap is asked, too.
    let excluded = coverage.excluded(in: Period(1000))
    #expect(excluded.count == 0)
  }
}

@Suite("Accused meters of other sets, as a header names them")
struct AccusedElsewhereTests {
  private func encoded(_ names: AccusedElsewhere) -> [UInt8] { bytes { out in names.encode(into: &out) } }
  private func decoded(_ bytes: [UInt8]) throws(WireError) -> AccusedElsewhere {
    var reader = WireReader(bytes.span)
    let names = try AccusedElsewhere(decoding: &reader)
    try reader.expectEnd()
    return names
  }
  private func words(_ words: [UInt32]) -> [UInt8] { bytes { out in for word in words { out.write(word) } } }

  @Test("are in the order of sets and meters however they came, at most four and none twice")
  func order() throws {
    let all: [(UInt16, UInt16)] = [(511, 63), (0, 0), (4, 3), (1, 3)]
    var expected = AccusedElsewhere()
    for (meter, set) in all.sorted(by: { ($0.1, $0.0) < ($1.1, $1.0) }) {
      expected.insert(MeterIndex(meter), of: ReplicaIndex(set))
    }
    for rotation in 0..<4 {
      var names = AccusedElsewhere()
      for place in 0..<4 {
        let (meter, set) = all[(place + rotation) % 4]
        for _ in 0..<2 { names.insert(MeterIndex(meter), of: ReplicaIndex(set)) }
        #expect(names.count == place + 1)
      }
      #expect(names == expected)
      names.insert(MeterIndex(7), of: ReplicaIndex(7))
      #expect(names == expected && !names.contains(MeterIndex(7), of: ReplicaIndex(7)))
    }
    #expect((0..<4).map { expected[$0].owner.rawValue } == [0, 3, 3, 63])
    #expect((0..<4).map { expected[$0].meter.rawValue } == [0, 1, 4, 511])
    #expect(try decoded(encoded(expected)) == expected)
  }

  @Test(
    "have one encoding: rising, without gaps or repetition, and nobody's name is a set's",
    arguments: [
      [0, 0x10000, 0, 0], [0x20001, 0, 0x30000, 0], [0x20001, 0x20001, 0, 0], [0x20001, 0x20000, 0, 0],
      [0x30000, 0x20001, 0, 0], [0xFFFF, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0x10000],
      [0x10000, 0x10001, 0x10002, 0x10001],
    ] as [[UInt32]])
  func refused(names: [UInt32]) {
    #expect(throws: WireError.self) { try decoded(words(names)) }
  }

  @Test("cut short are refused, and of every one bit wrong there is one reading or none")
  func bits() throws {
    var names = AccusedElsewhere()
    names.insert(MeterIndex(4), of: ReplicaIndex(3))
    names.insert(MeterIndex(1), of: ReplicaIndex(1))
    let whole = encoded(names)
    #expect(whole.count == AccusedElsewhere.encodedBytes)
    for count in 0..<whole.count { #expect(throws: WireError.self) { try decoded(Array(whole.prefix(count))) } }
    for bit in 0..<(8 * whole.count) {
      let damaged = whole.flipping(bit)
      if let again = try? decoded(damaged) { #expect(encoded(again) == damaged && again != names, "bit \(bit)") }
    }
  }
}

@Suite("Sets of meters")
struct MeterBitmapTests {
  @Test("agree with a set of numbers, and know the last meter of a set")
  func againstSet() {
    var bitmap = MeterBitmap()
    var members: Set<UInt16> = []
    for step: UInt16 in 0..<200 {
      let meter = step &* 211 % 512
      bitmap.insert(MeterIndex(meter))
      members.insert(meter)
      #expect(bitmap.count == UInt16(members.count))
    }
    for meter: UInt16 in 0..<512 { #expect(bitmap.contains(MeterIndex(meter)) == members.contains(meter)) }
    for last: UInt16 in [0, 7, 8, 63, 64, 511] {
      let one = Fixture.contributors([last])
      #expect(one.isWithin(meterCount: last + 1))
      #expect(!one.isWithin(meterCount: last))
    }
  }

  @Test("without others are what is left of them, and disjoint when nothing is taken away")
  func subtracting() {
    let one = Fixture.contributors([0, 7, 8, 511])
    let other = Fixture.contributors([7, 9, 511])
    #expect(one.subtracting(other) == Fixture.contributors([0, 8]))
    #expect(one.subtracting(one).count == 0)
    #expect(!one.isDisjoint(with: other) && one.isDisjoint(with: Fixture.contributors([1, 9, 510])))
    #expect(one.isDisjoint(with: MeterBitmap()) && !one.isDisjoint(with: one))
  }
}
