import Cryptography
import HAL
import Packets
import SimulatedPlatform
import Testing
import Units
import Wire

/// One member holds every record of a proposal, the others miss some: real sealers, pacing and repair over one line.
private struct TransferScenario {
  var name: String
  var receivers = 6
  var records = 500
  var recordBytes: Int
  /// Records every receiver holds already, the first of each hundred missing.
  var missing: Int
  var path = PathProfile()

  /// 20 Mb/s, 10 ms there and back.
  static func line(loss: UInt64, burst: UInt64) -> PathProfile {
    var path = PathProfile()
    path.bitsPerSecond = 20_000_000
    path.delayNanoseconds = 5_000_000
    path.loss = loss
    path.meanBurst = burst
    return path
  }
}

private struct TransferResult {
  /// When the last receiver had everything, milliseconds; nil when it never had.
  var completed: UInt64?
  /// Bytes of the holder's line.
  var bytes: UInt64
  /// The longest a vote waited for the line, microseconds.
  var longestVoteWait: UInt64
  var repeated: UInt64
  var dropped: UInt64
}

private final class Receiver {
  var sealer: Sealer
  var held: [Bool]
  var fetch = Fetch()
  var duplicates = 0
  init(_ sealer: consuming Sealer, _ held: [Bool]) {
    self.sealer = sealer
    self.held = held
  }
  var missing: FixedBytes<64> {
    var bits = FixedBytes<64>()
    for meter in held.indices where !held[meter] { bits.storage[meter / 8] |= 1 << UInt8(meter % 8) }
    return bits
  }
  var isComplete: Bool { held.allSatisfy { $0 } }
}

private struct Transit {
  var at: MonotonicTime
  var order: Int
  /// −1 is the holder.
  var to: Int
  var bytes: [UInt8]
}

