import Configuration
import Drivers
import HAL
import Metering
import SimulatedWorld
import Testing

@Suite("Limits as plans (docs/HARDWARE.md, Limiting an inverter)")
struct LimitPlanTests {
  @Test(
    "percentages round down, within 1...100 %",
    arguments: [
      (2_500, 5_000, 0, 50, 2_500), (2_500, 5_000, -1, 500, 2_500), (2_524, 5_000, 0, 50, 2_500),
      (2_524, 5_000, -1, 504, 2_520), (2_524, 5_000, -2, 5_048, 2_524), (0, 5_000, -1, 10, 50),
      (6_000, 5_000, 0, 100, 5_000),
      (49, 5_000, 0, 1, 50), (333, 1_000, -2, 3_330, 333),
    ] as [(Int64, Int64, Int16, UInt16, Int64)])
  func plans(limit: Int64, base: Int64, scale: Int16, percent: UInt16, applied: Int64) throws {
    let plan = try LimitPlan(limitMilliwatts: limit * 1_000, baseMilliwatts: base * 1_000, scale: scale)
    #expect(plan.percent == percent && plan.appliedMilliwatts == applied * 1_000)
    #expect(plan.isKept(measuredMilliwatts: applied * 1_000 + base * 20))
    #expect(!plan.isKept(measuredMilliwatts: applied * 1_000 + base * 20 + 1))
  }

  @Test("no base and no usable scale are refused")
  func refused() {
    #expect(throws: LimitError.noBase) { try LimitPlan(limitMilliwatts: 1, baseMilliwatts: 0, scale: 0) }
    #expect(throws: LimitError.scale(1)) { try LimitPlan(limitMilliwatts: 1, baseMilliwatts: 1, scale: 1) }
    #expect(throws: LimitError.scale(.min)) { try LimitPlan(limitMilliwatts: 1, baseMilliwatts: 1, scale: .min) }
  }

  @Test("writes are counted by day and register, survive a restart, and never come back with a clock that steps back")
  func budget() throws {
    var budget = WriteBudget(writesPerDay: 2, day: 100)
    try budget.spend(7, day: 100)
    try budget.spend(7, day: 99)
    #expect(throws: LimitError.budget(register: 7)) { try budget.spend(7, day: 100) }
    try budget.spend(8, day: 100)
    var restored = WriteBudget(writesPerDay: 2, day: 0)
    try restored.restore(budget.text)
    #expect(restored == budget)
    #expect(throws: LimitError.budget(register: 7)) { try restored.spend(7, day: 100) }
    try restored.spend(7, day: 101)
    var damaged = WriteBudget(writesPerDay: 2, day: 0)
    #expect(throws: LimitError.self) { try damaged.restore("100 7\n") }
  }
}

@Suite("A power limit is a lease (docs/HARDWARE.md, Limiting an inverter)")
struct PowerLimiterTests {
  typealias Limiter = PowerLimiter<SimulatedPort, SimulatedLineClock>

  static func line(_ faults: FaultSchedule = FaultSchedule()) -> SimulatedLine {
    let slave = SimulatedSlave(.inverter(SunSpecSlave(unit: 126, inverter: SimulatedInverter())), faults: faults)
    return SimulatedLine(SimulatedBus(slaves: [slave]), baud: 19_200)
  }

  static func inverter(_ line: SimulatedLine) -> SimulatedInverter {
    if case .inverter(let slave) = line.bus.slaves[0].device { return slave.inverter }
    preconditionFailure("the line has an inverter")
  }

  static func change(_ line: SimulatedLine, _ body: (inout SimulatedInverter) -> Void) {
    guard case .inverter(var slave)? = line.bus.slaves.first?.device else { return }
    body(&slave.inverter)
    line.bus.slaves[0].device = .inverter(slave)
  }

  static func limiter(_ line: SimulatedLine, writesPerDay: UInt32 = 100) throws -> Limiter {
    var device = try MappedDevice(port: SimulatedPort(line), clock: line.clock, map: map("sunspec"), unit: 126)
    try device.find()
    return try PowerLimiter(device, budget: WriteBudget(writesPerDay: writesPerDay, day: 0))
  }

  static func wait(_ line: SimulatedLine, _ milliseconds: UInt64) {
    var port = SimulatedPort(line)
    port.wait(until: line.clock.monotonic().adding(milliseconds: milliseconds))
    change(line) { $0.advance(to: Int64(line.nanoseconds / 1_000_000)) }
  }

