import Consensus
import Cryptography
import Testing
import Units
import Wire

@Suite("Restarts (docs/CONSENSUS.md, Kept on disk)")
struct RestartTests {
  /// What happened to member 0 before it crashed, and what it must know afterwards.
  struct Row: CustomTestStringConvertible, Sendable {
    var name: String
    var before: @Sendable (Bench) -> Void
    var round: Round
    var lock: Round?
    /// The kinds and rounds of what the first tick sends.
    var sent: [StatementKind]
    var testDescription: String { name }
  }

  static let rows: [Row] = [
    Row(name: "nothing was signed", before: { $0.end(8, for: [0]) }, round: round(8), lock: nil, sent: []),
    Row(
      name: "prepared in the first round",
      before: { $0.receive(0, $0.vote(.prepare, by: 3, digest(1)), proposal: true) }, round: round(6), lock: nil,
      sent: [.prepare]),
    Row(
      name: "locked in the first round", before: lockFirst, round: round(6), lock: round(6), sent: [.prepare, .commit]),
    Row(
      name: "asked for the next view without a lock", before: { bench in for _ in 0..<20 { bench.tick(0) } },
      round: round(6, 1), lock: nil, sent: [.roundChange]),
    Row(
      name: "locked, and asked for the next view",
      before: { bench in
        lockFirst(bench)
        for _ in 0..<20 { bench.tick(0) }
      }, round: round(6, 1), lock: round(6), sent: [.roundChange]),
    Row(
      name: "locked, and asked for the next period's round",
      before: { bench in
        lockFirst(bench)
        bench.end(7, for: [0])
      }, round: round(7), lock: round(6), sent: [.roundChange]),
    Row(
      name: "asked with a lock that it was shown",
      before: { bench in
        bench.end(7, for: [0])
        bench.receive(0, bench.change(2, round(7), bench.prepared(digest(1), by: [1, 2, 3])))
      }, round: round(7), lock: round(6), sent: [.roundChange]),
    Row(
      name: "led a later round",
      before: { bench in
        bench.end(7, for: [0])
        bench.receive(0, bench.change(2, round(7), bench.prepared(digest(1), by: [1, 2, 3])))
        bench.receive(0, bench.change(3, round(7)))
      }, round: round(7), lock: round(6), sent: [.prepare]),
    Row(
      name: "followed a new round with a lock, of a period that its clock had not ended",
      before: { bench in
        let prepared = bench.prepared(digest(1), by: [1, 2, 3])
        let changes = [bench.change(1, round(8), prepared), bench.change(2, round(8)), bench.change(3, round(8))]
        bench.receive(0, bench.newRound(digest(1), round(8), changes, prepared))
      }, round: round(8), lock: round(6), sent: [.prepare]),
    Row(
      name: "locked anew in a later round",
      before: { bench in
        let changes = (1..<UInt16(4)).map { bench.change($0, round(8)) }
        bench.receive(0, bench.newRound(digest(1), round(8), changes))
        bench.receive(0, bench.vote(.prepare, by: 2, digest(1), round(8)))
      }, round: round(8), lock: round(8), sent: [.prepare, .commit]),
  ]

  static let lockFirst: @Sendable (Bench) -> Void = { bench in
    bench.receive(0, bench.vote(.prepare, by: 3, digest(1)), proposal: true)
    bench.receive(0, bench.vote(.prepare, by: 2, digest(1)))
  }

  @Test("a restarted member stands where it stood: round, lock, and what its first tick sends", arguments: rows)
  func table(row: Row) {
    let bench = Bench()
    row.before(bench)
    let signed = bench.journal[0]
    #expect(bench.current(0) == row.round)
    bench.restart(0)
    #expect(bench.current(0) == row.round)
    #expect(bench.lock(0)?.round == row.lock)
    #expect(row.lock == nil || bench.lock(0)?.digest == digest(1))
    #expect(bench.isOpen(0))
    bench.emitted = []
    bench.tick(0, hasRecords: false)
    #expect(bench.emitted.map(\.statement.kind) == row.sent)
    #expect(bench.emitted.allSatisfy { signed.contains($0) && $0.statement.round == row.round })
    #expect(bench.journal[0] == signed, "nothing new was signed")
  }

