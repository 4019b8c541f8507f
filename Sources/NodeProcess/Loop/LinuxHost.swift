import Commands
import Cryptography
import HAL
import LinuxPlatform
import Node
import Units
import Wire

/// A node's machine: its socket, its journal, its generator, its published folder.
package struct LinuxHost: ~Copyable, NodeHost {
  package var socket: UDPSocket
  package var outgoing: DatagramBatch
  package var journal: FileJournal
  var cells: FileCells
  package var random = SecureRandom()
  let published: PublishedFolder?
  /// Where packet keys are written, for whoever reads captured traffic; nil, as a rule, writes none.
  let packetKeyLog: String?

  package mutating func packetKeyMade(_ seed: borrowing SecretBytes, number: UInt32, bootCounter: UInt64) {
    guard let packetKeyLog else { return }
    let line = "\(bootCounter) \(number) \(Hexadecimal.string(seed.span))"
    do throws(PlatformError) { try Files.appendLine(line, to: packetKeyLog, isSecret: true) } catch {
      printDiagnostic(describeSecret(packetKeyLog, error))
    }
  }

  /// What waits to be sent was sent behind entries that are not durable yet.
  package private(set) var mustSync = false
  /// Of a sync that became due where none could be thrown; nothing is sent any more.
  private var failure: PlatformError?
  /// Of the journal, so far.
  package private(set) var syncCount: UInt64 = 0
  private var compaction = CompactionLimits()

  package init(
    socket: consuming UDPSocket, outgoing: consuming DatagramBatch, journal: consuming FileJournal,
    cells: consuming FileCells, published: PublishedFolder?, packetKeyLog: String?
  ) {
    self.socket = socket
    self.outgoing = outgoing
    self.journal = journal
    self.cells = cells
    self.published = published
    self.packetKeyLog = packetKeyLog
  }

  package mutating func send(_ datagram: Span<UInt8>, to endpoint: Endpoint) {
    if outgoing.isFull {
      do throws(PlatformError) { try commit() } catch { failure = error }
      flush()
    }
    guard failure == nil else { return }
    outgoing.append(to: endpoint) { out in out.write(datagram) }
  }
  /// Sends what waits and may leave; a socket that fails altogether fails again when it is read, which stops the node.
  package mutating func flush() {
    guard failure == nil, !mustSync else { return }
    try? outgoing.flush(by: socket)
  }
  package mutating func append(_ entry: Span<UInt8>) throws(PlatformError) { try journal.append(entry) }
  package mutating func sync() throws(PlatformError) {
    if let failure { throw failure }
    // What was sent before does not wait for the disk.
    flush()
    mustSync = true
  }
  /// Makes durable what must be, and sends what waited for it. Called when all that came together was looked at.
  package mutating func commit() throws(PlatformError) {
    if let failure { throw failure }
    guard mustSync else { return }
    try journal.sync()
    noteSync()
  }
  private mutating func noteSync() {
    syncCount += 1
    mustSync = false
    flush()
  }
  package mutating func writeCell(_ bytes: Span<UInt8>, to place: CellPlace) throws(PlatformError) {
    try cells.write(bytes, to: place)
  }
  package mutating func readCell(_ place: CellPlace) throws(PlatformError) -> [UInt8]? { try cells.read(place) }
  package mutating func freeCell(_ place: CellPlace) throws(PlatformError) {
    // What says that it may go is durable first.
    try commit()
    try cells.free(place)
  }
  package mutating func syncCells() throws(PlatformError) { try cells.sync() }
  package mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) { try journal.reread(visit) }

  package var isSnapshotDue: Bool {
    compaction.isDue(appended: journal.appendedBytes, snapshot: journal.snapshotBytes)
  }
  package mutating func beginSnapshot() throws(PlatformError) {
    try commit()
    try journal.beginSnapshot()
  }
  package mutating func appendToSnapshot(_ entry: Span<UInt8>) throws(PlatformError) {
    try journal.appendToSnapshot(entry)
  }
  package mutating func copyIntoSnapshot(where isNeeded: (Span<UInt8>) -> Bool) throws(PlatformError) {
    try journal.copyIntoSnapshot(where: isNeeded)
  }
  package mutating func commitSnapshot() throws(PlatformError) {
    try journal.commitSnapshot()
    noteSync()
  }
  package mutating func publish(
    _ kind: Publication, period: Period, owner: ReplicaIndex, _ bytes: Span<UInt8>
  ) throws(PlatformError) {
    guard let published else { return }
    try commit()
    try published.makeDay(of: period)
    try Files.replace(published.file(kind, period, owner), with: bytes)
  }
  package mutating func published(_ kind: Publication, period: Period, owner: ReplicaIndex) throws(PlatformError)
    -> [UInt8]?
  {
    guard let published else { return nil }
    let path = published.file(kind, period, owner)
    return Files.exists(path) ? try Files.read(path, limit: Self.maximumPublishedBytes) : nil
  }
  /// No file that is published is longer.
  private static let maximumPublishedBytes = 1 << 16
}

/// This moment, as a node is told it.
package func now(_ clock: LinuxClock) -> Instant {
  Instant(monotonic: clock.monotonic(), wall: clock.wall(), state: clock.state())
}
