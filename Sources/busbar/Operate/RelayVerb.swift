import Commands
import Configuration
import HAL
import LinuxPlatform
import NodeProcess
import SimulatedPlatform
import Wire

extension Verb {
  static var relay: Verb {
    Verb(
      name: "relay", operands: "PATH LINK...", words: 2...(1 + Relay.maximumLinks),
      summary: "stand between nodes and be a bad network",
      options: [
        Option(name: "seed", value: "N", text: "the same seed treats the same datagrams alike (1)"),
        Option(name: "seconds", value: "N", text: "end after so long, 1...86400; without it, on SIGTERM or SIGINT"),
        .json,
      ],
      notes: [
        "LINK is A,FOR_A,B,FOR_B, each ADDRESS:PORT. What A sends to FOR_A goes on to B from FOR_B, and the other way\n"
          + "round; so A's configuration says that B is at FOR_A, and B's that A is at FOR_B.",
        "PATH is a file of lines `key value` for each direction of each link: bitsPerSecond, queueBytes,\n"
          + "delayMicroseconds, jitterMicroseconds, headerBytes, meanBurst (of losses, in datagrams), and in thousandths\n"
          + "loss, duplication and reordering. What is left out does no harm. # begins a comment.",
        "Says on standard error once it listens, and what it did to each direction when it ends.",
      ],
      examples: ["busbar relay lossy.path 127.0.0.1:7001,127.0.0.1:8001,127.0.0.1:7002,127.0.0.1:8002 --seconds 60"],
      exitCodes: ["0  done", "1  an address cannot be used", "2  usage", "78 PATH is wrong: FILE:LINE: message"])
  }
}

func relay(_ arguments: Arguments) throws(Failure) {
  let path = arguments.words[0]
  let text = String(decoding: try readConfiguration(path), as: UTF8.self)
  let profile: PathProfile
  do throws(ScenarioError) { profile = try PathProfile(scenario: text) } catch {
    throw Failure(
      ConfigurationError(file: path, line: error.line, message: "not `key value` of a path, or a value out of range"))
  }
  let seed = UInt64(try arguments.integer("seed", default: 1, in: 0...Int64.max))
  let seconds = try arguments.integer("seconds", default: 0, in: 1...86_400)
  var relay = Relay(profile, seed: seed)
  for word in arguments.words.dropFirst() { try relay.add(word) }
  ThisProcess.catchTermination()
  do throws(PlatformError) { try relay.run(seconds: arguments.has("seconds") ? UInt64(seconds) : nil) } catch {
    throw Failure("relay: \(error)")
  }
  relay.report(json: arguments.wantsJSON)
}

/// Datagrams on their way between pairs of nodes, each direction over a ``LossyLink`` of its own.
struct Relay {
  /// Two sockets each, and one epoll set tells 63 apart.
  static let maximumLinks = 31
  /// Datagrams under way at once; one more is lost.
  private static let capacity = 8192
  private static let maximumBytes = 1500

  /// One direction: what comes in at `socket` goes out at another, to `target`.
  private final class Direction {
    let name: String
    var socket: UDPSocket
    let target: Endpoint
    var line: LossyLink
    var received: UInt64 = 0
    var delivered: UInt64 = 0
    init(_ name: String, _ socket: consuming UDPSocket, to target: Endpoint, _ line: LossyLink) {
      self.name = name
      self.socket = socket
      self.target = target
      self.line = line
    }
    func send(_ bytes: Span<UInt8>, from other: Direction) throws(PlatformError) {
      try other.socket.send(bytes, to: target)
    }
  }

  private struct Waiting {
    let at: MonotonicTime
    let direction: Int
    let bytes: [UInt8]
  }

  private let profile: PathProfile
  private let seed: UInt64
  /// Directions 2k and 2k + 1 are the two of link k.
  private var directions: [Direction] = []
  /// By moment, the next one last.
  private var waiting: [Waiting] = []
  private var overflowCount: UInt64 = 0

  init(_ profile: PathProfile, seed: UInt64) {
    self.profile = profile
    self.seed = seed
    waiting.reserveCapacity(Self.capacity)
  }

