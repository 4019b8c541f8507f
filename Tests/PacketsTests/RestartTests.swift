import HAL
import Packets
import Testing
import Wire

@Suite("Boot counters (DESIGN §3.3, §5; consensus rule 44)")
struct RestartTests {
  @Test("two exchanges of STATUS connect two nodes, also when both begin")
  func firstContact() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let connected = areConnected(&first, &second)
    #expect(connected)
    var third = Fixture.sealer(1, 2, boot: 1)
    var fourth = Fixture.sealer(2, 1, boot: 1)
    let crossing = fourth.status()
    exchange(&third, &fourth)
    let late = third.hear(crossing)
    #expect(late == true)
    let crossed = areConnected(&third, &fourth)
    #expect(crossed)
  }

  @Test("either side's restart recovers within two exchanges", arguments: [true, false])
  func restart(firstRestarts: Bool) {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    if firstRestarts { first = Fixture.sealer(1, 2, boot: 10) } else { second = Fixture.sealer(2, 1, boot: 8) }
    if firstRestarts { exchange(&first, &second) } else { exchange(&second, &first) }
    let connected = areConnected(&first, &second)
    #expect(connected)
  }

  @Test("packets of the run before the restart are refused, on both sides")
  func oldRun() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let delayed = first.packet(.vote, [1]) ?? []
    let toOldRun = second.packet(.vote, [2]) ?? []
    first = Fixture.sealer(1, 2, boot: 10)
    exchange(&first, &second)
    let fromOldRun = second.body(of: delayed)
    let intoNewRun = first.body(of: toOldRun)
    #expect(fromOldRun == nil && intoNewRun == nil)
    #expect([second.dropCount(.staleBoot), first.dropCount(.badSeal)] == [1, 1])
    let connected = areConnected(&first, &second)
    #expect(connected)
  }

  @Test("a packet of a run that was not announced yet is refused, and opens after its STATUS")
  func unknownBoot() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    var fresh = Fixture.sealer(2, 1, boot: 7)
    let packet = first.packet(.vote, [1]) ?? []
    let early = fresh.body(of: packet)
    #expect(early == nil)
    let count = fresh.dropCount(.unknownBoot)
    #expect(count == 1)
    _ = fresh.hear(first.status())
    let opened = fresh.body(of: packet)
    #expect(opened == [1])
  }

  @Test("a STATUS of an earlier run is counted and changes nothing")
  func oldStatus() {
    var first = Fixture.sealer(1, 2, boot: 9)
    let old = first.status()
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    first = Fixture.sealer(1, 2, boot: 10)
    exchange(&first, &second)
    let message = first.packet(.vote, [1]) ?? []
    _ = second.body(of: message)
    let opened = second.body(of: old, from: Fixture.elsewhere)
    #expect(opened == nil)
    let counts = [second.dropCount(.staleBoot), second.peers[0].bootCounter]
    #expect(counts == [1, 10])
    let endpoint = second.peers[0].endpoint
    #expect(endpoint == Fixture.home)
    let again = second.body(of: message)
    #expect(again == nil)
    let connected = areConnected(&first, &second)
    #expect(connected)
  }

  @Test("a STATUS of this run opens once, and no STATUS reopens the window of messages")
  func sameStatus() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    let greeting = first.status()
    _ = second.hear(greeting)
    _ = first.hear(second.status())
    let message = first.packet(.vote, [1]) ?? []
    _ = second.body(of: message)
    let replayedStatus = second.body(of: greeting, from: Fixture.elsewhere)
    let laterStatus = second.body(of: first.status())
    let replayedMessage = second.body(of: message)
    #expect(replayedStatus == nil && replayedMessage == nil)
    #expect(laterStatus != nil)
    let replayed = second.dropCount(.replayed)
    #expect(replayed == 2)
    let endpoint = second.peers[0].endpoint
    #expect(endpoint == Fixture.home)
  }

  @Test("an old STATUS that comes first after our restart is outdone by the true one")
  func oldStatusFirst() {
    var old = Fixture.sealer(1, 2, boot: 5)
    let kept = old.status()
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    second = Fixture.sealer(2, 1, boot: 8, endpoint: Fixture.home)
    _ = second.hear(kept)
    let known = second.peers[0].bootCounter
    #expect(known == 5)
    let message = first.packet(.vote, [1]) ?? []
    let opened = second.body(of: message)
    #expect(opened == nil)
    exchange(&first, &second)
    exchange(&second, &first)
    let connected = areConnected(&first, &second)
    #expect(connected)
  }

  @Test("a node restored from an old image learns of its higher counter, and nobody else believes that of itself")
  func restoredImage() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let before = [first.heardStatus?.knownBootCounter, second.heardStatus?.knownBootCounter]
    #expect(before == [9, 7])
    var restored = Fixture.sealer(2, 1, boot: 3)
    let refused = first.body(of: restored.status())
    #expect(refused == nil)
    let known = first.peers[0].bootCounter
    #expect(known == 7)
    let mustAnswer = restored.hear(first.status())
    // For the key it was told.
    #expect(mustAnswer == true)
    let learned = restored.heardStatus?.knownBootCounter
    #expect(learned == 7)
  }

  @Test("a STATUS body of any length but 168 is counted and says nothing")
  func statusLengths() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    for count in 0..<200 where count != 168 {
      let mustAnswer = second.hear(first.packet(.status, [UInt8](repeating: 255, count: count)) ?? [])
      #expect(mustAnswer == false, "\(count) bytes")
    }
    let malformed = second.dropCount(.malformedBody)
    #expect(malformed == 199)
    let learned = second.heardStatus != nil || second.hasAcknowledged(0)
    #expect(!learned)
  }

  @Test("an acknowledgement names counter and process: a counter alone, or another process under it, is none")
  func acknowledgement() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    _ = first.hear(second.status())
    let knownRun = 136
    var told = [UInt8](copying: first.statusBody(to: 0).span)
    for change in [FixedBytes<16>(), Fixture.run(0x90).bytes] {
      for place in 0..<16 { told[knownRun + place] = change.storage[place] }
      _ = second.hear(first.packet(.status, told) ?? [])
      let isAcknowledged = second.hasAcknowledged(0)
      #expect(!isAcknowledged)
    }
    _ = second.hear(first.status())
    let isAcknowledged = second.hasAcknowledged(0)
    #expect(isAcknowledged)
    // No claim of the same peer takes that back.
    for place in 8..<16 { told[place] = 255 }
    _ = second.hear(first.packet(.status, told) ?? [])
    let isStill = second.hasAcknowledged(0)
    #expect(isStill)
  }

  @Test("another process under a known boot counter is dropped, answered with what is known, and changes nothing")
  func otherRun() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    exchange(&second, &first)
    var copied = Fixture.sealer(1, boot: 9, peers: Self.second, run: Fixture.run(0x99), packetKeySeed: 0x70)
    // Its numbers begin anew: first they were seen already, then its run is another one.
    var reasons: [UInt64] = []
    for _ in 0..<6 {
      let opened = second.body(of: copied.status(), from: Fixture.elsewhere)
      let stranger = second.takeStranger()
      #expect(opened == nil && stranger?.peer == 0 && stranger?.endpoint == Fixture.elsewhere)
      reasons = [second.dropCount(.replayed), second.dropCount(.otherRun)]
    }
    #expect(reasons[0] > 0 && reasons[1] > 0)
    let endpoint = second.peers[0].endpoint
    #expect(endpoint == Fixture.home)
    _ = copied.hear(second.status())
    let told = copied.heardStatus
    #expect(told?.knownBootCounter == 9 && told?.knownRun == Fixture.run(0x81))
    let isKnown = copied.hasAcknowledged(0)
    let connected = areConnected(&first, &second)
    #expect(connected && !isKnown)
    // Above, it is heard; the first one no longer is.
    copied.restart(bootCounter: 10, packetKeySeed: Fixture.secret(0x71, 1), signer: Fixture.signer(1))
    exchange(&copied, &second)
    exchange(&second, &copied)
    let isHeard = areConnected(&copied, &second)
    let late = second.body(of: first.packet(.vote, [1]) ?? [])
    #expect(isHeard && late == nil)
  }

  @Test("a copy of an old STATUS of the same counter gives way to the process that knows of this run")
  func replayedRun() {
    var old = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&old, &second)
    let kept = old.status()
    // Both begin anew, the first one from an old image.
    second = Fixture.sealer(2, 1, boot: 8)
    var first = Fixture.sealer(1, boot: 9, peers: Self.second, run: Fixture.run(0x99), packetKeySeed: 0x70)
    _ = second.hear(kept)
    exchange(&first, &second)
    exchange(&second, &first)
    let connected = areConnected(&first, &second)
    #expect(connected)
    let again = second.body(of: old.status())
    let connectedStill = areConnected(&first, &second)
    #expect(again == nil && connectedStill)
  }

  private static let second = [Peer(identifier: 2, agreementKey: Fixture.publicKey(2), endpoint: nil)]
}
