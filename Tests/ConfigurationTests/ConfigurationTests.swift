import Configuration
import Foundation
import HAL
import Testing

/// A meter's file; the numbers are its lines.
private let meter = """
  [node]
  role = meter
  index = 3
  owner = 1
  data = m/data
  genesis = g.bin
  key = m/key
  listen = 127.0.0.1:5000 ; loopback
  [meter]
  source = modbus
  map = eastron-sdm630
  port = bus/meter-3
  unit = 17
  baud = 19200
  parity = even
  # first guesses
  [peers]
  aggregator-1 = 127.0.0.1:5001
  aggregator-64 = [2001:db8::1]:5002
  """

private let topology = """
  [group]
  aggregators = 4
  metersPerSet = 8
  periodSeconds = 4
  minimumContributors = 5
  modulusBits = 2048
  rotation = fixed
  [network]
  host = 127.0.0.1
  basePort = 5000
  clock = trusted
  [meter]
  bus = bus
  """

private let board = """
  [board]
  name = pi-zero
  target = armv6
  memoryBudgetMiB = 32
  [serial]
  port = /dev/ttyUSB0
  parity = odd
  [sysfs]
  root = /sys
  """

/// The text with one line replaced, or removed by nil.
private func edited(_ text: String, line: Int, to new: String?) -> String {
  var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  if let new { lines[line - 1] = new } else { lines.remove(at: line - 1) }
  return lines.joined(separator: "\n")
}

/// What the reader of that kind of file says against it; nil when it accepts.
private func refusal(node text: String) -> String? {
  let bytes = Array(text.utf8)
  do throws(ConfigurationError) {
    _ = try NodeConfiguration(file: "node.ini", bytes: bytes.span)
    return nil
  } catch { return "\(error)" }
}
private func refusal(topology text: String) -> String? {
  let bytes = Array(text.utf8)
  do throws(ConfigurationError) {
    _ = try TopologyConfiguration(file: "t.ini", bytes: bytes.span)
    return nil
  } catch { return "\(error)" }
}
private func refusal(board text: String) -> String? {
  let bytes = Array(text.utf8)
  do throws(ConfigurationError) {
    _ = try BoardConfiguration(file: "board.ini", bytes: bytes.span)
    return nil
  } catch { return "\(error)" }
}

