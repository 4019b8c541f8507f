import Cryptography
import HAL
import Packets
import Units
import Wire

func packetTargets() -> [FuzzTarget] {
  let talk = Talk()
  var raw: [[UInt8]] = talk.seen.map { [0] + $0 }
  raw += [[1, 5, 1, 2, 3], [2, 40, 0, 1], [3, 30, 0]]
  let want = Want(
    object: .records, owner: ReplicaIndex(4), meter: MeterIndex(5), position: Position(6), period: Period(7),
    highestSequence: 7, receivedCount: 8, heldMicroseconds: 9)
  let chunk = Chunk(
    object: .product, owner: ReplicaIndex(4), index: 1, total: 2, position: Position(6), objectLength: 1034)
  let proof = InclusionProof(
    owner: ReplicaIndex(4), meter: MeterIndex(5), leafIndex: 2, siblingCount: 1, from: Period(5), through: Period(6),
    ciphertextHash: Digest(), closing: FixedBytes())
  let acknowledgement = [UInt8](capacity: 128) { out in
    AcknowledgementBody(epoch: Epoch(1), count: 2).encode(into: &out)
    AcknowledgedPosition(owner: ReplicaIndex(0), position: Position(1), digest: Digest(), open: 1).encode(into: &out)
    AcknowledgedPosition(owner: ReplicaIndex(3), position: Position(99), digest: Digest(), open: .max).encode(
      into: &out)
  }
  let header = PacketHeader(
    type: .want, bodyLength: 144, sender: 1, receiver: 2, bootCounter: 9, packetSequence: 3,
    senderKeyNumber: 1, receiverKeyNumber: 1)
  let status = StatusBody(
    previousBootCounter: 1, knownBootCounter: 2, keyNumber: 3, knownKeyNumber: 4, packetKey: FixedBytes(),
    signature: Signature(), run: RunIdentifier(FixedBytes(InlineArray(repeating: 5)))!,
    knownRun: RunIdentifier(FixedBytes(InlineArray(repeating: 6))), wall: WallTime(nanoseconds: 7),
    clock: .synchronised,
    wantsAnswer: true)
  return [
    FuzzTarget("packet", maximumBytes: 1300, seeds: raw, run: talk.run),
    FuzzTarget("packet-header", maximumBytes: 64, seeds: [[UInt8](capacity: 128) { header.encode(into: &$0) }]) {
      input in
      var reader = WireReader(input.span)
      guard let value = try? PacketHeader(decoding: &reader), reader.remaining == 0 else { return }
      requireIdentity(input, "packet header") { out in value.encode(into: &out) }
    },
    FuzzTarget("status-body", maximumBytes: 176, seeds: [[UInt8](capacity: 168) { status.encode(into: &$0) }]) {
      input in
      var reader = WireReader(input.span)
      guard let value = try? StatusBody(decoding: &reader) else { return }
      requireIdentity(input, "status body") { out in value.encode(into: &out) }
    },
    FuzzTarget("want", maximumBytes: 160, seeds: [[UInt8](capacity: 160) { want.encode(into: &$0) }]) { input in
      var reader = WireReader(input.span)
      guard let value = try? Want(decoding: &reader) else { return }
      requireIdentity(input, "want") { out in value.encode(into: &out) }
    },
    FuzzTarget("chunk", maximumBytes: 64, seeds: [[UInt8](capacity: 128) { chunk.encode(into: &$0) }]) { input in
      var reader = WireReader(input.span)
      guard let value = try? Chunk(decoding: &reader), reader.remaining == 0 else { return }
      requireIdentity(input, "chunk") { out in value.encode(into: &out) }
    },
    FuzzTarget("acknowledgement", maximumBytes: 1176, seeds: [acknowledgement]) { input in
      var reader = WireReader(input.span)
      guard let body = try? AcknowledgementBody(decoding: &reader) else { return }
      var positions: [AcknowledgedPosition] = []
      for _ in 0..<body.count {
        guard let position = try? AcknowledgedPosition(decoding: &reader) else { return }
        positions.append(position)
      }
      guard reader.remaining == 0 else { fatalError("an acknowledgement of more than it says") }
      requireIdentity(input, "acknowledgement") { out in
        body.encode(into: &out)
        for position in positions { position.encode(into: &out) }
      }
    },
    FuzzTarget("inclusion-proof", maximumBytes: 128, seeds: [[UInt8](capacity: 128) { proof.encode(into: &$0) }]) {
      input in
      var reader = WireReader(input.span)
      guard let value = try? InclusionProof(decoding: &reader), reader.remaining == 0 else { return }
      requireIdentity(input, "proof") { out in value.encode(into: &out) }
    },
    FuzzTarget(
      "assembly", maximumBytes: 256, seeds: [[0, 0, 0, 1, 2, 0, 0, 2], [1, 0, 0, 5, 1, 0, 9]], run: fuzzAssembly),
  ]
}

