import Aggregation
import LinuxPlatform
import Paillier
import Units
import Wire

/// A verified sum of one set in one period.
struct VerifiedSum {
  var period: UInt64
  var owner: UInt16
  var contributors: UInt16
  /// Watt-hours by slot; empty for NULL.
  var values: [Int64]
  var certificateBytes: Int
}

func verifyCertificate(_ path: String, _ genesis: Genesis) throws(Failure) -> Certificate {
  let bytes = try readFile(path)
  do throws(VerificationError) { return try Certificate(checking: bytes.span, against: genesis) } catch {
    throw Failure("\(path): \(error)")
  }
}

/// Accepts only by the public equation: (S, R) must open to the very product that was certified. (DESIGN §2.3)
func verifySum(_ path: String, _ certificate: Certificate, _ genesis: Genesis) throws(Failure) -> [Int64] {
  guard let header = certificate.header else { throw Failure("\(path): the certificate is NULL and has no sum") }
  let bytes = try readFile(path)
  let published: PublishedSum
  do throws(VerificationError) {
    published = try PublishedSum(checking: bytes.span, of: header, against: genesis)
  } catch {
    throw Failure("\(path): \(error)")
  }
  let key = try loadPublicKey(genesis)
  var product = ByteBuffer(capacity: key.ciphertextBytes)
  var refusal: PaillierError?
  product.replace { out in
    do throws(PaillierError) {
      try key.writeCiphertext(sum: published.sum.span, root: published.root.span, into: &out)
    } catch { refusal = error }
  }
  if let refusal { throw Failure("\(path): \(refusal)") }
  guard RecordStatement.ciphertextHash(product.span) == header.productHash else {
    throw Failure("\(path): \(PaillierError.proofDoesNotHold)")
  }
  do throws(PaillierError) {
    return try key.unpack(sum: published.sum.span, contributors: Int(header.count))
  } catch { throw Failure("\(path): \(error)") }
}

/// Checks every certificate and sum below FOLDER/published.
func verifyFolder(_ folder: String) throws(Failure) -> [VerifiedSum] {
  let genesis = try loadGenesis("\(folder)/genesis.bin")
  let names: [String]
  do { names = try Files.names(in: "\(folder)/published") } catch { throw Failure("\(folder)/published: \(error)") }
  var result: [VerifiedSum] = []
  for name in names where name.hasSuffix(".certificate") {
    let path = "\(folder)/published/\(name)"
    let certificate = try verifyCertificate(path, genesis)
    let stem = String(path.dropLast("certificate".count))
    let values = certificate.header == nil ? [] : try verifySum(stem + "sum", certificate, genesis)
    result.append(
      VerifiedSum(
        period: certificate.period.rawValue, owner: certificate.owner.rawValue,
        contributors: certificate.header?.count ?? 0, values: values, certificateBytes: try readFile(path).count))
  }
  return result
}
