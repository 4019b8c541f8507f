import Consensus
import Cryptography
import Testing
import Units
import Wire

@Suite("Rounds across a period's end: open, silent, asked for, locked (docs/CONSENSUS.md)")
struct PeriodTests {
  // MARK: The first round

  @Test("the first round's proposal needs no justification; every later one's does, (p, 0) too (rule R6)")
  func justification() {
    let bench = Bench()
    // Member 0 leads (6, 1) and (7, 0), member 1 leads (6, 2), (7, 1) and (8, 0).
    bench.end(9)
    for (leader, later) in [(UInt16(0), round(6, 1)), (0, round(7)), (1, round(7, 1)), (1, round(8)), (2, round(9))] {
      bench.receive(3, bench.vote(.prepare, by: leader, digest(1), later), proposal: true)
    }
    #expect(bench.refusals == Array(repeating: .wrongRound, count: 5))
    #expect(bench.journal[3].isEmpty)
    bench.receive(3, bench.newRound(digest(1), round(9), (0..<3).map { bench.change($0, round(9)) }))
    #expect(bench.journal[3].map(\.statement.kind) == [.prepare])
  }

  @Test("the first round has no round change and no new round, and none before it has anything")
  func firstRound() {
    let bench = Bench()
    bench.receive(0, bench.change(1, round(6)))
    bench.receive(0, bench.change(1, round(5, 7)))
    bench.receive(0, bench.newRound(digest(1), round(6), [1, 2, 3].map { bench.change($0, round(6)) }))
    bench.receive(0, bench.newRound(digest(1), round(5, 1), [1, 2, 3].map { bench.change($0, round(5, 1)) }))
    bench.receive(0, bench.vote(.prepare, by: 2, digest(1), round(5)), proposal: true)
    bench.receive(0, bench.vote(.commit, by: 2, digest(1), round(5, 9)))
    #expect(bench.refusals == Array(repeating: .wrongRound, count: 6))
    #expect(bench.current(0) == round(6) && bench.journal[0].isEmpty)
  }

  @Test("the first round is what the host says: (0, 0) at every height of a chain of blocks")
  func roundZero() {
    let bench = Bench(valid: [digest(1), digest(2)], firstRound: round(0))
    RoundChangeTests.locking(2, on: bench)
    bench.run(ticks: 60, silent: [bench.primary], value: digest(2)) { _, message in
      if case .vote(let vote) = message { vote.statement.round == round(0) } else { false }
    }
    #expect(bench.decisions.count == 3)
    #expect(bench.decisions.values.allSatisfy { $0 == digest(1) })
    let proposal = bench.instances[2].instance.newRound?.proposal
    #expect(proposal == .locked(digest(1), round(0)))
  }

  // MARK: Moving by the clock

  @Test("by its clock a member moves to (p, 0), and says nothing")
  func silentMove() {
    let bench = Bench()
    bench.end(7, for: [0])
    #expect(bench.current(0) == round(7))
    for _ in 0..<500 { bench.tick(0, hasRecords: false) }
    #expect(bench.current(0) == round(7) && bench.emitted.isEmpty && bench.journal[0].isEmpty)
    bench.end(11, for: [0])
    #expect(bench.current(0) == round(11) && bench.emitted.isEmpty)
  }

  @Test("a round never sinks: an earlier period's end, the same one's and the last number of all change nothing")
  func neverBack() {
    let bench = Bench()
    for _ in 0..<20 { bench.tick(0) }
    #expect(bench.current(0) == round(6, 1))
    for period in [UInt64(0), 5, 6, .max] {
      bench.end(period, for: [0])
      #expect(bench.current(0) == round(6, 1), "\(period)")
    }
    bench.end(.max - 1, for: [0])
    #expect(bench.current(0) == round(.max - 1))
  }

  @Test("records of the period that ended are no work in the next one")
  func staleRecords() {
    let bench = Bench()
    bench.tick(0)
    bench.end(7, for: [0])
    #expect(bench.emitted.isEmpty)
    bench.tick(0, hasRecords: false)
    #expect(bench.emitted.isEmpty)
  }

