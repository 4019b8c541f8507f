import Aggregation
import Consensus
import LinuxPlatform
import Units
import Wire

private let version = "0.1.0"

private let help = """
  busbar: certified sums of smart meters, without anybody's reading

  usage: busbar VERB [OPTION...]

    demo           run a microgrid of 33 processes on this machine and check it against the truth
                     --data FOLDER  --periods N  --kill NODE --at-period P  --targets armv6,arm64  --json
    provision      make keys, genesis and a folder per node: --topology FILE --out FOLDER
    keygen         make one node's identity: --out FILE
    check-config   check a node's configuration: FILE [--json]
    run            run one node until SIGTERM: --config FILE
    read           read a meter: --map NAME --port PATH [--unit N] [--baud N] [--parity none|even|odd] [--json]
    simulate-bus   houses behind Modbus slaves on pseudoterminals: --houses N --folder FOLDER [--seed N]
    inspect        show what a file says: genesis FILE | certificate FILE --genesis FILE  [--json]
    verify         check offline: FOLDER | certificate|sum --genesis FILE --certificate FILE [--sum FILE]  [--json]
    version

  exit codes: 0 done, 1 failed, 2 usage, 78 bad configuration
  """

@c(busbar_main)
func programMain(_ argumentCount: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  var words: [String] = []
  for place in 1..<max(1, Int(argumentCount)) {
    if let argument = arguments[place] { words.append(unsafe String(cString: argument)) }
  }
  do throws(Failure) {
    return try dispatch(words)
  } catch {
    printDiagnostic(error.exitCode == 78 ? error.message : "busbar: \(error.message)")
    return error.exitCode
  }
}

private func dispatch(_ words: [String]) throws(Failure) -> Int32 {
  guard let verb = words.first else {
    printDiagnostic(help)
    return 2
  }
  let rest = Array(words.dropFirst())
  if verb == "--help" || verb == "help" || rest.contains("--help") {
    printLine(help)
    return 0
  }
  do throws(UsageError) {
    switch verb {
    case "version":
      printLine(rest.contains("--json") ? "{\"version\":\"\(version)\"}" : "busbar \(version)")
      return 0
    case "demo": return try demo(rest)
    case "provision":
      let arguments = try Arguments(rest, options: ["topology", "out"])
      return try code(arguments) { (arguments) throws(Failure) in
        guard let topology = arguments.text("topology"), let out = arguments.text("out") else {
          throw Failure("provision needs --topology FILE and --out FOLDER", exitCode: 2)
        }
        try provision(topology: topology, into: out)
      }
    case "keygen":
      let arguments = try Arguments(rest, options: ["out"])
      return try code(arguments) { (arguments) throws(Failure) in
        guard let out = arguments.text("out") else { throw Failure("keygen needs --out FILE", exitCode: 2) }
        guard !Files.exists(out) else { throw Failure("\(out) exists; a key is never overwritten") }
        try keygen(out, json: arguments.has("json"))
      }
    case "check-config":
      let arguments = try Arguments(rest, options: [])
      return try code(arguments) { (arguments) throws(Failure) in
        guard arguments.words.count == 1 else { throw Failure("check-config needs one FILE", exitCode: 2) }
        let node = try loadNode(arguments.words[0])
        printLine(
          arguments.has("json")
            ? "{\"role\":\"\(node.role.rawValue)\",\"valid\":true}"
            : "\(arguments.words[0]): a valid \(node.role.rawValue)")
      }
    case "run":
      let arguments = try Arguments(rest, options: ["config"])
      return try code(arguments) { (arguments) throws(Failure) in
        guard let path = arguments.text("config") else { throw Failure("run needs --config FILE", exitCode: 2) }
        try run(try loadNode(path))
      }
    case "read":
      let arguments = try Arguments(rest, options: ["map", "port", "unit", "baud", "parity"])
      var options = ReadOptions()
      options.map = arguments.text("map") ?? options.map
      options.port = try arguments.required("port")
      options.unit = UInt8(try arguments.integer("unit", default: 1, in: 1...247))
      options.baud = UInt32(try arguments.integer("baud", default: 9600, in: 1200...115_200))
      guard let parity = SerialPort.Parity(name: arguments.text("parity") ?? "none") else {
        throw UsageError(message: "--parity is none, even or odd")
      }
      options.parity = parity
      options.json = arguments.has("json")
      return runRead(options, clock: LinuxClock())
    case "simulate-bus":
      let arguments = try Arguments(rest, options: ["houses", "folder", "seed"])
      var options = SimulatedBusOptions()
      options.houses = Int(try arguments.integer("houses", default: 1, in: 1...1024))
      options.folder = try arguments.required("folder")
      options.seed = UInt64(try arguments.integer("seed", default: 1, in: 0...Int64.max))
      return runSimulatedBus(options)
    case "inspect": return try inspect(rest)
    case "verify": return try verify(rest)
    default: throw UsageError(message: "unknown verb \(verb); see busbar --help")
    }
  } catch {
    printDiagnostic("busbar: \(error.message)")
    return 2
  }
}

