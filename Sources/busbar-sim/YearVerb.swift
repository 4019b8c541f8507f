import Aggregation
import CLinux
import Consensus
import Cryptography
import HAL
import LinuxPlatform
import Metering
import Node
import Packets
import Paillier
import SimulatedPlatform
import Units
import Wire

/// Classes, so that an array can hold what has one owner.
private final class YearAggregator {
  var node: AggregatorNode
  var host: YearHost
  init(_ node: consuming AggregatorNode, _ host: consuming YearHost) {
    self.node = node
    self.host = host
  }
}
private final class YearMeter {
  var node: MeterNode
  var host: YearHost
  /// In the order of all meters.
  let number: Int
  init(_ node: consuming MeterNode, _ host: consuming YearHost, number: Int) {
    self.node = node
    self.host = host
    self.number = number
  }
}
private final class YearBookkeeper {
  var node: BookkeeperNode
  var host: YearHost
  init(_ node: consuming BookkeeperNode, _ host: consuming YearHost) {
    self.node = node
    self.host = host
  }
}

/// Real nodes with real journals through months of periods, on a clock that does not wait: of each period only what follows its end.
private final class Year {
  static let tickMilliseconds: UInt64 = 100
  /// After a period's end every set is certified and every sum published within so many ticks, or it is waited for.
  static let quietTicks = 8
  static let mostTicks = 400

  let group: YearGroup
  let periodSeconds: UInt64
  let network = YearNetwork()
  var aggregators: [YearAggregator] = []
  var meters: [YearMeter] = []
  var bookkeeper: YearBookkeeper
  private var milliseconds: UInt64 = 0
  private let startMilliseconds: UInt64

  init(_ group: YearGroup, _ secret: consuming PrivateKey, folder: String, syncs: Bool) throws(PlatformError) {
    self.group = group
    periodSeconds = UInt64(group.genesis.periodSeconds)
    startMilliseconds = (YearGroup.firstPeriod * periodSeconds - 20) * 1000
    let network = network
    var random = SeededGenerator(seed: 3)
    let encryptor = Encryptor(group.key, using: &random)
    func host(_ name: Party) throws(PlatformError) -> YearHost {
      let own = "\(folder)/\(name.rawValue)"
      try Files.makeFolder(own)
      var journal = try FileJournal(own + "/journal", as: group.journalIdentity(name))
      try BootCounter.begin(1, of: name, in: &journal)
      return YearHost(
        name: name, network: network, journal: journal,
        cells: FileCells(
          own + "/unpublished",
          cellBytes: AggregatorNode.cellBytes(group.genesis, ciphertextBytes: group.key.ciphertextBytes)),
        seed: 77 ^ UInt64(name.rawValue), syncs: syncs)
    }
    bookkeeper = YearBookkeeper(
      BookkeeperNode(
        genesis: group.genesis, key: secret, signer: YearGroup.signer(.bookkeeper),
        sealer: group.sealer(.bookkeeper, boot: 1, previousBoot: 0)), try host(.bookkeeper))
    for index in 0..<group.members {
      aggregators.append(
        YearAggregator(
          group.aggregator(index, boot: 1, previousBoot: 0), try host(.aggregator(ReplicaIndex(UInt16(index))))))
    }
    for name in group.names {
      guard let (owner, index) = name.meter else { continue }
      meters.append(
        YearMeter(
          MeterNode(
            genesis: group.genesis, encryptor: Encryptor(sharing: encryptor), owner: owner, index: index,
            signer: YearGroup.signer(name), closingKey: YearGroup.closingKey(name),
            sealer: group.sealer(name, boot: 1, previousBoot: 0)), try host(name), number: meters.count))
    }
  }

  private var now: Instant {
    Instant(
      monotonic: MonotonicTime(nanoseconds: milliseconds * 1_000_000),
      wall: WallTime(nanoseconds: (startMilliseconds + milliseconds) * 1_000_000), state: .synchronised)
  }

  private func waiting(_ name: Party) -> [(bytes: [UInt8], sender: Endpoint)] {
    network.waiting.removeValue(forKey: name.rawValue) ?? []
  }

