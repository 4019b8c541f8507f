import Commands
import LinuxPlatform

extension NodeBench {
  /// Without a machine: of all aggregators.
  func report(_ tally: Tally, _ periods: UInt64, _ warmUpAllocations: UInt64, certified: UInt64) {
    let counts = heapAllocationCount() == nil ? "null" : "\(tally.allocations)"
    let tickCounts = heapAllocationCount() == nil ? "null" : "\(tally.tickAllocations)"
    let warmUpCounts = heapAllocationCount() == nil ? "null" : "\(warmUpAllocations)"
    let each = decimal(tally.nanoseconds / max(1, tally.messages), places: 3)
    if json {
      return printLine(
        "{\"messages\":\(tally.messages),\"periods\":\(periods),\"aggregators\":\(members),\"metersPerSet\":\(metersPerSet),"
          + "\"certified\":\(certified),\"heapAllocations\":\(counts),\"ticks\":\(tally.ticks),"
          + "\"heapAllocationsOfTicks\":\(tickCounts),\"heapAllocationsOfWarmUp\":\(warmUpCounts),\"microseconds\":\(each)}"
      )
    }
    let isCounted = counts != "null"
    printLine(
      "\(tally.messages) messages to \(members) aggregators in \(periods) periods, \(metersPerSet) meters a set")
    printLine(
      "heap allocations        "
        + (isCounted
          ? "\(counts), and \(tickCounts) in \(tally.ticks) ticks; \(warmUpCounts) in the first \(warmUpPeriods) periods"
          : "not counted in this program"))
    printLine("CPU us a message        \(each), with its part of the ticks")
  }

  /// Of the aggregator with the machine, a period.
  func report(_ tally: Tally, from start: BenchMachine.Numbers, to end: BenchMachine.Numbers) {
    let cpu = decimal(tally.nanoseconds / 1000 / periods, places: 3)
    let numbers: [(name: String, text: String, count: UInt64)] = [
      ("messages", "messages", tally.messages), ("syncs", "syncs", end.syncs - start.syncs),
      ("fileWrites", "writes to files", end.writes - start.writes),
      ("networkCalls", "calls for packets", end.networkCalls - start.networkCalls),
      ("journalBytes", "bytes to its journal", end.journalBytes - min(start.journalBytes, end.journalBytes)),
    ]
    if json {
      return printLine(
        "{\"aggregators\":\(members),\"metersPerSet\":\(metersPerSet),\"bits\":\(bits),\"periods\":\(periods),"
          + "\"milliseconds\":\(cpu),"
          + numbers.map { "\"\($0.name)\":\($0.count / periods)" }.joined(separator: ",") + "}")
    }
    printLine(
      "one of \(members) aggregators, \(metersPerSet) meters a set, \(bits) bits, periods of \(periodSeconds) s; a period:"
    )
    printLine(padded("  CPU ms", 24) + aligned(cpu, 14))
    for number in numbers { printLine(padded("  \(number.text)", 24) + aligned("\(number.count / periods)", 14)) }
  }
}
