import Wire

/// One device on a simulated bus, and what it does wrong.
public struct SimulatedSlave: Sendable {
  /// What kind of device stands on the line.
  public enum Device: Sendable {
    case house(EastronSlave, SimulatedHouse)
    case inverter(SunSpecSlave)
  }

  public var device: Device
  public let faults: FaultSchedule
  /// Between the end of a request and the start of its answer.
  public let latencyMilliseconds: Int64
  /// Answers that were due, faulty or not.
  public private(set) var answers: UInt64 = 0
  /// The counters of the answer that was given last; nil when it holds none.
  public private(set) var answeredCounters: AnsweredCounters?
  private var silentUntil: Int64 = 0
  private var isStuck = false

  /// A device that breaks as `faults` say, and begins to answer so long after the end of a request.
  public init(_ device: Device, faults: FaultSchedule = FaultSchedule(), latencyMilliseconds: Int64 = 20) {
    self.device = device
    self.faults = faults
    self.latencyMilliseconds = latencyMilliseconds
  }

  public var unit: UInt8 {
    switch device {
    case .house(let slave, _): slave.unit
    case .inverter(let slave): slave.unit
    }
  }

  /// The name of the map that reads it.
  public var map: String {
    switch device {
    case .house: "eastron-sdm630"
    case .inverter: "sunspec"
    }
  }

  /// Moves a house's own time, in seconds of house time. An inverter's follows the requests.
  public mutating func advance(to houseSeconds: Int64) {
    guard !isStuck, case .house(let slave, var house) = device else { return }
    house.advance(to: houseSeconds)
    device = .house(slave, house)
  }

  /// Answers one whole RTU request with a good checksum to this unit. Empty is silence.
  public mutating func answer(_ request: [UInt8], at milliseconds: Int64) -> [UInt8] {
    answeredCounters = nil
    if milliseconds < silentUntil { return [] }
    answers += 1
    let isFaulty = faults.strikes(answers)
    if isFaulty { prepare(faults.fault, milliseconds) }
    if isFaulty, faults.fault == .silence || milliseconds < silentUntil { return [] }
    if isFaulty, case .exception(let code) = faults.fault {
      return FarEnd.sealed([unit, request[1] | 0x80, code])
    }
    let reply = honest(request, milliseconds)
    return isFaulty ? spoiled(reply, request) : reply
  }

  private mutating func prepare(_ fault: SimulatedFault, _ milliseconds: Int64) {
    switch fault {
    case .stuck: isStuck = true
    case .reboot(let length):
      silentUntil = milliseconds + length
      if case .inverter(var slave) = device {
        slave.inverter.reboot()
        device = .inverter(slave)
      }
    case .reset, .wrap:
      let wattHours: Int64 = fault == .reset ? 0 : 4_294_967_295
      switch device {
      case .house(let slave, var house):
        house.setCounters(wattHours: fault == .reset ? 0 : 16_777_000_000)
        device = .house(slave, house)
      case .inverter(var slave):
        slave.inverter.setCounter(wattHours: wattHours)
        device = .inverter(slave)
      }
    default: break
    }
  }

  private mutating func honest(_ request: [UInt8], _ milliseconds: Int64) -> [UInt8] {
    switch device {
    case .house(let slave, let house):
      // Only 8 bytes are a request to this meter; it has no function that takes more.
      guard request.count == EastronSlave.requestByteCount else {
        return FarEnd.sealed([unit, request[1] | 0x80, 1])
      }
      var counters: AnsweredCounters?
      let reply = [UInt8](capacity: EastronSlave.maximumReplyBytes) { output in
        counters = slave.answer(request.span, house: house, into: &output)
      }
      answeredCounters = counters
      return reply
    case .inverter(var slave):
      let reply = slave.answer(request, at: milliseconds)
      device = .inverter(slave)
      return FarEnd.sealed(reply)
    }
  }

  private func spoiled(_ reply: [UInt8], _ request: [UInt8]) -> [UInt8] {
    switch faults.fault {
    case .badChecksum:
      var bytes = reply
      bytes[bytes.count / 2] ^= 0x04
      return bytes
    case .wrongUnit: return FarEnd.sealed([unit &+ 1] + reply[1..<(reply.count - 2)])
    case .truncated: return Array(reply.prefix(reply.count / 2))
    case .echo: return request + reply
    default: return reply
    }
  }
}
