import HAL
import Metering
import Units
import Wire

/// How a lease stands. (docs/HARDWARE.md, Limiting an inverter)
public enum LimitState: UInt8, Equatable, Sendable, CustomStringConvertible {
  case idle
  /// Written and read back; the power has not followed yet.
  case pending
  /// Measured power keeps to the limit.
  case active
  /// The power did not follow within the time to live, or cannot be measured.
  case unverified
  /// Somebody else set another limit, which is left alone.
  case overridden
  /// The device gave the limit up: its time ran out.
  case expired
  /// Given back, with what was there before.
  case released

  public var description: String {
    switch self {
    case .idle: "idle"
    case .pending: "pending"
    case .active: "active"
    case .unverified: "unverified"
    case .overridden: "overridden"
    case .expired: "expired"
    case .released: "released"
    }
  }
}

/// Why a limit cannot be set or kept.
public enum LimiterError: Error, Equatable, Sendable, CustomStringConvertible {
  case device(DriverError)
  case limit(LimitError)

  public var description: String {
    switch self {
    case .device(let error): "\(error)"
    case .limit(let error): "\(error)"
    }
  }
}

/// Offsets of the registers that limit a SunSpec inverter, from its control model's ID.
/// (SunSpec models 123 and 704; docs/HARDWARE.md, Limiting an inverter)
private struct ControlLayout {
  let model: UInt16
  /// First of the registers that are written together.
  let first: UInt16
  let count: Int
  /// Within those.
  let percent: Int
  let enable: Int
  /// Low word of the time after which the device gives the limit up by itself, s.
  let revert: Int
  /// Of the scale factor.
  let scale: UInt16

  /// WMaxLimPct, WinTms, RvrtTms, RmpTms, Ena
  static let immediate = ControlLayout(model: 123, first: 5, count: 5, percent: 0, enable: 4, revert: 2, scale: 23)
  /// Ena, WMaxLimPct, PctRvrt, EnaRvrt, RvrtTms (2)
  static let distributed = ControlLayout(model: 704, first: 14, count: 6, percent: 1, enable: 0, revert: 5, scale: 54)
}

/// A limit of an inverter's power that lasts only while its holder lives.
///
/// `take` reads what is there, writes limit and revert time, and reads back. `tick` measures, renews at half the time to
/// live, and sees whether somebody else interfered. `release` restores what was found. A holder that dies renews no
/// more, and the inverter gives the limit up by its own revert time. A limit of somebody else is never undone.
public struct PowerLimiter<P: Port & ~Copyable, C: Clock>: ~Copyable {
  public var device: MappedDevice<P, C>
  private let layout: ControlLayout
  /// Of the control model's ID register.
  private let base: UInt16
  private let baseMilliwatts: Int64
  public private(set) var budget: WriteBudget
  private let isVolatile: Bool
  public private(set) var state = LimitState.idle
  public private(set) var plan: LimitPlan?
  public private(set) var limitMilliwatts: Int64 = 0
  /// What was measured last; nil when that failed.
  public private(set) var measuredMilliwatts: Int64?
  private var ttlSeconds: UInt16 = 0
  /// As found at take-over, and as written by us.
  private var found = InlineArray<6, UInt16>(repeating: 0)
  private var written = InlineArray<6, UInt16>(repeating: 0)
  private var takenAt: MonotonicTime
  private var renewedAt: MonotonicTime
  /// Function 16 was refused; each register is written alone. (evcc #31487: Kostal)
  private var writesSingly = false

  /// - Parameter device: found already.
  public init(_ device: consuming MappedDevice<P, C>, budget: WriteBudget) throws(LimiterError) {
    let control = try Self.control(device)
    let power = try Self.basePower(&device)
    layout = control.layout
    base = control.address
    isVolatile = control.isVolatile
    baseMilliwatts = power
    self.budget = budget
    takenAt = device.link.clock.monotonic()
    renewedAt = takenAt
    self.device = device
  }

