/// Reads the canonical encoding front to back: little-endian integers, fixed bytes, nothing optional.
public struct WireReader: ~Escapable {
  @usableFromInline let bytes: Span<UInt8>
  @usableFromInline var position = 0
  @inlinable public var offset: Int { position }

  @inlinable
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) { self.bytes = bytes }

  @inlinable public var remaining: Int { bytes.count - position }

  /// - Throws: ``WireError/truncated(neededBytes:availableBytes:)``
  @inlinable
  @_lifetime(self: copy self)
  public mutating func read<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type) throws(WireError) -> T {
    let size = T.bitWidth / 8
    try need(size)
    var value: T = 0
    for index in 0..<size { value |= T(truncatingIfNeeded: bytes[position + index]) << T(8 * index) }
    position += size
    return value
  }

  @inlinable
  @_lifetime(self: copy self)
  public mutating func read<let count: Int>(_ type: FixedBytes<count>.Type) throws(WireError) -> FixedBytes<count> {
    FixedBytes<count>(copying: try readBytes(count))
  }

  /// The next `count` bytes, still borrowed from the message.
  @inlinable
  @_lifetime(copy self)
  @_lifetime(self: copy self)
  public mutating func readBytes(_ count: Int) throws(WireError) -> Span<UInt8> {
    try need(count)
    let slice = bytes.extracting(position..<(position + count))
    position += count
    return slice
  }

  /// Reads bytes that must all be zero.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func readZeros(_ count: Int) throws(WireError) {
    try need(count)
    for index in 0..<count where bytes[position + index] != 0 {
      throw .reservedBytesNotZero(offset: position + index)
    }
    position += count
  }

  /// Reads a tag of the format; ASCII.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func readTag(_ tag: StaticString) throws(WireError) {
    try need(tag.utf8CodeUnitCount)
    for index in 0..<tag.utf8CodeUnitCount where bytes[position + index] != tag.utf8Start[index] { throw .wrongTag }
    position += tag.utf8CodeUnitCount
  }

  /// - Throws: ``WireError/trailingBytes(_:)`` unless everything was read.
  @inlinable public func expectEnd() throws(WireError) {
    if remaining != 0 { throw .trailingBytes(remaining) }
  }

  @inlinable func need(_ count: Int) throws(WireError) {
    if count > remaining { throw .truncated(neededBytes: count, availableBytes: remaining) }
  }
}
