import Configuration
import HAL
import Testing

/// The numbers are its lines.
private let site = """
  [group]
  periodSeconds = 1800
  minimumContributors = 3
  [defaults]
  map = eastron-sdm630
  port = /dev/ttyUSB0
  unit = 1
  owner = aggregator-1
  measures = import
  [aggregator-1]
  host = 10.0.0.1
  [aggregator-2]
  host = two.example
  udpPort = 4000
  [aggregator-3]
  host = [2001:db8::3]
  listen = host
  linkBitsPerSecond = 1000000
  [aggregator-4]
  host = 10.0.0.4
  clock = trusted
  [bookkeeper-1]
  host = 10.0.0.5
  [meter-1]
  [meter-2]
  port = tcp:10.0.0.9:502
  unit = 7
  ratedPowerWatts = 11000
  [meter-3]
  baud = 19200
  """

private func edited(line: Int, to new: String) -> String {
  var lines = site.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  lines[line - 1] = new
  return lines.joined(separator: "\n")
}

private func read(_ text: String) throws -> SiteConfiguration {
  let bytes = Array(text.utf8)
  return try SiteConfiguration(file: "t.ini", bytes: bytes.span)
}

private func refusal(_ text: String) -> String? {
  let bytes = Array(text.utf8)
  do throws(ConfigurationError) {
    _ = try SiteConfiguration(file: "t.ini", bytes: bytes.span)
    return nil
  } catch { return "\(error)" }
}

/// Where the nodes are called once names are looked up.
private let endpoints: [Endpoint?] = [
  Endpoint("10.0.0.1:24000"), Endpoint("10.0.0.2:4000"), Endpoint("[2001:db8::3]:24000"), Endpoint("10.0.0.4:24000"),
  Endpoint("10.0.0.5:24000"), nil, nil, nil,
]

private func node(_ place: Int) throws -> NodeConfiguration {
  let text = Array(try read(site).configuration(of: place, at: endpoints).utf8)
  return try NodeConfiguration(file: "/var/lib/busbar/node.ini", bytes: text.span)
}

@Suite("topology.ini of a site (docs/CONFIGURATION.md)")
struct SiteConfigurationTests {
  @Test("a section for each node makes it one, and the short form of a bench does not")
  func kinds() throws {
    func isSite(_ text: String) throws -> Bool {
      let bytes = Array(text.utf8)
      return try SiteConfiguration.isSite(file: "t.ini", bytes: bytes.span)
    }
    #expect(try isSite(site))
    #expect(try isSite("[group]\n[defaults]") && isSite("[group]\n[aggregator-7]"))
    #expect(try !isSite("[group]\naggregators = 4\n[network]\n[meter]\n[meter-1]"))
  }

