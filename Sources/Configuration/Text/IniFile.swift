import CInih

/// One `key = value` of an INI file.
public struct IniEntry: Equatable, Sendable {
  public let section: String
  public let key: String
  public let value: String
  public let line: Int
}

/// An INI file as inih reads it, with the line of every entry.
///
/// Debian's inih cuts lines at 200 characters without a word, and names that it remembers at 49, and gives its handler no line
/// number; the reader here counts lines and refuses long ones.
public struct IniFile: Sendable {
  public static let maximumLineBytes = 198
  /// Of a key or a section.
  public static let maximumNameBytes = 49

  public let file: String
  public let entries: [IniEntry]
  /// Every section head, one without keys too.
  let sections: [(name: String, line: Int)]
  let lineCount: Int

  /// Lines end with LF or CR LF; UTF-8's byte order mark is skipped.
  /// - Throws: for UTF-16 and UTF-32, a control character, outside of comments a character that cannot be seen, an over-long line or name, a
  ///   line inih cannot read, and a key given twice in one section.
  public init(file: String, bytes: Span<UInt8>) throws(ConfigurationError) {
    let state = ReaderState()
    let start = try IniText.start(bytes, file: file)
    try IniText.check(bytes, from: start, file: file)
    // What is left of CR is at the end of a line.
    for index in start..<bytes.count where bytes[index] != UInt8(ascii: "\r") { state.bytes.append(bytes[index]) }
    let context = Unmanaged.passUnretained(state).toOpaque()
    // `state` outlives the call, and inih keeps neither callback nor context.
    let status = unsafe ini_parse_stream(readIniLine, context, handleIniEntry, context)
    if state.tooLongAt > 0 {
      throw ConfigurationError(
        file: file, line: state.tooLongAt, message: "line is longer than \(Self.maximumLineBytes) bytes")
    }
    if state.nameTooLongAt > 0 {
      throw ConfigurationError(
        file: file, line: state.nameTooLongAt, message: "a name is longer than \(Self.maximumNameBytes) bytes")
    }
    if status > 0 {
      throw ConfigurationError(file: file, line: Int(status), message: "neither a section nor key = value")
    }
    if status < 0 { throw ConfigurationError(file: file, line: 0, message: "cannot be read") }
    for (place, entry) in state.entries.enumerated() {
      for earlier in state.entries[..<place] where earlier.section == entry.section && earlier.key == entry.key {
        throw ConfigurationError(
          file: file, line: entry.line, message: "\(entry.key) is given twice (first on line \(earlier.line))")
      }
    }
    self.file = file
    entries = state.entries
    sections = state.sections
    lineCount = state.line
  }
}

/// What the two callbacks share during one parse.
private final class ReaderState {
  var bytes: [UInt8] = []
  var position = 0
  var line = 0
  var tooLongAt = 0
  private(set) var nameTooLongAt = 0
  var entries: [IniEntry] = []
  var sections: [(name: String, line: Int)] = []

  /// Notes a section head, of which inih tells its handler only with the first key.
  func noteSection(_ line: ArraySlice<UInt8>) {
    guard let open = line.firstIndex(where: { $0 > 0x20 }), line[open] == UInt8(ascii: "["),
      let close = line[open...].firstIndex(of: UInt8(ascii: "]"))
    else { return }
    noteName(ofBytes: close - open - 1)
    sections.append((String(decoding: line[(open + 1)..<close], as: UTF8.self), self.line))
  }

  func noteName(ofBytes count: Int) {
    if count > IniFile.maximumNameBytes, nameTooLongAt == 0 { nameTooLongAt = line }
  }
}

@c(busbar_read_ini_line)
func readIniLine(
  _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int32, _ context: UnsafeMutableRawPointer?
) -> UnsafeMutablePointer<CChar>? {
  guard let buffer, let context else { return nil }
  let state = unsafe Unmanaged<ReaderState>.fromOpaque(context).takeUnretainedValue()
  guard state.position < state.bytes.count, state.tooLongAt == 0 else { return nil }
  state.line += 1
  let start = state.position
  var count = 0
  while state.position < state.bytes.count {
    let byte = state.bytes[state.position]
    state.position += 1
    if byte == UInt8(ascii: "\n") { break }
    guard count < IniFile.maximumLineBytes, count + 2 < Int(capacity) else {
      state.tooLongAt = state.line
      return nil
    }
    buffer[count] = CChar(bitPattern: byte)
    count += 1
  }
  state.noteSection(state.bytes[start..<(start + count)])
  buffer[count] = 10
  buffer[count + 1] = 0
  return buffer
}

@c(busbar_handle_ini_entry)
func handleIniEntry(
  _ context: UnsafeMutableRawPointer?, _ section: UnsafePointer<CChar>?, _ key: UnsafePointer<CChar>?,
  _ value: UnsafePointer<CChar>?
) -> Int32 {
  guard let context, let section, let key, let value else { return 0 }
  let state = unsafe Unmanaged<ReaderState>.fromOpaque(context).takeUnretainedValue()
  let entry = unsafe IniEntry(
    section: String(cString: section), key: String(cString: key), value: String(cString: value), line: state.line)
  state.noteName(ofBytes: entry.key.utf8.count)
  state.entries.append(entry)
  return 1
}
