import Cryptography
import HAL
import Packets
import Testing
import Units
import Wire

@Suite("Sealed packets (DESIGN §5)")
struct SealerTests {
  /// Two nodes greet each other and talk, with the numbers of the vectors.
  struct Talk {
    let status: [UInt8], answer: [UInt8], want: [UInt8], full: [UInt8], empty: [UInt8]

    init() {
      var first = Fixture.sealer(1, 2, boot: 9)
      var second = Fixture.sealer(2, 1, boot: 7)
      status = first.status()
      _ = second.hear(status)
      answer = second.status()
      _ = first.hear(answer)
      want = first.packet(.want, Fixture.vector("want")) ?? []
      full = first.packet(.record, Self.fullBody) ?? []
      empty = second.packet(.record, []) ?? []
    }

    static let fullBody = (0..<Sealer.maximumBodyBytes).map { UInt8(truncatingIfNeeded: 7 * $0) }
  }

  @Test("are the bytes an independent implementation makes")
  func golden() {
    let made = Talk()
    #expect(made.status == Fixture.vector("firstStatus"))
    #expect(made.answer == Fixture.vector("answerStatus"))
    #expect(made.want == Fixture.vector("wantPacket"))
    #expect(made.empty == Fixture.vector("emptyPacket"))
    let full = made.full
    let digest = Blake2b.digest { hash in hash.update(full.span) }
    #expect([UInt8](copying: digest.span) == Fixture.vector("fullPacketDigest"))
    #expect(full.count == Sealer.maximumDatagramBytes)
  }

