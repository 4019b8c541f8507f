import Configuration
import Foundation
import Metering

/// Prints `BuiltInDevices.swift`: the maps of these files, one behind the other, each with its length before it.
func embedDevices(_ paths: [String]) throws(LabError) {
  guard !paths.isEmpty else { throw .usage }
  var lines: [String] = []
  for path in paths { lines += escaped(try compact(path)) }
  print(
    """

    extension BuiltInDevices {
      /// Sorted by their files' names. (docs/PROTOCOL.md, Device maps in bytes)
      static let bytes: StaticString = \"""
    """)
  print(lines.map { "    " + $0 }.joined(separator: "\\\n"))
  print("    \"\"\"\n}")
}

private func compact(_ path: String) throws(LabError) -> [UInt8] {
  guard let file = FileManager.default.contents(atPath: path) else { throw .file(path, "cannot be read") }
  let text = [UInt8](file)
  let map: DeviceMap
  do throws(ConfigurationError) { map = try DeviceMap(file: path, bytes: text.span) } catch {
    throw .refused("\(error)")
  }
  do throws(CompactEncodingError) { return try map.compact(withLength: true) } catch {
    throw .file(path, "has no form in bytes: \(error)")
  }
}

/// The bytes as they stand in a string literal, in pieces that fit into a line.
private func escaped(_ bytes: [UInt8]) -> [String] {
  var lines = [""]
  for byte in bytes {
    let piece: String
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): piece = "\\" + String(UnicodeScalar(byte))
    case 0x20...0x7E: piece = String(UnicodeScalar(byte))
    default: piece = "\\u{" + String(byte, radix: 16) + "}"
    }
    if lines[lines.count - 1].utf8.count + piece.utf8.count > 100 { lines.append("") }
    lines[lines.count - 1] += piece
  }
  return lines
}
