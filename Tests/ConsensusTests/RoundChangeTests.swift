import Consensus
import Cryptography
import Testing
import Units
import Wire

@Suite("Round changes (Castro & Liskov 1999, §4.4; reference/consensus.md, rules 10–27)")
struct RoundChangeTests {
  static let timing = Timing(firstViewTicks: 20, viewTicks: 20, collectTicks: 5, retransmitTicks: 3)

  /// Ticks all members but the silent ones, delivering everything at once; free primaries propose `value`.
  func run(
    _ bench: Bench, ticks: Int, silent: Set<Int> = [], value: Digest? = digest(1), losesView0: Bool = false
  ) {
    for _ in 0..<ticks {
      for member in bench.instances.indices where !silent.contains(member) {
        bench.step(member, .tick)
        let awaits = bench.instances[member].instance.awaitsProposal
        let isLater = bench.instances[member].instance.view.rawValue > 0
        if awaits, isLater, let value { bench.step(member, .propose(value)) }
      }
      while !bench.flight.isEmpty {
        var isLost = silent.contains(bench.flight[0].0)
        if losesView0, case .vote(let vote) = bench.flight[0].1, vote.statement.view == View(0) { isLost = true }
        if isLost { bench.flight.removeFirst() } else { bench.deliver(0) }
      }
    }
  }

  @Test("a silent primary costs a view, not the period", arguments: [UInt16(4), 5, 7, 16])
  func silentPrimary(members: UInt16) {
    let bench = Bench(members: members)
    let silent = bench.primary
    run(bench, ticks: 30, silent: [silent])
    #expect(bench.decisions.count == Int(members) - 1)
    #expect(bench.decisions.values.allSatisfy { $0 == digest(1) })
    let views = bench.instances.indices.filter { $0 != silent }.map { bench.instances[$0].instance.view }
    #expect(views.allSatisfy { $0 == View(1) })
    bench.expectNoConflict()
  }

  @Test("f silent primaries in a row cost f views", arguments: [UInt16(7), 16])
  func silentPrimaries(members: UInt16) {
    let bench = Bench(members: members)
    let faults = Int(bench.context.quorum.faults)
    let silent = Set((0..<faults).map { (bench.primary + $0) % Int(members) })
    run(bench, ticks: 20 * 8 * (faults + 2), silent: silent)
    #expect(bench.decisions.count == Int(members) - faults)
    let views = bench.instances.indices.filter { !silent.contains($0) }.map { bench.instances[$0].instance.view }
    #expect(views.allSatisfy { $0 == View(UInt32(faults)) })
  }

  @Test("what one member prepared is proposed by the next primary, whatever it would like (rules 11, 14)")
  func lockedValue() {
    let bench = Bench(valid: [digest(1), digest(2)])
    bench.step(bench.primary, .propose(digest(1)))
    let lone = 0
    // Everybody prepares; only member 0 sees that.
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
    #expect(bench.instances[lone].instance.lockedDigest == digest(1))
    #expect(bench.decisions.isEmpty)
    run(bench, ticks: 40, silent: [bench.primary], value: digest(2), losesView0: true)
    #expect(bench.decisions.count == 3)
    #expect(bench.decisions.values.allSatisfy { $0 == digest(1) })
    let newRound = bench.instances[lone].instance.newRound
    #expect(newRound?.proposal == .locked(digest(1), View(0)))
    bench.expectNoConflict()
  }

  @Test("without a prepared value the next primary proposes its own, and after the collect window NULL (DESIGN §3)")
  func freeAndNull() {
    for value in [digest(2), Digest()] {
      let bench = Bench(valid: [digest(2), Digest()])
      let next = (bench.primary + 1) % 4
      var ticks = 0
      while !bench.instances[next].instance.awaitsProposal {
        run(bench, ticks: 1, silent: [bench.primary], value: nil)
        ticks += 1
      }
      let refusals = bench.refusals.count
      bench.step(next, .propose(Digest()))
      #expect(bench.refusals[refusals...] == [.tooEarly])
      let mayProposeNull = bench.instances[next].instance.mayProposeNull
      #expect(!mayProposeNull)
      run(bench, ticks: 10, silent: [bench.primary], value: value)
      #expect(bench.decisions.count == 3)
      #expect(bench.decisions.values.allSatisfy { $0 == value })
      let proposal = bench.instances[0].instance.newRound?.proposal
      #expect(proposal == (value == Digest() ? .null : .free(digest(2))))
    }
  }