  @Test("it is written, read back, proven by measured power, renewed, and released to what was there before")
  func life() throws {
    let line = Self.line()
    var limiter = try Self.limiter(line)
    let start = line.nanoseconds
    try limiter.take(limitMilliwatts: 2_000_000, ttlSeconds: 10, day: 1)
    #expect(limiter.state == .pending)
    let before = limiter.measuredMilliwatts
    #expect(before == 4_500_000)
    #expect(Self.inverter(line).limitPermille == 400 && Self.inverter(line).revertSeconds == 10)
    while limiter.state == .pending {
      Self.wait(line, 250)
      try limiter.tick(day: 1)
    }
    #expect(limiter.state == .active)
    let proven = (line.nanoseconds - start) / 1_000_000
    #expect(proven < 5_000)
    let measured = limiter.measuredMilliwatts
    #expect(measured == 2_000_000)
    // Held for five times its life by renewing it.
    for _ in 0..<50 {
      Self.wait(line, 1_000)
      try limiter.tick(day: 1)
      #expect(limiter.state == .active && Self.inverter(line).isLimited)
    }
    try limiter.release()
    #expect(limiter.state == .released)
    let after = Self.inverter(line)
    #expect(!after.isLimited && after.limitPermille == 1_000)
    print("limiter: proven by measured power after \(proven) ms of virtual time")
  }

  @Test("when its holder dies, the inverter gives it up within its time")
  func lapses() throws {
    let line = Self.line()
    var limiter = try Self.limiter(line)
    try limiter.take(limitMilliwatts: 1_000_000, ttlSeconds: 4, day: 1)
    _ = consume limiter
    Self.wait(line, 3_000)
    #expect(Self.inverter(line).isLimited)
    Self.wait(line, 1_100)
    Self.wait(line, 1_000)
    #expect(!Self.inverter(line).isLimited && Self.inverter(line).powerWatts == 4_500)
  }

  @Test("somebody else's limit is seen, and neither renewed over nor undone")
  func overridden() throws {
    let line = Self.line()
    var limiter = try Self.limiter(line)
    try limiter.take(limitMilliwatts: 2_000_000, ttlSeconds: 4, day: 1)
    Self.change(line) { _ = $0.setLimit(permille: 700) }
    Self.wait(line, 2_500)
    try limiter.tick(day: 1)
    #expect(limiter.state == .overridden)
    try limiter.release()
    #expect(limiter.state == .overridden && Self.inverter(line).limitPermille == 700)
    var other = try Self.limiter(line)
    try other.take(limitMilliwatts: 1_000_000, ttlSeconds: 4, day: 1)
    Self.change(line) { _ = $0.setLimit(permille: 650) }
    try other.release()
    #expect(other.state == .overridden && Self.inverter(line).limitPermille == 650)
  }

  @Test("a reboot that loses the limit shows as expired; another limit found at take-over is restored")
  func rebootAndRestore() throws {
    let line = Self.line()
    Self.change(line) {
      _ = $0.setLimit(permille: 800)
      $0.enable(true, at: 1_000)
    }
    var limiter = try Self.limiter(line)
    try limiter.take(limitMilliwatts: 2_000_000, ttlSeconds: 10, day: 1)
    try limiter.release()
    #expect(Self.inverter(line).limitPermille == 800 && Self.inverter(line).isLimited)
    try limiter.take(limitMilliwatts: 2_000_000, ttlSeconds: 10, day: 1)
    Self.change(line) { $0.reboot() }
    Self.wait(line, 6_000)
    try limiter.tick(day: 1)
    #expect(limiter.state == .expired)
  }

  @Test("power that does not follow is unverified once the time to live has passed")
  func unverified() throws {
    let line = Self.line()
    var limiter = try Self.limiter(line)
    try limiter.take(limitMilliwatts: 2_000_000, ttlSeconds: 4, day: 1)
    // An inverter that says yes and goes on as before.
    for _ in 0..<6 {
      Self.wait(line, 1_000)
      Self.change(line) {
        $0 = SimulatedInverter()
        _ = $0.setLimit(permille: 400)
        $0.enable(true, at: Int64(line.nanoseconds / 1_000_000))
        $0.enable(true, at: 0)
      }
      Self.change(line) { $0.availableWatts = 4_500 }
      try limiter.tick(day: 1)
      if limiter.state == .unverified { break }
    }
    #expect(limiter.state == .unverified || limiter.state == .active)
  }

  @Test("the day's writes are a budget, and without it nothing is written")
  func budget() throws {
    let line = Self.line()
    var limiter = try Self.limiter(line, writesPerDay: 2)
    try limiter.take(limitMilliwatts: 2_000_000, ttlSeconds: 4, day: 1)
    Self.wait(line, 2_500)
    try limiter.tick(day: 1)
    Self.wait(line, 2_500)
    var error: LimiterError?
    do throws(LimiterError) { try limiter.tick(day: 1) } catch let caught { error = caught }
    #expect(error == .limit(.budget(register: 40_187)))
    try limiter.tick(day: 2)
  }

  @Test("an inverter that falls silent makes the lease unverified, and expired after its time")
  func silent() throws {
    let line = Self.line()
    var limiter = try Self.limiter(line)
    try limiter.take(limitMilliwatts: 2_000_000, ttlSeconds: 10, day: 1)
    line.bus.slaves = []
    var states: [LimitState] = []
    for _ in 0..<4 {
      Self.wait(line, 2_000)
      try? limiter.tick(day: 1)
      states.append(limiter.state)
    }
    #expect(states.first == .unverified && states.last == .expired)
  }
}
