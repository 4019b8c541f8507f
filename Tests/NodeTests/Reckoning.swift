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
        if imported % 1000 != 0 || exported % 1000 != 0 { wrong.append("meter \(owner)/\(index): not whole Wh") }
        certified[owner][0] += imported / 1000
        certified[owner][1] += exported / 1000
      }
    }
    for (owner, sums) in publishedSums(reporting: &wrong).enumerated() where sums != certified[owner] {
      wrong.append("set \(owner): published \(sums), its meters hold \(certified[owner])")
    }
    return wrong
  }

  /// Import and export of each set over all published sums, every one checked by the public equation.
  func publishedSums(reporting wrong: inout [String]) -> [[Int64]] {
    var totals = Array(repeating: [Int64(0), Int64(0)], count: Self.members)
    for name in published.changed { wrong.append("\(name) was published twice with other bytes") }
    for (name, file) in published.sums {
      guard let bytes = published.certificates[name],
        let certificate = try? Certificate(checking: bytes.span, against: genesis), let header = certificate.header,
        let sum = try? PublishedSum(checking: file.span, of: header, against: genesis)
      else {
        wrong.append("\(name) does not verify")
        continue
      }
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

  /// Sets of `period` for which a sum was published.
  func publishedCount(_ period: UInt64) -> Int {
    (0..<Self.members).filter { published.sums["\(period)-\($0)"] != nil }.count
  }

  /// Whether all meters hold everything up to the end of `period` as certified.
  func isSettled(through period: UInt64) -> Bool {
    meters.allSatisfy { set in set.allSatisfy { ($0?.node.coveredThrough.rawValue ?? 0) >= period } }
  }
}