  @Test("made by an independent implementation open")
  func foreignSealer() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    let mustAnswer = second.hear(Fixture.vector("firstStatus"))
    let mustAnswerBack = first.hear(Fixture.vector("answerStatus"))
    // The answer tells a key too, so it is answered once more.
    #expect(mustAnswer == true && mustAnswerBack == true)
    let want = second.body(of: Fixture.vector("wantPacket"))
    #expect(want == Fixture.vector("want"))
    let empty = first.body(of: Fixture.vector("emptyPacket"))
    #expect(empty == [])
  }

  @Test("are sealed under the secret and the keys an independent implementation derives (RFC 7748, RFC 7693)")
  func keys() {
    var derived: [[UInt8]] = []
    // The identities' keys for STATUS, packet keys for all else.
    for (first, cases) in [(0x40, [(1, 2, 9, 0)]), (0x60, [(1, 2, 9, 7), (2, 1, 7, 9)])]
      as [(UInt8, [(UInt32, UInt32, UInt64, UInt64)])]
    {
      let own = AgreementKey(seed: Fixture.secret(first, 1))
      let other = AgreementKey(seed: Fixture.secret(first, 2))
      guard let secret = own.sharedSecret(with: other.publicKey) else { continue }
      derived.append([UInt8](copying: secret.span))
      for (sender, receiver, senderBoot, receiverBoot) in cases {
        let context = [UInt8](capacity: 104) { out in
          out.writeTag("BUSBARpk")
          out.write(Fixture.network)
          out.write(UInt64(2))
          out.write(sender)
          out.write(receiver)
          out.write(senderBoot)
          out.write(receiverBoot)
          for node in [sender, receiver] {
            out.write(receiverBoot == 0 ? FixedBytes<16>() : Fixture.run(0x80 + UInt8(node)).bytes)
          }
        }
        let key = deriveKey(from: secret, context: context.span)
        derived.append([UInt8](copying: key.span))
      }
    }
    let names = ["sharedSecret", "statusKeyFromFirst", "packetSecret", "keyFromFirst", "keyFromSecond"]
    #expect(derived == names.map { Fixture.vector($0) })
  }

  @Test("come back as they went in, at every length", arguments: [0, 1, 15, 16, 17, 63, 64, 65, 1175, 1176])
  func roundTrip(count: Int) {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let body = Array(Talk.fullBody.prefix(count))
    let opened = second.body(of: first.packet(.chunk, body) ?? [])
    #expect(opened == body)
  }

  @Test("are refused at every shorter and the next longer length, and open afterwards", arguments: [true, false])
  func lengths(isStatus: Bool) {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    if !isStatus { exchange(&first, &second) }
    let packet = isStatus ? first.status() : first.packet(.want, Fixture.vector("want")) ?? []
    let before = second.dropCount(.malformed)
    for count in 0..<packet.count {
      let opened = second.body(of: Array(packet.prefix(count)), from: Fixture.elsewhere)
      #expect(opened == nil)
    }
    let longer = second.body(of: packet + [0], from: Fixture.elsewhere)
    #expect(longer == nil)
    let malformed = second.dropCount(.malformed)
    #expect(malformed - before == UInt64(packet.count) + 1)
    let known = second.peers[0].bootCounter
    #expect(known == (isStatus ? 0 : 9))
    let whole = second.body(of: packet)
    #expect(whole != nil)
  }

  @Test("are refused with any one bit wrong, counted, and the damage changes nothing", arguments: [false, true])
  func bitFlips(isStatus: Bool) {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let packet = isStatus ? first.status() : first.packet(.want, Fixture.vector("want")) ?? []
    let later = first.packet(.vote, [9]) ?? []
    let before = second.dropTotal
    var opened = 0
    for bit in 0..<(8 * packet.count) where second.body(of: packet.flipping(bit), from: Fixture.elsewhere) != nil {
      opened += 1
    }
    #expect(opened == 0)
    let dropped = second.dropTotal - before
    #expect(dropped == UInt64(8 * packet.count))
    let state = [second.peers[0].bootCounter, second.peers[0].endpoint == Fixture.home ? 1 : 0]
    #expect(state == [9, 1])
    let whole = second.body(of: packet)
    let next = second.body(of: later)
    #expect(whole != nil && next == [9])
    let connected = areConnected(&first, &second)
    #expect(connected)
  }

  @Test("drops name what is wrong: header, receiver, sender, number and seal in this order")
  func reasons() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let packet = first.packet(.want, Fixture.vector("want")) ?? []
    let expected: [(Int, DropReason)] = [
      (0, .malformed), (1, .malformed), (2, .malformed), (4, .unknownSender), (8, .notForMe), (12, .malformed),
      (16, .staleBoot), (24, .badSeal), (32, .malformed), (33, .unknownKey),
      (36, .malformed), (39, .unknownKey), (40, .badSeal), (packet.count - 1, .badSeal),
    ]
    for (offset, reason) in expected {
      var damaged = packet
      // 9 becomes 8, an earlier boot; type 6 becomes a kind that does not exist, and version 2 becomes none.
      damaged[offset] ^= offset == 1 ? 8 : offset == 0 || offset == 12 ? 2 : 1
      let before = second.dropCount(reason)
      _ = second.body(of: damaged)
      let after = second.dropCount(reason)
      #expect(after == before + 1, "byte \(offset)")
    }
  }

  @Test("longer than 1232 bytes are refused before anything is read")
  func oversize() {
    var second = Fixture.sealer(2, 1, boot: 7)
    for count in [1233, 65535] {
      var datagram = Talk().full
      datagram.append(contentsOf: [UInt8](repeating: 0, count: count - 1232))
      let opened = second.body(of: datagram)
      #expect(opened == nil)
    }
    let malformed = second.dropCount(.malformed)
    #expect(malformed == 2)
  }

  @Test("open once (consensus rule 45)")
  func replay() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let packet = first.packet(.vote, [5]) ?? []
    let once = second.body(of: packet)
    let twice = second.body(of: packet, from: Fixture.elsewhere)
    #expect(once == [5])
    #expect(twice == nil)
    let replayed = second.dropCount(.replayed)
    #expect(replayed == 1)
    let endpoint = second.peers[0].endpoint
    #expect(endpoint == Fixture.home)
  }

  @Test("open in any order within 2048, and not further back")
  func reordering() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let packets = (0..<2049).map { _ in first.packet(.vote, [1]) ?? [] }
    let newest = second.body(of: packets[2048])
    let tooOld = second.body(of: packets[0])
    #expect(newest != nil)
    #expect(tooOld == nil)
    var opened = 0
    for packet in packets[1..<2048].reversed() where second.body(of: packet) != nil { opened += 1 }
    #expect(opened == 2047)
    let replayed = second.dropCount(.replayed)
    #expect(replayed == 1)
  }

  @Test("for another receiver or by a stranger are refused before the seal")
  func wrongParties() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var third = Fixture.sealer(3, 1, boot: 7)
    let notForThird = third.body(of: first.status())
    var stranger = Fixture.sealer(3, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    let unknown = second.body(of: stranger.status())
    #expect(notForThird == nil && unknown == nil)
    #expect([third.dropCount(.notForMe), second.dropCount(.unknownSender)] == [1, 1])
  }

  @Test("of another network, another epoch, or another's key do not open (consensus rules 45, 46)")
  func foreign() {
    let peer = Peer(identifier: 2, agreementKey: Fixture.publicKey(2), endpoint: nil)
    var otherEpoch = Fixture.sealer(1, boot: 9, peers: [peer], epoch: 3)
    var otherNetwork = Fixture.sealer(1, boot: 9, peers: [peer], network: Digest())
    var impostor = Sealer(
      identifier: 1, agreementKey: Fixture.agreementKey(3), packetKeySeed: Fixture.secret(0x60, 1),
      signer: Fixture.signer(1), bootCounter: 9, run: Fixture.run(0x81), networkIdentifier: Fixture.network,
      epoch: Epoch(2), peers: [peer])
    var second = Fixture.sealer(2, 1, boot: 7)
    let fromEpoch = second.body(of: otherEpoch.status())
    let fromNetwork = second.body(of: otherNetwork.status())
    let fromImpostor = second.body(of: impostor.status())
    #expect(fromEpoch == nil && fromNetwork == nil && fromImpostor == nil)
    #expect([second.dropCount(.badSeal), second.peers[0].bootCounter] == [3, 0])
  }

  @Test("sent back to their sender do not open")
  func reflection() {
    var first = Fixture.sealer(1, 2, boot: 7)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    var packet = first.packet(.vote, [1]) ?? []
    packet.swapAt(4, 8)
    let opened = first.body(of: packet)
    #expect(opened == nil)
    let badSeal = first.dropCount(.badSeal)
    #expect(badSeal == 1)
  }

  @Test("are not made before the receiver's boot counter is known, STATUS aside")
  func beforeStatus() {
    for type in [PacketType.status, .record, .receipt, .proposal, .vote, .want, .chunk, .proof, .acknowledgement] {
      var first = Fixture.sealer(1, 2, boot: 9)
      let packet = first.packet(type, [UInt8](repeating: 0, count: 16))
      #expect((packet != nil) == (type == .status))
    }
  }

  @Test("never use a number twice, over STATUS and all else (RFC 8439, §4)")
  func numbers() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    var packets = [first.status(), first.status()]
    _ = first.hear(second.status())
    for type in [PacketType.vote, .want, .status] { packets.append(first.packet(type, [0]) ?? []) }
    // The peer's restart gives new keys; the numbers go on.
    var restarted = Fixture.sealer(2, 1, boot: 8)
    _ = first.hear(restarted.status())
    packets.append(first.packet(.vote, [0]) ?? [])
    let numbers = Set(packets.map { Array($0[24..<32]) })
    #expect(numbers.count == packets.count)
  }

  @Test("of a peer whose key is of small order cannot be forged from public facts (RFC 7748, §6.1)")
  func smallOrder() {
    let nobody = AgreementPublicKey(FixedBytes<32>())
    var node = Fixture.sealer(1, boot: 9, peers: [Peer(identifier: 2, agreementKey: nobody, endpoint: nil)])
    let context = [UInt8](capacity: 72) { out in
      out.writeTag("BUSBARpk")
      out.write(Fixture.network)
      out.write(UInt64(2))
      out.write(UInt32(2))
      out.write(UInt32(1))
      out.write(UInt64(5))
      out.write(UInt64(0))
    }
    let clear = [UInt8](capacity: 40) { out in
      PacketHeader(type: .status, bodyLength: 120, sender: 2, receiver: 1, bootCounter: 5, packetSequence: 0)
        .encode(into: &out)
    }
    for guess in [FixedBytes<32>(), Fixture.publicKey(1).bytes] {
      var known = guess
      let key = SealingKey(deriveKey(from: SecretBytes(taking: &known), context: context.span))
      let body = [UInt8](repeating: 0, count: 120)
      let nonce = FixedBytes<12>()
      let forged = [UInt8](capacity: 176) { out in
        out.write(clear.span)
        key.seal(body.span, nonce: nonce, associatedData: clear.span, into: &out)
      }
      let opened = node.body(of: forged)
      #expect(opened == nil)
    }
    let badSeal = node.dropCount(.badSeal)
    #expect(badSeal == 2)
  }
}

