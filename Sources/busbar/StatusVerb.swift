import HAL
import LinuxPlatform
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

/// The longest answer: an aggregator of 2048 meters lists each as a peer.
private let maximumStatusBytes = 1 << 20

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

/// What the node of this folder says about itself, as JSON.
func nodeStatus(_ folder: String) throws(Failure) -> String {
  let answer: [UInt8]
  do throws(PlatformError) {
    answer = try askLocally(folder: folder, name: StatusPlace.socketName, limit: maximumStatusBytes)
  } catch { throw Failure("\(folder): no node runs there (\(error))") }
  let text = String(decoding: answer, as: UTF8.self)
  guard text.hasSuffix("}}\n") else { throw Failure("\(folder): the answer is cut short") }
  return text
}

/// When the node's group counts from, out of what it said.
private func firstPeriod(_ lines: [String]) -> CivilTime? {
  let name = "busbar_\(StatusPlace.firstPeriodMetric) "
  guard let line = lines.first(where: { $0.hasPrefix(name) }), let space = line.utf8.lastIndex(of: UInt8(ascii: " ")),
    let seconds = UInt64(line[line.utf8.index(after: space)...])
  else { return nil }
  return CivilTime(seconds: seconds)
}

/// `name value` for each member of the answer's metrics. The answer is this program's own: its values are numbers, and its
/// strings hold no comma or brace that is not inside quotes.
func statusLines(_ json: String) -> [String] {
  var lines: [String] = []
  var name: [UInt8] = []
  var value: [UInt8] = []
  var isQuoted = false
  var isEscaped = false
  var isValue = false
  for byte in json.utf8 {
    if isQuoted {
      if isEscaped {
        isEscaped = false
        name.append(byte)
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isQuoted = false
      } else {
        name.append(byte)
      }
      continue
    }
    switch byte {
    case UInt8(ascii: "\""):
      isQuoted = true
      if !isValue { name = [] }
    case UInt8(ascii: ":"):
      isValue = true
      value = []
    case UInt8(ascii: "{"): isValue = false
    case UInt8(ascii: ","), UInt8(ascii: "}"):
      if isValue, !value.isEmpty {
        lines.append(padded(String(decoding: name, as: UTF8.self), 60) + " " + String(decoding: value, as: UTF8.self))
      }
      isValue = false
      value = []
    default: if isValue { value.append(byte) }
    }
  }
  return lines
}