  @Test("a restarted member signs nothing again in a round in which it signed", arguments: rows)
  func signsNothingElse(row: Row) {
    let bench = Bench(valid: [digest(1), digest(2), digest(3)])
    row.before(bench)
    bench.restart(0)
    // A liar that leads offers another value in the round where it stands.
    let leader = bench.context.primary(owner: bench.owner, row.round).rawValue
    if row.round == bench.firstRound {
      bench.receive(0, bench.vote(.prepare, by: leader, digest(2)), proposal: true)
    } else if leader != 0 {
      let changes = (1..<UInt16(4)).map { bench.change($0, row.round) }
      bench.receive(0, bench.newRound(digest(2), row.round, changes))
    } else {
      bench.step(0, .propose(digest(2)))
    }
    for other in 1..<UInt16(4) { bench.receive(0, bench.vote(.prepare, by: other, digest(2), row.round)) }
    let kinds = bench.journal[0].filter { $0.statement.round == row.round }.map(\.statement.kind)
    #expect(Set(kinds).count == kinds.count)
    bench.expectNoConflict()
  }

  @Test("a round entered without a word is not kept: the clock says it again")
  func silentRoundForgotten() {
    let bench = Bench()
    bench.end(9, for: [0])
    #expect(bench.entries[0].isEmpty)
    bench.ended[0] = nil
    bench.restart(0)
    #expect(bench.current(0) == round(6) && !bench.isOpen(0))
    bench.end(9, for: [0])
    #expect(bench.current(0) == round(9) && bench.emitted.isEmpty)
  }

  @Test(
    "restarts at every point of a round change lose no lock and contradict nothing (rules 20, 39, 40)",
    arguments: [false, true])
  func everyPoint(crossesPeriod: Bool) {
    for crash in 0..<60 {
      let bench = Bench(valid: [digest(1), digest(2)])
      bench.step(bench.primary, .propose(digest(1)))
      var delivered = 0
      var lost = 0
      for tick in 0..<400 where bench.decisions.count < 4 {
        if crossesPeriod, tick == 10 { bench.end(7) }
        while !bench.flight.isEmpty {
          // Most commits of the first round get lost, so that the locked value must pass through a round change.
          if lost < 9, case .vote(let vote) = bench.flight[0].1, vote.statement.kind == .commit,
            vote.statement.round == round(6)
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
          bench.tick(member)
          if bench.awaitsProposal(member) { bench.step(member, .propose(digest(2))) }
        }
        bench.answerLate()
      }
      #expect(bench.decisions.count == 4, "crash after \(crash)")
      #expect(Set(bench.decisions.values).count == 1)
      bench.expectNoConflict()
    }
  }

  @Test("a primary of a later round repeats its new round byte for byte after a restart (rules 23, 39)")
  func newRoundAfterRestart() {
    let bench = Bench()
    let next = (bench.primary + 1) % 4
    var old: NewRound?
    for _ in 0..<40 where old == nil {
      bench.run(ticks: 1, silent: [bench.primary])
      old = bench.instances[next].instance.newRound
    }
    bench.restart(next)
    let new = bench.instances[next].instance.newRound
    #expect(old != nil && old == new)
    bench.emitted = []
    bench.tick(next)
    #expect(bench.emitted.first == old?.prepare)
  }

  @Test("an entry that is cut short, or followed by more, is not restored")
  func damagedEntries() {
    let bench = Bench()
    Self.lockFirst(bench)
    for _ in 0..<20 { bench.tick(0) }
    func isRestored(_ entry: [UInt8]) -> Bool {
      let cell = bench.fresh(0)
      var reader = WireReader(entry.span)
      do {
        let vote = try Vote(decoding: &reader)
        try cell.instance.restore(vote, proof: &reader)
      } catch { return false }
      return true
    }
    #expect(bench.journal[0].map(\.statement.kind) == [.prepare, .commit, .roundChange])
    for entry in bench.entries[0] {
      #expect(isRestored(entry))
      for count in entry.indices { #expect(!isRestored(Array(entry[..<count]))) }
      #expect(!isRestored(entry + [0]))
    }
  }
}
