import Consensus
import Cryptography
import SimulatedPlatform
import Units
import Wire

/// One chain of a group under one seed: the real core, a simulated network, clocks, disks and liars. Its memory is kept from
/// schedule to schedule.
public final class World {
  /// Longest delay of a message in ticks, and so the length of the calendar.
  static let horizon = 128
  /// Values of each period: three that honest members propose, one that only liars propose, and one that nobody honest ever holds.
  static let choices = 5
  static let honestChoices = 3
  static let invalidChoice = 4
  static let foreign = -2
  static let owner = 1
  static let firstPosition: UInt64 = 1
  /// The last of which there are values, counted from the first round's.
  static let latestPeriod = 4000

  let members: Int
  let contexts: (rotating: GroupContext, fixed: GroupContext)
  var context: GroupContext { swarm.leaders == .rotating ? contexts.rotating : contexts.fixed }
  let keys: KeyRing
  let signer: SimulatedSigner
  /// By value; 0 is nothing, which is what a round change without a certificate names.
  var digests: [Digest] = []

  var schedule: Schedule
  var swarm: Swarm
  var dice: Dice
  /// Of the liars: their dice must not change when a fault is left out.
  var liarDice: Dice
  var now = 0
  var isHealed = false
  var healedAt = 0
  var outcome = Outcome()
  var faultNumber = 0

  var pool: [[Process?]] = []
  var processes: [Process] = []
  var honest: [Process] = []
  var actors: [Int] = []
  var liarMask: UInt64 = 0
  /// By process: whose messages do not reach it.
  var blocked: [UInt64] = []
  var side: UInt64 = 0
  var payloads: [Input] = []
  /// Who sent a payload, and about which position it is.
  var payloadSender: [Int] = []
  var payloadStep: [Int] = []
  /// By due tick: receiver << 32 | payload.
  var calendar: [[UInt64]] = Array(repeating: [], count: World.horizon)
  var effects = Effects()
  var scratch = ByteBuffer(capacity: 16384)
  /// By position.
  var ledgers: [SignedStatements] = []
  /// The position that a liar is busy with.
  var step = 0
  /// What was decided first in each position.
  var decisions: [Int] = []
  var periodTicks = 0
  /// When which period truly ended, the last before healing.
  var healedBoundary = 0
  var healedPeriod = 0
  /// No process restarts before this tick.
  var nextRestart = Int.max
  var undecided = 0
  /// What honest members prepared in later rounds upon.
  var justifications: [NewRound] = []
  /// Where a scenario is enumerated and not drawn: what it lets happen.
  var fate: Fate?
  /// Who leads some rounds, where that is enumerated.
  var leaders: [(round: Round, member: Int)] = []
  /// Called with each thing that happens, for people to read.
  public var trace: ((String) -> Void)?

  /// A chain of so many members. Its keys are the same in every world; what happens is said by the schedule of each
  /// run.
  public init(members: Int, usesEd25519: Bool = false) {
    self.members = members
    var network = Digest()
    network.storage[0] = 7
    func context(_ leaders: LeaderRule) -> GroupContext {
      GroupContext(
        networkIdentifier: network, epoch: Epoch(1), group: GroupIndex(0), members: UInt16(members), leaders: leaders)
    }
    contexts = (context(.rotating), context(.fixed))
    keys = KeyRing(members: members, usesEd25519: usesEd25519)
    signer = SimulatedSigner(keys: keys)
    schedule = Schedule(seed: 0, members: members, profile: .guided)
    var first = Dice(0)
    swarm = Swarm(schedule, &first)
    dice = first
    liarDice = first
    pool = Array(repeating: Array(repeating: nil, count: 2 * members), count: 2 * Pace.kinds)
    digests = [Digest()]
  }

  // MARK: Values

  func value(period: Int, choice: Int) -> Int { 1 + period * Self.choices + choice }
  /// Of a value, counted from the first round's.
  func period(of value: Int) -> Int { (value - 1) / Self.choices }
  func choice(of value: Int) -> Int { (value - 1) % Self.choices }

  func digest(_ value: Int) -> Digest {
    while digests.count <= value {
      var digest = Digest()
      let number = digests.count
      for place in 0..<32 { digest.storage[place] = UInt8(truncatingIfNeeded: number &* 37 &+ place) }
      digest.storage[0] = UInt8(truncatingIfNeeded: number)
      digest.storage[1] = UInt8(truncatingIfNeeded: number >> 8)
      digests.append(digest)
    }
    return digests[value]
  }

  /// -1 for what is none of them.
  func value(of digest: Digest) -> Int {
    let value = Int(digest.storage[0]) | Int(digest.storage[1]) << 8
    return value < digests.count && digests[value] == digest ? value : -1
  }

  /// The period of a round, counted from the schedule's first.
  func offset(_ round: Round) -> Int { Int(truncatingIfNeeded: round.period.rawValue &- swarm.period) }
  func round(_ offset: Int, _ view: UInt32) -> Round { Round(Period(swarm.period &+ UInt64(offset)), View(view)) }

