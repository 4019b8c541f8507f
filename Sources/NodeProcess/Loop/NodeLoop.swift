import Aggregation
import Commands
import Configuration
import Consensus
import Cryptography
import Drivers
import HAL
import LinuxPlatform
import Metering
import Node
import Packets
import Paillier
import Wire

/// Datagrams that come faster than any group sends them. One at a time, each would cost a wake-up, which is dearer than all that
/// is done with what is dropped; so under a flood a node looks once a millisecond.
private struct FloodGauge {
  private static let windowMilliseconds: UInt64 = 10
  /// 5,000 a second: 50 Mb/s of records are as many.
  private static let windowCount = 50
  private var windowStart = MonotonicTime(nanoseconds: 0)
  private var count = 0
  private(set) var isFlooded = false

  mutating func note(_ received: Int, at now: MonotonicTime) {
    count += received
    guard now.milliseconds(since: windowStart) >= Self.windowMilliseconds else { return }
    isFlooded = count > Self.windowCount && now.milliseconds(since: windowStart) < 2 * Self.windowMilliseconds
    windowStart = now
    count = 0
  }
}

func loop(
  _ host: inout LinuxHost, _ clock: LinuxClock, _ place: StatusPlace,
  receive: (Span<UInt8>, Endpoint, Instant, inout LinuxHost) throws(PlatformError) -> Void,
  poll: (Instant, inout LinuxHost) throws(PlatformError) -> MonotonicTime? = { _, _ in nil },
  tick: (Instant, inout LinuxHost) throws(PlatformError) -> Void,
  tell: (Instant, MachineStatistics, Metrics) -> Void
) throws(PlatformError) {
  let status = try LocalListener(folder: place.folder, name: StatusPlace.socketName)
  var incoming = try DatagramBatch(datagramBytes: Sealer.maximumDatagramBytes)
  var events = try EventLoop()
  try events.add(host.socket.fileDescriptor, tag: 0)
  try events.add(status.fileDescriptor, tag: 1)
  var nextFile = clock.monotonic()
  var nextTick = clock.monotonic()
  var nextPoll: MonotonicTime?
  var gauge = FloodGauge()
  while !ThisProcess.isTerminated {
    let ready = try events.wait(until: min(nextTick, nextPoll ?? nextTick))
    if ready & 2 != 0 {
      status.answer {
        let text = StatusText()
        let metrics = Metrics(node: place.node, as: .json) { text.append($0) }
        place.tell(metrics)
        tell(now(clock), machineStatistics(host, incoming), metrics)
        metrics.end()
        return text.bytes
      }
    }
    if gauge.isFlooded { clock.sleep(until: clock.monotonic().adding(milliseconds: 1)) }
    // At most this many batches between two ticks: a flood must not stop time.
    for _ in 0..<8 {
      try incoming.receive(from: host.socket)
      let moment = now(clock)
      gauge.note(incoming.count, at: moment.monotonic)
      for place in 0..<incoming.count {
        try receive(incoming.datagram(place), incoming.source(place), moment, &host)
      }
      try host.commit()
      guard incoming.count == DatagramBatch.slots else { break }
    }
    if clock.monotonic() >= nextTick {
      try tick(now(clock), &host)
      try host.commit()
      nextTick = clock.monotonic().adding(milliseconds: 100)
      if nextTick >= nextFile {
        nextFile = clock.monotonic().adding(milliseconds: StatusPlace.fileMilliseconds)
        writeFile(place, now(clock), machineStatistics(host, incoming), tell)
      }
    }
    nextPoll = try poll(now(clock), &host)
    try host.commit()
    host.flush()
  }
  writeFile(place, now(clock), machineStatistics(host, incoming), tell)
  try? Files.remove("\(place.folder)/\(StatusPlace.socketName)")
}

private func machineStatistics(_ host: borrowing LinuxHost, _ incoming: borrowing DatagramBatch) -> MachineStatistics {
  var machine = MachineStatistics()
  machine.lostDatagrams = host.outgoing.lostCount
  machine.unsendableDatagrams = host.outgoing.unsendableCount
  machine.oversizedDatagrams = incoming.oversizedCount
  machine.sendHighWater = host.outgoing.highWater
  machine.receiveHighWater = incoming.highWater
  machine.residentKilobytes = ThisProcess.residentKilobytes
  machine.peakResidentKilobytes = ThisProcess.peakResidentKilobytes
  return machine
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

/// A full disk must not stop a node for a file that only tells of it: the journal decides that.
private func writeFile(
  _ place: StatusPlace, _ now: Instant, _ machine: MachineStatistics,
  _ tell: (Instant, MachineStatistics, Metrics) -> Void
) {
  try? Files.replace(place.file, isDurable: false) { (file) throws(PlatformError) in
    let failure = WriteFailure()
    let metrics = Metrics(node: place.node, as: .prometheus) { piece in
      do throws(PlatformError) { try file.write(piece) } catch { failure.error = error }
    }
    place.tell(metrics)
    tell(now, machine, metrics)
    metrics.end()
    // Half a file is worse than an old one.
    if let error = failure.error { throw error }
  }
}