@Suite("A peer that sends little is kept in little memory, and is sealed for and opened like any other")
struct QuietPeerTests {
  /// Node 1 with a busy peer between two quiet ones; node 3 is the second quiet one, and takes node 1 for busy.
  private func node() -> Sealer {
    Fixture.sealer(
      1, boot: 9,
      peers: [
        Peer(identifier: 4, agreementKey: Fixture.publicKey(4), endpoint: nil, isQuiet: true),
        Peer(identifier: 2, agreementKey: Fixture.publicKey(2), endpoint: nil),
        Peer(identifier: 3, agreementKey: Fixture.publicKey(3), endpoint: nil, isQuiet: true),
      ])
  }

  @Test("in 112 bytes and two secrets: an aggregator may have 25,000 of them")
  func bytes() {
    #expect(MemoryLayout<PeerState>.stride == 112)
    #expect(Sealer.quietPeerBytes == 112 + 64)
  }

  @Test("and when it was heard is known to the second, of any other to the nanosecond")
  func heard() {
    var one = node()
    var moments: [UInt64] = []
    for identifier in [UInt32(3), 2] {
      var other = Fixture.sealer(identifier, 1, boot: 7)
      let place = one.index(of: identifier)!
      moments.append(one.heardAt(place).nanoseconds)
      one.advance(to: MonotonicTime(nanoseconds: 12_345_678_901))
      _ = one.body(of: other.status())
      moments.append(one.heardAt(place).nanoseconds)
    }
    #expect(moments == [0, 12_000_000_000, 0, 12_345_678_901])
  }