@Suite("node.ini")
struct NodeConfigurationTests {
  @Test("a meter's file is read into its fields")
  func meterFile() throws {
    let bytes = Array(meter.utf8)
    let node = try NodeConfiguration(file: "node.ini", bytes: bytes.span)
    #expect(node.role == .meter && node.index == 3 && node.owner == 1)
    #expect(node.data == "m/data" && node.genesis == "g.bin" && node.key == "m/key" && node.published == nil)
    #expect(node.listen == Endpoint(ipv4: 127, 0, 0, 1, port: 5000))
    #expect(!node.trustsClock)
    #expect(
      node.source
        == .modbus(
          ModbusMeter(map: "eastron-sdm630", port: .serial("bus/meter-3"), unit: 17, baud: 19_200, parity: "even")))
    #expect(node.peers.map(\.name) == ["aggregator-1", "aggregator-64"])
    #expect(node.peers.map { "\($0.endpoint)" } == ["127.0.0.1:5001", "[2001:db8::1]:5002"])
  }

  @Test("defaults hold, other line ends are read, and a meter may be read through sysfs")
  func variants() throws {
    var lines = edited(edited(meter, line: 15, to: nil), line: 14, to: nil)
    let bytes = Array(lines.replacingOccurrences(of: "\n", with: "\r\n").utf8)
    let node = try NodeConfiguration(file: "node.ini", bytes: bytes.span)
    #expect(
      node.source
        == .modbus(
          ModbusMeter(map: "eastron-sdm630", port: .serial("bus/meter-3"), unit: 17, baud: 9600, parity: "none")))
    lines = edited(lines, line: 13, to: nil)
    lines = edited(lines, line: 12, to: "device = ina219")
    lines = edited(lines, line: 11, to: "root = /sys")
    let other = Array(edited(lines, line: 10, to: "source = sysfs").utf8)
    let sysfs = try NodeConfiguration(file: "node.ini", bytes: other.span)
    #expect(sysfs.source == .sysfs(root: "/sys", device: "ina219") && sysfs.ratedPowerWatts == nil)
    let rated = Array((edited(lines, line: 10, to: "source = sysfs\nratedPowerWatts = 4600")).utf8)
    #expect(try NodeConfiguration(file: "node.ini", bytes: rated.span).ratedPowerWatts == 4_600)
  }

  @Test(
    "a meter may be behind a gateway",
    arguments: [
      ("tcp:192.0.2.7:502", .tcp(Endpoint(ipv4: 192, 0, 2, 7, port: 502))),
      ("rtu-tcp:192.0.2.7:4001", .rtuOverTCP(Endpoint(ipv4: 192, 0, 2, 7, port: 4001))),
      ("tcp:localhost:1502", .tcp(Endpoint(ipv4: 127, 0, 0, 1, port: 1502))), ("/dev/tcp:1", .serial("/dev/tcp:1")),
    ] as [(String, PortPlace)])
  func gateways(text: String, place: PortPlace) throws {
    #expect(PortPlace(text) == place)
    let bytes = Array(edited(meter, line: 12, to: "port = \(text)").utf8)
    let node = try NodeConfiguration(file: "node.ini", bytes: bytes.span)
    #expect(
      node.source == .modbus(ModbusMeter(map: "eastron-sdm630", port: place, unit: 17, baud: 19_200, parity: "even")))
  }

  @Test(
    "what is wrong in a line is told with that line",
    arguments: [
      (12, "port = replay:a.capture", "port is a capture: replay:a.capture"),
      (
        12, "port = tcp:meter.local:502",
        "port is not a path, tcp:ADDRESS:PORT or rtu-tcp:ADDRESS:PORT: tcp:meter.local:502"
      ), (12, "port = tcp:192.0.2.7", "port is not a path, tcp:ADDRESS:PORT or rtu-tcp:ADDRESS:PORT: tcp:192.0.2.7"),
      (12, "port = rtu-tcp:", "port is not a path, tcp:ADDRESS:PORT or rtu-tcp:ADDRESS:PORT: rtu-tcp:"),
      (2, "role = operator", "role is operator, not one of aggregator, meter, bookkeeper"),
      (3, "index = 512", "index is 512, outside 0...511"), (3, "index = -1", "index is -1, outside 0...511"),
      (3, "index = three", "index is not a whole number: three"),
      (3, "index = 1.5", "index is not a whole number: 1.5"),
      (3, "index = 99999999999999999999", "index is not a whole number: 99999999999999999999"),
      (4, "owner = 64", "owner is 64, outside 0...63"), (5, "data =", "data is empty"),
      (8, "listen = localhost:5000", "listen is not ADDRESS:PORT: localhost:5000"),
      (8, "listen = 127.0.0.1:0", "listen is not ADDRESS:PORT: 127.0.0.1:0"),
      (10, "source = pulse", "source is pulse, not one of modbus, sysfs"),
      (13, "unit = 0", "unit is 0, outside 1...247"), (13, "unit = 248", "unit is 248, outside 1...247"),
      (15, "parity = mark", "parity is mark, not one of none, even, odd"),
      (15, "parity", "neither a section nor key = value"), (9, "[meter", "neither a section nor key = value"),
      (15, "root = /sys", "unknown key root in [meter]"), (7, "keys = x\nkey = y", "unknown key keys in [node]"),
      (16, "[extra]", "unknown section [extra]"), (16, "[extra]\nx = 1", "unknown section [extra]"),
      (1, "x = 1\n[node]", "x stands before any section"),
      (6, "data = again\ngenesis = g", "data is given twice (first on line 5)"),
      (16, "  19200", "parity is given twice (first on line 15)"),
      (18, "aggregator-1 = here", "aggregator-1 is not ADDRESS:PORT: here"),
      (18, "aggregator-0 = 127.0.0.1:1", "unknown peer aggregator-0: aggregator-1, aggregator-2, … or bookkeeper-1"),
      (18, "aggregator-65 = 127.0.0.1:1", "unknown peer aggregator-65: aggregator-1, aggregator-2, … or bookkeeper-1"),
    ] as [(Int, String, String)])
  func refused(line: Int, text: String, message: String) {
    #expect(refusal(node: edited(meter, line: line, to: text)) == "node.ini:\(line): \(message)")
  }

  @Test(
    "an aggregator's link is said in bits a second, within limits, and nobody else's",
    arguments: [
      ("aggregator", "linkBitsPerSecond = 20000000", nil),
      ("aggregator", "linkBitsPerSecond = 100000", nil), ("aggregator", "linkBitsPerSecond = 1000000000", nil),
      ("aggregator", "linkBitsPerSecond = 0", "linkBitsPerSecond is 0, outside 100000...1000000000"),
      ("aggregator", "linkBitsPerSecond = 99999", "linkBitsPerSecond is 99999, outside 100000...1000000000"),
      ("aggregator", "linkBitsPerSecond = 1000000001", "linkBitsPerSecond is 1000000001, outside 100000...1000000000"),
      ("aggregator", "linkBitsPerSecond = 20e6", "linkBitsPerSecond is not a whole number: 20e6"),
      ("bookkeeper", "linkBitsPerSecond = 20000000", "unknown key linkBitsPerSecond in [node]"),
    ] as [(String, String, String?)])
  func link(role: String, text: String, message: String?) throws {
    let file = "[node]\nrole = \(role)\ndata = d\ngenesis = g\nkey = k\nlisten = 127.0.0.1:5000\n\(text)\n"
    #expect(refusal(node: file) == message.map { "node.ini:7: \($0)" })
    guard message == nil else { return }
    let bytes = Array(file.utf8)
    let node = try NodeConfiguration(file: "node.ini", bytes: bytes.span)
    #expect(text.hasSuffix(" \(node.linkBitsPerSecond ?? -1)"))
  }

  @Test(
    "a missing key is told at the head of its section",
    arguments: [
      (2, "role", "1: [node]"), (4, "owner", "1: [node]"), (5, "data", "1: [node]"), (6, "genesis", "1: [node]"),
      (7, "key", "1: [node]"), (8, "listen", "1: [node]"), (10, "source", "9: [meter]"), (11, "map", "9: [meter]"),
      (12, "port", "9: [meter]"),
    ] as [(Int, String, String)])
  func missing(line: Int, key: String, head: String) {
    #expect(refusal(node: edited(meter, line: line, to: nil)) == "node.ini:\(head) \(key) is missing")
  }

  @Test("a missing section is told at the end of the file")
  func missingSection() {
    let head = meter.split(separator: "\n").prefix(8).joined(separator: "\n")
    #expect(refusal(node: head) == "node.ini:8: [meter] source is missing")
    #expect(refusal(node: "") == "node.ini:1: [node] role is missing")
  }

  @Test("only a meter has a [meter] section, and an aggregator's number ends at 63")
  func otherRoles() {
    let aggregator = edited(edited(meter, line: 4, to: nil), line: 2, to: "role = aggregator")
    #expect(refusal(node: aggregator) == "node.ini:8: unknown section [meter]")
    let lines = aggregator.split(separator: "\n").map(String.init)
    let plain = (lines[..<7] + lines[14...]).joined(separator: "\n")
    #expect(refusal(node: plain) == nil)
    #expect(refusal(node: edited(plain, line: 3, to: "index = 63")) == nil)
    #expect(refusal(node: edited(plain, line: 3, to: "index = 64")) == "node.ini:3: index is 64, outside 0...63")
    #expect(
      refusal(node: edited(plain, line: 4, to: "owner = 1\ndata = d")) == "node.ini:4: unknown key owner in [node]")
  }

  @Test("a line is refused when inih would cut it, and not a byte sooner")
  func longLines() {
    func padded(_ count: Int) -> String { "data = " + String(repeating: "d", count: count - 7) }
    #expect(refusal(node: edited(meter, line: 5, to: padded(198))) == nil)
    let message = "node.ini:5: line is longer than 198 bytes"
    for count in [199, 200, 201, 5000] {
      #expect(refusal(node: edited(meter, line: 5, to: padded(count))) == message)
    }
    #expect(refusal(node: edited(meter, line: 5, to: ";" + padded(300))) == message)
    #expect(refusal(node: meter + "\n" + padded(199)) == "node.ini:20: line is longer than 198 bytes")
  }

  @Test("a key or section longer than inih remembers is refused with its line")
  func longNames() {
    let name = String(repeating: "n", count: 49)
    #expect(refusal(node: edited(meter, line: 5, to: name + "n = d")) == "node.ini:5: a name is longer than 49 bytes")
    #expect(refusal(node: edited(meter, line: 5, to: "[\(name)n]")) == "node.ini:5: a name is longer than 49 bytes")
    // A name that fits is only unknown.
    #expect(refusal(node: edited(meter, line: 5, to: name + " = d"))?.contains("longer") == false)
  }

  @Test("control characters are refused with their line; lines may end with CR LF")
  func controlCharacters() {
    for character in ["\u{0}", "\u{1D}", "\u{7F}", "\r", "\r\r"] {
      #expect(
        refusal(node: edited(meter, line: 5, to: "data = d" + character + "d")) == "node.ini:5: a control character")
    }
    #expect(refusal(node: edited(meter, line: 5, to: "data = d\r\r")) == "node.ini:5: a control character")
    #expect(refusal(node: edited(meter, line: 5, to: "data\t= d")) == nil)
    #expect(
      refusal(node: meter.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")) == nil)
  }

  @Test("a value of the longest line arrives whole")
  func longValue() throws {
    let value = String(repeating: "d", count: 191)
    let bytes = Array(edited(meter, line: 5, to: "data = " + value).utf8)
    let node = try NodeConfiguration(file: "node.ini", bytes: bytes.span)
    #expect(node.data == value)
  }

  @Test("no bytes stop the reader: each file is read or refused with a line of its own")
  func anyBytes() {
    // SplitMix64: the same files in each run.
    var state: UInt64 = 1
    func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    let good = Array(meter.utf8)
    for _ in 0..<3000 {
      var bytes = good
      for _ in 0...(next() % 6) {
        let place = Int(next() % UInt64(bytes.count))
        switch next() % 3 {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: next())
        case 1: bytes.remove(at: place)
        default: bytes.insert(Array("\n[]=;: \0\u{FF}".utf8)[Int(next() % 10)], at: place)
        }
      }
      let lineCount = bytes.split(separator: 10, omittingEmptySubsequences: false).count
      do throws(ConfigurationError) { _ = try NodeConfiguration(file: "f", bytes: bytes.span) } catch {
        #expect((1...lineCount).contains(error.line), "\(error)")
      }
    }
  }
}

