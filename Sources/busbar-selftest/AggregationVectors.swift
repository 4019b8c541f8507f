import Aggregation
import Consensus
import Cryptography
import Paillier
import Units
import Wire

// The golden digests are of the bytes in Tests/Oracles/byte_vectors.txt, which a separate implementation made;
// domain "BUSBARts" where a whole message is digested.

private let goldenNetwork = "cbf70852cfb2836ca20940eb124313eee43c75d2d1141773b0380263b579f47a"
private let goldenKeyIdentifier = "4372a0546168a8afb005b0662bc4e12c"
private let goldenRecord = "d9d80d18646960ce61db93a19118ebb5e82581dcf6b598c059f09f4fa35a6d72"
private let goldenRecordHash = "d64460ed9cc0d7fca6cb103039f9651ba749026d41a11d71482cc731454a5f8a"
private let goldenReceipt = "78af26ba2024efb75ad0a9d04e1bdf371918fcdd5f0468ffb121fc824a321770"
private let goldenCoverageRoot = "6031e43004dc6bbc70dbbbcc8538b4961dfb5187ef60faeda9834fb948dad2d3"
private let goldenCoverageRootAfter = "fcceba85ecc87f861cee49551d7652bb7c043bbcf3a12db18b1ec597d95faf6f"
private let goldenHeaderDigest = "03b05ae5410c9a958207cfed21eba230d2cd8d1a0636e0fa7e44e1b8549fa58f"
private let goldenCertificate = "fc162078548d802d9a13e98e3e0204f7bf3b19d21f4352af5699058624ad1d17"
private let goldenSum = "38881613b86cd4e6a69f78a699a9810948e76948194f37879e9fc62145b53eff"

private let vectorPeriod = Period(1006)
private let vectorPosition = Position(5)

private func pattern(_ first: Int, _ count: Int, step: Int = 1) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: first + step * $0) }
}

private func fixed<let count: Int>(_ bytes: [UInt8]) -> FixedBytes<count> { FixedBytes(copying: bytes.span) }

private func vectorKey(_ byte: UInt8) -> SigningKey {
  var seed = FixedBytes<32>(InlineArray(repeating: byte))
  return SigningKey(seed: SecretBytes(taking: &seed))
}

private func vectorParty(_ signing: UInt8, _ agreement: UInt8) -> PartyKeys {
  var seed = FixedBytes<32>(InlineArray(repeating: agreement))
  let key = AgreementKey(seed: SecretBytes(taking: &seed))
  let signer = vectorKey(signing)
  return PartyKeys(verificationKey: signer.verificationKey, agreementKey: key.publicKey)
}

private func vectorGenesis() -> Genesis {
  let sizes: [UInt8] = [3, 2, 0, 5]
  var aggregators: [PartyKeys] = []
  var meters: [[PartyKeys]] = []
  for index: UInt8 in 0..<4 {
    aggregators.append(vectorParty(0x40 + index, 0x50 + index))
    var set: [PartyKeys] = []
    for meter in 0..<sizes[Int(index)] {
      set.append(vectorParty(0x80 + 8 * index + meter, 0xC0 + 8 * index + meter))
    }
    meters.append(set)
  }
  return Genesis(
    epoch: Epoch(2), group: GroupIndex(3), periodSeconds: 900, minimumContributors: 2, rotates: true,
    firstPeriod: Period(1001), slots: [1, 2], modulus: pattern(0xC1, 32, step: 7),
    modulusProof: ModulusProof(roots: pattern(0x17, 256, step: 3)),
    bookkeeper: vectorParty(0x20, 0x21), aggregators: aggregators, meters: meters)
}

private func digest(_ capacity: Int, _ fill: (inout OutputSpan<UInt8>) -> Void) -> String {
  let bytes = [UInt8](capacity: capacity, writing: fill)
  return Blake2b.digest(domain: "BUSBARts", bytes.span).description
}

/// From a genesis to a proven sum: every message's bytes, and each is accepted where it is checked.
func checkAggregation(_ report: inout Report) {
  let genesis = vectorGenesis()
  report.check(genesis.networkIdentifier.description == goldenNetwork, "aggregation: genesis bytes")
  report.check(genesis.keyIdentifier.description == goldenKeyIdentifier, "aggregation: key identifier")
  let coverage = CoverageTable(owner: ReplicaIndex(0), activation: [Period(1005), Period(1004), Period(1005)])
  report.check(coverage.root.description == goldenCoverageRoot, "aggregation: coverage root")
  let recordHash = checkRecord(genesis, coverage, &report)
  let header = vectorHeader(genesis, coverage, recordHash)
  report.check(
    header.coverageRoot.description == goldenCoverageRootAfter, "aggregation: coverage root with an excluded meter")
  report.check(header.digest.description == goldenHeaderDigest, "aggregation: header, manifest and coverage bytes")
  checkCertificate(genesis, header, &report)
  checkSum(genesis, header, &report)
}

