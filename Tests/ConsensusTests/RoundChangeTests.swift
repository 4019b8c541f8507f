import Consensus
import Cryptography
import Testing
import Units
import Wire

@Suite("Round changes (Castro & Liskov 1999, §4.4; rules 10–12, 14–16, 19–25)")
struct RoundChangeTests {
  @Test("a silent primary costs a view, not the period", arguments: [UInt16(4), 5, 7, 16])
  func silentPrimary(members: UInt16) {
    let bench = Bench(members: members)
    let silent = bench.primary
    bench.run(ticks: 30, silent: [silent])
    #expect(bench.decisions.count == Int(members) - 1)
    #expect(bench.decisions.values.allSatisfy { $0 == digest(1) })
    #expect(bench.instances.indices.allSatisfy { $0 == silent || bench.current($0) == round(6, 1) })
    bench.expectNoConflict()
  }

  @Test("f silent primaries in a row cost f views", arguments: [UInt16(7), 16])
  func silentPrimaries(members: UInt16) {
    let bench = Bench(members: members)
    let faults = Int(bench.context.quorum.faults)
    let silent = Set((0..<faults).map { (bench.primary + $0) % Int(members) })
    bench.run(ticks: 20 * 8 * (faults + 2), silent: silent)
    #expect(bench.decisions.count == Int(members) - faults)
    #expect(
      bench.instances.indices.allSatisfy { silent.contains($0) || bench.current($0) == round(6, UInt32(faults)) })
  }

  /// Everybody prepares digest 1 in the first round, and only `lone` sees that; nobody decides.
  static func locking(_ lone: Int, on bench: Bench) {
    bench.step(bench.primary, .propose(digest(1)))
    while !bench.flight.isEmpty {
      let (receiver, message) = bench.flight[0]
      var isCommit = false
      if case .vote(let vote) = message { isCommit = vote.statement.kind == .commit }
      if case .vote = message, receiver != lone || isCommit {
        bench.flight.removeFirst()
      } else {
        bench.deliver(0)
      }
    }
    #expect(bench.lock(lone)?.digest == digest(1))
    #expect(bench.decisions.isEmpty)
  }

  @Test("what one member prepared is proposed by the next primary, whatever it would like (rules 11, 14)")
  func lockedValue() {
    let bench = Bench(valid: [digest(1), digest(2)])
    Self.locking(0, on: bench)
    bench.run(ticks: 40, silent: [bench.primary], value: digest(2)) { _, message in
      if case .vote(let vote) = message { vote.statement.round == round(6) } else { false }
    }
    #expect(bench.decisions.count == 3)
    #expect(bench.decisions.values.allSatisfy { $0 == digest(1) })
    let newRound = bench.instances[0].instance.newRound
    #expect(newRound?.proposal == .locked(digest(1), round(6)))
    bench.expectNoConflict()
  }

  @Test("without a prepared value the next primary proposes its own, once q members asked (rule 14)")
  func free() {
    let bench = Bench(valid: [digest(2)])
    let next = (bench.primary + 1) % 4
    bench.run(ticks: 20, silent: Set(0..<4).subtracting([next]))
    #expect(bench.current(next) == round(6, 1))
    bench.step(next, .propose(digest(2)))
    #expect(bench.refusals == [.tooEarly])
    bench.run(ticks: 30, silent: [bench.primary], value: digest(2))
    #expect(bench.decisions.count == 3)
    #expect(bench.decisions.values.allSatisfy { $0 == digest(2) })
    let proposal = bench.instances[1].instance.newRound?.proposal
    #expect(proposal == .free(digest(2)))
  }

  @Test("a primary that has nothing to propose says nothing, and the round passes")
  func nothingToPropose() {
    let bench = Bench()
    bench.run(ticks: 30, silent: [bench.primary], value: nil)
    #expect(bench.awaitsProposal(0))
    #expect(bench.emitted.allSatisfy { $0.statement.kind == .roundChange })
    bench.run(ticks: 20, silent: [bench.primary], value: nil)
    #expect(bench.current(0) == round(6, 2) && bench.decisions.isEmpty)
  }

  @Test(
    "a member that left a round signs nothing about it, and a commit that completes a quorum still decides (rule 10)",
    arguments: [true, false])
  func oldRound(leavesByItsClock: Bool) {
    let bench = Bench()
    let backup = (bench.primary + 2) % 4
    bench.receive(backup, bench.vote(.prepare, by: UInt16(bench.primary), digest(1)), proposal: true)
    if leavesByItsClock {
      bench.end(7, for: [backup])
      #expect(bench.current(backup) == round(7))
    } else {
      bench.run(ticks: 20, silent: Set(0..<4).subtracting([backup]))
      #expect(bench.current(backup) == round(6, 1))
    }
    let signed = bench.journal[backup].count
    for other in (0..<UInt16(4)) where Int(other) != backup {
      bench.receive(backup, bench.vote(.prepare, by: other, digest(1)))
    }
    #expect(bench.journal[backup].count == signed)
    for other in (0..<UInt16(4)) where Int(other) != backup {
      bench.receive(backup, bench.vote(.commit, by: other, digest(1)))
    }
    #expect(bench.decisions[backup] == digest(1))
    let decidedRound = bench.instances[backup].instance.decidedRound
    #expect(decidedRound == round(6))
    #expect(bench.journal[backup].count == signed)
  }

  @Test("a proposal of the first round is refused where that was left, though its vote had come before")
  func proposalOfOldRound() {
    let bench = Bench()
    let proposal = bench.vote(.prepare, by: UInt16(bench.primary), digest(1))
    bench.receive(0, proposal)
    bench.end(7, for: [0])
    bench.receive(0, proposal, proposal: true)
    bench.step(0, .validated(digest(1)))
    let hasAccepted = bench.instances[0].instance.accepted != nil
    #expect(!hasAccepted && bench.journal[0].isEmpty && bench.current(0) == round(7))
    #expect(bench.refusals == [.wrongRound])
  }

  @Test("one member in a later round moves nobody, f + 1 move all, to the highest round f + 1 have reached (rule 22)")
  func joining() {
    let bench = Bench(members: 7)
    bench.receive(0, bench.change(1, round(6, 9)))
    bench.receive(0, bench.change(2, round(6, 5)))
    #expect(bench.current(0) == round(6))
    #expect(bench.journal[0].isEmpty)
    bench.receive(0, bench.change(4, round(6, 3)))
    #expect(bench.current(0) == round(6, 3))
    #expect(bench.journal[0].map(\.statement.round) == [round(6, 3)])
    bench.receive(0, bench.change(4, round(6, 7)))
    #expect(bench.current(0) == round(6, 5))
  }

  @Test("f + 1 members move all at once across a period's end too, whatever a member's own clock says")
  func joiningLaterPeriods() {
    let bench = Bench(members: 7)
    bench.receive(0, bench.change(1, round(9)))
    bench.receive(0, bench.vote(.prepare, by: 2, digest(1), round(8, 1)))
    #expect(bench.current(0) == round(6))
    bench.receive(0, bench.vote(.commit, by: 4, digest(1), round(7, 3)))
    #expect(bench.current(0) == round(7, 3))
    #expect(bench.isOpen(0))
    #expect(bench.journal[0].map(\.statement) == [bench.change(0, round(7, 3)).vote.statement])
    // Of (9, 0), (8, 1) and (9, 2) the lowest is the one that three have reached.
    bench.receive(0, bench.vote(.commit, by: 4, digest(1), round(9, 2)))
    #expect(bench.current(0) == round(8, 1))
  }

  @Test("T(0) is what the host says, T(v) = T0·2^(v − 1), at most 8 T0 (rules 21, 25)")
  func timeouts() {
    let timing = Timing(firstViewTicks: 95, viewTicks: 20, retransmitTicks: 3)
    #expect((0..<8).map { timing.roundChangeTimeoutTicks(View($0)) } == [95, 20, 40, 80, 160, 160, 160, 160])
    #expect(timing.roundChangeTimeoutTicks(View(.max)) == 160)
    let longest = Timing(firstViewTicks: .max, viewTicks: UInt32.max >> 3, retransmitTicks: 3)
    #expect(longest.roundChangeTimeoutTicks(View(9)) == (UInt32.max >> 3) << 3)
    #expect(timing.ticks(ofViews: 0) == 0)
    #expect(timing.ticks(ofViews: 3) == 95 + 20 + 40)
    // B = T(0) + 2·ΣT(1 … f + 1).
    #expect(timing.healingTicks(faults: 1) == 95 + 2 * (20 + 40))
    #expect(timing.healingTicks(faults: 4) == 95 + 2 * (20 + 40 + 80 + 160 + 160))
    #expect(longest.healingTicks(faults: 21) > UInt64(UInt32.max))
  }

  @Test("the first round's timer runs at once, and no other one's until q members are there (rule 21)")
  func timers() {
    let bench = Bench()
    for _ in 0..<19 { bench.tick(0) }
    #expect(bench.current(0) == round(6))
    for _ in 0..<200 { bench.tick(0) }
    // Nobody else is known to be in view 1.
    #expect(bench.current(0) == round(6, 1))
    for member in [UInt16(1), 2] { bench.receive(0, bench.change(member, round(6, 6))) }
    #expect(bench.current(0) == round(6, 6))
    for _ in 0..<159 { bench.tick(0) }
    #expect(bench.current(0) == round(6, 6))
    bench.tick(0)
    #expect(bench.current(0) == round(6, 7))
  }

  @Test("a member that its clock took to (p, 0) waits for q as well before its timer runs", arguments: [1, 2, 3])
  func timerOfLaterPeriod(others: UInt16) {
    let bench = Bench()
    bench.end(7, for: [0])
    for member in 1...others { bench.receive(0, bench.vote(.prepare, by: member, digest(1), round(7))) }
    for _ in 0..<20 { bench.tick(0) }
    #expect(bench.current(0) == (others >= 2 ? round(7, 1) : round(7)))
  }

  @Test("a member without records, lock or proposal keeps still while time passes (rule R20)")
  func noWork() {
    let bench = Bench()
    for _ in 0..<1000 { bench.tick(0, hasRecords: false) }
    #expect(bench.current(0) == round(6) && bench.emitted.isEmpty)
    // Time without work does not count as time with work.
    for _ in 0..<19 { bench.tick(0) }
    #expect(bench.current(0) == round(6))
    bench.tick(0)
    #expect(bench.current(0) == round(6, 1))
  }

  @Test("a proposal is work, accepted or prepared, and after a restart still")
  func proposalIsWork() {
    let accepted = Bench(valid: [])
    accepted.receive(0, accepted.vote(.prepare, by: UInt16(accepted.primary), digest(1)), proposal: true)
    let prepared = Bench()
    prepared.receive(0, prepared.vote(.prepare, by: UInt16(prepared.primary), digest(1)), proposal: true)
    let restarted = Bench()
    restarted.receive(0, restarted.vote(.prepare, by: UInt16(restarted.primary), digest(1)), proposal: true)
    restarted.restart(0)
    for (name, bench) in [("accepted", accepted), ("prepared", prepared), ("restarted", restarted)] {
      for _ in 0..<19 { bench.tick(0, hasRecords: false) }
      #expect(bench.current(0) == round(6), "\(name)")
      bench.tick(0, hasRecords: false)
      #expect(bench.current(0) == round(6, 1), "\(name)")
    }
  }

  @Test("own messages are repeated six times soon, then once in T0, until the round is left or decided (rule 23)")
  func repetition() {
    let timing = Timing(firstViewTicks: 2000, viewTicks: 50, retransmitTicks: 3)
    let bench = Bench(timing: timing)
    bench.step(bench.primary, .propose(digest(1)))
    #expect(bench.emitted.count == 1)
    var places: [Int] = []
    for place in 1...200 {
      let before = bench.emitted.count
      bench.tick(bench.primary)
      if bench.emitted.count > before { places.append(place) }
    }
    #expect(places == [2, 4, 7, 10, 13, 16, 66, 116, 166])
    #expect(bench.emitted.allSatisfy { $0 == bench.emitted[0] })
    // Something new is soon again.
    for other in [UInt16(0), 1] { bench.receive(bench.primary, bench.vote(.prepare, by: other, digest(1))) }
    bench.emitted = []
    for _ in 0..<12 { bench.tick(bench.primary) }
    #expect(bench.emitted.count == 8)
    for (place, vote) in bench.emitted.enumerated() {
      #expect(vote.statement.kind == (place % 2 == 0 ? .prepare : .commit))
    }
    // Nothing after the decision.
    for other in [UInt16(0), 1] { bench.receive(bench.primary, bench.vote(.commit, by: other, digest(1))) }
    #expect(bench.decisions[bench.primary] == digest(1))
    bench.emitted = []
    for _ in 0..<200 { bench.tick(bench.primary) }
    #expect(bench.emitted.isEmpty)
  }

  @Test("a round change is repeated likewise, also after a restart (rule 23)")
  func repeated() {
    let bench = Bench()
    for _ in 0..<20 { bench.tick(0) }
    let first = bench.emitted.last
    #expect(first?.statement.kind == .roundChange)
    bench.emitted = []
    for _ in 0..<12 { bench.tick(0) }
    #expect(bench.emitted == [first, first, first, first])
    for _ in 0..<40 { bench.tick(0) }
    #expect(bench.emitted.count == 7 && bench.emitted.allSatisfy { $0 == first })
    bench.restart(0)
    bench.emitted = []
    bench.tick(0)
    #expect(bench.emitted == [first])
    #expect(bench.current(0) == round(6, 1))
  }

  @Test("two round changes of one member for one round are evidence, of one for two rounds are not (rule 49)")
  func evidence() {
    let bench = Bench()
    let hidden = bench.change(1, round(6, 1))
    let honest = bench.change(1, round(6, 1), bench.prepared(digest(1)))
    bench.receive(0, hidden)
    bench.receive(0, honest)
    bench.receive(0, honest)
    #expect(bench.evidence == 1)
    bench.receive(0, bench.change(1, round(7), bench.prepared(digest(1))))
    #expect(bench.evidence == 1)
    // A claim without another digest is another statement.
    let other = RoundChange(
      vote: bench.vote(.roundChange, by: 2, digest(1), round(7), claim: LockClaim(round(6, 1))),
      prepared: bench.prepared(digest(1), round(6, 1)))
    bench.receive(0, bench.change(2, round(7), bench.prepared(digest(1))))
    bench.receive(0, other)
    #expect(bench.evidence == 2)
  }

  @Test("two headers in one round are evidence; one header in two rounds and two headers in two are not (rule 49)")
  func votesInTwoRounds() {
    for kind in [StatementKind.prepare, .commit] {
      let bench = Bench()
      bench.receive(0, bench.vote(kind, by: 2, digest(1)))
      bench.receive(0, bench.vote(kind, by: 2, digest(1), round(6, 1)))
      bench.receive(0, bench.vote(kind, by: 2, digest(2), round(7)))
      #expect(bench.evidence == 0 && bench.refusals.isEmpty)
      // Too late to be compared with what it signed in that round.
      bench.receive(0, bench.vote(kind, by: 2, digest(3), round(6, 1)))
      #expect(bench.evidence == 0 && bench.refusals == [.wrongRound])
      bench.receive(0, bench.vote(kind, by: 2, digest(1), round(7)))
      #expect(bench.evidence == 1 && bench.refusals == [.wrongRound, .conflicting])
    }
  }

  @Test("a certificate from a round ahead moves a member there without asking for it, and is carried on (rules 11, 24)")
  func certificateAhead() {
    let bench = Bench()
    let prepared = bench.prepared(digest(1), round(6, 2), by: [1, 2, 3])
    bench.receive(0, bench.change(3, round(6, 5), prepared))
    #expect(bench.current(0) == round(6, 2))
    #expect(bench.journal[0].isEmpty)
    for _ in 0..<80 { bench.tick(0, hasRecords: false) }
    let own = bench.instances[0].instance.roundChange
    #expect(own?.vote.statement.round == round(6, 3))
    #expect(own?.prepared == prepared)
  }
}
