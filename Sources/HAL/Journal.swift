import Wire

/// Whose journal it is. Another node's folder is refused.
public struct JournalIdentity: Equatable, Sendable {
  /// Of the group's genesis.
  public let networkIdentifier: Digest
  /// As in packets.
  public let node: UInt32

  /// Names node `node` of the group with this network identifier.
  public init(networkIdentifier: Digest, node: UInt32) {
    self.networkIdentifier = networkIdentifier
    self.node = node
  }
}

/// A log that survives a crash at any instant, and stays small.
///
/// It is one segment: a snapshot, if one was ever written, and entries appended behind it. Snapshots are of entries too, so whoever
/// replays knows one kind of thing. Entries come back whole and in order, or not at all. Everything appended before a `sync` that
/// returned is there; of what came after it, a prefix may be. A torn tail is cut off at opening; damage before the tail or in the
/// snapshot is `.corrupted`, and the journal does not open. A failed write, `sync` or snapshot is final: the caller stops.
/// (consensus rule 43)
public protocol Journal: ~Copyable {
  /// Longest entry in bytes.
  static var maximumEntryBytes: Int { get }
  /// - Precondition: 0 < entry.count <= maximumEntryBytes; no snapshot is being written
  mutating func append(_ entry: Span<UInt8>) throws(PlatformError)
  /// What was appended before is durable when it returns; one call serves all entries since the last. A failure is
  /// final: the caller stops.
  mutating func sync() throws(PlatformError)
  /// At opening its tail was cut off: of an entry that was never synced, or of one that was and is damaged.
  var wasTorn: Bool { get }
  /// Visits every entry that was there at opening. Called once, before the first append.
  mutating func replay(_ visit: (Span<UInt8>) -> Void) throws(PlatformError)
  /// Visits every entry that is there, in order: the snapshot's, and those appended behind it. Cost: all of it is read and checked, piece
  /// by piece.
  /// - Throws: `.corrupted` when what comes back is not what was written.
  mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError)

  /// Bytes that the snapshot takes, 0 without one, and those of what was appended behind it.
  var snapshotBytes: UInt64 { get }
  var appendedBytes: UInt64 { get }
  /// Begins a snapshot beside the segment. A crash before ``commitSnapshot()`` leaves the segment as it is.
  mutating func beginSnapshot() throws(PlatformError)
  /// - Precondition: as for ``append(_:)``, and a snapshot is being written
  mutating func appendToSnapshot(_ entry: Span<UInt8>) throws(PlatformError)
  /// Visits every entry as ``reread(_:)`` does, and copies those that `isNeeded` into the snapshot.
  mutating func copyIntoSnapshot(where isNeeded: (Span<UInt8>) -> Bool) throws(PlatformError)
  /// Makes the snapshot durable and puts it in the segment's place, all or nothing. What was appended and not synced is gone, or in the
  /// snapshot.
  mutating func commitSnapshot() throws(PlatformError)
}

/// When a segment is worth a snapshot.
public struct CompactionLimits: Sendable {
  /// Below this nothing is gained: a card's own blocks are as large.
  public static let leastBytes: UInt64 = 1 << 20
  /// Bytes behind the snapshot for each of its own: so a byte appended costs 4/3 bytes written, and a journal and the next snapshot
  /// take at most five times the state.
  public static let multiple: UInt64 = 3

  public var leastBytes: UInt64

  /// Takes another size to begin at, in bytes: tests begin earlier.
  /// - Precondition: leastBytes > 0.
  public init(leastBytes: UInt64 = Self.leastBytes) {
    // A snapshot that was written for less than its own size would be written again and again.
    precondition(Self.multiple >= 1 && leastBytes > 0)
    self.leastBytes = leastBytes
  }

  /// Whether a segment with `appended` bytes behind a snapshot of `snapshot` bytes is worth a new one: it is, from
  /// ``leastBytes`` on, when it grew by ``multiple`` times the snapshot.
  public func isDue(appended: UInt64, snapshot: UInt64) -> Bool {
    appended >= leastBytes && appended / Self.multiple >= snapshot
  }
}
