import HAL
import Metering
import Units
import Wire

/// How often dead devices may be asked, over all buses together: their silence costs time that others need.
/// (docs/HARDWARE.md, Many devices)
public struct ProbeBudget: Sendable {
  public static let minimumIntervalMilliseconds: UInt64 = 1_000
  private var nextAllowed = MonotonicTime(nanoseconds: 0)

  /// A budget that allows a probe at once.
  public init() {}
  func allows(_ now: MonotonicTime) -> Bool { now >= nextAllowed }
  var nextTime: MonotonicTime { nextAllowed }
  mutating func spend(_ now: MonotonicTime) { nextAllowed = now.adding(milliseconds: Self.minimumIntervalMilliseconds) }
}

/// What a scheduler knows of one device.
public struct ScheduledDevice: Sendable {
  public let unit: UInt8
  public private(set) var plan: ReadPlan
  public let gapMilliseconds: UInt64
  /// Two failures in a row, and it is only probed, at 2, 4, ... 300 s.
  public private(set) var isDead = false
  public private(set) var answers: UInt64 = 0
  public private(set) var timeouts: UInt64 = 0
  /// Answers that were no good ones: checksums, refusals, wrong lengths, another device's registers.
  public private(set) var errors: UInt64 = 0
  public private(set) var lastError: DriverError?
  /// Of complete rounds of the fast class: end minus due time.
  public private(set) var worstLatenessMilliseconds: UInt64 = 0
  public private(set) var fastRounds: UInt64 = 0
  public private(set) var slowRounds: UInt64 = 0

  /// Nil for a device whose plan was given: it is taken for what it is said to be.
  private let map: DeviceMap?
  private let wanted: WantedDevice
  fileprivate let schedule: BusScheduler.Schedule
  fileprivate var isPowerRead = false
  fileprivate var identification: DeviceIdentification?
  /// Of the plan's blocks: the device refused its one point.
  fileprivate var refusedBlocks: [Bool] = []
  fileprivate var fast: Round
  fileprivate var slow: Round
  fileprivate var notBefore: MonotonicTime
  fileprivate var failures: UInt32 = 0
  /// From its last request to whatever ended that.
  fileprivate var lastExchangeMilliseconds: UInt64 = 0
  fileprivate var isSlow: Bool { lastExchangeMilliseconds > BusScheduler.fastPeriodMilliseconds }
  fileprivate var backOff: BackOff
  fileprivate var timeoutMilliseconds: UInt64
  fileprivate let longestTimeoutMilliseconds: UInt64
  /// How far a device that answers faster shortens it.
  private let shortestTimeoutMilliseconds: UInt64

  fileprivate init(
    unit: UInt8, map: DeviceMap?, wanted: WantedDevice, plan: ReadPlan, schedule: BusScheduler.Schedule,
    gapMilliseconds: UInt64, timing: BusScheduler.Timing, start: MonotonicTime
  ) {
    self.unit = unit
    self.map = map
    self.wanted = wanted
    self.plan = plan
    self.schedule = schedule
    self.gapMilliseconds = gapMilliseconds
    let due = schedule == .onDemand ? MonotonicTime.never : start
    fast = Round(.fast, due: due, isOnDemand: schedule == .onDemand)
    slow = Round(.slow, due: due, isOnDemand: schedule == .onDemand)
    notBefore = start
    backOff = BackOff(longestMilliseconds: timing.longestBackOffMilliseconds)
    let given = timing.givenTimeoutMilliseconds ?? map?.timeoutMilliseconds
    timeoutMilliseconds = given ?? timing.firstTimeoutMilliseconds
    longestTimeoutMilliseconds = timeoutMilliseconds
    // Whoever gives a time knows of answers that take so long now and then.
    shortestTimeoutMilliseconds = given ?? BusScheduler.shortestTimeoutMilliseconds
    identify()
  }

