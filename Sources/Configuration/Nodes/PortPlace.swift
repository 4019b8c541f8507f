import HAL

/// Where a device's bytes come from, as `--port` and `port` of a meter name it.
public enum PortPlace: Equatable, Sendable, CustomStringConvertible {
  case serial(String)
  /// Modbus/TCP.
  case tcp(Endpoint)
  /// RTU frames on a socket, as serial servers send them.
  case rtuOverTCP(Endpoint)
  /// A capture, as if it happened now.
  case replay(String)

  /// PATH, tcp:HOST:PORT, rtu-tcp:HOST:PORT or replay:FILE. Nil where HOST is neither a numeric address nor localhost, or
  /// the path is empty.
  public init?(_ text: String) {
    if text.hasPrefix("tcp:") {
      guard let endpoint = Self.endpoint(text.dropFirst(4)) else { return nil }
      self = .tcp(endpoint)
    } else if text.hasPrefix("rtu-tcp:") {
      guard let endpoint = Self.endpoint(text.dropFirst(8)) else { return nil }
      self = .rtuOverTCP(endpoint)
    } else if text.hasPrefix("replay:") {
      let path = String(text.dropFirst(7))
      if path.isEmpty { return nil }
      self = .replay(path)
    } else {
      if text.isEmpty { return nil }
      self = .serial(text)
    }
  }

  private static func endpoint(_ text: Substring) -> Endpoint? {
    let local = "localhost:"
    return Endpoint(text.hasPrefix(local) ? "127.0.0.1:" + text.dropFirst(local.utf8.count) : String(text))
  }

  /// The addresses that a device may have there: on a serial line nobody answers 0, and those above 247 are reserved; over a network a
  /// device that is no gateway is often 0 or 255.
  public var units: ClosedRange<Int64> {
    switch self {
    case .serial: 1...247
    case .tcp, .rtuOverTCP, .replay: 0...255
    }
  }

  public var description: String {
    switch self {
    case .serial(let path): path
    case .tcp(let endpoint): "tcp:\(endpoint)"
    case .rtuOverTCP(let endpoint): "rtu-tcp:\(endpoint)"
    case .replay(let path): "replay:" + path
    }
  }
}
