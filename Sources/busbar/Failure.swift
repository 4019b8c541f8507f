import Configuration
import HAL
import LinuxPlatform

/// Why a verb stopped, with the exit code it asks for: 1 failed, 2 usage, 78 bad configuration.
struct Failure: Error {
  let message: String
  let exitCode: Int32

  init(_ message: String, exitCode: Int32 = 1) {
    self.message = message
    self.exitCode = exitCode
  }
  init(_ error: UsageError) { self.init(error.message, exitCode: 2) }
  init(_ error: ConfigurationError) { self.init("\(error)", exitCode: 78) }
  init(_ path: String, _ error: PlatformError) { self.init("\(path): \(error)") }
}

func printLine(_ text: String) { StandardStream.write(text + "\n") }
func printDiagnostic(_ text: String) { StandardStream.write(text + "\n", toError: true) }

func readFile(_ path: String, limit: Int = 8 << 20) throws(Failure) -> [UInt8] {
  do throws(PlatformError) { return try Files.read(path, limit: limit) } catch { throw Failure(path, error) }
}

func readSecretFile(_ path: String) throws(Failure) -> [UInt8] {
  do throws(PlatformError) { return try Files.readSecret(path, limit: 1 << 16) } catch {
    throw Failure(
      error.kind == .notPermitted ? "\(path): others may read it, or it is not yours (chmod 600)" : "\(path): \(error)")
  }
}

func writeFile(_ path: String, _ bytes: [UInt8], mode: Int32 = 0o644) throws(Failure) {
  do throws(PlatformError) { try Files.replace(path, with: bytes.span, mode: mode) } catch {
    throw Failure(path, error)
  }
}

func makeFolder(_ path: String) throws(Failure) {
  do throws(PlatformError) { try Files.makeFolder(path) } catch { throw Failure(path, error) }
}
