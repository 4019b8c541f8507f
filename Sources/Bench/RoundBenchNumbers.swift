import Aggregation
import Commands
import Cryptography
import HAL
import LinuxPlatform
import Node
import NodeProcess
import Packets
import Paillier
import Units
import Wire

/// What the aggregator says of itself at the end.
struct RoundBenchNumbers {
  var sent: UInt64 = 0
  var sentBytes: UInt64 = 0
  var journalBytes: UInt64 = 0
  var published: UInt64 = 0
  /// Kilobytes of its process.
  var resident: UInt64 = 0
  var residentPeak: UInt64 = 0
  /// Of the resident: pages of the program and its libraries, which other processes share.
  var residentFile: UInt64 = 0
  var isConfirmed: UInt64 = 0
  /// Bytes of heap that the plan has for a period in which all goes well, and at most.
  var plannedQuiet: UInt64 = 0
  var planned: UInt64 = 0

  func write(into output: inout OutputSpan<UInt8>) {
    for value in [
      sent, sentBytes, journalBytes, published, resident, residentPeak, residentFile, isConfirmed, plannedQuiet,
      planned,
    ] { output.write(value) }
  }

  init() {}
  init(decoding reader: inout WireReader) throws(WireError) {
    sent = try reader.read(UInt64.self)
    sentBytes = try reader.read(UInt64.self)
    journalBytes = try reader.read(UInt64.self)
    published = try reader.read(UInt64.self)
    resident = try reader.read(UInt64.self)
    residentPeak = try reader.read(UInt64.self)
    residentFile = try reader.read(UInt64.self)
    isConfirmed = try reader.read(UInt64.self)
    plannedQuiet = try reader.read(UInt64.self)
    planned = try reader.read(UInt64.self)
  }
}
