/// What a journal entry is, by its first byte. (docs/PROTOCOL.md, Journal entries)
public enum EntryKind: UInt8, CaseIterable, Sendable {
  case boot = 1
  case vote = 2
  case record = 3
  /// Of an aggregator's snapshot: a position before the head.
  case decided = 4
  case baseline = 5
  case closed = 6
  case certified = 7
  case proposal = 8
  case recovered = 9
  case head = 10
  case peerBoot = 11
  case votingFloor = 12
  case contradiction = 13
  case takenBack = 14
  case modulusProven = 15
  // Of snapshots alone.
  case shown = 16
  case meterStanding = 17
  case named = 18
  /// Of a bookkeeper: a position it published; one whose total cannot be read, with all that is known of it.
  case published = 20
  case unreadable = 21
  /// Of an aggregator: up to where a set's chain is published.
  case acknowledged = 22
  /// Of an aggregator: the proof of a meter that the newest certificate goes without; while it runs, one from another member.
  case inclusion = 23
  /// Of a bookkeeper's snapshot: through when the meters of a set are covered.
  case knownCoverage = 24
  /// Of a meter: what its device's counters were believed to be last.
  case counters = 25
}
