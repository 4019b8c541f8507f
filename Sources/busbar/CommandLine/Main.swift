import Commands

@c(busbar_main)
func programMain(_ argumentCount: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  let words = programWords(argumentCount, arguments)
  do throws(Failure) { return try dispatch(words) } catch {
    error.report(asJSON: words.contains("--json"))
    return error.exitCode
  }
}

/// - Returns: the exit code.
private func dispatch(_ words: [String]) throws(Failure) -> Int32 {
  guard let first = words.first else {
    printDiagnostic(Command.overview)
    return Failure.usageCode
  }
  let rest = Array(words.dropFirst())
  if first == "--help" || first == "-h" || first == "help" {
    guard first == "help", let name = rest.first else {
      printLine(Command.overview)
      return 0
    }
    printLine(try command(name).verb.help)
    return 0
  }
  let command = try command(first == "--version" ? "version" : first)
  if rest.contains("--help") || rest.contains("-h") {
    printLine(command.verb.help)
    return 0
  }
  return try perform(command, try Arguments(rest, of: command.verb), words)
}

private func command(_ name: String) throws(Failure) -> Command {
  if let command = Command(rawValue: name) { return command }
  throw Failure(
    name.hasPrefix("-") ? "unknown option \(name); see busbar --help" : "unknown verb \(name); see busbar --help",
    exitCode: Failure.usageCode)
}