  // MARK: Open

  @Test("a round is open by the own clock, or when f + 1 others have signed in its period or later", arguments: [4, 7])
  func opening(members: UInt16) {
    let faults = UInt16(Quorum(members: members).faults)
    let byClock = Bench(members: members, isOpen: false)
    byClock.end(5)
    #expect(!byClock.isOpen(0))
    byClock.end(6)
    #expect(byClock.isOpen(0))
    let byOthers = Bench(members: members, isOpen: false)
    for other in 1...faults {
      byOthers.receive(0, byOthers.vote(.commit, by: other, digest(UInt8(other))))
      // The same member twice is one member.
      byOthers.receive(0, byOthers.vote(.prepare, by: other, digest(UInt8(other)), round(8)))
    }
    #expect(!byOthers.isOpen(0), "f may be lying about the time")
    byOthers.receive(0, byOthers.vote(.commit, by: faults + 1, digest(1)))
    #expect(byOthers.isOpen(0))
    #expect(byOthers.current(0) == round(6))
  }

  @Test("nothing is signed in a round that is not open, but ballots for it are stored and counted")
  func notOpen() {
    let bench = Bench(members: 7, isOpen: false)
    let primary = UInt16(bench.primary)
    bench.step(bench.primary, .propose(digest(1)))
    #expect(bench.refusals == [.notOpen])
    #expect(!bench.awaitsProposal(bench.primary))
    let backup = (bench.primary + 1) % 7
    let others = (0..<UInt16(7)).filter { $0 != primary && Int($0) != backup }
    bench.receive(backup, bench.vote(.prepare, by: primary, digest(1)), proposal: true)
    bench.receive(backup, bench.vote(.prepare, by: others[0], digest(1)))
    for _ in 0..<500 { bench.tick(backup) }
    #expect(bench.journal[backup].isEmpty && bench.current(backup) == round(6))
    bench.end(6)
    #expect(bench.journal[backup].map(\.statement.kind) == [.prepare])
    #expect(bench.awaitsProposal(bench.primary))
    // Five of seven, two of whom came before.
    bench.receive(backup, bench.vote(.prepare, by: others[1], digest(1)))
    #expect(bench.journal[backup].count == 1)
    bench.receive(backup, bench.vote(.prepare, by: others[2], digest(1)))
    #expect(bench.journal[backup].map(\.statement.kind) == [.prepare, .commit])
  }

  @Test("a proposal that came too early is prepared as soon as f + 1 others have signed")
  func openedByVotes() {
    let bench = Bench(isOpen: false)
    bench.receive(0, bench.vote(.prepare, by: UInt16(bench.primary), digest(1)), proposal: true)
    #expect(bench.journal[0].isEmpty)
    bench.receive(0, bench.vote(.prepare, by: 1, digest(1)))
    #expect(bench.journal[0].map(\.statement.kind) == [.prepare, .commit])
  }

  @Test("q commits in a round that is not open decide all the same")
  func decidedBeforeOpen() {
    let bench = Bench(isOpen: false)
    for other in 1..<UInt16(4) { bench.receive(0, bench.vote(.commit, by: other, digest(1))) }
    #expect(bench.decisions[0] == digest(1) && bench.journal[0].isEmpty)
  }

  @Test("a new round and a prepared certificate open their period: q members have signed in it")
  func openedByProof() {
    let bench = Bench(isOpen: false)
    bench.receive(3, bench.newRound(digest(1), round(9), [0, 1, 2].map { bench.change($0, round(9)) }))
    #expect(bench.current(3) == round(9) && bench.isOpen(3))
    #expect(bench.journal[3].map(\.statement.round) == [round(9)])
    bench.receive(0, bench.change(3, round(9, 1), bench.prepared(digest(1), round(8), by: [1, 2, 3])))
    #expect(bench.current(0) == round(8) && bench.isOpen(0))
    #expect(bench.journal[0].isEmpty, "there it waits")
  }

  // MARK: Asking

