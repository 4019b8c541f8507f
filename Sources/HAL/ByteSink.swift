/// Takes bytes in order: a file that a port is tapped to.
public protocol ByteSink: ~Copyable {
  /// Adds `bytes` behind all that came before. When they are durable is for the sink to say; after an error it is
  /// unknown how many of them it holds.
  mutating func append(_ bytes: Span<UInt8>) throws(PlatformError)
}