/// Two nodes that know each other. A datagram opens only if the other just sealed it, and once.
private final class Talk {
  private static let home = Endpoint(ipv4: 192, 0, 2, 1, port: 7777)
  private static let elsewhere = Endpoint(ipv4: 198, 51, 100, 9, port: 9999)
  private var first: Sealer
  private var second: Sealer
  /// Datagrams that the second node has opened.
  private(set) var seen: [[UInt8]] = []

  private static func secret(_ first: UInt8, _ node: UInt32) -> SecretBytes {
    var seed = FixedBytes<32>(InlineArray(repeating: first + UInt8(node)))
    return SecretBytes(taking: &seed)
  }
  private static func key(_ node: UInt32) -> AgreementKey { AgreementKey(seed: secret(0x40, node)) }
  private static func run(_ node: UInt32) -> RunIdentifier {
    RunIdentifier(FixedBytes(InlineArray(repeating: 0x80 + UInt8(node))))!
  }
  private static func signer(_ node: UInt32) -> SigningKey { SigningKey(seed: secret(0x20, node)) }

  private static func sealer(_ own: UInt32, _ other: UInt32, boot: UInt64) -> Sealer {
    let otherKey = key(other)
    return Sealer(
      identifier: own, agreementKey: key(own), packetKeySeed: secret(0x60, own), signer: signer(own), bootCounter: boot,
      run: run(own),
      networkIdentifier: Digest(), epoch: Epoch(2),
      peers: [Peer(identifier: other, agreementKey: otherKey.publicKey, endpoint: nil)])
  }

  init() {
    first = Self.sealer(1, 2, boot: 9)
    second = Self.sealer(2, 1, boot: 7)
    let greeting = first.statusBody(to: 0)
    seen.append(Self.seal(&first, .status, [UInt8](copying: greeting.span)))
    let heard = Self.open(&second, seen[0], from: Self.home) ?? []
    _ = second.readStatus(heard.span, from: 0, signedBy: Self.signer(1).verificationKey)
    let answer = second.statusBody(to: 0)
    let told = Self.open(&first, Self.seal(&second, .status, [UInt8](copying: answer.span)), from: Self.home) ?? []
    _ = first.readStatus(told.span, from: 0, signedBy: Self.signer(2).verificationKey)
    seen.append(Self.seal(&first, .vote, [1, 2, 3]))
    require(Self.open(&second, seen[1], from: Self.home) == [1, 2, 3], "the two nodes are not connected")
  }

  private static func seal(_ sealer: inout Sealer, _ type: PacketType, _ body: [UInt8]) -> [UInt8] {
    [UInt8](capacity: Sealer.maximumDatagramBytes) { out in
      let isSealed = sealer.seal(type, body.span, to: 0, into: &out)
      require(isSealed, "a connected node cannot seal")
    }
  }

  private static func open(_ sealer: inout Sealer, _ datagram: [UInt8], from source: Endpoint) -> [UInt8]? {
    var isOpen = false
    let body = [UInt8](capacity: Sealer.maximumBodyBytes) { out in
      isOpen = sealer.open(datagram.span, from: source, into: &out) != nil
    }
    require(isOpen || body.isEmpty, "a dropped datagram left bytes behind")
    return isOpen ? body : nil
  }

