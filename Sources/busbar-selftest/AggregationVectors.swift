import Aggregation
import Consensus
import Cryptography
import Paillier
import Units
import Wire

// The golden digests are of the bytes in Tests/Oracles/byte_vectors.txt, which a separate implementation made;
// domain "BUSBARts" where a whole message is digested.

private let goldenNetwork = "4101e4dbd884a453967146c0878b70a96f0fb58e03df4ae92e9a0190798d2be3"
private let goldenKeyIdentifier = "4372a0546168a8afb005b0662bc4e12c"
private let goldenRecord = "b56417c805a51a391aed3d922905718fc3c796dfc4a08fcc8f52ed1665cf2b12"
private let goldenRecordHash = "6592b8f05d50e57063e653217c3adc11cfe5c0218623ac974973152781ecd710"
private let goldenReceipt = "ba330dcce1be586f52151ac1f4c951e29bd105c9a2d7dc7455b1c6a0728e55bf"
private let goldenCoverageRoot = "8358a57f84ae7a02ed920569a09885b56aa7908cd5e0b227450bb213a92d94e6"
private let goldenCoverageRootAfter = "7ec74b994af622e4cc72bfac0f82606b522fad8f3d0e01525df037a527494c76"
private let goldenHeaderDigest = "106e6dd2ef02e8b643e28cdfb74545cf535183dd7582fa499652ee038b0c91b0"
private let goldenCertificate = "229983aa9ce5a046bc68a1d117981414a3e94c9f21fac91468492ea211072507"
private let goldenSum = "9e568299b23f009b3d80dadc97a804e6aebd576835599bd8035513a0eeb17a4b"

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
  let sizes: [UInt8] = [5, 3, 0, 5]
  var aggregators: [PartyKeys] = []
  var meters: [[PartyKeys]] = []
  var registrations: [[MeterRegistration]] = []
  for index: UInt8 in 0..<4 {
    aggregators.append(vectorParty(0x40 + index, 0x50 + index))
    var set: [PartyKeys] = []
    var registered: [MeterRegistration] = []
    for meter in 0..<sizes[Int(index)] {
      set.append(vectorParty(0x80 + 8 * index + meter, 0xC0 + 8 * index + meter))
      let hasExport = !(index == 0 && meter == 2 || index == 3 && meter == 3)
      registered.append(
        MeterRegistration(
          slots: hasExport ? 3 : 1, maximumPowerWatts: 69_000 + 1000 * UInt32(index) + UInt32(meter)))
    }
    meters.append(set)
    registrations.append(registered)
  }
  return Genesis(
    epoch: Epoch(2), group: GroupIndex(3), periodSeconds: 900, minimumContributors: 3, rotates: true,
    firstPeriod: Period(1001), slots: [1, 2], modulus: pattern(0xC1, 32, step: 7),
    modulusProof: ModulusProof(roots: pattern(0x17, 256, step: 3)),
    bookkeeper: vectorParty(0x20, 0x21), aggregators: aggregators, meters: meters,
    registrations: registrations)
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
  let coverage = CoverageTable(
    owner: ReplicaIndex(0), activation: [Period(1005), Period(1004), Period(1005), Period(1005), Period(1005)])
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
  contributors.insert(MeterIndex(3))
  var manifest = Manifest()
  manifest.append(MeterIndex(0), fixed(pattern(0x30, 32)))
  manifest.append(MeterIndex(1), recordHash)
  manifest.append(MeterIndex(3), fixed(pattern(0x33, 32)))
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
