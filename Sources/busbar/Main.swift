import Configuration
import HAL
import LinuxPlatform

let version = "0.1.0"

@c(busbar_main)
func programMain(_ argumentCount: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  var words: [String] = []
  for place in 1..<max(1, Int(argumentCount)) {
    if let argument = arguments[place] { words.append(unsafe String(cString: argument)) }
  }
  do throws(Failure) { return try dispatch(words) } catch {
    error.report(asJSON: words.contains("--json"))
    return error.exitCode
  }
}

private func dispatch(_ words: [String]) throws(Failure) -> Int32 {
  guard let first = words.first else {
    printDiagnostic(Verb.overview)
    return Failure.usageCode
  }
  let rest = Array(words.dropFirst())
  if first == "--help" || first == "-h" || first == "help" {
    guard first == "help", let name = rest.first else {
      printLine(Verb.overview)
      return 0
    }
    guard let verb = Verb.named(name) else { throw unknown(name) }
    printLine(verb.help)
    return 0
  }
  guard let verb = Verb.named(first == "--version" ? "version" : first) else { throw unknown(first) }
  if rest.contains("--help") || rest.contains("-h") {
    printLine(verb.help)
    return 0
  }
  return try perform(verb, try Arguments(rest, of: verb))
}

private func unknown(_ verb: String) -> Failure {
  Failure(
    verb.hasPrefix("-") ? "unknown option \(verb); see busbar --help" : "unknown verb \(verb); see busbar --help",
    exitCode: Failure.usageCode)
}

/// - Returns: the exit code.
private func perform(_ verb: Verb, _ arguments: Arguments) throws(Failure) -> Int32 {
  let json = arguments.wantsJSON
  switch verb.name {
  case "version": printLine(json ? "{\"version\":\"\(version)\"}" : "busbar \(version)")
  case "demo":
    var demo = Demo(try DemoOptions(arguments))
    return try demo.run() ? 0 : 1
  case "provision": try provision(arguments)
  case "keygen": try keygen(arguments)
  case "install-bundle": try installBundle(arguments)
  case "check-config": try checkConfiguration(arguments.words[0], json: json)
  case "run": try run(try loadNode(try arguments.required("config")))
  case "devices": try listDevices(json: json)
  case "read", "scan", "dump", "limit", "capture", "replay", "doctor", "simulate-bus":
    return try performOnHardware(verb.name, arguments)
  case "inspect": try inspect(arguments)
  case "verify": try verify(arguments)
  case "bench": try bench(arguments)
  case "status": try status(arguments)
  case "simulate-meters": try simulateMeters(arguments)
  case "relay": try relay(arguments)
  default: throw unknown(verb.name)
  }
  return 0
}
