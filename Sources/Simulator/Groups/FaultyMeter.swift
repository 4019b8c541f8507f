import Aggregation
import Consensus
import Cryptography
import HAL
import Metering
import Node
import Packets
import Paillier
import SimulatedPlatform
import Units
import Wire

/// A meter that contradicts itself, or attacks in a siege, with nothing but its own keys. It says of itself that it used nothing, so
/// that its set's sums are known all the same.
final class FaultyMeter {
  /// Records beside the one it gives, signed as well.
  private static let variants = 8
  /// In ticks: as often as an honest meter in haste.
  private static let sendTicks = 3

  private let world: GroupWorld
  private let party: GroupParty
  private let owner: ReplicaIndex
  private let index: MeterIndex
  private var sealer: Sealer
  private let signer: SigningKey
  private let closingKey: SelfSealingKey
  private let encryptor: Encryptor
  private var random: SeededGenerator
  private var ticks = 0
  /// Of the last period that ended: what it gives first, then the other ones.
  private var records: [[UInt8]] = []
  private var madeFor: Period
  private var madeAt = 0

  init(_ world: GroupWorld, _ party: GroupParty) {
    guard let meter = party.name.meter else { preconditionFailure("a meter") }
    self.world = world
    self.party = party
    owner = meter.owner
    index = meter.index
    sealer = world.sealer(party, boot: world.startMilliseconds / 1000, previousBoot: world.startMilliseconds / 1000 - 1)
    signer = party.secrets.signer()
    closingKey = party.secrets.closingKey()
    random = SeededGenerator(seed: world.schedule.seed &* 131 &+ UInt64(party.place))
    encryptor = Encryptor(world.key, using: &random)
    madeFor = Period(world.genesis.firstPeriod.rawValue - 1)
  }

  private var siege: SiegeBooks { world.siege! }
  /// It says that it used more than its connection can carry; else nothing.
  private var isAbsurd: Bool { world.schedule.scenario == .absurdMeter }

  private func send(_ type: PacketType, _ body: [UInt8], to peer: Int) {
    guard let endpoint = sealer.peers[peer].endpoint, let place = world.places[sealer.peers[peer].identifier]?.first
    else { return }
    let body = Array(body.prefix(Sealer.maximumBodyBytes))
    let datagram = [UInt8](capacity: Sealer.maximumDatagramBytes) { out in
      _ = sealer.seal(type, body.span, to: peer, into: &out)
    }
    guard !datagram.isEmpty, endpoint == world.parties[place].endpoint else { return }
    guard world.siege != nil else { return world.transmit(datagram.span, from: party, to: endpoint) }
    if type != .status {
      siege.outcome.attackPackets += 1
      siege.outcome.sealedBytes += UInt64(datagram.count)
    }
    // A replay window as small as a meter's drops what a line mixes.
    world.inject(datagram, from: party.endpoint, to: place, isPrompt: true)
  }

  func receive(_ datagram: Span<UInt8>, from endpoint: Endpoint) {
    var body = ByteBuffer(capacity: Sealer.maximumBodyBytes)
    var opened: (type: PacketType, peer: Int)?
    body.replace { out in opened = sealer.open(datagram, from: endpoint, into: &out) }
    guard let opened else { return }
    let bytes = Array(copying: body.span)
    if opened.type == .status {
      if sealer.readStatus(bytes.span, from: opened.peer, knowing: world.genesis) {
        send(.status, Array(copying: sealer.statusBody(to: opened.peer).span), to: opened.peer)
      }
      return
    }
    world.siege?.noteServed(
      opened.type, bytes, from: sealer.peers[opened.peer].identifier, to: party.name.rawValue,
      datagramBytes: datagram.count)
  }

  // MARK: Records

  /// A tick: makes what it says of the last period, and gives it to whom it likes.
  func act() {
    ticks += 1
    if ticks % 5 == 1 {
      for peer in sealer.peers.indices where !sealer.hasAcknowledged(peer) {
        send(.status, Array(copying: sealer.greetingBody().span), to: peer)
      }
    }
    // Under attack it stops when the group is healed; a liar alone never does.
    let attack = world.siege?.attack ?? (isAbsurd ? .none : .contradictingMeters)
    guard !world.isHealed || world.siege == nil else { return }
    let ended = Period(world.period - 1)
    if ended > madeFor {
      madeFor = ended
      madeAt = ticks
      let from = covered().next
      records = (0...Self.variants).map { record(from, ended, isUnit: $0 < Self.variants) }
    }
    guard !records.isEmpty, (ticks - madeAt) % Self.sendTicks == 0 else { return }
    for peer in sealer.peers.indices {
      for place in given(to: peer, attack) { send(.record, records[place], to: peer) }
    }
  }

  /// Which of its records a member gets, drawn once for each period.
  private func given(to peer: Int, _ attack: Attack) -> [Int] {
    var dice = Dice(
      world.schedule.seed &* 55 &+ madeFor.rawValue &* 4096 &+ UInt64(party.place) &* 64 &+ UInt64(peer))
    if attack.includes(.doubleRecords) || attack.includes(.contradictingMeters), !floods(attack) {
      return [[0], [1], [0, 1]][dice.below(3)]
    }
    if attack.includes(.withheldRecords) { return dice.below(2) == 0 ? [] : [0] }
    return [0]
  }

