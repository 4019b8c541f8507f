import Wire

public enum PacketType: UInt8, CaseIterable, Sendable {
  case status = 1
  case record = 2
  case receipt = 3
  case proposal = 4
  case vote = 5
  case want = 6
  case chunk = 7
  case proof = 8
}

/// The 32 clear bytes before every sealed body; they are authenticated with it.
public struct PacketHeader: Equatable, Sendable {
  public static let encodedBytes = 32
  public static let version: UInt8 = 1

  public var type: PacketType
  /// Bytes of the body before it was sealed.
  public var bodyLength: UInt16
  public var sender: UInt32
  public var receiver: UInt32
  /// The sender's, which its key depends on.
  public var bootCounter: UInt64
  /// Counts the packets from this sender to this receiver since the sender's start; the nonce.
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
  }

  /// Four zero bytes and the packet sequence. (RFC 8439, §2.8)
  var nonce: FixedBytes<12> {
    var nonce = FixedBytes<12>()
    for index in 0..<8 { nonce.storage[4 + index] = UInt8(truncatingIfNeeded: packetSequence >> UInt64(8 * index)) }
    return nonce
  }
}
