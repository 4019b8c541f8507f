import Aggregation
import Commands
import Consensus
import HAL
import LinuxPlatform
import Node
import Paillier
import Units
import Wire

/// A verified decision of one set in one period.
package struct VerifiedDecision {
  package let period: UInt64
  package let owner: UInt16
  package let contributors: UInt16
  package let signers: Int
  /// Watt-hours by slot; nil while the sum is not published.
  package let values: [Int64]?
  /// Its total is open: what was decrypted opens to nothing, or to more than its contributors can hold.
  package let isUnreadable: Bool
  package let certificateBytes: Int
  package let position: UInt64
  /// Digest of the header this one follows on.
  package let previous: Digest
  package let digest: Digest
  /// Of its certificate.
  package let path: String
}

/// - Throws: unless the file is a certificate of that group with a quorum's signatures.
package func verifyCertificate(_ path: String, _ genesis: Genesis) throws(Failure) -> Certificate {
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
package func verifySum(_ path: String, _ certificate: Certificate, _ genesis: Genesis) throws(Failure) -> [Int64] {
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

/// What was decided, from the files of a published folder.
///
/// - Parameters:
///   - stem: the files' path without what their names end with.
///   - openingSum: false checks a sum's signature only, which takes no power modulo n².
/// - Throws: when they do not hold, or say another period or set than their names.
package func verifyDecision(
  _ stem: String, _ genesis: Genesis, openingSum: Bool = true, isUnreadable: Bool = false
) throws(Failure) -> VerifiedDecision {
  let kind: Publication = isUnreadable ? .unreadable : .certificate
  let path = "\(stem).\(kind.suffix)"
  let sumPath = "\(stem).\(Publication.sum.suffix)"
  let certificate = try verifyCertificate(path, genesis)
  guard stem.hasSuffix("/\(certificate.period)-\(certificate.owner)") else {
    throw Failure(
      "\(path): it is the certificate of period \(certificate.period), set \(certificate.owner), not what its name says"
    )
  }
  var values: [Int64]?
  if !isUnreadable, Files.exists(sumPath) {
    values =
      openingSum
      ? try verifySum(sumPath, certificate, genesis)
      : try unpack(
        sumPath, try readSum(sumPath, certificate, genesis), certificate, try loadPublicKey(genesis))
  }
  return VerifiedDecision(
    period: certificate.period.rawValue, owner: certificate.owner.rawValue,
    contributors: certificate.header.count, signers: certificate.quorum.signatures.count, values: values,
    isUnreadable: isUnreadable, certificateBytes: try readFile(path).count, position: certificate.position.rawValue,
    previous: certificate.header.previous, digest: certificate.header.digest, path: path)
}

/// Positions of one set that follow on each other without a gap.
package struct WholeStretch {
  package let first: VerifiedDecision
  package var last: VerifiedDecision
}

/// Everything below FOLDER/published, each set's chain in the order of its positions.
package struct VerifiedFolder {
  package private(set) var decisions: [VerifiedDecision]
  package private(set) var stretches: [WholeStretch] = []

  /// - Throws: when two values of a set are of one position, or one does not follow on the one of the position before, which its
  ///   `previous` names; of the first position that is the genesis.
  init(_ found: [VerifiedDecision], _ genesis: Genesis) throws(Failure) {
    decisions = found
    decisions.sort { ($0.owner, $0.position, $0.period) < ($1.owner, $1.position, $1.period) }
    for decision in decisions {
      guard let before = stretches.last?.last, before.owner == decision.owner else {
        if decision.position == 1, decision.previous != genesis.networkIdentifier {
          throw Failure("\(decision.path): it is the first of its set's chain and does not follow on the genesis")
        }
        stretches.append(WholeStretch(first: decision, last: decision))
        continue
      }
      // Each value names the one before it, so two quorums that disagree show as two heads on one neck.
      guard decision.position != before.position, decision.previous != before.previous else {
        throw Failure("\(decision.path): it and period \(before.period) of its set follow on the same header")
      }
      guard decision.period > before.period else {
        throw Failure("\(decision.path): its position is after that of period \(before.period), which is not before it")
      }
      guard decision.position == before.position + 1 else {
        stretches.append(WholeStretch(first: decision, last: decision))
        continue
      }
      guard decision.previous == before.digest else {
        throw Failure("\(decision.path): it does not follow on period \(before.period), the position before it")
      }
      stretches[stretches.count - 1].last = decision
    }
  }

  /// Each gap in words.
  /// - Parameter period: a set's chain may begin with it; nil when it has to begin with the first position.
  package func gaps(from period: UInt64? = nil) -> [String] {
    var result: [String] = []
    for (place, stretch) in stretches.enumerated() {
      let first = stretch.first
      if place > 0, stretches[place - 1].first.owner == first.owner {
        let before = stretches[place - 1].last
        result.append(
          "set \(first.owner): a gap between position \(before.position), period \(before.period), and position "
            + "\(first.position), period \(first.period)")
      } else if first.position > 1, period == nil {
        result.append(
          "set \(first.owner): a gap before position \(first.position), period \(first.period); the chain begins with 1"
        )
      }
    }
    return result
  }
}

/// Checks every certificate and sum below FOLDER/published, day by day, and how they follow on each other.
///
/// - Parameters:
///   - period: what is of earlier ones is left aside.
///   - allowingUnpublishedSums: true where the bookkeeper may have been stopped between the two files.
/// - Throws: when one does not hold, is there without the other, or has a name that is not its own; and when two
///   values of a set follow on the same one. A gap is for the caller.
package func verifyFolder(
  _ folder: String, from period: UInt64 = 0, allowingUnpublishedSums: Bool = false
) throws(Failure) -> VerifiedFolder {
  let genesis = try loadProvenGenesis("\(folder)/genesis.bin")
  let published = PublishedFolder("\(folder)/published", genesis)
  var result: [VerifiedDecision] = []
  for day in try published.days() {
    let names: [String]
    do throws(PlatformError) { names = try Files.names(in: day) } catch { throw Failure(day, error) }
    for name in names {
      let path = "\(day)/\(name)"
      // Files.replace writes NAME.new first, and a crash may leave it.
      if name.hasSuffix(".new") { continue }
      let isUnreadable = name.hasSuffix(".unreadable")
      if isUnreadable || name.hasSuffix(".certificate") {
        let stem = String(path[..<(path.lastIndex(of: ".") ?? path.endIndex)])
        if let named = name.split(separator: "-").first.flatMap({ UInt64($0) }), named < period { continue }
        let decision = try verifyDecision(stem, genesis, isUnreadable: isUnreadable)
        guard published.isDay(day, of: Period(decision.period)) else {
          throw Failure("\(path): its period does not begin on the day of its folder")
        }
        guard decision.values != nil || isUnreadable || allowingUnpublishedSums else {
          throw Failure("\(path): its sum is missing")
        }
        result.append(decision)
      } else if name.hasSuffix(".sum") {
        guard Files.exists("\(path.dropLast(".sum".utf8.count)).certificate") else {
          throw Failure("\(path): its certificate is missing")
        }
      } else {
        throw Failure("\(path): neither PERIOD-OWNER.certificate nor PERIOD-OWNER.sum nor PERIOD-OWNER.unreadable")
      }
    }
  }
  return try VerifiedFolder(result, genesis)
}
