import Units
import Wire

public enum PacketType: UInt8, Sendable {
  case status = 1
  case record = 2
  case receipt = 3
  case proposal = 4
  case vote = 5
  case want = 6
  case chunk = 7
  case proof = 8
}

/// The 40 clear bytes before every sealed body; they are authenticated with it.
public struct PacketHeader: Equatable, Sendable {
  public static let encodedBytes = 40
  public static let version: UInt8 = 1

  public var type: PacketType
  public var bodyLength: UInt16
  public var sender: UInt32
  public var receiver: UInt32
  public var bootCounter: UInt64
  public var packetSequence: UInt64

  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(Self.version)
    output.write(type.rawValue)
    output.write(bodyLength)
    output.write(sender)
    output.write(receiver)
    output.writeZeros(4)
    output.write(bootCounter)
    output.write(packetSequence)
    output.writeZeros(8)
  }

  public init(
    type: PacketType, bodyLength: UInt16, sender: UInt32, receiver: UInt32, bootCounter: UInt64, packetSequence: UInt64
  ) {
    self.type = type
    self.bodyLength = bodyLength
    self.sender = sender
    self.receiver = receiver
    self.bootCounter = bootCounter
    self.packetSequence = packetSequence
  }

  public init(decoding reader: inout WireReader) throws(WireError) {
    let version = try reader.read(UInt8.self)
    guard version == Self.version else { throw .unknownKind(version) }
    let code = try reader.read(UInt8.self)
    guard let type = PacketType(rawValue: code) else { throw .unknownKind(code) }
    self.type = type
    bodyLength = try reader.read(UInt16.self)
    sender = try reader.read(UInt32.self)
    receiver = try reader.read(UInt32.self)
    try reader.readZeros(4)
    bootCounter = try reader.read(UInt64.self)
    packetSequence = try reader.read(UInt64.self)
    try reader.readZeros(8)
  }
}
