import Consensus
import Cryptography
import Units
import Wire

// What a process does with the effects of a step, and what the network does with its messages.
extension World {
  func deliver(_ payload: Int, to process: Process) {
    guard process.isUp, !process.isLeft else { return }
    let sender = payloadSender[payload]
    var shouldTell = false
    // Only liars contradict themselves.
    if liarMask >> UInt64(sender) & 1 == 1, process.isHonest, process.decidedValue < 0,
      case .vote(let vote) = payloads[payload]
    {
      shouldTell = hear(vote.message, at: process)
    }
    drive(process, payloads[payload], tellsOf: shouldTell ? sender : -1)
  }

  /// Notes what a liar says to a process. True when this contradicts what it said before, and the process must tell.
  private func hear(_ vote: Vote, at process: Process) -> Bool {
    let statement = vote.statement
    let member = statement.signer.rawValue
    guard liarMask >> UInt64(member) & 1 == 1, statement.period.rawValue == swarm.period,
      statement.epoch == context.epoch,
      statement.view >= process.instance.view
    else { return false }
    let value = value(of: statement.digest)
    for place in process.heard.indices
    where process.heard[place].member == UInt8(member) && process.heard[place].kind == statement.kind.rawValue {
      guard process.heard[place].view == statement.view.rawValue else {
        if process.heard[place].view < statement.view.rawValue {
          process.heard[place].view = statement.view.rawValue
          process.heard[place].value = value
        }
        return false
      }
      guard process.heard[place].value != value, process.heard[place].value != Self.foreign else { return false }
      return true
    }
    process.heard.append((statement.kind.rawValue, UInt8(member), statement.view.rawValue, value))
    return false
  }

  func drive(_ process: Process, _ input: Input, tellsOf teller: Int = -1) {
    effects.removeAll()
    outcome.steps += 1
    if let trace, teller >= 0 { trace("\(now) member \(process.member): told of \(teller)") }
    process.instance.step(input, signer: signer, into: &effects)
    handle(process, tellsOf: teller)
    while process.isUp, process.mustValidate {
      process.mustValidate = false
      guard process.decidedValue < 0, let digest = process.instance.awaitsValidation, holds(process, digest) else {
        return
      }
      effects.removeAll()
      outcome.steps += 1
      process.instance.step(.validated(digest), signer: signer, into: &effects)
      handle(process, tellsOf: -1)
    }
  }

  private func handle(_ process: Process, tellsOf teller: Int) {
    var hasTold = false
    if let trace { for place in 0..<effects.count { trace(line(process, effects[place])) } }
    for place in 0..<effects.count {
      let isSend: Bool
      switch effects[place] {
      case .persist(let vote):
        if mayCrash(process, swarm.crash) { return }
        persist(process, vote)
        isSend = false
      case .broadcast(let vote):
        broadcast(process, vote, .vote(Authenticated(own: vote)))
        isSend = true
      case .broadcastProposal(let vote):
        broadcast(process, vote, .proposal(Authenticated(own: vote)))
        isSend = true
      case .broadcastRoundChange(let vote):
        broadcastRoundChange(process, vote)
        isSend = true
      case .broadcastNewRound(let vote):
        broadcastNewRound(process, vote)
        isSend = true
      case .validate:
        process.mustValidate = true
        isSend = false
      case .decided(let digest):
        decide(process, value(of: digest))
        isSend = false
      case .evidence(let first, let second):
        hasTold = true
        judge(first, second)
        process.heard.removeAll {
          $0.member == UInt8(truncatingIfNeeded: first.statement.signer.rawValue)
            && $0.kind == first.statement.kind.rawValue
        }
        // Told once for each member and kind.
        process.heard.append(
          (
            first.statement.kind.rawValue, UInt8(truncatingIfNeeded: first.statement.signer.rawValue), .max,
            Self.foreign
          ))
        isSend = false
      case .lateVote(let member):
        answer(process, Int(member.rawValue))
        isSend = false
      case .refused: isSend = false
      }
      if isSend || place + 1 < effects.count || fate != nil,
        mayCrash(process, isSend ? swarm.crashAfterSend : swarm.crash)
      {
        return
      }
    }
    if teller >= 0, !hasTold, process.isUp { fail(.equivocationUntold, "of member \(teller)") }
  }

