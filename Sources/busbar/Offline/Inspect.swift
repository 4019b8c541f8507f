import Aggregation
import Commands
import Consensus
import Cryptography
import NodeProcess
import Paillier
import Units
import Wire

/// What a file is, by the tag it begins with. (docs/PROTOCOL.md)
private enum FileKind: String, CaseIterable {
  case genesis, certificate, sum, journal, identity
  case paillierKey = "paillier-key"
  case registration, bundle
  case capture
  /// Text without a tag; its sections tell node.ini, topology.ini, board.ini and a device's map apart.
  case configuration

  var tag: String {
    switch self {
    case .genesis: "BUSBARg3"
    case .certificate: "BUSBARc2"
    case .sum: "BUSBARsm"
    case .journal: JournalReader.tag
    case .identity: "BUSBARid"
    case .paillierKey: "BUSBARsk"
    // Of a text: the digits of the first four bytes of BUSBARkr.
    case .registration: "42555342"
    case .bundle: "BUSBARnb"
    // The first bytes of a longer one.
    case .capture: "BUSBAR/C"
    case .configuration: ""
    }
  }

  /// Tags of older versions, of which nothing is read any more.
  private static let olderTags: [(tag: String, version: UInt8)] =
    [("BUSBARgn", 1), ("BUSBARce", 1), ("BUSBARg2", 2)] + JournalReader.olderTags

  /// - Throws: for a file that carries none of our tags and is not called something.ini.
  init(of path: String) throws(Failure) {
    let head = Array(try readFile(path, limit: JournalReader.maximumFileBytes).prefix(8))
    for older in Self.olderTags
    where head == Array(older.tag.utf8) && !Self.allCases.contains(where: { $0.tag == older.tag }) {
      throw Failure("\(path): \(WireError.olderVersion(older.version))")
    }
    for kind in Self.allCases where kind != .configuration && head == Array(kind.tag.utf8) {
      self = kind
      return
    }
    guard path.hasSuffix(".ini") else { throw Failure("\(path): not a file of busbar: no known tag") }
    self = .configuration
  }
}

func inspect(_ arguments: Arguments) throws(Failure) {
  let path = arguments.words.last ?? ""
  let json = arguments.wantsJSON
  var kind: FileKind?
  if arguments.words.count == 2 {
    kind = FileKind(rawValue: arguments.words[0])
    guard kind != nil else {
      throw Failure(
        "inspect knows \(FileKind.allCases.map { $0.rawValue }.joined(separator: ", ")), not \(arguments.words[0])",
        exitCode: Failure.usageCode)
    }
  }
  var genesis: Genesis?
  if let genesisPath = arguments.text("genesis") { genesis = try loadGenesis(genesisPath) }
  let known: FileKind
  if let kind { known = kind } else { known = try FileKind(of: path) }
  switch known {
  case .genesis: describe(try loadGenesis(path), json)
  case .certificate:
    if let genesis {
      describe(try verifyCertificate(path, genesis), isChecked: true, json: json)
    } else {
      describe(try decodeCertificate(path), isChecked: false, json: json)
    }
  case .sum: try describeSum(path, genesis, arguments.text("certificate"), json)
  case .journal: try describeJournal(path, json)
  case .identity: describe(try Identity(path: path).publicKeys, json)
  case .paillierKey: describe(try loadPaillierKey(path).publicKey, json)
  case .registration: describe(try loadRegistration(path), json)
  case .bundle: try describe(path, try loadBundle(path), json)
  case .capture: try describeCapture(path, json)
  case .configuration: try checkConfiguration(path, json: json)
  }
}

/// A bundle has no secret; its configuration is shown as it stands.
private func describe(_ path: String, _ bundle: NodeBundle, _ json: Bool) throws(Failure) {
  let genesis = try loadGenesis(of: bundle, path)
  let text = String(decoding: bundle.configuration, as: UTF8.self)
  printLine(
    json
      ? "{\"kind\":\"bundle\",\"network\":\"\(genesis.networkIdentifier)\","
        + "\"configuration\":\"\(jsonEscaped(text))\",\"mapBytes\":\(bundle.map.count)}"
      : "bundle of a node in network \(genesis.networkIdentifier), with "
        + (bundle.map.isEmpty ? "" : "a map of \(bundle.map.count) bytes and ") + "this node.ini:\n\n\(text)")
}

