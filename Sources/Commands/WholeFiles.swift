import HAL
import LinuxPlatform

/// - Throws: also for a file longer than the limit.
package func readFile(_ path: String, limit: Int = 8 << 20) throws(Failure) -> [UInt8] {
  do throws(PlatformError) { return try Files.read(path, limit: limit) } catch {
    // It is no disk that is full.
    if error == PlatformError(.full) {
      throw Failure("\(path): longer than \(limit) bytes, so it is no file of this kind")
    }
    throw Failure(path, error)
  }
}

/// - Throws: also when others may read the file.
package func readSecretFile(_ path: String) throws(Failure) -> [UInt8] {
  do throws(PlatformError) { return try Files.readSecret(path, limit: 1 << 16) } catch {
    throw Failure(describeSecret(path, error))
  }
}

/// Why a file with a secret in it was refused.
package func describeSecret(_ path: String, _ error: PlatformError) -> String {
  error.kind == .notPermitted ? "\(path): others may read it, or it is not yours (chmod 600)" : "\(path): \(error)"
}

/// Puts a file in place whole, durably.
package func writeFile(_ path: String, _ bytes: [UInt8], mode: Int32 = 0o644) throws(Failure) {
  do throws(PlatformError) { try Files.replace(path, with: bytes.span, mode: mode) } catch {
    throw Failure(path, error)
  }
}

/// Makes a folder, unless it is there.
package func makeFolder(_ path: String) throws(Failure) {
  do throws(PlatformError) { try Files.makeFolder(path) } catch { throw Failure(path, error) }
}
