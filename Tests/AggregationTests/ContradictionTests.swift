import Aggregation
import Consensus
import Cryptography
import Testing
import Units
import Wire

@Suite("Contradictions convict who signed both statements, and nobody else (consensus rule 49)")
struct ContradictionTests {
  static let all = [
    Fixture.voteContradiction(), Fixture.roundChangeContradiction(), Fixture.recordContradiction(),
  ]

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

  @Test("against somebody else, in another set, position, round or network are none", arguments: all)
  func elsewhere(contradiction: Contradiction) {
    let changes: [(inout Contradiction) -> Void] = [
      { $0.accused = 0 }, { $0.accused = 9 }, { $0.owner = ReplicaIndex(1) }, { $0.owner = ReplicaIndex(9) },
      { $0.period = Period(1007) }, { $0.place += 1 }, { $0.place = .max },
    ]
    for change in changes {
      var changed = contradiction
      change(&changed)
      #expect(!changed.holds(in: Fixture.genesis))
    }
    var view = contradiction
    view.view = View(2)
    // A record has none, and none can be written for one.
    #expect(view.holds(in: Fixture.genesis) == (contradiction.kind == .record))
    #expect(!contradiction.holds(in: Fixture.makeGenesis(epoch: 3)))
  }

  @Test("are not made of a prepare and a commit, nor of a vote with a claim it cannot make")
  func kinds() {
    var prepares = Fixture.voteContradiction()
    prepares.kind = .prepare
    #expect(!prepares.holds(in: Fixture.genesis))
    var claim = Fixture.voteContradiction()
    claim.first.claim = LockClaim(Fixture.round)
    #expect(!claim.holds(in: Fixture.genesis))
    var other = Fixture.roundChangeContradiction()
    other.second.claim = .none
    #expect(!other.holds(in: Fixture.genesis))
  }

  @Test("of records with a view, and of kinds there are none of, are not read")
  func refused() {
    for (name, offset, value, error) in [
      ("recordContradiction", 24, 1, .outOfRange(offset: 24)), ("voteContradiction", 0, 1, .unknownKind(1)),
      ("voteContradiction", 0, 5, .unknownKind(5)), ("voteContradiction", 1, 1, .reservedBytesNotZero(offset: 1)),
      ("voteContradiction", 28, 1, .reservedBytesNotZero(offset: 28)),
      // Commits have no claim; a round change's view of 0 has no period either.
      ("voteContradiction", 32, 1, .outOfRange(offset: 32)),
      ("roundChangeContradiction", 32, 1, .outOfRange(offset: 32)),
    ] as [(String, Int, UInt8, WireError)] {
      var damaged = Fixture.vector(name)
      damaged[offset] = value
      #expect(throws: error, "\(name), byte \(offset)") {
        var reader = WireReader(damaged.span)
        _ = try Contradiction(decoding: &reader)
      }
    }
  }

  @Test("the accused only grow")
  func accused() {
    var accused = Accused()
    for contradiction in Self.all { accused.insert(contradiction.party, in: Fixture.owner) }
    #expect(accused.count == 2)
    #expect(accused.members == 8)
    #expect(accused.meters.contains(MeterIndex(1)))
    for contradiction in Self.all { #expect(accused.contains(contradiction.party, in: Fixture.owner)) }
    #expect(Accused().subtracting(accused).count == 0)
    #expect(accused.subtracting(Accused(members: 8)).count == 1)
  }

  @Test("a meter is named in its own set's header by its bit, in another's by set and number")
  func elsewhere() {
    let meter = AccusedParty.meter(MeterIndex(1), of: Fixture.owner)
    var own = Accused()
    own.insert(meter, in: Fixture.owner)
    var other = Accused()
    other.insert(meter, in: ReplicaIndex(2))
    #expect(own.meters == Fixture.contributors([1]) && own.elsewhere.count == 0)
    #expect(other.meters.count == 0 && other.elsewhere.contains(MeterIndex(1), of: Fixture.owner))
    #expect(own.contains(meter, in: Fixture.owner) && !own.contains(meter, in: ReplicaIndex(2)))
    #expect(other.contains(meter, in: ReplicaIndex(2)) && !other.contains(meter, in: Fixture.owner))
    // Each header names its own: what the one before named elsewhere does not stand.
    #expect(other.subtracting(other).count == 1)
  }
}
