import Units

/// How often a value is worth asking for.
public enum UpdateClass: UInt8, Sendable {
  /// Total power: every second. A line of 9600 baud has no room for more from several devices.
  case fast
  /// Everything else: every ten seconds.
  case slow
  /// Counters: as slow, and in requests of their own, so that interval energy costs only those.
  case counter
}

/// A register beside a point's own that its value needs.
public enum SecondRegister: Equatable, Sendable {
  /// The value is the first number minus the one here: devices that count both directions of power apart.
  case minus(UInt16)
  /// The upper 16 of 32 bits lie here, the lower ones at the point's own address: devices whose words are no neighbours.
  case high(UInt16)
}

/// One value a device offers: where it lies and what it means.
public struct MapPoint: Equatable, Sendable {
  /// Patterns of one point that say "no such value".
  public static let maximumSentinels = 4

  public var quantity: Quantity
  /// 0 is the total, 1...3 are the phases.
  public var phase: UInt8
  /// First register, as on the wire; in a SunSpec model counted from its ID register.
  public var address: UInt16
  public var type: RegisterType
  /// From the register to the quantity's unit.
  public var factor: DecimalFactor
  /// Nil: the map's.
  public var function: ModbusRequest.Function?
  /// Nil: the map's.
  public var order: WordOrder?
  public var second: SecondRegister?
  /// The register of the power of ten to multiply by; SunSpec only.
  public var scaleAddress: UInt16?
  /// What may be read, in the quantity's unit; anything else is `outOfRange`.
  public var minimum: Int64
  public var maximum: Int64
  /// The device's sign is the other way round than ``Quantity``'s.
  public var isInverted: Bool
  /// Variants of the device are sold without it: that it is refused, or says "no such value", is no fault to tell of.
  public var isOptional: Bool
  /// Bits that say "no such value", at most ``maximumSentinels``.
  public var sentinels: [UInt64]
  public var update: UpdateClass

  /// Takes a point's parts; what is left out is the map's own, or is not there.
  /// - Precondition: phase <= 3, and there are at most ``maximumSentinels`` sentinels.
  public init(
    quantity: Quantity, phase: UInt8, address: UInt16, type: RegisterType, factor: DecimalFactor,
    function: ModbusRequest.Function? = nil, order: WordOrder? = nil, second: SecondRegister? = nil,
    scaleAddress: UInt16? = nil, minimum: Int64 = .min, maximum: Int64 = .max, isInverted: Bool = false,
    isOptional: Bool = false, sentinels: [UInt64] = []
  ) {
    precondition(phase <= 3 && sentinels.count <= Self.maximumSentinels)
    self.quantity = quantity
    self.phase = phase
    self.address = address
    self.type = type
    self.factor = factor
    self.function = function
    self.order = order
    self.second = second
    self.scaleAddress = scaleAddress
    self.minimum = minimum
    self.maximum = maximum
    self.isInverted = isInverted
    self.isOptional = isOptional
    self.sentinels = sentinels
    update = quantity.isCounter ? .counter : quantity == .activePower && phase == 0 ? .fast : .slow
  }

  /// The last register it needs: its second one and its scale factor's included.
  public var lastAddress: UInt16 {
    let own: UInt16
    switch second {
    case nil: own = address + type.registerCount - 1
    case .minus(let other): own = max(address, other) + type.registerCount - 1
    case .high(let other): own = max(address, other)
    }
    return max(own, scaleAddress ?? 0)
  }
  public var firstAddress: UInt16 {
    let own: UInt16
    switch second {
    case nil: own = address
    case .minus(let other), .high(let other): own = min(address, other)
    }
    return min(own, scaleAddress ?? own)
  }
}
