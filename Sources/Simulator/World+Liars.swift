import Consensus
import Cryptography
import Units
import Wire

// Members that sign whatever helps. They see everything and choose who hears them; they cannot sign for others.
extension World {
  private func statement(_ kind: StatementKind, _ view: UInt32, _ value: Int, by member: Int, claim: UInt64 = 0)
    -> Statement
  {
    var statement = Statement(
      kind: kind, in: context, owner: ReplicaIndex(UInt16(swarm.owner)), period: Period(swarm.period), view: View(view),
      digest: digests[value], signer: ReplicaIndex(UInt16(member)))
    statement.sequenceNumber = SequenceNumber(claim)
    return statement
  }

  /// A liar's signature, which the ledger learns of.
  private func sign(_ kind: StatementKind, _ view: UInt32, _ value: Int, by liar: Int, claim: UInt64 = 0) -> Vote {
    precondition(liarMask >> UInt64(liar) & 1 == 1)
    let statement = statement(kind, view, value, by: liar, claim: claim)
    let vote = Vote(statement: statement, signature: keys.sign(statement))
    _ = ledger.record(vote, value: value)
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
    payloads.append(input)
    payloadSender.append(liar)
    for process in processes where audience >> UInt64(process.place) & 1 == 1 && process.member != liar {
      schedule(payloads.count - 1, to: process.place, in: 1 + liarDice.below(3))
    }
  }

  /// At once backs what an honest member voted for, on its side of the partition: both sides may come to a quorum.
  func support(_ process: Process, _ vote: Vote) {
    guard !actors.isEmpty, process.isHonest, liarDice.hits(swarm.support) else { return }
    let value = value(of: vote.statement.digest)
    let view = vote.statement.view.rawValue
    guard value >= 0, strikes() else { return }
    let own = side >> UInt64(process.place) & 1
    let audience = side == 0 ? UInt64.max : own == 1 ? side : ~side
    for liar in actors {
      tell(.vote(Authenticated(own: sign(.prepare, view, value, by: liar))), by: liar, audience)
      if liarDice.below(2) == 0 {
        tell(.vote(Authenticated(own: sign(.commit, view, value, by: liar))), by: liar, audience)
      }
    }
  }

  func actLiars() {
    for liar in actors where liarDice.hits(swarm.action) {
      let target = processes[liarDice.below(processes.count)]
      let roll = liarDice.below(20)
      guard strikes(), target.decidedValue < 0 || roll > 16 else { continue }
      let view = target.instance.view.rawValue
      switch roll {
      case 0...4: vote(liar, view &+ (liarDice.below(6) == 0 ? 1 : 0), target)
      case 5...9: lead(liar, view)
      case 10...13: ask(liar, view &+ 1 &+ UInt32(liarDice.below(6) == 0 ? liarDice.below(8) : 0))
      case 14: forgeCertificate(liar, view, target)
      case 15: sendForeign(liar, view, target)
      case 16: mutate(liar)
      default: replay(liar)
      }
    }
  }

  private func anyValue(_ target: Process) -> Int {
    if liarDice.below(3) > 0, let accepted = target.instance.accepted {
      return max(0, value(of: accepted.statement.digest))
    }
    return liarDice.below(Self.valueCount)
  }

  private func vote(_ liar: Int, _ view: UInt32, _ target: Process) {
    let kind: StatementKind = liarDice.below(2) == 0 ? .prepare : .commit
    tell(.vote(Authenticated(own: sign(kind, view, anyValue(target), by: liar))), by: liar, audience())
    if liarDice.below(4) == 0 {
      tell(.vote(Authenticated(own: sign(kind, view, anyValue(target), by: liar))), by: liar, audience())
    }
  }

  // MARK: Certificates

  /// The prepares or commits of (view, value), with what liars add; garbage where signatures are missing if `forging`.
  private func collect(
    _ kind: StatementKind, _ view: UInt32, _ value: Int, size: Int, forging: Bool = false
  ) -> (signers: UInt64, signatures: [Signature])? {
    for member in Members64(liarMask) { _ = sign(kind, view, value, by: member) }
    guard let place = ledger.index(kind, view, value) else { return nil }
    let available = ledger.entries[place].signers
    var signers: UInt64 = 0
    var signatures: [Signature] = []
    for member in 0..<members where signatures.count < size {
      if available >> UInt64(member) & 1 == 1 {
        signers |= 1 << UInt64(member)
        signatures.append(ledger.entries[place].signatures[member])
      } else if forging {
        signers |= 1 << UInt64(member)
        signatures.append(Signature())
      }
    }
    return signatures.count == size ? (signers, signatures) : nil
  }

