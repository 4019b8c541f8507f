import Consensus
import Cryptography
import Units
import Wire

// What a process does with the effects of a step, and what the network does with its messages.
extension World {
  func deliver(_ payload: Int, to process: Process) {
    guard process.isUp, !process.isLeft else { return }
    let sender = payloadSender[payload]
    guard payloadStep[payload] == process.step else { return deliverElsewhere(payload, sender, to: process) }
    var shouldTell = false
    // Only liars contradict themselves.
    if liarMask >> UInt64(sender) & 1 == 1, process.isHonest, process.decidedValue < 0,
      case .vote(let vote) = payloads[payload]
    {
      shouldTell = hear(vote.message, at: process)
    }
    drive(process, payloads[payload], tellsOf: shouldTell ? sender : -1)
  }

  /// Whoever speaks of a position below is told of the newest decision; whoever speaks of one above is asked for it.
  /// (consensus rule R10)
  private func deliverElsewhere(_ payload: Int, _ sender: Int, to process: Process) {
    let step = payloadStep[payload]
    if case .certificate(let verified) = payloads[payload] {
      guard step > process.step else { return }
      skip(process, to: step, verified)
    } else if step < process.step {
      answer(process, sender)
    } else {
      for other in processes where other.member == sender { ask(process, other) }
    }
  }

  /// Takes over a decision of a later position. What was decided in between is in what comes with it.
  private func skip(_ process: Process, to step: Int, _ verified: VerifiedCertificate) {
    trace?("\(now) member \(process.member): skips to position \(step + 1)")
    process.step = step
    process.entries.removeAll(keepingCapacity: true)
    process.durable.removeAll(keepingCapacity: true)
    process.heard.removeAll(keepingCapacity: true)
    process.instance.reset(position: position(step), firstRound: ledgers[step].firstRound)
    drive(process, .certificate(verified))
  }

  /// Asks everybody for a newer decision.
  func askAll(_ process: Process) {
    for other in processes where other !== process { ask(process, other) }
  }

  private func ask(_ process: Process, _ other: Process) {
    let newest = other.decidedValue < 0 ? other.step - 1 : other.step
    guard other.isHonest, other.isUp, newest >= process.step, blocked[other.place] >> UInt64(process.place) & 1 == 0
    else { return }
    guard let payload = certificatePayload(other) else { return }
    transmit(from: other.place, payload, to: process)
  }

  /// Notes what a liar says to a process. True when this contradicts what it said before, and the process must tell.
  private func hear(_ vote: Vote, at process: Process) -> Bool {
    let statement = vote.statement
    let member = statement.signer.rawValue
    guard liarMask >> UInt64(member) & 1 == 1, statement.position == process.instance.position,
      statement.epoch == context.epoch, statement.round >= process.instance.round
    else { return false }
    let value = value(of: statement.digest)
    for place in process.heard.indices
    where process.heard[place].member == UInt8(member) && process.heard[place].kind == statement.kind.rawValue {
      // Told once for each member and kind.
      guard process.heard[place].value != Self.foreign else { return false }
      guard process.heard[place].round == statement.round else {
        if process.heard[place].round < statement.round {
          process.heard[place].round = statement.round
          process.heard[place].value = value
        }
        return false
      }
      return process.heard[place].value != value
    }
    process.heard.append((statement.kind.rawValue, UInt8(member), statement.round, value))
    return false
  }

  func drive(_ process: Process, _ input: Input, tellsOf teller: Int = -1) {
    effects.removeAll()
    outcome.steps += 1
    if let trace, teller >= 0 { trace("\(now) member \(process.member): told of \(teller)") }
    process.instance.step(input, signer: signer, into: &effects)
    settle(process, tellsOf: teller)
  }

  /// Does what the step asked for, and what follows from that.
  private func settle(_ process: Process, tellsOf teller: Int) {
    process.mayAwait = true
    noteRound(process)
    handle(process, tellsOf: teller)
    while process.isUp, process.mustValidate {
      process.mustValidate = false
      guard process.decidedValue < 0, let digest = process.instance.awaitsValidation, isValid(process, digest) else {
        return
      }
      effects.removeAll()
      outcome.steps += 1
      process.instance.step(.validated(digest), signer: signer, into: &effects)
      noteRound(process)
      handle(process, tellsOf: -1)
    }
    if process.isUp, process.decidedValue >= 0, process.step + 1 < swarm.positions { moveOn(process) }
  }

  /// Most ticks come to nothing.
  func tick(_ process: Process) {
    effects.removeAll()
    outcome.steps += 1
    process.instance.tick(hasRecords: process.observed.hasRecords, signer: signer, into: &effects)
    if effects.count > 0 { settle(process, tellsOf: -1) }
  }