  /// Consensus rule R17, once more.
  func primary(of round: Round) -> Int {
    for leader in leaders where leader.round == round { return leader.member }
    let rotation = swarm.leaders == .rotating ? Int(round.period.rawValue % UInt64(members)) : 0
    return (Self.owner + rotation + Int(round.view.rawValue)) % members
  }

  func position(_ step: Int) -> Position { Position(Self.firstPosition + UInt64(step)) }

  /// True when a fault may happen; every chance of one is numbered, so that shrinking can leave it out.
  func strikes() -> Bool {
    faultNumber += 1
    guard faultNumber <= schedule.faultLimit, !schedule.withoutFaults.contains(faultNumber) else { return false }
    outcome.faults += 1
    return true
  }

  func fail(_ violation: Violation, _ detail: @autoclosure () -> String = "") {
    if outcome.violation == nil {
      outcome.violation = violation
      outcome.detail = detail()
    }
  }

  // MARK: Preparing

  private func process(_ member: Int, copy: Int) -> Process {
    // Timing and leaders are the instance's for life, so a pooled one fits only the same.
    let kind = 2 * swarm.pace.kind + (swarm.leaders == .rotating ? 1 : 0)
    let slot = member + copy * members
    let first = round(0, 0)
    let process: Process
    if let pooled = pool[kind][slot], pooled.instance.timing == swarm.pace.timing {
      process = pooled
      process.instance.reset(position: position(0), firstRound: first)
    } else {
      process = Process(
        Instance(
          context: context, replica: ReplicaIndex(UInt16(member)), owner: ReplicaIndex(UInt16(Self.owner)),
          position: position(0), firstRound: first, timing: swarm.pace.timing), member: member)
      pool[kind][slot] = process
    }
    process.place = processes.count
    process.isHonest = true
    process.isUp = true
    process.isLeft = false
    process.restartAt = 0
    process.step = 0
    process.mustValidate = false
    process.decidedValue = -1
    process.certificate = nil
    process.certificatePayload = -1
    process.entries.removeAll(keepingCapacity: true)
    process.durable.removeAll(keepingCapacity: true)
    process.lastPayload.removeAll(keepingCapacity: true)
    process.heard.removeAll(keepingCapacity: true)
    process.answeredAt = -100
    process.doings = 0
    setClock(process)
    observe(process)
    return process
  }

  /// Starts to watch an instance that was just made, reset or restored.
  func observe(_ process: Process) {
    process.observed = SignedStatements.Observed()
    process.observedRound = process.instance.round
    process.observed.hasRecords = hasRecords(process, process.observedRound)
    process.enteredAt = now
    process.mayAwait = true
  }

  private func prepare(_ schedule: Schedule, _ given: Swarm? = nil) {
    precondition(schedule.members == members)
    self.schedule = schedule
    dice = Dice(schedule.seed &* 2 &+ 1)
    swarm = given ?? Swarm(schedule, &dice)
    liarDice = Dice(schedule.seed ^ 0x5DEE_CE66_D1CE_CAFE)
    now = 0
    isHealed = false
    outcome = Outcome()
    faultNumber = 0
    side = 0
    nextRestart = .max
    periodTicks = swarm.periodTicks
    payloads.removeAll(keepingCapacity: true)
    payloadSender.removeAll(keepingCapacity: true)
    payloadStep.removeAll(keepingCapacity: true)
    for tick in calendar.indices where !calendar[tick].isEmpty { calendar[tick].removeAll(keepingCapacity: true) }
    while ledgers.count < swarm.positions { ledgers.append(SignedStatements(members: members)) }
    ledgers[0].removeAll(firstRound: round(0, 0))
    decisions.removeAll(keepingCapacity: true)
    justifications.removeAll(keepingCapacity: true)
    liarMask = 0
    actors.removeAll(keepingCapacity: true)
    processes.removeAll(keepingCapacity: true)
    honest.removeAll(keepingCapacity: true)
    for liar in swarm.liars {
      liarMask |= 1 << UInt64(liar.member)
      if liar.kind == .actor { actors.append(liar.member) }
    }
    let all = 1 << Self.invalidChoice - 1
    for member in 0..<members where liarMask >> UInt64(member) & 1 == 0 {
      let process = process(member, copy: 0)
      process.held = all & ~(dice.hits(300) ? swarm.unheld : 0)
      process.choice = dice.below(Self.honestChoices)
      processes.append(process)
      honest.append(process)
    }
    for liar in swarm.liars where liar.kind == .twin {
      for copy in 0..<2 {
        let process = process(liar.member, copy: copy)
        process.isHonest = false
        process.held = 1 << Self.choices - 1
        process.choice = copy
        processes.append(process)
      }
    }
    blocked = Array(repeating: 0, count: processes.count)
    undecided = honest.count
  }

  // MARK: Running

