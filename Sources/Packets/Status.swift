import Wire

/// What a STATUS body begins with: who speaks in which run, and what it knows of the receiver's.
public struct Status: Equatable, Sendable {
  public static let encodedBytes = 16

  /// The sender's boot counter; the same as in the header.
  public var senderBoot: UInt64
  /// The highest boot counter of the receiver that the sender knows; 0 when none.
  public var receiverBoot: UInt64

  public init(senderBoot: UInt64, receiverBoot: UInt64) {
    self.senderBoot = senderBoot
    self.receiverBoot = receiverBoot
  }

  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(senderBoot)
    output.write(receiverBoot)
  }

  /// Reads the two counters; what a role adds behind them is left in the reader.
  public init(decoding reader: inout WireReader) throws(WireError) {
    senderBoot = try reader.read(UInt64.self)
    receiverBoot = try reader.read(UInt64.self)
  }
}
