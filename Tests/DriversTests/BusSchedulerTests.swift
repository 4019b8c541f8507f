import Configuration
import Drivers
import HAL
import Metering
import SimulatedWorld
import Testing
import Wire

/// One simulated line at 9600 8N1 with a scheduler as its master, driven by events of virtual time.
private final class Bench {
  static let byteNanoseconds: UInt64 = 10 * 1_000_000_000 / 9_600
  var scheduler: BusSchedulerBox
  var bus: SimulatedBus
  /// When the bench has to look again.
  var wake: UInt64
  var arriving: (bytes: [UInt8], at: UInt64)?
  /// Times at which device `index` gave its total power, ns.
  var powers: [[UInt64]]
  var wrong = 0
  var requestBytes = 0

  /// - Parameter slow: units whose map gives them 3 s for an answer.
  init(_ bus: SimulatedBus, units: [UInt8], slow: [UInt8] = [], map: DeviceMap, start: UInt64) throws {
    self.bus = bus
    wake = start
    powers = Array(repeating: [], count: units.count)
    scheduler = BusSchedulerBox(units, slow, map, start)
  }

  func run(at now: UInt64, _ probes: inout ProbeBudget) {
    if let (bytes, at) = arriving, at <= now {
      arriving = nil
      let instant = Instant(
        monotonic: MonotonicTime(nanoseconds: now), wall: WallTime(nanoseconds: now), state: .synchronised)
      if case .answered(let device, _)? = scheduler.value.receive(bytes.span, at: instant) { take(device, now) }
    }
    var action = BusScheduler.Action.wait(until: MonotonicTime(nanoseconds: now + 1))
    var output = ByteBuffer(capacity: ModbusRequest.maximumByteCount)
    output.replace { bytes in
      action = scheduler.value.step(MonotonicTime(nanoseconds: now), &probes, into: &bytes)
    }
    switch action {
    case .wait(let until): wake = max(until.nanoseconds, now + 1)
    case .timedOut: wake = now + 1
    case .transmit:
      let request = (0..<output.count).map { output.span[$0] }
      requestBytes += request.count
      let sent = now + UInt64(request.count) * Self.byteNanoseconds
      for answer in bus.receive(request, at: Int64(sent / 1_000_000)) {
        let at =
          sent + UInt64(answer.latencyMilliseconds) * 1_000_000 + UInt64(answer.bytes.count) * Self.byteNanoseconds
        arriving = (answer.bytes, at)
      }
      wake = now + 1
    }
    if let arriving { wake = min(wake, max(now + 1, arriving.at)) }
  }

  private func take(_ device: Int, _ now: UInt64) {
    let unit = scheduler.value.devices[device].unit
    var expected: Int64?
    for slave in bus.slaves where slave.unit == unit {
      if case .house(_, let house) = slave.device { expected = house.powerWatts * 1_000 }
    }
    var power: Int64?
    scheduler.value.visitSamples { sample in
      if sample.quantity == .activePower, sample.phase == 0, sample.quality == .good { power = sample.value }
    }
    guard let power else { return }
    powers[device].append(now)
    if power != expected { wrong += 1 }
  }
}

private final class BusSchedulerBox {
  var value: BusScheduler
  init(_ units: [UInt8], _ slow: [UInt8], _ map: DeviceMap, _ start: UInt64) {
    let time = MonotonicTime(nanoseconds: start)
    var scheduler = BusScheduler(transport: .rtu, timing: BusScheduler.Timing(baud: 9_600), start: time)
    for unit in units {
      guard !slow.contains(unit) else {
        var slowMap = map
        slowMap.timeoutMilliseconds = 3_000
        scheduler.add(unit: unit, map: slowMap, start: time)
        continue
      }
      scheduler.add(unit: unit, plan: ReadPlan(map), gapMilliseconds: map.gapMilliseconds, start: time)
    }
    value = scheduler
  }
}

@Suite("The bus scheduler (docs/HARDWARE.md, Many devices)")
struct BusSchedulerTests {
  static func slave(_ unit: UInt8, _ faults: FaultSchedule = FaultSchedule()) -> SimulatedSlave {
    SimulatedSlave(
      .house(EastronSlave(unit: unit), SimulatedHouse(seed: UInt64(unit))), faults: faults,
      latencyMilliseconds: 20 + Int64(unit) % 30)
  }

