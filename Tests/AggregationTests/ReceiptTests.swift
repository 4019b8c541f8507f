import Aggregation
import Consensus
import Testing
import Units

/// A header beside a receipt, and whether it breaks the promise.
struct BrokenPromise: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let isBroken: Bool
  var position = Fixture.position
  var from = Period(1005)
  var coveredThrough = Period(1004)
  var change: @Sendable (inout Header) -> Void = { _ in }

  static let all: [BrokenPromise] = [
    BrokenPromise(testDescription: "of its position and period, without the meter", isBroken: true),
    BrokenPromise(testDescription: "that counts the meter", isBroken: false) {
      $0.contributors = Fixture.contributors([0, 1, 3])
    },
    BrokenPromise(testDescription: "of the next position", isBroken: false, position: Fixture.position.next),
    BrokenPromise(testDescription: "of the position before", isBroken: false, position: Position(4)),
    BrokenPromise(testDescription: "of a later period", isBroken: false) { $0.period = Period(1007) },
    BrokenPromise(testDescription: "of an older period, which was locked and is decided first", isBroken: false) {
      $0.period = Period(1005)
    },
    BrokenPromise(testDescription: "by another author", isBroken: false) { $0.author = ReplicaIndex(3) },
    BrokenPromise(testDescription: "over another set", isBroken: false) { $0.owner = ReplicaIndex(1) },
    BrokenPromise(testDescription: "that accuses the meter", isBroken: false) {
      $0.accusedMeters = Fixture.contributors([1, 2])
    },
    BrokenPromise(
      testDescription: "on a coverage that the record does not follow", isBroken: false, coveredThrough: Period(1005)),
    BrokenPromise(testDescription: "on a coverage that leaves the record a gap", isBroken: false, from: Period(1006)),
  ]
}

@Suite("A receipt is a promise for one position and period (consensus rule R15)")
struct ReceiptTests {
  // This test kills the mutant receiptConvictsLaterPosition: no path of a node convicts by a receipt yet, so no group would show it.
  @Test(
    "and convicts only the author of that position's header, if it left out a record that followed",
    arguments: BrokenPromise.all)
  func convicts(promise: BrokenPromise) {
    let receipt = Fixture.receipt()
    var header = Fixture.header(contributors: Fixture.contributors([0, 3, 4])) { $0.accusedMeters = MeterBitmap() }
    promise.change(&header)
    #expect(
      receipt.convicts(
        header, at: promise.position, from: promise.from, coveredThrough: promise.coveredThrough,
        in: Fixture.genesis)
        == promise.isBroken)
  }
}
