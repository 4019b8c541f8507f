import Aggregation
import Consensus
import Node
import Packets
import Testing
import Units

@Suite("Who lied is agreed: honest aggregators name the same liars (consensus rule C22)")
struct AccusationTests {
  /// Whom each running aggregator's headers of a set accuse.
  private func accused(_ group: Group, _ owner: Int) -> [Accused] {
    group.aggregators.compactMap { process in process?.node.agreedAccused(of: ReplicaIndex(UInt16(owner))) }
  }

  /// A member that commits to two values, in front of one other member alone.
  private func liar(_ group: Group) {
    let rogue = Rogue.aggregator(3, of: group)
    rogue.greet()
    let one = group.aggregators[0]!.node.head(of: ReplicaIndex(0))
    let other = group.aggregators[0]!.node.head(of: ReplicaIndex(1))
    for digest in [one, other] {
      rogue.send(.vote, group.vote(.commit, signer: 3, owner: 1, period: 1002, digest: digest), toAggregator: 1)
    }
    group.step()
  }

  @Test("an aggregator that contradicted itself before one other is soon named in every set, by everybody")
  func aggregator() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3500)
    liar(group)
    #expect(group.aggregators.compactMap { $0?.node.provenCount } == [0, 1, 0])
    let everybody = Array(repeating: Accused(members: 8), count: 3)
    // Whoever holds the proof leads each set once in four periods.
    #expect(group.run(untilAtMost: 8) { (0..<4).allSatisfy { accused(group, $0) == everybody } })
    #expect(group.aggregators.compactMap { $0?.node.provenCount } == [1, 1, 1])
    #expect(group.failures == [])
  }

  /// Meter 0 of set 0 signs two records for 1002, before that set's primary alone.
  private func lyingMeter(_ group: Group) -> Accused {
    let rogue = Rogue.meter(0, 0, of: group)
    rogue.greet()
    group.run(toEndOf: 1002, plus: 100)
    for values in [[1, 2], [3, 4]] as [[Int64]] {
      rogue.send(.record, group.record(0, 0, from: 1002, through: 1002, values: values), toAggregator: 2)
      group.step()
    }
    var meters = MeterBitmap()
    meters.insert(MeterIndex(0))
    return Accused(meters: meters)
  }

  @Test("a meter that signed two records for the same periods is named in its set")
  func meter() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3500)
    let everybody = Array(repeating: lyingMeter(group), count: 4)
    #expect(group.run(untilAtMost: 8) { accused(group, 0) == everybody })
    // Others may name it too, while their headers do not follow on one that does; as a meter of that set.
    for owner in 1..<4 {
      #expect(accused(group, owner).allSatisfy { $0.members == 0 && $0.meters.count == 0 && $0.elsewhere.count <= 1 })
    }
  }

  @Test("restarts, also of everybody, forget neither the accused nor what shows their lies")
  func restart() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3500)
    liar(group)
    let everybody = Array(repeating: Accused(members: 8), count: 3)
    #expect(group.run(untilAtMost: 8) { (0..<4).allSatisfy { accused(group, $0) == everybody } })
    for index in 0..<3 { group.killAggregator(index) }
    for index in 0..<3 { group.startAggregator(index) }
    for owner in 0..<4 { #expect(accused(group, owner) == everybody) }
    #expect(group.aggregators.compactMap { $0?.node.provenCount } == [1, 1, 1])
  }

  @Test("a member that lost its disk learns them from the newest certificate")
  func wiped() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3500)
    let everybody = Array(repeating: lyingMeter(group), count: 4)
    #expect(group.run(untilAtMost: 8) { accused(group, 0) == everybody })
    group.wipeAggregator(0)
    #expect(accused(group, 0)[0] == Accused())
    #expect(group.run(untilAtMost: 8) { accused(group, 0) == everybody })
    #expect(group.aggregators[0]!.node.provenCount == 0)
  }

  @Test("an accusation that nobody proves is not prepared")
  func unproven() {
    let primary = LyingPrimary()
    var header = primary.header()
    header.accusedMembers = 1
    primary.propose(header)
    #expect(!primary.judge.hasSigned(0, 1002))
    primary.rogue.listen()
    let wants = primary.rogue.heard.filter { $0.type == .want && $0.body[0] == ObjectKind.contradiction.rawValue }
    #expect(wants.count > 0)
    #expect(primary.judge.refusals(HeaderRefusal.wrongAccused) == 0)
  }
}
