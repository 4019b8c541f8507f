import HAL
import Metering
import Units
import Wire

/// How to talk to one meter on its bus.
public struct EastronSettings: Sendable {
  /// 1...247
  public var unit: UInt8 = 1
  public var model: EastronModel = .sdm630
  /// Silence before each request. SDM meters lose requests below 100 ms, and SDM72D restarts.
  public var requestGapMilliseconds: UInt64 = 100
  /// From the end of the request to the end of the answer.
  public var timeoutMilliseconds: UInt64 = 500
  /// Tries of one request before its error is thrown; >= 1.
  public var attempts: UInt8 = 3

  public init(unit: UInt8 = 1, model: EastronModel = .sdm630) {
    self.unit = unit
    self.model = model
  }
}

/// An Eastron SDM meter over a port that it owns.
///
/// Each read takes at most attempts × (gap + timeout + time to write) and leaves the bus silent. After an error the
/// meter may be asked again at once; after `.disconnected` the port is dead and a new meter is to be made.
public struct EastronMeter<P: Port & ~Copyable, C: Clock>: ~Copyable {
  private var port: P
  private let clock: C
  public let settings: EastronSettings
  private var reply = ByteBuffer(capacity: 2 * ModbusReadRequest.maximumReplyBytes)
  private var quietUntil: MonotonicTime
  /// Attempts that failed, for the statistics of this device.
  public private(set) var failedAttempts: UInt64 = 0
  /// Frames of other units that were dropped.
  public private(set) var foreignFrames: UInt64 = 0

  public init(port: consuming P, clock: C, settings: EastronSettings) {
    precondition(settings.attempts >= 1)
    self.port = port
    self.clock = clock
    self.settings = settings
    quietUntil = clock.monotonic()
  }

  /// Both counters by one block read of 0x48...0x4B, so that they belong to the same instant.
  public mutating func readEnergy() throws(DriverError) -> EnergyReading {
    let block = try read(EastronRegister.importEnergy, count: 4)
    let factor = EastronRegister.milliwattHoursPerKilowattHour
    return EnergyReading(
      importEnergy: MilliwattHours(try scaled(block, EastronRegister.importEnergy, factor)),
      exportEnergy: MilliwattHours(try scaled(block, EastronRegister.exportEnergy, factor)),
      monotonic: block.monotonic, wall: block.wall, clockState: block.clockState)
  }

  /// Voltage, current and power of each phase, total power, frequency, energies; 0 is the total's phase.
  /// A register that holds no number is reported as `notImplemented`.
  /// - Throws: at the first block that fails; samples visited before stay good.
  public mutating func readSamples(_ visit: (Sample) -> Void) throws(DriverError) {
    let milli = EastronRegister.milliPerUnit
    if settings.model.isSinglePhase {
      let voltage = try read(EastronRegister.voltage, count: 2)
      visit(sample(voltage, EastronRegister.voltage, .voltage, 1, milli))
      let current = try read(EastronRegister.current, count: 2)
      visit(sample(current, EastronRegister.current, .current, 1, milli))
      let power = try read(EastronRegister.activePower, count: 2)
      visit(sample(power, EastronRegister.activePower, .activePower, 0, milli))
    } else {
      let phases = try read(EastronRegister.voltage, count: 18)
      for phase in 1...3 as ClosedRange<UInt16> {
        let step = 2 * (phase - 1)
        visit(sample(phases, EastronRegister.voltage + step, .voltage, UInt8(phase), milli))
        visit(sample(phases, EastronRegister.current + step, .current, UInt8(phase), milli))
        visit(sample(phases, EastronRegister.activePower + step, .activePower, UInt8(phase), milli))
      }
      let total = try read(EastronRegister.totalActivePower, count: 2)
      visit(sample(total, EastronRegister.totalActivePower, .activePower, 0, milli))
    }
    let last = try read(EastronRegister.frequency, count: 6)
    let energy = EastronRegister.milliwattHoursPerKilowattHour
    visit(sample(last, EastronRegister.frequency, .frequency, 0, milli))
    visit(sample(last, EastronRegister.importEnergy, .importEnergy, 0, energy))
    visit(sample(last, EastronRegister.exportEnergy, .exportEnergy, 0, energy))
  }

  /// A good answer that lies in `reply`, and when it was complete.
  private struct Block {
    var request: ModbusReadRequest
    var monotonic: MonotonicTime
    var wall: WallTime
    var clockState: ClockState
  }

