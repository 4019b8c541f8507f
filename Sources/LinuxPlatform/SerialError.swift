import HAL

extension PlatformError {
  /// Sorts Linux's errno of a tty, a pty or an attribute file; numbers are those of asm-generic/errno-base.h.
  /// - Parameter result: -errno
  static func serial(_ result: Int) -> PlatformError {
    let code = Int32(-result)
    let kind: PlatformError.Kind =
      switch code {
      case 2: .notFound
      case 1, 13: .notPermitted
      case 16: .busy
      // EIO, ENXIO, ENODEV: an unplugged adapter, the closed far end of a pty, a sensor that went. EPIPE, ECONNRESET: a socket's.
      case 5, 6, 19, 32, 104: .disconnected
      case 28: .full
      case 22, 25: .invalid
      case 11, 110: .timedOut
      default: .other
      }
    return PlatformError(kind, code: code)
  }
}
