import Commands

/// What the process knows and the node does not.
struct MachineStatistics {
  var lostDatagrams: UInt64 = 0
  var unsendableDatagrams: UInt64 = 0
  var oversizedDatagrams: UInt64 = 0
  var sendHighWater = 0
  var receiveHighWater = 0
  var residentKilobytes: Int64 = 0
  var peakResidentKilobytes: Int64 = 0
}
