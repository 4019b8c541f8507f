import HAL
import LinuxPlatform

package func readFile(_ path: String, limit: Int = 8 << 20) throws(Failure) -> [UInt8] {
  do throws(PlatformError) { return try Files.read(path, limit: limit) } catch {
    // It is no disk that is full.
    if error == PlatformError(.full) {
      throw Failure("\(path): longer than \(limit) bytes, so it is no file of this kind")
    }
    throw Failure(path, error)
  }
}

package func readSecretFile(_ path: String) throws(Failure) -> [UInt8] {
  do throws(PlatformError) { return try Files.readSecret(path, limit: 1 << 16) } catch {
    throw Failure(describeSecret(path, error))
  }
}

/// Why a file with a secret in it was refused.
package func describeSecret(_ path: String, _ error: PlatformError) -> String {
  error.kind == .notPermitted ? "\(path): others may read it, or it is not yours (chmod 600)" : "\(path): \(error)"
}

package func writeFile(_ path: String, _ bytes: [UInt8], mode: Int32 = 0o644) throws(Failure) {
  do throws(PlatformError) { try Files.replace(path, with: bytes.span, mode: mode) } catch {
    throw Failure(path, error)
  }
}

package func makeFolder(_ path: String) throws(Failure) {
  do throws(PlatformError) { try Files.makeFolder(path) } catch { throw Failure(path, error) }
}
