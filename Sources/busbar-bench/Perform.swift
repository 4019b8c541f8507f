import Bench
import Commands

// A file of its own: in a program of one file every line would stand in `main`.

/// Does what the command line asks for, which begins with the verb as that of `busbar` does.
func perform(_ words: [String]) throws(Failure) {
  guard let verb = [Verb.bench, Verb.simulateMeters].first(where: { $0.name == words.first }) else {
    throw Failure("busbar-bench knows bench and simulate-meters", exitCode: Failure.usageCode)
  }
  let rest = Array(words.dropFirst())
  if rest.contains("--help") || rest.contains("-h") { return printLine(verb.help) }
  let arguments = try Arguments(rest, of: verb)
  if verb.name == "bench" { try bench(arguments) } else { try simulateMeters(arguments) }
}
