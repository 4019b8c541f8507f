import Commands
import HAL
import LinuxPlatform
import Node
import Packets

/// One loop for any role: packets as they come, polls, a tick ten times a second, and whoever asks for the status; until SIGTERM.
struct NodeLoop: ~Copyable {
  private static let tickMilliseconds: UInt64 = 100
  /// At most this many between two ticks: a flood must not stop time.
  private static let batchesAtOnce = 8
  private static let statusBit: UInt64 = 2

  private var host: LinuxHost
  private let clock: LinuxClock
  private let place: StatusPlace
  private let status: LocalListener
  private var incoming: DatagramBatch
  private var events: EventLoop
  private var watch: NodeWatch
  private var gauge = FloodGauge()
  private var nextFile: MonotonicTime
  private var nextTick: MonotonicTime
  private var nextPoll: MonotonicTime?

  init(_ host: consuming LinuxHost, _ clock: LinuxClock, _ place: StatusPlace) throws(PlatformError) {
    // What can fail comes first: a noncopyable value is made whole or not at all.
    let status = try LocalListener(folder: place.folder, name: StatusPlace.socketName)
    let incoming = try DatagramBatch(datagramBytes: Sealer.maximumDatagramBytes)
    var events = try EventLoop()
    try events.add(host.socket.fileDescriptor, tag: 0)
    try events.add(status.fileDescriptor, tag: 1)
    self.status = status
    self.incoming = incoming
    self.events = events
    self.host = host
    self.clock = clock
    self.place = place
    watch = NodeWatch(name: place.node)
    nextFile = clock.monotonic()
    nextTick = clock.monotonic()
  }

  /// - Returns: why the node ended by itself; nil after SIGTERM.
  mutating func run<Role: RunningRole & ~Copyable>(_ role: inout Role) throws(PlatformError) -> Failure? {
    while !ThisProcess.isTerminated {
      let ready = try events.wait(until: min(nextTick, nextPoll ?? nextTick))
      if ready & Self.statusBit != 0 { answer(about: role) }
      if gauge.isFlooded { clock.sleep(until: clock.monotonic().adding(milliseconds: 1)) }
      try receive(&role)
      if clock.monotonic() >= nextTick, let end = try tick(&role) { return end }
      nextPoll = try role.poll(at: now(clock), via: &host)
      try host.commit()
      host.flush()
    }
    writeFile(about: role)
    try? Files.remove("\(place.folder)/\(StatusPlace.socketName)")
    return nil
  }

  private mutating func receive<Role: RunningRole & ~Copyable>(_ role: inout Role) throws(PlatformError) {
    for _ in 0..<Self.batchesAtOnce {
      try incoming.receive(from: host.socket)
      let moment = now(clock)
      gauge.note(incoming.count, at: moment.monotonic)
      try Self.hand(incoming, to: &role, at: moment, via: &host)
      try host.commit()
      guard incoming.count == DatagramBatch.slots else { break }
    }
  }

  private static func hand<Role: RunningRole & ~Copyable>(
    _ batch: borrowing DatagramBatch, to role: inout Role, at now: Instant, via host: inout LinuxHost
  ) throws(PlatformError) {
    for place in 0..<batch.count {
      try role.receive(batch.datagram(place), from: batch.source(place), at: now, via: &host)
    }
  }

  private mutating func tick<Role: RunningRole & ~Copyable>(_ role: inout Role) throws(PlatformError) -> Failure? {
    if let end = try role.tick(at: now(clock), via: &host, &watch) { return end }
    try host.commit()
    nextTick = clock.monotonic().adding(milliseconds: Self.tickMilliseconds)
    if nextTick >= nextFile {
      nextFile = clock.monotonic().adding(milliseconds: StatusPlace.fileMilliseconds)
      writeFile(about: role)
    }
    return nil
  }

  private func answer<Role: RunningRole & ~Copyable>(about role: borrowing Role) {
    status.answer {
      let text = StatusText()
      let metrics = Metrics(node: place.node, as: .json) { text.append($0) }
      tell(metrics, about: role)
      return text.bytes
    }
  }

  /// A full disk must not stop a node for a file that only tells of it: the journal decides that.
  private func writeFile<Role: RunningRole & ~Copyable>(about role: borrowing Role) {
    try? Files.replace(place.file, isDurable: false) { (file) throws(PlatformError) in
      let failure = WriteFailure()
      let metrics = Metrics(node: place.node, as: .prometheus) { piece in
        do throws(PlatformError) { try file.write(piece) } catch { failure.error = error }
      }
      tell(metrics, about: role)
      // Half a file is worse than an old one.
      if let error = failure.error { throw error }
    }
  }

  private func tell<Role: RunningRole & ~Copyable>(_ metrics: Metrics, about role: borrowing Role) {
    place.tell(metrics)
    role.tell(metrics, RunMoment(place, now(clock), MachineStatistics(host, incoming)))
    metrics.end()
  }
}

/// An answer that is put together from pieces.
private final class StatusText {
  private(set) var bytes: [UInt8] = []
  func append(_ piece: Span<UInt8>) { for index in 0..<piece.count { bytes.append(piece[index]) } }
}

/// Notes that a piece of a file could not be written.
private final class WriteFailure {
  var error: PlatformError?
}
