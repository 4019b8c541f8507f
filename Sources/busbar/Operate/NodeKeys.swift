import Aggregation
import Commands
import Cryptography
import LinuxPlatform
import NodeProcess
import Paillier
import Wire

extension PartyRole {
  static var names: [String] { allCases.map { $0.name } }

  init?(name: String) {
    guard let role = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = role
  }

  var name: String {
    switch self {
    case .aggregator: "aggregator"
    case .meter: "meter"
    case .bookkeeper: "bookkeeper"
    }
  }
}

/// The name of a role behind its article.
func withArticle(_ role: String) -> String { (role == "aggregator" ? "an " : "a ") + role }

/// The keys of a node that were made where they are used: a folder with `identity.key`, a bookkeeper's `paillier.key`, and
/// `registration`, which is the public part.
enum NodeKeys {
  static func identity(in folder: String) -> String { folder + "/identity.key" }
  static func paillierKey(in folder: String) -> String { folder + "/paillier.key" }
  static func registration(in folder: String) -> String { folder + "/registration" }

  /// Makes the keys of one node. The folder may be there already, as that of a service is; keys that are in it are left alone.
  ///
  /// The registration is written last, so a folder that has one has all of them.
  static func make(_ role: PartyRole, in folder: String, bits: Int, json: Bool) throws(Failure) {
    try makeFolder(folder)
    for path in [identity(in: folder), paillierKey(in: folder), registration(in: folder)] where Files.exists(path) {
      throw Failure("\(path) exists; a key is never overwritten")
    }
    var random = SecureRandom()
    try takeName(identity(in: folder))
    var proven: ProvenModulus?
    if role == .bookkeeper {
      // Whether the group has a slot for exports is not known here; installing the bundle settles it.
      proven = try makePaillierKey(
        paillierKey(in: folder), slotQuantities(measuringExport: true), bits: bits, &random)
    }
    let identity = Identity(random: &random)
    try identity.write(to: self.identity(in: folder))
    let made = KeyRegistration(
      role: role, keys: identity.publicKeys, proven: proven, signer: SigningKey(seed: identity.signingSeed))
    try writeFile(registration(in: folder), Array(made.text.utf8))
    printLine(
      json
        ? "{\"folder\":\"\(jsonEscaped(folder))\",\"role\":\"\(role.name)\",\"fingerprint\":\"\(made.fingerprint)\"}"
        : "\(folder): the keys of \(withArticle(role.name)), which stay here\n"
          + "fingerprint \(made.fingerprint)\nits public part: busbar keygen --registration \(folder)")
  }

  /// The registration of this folder, if it is that of the key beside it.
  static func loadRegistration(_ folder: String) throws(Failure) -> KeyRegistration {
    let path = registration(in: folder)
    guard Files.exists(path) else {
      throw Failure(
        Files.exists(identity(in: folder))
          ? "\(folder): there are keys without a registration; making them was cut short: remove them and make them again"
          : "\(folder): there are no keys of a node; make them: busbar keygen --role ROLE --out \(folder)")
    }
    let made = try busbar.loadRegistration(path)
    guard try Identity(path: identity(in: folder)).publicKeys == made.keys else {
      throw Failure("\(path) is not that of \(identity(in: folder))")
    }
    return made
  }
}

/// - Throws: unless the file is a registration and its signature holds.
func loadRegistration(_ path: String) throws(Failure) -> KeyRegistration {
  let text = try readFile(path, limit: KeyRegistration.maximumTextBytes)
  do throws(RegistrationRefusal) { return try KeyRegistration(checkingText: text.span) } catch {
    throw Failure("\(path): no registration: \(error)")
  }
}

func describe(_ registration: KeyRegistration, _ json: Bool) {
  let bits = registration.proven.map { $0.modulus.count * 8 }
  printLine(
    json
      ? "{\"kind\":\"registration\",\"role\":\"\(registration.role.name)\",\"fingerprint\":\"\(registration.fingerprint)\","
        + "\"verificationKey\":\"\(registration.keys.verificationKey.bytes)\","
        + "\"agreementKey\":\"\(registration.keys.agreementKey.bytes)\""
        + (bits.map { ",\"modulusBits\":\($0)" } ?? "") + "}"
      : "registration of \(withArticle(registration.role.name)), signed with its key\n"
        + "fingerprint      \(registration.fingerprint)\nverification key \(registration.keys.verificationKey.bytes)\n"
        + "agreement key    \(registration.keys.agreementKey.bytes)"
        + (bits.map { "\nmodulus          of \($0) bits, with its proof, which provision checks" } ?? ""))
}

/// Prints what a node shows of its keys, to be carried to whoever provisions the group.
func printRegistration(_ folder: String, json: Bool) throws(Failure) {
  let made = try NodeKeys.loadRegistration(folder)
  guard json else {
    StandardStream.write(made.text)
    return
  }
  let bytes = [UInt8](capacity: made.encodedBytes) { out in made.encode(into: &out) }
  printLine(
    "{\"role\":\"\(made.role.name)\",\"fingerprint\":\"\(made.fingerprint)\",\"registration\":\""
      + Hexadecimal.string(bytes.span) + "\"}")
}