  var quirks: ModbusQuirks { map?.quirks ?? [] }
  public var isIdentified: Bool { identification == nil }
  /// Whether all blocks of both classes were read since the device was identified.
  public var isComplete: Bool {
    isIdentified && (fast.isEmpty || fast.isRead) && (slow.isEmpty || slow.isRead)
  }
  public var hasFastClass: Bool { !fast.isEmpty }
  /// Whether nothing is left to be asked of it; on demand only.
  public var isSettled: Bool { isIdentified && isUnasked }
  /// Whether there is something to ask of this class; a device is identified as if that were of the fast one.
  fileprivate func wants(_ isFast: Bool) -> Bool {
    isIdentified ? !(isFast ? fast.isEmpty : slow.isEmpty) : isFast
  }
  /// On demand, and nobody demanded anything.
  fileprivate var isUnasked: Bool { schedule == .onDemand && fast.due == .never && slow.due == .never }
  /// Of a dead device: when it is probed, if there is room.
  public var probeTime: MonotonicTime { backOff.end }

  /// Before anything else is believed: another device may be there now.
  fileprivate mutating func identify() {
    if let map {
      let identification = DeviceIdentification(map, wanted, walksWholeChain: false)
      if identification.next != nil {
        self.identification = identification
        return
      }
      plan = identification.plan
    }
    identified()
  }

  fileprivate mutating func identified() {
    if let identification { plan = identification.plan }
    if schedule == .onDemand {
      let isPowerRead = isPowerRead
      plan = plan.keeping { $0.phase == 0 && ($0.quantity.isCounter || isPowerRead && $0.quantity == .activePower) }
    }
    identification = nil
    refusedBlocks = Array(repeating: false, count: plan.blocks.count)
    fast.install(plan)
    slow.install(plan)
    guard schedule == .onDemand else { return }
    if fast.isEmpty { fast.due = .never }
    if slow.isEmpty { slow.due = .never }
  }

  fileprivate mutating func demand(_ now: MonotonicTime) {
    // Before it is identified nobody knows which class its counters are in.
    if !isIdentified || !fast.isEmpty { fast.demand(now) }
    if !isIdentified || !slow.isEmpty { slow.demand(now) }
  }

  /// What it is to be asked next of a class, and when.
  fileprivate func round(_ isFast: Bool) -> Round {
    var round = isFast ? fast : slow
    if !isIdentified { round.due = min(fast.due, slow.due) }
    return round
  }

  /// It answered as the device that it is said to be.
  fileprivate mutating func succeeded(latencyMilliseconds: UInt64) {
    answered(latencyMilliseconds: latencyMilliseconds)
    failures = 0
    backOff.succeed()
  }

  /// Somebody answered; who it is has yet to be seen.
  fileprivate mutating func answered(latencyMilliseconds: UInt64) {
    answers &+= 1
    isDead = false
    // As Victron does: four times what was measured. Half of an old, longer time is kept, for devices that vary.
    let measured = 4 * latencyMilliseconds
    timeoutMilliseconds = min(
      longestTimeoutMilliseconds, max(measured, shortestTimeoutMilliseconds, timeoutMilliseconds / 2))
  }

  fileprivate mutating func failed(_ error: DriverError, _ now: MonotonicTime) {
    lastError = error
    if error.isTimeout {
      timeouts &+= 1
      timeoutMilliseconds = longestTimeoutMilliseconds
    } else {
      errors &+= 1
    }
    failures &+= 1
    if failures >= BusScheduler.failuresUntilDead {
      isDead = true
      backOff.fail(now)
      identify()
    }
    // The rest of its registers would only cost the others' time.
    fast.abandon(now)
    slow.abandon(now)
  }

  fileprivate mutating func finished(_ update: UpdateClass, _ now: MonotonicTime) {
    if update != .fast {
      slowRounds &+= 1
      slow.finish(now)
      return
    }
    fastRounds &+= 1
    worstLatenessMilliseconds = max(worstLatenessMilliseconds, now.milliseconds(since: fast.due))
    fast.finish(now)
  }

  /// Goes on to the next block that the device has not refused.
  fileprivate mutating func advance(_ update: UpdateClass, _ now: MonotonicTime) {
    if update == .fast {
      if fast.advance(plan, refusedBlocks) { finished(.fast, now) }
    } else if slow.advance(plan, refusedBlocks) {
      finished(.slow, now)
    }
  }

