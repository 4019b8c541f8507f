import Cryptography
import HAL
import Packets
import SimulatedPlatform
import Testing
import Units
import Wire

extension Sealer {
  /// The next packet key, from a seed of its own.
  fileprivate mutating func renew(_ first: UInt8) {
    renewPacketKey(Fixture.secret(first, identifier), signer: Fixture.signer(identifier))
  }

  /// The numbers of the packet keys that the next packet would be under: sender's and receiver's.
  fileprivate mutating func keyNumbers(to peer: Int = 0) -> [UInt8]? {
    packet(.vote, [0], to: peer).map { [$0[32], $0[36]] }
  }
}

@Suite("Packet keys (DESIGN §5; docs/PROTOCOL.md, Packet keys)")
struct PacketKeyTests {
  @Test("change without a packet lost: what was sealed before opens after, and what follows is under the new one")
  func renewal() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let there = first.packet(.vote, [1]) ?? []
    let back = second.packet(.vote, [2]) ?? []
    first.renew(0x70)
    // Nobody has told the second yet.
    let untold = areConnected(&first, &second)
    #expect(untold)
    exchange(&first, &second)
    let numbers = [first.keyNumbers(), second.keyNumbers()]
    #expect(numbers == [[2, 1], [1, 2]])
    let late = [second.body(of: there), first.body(of: back)]
    #expect(late == [[1], [2]])
    let connected = areConnected(&first, &second)
    #expect(connected)
  }

  @Test("may change on both sides at once, whichever STATUS comes first", arguments: [true, false])
  func crossing(firstComesFirst: Bool) {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    first.renew(0x70)
    second.renew(0x70)
    let told = [first.status(), second.status()]
    var answers = [[UInt8]]()
    if firstComesFirst {
      if second.hear(told[0]) == true { answers.append(second.status()) }
      let connected = areConnected(&first, &second)
      #expect(connected)
      _ = first.hear(told[1])
    } else {
      if first.hear(told[1]) == true { answers.append(first.status()) }
      let connected = areConnected(&first, &second)
      #expect(connected)
      _ = second.hear(told[0])
    }
    let between = areConnected(&first, &second)
    #expect(between && answers.count == 1)
    exchange(&first, &second)
    exchange(&second, &first)
    let numbers = [first.keyNumbers(), second.keyNumbers()]
    #expect(numbers == [[2, 2], [2, 2]])
    let after = areConnected(&first, &second)
    #expect(after)
  }

  /// With one change on each side, which may overlap in any way, nothing under a key is ever too old.
  @Test("whatever is lost or late: what is in time opens, and the newest keys win", arguments: [1, 5], 0..<UInt64(100))
  func schedules(most: Int, seed: UInt64) {
    var dice = SeededGenerator(seed: seed)
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    var flying: [(toSecond: Bool, isStatus: Bool, bytes: [UInt8])] = []
    var changes = [0, 0]
    var delivered = 0
    var opened = 0
    func deliver(_ place: Int) {
      let packet = flying.remove(at: place)
      if packet.isStatus {
        let mustAnswer = packet.toSecond ? second.hear(packet.bytes) : first.hear(packet.bytes)
        if mustAnswer == true {
          flying.append((!packet.toSecond, true, packet.toSecond ? second.status() : first.status()))
        }
        return
      }
      let body = packet.toSecond ? second.body(of: packet.bytes) : first.body(of: packet.bytes)
      delivered += 1
      if body == [7] { opened += 1 }
    }
    for _ in 0..<150 {
      switch dice.next() % 16 {
      case 0 where changes[0] < most:
        first.renew(0x70 + UInt8(changes[0]))
        changes[0] += 1
      case 1 where changes[1] < most:
        second.renew(0x70 + UInt8(changes[1]))
        changes[1] += 1
      case 2: flying.append((true, true, first.status()))
      case 3: flying.append((false, true, second.status()))
      case 4, 5: if let bytes = first.packet(.vote, [7]) { flying.append((true, false, bytes)) }
      case 6, 7: if let bytes = second.packet(.vote, [7]) { flying.append((false, false, bytes)) }
      case 8: if !flying.isEmpty { flying.remove(at: Int(dice.next() % UInt64(flying.count))) }
      default: if !flying.isEmpty { deliver(Int(dice.next() % UInt64(flying.count))) }
      }
    }
    while !flying.isEmpty { deliver(0) }
    #expect(most > 1 || opened == delivered, "seed \(seed)")
    // Both made the same keys under every pair of numbers.
    let badSeals = first.dropCount(.badSeal) + second.dropCount(.badSeal)
    #expect(badSeals == 0)
    // As nodes do: whoever must greet does.
    for _ in 0..<2 {
      if first.mustGreet(0) { exchange(&first, &second) }
      if second.mustGreet(0) { exchange(&second, &first) }
    }
    let connected = areConnected(&first, &second)
    #expect(connected, "seed \(seed)")
    let numbers = [first.keyNumbers(), second.keyNumbers()]
    let expected = [UInt8(changes[0] + 1), UInt8(changes[1] + 1)]
    #expect(numbers == [expected, [expected[1], expected[0]]], "seed \(seed)")
    let isGreeting = [first.mustGreet(0), second.mustGreet(0)]
    #expect(isGreeting == [false, false])
  }

  @Test("are gone after the second change: what was sealed under them opens no more")
  func wiped() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let kept = (0..<2).map { _ in first.packet(.vote, [1]) ?? [] }
    second.renew(0x70)
    exchange(&second, &first)
    let afterOne = second.body(of: kept[0])
    #expect(afterOne == [1])
    second.renew(0x71)
    let afterTwo = second.body(of: kept[1])
    #expect(afterTwo == nil)
    let unknown = second.dropCount(.unknownKey)
    #expect(unknown == 1)
  }

  @Test("protect what was sent from whoever gets both identities' secrets later")
  func forwardSecrecy() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let packet = first.packet(.vote, [1, 2, 3]) ?? []
    let status = first.status()
    // The thief's attempt, which opens a STATUS and so is made right.
    func opens(_ packet: [UInt8], receiverBoot: UInt64) -> Bool {
      let own = Fixture.agreementKey(2)
      guard let secret = own.sharedSecret(with: Fixture.publicKey(1)) else { return false }
      let context = [UInt8](capacity: 104) { out in
        out.writeTag("BUSBARpk")
        out.write(Fixture.network)
        out.write(UInt64(2))
        out.write(UInt32(1))
        out.write(UInt32(2))
        out.write(UInt64(9))
        out.write(receiverBoot)
        for node in UInt8(1)...2 {
          out.write(receiverBoot == 0 ? FixedBytes<16>() : FixedBytes<16>(InlineArray(repeating: 0x80 + node)))
        }
      }
      let key = SealingKey(deriveKey(from: secret, context: context.span))
      let nonce = FixedBytes<12>(InlineArray { $0 < 4 ? 0 : packet[20 + $0] })
      var isOpen = false
      _ = [UInt8](capacity: 1232) { out in
        isOpen = key.open(
          packet.span.extracting(40..<packet.count), nonce: nonce, associatedData: packet.span.extracting(0..<40),
          into: &out)
      }
      return isOpen
    }
    let opened = [opens(status, receiverBoot: 0), opens(packet, receiverBoot: 7), opens(packet, receiverBoot: 0)]
    #expect(opened == [true, false, false])
  }

  @Test("that their owner did not sign for this network, epoch, run and number are refused and counted (RFC 8032)")
  func signatures() {
    var first = Fixture.sealer(1, 2, boot: 9)
    let own = first.statusBody(to: 0)
    let honest = [UInt8](copying: own.span)
    /// The key a node would sign that differs in one thing.
    func foreign(_ sealer: consuming Sealer) -> [UInt8] {
      let body = sealer.statusBody(to: 0)
      return [UInt8](copying: body.span)
    }
    let peer = Peer(identifier: 2, agreementKey: Fixture.publicKey(2), endpoint: nil)
    var bodies = [
      foreign(Fixture.sealer(1, boot: 8, peers: [peer])), foreign(Fixture.sealer(1, boot: 9, peers: [peer], epoch: 3)),
      foreign(Fixture.sealer(1, boot: 9, peers: [peer], network: Digest())),
      foreign(Fixture.sealer(3, boot: 9, peers: [peer])),
    ]
    var renumbered = honest
    renumbered[16] = 2
    bodies.append(renumbered)
    // Of the other node's run, of the clock and of zero bytes nothing is signed.
    for bit in stride(from: 8 * 24, to: 8 * 136, by: 5) { bodies.append(honest.flipping(bit)) }
    for body in bodies {
      var second = Fixture.sealer(2, 1, boot: 7)
      let answers = second.hear(first.packet(.status, body) ?? [])
      #expect(answers == false)
      let count = second.dropCount(.badSignature)
      #expect(count == 1)
      let packet = second.packet(.vote, [1])
      #expect(packet == nil)
    }
    var second = Fixture.sealer(2, 1, boot: 7)
    let answers = second.hear(first.packet(.status, honest) ?? [])
    let packet = second.packet(.vote, [1])
    #expect(answers == true && packet != nil)
  }

  @Test("of small order are refused, though signed (RFC 7748, §6.1)")
  func smallOrder() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    let statement = [UInt8](capacity: 112) { out in
      out.writeTag("BUSBARdk")
      out.write(Fixture.network)
      out.write(UInt64(2))
      out.write(UInt32(1))
      out.write(UInt32(1))
      out.write(UInt64(9))
      out.write(Fixture.run(0x81).bytes)
      out.writeZeros(32)
    }
    let signer = Fixture.signer(1)
    let body = StatusBody(
      previousBootCounter: 0, knownBootCounter: 0, keyNumber: 1, knownKeyNumber: 0, packetKey: FixedBytes(),
      signature: signer.sign(statement.span), run: Fixture.run(0x81), knownRun: nil, wall: WallTime(nanoseconds: 0),
      clock: .unsynchronised)
    let bytes = [UInt8](capacity: 168) { out in body.encode(into: &out) }
    let answers = second.hear(first.packet(.status, bytes) ?? [])
    #expect(answers == false)
    let counts = [second.dropCount(.malformedBody), second.dropCount(.badSignature)]
    #expect(counts == [1, 0])
    let packet = second.packet(.vote, [1])
    #expect(packet == nil)
  }

  @Test("are due a day after they were made, a process' first one up to an eighth before, each node at its own time")
  func due() {
    let day: UInt64 = 86_400_000
    let start = MonotonicTime(nanoseconds: 5_000_000_000)
    var early = 0
    for number in UInt32(1)...64 {
      let peer = Peer(identifier: 100, agreementKey: Fixture.publicKey(100), endpoint: nil)
      var node = Fixture.sealer(number, boot: 9, peers: [peer])
      var isDue = [node.isPacketKeyDue]
      node.advance(to: start)
      node.advance(to: start.adding(milliseconds: day / 8 * 7))
      isDue.append(node.isPacketKeyDue)
      node.advance(to: start.adding(milliseconds: day / 16 * 15))
      if node.isPacketKeyDue { early += 1 }
      node.advance(to: start.adding(milliseconds: day))
      isDue.append(node.isPacketKeyDue)
      node.renew(0x70)
      node.advance(to: start.adding(milliseconds: 2 * day - 1))
      isDue.append(node.isPacketKeyDue)
      node.advance(to: start.adding(milliseconds: 2 * day))
      isDue.append(node.isPacketKeyDue)
      #expect(isDue == [false, false, true, false, true], "node \(number)")
    }
    #expect(early > 20 && early < 44)
  }

  @Test("are told without end when they live shorter than a packet travels, but not more and more often")
  func shortLives() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    var flying: [(due: Int, toSecond: Bool, bytes: [UInt8])] = []
    var told: [Int] = []
    for tick in 0..<600 {
      let now = MonotonicTime(nanoseconds: 1_000_000_000 + UInt64(tick) * 100_000_000)
      first.advance(to: now)
      second.advance(to: now)
      if tick % 10 == 0 { first.renew(UInt8(tick / 10)) }
      if tick % 10 == 5 { second.renew(UInt8(tick / 10)) }
      if tick % 5 == 0, first.mustGreet(0) { flying.append((tick + 6, true, first.status())) }
      if tick % 5 == 2, second.mustGreet(0) { flying.append((tick + 6, false, second.status())) }
      while let next = flying.firstIndex(where: { $0.due <= tick }) {
        let packet = flying.remove(at: next)
        told.append(tick)
        if packet.toSecond {
          if second.hear(packet.bytes) == true { flying.append((tick + 6, false, second.status())) }
        } else if first.hear(packet.bytes) == true {
          flying.append((tick + 6, true, first.status()))
        }
      }
    }
    let early = told.count { (100..<200).contains($0) }
    let late = told.count { (500..<600).contains($0) }
    #expect(early > 0 && late <= early + early / 4)
  }

  @Test("of an earlier run are not taken for agreed when an old STATUS with the same numbers is played again")
  func replayAfterRestart() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let old = second.status()
    for seed in [UInt8(0x70), 0x71] { second.renew(seed) }
    first = Fixture.sealer(1, 2, boot: 10)
    _ = first.hear(old)
    _ = first.hear(second.status())
    // Its peer has told a third key, so nothing goes out under the first one.
    let numbers = first.keyNumbers()
    #expect(numbers == [1, 3])
    exchange(&first, &second)
    let connected = areConnected(&first, &second)
    #expect(connected)
  }

  @Test("that a peer tells without end cost what bad signatures may cost, and no more")
  func flood() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    second.advance(to: MonotonicTime(nanoseconds: 1_000_000_000))
    for number in 0..<100 {
      first.renew(UInt8(number))
      _ = second.hear(first.status())
    }
    let over = second.dropCount(.overBudget)
    #expect(over == 100 - IngressLimits().badSignatures)
    // The last that was learned.
    let learned = second.keyNumbers()?[1]
    #expect(learned == UInt8(IngressLimits().badSignatures) + 1)
  }

  @Test("of a peer that sends little are told in the answer to its next packet, and agreed by its STATUS")
  func quiet() {
    var node = Fixture.sealer(
      1, boot: 9, peers: [Peer(identifier: 3, agreementKey: Fixture.publicKey(3), endpoint: nil, isQuiet: true)])
    var meter = Fixture.sealer(3, 1, boot: 7)
    exchange(&meter, &node)
    node.renew(0x70)
    let isGreeted = node.mustGreet(0)
    #expect(!isGreeted)
    let opened = node.body(of: meter.packet(.record, [1]) ?? [])
    let mustLearn = node.mustLearnKey(0)
    #expect(opened == [1] && mustLearn)
    // It may be sent to under the keys it has.
    let receipt = meter.body(of: node.packet(.receipt, [2]) ?? [])
    #expect(receipt == [2])
    exchange(&node, &meter)
    let numbers = [meter.keyNumbers(), node.keyNumbers()]
    #expect(numbers == [[1, 2], [2, 1]])
    let stillMustLearn = node.mustLearnKey(0)
    let connected = areConnected(&meter, &node)
    #expect(connected && !stillMustLearn)
    // It changes its own.
    meter.renew(0x70)
    let mustGreet = meter.mustGreet(0)
    #expect(mustGreet)
    exchange(&meter, &node)
    let renewed = [meter.keyNumbers(), node.keyNumbers()]
    #expect(renewed == [[2, 2], [2, 2]])
    let again = areConnected(&meter, &node)
    // It knew of the run all the time, so it is not greeted back.
    let isGreetedBack = node.mustGreet(0)
    #expect(again && !isGreetedBack)
  }

  @Test("of a peer that slept through two changes: its packet is dropped, answered, and the next one opens")
  func longSleep() {
    var node = Fixture.sealer(
      1, boot: 9, peers: [Peer(identifier: 3, agreementKey: Fixture.publicKey(3), endpoint: nil, isQuiet: true)])
    var meter = Fixture.sealer(3, 1, boot: 7)
    exchange(&meter, &node)
    for first in [UInt8(0x70), 0x71] { node.renew(first) }
    let dropped = node.body(of: meter.packet(.record, [1]) ?? [])
    let stranger = node.takeStranger()?.peer
    let count = node.dropCount(.unknownKey)
    #expect(dropped == nil && stranger == 0 && count == 1)
    let unsealable = node.packet(.receipt, [2])
    #expect(unsealable == nil)
    exchange(&node, &meter)
    let connected = areConnected(&meter, &node)
    #expect(connected)
    let numbers = meter.keyNumbers()
    #expect(numbers == [1, 3])
  }
}