private func describe(_ genesis: Genesis, _ json: Bool) {
  let meters = genesis.meterCount
  let slots = slotNames(genesis)
  if json {
    printLine(
      "{\"kind\":\"genesis\",\"network\":\"\(genesis.networkIdentifier)\",\"epoch\":\(genesis.epoch),"
        + "\"group\":\(genesis.group),\"aggregators\":\(genesis.members),\"meters\":\(meters),"
        + "\"periodSeconds\":\(genesis.periodSeconds),\"firstPeriod\":\(genesis.firstPeriod),"
        + "\"minimumContributors\":\(genesis.minimumContributors),\"exclusionPeriods\":\(genesis.exclusionPeriods),"
        + "\"rotation\":\"\(genesis.rotates ? "period" : "fixed")\",\"modulusBits\":\(genesis.modulus.count * 8),"
        + "\"keyIdentifier\":\"\(genesis.keyIdentifier)\","
        + "\"slots\":[\(slots.map { "\"\($0)\"" }.joined(separator: ","))],"
        + "\"fewestFeeders\":[\(fewestFeeders(genesis).map { "\($0)" }.joined(separator: ","))]}")
    return
  }
  let quorum = genesis.context.quorum
  printLine("genesis of network \(genesis.networkIdentifier)")
  printLine("group         \(genesis.group), epoch \(genesis.epoch)")
  printLine(
    "periods       of \(genesis.periodSeconds) s, from \(genesis.firstPeriod) on, which begins at "
      + "\(firstPeriodBegins(genesis))")
  printLine("aggregators   \(genesis.members), of which \(quorum.size) decide and \(quorum.faults) may lie")
  printLine("meters        \(meters), at least \(genesis.minimumContributors) in a sum")
  printLine("exclusion     \(genesis.exclusionPeriods) periods for a meter that contradicted itself")
  printLine("primary       \(genesis.rotates ? "moves on each period" : "stays")")
  printLine("key           \(genesis.keyIdentifier), \(genesis.modulus.count * 8) bits")
  printLine("its modulus   carries a proof of \(genesis.modulusProof.roots.count) bytes, which busbar verify checks")
  printLine("slots         \(slots.joined(separator: ", "))")
  let fewest = fewestFeeders(genesis).map { "\($0)" }
  printLine("fed by        at least \(fewest.joined(separator: ", ")) meters of each set")
}

/// Of each slot, the feeders of the set that has fewest, among sets with meters.
private func fewestFeeders(_ genesis: Genesis) -> [Int] {
  genesis.slots.indices.map { slot in
    var fewest = GroupLimits.maximumMetersPerSet
    for set in 0..<genesis.members where genesis.meterCount(of: ReplicaIndex(set)) > 0 {
      fewest = min(fewest, Int(genesis.feeders(ofSlot: slot, in: ReplicaIndex(set)).count))
    }
    return fewest
  }
}

private func decodeCertificate(_ path: String) throws(Failure) -> Certificate {
  let bytes = try readFile(path)
  do throws(WireError) {
    var reader = WireReader(bytes.span)
    try reader.readTag("BUSBARc2", inVersion1: "BUSBARce")
    let quorum = try QuorumCertificate(decoding: &reader)
    let header = try Header(decoding: &reader)
    try reader.expectEnd()
    return Certificate(quorum: quorum, header: header)
  } catch { throw Failure("\(path): malformed: \(error)") }
}

/// Who was shown to have signed two things where it may sign one.
private func accused(_ header: Header) -> String {
  var names: [String] = []
  for member in 0..<64 where header.accusedMembers >> UInt64(member) & 1 == 1 {
    names.append("the aggregator with index \(member)")
  }
  for meter in 0..<UInt16(GroupLimits.maximumMetersPerSet) where header.accusedMeters.contains(MeterIndex(meter)) {
    names.append("meter \(meter) of the set")
  }
  for place in 0..<header.accusedElsewhere.count {
    let (meter, owner) = header.accusedElsewhere[place]
    names.append("meter \(meter) of set \(owner)")
  }
  return names.joined(separator: ", ")
}