  /// Watches how long a process stays in its rounds.
  private func noteRound(_ process: Process) {
    let round = process.instance.round
    guard round != process.observedRound else { return }
    process.observed.left = process.observedRound
    process.observed.stayed = now - process.enteredAt
    // The tick in which it came is the first that it waits.
    process.observed.patience = Int(patience(process.observedRound.view.rawValue)) - 1
    if round.period != process.observedRound.period { process.observed.hasRecords = hasRecords(process, round) }
    process.observedRound = round
    process.enteredAt = now
  }

  /// T(v), once more: doubled for each failed view, at most three times.
  private func patience(_ view: UInt32) -> UInt32 {
    let timing = swarm.pace.timing
    guard view > 0 else { return timing.firstViewTicks }
    return timing.viewTicks << min(view - 1, 3)
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
            first.statement.kind.rawValue, UInt8(truncatingIfNeeded: first.statement.signer.rawValue),
            first.statement.round, Self.foreign
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
    process.certificatePayload = -1
    let step = process.step
    if decisions.count == step {
      decisions.append(process.decidedValue)
      if step + 1 < swarm.positions {
        ledgers[step + 1].removeAll(firstRound: round(period(of: process.decidedValue) + 1, 0))
      }
    }
    guard process.isHonest else { return }
    if !process.isLeft, step + 1 == swarm.positions { undecided -= 1 }
    let decidedIn = certificate.statement.round
    outcome.highestView = max(outcome.highestView, process.instance.round.view.rawValue)
    if decidedIn > ledgers[step].firstRound { outcome.decidedLater = true }
    if decidedIn.period > ledgers[step].firstRound.period { outcome.decidedInLaterPeriod = true }
    if value > 0, period(of: value) < offset(decidedIn) { outcome.decidedEarlierValue = true }
    if value <= 0 || choice(of: value) == Self.invalidChoice || period(of: value) < offset(ledgers[step].firstRound) {
      return fail(.invalidValueDecided, "value \(value)")
    }
    for other in honest where other.step == step && other.decidedValue >= 0 && other.decidedValue != value {
      if schedule.hasTooManyLiars, let earlier = other.certificate { return name(earlier, certificate) }
      return fail(.disagreement, "members \(process.member) and \(other.member): \(value) and \(other.decidedValue)")
    }
    if !schedule.hasTooManyLiars, decisions[step] != value {
      return fail(.disagreement, "member \(process.member): \(value), and \(decisions[step]) before")
    }
    if !ledgers[step].holds(certificate, value: value) { fail(.badCertificate, "of member \(process.member)") }
  }

  /// Evidence must be two different votes of one liar where one is allowed, and both signed.
  private func judge(_ first: Vote, _ second: Vote) {
    let a = first.statement
    let b = second.statement
    let isConflict =
      a.kind == b.kind && a.signer == b.signer && a.round == b.round && (a.digest != b.digest || a.claim != b.claim)
      && a.owner == b.owner && a.position == b.position && a.epoch == b.epoch && keys.holds(first) && keys.holds(second)
    if !isConflict || liarMask >> UInt64(a.signer.rawValue) & 1 == 0 {
      fail(.wronglyConvicted, "member \(a.signer) for \(a.kind) in round \(a.round)")
    }
  }

  /// The newest certificate, to a member that shows it lacks it.
  private func answer(_ process: Process, _ member: Int) {
    if now - process.answeredAt >= 2 { process.answered = 0 }
    let bit: UInt64 = 1 << UInt64(member)
    guard process.answered & bit == 0, let payload = certificatePayload(process) else { return }
    process.answeredAt = now
    process.answered |= bit
    for other in processes where other.member == member { transmit(from: process.place, payload, to: other) }
  }

  private func certificatePayload(_ process: Process) -> Int? {
    if process.certificatePayload >= 0 { return process.certificatePayload }
    guard let certificate = process.certificate,
      let verified = try? VerifiedCertificate(checking: certificate, in: context, by: keys)
    else { return nil }
    process.certificatePayload = add(
      .certificate(verified), process.member, Int(certificate.statement.position.rawValue - Self.firstPosition))
    return process.certificatePayload
  }

  /// Keeps what was sent, and returns its number.
  func add(_ input: Input, _ sender: Int, _ step: Int) -> Int {
    payloads.append(input)
    payloadSender.append(sender)
    payloadStep.append(step)
    return payloads.count - 1
  }

