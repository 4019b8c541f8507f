import Aggregation
import Consensus
import Cryptography
import Node
import Paillier
import Units
import Wire

/// A lying primary of set 0 in period 1002, and aggregator 3, which holds every record and so can judge it alone.
final class LyingPrimary {
  static let period: UInt64 = 1002
  static let judge = 3
  let group: Group
  let rogue: Rogue
  /// By meter.
  var records: [[UInt8]] = []

  init(_ options: GroupOptions = GroupOptions()) {
    group = Group(options)
    group.run(toEndOf: 1001, plus: 3500)
    // primary(0, 1002, 0) = (0 + 1002) mod 4 = 2
    rogue = Rogue.aggregator(2, of: group)
    rogue.greet()
    for _ in 0..<60 where records.count < group.options.metersPerSet {
      group.step()
      rogue.listen()
      for (type, body) in rogue.heard where type == .record && body[0] == 0 && !records.contains(body) {
        records.append(body)
      }
    }
    precondition(records.count == group.options.metersPerSet)
    records.sort { $0[2] < $1[2] }
    // The judge has the same records by now.
    for _ in 0..<5 { group.step() }
  }

  /// The header an honest primary would propose, of the first `count` meters.
  func header(meters count: Int = 4) -> Header {
    Self.header(over: Array(records[..<count]), of: group, previous: group.aggregators[Self.judge]!.head(0))
  }

  /// The same of any records of set 0, in a group that certified all meters in 1001.
  static func header(over records: [[UInt8]], of group: Group, previous: Digest, period: UInt64 = period) -> Header {
    var contributors = MeterBitmap()
    var manifest = Manifest()
    var product = CiphertextProduct(group.key)
    for bytes in records {
      var reader = WireReader(bytes.span)
      let record = try! Record(decoding: &reader)
      let ciphertext = Array(bytes.dropFirst(Record.fixedBytes))
      contributors.insert(record.meter)
      let statement = RecordStatement(
        networkIdentifier: group.genesis.networkIdentifier, group: group.genesis.group, record: record,
        ciphertextHash: RecordStatement.ciphertextHash(ciphertext.span))
      manifest.append(record.meter, statement.recordHash)
      product.multiply(by: ciphertext.span)
    }
    let productBytes = [UInt8](capacity: group.key.ciphertextBytes) { out in product.write(into: &out) }
    var coverage = group.genesis.coverage(of: ReplicaIndex(0))
    var everyone = MeterBitmap()
    for index in 0..<group.options.metersPerSet { everyone.insert(MeterIndex(UInt16(index))) }
    coverage.advance(everyone, to: Period(1001))
    return Header(
      networkIdentifier: group.genesis.networkIdentifier, epoch: group.genesis.epoch, group: group.genesis.group,
      owner: ReplicaIndex(0), author: ReplicaIndex(2), period: Period(period),
      keyIdentifier: group.genesis.keyIdentifier, previous: previous,
      coverageRoot: coverage.root(advancing: contributors, to: Period(period)), manifestRoot: manifest.root(),
      productHash: RecordStatement.ciphertextHash(productBytes.span), contributors: contributors)
  }

  func propose(_ header: Header) {
    rogue.send(
      .proposal,
      group.vote(.prepare, signer: 2, owner: 0, period: Self.period, digest: header.digest, header: header),
      toAggregator: Self.judge)
    for _ in 0..<4 { group.step() }
  }

  var judge: AggregatorProcess { group.aggregators[Self.judge]! }
}
