import Commands
import LinuxPlatform

extension RoundBench {
  private func heapJSON(_ parts: RoundParts) -> String {
    guard heapAllocationCount() != nil else { return "" }
    return ",\"recordAllocations\":\(parts.recordAllocations),"
      + "\"proposalAllocations\":\(parts.proposalAllocations),\"voteAllocations\":\(parts.voteAllocations)"
  }

  func report(
    _ parts: RoundParts, _ numbers: RoundBenchNumbers, residentAtStart: UInt64, _ residentAfterFirst: UInt64
  ) {
    let ratio = decimal(parts.total * 1000 / max(1, parts.baseline), places: 3)
    func milliseconds(_ nanoseconds: UInt64) -> String { decimal(nanoseconds / 1000, places: 3) }
    let known = parts.verify + parts.validate + 2 * parts.product + parts.packets + parts.hash + parts.voteSignatures
    let rows: [(name: String, nanoseconds: UInt64)] = [
      ("total", parts.total), ("records", parts.records), ("proposals", parts.proposals), ("votes", parts.votes),
      ("verify", parts.verify), ("validate", parts.validate), ("product", parts.product), ("packets", parts.packets),
      ("hash", parts.hash), ("voteSignatures", parts.voteSignatures),
      ("rest", parts.total - min(parts.total, known)), ("baselineVerify", parts.baselineVerify),
      ("baselineMultiply", parts.baselineMultiply), ("baseline", parts.baseline),
    ]
    if json {
      printLine(
        "{\"aggregators\":\(members),\"metersPerSet\":\(metersPerSet),\"bits\":\(bits),\"periods\":\(periods),"
          + rows.map { "\"\($0.name)Milliseconds\":\(milliseconds($0.nanoseconds))" }.joined(separator: ",")
          + heapJSON(parts)
          + ",\"ratio\":\(ratio),\"residentKilobytes\":\(numbers.resident),"
          + "\"residentPeakKilobytes\":\(numbers.residentPeak),\"residentFileKilobytes\":\(numbers.residentFile),"
          + "\"plannedQuietKilobytes\":\(numbers.plannedQuiet / 1024),\"plannedKilobytes\":\(numbers.planned / 1024),"
          + "\"residentAtStartKilobytes\":\(residentAtStart),"
          + "\"residentAfterFirstKilobytes\":\(residentAfterFirst),\"sentPackets\":\(numbers.sent),"
          + "\"sentBytes\":\(numbers.sentBytes),\"journalBytes\":\(numbers.journalBytes)}")
      return
    }
    printLine(
      "one aggregator of \(members), \(metersPerSet) meters a set, \(bits) bits, every set certified; CPU ms of "
        + (periods == 1 ? "a period" : "\(periods) periods"))
    for row in rows { printLine(padded("  " + row.name, 24) + aligned(milliseconds(row.nanoseconds), 14)) }
    if heapAllocationCount() != nil {
      printLine(
        "heap allocations        \(parts.recordAllocations) for records, \(parts.proposalAllocations) for proposals, "
          + "\(parts.voteAllocations) for votes")
    }
    printLine("total to baseline       " + aligned(ratio, 16))
    printLine(
      "resident                " + aligned("\(numbers.resident) KiB", 16)
        + ", \(numbers.residentFile) KiB of it program and libraries; \(numbers.residentPeak) KiB at most; "
        + "\(residentAtStart) KiB before the first packet, \(residentAfterFirst) KiB after the first period")
    printLine(
      "planned                 " + aligned("\(numbers.plannedQuiet / 1024) KiB", 16)
        + " while all goes well, \(numbers.planned / 1024) KiB at most, and the program")
    printLine(
      "sent                    \(numbers.sent) packets, \(numbers.sentBytes) bytes; \(numbers.journalBytes) bytes of "
        + "journal")
  }
}
