import Consensus
import Cryptography
import SimulatedPlatform
import Units
import Wire

/// One running copy of a member: its instance, its disk, and what the simulation knows of it. A twin is two of them.
final class Process {
  var instance: Instance
  let place: Int
  var member = 0
  var isHonest = true
  var isUp = true
  var restartAt = 0
  /// Down for good when a quorum is healed and the rest left as it is.
  var isLeft = false
  /// Bit v: value v is held and valid.
  var held = 0
  var proposal = 0
  var mustValidate = false
  var decidedValue = -1
  var certificate: QuorumCertificate?
  var entries: [[UInt8]] = []
  /// The own votes on the disk.
  var durable: [Vote] = []
  /// The payload of the last message of each kind, which is sent again as it is.
  var lastPayload: [(signature: Signature, payload: Int)] = []
  /// What each liar said here: (kind, signer, view, value), for ``Violation/equivocationUntold``.
  var heard: [(kind: UInt8, member: UInt8, view: UInt32, value: Int)] = []
  var answered = -100
  /// Persists and sends so far, over restarts.
  var doings = 0
  var askedAt = 0

  init(_ instance: consuming Instance, place: Int) {
    self.instance = instance
    self.place = place
  }
}

/// One instance of a group under one seed: the real core, a simulated network, disks and liars. Its memory is kept from
/// schedule to schedule.
public final class World {
  /// Longest delay of a message in ticks, and so the length of the calendar.
  static let horizon = 128
  static let valueCount = 6
  /// Nobody honest ever holds this value.
  static let invalidValue = 5
  static let foreign = -2

  let members: Int
  let context: GroupContext
  let keys: KeyRing
  let signer: SimulatedSigner
  let digests: [Digest]

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

  var pool: [Process] = []
  var processes: [Process] = []
  var honest: [Process] = []
  var actors: [Int] = []
  var liarMask: UInt64 = 0
  /// By process: whose messages do not reach it.
  var blocked: [UInt64] = []
  var side: UInt64 = 0
  var payloads: [Input] = []
  /// Bit i: the payload holds a signature of member i alone.
  var payloadSender: [Int] = []
  /// By due tick: receiver << 32 | payload.
  var calendar: [[UInt64]] = Array(repeating: [], count: World.horizon)
  var effects = Effects()
  var scratch = ByteBuffer(capacity: 16384)
  var ledger: Ledger
  var undecided = 0
  /// What honest members prepared in later views upon.
  var justifications: [NewRound] = []
  /// Where a scenario is enumerated and not drawn: what it lets happen.
  var fate: Fate?
  /// Who leads the first views, where that is enumerated.
  var leaders: [Int] = []
  /// Called with each thing that happens, for people to read.
  public var trace: ((String) -> Void)?

  public init(members: Int, usesEd25519: Bool = false) {
    self.members = members
    var network = Digest()
    network.storage[0] = 7
    context = GroupContext(
      networkIdentifier: network, epoch: Epoch(1), group: GroupIndex(0), members: UInt16(members), rotates: true)
    keys = KeyRing(members: members, usesEd25519: usesEd25519)
    signer = SimulatedSigner(keys: keys)
    digests = (0..<Self.valueCount).map { value in
      var digest = Digest()
      if value > 0 { for place in 0..<32 { digest.storage[place] = UInt8(truncatingIfNeeded: value &* 37 &+ place) } }
      return digest
    }
    schedule = Schedule(seed: 0, members: members, profile: .guided)
    var first = Dice(0)
    swarm = Swarm(schedule, &first)
    dice = first
    liarDice = first
    ledger = Ledger(members: members)
  }

  func value(of digest: Digest) -> Int {
    // The first byte tells them apart.
    let byte = digest.storage[0]
    for value in digests.indices where digests[value].storage[0] == byte {
      return digests[value] == digest ? value : -1
    }
    return -1
  }

  /// DESIGN §3, once more.
  func primary(of view: UInt32) -> Int {
    if Int(view) < leaders.count { return leaders[Int(view)] }
    return (swarm.owner + Int(swarm.period) + Int(view)) % members
  }

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

  private func process(_ place: Int, member: Int, timing: Timing) -> Process {
    // The timing is the instance's for life, so a pooled one fits only the same timing.
    if place < pool.count, pool[place].member == member, pool[place].instance.timing == timing {
      pool[place].instance.reset(owner: ReplicaIndex(UInt16(swarm.owner)), period: Period(swarm.period))
    } else {
      let made = Process(fresh(member, timing), place: place)
      if place < pool.count { pool[place] = made } else { pool.append(made) }
    }
    let process = pool[place]
    process.member = member
    process.isHonest = true
    process.isUp = true
    process.isLeft = false
    process.restartAt = 0
    process.mustValidate = false
    process.decidedValue = -1
    process.certificate = nil
    process.entries.removeAll(keepingCapacity: true)
    process.durable.removeAll(keepingCapacity: true)
    process.lastPayload.removeAll(keepingCapacity: true)
    process.heard.removeAll(keepingCapacity: true)
    process.answered = -100
    process.doings = 0
    process.askedAt = 0
    return process
  }