private func run(_ scenario: TransferScenario, seed: UInt64) -> TransferResult {
  let owner = ReplicaIndex(0)
  let period = Period(9)
  let members = scenario.receivers + 1
  var limits = PacingLimits()
  // What the operator grants: the whole line, which carries nothing else here.
  limits.interfaceBytesPerSecond = scenario.path.bitsPerSecond / 8
  var transfers = Transfers(members: members, limits: limits)
  var holder = Fixture.sealer(
    0, boot: 1,
    peers: (1..<UInt32(members)).map {
      Peer(identifier: $0, agreementKey: Fixture.publicKey($0), endpoint: Fixture.home)
    })
  var receivers: [Receiver] = []
  for index in 1..<UInt32(members) {
    var sealer = Fixture.sealer(index, 0, boot: 1, endpoint: Fixture.home)
    var held = [Bool](repeating: true, count: scenario.records)
    for place in 0..<scenario.missing { held[place * scenario.records / scenario.missing] = false }
    _ = holder.read(holder.body(of: sealer.status()) ?? [], from: Int(index) - 1)
    _ = sealer.hear(holder.status(to: Int(index) - 1))
    receivers.append(Receiver(sealer, held))
  }
  var downward = LossyLink(scenario.path, paths: members, seed: seed)
  var back = scenario.path
  back.bitsPerSecond = 0
  var upward = LossyLink(back, paths: members, seed: seed ^ 0xABCD)
  var transit: [Transit] = []
  var order = 0
  var now = MonotonicTime(nanoseconds: 1_000_000_000)
  let start = now
  var longestVoteWait: UInt64 = 0
  var nextVote = now
  var payload = [UInt8](repeating: 0x5A, count: scenario.recordBytes)
  let datagramBytes = PacketHeader.encodedBytes + scenario.recordBytes + SealingKey.tagBytes
  precondition(datagramBytes <= 1232)

  for index in receivers.indices { receivers[index].fetch.begin(from: owner) }
  while now.milliseconds(since: start) < 60_000 {
    // What arrived.
    transit.sort { $0.at == $1.at ? $0.order < $1.order : $0.at < $1.at }
    while let first = transit.first, first.at <= now {
      transit.removeFirst()
      if first.to < 0 {
        holder.advance(to: now)
        guard let body = holder.body(of: first.bytes) else { continue }
        var reader = WireReader(body.span)
        guard let want = try? Want(decoding: &reader) else { continue }
        let member = ReplicaIndex(want.meter.rawValue)
        transfers.report(
          member, highest: want.highestSequence, received: want.receivedCount,
          heldNanoseconds: UInt64(want.heldMicroseconds) * 1000, at: now)
        _ = transfers.want(
          member, want.owner, want.period, missing: want.missing, highest: want.highestSequence, at: now)
      } else {
        let receiver = receivers[first.to]
        receiver.sealer.advance(to: now)
        guard let body = receiver.sealer.body(of: first.bytes), body.count == scenario.recordBytes else { continue }
        let meter = Int(body[0]) | Int(body[1]) << 8
        if receiver.held[meter] { receiver.duplicates += 1 }
        receiver.held[meter] = true
        receiver.fetch.arrived(at: now)
        if receiver.isComplete { receiver.fetch.end() }
      }
    }
    if receivers.allSatisfy({ $0.isComplete }) {
      return TransferResult(
        completed: now.milliseconds(since: start), bytes: downward.lineBytes, longestVoteWait: longestVoteWait / 1000,
        repeated: transfers.repeatedCount, dropped: downward.droppedCount)
    }
    // Receivers ask.
    for index in receivers.indices {
      let receiver = receivers[index]
      guard let due = receiver.fetch.nextMoment, due <= now else { continue }
      _ = receiver.fetch.ask(members: 2, own: ReplicaIndex(1), at: now)
      let want = Want(
        object: .records, owner: owner, meter: MeterIndex(UInt16(index + 1)), period: period, missing: receiver.missing,
        highestSequence: receiver.sealer.highestSequence(of: 0), receivedCount: receiver.sealer.receivedCount(of: 0),
        heldMicroseconds: UInt32(
          (now.nanoseconds - min(now.nanoseconds, receiver.sealer.heardAt(0).nanoseconds)) / 1000))
      let bytes = [UInt8](capacity: Want.encodedBytes) { out in want.encode(into: &out) }
      guard let packet = receiver.sealer.packet(.want, bytes) else { continue }
      for arrival in upward.send(bytes: packet.count, path: index, at: now) {
        order += 1
        transit.append(Transit(at: arrival, order: order, to: -1, bytes: packet))
      }
    }
    // The holder votes now and then, at once, and sends what it owes as it may.
    if now >= nextVote {
      nextVote = now.adding(milliseconds: 37)
      for index in receivers.indices {
        longestVoteWait = max(longestVoteWait, downward.wait(at: now))
        let member = ReplicaIndex(UInt16(index + 1))
        let sequence = holder.peers[index].nextSequence
        guard let packet = holder.packet(.vote, [UInt8](repeating: 1, count: 112), to: index) else { continue }
        transfers.left(member, sequence: sequence, at: now)
        transfers.charge(member, bytes: packet.count, at: now)
        for arrival in downward.send(bytes: packet.count, path: index, at: now) {
          order += 1
          transit.append(Transit(at: arrival, order: order, to: index, bytes: packet))
        }
      }
    }
    while let owed = transfers.next(bytes: datagramBytes, at: now) {
      let peer = Int(owed.member.rawValue) - 1
      payload[0] = UInt8(owed.meter.rawValue & 255)
      payload[1] = UInt8(owed.meter.rawValue >> 8)
      let sequence = holder.peers[peer].nextSequence
      guard let packet = holder.packet(.record, payload, to: peer) else { break }
      transfers.sent(owed.member, owed.owner, owed.period, owed.meter, sequence: sequence, at: now)
      for arrival in downward.send(bytes: packet.count, path: peer, at: now) {
        order += 1
        transit.append(Transit(at: arrival, order: order, to: peer, bytes: packet))
      }
    }
    // On to whatever comes next.
    var next = nextVote
    for one in transit where one.at < next { next = one.at }
    if let moment = transfers.nextMoment(bytes: datagramBytes, after: now), moment < next { next = moment }
    for receiver in receivers { if let moment = receiver.fetch.nextMoment, moment < next { next = moment } }
    now = max(next, MonotonicTime(nanoseconds: now.nanoseconds + 1))
  }
  return TransferResult(
    completed: nil, bytes: downward.lineBytes, longestVoteWait: longestVoteWait / 1000,
    repeated: transfers.repeatedCount, dropped: downward.droppedCount)
}

private func median(_ values: [UInt64]) -> UInt64 { values.sorted()[values.count / 2] }

@Suite("Transfer of a proposal's records to 6 members (docs/PROTOCOL.md, Packets)")
struct TransferTests {
  private static let seeds: ClosedRange<UInt64> = 1...20

  /// A record of a 3072-bit group is 184 + 768 bytes, one of a 2048-bit group 184 + 512.
  private static func scenario(_ name: String, bits: Int, missing: Int, loss: UInt64, burst: UInt64) -> TransferScenario
  {
    TransferScenario(
      name: name, recordBytes: 184 + bits / 4, missing: missing,
      path: TransferScenario.line(loss: loss, burst: burst))
  }

  private struct Summary {
    var milliseconds: UInt64
    var bytes: UInt64
    var longestVoteWait: UInt64
  }

