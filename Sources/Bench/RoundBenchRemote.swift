import Aggregation
import Commands
import HAL
import LinuxPlatform
import Units
import Wire

/// The aggregator of `busbar bench round` as the program sees it that plays the group: a process it started, and asks one
/// thing after another over loopback.
struct RoundBenchRemote: ~Copyable {
  private static let answerMilliseconds: UInt64 = 60_000
  private static let pieceBytes = 1024

  private var socket: UDPSocket
  private var process: ChildProcess
  private var node = Endpoint(ipv4: 127, 0, 0, 1, port: 0)
  private let clock = LinuxClock()
  private var order = ByteBuffer(capacity: RoundBenchOrder.maximumBytes)
  private var answer = ByteBuffer(capacity: 1500)
  /// Packets that wait for more.
  private var waiting = ByteBuffer(capacity: RoundBenchOrder.maximumBytes)
  private var waitingCount = 0
  private var spent: (nanoseconds: UInt64, allocations: UInt64) = (0, 0)
  /// Of its process when the node was made and nothing had arrived.
  private(set) var residentAtStart: UInt64 = 0

  private init(_ socket: consuming UDPSocket, _ process: ChildProcess) {
    self.socket = socket
    self.process = process
  }

  /// Starts the process and has it make its node.
  static func start(_ genesis: Genesis) throws(Failure) -> RoundBenchRemote {
    let socket = try RoundBenchNode.openSocket()
    let process = try startNode(socket.port)
    var remote = RoundBenchRemote(socket, process)
    try remote.awaitAnswer()
    try remote.send(genesis)
    remote.residentAtStart = try remote.readNumbers(2)[1]
    return remote
  }

  deinit { process.kill() }

  private static func startNode(_ port: UInt16) throws(Failure) -> ChildProcess {
    do throws(PlatformError) {
      return try ChildProcess(
        [ThisProcess.executablePath, "bench", "round-node", "--driver", "\(port)"], outputPath: "/dev/null")
    } catch { throw Failure("bench round: \(error)") }
  }

  private mutating func send(_ genesis: Genesis) throws(Failure) {
    var file = ByteBuffer(capacity: genesis.encodedBytes)
    file.replace { out in genesis.encode(into: &out) }
    var start = 0
    while start < file.count {
      let end = min(start + Self.pieceBytes, file.count)
      let piece = unsafe Span(_unsafeElements: UnsafeBufferPointer(rebasing: file.mutableBytes[start..<end]))
      try ask(.genesis) { out in out.write(piece) }
      start = end
    }
    try ask(.start) { _ in }
  }

  /// - Throws: when the node's process is gone, or says that it could not do it.
  private mutating func ask(
    _ kind: RoundBenchOrder, _ fill: (inout OutputSpan<UInt8>) -> Void
  ) throws(Failure) {
    order.replace { out in
      out.write(kind.rawValue)
      fill(&out)
    }
    do throws(PlatformError) { try RoundBenchNode.post(order, to: node, by: &socket) } catch {
      throw Failure("bench round: \(error)")
    }
    try awaitAnswer()
    guard answer.mutableBytes[0] == 1 else { throw Failure("bench round: the node refused order \(kind.rawValue)") }
  }

  /// The first answer comes from the node's address.
  private mutating func awaitAnswer() throws(Failure) {
    let deadline = clock.monotonic().adding(milliseconds: Self.answerMilliseconds)
    var source: Endpoint?
    while source == nil {
      guard clock.monotonic() < deadline, process.isRunning() else {
        throw Failure("bench round: the node's process does not answer")
      }
      waitForInput(on: [socket.fileDescriptor], until: clock.monotonic().adding(milliseconds: 200))
      do throws(PlatformError) { source = try Self.take(&socket, &answer) } catch {
        throw Failure("bench round: \(error)")
      }
    }
    guard let source, answer.count >= RoundBenchOrder.answerHead else { throw Failure("bench round: a short answer") }
    node = source
  }

