import Cryptography
import HAL
import Packets
import Units
import Wire

// From Tests/Oracles/byte_vectors.txt, which a separate implementation made.

private let goldenStatus =
  "0201a800010000000200000002000000090000000000000000000000000000000000000000000000fabbc93d08765eab"
  + "460ce48424d9316c1a868a26d69a987a5f6731d7f862dc272012333d5b739d4e5bc7745402f0baec2a22db4ac952d456"
  + "51fb7d40dc7f654e7a05f21efcf912afcc3b198f188eac6e94017c9de82075aba37f7a2d7fdcf162e3d0939eefe8c07b"
  + "4f4ce53bfcc35e3a151dd831ef45a964119b4c733e2ac08a7d1be187c02ebe35c5faae4a98c89cb72670eb70c2fc46dc"
  + "29b09b3f176efef43e1fb6f9f6dc638b5c5f9f8e52626277092b8ec5be667160"
private let goldenEmpty =
  "02020000020000000100000002000000070000000000000001000000000000000100000001000000d62fdb374d2b8ba8ffcc7545ea04be6c"
/// Plain BLAKE2b-256 of the longest datagram.
private let goldenFullDigest = "f79d047ffcfde9949916a9d5a327d74376a5b3069dc4ebf3130eedbf32be991a"

private func vectorKey(_ node: UInt32) -> AgreementKey {
  let seed = vectorSecret(0x40, node)
  return AgreementKey(seed: seed)
}

private func vectorSecret(_ first: UInt8, _ node: UInt32) -> SecretBytes {
  var seed = FixedBytes<32>(InlineArray(repeating: first + UInt8(node)))
  return SecretBytes(taking: &seed)
}
private func vectorRun(_ node: UInt32) -> RunIdentifier {
  guard let run = RunIdentifier(FixedBytes(InlineArray(repeating: 0x80 + UInt8(node)))) else {
    preconditionFailure("not zero")
  }
  return run
}
private func vectorSigner(_ node: UInt32) -> SigningKey { SigningKey(seed: vectorSecret(0x20, node)) }

private func vectorSealer(_ own: UInt32, _ other: UInt32, boot: UInt64) -> Sealer {
  let otherKey = vectorKey(other)
  return Sealer(
    identifier: own, agreementKey: vectorKey(own), packetKeySeed: vectorSecret(0x60, own), signer: vectorSigner(own),
    bootCounter: boot, run: vectorRun(own),
    networkIdentifier: Digest(InlineArray { UInt8($0) }), epoch: Epoch(2),
    peers: [Peer(identifier: other, agreementKey: otherKey.publicKey, endpoint: nil)])
}

private func seal(_ sealer: inout Sealer, _ type: PacketType, _ body: [UInt8]) -> [UInt8] {
  [UInt8](capacity: Sealer.maximumDatagramBytes) { out in _ = sealer.seal(type, body.span, to: 0, into: &out) }
}

private func status(_ sealer: inout Sealer) -> [UInt8] {
  let body = sealer.statusBody(to: 0)
  return seal(&sealer, .status, [UInt8](copying: body.span))
}

private func open(_ sealer: inout Sealer, _ datagram: [UInt8]) -> [UInt8]? {
  var isOpen = false
  let body = [UInt8](capacity: Sealer.maximumBodyBytes) { out in
    isOpen =
      sealer.open(datagram.span, from: Endpoint(ipv4: 192, 0, 2, 1, port: 7777), into: &out) != nil
  }
  return isOpen ? body : nil
}

/// Two nodes greet each other and talk: key derivation, seal and header bytes are the same on every target.
func checkPackets(_ report: inout Report) {
  var first = vectorSealer(1, 2, boot: 9)
  var second = vectorSealer(2, 1, boot: 7)
  let greeting = status(&first)
  report.check(Hexadecimal.string(greeting.span) == goldenStatus, "packets: STATUS bytes")
  let heard = open(&second, greeting) ?? []
  report.check(
    second.readStatus(heard.span, from: 0, signedBy: vectorSigner(1).verificationKey),
    "packets: a first STATUS asks for an answer")
  let answer = open(&first, status(&second)) ?? []
  report.check(
    first.readStatus(answer.span, from: 0, signedBy: vectorSigner(2).verificationKey),
    "packets: the answer, which tells a key, does too")
  let vote = seal(&first, .vote, [1, 2, 3])
  report.check(open(&second, vote) == [1, 2, 3], "packets: a body comes back")
  report.check(open(&second, vote) == nil, "packets: and opens once")
  let body = (0..<Sealer.maximumBodyBytes).map { UInt8(truncatingIfNeeded: 7 * $0) }
  let full = seal(&first, .record, body)
  let digest = Blake2b.digest { hash in hash.update(full.span) }
  report.check(digest.description == goldenFullDigest, "packets: bytes of the longest datagram")
  var flipped = full
  flipped[1231] ^= 1
  report.check(open(&second, flipped) == nil, "packets: a flipped bit is dropped")
  report.check(open(&second, full) == body, "packets: and the honest datagram still opens")
  let empty = seal(&second, .record, [])
  report.check(Hexadecimal.string(empty.span) == goldenEmpty, "packets: bytes of the shortest datagram")
  // Above what an Int holds on a 32-bit board.
  var assembly = Assembly(capacity: 1024)
  let large = Chunk(
    object: .product, owner: ReplicaIndex(0), index: 0, total: 65535, position: Position(1), objectLength: .max)
  let piece = [UInt8](repeating: 1, count: 1024)
  report.check(!assembly.add(large, piece.span), "packets: a piece of an object of 4 GiB is refused")
}
