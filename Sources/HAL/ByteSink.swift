/// Takes bytes in order: a file that a port is tapped to.
public protocol ByteSink: ~Copyable {
  mutating func append(_ bytes: Span<UInt8>) throws(PlatformError)
}