  private func float(_ block: Block, _ address: UInt16) -> Float32Register {
    let index = Int(address - block.request.address)
    return Float32Register(
      first: block.request.register(index, of: reply.span), second: block.request.register(index + 1, of: reply.span),
      order: .abcd)
  }

  private func scaled(_ block: Block, _ address: UInt16, _ factor: Int64) throws(DriverError) -> Int64 {
    do {
      return try float(block, address).scaled(by: factor)
    } catch { throw .register(error) }
  }

  private func sample(
    _ block: Block, _ address: UInt16, _ quantity: Quantity, _ phase: UInt8, _ factor: Int64
  ) -> Sample {
    var value: Int64 = 0
    var quality = Quality.good
    do {
      value = try float(block, address).scaled(by: factor)
    } catch {
      switch error {
      case .notANumber: quality = .notImplemented
      case .tooLarge: quality = .outOfRange
      }
    }
    return Sample(
      quantity: quantity, phase: phase, value: value, quality: quality,
      monotonicNanoseconds: block.monotonic.nanoseconds, wallNanoseconds: block.wall.nanoseconds,
      wallIsSynchronised: block.clockState == .synchronised)
  }

  /// Asks up to `attempts` times. A refusal other than "busy" and a lost port are final.
  private mutating func read(_ address: UInt16, count: UInt16) throws(DriverError) -> Block {
    precondition(count <= settings.model.maximumRegisters)
    let query: ModbusReadRequest
    do {
      query = try ModbusReadRequest(
        unit: settings.unit, function: .inputRegisters, address: address, count: count)
    } catch { throw .modbus(error) }
    var attempt: UInt8 = 1
    while true {
      do {
        return try exchange(query)
      } catch {
        failedAttempts &+= 1
        if attempt == settings.attempts || Self.isFinal(error) { throw error }
      }
      attempt += 1
    }
  }

  private static func isFinal(_ error: DriverError) -> Bool {
    switch error {
    case .platform(let error): error.kind != .timedOut && error.kind != .corrupted
    case .modbus(.exception(let code)): code != 5 && code != 6
    case .modbus: false
    default: true
    }
  }

  private mutating func exchange(_ query: ModbusReadRequest) throws(DriverError) -> Block {
    port.wait(until: quietUntil)
    defer { quietUntil = clock.monotonic().adding(milliseconds: settings.requestGapMilliseconds) }
    let request = query.encoded
    let writeDeadline = clock.monotonic().adding(milliseconds: settings.timeoutMilliseconds)
    do {
      // An answer that came after its deadline must not be taken for this request's.
      try port.discardInput()
      try port.write(request.span, deadline: writeDeadline)
    } catch { throw .platform(error) }
    reply.removeAll()
    let deadline = clock.monotonic().adding(milliseconds: settings.timeoutMilliseconds)
    while !(try replyIsComplete(query)) {
      try receive(deadline)
    }
    return Block(request: query, monotonic: clock.monotonic(), wall: clock.wall(), clockState: clock.state())
  }

  private mutating func receive(_ deadline: MonotonicTime) throws(DriverError) {
    if reply.count == reply.capacity || clock.monotonic() >= deadline {
      throw .platform(PlatformError(.timedOut))
    }
    var failure: PlatformError?
    reply.append { output in
      do throws(PlatformError) {
        try port.read(into: &output, deadline: deadline)
      } catch { failure = error }
    }
    if let failure { throw .platform(failure) }
  }

  /// Drops frames of other units and our own echo from the front, then judges the rest.
  private mutating func replyIsComplete(_ query: ModbusReadRequest) throws(DriverError) -> Bool {
    while true {
      do {
        switch try query.progress(of: reply.span) {
        case .incomplete: return false
        case .complete: return true
        }
      } catch {
        switch error {
        case .wrongUnit:
          foreignFrames &+= 1
          drop(ModbusReadRequest.frameByteCount(of: reply.span) ?? reply.count)
        case .echo: drop(ModbusReadRequest.byteCount)
        default: throw .modbus(error)
        }
      }
    }
  }

  private mutating func drop(_ byteCount: Int) {
    let bytes = reply.mutableBytes
    for index in byteCount..<max(byteCount, reply.count) { bytes[index - byteCount] = bytes[index] }
    reply.setCount(reply.count - byteCount)
  }
}
