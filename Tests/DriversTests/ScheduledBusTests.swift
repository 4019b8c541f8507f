import Configuration
import Drivers
import HAL
import Metering
import SimulatedWorld
import Testing
import Units

/// Slaves behind a port in memory; what they answer is there at once.
final class SlaveBus {
  var slaves: SimulatedBus
  let time: VirtualTime
  var script = BusScript { _, _ in nil }
  /// What the `n`-th request gets instead of an answer; nil lets it pass.
  var instead: ([UInt8]) -> [UInt8]? = { _ in nil }

  init(_ slaves: [SimulatedSlave], _ time: VirtualTime) {
    self.slaves = SimulatedBus(slaves: slaves)
    self.time = time
    script.answer = { [unowned self] _, request in
      if let other = instead(request) { return other }
      let answers = self.slaves.receive(request, at: Int64(self.time.nanoseconds / 1_000_000))
      return answers.isEmpty ? nil : answers.flatMap(\.bytes)
    }
  }
}

func sealedFrame(_ body: [UInt8]) -> [UInt8] {
  let sum = ModbusChecksum(of: body.span).value
  return body + [UInt8(sum & 0xFF), UInt8(sum >> 8)]
}

private func house(_ unit: UInt8) -> SimulatedSlave {
  SimulatedSlave(.house(EastronSlave(unit: unit), SimulatedHouse(seed: UInt64(unit))))
}

private func scheduled(
  _ time: VirtualTime, _ name: String = "eastron-sdm630", unit: UInt8 = 1, ratedWatts: Int64 = 69_000
) throws -> ScheduledMeter {
  let found = try map(name)
  let rule = CounterRule(ratedPowerMilliwatts: ratedWatts * 1_000, quantumMilliwattHours: 1_000)
  return ScheduledMeter(
    map: found, unit: unit, transport: .rtu, timing: BusScheduler.Timing(baud: 9_600),
    counters: GuardedCounters(rule), start: time.monotonic())
}

/// What a reading gave or threw.
private func read(
  _ meter: inout ScheduledMeter, _ bus: SlaveBus, _ time: VirtualTime, isKept: Bool = false
) -> Result<CounterRegisters?, DriverError> {
  do throws(DriverError) {
    return .success(try meter.read(port: MemoryPort(bus.script, time), clock: time, isKept: isKept))
  } catch { return .failure(error) }
}

/// Reads until the counters are believed, at most for so long.
private func readBase(
  _ meter: inout ScheduledMeter, _ bus: SlaveBus, _ time: VirtualTime, seconds: UInt64 = 5
) throws -> CounterRegisters? {
  let end = time.nanoseconds + seconds * 1_000_000_000
  while time.nanoseconds < end {
    if meter.isDue(time.monotonic()), let registers = try read(&meter, bus, time).get() { return registers }
    time.nanoseconds += 100_000_000
  }
  return nil
}

@Suite("A meter read by a scheduler (docs/HARDWARE.md, Counters, Many devices)")
struct ScheduledMeterTests {
  @Test(
    "it reads what the sequential driver reads",
    arguments: [("eastron-sdm630", 1), ("sunspec", 126)] as [(String, UInt8)])
  func agrees(name: String, unit: UInt8) throws {
    let time = VirtualTime()
    let slave =
      name == "sunspec"
      ? SimulatedSlave(.inverter(SunSpecSlave(unit: unit, inverter: SimulatedInverter()))) : house(unit)
    let bus = SlaveBus([slave], time)
    var meter = try scheduled(time, name, unit: unit, ratedWatts: 1_000_000)
    let reading = try readBase(&meter, bus, time)
    var mapped = try MappedDevice(
      port: MemoryPort(bus.script, time), clock: time, map: try map(name), unit: unit, settings: LinkSettings())
    try mapped.find()
    let other = try mapped.readEnergy()
    let first = try #require(reading)
    #expect(first.importEnergy == other.importEnergy ?? MilliwattHours(0))
    // An inverter goes on producing between the two.
    let exported = try #require(other.exportEnergy)
    #expect(abs(first.exportEnergy.value - exported.value) <= 10_000)
    #expect(first.importEnergy.value + exported.value > 0)
  }