  /// The device has none of a block's registers, or not all of them.
  /// - Returns: false when it has nothing at all.
  fileprivate mutating func refused(
    _ block: Int, _ update: UpdateClass, _ error: ModbusError, _ now: MonotonicTime
  ) -> Bool {
    errors &+= 1
    lastError = .modbus(error)
    guard error.isRefusalOfRegisters(quirks) else {
      advance(update, now)
      return true
    }
    let points = plan.blocks[block].points.count
    if points > 1 {
      plan.split(block)
      refusedBlocks.insert(contentsOf: Array(repeating: false, count: points - 1), at: block)
      fast.install(plan, movedBy: points - 1, behind: block)
      slow.install(plan, movedBy: points - 1, behind: block)
      return true
    }
    refusedBlocks[block] = true
    if refusedBlocks.allSatisfy({ $0 }) {
      for index in refusedBlocks.indices { refusedBlocks[index] = false }
      return false
    }
    advance(update, now)
    return true
  }
}

extension MonotonicTime {
  fileprivate static var never: Self { Self(nanoseconds: .max) }
}

/// Where a device stands in reading all its fast blocks, or all others.
private struct Round: Sendable {
  let update: UpdateClass
  let periodMilliseconds: UInt64
  let isOnDemand: Bool
  /// True until a plan is installed that has a block of this class.
  var isEmpty = true
  /// Since the plan was installed, all blocks were asked for once.
  var isRead = false
  var due: MonotonicTime
  /// The next block.
  var block = 0
  private var first = 0

  init(_ update: UpdateClass, due: MonotonicTime, isOnDemand: Bool) {
    self.update = update
    self.due = due
    self.isOnDemand = isOnDemand
    periodMilliseconds =
      update == .fast ? BusScheduler.fastPeriodMilliseconds : BusScheduler.slowPeriodMilliseconds
  }

  private func holds(_ block: ReadBlock) -> Bool { (block.update == .fast) == (update == .fast) }

  /// A new plan, from its beginning.
  mutating func install(_ plan: ReadPlan) {
    let found = plan.blocks.firstIndex(where: holds)
    isEmpty = found == nil
    first = found ?? 0
    block = first
    isRead = false
  }

  /// The same plan with more blocks in the place of one.
  mutating func install(_ plan: ReadPlan, movedBy count: Int, behind split: Int) {
    first = plan.blocks.firstIndex(where: holds) ?? 0
    if block > split { block += count }
  }

  /// - Returns: true when that was the last one.
  mutating func advance(_ plan: ReadPlan, _ refused: [Bool]) -> Bool {
    repeat { block += 1 } while block < plan.blocks.count && (!holds(plan.blocks[block]) || refused[block])
    return block >= plan.blocks.count
  }

  mutating func demand(_ now: MonotonicTime) { if due == .never { due = now } }

  /// Rounds that were missed are not made up for: only the newest values count.
  mutating func finish(_ now: MonotonicTime) {
    block = first
    isRead = true
    if isOnDemand { return due = .never }
    due = due.adding(milliseconds: periodMilliseconds)
    if due < now {
      let missed = now.milliseconds(since: due) / periodMilliseconds
      due = due.adding(milliseconds: missed * periodMilliseconds)
    }
  }

  /// What was demanded still is.
  mutating func abandon(_ now: MonotonicTime) {
    block = first
    if isOnDemand { return }
    while due <= now { due = due.adding(milliseconds: periodMilliseconds) }
  }
}

/// Decides what the one owner of a bus asks next, and takes the answers. Pure: time and bytes come in, requests go out.
///
/// Each device has its own deadlines, its own silence before requests, its own timeout and its own back-off, so that one
/// that is dead or slow costs the others nothing but the time its request takes, at most one timeout in a back-off.
/// Earliest deadline first; the deadline of a round is the end of its period. A device that takes more than a second for an answer goes
/// behind all others that want something, but gets a fifth of a line's time at least.
///
/// A device with a map is identified before it is read, and again once it was dead or the port was opened anew.
public struct BusScheduler: ~Copyable {
  public static let fastPeriodMilliseconds: UInt64 = 1_000
  public static let slowPeriodMilliseconds: UInt64 = 10_000
  /// A request of 64 bytes at 1200 baud takes 0.6 s.
  static let writeMilliseconds: UInt64 = 1_000
  public static let shortestTimeoutMilliseconds: UInt64 = 60
  public static let failuresUntilDead: UInt32 = 2
  /// A probe that found no room among the others for so long is made all the same.
  static let longestProbeDelayMilliseconds: UInt64 = 10_000
  public static let maximumDevices = 32
  /// A device that takes longer than a fast period for an answer waits for the others up to so many times what it took.
  static let shareOfSlowDevices: UInt64 = 4