  private func step() throws(PlatformError) {
    let now = now
    for cell in aggregators {
      for (bytes, sender) in waiting(cell.host.name) {
        try cell.node.receive(bytes.span, from: sender, at: now, via: &cell.host)
      }
      try cell.host.commit()
      try cell.node.tick(at: now, via: &cell.host)
      try cell.host.commit()
    }
    for (bytes, sender) in waiting(.bookkeeper) {
      try bookkeeper.node.receive(bytes.span, from: sender, at: now, via: &bookkeeper.host)
    }
    try bookkeeper.node.tick(at: now, via: &bookkeeper.host)
    try bookkeeper.host.commit()
    for cell in meters {
      for (bytes, sender) in waiting(cell.host.name) {
        try cell.node.receive(bytes.span, from: sender, at: now, via: &cell.host)
      }
      if let period = cell.node.needsClosing(at: now) {
        let house = Int64(cell.number + 1)
        let ended = Int64(period.rawValue)
        let registers = EnergyRegisters(
          activeEnergyImport: MilliwattHours(ended * (211_000 + 37_000 * house)),
          activeEnergyExport: MilliwattHours(ended * 17_000 * house))
        try cell.node.close(period, registers, via: &cell.host)
      }
      try cell.node.tick(at: now, via: &cell.host)
      try cell.host.commit()
    }
    milliseconds += Self.tickMilliseconds
  }

  /// Every meter knows that its energy through this period is certified, and every sum is published.
  private func isDone(_ period: UInt64, published: UInt64) -> Bool {
    bookkeeper.node.publishedCount >= published
      && meters.allSatisfy { $0.node.coveredThrough.rawValue >= period }
  }

  /// - Returns: periods that were not done in time.
  func run(periods: Int, _ progress: (Int) -> Void) throws(PlatformError) -> Int {
    var late = 0
    // They meet.
    for _ in 0..<150 { try step() }
    for number in 0..<periods {
      let period = YearGroup.firstPeriod + UInt64(number)
      let end = (period + 1) * periodSeconds * 1000
      // The clock jumps to just before the period's end.
      milliseconds = max(milliseconds, end - startMilliseconds - 200)
      var ticks = 0
      while ticks < Self.mostTicks, !isDone(period, published: UInt64((number + 1) * group.members)) {
        try step()
        ticks += 1
      }
      if ticks == Self.mostTicks { late += 1 }
      for _ in 0..<Self.quietTicks { try step() }
      progress(number + 1)
    }
    return late
  }
}

private struct RoleRow {
  let name: String
  var use = CardUse()
  var journalBytes: UInt64 = 0
  var snapshotBytes: UInt64 = 0

  mutating func take(_ host: borrowing YearHost) {
    // Of several the one with the most.
    guard host.use.largestBytes >= use.largestBytes else { return }
    use = host.use
    journalBytes = host.journal.snapshotBytes + host.journal.appendedBytes
    snapshotBytes = host.journal.snapshotBytes
  }
}

func yearVerb(_ words: ArraySlice<String>) throws(Arguments.Failure) -> Int32 {
  let arguments = try Arguments(
    words, values: ["members", "meters", "periods", "bits", "period-seconds", "data", "start"],
    flags: ["sync", "json"])
  do throws(PlatformError) {
    if let folder = arguments.values["start"] { return try startVerb(folder) }
  } catch { throw Arguments.Failure(message: "year: \(error)") }
  let members = try arguments.integer("members", default: 4)
  let metersPerSet = try arguments.integer("meters", default: 20)
  let periods = try arguments.integer("periods", default: 1488)
  let bits = try arguments.integer("bits", default: 512)
  let seconds = try arguments.integer("period-seconds", default: 1800)
  let folder = arguments.values["data"] ?? "/tmp/busbar-year"
  guard (4...16).contains(members), (3...512).contains(metersPerSet), periods > 0, (60...3600).contains(seconds) else {
    throw Arguments.Failure(message: "year: 4 to 16 members, 3 to 512 meters a set, periods of 60 to 3600 s")
  }
  guard !Files.exists(folder) else { throw Arguments.Failure(message: "\(folder) exists; name a fresh folder") }
  let clock = ContinuousClock()
  let start = clock.now
  let secret: PrivateKey
  do throws(PaillierError) {
    var generator = SeededGenerator(seed: 77)
    secret = try PrivateKey(
      generatingBits: bits, layout: SlotLayout(YearGroup.slots), using: &generator,
      allowingSmallForTests: bits < 2048)
  } catch { throw Arguments.Failure(message: "year: \(error)") }
  let proof: ModulusProof
  do throws(PaillierError) { proof = try secret.proveModulus() } catch {
    throw Arguments.Failure(message: "year: \(error)")
  }
  let group = YearGroup(
    members: members, metersPerSet: metersPerSet, periodSeconds: UInt32(seconds), key: secret.publicKey, proof)
  let year: Year
  do throws(PlatformError) {
    try Files.makeFolder(folder)
    let bytes = [UInt8](capacity: group.genesis.encodedBytes) { out in group.genesis.encode(into: &out) }
    try Files.replace(folder + "/genesis.bin", with: bytes.span)
    year = try Year(group, secret, folder: folder, syncs: arguments.flags.contains("sync"))
  } catch { throw Arguments.Failure(message: "\(folder): \(error)") }
  let late: Int
  do throws(PlatformError) {
    late = try year.run(periods: periods) { done in
      if done % 1000 == 0 { printDiagnostic("\(done) periods, \(Int((clock.now - start).inSeconds)) s") }
    }
  } catch { throw Arguments.Failure(message: "year: \(error)") }
  let days = Double(periods) * Double(seconds) / 86400
  report(year, days: days, periods: periods, late: late, seconds: (clock.now - start).inSeconds, folder, arguments)
  return late == 0 ? 0 : 1
}

