/// CRC-16/MODBUS: polynomial 0x8005 reflected (0xA001), start 0xFFFF, no final XOR; check("123456789") = 0x4B37.
/// (Modbus over Serial Line V1.02, §2.5.1.2)
public struct ModbusChecksum: Equatable, Sendable {
  public private(set) var value: UInt16 = 0xFFFF

  /// The checksum of no bytes, 0xFFFF.
  public init() {}

  /// The checksum of a whole frame without its own two bytes.
  public init(of bytes: Span<UInt8>) {
    for index in 0..<bytes.count { add(bytes[index]) }
  }

  /// Takes one more byte in, in the order of the line.
  public mutating func add(_ byte: UInt8) {
    value ^= UInt16(byte)
    for _ in 0..<8 { value = value & 1 == 1 ? (value >> 1) ^ 0xA001 : value >> 1 }
  }
}