  private func fresh(_ member: Int, _ timing: Timing) -> Instance {
    Instance(
      context: context, replica: ReplicaIndex(UInt16(member)), owner: ReplicaIndex(UInt16(swarm.owner)),
      period: Period(swarm.period), timing: timing)
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
    payloads.removeAll(keepingCapacity: true)
    payloadSender.removeAll(keepingCapacity: true)
    for tick in calendar.indices where !calendar[tick].isEmpty { calendar[tick].removeAll(keepingCapacity: true) }
    ledger.removeAll()
    justifications.removeAll(keepingCapacity: true)
    liarMask = 0
    actors.removeAll(keepingCapacity: true)
    processes.removeAll(keepingCapacity: true)
    honest.removeAll(keepingCapacity: true)
    for liar in swarm.liars {
      liarMask |= 1 << UInt64(liar.member)
      if liar.kind == .actor { actors.append(liar.member) }
    }
    for member in 0..<members where liarMask >> UInt64(member) & 1 == 0 {
      let process = process(processes.count, member: member, timing: swarm.timing)
      process.held = 0b01_1111 & ~(dice.hits(300) ? swarm.unheld << 1 : 0)
      process.proposal = dice.hits(swarm.nullProposals) ? 0 : 1 + dice.below(3)
      processes.append(process)
      honest.append(process)
    }
    for liar in swarm.liars where liar.kind == .twin {
      for copy in 0..<2 {
        let process = process(processes.count, member: liar.member, timing: swarm.timing)
        process.isHonest = false
        process.held = 0b11_1111
        process.proposal = 1 + copy
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
    // After the last decision a little more: late votes, closing, certificates that must not change.
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
  func run(_ fate: Fate, _ swarm: Swarm, leaders: [Int], ticks: Int) -> Outcome {
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
  private func advance() {
    now += 1
    for process in processes where !process.isUp && now >= process.restartAt && !process.isLeft { restart(process) }
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
      drive(process, .tick)
      guard process.isUp, process.decidedValue < 0 else { continue }
      if let digest = process.instance.awaitsValidation, holds(process, digest) { drive(process, .validated(digest)) }
      guard process.isUp, process.decidedValue < 0 else { continue }
      if process.instance.awaitsProposal { propose(process) }
    }
    if !actors.isEmpty { actLiars() }
  }

  private func propose(_ process: Process) {
    // A host that asks for NULL asks at once; the instance makes it wait.
    let value = process.held >> process.proposal & 1 == 1 ? process.proposal : 0
    drive(process, .propose(digests[value]))
  }

  func holds(_ process: Process, _ digest: Digest) -> Bool {
    let value = value(of: digest)
    return value == 0 || value > 0 && process.held >> value & 1 == 1
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
    if swarm.unheld != 0, dice.hits(50) { processes[dice.below(processes.count)].held |= 0b01_1111 }
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

  func crash(_ process: Process, _ ticks: Int) {
    trace?("\(now) member \(process.member): crashes for \(ticks) ticks")
    process.isUp = false
    process.restartAt = now + ticks
  }

  private func restart(_ process: Process) {
    trace?("\(now) member \(process.member): restarts with \(process.entries.count) votes")
    process.isUp = true
    process.instance.reset(owner: ReplicaIndex(UInt16(swarm.owner)), period: Period(swarm.period))
    process.mustValidate = false
    process.heard.removeAll(keepingCapacity: true)
    // More records have come meanwhile: it would propose something else.
    if process.isHonest, process.proposal != 0 { process.proposal = 1 + dice.below(3) }
    // A decision is durable with its certificate before anybody hears of it; here it survives as it is.
    if process.decidedValue >= 0 {
      if let certificate = process.certificate,
        let verified = try? VerifiedCertificate(checking: certificate, in: context, by: keys)
      {
        effects.removeAll()
        outcome.steps += 1
        process.instance.step(.certificate(verified), signer: signer, into: &effects)
      }
      return
    }
    for entry in process.entries {
      var reader = WireReader(entry.span)
      do throws(WireError) {
        let vote = try Vote(decoding: &reader)
        try process.instance.restore(vote, proof: &reader)
      } catch { preconditionFailure("an entry of the simulated disk does not decode") }
    }
  }

  /// Heals a quorum, leaves the rest as it is, and waits for the decision it must reach. (liveness mode)
  private func heal() {
    isHealed = true
    healedAt = now
    var down = swarm.leftDown
    for process in honest where down > 0 && process.decidedValue < 0 && !process.isUp {
      process.isLeft = true
      undecided -= 1
      down -= 1
    }
    for place in processes.indices {
      blocked[place] = 0
      processes[place].held |= 0b01_1111
      if !processes[place].isUp && !processes[place].isLeft { restart(processes[place]) }
    }
    // Those left as they are stay cut off.
    for process in processes where process.isLeft {
      for place in blocked.indices { blocked[place] |= 1 << UInt64(process.place) }
    }
    let faults = (members - 1) / 3
    var startView: UInt32 = 0
    for process in honest where !process.isLeft { startView = max(startView, process.instance.view.rawValue) }
    // B(f) of the reference's G3, from the view that is reached at healing.
    var units = 3
    for ahead in 0...(faults + 1) { units += 1 << min(Int(startView) + ahead, 3) }
    // Short timers are shorter than a round trip: the first three views are too short for anything.
    if swarm.hasShortTimers { units += 2 + 8 * max(0, 3 - Int(startView)) }
    // What was under way before healing still arrives late.
    let bound = units * Int(swarm.timing.viewTicks) + (swarm.maximumDelay > 3 ? swarm.maximumDelay : 0)
    while outcome.violation == nil, undecided > 0 {
      advance()
      if now - healedAt > bound {
        fail(.stuck, "undecided \(bound) ticks after healing")
        break
      }
    }
    outcome.healedHundredths = 100 * (now - healedAt) / Int(swarm.timing.viewTicks)
    var last: UInt32 = 0
    for process in honest where !process.isLeft { last = max(last, process.instance.view.rawValue) }
    outcome.viewsAfterHealing = last > startView ? last - startView : 0
    if !swarm.hasShortTimers, Int(outcome.viewsAfterHealing) > faults + 4 { fail(.viewsRanAway) }
  }
}
