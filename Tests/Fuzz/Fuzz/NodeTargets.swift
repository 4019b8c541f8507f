import Aggregation
import Consensus
import Cryptography
import HAL
@testable import Node
import Packets
import Paillier
import SimulatedPlatform
import Units
import Wire

/// What a whole node does with anything that comes under a good seal.
func nodeTargets() -> [FuzzTarget] {
  let siege = Siege()
  return [FuzzTarget("aggregator-node", maximumBytes: 2600, seeds: siege.seeds, run: siege.run)]
}

/// Aggregator 0 of 4 among honest members that say nothing, and one, aggregator 3, that says anything, in one voice with the
/// bookkeeper and every meter.
///
/// The node is made anew once in 256 inputs, so that what an input leaves behind meets the next ones too.
private final class Siege {
  private static let members = 4
  private static let liar = 3
  private static let metersPerSet = 2
  private static let period = Period(1001)
  private static let inputsPerNode = 256

  private struct Host: ~Copyable, NodeHost {
    var random = SeededGenerator(seed: 1)
    /// The node's greeting to the liar, and to each other attacker that greeted it, by port.
    var statuses: [UInt16: [UInt8]] = [:]
    mutating func send(_ datagram: Span<UInt8>, to endpoint: Endpoint) {
      if datagram[1] == PacketType.status.rawValue { statuses[endpoint.port] = [UInt8](copying: datagram) }
    }
    mutating func append(_ entry: Span<UInt8>) throws(PlatformError) {}
    mutating func sync() throws(PlatformError) {}
    mutating func reread(_ visit: (Span<UInt8>) -> Void) throws(PlatformError) {}
    mutating func publish(
      _ kind: Publication, period: Period, owner: ReplicaIndex, _ bytes: Span<UInt8>
    ) throws(PlatformError) {
      fatalError("one member's lies published something")
    }
  }

  private final class Attacker {
    let name: Party
    let signer: SigningKey
    var sealer: Sealer
    init(_ name: Party, _ signer: consuming SigningKey, _ sealer: consuming Sealer) {
      self.name = name
      self.signer = signer
      self.sealer = sealer
    }
    var endpoint: Endpoint { Siege.endpoint(name) }
  }

  private final class Target {
    var node: AggregatorNode
    init(_ node: consuming AggregatorNode) { self.node = node }
    var decided: UInt64 { node.decidedPositions + node.adoptedHeads }
    var isConfirmed: Bool { node.isConfirmed }
    var accused: [Party] { (0..<node.evidenceKept).map { node.evidence($0).accused } }
  }

  private let key: PublicKey
  private let genesis: Genesis
  private var attackers: [Attacker] = []
  private var target: Target?
  private var host = Host()
  private var inputs = 0
  private var milliseconds: UInt64 = 0

  private static func seed(_ kind: UInt8, _ name: Party) -> SecretBytes {
    var bytes = FixedBytes<32> { out in
      out.write(kind)
      out.write(UInt64(name.rawValue))
      out.writeZeros(23)
    }
    return SecretBytes(taking: &bytes)
  }
  private static func keys(_ name: Party) -> PartyKeys {
    let signer = SigningKey(seed: seed(1, name))
    let agreement = AgreementKey(seed: seed(2, name))
    return PartyKeys(verificationKey: signer.verificationKey, agreementKey: agreement.publicKey)
  }
  private static func aggregator(_ index: Int) -> Party { .aggregator(ReplicaIndex(UInt16(index))) }
  private static func endpoint(_ name: Party) -> Endpoint {
    Endpoint(ipv4: 192, 0, 2, 1, port: UInt16(truncatingIfNeeded: name.rawValue ^ name.rawValue >> 9))
  }
  /// Everybody but aggregator 0.
  private static var others: [Party] {
    var names = (1..<members).map { aggregator($0) } + [.bookkeeper]
    for owner in 0..<members {
      for meter in 0..<metersPerSet {
        names.append(.meter(MeterIndex(UInt16(meter)), of: ReplicaIndex(UInt16(owner))))
      }
    }
    return names
  }

  init() {
    var random = SeededGenerator(seed: 99)
    guard
      let key = try? PrivateKey(
        generatingBits: 256, layout: SlotLayout([.activeEnergyImport, .activeEnergyExport]), using: &random,
        allowingSmallForTests: true)
    else { fatalError("no key") }
    self.key = key.publicKey
    genesis = Genesis(
      epoch: Epoch(1), group: GroupIndex(0), periodSeconds: 4, minimumContributors: 3, rotates: true,
      firstPeriod: Self.period, slots: [1, 2],
      modulus: [UInt8](capacity: key.publicKey.modulusBytes) { out in key.publicKey.writeModulus(into: &out) },
      modulusProof: ModulusProof(
        roots: Array(repeating: 0, count: ModulusProof.encodedBytes(modulusBytes: key.publicKey.modulusBytes))),
      bookkeeper: Self.keys(.bookkeeper), aggregators: (0..<Self.members).map { Self.keys(Self.aggregator($0)) },
      meters: (0..<Self.members).map { owner in
        (0..<Self.metersPerSet).map { Self.keys(.meter(MeterIndex(UInt16($0)), of: ReplicaIndex(UInt16(owner)))) }
      })
  }

