/// "127.0.0.1:4000" and "[::1]:4000". No names, no zones.
extension Endpoint: CustomStringConvertible {
  /// Nil unless `text` is one numeric address and a port of 1 ... 65535.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")),
      let port = Self.decimal(bytes[(colon + 1)...], most: 65535), port > 0
    else { return nil }
    let host = bytes[..<colon]
    if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]"), host.count > 2 {
      guard let address = Self.ipv6(host.dropFirst().dropLast()) else { return nil }
      self.init(address: address, port: UInt16(port))
    } else {
      let numbers = host.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      guard numbers.count == 4, let a = Self.decimal(numbers[0], most: 255),
        let b = Self.decimal(numbers[1], most: 255), let c = Self.decimal(numbers[2], most: 255),
        let d = Self.decimal(numbers[3], most: 255)
      else { return nil }
      self.init(ipv4: UInt8(a), UInt8(b), UInt8(c), UInt8(d), port: UInt16(port))
    }
  }

  /// Digits alone, without leading zeros: some readers take those for octal.
  private static func decimal(_ digits: ArraySlice<UInt8>, most: UInt32) -> UInt32? {
    guard !digits.isEmpty, digits.count <= 5, digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
    var value: UInt32 = 0
    for digit in digits {
      guard digit >= 0x30, digit <= 0x39 else { return nil }
      value = value * 10 + UInt32(digit - 0x30)
    }
    return value <= most ? value : nil
  }

  /// RFC 4291, §2.2, forms 1 and 2.
  private static func ipv6(_ text: ArraySlice<UInt8>) -> InlineArray<16, UInt8>? {
    let colon = UInt8(ascii: ":")
    var front = text
    var back: ArraySlice<UInt8> = []
    let gap = text.indices.dropLast().first { text[$0] == colon && text[$0 + 1] == colon }
    if let gap {
      front = text[..<gap]
      back = text[(gap + 2)...]
    }
    guard let first = groups(front), let last = groups(back),
      gap == nil ? first.count == 8 : first.count + last.count < 8
    else { return nil }
    var address = InlineArray<16, UInt8>(repeating: 0)
    func put(_ value: UInt16, at place: Int) {
      address[2 * place] = UInt8(value >> 8)
      address[2 * place + 1] = UInt8(value & 255)
    }
    for index in first.indices { put(first[index], at: index) }
    for index in last.indices { put(last[index], at: 8 - last.count + index) }
    return address
  }

  /// Groups of one to four hexadecimal digits between single colons; none in no text.
  private static func groups(_ text: ArraySlice<UInt8>) -> [UInt16]? {
    guard !text.isEmpty else { return [] }
    var result: [UInt16] = []
    for part in text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
      guard part.count >= 1, part.count <= 4 else { return nil }
      var value: UInt16 = 0
      for digit in part {
        switch digit {
        case 0x30...0x39: value = value << 4 | UInt16(digit - 0x30)
        case 0x41...0x46: value = value << 4 | UInt16(digit - 0x41 + 10)
        case 0x61...0x66: value = value << 4 | UInt16(digit - 0x61 + 10)
        default: return nil
        }
      }
      result.append(value)
    }
    return result
  }

  /// As ``init(_:)`` reads it; IPv6 in the form of RFC 5952, §4.
  public var description: String {
    var isMapped = address[10] == 0xFF && address[11] == 0xFF
    for index in 0..<10 where address[index] != 0 { isMapped = false }
    if isMapped { return "\(address[12]).\(address[13]).\(address[14]).\(address[15]):\(port)" }
    var text = "["
    let gap = longestGap
    var place = 0
    while place < 8 {
      if place == gap.lowerBound, !gap.isEmpty {
        text += "::"
        place = gap.upperBound
        continue
      }
      if place > 0, place != gap.upperBound || gap.isEmpty { text += ":" }
      text += String(group(place), radix: 16)
      place += 1
    }
    return text + "]:\(port)"
  }

  private func group(_ place: Int) -> UInt16 { UInt16(address[2 * place]) << 8 | UInt16(address[2 * place + 1]) }

  /// The first of the longest runs of zero groups; empty when none has two.
  private var longestGap: Range<Int> {
    var longest = 0..<0
    var start = 0
    for place in 0...8 where place == 8 || group(place) != 0 {
      if place - start > longest.count, place - start > 1 { longest = start..<place }
      start = place + 1
    }
    return longest
  }
}
