import Cryptography
import HAL
import Packets
import Units
import Wire

// The golden bytes are made by Tests/Peers/packet_vectors.py from the tables and the RFCs alone; they are the same
// everywhere.

private let goldenFirstStatus =
  "0101100001000000020000000000000009000000000000000000000000000000eaaa551da322a28ff04ff8f31adccda35b54"
  + "bb2ae85035d5643532f974726e12"
private let goldenAnswerStatus =
  "0101100002000000010000000000000007000000000000000000000000000000a4bdd839039ff56f2469ff8c38670d5f0d37"
  + "dde84082dddaafa2aec24098886e"
private let goldenWantPacket =
  "0106500001000000020000000000000009000000000000000100000000000000677da9ab27629b740102b8fefa3f654d5341"
  + "ab251e0422ee5f2892e5eca55285b40926cd65e4519c037606785684b5f7d7465ceeb7c9f8d1ad161fb1a1ce58bec1ff90ba"
  + "25e43542b7c7de85974a305dca57ded0320e23aa8e85ab53fd784471"
/// Plain BLAKE2b-256 of the longest packet.
private let goldenFullPacketDigest = "8a2f927d6baef0e1b7a0aff97475c3e80cc7915dde0d70321b0f1cd978fa725f"

/// One of two nodes that know each other.
private func vectorSealer(_ own: UInt32, _ other: UInt32, boot: UInt64) -> Sealer {
  var otherSeed = FixedBytes<32>(InlineArray(repeating: 0x40 + UInt8(other)))
  let otherKey = AgreementKey(seed: SecretBytes(taking: &otherSeed))
  var seed = FixedBytes<32>(InlineArray(repeating: 0x40 + UInt8(own)))
  return Sealer(
    identifier: own, agreementKey: AgreementKey(seed: SecretBytes(taking: &seed)), bootCounter: boot,
    networkIdentifier: Digest(InlineArray { UInt8($0) }), epoch: Epoch(2),
    peers: [Peer(identifier: other, agreementKey: otherKey.publicKey, endpoint: nil)])
}

private func vectorSeal(_ sealer: inout Sealer, _ type: PacketType, _ body: Span<UInt8>) -> [UInt8] {
  var datagram = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
  datagram.replace { out in _ = sealer.seal(type, body, to: 0, into: &out) }
  return [UInt8](copying: datagram.span)
}

/// The body inside, or nil when it was dropped.
private func vectorOpen(_ sealer: inout Sealer, _ datagram: [UInt8]) -> [UInt8]? {
  var body = ByteBuffer(capacity: Sealer.maximumBodyBytes)
  var isOpen = false
  let source = Endpoint(ipv4: 192, 0, 2, 1, port: 7777)
  body.replace { out in isOpen = sealer.open(datagram.span, from: source, into: &out) != nil }
  return isOpen ? [UInt8](copying: body.span) : nil
}

/// Packets of both keys, byte for byte; what is damaged, sent again or of an impossible length is refused.
func checkPackets(_ report: inout Report) {
  var first = vectorSealer(1, 2, boot: 9)
  var second = vectorSealer(2, 1, boot: 7)
  let greeting = first.statusBody(to: 0)
  let greetingPacket = vectorSeal(&first, .status, greeting.span)
  report.check(Hexadecimal.string(greetingPacket.span) == goldenFirstStatus, "packets: first STATUS bytes")
  report.check(vectorOpen(&second, greetingPacket) != nil, "packets: the first STATUS opens")
  let answer = second.statusBody(to: 0)
  let answerPacket = vectorSeal(&second, .status, answer.span)
  report.check(Hexadecimal.string(answerPacket.span) == goldenAnswerStatus, "packets: STATUS in answer, bytes")
  report.check(vectorOpen(&first, answerPacket) != nil, "packets: the answer opens")

  let want = Want(
    object: .records, owner: ReplicaIndex(4), meter: MeterIndex(5), period: Period(6),
    missing: FixedBytes(InlineArray { UInt8($0) }))
  let body = [UInt8](capacity: Want.encodedBytes) { out in want.encode(into: &out) }
  let packet = vectorSeal(&first, .want, body.span)
  report.check(Hexadecimal.string(packet.span) == goldenWantPacket, "packets: WANT bytes")
  var isRefused = true
  for place in packet.indices {
    var damaged = packet
    damaged[place] ^= 1
    if vectorOpen(&second, damaged) != nil { isRefused = false }
  }
  report.check(isRefused, "packets: one wrong bit anywhere is refused")
  report.check(vectorOpen(&second, packet) == body, "packets: the WANT opens")
  report.check(vectorOpen(&second, packet) == nil, "packets: a packet opens once")

  let longest = [UInt8](capacity: Sealer.maximumBodyBytes) { out in
    for place in 0..<Sealer.maximumBodyBytes { out.write(UInt8(truncatingIfNeeded: 7 * place)) }
  }
  let full = vectorSeal(&first, .record, longest.span)
  let digest = Blake2b.digest { hash in hash.update(full.span) }
  report.check(digest.description == goldenFullPacketDigest, "packets: longest packet bytes")
  report.check(vectorOpen(&second, full) == longest, "packets: the longest packet opens")

  // A length that does not fit the Int of a 32-bit board. (S10)
  var assembly = Assembly(capacity: 2048)
  let huge = Chunk(
    object: .product, owner: ReplicaIndex(0), index: 0, total: 1, period: Period(0), objectLength: UInt32.max)
  report.check(!assembly.add(huge, longest.span), "packets: a chunk of 4 GiB is refused")
}
