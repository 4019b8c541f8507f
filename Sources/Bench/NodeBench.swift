import Aggregation
import Commands
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

/// What a message costs an aggregator's node, and what of it is the heap's: a group's real aggregators with their real meters in one
/// thread certify one period after the other. Their packets cross memory that was taken at the start; time is simulated.
struct NodeBench {
  static let stepMilliseconds: UInt64 = 100
  /// A packet is 10 ms under way. Were it a tick, votes would be said again that are merely late.
  static let hopsATick: UInt64 = 10
  private static let firstPeriod = Period(1001)
  /// Beside one with a machine: as many records as the one process that has all of a fleet's meters encrypts in a step, at 3072 bits.
  private static let closingsAStep = 27
  /// The aggregator that may have a machine of its own.
  private static let own = 0

  /// Ends after so many messages; with a machine after so many periods.
  let messages: UInt64
  var periods: UInt64 = 3
  let members: Int
  let metersPerSet: Int
  var bits = 2048
  var periodSeconds: UInt64 = 4
  /// One aggregator has a machine of its own: its journal is a file in this folder, and its packets cross sockets.
  var folder: String?
  let json: Bool

  /// Every slot of every set has been used by then, and what is kept for late meters has its size. With a machine nobody counts
  /// allocations, and everybody has met.
  var warmUpPeriods: UInt64 { folder == nil ? 16 : 2 }

  final class AggregatorProcess {
    var node: AggregatorNode
    var host: BenchHost
    init(_ node: consuming AggregatorNode, _ host: consuming BenchHost) {
      self.node = node
      self.host = host
    }
  }

  final class MeterProcess {
    var node: MeterNode
    var host: BenchHost
    /// Milliwatt hours.
    var reading: Int64 = 0
    init(_ node: consuming MeterNode, _ host: consuming BenchHost) {
      self.node = node
      self.host = host
    }
  }

  /// Who is who in one group.
  private struct Directory {
    let members: Int
    let metersPerSet: Int
    var bookkeeper: Int { members }
    /// Everybody's seeds differ by place alone.
    static let kind: UInt8 = 1
    var parties: Int { bookkeeper + 1 + members * metersPerSet }

    func name(_ place: Int) -> Party {
      if place < bookkeeper { return .aggregator(ReplicaIndex(UInt16(place))) }
      if place == bookkeeper { return .bookkeeper }
      let meter = place - bookkeeper - 1
      return .meter(MeterIndex(UInt16(meter % metersPerSet)), of: ReplicaIndex(UInt16(meter / metersPerSet)))
    }
    func place(owner: Int, meter: Int) -> Int { bookkeeper + 1 + owner * metersPerSet + meter }

    /// Aggregators know everybody, the others know the aggregators.
    func sealer(_ place: Int, _ genesis: Genesis) -> Sealer {
      var peers: [Peer] = []
      for other in 0..<parties where other != place && (place < bookkeeper || other < bookkeeper) {
        peers.append(
          Peer(
            identifier: name(other).rawValue, agreementKey: RoundBenchParty.party(Self.kind, other).agreementKey,
            endpoint: other <= bookkeeper ? RoundBenchParty.endpoint(other) : nil,
            isQuiet: name(other).meter != nil))
      }
      return Sealer(
        identifier: name(place).rawValue, agreementKey: RoundBenchParty.agreement(Self.kind, place),
        packetKeySeed: RoundBenchParty.packetSeed(Self.kind, place), signer: RoundBenchParty.signer(Self.kind, place),
        bootCounter: 1, run: RoundBenchParty.run(Self.kind, place),
        networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch, peers: peers)
    }
  }

  /// Takes what it is sent and says which run it is in; it decrypts nothing here.
  struct Bookkeeper: ~Copyable {
    var sealer: Sealer
    private var body = ByteBuffer(capacity: Sealer.maximumBodyBytes)
    private var sealed = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
    init(_ sealer: consuming Sealer) { self.sealer = sealer }