  /// How fast a line is, and how long its devices may take.
  public struct Timing: Sendable {
    /// Bits a second of the line; 0 where they do not matter.
    public var baud: UInt32
    public var bitsPerByte: UInt64 = 10
    /// From the end of the request to the end of the answer, before the latency is known, and never more than this.
    public var firstTimeoutMilliseconds: UInt64 = 500
    /// What the owner gave instead, which goes before what a map says; nil where he gave nothing.
    public var givenTimeoutMilliseconds: UInt64?
    public var longestBackOffMilliseconds: UInt64 = 300_000

    /// Times for a line of so many bits a second, 0 where that does not matter. The rest is as said at each field.
    public init(baud: UInt32) { self.baud = baud }
  }

  /// What is read of a device, and when.
  public enum Schedule: Sendable {
    /// Everything: the fast class each second, the rest every ten.
    case periodic
    /// Only the total counters, and the total power where that is wanted, once after each ``demand(_:_:)``.
    case onDemand
  }

  /// What the caller has to do next with the port.
  public enum Action: Equatable, Sendable {
    /// Write what was appended to the output.
    case transmit
    /// Nothing to do until then, unless bytes arrive.
    case wait(until: MonotonicTime)
    /// This device has not answered in time; there may be more to do now.
    case timedOut(device: Int)
  }

  /// What an answer, or its absence, was.
  public enum Event: Equatable, Sendable {
    /// A step of finding out what the device is.
    case identifying(device: Int)
    /// The block's answer is there; see ``visitSamples(_:)``.
    case answered(device: Int, block: Int)
    /// The device refused the block. It is alive. Where it has no such register, ``visitSamples(_:)`` says so.
    case refused(device: Int, block: Int, ModbusError)
    /// The device said nothing or nonsense, or is another one.
    case failed(device: Int, DriverError)
  }

  private enum Phase {
    case idle
    /// Block nil: to identify the device.
    case waiting(device: Int, block: Int?, update: UpdateClass, sent: MonotonicTime, deadline: MonotonicTime)
  }

  public let transport: LinkSettings.Transport
  private let timing: Timing
  /// Nanoseconds of one byte on the line; 0 where that does not matter.
  private let byteNanoseconds: UInt64
  public private(set) var devices: [ScheduledDevice] = []
  private var exchange: ModbusExchange
  private var transaction: UInt16 = 0
  private var phase = Phase.idle
  private var instant: Instant
  /// What ``visitSamples(_:)`` tells of; refused ones have no value.
  private var lastAnswer: (device: Int, points: Range<Int>, address: UInt16, isRefused: Bool)?
  /// Of whatever frame was last on the bus.
  private var quietUntil: MonotonicTime
  private let silenceNanoseconds: UInt64

  /// A scheduler without devices, for one line. Nothing is asked before `start`.
  public init(transport: LinkSettings.Transport, timing: Timing, start: MonotonicTime) {
    self.transport = transport
    self.timing = timing
    let baud = UInt64(timing.baud)
    byteNanoseconds = baud == 0 ? 0 : timing.bitsPerByte * 1_000_000_000 / baud
    // 3.5 characters, and 1.750 ms above 19200 baud. (Modbus over Serial Line V1.02, §2.5.1.1)
    silenceNanoseconds = baud == 0 ? 0 : baud > 19_200 ? 1_750_000 : 11 * 7 * 1_000_000_000 / (2 * baud)
    exchange = Self.noExchange
    instant = Instant(monotonic: start, wall: WallTime(nanoseconds: 0), state: .unsynchronised)
    quietUntil = start
  }

  /// Before the first request.
  private static var noExchange: ModbusExchange {
    guard let request = try? ModbusRequest(unit: 1, function: .holdingRegisters, address: 0, count: 1) else {
      preconditionFailure("a well-formed request")
    }
    return ModbusExchange(request, .rtu)
  }

  /// A device that is taken for what it is said to be.
  /// - Precondition: fewer than ``maximumDevices`` so far; the plan has a block.
  @discardableResult
  public mutating func add(unit: UInt8, plan: ReadPlan, gapMilliseconds: UInt64, start: MonotonicTime) -> Int {
    precondition(!plan.blocks.isEmpty)
    return append(
      ScheduledDevice(
        unit: unit, map: nil, wanted: WantedDevice(), plan: plan, schedule: .periodic, gapMilliseconds: gapMilliseconds,
        timing: timing, start: start))
  }

