import Commands
import HAL
import LinuxPlatform
import NodeProcess
import Units

extension Verb {
  static var status: Verb {
    Verb(
      name: "status", operands: "FOLDER", words: 1...1, summary: "what a running node says about itself",
      options: [
        Option(name: "watch", value: nil, text: "again every second, until SIGINT"),
        .json,
      ],
      notes: [
        "FOLDER is the node's own, the one its node.ini names as data. The same numbers stand in FOLDER/NODE.prom for\n"
          + "Prometheus' node exporter, written every 5 s and once more at the end."
      ],
      examples: ["busbar status grid/aggregator-1", "busbar status grid/aggregator-1 --json"],
      exitCodes: ["0  done", "1  no node runs there", "2  usage"])
  }
}

func status(_ arguments: Arguments) throws(Failure) {
  let folder = arguments.words[0]
  let clock = LinuxClock()
  ThisProcess.catchTermination()
  repeat {
    let text = try nodeStatus(folder)
    if arguments.wantsJSON {
      StandardStream.write(text)
    } else {
      // Home and clear to the end, as on a terminal.
      if arguments.has("watch") { StandardStream.write("\u{1B}[H\u{1B}[J") }
      let lines = statusLines(text)
      if let start = firstPeriod(lines) { printLine(tellFirstPeriod(start, at: wallTime())) }
      for line in lines { printLine(line) }
    }
    guard arguments.has("watch") else { return }
    clock.sleep(until: clock.monotonic().adding(milliseconds: 1000))
  } while !ThisProcess.isTerminated
}

/// When the node's group counts from, out of what it said.
private func firstPeriod(_ lines: [String]) -> CivilTime? {
  let name = "busbar_\(StatusPlace.firstPeriodMetric) "
  guard let line = lines.first(where: { $0.hasPrefix(name) }), let space = line.utf8.lastIndex(of: UInt8(ascii: " ")),
    let seconds = UInt64(line[line.utf8.index(after: space)...])
  else { return nil }
  return CivilTime(seconds: seconds)
}