  private static func control(
    _ device: borrowing MappedDevice<P, C>
  ) throws(LimiterError) -> (layout: ControlLayout, address: UInt16, isVolatile: Bool) {
    guard let rule = device.map.limit else { throw .limit(.noControl) }
    for model in rule.models {
      guard let found = found(model, device.models) else { continue }
      let layout: ControlLayout = model == 123 ? .immediate : .distributed
      if layout.scale < found.length + 2 { return (layout, found.address, rule.isVolatile) }
    }
    throw .limit(.noControl)
  }

  private static func found(_ model: UInt16, _ models: [FoundModel]) -> FoundModel? {
    models.first { $0.identifier == model }
  }

  /// WMax where the device implements it, else its rating: 121 and 120, or 702.
  private static func basePower(_ device: inout MappedDevice<P, C>) throws(LimiterError) -> Int64 {
    let places: [(model: UInt16, value: UInt16, scale: UInt16)] = [
      (121, 2, 22), (120, 3, 4), (702, 26, 45), (702, 2, 45),
    ]
    for place in places {
      guard let model = found(place.model, device.models), place.scale < model.length + 2 else { continue }
      let span = max(place.value, place.scale) - min(place.value, place.scale) + 1
      let first = min(place.value, place.scale)
      try read(&device, model.address + first, span)
      let point = MapPoint(
        quantity: .activePower, phase: 0, address: place.value, type: .uint16,
        factor: DecimalFactor(significand: 1, exponent: 3), scaleAddress: place.scale, minimum: 1,
        sentinels: [RegisterType.uint16.sunSpecSentinel])
      let decoded = point.decode(order: .abcd) { offset in device.link.register(Int(offset - first)) }
      if decoded.quality == .good { return decoded.value }
    }
    throw .limit(.noBase)
  }

  private static func read(
    _ device: inout MappedDevice<P, C>, _ address: UInt16, _ count: UInt16
  ) throws(LimiterError) {
    do throws(DriverError) {
      try device.link.read(unit: device.unit, .holdingRegisters, address, count: count)
    } catch { throw .device(error) }
  }

  /// Sets the limit. After an error nothing is held, or the device's own revert time ends what was written.
  /// - Parameter ttlSeconds: after how much silence of ours the device gives the limit up; 2...65535.
  public mutating func take(limitMilliwatts: Int64, ttlSeconds: UInt16, day: UInt64) throws(LimiterError) {
    precondition(ttlSeconds >= 2)
    self.limitMilliwatts = limitMilliwatts
    self.ttlSeconds = ttlSeconds
    let current = try readControl()
    found = current.registers
    let plan: LimitPlan
    do throws(LimitError) {
      plan = try LimitPlan(limitMilliwatts: limitMilliwatts, baseMilliwatts: baseMilliwatts, scale: current.scale)
    } catch { throw .limit(error) }
    self.plan = plan
    written = found
    // Registers a device does not implement read as 0xFFFF and are written as 0: no window, no ramp of ours.
    for index in 0..<layout.count where written[index] == 0xFFFF { written[index] = 0 }
    if layout.model == 704 {
      written[3] = 0
      written[4] = 0
    }
    written[layout.percent] = plan.percent
    written[layout.revert] = ttlSeconds
    written[layout.enable] = 1
    try measure()
    try write(written, day)
    try confirm()
    state = .pending
    takenAt = device.link.clock.monotonic()
    renewedAt = takenAt
  }

  /// Reads the limit back.
  private mutating func confirm() throws(LimiterError) {
    let now = try readControl().registers
    guard isOurs(now) else { throw .limit(.overridden) }
  }

  private func isOurs(_ registers: InlineArray<6, UInt16>) -> Bool {
    registers[layout.percent] == written[layout.percent] && registers[layout.enable] == written[layout.enable]
  }