  private var dropped: UInt64 { DropReason.allCases.reduce(0) { $0 + second.drops[Int($1.rawValue)] } }

  private func mustDrop(_ datagram: [UInt8]) {
    let before = dropped
    let opened = Self.open(&second, datagram, from: Self.elsewhere)
    require(opened == nil, "a datagram nobody sealed opened")
    require(dropped == before + 1, "a dropped datagram was not counted once")
    require(second.peers[0].bootCounter == 9, "a dropped datagram changed the boot counter")
    require(second.peers[0].endpoint == Self.home, "a dropped datagram moved the endpoint")
  }

  /// By the first byte: the rest as a datagram; the rest as a body; one byte of an honest datagram changed; the honest
  /// datagram cut short. After each, an honest one opens.
  func run(_ input: [UInt8]) {
    var choices = Choices(input)
    switch choices.byte() % 4 {
    case 0: mustDrop(choices.rest())
    case 1:
      let types: [PacketType] = [.record, .receipt, .proposal, .vote, .want, .chunk, .proof]
      let type = types[choices.number(below: types.count)]
      let body = Array(choices.rest().prefix(Sealer.maximumBodyBytes))
      let datagram = Self.seal(&first, type, body)
      require(Self.open(&second, datagram, from: Self.home) == body, "a body came back changed")
      mustDrop(datagram)
    case 2:
      var datagram = Self.seal(&first, .vote, [7, 7, 7, 7])
      let honest = datagram
      let change = choices.byte()
      datagram[choices.number(below: datagram.count)] ^= change
      if datagram != honest { mustDrop(datagram) }
      require(Self.open(&second, honest, from: Self.home) == [7, 7, 7, 7], "an honest datagram was dropped")
    default:
      let datagram = Self.seal(&first, .vote, [8, 8])
      mustDrop(Array(datagram.prefix(choices.number(below: datagram.count))))
      require(Self.open(&second, datagram, from: Self.home) == [8, 8], "an honest datagram was dropped")
    }
  }
}

/// An assembly agrees with one that keeps its pieces in a dictionary.
private func fuzzAssembly(_ input: [UInt8]) {
  struct Name: Hashable {
    var object: ObjectKind
    var owner: UInt16
    var position: UInt64
    var total: UInt16
    var length: UInt32
  }
  var choices = Choices(input)
  var assembly = Assembly(capacity: 5000)
  var name: Name?
  var pieces: [Int: [UInt8]] = [:]
  while !choices.isAtEnd {
    let length = choices.number(below: 5200)
    let correct = (length + 1023) / 1024
    let mode = choices.byte()
    let index = choices.number(below: 7)
    let new = Name(
      object: mode & 1 == 0 ? .product : .certificate, owner: UInt16(mode >> 1 & 1), position: UInt64(mode >> 2 & 1),
      total: UInt16(mode & 8 == 0 ? correct : choices.number(below: 9)), length: UInt32(length))
    let fits = max(0, min(1024, length - 1024 * index))
    let bytes = [UInt8](repeating: choices.byte(), count: mode & 16 == 0 ? fits : choices.number(below: 1030))
    let chunk = Chunk(
      object: new.object, owner: ReplicaIndex(new.owner), index: UInt16(index), total: new.total,
      position: Position(new.position), objectLength: new.length)
    let isComplete = assembly.add(chunk, bytes.span)
    guard length > 0, length <= 5000, Int(new.total) == correct, index < correct, bytes.count == fits else {
      require(!isComplete, "a piece that fits nothing completed an object")
      continue
    }
    if new != name {
      name = new
      pieces = [:]
    }
    pieces[index] = bytes
    require(isComplete == (pieces.count == correct), "an object is complete too early or too late")
    if isComplete {
      let whole = (0..<correct).flatMap { pieces[$0] ?? [] }
      require([UInt8](copying: assembly.span) == whole, "an object was put together wrongly")
      require(assembly.owner.rawValue == new.owner && assembly.position.rawValue == new.position, "under another name")
      pieces = [:]
    }
  }
}