  @Test("its nodes are aggregators, the bookkeeper and meters, with their hosts and ports")
  func nodes() throws {
    let read = try read(site)
    #expect(read.aggregators == 4 && read.meterCount == 3 && read.meterCount(ofSet: 0) == 3)
    #expect(
      read.nodes.map(\.name).joined(separator: " ")
        == "aggregator-1 aggregator-2 aggregator-3 aggregator-4 bookkeeper-1 meter-1 meter-2 meter-3")
    #expect(read.nodes[1].host == .name("two.example") && read.nodes[1].udpPort == 4000)
    #expect(read.nodes[0].udpPort == 24_000 && read.nodes[5].host == nil)
    #expect(read.nodes[7].index == 2 && read.nodes[7].owner == 0)
    #expect(read.nodes[6].meter == TopologyMeter(measuresExport: false, ratedPowerWatts: 11_000))
    #expect(read.nodes[5].meter == TopologyMeter(measuresExport: false, ratedPowerWatts: 69_000))
    #expect(!read.measuresExport && read.terms.periodSeconds == 1800 && read.terms.modulusBits == 3072)
    #expect(read.spareWarnings.count == 1)
  }

  @Test("a map file is looked for beside the topology, and lies in the folder of its node under one name")
  func mapFiles() throws {
    for given in ["maps/house.ini", "house.ini"] {
      let bytes = Array(site.replacing("map = eastron-sdm630", with: "map = \(given)").utf8)
      let site = try SiteConfiguration(file: "sites/t.ini", bytes: bytes.span)
      #expect(site.mapFile(of: 5) == "sites/" + given && site.mapFile(of: 4) == nil)
      #expect(site.configuration(of: 5, at: endpoints).contains("\nmap = map.ini\n"))
      #expect(site.modbusMeters[5]?.isMapFile == true && site.modbusMeters[4] == nil)
    }
    let site = try read(site)
    #expect(site.mapFile(of: 5) == nil && site.modbusMeters[5]?.map == "eastron-sdm630")
  }

  @Test("each node's node.ini is read by the parser that will read it, and its paths are beside it")
  func configurations() throws {
    let first = try node(0)
    #expect(first.role == .aggregator && first.index == 0 && !first.trustsClock && first.linkBitsPerSecond == nil)
    #expect(first.data == "/var/lib/busbar" && first.genesis == "/var/lib/busbar/genesis.bin")
    #expect(first.key == "/var/lib/busbar/identity.key" && first.published == nil)
    #expect(first.listen == Endpoint("0.0.0.0:24000"))
    #expect(
      first.peers.map(\.name) == ["aggregator-1", "aggregator-2", "aggregator-3", "aggregator-4", "bookkeeper-1"])
    #expect(first.peers.map(\.endpoint) == endpoints[..<5].compactMap { $0 })
    let third = try node(2)
    #expect(third.listen == Endpoint("[2001:db8::3]:24000") && third.linkBitsPerSecond == 1_000_000)
    #expect(try node(3).trustsClock)
    let bookkeeper = try node(4)
    #expect(bookkeeper.role == .bookkeeper && bookkeeper.published == "/var/lib/busbar/published")
    #expect(bookkeeper.peers.count == 4)
    let meter = try node(6)
    #expect(meter.role == .meter && meter.owner == 0 && meter.index == 1 && meter.ratedPowerWatts == 11_000)
    #expect(
      meter.source
        == .modbus(
          ModbusMeter(
            map: "eastron-sdm630", port: .tcp(Endpoint("10.0.0.9:502")!), unit: 7, baud: 9600, parity: "none")))
    #expect(
      try node(7).source
        == .modbus(
          ModbusMeter(map: "eastron-sdm630", port: .serial("/dev/ttyUSB0"), unit: 1, baud: 19_200, parity: "none")))
    #expect(try node(5).ratedPowerWatts == 69_000)
  }

  @Test(
    "what is wrong is told with the line of the topology, also where only the node's own parser sees it",
    arguments: [
      (2, "periodSeconds = 0", 2, "periodSeconds is 0, outside 1...86400"),
      (3, "minimumContributors = 3\naggregators = 4", 4, "unknown key aggregators in [group]"),
      (5, "map = sdm", 5, "map is sdm, neither a file"),
      (7, "unit = 300", 7, "unit is 300, outside"),
      (7, "host = 10.0.0.9", 7, "unknown key host in [defaults]"),
      (7, "unit = 1\nhost = 10.0.0.9", 8, "unknown key host in [defaults]"),
      (7, "unit = 1\ncolour = red", 8, "unknown key colour in [meter]"),
      (8, "owner = aggregator-5", 8, "owner is aggregator-5, none of aggregator-1 to aggregator-4"),
      (9, "measures = export", 9, "measures is export: every meter measures import"),
      (10, "[aggregator-5]", 10, "[aggregator-5] is here, and there is no [aggregator-1]"),
      (10, "[aggregator-2]", 13, "host is given twice (first on line 11)"),
      (24, "[meter-1]\n[meter-1]", 25, "[meter-1] stands on line 24 already"),
      (10, "[aggregator-65]", 10, "there is no aggregator-65: aggregator-1 to aggregator-64"),
      (10, "[aggregator-01]", 10, "there is no aggregator-01: aggregator-1 to aggregator-64"),
      (11, "port = 4", 10, "[aggregator-1] host is missing"),
      (11, "host = 0.0.0.0", 11, "host is 0.0.0.0: it means every address of a machine, and others cannot call it"),
      (11, "host = [::]", 11, "host is [::]: it means every address of a machine, and others cannot call it"),
      (
        11, "host = [fe80::1%eth0]", 11,
        "host is [fe80::1%eth0]: an address with a zone means something on one machine only"
      ),
      (11, "host = [fe80::1]", 11, "host is [fe80::1]: it holds on one link only and needs a zone there"),
      (11, "host = 224.0.0.1", 11, "host is 224.0.0.1: it is a multicast address"),
      (11, "host = [ff02::1]", 11, "host is [ff02::1]: it is a multicast address"),
      (11, "host = 255.255.255.255", 11, "host is 255.255.255.255: it is no host's address"),
      (
        11, "host = 10.0.0.1:80", 11,
        "host is 10.0.0.1:80, neither an address (IPv6 in brackets, without a port) nor a name"
      ),
      (
        11, "host = 10.0.0.300", 11,
        "host is 10.0.0.300, neither an address (IPv6 in brackets, without a port) nor a name"
      ),
      (
        11, "host = 2001:db8::1", 11,
        "host is 2001:db8::1, neither an address (IPv6 in brackets, without a port) nor a name"
      ),
      (
        11, "host = -a.example", 11,
        "host is -a.example, neither an address (IPv6 in brackets, without a port) nor a name"
      ),
      (11, "host = a b", 11, "host is a b, neither an address (IPv6 in brackets, without a port) nor a name"),
      (11, "host = 10.0.0.4", 20, "aggregator-4 has host and udpPort of aggregator-1"),
      (14, "udpPort = 65536", 14, "udpPort is 65536, outside 1...65535"),
      (14, "owner = aggregator-1", 14, "unknown key owner in [aggregator-2]"),
      (17, "listen = here", 17, "listen is here, not one of any, host"),
      (18, "linkBitsPerSecond = 1", 18, "linkBitsPerSecond is 1, outside 100000...1000000000"),
      (21, "clock = wrong", 21, "clock is wrong, not one of synchronised, trusted"),
      (22, "[bookkeeper-2]", 22, "there is one bookkeeper, [bookkeeper-1]"),
      (22, "[network]", 19, "there is no [bookkeeper-1]"),
      (22, "[network]\n[bookkeeper-1]", 22, "unknown section [network]"),
      (24, "[meter-4]", 24, "[meter-4] is here, and there is no [meter-1]"),
      (24, "[meter-1]\nlisten = host", 24, "meter-1 listens on its host and has none"),
      (24, "[meter-1]\nlinkBitsPerSecond = 1000000", 25, "unknown key linkBitsPerSecond in [meter-1]"),
      (26, "port = replay:x", 26, "port is a capture: replay:x"),
      (27, "unit = seven", 27, "unit is not a whole number: seven"),
      (28, "ratedPowerWatts = 0", 28, "ratedPowerWatts is 0, outside 1...100000000"),
      (
        24, "[meter-1]\nowner = aggregator-2", 26,
        "meters are numbered through the sets: meter-2 of aggregator-1 stands behind one of aggregator-2"
      ),
      (
        30, "owner = aggregator-2", 24,
        "the set of aggregator-1 has 2 meters, below minimumContributors 3: a sum of so few would show a house"
      ),
      (
        30, "measures = import, export", 24,
        "the set of aggregator-1 has 1 meters that feed activeEnergyExport, below minimumContributors 3"
      ),
    ] as [(Int, String, Int, String)])
  func refused(line: Int, text: String, told: Int, message: String) {
    let said = refusal(edited(line: line, to: text))
    #expect(said?.hasPrefix("t.ini:\(told): \(message)") == true, "\(said ?? "accepted")")
  }

  @Test("too few aggregators and no meters at all are refused")
  func tooFew() {
    let gone = ["[aggregator-4]", "host = 10.0.0.4", "clock = trusted"]
    let three = site.split(separator: "\n").filter { !gone.contains(String($0)) }
    #expect(refusal(three.joined(separator: "\n"))?.contains("there are 3 aggregators, fewer than 4") == true)
    let none = site.split(separator: "\n").prefix(23)
    #expect(refusal(none.joined(separator: "\n")) == "t.ini:22: there is no [meter-1]")
  }

  @Test("a set without meters is fine, and its sums are nobody's")
  func emptySets() throws {
    var text = site
    for number in 4...6 { text += "\n[meter-\(number)]\nowner = aggregator-4" }
    let read = try read(text)
    #expect((0..<4).map { read.meterCount(ofSet: $0) } == [3, 0, 0, 3])
    #expect(read.nodes.last?.index == 2 && read.nodes.last?.owner == 3)
  }

  @Test("two nodes at one place are refused once names are known, and so is a loopback address among others")
  func places() throws {
    let read = try read(site)
    func refusal(_ changes: [Int: String]) -> String? {
      var places = endpoints
      for (place, text) in changes { places[place] = Endpoint(text) }
      do throws(ConfigurationError) {
        try read.checkPlaces(places)
        return nil
      } catch { return "\(error)" }
    }
    #expect(refusal([:]) == nil)
    #expect(refusal([1: "10.0.0.1:24000"]) == "t.ini:13: aggregator-2 is at 10.0.0.1:24000, as aggregator-1 is")
    #expect(
      refusal([1: "127.0.1.1:24000"])
        == "t.ini:13: aggregator-2 is at 127.0.1.1:24000, which only its own machine can call; a name may mean that in "
        + "/etc/hosts")
    #expect(refusal([1: "[::1]:24000"])?.contains("which only its own machine can call") == true)
    // All on one machine is a rehearsal.
    #expect(
      refusal([
        0: "127.0.0.1:1", 1: "127.0.0.1:2", 2: "[::1]:3", 3: "127.0.0.1:4", 4: "127.0.0.1:5",
      ]) == nil)
  }

  @Test(
    "what is a host, and what is none",
    arguments: [
      ("a", true), ("a-b.example", true), ("raspberrypi.local", true), ("x_y", true), ("10.0.0.1", true),
      ("[::1]", true),
      ("3com.example", true), ("4.a", true), (String(repeating: "a", count: 63), true),
      (String(repeating: "a", count: 64), false), ("", false), (".", false), ("a.", false), (".a", false),
      ("a..b", false),
      ("a-", false), ("a.-b", false), ("1", false), ("1.2.3", false), ("a.1", false), ("ä", false), ("a/b", false),
      ("[::1]:80", false), ("::1", false), ("a:80", false),
      ((0..<64).map { _ in "abc" }.joined(separator: "."), false),
    ] as [(String, Bool)])
  func hosts(text: String, isHost: Bool) { #expect((SiteHost(text) != nil) == isHost) }
}