@Suite("Versions (docs/PROTOCOL.md, Versions)")
struct VersionTests {
  @Test(
    "two nodes talk in the newest that both speak, whoever begins",
    arguments: [(1, 1, 1), (1, 2, 1), (2, 2, 2)] as [(UInt8, UInt8, UInt8)], [true, false])
  func common(newest: (first: UInt8, second: UInt8, spoken: UInt8), firstBegins: Bool) {
    var first = Fixture.sealer(1, 2, boot: 9, versions: 1...newest.first)
    var second = Fixture.sealer(2, 1, boot: 7, versions: 1...newest.second)
    if firstBegins { exchange(&first, &second) } else { exchange(&second, &first) }
    let connected = areConnected(&first, &second)
    #expect(connected)
    let packets = [first.packet(.vote, [1]) ?? [], second.packet(.vote, [1]) ?? []]
    #expect(packets.map { $0[0] } == [newest.spoken, newest.spoken])
    #expect(packets.map { $0[12] } == [newest.first, newest.second])
  }

  @Test("an upgraded node is spoken to in the new version at once, and one that was set back in the old one")
  func upgrade() {
    var first = Fixture.sealer(1, 2, boot: 9, versions: 1...2)
    var second = Fixture.sealer(2, 1, boot: 7, versions: 1...1)
    exchange(&first, &second)
    var spoken: [UInt8] = []
    for (boot, newest) in [(8, 2), (9, 1), (10, 2)] as [(UInt64, UInt8)] {
      second = Fixture.sealer(2, 1, boot: boot, versions: 1...newest)
      exchange(&second, &first)
      let connected = areConnected(&first, &second)
      #expect(connected)
      spoken.append(first.packet(.vote, [1])?[0] ?? 0)
    }
    #expect(spoken == [2, 1, 2])
  }