@Suite("node.ini with a board")
struct BoardDefaultsTests {
  private static func read(_ text: String, with board: BoardConfiguration?) throws -> NodeConfiguration {
    let bytes = Array(text.utf8)
    return try NodeConfiguration(file: "node.ini", bytes: bytes.span, board: board)
  }
  private static func zero() throws -> BoardConfiguration {
    let bytes = Array(board.utf8)
    return try BoardConfiguration(file: "board.ini", bytes: bytes.span)
  }
  private static let named = edited(meter, line: 8, to: "listen = 127.0.0.1:5000\nboard = b/board.ini")

  @Test("the board's path and line come first, so that the caller can read it")
  func entry() throws {
    let bytes = Array(Self.named.utf8)
    let entry = try NodeConfiguration.boardEntry(file: "node.ini", bytes: bytes.span)
    #expect(entry?.value == "b/board.ini" && entry?.line == 9)
    let without = Array(meter.utf8)
    #expect(try NodeConfiguration.boardEntry(file: "node.ini", bytes: without.span) == nil)
    #expect(refusal(node: Self.named.replacingOccurrences(of: "b/board.ini", with: "")) == "node.ini:9: board is empty")
  }

  @Test("what the node says goes before the board, and the board before the defaults")
  func order() throws {
    var text = Self.named
    let full = try Self.read(text, with: try Self.zero())
    #expect(
      full.source
        == .modbus(
          ModbusMeter(map: "eastron-sdm630", port: .serial("bus/meter-3"), unit: 17, baud: 19_200, parity: "even")))
    for line in ["port = bus/meter-3\n", "baud = 19200\n", "parity = even\n"] {
      text = text.replacingOccurrences(of: line, with: "")
    }
    let lent = try Self.read(text, with: try Self.zero())
    #expect(lent.board == "b/board.ini")
    #expect(
      lent.source
        == .modbus(
          ModbusMeter(map: "eastron-sdm630", port: .serial("/dev/ttyUSB0"), unit: 17, baud: 9600, parity: "odd")))
    #expect(refusal(node: text) == "node.ini:10: [meter] port is missing")
    text = text.replacingOccurrences(
      of: "source = modbus\nmap = eastron-sdm630\nunit = 17", with: "source = sysfs\ndevice = ina219")
    #expect(try Self.read(text, with: try Self.zero()).source == .sysfs(root: "/sys", device: "ina219"))
  }

  @Test("what only a value's user can judge is told with the value's line, or its section's")
  func wrong() throws {
    let node = try Self.read(Self.named, with: nil)
    #expect("\(node.wrong("node", "key", "no"))" == "node.ini:7: no")
    #expect("\(node.wrong("node", "published", "no"))" == "node.ini:1: no")
  }
}