  /// A device that is identified first.
  /// - Precondition: fewer than ``maximumDevices`` so far.
  @discardableResult
  public mutating func add(
    unit: UInt8, map: DeviceMap, wanted: WantedDevice = WantedDevice(), schedule: Schedule = .periodic,
    start: MonotonicTime
  ) -> Int {
    append(
      ScheduledDevice(
        unit: unit, map: map, wanted: wanted, plan: ReadPlan(map), schedule: schedule,
        gapMilliseconds: transport == .tcp ? 0 : map.gapMilliseconds, timing: timing, start: start))
  }

  private mutating func append(_ device: ScheduledDevice) -> Int {
    precondition(devices.count < Self.maximumDevices)
    devices.append(device)
    return devices.count - 1
  }

  /// Whether an answer is being waited for.
  public var isWaiting: Bool {
    if case .waiting = phase { return true }
    return false
  }

  /// Whether the total power is read with the counters of a device that is read on demand. A change identifies the device anew.
  public mutating func readPower(_ device: Int, _ isRead: Bool) {
    precondition(devices[device].schedule == .onDemand)
    guard devices[device].isPowerRead != isRead else { return }
    devices[device].isPowerRead = isRead
    devices[device].identify()
  }

  /// Before the device is asked the next time; what it refused is asked for again then.
  public mutating func identifyAgain(_ device: Int) { devices[device].identify() }

  /// Asks for the total counters of a device that is read on demand; no second time while the first goes on.
  public mutating func demand(_ device: Int, _ now: MonotonicTime) {
    precondition(devices[device].schedule == .onDemand)
    devices[device].demand(now)
  }

  /// The port was opened, perhaps anew: no answer is on its way, and whoever is there has to be identified.
  public mutating func portWasOpened(_ now: MonotonicTime) {
    if case .waiting(let device, _, _, _, _) = phase { endExchange(device, now) }
    quietUntil = now
    // Over TCP this begins with the next whole answer, not within one of the old connection.
    exchange = Self.noExchange
    for index in devices.indices { devices[index].identify() }
  }

  /// Time passed. Ends what timed out, and says what is to be done.
  public mutating func step(
    _ now: MonotonicTime, _ probes: inout ProbeBudget, into output: inout OutputSpan<UInt8>
  ) -> Action {
    if case .waiting(let device, _, _, _, let deadline) = phase {
      if now < deadline { return .wait(until: deadline) }
      devices[device].failed(.silence(exchange.ignored), now)
      endExchange(device, now)
      return .timedOut(device: device)
    }
    if now < quietUntil { return .wait(until: quietUntil) }
    var wake = now.adding(milliseconds: Self.fastPeriodMilliseconds)
    guard let choice = choose(now, probes, &wake) else { return .wait(until: wake) }
    if devices[choice.device].isDead { probes.spend(now) }
    send(choice.device, choice.update, now, into: &output)
    return .transmit
  }

  /// The device whose deadline is nearest among those that may be asked; `wake` becomes the first time it may change.
  private func choose(
    _ now: MonotonicTime, _ probes: ProbeBudget, _ wake: inout MonotonicTime
  ) -> (device: Int, update: UpdateClass)? {
    var best: (device: Int, update: UpdateClass)?
    var bestDeadline = MonotonicTime.never
    var nextFast = MonotonicTime.never
    /// Of what is due and has to keep a gap yet.
    var heldDeadline = MonotonicTime.never
    for index in devices.indices where !devices[index].isDead {
      var own: UpdateClass?
      var ownDeadline = MonotonicTime.never
      for isFast in [true, false] {
        guard devices[index].wants(isFast) else { continue }
        let round = devices[index].round(isFast)
        let ready = max(round.due, devices[index].notBefore)
        if isFast { nextFast = min(nextFast, max(ready, now)) }
        guard ready <= now else {
          wake = min(wake, ready)
          if round.due <= now {
            heldDeadline = min(heldDeadline, round.due.adding(milliseconds: round.periodMilliseconds))
          }
          continue
        }
        let deadline = round.due.adding(milliseconds: round.periodMilliseconds)
        if deadline < ownDeadline {
          ownDeadline = deadline
          own = round.update
        }
      }
      guard let own else { continue }
      // 1. A device takes seconds for each answer, so that its deadline is always the one that has passed longest.
      // 2. By that it would be asked again and again, and the others only in what it leaves.
      // 3. So it waits until the others have what they want, at most four times as long as it took.
      if devices[index].isSlow {
        let wait = Self.shareOfSlowDevices * devices[index].lastExchangeMilliseconds
        ownDeadline = max(ownDeadline, devices[index].notBefore.adding(milliseconds: wait))
      }
      if ownDeadline < bestDeadline {
        bestDeadline = ownDeadline
        best = (index, own)
      }
    }
    if let best {
      // The gap of another device is no reason to make it late by seconds.
      if devices[best.device].isSlow, heldDeadline < bestDeadline { return nil }
      return best
    }
    return probe(now, probes, nextFast, &wake)
  }