/// - Parameter isChecked: whether the signatures were checked against a genesis.
func describe(_ certificate: Certificate, isChecked: Bool, json: Bool) {
  let statement = certificate.quorum.statement
  let header = certificate.header
  var signers: [String] = []
  for member in 0..<64 where certificate.quorum.signers >> UInt64(member) & 1 == 1 { signers.append("\(member)") }
  if json {
    printLine(
      "{\"kind\":\"certificate\",\"checked\":\(isChecked),\"network\":\"\(statement.networkIdentifier)\","
        + "\"position\":\(certificate.position),\"period\":\(certificate.period),\"owner\":\(certificate.owner),"
        + "\"roundPeriod\":\(statement.round.period),\"view\":\(statement.round.view),"
        + "\"contributors\":\(header.count),\"signers\":\(signers.count),\"accused\":\(header.accused.count)}")
    return
  }
  printLine(
    "certificate of period \(certificate.period), set \(certificate.owner), position \(certificate.position) of its chain"
  )
  printLine("network       \(statement.networkIdentifier), epoch \(statement.epoch), group \(statement.group)")
  printLine("signed by     aggregators with index \(signers.joined(separator: ", ")), in round \(statement.round)")
  printLine("contributors  \(header.count) meters, collected by the aggregator with index \(header.author)")
  if header.accused.count > 0 { printLine("accused       \(accused(header))") }
  printLine("header        \(header.digest)")
  printLine("follows on    \(header.previous)")
  printLine("product       \(header.productHash)")
  printLine(isChecked ? "checked       a quorum's signatures hold" : "checked       no; give --genesis FILE")
}

/// The fields of a sum file before S. Whether they are true is for ``verifySum(_:_:_:)``.
private func describeSum(
  _ path: String, _ genesis: Genesis?, _ certificatePath: String?, _ json: Bool
) throws(Failure) {
  let bytes = try readFile(path)
  var values: [Int64] = []
  var isChecked = false
  if let genesis, let certificatePath {
    values = try verifySum(path, try verifyCertificate(certificatePath, genesis), genesis)
    isChecked = true
  }
  do throws(WireError) {
    var reader = WireReader(bytes.span)
    try reader.readTag("BUSBARsm")
    let network = try reader.read(Digest.self)
    let epoch = try reader.read(UInt64.self)
    let group = try reader.read(UInt16.self)
    let owner = try reader.read(UInt16.self)
    try reader.readZeros(4)
    let period = try reader.read(UInt64.self)
    let header = try reader.read(Digest.self)
    let key = try reader.read(FixedBytes<16>.self)
    let rest = reader.remaining - 64
    guard rest > 0, rest % 2 == 0 else { throw .truncated(neededBytes: 66, availableBytes: reader.remaining) }
    if json {
      let sums = genesis.map { ",\"sumWattHours\":" + wattHoursAsJSON(values, $0) } ?? ""
      printLine(
        "{\"kind\":\"sum\",\"checked\":\(isChecked),\"network\":\"\(network)\",\"period\":\(period),"
          + "\"owner\":\(owner),\"header\":\"\(header)\",\"keyIdentifier\":\"\(key)\",\"modulusBits\":\(rest * 4)"
          + "\(isChecked ? sums : "")}")
      return
    }
    printLine("sum of period \(period), set \(owner)")
    printLine("network       \(network), epoch \(epoch), group \(group)")
    printLine("header        \(header)")
    printLine("key           \(key), \(rest * 4) bits")
    if isChecked, let genesis {
      printLine("sum           \(wattHours(values, genesis))")
      printLine("checked       it opens to the certified product")
    } else {
      printLine("checked       no; give --genesis FILE and --certificate FILE")
    }
  } catch { throw Failure("\(path): malformed: \(error)") }
}

private func describe(_ keys: PartyKeys, _ json: Bool) {
  printLine(
    json
      ? "{\"kind\":\"identity\",\"verificationKey\":\"\(keys.verificationKey.bytes)\","
        + "\"agreementKey\":\"\(keys.agreementKey.bytes)\"}"
      : "identity of one node; its public half:\nverification key \(keys.verificationKey.bytes)\n"
        + "agreement key    \(keys.agreementKey.bytes)")
}

private func describe(_ key: PublicKey, _ json: Bool) {
  printLine(
    json
      ? "{\"kind\":\"paillier-key\",\"keyIdentifier\":\"\(key.keyIdentifier)\",\"modulusBits\":\(key.modulusBytes * 8),"
        + "\"slots\":[\(key.layout.quantities.map { "\"\($0)\"" }.joined(separator: ","))]}"
      : "Paillier key of a bookkeeper; its public half:\nkey \(key.keyIdentifier), \(key.modulusBytes * 8) bits, slots "
        + key.layout.quantities.map { "\($0)" }.joined(separator: ", "))
}
