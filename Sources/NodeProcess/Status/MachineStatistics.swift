import HAL
import LinuxPlatform
import Node

/// What the process knows and the node does not.
struct MachineStatistics {
  let lostDatagrams: UInt64
  let unsendableDatagrams: UInt64
  let oversizedDatagrams: UInt64
  let sendHighWater: Int
  let receiveHighWater: Int
  let residentKilobytes: Int64
  let peakResidentKilobytes: Int64

  init(_ host: borrowing LinuxHost, _ incoming: borrowing DatagramBatch) {
    lostDatagrams = host.outgoing.lostCount
    unsendableDatagrams = host.outgoing.unsendableCount
    oversizedDatagrams = incoming.oversizedCount
    sendHighWater = host.outgoing.highWater
    receiveHighWater = incoming.highWater
    residentKilobytes = ThisProcess.residentKilobytes
    peakResidentKilobytes = ThisProcess.peakResidentKilobytes
  }
}

/// What a run knows when it tells of its node.
struct RunMoment {
  let name: String
  let startedAt: MonotonicTime
  let now: Instant
  let machine: MachineStatistics

  init(_ place: StatusPlace, _ now: Instant, _ machine: MachineStatistics) {
    name = place.node
    startedAt = place.startedAt
    self.now = now
    self.machine = machine
  }
}
