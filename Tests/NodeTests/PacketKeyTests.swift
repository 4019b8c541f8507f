import HAL
import Node
import Packets
import SimulatedPlatform
import Testing
import Units

@Suite("A group whose packet keys and versions change while it works (docs/PROTOCOL.md, Packet keys, Versions)")
struct ChangingGroupTests {
  @Test("keys that change every second, on every node, delay nothing", arguments: [0, 100] as [UInt32])
  func keys(loss: UInt32) {
    let group = Group(GroupOptions(faults: NetworkFaults(loss: loss), packetKeyMilliseconds: 1000))
    group.run(toEndOf: 1003, plus: 3800)
    if loss == 0 { for period in UInt64(1001)...1003 { #expect(group.publishedCount(period) == 4) } }
    group.network.faults = NetworkFaults()
    #expect(group.run(untilAtMost: 6) { group.isSettled(through: 1003) })
    #expect(group.reckon() == [])
    for process in group.aggregators {
      let link = process!.node.linkStatistics
      #expect(link.packetKeyNumber > 12)
      #expect(link.drops[Int(DropReason.badSeal.rawValue)] == 0)
    }
    #expect(group.meters[0][0]!.node.linkStatistics.packetKeyNumber > 12)
  }

  private static func oldest(_ group: Group) -> Set<UInt8> {
    Set(group.aggregators.map { $0!.node.linkStatistics.oldestPeerVersion })
  }

  @Test(
    "nodes of two versions certify every set together, in every order of upgrading, and the old one can be given up")
  func versions() {
    let group = Group()
    /// The next node to be upgraded, in this order: two aggregators, half of the meters, the rest.
    let order: [NodeIdentifier] =
      [0, 2].map { Group.aggregatorName($0) } + (0..<4).map { Group.meterName($0, 0) } + [.bookkeeper]
      + [1, 3].map { Group.aggregatorName($0) }
      + (0..<4).flatMap { owner in (1...2).map { Group.meterName(owner, $0) } }
    func restart(_ names: ArraySlice<NodeIdentifier>, speaking versions: ClosedRange<UInt8>) {
      for name in names {
        group.versions[name] = versions
        if let index = name.aggregatorIndex {
          group.killAggregator(Int(index.rawValue))
          group.startAggregator(Int(index.rawValue))
        } else if let (owner, index) = name.meter {
          group.killMeter(Int(owner.rawValue), Int(index.rawValue))
          group.startMeter(Int(owner.rawValue), Int(index.rawValue))
        } else {
          group.killBookkeeper()
          group.startBookkeeper()
        }
        group.run(milliseconds: 200)
      }
    }
    group.run(toEndOf: 1001, plus: 3000)
    restart(order[..<7], speaking: 1...2)
    // A whole period of both versions, and some more.
    group.run(toEndOf: 1003, plus: 3000)
    #expect(Self.oldest(group) == [1])
    restart(order[7...], speaking: 1...2)
    group.run(toEndOf: 1005, plus: 3000)
    #expect(Self.oldest(group) == [2])
    // Nobody needs the old one any more; some give it up before others do.
    restart(order[..<7], speaking: 2...2)
    group.run(toEndOf: 1007, plus: 3000)
    restart(order[7...], speaking: 2...2)
    group.run(toEndOf: 1009, plus: 3800)
    for period in UInt64(1001)...1009 { #expect(group.publishedCount(period) == 4, "period \(period)") }
    #expect(group.run(untilAtMost: 6) { group.isSettled(through: 1009) })
    #expect(group.reckon() == [])
    for process in group.aggregators { #expect(process!.node.evidenceCount == 0) }
  }

  @Test("a meter that speaks no common version is not counted, and says why")
  func leftBehind() {
    let group = Group()
    group.killMeter(1, 2)
    for index in 0..<Group.members {
      group.killAggregator(index)
      group.versions[Group.aggregatorName(index)] = 2...2
    }
    for index in 0..<Group.members { group.startAggregator(index) }
    group.startMeter(1, 2)
    group.run(milliseconds: 2000)
    #expect(group.meters[1][2]!.node.linkStatistics.drops[Int(DropReason.unknownVersion.rawValue)] > 0)
    #expect(group.meters[1][2]!.node.receiptCount == 0)
  }
}