@Suite("the kind of a configuration")
struct ConfigurationKindTests {
  private static func kind(_ text: String) throws(ConfigurationError) -> ConfigurationKind {
    let bytes = Array(text.utf8)
    return try ConfigurationKind(file: "f.ini", bytes: bytes.span)
  }

  @Test("its sections tell")
  func sections() throws {
    #expect(try Self.kind(meter) == .node)
    #expect(try Self.kind(topology) == .topology)
    #expect(try Self.kind(board) == .board)
    #expect(try Self.kind("[peers]\n[node]") == .node)
  }

  @Test("a file with none of them is refused", arguments: ["", "x = 1", "[nodes]", "; [node]"])
  func none(text: String) {
    #expect(throws: ConfigurationError.self) { try Self.kind(text) }
  }
}

@Suite("topology.ini")
struct TopologyConfigurationTests {
  @Test("it is read into its fields")
  func read() throws {
    let bytes = Array(topology.utf8)
    let group = try TopologyConfiguration(file: "t.ini", bytes: bytes.span)
    #expect(group.aggregators == 4 && group.metersPerSet == 8 && group.terms.periodSeconds == 4)
    #expect(group.terms.minimumContributors == 5 && group.terms.modulusBits == 2048 && !group.terms.rotates)
    #expect(group.host == "127.0.0.1" && group.basePort == 5000 && group.busFolder == "bus" && group.trustsClock)
  }