  @Test("a silent meter is asked at 0, 0.6, 2, 6, 14, 30 s and then each 30 s, however often a node asks for it")
  func silence() throws {
    let time = VirtualTime()
    let bus = SlaveBus([], time)
    var meter = try scheduled(time)
    let start = time.nanoseconds
    var longest: UInt64 = 0
    while time.nanoseconds < start + 600_000_000_000 {
      if meter.isDue(time.monotonic()) {
        let before = time.nanoseconds
        let result = read(&meter, bus, time)
        #expect(result == .failure(.platform(PlatformError(.timedOut))))
        longest = max(longest, time.nanoseconds - before)
      }
      time.nanoseconds += 100_000_000
    }
    // A retry at each tick would be some 1000 readings of 3 requests.
    #expect(bus.script.requests.count >= 20 && bus.script.requests.count <= 26, "\(bus.script.requests.count)")
    #expect(longest <= 1_500_000_000, "\(longest) ns")
    bus.slaves.slaves = [house(1)]
    let plugged = time.nanoseconds
    let reading = try readBase(&meter, bus, time, seconds: 40)
    #expect(reading != nil && time.nanoseconds - plugged <= 33_000_000_000)
    let isDue = meter.isDue(time.monotonic())
    #expect(isDue)
  }

  @Test("a port that cannot be opened, or breaks, is tried after 1, 2, 4, ... 30 s")
  func port() throws {
    let time = VirtualTime()
    var meter = try scheduled(time)
    var pauses: [UInt64] = []
    for _ in 0..<8 {
      let start = time.nanoseconds
      meter.portFailed(time.monotonic())
      while !meter.isDue(time.monotonic()) { time.nanoseconds += 100_000_000 }
      pauses.append((time.nanoseconds - start) / 1_000_000_000)
    }
    #expect(pauses == [1, 2, 4, 8, 16, 30, 30, 30])
    let bus = SlaveBus([house(1)], time)
    bus.script.isDisconnected = true
    let broken = read(&meter, bus, time)
    let isDue = meter.isDue(time.monotonic())
    #expect(broken == .failure(.platform(PlatformError(.disconnected))) && !isDue)
    time.nanoseconds += 31_000_000_000
    bus.script.isDisconnected = false
    let whole = try readBase(&meter, bus, time)
    #expect(whole != nil)
  }

  @Test("another device in its place is never read, and is not asked without end")
  func anotherDevice() throws {
    let time = VirtualTime()
    let bus = SlaveBus([SimulatedSlave(.inverter(SunSpecSlave(unit: 1, inverter: SimulatedInverter())))], time)
    var meter = try scheduled(time, "carlo-gavazzi-em24")
    let first = read(&meter, bus, time)
    var isDue = meter.isDue(time.monotonic())
    #expect((try? first.get()) == nil && !isDue)
    // Each of its map's measurements, twice: then it is left alone.
    #expect(bus.script.requests.count <= 2 * (try map("carlo-gavazzi-em24").checks.count))
    let wrong = SlaveBus([], time)
    // A good answer to the check, of something else.
    wrong.instead = { request in
      sealedFrame([request[0], request[1], 2 * request[5]] + Array(repeating: 0, count: 2 * Int(request[5])))
    }
    time.nanoseconds += 40_000_000_000
    let second = read(&meter, wrong, time)
    isDue = meter.isDue(time.monotonic())
    #expect(throws: DriverError.notTheDevice(register: 55)) { try second.get() }
    #expect(!isDue)
  }

  /// The house some hours on, so that its counter cannot have moved so.
  static func later(_ bus: SlaveBus) {
    var later = SimulatedHouse(seed: 1)
    later.advance(to: 3_000_000)
    bus.slaves.slaves = [SimulatedSlave(.house(EastronSlave(unit: 1), later))]
  }