  @Test(
    "8 ports × 4 devices at 9600 8N1, dead ones on 3 ports and flaky ones on 2: each healthy one's power every second for 10 minutes"
  )
  func tenMinutes() throws {
    let map = try map("eastron-sdm630")
    let start: UInt64 = 1_000_000_000
    let end = start + 600_000_000_000
    var benches: [Bench] = []
    var healthy: [[Int]] = []
    for port in 0..<8 {
      let units = (1...4).map { UInt8(4 * port + $0) }
      var slaves: [SimulatedSlave] = []
      var good: [Int] = []
      for (index, unit) in units.enumerated() {
        switch (port, index) {
        case (0...2, 3): continue
        case (3, 3): slaves.append(Self.slave(unit, FaultSchedule(.silence, first: 5, every: 3)))
        case (4, 2): slaves.append(Self.slave(unit, FaultSchedule(.badChecksum, first: 5, every: 4)))
        default:
          slaves.append(Self.slave(unit))
          good.append(index)
        }
      }
      healthy.append(good)
      benches.append(try Bench(SimulatedBus(slaves: slaves), units: units, map: map, start: start))
    }
    var probes = ProbeBudget()
    var now = start
    while now < end {
      for bench in benches where bench.wake <= now { bench.run(at: now, &probes) }
      now = max(now + 1, benches.map(\.wake).min()!)
    }
    var worst: UInt64 = 0
    for (port, bench) in benches.enumerated() {
      #expect(bench.wrong == 0)
      for index in healthy[port] {
        let device = bench.scheduler.value.devices[index]
        worst = max(worst, device.worstLatenessMilliseconds)
        // In each of the 600 seconds one reading, within that second.
        let seconds = Set(bench.powers[index].map { ($0 - start) / 1_000_000_000 })
        #expect(seconds.count == 600, "port \(port), device \(index): \(seconds.count) seconds")
        #expect(device.timeouts == 0 && device.errors == 0 && !device.isDead)
      }
    }
    for port in 0...2 {
      let dead = benches[port].scheduler.value.devices[3]
      // 2 + 4 + 8 + ... + 256 s, and then one in 300 s; two tries before.
      #expect(dead.isDead && dead.answers == 0 && dead.timeouts >= 9 && dead.timeouts <= 12, "\(dead.timeouts)")
    }
    for (port, index) in [(3, 3), (4, 2)] {
      let flaky = benches[port].scheduler.value.devices[index]
      #expect(flaky.answers > 300 && !flaky.isDead)
      #expect(flaky.timeouts + flaky.errors > 50)
    }
    print("scheduler: worst lateness of a healthy device in 10 minutes: \(worst) ms")
    #expect(worst < BusScheduler.fastPeriodMilliseconds)
  }

  /// The worst lateness of the healthy devices of each port in ten minutes: of four on the first, of three on the second, beside which
  /// one may take 2.5 s for each answer.
  static func worstLateness(hasSlow: Bool) throws -> [UInt64] {
    let map = try map("eastron-sdm630")
    let start: UInt64 = 1_000_000_000
    let slow = SimulatedSlave(
      .house(EastronSlave(unit: 8), SimulatedHouse(seed: 8)), faults: FaultSchedule(), latencyMilliseconds: 2_500)
    let benches = [
      try Bench(SimulatedBus(slaves: (1...4).map { Self.slave($0) }), units: [1, 2, 3, 4], map: map, start: start),
      try Bench(
        SimulatedBus(slaves: (5...7).map { Self.slave($0) } + (hasSlow ? [slow] : [])),
        units: hasSlow ? [5, 6, 7, 8] : [5, 6, 7], slow: [8], map: map, start: start),
    ]
    var probes = ProbeBudget()
    var now = start
    while now < start + 600_000_000_000 {
      for bench in benches where bench.wake <= now { bench.run(at: now, &probes) }
      now = max(now + 1, benches.map(\.wake).min()!)
    }
    for bench in benches {
      for device in bench.scheduler.value.devices {
        #expect(device.timeouts == 0 && device.errors == 0 && device.isIdentified)
        // Four requests of 2.5 s each ten seconds are all that a line can carry; others have what they want before.
        let isSlow = device.unit == 8
        #expect(
          device.fastRounds > (isSlow ? 50 : 500) && device.slowRounds > (isSlow ? 20 : 55),
          "unit \(device.unit): \(device.fastRounds), \(device.slowRounds)")
      }
    }
    return benches.map { bench in
      bench.scheduler.value.devices.prefix(bench === benches[0] ? 4 : 3).map(\.worstLatenessMilliseconds).max()!
    }
  }

  @Test(
    "a device that takes 2.5 s for each answer is read, and delays those on its own port by that, no other port at all")
  func slowPort() throws {
    let without = try Self.worstLateness(hasSlow: false)
    let with = try Self.worstLateness(hasSlow: true)
    print("scheduler: worst lateness without and with a slow device: \(without) and \(with) ms")
    #expect(with[0] == without[0])
    #expect(with[1] > without[1] && with[1] < without[1] + 3_000)
  }

  @Test("a device that comes back is found at the next probe, and dead ones never cost more than one probe a second")
  func comesBack() throws {
    let map = try map("eastron-sdm630")
    let start: UInt64 = 1_000_000_000
    let bench = try Bench(SimulatedBus(slaves: []), units: [1, 2, 3, 4], map: map, start: start)
    var probes = ProbeBudget()
    var now = start
    while now < start + 120_000_000_000 {
      if bench.wake <= now { bench.run(at: now, &probes) }
      now = max(now + 1, bench.wake)
    }
    let asked = bench.scheduler.value.devices.reduce(0) { $0 + $1.timeouts }
    // Two tries each, then probes at 2, 6, 14, 30 and 62 s.
    #expect(asked >= 4 * 6 && asked <= 4 * 8)
    bench.bus.slaves = (1...4).map { Self.slave($0) }
    while now < start + 400_000_000_000 {
      if bench.wake <= now { bench.run(at: now, &probes) }
      now = max(now + 1, bench.wake)
    }
    #expect(bench.scheduler.value.devices.allSatisfy { !$0.isDead && $0.fastRounds > 100 })
    #expect(bench.wrong == 0)
  }
}
