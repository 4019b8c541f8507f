import Configuration
import Drivers
import HAL
import Metering
import SimulatedWorld
import Testing
import Units
import Wire

/// The slave's answer as an array, and the counters it reports.
private func ask(_ house: SimulatedHouse, _ request: [UInt8]) -> (reply: [UInt8], counters: AnsweredCounters?) {
  var buffer = ByteBuffer(capacity: EastronSlave.maximumReplyBytes)
  var counters: AnsweredCounters?
  buffer.replace { output in counters = EastronSlave(unit: 1).answer(request.span, house: house, into: &output) }
  return ((0..<buffer.count).map { buffer.span[$0] }, counters)
}

private func sealed(_ body: [UInt8]) -> [UInt8] {
  let sum = ModbusChecksum(of: body.span).value
  return body + [UInt8(sum & 0xFF), UInt8(sum >> 8)]
}

func map(_ name: String) throws -> DeviceMap { try #require(try BuiltInDevices.map(named: name)) }

func device(
  _ script: BusScript, _ time: VirtualTime, _ name: String = "eastron-sdm630", attempts: UInt8 = 3
) throws -> MappedDevice<MemoryPort, VirtualTime> {
  let map = try map(name)
  var settings = LinkSettings(gapMilliseconds: map.gapMilliseconds)
  settings.attempts = attempts
  return try MappedDevice(port: MemoryPort(script, time), clock: time, map: map, unit: 1, settings: settings)
}

@Suite("Meters over a bus in memory")
struct MappedDeviceTests {
  static func energy(_ script: BusScript, _ time: VirtualTime = VirtualTime()) throws -> EnergyReading {
    var meter = try device(script, time)
    return try meter.readEnergy()
  }

  @Test("what the slave says it answered is what the driver reads, to the last mWh", arguments: 0..<40 as Range<UInt64>)
  func agreesWithTruth(seed: UInt64) throws {
    var house = SimulatedHouse(seed: seed)
    let time = VirtualTime()
    var counters: AnsweredCounters?
    let script = BusScript { _, request in
      let answer = ask(house, request)
      counters = answer.counters
      return answer.reply
    }
    var meter = try device(script, time)
    for hour in 1...12 as ClosedRange<Int64> {
      house.advance(to: hour * 7_333)
      let reading = try meter.readEnergy()
      let truth = try #require(counters)
      #expect(reading.importEnergy == MilliwattHours(truth.importMilliwattHours))
      #expect(reading.exportEnergy == MilliwattHours(truth.exportMilliwattHours))
      // A binary32 of up to 16 384 kWh steps by 1/1024 kWh, so it is at most half that off.
      #expect(abs((reading.importEnergy?.value ?? 0) - house.importWattHours * 1_000) <= 500)
    }
  }

  @Test("samples carry the house's power, in mW, and their time")
  func samples() throws {
    var house = SimulatedHouse(seed: 3)
    house.advance(to: 40_000)
    let time = VirtualTime()
    let script = BusScript { _, request in ask(house, request).reply }
    for (name, expected) in [("eastron-sdm630", 16), ("eastron-sdm120", 9), ("eastron-sdm72", 3)] {
      var meter = try device(script, time, name, attempts: 1)
      var samples: [Sample] = []
      try meter.readSamples { sample in samples.append(sample) }
      #expect(samples.count == expected)
      #expect(samples.first { $0.quantity == .activePower && $0.phase == 0 }?.value == house.powerWatts * 1_000)
      let allGood = samples.allSatisfy { $0.quality == .good && $0.monotonicNanoseconds > 0 && $0.wallIsSynchronised }
      #expect(allGood)
      let frequency = samples.first { $0.quantity == .frequency }?.value ?? 50_000
      #expect((49_970...50_030).contains(frequency))
    }
  }

  @Test("answers that come byte by byte are put together")
  func slowBytes() throws {
    let script = BusScript { _, request in ask(SimulatedHouse(seed: 1), request).reply }
    script.chunk = 1
    #expect(try Self.energy(script).importEnergy?.value ?? 0 > 0)
  }

  @Test("requests keep their gap, and input is flushed before each")
  func gap() throws {
    let time = VirtualTime()
    let script = BusScript { _, request in ask(SimulatedHouse(seed: 1), request).reply }
    var meter = try device(script, time)
    for _ in 0..<5 { _ = try meter.readEnergy() }
    for (earlier, later) in zip(script.requestTimes, script.requestTimes.dropFirst()) {
      #expect(later - earlier >= 100_000_000)
    }
    #expect(script.discards == 5)
  }

  @Test("silence is asked three times and then thrown as a timeout")
  func timeout() {
    let time = VirtualTime()
    let script = BusScript { _, _ in nil }
    let start = time.nanoseconds
    #expect(throws: DriverError.platform(PlatformError(.timedOut))) { try Self.energy(script, time) }
    #expect(script.requests.count == 3)
    #expect((time.nanoseconds - start) / 1_000_000 <= 3 * (100 + 500))
  }

  @Test("a bad checksum is asked again, and only the good answer counts")
  func checksum() throws {
    let house = SimulatedHouse(seed: 1)
    let script = BusScript { index, request in
      var reply = ask(house, request).reply
      if index < 2 { reply[5] ^= 0x10 }
      return reply
    }
    let reading = try Self.energy(script)
    #expect(script.requests.count == 3)
    #expect(abs((reading.importEnergy?.value ?? 0) - house.importWattHours * 1_000) <= 500)
    let broken = BusScript { _, request in
      var reply = ask(house, request).reply
      reply[5] ^= 0x10
      return reply
    }
    #expect { try Self.energy(broken) } throws: { error in
      if case .modbus(.checksum) = error as? DriverError { return true }
      return false
    }
  }

  @Test("another unit's frame and our own echo are dropped, the answer behind them is read")
  func foreignFrames() throws {
    let house = SimulatedHouse(seed: 1)
    let foreign = sealed([9, 4, 8, 1, 2, 3, 4, 5, 6, 7, 8])
    let script = BusScript { _, request in request + foreign + ask(house, request).reply }
    let reading = try Self.energy(script)
    #expect(abs((reading.importEnergy?.value ?? 0) - house.importWattHours * 1_000) <= 500)
    #expect(script.requests.count == 1)
    let alone = BusScript { _, _ in foreign }
    #expect(throws: DriverError.unanswered(.wrongUnit(expected: 1, received: 9))) { try Self.energy(alone) }
  }

  @Test(
    "a block refused is asked for point by point, a busy meter again",
    arguments: [(2, 3), (1, 3), (10, 1), (6, 3)] as [(UInt8, Int)])
  func exceptions(code: UInt8, requests: Int) {
    let script = BusScript { _, _ in sealed([1, 0x84, code]) }
    #expect(throws: DriverError.modbus(.exception(code))) { try Self.energy(script) }
    #expect(script.requests.count == requests)
  }

  @Test("a lost port is thrown at once")
  func disconnect() {
    let script = BusScript { _, _ in nil }
    script.isDisconnected = true
    #expect(throws: DriverError.platform(PlatformError(.disconnected))) { try Self.energy(script) }
  }

  @Test("a counter that is no number is none, never a value; a meter without any gives no reading")
  func notANumber() throws {
    let one = BusScript { _, _ in sealed([1, 4, 8, 0x7F, 0xC0, 0, 0, 0, 0, 0, 0]) }
    let reading = try Self.energy(one)
    #expect(reading.importEnergy == nil && reading.exportEnergy == MilliwattHours(0))
    let both = BusScript { _, _ in sealed([1, 4, 8, 0x7F, 0xC0, 0, 0, 0x7F, 0xC0, 0, 0]) }
    #expect(throws: DriverError.unusable(.activeEnergyExport, .notImplemented)) { try Self.energy(both) }
  }

  @Test("a meter that refuses one register of a block gives the others, and is not asked for that one again")
  func oneRegisterRefused() throws {
    let house = SimulatedHouse(seed: 2)
    let time = VirtualTime()
    let script = BusScript { _, request in
      let (start, count) = (Int(request[3]), Int(request[5]))
      return start <= 0x34 && 0x34 < start + count ? sealed([1, 0x84, 2]) : ask(house, request).reply
    }
    var meter = try device(script, time)
    for round in 0..<2 {
      var samples: [Sample] = []
      try meter.readSamples { sample in samples.append(sample) }
      #expect(samples.count == 16)
      for sample in samples {
        let isRefused = sample.quantity == .activePower && sample.phase == 0
        #expect(sample.quality == (isRefused ? .notImplemented : .good))
      }
      let asked = script.requests.filter { $0[3] == 0x34 && $0[5] == 2 }.count
      // Once as the total of every second, once out of the block around it.
      #expect(asked <= 2 && (round == 0 || script.requests.count > 2))
    }
  }

  @Test("a device that is another one is told by its checks")
  func checks() throws {
    let time = VirtualTime()
    let house = SimulatedHouse(seed: 2)
    var good = try device(BusScript { _, request in ask(house, request).reply }, time)
    try good.find()
    let script = BusScript { _, _ in sealed([1, 4, 4, 0x44, 0x7A, 0, 0]) }
    var bad = try device(script, time)
    var error: DriverError?
    do throws(DriverError) { try bad.find() } catch let caught { error = caught }
    #expect(error == .notTheDevice(register: 0x46))
  }
}

