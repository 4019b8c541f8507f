import Configuration
import Drivers
import HAL
import Metering
import Testing
import Wire

/// A device in memory: registers that answer functions 3 and 4 alike, a refusal or silence for what it does not have.
final class RegisterDevice {
  enum Absence { case refused(UInt8), silent, zero }
  var words: [UInt16: UInt16] = [:]
  var absence = Absence.zero
  var isTCP = false
  let time = VirtualTime()
  lazy var script = BusScript { [unowned self] _, request in self.answer(request) }

  func set(_ address: UInt16, _ values: [UInt16]) {
    for (place, value) in values.enumerated() { words[address + UInt16(place)] = value }
  }

  func set(_ address: UInt16, _ value: Float) {
    set(address, [UInt16(value.bitPattern >> 16), UInt16(value.bitPattern & 0xFFFF)])
  }

  func set(_ address: UInt16, _ text: String, registers: Int) {
    let bytes = Array(text.utf8) + Array(repeating: 0, count: 2 * registers - text.utf8.count)
    set(address, (0..<registers).map { UInt16(bytes[2 * $0]) << 8 | UInt16(bytes[2 * $0 + 1]) })
  }

  private func answer(_ frame: [UInt8]) -> [UInt8]? {
    let request = isTCP ? Array(frame.dropFirst(6)) : Array(frame.dropLast(2))
    let (address, count) = (UInt16(request[2]) << 8 | UInt16(request[3]), UInt16(request[5]))
    var body = [request[0], request[1], UInt8(2 * count)]
    for register in address..<(address + count) {
      guard let word = words[register] else {
        switch absence {
        case .zero:
          body += [0, 0]
          continue
        case .silent: return nil
        case .refused(let code): return framed(frame, [request[0], request[1] | 0x80, code])
        }
      }
      body += [UInt8(word >> 8), UInt8(word & 0xFF)]
    }
    return framed(frame, body)
  }

  private func framed(_ frame: [UInt8], _ body: [UInt8]) -> [UInt8] {
    isTCP ? Array(frame[0..<4]) + [0, UInt8(body.count)] + body : sealedFrame(body)
  }

  func driver(_ map: DeviceMap, unit: UInt8 = 1) throws -> MappedDevice<MemoryPort, VirtualTime> {
    var settings = LinkSettings(transport: isTCP ? .tcp : .rtu, gapMilliseconds: 0)
    settings.quirks = map.quirks
    settings.attempts = 1
    return try MappedDevice(port: MemoryPort(script, time), clock: time, map: map, unit: unit, settings: settings)
  }

  /// How the device is told; nil when it is the map's.
  func refusal(_ map: DeviceMap, _ wanted: WantedDevice = WantedDevice()) throws -> DriverError? {
    var device = try driver(map)
    do throws(DriverError) {
      try device.find(wanted)
      return nil
    } catch { return error }
  }

  /// The same by a scheduler, which ends where the device is known or dead.
  func scheduledRefusal(_ map: DeviceMap, _ wanted: WantedDevice = WantedDevice()) -> DriverError? {
    var scheduler = BusScheduler(
      transport: isTCP ? .tcp : .rtu, timing: BusScheduler.Timing(baud: 9_600), start: time.monotonic())
    scheduler.add(unit: 1, map: map, wanted: wanted, schedule: .onDemand, start: time.monotonic())
    scheduler.demand(0, time.monotonic())
    var probes = ProbeBudget()
    var bus = ScheduledBus(port: MemoryPort(script, time), clock: time, &scheduler)
    let end = time.monotonic().adding(milliseconds: 30_000)
    while !scheduler.devices[0].isIdentified, !scheduler.devices[0].isDead {
      do throws(DriverError) {
        guard try bus.run(&scheduler, &probes, until: end) != nil else { return .outOfRange }
      } catch { return error }
    }
    return scheduler.devices[0].isDead ? scheduler.devices[0].lastError : nil
  }
}

