import Configuration
import HAL
import Metering
import Units
import Wire

private let node = """
  [node]
  role = meter
  index = 1
  owner = 2
  data = /d
  genesis = /g
  key = /k
  listen = 127.0.0.1:4000
  clock = trusted
  [meter]
  source = modbus
  map = eastron-sdm630
  port = /dev/ttyUSB0
  unit = 1
  [peers]
  aggregator-1 = [::1]:4001
  """
private let board = """
  [board]
  name = pi
  target = armv6
  memoryBudgetMiB = 16
  [serial]
  port = /dev/ttyAMA0
  [sysfs]
  root = /sys
  """
private let topology = """
  [group]
  aggregators = 4
  metersPerSet = 7
  periodSeconds = 4
  modulusBits = 2048
  [network]
  host = 127.0.0.1
  basePort = 20000
  [meter]
  bus = /b
  """
private let site = """
  [group]
  periodSeconds = 4
  minimumContributors = 3
  [defaults]
  map = eastron-sdm630
  port = /dev/a
  unit = 1
  owner = aggregator-1
  [aggregator-1]
  host = a
  [aggregator-2]
  host = 10.0.0.2
  [aggregator-3]
  host = [fd00::3]
  [aggregator-4]
  host = d.e
  [bookkeeper-1]
  host = f
  [meter-1]
  [meter-2]
  unit = 2
  [meter-3]
  measures = import
  """

private let device = """
  [device]
  name = a-meter
  title = A meter
  kind = meter
  function = 4
  order = cdab
  maximumRegisters = 20
  gapMilliseconds = 5
  baud = 9600
  parity = even
  [counter]
  ratedPowerWatts = 1000
  quantumMilliwattHours = 100
  [check]
  0x000B = u16 70...79 holding
  [ranges]
  voltage = 0...300 V
  activeEnergyImport = 0...100 kWh
  [readable]
  registers = 0x0000-0x0003
  [points]
  voltage.1 = 0x0000 i32 V x0.1 sentinel=0x7FFFFFFF invert
  activeEnergyImport.0 = 18 acc32 Wh
  """
private let scenario = """
  [world]
  clockFactor = 60
  [port a]
  kind = tcp
  listen = 127.0.0.1:0
  [device a]
  port = a
  kind = inverter
  fault = crc
  """

func configurationTargets() -> [FuzzTarget] {
  let texts = [node, board, topology, site].map { Array($0.utf8) }
  // As editors save them: with a byte order mark, in UTF-16, with characters that cannot be seen.
  let edited: [[UInt8]] = [
    [0xEF, 0xBB, 0xBF] + texts[2], [0xFF, 0xFE] + topology.utf8.flatMap { [$0, 0] as [UInt8] },
    Array("[group]\n; Z\u{A0}\nname = Zähler\u{202F}1\nx = 電\u{FEFF}\n".utf8),
  ]
  return [
    FuzzTarget("ini-file", maximumBytes: 600, seeds: texts + edited, run: fuzzIni),
    FuzzTarget("configuration", maximumBytes: 700, seeds: texts, run: fuzzConfiguration),
    FuzzTarget("device-map", maximumBytes: 900, seeds: [Array(device.utf8)], run: fuzzDevice),
    FuzzTarget("compact-map", maximumBytes: 400, seeds: compactSeeds(), run: fuzzCompactMap),
    FuzzTarget("scenario", maximumBytes: 600, seeds: [Array(scenario.utf8)], run: fuzzScenario),
    FuzzTarget(
      "endpoint", maximumBytes: 60,
      seeds: ["127.0.0.1:4000", "[::1]:80", "[2001:db8::7]:65535", "[::ffff:1.2.3.4]:1"].map { Array($0.utf8) },
      run: fuzzEndpoint),
  ]
}

/// An error names a line of the file and says something.
private func judge(_ error: ConfigurationError, _ input: [UInt8]) {
  let lines = max(1, input.split(separator: 10, omittingEmptySubsequences: false).count)
  require(error.file == "f" && error.line >= 1 && error.line <= lines, "line \(error.line) of \(lines)")
  require(!error.message.isEmpty, "an error says nothing")
}

/// Entries written down again are read as the same entries.
private func fuzzIni(_ input: [UInt8]) {
  let file: IniFile
  do throws(ConfigurationError) { file = try IniFile(file: "f", bytes: input.span) } catch {
    return judge(error, input)
  }
  var text: [UInt8] = []
  for entry in file.entries {
    // Bytes that are no UTF-8 were replaced, which makes them longer.
    if [entry.section, entry.key, entry.value].contains(where: { $0.unicodeScalars.contains("\u{FFFD}") }) { return }
    text += Array("[\(entry.section)]\n\(entry.key)=\(entry.value)\n".utf8)
  }
  guard let again = try? IniFile(file: "f", bytes: text.span) else { fatalError("entries cannot be read again") }
  let same =
    again.entries.count == file.entries.count
    && zip(again.entries, file.entries).allSatisfy {
      $0.section == $1.section && $0.key == $1.key && $0.value == $1.value
    }
  require(same, "entries are read differently")
}

