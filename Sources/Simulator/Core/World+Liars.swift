import Consensus
import Cryptography
import Units
import Wire

// Members that sign whatever helps. They see everything and choose who hears them; they cannot sign for others.
extension World {
  private func statement(
    _ kind: StatementKind, _ round: Round, _ value: Int, by member: Int, claim: LockClaim = .none
  ) -> Statement {
    Statement(
      kind: kind, in: context, owner: ReplicaIndex(UInt16(Self.owner)), position: position(step), round: round,
      digest: digest(value), claim: claim, signer: ReplicaIndex(UInt16(member)))
  }

  /// A liar's signature, which the ledger learns of.
  private func sign(_ kind: StatementKind, _ round: Round, _ value: Int, by liar: Int, claim: LockClaim = .none) -> Vote
  {
    precondition(liarMask >> UInt64(liar) & 1 == 1)
    let statement = statement(kind, round, value, by: liar, claim: claim)
    let vote = Vote(statement: statement, signature: keys.sign(statement))
    _ = ledgers[step].record(vote, value: value)
    return vote
  }

  /// Whom a liar tells: bit p for process p.
  private func audience() -> UInt64 {
    switch liarDice.below(4) {
    case 0: .max
    case 1: 1 << UInt64(liarDice.below(processes.count))
    case 2: side != 0 ? side : liarDice.bits()
    default: side != 0 ? ~side : liarDice.bits()
    }
  }

  private func tell(_ input: Input, by liar: Int, _ audience: UInt64) {
    let payload = add(input, liar, step)
    for process in processes where audience >> UInt64(process.place) & 1 == 1 && process.member != liar {
      schedule(payload, to: process.place, in: 1 + liarDice.below(3))
    }
  }

  /// At once backs what an honest member voted for, on its side of the partition: both sides may come to a quorum.
  func support(_ process: Process, _ vote: Vote) {
    guard !actors.isEmpty, process.isHonest, liarDice.hits(swarm.support) else { return }
    let value = value(of: vote.statement.digest)
    let round = vote.statement.round
    guard value >= 0, strikes() else { return }
    step = process.step
    let own = side >> UInt64(process.place) & 1
    let audience = side == 0 ? UInt64.max : own == 1 ? side : ~side
    for liar in actors {
      tell(.vote(Authenticated(own: sign(.prepare, round, value, by: liar))), by: liar, audience)
      if liarDice.below(2) == 0 {
        tell(.vote(Authenticated(own: sign(.commit, round, value, by: liar))), by: liar, audience)
      }
    }
  }

  func actLiars() {
    for liar in actors where liarDice.hits(swarm.action) {
      let target = processes[liarDice.below(processes.count)]
      let roll = liarDice.below(20)
      guard strikes(), target.decidedValue < 0 || roll > 16 else { continue }
      step = target.step
      let round = target.instance.round
      switch roll {
      case 0...4: vote(liar, liarDice.below(6) == 0 ? later(than: round) : round, target)
      case 5...9: lead(liar, round)
      case 10...13: ask(liar, liarDice.below(3) == 0 ? later(than: round) : round.next)
      case 14: forgeCertificate(liar, round, target)
      case 15: sendForeign(liar, round, target)
      case 16: mutate(liar)
      default: replay(liar)
      }
    }
  }

  /// Some views on, or in a period that may not have ended.
  private func later(than round: Round) -> Round {
    switch liarDice.below(8) {
    case 0...3: round.next
    case 4: Round(round.period, View(round.view.rawValue + UInt32(1 + liarDice.below(8))))
    case 5, 6: Round(round.period.next, View(UInt32(liarDice.below(2))))
    default: Round(Period(round.period.rawValue + UInt64(1 + liarDice.below(100))))
    }
  }

  /// What the target accepted, or anything: of the round's period, and now and then of another.
  private func anyValue(_ round: Round, _ target: Process) -> Int {
    if liarDice.below(3) > 0, let accepted = target.instance.accepted {
      return max(1, value(of: accepted.statement.digest))
    }
    return anyValue(round)
  }

  private func anyValue(_ round: Round) -> Int {
    var period = offset(round)
    if liarDice.below(8) == 0 { period = max(0, period + liarDice.below(4) - 2) }
    return value(period: min(max(0, period), Self.latestPeriod), choice: liarDice.below(Self.choices))
  }

