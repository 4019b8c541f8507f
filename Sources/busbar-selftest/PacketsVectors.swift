import Cryptography
import HAL
import Packets
import Units
import Wire

// From Tests/Oracles/byte_vectors.txt, which a separate implementation made.

private let goldenStatus =
  "01017800010000000200000001000000090000000000000000000000000000000000000000000000e3aa551da322a28f"
  + "f04ff8f31adccda3d98fd8d3544aa76966a053668b753ae8398995e557936f9fe56c920c110ce52aef05fc4bf7b9a9a0"
  + "23b3c9656fc5bdac6c33182e225d29c0a0dfd24eec9b1af1b77e86d436d32af02565e090fa2e4c7f8fda8c792bb894eb"
  + "3dcb449a9216fa94442ce951c01125d69e6fe106cc43b61211d7cd93cd79bd4a"
private let goldenEmpty =
  "0102000002000000010000000100000007000000000000000100000000000000010000000100000060df8b48fb1d3887746e36bfd9e927b4"
/// Plain BLAKE2b-256 of the longest datagram.
private let goldenFullDigest = "3a8facae4054c70bc83b264157416c4304974a21f79b9324f07417e25b84ed34"

private func vectorKey(_ node: UInt32) -> AgreementKey {
  let seed = vectorSecret(0x40, node)
  return AgreementKey(seed: seed)
}

private func vectorSecret(_ first: UInt8, _ node: UInt32) -> SecretBytes {
  var seed = FixedBytes<32>(InlineArray(repeating: first + UInt8(node)))
  return SecretBytes(taking: &seed)
}
private func vectorSigner(_ node: UInt32) -> SigningKey { SigningKey(seed: vectorSecret(0x20, node)) }

private func vectorSealer(_ own: UInt32, _ other: UInt32, boot: UInt64) -> Sealer {
  let otherKey = vectorKey(other)
  return Sealer(
    identifier: own, agreementKey: vectorKey(own), packetKeySeed: vectorSecret(0x60, own), signer: vectorSigner(own),
    bootCounter: boot,
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
