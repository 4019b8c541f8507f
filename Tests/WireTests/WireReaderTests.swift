import Testing
import Wire

@Suite("The canonical encoding")
struct WireReaderTests {
  @Test("integers are little-endian")
  func integers() throws {
    var buffer = ByteBuffer(capacity: 16)
    buffer.replace { out in
      out.write(UInt16(0x0102))
      out.write(UInt32(0x0304_0506))
    }
    var bytes: [UInt8] = []
    for index in 0..<buffer.count { bytes.append(buffer.span[index]) }
    #expect(bytes == [2, 1, 6, 5, 4, 3])
    var reader = WireReader(buffer.span)
    let first = try reader.read(UInt16.self)
    let second = try reader.read(UInt32.self)
    try reader.expectEnd()
    #expect(first == 0x0102 && second == 0x0304_0506)
  }
}
