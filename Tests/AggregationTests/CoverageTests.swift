import Aggregation
import Cryptography
import Testing
import Units
import Wire

@Suite("Coverage tables (DESIGN §2.1; coverage rules 1, 2, 7)")
struct CoverageTests {
  private func table(_ coverage: borrowing CoverageTable) -> [UInt8] { bytes { out in coverage.encode(into: &out) } }

  @Test("are the bytes and roots an independent implementation makes")
  func golden() {
    var coverage = Fixture.coverage()
    #expect(table(coverage) == Fixture.vector("coverageTable"))
    #expect(coverage.root == Fixture.digest("coverageRoot"))
    let after = coverage.root(advancing: Fixture.contributors(), to: Fixture.period)
    #expect(after == Fixture.digest("coverageRootAfter"))
    #expect(coverage.root == Fixture.digest("coverageRoot"))
    coverage.advance(Fixture.contributors(), to: Fixture.period)
    #expect(coverage.root == after)
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

  @Test("are taken over whole when they hash to the root that was certified")
  func replace() {
    var coverage = Fixture.genesis.coverage(of: Fixture.owner)
    let taken = coverage.replace(
      decoding: Fixture.vector("coverageTable").span, expecting: Fixture.digest("coverageRoot"))
    #expect(taken)
    #expect(table(coverage) == Fixture.vector("coverageTable"))
  }

  @Test("cut short, too long or with any one bit wrong are refused, and what was there stays")
  func refused() {
    var coverage = Fixture.genesis.coverage(of: Fixture.owner)
    let before = table(coverage)
    let whole = Fixture.vector("coverageTable")
    let root = Fixture.digest("coverageRoot")
    var wrong = (0..<whole.count).map { Array(whole.prefix($0)) }
    wrong.append(whole + [0])
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
}
