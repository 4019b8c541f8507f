import Wire

/// Takes an input apart where a target wants numbers rather than an encoding; zeros when it has ended.
struct Choices {
  private let bytes: [UInt8]
  private var position = 0
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position >= bytes.count }

  mutating func byte() -> UInt8 {
    guard position < bytes.count else { return 0 }
    position += 1
    return bytes[position - 1]
  }

  mutating func number(below bound: Int) -> Int {
    let value = Int(byte()) | Int(byte()) << 8
    return value % bound
  }

  mutating func rest() -> [UInt8] {
    defer { position = bytes.count }
    return Array(bytes[position...])
  }
}

/// What `fill` writes must be the input itself: there is one encoding of each value.
func requireIdentity(_ input: [UInt8], _ what: String, _ fill: (inout OutputSpan<UInt8>) -> Void) {
  let again = [UInt8](capacity: input.count + 8192, writing: fill)
  require(again == input, "\(what) was read, and is written differently")
}
