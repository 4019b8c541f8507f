import Simulator

func crashesVerb(_ words: ArraySlice<String>) throws(Arguments.Failure) -> Int32 {
  let arguments = try Arguments(words, values: ["members", "replicas"], flags: ["json"])
  let members = try arguments.members(default: 4...4).lowerBound
  let clock = ContinuousClock()
  let start = clock.now
  let result = CrashEnumeration(members: members).run()
  return report(
    "crash points", result.scenarios, result.steps, result.unsafe, result.stuck, result.highestView,
    result.firstFailure, (clock.now - start).inSeconds, isJSON: arguments.flags.contains("json"))
}

func report(
  _ name: String, _ scenarios: Int, _ steps: Int, _ unsafe: Int, _ stuck: Int, _ highestView: UInt32,
  _ firstFailure: String, _ seconds: Double, isJSON: Bool
) -> Int32 {
  if isJSON {
    printLine(
      "{\"schedules\":\(scenarios),\"steps\":\(steps),\"unsafe\":\(unsafe),\"stuck\":\(stuck),"
        + "\"viewsMax\":\(highestView),\"stepsPerSecond\":\(Int(Double(steps) / seconds)),"
        + "\"schedulesPerSecond\":\(Int(Double(scenarios) / seconds)),\"firstFailure\":\"\(firstFailure)\"}")
  } else {
    printLine("\(scenarios) schedules, \(name): \(unsafe) unsafe, \(stuck) stuck, 0 wrongly convicted")
    printLine("\(steps) steps, highest view \(highestView), \(Int(Double(steps) / seconds)) steps a second")
    if !firstFailure.isEmpty { printLine("first failure: \(firstFailure)") }
  }
  return unsafe + stuck == 0 ? 0 : 1
}