private func report(
  _ year: Year, days: Double, periods: Int, late: Int, seconds: Double, _ folder: String, _ arguments: Arguments
) {
  var rows = [RoleRow(name: "aggregator"), RoleRow(name: "bookkeeper"), RoleRow(name: "meter")]
  for cell in year.aggregators { rows[0].take(cell.host) }
  rows[1].take(year.bookkeeper.host)
  for cell in year.meters { rows[2].take(cell.host) }
  // Their journals are taken while they live.
  year.aggregators.removeAll()
  let started = measureStart("\(folder)", "\(folder)/start.txt")
  func daily(_ bytes: UInt64) -> Int { Int(Double(bytes) / days) }
  if arguments.flags.contains("json") {
    let roles = rows.map { row in
      "\"\(row.name)\":{\"largestBytes\":\(row.use.largestBytes),\"journalBytes\":\(row.journalBytes),"
        + "\"snapshotBytes\":\(row.snapshotBytes),\"snapshots\":\(row.use.snapshots),"
        + "\"appendedBytesDaily\":\(daily(row.use.appendedBytes)),\"snapshotBytesDaily\":\(daily(row.use.snapshotBytes)),"
        + "\"publishedBytesDaily\":\(daily(row.use.publishedBytes)),\"syncsDaily\":\(daily(row.use.syncs))}"
    }
    printLine(
      "{\"periods\":\(periods),\"late\":\(late),\"seconds\":\(Int(seconds)),\(roles.joined(separator: ",")),"
        + "\"start\":\"\(started)\"}")
    return
  }
  printLine("\(periods) periods, \(Int(days)) days, in \(Int(seconds)) s; \(late) of them not published at once")
  for row in rows {
    printLine(
      "\(row.name): journal \(row.journalBytes) bytes, \(row.snapshotBytes) of them its snapshot; at most "
        + "\(row.use.largestBytes); a day \(daily(row.use.appendedBytes)) bytes appended, "
        + "\(daily(row.use.snapshotBytes)) in snapshots, \(daily(row.use.publishedBytes)) published, "
        + "\(daily(row.use.syncs)) syncs")
  }
  printLine("aggregator's start: \(started)")
}

/// Starts an aggregator in a process of its own.
private func measureStart(_ folder: String, _ output: String) -> String {
  do throws(PlatformError) {
    var child = try ChildProcess(
      [ThisProcess.executablePath, "year", "--start", folder], outputPath: output)
    while child.isRunning() { busbar_sleep_until(busbar_clock_boot() + 20_000_000) }
    let text = try Files.read(output, limit: 4096)
    return String(decoding: text.prefix { $0 != 10 }, as: UTF8.self)
  } catch { return "\(error)" }
}

/// What a start does before it may send: it reads its journal and is what it was.
private func startVerb(_ folder: String) throws(PlatformError) -> Int32 {
  let bytes = try Files.read(folder + "/genesis.bin", limit: 1 << 24)
  guard let genesis = try? Genesis(decoding: bytes.span), let group = try? YearGroup(genesis) else { return 1 }
  let plan = MemoryPlan.aggregator(
    genesis, ciphertextBytes: group.key.ciphertextBytes, machineBytes: FileJournal.memoryBytes)
  let before = ThisProcess.residentKilobytes
  let start = busbar_clock_boot()
  let name = Party.aggregator(ReplicaIndex(0))
  var journal = try FileJournal("\(folder)/\(name.rawValue)/journal", as: group.journalIdentity(name))
  var boot = BootCounter()
  var entries = 0
  try journal.replay { entry in
    boot.visit(entry)
    entries += 1
  }
  let opened = busbar_clock_boot()
  var node = group.aggregator(0, boot: boot.last + 1, previousBoot: boot.last)
  try journal.reread { entry in node.restore(entry) }
  let end = busbar_clock_boot()
  printLine(
    "\((end - start) / 1_000_000) ms, \((opened - start) / 1_000_000) of them to open and read it once; \(entries) entries, "
      + "position \(node.headPosition(of: ReplicaIndex(0))); peak \(ThisProcess.peakResidentKilobytes) KiB resident, "
      + "\(before) before; planned \(plan.startBytes / 1024) KiB beside the program at the start, \(plan.bytes / 1024) at most"
  )
  return 0
}
