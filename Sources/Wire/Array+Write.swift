extension Array where Element == UInt8 {
  /// The bytes that `fill` writes, at most `capacity`.
  public init(capacity: Int, writing fill: (inout OutputSpan<UInt8>) -> Void) {
    var buffer = ByteBuffer(capacity: Swift.max(1, capacity))
    buffer.replace(fill)
    self.init(copying: buffer.span)
  }

  public init(copying bytes: Span<UInt8>) {
    self = unsafe bytes.withUnsafeBufferPointer { source in unsafe Array(source) }
  }
}
