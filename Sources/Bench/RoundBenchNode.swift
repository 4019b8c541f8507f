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

/// What the program that plays the group and the one that is the aggregator have to agree on; `bench node` takes its keys here
/// too. Everything about them is public: they seal and sign nothing but these measurements.
enum RoundBenchParty {
  /// The node under test; the others are played.
  static let own = 0
  static let firstPeriod = Period(1001)
  static let seconds: UInt64 = 900

  private static func seed(_ kind: UInt8, _ number: Int) -> SecretBytes {
    var bytes = FixedBytes<32> { out in
      out.write(kind)
      out.write(UInt64(number))
      out.writeZeros(23)
    }
    return SecretBytes(taking: &bytes)
  }
  static func signer(_ kind: UInt8, _ number: Int) -> SigningKey { SigningKey(seed: seed(kind, number)) }
  static func agreement(_ kind: UInt8, _ number: Int) -> AgreementKey { AgreementKey(seed: seed(kind + 100, number)) }
  static func packetSeed(_ kind: UInt8, _ number: Int) -> SecretBytes { seed(kind + 150, number) }
  static func run(_ kind: UInt8, _ number: Int) -> RunIdentifier {
    let bytes = FixedBytes<16> { out in
      out.write(UInt64(kind) + 1)
      out.write(UInt64(number))
    }
    guard let run = RunIdentifier(bytes) else { preconditionFailure("not zero") }
    return run
  }
  static func closing(_ kind: UInt8, _ number: Int) -> SelfSealingKey { SelfSealingKey(seed(kind + 50, number)) }
  static func sealing() -> SealingKey { SealingKey(seed(9, 9)) }
  static func party(_ kind: UInt8, _ number: Int) -> PartyKeys {
    let signer = signer(kind, number)
    let agreement = agreement(kind, number)
    return PartyKeys(verificationKey: signer.verificationKey, agreementKey: agreement.publicKey)
  }
  static func endpoint(_ member: Int) -> Endpoint { Endpoint(ipv4: 10, 0, 0, 1, port: UInt16(member)) }

  /// Counted from a little after the first period's end.
  static func instant(_ milliseconds: UInt64) -> Instant {
    Instant(
      monotonic: MonotonicTime(nanoseconds: milliseconds * 1_000_000),
      wall: WallTime(nanoseconds: (((firstPeriod.rawValue + 1) * seconds + 1) * 1000 + milliseconds) * 1_000_000),
      state: .synchronised)
  }
}

/// What the one program asks of the other, one datagram on loopback each, and each is answered before the next. The answer is
/// a byte, 1 for done, the nanoseconds of CPU that it took, the heap allocations, and what was asked for.
///
/// Packets for the node come many at once, as `recvmmsg` brings them: changing between two programs for each would empty
/// the caches.
enum RoundBenchOrder: UInt8 {
  /// The next bytes of the genesis file.
  case genesis = 1
  /// It is all there: the node begins. Answers the process's resident kilobytes before and after.
  case start
  /// Packets in a row: milliseconds u64, the member it comes from u16, length u16, a sealed packet.
  case deliver
  /// Milliseconds.
  case tick
  /// A member. Answers the last STATUS that was sent to it.
  case status
  /// A set u16 and a period u64. Answers the digest of the set's head, if it is certified in that period.
  case head
  /// Answers ``RoundBenchNumbers``.
  case report
  case end

  static let answerHead = 17
  static let packetsAtOnce = 32
  /// One byte and as many packets fit into one datagram on loopback.
  static let maximumBytes = 1 + packetsAtOnce * (12 + Sealer.maximumDatagramBytes)
}

/// The aggregator of `busbar bench round`: a process with nothing in it but what an aggregator's has, so that its memory
/// can be measured.
struct RoundBenchNode: ~Copyable {
  /// The program that plays the group is gone when it is silent for so long.
  private static let patienceMilliseconds: UInt64 = 120_000

