import HAL
import Packets
import Testing
import Units

@Suite("Where a peer is (docs/PROTOCOL.md, Packets)")
struct AddressTests {
  private static func at(_ milliseconds: UInt64) -> MonotonicTime {
    MonotonicTime(nanoseconds: milliseconds * 1_000_000)
  }

  /// A member that is configured at home and speaks.
  private struct Pair: ~Copyable {
    var peer = Fixture.sealer(1, 2, boot: 7, endpoint: Fixture.home)
    var node: Sealer

    init(isConfigured: Bool = true) {
      node = Fixture.sealer(2, 1, boot: 8, endpoint: isConfigured ? Fixture.home : nil)
      node.advance(to: AddressTests.at(1))
      exchange(&peer, &node)
    }

    mutating func say(from endpoint: Endpoint, after milliseconds: UInt64) {
      node.advance(to: AddressTests.at(milliseconds))
      if let packet = peer.packet(.vote, [1]) { _ = node.body(of: packet, from: endpoint) }
    }
    var endpoint: Endpoint? { node.peers[0].endpoint }
    var other: Endpoint? { node.otherEndpoint(of: 0) }
  }

  @Test("who is heard where the configuration has it stays there, whatever comes from elsewhere under its seal")
  func overtaken() {
    var pair = Pair()
    pair.say(from: Fixture.home, after: 100)
    pair.say(from: Fixture.elsewhere, after: 1099)
    let stayed = pair.endpoint
    #expect(stayed == Fixture.home)
    pair.say(from: Fixture.elsewhere, after: 1100)
    let moved = pair.endpoint
    #expect(moved == Fixture.elsewhere)
    pair.say(from: Fixture.home, after: 1101)
    let returned = pair.endpoint
    #expect(returned == Fixture.home)
  }

  @Test("the packet that a copy overtook brings its sender home; a forgery of it does not")
  func overtakenOnce() {
    var pair = Pair()
    pair.node.advance(to: Self.at(5000))
    guard let packet = pair.peer.packet(.vote, [1]) else { return }
    let copy = pair.node.body(of: packet, from: Fixture.elsewhere)
    let misled = pair.endpoint
    #expect(copy == [1] && misled == Fixture.elsewhere)
    let forged = pair.node.body(of: packet.flipping(8 * 41), from: Fixture.home)
    let still = pair.endpoint
    #expect(forged == nil && still == Fixture.elsewhere)
    let original = pair.node.body(of: packet, from: Fixture.home)
    let returned = pair.endpoint
    #expect(original == nil && returned == Fixture.home)
  }

  @Test("who moved and falls silent is spoken to at both places; two that were both led astray hear of each other")
  func silent() {
    var pair = Pair()
    pair.say(from: Fixture.elsewhere, after: 5000)
    let whileHeard = pair.other
    #expect(whileHeard == nil)
    pair.node.advance(to: Self.at(5999))
    let almost = pair.other
    #expect(almost == nil)
    pair.node.advance(to: Self.at(6000))
    let later = pair.other
    #expect(later == Fixture.home)
    pair.say(from: Fixture.home, after: 6001)
    let atHome = pair.other
    #expect(atHome == nil)
  }

  @Test("who is configured nowhere is where it spoke last")
  func unconfigured() {
    var pair = Pair(isConfigured: false)
    pair.say(from: Fixture.elsewhere, after: 100)
    let moved = pair.endpoint
    #expect(moved == Fixture.elsewhere)
    pair.say(from: Fixture.home, after: 101)
    let back = pair.endpoint
    #expect(back == Fixture.home)
    pair.node.advance(to: Self.at(9000))
    let other = pair.other
    #expect(other == nil)
  }
}

@Suite("What may be sent again (docs/PROTOCOL.md, Packets)")
struct ServingCreditTests {
  @Test("a burst, then as much as the peer sent and half of what it was owed")
  func credit() {
    var credit = ServingCredit()
    let burst = credit.take(ServingCredit.burstBytes)
    #expect(burst)
    let empty = credit.take(1)
    #expect(!empty)
    credit.earn(100)
    let tooMuch = credit.take(101)
    #expect(!tooMuch)
    let earned = credit.take(100)
    #expect(earned)
    credit.owe(100)
    let owed = [credit.take(51), credit.take(50), credit.take(1)]
    #expect(owed == [false, true, false])
  }

  @Test("never more than a burst, whatever was earned", arguments: [1 << 20, Int.max / 2])
  func cap(earned: Int) {
    var credit = ServingCredit()
    credit.earn(earned)
    credit.owe(earned)
    let taken = [credit.take(ServingCredit.burstBytes + 1), credit.take(ServingCredit.burstBytes), credit.take(1)]
    #expect(taken == [false, true, false])
  }

  @Test("a sealer grants the first time without it, and counts what the peer sends under its seal alone")
  func sealer() {
    var peer = Fixture.sealer(1, 2, boot: 7, endpoint: Fixture.home)
    var node = Fixture.sealer(2, 1, boot: 8, endpoint: Fixture.home)
    exchange(&peer, &node)
    let first = node.maySend(1 << 20, isFirst: true, to: 0)
    #expect(first)
    let drained = node.maySend(ServingCredit.burstBytes, isFirst: false, to: 0)
    #expect(drained)
    let packet = peer.packet(.vote, [1, 2, 3]) ?? []
    _ = node.body(of: packet.flipping(400))
    let forged = node.maySend(1, isFirst: false, to: 0)
    #expect(!forged)
    _ = node.body(of: packet)
    let answers = [
      node.maySend(packet.count + 1, isFirst: false, to: 0), node.maySend(packet.count, isFirst: false, to: 0),
    ]
    #expect(answers == [false, true])
  }
}