  @Test("both ways, in this run and the next, and never twice")
  func talk() {
    var one = node()
    var three = Fixture.sealer(3, 1, boot: 7)
    for boot in [UInt64(7), 8] {
      if boot == 8 {
        three.restart(bootCounter: boot, packetKeySeed: Fixture.secret(0x70, 3), signer: Fixture.signer(3))
      }
      let status = three.status()
      var body = one.body(of: status) ?? []
      #expect(one.read(body, from: 2) == true)
      body = three.body(of: one.status(to: 2)) ?? []
      _ = three.read(body, from: 0)
      let record = three.packet(.record, [1, 2, 3]) ?? []
      #expect(one.body(of: record.flipping(8 * record.count - 1)) == nil)
      #expect(one.dropCount(.badSeal) == boot - 6)
      #expect(one.body(of: record) == [1, 2, 3])
      #expect(one.body(of: record) == nil)
      #expect(one.dropCount(.replayed) == boot - 6)
      #expect(three.body(of: one.packet(.receipt, [4], to: 2) ?? []) == [4])
    }
    // Nobody else's secret was used for it.
    #expect(one.packet(.receipt, [5], to: 0) == nil)
    #expect(one.packet(.vote, [5], to: 1) == nil)
  }

  @Test("what comes more than 64 packets late is dropped as replayed; with a busy peer it is not")
  func late() {
    var one = node()
    var three = Fixture.sealer(3, 1, boot: 7)
    var two = Fixture.sealer(2, 1, boot: 5)
    for peer in [2, 1] {
      let status = peer == 2 ? three.status() : two.status()
      let body = one.body(of: status) ?? []
      _ = one.read(body, from: peer)
      let answer = one.status(to: peer)
      if peer == 2 { _ = three.hear(answer) } else { _ = two.hear(answer) }
      let packets = (0..<66).map { number in
        (peer == 2 ? three.packet(.record, [UInt8(number)]) : two.packet(.record, [UInt8(number)])) ?? []
      }
      #expect(one.body(of: packets[65]) == [65])
      #expect(one.body(of: packets[2]) == [2])
      #expect(one.body(of: packets[1]) == (peer == 2 ? nil : [1]))
    }
  }
}
