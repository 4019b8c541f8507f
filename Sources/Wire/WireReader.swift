/// Reads the canonical encoding front to back: little-endian integers, fixed bytes, nothing optional.
public struct WireReader: ~Escapable {
  @usableFromInline let bytes: Span<UInt8>
  @usableFromInline var place = 0
  @inlinable public var offset: Int { place }

  /// A reader at the front of `bytes`, which it borrows and never copies.
  @inlinable
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) { self.bytes = bytes }

  @inlinable
  public var remaining: Int { bytes.count - place }

  /// - Throws: ``WireError/truncated(neededBytes:availableBytes:)``
  @inlinable
  @_lifetime(self: copy self)
  public mutating func read<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type) throws(WireError) -> T {
    let size = T.bitWidth / 8
    try need(size)
    var value: T = 0
    for index in 0..<size { value |= T(truncatingIfNeeded: bytes[place + index]) << T(8 * index) }
    place += size
    return value
  }

  /// The next `count` bytes, copied out of the message.
  /// - Throws: ``WireError/truncated(neededBytes:availableBytes:)``
  @inlinable
  @_lifetime(self: copy self)
  public mutating func read<let count: Int>(_ type: FixedBytes<count>.Type) throws(WireError) -> FixedBytes<count> {
    FixedBytes<count>(copying: try readBytes(count))
  }

  /// The next `count` bytes, still borrowed from the message.
  @_lifetime(copy self)
  @inlinable
  @_lifetime(self: copy self)
  public mutating func readBytes(_ count: Int) throws(WireError) -> Span<UInt8> {
    try need(count)
    let slice = bytes.extracting(place..<(place + count))
    place += count
    return slice
  }

  /// Reads bytes that must all be zero.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func readZeros(_ count: Int) throws(WireError) {
    try need(count)
    for index in 0..<count where bytes[place + index] != 0 {
      throw .reservedBytesNotZero(offset: place + index)
    }
    place += count
  }

  /// Reads a tag of the format; ASCII.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func readTag(_ tag: StaticString) throws(WireError) {
    try need(tag.utf8CodeUnitCount)
    for index in 0..<tag.utf8CodeUnitCount where bytes[place + index] != tag.utf8Start[index] { throw .wrongTag }
    place += tag.utf8CodeUnitCount
  }

  /// Reads a tag whose format had another one in version 1.
  /// - Throws: ``WireError/olderVersion(_:)`` when that one stands here.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func readTag(_ tag: StaticString, inVersion1 older: StaticString) throws(WireError) {
    try need(max(tag.utf8CodeUnitCount, older.utf8CodeUnitCount))
    var isOlder = true
    for index in 0..<older.utf8CodeUnitCount where bytes[place + index] != older.utf8Start[index] { isOlder = false }
    if isOlder { throw .olderVersion(1) }
    try readTag(tag)
  }

  /// The same of a format that is in its third version.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func readTag(
    _ tag: StaticString, inVersion1 first: StaticString, inVersion2 second: StaticString
  ) throws(WireError) {
    try need(second.utf8CodeUnitCount)
    var isOlder = true
    for index in 0..<second.utf8CodeUnitCount where bytes[place + index] != second.utf8Start[index] { isOlder = false }
    if isOlder { throw .olderVersion(2) }
    try readTag(tag, inVersion1: first)
  }

  /// - Throws: ``WireError/trailingBytes(_:)`` unless everything was read.
  @inlinable
  public func expectEnd() throws(WireError) {
    if remaining != 0 { throw .trailingBytes(remaining) }
  }

  @inlinable
  func need(_ count: Int) throws(WireError) {
    if count > remaining { throw .truncated(neededBytes: count, availableBytes: remaining) }
  }
}
