import Configuration
import HAL
import LinuxPlatform

/// Why a verb stopped, with the exit code it asks for: 1 failed, 2 usage, 78 bad configuration.
struct Failure: Error {
  static let usageCode: Int32 = 2
  static let configurationCode: Int32 = 78

  let message: String
  let exitCode: Int32

  init(_ message: String, exitCode: Int32 = 1) {
    self.message = message
    self.exitCode = exitCode
  }
  init(usage message: String, of verb: Verb) {
    self.init("\(message); see busbar \(verb.name) --help", exitCode: Self.usageCode)
  }
  init(_ error: ConfigurationError) { self.init("\(error)", exitCode: Self.configurationCode) }
  init(_ path: String, _ error: PlatformError) { self.init("\(path): \(describe(error))") }

  /// On stderr, and with JSON wanted as an object on stdout too. A configuration's message begins with FILE:LINE.
  func report(asJSON: Bool) {
    printDiagnostic(exitCode == Self.configurationCode ? message : "busbar: \(message)")
    if asJSON, exitCode != Self.usageCode { printLine("{\"error\":\"\(jsonEscaped(message))\"}") }
  }
}

/// Written at once, not buffered.
func printLine(_ text: String) { StandardStream.write(text + "\n") }
func printDiagnostic(_ text: String) { StandardStream.write(text + "\n", toError: true) }

func readFile(_ path: String, limit: Int = 8 << 20) throws(Failure) -> [UInt8] {
  do throws(PlatformError) { return try Files.read(path, limit: limit) } catch {
    // It is no disk that is full.
    if error == PlatformError(.full) {
      throw Failure("\(path): longer than \(limit) bytes, so it is no file of this kind")
    }
    throw Failure(path, error)
  }
}

func readSecretFile(_ path: String) throws(Failure) -> [UInt8] {
  do throws(PlatformError) { return try Files.readSecret(path, limit: 1 << 16) } catch {
    throw Failure(describeSecret(path, error))
  }
}

/// Why a file with a secret in it was refused.
func describeSecret(_ path: String, _ error: PlatformError) -> String {
  error.kind == .notPermitted ? "\(path): others may read it, or it is not yours (chmod 600)" : "\(path): \(error)"
}

func writeFile(_ path: String, _ bytes: [UInt8], mode: Int32 = 0o644) throws(Failure) {
  do throws(PlatformError) { try Files.replace(path, with: bytes.span, mode: mode) } catch {
    throw Failure(path, error)
  }
}

func makeFolder(_ path: String) throws(Failure) {
  do throws(PlatformError) { try Files.makeFolder(path) } catch { throw Failure(path, error) }
}

/// Quotes and backslashes with a backslash; control characters as \u00XX.
func jsonEscaped(_ text: String) -> String {
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