  @Test("in a round entered silently a member asks once it has work: records of that round, or a lock")
  func asksWithWork() {
    let bench = Bench()
    bench.end(7, for: [0])
    bench.tick(0, hasRecords: false)
    #expect(bench.asksFor(0) == nil)
    bench.tick(0)
    #expect(bench.asksFor(0) == round(7))
    #expect(bench.emitted.count == 1)
    let locked = Bench()
    RoundChangeTests.locking(1, on: locked)
    locked.emitted = []
    locked.end(7, for: [1])
    #expect(locked.asksFor(1) == round(7))
    #expect(locked.emitted.map(\.statement.claim) == [LockClaim(round(6))])
  }

  @Test("one that asks for a member's round or a later one is answered by a round change for the member's own")
  func answersOne() {
    for asked in [round(7), round(7, 3), round(9)] {
      let bench = Bench()
      bench.end(7, for: [0])
      bench.receive(0, bench.change(2, asked))
      #expect(bench.asksFor(0) == round(7), "asked for \(asked)")
      #expect(bench.emitted.count == 1)
    }
    let bench = Bench()
    bench.end(7, for: [0])
    bench.receive(0, bench.change(2, round(6, 3)))
    #expect(bench.asksFor(0) == nil, "an earlier one")
    bench.receive(0, bench.vote(.commit, by: 3, digest(1), round(7)))
    #expect(bench.asksFor(0) == nil, "a vote asks for nothing")
  }

  @Test("who asked before a member's clock moved it there is answered then")
  func answersLater() {
    let bench = Bench()
    bench.receive(0, bench.change(2, round(7)))
    #expect(bench.current(0) == round(6) && bench.emitted.isEmpty)
    bench.end(7, for: [0])
    #expect(bench.asksFor(0) == round(7))
  }

  @Test(
    "one asker is followed to the next view after T and no further, however far it went",
    arguments: [round(6, 1), round(6, 7), round(8), round(.max, 1)])
  func followsOne(asked: Round) {
    let bench = Bench()
    bench.receive(0, bench.change(2, asked))
    for _ in 0..<19 { bench.tick(0, hasRecords: false) }
    #expect(bench.current(0) == round(6) && bench.emitted.isEmpty)
    bench.tick(0, hasRecords: false)
    #expect(bench.current(0) == round(6, 1) && bench.asksFor(0) == round(6, 1))
    // Two of four are there, so its timer stands still.
    for _ in 0..<500 { bench.tick(0, hasRecords: false) }
    #expect(bench.current(0) == round(6, 1))
    bench.receive(0, bench.change(1, round(6, 1)))
    for _ in 0..<19 { bench.tick(0, hasRecords: false) }
    #expect(bench.current(0) == round(6, 1))
    bench.tick(0, hasRecords: false)
    #expect(bench.current(0) == (asked > round(6, 1) ? round(6, 2) : round(6, 1)))
  }

  @Test("time that passed before the asker came counts: T is waited out once")
  func waitedBefore() {
    let bench = Bench()
    for _ in 0..<500 { bench.tick(0, hasRecords: false) }
    bench.receive(0, bench.change(2, round(6, 1)))
    #expect(bench.current(0) == round(6))
    bench.tick(0, hasRecords: false)
    #expect(bench.current(0) == round(6, 1))
  }

  @Test("one member with records moves an idle group past a silent primary", arguments: [UInt16(4), 5, 7])
  func oneHolder(members: UInt16) {
    let bench = Bench(members: members)
    bench.end(7)
    let silent = Int(bench.context.primary(owner: bench.owner, round(7)).rawValue)
    let holder = Int(bench.context.primary(owner: bench.owner, round(7, 1)).rawValue)
    bench.run(ticks: 60, silent: [silent], records: [holder])
    #expect(bench.decisions.count == Int(members) - 1)
    #expect(bench.instances.indices.allSatisfy { $0 == silent || bench.current($0) == round(7, 1) })
    bench.expectNoConflict()
  }

