import Wire

/// Modbus framing as a slave sees it. Written apart from our master's on purpose.
public enum FarEnd {
  /// How frames are told apart, as a slave sees it: by their checksum, or by the head of Modbus/TCP.
  public enum Framing: UInt8, Sendable {
    case rtu
    case tcp
  }

  static func sealed(_ body: [UInt8]) -> [UInt8] {
    var sum: UInt16 = 0xFFFF
    for byte in body { sum = EastronSlave.crc(sum, byte) }
    return body + [UInt8(truncatingIfNeeded: sum), UInt8(truncatingIfNeeded: sum >> 8)]
  }

  static func isSealed(_ frame: ArraySlice<UInt8>) -> Bool {
    var sum: UInt16 = 0xFFFF
    for byte in frame { sum = EastronSlave.crc(sum, byte) }
    return sum == 0
  }

  /// Takes the first whole request from the front of `received`, as an RTU frame, with the TCP transaction it came in.
  /// Noise is dropped byte by byte. Nil while no request is whole.
  public static func next(
    _ received: inout [UInt8], _ framing: Framing
  ) -> (request: [UInt8], transaction: [UInt8])? {
    switch framing {
    case .rtu:
      while received.count >= 8 {
        let length = (received[1] == 15 || received[1] == 16) ? 9 + Int(received[6]) : 8
        if length <= 256, received.count < length { return nil }
        if length <= 256, isSealed(received[0..<length]) {
          let request = Array(received[0..<length])
          received.removeFirst(length)
          return (request, [])
        }
        received.removeFirst(1)
      }
      return nil
    case .tcp:
      while received.count >= 8 {
        let length = Int(received[4]) << 8 | Int(received[5])
        guard received[2] == 0, received[3] == 0, length >= 6, length <= 254 else {
          received.removeFirst(1)
          continue
        }
        if received.count < 6 + length { return nil }
        let request = sealed(Array(received[6..<(6 + length)]))
        let transaction = Array(received[0..<2])
        received.removeFirst(6 + length)
        return (request, transaction)
      }
      return nil
    }
  }

  /// An RTU reply as it travels: without its checksum and behind a header over TCP.
  public static func framed(_ reply: [UInt8], _ transaction: [UInt8], _ framing: Framing) -> [UInt8] {
    if framing == .rtu || reply.count < 4 { return reply }
    let body = reply.dropLast(2)
    return transaction + [0, 0, 0, UInt8(body.count)] + body
  }
}
