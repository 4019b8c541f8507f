/// Moves bytes to and from one device: a tty, a pty, a socket, a simulated bus. One owner; closes in `deinit`.
public protocol Port: ~Copyable {
  /// Writes all bytes before the deadline. After an error it is unknown how many bytes went out.
  mutating func write(_ bytes: Span<UInt8>, deadline: MonotonicTime) throws(PlatformError)

  /// Appends at least one byte to `output`, at most its free capacity, as soon as any has arrived.
  /// - Throws: `.timedOut` at the deadline with nothing appended; `.disconnected` when the far end is gone.
  mutating func read(into output: inout OutputSpan<UInt8>, deadline: MonotonicTime) throws(PlatformError)

  /// Drops whatever arrived and was not read.
  mutating func discardInput() throws(PlatformError)

  /// Waits without reading or writing: gaps between frames.
  mutating func wait(until time: MonotonicTime)
}

/// A file tree of small text attributes, such as sysfs under a root the caller chose. Reading may fail at any time.
public protocol AttributeTree: ~Copyable {
  /// The names in a folder, sorted bytewise. `path` is relative to the root, parts joined by "/".
  func names(in path: String) throws(PlatformError) -> [String]
  /// Appends the attribute's bytes, trailing newline included, at most `output`'s free capacity.
  func read(_ path: String, into output: inout OutputSpan<UInt8>) throws(PlatformError)
}
