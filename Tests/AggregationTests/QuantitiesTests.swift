import Aggregation
import Consensus
import Cryptography
import Paillier
import Testing
import Units
import Wire

@Suite("Who measures what, and how much at most (DESIGN §2.2)")
struct QuantitiesTests {
  private let genesis = Fixture.genesis
  private let owner = Fixture.owner

  @Test("meters stand together if none or at least minimumContributors of them feed each slot")
  func together() {
    // Meters 0, 1, 3 and 4 of set 0 have an export, and meter 2 has none.
    for (meters, stand) in [
      ([], true), ([0, 1, 3], true), ([0, 1, 3, 4], true), ([0, 1, 2, 3, 4], true), ([0, 1, 2], false),
      ([0, 2, 3], false),
      ([2], false), ([0], false), ([0, 1], false),
    ] as [([UInt16], Bool)] {
      #expect(genesis.standsTogether(Fixture.contributors(meters), of: owner) == stand, "\(meters)")
    }
  }

  @Test(
    "the few that would stand alone are left out, from all slots; what is left stands together, and is no less than it must be"
  )
  func countable() {
    #expect(genesis.countable(Fixture.contributors([0, 1, 2]), of: owner).count == 0)
    #expect(genesis.countable(Fixture.contributors([0, 1, 2, 3]), of: owner) == Fixture.contributors([0, 1, 2, 3]))
    // Of a larger group: 0 to 2 export, 3 to 6 do not.
    let larger = Self.genesis(exporters: 3, of: 7)
    #expect(larger.countable(Fixture.contributors([0, 1, 3, 4, 5]), of: owner) == Fixture.contributors([3, 4, 5]))
    #expect(larger.countable(Fixture.contributors([0, 3, 4, 5, 6]), of: owner) == Fixture.contributors([3, 4, 5, 6]))
    #expect(larger.countable(Fixture.contributors([0, 1, 2, 3]), of: owner) == Fixture.contributors([0, 1, 2, 3]))
    // What is left may be too few for imports.
    #expect(larger.countable(Fixture.contributors([0, 1, 3, 4]), of: owner).count == 0)
    for bits in 0..<128 as Range<UInt16> {
      let meters = Fixture.contributors((0..<7).filter { bits >> $0 & 1 == 1 })
      let counted = larger.countable(meters, of: owner)
      #expect(counted.isSubset(of: meters) && larger.standsTogether(counted, of: owner), "\(bits)")
      #expect(!larger.standsTogether(meters, of: owner) || counted == meters, "\(bits)")
    }
  }

  /// A genesis of four sets of as many meters, of which the first measure exports.
  static func genesis(exporters: Int, of count: Int) -> Genesis {
    let good = Fixture.genesis
    let party = good.bookkeeper
    return Genesis(
      epoch: good.epoch, group: good.group, periodSeconds: 900, minimumContributors: 3, rotates: true,
      firstPeriod: good.firstPeriod, slots: good.slots, modulus: good.modulus, modulusProof: good.modulusProof,
      bookkeeper: party, aggregators: good.aggregators,
      meters: Array(repeating: Array(repeating: party, count: count), count: 4),
      registrations: Array(
        repeating: (0..<count).map { MeterRegistration(slots: $0 < exporters ? 3 : 1, maximumPowerWatts: 69_000) },
        count: 4))
  }

  @Test("a receipt convicts nobody where a slot that its meter feeds has no feeder among the contributors")
  func receipts() {
    let receipt = Fixture.receipt()
    let larger = Self.genesis(exporters: 3, of: 7)
    func convicts(_ contributors: [UInt16]) -> Bool {
      let header = Fixture.header(contributors: Fixture.contributors(contributors)) { $0.accusedMeters = MeterBitmap() }
      return receipt.convicts(
        header, at: Fixture.position, from: Period(1005), coveredThrough: Period(1004), in: larger)
    }
    #expect(!convicts([3, 4, 5]) && !convicts([0, 1, 2]))
    #expect(convicts([0, 2, 3]))
  }