/// Runs a verb's body and turns its failure into the exit code it asks for.
private func code(_ arguments: Arguments, _ body: (Arguments) throws(Failure) -> Void) throws(UsageError) -> Int32 {
  do throws(Failure) { try body(arguments) } catch {
    if error.exitCode == 2 { throw UsageError(message: error.message) }
    printDiagnostic(error.exitCode == 78 ? error.message : "busbar: \(error.message)")
    return error.exitCode
  }
  return 0
}

private func demo(_ rest: [String]) throws(UsageError) -> Int32 {
  let arguments = try Arguments(rest, options: ["data", "periods", "kill", "at-period", "targets"])
  var options = DemoOptions()
  options.folder = arguments.text("data") ?? options.folder
  options.periods = UInt64(try arguments.integer("periods", default: 5, in: 1...1000))
  options.json = arguments.has("json")
  options.kill = arguments.text("kill")
  options.killPeriod = UInt64(try arguments.integer("at-period", default: 1, in: 1...1000))
  options.targets = (arguments.text("targets") ?? "").split(separator: ",").map { String($0) }
  for target in options.targets where !["armv6", "armv7", "arm64"].contains(target) {
    throw UsageError(message: "--targets knows armv6, armv7 and arm64, not \(target)")
  }
  var agrees = false
  let status = try code(arguments) { (_) throws(Failure) in
    var demo = Demo(options)
    agrees = try demo.run()
  }
  return status != 0 ? status : agrees ? 0 : 1
}

private func inspect(_ rest: [String]) throws(UsageError) -> Int32 {
  let arguments = try Arguments(rest, options: ["genesis"])
  guard arguments.words.count == 2 else {
    throw UsageError(message: "inspect genesis FILE, or certificate FILE --genesis FILE")
  }
  return try code(arguments) { (arguments) throws(Failure) in
    switch arguments.words[0] {
    case "genesis": describe(try loadGenesis(arguments.words[1]), json: arguments.has("json"))
    case "certificate":
      guard let path = arguments.text("genesis") else { throw Failure("--genesis is required", exitCode: 2) }
      describe(try verifyCertificate(arguments.words[1], try loadGenesis(path)), json: arguments.has("json"))
    default: throw Failure("inspect knows genesis and certificate", exitCode: 2)
    }
  }
}

private func describe(_ genesis: Genesis, json: Bool) {
  var meters = 0
  for set in genesis.meters { meters += set.count }
  if json {
    printLine(
      "{\"network\":\"\(genesis.networkIdentifier)\",\"epoch\":\(genesis.epoch),\"aggregators\":\(genesis.members),"
        + "\"meters\":\(meters),\"periodSeconds\":\(genesis.periodSeconds),\"firstPeriod\":\(genesis.firstPeriod),"
        + "\"modulusBits\":\(genesis.modulus.count * 8)}")
  } else {
    printLine(
      "network \(genesis.networkIdentifier)\nepoch \(genesis.epoch), first period \(genesis.firstPeriod) of \(genesis.periodSeconds) s"
    )
    printLine(
      "\(genesis.members) aggregators, \(meters) meters, at least \(genesis.minimumContributors) contributors, \(genesis.modulus.count * 8)-bit key"
    )
  }
}

private func describe(_ certificate: Certificate, json: Bool) {
  let decided = certificate.header == nil ? "null" : "value"
  let count = certificate.header?.count ?? 0
  let signers = certificate.quorum.signatures.count
  if json {
    printLine(
      "{\"period\":\(certificate.period),\"owner\":\(certificate.owner),\"decided\":\"\(decided)\","
        + "\"contributors\":\(count),\"signers\":\(signers)}")
  } else {
    printLine(
      "period \(certificate.period), set \(certificate.owner): \(decided), \(count) contributors, \(signers) signers")
    if let header = certificate.header { printLine("header \(header.digest)\nprevious \(header.previous)") }
  }
}

private func verify(_ rest: [String]) throws(UsageError) -> Int32 {
  let arguments = try Arguments(rest, options: ["genesis", "certificate", "sum"])
  guard let word = arguments.words.first else { throw UsageError(message: "verify FOLDER, certificate or sum") }
  return try code(arguments) { (arguments) throws(Failure) in
    if word != "certificate", word != "sum" {
      let sums = try verifyFolder(word)
      var decryptions = 0
      for sum in sums where !sum.values.isEmpty { decryptions += 1 }
      printLine(
        arguments.has("json")
          ? "{\"certificates\":\(sums.count),\"decryptions\":\(decryptions)}"
          : "\(sums.count) certificates and \(decryptions) decryptions hold")
      return
    }
    guard let genesisPath = arguments.text("genesis"), let path = arguments.text("certificate") else {
      throw Failure("--genesis and --certificate are required", exitCode: 2)
    }
    let genesis = try loadGenesis(genesisPath)
    let certificate = try verifyCertificate(path, genesis)
    guard word == "sum" else { return describe(certificate, json: arguments.has("json")) }
    guard let sumPath = arguments.text("sum") else { throw Failure("--sum is required", exitCode: 2) }
    let values = try verifySum(sumPath, certificate, genesis)
    printLine(
      arguments.has("json")
        ? "{\"sumWattHours\":{\"activeEnergyImport\":\(values[0]),\"activeEnergyExport\":\(values.count > 1 ? values[1] : 0)}}"
        : "the sum holds: \(values.map { "\($0)" }.joined(separator: " ")) Wh")
  }
}
