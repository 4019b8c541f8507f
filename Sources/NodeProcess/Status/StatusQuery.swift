import Commands
import HAL
import LinuxPlatform

/// The longest answer: an aggregator of 2048 meters lists each as a peer.
private let maximumStatusBytes = 1 << 20

/// What the node of this folder says about itself, as JSON.
package func nodeStatus(_ folder: String) throws(Failure) -> String {
  let answer: [UInt8]
  do throws(PlatformError) {
    answer = try askLocally(folder: folder, name: StatusPlace.socketName, limit: maximumStatusBytes)
  } catch { throw Failure("\(folder): no node runs there (\(error))") }
  let text = String(decoding: answer, as: UTF8.self)
  guard text.hasSuffix("}}\n") else { throw Failure("\(folder): the answer is cut short") }
  return text
}

/// `name value` for each member of the answer's metrics. The answer is this program's own: its values are numbers, and its
/// strings hold no comma or brace that is not inside quotes.
package func statusLines(_ json: String) -> [String] {
  var lines: [String] = []
  var name: [UInt8] = []
  var value: [UInt8] = []
  var isQuoted = false
  var isEscaped = false
  var isValue = false
  for byte in json.utf8 {
    if isQuoted {
      if isEscaped {
        isEscaped = false
        name.append(byte)
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isQuoted = false
      } else {
        name.append(byte)
      }
      continue
    }
    switch byte {
    case UInt8(ascii: "\""):
      isQuoted = true
      if !isValue { name = [] }
    case UInt8(ascii: ":"):
      isValue = true
      value = []
    case UInt8(ascii: "{"): isValue = false
    case UInt8(ascii: ","), UInt8(ascii: "}"):
      if isValue, !value.isEmpty {
        lines.append(padded(String(decoding: name, as: UTF8.self), 60) + " " + String(decoding: value, as: UTF8.self))
      }
      isValue = false
      value = []
    default: if isValue { value.append(byte) }
    }
  }
  return lines
}
