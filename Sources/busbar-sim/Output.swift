import LinuxPlatform

/// Standard output holds the report alone; with --json it is one JSON value.
func printLine(_ text: String) { StandardStream.write(text + "\n") }
func printDiagnostic(_ text: String) { StandardStream.write(text + "\n", toError: true) }

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
