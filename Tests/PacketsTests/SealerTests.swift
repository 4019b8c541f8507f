import Cryptography
import HAL
import Packets
import Testing
import Units
import Wire

@Suite("Sealed packets (DESIGN §5)")
struct SealerTests {
  /// Two nodes that know each other, numbers as in the vectors.
  static func pair() -> (golden: [[UInt8]], want: [UInt8], full: [UInt8], empty: [UInt8]) {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    let greeting = first.status()
    _ = second.hear(greeting)
    let answer = second.status()
    _ = first.hear(answer)
    let want = first.packet(.want, BodyTests.wantBytes()) ?? []
    let full = first.packet(.record, (0..<Sealer.maximumBodyBytes).map { UInt8(truncatingIfNeeded: 7 * $0) }) ?? []
    let empty = second.packet(.record, []) ?? []
    return ([greeting, answer], want, full, empty)
  }

  @Test("are the bytes an independent implementation makes")
  func golden() {
    let made = Self.pair()
    #expect(Fixture.hexadecimal(made.golden[0]) == Fixture.vector("firstStatus"))
    #expect(Fixture.hexadecimal(made.golden[1]) == Fixture.vector("answerStatus"))
    #expect(Fixture.hexadecimal(made.want) == Fixture.vector("wantPacket"))
    #expect(Fixture.hexadecimal(made.empty) == Fixture.vector("emptyPacket"))
    let full = made.full
    let digest = Blake2b.digest { hash in hash.update(full.span) }
    #expect(digest.description == Fixture.vector("fullPacketDigest"))
    #expect(full.count == Sealer.maximumDatagramBytes)
  }

  @Test("share the secret an independent implementation computes (RFC 7748)")
  func sharedSecret() {
    let own = Fixture.agreementKey(1)
    let secret = own.sharedSecret(with: Fixture.publicKey(2))
    var text: String?
    if let secret { text = Hexadecimal.string(secret.span) }
    #expect(text == Fixture.vector("sharedSecret"))
  }

  @Test("are refused at every shorter and the next longer length, and open afterwards")
  func lengths() {
    var second = Fixture.sealer(2, 1, boot: 7)
    let greeting = Self.pair().golden[0]
    for count in 0..<greeting.count {
      let opened = second.body(of: Array(greeting.prefix(count)))
      #expect(opened == nil)
    }
    let longer = second.body(of: greeting + [0])
    #expect(longer == nil)
    let secondMalformedCount = second.dropCount(.malformed)
    #expect(secondMalformedCount == UInt64(greeting.count) + 1)
    let secondBootCounter = second.peers[0].bootCounter
    #expect(secondBootCounter == 0)
    let whole = second.body(of: greeting)
    #expect(whole != nil)
  }

  @Test("are refused with any one bit wrong, and the damage changes nothing", arguments: [false, true])
  func bitFlips(isStatus: Bool) {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let packet = isStatus ? first.status() : first.packet(.want, BodyTests.wantBytes()) ?? []
    let endpoint = second.peers[0].endpoint
    var opened = 0
    for bit in 0..<(8 * packet.count) {
      var damaged = packet
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      if second.body(of: damaged, from: Fixture.elsewhere) != nil { opened += 1 }
    }
    #expect(opened == 0)
    let secondDropTotal = second.dropTotal
    #expect(secondDropTotal == UInt64(8 * packet.count))
    let secondBootCounter = second.peers[0].bootCounter
    #expect(secondBootCounter == 9)
    let secondEndpoint = second.peers[0].endpoint
    #expect(secondEndpoint == endpoint)
    let whole = second.body(of: packet)
    #expect(whole != nil)
  }

  @Test("longer than 1232 bytes are refused before anything is read")
  func oversize() {
    var second = Fixture.sealer(2, 1, boot: 7)
    let opened = second.body(of: Self.pair().full + [0])
    #expect(opened == nil)
    let secondMalformedCount = second.dropCount(.malformed)
    #expect(secondMalformedCount == 1)
  }