  @Test(
    "a member that left a view signs nothing about it, and a commit that completes a quorum still decides (rule 10)")
  func oldView() {
    let bench = Bench()
    let backup = (bench.primary + 2) % 4
    bench.receive(backup, bench.vote(.prepare, by: UInt16(bench.primary), digest(1)), proposal: true)
    run(bench, ticks: 20, silent: Set(0..<4).subtracting([backup]))
    let view = bench.instances[backup].instance.view
    #expect(view == View(1))
    let signed = bench.journal[backup].count
    for other in (0..<UInt16(4)) where Int(other) != backup {
      bench.receive(backup, bench.vote(.prepare, by: other, digest(1)))
    }
    #expect(bench.journal[backup].count == signed)
    for other in (0..<UInt16(4)) where Int(other) != backup {
      bench.receive(backup, bench.vote(.commit, by: other, digest(1)))
    }
    #expect(bench.decisions[backup] == digest(1))
    #expect(bench.journal[backup].count == signed)
  }

  @Test("one member in a later view moves nobody, f + 1 move all, to the highest view f + 1 have reached (rule 22)")
  func joining() {
    let bench = Bench(members: 7)
    let change = { (member: UInt16, view: UInt32) -> Vote in bench.vote(.roundChange, by: member, Digest(), view: view) }
    for (member, view) in [(UInt16(1), UInt32(9)), (2, 5)] {
      bench.deliver(.roundChange(RoundChange(vote: change(member, view), prepared: bench.none)), to: 0)
    }
    var view = bench.instances[0].instance.view
    #expect(view == View(0))
    bench.deliver(.roundChange(RoundChange(vote: change(4, 3), prepared: bench.none)), to: 0)
    view = bench.instances[0].instance.view
    #expect(view == View(3))
    #expect(bench.journal[0].map(\.statement.view) == [View(3)])
    bench.deliver(.roundChange(RoundChange(vote: change(4, 7), prepared: bench.none)), to: 0)
    view = bench.instances[0].instance.view
    #expect(view == View(5))
  }

  @Test("the timer runs only where q members are, doubles, and stops doubling at 8 T0 (rules 21, 25, coverage rule 11)")
  func timers() {
    let bench = Bench()
    for _ in 0..<200 { bench.step(0, .tick) }
    var view = bench.instances[0].instance.view
    // All are in view 0 from the start; nobody else is known to be in view 1.
    #expect(view == View(1))
    for member in [UInt16(1), 2] {
      bench.deliver(
        .roundChange(RoundChange(vote: bench.vote(.roundChange, by: member, Digest(), view: 6), prepared: bench.none)),
        to: 0)
    }
    view = bench.instances[0].instance.view
    #expect(view == View(6))
    for _ in 0..<159 { bench.step(0, .tick) }
    view = bench.instances[0].instance.view
    #expect(view == View(6))
    bench.step(0, .tick)
    view = bench.instances[0].instance.view
    #expect(view == View(7))
    #expect((0..<8).map { Self.timing.roundChangeTimeoutTicks(View($0)) } == [20, 40, 80, 160, 160, 160, 160, 160])
    #expect(Self.timing.roundChangeTimeoutTicks(View(.max)) == 160)
  }

  @Test("a round change is sent again until its view is decided or left, also after a restart (rule 23)")
  func repeated() {
    let bench = Bench()
    for _ in 0..<20 { bench.step(0, .tick) }
    let first = bench.emitted.last
    #expect(first?.statement.kind == .roundChange)
    bench.emitted = []
    for _ in 0..<9 { bench.step(0, .tick) }
    #expect(bench.emitted == [first, first, first])
    bench.restart(0)
    bench.emitted = []
    bench.step(0, .tick)
    #expect(bench.emitted == [first])
    let view = bench.instances[0].instance.view
    #expect(view == View(1))
  }