  private func vote(_ liar: Int, _ round: Round, _ target: Process) {
    let kind: StatementKind = liarDice.below(2) == 0 ? .prepare : .commit
    tell(.vote(Authenticated(own: sign(kind, round, anyValue(round, target), by: liar))), by: liar, audience())
    if liarDice.below(4) == 0 {
      tell(.vote(Authenticated(own: sign(kind, round, anyValue(round, target), by: liar))), by: liar, audience())
    }
  }

  // MARK: Certificates

  /// The prepares or commits of (round, value), with what liars add; garbage where signatures are missing if `forging`.
  private func collect(
    _ kind: StatementKind, _ round: Round, _ value: Int, size: Int, forging: Bool = false
  ) -> (signers: UInt64, signatures: [Signature])? {
    for member in Members64(liarMask) { _ = sign(kind, round, value, by: member) }
    guard let place = ledgers[step].index(kind, round, value) else { return nil }
    let available = ledgers[step].entries[place].signers
    var signers: UInt64 = 0
    var signatures: [Signature] = []
    for member in 0..<members where signatures.count < size {
      if available >> UInt64(member) & 1 == 1 {
        signers |= 1 << UInt64(member)
        signatures.append(ledgers[step].entries[place].signatures[member])
      } else if forging {
        signers |= 1 << UInt64(member)
        signatures.append(Signature())
      }
    }
    return signatures.count == size ? (signers, signatures) : nil
  }

  private func prepared(_ round: Round, _ value: Int, size: Int? = nil, forging: Bool = false) -> PreparedCertificate? {
    guard
      let (signers, signatures) = collect(.prepare, round, value, size: size ?? ledgers[step].quorum, forging: forging)
    else { return nil }
    return PreparedCertificate(signers: signers, round: round, digest: digest(value), signatures: signatures)
  }

  /// Some value that could be shown to be prepared, anywhere: what was hidden may be shown many rounds later.
  private func anyPrepared() -> PreparedCertificate? {
    var chosen: (round: Round, value: Int)?
    var seen = 0
    for place in ledgers[step].used
    where ledgers[step].entries[place].kind == .prepare && ledgers[step].entries[place].value > 0 {
      guard (ledgers[step].entries[place].signers | liarMask).nonzeroBitCount >= ledgers[step].quorum else { continue }
      seen += 1
      if liarDice.below(seen) == 0 { chosen = (ledgers[step].entries[place].round, ledgers[step].entries[place].value) }
    }
    guard let chosen else { return nil }
    return prepared(chosen.round, chosen.value)
  }

  /// What q members prepared in the next position.
  private func preparedElsewhere(_ round: Round) -> PreparedCertificate? {
    guard step == swarm.positions - 1 else { return nil }
    let value = anyValue(round)
    var signers: UInt64 = 0
    var signatures: [Signature] = []
    for member in 0..<ledgers[step].quorum {
      var statement = statement(.prepare, round, value, by: member)
      statement.position = statement.position.next
      signers |= 1 << UInt64(member)
      signatures.append(keys.sign(statement))
    }
    return PreparedCertificate(signers: signers, round: round, digest: digest(value), signatures: signatures)
  }

  private var none: PreparedCertificate {
    PreparedCertificate(signers: 0, round: Round(Period(0)), digest: Digest(), signatures: [])
  }

  private func forgeCertificate(_ liar: Int, _ round: Round, _ target: Process) {
    let value = anyValue(round)
    let kind: StatementKind = liarDice.below(3) == 0 ? .prepare : .commit
    let faults = (members - 1) / 3
    let collected =
      switch liarDice.below(3) {
      case 0: collect(kind, round, value, size: faults + 1)
      case 1: collect(kind, round, value, size: ledgers[step].quorum, forging: true)
      default: collect(kind, round, value, size: ledgers[step].quorum)
      }
    guard let (signers, signatures) = collected else { return }
    var statement = statement(kind, round, value, by: 0)
    statement.signer = ReplicaIndex(0)
    let certificate = QuorumCertificate(statement: statement, signers: signers, signatures: signatures)
    guard let verified = try? VerifiedCertificate(checking: certificate, in: context, by: keys) else { return }
    tell(.certificate(verified), by: liar, 1 << UInt64(target.place))
  }

  // MARK: Round changes

