import HAL
import LinuxPlatform
import Node
import NodeProcess
import Packets
import Units

/// What is under way between the nodes of a bench.
extension NodeBench {
  func deliver(
    _ process: AggregatorProcess, _ queue: BenchQueue, at now: Instant, _ tally: inout Tally
  ) throws(PlatformError) {
    let allocated = heapAllocationCount() ?? 0
    let started = LinuxClock.threadNanoseconds
    while let (datagram, sender) = queue.take() {
      // The queue keeps these bytes until something is put there, and a node sends itself nothing.
      let bytes = unsafe Span(_unsafeElements: datagram)
      try process.node.receive(bytes, from: RoundBenchParty.endpoint(Int(sender)), at: now, via: &process.host)
      tally.messages += 1
    }
    tally.nanoseconds += LinuxClock.threadNanoseconds - started
    tally.allocations += (heapAllocationCount() ?? 0) - allocated
  }

  func deliver(_ bookkeeper: inout Bookkeeper, _ queues: [BenchQueue]) {
    while let (datagram, sender) = queues[members].take() {
      let bytes = unsafe Span(_unsafeElements: datagram)
      bookkeeper.receive(bytes, from: RoundBenchParty.endpoint(Int(sender))) { reply in
        queues[Int(sender)].put(reply, from: UInt16(members))
      }
    }
  }

  func deliver(_ process: MeterProcess, _ queue: BenchQueue, at now: Instant) throws(PlatformError) {
    while let (datagram, sender) = queue.take() {
      let bytes = unsafe Span(_unsafeElements: datagram)
      try process.node.receive(bytes, from: RoundBenchParty.endpoint(Int(sender)), at: now, via: &process.host)
    }
  }

  /// What waits is delivered, and what is answered to it, for as many hops as there are before a tick; what is owed leaves meanwhile.
  func exchange(
    _ aggregators: [AggregatorProcess], _ bookkeeper: inout Bookkeeper, _ meters: [MeterProcess],
    _ queues: [BenchQueue], at now: Instant, _ tally: inout Tally
  ) throws(PlatformError) {
    for hop in 1..<Self.hopsATick {
      let earlier = (Self.hopsATick - hop) * Self.stepMilliseconds / Self.hopsATick * 1_000_000
      let then = Instant(
        monotonic: MonotonicTime(nanoseconds: now.monotonic.nanoseconds - earlier),
        wall: WallTime(nanoseconds: now.wall.nanoseconds - earlier), state: now.state)
      for place in aggregators.indices {
        try deliver(aggregators[place], queues[place], at: then, &tally)
        aggregators[place].node.poll(at: then, via: &aggregators[place].host)
      }
      deliver(&bookkeeper, queues)
      for process in meters { try deliver(process, queues[Int(process.host.place)], at: then) }
    }
  }
}
