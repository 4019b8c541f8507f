import LinuxPlatform

/// Written at once, not buffered.
package func printLine(_ text: String) { StandardStream.write(text + "\n") }
/// The same on stderr.
package func printDiagnostic(_ text: String) { StandardStream.write(text + "\n", toError: true) }

/// The text with spaces behind it, up to `width` characters; ASCII.
package func padded(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.utf8.count))
}

/// The text with spaces before it, up to `width` characters; ASCII.
package func aligned(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.utf8.count)) + text
}

/// A number of 10^-places as a decimal fraction.
package func decimal(_ value: UInt64, places: Int) -> String {
  var scale: UInt64 = 1
  for _ in 0..<places { scale *= 10 }
  let fraction = String(value % scale)
  return "\(value / scale)." + String(repeating: "0", count: places - fraction.utf8.count) + fraction
}
