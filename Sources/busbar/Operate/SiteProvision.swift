import Aggregation
import Commands
import Configuration
import HAL
import LinuxPlatform
import NodeProcess
import Paillier
import Units
import Wire

/// Genesis and a bundle for each node of a site, from what the nodes showed of their keys. No private key is made or read.
struct SiteProvisioning {
  let site: SiteConfiguration
  /// The map file of each node's meter; empty where it has none.
  let maps: [[UInt8]]
  /// The topology file itself, which is kept with what was made from it.
  let text: [UInt8]
  /// Folder of the registrations, `NODE.registration` each.
  let registrations: String
  let place: FreshFolder
  let firstPeriod: CivilTime?

  private static let suffix = ".registration"

  /// What was made, to be told.
  struct Made {
    let genesis: Genesis
    /// Of the nodes in their order, as whoever made their keys can compare them.
    let fingerprints: [String]
    let endpoints: [Endpoint?]
  }

  /// - Throws: for a clock that cannot be right, a registration that is missing, wrong or not of a node, a name that means nothing, and
  ///   a folder that is there. Nothing is left then but, after a failure of the disk, the work folder.
  func make() throws(Failure) -> Made {
    let period = try chooseFirstPeriod(ofSeconds: site.terms.periodSeconds, asked: firstPeriod, at: wallTime())
    let read = try readRegistrations()
    let genesis = try genesis(read, period)
    let endpoints = try resolve()
    try place.begin()
    try write(genesis, endpoints)
    try place.finish()
    return Made(genesis: genesis, fingerprints: read.map { $0.fingerprint }, endpoints: endpoints)
  }

  // MARK: Registrations

  private func readRegistrations() throws(Failure) -> [KeyRegistration] {
    let names: [String]
    do throws(PlatformError) { names = try Files.names(in: registrations) } catch {
      throw Failure(registrations, error)
    }
    for name in names where name.hasSuffix(Self.suffix) {
      let node = String(name.dropLast(Self.suffix.utf8.count))
      guard site.nodes.contains(where: { $0.name == node }) else {
        throw Failure("\(registrations)/\(name): the topology has no \(node)")
      }
    }
    var result: [KeyRegistration] = []
    for node in site.nodes {
      let path = "\(registrations)/\(node.name)\(Self.suffix)"
      guard names.contains(node.name + Self.suffix) else {
        throw Failure("\(path) is missing; on \(node.name): busbar keygen --registration FOLDER")
      }
      let registration = try loadRegistration(path)
      guard registration.role.name == node.role.rawValue else {
        throw Failure("\(path): registers \(registration.role.name) keys, not those of \(node.name)")
      }
      // One key of two nodes is one node that contradicts itself.
      for place in result.indices
      where result[place].keys.verificationKey == registration.keys.verificationKey
        || result[place].keys.agreementKey == registration.keys.agreementKey
      {
        throw Failure("\(path): the keys are those of \(site.nodes[place].name); each node makes its own")
      }
      result.append(registration)
    }
    return result
  }

  private func genesis(_ read: [KeyRegistration], _ period: Period) throws(Failure) -> Genesis {
    let bookkeeper = read[site.aggregators]
    let path = "\(registrations)/bookkeeper-1\(Self.suffix)"
    guard let proven = bookkeeper.proven else { throw Failure("\(path): has no modulus") }
    guard proven.modulus.count * 8 == site.terms.modulusBits else {
      throw Failure(
        "\(path): its modulus has \(proven.modulus.count * 8) bits, and the topology says modulusBits = "
          + "\(site.terms.modulusBits)")
    }
    var meters = Array(repeating: [PartyKeys](), count: site.aggregators)
    var maxima = Array(repeating: [MeterRegistration](), count: site.aggregators)
    for index in site.nodes.indices where site.nodes[index].role == .meter {
      meters[Int(site.nodes[index].owner)].append(read[index].keys)
      maxima[Int(site.nodes[index].owner)].append(MeterRegistration(site.nodes[index].meter))
    }
    let genesis = makeGenesis(
      site.terms, period, slotQuantities(measuringExport: site.measuresExport), proven, bookkeeper: bookkeeper.keys,
      aggregators: read[..<site.aggregators].map { $0.keys }, meters: meters, maxima)
    try proveModulus(genesis, try loadPublicKey(genesis), of: path)
    return genesis
  }

  // MARK: Addresses