  private var socket: UDPSocket
  private let driver: Endpoint
  private let clock = LinuxClock()
  private var host = BenchHost(RoundBenchParty.own, [])
  private var order = ByteBuffer(capacity: RoundBenchOrder.maximumBytes)
  private var answer = ByteBuffer(capacity: 1500)

  /// - Parameter port: of the program that plays the group, on loopback.
  init(_ socket: consuming UDPSocket, driver port: UInt16) {
    self.socket = socket
    driver = Endpoint(ipv4: 127, 0, 0, 1, port: port)
  }

  static func openSocket() throws(Failure) -> UDPSocket {
    do throws(PlatformError) { return try UDPSocket(bindingTo: Endpoint(ipv4: 127, 0, 0, 1, port: 0)) } catch {
      throw Failure("bench round: \(error)")
    }
  }

  mutating func run() throws(Failure) {
    do throws(PlatformError) {
      try reply(isDone: true, 0, 0) { _ in }
      guard let genesis = try receiveGenesis() else { return }
      try serve(consume genesis)
    } catch { throw Failure("bench round: \(error)") }
  }

  private mutating func receive() throws(PlatformError) -> RoundBenchOrder? {
    let deadline = clock.monotonic().adding(milliseconds: Self.patienceMilliseconds)
    while clock.monotonic() < deadline {
      guard try Self.take(&socket, &order) else {
        waitForInput(on: [socket.fileDescriptor], until: deadline)
        continue
      }
      return order.count > 0 ? RoundBenchOrder(rawValue: order.mutableBytes[0]) : nil
    }
    return nil
  }

  /// The next datagram, in place of what was in the buffer; false when none waits.
  static func take(_ socket: inout UDPSocket, _ buffer: inout ByteBuffer) throws(PlatformError) -> Bool {
    var failure: PlatformError?
    var isThere = false
    buffer.replace { out in
      do throws(PlatformError) { isThere = try socket.receive(into: &out) != nil } catch { failure = error }
    }
    if let failure { throw failure }
    return isThere
  }

  private mutating func reply(
    isDone: Bool, _ nanoseconds: UInt64, _ allocations: UInt64, _ fill: (inout OutputSpan<UInt8>) -> Void
  ) throws(PlatformError) {
    answer.replace { out in
      out.write(UInt8(isDone ? 1 : 0))
      out.write(nanoseconds)
      out.write(allocations)
      fill(&out)
    }
    try Self.post(answer, to: driver, by: &socket)
  }

  static func post(
    _ buffer: borrowing ByteBuffer, to endpoint: Endpoint, by socket: inout UDPSocket
  ) throws(PlatformError) { try socket.send(buffer.span, to: endpoint) }

  /// Nil when what came is no genesis.
  private mutating func receiveGenesis() throws(PlatformError) -> Genesis? {
    var file: [UInt8] = []
    while true {
      switch try receive() {
      case .genesis:
        for place in 1..<order.count { file.append(order.mutableBytes[place]) }
        try reply(isDone: true, 0, 0) { _ in }
      case .start: return try? Genesis(decoding: file.span)
      default: return nil
      }
    }
  }

  private static func makeNode(_ genesis: consuming Genesis, _ key: PublicKey) -> AggregatorNode {
    let own = RoundBenchParty.own
    let sealer = Sealer(
      identifier: UInt32(own), agreementKey: RoundBenchParty.agreement(1, own),
      packetKeySeed: RoundBenchParty.packetSeed(1, own), signer: RoundBenchParty.signer(1, own), bootCounter: 1,
      run: RoundBenchParty.run(1, own),
      networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch,
      peers: aggregatorPeers(own, genesis) { place in place.map { RoundBenchParty.endpoint($0) } })
    return AggregatorNode(
      genesis: (consume genesis).withoutAgreementKeys(), key: key, index: ReplicaIndex(UInt16(own)),
      signer: RoundBenchParty.signer(1, own), sealer: sealer)
  }