  /// Crashes between any two doings.
  private func mayCrash(_ process: Process, _ chances: Int) -> Bool {
    if fate != nil {
      process.doings += 1
      guard fate!.crashes(process.place, at: process.doings) else { return false }
      crash(process, fate!.downTicks)
      return true
    }
    guard !isHealed, chances > 0, dice.hits(chances) else { return false }
    let ticks = 1 + dice.below(swarm.restartTicks)
    guard strikes() else { return false }
    crash(process, ticks)
    return true
  }

  private func persist(_ process: Process, _ vote: Vote) {
    process.entries.append(
      [UInt8](capacity: Instance.maximumEntryBytes(context.quorum)) { out in
        process.instance.encodeEntry(for: vote, into: &out)
      })
    process.durable.append(vote)
    // From here on it counts: a restarted member may build on it before it is sent.
    check(process, vote)
  }

  private func decide(_ process: Process, _ value: Int) {
    guard process.decidedValue < 0, let certificate = process.instance.certificate else { return }
    process.decidedValue = max(value, 0)
    process.certificate = certificate
    guard process.isHonest else { return }
    if !process.isLeft { undecided -= 1 }
    outcome.highestView = max(outcome.highestView, process.instance.view.rawValue)
    outcome.decidedNull = value == 0
    outcome.decidedLater = certificate.statement.view.rawValue > 0
    if value < 0 || value == Self.invalidValue { return fail(.invalidValueDecided, "value \(value)") }
    for other in honest where other.decidedValue >= 0 && other.decidedValue != value {
      if schedule.hasTooManyLiars, let earlier = other.certificate { return name(earlier, certificate) }
      return fail(.disagreement, "members \(process.member) and \(other.member): \(value) and \(other.decidedValue)")
    }
    if !ledger.holds(certificate, value: value) { fail(.badCertificate, "of member \(process.member)") }
  }

  /// Evidence must be two different votes of one liar where one is allowed, and both signed.
  private func judge(_ first: Vote, _ second: Vote) {
    let a = first.statement
    let b = second.statement
    let isConflict =
      a.kind == b.kind && a.signer == b.signer && a.view == b.view
      && (a.digest != b.digest || a.sequenceNumber != b.sequenceNumber) && a.owner == b.owner && a.period == b.period
      && a.epoch == b.epoch && keys.holds(first) && keys.holds(second)
    if !isConflict || liarMask >> UInt64(a.signer.rawValue) & 1 == 0 {
      fail(.wronglyConvicted, "member \(a.signer) for \(a.kind) in view \(a.view)")
    }
  }

  /// The certificate, to a member that shows it is undecided.
  private func answer(_ process: Process, _ member: Int) {
    guard now - process.answered >= 2 || Int(member) == 0, let certificate = process.certificate,
      let verified = try? VerifiedCertificate(checking: certificate, in: context, by: keys)
    else { return }
    process.answered = now
    payloads.append(.certificate(verified))
    payloadSender.append(process.member)
    for other in processes where other.member == member { transmit(from: process.place, payloads.count - 1, to: other) }
  }

