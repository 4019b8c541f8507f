/// An append-only log that survives a crash at any instant.
///
/// Entries come back from ``replay(_:)`` whole and in order, or not at all. Everything appended before a `sync` that
/// returned is there; of what came after it, a prefix may be. A torn tail is cut off at opening; damage before the
/// tail is `.corrupted` and the journal does not open. A failed `sync` is final: the caller stops. (rule 43)
public protocol Journal: ~Copyable {
  /// Longest entry in bytes.
  static var maximumEntryBytes: Int { get }
  /// - Precondition: 0 < entry.count <= maximumEntryBytes
  mutating func append(_ entry: Span<UInt8>) throws(PlatformError)
  mutating func sync() throws(PlatformError)
  /// At opening its tail was cut off: of an entry that was never synced, or of one that was and is damaged.
  var wasTorn: Bool { get }
  /// Visits every entry that was there at opening. Called once, before the first append.
  mutating func replay(_ visit: (Span<UInt8>) -> Void) throws(PlatformError)
  /// Visits every entry that was there at opening or was appended since, in order. Cost: all of it is read and checked.
  /// - Throws: `.corrupted` when what comes back is not what was written.
  mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError)
}