private func parsed(_ text: String) throws -> DeviceMap {
  let bytes = Array(text.utf8)
  return try DeviceMap(file: "a.ini", bytes: bytes.span)
}

@Suite("What a device is told by (docs/HARDWARE.md, How to write a map)")
struct IdentificationTests {
  /// Frequency, the phases' voltages and a counter of an SDM630.
  static func eastron(_ voltages: [Float], frequency: Float = 49.98) -> RegisterDevice {
    let device = RegisterDevice()
    for (phase, voltage) in voltages.enumerated() { device.set(UInt16(2 * phase), voltage) }
    device.set(0x46, frequency)
    device.set(0x34, Float(473))
    device.set(0x48, Float(7968.778))
    return device
  }

  @Test(
    "a three-phase meter is itself with whatever phases it has (SDM630-Modbus #1)",
    arguments: [
      [230, 231, 229], [230, 0, 0], [0, 231, 0], [0, 0, 229], [230, 0, 229], [0.3, 0.2, 229], [4, 3, 229],
    ]
      as [[Float]])
  func phases(voltages: [Float]) throws {
    let device = Self.eastron(voltages)
    #expect(try device.refusal(try map("eastron-sdm630")) == nil)
    #expect(device.scheduledRefusal(try map("eastron-sdm630")) == nil)
  }

  @Test("it is itself too where the frequency was measured on the phase that was lost")
  func lostFrequency() throws {
    #expect(try Self.eastron([0, 231, 229], frequency: 0).refusal(try map("eastron-sdm630")) == nil)
    #expect(try Self.eastron([0, 231, 229], frequency: .nan).refusal(try map("eastron-sdm630")) == nil)
    #expect(try Self.eastron([0, 231, 229], frequency: 99).refusal(try map("eastron-sdm630")) == nil)
  }

  /// Another make: whole numbers, the low word first.
  static func gavazzi() -> RegisterDevice {
    let device = RegisterDevice()
    for (phase, tenths) in [2304, 2311, 2298].enumerated() { device.set(UInt16(2 * phase), [UInt16(tenths), 0]) }
    device.set(0x33, [500])
    device.set(0x34, [0x11EB, 1])
    return device
  }

  @Test("another make is refused, by driver and scheduler, as are zeros all over (docs/HARDWARE.md)")
  func otherMakes() throws {
    for (name, device) in [
      ("eastron-sdm630", Self.gavazzi()), ("eastron-sdm120", Self.gavazzi()), ("eastron-sdm230", Self.gavazzi()),
      ("eastron-sdm72", Self.gavazzi()), ("carlo-gavazzi-em340", Self.eastron([230, 231, 229])),
      ("carlo-gavazzi-em24", Self.eastron([230, 231, 229])), ("chint-dtsu666", Self.eastron([230, 231, 229])),
      ("eastron-sdm630", RegisterDevice()), ("carlo-gavazzi-em340", RegisterDevice()),
      ("chint-dtsu666", Self.gavazzi()),
    ] {
      let map = try map(name)
      guard case .notTheDevice? = try device.refusal(map) else {
        Issue.record("\(name): \(String(describing: try device.refusal(map)))")
        continue
      }
      guard case .notTheDevice? = device.scheduledRefusal(map) else {
        Issue.record("\(name): \(String(describing: device.scheduledRefusal(map)))")
        continue
      }
    }
    #expect(try Self.gavazzi().refusal(try map("carlo-gavazzi-em340")) == nil)
  }

  @Test("a device that refuses what its map asks for is told of by its own refusal")
  func refusesAll() throws {
    let device = RegisterDevice()
    device.absence = .refused(2)
    #expect(try device.refusal(try map("eastron-sdm630")) == .modbus(.exception(2)))
    // One measurement that it does not have is outvoted.
    device.set(0, Float(230))
    device.set(2, Float(231))
    device.set(4, Float(229))
    #expect(try device.refusal(try map("eastron-sdm630")) == nil)
  }