  private func sealer(_ name: Party, knowing others: [Party]) -> Sealer {
    Sealer(
      identifier: name.rawValue, agreementKey: AgreementKey(seed: Self.seed(2, name)),
      packetKeySeed: Self.seed(3, name),
      signer: SigningKey(seed: Self.seed(1, name)), bootCounter: 1,
      run: RunIdentifier(
        FixedBytes(InlineArray { $0 < 4 ? UInt8(truncatingIfNeeded: name.rawValue >> (8 * $0)) : 1 }))!,
      networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch,
      peers: others.map {
        Peer(
          identifier: $0.rawValue, agreementKey: Self.keys($0).agreementKey, endpoint: Self.endpoint($0),
          isQuiet: $0.meter != nil)
      })
  }

  private func instant() -> Instant {
    Instant(
      monotonic: MonotonicTime(nanoseconds: (1000 + milliseconds) * 1_000_000),
      wall: WallTime(nanoseconds: ((Self.period.rawValue + 1) * 4000 + milliseconds) * 1_000_000),
      state: .synchronised)
  }

  /// A new node that knows all of the attackers' runs, and of enough others' to sign.
  private func begin() {
    attackers = Self.others.map { name in
      Attacker(name, SigningKey(seed: Self.seed(1, name)), sealer(name, knowing: [Self.aggregator(0)]))
    }
    host = Host()
    milliseconds = 0
    inputs = 0
    target = Target(
      AggregatorNode(
        genesis: genesis, key: key, index: ReplicaIndex(0), signer: SigningKey(seed: Self.seed(1, Self.aggregator(0))),
        sealer: sealer(Self.aggregator(0), knowing: Self.others)))
    tick()
    for attacker in attackers {
      guard let status = host.statuses[attacker.endpoint.port] else { fatalError("\(attacker.name) was not greeted") }
      let told = [UInt8](capacity: Sealer.maximumBodyBytes) { out in
        _ = attacker.sealer.open(status.span, from: Self.endpoint(Self.aggregator(0)), into: &out)
      }
      _ = attacker.sealer.readStatus(
        told.span, from: 0, signedBy: SigningKey(seed: Self.seed(1, Self.aggregator(0))).verificationKey)
      let now = instant()
      attacker.sealer.advance(to: now)
      let answer = attacker.sealer.statusBody(to: 0)
      deliver(.status, [UInt8](copying: answer.span), from: attacker)
    }
    tick()
    require(target!.isConfirmed, "the node does not know its own run")
    // From here on the honest ones are silent.
    attackers.removeFirst(Self.liar - 1)
  }

  private func tick() {
    do throws(PlatformError) { try target!.node.tick(at: instant(), via: &host) } catch { fatalError("\(error)") }
  }

  private func deliver(_ type: PacketType, _ body: [UInt8], from attacker: Attacker) {
    let datagram = [UInt8](capacity: Sealer.maximumDatagramBytes) { out in
      require(attacker.sealer.seal(type, body.span, to: 0, into: &out), "a known peer cannot seal")
    }
    do throws(PlatformError) {
      try target!.node.receive(datagram.span, from: attacker.endpoint, at: instant(), via: &host)
    } catch { fatalError("\(error)") }
  }

  /// Puts a signature that holds where the body has room for one: of the liar's votes and of meters' records.
  private func sign(_ body: inout [UInt8], _ type: PacketType, by attacker: Attacker) {
    guard let (offset, signature) = signature(body, type, by: attacker) else { return }
    for place in 0..<64 { body[offset + place] = signature.storage[place] }
  }

  private func signature(
    _ body: [UInt8], _ type: PacketType, by attacker: Attacker
  ) -> (offset: Int, signature: Signature)? {
    switch type {
    case .vote, .proposal:
      var reader = WireReader(body.span)
      guard let vote = try? VoteBody(decoding: &reader), let member = attacker.name.aggregatorIndex else { return nil }
      let statement = vote.statement(in: genesis.context, signer: member)
      let message = FixedBytes<128> { out in statement.encode(into: &out) }
      return (reader.offset - 64, attacker.signer.sign(message.span))
    case .record:
      var reader = WireReader(body.span)
      guard let record = try? Record(decoding: &reader), let ciphertext = try? reader.readBytes(reader.remaining),
        let meter = attackers.first(where: { $0.name == .meter(record.meter, of: record.owner) })
      else { return nil }
      let statement = RecordStatement(
        networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
        ciphertextHash: RecordStatement.ciphertextHash(ciphertext))
      let message = FixedBytes<192> { out in statement.encodeSigned(into: &out) }
      return (120, meter.signer.sign(message.span))
    case .chunk:
      // A round change or a new round, which begin with a vote.
      var reader = WireReader(body.span)
      guard let chunk = try? Chunk(decoding: &reader), [.roundChange, .newRound].contains(chunk.object),
        let vote = try? Vote(decoding: &reader), attacker.name.aggregatorIndex != nil
      else { return nil }
      let message = FixedBytes<128> { out in vote.statement.encode(into: &out) }
      return (reader.offset - 64, attacker.signer.sign(message.span))
    default: return nil
    }
  }