  @Test("counters that are not believed are read once, and again after 1, 2, 4, ... 60 s, until they are a new base")
  func doubt() throws {
    let time = VirtualTime()
    let bus = SlaveBus([house(1)], time)
    var meter = try scheduled(time, ratedWatts: 1)
    let firstReading = try readBase(&meter, bus, time)
    let first = try #require(firstReading)
    Self.later(bus)
    let before = bus.script.requests.count
    var pauses: [UInt64] = []
    var registers: CounterRegisters?
    let start = time.nanoseconds
    while registers == nil, pauses.count < 20 {
      registers = try read(&meter, bus, time).get()
      let end = time.nanoseconds
      while !meter.isDue(time.monotonic()) { time.nanoseconds += 100_000_000 }
      pauses.append((time.nanoseconds - end) / 1_000_000_000)
    }
    #expect(pauses == [1, 2, 4, 8, 16, 32, 60, 60, 0])
    // What tells the device, and one block of counters, each time.
    #expect(bus.script.requests.count == before + 9 * (try map("eastron-sdm630").checks.count + 1))
    #expect(time.nanoseconds - start <= 190_000_000_000)
    // The difference is no energy, and it was told.
    let rebases = meter.counters.rebases
    #expect(registers == first && rebases >= 1)
  }

  @Test("what a doubted meter says is kept before it is asked again; what it goes on saying is not")
  func news() throws {
    let time = VirtualTime()
    let bus = SlaveBus([house(1)], time)
    var meter = try scheduled(time, ratedWatts: 1)
    _ = try readBase(&meter, bus, time)
    let settled = meter.takeNews()
    let before = try #require(settled)
    #expect(before.importCounter.ceiling == nil)
    Self.later(bus)
    _ = try read(&meter, bus, time).get()
    let doubted = meter.takeNews()
    #expect(doubted?.importCounter.ceiling != nil && doubted?.importCounter.base == before.importCounter.base)
    time.nanoseconds += 2_000_000_000
    _ = try read(&meter, bus, time).get()
    let again = meter.takeNews()
    #expect(again == nil)
  }

  /// The address of a request, and whether it holds the register.
  private static func holds(_ register: UInt8, _ request: [UInt8]) -> Bool {
    request[3] <= register && register < request[3] + request[5]
  }

  @Test(
    "a refusal of the counters' block is the reading's failure, and no 0",
    arguments: [1, 2, 3, 4, 8] as [UInt8])
  func refusedBlock(code: UInt8) throws {
    let time = VirtualTime()
    let bus = SlaveBus([house(1)], time)
    var meter = try scheduled(time)
    let firstReading = try readBase(&meter, bus, time)
    let first = try #require(firstReading)
    bus.instead = { Self.holds(0x48, $0) || Self.holds(0x4A, $0) ? sealedFrame([1, 0x84, code]) : nil }
    for _ in 0..<10 {
      time.nanoseconds += 60_000_000_000
      let failed = read(&meter, bus, time)
      #expect(throws: DriverError.modbus(.exception(code))) { try failed.get() }
    }
    bus.instead = { _ in nil }
    time.nanoseconds += 60_000_000_000
    let againReading = try readBase(&meter, bus, time)
    let again = try #require(againReading)
    let rebases = meter.counters.rebases
    #expect(again == first && rebases == 0)
  }

  @Test(
    "one counter that is refused and had a value is the reading's failure, with the exception's name; then it is asked for again",
    arguments: [0x48, 0x4A] as [UInt8])
  func refusedCounter(register: UInt8) throws {
    let time = VirtualTime()
    let bus = SlaveBus([house(1)], time)
    var meter = try scheduled(time)
    let firstReading = try readBase(&meter, bus, time)
    let first = try #require(firstReading)
    bus.instead = { Self.holds(register, $0) ? sealedFrame([1, 0x84, 2]) : nil }
    for _ in 0..<4 {
      time.nanoseconds += 61_000_000_000
      let failed = read(&meter, bus, time)
      #expect(throws: DriverError.modbus(.exception(2))) { try failed.get() }
    }
    bus.instead = { _ in nil }
    time.nanoseconds += 61_000_000_000
    let againReading = try readBase(&meter, bus, time)
    let again = try #require(againReading)
    #expect(again == first)
  }

