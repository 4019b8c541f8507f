/// What an editor puts into a file and nobody sees: how it is encoded, and characters that look like a space or like nothing.
///
/// Comments may hold what they like. Everywhere else a character that cannot be seen would make a name another one.
enum IniText {
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  /// Where the text begins: behind UTF-8's byte order mark, which some editors put first.
  /// - Throws: for UTF-16 and UTF-32, by that name.
  static func start(_ bytes: Span<UInt8>, file: String) throws(ConfigurationError) -> Int {
    func begins(with prefix: [UInt8]) -> Bool {
      guard bytes.count >= prefix.count else { return false }
      for index in prefix.indices where bytes[index] != prefix[index] { return false }
      return true
    }
    var encoding: String?
    if begins(with: [0xFF, 0xFE, 0, 0]) || begins(with: [0, 0, 0xFE, 0xFF]) {
      encoding = "UTF-32"
    } else if begins(with: [0xFF, 0xFE]) || begins(with: [0xFE, 0xFF])
      || bytes.count >= 2 && (bytes[0] == 0) != (bytes[1] == 0)
    {
      // Without a mark every other byte of plain text is zero.
      encoding = "UTF-16"
    }
    if let encoding {
      throw ConfigurationError(file: file, line: 1, message: "saved as \(encoding); save it as UTF-8")
    }
    return begins(with: byteOrderMark) ? byteOrderMark.count : 0
  }

  /// - Throws: for a control character, and outside of comments for a character that cannot be seen and for a byte that is no UTF-8.
  static func check(_ bytes: Span<UInt8>, from start: Int, file: String) throws(ConfigurationError) {
    var line = 1
    var column = 1
    var isComment = false
    // Of the line: nothing but blanks so far; and whether a blank came just before.
    var isBlank = true
    var followsBlank = true
    var index = start
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
        (isComment, isBlank, followsBlank) = (false, true, true)
        index += 1
        continue
      }
      let endsLine = index + 1 == bytes.count || bytes[index + 1] == UInt8(ascii: "\n")
      let isAllowed = byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r") && endsLine
      if byte < 0x20 && !isAllowed || byte == 0x7F {
        throw ConfigurationError(file: file, line: line, message: "a control character")
      }
      if byte == UInt8(ascii: ";") && followsBlank || byte == UInt8(ascii: "#") && isBlank { isComment = true }
      followsBlank = byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
      if !followsBlank { isBlank = false }
      var length = 1
      if byte >= 0x80, !isComment {
        guard let (scalar, scalarBytes) = decode(bytes, at: index) else {
          throw ConfigurationError(
            file: file, line: line,
            message: "column \(column): byte 0x\(hexadecimal(UInt32(byte), 2)) is no UTF-8; save the file as UTF-8")
        }
        if let name = invisible(scalar) {
          throw ConfigurationError(
            file: file, line: line,
            message: "column \(column): \(name) (U+\(hexadecimal(scalar, 4))), which cannot be seen; type it anew")
        }
        length = scalarBytes
      }
      index += length
      column += 1
    }
  }

  /// The character at a place, with how many bytes it takes; nil when no character is encoded there. (RFC 3629, §4)
  private static func decode(_ bytes: Span<UInt8>, at start: Int) -> (scalar: UInt32, bytes: Int)? {
    let first = UInt32(bytes[start])
    let (length, least): (Int, UInt32)
    switch first {
    case 0xC2...0xDF: (length, least) = (2, 0x80)
    case 0xE0...0xEF: (length, least) = (3, 0x800)
    case 0xF0...0xF4: (length, least) = (4, 0x10000)
    default: return nil
    }
    guard start + length <= bytes.count else { return nil }
    var scalar = first & (0xFF >> UInt32(length + 1))
    for place in 1..<length {
      let byte = UInt32(bytes[start + place])
      guard byte & 0xC0 == 0x80 else { return nil }
      scalar = scalar << 6 | byte & 0x3F
    }
    guard scalar >= least, scalar <= 0x10FFFF, !(0xD800...0xDFFF).contains(scalar) else { return nil }
    return (scalar, length)
  }

  /// What such a character is called; nil for one that can be seen.
  private static func invisible(_ scalar: UInt32) -> String? {
    switch scalar {
    case 0xA0: "a no-break space"
    case 0x202F: "a narrow no-break space"
    case 0x2000...0x200A, 0x205F, 0x3000, 0x1680: "a typographic space"
    case 0x80...0x9F: "a control character"
    case 0xAD: "a soft hyphen"
    case 0x200B...0x200D, 0x2060: "a character of no width"
    case 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: "a mark of writing direction"
    case 0x2028, 0x2029: "a line or paragraph separator"
    case 0xFEFF: "a byte order mark inside the text"
    default: nil
    }
  }

  private static func hexadecimal(_ value: UInt32, _ digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
  }
}