  static let withIdentity = """
    [device]
    name = a
    title = A
    kind = meter
    function = 4
    order = abcd
    maximumRegisters = 60
    gapMilliseconds = 0
    baud = 9600
    parity = none
    quirks = failureMeansAbsent
    [counter]
    ratedPowerWatts = 1000
    quantumMilliwattHours = 100
    [identity]
    11 = u16 71|340...345
    100 = text4 "SUN2"|"SUN5"
    serial = 200 text5
    [check]
    0 = u16 450...650
    [ranges]
    activeEnergyImport = 0...100 kWh
    [points]
    activeEnergyImport.0 = 300 u32 Wh
    """

  @Test("registers that never change decide alone; measurements are not asked for then")
  func identity() throws {
    let map = try parsed(Self.withIdentity)
    let device = RegisterDevice()
    device.set(11, [342])
    device.set(100, "SUN5KTL", registers: 4)
    #expect(try device.refusal(map) == nil && device.scheduledRefusal(map) == nil)
    #expect(device.script.requests.allSatisfy { $0[3] != 0 })
    device.set(11, [346])
    #expect(try device.refusal(map) == .notTheDevice(register: 11))
    device.set(11, [71])
    device.set(100, "SUM2000", registers: 4)
    #expect(try device.refusal(map) == .notTheDevice(register: 100))
    #expect(device.scheduledRefusal(map) == .notTheDevice(register: 100))
    device.absence = .refused(4)
    device.words[100] = nil
    #expect(try device.refusal(map) == .notTheDevice(register: 100))
    var strict = map
    strict.quirks = []
    #expect(try device.refusal(strict) == .modbus(.exception(4)))
  }

  @Test("a serial number is asked for where one is wanted, and must be that one")
  func serialNumber() throws {
    let map = try parsed(Self.withIdentity)
    let device = RegisterDevice()
    device.set(11, [71])
    device.set(100, "SUN2", registers: 4)
    device.set(200, "A1234", registers: 5)
    let right = WantedDevice(serialNumber: Array("A1234".utf8))
    #expect(try device.refusal(map, right) == nil && device.scheduledRefusal(map, right) == nil)
    for other in ["A123", "A12345", "a1234", "B1234"] {
      let wanted = WantedDevice(serialNumber: Array(other.utf8))
      #expect(try device.refusal(map, wanted) == .wrongSerialNumber)
      #expect(device.scheduledRefusal(map, wanted) == .wrongSerialNumber)
    }
    let before = device.script.requests.count
    #expect(try device.refusal(map) == nil)
    #expect(device.script.requests[before...].allSatisfy { $0[3] != 200 })
  }
}

@Suite("The ends of SunSpec chains (sunspec/models #44, pysunspec2 #89)")
struct ChainEndTests {
  /// "SunS", the common model with a serial number, and others of so many registers.
  static func device(_ models: [(UInt16, UInt16)], end: [UInt16], _ absence: RegisterDevice.Absence) -> RegisterDevice {
    let device = RegisterDevice()
    device.absence = absence
    device.set(40_000, [0x5375, 0x6E53, 1, 66] + Array(repeating: 0x2020, count: 66))
    device.set(40_002 + 50, "SN1", registers: 16)
    var next: UInt16 = 40_070
    for (place, (identifier, length)) in models.enumerated() {
      device.set(next, [identifier, length] + Array(repeating: UInt16(place + 1), count: Int(length)))
      next += 2 + length
    }
    device.set(next, end)
    return device
  }

  static func found(
    _ device: RegisterDevice, _ wanted: WantedDevice = WantedDevice()
  ) throws -> Result<[UInt16], DriverError> {
    var driver = try device.driver(try map("sunspec"))
    do throws(DriverError) { try driver.find(wanted) } catch { return .failure(error) }
    return .success(driver.models.map(\.identifier) + [driver.plan.blocks[0].address])
  }