private func fuzzConfiguration(_ input: [UInt8]) {
  do throws(ConfigurationError) {
    let node = try NodeConfiguration(file: "f", bytes: input.span)
    require((node.role == .meter) == (node.source != nil), "a meter without a source")
    require(node.index < 512 && node.owner < 64 && node.listen.port > 0, "a node out of range")
  } catch { judge(error, input) }
  do throws(ConfigurationError) {
    let board = try BoardConfiguration(file: "f", bytes: input.span)
    require(board.memoryBudgetMiB > 0 && board.memoryBudgetMiB <= 4096, "a board out of range")
  } catch { judge(error, input) }
  do throws(ConfigurationError) {
    let group = try TopologyConfiguration(file: "f", bytes: input.span)
    require(group.aggregators >= 4 && group.aggregators <= 64, "a group out of range")
    let fewest = group.terms.minimumContributors
    require(fewest >= 3, "a sum of two")
    require(
      !group.measuresExport
        || (0..<Int(group.aggregators)).allSatisfy { group.exporters(ofSet: $0) >= Int(fewest) },
      "a slot of too few feeders")
    require(group.meters.allSatisfy { (1...100_000_000).contains($0.ratedPowerWatts) }, "a maximum out of range")
    require(fewest <= group.metersPerSet, "a group that never reaches its minimum")
    require(Int(group.basePort) + Int(group.aggregators) * (1 + Int(group.metersPerSet)) < 65535, "too few ports")
  } catch { judge(error, input) }
  do throws(ConfigurationError) { judge(try SiteConfiguration(file: "f", bytes: input.span)) } catch {
    judge(error, input)
  }
}

/// Sets are large enough for sums, and what is written for each node is read again.
private func judge(_ site: SiteConfiguration) {
  require((4...64).contains(site.aggregators) && site.nodes.count == site.aggregators + 1 + site.meterCount, "a site")
  for set in 0..<site.aggregators {
    let count = site.meterCount(ofSet: set)
    require(count == 0 || count >= Int(site.terms.minimumContributors), "a set of \(count)")
  }
  let places = (0..<site.nodes.count).map { Endpoint(ipv4: 10, 0, 0, 1, port: UInt16($0 + 1)) as Endpoint? }
  for index in 0..<site.nodes.count {
    let text = Array(site.configuration(of: index, at: places).utf8)
    guard let node = try? NodeConfiguration(file: "d/node.ini", bytes: text.span) else {
      fatalError("the node.ini of \(site.nodes[index].name) is not read")
    }
    require(
      node.data == "d" && node.role == site.nodes[index].role && node.index == site.nodes[index].index, "another node")
  }
}

/// What is accepted can be planned, within the device's own limits.
private func fuzzDevice(_ input: [UInt8]) {
  do throws(ConfigurationError) {
    let map = try DeviceMap(file: "f", bytes: input.span)
    let plan = ReadPlan(map)
    for block in plan.blocks {
      require(block.count >= 1 && block.count <= map.maximumRegisters, "a block of \(block.count) registers")
      for index in block.points {
        let point = plan.points[index]
        require(point.minimum <= point.maximum, "an empty range")
        require(
          point.address >= block.address && UInt32(point.lastAddress) < UInt32(block.address) + UInt32(block.count),
          "a point outside its block")
      }
    }
  } catch { judge(error, input) }
}

private func compactSeeds() -> [[UInt8]] {
  ["eastron-sdm630", "sunspec"].compactMap { name in
    guard let map = try? BuiltInDevices.map(named: name) else { return nil }
    return try? map.compact()
  }
}

/// A map from bytes can be planned, and is the same map again in bytes.
private func fuzzCompactMap(_ input: [UInt8]) {
  guard let map = try? DeviceMap(compact: input.span) else { return }
  for block in ReadPlan(map).blocks {
    require(block.count >= 1 && block.count <= map.maximumRegisters, "a block of \(block.count) registers")
  }
  guard let bytes = try? map.compact() else { return }
  require(bytes.allSatisfy { $0 < 0x80 }, "a byte above 127")
  require((try? DeviceMap(compact: bytes.span)) == map, "another map")
}

private func fuzzScenario(_ input: [UInt8]) {
  do throws(ConfigurationError) {
    let bench = try ScenarioConfiguration(file: "f", bytes: input.span, faults: ["none", "crc"])
    require(bench.devices.allSatisfy { bench.ports.indices.contains($0.port) && $0.unit >= 1 }, "a device nowhere")
  } catch { judge(error, input) }
}

private func fuzzEndpoint(_ input: [UInt8]) {
  let text = String(decoding: input, as: UTF8.self)
  guard let endpoint = Endpoint(text) else { return }
  require(endpoint.port > 0, "port 0")
  require(Endpoint(endpoint.description) == endpoint, "\(text) is written as \(endpoint), another address")
}
