import Commands

/// Every verb of `busbar`, in the order of the overview.
enum Command: String, CaseIterable {
  case demo
  case provision
  case keygen
  case installBundle = "install-bundle"
  case checkConfig = "check-config"
  case run
  case devices
  case read
  case scan
  case dump
  case limit
  case capture
  case replay
  case simulateBus = "simulate-bus"
  case simulateMeters = "simulate-meters"
  case doctor
  case inspect
  case verify
  case bench
  case status
  case relay
  case version

  static var overview: String {
    var text = "busbar: certified sums of smart meters, without anybody's reading\n\nusage: busbar VERB [OPTION...]\n\n"
    for command in allCases { text += "  \(padded(command.rawValue, 17))\(command.verb.summary)\n" }
    return text + "\nbusbar VERB --help tells more.\nexit codes: 0 done, 1 failed, 2 usage, 78 bad configuration"
  }

  var verb: Verb {
    switch self {
    case .demo: .demo
    case .provision: .provision
    case .keygen: .keygen
    case .installBundle: .installBundle
    case .checkConfig: .checkConfig
    case .run: .run
    case .devices: .devices
    case .read: .read
    case .scan: .scan
    case .dump: .dump
    case .limit: .limit
    case .capture: .capture
    case .replay: .replay
    case .simulateBus: .simulateBus
    case .simulateMeters: .simulateMeters
    case .doctor: .doctor
    case .inspect: .inspect
    case .verify: .verify
    case .bench: .bench
    case .status: .status
    case .relay: .relay
    case .version: .version
    }
  }
}

/// Does what the command line asks for.
///
/// - Parameter words: of the whole command line, which `busbar-bench` is handed.
/// - Returns: the exit code.
func perform(_ command: Command, _ arguments: Arguments, _ words: [String]) throws(Failure) -> Int32 {
  let json = arguments.wantsJSON
  switch command {
  case .demo: return try runDemo(arguments)
  case .provision: try provision(arguments)
  case .keygen: try keygen(arguments)
  case .installBundle: try installBundle(arguments)
  case .checkConfig: try checkConfiguration(arguments.words[0], json: json)
  case .run: try runNode(arguments)
  case .devices: try listDevices(json: json)
  case .read: return try read(arguments)
  case .scan: return try scan(arguments)
  case .dump: return try dump(arguments)
  case .limit: return try limit(arguments)
  case .capture: return try capture(arguments)
  case .replay: return try replay(arguments)
  case .simulateBus: return try simulateBus(arguments)
  case .doctor: return try examine(arguments)
  case .inspect: try inspect(arguments)
  case .verify: try verify(arguments)
  case .bench, .simulateMeters: try handOver(command.verb, to: "busbar-bench", words)
  case .status: try status(arguments)
  case .relay: try relay(arguments)
  case .version: printLine(json ? "{\"version\":\"\(version)\"}" : "busbar \(version)")
  }
  return 0
}
