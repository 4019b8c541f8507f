import Aggregation
import CLinux
import Commands
import Cryptography
import LinuxPlatform
import NodeProcess
import Paillier
import Units
import Wire

/// Takes the name of a key file, which leaves no moment in which two could write the same one. A file that is there is left alone.
func takeName(_ path: String) throws(Failure) {
  let file = busbar_create_new(path, 0o600)
  guard file >= 0 else {
    throw Failure(
      Files.exists(path)
        ? "\(path) exists; a key is never overwritten" : "\(path) cannot be made: \(describe(platformError(-file)))")
  }
  busbar_close(file)
}

/// Makes a Paillier key for plaintexts of these quantities, and writes it for its owner alone.
/// - Returns: what is public of it: n, and the proof that it is a good one.
func makePaillierKey(
  _ path: String, _ quantities: [Quantity], bits: Int, _ random: inout SecureRandom
) throws(Failure) -> ProvenModulus {
  var file: [UInt8] = []
  let proven: ProvenModulus
  do throws(PaillierError) {
    let key = try PrivateKey(
      generatingBits: bits, layout: SlotLayout(quantities), using: &random)
    file = [UInt8](capacity: key.encodedBytes) { out in key.encode(into: &out) }
    proven = ProvenModulus(
      modulus: [UInt8](capacity: key.publicKey.modulusBytes) { out in key.publicKey.writeModulus(into: &out) },
      proof: try key.proveModulus())
  } catch { throw Failure("\(path): \(error)") }
  try writeFile(path, file, mode: 0o600)
  return proven
}

/// Makes a Paillier key, and beside it what is public of it. Files that are there are left alone.
func keygen(paillier path: String, bits: Int, json: Bool) throws(Failure) {
  try takeName(path)
  let publicPath = path + ".modulus"
  guard !Files.exists(publicPath) else { throw Failure("\(publicPath) exists; a key is never overwritten") }
  var random = SecureRandom()
  let proven = try makePaillierKey(path, [.activeEnergyImport, .activeEnergyExport], bits: bits, &random)
  try writeFile(publicPath, [UInt8](capacity: proven.encodedBytes) { out in proven.encode(into: &out) })
  printLine(
    json
      ? "{\"key\":\"\(jsonEscaped(path))\",\"modulus\":\"\(jsonEscaped(publicPath))\",\"modulusBits\":\(bits)}"
      : "\(path): a Paillier key of \(bits) bits\n\(publicPath): its modulus n, with a proof that gcd(n, phi(n)) = 1")
}

/// Makes one identity and prints its public half. A file that is there is left alone.
func keygen(_ path: String, json: Bool) throws(Failure) {
  try takeName(path)
  var random = SecureRandom()
  let identity = Identity(random: &random)
  try identity.write(to: path)
  let keys = identity.publicKeys
  printLine(
    json
      ? "{\"verificationKey\":\"\(keys.verificationKey.bytes)\",\"agreementKey\":\"\(keys.agreementKey.bytes)\"}"
      : "verification key \(keys.verificationKey.bytes)\nagreement key    \(keys.agreementKey.bytes)")
}

/// `busbar keygen` with whatever it was asked for.
func keygen(_ arguments: Arguments) throws(Failure) {
  let json = arguments.wantsJSON
  if let folder = arguments.text("registration") {
    for other in ["out", "role", "paillier", "bits"] where arguments.has(other) {
      throw Failure("--registration and --\(other) exclude each other", exitCode: Failure.usageCode)
    }
    return try printRegistration(folder, json: json)
  }
  guard let path = arguments.text("out") else {
    throw Failure(usage: "--out FILE is required", of: Verb.keygen)
  }
  let role = arguments.text("role")
  guard role == nil || !arguments.has("paillier") else {
    throw Failure("--role and --paillier exclude each other: a bookkeeper gets both keys", exitCode: Failure.usageCode)
  }
  let needsPaillier = arguments.has("paillier") || role == "bookkeeper"
  guard needsPaillier || !arguments.has("bits") else {
    throw Failure("--bits goes with --paillier or --role bookkeeper", exitCode: Failure.usageCode)
  }
  let bits = Int(try arguments.integer("bits", default: 3072, in: 2048...4096))
  guard bits % 16 == 0 else { throw Failure("--bits is not a multiple of 16", exitCode: Failure.usageCode) }
  if role != nil {
    let name = try arguments.choice("role", default: "", of: PartyRole.names)
    try NodeKeys.make(PartyRole(name: name)!, in: path, bits: bits, json: json)
  } else if arguments.has("paillier") {
    try keygen(paillier: path, bits: bits, json: json)
  } else {
    try keygen(path, json: json)
  }
}
