import Cryptography
import Foundation
import HAL
import Packets
import Units
import Wire

/// Nodes with fixed keys, and the committed vectors that Tests/Peers/packet_vectors.py makes a second time.
enum Fixture {
  static let network = Digest(InlineArray { UInt8($0) })
  static let home = Endpoint(ipv4: 192, 0, 2, 1, port: 7777)
  static let elsewhere = Endpoint(ipv4: 198, 51, 100, 9, port: 9999)

  static func agreementKey(_ node: UInt32) -> AgreementKey {
    var seed = FixedBytes<32>(InlineArray(repeating: 0x40 + UInt8(node)))
    return AgreementKey(seed: SecretBytes(taking: &seed))
  }

  static func publicKey(_ node: UInt32) -> AgreementPublicKey {
    let key = agreementKey(node)
    return key.publicKey
  }

  static func sealer(_ own: UInt32, boot: UInt64, peers: [Peer], epoch: UInt64 = 2, network: Digest = network) -> Sealer
  {
    Sealer(
      identifier: own, agreementKey: agreementKey(own), bootCounter: boot, networkIdentifier: network,
      epoch: Epoch(epoch), peers: peers)
  }

  static func sealer(_ own: UInt32, _ other: UInt32, boot: UInt64, endpoint: Endpoint? = nil) -> Sealer {
    sealer(own, boot: boot, peers: [Peer(identifier: other, agreementKey: publicKey(other), endpoint: endpoint)])
  }

  static func vector(_ name: String) -> String {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Peers/packet_vectors.txt")
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    for line in text.split(separator: "\n") where line.hasPrefix(name + " ") {
      return String(line.dropFirst(name.count + 1))
    }
    return "no vector \(name)"
  }

  static func hexadecimal(_ bytes: [UInt8]) -> String { Hexadecimal.string(bytes.span) }
}

extension Sealer {
  /// The packet, or nil when it may not be sealed yet.
  mutating func packet(_ type: PacketType, _ body: [UInt8], to peer: Int = 0) -> [UInt8]? {
    var datagram = ByteBuffer(capacity: Self.maximumDatagramBytes)
    var isSealed = false
    datagram.replace { out in isSealed = seal(type, body.span, to: peer, into: &out) }
    return isSealed ? [UInt8](copying: datagram.span) : nil
  }

  mutating func status(to peer: Int = 0) -> [UInt8] {
    let body = statusBody(to: peer)
    return packet(.status, [UInt8](copying: body.span), to: peer) ?? []
  }

  /// The body inside, or nil when it was dropped; what was dropped must have left nothing behind.
  mutating func body(
    of datagram: [UInt8], from source: Endpoint = Fixture.home, at milliseconds: UInt64? = nil
  ) -> [UInt8]? {
    var body = ByteBuffer(capacity: Self.maximumDatagramBytes)
    var isOpen = false
    body.replace { out in isOpen = open(datagram.span, from: source, at: milliseconds, into: &out) != nil }
    precondition(isOpen || body.count == 0)
    return isOpen ? [UInt8](copying: body.span) : nil
  }

  /// Takes a STATUS as a role does: true when it must be answered at once; nil when it was dropped.
  mutating func hear(_ status: [UInt8], from source: Endpoint = Fixture.home) -> Bool? {
    guard let body = body(of: status, from: source) else { return nil }
    return readStatus(body.span)
  }

  var dropTotal: UInt64 { DropReason.allCases.reduce(0) { $0 + dropCount($1) } }
}

/// One STATUS and, where it asks for one, the answer.
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
