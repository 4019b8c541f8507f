import Configuration
import HAL

/// Why a verb stopped, with the exit code it asks for: 1 failed, 2 usage, 78 bad configuration.
package struct Failure: Error {
  package static let usageCode: Int32 = 2
  package static let configurationCode: Int32 = 78

  package let message: String
  package let exitCode: Int32

  package init(_ message: String, exitCode: Int32 = 1) {
    self.message = message
    self.exitCode = exitCode
  }
  /// With the verb's help named behind it.
  package init(usage message: String, of verb: Verb) {
    self.init("\(message); see busbar \(verb.name) --help", exitCode: Self.usageCode)
  }
  /// FILE:LINE and what is wrong there.
  package init(_ error: ConfigurationError) { self.init("\(error)", exitCode: Self.configurationCode) }
  /// What the system refused, and what to do about it.
  package init(_ path: String, _ error: PlatformError) { self.init("\(path): \(describe(error))") }

  /// On stderr, and with JSON wanted as an object on stdout too. A configuration's message begins with FILE:LINE.
  package func report(asJSON: Bool) {
    printDiagnostic(exitCode == Self.configurationCode ? message : "busbar: \(message)")
    if asJSON, exitCode != Self.usageCode { printLine("{\"error\":\"\(jsonEscaped(message))\"}") }
  }
}
