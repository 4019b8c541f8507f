import HAL
import Metering
import Wire

/// How often dead devices may be asked, over all buses together: their silence costs time that others need.
/// (`reference/hal.md` §7, Bus scheduler)
public struct ProbeBudget: Sendable {
  public static let minimumIntervalMilliseconds: UInt64 = 1_000
  private var nextAllowed = MonotonicTime(nanoseconds: 0)

  public init() {}
  func allows(_ now: MonotonicTime) -> Bool { now >= nextAllowed }
  var nextTime: MonotonicTime { nextAllowed }
  mutating func spend(_ now: MonotonicTime) { nextAllowed = now.adding(milliseconds: Self.minimumIntervalMilliseconds) }
}

/// What a scheduler knows of one device.
public struct ScheduledDevice: Sendable {
  public let unit: UInt8
  public let plan: ReadPlan
  public let gapMilliseconds: UInt64
  /// Two failures in a row, and it is only probed, at 2, 4, ... 300 s.
  public private(set) var isDead = false
  public private(set) var answers: UInt64 = 0
  public private(set) var timeouts: UInt64 = 0
  /// Answers that were no good ones: checksums, refusals, wrong lengths.
  public private(set) var errors: UInt64 = 0
  public private(set) var lastError: ModbusError?
  /// Of complete rounds of the fast class: end minus due time.
  public private(set) var worstLatenessMilliseconds: UInt64 = 0
  public private(set) var fastRounds: UInt64 = 0

  fileprivate var fast: Round
  fileprivate var slow: Round
  fileprivate var notBefore: MonotonicTime
  fileprivate var failures: UInt32 = 0
  fileprivate var probeAt: MonotonicTime
  fileprivate var backOffMilliseconds = BusScheduler.firstBackOffMilliseconds
  fileprivate var timeoutMilliseconds = BusScheduler.firstTimeoutMilliseconds

  fileprivate init(unit: UInt8, plan: ReadPlan, gapMilliseconds: UInt64, start: MonotonicTime) {
    self.unit = unit
    self.plan = plan
    self.gapMilliseconds = gapMilliseconds
    fast = Round(.fast, due: start, plan)
    slow = Round(.slow, due: start, plan)
    notBefore = start
    probeAt = start
  }

  fileprivate mutating func succeeded(latencyMilliseconds: UInt64) {
    answers &+= 1
    failures = 0
    isDead = false
    backOffMilliseconds = BusScheduler.firstBackOffMilliseconds
    // As Victron does: four times what was measured. Half of an old, longer time is kept, for devices that vary.
    let measured = 4 * latencyMilliseconds
    timeoutMilliseconds = min(
      BusScheduler.firstTimeoutMilliseconds,
      max(measured, BusScheduler.shortestTimeoutMilliseconds, timeoutMilliseconds / 2))
  }

  fileprivate mutating func failed(_ error: ModbusError?, _ now: MonotonicTime) {
    if let error {
      errors &+= 1
      lastError = error
    } else {
      timeouts &+= 1
      timeoutMilliseconds = BusScheduler.firstTimeoutMilliseconds
    }
    failures &+= 1
    if isDead { backOffMilliseconds = min(2 * backOffMilliseconds, BusScheduler.longestBackOffMilliseconds) }
    if failures >= BusScheduler.failuresUntilDead { isDead = true }
    probeAt = now.adding(milliseconds: backOffMilliseconds)
    // The rest of its registers would only cost the others' time.
    fast.abandon(now)
    slow.abandon(now)
  }

  fileprivate mutating func finished(_ update: UpdateClass, _ now: MonotonicTime) {
    if update != .fast {
      slow.finish(now)
      return
    }
    fastRounds &+= 1
    worstLatenessMilliseconds = max(worstLatenessMilliseconds, now.milliseconds(since: fast.due))
    fast.finish(now)
  }

  fileprivate mutating func advance(_ update: UpdateClass, _ now: MonotonicTime) {
    if update == .fast {
      if fast.advance(plan) { finished(.fast, now) }
    } else if slow.advance(plan) {
      finished(.slow, now)
    }
  }

  fileprivate mutating func refused(_ error: ModbusError) {
    errors &+= 1
    lastError = error
  }
}

/// Where a device stands in reading all its fast blocks, or all others.
private struct Round: Sendable {
  let update: UpdateClass
  let periodMilliseconds: UInt64
  let isEmpty: Bool
  var due: MonotonicTime
  /// The next block.
  var block: Int
  private let first: Int

  init(_ update: UpdateClass, due: MonotonicTime, _ plan: ReadPlan) {
    self.update = update
    self.due = due
    periodMilliseconds =
      update == .fast ? BusScheduler.fastPeriodMilliseconds : BusScheduler.slowPeriodMilliseconds
    let isFast = update == .fast
    first = plan.blocks.firstIndex { ($0.update == .fast) == isFast } ?? 0
    isEmpty = !plan.blocks.contains { ($0.update == .fast) == isFast }
    block = first
  }

