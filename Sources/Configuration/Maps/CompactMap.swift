import Metering

/// Why some bytes are no map.
public struct CompactMapError: Error, Equatable, Sendable {
  /// Of the first byte that cannot be.
  public let offset: Int

  /// Takes the place of the byte, from 0.
  public init(offset: Int) { self.offset = offset }
}

/// Takes numbers and texts out of a map in bytes. (docs/PROTOCOL.md, Device maps in bytes)
///
/// Every byte is below 128, so that all maps are one string constant of the program and no code.
struct CompactReader {
  private let bytes: [UInt8]
  private(set) var offset: Int
  private let end: Int

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    offset = 0
    end = bytes.count
  }

  var failure: CompactMapError { CompactMapError(offset: offset) }
  var isAtEnd: Bool { offset == end }

  /// A number in digits of six bits, the lowest first; bit 6 of a digit says that more follow. The last digit is not 0 unless it is
  /// the only one.
  mutating func number(_ most: UInt64 = .max) throws(CompactMapError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      guard offset < end, bytes[offset] < 0x80 else { throw failure }
      let digit = UInt64(bytes[offset] & 0x3F)
      let hasMore = bytes[offset] & 0x40 != 0
      // The eleventh digit has the four highest bits.
      guard shift <= 60, shift < 60 || digit < 16, hasMore || digit != 0 || shift == 0 else { throw failure }
      value |= digit << shift
      shift += 6
      offset += 1
      if !hasMore { break }
    }
    guard value <= most else { throw failure }
    return value
  }

  mutating func integer<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type) throws(CompactMapError) -> T {
    T(try number(UInt64(T.max)))
  }

  /// A signed number: 0, -1, 1, -2, 2, … as 0, 1, 2, 3, 4, ….
  mutating func signed() throws(CompactMapError) -> Int64 {
    let value = try number()
    let half = Int64(value >> 1)
    return value & 1 == 0 ? half : -1 - half
  }

  /// How many things follow, at most `most`.
  mutating func count(_ most: Int) throws(CompactMapError) -> Int { Int(try number(UInt64(most))) }

  mutating func text(_ most: Int) throws(CompactMapError) -> [UInt8] {
    let length = try count(most)
    var result: [UInt8] = []
    result.reserveCapacity(length)
    for _ in 0..<length {
      guard offset < end, (0x20...0x7E).contains(bytes[offset]) else { throw failure }
      result.append(bytes[offset])
      offset += 1
    }
    return result
  }

  /// A register number, told as its distance from `origin`.
  mutating func address(from origin: UInt16) throws(CompactMapError) -> UInt16 {
    let (sum, overflow) = Int64(origin).addingReportingOverflow(try signed())
    guard !overflow, (0...0xFFFF).contains(sum) else { throw failure }
    return UInt16(sum)
  }

  /// Passes a map whose length stands before it.
  mutating func skip(_ count: Int) throws(CompactMapError) {
    guard count >= 0, count <= end - offset else { throw failure }
    offset += count
  }
}

/// Puts numbers and texts behind each other, as ``CompactReader`` takes them.
struct CompactWriter {
  private(set) var bytes: [UInt8] = []

  mutating func number(_ value: UInt64) {
    var rest = value
    while rest >= 0x40 {
      bytes.append(UInt8(rest & 0x3F) | 0x40)
      rest >>= 6
    }
    bytes.append(UInt8(rest))
  }

  mutating func signed(_ value: Int64) {
    number(value >= 0 ? UInt64(value) << 1 : UInt64(-1 - value) << 1 | 1)
  }

  mutating func text(_ text: [UInt8]) {
    number(UInt64(text.count))
    bytes += text
  }

  mutating func address(_ address: UInt16, from origin: UInt16) { signed(Int64(address) - Int64(origin)) }
}

/// Bits of a map's first number.
struct CompactFlags: OptionSet {
  let rawValue: UInt64
  static let isInverter = CompactFlags(rawValue: 1)
  static let isSunSpec = CompactFlags(rawValue: 2)
  static let readsHolding = CompactFlags(rawValue: 4)
  static let hasTimeout = CompactFlags(rawValue: 8)
  static let hasConnectDelay = CompactFlags(rawValue: 16)
  static let hasModulus = CompactFlags(rawValue: 32)
  static let hasSerialNumber = CompactFlags(rawValue: 64)
  static let hasLimit = CompactFlags(rawValue: 128)
  static let hasVolatileLimit = CompactFlags(rawValue: 256)
  /// Two bits each.
  static let orderShift: UInt64 = 9
  static let parityShift: UInt64 = 11
  static let most: UInt64 = (1 << 13) - 1
}

/// What the points of a map share: everything but quantity, phase and addresses.
struct PointShape: Equatable {
  var type: RegisterType
  var factor: DecimalFactor
  var function: ModbusRequest.Function?
  var order: WordOrder?
  /// 0 no second register, 1 minus, 2 high.
  var second: UInt64
  var hasScale: Bool
  var isInverted: Bool
  var isOptional: Bool
  var sentinels: [UInt64]

  /// Shapes of one map.
  static let maximumCount = 64
  static let functionBit: UInt64 = 16
  static let isInputBit: UInt64 = 32
  static let orderBit: UInt64 = 64
  static let orderShift: UInt64 = 7
  static let secondShift: UInt64 = 9
  static let scaleBit: UInt64 = 2048
  static let invertedBit: UInt64 = 4096
  static let optionalBit: UInt64 = 8192
  static let most: UInt64 = 16_383
}

extension DeviceMap {
  static let parities = ["none", "even", "odd"]
  static let maximumNameBytes = 40
  static let maximumTitleBytes = 80
  static let maximumModels = 64
  static let maximumStretches = 64
}
