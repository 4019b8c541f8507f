import Aggregation
import Commands
import Configuration
import Cryptography
import HAL
import LinuxPlatform
import Metering
import Node
import NodeProcess
import Packets
import Paillier
import Units
import Wire

/// What simulated meters answer. Any whole watt-hours that were counted twice or lost would show in a sum.
enum SimulatedRegisters {
  /// Registers of a meter, counted through all sets, at the end of a period.
  static func at(_ period: UInt64, of meter: Int) -> EnergyRegisters {
    let step = Int64(period % 1_000_000)
    let number = Int64(meter)
    // More than the unevenness in each period, so that no register falls.
    let imported = 5_000_000 + number * 7919 + step * (20_000 + number * 37 % 9_001) + uneven(step, number)
    let exported = 1_000_000 + number * 104_729 + step * (3_000 + number * 53 % 7_013) + uneven(number, step)
    return EnergyRegisters(activeEnergyImport: MilliwattHours(imported), activeEnergyExport: MilliwattHours(exported))
  }

  /// 0...999 mWh.
  private static func uneven(_ first: Int64, _ second: Int64) -> Int64 { (first * 7_907 + second * 6_101) % 1_000 }
}

/// The socket of all simulated meters.
private final class MeterLine {
  var socket: UDPSocket
  var outgoing: DatagramBatch

  init(_ socket: consuming UDPSocket, _ outgoing: consuming DatagramBatch) {
    self.socket = socket
    self.outgoing = outgoing
  }

  func flush() throws(PlatformError) { try outgoing.flush(by: socket) }
  func receive(into incoming: inout DatagramBatch) throws(PlatformError) { try incoming.receive(from: socket) }
}

/// A simulated meter's machine: the common socket, and a journal that nobody will read.
private struct MeterHost: ~Copyable, NodeHost {
  let line: MeterLine
  var random = SecureRandom()

  init(_ line: MeterLine) { self.line = line }

  mutating func send(_ datagram: Span<UInt8>, to endpoint: Endpoint) {
    if line.outgoing.isFull { try? line.flush() }
    line.outgoing.append(to: endpoint) { out in out.write(datagram) }
  }
  mutating func append(_ entry: Span<UInt8>) throws(PlatformError) {}
  mutating func sync() throws(PlatformError) {}
  mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) {}
  mutating func publish(
    _ kind: Publication, period: Period, owner: ReplicaIndex, _ bytes: Span<UInt8>
  ) throws(PlatformError) {}
}

/// A class, so that an array can hold it.
private final class SimulatedMeter {
  var node: MeterNode
  var host: MeterHost
  init(_ node: consuming MeterNode, _ host: consuming MeterHost) {
    self.node = node
    self.host = host
  }

  /// - Returns: the period whose end was read now, if one was.
  func tick(_ number: Int, at now: Instant) throws(PlatformError) -> Period? {
    let closing = node.needsClosing(at: now)
    if let closing { try node.close(closing, SimulatedRegisters.at(closing.rawValue, of: number), via: &host) }
    try node.tick(at: now, via: &host)
    return closing
  }
}

/// `busbar simulate-meters`, until it is stopped.
package func simulateMeters(_ arguments: Arguments) throws(Failure) {
  let meters = try SimulatedMeters(folder: try arguments.required("folder"))
  try meters.run()
}

/// Every meter of a provisioned group, in this process.
struct SimulatedMeters {
  private static let tickMilliseconds: UInt64 = 100
  private static let stateMilliseconds: UInt64 = 500
  /// Meters that may close a period, which takes an encryption each, before arrivals are looked at again.
  static let ticksAtOnce = 8

  private let folder: String
  private let genesis: Genesis
  private let clock: LinuxClock
  private let line: MeterLine
  private let metersPerSet: [Int]
  private var meters: [SimulatedMeter] = []

  init(folder: String) throws(Failure) {
    ThisProcess.catchTermination()
    self.folder = folder
    genesis = try loadGenesis("\(folder)/genesis.bin")
    var metersPerSet: [Int] = []
    for owner in 0..<genesis.members { metersPerSet.append(Int(genesis.meterCount(of: ReplicaIndex(owner)))) }
    self.metersPerSet = metersPerSet
    let key = try loadPublicKey(genesis)
    try proveModulus(genesis, key, of: "\(folder)/genesis.bin")
    let first = try loadNode("\(folder)/meter-1/node.ini").configuration
    clock = LinuxClock(trustingWallClock: first.trustsClock)
    line = try Self.open(first.listen)
    var random = SecureRandom()
    let bits = genesis.modulus.count * 8
    let encryptor = Encryptor(
      key, exponentLength: bits < 3072 ? .assumingShort448 : .assumingShort512, using: &random)
    for owner in metersPerSet.indices {
      for index in 0..<metersPerSet[owner] {
        let number = meters.count + 1
        let configuration = try loadNode("\(folder)/meter-\(number)/node.ini").configuration
        guard configuration.role == .meter, Int(configuration.owner) == owner, Int(configuration.index) == index else {
          throw Failure("\(folder)/meter-\(number)/node.ini is not of meter \(index) of set \(owner)")
        }
        meters.append(try makeMeter(configuration, Encryptor(sharing: encryptor)))
      }
    }
  }

  private static func open(_ endpoint: Endpoint) throws(Failure) -> MeterLine {
    do throws(PlatformError) {
      return MeterLine(
        try UDPSocket(bindingTo: endpoint), try DatagramBatch(datagramBytes: Sealer.maximumDatagramBytes))
    } catch { throw Failure("simulate-meters: \(endpoint): \(error)") }
  }