  @Test(
    "what is wrong in a line is told with that line",
    arguments: [
      (2, "aggregators = 3", "aggregators is 3, outside 4...64"),
      (2, "aggregators = 65", "aggregators is 65, outside 4...64"),
      (3, "metersPerSet = 513", "metersPerSet is 513, outside 1...512"),
      (3, "metersPerSet = 4", "metersPerSet is below minimumContributors 5"),
      (5, "minimumContributors = 2", "minimumContributors is 2, outside 3...512"),
      (4, "periodSeconds = 0", "periodSeconds is 0, outside 1...86400"),
      (6, "modulusBits = 1024", "modulusBits is 1024, outside 2048...4096"),
      (6, "modulusBits = 2056", "modulusBits is 2056, not a multiple of 16"),
      (7, "rotation = random", "rotation is random, not one of period, fixed"),
      (9, "host = localhost", "host is not an address: localhost"),
      (10, "basePort = 80", "basePort is 80, outside 1024...60000"),
      (10, "bassPort = 5000\nbasePort = 5000", "unknown key bassPort in [network]"),
    ] as [(Int, String, String)])
  func refused(line: Int, text: String, message: String) {
    #expect(refusal(topology: edited(topology, line: line, to: text)) == "t.ini:\(line): \(message)")
  }