  /// - Returns: true when that was the last one.
  mutating func advance(_ plan: ReadPlan) -> Bool {
    block += 1
    while block < plan.blocks.count, (plan.blocks[block].update == .fast) != (update == .fast) { block += 1 }
    return block >= plan.blocks.count
  }

  /// Rounds that were missed are not made up for: only the newest values count.
  mutating func finish(_ now: MonotonicTime) {
    block = first
    due = due.adding(milliseconds: periodMilliseconds)
    if due < now {
      let missed = now.milliseconds(since: due) / periodMilliseconds
      due = due.adding(milliseconds: missed * periodMilliseconds)
    }
  }

  mutating func abandon(_ now: MonotonicTime) {
    block = first
    while due <= now { due = due.adding(milliseconds: periodMilliseconds) }
  }
}

/// Decides what the one owner of a bus asks next, and takes the answers. Pure: time and bytes come in, requests go out.
///
/// Each device has its own deadlines, its own silence before requests, its own timeout and its own back-off, so that one
/// that is dead or slow costs the others nothing but the time its request takes, at most one timeout in a back-off.
/// Earliest deadline first; the deadline of a round is the end of its period.
public struct BusScheduler: ~Copyable {
  public static let fastPeriodMilliseconds: UInt64 = 1_000
  public static let slowPeriodMilliseconds: UInt64 = 10_000
  public static let firstTimeoutMilliseconds: UInt64 = 500
  public static let shortestTimeoutMilliseconds: UInt64 = 60
  public static let failuresUntilDead: UInt32 = 2
  public static let firstBackOffMilliseconds: UInt64 = 2_000
  public static let longestBackOffMilliseconds: UInt64 = 300_000
  /// A probe that found no room among the others for so long is made all the same.
  static let longestProbeDelayMilliseconds: UInt64 = 10_000
  public static let maximumDevices = 32

  public enum Action: Equatable, Sendable {
    /// Write what was appended to the output.
    case transmit
    /// Nothing to do until then, unless bytes arrive.
    case wait(until: MonotonicTime)
  }

  public enum Event: Equatable, Sendable {
    /// The block's answer is there; see ``visitSamples(_:)``.
    case answered(device: Int, block: Int)
    /// The device refused the block. It is alive.
    case refused(device: Int, block: Int, ModbusError)
    /// The device answered nonsense.
    case failed(device: Int, ModbusError)
  }

  private enum Phase {
    case idle
    case waiting(device: Int, block: Int, update: UpdateClass, sent: MonotonicTime, deadline: MonotonicTime)
  }

  private let transport: LinkSettings.Transport
  /// Nanoseconds of one byte on the line; 0 where that does not matter.
  private let byteNanoseconds: UInt64
  public private(set) var devices: [ScheduledDevice] = []
  private var exchange: ModbusExchange
  private var transaction: UInt16 = 0
  private var phase = Phase.idle
  private var stamp: Stamp
  private var lastAnswer: (device: Int, block: Int)?
  /// Of whatever frame was last on the bus.
  private var quietUntil: MonotonicTime
  private let silenceNanoseconds: UInt64

  /// - Parameter baud: of the line; 0 over TCP.
  /// - Throws: never; the placeholder request is well-formed.
  public init(
    transport: LinkSettings.Transport, baud: UInt32, bitsPerByte: UInt64 = 10, start: MonotonicTime
  ) throws(DriverError) {
    self.transport = transport
    byteNanoseconds = baud == 0 ? 0 : bitsPerByte * 1_000_000_000 / UInt64(baud)
    // 3.5 characters, and 1.750 ms above 19200 baud. (Modbus over Serial Line V1.02, §2.5.1.1)
    silenceNanoseconds = baud == 0 ? 0 : baud > 19_200 ? 1_750_000 : 11 * 7 * 1_000_000_000 / (2 * UInt64(baud))
    do {
      exchange = ModbusExchange(
        try ModbusRequest(unit: 1, function: .holdingRegisters, address: 0, count: 1), .rtu)
    } catch { throw .modbus(error) }
    stamp = Stamp(monotonic: start, wall: WallTime(nanoseconds: 0), state: .unsynchronised)
    quietUntil = start
  }

  /// - Precondition: fewer than ``maximumDevices`` so far; the plan has a block.
  @discardableResult
  public mutating func add(unit: UInt8, plan: ReadPlan, gapMilliseconds: UInt64, start: MonotonicTime) -> Int {
    precondition(devices.count < Self.maximumDevices && !plan.blocks.isEmpty)
    devices.append(ScheduledDevice(unit: unit, plan: plan, gapMilliseconds: gapMilliseconds, start: start))
    return devices.count - 1
  }