  private func makeMeter(
    _ configuration: NodeConfiguration, _ encryptor: consuming Encryptor
  ) throws(Failure) -> SimulatedMeter {
    guard configuration.packetKeyLog == nil else {
      throw Failure("simulate-meters: \(configuration.key): it writes no packetKeyLog; busbar run does")
    }
    guard let boot = BootCounter().next(at: now(clock)) else {
      throw Failure("simulate-meters: the clock is not synchronised")
    }
    let identity = try Identity(path: configuration.key)
    let signer = SigningKey(seed: identity.signingSeed)
    var random = SecureRandom()
    let sealer = Sealer(
      identifier: identifier(configuration).rawValue, agreementKey: AgreementKey(seed: identity.agreementSeed),
      packetKeySeed: SecretBytes(random: &random), signer: signer, bootCounter: boot,
      run: RunIdentifier(random: &random), previousBootCounter: 0,
      networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch, peers: peers(configuration, genesis),
      packetKeyMilliseconds: configuration.packetKeySeconds * 1000)
    return SimulatedMeter(
      MeterNode(
        genesis: genesis, encryptor: encryptor, owner: ReplicaIndex(configuration.owner),
        index: MeterIndex(configuration.index), signer: signer,
        closingKey: SelfSealingKey(SecretBytes(copying: identity.closingSeed.span)), sealer: sealer),
      MeterHost(line))
  }

  /// Until SIGTERM.
  func run() throws(Failure) {
    if !Files.exists("\(folder)/truth") { try makeFolder("\(folder)/truth") }
    do throws(PlatformError) { try loop() } catch { throw Failure("simulate-meters: \(error)") }
  }

  /// The meters' ticks are spread evenly, as those of real ones are.
  private func loop() throws(PlatformError) {
    var events = try EventLoop()
    try events.add(line.socket.fileDescriptor, tag: 0)
    var incoming = try DatagramBatch(datagramBytes: Sealer.maximumDatagramBytes)
    let start = clock.monotonic()
    /// Ticks so far, of all meters.
    var ticks: UInt64 = 0
    // The newest period that a meter has closed, and how many have.
    var closed: (period: UInt64, count: Int) = (0, 0)
    var nextState = start
    func due(_ tick: UInt64) -> MonotonicTime {
      MonotonicTime(
        nanoseconds: start.nanoseconds + tick * Self.tickMilliseconds * 1_000_000 / UInt64(meters.count))
    }
    while !ThisProcess.isTerminated {
      // Not for each meter: waking costs more than what most ticks do.
      _ = try events.wait(until: due(ticks + UInt64(min(Self.ticksAtOnce, meters.count) - 1)))
      try deliver(&incoming)
      for _ in 0..<Self.ticksAtOnce {
        guard due(ticks) <= clock.monotonic() else { break }
        let number = Int(ticks % UInt64(meters.count))
        if let period = try meters[number].tick(number, at: now(clock)) {
          if period.rawValue > closed.period { closed = (period.rawValue, 0) }
          if period.rawValue == closed.period { closed.count += 1 }
          if closed.count == meters.count { try writeTruth(closed.period) }
        }
        ticks += 1
      }
      try? line.flush()
      if clock.monotonic() >= nextState {
        nextState = clock.monotonic().adding(milliseconds: Self.stateMilliseconds)
        try writeState()
      }
    }
  }

  private func deliver(_ incoming: inout DatagramBatch) throws(PlatformError) {
    for _ in 0..<8 {
      try line.receive(into: &incoming)
      for place in 0..<incoming.count { try deliver(incoming.datagram(place), from: incoming.source(place)) }
      guard incoming.count == DatagramBatch.slots else { break }
    }
  }

  private func deliver(_ datagram: Span<UInt8>, from endpoint: Endpoint) throws(PlatformError) {
    var reader = WireReader(datagram)
    guard let header = try? PacketHeader(decoding: &reader), let number = number(Party(header.receiver)) else {
      return
    }
    let meter = meters[number]
    try meter.node.receive(datagram, from: endpoint, at: now(clock), via: &meter.host)
  }

  /// Counted through all sets; nil for who is no meter of this group.
  private func number(_ identifier: Party) -> Int? {
    guard let (owner, index) = identifier.meter, Int(owner.rawValue) < metersPerSet.count,
      Int(index.rawValue) < metersPerSet[Int(owner.rawValue)]
    else { return nil }
    var number = Int(index.rawValue)
    for set in 0..<Int(owner.rawValue) { number += metersPerSet[set] }
    return number
  }

  private func writeTruth(_ period: UInt64) throws(PlatformError) {
    var text = ""
    for number in meters.indices {
      let registers = SimulatedRegisters.at(period, of: number)
      text += "\(number) \(registers.activeEnergyImport.value) \(registers.activeEnergyExport.value)\n"
    }
    let bytes = Array(text.utf8)
    try Files.replace("\(folder)/truth/\(period).txt", with: bytes.span, isDurable: false)
  }

  private func writeState() throws(PlatformError) {
    var covered = UInt64.max
    for meter in meters { covered = min(covered, meter.node.coveredThrough.rawValue) }
    let bytes = Array("\(covered)\n".utf8)
    try Files.replace("\(folder)/truth/state", with: bytes.span, isDurable: false)
  }
}