  @Test("restarts at every point of a round change lose no lock and contradict nothing (rules 20, 39, 40)")
  func restarts() {
    for crash in 0..<60 {
      let bench = Bench(valid: [digest(1), digest(2)])
      bench.step(bench.primary, .propose(digest(1)))
      var delivered = 0
      var lost = 0
      for _ in 0..<400 where bench.decisions.count < 4 {
        while !bench.flight.isEmpty {
          // Most commits of view 0 get lost, so that the locked value must pass through a round change.
          if case .vote(let vote) = bench.flight[0].1, vote.statement.kind == .commit, vote.statement.view == View(0),
            lost < 9
          {
            lost += 1
            bench.flight.removeFirst()
            continue
          }
          bench.deliver(0)
          delivered += 1
          if delivered == crash { for member in 0..<4 where member != crash % 4 { bench.restart(member) } }
        }
        for member in 0..<4 {
          bench.step(member, .tick)
          let awaits = bench.instances[member].instance.awaitsProposal
          if awaits { bench.step(member, .propose(digest(2))) }
        }
      }
      #expect(bench.decisions.count == 4, "crash after \(crash)")
      #expect(Set(bench.decisions.values).count == 1)
      bench.expectNoConflict()
    }
  }

  @Test("a primary of a later view repeats its new round byte for byte after a restart (rules 23, 39)")
  func newRoundAfterRestart() {
    let bench = Bench()
    let next = (bench.primary + 1) % 4
    var old: NewRound?
    for _ in 0..<40 where old == nil {
      run(bench, ticks: 1, silent: [bench.primary])
      old = bench.instances[next].instance.newRound
    }
    bench.restart(next)
    let new = bench.instances[next].instance.newRound
    #expect(old != nil && old == new)
    bench.emitted = []
    bench.step(next, .tick)
    #expect(bench.emitted.first == old?.prepare)
  }

  @Test("a decided member answers a round change with the certificate (rule 27)")
  func late() {
    let bench = Bench()
    bench.step(bench.primary, .propose(digest(1)))
    bench.settle()
    bench.late = []
    bench.deliver(
      .roundChange(RoundChange(vote: bench.vote(.roundChange, by: 1, Digest(), view: 1), prepared: bench.none)), to: 0)
    #expect(bench.late.map { $0.1 } == [1])
  }

  @Test("two round changes of one member for one view are evidence; commits in two views are not (rule 49)")
  func evidence() {
    let bench = Bench()
    let hidden = RoundChange(vote: bench.vote(.roundChange, by: 1, Digest(), view: 1), prepared: bench.none)
    var honest = hidden
    honest.prepared = bench.prepared(digest(1))
    honest.vote.statement.digest = digest(1)
    honest.vote.statement.sequenceNumber = SequenceNumber(1)
    honest.vote.signature = signingKey(1).sign(honest.vote.statement)
    bench.deliver(.roundChange(hidden), to: 0)
    bench.deliver(.roundChange(honest), to: 0)
    bench.deliver(.roundChange(honest), to: 0)
    #expect(bench.evidence == 1)
    bench.receive(0, bench.vote(.commit, by: 2, digest(1)))
    bench.receive(0, bench.vote(.commit, by: 2, digest(2), view: 1))
    #expect(bench.evidence == 1)
  }

  @Test("a certificate from a view ahead moves a member there without asking for it, and is carried on (rules 11, 24)")
  func certificateAhead() {
    let bench = Bench()
    var statement = bench.vote(.roundChange, by: 3, digest(1), view: 5).statement
    statement.sequenceNumber = SequenceNumber(3)
    let change = RoundChange(
      vote: Vote(statement: statement, signature: signingKey(3).sign(statement)),
      prepared: bench.prepared(digest(1), view: 2, by: [1, 2, 3]))
    bench.deliver(.roundChange(change), to: 0)
    let view = bench.instances[0].instance.view
    #expect(view == View(2))
    #expect(bench.journal[0].isEmpty)
    for _ in 0..<80 { bench.step(0, .tick) }
    let own = bench.instances[0].instance.roundChange
    #expect(own?.vote.statement.view == View(3))
    #expect(own?.prepared == bench.prepared(digest(1), view: 2, by: [1, 2, 3]))
  }
}
