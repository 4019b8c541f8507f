import Consensus
import Cryptography
import HAL
import Node
import Packets
import SimulatedPlatform
import Units
import Wire

/// What a run under attack keeps beside the group's own books, and the outsiders.
final class SiegeBooks {
  /// Work of a slow board, in microseconds of its processor: orders of magnitude, ours. A packet that is dropped before its
  /// seal; one whose seal is tried; a signature to check, good or bad.
  static let dropWork = 2
  static let sealWork = 20
  static let signatureWork = 1000
  /// Datagrams that wait at a busy node, as in a socket's buffer.
  static let waiting = 512
  /// Datagrams that outsiders remember for each victim.
  private static let memory = 256

  /// What a holder sent to a faulty member: once it is owed, again it is not.
  private struct Piece: Hashable {
    let holder: UInt32
    let asker: UInt32
    let type: UInt8
    let object: UInt8
    let owner: UInt16
    /// A position, or of records a period.
    let place: UInt64
    let index: UInt16
  }
  private struct Holding {
    var members: UInt64 = 0
    var completedAt = 0
  }
  private struct Recorded {
    let bytes: [UInt8]
    let sender: Endpoint
  }

  let attack: Attack
  private let share: Int
  var outcome = SiegeOutcome()
  private var served: Set<Piece> = []
  private var holdings: [SetPeriod: Holding] = [:]
  private var recorded: [[Recorded]]
  private var statuses: [[Recorded]]
  private(set) var noise: [UInt8]

  init(_ siege: Siege, members: Int, places: Int, _ dice: inout Dice) {
    attack = siege.attack
    share = Siege.share(siege.attack, members: members)
    recorded = Array(repeating: [], count: places)
    statuses = recorded
    noise = (0..<(4 * Sealer.maximumDatagramBytes)).map { _ in UInt8(truncatingIfNeeded: dice.bits()) }
  }

  // MARK: Certificates

  func noteDecided(_ name: SetPeriod, at member: Int, honest: UInt64, milliseconds: Int) {
    guard honest >> UInt64(member) & 1 == 1, holdings[name, default: Holding()].completedAt == 0 else { return }
    holdings[name, default: Holding()].members |= 1 << UInt64(member)
    if holdings[name]!.members == honest { holdings[name]!.completedAt = milliseconds }
  }

  /// Counts the sets of these periods. A set is certified in its period when every honest member holds a value's certificate
  /// before the next period ends.
  func conclude(_ world: GroupWorld, periods: Range<UInt64>) {
    let periodMilliseconds = Int(world.periodSeconds) * 1000
    for period in periods {
      for owner in 0..<world.members {
        let primary = world.genesis.context.primary(
          owner: ReplicaIndex(UInt16(owner)), Round(Period(period)))
        let isHonest = !world.swarm.liars.contains { $0.member == Int(primary.rawValue) }
        outcome.sets += 1
        if isHonest { outcome.honestSets += 1 }
        let name = SetPeriod(owner: owner, period: period)
        guard let holding = holdings[name], holding.completedAt > 0 else { continue }
        let latency = holding.completedAt - Int(period + 1) * periodMilliseconds
        outcome.latencies.append(latency)
        if isHonest { outcome.honestLatencies.append(latency) }
        guard latency < periodMilliseconds else { continue }
        outcome.certifiedSets += 1
        if isHonest { outcome.certifiedHonestSets += 1 }
      }
    }
    for party in world.parties where party.isHonest {
      guard let cell = party.aggregator else { continue }
      let drops = cell.node.linkStatistics.drops
      for place in 0..<DropReason.allCases.count { outcome.drops[place] += drops[place] }
    }
  }

  // MARK: What faulty members are served

  /// A faulty member or meter opened an answer. Certificates and the like come unasked to it too; round changes always do.
  func noteServed(_ type: PacketType, _ body: [UInt8], from holder: UInt32, to asker: UInt32, datagramBytes: Int) {
    // Meters send their records unasked. Receipts begin with the network's name: only one of each holder counts as owed.
    guard Party(holder).aggregatorIndex != nil,
      type == .record || type == .chunk || type == .proof || type == .receipt, body.count >= 24
    else { return }
    var reader = WireReader(body.span)
    let piece: Piece
    if type == .chunk {
      guard let chunk = try? Chunk(decoding: &reader), chunk.object != .roundChange, chunk.object != .newRound else {
        return
      }
      piece = Piece(
        holder: holder, asker: asker, type: type.rawValue, object: chunk.object.rawValue,
        owner: chunk.owner.rawValue, place: chunk.position.rawValue, index: chunk.index)
    } else {
      // Owner and meter, and some periods.
      guard let owner = try? reader.read(UInt16.self), let meter = try? reader.read(UInt16.self),
        (try? reader.read(UInt64.self)) != nil, let from = try? reader.read(UInt64.self)
      else { return }
      piece = Piece(
        holder: holder, asker: asker, type: type.rawValue, object: 0, owner: owner, place: from, index: meter)
    }
    outcome.servedBytes += UInt64(datagramBytes)
    if served.insert(piece).inserted { outcome.entitledBytes += UInt64(datagramBytes) }
  }

  // MARK: Outsiders

  private static func stranger(_ dice: inout Dice) -> Endpoint {
    Endpoint(ipv4: 192, 0, 2, UInt8(1 + dice.below(200)), port: UInt16(1024 + dice.below(4000)))
  }
  private static func isOutside(_ endpoint: Endpoint) -> Bool { endpoint.address[12] == 192 }

