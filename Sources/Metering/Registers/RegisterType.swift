/// The order in which registers, each high byte first on the wire, make up a number of more bytes. Named after 32 bits.
public enum WordOrder: UInt8, Sendable, CaseIterable {
  /// High word first.
  case abcd
  /// Low word first.
  case cdab
  /// High word first, bytes of each swapped.
  case badc
  /// Low word first, bytes of each swapped: the whole number backwards.
  case dcba

  /// The word a map's file says.
  public init?(name: String) {
    switch name {
    case "abcd": self = .abcd
    case "cdab": self = .cdab
    case "badc": self = .badc
    case "dcba": self = .dcba
    default: return nil
    }
  }

  var isLowWordFirst: Bool { self == .cdab || self == .dcba }
  var swapsBytes: Bool { self == .badc || self == .dcba }
}

/// How a number lies in its registers.
public enum RegisterType: UInt8, Sendable, CaseIterable {
  case uint16, int16, uint32, int32, uint64, int64
  /// Unsigned counters that wrap to 0; in SunSpec 0 also says "no such counter".
  case accumulator32, accumulator64
  case float32
  case float64

  /// The word a map's file says.
  public var name: String {
    switch self {
    case .uint16: "u16"
    case .int16: "i16"
    case .uint32: "u32"
    case .int32: "i32"
    case .uint64: "u64"
    case .int64: "i64"
    case .accumulator32: "acc32"
    case .accumulator64: "acc64"
    case .float32: "f32"
    case .float64: "f64"
    }
  }

  /// The type with this name in a map's file, such as "acc32"; nil for a name that is none.
  public init?(name: String) {
    for type in Self.allCases where type.name == name {
      self = type
      return
    }
    return nil
  }

  public var registerCount: UInt16 {
    switch self {
    case .uint16, .int16: 1
    case .uint32, .int32, .accumulator32, .float32: 2
    case .uint64, .int64, .accumulator64, .float64: 4
    }
  }

  public var isFloat: Bool { self == .float32 || self == .float64 }

  var isSigned: Bool { self == .int16 || self == .int32 || self == .int64 }

  /// What SunSpec devices send for "not implemented". (SunSpec Device Information Model Specification, table 1)
  public var sunSpecSentinel: UInt64 {
    switch self {
    case .uint16: 0xFFFF
    case .int16: 0x8000
    case .uint32: 0xFFFF_FFFF
    case .int32: 0x8000_0000
    case .uint64: .max
    case .int64: 0x8000_0000_0000_0000
    case .accumulator32, .accumulator64: 0
    case .float32: 0x7FC0_0000
    case .float64: 0x7FF8_0000_0000_0000
    }
  }
}

/// The bits of a number, put together from its registers, and what they mean.
public struct RegisterBits: Equatable, Sendable {
  public let type: RegisterType
  /// Zero-extended.
  public let bits: UInt64

  /// Takes a number's bits, the highest register first.
  public init(type: RegisterType, bits: UInt64) {
    self.type = type
    self.bits = bits
  }

  /// - Parameter word: the `index`-th register, counted from the number's first.
  public init(type: RegisterType, order: WordOrder, word: (UInt16) -> UInt16) {
    let count = type.registerCount
    var bits: UInt64 = 0
    for place in 0..<count {
      let register = word(order.isLowWordFirst ? count - 1 - place : place)
      bits = bits << 16 | UInt64(order.swapsBytes ? register.byteSwapped : register)
    }
    self.type = type
    self.bits = bits
  }

  /// Sign and magnitude of an integer type.
  var integer: (isNegative: Bool, magnitude: UInt64) {
    guard type.isSigned else { return (false, bits) }
    let width = 16 * UInt64(type.registerCount)
    let sign: UInt64 = 1 << (width - 1)
    guard bits & sign != 0 else { return (false, bits) }
    let all: UInt64 = width == 64 ? .max : (1 << width) - 1
    return (true, (~bits & all) &+ 1)
  }

  /// bits × factor × 10^exponent, rounded half to even.
  /// - Throws: ``RegisterError``
  public func scaled(by factor: DecimalFactor, exponent: Int32 = 0) throws(RegisterError) -> Int64 {
    let low = UInt32(truncatingIfNeeded: bits)
    if type.isFloat {
      guard let whole = factor.integer(exponent: exponent) else { throw .tooLarge(bits: low) }
      return type == .float32
        ? try Float32Register(bits: low).scaled(by: whole) : try Float64Register(bits: bits).scaled(by: whole)
    }
    let (isNegative, magnitude) = integer
    guard let scaled = factor.applied(to: magnitude, exponent: exponent) else { throw .tooLarge(bits: low) }
    return isNegative ? -scaled : scaled
  }
  /// Zero of either sign, and the patterns by which integers say "no such value": all bits 1, all but the first, only the first.
  var saysNothing: Bool {
    let width = 16 * UInt64(type.registerCount)
    let all: UInt64 = width == 64 ? .max : (1 << width) - 1
    let first: UInt64 = 1 << (width - 1)
    return type.isFloat ? bits & ~first == 0 : bits == 0 || bits == all || bits == all ^ first || bits == first
  }

  /// A float, not 0, that is smaller than a millionth.
  var isNegligibleFloat: Bool {
    let exponent: UInt64
    switch type {
    // 2^-20 has the biased exponents 107 and 1003. (IEEE 754-2019, §3.4)
    case .float32: exponent = bits >> 23 & 0xFF
    case .float64: exponent = bits >> 52 & 0x7FF
    default: return false
    }
    return !saysNothing && exponent < (type == .float32 ? 107 : 1003)
  }
}
