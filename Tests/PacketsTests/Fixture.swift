import Cryptography
import Foundation
import HAL
import Packets
import Units
import Wire

/// Nodes with fixed keys, and the committed vectors that Tests/Oracles/byte_vectors.py makes a second time.
enum Fixture {
  static let network = Digest(InlineArray { UInt8($0) })
  static let home = Endpoint(ipv4: 192, 0, 2, 1, port: 7777)
  static let elsewhere = Endpoint(ipv4: 198, 51, 100, 9, port: 9999)

  static func agreementKey(_ node: UInt32) -> AgreementKey {
    let seed = secret(0x40, node)
    return AgreementKey(seed: seed)
  }

  static func secret(_ first: UInt8, _ node: UInt32) -> SecretBytes {
    var seed = FixedBytes<32>(InlineArray(repeating: first &+ UInt8(node)))
    return SecretBytes(taking: &seed)
  }
  /// Of a node's process, as a rule: 16 times the same byte.
  static func run(_ byte: UInt8) -> RunIdentifier { RunIdentifier(FixedBytes(InlineArray(repeating: byte)))! }
  static func signer(_ node: UInt32) -> SigningKey { SigningKey(seed: secret(0x20, node)) }
  static func verificationKey(_ node: UInt32) -> VerificationKey { signer(node).verificationKey }

  static func publicKey(_ node: UInt32) -> AgreementPublicKey {
    let key = agreementKey(node)
    return key.publicKey
  }

  static func sealer(
    _ own: UInt32, boot: UInt64, peers: [Peer], epoch: UInt64 = 2, network: Digest = network,
    versions: ClosedRange<UInt8> = PacketHeader.versions, run: RunIdentifier? = nil, packetKeySeed: UInt8 = 0x60
  ) -> Sealer {
    Sealer(
      identifier: own, agreementKey: agreementKey(own), packetKeySeed: secret(packetKeySeed, own),
      signer: signer(own), bootCounter: boot, run: run ?? self.run(0x80 + UInt8(own)),
      networkIdentifier: network, epoch: Epoch(epoch), peers: peers, versions: versions)
  }

  static func sealer(
    _ own: UInt32, _ other: UInt32, boot: UInt64, endpoint: Endpoint? = nil,
    versions: ClosedRange<UInt8> = PacketHeader.versions
  ) -> Sealer {
    sealer(
      own, boot: boot, peers: [Peer(identifier: other, agreementKey: publicKey(other), endpoint: endpoint)],
      versions: versions)
  }

  static let vectors: [String: [UInt8]] = {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Oracles/byte_vectors.txt")
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    var result: [String: [UInt8]] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ", omittingEmptySubsequences: false)
      if words.count == 2 { result[String(words[0])] = Hexadecimal.bytes(String(words[1])) }
    }
    return result
  }()

  /// The bytes of a committed vector; empty, which no test expects, when there is none of that name.
  static func vector(_ name: String) -> [UInt8] { vectors[name] ?? [] }
}

extension Sealer {
  /// The packet, or nil when it may not be sealed yet.
  mutating func packet(_ type: PacketType, _ body: [UInt8], to peer: Int = 0) -> [UInt8]? {
    var datagram = ByteBuffer(capacity: Self.maximumDatagramBytes)
    var isSealed = false
    datagram.replace { out in isSealed = seal(type, body.span, to: peer, into: &out) }
    precondition(isSealed || datagram.count == 0)
    return isSealed ? [UInt8](copying: datagram.span) : nil
  }

  mutating func status(to peer: Int = 0) -> [UInt8] {
    let body = statusBody(to: peer)
    return packet(.status, [UInt8](copying: body.span), to: peer) ?? []
  }

  /// The body inside, or nil when it was dropped. What was dropped must have left nothing behind and counted once.
  mutating func body(of datagram: [UInt8], from source: Endpoint = Fixture.home) -> [UInt8]? {
    let before = dropTotal
    var body = ByteBuffer(capacity: Self.maximumDatagramBytes)
    var isOpen = false
    body.replace { out in isOpen = open(datagram.span, from: source, into: &out) != nil }
    precondition(isOpen || body.count == 0)
    precondition(dropTotal == before + (isOpen ? 0 : 1))
    return isOpen ? [UInt8](copying: body.span) : nil
  }

  /// Takes a STATUS as a role does: true when it must be answered; nil when it was dropped.
  mutating func hear(_ status: [UInt8], from source: Endpoint = Fixture.home) -> Bool? {
    guard let body = body(of: status, from: source) else { return nil }
    return read(body, from: 0)
  }

  mutating func read(_ status: [UInt8], from peer: Int) -> Bool {
    readStatus(status.span, from: peer, signedBy: Fixture.verificationKey(peers[peer].identifier))
  }

  func dropCount(_ reason: DropReason) -> UInt64 { drops[Int(reason.rawValue)] }
  var dropTotal: UInt64 { DropReason.allCases.reduce(0) { $0 + dropCount($1) } }
}

/// One STATUS, and answers as long as they are asked for.
func exchange(_ one: inout Sealer, _ other: inout Sealer) {
  guard other.hear(one.status()) == true else { return }
  if one.hear(other.status()) == true { _ = other.hear(one.status()) }
}

/// Whether a message passes each way.
func areConnected(_ one: inout Sealer, _ other: inout Sealer) -> Bool {
  guard let there = one.packet(.vote, [1, 2]), other.body(of: there) == [1, 2] else { return false }
  guard let back = other.packet(.vote, [3]), one.body(of: back) == [3] else { return false }
  return true
}

extension Array where Element == UInt8 {
  func flipping(_ bit: Int) -> [UInt8] {
    var copy = self
    copy[bit / 8] ^= 1 << UInt8(bit % 8)
    return copy
  }
}