private func checkRecord(
  _ genesis: Genesis, _ coverage: borrowing CoverageTable, _ report: inout Report
) -> Digest {
  let ciphertext = pattern(5, 64, step: 3)
  var record = Record(
    owner: ReplicaIndex(0), meter: MeterIndex(1), epoch: Epoch(2), from: Period(1005), through: vectorPeriod,
    keyIdentifier: genesis.keyIdentifier, closing: fixed(pattern(9, 72, step: 5)), signature: Signature())
  let statement = RecordStatement(
    networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
    ciphertextHash: RecordStatement.ciphertextHash(ciphertext.span))
  let meter = vectorKey(0x81)
  record.signature = meter.sign { out in statement.encodeSigned(into: &out) }
  report.check(digest(Record.fixedBytes) { out in record.encode(into: &out) } == goldenRecord, "aggregation: record")
  var hash = Digest()
  do throws(RecordRefusal) {
    hash = try genesis.check(
      record, ciphertext: ciphertext.span, owner: ReplicaIndex(0), period: vectorPeriod, coverage: coverage
    ).recordHash
  } catch {
    report.check(false, "aggregation: an honest record is not refused")
  }
  report.check(hash.description == goldenRecordHash, "aggregation: record hash")
  var receipt = Receipt(
    networkIdentifier: genesis.networkIdentifier, epoch: Epoch(2), group: genesis.group, owner: ReplicaIndex(0),
    meter: MeterIndex(1), signer: ReplicaIndex(2), period: vectorPeriod, position: vectorPosition,
    recordHash: hash)
  let aggregator = vectorKey(0x42)
  receipt.signature = aggregator.sign { out in receipt.encodeSigned(into: &out) }
  report.check(
    digest(Receipt.encodedBytes) { out in receipt.encode(into: &out) } == goldenReceipt, "aggregation: receipt")
  return hash
}

private func vectorHeader(
  _ genesis: Genesis, _ coverage: borrowing CoverageTable, _ recordHash: Digest
) -> Header {
  var contributors = MeterBitmap()
  contributors.insert(MeterIndex(0))
  contributors.insert(MeterIndex(1))
  var manifest = Manifest()
  manifest.append(MeterIndex(0), fixed(pattern(0x30, 32)))
  manifest.append(MeterIndex(1), recordHash)
  let product: [UInt8] = pattern(5, 64, step: 3).reversed()
  var accusedMeters = MeterBitmap()
  accusedMeters.insert(MeterIndex(2))
  var elsewhere = AccusedElsewhere()
  elsewhere.insert(MeterIndex(4), of: ReplicaIndex(3))
  elsewhere.insert(MeterIndex(1), of: ReplicaIndex(1))
  var header = Header(
    networkIdentifier: genesis.networkIdentifier, epoch: Epoch(2), group: genesis.group, owner: ReplicaIndex(0),
    author: ReplicaIndex(2), period: vectorPeriod, keyIdentifier: genesis.keyIdentifier,
    previous: fixed(pattern(0x60, 32)), coverageRoot: Digest(), manifestRoot: manifest.root(),
    productHash: RecordStatement.ciphertextHash(product.span), contributors: contributors,
    accused: Accused(members: 8, meters: accusedMeters, elsewhere: elsewhere))
  header.coverageRoot = genesis.coverageRoot(coverage, after: header)
  return header
}

private func checkCertificate(_ genesis: Genesis, _ header: Header, _ report: inout Report) {
  let common = Statement(
    kind: .commit, in: genesis.context, owner: ReplicaIndex(0), position: vectorPosition,
    round: Round(vectorPeriod, View(1)), digest: header.digest, signer: ReplicaIndex(0))
  var signatures: [Signature] = []
  for member: UInt16 in [0, 2, 3] {
    var signed = common
    signed.signer = ReplicaIndex(member)
    let key = vectorKey(UInt8(0x40 + member))
    signatures.append(key.sign(signed))
  }
  let made = Certificate(
    quorum: QuorumCertificate(statement: common, signers: 0b1101, signatures: signatures), header: header)
  let bytes = [UInt8](capacity: Certificate.maximumBytes(genesis.context.quorum)) { out in made.encode(into: &out) }
  report.check(
    Blake2b.digest(domain: "BUSBARts", bytes.span).description == goldenCertificate, "aggregation: certificate")
  var holds = true
  do throws(VerificationError) { _ = try Certificate(checking: bytes.span, against: genesis) } catch { holds = false }
  report.check(holds, "aggregation: the certificate verifies")
}

private func checkSum(_ genesis: Genesis, _ header: Header, _ report: inout Report) {
  let bookkeeper = vectorKey(0x20)
  let made = PublishedSum(
    header: header, sum: pattern(1, 32, step: 9), root: pattern(2, 32, step: 11), signer: bookkeeper)
  var bytes = [UInt8](capacity: PublishedSum.encodedBytes(modulusBytes: 32)) { out in made.encode(into: &out) }
  report.check(Blake2b.digest(domain: "BUSBARts", bytes.span).description == goldenSum, "aggregation: published sum")
  report.check(accepts(bytes, header, genesis), "aggregation: the sum is accepted")
  bytes[112] ^= 1
  report.check(!accepts(bytes, header, genesis), "aggregation: a flipped bit of the sum is refused")
}

private func accepts(_ sum: [UInt8], _ header: Header, _ genesis: Genesis) -> Bool {
  do throws(VerificationError) { _ = try PublishedSum(checking: sum.span, of: header, against: genesis) } catch {
    return false
  }
  return true
}
