import Testing

/// A value is read from its own bytes alone: no prefix of them is one, nothing may follow, and another bit is another value, whose own
/// bytes those are, or none.
func expectOneForm<Value: Equatable>(
  _ value: Value, _ bytes: [UInt8], read: ([UInt8]) -> Value?, write: (Value) -> [UInt8]
) {
  #expect(read(bytes) == value)
  for count in 0..<bytes.count { #expect(read(Array(bytes.prefix(count))) == nil) }
  #expect(read(bytes + [0]) == nil)
  for place in bytes.indices {
    for bit in 0..<8 {
      var other = bytes
      other[place] ^= 1 << UInt8(bit)
      guard let found = read(other) else { continue }
      #expect(found != value)
      #expect(write(found) == other)
    }
  }
}
