/// Quotes and backslashes with a backslash; control characters as \u00XX.
package func jsonEscaped(_ text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar.value {
    case 0x22: result += "\\\""
    case 0x5C: result += "\\\\"
    case 0..<0x20:
      result += scalar.value < 16 ? "\\u000" : "\\u00"
      result += String(scalar.value, radix: 16)
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}
