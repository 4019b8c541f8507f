import Aggregation
import Consensus
import Cryptography
import Node
import Packets
import Testing
import Units
import Wire

/// Whether a ciphertext is a unit is found out for a whole product at once where no receipt depends on it. So a bad one gets
/// further than it used to, and must be found all the same.
@Suite(
  "A record whose ciphertext is no unit, brought by a member, is found with one gcd for all (docs/CRYPTOGRAPHY.md)")
struct BadCiphertextTests {
  /// n itself, which anybody can write down. Signed by its meter.
  private static func spoiled(_ group: Group, _ index: Int) -> [UInt8] {
    group.record(
      0, index, from: 1002, through: 1002,
      ciphertext: BadRecord.number(group) { bytes, n in bytes.replaceSubrange((bytes.count - n.count)..., with: n) })
  }

  @Test("a proposal that counts it is refused, and it is forgotten while the good ones stay")
  func proposal() {
    let primary = LyingPrimary()
    primary.records[0] = Self.spoiled(primary.group, 0)
    let header = primary.header()
    // Aggregator 0 gets no records of set 0 in this period from the meters.
    let judge = primary.group.aggregators[0]!
    primary.rogue.send(
      .proposal,
      primary.group.vote(.prepare, signer: 2, owner: 0, period: 1002, digest: header.digest, header: header),
      toAggregator: 0)
    for record in primary.records { primary.rogue.send(.record, record, toAggregator: 0) }
    for _ in 0..<4 { primary.group.step() }
    #expect(judge.refusals(HeaderRefusal.badCiphertext) == 1)
    #expect(judge.refusals(RecordRefusal.badCiphertext) == 1)
    #expect(!judge.hasSigned(0, 1002))
    let held = judge.node.held(ReplicaIndex(0), Period(1002))
    #expect(!held.contains(MeterIndex(0)))
    #expect(held.contains(MeterIndex(1)) && held.contains(MeterIndex(2)))
  }

  @Test("a primary that holds it proposes without it")
  func primary() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3500)
    // Its meter is silent otherwise. primary(0, 1002, 0) = 2
    group.killMeter(0, 0)
    let rogue = Rogue.aggregator(3, of: group)
    rogue.greet()
    rogue.send(.record, Self.spoiled(group, 0), toAggregator: 2)
    group.run(toEndOf: 1002, plus: 3500)
    #expect(group.aggregators[2]!.refusals(RecordRefusal.badCiphertext) == 1)
    #expect(group.aggregators[2]!.node.coveredThrough(MeterIndex(0), of: ReplicaIndex(0)) == Period(1001))
    #expect(group.aggregators[2]!.node.coveredThrough(MeterIndex(1), of: ReplicaIndex(0)) == Period(1002))
  }

  @Test("its meter gets no receipt for it, which would be a promise to count it (consensus rule C6)")
  func receipt() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 2000)
    let member = Rogue.aggregator(3, of: group)
    let meter = Rogue.meter(0, 0, of: group)
    member.greet()
    meter.greet()
    group.run(toEndOf: 1002, plus: 100)
    // Not the primary, which would have proposed by now.
    member.send(.record, Self.spoiled(group, 0), toAggregator: 1)
    group.step()
    #expect(group.aggregators[1]!.node.held(ReplicaIndex(0), Period(1002)).contains(MeterIndex(0)))
    meter.send(.record, Self.spoiled(group, 0), toAggregator: 1)
    group.step()
    meter.listen()
    #expect(!meter.heard.contains { $0.type == .receipt })
    #expect(!group.aggregators[1]!.node.held(ReplicaIndex(0), Period(1002)).contains(MeterIndex(0)))
    // One that a member brought and that is good is promised like any other.
    let good = group.record(0, 0, from: 1002, through: 1002)
    member.send(.record, good, toAggregator: 1)
    meter.send(.record, good, toAggregator: 1)
    group.step()
    meter.listen()
    #expect(meter.heard.filter { $0.type == .receipt }.count == 1)
  }

  @Test("the other record of a meter that contradicts itself is looked at too before it is kept (consensus rule C6)")
  func alternate() {
    let primary = LyingPrimary()
    let group = primary.group
    let judge = group.aggregators[0]!
    for record in primary.records { primary.rogue.send(.record, record, toAggregator: 0) }
    group.step()
    // Signed by the meter, and not below n²: nothing can multiply it.
    let other = group.record(
      0, 0, from: 1002, through: 1002,
      ciphertext: BadRecord.number(group) { bytes, _ in for place in bytes.indices { bytes[place] = 255 } })
    var manifest = Manifest()
    var hashes: [Digest] = []
    for (place, bytes) in ([other] + primary.records[1...]).enumerated() {
      var reader = WireReader(bytes.span)
      let record = try! Record(decoding: &reader)
      let ciphertext = Array(bytes.dropFirst(Record.fixedBytes))
      let statement = RecordStatement(
        networkIdentifier: group.genesis.networkIdentifier, group: group.genesis.group, record: record,
        ciphertextHash: RecordStatement.ciphertextHash(ciphertext.span))
      manifest.append(MeterIndex(UInt16(place)), statement.recordHash)
      hashes.append(statement.recordHash)
    }
    var header = primary.header()
    header.manifestRoot = manifest.root()
    primary.rogue.send(
      .proposal,
      group.vote(.prepare, signer: 2, owner: 0, period: 1002, digest: header.digest, header: header), toAggregator: 0)
    // The judge asks for the manifest, and which record is meant is told.
    let object = [UInt8](capacity: Header.encodedBytes + 32 * hashes.count) { out in
      header.encode(into: &out)
      for hash in hashes { out.write(hash) }
    }
    for body in group.chunks(.manifest, 0, position: 2, object) { primary.rogue.send(.chunk, body, toAggregator: 0) }
    for _ in 0..<4 {
      group.step()
      primary.rogue.send(.record, other, toAggregator: 0)
    }
    primary.rogue.listen()
    let wants = primary.rogue.heard.filter { $0.type == .want }.map { $0.body[0] }
    #expect(wants.contains(ObjectKind.manifest.rawValue) && wants.contains(ObjectKind.records.rawValue))
    #expect(judge.refusals(RecordRefusal.badCiphertext) > 0)
    #expect(judge.node.evidenceCount > 0)
    #expect(!judge.hasSigned(0, 1002))
  }
}
