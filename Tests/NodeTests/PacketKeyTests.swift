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

  @Test("an outsider who spends the answers to strangers keeps no meter from the keys it must learn")
  func outsider() {
    var options = GroupOptions(packetKeyMilliseconds: 1000)
    options.meterKeyMilliseconds = Sealer.defaultPacketKeyMilliseconds
    let group = Group(options)
    // So that no aggregator greets, which allows new answers, when records are due.
    group.run(milliseconds: 200)
    for index in 0..<Group.members {
      group.killAggregator(index)
      group.startAggregator(index)
    }
    var socket = group.network.attach(Endpoint(ipv4: 198, 51, 100, 7, port: 7))
    for _ in 0..<160 {
      for owner in 0..<Group.members {
        for index in 0..<options.metersPerSet {
          for member in 0..<Group.members {
            let header = PacketHeader(
              type: .record, bodyLength: 168, sender: Group.meterName(owner, index).rawValue,
              receiver: Group.aggregatorName(member).rawValue, bootCounter: 1 << 40, packetSequence: 1,
              senderKeyNumber: 1, receiverKeyNumber: 1)
            let datagram = [UInt8](capacity: 224) { out in
              header.encode(into: &out)
              out.writeZeros(184)
            }
            try? socket.send(datagram.span, to: Group.endpoint(Group.aggregatorName(member)))
          }
        }
      }
      group.step()
    }
    #expect(group.run(untilAtMost: 4) { group.isSettled(through: 1003) })
    for period in UInt64(1001)...1003 { #expect(group.publishedCount(period) == 4) }
    for process in group.aggregators {
      #expect(process!.drops(.unknownBoot) > 1000)
      // The first record of a period is under keys that its receiver has wiped; none of the repeats is.
      #expect(process!.drops(.unknownKey) <= 4 * 16)
    }
    // Until every meter has heard of what was published.
    group.run(toEndOf: 1005, plus: 3000)
    #expect(group.reckon() == [])
  }

  private static func oldest(_ group: Group) -> Set<UInt8> {
    Set(group.aggregators.map { $0!.node.linkStatistics.oldestPeerVersion })
  }

  @Test(
    "nodes of two versions certify every set together, in every order of upgrading, and the old one can be given up")
  func versions() {
    let group = Group()
    /// The next node to be upgraded, in this order: two aggregators, a meter of each set, the bookkeeper, the rest.
    let order: [Party] =
      [0, 2].map { Group.aggregatorName($0) } + (0..<4).map { Group.meterName($0, 0) } + [.bookkeeper]
      + [1, 3].map { Group.aggregatorName($0) }
      + (0..<4).flatMap { owner in (1...3).map { Group.meterName(owner, $0) } }
    func restart(_ names: ArraySlice<Party>, speaking versions: ClosedRange<UInt8>) {
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
    restart(order[..<7], speaking: 2...3)
    // A whole period of both versions, and some more.
    group.run(toEndOf: 1003, plus: 3000)
    #expect(!Self.oldest(group).contains(3))
    restart(order[7...], speaking: 2...3)
    // Every aggregator hears every meter in turn.
    #expect(group.run(untilAtMost: 40) { Self.oldest(group) == [3] })
    // Nobody needs the old one any more; some give it up before others do.
    restart(order[..<7], speaking: 3...3)
    group.run(toEndOf: group.period + 1, plus: 3000)
    restart(order[7...], speaking: 3...3)
    group.run(toEndOf: group.period + 1, plus: 3800)
    let last = group.period - 1
    #expect(last > 1006)
    for period in 1001...last { #expect(group.publishedCount(period) == 4, "period \(period)") }
    #expect(group.run(untilAtMost: 6) { group.isSettled(through: last) })
    #expect(group.reckon() == [])
    for process in group.aggregators { #expect(process!.node.evidenceCount == 0) }
  }

  @Test("a meter that speaks no common version is not counted, and says why")
  func leftBehind() {
    let group = Group()
    group.killMeter(1, 2)
    for index in 0..<Group.members {
      group.killAggregator(index)
      group.versions[Group.aggregatorName(index)] = 3...3
    }
    for index in 0..<Group.members { group.startAggregator(index) }
    group.startMeter(1, 2)
    group.run(milliseconds: 2000)
    #expect(group.meters[1][2]!.node.linkStatistics.drops[Int(DropReason.unknownVersion.rawValue)] > 0)
    #expect(group.meters[1][2]!.node.receiptCount == 0)
  }
}