  @Test("open once (rule 45)")
  func replay() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let packet = first.packet(.vote, [5]) ?? []
    let once = second.body(of: packet)
    let twice = second.body(of: packet)
    #expect(once == [5])
    #expect(twice == nil)
    let secondReplayedCount = second.dropCount(.replayed)
    #expect(secondReplayedCount == 1)
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
    let secondReplayedCount = second.dropCount(.replayed)
    #expect(secondReplayedCount == 1)
  }

  @Test("for another receiver or by a stranger are refused before the seal")
  func wrongParties() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var third = Fixture.sealer(3, 1, boot: 7)
    let notForThird = third.body(of: first.status())
    #expect(notForThird == nil)
    let thirdNotForMeCount = third.dropCount(.notForMe)
    #expect(thirdNotForMeCount == 1)
    var stranger = Fixture.sealer(3, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    let unknown = second.body(of: stranger.status())
    #expect(unknown == nil)
    let secondUnknownSenderCount = second.dropCount(.unknownSender)
    #expect(secondUnknownSenderCount == 1)
  }

  @Test("of another network, another epoch, or another's key do not open (rules 45, 46)")
  func foreign() {
    let peer = Peer(identifier: 2, agreementKey: Fixture.publicKey(2), endpoint: nil)
    var otherEpoch = Fixture.sealer(1, boot: 9, peers: [peer], epoch: 3)
    var otherNetwork = Fixture.sealer(1, boot: 9, peers: [peer], network: Digest())
    var impostor = Sealer(
      identifier: 1, agreementKey: Fixture.agreementKey(3), bootCounter: 9, networkIdentifier: Fixture.network,
      epoch: Epoch(2), peers: [peer])
    var second = Fixture.sealer(2, 1, boot: 7)
    let fromEpoch = second.body(of: otherEpoch.status())
    let fromNetwork = second.body(of: otherNetwork.status())
    let fromImpostor = second.body(of: impostor.status())
    #expect(fromEpoch == nil && fromNetwork == nil && fromImpostor == nil)
    let secondBadSealCount = second.dropCount(.badSeal)
    #expect(secondBadSealCount == 3)
  }

  @Test("sent back to their sender do not open")
  func reflection() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    var packet = first.packet(.vote, [1]) ?? []
    packet.swapAt(4, 8)
    let opened = first.body(of: packet)
    #expect(opened == nil)
  }

  @Test("are not made before the receiver's boot counter is known, STATUS aside")
  func beforeStatus() {
    for type in PacketType.allCases {
      var first = Fixture.sealer(1, 2, boot: 9)
      let packet = first.packet(type, [UInt8](repeating: 0, count: 16))
      #expect((packet != nil) == (type == .status))
    }
  }

  @Test("never use a number twice, over STATUS and all else (RFC 8439, §4)")
  func numbers() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    var seen: Set<[UInt8]> = []
    for _ in 0..<3 { seen.insert(Array(first.status()[24..<32])) }
    exchange(&first, &second)
    for type in PacketType.allCases { seen.insert(Array((first.packet(type, [0]) ?? [])[24..<32])) }
    // The peer's restart gives new keys; the numbers go on.
    var restarted = Fixture.sealer(2, 1, boot: 8)
    exchange(&restarted, &first)
    seen.insert(Array((first.packet(.vote, [0]) ?? [])[24..<32]))
    #expect(seen.count == 3 + PacketType.allCases.count + 1)
  }

  @Test("of a peer whose key is of small order neither open nor can be forged from public facts")
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
    let clear = [UInt8](capacity: 32) { out in
      PacketHeader(
        type: .status, bodyLength: 16, sender: 2, receiver: 1, bootCounter: 5, packetSequence: 0
      ).encode(into: &out)
    }
    for guess in [FixedBytes<32>(), Fixture.publicKey(1).bytes] {
      var known = guess
      let key = SealingKey(deriveKey(from: SecretBytes(taking: &known), context: context.span))
      let body = [UInt8](repeating: 0, count: 16)
      let nonce = FixedBytes<12>()
      let forged = [UInt8](capacity: 64) { out in
        out.write(clear.span)
        key.seal(body.span, nonce: nonce, associatedData: clear.span, into: &out)
      }
      let opened = node.body(of: forged)
      #expect(opened == nil)
    }
    let nodeBadSealCount = node.dropCount(.badSeal)
    #expect(nodeBadSealCount == 2)
  }

  @Test("find their peer among many, in whatever order the peers were given")
  func lookup() {
    let identifiers: [UInt32] = [0x1_0005, 3, 0x100, 0, 0x1_0004, UInt32.max]
    let peers = identifiers.map { Peer(identifier: $0, agreementKey: Fixture.publicKey(2), endpoint: nil) }
    let node = Fixture.sealer(1, boot: 1, peers: peers)
    for place in identifiers.indices {
      let found = node.index(of: identifiers[place])
      #expect(found == place)
    }
    for absent: UInt32 in [1, 2, 4, 0xFF, 0x101, 0x1_0006, UInt32.max - 1] {
      let found = node.index(of: absent)
      #expect(found == nil)
    }
    let alone = Fixture.sealer(1, boot: 1, peers: [])
    let none = alone.index(of: 0)
    #expect(none == nil)
  }

  @Test("beyond the sender's budget are refused before the seal, and the next second's open (S10)")
  func budget() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let burst = Int(Peer.packetBurst)
    var opened = 0
    for _ in 0..<(burst + 10) where second.body(of: first.packet(.vote, [1]) ?? [], at: 1000) != nil { opened += 1 }
    #expect(opened == burst)
    let secondOverBudgetCount = second.dropCount(.overBudget)
    #expect(secondOverBudgetCount == 10)
    let later = second.body(of: first.packet(.vote, [1]) ?? [], at: 1001)
    #expect(later != nil)
  }
}
