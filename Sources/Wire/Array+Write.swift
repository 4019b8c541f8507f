extension Array where Element == UInt8 {
  /// The bytes that `fill` writes, at most `capacity`.
  public init(capacity: Int, writing fill: (inout OutputSpan<UInt8>) -> Void) {
    var buffer = ByteBuffer(capacity: Swift.max(1, capacity))
    buffer.replace(fill)
    self.init(copying: buffer.span)
  }

  /// Forgets what was there and writes anew, at most `capacity` bytes, in the same memory if it has room and nobody else
  /// holds it.
  public mutating func replace(capacity: Int, writing fill: (inout OutputSpan<UInt8>) -> Void) {
    removeAll(keepingCapacity: true)
    append(addingCapacity: capacity, initializingWith: fill)
  }

  /// Forgets what was there and holds a copy of `bytes`, in the same memory if it has room and nobody else holds it.
  public mutating func replace(copying bytes: Span<UInt8>) {
    replace(capacity: bytes.count) { out in out.write(bytes) }
  }

  /// An array with a copy of `bytes`, for what has to outlive the buffer that they are borrowed from.
  public init(copying bytes: Span<UInt8>) {
    self = unsafe bytes.withUnsafeBufferPointer { source in unsafe Array(source) }
  }
}