    mutating func receive(_ datagram: Span<UInt8>, from endpoint: Endpoint, _ reply: (Span<UInt8>) -> Void) {
      if Self.answer(datagram, from: endpoint, by: &sealer, &body, &sealed) { reply(sealed.span) }
    }

    /// True when there is an answer, in `sealed`.
    private static func answer(
      _ datagram: Span<UInt8>, from endpoint: Endpoint, by sealer: inout Sealer, _ body: inout ByteBuffer,
      _ sealed: inout ByteBuffer
    ) -> Bool {
      var opened: (type: PacketType, peer: Int)?
      body.replace { out in opened = sealer.open(datagram, from: endpoint, into: &out) }
      guard let opened, opened.type == .status,
        let place = Party(sealer.peers[opened.peer].identifier).aggregatorIndex,
        sealer.readStatus(
          body.span, from: opened.peer,
          signedBy: RoundBenchParty.party(Directory.kind, Int(place.rawValue)).verificationKey)
      else { return false }
      let status = sealer.statusBody(to: opened.peer)
      var isSealed = false
      sealed.replace { out in isSealed = sealer.seal(.status, status.span, to: opened.peer, into: &out) }
      return isSealed
    }
  }

  struct Tally {
    var messages: UInt64 = 0
    var nanoseconds: UInt64 = 0
    var allocations: UInt64 = 0
    var ticks: UInt64 = 0
    var tickAllocations: UInt64 = 0
  }

  func run() throws(Failure) {
    let directory = Directory(members: members, metersPerSet: metersPerSet)
    let queues = (0..<directory.parties).map { place in
      BenchQueue(capacity: place <= directory.bookkeeper ? max(1024, 4 * members * metersPerSet) : 64)
    }
    let publicKey = try makeKey()
    let genesis = makeGenesis(publicKey, directory)
    let machine = try makeMachine(genesis, publicKey)
    let aggregators = makeAggregators(genesis, publicKey, directory, queues, machine)
    var bookkeeper = Bookkeeper(directory.sealer(directory.bookkeeper, genesis))
    let meters = makeMeters(genesis, publicKey, directory, queues)
    var tally = Tally()
    var machineAtStart = BenchMachine.Numbers()
    var nextMeter = 0
    // That there were some shows that they are counted.
    var warmUpAllocations: UInt64 = 0
    var milliseconds: UInt64 = 0
    do throws(PlatformError) {
      while folder == nil ? tally.messages < messages : milliseconds < (warmUpPeriods + periods) * periodSeconds * 1000
      {
        let instant = Instant(
          monotonic: MonotonicTime(nanoseconds: (1000 + milliseconds) * 1_000_000),
          wall: WallTime(
            nanoseconds: (Self.firstPeriod.rawValue * periodSeconds * 1000 + milliseconds) * 1_000_000),
          state: .synchronised)
        let period = milliseconds / (periodSeconds * 1000)
        try step(aggregators, &bookkeeper, meters, queues, at: instant, &nextMeter, &tally)
        if period < warmUpPeriods {
          warmUpAllocations += tally.allocations + tally.tickAllocations
          tally = Tally()
          machineAtStart = machine?.numbers ?? machineAtStart
        }
        milliseconds += Self.stepMilliseconds
      }
    } catch { throw Failure("bench node: \(error)") }
    let periods = milliseconds / (periodSeconds * 1000)
    for aggregator in aggregators {
      // The first period has no readings to begin from, and the last is under way.
      let certified = aggregator.node.decidedPositions
      guard certified + 3 * UInt64(members) >= periods * UInt64(members) else {
        throw Failure("bench node: only \(certified) sets were certified in \(periods) periods")
      }
    }
    if let machine { return report(tally, from: machineAtStart, to: machine.numbers) }
    report(tally, periods - warmUpPeriods, warmUpAllocations, certified: aggregators[0].node.decidedPositions)
  }

  private func makeKey() throws(Failure) -> PublicKey {
    var random = SecureRandom()
    do throws(PaillierError) {
      return try PrivateKey(
        generatingBits: bits, layout: SlotLayout([.activeEnergyImport, .activeEnergyExport]), using: &random
      ).publicKey
    } catch { throw Failure("bench node: \(error)") }
  }