  @Test("the bound is the maximum of each that feeds the slot, for the time that its record covers and a period more")
  func bound() {
    // Periods of 900 s; meter 1 was covered through 1004, the others through 1005; 69,000 W and a watt more for each meter.
    let header = Fixture.header()
    let covered = [1005, 1004, 1005, 1005, 1005].map { Period($0) }
    func bound(_ slot: Int, _ covered: [Period], _ header: Header = header) -> Int64 {
      genesis.maximumEnergy(ofSlot: slot, in: header) { covered[Int($0.rawValue)] }.value
    }
    let expected = ((69_000 * 2 + 69_001 * 3 + 69_003 * 2) * 900 + 3599) / 3600
    #expect(bound(0, covered) == Int64(expected) && bound(1, covered) == Int64(expected))
    // Meter 2 has no export.
    let all = Fixture.header(contributors: Fixture.contributors([0, 1, 2, 3]))
    #expect(bound(0, covered, all) - bound(1, covered, all) == 69_002 * 2 * 900 / 3600)
    // Long ago is as much as a number says, and no trap; after the header there is nothing to cover.
    #expect(bound(0, Array(repeating: Period(0), count: 5)) > 0)
    let late = Fixture.header { $0.period = Period(.max) }
    #expect(bound(0, Array(repeating: Period(0), count: 5), late) == .max)
    #expect(bound(0, Array(repeating: Period(1006), count: 5)) == 0)
    #expect(bound(0, Array(repeating: Period(.max), count: 5)) == 0)
  }

  // MARK: The genesis

  private func decoded(_ change: (inout [UInt8]) -> Void) -> WireError? {
    var file = Fixture.vector("genesis")
    change(&file)
    do throws(WireError) { _ = try Genesis(decoding: file.span) } catch { return error }
    return nil
  }

  /// Where the maximum of meter 0 of set 0 stands, and the bitmaps.
  private static let maximum = 46 + 9 * 32 + 64 + 4 * 66 + 64
  private static let bitmaps = maximum - 64 + 13 * 68

  @Test("a genesis says what every meter is registered for")
  func registered() throws {
    let read = try Genesis(decoding: Fixture.vector("genesis").span)
    for genesis in [Fixture.genesis, read] {
      #expect(genesis.feeders(ofSlot: 0, in: owner) == Fixture.contributors([0, 1, 2, 3, 4]))
      #expect(genesis.feeders(ofSlot: 1, in: owner) == Fixture.contributors([0, 1, 3, 4]))
      #expect(genesis.feeders(ofSlot: 1, in: ReplicaIndex(3)) == Fixture.contributors([0, 1, 2, 4]))
      #expect(genesis.feeders(ofSlot: 1, in: ReplicaIndex(2)).count == 0)
      #expect(genesis.maximumPowerWatts(MeterIndex(4), of: ReplicaIndex(3)) == 72_004)
    }
    #expect(Fixture.vector("genesis").count == Self.bitmaps + 8 * 64)
    // Without agreement keys the rules hold as before.
    #expect(read.withoutAgreementKeys().feeders(ofSlot: 1, in: owner) == Fixture.contributors([0, 1, 3, 4]))
  }

  @Test(
    "a maximum of 0 or above 100 MW is refused",
    arguments: [(0, false), (1, true), (100_000_000, true), (100_000_001, false), (.max, false)] as [(UInt32, Bool)])
  func maximumPower(watts: UInt32, isRead: Bool) {
    let error = decoded { file in
      for place in 0..<4 { file[Self.maximum + place] = UInt8(truncatingIfNeeded: watts >> UInt32(8 * place)) }
    }
    #expect(error == (isRead ? nil : .outOfRange(offset: Self.maximum)))
  }

  @Test(
    "a meter without import, a slot of too few feeders of a set, a feeder that is no meter and a minimum below 3 are refused"
  )
  func refused() {
    func bitmap(_ slot: Int, _ set: Int) -> Int { Self.bitmaps + 64 * (4 * slot + set) }
    #expect(decoded { $0[bitmap(0, 0)] = 0b11110 } == .outOfRange(offset: bitmap(0, 0)))
    #expect(decoded { $0[bitmap(1, 0)] = 0b00011 } == .outOfRange(offset: bitmap(1, 0)))
    #expect(decoded { $0[bitmap(1, 0)] = 0 } == .outOfRange(offset: bitmap(1, 0)))
    #expect(decoded { $0[bitmap(1, 0)] = 0b00111 } == nil)
    #expect(decoded { $0[bitmap(1, 1)] = 0b0011 } == .outOfRange(offset: bitmap(1, 1)))
    #expect(decoded { $0[bitmap(1, 0)] = 0b111011 } == .outOfRange(offset: bitmap(1, 0)))
    #expect(decoded { $0[bitmap(1, 2)] = 1 } == .outOfRange(offset: bitmap(1, 2)))
    #expect(decoded { $0[bitmap(1, 3) + 63] = 128 } == .outOfRange(offset: bitmap(1, 3)))
    for minimum: UInt8 in 0...2 { #expect(decoded { $0[24] = minimum } == .outOfRange(offset: 24)) }
    // Set 1 has three meters.
    #expect(decoded { $0[24] = 4 } == .outOfRange(offset: bitmap(0, 1)))
  }
}