  @Test("a group without records is silent however many periods end")
  func idleGroup() {
    let bench = Bench()
    for period in 7..<UInt64(30) {
      bench.end(period)
      bench.run(ticks: 100, records: [])
    }
    #expect(bench.emitted.isEmpty && bench.current(0) == round(29))
    // It decides with the first records that come.
    bench.run(ticks: 10)
    #expect(bench.decisions.count == 4)
    let decidedRound = bench.instances[0].instance.decidedRound
    #expect(decidedRound == round(29))
  }

  // MARK: The lock

  @Test("a lock outlives a period's end, and its value is decided in the next period")
  func lockOutlivesPeriod() {
    let bench = Bench(valid: [digest(1), digest(2)])
    RoundChangeTests.locking(2, on: bench)
    bench.flight = []
    bench.end(7)
    #expect(bench.lock(2)?.digest == digest(1) && bench.lock(2)?.round == round(6))
    #expect(bench.asksFor(2) == round(7))
    bench.run(ticks: 30, silent: [bench.primary], value: digest(2))
    #expect(bench.decisions.count == 3)
    #expect(bench.decisions.values.allSatisfy { $0 == digest(1) })
    let proposal = bench.instances[1].instance.newRound?.proposal
    #expect(proposal == .locked(digest(1), round(6)))
    bench.expectNoConflict()
  }

  @Test("a lock that is shown in a round change is taken over and passed on, and a lower one changes nothing")
  func lockTakenOver() {
    let bench = Bench(valid: [digest(1), digest(2)])
    bench.end(7, for: [0])
    let higher = bench.prepared(digest(2), round(6, 1), by: [1, 2, 3])
    bench.receive(0, bench.change(3, round(7), higher))
    #expect(bench.lock(0)?.digest == digest(2) && bench.lock(0)?.round == round(6, 1))
    #expect(bench.emitted.map(\.statement.claim) == [LockClaim(round(6, 1))])
    let shown = bench.instances[0].instance.roundChange?.prepared
    #expect(shown == higher)
    bench.receive(0, bench.change(2, round(7), bench.prepared(digest(1))))
    #expect(bench.lock(0)?.digest == digest(2))
    // Member 0 leads (7, 0): q have asked, and it proposes what it was shown.
    let proposal = bench.instances[0].instance.newRound?.proposal
    #expect(proposal == .locked(digest(2), round(6, 1)))
  }

  @Test("a lock that is shown in a new round is taken over, and named in the next round change")
  func lockOfNewRound() {
    let bench = Bench()
    let prepared = bench.prepared(digest(1))
    let changes = [bench.change(0, round(7)), bench.change(1, round(7), prepared), bench.change(3, round(7))]
    bench.receive(2, bench.newRound(digest(1), round(7), changes, prepared))
    #expect(bench.lock(2)?.round == round(6))
    bench.end(8, for: [2])
    let own = bench.instances[2].instance.roundChange
    #expect(own?.vote.statement.claim == LockClaim(round(6)) && own?.prepared == prepared)
  }

  @Test("a lock outlives a free new round, whose value its holder prepares all the same (rule 24)")
  func lockOutlivesNewRound() {
    let bench = Bench(valid: [digest(1), digest(2)])
    RoundChangeTests.locking(2, on: bench)
    bench.receive(2, bench.newRound(digest(2), round(7), [0, 1, 3].map { bench.change($0, round(7)) }))
    #expect(bench.journal[2].last?.statement.digest == digest(2))
    #expect(bench.lock(2)?.digest == digest(1) && bench.lock(2)?.round == round(6))
    bench.end(8, for: [2])
    #expect(bench.journal[2].last?.statement.claim == LockClaim(round(6)))
  }

  @Test("a lock replaces a lock of an earlier period, be its view lower")
  func laterPeriodWins() {
    let bench = Bench(valid: [digest(1), digest(2)])
    bench.end(8, for: [0])
    bench.receive(0, bench.change(2, round(8), bench.prepared(digest(1), round(6, 5))))
    bench.receive(0, bench.change(3, round(8), bench.prepared(digest(2), round(7), by: [1, 2, 3])))
    #expect(bench.lock(0)?.digest == digest(2))
    bench.receive(0, bench.change(1, round(8), bench.prepared(digest(1), round(6, 9))))
    #expect(bench.lock(0)?.digest == digest(2))
  }

