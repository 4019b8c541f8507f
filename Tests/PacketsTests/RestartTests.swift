import HAL
import Packets
import Testing
import Wire

@Suite("Boot counters (DESIGN §5, consensus rule 44)")
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
    let before = [first.forgottenBoot(below: .max) != nil, second.forgottenBoot(below: .max) != nil]
    #expect(before == [false, false])
    var restored = Fixture.sealer(2, 1, boot: 3)
    let refused = first.body(of: restored.status())
    #expect(refused == nil)
    let known = first.peers[0].bootCounter
    #expect(known == 7)
    let mustAnswer = restored.hear(first.status())
    // For the key it was told.
    #expect(mustAnswer == true)
    let learned = restored.forgottenBoot(below: .max) != nil
    #expect(learned)
  }

  @Test("a STATUS body of any length but 120 is counted and says nothing")
  func statusLengths() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    for count in 0..<200 where count != 120 {
      let mustAnswer = second.hear(first.packet(.status, [UInt8](repeating: 255, count: count)) ?? [])
      #expect(mustAnswer == false, "\(count) bytes")
    }
    let malformed = second.dropCount(.malformedBody)
    #expect(malformed == 199)
    let learned = second.forgottenBoot(below: .max) != nil
    #expect(!learned)
  }
}