  /// A dead device whose time has come, where its silence will not make a living one late.
  private func probe(
    _ now: MonotonicTime, _ probes: ProbeBudget, _ nextFast: MonotonicTime, _ wake: inout MonotonicTime
  ) -> (device: Int, update: UpdateClass)? {
    for index in devices.indices where devices[index].isDead && !devices[index].isUnasked {
      let ready = max(devices[index].probeTime, max(devices[index].notBefore, probes.nextTime))
      guard ready <= now else {
        wake = min(wake, ready)
        continue
      }
      let hasRoom = now.adding(milliseconds: devices[index].longestTimeoutMilliseconds) <= nextFast
      let isOverdue = now.milliseconds(since: devices[index].probeTime) >= Self.longestProbeDelayMilliseconds
      if hasRoom || isOverdue { return (index, devices[index].wants(true) ? .fast : .slow) }
    }
    return nil
  }

  private mutating func send(
    _ device: Int, _ update: UpdateClass, _ now: MonotonicTime, into output: inout OutputSpan<UInt8>
  ) {
    let function: ModbusRequest.Function
    let address: UInt16
    let count: UInt16
    var block: Int?
    if let wanted = devices[device].identification?.next {
      (function, address, count) = (wanted.function, wanted.address, wanted.count)
    } else {
      let place = update == .fast ? devices[device].fast.block : devices[device].slow.block
      let planned = devices[device].plan.blocks[place]
      (function, address, count) = (planned.function, planned.address, planned.count)
      block = place
    }
    guard
      let request = try? ModbusRequest(unit: devices[device].unit, function: function, address: address, count: count)
    else { preconditionFailure("a plan's blocks are requests") }
    transaction &+= 1
    exchange.start(
      request, transport == .rtu ? .rtu : .tcp(transaction: transaction), devices[device].quirks)
    let framing = exchange.framing
    request.encode(framing, into: &output)
    let line = UInt64(request.byteCount(framing) + request.replyByteCount(framing)) * byteNanoseconds
    let deadline = MonotonicTime(
      nanoseconds: now.nanoseconds + line + devices[device].timeoutMilliseconds * 1_000_000)
    phase = .waiting(device: device, block: block, update: update, sent: now, deadline: deadline)
  }

  /// Whether what has arrived must be dropped before a request is written. Over TCP its number tells, as a rule.
  var dropsInput: Bool {
    guard case .waiting(let device, _, _, _, _) = phase else { return false }
    return transport == .rtu || devices[device].quirks.contains(.anyTransaction)
  }

  /// The request that ``step(_:_:into:)`` made is written. A port that had to be connected anew took its time for it.
  mutating func wasSent(at now: MonotonicTime) {
    guard case .waiting(let device, let block, let update, let sent, let deadline) = phase, now > sent else { return }
    let late = now.nanoseconds - sent.nanoseconds
    phase = .waiting(
      device: device, block: block, update: update, sent: now,
      deadline: MonotonicTime(nanoseconds: deadline.nanoseconds + late))
  }

