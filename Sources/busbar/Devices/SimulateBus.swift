import CLinux
import Commands
import HAL
import LinuxPlatform
import SimulatedWorld
import Wire

struct SimulatedBusOptions {
  /// 1...1024
  var houses = 1
  /// Where `bus/meter-K` and `truth/meter-K.txt` go, K from 0.
  var folder = "."
  var seed: UInt64 = 1
  /// Seconds of house time in a second: 450 makes a period of 4 s half an hour.
  static let defaultClockFactor: Int64 = 450
  var clockFactor = Self.defaultClockFactor
  /// House time at the start, in seconds; 0 is a midnight.
  var startSeconds: Int64 = 8 * 3_600

  init(_ arguments: Arguments) throws(Failure) {
    houses = Int(try arguments.integer("houses", default: Int64(houses), in: 1...1024))
    guard let folder = arguments.text("folder") else {
      throw Failure("--houses and --seed need --folder", exitCode: Failure.usageCode)
    }
    self.folder = folder
    seed = UInt64(try arguments.integer("seed", default: Int64(seed), in: 0...Int64.max))
  }
}

/// One house at the far end of one pseudoterminal, and its truth file.
private final class HouseLine {
  static let unit: UInt8 = 1
  static let capacity = 512

  private var terminal: Pseudoterminal
  private var house: SimulatedHouse
  private let slave = EastronSlave(unit: unit)
  private var received = ByteBuffer(capacity: capacity)
  private var reply = ByteBuffer(capacity: EastronSlave.maximumReplyBytes)
  private let truth: Int32

  init(_ terminal: consuming Pseudoterminal, house: SimulatedHouse, truth: Int32) {
    self.terminal = terminal
    self.house = house
    self.truth = truth
  }

  deinit { busbar_serial_close(truth) }

  var descriptor: Int32 { terminal.descriptor }

  /// Answers what has arrived. A byte that starts no request is dropped alone, so the line finds its place again.
  func serve(houseSeconds: Int64) throws(PlatformError) {
    var failure: PlatformError?
    received.append { output in
      do throws(PlatformError) {
        try terminal.read(into: &output)
      } catch { failure = error }
    }
    if let failure { throw failure }
    house.advance(to: houseSeconds)
    while received.count >= EastronSlave.requestByteCount {
      let isRequest = Self.startsWithRequest(received)
      if isRequest { try answer() }
      drop(isRequest ? EastronSlave.requestByteCount : 1)
    }
  }

  private static func startsWithRequest(_ bytes: borrowing ByteBuffer) -> Bool {
    EastronSlave.isRequest(bytes.span.extracting(0..<EastronSlave.requestByteCount))
  }

  private func answer() throws(PlatformError) {
    var answered: AnsweredCounters?
    var request = InlineArray<8, UInt8>(repeating: 0)
    let bytes = received.mutableBytes
    for index in 0..<8 { request[index] = bytes[index] }
    reply.replace { output in answered = slave.answer(request.span, house: house, into: &output) }
    // A reader may act on the reply at once, so the truth is in the file before it.
    if let answered { try record(answered) }
    try Self.send(reply, to: &terminal)
  }

  private static func send(
    _ bytes: borrowing ByteBuffer, to terminal: inout Pseudoterminal
  ) throws(PlatformError) {
    try terminal.write(bytes.span)
  }

  private func record(_ answered: AnsweredCounters) throws(PlatformError) {
    let wall = busbar_serial_wall_ns()
    let line = "\(wall) \(answered.importMilliwattHours) \(answered.exportMilliwattHours)\n"
    let count = line.utf8.count
    let put = line.withCString { busbar_serial_write(truth, $0, count) }
    if put != count { throw PlatformError(put < 0 ? .other : .full, code: put < 0 ? Int32(-put) : 0) }
  }

  private func drop(_ byteCount: Int) {
    let bytes = received.mutableBytes
    for index in byteCount..<received.count { bytes[index - byteCount] = bytes[index] }
    received.setCount(received.count - byteCount)
  }
}

/// Runs houses behind pseudoterminals until SIGTERM or SIGINT. Prints one JSON object a line for each device.
/// - Returns: the exit code.
func runSimulatedBus(_ options: SimulatedBusOptions) -> Int32 {
  guard options.houses >= 1, options.houses <= Int(busbar_pty_poll_limit()), options.clockFactor >= 1,
    options.startSeconds >= 0
  else { return 2 }
  do throws(PlatformError) {
    busbar_pty_catch_termination()
    let lines = try openLines(options)
    busbar_pty_flush_output()
    try serve(lines, options)
    return 0
  } catch {
    busbar_pty_print_error("simulate-bus: \(error)")
    return 1
  }
}

private func openLines(_ options: SimulatedBusOptions) throws(PlatformError) -> [HouseLine] {
  for folder in [options.folder, "\(options.folder)/bus", "\(options.folder)/truth"] {
    _ = try checked(busbar_pty_make_folder(folder))
  }
  var lines: [HouseLine] = []
  for index in 0..<options.houses {
    let terminal = try Pseudoterminal()
    let port = "\(options.folder)/bus/meter-\(index)"
    let truth = try checked(busbar_pty_open_append("\(options.folder)/truth/meter-\(index).txt"))
    _ = try checked(busbar_pty_link(terminal.slavePath, port))
    // Golden ratio steps keep neighbours' seeds far apart.
    let seed = options.seed &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15
    lines.append(
      HouseLine(terminal, house: SimulatedHouse(seed: seed, startSeconds: options.startSeconds), truth: truth))
    print("{\"port\":\"\(jsonEscaped(port))\",\"unit\":\(HouseLine.unit),\"map\":\"eastron-sdm630\"}")
  }
  return lines
}

private func serve(_ lines: [HouseLine], _ options: SimulatedBusOptions) throws(PlatformError) {
  var descriptors: [Int32] = []
  for line in lines { descriptors.append(line.descriptor) }
  var ready = [UInt8](repeating: 0, count: lines.count)
  let start = monotonicNow()
  while busbar_pty_termination_requested() == 0 {
    _ = try checked(busbar_pty_poll(descriptors, &ready, Int32(lines.count), 200))
    let milliseconds = Int64(monotonicNow().milliseconds(since: start))
    let houseSeconds = options.startSeconds + milliseconds * options.clockFactor / 1_000
    for index in 0..<lines.count where ready[index] != 0 { try lines[index].serve(houseSeconds: houseSeconds) }
  }
}

private func checked(_ result: Int32) throws(PlatformError) -> Int32 {
  if result < 0 { throw PlatformError(.other, code: -result) }
  return result
}