  @Test("a node without the old version is found by one that begins with it, for what it drops it answers")
  func afterTheChange() {
    var first = Fixture.sealer(1, 2, boot: 9, versions: 2...2)
    var second = Fixture.sealer(2, 1, boot: 7, versions: 1...2)
    let refused = first.hear(second.status())
    let stranger = first.takeStranger()?.peer
    let count = first.dropCount(.unknownVersion)
    #expect(refused == nil && stranger == 0 && count == 1)
    exchange(&first, &second)
    let connected = areConnected(&first, &second)
    #expect(connected)
  }

  @Test("version 1, which this software no longer speaks, is counted as such, whatever it says")
  func versionOne() {
    var second = Fixture.sealer(2, 1, boot: 7)
    #expect(PacketHeader.versions == 2...2)
    // A STATUS of version 1 was 176 bytes long.
    for (type, count) in [(1, 176), (5, 1232), (9, 56), (0, 300)] as [(UInt8, Int)] {
      var datagram = [UInt8](repeating: 255, count: count)
      datagram.replaceSubrange(0..<12, with: [1, type, 7, 7, 1, 0, 0, 0, 2, 0, 0, 0])
      let opened = second.body(of: datagram)
      let stranger = second.takeStranger()?.peer
      #expect(opened == nil && stranger == 0)
    }
    let count = second.dropCount(.unknownVersion)
    let known = second.peers[0].bootCounter
    #expect(count == 4 && known == 0)
  }

  @Test("two nodes without a common version drop each other's packets, and say why")
  func nothingCommon() {
    var first = Fixture.sealer(1, 2, boot: 9, versions: 2...2)
    var second = Fixture.sealer(2, 1, boot: 7, versions: 1...1)
    let there = second.hear(first.status())
    let back = first.hear(second.status())
    #expect(there == nil && back == nil)
    let counts = [first.dropCount(.unknownVersion), second.dropCount(.unknownVersion)]
    #expect(counts == [1, 1])
  }

  @Test("nobody on the way can talk two nodes down: the newest version is under the seal")
  func downgrade() {
    var first = Fixture.sealer(1, 2, boot: 9, versions: 1...2)
    var second = Fixture.sealer(2, 1, boot: 7, versions: 1...2)
    exchange(&first, &second)
    for status in [first.status(), first.packet(.vote, [1]) ?? []] {
      var changed = status
      changed[0] = 1
      changed[12] = 1
      let opened = second.body(of: changed)
      #expect(opened == nil)
    }
    let badSeal = second.dropCount(.badSeal)
    let spoken = second.packet(.vote, [1])?[0]
    #expect(badSeal == 2 && spoken == 2)
  }
}