  private func line(_ process: Process, _ effect: Effect) -> String {
    func text(_ vote: Vote) -> String {
      let claim = vote.statement.sequenceNumber.rawValue
      return "\(vote.statement.kind) view \(vote.statement.view) value \(value(of: vote.statement.digest))"
        + (claim > 0 ? " prepared in view \(claim - 1)" : "")
    }
    let what =
      switch effect {
      case .persist(let vote): "persist \(text(vote))"
      case .broadcast(let vote): "send \(text(vote))"
      case .broadcastProposal(let vote): "propose \(text(vote))"
      case .broadcastRoundChange(let vote): "send \(text(vote))"
      case .broadcastNewRound(let vote): "send new round, \(text(vote))"
      case .validate(let digest): "validate \(value(of: digest))"
      case .decided(let digest): "decide \(value(of: digest))"
      case .evidence(let first, let second):
        "evidence against \(first.statement.signer): \(text(first)), \(text(second))"
      case .lateVote(let member): "late vote of \(member)"
      case .refused(let refusal): "refuse: \(refusal)"
      }
    return "\(now) member \(process.member)\(process.isHonest ? "" : " (twin)"): \(what)"
  }

  // MARK: Sending

  private func known(_ process: Process, _ vote: Vote) -> Int? {
    for item in process.lastPayload where item.signature == vote.signature { return item.payload }
    return nil
  }

  private static func passed<Message>(
    through buffer: inout ByteBuffer, _ write: (inout OutputSpan<UInt8>) -> Void,
    _ read: (inout WireReader) -> Message?
  ) -> Message? {
    buffer.replace(write)
    var reader = WireReader(buffer.span)
    guard let message = read(&reader), reader.remaining == 0 else { return nil }
    return message
  }

  /// Through bytes and back, as a receiver would take it.
  private func broadcast(_ process: Process, _ vote: Vote, _ input: Input) {
    if let payload = known(process, vote) {
      recheck(process, vote)
      return spread(process, payload)
    }
    let received = Self.passed(through: &scratch, { out in vote.encode(into: &out) }) { reader in
      try? Vote(decoding: &reader)
    }
    guard let received, keys.holds(received) else {
      return fail(.conflictingSignature, "a vote that does not hold")
    }
    checkDurable(process, vote)
    if case .proposal = input {
      payloads.append(.proposal(Authenticated(own: received)))
    } else {
      payloads.append(.vote(Authenticated(own: received)))
    }
    remember(process, vote)
    spread(process, payloads.count - 1)
    support(process, vote)
  }

  private func broadcastRoundChange(_ process: Process, _ vote: Vote) {
    guard let change = process.instance.roundChange else { return fail(.conflictingSignature, "no round change to send") }
    if let payload = known(process, vote) { return spread(process, payload, isRoundChange: true) }
    checkDurable(process, vote)
    let received = Self.passed(through: &scratch, { out in change.encode(into: &out) }) { reader in
      try? RoundChange(decoding: &reader)
    }
    guard let received,
      let verified = try? VerifiedRoundChange(checking: received, in: context, by: keys)
    else {
      if process.isHonest { fail(.hidPreparedCertificate, "a round change that does not verify") }
      return
    }
    payloads.append(.roundChange(verified))
    remember(process, vote)
    spread(process, payloads.count - 1, isRoundChange: true)
  }

  private func broadcastNewRound(_ process: Process, _ vote: Vote) {
    guard let newRound = process.instance.newRound else { return fail(.conflictingSignature, "no new round to send") }
    if let payload = known(process, vote) {
      recheck(process, vote)
      return spread(process, payload)
    }
    checkDurable(process, vote)
    if process.isHonest {
      let isNull = newRound.prepared.signers == 0 && value(of: vote.statement.digest) == 0
      if isNull, now - process.askedAt + 1 < Int(swarm.timing.collectTicks) { fail(.nullTooEarly) }
    }
    let received = Self.passed(through: &scratch, { out in newRound.encode(into: &out) }) { reader in
      try? NewRound(decoding: &reader)
    }
    guard let received,
      let verified = try? VerifiedNewRound(checking: received, in: context, by: keys)
    else {
      if process.isHonest { fail(.unjustifiedNewRound, "does not verify") }
      return
    }
    payloads.append(.newRound(verified))
    remember(process, vote)
    spread(process, payloads.count - 1)
    support(process, vote)
  }

