import Cryptography
import Units
import Wire

/// A set's chain, published up to a position. (docs/PROTOCOL.md, AcknowledgedPosition)
public struct AcknowledgedPosition: Equatable, Sendable {
  public static let encodedBytes = 56
  /// Positions that ``open`` speaks of: this one and those before it.
  public static let openPositions: UInt64 = 64

  public var owner: ReplicaIndex
  /// Everything up to this one is published, but for what is open.
  public var position: Position
  /// Of its header.
  public var digest: Digest
  /// Bit i: the total of the position i before this one cannot be read; certificate and product are to be kept.
  /// Invariant: no bit of a position below 1.
  public var open: UInt64

  /// Takes a chain's place as it is; see ``open`` for its bits.
  public init(owner: ReplicaIndex, position: Position, digest: Digest, open: UInt64 = 0) {
    self.owner = owner
    self.position = position
    self.digest = digest
    self.open = open
  }

  /// Whether a position is named as open; nil when it is too far back for that, or later.
  public func isOpen(_ other: Position) -> Bool? {
    guard other <= position, position.rawValue - other.rawValue < Self.openPositions else { return nil }
    return open >> (position.rawValue - other.rawValue) & 1 == 1
  }

  /// Appends 56 bytes. (docs/PROTOCOL.md, AcknowledgedPosition)
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(owner.rawValue)
    output.writeZeros(6)
    output.write(position.rawValue)
    output.write(digest)
    output.write(open)
  }

  /// Reads 56 bytes. Throws for position 0, and for a bit of a position below 1.
  public init(decoding reader: inout WireReader) throws(WireError) {
    owner = ReplicaIndex(try reader.read(UInt16.self))
    try reader.readZeros(6)
    position = Position(try reader.read(UInt64.self))
    guard position.rawValue > 0 else { throw .outOfRange(offset: reader.offset) }
    digest = try reader.read(Digest.self)
    open = try reader.read(UInt64.self)
    guard position.rawValue >= Self.openPositions || open >> position.rawValue == 0 else {
      throw .outOfRange(offset: reader.offset)
    }
  }
}

/// Body of ACKNOWLEDGEMENT: how far the chains of some sets are published. Those follow.
///
/// From the bookkeeper to an aggregator it says what need not be kept any more. From an aggregator to the bookkeeper it says
/// what it was told so: a bookkeeper whose disk was lost learns from f + 1 of them where to go on.
public struct AcknowledgementBody: Equatable, Sendable {
  public static let headBytes = 16
  /// As many as fit into a packet.
  public static let maximumPositions = (Sealer.maximumBodyBytes - headBytes) / AcknowledgedPosition.encodedBytes

  public var epoch: Epoch
  /// How many follow, at least one, in ascending order of their owners.
  public var count: UInt16

  /// Takes an epoch and how many positions the caller appends behind the body.
  public init(epoch: Epoch, count: UInt16) {
    self.epoch = epoch
    self.count = count
  }

  /// Appends the 16 bytes before the positions. (docs/PROTOCOL.md, AcknowledgementBody)
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(epoch.rawValue)
    output.write(count)
    output.writeZeros(6)
  }

  /// Reads the 16 bytes before the positions. Throws unless exactly `count` positions, 1 to ``maximumPositions``, are
  /// left behind them.
  public init(decoding reader: inout WireReader) throws(WireError) {
    epoch = Epoch(try reader.read(UInt64.self))
    count = try reader.read(UInt16.self)
    guard count > 0, Int(count) <= Self.maximumPositions else { throw .outOfRange(offset: reader.offset) }
    try reader.readZeros(6)
    guard reader.remaining == Int(count) * AcknowledgedPosition.encodedBytes else {
      throw .outOfRange(offset: reader.offset)
    }
  }
}
