import Aggregation
import Configuration
import Consensus
import Cryptography
import HAL
import LinuxPlatform
import Paillier
import Units
import Wire

/// A genesis under whose modulus the equation of a sum holds for one sum alone.
private func loadProvenGenesis(_ path: String) throws(Failure) -> Genesis {
  let genesis = try loadGenesis(path)
  try proveModulus(genesis, try loadPublicKey(genesis), of: path)
  return genesis
}

/// A verified decision of one set in one period.
struct VerifiedDecision {
  let period: UInt64
  let owner: UInt16
  let contributors: UInt16
  let signers: Int
  /// Watt-hours by slot; nil while the sum is not published.
  let values: [Int64]?
  let certificateBytes: Int
  let position: UInt64
  /// Digest of the header this one follows on.
  let previous: Digest
}

func verifyCertificate(_ path: String, _ genesis: Genesis) throws(Failure) -> Certificate {
  let bytes = try readFile(path)
  do throws(VerificationError) { return try Certificate(checking: bytes.span, against: genesis) } catch {
    throw Failure("\(path): \(error)")
  }
}

/// A sum file that belongs to the certificate and carries the bookkeeper's signature; not yet opened.
private func readSum(_ path: String, _ certificate: Certificate, _ genesis: Genesis) throws(Failure) -> PublishedSum {
  let bytes = try readFile(path)
  do throws(VerificationError) {
    return try PublishedSum(checking: bytes.span, of: certificate.header, against: genesis)
  } catch { throw Failure("\(path): \(error)") }
}

/// Watt-hours by slot.
private func unpack(
  _ path: String, _ sum: PublishedSum, _ certificate: Certificate, _ key: PublicKey
) throws(Failure) -> [Int64] {
  do throws(PaillierError) {
    return try key.unpack(sum: sum.sum.span, contributors: Int(certificate.header.count))
  } catch { throw Failure("\(path): \(error)") }
}

/// Accepts only by the public equation: (S, R) must open to the very product that was certified. (DESIGN §2.3)
/// - Returns: watt-hours by slot.
func verifySum(_ path: String, _ certificate: Certificate, _ genesis: Genesis) throws(Failure) -> [Int64] {
  let published = try readSum(path, certificate, genesis)
  let key = try loadPublicKey(genesis)
  var product = ByteBuffer(capacity: key.ciphertextBytes)
  var refusal: PaillierError?
  product.replace { out in
    do throws(PaillierError) {
      try key.writeCiphertext(sum: published.sum.span, root: published.root.span, into: &out)
    } catch { refusal = error }
  }
  if let refusal { throw Failure("\(path): \(refusal)") }
  guard RecordStatement.ciphertextHash(product.span) == certificate.header.productHash else {
    throw Failure("\(path): \(PaillierError.proofDoesNotHold)")
  }
  return try unpack(path, published, certificate, key)
}

/// What was decided in (period, owner), from the files of a published folder.
///
/// - Parameter openingSum: false checks a sum's signature only, which takes no power modulo n².
/// - Throws: when they do not hold, or say another period or set than their names.
func verifyDecision(
  _ stem: String, in folder: String, _ genesis: Genesis, openingSum: Bool = true
) throws(Failure) -> VerifiedDecision {
  let path = "\(folder)/\(stem).certificate"
  let sumPath = "\(folder)/\(stem).sum"
  let certificate = try verifyCertificate(path, genesis)
  guard stem == "\(certificate.period)-\(certificate.owner)" else {
    throw Failure(
      "\(path): it is the certificate of period \(certificate.period), set \(certificate.owner), not what its name says"
    )
  }
  var values: [Int64]?
  if Files.exists(sumPath) {
    values =
      openingSum
      ? try verifySum(sumPath, certificate, genesis)
      : try unpack(
        sumPath, try readSum(sumPath, certificate, genesis), certificate, try loadPublicKey(genesis))
  }
  return VerifiedDecision(
    period: certificate.period.rawValue, owner: certificate.owner.rawValue,
    contributors: certificate.header.count, signers: certificate.quorum.signatures.count, values: values,
    certificateBytes: try readFile(path).count, position: certificate.position.rawValue,
    previous: certificate.header.previous)
}