  /// Outsiders see every datagram between honest nodes.
  func observe(_ world: GroupWorld, _ datagram: Span<UInt8>, from sender: GroupParty, to endpoint: Endpoint) {
    guard attack.hasOutsiders else { return }
    if Self.isOutside(endpoint) {
      outcome.reflectedBytes += UInt64(datagram.count)
      return
    }
    guard sender.isHonest, let places = world.places[GroupWorld.identifier(endpoint)] else { return }
    for place in places where world.parties[place].isHonest {
      let packet = Recorded(bytes: Array(copying: datagram), sender: sender.endpoint)
      Self.keep(packet, in: &recorded[place], &world.liarDice)
      if datagram[1] == PacketType.status.rawValue { Self.keep(packet, in: &statuses[place], &world.liarDice) }
      // Some copies overtake what they are copies of.
      if attack.includes(.replays), world.liarDice.hits(100) {
        send(world, packet.bytes, from: Self.stranger(&world.liarDice), to: place)
      }
    }
  }

  private static func keep(_ packet: Recorded, in list: inout [Recorded], _ dice: inout Dice) {
    if list.count < memory { list.append(packet) } else { list[dice.below(memory)] = packet }
  }

  private func send(_ world: GroupWorld, _ bytes: [UInt8], from endpoint: Endpoint, to place: Int) {
    outcome.outsiderBytes += UInt64(bytes.count)
    outcome.attackPackets += 1
    world.inject(bytes, from: endpoint, to: place)
  }

  /// How many of so many packets a second fall into this round.
  func due(_ rate: Int, isMember: Bool, _ dice: inout Dice) -> Int {
    let thousandths = rate * share / 1000 * Int(GroupWorld.roundMilliseconds) / (isMember ? 1 : Siege.otherNodes)
    return thousandths / 1000 + (dice.below(1000) < thousandths % 1000 ? 1 : 0)
  }

  /// A round of the outsiders.
  func act(_ world: GroupWorld) {
    guard attack.hasOutsiders else { return }
    let spoofs = attack.includes(.spoofedSenders) && world.isWorstMoment
    for party in world.parties where party.isHonest {
      let isMember = party.name.aggregatorIndex != nil
      if spoofs {
        for _ in 0..<due(Siege.spoofRate, isMember: isMember, &world.liarDice) { spoof(world, party.place) }
      }
      if attack.includes(.replays) {
        for _ in 0..<due(Siege.replayRate, isMember: isMember, &world.liarDice) { replay(world, party.place) }
      }
      if attack.includes(.reflection), isMember {
        for _ in 0..<due(Siege.reflectionRate, isMember: true, &world.liarDice) { reflect(world, party.place) }
      }
    }
  }

  /// An empty packet of a member's next run: it is not opened, and its sender is told that this one is not known.
  private func reflect(_ world: GroupWorld, _ place: Int) {
    guard let packet = recorded[place].first else { return }
    var bytes = Array(packet.bytes[..<PacketHeader.encodedBytes]) + Array(noise[..<SealingKey.tagBytes])
    // docs/PROTOCOL.md, PacketHeader: type, length of the body, boot counter, and the numbers of both packet keys.
    bytes[1] = PacketType.vote.rawValue
    bytes[2] = 0
    bytes[3] = 0
    bytes[16 + 5] ^= 1
    bytes[32] = 1
    bytes[36] = 1
    send(world, bytes, from: Self.stranger(&world.liarDice), to: place)
  }

  private func replay(_ world: GroupWorld, _ place: Int) {
    let list = !statuses[place].isEmpty && world.liarDice.hits(200) ? statuses[place] : recorded[place]
    guard !list.isEmpty else { return }
    let packet = list[world.liarDice.below(list.count)]
    send(
      world, packet.bytes,
      from: world.liarDice.below(2) == 0 ? packet.sender : Self.stranger(&world.liarDice), to: place)
  }

  /// The header of a datagram that was seen, with a fresh number and junk for a body; or a worse one.
  private func spoof(_ world: GroupWorld, _ place: Int) {
    guard !recorded[place].isEmpty else { return }
    let packet = recorded[place][world.liarDice.below(recorded[place].count)]
    var bytes = packet.bytes
    func write(_ value: UInt64, at offset: Int, count: Int) {
      for index in 0..<count { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
    func number(at offset: Int) -> UInt64 {
      var value: UInt64 = 0
      for index in 0..<8 { value |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
      return value
    }
    // docs/PROTOCOL.md, PacketHeader.
    write(number(at: 24) &+ UInt64(1 + world.liarDice.below(5000)), at: 24, count: 8)
    let shift = world.liarDice.below(200)
    for index in PacketHeader.encodedBytes..<bytes.count { bytes[index] ^= noise[(index + shift) % noise.count] | 1 }
    var endpoint = Self.stranger(&world.liarDice)
    switch world.liarDice.below(20) {
    case 0..<10: break
    case 10..<14: endpoint = packet.sender
    case 14..<17:
      // A run that nobody began, said by nobody.
      bytes = Array(bytes[..<PacketHeader.encodedBytes]) + Array(noise[..<32])
      bytes[1] = world.liarDice.below(2) == 0 ? PacketType.status.rawValue : PacketType.vote.rawValue
      let keyNumber: UInt64 = bytes[1] == PacketType.status.rawValue ? 0 : 1
      write(keyNumber, at: 32, count: 4)
      write(keyNumber, at: 36, count: 4)
      write(16, at: 2, count: 2)
      write(number(at: 16) &+ UInt64(1 + world.liarDice.below(1000)), at: 16, count: 8)
    case 17, 18: write(0x9_0000 + UInt64(world.liarDice.below(9)), at: 4, count: 4)
    default: bytes = Array(noise[..<(60 + shift)])
    }
    send(world, bytes, from: endpoint, to: place)
  }
}