  private static func take(
    _ socket: inout UDPSocket, _ buffer: inout ByteBuffer
  ) throws(PlatformError) -> Endpoint? {
    var failure: PlatformError?
    var source: Endpoint?
    buffer.replace { out in
      do throws(PlatformError) { source = try socket.receive(into: &out) } catch { failure = error }
    }
    if let failure { throw failure }
    return source
  }

  /// What stands behind the answer's head.
  private var rest: [UInt8] { Array(answer.mutableBytes[RoundBenchOrder.answerHead..<answer.count]) }

  private func readNumbers(_ count: Int) throws(Failure) -> [UInt64] {
    let bytes = Array(answer.mutableBytes[..<answer.count])
    var reader = WireReader(bytes.span.extracting((answer.count - 8 * count)..<answer.count))
    var result: [UInt64] = []
    for _ in 0..<count {
      guard let number = try? reader.read(UInt64.self) else { throw Failure("bench round: a short answer") }
      result.append(number)
    }
    return result
  }

  private var cost: (nanoseconds: UInt64, allocations: UInt64) {
    var numbers: (UInt64, UInt64) = (0, 0)
    for place in 0..<8 {
      numbers.0 |= UInt64(answer.mutableBytes[1 + place]) << UInt64(8 * place)
      numbers.1 |= UInt64(answer.mutableBytes[9 + place]) << UInt64(8 * place)
    }
    return numbers
  }

  // MARK: Orders

  /// Has the node take a packet, by the next other order at the latest.
  mutating func deliver(_ datagram: Span<UInt8>, from member: UInt16, at milliseconds: UInt64) throws(Failure) {
    waiting.append { out in
      out.write(milliseconds)
      out.write(member)
      out.write(UInt16(datagram.count))
      out.write(datagram)
    }
    waitingCount += 1
    if waitingCount == RoundBenchOrder.packetsAtOnce { try deliverWaiting() }
  }

  private mutating func deliverWaiting() throws(Failure) {
    guard waitingCount > 0 else { return }
    let packets = unsafe Span(_unsafeElements: UnsafeBufferPointer(rebasing: waiting.mutableBytes[..<waiting.count]))
    try ask(.deliver) { out in out.write(packets) }
    spent.nanoseconds += cost.nanoseconds
    spent.allocations += cost.allocations
    waiting.removeAll()
    waitingCount = 0
  }

  /// What the packets since the last call took.
  mutating func takeSpent() throws(Failure) -> (nanoseconds: UInt64, allocations: UInt64) {
    try deliverWaiting()
    defer { spent = (0, 0) }
    return spent
  }

  mutating func tick(at milliseconds: UInt64) throws(Failure) -> UInt64 {
    try deliverWaiting()
    try ask(.tick) { out in out.write(milliseconds) }
    return cost.nanoseconds
  }

  mutating func status(to member: UInt16) throws(Failure) -> [UInt8] {
    try deliverWaiting()
    try ask(.status) { out in out.write(member) }
    return rest
  }

  /// - Throws: also when the set was not certified in that period.
  mutating func head(of owner: ReplicaIndex, _ period: Period) throws(Failure) -> Digest {
    try deliverWaiting()
    try ask(.head) { out in
      out.write(owner.rawValue)
      out.write(period.rawValue)
    }
    let bytes = rest
    guard bytes.count == 32 else { throw Failure("bench round: a short answer") }
    return Digest(copying: bytes.span)
  }

  mutating func numbers() throws(Failure) -> RoundBenchNumbers {
    try deliverWaiting()
    try ask(.report) { _ in }
    let bytes = rest
    var reader = WireReader(bytes.span)
    do throws(WireError) { return try RoundBenchNumbers(decoding: &reader) } catch {
      throw Failure("bench round: \(error)")
    }
  }

  /// Lets the process end.
  mutating func end() throws(Failure) {
    order.replace { out in out.write(RoundBenchOrder.end.rawValue) }
    do throws(PlatformError) { try RoundBenchNode.post(order, to: node, by: &socket) } catch {
      throw Failure("bench round: \(error)")
    }
    let deadline = clock.monotonic().adding(milliseconds: 2000)
    while process.isRunning(), clock.monotonic() < deadline {
      clock.sleep(until: clock.monotonic().adding(milliseconds: 5))
    }
  }
}