  @Test("it says what each meter measures, and its maximum power")
  func quantities() throws {
    func read(_ more: String) throws -> TopologyConfiguration {
      let bytes = Array((topology + more).utf8)
      return try TopologyConfiguration(file: "t.ini", bytes: bytes.span)
    }
    let plain = try read("")
    #expect(plain.meters == Array(repeating: TopologyMeter(measuresExport: true, ratedPowerWatts: 69_000), count: 32))
    #expect(plain.measuresExport && plain.exporters(ofSet: 3) == 8 && plain.spareWarnings == [])
    let own = try read(
      "\n[meter-1]\nmeasures = import\n[meter-32]\nratedPowerWatts = 100000000\nmeasures = import, export\n[meter-9]\nratedPowerWatts = 1\n"
    )
    #expect(own.meters[0] == TopologyMeter(measuresExport: false, ratedPowerWatts: 69_000))
    #expect(own.meters[8] == TopologyMeter(measuresExport: true, ratedPowerWatts: 1))
    #expect(own.meters[31] == TopologyMeter(measuresExport: true, ratedPowerWatts: 100_000_000))
    #expect(own.exporters(ofSet: 0) == 7 && own.exporters(ofSet: 1) == 8)
    // 5 and two to spare are enough, 5 and one are not.
    #expect(own.spareWarnings == [])
    let few = try read("\n[meter-1]\nmeasures = import\n[meter-2]\nmeasures = import\n")
    #expect(few.spareWarnings.count == 1)
    #expect(
      few.spareWarnings.first?.hasPrefix("slot activeEnergyExport: set 0 has as few as 6 feeders, 1 to spare") == true)
    // A quantity that nobody measures has no slot, and needs no feeders.
    let none = try read("\nmeasures = import")
    #expect(!none.measuresExport && none.spareWarnings == [])
  }

  @Test(
    "a meter without import, a maximum of 0 or above 100 MW, a meter there is none of, and a slot of too few are refused with their line",
    arguments: [
      ("[meter-1]\nmeasures = export", 1, "measures is export: every meter measures import"),
      ("[meter-1]\nmeasures = sun", 1, "measures is sun, not import or import, export"),
      ("[meter-1]\nratedPowerWatts = 0", 1, "ratedPowerWatts is 0, outside 1...100000000"),
      ("[meter-1]\nratedPowerWatts = 100000001", 1, "ratedPowerWatts is 100000001, outside 1...100000000"),
      ("[meter-0]\nmeasures = import", 0, "there is no meter-0: meters are meter-1 to meter-32"),
      ("[meter-33]\nmeasures = import", 0, "there is no meter-33: meters are meter-1 to meter-32"),
      ("[meter-01]\nmeasures = import", 0, "there is no meter-01: meters are meter-1 to meter-32"),
      ("[meter-1]\nbus = x", 1, "unknown key bus in [meter-1]"),
    ] as [(String, Int, String)])
  func quantitiesRefused(more: String, line: Int, message: String) {
    let lines = topology.split(separator: "\n", omittingEmptySubsequences: false).count
    let text = topology.hasSuffix("\n") ? topology + more : topology + "\n" + more
    let first = topology.hasSuffix("\n") ? lines : lines + 1
    #expect(refusal(topology: text) == "t.ini:\(first + line): \(message)")
  }

  @Test("a slot that too few of a set feed is refused with set, slot and number")
  func tooFewFeeders() throws {
    var text = topology
    for number in 9...12 { text += "\n[meter-\(number)]\nmeasures = import" }
    #expect(
      refusal(topology: text)?.hasSuffix(
        "set 1 has 4 meters that feed activeEnergyExport, below minimumContributors 5") == true)
  }

  @Test("every node must find a port")
  func ports() {
    let large = edited(edited(topology, line: 2, to: "aggregators = 11"), line: 3, to: "metersPerSet = 512")
    #expect(
      refusal(topology: edited(large, line: 10, to: "basePort = 60000")) == "t.ini:10: basePort leaves too few ports")
    #expect(refusal(topology: large) == nil)
  }

  @Test("an IPv6 host stands in brackets")
  func ipv6() {
    #expect(refusal(topology: edited(topology, line: 9, to: "host = [::1]")) == nil)
    #expect(refusal(topology: edited(topology, line: 9, to: "host = ::1")) == "t.ini:9: host is not an address: ::1")
  }
}

@Suite("board.ini")
struct BoardConfigurationTests {
  @Test("it is read into its fields")
  func read() throws {
    let bytes = Array(board.utf8)
    let zero = try BoardConfiguration(file: "board.ini", bytes: bytes.span)
    #expect(zero.name == "pi-zero" && zero.target == "armv6" && zero.memoryBudgetMiB == 32)
    #expect(zero.serialPort == "/dev/ttyUSB0" && zero.baud == 9600 && zero.parity == "odd" && zero.sysfsRoot == "/sys")
  }

  @Test(
    "what is wrong in a line is told with that line",
    arguments: [
      (3, "target = mips", "target is mips, not one of host, embedded-x86_64, armv6, armv7, arm64"),
      (4, "memoryBudgetMiB = 0", "memoryBudgetMiB is 0, outside 1...4096"),
      (6, "port =", "port is empty"), (7, "speed = 9600", "unknown key speed in [serial]"),
    ] as [(Int, String, String)])
  func refused(line: Int, text: String, message: String) {
    #expect(refusal(board: edited(board, line: line, to: text)) == "board.ini:\(line): \(message)")
  }

  @Test(
    "the boards of this project are read, and carry the names of their folders", arguments: ["simulated", "pi-zero"])
  func ours(name: String) throws {
    let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let bytes = [UInt8](try Data(contentsOf: root.appendingPathComponent("Boards/\(name)/board.ini")))
    let ours = try BoardConfiguration(file: "board.ini", bytes: bytes.span)
    #expect(ours.name == name)
  }
}
