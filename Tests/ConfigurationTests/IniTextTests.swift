import Configuration
import Testing

/// What is said against a file of these bytes; nil when it is read.
private func refusal(_ bytes: [UInt8]) -> String? {
  do throws(ConfigurationError) {
    _ = try IniFile(file: "f", bytes: bytes.span)
    return nil
  } catch { return "\(error)" }
}
private func refusal(_ text: String) -> String? { refusal(Array(text.utf8)) }

private let text = "[group]\naggregators = 4\n[network]\nhost = 127.0.0.1\n"

@Suite("What editors put into a configuration and nobody sees (docs/CONFIGURATION.md, How a file is read)")
struct IniTextTests {
  @Test("UTF-8's byte order mark is skipped, and lines count as without it")
  func mark() throws {
    let bytes = [0xEF, 0xBB, 0xBF] + Array(text.utf8)
    let plain = Array(text.utf8)
    #expect(try IniFile(file: "f", bytes: bytes.span).entries == IniFile(file: "f", bytes: plain.span).entries)
    #expect(refusal([0xEF, 0xBB, 0xBF] + Array("[a]\nx\n".utf8)) == "f:2: neither a section nor key = value")
    #expect(try ConfigurationKind(file: "f", bytes: bytes.span) == .topology)
    #expect(refusal([0xEF, 0xBB, 0xBF]) == nil)
  }

  @Test("a part of the mark, or a second one, is none")
  func partialMark() {
    #expect(refusal([0xEF, 0xBB] + Array(text.utf8)) == "f:1: column 1: byte 0xEF is no UTF-8; save the file as UTF-8")
    #expect(
      refusal([0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF] + Array(text.utf8))
        == "f:1: column 1: a byte order mark inside the text (U+FEFF), which cannot be seen; type it anew")
    // Two files that were joined.
    #expect(refusal(text + "\u{FEFF}[meter]\nbus = b\n")?.hasPrefix("f:5: column 1: a byte order mark inside") == true)
  }

  @Test("UTF-16 and UTF-32 are refused by name, in either order, with and without a mark")
  func wideEncodings() {
    func wide(_ bytes: Int, isLittle: Bool) -> [UInt8] {
      text.utf8.flatMap { byte in
        let rest = [UInt8](repeating: 0, count: bytes - 1)
        return isLittle ? [byte] + rest : rest + [byte]
      }
    }
    let sixteen = "f:1: saved as UTF-16; save it as UTF-8"
    let thirtyTwo = "f:1: saved as UTF-32; save it as UTF-8"
    #expect(refusal([0xFF, 0xFE] + wide(2, isLittle: true)) == sixteen)
    #expect(refusal([0xFE, 0xFF] + wide(2, isLittle: false)) == sixteen)
    #expect(refusal(wide(2, isLittle: true)) == sixteen)
    #expect(refusal(wide(2, isLittle: false)) == sixteen)
    #expect(refusal([0xFF, 0xFE, 0, 0] + wide(4, isLittle: true)) == thirtyTwo)
    #expect(refusal([0, 0, 0xFE, 0xFF] + wide(4, isLittle: false)) == thirtyTwo)
    #expect(refusal([0xFF, 0xFE]) == sixteen)
    // Zeros alone are of no encoding.
    #expect(refusal([0, 0, 0, 0]) == "f:1: a control character")
  }

  @Test(
    "a character that looks like a space or like nothing is named, with line and column",
    arguments: [
      ("\u{A0}", "a no-break space (U+00A0)"), ("\u{202F}", "a narrow no-break space (U+202F)"),
      ("\u{2009}", "a typographic space (U+2009)"), ("\u{3000}", "a typographic space (U+3000)"),
      ("\u{AD}", "a soft hyphen (U+00AD)"), ("\u{200B}", "a character of no width (U+200B)"),
      ("\u{2060}", "a character of no width (U+2060)"), ("\u{200E}", "a mark of writing direction (U+200E)"),
      ("\u{202E}", "a mark of writing direction (U+202E)"), ("\u{2028}", "a line or paragraph separator (U+2028)"),
      ("\u{85}", "a control character (U+0085)"),
    ])
  func invisible(character: String, name: String) {
    let told = "\(name), which cannot be seen; type it anew"
    #expect(refusal("[group]\n\(character)aggregators = 4\n") == "f:2: column 1: \(told)")
    #expect(refusal("[group]\naggregators\(character)= 4\n") == "f:2: column 12: \(told)")
    #expect(refusal("[group]\naggregators = 4\(character)\n") == "f:2: column 16: \(told)")
    #expect(refusal("[gr\(character)oup]\n") == "f:1: column 4: \(told)")
    // Columns are characters, not bytes.
    #expect(refusal("[group]\nname = Zähler\(character)1\n") == "f:2: column 14: \(told)")
  }

  @Test("comments hold what they like, to the end of their line and no further")
  func comments() {
    for comment in ["; a\u{A0}b", "# a\u{200B}b", " \t; \u{FEFF}", "\t# x\u{3000}", "aggregators = 4 ; vier\u{A0}"] {
      #expect(refusal("[group]\n\(comment)\n") == nil, "\(comment)")
      #expect(refusal("[group]\n\(comment)\nx\u{A0}= 1\n")?.hasPrefix("f:3: column 2: ") == true)
    }
    // Latin-1, as old editors write it.
    #expect(refusal(Array("; Z".utf8) + [0xE4] + Array("hler\n[group]\n".utf8)) == nil)
    // What begins no comment: no blank before it, or a # behind something.
    #expect(refusal("[group]\nname = a;\u{A0}\n") != nil)
    #expect(refusal("[group]\nname = a #\u{A0}\n") != nil)
  }

  @Test("letters of any language are read; bytes that encode none are refused where they stand")
  func letters() throws {
    for value in ["Zähler", "電表", "mètre–№1", "😀", "a\u{301}"] {
      let bytes = Array("[group]\nname = \(value)\n".utf8)
      #expect(try IniFile(file: "f", bytes: bytes.span).entries.first?.value == value)
    }
    // Latin-1; an overlong slash, a surrogate, beyond the last character, cut off, a continuation alone. (RFC 3629)
    for bytes: [UInt8] in [
      [0xE4, 0x68], [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82],
      [0x80], [0xF5, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
    ] {
      let first = String(bytes[0], radix: 16, uppercase: true)
      #expect(
        refusal(Array("[group]\nname = ".utf8) + bytes)
          == "f:2: column 8: byte 0x\(first) is no UTF-8; save the file as UTF-8")
    }
  }
}
