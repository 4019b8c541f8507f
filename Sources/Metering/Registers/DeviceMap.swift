import Units

/// A SunSpec model as far as we read it; offsets count from its ID register.
public struct ModelMap: Equatable, Sendable {
  public var identifier: UInt16
  /// L of the specification; a device's may be larger.
  public var length: UInt16
  public var points: [MapPoint]

  /// Takes a model's number, its least length in registers and what is read of it.
  public init(identifier: UInt16, length: UInt16, points: [MapPoint]) {
    self.identifier = identifier
    self.length = length
    self.points = points
  }
}

/// How far a device's counters may be believed. (docs/HARDWARE.md, Counters)
public struct CounterRule: Equatable, Sendable {
  public var ratedPowerMilliwatts: Int64
  public var quantumMilliwattHours: Int64
  /// Where counters start again at 0; nil when they never do.
  public var modulusMilliwattHours: Int64?

  /// Takes a rule as it is; what a ``CounterGuard`` refuses it traps for.
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

  /// Takes a rule as it is; the first of `models` that a device has is used.
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
  /// Takes both ends as they are.
  public init(first: UInt16, last: UInt16) {
    self.first = first
    self.last = last
  }
}

/// What a device speaks, as data. Read from one file a device; see `Devices/`.
public struct DeviceMap: Equatable, Sendable {
  /// What a device is: whether positive power is import from the grid, or production.
  public enum Kind: UInt8, Sendable { case meter, inverter }
  /// How the registers of a device are found.
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
  /// From the end of a request to the end of its answer; nil for what the port takes by itself.
  public var timeoutMilliseconds: UInt64?
  /// Silence behind the opening of a TCP connection.
  public var connectDelayMilliseconds: UInt64
  public var baud: UInt32
  /// "none", "even" or "odd"
  public var parity: String
  /// The address that the device leaves its factory with.
  public var unit: UInt8
  public var quirks: ModbusQuirks
  /// Registers that must hold what the map says.
  public var identity: [IdentityRegister]
  /// Where the device's serial number is.
  public var serialNumber: IdentityPlace?
  public var checks: [MapCheck]
  public var points: [MapPoint]
  /// Stretches in which every register can be read, so that one request may span values we do not want.
  public var readable: [RegisterRange]
  /// Registers before which a request has to end.
  public var boundaries: [UInt16]
  /// Where "SunS" may be, in the order of trying.
  public var bases: [UInt16]
  public var models: [ModelMap]
  public var counter: CounterRule
  public var limit: LimitRule?

  /// Takes a map's parts, and checks nothing: a file's map was checked when it was read.
  public init(
    name: String, title: String, kind: Kind, layout: Layout, function: ModbusRequest.Function, order: WordOrder,
    maximumRegisters: UInt16, gapMilliseconds: UInt64, timeoutMilliseconds: UInt64?, connectDelayMilliseconds: UInt64,
    baud: UInt32, parity: String, unit: UInt8, quirks: ModbusQuirks, identity: [IdentityRegister],
    serialNumber: IdentityPlace?, checks: [MapCheck], points: [MapPoint], readable: [RegisterRange],
    boundaries: [UInt16], bases: [UInt16], models: [ModelMap], counter: CounterRule, limit: LimitRule?
  ) {
    self.name = name
    self.title = title
    self.kind = kind
    self.layout = layout
    self.function = function
    self.order = order
    self.maximumRegisters = maximumRegisters
    self.gapMilliseconds = gapMilliseconds
    self.timeoutMilliseconds = timeoutMilliseconds
    self.connectDelayMilliseconds = connectDelayMilliseconds
    self.baud = baud
    self.parity = parity
    self.unit = unit
    self.quirks = quirks
    self.identity = identity
    self.serialNumber = serialNumber
    self.checks = checks
    self.points = points
    self.readable = readable
    self.boundaries = boundaries
    self.bases = bases
    self.models = models
    self.counter = counter
    self.limit = limit
  }

  /// Whether variants of the device are sold without the total of a counter.
  public func isOptional(_ quantity: Quantity) -> Bool {
    points.contains { $0.quantity == quantity && $0.phase == 0 && $0.isOptional }
  }
}
