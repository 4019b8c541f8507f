import Cryptography
import HAL
import Units
import Wire

/// What a role may ask of the machine it runs on. The Linux process and the simulator each bring one.
public protocol NodeHost: ~Copyable {
  associatedtype Random: RandomNumberGenerator

  /// Sends one datagram; losing it is normal.
  mutating func send(_ datagram: Span<UInt8>, to endpoint: Endpoint)

  /// Appends to the node's journal. A failure of this or of ``sync()`` is final and the node stops. (consensus rule 43)
  mutating func append(_ entry: Span<UInt8>) throws(PlatformError)

  /// Whatever is sent or published from now on leaves only once everything appended so far is durable. A host may put the disk's work
  /// off, and with it what is sent, to the end of what came together: so entries of one batch of datagrams take one sync.
  mutating func sync() throws(PlatformError)

  /// Visits every entry of the node's journal, in order, those appended in this run too.
  /// Cost: the journal is read; it is for what is needed once in a great while.
  mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError)

  /// The journal has grown so much that it is worth to write down what is still needed of it.
  var isSnapshotDue: Bool { get }
  /// A snapshot of the journal, as in ``Journal``: it is begun, entries are put into it, and it takes the journal's place when it
  /// is whole. Nothing is appended meanwhile.
  mutating func beginSnapshot() throws(PlatformError)
  /// Puts an entry into the snapshot that was begun, behind those before.
  mutating func appendToSnapshot(_ entry: Span<UInt8>) throws(PlatformError)
  /// Visits every entry as ``reread(_:)`` does, and copies those that `isNeeded` into the snapshot.
  mutating func copyIntoSnapshot(where isNeeded: (Span<UInt8>) -> Bool) throws(PlatformError)
  /// Puts the snapshot in the journal's place, whole or not at all; it is durable when it returns.
  mutating func commitSnapshot() throws(PlatformError)
  /// A snapshot is about to be committed of a node that is what it would be after a restart. For hosts that compare.
  mutating func compareSnapshot(with node: () -> Restorable)

  /// Hands out a finished file, replacing an older one of the same name whole or not at all.
  mutating func publish(_ kind: Publication, period: Period, owner: ReplicaIndex, _ bytes: Span<UInt8>)
    throws(PlatformError)
  /// What was handed out under this name, by an earlier run too; nil for nothing.
  mutating func published(_ kind: Publication, period: Period, owner: ReplicaIndex) throws(PlatformError) -> [UInt8]?

  /// What is kept beside the journal until it was published, found by its place: see ``CellStore``. Cells of ``AggregatorNode`` are of
  /// ``AggregatorNode/cellBytes(_:ciphertextBytes:)``.
  mutating func writeCell(_ bytes: Span<UInt8>, to place: CellPlace) throws(PlatformError)
  /// What a cell holds; nil for nothing, and for one that is damaged.
  mutating func readCell(_ place: CellPlace) throws(PlatformError) -> [UInt8]?
  /// Gives a cell back. Nothing happens when it holds nothing.
  mutating func freeCell(_ place: CellPlace) throws(PlatformError)
  /// Cells written before are durable when it returns.
  mutating func syncCells() throws(PlatformError)

  var random: Random { get set }

  /// A packet key was made of this seed, under which what is sealed for this node can be opened. Nothing has to be done.
  mutating func packetKeyMade(_ seed: borrowing SecretBytes, number: UInt32, bootCounter: UInt64)
}

extension NodeHost where Self: ~Copyable {
  // Of hosts whose journal nobody reads.
  public var isSnapshotDue: Bool { false }
  public mutating func beginSnapshot() throws(PlatformError) {}
  public mutating func appendToSnapshot(_ entry: Span<UInt8>) throws(PlatformError) {}
  public mutating func copyIntoSnapshot(where isNeeded: (Span<UInt8>) -> Bool) throws(PlatformError) {}
  public mutating func commitSnapshot() throws(PlatformError) {}
  public mutating func compareSnapshot(with node: () -> Restorable) {}
  public mutating func packetKeyMade(_ seed: borrowing SecretBytes, number: UInt32, bootCounter: UInt64) {}
  /// Of hosts whose nodes keep nothing beside their journals: meters, bookkeepers, benches.
  public mutating func writeCell(_ bytes: Span<UInt8>, to place: CellPlace) throws(PlatformError) {}
  public mutating func readCell(_ place: CellPlace) throws(PlatformError) -> [UInt8]? { nil }
  public mutating func freeCell(_ place: CellPlace) throws(PlatformError) {}
  public mutating func syncCells() throws(PlatformError) {}
  /// Of hosts whose nodes publish nothing that they look at again.
  public mutating func published(
    _ kind: Publication, period: Period, owner: ReplicaIndex
  ) throws(PlatformError) -> [UInt8]? { nil }
}

/// What leaves a node for people and other programs to read.
public enum Publication: UInt8, Sendable {
  case certificate = 1
  case sum = 2
  /// The certificate of a total that cannot be read: its product opens to nothing, or to more than its contributors can hold.
  case unreadable = 3
}
