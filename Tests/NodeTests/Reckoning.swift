import Aggregation
import Consensus
import Node
import Paillier
import Units
import Wire

/// Totals of what was published and what the meters hold, checked against the houses.
extension Group {
  /// What is wrong; empty when certified + pending equals what each house counted, each published sum opens its own
  /// certificate's product, and the sums of each set are what its meters hold as certified.
  func reckon() -> [String] {
    finishPublishing()
    var wrong = failures
    var certified = Array(repeating: [Int64(0), Int64(0)], count: Self.members)
    for owner in meters.indices {
      for index in meters[owner].indices {
        guard let process = meters[owner][index], let first = process.node.activation,
          let settled = process.node.certifiedRegisters, let latest = process.node.latest,
          let opening = answers[owner][index].first
        else {
          wrong.append("meter \(owner)/\(index) has no registers")
          continue
        }
        if first != opening { wrong.append("meter \(owner)/\(index) began elsewhere") }
        if latest != answers[owner][index].last { wrong.append("meter \(owner)/\(index) stands elsewhere") }
        let imported = settled.activeEnergyImport.value - opening.activeEnergyImport.value
        let exported = settled.activeEnergyExport.value - opening.activeEnergyExport.value
        let isCounted = genesis.feeders(ofSlot: 1, in: ReplicaIndex(UInt16(owner))).contains(MeterIndex(UInt16(index)))
        if imported % 1000 != 0 || isCounted && exported % 1000 != 0 {
          wrong.append("meter \(owner)/\(index): not whole Wh")
        }
        certified[owner][0] += imported / 1000
        if isCounted { certified[owner][1] += exported / 1000 }
      }
    }
    for (owner, sums) in publishedSums(reporting: &wrong).enumerated() where sums != certified[owner] {
      wrong.append("set \(owner): published \(sums), its meters hold \(certified[owner])")
    }
    return wrong
  }

  /// A running bookkeeper opens one sum a tick; what was certified a moment ago is published by now.
  func finishPublishing() {
    guard bookkeeper != nil else { return }
    for _ in 0..<12
    where published.certificates.keys.contains(where: {
      published.sums[$0] == nil && published.unreadable[$0] == nil
    }) {
      step()
    }
  }

  /// Import and export of each set over all published sums, every one checked by the public equation.
  func publishedSums(reporting wrong: inout [String]) -> [[Int64]] {
    var totals = Array(repeating: [Int64(0), Int64(0)], count: Self.members)
    for (name, count) in published.written where count > 1 { wrong.append("\(name) was written \(count) times") }
    for name in published.changed { wrong.append("\(name) was published twice with other bytes") }
    for (name, file) in published.sums {
      guard let bytes = published.certificates[name],
        let certificate = try? Certificate(checking: bytes.span, against: genesis),
        let sum = try? PublishedSum(checking: file.span, of: certificate.header, against: genesis)
      else {
        wrong.append("\(name) does not verify")
        continue
      }
      let header = certificate.header
      let product = [UInt8](capacity: key.ciphertextBytes) { out in
        try? key.writeCiphertext(sum: sum.sum.span, root: sum.root.span, into: &out)
      }
      guard RecordStatement.ciphertextHash(product.span) == header.productHash,
        let values = try? key.unpack(sum: sum.sum.span, contributors: Int(header.count))
      else {
        wrong.append("\(name): the sum is not the product's")
        continue
      }
      for slot in 0..<2 { totals[Int(certificate.owner.rawValue)][slot] += values[slot] }
    }
    return totals
  }

  /// The certified header of a set and period; nil while there is none.
  func certified(_ owner: Int, _ period: UInt64) -> Header? {
    published.certificates["\(period)-\(owner)"].flatMap { try? Certificate(checking: $0.span, against: genesis) }?
      .header
  }

  /// What is wrong with the certificates that were published: each set's are one chain, whose positions count up, each with one header and
  /// a later period than the one before.
  func brokenChains() -> [String] {
    var wrong: [String] = []
    for owner in 0..<Self.members {
      let all = published.certificates.filter { $0.key.hasSuffix("-\(owner)") }.values
        .compactMap { try? Certificate(checking: $0.span, against: genesis) }.sorted { $0.position < $1.position }
      var previous = genesis.networkIdentifier
      var period = Period(0)
      for (place, certificate) in all.enumerated() {
        let isNext =
          certificate.position == Position(UInt64(place + 1)) && certificate.header.previous == previous
          && certificate.period > period
        if !isNext { wrong.append("set \(owner): position \(certificate.position) of \(certificate.period)") }
        previous = certificate.header.digest
        period = certificate.period
      }
    }
    return wrong
  }

  /// Whether all running aggregators hold the same head and coverage of every set.
  var agrees: Bool {
    (0..<Self.members).allSatisfy { owner in
      let set = ReplicaIndex(UInt16(owner))
      let running = aggregators.compactMap { $0 }
      return Set(running.map { $0.node.head(of: set) }).count == 1
        && Set(running.map { $0.node.coverageRoot(of: set) }).count == 1
    }
  }

  /// Sets of `period` for which a sum was published.
  func publishedCount(_ period: UInt64) -> Int {
    (0..<Self.members).filter { published.sums["\(period)-\($0)"] != nil }.count
  }

  /// Whether all meters hold everything up to the end of `period` as certified.
  func isSettled(through period: UInt64) -> Bool {
    meters.allSatisfy { set in set.allSatisfy { ($0?.node.coveredThrough.rawValue ?? 0) >= period } }
  }
}