  private func makeGenesis(_ publicKey: PublicKey, _ directory: Directory) -> Genesis {
    Genesis(
      epoch: Epoch(1), group: GroupIndex(0), periodSeconds: UInt32(periodSeconds), minimumContributors: 3,
      rotates: true, firstPeriod: Self.firstPeriod,
      slots: [Quantity.activeEnergyImport.slotCode, Quantity.activeEnergyExport.slotCode],
      modulus: [UInt8](capacity: publicKey.modulusBytes) { out in publicKey.writeModulus(into: &out) },
      // Nobody looks at it here.
      modulusProof: ModulusProof(
        roots: Array(repeating: 0, count: ModulusProof.encodedBytes(modulusBytes: publicKey.modulusBytes))),
      bookkeeper: RoundBenchParty.party(Directory.kind, directory.bookkeeper),
      aggregators: (0..<members).map { RoundBenchParty.party(Directory.kind, $0) },
      meters: (0..<members).map { owner in
        (0..<metersPerSet).map { RoundBenchParty.party(Directory.kind, directory.place(owner: owner, meter: $0)) }
      })
  }

  private func makeAggregators(
    _ genesis: Genesis, _ publicKey: PublicKey, _ directory: Directory, _ queues: [BenchQueue], _ machine: BenchMachine?
  ) -> [AggregatorProcess] {
    (0..<members).map { place in
      AggregatorProcess(
        AggregatorNode(
          genesis: genesis, key: publicKey, index: ReplicaIndex(UInt16(place)),
          signer: RoundBenchParty.signer(Directory.kind, place),
          sealer: directory.sealer(place, genesis)), BenchHost(place, queues, place == Self.own ? machine : nil))
    }
  }

  private func makeMeters(
    _ genesis: Genesis, _ publicKey: PublicKey, _ directory: Directory, _ queues: [BenchQueue]
  ) -> [MeterProcess] {
    var random = SecureRandom()
    var meters: [MeterProcess] = []
    let encryptor = Encryptor(publicKey, using: &random)
    for owner in 0..<members {
      for meter in 0..<metersPerSet {
        let place = directory.place(owner: owner, meter: meter)
        meters.append(
          MeterProcess(
            MeterNode(
              genesis: genesis, encryptor: Encryptor(sharing: encryptor), owner: ReplicaIndex(UInt16(owner)),
              index: MeterIndex(UInt16(meter)), signer: RoundBenchParty.signer(Directory.kind, place),
              closingKey: RoundBenchParty.closing(Directory.kind, place),
              sealer: directory.sealer(place, genesis)), BenchHost(place, queues)))
      }
    }
    return meters
  }

  private func makeMachine(_ genesis: Genesis, _ key: PublicKey) throws(Failure) -> BenchMachine? {
    guard let folder else { return nil }
    let identity = JournalIdentity(networkIdentifier: genesis.networkIdentifier, node: UInt32(Self.own))
    let cellBytes = AggregatorNode.cellBytes(genesis, ciphertextBytes: key.ciphertextBytes)
    do throws(PlatformError) {
      let machine = try BenchMachine(folder, identity, cellBytes: cellBytes)
      try machine.host.journal.replay { _ in }
      return machine
    } catch { throw Failure(folder, error) }
  }

  /// What waits for the aggregator with the machine reaches it as its process would take it: a batch, its entries' sync, what it answers.
  private func deliver(
    _ process: AggregatorProcess, _ machine: BenchMachine, _ queue: BenchQueue, at now: Instant, _ tally: inout Tally
  ) throws(PlatformError) {
    while queue.count > 0 {
      var senders: [UInt16] = []
      while senders.count < DatagramBatch.slots, let (datagram, sender) = queue.take() {
        let bytes = unsafe Span(_unsafeElements: datagram)
        try machine.feeder.send(bytes, to: machine.ownEndpoint)
        senders.append(sender)
      }
      let started = LinuxClock.threadNanoseconds
      try machine.incoming.receive(from: machine.host.socket)
      guard machine.incoming.count == senders.count else { throw PlatformError(.other) }
      try Self.hand(machine.incoming, from: senders, to: process, at: now)
      try machine.host.commit()
      machine.host.flush()
      tally.nanoseconds += LinuxClock.threadNanoseconds - started
      tally.messages += UInt64(senders.count)
    }
  }

