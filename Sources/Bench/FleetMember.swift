import LinuxPlatform

/// What one process took; the bytes of aggregators alone.
struct FleetMember {
  /// Of the one that has all meters.
  static let metersName = "meters"

  let name: String
  var process: ChildProcess
  /// Before the first period's end, and when its last one was certified and shown to every meter.
  var atStart = FleetNumbers()
  var atEnd = FleetNumbers()
  var residentKilobytes: Int64 = 0
  var peakKilobytes: Int64 = 0
}

struct FleetNumbers {
  var cpuMilliseconds: Int64 = 0
  var sentBytes: Int64 = 0
  var receivedBytes: Int64 = 0
  var sentPackets: Int64 = 0
  var receivedPackets: Int64 = 0
}
