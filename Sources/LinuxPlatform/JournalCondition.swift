import CLinux
import HAL
import Wire

/// What a journal's file is like, and where it is not what was written.
public struct JournalCondition: Equatable, Sendable {
  /// How far a journal's file is what was written.
  public enum State: Equatable, Sendable {
    /// Every entry follows on the one before.
    case whole
    /// Behind the last entry are bytes of none: a crash's tail, or of an entry that is being appended. A start cuts them off.
    case torn
    /// Entries stand behind bytes that are none, a snapshot has no end, or the head is none: what was synced has changed. It opens never.
    case damaged
    /// Of another node or network.
    case foreign
    /// Of another version.
    case outdated, newer
  }

  public let state: State
  /// Entries before the place, those of a snapshot included.
  public let entries: UInt64
  /// The place: up to here the file is good. 0 when its head is not.
  public let goodBytes: UInt64
  public let bytes: UInt64
}

extension FileJournal {
  /// Looks at a journal and changes nothing; it may be in use, and then its tail may be torn for a moment.
  ///
  /// Cost: all of it is read and checked; a damaged one byte by byte behind the damage.
  /// - Parameter visit: takes every entry before the place.
  /// - Throws: when the file cannot be read at all, `.notFound` when there is none.
  public static func examine(
    _ path: String, as identity: JournalIdentity, _ visit: (Span<UInt8>) -> Void = { _ in }
  ) throws(PlatformError) -> JournalCondition {
    let file = try check(busbar_open_read(path))
    defer { busbar_close(file) }
    var segment = try JournalSegment(.file(file))
    return try examine(&segment, as: identity, visit)
  }

  /// The same of any segment.
  static func examine(
    _ segment: inout JournalSegment, as identity: JournalIdentity, _ visit: (Span<UInt8>) -> Void
  ) throws(PlatformError) -> JournalCondition {
    let bytes = segment.byteCount
    var state = JournalCondition.State.whole
    do throws(PlatformError) {
      if try segment.isUnfinished(identity) {
        state = bytes > 0 ? .torn : .whole
      } else {
        let extent = try segment.verify(identity) { (entry) throws(PlatformError) in visit(entry) }
        if extent.goodBytes < bytes { state = .torn }
      }
    } catch {
      switch error.kind {
      case .corrupted: state = .damaged
      case .foreign: state = .foreign
      case .outdated: state = .outdated
      case .newer: state = .newer
      default: throw error
      }
    }
    return JournalCondition(
      state: state, entries: segment.entryCount, goodBytes: segment.verifiedBytes, bytes: bytes)
  }
}