  @Test("over a connection that is kept it is identified once, and anew where it refused a counter or power is wanted")
  func kept() throws {
    let time = VirtualTime()
    let bus = SlaveBus([house(1)], time)
    var meter = try scheduled(time)
    let base = try readBase(&meter, bus, time)
    let checks = try map("eastron-sdm630").checks.count
    /// A minute later: what came of it, and how many requests it took.
    func again() -> (result: Result<CounterRegisters?, DriverError>, requests: Int) {
      time.nanoseconds += 61_000_000_000
      let before = bus.script.requests.count
      let result = read(&meter, bus, time, isKept: true)
      return (result, bus.script.requests.count - before)
    }
    for _ in 0..<3 {
      let next = again()
      #expect(try next.result.get() == base && next.requests == 1)
    }
    bus.instead = { Self.holds(0x4A, $0) ? sealedFrame([1, 0x84, 2]) : nil }
    // The block, and then each counter.
    let refused = again()
    #expect(throws: DriverError.modbus(.exception(2))) { try refused.result.get() }
    #expect(refused.requests == 3)
    bus.instead = { _ in nil }
    let whole = again()
    #expect(try whole.result.get() == base && whole.requests == checks + 1)
    bus.instead = { request in
      guard Self.holds(0x48, request) || Self.holds(0x4A, request) else { return nil }
      return sealedFrame([1, 4, 2 * request[5]] + Array(repeating: 0, count: 2 * Int(request[5])))
    }
    // All counters are 0: from then on power is asked for too.
    #expect(again().requests == 1 && again().requests == checks + 2 && again().requests == 2)
    bus.instead = { _ in nil }
    #expect(try again().result.get() == base)
    #expect(again().requests == checks + 1 && again().requests == 1)
  }

  @Test("a meter that never had an export counter is metered, and says so once")
  func neverHadExport() throws {
    let time = VirtualTime()
    let bus = SlaveBus([house(1)], time)
    bus.instead = { Self.holds(0x4A, $0) ? sealedFrame([1, 0x84, 2]) : nil }
    var meter = try scheduled(time)
    let firstReading = try readBase(&meter, bus, time)
    let first = try #require(firstReading)
    let outcome = meter.counters.exportOutcome
    #expect(first.importEnergy.value > 0 && first.exportEnergy == MilliwattHours(0) && outcome == .absent)
    time.nanoseconds += 1_800_000_000_000
    let later = try read(&meter, bus, time).get()
    let next = meter.counters.exportOutcome
    #expect(later != nil && next == .advanced(by: MilliwattHours(0)))
  }

  @Test("a NaN in a counter that had a value is no reading, and names the counter")
  func notANumber() throws {
    let time = VirtualTime()
    let bus = SlaveBus([house(1)], time)
    var meter = try scheduled(time)
    let base = try readBase(&meter, bus, time)
    #expect(base != nil)
    // Import as it was, export not a number.
    bus.instead = { request in
      guard request[3] == 0x48, request[5] == 4 else { return nil }
      return sealedFrame([1, 4, 8, 0x45, 0xF9, 0x06, 0x39, 0x7F, 0xC0, 0, 0])
    }
    time.nanoseconds += 60_000_000_000
    let failed = read(&meter, bus, time)
    #expect(throws: DriverError.unusable(.activeEnergyExport, .notImplemented)) { try failed.get() }
  }

  @Test("a meter that is 0 while power flows has no base: power is asked for then, and only then")
  func blankUnderLoad() throws {
    let time = VirtualTime()
    let bus = SlaveBus([house(1)], time)
    var isBlank = true
    bus.instead = { request in
      guard isBlank, Self.holds(0x48, request) || Self.holds(0x4A, request) else { return nil }
      return sealedFrame([1, 4, 2 * request[5]] + Array(repeating: 0, count: 2 * Int(request[5])))
    }
    var meter = try scheduled(time)
    let blank = try readBase(&meter, bus, time, seconds: 900)
    let powers = bus.script.requests.filter { Self.holds(0x34, $0) }.count
    #expect(blank == nil && powers > 5)
    isBlank = false
    time.nanoseconds += 60_000_000_000
    // It is asked again after a minute by now.
    let loadedReading = try readBase(&meter, bus, time, seconds: 130)
    let loaded = try #require(loadedReading)
    #expect(loaded.importEnergy.value > 0)
    let before = bus.script.requests.filter { Self.holds(0x34, $0) }.count
    time.nanoseconds += 60_000_000_000
    _ = try read(&meter, bus, time).get()
    _ = try read(&meter, bus, time).get()
    #expect(bus.script.requests.filter { Self.holds(0x34, $0) }.count <= before + 1)
  }