  @Test("a lock runs the timer, a shown one too")
  func lockRunsTimer() {
    for isLocked in [true, false] {
      let bench = Bench(valid: [])
      bench.end(7, for: [1])
      let lock = isLocked ? bench.prepared(digest(1)) : nil
      bench.receive(1, bench.change(2, round(7), lock))
      bench.receive(1, bench.change(3, round(7)))
      for _ in 0..<19 { bench.tick(1, hasRecords: false) }
      #expect(bench.current(1) == round(7))
      for _ in 0..<200 { bench.tick(1, hasRecords: false) }
      #expect(bench.current(1) == (isLocked ? round(7, 1) : round(7)))
    }
  }

  @Test("with a lock the primary proposes nothing else, in whatever period")
  func lockedPrimary() {
    let bench = Bench(valid: [digest(2)])
    bench.end(7, for: [0])
    bench.receive(0, bench.change(2, round(7), bench.prepared(digest(1))))
    bench.receive(0, bench.change(3, round(7)))
    #expect(!bench.awaitsProposal(0))
    let awaited = bench.instances[0].instance.awaitsValidation
    #expect(awaited == digest(1))
    bench.step(0, .propose(digest(2)))
    #expect(bench.refusals == [.locked])
    bench.step(0, .validated(digest(1)))
    let isLocked = bench.instances[0].instance.isLocked
    let proposal = bench.instances[0].instance.newRound?.proposal
    #expect(isLocked && proposal == .locked(digest(1), round(6)))
  }

  @Test("a prepare of an earlier round says nothing for the next: nothing but q of them is a lock")
  func preparedIsNoLock() {
    let bench = Bench(valid: [digest(1), digest(2)])
    bench.receive(0, bench.vote(.prepare, by: UInt16(bench.primary), digest(1)), proposal: true)
    bench.end(7, for: [0])
    #expect(bench.lock(0) == nil)
    bench.receive(0, bench.change(1, round(7)))
    bench.receive(0, bench.change(2, round(7)))
    #expect(bench.awaitsProposal(0))
    bench.step(0, .propose(digest(2)))
    #expect(bench.journal[0].map(\.statement.digest) == [digest(1), Digest(), digest(2)])
  }

  // MARK: All together

  /// One member off, 60 % loss for seven periods of 50 ticks, clocks up to ten ticks apart.
  @Test("with loss and clocks that differ, locks of one period are decided in a later one, and never two values")
  func shuffledPeriods() {
    for seed in 0..<UInt64(21) {
      var generator = TestGenerator(state: 900 + seed)
      let members = [UInt16(4), 5, 7][Int(seed % 3)]
      let bench = Bench(members: members, valid: [digest(1), digest(2), digest(3)])
      let off = Int.random(in: 0..<Int(members), using: &generator)
      let skew = (0..<Int(members)).map { _ in Int.random(in: 0..<10, using: &generator) }
      for tick in 0..<700 where bench.decisions.count < Int(members) - 1 {
        let isLossy = tick < 350
        for member in bench.instances.indices where member != off {
          if (tick + skew[member]) % 50 == 0 { bench.end(6 + UInt64((tick + skew[member]) / 50), for: [member]) }
          bench.tick(member, hasRecords: (member + tick / 50) % 2 == 0)
          if bench.awaitsProposal(member) {
            bench.step(member, .propose(digest(UInt8.random(in: 1...3, using: &generator))))
          }
        }
        while !bench.flight.isEmpty {
          let place = Int.random(in: 0..<bench.flight.count, using: &generator)
          let isLost = isLossy && UInt32.random(in: 0..<10, using: &generator) < 6
          if isLost || bench.flight[place].0 == off { bench.flight.remove(at: place) } else { bench.deliver(place) }
        }
        bench.answerLate { _ in isLossy }
      }
      #expect(bench.decisions.count == Int(members) - 1, "seed \(seed)")
      #expect(Set(bench.decisions.values).count == 1, "seed \(seed)")
      #expect(bench.evidence == 0, "seed \(seed)")
      bench.expectNoConflict()
    }
  }
}