  @Test("a chain that just ends is a device, if a known model was found before")
  func ends() throws {
    let ends: [([UInt16], RegisterDevice.Absence)] = [
      ([], .refused(2)), ([], .refused(3)), ([], .refused(4)), ([], .silent), ([0xFFFF], .refused(2)),
      ([0xFFFF], .silent), ([0, 0], .refused(2)), ([0, 7], .zero), ([0xFFFF, 0], .refused(2)), ([0xFFFF, 9], .zero),
      ([64001, 60000], .refused(2)), ([], .zero),
    ]
    for (end, absence) in ends {
      let device = Self.device([(103, 50)], end: end, absence)
      #expect(try Self.found(device) == .success([1, 103, 40_072]), "\(end), \(absence)")
      #expect(device.scheduledRefusal(try map("sunspec")) == nil)
      let unknown = Self.device([(64110, 10)], end: end, absence)
      #expect(throws: DriverError.self) { try Self.found(unknown).get() }
      #expect(unknown.scheduledRefusal(try map("sunspec")) != nil)
    }
  }

  @Test("a vendor's model without registers hides nothing behind it")
  func emptyModel() throws {
    let device = Self.device([(64001, 0), (103, 50)], end: [0xFFFF, 0], .refused(2))
    #expect(try Self.found(device) == .success([1, 103, 40_074]))
  }

  @Test("the second meter behind an inverter is instance 2, by model or among all that are known")
  func instances() throws {
    let device = Self.device([(103, 50), (203, 105), (203, 105)], end: [0xFFFF, 0], .refused(2))
    func address(_ wanted: WantedDevice) throws -> UInt16? { try Self.found(device, wanted).get().last }
    #expect(try address(WantedDevice()) == 40_072)
    #expect(try address(WantedDevice(model: 203)) == 40_124)
    #expect(try address(WantedDevice(model: 203, instance: 2)) == 40_231)
    #expect(try address(WantedDevice(instance: 2)) == 40_124)
    #expect(throws: DriverError.deviceNotFound) { try address(WantedDevice(model: 203, instance: 3)) }
    #expect(throws: DriverError.deviceNotFound) { try address(WantedDevice(model: 701)) }
    #expect(device.scheduledRefusal(try map("sunspec"), WantedDevice(model: 203, instance: 2)) == nil)
    #expect(device.scheduledRefusal(try map("sunspec"), WantedDevice(model: 203, instance: 3)) == .deviceNotFound)
  }

  @Test("silence within the chain is silence where the wanted model was not found yet")
  func silentMiddle() throws {
    let device = Self.device([(103, 50)], end: [], .silent)
    #expect(
      try Self.found(device, WantedDevice(model: 203)) == .failure(.platform(PlatformError(.timedOut))))
  }

  @Test("a serial number is that of the common model")
  func serialNumber() throws {
    let device = Self.device([(103, 50)], end: [0xFFFF, 0], .refused(2))
    #expect(throws: Never.self) { try Self.found(device, WantedDevice(serialNumber: Array("SN1".utf8))).get() }
    #expect(
      try Self.found(device, WantedDevice(serialNumber: Array("SN2".utf8))) == .failure(.wrongSerialNumber))
    #expect(device.scheduledRefusal(try map("sunspec"), WantedDevice(serialNumber: [0x53])) == .wrongSerialNumber)
  }
}

@Suite("Time limits and what they tell (goburrow/modbus #54, solaredge-modbus-multi #394)")
struct TimeLimitTests {
  @Test("silence after something that did not count names it, by driver and scheduler")
  func unanswered() throws {
    let device = IdentificationTests.eastron([230, 231, 229])
    let answer = device.script.answer
    device.script.answer = { index, request in
      guard let reply = answer(index, request) else { return nil }
      return sealedFrame([7] + reply[1..<(reply.count - 2)])
    }
    let error = DriverError.unanswered(.wrongUnit(expected: 1, received: 7))
    #expect(try device.refusal(try map("eastron-sdm630")) == error)
    #expect(device.scheduledRefusal(try map("eastron-sdm630")) == error)
    #expect("\(error)" == "timed out: unit 7 answered instead of 1" && error.name == "timeout")
  }