  /// A round of the same period just before this one, or the first of a period before.
  private func earlier(than round: Round) -> Round {
    if round.view.rawValue > 0 { return Round(round.period, View(round.view.rawValue - 1)) }
    let first = ledgers[step].firstRound
    return round.period > first.period ? Round(Period(round.period.rawValue - 1)) : first
  }

  private func ask(_ liar: Int, _ round: Round) {
    guard round > ledgers[step].firstRound else { return }
    let faults = ledgers[step].faults
    let before = earlier(than: round)
    let claimed: PreparedCertificate =
      switch liarDice.below(6) {
      case 0...2: none
      case 3, 4: anyPrepared() ?? none
      case 5 where liarDice.below(3) > 0:
        (liarDice.below(2) == 0 ? prepared(before, anyValue(before), size: faults + 1) : preparedElsewhere(before))
          ?? none
      default: prepared(before, anyValue(before), forging: true) ?? none
      }
    let value = claimed.signers == 0 ? 0 : max(0, value(of: claimed.digest))
    let vote = sign(.roundChange, round, value, by: liar, claim: claimed.claim)
    let change = RoundChange(vote: vote, prepared: claimed)
    guard let verified = try? VerifiedRoundChange(checking: change, in: context, by: keys) else { return }
    tell(.roundChange(verified), by: liar, audience())
  }

  private func lead(_ liar: Int, _ reached: Round) {
    var round = reached
    // The next round this liar leads; now and then one it does not, or one of a later period.
    if liarDice.below(8) == 0 { round = later(than: reached) }
    if liarDice.below(8) > 0 {
      while primary(of: round) != liar { round = round.next }
    }
    // Or an old one, with what has been prepared since.
    if liarDice.below(8) == 0, round.view.rawValue >= UInt32(members) {
      round.view = View(round.view.rawValue - UInt32(members))
    }
    if round == ledgers[step].firstRound || liarDice.below(10) == 0 {
      // A later round's needs a justification, whichever round it is.
      for audience in split() {
        tell(.proposal(Authenticated(own: sign(.prepare, round, anyValue(round), by: liar))), by: liar, audience)
      }
      return
    }
    if round > reached {
      for member in actors {
        let change = RoundChange(vote: sign(.roundChange, round, 0, by: member), prepared: none)
        guard let verified = try? VerifiedRoundChange(checking: change, in: context, by: keys) else { continue }
        tell(.roundChange(verified), by: member, .max)
      }
    }
    for audience in split() { makeNewRound(liar, round, audience) }
  }

  private func split() -> [UInt64] {
    switch liarDice.below(3) {
    case 0: return [.max]
    case 1: return [side != 0 ? side : liarDice.bits()]
    default:
      let half = side != 0 ? side : liarDice.bits()
      return [half, ~half]
    }
  }

  private func makeNewRound(_ liar: Int, _ round: Round, _ audience: UInt64) {
    for member in Members64(liarMask) { _ = sign(.roundChange, round, 0, by: member) }
    let isForged = liarDice.below(6) == 0
    let quorum = ledgers[step].quorum
    let wanted = liarDice.below(6) == 0 ? (liarDice.below(2) == 0 ? ledgers[step].faults + 1 : quorum - 1) : quorum
    // For each member its lowest claim: what can be hidden is hidden.
    var chosen: [Cited] = []
    for member in 0..<members {
      var best: Cited?
      for place in ledgers[step].used
      where ledgers[step].entries[place].kind == .roundChange && ledgers[step].entries[place].round == round
        && ledgers[step].entries[place].signers >> UInt64(member) & 1 == 1
      {
        let entry = ledgers[step].entries[place]
        if let best, best.claim.isBelow(entry.claim) { continue }
        best = Cited(member: member, claim: entry.claim, value: entry.value, signature: entry.signatures[member])
      }
      if isForged {
        let signature = best.map { $0.claim.exists ? Signature() : $0.signature } ?? Signature()
        best = Cited(member: member, claim: .none, value: 0, signature: signature)
      }
      if let best { chosen.append(best) }
    }
    // Insertion by claim, lowest first; then the members' order.
    chosen.sort { $0.claim.isBelow($1.claim) }
    guard chosen.count >= wanted else { return }
    chosen.removeLast(chosen.count - wanted)
    chosen.sort { $0.member < $1.member }
    var signers: UInt64 = 0
    var highest: (claim: SignedStatements.Claim, value: Int) = (.none, 0)
    for item in chosen {
      signers |= 1 << UInt64(item.member)
      if highest.claim.isBelow(item.claim) { highest = (item.claim, item.value) }
    }
    let (value, certificate) = choose(round, highest.claim, highest.value)
    let newRound = NewRound(
      prepare: sign(.prepare, round, value, by: liar), prepared: certificate, signers: signers,
      claims: chosen.map {
        RoundChangeClaim(
          claim: $0.claim.exists ? LockClaim($0.claim.round) : .none, digest: digest(max(0, $0.value)),
          signature: $0.signature)
      })
    guard let verified = try? VerifiedNewRound(checking: newRound, in: context, by: keys) else { return }
    tell(.newRound(verified), by: liar, audience)
  }