  @Test("a meter that is 0 and does not answer for its power is metered all the same, after minutes")
  func blankWithoutPower() throws {
    let time = VirtualTime()
    let bus = SlaveBus([house(1)], time)
    bus.instead = { request in
      if Self.holds(0x34, request) { return [] }
      guard Self.holds(0x48, request) || Self.holds(0x4A, request) else { return nil }
      return sealedFrame([1, 4, 2 * request[5]] + Array(repeating: 0, count: 2 * Int(request[5])))
    }
    var meter = try scheduled(time)
    var registers: CounterRegisters?
    let end = time.nanoseconds + 600_000_000_000
    while registers == nil, time.nanoseconds < end {
      if meter.isDue(time.monotonic()) { registers = (try? read(&meter, bus, time).get()) ?? nil }
      time.nanoseconds += 100_000_000
    }
    #expect(registers == CounterRegisters(importEnergy: MilliwattHours(0), exportEnergy: MilliwattHours(0)))
  }

  @Test("a meter that answers slowly but for ever is given up after five seconds")
  func endless() throws {
    let time = VirtualTime()
    let bus = SlaveBus([house(1)], time)
    bus.instead = { _ in
      time.nanoseconds += 400_000_000
      return sealedFrame([9, 4, 2, 0, 0])
    }
    var meter = try scheduled(time)
    let start = time.nanoseconds
    let result = read(&meter, bus, time)
    #expect((try? result.get()) == nil && time.nanoseconds - start <= 6_500_000_000)
  }
}

/// Runs a scheduler for a while.
/// - Returns: per device the values of the last answer of each quantity, and its failures.
private func watch(
  _ scheduler: inout BusScheduler, _ bus: SlaveBus, seconds: UInt64
) throws -> (samples: [[Sample]], failures: [[DriverError]]) {
  var samples: [[Sample]] = Array(repeating: [], count: scheduler.devices.count)
  var failures: [[DriverError]] = Array(repeating: [], count: scheduler.devices.count)
  var port = ScheduledBus(port: MemoryPort(bus.script, bus.time), clock: bus.time, &scheduler)
  var probes = ProbeBudget()
  let end = bus.time.monotonic().adding(milliseconds: seconds * 1_000)
  while bus.time.monotonic() < end {
    switch try port.run(&scheduler, &probes, until: end) {
    case .answered(let device, _), .refused(let device, _, _):
      scheduler.visitSamples { sample in
        samples[device].removeAll { $0.quantity == sample.quantity && $0.phase == sample.phase }
        samples[device].append(sample)
      }
    case .failed(let device, let error): failures[device].append(error)
    case .identifying, nil: continue
    }
  }
  return (samples, failures)
}

@Suite("A scheduler that identifies its devices (docs/HARDWARE.md, Many devices)")
struct IdentifyingSchedulerTests {
  static func scheduler(_ time: VirtualTime) -> BusScheduler {
    BusScheduler(transport: .rtu, timing: BusScheduler.Timing(baud: 9_600), start: time.monotonic())
  }