  /// With everything at once every other meter has its share: one that repeats what contradicts what is held is soon not
  /// listened to.
  private func floods(_ attack: Attack) -> Bool {
    attack == .recordFlood || attack == .everything && owner.rawValue % 2 == 1
  }

  /// What is certified of it, which it need not ask for.
  private func covered() -> Period {
    Period(world.books.covered(index, of: Int(owner.rawValue)) ?? world.genesis.firstPeriod.rawValue - 1)
  }

  /// - Parameter isUnit: false for a ciphertext that nobody can divide by.
  private func record(_ from: Period, _ through: Period, isUnit: Bool = true) -> [UInt8] {
    let values: [Int64] = Array(repeating: isAbsurd ? 1 << 40 : 0, count: EnergyRegisters.count)
    let ciphertext = [UInt8](capacity: world.key.ciphertextBytes) { out in
      if isUnit {
        try? encryptor.encrypt(values.span, using: &random, into: &out)
      } else {
        // n is below n² and divides it.
        out.writeZeros(world.key.ciphertextBytes - world.key.modulusBytes)
        world.key.writeModulus(into: &out)
      }
    }
    var record = Record(
      owner: owner, meter: index, epoch: world.genesis.epoch, from: from, through: through,
      keyIdentifier: world.genesis.keyIdentifier,
      closing: closingKey.seal(FixedBytes<32>(), as: FixedBytes<72>.self, using: &random), signature: Signature())
    let statement = RecordStatement(
      networkIdentifier: world.genesis.networkIdentifier, group: world.genesis.group, record: record,
      ciphertextHash: RecordStatement.ciphertextHash(ciphertext.span))
    record.signature = signer.sign { out in statement.encodeSigned(into: &out) }
    return [UInt8](capacity: Record.fixedBytes + ciphertext.count) { out in
      record.encode(into: &out)
      out.write(ciphertext.span)
    }
  }

  // MARK: Floods

  /// A round. One of the faulty meters at a time throws and asks as fast as it can, the others as often as anybody may ask;
  /// good records come from all of them at once.
  func assault() {
    guard let attack = world.siege?.attack, !world.isHealed else { return }
    let isTurn = world.period % UInt64(world.members) == UInt64(owner.rawValue)
    for peer in sealer.peers.indices where sealer.peers[peer].bootCounter > 0 {
      guard world.parties[Int(sealer.peers[peer].identifier)].isHonest else { continue }
      func times(_ kind: Attack, _ rate: Int) -> Int {
        attack.includes(kind) ? siege.due(rate, isMember: true, &world.liarDice) : 0
      }
      for _ in 0..<times(.meterGarbage, isTurn ? Siege.garbageRate : Siege.wantRate) { throwGarbage(at: peer) }
      for _ in 0..<times(.meterWants, isTurn ? Siege.meterWantRate : Siege.wantRate) { want(from: peer) }
      guard world.isWorstMoment, floods(attack) else { continue }
      for _ in 0..<times(.recordFlood, Siege.garbageRate) { repeatRecord(to: peer) }
    }
  }

  private func throwGarbage(at peer: Int) {
    guard !records.isEmpty else { return }
    switch world.liarDice.below(5) {
    case 0:
      let type = PacketType(rawValue: UInt8(2 + world.liarDice.below(7)))!
      send(type, siege.randomBytes(world.liarDice.below(Sealer.maximumBodyBytes + 1), &world.liarDice), to: peer)
    case 1:
      var body = records[0]
      body[Record.fixedBytes - 1] ^= 1
      send(.record, body, to: peer)
    case 2: send(.record, Array(records[0].prefix(world.liarDice.below(records[0].count))), to: peer)
    case 3: send(.record, records[1 + world.liarDice.below(Self.variants)], to: peer)
    default:
      // Another's, and nothing that a meter says.
      let others = world.parties.filter { $0.meter != nil && $0.isHonest }
      guard let bytes = others[world.liarDice.below(others.count)].meter?.node.outstandingRecords.last else { return }
      send(world.liarDice.below(2) == 0 ? .record : .proposal, bytes, to: peer)
    }
  }

  private func repeatRecord(to peer: Int) {
    if !records.isEmpty { send(.record, records[0], to: peer) }
  }

  /// Its proof, which it may have; and what it may not.
  private func want(from peer: Int) {
    let objects: [ObjectKind] = [
      .proof, .proof, .certificate, .certificate, .product, .records, .head, .manifest, .contradiction,
    ]
    var missing = FixedBytes<64>()
    for place in 0..<64 { missing.storage[place] = 255 }
    let object = objects[world.liarDice.below(objects.count)]
    let set = object == .proof ? owner : ReplicaIndex(UInt16(world.liarDice.below(world.members)))
    let position = world.liarDice.below(4) == 0 ? Position(0) : world.somePosition(of: Int(set.rawValue))
    let want = Want(
      object: object, owner: set, meter: index, position: position, period: Period(world.period - 1), missing: missing)
    send(.want, [UInt8](capacity: Want.encodedBytes) { out in want.encode(into: &out) }, to: peer)
  }
}
