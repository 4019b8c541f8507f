import HAL
import Metering
import Wire

/// How to talk on one line.
public struct LinkSettings: Sendable {
  /// How Modbus is framed on the line: with a checksum over a serial line, or with a head over TCP.
  public enum Transport: UInt8, Sendable {
    case rtu
    case tcp
  }
  public var transport = Transport.rtu
  /// Silence before each request.
  public var gapMilliseconds: UInt64 = 100
  /// From the end of the request to the end of the answer.
  public var timeoutMilliseconds: UInt64 = 500
  /// Silence of the port behind its opening, which a write may have to wait for where it opens a lost connection anew.
  public var connectDelayMilliseconds: UInt64 = 0
  public var quirks: ModbusQuirks = []
  /// Tries of one request before its error is thrown; >= 1.
  public var attempts: UInt8 = 3

  /// Settings with this framing and gap; everything else is as said at each field.
  public init(transport: Transport = .rtu, gapMilliseconds: UInt64 = 100) {
    self.transport = transport
    self.gapMilliseconds = gapMilliseconds
  }
}

/// A Modbus master over a port that it owns: one request at a time.
///
/// Each call takes at most attempts × (gap + timeout + time to write) and leaves the bus silent. After an error the
/// device may be asked again at once; after one that `isDisconnected` the port is dead.
public struct ModbusLink<P: Port & ~Copyable, C: Clock>: ~Copyable {
  private var port: P
  let clock: C
  public var settings: LinkSettings
  private var exchange: ModbusExchange
  private var outgoing = ByteBuffer(capacity: ModbusRequest.maximumByteCount)
  private var transaction: UInt16 = 0
  private var quietUntil: MonotonicTime
  /// Attempts that failed.
  public private(set) var failedAttempts: UInt64 = 0
  /// When the last answer was complete.
  public private(set) var instant: Instant

  /// - Throws: never for a settings value of this process; the placeholder request is well-formed.
  public init(port: consuming P, clock: C, settings: LinkSettings) throws(DriverError) {
    precondition(settings.attempts >= 1)
    self.port = port
    self.clock = clock
    self.settings = settings
    let request: ModbusRequest
    do { request = try ModbusRequest(unit: 1, function: .holdingRegisters, address: 0, count: 1) } catch {
      throw .modbus(error)
    }
    exchange = ModbusExchange(request, .rtu)
    quietUntil = clock.monotonic()
    instant = clock.instantOfInput()
  }

  /// Frames of other units and late answers that were dropped.
  public var foreignFrames: UInt64 { exchange.foreignFrames }

  /// The `index`-th register of the last answer.
  public func register(_ index: Int) -> UInt16 { exchange.register(index) }

  /// Waits without using the line.
  public mutating func wait(until time: MonotonicTime) { port.wait(until: time) }

  /// Reads registers, which lie behind ``register(_:)`` then.
  public mutating func read(
    unit: UInt8, _ function: ModbusRequest.Function, _ address: UInt16, count: UInt16
  ) throws(DriverError) {
    let request: ModbusRequest
    do { request = try ModbusRequest(unit: unit, function: function, address: address, count: count) } catch {
      throw .modbus(error)
    }
    try perform(request)
  }

  /// Writes holding registers.
  public mutating func write(
    unit: UInt8, _ function: ModbusRequest.Function = .writeRegisters, _ address: UInt16, _ values: Span<UInt16>
  ) throws(DriverError) {
    let request: ModbusRequest
    do { request = try ModbusRequest(unit: unit, function: function, address: address, writing: values) } catch {
      throw .modbus(error)
    }
    try perform(request)
  }

  /// Asks up to `attempts` times. A refusal other than "busy" and a lost port are final.
  private mutating func perform(_ request: ModbusRequest) throws(DriverError) {
    var attempt: UInt8 = 1
    while true {
      do {
        try once(request)
        return
      } catch {
        failedAttempts &+= 1
        if attempt >= settings.attempts || !error.isTransient { throw error }
      }
      attempt += 1
    }
  }

  private mutating func once(_ request: ModbusRequest) throws(DriverError) {
    port.wait(until: quietUntil)
    defer { quietUntil = clock.monotonic().adding(milliseconds: settings.gapMilliseconds) }
    transaction &+= 1
    exchange.start(
      request, settings.transport == .rtu ? .rtu : .tcp(transaction: transaction), settings.quirks)
    try send(request)
    let deadline = clock.monotonic().adding(milliseconds: settings.timeoutMilliseconds)
    while !(try isComplete()) { try receive(deadline) }
    instant = clock.instantOfInput()
  }

  private mutating func send(_ request: ModbusRequest) throws(DriverError) {
    let framing = exchange.framing
    outgoing.replace { output in request.encode(framing, into: &output) }
    let deadline = clock.monotonic().adding(
      milliseconds: settings.timeoutMilliseconds + settings.connectDelayMilliseconds)
    do {
      // An answer that came after its deadline must not be taken for this request's. Over TCP its number tells, as a rule.
      if framing == .rtu || settings.quirks.contains(.anyTransaction) { try port.discardInput() }
      try Self.send(outgoing, to: &port, deadline)
    } catch { throw .platform(error) }
  }

  private static func send(
    _ bytes: borrowing ByteBuffer, to port: inout P, _ deadline: MonotonicTime
  ) throws(PlatformError) {
    try port.write(bytes.span, deadline: deadline)
  }

  private mutating func isComplete() throws(DriverError) -> Bool {
    do { return try exchange.isComplete() } catch { throw .modbus(error) }
  }

  private mutating func receive(_ deadline: MonotonicTime) throws(DriverError) {
    if exchange.freeCapacity == 0 || clock.monotonic() >= deadline { throw .silence(exchange.ignored) }
    var failure: PlatformError?
    exchange.append { output in
      do throws(PlatformError) {
        try port.read(into: &output, deadline: deadline)
      } catch { failure = error }
    }
    guard let failure else { return }
    throw failure.kind == .timedOut ? .silence(exchange.ignored) : .platform(failure)
  }
}