@Suite("The simulated slave (Eastron SDM630 Modbus protocol)")
struct EastronSlaveTests {
  let house = SimulatedHouse(seed: 1)

  @Test("refuses as the recorded exception does and keeps silent for others and for noise")
  func refusals() {
    #expect(ask(house, [0x01, 0x04, 0x13, 0x88, 0x00, 0x01, 0xB5, 0x64]).reply == [0x01, 0x84, 0x02, 0xC2, 0xC1])
    #expect(ask(house, sealed([1, 3, 0, 0, 0, 2])).reply == sealed([1, 0x83, 1]))
    #expect(ask(house, sealed([1, 4, 0, 0, 0, 82])).reply == sealed([1, 0x84, 3]))
    #expect(ask(house, sealed([2, 4, 0, 0, 0, 2])).reply.isEmpty)
    #expect(ask(house, [1, 4, 0, 0, 0, 2, 0, 0]).reply.isEmpty)
  }

  @Test("reports counters exactly when the answer holds both whole")
  func reports() {
    #expect(ask(house, sealed([1, 4, 0, 0x48, 0, 4])).counters != nil)
    #expect(ask(house, sealed([1, 4, 0, 0, 0, 80])).counters != nil)
    #expect(ask(house, sealed([1, 4, 0, 0x48, 0, 2])).counters == nil)
    #expect(ask(house, sealed([1, 4, 0, 0x4A, 0, 4])).counters == nil)
  }

  @Test("a house lives the same day in one leap as in many small steps, and its counters never fall")
  func deterministic() {
    var leaping = SimulatedHouse(seed: 8)
    var walking = SimulatedHouse(seed: 8)
    leaping.advance(to: 86_400)
    var last = walking.importWattHours
    for second in stride(from: Int64(7), through: 86_400, by: 7) {
      walking.advance(to: second)
      #expect(walking.importWattHours >= last)
      last = walking.importWattHours
    }
    walking.advance(to: 86_400)
    #expect(leaping.importWattHours == walking.importWattHours)
    #expect(leaping.exportWattHours == walking.exportWattHours)
  }
}