  private mutating func serve(_ genesis: consuming Genesis) throws(PlatformError) {
    let before = UInt64(max(0, ThisProcess.residentKilobytes))
    let key: PublicKey
    do throws(Failure) { key = try loadPublicKey(genesis) } catch { throw PlatformError(.corrupted) }
    let plan = MemoryPlan.aggregator(
      genesis, ciphertextBytes: key.ciphertextBytes,
      machineBytes: 2 * DatagramBatch.memoryBytes(datagramBytes: Sealer.maximumDatagramBytes))
    host.numbers.plannedQuiet = UInt64(plan.quietBytes)
    host.numbers.planned = UInt64(plan.bytes)
    host.statuses = Array(repeating: [], count: Int(genesis.members))
    // As a real one has them, for the size of its process.
    let incoming = try DatagramBatch(datagramBytes: Sealer.maximumDatagramBytes)
    let outgoing = try DatagramBatch(datagramBytes: Sealer.maximumDatagramBytes)
    var node = Self.makeNode(consume genesis, key)
    try reply(isDone: true, 0, 0) { out in
      out.write(before)
      out.write(UInt64(max(0, ThisProcess.residentKilobytes)))
    }
    while let kind = try receive() {
      guard try obey(kind, &node) else { break }
    }
    precondition(incoming.count == 0 && outgoing.count == 0)
  }

  /// - Returns: false at the end.
  private mutating func obey(_ kind: RoundBenchOrder, _ node: inout AggregatorNode) throws(PlatformError) -> Bool {
    let bytes = unsafe Span(_unsafeElements: UnsafeBufferPointer(rebasing: order.mutableBytes[1..<order.count]))
    var reader = WireReader(bytes)
    switch kind {
    case .deliver:
      let allocated = heapAllocationCount() ?? 0
      let started = LinuxClock.threadNanoseconds
      while reader.remaining > 0 {
        guard let time = try? reader.read(UInt64.self), let member = try? reader.read(UInt16.self),
          let length = try? reader.read(UInt16.self), let datagram = try? reader.readBytes(Int(length))
        else { return false }
        try node.receive(
          datagram, from: RoundBenchParty.endpoint(Int(member)), at: RoundBenchParty.instant(time), via: &host)
      }
      let spent = LinuxClock.threadNanoseconds - started
      try reply(isDone: true, spent, (heapAllocationCount() ?? 0) - allocated) { _ in }
    case .tick:
      guard let time = try? reader.read(UInt64.self) else { return false }
      let started = LinuxClock.threadNanoseconds
      try node.tick(at: RoundBenchParty.instant(time), via: &host)
      try reply(isDone: true, LinuxClock.threadNanoseconds - started, 0) { _ in }
    case .status:
      guard let member = try? reader.read(UInt16.self), Int(member) < host.statuses.count else { return false }
      let status = host.statuses[Int(member)]
      try reply(isDone: !status.isEmpty, 0, 0) { out in out.write(status.span) }
    case .head:
      guard let set = try? reader.read(UInt16.self), set < node.members, let period = try? reader.read(UInt64.self)
      else { return false }
      let owner = ReplicaIndex(set)
      let isCertified = !node.certificate(owner, Period(period)).isEmpty
      let head = node.head(of: owner)
      try reply(isDone: isCertified, 0, 0) { out in out.write(head) }
    case .report:
      var numbers = host.numbers
      numbers.isConfirmed = node.isConfirmed ? 1 : 0
      numbers.resident = UInt64(max(0, ThisProcess.residentKilobytes))
      numbers.residentPeak = UInt64(max(0, ThisProcess.peakResidentKilobytes))
      numbers.residentFile = UInt64(max(0, ThisProcess.residentFileKilobytes))
      try reply(isDone: true, 0, 0) { out in numbers.write(into: &out) }
    case .genesis, .start, .end: return false
    }
    return true
  }
}