  mutating func add(_ word: String) throws(Failure) {
    var ends: [Endpoint] = []
    for part in word.split(separator: ",", omittingEmptySubsequences: false) {
      guard let endpoint = Endpoint(String(part)) else { break }
      ends.append(endpoint)
    }
    guard ends.count == 4, word.split(separator: ",", omittingEmptySubsequences: false).count == 4 else {
      throw Failure("\(word) is not A,FOR_A,B,FOR_B, each ADDRESS:PORT", exitCode: Failure.usageCode)
    }
    try add("\(ends[0]) to \(ends[2])", at: ends[1], to: ends[2])
    try add("\(ends[2]) to \(ends[0])", at: ends[3], to: ends[0])
  }

  private mutating func add(_ name: String, at place: Endpoint, to target: Endpoint) throws(Failure) {
    let line = LossyLink(profile, paths: 1, seed: seed &* 64 &+ UInt64(directions.count))
    do throws(PlatformError) {
      directions.append(Direction(name, try UDPSocket(bindingTo: place), to: target, line))
    } catch { throw Failure("relay: \(place): \(error)") }
  }

  mutating func run(seconds: UInt64?) throws(PlatformError) {
    let clock = LinuxClock()
    var events = try EventLoop()
    for place in directions.indices { try events.add(directions[place].socket.fileDescriptor, tag: place) }
    printDiagnostic("relay: listening for \(directions.count / 2) links")
    let end = seconds.map { clock.monotonic().adding(milliseconds: 1000 * $0) }
    var buffer = ByteBuffer(capacity: Self.maximumBytes)
    while !ThisProcess.isTerminated {
      let now = clock.monotonic()
      if let end, now >= end { return }
      try deliver(until: now)
      // A signal ends the wait too; without anything to do it is looked for once a second.
      var wake = now.adding(milliseconds: 1000)
      if let next = waiting.last?.at { wake = min(wake, next) }
      if let end { wake = min(wake, end) }
      let ready = try events.wait(until: wake)
      for place in directions.indices where ready >> UInt64(place) & 1 == 1 { try receive(place, clock, &buffer) }
    }
  }

  private mutating func receive(
    _ place: Int, _ clock: LinuxClock, _ buffer: inout ByteBuffer
  ) throws(PlatformError) {
    let direction = directions[place]
    while true {
      var failure: PlatformError?
      var came = false
      buffer.replace { out in
        do throws(PlatformError) { came = try direction.socket.receive(into: &out) != nil } catch { failure = error }
      }
      if let failure { throw failure }
      guard came else { return }
      direction.received += 1
      for moment in direction.line.send(bytes: buffer.count, path: 0, at: clock.monotonic()) {
        insert(Array(copying: buffer.span), place, at: moment)
      }
    }
  }

  private mutating func insert(_ bytes: [UInt8], _ direction: Int, at moment: MonotonicTime) {
    guard waiting.count < Self.capacity else {
      overflowCount += 1
      return
    }
    // Behind all that go later; those of the same moment came earlier and go first.
    var low = 0
    var high = waiting.count
    while low < high {
      let middle = (low + high) / 2
      if waiting[middle].at > moment { low = middle + 1 } else { high = middle }
    }
    waiting.insert(Waiting(at: moment, direction: direction, bytes: bytes), at: low)
  }

  private mutating func deliver(until now: MonotonicTime) throws(PlatformError) {
    while let next = waiting.last, next.at <= now {
      waiting.removeLast()
      let direction = directions[next.direction]
      try direction.send(next.bytes.span, from: directions[next.direction ^ 1])
      direction.delivered += 1
    }
  }

  func report(json: Bool) {
    for direction in directions {
      let line = direction.line
      if json {
        printLine(
          "{\"direction\":\"\(direction.name)\",\"received\":\(direction.received),\"lost\":\(line.lostCount),"
            + "\"dropped\":\(line.droppedCount),\"delivered\":\(direction.delivered)}")
      } else {
        printLine(
          "\(direction.name): \(direction.received) came, \(line.lostCount) lost, \(line.droppedCount) dropped from a full queue, "
            + "\(direction.delivered) delivered")
      }
    }
    if overflowCount > 0 { printDiagnostic("relay: \(overflowCount) lost, more than \(Self.capacity) were under way") }
  }
}