  /// Runs one schedule to its end.
  public func run(_ schedule: Schedule) -> Outcome {
    prepare(schedule)
    var quietTicks = 0
    // After the last decision a little more: late votes, certificates that must not change.
    while outcome.violation == nil, now < swarm.chaosTicks, quietTicks < 12 {
      chaos()
      advance()
      if undecided == 0 { quietTicks += 1 }
    }
    // With too many liars nothing is promised but that they are known.
    if outcome.violation == nil, undecided > 0, !schedule.hasTooManyLiars { heal() }
    finish()
    return outcome
  }

  /// Runs one enumerated scenario: no dice but for the order of what is due.
  func run(_ fate: Fate, _ swarm: Swarm, leaders: [(round: Round, member: Int)], ticks: Int) -> Outcome {
    self.fate = fate
    self.leaders = leaders
    defer {
      self.fate = nil
      self.leaders = []
    }
    prepare(Schedule(seed: 0, members: members, profile: .liveness), swarm)
    for process in honest where fate.silent >> UInt64(process.place) & 1 == 1 {
      process.isUp = false
      process.isLeft = true
      undecided -= 1
    }
    while outcome.violation == nil, undecided > 0, now < ticks {
      if now == fate.healTick { self.fate!.sides = [] }
      advance()
    }
    if outcome.violation == nil, undecided > 0 { fail(.stuck, "undecided after \(ticks) ticks") }
    finish()
    return outcome
  }

  private func finish() {
    guard outcome.violation == nil else { return }
    for process in honest where process.isUp && process.decidedValue >= 0 {
      guard let old = process.certificate, let new = process.instance.certificate else { continue }
      if old.signers != new.signers || old.signatures != new.signatures { fail(.certificateChanged) }
    }
  }

  /// One tick: what is due arrives, everybody's time passes.
  func advance() {
    now += 1
    if now >= nextRestart { restartDue() }
    let bucket = now % Self.horizon
    if !calendar[bucket].isEmpty {
      var place = 0
      // Nothing is put into this bucket while it is read: delays are at least 1.
      while place < calendar[bucket].count {
        let item = calendar[bucket][place]
        deliver(Int(item & 0xFFFF_FFFF), to: processes[Int(item >> 32)])
        place += 1
      }
      calendar[bucket].removeAll(keepingCapacity: true)
    }
    for place in processes.indices where processes[place].isUp {
      let process = processes[place]
      if now >= process.nextEnd { endPeriods(process) }
      // Whoever decided waits for nothing.
      guard process.isUp, process.decidedValue < 0 else { continue }
      if isHealed { lookAfter(process) }
      tick(process)
      if process.mayAwait { serve(process) }
    }
    if !actors.isEmpty { actLiars() }
  }

  /// What its host owes a process: to say that a value is valid, or to propose one.
  private func serve(_ process: Process) {
    process.mayAwait = false
    guard process.isUp, process.decidedValue < 0 else { return }
    let awaited = process.instance.awaited
    var proposal = awaited.proposal
    if let digest = awaited.validation {
      process.mayAwait = true
      if isValid(process, digest) {
        drive(process, .validated(digest))
        guard process.isUp, process.decidedValue < 0 else { return }
        proposal = process.instance.awaitsProposal
      }
    }
    if proposal {
      process.mayAwait = true
      propose(process)
    }
  }

  private func propose(_ process: Process) {
    guard process.observed.hasRecords, process.held >> process.choice & 1 == 1 else { return }
    drive(process, .propose(digest(value(period: offset(process.instance.round), choice: process.choice))))
  }

  /// Whether a member finds a value right: it holds it, and in a free round its period is the round's. In a locked round q members
  /// found that right when it was free. (consensus rule R7)
  func isValid(_ process: Process, _ digest: Digest) -> Bool {
    let value = value(of: digest)
    guard value > 0, process.held >> choice(of: value) & 1 == 1 else { return false }
    return process.instance.isLocked || period(of: value) == offset(process.instance.round)
  }

  /// Faults of this tick.
  private func chaos() {
    if dice.hits(swarm.partition) {
      let pattern = dice.bits()
      let asymmetric = swarm.isAsymmetric && dice.below(2) == 0
      let heals = dice.below(4) == 0
      if strikes() { divide(pattern, asymmetric: asymmetric, heals: heals) }
    }
    if dice.hits(swarm.crash) {
      let process = processes[dice.below(processes.count)]
      let ticks = 1 + dice.below(swarm.restartTicks)
      if process.isUp, strikes() { crash(process, ticks) }
    }
    if swarm.unheld != 0, dice.hits(50) { processes[dice.below(processes.count)].held |= 1 << Self.invalidChoice - 1 }
    if now == swarm.outageTick, strikes() { passOutage() }
  }

  private func divide(_ pattern: UInt64, asymmetric: Bool, heals: Bool) {
    side = heals ? 0 : pattern
    for place in blocked.indices {
      let own = pattern >> UInt64(place) & 1
      if heals {
        blocked[place] = 0
      } else if asymmetric {
        // Those on side 1 hear nobody on side 0, who hear them.
        blocked[place] = own == 1 ? ~pattern : 0
      } else {
        blocked[place] = own == 1 ? ~pattern : pattern
      }
    }
  }
}