/// Checks every certificate and sum below FOLDER/published, in the order of their names.
///
/// - Parameter allowingUnpublishedSums: true where the bookkeeper may have been stopped between the two files.
/// - Throws: when one does not hold, is there without the other, or has a name that is not its own; and when two
///   values of a set follow on the same one.
func verifyFolder(_ folder: String, allowingUnpublishedSums: Bool = false) throws(Failure) -> [VerifiedDecision] {
  let genesis = try loadProvenGenesis("\(folder)/genesis.bin")
  let published = "\(folder)/published"
  let names: [String]
  do throws(PlatformError) { names = try Files.names(in: published) } catch { throw Failure(published, error) }
  var result: [VerifiedDecision] = []
  for name in names {
    let path = "\(published)/\(name)"
    if name.hasSuffix(".certificate") {
      let decision = try verifyDecision(String(name.dropLast(".certificate".utf8.count)), in: published, genesis)
      guard decision.values != nil || allowingUnpublishedSums else {
        throw Failure("\(path): its sum is missing")
      }
      // Each value names the one before it, so two quorums that disagree show as two heads on one neck.
      for other in result
      where other.owner == decision.owner
        && (other.previous == decision.previous || other.position == decision.position)
      {
        throw Failure("\(path): it and period \(other.period) of its set follow on the same header")
      }
      result.append(decision)
    } else if name.hasSuffix(".sum") {
      guard Files.exists("\(path.dropLast(".sum".utf8.count)).certificate") else {
        throw Failure("\(path): its certificate is missing")
      }
    } else if !name.hasSuffix(".new") {
      // Files.replace writes NAME.new first, and a crash may leave it.
      throw Failure("\(path): neither PERIOD-OWNER.certificate nor PERIOD-OWNER.sum")
    }
  }
  return result
}

// MARK: verify

func verify(_ arguments: Arguments) throws(Failure) {
  let word = arguments.words[0]
  if word == "modulus" {
    return try verifyModulus(try arguments.required("modulus"), json: arguments.wantsJSON)
  }
  guard word == "certificate" || word == "sum" else {
    for option in ["genesis", "certificate", "sum", "modulus"] where arguments.has(option) {
      throw Failure("--\(option) does not go with a folder", exitCode: Failure.usageCode)
    }
    return try verifyWhole(word, json: arguments.wantsJSON)
  }
  let genesis = try loadProvenGenesis(try arguments.required("genesis"))
  let certificatePath = try arguments.required("certificate")
  let sumPath = word == "sum" ? try arguments.required("sum") : nil
  let certificate = try verifyCertificate(certificatePath, genesis)
  guard let sumPath else { return describe(certificate, isChecked: true, json: arguments.wantsJSON) }
  let values = try verifySum(sumPath, certificate, genesis)
  printLine(
    arguments.wantsJSON
      ? "{\"sumWattHours\":\(wattHoursAsJSON(values, genesis))}"
      : "the sum holds: \(wattHours(values, genesis))")
}

private func verifyModulus(_ path: String, json: Bool) throws(Failure) {
  let bytes = try readFile(path, limit: 64 << 10)
  let proven: ProvenModulus
  do throws(WireError) { proven = try ProvenModulus(decoding: bytes.span) } catch { throw Failure("\(path): \(error)") }
  let modulus = proven.modulus
  let key: PublicKey
  do throws(PaillierError) { key = try PublicKey(n: modulus.span, layout: SlotLayout([.activeEnergyImport])) } catch {
    throw Failure("\(path): \(error)")
  }
  do throws(ModulusRefusal) { try proven.proof.check(of: key) } catch { throw Failure("\(path): \(error)") }
  printLine(
    json
      ? "{\"modulusBits\":\(modulus.count * 8),\"proof\":true}"
      : "the modulus has \(modulus.count * 8) bits, and its proof holds")
}

private func verifyWhole(_ folder: String, json: Bool) throws(Failure) {
  let decisions = try verifyFolder(folder)
  guard !decisions.isEmpty else { throw Failure("\(folder)/published: there is nothing to verify") }
  var decryptions = 0
  for decision in decisions where decision.values != nil { decryptions += 1 }
  printLine(
    json
      ? "{\"certificates\":\(decisions.count),\"decryptions\":\(decryptions)}"
      : "\(decisions.count) certificates and \(decryptions) decryptions hold")
}

// MARK: Sums as text

/// The names of the genesis' slots, in order.
func slotNames(_ genesis: Genesis) -> [String] {
  genesis.slots.map { SlotQuantity(rawValue: $0).map { "\($0)" } ?? "quantity\($0)" }
}

/// One member for each slot; none for a decision without values.
func wattHoursAsJSON(_ values: [Int64], _ genesis: Genesis) -> String {
  let names = slotNames(genesis)
  var members: [String] = []
  for slot in values.indices { members.append("\"\(names[slot])\":\(values[slot])") }
  return "{\(members.joined(separator: ","))}"
}

func wattHours(_ values: [Int64], _ genesis: Genesis) -> String {
  let names = slotNames(genesis)
  var parts: [String] = []
  for slot in values.indices { parts.append("\(names[slot]) \(values[slot]) Wh") }
  return parts.joined(separator: ", ")
}
