import Commands
import Drivers
import HAL

/// What a capture holds: how its bytes were framed, how many passed in each direction, and when.
func describeCapture(_ path: String, _ json: Bool) throws(Failure) {
  let bytes = try readFile(path, limit: CaptureRecord.maximumFileBytes)
  let capture: (records: [CaptureRecord], isTCP: Bool)
  do throws(PlatformError) { capture = try CaptureRecord.all(of: bytes.span) } catch {
    throw Failure("\(path): a capture of another version, or a damaged one: \(error)")
  }
  var sent = 0
  var received = 0
  var requests = 0
  var failures = 0
  for record in capture.records {
    switch record.kind {
    case .sent:
      sent += record.bytes.count
      requests += 1
    case .received: received += record.bytes.count
    case .failed: failures += 1
    case .discarded: break
    }
  }
  let first = capture.records.first?.instant.monotonic
  let last = capture.records.last?.instant.monotonic
  let milliseconds = if let first, let last { last.milliseconds(since: first) } else { UInt64(0) }
  let framing = capture.isTCP ? "Modbus/TCP" : "Modbus RTU"
  guard !json else {
    printLine(
      "{\"kind\":\"capture\",\"framing\":\"\(capture.isTCP ? "tcp" : "rtu")\",\"records\":\(capture.records.count),"
        + "\"requests\":\(requests),\"sentBytes\":\(sent),\"receivedBytes\":\(received),\"failures\":\(failures),"
        + "\"milliseconds\":\(milliseconds)}")
    return
  }
  printLine("capture of a port that speaks \(framing)")
  printLine("records       \(capture.records.count) within \(milliseconds) ms")
  printLine("sent          \(sent) bytes in \(requests) requests")
  printLine("received      \(received) bytes; \(failures) reads failed")
  printLine("to read it    busbar replay \(path), with the map and unit it was made with")
}
