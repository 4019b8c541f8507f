import CLinux
import HAL
import Wire

/// A stream socket in a folder: whoever may enter the folder asks, and gets one answer. Closes in `deinit`.
public struct LocalListener: ~Copyable {
  public let fileDescriptor: Int32

  /// Listens under this name in a folder, and replaces what an earlier run left there. The socket is this user's alone
  /// (mode 0600).
  public init(folder: String, name: String) throws(PlatformError) {
    fileDescriptor = try check(busbar_local_listen(folder, name))
  }

  deinit { busbar_close(fileDescriptor) }

  /// Gives everybody who waits this answer. Does not wait: a client that reads too slowly gets a part, and sees that it
  /// does not end.
  public func answer(_ make: () -> [UInt8]) {
    for _ in 0..<4 {
      let client = busbar_local_accept(fileDescriptor)
      guard client >= 0 else { return }
      let bytes = make()
      try? Files.write(client, bytes.span)
      busbar_close(client)
    }
  }
}

/// What the listener in this folder answers.
/// - Throws: `.disconnected` when nobody listens, `.notFound` when nobody ever did.
public func askLocally(folder: String, name: String, limit: Int) throws(PlatformError) -> [UInt8] {
  let client = try check(busbar_local_connect(folder, name))
  defer { busbar_close(client) }
  return try Files.readAll(client, limit: limit)
}