  /// Measures, judges and renews. Call it about once a second.
  /// - Throws: `.device` when the inverter does not answer; the lease goes on, and ends by itself.
  public mutating func tick(day: UInt64) throws(LimiterError) {
    guard state == .pending || state == .active || state == .unverified, let plan else { return }
    let now = device.link.clock.monotonic()
    let ttl = UInt64(ttlSeconds) * 1_000
    do throws(LimiterError) {
      if now.milliseconds(since: renewedAt) * 2 >= ttl { try renew(day) }
      if state == .overridden || state == .expired { return }
      try measure()
    } catch {
      measuredMilliwatts = nil
      state = now.milliseconds(since: renewedAt) >= ttl ? .expired : .unverified
      throw error
    }
    guard let measuredMilliwatts else { return }
    if plan.isKept(measuredMilliwatts: measuredMilliwatts) {
      state = .active
    } else if state == .active || now.milliseconds(since: takenAt) >= ttl {
      state = .unverified
    }
  }

  /// Writes the same again, which restarts the device's revert time, unless the limit is no longer ours.
  private mutating func renew(_ day: UInt64) throws(LimiterError) {
    let current = try readControl().registers
    guard isOurs(current) else {
      let isGone = current[layout.enable] == 0
      state = isGone ? .expired : .overridden
      return
    }
    try write(written, day)
    renewedAt = device.link.clock.monotonic()
  }

  /// Restores what was found, unless somebody else set something meanwhile.
  public mutating func release() throws(LimiterError) {
    guard state == .pending || state == .active || state == .unverified else { return }
    let current = try readControl().registers
    guard isOurs(current) else {
      state = current[layout.enable] == 0 ? .expired : .overridden
      return
    }
    var back = found
    for index in 0..<layout.count where back[index] == 0xFFFF { back[index] = 0 }
    try writeRegisters(back)
    try? measure()
    state = .released
  }

  private mutating func readControl() throws(LimiterError) -> (registers: InlineArray<6, UInt16>, scale: Int16) {
    let count = layout.scale - layout.first + 1
    try Self.read(&device, base + layout.first, count)
    var registers = InlineArray<6, UInt16>(repeating: 0)
    for index in 0..<layout.count { registers[index] = device.link.register(index) }
    return (registers, Int16(bitPattern: device.link.register(Int(count) - 1)))
  }

  private mutating func write(_ registers: InlineArray<6, UInt16>, _ day: UInt64) throws(LimiterError) {
    if !isVolatile {
      do throws(LimitError) { try budget.spend(base + layout.first, day: day) } catch { throw .limit(error) }
    }
    try writeRegisters(registers)
  }

  private mutating func writeRegisters(_ registers: InlineArray<6, UInt16>) throws(LimiterError) {
    let address = base + layout.first
    if !writesSingly {
      do throws(DriverError) {
        let span = registers.span.extracting(0..<layout.count)
        try device.link.write(unit: device.unit, .writeRegisters, address, span)
        return
      } catch {
        guard error == .modbus(.exception(1)) || error == .modbus(.exception(2)) else { throw .device(error) }
        writesSingly = true
      }
    }
    // The time first, then the limit, then the switch: a holder that dies in between leaves nothing that stays.
    let order =
      registers[layout.enable] == 0
      ? [layout.enable, layout.percent, layout.revert] : [layout.revert, layout.percent, layout.enable]
    for place in order {
      let value = [registers[place]]
      do throws(DriverError) {
        try device.link.write(unit: device.unit, .writeRegister, address + UInt16(place), value.span)
      } catch { throw .device(error) }
    }
  }

  private mutating func measure() throws(LimiterError) {
    var power: Int64?
    do throws(DriverError) {
      try device.readSamples(.fast) { sample in
        if sample.quantity == .activePower, sample.phase == 0, sample.quality == .good { power = sample.value }
      }
    } catch { throw .device(error) }
    measuredMilliwatts = power
  }
}