@Suite("Paths in node.ini")
struct FilePlaceTests {
  @Test(
    "a relative path is taken from the folder of the file, an absolute one as it is",
    arguments: [
      ("a", "n.ini", "a"), ("a", "x/n.ini", "x/a"), ("../a", "x/y/n.ini", "x/y/../a"), ("/a", "x/n.ini", "/a"),
      (".", "x/n.ini", "x"), (".", "n.ini", "."), (".", "/n.ini", "/"), ("a", "/n.ini", "/a"), ("", "x/n.ini", ""),
    ] as [(String, String, String)])
  func places(path: String, file: String, result: String) { #expect(placed(path, beside: file) == result) }

  @Test("every path of a node.ini is, and a gateway's place is none")
  func everyPath() throws {
    func node(_ role: String, _ more: String, _ meter: String = "") throws -> NodeConfiguration {
      let text =
        "[node]\nrole = \(role)\ndata = d\ngenesis = g\nkey = k\nlisten = 127.0.0.1:1\npacketKeyLog = p\nboard = b\n"
        + "\(more)\n\(meter)"
      let bytes = Array(text.utf8)
      return try NodeConfiguration(file: "f/n.ini", bytes: bytes.span)
    }
    let bookkeeper = try node("bookkeeper", "published = u")
    #expect(bookkeeper.data == "f/d" && bookkeeper.genesis == "f/g" && bookkeeper.key == "f/k")
    #expect(bookkeeper.published == "f/u" && bookkeeper.packetKeyLog == "f/p" && bookkeeper.board == "f/b")
    let head = "[meter]\nsource = modbus\nmap = eastron-sdm630\nunit = 1\nport = "
    func port(_ text: String) throws -> PortPlace? {
      let read = try node("meter", "owner = 0", head + text)
      guard case .modbus(let meter)? = read.source else { return nil }
      return meter.port
    }
    #expect(try port("bus/0") == .serial("f/bus/0") && port("/dev/a") == .serial("/dev/a"))
    #expect(try port("tcp:10.0.0.9:502") == .tcp(Endpoint("10.0.0.9:502")!))
  }
}
