import Aggregation
import Commands
import Cryptography
import HAL
import Node
import NodeProcess
import Packets
import Wire

/// One of the others. A class, so that an array can hold it.
final class RoundMember {
  let signer: SigningKey
  var sealer: Sealer

  init(_ index: Int, _ genesis: Genesis) {
    signer = RoundBenchParty.signer(1, index)
    sealer = Sealer(
      identifier: UInt32(index), agreementKey: RoundBenchParty.agreement(1, index),
      packetKeySeed: RoundBenchParty.packetSeed(1, index), signer: RoundBenchParty.signer(1, index), bootCounter: 1,
      run: RoundBenchParty.run(1, index), networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch,
      peers: [
        Peer(
          identifier: UInt32(RoundBenchParty.own),
          agreementKey: genesis.aggregators[RoundBenchParty.own].agreementKey,
          endpoint: RoundBenchParty.endpoint(RoundBenchParty.own))
      ])
  }
}

/// Everything that reaches the node under test: sealed by whom it comes from, and when.
struct RoundLine: ~Copyable {
  var node: RoundBenchRemote
  private var datagram = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
  private var body = ByteBuffer(capacity: Sealer.maximumBodyBytes)
  /// Half milliseconds: 2000 packets a second are within a peer's budget.
  private var time: UInt64 = 1000
  /// Something of ours did not do what it must.
  private(set) var isBroken = false

  init(_ node: consuming RoundBenchRemote) { self.node = node }

  mutating func fail() { isBroken = true }

  mutating func skip(to time: UInt64) { self.time = max(self.time, time) }

  mutating func tick() throws(Failure) -> UInt64 {
    time += 200
    return try node.tick(at: time / 2)
  }

  /// - Parameter write: the packet's body.
  mutating func deliver(
    _ type: PacketType, from member: RoundMember, _ write: (inout OutputSpan<UInt8>) -> Void
  ) throws(Failure) {
    body.replace { out in write(&out) }
    if !Self.seal(type, body, by: member, into: &datagram) { isBroken = true }
    time += 1
    try Self.post(datagram, from: member, at: time / 2, to: &node)
  }

  private static func seal(
    _ type: PacketType, _ body: borrowing ByteBuffer, by member: RoundMember, into datagram: inout ByteBuffer
  ) -> Bool {
    var isSealed = false
    let content = body.span
    datagram.replace { out in isSealed = member.sealer.seal(type, content, to: 0, into: &out) }
    return isSealed
  }

  private static func post(
    _ datagram: borrowing ByteBuffer, from member: RoundMember, at milliseconds: UInt64, to node: inout RoundBenchRemote
  ) throws(Failure) {
    try node.deliver(datagram.span, from: UInt16(member.sealer.identifier), at: milliseconds)
  }

  /// A member and the node under test learn which runs they are in.
  mutating func introduce(_ member: RoundMember, signedBy key: VerificationKey) throws(Failure) {
    let status = try node.status(to: UInt16(member.sealer.identifier))
    if !Self.read(status, by: member, signedBy: key, &body) { isBroken = true }
    let told = RoundBenchParty.instant(time / 2)
    member.sealer.advance(to: told)
    let answer = member.sealer.statusBody(to: 0)
    try deliver(.status, from: member) { out in out.write(answer) }
  }

  private static func read(
    _ status: [UInt8], by member: RoundMember, signedBy key: VerificationKey, _ body: inout ByteBuffer
  ) -> Bool {
    var isOpened = false
    body.replace { out in
      isOpened = member.sealer.open(status.span, from: RoundBenchParty.endpoint(RoundBenchParty.own), into: &out) != nil
    }
    _ = member.sealer.readStatus(body.span, from: 0, signedBy: key)
    return isOpened
  }
}
