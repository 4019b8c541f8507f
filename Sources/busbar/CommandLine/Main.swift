import Commands
import Configuration
import HAL
import LinuxPlatform
import NodeProcess

@c(busbar_main)
func programMain(_ argumentCount: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  let words = programWords(argumentCount, arguments)
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
  let arguments = try Arguments(rest, of: verb)
  if verb.name == "bench" || verb.name == "simulate-meters" { try handOver(verb, to: "busbar-bench", words) }
  return try perform(verb, arguments)
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
  case "status": try status(arguments)
  case "relay": try relay(arguments)
  default: throw unknown(verb.name)
  }
  return 0
}
