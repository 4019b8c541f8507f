import Aggregation
import Consensus
import Cryptography
import Testing
import Units
import Wire

@Suite("Contradictions convict who signed both statements, and nobody else (consensus rule 49)")
struct ContradictionTests {
  static let all = [Fixture.voteContradiction(), Fixture.recordContradiction()]

  @Test("of votes and of records hold, either way round", arguments: all)
  func hold(contradiction: Contradiction) {
    var swapped = contradiction
    (swapped.first, swapped.second) = (contradiction.second, contradiction.first)
    #expect(contradiction.holds(in: Fixture.genesis))
    #expect(swapped.holds(in: Fixture.genesis))
  }

  @Test("of one statement twice are none", arguments: all)
  func once(contradiction: Contradiction) {
    var same = contradiction
    same.second = same.first
    #expect(!same.holds(in: Fixture.genesis))
  }

  @Test("against somebody else, in another instance, view, or network are none", arguments: all)
  func elsewhere(contradiction: Contradiction) {
    let changes: [(inout Contradiction) -> Void] = [
      { $0.accused = 0 }, { $0.accused = 9 }, { $0.owner = ReplicaIndex(1) }, { $0.owner = ReplicaIndex(9) },
      { $0.period = Period(1007) }, { $0.position += 1 }, { $0.position = .max },
    ]
    for change in changes {
      var changed = contradiction
      change(&changed)
      #expect(!changed.holds(in: Fixture.genesis))
    }
    #expect(!contradiction.holds(in: Fixture.makeGenesis(epoch: 3)))
  }

  @Test("are not made of a prepare and a commit, nor of a vote with a claim it cannot make")
  func kinds() {
    var prepares = Fixture.voteContradiction()
    prepares.kind = .prepare
    #expect(!prepares.holds(in: Fixture.genesis))
    var claim = Fixture.voteContradiction()
    claim.first.sequenceNumber = SequenceNumber(1)
    #expect(!claim.holds(in: Fixture.genesis))
  }

  @Test("the accused only grow")
  func accused() {
    var accused = Accused()
    for contradiction in Self.all { accused.insert(contradiction.party) }
    #expect(accused.count == 2)
    #expect(accused.members == 8)
    #expect(accused.meters.contains(MeterIndex(1)))
    for contradiction in Self.all { #expect(accused.contains(contradiction.party)) }
    #expect(Accused().subtracting(accused).count == 0)
    #expect(accused.subtracting(Accused(members: 8)).count == 1)
  }
}