  private func remember(_ process: Process, _ vote: Vote) {
    payloadSender.append(process.member)
    // Of each kind the last: one prepare, one commit and one round change are repeated.
    if process.lastPayload.count >= 8 { process.lastPayload.removeFirst() }
    process.lastPayload.append((vote.signature, payloads.count - 1))
  }

  private func checkDurable(_ process: Process, _ vote: Vote) {
    if process.isHonest, !process.durable.contains(where: { $0.signature == vote.signature }) {
      fail(.sentBeforeDurable, "\(vote.statement.kind) of member \(process.member)")
    }
  }

  /// Every new signature of an honest member meets every rule a reader of all bytes can check.
  private func check(_ process: Process, _ vote: Vote) {
    let value = value(of: vote.statement.digest)
    if process.isHonest {
      if vote.statement.kind == .roundChange { process.askedAt = now }
      if let violation = ledger.violation(of: vote, value: value) {
        fail(violation, "\(vote.statement.kind) in view \(vote.statement.view) of member \(process.member)")
      }
      if vote.statement.kind == .prepare {
        if !holds(process, vote.statement.digest) { fail(.preparedUnheld, "member \(process.member)") }
        let view = vote.statement.view.rawValue
        let primary = primary(of: view)
        if primary != process.member, ledger.signers(.prepare, view, value) >> UInt64(primary) & 1 == 0 {
          fail(.preparedWithoutProposal, "member \(process.member) in view \(view)")
        }
        if view > 0 {
          // Whoever prepares vouches for what it was shown.
          guard let newRound = process.instance.newRound, newRound.prepare.statement.view.rawValue == view,
            ledger.isJustified(newRound, primary: primary, value: value(of:))
          else { return fail(.unjustifiedNewRound, "view \(view), followed by member \(process.member)") }
          if schedule.hasTooManyLiars { justifications.append(newRound) }
        }
      }
    }
    if ledger.record(vote, value: value), process.isHonest {
      ledger.noteHonest(vote)
      outcome.highestView = max(outcome.highestView, vote.statement.view.rawValue)
    }
  }

  private func recheck(_ process: Process, _ vote: Vote) {
    if process.isHonest, Int64(vote.statement.view.rawValue) < ledger.highestAsked[process.member] {
      fail(.votedInViewItLeft, "member \(process.member)")
    }
  }

  private func spread(_ process: Process, _ payload: Int, isRoundChange: Bool = false) {
    #if BUSBAR_MUTANTS
      if isRoundChange, Mutant.planted == .roundChangeToPrimaryOnly {
        let primary = Int(process.instance.primary.rawValue)
        for other in processes where other.member == primary && other !== process {
          transmit(from: process.place, payload, to: other)
        }
        return
      }
    #endif
    for other in processes where other !== process { transmit(from: process.place, payload, to: other) }
  }

  func transmit(from sender: Int, _ payload: Int, to receiver: Process) {
    if blocked[receiver.place] >> UInt64(sender) & 1 == 1 { return }
    if let fate, !fate.passes(payloads[payload], from: sender, to: receiver.place) { return }
    if !isHealed {
      if swarm.loss > 0, dice.hits(swarm.loss), strikes() { return }
      if swarm.duplication > 0, dice.hits(swarm.duplication), strikes() {
        schedule(payload, to: receiver.place, in: delay())
      }
    }
    schedule(payload, to: receiver.place, in: delay())
  }

  private func delay() -> Int {
    // Against short timers the healed network is slow, so that only doubling them helps.
    let normal = (isHealed && swarm.hasShortTimers ? 4 : 1) + dice.below(3)
    guard !isHealed, swarm.maximumDelay > 3 else { return normal }
    let long = 1 + dice.below(swarm.maximumDelay)
    return long <= 3 || strikes() ? long : normal
  }

  func schedule(_ payload: Int, to receiver: Int, in ticks: Int) {
    calendar[(now + ticks) % Self.horizon].append(UInt64(receiver) << 32 | UInt64(payload))
  }
}
