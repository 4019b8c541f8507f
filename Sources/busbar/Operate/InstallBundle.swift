import Aggregation
import Commands
import Configuration
import LinuxPlatform
import Metering
import NodeProcess
import Paillier
import Units
import Wire

func loadBundle(_ path: String) throws(Failure) -> NodeBundle {
  let bytes = try readFile(path, limit: NodeBundle.maximumBytes)
  do throws(BundleRefusal) { return try NodeBundle(decoding: bytes.span) } catch { throw Failure("\(path): \(error)") }
}

func loadGenesis(of bundle: NodeBundle, _ path: String) throws(Failure) -> Genesis {
  let bytes = bundle.genesis
  do throws(WireError) { return try Genesis(decoding: bytes.span) } catch {
    throw Failure("\(path): genesis: \(error)")
  }
}

/// What a bundle says, read.
private struct OpenedBundle {
  let bundle: NodeBundle
  let genesis: Genesis
  let configuration: NodeConfiguration

  /// - Parameter folder: where its node.ini will stand.
  init(_ path: String, into folder: String) throws(Failure) {
    bundle = try loadBundle(path)
    genesis = try loadGenesis(of: bundle, path)
    let text = bundle.configuration
    do throws(ConfigurationError) {
      configuration = try NodeConfiguration(file: folder + "/node.ini", bytes: text.span)
    } catch { throw Failure("\(path): \(error)") }
    // Others would be looked for, or written, where whoever made the bundle likes.
    guard configuration.data == folder, configuration.genesis == folder + "/genesis.bin",
      configuration.key == folder + "/identity.key",
      configuration.published == nil || configuration.published == folder + "/published",
      configuration.packetKeyLog == nil, configuration.board == nil
    else { throw Failure("\(path): its configuration names files outside of the node's folder") }
    try checkMap(path, folder)
  }

  /// The meter's map is built in, or in the bundle; a bundle has no map that nobody reads.
  private func checkMap(_ path: String, _ folder: String) throws(Failure) {
    var meter: ModbusMeter?
    if case .modbus(let given)? = configuration.source { meter = given }
    guard let meter, meter.isMapFile else {
      guard bundle.map.isEmpty else { throw Failure("\(path): has a map that its configuration does not name") }
      return
    }
    let file = folder + "/" + SiteConfiguration.mapName
    guard meter.map == file else {
      throw Failure("\(path): its configuration names files outside of the node's folder")
    }
    guard !bundle.map.isEmpty else { throw Failure("\(path): its configuration names a map that it does not have") }
    let text = bundle.map
    do throws(ConfigurationError) {
      let map = try DeviceMap(file: file, bytes: text.span)
      if let objection = meter.objection(to: map) {
        throw configuration.wrong("meter", objection.key, objection.message)
      }
    } catch { throw Failure("\(path): \(error)") }
  }
}

/// Joins a bundle with the keys that were made in a folder, when they belong together; else nothing changes.
func installBundle(_ arguments: Arguments) throws(Failure) {
  let path = arguments.words[0]
  let folder = withoutTrailingSlashes(try arguments.required("data"))
  let opened = try OpenedBundle(path, into: folder)
  let configuration = opened.configuration
  let registration = try NodeKeys.loadRegistration(folder)
  guard registration.role.name == configuration.role.rawValue else {
    throw Failure(
      "\(path): a bundle of \(withArticle(configuration.role.rawValue)), and \(folder) has the keys of "
        + "\(withArticle(registration.role.name))")
  }
  let publicKey = try loadPublicKey(opened.genesis)
  let name: String
  do throws(Failure) { name = try checkKeys(configuration, opened.genesis) } catch {
    // The place in a node.ini that is not there yet would help nobody.
    throw Failure("\(path): made for other keys than those in \(folder): \(error.message)")
  }
  try checkFree(folder, opened)
  try proveModulus(opened.genesis, publicKey, of: path)
  var paillierKey: [UInt8]?
  if configuration.role == .bookkeeper { paillierKey = try joined(folder, publicKey) }
  if let paillierKey { try writeFile(NodeKeys.paillierKey(in: folder), paillierKey, mode: 0o600) }
  if let published = configuration.published { try makeFolder(published) }
  try writeFile(folder + "/genesis.bin", opened.bundle.genesis)
  if !opened.bundle.map.isEmpty { try writeFile(folder + "/" + SiteConfiguration.mapName, opened.bundle.map) }
  // Last: a folder that has it has everything.
  try writeFile(folder + "/node.ini", opened.bundle.configuration)
  let start = firstPeriodBegins(opened.genesis)
  printLine(
    arguments.wantsJSON
      ? "{\"name\":\"\(name)\",\"folder\":\"\(jsonEscaped(folder))\",\"network\":\"\(opened.genesis.networkIdentifier)\","
        + "\"firstPeriodBegins\":\(start.seconds)}"
      : "\(folder): this is \(name) in network \(opened.genesis.networkIdentifier)\n\(tellFirstPeriod(start, at: wallTime()))\n"
        + "start it with: busbar run --config \(folder)/node.ini")
}

/// - Throws: when the folder is in a group already, unless it is this one and this bundle.
private func checkFree(_ folder: String, _ opened: OpenedBundle) throws(Failure) {
  for (name, bytes) in [
    ("genesis.bin", opened.bundle.genesis), ("node.ini", opened.bundle.configuration),
    (SiteConfiguration.mapName, opened.bundle.map),
  ] {
    let path = "\(folder)/\(name)"
    guard Files.exists(path) else { continue }
    guard try readFile(path) == bytes else {
      throw Failure("\(path) exists and is another; a node joins one group once: make keys in a fresh folder")
    }
  }
}

/// A bookkeeper's key file for the slots of its group.
/// - Returns: nil where it is for them already.
private func joined(_ folder: String, _ publicKey: PublicKey) throws(Failure) -> [UInt8]? {
  let path = NodeKeys.paillierKey(in: folder)
  let key = try loadPaillierKey(path)
  if key.publicKey.keyIdentifier == publicKey.keyIdentifier { return nil }
  func modulus(_ key: PublicKey) -> [UInt8] {
    [UInt8](capacity: key.modulusBytes) { out in key.writeModulus(into: &out) }
  }
  guard modulus(key.publicKey) == modulus(publicKey) else {
    throw Failure("\(path) is not the key of the bundle's genesis")
  }
  return key.encoded(for: publicKey.layout)
}