  private static func summarise(_ scenario: TransferScenario) throws -> Summary {
    var times: [UInt64] = []
    var bytes: [UInt64] = []
    var wait: UInt64 = 0
    for seed in seeds {
      let result = run(scenario, seed: seed)
      times.append(try #require(result.completed, "\(scenario.name), seed \(seed)"))
      bytes.append(result.bytes)
      wait = max(wait, result.longestVoteWait)
      #expect(result.dropped == 0, "the pacing overran its own line: \(scenario.name), seed \(seed)")
    }
    let summary = Summary(milliseconds: median(times), bytes: median(bytes), longestVoteWait: wait)
    print(
      "transfer: \(scenario.name): median \(summary.milliseconds) ms (\(times.min()!) to \(times.max()!)), "
        + "\(summary.bytes) bytes, longest wait of a vote \(summary.longestVoteWait) us")
    return summary
  }

  @Test(
    "ends in 2 s at 3072 bits and 20 % loss in bursts, with 1.32 times the bytes of no loss; votes wait 5 ms at most")
  func large() throws {
    let clear = try Self.summarise(Self.scenario("3072 bits, no loss", bits: 3072, missing: 500, loss: 0, burst: 1))
    let lossy = try Self.summarise(
      Self.scenario("3072 bits, 20 % loss in bursts of 8", bits: 3072, missing: 500, loss: 200, burst: 8))
    #expect(lossy.milliseconds <= 2000)
    #expect(lossy.bytes * 100 <= clear.bytes * 132)
    #expect(max(clear.longestVoteWait, lossy.longestVoteWait) <= 5000)
  }

  @Test("ends in 1.5 s at 2048 bits and the same loss")
  func small() throws {
    let lossy = try Self.summarise(
      Self.scenario("2048 bits, 20 % loss in bursts of 8", bits: 2048, missing: 500, loss: 200, burst: 8))
    #expect(lossy.milliseconds <= 1500)
  }

  @Test("ends in 0.3 s when 98 % are held already, at 5 % loss")
  func nearlyAll() throws {
    let lossy = try Self.summarise(
      Self.scenario("3072 bits, 98 % held, 5 % loss", bits: 3072, missing: 10, loss: 50, burst: 1))
    #expect(lossy.milliseconds <= 300)
  }

  @Test("ends under jitter, duplication and reordering too, and duplicates the network made are no second transfer")
  func disorder() throws {
    var scenario = Self.scenario("3072 bits, disorder", bits: 3072, missing: 200, loss: 100, burst: 3)
    scenario.path.jitterNanoseconds = 3_000_000
    scenario.path.duplication = 50
    scenario.path.reordering = 50
    _ = try Self.summarise(scenario)
  }
}

/// What the parser of scenario files makes of a text.
enum PathScenario {
  static func loss(_ text: String) -> UInt64? { try? PathProfile(scenario: text).loss }
  static func wrongLine(_ text: String) -> Int? {
    do throws(ScenarioError) {
      _ = try PathProfile(scenario: text)
      return nil
    } catch { return error.line }
  }
}

@Suite("The lossy link")
struct LossyLinkTests {
  /// The fate of each of many datagrams: whether it arrived.
  private static func fates(_ profile: PathProfile, seed: UInt64, count: Int = 40_000) -> [Bool] {
    var link = LossyLink(profile, paths: 1, seed: seed)
    return (0..<count).map {
      !link.send(bytes: 1000, path: 0, at: MonotonicTime(nanoseconds: UInt64($0) * 1_000_000)).isEmpty
    }
  }

  @Test(
    "loses as much as it is told to, in bursts as long as it is told",
    arguments: [(200, 8), (50, 1), (10, 4)] as [(UInt64, UInt64)])
  func losses(loss: UInt64, burst: UInt64) {
    var profile = PathProfile()
    profile.loss = loss
    profile.meanBurst = burst
    let fates = Self.fates(profile, seed: 11)
    let lost = fates.filter { !$0 }.count
    var bursts = 0
    for place in fates.indices where !fates[place] && (place == 0 || fates[place - 1]) { bursts += 1 }
    let measuredLoss = Double(lost) * 1000 / Double(fates.count)
    let measuredBurst = Double(lost) / Double(bursts)
    #expect(abs(measuredLoss - Double(loss)) < Double(loss) * 0.15)
    #expect(abs(measuredBurst - Double(burst)) < Double(burst) * 0.15)
    #expect(Self.fates(profile, seed: 11) == fates && Self.fates(profile, seed: 12) != fates)
  }

  @Test("carries its rate and no more, and drops what its queue cannot hold")
  func rate() {
    var profile = PathProfile()
    profile.bitsPerSecond = 8_000_000
    profile.queueBytes = 10_280
    profile.delayNanoseconds = 5_000_000
    var link = LossyLink(profile, paths: 1, seed: 1)
    var arrivals: [UInt64] = []
    for _ in 0..<20 {
      for arrival in link.send(bytes: 1000, path: 0, at: MonotonicTime(nanoseconds: 0)) {
        arrivals.append(arrival.nanoseconds)
      }
    }
    // 1028 bytes take 1.028 ms each; ten of them fit.
    #expect(arrivals == (1...10).map { $0 * 1_028_000 + 5_000_000 })
    #expect(link.droppedCount == 10)
  }
}