  private func resolve() throws(Failure) -> [Endpoint?] {
    let resolver = Resolver(scratch: place.path + ".resolved")
    var result: [Endpoint?] = []
    for index in site.nodes.indices {
      let node = site.nodes[index]
      switch node.host {
      case nil: result.append(nil)
      case .address(let endpoint)?: result.append(Endpoint(address: endpoint.address, port: node.udpPort))
      case .name(let name)?:
        do throws(Failure) { result.append(try resolver.address(of: name, port: node.udpPort)) } catch {
          throw Failure(site.wrong(index, "host: \(error.message)"))
        }
      }
    }
    do throws(ConfigurationError) { try site.checkPlaces(result) } catch { throw Failure(error) }
    return result
  }

  // MARK: What is written

  private func write(_ genesis: Genesis, _ endpoints: [Endpoint?]) throws(Failure) {
    let file = [UInt8](capacity: genesis.encodedBytes) { out in genesis.encode(into: &out) }
    try writeFile("\(place.workPath)/genesis.bin", file)
    try writeFile("\(place.workPath)/topology.ini", text)
    try makeFolder("\(place.workPath)/bundles")
    for index in site.nodes.indices {
      let bundle = NodeBundle(
        genesis: file, configuration: Array(site.configuration(of: index, at: endpoints).utf8), map: maps[index])
      try writeFile(
        "\(place.workPath)/bundles/\(site.nodes[index].name).bundle",
        [UInt8](capacity: bundle.encodedBytes) { out in bundle.encode(into: &out) })
    }
  }
}

/// `busbar provision` of a site, or of a bench on one machine.
func provision(_ arguments: Arguments) throws(Failure) {
  let path = try arguments.required("topology")
  let text = try readConfiguration(path)
  let folder = try arguments.required("out")
  var asked: CivilTime?
  if let time = arguments.text("first-period") {
    asked = CivilTime(time)
    guard asked != nil else {
      throw Failure(
        "--first-period is not a time as 2026-12-24T18:00Z: \(time)", exitCode: Failure.usageCode)
    }
  }
  guard try isSite(path, text) else {
    guard !arguments.has("registrations") else {
      throw Failure(
        "--registrations goes with a topology that has a section for each node; \(path) is one of a bench",
        exitCode: Failure.usageCode)
    }
    return try provision(
      Provisioning(topology: try loadTopology(path, text), text: text, folder: folder, firstPeriod: asked),
      arguments.wantsJSON)
  }
  let loaded = try loadSite(path, text)
  guard let registrations = arguments.text("registrations") else {
    throw Failure(
      "\(path) is the topology of a site, whose nodes make their own keys: busbar keygen --role ROLE --out FOLDER on each; "
        + "then --registrations FOLDER", exitCode: Failure.usageCode)
  }
  try provision(
    SiteProvisioning(
      site: loaded.site, maps: loaded.maps, text: text, registrations: registrations, place: FreshFolder(folder),
      firstPeriod: asked),
    arguments.wantsJSON)
}

private func provision(_ provisioning: SiteProvisioning, _ json: Bool) throws(Failure) {
  let site = provisioning.site
  let folder = provisioning.place.path
  let made = try provisioning.make()
  for warning in site.spareWarnings { printDiagnostic("warning: \(warning)") }
  let start = firstPeriodBegins(made.genesis)
  if json {
    var nodes = ""
    for index in site.nodes.indices {
      nodes += index > 0 ? "," : ""
      nodes += "{\"name\":\"\(site.nodes[index].name)\",\"fingerprint\":\"\(made.fingerprints[index])\""
      if let endpoint = made.endpoints[index] { nodes += ",\"endpoint\":\"\(endpoint)\"" }
      nodes += "}"
    }
    printLine(
      "{\"folder\":\"\(jsonEscaped(folder))\",\"network\":\"\(made.genesis.networkIdentifier)\","
        + "\"firstPeriod\":\(made.genesis.firstPeriod),\"firstPeriodBegins\":\(start.seconds),"
        + "\"keysOnOneMachine\":false,\"nodes\":[\(nodes)]}")
    return
  }
  for index in site.nodes.indices {
    let node = site.nodes[index]
    printLine(
      padded(node.name, 16) + made.fingerprints[index]
        + (made.endpoints[index].map { "  at \($0)" } ?? "  calls by itself"))
  }
  printLine("\(folder): genesis and \(site.nodes.count) bundles, without a private key")
  printLine("network \(made.genesis.networkIdentifier); \(tellFirstPeriod(start, at: wallTime()))")
  printLine("on each node: busbar install-bundle NODE.bundle --data FOLDER")
}