  private struct Cited {
    let member: Int
    let claim: SignedStatements.Claim
    let value: Int
    let signature: Signature
  }

  /// A value to propose where this is the highest claim, and a certificate that fits or does not.
  private func choose(_ round: Round, _ highest: SignedStatements.Claim, _ locked: Int) -> (
    value: Int, PreparedCertificate
  ) {
    var certificate = none
    var value = anyValue(round)
    // What was valid in an earlier free round, once more.
    if liarDice.below(6) == 0, let old = anyProposed() { value = old }
    guard highest.exists else {
      // Nobody claims it, and it is shown all the same.
      if liarDice.below(4) == 0, let shown = anyPrepared() { return (max(1, self.value(of: shown.digest)), shown) }
      return (value, certificate)
    }
    switch liarDice.below(5) {
    case 0: break
    case 1: certificate = prepared(highest.round, locked) ?? none
    case 2: certificate = anyPrepared() ?? none
    case 3: certificate = prepared(highest.round, value, forging: true) ?? none
    default:
      certificate = prepared(highest.round, locked) ?? none
      value = max(1, locked)
    }
    if liarDice.below(2) == 0, certificate.signers != 0 { value = max(1, self.value(of: certificate.digest)) }
    return (value, certificate)
  }

  private func anyProposed() -> Int? {
    guard !ledgers[step].used.isEmpty else { return nil }
    let entry = ledgers[step].entries[liarDice.below(ledgers[step].used.count)]
    return entry.kind == .prepare && entry.value > 0 ? entry.value : nil
  }

  // MARK: Old and foreign messages

  private func replay(_ liar: Int) {
    guard !payloads.isEmpty else { return }
    let payload = liarDice.below(payloads.count)
    schedule(payload, to: liarDice.below(processes.count), in: 1 + liarDice.below(40))
  }

  /// What honest members signed in another position or epoch, all of it, to one member.
  private func sendForeign(_ liar: Int, _ round: Round, _ target: Process) {
    let value = anyValue(round)
    let kind: StatementKind = liarDice.below(2) == 0 ? .prepare : .commit
    // A position that the schedule comes to would make these signatures true.
    let isPosition = liarDice.below(2) == 0 && step == swarm.positions - 1
    for member in 0..<members where member != target.member {
      var statement = statement(kind, round, value, by: member)
      if isPosition { statement.position = statement.position.next } else { statement.epoch = Epoch(2) }
      let vote = Vote(statement: statement, signature: keys.sign(statement))
      schedule(add(.vote(Authenticated(own: vote)), liar, step), to: target.place, in: 1)
    }
  }

  /// A real vote with another round or digest under the old signature.
  private func mutate(_ liar: Int) {
    guard !payloads.isEmpty, case .vote(let original) = payloads[liarDice.below(payloads.count)] else { return }
    var vote = original.message
    let round = vote.statement.round
    switch liarDice.below(4) {
    case 0: vote.statement.round = round.next
    case 1: vote.statement.round = Round(Period(round.period.rawValue &- 1), round.view)
    case 2: vote.statement.digest = digest(anyValue(round))
    default: vote.statement.kind = vote.statement.kind == .prepare ? .commit : .prepare
    }
    guard keys.holds(vote) else { return }
    tell(.vote(Authenticated(own: vote)), by: Int(vote.statement.signer.rawValue), audience())
  }
}

/// The members of a bitmap, ascending.
struct Members64: Sequence, IteratorProtocol {
  var left: UInt64
  init(_ bits: UInt64) { left = bits }
  mutating func next() -> Int? {
    guard left != 0 else { return nil }
    let member = left.trailingZeroBitCount
    left &= left - 1
    return member
  }
}
