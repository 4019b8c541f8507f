import HAL
import Metering
import Wire

/// A port that does what a ``BusScheduler`` decides. The scheduler outlives it: what it knows of the devices is still
/// true when the port was pulled and opened anew.
public struct ScheduledBus<P: Port & ~Copyable, C: Clock>: ~Copyable {
  private var port: P
  private let clock: C
  private var outgoing = ByteBuffer(capacity: ModbusRequest.maximumByteCount)
  private var incoming = ByteBuffer(capacity: ModbusExchange.capacity)

  /// Tells the scheduler that the port is new, unless it was kept since an earlier bus.
  public init(port: consuming P, clock: C, _ scheduler: inout BusScheduler, isKept: Bool = false) {
    self.port = port
    self.clock = clock
    if !isKept { scheduler.portWasOpened(clock.monotonic()) }
  }

  /// Asks and listens until something happened on the bus, at most until `end`.
  /// - Returns: nil when nothing did.
  /// - Throws: what broke the port; it has to be opened anew then.
  public mutating func run(
    _ scheduler: inout BusScheduler, _ probes: inout ProbeBudget, until end: MonotonicTime
  ) throws(DriverError) -> BusScheduler.Event? {
    while true {
      var action = BusScheduler.Action.wait(until: end)
      let now = clock.monotonic()
      outgoing.replace { output in action = scheduler.step(now, &probes, into: &output) }
      switch action {
      case .timedOut(let device):
        return .failed(device: device, scheduler.devices[device].lastError ?? .platform(PlatformError(.timedOut)))
      case .transmit:
        try send(dropsInput: scheduler.dropsInput, now)
        scheduler.wasSent(at: clock.monotonic())
      case .wait(let until):
        let limit = min(until, end)
        if !scheduler.isWaiting {
          port.wait(until: limit)
        } else if let event = try listen(&scheduler, limit) {
          if case .failed(_, let error) = event, error.isDisconnected { throw error }
          return event
        }
        if limit == end, clock.monotonic() >= end { return nil }
      }
    }
  }

  private mutating func send(dropsInput: Bool, _ now: MonotonicTime) throws(DriverError) {
    do throws(PlatformError) {
      // An answer that came after its deadline must not be taken for this request's.
      if dropsInput { try port.discardInput() }
      try Self.write(outgoing, to: &port, now.adding(milliseconds: BusScheduler.writeMilliseconds))
    } catch { throw .platform(error) }
  }

  private static func write(
    _ bytes: borrowing ByteBuffer, to port: inout P, _ deadline: MonotonicTime
  ) throws(PlatformError) {
    try port.write(bytes.span, deadline: deadline)
  }

  private mutating func listen(
    _ scheduler: inout BusScheduler, _ deadline: MonotonicTime
  ) throws(DriverError) -> BusScheduler.Event? {
    var failure: PlatformError?
    incoming.replace { output in
      do throws(PlatformError) { try port.read(into: &output, deadline: deadline) } catch { failure = error }
    }
    if let failure {
      if failure.kind == .timedOut { return nil }
      throw .platform(failure)
    }
    return scheduler.receive(incoming.span, at: clock.instantOfInput())
  }
}