  private static func hand(
    _ batch: borrowing DatagramBatch, from senders: [UInt16], to process: AggregatorProcess, at now: Instant
  ) throws(PlatformError) {
    for place in senders.indices {
      try process.node.receive(
        batch.datagram(place), from: RoundBenchParty.endpoint(Int(senders[place])), at: now, via: &process.host)
    }
  }

  private func tick(
    _ process: AggregatorProcess, _ machine: BenchMachine, at now: Instant, _ tally: inout Tally
  ) throws(PlatformError) {
    let started = LinuxClock.threadNanoseconds
    try process.node.tick(at: now, via: &process.host)
    try machine.host.commit()
    machine.host.flush()
    tally.ticks += 1
    tally.nanoseconds += LinuxClock.threadNanoseconds - started
  }

  private func step(
    _ process: AggregatorProcess, _ queue: BenchQueue, at now: Instant, _ tally: inout Tally
  ) throws(PlatformError) {
    try deliver(process, queue, at: now, &tally)
    let received = heapAllocationCount() ?? 0
    let started = LinuxClock.threadNanoseconds
    try process.node.tick(at: now, via: &process.host)
    tally.ticks += 1
    tally.nanoseconds += LinuxClock.threadNanoseconds - started
    tally.tickAllocations += (heapAllocationCount() ?? 0) - received
  }

  /// Everything that waits is delivered, everyone ticks.
  private func step(
    _ aggregators: [AggregatorProcess], _ bookkeeper: inout Bookkeeper, _ meters: [MeterProcess],
    _ queues: [BenchQueue],
    at now: Instant, _ nextMeter: inout Int, _ tally: inout Tally
  ) throws(PlatformError) {
    if folder == nil { try exchange(aggregators, &bookkeeper, meters, queues, at: now, &tally) }
    for place in aggregators.indices {
      let process = aggregators[place]
      if let machine = process.host.machine {
        try deliver(process, machine, queues[place], at: now, &tally)
        try tick(process, machine, at: now, &tally)
        continue
      }
      // Nothing is told of those beside one with a machine.
      var ignored = Tally()
      if folder == nil {
        try step(process, queues[place], at: now, &tally)
      } else {
        try step(process, queues[place], at: now, &ignored)
      }
    }
    deliver(&bookkeeper, queues)
    for process in meters { try deliver(process, queues[Int(process.host.place)], at: now) }
    guard let machine = aggregators[Self.own].host.machine else {
      for process in meters { try tick(process, at: now) }
      return
    }
    // As the one process that has all of a fleet's meters: who comes when that much was encrypted has its turn in the next step.
    var closings = 0
    for number in 1...meters.count where closings < Self.closingsAStep {
      if try tick(meters[nextMeter], at: now) { closings += 1 }
      nextMeter = (nextMeter + 1) % meters.count
      if number % SimulatedMeters.ticksAtOnce == 0 || closings == Self.closingsAStep {
        try deliver(aggregators[Self.own], machine, queues[Self.own], at: now, &tally)
      }
    }
  }

  /// True when it closed a period.
  @discardableResult
  private func tick(_ process: MeterProcess, at now: Instant) throws(PlatformError) -> Bool {
    let period = process.node.needsClosing(at: now)
    if let period {
      process.reading += 1_234_567
      let registers = EnergyRegisters(
        activeEnergyImport: MilliwattHours(process.reading), activeEnergyExport: MilliwattHours(process.reading / 3))
      try process.node.close(period, registers, via: &process.host)
    }
    try process.node.tick(at: now, via: &process.host)
    return period != nil
  }
}
