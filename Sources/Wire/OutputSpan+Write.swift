// Everything here is @inlinable: an unspecialised generic costs a hundred times the bytes it writes.
//
// Writing has no errors: the caller sized the buffer from the message's layout, and too small a one is our own mistake.

extension OutputSpan<UInt8> {
  /// Little-endian.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func write<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
    for index in 0..<(T.bitWidth / 8) { append(UInt8(truncatingIfNeeded: value >> T(8 * index))) }
  }

  /// Appends the bytes, without their number: the reader knows it from the type. Traps beyond the capacity.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func write<let size: Int>(_ value: FixedBytes<size>) {
    for index in 0..<size { append(value.storage[index]) }
  }

  /// Appends a copy of `bytes`, without their number.
  /// - Precondition: the span has room for them.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func write(_ bytes: Span<UInt8>) {
    precondition(freeCapacity >= bytes.count)
    withUnsafeMutableBufferPointer { buffer, initializedCount in
      // The capacity was checked above; the two do not overlap, since one is being written and the other borrowed.
      bytes.withUnsafeBufferPointer { bytes in
        guard let source = bytes.baseAddress else { return }
        unsafe (buffer.baseAddress! + initializedCount).update(from: source, count: bytes.count)
      }
      initializedCount += bytes.count
    }
  }

  /// Appends `count` zero bytes: a field that must be zero. Traps beyond the capacity.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func writeZeros(_ count: Int) {
    for _ in 0..<count { append(0) }
  }

  /// A tag of the format; ASCII.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func writeTag(_ tag: StaticString) {
    for index in 0..<tag.utf8CodeUnitCount { append(tag.utf8Start[index]) }
  }
}
