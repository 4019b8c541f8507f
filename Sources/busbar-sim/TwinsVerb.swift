import MutantSimulator

/// Leaders are chosen by the scenario, which only the copy of the core that mutants live in allows; none is planted.
func twinsVerb(_ words: ArraySlice<String>) throws(Arguments.Failure) -> Int32 {
  let arguments = try Arguments(words, values: ["rounds", "scenario"], flags: ["json", "pacemaker"])
  let rounds = try arguments.integer("rounds", default: 3)
  guard (1...5).contains(rounds) else { throw Arguments.Failure(message: "--rounds is 1 to 5") }
  let enumeration = TwinsEnumeration(rounds: rounds, roundChangesCross: arguments.flags.contains("pacemaker"))
  if arguments.values["scenario"] != nil {
    let outcome = enumeration.run(scenario: try arguments.integer("scenario", default: 0)) { printLine($0) }
    printLine(outcome.violation.map { "\($0.rawValue) \(outcome.detail)" } ?? "no violation")
    return outcome.violation == nil ? 0 : 1
  }
  let clock = ContinuousClock()
  let start = clock.now
  let result = enumeration.run()
  return report(
    "twins, n = 4", result.scenarios, result.steps, result.unsafe, result.stuck, result.highestView,
    result.firstFailure, (clock.now - start).inSeconds, isJSON: arguments.flags.contains("json"))
}