  private func prepared(_ view: UInt32, _ value: Int, size: Int? = nil, forging: Bool = false) -> PreparedCertificate? {
    guard let (signers, signatures) = collect(.prepare, view, value, size: size ?? ledger.quorum, forging: forging)
    else {
      return nil
    }
    return PreparedCertificate(signers: signers, view: View(view), digest: digests[value], signatures: signatures)
  }

  /// Some value that could be shown to be prepared, anywhere.
  private func anyPrepared() -> PreparedCertificate? {
    var chosen: (view: UInt32, value: Int)?
    var seen = 0
    for place in ledger.used where ledger.entries[place].kind == .prepare && ledger.entries[place].value >= 0 {
      guard (ledger.entries[place].signers | liarMask).nonzeroBitCount >= ledger.quorum else { continue }
      seen += 1
      if liarDice.below(seen) == 0 { chosen = (ledger.entries[place].view, ledger.entries[place].value) }
    }
    guard let chosen else { return nil }
    return prepared(chosen.view, chosen.value)
  }

  private var none: PreparedCertificate {
    PreparedCertificate(signers: 0, view: View(0), digest: Digest(), signatures: [])
  }

  private func forgeCertificate(_ liar: Int, _ view: UInt32, _ target: Process) {
    let value = liarDice.below(Self.valueCount)
    let kind: StatementKind = liarDice.below(3) == 0 ? .prepare : .commit
    let faults = (members - 1) / 3
    let collected =
      switch liarDice.below(3) {
      case 0: collect(kind, view, value, size: faults + 1)
      case 1: collect(kind, view, value, size: ledger.quorum, forging: true)
      default: collect(kind, view, value, size: ledger.quorum)
      }
    guard let (signers, signatures) = collected else { return }
    var statement = statement(kind, view, value, by: 0)
    statement.signer = ReplicaIndex(0)
    let certificate = QuorumCertificate(statement: statement, signers: signers, signatures: signatures)
    guard let verified = try? VerifiedCertificate(checking: certificate, in: context, by: keys) else { return }
    tell(.certificate(verified), by: liar, 1 << UInt64(target.place))
  }

  // MARK: View changes

  private func ask(_ liar: Int, _ view: UInt32) {
    let faults = (members - 1) / 3
    let claimed: PreparedCertificate =
      switch liarDice.below(6) {
      case 0...2: none
      case 3, 4: anyPrepared() ?? none
      case 5 where liarDice.below(2) == 0:
        prepared(view &- 1, liarDice.below(Self.valueCount), size: faults + 1) ?? none
      default: prepared(view &- 1, liarDice.below(Self.valueCount), forging: true) ?? none
      }
    let value = claimed.signers == 0 ? 0 : max(0, value(of: claimed.digest))
    let vote = sign(.roundChange, view, value, by: liar, claim: claimed.claim.rawValue)
    let change = RoundChange(vote: vote, prepared: claimed)
    guard let verified = try? VerifiedRoundChange(checking: change, in: context, by: keys) else { return }
    tell(.roundChange(verified), by: liar, audience())
  }

