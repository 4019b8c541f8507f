import HAL
import Packets
import Testing
import Wire

@Suite("Boot counters (DESIGN §5, consensus rule 44)")
struct RestartTests {
  @Test("two exchanges of STATUS connect two nodes, whoever begins and if both do")
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
    let secondStaleBootCount = second.dropCount(.staleBoot)
    #expect(secondStaleBootCount == 1)
    let firstBadSealCount = first.dropCount(.badSeal)
    #expect(firstBadSealCount == 1)
    let connected = areConnected(&first, &second)
    #expect(connected)
  }

  @Test("a STATUS of an earlier run changes nothing but the count and a STATUS owed")
  func oldStatus() {
    var first = Fixture.sealer(1, 2, boot: 9)
    let old = first.status()
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    first = Fixture.sealer(1, 2, boot: 10)
    exchange(&first, &second)
    let message = first.packet(.vote, [1]) ?? []
    _ = second.body(of: message)
    let before = second.peers[0]
    let opened = second.body(of: old, from: Fixture.elsewhere)
    #expect(opened == nil)
    let secondBootWentBackwardsCount = second.dropCount(.bootWentBackwards)
    #expect(secondBootWentBackwardsCount == 1)
    let secondBootCounter = second.peers[0].bootCounter
    #expect(secondBootCounter == 10)
    let secondEndpoint = second.peers[0].endpoint
    #expect(secondEndpoint == before.endpoint)
    let secondIsOwedStatus = second.peers[0].isOwedStatus
    #expect(secondIsOwedStatus)
    let again = second.body(of: message)
    #expect(again == nil)
    let secondReplayedCount = second.dropCount(.replayed)
    #expect(secondReplayedCount == 1)
    let connected = areConnected(&first, &second)
    #expect(connected)
  }

  @Test("a STATUS of this run opens once and does not reopen the window of messages")
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
    let secondReplayedCount = second.dropCount(.replayed)
    #expect(secondReplayedCount == 2)
    let secondEndpoint = second.peers[0].endpoint
    #expect(secondEndpoint == Fixture.home)
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
    let secondBootCounter = second.peers[0].bootCounter
    #expect(secondBootCounter == 5)
    // What the peer sends shows that something is wrong; the STATUS owed for it mends it.
    let message = first.packet(.vote, [1]) ?? []
    let opened = second.body(of: message)
    #expect(opened == nil)
    let secondUnknownBootCount = second.dropCount(.unknownBoot)
    #expect(secondUnknownBootCount == 1)
    let secondIsOwedStatus = second.peers[0].isOwedStatus
    #expect(secondIsOwedStatus)
    exchange(&second, &first)
    let secondIsOwedStatus2 = second.peers[0].isOwedStatus
    #expect(!secondIsOwedStatus2)
    let connected = areConnected(&first, &second)
    #expect(connected)
  }

  @Test("a node restored from an old image is told of its higher counter; nobody else believes that of itself")
  func restoredImage() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let firstLearnedOfHigherOwnBoot = first.learnedOfHigherOwnBoot
    let secondLearnedOfHigherOwnBoot = second.learnedOfHigherOwnBoot
    #expect(!firstLearnedOfHigherOwnBoot && !secondLearnedOfHigherOwnBoot)
    var restored = Fixture.sealer(2, 1, boot: 3)
    let refused = first.body(of: restored.status())
    #expect(refused == nil)
    let firstIsOwedStatus = first.peers[0].isOwedStatus
    #expect(firstIsOwedStatus)
    let firstBootCounter = first.peers[0].bootCounter
    #expect(firstBootCounter == 7)
    let heard = restored.hear(first.status())
    #expect(heard == false)
    let restoredLearnedOfHigherOwnBoot = restored.learnedOfHigherOwnBoot
    #expect(restoredLearnedOfHigherOwnBoot)
    let firstIsOwedStatus2 = first.peers[0].isOwedStatus
    #expect(!firstIsOwedStatus2)
  }

  @Test("a restarted node finds a peer that nobody configured by the packets it still sends")
  func unconfiguredPeer() {
    var meter = Fixture.sealer(2, 1, boot: 7, endpoint: Fixture.home)
    var aggregator = Fixture.sealer(1, 2, boot: 9)
    exchange(&meter, &aggregator)
    aggregator = Fixture.sealer(1, 2, boot: 10)
    let aggregatorEndpoint = aggregator.peers[0].endpoint
    #expect(aggregatorEndpoint == nil)
    let record = meter.packet(.record, [1]) ?? []
    let opened = aggregator.body(of: record, from: Fixture.elsewhere)
    #expect(opened == nil)
    let aggregatorEndpoint2 = aggregator.peers[0].endpoint
    #expect(aggregatorEndpoint2 == Fixture.elsewhere)
    exchange(&aggregator, &meter)
    let connected = areConnected(&aggregator, &meter)
    #expect(connected)
  }

  @Test("a packet whose seal does not hold never moves the endpoint of a configured or a connected peer")
  func endpointBeforeSeal() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var helper = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &helper)
    var message = first.packet(.vote, [1]) ?? []
    var configured = Fixture.sealer(2, 1, boot: 8, endpoint: Fixture.home)
    _ = configured.body(of: message, from: Fixture.elsewhere)
    let configuredEndpoint = configured.peers[0].endpoint
    #expect(configuredEndpoint == Fixture.home)
    message[40] ^= 1
    _ = helper.body(of: message, from: Fixture.elsewhere)
    let helperBadSealCount = helper.dropCount(.badSeal)
    #expect(helperBadSealCount == 1)
    let helperEndpoint = helper.peers[0].endpoint
    #expect(helperEndpoint == Fixture.home)
  }

  @Test("the endpoint follows the newest packet, not the latest to arrive")
  func endpointFollows() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    let held = first.packet(.vote, [1]) ?? []
    let moved = first.packet(.vote, [2]) ?? []
    _ = second.body(of: moved, from: Fixture.elsewhere)
    let secondEndpoint = second.peers[0].endpoint
    #expect(secondEndpoint == Fixture.elsewhere)
    let late = second.body(of: held, from: Fixture.home)
    #expect(late != nil)
    let secondEndpoint2 = second.peers[0].endpoint
    #expect(secondEndpoint2 == Fixture.elsewhere)
  }

  @Test("a STATUS body that is too short is counted, one with more behind it is read")
  func statusLengths() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    for count in 0..<16 {
      let due = second.hear(first.packet(.status, [UInt8](repeating: 0, count: count)) ?? [])
      #expect(due == false)
    }
    let secondMalformedBodyCount = second.dropCount(.malformedBody)
    #expect(secondMalformedBodyCount == 16)
    let due = second.hear(first.packet(.status, [UInt8](repeating: 0, count: 40)) ?? [])
    #expect(due == true)
  }
}