  @Test("meters, an inverter and a dead device on one bus: the living give everything, each second")
  func mixed() throws {
    let time = VirtualTime()
    let bus = SlaveBus(
      [house(1), house(2), SimulatedSlave(.inverter(SunSpecSlave(unit: 126, inverter: SimulatedInverter())))], time)
    var scheduler = Self.scheduler(time)
    for unit in [1, 2, 3] as [UInt8] {
      scheduler.add(unit: unit, map: try map("eastron-sdm630"), start: time.monotonic())
    }
    scheduler.add(unit: 126, map: try map("sunspec"), start: time.monotonic())
    let seen = try watch(&scheduler, bus, seconds: 120)
    for device in [0, 1, 3] {
      let known = scheduler.devices[device]
      let allGood = seen.samples[device].allSatisfy { $0.quality == .good || $0.quality == .notImplemented }
      #expect(known.isIdentified && known.isComplete && allGood && seen.samples[device].count >= 12)
      #expect(known.fastRounds >= 115 && known.timeouts == 0 && known.errors <= 1, "\(known.fastRounds)")
    }
    let dead = scheduler.devices[2]
    #expect(dead.isDead && seen.samples[2].isEmpty)
    #expect(seen.failures[2].count <= 9 && seen.failures[2].allSatisfy { $0 == .platform(PlatformError(.timedOut)) })
  }

  @Test("a device that was dead is identified anew: another one in its place is never read")
  func replaced() throws {
    let time = VirtualTime()
    let inverter = SimulatedSlave(.inverter(SunSpecSlave(unit: 1, inverter: SimulatedInverter())))
    let bus = SlaveBus([inverter], time)
    var scheduler = Self.scheduler(time)
    scheduler.add(unit: 1, map: try map("sunspec"), start: time.monotonic())
    let first = try watch(&scheduler, bus, seconds: 10)
    #expect(first.samples[0].count >= 12)
    bus.slaves.slaves = []
    let silent = try watch(&scheduler, bus, seconds: 10)
    #expect(silent.samples[0].isEmpty)
    bus.slaves.slaves = [house(1)]
    let other = try watch(&scheduler, bus, seconds: 60)
    let dead = scheduler.devices[0]
    #expect(other.samples[0].isEmpty && dead.isDead)
    #expect(other.failures[0].contains { $0 != .platform(PlatformError(.timedOut)) })
    bus.slaves.slaves = [inverter]
    let again = try watch(&scheduler, bus, seconds: 120)
    #expect(again.samples[0].count >= 12)
  }

  @Test("a block that is refused is asked for point by point; what is refused alone is not implemented, once")
  func refusedPoint() throws {
    let time = VirtualTime()
    let bus = SlaveBus([house(1)], time)
    bus.instead = { request in
      let (start, count) = (Int(request[3]), Int(request[5]))
      return start <= 0x4A && 0x4A < start + count ? sealedFrame([1, 0x84, 2]) : nil
    }
    var scheduler = Self.scheduler(time)
    scheduler.add(unit: 1, map: try map("eastron-sdm630"), start: time.monotonic())
    let seen = try watch(&scheduler, bus, seconds: 45)
    #expect(seen.samples[0].count == 16 && seen.failures[0].isEmpty)
    for sample in seen.samples[0] {
      #expect(sample.quality == (sample.quantity == .activeEnergyExport ? .notImplemented : .good), "\(sample)")
    }
    // The block, and then the point.
    let asked = bus.script.requests.filter { $0[3] <= 0x4A && 0x4A < $0[3] + $0[5] }.count
    #expect(asked <= 2, "\(asked)")
  }

  @Test(
    "a device that refuses everything is dead, and so is one that a gateway cannot find", arguments: [2, 11] as [UInt8])
  func refusesAll(code: UInt8) throws {
    let time = VirtualTime()
    let bus = SlaveBus([house(1)], time)
    bus.instead = { request in sealedFrame([request[0], request[1] | 0x80, code]) }
    var scheduler = Self.scheduler(time)
    scheduler.add(unit: 1, map: try map("eastron-sdm72"), start: time.monotonic())
    let seen = try watch(&scheduler, bus, seconds: 60)
    let allMissing = seen.samples[0].allSatisfy { $0.quality == .notImplemented }
    let dead = scheduler.devices[0]
    #expect(dead.isDead && allMissing)
    #expect(seen.failures[0].contains(.modbus(.exception(code))))
    #expect(bus.script.requests.count <= 60, "\(bus.script.requests.count)")
  }
}