  private func lead(_ liar: Int, _ reached: UInt32) {
    var view = reached
    // The next view this liar leads; now and then one it does not.
    if liarDice.below(8) > 0 {
      while primary(of: view) != liar { view += 1 }
    }
    // Or an old one, with what has been prepared since.
    if liarDice.below(8) == 0, view >= UInt32(members) { view -= UInt32(members) }
    if view == 0 {
      for audience in split() {
        tell(
          .proposal(Authenticated(own: sign(.prepare, 0, liarDice.below(Self.valueCount), by: liar))), by: liar,
          audience)
      }
      return
    }
    if view > reached {
      for member in actors {
        let change = RoundChange(vote: sign(.roundChange, view, 0, by: member), prepared: none)
        guard let verified = try? VerifiedRoundChange(checking: change, in: context, by: keys) else { continue }
        tell(.roundChange(verified), by: member, .max)
      }
    }
    for audience in split() { makeNewRound(liar, view, audience) }
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

  private func makeNewRound(_ liar: Int, _ view: UInt32, _ audience: UInt64) {
    for member in Members64(liarMask) { _ = sign(.roundChange, view, 0, by: member) }
    let faults = (members - 1) / 3
    let isForged = liarDice.below(6) == 0
    let wanted = liarDice.below(6) == 0 ? faults + 1 : ledger.quorum
    // For each member its lowest claim: what can be hidden is hidden.
    var chosen: [(member: Int, claim: UInt64, value: Int, signature: Signature)] = []
    for member in 0..<members {
      var best: (claim: UInt64, value: Int, signature: Signature)?
      for place in ledger.used
      where ledger.entries[place].kind == .roundChange && ledger.entries[place].view == view
        && ledger.entries[place].signers >> UInt64(member) & 1 == 1
        && ledger.entries[place].sequence <= best?.claim ?? .max
      {
        best = (
          ledger.entries[place].sequence, ledger.entries[place].value, ledger.entries[place].signatures[member]
        )
      }
      if isForged { best = (0, 0, best.map { $0.claim == 0 ? $0.signature : Signature() } ?? Signature()) }
      if let best { chosen.append((member, best.claim, best.value, best.signature)) }
    }
    // Insertion by claim, lowest first; then the members' order.
    chosen.sort { $0.claim < $1.claim }
    guard chosen.count >= wanted else { return }
    chosen.removeLast(chosen.count - wanted)
    chosen.sort { $0.member < $1.member }
    var signers: UInt64 = 0
    var highest: (claim: UInt64, value: Int) = (0, 0)
    for item in chosen {
      signers |= 1 << UInt64(item.member)
      if item.claim > highest.claim { highest = (item.claim, item.value) }
    }
    var certificate = none
    var value = 1 + liarDice.below(Self.valueCount - 1)
    if highest.claim > 0 {
      switch liarDice.below(5) {
      case 0: break
      case 1: certificate = prepared(UInt32(highest.claim - 1), highest.value) ?? none
      case 2: certificate = anyPrepared() ?? none
      case 3: certificate = prepared(UInt32(highest.claim - 1), value, forging: true) ?? none
      default:
        certificate = prepared(UInt32(highest.claim - 1), highest.value) ?? none
        value = highest.value
      }
      if liarDice.below(2) == 0, certificate.signers != 0 { value = max(0, self.value(of: certificate.digest)) }
    } else if liarDice.below(4) == 0 {
      value = 0
    }
    let newRound = NewRound(
      prepare: sign(.prepare, view, value, by: liar), prepared: certificate, signers: signers,
      claims: chosen.map {
        RoundChangeClaim(
          sequenceNumber: SequenceNumber($0.claim), digest: digests[max(0, $0.value)], signature: $0.signature)
      })
    guard let verified = try? VerifiedNewRound(checking: newRound, in: context, by: keys) else { return }
    tell(.newRound(verified), by: liar, audience)
  }

  // MARK: Old and foreign messages

  private func replay(_ liar: Int) {
    guard !payloads.isEmpty else { return }
    let payload = liarDice.below(payloads.count)
    schedule(payload, to: liarDice.below(processes.count), in: 1 + liarDice.below(40))
  }

  /// What honest members signed in another period or epoch, all of it, to one member.
  private func sendForeign(_ liar: Int, _ view: UInt32, _ target: Process) {
    let value = liarDice.below(Self.valueCount)
    let kind: StatementKind = liarDice.below(2) == 0 ? .prepare : .commit
    let isPeriod = liarDice.below(2) == 0
    for member in 0..<members where member != target.member {
      var statement = statement(kind, view, value, by: member)
      if isPeriod { statement.period = statement.period.next } else { statement.epoch = Epoch(2) }
      payloads.append(.vote(Authenticated(own: Vote(statement: statement, signature: keys.sign(statement)))))
      payloadSender.append(liar)
      schedule(payloads.count - 1, to: target.place, in: 1)
    }
  }

  /// A real vote with another view or digest under the old signature.
  private func mutate(_ liar: Int) {
    guard !payloads.isEmpty, case .vote(let original) = payloads[liarDice.below(payloads.count)] else { return }
    var vote = original.message
    switch liarDice.below(4) {
    case 0: vote.statement.view = View(vote.statement.view.rawValue &+ 1)
    case 1: vote.statement.view = View(vote.statement.view.rawValue &- 1)
    case 2: vote.statement.digest = digests[liarDice.below(Self.valueCount)]
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
