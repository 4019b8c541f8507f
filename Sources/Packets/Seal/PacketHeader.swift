import Units
import Wire

/// What a packet's body is; the numbers are those on the wire. (docs/PROTOCOL.md, PacketHeader)
public enum PacketType: UInt8, Sendable {
  case status = 1
  case record = 2
  case receipt = 3
  case proposal = 4
  case vote = 5
  case want = 6
  case chunk = 7
  case proof = 8
  case acknowledgement = 9
}

/// The 40 clear bytes before every sealed body; they are authenticated with it. Version, sender, receiver and newest
/// version stand where they do in every version; the rest is version 2's.
public struct PacketHeader: Equatable, Sendable {
  public static let encodedBytes = 40
  /// What this software speaks. (docs/PROTOCOL.md, Versions)
  public static let versions: ClosedRange<UInt8> = 2...2

  /// Of the body and of what is said with it.
  public var version: UInt8
  public var type: PacketType
  public var bodyLength: UInt16
  public var sender: UInt32
  public var receiver: UInt32
  /// The highest version its sender speaks.
  public var newestVersion: UInt8
  public var bootCounter: UInt64
  public var packetSequence: UInt64
  /// Number of the sender's packet key that it is sealed under; of a STATUS 0, as it is under no packet key.
  public var senderKeyNumber: UInt32
  /// Likewise of the receiver's.
  public var receiverKeyNumber: UInt32

  /// Appends 40 bytes, in the clear. (docs/PROTOCOL.md, PacketHeader)
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(version)
    output.write(type.rawValue)
    output.write(bodyLength)
    output.write(sender)
    output.write(receiver)
    output.write(newestVersion)
    output.writeZeros(3)
    output.write(bootCounter)
    output.write(packetSequence)
    output.write(senderKeyNumber)
    output.write(receiverKeyNumber)
  }

  /// Takes the fields as they are; without other words it names the newest version that this software speaks.
  public init(
    type: PacketType, bodyLength: UInt16, sender: UInt32, receiver: UInt32, bootCounter: UInt64, packetSequence: UInt64,
    senderKeyNumber: UInt32 = 0, receiverKeyNumber: UInt32 = 0, version: UInt8 = PacketHeader.versions.upperBound,
    newestVersion: UInt8 = PacketHeader.versions.upperBound
  ) {
    self.version = version
    self.type = type
    self.bodyLength = bodyLength
    self.sender = sender
    self.receiver = receiver
    self.newestVersion = newestVersion
    self.bootCounter = bootCounter
    self.packetSequence = packetSequence
    self.senderKeyNumber = senderKeyNumber
    self.receiverKeyNumber = receiverKeyNumber
  }

  /// Sender and receiver, of any version. (docs/PROTOCOL.md, Versions)
  static func parties(_ datagram: Span<UInt8>) throws(WireError) -> (sender: UInt32, receiver: UInt32) {
    var reader = WireReader(datagram)
    // Version, type, length.
    _ = try reader.read(UInt32.self)
    return (try reader.read(UInt32.self), try reader.read(UInt32.self))
  }

  /// Whether its version is spoken here is for the caller.
  public init(decoding reader: inout WireReader) throws(WireError) {
    version = try reader.read(UInt8.self)
    guard version > 0 else { throw .unknownKind(version) }
    let code = try reader.read(UInt8.self)
    guard let type = PacketType(rawValue: code) else { throw .unknownKind(code) }
    self.type = type
    bodyLength = try reader.read(UInt16.self)
    sender = try reader.read(UInt32.self)
    receiver = try reader.read(UInt32.self)
    newestVersion = try reader.read(UInt8.self)
    guard newestVersion >= version else { throw .unknownKind(newestVersion) }
    try reader.readZeros(3)
    bootCounter = try reader.read(UInt64.self)
    packetSequence = try reader.read(UInt64.self)
    senderKeyNumber = try reader.read(UInt32.self)
    receiverKeyNumber = try reader.read(UInt32.self)
    // One encoding each: a STATUS is under no packet key, all else under two.
    guard (senderKeyNumber == 0) == (type == .status), (receiverKeyNumber == 0) == (type == .status) else {
      throw .unknownKind(code)
    }
  }
}