  private func line(_ process: Process, _ effect: Effect) -> String {
    func text(_ vote: Vote) -> String {
      let prepared = vote.statement.claim.round.map { " prepared in \($0)" } ?? ""
      return "\(vote.statement.kind) \(vote.statement.round) value \(value(of: vote.statement.digest))" + prepared
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
    let isProposal = if case .proposal = input { true } else { false }
    remember(process, vote, isProposal ? .proposal(Authenticated(own: received)) : .vote(Authenticated(own: received)))
    spread(process, payloads.count - 1)
    support(process, vote)
  }

  private func broadcastRoundChange(_ process: Process, _ vote: Vote) {
    guard let change = process.instance.roundChange else {
      return fail(.conflictingSignature, "no round change to send")
    }
    if let payload = known(process, vote) {
      recheck(process, vote)
      return spread(process, payload, isRoundChange: true)
    }
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
    remember(process, vote, .roundChange(verified))
    spread(process, payloads.count - 1, isRoundChange: true)
  }

  private func broadcastNewRound(_ process: Process, _ vote: Vote) {
    guard let newRound = process.instance.newRound else { return fail(.conflictingSignature, "no new round to send") }
    if let payload = known(process, vote) {
      recheck(process, vote)
      return spread(process, payload)
    }
    checkDurable(process, vote)
    let received = Self.passed(through: &scratch, { out in newRound.encode(into: &out) }) { reader in
      try? NewRound(decoding: &reader)
    }
    guard let received,
      let verified = try? VerifiedNewRound(checking: received, in: context, by: keys)
    else {
      if process.isHonest { fail(.unjustifiedNewRound, "does not verify") }
      return
    }
    remember(process, vote, .newRound(verified))
    spread(process, payloads.count - 1)
    support(process, vote)
  }

  private func remember(_ process: Process, _ vote: Vote, _ input: Input) {
    let payload = add(input, process.member, process.step)
    // Of each kind the last: one prepare, one commit and one round change are repeated.
    if process.lastPayload.count >= 8 { process.lastPayload.removeFirst() }
    process.lastPayload.append((vote.signature, payload))
  }

  private func checkDurable(_ process: Process, _ vote: Vote) {
    if process.isHonest, !process.durable.contains(where: { $0.signature == vote.signature }) {
      fail(.sentBeforeDurable, "\(vote.statement.kind) of member \(process.member)")
    }
  }

  /// Every new signature of an honest member meets every rule a reader of all bytes can check.
  private func check(_ process: Process, _ vote: Vote) {
    let value = value(of: vote.statement.digest)
    let step = process.step
    if process.isHonest {
      let round = vote.statement.round
      if let violation = ledgers[step].violation(of: vote, value: value, process.observed) {
        fail(violation, "\(vote.statement.kind) in round \(round) of member \(process.member)")
      }
      if vote.statement.kind == .prepare { checkPrepare(process, round, value) }
    }
    if ledgers[step].record(vote, value: value), process.isHonest {
      ledgers[step].noteHonest(vote)
      outcome.highestView = max(outcome.highestView, vote.statement.round.view.rawValue)
    }
  }

  /// Whoever prepares vouches for what it was shown.
  private func checkPrepare(_ process: Process, _ round: Round, _ value: Int) {
    let step = process.step
    if value <= 0 || process.held >> choice(of: value) & 1 == 0 { fail(.preparedUnheld, "member \(process.member)") }
    let primary = primary(of: round)
    if primary != process.member, ledgers[step].signers(.prepare, round, value) >> UInt64(primary) & 1 == 0 {
      fail(.preparedWithoutProposal, "member \(process.member) in round \(round)")
    }
    var isFree = true
    if round > ledgers[step].firstRound {
      guard let newRound = process.instance.newRound, newRound.prepare.statement.round == round,
        ledgers[step].isJustified(newRound, primary: primary, value: self.value(of:))
      else { return fail(.unjustifiedNewRound, "round \(round), followed by member \(process.member)") }
      isFree = newRound.prepared.signers == 0
      if schedule.hasTooManyLiars { justifications.append(newRound) }
    }
    if isFree, value > 0, period(of: value) != offset(round) {
      fail(.preparedOfAnotherPeriod, "value \(value) in round \(round) by member \(process.member)")
    }
  }

  private func recheck(_ process: Process, _ vote: Vote) {
    if process.isHonest, ledgers[process.step].isLeft(vote.statement.round, by: process.member, process.observed) {
      fail(.votedInRoundItLeft, "member \(process.member)")
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
    let normal = (isHealed && swarm.pace.isShort ? 4 : 1) + dice.below(3)
    guard !isHealed, swarm.maximumDelay > 3 else { return normal }
    let long = 1 + dice.below(swarm.maximumDelay)
    return long <= 3 || strikes() ? long : normal
  }

  func schedule(_ payload: Int, to receiver: Int, in ticks: Int) {
    calendar[(now + ticks) % Self.horizon].append(UInt64(receiver) << 32 | UInt64(payload))
  }
}
