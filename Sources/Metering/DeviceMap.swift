/// How often a value is worth asking for.
public enum UpdateClass: UInt8, Sendable {
  /// Total power: every second. A line of 9600 baud has no room for more from several devices.
  case fast
  /// Everything else: every ten seconds.
  case slow
  /// Counters: as slow, and in requests of their own, so that interval energy costs only those.
  case counter
}

/// One value a device offers: where it lies and what it means.
public struct MapPoint: Equatable, Sendable {
  public var quantity: Quantity
  /// 0 is the total, 1...3 are the phases.
  public var phase: UInt8
  /// First register, as on the wire; in a SunSpec model counted from its ID register.
  public var address: UInt16
  public var type: RegisterType
  /// From the register to the quantity's unit.
  public var factor: DecimalFactor
  /// The register of the power of ten to multiply by; SunSpec only.
  public var scaleAddress: UInt16?
  /// What may be read, in the quantity's unit; anything else is `outOfRange`.
  public var minimum: Int64
  public var maximum: Int64
  /// The device's sign is the other way round than ``Quantity``'s.
  public var isInverted: Bool
  /// Bits that say "no such value".
  public var sentinel: UInt64?
  public var update: UpdateClass

  public init(
    quantity: Quantity, phase: UInt8, address: UInt16, type: RegisterType, factor: DecimalFactor,
    scaleAddress: UInt16? = nil, minimum: Int64 = .min, maximum: Int64 = .max, isInverted: Bool = false,
    sentinel: UInt64? = nil
  ) {
    precondition(phase <= 3)
    self.quantity = quantity
    self.phase = phase
    self.address = address
    self.type = type
    self.factor = factor
    self.scaleAddress = scaleAddress
    self.minimum = minimum
    self.maximum = maximum
    self.isInverted = isInverted
    self.sentinel = sentinel
    update = quantity.isCounter ? .counter : quantity == .activePower && phase == 0 ? .fast : .slow
  }

  /// The last register it needs, its scale factor's included.
  public var lastAddress: UInt16 { max(address + type.registerCount - 1, scaleAddress ?? 0) }
  public var firstAddress: UInt16 { min(address, scaleAddress ?? address) }
}

/// A SunSpec model as far as we read it; offsets count from its ID register.
public struct ModelMap: Equatable, Sendable {
  public var identifier: UInt16
  /// L of the specification; a device's may be larger.
  public var length: UInt16
  public var points: [MapPoint]

  public init(identifier: UInt16, length: UInt16, points: [MapPoint]) {
    self.identifier = identifier
    self.length = length
    self.points = points
  }
}

/// A register that tells whether a device is what a map describes.
public struct MapCheck: Equatable, Sendable {
  public var function: ModbusRequest.Function
  public var address: UInt16
  public var type: RegisterType
  /// What it must hold, in whole raw units (binary32 rounded half to even).
  public var minimum: Int64
  public var maximum: Int64

  public init(
    function: ModbusRequest.Function, address: UInt16, type: RegisterType, minimum: Int64, maximum: Int64
  ) {
    self.function = function
    self.address = address
    self.type = type
    self.minimum = minimum
    self.maximum = maximum
  }
}

/// How far a device's counters may be believed. (`reference/hal.md` §7, Counter guard)
public struct CounterRule: Equatable, Sendable {
  public var ratedPowerMilliwatts: Int64
  public var quantumMilliwattHours: Int64
  /// Where counters start again at 0; nil when they never do.
  public var modulusMilliwattHours: Int64?

  public init(ratedPowerMilliwatts: Int64, quantumMilliwattHours: Int64, modulusMilliwattHours: Int64? = nil) {
    self.ratedPowerMilliwatts = ratedPowerMilliwatts
    self.quantumMilliwattHours = quantumMilliwattHours
    self.modulusMilliwattHours = modulusMilliwattHours
  }
}

/// How a device's power may be limited. Devices without this rule are never written to.
public struct LimitRule: Equatable, Sendable {
  /// SunSpec models that can do it, the first that the device has is used: 123, 704.
  public var models: [UInt16]
  /// The registers lie in RAM: writing does not wear them out.
  public var isVolatile: Bool
  /// Writes of one register in a day, unless volatile.
  public var writesPerDay: UInt32

  public init(models: [UInt16], isVolatile: Bool, writesPerDay: UInt32) {
    self.models = models
    self.isVolatile = isVolatile
    self.writesPerDay = writesPerDay
  }
}

/// First and last register of a stretch, both included.
public struct RegisterRange: Equatable, Sendable {
  public var first: UInt16
  public var last: UInt16
  public init(first: UInt16, last: UInt16) {
    self.first = first
    self.last = last
  }
}

/// What a device speaks, as data. Read from one file a device; see `Devices/`.
public struct DeviceMap: Equatable, Sendable {
  public enum Kind: UInt8, Sendable { case meter, inverter }
  public enum Layout: UInt8, Sendable {
    /// Fixed addresses.
    case registers
    /// A chain of models behind "SunS".
    case sunSpec
  }

  public var name: String
  public var title: String
  public var kind: Kind
  public var layout: Layout
  public var function: ModbusRequest.Function
  public var order: WordOrder
  /// Registers in one answer.
  public var maximumRegisters: UInt16
  /// Silence before each request to this device.
  public var gapMilliseconds: UInt64
  public var baud: UInt32
  /// "none", "even" or "odd"
  public var parity: String
  public var checks: [MapCheck]
  public var points: [MapPoint]
  /// Stretches in which every register can be read, so that one request may span values we do not want.
  public var readable: [RegisterRange]
  /// Where "SunS" may be, in the order of trying.
  public var bases: [UInt16]
  public var models: [ModelMap]
  public var counter: CounterRule
  public var limit: LimitRule?

  public init(
    name: String, title: String, kind: Kind, layout: Layout, function: ModbusRequest.Function, order: WordOrder,
    maximumRegisters: UInt16, gapMilliseconds: UInt64, baud: UInt32, parity: String, checks: [MapCheck],
    points: [MapPoint], readable: [RegisterRange], bases: [UInt16], models: [ModelMap], counter: CounterRule,
    limit: LimitRule?
  ) {
    self.name = name
    self.title = title
    self.kind = kind
    self.layout = layout
    self.function = function
    self.order = order
    self.maximumRegisters = maximumRegisters
    self.gapMilliseconds = gapMilliseconds
    self.baud = baud
    self.parity = parity
    self.checks = checks
    self.points = points
    self.readable = readable
    self.bases = bases
    self.models = models
    self.counter = counter
    self.limit = limit
  }
}
