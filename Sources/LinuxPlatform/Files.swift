import CLinux
import HAL
import Wire

/// A file that is being written, until the call that lent it returns.
public struct OpenFile {
  let descriptor: Int32
  /// Writes all bytes where the last call ended. A failure leaves the file short; whoever lent it throws it away.
  public func write(_ bytes: Span<UInt8>) throws(PlatformError) { try Files.write(descriptor, bytes) }
}

/// Whole files: read, replaced atomically, kept secret.
public enum Files {
  /// - Throws: `.full` when the file is longer than `limit` bytes.
  public static func read(_ path: String, limit: Int) throws(PlatformError) -> [UInt8] {
    let file = try check(busbar_open_read(path))
    defer { busbar_close(file) }
    return try readAll(file, limit: limit)
  }

  /// - Throws: `.notPermitted` when others may read or write the file, or it belongs to somebody else.
  public static func readSecret(_ path: String, limit: Int) throws(PlatformError) -> [UInt8] {
    let file = try check(busbar_open_read(path))
    defer { busbar_close(file) }
    try checkPrivate(file)
    return try readAll(file, limit: limit)
  }

  private static func checkPrivate(_ file: Int32) throws(PlatformError) {
    guard busbar_is_mine(file) == 1, try check(busbar_mode(file)) & 0o077 == 0 else {
      throw PlatformError(.notPermitted)
    }
  }

  static func readAll(_ file: Int32, limit: Int) throws(PlatformError) -> [UInt8] {
    var bytes: [UInt8] = []
    var block = ByteBuffer(capacity: 4096)
    while true {
      let count = try check(busbar_read(file, block.mutableBytes.baseAddress!, block.capacity))
      if count == 0 { return bytes }
      guard count <= limit - bytes.count else { throw PlatformError(.full) }
      block.setCount(count)
      for index in 0..<count { bytes.append(block.span[index]) }
    }
  }

  /// What a file has from `offset` on, as much as there is room for, behind what the buffer holds.
  static func read(_ file: Int32, from offset: Int64, into buffer: inout ByteBuffer) throws(PlatformError) {
    let start = buffer.count
    while buffer.count < buffer.capacity {
      let count = try check(
        busbar_read_at(
          file, buffer.mutableBytes.baseAddress! + buffer.count, buffer.capacity - buffer.count,
          offset + Int64(buffer.count - start)))
      if count == 0 { return }
      buffer.setCount(buffer.count + count)
    }
  }

  /// Writes beside, syncs, renames, syncs the folder: the old file or the new one is there, never a part.
  ///
  /// - Parameter isDurable: false for what may be lost with the power and spares the card: nothing is synced.
  public static func replace(
    _ path: String, with bytes: Span<UInt8>, mode: Int32 = 0o644, isDurable: Bool = true
  ) throws(PlatformError) {
    try replace(path, mode: mode, isDurable: isDurable) { (file) throws(PlatformError) in try file.write(bytes) }
  }

  /// The same, written piece by piece: what is longer than it is worth to hold.
  public static func replace(
    _ path: String, mode: Int32 = 0o644, isDurable: Bool = true,
    writing body: (OpenFile) throws(PlatformError) -> Void
  ) throws(PlatformError) {
    let temporary = path + ".new"
    // One that a crash left behind may have another mode, or be a link somebody placed there.
    busbar_unlink(temporary)
    let file = try check(busbar_create_new(temporary, mode))
    do throws(PlatformError) {
      try body(OpenFile(descriptor: file))
      if isDurable { try check(busbar_sync(file)) }
    } catch {
      busbar_close(file)
      busbar_unlink(temporary)
      throw error
    }
    do throws(PlatformError) {
      try check(busbar_close(file))
      try check(busbar_rename(temporary, path))
    } catch {
      busbar_unlink(temporary)
      throw error
    }
    if isDurable { try syncFolder(of: path) }
  }

  /// Removes a file; its folder is synced, so that it stays removed.
  public static func remove(_ path: String) throws(PlatformError) {
    try check(busbar_unlink(path))
    try syncFolder(of: path)
  }

  static func write(_ file: Int32, _ bytes: Span<UInt8>) throws(PlatformError) {
    var done = 0
    while done < bytes.count {
      let result = bytes.withUnsafeBufferPointer {
        unsafe busbar_write(file, $0.baseAddress! + done, $0.count - done)
      }
      done += try check(result)
    }
  }

  /// Makes what was created, renamed or removed in the folder of `path` durable.
  public static func syncFolder(of path: String) throws(PlatformError) {
    var folder = "."
    if let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) { folder = String(path[..<slash]) }
    let file = try check(busbar_open_folder(folder.isEmpty ? "/" : folder))
    defer { busbar_close(file) }
    try check(busbar_sync(file))
  }

  /// Makes a folder for this user alone; one that exists is left as it is.
  public static func makeFolder(_ path: String) throws(PlatformError) {
    let result = busbar_make_folder(path, 0o700)
    if result < 0, result != -17 { try check(result) }
  }

  /// Whether something stands at this path now; it may be gone by the next call.
  public static func exists(_ path: String) -> Bool { busbar_exists(path) == 1 }

  /// Appends a line to a file and leaves it to the kernel to write it back.
  /// - Throws: with `isSecret`, `.notPermitted` when others may read or write the file, or it belongs to somebody else.
  public static func appendLine(_ line: String, to path: String, isSecret: Bool = false) throws(PlatformError) {
    let file = try check(busbar_open_append(path))
    defer { busbar_close(file) }
    if isSecret { try checkPrivate(file) }
    try check(busbar_seek_end(file))
    let bytes = Array((line + "\n").utf8)
    try write(file, bytes.span)
  }

  /// Names in a folder, sorted bytewise.
  public static func names(in path: String) throws(PlatformError) -> [String] {
    let collected = NameList()
    let context = Unmanaged.passUnretained(collected).toOpaque()
    try check(busbar_list(path, context, collectName))
    return collected.names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
  }
}

private final class NameList {
  var names: [String] = []
}

@c(busbar_collect_name)
func collectName(_ context: UnsafeMutableRawPointer?, _ name: UnsafePointer<CChar>?) {
  // `names(in:)` keeps the list alive for the whole call.
  guard let context, let name else { return }
  unsafe Unmanaged<NameList>.fromOpaque(context).takeUnretainedValue().names.append(String(cString: name))
}