  /// Time passed. Ends what timed out, and says what is to be done.
  public mutating func step(
    _ now: MonotonicTime, _ probes: inout ProbeBudget, into output: inout OutputSpan<UInt8>
  ) -> Action {
    if case .waiting(let device, _, _, _, let deadline) = phase {
      if now < deadline { return .wait(until: deadline) }
      devices[device].failed(nil, now)
      endExchange(device, now)
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
    var bestDeadline = MonotonicTime(nanoseconds: .max)
    var nextFast = MonotonicTime(nanoseconds: .max)
    for index in devices.indices where !devices[index].isDead {
      for round in [devices[index].fast, devices[index].slow] where !round.isEmpty {
        let ready = max(round.due, devices[index].notBefore)
        if round.update == .fast { nextFast = min(nextFast, max(ready, now)) }
        guard ready <= now else {
          wake = min(wake, ready)
          continue
        }
        let deadline = round.due.adding(milliseconds: round.periodMilliseconds)
        if deadline < bestDeadline {
          bestDeadline = deadline
          best = (index, round.update)
        }
      }
    }
    if let best { return best }
    return probe(now, probes, nextFast, &wake)
  }

  /// A dead device whose time has come, where its silence will not make a living one late.
  private func probe(
    _ now: MonotonicTime, _ probes: ProbeBudget, _ nextFast: MonotonicTime, _ wake: inout MonotonicTime
  ) -> (device: Int, update: UpdateClass)? {
    for index in devices.indices where devices[index].isDead {
      let ready = max(devices[index].probeAt, max(devices[index].notBefore, probes.nextTime))
      guard ready <= now else {
        wake = min(wake, ready)
        continue
      }
      let hasRoom = now.adding(milliseconds: Self.firstTimeoutMilliseconds) <= nextFast
      let isOverdue = now.milliseconds(since: devices[index].probeAt) >= Self.longestProbeDelayMilliseconds
      if hasRoom || isOverdue { return (index, devices[index].fast.isEmpty ? .slow : .fast) }
    }
    return nil
  }

  private mutating func send(
    _ device: Int, _ update: UpdateClass, _ now: MonotonicTime, into output: inout OutputSpan<UInt8>
  ) {
    let block = update == .fast ? devices[device].fast.block : devices[device].slow.block
    let plan = devices[device].plan.blocks[block]
    guard
      let request = try? ModbusRequest(
        unit: devices[device].unit, function: devices[device].plan.function, address: plan.address, count: plan.count)
    else { preconditionFailure("a plan's blocks are requests") }
    transaction &+= 1
    exchange.start(request, transport == .rtu ? .rtu : .tcp(transaction: transaction))
    let framing = exchange.framing
    request.encode(framing, into: &output)
    let line = UInt64(request.byteCount(framing) + request.replyByteCount(framing)) * byteNanoseconds
    let deadline = MonotonicTime(
      nanoseconds: now.nanoseconds + line + devices[device].timeoutMilliseconds * 1_000_000)
    phase = .waiting(device: device, block: block, update: update, sent: now, deadline: deadline)
  }

  /// Bytes arrived. What arrives while nothing is asked is noise, or too late.
  /// - Returns: what became of the request; nil while it goes on.
  public mutating func receive(_ bytes: Span<UInt8>, at stamp: Stamp) -> Event? {
    let now = stamp.monotonic
    quietUntil = MonotonicTime(nanoseconds: max(quietUntil.nanoseconds, now.nanoseconds + silenceNanoseconds))
    guard case .waiting(let device, let block, let update, let sent, _) = phase else { return nil }
    exchange.append(bytes)
    do throws(ModbusError) {
      guard try exchange.isComplete() else { return nil }
    } catch {
      if case .exception(let code) = error, code != 5, code != 6 {
        devices[device].succeeded(latencyMilliseconds: latency(since: sent, now))
        devices[device].refused(error)
        devices[device].advance(update, now)
        endExchange(device, now)
        return .refused(device: device, block: block, error)
      }
      devices[device].failed(error, now)
      endExchange(device, now)
      return .failed(device: device, error)
    }
    self.stamp = stamp
    lastAnswer = (device, block)
    devices[device].succeeded(latencyMilliseconds: latency(since: sent, now))
    devices[device].advance(update, now)
    endExchange(device, now)
    return .answered(device: device, block: block)
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
    phase = .idle
    devices[device].notBefore = now.adding(milliseconds: devices[device].gapMilliseconds)
    quietUntil = MonotonicTime(nanoseconds: max(quietUntil.nanoseconds, now.nanoseconds + silenceNanoseconds))
  }

  /// The values of the answer that ``receive(_:at:)`` told of, before the next request is made.
  public func visitSamples(_ visit: (Sample) -> Void) {
    guard let lastAnswer, case .idle = phase else { return }
    let plan = devices[lastAnswer.device].plan
    let block = plan.blocks[lastAnswer.block]
    for index in block.points {
      let point = plan.points[index]
      let decoded = point.decode(order: plan.order) { register in exchange.register(Int(register - block.address)) }
      visit(Sample(quantity: point.quantity, phase: point.phase, decoded, stamp))
    }
  }
}
