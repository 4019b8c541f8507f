import Aggregation
import Consensus
import Cryptography
import Foundation
import Paillier
import Units
import Wire

/// The group of Tests/Oracles/byte_vectors.py, built here a second time.
enum Fixture {
  static let setSizes = [5, 3, 0, 5]
  /// Meters without an export.
  static let importersOnly = [(set: 0, meter: 2), (set: 3, meter: 3)]
  static let owner = ReplicaIndex(0)
  static let author = ReplicaIndex(2)
  static let meter = MeterIndex(1)
  static let period = Period(1006)
  static let position = Position(5)
  static let round = Round(period, View(1))
  static let ciphertext = pattern(5, 64, step: 3)
  static let genesis = makeGenesis()

  /// The bytes of a committed vector; empty, which no test expects, when there is none of that name.
  static func vector(_ name: String) -> [UInt8] { vectors[name] ?? [] }

  private static let vectors: [String: [UInt8]] = {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Oracles/byte_vectors.txt")
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    var result: [String: [UInt8]] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ", omittingEmptySubsequences: false)
      if words.count == 2 { result[String(words[0])] = Hexadecimal.bytes(String(words[1])) }
    }
    return result
  }()

  static func digest(_ name: String) -> Digest { fixed(vector(name)) }

  static func fixed<let count: Int>(_ bytes: [UInt8]) -> FixedBytes<count> { FixedBytes(copying: bytes.span) }

  static func pattern(_ first: Int, _ count: Int, step: Int = 1) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: first + step * $0) }
  }

  static func signingKey(_ byte: UInt8) -> SigningKey {
    var seed = FixedBytes<32>(InlineArray(repeating: byte))
    return SigningKey(seed: SecretBytes(taking: &seed))
  }

  static func aggregatorKey(_ index: Int) -> SigningKey { signingKey(UInt8(0x40 + index)) }
  static func bookkeeperKey() -> SigningKey { signingKey(0x20) }
  static func meterKey(_ owner: ReplicaIndex, _ meter: MeterIndex) -> SigningKey {
    signingKey(UInt8(0x80 + 8 * owner.rawValue + meter.rawValue))
  }

  private static func party(_ signing: UInt8, _ agreement: UInt8) -> PartyKeys {
    var seed = FixedBytes<32>(InlineArray(repeating: agreement))
    let key = AgreementKey(seed: SecretBytes(taking: &seed))
    let signer = signingKey(signing)
    return PartyKeys(verificationKey: signer.verificationKey, agreementKey: key.publicKey)
  }

  static func makeGenesis(epoch: UInt64 = 2, minimumContributors: UInt16 = 3) -> Genesis {
    Genesis(
      epoch: Epoch(epoch), group: GroupIndex(3), periodSeconds: 900, minimumContributors: minimumContributors,
      rotates: true, exclusionPeriods: 48, firstPeriod: Period(1001), slots: [1, 2],
      modulus: pattern(0xC1, 32, step: 7), modulusProof: ModulusProof(roots: pattern(0x17, 256, step: 3)),
      bookkeeper: party(0x20, 0x21), aggregators: (0..<4).map { party(UInt8(0x40 + $0), UInt8(0x50 + $0)) },
      meters: setSizes.indices.map { set in
        (0..<setSizes[set]).map { party(UInt8(0x80 + 8 * set + $0), UInt8(0xC0 + 8 * set + $0)) }
      },
      registrations: setSizes.indices.map { set in
        (0..<setSizes[set]).map { meter in
          MeterRegistration(
            slots: importersOnly.contains { $0.set == set && $0.meter == meter } ? 1 : 3,
            maximumPowerWatts: UInt32(69_000 + 1000 * set + meter))
        }
      })
  }

  static func coverage() -> CoverageTable {
    CoverageTable(owner: owner, activation: [1005, 1004, 1005, 1005, 1005].map { Period($0) })
  }

  static func contributors(_ meters: [UInt16] = [0, 1, 3]) -> MeterBitmap {
    var bitmap = MeterBitmap()
    for meter in meters { bitmap.insert(MeterIndex(meter)) }
    return bitmap
  }

  /// The record of the vectors, after `change`, signed by the meter it then names or by `signer`.
  static func record(
    ciphertext: [UInt8] = ciphertext, network: Digest? = nil, group: UInt16 = 3, signer: UInt8? = nil,
    _ change: (inout Record) -> Void = { _ in }
  ) -> Record {
    var record = Record(
      owner: owner, meter: meter, epoch: genesis.epoch, from: Period(1005), through: period,
      keyIdentifier: genesis.keyIdentifier, closing: fixed(pattern(9, 72, step: 5)), signature: Signature())
    change(&record)
    let statement = RecordStatement(
      networkIdentifier: network ?? genesis.networkIdentifier, group: GroupIndex(group), record: record,
      ciphertextHash: RecordStatement.ciphertextHash(ciphertext.span))
    let key = signingKey(
      signer ?? UInt8(truncatingIfNeeded: 0x80 &+ 8 &* record.owner.rawValue &+ record.meter.rawValue))
    record.signature = key.sign { out in statement.encodeSigned(into: &out) }
    return record
  }

  static func statement(_ record: Record) -> RecordStatement {
    RecordStatement(
      networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
      ciphertextHash: RecordStatement.ciphertextHash(ciphertext.span))
  }

  /// Aggregator 3 and meter 2, and of other sets meter 1 of set 1 and meter 4 of set 3.
  static var accused: Accused {
    var elsewhere = AccusedElsewhere()
    elsewhere.insert(MeterIndex(4), of: ReplicaIndex(3))
    elsewhere.insert(MeterIndex(1), of: ReplicaIndex(1))
    return Accused(members: 8, meters: contributors([2]), elsewhere: elsewhere)
  }

  /// Two commits of aggregator 3 in one round.
  static func voteContradiction() -> Contradiction {
    Contradiction(vote(.commit, fixed(pattern(0x10, 32))), vote(.commit, fixed(pattern(0x90, 32))))
  }

  /// Two round changes of aggregator 3 for one round, of which one claims a prepared certificate.
  static func roundChangeContradiction() -> Contradiction {
    Contradiction(
      vote(.roundChange, Digest()),
      vote(.roundChange, fixed(pattern(0x90, 32)), claim: LockClaim(Round(period, View(0)))))
  }

  /// Of aggregator 3.
  private static func vote(_ kind: StatementKind, _ digest: Digest, claim: LockClaim = .none) -> Vote {
    let statement = Statement(
      kind: kind, in: genesis.context, owner: owner, position: position, round: round, digest: digest, claim: claim,
      signer: ReplicaIndex(3))
    let key = aggregatorKey(3)
    return Vote(statement: statement, signature: key.sign(statement))
  }

  /// Two records of meter 1 that differ in `closing`.
  static func recordContradiction() -> Contradiction {
    Contradiction(statement(record()), statement(record { $0.closing = fixed(pattern(10, 72, step: 5)) }))
  }

  static func header(
    contributors: MeterBitmap = contributors(), _ change: (inout Header) -> Void = { _ in }
  ) -> Header {
    let table = coverage()
    var manifest = Manifest()
    manifest.append(MeterIndex(0), fixed(pattern(0x30, 32)))
    manifest.append(MeterIndex(1), statement(record()).recordHash)
    manifest.append(MeterIndex(3), fixed(pattern(0x33, 32)))
    let backwards: [UInt8] = ciphertext.reversed()
    var header = Header(
      networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch, group: genesis.group, owner: owner,
      author: author, period: period, keyIdentifier: genesis.keyIdentifier, previous: fixed(pattern(0x60, 32)),
      coverageRoot: Digest(), manifestRoot: manifest.root(),
      productHash: RecordStatement.ciphertextHash(backwards.span), contributors: contributors, accused: accused)
    header.coverageRoot = genesis.coverageRoot(table, after: header)
    change(&header)
    return header
  }

  /// A header that accuses aggregator 3, meter 2 of its set and of other sets these, as (meter, set).
  static func accusing(elsewhere: [(UInt16, UInt16)]) -> Header {
    var names = AccusedElsewhere()
    for (meter, set) in elsewhere { names.insert(MeterIndex(meter), of: ReplicaIndex(set)) }
    return header { $0.accusedElsewhere = names }
  }

  static func receipt() -> Receipt {
    var receipt = Receipt(
      networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch, group: genesis.group, owner: owner,
      meter: meter, signer: author, period: period, position: position, recordHash: statement(record()).recordHash)
    let key = aggregatorKey(2)
    receipt.signature = key.sign { out in receipt.encodeSigned(into: &out) }
    return receipt
  }

  /// Commits of `members` in view 1 of the period for `digest`, after `change` of what they sign.
  static func quorum(
    _ digest: Digest, members: [Int] = [0, 2, 3], _ change: (inout Statement) -> Void = { _ in }
  ) -> QuorumCertificate {
    var common = Statement(
      kind: .commit, in: genesis.context, owner: owner, position: position, round: round, digest: digest,
      signer: ReplicaIndex(0))
    change(&common)
    var signatures: [Signature] = []
    var bits: UInt64 = 0
    for member in members {
      var signed = common
      signed.signer = ReplicaIndex(UInt16(member))
      let key = aggregatorKey(member)
      signatures.append(key.sign(signed))
      bits |= 1 << UInt64(member)
    }
    return QuorumCertificate(statement: common, signers: bits, signatures: signatures)
  }

  /// What meter 1 of set 0 shows of its keys before there is a group.
  static func meterRegistration() -> KeyRegistration {
    KeyRegistration(role: .meter, keys: party(0x81, 0xC1), proven: nil, signer: signingKey(0x81))
  }

  static func bookkeeperRegistration() -> KeyRegistration {
    KeyRegistration(
      role: .bookkeeper, keys: party(0x20, 0x21),
      proven: ProvenModulus(
        modulus: pattern(0xC1, 32, step: 7), proof: ModulusProof(roots: pattern(0x17, 256, step: 3))),
      signer: bookkeeperKey())
  }

  static func bundle() -> NodeBundle {
    NodeBundle(
      genesis: bytes { out in genesis.encode(into: &out) },
      configuration: Array("[node]\nrole = meter\nowner = 0\nindex = 1\n".utf8),
      map: Array("[device]\nname = house\n".utf8))
  }

  static func certificate(_ header: Header = header()) -> Certificate {
    Certificate(quorum: quorum(header.digest), header: header)
  }

  static func sum(of header: Header = header()) -> PublishedSum {
    let key = bookkeeperKey()
    return PublishedSum(header: header, sum: pattern(1, 32, step: 9), root: pattern(2, 32, step: 11), signer: key)
  }
}

extension Array where Element == UInt8 {
  func flipping(_ bit: Int) -> [UInt8] {
    var copy = self
    copy[bit / 8] ^= 1 << UInt8(bit % 8)
    return copy
  }
}

func bytes(_ capacity: Int = 8192, _ fill: (inout OutputSpan<UInt8>) -> Void) -> [UInt8] {
  [UInt8](capacity: capacity, writing: fill)
}