  /// Milliseconds until a silent device is given up, once.
  static func patience(_ map: DeviceMap, given: UInt64? = nil) throws -> UInt64 {
    let time = VirtualTime()
    var timing = BusScheduler.Timing(baud: 0)
    timing.givenTimeoutMilliseconds = given
    var scheduler = BusScheduler(transport: .tcp, timing: timing, start: time.monotonic())
    scheduler.add(unit: 1, map: map, start: time.monotonic())
    var probes = ProbeBudget()
    let script = BusScript { _, _ in nil }
    var bus = ScheduledBus(port: MemoryPort(script, time), clock: time, &scheduler)
    let start = time.monotonic()
    _ = try bus.run(&scheduler, &probes, until: start.adding(milliseconds: 100_000))
    return time.monotonic().milliseconds(since: start)
  }

  @Test("a map's time limit goes before the port's, and the owner's before both")
  func limits() throws {
    var slow = try map("eastron-sdm630")
    #expect(try Self.patience(slow) == 500)
    slow.timeoutMilliseconds = 3_000
    #expect(try Self.patience(slow) == 3_000)
    #expect(try Self.patience(slow, given: 7_000) == 7_000)
    #expect(try Self.patience(slow, given: 40) == 40)
  }

  /// Reads a device by a scheduler for 30 s, where each answer takes so long.
  static func run(
    _ scheduler: inout BusScheduler, _ device: RegisterDevice, latencyMilliseconds: UInt64
  ) {
    let time = device.time
    let end = time.monotonic().adding(milliseconds: 30_000)
    var probes = ProbeBudget()
    var coming: (bytes: [UInt8], at: MonotonicTime)?
    var output = ByteBuffer(capacity: ModbusRequest.maximumByteCount)
    while time.monotonic() < end {
      let now = time.monotonic()
      if let (bytes, at) = coming, at <= now {
        coming = nil
        _ = scheduler.receive(bytes.span, at: time.instantOfInput())
      }
      var action = BusScheduler.Action.wait(until: now)
      output.replace { bytes in action = scheduler.step(now, &probes, into: &bytes) }
      switch action {
      case .transmit:
        let request = (0..<output.count).map { output.span[$0] }
        if let answer = device.script.answer(0, request) {
          coming = (answer, now.adding(milliseconds: latencyMilliseconds))
        }
      case .wait(let until):
        time.nanoseconds = max(now.nanoseconds + 1_000, min(until, coming?.at ?? until).nanoseconds)
      case .timedOut: coming = nil
      }
    }
  }

  @Test("a limit that was given stays, though the device answers faster most of the time")
  func stays() throws {
    let device = IdentificationTests.eastron([230, 231, 229])
    device.isTCP = true
    var slow = try map("eastron-sdm630")
    for (limit, expected) in [(nil, false), (3_000, true)] as [(UInt64?, Bool)] {
      slow.timeoutMilliseconds = limit
      var timing = BusScheduler.Timing(baud: 0)
      timing.firstTimeoutMilliseconds = 3_000
      var scheduler = BusScheduler(transport: .tcp, timing: timing, start: device.time.monotonic())
      scheduler.add(unit: 1, map: slow, start: device.time.monotonic())
      Self.run(&scheduler, device, latencyMilliseconds: 20)
      var timeouts = scheduler.devices[0].timeouts
      #expect(timeouts == 0)
      Self.run(&scheduler, device, latencyMilliseconds: 2_000)
      timeouts = scheduler.devices[0].timeouts
      #expect((timeouts == 0) == expected)
    }
  }
}