  /// Packets one after the other: sender, type with what else is to happen, length, body.
  func run(_ input: [UInt8]) {
    if attackers.isEmpty || inputs == Self.inputsPerNode { begin() }
    inputs += 1
    var rest = input[...]
    while rest.count >= 4 {
      let attacker = attackers[Int(rest[rest.startIndex]) % attackers.count]
      let mode = rest[rest.startIndex + 1]
      let length =
        (Int(rest[rest.startIndex + 2]) | Int(rest[rest.startIndex + 3]) << 8) % (Sealer.maximumBodyBytes + 1)
      rest = rest.dropFirst(4)
      var body = Array(rest.prefix(length))
      rest = rest.dropFirst(length)
      let type = PacketType(rawValue: mode % 9) ?? .chunk
      if mode & 64 != 0 { sign(&body, type, by: attacker) }
      deliver(type, body, from: attacker)
      milliseconds += mode & 128 == 0 ? 1 : 100
      if mode & 128 != 0 { tick() }
    }
    require(target!.decided == 0, "one member's lies decided something")
    for honest in 0..<Self.liar {
      require(!target!.accused.contains(.aggregator(ReplicaIndex(UInt16(honest)))), "an honest member is accused")
    }
  }

  /// One packet of each type that reaches its end.
  var seeds: [[UInt8]] {
    func packet(_ sender: UInt8, _ type: PacketType, _ extra: UInt8, _ body: [UInt8]) -> [UInt8] {
      [sender, type.rawValue | extra, UInt8(body.count & 255), UInt8(body.count >> 8)] + body
    }
    let ciphertext = [UInt8](repeating: 0, count: key.ciphertextBytes - 1) + [7]
    var records: [UInt8] = []
    for meter in 0..<2 as Range<UInt16> {
      let record = Record(
        owner: ReplicaIndex(0), meter: MeterIndex(meter), epoch: Epoch(1), from: Self.period, through: Self.period,
        keyIdentifier: genesis.keyIdentifier, closing: FixedBytes(), signature: Signature())
      records += packet(
        UInt8(2 + meter), .record, 64,
        [UInt8](capacity: 2000) { out in
          record.encode(into: &out)
          out.write(ciphertext.span)
        })
    }
    let vote = Vote(
      statement: Statement(
        kind: .prepare, in: genesis.context, owner: ReplicaIndex(0), position: Position(1), round: Round(Self.period),
        digest: Digest(), signer: ReplicaIndex(3)), signature: Signature())
    let voteBody = [UInt8](capacity: 200) { out in VoteBody(vote).encode(into: &out) }
    func chunk(_ object: ObjectKind, _ bytes: [UInt8]) -> [UInt8] {
      let chunk = Chunk(
        object: object, owner: ReplicaIndex(0), index: 0, total: 1, position: Position(1),
        objectLength: UInt32(bytes.count))
      return [UInt8](capacity: 1200) { out in
        chunk.encode(into: &out)
        out.write(bytes.span)
      }
    }
    func roundChange(_ round: Round) -> [UInt8] {
      let vote = Vote(
        statement: Statement(
          kind: .roundChange, in: genesis.context, owner: ReplicaIndex(0), position: Position(1), round: round,
          digest: Digest(), signer: ReplicaIndex(3)), signature: Signature())
      return chunk(
        .roundChange,
        [UInt8](capacity: 400) { out in
          vote.encode(into: &out)
          out.writeZeros(8)
        })
    }
    var result: [[UInt8]] = [
      packet(0, .vote, 64, voteBody), packet(0, .proposal, 64 + 128, voteBody), records,
      records + packet(0, .vote, 128, voteBody),
      packet(0, .chunk, 0, chunk(.head, [UInt8](repeating: 0, count: 10))),
      packet(0, .chunk, 0, chunk(.manifest, [UInt8](repeating: 0, count: Header.encodedBytes))),
      packet(0, .chunk, 64 + 128, roundChange(Round(Self.period, View(1)))),
      records + packet(0, .chunk, 64 + 128, roundChange(Round(Self.period.next))),
    ]
    for object in 1...9 as ClosedRange<UInt8> {
      guard let kind = ObjectKind(rawValue: object) else { continue }
      let want = Want(object: kind, owner: ReplicaIndex(0), position: Position(1), period: Self.period)
      result.append(packet(0, .want, 0, [UInt8](capacity: 200) { out in want.encode(into: &out) }))
    }
    return result
  }
}
