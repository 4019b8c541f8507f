import HAL

/// Where a node of a site is: an address, or a name that `busbar provision` asks the system's resolver for.
public enum SiteHost: Equatable, Sendable {
  /// With port 0: the port is told apart.
  case address(Endpoint)
  case name(String)

  /// Letters, digits, `-` and `_` in labels of at most 63, with dots between them; IPv6 stands in brackets.
  /// - Returns: nil for what is neither, as `10.0.0.300`, `host:80`, and an address with a zone.
  public init?(_ text: String) {
    if let endpoint = Endpoint("\(text):1") {
      self = .address(Endpoint(address: endpoint.address, port: 0))
      return
    }
    guard Self.isName(text) else { return nil }
    self = .name(text)
  }

  /// Whether the text is an address with a zone, as `[fe80::1%eth0]`: it means something on one machine only.
  static func hasZone(_ text: String) -> Bool { text.utf8.contains(UInt8(ascii: "%")) }

  private static let longestName = 253
  private static let longestLabel = 63

  private static func isName(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard !bytes.isEmpty, bytes.count <= longestName else { return false }
    var isNumber = true
    for label in bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
      guard !label.isEmpty, label.count <= longestLabel, label.first != UInt8(ascii: "-"),
        label.last != UInt8(ascii: "-")
      else { return false }
      isNumber = true
      for byte in label {
        let isDigit = byte >= 0x30 && byte <= 0x39
        let isLetter = byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A
        guard isDigit || isLetter || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") else { return false }
        if !isDigit { isNumber = false }
      }
    }
    // What ends in a number was meant as an address.
    return !isNumber
  }
}

extension Endpoint {
  private var isIPv4: Bool {
    for index in 0..<10 where address[index] != 0 { return false }
    return address[10] == 0xFF && address[11] == 0xFF
  }

  private func isZero(from start: Int) -> Bool {
    for index in start..<16 where address[index] != 0 { return false }
    return true
  }

  /// Whether only the machine itself can call it.
  public var isLoopback: Bool {
    if isIPv4 { return address[12] == 127 }
    for index in 0..<15 where address[index] != 0 { return false }
    return address[15] == 1
  }

  public var isOfIPv4: Bool { isIPv4 }

  /// Why other nodes cannot call a node at this address; nil when they can.
  public var objection: String? {
    if isIPv4 {
      if isZero(from: 12) { return "it means every address of a machine, and others cannot call it" }
      if address[12] >= 224, address[12] < 240 { return "it is a multicast address" }
      if address[12] >= 240 { return "it is no host's address" }
      return nil
    }
    if isZero(from: 0) { return "it means every address of a machine, and others cannot call it" }
    if address[0] == 0xFF { return "it is a multicast address" }
    if address[0] == 0xFE, address[1] & 0xC0 == 0x80 { return "it holds on one link only and needs a zone there" }
    return nil
  }
}