  /// Bytes arrived. What arrives while nothing is asked is noise, or too late.
  /// - Returns: what became of the request; nil while it goes on.
  public mutating func receive(_ bytes: Span<UInt8>, at instant: Instant) -> Event? {
    let now = instant.monotonic
    quietUntil = MonotonicTime(nanoseconds: max(quietUntil.nanoseconds, now.nanoseconds + silenceNanoseconds))
    guard case .waiting(let device, let block, let update, let sent, _) = phase else { return nil }
    exchange.append(bytes)
    do throws(ModbusError) {
      guard try exchange.isComplete() else { return nil }
    } catch {
      endExchange(device, now)
      // Acknowledge, busy, and a gateway that finds nobody: the device gave no answer.
      guard case .exception(let code) = error, ![5, 6, 10, 11].contains(code) else {
        return fail(device, .modbus(error), now)
      }
      self.instant = instant
      return refused(device, block, update, error, latency(since: sent, now), now)
    }
    self.instant = instant
    endExchange(device, now)
    guard let block else { return identified(device, nil, latency(since: sent, now), now) }
    devices[device].succeeded(latencyMilliseconds: latency(since: sent, now))
    let planned = devices[device].plan.blocks[block]
    lastAnswer = (device, planned.points, planned.address, false)
    devices[device].advance(update, now)
    return .answered(device: device, block: block)
  }

  private mutating func fail(_ device: Int, _ error: DriverError, _ now: MonotonicTime) -> Event {
    devices[device].failed(error, now)
    return .failed(device: device, error)
  }

  /// The next step of finding out what the device is.
  private mutating func identified(
    _ device: Int, _ refusal: DriverError?, _ latency: UInt64, _ now: MonotonicTime
  ) -> Event {
    devices[device].answered(latencyMilliseconds: latency)
    guard var identification = devices[device].identification else { return .identifying(device: device) }
    do throws(DriverError) {
      if let refusal {
        try identification.refused(refusal)
      } else {
        try identification.received { index in exchange.register(index) }
      }
    } catch {
      devices[device].identify()
      return fail(device, error, now)
    }
    devices[device].identification = identification
    if identification.next == nil {
      devices[device].succeeded(latencyMilliseconds: latency)
      devices[device].identified()
    }
    return .identifying(device: device)
  }

  private mutating func refused(
    _ device: Int, _ block: Int?, _ update: UpdateClass, _ error: ModbusError, _ latency: UInt64, _ now: MonotonicTime
  ) -> Event {
    guard let block else { return identified(device, .modbus(error), latency, now) }
    let points = devices[device].plan.blocks[block].points
    guard devices[device].refused(block, update, error, now) else { return fail(device, .modbus(error), now) }
    // 1. A device refuses one of its two blocks, and is alive.
    // 2. It refuses the other one too: then it has nothing, which is a failure.
    // 3. Were the first refusal a success, this would be the first failure each time, and the device be asked without end.
    devices[device].answered(latencyMilliseconds: latency)
    if points.count == 1, error.isRefusalOfRegisters(devices[device].quirks) {
      lastAnswer = (device, points, 0, true)
    } else {
      lastAnswer = nil
    }
    return .refused(device: device, block: block, error)
  }

  /// Without the time that the bytes themselves take.
  private func latency(since sent: MonotonicTime, _ now: MonotonicTime) -> UInt64 {
    let framing = exchange.framing
    let request = exchange.request
    let line = UInt64(request.byteCount(framing) + request.replyByteCount(framing)) * byteNanoseconds / 1_000_000
    let total = now.milliseconds(since: sent)
    return total > line ? total - line : 0
  }

  private mutating func endExchange(_ device: Int, _ now: MonotonicTime) {
    if case .waiting(_, _, _, let sent, _) = phase {
      devices[device].lastExchangeMilliseconds = now.milliseconds(since: sent)
    }
    phase = .idle
    devices[device].notBefore = now.adding(milliseconds: devices[device].gapMilliseconds)
    quietUntil = MonotonicTime(nanoseconds: max(quietUntil.nanoseconds, now.nanoseconds + silenceNanoseconds))
  }

  /// The values of the answer that ``receive(_:at:)`` told of, before the next request is made.
  public func visitSamples(_ visit: (Sample) -> Void) {
    guard let lastAnswer, case .idle = phase else { return }
    let plan = devices[lastAnswer.device].plan
    for index in lastAnswer.points {
      let point = plan.points[index]
      let decoded =
        lastAnswer.isRefused
        ? DecodedValue(0, .notImplemented)
        : point.decode(order: plan.order) { register in exchange.register(Int(register - lastAnswer.address)) }
      visit(Sample(quantity: point.quantity, phase: point.phase, decoded, instant))
    }
  }
}
